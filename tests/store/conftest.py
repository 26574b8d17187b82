"""A sweep of an earlier version."""

import shutil

import pytest

from suite.sweep.plan import Selection, make_plan
from tests.store.builders import EARLIER


@pytest.fixture
def earlier(tmp_path):
    """results/ with the finished sweep of an earlier version, and its plan by this one."""
    results = tmp_path / "results"
    shutil.copytree(EARLIER, results / "old_scheme")
    grid = tmp_path / "old_scheme.yaml"
    shutil.copy(EARLIER / "grid.yaml", grid)
    return results, make_plan(str(grid), Selection(), results, costs=False)
