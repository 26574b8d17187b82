"""Intervals over classes instead of videos."""

import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS

from suite.spec import BadInput
from suite.statistics import clusters
from suite.statistics.intervals import accuracy_interval, difference_interval
from suite.statistics.proportions import wilson

VIDEOS, CLASSES = 600, 40


@pytest.fixture
def made():
    """Outcomes (2, 600) whose accuracy depends on the class, and the classes (600,), which are of unequal size."""
    rng = np.random.default_rng(0)
    of_video = rng.integers(0, CLASSES, VIDEOS) ** 2 // CLASSES
    share = np.clip(0.6 + 0.25 * rng.standard_normal((2, CLASSES)), 0, 1)
    return rng.random((2, VIDEOS)) < share[:, of_video], of_video


def test_the_variance_over_classes_is_the_cluster_robust_one_of_statsmodels(made):
    correct, of_video = made
    values = correct[0].astype(float) - correct[1]
    variance, free = clusters.class_variance(values, of_video)
    theirs = OLS(values, np.ones(VIDEOS)).fit(cov_type="cluster", cov_kwds={"groups": of_video})
    assert variance == pytest.approx(theirs.bse[0] ** 2)
    assert free == len(np.unique(of_video)) - 1


def test_resampled_classes_are_whole_classes(made):
    correct, of_video = made
    rng = np.random.default_rng(1)
    labels = np.unique(of_video)
    members = [correct[0, of_video == label] for label in labels]
    brute = [
        np.concatenate([members[g] for g in rng.integers(0, len(labels), len(labels))]).mean() for _ in range(4_000)
    ]
    ours = clusters.resampled_classes(correct[0].astype(float), of_video, 40_000, rng)
    scale = np.sqrt(len(labels) / (len(labels) - 1)) * 2.0345 / 1.96  # t with about 33 degrees of freedom
    assert ours.std() == pytest.approx(scale * np.std(brute), rel=0.05)


def test_intervals_over_classes_are_wider_where_classes_differ_and_say_what_they_are(made):
    correct, of_video = made
    over_videos, over_classes = (accuracy_interval(correct[:1], clusters=c) for c in (None, of_video))
    assert over_classes[1] - over_classes[0] > 1.3 * (over_videos[1] - over_videos[0])
    assert over_classes[2] == "classes only (bootstrap)"
    found = difference_interval(correct[:1], correct[1:], clusters=of_video)
    plain = difference_interval(correct[:1], correct[1:])
    assert found[0] == plain[0]
    assert found[1] < plain[1] < plain[2] < found[2]
    seeds = np.stack([correct[0]] * 3)
    low, high, how = accuracy_interval(seeds, clusters=of_video)
    assert how == "classes and seeds (t)"
    assert (low, high) == pytest.approx(over_classes[:2], abs=1.0)
    assert difference_interval(seeds, seeds[:, ::-1], clusters=of_video)[3] == "classes and seeds (t)"
    assert accuracy_interval(np.repeat(seeds, 4, axis=0), clusters=of_video)[2] == "classes and seeds (bootstrap)"


@pytest.mark.slow
def test_a_class_per_video_is_no_clustering(made):
    correct, _ = made
    each = np.arange(VIDEOS)
    assert accuracy_interval(correct[:1], 20_000, clusters=each)[:2] == pytest.approx(
        accuracy_interval(correct[:1])[:2], abs=0.4
    )
    variance, _ = clusters.class_variance(correct[0].astype(float), each)
    assert variance == pytest.approx(correct[0].var(ddof=1) / VIDEOS)


def test_no_mistake_and_no_difference_are_no_certainty(made):
    correct, of_video = made
    right = np.ones((1, VIDEOS), bool)
    assert accuracy_interval(right, clusters=of_video)[:2] == wilson(100.0, len(np.unique(of_video)))
    low, high = difference_interval(correct[:1], correct[:1], clusters=of_video)[1:3]
    assert low < 0 < high


def test_classes_that_do_not_fit_the_videos_are_refused(made):
    correct, of_video = made
    with pytest.raises(BadInput, match="one class per video"):
        accuracy_interval(correct[:1], clusters=of_video[:-1])
    with pytest.raises(BadInput, match="two classes"):
        difference_interval(correct[:1], correct[1:], clusters=np.zeros(VIDEOS))
