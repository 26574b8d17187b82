"""How the person started the suite, for messages that name a command to type."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

RESULTS = Path("results")  # where results lie unless --results names another place


def command(arguments: str) -> str:
    """A command line of the suite, with the program named as it was started.

    `suite` where the shell finds it, `.venv/bin/suite` in a checkout, `python -m suite` where it began so.
    """
    started = Path(sys.argv[0]) if sys.argv else Path("suite")
    if started.parts[-2:] == ("suite", "__main__.py"):
        return f"{_as_typed(Path(sys.executable))} -m suite {arguments}"
    return f"{_as_typed(started) if started.name == 'suite' else 'suite'} {arguments}"


def results_option(place: Path) -> str:
    """` --results DIR` for the end of a command line; nothing for the usual place."""
    return "" if place == RESULTS else f" --results {shlex.quote(str(place))}"


def _as_typed(program: Path) -> str:
    """The shortest name under which the shell finds a program from here."""
    on_path = shutil.which(program.name)
    if program == Path(program.name) or (on_path and os.path.abspath(on_path) == os.path.abspath(program)):
        return program.name
    absolute = Path(os.path.abspath(program))
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)
