"""The data and weights that the runs of a plan need, checked before the first of them starts."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from suite.data.dataset_info import info
from suite.data.datasets import Dataset, open_dataset
from suite.data.manifest import Manifest, same_videos
from suite.data.pretraining_leakage import describe, require, seen_before
from suite.data.resemblance import other_classes
from suite.data.sample_check import undecodable_in_sample
from suite.device import cores
from suite.program import command
from suite.spec import BadInput, file_sha256, one_line, shown
from suite.store.changes import record_videos
from suite.store.pretraining import data_before
from suite.sweep.plan import Plan, PlannedRun

SHOWN = 2  # undecodable videos that are named per split


def prepare_data(plan: Plan, data: Path, console: Console) -> tuple[dict[str, int], list[str]]:
    """Generates missing calibration sets, indexes all data sets, decodes a few videos of each, and tells what it found.

    Returns data set -> number of its training videos, and everything that would stop the runs: data that cannot be
    read, more missing videos than allowed, undecodable videos in the sample, shared videos, finished runs that saw
    other data.
    """
    from suite.data.decoding import chosen_decoder

    chosen_decoder()  # refuses a wrong setting before the first run does
    videos, problems = {}, []
    for name in datasets_of(plan):
        try:
            dataset = opened(name, data, console)
            manifests = {split: dataset.split(split) for split in ("train", "val")}
        except BadInput as error:
            problems.append(_sentence(error))
            continue
        videos[name] = len(manifests["train"].videos)
        note_videos(plan, dataset)
        counts = " and ".join(f"{len(m.videos)} {split}" for split, m in manifests.items())
        console.print(f"{name}: {counts} videos, {len(dataset.classes)} classes, in {dataset.root}")
        for note in dataset.differences:
            console.print(f"  note: {note}")
        runs = [run for run in plan.runs if run.spec.dataset == name]
        problems += _problems(runs, dataset)
        problems += _pretraining_problems(runs, dataset, data, console)
    return videos, problems


def note_videos(plan: Plan, dataset: Dataset) -> None:
    """Keeps which videos a data set has, for `status`, which opens none; a grid without results has nothing stale."""
    if not plan.folder.is_dir():
        return
    manifests = [dataset.split(split) for split in ("train", "val")]
    record_videos(plan.folder, dataset.info.name, {m.split: (m.sha256, m.list_sha256) for m in manifests})


def opened(name: str, data: Path, console: Console) -> Dataset:
    """A data set in the folder `data`; a calibration set is generated first where it is missing."""
    from suite.data.synthetic import synthesize

    about = info(name)
    if about.reader == "calibrated":
        data.mkdir(parents=True, exist_ok=True)
        with console.status(f"{name}: generating videos") if console.is_terminal else nullcontext():
            synthesize((about.whole or about).name, data, processes=cores())
    return open_dataset(name, data)


def _problems(runs: list[PlannedRun], dataset: Dataset) -> list[str]:
    """What would stop the runs of a data set that could be opened."""
    about, problems = dataset.info, []
    manifests = {split: dataset.split(split) for split in ("train", "val")}
    if odd := other_classes(about, dataset.classes, dataset.root):
        problems.append(odd)
    allowed = min(run.spec.protocol.allow_missing for run in runs)
    todo = any(run.state() != "done" for run in runs)
    for manifest in manifests.values():
        try:
            manifest.require(allowed)
        except BadInput as error:
            lists, why = command(f"data check {about.name}"), _sentence(error).replace("Of", "of", 1)
            problems.append(f"data set {about.name}: {why} ({lists} lists them)")
            continue
        problems += _sampled(manifest, about.name, allowed) if todo else []
    try:
        dataset.leakage().require(min(run.spec.protocol.allow_leakage for run in runs), about.name)
    except BadInput as error:
        problems.append(f"data set {_sentence(error)}")
    finished = [(run, run.folder.result()) for run in runs if not run.again]
    stale = [run for run, r in finished if r is not None and not same_videos(manifests, r.get("manifests"))]
    if stale:
        problems.append(
            f"{len(stale)} finished runs (first {stale[0].id}) used other videos of {about.name} than those in "
            f"{dataset.root}; --rerun stale trains them again"
        )
    return problems


def _pretraining_problems(runs: list[PlannedRun], dataset: Dataset, data: Path, console: Console) -> list[str]:
    """Test videos on which earlier stages were trained, with other data sets; notes what is fine or cannot be told."""
    before = list(dict.fromkeys(name for run in runs if run.state() != "done" for name in _data_before(run)))
    name, found = dataset.info.name, seen_before(dataset, before, data)
    if name in before:
        console.print(
            f"  note: runs are pretrained on the training split of {name} too, whose test videos are the same"
        )
    for source, leakage in found.items():
        if leakage is None:
            console.print(f"  note: {source}, on which runs are pretrained, cannot be read; shared videos not checked")
        elif leakage.ids:
            console.print(f"  note: {describe(leakage, source)}")
    try:
        require(found, min(run.spec.protocol.allow_leakage for run in runs), name)
    except BadInput as error:
        return [f"data set {_sentence(error)}"]
    return []


def _data_before(run: PlannedRun) -> list[str]:
    """As `suite.store.pretraining.data_before`, of a run whose parents are planned and need not be there yet."""
    found = []
    while run.parent is not None:
        found += [run.parent.spec.dataset] if run.spec.transfer else []
        run = run.parent
    return [*found, *data_before(run.spec, run.folder.path.parent)]


def _sampled(manifest: Manifest, name: str, allowed: int) -> list[str]:
    """What is wrong with a few videos of a split, where more cannot be decoded than may be missing."""
    count, found = undecodable_in_sample(manifest)
    if not found or len(found) + len(manifest.missing) + len(manifest.undecodable) <= allowed:
        return []
    reasons = "; ".join(f"{shown(video)}: {one_line(why).rstrip('.')}" for video, why in list(found.items())[:SHOWN])
    return [
        f"data set {name}: of {count} videos of split '{manifest.split}', {len(found)} cannot be decoded to the end "
        f"({reasons}); {command(f'data check {name} --full')} finds all such videos"
    ]


def _sentence(error: BadInput) -> str:
    return str(error).rstrip(".")


def refuse_other_weights(plan: Plan) -> None:
    """Raises BadInput when finished runs started from other ImageNet weights than those on this machine now."""
    from suite.models.weights import local_imagenet_file

    first = [run for run in plan.runs if run.parent is None and run.spec.protocol.init == "imagenet" and not run.again]
    files = {run.id: local_imagenet_file(run.spec.network) for run in first if run.folder.result_file.exists()}
    hashes = {file: file_sha256(file) for file in set(files.values()) if file}
    for run in first:
        began = (run.folder.read_provenance().get("weights") or {}).get("sha256")
        now = hashes.get(files.get(run.id))
        if began and now and began != now:
            raise BadInput(
                f"{run.id} started from other ImageNet weights than those in {files[run.id]} (different SHA-256); move "
                f"{plan.folder / 'runs'} away to run the grid again, or restore the original file."
            )


def datasets_of(plan: Plan) -> list[str]:
    """The data sets of a plan, in the order of its runs; not those that finished runs were only pretrained on."""
    needed = [run for run in plan.runs if not (run.pretrains and run.state() == "done")]
    return list(dict.fromkeys(run.spec.dataset for run in needed))
