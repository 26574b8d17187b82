"""Whether a run is tried again: each cause of an end has its own number of retries."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from suite.spec import BadInput
from suite.store.full_disk import no_space
from suite.sweep.executors.base import DISK, INPUT, End

SAME_ERROR = 3  # first runs that end with the same exception, after which the sweep stops


@dataclass
class Retries:
    """How often each run has ended, and why."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by run and cause
    first_errors: dict[str, str] = field(default_factory=dict)  # by run, until one is done

    def again(self, run: str, cause: str, most: int) -> bool:
        """Whether a run that has ended by a cause is tried again: at most `most` times for that cause."""
        self.counts[run, cause] += 1
        return self.counts[run, cause] <= most

    def all_alike(self, run: str, error: str) -> bool:
        """Takes in the exception of a run; whether the first runs all end with this one: the others would too."""
        self.first_errors.setdefault(run, re.sub(r"\d+", "#", error.replace(run, "RUN")))
        texts = list(self.first_errors.values())
        return len(texts) >= SAME_ERROR and len(set(texts)) == 1


def end_by(error: OSError | BadInput, folder: Path) -> End:
    """The end of a run that could not be started."""
    if isinstance(error, BadInput):
        return End(INPUT, str(error))
    return End(DISK, no_space(error, folder) or f"{error.filename}: {error.strerror}.")
