"""Gallery of two-phase density fields and right-hand sides: the frames that tests, training and benchmarks share.

A density is a float64 array with one value per cell of a 2D or 3D grid, in units of the light fluid (light = 1, heavy =
`contrast`). The LAST axis is height: gravity points towards index 0 of the last axis, so `rho[..., 0]` is the floor.

    rho = density("bubbles", (64, 64), seed=3)      # 1000 : 1
    b = rhs("buoyancy", rho)                        # zero mean, unit 2-norm
    rho, b = frame("panel", (128, 64), seed=10000)  # one frame of the measured tables: both from one generator

Every field is a pure function of its arguments. The order in which numbers are drawn is part of the contract: it is
what makes a seed mean the same frame in every table, so a change to it changes every published iteration count.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["DENSITIES", "RIGHT_HAND_SIDES", "density", "frame", "rhs"]

Field = NDArray[np.float64]
Mask = NDArray[np.bool_]
Shape = tuple[int, ...]
Seed = int | np.random.Generator

LIGHT = 1.0


def density(
    name: str, shape: Iterable[int], *, seed: Seed = 0, contrast: float | None = None, noise: float = 0.05
) -> Field:
    """Density of one frame, shape `shape` (2D or 3D, last axis = height), in units of the light fluid.

    name      one of `DENSITIES`
    seed      an integer, or a `numpy.random.Generator` to go on drawing from
    contrast  heavy over light density, 1 to 1e6; None takes the family's own: 1000, or for `panel` the paper's 5 to 100
              (`panel` draws the heavy density: contrast is then its upper end, and half of it the lower)
    noise     standard deviation of the relative Gaussian noise per cell, 0 to 0.1 (the paper's is 0.05); it is drawn
              last, and drawn at 0 too, so it alters neither the phases nor what a shared generator gives next
    """
    family = _entry(DENSITIES, name, "density")
    sizes = _checked_shape(shape)
    # At noise 0.1 a density at or below zero would take a 10-sigma draw.
    _check_range("noise", noise, 0.0, 0.1)
    if contrast is not None:
        _check_range("contrast", contrast, 1.0, 1e6)
    rng = np.random.default_rng(seed)
    phases = family(sizes, rng) if contrast is None else family(sizes, rng, float(contrast))
    return phases * (1 + noise * rng.standard_normal(sizes))


def rhs(name: str, density: ArrayLike, *, seed: Seed = 0) -> Field:
    """Right-hand side of the density's shape, float64, with zero mean and unit 2-norm.

    It is all zeros where nothing is left after the mean is removed (buoyancy of a constant density, a one-cell grid).

    name     one of `RIGHT_HAND_SIDES`
    density  2D or 3D, last axis = height; `random` and `divergence` use its shape alone
    seed     an integer, or a `numpy.random.Generator` to go on drawing from; `buoyancy` draws nothing
    """
    kind = _entry(RIGHT_HAND_SIDES, name, "right-hand side")
    rho = np.asarray(density, dtype=np.float64)
    _checked_shape(rho.shape)
    if not np.isfinite(rho).all():
        raise ValueError("density must be finite in every cell")
    return _normalised(kind(rho, np.random.default_rng(seed)))


def frame(name: str, shape: Iterable[int], *, seed: Seed, contrast: float | None = None) -> tuple[Field, Field]:
    """(density, random right-hand side) of one frame, drawn one after the other from ONE generator.

    This is how the frames of the measured tables were drawn (seeds 10000 to 10003). Calling `density` and `rhs` with
    the same integer instead would make the right-hand side repeat the numbers that shaped the density.
    """
    rng = np.random.default_rng(seed)
    rho = density(name, shape, seed=rng, contrast=contrast)
    return rho, rhs("random", rho, seed=rng)


# --- density families: (shape, rng, contrast) -> noiseless density of that shape --------------------------------------


def _panel(shape: Shape, rng: np.random.Generator, contrast: float | None = None) -> Field:
    """The paper's barriers (HTP, arXiv 2605.13343, dataset `multiphase_v2` and its 3D variant): 1 to 3 heavy walls.

    A wall is perpendicular to a random axis, 5-20% of the side thick, and either closed (one in four) or with a hole in
    each of its free axes. The heavy density is log-uniform in [5, 100], or in [contrast / 2, contrast].
    """
    # The floor at LIGHT matters below contrast 2 only, where half of it would make the walls the lighter phase.
    low, high = (5.0, 100.0) if contrast is None else (max(contrast / 2, LIGHT), contrast)
    rho_heavy = np.exp(rng.uniform(np.log(low), np.log(high)))
    fractions = [centres / size for centres, size in zip(_cell_centres(shape), shape, strict=True)]
    heavy = np.zeros(shape, bool)
    for _ in range(rng.integers(1, 4)):
        normal = rng.integers(len(shape))
        centre, thickness = rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.2)
        wall = abs(fractions[normal] - centre) < thickness / 2
        along = [fraction for axis, fraction in enumerate(fractions) if axis != normal]
        # `p` looks idle, but with it NumPy draws a double where it would draw an integer: the seeds depend on it.
        first = int(rng.choice(len(_GAPS) + 1, p=[0.25] * 4))
        if first < len(_GAPS):  # otherwise closed
            gaps = [first, *(int(rng.integers(len(_GAPS))) for _ in along[1:])]
            for gap, fraction in zip(gaps, along, strict=True):
                wall = wall & _GAPS[gap](fraction)
        heavy |= wall
    return np.where(heavy, rho_heavy, LIGHT)


# Where a wall stands, by the fraction along one of its free axes: open at the low end, at the high end, in the middle.
_GAPS: tuple[Callable[[Field], Mask], ...] = (lambda v: v > 0.2, lambda v: v < 0.8, lambda v: (v < 0.4) | (v > 0.6))


def _bubbles(shape: Shape, rng: np.random.Generator, contrast: float = 1000.0) -> Field:
    """Heavy discs (40, radius 1 cell to a tenth of the first axis) or spheres (20, 1.5 cells to a fifth of it)."""
    count, smallest, largest = (40, 1.0, shape[0] / 10) if len(shape) == 2 else (20, 1.5, shape[0] / 5)
    cells = _cell_centres(shape)
    heavy = np.zeros(shape, bool)
    for _ in range(count):
        centre = [rng.uniform(0, size) for size in shape]
        radius = rng.uniform(smallest, max(smallest, largest))
        heavy |= sum((x - c) ** 2 for x, c in zip(cells, centre, strict=True)) < radius * radius
    return np.where(heavy, contrast, LIGHT)


def _film(shape: Shape, rng: np.random.Generator, contrast: float = 1000.0) -> Field:
    """Six heavy films (2D) or sheets (3D), one to three cells thick, waving about planes across each axis in turn."""
    cells = _cell_centres(shape)
    heavy = np.zeros(shape, bool)
    for film in range(6):
        normal = (film + 1) % len(shape)
        side = shape[normal]
        centre = rng.uniform(0.1, 0.9) * side
        amplitude = rng.uniform(1, max(1, side / 12))
        waves = []
        for axis, size in enumerate(shape):
            if axis != normal:
                frequency, phase = rng.uniform(1, 5), rng.uniform(0, 6.28)
                waves.append(np.sin(2 * np.pi * frequency * cells[axis] / size + phase))
        half_thickness = rng.uniform(0.6, 1.5)
        heavy |= abs(cells[normal] - centre - amplitude * (sum(waves) / len(waves))) < half_thickness
    return np.where(heavy, contrast, LIGHT)


def _noise(shape: Shape, rng: np.random.Generator, contrast: float = 1000.0) -> Field:
    """Periodic white noise smoothed over 2 cells and cut at zero: both phases torn, half of the cells each."""
    return np.where(_smoothed(rng.standard_normal(shape), sigma=2.0) > 0, contrast, LIGHT)


def _smoothed(field: Field, sigma: float) -> Field:
    """Periodic Gaussian filter, kernel cut at 4 sigma as `scipy.ndimage.gaussian_filter(field, sigma, mode="wrap")`."""
    reach = int(4 * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    spectrum = np.fft.fftn(field)
    for axis, size in enumerate(field.shape):
        kernel = np.bincount(offsets % size, weights, minlength=size)  # wraps as often as a short axis needs
        gain = np.fft.fft(kernel).real  # real because the kernel is even
        spectrum *= _along(axis, gain, field.ndim)
    return np.fft.ifftn(spectrum).real


def _dam(shape: Shape, rng: np.random.Generator, contrast: float = 1000.0) -> Field:
    """Dam break at rest: a heavy column in a bottom corner, 20-50% of each horizontal side, 40-80% of the height."""
    heavy = np.ones(shape, bool)
    for axis, size in enumerate(shape[:-1]):
        column = np.arange(size) < rng.uniform(0.2, 0.5) * size
        heavy &= _along(axis, column[::-1] if rng.integers(2) else column, len(shape))
    heavy &= np.arange(shape[-1]) < rng.uniform(0.4, 0.8) * shape[-1]
    return np.where(heavy, contrast, LIGHT)


def _tank(shape: Shape, rng: np.random.Generator, contrast: float = 1000.0) -> Field:
    """Sloshing tank: heavy below a free surface that is tilted and carries one standing wave per horizontal axis.

    The waves are cosines with a crest or trough at both walls, the natural modes of a closed tank. The surface stays
    between 10% and 90% of the height.
    """
    horizontal = len(shape) - 1
    centres = _cell_centres(shape)
    surface: float | Field = rng.uniform(0.35, 0.65)  # as a fraction of the height
    for x, size in zip(centres[:-1], shape[:-1], strict=True):
        tilt, amplitude, mode = rng.uniform(-0.3, 0.3), rng.uniform(0, 0.1), rng.integers(1, 5)
        displacement = tilt * (x / size - 0.5) + amplitude * np.cos(np.pi * mode * x / size)
        surface = surface + displacement / horizontal
    return np.where(centres[-1] / shape[-1] < surface, contrast, LIGHT)


def _cell_centres(shape: Shape) -> list[Field]:
    """Per axis the cell centres 0.5, 1.5, ... in cells, shaped to broadcast along that axis."""
    return [_along(axis, np.arange(size) + 0.5, len(shape)) for axis, size in enumerate(shape)]


def _along(axis: int, values: np.ndarray, ndim: int) -> np.ndarray:
    """One-dimensional `values` as an array of `ndim` dimensions that runs along `axis`."""
    return values.reshape([-1 if a == axis else 1 for a in range(ndim)])


# --- right-hand sides: (density, rng) -> field of that shape, before `_normalised` ------------------------------------


def _random(rho: Field, rng: np.random.Generator) -> Field:
    """White noise, all frequencies alike: the paper's benchmark right-hand side, here in the range of the operator."""
    return rng.standard_normal(rho.shape)


def _buoyancy(rho: Field, rng: np.random.Generator) -> Field:
    """Minus the density gradient along height, central differences inside and one-sided at floor and ceiling."""
    if rho.shape[-1] == 1:
        return np.zeros(rho.shape)
    return -np.gradient(rho, axis=-1)


def _divergence(rho: Field, rng: np.random.Generator) -> Field:
    """Divergence of a staggered velocity field: standard normal on inner faces, zero on the walls, unit spacing."""
    result = np.zeros(rho.shape)
    for axis, size in enumerate(rho.shape):
        inner_faces = rng.standard_normal([size - 1 if a == axis else n for a, n in enumerate(rho.shape)])
        result += np.diff(inner_faces, axis=axis, prepend=0, append=0)
    return result


def _normalised(field: Field) -> Field:
    """`field` with its mean removed, scaled to unit 2-norm; zeros where only rounding is left of it."""
    centred: Field = field - field.mean()
    norm = np.linalg.norm(centred)
    if norm <= 1e-12 * np.linalg.norm(field):
        return np.zeros(field.shape)
    return centred / norm


# --- the tables, and what may go into them ----------------------------------------------------------------------------

DENSITIES: dict[str, Callable[..., Field]] = {
    "panel": _panel,
    "bubbles": _bubbles,
    "film": _film,
    "noise": _noise,
    "dam": _dam,
    "tank": _tank,
}
RIGHT_HAND_SIDES: dict[str, Callable[[Field, np.random.Generator], Field]] = {
    "random": _random,
    "buoyancy": _buoyancy,
    "divergence": _divergence,
}


def _entry(table: Mapping[str, Callable[..., Field]], name: str, kind: str) -> Callable[..., Field]:
    if name not in table:
        raise ValueError(f"unknown {kind} {name!r}; choose one of {', '.join(table)}")
    return table[name]


def _checked_shape(shape: Iterable[int]) -> Shape:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        sizes = ()
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise ValueError(f"shape must be 2 or 3 integers, each at least 1; got {shape!r}")
    return sizes


def _check_range(what: str, value: float, low: float, high: float) -> None:
    if not isinstance(value, Real) or not low <= value <= high:  # NaN fails the comparison
        raise ValueError(f"{what} must be a number from {low:g} to {high:g}; got {value!r}")
