"""Malformed rows of the record are told in one sentence with file and line."""

import re
import shutil

import pytest

from suite.published.record import PUBLISHED
from suite.report.published.tables import published_tables
from suite.report.tables.rendering.formats import to_csv
from suite.spec import BadInput

ROW = (
    "arc,2,152,1,TSM(reproduced),tsm,resnet18,,8,uniform,ssv1,val,imagenet,1,,top1,41.8,1,11522,,own,,,"
    "group_label_reread from_other_table"
)


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(PUBLISHED, tmp_path / "published")
    return tmp_path / "published"


def edit(folder, old, new, file="arc.csv"):
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (",41.8,1,", ",forty,1,", "arc.csv line 2.*value"),
        (",41.8,1,", ",nan,0,", "arc.csv line 2.*value"),
        (",41.8,1,", ",41.8,2,", "arc.csv line 2.*decimals"),
        (",41.8,1,", ",41.8,-1,", "arc.csv line 2.*decimals"),
        (",41.8,1,", ",41.8,,", "arc.csv line 2.*decimals"),
        (",41.8,1,", ",101.0,1,", "arc.csv line 2.*101.0"),
        (",top1,41.8", ",top2,41.8", "arc.csv line 2.*metric"),
        ("group_label_reread", "gruop_label_reread", "arc.csv line 2.*'gruop_label_reread'"),
        (ROW, f"{ROW}\n{ROW}", "arc.csv line 3.*line 2"),
        (ROW, "arc,2,152", "arc.csv line 2.*24 fields"),
        (ROW, f"{ROW},more", "arc.csv line 2.*24 fields"),
        ("arc,2,152,1,", "arc,2,152,0,", "arc.csv line 2.*row"),
        ("arc,2,152,1,", "arc,2,152,first,", "arc.csv line 2.*row"),
        ("arc,2,152,1,", "gta,2,152,1,", "arc.csv line 2.*gta"),
        ("gflops,14.6,1,,macs/view", "gflops,14.6,1,,macs", "arc.csv line 3.*counts"),
        ("gflops,14.6,1,,macs/view", "gflops,14.6,1,,", "arc.csv line 3.*counts"),
        (",41.8,1,11522,", ",41.8,1,many,", "arc.csv line 2.*'n'"),
        ("paper,table,line,", "paper,table,", "arc.csv line 1 lacks the column 'line'"),
        (",line,row,", ",line,rwo,", "arc.csv line 1 lacks the column 'row'"),
        (",top1,41.8", ",phi,41.8", "arc.csv line 2.*phi is 41.8"),
        (",41.8,1,", ",41.8,²,", "arc.csv line 2.*decimals"),
        ("gflops,14.6", "gflops,-14.6", "arc.csv line 3.*-14.6"),
    ],
)
def test_a_malformed_row_is_told_in_one_sentence_with_file_and_line(copy, old, new, told):
    edit(copy, old, new)
    with pytest.raises(BadInput) as error:
        published_tables(copy)
    assert all(re.search(part, str(error.value)) for part in told.split(".*"))
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")


def test_a_missing_file_is_told(copy):
    (copy / "gta.csv").unlink()
    with pytest.raises(BadInput, match=r"gta\.csv"):
        published_tables(copy)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("arc,2,152,", "arc,12,152,", "arc.csv has a table 12 that .* has no layout for"),
        (
            ",ssv1,val,imagenet,1,,top1,41.8",
            ",ssv1,val,imagenet,1,,max_batch,41.8",
            "the max_batch of table 2, row 1 has no cell",
        ),
        ("arc,2,152,2,ARC-TSM", "arc,2,152,2,TSM(reproduced)", "table 2, row 2 is 47.9, .* row 1, which is 41.8"),
    ],
)
def test_a_number_without_a_cell_of_its_own_is_told_and_not_dropped(copy, old, new, told):
    edit(copy, old, new)
    with pytest.raises(BadInput, match=told):
        published_tables(copy)


@pytest.mark.slow
def test_a_changed_number_changes_its_cell_alone(copy):
    tables = {table.name: table for table in published_tables()}
    edit(copy, ",41.8,1,", ",41.75,2,")
    changed = {table.name: to_csv(table) for table in published_tables(copy)}
    differing = [name for name, table in tables.items() if to_csv(table) != changed[name]]
    assert differing == ["arc_table_2"]
    assert changed["arc_table_2"] == to_csv(tables["arc_table_2"]).replace("41.8", "41.75")
