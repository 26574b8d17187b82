"""Archives that would write elsewhere, or are not what they say, are refused."""

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from suite.app.export import report_archive
from suite.spec import BadInput
from suite.store.archive import FORMAT, is_archive, open_archive


def packed(path, members, files=None, form=FORMAT, **changes):
    """A hand-made archive: tar members in their order, and a manifest of `files` (name -> bytes)."""
    files = {m.name: data for m, data in members} if files is None else files
    listed = {name: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} | changes for name, d in files.items()}
    head = json.dumps({"format": form, "files": listed}).encode()
    first = tarfile.TarInfo("MANIFEST.json")
    first.size = len(head)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(first, io.BytesIO(head))
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
    return path


def member(name, kind=tarfile.REGTYPE, size=4, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size if kind == tarfile.REGTYPE else 0
    return made


PLAIN = (member("plan.json"), b"true")

OUTSIDE = "points outside the archive"

UNLISTED = "its manifest does not match"


@pytest.mark.parametrize(
    ("members", "more", "words"),
    [
        ([(member("../evil"), b"evil")], {}, OUTSIDE),
        ([(member("/tmp/evil-of-a-test"), b"evil")], {}, OUTSIDE),
        ([(member("results/../../evil"), b"evil")], {}, OUTSIDE),
        ([(member("a\\..\\evil"), b"evil")], {}, OUTSIDE),
        ([(member("results//evil"), b"evil")], {}, OUTSIDE),
        ([(member("MANIFEST.json"), b"evil")], {}, OUTSIDE),
        ([PLAIN, (member("../evil"), b"evil")], {"files": {"plan.json": b"true"}}, UNLISTED),
        ([(member("results", tarfile.SYMTYPE, link="/"), b"")], {}, UNLISTED),
        ([(member("results", tarfile.LNKTYPE, link="../evil"), b"")], {}, UNLISTED),
        ([(member("results", tarfile.DIRTYPE), b"")], {}, UNLISTED),
        ([(member("results", tarfile.FIFOTYPE), b"")], {}, UNLISTED),
        ([PLAIN, PLAIN], {}, UNLISTED),
        ([PLAIN], {"files": {"plan.json": b"false"}}, UNLISTED),
        ([PLAIN], {"files": {"plan.json": b"tru!"}}, "the SHA-256 of .* does not match"),
        ([PLAIN], {"files": {"plan.json": b"true", "b": b""}}, "'b' is missing"),
        ([PLAIN], {"bytes": 1 << 49}, "GiB free"),
        ([PLAIN], {"bytes": -1}, OUTSIDE),
        ([PLAIN], {"bytes": float("inf")}, "has another format"),
        ([PLAIN], {"form": "archive-9"}, "has the format archive-9"),
        ([(member("zeros", size=5 << 20), bytes(5 << 20))], {}, "3 times its size"),
    ],
)
def test_an_archive_that_would_write_elsewhere_or_is_not_what_it_says_is_refused(
    tmp_path, monkeypatch, members, more, words
):
    monkeypatch.setattr("suite.store.archive.UNPACKED_LIMIT", 3)
    path = packed(tmp_path / "x.tar.gz", members, **more)
    with pytest.raises(BadInput, match=words) as caught:
        open_archive(path, tmp_path / "deep" / "into")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "deep" / "into").iterdir()) == []
    assert sorted(file.name for file in tmp_path.rglob("*") if file.is_file()) == ["x.tar.gz"]
    assert not Path("/tmp/evil-of-a-test").exists()


def test_an_archive_of_something_else_is_refused_and_a_grid_is_no_archive(tmp_path, home):
    path = packed(tmp_path / "x.tar.gz", [PLAIN])
    with pytest.raises(BadInput, match=r"not an unpacked archive of a grid"):
        report_archive(path, tmp_path)
    shutil.copy(path, tmp_path / "renamed")
    assert is_archive(tmp_path / "renamed")
    assert not is_archive("demo")
    assert not is_archive(home / "small.yaml")
