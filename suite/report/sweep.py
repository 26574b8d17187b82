"""A sweep as a person starts it: data first, then the runs, then what comes out of them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from suite.data.datasets import info, open_dataset
from suite.data.manifest import same_videos
from suite.report.listing import notes
from suite.report.tracking import Tracker, TrackingError
from suite.spec import BadInput, file_sha256
from suite.store.evaluations import predictions_of
from suite.store.folder import lock, stored_beside, write_atomic
from suite.sweep.local import LocalExecutor, Machine
from suite.sweep.plan import Plan, PlannedRun, make_plan, reckon, remember
from suite.sweep.progress import Display
from suite.sweep.rows import SUMMARY, row, rows, timing
from suite.sweep.stored import store_plan
from suite.training.control import cores

if TYPE_CHECKING:
    import pandas as pd

DONE, SOME_FAILED, STOPPED = 0, 1, 130


def run_sweep(plan: Plan, data: Path, machine: Machine, tracking: bool, options: dict[str, Any]) -> int:
    """Runs what a plan still needs and writes its report; returns the exit code."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for run in plan.runs:
        if run.spec.missing_weights:
            raise BadInput(
                f"{run.spec.model} starts from the file {run.spec.missing_weights}, which is neither in the working "
                "directory nor in the folder that SUITE_WEIGHTS names."
            )
    for name in _datasets(plan):
        if info(name).reader != "calibrated":
            open_dataset(name, data)  # a missing data set is said at once, not after the costs are reckoned
    reckon(plan)
    busy = f"Another sweep is at work on {plan.folder}; wait for it or stop it."
    share = "" if not plan.selection.shard else "-{}of{}".format(*plan.selection.shard)
    with lock(plan.folder / f".lock{share}", wait=1, busy=busy):
        prepare_data(plan, data, console)
        refuse_other_weights(plan)
        remember(plan)
        if not share:
            store_plan(plan)
        tracker = Tracking(plan, console) if tracking else None
        todo = sum(run.state() != "done" for run in plan.runs)
        how = f"{machine.slots} at a time on {machine.device}, {machine.threads} threads each"
        for note in notes(plan):
            console.print(note)
        console.print(f"{plan.grid.name}: {todo} of {len(plan.runs)} runs to do, {how}")
        executor = LocalExecutor(plan, data, machine, **options)
        with Display(plan, console) as display:

            def on_event(event: str, run: PlannedRun) -> None:
                display.event(event, run)
                if tracker and event == "done":
                    tracker.finished(run)

            outcome = executor.execute(on_event, display.tick)
        whole = make_plan(plan.name, replace(plan.selection, shard=None), plan.folder.parent) if share else plan
        files = write_report(whole)
        if tracker:
            tracker.close(files)
        _last_words(plan, outcome.stopped, console)
    if outcome.stopped:
        return STOPPED
    return DONE if all(run.state() == "done" for run in plan.runs) else SOME_FAILED


def prepare_data(plan: Plan, data: Path, console: Console) -> None:
    """Makes embedded sets that are not there yet, indexes all, and refuses what runs could not use.

    Raises BadInput when data are missing, more videos are missing than allowed, or a finished run saw other data.
    """
    from suite.data.decoding import chosen_decoder
    from suite.data.synthetic import synthesize

    chosen_decoder()  # refuses a wrong setting before the first run does
    for name in _datasets(plan):
        runs = [run for run in plan.runs if run.spec.dataset == name]
        about = info(name)
        if about.reader == "calibrated":
            data.mkdir(parents=True, exist_ok=True)
            with console.status(f"{name}: drawing and encoding its videos") if console.is_terminal else nullcontext():
                synthesize(name, data, processes=cores())
        dataset = open_dataset(name, data)
        manifests = {split: dataset.split(split) for split in ("train", "val")}
        if len(dataset.classes) != about.num_classes:
            raise BadInput(f"{name} has {len(dataset.classes)} classes here, not {about.num_classes}.")
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
                f"{len(stale)} finished runs (first {stale[0].id}) were made with other videos of {name} than those in "
                f"{dataset.root}; move {plan.folder / 'runs'} away to run them again."
            )


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
                f"{run.id} started from other ImageNet weights than those in {files[run.id]} (another SHA-256); move "
                f"{plan.folder / 'runs'} away to run the grid again, or bring the first file back."
            )


def _datasets(plan: Plan) -> list[str]:
    return list(dict.fromkeys(run.spec.dataset for run in plan.runs))


@dataclass(frozen=True)
class Company:
    """What stands beside a grid's own runs in its report, and how confounded cells are treated."""

    published: tuple[str, ...] = ()  # sources of suite.analysis.references
    predictions: tuple[Path, ...] = ()  # files of other codebases, each with its YAML
    strict: bool = False  # confounded cells are withheld
    interval: str = "both"  # of suite.analysis.evidence.INTERVALS


ALONE = Company()


def write_report(plan: Plan, company: Company = ALONE, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """summary.csv, timing.csv, tables, figures and page of a plan, from the results that are there.

    say: is told what looks wrong in predictions of other codebases; the accuracy table's note says it too.
    """
    import pandas as pd

    from suite.analysis.evidence import gather
    from suite.analysis.references import published_rows
    from suite.analysis.rows import stages
    from suite.report.page import write_page
    from suite.report.pair_plots import write_pairwise
    from suite.report.plots import write_figures
    from suite.report.tables import make_tables, write_made
    from suite.report.tradeoff_plots import write_pareto

    folder, grid = plan.folder, plan.grid
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows(plan), columns=list(SUMMARY))
    clocks = pd.DataFrame([timing(run) for run in plan.runs if run.folder.result_file.exists()])
    reference = published_rows(grid.reference) if grid.reference else None
    full = in_company(with_sources(table, plan), company)
    evidence = gather(full, company.strict, retested(plan), company.interval)  # refuses results that were edited
    write_atomic(folder / "summary.csv", table.to_csv(index=False))
    write_atomic(folder / "timing.csv", clocks.to_csv(index=False))
    files = [folder / "summary.csv", folder / "timing.csv"]
    for warning in evidence.warnings:
        say(f"warning: {warning}")
    tables = make_tables(full, grid.tables, reference, evidence)
    files += write_made(tables, folder, grid.tables)
    shown = stages(evidence.kept(full))
    letters = {} if company.strict else evidence.marks.letters
    files += write_figures(shown, folder, letters) + write_pareto(shown, folder, evidence.draws(shown), letters)
    files += write_pairwise(evidence.kept(full), folder, evidence) if "pairwise_matrix" in grid.tables else []
    errors = {run.id: (run.folder.error() or {}).get("error") for run in plan.runs}
    page_rows = full.assign(error=full["id"].map(errors))
    title = grid.title or grid.name
    files.append(write_page(title, page_rows, folder, clocks, tables, evidence))
    return files


def with_sources(table: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """The rows of a plan with where their evidence comes from: factors, predictions, test views."""
    from suite.analysis.run_factors import read_run

    done = [run.state() == "done" for run in plan.runs]
    factors = [read_run(run.spec, run.folder) if ok else None for run, ok in zip(plan.runs, done, strict=True)]
    files = [
        predictions_of(run.folder, run.spec) if ok else ("", None) for run, ok in zip(plan.runs, done, strict=True)
    ]
    views = [run.spec.protocol.evaluation.clips * run.spec.protocol.evaluation.crops for run in plan.runs]
    clip, video = ([str(file or "") for file in of_kind] for of_kind in zip(*files, strict=True))
    return table.assign(factors=factors, predictions=clip, video_predictions=video, views=views)


def in_company(table: pd.DataFrame, company: Company) -> pd.DataFrame:
    """The rows, and those of published sources on the same data sets and of other codebases."""
    import pandas as pd

    from suite.analysis.contenders import from_file
    from suite.analysis.references import published_rows

    parts = [table]
    for source in company.published:
        rows = published_rows(source)
        rows = rows[rows["dataset"].isin(set(table["dataset"])) & rows["frames"].notna()]
        if rows.empty:
            raise BadInput(
                f"{source} has no published row with known frames on {', '.join(sorted(set(table['dataset'])))}."
            )
        parts.append(rows.assign(name=rows["name"] + " (" + rows["source"] + ")", predictions=""))
    for path in company.predictions:
        found = from_file(path)
        theirs = found.row | {"predictions": found.outcome}
        if theirs["dataset"] not in set(table["dataset"]):
            raise BadInput(f"{path.name} is on {theirs['dataset']}, which this grid does not have.")
        if theirs["frames"] != theirs["frames"]:
            raise BadInput(
                f"{path.with_suffix('.yaml').name} says no frames; a table has a column for each number of them."
            )
        parts.append(pd.DataFrame([_labelled(theirs, table)]))
        if any(theirs["id"] in set(part["id"]) for part in parts[:-1]):
            raise BadInput(f"{path} is given twice.")
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else table


def _labelled(theirs: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Predictions that come without labels get those of a finished run on the same data set, and so an accuracy."""
    from suite.analysis.predictions import aligned, read_own

    outcome = theirs["predictions"]
    ours = table[(table["dataset"] == theirs["dataset"]) & (table["predictions"] != "")]
    if not len(ours):
        return theirs
    file = Path(ours["predictions"].iloc[0])
    own = read_own(file, stored_beside(file).get("class_names"))
    right, _ = aligned(outcome, own, (theirs["name"], "this grid's runs"))  # refuses other videos, and other labels
    if outcome.classes and own.classes:
        outcome = outcome.in_order_of(own.classes, theirs["name"])
    outcome = replace(outcome, labels=own.labels)
    return theirs | {"predictions": outcome, "top1": 100 * float(right.mean())}


def retested(plan: Plan) -> pd.DataFrame | None:
    """The tests of finished runs at other frame counts, or None when there is none."""
    from suite.analysis.frames import frames_by_frames

    runs = [run for run in plan.runs if run.state() == "done"]
    if not any((run.folder.path / "eval").is_dir() for run in runs):
        return None
    return frames_by_frames([(run.folder, run.spec, run.id) for run in runs])


class Tracking:
    """Logs finished runs to MLflow from a thread of its own, so that no slot waits for a database."""

    def __init__(self, plan: Plan, console: Console):
        self.plan, self.console = plan, console
        self.tracker = Tracker(None, plan.grid.name, plan.folder.parent)
        self.queue: queue.Queue[PlannedRun | None] = queue.Queue()
        for run in plan.runs:  # an earlier session may have been killed before it logged them
            if run.state() == "done":
                self.queue.put(run)
        self.broken: TrackingError | None = None
        self.thread = threading.Thread(target=self._log, name="mlflow", daemon=True)
        self.thread.start()

    def finished(self, run: PlannedRun) -> None:
        self.queue.put(run)

    def _log(self) -> None:
        while (run := self.queue.get()) is not None:
            if self.broken is None:
                try:
                    folder = run.folder
                    predictions, _ = predictions_of(folder, run.spec)
                    files = [folder.spec_file, folder.result_file, folder.provenance, predictions]
                    self.tracker.log_finished(row(run), run.spec.resolved(), folder.read_history(), files)
                except TrackingError as error:
                    self.broken = error

    def close(self, files: list[Path]) -> None:
        """Waits for what is still to be logged, then logs the report."""
        self.queue.put(None)
        self.thread.join()
        if self.broken is None:
            try:
                self.tracker.log_report(self.plan.grid.name, files)
            except TrackingError as error:
                self.broken = error
        if self.broken:
            self.console.print(f"Not logged to MLflow: {self.broken}. The results on disk are whole.", markup=False)


def _last_words(plan: Plan, stopped: bool, console: Console) -> None:
    """The table, and where the rest lies."""
    folder = plan.folder
    left = [run for run in plan.runs if run.state() != "done"]
    for run in left:
        if (error := run.folder.error()) is not None:
            console.print(f"failed: {run.id}: {error['error']}", markup=False)
    table = folder / "tables" / "accuracy.md"
    if table.exists() and len(left) < len(plan.runs):
        console.print()
        console.print(table.read_text().rstrip(), markup=False, soft_wrap=True)
        console.print()
    if stopped:
        console.print(f"Stopped with {len(left)} runs to go; the same command goes on.")
    console.print(f"Page:    {folder / 'report.html'}")
    console.print(f"Tables:  {folder / 'tables'} (Markdown, LaTeX, CSV)    Figures: {folder / 'figures'} (PNG, PDF)")
    console.print(f"Rows:    {folder / 'summary.csv'}    Runs: {folder / 'runs'}    MLflow: make mlflow")
