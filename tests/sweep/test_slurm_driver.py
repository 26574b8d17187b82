"""What the driver asks of Slurm and what it makes of the answers; the commands of Slurm are fakes."""

import os
import signal

import pytest

from suite.spec import BadInput
from suite.store.claims.claim import QUEUED, RUNNING
from suite.store.folder import RunFolder, dump_json, write_atomic
from suite.sweep.at_work import whereabouts
from suite.sweep.calibration import save
from suite.sweep.claims import Claims
from suite.sweep.estimate import speed_of_nodes
from suite.sweep.executors import slurm_smoke
from suite.sweep.executors.base import LOST, MEMORY, STOPPED, Job
from suite.sweep.executors.machine import Machine
from suite.sweep.executors.slurm import SlurmExecutor, SlurmOptions
from suite.sweep.executors.slurm_files import Submitted, all_submitted, file_of, submitted_for, write_submitted
from suite.sweep.executors.slurm_needs import Needs, needs_of
from suite.sweep.executors.slurm_queue import Limits, limits_of, minutes_of
from suite.sweep.plan import Selection, make_plan
from suite.sweep.planned_run import PlannedRun
from tests.sweep.fake_jobs import fake_job
from tests.sweep.fake_slurm import FakeSlurm
from tests.sweep.test_calibration import GRID, record


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    return FakeSlurm(tmp_path / "fake").installed(monkeypatch)


def executor(tmp_path, **options):
    sbatch = options.pop("sbatch", {})
    made = SlurmOptions(tmp_path / "results" / "grid" / "slurm", sbatch, seconds=0.0, **options)
    return SlurmExecutor(made, body=fake_job)


def job(id, **about):
    return Job(folder="", spec={}, data="", id=id, **about)


@pytest.mark.parametrize(
    ("text", "minutes"), [("30:00", 30), ("1:00:00", 60), ("2-12:00:00", 3600), ("infinite", None), ("n/a", None)]
)
def test_times_of_slurm_are_read(text, minutes):
    assert minutes_of(text) == minutes


def test_a_partition_limits_what_is_asked_for(slurm):
    slurm.partitions("a|1-00:00:00|64000", "a|1-00:00:00|128000+", "b*|infinite|1", "c|30:00|8000")
    assert limits_of("a") == Limits(1440, 125.0, False)
    assert limits_of() == Limits(None, 1 / 1024, False)
    assert limits_of("a,c").minutes == 30, "the job must fit wherever it starts"
    slurm.memory(True)
    assert limits_of("a").counts_memory
    assert limits_of("none of these") == Limits(None, None, True)


def test_a_time_limit_is_never_shorter_than_the_estimate_but_where_the_partition_ends():
    options, limits = SlurmOptions(None), Limits(minutes=600)
    for seconds in (1, 60, 1000, 5000, 1e4, 3e4, 1e6):
        minutes = needs_of(job("a", seconds=seconds), options, limits).minutes
        assert 15 <= minutes <= 600
        assert minutes == 600 or minutes * 60 > 2 * seconds
    limits_used = {needs_of(job("a", seconds=60 * m), options, Limits()).minutes for m in range(1, 1000)}
    assert limits_used == {15 * 2**power for power in range(1, 9)} | {15}, "few arrays"


def test_without_need_nothing_is_asked_for():
    for_time = SlurmOptions(None, {"time": "10"})
    assert needs_of(job("a"), SlurmOptions(None), Limits()) == Needs()
    assert needs_of(job("a", seconds=1e5), for_time, Limits()) == Needs()
    for own in ("mem", "mem-per-cpu", "mem_per_gpu", "exclusive"):
        assert needs_of(job("a"), SlurmOptions(None, {own: "1"}), Limits(counts_memory=True)) == Needs()


def test_memory_grows_with_what_a_run_has_and_fits_a_node():
    options, limits = SlurmOptions(None), Limits(counts_memory=True)
    assert needs_of(job("a"), options, limits).gib == 4
    assert needs_of(job("a", workers=8, device="cuda", gib=100), options, limits).gib == 16
    assert needs_of(job("a", gib=20), options, limits).gib == 32, "on a CPU, the step is in the memory of the machine"
    assert needs_of(job("a", processes=4), options, limits).gib == 16
    assert needs_of(job("a"), options, limits, times=2).gib == 8
    assert needs_of(job("a", gib=20), options, Limits(gib=7.8, counts_memory=True)).gib == 7


def test_runs_with_the_same_needs_are_one_array(slurm, tmp_path):
    slurm.partitions("main*|infinite|64000")
    made = executor(tmp_path)
    for number, hours in enumerate((1, 1.1, 1.05, 20, 0)):
        made.start(job(f"run{number}", seconds=3600 * hours))
    made.poll(0.0)
    assert [(asked.get("time"), len(tasks)) for asked, tasks in slurm.arrays] == [("240", 3), ("3840", 1), (None, 1)]
    made.close()


def test_a_job_that_had_too_little_memory_gets_twice_as_much(slurm, tmp_path):
    slurm.memory(True)
    slurm.partitions("main*|infinite|64000")
    made, ends = executor(tmp_path), []
    made.start(job("a"))
    slurm.queue("1|OUT_OF_MEMORY|n1|None")
    while not ends:
        ends = [change.end for change in made.poll(0.0) if change.end]
    assert ends[0].cause == MEMORY
    made.start(job("a"))
    made.poll(0.0)
    assert [asked["mem"] for asked, _ in slurm.arrays] == ["4G", "8G"]
    made.close()


@pytest.mark.parametrize(
    ("states", "cause"),
    [(["TIMEOUT"], LOST), (["NODE_FAIL"], LOST), (["PREEMPTED"], STOPPED), (["TIMEOUT", "PENDING"], None)],
)
def test_only_ends_that_slurm_may_repeat_without_limit_are_no_loss(slurm, tmp_path, states, cause):
    made, ends = executor(tmp_path), []
    made.start(job("a"))
    for state in states:
        slurm.queue(f"1|{state}|n1|None")
        made.poll(0.0)
        made.poll(0.0)
    for _ in range(4):
        ends += [change.end for change in made.poll(0.0) if change.end]
    made.close()
    assert [end.cause for end in ends] == ([cause] if cause else []), "a job that is back in the queue goes on"
    assert all(states[0] in end.text for end in ends)


def test_too_little_gpu_memory_asks_for_no_more_memory_of_the_node(slurm, tmp_path):
    slurm.memory(True)
    slurm.partitions("main*|infinite|64000")
    made, ends = executor(tmp_path), []
    made.start(job("a"))
    made.poll(0.0)
    text = "Out of GPU memory while training."
    write_atomic(file_of(made.folder, "a", "end.json"), dump_json({"cause": MEMORY, "text": text, "job": "1"}))
    slurm.queue()
    while not ends:
        ends = [change.end for change in made.poll(0.0) if change.end]
    made.start(job("a"))
    made.poll(0.0)
    assert [asked["mem"] for asked, _ in slurm.arrays] == ["4G", "4G"]
    made.close()


def test_drivers_that_share_a_grid_keep_each_others_jobs(slurm, tmp_path):
    one, two = executor(tmp_path), executor(tmp_path)
    one.start(job("a"))
    two.start(job("b"))
    for made in (one, two):
        made.poll(0.0)
    found = all_submitted(one.folder)
    assert {run: submitted.job for run, submitted in found.items()} == {"a": "1", "b": "2"}
    slurm.queue("1|PENDING||Priority", "2|RUNNING|n1|None")
    third = executor(tmp_path)
    assert third.placed_before() == {}, "their drivers are at work"
    one.detached = True
    one.close()
    assert set(third.placed_before()) == {"a"}
    two.close()


def test_jobs_of_earlier_versions_are_still_known(slurm, tmp_path):
    made = executor(tmp_path)
    made.folder.mkdir(parents=True)
    (made.folder / "jobs.json").write_text('{"a": "7_1", "b": "8"}')
    slurm.queue("7_1|RUNNING|n1|None", "8|COMPLETED|n1|None")
    assert made.placed_before() == {"a": ""}
    write_submitted(made.folder, "a", Submitted("9"))
    assert submitted_for(made.folder, "a").job == "9"
    assert submitted_for(made.folder, "b").job == "8"
    assert submitted_for(made.folder, "c") is None


@pytest.mark.parametrize("text", ["", "[]", '{"job": 7}', '{"job": "1", "driver": 3}', "\0"])
def test_a_damaged_file_is_no_job(tmp_path, text):
    (tmp_path / "a.job.json").write_text(text)
    assert submitted_for(tmp_path, "a") is None


def test_the_claim_of_a_queued_run_states_its_job_and_a_requeued_run_is_claimed_again(slurm, tmp_path):
    folder = RunFolder(tmp_path / "results" / "grid" / "runs" / "a")
    folder.path.mkdir(parents=True)
    claims = Claims(executor(tmp_path))
    key = claims.take(folder)
    claims.queue(folder, "12_3")
    claim = folder.claim()
    assert (claim.state, claim.job, claim.key) == (QUEUED, "12_3", key)
    assert whereabouts(PlannedRun(None, folder))["job"] == "12_3"
    with folder.claimed(key):
        claims.queue(folder, "12_3")  # squeue was late
        assert folder.claim().state == RUNNING
    claims.queue(folder, "12_3")
    assert (folder.claim().state, folder.claim().key) == (QUEUED, key)
    claims.release(folder)
    assert folder.claim() is None
    claims.close()


def test_a_job_that_a_driver_has_left_is_taken_over_with_its_key(slurm, tmp_path):
    folder = RunFolder(tmp_path / "results" / "grid" / "runs" / "a")
    folder.path.mkdir(parents=True)
    claims = Claims(executor(tmp_path))
    assert claims.take(folder, "the key") == "the key", "its claim is gone: the job was requeued"
    claims.close()


def test_estimates_for_nodes_need_a_device_that_was_measured(tmp_path):
    (tmp_path / "two.yaml").write_text(GRID)
    plan, results = make_plan(str(tmp_path / "two.yaml"), Selection(), tmp_path / "results"), tmp_path / "results"
    assert speed_of_nodes(plan, Machine(1, "cuda", 8, 8)) is None
    save(record("GPU X1"), results)
    found = speed_of_nodes(plan, Machine(1, "cuda", 8, 8))
    assert "GPU X1" in found.basis
    assert all(found.left(run) > 0 for run in plan.runs)
    assert speed_of_nodes(plan, Machine(1, "cpu", 8, 0)) is None
    save(record("GPU X2"), results)
    assert speed_of_nodes(plan, Machine(1, "cuda", 8, 8)) is None, "nobody has said which one the cluster has"


class TestSmoke:
    """The smoke job, executed here as soon as it is submitted, or never."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr(slurm_smoke, "LATE", 0.0)

    @pytest.fixture
    def node(self, monkeypatch):
        """What the job does."""
        orders = {"run": True, "before": lambda task: None}
        submit = SlurmExecutor._send

        def send(self, tasks, needs):
            numbers = submit(self, tasks, needs)
            orders["before"](tasks[0])
            if orders["run"]:
                tasks[0]()
            return numbers

        monkeypatch.setattr(SlurmExecutor, "_send", send)
        monkeypatch.setenv("SLURMD_NODENAME", "n7")
        return orders

    def test_a_good_node_is_asked_once_a_day(self, slurm, node, tmp_path):
        said = []
        executor(tmp_path).ready(tmp_path, said.append)
        assert len(slurm.arrays) == 1
        assert slurm.arrays[0][0]["time"] == "5"
        assert "n7" in said[-1]
        executor(tmp_path).ready(tmp_path, said.append)
        assert len(slurm.arrays) == 1
        executor(tmp_path, sbatch={"account": "lab"}).ready(tmp_path, said.append)
        assert len(slurm.arrays) == 2, "another account"
        made = executor(tmp_path)
        os.utime(made.folder / "smoke.json", (1, 1))
        made.ready(tmp_path, said.append)
        assert len(slurm.arrays) == 3
        assert sorted(file.name for file in made.folder.glob("smoke*")) == ["smoke.json"]

    @pytest.mark.parametrize(
        ("broken", "words"),
        [
            ("data", "cannot read the data folder"),
            ("token", "cannot read what this machine wrote"),
            ("code", "another installation (code of the suite: "),
            ("gpus", "finds no GPU"),
        ],
    )
    def test_a_node_that_cannot_work_stops_the_sweep_with_a_sentence(self, slurm, node, tmp_path, broken, words):
        def before(task):
            if broken == "token":
                task.token.unlink()
            if broken == "code":
                task.installed = task.installed | {"code of the suite": "another"}

        node["before"] = before
        made = executor(tmp_path, gpus_per_run=int(broken == "gpus"))
        with pytest.raises(BadInput) as caught:
            made.ready(tmp_path / "none" if broken == "data" else tmp_path, lambda text: None)
        assert "node n7" in str(caught.value)
        assert words in str(caught.value)
        assert "No run was queued" in str(caught.value)
        with pytest.raises(BadInput):
            made.ready(tmp_path / "none" if broken == "data" else tmp_path, lambda text: None)
        assert len(slurm.arrays) == 2, "a failure is not remembered"

    def test_a_job_that_does_not_answer_is_told_with_its_state_and_log(self, slurm, node, tmp_path):
        node["run"] = False
        slurm.queue("1|FAILED|n3|None")
        made = executor(tmp_path)
        (made.folder / "logs").mkdir(parents=True)
        (made.folder / "logs" / "1_0_log.err").write_text("Traceback\nModuleNotFoundError: No module named 'suite'\n\n")
        with pytest.raises(BadInput, match=r"on the node n3 ended with state FAILED.*No module named 'suite'"):
            made.ready(tmp_path, lambda text: None)

    def test_while_it_waits_it_says_so_once_and_ctrl_c_cancels_it(self, slurm, node, tmp_path, monkeypatch):
        node["run"], said = False, []
        slurm.queue("1|PENDING||Priority")
        made = executor(tmp_path)
        asked, state_of = [], slurm_smoke.slurm_queue.state_of

        def asking(number):
            asked.append(number)
            if len(asked) == 3:
                signal.raise_signal(signal.SIGINT)
            return state_of(number)

        monkeypatch.setattr(slurm_smoke.slurm_queue, "state_of", asking)
        made.options.seconds = 0.01
        with pytest.raises(KeyboardInterrupt):
            made.ready(tmp_path, said.append)
        assert len(said) == 1
        assert "Priority" in said[0]
        assert slurm.cancelled().split() == ["1"]
        assert not list(made.folder.glob("smoke*"))

    def test_it_is_left_out_when_asked_and_when_jobs_are_taken_over(self, slurm, node, tmp_path):
        executor(tmp_path, smoke=False).ready(tmp_path, print)
        made = executor(tmp_path)
        write_submitted_for(made, "a", "7")
        slurm.queue("7|RUNNING|n1|None")
        made.ready(tmp_path, print)
        assert slurm.arrays == []


def write_submitted_for(made, run, number):
    made.folder.mkdir(parents=True, exist_ok=True)
    write_submitted(made.folder, run, Submitted(number))
