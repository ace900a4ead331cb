"""A projected velocity has the divergence that the solve left, cell by cell, whatever the sides and solids."""

import numpy as np
import oracle
import pytest
import torch
import warp as wp

from hpsolver import Projection, Solver, problems

SIDES = {
    "wall": "wall",
    "open": "open",
    "mixed": (("open", "wall"), "periodic", ("wall", "open")),
    "periodic": "periodic",
}


def random_velocity(shape: tuple[int, ...], boundary, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    velocity = []
    for axis, sides in enumerate(oracle.sides(boundary, len(shape))):
        u = rng.standard_normal([n + (a == axis) for a, n in enumerate(shape)])
        if sides[0] == "periodic":
            np.moveaxis(u, axis, 0)[-1] = np.moveaxis(u, axis, 0)[0]
        velocity.append(u)
    return velocity


def divergence(velocity: list[np.ndarray], spacing: tuple[float, ...]) -> np.ndarray:
    return sum(np.diff(u, axis=axis) / h for axis, (u, h) in enumerate(zip(velocity, spacing, strict=True)))


@pytest.mark.parametrize("face_average", ["harmonic", "arithmetic"])
@pytest.mark.parametrize("solid", [False, True], ids=["fluid", "solids"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("shape", [(21, 13), (9, 8, 6)], ids=["2D", "3D"])
def test_divergence_left_is_the_residual(shape, sides, solid, face_average):
    boundary = SIDES[sides] if isinstance(SIDES[sides], str) else SIDES[sides][: len(shape)]
    spacing = (0.5, 0.8, 1.1)[: len(shape)]
    density, _ = problems.frame("bubbles", shape, seed=0, contrast=100.0)
    mask = np.random.default_rng(1).random(shape) < 0.2 if solid else None
    options = {"spacing": spacing, "boundary": boundary, "face_average": face_average}
    solver = Solver(shape, tolerance=1e-3, **options)
    solver.set_solid(mask)
    before = random_velocity(shape, boundary)
    after = [u.copy() for u in before]
    impulse = Projection(solver).project(after, density)
    A = oracle.assemble(density, spacing, boundary, face_average, solid=mask)
    fluid = np.ones(shape, bool) if mask is None else ~mask
    expected = (divergence(before, spacing).ravel() + A @ impulse.ravel()).reshape(shape)
    assert abs((divergence(after, spacing) - expected)[fluid]).max() <= 1e-11
    assert abs(divergence(after, spacing)[fluid]).max() < abs(divergence(before, spacing)[fluid]).max()


@pytest.mark.parametrize("sides", SIDES)
def test_walls_and_faces_of_solids_keep_their_velocity(sides):
    shape = (16, 12)
    boundary = SIDES[sides] if isinstance(SIDES[sides], str) else SIDES[sides][:2]
    mask = np.zeros(shape, bool)
    mask[5:8, 3:7] = True
    solver = Solver(shape, boundary=boundary)
    solver.set_solid(mask)
    before = random_velocity(shape, boundary)
    after = [u.copy() for u in before]
    Projection(solver).project(after, np.ones(shape))
    for axis, (old, new, pair) in enumerate(zip(before, after, oracle.sides(boundary, 2), strict=True)):
        old, new, solid = (np.moveaxis(a, axis, 0) for a in (old, new, mask))
        kept = np.zeros(new.shape, bool)
        kept[:-1] |= solid
        kept[1:] |= solid
        kept[0] |= pair[0] == "wall"
        kept[-1] |= pair[1] == "wall"
        assert np.array_equal(old[kept], new[kept])
        assert (old != new)[~kept].all()
        if pair[0] == "periodic":
            assert np.array_equal(new[0], new[-1])


def test_a_solenoidal_flow_with_an_inflow_stays_and_a_moving_solid_pushes_fluid_away():
    shape = (24, 16)
    solver = Solver(shape, boundary=(("wall", "open"), "wall"), tolerance=1e-10)
    projection = Projection(solver)
    u, v = np.full((25, 16), 2.0), np.zeros((24, 17))
    projection.project((u, v), np.ones(shape))
    assert abs(u - 2.0).max() < 1e-9 and abs(v).max() < 1e-9
    mask = np.zeros(shape, bool)
    mask[10:13, 6:10] = True
    solver.set_solid(mask)
    u[:], v[:] = 0.0, 0.0
    u[13, 6:10] = u[10, 6:10] = 1.0  # it moves to the right
    projection.project((u, v), np.ones(shape))
    assert abs(divergence([u, v], (1.0, 1.0))[~mask]).max() < 1e-8
    assert (u[14, 6:10] > 0.1).all() and abs(u[-1].sum()) < 1e-7  # what it pushes away comes round to its back


@pytest.mark.parametrize("kind", ["torch", "warp", "float32"])
def test_kinds_of_arrays(kind):
    shape = (20, 14)
    density, _ = problems.frame("bubbles", shape, seed=0, contrast=10.0)
    velocity = random_velocity(shape, "wall")
    expected = [u.copy() for u in velocity]
    impulse = Projection(Solver(shape)).project(expected, density)
    make = {"torch": torch.tensor, "warp": wp.array, "float32": lambda a: a.astype(np.float32)}[kind]
    given = [make(u) for u in velocity]
    projection = Projection(Solver(shape))
    mine = projection.project(given, make(density))
    tolerance = 1e-4 if kind == "float32" else 0.0
    for a, b in zip((*given, mine), (*expected, impulse), strict=True):
        assert type(a) is type(make(b))
        assert abs(np.asarray(a.numpy() if kind == "warp" else a) - b).max() <= tolerance
    left = projection.divergence(given)
    assert (
        abs(np.asarray(left.numpy() if kind == "warp" else left) - divergence(expected, (1, 1))).max() <= 10 * tolerance
    )


def test_projection_is_recorded_into_a_callers_graph():
    shape = (24, 16)
    density, _ = problems.frame("bubbles", shape, seed=0, contrast=10.0)
    rho = wp.array(density, dtype=wp.float64)
    start = random_velocity(shape, "wall")
    velocity = [wp.array(u, dtype=wp.float64) for u in start]
    impulse = wp.zeros(shape, dtype=wp.float64)
    projection = Projection(Solver(shape))
    projection.project(velocity, rho, out=impulse)
    expected = [u.numpy().copy() for u in velocity]
    with wp.ScopedCapture() as capture:
        projection.project(velocity, rho, out=impulse)
    for _ in range(2):
        for mine, u in zip(velocity, start, strict=True):
            mine.assign(u)
        wp.capture_launch(capture.graph)
        assert all(np.array_equal(mine.numpy(), u) for mine, u in zip(velocity, expected, strict=True))
    assert projection.solver.info.converged


def test_unusable_velocities_are_refused():
    projection = Projection(Solver((8, 6)))
    u, v = np.zeros((9, 6)), np.zeros((8, 7))
    density = np.ones((8, 6))
    with pytest.raises(ValueError, match="one array for each of 2 axes, got 1"):
        projection.project([u], density)
    with pytest.raises(ValueError, match=r"velocity\[1\]: shape must be \(8, 7\), got \(8, 6\)"):
        projection.project([u, density], density)
    with pytest.raises(TypeError, match=r"velocity\[0\].*int64"):
        projection.project([u.astype(int), v], density)
    u.flags.writeable = False
    with pytest.raises(ValueError, match="velocity: the array is read-only"):
        projection.project([u, v], density)
    with pytest.raises(TypeError, match="out: dtype must be float64"):
        projection.divergence([u, v], out=np.zeros((8, 6), np.float32))


@pytest.mark.parametrize("what", ["air", "surface", "fraction", "faces"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("shape", [(21, 13), (9, 8, 6)], ids=["2D", "3D"])
def test_divergence_left_is_the_residual_with_surfaces_and_shares_of_faces(shape, sides, what):
    """With shares, it is the divergence of the flow through open parts of faces and of the walls through the rest."""
    boundary = SIDES[sides] if isinstance(SIDES[sides], str) else SIDES[sides][: len(shape)]
    spacing = (0.5, 0.8, 1.1)[: len(shape)]
    rng = np.random.default_rng(2)
    density, _ = problems.frame("bubbles", shape, seed=0, contrast=100.0)
    solid, distance = rng.random(shape) < 0.15, rng.standard_normal(shape) - 0.5
    shares = [abs(u) / (1.0 + abs(u)) for u in random_velocity(shape, boundary, seed=3)]
    for part in shares:
        part[rng.random(part.shape) < 0.2] = 0.0
    for axis, pair in enumerate(oracle.sides(boundary, len(shape))):
        if pair[0] == "periodic":
            np.moveaxis(shares[axis], axis, 0)[-1] = np.moveaxis(shares[axis], axis, 0)[0]
    walls = random_velocity(shape, boundary, seed=4)
    moving, flow = {"solid": solid}, lambda velocity: velocity
    known = {"spacing": spacing, "boundary": boundary, "solid": solid}
    if what in ("air", "surface"):
        moving[what] = distance >= 0 if what == "air" else distance
        known |= {"air": distance >= 0, "distance": distance if what == "surface" else None}
    elif what == "fraction":
        moving |= {"fraction": shares, "walls": walls}
        flow = lambda velocity: [s * u + (1 - s) * w for s, u, w in zip(shares, velocity, walls, strict=True)]  # noqa: E731
        known["shares"] = shares
    else:
        known["shares"], density = [5.0 * part for part in shares], np.ones(shape)
    options = {"coefficients": "faces"} if what == "faces" else {}
    solver = Solver(shape, tolerance=1e-3, spacing=spacing, boundary=boundary, **options)
    before = random_velocity(shape, boundary)
    after = [u.copy() for u in before]
    projection = Projection(solver)
    impulse = projection.project(after, tuple(known["shares"]) if what == "faces" else density, **moving)
    A = oracle.assemble(density, **known)
    fluid = ~solid & ~known.get("air", np.zeros(shape, bool))
    expected = (divergence(flow(before), spacing).ravel() + A @ impulse.ravel()).reshape(shape)
    left = divergence(flow(after), spacing)
    assert abs((left - expected)[fluid]).max() <= 1e-11 * abs(expected).max() + 1e-11
    through = {"fraction": shares, "walls": walls} if what == "fraction" else {}
    assert abs(projection.divergence(after, **through) - left)[fluid].max() <= 1e-11


def test_walls_need_a_fraction():
    projection = Projection(Solver((8, 6)))
    velocity = [np.zeros((9, 6)), np.zeros((8, 7))]
    with pytest.raises(ValueError, match=r"walls: .* counts only with fraction"):
        projection.project(velocity, np.ones((8, 6)), walls=velocity)
    with pytest.raises(ValueError, match="fraction: expected one array for each of 2 axes, got 1"):
        projection.divergence(velocity, fraction=velocity[:1])


@pytest.mark.parametrize("shape", [(14, 9), (7, 6, 5)], ids=["2D", "3D"])
def test_velocities_of_many_worlds_are_projected_as_those_of_each(shape):
    count, boundary = 3, (("open", "wall"), "periodic", ("wall", "open"))[: len(shape)]
    rng = np.random.default_rng(0)
    velocity = [np.stack(u) for u in zip(*(random_velocity(shape, boundary, s) for s in range(count)), strict=True)]
    walls = [0.1 * rng.standard_normal(u.shape) for u in velocity]
    density = 10.0 ** rng.uniform(0, 2, (count, *shape))
    shares = [rng.uniform(0.0, 1.0, u.shape) for u in velocity]
    for axis, sides in enumerate(oracle.sides(boundary, len(shape))):
        if sides[0] == "periodic":
            ends = np.moveaxis(shares[axis], axis + 1, 0)
            ends[-1] = ends[0]
    still = {}
    moving = {"surface": rng.random((count, *shape)) - 0.8, "solid": rng.random((count, *shape)) < 0.1}
    cut = moving | {"fraction": shares, "walls": walls}
    many = Projection(Solver(shape, worlds=count, boundary=boundary))
    alone = [Projection(Solver(shape, boundary=boundary)) for _ in range(count)]
    for given in (still, moving, cut, still):
        after = [u.astype(np.float32 if given is moving else np.float64) for u in velocity]
        mine = [[u[w].copy() for u in after] for w in range(count)]
        impulse = many.project(after, density, **given)
        left = many.divergence(after, **{name: given[name] for name in ("fraction", "walls") if name in given})
        for w, one in enumerate(alone):
            own = {k: [p[w] for p in v] if isinstance(v, list) else v[w] for k, v in given.items()}
            assert np.array_equal(one.project(mine[w], density[w], **own), impulse[w])
            assert all(np.array_equal(u[w], v) for u, v in zip(after, mine[w], strict=True))
            kept = {name: own[name] for name in ("fraction", "walls") if name in own}
            assert np.array_equal(one.divergence(mine[w], **kept), left[w])
