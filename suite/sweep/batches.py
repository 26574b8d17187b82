"""Batches that are larger than a training split: known from the plan and the sizes of its data sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from suite.sweep.planned_run import PlannedRun


def too_large(runs: Iterable[PlannedRun], videos: Mapping[str, int]) -> list[str]:
    """A clause per batch size that a training split cannot fill, with one that fits; videos: data set -> training
    videos, without those that are not known."""
    problems = []
    for run in runs:
        protocol = run.spec.protocol
        if run.state() == "done" or run.spec.dataset not in videos:
            continue
        count = int(videos[run.spec.dataset] * (1 - protocol.dev))
        if protocol.epochs and protocol.batch > count:
            step = max(1, min(protocol.per_step, count))
            fits = max(1, count - count % step)
            mend = f"--set batch={fits} --set step_batch={step} fits"
            if run.pretrains:  # `set` of the grid does not reach it
                mend += f", for all runs; for these alone, batch: {fits} and step_batch: {step} in pretrain.set"
            problems.append(
                f"the batch size {protocol.batch} is larger than the number of training videos of {run.spec.dataset}, "
                f"{count} ({mend})"
            )
    return list(dict.fromkeys(problems))
