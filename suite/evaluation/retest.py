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

VIEWS = ("clips", "crops", "crop_rule", "fusion", "batch")  # of suite.spec.Evaluation
CLIPS = ("rule", "stride")  # of suite.spec.Sampling


def evaluate_run(
    folder: RunFolder,
    frames: Sequence[int] = (),
    views: Sequence[tuple[int, int]] = (),
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

    views: (clips, crops) of several tests at each of `frames`; one pass over the videos makes them all.
    Each test goes to eval/<test id> in the run's folder, or to `out`/f<frames> (`out`/f<frames>.<clips>x<crops> with
    `views`); what is there already is read, not made again.  changes: dataset, split, size, clips, crops, crop_rule,
    rule, stride, fusion, precision, batch; None leaves what the run had.
    Gives what each eval.json holds, and `skipped` where it was there.
    Raises BadInput when the run is not finished, its checkpoint is not its own, its model is tied to a number of
    frames, or the data are not those that it was tested on.
    """
    spec, result = folder.spec(), folder.result()
    if result is None:
        raise BadInput(f"The run {folder.id} is not finished; only finished runs can be tested again.")
    base = _setting(folder, spec, {key: value for key, value in changes.items() if value is not None})
    counts = list(dict.fromkeys(frames or (spec.frames,)))
    hows = [checked(Evaluation, base.how.model_dump() | {"clips": c, "crops": k}, "eval") for c, k in views]
    settings = [replace(base, frames=count, how=how) for count in counts for how in hows or [base.how]]

    def place(s: Setting) -> Path:
        name = f"f{s.frames}.{s.how.clips}x{s.how.crops}" if views else f"f{s.frames}"
        return out / name if out else test_folder(folder, s.evaluation)

    places = [place(s) for s in settings]
    control = Control(workers=workers, device=usable_device(device))
    allowed = spec.protocol.allow_missing if allow_missing is None else allow_missing
    return _test(folder, list(zip(places, settings, strict=True)), root, control, unlabelled, allowed)


def test_again(folder: RunFolder, planned: RunSpec, *, root: Path, control: Control) -> list[dict[str, Any]]:
    """Makes the tests that `planned` asks of a finished run and that are not there yet, each in eval/<test id>."""
    tests = planned.evaluations()
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
    _check_weights(folder, spec, [(setting.frames, setting.size) for _, setting in tests], result["classes"])
    found = [_earlier(place, folder.id, setting) for place, setting in tests]
    if all(found):
        return [test | {"skipped": True, "folder": str(place)} for test, (place, _) in zip(found, tests, strict=True)]
    data = open_dataset(tests[0][1].dataset, root)
    own = any(setting.dataset == spec.dataset and setting.split == TEST_SPLIT for _, setting in tests)
    if own and not data.split(TEST_SPLIT).matches(result["manifests"][TEST_SPLIT]):
        raise BadInput(f"The videos of {spec.dataset} in {data.root} are not those that {folder.id} was tested on.")
    made = {
        place: earlier | {"skipped": True, "folder": str(place)}
        for (place, _), earlier in zip(tests, found, strict=True)
        if earlier
    }
    wanted = [test for test in tests if test[0] not in made]
    with threads_of(folder, control.device):
        for one_pass in _passes(wanted):
            frames = one_pass[0][1].frames
            facts = {"run": folder.id, "train_frames": spec.frames, "test_frames": frames}
            for test in evaluate(one_pass, data, control, unlabelled, allow_missing, facts):
                made[Path(test["folder"])] = test | {"skipped": False}
    return [made[place] for place, _ in tests]


def _passes(tests: Sequence[tuple[Path, Setting]]) -> list[list[tuple[Path, Setting]]]:
    """Tests that differ in their clips and crops alone stand together: one pass over the videos makes them."""
    passes: list[tuple[Setting, list[tuple[Path, Setting]]]] = []
    for place, setting in tests:
        alike = replace(setting, how=setting.how.model_copy(update={"clips": 1, "crops": 1}))
        group = next((group for known, group in passes if known == alike), None)
        if group is None:
            passes.append((alike, group := []))
        group.append((place, setting))
    return [group for _, group in passes]


def _setting(folder: RunFolder, spec: RunSpec, changes: dict[str, Any]) -> Setting:
    """The run's own test on the validation split, with `changes`."""
    p, changes = spec.protocol, dict(changes)

    def part(kind: type[Evaluation] | type[Sampling], own: Any, keys: Sequence[str]) -> Any:
        given = {key: changes.pop(key) for key in keys if key in changes}
        return checked(kind, own.model_dump() | given, "eval")

    fields = {
        "dataset": spec.dataset,
        "split": TEST_SPLIT,
        "size": p.test_size,
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


def _check_weights(folder: RunFolder, spec: RunSpec, clips: Sequence[tuple[int, int]], classes: int) -> None:
    """Raises BadInput unless the checkpoint is the run's and fits its model at every (frames, size in pixels)."""
    check_normalisation(spec)
    saved = weights.read_checkpoint(folder.checkpoint)
    if not isinstance(saved, dict) or saved.get("run") != folder.id:
        raise BadInput(f"{folder.checkpoint} does not hold the weights of this run.")
    check_checkpoint(folder)

    for frames, size in dict.fromkeys(clips):
        check_fit(spec, classes, frames, size)


def check_fit(spec: RunSpec, classes: int, frames: int, size: int) -> None:
    """Raises BadInput when weights as the run trains them do not fit its model at other frames or another size."""

    def shapes(frames: int, size: int) -> dict[str, tuple[int, ...]]:
        with torch.device("meta"), NoDraws():
            model = build(spec.network, classes, frames, size)
        return {key: tuple(value.shape) for key, value in model.state_dict().items()}

    own = (spec.frames, spec.protocol.size)
    trained = None if (frames, size) == own else shapes(*own)
    for what, number, unit, at in (
        ("number of frames", frames, "frames", (frames, own[1])),
        ("size of the picture", size, "pixels", (own[0], size)),
    ):
        if trained is None or at == own:
            continue
        tested = shapes(*at)
        if odd := sorted(key for key in trained.keys() | tested.keys() if trained.get(key) != tested.get(key)):
            was = spec.frames if unit == "frames" else spec.protocol.size
            raise BadInput(
                f"{spec.model} has weights that depend on the {what} ({len(odd)} tensors, first {odd[0]}): "
                f"trained at {was} {unit} it cannot be tested at {number}."
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
