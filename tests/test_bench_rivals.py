"""Every adapter solves what it says it solves, with the settings it reports."""

import math
import sys

import numpy as np
import oracle
import pytest
import scipy.sparse as sp

from bench import external
from bench.external import amgx
from bench.external.amgx import Amgx, configuration
from bench.external.scipy import cg_to_true_residual
from bench.external.stencil import Stencil
from bench.harness import check, rivals
from hpsolver import problems

pytestmark = pytest.mark.cpu

HERE = [rival for rival in rivals.everyone() if rival.available() is None]
CASES = [("panel", (20, 12), None), ("bubbles", (9, 8, 7), 1000.0)]


@pytest.mark.parametrize("rival", HERE, ids=lambda r: r.name)
@pytest.mark.parametrize(("family", "shape", "contrast"), CASES, ids=["2D", "3D"])
def test_every_rival_here_reaches_the_true_residual(rival, family, shape, contrast):
    try:
        rival.prepare(shape, 1e-6, 5000)
    except (FileNotFoundError, ValueError) as refusal:  # no weights for this dimension
        assert rival.name.startswith("htp")
        pytest.skip(str(refusal))
    for seed in (0, 1):
        density, rhs = problems.frame(family, shape, seed=seed, contrast=contrast)
        rival.setup(rival.adopt(density))
        pressure = rival.fetch(rival.solve(rival.adopt(rhs)))
        assert check.passes(check.true_residual(oracle.assemble(density), rhs, pressure), 1e-6)
        assert rival.iterations >= 1
        assert rival.remark is None
    rival.close()


@pytest.mark.parametrize("shape", [(7, 5), (4, 3, 5), (1, 6)])
def test_the_adapters_matrix_is_the_references(shape):
    density = problems.density("noise", shape, seed=0)
    reference = oracle.assemble(density).toarray()
    for pinned, upper in [(False, False), (True, False), (True, True)]:
        stencil = Stencil(shape, pinned=pinned, upper=upper)
        dense = np.zeros((stencil.rows, stencil.rows))
        for row in range(stencil.rows):
            part = slice(stencil.indptr[row], stencil.indptr[row + 1])
            assert (np.diff(stencil.indices[part]) > 0).all()
            dense[row, stencil.indices[part]] = stencil.values(density)[part]
        expected = reference[int(pinned) :, int(pinned) :]
        assert abs(dense - (np.triu(expected) if upper else expected)).max() < 1e-14


def test_who_is_missing_says_why():
    present, absent = rivals.split(external.everyone())
    assert {"SciPy CG + Jacobi", "SciPy SuperLU"} <= {rival.name for rival in present}
    assert all(absent.values())
    described = rivals.describe(present)
    assert all(entry["version"] not in ("", "not installed") for entry in described.values())


@pytest.mark.parametrize("kind", ["DILU", "aggregation AMG", "classical AMG"])
def test_amgx_applies_its_preconditioner_once_and_waits_for_nothing(kind):
    """The published comparison ran AMGX's default of 100 inner sweeps or cycles in each iteration."""
    main = configuration(kind, 1e-6, 500)["solver"]
    inner = main["preconditioner"]
    assert (main["solver"], main["tolerance"], main["max_iters"]) == ("PCG", 1e-6, 500)
    assert main["convergence"] == "RELATIVE_INI"
    assert inner["max_iters"] == 1
    for block in (main, inner, *([inner["smoother"]] if "smoother" in inner else [])):
        assert not block["print_solve_stats"]
        assert not block["obtain_timings"]
    if kind == "DILU":
        assert inner["max_uncolored_percentage"] == 0.0
    else:
        assert inner["presweeps"] == inner["postsweeps"] == 1


def test_amgx_names_tell_the_kinds_apart():
    names = [rival.name for rival in external.everyone() if isinstance(rival, Amgx)]
    assert len(names) == len(set(names)) == 3


class StandIn:
    """Behaves as AMGX on an H100: a solve adds the solution to what x holds, and a Resources owns all memory."""

    def __init__(self):
        self.alive, self.initialized = True, 0

    def initialize(self) -> None:
        self.initialized += 1

    def finalize(self) -> None:
        assert not self.alive, "the Resources go first"

    def __getattr__(self, kind: str):
        if kind.startswith("_"):
            raise AttributeError(kind)
        owner = self

        class Thing:
            def create(self, resources, *_, mode):
                assert resources.name == "Resources" and mode == "dDDI"
                self.values = None
                return self

            def create_from_dict(self, settings):
                self.settings = settings
                return self

            create_simple = create_from_dict
            name = kind

            def upload(self, *parts):
                self.values = parts[0].copy() if len(parts) == 1 else sp.csr_matrix((parts[2], parts[1], parts[0]))

            def replace_coefficients(self, values):
                self.values.data[:] = values

            def setup(self, matrix):
                self.matrix = matrix.values.copy()

            def solve(self, b, x, zero_initial_guess):
                assert zero_initial_guess
                pinned = self.matrix.toarray() + 1.0  # A is singular: the constant is fixed
                x.values = x.values + np.linalg.solve(pinned, b.values)
                self.iterations_number = 1

            def download(self, target):
                target[:] = self.values

            def destroy(self):
                assert owner.alive or kind == "Config", "its memory is gone"
                owner.alive = owner.alive and kind != "Resources"

        return Thing


class CupyStandIn:
    """NumPy under CuPy's names."""

    asnumpy = staticmethod(np.asarray)

    def __getattr__(self, name: str):
        return getattr(np, name)

    @property
    def cuda(self):
        return self

    def get_current_stream(self):
        return self

    def synchronize(self) -> None:
        pass


def test_amgx_answers_each_frame_anew_and_several_may_be_closed(monkeypatch):
    """Regressions: pressures piled up from frame to frame while x was not cleared; closing a second rival crashed."""
    library = StandIn()
    monkeypatch.setitem(sys.modules, "pyamgx", library)
    monkeypatch.setitem(sys.modules, "cupy", CupyStandIn())
    monkeypatch.setattr(amgx, "_SHARED", {})
    monkeypatch.setattr(amgx.atexit, "register", lambda *_: None)
    several = [Amgx("DILU"), Amgx("classical AMG")]
    for rival in several:
        rival.prepare((9, 7), 1e-6, 100)
        for seed in range(3):
            density, rhs = problems.frame("bubbles", (9, 7), seed=seed, contrast=10.0)
            rhs = rhs - rhs.mean()
            rival.setup(density)
            pressure = rival.fetch(rival.solve(rhs))
            assert check.true_residual(oracle.assemble(density), rhs, pressure) < 1e-9
    for rival in several:
        rival.close()
    assert library.initialized == 1 and library.alive
    amgx._finish(library)


def test_conjugate_gradients_go_on_until_the_true_residual_is_there():
    """A recurrence that stops short, as in finite precision, is continued from its last iterate."""
    A, b = np.diag([1.0, 2.0, 3.0]), np.array([1.0, -2.0, 1.0])
    calls = []

    def lazy(A, b, x0, maxiter, callback, rtol):
        calls.append(x0)
        x = np.zeros(3) if x0 is None else x0
        return x + 0.9 * np.linalg.solve(A, b - A @ x), 0

    x = cg_to_true_residual(lazy, A, b, 1e-3, 10, None, rtol=1e-3)
    assert len(calls) == 3
    assert math.isclose(np.linalg.norm(b - A @ x) / np.linalg.norm(b), 1e-3, rel_tol=1e-6)
