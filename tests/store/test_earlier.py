"""Runs of identity scheme 1 are found and checked."""

import json
import math
import shutil

import pytest

from suite.collect.resolve import read_result
from suite.fairness.run_factors import read_run
from suite.report.build import write_report
from suite.report.console.explain import explain_run
from suite.spec import BadInput
from suite.store.earlier import run_folder
from suite.store.find import find_runs, need_run
from suite.store.folder import RunFolder
from suite.sweep.plan import Selection, make_plan
from tests.store.builders import EARLIER, changed_spec


def test_runs_of_scheme_1_are_found_under_their_new_ids(earlier):
    results, plan = earlier
    assert [run.state() for run in plan.runs] == ["done"] * 6
    assert all(run.id != run.folder.id for run in plan.runs)
    assert {run.spec.model for run in plan.runs} == {"tsn-resnet18", "tam-resnet18", "tsm-resnet18+rcca"}
    for run in plan.runs:
        assert need_run(run.id, results).path == run.folder.path
        assert need_run(run.folder.id, results).path == run.folder.path
        assert run.result()["top1"] == json.loads(run.folder.result_file.read_text())["top1"]
        assert explain_run(run.folder)["id_now"] == run.id
    cell = "old_scheme:calib_order/tsm-resnet18+rcca/f8"
    assert [run.id for run in find_runs(cell, results)] == [plan.runs[3].folder.id]


def test_scheme_1_is_checked_by_its_own_scheme(earlier):
    _, plan = earlier
    folder = RunFolder(plan.runs[0].folder.path)
    assert folder.spec().scheme == 1
    assert folder.spec().id == folder.id
    changed_spec(folder, lambda data: data["protocol"].update(lr=0.5))
    with pytest.raises(BadInput, match="was changed"):
        RunFolder(folder.path).spec()


def test_a_new_stage_goes_on_from_a_run_of_scheme_1(earlier, tmp_path):
    results, plan = earlier
    shutil.rmtree(plan.runs[1].folder.path)
    again = make_plan(plan.name, Selection(), results, costs=False).runs
    assert (again[0].state(), again[1].state()) == ("done", "todo")
    assert again[1].folder.id == again[1].id  # a new run, under its new id
    assert run_folder(again[1].folder.path.parent, again[1].spec.parent).path == again[0].folder.path


@pytest.mark.slow
def test_the_report_of_an_earlier_sweep_has_the_same_accuracies(earlier):
    results, plan = earlier
    write_report(plan)
    old = (EARLIER / "summary.csv").read_text().splitlines()
    new = (results / "old_scheme" / "summary.csv").read_text().splitlines()
    place = [line.split(",").index("top1") for line in (old[0], new[0])]
    assert [row.split(",")[place[0]] for row in old] == [row.split(",")[place[1]] for row in new]


def test_what_scheme_1_did_not_record_is_unknown(earlier):
    results, plan = earlier
    run = plan.runs[0]
    factors = read_run(run.spec, run.folder)
    assert factors["weights"] == "none"  # from scratch: known
    found = read_result(run.id, results)
    assert math.isclose(found.top1, run.result()["top1"])


def test_earlier_runs_that_fit_no_run_of_today_are_named(earlier):
    from suite.report.console.listing import notes

    results, plan = earlier
    assert notes(plan) == []
    shutil.rmtree(plan.runs[0].folder.path)  # the first stage of plan.runs[1]
    lost = plan.runs[1].folder.id
    again = make_plan(plan.name, Selection(), results, costs=False)
    assert again.runs[1].state() == "todo"
    assert any(lost in note for note in notes(again))


def test_models_are_selected_by_the_name_that_is_printed_and_by_the_one_that_is_typed(earlier):
    results, plan = earlier
    for name in ("tsm-resnet18+rcca", "tsm-resnet18+rcca@r=3", "tsm-*"):
        chosen = make_plan(plan.name, Selection(only=(name,)), results, costs=False)
        assert {run.spec.model for run in chosen.runs} == {"tsm-resnet18+rcca"}
