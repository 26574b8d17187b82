"""The traps of annotation files and what went wrong in other codebases: for each, the test that it is not so here.

`TRAPS` names the tests that stand elsewhere; those below are of what no other file tests.
"""

import ast
import json
from pathlib import Path

import av
import numpy as np
import pytest

from suite.data.check import check
from suite.data.clips import EvalClips, TrainClips
from suite.data.datasets import open_dataset
from suite.data.decoding import Decoder
from suite.spec import BadInput, load_protocol
from suite.training.loop import Batches
from suite.training.schedule import learning_rate
from tests.data.formats.reading import error_of, ids, shown_frames
from tests.training.builders import run_spec
from tests.videos import write_counted, write_pictures, write_text

HERE = Path(__file__).parents[1]
TRAPS = {
    "class numbers differ between codebases: names are stored with every checkpoint and matched": [
        "models/test_weights.py::test_our_own_checkpoint_is_matched_by_class_name",
        "training/test_training.py::test_data_set_names_classes_are_kept_with_every_checkpoint",
        "evaluation/test_predictions.py::test_classes_are_matched_by_name_where_the_orders_differ",
    ],
    "a horizontal flip exchanges left and right, by class name": [
        "data/test_manifest.py::test_left_and_right_change_places_under_a_flip",
        "data/test_manifest.py::test_gestures_of_jester_that_a_mirror_exchanges_are_exchanged",
        "data/test_clips.py::test_label_aware_flips_follow_the_map_and_blind_ones_do_not",
    ],
    "a class whose mirror is not in the set is never flipped, in ten crops neither": [
        "data/test_manifest.py::test_one_sided_classes_of_mini_ssv2_are_never_flipped",
        "data/test_clips.py::test_one_sided_classes_are_not_flipped_in_training",
        "data/test_views.py::test_ten_crops_have_no_flips_where_a_class_has_a_side",
    ],
    "a missing or undecodable video is not replaced by another one": [
        "data/test_manifest.py::test_missing_and_undecodable_videos_are_counted_and_refused",
        "data/test_decoding.py::test_a_file_shorter_than_asked_is_an_error_and_not_another_frame",
        "data/test_clips.py::test_a_video_that_vanishes_during_a_run_is_named",
        "data/test_told.py::test_a_run_tells_all_of_it_in_its_record_and_its_table",
    ],
    "validation is not random and does not depend on the number of workers": [
        "data/test_views.py::test_clips_are_sorted_inside_the_video_and_always_the_same",
        "training/test_training.py::test_the_number_of_data_workers_does_not_change_a_result",
    ],
    "a checkpoint is not loaded with strict=False, so that nothing is loaded": [
        "models/test_weights.py::test_wrong_checkpoints_are_refused_in_one_sentence_and_leave_the_model_alone",
        "models/test_weights.py::test_a_checkpoint_in_the_names_of_the_published_release_loads_completely",
        "models/test_foreign_checkpoints.py::test_every_tensor_of_a_release_finds_its_place_once",
    ],
    "no last batch of another size": ["data/test_traps.py::test_no_batch_normalisation_sees_a_smaller_last_batch"],
    "the learning rate is that of the protocol": [
        "data/test_traps.py::test_the_learning_rate_is_not_scaled_with_the_batch",
        "training/test_training.py::test_learning_rates_follow_table_12",
    ],
    "30 views are not compared with one": [
        "fairness/test_one_change.py::test_other_test_views_are_another_test_of_the_same_run",
        "statistics/test_tradeoffs.py::test_views_multiply_the_cost_and_a_row_that_does_not_say_has_one",
    ],
    "attention is counted, and multiply-adds once": [
        "models/test_models.py::test_attention_is_counted_and_an_unknown_operator_is_named",
        "models/test_models.py::test_fvcore_counts_what_we_count",
        "models/test_networks.py::test_printed_gflops_are_about_two_per_multiply_add",
    ],
    "label files are not sorted": [
        "data/formats/test_something_csv.py"
        "::test_classes_are_numbered_in_the_order_of_the_labels_file_and_frames_come_in_order"
    ],
    "several labels are refused": ["data/formats/test_lists.py::test_a_damaged_list_is_one_sentence"],
    "a path that leaves the data is refused, with its line": [
        "data/formats/test_places.py::test_a_path_that_leaves_the_data_is_told_with_its_line",
        "data/test_manifest.py::test_a_link_cannot_lead_outside_the_data_but_the_videos_may_lie_on_another_disk",
    ],
    "corrupt, truncated, zero-byte and foreign files": [
        "data/test_check.py::test_empty_truncated_and_foreign_files_are_named_with_the_reason",
        "data/test_check.py::test_a_video_that_breaks_in_its_middle_is_found_by_the_full_check_alone",
        "data/test_decoding.py::test_a_truncated_file_is_undecodable",
    ],
    "frame folders with gaps": [
        "data/test_frame_folders.py::test_a_damaged_folder_is_undecodable_and_the_reason_names_the_picture"
    ],
}


@pytest.mark.parametrize("trap", TRAPS)
def test_each_trap_has_tests_that_exist(trap):
    for place in TRAPS[trap]:
        file, _, name = place.partition("::")
        tree = ast.parse((HERE / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, place


ODD = ["a b/c d.mp4", "a+b/+c.mp4", "-x/-y.mp4", "é/東京 ñ.mp4", "(1)/#2!&'.mp4"]
KINDS = {
    "table": ("{}.csv", "path,label\n", '"{}",jump+run\n'),
    "mmaction2": ("{}.txt", "", "{} 0\n"),
    "pyslowfast": ("{}.csv", "", "{},0\n"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_odd_paths_carriage_returns_and_a_byte_order_mark_are_read(user_set, kind):
    name, head, line = KINDS[kind]
    root = user_set(f"classes: 2\nformat: {kind}\nmedia: v")
    for part, paths in (("train", ODD), ("val", ["z.mp4"])):
        text = head + "".join(line.format(path) for path in paths)
        write_text(root / name.format(part), "\ufeff" + text.replace("\n", "\r\n"))
        for place, path in enumerate(paths):
            write_counted(root / "v" / path, 4 + place)
    train = open_dataset("mine", root).split("train")
    assert ids(train) == [path.removesuffix(".mp4") for path in ODD]
    assert [video.frames for video in train.videos] == [4, 5, 6, 7, 8]
    assert shown_frames(train, 3) == list(range(7))


def test_odd_names_of_files_are_classes_and_videos_in_a_folder_per_class(user_set):
    root = user_set("classes: 5\nformat: class_folders")
    for path in ODD:
        write_counted(root / "train" / path, 4)
        write_counted(root / "val" / path, 5)
    dataset = open_dataset("mine", root)
    assert set(dataset.classes) == {"a b", "a+b", "-x", "é", "(1)"}
    assert len(dataset.split("train").videos) == 5
    found = check("mine", root, frames=4)
    assert (found["missing"], found["undecodable"]) == ([], [])


@pytest.mark.parametrize("kind", ["json", "vocabulary"])
def test_json_files_may_begin_with_a_byte_order_mark(user_set, kind):
    root = user_set("classes: 2\nformat: diving48")
    write_text(root / "Diving48_vocab.json", ("\ufeff" if kind == "vocabulary" else "") + '["x", "y"]')
    entries = [{"vid_name": "-é", "label": 0, "start_frame": 0, "end_frame": 4}]
    for part in ("train", "test"):
        write_text(root / f"Diving48_{part}.json", ("\ufeff" if kind == "json" else "") + json.dumps(entries))
    write_counted(root / "rgb" / "-é.mp4", 4)
    assert ids(open_dataset("mine", root).split("train")) == ["-é"]


# --- files that are no videos -------------------------------------------------------------------------------------


def write_audio(path):
    """A tone, AAC in MP4, without a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        tone = np.sin(np.arange(44_100, dtype=np.float32) / 20)[None]
        for start in range(0, 44_100 - 1024, 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono")
            frame.sample_rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def with_audio(user_set):
    root = user_set("classes: 2\nformat: class_folders")
    for path in ("train/a/1.mp4", "train/b/2.mp4", "val/a/3.mp4", "val/b/4.mp4"):
        write_counted(root / path, 6)
    write_audio(root / "train" / "a" / "song.mp4")
    return root


def test_a_file_with_audio_alone_is_undecodable_and_the_check_says_so(with_audio):
    assert open_dataset("mine", with_audio).split("train").undecodable == ("train/a/song",)
    found = check("mine", with_audio)
    assert found["undecodable"] == ["train/a/song"]
    (problem,) = [problem for problem in found["problems"] if problem["id"] == "train/a/song"]
    assert problem["problem"] == "undecodable: has no video stream, only audio"


def test_a_video_that_becomes_audio_alone_during_a_run_is_named_and_counted_by_the_next_start(with_audio):
    (with_audio / "train" / "a" / "song.mp4").unlink()
    dataset = open_dataset("mine", with_audio)
    clips = TrainClips(dataset, dataset.split("train"), 4, load_protocol("smoke"), seed=0)
    views = EvalClips(dataset.split("train"), 4, size=16)
    write_audio(with_audio / "train" / "a" / "1.mp4")
    for read in (lambda: clips[(0, 0)], lambda: views[0]):
        with pytest.raises(BadInput, match=r"Video 'train/a/1' was readable.*allow_missing"):
            read()
    assert open_dataset("mine", with_audio).split("train").undecodable == ("train/a/1",)


@pytest.mark.parametrize("backend", ["auto", "pyav", "decord"])
def test_no_decoder_returns_frames_of_audio(tmp_path, monkeypatch, backend):
    monkeypatch.setenv("SUITE_DECODER", backend)
    with pytest.raises(BadInput):
        Decoder().read(write_audio(tmp_path / "song.mp4"), [0, 1])


def test_a_gap_in_a_frame_folder_is_told_by_the_check(user_set):
    root = user_set("classes: 2\nformat: class_folders\nlayout: frames")
    for path in ("train/a/1", "train/b/2", "val/a/3", "val/b/4"):
        write_pictures(root / path, np.zeros((5, 16, 16, 3), np.uint8))
    (root / "train" / "a" / "1" / "00003.jpg").unlink()
    found = check("mine", root)
    assert found["undecodable"] == ["train/a/1"]
    assert "00003.jpg is missing" in found["problems"][0]["problem"]


# --- files of another data set ------------------------------------------------------------------------------------


def kinetics(root, classes):
    rows = "".join(f"class {i},v{i:010d},0,10,train\n" for i in range(classes))
    for part in ("train", "val"):
        write_text(root / f"{part}.csv", "label,youtube_id,time_start,time_end,split\n" + rows)
    return root


def test_annotations_of_a_larger_data_set_say_which_they_look_like(tmp_path):
    said = error_of("kinetics400", kinetics(tmp_path, 600))
    assert "have 600 classes instead of 400, which look like those of Kinetics-600 (kinetics600)" in said


def test_annotations_of_a_smaller_data_set_say_which_they_look_like(tmp_path):
    remarks = open_dataset("kinetics700", kinetics(tmp_path, 400)).remarks
    assert remarks[0].endswith("they have 400 classes, which look like those of Kinetics-400 (kinetics400).")


def test_annotations_that_look_like_no_other_data_set_do_not_guess(tmp_path):
    assert "have 401 classes instead of 400; they are those of another" in error_of(
        "kinetics400", kinetics(tmp_path, 401)
    )


# --- training -----------------------------------------------------------------------------------------------------


def test_no_batch_normalisation_sees_a_smaller_last_batch():
    for videos in range(8, 30):
        spec = run_spec(epochs=2)
        assert {len(batch) for batch in Batches(spec, videos, 0)} == {spec.protocol.per_step}


def test_the_learning_rate_is_not_scaled_with_the_batch():
    p = load_protocol("mini_ssv2")
    rates = {learning_rate(p.model_copy(update={"batch": batch}), 0, 10) for batch in (8, 64, 256)}
    assert rates == {p.lr}
