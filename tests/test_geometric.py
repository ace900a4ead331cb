"""Geometric multigrid, ``multigrid`` in 3D: against a V-cycle written from its definition, null spaces."""

import itertools

import numpy as np
import pytest
from applied import applied, product

from hpsolver import Solver, Status
from hpsolver.preconditioners import Multigrid

GRIDS = {
    "walls, solids": ((5, 6, 7), "wall", True),
    "odd periodic": ((9, 4, 5), ("periodic", "wall", "periodic"), True),
    "even periodic": ((4, 6, 8), "periodic", False),
    "open": ((6, 5, 3), ("wall", ("open", "wall"), "open"), False),
}
TOLERANCE = {"float64": 1e-11, "mixed": 2e-5, "float32": 2e-5}


@pytest.fixture(autouse=True)
def hopeful(monkeypatch):
    """Lets multigrid begin a frame whatever the solids are."""
    monkeypatch.setattr(Multigrid, "_doubts", lambda self: False)


def frame(shape, solids, contrast=1000.0):
    rng = np.random.default_rng(5)
    density = np.where(rng.random(shape) < 0.4, contrast, 1.0) * (1 + 0.1 * rng.random(shape))
    return density, rng.standard_normal(shape), rng.random(shape) < 0.2 if solids else None


def solve(shape, boundary, solids, precision="float64", sweeps=None):
    """A solver after one frame, its density and its solids."""
    density, rhs, solid = frame(shape, solids)
    tolerance = 1e-4 if precision == "float32" else 1e-8
    options = {"boundary": boundary, "precision": precision, "tolerance": tolerance}
    spacing = (0.5, 0.6, 0.7)
    solver = Solver(shape, preconditioner=Multigrid(sweeps=sweeps), spacing=spacing, **options)
    solver.set_solid(solid)
    solver.step(density, rhs)
    return solver, density, solid


# --- the V-cycle from its definition: cells and faces by dictionaries, dense matrices --------------------------------


class Level:
    """One level: conductances by face, ``face[axis, cell]`` between the cell and the cell before it.

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
        """P [cells, coarse cells]. Red cells with a neighbour or an open side are interpolated; all others get zero."""
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


def v_cycle(level: Level, r, sweeps, finest=True):
    """z = M r for each column of r, on the level's cells without the extra ones."""
    real = np.array([all(p < n for p, n in zip(cell, level.real, strict=True)) for cell in level.cells])
    right = r
    r = np.zeros((len(real), r.shape[1]))
    r[real] = right
    A = level.matrix()
    d = np.diag(A).copy()
    A[d == 0, d == 0] = 1.0 if finest else 0.0
    inverse = np.divide(1.0, np.diag(A), out=np.zeros_like(d), where=np.diag(A) > 0)[:, None]
    z = np.zeros_like(r)
    for color in (level.red, ~level.red) * sweeps:
        z[color] += (inverse * (r - A @ z))[color]
    if max(level.real) > 1:
        coarse = Level(level.coarser()[0], level.periodic, level.coarser()[1])
        P = level.prolongation(coarse)
        z += P @ v_cycle(coarse, P.T @ (r - A @ z), sweeps, finest=False)
    for color in (~level.red, level.red) * sweeps:
        z[color] += (inverse * (r - A @ z))[color]
    return z[real]


@pytest.mark.parametrize("sweeps", [1, 2])
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("name", GRIDS)
def test_it_is_the_v_cycle(name, precision, sweeps):
    solver, density, solid = solve(*GRIDS[name], precision=precision, sweeps=sweeps)
    M, error = applied(solver)
    level = finest(density, solver.grid, solid)
    expected = v_cycle(level, np.eye(len(M)), sweeps)
    assert abs(M - expected).max() <= TOLERANCE[precision] * abs(expected).max()
    assert error <= TOLERANCE[precision]
    assert abs(M - M.T).max() <= TOLERANCE[precision] * abs(M).max()
    assert np.linalg.eigvalsh((M + M.T) / 2).min() > 0
    assert solver.info.status is Status.CONVERGED and not solver.info.fallback


@pytest.mark.parametrize("sides", ["wall", "periodic"])
@pytest.mark.parametrize("shape", [(4, 41, 111), (3, 4, 2101)], ids=["several strips", "long rows"])
def test_it_does_not_matter_how_the_grid_lies(shape, sides):
    """A CPU sweeps over strips of short rows, or over single long ones, which are others if the grid is turned."""
    density, rhs, solid = frame(shape, solids=True)
    results = []
    for axes in itertools.permutations(range(3)):
        solver = Solver(tuple(shape[a] for a in axes), boundary=sides, preconditioner="multigrid", precision="float64")
        solver.set_solid(solid.transpose(axes))
        solver.step(density.transpose(axes), rhs.transpose(axes))
        turned = product(solver, (rhs * ~solid).transpose(axes))
        results.append(turned.transpose(np.argsort(axes)))
    for result in results[1:]:
        assert abs(result - results[0]).max() <= 1e-10 * abs(results[0]).max()


@pytest.mark.parametrize("name", ["even periodic", "walls, solids"])
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
