"""A sweep that is stopped loses nothing; tests/chaos kills sweeps."""

import signal
import subprocess
import sys
import time

import pytest

from tests.sweep.builders import ROOT, comparable, suite_process, sweep_args

pytestmark = pytest.mark.slow


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
