"""A registration is the one owner of what is known of a module, an add-on block and a standalone architecture."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import suite
from suite.models import NORMALISATION, canonical_name, registry
from suite.models.blocks.attention import attention_maps
from suite.models.cost import cost
from suite.models.frame_wise import frame_wise_baseline
from suite.models.options import model_options
from suite.models.registry import add_on_block, add_on_blocks, standalone_architectures, temporal_modules
from suite.spec import BadInput, parse_model, standalone_names
from suite.spec.registrations import registered_class

ROOT = Path(suite.__file__).parents[1]
FILES = {
    "temporal/later.py": '''
"""Later."""

from suite.models.layers import TemporalConv
from suite.models.registry import temporal_module


@temporal_module("later", site="block_entrance", paper="Later et al.", equation="eq. 1", options={"taps": ("3", "5")})
class Later(TemporalConv):
    """Mixes neighbours in time."""

    def __init__(self, channels: int, frames: int, taps: str = "5"):
        super().__init__(channels, channels, int(taps), groups=channels)
''',
    "blocks/wide.py": '''
"""Wide."""

from suite.models.layers import SpatialConv
from suite.models.registry import add_on_block


@add_on_block("wide", site="block_exit", positions="res3", paper="Wide et al.", equation="eq. 2")
class Wide(SpatialConv):
    """A 3x3 convolution of every frame."""

    def __init__(self, channels: int, frames: int):
        super().__init__(channels, channels, 3, padding=1)
''',
    "networks/flatnet.py": '''
"""FlatNet."""

from torch import nn

from suite.models.registry import standalone_architecture


@standalone_architecture(
    "flatnet",
    names=("flatnet-s", "flatnet-l"),
    paper="Flat et al.",
    equation="eq. 3",
    normalisation="half",
    options={"width": ("8", "4")},
)
class FlatNet(nn.Module):
    """The mean of a clip's frames, then one layer."""

    def __init__(self, name, num_classes, frames, size, dropout, width: str = "4"):
        super().__init__()
        self.conv = nn.Conv3d(3, int(width), 1)
        self.fc = nn.Linear(int(width), num_classes)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3, 4)))
''',
}
SCRIPT = """
import contextlib, io, json, sys
from pathlib import Path
from suite.__main__ import main

def call(*words):
    sys.argv, out = ["suite", *words, "--json"], io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            main()
        except SystemExit as end:
            assert not end.code, (words, end.code)
    return json.loads(out.getvalue())

names = ["later-resnet18", "tsn-resnet18+wide", "flatnet-s"]
small = ["--frames", "4", "--size", "32", "--classes", "5"]
found = {
    "models": call("models", "--no-costs"),
    "cost": call("cost", *names, *small),
    "order": call("probe", "order", *names, *small),
    "plan": call("plan", "mine.yaml", "--results", "results"),
}
from suite.fairness.run_factors import of_run
from suite.models import canonical_name
from suite.sweep.plan import Selection, make_plan
plan = make_plan("mine.yaml", Selection(), Path("results"), costs=False)
ledger = [of_run(run.spec) for run in plan.runs]
found["factors"] = [{key: factors[key] for key in ("module", "backbone", "normalisation")} for factors in ledger]
spellings = "later-resnet18@taps=5", "flatnet-l@width=4", "flatnet-l@width=8"
found["canonical"] = [canonical_name(name) for name in spellings]
print(json.dumps(found))
"""


@pytest.mark.more
@pytest.mark.slow
def test_one_file_each_makes_a_module_a_block_and_an_architecture_known_everywhere(tmp_path):
    copy = tmp_path / "suite"
    shutil.copytree(ROOT / "suite", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("experiments", "results"):
        (tmp_path / "there").mkdir(exist_ok=True)
        (tmp_path / beside).symlink_to(ROOT / beside)
    for file, text in FILES.items():
        (copy / "models" / file).write_text(text)
    (tmp_path / "there" / "mine.yaml").write_text(
        "protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18, later-resnet18, tsn-resnet18+wide, flatnet-s]\n"
        "chain: {frames: [4]}\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=tmp_path / "there",
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
        check=False,
    )
    assert out.returncode == 0, out.stderr[-2000:]
    found = json.loads(out.stdout)
    rows = {row["name"]: row for kind in ("modules", "blocks", "networks") for row in found["models"][kind]}
    assert [rows[name]["paper"] for name in ("later", "wide", "flatnet")] == [
        "Later et al.",
        "Wide et al.",
        "Flat et al.",
    ]
    assert [rows[name]["formula"] for name in ("later", "wide", "flatnet")] == ["eq. 1", "eq. 2", "eq. 3"]
    assert rows["later"]["options"] == {"taps": ["5", "3"]}  # the default first
    assert {"flatnet-s", "flatnet-l"} <= set(found["models"]["names"])
    counted = {row["name"]: row for row in found["cost"]}
    assert counted["flatnet-s"]["params"] == 3 * 4 + 4 + 4 * 5 + 5
    assert counted["tsn-resnet18+wide"]["params"] == cost("tsn-resnet18", 4, 32, 5).params + 9 * 128**2
    assert [row["order_blind"] for row in found["order"]] == [False, True, True]
    planned = ["tsn-resnet18", "later-resnet18", "tsn-resnet18+wide", "flatnet-s"]
    assert [run["name"] for run in found["plan"]["runs"]] == planned
    assert found["factors"] == [
        {"module": "tsn", "backbone": "resnet18", "normalisation": "imagenet"},
        {"module": "later", "backbone": "resnet18", "normalisation": "imagenet"},
        {"module": "tsn+wide", "backbone": "resnet18", "normalisation": "imagenet"},
        {"module": "flatnet-s", "backbone": "", "normalisation": "half"},
    ]
    assert found["canonical"] == ["later-resnet18", "flatnet-l", "flatnet-l@width=8"]


def test_the_grammar_reads_the_names_of_architectures_that_are_registered_without_importing_them():
    registered = {name: one.name for one in standalone_architectures().values() for name in one.names}
    assert standalone_names() == registered
    code = "import sys; from suite.spec import parse_model as p; print(p('slowfast-resnet50').standalone,"
    code += " p('cstransformer-v2').architecture, p('tam-resnet50').standalone, 'torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.split() == ["True", "cstransformer", "False", "False"]


def test_names_that_are_computed_are_refused_in_one_sentence():
    source = "@standalone_architecture('x', names=tuple(f'x-{i}' for i in range(3)))\nclass X: pass"
    with pytest.raises(
        BadInput, match=r"x\.py, class X: write the name, names= and title= of @standalone_architecture as plain"
    ):
        registered_class(ast.parse(source).body[0], "x.py")


def test_every_example_is_a_model_that_has_what_it_is_an_example_of():
    for name, one in temporal_modules().items():
        assert parse_model(one.example).module == name
    for name, one in add_on_blocks().items():
        assert name in [part.name for part in parse_model(one.example).blocks]
    for name, one in standalone_architectures().items():
        assert parse_model(one.example).architecture == name
    for one in (*temporal_modules().values(), *add_on_blocks().values(), *standalone_architectures().values()):
        model_options(parse_model(one.example))
        assert one.paper
        assert one.equation
        assert one.about
        assert set(one.start_only) <= set(one.options)
        if isinstance(kind := getattr(one, "normalisation", "imagenet"), str):
            assert kind in NORMALISATION


def test_the_frame_wise_baseline_of_every_architecture_is_a_model_that_is_its_own():
    named = {name: frame_wise_baseline(name) for name in standalone_names() if ":" not in name}
    assert set(named.values()) >= {"mfnet-2d", "cstransformer-v1-spatial", "cstransformer-v2-spatial", "tsn-resnet50"}
    for baseline in filter(None, named.values()):
        assert canonical_name(baseline) == baseline == frame_wise_baseline(baseline)


def test_blocks_show_the_maps_that_they_say():
    for name, one in add_on_blocks().items():
        if one.site != "block_exit":
            assert one.maps == ()
            continue
        block = nn.Sequential(one.cls(64, 4)).eval()
        with torch.no_grad(), attention_maps(block) as maps:
            block(torch.zeros(1, 64, 4, 4, 4))
        shown = {"regions" if "regional" in key else "attention" for key in maps}
        assert shown == set(one.maps), name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"site": "block_exits"}, "did you mean 'block_exit'"),
        ({"positions": ""}, "lacks positions="),
        ({"options": {"r": ("1", "2")}}, "give the constructor of Block an argument 'r' with one of these texts"),
        ({"options": {"kernel": ("1", "2")}}, "argument 'kernel'"),  # its default is none of them
        ({"name": "My-Block"}, "small letters"),
        ({"name": "nl"}, "both register 'nl'"),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(change, words, monkeypatch):
    class Block(nn.Identity):
        def __init__(self, channels, frames, kernel="3"):
            super().__init__()

    add_on_blocks()
    monkeypatch.setattr(registry, "ADD_ON_BLOCKS", dict(registry.ADD_ON_BLOCKS))
    given = {"name": "mine", "site": "block_exit", "positions": "res3", "paper": "", "equation": ""} | change
    with pytest.raises(BadInput, match=words):
        add_on_block(given.pop("name"), **given)(Block)
