"""Which planned run stands for each row that a paper prints of its own models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from suite.fairness.run_factors import of_run
from suite.published.names import canonical, differences, namesake
from suite.published.references import REFERENCES, published_rows
from suite.spec import Strict, checked, grid_files, read_yaml
from suite.sweep.plan import Plan, Selection, make_plan
from suite.sweep.planned_run import PlannedRun

READINGS = Path(__file__).with_name("coverage.yaml")  # rows and figures that need a word


class Reading(Strict):
    """How a printed row or a figure is run: by a grid, in words, or why it is not."""

    grid: str = ""  # place below experiments/, such as arc/frames; several separated by blanks
    how: str = ""  # what of it; where no grid runs it, why not


class Readings(Strict):
    rows: dict[str, Reading] = Field(default_factory=dict)  # by the beginning of a row's id
    figures: dict[str, Reading] = Field(default_factory=dict)  # "deep_analysis Figure 5"


@dataclass(frozen=True)
class Covered:
    """One printed row of the authors' own and its planned run; `run` is empty where `why` says why there is none."""

    paper: str
    table: str
    row: str  # id of the published row
    printed: str  # its label
    dataset: str
    top1: float
    grid: str  # the grids that plan it, by their places, separated by blanks
    run: str  # the first of its runs
    why: str = ""
    differs: str = ""  # what of pretraining, sampling and views is not as printed
    frames: str = ""  # "8", of an ensemble "8 + 16"; empty where the paper does not report them
    views: str = ""  # clips x crops, "4x3", or their product
    mean_of_splits: bool = False  # its accuracy is a mean over the official splits of the data set


def coverage() -> list[Covered]:
    """Every printed top-1 of the authors' own models, in the order of the papers and tables.

    A row is covered by a planned run of the same model, data set, split, frames and pretraining, by an ensemble that a
    grid fuses, or by what coverage.yaml says of it.  Raises BadInput where a file of grids or readings is malformed.
    """
    planned, places = _planned()
    said = readings().rows
    found = []
    for source in REFERENCES:
        rows = published_rows(source)
        own = rows[rows["origin"] == "own"] if "origin" in rows else rows
        for row in own.to_dict("records"):
            runs = _runs_of(row, planned)
            reading = next((said[start] for start in said if row["id"].startswith(start)), Reading())
            grids = " ".join(dict.fromkeys(places[plan.name] for plan, _ in runs)) or reading.grid
            found.append(
                Covered(
                    paper=source.removesuffix("_tables"),
                    table=row["source"].removeprefix(source.removesuffix("_tables")).strip(),
                    row=row["id"],
                    printed=row["name"],
                    dataset=row["dataset"],
                    top1=row["top1"],
                    grid=grids,
                    run=runs[0][1].id if runs else "",
                    why=reading.how,
                    differs=", ".join(_differences(row, runs[0][1])) if runs else "",
                    frames=_frames(row),
                    views=_views(row),
                    mean_of_splits=bool(row.get("mean_of")),
                )
            )
    return found


def _frames(row: Mapping[str, Any]) -> str:
    """The frames of a printed row, those of an ensemble with a plus between them."""
    several = row["factors"].get("frames")
    if isinstance(several, list):
        return " + ".join(map(str, several))
    return "" if row["frames"] != row["frames"] else f"{row['frames']:g}"


def _views(row: Mapping[str, Any]) -> str:
    """The test views of a printed row as clips x crops, or their number where only that is known."""
    views = row["factors"].get("views") or {}
    clips, crops = views.get("clips"), views.get("crops")
    return f"{clips}x{crops}" if clips and crops else str(views.get("number") or "")


def figures() -> dict[str, Reading]:
    """The figures of results in the five papers, each with the grids that make it."""
    return readings().figures


def readings() -> Readings:
    return checked(Readings, read_yaml(READINGS, "Readings"), READINGS.name)


def _planned() -> tuple[dict[tuple, list[tuple[Plan, PlannedRun]]], dict[str, str]]:
    """The runs of all shipped grids by (data set, model, frames), and the place of each grid."""
    runs: dict[tuple, list[tuple[Plan, PlannedRun]]] = {}
    places = {}
    for name, file in grid_files().items():
        places[name] = file.stem if file.parent.name == "experiments" else f"{file.parent.name}/{file.stem}"
        plan = make_plan(name, Selection(), Path("results"), costs=False)
        for run in plan.runs:
            key = (run.spec.dataset, canonical(run.spec.model), float(run.spec.frames))
            runs.setdefault(key, []).append((plan, run))
    return runs, places


def _runs_of(
    row: Mapping[str, Any], planned: Mapping[tuple, list[tuple[Plan, PlannedRun]]]
) -> list[tuple[Plan, PlannedRun]]:
    """The planned runs that a row stands beside: those that differ least from what it states, of its own paper first.

    A run that is there to pretrain others comes last.
    """
    key = (row["dataset"], canonical(row["suite_name"] or row["name"]), row["frames"])
    fitting = [(plan, run) for plan, run in planned.get(key, []) if namesake([dict(row)], planned_factors(run))]
    # by grid too: two grids may test the same run with other views
    odd = {(plan.name, run.id): _differences(row, run) for plan, run in fitting}
    fewest = min(map(len, odd.values()), default=0)
    paper = str(row["source"]).partition(" ")[0]

    def order(found: tuple[Plan, PlannedRun]) -> tuple[bool, ...]:
        plan, run = found
        return not (plan.grid.reference or "").startswith(paper), paper not in plan.grid.protocol, run.pretrains

    return sorted((one for one in fitting if len(odd[one[0].name, one[1].id]) == fewest), key=order)


def _differences(row: Mapping[str, Any], run: PlannedRun) -> list[str]:
    """In what a run differs from what a row states; its further views count as tested."""
    odd = differences(dict(row), planned_factors(run))
    number = (row["factors"].get("views") or {}).get("number")
    tested = {test.clips * test.crops for test in run.spec.evaluations()}
    return [name for name in odd if name != "views" or number not in tested]


def planned_factors(run: PlannedRun) -> dict[str, Any]:
    """The factors that a run will have as far as its plan tells, what pretrains it in the same grid among them."""
    chain = []
    first = run
    while first.parent is not None and not first.spec.transfer:
        first = first.parent
        chain.insert(0, first.spec)
    before = first.parent.spec if first.spec.transfer and first.parent else None
    source = (
        {"pretraining": {"dataset": before.dataset, "model": before.model, "frames": before.frames}} if before else {}
    )
    weights = {"weights": source}
    return of_run(run.spec, chain, None, weights, first=weights)
