"""When the learned coarse space predicts, and for which leaves. The device decides, inside the frame."""

import numpy as np
import pytest
from hpsolver.kernels import state as S
from tiny_network import network

from hpsolver import Solver, problems
from hpsolver.preconditioners.htp import HTP

pytestmark = pytest.mark.cpu


class Watched:
    """A solver with ``HTP`` that tells which leaves its network predicted in the last frame."""

    def __init__(self, shape, **options):
        limits = {name: options.pop(name) for name in ("LONGEST", "PORTION") if name in options}
        made = HTP.of_network(network(0.3), **options)
        vars(made).update(limits)
        self.solver = Solver(shape, preconditioner=made)
        self.prediction = self.solver.preconditioner.prediction
        self.shape = shape

    def step(self, seed: int, family: str = "bubbles") -> list[int]:
        return self.solve(*problems.frame(family, self.shape, seed=seed))

    def solve(self, density, rhs) -> list[int]:
        first = self.solver.frames == 0
        self.solver.step(density, rhs)
        assert self.solver.info.converged
        if first:  # the network was asked for this frame before, while kernels were loaded
            assert self.prediction.count.numpy()[0] == 0
            return list(range(self.solver.system.leaves))
        return self.prediction._due.numpy()[: self.prediction.count.numpy()[0]].tolist()


def test_between_refreshes_the_last_prediction_is_kept():
    watched = Watched((32, 32), refresh=3)
    everything = list(range(8))
    asked = [watched.step(seed) for seed in range(7)]
    assert asked == [everything, [], [], everything, [], [], everything]


def test_only_leaves_that_changed_are_predicted():
    """These are the leaves of cells that changed, and the leaves beside them whose rows of A change too."""
    watched = Watched((64, 48))
    density, rhs = problems.frame("noise", (64, 48), seed=0)
    assert len(watched.solve(density, rhs)) == 24
    assert watched.solve(density, rhs) == []
    density[:10, :20] *= 2.0
    changed = {(x // 16, y // 8) for x in range(11) for y in range(21)}
    bricks = watched.solver.system.bricks
    asked = watched.solve(density, rhs)
    assert {tuple(place) for place in bricks.coordinates[asked][:, 1:]} == changed
    assert asked == sorted(asked)


def test_a_leaf_that_changed_between_rounds_is_asked_for_in_the_next():
    watched = Watched((64, 48), refresh=2)
    density, rhs = problems.frame("noise", (64, 48), seed=0)
    watched.solve(density, rhs)
    density[0, 0] *= 3.0
    assert watched.solve(density, rhs) == []
    leaf = int(watched.solver.system.bricks.number[0]) // 128
    assert watched.solve(density, rhs) == [leaf]
    assert watched.solve(density, rhs) == watched.solve(density, rhs) == []


def test_automatic_refresh_predicts_in_portions_after_a_while():
    watched = Watched((32, 32), refresh="auto", LONGEST=6, PORTION=3)
    asked = [watched.step(seed) for seed in range(9)]
    assert asked[:6] == [list(range(8)), [], [], [], [], []]
    assert asked[6:] == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_automatic_refresh_predicts_when_iterations_rise_by_a_quarter():
    watched = Watched((32, 32), refresh="auto", PORTION=8)
    watched.step(0)
    assert watched.step(1) == []
    counter = watched.solver._pcg.counter
    values = counter.numpy()
    values[S.ITERATION] = values[S.ITERATION] * 5 // 4 + 3  # as if the last frame had taken so many
    counter.assign(values)
    assert watched.step(2) == list(range(8))
    assert watched.step(3) == []


def test_a_frame_without_anything_to_solve_is_a_frame():
    watched = Watched((32, 32))
    density, rhs = problems.frame("bubbles", (32, 32), seed=0)
    watched.solve(density, np.zeros_like(rhs))
    assert watched.solve(2.0 * density, np.zeros_like(rhs)) == list(range(8))
    assert watched.solve(2.0 * density, rhs) == []
