"""The report of a grid: summary, tables, figures and page, from the results that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.spec import BadInput
from suite.store.evaluations import predictions_of
from suite.store.folder import stored_beside, write_atomic
from suite.sweep.plan import Plan
from suite.sweep.summary import SUMMARY, rows, timing

if TYPE_CHECKING:
    import pandas as pd

DONE, SOME_FAILED, STOPPED = 0, 1, 130


@dataclass(frozen=True)
class Company:
    """What stands beside a grid's own runs in its report, and how confounded cells are treated."""

    published: tuple[str, ...] = ()  # sources of suite.published.references
    predictions: tuple[Path, ...] = ()  # files of other codebases, each with its YAML
    strict: bool = False  # confounded cells are withheld
    interval: str = "both"  # of suite.collect.evidence.INTERVALS


ALONE = Company()


def write_report(plan: Plan, company: Company = ALONE, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """summary.csv, timing.csv, tables, figures and page of a plan, from the results that are there.

    say: is told what looks wrong in predictions of other codebases; the accuracy table's note says it too.
    """
    import pandas as pd

    from suite.collect.evidence import gather
    from suite.published.references import published_rows
    from suite.report.figures.pairs import write_pairwise
    from suite.report.figures.scatter import write_figures
    from suite.report.figures.tradeoffs import write_pareto
    from suite.report.page import write_page
    from suite.report.tables.make import make_tables, write_made
    from suite.statistics.run_table import stages

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
    from suite.fairness.run_factors import read_run

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

    from suite.collect.resolve import from_file
    from suite.published.references import published_rows

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
            raise BadInput(f"{path.name} has predictions on {theirs['dataset']}, which is not a data set of this grid.")
        if theirs["frames"] != theirs["frames"]:
            raise BadInput(
                f"{path.with_suffix('.yaml').name} does not specify 'frames', which decides the column of a table."
            )
        parts.append(pd.DataFrame([_labelled(theirs, table)]))
        if any(theirs["id"] in set(part["id"]) for part in parts[:-1]):
            raise BadInput(f"{path} is given twice.")
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else table


def _labelled(theirs: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Predictions that come without labels get those of a finished run on the same data set, and so an accuracy."""
    from suite.evaluation.predictions import aligned, read_own

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
    from suite.collect.frames import frames_by_frames

    runs = [run for run in plan.runs if run.state() == "done"]
    if not any((run.folder.path / "eval").is_dir() for run in runs):
        return None
    return frames_by_frames([(run.folder, run.spec, run.id) for run in runs])
