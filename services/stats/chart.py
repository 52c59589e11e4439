"""Draws an owner's figures as a picture. Runs in a child process alone: the library takes 60 MB and half a second.

Its words are English in every language: the font that comes with the library has no Chinese, and the numbers are told
in words beside the picture.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import DateFormatter, DayLocator
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from shared.store.stats import Day, Stats, Times

WIDTH, HEIGHT, DPI = 8.0, 8.0, 160  # inches, and pixels in each
BAR = 0.8  # of a day
MICRO = 1e6
HALF_A_DAY = 0.55
MAX_DATES = 10  # along an axis
THIN = 0.3  # of a model's line


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a chart; they can be told apart without red and green."""

    back: str
    ink: str
    faint: str
    good: str
    bad: str
    cost: str
    other: str


LIGHT = Theme("#ffffff", "#1f2937", "#d1d5db", "#2a78d6", "#e34948", "#8b5cf6", "#eb6834")
DARK = Theme("#17212b", "#e5e7eb", "#3b4754", "#5aa2f0", "#ff7a76", "#b79bff", "#f2995c")


def draw(stats: Stats, *, dark: bool = False) -> bytes:
    """The chart as a PNG of 1280 × 1280 pixels."""
    theme = DARK if dark else LIGHT
    with style.context(_style(theme)):
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor=theme.back)
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
        outcomes, times, cost, models = figure.subplots(4, 1, height_ratios=[3, 3, 2, 2])
        _outcomes(outcomes, stats.days, theme)
        _times(times, stats.days, theme)
        _cost(cost, stats.days, theme)
        _models(models, stats, theme)
        drawn = io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(drawn, format="png", dpi=DPI)
    return drawn.getvalue()


def _style(theme: Theme) -> dict[str, object]:
    inks = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(inks, theme.ink),
        "axes.facecolor": theme.back,
        "axes.edgecolor": theme.faint,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "grid.color": theme.faint,
        "grid.linewidth": 0.6,
        "font.size": 9,
        "legend.frameon": False,
        "legend.fontsize": 9,
    }


def _outcomes(axes: Axes, days: Sequence[Day], theme: Theme) -> None:
    finished, failed = [one.finished for one in days], [one.failed for one in days]
    dates: Any = [one.day for one in days]
    axes.bar(dates, finished, BAR, color=theme.good, label=f"painted: {sum(finished):,}")
    axes.bar(dates, failed, BAR, bottom=finished, color=theme.bad, label=f"failed: {sum(failed):,}")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    _titled(axes, "Pictures by day (UTC)", days, limit=max(a + b for a, b in zip(finished, failed, strict=True)))


def _times(axes: Axes, days: Sequence[Day], theme: Theme) -> None:
    lines: tuple[tuple[str, Callable[[Day], Times | None], str], ...] = (
        ("waiting", lambda day: day.waiting, theme.other),
        ("painting", lambda day: day.painting, theme.good),
    )
    longest = 0.0
    for name, which, colour in lines:
        measured = [(one.day, times) for one in days if (times := which(one)) is not None]
        dates: Any = [day for day, _ in measured]
        half, most = [times.p50 for _, times in measured], [times.p95 for _, times in measured]
        axes.plot(dates, half, color=colour, marker="o", markersize=3, label=f"{name} p50")
        axes.plot(dates, most, color=colour, marker="o", markersize=3, linestyle=":", label=f"{name} p95")
        longest = max([longest, *most])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _in_units(seconds)))
    _titled(axes, "How long it took", days, limit=longest)


def _cost(axes: Axes, days: Sequence[Day], theme: Theme) -> None:
    cost = [one.cost / MICRO for one in days]
    dates: Any = [one.day for one in days]
    axes.bar(dates, cost, BAR, color=theme.cost, label=f"together: ${sum(cost):,.2f}")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda dollars, _: f"${dollars:,.2f}"))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    _titled(axes, "Cost by day, estimated", days, limit=max(cost))


def _models(axes: Axes, stats: Stats, theme: Theme) -> None:
    axes.set_title("Image models: pictures paid for, and their cost")
    axes.set_axis_off()
    if not stats.models:
        _nothing(axes)
        return
    for place, one in enumerate(stats.models):
        axes.barh(place, one.pictures, THIN, color=theme.good)
        told = f"{one.model} · {one.pictures:,} · ${one.cost / MICRO:,.2f}"
        axes.text(0, place - THIN / 2 - 0.08, told, va="bottom")
    axes.set_xlim(0, max(one.pictures for one in stats.models))
    axes.set_ylim(max(len(stats.models), 3) - 0.6, -0.8)


def _titled(axes: Axes, title: str, days: Sequence[Day], *, limit: float) -> None:
    axes.set_title(title)
    axes.xaxis.set_major_locator(DayLocator(interval=1 + (len(days) - 1) // MAX_DATES))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%d.%m."))  # type: ignore[no-untyped-call]
    half = timedelta(days=HALF_A_DAY)
    first, last = (datetime.combine(one.day, time()) for one in (days[0], days[-1]))
    ends: Any = (first - half, last + half)
    axes.set_xlim(ends)
    axes.set_ylim(0, limit * 1.15 or 1)
    if limit:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.1, handlelength=1.4)
    else:
        axes.yaxis.set_ticks([])
        _nothing(axes)


def _nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", va="center")


def _in_units(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 7_200 else f"{seconds / 3_600:g} h"
