"""The signals that ask a sweep to stop: Ctrl-C, kill, and a terminal that was closed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class StopSignals:
    """Counts SIGINT, SIGTERM and SIGHUP; under nohup SIGHUP stays ignored."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def caught(self) -> Iterator[None]:
        """The block in which signals are counted, instead of ending this process."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            wanted.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._note) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: object) -> None:
        self.count += 1
        if number == signal.SIGHUP:
            _forget_lost_terminal()


def _forget_lost_terminal() -> None:
    """What is printed to a terminal that was closed goes nowhere, instead of raising an error."""
    for stream in (1, 2):
        try:
            os.write(stream, b"")
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
