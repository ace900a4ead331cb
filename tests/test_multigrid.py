"""The multigrid preconditioner: against a V-cycle written from its definition, SPD, iterations, launches."""

import itertools

import numpy as np
import pytest
import warp as wp
from applied import applied

from hpsolver import Solver, Status, problems
from hpsolver.grid import make_grid
from hpsolver.preconditioners import Multigrid
from hpsolver.system import System

GRIDS = {
    "walls": ((20, 11), "wall", False),
    "walls, solids": ((17, 16), "wall", True),
    "open, solids": ((16, 8), (("open", "wall"), "open"), True),
    "even periodic": ((18, 12), "periodic", True),
    "odd periodic": ((17, 9), "periodic", False),
    "odd periodic, solids, open": ((19, 10), ("periodic", ("wall", "open")), True),
    "one row": ((1, 13), "open", False),
    "3D walls, solids": ((5, 6, 7), "wall", True),
    "3D odd periodic": ((9, 4, 5), ("periodic", "wall", "periodic"), True),
    "3D even periodic": ((4, 6, 8), "periodic", False),
    "3D open": ((6, 5, 3), ("wall", ("open", "wall"), "open"), False),
}
TOLERANCE = {"float64": 1e-11, "mixed": 2e-5, "float32": 2e-5}


def frame(shape, solids, contrast=1000.0):
    rng = np.random.default_rng(5)
    density = np.where(rng.random(shape) < 0.4, contrast, 1.0) * (1 + 0.1 * rng.random(shape))
    return density, rng.standard_normal(shape), rng.random(shape) < 0.2 if solids else None


def solve(shape, boundary, solids, precision="float64", block_cells=None):
    """A solver after one frame, its density and its solids."""
    density, rhs, solid = frame(shape, solids)
    tolerance = 1e-4 if precision == "float32" else 1e-8
    options = {"boundary": boundary, "precision": precision, "tolerance": tolerance}
    spacing = tuple(0.5 + 0.3 * a for a in range(len(shape)))
    solver = Solver(shape, preconditioner=Multigrid(block_cells), spacing=spacing, **options)
    solver.set_solid(solid)
    solver.step(density, rhs)
    return solver, density, solid


# --- the V-cycle from its definition: cells and faces by dictionaries, dense matrices --------------------------------


class Level:
    """Conductances by face, ``face[axis, cell]`` between the cell and the one before it, of one level.

    A periodic axis of odd length gets a layer of extra cells in its seam, between two faces of twice its conductance.
    """

    def __init__(self, shape, periodic, face):
        self.periodic = [wraps and n > 1 for wraps, n in zip(periodic, shape, strict=True)]
        self.real, self.face = shape, dict(face)
        self.shape = tuple(n + (n % 2 if wraps else 0) for n, wraps in zip(shape, self.periodic, strict=True))
        for (axis, place), value in face.items():
            if self.shape[axis] > shape[axis] and place[axis] in (0, shape[axis]):
                for p in (0, shape[axis], shape[axis] + 1):
                    self.face[axis, (*place[:axis], p, *place[axis + 1 :])] = 2 * value
        self.cells = list(itertools.product(*map(range, self.shape)))
        self.number = {cell: i for i, cell in enumerate(self.cells)}
        self.red = np.array([sum(cell) % 2 == 0 for cell in self.cells])
        self.active = [a for a, n in enumerate(shape) if n > 1]

    def across(self, cell, axis, step):
        """The cell across a face, or None outside the domain."""
        p, n = cell[axis] + step, self.shape[axis]
        if self.periodic[axis]:
            p %= n
        return (*cell[:axis], p, *cell[axis + 1 :]) if 0 <= p < n else None

    def conductance(self, cell, axis, step):
        place = cell if step < 0 else (*cell[:axis], cell[axis] + 1, *cell[axis + 1 :])
        return self.face.get((axis, place), 0.0)

    def matrix(self):
        A = np.zeros((len(self.cells),) * 2)
        for cell, i in self.number.items():
            for axis, step in itertools.product(range(len(self.shape)), (-1, 1)):
                c, other = self.conductance(cell, axis, step), self.across(cell, axis, step)
                A[i, i] += c
                if other is not None:
                    A[i, self.number[other]] -= c
        return A

    def inner(self, parent, axis, line):
        """The face between the two children of ``parent`` along ``axis`` on one line; 0 if there is none."""
        upper = (*line[:axis], 2 * parent + 1, *line[axis + 1 :])
        return self.face.get((axis, upper), 0.0) if upper[axis] < self.shape[axis] else 0.0

    def to_centre(self, parent, axis, line, step):
        """Resistance on ``line`` from the near side of ``parent``, entered in direction ``step``, to its centre.

        Infinite where the parent's two children lie on both sides of a thin wall; 0 outside the domain.
        """
        if parent is None or 2 * parent + 1 >= self.shape[axis]:
            return 0.0
        inner = self.inner(parent, axis, line)
        beyond = self.face.get((axis, (*line[:axis], 2 * parent + 1 + step, *line[axis + 1 :])), 0.0)
        return 0.5 / inner if inner else np.inf if beyond else 0.0

    def parent(self, p, axis):
        """The coarse position p, wrapped; None outside."""
        n = (self.shape[axis] + 1) // 2
        return p % n if self.periodic[axis] else p if 0 <= p < n else None

    def coarser(self):
        coarse = tuple((n + 1) // 2 for n in self.shape)
        result = {}
        for axis in range(len(coarse)):
            n = self.shape[axis]
            ranges = [range(m + (a == axis)) for a, m in enumerate(coarse)]
            for place in itertools.product(*ranges):
                if self.periodic[axis] and coarse[axis] == 1:
                    continue
                lines = harmonic = total = 0.0
                for bits in itertools.product((0, 1), repeat=len(coarse)):
                    if bits[axis]:
                        continue
                    line = tuple(2 * p + b for p, b in zip(place, bits, strict=True))
                    line = (*line[:axis], min(2 * place[axis], n), *line[axis + 1 :])
                    outer = self.face.get((axis, line), 0.0)
                    if outer == 0.0:
                        continue
                    resistance = 1 / outer
                    for side, step in ((place[axis] - 1, -1), (place[axis], 1)):
                        resistance += self.to_centre(self.parent(side, axis), axis, line, step)
                    lines, harmonic, total = lines + 1, harmonic + 1 / resistance, total + outer
                if lines:
                    result[axis, place] = total if n == 1 else np.sqrt(harmonic * total / 2)
        return coarse, result

    def prolongation(self, coarse: "Level"):
        """Onto the red cells that have a neighbour or an open side; all others get nothing."""
        P = np.zeros((len(self.cells), len(coarse.cells)))
        for cell, i in self.number.items():
            if not self.red[i] or not any(self.conductance(cell, a, s) for a in range(len(cell)) for s in (-1, 1)):
                continue
            parent, to_others, to_parent = tuple(p // 2 for p in cell), [], 0.0
            for axis in self.active:
                up, n = cell[axis] % 2, self.shape[axis]
                if not up and cell[axis] == n - 1:
                    continue
                step = 2 * up - 1
                outer, inner = self.conductance(cell, axis, step), self.conductance(cell, axis, -step)
                other = self.parent(parent[axis] + step, axis)
                to_parent += 2 / (2 * len(self.active) - 1) * inner
                if outer and not (self.periodic[axis] and coarse.real[axis] == 1):
                    value = 1 / (1 / outer + self.to_centre(other, axis, cell, step))
                    to_others.append((axis, other, value))
            whole = to_parent + sum(value for *_, value in to_others)
            P[i, coarse.number[parent]] += to_parent / whole if whole else 1.0
            for axis, other, value in to_others:
                if other is not None:
                    P[i, coarse.number[(*parent[:axis], other, *parent[axis + 1 :])]] += value / whole
        return P[:, [all(p < n for p, n in zip(cell, coarse.real, strict=True)) for cell in coarse.cells]]


def finest(density, grid, solid):
    fluid = np.ones(density.shape, bool) if solid is None else ~solid
    face = {}
    for axis, n in enumerate(grid.shape):
        weight = 1 / grid.spacing[axis] ** 2
        for place in itertools.product(*[range(m + (a == axis)) for a, m in enumerate(grid.shape)]):
            sides = [(*place[:axis], place[axis] - 1, *place[axis + 1 :]), place]
            if grid.periodic(axis):
                sides = [(*s[:axis], s[axis] % n, *s[axis + 1 :]) for s in sides]
            inside = [0 <= s[axis] < n for s in sides]
            if not all(fluid[s] for s, i in zip(sides, inside, strict=True) if i):
                continue
            if all(inside) and not (grid.periodic(axis) and n == 1):
                face[axis, place] = weight * np.mean([1 / density[s] for s in sides])
            elif not all(inside) and grid.boundary[axis][0 if inside[1] else 1] == "open":
                face[axis, place] = 2 * weight / density[sides[inside.index(True)]]
    return Level(grid.shape, [grid.periodic(a) for a in range(grid.dimension)], face)


def v_cycle(level: Level, r, finest=True):
    """z = M r for each column of r, the cells of the level but the extra ones."""
    real = np.array([all(p < n for p, n in zip(cell, level.real, strict=True)) for cell in level.cells])
    right = r
    r = np.zeros((len(real), r.shape[1]))
    r[real] = right
    A = level.matrix()
    d = np.diag(A).copy()
    A[d == 0, d == 0] = 1.0 if finest else 0.0
    inverse = np.divide(1.0, np.diag(A), out=np.zeros_like(d), where=np.diag(A) > 0)[:, None]
    z = np.zeros_like(r)
    for color in (level.red, ~level.red):
        z[color] += (inverse * (r - A @ z))[color]
    if max(level.real) > 1:
        coarse = Level(level.coarser()[0], level.periodic, level.coarser()[1])
        P = level.prolongation(coarse)
        z += P @ v_cycle(coarse, P.T @ (r - A @ z), finest=False)
    for color in (~level.red, level.red):
        z[color] += (inverse * (r - A @ z))[color]
    return z[real]


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("name", GRIDS)
def test_it_is_the_v_cycle(name, precision):
    solver, density, solid = solve(*GRIDS[name], precision=precision)
    M, error = applied(solver)
    level = finest(density, solver.grid, solid)
    expected = v_cycle(level, np.eye(len(M)))
    assert abs(M - expected).max() <= TOLERANCE[precision] * abs(expected).max()
    assert error <= TOLERANCE[precision]
    assert abs(M - M.T).max() <= TOLERANCE[precision] * abs(M).max()
    assert np.linalg.eigvalsh((M + M.T) / 2).min() > 0
    assert solver.info.status is Status.CONVERGED and not solver.info.fallback


@pytest.mark.parametrize("name", ["even periodic", "odd periodic", "3D even periodic", "3D walls, solids"])
def test_constants_are_exact_on_every_level(name):
    """Without open sides A 1 = 0 on every level and interpolation reproduces 1: coarse levels see the null space."""
    shape, boundary, solids = GRIDS[name]
    solver, density, solid = solve(shape, boundary, solids)
    level = finest(density, solver.grid, solid)
    while max(level.real) > 1:
        A = level.matrix()
        assert abs(A.sum(axis=1)).max() <= 1e-12 * abs(A).max()
        coarse = Level(level.coarser()[0], level.periodic, level.coarser()[1])
        P = level.prolongation(coarse)
        linked = level.red & (np.diag(A) > 0)
        np.testing.assert_allclose(P.sum(axis=1), linked, atol=1e-14)
        assert P.min() >= 0
        level = coarse


@pytest.mark.parametrize("boundary", ["wall", "periodic", "open"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 1), (2, 1, 2), (1, 5, 3)])
def test_tiny_grids_stay_positive_definite(shape, boundary):
    solver, *_ = solve(shape, boundary, False)
    M, _ = applied(solver)
    assert np.isfinite(M).all() and abs(M - M.T).max() <= 1e-12 * abs(M).max()
    assert np.linalg.eigvalsh(M).min() > 0
    assert solver.info.status is Status.CONVERGED and not solver.info.fallback


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("mixed", 1e-5), ("float32", 1e-5)])
@pytest.mark.parametrize("shape", [(100, 75), (21, 18, 26)])
def test_it_is_symmetric_and_positive_on_random_vectors(shape, precision, tolerance):
    solver, *_ = solve(shape, "wall", True, precision)
    system, T = solver.system, solver.system.krylov_type
    z, rz = system.zeros(system.size, T), system.zeros(solver.preconditioner.products, wp.float64)
    vectors = np.random.default_rng(0).standard_normal((4, *shape))
    products = []
    for u in vectors:
        solver.preconditioner.apply(wp.array(system.bricks.to_bricks(u), dtype=T, device="cpu"), z, rz)
        result = system.bricks.from_bricks(z.numpy(), shape)
        products.append([(v * result).sum() for v in vectors])
        assert rz.numpy().sum() > 0
    products = np.array(products)
    assert abs(products - products.T).max() <= tolerance * products.diagonal().max()


# --- how a GPU runs it, and how often ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["walls, solids", "odd periodic, solids, open", "even periodic", "3D odd periodic"])
def test_levels_in_many_blocks_or_one_give_the_same_bits(name):
    whole, *_ = solve(*GRIDS[name])
    for block_cells in (1, 30):
        split, *_ = solve(*GRIDS[name], block_cells=block_cells)
        assert split.preconditioner.launches > whole.preconditioner.launches
        assert split.info.iterations == whole.info.iterations
        assert np.array_equal(applied(split)[0], applied(whole)[0])


@pytest.mark.parametrize(("shape", "boundary"), [((33, 17), "periodic"), ((9, 12, 10), ("wall", "periodic", "open"))])
def test_any_number_of_blocks_gives_the_same_bits(shape, boundary):
    density, rhs, _ = frame(shape, False)
    results = []
    for slots in (1, 3, 7):
        system = System(make_grid(shape, boundary=boundary), 128, "float64", wp.get_device("cpu"), slots=slots)
        system.density.assign(system.bricks.to_bricks(density))
        system.assemble()
        preconditioner = Multigrid(1).bind(system)
        preconditioner.update()
        z, rz = system.zeros(system.size, wp.float64), system.zeros(slots, wp.float64)
        preconditioner.apply(wp.array(system.bricks.to_bricks(rhs), dtype=wp.float64, device="cpu"), z, rz)
        results.append(z.numpy())
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


@pytest.mark.parametrize(("block_cells", "launches"), [(None, 3), (512, 8), (128, 14)])
def test_launches(monkeypatch, block_cells, launches):
    solver = Solver((32, 32), preconditioner=Multigrid(block_cells))
    solver.step(*problems.frame("panel", (32, 32), seed=0))
    count = []
    monkeypatch.setattr(wp, "launch", lambda *a, **k: count.append(1))
    monkeypatch.setattr(wp, "launch_tiled", lambda *a, **k: count.append(1))
    solver._pcg.iterate(solver.preconditioner)
    assert solver.preconditioner.launches == launches
    assert len(count) == 3 + launches


@pytest.mark.parametrize("block_cells", [0, -1, 2.5, True])
def test_block_cells_must_be_a_positive_integer(block_cells):
    with pytest.raises(ValueError, match="block_cells must be a positive integer"):
        Multigrid(block_cells)


def test_replayed_frames_renew_it_and_repeat_bit_for_bit():
    shape = (40, 25)
    frames = [problems.frame(family, shape, seed=s) for s, family in enumerate(("noise", "panel", "noise"))]
    solver = Solver(shape, preconditioner="multigrid")
    for density, rhs in frames:
        fresh = Solver(shape, preconditioner="multigrid")
        assert np.array_equal(solver.step(density, rhs), fresh.step(density, rhs))
        assert solver.info.iterations == fresh.info.iterations
        solver.step(np.full(shape, np.nan), rhs)  # leaves nothing behind
        assert solver.info.status is Status.BAD_DENSITY


# --- what it is worth -------------------------------------------------------------------------------------------------


def iterations(shape, family, contrast=None, seeds=range(10000, 10003), solid=None, boundary="wall"):
    solver = Solver(shape, boundary=boundary, preconditioner="multigrid", tolerance=1e-8, precision="float64")
    solver.set_solid(solid)
    counts = []
    for seed in seeds:
        solver.step(*problems.frame(family, shape, seed=seed, contrast=contrast))
        solver.info.raise_for_status()
        assert not solver.info.fallback
        counts.append(solver.info.iterations)
    return counts


def test_iterations_on_panel_do_not_grow_with_the_grid():
    counts = {shape: iterations(shape, "panel") for shape in [(32, 32), (128, 64), (129, 97), (256, 256)]}
    counts |= {shape: iterations(shape, "panel", seeds=[10000]) for shape in [(512, 512), (64, 64, 64)]}
    assert max(map(max, counts.values())) <= 15, counts


@pytest.mark.parametrize(
    ("boundary", "shape", "bound"),
    [
        ("periodic", (127, 127), 13),
        ("periodic", (128, 65), 18),
        ("open", (127, 65), 13),
        (("wall", "open"), (65, 33), 14),
    ],
)
def test_iterations_with_other_sides_and_odd_sizes(boundary, shape, bound):
    """A seam of odd length on every level (65, 33, 17, ...) costs a third more; on one level nothing."""
    assert max(iterations(shape, "panel", boundary=boundary)) <= bound


@pytest.mark.parametrize(
    ("family", "shape", "contrast", "bound"),
    [
        ("bubbles", (128, 128), 1e3, 26),
        ("film", (128, 128), 1e3, 36),
        ("noise", (128, 128), 1e1, 14),
        ("dam", (128, 128), 1e5, 16),
        ("tank", (32, 32, 32), 1e3, 16),
        ("bubbles", (32, 32, 32), 1e5, 17),
    ],
)
def test_iterations_at_high_contrast(family, shape, contrast, bound):
    assert np.mean(iterations(shape, family, contrast)) <= bound


@pytest.mark.parametrize(("place", "bound"), [(31, 12), (27, 15), (26, 18)])
def test_a_thin_wall_costs_little(place, bound):
    """Nothing at 31, where every level has it between coarse cells; more where some level's cells lie on both sides."""
    solid = np.zeros((64, 64), bool)
    solid[place] = True
    assert np.mean(iterations((64, 64), "panel", 2.0, solid=solid)) <= bound
