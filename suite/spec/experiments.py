"""Where grids and protocols are found: those that the suite ships, and the user's own, which add to them.

A grid is a file experiments/NAME.yaml or experiments/PAPER/NAME.yaml; a protocol is experiments/protocols/NAME.yaml.
The user's files are in `experiments/` of the working directory; of two files with one name, the user's counts.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from pathlib import Path

from suite.spec.errors import BadInput, printable, unknown
from suite.spec.files import read_yaml

REPOSITORY, PACKAGE = Path(__file__).resolve().parents[2], Path(__file__).resolve().parents[1]
NOT_GRIDS = ("protocols", "datasets")  # folders of experiments/ with files of another kind
PREFIXES = {"deep_analysis": "", "rcca3d": "rcca_"}  # of names that are older than the folders: results lie under them


def shipped(folder: str) -> Path:
    """A folder of the repository that a wheel carries too (see setup.py), such as `results/published`."""
    packed = PACKAGE / "shipped" / folder
    return packed if packed.is_dir() else REPOSITORY / folder


def experiment_folders() -> list[Path]:
    """`experiments/` of the working directory, where there is one, then the shipped one."""
    own, ours = Path.cwd() / "experiments", shipped("experiments")
    return [own, ours] if own.is_dir() and own.resolve() != ours.resolve() else [ours]


def grid_files() -> dict[str, Path]:
    """Name of a grid -> its file."""
    return {_named(place, file): file for place, file in reversed(_all_grids())}


def _all_grids() -> list[tuple[str, Path]]:
    """Place below experiments/ (`arc/steps`) and file of all grids, the user's first."""
    found = []
    for folder in experiment_folders():
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*/*.yaml")]):
            if file.parent.name not in NOT_GRIDS:
                found.append((file.relative_to(folder).with_suffix("").as_posix(), file))
    return found


def grid_name(file: Path) -> str:
    """The name of the grid in a file, which its results folder has too: fixed, however the file was asked for.

    It is the key `name` in the file; without one, `arc_steps` for experiments/arc/steps.yaml (two papers have other
    prefixes), and the stem of any other file.
    """
    return _named(_place(file), file)


def _named(place: str, file: Path) -> str:
    try:
        about = file.stat()
        own = _own_name(file, about.st_mtime_ns, about.st_size)
    except OSError:
        own = None
    if own is not None:
        return own
    folder, slash, stem = place.rpartition("/")
    return PREFIXES.get(folder, f"{folder}_" if slash else "") + stem


@lru_cache(maxsize=1024)
def _own_name(file: Path, changed: int, size: int) -> str | None:
    """The key `name` of a grid file."""
    try:
        data = read_yaml(file, "Grid") if re.search(r"\bname\b", file.read_text()) else None
    except (OSError, ValueError):
        return None  # whoever asks for this grid is told what is wrong with it
    return data["name"] if isinstance(data, dict) and isinstance(data.get("name"), str) else None


def _place(file: Path) -> str:
    """`arc/steps` for a file experiments/arc/steps.yaml; the stem alone for a file elsewhere."""
    for folder in experiment_folders():
        if file.resolve().is_relative_to(folder.resolve()):
            return file.resolve().relative_to(folder.resolve()).with_suffix("").as_posix()
    return file.stem


def find_grid(name: str) -> Path:
    """The file of a grid, by its name (`arc_steps`), its place (`arc/steps`), a unique stem (`steps`) or its path.

    Raises BadInput where there is none, or where several grids have the stem.
    """
    if name.endswith((".yaml", ".yml")):
        if Path(name).is_file():
            return Path(name)
        raise unknown("grid", name, grid_files())
    files = grid_files()
    names = {place: _named(place, file) for place, file in reversed(_all_grids())}
    if name in files and names.get(name, name) != name:
        raise BadInput(
            f"Grid '{name}' is ambiguous: {files[name]} has that name, and a {name}.yaml has name: {names[name]}."
        )
    if name in files:
        return files[name]
    if name in names:
        return files[names[name]]
    places = sorted(place for place in names if Path(place).name == name)
    if len({names[place] for place in places}) > 1:
        raise BadInput(f"Grid '{name}' is ambiguous: {', '.join(places)}.")
    if not places:
        in_folder = sorted(place for place in names if place.startswith(f"{name.rpartition('/')[0]}/"))
        stems = [Path(place).name for place in in_folder]
        if "/" in name and in_folder and not difflib.get_close_matches(Path(name).name, stems, 1, cutoff=0.8):
            raise BadInput(f"Unknown grid '{printable(name)}'; the grids of that folder are {', '.join(in_folder)}.")
        raise unknown("grid", name, files)
    return files[names[places[0]]]


def protocol_files() -> dict[str, Path]:
    """Name of a protocol -> its file."""
    folders = reversed(experiment_folders())
    return {file.stem: file for folder in folders for file in sorted((folder / "protocols").glob("*.yaml"))}


def find_protocol(name: str) -> Path:
    """The file of a protocol.  Raises BadInput with the nearest names for an unknown one."""
    files = protocol_files()
    if name not in files:
        raise unknown("protocol", name, files)
    return files[name]
