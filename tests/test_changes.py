"""Which leaves changed from one frame to the next: told from two sums a leaf, against a comparison of all numbers."""

from __future__ import annotations

import numpy as np
import pytest
import warp as wp
from hpsolver.kernels.building import Shape, launch
from hpsolver.kernels.leaves import changes, list_leaves

from hpsolver import Solver, problems
from hpsolver.bricks import make_bricks
from hpsolver.grid import make_grid
from hpsolver.preconditioners import Schwarz

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


@pytest.mark.parametrize("reach", [0, 1], ids=["changed", "or next to one"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_list_holds_changed_leaves_and_groups_in_which_most_are(share, reach):
    W, bricks = 4, make_bricks(make_grid((40, 24, 16)), 128)
    rng, neighbor = np.random.default_rng(1), bricks.neighbor.reshape(bricks.leaves, -1)
    changed = (rng.random(bricks.leaves) < share).astype(np.int32)
    expected = changed | changed[neighbor].max(axis=1) if reach else changed
    some = rng.permutation(bricks.leaves)[3:]  # three leaves are in no group, and two groups are not full
    groups = np.pad(some, (1, -(len(some) + 1) % W), constant_values=-1).reshape(-1, W)
    marked, listed = (wp.full(size, 7, dtype=wp.int32) for size in (bricks.leaves, groups.size + W))
    arrays = [wp.array(a.ravel(), dtype=wp.int32) for a in (groups, changed, bricks.neighbor)]
    inputs = [bricks.leaves, bricks.directions, reach, *arrays, marked, listed]
    launch(list_leaves(W), 1, inputs, wp.get_device())
    assert np.array_equal(marked.numpy(), expected)
    due = [[int(leaf) for leaf in group if leaf >= 0 and expected[leaf]] for group in groups]
    full = [len(mine) > 0 and 2 * len(mine) >= (group >= 0).sum() for mine, group in zip(due, groups, strict=True)]
    kept = [leaf for group, whole in zip(groups, full, strict=True) if whole for leaf in group]
    loose = [leaf for mine, whole in zip(due, full, strict=True) if not whole for leaf in mine]
    assert np.array_equal(listed.numpy()[: len(kept) + len(loose)], [*kept, *loose])
    assert np.all(listed.numpy()[len(kept) + len(loose) :] == -1)


@pytest.mark.parametrize("options", [(4, 4, 64), (4, 8, 128), (8, 16, 128)], ids=str)
def test_a_frame_in_which_few_leaves_changed_is_that_of_a_new_solver(options):
    """Bit for bit, whichever leaves are taken together."""
    functions, candidates, size = options
    shape, rng = (60, 70), np.random.default_rng(2)
    density, rhs = problems.frame("film", shape, seed=0, contrast=1e3)

    def solver() -> Solver:
        return Solver(shape, preconditioner=Schwarz(functions, candidates=candidates, leaf_size=size), device="cpu")

    kept = solver()
    kept.step(density, rhs)
    for _ in range(4):
        density[tuple(rng.integers(0, n) for n in shape)] *= 3.0
        assert np.array_equal(kept.step(density, rhs), solver().step(density, rhs))
        assert 0 < kept.preconditioner._leaves.changed.numpy().sum() <= 5
