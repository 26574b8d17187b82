"""Tables that an author would paste: names as papers write them, notation of intervals, decimals, chosen columns."""

import re

import pandas as pd
import pytest

from suite.data import dataset_info
from suite.report.names import dataset_title
from suite.report.tables.rendering.formats import to_csv, to_html, to_latex, to_markdown
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Printing
from suite.spec import BACKBONES, BadInput, display_architecture, display_name, display_names
from suite.spec.registrations import registered
from tests.builders import csv_of, factors, summary_row
from tests.from_rows import accuracy_table, contribution_table, gather, make_tables, pareto_table
from tests.report.builders import lines_of

# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("tsn-resnet18", "TSN-ResNet-18"),
        ("tam-resnet18-tp", "TAM-ResNet-18 + TP"),
        ("i3d-inception_v1-tp@tp=max", "I3D-Inception-V1 + TP (max)"),
        ("conv-resnet50", "Conv.-ResNet-50"),
        ("tsm-resnet50+nl@at=conv3_3,pool=1", "TSM-ResNet-50 + non-local (at=conv3_3, pool=1)"),
        ("slowfast-resnet101", "SlowFast-ResNet-101"),
        ("cstransformer-v2", "CSTransformer-V2"),
        ("mfnet", "MF-Net"),
        ("torchvision:r3d_18", "torchvision:r3d_18"),
        ("tsn-resnet18 (deep_analysis)", "TSN-ResNet-18 (deep_analysis)"),
        ("tsn-resnet18 [epoch_matched]", "TSN-ResNet-18 [epoch_matched]"),
        ("Somebody's net (v2)", "Somebody's net (v2)"),
    ],
)
def test_a_model_has_the_name_that_papers_write(name, shown):
    assert display_name(name) == shown


def test_the_registration_owns_the_name_of_a_module_in_print():
    from suite.models.registry import add_on_blocks, standalone_architectures, temporal_modules

    for decorator, known in (
        ("temporal_module", temporal_modules()),
        ("add_on_block", add_on_blocks()),
        ("standalone_architecture", standalone_architectures()),
    ):
        assert {one.name: one.title for one in registered(decorator)} == {n: r.title for n, r in known.items()}


def test_names_in_print_are_as_different_as_the_models():
    modules = [one.name for one in registered("temporal_module")]
    names = [f"{m}-{b}{tp}" for m in modules for b in BACKBONES for tp in ("", "-tp", "-tp@tp=max")]
    names += ["tam-resnet18@sites=top-half", "tsm-resnet50+rcca", "tsm-resnet50+rcca@r=2", "tsn-resnet18+sa+ta"]
    assert len({display_name(name) for name in names}) == len(names)
    assert display_architecture("tsm+rcca@r=2") == "TSM + RCCA-3D (r=2)"


def test_two_models_that_would_share_a_name_carry_their_model_names():
    shown = display_names(["tam-resnet18", "TAM-ResNet-18", "tsn-resnet18"])
    assert shown["tsn-resnet18"] == "TSN-ResNet-18"
    assert shown["tam-resnet18"] == "TAM-ResNet-18 [tam-resnet18]"
    assert len(set(shown.values())) == 3


def test_print_has_names_of_papers_and_csv_those_of_the_machine():
    rows = pd.DataFrame([summary_row("tam", 60.0), summary_row("tsn", 50.0)]).assign(dataset="ssv2")
    for table in make_tables(rows, ("accuracy", "contribution", "cost", "pareto", "equal_cost", "pairwise")):
        for text in (to_markdown(table), to_latex(table), to_html(table)):
            assert "TAM" in text, table.name
            assert not re.search("tam-resnet18(?!.f8.s0)", text), table.name
            assert "Something-Something V2" in text, table.name
        assert "ssv2" in to_csv(table)
        assert "TAM" not in to_csv(table)
        assert "Something" not in to_csv(table)


def test_titles_of_data_sets_are_different_and_an_unknown_data_set_keeps_its_name():
    titles = [dataset_title(name) for name in dataset_info.names()]
    assert len(set(titles)) == len(titles)
    assert dataset_title("mini_ssv2") == "Mini-SSV2"
    assert dataset_title("somebody's set") == "somebody's set"


# --- options ------------------------------------------------------------------------------------------------------


def cell_of(rows, **options):
    (table,) = make_tables(rows, ["accuracy"], printing=Printing(**options))
    return lines_of(to_markdown(table), "I3D-")[0].split("|")[2].strip(), table


def test_the_interval_is_in_brackets_behind_plus_minus_or_left_out(rows):
    rows["top1"] = [50.0, 60.0, 70.0, 97.5]
    brackets, table = cell_of(rows)
    low, high = (float(x) for x in re.findall(r"[0-9.]+", brackets.partition("[")[2]))
    assert "in brackets" in table.note
    shown, table = cell_of(rows, interval="plus-minus")
    value, margin = (float(x) for x in re.findall(r"[0-9.]+", shown))
    assert value == 97.5
    assert margin == pytest.approx(max(high - value, value - low), abs=0.051), "the longer side, so that it covers"
    assert high - value < value - low, "the interval is not symmetric here"
    assert "as ± the longer side (sampling" in table.note
    shown, table = cell_of(rows, interval="none")
    assert shown == "**97.5**"
    assert "confidence interval" not in table.note
    assert csv_of(table)[0]["top1_f8_low"], "CSV has all"


def test_with_plus_minus_the_standard_deviation_over_seeds_is_named(rows):
    rows = pd.concat([rows, pd.DataFrame([summary_row("i3d", 84.0, seed=1)])])
    _, table = cell_of(rows, interval="plus-minus")
    line = lines_of(to_markdown(table), "I3D-")[0]
    assert line.count("±") == 1
    assert "(SD 2.8)" in line
    assert "SD: standard deviation over seeds" in table.note


@pytest.mark.slow
def test_digits_are_those_of_percentages_alone_and_ties_go_up(rows):
    rows.loc[3, "top1"] = 96.25
    assert cell_of(rows, interval="none")[0] == "**96.3**"
    assert cell_of(rows, interval="none", digits=2)[0] == "**96.25**"
    assert cell_of(rows, interval="none", digits=0)[0] == "**96**"
    tables = {d: make_tables(rows, ["cost", "contribution", "pareto"], printing=Printing(digits=d)) for d in (1, 3)}
    for few, many in zip(*tables.values(), strict=True):
        assert (to_markdown(few) == to_markdown(many)) == (few.name != "pareto")
        assert to_csv(few) == to_csv(many)


def test_columns_are_the_chosen_ones_in_their_order_and_csv_keeps_its_own(rows):
    rows = pd.concat([rows, rows.assign(frames=16, gmacs=3.62)])
    usual = make_tables(rows, ["accuracy"])[0]
    (table,) = make_tables(rows, ["accuracy"], printing=Printing(columns=("gmacs", "top1", "params")))
    heads = next(line for line in to_markdown(table).splitlines() if line.startswith("| model"))
    assert [head.strip() for head in heads.split("|")[1:-1]] == [
        *("model", "parameters (M)", "8 frames, GMACs/clip", "8 frames, top-1 (%)"),
        *("16 frames, GMACs/clip", "16 frames, top-1 (%)"),
    ]
    assert "3.62" in lines_of(to_markdown(table), "I3D-")[0]
    assert to_csv(table) == to_csv(usual)
    assert to_latex(table).count(r"\multicolumn{2}{c}{8 frames}") == 1
    assert "Pair accuracy" not in table.note
    (without,) = make_tables(rows, ["accuracy"], printing=Printing(columns=("gmacs",)))
    assert "Bold" not in without.note


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"columns": ("top1", "gmac")}, "did you mean 'gmacs'"),
        ({"columns": ("top1", "top1")}, "twice"),
        ({"columns": ("",)}, "column"),
        ({"interval": "bracket"}, "did you mean 'brackets'"),
        ({"spread": "std"}, "--spread"),
        ({"digits": -1}, "0 to 6"),
        ({"digits": 99}, "0 to 6"),
    ],
)
def test_what_cannot_be_printed_is_one_sentence(options, told):
    with pytest.raises(BadInput, match=told) as error:
        Printing(**options)
    assert "\n" not in str(error.value)


# --- notes --------------------------------------------------------------------------------------------------------


def test_the_note_of_the_accuracy_table_fits_a_caption_and_says_nothing_twice(rows):
    facts = [factors() | {"selection": "last epoch", "held_out": 0.0, "tuning": 0} for _ in range(len(rows))]
    rows = pd.concat([rows.assign(factors=facts, dataset=d, top5=99.0, pair_top1=99.0) for d in ("one", "two")])
    rows["id"] = rows["dataset"] + "." + rows["id"]
    table = accuracy_table(rows, evidence=gather(rows))
    sentences = re.split(r"(?<=\.) (?=[A-Z])", table.note.partition(" Minor differences")[0])
    sentences = [text for text in sentences if not text.startswith("Not reported")]
    assert len(sentences) <= 4, sentences
    assert "Validation split of one and two: each evaluated 4 runs of 4 models" in table.note
    assert "The CSV also contains top-5." in table.details
    assert table.details in to_html(table)
    for text in (to_markdown(table), to_latex(table)):
        assert "CSV" not in text


def test_a_negative_bound_has_a_minus_sign_in_latex_and_html(rows):
    rows.loc[rows["module"] == "tam", "top1"] = 30.0
    table = contribution_table(rows)
    cells = re.findall(r"\{\[\}([^&]*)\{\]\}", to_latex(table))
    assert any("$-$" in cell for cell in cells)
    assert not any(re.search(r"(?<!\$)-[0-9]", cell) for cell in cells)
    assert not re.search(r"\[-[0-9]", to_html(table))


def test_the_distance_to_the_front_is_explained_where_it_is_shown():
    rows = pd.DataFrame([summary_row("tsn", 50.0), summary_row("tam", 60.0, gmacs=2.0, conv_gmacs=2.0)])
    assert "Below the front" not in pareto_table(rows).note
    near = pd.concat([rows, pd.DataFrame([summary_row("s3d", 59.5, gmacs=3.0, conv_gmacs=3.0)])])
    assert "Below the front" in pareto_table(near).note


def test_defaults_are_what_a_sweep_prints():
    assert Printing() == DEFAULT_PRINTING == Printing("brackets", "both", 1, ())
