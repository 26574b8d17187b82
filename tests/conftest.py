"""Settings of the test session, and what tests of several folders share."""

import os
import sys

# One thread, and no spinning: other processes of the machine then cost a test their share and no more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start many short processes
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


import hypothesis
import pandas as pd
import pytest
import yaml

from suite.app.export import export
from suite.data.synthetic import synthesize
from suite.evaluation.inference import parquet_bytes
from suite.published.references import published_rows
from tests.shared import made_once
from tests.small_sweep import make_small_sweep, small_plan

# the same examples on every machine, however slow it is
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def published():
    """The 288 published runs."""
    return published_rows()


@pytest.fixture
def theirs(tmp_path):
    """Writes a predictions file of another codebase and its spec; gives the path."""

    def write(table, suffix=".csv", **about):
        path = tmp_path / f"mynet{suffix}"
        if suffix == ".csv":
            pd.DataFrame(table).to_csv(path, index=False)
        else:
            path.write_bytes(parquet_bytes(pd.DataFrame(table)))
        spec = {"name": "MyNet", "dataset": "calib_order", "frames": 8, "backbone": "resnet18"} | about
        path.with_suffix(".yaml").write_text(yaml.safe_dump(spec))
        return path

    return write


@pytest.fixture
def code_folder(tmp_path, monkeypatch):
    """A folder for modules that a test imports; after the test the process knows neither them nor their path."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """calib_order with 32 training and 16 validation videos; tests write nothing into it."""
    return made_once(
        tmp_path_factory, "data", lambda root: synthesize("calib_order", root, videos={"train": 32, "val": 16})
    )


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """data/, small.yaml, and results/small with three finished runs and one that failed; tests change none of it."""
    return made_once(tmp_path_factory, "home", make_small_sweep)


@pytest.fixture
def small(home):
    """The plan of the sweep in `home`."""
    return small_plan(home)


@pytest.fixture(scope="session")
def archive(home, tmp_path_factory):
    """The sweep in `home` as one file."""
    folder = made_once(tmp_path_factory, "archive", lambda folder: export(small_plan(home), folder / "small.tar.gz"))
    return folder / "small.tar.gz"
