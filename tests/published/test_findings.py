"""Findings: the counts of the published grid."""

import numpy as np
import pytest

from suite.published.findings import FINDINGS, findings
from suite.published.findings_printed import one_convention
from suite.published.grim import explain, fits


@pytest.fixture(scope="module")
def found():
    return {f.key: f for f in findings()}


def test_table_7_agrees_in_all_27_values_once_two_columns_are_exchanged(found):
    rows = found["table_7"].rows
    assert len(rows) == 27
    assert [row[-1] for row in rows] == ["yes"] * 27
    differing = {(row[0], row[1]) for row in rows if row[5] == "no"}
    assert differing == {
        *(("mini_ssv2", "psi_ta"), ("mini_kinetics", "psi_ta"), ("mini_mit", "phi"), ("mini_mit", "psi_ta")),
    }
    assert "19 of 27" in found["table_7"].statement


def test_confounds_inside_the_published_grid(found):
    assert [row[1:] for row in found["confounds"].rows] == [(432, 90, 96, 6), (144, 30, 32, 2), (216, 97, None, 216)]


def test_grim_finds_both_sizes_of_the_validation_set_and_names_what_fits_neither(found):
    rows = [row for row in found["grim"].rows if row[0] == "mini_ssv2" and row[1] != "none"]
    assert [row[1] for row in rows] == [11799, 11808]
    assert rows[0][2] == "63 of 64"
    lost = [row for row in found["grim"].rows if row[1] == "none"]
    assert len(lost) == 23
    assert all(row[4] for row in lost)


def test_every_finding_speaks_and_names_its_command(found):
    assert set(found) == set(FINDINGS)
    for finding in found.values():
        assert finding.statement.endswith(".")
        assert finding.command == f"suite reproduce --finding {finding.key}"
        assert finding.rows
        assert all(len(row) == len(finding.columns) for row in finding.rows)


def test_margins_count_the_cells_whose_interval_holds_zero(found):
    rows = found["margins"].rows
    assert len(rows) == 72
    assert all((low <= 0) == (verdict == "no") for *_, low, _, verdict in rows)


def test_costs_in_one_convention():
    row = {"counts": "macs+2block/view", "number": 49.3, "views": ""}
    assert one_convention(row, 33.0)[0] == pytest.approx(41.15)
    assert one_convention({"counts": "2macs/all_views", "number": 4100.0, "views": "1x3"})[0] == pytest.approx(2050 / 3)
    assert np.isnan(one_convention({"counts": "unknown/view", "number": 5.0, "views": ""})[0])


@pytest.mark.parametrize("n", [11799, 9837, 400])
def test_a_share_of_n_fits_n_and_its_neighbours_do_not_explain_as_much(n):
    rng = np.random.default_rng(0)
    values = [round(100 * k / n, 4) for k in rng.integers(0, n, 60)]
    assert all(fits(value, 4, n) for value in values)
    best = explain(values, 4, round(0.95 * n), round(1.05 * n))
    assert (best[0][0], len(best[0][1])) == (n, 60)


def test_values_of_no_single_n_explain_nothing():
    values = list(np.round(np.random.default_rng(1).uniform(20, 80, 60), 4))
    assert explain(values, 4, 11000, 12600) == []
