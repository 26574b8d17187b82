"""Wrong values of the parts of a grid that pretrain, fuse, tune, or list protocol keys: one sentence, exit code 2."""

import sys

import pytest

from suite.__main__ import main
from suite.spec import BadInput, load_grid
from suite.sweep.plan import Selection, make_plan

HEAD = "protocol: smoke\ndata: [calib_order]\nmodels: [tam-resnet18]\n"
FRAMES = "frames: [4, 8]\n"
TUNE = "set: {dev: 0.25}\n"

WRONG = [
    # axes
    (FRAMES + "axes: {sampling.role: [uniform]}\n", "Unknown key in axes of grid mine 'sampling.role'"),
    (FRAMES + "axes: {sampling.rule: [uniform, even]}\n", "Invalid value 'even' of 'sampling.rule'"),
    (FRAMES + "axes: {sampling.rule: uniform}\n", "'sampling.rule' should be a list of the values"),
    (FRAMES + "axes: {dropout: []}\n", "'dropout' should be a list of the values"),
    (FRAMES + "axes: {dropout: [0.5, 0.5]}\n", "'dropout' lists a value twice"),
    (FRAMES + "axes: {dropout: [0, 0.0]}\n", "two values of an axis mean the same"),
    (FRAMES + "axes: {evaluation.clips: [1, 5]}\n", "cannot be an axis"),
    (FRAMES + "axes: {tuned: [1]}\n", "Unknown key in axes of grid mine 'tuned'"),
    (FRAMES + "axes: {name: [a, b]}\n", "Unknown key in axes of grid mine 'name'"),
    (FRAMES + "axes: {dropout: [.nan]}\n", "Invalid value .nan of 'dropout'"),
    (FRAMES + "axes: {lr: [0.1, -1]}\n", "Invalid value -1 of 'lr'"),
    (FRAMES + "axes: {1: [2]}\n", "Unknown key in axes of grid mine '1'"),
    (FRAMES + "axes: {protocol: {lr: [0.1]}}\n", "'protocol' should be a list"),
    (FRAMES + "axes: {lr: [0.1]}\ntune: {lr: [0.2], on: dev}\n" + TUNE, "'lr' stands in 'axes' and in 'tune'"),
    # tune
    (FRAMES + "tune: {lr: [0.1, 0.2], on: dev}\n", "it needs dev above 0"),
    (FRAMES + "tune: {on: dev}\n" + TUNE, "it should list values of a protocol key, one of lr"),
    (FRAMES + "tune: {lr: [0.1], on: val}\n" + TUNE, "Invalid value 'val' of 'tune.on'"),
    (FRAMES + "tune: {size: [32, 64], on: dev}\n" + TUNE, "'size' cannot be tuned; lr"),
    (FRAMES + "tune: {lr: 0.1, on: dev}\n" + TUNE, "'lr' should be a list of the values"),
    (FRAMES + "tune: {lr: [0.1, 1.0e-1], on: dev}\n" + TUNE, "'lr' lists a value twice"),
    (FRAMES + "tune: {weight_decay: [0, 0.0], on: dev}\n" + TUNE, "two values of an axis mean the same"),
    (FRAMES + "tune: {lr: ['0.1'], on: dev}\n" + TUNE, "Invalid value '0.1' of 'lr'"),
    (FRAMES + "tune: [lr]\n" + TUNE, "'tune'"),
    # frames and chain
    ("", "neither 'chain' nor 'frames'"),
    (FRAMES + "chain: {frames: [8]}\n", "both 'chain' and 'frames'"),
    ("frames: []\n", "neither 'chain' nor 'frames'"),
    ("frames: [8, 8]\n", "lists the same frame count twice"),
    ("frames: [0]\n", "Invalid value 0 of 'frames"),
    (FRAMES + "controls: [epoch_matched]\n", "'controls' needs a 'chain'"),
    # fuse
    (FRAMES + "fuse: [{frames: [4, 16]}]\n", "'fuse' names 16 frames, which are not among those of the grid"),
    (FRAMES + "fuse: [{frames: [4]}]\n", "fuse"),
    (FRAMES + "fuse: [{frames: [4, 4]}]\n", "'fuse' names a number of frames twice"),
    (FRAMES + "fuse: [{frames: [4, 8], views: 2x2}]\n", "it should be clips x crops, such as 10x3"),
    (FRAMES + "fuse: [{frames: [4, 8], views: 2}]\n", "fuse"),
    (FRAMES + "fuse: [{frames: [4, 8], fusion: max}]\n", "Invalid value 'max' of 'fuse"),
    (FRAMES + "fuse: [{frames: [4, 8], only: ['tsn-*']}]\n", "Unknown model of this grid 'tsn-*'"),
    (FRAMES + "fuse: [{frames: [4, 8], view: 2x3}]\n", "Unknown key in grid mine.yaml 'view'; did you mean 'views'?"),
    (FRAMES + "fuse: [{frames: [4, 8], views: 2x1}]\nset: {evaluation.video_clips: 2}\n", "video_clips to 0"),
    # views
    (FRAMES + "set: {evaluation.views: [0x1]}\n", "Invalid value 1 of 'evaluation.views[0]'"),
    (FRAMES + "set: {evaluation.views: [1x2]}\n", "it should be clips x crops, such as 10x3"),
    (FRAMES + "set: {evaluation.views: 2x1}\n", "evaluation.views"),
    # pretrain
    (FRAMES + "pretrain: {data: nowhere}\n", "Unknown data set 'nowhere'"),
    (FRAMES + "pretrain: {}\n", "pretrain.data"),
    (FRAMES + "pretrain: {data: calib_scene, protocol: none}\n", "Unknown protocol 'none'"),
    (FRAMES + "pretrain: {data: calib_scene, frames: 0}\n", "Invalid value 0 of 'pretrain.frames'"),
    (FRAMES + "pretrain: {data: calib_scene, set: {epoch: 1}}\n", "Unknown key in set of pretrain 'epoch'"),
    (FRAMES + "pretrain: {data: calib_scene, seed: 1}\n", "Unknown key in grid mine.yaml 'seed'"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_part_of_a_grid_is_refused_in_one_sentence(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(HEAD + text)
    with pytest.raises(BadInput) as caught:
        make_plan(str(tmp_path / "mine.yaml"), Selection(), tmp_path, costs=False)
    said = str(caught.value)
    assert words in said
    assert "\n" not in said
    assert len(said) < 400


@pytest.mark.parametrize("text", [text for text, _ in WRONG[::8]])
def test_the_exit_code_is_2(tmp_path, text, capsys, monkeypatch):
    (tmp_path / "mine.yaml").write_text(HEAD + text)
    monkeypatch.setattr(sys, "argv", ["suite", "plan", str(tmp_path / "mine.yaml"), "--results", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert (stopped.value.code, len(capsys.readouterr().err.splitlines())) == (2, 1)


def test_on_is_a_key_though_yaml_reads_it_as_true(tmp_path):
    (tmp_path / "mine.yaml").write_text(HEAD + FRAMES + TUNE + "tune: {lr: [0.1, 0.2], on: dev}\n")
    grid = load_grid(str(tmp_path / "mine.yaml"))
    assert (grid.tune.on, grid.tune.protocol) == ("dev", {"lr": (0.1, 0.2)})
    (tmp_path / "mine.yaml").write_text(HEAD + FRAMES + TUNE + "tune: {lr: [0.1, 0.2], 'on': dev, on: dev}\n")
    with pytest.raises(BadInput, match="'on' is given twice"):
        load_grid(str(tmp_path / "mine.yaml"))


def test_too_many_runs_or_values_are_refused_before_they_are_planned(tmp_path):
    many = ", ".join(f"{i}.0e-6" for i in range(1, 500))
    (tmp_path / "mine.yaml").write_text(HEAD + FRAMES + f"axes: {{lr: [{many}], weight_decay: [{many}]}}\n")
    with pytest.raises(BadInput, match=r"has 498,002 runs; a grid has at most 100,000"):
        load_grid(str(tmp_path / "mine.yaml"))
    many = ", ".join(f"{i}.0e-6" for i in range(1, 1002))
    (tmp_path / "mine.yaml").write_text(HEAD + FRAMES + f"axes: {{lr: [{many}]}}\n")
    with pytest.raises(BadInput, match="'lr' lists more than 1000 values"):
        load_grid(str(tmp_path / "mine.yaml"))


def test_pretraining_on_data_without_a_reader_is_planned_and_refused_before_a_sweep(tmp_path, capsys, monkeypatch):
    (tmp_path / "mine.yaml").write_text(HEAD + FRAMES + "pretrain: {data: mini_mit}\n")
    assert len(make_plan(str(tmp_path / "mine.yaml"), Selection(), tmp_path, costs=False).runs) == 3
    words = ["suite", "sweep", str(tmp_path / "mine.yaml"), "--results", str(tmp_path), "--data", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    lines = capsys.readouterr().err.splitlines()
    assert (stopped.value.code, len(lines)) == (2, 1)
    assert "this version has no reader for its annotation format" in lines[0]
