"""The film of the liquid example. Without Pillow and Matplotlib there is only a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SKY, PADDLE = (247, 247, 242), (90, 82, 78)
WIDTH = 640
"""Width of the film, in pixels."""
FASTEST = 0.5
"""Speed at the bright end of the colours, over the square root of the tank's height."""


class Film:
    """Pictures of the liquid, collected as numbers and drawn at the end.

    Args:
        grid: cells on three axes; the picture of a 3D tank looks through it from the side.
    """

    def __init__(self, grid: tuple[int, int, int]):
        self._grid = grid
        self._pictures: list[tuple[np.ndarray, np.ndarray, np.ndarray, str]] = []

    def add(self, phi: np.ndarray, solid: np.ndarray, position: np.ndarray, velocity: np.ndarray, caption: str) -> None:
        """Keeps thickness, paddle and speed of a frame, [length, height] each."""
        length, height, depth = self._grid
        liquid = np.clip(0.5 - phi, 0.0, 1.0) if depth > 1 else -phi
        cells = np.minimum(position.astype(int), np.array(self._grid) - 1)
        place = cells[:, 0] * height + cells[:, 1]
        count = np.bincount(place, minlength=length * height)
        speed = np.bincount(place, np.linalg.norm(velocity, axis=1), minlength=length * height)
        speed = smooth(speed.reshape(length, height)) / np.maximum(smooth(count.reshape(length, height)), 1e-9)
        self._pictures.append((liquid.mean(axis=2), (solid > 0).mean(axis=2), speed, caption))

    def write(self, folder: Path) -> None:
        """Writes liquid.gif and liquid.png, the film and the picture in its middle."""
        try:
            from matplotlib import colormaps
            from PIL import Image, ImageDraw, ImageFont
        except ModuleNotFoundError as error:
            print(f"pictures skipped: {error.name} is not installed (pip install 'hpsolver[bench]')")
            return
        colors = colormaps["viridis"]
        film = [self._draw(Image, ImageDraw, ImageFont, colors, *picture) for picture in self._pictures]
        film[len(film) // 2].save(folder / "liquid.png")
        film[0].save(folder / "liquid.gif", save_all=True, append_images=film[1:], duration=50, loop=0)
        print(f"pictures in {folder}: liquid.gif, liquid.png")

    def _draw(self, image: Any, draw: Any, font: Any, colors: Any, *picture: Any) -> Any:
        liquid, solid, speed, caption = picture
        length, height, depth = self._grid
        size = WIDTH, round(WIDTH * height / length)

        def enlarged(field: np.ndarray) -> np.ndarray:
            drawn = image.fromarray(np.ascontiguousarray(field.T[::-1].astype(np.float32)))
            return np.asarray(drawn.resize(size, image.Resampling.BICUBIC))

        pixel = length / WIDTH
        # An edge as wide as a pixel: in 2D by the distance, in 3D by how much liquid there is to look through.
        wet = 1.0 - np.exp(-4.0 * np.clip(enlarged(liquid), 0.0, 1.0)) if depth > 1 else enlarged(liquid) / pixel + 0.5
        wet, board = np.clip(wet, 0.0, 1.0)[..., None], np.clip(2.0 * enlarged(solid) - 0.5, 0.0, 1.0)[..., None]
        fast = np.clip(enlarged(speed) / (FASTEST * height**0.5), 0.0, 1.0)
        pixels = (1.0 - wet) * SKY + wet * 255.0 * colors(0.15 + 0.8 * fast)[..., :3]
        pixels = (1.0 - board) * pixels + board * PADDLE
        drawn = image.fromarray(pixels.astype(np.uint8))
        draw.Draw(drawn).text((10, 8), caption, fill=(40, 40, 40), font=font.load_default(size=WIDTH // 38))
        return drawn


def smooth(field: np.ndarray) -> np.ndarray:
    """Means of three cells along both axes."""
    padded = np.pad(field.astype(float), 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    means: np.ndarray = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0
    return means
