"""`suite clean`: what failed or abandoned runs leave behind goes, and nothing else."""

import json
import subprocess
import sys

import pytest

from suite.__main__ import main
from suite.sweep.clean import leftovers
from suite.sweep.plan import Selection, make_plan, remember
from suite.sweep.stored import store_plan
from tests.collect.finished_runs import run_spec, write_run

GRID = "protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18, tam-resnet18]\nchain: {frames: [4, 8]}\n"
HOLD = """
import sys
from pathlib import Path
from suite.store.folder import RunFolder
from suite.store.locks import lock
path = Path(sys.argv[1])
with lock(path, 0, "busy", shared=True) if path.name == ".lock" else RunFolder(path).claimed():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path):
    """mine.yaml and its results: by state, what each run is and its id."""
    (tmp_path / "mine.yaml").write_text(GRID)
    results = tmp_path / "results"
    tsn4, tsn8, tam4, _ = (run.spec for run in plan(tmp_path).runs)
    earlier = run_spec("tsn-resnet18", 4, lr=0.5)
    later = run_spec("tsn-resnet18", 8, parent=earlier.id, lr=0.5)
    runs = {
        "finished": (tsn4, "done"),
        "planned": (tsn8, "begun"),
        "planned, failed": (tam4, "failed"),
        "abandoned": (run_spec("tsn-resnet18", 4, lr=0.7), "begun"),
        "needed": (earlier, "begun"),
        "finished child": (later, "done"),
        "failed elsewhere": (run_spec("tsn-resnet18", 4, lr=0.9), "failed"),
        "finished elsewhere": (run_spec("tsn-resnet18", 4, lr=0.8), "done"),
    }
    return tmp_path, {key: write_run(results, *run) for key, run in runs.items()}


GO = {"planned, failed", "abandoned", "failed elsewhere"}


def plan(folder, **changes):
    return make_plan(str(folder / "mine.yaml"), Selection(set=changes), folder / "results", costs=False)


@pytest.fixture
def clean(capsys, monkeypatch, home):
    def run(*args, grid=None):
        place = ["--results", str(home[0] / "results")]
        monkeypatch.setattr(sys, "argv", ["suite", "clean", str(grid or home[0] / "mine.yaml"), *args, *place])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err

    return run


def there(runs):
    return {key for key, run in runs.items() if run.path.is_dir()}


def test_without_yes_it_lists_and_removes_nothing(home, clean):
    _, runs = home
    code, out, _ = clean("--json")
    found = json.loads(out)
    assert (code, found["grid"], found["removed"]) == (0, "mine", False)
    assert {run["id"] for run in found["runs"]} == {runs[key].id for key in GO}
    assert found["kept"] == {"finished": 3, "running": 0, "needed": 1, "planned": 1, "unreadable": 0}
    errors = {run["id"]: (run["state"], run["error"]) for run in found["runs"]}
    assert errors[runs["planned, failed"].id] == ("failed", "no space left on device")
    assert errors[runs["abandoned"].id] == ("abandoned", None)
    assert "suite clean mine --yes" in clean()[1]
    assert there(runs) == set(runs)


def test_with_yes_it_removes_what_it_listed_and_then_finds_nothing(home, clean):
    folder, runs = home
    listed = json.loads(clean("--json")[1])["runs"]
    removed = json.loads(clean("--yes", "--json")[1])
    assert removed["removed"]
    assert removed["runs"] == listed
    assert there(runs) == set(runs) - GO
    assert json.loads(clean("--json")[1])["runs"] == []
    assert not [path for path in (folder / "results" / "mine").iterdir() if path.name.startswith(".removed")]


def test_what_was_last_planned_of_a_grid_is_kept(home, clean):
    folder, runs = home
    wanted = plan(folder, lr=0.7)
    remember(wanted)
    assert runs["abandoned"].id not in {run["id"] for run in json.loads(clean("--json")[1])["runs"]}
    store_plan(wanted)
    (folder / "results" / "mine" / "selection.json").unlink()
    clean("--yes")
    assert runs["abandoned"].path.is_dir()
    assert not runs["planned, failed"].path.is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("held", ["run", "sweep"])
def test_what_a_live_process_works_on_stays(home, clean, held):
    folder, runs = home
    grid = folder / "results" / "mine"
    lock = {"run": runs["abandoned"].path, "sweep": grid / ".lock"}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, lock[held]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        code, _, said = clean("--yes")
        assert (code, runs["abandoned"].path.is_dir()) == (0 if held == "run" else 2, True)
        assert held == "run" or "is in use by a sweep" in said
        assert runs["failed elsewhere"].path.is_dir() == (held != "run")
    finally:
        holder.communicate()
    clean("--yes")  # the lock and the claim went with the process
    assert not runs["abandoned"].path.exists()


def test_a_run_that_cannot_be_read_stays_and_so_does_what_lies_behind_a_link(home, tmp_path):
    folder, runs = home
    runs["abandoned"].spec_file.write_text("model: [")
    link = folder / "results" / "mine" / "runs" / "link"
    (tmp_path / "elsewhere").mkdir()
    runs["failed elsewhere"].path.rename(tmp_path / "elsewhere" / "run")
    link.symlink_to(tmp_path / "elsewhere" / "run")
    found, kept = leftovers(folder / "results" / "mine", set())
    assert kept["unreadable"] == 2
    assert not {"link", runs["abandoned"].id} & {one.folder.id for one in found}


def test_without_the_file_of_its_grid_only_failed_runs_go(home, clean):
    folder, runs = home
    (folder / "mine.yaml").unlink()
    found = json.loads(clean("--json", grid="mine")[1])
    assert {run["id"] for run in found["runs"]} == {runs[key].id for key in ("planned, failed", "failed elsewhere")}
    assert clean(grid="..")[0] == clean(grid="nothing")[0] == 2
