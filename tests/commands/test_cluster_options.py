"""Options for a cluster: what goes together, and one sentence for what does not."""

import sys

import pytest

from suite.__main__ import main
from suite.commands.cluster import cluster_of, given_options, processes_of
from suite.spec import BadInput
from suite.sweep.executors.ray import RayExecutor, RayOptions
from suite.sweep.executors.slurm import SlurmExecutor, SlurmOptions


def options(executor="slurm", slots=None, device=None, workers=None, **given):
    return cluster_of(executor, given_options(**given), slots, device, workers)


def test_options_reach_sbatch_by_their_own_names():
    made = options(partition="gpu", time="1-00:00:00", gpus_per_run=1, cpus_per_run=8, sbatch=["account=a=2"], slots=7)
    assert made.sbatch == {"partition": "gpu", "time": "1-00:00:00", "account": "a=2"}
    assert (made.gpus_per_run, made.cpus_per_run, made.jobs, made.detach) == (1, 8, 7, False)
    assert options("local") is None


def test_options_reach_ray():
    made = options("ray", address="head:6379", gpus_per_run=1, cpus_per_run=8, workers=3, slots=7)
    assert (made.address, made.gpus_per_run, made.cpus_per_run, made.workers, made.jobs) == ("head:6379", 1, 8, 3, 7)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"executor": "local", "partition": "gpu"}, "--partition needs --executor slurm"),
        ({"executor": "local", "detach": True}, "--detach needs --executor slurm"),
        ({"executor": "slurm", "address": "auto"}, "--address needs --executor ray"),
        ({"executor": "ray", "partition": "gpu"}, "--partition needs --executor slurm"),
        ({"executor": "local", "cpus_per_run": 2}, "--cpus-per-run needs --executor slurm or ray"),
        ({"executor": "pbs"}, "expects local, slurm or ray, not 'pbs'"),
        ({"device": "cuda"}, "--gpus-per-run 1 asks for a GPU"),
        ({"sbatch": ["account"]}, "--sbatch expects key=value, not 'account'"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(given, words):
    with pytest.raises(BadInput) as caught:
        options(**given)
    assert words in str(caught.value)


def test_a_run_has_one_process_per_gpu_or_as_many_as_were_asked_for_on_the_cpu():
    assert processes_of({}, None) == 1
    assert processes_of({}, 3) == 3
    assert processes_of({"--gpus-per-run": 4}, None) == 4
    with pytest.raises(BadInput, match="one process per GPU"):
        processes_of({"--gpus-per-run": 4}, 2)


def swept(options, monkeypatch):
    """The exit code of `suite sweep demo` with these options."""
    monkeypatch.setattr("sys.argv", ["suite", "sweep", "demo", *options.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--gpus-per-run 2 --device cpu", "--gpus-per-run 2 and --device cpu exclude each other."),
        ("--gpus-per-run 0 --device cuda", "--gpus-per-run 0 and --device cuda exclude each other."),
        ("--processes-per-run 2 --device cuda", "--processes-per-run is for the CPU; --gpus-per-run N gives"),
    ],
)
def test_a_device_that_contradicts_the_number_of_gpus_or_processes_is_refused(options, words, monkeypatch, capsys):
    assert swept(options, monkeypatch) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "device"),
    [
        ("", None),
        ("--device cpu", "cpu"),
        ("--gpus-per-run 2", "cuda"),
        ("--gpus-per-run 0", "cpu"),
        ("--processes-per-run 2", "cpu"),
        ("--processes-per-run 2 --device cpu", "cpu"),
        ("--gpus-per-run 2 --processes-per-run 2", "cuda"),
    ],
)
def test_the_device_follows_from_the_number_of_gpus_and_processes(options, device, monkeypatch):
    asked = []
    monkeypatch.setattr("suite.app.sweep.run_sweep", lambda request: asked.append(request) or 0)
    assert swept(options, monkeypatch) == 0
    assert asked[0].device == device


def test_a_pilot_is_told_of_the_processes_of_the_whole_and_trains_with_one(monkeypatch):
    asked = []
    monkeypatch.setattr("suite.app.pilot.run_pilot", lambda *args: asked.append(args) or 0)
    assert swept("--pilot --processes-per-run 2", monkeypatch) == 0
    *_, machine, _, processes = asked[0]
    assert (machine.processes, machine.device, processes) == (1, "cpu", 2)


def test_without_ray_a_sentence_names_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match="needs the package ray"):
        RayExecutor(RayOptions())


def test_without_submitit_or_slurm_a_sentence_names_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(BadInput, match="needs the package submitit"):
        SlurmExecutor(SlurmOptions(tmp_path))
    monkeypatch.setitem(sys.modules, "submitit", object())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="sbatch is not found"):
        SlurmExecutor(SlurmOptions(tmp_path))
