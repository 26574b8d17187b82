"""The cost audit: printed costs against counted ones."""

import pytest

from suite.published.cost_audit import audit
from suite.report.tables.cost_audit import audit_table, summary
from suite.report.tables.rendering.formats import to_markdown

pytestmark = [pytest.mark.slow, pytest.mark.more]


@pytest.fixture(scope="module")
def found():
    return audit()


def row(found, paper, table, model):
    return next(r for r in found if (r.paper, r.table, r.model) == (paper, table, model))


@pytest.mark.parametrize("model", ["2D backbone", "2D backbone + NL", "2D backbone + DNL", "2D backbone + GTA"])
def test_the_2d_rows_of_gta_table_1_agree(found, model):
    assert row(found, "gta", "1", model).agrees


def test_the_3d_rows_of_gta_table_1_are_those_of_256_pixels(found):
    for model in ("3D backbone", "3D backbone + NL", "3D backbone + DNL", "3D backbone + GTA"):
        assert "256 x 256" in row(found, "gta", "1", model).explanation


def test_every_row_of_rcca3d_agrees_or_is_explained(found):
    ours = [r for r in found if r.paper == "rcca3d"]
    assert len(ours) >= 20
    assert all(r.explained for r in ours)


def test_every_row_of_arc_table_5c_agrees(found):
    assert all(r.agrees for r in found if (r.paper, r.table) == ("arc", "5c"))


def test_what_does_not_agree_is_told_and_counted(found):
    text = to_markdown(audit_table(found))
    unexplained = [r for r in found if not r.explained]
    assert unexplained
    assert all(r.model.replace("|", "\\|") in text for r in unexplained)
    assert f"{len(unexplained)} are unexplained" in summary(found)
