"""Torch's gradients through a step, against finite differences and dense algebra."""

import gc
import weakref

import numpy as np
import oracle
import pytest
import torch
from gradient_frames import frame, solver, worlds_of

from hpsolver import SolveError, Solver, problems
from hpsolver.preconditioners import NAMES

pytestmark = pytest.mark.cpu

SIDES = {
    "wall": "wall",
    "open": "open",
    "mixed": (("open", "wall"), "periodic"),
    "periodic": "periodic",
}


@pytest.mark.parametrize("face_average", ["harmonic", "arithmetic"])
@pytest.mark.parametrize("solid", [False, True], ids=["fluid", "solids"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 3)], ids=["2D", "3D"])
def test_gradients_are_those_of_finite_differences(shape, sides, solid, face_average):
    boundary = SIDES[sides] if sides != "mixed" or len(shape) == 2 else (*SIDES[sides], "wall")
    options = {"boundary": boundary, "face_average": face_average, "spacing": (0.7, 1.0, 1.3)[: len(shape)]}
    one = solver(shape, solid, **options)
    density, rhs = frame(shape)
    density.requires_grad_(), rhs.requires_grad_()
    assert torch.autograd.gradcheck(one.step, (density, rhs), eps=1e-5, atol=1e-6, rtol=1e-5)


def test_gradient_of_the_right_hand_side_is_the_adjoint_pressure_of_a_direct_solve():
    shape = (40, 30)
    density, rhs = (torch.tensor(a) for a in problems.frame("bubbles", shape, seed=1, contrast=1e3))
    weight = torch.tensor(np.random.default_rng(5).standard_normal(shape))
    rhs.requires_grad_()
    (solver(shape).step(density, rhs) * weight).sum().backward()
    expected, _ = oracle.solve(oracle.assemble(density.numpy()), weight.numpy())
    assert abs(rhs.grad.numpy() - expected).max() <= 1e-8 * abs(expected).max()


@pytest.mark.parametrize("name", ["auto", *NAMES])
def test_every_preconditioner_gives_the_same_gradients(name):
    shape = (40, 24)
    density, rhs = (torch.tensor(a) for a in problems.frame("panel", shape, seed=0))
    grads = []
    for chosen in (name, "jacobi"):
        one = Solver(shape, preconditioner=chosen, tolerance=1e-10, max_iterations=20000)
        for _ in range(2):  # eager, then replayed
            d, b = density.clone().requires_grad_(), rhs.clone().requires_grad_()
            one.step(d, b).square().sum().backward()
        grads.append((d.grad, b.grad))
    for mine, theirs in zip(*grads, strict=True):
        assert abs(mine - theirs).max() <= 1e-6 * abs(theirs).max()


def test_frames_unrolled_in_time_give_the_gradients_of_each():
    """Backward reaches an earlier frame when the solver holds the matrix of a later one."""
    shape = (12, 9)
    one = solver(shape)

    def unrolled(density: torch.Tensor, rhs: torch.Tensor) -> torch.Tensor:
        p = one.step(density, rhs)
        return one.step(density * torch.exp(0.1 * p), rhs + p)

    density, rhs = frame(shape)
    density.requires_grad_(), rhs.requires_grad_()
    assert torch.autograd.gradcheck(unrolled, (density, rhs), eps=1e-5, atol=1e-6, rtol=1e-5)


def test_several_losses_of_one_step():
    shape = (12, 9)
    one = solver(shape)
    density, rhs = frame(shape)
    density.requires_grad_()
    p = one.step(density, rhs)
    first, second = (torch.autograd.grad(loss, density, retain_graph=True)[0] for loss in (p[0, 0], p.square().sum()))
    both = torch.autograd.grad(2.0 * p[0, 0] + p.square().sum(), density)[0]
    assert torch.allclose(2.0 * first + second, both, rtol=1e-9, atol=0)


def test_backward_right_after_a_step_renews_nothing(monkeypatch):
    one = solver((24, 18), preconditioner="multigrid")
    density, rhs = frame((24, 18))
    one.step(density, rhs)  # captured: from here on a step calls none of the methods below
    renewed = []
    monkeypatch.setattr(type(one.preconditioner), "update", lambda self: renewed.append("preconditioner"))
    monkeypatch.setattr(type(one.system), "assemble", lambda self: renewed.append("matrix"))
    density.requires_grad_()
    first = one.step(density, rhs)
    first.sum().backward()
    assert not renewed
    one.step(2.0 * density.detach(), rhs)
    density.grad = None
    one.step(density, rhs).sum().backward()
    assert not renewed


def test_backward_leaves_the_report_and_the_warm_start_of_the_step():
    density, rhs = frame((24, 18))
    rhs.requires_grad_()
    warm = solver((24, 18), warm_start=True)
    p = warm.step(density, rhs)
    before = warm.info
    p.square().sum().backward()
    assert warm.info == before
    assert torch.allclose(warm.step(density, rhs.detach()), p.detach(), atol=1e-12) and warm.info.iterations == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_have_the_dtype_of_what_they_belong_to(dtype):
    density, rhs = frame((12, 9))
    density, rhs = density.to(torch.float32).requires_grad_(), rhs.to(dtype).requires_grad_()
    p = solver((12, 9)).step(density, rhs)
    assert p.dtype == dtype
    p.sum().backward()
    p = solver((12, 9)).step(density, rhs)
    (p * torch.arange(108.0, dtype=dtype).view(12, 9)).sum().backward()
    assert density.grad.dtype == torch.float32 and rhs.grad.dtype == dtype


def test_only_what_requires_gradients_gets_them():
    density, rhs = frame((12, 9))
    one = solver((12, 9))
    assert not one.step(density, rhs).requires_grad
    with torch.no_grad():
        assert not one.step(density.requires_grad_(), rhs).requires_grad
    p = one.step(density.detach(), rhs.requires_grad_())
    assert p.requires_grad
    p[3, 3].backward()
    assert rhs.grad is not None and density.grad is None
    with pytest.raises(TypeError, match="only without out"):
        one.step(density, rhs, out=torch.empty_like(rhs))


def test_solids_that_moved_since_are_refused():
    one = solver((12, 9))
    density, rhs = frame((12, 9))
    p = one.step(density, rhs.requires_grad_())
    one.set_solid(np.arange(108).reshape(12, 9) < 5)
    with pytest.raises(RuntimeError, match="the fluid is another one since this step"):
        p.sum().backward()


def test_an_adjoint_that_does_not_converge_is_an_error():
    one = Solver((24, 18), preconditioner="jacobi", max_iterations=3)
    density, rhs = frame((24, 18))
    p = one.step(density, rhs.requires_grad_())
    with pytest.raises(SolveError, match="adjoint"):
        p.square().sum().backward()


def test_a_deleted_solver_and_its_graph_give_their_memory_back_at_once():
    one = solver((24, 18))
    density, rhs = frame((24, 18))
    one.step(density, rhs.requires_grad_()).sum().backward()
    array = weakref.ref(one.system.conductance)
    gc.disable()
    try:
        del one
        assert array() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("name", ["schwarz", "multigrid", "htp"])
def test_gradients_of_many_worlds_are_those_of_each(name):
    shape, count = (9, 12), 3
    density, rhs = (torch.stack(parts) for parts in zip(*(frame(shape, s) for s in range(count)), strict=True))
    weight = torch.tensor(np.random.default_rng(1).standard_normal((count, *shape)))
    many, one = worlds_of(shape, count, preconditioner=name), solver(shape, preconditioner=name)
    for _ in range(2):  # eager, then replayed
        d, b = density.clone().requires_grad_(), rhs.clone().requires_grad_()
        (many.step(d, b) * weight).sum().backward()
        for w in range(count):
            d1, b1 = density[w].clone().requires_grad_(), rhs[w].clone().requires_grad_()
            (one.step(d1, b1) * weight[w]).sum().backward()
            assert torch.equal(d.grad[w], d1.grad) and torch.equal(b.grad[w], b1.grad)


def test_gradients_of_many_worlds_through_faces_masks_and_time():
    """Unrolled: backward reaches an earlier frame when the solver holds the matrix of a later one."""
    shape, count = (5, 6), 2
    many = worlds_of(shape, count, boundary=("wall", "periodic"))
    rng = np.random.default_rng(0)
    density, rhs = (torch.stack(parts) for parts in zip(*(frame(shape, s) for s in range(count)), strict=True))
    shares = [torch.tensor(rng.uniform(0.2, 0.9, (count, 6, 6))), torch.tensor(rng.uniform(0.2, 0.9, (count, 5, 7)))]
    shares[1][..., -1] = shares[1][..., 0]
    masks = [
        {"solid": rng.random((count, *shape)) < 0.2, "surface": rng.random((count, *shape)) - 0.8} for _ in range(2)
    ]

    def unrolled(density, rhs, fx, inner):
        fy = torch.cat([inner, inner[..., :1]], dim=-1)  # both ends of a periodic axis are one face
        p = many.step(density, rhs, fraction=(fx, fy), **masks[0])
        return many.step(density * torch.exp(0.1 * p), rhs + p, fraction=(fx, fy), **masks[1])

    inputs = [t.requires_grad_() for t in (density, rhs, shares[0], shares[1][..., :-1].contiguous())]
    assert torch.autograd.gradcheck(unrolled, inputs, eps=1e-6, atol=1e-5, rtol=1e-4)


def test_backward_names_the_worlds_that_did_not_converge():
    shape = (12, 9)
    many = Solver(shape, worlds=2, preconditioner="none", tolerance=1e-9, max_iterations=40)
    density, rhs = torch.ones(2, *shape, dtype=torch.float64), torch.zeros(2, *shape, dtype=torch.float64)
    density[1] = frame(shape)[0] ** 3
    density.requires_grad_()
    weight = torch.zeros(2, *shape, dtype=torch.float64)
    weight[1] = frame(shape)[1]
    with pytest.raises(SolveError, match="backward: the adjoint solve: 1 of 2 worlds did not converge: 1"):
        (many.step(density, rhs) * weight).sum().backward()
