"""What fails blocks only what depends on it; bad input is one line."""

import sys

import pytest

from suite.__main__ import main
from tests.sweep.builders import GRID, ROOT, called, suite_process, sweep_args
from tests.videos import write_ssv2


@pytest.mark.more
@pytest.mark.slow
def test_a_run_that_fails_blocks_only_what_hangs_on_it(calibrated, tmp_path, capsys):
    grid = tmp_path / "small.yaml"
    grid.write_text(GRID.replace("epochs: 2", "epochs: 1"))
    plan = called(capsys, "plan", grid, "--results", tmp_path)
    ids = {(run["name"], run["frames"]): run["id"] for run in plan["runs"]}
    damaged = tmp_path / "small" / "runs" / ids["tsn-resnet18", 4]
    damaged.mkdir(parents=True)
    (damaged / "checkpoint.pt").write_bytes(b"half a checkpoint")
    done = suite_process(*sweep_args(grid, calibrated, tmp_path), "--no-tracking")
    assert done.returncode == 1
    assert "failed" in done.stdout
    status = called(capsys, "status", grid, "--results", tmp_path)
    assert {(run["name"], run["frames"]): run["state"] for run in status["runs"]} == {
        ("tsn-resnet18", 4): "failed",
        ("tsn-resnet18", 8): "blocked",
        ("tam-resnet18", 4): "done",
        ("tam-resnet18", 8): "done",
    }
    assert "not a readable checkpoint" in next(run["error"] for run in status["runs"] if run["state"] == "failed")


@pytest.mark.slow
def test_bad_input_is_one_line_exit_code_2_and_writes_nothing(tmp_path, grid, capsys, monkeypatch):

    monkeypatch.chdir(ROOT)
    (tmp_path / "empty").mkdir()
    for args, words in (
        (["sweep", "demmo"], "did you mean 'demo'"),
        (["sweep", "mini_ssv2", "--data", tmp_path / "empty"], "something-something-v2-labels.json"),
        (["sweep", "mini_mit", "--data", tmp_path / "empty"], "no reader"),
        (["sweep", grid, "--set", "epoch=1"], "did you mean 'epochs'"),
        (["sweep", grid, "--set", "epochs=some"], "epochs"),
        (["sweep", grid, "--frames", "5"], "no runs of 5 frames"),
        (["sweep", grid, "--only", "tam-resnet50"], "did you mean 'tam-resnet18'"),
        (["sweep", grid, "--shard", "3/2"], "--shard"),
        (["sweep", grid, "--executor", "cloud"], "cloud"),
        (["sweep", grid, "--device", "cuda:x"], "device"),
        (["cost", "tam-resnet18", "--frames", "0"], "at least one frame"),
        (["cost", "s3d-inception_v1", "--size", "16"], "cannot take 8 frames of 16x16 pixels"),
        (["cost", "tam-resnet"], "did you mean"),
        (["swep"], "swep"),
    ):
        monkeypatch.setattr(
            sys,
            "argv",
            ["suite", *map(str, args), *(["--results", str(tmp_path / "out")] if args[0] == "sweep" else [])],
        )
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        assert stop.value.code == 2, (args, printed)
        assert words in printed.err, (args, printed.err)
        assert len(printed.err.strip().splitlines()) == 1, printed.err
    assert not list(tmp_path.glob("out/*/runs"))


@pytest.mark.slow
def test_the_command_line_ends_with_2_and_without_a_traceback():
    done = suite_process("cost", "tam-resnet18@sites=tophalf")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "suite: Unknown value of option 'sites' of tam-resnet18 'tophalf'; did you mean 'top-half'?\n"


@pytest.mark.slow
def test_a_missing_video_stops_a_sweep_before_it_starts(tmp_path):
    write_ssv2(tmp_path / "data", train=8, val=8, classes=4)
    lost = sorted((tmp_path / "data").rglob("*.webm"))[0]
    lost.unlink()
    args = ["sweep", "mini_ssv2", "--only", "tsn-resnet18", "--data", tmp_path / "data", "--results", tmp_path / "out"]
    done = suite_process(*args)
    assert done.returncode == 2
    assert lost.stem in done.stderr
    assert not list(tmp_path.glob("out/mini_ssv2/runs/*"))
