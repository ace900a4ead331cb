"""The Schwarz preconditioners, applied to every unit vector, against their formulas in dense double-precision NumPy."""

import functools
import itertools

import numpy as np
import oracle
import pytest
import warp as wp

from hpsolver import Solver, problems
from hpsolver.bricks import EXTENTS
from hpsolver.preconditioners import BlockJacobi, DDAttention, Schwarz
from hpsolver.preconditioners.haar import sub_bricks

SHAPE, BRICK = (40, 20), (16, 8)  # three by three leaves, the last ones partial
BOUNDARY = (("open", "wall"), "wall")
EIGHT = functools.partial(Schwarz, 8)
VARIANTS = {
    "block": BlockJacobi,
    "additive": functools.partial(EIGHT, sweep="additive"),
    "deflated": functools.partial(EIGHT, sweep="deflated"),
    "redblack": EIGHT,
    "quadrants": functools.partial(Schwarz, 4, candidates=4, leaf_size=64),  # redblack, on leaves of 8x8
    **{f"attention {overlap}": functools.partial(DDAttention, overlap=overlap) for overlap in (0, 1, 2)},
}


def applied(solver: Solver) -> np.ndarray:
    """M [cells, cells] of the solver's last frame, row-major: what ``apply`` makes of every unit vector."""
    system, preconditioner = solver.system, solver.preconditioner
    T, real = system.krylov_type, system.bricks.cell >= 0
    r, z = (system.zeros(system.size, T) for _ in range(2))
    rz = system.zeros(preconditioner.products, wp.float64)
    with wp.ScopedCapture(device=system.device) as capture:
        preconditioner.apply(r, z, rz)
    M = np.empty((system.grid.cells,) * 2)
    for cell, place in zip(system.bricks.cell[real], np.flatnonzero(real), strict=True):
        r.zero_()
        r.numpy()[place] = 1.0
        wp.capture_launch(capture.graph)
        M[system.bricks.cell[real], cell] = z.numpy()[real]
        assert rz.numpy().sum() == pytest.approx(M[cell, cell])
    return M


def leaves(shape: tuple[int, ...], brick: tuple[int, ...] = BRICK) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """(brick coordinates, row-major numbers of its cells in the box) of every leaf."""
    number = np.arange(np.prod(shape)).reshape(shape)
    counts = [-(-n // b) for n, b in zip(shape, brick, strict=True)]
    boxes = itertools.product(*map(range, counts))
    return [(c, number[tuple(slice(k * b, (k + 1) * b) for k, b in zip(c, brick, strict=True))]) for c in boxes]


def window_inverses(A: np.ndarray, shape: tuple[int, ...], overlap: int, brick: tuple[int, ...]) -> np.ndarray:
    """sum_i R_i^T D_i^1/2 A_i^-1 D_i^1/2 R_i of leaves with layers around them; without layers blkdiag(A_ii^-1)."""
    number = np.arange(np.prod(shape)).reshape(shape)
    windows = []
    for coordinates, _ in leaves(shape, brick):
        starts = [(k * b, b) for k, b in zip(coordinates, brick, strict=True)]
        windows.append(number[tuple(slice(max(s - overlap, 0), s + b + overlap) for s, b in starts)].ravel())
    root = np.bincount(np.concatenate(windows)) ** -0.5
    B = np.zeros_like(A)
    for own in windows:
        B[np.ix_(own, own)] += root[own, None] * np.linalg.inv(A[np.ix_(own, own)]) * root[own]
    return B


def haar(box: np.ndarray, brick: tuple[int, int]) -> np.ndarray:
    """[cells, 7]: the Haar functions of a brick halved along its first axis, its second and its first again."""
    i, j = (index.ravel() for index in np.indices(box.shape))
    first, second = i // (brick[0] // 2), j // (brick[1] // 2)
    halves = np.where(first == 0, 1, -1)[:, None]
    quarters = np.where(first == np.arange(2)[:, None], np.where(second == 0, 1, -1), 0).T
    inner = np.where(i % (brick[0] // 2) < brick[0] // 4, 1, -1)
    eighths = np.where(2 * first + second == np.arange(4)[:, None], inner, 0).T
    return np.hstack([halves, quarters, eighths]).astype(float)


def formula(A: np.ndarray, shape: tuple[int, ...], variant: str, color: np.ndarray | None = None) -> np.ndarray:
    """M by the formula in the docstring of ``hpsolver.preconditioners.schwarz``."""
    n = len(A)
    brick, count = ((8, 8), 4) if variant == "quadrants" else (BRICK, 8)
    B = window_inverses(A, shape, int(variant[-1]) if variant.startswith("attention") else 0, brick)
    basis, local = [], np.zeros((n, n))
    for _, box in leaves(shape, brick):
        own = box.ravel()
        block = A[np.ix_(own, own)]
        to_others = block.sum(axis=1) - A[own].sum(axis=1)
        D = np.diag(block)
        closed = block - np.diag(to_others) + 1e-3 * np.diag(D)
        functions = np.column_stack(
            [np.ones(len(own)), np.linalg.solve(closed, D[:, None] * haar(box, brick)[:, : count - 1])]
        )
        # A partial brick lacks sub-bricks: some functions are zero, some dependent.
        functions /= np.maximum(np.linalg.norm(functions, axis=0), 1.0)
        span, size, _ = np.linalg.svd(functions, full_matrices=False)
        rank = np.count_nonzero(size > 1e-9)
        assert size[rank - 1] > 1e-4
        phi = np.zeros((n, rank))
        phi[own] = span[:, :rank]
        basis.append(phi)
        local += phi @ np.linalg.solve(phi.T @ A @ phi, phi.T)
    if variant == "block":
        return B
    Phi = np.column_stack(basis)
    Q = Phi @ np.linalg.solve(Phi.T @ A @ Phi, Phi.T)
    if variant == "additive":
        return B + Q - local
    if variant.startswith("attention"):
        return B + Q
    if color is not None:  # (D + U)^-1 D (D + L)^-1, leaves in the order of their colours
        D = np.linalg.inv(B)
        lower = np.where(color[:, None] > color, A, 0.0)
        B = np.linalg.inv(D + lower.T) @ D @ np.linalg.inv(D + lower)
    return B + Q @ (np.eye(n) - A @ B)


@pytest.mark.parametrize("contrast", [1e3, 1e6])
@pytest.mark.parametrize("dense", [False, True], ids=["banded", "dense"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_preconditioner_is_its_formula(variant, dense, contrast):
    density = problems.density("film", SHAPE, seed=0, contrast=contrast)
    A = oracle.assemble(density, boundary=BOUNDARY).toarray()
    color = None
    if variant in ("redblack", "quadrants"):
        color = np.empty(len(A), int)
        for coordinates, box in leaves(SHAPE, BRICK if variant == "redblack" else (8, 8)):
            color[box.ravel()] = sum(coordinates) % 2
    expected = formula(A, SHAPE, variant, color)
    size, vectors = np.linalg.eigh(A)
    root = vectors * np.sqrt(size)  # differences in the norm of A: relative to what PCG sees, whatever the contrast
    scale = np.linalg.norm(root.T @ expected @ root, 2)  # about 2, unless weights of windows jump in a light phase
    # Rounding a triangular factor of A_ii^-1 to single precision costs what rounding the square root of A would.
    for precision, bound in (("float64", 1e-12 * contrast), ("mixed", 3e-7 * contrast**0.5)):
        solver = Solver(SHAPE, boundary=BOUNDARY, preconditioner=VARIANTS[variant](dense=dense), precision=precision)
        solver.step(density, problems.rhs("random", density))
        error = np.linalg.norm(root.T @ (applied(solver) - expected) @ root)
        assert error <= bound * scale, precision


def test_sweep_takes_a_third_color_where_a_periodic_axis_has_an_odd_number_of_leaves():
    shape, boundary = (48, 16), ("periodic", ("open", "wall"))
    density = problems.density("film", shape, seed=0, contrast=1e3)
    A = oracle.assemble(density, boundary=boundary).toarray()
    solver = Solver(shape, boundary=boundary, preconditioner=EIGHT(), precision="float64")
    solver.step(density, problems.rhs("random", density))
    bricks = solver.system.bricks
    assert len(bricks.colors) == 3
    color = np.empty(len(A), int)
    for k, members in enumerate(bricks.colors):
        color[bricks.cell.reshape(bricks.leaves, -1)[members]] = k
    for _, box in leaves(shape):  # cells of one colour are coupled inside a leaf only
        outside = np.setdiff1d(np.arange(len(A)), box)
        assert not A[np.ix_(box.ravel(), outside[color[outside] == color[box[0, 0]]])].any()
    expected = formula(A, shape, "redblack", color)
    assert abs(applied(solver) - expected).max() <= 1e-9 * abs(expected).max()


@pytest.mark.parametrize("extent", [*EXTENTS.values(), (1, 8, 4), (1, 4, 4), (2, 4, 4), (2, 4, 2), (2, 2, 2)])
def test_sub_bricks_are_boxes_as_cubic_as_halving_allows(extent):
    """Equal boxes; no axis is cut below half of another; with a part for each corner of the brick, all are cut."""
    cells, axes = np.prod(extent), [axis for axis in range(3) if extent[axis] > 1]
    for parts in (2**k for k in range(int(cells).bit_length())):
        number = sub_bricks(extent, parts).reshape(extent)
        boxes = [np.argwhere(number == part) for part in range(parts)]
        sides = {tuple(np.ptp(box, axis=0) + 1) for box in boxes}
        assert len(sides) == 1
        side = np.array(*sides)
        assert all(len(box) == np.prod(side) == cells // parts for box in boxes)
        assert (2 * side[side < extent] >= side.max()).all()
        if parts >= 2 ** len(axes):
            assert all(side[axis] < extent[axis] for axis in axes)


@pytest.mark.parametrize(
    ("options", "shape", "leaf_size", "candidates"),
    [
        ({}, (40, 40), 64, 4),
        ({}, (144, 144), 128, 8),
        ({}, (8, 9, 10), 128, 8),
        ({"leaf_size": 128}, (40, 40), 128, 8),
        ({"candidates": 4}, (40, 40), 64, 4),
        ({"candidates": 16}, (40, 40), 128, 16),
        ({"coarse_size": 1}, (144, 144), 128, 1),
        ({"coarse_size": 8}, (40, 40), 128, 8),
        ({"coarse_size": 16}, (40, 40), 128, 16),
    ],
    ids=str,
)
def test_leaves_and_candidates_are_as_asked_or_as_measured_best(options, shape, leaf_size, candidates):
    solver = Solver(shape, preconditioner=Schwarz(**options))
    assert solver.system.bricks.leaf_size == leaf_size
    assert solver.preconditioner.candidates == candidates


@pytest.mark.parametrize("options", [{"dense": "no"}, {"dense": 0}])
def test_switches_are_true_or_false(options):
    for make in (Schwarz, BlockJacobi, DDAttention):
        with pytest.raises(TypeError, match=f"dense must be None, True or False, got {options['dense']!r}"):
            make(**options)
