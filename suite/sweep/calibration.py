"""How fast a device trains, as `suite bench device` measured it: results/benchmarks/devices/<name>.json.

Two networks of equal multiply-adds differ much in time (depthwise convolutions, elementwise operators): the time is
fitted as `macs` seconds per multiply-add and `written` seconds per element that an operator writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from suite.data.dataset_info import info
from suite.spec import BadInput, shown
from suite.store.folder import dump_json, write_atomic
from suite.sweep.work import Work

FOLDER = Path("benchmarks") / "devices"  # below the results folder
STORED, SYNTHETIC = "stored", "synthetic"  # videos as data sets have them; those of the calibration sets


@dataclass(frozen=True)
class Rate:
    """Seconds per multiply-add, and per element written."""

    macs: float
    written: float = 0.0

    def seconds(self, work: Work) -> float:
        return self.macs * work.macs + self.written * work.written

    @classmethod
    def fitted(cls, measured: Iterable[tuple[Work, float]]) -> Rate:
        """The rate with the smallest relative errors (least squares) of (work, seconds), neither number negative."""
        points = [(work.macs / seconds, work.written / seconds) for work, seconds in measured]
        mm, mw, ww = (sum(a[i] * a[j] for a in points) for i, j in ((0, 0), (0, 1), (1, 1)))
        m, w = (sum(a[i] for a in points) for i in (0, 1))
        determinant = mm * ww - mw * mw
        if determinant > 1e-9 * mm * ww:
            rate = cls((m * ww - w * mw) / determinant, (w * mm - m * mw) / determinant)
            if rate.macs > 0 and rate.written >= 0:
                return rate
        return cls(m / mm)


@dataclass(frozen=True)
class Reading:
    """Seconds of one data-loading process per video, and per frame of it."""

    video: float
    frame: float

    def seconds(self, work: Work) -> float:
        return self.video * work.videos + self.frame * work.frames


@dataclass(frozen=True)
class Calibration:
    """A device that was measured; `threads` per run and `slots` runs at a time while it was (CPU)."""

    name: str
    device: str
    measured: str  # when, ISO 8601
    threads: int
    slots: int
    workers: int
    rates: dict[str, Rate]  # by precision
    reading: dict[str, Reading]  # STORED and SYNTHETIC; empty: not measured

    def seconds(self, work: Work, precision: str, dataset: str, threads: int, workers: int) -> float:
        """Of work in `precision` on videos of `dataset`; faster in proportion to `threads`, or GPUs, of a run.

        Data are loaded between two steps, or by `workers` processes beside them.
        """
        rate = self.rates.get(precision) or next(iter(self.rates.values()))
        share = (self.threads if self.device == "cpu" else 1) / threads
        computing = rate.seconds(work) * share
        videos = SYNTHETIC if info(dataset).reader == "calibrated" else STORED
        reading = self.reading[videos].seconds(work) if videos in self.reading else 0.0
        return max(computing, reading / workers) if workers else computing + reading

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Calibration:
        """Raises KeyError, TypeError or ValueError where the record is none."""
        rates: dict[str, Rate] = {}
        for precision in dict.fromkeys(str(row["precision"]) for row in record["rows"]):
            rows = [row for row in record["rows"] if row["precision"] == precision]
            rates[precision] = Rate.fitted((step_work(row), float(row["seconds"])) for row in rows)
        kinds = dict.fromkeys(str(row["videos"]) for row in record["data"])
        reading = {kind: _reading([row for row in record["data"] if row["videos"] == kind]) for kind in kinds}
        if not rates or not all(rate.macs > 0 for rate in rates.values()):
            raise ValueError
        numbers = [int(record[key]) for key in ("threads", "slots", "workers")]
        if numbers[0] < 1 or numbers[1] < 1 or numbers[2] < 0 or record["device"] not in ("cpu", "cuda"):
            raise ValueError
        if not all(
            isfinite(float(row["seconds"])) and row["seconds"] >= 0 for row in (*record["rows"], *record["data"])
        ):
            raise ValueError
        return cls(str(record["name"]), str(record["device"]), str(record["measured"]), *numbers, rates, reading)


def step_work(row: dict[str, Any]) -> Work:
    """The work of the training step that a row of the record timed."""
    clips = 3 * int(row["batch"])  # the backward pass costs twice the forward pass
    return Work(float(row["macs"]) * clips, float(row["written"]) * clips)


def _reading(rows: list[dict[str, Any]]) -> Reading:
    """From the seconds per clip at one or more numbers of frames."""
    few, many = (f(rows, key=lambda row: row["frames"]) for f in (min, max))
    if few["frames"] == many["frames"]:
        return Reading(float(few["seconds"]), 0.0)
    frame = max(0.0, (many["seconds"] - few["seconds"]) / (many["frames"] - few["frames"]))
    return Reading(max(0.0, few["seconds"] - frame * few["frames"]), frame)


def file_of(results: Path, name: str) -> Path:
    return results / FOLDER / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-') or 'device'}.json"


def make_folder(results: Path) -> None:
    (results / FOLDER).mkdir(parents=True, exist_ok=True)


def save(record: dict[str, Any], results: Path) -> Path:
    """Writes a record in place of an earlier one of the device; rows of other precisions stay.  Returns the file."""
    file = file_of(results, record["name"])
    measured = {row["precision"] for row in record["rows"]}
    if file.is_file() and (earlier := _record(file)) and earlier.get("threads") == record["threads"]:
        record = record | {"rows": record["rows"] + [r for r in earlier["rows"] if r["precision"] not in measured]}
    make_folder(results)
    write_atomic(file, dump_json(record))
    return file


def calibrations(results: Path) -> list[Calibration]:
    """All devices that were measured, by name.  Raises BadInput for a file that is damaged."""
    return [Calibration.from_record(_record(file)) for file in sorted((results / FOLDER).glob("*.json"))]


def calibration_of(results: Path, device: str, name: str) -> Calibration | None:
    """That of one device; None where it was not measured."""
    file = file_of(results, name)
    found = Calibration.from_record(_record(file)) if file.is_file() else None
    return found if found and (found.device, found.name) == (device, name) else None


def calibration_named(results: Path, text: str) -> Calibration:
    """The one whose name contains `text`, whatever the case.  Raises BadInput for none and for several."""
    known = calibrations(results)
    found = [one for one in known if one.name.lower() == text.lower()]
    found = found or [one for one in known if text.lower() in one.name.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"--on {shown(text)} could be {' or '.join(one.name for one in found)}.")
    there = f"; measured: {', '.join(one.name for one in known)}" if known else ""
    raise BadInput(
        f"No device {shown(text)} in {results / FOLDER}{there}. Run `suite bench device` on it, and copy the file that "
        "it writes."
    )


def _record(file: Path) -> dict[str, Any]:
    try:
        record = json.loads(file.read_text())
        Calibration.from_record(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise BadInput(f"{file} is damaged; remove it, or measure again with `suite bench device`.") from None
    return record
