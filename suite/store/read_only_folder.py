"""A run's folder in processes that do not write there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suite.store.folder import RunFolder
from suite.store.identity import RunSpec


class ReadOnlyFolder(RunFolder):
    """The folder of a run for its processes beside the first: they read in it, and write nothing."""

    @contextlib.contextmanager
    def claimed(self, key: str = "", wait: float = 0.0) -> Iterator[None]:
        yield None  # the first process has it, or the one that has started them

    def create(self, spec: RunSpec, anew: bool = False) -> None: ...
    def finish(self, result: dict[str, Any]) -> None: ...
    def write(self, path: Path, content: str | bytes) -> None: ...
    def clear_error(self) -> None: ...
    def add_log(self, message: str) -> None: ...
    def keep_history(self, epochs: int) -> None: ...
    def add_history(self, record: dict[str, Any]) -> None: ...
