"""Settings of the test session, and what tests of several folders share."""

import ctypes
import gc
import os
import sys
from collections import Counter

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


def pytest_xdist_auto_num_workers():
    """Processes of `make test`: one per core, four at most."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


def pytest_collection_modifyitems(items):
    """Files with most slow tests come first, so that no process is left with a long one at the end.

    The first makes the sweep that others read: no process then waits for it.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (item.path.name != "test_sweep.py", -slow[item.path]))


def pytest_collection_finish():
    """What is loaded by now stays: `forget_models` need not look at it again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    gc.unfreeze()


@pytest.fixture(autouse=True)
def forget_models():
    """After a test that has made the process larger, models in reference cycles (those of caught errors) are freed.

    Without it processes grew to 3.6 GiB: few objects hold the memory, so that the collector sees no reason to run.
    """
    yield
    global _held
    if _resident() > _held + 2**26:
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)
        _held = _resident()


_held = 0


def _resident():
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


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
