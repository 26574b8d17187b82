"""How figures look: a colour per module, a marker per backbone, a dash per kind of pooling, legends below the data."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from suite.spec import display_architecture, display_backbone
from suite.statistics.run_table import ENSEMBLE, MODULE_ORDER, rank

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

WIDTH = 7.0  # inches, the text width of a paper; no letter is below 8 points at it

# Okabe and Ito's palette, distinct for colour-blind readers; its yellow is left out: too faint on white.
COLOURS = {"tsn": "#000000", "tsm": "#56B4E9", "tam": "#009E73", "conv": "#CC79A7", "s3d": "#E69F00", "i3d": "#D55E00"}
MORE_COLOURS = ("#0072B2", "#999999", "#661100", "#44AA99", "#AA4499", "#6699CC")
MARKERS = {"resnet18": "o", "resnet34": "D", "resnet50": "s", "resnet101": "P", "inception_v1": "^"}
MARKERS |= {ENSEMBLE: "*"}
LETTERS = 34  # of a line of an ensemble's name in a legend
MORE_MARKERS = ("v", "X", "<", ">", "p")
POOLING = {"none": "without temporal pooling", "tp": "with temporal pooling", "tp=max": "with temporal max-pooling"}
DASHES = {"none": "-", "tp": (0, (4, 2)), "tp=max": (0, (1, 1.5))}
STYLE = {
    **{"font.size": 8, "axes.titlesize": 9, "legend.fontsize": 8, "legend.title_fontsize": 8, "axes.linewidth": 0.6},
    **{"axes.grid": True, "axes.axisbelow": True, "grid.color": "#dddddd", "grid.linewidth": 0.5},
    **{"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "pdf.fonttype": 42},
    **{"text.parse_math": False},  # a "$" in somebody's name is a dollar
}


def styled(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Runs `draw` with STYLE over matplotlib's defaults, whatever the person's own settings are."""

    @functools.wraps(draw)
    def inside(*args: Any, **kwargs: Any) -> Any:
        import matplotlib

        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
            return draw(*args, **kwargs)

    return inside


class Look:
    """Colour of each module and marker of each backbone among `runs`; fixed for the common ones."""

    def __init__(self, runs: pd.DataFrame):
        modules = sorted(set(runs["architecture"]), key=module_rank)
        self.ensembles = set(runs.loc[runs["body"] == ENSEMBLE, "architecture"])
        bodies = ordered(runs, "body")
        self.colour = _assign(modules, COLOURS, MORE_COLOURS)
        self.marker = _assign(bodies, MARKERS, MORE_MARKERS)

    def colours(self) -> list[Artist]:
        return [patch(colour, self._title(module)) for module, colour in self.colour.items()]

    def _title(self, module: str) -> str:
        return textwrap.fill(module, LETTERS) if module in self.ensembles else display_architecture(module)

    def markers(self) -> list[Artist]:
        return [
            dot(22, display_backbone(body) or "standalone architecture", marker, "#444444")
            for body, marker in self.marker.items()
        ]


def ensembles_apart(runs: pd.DataFrame) -> pd.DataFrame:
    """Cells of `ResultsTable` in which every ensemble is a module of its own name, on the backbone "ensemble"."""
    fused = runs["module"] == ENSEMBLE
    if not fused.any():
        return runs
    name, body = runs["architecture"].mask(fused, runs["name"]), runs["body"].mask(fused, ENSEMBLE)
    return runs.assign(architecture=name, body=body)


def _assign(names: list[str], fixed: dict[str, str], more: tuple[str, ...]) -> dict[str, str]:
    others = [name for name in names if name not in fixed]
    return {name: fixed[name] if name in fixed else more[others.index(name) % len(more)] for name in names}


def module_rank(architecture: str) -> tuple:
    module, plus, blocks = architecture.partition("+")
    return (rank(MODULE_ORDER, module.partition("@")[0]), module, plus, blocks)


def ordered(runs: pd.DataFrame, column: str, known: tuple[str, ...] = ()) -> list[str]:
    return sorted(set(runs[column]), key=lambda value: rank(known, value))


def shade(colour: str, step: int, steps: int) -> tuple[float, ...]:
    """The colour of the `step`-th of `steps` frame counts: the more frames, the darker."""
    from matplotlib.colors import to_rgb

    strength = 1.0 if steps == 1 else 0.3 + 0.7 * step / (steps - 1)
    return tuple(1 - strength * (1 - part) for part in to_rgb(colour))


_PLACES = {1: ["left"], 2: ["left", "right"], 3: ["left", "center", "right"]}


def legends(figure: Figure, *groups: tuple[str, list[Artist]]) -> None:
    """Puts up to three legends side by side below the panels, their titles on one line."""
    large = [any(getattr(h, "get_markersize", lambda: 0)() > 8 for h in handles) for _, handles in groups]
    longest = max(len(handles) for _, handles in groups)
    tried = range(2 if any(large) else 1, longest + 1)
    rows = next((n for n in tried if _fit(groups, n, large)), max(longest, 2))
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.16 * max(rows - 2, 0))
    for place, (title, handles), is_large in zip(_PLACES[len(groups)], groups, large, strict=True):
        columns = math.ceil(len(handles) / rows)
        if is_large:  # circles that need room: all in the second row
            columns, below = len(handles), [patch("none", "")] * (rows - 2)
            handles = [entry for handle in handles for entry in [patch("none", ""), handle, *below]]
        handles = handles + [patch("none", "")] * (rows * columns - len(handles))
        figure.legend(
            handles=handles,
            loc=f"outside lower {place}",
            title=title,
            ncols=columns,
            columnspacing=1.2,
            handletextpad=1.2 if is_large else 0.5,
            alignment="left",
        )


def _fit(groups: tuple[tuple[str, list[Artist]], ...], rows: int, large: list[bool]) -> bool:
    """Whether legends of so many rows stand side by side within WIDTH, by the number of their letters."""
    widths = []  # points
    for (title, handles), is_large in zip(groups, large, strict=True):
        columns = len(handles) if is_large else math.ceil(len(handles) / rows)
        step = math.ceil(len(handles) / columns)
        lengths = [max(map(len, handle.get_label().split("\n"))) for handle in handles]
        labels = [lengths[i : i + step] for i in range(0, len(lengths), step)]
        entries = sum(4.9 * max(column) + 36 for column in labels)
        widths.append(max(entries, 4.9 * len(title)) + 8)
    middle = widths[1] / 2 if len(widths) == 3 else 0
    return widths[0] + middle <= 36 * WIDTH and widths[-1] + middle <= 36 * WIDTH


def patch(colour: Any, label: str, hatch: str | None = None) -> Artist:
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, label=label, hatch=hatch, edgecolor="white", linewidth=0)


def line(dash: Any, label: str) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D([], [], color="#444444", linestyle=dash, linewidth=1.1, label=label)


def dot(area: float, label: str, marker: str = "o", colour: str | None = None) -> Artist:
    """A legend entry of that area in square points: filled, or a translucent circle."""
    from matplotlib.lines import Line2D

    face, edge = (colour, colour) if colour else (("#888888", 0.16), ("#666666", 0.8))
    return Line2D(
        *([], []),
        linestyle="none",
        marker=marker,
        markersize=math.sqrt(area),
        markerfacecolor=face,
        markeredgecolor=edge,
        markeredgewidth=0.6,
        label=label,
    )
