"""A model may be a function of the user's: it is imported for the user's own files, and for others' when allowed."""

import json
import sys

import pytest

from suite.__main__ import main
from suite.models import user_code
from suite.spec import written_by_others
from suite.store.archive import open_archive, pack
from suite.sweep.archived import stage
from tests.made_up_runs import made_up_plan

GRID = "protocol: smoke\ndata: calib_order\nmodels: ['{}:make']\nchain: {{frames: [8]}}\nset: {{size: 32}}\n"
CODE = """
print("imported")
open("imported", "w").close()
from torch import nn


class Mean(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.fc = nn.Linear(3, classes)

    def forward(self, x):
        print("forward")
        return self.fc(x.mean((2, 3, 4)))


def make(num_classes, frames, size):
    print("made")
    return Mean(num_classes)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A working directory with a module of the user; gives the module's name."""
    name = f"module_of_{tmp_path.name}"
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for field, value in vars(user_code.ImportRules()).items():
        monkeypatch.setattr(user_code.RULES, field, value)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def answer(monkeypatch, capsys):
    """Runs a command; gives exit code, standard output and standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["suite", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return run


def imported(tmp_path):
    return (tmp_path / "work" / "imported").exists()


def test_code_of_an_own_grid_is_imported_with_a_line_that_names_its_file(module, answer, tmp_path):
    (tmp_path / "work" / "mine.yaml").write_text(GRID.format(module))
    code, out, err = answer("plan", "mine.yaml", "--json")
    assert code == 0
    assert json.loads(out)["runs"][0]["name"] == f"{module}:make"  # nothing that the code prints is in it
    assert err.splitlines()[0] == (
        f"note: importing code from {tmp_path / 'work' / module}.py for the model {module}:make"
    )
    assert imported(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["elsewhere", "linked"])
def test_code_of_a_grid_outside_the_working_directory_needs_allow_code(module, answer, tmp_path, place):
    (tmp_path / "theirs.yaml").write_text(GRID.format(module))
    grid = tmp_path / "theirs.yaml"
    if place == "linked":
        (tmp_path / "work" / "link.yaml").symlink_to(grid)
        grid = "link.yaml"
    for command in ("plan", "report", "export"):
        code, out, err = answer(command, grid)
        assert (code, out) == (2, "")
        assert f"{module}.py; check that code, then add --allow-code." in err
        assert len(err.splitlines()) == 1
    assert answer("status", grid)[0] == 0  # builds nothing
    assert not imported(tmp_path)
    assert answer("plan", grid, "--allow-code")[0] == 0
    assert imported(tmp_path)
    answer("report", grid)
    assert not user_code.RULES.allowed  # each command is allowed for itself


def test_code_of_an_archive_needs_allow_code_and_its_explanation_none(module, answer, tmp_path):
    (tmp_path / "work" / "mine.yaml").write_text(GRID.format(module).replace("[8]", "[8, 16]"))
    plan = made_up_plan("mine.yaml", tmp_path / "work" / "results")
    plan.runs[1].folder.result_file.unlink()  # the report has to count its cost
    stage(plan, tmp_path / "staged")
    files = {f.relative_to(tmp_path / "staged").as_posix(): f for f in (tmp_path / "staged").rglob("*") if f.is_file()}
    pack(files, {"grid": "mine"}, tmp_path / "work" / "theirs.tar.gz")
    for words in (("report", "theirs.tar.gz"), ("eval", f"theirs.tar.gz#{plan.runs[0].id}")):
        code, out, err = answer(*words)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert "--allow-code" in err or words[0] == "eval"  # which misses the checkpoint first
    code, out, err = answer("explain", f"theirs.tar.gz#{plan.runs[0].id}", "--json")
    assert (code, err) == (0, "")
    assert not imported(tmp_path)
    unpacked = open_archive(tmp_path / "work" / "theirs.tar.gz")
    assert written_by_others(unpacked / "mine" / "runs") == f"the archive unpacked in {unpacked.parent.resolve()}"
    grid = unpacked.parent / "experiments" / "mine.yaml"  # in the working directory, and of others all the same
    assert answer("plan", grid)[0] == 2
    assert not imported(tmp_path)


def test_a_module_that_ends_the_process_is_one_sentence(module, answer, tmp_path):
    (tmp_path / "work" / f"{module}.py").write_text("import sys\nsys.exit(0)\n")
    code, _, err = answer("cost", f"{module}:make")
    assert code == 2
    assert f"{module} cannot be imported (SystemExit: 0)" in err


def test_own_files_lie_in_the_working_directory_or_come_with_the_suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert written_by_others(tmp_path / "experiments" / "a.yaml") is None
    assert written_by_others(tmp_path.parent / "a.yaml").endswith("lies outside the working directory,")
    assert written_by_others(tmp_path.parent / "a.yaml", tmp_path.parent) is None
    from suite.spec import shipped

    assert written_by_others(shipped("experiments") / "demo.yaml") is None
