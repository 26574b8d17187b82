"""Sweeps that are killed or stopped lose nothing."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suite.store.folder import RunFolder
from tests.sweep.builders import ROOT, STEPS_PER_EPOCH, comparable, suite_process, sweep_args

pytestmark = pytest.mark.slow


def kill_now_and_then(grid, calibrated, results):
    """Starts the sweep again and again, killing the driver or a worker with SIGKILL in the middle of an epoch.

    Three times at least, and until the last kill left a run in mid-epoch.
    """
    args, chance = sweep_args(grid, calibrated, results), random.Random(0)
    for number in range(10):
        driver = subprocess.Popen(
            [sys.executable, "-m", "suite", *map(str, args), "--no-tracking", "--checkpoint-steps", "2"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = {log: log.stat().st_size for log in results.glob("small/runs/*/log.txt")}
        until = time.monotonic() + 120
        while driver.poll() is None and not at_work(results, before) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, 0.3))
        if driver.poll() is None:
            if number % 2:
                for worker in workers_of(driver.pid)[:1]:
                    os.kill(worker, signal.SIGKILL)
                time.sleep(chance.uniform(0.3, 1.0))
            driver.kill()
        driver.wait()
        wait_for_orphans(results)
        if number >= 2 and any(step % STEPS_PER_EPOCH for step in steps_of_unfinished(results)):
            return
        assert len(list(results.glob("small/runs/*/result.json"))) < 4, "all runs ended before a kill could hit one"


def at_work(results, before):
    """Runs that have passed a checkpoint since the sizes of `before` were taken, and are not done."""
    return [
        log.parent
        for log in results.glob("small/runs/*/log.txt")
        if log.stat().st_size > before.get(log, 0)
        and (log.parent / "checkpoint.pt").exists()
        and not (log.parent / "result.json").exists()
    ]


def wait_for_orphans(results):
    """A worker whose driver is gone saves and ends by itself."""
    until = time.monotonic() + 60
    while any(RunFolder(path).is_claimed() for path in results.glob("small/runs/*")) and time.monotonic() < until:
        time.sleep(0.1)


def steps_of_unfinished(results):
    import torch

    return [
        torch.load(file, weights_only=True)["position"]["step"]
        for file in results.glob("small/runs/*/checkpoint.pt")
        if not (file.parent / "result.json").exists()
    ]


def workers_of(driver):
    """Processes below the fork server of a driver."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    children = [pid for pid, parent in parents.items() if parent == driver]
    return [pid for pid, parent in parents.items() if parent in children]


@pytest.mark.more
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes to kill in /proc")
def test_a_sweep_killed_at_random_moments_ends_byte_for_byte_like_one_that_was_not(whole, grid, calibrated, tmp_path):
    undisturbed, _ = whole
    kill_now_and_then(grid, calibrated, tmp_path)
    suite_process(*sweep_args(grid, calibrated, tmp_path), "--no-tracking", check=0)
    logs = "".join(log.read_text() for log in tmp_path.glob("small/runs/*/log.txt"))
    steps = [int(step) for step in re.findall(r"resumed from step (\d+)", logs)]
    assert any(step % STEPS_PER_EPOCH for step in steps), steps
    ours, theirs = comparable(tmp_path / "small"), comparable(undisturbed / "small")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


@pytest.mark.more
def test_a_stopped_sweep_says_how_to_go_on_and_loses_nothing(whole, grid, calibrated, tmp_path):
    one_chain = [*sweep_args(grid, calibrated, tmp_path), "--only", "tsn-resnet18", "--no-tracking"]
    command = [sys.executable, "-m", "suite", *map(str, one_chain)]
    driver = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not any("started:" in log.read_text() for log in tmp_path.glob("small/runs/*/log.txt")):
        assert time.monotonic() < until
        time.sleep(0.05)
    driver.send_signal(signal.SIGTERM)
    printed, _ = driver.communicate(timeout=120)
    assert driver.returncode == 130
    assert "run the same command again to continue" in printed
    steps = [
        int(line.split("stopped at step ")[1].split()[0])
        for log in tmp_path.glob("small/runs/*/log.txt")
        for line in log.read_text().splitlines()
        if "stopped at step" in line
    ]
    assert steps
    suite_process(*one_chain, check=0)
    ours, theirs = (
        {name: content for name, content in comparable(results / "small").items() if "runs/calib_order.tsn" in name}
        for results in (tmp_path, whole[0])
    )
    assert len(ours) == 2 * 3
    assert ours == theirs
