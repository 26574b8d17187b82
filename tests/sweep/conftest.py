"""Sweeps that several tests read."""

import pytest

from suite.data.synthetic import synthesize
from tests.sweep.builders import GRID, suite_process, sweep_args


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    synthesize("calib_order", root, videos={"train": 48, "val": 16})
    return root


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    path = tmp_path_factory.mktemp("grid") / "small.yaml"
    path.write_text(GRID)
    return path


@pytest.fixture(scope="module")
def whole(grid, calibrated, tmp_path_factory):
    """A sweep that nobody disturbed."""
    results = tmp_path_factory.mktemp("whole")
    done = suite_process(*sweep_args(grid, calibrated, results), check=0)
    return results, done.stdout
