"""`suite plan --budget` on the command line."""

import json

import pytest

from tests.sweep.test_budget import GRID


@pytest.mark.parametrize("text", ["", "200", "h", "-1h", "0h", "1w", "nanh", "1e400h", "٣h"])
def test_a_budget_that_means_nothing_is_refused(suite, text):
    code, _, error = suite("plan", "demo", "--budget", text)
    assert code == 2
    assert error.startswith("suite: --budget expects device-hours such as 200h")


def test_plan_says_what_is_left_out(suite, tmp_path):
    (tmp_path / "mine.yaml").write_text(GRID)
    options = ("plan", tmp_path / "mine.yaml", "--results", tmp_path, "--on", "gpu", "--budget", "0.05m")
    found = json.loads(suite(*options, "--json")[1])
    assert found["left_out"][-1]["what"] == "32 frames"
    assert set(found["left_out"][0]) == {"what", "runs", "device_hours"}
    out = suite(*options)[1]
    assert "Budget of 0.05m: " in out
    assert "Left out (largest number of frames first, then most expensive backbone): 32 frames (" in out
    assert f"{len(found['runs'])} runs in" in suite("plan", tmp_path / "mine.yaml", "--results", tmp_path)[1]
