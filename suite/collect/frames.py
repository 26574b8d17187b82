"""Accuracy by the number of frames in training and in testing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.spec import BadInput, parse_model, without_setting
from suite.statistics.run_table import MODULE_ORDER, rank
from suite.store.evaluations import result_of
from suite.store.folder import RunFolder
from suite.store.identity import EvaluationSpec, RunSpec

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["dataset", "model", "train_frames", "test_frames", "top1", "n", "control", "epochs_seen", "seed", "id"]


def frames_by_frames(folders: Iterable[RunFolder | Path | str | tuple[RunFolder, RunSpec, str, str]]) -> pd.DataFrame:
    """One row per finished run and frame count it was tested at; runs that are not finished are passed over.

    folders: run folders, each alone, or with the spec by which it is tested now and the id and the name that it has in
    tables.  A run's own frame count has its result; the others come from the tests in its eval/ that differ from that
    one in the frames alone.  top1 in percent of n videos; control: "epoch_matched" for control runs, which have the
    frames of the run they start from and are told apart by `epochs_seen` along their chain.
    Raises BadInput for a damaged test, one of another run or of other videos, and for two runs that differ in nothing
    but what of their protocol is no column.
    """
    import pandas as pd

    found = []
    for folder in folders:
        if not isinstance(folder, tuple):
            run = folder if isinstance(folder, RunFolder) else RunFolder(Path(folder))
            folder = (run, run.spec(), run.id, run.spec().model)
        found += _of_run(*folder)
    found.sort(key=_sort_key)
    table = pd.DataFrame(found, columns=COLUMNS)
    twice = table[table.duplicated([c for c in COLUMNS if c not in ("top1", "n", "id")])]
    if len(twice):
        row = twice.iloc[0]
        raise BadInput(
            f"Two finished runs of {row['model']} on {row['dataset']} have the same frames ({row['train_frames']}) and "
            "seed: give the runs of one protocol at a time."
        )
    return table


def _of_run(folder: RunFolder, spec: RunSpec, run_id: str, model: str) -> list[dict[str, Any]]:
    result = result_of(folder, spec)
    if result is None:
        return []
    own = spec.evaluation()
    tests = {spec.frames: (result["top1"], result["n"])}
    for file in sorted(folder.path.glob("eval/*/eval.json")):
        try:
            test = json.loads(file.read_text())
            run, frames = test["run"], test["test_frames"]
            # a run of manifest scheme 1 recorded the hash of the list alone
            videos = (test["manifest_sha256"], test.get("manifest_parts", {}).get("list"))
            made, accuracy = EvaluationSpec.from_facts(test), (test.get("top1"), test["n"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadInput(f"{file} is damaged; remove its folder and test the run again.") from None
        if made.id != replace(own, frames=frames).id:
            continue  # other views, another split or other data: no test of frames alone
        if run != folder.id or result["manifests"]["val"] not in videos:
            raise BadInput(
                f"{file} belongs to another run or to other videos than those of {folder.id}; remove its folder."
            )
        tests.setdefault(frames, accuracy)
    about = {"dataset": spec.dataset, "model": model, "train_frames": spec.frames, "control": spec.control}
    about |= {"epochs_seen": result["epochs_seen"], "seed": spec.seed, "id": run_id}
    return [about | {"test_frames": frames, "top1": top1, "n": n} for frames, (top1, n) in tests.items()]


def _sort_key(row: dict[str, Any]) -> tuple:
    name = parse_model(without_setting(row["model"])[0])
    model = (row["dataset"], name.backbone, rank(MODULE_ORDER, name.module), row["model"])
    return model, [row[key] for key in ("train_frames", "control", "epochs_seen", "seed", "test_frames", "id")]
