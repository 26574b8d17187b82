"""Out of memory: told in one sentence, with what the plan estimates, what the device has, and what may be done."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite.spec.protocol import Protocol
from suite.store.full_disk import causes_of
from suite.store.identity import RunSpec

ON_CPU = re.compile(r"DefaultCPUAllocator: (can't allocate memory|not enough memory)")
ON_GPU = re.compile(r"CUDA (error: )?out of memory|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED")
CGROUPS = Path("/sys/fs/cgroup")
GIB = 2**30
GPU, RAM = "GPU memory", "memory"


def no_memory(
    error: BaseException, spec: Mapping[str, Any], gib: float, progress: Mapping[str, Any], device: str
) -> str | None:
    """One sentence or two where an error comes from a lack of memory; None for any other error.

    spec: the run, as spec.yaml has it; gib: memory of a training step as the plan estimates it, 0 where it does not;
    progress: what the run last reported of itself.
    """
    kind = next((found for cause in causes_of(error) if (found := _kind(cause))), None)
    if kind is None:
        return None
    testing = bool(progress.get("videos"))
    of_gpu = kind == GPU
    numbers = _numbers(gib, _gpu(device) if of_gpu else _ram())
    return f"Out of {kind} while {'testing' if testing else 'training'}{numbers}. {advice(spec, testing)}"


def was_killed(before: int | None, gib: float, what: str = "The process of the run") -> str | None:
    """The sentence on a process that ended by SIGKILL, where the kernel has killed one since for want of memory.

    before: what `oom_kills` gave when the process began.
    """
    if before is None or (oom_kills() or 0) <= before:
        return None
    return (
        f"{what} was killed because memory ran out{_numbers(gib, _ram())}. Fewer runs at the same time (--slots) or "
        "fewer data-loading processes (--workers) need less memory."
    )


def _kind(error: BaseException) -> str | None:
    if type(error).__name__ == "OutOfMemoryError" or (isinstance(error, RuntimeError) and ON_GPU.search(str(error))):
        return GPU
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return RAM
    return RAM if isinstance(error, RuntimeError) and ON_CPU.search(str(error)) else None


def _numbers(gib: float, there: str) -> str:
    parts = [f"the plan estimates {_amount(gib)} for a training step"] if gib else []
    parts += [there] if there else []
    return f": {', and '.join(parts)}" if parts else ""


def advice(spec: Mapping[str, Any], testing: bool) -> str:
    """What may be done, and what it would change.

    No step is made smaller unasked: step_batch is part of what a run is.
    """
    shared = "Fewer runs at the same time (--slots) leave more memory to each."
    try:
        protocol = RunSpec.from_resolved(dict(spec)).protocol
    except Exception:  # of a job that is no run of ours
        return shared
    if testing:
        smaller = max(1, protocol.evaluation.batch // 2)
        return f"{shared} A smaller batch for testing (--set evaluation.batch={smaller}) changes no run id."
    smaller = _smaller_step(protocol)
    if smaller is None:
        return shared
    option = f"--set step_batch={smaller}"
    if protocol.sync_bn:
        return f"{shared} With sync_bn, a step has all {protocol.batch} clips of an update and cannot be smaller."
    if has_batch_norm(spec) is False:
        return (
            f"{shared} {option} needs less memory; the model has no batch normalisation, so the gradients stay the "
            "same up to rounding and dropout masks, but the run gets another id."
        )
    return (
        f"{shared} {option} needs less memory, but batch normalisation then sees {smaller} clips instead of "
        f"{protocol.per_step}: another run with another id, and a confound in comparisons."
    )


def _smaller_step(protocol: Protocol) -> int | None:
    """The largest step_batch of at most half the present one; None where a step has one clip."""
    half = protocol.per_step // 2
    return next((n for n in range(half, 0, -1) if protocol.batch % n == 0), None)


def has_batch_norm(spec: Mapping[str, Any]) -> bool | None:
    """Whether a model normalises over the batch; None where it cannot be built here."""
    import torch
    from torch.nn.modules.batchnorm import _NormBase

    from suite.models import build
    from suite.models.cost import NoDraws

    with contextlib.suppress(Exception), torch.device("meta"), NoDraws():
        run = RunSpec.from_resolved(dict(spec))
        model = build(run.network, 2, run.frames, run.protocol.size)
        return any(isinstance(layer, _NormBase) for layer in model.modules())
    return None


def _gpu(device: str) -> str:
    import torch

    with contextlib.suppress(Exception):
        free, total = torch.cuda.mem_get_info(device)
        others = total - free - torch.cuda.memory_reserved(device)
        used = f", of which other processes use {_amount(others / GIB)}" if others > GIB else ""
        return f"the GPU ({torch.cuda.get_device_name(device)}) has {_amount(total / GIB)}{used}"
    return ""


def _ram() -> str:
    with contextlib.suppress(OSError, ValueError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limit = next((int(text) for text in _cgroup_texts("memory.max", "memory.limit_in_bytes") if text.isdigit()), 0)
        return f"this machine has {_amount(min(limit or total, total) / GIB)} for all processes"
    return ""


def oom_kills() -> int | None:
    """How many processes the kernel has killed so far for want of memory, here; None where that is not known."""
    for text in _cgroup_texts("memory.events", "memory.oom_control"):
        if found := re.search(r"^oom_kill (\d+)$", text, re.MULTILINE):
            return int(found[1])
    with contextlib.suppress(OSError):
        if found := re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE):
            return int(found[1])
    return None


def _cgroup_texts(name: str, older: str) -> list[str]:
    """What a file of this process's cgroup holds, by its name in version 2 and in version 1 of cgroups."""
    files = []
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                files += [CGROUPS / path.lstrip("/") / name, CGROUPS / name]
            elif "memory" in controllers.split(","):
                files += [CGROUPS / "memory" / path.lstrip("/") / older, CGROUPS / "memory" / older]
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            found.append(file.read_text().strip())
    return found


def _amount(gib: float) -> str:
    return f"{gib * 1024:.0f} MiB" if gib < 1 else f"{gib:.1f} GiB"
