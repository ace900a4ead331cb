"""The pictures of the learnt forces. Without Matplotlib or Pillow there is only a message."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

SHOWN = 16
"""The most worlds that the film shows."""
TILE, GAP = 128, 4
"""Pixels of a world, and between two worlds."""
WATER, AIR, MARK = np.array([20, 65, 115]), np.array([250, 240, 215]), (213, 94, 0)


def write_pictures(folder: Path, distance: np.ndarray, film: np.ndarray, goal: np.ndarray) -> None:
    """Writes learn_force.png, the loss and the worlds as they end, and learn_force.gif, the worlds on their way.

    Args:
        distance: [rounds, W] distance from bubble to target, in lengths of the tank.
        film: [frames, W, n, n] share of light fluid.
        goal: [W, 2] targets.
    """
    try:
        from matplotlib.figure import Figure
        from PIL import Image
    except ModuleNotFoundError as error:
        print(f"pictures skipped: {error.name} is not installed (pip install 'hpsolver[bench]')")
        return
    chosen = np.unique(np.linspace(0, len(goal) - 1, min(SHOWN, len(goal))).astype(int))
    pictures = [Image.fromarray(_mosaic(light[chosen], goal[chosen])) for light in film]
    durations = [100] * (len(pictures) - 1) + [1500]
    pictures[0].save(folder / "learn_force.gif", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    left.semilogy(distance, color="#0072B2", alpha=0.25, linewidth=0.8)
    left.semilogy(np.median(distance, axis=1), color="#D55E00", linewidth=2.5, label="median")
    left.set(title=f"{len(goal)} worlds", xlabel="round of gradient descent", ylabel="distance to the target [tank]")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.grid(alpha=0.3)
    left.legend()
    right.imshow(pictures[-1])
    right.set(title="last frame, after learning; circles: targets")
    right.axis("off")
    figure.savefig(folder / "learn_force.png", dpi=110)
    print(f"pictures in {folder}: learn_force.gif, learn_force.png")


def _mosaic(light: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """[pixels, pixels, 3] the worlds side by side; up is up."""
    from PIL import Image, ImageDraw

    columns = math.ceil(math.sqrt(len(light)))
    rows = math.ceil(len(light) / columns)
    whole = Image.new("RGB", (columns * (TILE + GAP) - GAP, rows * (TILE + GAP) - GAP), "white")
    for number, (world, (x, y)) in enumerate(zip(light, goal, strict=True)):
        shares = Image.fromarray(np.ascontiguousarray(world.T[::-1].astype(np.float32)))
        share = np.clip(np.asarray(shares.resize((TILE, TILE), Image.Resampling.BICUBIC)), 0.0, 1.0)[..., None]
        tile = Image.fromarray((WATER + share * (AIR - WATER)).astype(np.uint8))
        centre, radius = (x * TILE, (1.0 - y) * TILE), 0.05 * TILE
        box = [centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius]
        ImageDraw.Draw(tile).ellipse(box, outline=MARK, width=2)
        whole.paste(tile, (number % columns * (TILE + GAP), number // columns * (TILE + GAP)))
    return np.asarray(whole)
