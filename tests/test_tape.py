"""Gradients through a step on Warp's tape equal those of Torch."""

import numpy as np
import pytest
import torch
import warp as wp
from gradient_frames import frame, worlds_of

from hpsolver import Solver

pytestmark = pytest.mark.cpu


@wp.kernel
def weighed(p: wp.array2d[wp.float64], weight: wp.array2d[wp.float64], loss: wp.array[wp.float64]):
    i, j = wp.tid()
    wp.atomic_add(loss, 0, weight[i, j] * p[i, j] * p[i, j])


@pytest.mark.parametrize("boundary", ["wall", "open"])
def test_a_tape_of_warp_records_the_step_and_its_adjoint(boundary):
    """Its gradients are Torch's, through the caller's kernels before and after, and twice on one tape."""
    rng = np.random.default_rng(4)
    shape = (9, 7)
    one = Solver(shape, boundary=boundary, tolerance=1e-12, precision="float64")
    rho, b, w = 1.0 + rng.random(shape), rng.standard_normal(shape), rng.random(shape)
    density, rhs = torch.tensor(rho, requires_grad=True), torch.tensor(b, requires_grad=True)
    p = one.step(density, rhs)
    q = one.step(density, p)
    (torch.tensor(w) * q * q).sum().backward()

    mine = [wp.array(a, dtype=wp.float64, requires_grad=True) for a in (rho, b)]
    weight = wp.array(w, dtype=wp.float64)
    loss = wp.zeros(1, dtype=wp.float64, requires_grad=True)
    with wp.Tape() as tape:
        first = one.step(mine[0], mine[1])
        second = wp.zeros(shape, dtype=wp.float64, requires_grad=True)
        assert one.step(mine[0], first, out=second) is second
        wp.launch(weighed, dim=shape, inputs=[second, weight, loss])
    tape.backward(loss=loss)
    for array, tensor in zip(mine, (density, rhs), strict=True):
        expected = tensor.grad.numpy()
        assert abs(array.grad.numpy() - expected).max() <= 1e-9 * abs(expected).max()
    tape.zero()
    assert not mine[0].grad.numpy().any()


def test_a_tape_without_gradients_is_left_alone_and_bad_arrays_are_refused():
    shape = (9, 7)
    one = Solver(shape)
    plain = wp.ones(shape, dtype=wp.float64)
    with wp.Tape() as tape:
        one.step(plain, plain)
        one.step(np.ones(shape), np.ones(shape))
    assert not tape.launches
    needs = wp.ones(shape, dtype=wp.float64, requires_grad=True)
    with wp.Tape():
        with pytest.raises(TypeError, match="density: on a tape of Warp's all must be Warp arrays, got ndarray"):
            one.step(np.ones(shape), needs)
        with pytest.raises(TypeError, match="out: on a tape it must have a gradient"):
            one.step(plain, needs, out=wp.zeros(shape, dtype=wp.float64))
        one.step(plain, needs)


def test_a_tape_records_a_step_of_many_worlds():
    shape, count = (8, 7), 3
    density, rhs = (torch.stack(parts) for parts in zip(*(frame(shape, s) for s in range(count)), strict=True))
    d, b = density.clone().requires_grad_(), rhs.clone().requires_grad_()
    worlds_of(shape, count).step(d, b).square().sum().backward()
    mine = [wp.array(part.numpy(), dtype=wp.float64, requires_grad=True) for part in (density, rhs)]
    out = wp.zeros((count, *shape), dtype=wp.float64, requires_grad=True)
    with wp.Tape() as tape:
        worlds_of(shape, count).step(*mine, out=out)
    out.grad.assign(2.0 * out.numpy())
    tape.backward()
    for array, tensor in zip(mine, (d, b), strict=True):
        assert np.allclose(array.grad.numpy(), tensor.grad.numpy(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("count", [None, 2], ids=["one", "two worlds"])
@pytest.mark.parametrize("coefficients", ["density", "faces"])
def test_a_tape_carries_gradients_to_faces(coefficients, count):
    """They equal Torch's, for shares of faces beside densities and for coefficients of faces."""
    shape, boundary = (6, 5), (("open", "wall"), "periodic")
    lead = () if count is None else (count,)
    rng = np.random.default_rng(0)
    faces = [rng.uniform(0.1, 1.0, (*lead, *(n + (a == b) for b, n in enumerate(shape)))) for a in range(2)]
    faces[1][..., -1] = faces[1][..., 0]
    density, rhs = 10.0 ** rng.uniform(0, 1, (*lead, *shape)), rng.standard_normal((*lead, *shape))
    options = {"boundary": boundary, "tolerance": 1e-12, "precision": "float64", "worlds": count}

    def step(solver, rho, b, open_shares, **more):
        if coefficients == "faces":
            return solver.step(tuple(open_shares), b, **more)
        return solver.step(rho, b, fraction=tuple(open_shares), **more)

    tensors = [torch.tensor(values, requires_grad=True) for values in (density, rhs, *faces)]
    step(Solver(shape, coefficients=coefficients, **options), *tensors[:2], tensors[2:]).square().sum().backward()
    mine = [wp.array(v, dtype=wp.float64, requires_grad=True) for v in (density, rhs, *faces)]
    out = wp.zeros((*lead, *shape), dtype=wp.float64, requires_grad=True)
    with wp.Tape() as tape:
        step(Solver(shape, coefficients=coefficients, **options), *mine[:2], mine[2:], out=out)
    out.grad.assign(2.0 * out.numpy())
    tape.backward()
    for array, tensor in zip(mine, tensors, strict=True):
        expected = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        assert np.allclose(array.grad.numpy(), expected, rtol=1e-12, atol=0)
