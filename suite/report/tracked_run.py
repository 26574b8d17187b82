"""What MLflow has of one run, or is to have: compared, so that only what is missing is logged."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

SCHEDULED, RUNNING, FINISHED, FAILED, KILLED = "SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"  # MLflow's
CHILD_OF, NOTE = "mlflow.parentRunId", "mlflow.note.content"  # its interface nests runs, and shows a description
RESULT_TAG = "suite.result"
KEY_LENGTH, VALUE_LENGTH = 250, 6000  # characters, MLflow's limits
TAG_LENGTH = 5000
CLOCKS = ("epoch/seconds",)  # an epoch that is trained again after a kill has another time, and the same rest
OURS = "suite."  # beginning of our tags


@dataclass
class TrackedRun:
    """One run.  params, tags: text; metrics: the latest value by key; epochs: values by (key, epoch).

    content: of a run that has ended, a digest of all that is logged of it; times in milliseconds since 1970.
    """

    id: str  # of the suite
    status: str
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    epochs: dict[tuple[str, int], float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    content: str = ""
    artifacts: list[tuple[Path, str]] = field(default_factory=list)  # each with its folder in MLflow, "" for none
    starts_from: str | None = None  # id of the suite
    started: int | None = None
    ended: int | None = None
    times: dict[int, int] = field(default_factory=dict)  # when each epoch ended
    mlflow_id: str = ""
    epochs_read: bool = False  # whether `epochs` is all that MLflow has
    logged_at: int = 0  # time of the latest metric of an epoch

    @classmethod
    def of_mlflow(cls, id: str, run: Any) -> TrackedRun:
        """What MLflow has, but the values of single epochs."""
        data = run.data
        return cls(
            id, run.info.status, dict(data.params), dict(data.metrics), tags=dict(data.tags), mlflow_id=run.info.run_id
        )

    def with_tags(self, tags: Mapping[str, str]) -> TrackedRun:
        return replace(self, tags={key: value[:TAG_LENGTH] for key, value in tags.items()})

    def matches(self, wanted: TrackedRun) -> bool:
        """Whether MLflow's run is what is wanted, without looking at single epochs: an ended run with the same content,
        or one at work of which all epochs are logged."""
        same = self.status == wanted.status and not (self.missing_tags(wanted) or self.superfluous_tags(wanted))
        if wanted.content:
            return same and self.tags.get(RESULT_TAG) == wanted.content
        return (
            same and self.epochs_read and self.epochs == wanted.epochs and self.params.items() >= wanted.params.items()
        )

    def contradicts(self, wanted: TrackedRun) -> bool:
        """Whether something in MLflow's run is not so, and cannot be mended by adding to it.

        Epochs beyond the last one are only so once the run has ended: one that was killed trains them again.
        """
        if any(wanted.params.get(key, value) != value for key, value in self.params.items()):
            return True
        finals = {key: value for key, value in self.metrics.items() if is_final(key)}
        if any(not same(wanted.metrics.get(key), value) for key, value in finals.items()):
            return True
        for place, value in self.epochs.items():
            if place not in wanted.epochs:
                if wanted.status == FINISHED:
                    return True
            elif place[0] not in CLOCKS and not same(wanted.epochs[place], value):
                return True
        return False

    def missing_metrics(self, wanted: TrackedRun) -> list[tuple[str, float, int, int]]:
        """(key, value, time, step) of what MLflow's run lacks; what was trained again gets a later time."""
        out = []
        for (key, step), value in wanted.epochs.items():
            if not same(self.epochs.get((key, step)), value):
                at = wanted.times.get(step, 0)
                out.append((key, value, max(at, self.logged_at + 1) if (key, step) in self.epochs else at, step))
        at = wanted.ended or 0
        out += [(key, value, at, 0) for key, value in wanted.metrics.items() if key not in self.metrics]
        return out

    def note_metrics(self, wanted: TrackedRun, logged: list[tuple[str, float, int, int]]) -> None:
        self.epochs |= wanted.epochs
        self.metrics |= wanted.metrics
        self.logged_at = max([self.logged_at, *(at for _, _, at, _ in logged)])

    def missing_tags(self, wanted: TrackedRun) -> dict[str, str]:
        """Tags to set; a description that a person wrote stays."""
        out = {key: value for key, value in wanted.tags.items() if self.tags.get(key) != value}
        if NOTE in out and not self.tags.get(NOTE, "Starts from [").startswith("Starts from ["):
            del out[NOTE]
        return out

    def superfluous_tags(self, wanted: TrackedRun) -> list[str]:
        return [key for key in self.tags if key.startswith(OURS) and key not in wanted.tags and key != RESULT_TAG]


def is_final(key: str) -> bool:
    """Whether a metric is of a finished run as a whole, and ours."""
    return key in FINAL or key.startswith(TEST)


FINAL = (
    *("top1", "top5", "top1_video", "pair_top1", "best_top1", "dev_top1"),  # percent
    *("params", "conv_gmacs", "gmacs", "n", "epochs_seen", "selected_epoch"),
)
TEST = "test/"  # beginning of the metrics of a further test


def same(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-12, abs_tol=0.0)


def flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested keys dotted, names in MLflow's characters, values as text, both cut to MLflow's lengths."""
    out: dict[str, str] = {}
    for key, value in data.items():
        name = prefix + str(key)
        if isinstance(value, dict) and value:
            out |= flat(value, name + ".")
        else:
            out[metric_name(name)] = str(value)[:VALUE_LENGTH]
    return out


def metric_name(key: str) -> str:
    return re.sub(r"[^\w./ -]", "_", key)[:KEY_LENGTH]


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
