"""Finished runs tested again: do the checkpoints give the predictions, and the predictions the accuracies?"""

from __future__ import annotations

import hashlib
import math
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.spec import BadInput
from suite.store.evaluations import StoredTest, stored_test
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun

if TYPE_CHECKING:
    import numpy as np

    from suite.data.datasets import Dataset
    from suite.store.identity import EvaluationSpec

AGREEMENT = 0.99  # share of videos with the same predicted class, below which a run is not confirmed
SAME = "the same CPU, packages, threads and test code"
BITS, CLASSES = "bit-identical", f"same classes for {AGREEMENT:.0%} of videos".replace("%", " %")


@dataclass(frozen=True)
class LoadedPredictions:
    """A predictions file: ids (N,), labels (N,), logits (N, K)."""

    ids: list[str]
    labels: np.ndarray
    logits: np.ndarray


def verify(plan: Plan, sample: str, data: Path, **options: Any) -> dict[str, Any]:
    """`verify_runs` of the runs of a plan, with its options."""
    return verify_runs(plan.runs, plan.grid.name, sample, data, **options)


def verify_runs(
    runs: Sequence[PlannedRun],
    name: str,
    sample: str,
    data: Path,
    *,
    device: str | None = None,
    workers: int = 0,
    seed: int = 0,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Tests a sample of the finished `runs` again, as their protocol says, and compares video by video.

    A run has a problem when its stored accuracies do not follow from its predictions, when ids or labels are not
    those of the data, when its checkpoint cannot be tested, when fewer than AGREEMENT of the videos get the same
    predicted class, or when bits differ on a CPU of the same name with the same packages, threads and test code.
    Each run says by its `standard` which of the last two was applied, and `why`.
    name: of all runs together.  sample: a share of the finished runs (`5%`, at least one) or a number (`3`); which
    ones depends on `seed` and the ids alone.
    Raises BadInput for an invalid sample, for missing data, and where no run is finished.
    """
    from suite.data.datasets import open_dataset
    from suite.device import usable_device

    done = [run for run in runs if run.state() == "done"]
    chosen = draw(done, sample, seed)
    device = usable_device(device)
    datasets = {name: open_dataset(name, data) for name in dict.fromkeys(run.spec.dataset for run in chosen)}
    found = []
    for number, run in enumerate(chosen, 1):
        log(f"[{number}/{len(chosen)}] {run.id}")
        found.append(_verify(run, datasets[run.spec.dataset], data, device, workers))
    return {
        "grid": name,
        "sample": sample,
        "seed": seed,
        "device": device,
        "agreement_needed": AGREEMENT,
        "finished": len(done),
        "checked": len(found),
        "ok": not any(run["problems"] for run in found),
        "runs": found,
    }


def draw(runs: Sequence[PlannedRun], sample: str, seed: int) -> list[PlannedRun]:
    """The runs that `sample` and `seed` choose, in their order."""
    match = re.fullmatch(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<percent>%?)", sample.strip())
    number = float(match["number"]) if match else 0.0
    share = bool(match and match["percent"])
    if not match or number <= 0 or (share and number > 100) or (not share and number != int(number)):
        raise BadInput(f"--sample expects a percentage such as 5% or a number of runs such as 3, not '{sample}'.")
    if not runs:
        raise BadInput("None of these runs is finished, so there is nothing to verify.")
    count = max(1, math.ceil(len(runs) * number / 100 - 1e-9)) if share else int(number)

    def sort_key(run: PlannedRun) -> str:
        return hashlib.sha256(f"{seed} {run.id}".encode()).hexdigest()

    drawn = {run.id for run in sorted(runs, key=sort_key)[:count]}
    return [run for run in runs if run.id in drawn]


def _verify(run: PlannedRun, dataset: Dataset, root: Path, device: str, workers: int) -> dict[str, Any]:
    planned = run.spec.evaluations()
    result, files, problems, relaxed = run.result() or {}, [], [], []
    machine = {"root": root, "device": device, "workers": workers}
    for evaluation in planned:
        stored = stored_test(run.folder, evaluation)
        if stored is None:
            problems.append(f"The test {evaluation.id} is missing.")
            continue
        name = stored.predictions.name if stored.facts is None else f"eval/{evaluation.id}/{stored.predictions.name}"
        try:
            before = _load_predictions(stored.predictions, len(dataset.classes))
            problems += _against_data(before, dataset, name)
            problems += _against_result(before, stored.accuracies, dataset, name)
            with tempfile.TemporaryDirectory() as place:
                again, differ = _test_again(run, evaluation, stored, Path(place), machine, len(dataset.classes))
            files.append({"file": name, **_agreement(before, again)})
            relaxed = list(dict.fromkeys([*relaxed, *differ]))
        except BadInput as error:
            problems.append(str(error))
        except KeyError as error:  # a result.json that was edited
            problems.append(f"result.json lacks {error}.")
    for file in files:
        if file["agreement"] < AGREEMENT:
            problems.append(f"{file['file']}: only {file['agreement']:.1%} of the videos get the same predicted class.")
        elif not relaxed and not file["identical"]:
            problems.append(
                f"{file['file']}: logits differ by up to {file['max_difference']:.2g}, on {SAME}, where bits must be "
                "the same."
            )
    return {
        "id": run.id,
        "identical": bool(files) and len(files) == len(planned) and all(file["identical"] for file in files),
        "agreement": min((file["agreement"] for file in files), default=None),
        "max_difference": max((file["max_difference"] for file in files), default=None),
        "n": result.get("n"),
        "same_machine": bool(files) and not relaxed,
        "standard": (CLASSES if relaxed else BITS) if files else None,
        "why": ("; ".join(relaxed) or SAME) if files else None,
        "files": files,
        "problems": problems,
    }


def _test_again(
    run: PlannedRun,
    evaluation: EvaluationSpec,
    stored: StoredTest,
    place: Path,
    machine: dict[str, Any],
    classes: int,
) -> tuple[LoadedPredictions, list[str]]:
    """What the run's checkpoint predicts now, and why bits may differ from what they were; [] where they must not."""
    from suite.evaluation.retest import test_by

    batch = (stored.facts or {}).get("batch", run.folder.spec().protocol.evaluation.batch)
    test = test_by(run.folder, evaluation, place, batch, **machine)
    return _load_predictions(place / "predictions.parquet", classes), _why_bits_may_differ(run, stored, test)


def _why_bits_may_differ(run: PlannedRun, stored: StoredTest, test: dict[str, Any]) -> list[str]:
    """What of the machine, the packages and the code that tests is not as when the run was tested; [] for nothing."""
    try:
        if stored.facts is None:
            before = run.folder.read_provenance()["sessions"][-1]
        else:
            before = {**stored.facts["device"], **stored.facts["environment"]}
        packages, code = dict(before.get("packages") or {}), dict(before.get("code_test") or {})
    except (BadInput, LookupError, TypeError, ValueError):
        return ["the run's provenance is missing or damaged"]
    now = {**test["device"], **test["environment"]}
    if not (before.get("device") == now["device"] == "cpu"):
        return [f"tested on {before.get('device') or 'an unknown device'} before and on {now['device']} now"]
    found = [] if before.get("name") == now["name"] else ["another CPU"]
    found += [] if before.get("threads") == now["threads"] else ["another number of threads"]
    found += [] if before.get("python") == now["python"] else ["another version of Python"]
    if changed := _differing_names(packages, now["packages"]):
        found.append(f"another version of {', '.join(changed)}")
    if code:
        if changed := _differing_names(code, now["code_test"]):
            found.append(f"the test code has changed since ({', '.join(changed)})")
    elif not before.get("code_sha256") or before["code_sha256"] != now["code_sha256"]:
        found.append("the run did not record its test code")
    return found


def _differing_names(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _load_predictions(path: Path, classes: int) -> LoadedPredictions:
    """Raises BadInput when the file is not one row per video with finite logits for every class."""
    import numpy as np
    import pandas as pd

    try:
        table = pd.read_parquet(path)
        ids, labels = [str(video) for video in table["id"]], table["label"].to_numpy(np.int64)
        logits = np.stack([np.asarray(row, np.float32) for row in table["logits"]])
    except FileNotFoundError:
        raise BadInput(f"{path.name} is missing.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow derives its errors from these
        raise BadInput(f"{path.name} cannot be read ({' '.join(str(error).split())[:80]}).") from None
    if logits.ndim != 2 or logits.shape[1] != classes:
        raise BadInput(f"{path.name} has {logits.shape[-1]} logits per video, but the data set has {classes} classes.")
    if len(set(ids)) < len(ids) or not ((labels >= 0) & (labels < classes)).all():
        raise BadInput(f"{path.name} contains a video twice or a label out of range.")
    if len(odd := np.flatnonzero(~np.isfinite(logits).all(1))):
        raise BadInput(f"{path.name}: the logits of video '{ids[odd[0]]}' are not finite ({len(odd)} such videos).")
    return LoadedPredictions(ids, labels, logits)


def _against_data(stored: LoadedPredictions, dataset: Dataset, name: str) -> list[str]:
    """Whether a file is of the validation videos, each with its label."""
    videos = {video.id: video.label for video in dataset.split("val").videos}
    ours = dict(zip(stored.ids, stored.labels.tolist(), strict=True))
    if ours.keys() != videos.keys():
        odd = sorted(ours.keys() ^ videos.keys())
        return [f"{name}: {len(odd)} videos are only in it or only in the data (first '{odd[0]}')."]
    wrong = sorted(video for video in ours if ours[video] != videos[video])
    return [f"{name}: {len(wrong)} labels differ from those of the data (first: video '{wrong[0]}')."] if wrong else []


def _against_result(stored: LoadedPredictions, result: dict[str, Any], dataset: Dataset, name: str) -> list[str]:
    """Whether every accuracy that result.json holds follows from the predictions."""
    from suite.evaluation.inference import accuracies

    found = accuracies(stored.logits, stored.labels, dataset.classes, dataset.info.pairs)
    flat = found.pop("per_class")
    said = dict(result).get("per_class", {})
    pairs = [(key, result.get(key), value) for key, value in found.items()]
    pairs += [(f"accuracy of '{key}'", said.get(key), flat.get(key)) for key in {**flat, **said}]
    wrong = [(key, old, new) for key, old, new in pairs if not _equal_numbers(old, new)]
    if not wrong:
        return []
    key, old, new = wrong[0]
    more = f" ({len(wrong) - 1} further values differ too)" if len(wrong) > 1 else ""
    return [f"{name}: result.json says {key} {_shown_number(old)}, the predictions give {_shown_number(new)}{more}."]


def _equal_numbers(old: Any, new: Any) -> bool:
    return isinstance(old, int | float) and isinstance(new, int | float) and math.isclose(old, new, abs_tol=1e-9)


def _shown_number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else "nothing"


def _agreement(stored: LoadedPredictions, again: LoadedPredictions) -> dict[str, Any]:
    """Video by video.  Raises BadInput where the videos are not the same ones."""
    import numpy as np

    if sorted(stored.ids) != sorted(again.ids):
        raise BadInput("The new test covers other videos than the stored predictions; they cannot be compared.")
    where = {video: row for row, video in enumerate(again.ids)}
    fresh = again.logits[[where[video] for video in stored.ids]]
    return {
        "n": len(stored.ids),
        "identical": bool(np.array_equal(stored.logits, fresh)),
        "agreement": float((stored.logits.argmax(1) == fresh.argmax(1)).mean()),
        "max_difference": float(np.abs(stored.logits.astype(np.float64) - fresh).max()),
    }
