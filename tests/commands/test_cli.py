"""What the commands print, as scripts outside the project read it."""

import json
import os
import sys
from pathlib import Path

import pytest

from suite.__main__ import main
from suite.data.synthetic import synthesize

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(capsys, monkeypatch):
    """Runs a command in this process; gives its JSON document and its exit code."""
    monkeypatch.chdir(ROOT)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["suite", *map(str, args), "--json"])
        with pytest.raises(SystemExit) as stop:
            main()
        return json.loads(capsys.readouterr().out), stop.value.code

    return run


def test_cost(call):
    found, code = call("cost", "tsn-resnet50", "tam-resnet18-tp", "--frames", "16", "--classes", "200")
    assert code == 0
    assert [entry["name"] for entry in found] == ["tsn-resnet50", "tam-resnet18-tp"]
    assert set(found[0]) == {"name", "params", "conv_macs", "macs", "by_operator", "uncounted"}
    assert found[0]["macs"] == sum(found[0]["by_operator"].values()) > found[0]["conv_macs"]
    assert found[0]["uncounted"] == []


@pytest.mark.slow
def test_models(call):
    found, _ = call("models")
    assert {entry["module"] for entry in found["modules"]} == {"tsn", "tsm", "tam", "conv", "s3d", "i3d"}
    assert all(entry["about"].endswith((".", ")", "layer")) or entry["about"] for entry in found["modules"])


@pytest.mark.slow
def test_probe(call):
    found, _ = call("probe", "order", "tsn-resnet18", "tsm-resnet18", "--size", "32")
    assert [entry["order_blind"] for entry in found] == [True, False]
    assert set(found[0]) == {"name", "frames", "max_abs_difference", "max_abs_difference_shuffled", "order_blind"}
    assert found[0]["max_abs_difference_shuffled"] < 1e-6 < found[1]["max_abs_difference_shuffled"]


def test_data_check_counts_what_is_missing(call, tmp_path):
    synthesize("calib_order", tmp_path, videos={"train": 8, "val": 8})  # one per class, as classes without fail
    found, code = call("data", "check", "calib_order", "--data", tmp_path)
    assert code == 0
    assert (found["train"], found["val"], found["missing"], found["undecodable"]) == (8, 8, [], [])
    first = found["manifest_sha256"]
    video = sorted(tmp_path.rglob("*.webm"))[0]
    video.unlink()
    found, code = call("data", "check", "calib_order", "--data", tmp_path)
    assert code == 1
    assert found["missing"] == [video.stem]
    assert found["manifest_sha256"] != first


@pytest.mark.slow
def test_bench_gives_ratios_of_one_run(call):
    found, _ = call("bench", "--rounds", "1", "--batch", "1", "--size", "32", "--name", "tam-resnet18")
    row = found["rows"][0]
    assert row["forward_ratio"] == pytest.approx(row["forward_plain"] / row["forward_ours"])


@pytest.mark.slow
@pytest.mark.more
def test_reproduce_gives_the_contributions_of_the_published_runs(call, tmp_path):
    found, _ = call("reproduce", "--results", tmp_path)
    cells = {(c["dataset"], c["module"]): c for c in found["contributions"]}
    assert len(cells) == 9
    assert all(c["n"] == 12 for c in cells.values())
    # published/constructions: the columns I3D and S3D change places in print
    assert round(cells["mini_ssv2", "i3d"]["psi_ta"], 3) == 0.447
    assert round(cells["mini_kinetics", "tam"]["psi_ta_tp"], 3) == -0.123
    assert round(cells["mini_mit", "i3d"]["phi"], 3) == 0.913
    assert all(Path(file).stat().st_size for file in found["files"])


def test_the_data_folder_is_suite_data_unless_given(call, tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "SUITE_DATA", str(tmp_path))
    synthesize("calib_scene", tmp_path, videos={"train": 8, "val": 4})
    assert call("data", "check", "calib_scene")[0]["train"] == 8
