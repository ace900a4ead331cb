"""The documented example of a preconditioner of one's own keeps what CONTRIBUTING.md promises."""

import numpy as np
import oracle
import pytest
from applied import applied

from hpsolver import Solver, preconditioners, problems
from hpsolver.examples import own_preconditioner
from hpsolver.examples.own_preconditioner import Neumann

WEIGHT = 0.8


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("shape", "boundary"), [((20, 12), (("open", "wall"), "periodic")), ((6, 5, 9), "wall")])
def test_it_is_its_formula_and_symmetric_positive_definite(shape, boundary, precision):
    density, rhs = problems.frame("film", shape, seed=0, contrast=1e3)
    solid = np.random.default_rng(0).random(shape) < 0.2
    solver = Solver(shape, boundary=boundary, preconditioner=Neumann(WEIGHT), precision=precision)
    solver.set_solid(solid)
    solver.step(density, rhs)
    M, error = applied(solver)
    A = oracle.assemble(density, boundary=boundary, solid=solid).toarray()
    fluid = np.flatnonzero(~solid.ravel() & (A.diagonal() > 0.0))
    A, M = A[np.ix_(fluid, fluid)], M[np.ix_(fluid, fluid)]
    inverse = np.diag(1.0 / A.diagonal())
    expected = 2.0 * WEIGHT * inverse - WEIGHT**2 * inverse @ A @ inverse
    bound = 1e-12 if precision == "float64" else 1e-5
    assert abs(M - expected).max() <= bound * abs(expected).max()
    assert error <= bound
    root = A.diagonal() ** 0.5
    assert np.linalg.eigvalsh(root[:, None] * expected * root)[0] > 0.0


def test_it_gets_a_name_and_beats_the_diagonal(capsys, monkeypatch):
    monkeypatch.setitem(preconditioners.NAMES, "neumann", None)  # taken back after the test
    assert own_preconditioner.main() == 0
    assert preconditioners.NAMES["neumann"] is Neumann
    assert "neumann" in capsys.readouterr().out


@pytest.mark.parametrize("weight", [0.0, 1.0, -1.0])
def test_a_weight_that_would_lose_definiteness_is_refused(weight):
    with pytest.raises(ValueError, match=f"weight must be between 0 and 1, got {weight}"):
        Neumann(weight)
