"""Odd values, plain data with some of its values replaced by them, and what a command may answer.

The examples are the same every time (derandomized).  SUITE_FUZZ=20 makes twenty times as many.
"""

import contextlib
import copy
import io
import math
import os
import shutil
import sys
from pathlib import Path
from unittest import mock

import pytest
import yaml
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from suite.__main__ import main
from suite.spec import BadInput, shipped

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


@contextlib.contextmanager
def working_directory(folder):
    """A working directory with experiments of its own."""
    (folder / "experiments" / "protocols").mkdir(parents=True)
    shutil.copy(shipped("experiments") / "protocols" / "smoke.yaml", folder / "experiments" / "protocols")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)
