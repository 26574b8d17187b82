"""What a person typed, resolved: into runs for what needs a checkpoint, into results for what compares them.

A result is a run, a folder that `suite eval` wrote, an ensemble that `suite fuse` made, a predictions file of another
codebase, or a published row:

RUN         what `suite.store.find` knows: an id, its beginning, a folder, GRID:CELL, GRID:PATTERN, ARCHIVE.tar.gz#RUN
FOLDER      with eval.json
ENSEMBLE    its id, the beginning of it, GRID:ID or its folder (`suite.collect.ensembles`)
FILE        predictions (.csv, .parquet), with a YAML of the same name beside it
published.… the id of a published row

Resolving reads no predictions and does not import torch; reading a result may.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.collect.ensembles import find_ensembles, read_ensemble
from suite.collect.predictions_file import from_file
from suite.evaluation.own_predictions import check_stored, read_own
from suite.evaluation.predictions import FORMATS
from suite.fairness.result import Result
from suite.fairness.run_factors import of_evaluation, read_run
from suite.fairness.tuned import counts
from suite.published.references import REFERENCES, published_rows
from suite.spec import BadInput, unknown
from suite.store.evaluations import result_of, tested_as
from suite.store.find import find_runs, grids_in, need_runs, run_at
from suite.store.folder import RunFolder, intact
from suite.store.run_names import listed

PUBLISHED = "published."  # begins the ids of published rows


@dataclass(frozen=True)
class Other:
    """A result that is no run of ours: a test by `suite eval`, an ensemble, a predictions file, or a published row."""

    kind: str  # "test", "ensemble", "predictions file", "published row"
    text: str  # path or id

    def read(self, keep_logits: bool = False) -> Result:
        """The result, with logits (N, K) where asked for and known.  Raises BadInput where it is not there, or
        damaged."""
        if self.kind == "published row":
            return from_record(self.text)
        readers = {"predictions file": from_file, "ensemble": read_ensemble, "test": from_evaluation}
        return readers[self.kind](Path(self.text), keep_logits)

    def run(self) -> RunFolder | None:
        """The run that was tested; None where it is none of ours, or not here."""
        if self.kind != "test":
            return None
        folder = Path(self.text).resolve()
        return run_at(str(folder.parents[1])) if folder.parent.name == "eval" else None


def resolve(text: str, results: Path) -> list[RunFolder | Other]:
    """What `text` names, at least one; several for a cell or a pattern alone.

    Raises BadInput with the nearest names where it names nothing, and with the runs that fit where it is to name one.
    """
    if text.startswith(PUBLISHED):
        return [Other("published row", text)]
    folder = os.path.dirname(text) if os.path.basename(text) in ("eval.json", "predictions.parquet") else text
    if os.path.isfile(os.path.join(folder, "eval.json")):
        return [Other("test", folder)]
    if ensembles := find_ensembles(text, results):
        return [Other("ensemble", str(one)) for one in ensembles]
    if text.endswith(FORMATS) and "#" not in text and not run_at(text):
        return [Other("predictions file", text)]
    if found := find_runs(text, results):
        return list(found)
    if os.path.exists(text) or ("/" in text and not set(":#") & set(text)):
        raise BadInput(
            f"{text} is not a run folder, a folder that suite eval or suite fuse wrote, or a predictions file (.csv, "
            ".parquet)."
        )
    return list(need_runs(text, results))


def resolve_runs(text: str, results: Path) -> list[RunFolder]:
    """The runs that `text` names, at least one; a test of a run names that run.  Raises BadInput as `resolve`, and for
    a result that has no run here."""
    found = []
    for one in resolve(text, results):
        run = one if isinstance(one, RunFolder) else one.run()
        if run is None:
            kind = f"{'an' if one.kind == 'ensemble' else 'a'} {one.kind}"
            raise BadInput(f"{text} is {kind}, not a run of this suite; it has no checkpoint to test.")
        found.append(run)
    return found


def resolve_run(text: str, results: Path) -> RunFolder:
    """The only run that `text` names.  Raises BadInput as `resolve_runs`, and where it names several."""
    found = resolve_runs(text, results)
    if len(found) > 1:
        raise BadInput(f"'{text}' matches {len(found)} runs ({listed(run.id for run in found)}); specify one of them.")
    return found[0]


def resolve_unless_grid(text: str, results: Path) -> list[RunFolder] | None:
    """`resolve_runs`; None where `text` has the form of a grid's name: a word, or a YAML file."""
    is_path = run_at(text) or os.path.isfile(os.path.join(text, "eval.json"))
    if text.endswith((".yaml", ".yml")) or text in grids_in(results) or not (is_path or set(":#.*?") & set(text)):
        return None
    return resolve_runs(text, results)


def resolve_grid(text: str) -> tuple[str, str]:
    """A grid, and the models of it that are meant, "" for all: GRID, the folder of its results, or GRID:MODELS."""
    grid, colon, models = text.partition(":")
    if text.endswith((".yaml", ".yml")) or not colon:
        return (Path(text).resolve().name if os.path.isdir(os.path.join(text, "runs")) else text), ""
    if not models or "/f" in models:
        raise BadInput(
            f"'{text}' is not part of a grid; write GRID or GRID:MODELS, e.g. demo:tam-resnet18 or 'demo:t*'."
        )
    return grid, models


def read_results(text: str, results: Path, say: Callable[[str], None] = lambda line: None) -> tuple[Result, ...]:
    """The results that `text` names, those of several names with commas between.  Raises BadInput as `resolve`, and
    where one of them is not finished.

    Of a cell or pattern the finished runs are taken; say: is told how many others there are.  Of a cell that was tuned
    the run that tables show is taken.
    """
    parts = [text] if os.path.exists(text) else re.split(r",(?![a-z_]+=)", text)  # options of a model have commas too
    if not all(part.strip() for part in parts):
        raise BadInput(f"'{text}' has an empty name between its commas; write ID,ID,ID.")
    found: list[Result] = []
    for part in parts:
        named = resolve(part.strip(), results)
        done = [one for one in named if isinstance(one, Other) or one.result_file.exists()] or named[:1]
        if len(chosen := _chosen(done)) < len(done):
            named = done = chosen
        if len(done) < len(named):
            say(f"note: {len(named) - len(done)} of {len(named)} runs of {part.strip()} are not finished.")
        found += [from_run(one) if isinstance(one, RunFolder) else one.read() for one in done]
    return tuple(found)


def _chosen(named: list[RunFolder | Other]) -> list[RunFolder | Other]:
    """Without the runs of a tuned cell that were not chosen on the dev split, as tables have it; all where none is."""
    if len(named) < 2:
        return named
    kept = []
    for one in named:
        spec = one.spec() if isinstance(one, RunFolder) else None
        if spec is None or counts(spec, one.path.parent):
            kept.append(one)
    return kept or named


def read_result(text: str, results: Path) -> Result:
    """The only result that `text` names.  Raises BadInput as `read_results`, and where it names several."""
    found = read_results(text, results)
    if len(found) > 1:
        raise BadInput(f"'{text}' matches {len(found)} results; specify one of them.")
    return found[0]


def from_run(folder: Any, keep_logits: bool = False) -> Result:
    """A finished run, with logits (N, K) where asked for."""
    spec = folder.spec()
    result = result_of(folder, spec)
    if result is None:
        raise BadInput(f"The run {folder.id} is not finished; there is nothing to compare yet.")
    outcome = read_own(folder.predictions, result.get("class_names"), keep_logits)
    if outcome.labels is None:
        raise BadInput(f"The predictions of {folder.id} have no labels, so its accuracy cannot be checked.")
    check_stored(result, outcome, folder.id)
    return Result(folder.id, result["top1"], result["n"], read_run(spec, folder), outcome)


def from_evaluation(folder: Path, keep_logits: bool = False) -> Result:
    """What `suite eval` wrote of a checkpoint: how it was trained is known only as far as eval.json says."""
    try:
        found = json.loads((folder / "eval.json").read_text())
    except (OSError, ValueError, RecursionError):
        found = None
    test = tested_as(found)
    if test is None:
        raise BadInput(f"{folder / 'eval.json'} is damaged; test again into an empty folder.")
    # in the folder of a run, a test has the folder of its id
    if not intact(found) or (folder.resolve().parent.name == "eval" and found.get("run") and folder.name != test):
        raise BadInput(f"{folder / 'eval.json'} was changed after it was written; restore it, or test again.")
    if "top1" not in found:
        raise BadInput(f"{folder} was tested on a split without labels; there is nothing to compare.")
    outcome = read_own(folder / "predictions.parquet", found.get("class_names"), keep_logits)
    check_stored(found, outcome, str(folder))
    return Result(str(folder), found["top1"], found["n"], of_evaluation(found, folder), outcome)


def from_record(text: str) -> Result:
    """A published row by its id."""
    for source in REFERENCES:
        rows = published_rows(source)
        match = rows[rows["id"] == text]
        if len(match):
            row = match.iloc[0].to_dict()
            return Result(text, row["top1"], row["n"], row["factors"], row=row)
    ids = [i for source in REFERENCES for i in published_rows(source)["id"]]
    raise unknown("published row", text, ids)
