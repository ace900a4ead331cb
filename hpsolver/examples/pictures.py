"""The pictures of the rising-bubbles example. Without Matplotlib or Pillow there is only a message."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .rising_bubbles import Contestant

LIGHT, HEAVY = (250, 240, 215), (20, 65, 115)  # told apart by brightness alone
COLORS = ("#0072B2", "#D55E00")  # Okabe and Ito: safe for the colour-blind
WIDTH = 512
"""Width of the film, in pixels, unless the grid has more cells."""


@dataclass(frozen=True)
class Picture:
    """A frame of the flow as the pictures show it.

    Attributes:
        fraction: [shape] heavy fraction, 0 to 1.
        caption: one line of text, or none.
    """

    fraction: np.ndarray
    caption: str = ""


def write_pictures(
    folder: Path,
    film: list[Picture],
    snapshot: dict[str, Any],
    contestants: list[Contestant],
    tolerance: float,
) -> None:
    """Writes rising_bubbles.gif, frame.png and convergence.png.

    Args:
        folder: where the files go.
        film: the pictures of the film.
        snapshot: ``caption``, and ``density``, ``pressure``, ``divergence`` after projection, each [shape].
        contestants: the solvers with their records.
        tolerance: the tolerance that they solved to.
    """
    try:
        from matplotlib.figure import Figure  # not pyplot: the caller's backend stays as it is
        from PIL import Image, ImageDraw, ImageFont
    except ModuleNotFoundError as error:
        print(f"pictures skipped: {error.name} is not installed (pip install 'hpsolver[bench]')")
        return
    pictures = [_film_picture(Image, ImageDraw, ImageFont, picture) for picture in film]
    path = folder / "rising_bubbles.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=50, loop=0)
    figure = Figure(figsize=(7, 9.4), layout="constrained")
    _frame(figure, snapshot)
    figure.savefig(folder / "frame.png", dpi=110)
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    _convergence(figure, contestants, tolerance)
    figure.savefig(folder / "convergence.png", dpi=110)
    print(f"pictures in {folder}: rising_bubbles.gif, frame.png, convergence.png")


def _film_picture(image: Any, draw: Any, font: Any, picture: Picture) -> Any:
    """Light fluid is pale, heavy fluid dark blue; up is up. A fraction is a palette entry, so nothing is dithered."""
    levels = np.ascontiguousarray(np.rint(255 * picture.fraction.T[::-1]).astype(np.uint8))
    height, width = levels.shape
    scale = max(1, WIDTH // width)
    drawn = image.fromarray(levels).resize((scale * width, scale * height), image.Resampling.BICUBIC)
    if picture.caption:
        place = (0.02 * scale * width, 0.02 * scale * width)
        draw.Draw(drawn).text(place, picture.caption, fill=0, font=font.load_default(size=scale * width // 36))
    blend = np.linspace(0, 1, 256)[:, None]
    drawn.putpalette((LIGHT + blend * np.subtract(HEAVY, LIGHT)).astype(np.uint8).ravel().tolist())
    return drawn


def _frame(figure: Any, snapshot: dict[str, Any]) -> None:
    density, divergence = snapshot["density"], snapshot["divergence"]
    width, height = density.shape
    light, heavy = density.min(), density.max()
    limit = abs(divergence).max() or 1.0
    panels = [  # last: colour of the interface, drawn where the field does not show it
        ("density", density, "heavy fluid = 1", {"cmap": "cividis"}, None),
        ("pressure", snapshot["pressure"], "zero mean", {"cmap": "viridis"}, "white"),
        ("div u after projection", divergence, "", {"cmap": "PuOr", "vmin": -limit, "vmax": limit}, "gray"),
    ]
    axes = figure.subplots(len(panels), sharex=True)
    for axis, (title, values, label, colors, interface) in zip(axes, panels, strict=True):
        smooth = {"origin": "lower", "extent": (0, width, 0, height), "interpolation": "bicubic"}
        image = axis.imshow(values.T, **smooth, **colors)
        if interface and heavy > light:
            cells = np.arange(width) + 0.5, np.arange(height) + 0.5
            axis.contour(*cells, density.T, [0.5 * (light + heavy)], colors=interface, linewidths=0.9)
        axis.set(title=title, ylabel="height [cells]")
        figure.colorbar(image, ax=axis, label=label)
    axes[-1].set_xlabel("x [cells]")
    figure.suptitle(snapshot["caption"])


def _convergence(figure: Any, contestants: list[Contestant], tolerance: float) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes = figure.subplots(1, 2)
    for contestant, color in zip(contestants, COLORS, strict=False):
        for axis, values in zip(axes, (contestant.iterations, contestant.milliseconds), strict=True):
            label = f"{contestant.name}, median {np.nanmedian(values):.3g}"
            axis.semilogy(np.arange(len(values)) + 1, values, color=color, label=label)
    axes[0].set(title=f"PCG iterations to a true residual of {tolerance:g}", xlabel="frame", ylabel="iterations")
    axes[1].set(title="pressure solve, preconditioner update included", xlabel="frame", ylabel="ms")
    for axis in axes:
        low, high = axis.get_ylim()
        axis.set_ylim(low / 1.5, high * 3)  # room for the legend
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.legend(loc="upper right", ncols=2)
        axis.grid(alpha=0.3)
