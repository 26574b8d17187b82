"""Estimates that were noted when a sweep started, against what the runs took."""

import json
from dataclasses import replace

import pytest

from suite.report.build import clocks_of
from suite.report.console.plain import estimate_text
from suite.store.folder import dump_json
from suite.store.provenance import device_facts
from suite.sweep.estimate import speed_here
from suite.sweep.estimates import FILE, EstimateError, estimate_error, read_estimates, record_estimates, seconds_taken
from suite.sweep.plan import Selection, make_plan
from tests.commands.test_plan import finish

GRID = """
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18, tsm-resnet18]
chain: {frames: [8]}
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "three.yaml").write_text(GRID)
    return make_plan(str(tmp_path / "three.yaml"), Selection(), tmp_path / "results")


def speed_of(plan, **changes):
    """That of this machine's CPU with the threads that `finish` says."""
    facts = device_facts("cpu")
    return replace(speed_here(plan), device="cpu", model=facts["name"], threads=facts["threads"], **changes)


def sessions(run, *seconds):
    """Gives a finished run sessions of so many seconds; None: it was killed."""
    found = json.loads(run.folder.provenance.read_text())["sessions"][0]
    del found["seconds"]
    made = [found | ({} if value is None else {"seconds": value}) for value in seconds]
    run.folder.provenance.write_text(dump_json({"sessions": made}))


def test_the_error_is_that_of_the_runs_whose_time_is_known(plan):
    record_estimates(plan, speed_of(plan))
    noted = {id: entry["seconds"] for id, entry in read_estimates(plan.folder).items()}
    assert noted.keys() == {run.id for run in plan.runs}
    assert estimate_error(plan) is None
    first, second, third = plan.runs
    for run in plan.runs:
        finish(run, seconds=1.0)
    sessions(first, noted[first.id])  # as estimated
    sessions(second, noted[second.id], noted[second.id])  # stopped once, and twice as long in all
    sessions(third, None, 5.0)
    assert seconds_taken(third) is None
    error = estimate_error(plan)
    assert (error.runs, error.median) == (2, pytest.approx(0.25))  # of 0 and 50 % of the time that it took
    assert error.taken == pytest.approx(noted[first.id] + 2 * noted[second.id], abs=0.01)
    clocks = clocks_of(plan).set_index("id")
    assert clocks.loc[first.id, "estimated_seconds"] == clocks.loc[first.id, "seconds"]
    assert clocks["seconds"].isna().tolist() == [False, False, True]
    assert clocks["estimate_error"].iloc[:2].tolist() == [0, pytest.approx(-0.5)]


@pytest.mark.parametrize("other", [{"model": "another CPU"}, {"device": "cuda"}, {"threads": 99}, {"model": ""}])
def test_an_estimate_for_another_device_does_not_count(plan, other):
    record_estimates(plan, replace(speed_of(plan), **other))
    finish(plan.runs[0], seconds=1.0)
    assert estimate_error(plan) is None
    assert "estimated_seconds" not in clocks_of(plan)


def test_nor_does_one_of_a_run_that_was_moved_to_another_device(plan):
    record_estimates(plan, speed_of(plan))
    for run in plan.runs[:2]:
        finish(run, seconds=1.0)
    found = json.loads(plan.runs[0].folder.provenance.read_text())["sessions"]
    plan.runs[0].folder.provenance.write_text(dump_json({"sessions": [*found, found[0] | {"name": "another CPU"}]}))
    assert estimate_error(plan).runs == 1


def test_the_estimate_of_a_run_that_was_started_stays(plan):
    record_estimates(plan, speed_of(plan))
    before = read_estimates(plan.folder)
    finish(plan.runs[0], seconds=1.0)
    plan.runs[0].folder.result_file.unlink()  # at work
    slow = speed_of(plan, basis="slow")
    record_estimates(plan, slow)
    after = read_estimates(plan.folder)
    assert after[plan.runs[0].id] == before[plan.runs[0].id]
    assert {after[run.id]["basis"] for run in plan.runs[1:]} == {"slow"}
    plan.runs[0].again = True
    record_estimates(plan, slow)
    assert read_estimates(plan.folder)[plan.runs[0].id]["basis"] == "slow", "it is trained anew"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": 3}',
        '{"a": {"seconds": "x", "basis": "", "device": "cpu", "name": "", "threads": 1}}',
        "[" * 99_999,
    ],
)
def test_a_damaged_file_is_no_estimate(plan, text):
    plan.folder.mkdir(parents=True)
    (plan.folder / FILE).write_text(text)
    assert read_estimates(plan.folder) == {}
    assert "estimated_seconds" not in clocks_of(plan)


def test_the_sentence_has_sums_and_the_median():
    error = EstimateError.of([(3600.0, 5400.0), (3600.0, 3600.0), (1.0, None), (None, 1.0)])
    assert estimate_text(error) == (
        "Estimated time of 2 finished runs: 2 h 00 min; they took 2 h 30 min (+25 %). Median error per run: 17 %."
    )
    assert EstimateError.of([(1.0, None)]) is None
