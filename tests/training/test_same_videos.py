"""Videos that are replaced under a run at work."""

import shutil

import pytest

from suite.data.datasets import open_dataset
from suite.evaluation.group import Group
from suite.spec import BadInput
from suite.store.folder import RunFolder
from suite.training.same_videos import require_same_videos


@pytest.mark.slow
def test_a_run_whose_videos_were_replaced_begins_anew_and_one_whose_videos_are_gone_does_not(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.checkpoint.touch()
    begun = open_dataset("calib_order", tmp_path / "data")
    first, second = begun.split("train").videos[:2]
    begun.split("val")
    file, other = (next((tmp_path / "data").rglob(f"{video.id}.webm")) for video in (first, second))

    kept = file.read_bytes()
    file.unlink()
    require_same_videos(folder, begun, tmp_path / "data", Group())  # it was there when it was read

    file.write_bytes(other.read_bytes())
    with pytest.raises(BadInput, match=f"1 videos of calib_order were replaced while run was running.*'{first.id}'"):
        require_same_videos(folder, begun, tmp_path / "data", Group())
    assert not folder.checkpoint.exists()

    file.write_bytes(kept)
    require_same_videos(folder, begun, tmp_path / "data", Group())


def test_only_the_main_process_looks_and_the_others_end_as_it_does(tmp_path):
    class Second(Group):
        rank = 1

        def from_main(self, mine):
            return "1 videos were replaced"

    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.checkpoint.touch()
    with pytest.raises(BadInput, match="1 videos were replaced"):
        require_same_videos(folder, None, tmp_path, Second())
    assert folder.checkpoint.exists()
