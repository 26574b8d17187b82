"""A budget of device-hours, and the part of a grid that was chosen for it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from suite.spec import BadInput, shown

HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}


@dataclass(frozen=True)
class LeftOut:
    """Runs that a budget has no room for: what they have in common, how many they are, and what they would take."""

    what: str
    runs: int
    device_hours: float


@dataclass(frozen=True)
class Budget:
    """hours: device-hours at most; ids: the runs that were chosen, empty before that.

    The choice is stored with the selection, so that a better estimate does not change it in the middle of a sweep.
    of: a digest of all runs of the selection, among which they were chosen.
    used: device-hours of the chosen runs; next_hours: the smallest budget with more runs, 0 where none are left out.
    """

    hours: float
    ids: tuple[str, ...] = ()
    used: float = 0.0
    next_hours: float = 0.0
    basis: str = ""
    left_out: tuple[LeftOut, ...] = ()
    of: str = ""

    @property
    def text(self) -> str:
        """As it is typed on the command line."""
        for unit in ("d", "h"):
            if self.hours >= HOURS[unit] and (self.hours / HOURS[unit]).is_integer():
                return f"{self.hours / HOURS[unit]:g}{unit}"
        return f"{self.hours / HOURS['m']:.9f}".rstrip("0").rstrip(".") + "m"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Budget:
        """Raises KeyError, TypeError or ValueError where the data are none."""
        left_out = tuple(LeftOut(str(e["what"]), int(e["runs"]), float(e["device_hours"])) for e in data["left_out"])
        numbers = [float(data[key]) for key in ("used", "next_hours")]
        ids, of = tuple(map(str, data["ids"])), str(data.get("of", ""))
        return cls(float(data["hours"]), ids, *numbers, str(data["basis"]), left_out, of)

    @classmethod
    def parsed(cls, text: str) -> Budget:
        """From 200h, 90m or 3d.  Raises BadInput for anything else."""
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([mhd])", text.strip(), re.ASCII)
        if not found or not float(found[1]):
            raise BadInput(f"--budget expects device-hours such as 200h, 90m or 3d, not {shown(text)}.")
        return cls(float(found[1]) * HOURS[found[2]])


def device_time(hours: float) -> str:
    """Device-hours for a person: 2.4 device-minutes, 3.2 device-hours, 187 device-hours."""
    if hours < 1:
        return f"{60 * hours:.2g} device-minutes"
    return f"{f'{hours:.3g}' if hours < 100 else f'{hours:,.0f}'} device-hours"
