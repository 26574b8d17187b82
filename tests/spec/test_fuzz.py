"""Whatever a file or an option holds: a command works, or says in one sentence what is wrong and exits with 2.

The examples are the same every time (derandomized).  SUITE_FUZZ=20 makes twenty times as many.
"""

import contextlib
import copy
import io
import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from suite.__main__ import main
from suite.collect.evidence import gather
from suite.collect.resolve import read_side
from suite.commands.options import selection
from suite.data.datasets import check
from suite.fairness.sides import compare_sides
from suite.report.build import with_sources
from suite.spec import BadInput, experiments_dir, load_grid, load_protocol
from suite.store.archive import open_archive, pack
from suite.sweep.archived import archived_plan, stage
from suite.sweep.summary import SUMMARY, rows, timing
from tests.made_up_runs import made_up_plan

TIMES = int(os.environ.get("SUITE_FUZZ", "1"))
REMARKS = ("warning:", "note:")


def examples(count):
    return settings(
        max_examples=count * TIMES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # no shrinking: the values are small as they are
        suppress_health_check=list(HealthCheck),
    )


def answer(*words):
    """Exit code and standard output of a command; fails on a traceback, and on an error that is not one sentence."""
    out, err = io.StringIO(), io.StringIO()
    argv = mock.patch.object(sys, "argv", ["suite", *map(str, words)])
    with argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as stopped:
        main()
    code, lines = stopped.value.code, [line for line in err.getvalue().splitlines() if not line.startswith(REMARKS)]
    assert code in (0, 1, 2), words
    if code == 2:
        assert out.getvalue() == ""
        assert len(lines) == 1, lines
        assert lines[0].startswith("suite: ")
        assert lines[0].isprintable()
    return code, out.getvalue()


def works(read, *arguments):
    """Whether a file or option is taken; False where it is refused in one sentence, anything else is a failure."""
    try:
        read(*arguments)
    except BadInput:  # one printable line by construction, see test_input.py
        return False
    return True


ODD_NUMBERS = [0, -1, 1, 3, 250, 0.5, 1.0, 1e300, 10**30, 2**63, -0.0, math.inf, -math.inf, math.nan]
ODD_TEXTS = [
    "",
    " ",
    "x",
    "8",
    "1e-3",
    "tsn-resnet18 ",
    "../x",
    "\n",
    "\x1b[31m",
    "\x00",
    "é",
    "ſ",
    "\u202e",
    "a" * 300,
]
ODD_VALUES = st.one_of(
    st.sampled_from([None, True, False, [], {}, *ODD_NUMBERS, *ODD_TEXTS]),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.recursive(st.sampled_from([1, True, None, "x"]), lambda v: st.lists(v, max_size=3), max_leaves=4),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def places(document, at=()):
    """The path of every value inside plain data, containers included."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inner:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


@st.composite
def changed(draw, document, changes=2):
    """Plain data with some of its values replaced, removed or put in twice."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, changes))):
        found = list(places(document))
        if not found:
            break
        *path, last = draw(st.sampled_from(found))
        target = document
        for key in path:
            target = target[key]
        match draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"])):
            case "replace":
                target[last] = draw(ODD_VALUES)
            case "remove":
                del target[last]
            case _ if isinstance(target, list):
                target.append(copy.deepcopy(target[last]))
            case _:
                target[draw(st.sampled_from(["x", "chain", "<<", "0", ""]))] = draw(ODD_VALUES)
    return document


def as_text(document):
    """As YAML, and never as a file that YAML itself could not write."""
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


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
    """A working directory with experiments of its own."""
    home = tmp_path_factory.mktemp("home")
    (home / "experiments" / "protocols").mkdir(parents=True)
    shutil.copy(experiments_dir() / "protocols" / "smoke.yaml", home / "experiments" / "protocols")
    before = Path.cwd()
    os.chdir(home)
    yield home
    os.chdir(before)


@examples(100)
@given(grid=changed(GRID))
def test_grids(home, grid):
    (home / "experiments" / "mine.yaml").write_text(as_text(grid), encoding="utf-8")
    works(load_grid, "mine")


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


@examples(100)
@given(key=st.sampled_from(KEYS), value=ODD_VALUES.map(str))
def test_set(home, key, value):
    works(set_option, load_protocol("smoke"), f"{key}={value}")


@pytest.mark.parametrize("value", VALUES)
def test_set_on_the_command_line(home, value):
    grid = {"protocol": "smoke", "data": "calib_order", "models": ["tsn-resnet18"], "chain": {"frames": [8]}}
    (home / "experiments" / "mine.yaml").write_text(as_text(grid))
    assert answer("status", "mine", "--set", f"weight_decay={value}", "--json")[0] in (0, 2)


LABELS = {"Moving something up": "0", "Moving something down": "1"}
ITEMS = [{"id": str(i), "template": f"Moving [something] {'up' if i % 2 else 'down'}"} for i in range(4)]


@examples(100)
@given(
    labels=st.one_of(st.just(LABELS), changed(LABELS)),
    train=st.one_of(st.just(ITEMS), changed(ITEMS)),
    instead=st.sampled_from(
        [None, None, None, "[1", '{"a": 1, "a": 2}', "[1e999]", "\ud800", "", "[" * 5000, "9" * 5000]
    ),
)
def test_annotation_files(home, labels, train, instead):
    data = home / "data"
    (data / "20bn-something-something-v2").mkdir(parents=True, exist_ok=True)
    for name, content in (("labels", labels), ("train", train), ("validation", ITEMS)):
        text = json.dumps(content) if instead is None or name != "labels" else instead
        file = data / f"something-something-v2-{name}.json"
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
    works(check, "ssv2", data)


FACTORS = {
    "name": "theirs",
    "dataset": "theirs",
    "classes": ["up", "down", "left", "right"],
    "frames": 8,
    "views": "1x1",
    "module": "tsm",
    "params": 1000,
    "gmacs": 1.5,
    "seed": 0,
    "epochs_seen": 10,
    "sampling": {"rule": "uniform"},
    "schedule": {"kind": "multistep", "lr": 0.1, "milestones": [2, 4]},
    "chain_frames": [8],
    "data": {"train": 10},
}
ROWS = {"id": ["a", "b", "c"], "label": [0, 1, 2], "logits": [[1.0, 0.5, 0.0, 0.0], [0, 1, 0, 0], [0, 1, 0, 0]]}


@examples(50)
@given(
    factors=st.one_of(st.just(FACTORS), changed(FACTORS)),
    table=st.one_of(st.just(ROWS), changed(ROWS), changed(ROWS)),
    kind=st.sampled_from([".csv", ".csv", ".parquet"]),
)
def test_predictions_of_other_codebases(home, factors, table, kind):
    theirs, ours = home / f"a{kind}", home / "b.csv"
    (home / "a.yaml").write_text(as_text(factors), encoding="utf-8")
    (home / "b.yaml").write_text(as_text(FACTORS))
    pd.DataFrame(ROWS).to_csv(ours, index=False)
    with contextlib.suppress(ValueError, TypeError, OverflowError, AttributeError):  # pandas cannot make such a file
        frame = pd.DataFrame(table)
        frame.to_csv(theirs, index=False, errors="replace") if kind == ".csv" else frame.to_parquet(theirs)
    if theirs.exists():
        works(lambda: compare_sides(read_side(str(theirs), home), read_side(str(ours), home), "module"))


def test_what_is_changed_here_works_as_it_is(home):
    for place, document in (("mine", GRID), ("protocols/own", PROTOCOL)):
        (home / "experiments" / f"{place}.yaml").write_text(as_text(document))
    assert works(load_grid, "mine")
    assert works(load_protocol, "own")
    assert all(works(set_option, load_protocol("own"), item) for item in ("lr=1e-3", "evaluation={clips: 2}"))
    (home / "b.yaml").write_text(as_text(FACTORS))
    pd.DataFrame(ROWS).to_csv(home / "b.csv", index=False)
    assert answer("compare", home / "b.csv", home / "b.csv", "--json")[0] == 0


@pytest.fixture(scope="module")
def archived(home):
    """The files of an archive of two finished runs: name -> content."""
    grid = {
        "protocol": "smoke",
        "data": "calib_order",
        "models": ["tsn-resnet18", "tam-resnet18"],
        "chain": {"frames": [8]},
    }
    (home / "two.yaml").write_text(as_text(grid))
    with tempfile.TemporaryDirectory() as place:
        stage(made_up_plan("two.yaml", home / "results"), Path(place))
        return {
            file.relative_to(place).as_posix(): file.read_bytes()
            for file in sorted(Path(place).rglob("*"))
            if file.is_file()
        }


@examples(12)
@given(data=st.data())
def test_archives(home, archived, data):
    name = data.draw(st.sampled_from([name for name in archived if name.endswith((".json", ".jsonl", ".yaml"))]))
    old = yaml.safe_load(archived[name]) if name.endswith(".yaml") else json.loads(archived[name])
    if name.endswith("result.json") and data.draw(st.booleans()):
        del old["checksum"]  # as an early version wrote it
    new = data.draw(changed(old))
    text = as_text(new) if name.endswith(".yaml") else json.dumps(new)
    with tempfile.TemporaryDirectory(dir=home) as place:
        files = {}
        for number, (member, content) in enumerate((archived | {name: text.encode()}).items()):
            files[member] = Path(place) / str(number)
            files[member].write_bytes(content)
        archive = Path(place) / "x.tar.gz"
        pack(files, {"grid": "two"}, archive)
        first, second = sorted({member.split("/")[3] for member in archived if "/runs/" in member})
        into = Path(place) / "results"
        command = data.draw(st.sampled_from([("explain",), ("compare", f"{archive}#{second}")]))
        answer(*command, f"{archive}#{first}", "--results", into, "--json")
        try:  # what `suite report` does before it draws
            plan = archived_plan(open_archive(archive, into / "archives"))
            gather(with_sources(pd.DataFrame(rows(plan), columns=list(SUMMARY)), plan))
            assert all(timing(run) for run in plan.runs)
        except BadInput:
            pass  # its text is one printable line by construction, see test_input.py
