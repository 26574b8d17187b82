"""Imported by every Python process whose PYTHONPATH has this folder: brings about what a kill or a disk may do.

CHAOS_HOLD      names of files, separated by blanks; writing one of them pauses before and after it gets its name
CHAOS_SECONDS   length of a pause
CHAOS_LATE      names of files that other processes see this many seconds late, as on NFS: `result.json=2 spec.yaml=1`
CHAOS_CLOCK     seconds after which the clock of this process is an hour behind
"""

import builtins
import errno
import io
import os
import time

names = set(os.environ.get("CHAOS_HOLD", "").split())
seconds = float(os.environ.get("CHAOS_SECONDS", "0"))
late = {name: float(lag) for name, _, lag in (word.partition("=") for word in os.environ.get("CHAOS_LATE", "").split())}
rename, status, read, clock = os.replace, os.stat, io.open, time.time
ours: set[str] = set()  # files that this process has named


def replace(source, target, **options):
    held = os.path.basename(target) in names
    time.sleep(seconds * held)
    ours.add(os.path.abspath(target))
    rename(source, target, **options)
    time.sleep(seconds * held)


def hidden(path):
    """Whether another process has named this file just now."""
    if not isinstance(path, str | os.PathLike) or (lag := late.get(os.path.basename(path))) is None:
        return False
    try:
        named = status(path).st_ctime
    except OSError:
        return False
    return os.path.abspath(path) not in ours and clock() - named < lag


def stat(path, *words, **options):
    if hidden(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return status(path, *words, **options)


def open_late(path, mode="r", *words, **options):
    if "r" in mode and hidden(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return read(path, mode, *words, **options)


if names or late:
    os.replace = replace
if late:
    os.stat, io.open, builtins.open = stat, open_late, open_late
if after := float(os.environ.get("CHAOS_CLOCK", "0")):
    begun = time.monotonic()
    time.time = lambda: clock() - 3600 * (time.monotonic() - begun > after)
