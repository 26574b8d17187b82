"""The README quotes what findings and records say."""

import re

import numpy as np
import pytest

from suite.published.findings import findings
from tests.sweep.builders import ROOT


def test_the_readme_quotes_what_the_findings_say():
    from suite.published.findings import confound_counts, in_brief

    found = {finding.key: finding for finding in findings(("table_7", "confounds", "margins"))}
    readme = (ROOT / "README.md").read_text()
    quoted = re.search(r"<!-- `suite reproduce brief`.*?-->\n(.*?)<!-- end -->", readme, re.DOTALL)[1]
    assert " ".join(quoted.split()) == in_brief(found)
    assert f"({confound_counts(found)})" in readme
    outside = readme.replace(quoted, "")
    assert not re.search(r"\d+ of (the )?72|validation sets were padded", outside), "claims come from one place"


def test_the_committed_findings_are_what_the_record_gives_today():
    from suite.report.reproduce import to_text

    assert (ROOT / "results/reproduced/findings.md").read_text() == to_text(findings()), "run `make reproduce`"


def test_the_readme_quotes_the_cost_audit_as_it_was_computed():
    last = (ROOT / "results/example/cost_audit.md").read_text().strip().splitlines()[-1]
    counts = re.search(r"Of (\d+) .*? (\d+) agree .*?, (\d+) are .*? (\d+) are", last)
    rows, agree, explained, not_explained = counts.groups()
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"of {rows} rows {agree} agree, {explained} are explained" in readme
    assert f"and {not_explained} are not" in readme


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


def test_the_readme_quotes_the_coverage_of_one_seed():
    from suite.statistics.retraining import SEED_SD, one_seed_coverage

    readme = " ".join((ROOT / "README.md").read_text().split())
    share = f"{100 * one_seed_coverage(60, 10_000):.0f}"
    assert f"seeds of {SEED_SD:g} points, such an interval covers the expected accuracy in {share} % of cases" in readme


def test_the_readmes_demo_is_the_example_in_results():
    readme = (ROOT / "README.md").read_text()
    example = (ROOT / "results" / "example" / "accuracy.md").read_text().split("### calib_scene")[0]

    def cells(text):
        rows = [line.replace("*", "").strip("| ").split("|") for line in text.splitlines() if line.startswith("| ts")]
        rows += [line.replace("*", "").strip("| ").split("|") for line in text.splitlines() if line.startswith("| tam")]
        return {row[0].split()[0]: [cell.strip() for cell in row[1:]] for row in rows if "[" in row[1]}

    assert len(cells(example)) == 4
    assert cells(readme) == cells(example)


def test_padding_is_said_to_be_consistent_and_not_to_be_a_fact():
    (finding,) = findings(["grim"])
    assert "consistent with" in finding.title + finding.statement
    assert "as a distributed sampler pads" not in finding.statement
