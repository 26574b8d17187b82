"""Whether a result still comes out."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from suite.spec import BadInput
from suite.store.folder import RunFolder
from suite.sweep.verify import draw, verify
from tests.builders import captured_suite
from tests.small_sweep import PREDICTIONS, one_run, spoil_result

pytestmark = pytest.mark.slow


def test_checkpoints_give_the_stored_predictions_bit_for_bit(home, capsys, monkeypatch):
    args = ["verify", home / "small.yaml", "--sample", "1", "--data", home / "data", "--results", home / "results"]
    code, out, _ = captured_suite(capsys, monkeypatch, *args, "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["finished"], found["checked"]) == (0, True, 3, 1)
    run = found["runs"][0]
    assert (run["identical"], run["agreement"], run["max_difference"], run["problems"]) == (True, 1.0, 0.0, [])
    assert run["standard"] == "bit-identical"
    assert [file["file"] for file in run["files"]] == ["predictions.parquet", "predictions_video.parquet"]
    code, out, _ = captured_suite(capsys, monkeypatch, *args, "--device", "cpu")
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


def stand_in(monkeypatch, folder, shift=0, why=("another CPU",)):
    """For the checkpoint of a run: it gives the stored logits as they are now, plus `shift`."""
    from suite.sweep import verify as module

    kept = {name: module._load_predictions(folder.path / name, 8) for name in PREDICTIONS}

    def again(run, evaluation, stored, place, machine, classes):
        before = kept[stored.predictions.name]
        return replace(before, logits=before.logits + shift), list(why)

    monkeypatch.setattr(module, "_test_again", again)


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
        (lambda folder: rewritten(folder, one_label_else), "1 labels differ from those of the data"),
        (lambda folder: rewritten(folder, lambda table: table[1:]), "1 videos are only in it or only in the data"),
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
    code, out, _ = captured_suite(capsys, monkeypatch, "verify", home / "small.yaml", *args)
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
        (NEW, NEW | {"device": "cuda"}, ["tested on cpu before and on cuda now"]),
        (OLD, NEW, []),  # a run of before there was a digest of the test code, and nothing has changed since
        (OLD, NEW | {"code_sha256": "2"}, ["the run did not record its test code"]),
        ({"code": "abc"}, NEW, ["the run did not record its test code"]),
        ({"code": None}, NEW, ["the run did not record its test code"]),
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
