"""The process that logs a sweep to MLflow: it looks at the files of the runs every few seconds.

The driver of the sweep starts it, tells it on its standard input when the sweep has ended, and reads what it tells:
one JSON object per line.  It imports MLflow, so nothing of it may be imported by the driver.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suite.report.publishing import Publisher
from suite.report.tracking import TrackingError
from suite.spec import one_line
from suite.store.claims.claim import Busy
from suite.store.claims.held import held
from suite.store.claims.silence import Watch

LOOK = 3.0  # seconds between looks at the files
LONGEST_PAUSE = 60.0  # seconds between tries while MLflow does not answer
CLAIM_WAIT = 3.0  # seconds that one waits at the end for the process that logs the same grid
LAST_TRIES = 2  # at the end: what is remembered of MLflow may be out of date at the first
ORPHAN = 60.0  # seconds that it may work on when the driver is gone
CLAIM = ".mlflow"  # in the folder of the grid

Tell = Callable[[dict[str, Any]], None]


def follow(publisher: Publisher, ended: threading.Event, tell: Tell, look: float = LOOK) -> bool:
    """Logs what is new until `ended` is set, and then all; whether MLflow has everything then.

    One process per grid does so; another waits until that one has ended.  tell: gets `{"waiting": …}` where that one
    is still at work at the end, `{"problem": …}` when MLflow does not answer, once and at the end.
    """
    watch = Watch()
    with contextlib.ExitStack() as stack:
        while True:
            last = ended.is_set()
            try:
                stack.enter_context(held(publisher.folder / CLAIM, wait=CLAIM_WAIT if last else 0, watch=watch))
                break
            except (Busy, OSError) as error:
                if last:
                    tell({"waiting" if isinstance(error, Busy) else "problem": one_line(str(error))})
                    return False
            ended.wait(look)
        return _follow(publisher, ended, tell, look)


def _follow(publisher: Publisher, ended: threading.Event, tell: Tell, look: float) -> bool:
    failures, tries = 0, 0
    while True:
        last = ended.is_set()
        tries += last
        try:
            publisher.publish(last)
            failures = 0
            if last:
                return True
        except (TrackingError, OSError) as error:
            failures += 1
            if failures == 1 or tries == LAST_TRIES:
                tell({"problem": one_line(str(error))})
            if tries == LAST_TRIES:
                return False
        ended.wait(min(LONGEST_PAUSE, look * 2**failures) if failures else look)


def main(folder: Path) -> int:
    """The process that a driver starts: 0 when MLflow has everything, else 1."""
    ended = threading.Event()
    guard = threading.Lock()

    def tell(message: dict[str, Any]) -> None:
        with guard, contextlib.suppress(OSError, ValueError):  # the driver may be gone
            print(json.dumps(message), flush=True)

    def listen() -> None:
        asked = sys.stdin.readline()
        if not asked:  # the driver was killed: not more than the last look
            threading.Thread(target=lambda: (time.sleep(ORPHAN), os._exit(1)), daemon=True).start()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(10)  # runs come first
    told, longest = 0.0, 0.0

    def progress(seconds: float) -> None:
        nonlocal told, longest
        if seconds != longest or time.monotonic() - told > 1:
            told, longest = time.monotonic(), seconds
            tell({"progress": seconds})

    try:
        publisher = Publisher(folder, progress=progress)
        complete = follow(publisher, ended, tell)
        if complete and publisher.skipped:
            name, why = next(iter(publisher.skipped.items()))
            tell({"problem": f"{len(publisher.skipped)} runs cannot be read (first {name}: {why})"})
            complete = False
    except Exception as error:  # a defect of ours must not look like a hang
        tell({"problem": one_line(f"{type(error).__name__}: {error}")})
        complete = False
    tell({"complete": complete})
    return 0 if complete else 1


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(code)  # threads of an HTTP library may hang
