"""Two spellings of a model are one model."""

from dataclasses import replace

import pytest

from suite.models import build, canonical_name, spelled_out
from suite.models.registry import ADD_ON_BLOCKS, find_add_on_block
from suite.spec import BadInput
from suite.store.identity import RunSpec
from tests.builders import spec
from tests.models.builders import on_meta

SPELLINGS = [
    ("tsm-resnet50+rcca", "tsm-resnet50+rcca@r=3,at=conv3_3"),
    ("tsn-resnet50+gta", "tsn-resnet50+gta@at=res4:3/res3:2,regions=8"),
    ("tsn-resnet50+nl@at=res3:2", "tsn-resnet50+nl@at=conv3_3/conv3_1"),
    ("tsm-resnet18+arc", "tsm-resnet18+arc@stages=res5/res4/res3,cell=fc"),
    ("tsm-resnet50+msm", "tsm-resnet50+msm@transform=separable"),
    ("slowfast-resnet101@clip=16x8", "slowfast-resnet101@res4=6,clip=16x8"),
    ("slowfast-resnet101", "slowfast-resnet101@res4=all,clip=8x8"),
    ("cstransformer-v2", "cstransformer-v2@head=class,ratio=1"),
    ("i3d-resnet50-tp", "i3d-resnet50-tp@tp=published,sites=all"),
]


@pytest.mark.parametrize(("short", "long"), SPELLINGS)
def test_two_spellings_of_a_model_are_one_model(short, long):
    assert canonical_name(long) == canonical_name(short) == canonical_name(spelled_out(short)) == short
    assert spelled_out(long) == spelled_out(short)


@pytest.mark.parametrize(
    "name",
    [
        "slowfast-resnet101@clip=16x8,res4=all",
        "i3d-resnet50-tp@tp=max",
        "tsm-resnet50+msm+arc",
        "tam-resnet18@init=shift",
    ],
)
def test_what_is_no_default_stays_in_the_name(name):
    assert canonical_name(name) == name


@pytest.mark.parametrize(
    "name", ["tsm-resnet18+rcca@r=2", "cstransformer-v1-baseline", "slowfast-resnet50", "mfnet+nl"]
)
def test_the_name_in_full_builds_the_same_network(name):
    with on_meta():
        short, full = (build(text, 10, 32, 64).state_dict() for text in (name, spelled_out(name)))
    assert {key: value.shape for key, value in short.items()} == {key: value.shape for key, value in full.items()}


def test_names_that_no_model_has_are_refused():
    for name in (
        "tsm-resnet18+rcca@r=9",
        "tsm-resnet18+rcca@q=1",
        "tsm-inception_v1+nl",
        "mfnet@r=1",
        "tsm-resnet18@tp=max",
    ):
        with pytest.raises(BadInput):
            canonical_name(name)


def test_a_changed_default_gives_another_run_and_leaves_the_old_name_in_full_as_it_was(monkeypatch):
    name = "tsm-resnet18+rcca"
    before, written = spec(name), spec(name).resolved()
    block = find_add_on_block("rcca")
    monkeypatch.setitem(ADD_ON_BLOCKS, "rcca", replace(block, options={**block.options, "r": ("2", "1", "3", "4")}))
    for cached in (canonical_name, spelled_out):
        cached.cache_clear()
    try:
        assert spec(name).id != before.id
        again = RunSpec.from_resolved(written)  # what was run stays what it was
        assert again.id == before.id
        assert "r=3" in again.network
        assert spec("tsm-resnet18+rcca@r=3").id.rpartition("-")[2] == before.id.rpartition("-")[2]
    finally:
        monkeypatch.undo()
        for cached in (canonical_name, spelled_out):
            cached.cache_clear()
