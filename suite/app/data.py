"""The data and weights that the runs of a plan need, checked before the first of them starts."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from suite.data.dataset_info import info
from suite.data.datasets import open_dataset
from suite.data.manifest import same_videos
from suite.device import cores
from suite.spec import BadInput, file_sha256
from suite.sweep.plan import Plan


def prepare_data(plan: Plan, data: Path, console: Console) -> dict[str, int]:
    """Generates missing calibration sets, indexes all data sets, and refuses those that the runs cannot use.

    Returns data set -> number of its training videos.

    Raises BadInput when data are missing, more videos are missing than allowed, or a finished run saw other data.
    """
    from suite.data.decoding import chosen_decoder
    from suite.data.synthetic import synthesize

    chosen_decoder()  # refuses a wrong setting before the first run does
    videos = {}
    for name in datasets_of(plan):
        runs = [run for run in plan.runs if run.spec.dataset == name]
        about = info(name)
        if about.reader == "calibrated":
            data.mkdir(parents=True, exist_ok=True)
            with console.status(f"{name}: generating videos") if console.is_terminal else nullcontext():
                synthesize((about.whole or about).name, data, processes=cores())
        dataset = open_dataset(name, data)
        manifests = {split: dataset.split(split) for split in ("train", "val")}
        videos[name] = len(manifests["train"].videos)
        if len(dataset.classes) != about.num_classes:
            raise BadInput(
                f"{name} has {len(dataset.classes)} classes in {dataset.root}, not {about.num_classes}; a part of it "
                "is a data set of its own (suite data add NAME --root DIR)."
            )
        for manifest in manifests.values():
            for allowed in {run.spec.protocol.allow_missing for run in runs}:
                manifest.require(allowed)
        counts = " and ".join(f"{len(m.videos)} {split}" for split, m in manifests.items())
        console.print(f"{name}: {counts} videos, {len(dataset.classes)} classes, in {dataset.root}")
        for note in dataset.notes:
            console.print(f"  note: {note}")
        for allowed in {run.spec.protocol.allow_leakage for run in runs}:
            dataset.leakage().require(allowed, name)
        results = [(run, run.folder.result()) for run in runs]
        stale = [run for run, r in results if r is not None and not same_videos(manifests, r.get("manifests"))]
        if stale:
            raise BadInput(
                f"{len(stale)} finished runs (first {stale[0].id}) used other videos of {name} than those in "
                f"{dataset.root}; move {plan.folder / 'runs'} away to run them again."
            )
    return videos


def refuse_other_weights(plan: Plan) -> None:
    """Raises BadInput when finished runs started from other ImageNet weights than those on this machine now."""
    from suite.models.weights import local_imagenet_file

    first = [run for run in plan.runs if run.parent is None and run.spec.protocol.init == "imagenet"]
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
    """The data sets of a plan, in the order of its runs."""
    return list(dict.fromkeys(run.spec.dataset for run in plan.runs))
