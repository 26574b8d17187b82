"""Sweeps on data sets of other kinds than Something-Something V2, as people start them."""

import json

import pandas as pd
import pytest

from tests.sweep.builders import suite_process
from tests.videos import write_counted, write_text

pytestmark = [pytest.mark.slow, pytest.mark.more]

GRID = """
title: Three splits and a set of pictures
protocol: smoke
data: [ssv1, ucf101, ucf101@split=2, ucf101@split=3]
models: [tsn-resnet18]
chain: {frames: [4]}
set: {epochs: 1, batch: 4, step_batch: 4, size: 32, init: scratch}
"""


def write_ucf101(root):
    """All 101 classes, twelve videos of two of them, and three divisions into eight and four."""
    names = [f"Class{number:03d}" for number in range(101)]
    write_text(root / "ucfTrainTestlist" / "classInd.txt", "".join(f"{i + 1} {name}\n" for i, name in enumerate(names)))
    videos = [f"{names[i % 2]}/v_{names[i % 2]}_g{i:02d}_c01.avi" for i in range(12)]
    for place, video in enumerate(videos):
        write_counted(root / "UCF-101" / video, 6 + place)
    for part in range(3):
        held = videos[4 * part : 4 * part + 4]
        train = [f"{video} {names.index(video.split('/')[0]) + 1}\n" for video in videos if video not in held]
        write_text(root / "ucfTrainTestlist" / f"trainlist{part + 1:02d}.txt", "".join(train))
        write_text(root / "ucfTrainTestlist" / f"testlist{part + 1:02d}.txt", "".join(f"{video}\n" for video in held))


def write_ssv1(root):
    """All 174 classes, six training and three validation videos as folders of pictures."""
    names = [f"Doing thing {174 - number}" for number in range(174)]
    write_text(root / "something-something-v1-labels.csv", "".join(f"{name}\n" for name in names))
    for part, ids in (("train", range(6)), ("validation", range(6, 9))):
        write_text(root / f"something-something-v1-{part}.csv", "".join(f"{i};{names[i % 2]}\n" for i in ids))
        for i in ids:
            write_counted(root / "20bn-something-something-v1" / str(i), 20 + i)


def test_a_sweep_runs_on_folders_of_pictures_and_on_the_three_splits_of_ucf101(tmp_path):
    write_ucf101(tmp_path / "data" / "ucf101")
    write_ssv1(tmp_path / "data" / "something-something-v1")
    (tmp_path / "sets.yaml").write_text(GRID)
    args = ["sweep", tmp_path / "sets.yaml", "--data", tmp_path / "data", "--results", tmp_path / "results"]
    done = suite_process(*args, "--no-tracking", "--slots", "2", check=0)
    summary = pd.read_csv(tmp_path / "results" / "sets" / "summary.csv").set_index("dataset")
    assert set(summary.state) == {"done"}
    assert set(summary.index) == {"ssv1", "ucf101", "ucf101@split=2", "ucf101@split=3"}
    assert "Split 'train' of ucf101@split=2 lists 8 videos; 9586 are expected." in done.stdout
    table = (tmp_path / "results" / "sets" / "tables" / "accuracy.md").read_text()
    assert all(f"UCF101, split {part}" in table for part in (1, 2, 3))
    run = next((tmp_path / "results" / "sets" / "runs").glob("ssv1.*"))
    provenance = json.loads((run / "provenance.json").read_text())
    assert provenance["decoding"]["backends"] == ["torchvision"]


def test_a_folder_per_class_becomes_a_data_set_and_is_trained_on(tmp_path):
    for place in range(10):
        write_counted(tmp_path / "my videos" / f"class {place % 2}" / f"{place}.mp4", 6 + place)
    options = ["--set", "epochs=1", "--set", "batch=4", "--set", "step_batch=4", "--only", "tsn-resnet18"]
    done = suite_process("data", "add", "mine", "--root", tmp_path / "my videos", cwd=tmp_path, check=0)
    assert "a folder per class: 2 classes (class 0, class 1)" in done.stdout
    suite_process("data", "check", "mine", "--full", cwd=tmp_path, check=0)
    done = suite_process("sweep", "demo", "--data-set", "mine", *options, "--no-tracking", cwd=tmp_path, check=0)
    assert "were chosen by their paths" in done.stdout
    assert "1 of 1 runs to do" in done.stdout
    summary = pd.read_csv(tmp_path / "results" / "demo" / "summary.csv")
    assert summary.dataset.tolist() == ["mine"]
