"""Sweeps of one grid write its report one after the other."""

import pytest

from suite.app import sweep
from suite.app.sweep import Request, follow
from suite.store.claims.held import held
from suite.sweep.plan import Selection, make_plan

GRID = "protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18]\nchain: {frames: [8]}\n"


@pytest.fixture
def reported(tmp_path):
    """Follows a plan of which nothing is left to run; returns how often its report was written."""
    (tmp_path / "mine.yaml").write_text(GRID)
    plan = make_plan(str(tmp_path / "mine.yaml"), Selection(), tmp_path / "results", costs=False)
    request = Request(plan.name, Selection(), tmp_path / "results", tmp_path, tracking=False)

    def reported(busy):
        calls = []
        if not busy:
            follow(plan, None, request, lambda *args: calls.append(args) or [])
        else:
            with held(plan.folder / ".report"):
                follow(plan, None, request, lambda *args: calls.append(args) or [])
        return len(calls)

    return reported


def test_a_report_that_another_sweep_keeps_is_told_at_once_and_does_not_fail_the_sweep(reported, monkeypatch, capsys):
    monkeypatch.setattr(sweep, "REPORT", 0.0)
    assert reported(busy=True) == 0
    said = capsys.readouterr().out
    assert "Another sweep of this grid writes the report; waiting for it." in said
    assert "suite report " in said
    assert reported(busy=False) == 1
    assert "Another sweep" not in capsys.readouterr().out


def test_tracking_is_closed_when_the_report_fails(tmp_path, reported, monkeypatch):
    closed = []
    monkeypatch.setattr(sweep, "Tracking", lambda *args: type("Fake", (), {"close": closed.append}))
    plan = make_plan(str(tmp_path / "mine.yaml"), Selection(), tmp_path / "results", costs=False)

    def fails(*args):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        follow(plan, None, Request(plan.name, Selection(), tmp_path / "results", tmp_path), fails)
    assert closed == [[]]
