"""When the learned coarse space predicts, and which leaves."""

from test_htp import network

from hpsolver import Solver, problems
from hpsolver.network.basis import BasisNetwork
from hpsolver.preconditioners.htp import HTP


def _counting(made: BasisNetwork) -> list[int]:
    """How many leaves each forward pass of the network is asked for, from now on."""
    calls: list[int] = []
    original = made.forward

    def forward(operator, patches):
        calls.append(operator.diagonal.shape[1])
        return original(operator, patches)

    made.forward = forward
    return calls


def test_between_refreshes_the_last_prediction_is_kept():
    counted = network(0.3)
    calls = _counting(counted)
    solver = Solver((32, 32), preconditioner=HTP.of_network(counted, refresh=3))
    for seed in range(7):
        solver.step(*problems.frame("bubbles", (32, 32), seed=seed))
        assert solver.info.converged
    assert calls == [8, 8, 8]


def test_only_leaves_that_changed_are_predicted():
    """Beside those of the cells that change, the leaves across their last sides: rows of A there change, too."""
    counted = network(0.3)
    calls = _counting(counted)
    solver = Solver((64, 48), preconditioner=HTP.of_network(counted))
    density, rhs = problems.frame("noise", (64, 48), seed=0)
    solver.step(density, rhs)
    solver.step(density, rhs)
    density[:10, :20] *= 2.0
    solver.step(density, rhs)
    changed = {(x // 16, y // 8) for x in range(11) for y in range(21)}
    assert calls == [24, len(changed)]


def test_a_leaf_is_known_by_the_rows_that_its_own_portion_saw():
    solver = Solver((64, 64), preconditioner=HTP.of_network(network(0.3), refresh="auto"))
    preconditioner = solver.preconditioner
    preconditioner.LONGEST, preconditioner.PORTION = 2, 3
    one, other = (problems.frame("noise", (64, 64), seed=seed) for seed in (0, 1))
    for frame in (one, one, other):  # a round begins, with three of 32 leaves
        solver.step(*frame)
    while len(preconditioner._due):
        solver.step(*one)
    assert len(preconditioner._changed_leaves()) == 3


def test_automatic_refresh_predicts_in_portions_when_iterations_rise_and_at_the_latest_after_a_while():
    counted = network(0.3)
    calls = _counting(counted)
    preconditioner = HTP.of_network(counted, refresh="auto")
    preconditioner.LONGEST, preconditioner.PORTION = 6, 3
    solver = Solver((32, 32), preconditioner=preconditioner)
    frames = [problems.frame("bubbles", (32, 32), seed=s) for s in range(10)]
    for frame in frames[:6]:
        solver.step(*frame)
    assert calls == [8]
    for frame in frames[6:9]:
        solver.step(*frame)
    assert calls == [8, 3, 3, 2]
    solver.preconditioner.observe(10 * solver.info.iterations)
    solver.step(*frames[9])
    assert calls == [8, 3, 3, 2, 3]
    assert solver.info.converged
