"""Finished runs under other test settings: nothing is trained again, no test is lost, none is taken for another."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from suite.collect.frames import frames_by_frames
from suite.collect.resolve import from_run, read_result
from suite.collect.results_table import run_rows
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control
from suite.evaluation.retest import evaluate_run
from suite.fairness.compare import compare
from suite.fairness.run_factors import read_run
from suite.report.build import retested, write_report
from suite.spec import BadInput
from suite.store.evaluations import predictions_of, result_of, stored_test
from suite.store.evaluations import test_folder as place_of
from suite.store.folder import RunFolder, sealed
from suite.sweep.plan import Selection, make_plan
from suite.sweep.verify import verify
from suite.training.run import execute

pytestmark = pytest.mark.slow

GRID = """
title: Two stages
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [2, 4]}
set: {epochs: 1, batch: 8, size: 32}
"""
SWAPPED = ({"evaluation.video_clips": 2}, {"evaluation.clips": 2})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    synthesize("calib_order", root, videos={"train": 16, "val": 16})
    return root


def planned(results, only=(), **changes):
    grid = results / "two.yaml"
    grid.parent.mkdir(parents=True, exist_ok=True)
    grid.write_text(GRID)
    return make_plan(str(grid), Selection(only=only, set=changes), results, costs=False)


def run_all(plan, data):
    for run in plan.runs:
        run.folder.create(run.spec)
        execute(run.folder, data, Control(), run.spec)
    return plan


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    run_all(planned(results), data)
    return results


@pytest.fixture
def results(trained, tmp_path):
    return copied(trained, tmp_path / "results")


def copied(folder, to):
    """A copy to be changed; checkpoints are linked, and a test that changes one unlinks it before."""
    return shutil.copytree(
        folder, to, copy_function=lambda a, b: (os.link if a.endswith(".pt") else shutil.copy2)(a, b)
    )


@pytest.fixture(scope="module")
def with_a_test(data, trained, tmp_path_factory):
    """`trained`, its first run tested once more with two clips; and the place of that test in it."""
    results = copied(trained, tmp_path_factory.mktemp("tested") / "results")
    place = Path(evaluate_run(planned(results).runs[0].folder, root=data, clips=2)[0]["folder"])
    return results, place.relative_to(results)


@pytest.mark.parametrize(("first", "then"), [SWAPPED, SWAPPED[::-1]])
def test_a_clip_level_test_may_have_been_the_video_level_one_and_the_other_way_round(data, tmp_path, first, then):
    run = run_all(planned(tmp_path, ("tsn-*",), **first), data).runs[0]
    other = planned(tmp_path, ("tsn-*",), **then).runs[0]
    assert other.id == run.id
    found = execute(other.folder, data, Control(), other.spec)
    assert other.state() == "done"
    assert found["n"] == 16
    clips = pd.read_parquet(predictions_of(other.folder, other.spec)[0])
    assert len(clips) == 16


def test_a_retested_grid_is_verified_by_the_tests_that_are_planned(data, results):
    plan = run_all(planned(results, ("tsn-*",), **{"evaluation.video_clips": 2}), data)
    found = verify(plan, "100%", data)
    assert found["ok"], found
    assert all(run["identical"] for run in found["runs"])
    assert all(any(file["file"].startswith("eval/") for file in run["files"]) for run in found["runs"])
    place = place_of(plan.runs[0].folder, plan.runs[0].spec.video_evaluation())
    shutil.rmtree(place)
    again = verify(planned(results, ("tsn-*",), **{"evaluation.video_clips": 2}), "100%", data)
    assert again["finished"] == 1  # the run with a missing test is not finished


@pytest.mark.more
def test_stages_tested_otherwise_are_trained_alike(data, results):
    plan = planned(results, **{"evaluation.clips": 2, "evaluation.batch": 4, "allow_missing": 1})
    retested_one = [run for run in plan.runs if run.spec.model == "tsn-resnet18"]
    for run in retested_one:
        execute(run.folder, data, Control(), run.spec)
    shutil.rmtree(next((results / "two" / "runs").glob("*tam-resnet18.f4*")))
    shutil.rmtree(next((results / "two" / "runs").glob("*tam-resnet18.f2*")))
    fresh = planned(results, ("tam-*",), **{"evaluation.clips": 2, "evaluation.batch": 4, "allow_missing": 1})
    run_all(fresh, data)
    a, b = (read_run(run.spec, run.folder) for run in (retested_one[1], fresh.runs[1]))
    assert a["chain"] == b["chain"]
    assert a["views"] == b["views"]


def test_dense_test_clips_are_no_uniform_ones(data, results):
    run = planned(results).runs[0]
    made = evaluate_run(run.folder, root=data, rule="dense", stride=2)[0]
    found = compare(from_run(run.folder), read_result(made["folder"], results))
    assert [d["field"] for d in found["confounds"]] == ["test_sampling"]
    assert found["grade"] == "confounded"


def test_the_ledger_of_a_further_test_is_its_own(data, results):
    plan = run_all(planned(results, ("tsn-*",), **{"evaluation.clips": 2}), data)
    run = plan.runs[0]
    stored = stored_test(run.folder, run.spec.evaluation())
    facts = stored.facts | {"environment": stored.facts["environment"] | {"code_test": {"testing": "ffffffffff"}}}
    facts = sealed(facts)
    (stored.predictions.parent / "eval.json").write_text(json.dumps(facts))
    (ours,) = run_rows(_Plan(plan, [run])).factors
    theirs = read_result(str(stored.predictions.parent), results).factors
    assert dict(ours["code_test"]) == dict(theirs["code_test"]) == {"testing": "ffffffffff"}
    assert ours["code_train"] != ours["code_test"]


class _Plan:
    def __init__(self, plan, runs):
        self.runs, self.folder, self.grid = runs, plan.folder, plan.grid


def change(file, edit):
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("key", ["top1", "top5", "pair_top1"])
def test_edited_accuracies_are_refused_with_and_without_a_checksum(results, key):
    run = planned(results).runs[0]
    change(run.folder.result_file, lambda result: result.update({key: 99.0}))
    with pytest.raises(BadInput, match="was changed after it was written"):
        run.result()
    change(run.folder.result_file, lambda result: result.pop("checksum"))
    with pytest.raises(BadInput, match="was changed after it was written"):
        run.result()
    change(run.folder.result_file, lambda result: result.update(sealed(result)))
    plan = planned(results)
    (results / "two" / "summary.csv").unlink(missing_ok=True)
    with pytest.raises(BadInput, match="predictions give"):
        write_report(plan)
    assert not (results / "two" / "summary.csv").exists()


def test_an_edited_test_is_refused(data, results):
    plan = run_all(planned(results, ("tsn-*",), **{"evaluation.clips": 2, "evaluation.video_clips": 3}), data)
    run = plan.runs[0]
    for evaluation in (run.spec.evaluation(), run.spec.video_evaluation()):
        file = place_of(run.folder, evaluation) / "eval.json"
        before = file.read_text()
        change(file, lambda test: test.update(top1=99.0))
        with pytest.raises(BadInput, match="was changed"):
            result_of(run.folder, run.spec)
        change(file, lambda test: test.pop("checksum"))
        with pytest.raises(BadInput, match="was changed"):
            result_of(run.folder, run.spec)
        change(file, lambda test: test.update(sealed(test)))
        with pytest.raises(BadInput, match="predictions give"):
            write_report(planned(results, ("tsn-*",), **{"evaluation.clips": 2, "evaluation.video_clips": 3}))
        file.write_text(before)


def test_another_plan_does_not_change_what_a_run_in_progress_is_tested_by(data, tmp_path):
    run = planned(tmp_path, ("tsn-*",)).runs[0]
    other = planned(tmp_path, ("tsn-*",), **{"evaluation.clips": 2}).runs[0]
    run.folder.create(run.spec)

    def report(progress):
        other.folder.create(other.spec)  # as a second driver does before it starts its worker

    execute(run.folder, data, Control(report=report), run.spec)
    assert RunFolder(run.folder.path).spec().evaluation() == run.spec.evaluation()
    assert other.result() is None  # it was not tested so


def test_tests_of_frames_have_the_ids_of_the_table(data, results):
    plan = planned(results)
    evaluate_run(plan.runs[0].folder, [4], root=data)
    assert set(retested(plan, run_rows(plan))["id"]) == {run.id for run in plan.runs}
    named = frames_by_frames([(run.folder, run.spec, f"today-{run.id}", run.spec.model) for run in plan.runs])
    assert all(name.startswith("today-") for name in named["id"])


def test_a_test_in_the_folder_of_another_is_refused(data, results):
    plan = run_all(planned(results, ("tsn-*",), **{"evaluation.clips": 2}), data)
    folder, spec = plan.runs[0].folder, plan.runs[0].spec
    wanted = planned(results, ("tsn-*",), **{"evaluation.clips": 5}).runs[0].spec
    place_of(folder, spec.evaluation()).rename(place_of(folder, wanted.evaluation()))
    with pytest.raises(BadInput, match="belongs to another test"):
        result_of(folder, wanted)
    with pytest.raises(BadInput, match="was changed"):
        read_result(str(place_of(folder, wanted.evaluation())), results)


def test_another_checkpoint_under_the_name_of_a_run_is_refused(data, results):
    first, second = planned(results).runs[:2]
    saved = torch.load(first.folder.checkpoint, weights_only=True)
    saved["state"] = {key: value + 1 if value.is_floating_point() else value for key, value in saved["state"].items()}
    first.folder.checkpoint.unlink()
    torch.save(saved, first.folder.checkpoint)
    with pytest.raises(BadInput, match="different SHA-256"):
        evaluate_run(first.folder, root=data, clips=2)
    shutil.rmtree(second.folder.path)
    second.folder.create(second.spec)
    with pytest.raises(BadInput, match="different SHA-256"):
        execute(second.folder, data, Control(), second.spec)


ODD = [
    {"views": "axb"},
    {"views": 2},
    {"model": 3},
    {"environment": 3},
    {"class_names": 3},
    {"top1": None},
    {"n": "16"},
]


@pytest.mark.parametrize("edit", ODD)
def test_a_test_of_another_shape_is_one_sentence(with_a_test, tmp_path, edit):
    tested, place = with_a_test
    results = copied(tested, tmp_path / "results")
    place = results / place
    change(place / "eval.json", lambda test: test.update(sealed(test | edit)))
    with pytest.raises(BadInput, match="damaged") as caught:
        read_result(str(place), results)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("edit", [{"video": 7}, {"videos": 3}, {"top5": None}, {"top1": "18.75"}, {"macs": "many"}])
def test_a_result_of_another_shape_is_one_sentence(results, edit):
    run = planned(results).runs[0]
    change(run.folder.result_file, lambda result: result.update(sealed(result | edit)))
    with pytest.raises(BadInput, match="damaged"):
        run.result()


@pytest.mark.parametrize("edit", [{"weights": "x"}, {"data": 3}, {"decoding": 4}, {"sessions": [{"packages": ["x"]}]}])
def test_a_provenance_of_another_shape_is_one_sentence(results, edit):
    run = planned(results).runs[0]
    change(run.folder.provenance, lambda found: found.update(sealed(found | edit)))
    with pytest.raises(BadInput, match="damaged"):
        read_run(run.spec, run.folder)
