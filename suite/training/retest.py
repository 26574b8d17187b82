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
from suite.models import build, weights
from suite.spec import BadInput, Evaluation, RunSpec, Sampling, checked
from suite.store.folder import RunFolder
from suite.training.control import Control, usable_device
from suite.training.released import Setting, evaluate

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

    Each goes to `out`/f<frames>, by default `eval/` in the run's folder; what is there already is read, not made
    again.  changes: dataset, split, size, clips, crops, rule, stride, fusion, precision, batch; None leaves what the
    run had.  Gives what each eval.json holds, and `skipped` where it was there.
    Raises BadInput when the run is not finished, its checkpoint is not its own, its model is tied to a number of
    frames, or the data are not those that it was tested on.
    """
    spec, result = folder.spec(), folder.result()
    if result is None:
        raise BadInput(f"The run {folder.id} is not finished; only a finished one is tested again.")
    own = _setting(folder, spec, {})
    base = _setting(folder, spec, {key: value for key, value in changes.items() if value is not None})
    as_it_was = not unlabelled and replace(base, how=base.how.model_copy(update={"batch": own.how.batch})) == own
    if out is None and not as_it_was:
        raise BadInput(f"{folder.path / 'eval'} is for tests by the run's own protocol; name a folder with --out.")
    counts = list(dict.fromkeys(frames or (spec.frames,)))
    _check_weights(folder, spec, counts, result["classes"])
    settings = {(out or folder.path / "eval") / f"f{count}": replace(base, frames=count) for count in counts}
    found = {place: _earlier(place, folder.id, setting) for place, setting in settings.items()}
    if all(found.values()):
        return [found[place] | {"skipped": True, "folder": str(place)} for place in settings]
    data = open_dataset(base.dataset, root)
    if as_it_was and not data.split("val").matches(result["manifests"]["val"]):
        raise BadInput(f"The videos of {base.dataset} in {data.root} are not those that {folder.id} was tested on.")
    control = Control(workers=workers, device=usable_device(device))
    missing = spec.protocol.allow_missing if allow_missing is None else allow_missing
    tests = []
    with threads_of(folder, control.device):
        for place, setting in settings.items():
            if earlier := found[place]:
                tests.append(earlier | {"skipped": True, "folder": str(place)})
                continue
            facts = {"run": folder.id, "train_frames": spec.frames, "test_frames": setting.frames}
            made = evaluate(setting, data, control, place, unlabelled, missing, facts)
            tests.append(made | {"skipped": False})
    return tests


def _setting(folder: RunFolder, spec: RunSpec, changes: dict[str, Any]) -> Setting:
    """The run's own test on the validation split, with `changes`."""
    p, changes = spec.protocol, dict(changes)

    def part(kind: type[Evaluation] | type[Sampling], own: Any, keys: Sequence[str]) -> Any:
        given = {key: changes.pop(key) for key in keys if key in changes}
        return checked(kind, own.model_dump() | given, "eval")

    fields = {
        **{"dataset": spec.dataset, "split": "val", "size": p.size, "precision": p.precision},
        "how": part(Evaluation, p.evaluation, VIEWS),
        "sampling": part(Sampling, p.sampling, CLIPS),
    }
    return Setting(model=spec.model, source=str(folder.checkpoint), frames=spec.frames, **(fields | changes))


def _check_weights(folder: RunFolder, spec: RunSpec, counts: Sequence[int], classes: int) -> None:
    """Raises BadInput unless the checkpoint is the run's and fits its model at every count of frames."""
    saved = weights.read_checkpoint(folder.checkpoint)
    if not isinstance(saved, dict) or saved.get("run") != folder.id:
        raise BadInput(f"{folder.checkpoint} does not hold the weights of this run.")

    def shapes(count: int) -> dict[str, tuple[int, ...]]:
        with torch.device("meta"):
            model = build(spec.model, classes, count, spec.protocol.size)
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
        same = found["run"] == run and all(found[key] == value for key, value in setting.facts().items())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise BadInput(f"{place} holds another test than this one of {run}; remove it or name a folder with --out.")
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
