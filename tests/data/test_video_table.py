"""Videos in buffers are the videos that were put in, and cost workers nothing."""

import hashlib
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.benchmarks.manifest import bench_manifest
from suite.data.manifest import Manifest
from suite.data.video_table import Video, VideoTable

TEXT = st.text(st.characters(exclude_categories=()), max_size=6) | st.just("a/\udc80é.mp4")
VIDEOS = st.lists(
    st.builds(
        Video,
        TEXT,
        TEXT,
        st.none() | TEXT,
        st.none() | st.integers(0, 10**6),
        st.integers(1, 10**9),
        st.floats(0, 240),
        TEXT,
        st.none() | st.integers(0, 10**9),
    ),
    max_size=5,
)


@given(VIDEOS)
def test_a_table_is_the_sequence_of_its_videos(videos):
    table = pickle.loads(pickle.dumps(VideoTable(videos)))
    assert list(table) == videos
    assert [table[i] for i in range(-len(videos), len(videos))] == videos * 2
    assert table[1:] == tuple(videos[1:])
    assert table == tuple(videos)
    assert tuple(videos) == table
    assert table != VideoTable([*videos, Video("x", "x", None, None, 1, 1.0)])
    with pytest.raises(IndexError):
        table[len(videos)]


@given(VIDEOS)
def test_the_hash_of_a_list_is_that_of_its_canonical_json(videos):
    """Runs of earlier versions recorded it."""
    manifest = Manifest("train", ("a", "é"), videos, missing=("m",), undecodable=("u", '"'))
    keys = ("id", "path", "class_name", "label", "frames", "fps")
    rows = [
        {key: getattr(video, key) for key in keys} | ({} if video.first is None else {"first": video.first})
        for video in videos
    ]
    content = {"split": "train", "classes": ["a", "é"], "videos": rows, "missing": ["m"], "undecodable": ["u", '"']}
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert manifest.list_sha256 == hashlib.sha256(plain.encode()).hexdigest()


@pytest.mark.more
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory of a process is read from /proc")
def test_workers_do_not_copy_a_large_manifest(tmp_path):
    found = bench_manifest(100_000, rounds=1, folder=tmp_path)
    assert found["mib"] < 300
    assert found["worker_end_mib"] < found["worker_start_mib"] + 5
    assert found["worker_end_mib"] < 40
