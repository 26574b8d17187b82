"""Published numbers beside ours."""

import itertools
import re

import pandas as pd
import pytest

from suite.collect.resolve import read_result
from suite.fairness.compare import compare
from suite.fairness.factors import FACTORS
from suite.fairness.result import Result
from suite.published.references import published_rows
from suite.report.tables.rendering.formats import to_markdown
from tests.builders import csv_of, factors, summary_row
from tests.from_rows import accuracy_table, contribution_table, gather


def from_scratch(*models, frames=(8,)):
    """Runs of ours from scratch, for one epoch, on a published data set."""
    rows = []
    for module, f in itertools.product(models, frames):
        name = f"{module}-resnet18"
        known = factors(model=name, frames=f, epochs=1) | {"dataset": "mini_ssv2"}
        rows.append(summary_row(module, 10.0, frames=f, n=11799, dataset="mini_ssv2", factors=known))
    return pd.DataFrame(rows)


def test_a_published_number_says_in_what_it_is_known_to_differ_from_ours(published, tmp_path):
    ours = from_scratch("tam")
    table = accuracy_table(ours, published, gather(ours))
    (line,) = csv_of(table)
    assert line["published_top1_f8"]
    assert line["published_top1_f8_mark"] == "1"
    assert "<sup>1</sup>" in to_markdown(table)
    theirs = read_result("published.mini_ssv2.tam-resnet18.f8", tmp_path)
    found = compare(Result("ours", 10.0, 11799, ours["factors"][0]), theirs)
    expected = {d["field"] for d in found["confounds"] if d["grade"] == "confound"}
    assert {"pretraining", "schedule", "epochs_seen"} <= expected
    note = re.search(r"known differences: (1: .*?)\. ", table.note + " ")[1]
    assert all(FACTORS[name] in note for name in expected)
    assert "pretraining (scratch, published imagenet)" in note


@pytest.mark.parametrize("dataset", ["hmdb51", "hmdb51@split=2", "ucf101@split=3"])
def test_a_printed_official_split_is_the_test_split_of_ours(dataset):
    printed = published_rows("rcca3d")
    rows = printed[(printed["dataset"] == dataset) & (printed["origin"] == "own")]
    assert len(rows)
    about = {(row["dataset"], row["split"]) for row in rows["factors"]}
    assert about - {(dataset, "avg_splits")} == {(dataset, "val")}, "as our runs state them; a mean of splits is none"


def test_cells_with_the_same_differences_share_one_number(published):
    ours = from_scratch("tsn", "tam", frames=(8, 16))
    lines = csv_of(accuracy_table(ours, published, gather(ours)))
    marks = {line[f"published_top1_f{f}_mark"] for line in lines for f in (8, 16)}
    at_8, at_16 = ({line[f"published_top1_f{f}_mark"] for line in lines} for f in (8, 16))
    assert marks == {"1", "2"}
    assert (len(at_8), len(at_16)) == (1, 1), "the published 16-frame runs went through an earlier stage"


def test_a_strict_table_withholds_published_numbers_that_are_confounded_and_no_others(published):
    ours = from_scratch("tam")
    table = accuracy_table(ours, published, gather(ours, strict=True))
    assert "Published values withheld" in table.note
    assert csv_of(table)[0]["published_top1_f8"] == ""
    row = published.query("dataset == 'mini_ssv2' and name == 'tam-resnet18' and frames == 8").iloc[0]
    alike = ours.assign(factors=[row["factors"] | {"seed": 0}])
    (line,) = csv_of(accuracy_table(alike, published, gather(alike, strict=True)))
    assert (float(line["published_top1_f8"]), line["published_top1_f8_mark"]) == (row["top1"], "")


def test_published_means_of_contributions_are_marked_too(published):
    ours = from_scratch("tsn", "tam")
    (line,) = csv_of(contribution_table(ours, published, gather(ours)))
    assert (line["published_psi_ta_mark"], bool(line["published_psi_ta"])) == ("1", True)
    (line,) = csv_of(contribution_table(ours, published, gather(ours, strict=True)))
    assert (line["published_psi_ta_mark"], line["published_psi_ta"]) == ("1", "")
