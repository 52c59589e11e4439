"""Draws the curves of ``benchmarks.performance`` as SVG."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

POINTS = 300  # of a line at most: a plot is 7 inches wide
COLOURS = {"bare": "#9ca3af", "embedded": "#2a78d6", "distributed": "#eb6834"}
TITLES = {
    "added": ("Added time at five requests a second", "ms", "of the photos, %"),
    "burst_300": ("300 at once, services at once", "s after the first request", "photos"),
    "slow_300": ("300 at once, services that take 10 s", "s after the first request", "photos"),
    "slow_1000": ("1,000 at once, services that take 10 s", "s after the first request", "photos"),
}


def draw(curves: Mapping[str, Mapping[str, Sequence[float]]], folder: Path) -> list[Path]:
    """Draw one plot for each measurement, with a line for each size; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, (title, along, up) in TITLES.items():
        lines = {size: of_size[name] for size, of_size in curves.items() if name in of_size}
        if not lines:
            continue
        figure = Figure(figsize=(7, 3.2))
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        for size, values in lines.items():
            _line(axes, size, values, as_part=name == "added")
        axes.set(title=title, xlabel=along, ylabel=up, xlim=(0, None), ylim=(0, None))
        axes.grid(visible=True, color="#d1d5db", linewidth=0.5)
        axes.legend(frameon=False)
        drawn.append(folder / f"{name}.svg")
        rcParams["svg.hashsalt"] = name  # The same figures make the same file.
        figure.savefig(drawn[-1], metadata={"Date": None})
    return drawn


def _line(axes: Axes, size: str, values: Sequence[float], *, as_part: bool) -> None:
    ordered = sorted(values)
    counts = [100 * (place + 1) / len(ordered) if as_part else place + 1 for place in range(len(ordered))]
    every = math.ceil(len(ordered) / POINTS)
    ordered, counts = ordered[::every] + ordered[-1:], counts[::every] + counts[-1:]
    axes.step(ordered, counts, where="post", label=size, color=COLOURS[size])
