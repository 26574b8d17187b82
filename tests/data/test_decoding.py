"""Frames of files: which backend reads them, that both agree, and that frames are exact."""

import pickle

import numpy as np
import pytest

from suite.data import decoding
from suite.data.decoding import Decoder, Undecodable, read_frames
from suite.data.probing import probe
from suite.spec import BadInput
from tests.videos import moving_frames, write_video

decord = pytest.importorskip("decord")


def by_pyav(path, indices):
    return decoding._by_pyav(str(path), np.asarray(indices))


@pytest.fixture(scope="module")
def vp9(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("vp9") / "a.webm", moving_frames(40))


@pytest.mark.parametrize(("suffix", "codec"), [("webm", "libvpx-vp9"), ("mp4", "libx264"), ("mp4", "libvpx-vp9")])
def test_decord_and_pyav_return_the_same_frames(tmp_path, suffix, codec):
    path = write_video(tmp_path / f"a.{suffix}", moving_frames(40, 60, 100), codec)
    wanted = [0, 3, 17, 18, 39]
    frames, backend = read_frames(path, wanted)
    assert backend == "decord"
    # backends may differ in the conversion from YUV to RGB by rounding
    assert np.abs(frames.astype(int) - by_pyav(path, wanted)).max() <= 3


@pytest.mark.parametrize(
    ("suffix", "codec"), [("avi", "mpeg4"), ("mp4", "mpeg4"), ("mkv", "libx264"), ("avi", "libx264")]
)
def test_what_decord_gets_wrong_is_read_by_pyav(tmp_path, suffix, codec):
    source = moving_frames(30)
    options = {"bf": "2"} if codec == "mpeg4" else {}
    path = write_video(tmp_path / f"a.{suffix}", source, codec, **options)
    wanted = [0, 5, 6, 20, 29]
    frames, backend = read_frames(path, wanted)
    assert backend == "pyav"
    # each frame is nearest to the one that was written, not to a neighbour
    errors = np.abs(frames[:, None].astype(int) - source[None]).mean(axis=(2, 3, 4))
    assert errors.argmin(axis=1).tolist() == wanted


@pytest.mark.parametrize(("frames", "width"), [(1, 80), (5, 48)])
def test_a_file_that_decord_refuses_goes_to_pyav_and_is_counted(tmp_path, frames, width):
    path = write_video(tmp_path / "a.webm", moving_frames(frames, 60, width))
    decoder = Decoder()
    assert decoder.read(path, [0]).shape == (1, 60, width, 3)
    assert decoder.report()["decoded"] == {"pyav": 1}
    assert decoder.report()["fallbacks"] == {"decord failed on the file": 1}


def test_without_decord_everything_is_read_by_pyav(vp9, monkeypatch):
    expected, _ = read_frames(vp9, [3, 9])
    monkeypatch.setitem(__import__("sys").modules, "decord", None)
    frames, backend = read_frames(vp9, [3, 9])
    assert backend == "pyav"
    assert np.abs(frames.astype(int) - expected).max() <= 3


def test_indices_may_repeat_and_come_in_any_order(vp9):
    frames, _ = read_frames(vp9, [9, 0, 9, 4])
    single = [read_frames(vp9, [i])[0][0] for i in (9, 0, 9, 4)]
    assert np.array_equal(frames, np.stack(single))


def test_probe_counts_frames(vp9, tmp_path):
    assert probe(vp9) == (40, 12.0, "vp9")
    path = write_video(tmp_path / "b.mp4", moving_frames(31), "libx264", fps=25)
    assert probe(path) == (31, 25.0, "h264")


@pytest.mark.parametrize("keep", [0, 40, 300, 0.5])
def test_a_truncated_file_is_undecodable(vp9, tmp_path, keep):
    whole = vp9.read_bytes()
    path = tmp_path / "cut.webm"
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(len(whole) * keep)])
    with pytest.raises(Undecodable, match=r"cut\.webm"):
        probe(path)
    with pytest.raises(Undecodable, match=r"cut\.webm"):
        read_frames(path, [39])


def test_a_file_shorter_than_asked_is_an_error_and_not_another_frame(vp9):
    with pytest.raises(Undecodable, match="40 decodable frames"):
        read_frames(vp9, [3, 40])
    with pytest.raises(BadInput):
        read_frames(vp9, [-1])


def test_small_videos_are_kept_and_large_ones_are_not(vp9):
    bytes_of_video = 40 * 60 * 80 * 3
    small, large = Decoder(cache_bytes=256 * bytes_of_video), Decoder(cache_bytes=256 * bytes_of_video - 256)
    for decoder in (small, large):
        first = decoder.read(vp9, [4, 2], frames=40)
        assert np.array_equal(first, read_frames(vp9, [4, 2])[0])
        assert np.array_equal(decoder.read(vp9, [4, 2], frames=40), first)
    assert small.report() == {"decoded": {"decord": 1}, "fallbacks": {}, "cached_bytes": bytes_of_video}
    assert large.report() == {"decoded": {"decord": 2}, "fallbacks": {}, "cached_bytes": 0}


def test_a_decoder_is_pickled_without_its_frames(vp9):
    decoder = Decoder()
    decoder.read(vp9, [0], frames=40)
    data = pickle.dumps(decoder)
    assert len(data) < 2000
    assert pickle.loads(data).read(vp9, [0], frames=40).shape == (1, 60, 80, 3)
