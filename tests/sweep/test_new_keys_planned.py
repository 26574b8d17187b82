"""What a grid with `pretrain`, `frames`, `fuse`, `tune` or axes of protocol keys plans, before anything is trained."""

import hashlib
import itertools
import json
from collections import Counter

import pytest

from suite.fairness.tuned import is_chosen, settings_tried, tuned_factors, without_choice
from suite.published.coverage import planned_factors
from suite.spec import BadInput
from suite.store.identity import RunSpec
from suite.sweep.plan import Selection, make_plan
from suite.sweep.stored import store_plan, stored_plan
from tests.builders import captured_suite

GRID = """
protocol: smoke
data: calib_order
models: [tsn-resnet18, tsm-resnet18]
"""
AXES = GRID + "axes: {sampling.rule: [uniform, dense], dropout: [0.0, 0.5], seed: [0, 1]}\nframes: [4, 8]\n"
TUNED = (
    GRID + "tune: {lr: [0.1, 0.01], weight_decay: [0.0, 0.0005], on: dev}\nset: {dev: 0.25}\nchain: {frames: [4, 8]}\n"
)
TRANSFER = GRID + "data: [calib_order, calib_mixed]\npretrain: {data: calib_scene, frames: 4}\nframes: [4, 8]\n"
TRANSFER = TRANSFER.replace("data: calib_order\n", "", 1)


@pytest.fixture
def plan_of(tmp_path):
    """The plan of the text of a grid."""

    def make(text, **selection):
        (tmp_path / "mine.yaml").write_text(text)
        return make_plan(str(tmp_path / "mine.yaml"), Selection(**selection), tmp_path / "results", costs=False)

    return make


def ids(plan):
    return [run.id for run in plan.runs]


# --- identity -------------------------------------------------------------------------------------------------------

GRIDS_WITHOUT_NEW_KEYS = {  # runs, and the SHA-256 of their sorted ids before there were such keys
    "demo": (8, "20b20adc3a52b93a"),
    "frames": (6, "b180b77b24265719"),
    "calibration": (120, "de44db43132654eb"),
    "mini_ssv2": (96, "089e5286f5e996b9"),
    "mini_kinetics": (96, "7d6f48dcc7ea26e8"),
    "mini_mit": (96, "8f1344a67bb4a029"),
}


@pytest.mark.parametrize("name", GRIDS_WITHOUT_NEW_KEYS)
def test_runs_of_grids_without_new_keys_keep_their_ids_and_have_no_setting(name, tmp_path):
    runs = make_plan(name, Selection(), tmp_path, costs=False).runs
    found = hashlib.sha256("\n".join(sorted(run.id for run in runs)).encode()).hexdigest()
    assert (len(runs), found[:16]) == GRIDS_WITHOUT_NEW_KEYS[name]
    assert not any(run.setting or run.spec.transfer or run.spec.protocol.tuned for run in runs)


def test_one_stage_of_a_chain_and_one_of_frames_are_the_same_run(plan_of):
    chain, frames = plan_of(GRID + "chain: {frames: [8]}\n"), plan_of(GRID + "frames: [8]\n")
    assert ids(chain) == ids(frames)
    assert [run.spec for run in chain.runs] == [run.spec for run in frames.runs]
    both = plan_of(GRID + "frames: [4, 8]\n")
    assert set(ids(frames)) < set(ids(both)), "each starts anew"
    assert [run.parent for run in both.runs] == [None] * 4


def test_further_views_and_ensembles_change_no_id(plan_of):
    plain = plan_of(GRID + "frames: [4, 8]\n")
    fused = plan_of(GRID + "frames: [4, 8]\nfuse: [{frames: [4, 8], views: 2x3}]\nset: {evaluation.views: [5x1]}\n")
    assert ids(plain) == ids(fused)
    assert {run.spec.protocol.evaluation.views for run in fused.runs} == {("5x1", "2x3")}
    tests = [f"{test.clips}x{test.crops}" for test in fused.runs[0].spec.evaluations()]
    assert tests == ["1x1", "5x1", "2x3"]


def test_new_keys_at_their_defaults_stand_in_no_spec(plan_of):
    run = plan_of(GRID + "frames: [8]\n").runs[0]
    written = json.dumps(run.spec.resolved())
    assert not [key for key in ("tuned", "transfer", "views", "init_fresh", "norm_decay") if f'"{key}"' in written]
    assert RunSpec.from_resolved(json.loads(written)).id == run.id


def test_the_value_of_an_axis_is_the_run_of_a_grid_that_sets_it(plan_of):
    found = {run.id: run.setting for run in plan_of(AXES).runs}
    assert len(found) == 2 * 4 * 2 * 2
    for rule, dropout in itertools.product(("uniform", "dense"), (0.0, 0.5)):
        setting = {"sampling.rule": rule, "dropout": dropout}
        plain = plan_of(GRID + f"set: {json.dumps(setting)}\naxes: {{seed: [0, 1]}}\nframes: [4, 8]\n")
        assert {found[run] == setting for run in ids(plain)} == {True}


def test_the_order_in_which_keys_and_values_are_written_changes_no_id(plan_of):
    values = "sampling.rule: [uniform, dense], dropout: [0.0, 0.5]"
    swapped = AXES.replace(values, "dropout: [0.5, 0], sampling.rule: [dense, uniform]")
    assert swapped != AXES
    assert Counter(ids(plan_of(AXES))) == Counter(ids(plan_of(swapped)))
    swapped = TUNED.replace(
        "lr: [0.1, 0.01], weight_decay: [0.0, 0.0005]", "weight_decay: [0, 5.0e-4], lr: [0.1, 1.0e-2]"
    )
    assert swapped != TUNED
    assert Counter(ids(plan_of(TUNED))) == Counter(ids(plan_of(swapped)))


@pytest.mark.parametrize("text", [AXES, TUNED, TRANSFER])
def test_every_run_is_planned_once_and_after_its_parent(plan_of, text):
    runs = plan_of(text).runs
    assert len({run.id for run in runs}) == len(runs)
    for place, run in enumerate(runs):
        assert run.parent is None or run.parent in runs[:place]
        assert (run.parent.id if run.parent else None) == run.spec.parent


def test_another_budget_is_another_run_though_the_values_are_the_same(plan_of):
    plain = plan_of(GRID + "set: {dev: 0.25, lr: 0.1, weight_decay: 0.0}\nchain: {frames: [4, 8]}\n")
    assert not set(ids(plan_of(TUNED))) & set(ids(plain))
    assert not set(ids(plan_of(TUNED))) & set(ids(plan_of(TUNED.replace("[0.1, 0.01]", "[0.1, 0.02]"))))


def test_a_transfer_run_is_another_one_when_its_source_is(plan_of):
    first = plan_of(TRANSFER)
    for changed in ("frames: 8}", "frames: 4, set: {epochs: 3}}", "frames: 4, set: {size: 48}}"):
        other = plan_of(TRANSFER.replace("frames: 4}", changed))
        assert not set(ids(first)) & set(ids(other)), changed
    scratch = plan_of(TRANSFER.replace("pretrain: {data: calib_scene, frames: 4}\n", ""))
    assert not set(ids(first)) & set(ids(scratch))
    tests = plan_of(TRANSFER.replace("frames: 4}", "frames: 4, set: {evaluation.clips: 3}}"))
    assert ids(tests) == ids(first), "how the source is tested changes no weights"


def test_one_run_pretrains_for_all_data_sets_and_frames_of_a_model_and_seed(plan_of):
    runs = plan_of(TRANSFER.replace("pretrain", "axes: {seed: [0, 1]}\npretrain")).runs
    sources = [run for run in runs if run.spec.dataset == "calib_scene"]
    assert [(run.spec.model, run.spec.seed, len(run.children)) for run in sources] == [
        (model, seed, 4) for model in ("tsn-resnet18", "tsm-resnet18") for seed in (0, 1)
    ]
    for run in runs:
        assert run.spec.transfer == (run not in sources)
        if run.spec.transfer:
            assert (run.parent.spec.model, run.parent.spec.seed) == (run.spec.model, run.spec.seed)


def test_a_chain_goes_on_from_its_first_stage_with_the_classifier_that_is_there(plan_of):
    plan = plan_of(TRANSFER.replace("frames: [4, 8]", "chain: {frames: [4, 8]}"), only=("tsn-resnet18",))
    assert [(run.spec.dataset, run.spec.frames, run.spec.transfer) for run in plan.runs] == [
        ("calib_scene", 4, False),
        ("calib_order", 4, True),
        ("calib_order", 8, False),
        ("calib_mixed", 4, True),
        ("calib_mixed", 8, False),
    ]
    assert plan.runs[2].spec.protocol.epochs == 2, "the protocol of later stages"
    assert plan.runs[1].spec.protocol.epochs == 6
    factors = planned_factors(plan.runs[2])
    assert (factors["chain_frames"], factors["epochs_seen"]) == ([4], 8)


# --- tuning ---------------------------------------------------------------------------------------------------------


def test_no_run_is_chosen_before_any_is_finished_and_the_values_follow_through_the_chain(plan_of):
    runs = plan_of(TUNED).runs
    assert len(runs) == 2 * 4 * 2
    for run in runs:
        assert not is_chosen(run.spec, run.folder.path.parent)
        if run.parent:
            assert run.parent.setting == run.setting
    assert settings_tried(runs[0].spec.protocol) == [
        {"lr": lr, "weight_decay": decay} for lr in (0.1, 0.01) for decay in (0.0, 0.0005)
    ]


def test_chosen_values_are_one_factor_and_the_budget_another(plan_of):
    plan, wider = plan_of(TUNED), plan_of(TUNED.replace("[0.1, 0.01]", "[0.1, 0.01, 0.001]"))

    def factors(run):
        (first,) = without_choice([run.spec])
        return tuned_factors(planned_factors(type(run)(first, run.folder)), run.spec.protocol)

    stages = [run for run in plan.runs if not run.parent and run.spec.model == "tsn-resnet18"]
    assert len(stages) == 4
    assert all(factors(run) == factors(stages[0]) for run in stages), "whichever was chosen"
    other = factors(wider.runs[0])
    assert {key for key in other if other[key] != factors(stages[0])[key]} == {"tuning"}
    assert other["tuning"] == "6 settings on dev: lr 0.1, 0.01, 0.001; weight_decay 0.0, 0.0005"


# --- selections -----------------------------------------------------------------------------------------------------


def test_shares_of_a_grid_have_whole_trees_and_together_all_runs(plan_of):
    for text, trees in ((AXES, 32), (TUNED, 8), (TRANSFER, 2)):
        whole = plan_of(text)
        shares = [plan_of(text, shard=(i, 2)) for i in (1, 2)]
        assert Counter(ids(whole)) == Counter(run for share in shares for run in ids(share))
        for share in shares:
            assert all(run.spec.parent is None or run.spec.parent in ids(share) for run in share.runs)
        with pytest.raises(BadInput, match=f"has {trees} chains"):
            plan_of(text, shard=(trees + 1, trees + 1))


def test_models_frames_and_data_sets_are_selected_with_what_pretrains_them(plan_of):
    def places(**selection):
        runs = plan_of(TRANSFER, **selection).runs
        return {(run.spec.dataset, run.spec.model, run.spec.frames) for run in runs}

    source = ("calib_scene", "tsm-resnet18", 4)
    assert places(only=("tsm-*",), frames=(8,), data=("calib_mixed",)) == {source, ("calib_mixed", "tsm-resnet18", 8)}
    assert places(only=("tsm-*",), frames=(4,), data=("calib_order",)) == {source, ("calib_order", "tsm-resnet18", 4)}
    with pytest.raises(BadInput, match="has no runs of 16 frames; it has 4, 8"):
        places(frames=(16,))


def test_set_reaches_the_run_that_pretrains_too(plan_of):
    runs = plan_of(TRANSFER, set={"epochs": 1}).runs
    assert {run.spec.protocol.epochs for run in runs} == {1}


def test_a_key_of_an_axis_is_not_set_on_the_command_line(tmp_path, capsys, monkeypatch):
    for text, key, kind in ((AXES, "dropout", "axes"), (TUNED, "lr", "tune")):
        (tmp_path / "mine.yaml").write_text(text)
        args = ["plan", tmp_path / "mine.yaml", "--set", f"{key}=0.3", "--results", tmp_path]
        code, _, err = captured_suite(capsys, monkeypatch, *args)
        assert (code, len(err.splitlines())) == (2, 1)
        assert f"--set {key} changes what grid mine lists under '{kind}'; change the grid." in err


@pytest.mark.parametrize("text", [AXES, TUNED, TRANSFER])
def test_a_stored_plan_is_made_anew_when_the_grid_changes(plan_of, text, tmp_path):
    plan = plan_of(text)
    plan.folder.mkdir(parents=True)
    store_plan(plan)
    again = stored_plan(plan.name, Selection(), tmp_path / "results")
    assert [(run.id, run.setting, run.spec.protocol.tuned) for run in again.runs] == [
        (run.id, run.setting, run.spec.protocol.tuned) for run in plan.runs
    ]
    (tmp_path / "mine.yaml").write_text(text.replace("tsm-resnet18", "tam-resnet18"))
    assert stored_plan(plan.name, Selection(), tmp_path / "results") is None
