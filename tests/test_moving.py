"""A fluid whose solids, surface and faces change every frame: found on the device, solved as SciPy solves it."""

import numpy as np
import oracle
import pytest
import torch
import warp as wp
from moving_frames import SHAPES, SIDES, boundary_of, check, scene

from hpsolver import Solver, preconditioners, problems

ABLE = [name for name, make in preconditioners.NAMES.items() if make().moves]


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_random_masks_of_every_frame_are_solved_as_scipy_solves_them(shape, sides):
    """Islands, single cells, all solid, all air, no mask, a closed bubble: one solver, one graph."""
    rng = np.random.default_rng(3)
    boundary, spacing = boundary_of(sides, shape), (0.5, 0.8, 1.1)[: len(shape)]
    solver = Solver(shape, boundary=boundary, spacing=spacing, tolerance=1e-10)
    for share in ((0.2, 0.2), (0.45, 0.0), (0.1, 0.6), (0.3, 0.02), (1.1, 0.0), (0.0, 1.1), (0.0, 0.0), (0.6, 0.1)):
        masks = scene(shape, rng, *share)
        density = np.where(rng.random(shape) < 0.3, 50.0, 1.0)
        density[masks["air"] | masks["solid"]] = np.nan  # nobody reads it there
        A = oracle.assemble(np.nan_to_num(density, nan=1.0), spacing, boundary, **masks)
        check(solver, density, rng.standard_normal(shape), A, masks["solid"] | masks["air"], **masks)
    density, rhs = problems.frame("bubbles", shape, seed=0, contrast=10.0)
    check(solver, density, rhs, oracle.assemble(density, spacing, boundary), np.zeros(shape, bool))


@pytest.mark.parametrize("name", ABLE)
def test_all_preconditioners_that_can_follow(name):
    rng = np.random.default_rng(5)
    shape = (24, 30)
    solver = Solver(shape, preconditioner=name, tolerance=1e-10, max_iterations=4000)
    for share in ((0.1, 0.2), (0.35, 0.0), (0.0, 0.4)):
        masks = scene(shape, rng, *share)
        density = np.where(rng.random(shape) < 0.3, 50.0, 1.0)
        A = oracle.assemble(density, **masks)
        check(solver, density, rng.standard_normal(shape), A, masks["solid"] | masks["air"], **masks)
        assert solver.info.preconditioner in (name, "schwarz" if name == "multigrid" else name)


@pytest.mark.parametrize("name", sorted(set(preconditioners.NAMES) - set(ABLE)))
def test_the_others_say_so(name):
    shape = (32, 32)
    solver = Solver(shape, preconditioner=name)
    with pytest.raises(ValueError, match=f"'{name}' cannot follow .* those that can: none, jacobi"):
        solver.step(np.ones(shape), np.ones(shape), air=np.ones(shape, bool))
    assert not solver.step(np.ones(shape), np.ones(shape)).any()


@pytest.mark.parametrize(
    ("levels", "dense", "precision", "tolerance"),
    [(2, True, "mixed", 1e-10), (3, False, "mixed", 1e-10), (3, True, "float32", 1e-6)],
)
def test_coarse_spaces_of_all_forms_follow(levels, dense, precision, tolerance):
    rng = np.random.default_rng(6)
    shape = (48, 44)
    schwarz = preconditioners.Schwarz(levels=levels, dense=dense)
    solver = Solver(shape, preconditioner=schwarz, tolerance=tolerance, precision=precision)
    for share in ((0.05, 0.1), (0.2, 0.0), (0.0, 0.0)):
        masks = scene(shape, rng, *share)
        density, rhs = problems.frame("bubbles", shape, seed=rng, contrast=100.0)
        p = solver.step(density, rhs, **masks)
        A = oracle.assemble(density, **masks)
        assert solver.info.converged and not solver.info.fallback and solver.info.iterations <= 40, solver.info
        assert oracle.residual(A, p, rhs, masks["solid"] | masks["air"]) <= 2 * tolerance


@pytest.mark.parametrize("face_average", ["harmonic", "arithmetic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_surface_between_cells(shape, face_average):
    rng = np.random.default_rng(7)
    solver = Solver(shape, boundary="open", face_average=face_average, tolerance=1e-10)
    for _ in range(3):
        distance = rng.standard_normal(shape) - 0.3
        distance[(0,) * len(shape)] = 1e-300  # as near as a cell can be: the bound counts
        solid = rng.random(shape) < 0.1
        density = np.where(rng.random(shape) < 0.3, 50.0, 1.0)
        air = distance >= 0
        A = oracle.assemble(density, 1.0, "open", face_average, solid, air, distance)
        check(solver, density, rng.standard_normal(shape), A, air | solid, surface=distance, solid=solid)


def test_a_manufactured_free_surface_is_second_order_with_the_distance_and_first_with_the_mask():
    """A disc of liquid in air: p = sin(R^2 - r^2), zero at its edge."""
    errors = {"surface": [], "air": []}
    for n in (32, 64, 128):
        x, y = np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5] * 2, indexing="ij")
        r2, R2 = x**2 + y**2, 0.37**2
        exact, distance = np.sin(R2 - r2), np.sqrt(r2) - np.sqrt(R2)
        rhs = 4 * np.sin(R2 - r2) * r2 + 4 * np.cos(R2 - r2)
        liquid = distance < 0
        solver = Solver((n, n), spacing=1 / n, tolerance=1e-10)
        for what, kept in (("surface", distance), ("air", ~liquid)):
            p = solver.step(np.ones((n, n)), rhs, **{what: kept})
            assert solver.info.converged
            errors[what].append(abs(p - exact)[liquid].max())
    order = {what: np.log2(e[0] / e[2]) / 2 for what, e in errors.items()}
    assert order["surface"] > 1.8 and 0.6 < order["air"] < 1.4, (order, errors)


@pytest.mark.parametrize("name", ["multigrid", "schwarz"])
def test_a_column_of_water_is_at_rest(name):
    """Gravity's right-hand side below air: p is linear, zero at the surface, which lies between two cells."""
    shape, g, level = (40, 12), 9.81, 27.3
    height = np.broadcast_to(np.arange(40)[:, None] + 0.5, shape)
    distance = height - level
    liquid = distance < 0
    rhs = np.zeros(shape)  # -div u, with u = -g at every open face: not zero in the cells on the floor alone
    rhs[0] = g
    p = Solver(shape, preconditioner=name, tolerance=1e-13).step(np.ones(shape), rhs, surface=distance)
    assert abs(p - np.where(liquid, g * (level - height), 0.0)).max() <= 1e-10 * p.max()


def test_a_moving_solid_in_a_closed_box_keeps_the_volume():
    """Fluid pushed away in front comes round to the back: no mean is removed; ``set_solid`` gives the same answer."""
    shape = (30, 24)
    x, y = np.meshgrid(*(np.arange(n) + 0.5 for n in shape), indexing="ij")
    solver, still = (Solver(shape, tolerance=1e-11) for _ in range(2))
    for k in range(4):
        solid = (abs(x - 8 - k) < 4) & (abs(y - 12) < 5)
        u = np.zeros((31, 24))
        u[:-1] += solid
        u[1:] += solid
        rhs = -np.diff(np.minimum(u, 1.0), axis=0)
        p = solver.step(np.ones(shape), rhs, solid=solid)
        still.set_solid(solid)
        expected = still.step(np.ones(shape), rhs)
        assert abs(solver.info.rhs_mean_removed) < 1e-14
        assert abs(p - expected).max() <= 1e-9 * abs(p).max()


def test_means_of_many_regions_are_taken_and_told():
    shape = (40, 40)
    solid = np.zeros(shape, bool)
    solid[::8], solid[:, ::8] = True, True
    rhs = np.where(solid, 0.0, 1e6) + np.random.default_rng(0).standard_normal(shape)
    rhs[1:8, 1:8] = -3e7
    solver = Solver(shape, tolerance=1e-9)
    A = oracle.assemble(np.ones(shape), solid=solid)
    check(solver, np.ones(shape), rhs, A, solid, solid=solid)
    info = solver.info
    still = Solver(shape, tolerance=1e-9)
    still.set_solid(solid)
    still.step(np.ones(shape), rhs)
    assert info.rhs_mean_removed == pytest.approx(still.info.rhs_mean_removed, rel=1e-12) == pytest.approx(-3e7)
    assert info.rhs_share_removed == pytest.approx(still.info.rhs_share_removed, rel=1e-9)


def test_frames_repeat_bit_for_bit_and_do_not_remember():
    rng = np.random.default_rng(9)
    shape = (30, 28)
    density, rhs = problems.frame("bubbles", shape, seed=0, contrast=100.0)
    first, other = scene(shape, rng, 0.2, 0.1), scene(shape, rng, 0.3, 0.0)
    solver = Solver(shape, preconditioner="schwarz")
    p = solver.step(density, rhs, **first)
    solver.step(density, rhs, **other)
    assert np.array_equal(solver.step(density, rhs, **first), p)
    assert np.array_equal(Solver(shape, preconditioner="schwarz").step(density, rhs, **first), p)


def test_solids_at_rest_stay_beside_those_of_a_frame():
    rng = np.random.default_rng(10)
    shape = (22, 26)
    density, rhs = problems.frame("bubbles", shape, seed=0, contrast=10.0)
    rest, masks = rng.random(shape) < 0.15, scene(shape, rng, 0.1, 0.1)
    solver = Solver(shape, tolerance=1e-10)
    for _ in range(2):  # set before the first moving frame, and after
        solver.set_solid(rest)
        solid = masks["solid"] | rest
        A = oracle.assemble(density, solid=solid, air=masks["air"])
        check(solver, density, rhs, A, solid | masks["air"], **masks)
        check(solver, density, rhs, oracle.assemble(density, solid=rest), rest)
        rest = rng.random(shape) < 0.15


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_warm_start_forgets_what_is_no_longer_liquid(shape):
    rng = np.random.default_rng(11)
    solver = Solver(shape, warm_start=True, tolerance=1e-10)
    for _ in range(3):
        masks = scene(shape, rng, 0.2, 0.2)
        density = np.ones(shape)
        A = oracle.assemble(density, **masks)
        check(solver, density, rng.standard_normal(shape), A, masks["solid"] | masks["air"], **masks)


def test_bad_values_are_told_with_their_cells():
    shape = (16, 14)
    ones = np.ones(shape)
    solver = Solver(shape)
    distance = np.where(np.arange(16)[:, None] > 9, 1.0, -1.0) * ones
    distance[3, 4] = np.nan
    assert not solver.step(ones, ones, surface=distance).any()
    assert str(solver.info.status) == "bad_density" and solver.info.first_bad_cell == (3, 4)
    for value in (-0.1, 1.5, np.nan):
        shares = [np.ones((17, 14)), np.ones((16, 15))]
        shares[1][5, 6] = value
        solver.step(ones, ones, fraction=shares)
        assert str(solver.info.status) == "bad_density" and solver.info.bad_cells == 2
        assert solver.info.first_bad_cell == (5, 5)
    solver.step(ones, ones, surface=np.where(np.arange(16)[:, None] > 9, 1.0, -1.0) * ones)
    assert solver.info.converged


def test_bad_arrays_are_refused_and_nothing_is_lost():
    shape = (16, 14)
    ones, mask = np.ones(shape), np.zeros(shape, bool)
    solver = Solver(shape)
    for moving, error, message in (
        ({"solid": mask.astype(int)}, TypeError, "solid: dtype must be bool or uint8, got int64"),
        ({"air": mask.T}, ValueError, r"air: shape must be \(16, 14\), got \(14, 16\)"),
        ({"air": mask, "surface": ones}, ValueError, "air and surface say the same"),
        ({"surface": mask}, TypeError, "surface: dtype must be float32 or float64"),
        ({"fraction": (ones,)}, ValueError, "fraction: expected a tuple of arrays, one for each of 2 axes, got 1"),
        ({"fraction": ones}, ValueError, "fraction: expected a tuple of arrays.* got ndarray"),
        ({"fraction": (ones, ones)}, ValueError, r"fraction\[0\]: shape must be \(17, 14\)"),
    ):
        with pytest.raises(error, match=message):
            solver.step(ones, ones, **moving)
    by_faces = Solver(shape, coefficients="faces")
    with pytest.raises(ValueError, match="density: expected a tuple of arrays"):
        by_faces.step(ones, ones)
    with pytest.raises(ValueError, match="hold the open shares already"):
        by_faces.step((np.ones((17, 14)), np.ones((16, 15))), ones, fraction=())
    with pytest.raises(ValueError, match="unknown coefficients 'cells'; allowed: density, faces"):
        Solver(shape, coefficients="cells")
    assert solver.system.moving is None


@pytest.mark.parametrize("kind", ["torch", "warp", "uint8", "strided"])
def test_kinds_of_masks(kind):
    rng = np.random.default_rng(12)
    shape = (18, 14)
    masks, distance = scene(shape, rng, 0.2, 0.2), rng.standard_normal(shape)
    density, rhs = np.ones(shape), rng.standard_normal(shape)
    expected = Solver(shape).step(density, rhs, **masks)
    by_distance = Solver(shape).step(density, rhs, surface=distance)
    make = {
        "torch": torch.tensor,
        "warp": lambda a: wp.array(a, dtype=wp.bool if a.dtype == bool else wp.float64),
        "uint8": lambda a: a.astype(np.uint8) if a.dtype == bool else a,
        "strided": lambda a: np.repeat(np.asfortranarray(a), 2, axis=1)[:, ::2],
    }[kind]
    solver = Solver(shape)
    given = {name: make(mask) for name, mask in masks.items()}
    assert np.array_equal(solver.step(density, rhs, **given), expected)
    assert np.array_equal(solver.step(density, rhs, surface=make(distance)), by_distance)


def test_moving_frames_are_recorded_into_a_callers_graph():
    rng = np.random.default_rng(13)
    shape = (24, 20)
    rho, b = wp.array(np.ones(shape)), wp.array(rng.standard_normal(shape))
    masks = {name: wp.array(mask, dtype=wp.bool) for name, mask in scene(shape, rng, 0.2, 0.2).items()}
    out = wp.zeros(shape, dtype=wp.float64)
    solver = Solver(shape)
    solver.step(rho, b, out=out)
    with (
        pytest.raises(RuntimeError, match="call step once outside first, with what moves"),
        wp.ScopedCapture(),
    ):
        solver.step(rho, b, out=out, **masks)
    solver.step(rho, b, out=out, **masks)
    with wp.ScopedCapture() as capture:
        solver.step(rho, b, out=out, **masks)
    for _ in range(3):
        new = scene(shape, rng, 0.2, 0.2)
        for name, mask in new.items():
            masks[name].assign(mask)
        wp.capture_launch(capture.graph)
        expected = Solver(shape).step(np.ones(shape), b.numpy(), **new)
        assert np.array_equal(out.numpy(), expected) and solver.info.converged


def test_gradients_through_masks_and_a_surface():
    rng = np.random.default_rng(14)
    shape = (7, 6)
    solid, distance = rng.random(shape) < 0.15, rng.standard_normal(shape) - 0.4
    solver = Solver(shape, tolerance=1e-12, precision="float64")
    density = torch.tensor(1.0 + rng.random(shape), requires_grad=True)
    rhs = torch.tensor(rng.standard_normal(shape), requires_grad=True)
    step = lambda d, b: solver.step(d, b, solid=solid, surface=distance)  # noqa: E731
    assert torch.autograd.gradcheck(step, (density, rhs), rtol=1e-5, atol=1e-7)
    other = rng.random(shape) < 0.3
    unrolled = lambda d, b: solver.step(d, solver.step(d, b, solid=other), solid=solid, surface=distance)  # noqa: E731
    assert torch.autograd.gradcheck(unrolled, (density, rhs), rtol=1e-5, atol=1e-7)
