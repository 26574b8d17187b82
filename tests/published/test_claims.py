"""What is claimed from the published record."""

import numpy as np
import pytest

from suite.published.findings import findings
from tests.sweep.builders import ROOT


@pytest.mark.slow
def test_the_committed_findings_are_what_the_record_gives_today():
    from suite.report.reproduce import to_text

    assert (ROOT / "results/example/findings.md").read_text() == to_text(findings()), "see `make reproduce`"


def test_fewer_winners_are_left_unseparated_by_a_paired_interval_the_fewer_videos_are_discordant():
    from suite.published.findings_grid import not_separated, paired_half_width

    (finding,) = findings(["margins"])
    within = not_separated(finding.rows)
    assert within == {"unpaired": 49, "paired": [26, 45]}  # as an independent recomputation found them
    assert all(str(count) in finding.statement for count in (49, 26, 45))
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3000)) < [[0.62], [0.55]]
    d = a.astype(float) - b
    oracle = 100 * 1.959963984540054 * d.std() / np.sqrt(len(d))
    assert paired_half_width(100 * d.mean(), len(d), float(np.mean(a != b))) == pytest.approx(oracle)


def test_padding_is_said_to_be_consistent_and_not_to_be_a_fact():
    (finding,) = findings(["grim"])
    assert "consistent with" in finding.title + finding.statement
    assert "as a distributed sampler pads" not in finding.statement
