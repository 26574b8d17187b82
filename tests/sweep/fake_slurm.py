"""A Slurm that runs nothing: commands on PATH that read and write files, and a module `submitit` that counts jobs."""

import contextlib
import os
import sys
import types
from types import SimpleNamespace

COMMANDS = {
    "squeue": 'case "$*" in *%N*) cat {d}/queue;; *) cut -d"|" -f1,2 {d}/queue;; esac; test ! -e {d}/down',
    "scancel": 'echo "$*" >> {d}/cancelled',
    "sinfo": "cat {d}/partitions",
    "scontrol": 'echo "SelectTypeParameters    = $(cat {d}/select)"',
    "sbatch": "",
    "srun": "",
}


class FakeSlurm:
    """folder: of its files; arrays: (options of sbatch, functions) of each submission."""

    def __init__(self, folder):
        self.folder, self.arrays, self.jobs = folder, [], 0
        (folder / "bin").mkdir(parents=True)
        for name, text in COMMANDS.items():
            script = folder / "bin" / name
            script.write_text(f"#!/bin/sh\n{text.format(d=folder)}\n")
            script.chmod(0o755)
        self.queue()
        self.partitions("main*|1:00:00|8000")
        self.memory(False)

    def queue(self, *lines):
        """job|STATE|node|reason"""
        (self.folder / "queue").write_text("".join(f"{line}\n" for line in lines))

    def partitions(self, *lines):
        """name, with * for the default one|time limit|MiB of a node"""
        (self.folder / "partitions").write_text("".join(f"{line}\n" for line in lines))

    def memory(self, counts):
        (self.folder / "select").write_text("CR_CPU_MEMORY" if counts else "CR_CPU")

    def cancelled(self):
        file = self.folder / "cancelled"
        return file.read_text() if file.exists() else ""

    def installed(self, patch):
        patch.setenv("PATH", f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
        module = types.ModuleType("submitit")
        module.SlurmExecutor = lambda folder: _Submitter(self)
        patch.setitem(sys.modules, "submitit", module)
        return self


class _Submitter:
    def __init__(self, slurm):
        self.slurm, self.options = slurm, {}

    def update_parameters(self, **options):
        self.options |= options

    @contextlib.contextmanager
    def batch(self):
        self.slurm.arrays.append((self.options["additional_parameters"], []))
        yield

    def submit(self, task):
        self.slurm.jobs += 1
        self.slurm.arrays[-1][1].append(task)
        return SimpleNamespace(job_id=self.slurm.jobs)
