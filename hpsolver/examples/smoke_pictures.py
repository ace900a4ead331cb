"""The film of the smoke example. Without Pillow and Matplotlib there is only a message."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .liquid_pictures import smooth

BALL = (196, 78, 52)
WIDTH = 384
"""Width of the film, in pixels."""


def write_film(folder: Path, film: list[tuple[np.ndarray, np.ndarray, str]]) -> None:
    """Writes smoke.gif and smoke.png, the film and its last picture.

    Args:
        film: smoke and ball of each frame, [length, height], means over the depth from 0 to 1; and a caption.
    """
    try:
        from matplotlib import colormaps
        from PIL import Image, ImageDraw, ImageFont
    except ModuleNotFoundError as error:
        print(f"pictures skipped: {error.name} is not installed (pip install 'hpsolver[bench]')")
        return
    length, height = film[0][0].shape
    size = WIDTH, round(WIDTH * height / length)

    def enlarged(field: np.ndarray) -> np.ndarray:
        drawn = Image.fromarray(np.ascontiguousarray(field.T[::-1].astype(np.float32)))
        return np.asarray(drawn.resize(size, Image.Resampling.BICUBIC))

    pictures = []
    most = max(float(smoke.max()) for smoke, _, _ in film) or 1.0
    font = ImageFont.load_default(size=WIDTH // 24)
    for smoke, ball, caption in film:
        shade = np.clip(enlarged(smoke) / most, 0.0, 1.0) ** 0.7
        edge = enlarged(smooth(smooth(ball)) / max(float(ball.max()), 1e-9)) - 0.5
        round_ball = np.clip(5.0 * edge + 0.5, 0.0, 1.0)[..., None]
        pixels = 255.0 * colormaps["bone"](0.06 + 0.94 * shade)[..., :3]
        drawn = Image.fromarray(((1.0 - round_ball) * pixels + round_ball * BALL).astype(np.uint8))
        ImageDraw.Draw(drawn).text((10, 8), caption, fill=(235, 235, 235), font=font)
        pictures.append(drawn)
    pictures[-1].save(folder / "smoke.png")
    pictures[0].save(folder / "smoke.gif", save_all=True, append_images=pictures[1:], duration=50, loop=0)
    print(f"pictures in {folder}: smoke.gif, smoke.png")
