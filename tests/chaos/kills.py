"""The kinds of kills: which process of a sweep gets SIGKILL, and when."""

import os
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from suite.store.folder import RunFolder
from tests.chaos.drivers import Driver, left_by, run_folders, short_name
from tests.chaos.processes import Tree, kill

PATIENCE = 240.0  # seconds until a kill must have found its moment; the machine may be busy
LOOK = 0.003  # seconds between looks for a file that is being written
RESULTS = "result.json predictions.parquet"


@dataclass
class Kill:
    """One kill: what it hits and what is set up for it when its driver is started."""

    kind: str
    hold: str = ""  # files whose writing is slowed down
    options: tuple = ()  # of the driver

    def needs_start(self) -> bool:
        """Whether it only works in a driver that was started for it."""
        return bool(self.hold or self.options)


KINDS = {  # with their share in 50
    "driver": (9, Kill("driver")),
    "worker": (9, Kill("worker")),
    "driver and workers": (8, Kill("driver and workers")),
    "checkpoint": (8, Kill("checkpoint")),
    "result": (7, Kill("result", hold=RESULTS)),
    "loader": (5, Kill("loader", options=("--workers", 1))),
    "fork server": (4, Kill("fork server")),
}


def drawn(number: int, chance: random.Random) -> list[Kill]:
    """That many kills in random order, of each kind its share; each kind once where there are few."""
    total = sum(share for share, _ in KINDS.values())
    kills = [kill for share, kill in KINDS.values() for _ in range(share * number // total)]
    kinds = [kill for _, kill in KINDS.values()]
    chance.shuffle(kinds)
    while len(kills) < number:
        kills.append(min(kinds, key=kills.count))
    chance.shuffle(kills)
    return kills


@dataclass
class Hit:
    """What a kill has done."""

    what: str
    state: str = ""


@dataclass
class Moment:
    """Waits for the moment of a kill, and kills."""

    driver: Driver
    chance: random.Random
    logs: dict[str, int] = field(default_factory=dict)  # sizes of logs before
    done: set[str] = field(default_factory=set)  # runs that were done before
    began: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        folders = run_folders(self.driver.results)
        self.logs = {folder.id: _size(folder) for folder in folders}
        self.done = {folder.id for folder in folders if folder.result_file.exists()}

    def strike(self, what: Kill) -> Hit | None:
        """None where the sweep ended before."""
        if not self._until(self._at_work):
            return None
        by_kind = {"checkpoint": self._in_checkpoint, "result": self._in_result, "loader": self._loader}
        return by_kind.get(what.kind, lambda: self._at_random(what.kind))()

    def _at_random(self, kind: str) -> Hit | None:
        until = time.monotonic() + self.chance.uniform(0.0, 2.0)
        while time.monotonic() < until:
            if not self.driver.alive():
                return None
            time.sleep(0.02)
        tree = self.driver.tree()
        targets = {
            "driver": [tree.driver],
            "worker": tree.workers[:1] if self.chance.random() < 0.5 else tree.workers[-1:],
            "driver and workers": [tree.driver, *tree.server, *tree.workers, *tree.loaders],
            "fork server": tree.server,
        }[kind]
        return self._killed(kind, targets, run_folders(self.driver.results))

    def _in_checkpoint(self) -> Hit | None:
        """A checkpoint is half written."""
        return self._in_writing("worker, writing a checkpoint", lambda folder: folder.path.glob(".checkpoint.pt.*"))

    def _in_result(self) -> Hit | None:
        """The predictions or the result of a run are written but have not got their names, or have just got them."""
        file = self.chance.choice(("result.json", "predictions.parquet"))
        if self.chance.random() < 0.3:
            return self._in_writing(
                "worker, result.json just renamed",
                lambda folder: [folder.result_file] if folder.id not in self.done else [],
            )
        return self._in_writing(f"worker, writing {file}", lambda folder: folder.path.glob(f".{file}.*"))

    def _in_writing(self, what: str, written: Callable[[RunFolder], Iterable[Path]]) -> Hit | None:
        """Kills all workers, or the whole sweep, while a file of a run is written."""
        tree = Tree(0, [], [], [])

        def at_it(folder: RunFolder) -> bool:
            """Whether a worker of this driver, and no earlier one, has begun to write."""
            sizes = [found.st_mtime for file in written(folder) if (found := _status(file)) and found.st_size]
            return any(changed > self.began for changed in sizes) and worker_of(folder) in tree.workers

        seen = time.monotonic()
        while self.driver.alive() and time.monotonic() - seen < PATIENCE:
            tree = self.driver.tree()
            until = time.monotonic() + 0.5  # then the workers may be others
            while tree.workers and time.monotonic() < until:
                if folders := [folder for folder in run_folders(self.driver.results) if at_it(folder)]:
                    everything = self.chance.random() < 0.3
                    pids = [tree.driver, *tree.server, *tree.workers] if everything else tree.workers
                    return self._killed(what + (", and driver" if everything else ""), pids, folders)
                time.sleep(LOOK)
            time.sleep(LOOK)
        return None

    def _loader(self) -> Hit | None:
        if not self._until(lambda: bool(self.driver.tree().loaders)):
            return None
        time.sleep(self.chance.uniform(0.0, 0.5))
        return self._killed("loader", self.driver.tree().loaders[:1], run_folders(self.driver.results))

    def _killed(self, what: str, pids: list[int], folders: list[RunFolder]) -> Hit | None:
        hit = kill(*pids)
        if not hit:
            return None if not self.driver.alive() else Hit("")
        time.sleep(0.02)
        states = [f"{short_name(folder)}: {left_by(folder)}" for folder in folders if folder.id not in self.done]
        return Hit(what, "; ".join(states) or "no run begun")

    def _at_work(self) -> bool:
        """Whether a run that is not done has begun or resumed its training since this moment was waited for."""
        folders = [folder for folder in run_folders(self.driver.results) if not folder.result_file.exists()]
        return any(_size(folder) > self.logs.get(folder.id, 0) for folder in folders)

    def _until(self, reached: Callable[[], bool]) -> bool:
        until = time.monotonic() + PATIENCE
        while self.driver.alive():
            if reached():
                return True
            if time.monotonic() > until:
                printed = self.driver.printed.read_text()
                raise TimeoutError(f"no kill within {PATIENCE:.0f} s; the sweep printed:\n{printed}")
            time.sleep(0.02)
        return False


def worker_of(folder: RunFolder) -> int:
    """The process that works on a run, by its claim; 0 where there is none."""
    claim = folder.claim()
    return claim.pid if claim else 0


def _size(folder: RunFolder) -> int:
    return folder.log.stat().st_size if folder.log.exists() else 0


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
