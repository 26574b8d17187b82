"""The benchmark of the driver, on a few runs."""

import pytest

from suite.benchmarks.driver import bench_driver


@pytest.mark.more
def test_the_benchmark_of_the_driver_finishes_its_runs_and_says_what_they_cost():
    found = bench_driver(runs=6)
    assert (found["runs"], found["done"], found["holds"]) == (6, 6, True)
    assert 10 < found["mib"] < 300, "the driver does without PyTorch"
