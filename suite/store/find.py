"""From what a person writes for a run to its folder."""

from __future__ import annotations

import re
from pathlib import Path

from suite.models.user_code import RULES
from suite.spec import BadInput, file_sha256, unknown, written_by_others
from suite.store.archive import is_archive, open_archive
from suite.store.earlier import find_earlier
from suite.store.folder import RunFolder

ID = re.compile(r"[A-Za-z0-9._+=-]+")


def find_run(text: str, results: Path) -> RunFolder | None:
    """The run that `text` names: its folder, its id below `results`/*/runs, the beginning of one id alone, or one of
    these in an archive, FILE.tar.gz#ID.

    None when it names none.  Raises BadInput when several runs fit.
    """
    archive, inside, inner = text.rpartition("#")
    if inside and is_archive(archive):
        return need_run(inner, open_archive(Path(archive), results / "archives"))
    folder = Path(text)
    if (folder / "spec.yaml").is_file():
        found = RunFolder(folder.resolve())
        if others := written_by_others(folder, results):
            RULES.named_by_others(found.spec().model, others)
        return found
    if not ID.fullmatch(text):
        return None
    places = sorted(path.parent for path in results.glob("*/runs/*/spec.yaml"))
    found = [path for path in places if path.name == text] or [path for path in places if path.name.startswith(text)]
    if not found:
        found = [run.path for runs in sorted(results.glob("*/runs")) if (run := find_earlier(runs, text))]
    if len({path.name for path in found}) == 1 and len({_predictions(path) for path in found}) == 1:
        found = found[:1]  # one run in several grids, with the same predictions
    if len(found) > 1:
        shown = ", ".join(str(path) for path in found[:3]) + (", …" if len(found) > 3 else "")
        raise BadInput(f"'{text}' fits {len(found)} runs ({shown}); name the folder of one.")
    return RunFolder(found[0]) if found else None


def need_run(text: str, results: Path) -> RunFolder:
    """`find_run`, or BadInput with the nearest id."""
    found = find_run(text, results)
    if found is None:
        raise unknown("run", text, [path.parent.name for path in results.glob("*/runs/*/spec.yaml")])
    return found


def _predictions(run: Path) -> str:
    """What a run predicted, by content; its own path where it is not finished."""
    file = run / "predictions.parquet"
    return file_sha256(file) if file.is_file() else str(run)
