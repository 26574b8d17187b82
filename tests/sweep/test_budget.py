"""`--budget`: the part of a grid that fits into a number of device-hours."""

import json
from dataclasses import replace

import pytest

from suite.spec import BadInput, parse_model
from suite.sweep.budget import Budget
from suite.sweep.estimate import speed_here, speed_on
from suite.sweep.plan import Selection, last_selection, make_plan, remember
from suite.sweep.subgrid import budget_notes, choose, make_chosen_plan
from tests.commands.test_plan import finish

GRID = """
protocol: smoke
data: [calib_order, calib_scene]
axes: {module: [tsn, tam], backbone: [resnet18, inception_v1], pooling: [none, tp], seed: [0, 1]}
chain: {frames: [8, 16, 32]}
controls: [epoch_matched]
"""
PRETRAINED = GRID.replace("[calib_order, calib_scene]", "calib_order") + "pretrain: {data: calib_scene}\n"


def on_a_gpu(plan):
    return speed_on(plan, "gpu")


def whole_plan(tmp_path, text=GRID):
    (tmp_path / "mine.yaml").write_text(text)
    return make_plan(str(tmp_path / "mine.yaml"), Selection(), tmp_path)


def hours_of(plan, runs):
    return sum(on_a_gpu(plan).device_hours(run) for run in runs)


@pytest.mark.parametrize("text", [GRID, PRETRAINED])
def test_whatever_the_budget_blocks_are_whole_chains_have_their_beginning_and_a_larger_one_keeps_all(tmp_path, text):
    plan = whole_plan(tmp_path, text)
    total = hours_of(plan, plan.runs)
    by_id = {run.id: run for run in plan.runs}
    block = {
        run.id: (run.matches or run.spec.frames, parse_model(run.spec.model).backbone, run.spec.seed, run.spec.dataset)
        for run in plan.runs
        if not run.pretrains
    }
    before = set()
    for share in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.99, 1.0):
        try:
            found = choose(plan, share * total, on_a_gpu(plan))
        except BadInput:
            assert not before
            continue
        chosen = set(found.ids)
        assert before <= chosen
        assert hours_of(plan, [by_id[id] for id in chosen]) == pytest.approx(found.used)
        assert found.used <= share * total * 1.001
        for id in chosen:
            assert by_id[id].parent is None or by_id[id].parent.id in chosen
            if id in block:
                assert {other for other in block if block[other] == block[id]} <= chosen
        assert sum(one.runs for one in found.left_out) == len(plan.runs) - len(chosen)
        assert sum(one.device_hours for one in found.left_out) == pytest.approx(total - found.used)
        if chosen != by_id.keys():
            assert set(choose(plan, found.next_hours, on_a_gpu(plan)).ids) > chosen
        before = chosen
    assert before == by_id.keys()


def test_the_largest_number_of_frames_goes_first_then_the_backbone_that_costs_most(tmp_path):
    plan = whole_plan(tmp_path)
    of_8 = [run for run in plan.runs if (run.matches or run.spec.frames) == 8]
    of_resnet = [run for run in of_8 if "resnet18" in run.spec.model]
    assert hours_of(plan, of_resnet) > hours_of(plan, of_8) / 2
    found = choose(plan, hours_of(plan, of_8) * 1.001, on_a_gpu(plan))
    assert [one.what for one in found.left_out] == ["16 frames", "32 frames"]
    found = choose(plan, hours_of(plan, of_8) * 0.99, on_a_gpu(plan))
    assert [one.what for one in found.left_out] == ["resnet18 at 8 frames", "16 frames", "32 frames"]
    half = choose(plan, found.used * 0.51, on_a_gpu(plan))
    assert half.left_out[0].what == "seed 1 of inception_v1 at 8 frames"
    assert {run.spec.seed for run in plan.runs if run.id in half.ids} == {0}


def test_a_budget_too_small_for_one_block_names_the_smallest_that_fits(tmp_path):
    plan = whole_plan(tmp_path)
    with pytest.raises(BadInput, match=r"smallest part of grid mine .*inception_v1 at 8.*--budget 0.00006m is less"):
        choose(plan, 1e-6, on_a_gpu(plan))


def test_the_choice_is_kept_whatever_is_finished_until_another_is_asked_for(tmp_path):
    plan = whole_plan(tmp_path)
    name, asked = plan.name, Selection(budget=Budget(hours_of(plan, plan.runs) * 0.3))
    first = make_chosen_plan(name, asked, tmp_path, speed_of=on_a_gpu)
    remember(first)
    assert last_selection("mine", tmp_path) == first.selection, "status and report show it"
    finish(first.runs[0], seconds=1e6)  # this machine is slow: nothing would fit
    again = make_chosen_plan(name, asked, tmp_path)
    assert [run.id for run in again.runs] == [run.id for run in first.runs]
    assert budget_notes(again) == budget_notes(first) != []
    shares = [make_chosen_plan(name, replace(asked, shard=(i, 2)), tmp_path, costs=False) for i in (1, 2)]
    assert sorted(run.id for plan in shares for run in plan.runs) == sorted(run.id for run in first.runs)
    with pytest.raises(BadInput, match="smallest part"):
        make_chosen_plan(name, replace(asked, only=("tsn-*",)), tmp_path)
    (tmp_path / "mine.yaml").write_text(GRID.replace("[8, 16, 32]", "[16, 32]"))
    other = make_chosen_plan(name, asked, tmp_path, speed_of=on_a_gpu)
    assert {run.spec.frames for run in other.runs} <= {16, 32}, "the grid is another one now"


def test_the_choice_outlasts_other_selections_and_is_that_of_the_command_that_stored_it_first(tmp_path):
    plan = whole_plan(tmp_path)
    name, asked = plan.name, Selection(budget=Budget(hours_of(plan, plan.runs) * 0.3))
    first = make_chosen_plan(name, asked, tmp_path, speed_of=on_a_gpu)
    for other in (Selection(frames=(8,)), replace(asked, frames=(8, 16)), Selection(budget=Budget(1000.0))):
        remember(make_chosen_plan(name, other, tmp_path, speed_of=other.budget and on_a_gpu))
    finish(first.runs[0], seconds=1e6)
    assert make_chosen_plan(name, replace(asked, shard=(2, 2)), tmp_path).selection.budget == first.selection.budget
    assert make_chosen_plan(name, Selection(budget=Budget(1000.0)), tmp_path, keep=False).selection.budget.hours == 1000


def test_a_model_that_joins_the_grid_joins_the_choice(tmp_path):
    plan = whole_plan(tmp_path)
    asked = Selection(budget=Budget(speed_here(plan).device_hours(plan.runs[0]) * 80))
    first = make_chosen_plan(plan.name, asked, tmp_path)
    assert 0 < len(first.runs) < len(plan.runs)
    (tmp_path / "mine.yaml").write_text(GRID.replace("[tsn, tam]", "[tsn, tam, tsm]"))
    for again in (make_chosen_plan(plan.name, asked, tmp_path), make_chosen_plan(plan.name, first.selection, tmp_path)):
        modules = {parse_model(run.spec.model).module for run in again.runs}
        assert modules == {"tsn", "tam", "tsm"}, "else the comparison would have lost its balance"


@pytest.mark.parametrize("text", ["", '{"a": 1}', "[3]", '[{"only": []}]', "[" * 99_999])
def test_choices_that_are_damaged_are_said(tmp_path, text):
    plan = whole_plan(tmp_path)
    plan.folder.mkdir()
    (plan.folder / "budgets.json").write_text(text)
    with pytest.raises(BadInput, match=r"budgets.json is damaged; remove it"):
        make_chosen_plan(plan.name, Selection(budget=Budget(1.0)), tmp_path)


def test_runs_that_are_left_out_do_not_count_as_children(tmp_path):
    plan = whole_plan(tmp_path)
    part = make_chosen_plan(
        plan.name, Selection(budget=Budget(hours_of(plan, plan.runs) * 0.1)), tmp_path, speed_of=on_a_gpu
    )
    ids = {run.id for run in part.runs}
    assert {child.id for run in part.runs for child in run.children} <= ids < {run.id for run in plan.runs}


@pytest.mark.parametrize(("text", "hours"), [("200h", 200), ("90m", 1.5), ("3d", 72), ("1.5h", 1.5)])
def test_budgets_are_read_and_written_alike(text, hours):
    budget = Budget.parsed(text)
    assert budget.hours == pytest.approx(hours)
    assert Budget.parsed(budget.text) == budget
    stored = json.loads(json.dumps(Selection(budget=budget).as_dict()))
    assert Selection.from_dict(stored).budget == budget
