"""A run that runs out of memory says so in one line: what was estimated, what is there, and what may be done."""

import signal
from dataclasses import replace

import pytest
import torch

from suite.spec import Protocol
from suite.store.identity import RunSpec
from suite.sweep import out_of_memory, worker
from suite.sweep.executors.base import CRASH, FAILED, LOADER, MEMORY, Job
from suite.sweep.executors.local import _end_of, _Slot
from suite.sweep.out_of_memory import has_batch_norm, no_memory, oom_kills
from tests.sweep.fake_jobs import fake_plan

KILLED = RuntimeError("DataLoader worker (pid 17) is killed by signal: Killed. ")


@pytest.fixture
def job(tmp_path):
    run = fake_plan(tmp_path, chains=1).runs[0]
    run.folder.create(run.spec)
    return Job(str(run.folder.path), run.spec.resolved(), str(tmp_path / "data"), id=run.id, gib=12.5), run


def ended(job, monkeypatch, error, **progress):
    """How a run ends in which an error is raised after it has reported its progress."""

    def execute(folder, data, control, planned):
        control.report({"step": 1, "steps": 9, "tested": 0, "videos": 0} | progress)
        raise error

    monkeypatch.setattr("suite.training.run.execute", execute)
    return worker.run_job(job, lambda: False, lambda progress: None)


def with_batch(run, **keys):
    """The spec of a run with other protocol keys, as a worker is given it."""
    protocol = Protocol.model_validate(run.spec.protocol.model_dump() | keys)
    return replace(run.spec, protocol=protocol).resolved()


def test_a_gpu_without_memory_is_told_with_the_estimate_and_with_what_a_smaller_step_would_be(job, monkeypatch):
    job, run = job
    job = replace(job, spec=with_batch(run, batch=48, step_batch=24))
    end = ended(job, monkeypatch, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."))
    assert end.cause == MEMORY
    assert end.text.startswith("Out of GPU memory while training: the plan estimates 12.5 GiB for a training step")
    assert "--set step_batch=12 needs less memory, but batch normalisation then sees 12 clips instead of 24" in end.text
    assert "another id, and a confound" in end.text
    assert "\n" not in end.text
    assert run.folder.error() == {"error": end.text, "kind": "memory"}
    assert "OutOfMemoryError" in run.folder.log.read_text()


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried")],
)
def test_main_memory_is_told_with_what_the_machine_has(job, monkeypatch, error):
    end = ended(job[0], monkeypatch, error)
    assert end.cause == MEMORY
    assert end.text.startswith("Out of memory while training: the plan estimates 12.5 GiB for a training step, and ")


def test_a_test_may_have_a_smaller_batch_without_another_id(job, monkeypatch):
    job, run = job
    end = ended(job, monkeypatch, torch.OutOfMemoryError("CUDA out of memory."), videos=16)
    half = run.spec.protocol.evaluation.batch // 2
    assert f"(--set evaluation.batch={half}) changes no run id" in end.text
    evaluation = run.spec.protocol.evaluation.model_copy(update={"batch": half})
    protocol = run.spec.protocol.model_copy(update={"evaluation": evaluation})
    assert replace(run.spec, protocol=protocol).id == run.id


def test_a_smaller_step_is_another_run_in_every_case(job):
    _, run = job
    ids = {RunSpec.from_resolved(with_batch(run, batch=48, step_batch=n)).id for n in (48, 24, 12)}
    assert len(ids) == 3
    assert "cannot be smaller" in out_of_memory.advice(with_batch(run, batch=48, step_batch=None, sync_bn=True), False)
    one = out_of_memory.advice(with_batch(run, batch=48, step_batch=1), False)
    assert "step_batch" not in one
    assert has_batch_norm(run.spec.resolved()) is True
    assert has_batch_norm({}) is None


def test_other_errors_are_no_lack_of_memory(job):
    spec = job[1].spec.resolved()
    assert no_memory(RuntimeError("CUDA error: device-side assert triggered"), spec, 1.0, {}, "cuda") is None
    assert no_memory(OSError(28, "No space left on device"), spec, 1.0, {}, "cpu") is None


def test_a_killed_process_is_out_of_memory_only_where_the_kernel_has_counted_it(job, monkeypatch):
    job, _ = job

    class Killed:
        exitcode = -signal.SIGKILL

    slot = _Slot(job, Killed(), None, 0, oom_kills=3)
    monkeypatch.setattr(out_of_memory, "oom_kills", lambda: 3)
    assert _end_of(slot).cause == CRASH
    monkeypatch.setattr(out_of_memory, "oom_kills", lambda: 4)
    end = _end_of(slot)
    assert end.cause == MEMORY
    assert end.text.startswith("The process of the run was killed because memory ran out: the plan estimates 12.5 GiB")


def test_a_killed_data_loading_process_likewise(job, monkeypatch):
    assert ended(job[0], monkeypatch, KILLED).cause == LOADER
    counts = iter([7, 8])  # when it began, and now
    monkeypatch.setattr(out_of_memory, "oom_kills", lambda: next(counts))
    end = ended(job[0], monkeypatch, KILLED)
    assert end.cause == MEMORY
    assert end.text.startswith("A data-loading process of the run was killed because memory ran out")


def test_an_exception_of_another_kind_stays_one(job, monkeypatch):
    assert ended(job[0], monkeypatch, ValueError("no")).cause == FAILED


def test_kills_are_counted_or_not_known():
    assert oom_kills() is None or oom_kills() >= 0
