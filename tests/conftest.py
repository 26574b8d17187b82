"""Settings of the test session."""

import os

# One thread, and no spinning: other processes of the machine then cost a test their share and no more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start many short processes
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
