"""Messages name commands as the person typed the program."""

import sys

import pytest

from suite.program import command


@pytest.mark.parametrize(
    ("started", "shown"),
    [
        ("suite", "suite"),
        ("{here}/.venv/bin/suite", ".venv/bin/suite"),
        (".venv/bin/suite", ".venv/bin/suite"),
        ("/opt/other/bin/suite", "/opt/other/bin/suite"),
        ("{here}/found/suite", "suite"),
        ("/somewhere/pytest/__main__.py", "suite"),
        ("{here}/suite/__main__.py", ".venv/bin/python -m suite"),
    ],
)
def test_the_program_is_named_as_it_was_started(tmp_path, monkeypatch, started, shown):
    (tmp_path / "found").mkdir()
    program = tmp_path / "found" / "suite"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "found"))
    monkeypatch.setattr(sys, "argv", [started.format(here=tmp_path)])
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert command("data check x") == f"{shown} data check x"
