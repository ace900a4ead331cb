"""Which leaves changed from one frame to the next: told from two sums a leaf, against a comparison of all numbers."""

from __future__ import annotations

import numpy as np
import pytest
import warp as wp
from hpsolver.kernels.building import Shape, launch
from hpsolver.kernels.leaves import changes

BRICK, LEAVES, CELLS = Shape(2, (1, 8, 8)), 500, 64
ROWS = 5  # conductances of four sides, and the diagonal


def two(rows: np.ndarray, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Places of two numbers of a leaf, [ROWS, CELLS]."""
    return [
        tuple(place) for place in np.transpose(np.unravel_index(rng.choice(rows.size, 2, replace=False), rows.shape))
    ]


def exchange(rows: np.ndarray, rng: np.random.Generator) -> None:
    """Two numbers of a leaf change places: sums without positions stay."""
    a, b = two(rows, rng)
    rows[a], rows[b] = rows[b], rows[a]


def rescale(rows: np.ndarray, rng: np.random.Generator) -> None:
    """All numbers doubled: in binary only exponents change, each by the same."""
    rows *= 2.0


def trade(rows: np.ndarray, rng: np.random.Generator) -> None:
    """One number takes what another loses, in exponents alone."""
    a, b = two(rows, rng)
    rows[a] *= 4.0
    rows[b] /= 4.0


def last_digit(rows: np.ndarray, rng: np.random.Generator) -> None:
    """One number by one unit of its last digit."""
    a, _ = two(rows, rng)
    rows[a] = np.nextafter(rows[a], np.inf)


@pytest.mark.parametrize("change", [exchange, rescale, trade, last_digit], ids=lambda f: f.__name__)
@pytest.mark.parametrize("kinds", [2, 0])
def test_a_leaf_counts_as_changed_if_one_of_its_numbers_is_not_the_last_frames(kinds, change):
    """``kinds`` different numbers, as of two phases, or all different."""
    rng = np.random.default_rng(0)
    shape = (ROWS, LEAVES, CELLS)
    rows = rng.choice([1.0, 1e-3], shape) if kinds else rng.random(shape)
    seen, flags = wp.zeros(2 * LEAVES, dtype=wp.uint64), wp.zeros(LEAVES, dtype=wp.int32)
    kernel, before = changes(BRICK), np.full(shape, np.nan)
    for frame in range(4):
        conductance, diagonal = (wp.array(part.ravel(), dtype=wp.float64) for part in (rows[:-1], rows[-1]))
        launch(kernel, LEAVES, [LEAVES, conductance, diagonal, seen, flags], wp.get_device())
        assert np.array_equal(flags.numpy() == 1, (rows != before).any(axis=(0, 2))), frame
        if frame:
            assert 100 < flags.numpy().sum() < LEAVES - 100
        before = rows.copy()
        for leaf in np.flatnonzero(rng.random(LEAVES) < 0.5):
            change(rows[:, leaf], rng)
