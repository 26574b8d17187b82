"""A finished run tested again: at other frame counts, on other views, or just as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from suite.data.datasets import open_dataset
from suite.device import usable_device
from suite.evaluation.control import Control
from suite.evaluation.evaluate import Setting, evaluate
from suite.models import build, normalisation, weights
from suite.models.cost import NoDraws
from suite.spec import BadInput, Evaluation, Sampling, checked, file_sha256
from suite.store.evaluations import stored_test, test_folder
from suite.store.folder import RunFolder
from suite.store.identity import TEST_SPLIT, EvaluationSpec, RunSpec

VIEWS = ("clips", "crops", "fusion", "batch")  # of suite.spec.Evaluation
CLIPS = ("rule", "stride")  # of suite.spec.Sampling


def evaluate_run(
    folder: RunFolder,
    frames: Sequence[int] = (),
    *,
    root: Path,
    device: str | None = None,
    workers: int = 0,
    out: Path | None = None,
    unlabelled: bool = False,
    allow_missing: int | None = None,
    **changes: Any,
) -> list[dict[str, Any]]:
    """Tests the weights of a finished run at each of `frames` (its own when empty), by its protocol.

    Each test goes to eval/<test id> in the run's folder, or to `out`/f<frames>; what is there already is read, not
    made again.  changes: dataset, split, size, clips, crops, rule, stride, fusion, precision, batch; None leaves what
    the run had.  Gives what each eval.json holds, and `skipped` where it was there.
    Raises BadInput when the run is not finished, its checkpoint is not its own, its model is tied to a number of
    frames, or the data are not those that it was tested on.
    """
    spec, result = folder.spec(), folder.result()
    if result is None:
        raise BadInput(f"The run {folder.id} is not finished; only finished runs can be tested again.")
    base = _setting(folder, spec, {key: value for key, value in changes.items() if value is not None})
    counts = list(dict.fromkeys(frames or (spec.frames,)))
    settings = [replace(base, frames=count) for count in counts]
    places = [out / f"f{s.frames}" if out else test_folder(folder, s.evaluation) for s in settings]
    control = Control(workers=workers, device=usable_device(device))
    allowed = spec.protocol.allow_missing if allow_missing is None else allow_missing
    return _test(folder, list(zip(places, settings, strict=True)), root, control, unlabelled, allowed)


def test_again(folder: RunFolder, planned: RunSpec, *, root: Path, control: Control) -> list[dict[str, Any]]:
    """Makes the tests that `planned` asks of a finished run and that are not there yet, each in eval/<test id>."""
    tests = [test for test in (planned.evaluation(), planned.video_evaluation()) if test]
    wanted = [test for test in tests if stored_test(folder, test) is None]
    how, source = planned.protocol.evaluation, str(folder.checkpoint)
    tests = [
        (test_folder(folder, test), Setting.of(test, planned.network, source, how.batch))
        for test in dict.fromkeys(wanted)
    ]
    return _test(folder, tests, root, control, False, planned.protocol.allow_missing)


def _test(
    folder: RunFolder,
    tests: Sequence[tuple[Path, Setting]],
    root: Path,
    control: Control,
    unlabelled: bool,
    allow_missing: int,
) -> list[dict[str, Any]]:
    """What eval.json of each test holds, of those that are not there yet after making it."""
    spec, result = folder.spec(), folder.result() or {}
    _check_weights(folder, spec, [setting.frames for _, setting in tests], result["classes"])
    found = [_earlier(place, folder.id, setting) for place, setting in tests]
    if all(found):
        return [test | {"skipped": True, "folder": str(place)} for test, (place, _) in zip(found, tests, strict=True)]
    data = open_dataset(tests[0][1].dataset, root)
    own = any(setting.dataset == spec.dataset and setting.split == TEST_SPLIT for _, setting in tests)
    if own and not data.split(TEST_SPLIT).matches(result["manifests"][TEST_SPLIT]):
        raise BadInput(f"The videos of {spec.dataset} in {data.root} are not those that {folder.id} was tested on.")
    made = []
    with threads_of(folder, control.device):
        for (place, setting), earlier in zip(tests, found, strict=True):
            if earlier:
                made.append(earlier | {"skipped": True, "folder": str(place)})
                continue
            facts = {"run": folder.id, "train_frames": spec.frames, "test_frames": setting.frames}
            made.append(evaluate(setting, data, control, place, unlabelled, allow_missing, facts) | {"skipped": False})
    return made


def _setting(folder: RunFolder, spec: RunSpec, changes: dict[str, Any]) -> Setting:
    """The run's own test on the validation split, with `changes`."""
    p, changes = spec.protocol, dict(changes)

    def part(kind: type[Evaluation] | type[Sampling], own: Any, keys: Sequence[str]) -> Any:
        given = {key: changes.pop(key) for key in keys if key in changes}
        return checked(kind, own.model_dump() | given, "eval")

    fields = {
        "dataset": spec.dataset,
        "split": TEST_SPLIT,
        "size": p.size,
        "precision": p.precision,
        "how": part(Evaluation, p.evaluation, VIEWS),
        "sampling": part(Sampling, p.sampling, CLIPS),
    }
    return Setting(model=spec.network, source=str(folder.checkpoint), frames=spec.frames, **(fields | changes))


def check_normalisation(spec: RunSpec) -> None:
    """Raises BadInput when this version gives the network another input normalisation than the run has."""
    now = normalisation(spec.network)
    if spec.normalisation not in ("", now):
        raise BadInput(
            f"{spec.id} was trained with the input normalisation '{spec.normalisation}', but this version uses '{now}'."
        )


def check_checkpoint(folder: RunFolder) -> None:
    """Raises BadInput when a finished run's checkpoint is not the file that it was tested with."""
    known = (folder.result() or {}).get("checkpoint_sha256")
    if known and folder.checkpoint.is_file() and file_sha256(folder.checkpoint) != known:
        raise BadInput(f"{folder.checkpoint} was changed after the run was tested (different SHA-256).")


def test_by(
    folder: RunFolder, evaluation: EvaluationSpec, place: Path, batch: int, *, root: Path, device: str, workers: int
) -> dict[str, Any]:
    """Makes one test of a finished run in `place`, whether it was made before or not; what its eval.json holds."""
    spec = folder.spec()
    setting = Setting.of(evaluation, spec.network, str(folder.checkpoint), batch)
    control = Control(workers=workers, device=usable_device(device))
    return _test(folder, [(place, setting)], root, control, False, spec.protocol.allow_missing)[0]


def _check_weights(folder: RunFolder, spec: RunSpec, counts: Sequence[int], classes: int) -> None:
    """Raises BadInput unless the checkpoint is the run's and fits its model at every count of frames."""
    check_normalisation(spec)
    saved = weights.read_checkpoint(folder.checkpoint)
    if not isinstance(saved, dict) or saved.get("run") != folder.id:
        raise BadInput(f"{folder.checkpoint} does not hold the weights of this run.")
    check_checkpoint(folder)

    def shapes(count: int) -> dict[str, tuple[int, ...]]:
        with torch.device("meta"), NoDraws():
            model = build(spec.network, classes, count, spec.protocol.size)
        return {key: tuple(value.shape) for key, value in model.state_dict().items()}

    trained = shapes(spec.frames)
    for count in counts:
        tested = shapes(count)
        if odd := sorted(key for key in trained.keys() | tested.keys() if trained.get(key) != tested.get(key)):
            raise BadInput(
                f"{spec.model} has weights that depend on the number of frames ({len(odd)} tensors, first {odd[0]}): "
                f"trained at {spec.frames} frames it cannot be tested at {count}."
            )


def _earlier(place: Path, run: str, setting: Setting) -> dict[str, Any] | None:
    """What an earlier test left in `place`; None where it did not come to its end.  Raises BadInput for another one."""
    try:
        found = json.loads((place / "eval.json").read_text())
        same = found["run"] == run and EvaluationSpec.from_facts(found).id == setting.evaluation.id
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise BadInput(
            f"{place} contains another test than this one of {run}; remove it or give another folder with --out."
        )
    return found


@contextmanager
def threads_of(folder: RunFolder, device: str) -> Iterator[None]:
    """On the CPU as many threads as the run had: with another number sums have other bits."""
    before = torch.get_num_threads()
    try:
        session = json.loads(folder.provenance.read_text())["sessions"][-1]
        if device == session["device"] == "cpu":
            torch.set_num_threads(session["threads"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # provenance from elsewhere: only the last bits may differ
    try:
        yield
    finally:
        torch.set_num_threads(before)
