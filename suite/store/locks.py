"""File locks: a sweep holds that of its grid with other sweeps, `suite clean` alone."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from suite.store.claims.claim import Busy

# file systems without them; EBADF: on NFS, of a file that may only be read
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF}


@contextlib.contextmanager
def lock(path: Path, wait: float, busy: str, shared: bool = False) -> Iterator[None]:
    """Holds a lock that the kernel drops when this process ends, however it ends.  Raises Busy(busy), a BadInput.

    shared: others may hold it too, as long as they share it.  Where the file system has no locks, nothing is held: what
    must not happen twice is claimed (`suite.store.claims`).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with open(path, "a+") as file:  # to read and write: NFS wants the one for a shared lock, the other for one alone
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Busy(busy) from None
                time.sleep(0.1)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                break
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock, shared or alone."""
    try:
        with open(path, "r+" if os.access(path, os.W_OK) else "r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except PermissionError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return False
