"""What is changed about the videos of real runs, and what the comparison of their results says of it."""

import json
import os
import shutil
import sys
from pathlib import Path
from unittest import mock

import pytest
from rich.console import Console

from suite.__main__ import main
from suite.app.data import prepare_data
from suite.app.preflight import refuse
from suite.collect.frames import frames_by_frames
from suite.collect.resolve import read_result
from suite.collect.results_table import run_rows
from suite.data.datasets import open_dataset
from suite.data.decoding import Decoder, read_frames
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control
from suite.evaluation.perturbed import probe_run
from suite.evaluation.retest import evaluate_run
from suite.fairness.compare import compare
from suite.fairness.factors import judge
from suite.report.build import write_report
from suite.report.console.explain import describe, explain
from suite.report.tables.notes import leakage_notes
from suite.spec import BadInput
from suite.store.folder import dump_json
from suite.sweep.plan import Selection, make_plan
from suite.training.run import execute
from tests.videos import moving_frames, write_video

GRID = """
title: One run
protocol: smoke
data: calib_order
models: [tsn-resnet18]
chain: {frames: [4]}
set: {epochs: 1, batch: 8, size: 32}
"""
CONSOLE = Console(quiet=True)


def check_data(plan, data):
    refuse(prepare_data(plan, data, CONSOLE)[1])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """data/ and one.yaml."""
    home = tmp_path_factory.mktemp("home")
    synthesize("calib_order", home / "data", videos={"train": 16, "val": 16})
    (home / "one.yaml").write_text(GRID)
    return home


def planned(home, results, **changes):
    return make_plan(str(home / "one.yaml"), Selection(set=changes), results)


def trained(home, results, data=None, **changes):
    """The plan of one run that is done."""
    plan = planned(home, results, **changes)
    run = plan.runs[0]
    run.folder.create(run.spec)
    execute(run.folder, data or home / "data", Control())
    return plan


@pytest.fixture(scope="module")
def usual(home):
    return trained(home, home / "usual")


@pytest.fixture
def copied(usual, tmp_path, home):
    """The finished run in a folder that may be changed."""
    shutil.copytree(usual.folder, tmp_path / "results" / usual.grid.name)
    return planned(home, tmp_path / "results")


def file_of(data, video):
    return data / "calib_order" / "20bn-something-something-v2" / f"{video}.webm"


@pytest.fixture
def data(home, tmp_path):
    return shutil.copytree(home / "data", tmp_path / "data")


def verdict(a, b, axis="module"):
    sides = [read_result(str(plan.runs[0].folder.path), Path()) for plan in (a, b)]
    return compare(*sides, axis)


def run(*words):
    with mock.patch.object(sys, "argv", ["suite", *map(str, words)]), pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code


# --- decoder ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_runs_that_differ_in_their_decoder_alone_are_not_silently_comparable(usual, home, monkeypatch):
    monkeypatch.setenv("SUITE_DECODER", "pyav")
    other = trained(home, home / "pyav")
    found = verdict(usual, other)
    assert [d["field"] for d in found["confounds"]] == ["decoder"]
    assert found["unknown"] == []
    ours, theirs = (found["confounds"][0][side] for side in "ab")
    assert ours["training"].startswith("decord 0.")
    assert theirs["training"].startswith("pyav ")
    assert (ours["FFmpeg"], theirs["FFmpeg"][:11]) == ("not used", "libavcodec ")
    assert (ours["test"], theirs["test"]) == (ours["training"], theirs["training"])
    text = describe(explain(str(other.runs[0].folder.path), Path()))
    assert f"train by {theirs['training']}; val by {theirs['test']} (libavcodec" in text


@pytest.mark.slow
def test_a_test_by_another_decoder_than_the_runs_own_is_told_apart(usual, home, copied, tmp_path, monkeypatch):
    monkeypatch.setenv("SUITE_DECODER", "pyav")
    test = evaluate_run(copied.runs[0].folder, root=home / "data")[0]
    again = read_result(test["folder"], tmp_path).factors["decoder"]
    own = read_result(str(copied.runs[0].folder.path), tmp_path).factors["decoder"]
    assert again["training"] == own["training"] != again["test"]
    assert again["test"].startswith("pyav ")


def test_fallbacks_are_counted_per_split(tmp_path):
    decoder = Decoder(journal=tmp_path / "journal.jsonl")
    for name, split in (("a", "train"), ("b", "train"), ("c", "val"), ("d", "val")):
        suffix, codec = ("avi", "mpeg4") if name in "ab" else ("mp4", "mpeg4") if name == "c" else ("mp4", "libx264")
        path = write_video(tmp_path / f"{name}.{suffix}", moving_frames(4), codec)
        for _ in range(2):
            decoder.read(path, [0], split=split, video=name)
    splits = decoder.report()["splits"]
    assert splits["train"]["fallbacks"] == {"container": 2}
    assert splits["val"]["fallbacks"] == {"codec mpeg4": 1}
    assert [name.split()[0] for name in splits["val"]["backends"]] == ["decord", "pyav"]


def test_the_decoder_can_be_forced_and_a_wrong_name_is_one_sentence(tmp_path, monkeypatch, home, capsys):
    vp9 = write_video(tmp_path / "a.webm", moving_frames(20))
    avi = write_video(tmp_path / "a.avi", moving_frames(20), "mpeg4")
    backends = {}
    for setting in ("auto", "pyav", "decord"):
        monkeypatch.setenv("SUITE_DECODER", setting)
        backends[setting] = read_frames(vp9, [3])[1]
    assert backends == {"auto": "decord", "pyav": "pyav", "decord": "decord"}
    with pytest.raises(BadInput, match=r"SUITE_DECODER is decord.*a\.avi \(container\); set SUITE_DECODER to auto"):
        read_frames(avi, [3])
    monkeypatch.setenv("SUITE_DECODER", "pyva")
    code = run("sweep", home / "one.yaml", "--data", home / "data", "--results", tmp_path / "r", "--no-tracking")
    said = capsys.readouterr().err.strip().splitlines()
    assert (code, said) == (2, ["suite: Unknown decoder in SUITE_DECODER 'pyva'; did you mean 'pyav'?"])


# --- content ------------------------------------------------------------------------------------------------------


def exchange(data, first, second):
    one, two = file_of(data, first), file_of(data, second)
    content = [(one, two.read_bytes()), (two, one.read_bytes())]
    for file, other in content:
        times = os.stat(file)
        file.write_bytes(other)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def alike(data):
    """Two training videos of one length, so that ids, labels, frames and rates stay when their bytes are exchanged."""
    by_length = {}
    for video in open_dataset("calib_order", data).split("train").videos:
        if video.frames in by_length:
            return by_length[video.frames], video.id
        by_length[video.frames] = video.id
    raise AssertionError("no two videos of one length")


@pytest.mark.slow
def test_a_run_on_exchanged_videos_is_stale_and_confounded(usual, home, data, tmp_path):
    exchange(data, *alike(data))
    with pytest.raises(BadInput, match=r"1 finished runs .* used other videos of calib_order"):
        check_data(usual, data)
    other = trained(home, tmp_path / "results", data)
    found = verdict(usual, other)
    assert [d["field"] for d in found["confounds"]] == ["data"]
    ours, theirs = (found["confounds"][0][side] for side in "ab")
    assert [part for part in ours if ours[part] != theirs[part]] == ["train content"]


def to_scheme_1(plan, home):
    """Makes a finished run's files what they were before fingerprints."""
    folder, dataset = plan.runs[0].folder, open_dataset("calib_order", home / "data")
    result = folder.result()
    for key in ("manifest_scheme", "manifest_parts", "leakage"):
        del result[key]
    result["manifests"] = {split: dataset.split(split).list_sha256 for split in ("train", "val")}
    result.pop("checksum", None)
    folder.result_file.write_text(dump_json(result))
    provenance = json.loads(folder.provenance.read_text())
    del provenance["decoding"]["splits"], provenance["checksum"]
    for split, digest in result["manifests"].items():
        provenance["data"][split]["sha256"] = digest
    folder.provenance.write_text(dump_json(provenance))
    return folder


@pytest.mark.slow
def test_a_run_from_before_fingerprints_is_accepted_where_its_list_of_videos_is_the_same(copied, home, data):
    folder = to_scheme_1(copied, home)
    check_data(copied, home / "data")
    test = evaluate_run(folder, root=home / "data")[0]
    assert test["top1"] == folder.result()["top1"]
    evaluate_run(folder, [8], root=home / "data")
    assert len(frames_by_frames([folder])) == 2
    assert probe_run(folder, ("none",), root=home / "data")["n"] == 16
    file_of(data, 1_000_001).unlink()
    with pytest.raises(BadInput, match=r"used other videos|missing"):
        check_data(copied, data)
    with pytest.raises(BadInput, match="are not those that"):
        probe_run(folder, ("none",), root=data)


def test_what_a_run_from_before_fingerprints_did_not_record_is_unknown(usual, copied, home):
    to_scheme_1(copied, home)
    found = verdict(usual, copied)
    assert found["confounds"] == []
    unknown = {d["field"]: d for d in found["unknown"]}
    assert {"data", "leakage"} <= set(unknown)
    old = unknown["data"]["b"]
    assert old["train list"] == unknown["data"]["a"]["train list"]
    assert old["train content"] is None
    assert "decoder" in found["same"]  # decord alone read it, and its version stands among the packages
    lists = {**old, "val list": "0123456789"}
    assert "data" in {d.field for d in judge({"data": old}, {"data": lists}).confounds}


# --- leakage ------------------------------------------------------------------------------------------------------


@pytest.fixture
def leaking(data):
    """Two validation videos that are training videos: one by id, one by content."""
    labels = data / "calib_order" / "labels"
    train, val = (json.loads((labels / f"{part}.json").read_text()) for part in ("train", "validation"))
    val[0] = train[4]
    (labels / "validation.json").write_text(json.dumps(val))
    shutil.copy(file_of(data, 9), file_of(data, 1_000_006))
    return data


SHARED = "2 of 16 validation videos also occur in the training split (by id: 1, by content: 1; 5, 1000006 = 9)"


@pytest.mark.parametrize("allowed", [0, 1])
def test_shared_videos_stop_a_sweep_in_one_sentence(leaking, home, tmp_path, capsys, allowed):
    options = ["--set", f"allow_leakage={allowed}"] if allowed else []
    code = run("sweep", home / "one.yaml", "--data", leaking, "--results", tmp_path / "r", "--no-tracking", *options)
    said = capsys.readouterr().err.strip().splitlines()
    assert code == 2
    assert len(said) == 1
    assert f"calib_order: {SHARED}, and allow_leakage is {allowed};" in said[0]
    assert not list(tmp_path.glob("r/one/runs/*/result.json"))


@pytest.mark.slow
def test_shared_videos_that_are_allowed_stand_in_result_ledger_and_caption(leaking, usual, home, tmp_path):
    with pytest.raises(BadInput, match="allow_leakage is 0"):
        trained(home, tmp_path / "refused", leaking)
    plan = trained(home, tmp_path / "r", leaking, allow_leakage=2)
    assert plan.runs[0].folder.result()["leakage"] == {"by_id": 1, "by_content": 1}
    assert usual.runs[0].folder.result()["leakage"] == {"by_id": 0, "by_content": 0}
    confounds = {d["field"]: d for d in _judged(usual, plan)}
    assert (confounds["leakage"]["a"], confounds["leakage"]["b"]) == (0, {"by id": 1, "by content": 1})
    assert f"{SHARED}." in json.loads(plan.runs[0].folder.provenance.read_text())["data"]["notes"]
    words = "validation videos of Order (synthetic) also occur in the training split (by id: 1, by content: 1)."
    write_report(plan)
    assert f" 2 {words}" in (plan.folder / "tables" / "accuracy.md").read_text()
    assert leakage_notes(run_rows(usual)) == []
    assert "leakage" in describe(explain(str(plan.runs[0].folder.path), Path()))


def _judged(a, b):
    sides = [read_result(str(plan.runs[0].folder.path), Path()).factors for plan in (a, b)]
    return [vars(d) for d in judge(*sides).confounds]


def test_how_many_shared_videos_are_accepted_is_no_part_of_what_a_run_is(usual, home, tmp_path):
    allowed = planned(home, tmp_path, allow_leakage=2).runs[0].spec
    assert allowed.resolved()["protocol"]["allow_leakage"] == 2
    assert allowed.id == usual.runs[0].spec.id


def test_check_prints_shared_videos_and_fails(leaking, capsys):
    assert run("data", "check", "calib_order", "--data", leaking) == 1
    assert "leakage: 2 (5, 1000006)" in capsys.readouterr().out
    assert run("data", "check", "calib_order", "--data", leaking, "--json") == 1
    assert json.loads(capsys.readouterr().out)["leakage"] == ["5", "1000006"]
