"""Speed of a device for `suite plan`: training steps of a few models of different kinds, and reading of clips."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from suite.store.provenance import device_facts, environment
from suite.sweep.calibration import STORED, SYNTHETIC, Calibration, step_work
from suite.sweep.executors.machine import Machine

# 2-D, 3-D, with 1x1 convolutions, with depthwise temporal ones, with grouped ones, and attention
MODELS = ("tsn-resnet18", "i3d-resnet18", "tsn-resnet50", "tam-resnet50", "mfnet", "cstransformer-v1")
FRAMES = 8
CLIPS = {"cpu": (112, 2), "cuda": (224, 16)}  # pixels, clips per step
STEPS = {"cpu": 2, "cuda": 20}  # timed, after as many as are needed to warm up
WARM_UP = {"cpu": 1, "cuda": 5}
READ = 24  # clips per number of frames
PICTURE, LENGTH = (240, 320), 48  # pixels and frames of a stored video, about one of Something-Something
CLASSES = 100


def bench_device(
    machine: Machine, names: Sequence[str] = MODELS, precisions: Sequence[str] = ("fp32",)
) -> dict[str, Any]:
    """The record of `suite.sweep.calibration`: seconds per training step and per clip that is read.

    On a CPU, `machine.slots` processes of `machine.threads` threads measure at the same time, as a sweep runs them; the
    record has their mean.  With one thread the seconds are CPU time, so that other work on the machine does not count;
    `busy_elsewhere` is the share of the time in which it had the CPU.
    """
    processes = machine.slots if machine.device == "cpu" else 1
    began, work = time.perf_counter(), [(machine.device, machine.threads, tuple(names), tuple(precisions))] * processes
    with (
        _environment(OMP_NUM_THREADS=str(machine.threads), GOMP_SPINCOUNT="0"),
        ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool,
    ):
        measured = list(pool.map(_measure, work))
    first = measured[0]
    for kind in ("rows", "data"):
        for number, row in enumerate(first[kind]):
            row["seconds"] = statistics.fmean(one[kind][number]["seconds"] for one in measured)
    passed, used = (sum(one[clock] for one in measured) for clock in ("wall_seconds", "cpu_seconds"))
    record = first["facts"] | {
        "measured": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "slots": machine.slots,
        "workers": machine.workers,
        "rows": first["rows"],
        "data": first["data"],
        "cores": os.cpu_count(),
        "busy_elsewhere": round(max(0.0, 1 - used / passed), 2) if machine.device == "cpu" else None,
        "took_seconds": round(time.perf_counter() - began, 1),
        "environment": environment(),
    }
    calibration = Calibration.from_record(record)
    for row in record["rows"]:
        work_done = step_work(row)
        row["tera_macs_per_second"] = work_done.macs / row["seconds"] / 1e12
        row["fitted_error"] = calibration.rates[row["precision"]].seconds(work_done) / row["seconds"] - 1
    return record


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Variables that child processes find before torch loads."""
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _measure(how: tuple[str, int, tuple[str, ...], tuple[str, ...]]) -> dict[str, Any]:
    """What one process measures."""
    import torch

    from suite.device import set_determinism

    device, threads, names, precisions = how
    torch.set_num_threads(threads)
    set_determinism(device)
    clock = time.process_time if device == "cpu" and threads == 1 else time.perf_counter
    began = time.perf_counter(), time.process_time()
    rows = [_step_row(name, precision, device, clock) for precision in precisions for name in names]
    data = _reading_rows(clock)
    wall, cpu = time.perf_counter() - began[0], (time.process_time() - began[1]) / threads
    return {"facts": device_facts(device), "rows": rows, "data": data, "wall_seconds": wall, "cpu_seconds": cpu}


def _step_row(name: str, precision: str, device: str, clock: Callable[[], float]) -> dict[str, Any]:
    """Median seconds of a training step: pixels to logits, backward pass and update."""
    import torch
    import torch.nn.functional as F

    from suite.device import autocast
    from suite.models import build
    from suite.models.cost import cost
    from suite.models.inputs import to_network

    size, batch = CLIPS[device]
    counted = cost(name, FRAMES, size, CLASSES)
    model = build(name, CLASSES, FRAMES, size).to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    clips = torch.randint(0, 256, (batch, FRAMES, size, size, 3), dtype=torch.uint8)
    labels = torch.randint(CLASSES, (batch,), device=device)
    seconds = []
    for _ in range(WARM_UP[device] + STEPS[device]):
        began = clock()
        optimizer.zero_grad(set_to_none=True)
        with autocast(precision, device):
            logits = model(to_network(clips, name, device))
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        seconds.append(clock() - began)
    return {
        "model": name,
        "frames": FRAMES,
        "size": size,
        "batch": batch,
        "precision": precision,
        "macs": counted.macs,
        "written": counted.written,
        "seconds": statistics.median(seconds[WARM_UP[device] :]),
    }


def _reading_rows(clock: Callable[[], float]) -> list[dict[str, Any]]:
    """Seconds per clip of one process: decoding, crop and resizing; of a stored video and of a calibration video.

    Small videos are decoded once and kept, as in a run; stored ones are decoded for each clip.
    """
    from suite.data.decoding import Decoder
    from suite.data.rng import generator
    from suite.data.synthetic import encode
    from suite.data.transforms import train_view
    from suite.spec import Augmentation

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, picture, size in ((STORED, PICTURE, 224), (SYNTHETIC, (32, 32), 32)):
            file = Path(folder) / f"{kind}.webm"
            encode(_moving_picture(picture), file, crf=30)
            for frames in (8, 32):
                indices, seconds = [i * LENGTH // frames for i in range(frames)], []
                decoder = Decoder(0 if kind == STORED else 1 << 30)
                for number in range(READ):
                    began = clock()
                    clip = decoder.read(file, indices, LENGTH)
                    train_view(clip, size, Augmentation(), False, generator(0, number))
                    seconds.append(clock() - began)
                about = {"videos": kind, "picture": list(picture), "length": LENGTH, "codec": "vp9", "size": size}
                rows.append(about | {"frames": frames, "seconds": statistics.median(seconds)})
    return rows


def _moving_picture(shape: tuple[int, int]) -> Any:
    """Frames (LENGTH, H, W, 3), uint8: a smooth picture that moves by one pixel per frame."""
    import numpy as np

    height, width = shape
    y, x = np.mgrid[:height, : width + LENGTH]
    waves = [np.sin(x / 7 + y / 11), np.sin(x / 13 - y / 5), np.sin(x / 3) * np.cos(y / 17)]
    picture = (127 + 120 * np.stack(waves, -1)).astype(np.uint8)
    return np.stack([picture[:, t : t + width] for t in range(LENGTH)])
