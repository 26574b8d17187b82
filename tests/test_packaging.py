"""A wheel holds what its commands need: they run from an empty folder, without the repository.

The wheel is unpacked beside the installed packages: what `pip install --no-deps` does, in a second and offline.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT_FROM = ("suite", "experiments", "results/published", "setup.py", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of an installation that holds this project alone."""
    copy, folder = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("site")
    for name in BUILT_FROM:
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-W", "error", "-c", build], cwd=copy, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    wheel.unlink()
    return folder


@pytest.fixture
def suite(site, tmp_path):
    """Runs a command of the installed suite in an empty folder; gives its standard output."""

    def run(*args, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "suite", *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def files_of(folder, *patterns):
    return {path.relative_to(folder): path.read_bytes() for pattern in patterns for path in folder.rglob(pattern)}


def test_a_wheel_holds_every_grid_protocol_class_list_and_published_number(site):
    for folder in ("experiments", "results/published"):
        kept = files_of(ROOT / folder, "*.*")
        assert len(kept) > 8
        assert files_of(site / "suite" / "shipped" / folder, "*.*") == kept
    sets = files_of(ROOT / "suite" / "data" / "sets", "*.*")
    assert sets
    assert files_of(site / "suite" / "data" / "sets", "*.*") == sets


def test_the_repository_holds_no_second_copy_of_what_a_wheel_carries():
    assert not (ROOT / "suite" / "shipped").exists()


@pytest.mark.more
@pytest.mark.slow
def test_commands_of_a_wheel_find_grids_and_published_numbers_from_an_empty_folder(suite, tmp_path):
    runs = json.loads(suite("plan", "demo", "--json"))["runs"]
    assert len(runs) == 8
    assert "19 of 27 values agree" in suite("reproduce", "brief")
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("protocol: smoke\n")
    nearest = suite("plan", "demmo", code=2)
    assert "'demo'" in nearest, "a folder of the user's own hides no shipped grid"


def test_a_wheel_inside_somebody_elses_repository_does_not_claim_its_commit(site, tmp_path):
    shutil.copytree(site / "suite", tmp_path / "suite")
    who = {f"GIT_{role}_{key}": "a@b" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a commit"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True, env={**os.environ, **who})
    ask = "from suite.store.provenance import code_version; print(code_version())"
    done = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


@pytest.mark.slow
@pytest.mark.more
def test_a_wheel_trains_a_grid_of_the_users_own_from_an_empty_folder(suite, tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "tiny.yaml").write_text(
        "protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18]\nchain: {frames: [2]}\n"
        "set: {epochs: 1, batch: 32, size: 32}\n"
    )
    suite("sweep", "tiny", "--device", "cpu", "--slots", "1", "--no-tracking")
    (run,) = json.loads(suite("status", "tiny", "--json"))["runs"]
    assert run["state"] == "done"
    assert 0 <= run["top1"] <= 50, "a model that cannot see order has its upper bound at 50 %"
    assert (tmp_path / "results" / "tiny" / "tables" / "accuracy.md").is_file()


@pytest.mark.slow
@pytest.mark.more
def test_a_wheel_reproduces_the_published_tables(suite, tmp_path):
    made = json.loads(suite("reproduce", "--json"))
    pairs = {(row["dataset"], row["module"]) for row in made["contributions"]}
    assert pairs == {
        (f"mini_{data}", module) for data in ("ssv2", "kinetics", "mit") for module in ("i3d", "s3d", "tam")
    }
    assert (tmp_path / "results" / "reproduced" / "report.html").is_file()
