"""A sweep that several tests read; they change none of it."""

import pytest

from suite.data.synthetic import synthesize
from tests.shared import made_once
from tests.sweep.builders import GRID, suite_process, sweep_args


def make_whole_sweep(folder):
    synthesize("calib_order", folder / "data", videos={"train": 48, "val": 16})
    (folder / "small.yaml").write_text(GRID)
    done = suite_process(*sweep_args(folder / "small.yaml", folder / "data", folder / "results"), check=0)
    (folder / "printed.txt").write_text(done.stdout)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return made_once(tmp_path_factory, "whole", make_whole_sweep)


@pytest.fixture(scope="session")
def calibrated(made):
    return made / "data"


@pytest.fixture(scope="session")
def grid(made):
    return made / "small.yaml"


@pytest.fixture(scope="session")
def whole(made):
    """A sweep that nobody disturbed: its results folder, and what it printed."""
    return made / "results", (made / "printed.txt").read_text()
