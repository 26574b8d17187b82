"""What keeps confounds apart: epoch-matched controls, videos held out for selection, tests at other frame counts."""

import json
import shutil
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from suite.__main__ import main
from suite.collect.frames import frames_by_frames
from suite.data.datasets import open_dataset
from suite.data.manifest import Manifest, Video, hold_out
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control, Stopped
from suite.evaluation.retest import evaluate_run
from suite.models import registry
from suite.models.cost import cost
from suite.report.tables.formats import to_csv, to_markdown
from suite.report.tables.frames import frames_table
from suite.spec import BadInput, load_protocol
from suite.store.evaluations import test_folder as place_of
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec
from suite.sweep.executors.local import LocalExecutor, Machine
from suite.sweep.plan import Selection, make_plan
from suite.sweep.summary import SUMMARY, rows, status
from suite.training import run as running
from suite.training.loop import Trainer
from suite.training.run import execute

SMALL = {"epochs": 2, "batch": 8, "size": 32, "dropout": 0.5}
GRID = """
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [2, 4, 8]}
controls: [epoch_matched]
set: {epochs: 2, batch: 8, size: 32}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    synthesize("calib_order", root, videos={"train": 32, "val": 16})
    return root


def run_spec(model="tsn-resnet18", frames=2, seed=0, parent=None, **changes):
    return RunSpec(model, "calib_order", frames, seed, load_protocol("smoke").stage(False, SMALL | changes), parent)


def run(results, data, spec, **control):
    folder = RunFolder(results / "mine" / "runs" / spec.id)
    folder.create(spec)
    execute(folder, data, Control(**control))
    return folder


def state_of(folder):
    return torch.load(folder.checkpoint, weights_only=True)["state"]


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# --- epoch-matched controls ---------------------------------------------------------------------------------------


def planned(folder, text=GRID, **selection):
    (folder / "mine.yaml").write_text(text)
    return make_plan(str(folder / "mine.yaml"), Selection(**selection), folder / "results", costs=False)


def test_the_control_of_a_stage_is_trained_like_it_at_the_frames_of_the_first(tmp_path):
    plan = planned(
        tmp_path, text=GRID.replace("smoke", "mini_ssv2").replace("set: {epochs: 2, batch: 8, size: 32}", "")
    )
    chain = [run for run in plan.runs if run.spec.model == "tam-resnet18"]
    first, second, third, control2, control3 = chain
    assert [run.spec.frames for run in chain] == [2, 4, 8, 2, 2]
    assert [run.control for run in chain] == ["", "", "", "epoch_matched:4", "epoch_matched:8"]
    assert [run.parent for run in chain] == [None, first, second, first, control2]
    assert [run.spec.parent for run in chain[1:]] == [first.id, second.id, first.id, control2.id]
    assert first.children == [second, control2]
    assert [run.spec.protocol.epochs for run in chain] == [75, 35, 35, 35, 35]
    assert control2.spec.protocol == second.spec.protocol
    assert control3.spec.protocol == third.spec.protocol
    assert len({run.id for run in plan.runs}) == len(plan.runs) == 10
    assert "control" not in second.spec.resolved()  # the identity of other runs is what it was
    assert RunSpec.from_resolved(json.loads(json.dumps(control3.spec.resolved()))) == replace(
        control3.spec, protocol=control3.spec.protocol.model_copy(update={"source": "", "chained": {}})
    )


def test_controls_add_runs_and_change_none(tmp_path):
    with_controls = [run.id for run in planned(tmp_path).runs if not run.control]
    assert with_controls == [run.id for run in planned(tmp_path, GRID.replace("controls: [epoch_matched]", "")).runs]


def test_controls_follow_their_chain_through_every_selection(tmp_path):
    def controls(**selection):
        return [run.control for run in planned(tmp_path, **selection).runs]

    assert controls(frames=(2,)) == ["", ""]
    assert controls(frames=(4,), only=("tam-*",)) == ["", "", "epoch_matched:4"]
    shares = [planned(tmp_path, shard=(i, 2)).runs for i in (1, 2)]
    assert [{run.spec.model for run in share} for share in shares] == [{"tsn-resnet18"}, {"tam-resnet18"}]
    assert [len(share) for share in shares] == [5, 5]
    for run_ in (run_ for share in shares for run_ in share):
        assert run_.parent is None or run_.parent in shares[0] + shares[1]


def test_rows_and_status_tell_controls_apart(tmp_path):
    plan = planned(tmp_path, only=("tsn-*",))
    assert list(SUMMARY)[-2:] == ["control", "source"]
    assert [row["control"] for row in rows(plan)][-2:] == ["epoch_matched:4", "epoch_matched:8"]
    assert [entry["control"] for entry in status(plan)["runs"]][:4] == ["", "", "", "epoch_matched:4"]


def test_a_wrong_control_is_one_sentence(tmp_path):
    with pytest.raises(BadInput, match=r"controls\.0.*epoch_matched") as caught:
        planned(tmp_path, GRID.replace("[epoch_matched]", "[epochs]"))
    assert "\n" not in str(caught.value)


def test_a_stage_and_its_control_are_ready_together_once_the_first_run_is_done(tmp_path):
    plan = planned(tmp_path, only=("tsn-*",))
    for number, cost_macs in enumerate((1.0, 4.0, 8.0, 2.0, 2.0)):
        plan.runs[number].cost_macs = cost_macs
    executor = LocalExecutor(plan, tmp_path, Machine(slots=4, device="cpu", threads=1, workers=0))
    first, second, third, control2, control3 = plan.runs
    assert executor._ready(plan.runs) == [first]
    assert first.chain_cost() == 13
    first.folder.create(first.spec)
    first.folder.result_file.write_text(json.dumps({"id": first.id}))
    assert executor._ready([second, third, control2, control3]) == [second, control2]
    control2.folder.fail("no", "input")
    assert [run.state() for run in plan.runs] == ["done", "todo", "todo", "failed", "blocked"]


def test_a_control_has_seen_as_many_epochs_as_its_stage(data, tmp_path):
    text = GRID.replace("[2, 4, 8]", "[2, 4]").replace("epochs: 2", "epochs: 1")
    plan = planned(tmp_path, text, only=("tsn-*",))
    first, stage, control = plan.runs
    for run_ in plan.runs:
        run_.folder.create(run_.spec)
        execute(run_.folder, data, Control())
    assert [row["epochs_seen"] for row in rows(plan)] == [1, 2, 2]
    assert f"tensors from {first.folder.checkpoint}" in control.folder.log.read_text()
    assert control.folder.result()["macs"] == first.folder.result()["macs"] < stage.folder.result()["macs"]
    assert not equal(state_of(control.folder), state_of(first.folder))
    table = frames_by_frames(run_.folder for run_ in plan.runs)
    assert table[["train_frames", "control", "epochs_seen"]].values.tolist() == [
        [2, "", 1], [2, "epoch_matched", 2], [4, "", 2]
    ]  # fmt: skip


# --- videos held out ----------------------------------------------------------------------------------------------


def manifest_of(counts):
    videos = [
        Video(f"{label}-{i}", f"{label}-{i}.mp4", f"class {label}", label, 30, 12.0)
        for label, count in counts.items()
        for i in range(count)
    ]
    return Manifest("train", tuple(f"class {label}" for label in counts), tuple(videos), missing=("lost",))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 0.9])
def test_dev_takes_its_share_of_every_class_and_leaves_each_some(share):
    counts = {0: 400, 1: 11, 2: 2, 3: 1}
    manifest = manifest_of(counts)
    stay, dev = hold_out(manifest, share)
    assert {v.id for v in stay.videos} | {v.id for v in dev.videos} == {v.id for v in manifest.videos}
    assert len(stay.videos) + len(dev.videos) == len(manifest.videos)
    held = [sum(v.label == label for v in dev.videos) for label in counts]
    assert held == [round(400 * share), min(10, max(1, int(11 * share + 0.5))), 1, 0]
    assert (stay.split, dev.split, stay.missing, dev.missing) == ("train", "dev", ("lost",), ())
    for part in (stay, dev):  # in the order of the manifest
        assert [v for v in manifest.videos if v in part.videos] == list(part.videos)


def test_which_videos_are_held_out_depends_on_their_ids_and_their_class_alone():
    def held(manifest):
        return {v.id for v in hold_out(manifest, 0.25)[1].videos}

    manifest = manifest_of({0: 40, 1: 20})
    assert held(manifest) == held(replace(manifest, videos=manifest.videos[::-1]))
    assert held(manifest) == {i for i in held(manifest_of({0: 40, 1: 20, 2: 30})) if i[0] != "2"}
    assert held(manifest) == {i for i in held(manifest_of({0: 40, 1: 24})) if i[0] == "0"} | {
        i for i in held(manifest) if i[0] == "1"
    }
    grown = held(manifest_of({0: 44, 1: 20}))
    assert len(held(manifest) - grown) <= 3  # the order of a class stands; a few newcomers come before old ones
    with pytest.raises(BadInput, match="No class of split 'train' has two videos"):
        hold_out(manifest_of({0: 1, 1: 1}), 0.5)


@pytest.fixture
def seen(monkeypatch):
    """Ids of the videos that training and tests read, in order."""
    ids = {"train": [], "test": []}

    def spy(kind, name):
        class Spy(kind):
            def __getitem__(self, item):
                ids[name].append(self.manifest.videos[item[1] if name == "train" else item].id)
                return super().__getitem__(item)

        return Spy

    monkeypatch.setattr(running, "TrainClips", spy(running.TrainClips, "train"))
    monkeypatch.setattr(running, "EvalClips", spy(running.EvalClips, "test"))
    return ids


@pytest.mark.parametrize("seed", [0, 1])
def test_no_held_out_video_is_trained_on_and_the_curve_is_on_them_alone(data, tmp_path, seen, seed):
    folder = run(tmp_path, data, run_spec(seed=seed, dev=0.25, **{"evaluation.every_epochs": 1}))
    dataset = open_dataset("calib_order", data)
    train, val = dataset.split("train"), dataset.split("val")
    stay, dev = hold_out(train, 0.25)
    dev_ids, val_ids = [v.id for v in dev.videos], [v.id for v in val.videos]
    assert len(dev_ids) == 8
    assert set(seen["train"]) == {v.id for v in stay.videos}
    assert len(seen["train"]) == 2 * 3 * 8  # 24 videos, in batches of 8: three steps an epoch where there were four
    assert seen["test"] == dev_ids + dev_ids + val_ids
    result, provenance = folder.result(), json.loads(folder.provenance.read_text())
    curve = [line["dev_top1"] for line in folder.read_history()]
    assert not any("val_top1" in line for line in folder.read_history())
    assert (result["dev_top1"], "selected_epoch" in result, "best_top1" in result) == (curve[-1], False, False)
    assert result["dev"] == provenance["data"]["dev"] == {"videos": 8, "sha256": dev.sha256}  # of every seed
    assert result["manifests"] == {"train": train.sha256, "val": val.sha256}


def test_without_a_curve_the_last_weights_are_scored_on_dev_once(data, tmp_path, seen):
    folder = run(tmp_path, data, run_spec(dev=0.25, epochs=0))
    assert len(seen["test"]) == 16 + 8
    assert "dev_top1" in folder.result()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"selection": "best"}, "needs dev above 0"),
        ({"selection": "best", "dev": 0.1}, "evaluation.every_epochs above 0"),
        ({"dev": 1.0}, "dev"),
        ({"dev": -0.1}, "dev"),
        ({"selection": "first"}, "selection"),
        ({"tuning": -1}, "tuning"),
    ],
)
def test_a_selection_without_what_it_needs_is_one_sentence(changes, words):
    with pytest.raises(BadInput, match=words) as caught:
        load_protocol("smoke").stage(False, changes)
    assert "\n" not in str(caught.value)


def test_stages_of_a_chain_hold_out_the_same_videos(tmp_path, monkeypatch):
    (tmp_path / "experiments" / "protocols").mkdir(parents=True)
    (tmp_path / "experiments" / "protocols" / "mine.yaml").write_text(
        "epochs: 1\nbatch: 8\nlr: 0.1\nchained: {dev: 0.1}\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="the same in all stages"):
        load_protocol("mine")


def test_dev_selection_and_tuning_are_part_of_the_identity():
    changes = ({}, {"dev": 0.1}, {"dev": 0.2}, {"tuning": 4})
    changes += (
        {"dev": 0.1, "evaluation.every_epochs": 1},
        {"dev": 0.1, "evaluation.every_epochs": 1, "selection": "best"},
    )
    ids = [run_spec(**change).id for change in changes]
    assert ids[1] == ids[4]  # a curve that nothing is selected on trains nothing
    assert len(set(ids)) == len(changes) - 1


# --- the best epoch -----------------------------------------------------------------------------------------------

BEST = {"epochs": 3, "dev": 0.25, "selection": "best", "evaluation.every_epochs": 1}
SCORES = (25.0, 75.0, 75.0)


@contextmanager
def scripted():
    """Within, the curve says SCORES, whatever the network has learned; dev is tested all the same."""
    end_epoch = Trainer.end_epoch

    def scored(self, batches, seconds):
        test = self.validate
        self.validate = lambda: (test(), SCORES[self.at.step // batches.steps_per_epoch - 1])[1]
        try:
            end_epoch(self, batches, seconds)
        finally:
            self.validate = test

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "end_epoch", scored)
        yield


@pytest.fixture(scope="module")
def best(data, tmp_path_factory):
    with scripted():
        return run(tmp_path_factory.mktemp("best"), data, run_spec(**BEST))


def stopped_after(calls):
    left = iter(range(calls))
    return lambda: next(left, None) is None


def test_best_keeps_and_tests_the_weights_of_the_best_epoch_and_resumes_exactly(data, tmp_path, best):
    result = best.result()
    assert (result["selected_epoch"], result["dev_top1"]) == (1, 75.0)  # the first of equals
    assert "selected epoch 2: dev top-1 75.00 %" in best.log.read_text()

    # stopped in an epoch, in a test of dev, after the best epoch, in the last test of dev, and in the final one
    folder = RunFolder(tmp_path / "mine" / "runs" / best.id)
    folder.create(best.spec())
    saved = []
    with scripted():
        for calls in (2, 1, 5, 3, 1):
            with pytest.raises(Stopped):
                execute(folder, data, Control(stopping=stopped_after(calls)))
            saved.append(torch.load(folder.checkpoint, weights_only=True))
        execute(folder, data, Control())
    assert [checkpoint["position"]["step"] for checkpoint in saved] == [2, 3, 6, 9, 9]
    assert equal(saved[2]["state"], state_of(best))  # a run stopped after that epoch has these very weights
    assert not equal(saved[3]["state"], state_of(best))  # the last ones are others
    assert equal(state_of(folder), state_of(best))
    assert folder.predictions.read_bytes() == best.predictions.read_bytes()
    assert folder.result_file.read_bytes() == best.result_file.read_bytes()
    curves = [[line["dev_top1"] for line in f.read_history()] for f in (folder, best)]
    assert curves == [list(SCORES)] * 2
    assert torch.load(folder.checkpoint, weights_only=True)["best"]["state"] is None  # kept once, as the model's
    own = evaluate_run(folder, root=data)[0]  # what was tested are the weights that were kept
    assert (Path(own["folder"]) / "predictions.parquet").read_bytes() == best.predictions.read_bytes()


def test_the_next_stage_starts_from_the_weights_that_were_selected(data, tmp_path, best):
    shutil.copytree(best.path, tmp_path / "mine" / "runs" / best.id)
    child = run(tmp_path, data, run_spec(frames=4, parent=best.id, epochs=0))
    assert equal(state_of(best), state_of(child))


def test_the_best_of_a_real_curve_is_its_first_highest_epoch(data, tmp_path):
    folder = run(tmp_path, data, run_spec(**BEST))
    curve = [line["dev_top1"] for line in folder.read_history()]
    result = folder.result()
    assert (result["dev_top1"], result["selected_epoch"]) == (max(curve), curve.index(max(curve)))


# --- a run at other frame counts ----------------------------------------------------------------------------------


@pytest.fixture
def call(capsys, monkeypatch):
    """Runs a command in this process; gives what it printed, its errors and its exit code."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["suite", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return printed.out, printed.err, stop.value.code

    return run


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Two runs of a chain, in a results folder."""
    results = tmp_path_factory.mktemp("results")
    first = run(results, data, run_spec(model="tam-resnet18", epochs=1))
    second = run(results, data, run_spec(model="tam-resnet18", frames=4, parent=first.id, epochs=1))
    return results, first, second


def test_a_run_at_its_own_frames_gives_its_own_predictions_and_other_frames_fill_the_table(data, trained, call):
    results, first, second = trained
    out, _, code = call("eval", first.id, "--frames", "2,4", "--results", results, "--root", data, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["run"], [t["skipped"] for t in found["evaluations"]]) == (first.id, [False, False])
    assert [(t["train_frames"], t["test_frames"]) for t in found["evaluations"]] == [(2, 2), (2, 4)]
    own, other = (Path(test["folder"]) for test in found["evaluations"])
    assert own.parent == other.parent == first.path / "eval"
    assert (own / "predictions.parquet").read_bytes() == first.predictions.read_bytes()
    logits = [np.stack(pd.read_parquet(f / "predictions.parquet").logits) for f in (own, other)]
    assert not np.allclose(*logits)
    assert json.loads((own / "eval.json").read_text())["top1"] == first.result()["top1"]

    before = (other / "eval.json").stat().st_mtime_ns
    out, _, code = call("eval", first.path, "--frames", "4,8", "--root", data)
    lines = out.splitlines()[1:3]  # below the head of the table
    assert [line.split()[0] for line in lines] == ["4", "8"]
    assert ["(already tested)" in line for line in lines] == [True, False]
    assert (other / "eval.json").stat().st_mtime_ns == before

    tests = frames_by_frames([second, first.path])
    assert list(tests.columns[:6]) == ["dataset", "model", "train_frames", "test_frames", "top1", "n"]
    assert tests[["train_frames", "test_frames", "n"]].values.tolist() == [
        [2, 2, 16], [2, 4, 16], [2, 8, 16], [4, 4, 16]
    ]  # fmt: skip
    assert tests.top1[0] == first.result()["top1"]
    table = frames_table(tests)
    csv = [line.split(",") for line in to_csv(table).splitlines()]
    assert table.name == "frames"
    assert [name for name in csv[0] if name[-1].isdigit()] == ["top1_f2", "top1_f4", "top1_f8"]
    assert [line[1:4] for line in csv[1:]] == [["tam-resnet18", "2", "1"], ["tam-resnet18", "4", "2"]]
    place = csv[0].index("top1_f4")
    assert float(csv[1][place]) == tests.top1[1]
    assert csv[2][csv[0].index("top1_f8")] == ""
    assert "tested at, 8 frames" in to_markdown(table)
    assert frames_table(tests[tests.train_frames == tests.test_frames]).parts == []


def test_tests_of_runs_that_differ_in_their_protocol_alone_are_not_averaged(data, tmp_path):
    folders = [run(tmp_path, data, run_spec(epochs=0, lr=lr)) for lr in (0.1, 0.2)]
    with pytest.raises(BadInput, match="one protocol at a time"):
        frames_by_frames(folders)
    folders = [folders[0], run(tmp_path, data, run_spec(epochs=0, lr=0.1, seed=1))]
    places = [Path(evaluate_run(folder, [4], root=data)[0]["folder"]) for folder in folders]
    table = frames_table(frames_by_frames(folders))
    assert len(table.parts[0].rows) == 1
    assert "Means over seeds" in table.note
    test = places[1] / "eval.json"
    test.write_text(test.read_text().replace(folders[1].id, folders[0].id))
    with pytest.raises(BadInput, match="another run"):
        frames_by_frames(folders)


class PerFrame(nn.Module):
    """A bias for each place in the clip: its size is the number of frames."""

    site, options = "block_entrance", {}

    def __init__(self, channels, frames):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 1, frames, 1, 1))

    def forward(self, x):
        return x + self.bias


def test_what_cannot_be_tested_again_is_said_in_one_sentence(data, trained, tmp_path, call, monkeypatch):
    _, first, second = trained
    monkeypatch.setitem(registry.TEMPORAL_MODULES, "perframe", PerFrame)
    tied = run(tmp_path, data, run_spec(model="perframe-resnet18", epochs=0))
    assert cost("perframe-resnet18", 2, 32, 8).params  # it is a model like others
    unfinished = RunFolder(tmp_path / "mine" / "runs" / run_spec(seed=7).id)
    unfinished.create(run_spec(seed=7))
    foreign = RunFolder(tmp_path / "mine" / "runs" / second.id)
    shutil.copytree(second.path, foreign.path)
    shutil.copy(first.checkpoint, foreign.checkpoint)
    twice = tmp_path / "other" / "runs" / tied.id
    shutil.copytree(tied.path, twice)
    (twice / "predictions.parquet").write_bytes(b"others")  # else it would be one run in two grids
    others = tmp_path / "data"
    synthesize("calib_order", others, videos={"train": 32, "val": 8})
    (tmp_path / "nothing").mkdir()

    assert call("eval", tied.path, "--root", data)[2] == 0
    at = ("--root", data)
    for args, words in (
        ((tied.path, "--frames", "4", *at), "depend on the number of frames"),
        ((tied.id, "--results", tmp_path, *at), "name the folder of one"),
        ((unfinished.path, *at), "is not finished"),
        ((foreign.path, *at), "does not hold the weights of this run"),
        ((first.id, *at), "is not a run in results/*/runs"),
        ((tmp_path / "nothing", *at), "is not a run"),
        ((first.path, "--weights", "imagenet", *at), "has its own weights"),
        ((first.path, "--frames", "0", *at), "at least one frame"),
        ((first.path, "--frames", "a", *at), "whole numbers"),
        ((first.path, "--frames", "5", "--root", others), "are not those that"),
        ((first.path, "--crops", "2", "--out", tmp_path / "crops", *at), "crops"),
        (("tam-resnet18", *at), "--weights"),
        (("tam-resnet18", "--weights", "x", "--data", "calib_order", "--frames", "2,4", *at), "Several frame counts"),
        (("tamresnet18", "--weights", "x", "--data", "calib_order", *at), "not a model name"),
    ):
        out, err, code = call("eval", *args)
        assert (code, out) == (2, ""), (args, err)
        assert words in err, (args, err)
        assert len(err.strip().splitlines()) == 1, err
    assert not list((first.path / "eval").glob("f5.*"))


def test_other_views_of_a_run_go_to_a_folder_of_their_own(data, trained, tmp_path, call):
    _, first, _ = trained
    before = frames_by_frames([first]).top1.tolist()
    places = {Path(evaluate_run(first, root=data, **how)[0]["folder"]) for how in ({"clips": 3}, {"split": "train"})}
    assert {place.parent for place in places} == {first.path / "eval"}
    assert len(places) == 2
    assert frames_by_frames([first]).top1.tolist() == before  # of tests at other frame counts alone
    args = ("eval", first.path, "--clips", "2", "--out", tmp_path / "views", "--root", data)
    assert call(*args)[2] == 0
    found = json.loads((tmp_path / "views" / "f2" / "eval.json").read_text())
    assert (found["views"], found["size"], found["run"]) == ("2x1", 32, first.id)
    assert "(already tested)" in call(*args)[0]
    _, err, code = call("eval", first.path, "--clips", "3", "--out", tmp_path / "views", "--root", data)
    assert code == 2
    assert "contains another test" in err


def test_a_test_that_was_cut_short_is_made_again(data, trained):
    _, first, _ = trained
    place = place_of(first, replace(first.spec().evaluation(), frames=3))
    place.mkdir(parents=True)
    (place / "predictions.parquet").write_bytes(b"half")
    found = evaluate_run(first, [3], root=data)[0]
    assert not found["skipped"]
    assert len(pd.read_parquet(place / "predictions.parquet")) == 16
    assert Path(found["folder"]) == place
