"""Files that only advise a person are passed over, or refused in a sentence, whatever they hold."""

import json

import pytest

from suite.__main__ import main
from suite.evaluation.own_predictions import read_own
from suite.report.mlflow_store import make_database
from suite.spec import BadInput
from suite.sweep.calibration import calibrations
from suite.sweep.estimates import FILE, read_estimates
from suite.sweep.plan import last_selection

ABOUT = {"seconds": 1.0, "device": "cpu", "name": "x", "threads": 1, "basis": "b"}
NESTED = "[" * 20_000


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "-1"])
def test_an_estimate_that_is_no_time_is_passed_over(tmp_path, seconds):
    text = json.dumps({"a": ABOUT, "b": ABOUT | {"seconds": "?"}}).replace('"?"', seconds)
    (tmp_path / FILE).write_text(text)
    assert list(read_estimates(tmp_path)) == ["a"]


@pytest.mark.parametrize("text", [NESTED, '{"a": {"seconds": 1, "threads": 1e999}}', "[]"])
def test_a_damaged_file_of_estimates_has_none(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    assert read_estimates(tmp_path) == {}


def record(**changes):
    row = {"precision": "fp32", "batch": 2, "macs": 1e9, "written": 1e7, "seconds": 0.1}
    data = {"videos": "stored", "frames": 8, "seconds": 0.01}
    whole = {"name": "x", "device": "cpu", "measured": "now", "threads": 1, "slots": 1, "workers": 0}
    whole |= {"rows": [row, row | {"macs": 2e9, "seconds": 0.2}], "data": [data]}
    return whole | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"workers": -3},
        {"device": "tpu"},
        {"threads": float("inf")},
        {"data": [{"videos": "stored", "frames": 8, "seconds": -5}]},
        {"data": [{"videos": "stored", "frames": 8, "seconds": float("nan")}]},
        None,
    ],
)
def test_a_calibration_that_cannot_be_is_refused_in_a_sentence(tmp_path, changes):
    folder = tmp_path / "benchmarks" / "devices"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(json.dumps(record()))
    assert len(calibrations(tmp_path)) == 1
    (folder / "x.json").write_text(NESTED if changes is None else json.dumps(record(**changes)))
    with pytest.raises(BadInput, match="is damaged; remove it"):
        calibrations(tmp_path)


def test_a_nested_selection_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "selection.json").write_text(NESTED)
    with pytest.raises(BadInput, match="is damaged; remove it"):
        last_selection("demo", tmp_path)


@pytest.mark.parametrize("seconds", ["nan", "-1", "inf"])
def test_checkpoints_that_are_never_due_are_refused(monkeypatch, capsys, seconds):
    monkeypatch.setattr("sys.argv", ["suite", "sweep", "demo", f"--checkpoint-seconds={seconds}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--checkpoint-seconds expects a number from 0 on" in capsys.readouterr().err


def test_a_folder_in_place_of_the_mlflow_database_is_said_at_once(tmp_path):
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(BadInput, match="is no regular file; move it away"):
        make_database(tmp_path)


@pytest.mark.parametrize(("content", "state"), [(None, "is missing"), (b"x", "is damaged")])
def test_predictions_that_cannot_be_read_say_what_to_do(tmp_path, content, state):
    file = tmp_path / "predictions.parquet"
    if content:
        file.write_bytes(content)
    with pytest.raises(BadInput, match=f"{state}.*restore it, or move its folder away"):
        read_own(file)
