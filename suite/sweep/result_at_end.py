"""What a run whose process has ended has left: a result that is whole, or a reason why there is none."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from suite.spec import BadInput
from suite.sweep.executors.base import DONE, EXITED, INPUT, End
from suite.sweep.planned_run import PlannedRun

LATE = 3.0  # seconds in which a result that was written must be seen


def result_at_end(run: PlannedRun, end: End) -> tuple[dict[str, Any] | None, End]:
    """The result of a run, whatever its process said, and its end: another one where what it said does not hold."""
    try:
        result = _late_result(run) if end.cause == DONE else run.result()
    except BadInput as error:
        return None, End(INPUT, str(error))
    if result is None and end.cause == DONE:
        end = End(EXITED, "The run ended without result.json; the file was removed or not written.")
    return result, end


def _late_result(run: PlannedRun) -> dict[str, Any] | None:
    """The result of a run whose process says that it wrote one: on NFS, another machine may see the file later."""
    until = time.monotonic() + LATE
    while (result := run.result()) is None and time.monotonic() < until:
        time.sleep(0.1)
        with contextlib.suppress(OSError):
            os.listdir(run.folder.path)  # opening the folder makes an NFS client ask the server again
    return result
