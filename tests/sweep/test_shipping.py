"""Files of runs that go to nodes without the driver's disk and come back: all of them, into no other folder."""

import os
from dataclasses import replace

import pytest

from suite.spec import BadInput
from suite.store.folder import RunFolder
from suite.store.locks import lock
from suite.sweep.executors import shipping
from suite.sweep.executors.shipping import needed_by, read_folder, scratch, write_files
from tests.sweep.fake_jobs import fake_plan

pytestmark = pytest.mark.slow

BELOW = "grid/runs/one"


def run_folder(results, **files):
    folder = RunFolder(results / BELOW)
    folder.path.mkdir(parents=True)
    for name, text in files.items():
        (folder.path / name.replace("__", ".")).write_text(text)
    return folder


def test_what_is_read_is_written_elsewhere_without_locks_temporaries_and_links(tmp_path):
    folder = run_folder(tmp_path / "a", checkpoint__pt="c", history__jsonl="h", checkpoint__tmp="t", claim__json="{}")
    (folder.path / "evals" / "x").mkdir(parents=True)
    (folder.path / "evals" / "x" / "eval.json").write_text("{}")
    (folder.path / ".lock").touch()
    (folder.path / "link").symlink_to("/etc/hostname")
    files = read_folder(folder, tmp_path / "a")
    assert list(files) == [f"{BELOW}/{name}" for name in ("checkpoint.pt", "evals/x/eval.json", "history.jsonl")]
    write_files(files, tmp_path / "b", BELOW)
    assert read_folder(RunFolder(tmp_path / "b" / BELOW), tmp_path / "b") == files


@pytest.mark.parametrize(
    "name",
    [
        "/etc/x",
        "../x",
        f"{BELOW}/../../x",
        "grid/runs/other/result.json",
        f"{BELOW}/a/../../../x",
        f"{BELOW}/..\\x",
        BELOW,
        f"{BELOW}/\0",
        "",
    ],
)
def test_a_name_that_leads_out_of_the_folder_of_its_run_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(BadInput, match="not in the folder of its run"):
        write_files({f"{BELOW}/log.txt": b"x", name: b"x"}, tmp_path, BELOW)
    assert not list(tmp_path.iterdir())


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    folder, elsewhere = run_folder(tmp_path / "a"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder.path / "evals").symlink_to(elsewhere)
    (folder.path / "log.txt").symlink_to(elsewhere / "log.txt")
    with pytest.raises(BadInput, match="is a link that leads out"):
        write_files({f"{BELOW}/evals/eval.json": b"x"}, tmp_path / "a", BELOW)
    write_files({f"{BELOW}/log.txt": b"x"}, tmp_path / "a", BELOW)  # replaces the link
    assert not list(elsewhere.iterdir())


def test_a_result_is_written_last(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(shipping, "write_atomic", lambda path, content: written.append(path.name))
    names = ("result.json", "checkpoint.pt", "a.txt", "z.txt")
    write_files({f"{BELOW}/{name}": b"" for name in names}, tmp_path, BELOW)
    assert written == ["a.txt", "z.txt", "checkpoint.pt", "result.json"]


def test_a_later_stage_gets_the_checkpoint_before_it_and_of_earlier_ones_what_they_are(tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    for run in plan.runs:
        run.folder.create(run.spec)
        run.folder.checkpoint.write_text("weights")
    first, second, third = (run.folder for run in plan.runs)
    files = needed_by(third, plan.runs[2].spec)
    results = tmp_path / "results"
    found = {name for name in files if name.endswith("checkpoint.pt")}
    assert found == {str(folder.checkpoint.relative_to(results)) for folder in (second, third)}
    assert str(first.spec_file.relative_to(results)) in files
    write_files(files, tmp_path / "node")
    assert RunFolder(tmp_path / "node" / second.path.relative_to(results)).spec().id == second.id


def test_a_run_whose_source_is_gone_still_gets_its_own_files(tmp_path):
    run = fake_plan(tmp_path, chains=1).runs[0]
    run.folder.create(run.spec)
    protocol = run.spec.protocol.model_copy(update={"init": "run:other/gone"})
    files = needed_by(run.folder, replace(run.spec, protocol=protocol))
    assert files
    assert all(run.id in name for name in files)


def test_a_scratch_folder_goes_at_the_end_and_one_that_a_killed_task_left_goes_next_time(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, used, run_at_work, new = (tmp_path / f"{shipping.SCRATCH}{name}" for name in ("left", "used", "run", "new"))
    for folder in (left, used, run_at_work):
        folder.mkdir()
        (folder / shipping.IN_USE).touch()
    new.mkdir()
    with (
        lock(used / shipping.IN_USE, wait=0, busy=""),
        RunFolder(run_at_work / BELOW).claimed(),
        scratch() as folder,
    ):
        assert os.stat(folder).st_mode & 0o777 == 0o700
        assert set(tmp_path.iterdir()) == {used, run_at_work, new, folder}
    assert set(tmp_path.iterdir()) == {used, run_at_work, new}
