"""The pictures of the rising-bubbles example."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import warp as wp

from .flow import Flow


def write_pictures(folder: Path, flow: Flow, pressure: wp.array, fractions: list[np.ndarray], records: list) -> None:
    """Writes rising_bubbles.gif, frame.png and convergence.png; says so if Matplotlib or Pillow is missing."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from PIL import Image
    except ModuleNotFoundError as error:
        print(f"no pictures: {error.name} is not installed (pip install 'hpsolver[bench]')")
        return
    folder.mkdir(parents=True, exist_ok=True)
    images = [Image.fromarray(_colors(f)).resize((640, 640 * f.shape[1] // f.shape[0])) for f in fractions]
    images[0].save(folder / "rising_bubbles.gif", save_all=True, append_images=images[1:], duration=50, loop=0)
    _draw_frame(folder / "frame.png", flow, pressure)
    _draw_convergence(folder / "convergence.png", records)
    print(f"pictures in {folder}/: rising_bubbles.gif, frame.png, convergence.png")


def _colors(fraction: np.ndarray) -> np.ndarray:
    """[height, width, 3] uint8: light fluid pale, heavy fluid dark blue, up is up."""
    light, heavy = np.array([245, 240, 225]), np.array([25, 60, 110])
    blend = fraction.T[::-1, :, None]
    return (light + blend * (heavy - light)).astype(np.uint8)


def _draw_frame(path: Path, flow: Flow, pressure: wp.array) -> None:
    import matplotlib.pyplot as plt

    panels = [
        ("density", flow.density.numpy(), "cividis"),
        ("pressure", pressure.numpy(), "viridis"),
        ("divergence after projection", flow.divergence(), "PuOr"),
    ]
    figure, axes = plt.subplots(1, 3, figsize=(15, 3.6), layout="constrained")
    for axis, (title, values, colors) in zip(axes, panels, strict=True):
        limit = {"vmin": -abs(values).max(), "vmax": abs(values).max()} if colors == "PuOr" else {}
        image = axis.imshow(values.T, origin="lower", cmap=colors, **limit)
        axis.set(title=title, xlabel="x [cells]", ylabel="height [cells]")
        figure.colorbar(image, ax=axis, shrink=0.8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_convergence(path: Path, records: list) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    for record in records:
        axes[0].semilogy(record.iterations, label=record.name)
        axes[1].semilogy(record.milliseconds, label=record.name)
    axes[0].set(title="PCG iterations to a true residual of 1e-6", xlabel="frame", ylabel="iterations")
    axes[1].set(title="pressure solve, update included", xlabel="frame", ylabel="ms")
    for axis in axes:
        axis.legend()
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
