"""What the tests of all annotation formats share: opening a small set, reading its frames, breaking its files."""

from suite.data.clips import EvalClips, TrainClips
from suite.data.datasets import open_dataset
from suite.spec import BadInput, load_protocol
from tests.videos import frame_numbers


def shown_frames(manifest, index=0):
    """The numbers of all frames of a video, read as a test clip."""
    clip, _ = EvalClips(manifest, manifest.videos[index].frames, size=16)[index]
    return frame_numbers(clip[0])


def train_frames(dataset, index=0):
    """(numbers of the frames, label) of a training clip of four frames."""
    clips = TrainClips(dataset, dataset.split("train"), 4, load_protocol("smoke"), seed=0)
    clip, label = clips[(0, index)]
    return frame_numbers(clip), label


def ids(manifest):
    return [video.id for video in manifest.videos]


def class_names(manifest):
    return [video.class_name for video in manifest.videos]


def error_of(name, root, split="train"):
    """The one sentence with which a data set is refused."""
    try:
        open_dataset(name, root).split(split)
    except BadInput as error:
        sentence = str(error)
        assert "\n" not in sentence
        assert sentence.endswith(".")
        assert len(sentence) < 1000
        return sentence
    raise AssertionError("the data set was not refused")


def opens_or_refuses(name, root):
    """Reads both splits; BadInput is as good, any other error is not."""
    refused = ""
    try:
        dataset = open_dataset(name, root)
        for split in ("train", "val"):
            dataset.split(split)
    except BadInput as error:
        refused = str(error)
    assert "\n" not in refused
    assert len(refused) < 1000
