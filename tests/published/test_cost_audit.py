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


def test_every_row_of_gta_table_5_but_those_of_one_printed_cost_agrees(found):
    ours = {r.model: r for r in found if (r.paper, r.table) == ("gta", "5")}
    assert all(ours[model].agrees for model in ("SlowFast-R101 [7]", "C2D-R50 + NL", "C2D-R50 + GTA"))
    for block in ("NL", "GTA"):
        assert "One cost is printed for both blocks" in ours[f"SlowFast-R101 + {block}"].remark


def test_the_conv2_row_of_rcca3d_is_a_block_of_res2_and_agrees(found):
    found = row(found, "rcca3d", "text 4.3", "TSM + RCCA conv2")
    assert (found.name, found.agrees) == ("tsm-resnet50+rcca@at=conv2_2", True)


def test_a_convention_of_the_same_table_comes_before_another_size(found):
    """MF-Net and its RCCA row agree at 224 pixels, so that 256 cannot explain the row beside them."""
    explanation = row(found, "rcca3d", "5", "MF-Net+NL*5").explanation
    assert "twice in the add-on block at 224 x 224: 24.6" in explanation
    assert "256" not in explanation


def test_another_size_explains_a_row_only_if_it_holds_for_all_rows_of_its_network(found):
    tables = {}
    for r in found:
        if " at 256 x 256" in r.explanation and r.size != 256 and r.explained:
            tables.setdefault((r.paper, r.table, r.name.partition("+")[0]), []).append(r)
    assert tables
    for (paper, table, network), rows in tables.items():
        of_network = [r for r in found if (r.paper, r.table) == (paper, table) and r.name.split("+")[0] == network]
        assert rows == of_network


def test_the_motion_squeeze_rows_are_those_of_400_classes(found):
    found = row(found, "arc", "7", "MSN (reproduced)")
    assert "with 400 classes, as without the block in this table: 24.37 M" in found.explanation
    assert "separable transform with 400 classes" in found.remark


def test_every_unexplained_row_says_what_was_tried(found):
    assert all("tried: " in r.explanation for r in found if not r.explained)
    text = to_markdown(audit_table(found))
    assert all(r.remark in text for r in found)


def test_every_row_of_arc_table_5c_agrees(found):
    assert all(r.agrees for r in found if (r.paper, r.table) == ("arc", "5c"))


def test_what_does_not_agree_is_told_and_counted(found):
    text = to_markdown(audit_table(found))
    unexplained = [r for r in found if not r.explained]
    assert unexplained
    assert all(r.model.replace("|", "\\|") in text for r in unexplained)
    assert f"{len(unexplained)} are unexplained" in summary(found)
