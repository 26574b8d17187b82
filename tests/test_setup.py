"""`make setup TORCH=system`: the lock without torch, on a machine that has a torch which is recent enough."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()


@pytest.fixture(scope="module")
def tool():
    """A script that runs before anything is installed, so it is loaded from its file."""
    spec = importlib.util.spec_from_file_location("tool", ROOT / "suite" / "lock_for_system_torch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(lock):
    return re.findall(r"^([A-Za-z0-9][\w.-]*)==", lock, re.MULTILINE)


def test_the_lock_for_a_system_torch_lacks_torch_and_cuda_and_nothing_else(tool):
    kept = names(tool.without_torch(LOCK))
    left_out = set(names(LOCK)) - set(kept)
    assert {"torch", "torchvision", "triton", "nvidia-cudnn-cu13"} <= left_out
    assert all(name.startswith(("torch", "triton", "nvidia-", "cuda-")) for name in left_out)
    assert kept == [name for name in names(LOCK) if name not in left_out]


def test_every_package_that_is_kept_keeps_its_hashes(tool):
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)
    left = tool.without_torch(LOCK)
    assert left.count("--hash=") == sum(entry.count("--hash=") for entry in entries if entry in left) > 1000
    assert all("--hash=" in entry for entry in re.split(r"^(?=[A-Za-z0-9])", left, flags=re.MULTILINE) if "==" in entry)


def test_packages_that_only_begin_like_torch_stay(tool):
    lock = "torch==2 ; x \\\n    --hash=sha256:a\ntorchmetrics==1 \\\n    --hash=sha256:b\nnvidia==3\ntriton==3\n"
    assert tool.without_torch(lock) == "torchmetrics==1 \\\n    --hash=sha256:b\nnvidia==3\n"


def test_the_oldest_torch_is_the_one_of_pyproject_and_the_lock_has_a_newer_one(tool):
    needed = tool.oldest((ROOT / "pyproject.toml").read_text())
    assert set(needed) == {"torch", "torchvision"}
    locked = dict(re.findall(r"^(torch|torchvision)==([\d.]+)", LOCK, re.MULTILINE))
    assert tool.problem(needed, locked) is None


@pytest.mark.parametrize(
    ("torch", "vision", "words"),
    [
        ("2.11.0+cu130", "0.26.0", None),
        ("3.0", "1.0", None),
        ("2.9.1", "0.26.0", "has torch 2.9.1"),
        ("2.11.0a0+git123", "0.25.1", "has torchvision 0.25.1"),
        (None, "0.26.0", "has no torch "),
        ("2.12", None, "has no torchvision "),
    ],
)
def test_a_torch_that_is_too_old_or_missing_is_one_sentence(tool, torch, vision, words):
    said = tool.problem({"torch": "2.11", "torchvision": "0.26"}, {"torch": torch, "torchvision": vision})
    assert (said is None) == (words is None)
    if words:
        assert words in said
        assert "torch 2.11 and torchvision 0.26" in said
        assert "\n" not in said


@pytest.fixture
def project(tmp_path):
    """What `make setup` reads, with a .venv that is ready; gives a function that calls make."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "setup.py"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "suite").mkdir()
    shutil.copy(ROOT / "suite" / "lock_for_system_torch.py", tmp_path / "suite")
    (tmp_path / ".venv").mkdir()
    for name in ("pyvenv.cfg", ".ready"):
        (tmp_path / ".venv" / name).touch()

    def make(*args):
        return subprocess.run(["make", *args], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    make.folder = tmp_path
    return make


def test_an_environment_with_its_own_torch_is_not_taken_for_one_without(project):
    assert project("setup").returncode == 0
    done = project("setup", "TORCH=system")
    assert done.returncode == 2
    assert "run make clean" in done.stderr


def test_an_environment_on_the_torch_of_the_system_stays_one_when_the_lock_changes(project):
    (project.folder / ".venv" / "pyvenv.cfg").write_text("include-system-site-packages = true\n")
    (project.folder / ".venv" / ".ready").unlink()
    assert "--system-site-packages" in project("-n", "sweep").stdout
    assert "lock_for_system_torch.py requirements.lock >" in project("-n", "sweep").stdout


def test_setup_shows_progress_and_is_quiet_in_ci(project):
    (project.folder / ".venv" / ".ready").unlink()
    packages = re.search(r"uv pip install (.*)--no-deps --require-hashes", project("-n", "setup", "CI=").stdout)
    assert packages[1].strip() == ""
    assert "packages into .venv, about" in project("-n", "setup").stdout
    assert "uv pip install --quiet --no-deps --require-hashes" in project("-n", "setup", "CI=1").stdout
