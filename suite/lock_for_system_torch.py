"""The lock for a machine on which torch is already installed (clusters): without torch and its CUDA packages.

    python -P suite/lock_for_system_torch.py requirements.lock > filtered.lock      # with the Python that has torch

`make setup TORCH=system` runs it before anything is installed, so it uses only the standard library and imports nothing
of the suite; with -P, the packages of the suite do not hide modules of the same name.  Exit code 2 and one sentence if
this Python has no torch and torchvision that are recent enough.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

# What else torch requires is small and pure Python: it comes from the lock.
OF_TORCH = re.compile(r"(torch|torchvision|triton|(nvidia|cuda)-.*)$")


def without_torch(lock: str) -> str:
    """The lock without the entries of torch, torchvision, triton and CUDA; an entry is a line and its hashes."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return "".join(entry for entry in entries if not OF_TORCH.match(re.split(r"==|[ ;\[]", entry)[0]))


def oldest(pyproject: str) -> dict[str, str]:
    """The oldest torch and torchvision that the project supports, from the dependencies in pyproject.toml."""
    dependencies = tomllib.loads(pyproject)["project"]["dependencies"]
    return dict(text.split(">=") for text in dependencies if re.match(r"(torch|torchvision)>=", text))


def problem(needed: dict[str, str], versions: dict[str, str | None]) -> str | None:
    """What is wrong with the installed versions, in one sentence."""
    least = " and ".join(f"{name} {version}" for name, version in needed.items())
    for name in needed:
        version = versions[name]
        if version is None or _numbers(version) < _numbers(needed[name]):
            found = f"has {name} {version}" if version else f"has no {name}"
            return f"TORCH=system needs at least {least}; {sys.executable} {found} (choose another with PYTHON=...)."
    return None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    lock = Path(sys.argv[1])
    needed = oldest(lock.with_name("pyproject.toml").read_text())
    if sentence := problem(needed, {name: installed(name) for name in needed}):
        print(sentence, file=sys.stderr)
        sys.exit(2)
    sys.stdout.write(without_torch(lock.read_text()))
