"""Grids whose runs a test makes, MLflow databases for them, and the tracking of their sweeps."""

import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from suite.app.tracking import Tracking
from suite.report.console.plain import PlainConsole


@dataclass
class FakePlan:
    name: str
    folder: Path


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One database for all tests of a file: a fresh one takes seconds.  A space in its path, as people have."""
    return tmp_path_factory.mktemp("my results")


@pytest.fixture
def grid(root, monkeypatch, request):
    """results/<grid>, another one for each test."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = root / request.node.name[:60]
    (folder / "runs").mkdir(parents=True)
    return folder


@pytest.fixture
def client(root):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")


@pytest.fixture
def lone_grid(tmp_path, monkeypatch):
    """results/demo, without a database."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = tmp_path / "results" / "demo"
    (folder / "runs").mkdir(parents=True)
    return folder


@pytest.fixture
def sweep(lone_grid):
    """Starts the tracking of a sweep of the grid; what it prints."""
    printed = io.StringIO()
    made = []

    def start():
        made.append(Tracking(FakePlan("demo", lone_grid), PlainConsole(file=printed, width=1000)))
        return made[-1]

    yield start, printed
    for one in made:
        one.closing.set()
        one.process.kill()
