"""What tests of commands share."""

import sys

import pytest

from suite.__main__ import main


@pytest.fixture
def suite(capsys, monkeypatch):
    """Runs `suite ARGS` in this process at a width; gives exit code, standard output and standard error."""

    def run(*args, width=80):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "argv", ["suite", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run
