"""Where a number came from, whether it still comes out, and a grid that travels as one file."""

import gzip
import hashlib
import io
import json
import re
import shutil
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from suite.__main__ import main
from suite.app.export import export, report_archive
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control
from suite.report.build import write_report
from suite.report.console.explain import describe, explain
from suite.spec import BadInput
from suite.store.archive import FORMAT, is_archive, open_archive, pack, read_manifest
from suite.store.cells import find_runs
from suite.store.code import ROOTS, code_digests
from suite.store.folder import RunFolder
from suite.sweep.archived import archived_plan
from suite.sweep.plan import Selection, make_plan
from suite.sweep.verify import draw, verify
from suite.training.run import execute

GRID = """
title: Small
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [4, 8]}
set: {epochs: 1, batch: 8, size: 32, evaluation.video_clips: 2}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """data/, small.yaml, and results/small with three finished runs and one that failed."""
    home = tmp_path_factory.mktemp("home")
    synthesize("calib_order", home / "data", videos={"train": 16, "val": 16})
    (home / "small.yaml").write_text(GRID)
    plan = make_plan(str(home / "small.yaml"), Selection(), home / "results")
    for run in plan.runs[:3]:
        run.folder.create(run.spec)
        execute(run.folder, home / "data", Control())
    failed = plan.runs[3].folder
    failed.create(plan.runs[3].spec)
    failed.fail(f"There is no checkpoint at {home}/results/small/runs/x/checkpoint.pt or /srv/my data/x.pt.", "input")
    write_report(plan)
    return home


@pytest.fixture
def small(home):
    return make_plan(str(home / "small.yaml"), Selection(), home / "results")


@pytest.fixture(scope="module")
def archive(home):
    plan = make_plan(str(home / "small.yaml"), Selection(), home / "results")
    export(plan, home / "small.tar.gz")
    return home / "small.tar.gz"


PREDICTIONS = ("predictions.parquet", "predictions_video.parquet")


def one_run(plan, tmp_path, number=1):
    """A plan of one finished run, whose folder is a copy that may be spoilt; its parent lies beside it."""
    for run in plan.runs[:2]:
        shutil.copytree(run.folder.path, tmp_path / "runs" / run.id)
    run = plan.runs[number]
    return replace(plan, runs=[replace(run, folder=RunFolder(tmp_path / "runs" / run.id), children=[])])


def command(capsys, monkeypatch, *args):
    """Exit code, standard output and standard error of a command."""
    monkeypatch.setattr(sys, "argv", ["suite", *map(str, args)])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    return stop.value.code, printed.out, printed.err


# --- explain ------------------------------------------------------------------------------------------------------


def test_a_run_is_explained_down_to_its_data_and_weights(home, small):
    first, second = small.runs[:2]
    run = explain(second.id[: len("calib_order.tsn-resnet18.f8")], home / "results")["runs"][0]
    assert run["spec"] == second.spec.resolved()
    parent = run["parents"][0]
    assert (parent["id"], parent["epochs"], parent["top1"]) == (first.id, 1, first.folder.result()["top1"])
    assert run["data"]["val"] == {"videos": 16, "sha256": second.folder.result()["manifests"]["val"]}
    assert run["weights"]["text"].startswith("122 of 122 tensors from ")
    assert (len(run["sessions"]), run["resumed"], run["epochs_done"]) == (1, 0, 1)
    assert run["packages"]["torch"]
    assert {kind: run["sessions"][0][kind] for kind in ROOTS} == code_digests("tsn-resnet18")
    assert run["files"]["predictions.parquet"] == second.folder.predictions.stat().st_size
    text = describe({"runs": [run]})
    for words in (
        second.id,
        first.id,
        "16 videos, manifest sha256",
        "122 of 122 tensors",
        "cpu: ",
        "torch 2",
        "by decord",
    ):
        assert words in text, words
    assert re.search(rf"top-1 +{second.folder.result()['top1']:.2f} % of 16 videos", text)


def test_a_cell_is_explained_by_the_runs_that_its_table_was_made_from(home, small, tmp_path):
    text = "small:calib_order/tsn-resnet18/f8"
    assert [run["id"] for run in explain(text, home / "results")["runs"]] == [small.runs[1].id]
    # another seed, and a run of another protocol that no table shows
    shutil.copytree(home / "results", tmp_path / "results")
    spec = small.runs[1].spec
    others = [replace(spec, seed=1), replace(spec, protocol=spec.protocol.model_copy(update={"lr": 1.0}))]
    for other in others:
        RunFolder(tmp_path / "results" / "small" / "runs" / other.id).create(other)
    summary = tmp_path / "results" / "small" / "summary.csv"
    summary.write_text(summary.read_text() + f"{others[0].id},tsn-resnet18\n")
    ids = [folder.id for folder in find_runs(text, tmp_path / "results")]
    assert ids == [small.runs[1].id, others[0].id]
    summary.unlink()
    assert len(find_runs(text, tmp_path / "results")) == 3


def test_a_run_that_failed_or_lost_its_parent_is_explained_as_far_as_it_is_known(small, tmp_path):
    failed = small.runs[3].folder
    run = explain(str(failed.path), Path("nowhere"))["runs"][0]
    assert (run["state"], run["result"], run["sessions"]) == ("failed", None, [])
    assert "There is no checkpoint" in describe({"runs": [run]})
    shutil.copytree(small.runs[1].folder.path, tmp_path / small.runs[1].id)
    run = explain(str(tmp_path / small.runs[1].id), Path("nowhere"))["runs"][0]
    assert [(parent["id"], parent["state"]) for parent in run["parents"]] == [(small.runs[0].id, "not here")]
    assert "no result stored here" in describe({"runs": [run]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("calib_order.tsn-resnet18", "fits 2 runs"),
        ("*tsn*", "fits 2 runs"),
        ("calib_order.tsm-resnet18.f8", "did you mean 'calib_order.ts"),
        ("small:calib_order/tsn-resnet18/f9", "did you mean 'small:calib_order/tsn-resnet18/f"),
        ("smal:calib_order/tsn-resnet18/f8", "did you mean 'small'"),
        ("small:calib_order/tsn-resnet18", "has the form <grid>:<dataset>/<model>/f<frames>"),
        ("results/small/runs/none", "is not a run folder"),
        ("none.tar.gz#calib", "There is no archive at none.tar.gz"),
    ],
)
def test_what_names_no_run_is_one_sentence(home, text, words, capsys, monkeypatch):
    code, out, err = command(capsys, monkeypatch, "explain", text, "--results", home / "results")
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1


# --- verify -------------------------------------------------------------------------------------------------------


def test_checkpoints_give_the_stored_predictions_bit_for_bit(home, capsys, monkeypatch):
    args = ["verify", home / "small.yaml", "--sample", "1", "--data", home / "data", "--results", home / "results"]
    code, out, _ = command(capsys, monkeypatch, *args, "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["finished"], found["checked"]) == (0, True, 3, 1)
    run = found["runs"][0]
    assert (run["identical"], run["agreement"], run["max_difference"], run["problems"]) == (True, 1.0, 0.0, [])
    assert run["standard"] == "bit-identical"
    assert [file["file"] for file in run["files"]] == ["predictions.parquet", "predictions_video.parquet"]
    code, out, _ = command(capsys, monkeypatch, *args, "--device", "cpu")
    assert code == 0
    assert "all confirmed" in out
    assert "Required: bit-identical (the same CPU, packages, threads and test code)" in out


def rewritten(folder, change):
    table = pd.read_parquet(folder.predictions)
    change(table).to_parquet(folder.predictions, index=False)


def one_logit_more(table):
    logits = table.logits[0].copy()
    logits[(int(np.argmax(logits)) + 1) % 8] += 100
    return table.assign(logits=[logits, *table.logits[1:]])


def one_label_else(table):
    return table.assign(label=[(table.label[0] + 1) % 8, *table.label[1:]])


def spoil_result(folder, **changes):
    result = {key: value for key, value in folder.result().items() if key != "checksum"}  # who edits may know of it
    folder.result_file.write_text(json.dumps(result | changes))


def stand_in(monkeypatch, folder, shift=0, why=("another CPU",)):
    """For the checkpoint of a run: it gives the stored logits as they are now, plus `shift`."""
    from suite.sweep import verify as module

    kept = {name: module._read(folder.path / name, 8) for name in PREDICTIONS}

    def again(run, evaluation, stored, place, machine, classes):
        before = kept[stored.predictions.name]
        return replace(before, logits=before.logits + shift), list(why)

    monkeypatch.setattr(module, "_again", again)


def problems_of(plan, data):
    found = verify(plan, "100%", data)
    assert found["ok"] == (not found["runs"][0]["problems"])
    return " | ".join(found["runs"][0]["problems"])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: rewritten(folder, one_logit_more), "only 93.8% of the videos get the same predicted class"),
        (lambda folder: spoil_result(folder, manifests={"val": "other"}), "are not those that"),
        (lambda folder: spoil_result(folder, manifests={}), "lacks 'val'"),
        (lambda folder: folder.checkpoint.unlink(), "There is no checkpoint"),
    ],
)
def test_a_checkpoint_that_gives_other_predictions_or_cannot_be_tested_is_found(home, small, tmp_path, spoil, words):
    plan = one_run(small, tmp_path)
    spoil(plan.runs[0].folder)
    assert words in problems_of(plan, home / "data")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: None, ""),
        (lambda folder: rewritten(folder, one_logit_more), "only 93.8% of the videos"),
        (lambda folder: rewritten(folder, one_label_else), "1 labels are not those of the data"),
        (lambda folder: rewritten(folder, lambda table: table[1:]), "1 videos are in it or in the data alone"),
        (lambda folder: rewritten(folder, lambda table: table.drop(columns="logits")), "cannot be read"),
        (lambda folder: folder.predictions.write_bytes(b"PAR1"), "predictions.parquet cannot be read"),
        (lambda folder: folder.predictions.unlink(), "predictions.parquet is missing"),
        (lambda folder: spoil_result(folder, top1=99.0), "result.json says top1 99, the predictions give"),
        (lambda folder: spoil_result(folder, per_class={}), "nothing, the predictions give"),
        (lambda folder: spoil_result(folder, video={}), "predictions_video.parquet: result.json says n nothing"),
    ],
)
def test_accuracies_that_do_not_follow_from_the_predictions_are_found(home, small, tmp_path, monkeypatch, spoil, words):
    plan = one_run(small, tmp_path)
    stand_in(monkeypatch, plan.runs[0].folder)
    spoil(plan.runs[0].folder)
    problems = problems_of(plan, home / "data")
    assert words in problems
    assert bool(words) == bool(problems)


def test_a_problem_is_exit_code_1_and_said(home, small, tmp_path, capsys, monkeypatch):
    shutil.copytree(home / "results", tmp_path / "results")
    for run in small.runs[:3]:
        spoil_result(RunFolder(tmp_path / "results" / "small" / "runs" / run.id), top5=0.0)
    args = ["--data", home / "data", "--results", tmp_path / "results", "--sample", "5%"]
    code, out, _ = command(capsys, monkeypatch, "verify", home / "small.yaml", *args)
    assert code == 1
    assert "predictions.parquet: result.json says top5 0, the predictions give" in out
    assert "1 of 3 finished runs retested on cpu (sample 5%, seed 0), 1 with problems." in out


def test_other_bits_are_a_problem_only_where_they_must_be_the_same(home, small, tmp_path, monkeypatch):
    plan = one_run(small, tmp_path)
    for why in ((), ("another CPU",)):
        stand_in(monkeypatch, plan.runs[0].folder, np.float32(1e-5), why)
        run = verify(plan, "100%", home / "data")["runs"][0]
        assert ("where bits must be the same" in " | ".join(run["problems"])) == (not why) == bool(run["problems"])
        assert run["standard"] == ("same classes for 99 % of videos" if why else "bit-identical")
        assert run["why"] == ("another CPU" if why else "the same CPU, packages, threads and test code")


CHANGED = "the test code has changed since"
NEW = {"code": "abc", "code_sha256": "1", "code_test": {"data": "d", "training": "t"}}
OLD = {"code": "abc", "code_sha256": "1"}


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (NEW, NEW, []),
        (NEW, NEW | {"code": "abd"}, []),  # another commit, the same code
        (NEW, NEW | {"code": "abc+", "code_sha256": "2"}, []),  # an edit to code that does not test
        (NEW, NEW | {"code_test": {"data": "d", "training": "x"}}, [f"{CHANGED} (training)"]),
        (NEW, NEW | {"name": "another"}, ["another CPU"]),
        (NEW, NEW | {"threads": 99, "python": "3"}, ["another number of threads", "another version of Python"]),
        (NEW, NEW | {"packages": {"torch": "9"}}, ["another version of torch"]),
        (NEW, NEW | {"device": "cuda"}, ["tested on cpu then and on cuda now"]),
        (OLD, NEW, []),  # a run of before there was a digest of the test code, and nothing has changed since
        (OLD, NEW | {"code_sha256": "2"}, ["the run did not record which code tests"]),
        ({"code": "abc"}, NEW, ["the run did not record which code tests"]),
        ({"code": None}, NEW, ["the run did not record which code tests"]),
        (NEW | {"packages": [3]}, NEW, ["the run's provenance is missing or damaged"]),
    ],
)
def test_bits_must_be_the_same_on_the_same_cpu_packages_threads_and_code_that_tests(small, tmp_path, before, now, why):
    from suite.store.evaluations import StoredTest
    from suite.sweep.verify import _why_bits_may_differ

    run = one_run(small, tmp_path).runs[0]
    machine = {"device": "cpu", "name": "a", "threads": 1, "python": "3.11", "packages": {"torch": "2"}}
    run.folder.provenance.write_text(json.dumps({"sessions": [{}, machine | before]}))
    found = machine | now
    device = {key: found[key] for key in ("device", "name", "threads")}
    test = {"device": device, "environment": found}
    assert _why_bits_may_differ(run, StoredTest({}, run.folder.predictions), test) == why


def test_a_sample_depends_on_its_seed_alone_and_has_one_run_at_least(small):
    done = small.runs[:3]
    assert len(draw(done, "5%", 0)) == 1
    assert len(draw(done, "34%", 0)) == 2
    assert draw(done, "100%", 0) == draw(done, "7", 0) == done
    assert draw(done, "2", 3) == [run for run in done if run in draw(done[::-1], "2", 3)]
    assert {draw(done, "1", seed)[0].id for seed in range(20)} == {run.id for run in done}
    for wrong in ("", "0", "0%", "101%", "-1", "1.5", "five", "5 %%"):
        with pytest.raises(BadInput, match="--sample expects"):
            draw(done, wrong, 0)
    with pytest.raises(BadInput, match="nothing to verify"):
        draw([], "5%", 0)


# --- export and back ----------------------------------------------------------------------------------------------


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


def test_weights_are_exported_when_asked_for_and_can_then_be_verified_elsewhere(
    home, small, tmp_path, capsys, monkeypatch
):
    export(replace(small, runs=small.runs[:1]), tmp_path / "heavy.tar.gz", weights=True)
    args = ["--data", home / "data", "--results", tmp_path / "results", "--json"]
    code, out, _ = command(capsys, monkeypatch, "verify", tmp_path / "heavy.tar.gz", *args)
    assert code == 0
    assert json.loads(out)["runs"][0]["identical"]


def test_an_archive_gives_the_same_summary_and_tables_on_another_machine(home, archive, tmp_path, capsys, monkeypatch):
    (tmp_path / "experiments").mkdir()  # neither this grid nor its protocol is known here
    monkeypatch.chdir(tmp_path)
    code, out, err = command(capsys, monkeypatch, "report", archive, "--json")
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
    from suite.store.folder import lock

    with (
        lock(small.runs[3].folder.path / ".lock", 1, "busy"),
        pytest.raises(BadInput, match="1 runs of small are in progress"),
    ):
        export(small, tmp_path / "x.tar.gz")
    (small.runs[3].folder.path / ".lock").unlink()
    empty = make_plan(str(home / "small.yaml"), Selection(), tmp_path / "results", costs=False)
    with pytest.raises(BadInput, match="no finished run"):
        export(empty, tmp_path / "x.tar.gz")
    assert list(tmp_path.iterdir()) == []


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


def test_an_archive_with_an_accuracy_that_nobody_measured_is_refused(archive, tmp_path):
    opened = open_archive(archive, tmp_path / "opened").parent
    shutil.copytree(opened, tmp_path / "forged", symlinks=False)
    file = next((tmp_path / "forged").rglob("result.json"))
    forged = json.loads(file.read_text()) | {"top1": 99.9}
    del forged["checksum"]  # with it, the edit is noticed as soon as the file is read
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
        code, out, err = command(capsys, monkeypatch, "report", tmp_path / "x.tar.gz", "--results", tmp_path / "into")
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert "x.tar.gz" in err
    code, _, err = command(capsys, monkeypatch, "report", tmp_path / "none.tar.gz")
    assert (code, "There is no archive" in err) == (2, True)
    code, _, err = command(capsys, monkeypatch, "report", archive, "--frames", "4", "--results", tmp_path / "into")
    assert (code, "takes no options" in err) == (2, True)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["x.tar.gz"]


def test_an_archive_of_something_else_is_refused_and_a_grid_is_no_archive(tmp_path, home):
    path = packed(tmp_path / "x.tar.gz", [PLAIN])
    with pytest.raises(BadInput, match=r"not an unpacked archive of a grid"):
        report_archive(path, tmp_path)
    shutil.copy(path, tmp_path / "renamed")
    assert is_archive(tmp_path / "renamed")
    assert not is_archive("demo")
    assert not is_archive(home / "small.yaml")
