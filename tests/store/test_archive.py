"""A grid that travels as one file."""

import gzip
import hashlib
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from suite.app.export import export, report_archive
from suite.report.console.explain import explain
from suite.spec import BadInput
from suite.store.archive import FORMAT, open_archive, pack, read_manifest
from suite.store.find import find_runs
from suite.store.folder import RunFolder, sealed
from suite.sweep.archived import archived_plan
from suite.sweep.plan import Selection, make_plan
from tests.builders import captured_suite
from tests.small_sweep import spoil_result

pytestmark = pytest.mark.slow


def test_an_export_is_the_same_bytes_twice_and_names_no_folder_of_this_machine(home, small, archive, tmp_path):
    said = export(small, tmp_path / "again.tar.gz")
    assert (tmp_path / "again.tar.gz").read_bytes() == archive.read_bytes()
    assert (said["runs"], said["done"], said["left_out"], said["absolute_paths"]) == (4, 3, [], [])
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        content = {member.name: tar.extractfile(member).read() for member in members}
    assert [m.name for m in members] == sorted(content)
    assert {(m.mtime, m.uid, m.gid, m.uname, m.isreg()) for m in members} == {(0, 0, 0, "", True)}
    runs = {name.split("/")[3] for name in content if name.startswith("results/small/runs/")}
    assert runs == {run.id for run in small.runs}
    assert not [name for name in content if name.endswith((".pt", ".txt", ".lock"))]
    for name in ("experiments/small.yaml", "experiments/protocols/smoke.yaml", "environment.json", "plan.json"):
        assert name in content
    for name, data in content.items():
        assert str(home).encode() not in data, name
        assert b"/srv/" not in data, name
    manifest = json.loads(content["MANIFEST.json"])
    assert manifest["format"] == FORMAT
    assert {n: f["sha256"] for n, f in manifest["files"].items()} == {
        n: hashlib.sha256(data).hexdigest() for n, data in content.items() if n != "MANIFEST.json"
    }
    provenance = json.loads(content[f"results/small/runs/{small.runs[1].id}/provenance.json"])
    assert provenance["weights"]["source"] == f"runs/{small.runs[0].id}/checkpoint.pt"


@pytest.mark.more
def test_weights_are_exported_when_asked_for_and_can_then_be_verified_elsewhere(
    home, small, tmp_path, capsys, monkeypatch
):
    export(replace(small, runs=small.runs[:1]), tmp_path / "heavy.tar.gz", weights=True)
    args = ["--data", home / "data", "--results", tmp_path / "results", "--json"]
    code, out, _ = captured_suite(capsys, monkeypatch, "verify", tmp_path / "heavy.tar.gz", *args)
    assert code == 0
    assert json.loads(out)["runs"][0]["identical"]


def test_an_archive_gives_the_same_summary_and_tables_on_another_machine(home, archive, tmp_path, capsys, monkeypatch):
    (tmp_path / "experiments").mkdir()  # neither this grid nor its protocol is known here
    monkeypatch.chdir(tmp_path)
    code, out, err = captured_suite(capsys, monkeypatch, "report", archive, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["differ"] == []
    written = {Path(file).name: Path(file) for file in found["files"]}
    there = home / "results" / "small"
    same = [there / "summary.csv", there / "timing.csv", *(there / "tables").iterdir(), *(there / "figures").iterdir()]
    assert len(same) > 10
    for file in same:
        assert written[file.name].read_bytes() == file.read_bytes(), file.name
    assert written["report.html"].is_file()
    assert written["summary.csv"].is_relative_to("results/archives")


def test_runs_inside_an_archive_have_names(home, small, archive, tmp_path):
    run = find_runs(f"{archive}#{small.runs[1].id}", tmp_path)[0]
    assert run.result() == small.runs[1].folder.result()
    assert run.predictions.read_bytes() == small.runs[1].folder.predictions.read_bytes()
    assert explain(f"{archive}#small:calib_order/tsn-resnet18/f8", tmp_path)["runs"][0]["id"] == small.runs[1].id
    states = [run.state() for run in archived_plan(open_archive(archive, tmp_path / "archives")).runs]
    assert states == ["done", "done", "done", "failed"]


def test_an_unpacked_archive_that_was_changed_is_unpacked_anew(small, archive, tmp_path):
    results = open_archive(archive, tmp_path)
    table, result = results / "small" / "summary.csv", results / "small" / "runs" / small.runs[0].id / "result.json"
    table.write_text("made anew")
    assert open_archive(archive, tmp_path) == results
    assert table.read_text() == "made anew", "a report may be written in it"
    spoil_result(RunFolder(result.parent), top1=99.0)
    assert open_archive(archive, tmp_path) == results
    assert RunFolder(result.parent).result() == small.runs[0].folder.result()
    assert [path.name for path in tmp_path.iterdir()] == [results.parent.name]


def test_a_grid_at_work_or_without_results_is_not_exported(home, small, tmp_path):
    with (
        RunFolder(small.runs[3].folder.path).claimed(),
        pytest.raises(BadInput, match="1 runs of small are in progress"),
    ):
        export(small, tmp_path / "x.tar.gz")
    empty = make_plan(str(home / "small.yaml"), Selection(), tmp_path / "results", costs=False)
    with pytest.raises(BadInput, match="no finished run"):
        export(empty, tmp_path / "x.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_with_an_accuracy_that_nobody_measured_is_refused(archive, tmp_path):
    opened = open_archive(archive, tmp_path / "opened").parent
    shutil.copytree(opened, tmp_path / "forged", symlinks=False)
    file = next((tmp_path / "forged").rglob("result.json"))
    forged = sealed(json.loads(file.read_text()) | {"top1": 99.9})  # else the edit is noticed as soon as it is read
    file.write_text(json.dumps(forged))
    manifest = read_manifest(opened)
    files = {name: tmp_path / "forged" / name for name in manifest["files"]}
    about = {key: value for key, value in manifest.items() if key not in ("format", "files")}
    pack(files, about, tmp_path / "forged.tar.gz")
    with pytest.raises(BadInput, match=r"result states top-1 99\.9, but the predictions give") as caught:
        report_archive(tmp_path / "forged.tar.gz", tmp_path / "results")
    assert file.parent.name in str(caught.value)


def test_a_damaged_archive_is_one_sentence_and_leaves_nothing(archive, tmp_path, capsys, monkeypatch):
    whole = archive.read_bytes()
    for at in (0, 20, len(whole) // 3, len(whole) // 2, len(whole) - 6):
        broken = bytearray(whole)
        broken[at] ^= 1
        (tmp_path / "x.tar.gz").write_bytes(broken)
        with pytest.raises(BadInput, match=r"damaged|not as its manifest|does not begin|does not match"):
            open_archive(tmp_path / "x.tar.gz", tmp_path / "into")
    for content in (whole[: len(whole) // 2], b"", b"text", gzip.compress(b"text"), gzip.compress(b"")):
        (tmp_path / "x.tar.gz").write_bytes(content)
        code, out, err = captured_suite(
            capsys, monkeypatch, "report", tmp_path / "x.tar.gz", "--results", tmp_path / "into"
        )
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert "x.tar.gz" in err
    code, _, err = captured_suite(capsys, monkeypatch, "report", tmp_path / "none.tar.gz")
    assert (code, "There is no archive" in err) == (2, True)
    code, _, err = captured_suite(
        capsys, monkeypatch, "report", archive, "--frames", "4", "--results", tmp_path / "into"
    )
    assert (code, "takes no options" in err) == (2, True)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["x.tar.gz"]
