"""Kills a small sweep at random moments, and compares its files with those of a sweep that was left alone.

make chaos ARGS='--kills 50 --seed 0 --folder DIR'
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from suite.data.synthetic import synthesize
from tests.chaos.drivers import GRID, VIDEOS, Driver, differences
from tests.chaos.kills import Kill, Moment, drawn

LAST = 600.0  # seconds for a sweep to finish when it is left alone
SEATS = {  # the drivers that share one results folder: names, and their options
    "one": {"sweep": ()},
    "two": {"first sweep": (), "second sweep": ()},
    "shard": {"shard": ("--shard", "1/2"), "whole sweep": ()},
}


class Chaos:
    """Rounds: a sweep is killed until it is done or no kill is left, then compared; then another one begins."""

    def __init__(self, folder: Path, kills: int, seed: int, seats: str = ""):
        """seats: of SEATS; by default they take turns."""
        self.folder, self.chance, self.seats = folder, random.Random(seed), seats
        self.data, self.grid, self.undisturbed = folder / "data", folder / "small.yaml", folder / "undisturbed"
        self.kills, self.total, self.number, self.equal, self.rounds = drawn(kills, self.chance), kills, 0, 0, 0
        self.began = time.monotonic()

    def log(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def prepare(self) -> None:
        """The data, and the sweep that nobody disturbs."""
        synthesize("calib_order", self.data, videos=VIDEOS)
        self.grid.write_text(GRID)
        driver = Driver(self.grid, self.data, self.undisturbed)
        try:
            self.finish(driver)
        finally:
            driver.kill()
        self.log("the undisturbed sweep is done")

    def finish(self, driver: Driver) -> None:
        """Lets a sweep work to its end.  Raises RuntimeError where it does not end well."""
        if not driver.alive():
            driver.start()
        if driver.wait(LAST) is None:
            driver.complain(f"did not end within {LAST:.0f} s")
        if not driver.has_finished():
            driver.complain("was stopped")

    def run(self) -> int:
        """The number of kills whose sweeps ended with equal files."""
        while self.number < self.total:
            self.rounds += 1
            results = self.folder / f"round{self.rounds}"
            before = self.number
            try:
                self.round(results)
            except (RuntimeError, TimeoutError) as error:
                self.log(f"round {self.rounds}: FAILED. {error}")
                break
            found = differences(results, self.undisturbed)
            if found:
                self.log(f"round {self.rounds}: NOT EQUAL. {'; '.join(found)}")
                continue
            self.equal += self.number - before
            self.log(f"round {self.rounds}: {self.number - before} kills, all files equal")
            shutil.rmtree(results)
        return self.equal

    def round(self, results: Path) -> None:
        """Kills the drivers of one sweep and their processes until all have finished, or no kill is left."""
        seats = SEATS[self.seats or list(SEATS)[(self.rounds - 1) % len(SEATS)]]
        drivers = [Driver(self.grid, self.data, results, extra, name) for name, extra in seats.items()]
        try:
            while self.number < self.total and (left := [driver for driver in drivers if not driver.has_finished()]):
                for other in left[1:]:
                    if not other.alive():
                        other.start()
                what, driver = self.kills[self.number], self.chance.choice(left)
                hit = self.ready(driver, what).strike(what)
                if hit is not None and hit.what:
                    self.number += 1
                    of = f" of the {driver.name}" if len(seats) > 1 else ""
                    self.log(f"{self.number:2d}/{self.total}  {hit.what + of:34s}  {hit.state}")
            for driver in drivers:
                if not driver.finished:
                    driver.alive() or driver.start()
            for driver in drivers:
                driver.finished or self.finish(driver)
            if len(drivers) > 1:  # the last report may be that of a part
                self.finish(Driver(self.grid, self.data, results, name="last sweep"))
        finally:
            for driver in drivers:
                driver.kill()

    def ready(self, driver: Driver, what: Kill) -> Moment:
        """A driver at work, started for this kill where it needs that."""
        if driver.alive() and what.needs_start():
            driver.process.terminate()  # stopped as a person would: nothing is lost either
            driver.wait(LAST)
        if not driver.alive():
            if self.chance.random() < 0.5:
                driver.wait_for_orphans()  # else they still hold the locks of their runs
            driver.start(*what.options, hold=what.hold)
        return Moment(driver, self.chance)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="an empty folder to work in, kept (default: a temporary one)")
    parser.add_argument("--drivers", choices=SEATS, default="", help="one sweep, two at once, or a shard beside one")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the sweeps end too
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{given.kills} kills, seed {given.seed}", flush=True)
        chaos = Chaos(folder, given.kills, given.seed, given.drivers)
        chaos.prepare()
        equal = chaos.run()
    print(f"{equal} of {given.kills}")
    return 0 if equal == given.kills else 1


if __name__ == "__main__":
    sys.exit(main())
