"""Claims: one process has a run, another takes it over only when that one is gone, and who lost it writes no more."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from suite.spec import BadInput
from suite.store.claims import claim as claims
from suite.store.claims import held as held_claim
from suite.store.claims import silence
from suite.store.claims.claim import QUEUED, RUNNING, Busy, ClaimLost, new_claim, read_claim, release, take
from suite.store.claims.held import CANCEL, held
from suite.store.claims.silence import Watch, looks_gone
from suite.store.folder import RunFolder
from tests.sweep.builders import ROOT

HOLD = """
import sys, time
from pathlib import Path
from suite.store.claims.held import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run" / "claim.json"


@pytest.fixture(autouse=True)
def folder(file):
    file.parent.mkdir()
    return file.parent


def never(claim):
    return False


def other_process(folder, machine=""):
    env = {**os.environ, "PYTHONPATH": str(ROOT), **({"SUITE_CLAIM_MACHINE": machine} if machine else {})}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_claim_is_taken_once_and_leaves_nothing(file, folder):
    mine = new_claim(RUNNING)
    take(file, mine, never)
    with pytest.raises(Busy, match=f"process {os.getpid()} on "):
        take(file, new_claim(RUNNING), never)
    assert read_claim(file).token == mine.token
    assert [entry.name for entry in folder.iterdir()] == ["claim.json"]
    release(file, "another token")
    assert file.exists()
    release(file, mine.token)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("stale", [False, True])
def test_of_many_takers_one_gets_it(file, folder, stale):
    if stale:
        take(file, new_claim(RUNNING), never)
    first, start, got, refused = read_claim(file), threading.Barrier(12), [], []

    def taker():
        mine = new_claim(RUNNING)
        start.wait()
        try:
            take(file, mine, lambda claim: first is not None and claim.token == first.token)
            got.append(mine.token)
        except Busy:
            refused.append(mine.token)

    threads = [threading.Thread(target=taker) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 11)
    assert read_claim(file).token == got[0]
    assert [entry.name for entry in folder.iterdir()] == ["claim.json"]


def test_a_taker_that_died_before_its_claim_was_in_place_blocks_nobody(file, folder):
    dead, half = new_claim(RUNNING), new_claim(RUNNING)
    take(file, dead, never)
    take(file.with_name(f".claim-{dead.token}.next"), half, never)
    mine = new_claim(RUNNING)
    with pytest.raises(Busy):
        take(file, new_claim(RUNNING), lambda claim: claim.token == dead.token)  # the other one may still be at it
    take(file, mine, lambda claim: claim.token in (dead.token, half.token))
    assert read_claim(file).token == mine.token
    assert [entry.name for entry in folder.iterdir()] == ["claim.json"]


def test_without_hard_links_claims_are_still_taken_once(file, folder, monkeypatch):
    def no_links(*_):
        raise OSError(claims.errno.EOPNOTSUPP, "no links")

    monkeypatch.setattr(claims.os, "link", no_links)
    mine, next_one = new_claim(RUNNING), new_claim(RUNNING)
    take(file, mine, never)
    with pytest.raises(Busy):
        take(file, new_claim(RUNNING), never)
    take(file, next_one, lambda claim: True)
    assert read_claim(file).token == next_one.token
    assert [entry.name for entry in folder.iterdir()] == ["claim.json"]


@pytest.mark.slow
def test_a_killed_process_of_this_machine_loses_its_claim_at_once(file, folder):
    process = other_process(folder)
    assert not Watch().is_gone(file, read_claim(file))
    os.utime(file, (0, 0))  # however long it is silent
    assert not Watch().is_gone(file, read_claim(file))
    process.kill()
    while process.returncode is None and not Watch().is_gone(file, read_claim(file)):
        time.sleep(0.01)  # killed, and its parent has not asked about it yet
    process.wait()
    assert RunFolder(folder).state() == "lost"
    with held(folder) as one:
        assert one.is_mine()
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_a_killed_process_of_another_machine_is_gone_after_the_silence(file, folder, monkeypatch):
    monkeypatch.setenv("SUITE_LOST_AFTER", "1")
    process = other_process(folder, machine="elsewhere")
    try:
        beats = set()
        until = time.monotonic() + 10
        while len(beats) < 4 and time.monotonic() < until:  # it lives, and its heartbeat shows it
            beats.add(read_claim(file).beat)
            assert not looks_gone(file, read_claim(file))
        assert len(beats) == 4
    finally:
        process.kill()
        process.wait()
    with pytest.raises(Busy, match="on elsewhere"), held(folder):
        pass
    with held(folder, wait=30):
        assert read_claim(file).host != "elsewhere"


def test_no_clock_makes_a_live_claim_stale_or_keeps_a_dead_one(file, monkeypatch):
    monkeypatch.setenv("SUITE_CLAIM_MACHINE", "elsewhere")
    take(file, new_claim(RUNNING), never)
    monkeypatch.delenv("SUITE_CLAIM_MACHINE")
    now, watch = [1000.0], Watch()
    monkeypatch.setattr(silence.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(silence.time, "time", lambda: 4e9)  # this machine's clock is no part of it
    for shift in (-86400, 86400):  # the clock of the file system was set back, or forward
        monkeypatch.setattr(silence, "_file_system_now", lambda folder, s=shift: file.stat().st_mtime + s)
        for _ in range(20):
            now[0] += 10
            os.utime(file, ns=(0, file.stat().st_mtime_ns + 10**9))
            assert not watch.is_gone(file, read_claim(file))
    monkeypatch.setattr(silence, "_file_system_now", lambda folder: file.stat().st_mtime - 86400)
    now[0] += 119
    assert not watch.is_gone(file, read_claim(file))
    now[0] += 2
    assert watch.is_gone(file, read_claim(file))


HOSTILE = {
    "not JSON": b"{",
    "empty": b"",
    "a list": b"[1, 2]",
    "a number": b"1",
    "deep": b"[" * 50_000,
    "huge": b'{"token": "' + b"0" * 2**20 + b'"}',
    "pid 1": None,
    "negative pid": {"pid": -1},
    "huge pid": {"pid": 10**30},
    "a bool as pid": {"pid": True},
    "a path as token": {"token": "../../x"},
    "a long name": {"host": "x" * 10_000},
    "other state": {"state": "done"},
    "no machine": {"machine": None},
    "numbers": {"started": 1e300},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_claim_is_another_process_until_it_has_been_silent(file, folder, monkeypatch, what):
    content = HOSTILE[what]
    if not isinstance(content, bytes):
        claim = {**claims.asdict(new_claim(RUNNING)), **(content or {"pid": 1, "machine": "elsewhere"})}
        content = json.dumps(claim).encode()
    file.write_bytes(content)
    run = RunFolder(folder)
    assert run.state() == "running"
    with pytest.raises(Busy), held(folder):
        pass
    os.utime(file, (1, 1))
    assert run.state() == "lost"
    monkeypatch.setenv("SUITE_LOST_AFTER", "0.1")
    with held(folder, wait=10):
        assert run.state() == "running"
    assert list(folder.iterdir()) == []


def test_what_is_no_file_is_said_and_never_followed(file, folder, tmp_path):
    aim = tmp_path / "aim"
    aim.write_text("precious")
    makers = {"folder": file.mkdir, "link": lambda: file.symlink_to(aim), "pipe": lambda: os.mkfifo(file)}
    for kind, make in makers.items():
        make()
        assert RunFolder(folder).state() == "running", kind
        with pytest.raises(BadInput, match="no regular file"), held(folder):
            pass
        file.rmdir() if kind == "folder" else file.unlink()
    assert aim.read_text() == "precious"


def test_who_has_lost_its_claim_stops_and_writes_no_result(file, folder, monkeypatch):
    monkeypatch.setenv("SUITE_LOST_AFTER", "0.6")
    run, later = RunFolder(folder), new_claim(RUNNING)
    with run.claimed() as mine:
        take(file, later, lambda claim: True)
        with pytest.raises(ClaimLost):
            run.finish({"id": folder.name})
        with pytest.raises(ClaimLost):
            run.add_history({})
        assert mine.is_to_stop()
    assert read_claim(file).token == later.token, "it does not remove the claim of the other one"
    assert not run.result_file.exists()


def test_the_heartbeat_notices_a_folder_that_was_removed(file, folder, monkeypatch):
    monkeypatch.setenv("SUITE_LOST_AFTER", "0.6")
    with held(folder) as mine:
        file.unlink()
        folder.rmdir()
        mine.thread.join(10)
        assert mine.is_to_stop()
    assert not folder.exists()


def test_a_request_to_stop_is_seen_and_one_for_an_earlier_process_is_not(folder, monkeypatch):
    monkeypatch.setenv("SUITE_LOST_AFTER", "0.6")
    (folder / CANCEL).touch()
    with held(folder) as mine:
        assert not (folder / CANCEL).exists()
        (folder / CANCEL).touch()
        until = time.monotonic() + 10
        while not mine.is_to_stop() and time.monotonic() < until:
            time.sleep(0.01)
        assert mine.cancelled
        assert not mine.lost


def test_progress_is_kept_for_others_and_leaves_with_the_claim(folder, monkeypatch):
    monkeypatch.setenv("SUITE_LOST_AFTER", "0.6")
    run = RunFolder(folder)
    with run.claimed() as mine:
        mine.reporting(lambda progress: None)({"step": 3, "steps": 9})
        assert mine.renew()
        assert run.progress() == {"step": 3, "steps": 9}
        (folder / "progress.json").write_text('{"step": 4, "token": "of another claim"}')
        assert run.progress() == {}
    assert list(folder.iterdir()) == []


def test_a_job_left_in_the_queue_is_queued_however_long_but_may_be_taken_over(file, folder, monkeypatch):
    monkeypatch.setenv("SUITE_LOST_AFTER", "0.1")
    take(file, new_claim(QUEUED, detached=True), never)
    os.utime(file, (1, 1))
    assert RunFolder(folder).state() == "queued"
    with held(folder, wait=10):
        assert RunFolder(folder).state() == "running"


def test_one_read_that_fails_takes_no_claim_away(file, folder, monkeypatch):
    monkeypatch.setenv("SUITE_LOST_AFTER", "0.6")
    with held(folder) as mine:
        answers = [replace(mine.claim, token="damaged", damaged="Stale file handle")]
        monkeypatch.setattr(held_claim, "read_claim", lambda file: answers.pop() if answers else read_claim(file))
        mine.require()
        assert not mine.is_to_stop()
        answers[:] = [None]
        assert mine.renew()
        file.unlink()
        with pytest.raises(ClaimLost, match="taken over, removed, or cannot be read"):
            mine.require()
