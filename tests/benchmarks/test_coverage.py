"""The study of coverage: intervals cover what they should, and it fails where they do not."""

import json
import sys

import numpy as np
import pytest

from suite.benchmarks import coverage
from suite.spec import BadInput
from suite.statistics import intervals


@pytest.mark.slow
@pytest.mark.parametrize("part", ["one seed", "own videos"])
def test_the_intervals_cover_what_they_should(part):
    found = coverage.study(sweeps=300, parts=[part])
    for row in found["rows"]:
        # a band for 300 sweeps; `suite bench intervals` draws thousands
        assert row["least"] - 3 * row["error"] <= row["coverage"] <= row["most"] + 3 * row["error"], row


def test_a_mean_of_capped_contributions_is_covered_where_every_model_equals_tsn():
    (block,) = coverage.outcomes(np.random.default_rng(17), coverage.EQUAL, 1, 100, 1_000)
    drawn = intervals.bootstrap_accuracies(block.reshape(-1, 1_000)).reshape(-1, 100, 12)
    pairs = [(2 * i, 2 * i + 1) for i in range(6)]
    ours, plain = [], []
    for sweep, draws in zip(block[:, :, 0], drawn.swapaxes(0, 1), strict=True):
        ours.append(intervals.mean_contribution_interval(100 * sweep.mean(axis=1), draws, pairs)["phi"][2])
        plain.append(intervals.interval_of(intervals.contribution_draws(draws, pairs)[0].mean(axis=1))[1])
    assert np.mean(np.array(ours) == 1) >= 0.93 - 3 * 0.026
    assert np.mean(np.array(plain) == 1) < 0.5  # why the quantiles of the draws will not do


@pytest.mark.slow
def test_simulated_runs_have_the_accuracy_that_is_called_the_truth():
    for sd in (0.0, 3.0):
        of_runs = [
            block.mean(axis=(0, 2, 3))
            for block in coverage.outcomes(np.random.default_rng(14), [(60, 50), (96, 95)], 2, 1_000, 1_000, sd)
        ]
        assert 100 * np.mean(of_runs, axis=0) == pytest.approx([60, 50, 96, 95], abs=0.3)


def test_bench_intervals_fails_where_an_interval_does_not_cover(monkeypatch, capsys):
    from suite.__main__ import main

    def part(rng, sweeps, videos):
        return [coverage.Case("accuracy", "a", 60.0, limits=[(50.0, 50.0 + 20 * (i % 20 > 0)) for i in range(sweeps)])]

    for right, code in ((0, 0), (30, 1)):
        monkeypatch.setattr(coverage, "PARTS", {"a": lambda *args, d=right: [_moved(c, d) for c in part(*args)]})
        monkeypatch.setattr(sys, "argv", ["suite", "bench", "intervals", "--sweeps", "100", "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert row["holds"] == (code == 0)
    with pytest.raises(BadInput, match="1,000 videos"):
        coverage.study(videos=100)


def _moved(case, by):
    case.limits = [(low + by, high + by) for low, high in case.limits]
    return case
