"""A seed draws the very frames on which the tables were measured."""

import numpy as np
import pytest

from hpsolver.problems import DENSITIES, density, frame

# Drawn by the scripts that measured the tables: first, one-third, middle and last cell in row-major order, and the sum.
MEASURED_FRAMES = [
    (
        "panel",
        (6, 5),
        0,
        [0.9367289264476973, 1.0521256684721338, 1.0451735090825904, 1.0391987735030666],
        286.01526446961,
    ),
    (
        "panel",
        (64, 64),
        10000,
        [0.9384248483291462, 0.960536863036314, 0.9983163232966482, 1.0137926386830363],
        19102.041299393,
    ),
    (
        "bubbles",
        (32, 32),
        10000,
        [0.9473955351595654, 1019.8534147712188, 998.0334713418283, 957.8029687087966],
        441267.16622773,
    ),
    (
        "bubbles",
        (16, 16, 16),
        0,
        [1.0024527306912656, 0.9438009579217074, 0.9862722406850118, 1.0993066515125374],
        862610.31528463,
    ),
    (
        "film",
        (32, 32),
        0,
        [0.9495190908230632, 980.2714370788145, 1.0641240616841583, 0.952409211756156],
        409527.5953763218,
    ),
    (
        "noise",
        (32, 32),
        10000,
        [0.9273569259015852, 0.995416350796083, 1059.1628186210658, 1.0354326201550557],
        519910.97434399,
    ),
]


@pytest.mark.parametrize(("name", "shape", "seed", "cells", "total"), MEASURED_FRAMES)
def test_a_seed_gives_the_frame_the_tables_were_measured_on(name, shape, seed, cells, total):
    rho = density(name, shape, seed=seed)
    n = rho.size
    # A relative 1e-14 leaves room for the last bit of exp on another processor, and for nothing else.
    np.testing.assert_allclose(rho.flat[[0, n // 3, n // 2, n - 1]], cells, rtol=1e-14)
    assert rho.sum() == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("shape", [(48, 32), (24, 20, 16)])
@pytest.mark.parametrize("name", sorted(DENSITIES))
def test_a_frame_draws_its_right_hand_side_from_the_generator_that_drew_its_density(name, shape):
    rho, b = frame(name, shape, seed=10001, contrast=50)

    rng = np.random.default_rng(10001)
    np.testing.assert_array_equal(rho, density(name, shape, seed=rng, contrast=50))
    drawn = rng.standard_normal(rho.size)
    drawn -= drawn.mean()
    np.testing.assert_allclose(b.ravel(), drawn / np.linalg.norm(drawn), atol=1e-15)
    np.testing.assert_array_equal(rho, density(name, shape, seed=10001, contrast=50))
