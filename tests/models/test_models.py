"""Networks: published costs, properties of the modules, names."""

import time
from pathlib import Path

import pytest
import torch

from suite.benchmarks.speed import plain
from suite.evaluation.order_probe import order
from suite.models import build
from suite.models.assembly import chosen_blocks
from suite.models.catalog import catalogue
from suite.models.cost import cost, count
from suite.models.registry import TEMPORAL_MODULES, find_temporal_module, temporal_modules
from suite.published.references import published_rows
from suite.spec import BACKBONES, BadInput
from tests.models.builders import on_meta

CLASSES = {"mini_ssv2": 87, "mini_kinetics": 200, "mini_mit": 200}


def clip(frames=8, size=64, batch=1):
    return torch.randn(batch, 3, frames, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.slow
def test_all_288_published_rows_have_our_parameters_and_multiply_adds_to_the_unit():
    import pandas as pd

    from suite.published.references import PUBLISHED

    rows = pd.read_csv(PUBLISHED / "deep_analysis_mini.csv")
    older = rows.note.fillna("").str.contains("last max-pool")
    assert len(rows) == 288
    assert older.sum() == 7
    began = time.monotonic()
    wrong = []
    for row, old in zip(rows.itertuples(), older, strict=True):
        name = f"{row.module}-{row.backbone}{'-tp' if row.temporal_pooling else ''}{'@pool=2' if old else ''}"
        found = cost(name, row.frames, 224, CLASSES[row.dataset])
        assert found.uncounted == []
        if (found.params, found.conv_macs) != (row.params, row.conv_macs):
            wrong.append((name, row.frames, row.dataset))
    assert wrong == []
    print(f"288 rows in {time.monotonic() - began:.1f} s")


@pytest.mark.slow
def test_printed_costs_of_table_10_and_table_2():
    for name, gmacs, params in (("conv-resnet50", 107.0, 71.5), ("conv-inception_v1", 32.2, 17.2)):
        found = cost(name)
        assert (round(found.conv_macs / 1e9, 1), round(found.params / 1e6, 1)) == (gmacs, params)
    at_256 = {"tsn-resnet50-tp@tp=max": 73.85, "tam-resnet50": 171.53, "i3d-resnet50": 335.31}
    for name, gmacs in at_256.items():
        assert cost(name, frames=32, size=256).conv_macs / 1e9 == pytest.approx(gmacs, abs=0.01)
    assert cost("tsm-resnet50").conv_macs == cost("tsn-resnet50").conv_macs


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tam-resnet18", "s3d-inception_v1-tp", "i3d-resnet18"])
def test_fvcore_counts_what_we_count(name):
    """fvcore knows convolutions and matrix products, and no attention; it traces on the CPU."""
    from fvcore.nn import FlopCountAnalysis

    model = build(name, 5, 4, 32).eval()
    theirs = FlopCountAnalysis(model, clip(4, 32)).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    counts = theirs.by_operator()
    ours = count(model, clip(4, 32))
    assert ours.conv_macs == counts["conv"]
    assert ours.macs == counts["conv"] + counts["linear"]
    assert ours.by_operator == count(model.to("meta"), clip(4, 32).to("meta")).by_operator


def test_attention_is_counted_and_an_unknown_operator_is_named():
    class Attention(torch.nn.Module):
        def forward(self, x):
            q = x.flatten(2).transpose(1, 2)
            return torch.nn.functional.scaled_dot_product_attention(q, q, q)

    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.inv(x)

    x = torch.empty(2, 16, 3, 4, 4, device="meta")
    found = count(Attention(), x)
    assert found.macs == 2 * 2 * 48 * 48 * 16  # scores and weighted sum, batch 2
    assert found.uncounted == []
    assert count(Odd(), torch.empty(2, 4, 4, device="meta")).uncounted != []


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("module", ["tsn", "tsm", "tam", "conv", "s3d", "i3d"])
def test_every_module_gives_logits_on_every_backbone(module, backbone):
    with on_meta():
        for pooling in ("", "-tp", "-tp@tp=max"):
            for frames in (1, 3, 8):
                model = build(f"{module}-{backbone}{pooling}", 11, frames, 64).eval()
                assert model(torch.empty(2, 3, frames, 64, 64)).shape == (2, 11)


def test_every_registered_module_is_covered_here():
    assert set(temporal_modules()) == {"tsn", "tsm", "tam", "conv", "s3d", "i3d"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["resnet18", *(pytest.param(name, marks=pytest.mark.more) for name in ("resnet50", "inception_v1"))]
)
def test_order_blind_models_give_the_reversed_clip_the_same_logits_and_the_others_do_not(backbone):
    found = {m: order(f"{m}-{backbone}", 4, 32, 5)["order_blind"] for m in ("tsn", "tsm", "tam", "s3d", "i3d", "conv")}
    assert found == {"tsn": True, "tsm": False, "tam": False, "s3d": False, "i3d": False, "conv": False}
    assert not order(f"tsn-{backbone}-tp", 4, 32, 5)["order_blind"]


@pytest.mark.slow
def test_tam_started_as_a_shift_is_tsm():
    """Behind a ReLU the aggregation's own ReLU changes nothing."""
    shift, tam = build("tsm-resnet18", 5).eval(), build("tam-resnet18@init=shift", 5).eval()
    tam.load_state_dict({**tam.state_dict(), **shift.state_dict()})
    assert torch.allclose(shift(clip()), tam(clip()), atol=1e-5)


@pytest.mark.slow
def test_any_memory_layout_of_the_input_gives_the_same_logits():
    model, x = build("tam-resnet18", 5).eval(), clip(batch=2)
    assert torch.equal(model(x), model(x.contiguous(memory_format=torch.channels_last_3d)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tsn-resnet18", "tam-resnet18", "s3d-resnet18", "i3d-resnet18-tp"])
def test_the_plain_network_of_the_benchmark_computes_the_same(name):
    ours, other = build(name, 5, 8, 64).eval(), plain(name, 5, 8, 64).eval()
    other.load_state_dict({k: v.reshape(other.state_dict()[k].shape) for k, v in ours.state_dict().items()})
    with torch.no_grad():
        expected = ours(clip(batch=2))
        assert torch.allclose(other(clip(batch=2)), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["s3d-inception_v1", "i3d-resnet18-tp", "tam-resnet50"])
def test_folding_the_normalisation_away_when_testing_changes_nothing_and_follows_the_weights(name):
    model, x = build(name, 5, 8, 64), clip(batch=2)
    with torch.no_grad():
        for step in range(3):
            model.train()
            model(x)  # moves the running statistics
            model.eval()
            folded = model(x)
            with torch.enable_grad():
                plainly = model(x).detach()
            assert torch.allclose(folded, plainly, rtol=1e-3, atol=1e-4 * float(plainly.abs().max())), step
            for parameter in model.parameters():
                parameter.mul_(1.05)
    assert not any("folded" in key for key in model.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tsm-resnet18", "s3d-resnet18", "i3d-resnet18-tp", "tam-inception_v1-tp"])
def test_one_layout_from_input_to_logits(name):
    model, odd = build(name, 5), []

    def look(module, inputs, output):
        if output.ndim == 5 and not output.is_contiguous(memory_format=torch.channels_last_3d):
            odd.append(type(module).__name__)

    for module in model.modules():
        module.register_forward_hook(look)
    model(clip(batch=2))
    assert odd == []


def test_sites_choose_the_blocks_that_get_the_module():
    assert chosen_blocks("top-half", 8) == {4, 5, 6, 7}
    assert chosen_blocks("bottom-half", 8) == {0, 1, 2, 3}
    assert chosen_blocks("uniform-half", 8) == {0, 2, 4, 6}
    whole, none = cost("tam-resnet18").params, cost("tsn-resnet18").params
    halves = [cost(f"tam-resnet18@sites={half}").params - none for half in ("top-half", "bottom-half")]
    assert sum(halves) == whole - none
    assert halves[0] > halves[1]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    a, b, c = build("tam-resnet18", 5, seed=1), build("tam-resnet18", 5, seed=1), build("tam-resnet18", 5, seed=2)
    assert torch.equal(before, torch.get_rng_state())
    for (key, x), y, z in zip(a.state_dict().items(), b.state_dict().values(), c.state_dict().values(), strict=True):
        assert torch.equal(x, y)
        if key.endswith("conv.weight"):
            assert not torch.equal(x, z)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tan-resnet18", "did you mean 'tsn'|did you mean 'tam'"),
        ("tam-resnet19", "did you mean 'resnet18'"),
        ("tam-resnet18@site=all", "did you mean 'sites'"),
        ("tam-resnet18@sites=tophalf", "did you mean 'top-half'"),
        ("tam-resnet18@tp=max", "write -tp"),
        ("tam-resnet18@sites", "key=value"),
        ("tam", "is not a valid model name"),
        ("tam-resnet18+nil", "Unknown add-on block 'nil'"),
        ("i3d-resnet18-tp@sites=top-half", "temporal pooling as published"),
        ("tsn-inception_v1@pool=2", "Unknown option"),
    ],
)
def test_a_wrong_name_is_one_sentence_with_the_nearest_known_one(name, words):
    with pytest.raises(BadInput, match=words):
        build(name)


def test_published_rows_and_names_agree():
    assert set(published_rows().module) <= set(temporal_modules())


@pytest.fixture
def contributed():
    """The module of CONTRIBUTING.md, registered."""
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    try:
        exec(code, {})
        yield find_temporal_module("diff")
    finally:
        TEMPORAL_MODULES.pop("diff", None)


@pytest.mark.slow
def test_the_ten_lines_of_contributing_make_a_model(contributed):
    for name in ("diff-resnet18-tp", "diff-inception_v1@sites=top-half"):
        assert build(name, 5, 4, 32).eval()(clip(4, 32)).shape == (1, 5)
    found = cost("diff-resnet18")
    assert found.uncounted == []
    assert found.conv_macs > cost("tsn-resnet18").conv_macs
    assert not order("diff-resnet18", 4, 32, 5)["order_blind"]


def test_the_module_of_contributing_sees_the_frame_before_and_no_other(contributed):
    """Its first frame has none before it: the last frame of the clip must not stand in."""
    layer = contributed.cls(3, 5).double().eval()
    x = torch.randn(1, 3, 5, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    for t in range(5):
        (seen,) = torch.autograd.grad(layer(x)[:, :, t].square().sum(), x)
        assert {i for i in range(5) if seen[:, :, i].any()} == {t, max(t - 1, 0)}


def test_the_module_of_contributing_has_no_blank_in_suite_models(contributed):
    (row,) = (row for row in catalogue(costs=False) if row["name"] == "diff")
    assert all(row[key] for key in ("about", "site", "paper", "formula", "example"))
