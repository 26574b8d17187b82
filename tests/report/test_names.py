"""Names in figures are those of papers."""

import pandas as pd
import pytest

from suite.report.figures.look import Look
from suite.report.figures.tradeoffs import _name
from suite.report.names import dataset_title
from suite.spec import display_architecture, display_backbone, display_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("tsn-resnet50", "TSN-ResNet-50"),
        ("i3d-inception_v1-tp", "I3D-Inception-V1 + TP"),
        ("tsm-resnet50+rcca@at=conv3_3,r=3", "TSM-ResNet-50 + RCCA-3D (at=conv3_3, r=3)"),
        ("cstransformer-v2", "CSTransformer-V2"),
        ("mine-resnet18", "mine-ResNet-18"),
        ("torchvision:r3d_18", "torchvision:r3d_18"),
        ("", ""),
    ],
)
def test_models_are_called_what_papers_call_them_and_unknown_parts_stay(name, shown):
    assert display_name(name) == shown


def test_figures_have_the_names_of_tables():
    """One owner of names: `suite.spec.display_names`."""
    from suite.report.figures.look import Look

    rows = pd.DataFrame({"architecture": ["tsm+rcca@r=2", "cstransformer-v2"], "body": ["inception_v1@pool=2", ""]})
    look = Look(rows)
    assert {patch.get_label() for patch in look.colours()} == {"TSM + RCCA-3D (r=2)", "CSTransformer-V2"}
    assert {dot.get_label() for dot in look.markers()} == {"Inception-V1 (pool=2)", "standalone architecture"}
    assert display_backbone("inception_v1@pool=2") == "Inception-V1 (pool=2)"


def test_data_sets_have_the_title_of_their_file_and_unknown_ones_their_name():
    assert dataset_title("ssv2") == "Something-Something V2"
    assert dataset_title("mine") == "mine"


def test_two_model_names_never_look_the_same():
    from suite.published.references import published_rows

    names = set(published_rows()["name"])
    assert len({display_name(name) for name in names}) == len(names)


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
