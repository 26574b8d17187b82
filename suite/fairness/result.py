"""One result in a comparison, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from suite.evaluation.predictions import Outcome


@dataclass(frozen=True)
class Result:
    """One result: how it is called, its top-1 (percent) over n videos, its factors, its predictions where known."""

    label: str
    top1: float
    n: float
    factors: dict[str, Any]
    outcome: Outcome | None = None
    row: dict[str, Any] | None = None  # in the schema of `suite.statistics.run_table`
