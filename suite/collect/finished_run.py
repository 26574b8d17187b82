"""A finished run as a Python object: what it was, what it reached, what it predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.collect.resolve import read_results, resolve_run
from suite.evaluation.predictions import check_stored, read_own
from suite.fairness.sides import compare_sides
from suite.spec import BadInput
from suite.store.evaluations import predictions_of, result_of
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FinishedRun:
    """One finished run.

    id: of the run; spec: its full configuration; result: accuracies (percent), `n` test videos, `params`, `conv_macs`
    and `macs` (multiply-adds of one clip), and what else its result.json holds; folder: where its files are.
    """

    id: str
    spec: RunSpec
    result: dict[str, Any]
    folder: Path

    @property
    def top1(self) -> float:
        """Clip-level top-1 accuracy in percent."""
        return self.result["top1"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of labels and logits; K of them."""
        return tuple(self.result["class_names"])

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per test video: `id`, `label` (class number), `logits` (K,), fused over its views.

        Raises BadInput where the file is damaged, or does not give the stored accuracies.
        """
        import pandas as pd

        run = RunFolder(self.folder)
        file, _ = predictions_of(run, self.spec)
        check_stored(self.result, read_own(file, self.classes), self.id)
        return pd.read_parquet(file)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch: loss, learning rate, and accuracies on held-out videos where there are any."""
        import pandas as pd

        return pd.DataFrame(RunFolder(self.folder).read_history())


def load(run: str | Path, results: str | Path = "results") -> FinishedRun:
    """The finished run that `run` names: its id, the beginning of one, or its folder.

    results: the folder that holds the grids' results.  Raises BadInput when there is no such run, when several have
    that beginning, when it is not finished, or when its files were changed by hand.
    """
    folder = resolve_run(str(run), Path(results))
    spec = folder.spec()
    result = result_of(folder, spec)
    if result is None:
        raise BadInput(f"The run {folder.id} is not finished.")
    return FinishedRun(folder.id, spec, result, folder.path)


def compare(
    a: str | Sequence[str],
    b: str | Sequence[str],
    *,
    axis: str = "module",
    margin: float | None = None,
    results: str | Path = "results",
) -> dict[str, Any]:
    """Two results: what differs besides `axis`, whether they are comparable, and the difference in top-1.

    a, b: what `suite compare` takes (run id, folder, published row, predictions file), or a list of ids that differ in
    the seed alone.  margin: percentage points within which they count as equivalent.  Returns what `suite compare
    --json` prints: `comparable`, `grade`, `confounds`, `n` videos, `difference` (percentage points, a minus b), `ci95`,
    `p_mcnemar` (exact McNemar test, McNemar 1947).  Raises BadInput when a side is not found, or the two were not
    tested on the same videos.
    """
    sides = [read_results(side if isinstance(side, str) else ",".join(side), Path(results)) for side in (a, b)]
    return compare_sides(*sides, axis=axis, margin=margin)
