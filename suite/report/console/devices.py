"""What `suite bench device` answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.report.console.plain import show, table


def print_device(record: dict[str, Any], file: Path) -> None:
    """One line per model: seconds of a training step, speed, and how far the fit for `suite plan` is from it."""
    made = table("model", "clips", "precision", ">step", ">T multiply-adds/s", ">fitted")
    for row in record["rows"]:
        made.add_row(
            row["model"],
            f"{row['batch']} of {row['frames']}x{row['size']}x{row['size']}",
            row["precision"],
            f"{1000 * row['seconds']:.0f} ms",
            f"{row['tera_macs_per_second']:.3g}",
            f"{100 * row['fitted_error']:+.0f} %",
        )
    clips = ", ".join(
        f"{1 / row['seconds']:,.0f} clips/s ({row['frames']} frames of {row['videos']} videos)"
        for row in record["data"]
    )
    how = f", {record['slots']} runs at a time, CPU threads per run: {record['threads']}"
    show(made, "", f"{record['name']}{how if record['device'] == 'cpu' else ''}.")
    if (record["busy_elsewhere"] or 0) > 0.2:
        share = f"{100 * record['busy_elsewhere']:.0f} %"
        show(f"Other processes used the CPU for {share} of the time.")
    show(f"Reading data, one process: {clips}.", f"Stored for suite plan: {file}")
