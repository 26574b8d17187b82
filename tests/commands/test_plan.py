"""What `suite plan` says of time, memory and data on this machine."""

import json
import re
import shutil

import pytest

from suite.data.synthetic import synthesize
from suite.device import cores
from suite.report.console.plain import duration, memory
from suite.store.folder import dump_json, sealed, write_atomic
from suite.store.identity import digest
from suite.store.provenance import device_facts
from suite.sweep.estimate import PER_CORE, speed_here
from suite.sweep.plan import Selection, make_plan

GRID = """
protocol: smoke
data: [calib_order, mini_mit, mini_ssv2]
axes: {module: [tsn], backbone: [resnet18], seed: [0]}
chain: {frames: [8]}
"""


@pytest.fixture
def grid(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(GRID)
    return path


def finish(run, seconds, name=None, processes=1):
    """Makes a planned run look finished after so many seconds per epoch, on this machine or a named one."""
    run.folder.create(run.spec)
    facts = device_facts("cpu") | ({"name": name} if name else {})
    session = {"started": "2026-01-01T00:00:00+0000", "from_step": 0, "seconds": 1.0, "processes": processes, **facts}
    write_atomic(run.folder.provenance, dump_json({"sessions": [session]}))
    for epoch in range(2):
        run.folder.add_history({"epoch": epoch, "seconds": seconds})
    result = {"id": run.id, "top1": 50.0, "top5": 90.0, "n": 400, "macs": 10**9, "conv_macs": 10**9, "params": 1}
    result |= {"videos": {"train": 500, "val": 400}, "epochs_seen": 2, "spec_sha256": digest(run.spec.resolved(), 64)}
    write_atomic(run.folder.result_file, dump_json(sealed(result)))


def test_time_is_estimated_for_this_machine_from_its_own_finished_runs(grid, tmp_path):
    plan = make_plan(str(grid), Selection(), tmp_path)
    first = plan.runs[0]
    assumed = speed_here(plan)
    if assumed.device != "cpu":
        pytest.skip("the numbers below are of a CPU")
    threads = cores() // assumed.slots
    assert assumed.tera_macs == pytest.approx(PER_CORE * threads)
    assert "assuming" in assumed.basis
    finish(first, seconds=3.0)
    measured = speed_here(plan)
    used = device_facts("cpu")["threads"]
    # 3 passes x 1 GMAC x 500 videos x 2 epochs in 6 seconds
    assert measured.tera_macs == pytest.approx(3 * 500 * 2 * 1e9 / 6 / 1e12 / used * threads)
    assert measured.basis == "from the training time of 1 finished run on this CPU"
    finish(first, seconds=3.0, processes=2)
    assert speed_here(plan).tera_macs == pytest.approx(measured.tera_macs / 2), "all processes had as many threads"
    finish(first, seconds=3.0, name="another processor")
    assert speed_here(plan) == assumed, "what another machine took says nothing of this one"


def test_device_hours_are_those_of_the_whole_run_finished_or_not(grid, tmp_path):
    plan = make_plan(str(grid), Selection(), tmp_path)
    first, speed = plan.runs[0], speed_here(plan)
    finish(first, seconds=3.0)
    again = make_plan(str(grid), Selection(), tmp_path).runs[0]
    assert speed.device_hours(again) == pytest.approx(speed.device_hours(first)) != 0
    assert again.cost_macs < first.cost_macs, "what is left of it is a test at most"


def test_the_time_left_is_that_of_all_slots_but_no_less_than_the_longest_chain(tmp_path):
    chains = "protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18, tam-resnet18]\nchain: {frames: [8, 16]}\n"
    (tmp_path / "two.yaml").write_text(chains)
    plan = make_plan(str(tmp_path / "two.yaml"), Selection(), tmp_path)
    speed = speed_here(plan)
    total, longest = sum(run.cost_macs for run in plan.runs), plan.runs[2].chain_cost()
    assert longest > total / 2
    two, many, one = (type(speed)("cpu", slots, 1.0, "") for slots in (2, 64, 1))
    assert two.seconds_left(plan) == many.seconds_left(plan) == pytest.approx(longest / 1e12)
    assert one.seconds_left(plan) == pytest.approx(total / 1e12)
    assert sum(map(two.device_hours, plan.runs)) == pytest.approx(total / 1e12 / 2 / 3600)


def test_the_demo_takes_minutes_and_mebibytes_here(suite, tmp_path):
    code, out, _ = suite("plan", "demo", "--results", tmp_path)
    assert code == 0
    assert "e-0" not in out
    assert "about 0 GiB" not in out
    assert re.search(r"Estimated time on this machine \((CPU|GPUs?), \d+ runs? at a time\): \d+ (s|min)", out)
    assert re.search(r"up to \d+ MiB", out)


def test_plan_says_which_data_are_missing_and_which_have_no_reader(suite, grid, tmp_path, monkeypatch):
    monkeypatch.setenv("SUITE_DATA", str(tmp_path / "nowhere"))
    _, out, _ = suite("plan", grid, "--results", tmp_path)
    assert "mini_mit cannot be run here: no reader for mini_mit annotations." in out
    nowhere = tmp_path / "nowhere"
    assert f"mini_ssv2 cannot be run here: data not found under {nowhere} (looked for {nowhere}/" in out
    assert f"Results: {tmp_path / 'mine'}" in out
    states = dict(re.findall(r"tsn-resnet18 +(\w+) .* (todo|no data|no reader) *\n", out))
    assert states == {"calib_order": "todo", "mini_mit": "no reader", "mini_ssv2": "no data"}
    _, out, _ = suite("plan", grid, "--results", tmp_path, "--json")
    found = json.loads(out)
    assert {entry["dataset"]: entry["available"] for entry in found["data"]} == {
        "calib_order": True,
        "mini_mit": False,
        "mini_ssv2": False,
    }
    assert {run["state"] for run in found["runs"]} == {"todo"}, "the states of scripts stay"
    assert set(found["totals"]) == {"runs", "chains", "device_hours", "gib_max"}


def test_plan_says_which_sizes_of_data_sets_it_assumes(suite, grid):
    assert (
        "assumes 100,000 training videos in mini_mit, mini_ssv2; their actual number is not known."
        in suite("plan", grid)[1]
    )
    grid.write_text(GRID.replace("mini_ssv2", "ssv2").replace("mini_mit", "kinetics400"))
    assert "assumes" not in suite("plan", grid)[1]  # the sizes of these three are published


ODD = [("--shard", "٣/٤"), ("--shard", ""), ("--shard", "0/2"), ("--shard", "2/1"), ("--shard", "1"), ("--frames", "")]


@pytest.mark.parametrize(("option", "text"), [*ODD, ("--frames", "8,8"), ("--frames", "8,x" + "y" * 999)])
def test_a_share_or_frames_that_mean_nothing_are_refused(suite, option, text):
    code, _, error = suite("plan", "demo", option, text)
    assert code == 2
    assert error.startswith(f"suite: {option}")
    assert len(error) < 250


@pytest.mark.slow
def test_annotations_without_their_videos_are_missing_data_too(grid, suite, tmp_path):
    root = synthesize("calib_order", tmp_path, videos={"train": 8, "val": 8})
    labels = next(tmp_path.rglob("*labels*.json"))
    (tmp_path / "data" / "something-something-v2" / "labels").mkdir(parents=True)
    shutil.copy(labels, tmp_path / "data" / "something-something-v2" / "labels" / "labels.json")
    assert root
    _, out, _ = suite("plan", grid, "--results", tmp_path, "--data", tmp_path / "data", "--json")
    assert "data not found under" in {e["dataset"]: e["problem"] for e in json.loads(out)["data"]}["mini_ssv2"]


def test_lengths_of_time_and_amounts_of_memory_have_units_that_people_use():
    lengths = {0: "0 s", 0.2: "under 1 s", 45: "45 s", 400: "7 min", 12_000: "3 h 20 min", 2e5: "56 h"}
    lengths |= {1e6: "12 days", 1.5e9: "48 years"}
    assert {seconds: duration(seconds) for seconds in lengths} == lengths
    assert [memory(gib) for gib in (0.3, 0.9999, 7.62)] == ["307 MiB", "1024 MiB", "7.6 GiB"]
