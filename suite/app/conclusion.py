"""What comes after the last run of a sweep: its ensembles, its report, and the lines that sum it up."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from suite.app.ensembles import make_ensembles
from suite.report.build import write_grid_report
from suite.report.console.plain import PlainConsole, estimate_text
from suite.spec import one_line
from suite.sweep.estimates import estimate_error
from suite.sweep.outcome import SweepOutcome
from suite.sweep.parts import part_folder, report_parts
from suite.sweep.plan import Plan
from suite.sweep.retries import SAME_ERROR


def conclude(plan: Plan, outcome: SweepOutcome) -> list[Path]:
    """Writes the report of the grid, prints how the sweep ended; returns the files of the report."""
    make_ensembles(plan)
    parts = report_parts(plan.name, plan.folder.parent)
    files = write_grid_report(parts)
    print_summary(plan, part_folder(plan, parts), files, outcome, PlainConsole(soft_wrap=True))
    return files


def print_summary(plan: Plan, folder: Path, files: list[Path], outcome: SweepOutcome, console: Console) -> None:
    """What failed, the tables of accuracy and official splits, and where the files of the report in `folder` are."""
    left = [run for run in plan.runs if run.state() != "done"]
    for run in left:
        error = (run.folder.error() or {}).get("error") or outcome.errors.get(run.id)
        if error:
            console.print(f"failed: {run.id}: {one_line(error)}")
    shown = [folder / "tables" / f"{name}.md" for name in ("accuracy", "splits")]
    for table in (file for file in shown if file in files and len(left) < len(plan.runs)):
        console.print()
        console.print(table.read_text().rstrip())
        console.print()
    if outcome.same_error:
        console.print(
            f"Stopped with {len(left)} runs left: the first {SAME_ERROR} runs ended with the same error: "
            f"{one_line(outcome.same_error)}"
        )
    elif outcome.stopped:
        how = "Cancelled" if outcome.cancelled else "Stopped"
        console.print(f"{how} with {len(left)} runs left; run the same command again to continue.")
    elif outcome.cancelled_runs:
        console.print(f"{len(outcome.cancelled_runs)} runs were cancelled; run the same command again to continue.")
    if error := estimate_error(plan):
        console.print(estimate_text(error))
    tables, figures = (any(file.parent == folder / name for file in files) for name in ("tables", "figures"))
    made = [f"Tables:  {folder / 'tables'} (Markdown, LaTeX, CSV)"] if tables else []
    made += [f"Figures: {folder / 'figures'} (PNG, PDF)"] if figures else []
    console.print(f"Page:    {plan.folder / 'report.html'}")
    if made:
        console.print("    ".join(made))
    console.print(f"Summary: {folder / 'summary.csv'}    Runs: {plan.folder / 'runs'}    MLflow: make mlflow")
