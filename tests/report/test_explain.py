"""Where a number came from."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from suite.report.console.explain import describe, explain
from suite.store.code import code_digests
from suite.store.find import find_runs
from suite.store.folder import RunFolder
from suite.store.reached_code import ROOTS
from tests.builders import captured_suite

pytestmark = pytest.mark.slow


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
    ids = [folder.id for folder in find_runs(text, tmp_path / "results")]
    assert ids == [small.runs[1].id, others[0].id]  # of seed 0 the finished one


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
        ("calib_order.tsn-resnet18", "matches 2 runs"),
        ("*tsn*", "matches 2 runs"),
        ("calib_order.tsm-resnet18.f8", "did you mean 'calib_order.ts"),
        ("small:calib_order/tsn-resnet18/f9", "did you mean 'small:calib_order/tsn-resnet18/f"),
        ("smal:calib_order/tsn-resnet18/f8", "did you mean 'small'"),
        ("small:calib_order/tsn", "did you mean 'small:calib_order/tsn-resnet18/f"),
        ("results/small/runs/none", "is not a run folder"),
        ("none.tar.gz#calib", "There is no archive at none.tar.gz"),
    ],
)
def test_what_names_no_run_is_one_sentence(home, text, words, capsys, monkeypatch):
    code, out, err = captured_suite(capsys, monkeypatch, "explain", text, "--results", home / "results")
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
