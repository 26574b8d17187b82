"""Kills a small sweep at random moments, and compares its files with those of a sweep that was left alone.

make chaos ARGS='--kills 50 --seed 0 --folder DIR'
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from suite.data.synthetic import synthesize
from tests.chaos.drivers import GRID, VIDEOS, Driver, differences
from tests.chaos.kills import Kill, Moment, drawn

LAST = 600.0  # seconds for a sweep to finish when it is left alone


class Chaos:
    """Rounds: a sweep is killed until it is done or no kill is left, then compared; then another one begins."""

    def __init__(self, folder: Path, kills: int, seed: int):
        self.folder, self.chance = folder, random.Random(seed)
        self.data, self.grid, self.undisturbed = folder / "data", folder / "small.yaml", folder / "undisturbed"
        self.kills, self.total, self.number, self.equal, self.rounds = drawn(kills, self.chance), kills, 0, 0, 0
        self.began = time.monotonic()

    def log(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def prepare(self) -> None:
        """The data, and the sweep that nobody disturbs."""
        synthesize("calib_order", self.data, videos=VIDEOS)
        self.grid.write_text(GRID)
        self.finish(Driver(self.grid, self.data, self.undisturbed))
        self.log("the undisturbed sweep is done")

    def finish(self, driver: Driver) -> None:
        """Lets a sweep work to its end.  Raises RuntimeError where it does not end well."""
        if not driver.alive():
            driver.start()
        code = driver.wait(LAST)
        if code != 0:
            driver.kill()
            said = "did not end" if code is None else f"ended with exit code {code}"
            raise RuntimeError(f"{driver.name} {said}; it printed:\n{driver.printed.read_text()}")

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
        """Kills one sweep until it is done, or no kill is left."""
        driver = Driver(self.grid, self.data, results)
        try:
            while self.number < self.total:
                what = self.kills[self.number]
                moment = self.ready(driver, what)
                hit = moment.strike(what)
                if hit is None and not driver.alive():
                    break
                if hit is not None and hit.what:
                    self.number += 1
                    self.log(f"{self.number:2d}/{self.total}  {hit.what:34s}  {hit.state}")
            self.finish(driver)
        finally:
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
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{given.kills} kills, seed {given.seed}", flush=True)
        chaos = Chaos(folder, given.kills, given.seed)
        chaos.prepare()
        equal = chaos.run()
    print(f"{equal} of {given.kills}")
    return 0 if equal == given.kills else 1


if __name__ == "__main__":
    sys.exit(main())
