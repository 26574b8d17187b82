"""Where a result came from: code, packages, device, data, weights, clocks.  Not part of a run's identity."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from suite.store.code import code_digests
from suite.store.reached_code import sources

PACKAGES = ("torch", "torchvision", "numpy", "av", "decord", "pyarrow", "pandas")


def environment(model: str | None = None) -> dict[str, Any]:
    """Versions of the code and of the packages under it; of a model also the digests of the code that trains it and
    of the code that tests it (`suite.store.code`)."""
    return _versions() | (code_digests(model) if model else {})


@lru_cache
def _versions() -> dict[str, Any]:
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = None
    here = {"python": platform.python_version(), "platform": sys.platform, "packages": packages}
    return here | {"code": code_version(), "code_sha256": hash_of_code()}


@lru_cache
def code_version() -> str | None:
    """The commit of this checkout, with "+" and a hash of the code where files differ from it; None outside of one."""
    here = Path(__file__).resolve().parents[2]

    def git(*args: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *args], capture_output=True, text=True, timeout=20, check=True
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "suite/__init__.py")  # an installed copy may lie in another repository
        commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain", "--", "suite")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+{hash_of_code()}" if changed else commit


@lru_cache
def hash_of_code() -> str:
    """Of all modules of the suite, comments included, ten figures: it names a state of the files, and no more."""
    digest = hashlib.sha256()
    for module, source in sources().items():
        digest.update(f"{module}\0".encode() + source + b"\0")
    return digest.hexdigest()[:10]


def device_facts(device: str) -> dict[str, Any]:
    """The machine's part: device, threads, library versions that are known to matter."""
    import torch

    facts: dict[str, Any] = {"device": device.partition(":")[0], "threads": torch.get_num_threads()}
    if device.startswith("cuda"):
        facts |= {
            "name": torch.cuda.get_device_name(device),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    else:
        facts["name"] = _processor()
    return facts


def known_issue(facts: dict[str, Any]) -> str | None:
    """A sentence where a device's libraries are known to compute wrongly, None otherwise."""
    cudnn = facts.get("cudnn") or 0
    if 90800 <= cudnn < 91500:
        return (
            f"cuDNN {cudnn // 10000}.{cudnn // 100 % 100} silently returns wrong results for some large bf16 3-D "
            "convolutions in the default memory layout; the channels-last layout of this suite is not affected, custom "
            "layers may be."
        )
    return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
