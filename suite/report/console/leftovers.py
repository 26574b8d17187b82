"""What `suite clean` found, for a person."""

from __future__ import annotations

from typing import Any

from suite.program import command
from suite.spec import printable


def print_leftovers(found: dict[str, Any]) -> None:
    """One line per failed or abandoned run, then what is kept and what was done."""
    for run in found["runs"]:
        print(f"{run['state']:9}  {run['id']}  {run['epochs']} epochs, {run['bytes'] / 2**20:.1f} MiB")
        if run["error"]:
            print(printable(f"           {run['error']}"))
    kept = ", ".join(f"{count} {reason}" for reason, count in found["kept"].items() if count)
    print(f"Kept: {kept or 'none'}.")
    count = len(found["runs"])
    runs = f"{count} failed or abandoned run{'' if count == 1 else 's'}, {found['bytes'] / 2**20:.1f} MiB"
    if not found["runs"]:
        print(f"{found['grid']} has no failed or abandoned runs.")
    elif found["removed"]:
        print(f"Removed {runs}.")
    else:
        print(f"Found {runs}; nothing is removed without --yes: {command('clean ' + found['grid'] + ' --yes')}")
