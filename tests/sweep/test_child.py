"""What needs PyTorch is done in a process of its own: the driver of a sweep stays small."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from suite.spec import BadInput, SeveralProblems
from suite.sweep.child import ChildFailed, in_child
from tests.sweep.builders import ROOT

pytestmark = pytest.mark.slow

HEAVY = ("torch", "pandas", "matplotlib", "mlflow")


def raises(error):
    raise error


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


class Local(ValueError):
    """An exception that cannot be sent to another process: it is made from two values and tells one."""

    def __init__(self, text, more):
        super().__init__(text)


def raises_local():
    raise Local("text", 1)


def test_the_value_comes_back_and_what_was_imported_for_it_does_not():
    assert in_child(divmod, 7, 2) == (3, 1)
    assert in_child(os.getpid) != os.getpid()


@pytest.mark.parametrize("error", [BadInput("one sentence"), SeveralProblems("2 problems", ["a", "b"]), SystemExit(0)])
def test_an_exception_comes_back_as_it_was(error):
    with pytest.raises(type(error)) as caught:
        in_child(raises, error)
    assert str(caught.value) == str(error)
    if isinstance(error, SeveralProblems):
        assert caught.value.lines() == error.lines()


def test_one_that_cannot_travel_is_told_by_its_name():
    with pytest.raises(ChildFailed, match="Local: text"):
        in_child(raises_local)


def test_a_process_that_is_killed_is_an_error_and_no_hang():
    with pytest.raises(ChildFailed, match="exit code -9"):
        in_child(kill_itself)


def test_locks_of_other_threads_do_no_harm():
    lock, held, let_go = threading.Lock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            let_go.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    assert in_child(os.getpid) != os.getpid()
    let_go.set()
    thread.join()


def test_the_process_ends_with_the_driver(tmp_path):
    script = "import sys, time; from suite.sweep.child import in_child\n"
    script += "in_child(lambda: (print(__import__('os').getpid(), flush=True), time.sleep(600)))"
    driver = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    child = int(driver.stdout.readline())
    driver.kill()
    driver.wait()
    for _ in range(100):
        if not os.path.exists(f"/proc/{child}"):
            break
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{child}")


def test_the_driver_imports_nothing_large():
    code = f"import sys, suite.__main__, suite.app.sweep; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
