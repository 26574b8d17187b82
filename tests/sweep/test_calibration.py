"""Estimates from the calibration of a device: `suite bench device`, `suite plan --on`."""

import json

import pytest

from suite.spec import BadInput
from suite.store.provenance import device_facts
from suite.sweep.calibration import Calibration, Rate, calibration_named, file_of, save
from suite.sweep.estimate import PER_CORE, PER_GPU, speed_here, speed_on
from suite.sweep.plan import Selection, make_plan
from suite.sweep.work import Work

GRID = """
protocol: smoke
data: calib_order
models: [tsn-resnet18, mfnet]
chain: {frames: [8]}
"""


def record(name="A GPU", device="cuda", per_mac=1e-14, per_element=1e-12, threads=1, slots=1, **changes):
    """What `suite bench device` would write of a device whose times are exactly those."""
    rows = []
    for macs, written in ((3e9, 2e7), (1e10, 2e7), (1e9, 3e7)):
        seconds = 3 * 4 * (per_mac * macs + per_element * written)
        rows.append({"batch": 4, "precision": "fp32", "macs": macs, "written": written, "seconds": seconds})
    data = [{"videos": "stored", "frames": 8, "seconds": 0.028}, {"videos": "stored", "frames": 32, "seconds": 0.052}]
    made = {"name": name, "device": device, "measured": "2026-01-02T00:00:00+0000", "threads": threads, "slots": slots}
    return made | {"workers": 0, "rows": rows, "data": data} | changes


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "two.yaml").write_text(GRID)
    return make_plan(str(tmp_path / "two.yaml"), Selection(), tmp_path / "results")


def test_the_fit_finds_both_numbers_again_and_neither_is_negative():
    rate = Calibration.from_record(record()).rates["fp32"]
    assert (rate.macs, rate.written) == pytest.approx((1e-14, 1e-12))
    falling = [(Work(1e9, 2e7), 1.0), (Work(1e9, 1e7), 2.0)]  # less written, and yet slower
    assert Rate.fitted(falling).written == 0
    assert Rate.fitted([(Work(1e9, 1e7), 2.0)]) == Rate(2e-9), "one model does not tell them apart"


def test_reading_of_data_is_added_or_hidden_by_workers():
    device, work = Calibration.from_record(record()), Work(videos=100, frames=1600)
    assert device.seconds(work, "fp32", "ssv2", 1, 0) == pytest.approx(100 * (0.020 + 16 * 0.001))
    assert device.seconds(work, "fp32", "ssv2", 1, 4) == pytest.approx(25 * (0.020 + 16 * 0.001))
    assert device.seconds(work, "fp32", "calib_order", 1, 0) == 0, "not measured"


def test_a_measured_device_replaces_the_assumption(plan, tmp_path):
    results = tmp_path / "results"
    assumed = speed_here(plan)
    assert assumed.assumed
    assert "assuming" in assumed.basis
    save(record("Some GPU X1"), results)
    assert speed_here(plan) == assumed, "another device says nothing of this machine"
    found = speed_on(plan, "x1")
    assert (found.name, found.assumed) == ("Some GPU X1", False)
    assert found.basis == "from the calibration of Some GPU X1 on 2026-01-02"
    for run in plan.runs:
        macs, written = run.training.macs + run.testing.macs, run.training.written + run.testing.written
        assert found.whole_seconds(run) == pytest.approx(1e-14 * macs + 1e-12 * written)
        assert macs == run.whole_macs
    facts = device_facts("cpu")
    save(record(facts["name"], "cpu", per_mac=1 / (PER_CORE * 1e12), per_element=0.0), results)
    if assumed.device == "cpu":
        assert speed_here(plan).seconds_left(plan) == pytest.approx(assumed.seconds_left(plan))


def test_a_network_that_writes_more_takes_longer_at_equal_multiply_adds(plan, tmp_path):
    save(record(), tmp_path / "results")
    speed = speed_on(plan, "A GPU")
    tsn, mfnet = (speed.whole_seconds(run) / run.whole_macs for run in plan.runs)
    assert mfnet > 1.5 * tsn


def test_an_unknown_and_an_ambiguous_device_are_bad_input(plan, tmp_path):
    with pytest.raises(BadInput, match=r"No device 'H200' in .*Run `suite bench device` on it"):
        speed_on(plan, "H200")
    assert speed_on(plan, "gpu").tera_macs == PER_GPU
    save(record("GPU 80 GB"), tmp_path / "results")
    save(record("GPU 40 GB"), tmp_path / "results")
    with pytest.raises(BadInput, match="could be GPU 40 GB or GPU 80 GB"):
        calibration_named(tmp_path / "results", "gpu ")


def test_measuring_another_precision_keeps_the_first(tmp_path):
    save(record(), tmp_path)
    slow = record(per_mac=5e-14)
    save(slow | {"rows": [row | {"precision": "bf16"} for row in slow["rows"]]}, tmp_path)
    rates = calibration_named(tmp_path, "A GPU").rates
    assert (rates["fp32"].macs, rates["bf16"].macs) == pytest.approx((1e-14, 5e-14))


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps(record(rows=[])), json.dumps(record(threads=0))])
def test_a_damaged_calibration_is_bad_input(tmp_path, text):
    file = file_of(tmp_path, "A GPU")
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(BadInput, match="is damaged; remove it"):
        calibration_named(tmp_path, "A GPU")
