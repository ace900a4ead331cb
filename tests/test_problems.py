"""The problem gallery: each family looks as its description says."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter, label

from hpsolver.problems import DENSITIES, RIGHT_HAND_SIDES, density, frame, rhs

FAMILIES = sorted(DENSITIES)
SHAPES = [(48, 32), (24, 20, 16)]


def heavy_cells(name, shape, seed):
    """Where the heavy phase is; noiseless, so that the light phase is exactly 1."""
    return density(name, shape, seed=seed, noise=0) > 1


# --- what all densities have in common -------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    name=st.sampled_from(FAMILIES),
    kind=st.sampled_from(sorted(RIGHT_HAND_SIDES)),
    shape=st.lists(st.integers(1, 9), min_size=2, max_size=3),
    contrast=st.none() | st.floats(1, 1e6),
    seed=st.integers(0, 2**32),
)
def test_every_shape_down_to_one_cell_gives_a_positive_density_and_a_solvable_right_hand_side(
    name, kind, shape, contrast, seed
):
    rho = density(name, shape, seed=seed, contrast=contrast)
    assert rho.shape == tuple(shape) and rho.dtype == np.float64
    assert np.isfinite(rho).all() and rho.min() > 0.5

    b = rhs(kind, rho, seed=seed)
    assert b.shape == tuple(shape) and b.dtype == np.float64
    assert abs(b.sum()) < 1e-12
    assert np.linalg.norm(b) == pytest.approx(1, abs=1e-12) or not b.any()
    assert b.any() or rho.size == 1 or kind == "buoyancy"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", sorted(DENSITIES.keys() - {"panel"}))
def test_the_two_phases_have_density_one_and_the_contrast(name, shape):
    np.testing.assert_array_equal(np.unique(density(name, shape, seed=4, noise=0)), [1, 1000])
    np.testing.assert_array_equal(np.unique(density(name, shape, seed=4, noise=0, contrast=7)), [1, 7])


@pytest.mark.parametrize("name", FAMILIES)
def test_contrast_one_is_a_constant_density(name):
    np.testing.assert_array_equal(density(name, (16, 16), contrast=1, noise=0), np.ones((16, 16)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_seeds_give_repeatable_and_different_geometries(name, shape):
    masks = [heavy_cells(name, shape, seed) for seed in range(6)]
    np.testing.assert_array_equal(masks[0], heavy_cells(name, shape, 0))
    for i, mask in enumerate(masks):
        assert not any(np.array_equal(mask, other) for other in masks[:i])


@pytest.mark.parametrize("name", FAMILIES)
def test_noise_is_relative_independent_per_cell_and_five_percent_by_default(name):
    clean = density(name, (128, 96), seed=2, noise=0)
    ratio = density(name, (128, 96), seed=2) / clean - 1
    assert abs(ratio.mean()) < 0.002
    assert ratio[clean == 1].std() == pytest.approx(0.05, rel=0.05)
    assert ratio[clean > 1].std() == pytest.approx(0.05, rel=0.1)  # relative: as large in the heavy phase
    for axis in (0, 1):
        assert abs(np.mean(ratio * np.roll(ratio, 1, axis))) < 0.05 * 0.05**2
    doubled = density(name, (128, 96), seed=2, noise=0.1) / clean - 1
    np.testing.assert_allclose(doubled, 2 * ratio, atol=1e-13)


# --- panel: the paper's barriers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("contrast", "low", "high"), [(None, 5, 100), (50, 25, 50), (1e6, 5e5, 1e6), (1.5, 1, 1.5)])
def test_panel_draws_its_heavy_density_log_uniformly(contrast, low, high):
    drawn = np.array([density("panel", (24, 24), seed=s, contrast=contrast, noise=0).max() for s in range(400)])
    assert low <= drawn.min() and drawn.max() <= high
    # Log-uniform: the logarithm, as a fraction of its range, has the quartiles of a uniform variable.
    fraction = np.log(drawn / low) / np.log(high / low)
    np.testing.assert_allclose(np.quantile(fraction, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.08)


def lone_walls(shape, seeds):
    """(normal axis, thickness in cells, holes) of frames with one wall in sight; a hole is (axis, first cell, size)."""
    ndim = len(shape)
    for seed in seeds:
        heavy = heavy_cells("panel", shape, seed)
        for normal in range(ndim):
            slices = np.moveaxis(heavy, normal, 0)
            in_wall = slices.any(axis=tuple(range(1, ndim)))
            section = slices.any(axis=0)
            if in_wall.all() or not in_wall.any() or (slices[in_wall] != section).any():
                continue  # nothing there, or not all of it one prism along this axis
            if round(section.mean(), 9) not in (1, round(0.8 ** (ndim - 1), 9)):
                continue  # the side view of a wall, or two walls in one
            holes = []
            for axis in range(ndim - 1):
                empty = ~section.any(axis=tuple(a for a in range(ndim - 1) if a != axis))
                if empty.any():
                    holes.append((axis, int(empty.argmax()), int(empty.sum())))
            yield normal, int(in_wall.sum()), tuple(holes)


@pytest.mark.parametrize("shape", [(40, 40), (20, 20, 20)])
def test_a_panel_wall_is_thin_faces_any_axis_and_is_closed_or_has_a_hole_along_each_free_axis(shape):
    side, free_axes = shape[0], len(shape) - 1
    walls = list(lone_walls(shape, range(300)))
    assert 75 < len(walls) < 150  # a third of the frames have one wall, a few more hide theirs in each other

    normals, thicknesses, holes = zip(*walls, strict=True)
    assert set(normals) == set(range(len(shape)))
    assert min(thicknesses) > 0.05 * side - 1
    assert np.quantile(thicknesses, [0.25, 0.5, 0.75]) / side == pytest.approx([0.0875, 0.125, 0.1625], abs=0.04)
    assert {len(h) for h in holes} == {0, free_axes}
    assert 0.12 < sum(not h for h in holes) / len(holes) < 0.38  # one in four is closed
    places = {(axis, first) for h in holes for axis, first, _ in h}
    assert places == {(axis, side * k // 10) for axis in range(free_axes) for k in (0, 4, 8)}
    assert {size for h in holes for *_, size in h} == {side // 5}


def test_a_closed_panel_wall_is_in_as_many_frames_as_a_quarter_of_one_to_three_walls_makes():
    frames_with_one = sum(
        any(heavy_cells("panel", (20, 20, 20), seed).all(axis=other).any() for other in ((1, 2), (0, 2), (0, 1)))
        for seed in range(400)
    )
    assert frames_with_one / 400 == pytest.approx(np.mean([1 - 0.75**count for count in (1, 2, 3)]), abs=0.07)


# --- bubbles, films, noise -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "radius", "ball_in_cube"), [((60, 150), 6, np.pi / 4), ((30, 60, 75), 6, np.pi / 6)])
def test_bubbles_are_balls_with_a_radius_of_up_to_a_tenth_or_a_fifth_of_the_first_axis(shape, radius, ball_in_cube):
    diameters, fills = [], []
    for seed in range(12):
        pieces, _ = label(heavy_cells("bubbles", shape, seed))
        for number, box in enumerate(find_objects(pieces), start=1):
            extent = [s.stop - s.start for s in box]
            inside = all(s.start > 0 and s.stop < size for s, size in zip(box, shape, strict=True))
            if inside and np.ptp(extent) <= 1 and min(extent) >= 7:  # cut by no side, merged with no other
                diameters.append(max(extent))
                fills.append((pieces[box] == number).mean())
    # Quantiles, because a pair in contact can have the extent of a single bubble.
    assert len(diameters) > 20
    assert np.median(fills) == pytest.approx(ball_in_cube, abs=0.05)
    assert np.quantile(diameters, 0.9) in (2 * radius - 1, 2 * radius)


@pytest.mark.parametrize("shape", [(96, 96), (128, 48), (48, 128), (40, 40, 40), (64, 32, 24)])
def test_films_are_thin_and_cross_the_domain_along_every_axis(shape):
    for seed in range(5):
        heavy = heavy_cells("film", shape, seed)
        assert 0.02 < heavy.mean() < 0.6
        # A film perpendicular to an axis is met by every line along that axis.
        for axis in range(heavy.ndim):
            assert heavy.any(axis=axis).mean() > 0.95
    # Where films do not cross, a heavy cell has a light one within two cells.
    assert np.quantile(distance_transform_edt(heavy)[heavy], 0.9) <= 2.0


@pytest.mark.parametrize("shape", [(128, 96), (40, 24, 32), (5, 64)])
def test_noise_is_white_noise_smoothed_periodically_over_two_cells_and_cut_at_zero(shape):
    white = np.random.default_rng(11).standard_normal(shape)
    expected = gaussian_filter(white, 2.0, mode="wrap") > 0
    assert (heavy_cells("noise", shape, 11) == expected).mean() > 0.999


# --- dam and tank: the last axis is height, index 0 the floor ---------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_a_dam_is_a_box_of_fluid_in_a_corner_of_the_floor(shape):
    corners = set()
    for seed in range(40):
        heavy = heavy_cells("dam", shape, seed)
        (box,) = find_objects(label(heavy)[0])
        assert heavy[box].all()
        *sides, height = box
        assert height.start == 0
        assert 0.4 * shape[-1] <= height.stop <= 0.8 * shape[-1] + 1
        for side, size in zip(sides, shape[:-1], strict=True):
            assert 0.2 * size <= side.stop - side.start <= 0.5 * size + 1
            assert side.start == 0 or side.stop == size
        corners.add(tuple(side.start == 0 for side in sides))
    assert len(corners) == 2 ** len(sides)  # every corner gets its turn


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tank_is_heavy_below_light_in_every_column_with_an_uneven_surface(shape):
    tilts = []
    for seed in range(40):
        heavy = heavy_cells("tank", shape, seed)
        assert heavy[..., 0].all() and not heavy[..., -1].any()
        assert (np.diff(heavy.astype(int), axis=-1) <= 0).all()
        depth = heavy.sum(axis=-1)
        assert 0.1 * shape[-1] - 1 <= depth.min() and depth.max() <= 0.9 * shape[-1] + 1
        tilts.append(depth[-1].mean() - depth[0].mean())
    assert min(tilts) < -1 and max(tilts) > 1


def test_the_surface_of_a_tank_is_a_plane_with_one_standing_wave_on_it():
    x = (np.arange(200) + 0.5) / 200
    amplitudes = []
    for seed in range(20):
        surface = heavy_cells("tank", (200, 500), seed).sum(axis=-1) / 500
        fits = []
        for mode in (1, 2, 3, 4):
            basis = np.stack([np.ones(200), x, np.cos(np.pi * mode * x)], axis=1)
            fit = np.linalg.lstsq(basis, surface, rcond=None)[0]
            fits.append((np.abs(basis @ fit - surface).max(), fit[2]))
        error, amplitude = min(fits)
        assert error < 1 / 500  # a cell
        amplitudes.append(amplitude)
    assert 0.05 < max(amplitudes) < 0.11


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: density("bubles", (8, 8)), ["'bubles'", *DENSITIES]),
        (lambda: frame("bubles", (8, 8), seed=0), ["'bubles'", *DENSITIES]),
        (lambda: rhs("gravity", np.ones((8, 8))), ["'gravity'", *RIGHT_HAND_SIDES]),
        (lambda: density("film", (8, 8), contrast=0.5), ["contrast", "0.5", "1 to 1e+06"]),
        (lambda: density("film", (8, 8), contrast=2e6), ["contrast", "2000000.0", "1 to 1e+06"]),
        (lambda: density("panel", (8, 8), contrast=float("nan")), ["contrast", "nan", "1 to 1e+06"]),
        (lambda: density("film", (8, 8), contrast="high"), ["contrast", "'high'", "1 to 1e+06"]),
        (lambda: density("film", (8, 8), noise=-0.1), ["noise", "-0.1", "0 to 0.1"]),
        (lambda: density("film", (8, 8), noise=0.5), ["noise", "0.5", "0 to 0.1"]),
        (lambda: density("film", (8,)), ["(8,)", "2 or 3", "at least 1"]),
        (lambda: density("film", (8, 8, 8, 8)), ["(8, 8, 8, 8)", "2 or 3"]),
        (lambda: density("film", (8, 0)), ["(8, 0)", "at least 1"]),
        (lambda: density("film", (8.0, 8)), ["(8.0, 8)", "integers"]),
        (lambda: density("film", 64), ["64", "2 or 3 integers"]),
        (lambda: rhs("random", np.ones(8)), ["(8,)", "2 or 3"]),
        (lambda: rhs("buoyancy", np.array([[1.0, np.nan]])), ["density", "finite"]),
    ],
)
def test_a_wrong_argument_is_refused_with_its_value_and_what_is_allowed(call, named):
    with pytest.raises(ValueError) as refusal:
        call()
    for text in named:
        assert text in str(refusal.value)


def test_importing_the_gallery_loads_neither_scipy_nor_torch_nor_matplotlib():
    check = "import sys, hpsolver.problems; print(sorted({'scipy', 'torch', 'matplotlib'} & sys.modules.keys()))"
    ran = subprocess.run(
        [sys.executable, "-c", check], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip().splitlines()[-1] == "[]"
