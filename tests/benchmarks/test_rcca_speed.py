"""The benchmark of criss-cross attention ends with an error where its claims do not hold."""

import json

import pytest

from suite.benchmarks import rcca_speed
from tests.builders import call_suite


@pytest.mark.parametrize(("seconds_of_one_pass", "code"), [(0.1, 0), (0.6, 1)])
def test_bench_rcca_ends_with_1_where_the_block_is_not_faster(monkeypatch, capsys, seconds_of_one_pass, code):
    seconds = {"rcca, one pass": seconds_of_one_pass, "rcca, three passes": 0.5}  # and 1 second for the others
    monkeypatch.setattr(rcca_speed, "interleaved", lambda work, *_: {key: seconds.get(key[0], 1.0) for key in work})
    monkeypatch.setattr(rcca_speed, "_peak", lambda *_: 1.0)
    with pytest.raises(SystemExit) as stopped:
        call_suite("bench", "rcca", "--json")
    assert stopped.value.code == code
    found = json.loads(capsys.readouterr().out)
    assert found["holds"] == (code == 0)
    assert found["ratios"]["time, explicit map over three passes"] == 2


def test_every_ratio_that_is_required_is_measured():
    ratios = rcca_speed.rcca_speed(rounds=1, shape=(1, 16, 2, 4, 4), memory=False)["ratios"]
    assert len(rcca_speed.LEAST) == 2
    assert all(ratios[key] > 0 for key in rcca_speed.LEAST)
