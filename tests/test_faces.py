"""Open shares of faces, and coefficients of faces in the place of densities: answers and gradients."""

import numpy as np
import oracle
import pytest
import torch
from moving_frames import SHAPES, SIDES, boundary_of, check

from hpsolver import Solver


@pytest.mark.parametrize("what", ["fraction", "faces"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_shares_and_coefficients_of_faces(shape, sides, what):
    rng = np.random.default_rng(8)
    boundary = boundary_of(sides, shape)
    options = {"coefficients": "faces"} if what == "faces" else {}
    solver = Solver(shape, boundary=boundary, tolerance=1e-10, **options)
    for frame in range(3):
        shares = [rng.random([n + (a == axis) for a, n in enumerate(shape)]) for axis in range(len(shape))]
        for part in shares:
            part[rng.random(part.shape) < 0.3] = 0.0
        density, rhs = np.where(rng.random(shape) < 0.3, 20.0, 1.0), rng.standard_normal(shape)
        masks = {"air": rng.random(shape) < 0.1} if frame else {}
        outside = masks.get("air", np.zeros(shape, bool))
        if what == "faces":
            shares = [30.0 * part for part in shares]
            A = oracle.assemble(np.ones(shape), 1.0, boundary, shares=shares, **masks)
            check(solver, tuple(shares), rhs, A, outside, **masks)
        else:
            A = oracle.assemble(density, 1.0, boundary, shares=shares, **masks)
            check(solver, density, rhs, A, outside, fraction=shares, **masks)
    if what == "fraction":  # without ``fraction`` all faces are open
        check(solver, density, rhs, oracle.assemble(density, 1.0, boundary), np.zeros(shape, bool))


@pytest.mark.parametrize("what", ["fraction", "faces"])
@pytest.mark.parametrize("face_average", ["harmonic", "arithmetic"])
@pytest.mark.parametrize("sides", SIDES)
def test_gradients_of_shares_and_coefficients_of_faces(sides, face_average, what):
    rng = np.random.default_rng(15)
    for shape in ((5, 4), (3, 4, 3)):
        boundary = boundary_of(sides, shape)
        options = {"coefficients": "faces"} if what == "faces" else {}
        options |= {"boundary": boundary, "face_average": face_average, "spacing": (0.7, 1.0, 1.3)[: len(shape)]}
        solver = Solver(shape, tolerance=1e-12, precision="float64", **options)
        masks = {"solid": rng.random(shape) < 0.1, "surface": rng.standard_normal(shape) - 0.7}
        shares = [
            torch.tensor(0.2 + 0.6 * rng.random([n + (a == k) for a, n in enumerate(shape)])) for k in range(len(shape))
        ]
        density, rhs = torch.tensor(1.0 + rng.random(shape)), torch.tensor(rng.standard_normal(shape))
        inputs = (*([density] if what == "fraction" else []), rhs, *shares)
        for tensor in inputs:
            tensor.requires_grad_()

        def step(*given, solver=solver, masks=masks):
            if what == "fraction":
                return solver.step(given[0], given[1], fraction=given[2:], **masks)
            return solver.step(given[1:], given[0], **masks)

        assert torch.autograd.gradcheck(step, inputs, eps=1e-6, rtol=1e-4, atol=1e-6)


def test_a_stretched_grid_is_handed_over_as_coefficients_of_faces():
    """area / distance of each face, and the right-hand side times the cells' volumes: second order."""
    errors = []
    for n in (24, 48, 96):
        edges = (np.exp(2.0 * np.arange(n + 1) / n) - 1.0) / (np.exp(2.0) - 1.0)  # seven times as wide at the end
        width, centre, height = np.diff(edges), 0.5 * (edges[1:] + edges[:-1]), 1.0 / n
        across, along = np.zeros((n + 1, n)), np.zeros((n, n + 1))
        across[1:-1] = (height / np.diff(centre))[:, None]
        along[:, 1:-1] = (width / height)[:, None]
        x, y = np.meshgrid(centre, (np.arange(n) + 0.5) / n, indexing="ij")
        exact = np.cos(np.pi * x) * np.cos(np.pi * y)
        rhs = 2.0 * np.pi**2 * exact * (width * height)[:, None]
        solver = Solver((n, n), coefficients="faces", tolerance=1e-10)
        p = solver.step((across, along), rhs)
        assert solver.info.converged
        errors.append(abs(p - p.mean() - exact + exact.mean()).max())
    assert np.log2(errors[0] / errors[2]) / 2 > 1.8, errors
