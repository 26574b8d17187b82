"""The command line: `suite <command>`.  The commands themselves are in `suite.commands`.

Exit codes: 0 done, 1 some run failed or a check does not hold, 2 bad input.
"""

from __future__ import annotations

import os
import sys

import typer

# each registers its own commands
from suite.commands import benchmarks, comparing, datasets, networks, provenance, record, sweeping  # noqa: F401
from suite.commands.options import app, say
from suite.spec import BadInput, one_line


def main() -> None:
    """Runs a command; what the person can mend becomes one line and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except BadInput as error:
        say(f"suite: {error}")
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        say(one_line(f"suite: {error.filename or 'A file'}: {error.strerror or error}."))
        sys.exit(2)
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's own complaints about the command line have it
            raise
        say(one_line(f"suite: {error.format_message()} (suite --help lists what there is)"))
        sys.exit(2)


if __name__ == "__main__":
    main()
