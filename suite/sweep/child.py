"""A function in a process of its own: what it imports, PyTorch for example, takes no memory of this one."""

from __future__ import annotations

import ctypes
import multiprocessing
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
Value = TypeVar("Value")


class ChildFailed(RuntimeError):
    """The process ended without a value: it was killed, or its code has an error that was printed there."""


def in_child(function: Callable[..., Value], *args: Any, **options: Any) -> Value:
    """What `function` returns, computed in a process that writes to the same terminal.

    An exception that it raises is raised here.  The process ends with this one, however this one ends.
    """
    # A fork takes along the locks that other threads hold at that moment, and nobody would ever release them.
    context = multiprocessing.get_context("fork" if threading.active_count() == 1 else "spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(theirs, function, args, options))
    process.start()
    theirs.close()
    try:
        try:
            value, error = ours.recv()
        except EOFError:
            process.join()
            raise ChildFailed(f"{function.__name__} ended with exit code {process.exitcode}.") from None
    finally:
        ours.close()
        if process.is_alive() and sys.exc_info()[0] is not None:  # Ctrl-C
            process.terminate()
        process.join()
    if error is not None:
        raise error
    return value


def _run(driver: Connection, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    value, error = None, None
    try:
        value = function(*args, **options)
    except (Exception, SystemExit) as caught:
        error = caught if _travels(caught) else ChildFailed(f"{type(caught).__name__}: {caught}")
        if isinstance(error, ChildFailed):
            traceback.print_exc()
    except KeyboardInterrupt:
        return  # the driver has had it too
    driver.send((value, error))


def _travels(error: BaseException) -> bool:
    """Whether an exception can be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True
