"""Grades of differences, and models of other codebases."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from suite.collect.resolve import read_result
from suite.fairness.compare import compare
from suite.fairness.factors import FACTORS, judge
from suite.fairness.result import Result
from suite.report.tables.rendering.formats import to_markdown
from tests.builders import factors, summary_row
from tests.from_rows import accuracy_table, gather

ROOT = Path(__file__).parents[2]


# --- grades -------------------------------------------------------------------------------------------------------


def test_every_factor_has_a_grade_and_a_sentence_on_its_effect():
    from suite.fairness.grades import CONFOUND, GRADES, MINOR

    assert set(FACTORS) <= set(GRADES)
    for name, grade in GRADES.items():
        assert grade.grade in (CONFOUND, MINOR), name
        assert grade.known.endswith("."), name
    assert GRADES["batch_norm"].grade == CONFOUND


def test_the_list_of_factors_prints_every_grade(capsys):
    from suite.report.console.comparison import factor_list, print_factors

    assert [row["factor"] for row in factor_list()] == list(FACTORS)
    print_factors()
    printed = " ".join(capsys.readouterr().out.split())
    assert all(name in printed for name in FACTORS)


def expected_grade(a, b):
    """The rule of precedence once more, from the definition."""
    from suite.fairness.grades import CONFOUND, grade_of

    known = {f for f in FACTORS if f != "module" and None not in (a[f], b[f]) and a[f] != b[f]}
    unknown = {f for f in FACTORS if f != "module" and None in (a[f], b[f])}
    for fields, grade in ((known, "confounded"), (unknown, "unknown")):
        if any(grade_of(f) == CONFOUND for f in fields):
            return grade
    return "minor_differences" if known | unknown else "same_protocol"


def test_the_grade_of_a_verdict_follows_the_precedence_of_known_unknown_and_minor():
    from suite.fairness.grades import MINOR, grade_of

    rng, seen = np.random.default_rng(0), set()
    minor = [f for f in FACTORS if grade_of(f) == MINOR]
    for fields, share in itertools.product((minor, list(FACTORS)), (0.0, 0.01, 0.1, 0.5)):
        for _ in range(50):
            a, b = dict.fromkeys(FACTORS, 1), dict.fromkeys(FACTORS, 1)
            b |= {f: (None, 2)[rng.integers(2)] for f in fields if rng.random() < share}
            verdict = judge(a, b)
            assert verdict.grade == expected_grade(a, b) == judge(b, a).grade
            assert verdict.comparable == (verdict.grade in ("same_protocol", "minor_differences"))
            seen.add(verdict.grade)
    assert seen == {"same_protocol", "minor_differences", "confounded", "unknown"}


@pytest.mark.parametrize("field", ["code_train", "code_test", "packages", "device", "decoder", "step_batch"])
def test_a_minor_difference_is_named_and_leaves_two_runs_comparable(field):
    found = compare(side(factors()), side(factors() | {field: "another"}))
    assert (found["grade"], found["comparable"]) == ("minor_differences", True)
    (difference,) = found["confounds"]
    assert (difference["field"], difference["grade"]) == (field, "minor")
    assert difference["known"].endswith(".")
    assert found["verdict"] == f"comparable except for: {FACTORS[field]}"


def test_the_batch_per_batch_normalisation_is_no_minor_difference():
    found = compare(side(factors()), side(factors(step_batch=8)))
    grades = {d["field"]: d["grade"] for d in found["confounds"]}
    assert grades == {"batch_norm": "confound", "step_batch": "minor"}
    assert found["grade"] == "confounded"


def side(known, top1=50.0):
    return Result("x", top1, 240, known)


def test_published_rows_are_compared_on_what_is_known(tmp_path):
    a, b = (read_result(f"published.mini_ssv2.{m}-resnet50.f8", tmp_path) for m in ("tsn", "tam"))
    found = compare(a, b)
    assert (found["grade"], found["comparable"], found["confounds"]) == ("unknown", False, [])
    same, differs, not_known = found["verdict"].partition(": ")[2].split("; ")
    assert "effective batch size" in same
    assert differs == "differs in nothing"
    assert "seed" in not_known.removeprefix("not known: ").split(", ")
    other = read_result("published.mini_ssv2.tam-resnet50.f16", tmp_path)
    found = compare(a, other)
    assert found["grade"] == "confounded"
    assert "differs in frames per clip" in found["verdict"]


# --- a model of another codebase ----------------------------------------------------------------------------------


@pytest.fixture
def theirs(tmp_path):
    """Writes predictions with a YAML that states every factor of our run but those of `leave_out`; reads both."""

    def write(leave_out=(), **changes):
        ids = [f"v{i}" for i in range(8)]
        path = tmp_path / "theirs.csv"
        pd.DataFrame({"id": ids, "label": range(8), "prediction": range(8)}).to_csv(path, index=False)
        stated = {k: v for k, v in factors().items() if k not in ("views", "module", *leave_out)}
        about = {"name": "MyNet", "classes": [f"c{k}" for k in range(8)], "views": "1x1"} | stated | changes
        path.with_suffix(".yaml").write_text(yaml.safe_dump(about))
        return read_result(str(path), tmp_path)

    return write


SOFTWARE = ("code_train", "code_test", "packages", "device")


def test_a_truthful_foreign_model_is_comparable_but_for_its_software(theirs):
    found = compare(theirs(SOFTWARE), side(factors()))
    assert (found["grade"], found["comparable"]) == ("minor_differences", True)
    assert {d["field"] for d in found["unknown"]} == set(SOFTWARE)
    assert {d["grade"] for d in found["unknown"]} == {"minor"}
    assert found["verdict"] == f"comparable except for: {', '.join(f'{FACTORS[f]} (not reported)' for f in SOFTWARE)}"


def test_a_foreign_model_that_hides_a_factor_is_unknown_and_one_that_differs_is_confounded(theirs):
    found = compare(theirs((*SOFTWARE, "tuning")), side(factors()))
    assert (found["grade"], found["comparable"]) == ("unknown", False)
    found = compare(theirs((*SOFTWARE, "tuning"), batch=64), side(factors()))
    assert (found["grade"], found["comparable"]) == ("confounded", False)


def test_a_truthful_foreign_model_has_no_letter_and_stays_in_a_strict_table(theirs):
    ours = [summary_row(m, t, dataset="calib_order", factors=factors()) for m, t in (("tsn", 50.0), ("tam", 60.0))]
    rows = pd.concat([pd.DataFrame(ours), pd.DataFrame([theirs(SOFTWARE).row])], ignore_index=True)
    assert gather(rows).marks.letters == {}
    strict = accuracy_table(rows, evidence=gather(rows, strict=True))
    assert "withheld" not in to_markdown(strict)
    assert "Minor differences between runs: training code (not reported for 1 of 3)" in strict.note
