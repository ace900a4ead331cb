"""The plots of the benchmark: the few solvers a user compares, labelled at their curves; all others in grey."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Points (x, y) by name."""

COLORS = {
    "jacobi": "#555555",
    "multigrid": "#009E73",
    "schwarz": "#0072B2",
    "htp": "#D55E00",
    "PyAMG Ruge-Stuben + CG": "#CC79A7",
}
"""Colours of the solvers that are compared: Okabe and Ito's, which the colour-blind tell apart."""
MORE = ("#E69F00", "#56B4E9")
GREY = "#C8C8C8"
GAP = 0.055
"""Least distance of two labels, as a share of a panel's height."""


def plot(panels: Mapping[str, Series], x: str, y: str, *, names: Sequence[str] = tuple(COLORS)) -> Figure:
    """Double-logarithmic curves, a panel for each title; more than three panels stand in two rows.

    Args:
        panels: by title; each maps a solver's name to its points.
        x, y: labels of the axes.
        names: solvers whose curves are drawn in colour; where a panel has none of them, its first ones are.
    """
    rows = 1 if len(panels) <= 3 else 2
    columns = -(-len(panels) // rows)
    figure = Figure(figsize=(5.6 * columns, 4.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (title, series) in zip(axes, panels.items(), strict=False):
        compared = [name for name in names if name in series] or list(series)[: len(COLORS) + len(MORE)]
        colors = _colors(compared)
        for name, (xs, ys) in series.items():
            if name not in compared:
                axis.plot(xs, ys, color=GREY, linewidth=0.8, zorder=1)
        for name in compared:
            xs, ys = series[name]
            axis.plot(xs, ys, color=colors[name], linewidth=1.8, marker="o", markersize=3.5, zorder=2)
        axis.set(xscale="log", yscale="log", xlabel=x, ylabel=y, title=title)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", which="major", linewidth=0.4, alpha=0.6)
        _label(axis, {name: series[name] for name in compared}, colors)
    return figure


def _colors(names: Sequence[str]) -> dict[str, str]:
    spare = iter([*MORE, *(color for name, color in COLORS.items() if name not in names)])
    return {name: COLORS.get(name) or next(spare) for name in names}


def _label(axis: Any, series: Series, colors: Mapping[str, str]) -> None:
    """Names at the right ends of the curves, moved apart where they would overlap."""
    low, high = (math.log10(limit) for limit in axis.get_ylim())
    ends = sorted((math.log10(ys[-1]), name) for name, (_, ys) in series.items() if len(ys))
    place = -math.inf
    for value, name in ends:
        place = max((value - low) / (high - low), place + GAP)
        axis.annotate(
            name.replace(" + CG", ""),
            xy=(series[name][0][-1], series[name][1][-1]),
            xytext=(1.02, place),
            textcoords="axes fraction",
            color=colors[name],
            fontsize=8.5,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colors[name], "linewidth": 0.5, "alpha": 0.5},
            annotation_clip=False,
        )
