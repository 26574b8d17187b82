"""One file that holds a grid: packed to the same bytes every time, unpacked only when every hash is right."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from suite.spec import BadInput, file_sha256
from suite.store.atomic import temporary_of
from suite.store.folder import dump_json

FORMAT = "video-fair-bench/archive-1"
MANIFEST = "MANIFEST.json"
ENDINGS = (".tar.gz", ".tgz")
CHUNK = 1 << 20  # bytes
MANIFEST_LIMIT = 64 << 20  # bytes; 100,000 files take a fifth of it
UNPACKED_LIMIT = 100  # times the archive's own size and a CHUNK: text packs to a twentieth, zeros to a thousandth


def is_archive(text: str | os.PathLike[str]) -> bool:
    """Whether an argument of the command line means an archive: by its ending, or a gzip file of any name."""
    path = Path(text)
    if str(path).endswith(ENDINGS):
        return True
    if not os.path.isfile(path):  # False also for what no path can be
        return False
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def pack(files: dict[str, Path], about: dict[str, Any], out: Path) -> None:
    """Writes `files` (name in the archive -> file here) to `out`; the same files give the same bytes.

    The first member, MANIFEST.json, has `about`, and bytes and sha256 of every file.  Names are sorted, and neither
    times nor owners are kept.  `out` is there when it is whole.  (Level 1: predictions and weights hardly shrink.)
    """
    listed = {name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for name, path in sorted(files.items())}
    head = dump_json({"format": FORMAT, **about, "files": listed}).encode()
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_of(out)
    try:
        with (
            open(temporary, "wb") as file,
            gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            tar.addfile(_member(MANIFEST, len(head)), io.BytesIO(head))
            for name, facts in listed.items():
                with open(files[name], "rb") as content:
                    tar.addfile(_member(name, facts["bytes"]), content)
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A regular file of nobody, at time 0."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


def open_archive(path: Path, into: Path | None = None) -> Path:
    """Unpacks an archive and gives its results folder, in which `<grid>/runs` lie as usual.

    It goes to `into`/<name>-<hash of the archive>/ (default: results/archives); what is there already is used while
    its hashes are right.  Nothing is left behind unless every file of the manifest is in the archive, is a plain file
    inside the folder, and has its sha256.  Raises BadInput for anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"There is no archive at {path}.")
    into = Path("results") / "archives" if into is None else Path(into)
    stem = re.sub(r"\.(tar\.gz|tgz)$", "", path.name)
    stem = re.sub(r"[^A-Za-z0-9._+=-]", "_", stem)
    place = into / f"{stem}-{file_sha256(path)[:8]}"
    if _intact(place):
        return place / "results"
    into.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".unpack-", dir=into))
    fresh.chmod(0o755)
    try:
        _unpack(path, fresh)
        if place.exists():  # changed since, or cut short
            shutil.rmtree(place)
        fresh.rename(place)
    except OSError:
        if not _intact(place):  # else another process was quicker
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return place / "results"


def read_manifest(root: Path) -> dict[str, Any]:
    """MANIFEST.json of an unpacked archive; `root` holds it."""
    return json.loads((root / MANIFEST).read_text())


def _unpack(path: Path, folder: Path) -> None:
    """Into the empty `folder`.  Files are written here, under names checked here; tarfile only reads."""
    try:
        with (
            gzip.open(path, "rb") as content,
            tarfile.open(fileobj=(packed := _Limited(content, path)), mode="r|") as tar,
        ):
            first = tar.next()
            if first is None or first.name != MANIFEST or not _is_regular_file(first) or first.size > MANIFEST_LIMIT:
                raise BadInput(f"{path} is not an archive of this suite: it does not begin with {MANIFEST}.")
            head = tar.extractfile(first).read()
            listed = _checked_manifest(head, path)
            _room(path, sum(facts["bytes"] for facts in listed.values()), folder)
            (folder / MANIFEST).write_bytes(head)
            missing = dict(listed)
            while (member := tar.next()) is not None:
                facts = missing.pop(member.name, None)
                if facts is None or not _is_regular_file(member) or member.size != facts["bytes"]:
                    raise BadInput(
                        f"{path} is damaged or not an archive of this suite: its manifest does not match "
                        f"'{_shortened(member.name)}'."
                    )
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(target, "xb") as out:
                    found = _copy(tar.extractfile(member), out.write)
                if found != facts["sha256"]:
                    raise BadInput(f"{path} is damaged: the SHA-256 of '{_shortened(member.name)}' does not match.")
            if missing:
                raise BadInput(f"{path} is damaged: '{_shortened(min(missing))}' is missing.")
            while packed.read(CHUNK):  # to the end: there gzip's own checksum stands
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error, tarfile.TarError) as error:
        raise BadInput(f"{path} is damaged or not an archive of this suite ({_shortened(str(error))}).") from None


class _Limited:
    """What gzip unpacks, up to what an archive of that size can hold: a short file may unpack to a full disk."""

    def __init__(self, content: IO[bytes], path: Path):
        self.content, self.path = content, path
        self.left = UNPACKED_LIMIT * (path.stat().st_size + CHUNK)

    def read(self, size: int) -> bytes:
        data = self.content.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise BadInput(
                f"{self.path} unpacks to more than {UNPACKED_LIMIT} times its size; it is not an archive of this suite."
            )
        return data


def _checked_manifest(head: bytes, path: Path) -> dict[str, dict[str, Any]]:
    """The files of a manifest.  Raises BadInput unless it is one of ours and every name stays inside the folder."""
    try:
        manifest = json.loads(head)
        known, files = manifest["format"], dict(manifest["files"])
        sizes = {name: (int(facts["bytes"]), str(facts["sha256"])) for name, facts in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise BadInput(f"{path} is not an archive of this suite: its {MANIFEST} has another format.") from None
    if known != FORMAT:
        raise BadInput(f"{path} has the format {_shortened(str(known))}; this version of the suite reads {FORMAT}.")
    for name, (size, _) in sizes.items():
        if not _inside(name) or not 0 <= size < 1 << 50:
            raise BadInput(f"{path} was not unpacked: the file name '{_shortened(name)}' points outside the archive.")
    return {name: {"bytes": size, "sha256": sha256} for name, (size, sha256) in sizes.items()}


def _inside(name: str) -> bool:
    parts = name.split("/")  # an absolute name has an empty first part
    return name.isprintable() and not {"", ".", ".."} & set(parts) and not set("\\:") & set(name) and name != MANIFEST


def _is_regular_file(member: tarfile.TarInfo) -> bool:
    """A file with its content: no link, folder, device or sparse file."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)


def _room(path: Path, size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise BadInput(
            f"{path} needs {size / 2**30:.1f} GiB unpacked, but {folder.parent} has {free / 2**30:.1f} GiB free."
        )


def _copy(source: IO[bytes], write: Callable[[bytes], Any]) -> str:
    """Copies and gives the sha256 of what was copied."""
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        write(chunk)
    return digest.hexdigest()


def _intact(root: Path) -> bool:
    """Whether an unpacked archive still has its runs and experiments; tables may have been written anew."""
    try:
        files = read_manifest(root)["files"]
        kept = [name for name in files if not re.fullmatch(r"results/[^/]+/(?!runs/).*", name)]
        return all(file_sha256(root / name) == files[name]["sha256"] for name in kept)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _shortened(text: str) -> str:
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return text if len(text) <= 80 else text[:77] + "..."
