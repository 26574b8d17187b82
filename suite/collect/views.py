"""Accuracy by the number of test views, of the runs whose protocol asks for further views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.statistics.run_table import name_with_control
from suite.store.evaluations import stored_test
from suite.sweep.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["dataset", "model", "frames", "seed", "clips", "crops", "gmacs", "top1", "n", "distinct_views", "id"]


def tests_by_views(plan: Plan, names: dict[str, str]) -> pd.DataFrame | None:
    """One row per finished run and test geometry, where a run has several; None where none has.

    names: id of a run -> its name in tables, to which control runs add theirs; other runs are left out.  gmacs:
    multiply-adds per video in 1e9, of a clip times the views; top1 in percent of n videos; distinct_views: mean number
    of views per video that differ.
    """
    import pandas as pd

    from suite.models.cost import cost

    found = []
    for run in plan.runs:
        how, result = run.spec.protocol.evaluation, run.result()
        if not how.views or result is None or run.id not in names:
            continue
        per_clip = result["macs"]
        if run.spec.protocol.test_size != run.spec.protocol.size:
            per_clip = cost(run.spec.network, run.spec.frames, run.spec.protocol.test_size, result["classes"]).macs
        for test in run.spec.evaluations():
            accuracies = stored_test(run.folder, test).accuracies
            views = test.clips * test.crops
            name = name_with_control(names[run.id], run.control)
            about = {"dataset": run.spec.dataset, "model": name, "frames": run.spec.frames, "id": run.id}
            about |= {"seed": run.spec.seed, "clips": test.clips, "crops": test.crops}
            about |= {"gmacs": per_clip * views / 1e9, "top1": accuracies["top1"], "n": accuracies["n"]}
            found.append(about | {"distinct_views": _mean(accuracies.get("distinct_views"), views)})
    return pd.DataFrame(found, columns=COLUMNS) if found else None


def _mean(different: dict[str, int] | None, views: int) -> float:
    """Mean over videos of the number of different views; different: that number -> videos, None where all differ."""
    if not different:
        return float(views)
    return sum(int(count) * videos for count, videos in different.items()) / sum(different.values())
