"""Comparisons with several seeds per side, and over classes."""

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from suite.evaluation.predictions import Outcome
from suite.fairness.compare import compare
from suite.fairness.result import Result
from suite.fairness.sides import compare_sides
from suite.spec import BadInput
from suite.statistics import intervals
from suite.statistics.significance import t_test
from tests.builders import call_suite, factors, json_of, said_by

N, CLASSES = 400, 20

LABELS = np.arange(N) % CLASSES

IDS = np.array([f"v{i:03d}" for i in range(N)])


def seed_of(seed, accuracy, rng, label=None, **kind):
    """A result on N videos with about this accuracy; wrong predictions are the next class."""
    right = rng.random(N) < accuracy
    outcome = Outcome(IDS, np.where(right, LABELS, (LABELS + 1) % CLASSES), LABELS)
    label = label or f"{kind.get('model', 'tsn-resnet18')}.s{seed}"
    return Result(label, 100 * right.mean(), N, factors(seed=seed, **kind), outcome)


@pytest.fixture
def sides():
    rng = np.random.default_rng(0)
    a = tuple(seed_of(s, 0.8, rng) for s in range(3))
    b = tuple(seed_of(s, 0.6, rng, model="tam-resnet18") for s in (3, 4, 5))
    return a, b


def right(side):
    return np.stack([run.outcome.correct() for run in side])


# --- several seeds ------------------------------------------------------------------------------------------------


def test_the_difference_of_means_over_seeds_has_an_interval_over_seeds_and_videos(sides):
    a, b = sides
    found = compare_sides(a, b)
    difference, low, high, covers = intervals.difference_interval(right(a), right(b))
    assert found["difference"] == pytest.approx(np.mean([r.top1 for r in a]) - np.mean([r.top1 for r in b]))
    assert (found["difference"], found["ci95"], found["interval"]) == (difference, [low, high], covers)
    assert (found["seeds"], found["p_mcnemar"], found["n"]) == ([3, 3], None, N)
    assert found["sd_a"] == pytest.approx(np.std([r.top1 for r in a], ddof=1))
    assert found["comparable"], "different seeds are no confound where they are averaged"
    back = compare_sides(b, a)
    assert (back["difference"], back["p"]) == (pytest.approx(-difference), pytest.approx(found["p"]))


def test_one_run_per_side_is_the_comparison_of_two_results(sides):
    a, b = sides[0][0], sides[1][0]
    found, plain = compare_sides((a,), (b,)), compare(a, b)
    assert found["seeds"] == [1, 1]
    assert {key: found[key] for key in plain} == plain
    assert "seed" in {d["field"] for d in found["confounds"]}


def test_three_seeds_against_one_are_compared_and_the_seed_is_no_confound(sides):
    found = compare_sides(sides[0], sides[1][:1])
    assert found["seeds"] == [3, 1]
    assert "where there are several" in found["interval"]
    assert found["comparable"]
    assert found["sd_b"] is None


def test_the_p_value_is_below_005_exactly_where_the_interval_excludes_zero():
    rng, seen = np.random.default_rng(1), set()
    for gap in np.linspace(0, 0.12, 25):
        a = [seed_of(s, 0.6 + gap, rng) for s in range(3)]
        b = [seed_of(s, 0.6, rng, model="tam-resnet18") for s in range(3)]
        found = compare_sides(tuple(a), tuple(b))
        excludes = found["ci95"][0] > 0 or found["ci95"][1] < 0
        assert (found["p"] < 0.05) == excludes
        seen.add(excludes)
    assert seen == {True, False}


def test_the_t_test_is_scipys():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.3, 1, 6), rng.normal(0, 1, 6)
    theirs = stats.ttest_ind(a, b)
    error = (a.mean() - b.mean()) / theirs.statistic
    assert t_test(a.mean() - b.mean(), error, 10) == pytest.approx(theirs.pvalue)
    above = stats.ttest_ind(a, b, alternative="greater").pvalue
    assert t_test(a.mean() - b.mean(), error, 10, side=1) == pytest.approx(above)
    assert t_test(1.96, 1.0, np.inf) == pytest.approx(2 * stats.norm.sf(1.96))


def test_equivalence_over_seeds_needs_a_margin_wider_than_the_interval(sides):
    rng = np.random.default_rng(3)
    a, b = (tuple(seed_of(s, 0.7, rng, model=m) for s in range(3)) for m in ("tsn-resnet18", "tam-resnet18"))
    far = max(map(abs, compare_sides(a, b)["ci95"]))
    assert compare_sides(a, b, margin=1.05 * far)["p_equivalence"] < 0.05
    assert compare_sides(a, b, margin=0.1)["p_equivalence"] > 0.05
    with pytest.raises(BadInput, match="margin"):
        compare_sides(a, b, margin=0.0)


def test_runs_of_one_side_differ_in_their_seed_only(sides):
    a, b = sides
    rng = np.random.default_rng(4)
    with pytest.raises(BadInput, match=r"differ in their seed only: .* differ in schedule"):
        compare_sides((*a, seed_of(9, 0.7, rng, lr=0.2)), b)
    with pytest.raises(BadInput, match="differ in temporal module"):
        compare_sides((*a, b[0]), b)
    with pytest.raises(BadInput, match="same seed"):
        compare_sides((*a, seed_of(1, 0.7, rng, label="elsewhere")), b)
    with pytest.raises(BadInput, match="given twice"):
        compare_sides((*a, a[0]), b)
    alone = Result("alone", 70.0, N, factors(seed=9))
    with pytest.raises(BadInput, match="alone has none"):
        compare_sides((*a, alone), b)


def test_seeds_that_ran_with_other_software_are_compared_but_said_to_differ(sides):
    a, b = sides
    other = Result(a[2].label, a[2].top1, N, a[2].factors | {"device": "other"}, a[2].outcome)
    found = compare_sides((*a[:2], other), b)
    assert (found["grade"], found["comparable"]) == ("minor_differences", True)
    assert [d["field"] for d in found["confounds"]] == ["device"]


# --- over classes -------------------------------------------------------------------------------------------------


def pair_of(a, b, labels=LABELS):
    """Two results on N videos with these outcomes and classes; wrong predictions are another class."""
    return tuple(
        (Result(name, 100 * right.mean(), N, factors(), Outcome(IDS, np.where(right, labels, -1), labels)),)
        for name, right in (("a", a), ("b", b))
    )


def test_an_interval_over_classes_is_wider_where_whole_classes_are_won_or_lost():
    rng = np.random.default_rng(7)
    b = rng.random(N) < 0.5
    a = np.where(LABELS % 2 == 0, True, b)  # all of every other class
    found = compare_sides(*pair_of(a, b), cluster="class")
    (low, high), of_videos = found["ci95"], found["ci95_videos"]
    assert low < found["difference"] < high
    assert high - low > 1.3 * (of_videos[1] - of_videos[0])
    assert [low, high] == list(intervals.difference_interval(a[None], b[None], clusters=LABELS)[1:3])
    with pytest.raises(BadInput, match="needs 10 classes"):
        compare_sides(*pair_of(a, b, LABELS % 5), cluster="class")


@pytest.mark.slow
def test_an_interval_over_ten_classes_covers_other_classes():
    """A percentile bootstrap of 10 classes covers 89 %."""
    rng, classes, covered = np.random.default_rng(8), np.arange(N) % 10, 0
    for _ in range(200):
        share = 0.5 + 0.1 * rng.standard_normal((2, 10))
        a, b = rng.random((2, N)) < share[:, classes]
        low, high = compare_sides(*pair_of(a, b, classes), cluster="class")["ci95"]
        covered += low <= 0 <= high
    assert covered / 200 >= 0.92


# --- end to end ---------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Predictions with logits of two models with three seeds each, on a data set of 20 classes."""
    rng, names = np.random.default_rng(11), [f"class {k}" for k in range(CLASSES)]

    def write(model, seed, accuracy):
        path = tmp_path / f"{model}{seed}.csv"
        logits = rng.normal(size=(N, CLASSES))
        logits[np.arange(N), LABELS] += np.where(rng.random(N) < accuracy, 6, 0)
        table = {"id": IDS, "label": LABELS, **{f"logit_{k}": logits[:, k] for k in range(CLASSES)}}
        pd.DataFrame(table).to_csv(path, index=False)
        about = {"name": f"{model} {seed}", "module": model, "dataset": "elsewhere", "seed": seed, "frames": 8}
        path.with_suffix(".yaml").write_text(yaml.safe_dump(about | {"views": "1x1", "classes": names}))
        return str(path)

    return [[write(model, seed, accuracy) for seed in range(3)] for model, accuracy in (("A", 0.8), ("B", 0.5))]


def test_several_runs_per_side_from_the_command_line(files, capsys):
    a, b = (",".join(side) for side in files)
    found = json_of(capsys, "compare", a, b)
    assert found["seeds"] == [3, 3]
    assert found["p_mcnemar"] is None
    assert found["ci95"][0] < found["difference"] < found["ci95"][1]
    assert "seed" not in {d["field"] for d in found["unknown"] + found["confounds"]}
    assert 0 < found["ece"]["a"]["equal_width"] < 100
    said = said_by(capsys, "compare", a, b)
    assert "A: 3 seeds, sd" in said
    assert "t test over seeds and test videos" in said


def test_classes_and_clusters_from_the_command_line(files, capsys):
    a, b = files[0][0], files[1][0]
    found = json_of(capsys, "compare", a, b, "--per-class", "--cluster", "class")
    assert len(found["per_class"]) == CLASSES
    assert set(found["per_class"][0]) == {"class", "n", "a", "b", "difference", "p", "q"}
    assert set(found["discoveries"]) <= {f"class {k}" for k in range(CLASSES)}
    assert found["interval"] == "paired bootstrap over 20 classes"
    assert found["ci95"] != found["ci95_videos"]
    assert "false discovery rate" in said_by(capsys, "compare", a, b, "--per-class")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--per-class"], "one run per side"),
        (["--cluster", "video"], "expects 'class'"),
        (["--cluster", "class"], "one"),
    ],
)
def test_options_that_need_one_run_per_side_say_so(files, capsys, options, why):
    with pytest.raises(SystemExit) as stopped:
        call_suite("compare", ",".join(files[0]), files[1][0], *options)
    assert stopped.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert why in said[0]
