"""Training frames from the user's own simulation: densities that were recorded, cut into windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

EVERY = 10
"""Of so many files one is held out for validation; of fewer, the last."""


class Recording:
    """The ``*.npy`` files of a folder, each one density, 2D or 3D, at least as large as a window.

    Files are taken in the order of their names, so neighbours in time are neighbours here. A window is cut out anywhere
    and mirrored along any axes: a leaf's best functions depend on what is near it, not on where it is.

    Args:
        folder: where the files are.
        held_out: take the files that training does not see, instead of those that it does.

    Raises:
        ValueError: there are fewer than two files; the message names the folder.
    """

    def __init__(self, folder: str | Path, *, held_out: bool = False):
        files = sorted(Path(folder).glob("*.npy"))
        if len(files) < 2:
            raise ValueError(f"{folder} must hold two densities or more, as .npy files; found {len(files)}")
        out = set(range(EVERY - 1, len(files), EVERY) or [len(files) - 1])
        self.files = [file for number, file in enumerate(files) if (number in out) == held_out]

    def window(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """A density of this shape, float64, from a file drawn at random.

        Raises:
            ValueError: the file is not a density, or smaller than the window; the message names it.
        """
        file = self.files[rng.integers(len(self.files))]
        whole = np.load(file, mmap_mode="r", allow_pickle=False)
        if whole.ndim != len(shape) or any(n < m for n, m in zip(whole.shape, shape, strict=True)):
            raise ValueError(f"{file} has shape {whole.shape}, expected {len(shape)} axes of at least {shape} cells")
        first = [int(rng.integers(n - m + 1)) for n, m in zip(whole.shape, shape, strict=True)]
        window = np.array(whole[tuple(slice(a, a + m) for a, m in zip(first, shape, strict=True))], dtype=np.float64)
        if not (np.isfinite(window).all() and (window > 0.0).all()):
            raise ValueError(f"{file}: densities must be positive and finite, got {window.min()} to {window.max()}")
        return window[tuple(slice(None, None, int(step)) for step in rng.choice((-1, 1), len(shape)))]
