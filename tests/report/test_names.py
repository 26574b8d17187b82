"""Names in figures are those of papers, and those of the tables."""

import pandas as pd
import pytest

from suite.report.figures.look import Look
from suite.report.figures.names import body_title, dataset_title
from suite.report.figures.tradeoffs import _name
from suite.spec import display_architecture, display_names


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("resnet50", "ResNet-50"),
        ("inception_v1", "Inception-V1"),
        ("resnet50@init=normal,sites=all", "ResNet-50 (init=normal, sites=all)"),
        ("mine18", "mine18"),
        ("", ""),
    ],
)
def test_backbones_are_called_what_papers_call_them_and_unknown_ones_stay(body, shown):
    assert body_title(body) == shown


def test_data_sets_have_the_title_of_their_file_and_unknown_ones_their_name():
    assert dataset_title("ssv2") == "Something-Something V2"
    assert dataset_title("mine") == "mine"


def test_a_legend_names_modules_as_the_tables_do():
    modules = ["tsn", "conv", "tsm+rcca@r=2", "cstransformer-v2", "torchvision:r3d_18"]
    entries = Look(pd.DataFrame({"architecture": modules, "body": ["resnet18"] * 3 + [""] * 2})).colours()
    assert {entry.get_label() for entry in entries} == set(map(display_architecture, modules))


def test_the_pareto_figure_names_models_as_the_tables_do_and_rounds_half_up():
    runs = pd.DataFrame({"name": ["tsn-resnet18-tp", "tsn-resnet18"], "frames": 8, "source": "suite"})
    runs = runs.assign(mark="", membership=[0.965, 0.125])
    assert [_name(run, runs) for run in runs.to_dict("records")] == [
        "TSN-ResNet-18 + TP (97 %)",
        "TSN-ResNet-18 (13 %)",
    ]


def test_two_model_names_never_look_the_same():
    from suite.published.references import published_rows

    names = set(published_rows()["name"])
    assert len(set(display_names(names).values())) == len(names)
