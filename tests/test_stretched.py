"""Grids whose cells are of many sizes: the operator is integrated over cells; order, projection, gradients."""

import itertools

import numpy as np
import pytest
import torch
from stretched_axes import growing

from hpsolver import Projection, Solver, Status
from hpsolver.preconditioners import NAMES

SIDES = {
    "wall": "wall",
    "open": "open",
    "mixed": (("open", "wall"), "periodic", ("wall", "open")),
    "periodic": "periodic",
}
SIZES = [np.random.default_rng(a).uniform(0.5, 2.0, 12) for a in range(3)]


def spacing_of(shape: tuple[int, ...]) -> list[np.ndarray]:
    return [SIZES[a][:n] for a, n in enumerate(shape)]


def sides_of(sides: str, dimension: int) -> list[tuple[str, str]]:
    axes = (SIDES[sides],) * dimension if isinstance(SIDES[sides], str) else SIDES[sides][:dimension]
    return [(axis, axis) if isinstance(axis, str) else axis for axis in axes]


def volumes(sizes: list[np.ndarray]) -> np.ndarray:
    grids = np.meshgrid(*sizes, indexing="ij")
    return np.prod(grids, axis=0)


def integrals(density, sizes, boundary, face_average="harmonic", solid=None, fraction=None) -> np.ndarray:
    """-integral of div((1/rho) grad p) over each cell, as a dense matrix: area / (rho distance), face by face."""
    shape, A = density.shape, np.zeros((density.size, density.size))
    number = np.arange(density.size).reshape(shape)
    for axis, n in enumerate(shape):
        for cell in itertools.product(*map(range, shape)):
            area = np.prod([sizes[b][k] for b, k in enumerate(cell) if b != axis])
            k, other = cell[axis], list(cell)
            place = list(cell)
            place[axis] = k + 1
            if k == n - 1 and boundary[axis][1] == "periodic":
                place[axis] = 0
            low, high = (1.0, 1.0) if fraction is None else (fraction[axis][cell], fraction[axis][tuple(place)])
            i, h = number[cell], sizes[axis][k]
            if solid is not None and solid[cell]:
                continue
            if k == 0 and boundary[axis][0] == "open":
                A[i, i] += low * area / (density[cell] * 0.5 * h)
            if k == n - 1 and boundary[axis][1] == "open":
                A[i, i] += high * area / (density[cell] * 0.5 * h)
            if k == n - 1 and boundary[axis][1] != "periodic":
                continue
            other[axis] = (k + 1) % n
            there = tuple(other)
            if solid is not None and solid[there]:
                continue
            a, b = density[cell], density[there]
            rho = 2 * a * b / (a + b) if face_average == "harmonic" else 0.5 * (a + b)
            c, j = high * area / (rho * 0.5 * (h + sizes[axis][other[axis]])), number[there]
            A[i, i] += c
            A[j, j] += c
            A[i, j] -= c
            A[j, i] -= c
    if solid is not None:
        A[solid.ravel(), solid.ravel()] = 1.0
    return A


@pytest.mark.parametrize("face_average", ["harmonic", "arithmetic"])
@pytest.mark.parametrize("solid", [False, True], ids=["fluid", "solids"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("shape", [(11, 9), (5, 4, 6)], ids=["2D", "3D"])
def test_the_operator_is_its_integral_over_cells_and_its_solution_that_of_numpy(shape, sides, solid, face_average):
    rng = np.random.default_rng(0)
    density, rhs = 10.0 ** rng.uniform(0, 2, shape), rng.standard_normal(shape)
    sizes, boundary = spacing_of(shape), sides_of(sides, len(shape))
    mask = rng.random(shape) < 0.15 if solid else None
    options = {"spacing": sizes, "boundary": tuple(boundary), "face_average": face_average, "tolerance": 1e-11}
    solver = Solver(shape, precision="float64", **options)
    solver.set_solid(mask)
    V, A = volumes(sizes), integrals(density, sizes, boundary, face_average, mask)
    fluid = np.ones(shape, bool) if mask is None else ~mask
    if not (A.sum(axis=1)[fluid.ravel()] > 1e-9).any():  # singular: the mean, which no pressure balances, is taken out
        rhs[fluid] -= (rhs * V)[fluid].sum() / V[fluid].sum()
    p = solver.step(density, rhs)
    assert solver.info.converged
    expected = A / V.mean()
    found = solver.matrix().toarray()
    rows = fluid.ravel()
    assert abs(found - expected)[np.ix_(rows, rows)].max() <= 1e-12 * abs(expected).max()
    if not solid:  # solids may enclose regions of their own
        assert np.linalg.norm((A @ p.ravel()) - (V * rhs).ravel()) <= 1e-9 * np.linalg.norm(V * rhs)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("htp_paper", "none")])
def test_every_preconditioner_solves_it(name):
    shape = (30, 24)
    sizes = [growing(n, 1.05) for n in shape]
    rng = np.random.default_rng(1)
    density, rhs = np.where(rng.random(shape) < 0.4, 100.0, 1.0), rng.standard_normal(shape)
    solver = Solver(shape, spacing=sizes, boundary="open", preconditioner=name)
    p = solver.step(density, rhs)
    assert solver.info.converged and not solver.info.fallback
    V, A = volumes(sizes), integrals(density, sizes, [("open", "open")] * 2)
    assert np.linalg.norm(A @ p.ravel() - (V * rhs).ravel()) <= 1.01e-6 * np.linalg.norm(V * rhs)


def test_it_is_second_order_on_a_smooth_grid():
    errors = []
    for n in (16, 32, 64):
        edges = np.linspace(0, 1, n + 1) + 0.1 * np.sin(2 * np.pi * np.linspace(0, 1, n + 1))
        h, x = np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        X, Y = np.meshgrid(x, x, indexing="ij")
        p = np.sin(np.pi * X) * np.sin(2 * np.pi * Y)
        solver = Solver((n, n), spacing=(h, h), boundary="open", tolerance=1e-10)
        errors.append(abs(solver.step(np.ones((n, n)), 5 * np.pi**2 * p) - p).max())
    assert errors[0] / errors[1] > 3.3 and errors[1] / errors[2] > 3.6


@pytest.mark.parametrize("form", ["plain", "resting", "moving", "fraction", "faces"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("shape", [(11, 9), (5, 4, 6)], ids=["2D", "3D"])
def test_a_projected_velocity_has_the_divergence_that_the_solve_left(shape, sides, form):
    rng = np.random.default_rng(2)
    sizes, boundary = spacing_of(shape), sides_of(sides, len(shape))
    faces = [tuple(n + (a == b) for b, n in enumerate(shape)) for a in range(len(shape))]
    velocity, shares = [rng.standard_normal(f) for f in faces], [rng.uniform(0.2, 1.0, f) for f in faces]
    for axis, (low, _) in enumerate(boundary):
        for field in (velocity[axis], shares[axis]):
            if low == "periodic":
                np.moveaxis(field, axis, 0)[-1] = np.moveaxis(field, axis, 0)[0]
    density, solid = 10.0 ** rng.uniform(0, 1, shape), rng.random(shape) < 0.15
    options = {"coefficients": "faces"} if form == "faces" else {}
    solver = Solver(shape, spacing=sizes, boundary=tuple(boundary), tolerance=1e-11, **options)
    projection, more, given = Projection(solver), {}, density
    if form == "resting":
        solver.set_solid(solid)
    if form == "moving":
        more = {"solid": solid}
    if form == "fraction":
        more = {"fraction": shares}
    if form == "faces":
        given = tuple(shares)
    before = projection.divergence(velocity, **({"fraction": shares} if form == "fraction" else {}))
    projection.project(velocity, given, **more)
    assert solver.info.converged
    after = projection.divergence(velocity, **({"fraction": shares} if form == "fraction" else {}))
    fluid = ~solid if form in ("resting", "moving") else np.ones(shape, bool)
    by_hand = sum(
        np.diff(u * (s if form == "fraction" else 1.0), axis=a)
        / h.reshape([-1 if a == b else 1 for b in range(len(shape))])
        for a, (u, s, h) in enumerate(zip(velocity, shares, sizes, strict=True))
    )
    assert np.allclose(after, by_hand, rtol=0, atol=1e-12)
    removed = solver.info.rhs_share_removed
    if removed == 0.0:
        assert np.linalg.norm((after * volumes(sizes))[fluid]) <= 1e-9 * np.linalg.norm(before)


def test_pressure_under_a_surface_is_linear_in_depth():
    n, m = 12, 9
    heights, widths = SIZES[0][:n], SIZES[1][:m]
    y = np.cumsum(heights) - 0.5 * heights
    level = y[7] + 0.3 * (y[8] - y[7])
    phi = np.broadcast_to(y[:, None] - level, (n, m))
    solver = Solver((n, m), spacing=(heights, widths), tolerance=1e-12, precision="float64")
    gravity = np.zeros((n + 1, m))
    gravity[1:-1] = -9.8
    velocity = [gravity, np.zeros((n, m + 1))]
    impulse = Projection(solver).project(velocity, np.full((n, m), 2.0), surface=phi)
    expected = np.where(phi < 0, 2.0 * 9.8 * (level - y[:, None]), 0.0)
    assert abs(impulse - expected).max() <= 1e-9 * expected.max()
    assert abs(velocity[0][:8]).max() <= 1e-9


@pytest.mark.parametrize("coefficients", ["density", "faces"])
@pytest.mark.parametrize("sides", SIDES)
def test_gradients_are_those_of_finite_differences(sides, coefficients):
    shape, rng = (5, 4), np.random.default_rng(3)
    boundary = sides_of(sides, 2)
    options = {"spacing": spacing_of(shape), "tolerance": 1e-12, "precision": "float64"}
    solver = Solver(shape, boundary=tuple(boundary), coefficients=coefficients, **options)
    density, rhs = (torch.tensor(rng.uniform(1, 5, shape), requires_grad=True) for _ in range(2))
    parts = []
    for axis, (low, _) in enumerate(boundary):
        face = rng.uniform(0.2, 0.9, [n + (axis == b and low != "periodic") for b, n in enumerate(shape)])
        parts.append(torch.tensor(face, requires_grad=True))

    def whole(parts):
        ends = (part.narrow(axis, 0, 1) for axis, part in enumerate(parts))
        return tuple(
            torch.cat([part, end], dim=axis) if boundary[axis][0] == "periodic" else part
            for axis, (part, end) in enumerate(zip(parts, ends, strict=True))
        )

    def step(density, rhs, *parts):
        if coefficients == "faces":
            return solver.step(whole(parts), rhs)
        return solver.step(density, rhs, fraction=whole(parts))

    assert torch.autograd.gradcheck(step, (density, rhs, *parts), eps=1e-5, atol=1e-6, rtol=1e-5)
    if coefficients == "density":
        plain = Solver(shape, boundary=tuple(boundary), **options)
        assert torch.autograd.gradcheck(plain.step, (density, rhs), eps=1e-5, atol=1e-6, rtol=1e-5)


def test_worlds_get_what_they_get_alone():
    shape, rng = (11, 9), np.random.default_rng(4)
    density, rhs = 10.0 ** rng.uniform(0, 2, (3, *shape)), rng.standard_normal((3, *shape))
    solid = rng.random((3, *shape)) < 0.1
    many, one = (Solver(shape, spacing=spacing_of(shape), worlds=w) for w in (3, None))
    for given in ({}, {"solid": solid}):
        found = many.step(density, rhs, **given)
        for w in range(3):
            assert np.array_equal(found[w], one.step(density[w], rhs[w], **{k: v[w] for k, v in given.items()}))


def test_auto_takes_schwarz_where_some_cells_are_flat():
    shape, growing = (64, 64), 1.1 ** np.arange(64)
    assert Solver(shape, spacing=(1.0, growing)).preconditioner.name == "schwarz"
    assert Solver(shape, spacing=(1.0, 1.01 ** np.arange(64))).preconditioner.name == "multigrid"


def test_sizes_that_are_all_the_same_are_a_spacing():
    shape, rng = (11, 9), np.random.default_rng(5)
    density, rhs = 10.0 ** rng.uniform(0, 2, shape), rng.standard_normal(shape)
    even, listed = Solver(shape, spacing=(0.5, 2.0)), Solver(shape, spacing=([0.5] * 11, np.full(9, 2.0)))
    assert not listed.grid.sizes and np.array_equal(even.step(density, rhs), listed.step(density, rhs))


def test_bad_sizes_and_shares_are_reported():
    with pytest.raises(ValueError, match=r"spacing\[1\] needs a number or one for each of 9 cells, got 8"):
        Solver((11, 9), spacing=(1.0, np.ones(8)))
    with pytest.raises(ValueError, match=r"spacing must be a finite positive number .* got -1.0"):
        Solver((3, 2), spacing=([1.0, -1.0, 1.0], 1.0))
    shape = (11, 9)
    solver = Solver(shape, spacing=spacing_of(shape))
    shares = [np.ones((12, 9)), np.ones((11, 10))]
    shares[0][4, 5] = 1.5
    solver.step(np.ones(shape), np.ones(shape), fraction=shares)
    assert solver.info.status is Status.BAD_DENSITY and solver.info.first_bad_cell == (3, 5)
