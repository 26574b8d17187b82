"""Whatever a grid, a protocol or `--set` holds: a command works, or says what is wrong in one sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.commands.options import selection
from suite.spec import load_grid, load_protocol
from tests.spec.odd_input import ODD_VALUES, answer, as_text, changed, examples, working_directory, works

GRID = {
    "title": "Mine",
    "protocol": "smoke",
    "data": ["calib_order", "calib_scene@level=hard"],
    "models": ["tsn-resnet18", "tsm-resnet18+se"],
    "axes": {"module": ["tam"], "backbone": ["resnet18"], "pooling": ["none", "tp"], "seed": [0, 1]},
    "chain": {"frames": [8, 16]},
    "controls": ["epoch_matched"],
    "set": {"epochs": 2, "evaluation.clips": 2, "sampling": {"stride": 2}},
    "tables": ["accuracy", "cost"],
    "reference": "deep_analysis",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with working_directory(tmp_path_factory.mktemp("home")) as folder:
        yield folder


@pytest.mark.slow
@examples(100)
@given(grid=changed(GRID))
def test_grids(home, grid):
    (home / "experiments" / "mine.yaml").write_text(as_text(grid), encoding="utf-8")
    works(load_grid, "mine")


@pytest.mark.slow
@examples(10)
@given(grid=changed(GRID, changes=1))
def test_grids_on_the_command_line(home, grid):
    (home / "experiments" / "mine.yaml").write_text(as_text(grid), encoding="utf-8")
    code, out = answer("status", "mine", "--json")
    if code == 0:
        assert json.loads(out)["todo"] == len(json.loads(out)["runs"]) > 0


ODD_LINES = [
    "- x",
    "a: &a [*a]",
    "\t",
    "{",
    "? [a]: 1",
    "!!x 1",
    "<<: 3",
    "<<: *a",
    "? {a: b}",
    "data: !!set {a}",
    "...",
]


@examples(60)
@given(lines=st.lists(st.sampled_from([*as_text(GRID).splitlines(), *ODD_LINES])))
def test_lines_of_grids(home, lines):
    (home / "experiments" / "mine.yaml").write_text("\n".join(lines), encoding="utf-8")
    works(load_grid, "mine")


PROTOCOL = {
    "source": "here",
    "init": "scratch",
    "size": 64,
    "epochs": 6,
    "batch": 8,
    "step_batch": 4,
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "schedule": "multistep",
    "milestones": [2, 4.5],
    "gamma": 0.1,
    "warmup_epochs": 1,
    "clip_gradient": 5.0,
    "dropout": 0.2,
    "sampling": {"rule": "dense", "stride": 2},
    "augmentation": {"scales": [1.0, 0.75], "flip": "none"},
    "evaluation": {"clips": 2, "crops": 3, "video_clips": 2, "every_epochs": 1},
    "dev": 0.25,
    "selection": "best",
    "tuning": 0,
    "chained": {"epochs": 3, "milestones": [1, 2], "evaluation": {"clips": 1}},
}


@pytest.mark.slow
@examples(100)
@given(protocol=changed(PROTOCOL), changes=changed(PROTOCOL), chained=st.booleans())
def test_protocols_and_what_a_grid_sets(home, protocol, changes, chained):
    (home / "experiments" / "protocols" / "own.yaml").write_text(as_text(protocol), encoding="utf-8")
    if works(load_protocol, "own"):
        works(load_protocol("own").stage, chained, {}, changes)


KEYS = [*PROTOCOL, "sampling.rule", "evaluation.clips", "augmentation.scales", "name", "x", "", "lr.x", "évaluation"]
VALUES = [
    ".inf",
    "-.inf",
    ".nan",
    "2024-99-99",
    "2024-01-01",
    "!!bool x",
    "!!timestamp ''",
    "true",
    "1e-3",
    "1_0",
    "0x1",
]
VALUES += [
    "[",
    "{a: 1, a: 2}",
    "{clips: 2}",
    "*a",
    "&a [*a]",
    "'",
    "\x1b[31m",
    "\ud800",
    "!!python/name:os.system ",
    "1:30",
]


def set_option(protocol, item):
    """What `--set ITEM` does to a protocol."""
    protocol.stage(False, selection(None, None, [item], None).set)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_takes_or_refuses_every_odd_value(home, key):
    smoke = load_protocol("smoke")
    taken = [works(set_option, smoke, f"{key}={value}") for value in VALUES]
    assert not all(taken)


@pytest.mark.slow
@examples(100)
@given(key=st.sampled_from(KEYS), value=ODD_VALUES.map(str))
def test_set(home, key, value):
    works(set_option, load_protocol("smoke"), f"{key}={value}")


@pytest.mark.parametrize("value", VALUES)
def test_set_on_the_command_line(home, value):
    grid = {"protocol": "smoke", "data": "calib_order", "models": ["tsn-resnet18"], "chain": {"frames": [8]}}
    (home / "experiments" / "mine.yaml").write_text(as_text(grid))
    assert answer("status", "mine", "--set", f"weight_decay={value}", "--json")[0] in (0, 2)


def test_what_is_changed_here_works_as_it_is(home):
    for place, document in (("mine", GRID), ("protocols/own", PROTOCOL)):
        (home / "experiments" / f"{place}.yaml").write_text(as_text(document))
    assert works(load_grid, "mine")
    assert works(load_protocol, "own")
    assert all(works(set_option, load_protocol("own"), item) for item in ("lr=1e-3", "evaluation={clips: 2}"))
