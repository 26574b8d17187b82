"""Faults under a live sweep: one run fails or begins again, nothing false is said, and the same command continues."""

import contextlib
import json
import shutil
import subprocess
import sys
import time

import pytest

from tests.chaos.drivers import Driver, run_folders
from tests.chaos.processes import kill
from tests.sweep.builders import GRID, comparable, suite_process
from tests.sweep.conftest import calibrated, grid, made, whole  # noqa: F401

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]
PATIENCE = 300.0  # seconds


@pytest.fixture
def driver(grid, calibrated, tmp_path):  # noqa: F811
    """A sweep of one chain, two runs, not yet started; its data may be changed."""
    data = tmp_path / "data"
    shutil.copytree(calibrated, data)
    one = Driver(grid, data, tmp_path / "results", ("--only", "tsn-*"))
    one.printed = tmp_path / "printed.txt"
    yield one
    one.kill()


def ended(driver):
    """The exit code of a sweep that ends by itself, and what it printed."""
    code = driver.wait(PATIENCE)
    return code, driver.printed.read_text()


def reach(driver, file, folders=1):
    """Waits until that many runs have written `file` and are at work; gives their folders."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = [
            folder
            for folder in run_folders(driver.results)
            if (folder.path / file).exists() and not folder.result_file.exists()
        ]
        if len(found) >= folders:
            return found
        assert driver.alive(), driver.printed.read_text()
        time.sleep(0.05)
    raise AssertionError(f"no {file}: {driver.printed.read_text()}")


def equal(driver, whole):  # noqa: F811
    """The files of the runs are those of a sweep that was left alone."""
    ours, theirs = comparable(driver.results / "small"), comparable(whole[0] / "small")
    runs = {name: content for name, content in ours.items() if name.startswith("runs/")}
    assert len(runs) == 6
    return [name for name in runs if runs[name] != theirs[name]] == []


def states(driver):
    done = suite_process("status", driver.grid, "--results", driver.results, "--json", check=0)
    return [run["state"] for run in json.loads(done.stdout)["runs"]]


def continues(driver, whole):  # noqa: F811
    """The same command ends well, with the files of a sweep that was left alone."""
    driver.start()
    code, printed = ended(driver)
    assert code == 0, printed
    assert equal(driver, whole), printed


def test_removed_checkpoint_and_history_change_no_result(driver, whole):  # noqa: F811
    driver.start()
    (folder,) = reach(driver, "checkpoint.pt")
    folder.checkpoint.unlink()
    folder.history.unlink(missing_ok=True)
    code, printed = ended(driver)
    assert code == 0, printed
    assert equal(driver, whole), printed
    assert "Traceback" not in printed


def test_a_run_whose_folder_is_removed_begins_anew(driver, whole):  # noqa: F811
    driver.start()
    (folder,) = reach(driver, "checkpoint.pt")
    shutil.rmtree(folder.path, ignore_errors=True)
    code, printed = ended(driver)
    assert code == 0, printed
    assert "Traceback" not in printed
    assert equal(driver, whole), printed


def test_a_sweep_whose_results_are_removed_begins_anew(driver, whole):  # noqa: F811
    driver.start()
    reach(driver, "checkpoint.pt")
    shutil.rmtree(driver.results, ignore_errors=True)
    code, printed = ended(driver)
    assert code == 0, printed
    assert "Traceback" not in printed
    assert equal(driver, whole), printed


@pytest.mark.parametrize("fault", ["removed", "replaced"])
def test_changed_videos_fail_the_run_and_the_same_command_continues(driver, whole, fault):  # noqa: F811
    """A run whose videos were replaced begins anew: its weights may have seen others than its record names."""
    videos = sorted((driver.data / "calib_order").rglob("*.webm"))
    moved = driver.data.parent / "moved"
    shutil.copytree(driver.data, moved)
    driver.start()
    reach(driver, "checkpoint.pt")
    for video in videos:
        if fault == "removed":
            video.unlink()
        else:
            shutil.copy(videos[0], video.with_suffix(".new"))
            video.with_suffix(".new").replace(video)
    code, printed = ended(driver)
    assert code == 1, printed
    assert "Traceback" not in printed
    assert states(driver) == ["failed", "blocked"]
    shutil.copytree(moved, driver.data, dirs_exist_ok=True)
    continues(driver, whole)


@pytest.mark.parametrize("chaos", [{"CHAOS_CLOCK": "6"}, {"CHAOS_LATE": "result.json=2 spec.yaml=1 checkpoint.pt=1"}])
def test_a_clock_set_back_and_files_seen_late_change_nothing(driver, whole, chaos):  # noqa: F811
    driver.start(**chaos)
    code, printed = ended(driver)
    assert code == 0, printed
    assert equal(driver, whole), printed


def mounted(*words):
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount a file system here: {done.stderr.strip()}")


@pytest.fixture
def disk(driver):
    """The folder of the results, a mount of its own."""
    driver.results.mkdir()
    mounted("-t", "tmpfs", "-o", "size=400m", "tmpfs", driver.results)
    yield driver.results
    driver.kill()
    while subprocess.run(["umount", "-l", str(driver.results)], capture_output=True).returncode == 0:
        pass


def test_a_full_disk_fails_the_run_and_the_same_command_continues(driver, whole, disk):  # noqa: F811
    driver.start()
    reach(driver, "checkpoint.pt")
    with contextlib.suppress(OSError), open(disk / "other", "wb") as file:
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    code, printed = ended(driver)
    assert code in (1, 2), printed  # 2: the report has no space either
    assert f"to write {disk / 'small' / 'runs'}" in printed
    assert "No space left on the disk" in printed
    assert "Traceback" not in printed
    (disk / "other").unlink()
    continues(driver, whole)


def test_a_read_only_disk_fails_the_run_and_the_same_command_continues(driver, whole, disk):  # noqa: F811
    driver.start()
    reach(driver, "checkpoint.pt")
    mounted("--bind", disk, disk)
    mounted("-o", "remount,bind,ro", disk)
    code, printed = ended(driver)
    assert code == 2, printed  # the report cannot be written
    assert "checkpoint.pt: Read-only file system; make it writable" in printed
    assert printed.splitlines()[-1].endswith("Read-only file system.")
    assert "Traceback" not in printed
    subprocess.run(["umount", str(disk)], check=True)
    continues(driver, whole)


def test_a_killed_loader_uses_up_no_retry_of_a_crash(driver, whole):  # noqa: F811
    """One retry per cause: after a killed data-loading process, and then a killed run, there is none left."""
    driver.start("--workers", 1, "--retries", 1)
    reach(driver, "checkpoint.pt")
    kill(*driver.tree().loaders)
    until = time.monotonic() + PATIENCE
    while "retry" not in driver.printed.read_text() and time.monotonic() < until:
        time.sleep(0.05)
    assert "DataLoader worker" in driver.printed.read_text()
    while not driver.tree().loaders and time.monotonic() < until:
        time.sleep(0.05)
    kill(*driver.tree().workers)
    code, printed = ended(driver)
    assert code == 0, printed
    assert printed.count("retry ") == 2, printed
    assert equal(driver, whole), printed


HANGS = """
import time
from torch import nn

class Hangs(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.fc, self.steps = nn.Linear(3, classes), 0

    def forward(self, x):
        self.steps += self.training
        time.sleep(3600 * (self.steps == 4))
        return self.fc(x.mean((2, 3, 4)))

def network(num_classes, frames, size):
    return Hangs(num_classes)
"""


def test_a_hanging_model_is_told_and_stopped_in_seconds(calibrated, tmp_path):  # noqa: F811
    (tmp_path / "hangs.py").write_text(HANGS)
    text = GRID.replace("[tsn-resnet18, tam-resnet18]", "['hangs:network']").replace("[4, 8]", "[4]")
    (tmp_path / "small.yaml").write_text(text)
    one = Driver(tmp_path / "small.yaml", calibrated, tmp_path / "results")
    one.folder = tmp_path
    one.start()
    try:
        until = time.monotonic() + PATIENCE
        while "no progress for" not in one.printed.read_text() and time.monotonic() < until and one.alive():
            time.sleep(0.2)
        assert "it may hang" in one.printed.read_text()
        one.process.terminate()
        begun = time.monotonic()
        code, printed = ended(one)
        assert code == 130, printed
        assert "waiting for the runs to save their state, at most 10 s" in printed
        print(f"stopped in {time.monotonic() - begun:.0f} s")
        assert "failed" not in printed
    finally:
        one.kill()
