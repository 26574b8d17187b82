"""The one table of results behind a report: our runs, published rows and predictions of other codebases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.fairness.tuned import counts
from suite.models.frame_wise import frame_wise_baseline
from suite.spec import BadInput, display_name, without_setting
from suite.statistics import run_table
from suite.statistics.contribution import contribution_cells
from suite.store.evaluations import predictions_of
from suite.store.folder import stored_beside
from suite.sweep.planned_run import settings_text
from suite.sweep.summary import SETTING, SUMMARY, rows

if TYPE_CHECKING:
    import pandas as pd

    from suite.sweep.plan import Plan, PlannedRun


@dataclass(frozen=True, eq=False)
class ResultsTable:
    """All results of a report in the schema of `suite.statistics.run_table`, from whatever they come.

    Built once per report with `of` and passed on.  Its frames are made when first asked for and shared by everything
    that reads them: a reader that adds a column works on a copy (`DataFrame.assign`).
    """

    runs: pd.DataFrame  # one row per run, whatever its state, in the order of the tables

    @classmethod
    def of(cls, results: pd.DataFrame) -> ResultsTable:
        """The table of rows in any order; raises BadInput where they lack a column that is needed."""
        if "name" in results:
            results = results.assign(frame_wise=[_frame_wise(str(name)) for name in results["name"]])
        return cls(run_table.tidy(results))

    @cached_property
    def finished(self) -> pd.DataFrame:
        """The runs that are done and have a top-1.  Raises BadInput as `run_table.finished`."""
        return run_table.finished(self.runs)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per model, data set and number of frames: the finished runs averaged over seeds."""
        return run_table.mean_over_seeds(self.finished)

    @cached_property
    def contribution_cells(self) -> pd.DataFrame:
        """Phi and Psi of every finished run against its frame-wise baseline."""
        return contribution_cells(self.single_models.finished)

    @cached_property
    def datasets(self) -> pd.DataFrame:
        """One row per data set: n, chance and upper bounds (percent), from the first run that knows each."""
        return run_table.datasets(self.runs)

    @cached_property
    def pretraining_sets(self) -> frozenset[str]:
        """The data sets on which runs were only pretrained."""
        if "pretrains" not in self.runs:
            return frozenset()
        only = self.runs["pretrains"].eq(True).groupby(self.runs["dataset"]).all()
        return frozenset(only[only].index)

    @cached_property
    def stages(self) -> ResultsTable:
        """The table without control runs, which are no cells of a grid."""
        return self.where(self.runs["control"] == "")

    @cached_property
    def single_models(self) -> ResultsTable:
        """The table without ensembles, which are no level of a factor and have no baseline."""
        return self.where(self.runs["module"] != run_table.ENSEMBLE)

    def without(self, ids: Iterable[str]) -> ResultsTable:
        """The table without the runs of these ids."""
        return self.where(~self.runs["id"].isin(set(ids)))

    def where(self, kept: pd.Series) -> ResultsTable:
        """The table of the runs for which `kept` (bool, by the index of `runs`) holds; itself where that is all."""
        return self if kept.all() else ResultsTable(self.runs[kept].reset_index(drop=True))


def _frame_wise(name: str) -> str:
    return frame_wise_baseline(without_setting(name)[0])


def collect_results(
    ours: pd.DataFrame,
    published: Iterable[str] = (),
    predictions: Iterable[Path] = (),
    ensembles: Iterable[dict[str, Any]] = (),
) -> ResultsTable:
    """The rows of our runs (`run_rows`), published sources on their data sets, predictions of other codebases and
    ensembles of runs (`suite.collect.ensembles.ensemble_rows`).

    Raises BadInput for a source without a row on these data sets, a file on another data set or given twice, and as
    `suite.collect.resolve.from_file`.
    """
    import pandas as pd

    parts = [ours]
    for source in published:
        parts.append(_published(source, set(ours["dataset"])))
    for path in predictions:
        theirs = _predicted(path, ours)
        if any(theirs["id"] in set(part["id"]) for part in parts):
            raise BadInput(f"{path} is given twice.")
        parts.append(pd.DataFrame([theirs]))
    parts += [pd.DataFrame([row]) for row in ensembles]
    return ResultsTable.of(pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0])


def run_rows(plan: Plan) -> pd.DataFrame:
    """The rows of a plan with where their evidence comes from: factors, predictions, test views.

    The column `setting` is there where a run has one.  pretrains: whether others of the plan start from its weights on
    other data.
    """
    import pandas as pd

    from suite.fairness.run_factors import read_run

    done = [run.state() == "done" for run in plan.runs]
    factors = [read_run(run.spec, run.folder) if ok else None for run, ok in zip(plan.runs, done, strict=True)]
    files = [
        predictions_of(run.folder, run.spec) if ok else ("", None) for run, ok in zip(plan.runs, done, strict=True)
    ]
    notes = [_data_notes(run) if ok else [] for run, ok in zip(plan.runs, done, strict=True)]
    views = [run.spec.protocol.evaluation.clips * run.spec.protocol.evaluation.crops for run in plan.runs]
    listed = rows(plan)
    columns = [*SUMMARY, *([SETTING] if any(SETTING in row for row in listed) else [])]
    return pd.DataFrame(listed, columns=columns).assign(
        factors=factors,
        data_notes=notes,
        predictions=[str(clip_level or "") for clip_level, _ in files],
        video_predictions=[str(video_level or "") for _, video_level in files],
        views=views,
        pretrains=[run.pretrains for run in plan.runs],
    )


def reported_rows(ours: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """The rows of `run_rows` that tables show, each under the name that it has there.

    A run with values of `axes` has them behind the name of its model.  Of runs that were tuned, the chosen one of each
    model stands for it (`suite.fairness.tuned`); column `tested`: how many finished runs of the model that makes.
    """
    if SETTING not in ours:
        return ours
    kept, names, chosen = [], [], []
    alike = [_apart_from_tuning(run) for run in plan.runs]
    done = Counter(key for key, run in zip(alike, plan.runs, strict=True) if run.state() == "done")
    for run in plan.runs:
        tuned = run.spec.protocol.tuned
        kept.append(not tuned or (run.state() == "done" and counts(run.spec, run.folder.path.parent)))
        names.append(run.label)
        chosen.append(settings_text({key: run.setting[key] for key in tuned}) if tuned else "")
    rows = ours.assign(name=names, chosen=chosen, tested=[done[key] for key in alike])
    return rows[kept].reset_index(drop=True)


def _apart_from_tuning(run: PlannedRun) -> tuple[Any, ...]:
    """What runs have in common that differ in nothing but the values that were tuned."""
    return run.spec.dataset, run.label, run.control, run.spec.frames, run.spec.seed, run.spec.transfer


def tuning_left(plan: Plan) -> list[str]:
    """A sentence for each model that tables leave out because not all of its settings are finished."""
    groups: dict[tuple, list[bool]] = {}
    for run in plan.runs:
        if run.spec.protocol.tuned:
            groups.setdefault(_apart_from_tuning(run), []).append(run.state() == "done")
    return [
        f"{display_name(name)}, {frames} frames, seed {seed}, on {dataset} is left out: {sum(done)} of {len(done)} "
        "settings that are to be tried are finished."
        for (dataset, name, _, frames, seed, _), done in groups.items()
        if any(done) and not all(done)
    ]


def _data_notes(run: PlannedRun) -> list[str]:
    """What the record of a run says of its videos: left out, held out by path, relabelled."""
    data = run.folder.read_provenance().get("data")
    data = data if isinstance(data, dict) else {}
    notes = data.get("notes")
    found = [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
    videos = [(data.get(split) or {}).get("videos", 0) for split in ("train", "dev")]
    trained, batch = videos[0] - videos[1] if all(isinstance(n, int) for n in videos) else 0, run.spec.protocol.batch
    if run.spec.protocol.epochs and trained % batch:
        found.append(
            f"Each epoch leaves out {trained % batch} of {trained} training videos, which do not fill a batch of "
            f"{batch}; other ones each time."
        )
    return found


def _published(source: str, datasets: set[str]) -> pd.DataFrame:
    from suite.published.references import published_rows

    found = published_rows(source)
    found = found[found["dataset"].isin(datasets) & found["frames"].notna()]
    if found.empty:
        raise BadInput(f"{source} has no published row with known frames on {', '.join(sorted(datasets))}.")
    return found.assign(name=found["name"] + " (" + found["source"] + ")", predictions="")


def _predicted(path: Path, ours: pd.DataFrame) -> dict[str, Any]:
    """The row of a predictions file."""
    from suite.collect.predictions_file import from_file

    found = from_file(path)
    theirs = found.row | {"predictions": found.outcome}
    if theirs["dataset"] not in set(ours["dataset"]):
        raise BadInput(f"{path.name} has predictions on {theirs['dataset']}, which is not a data set of this grid.")
    if theirs["frames"] != theirs["frames"]:
        raise BadInput(
            f"{path.with_suffix('.yaml').name} does not specify 'frames', which decides the column of a table."
        )
    return _labelled(theirs, ours)


def _labelled(theirs: dict[str, Any], ours: pd.DataFrame) -> dict[str, Any]:
    """Predictions that come without labels get those of a finished run on the same data set, and so an accuracy."""
    from suite.evaluation.own_predictions import read_own
    from suite.evaluation.predictions import aligned

    outcome = theirs["predictions"]
    with_labels = ours[(ours["dataset"] == theirs["dataset"]) & (ours["predictions"] != "")]
    if not len(with_labels):
        return theirs
    file = Path(with_labels["predictions"].iloc[0])
    own = read_own(file, stored_beside(file).get("class_names"))
    right, _ = aligned(outcome, own, (theirs["name"], "this grid's runs"))  # refuses other videos, and other labels
    if outcome.classes and own.classes:
        outcome = outcome.in_order_of(own.classes, theirs["name"])
    outcome = replace(outcome, labels=own.labels)
    return theirs | {"predictions": outcome, "top1": 100 * float(right.mean())}
