"""Velocities at the centres of cells: their projection is second order, stable, and right at walls and solids."""

import numpy as np
import pytest
import torch
import warp as wp

from hpsolver import Projection, Solver


def at_faces(cells: list[np.ndarray], boundary, solid: np.ndarray | None = None) -> list[np.ndarray]:
    """The face velocities that the projection starts from, means of the cells' velocities, by NumPy."""
    faces = []
    for axis, u in enumerate(cells):
        v = np.moveaxis(u, axis, 0)
        s = np.zeros(v.shape, bool) if solid is None else np.moveaxis(solid, axis, 0)
        low, high = v[:-1], v[1:]
        inner = np.where(s[:-1] == s[1:], 0.5 * (low + high), np.where(s[:-1], low, high))
        ends = {"wall": (0 * v[:1], 0 * v[:1]), "open": (v[:1], v[-1:])}
        if boundary[axis] == "periodic":
            across = np.where(s[-1:] == s[:1], 0.5 * (v[-1:] + v[:1]), np.where(s[-1:], v[-1:], v[:1]))
            first = last = across
        else:
            first, last = ends[boundary[axis]]
        faces.append(np.moveaxis(np.concatenate([first, inner, last]), 0, axis))
    return faces


def test_it_is_second_order():
    errors = []
    for n in (16, 32, 64):
        x, y = np.meshgrid(*[(np.arange(n) + 0.5) / n * 2 * np.pi] * 2, indexing="ij")
        u, v = np.sin(x) * np.cos(y), -np.cos(x) * np.sin(y)  # free of divergence
        found = [u + np.cos(x) * np.sin(2 * y), v + 2 * np.sin(x) * np.cos(2 * y)]  # plus the gradient of sin x sin 2y
        solver = Solver((n, n), boundary="periodic", spacing=1 / n, tolerance=1e-10)
        Projection(solver).project_cells(found, np.ones((n, n)))
        errors.append(max(abs(found[0] - u).max(), abs(found[1] - v).max()))
    assert errors[0] / errors[1] > 3.5 and errors[1] / errors[2] > 3.8 and errors[-1] < 0.02


@pytest.mark.parametrize("boundary", [("wall", "open"), ("periodic", "wall"), ("open", "periodic")])
@pytest.mark.parametrize("moves", [False, True], ids=["resting", "moving"])
def test_cells_take_half_of_what_changes_at_each_of_their_faces(boundary, moves):
    shape = (12, 9)
    rng = np.random.default_rng(0)
    velocity, density = [rng.standard_normal(shape) for _ in range(2)], 10.0 ** rng.uniform(0, 2, shape)
    solid = rng.random(shape) < 0.2
    mine, theirs = (Projection(Solver(shape, boundary=boundary)) for _ in range(2))
    given = {"solid": solid} if moves else {}
    if not moves:
        mine.solver.set_solid(solid), theirs.solver.set_solid(solid)
    for _ in range(2):
        before = at_faces(velocity, boundary, solid)
        after = [u.copy() for u in before]
        expected = theirs.project(after, density, **given)
        found = [u.copy() for u in velocity]
        impulse = mine.project_cells(found, density, **given)
        assert np.array_equal(impulse, expected)
        for axis, (u, old, a, b) in enumerate(zip(found, velocity, before, after, strict=True)):
            change = np.moveaxis(b - a, axis, 0)
            change = np.moveaxis(0.5 * (change[:-1] + change[1:]), 0, axis)
            assert np.allclose(u, np.where(solid, old, old + change), rtol=0, atol=1e-13)


def test_it_takes_energy_out_and_settles():
    shape = (24, 20)
    rng = np.random.default_rng(1)
    velocity = [rng.standard_normal(shape) for _ in range(2)]
    projection = Projection(Solver(shape, tolerance=1e-10))
    energies = [sum((u**2).sum() for u in velocity)]
    for _ in range(20):
        projection.project_cells(velocity, np.ones(shape))
        energies.append(sum((u**2).sum() for u in velocity))
    falls = -np.diff(energies)
    assert (falls > -1e-9).all() and falls[-1] < 0.05 * falls[0]


def test_every_kind_of_array_worlds_and_three_dimensions():
    shape, count = (6, 5, 7), 2
    rng = np.random.default_rng(2)
    velocity = [rng.standard_normal((count, *shape)).astype(np.float32) for _ in range(3)]
    density, solid = 1.0 + rng.random((count, *shape)), rng.random((count, *shape)) < 0.2
    many = Projection(Solver(shape, worlds=count))
    tensors = [torch.tensor(u) for u in velocity]
    impulse = many.project_cells(tensors, torch.tensor(density), solid=torch.tensor(solid))
    assert torch.is_tensor(impulse) and impulse.shape == (count, *shape)
    for w in range(count):
        one = Projection(Solver(shape))
        mine = [wp.array(u[w], dtype=wp.float32) for u in velocity]
        own = wp.array(density[w], dtype=wp.float64)
        expected = one.project_cells(mine, own, solid=wp.array(solid[w], dtype=wp.bool))
        assert np.array_equal(expected.numpy(), impulse[w].numpy())
        assert all(np.array_equal(u.numpy(), t[w].numpy()) for u, t in zip(mine, tensors, strict=True))


def test_it_can_be_recorded():
    shape = (10, 8)
    rng = np.random.default_rng(3)
    start = [rng.standard_normal(shape) for _ in range(2)]
    density = wp.ones(shape, dtype=wp.float64)
    velocity = [wp.array(u, dtype=wp.float64) for u in start]
    out = wp.zeros(shape, dtype=wp.float64)
    projection = Projection(Solver(shape))
    projection.project_cells(velocity, density, out=out)
    expected = [u.numpy().copy() for u in velocity]
    with wp.ScopedCapture() as capture:
        projection.project_cells(velocity, density, out=out)
    for array, values in zip(velocity, start, strict=True):
        array.assign(values)
    wp.capture_launch(capture.graph)
    assert all(np.array_equal(u.numpy(), v) for u, v in zip(velocity, expected, strict=True))


def test_bad_velocities_are_refused():
    projection = Projection(Solver((8, 6)))
    with pytest.raises(ValueError, match=r"velocity\[0\]: shape must be \(8, 6\), got \(9, 6\)"):
        projection.project_cells([np.zeros((9, 6)), np.zeros((8, 7))], np.ones((8, 6)))
    with pytest.raises(ValueError, match="velocity: expected one array for each of 2 axes, got 1"):
        projection.project_cells([np.zeros((8, 6))], np.ones((8, 6)))
