"""Locks, also on file systems that have none, or other ones."""

import errno

import pytest

from suite.store.claims.claim import Busy
from suite.store.locks import is_locked, lock


def test_a_lock_is_seen_and_one_on_a_file_system_without_them_is_none(tmp_path, monkeypatch):
    with lock(tmp_path / "lock", wait=0, busy="busy", shared=True):
        assert is_locked(tmp_path / "lock")
        with pytest.raises(Busy, match="busy"), lock(tmp_path / "lock", wait=0, busy="busy"):
            pass

    def refuse(file, kind):
        raise OSError(errno.EBADF, "as NFS does")

    monkeypatch.setattr("fcntl.flock", refuse)
    with lock(tmp_path / "lock", wait=0, busy="busy"):
        assert not is_locked(tmp_path / "lock")
