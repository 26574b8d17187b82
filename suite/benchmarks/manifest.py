"""Time and memory of reading the annotations of a large data set, and whether workers of a data loader copy them."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLASSES = 400
DATASET = "kinetics400"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
WORKERS = 2
SECONDS, MIB = 3.0, 500.0  # bounds


def bench_manifest(videos: int = 240_000, rounds: int = 3, folder: Path | None = None) -> dict[str, Any]:
    """Reads a Kinetics-400 of `videos` training videos, empty files with an index that knows them, in new processes.

    seconds: from opening the data set to the manifest of its training split, the fastest of `rounds`; cpu_seconds: of
    that, the processor's; mib: peak memory of the process; worker_start_mib, worker_end_mib: memory that a worker of a
    data loader shares with no other process, before and after it has read every video of the manifest twice; load:
    average of the machine before.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=folder) as home:
        generate(Path(home), videos)
        found = [_measured(home, 0) for _ in range(rounds)]
        workers = _measured(home, WORKERS)
    best = min(found, key=lambda one: one["seconds"])
    copied = {key: value for key, value in workers.items() if key.startswith("worker")}
    holds = best["seconds"] < SECONDS and best["mib"] < MIB
    return {"videos": videos, **best, **copied, "rounds": rounds, "load": load, "holds": holds}


def _measured(home: str, workers: int) -> dict[str, Any]:
    command = [sys.executable, "-m", __name__, home, str(workers)]
    environment = {key: value for key, value in os.environ.items() if key != "SUITE_CACHE"}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def generate(root: Path, videos: int, make: Callable[[Path], None] = Path.touch, frames: int = 0) -> None:
    """Annotations and files as Kinetics has them, and the index of a data set that was read before.

    make: makes the file of a video; empty ones do for what reads no videos.  frames: of each video; 0: 250 to 299.
    """
    from suite.data.index import Index
    from suite.data.index_file import Entries, FileState, save

    rng, paths = random.Random(0), []
    names = [f"class number {number}" for number in range(CLASSES)]
    for name in names:
        (root / "train" / name).mkdir(parents=True)
    with open(root / "train.csv", "w") as train:
        train.write("label,youtube_id,time_start,time_end,split,is_cc\n")
        for number in range(videos):
            name, start = names[number % CLASSES], rng.randrange(300)
            video = "".join(rng.choices(LETTERS, k=11))
            train.write(f"{name},{video},{start},{start + 10},train,0\n")
            path = f"train/{name}/{video}_{start:06d}_{start + 10:06d}.mp4"
            make(root / path)
            paths.append(path)
    (root / "val.csv").write_text(f"label,youtube_id,time_start,time_end,split,is_cc\n{names[0]},none,0,10,val,0\n")
    rows = {  # after all files are there: a further link to a file changes its state
        path: (*FileState.of(os.stat(root / path)), frames or 250 + number % 50, 29.97, f"{number:032x}")
        for number, path in enumerate(paths)
    }
    save(Index(root, root).file, Entries(rows), {})


def _read(root: str, workers: int) -> dict[str, Any]:
    from suite.data.datasets import open_dataset

    began, cpu_began = time.perf_counter(), time.process_time()
    manifest = open_dataset(DATASET, root).split("train")
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    found = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "mib": peak_mib(),
    }
    return found | (_in_workers(manifest, workers) if workers else {})


def _in_workers(manifest: Any, workers: int) -> dict[str, float]:
    from torch.utils.data import DataLoader
    from torch.utils.data import Dataset as TorchDataset

    from suite.data.clips import worker_settings

    class Frames(TorchDataset[tuple[int, int]]):
        def __len__(self) -> int:
            return len(manifest.videos)

        def __getitem__(self, index: int) -> tuple[int, int]:
            return manifest.videos[index].frames, os.getpid()

    private = []
    loader = DataLoader(Frames(), batch_size=512, **worker_settings(workers))
    for _ in range(2):  # the second pass ends with every page touched that the first one touched
        for batch, (_, pids) in enumerate(loader):
            if batch == 0:
                private.append(_private_mib(pids.tolist()[0]))
    return {"worker_start_mib": private[0], "worker_end_mib": private[-1]}


def peak_mib() -> float:
    """Peak memory of this process; `getrusage` would give that of the process that started it, if it was larger."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _private_mib(pid: int) -> float:
    """Memory of a process that it shares with no other."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


if __name__ == "__main__":
    print(json.dumps(_read(sys.argv[1], int(sys.argv[2]))))
