"""The protocol files against what the papers state, number by number."""

import re

import pytest
import yaml

from suite.published.record import PUBLISHED
from suite.spec import load_protocol, protocol_files
from tests.spec.stated import ELSEWHERE, STATED

FACTS = yaml.safe_load((PUBLISHED / "stated_settings.yaml").read_text())
OURS = ("source", "tuning", "evaluation.every_epochs", "evaluation.batch")  # no paper has them
UNSTATED = r"not stated|codebase|released code|\bhere\b"
NAMED = r"\bhere\b"  # the comment says what the suite does in place of what is stated
PAPERS = sorted(name for name in protocol_files() if not load_protocol(name).source.startswith("this project"))


def lines_of(text):
    """Comment by dotted key of a protocol file."""
    found, parent = {}, ""
    for line in text.splitlines():
        if match := re.fullmatch(r"(  )?(\w+):(.*?)(?:\s+# (.*))?", line):
            nested, key, value, comment = match.groups()
            found[f"{parent}.{key}" if nested else key] = comment or ""
            parent = parent if nested else ("" if value.strip() else key)
            if not value.strip():
                del found[key]
    return found


def at(data, path):
    for part in path.split("."):
        data = data[int(part) if part.isdigit() else part]
    return data


def stated_value(paper, source):
    """What the paper states; a text is read by the words that it begins with."""
    if isinstance(source, str):
        return at(FACTS[paper], source)
    path, reading = source
    text = str(at(FACTS[paper], path))
    (value,) = (value for words, value in reading.items() if text.startswith(words))
    return value


def ours(protocol, key):
    value = protocol.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    return value


def problems(name, text, protocol):
    """What of a protocol file is neither what the paper states nor marked as something else, in words."""
    paper, stated = STATED[name]
    comments, found = lines_of(text), []
    for key, source in stated.items():
        wanted, value = stated_value(paper, source), ours(protocol, key)
        assert wanted is not None or isinstance(source, tuple), f"{name}: nothing is stated at {source}"
        if value != wanted and not re.search(NAMED, comments.get(key, "")):
            found.append(f"{key} is {value}, the paper states {wanted}")
        if value == wanted and re.match("not stated", comments.get(key, "")):
            found.append(f"{key} is stated, the comment says that it is not")
    for key, comment in comments.items():
        if key not in (*OURS, *stated) and not re.search(UNSTATED, comment):
            found.append(f"{key} is not stated, and its comment does not say so")
    return found


@pytest.mark.parametrize("name", PAPERS)
def test_every_number_is_the_papers_or_named_as_something_else(name):
    text = protocol_files()[name].read_text()
    assert problems(name, text, load_protocol(name)) == []


def test_every_protocol_of_a_paper_is_checked():
    assert set(STATED) == set(PAPERS)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("gta_something", {"lr": 0.02}, "lr is 0.02, the paper states 0.01"),
        ("cstransformer", {"epochs": 30}, "epochs is 30, the paper states 18"),
        ("arc_ssv1", {"augmentation.picture": "stored"}, "the paper states 240x320"),
        ("deep_analysis_full", {"augmentation.short_side": [256, 340]}, r"states \[256, 320\]"),
        ("rcca3d_tsm", {"evaluation.crops": 3}, "the paper states 10"),
    ],
)
def test_another_number_is_noticed(name, change, words):
    changed = load_protocol(name).stage(False, change)
    found = problems(name, protocol_files()[name].read_text(), changed)
    assert any(re.search(words, problem) for problem in found)


def test_a_default_that_is_not_marked_is_noticed():
    text = protocol_files()["gta_something"].read_text()
    text = re.sub("(momentum: 0.9) .*", r"\1", text)
    assert problems("gta_something", text, load_protocol("gta_something")) == [
        "momentum is not stated, and its comment does not say so"
    ]


def leaves(data, prefix=""):
    for key, value in data.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        elif value is not None:  # null: not stated
            yield f"{prefix}{key}"


@pytest.mark.parametrize("paper", sorted(FACTS))
def test_no_statement_of_a_paper_is_overlooked(paper):
    used = {
        source if isinstance(source, str) else source[0]
        for of_paper, keys in STATED.values()
        if of_paper == paper
        for source in keys.values()
    }
    open_ones = [path for path in leaves(FACTS[paper]) if path not in used and not re.fullmatch(ELSEWHERE[paper], path)]
    assert open_ones == []
