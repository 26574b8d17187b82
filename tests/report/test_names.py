"""Names in figures are those of papers."""

import pytest

from suite.report.figures.names import dataset_title, display_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("tsn-resnet50", "TSN-ResNet-50"),
        ("i3d-inception_v1-tp", "I3D-Inception-V1-tp"),
        ("tsm-resnet50+rcca@at=conv3_3,r=3", "TSM-ResNet-50 + RCCA-3D (at=conv3_3, r=3)"),
        ("cstransformer-v2", "CSTransformer-V2"),
        ("mine-resnet18", "mine-ResNet-18"),
        ("torchvision:r3d_18", "torchvision:r3d_18"),
        ("", ""),
    ],
)
def test_models_are_called_what_papers_call_them_and_unknown_parts_stay(name, shown):
    assert display_name(name) == shown


def test_data_sets_have_the_title_of_their_file_and_unknown_ones_their_name():
    assert dataset_title("ssv2") == "Something-Something V2"
    assert dataset_title("mine") == "mine"


def test_two_model_names_never_look_the_same():
    from suite.published.references import published_rows

    names = set(published_rows()["name"])
    assert len({display_name(name) for name in names}) == len(names)
