"""The command line: `suite <command>`.  The commands themselves are in `suite.commands`.

Exit codes: 0 done, 1 some run failed or a check does not hold, 2 bad input.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import typer

from suite.commands.options import app, log
from suite.spec import BadInput, SeveralProblems, one_line

for name in (
    "sweeping",
    "reporting",
    "watching",
    "provenance",
    "comparing",
    "record",
    "figures",
    "networks",
    "ensembles",
    "benchmarks",
    "datasets",
    "logs",
    "cleaning",
    "tracking",
):
    import_module(f"suite.commands.{name}")  # each registers its commands; --help lists them in this order


def main() -> None:
    """Runs a command; what the person can mend becomes one line and exit code 2."""
    try:
        code = app(standalone_mode=False, prog_name="suite") or 0
    except SystemExit as error:  # no command of ours does that
        log(f"suite: Code of a model called sys.exit({one_line(repr(error.code))}); remove the call.")
        sys.exit(2)
    except SeveralProblems as error:
        for number, line in enumerate(error.lines()):
            log(line if number else f"suite: {line}")
        sys.exit(2)
    except BadInput as error:
        log(f"suite: {error}")
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        log(one_line(f"suite: {error.filename or 'A file'}: {error.strerror or error}."))
        sys.exit(2)
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's own complaints about the command line have it
            raise
        context = getattr(error, "ctx", None)
        said = error.format_message()
        said += "" if said.endswith((".", "?")) else "."
        log(one_line(f"suite: {said} See {context.command_path if context else 'suite'} --help."))
        sys.exit(2)
    sys.exit(code)


if __name__ == "__main__":
    main()
