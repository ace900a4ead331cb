"""The gallery's right-hand sides look as their descriptions say."""

import numpy as np
import pytest

from hpsolver.problems import density, rhs

SHAPES = [(48, 32), (24, 20, 16)]


def neighbour_correlation(b, axis):
    first, second = (np.take(b, range(k, b.shape[axis] - 1 + k), axis) for k in (0, 1))
    return np.corrcoef(first.ravel(), second.ravel())[0, 1]


@pytest.mark.parametrize("kind", ["random", "divergence"])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_right_hand_sides_depend_on_the_seed_and_the_shape_alone(kind, shape):
    rho = density("bubbles", shape)
    b = rhs(kind, rho, seed=5)
    np.testing.assert_array_equal(b, rhs(kind, np.ones(shape), seed=5))
    assert abs(np.vdot(b, rhs(kind, rho, seed=6))) < 0.1
    assert np.linalg.norm(b) == pytest.approx(1) and abs(b.sum()) < 1e-12


def test_random_is_white_and_normal():
    b = rhs("random", np.ones((200, 150)), seed=1) * np.sqrt(200 * 150)
    assert max(abs(neighbour_correlation(b, axis)) for axis in (0, 1)) < 0.02
    assert np.mean(b**4) == pytest.approx(3, abs=0.15)


@pytest.mark.parametrize("shape", [(200, 150), (40, 36, 44)])
def test_divergence_is_what_flows_through_the_faces_a_cell_shares(shape):
    b = rhs("divergence", np.ones(shape), seed=1)
    inside = b[tuple(slice(1, -1) for _ in shape)]
    faces = 2 * len(shape)
    for axis in range(len(shape)):
        # What leaves a cell through a face enters its neighbour; one face in `faces` is shared.
        assert neighbour_correlation(inside, axis) == pytest.approx(-1 / faces, abs=0.02)
        # No flow through the walls: a cell at one has a face less and as much less variance, and gains nothing.
        at_walls = np.stack([np.take(b, wall, axis).ravel() for wall in (0, -1)]) / inside.std()
        assert at_walls.var() == pytest.approx(1 - 1 / faces, abs=0.1)
        assert np.abs(at_walls.mean(axis=1)).max() < 0.2


def test_buoyancy_is_minus_the_gradient_along_height():
    # Two heavy cells under two light ones: the differences are 0, -1.5, -1.5, 0, one-sided at floor and ceiling.
    column = np.array([4.0, 4.0, 1.0, 1.0])
    b = rhs("buoyancy", np.tile(column, (3, 1)))
    np.testing.assert_allclose(b, np.tile(np.array([-1, 1, 1, -1]) / np.sqrt(12), (3, 1)))
    np.testing.assert_allclose(
        rhs("buoyancy", np.tile(column, (2, 3, 1)))[1, 2], np.array([-1, 1, 1, -1]) / np.sqrt(24)
    )


@pytest.mark.parametrize(
    "rho",
    [
        np.full((6, 5), 3.7),
        np.broadcast_to(np.linspace(1, 1000, 6)[:, None], (6, 5)),  # varies across, not along height
        np.broadcast_to(np.linspace(0.1, 0.7, 7), (6, 7)),  # a constant gradient is mean and rounding
        np.full((4, 3, 1), 2.0),
    ],
)
def test_buoyancy_that_moves_nothing_is_zero_and_not_nan(rho):
    np.testing.assert_array_equal(rhs("buoyancy", rho), np.zeros(rho.shape))
