"""The problem's geometry: a regular grid, its boundary, and how a density is averaged onto a face.

Notation used throughout: ``A p = b`` with ``A = -div((1/rho) grad)`` on cells, 5-point in 2D and 7-point in 3D,
``c_ij = 1 / (rho_f h^2)`` the conductance of the face between cells i and j.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

BOUNDARIES = ("wall", "open", "periodic")
FACE_AVERAGES = ("harmonic", "arithmetic")
LONG = 10.0
"""See ``Grid.line_axes``. On a CPU relaxing lines begins to pay between 6 and 20 (``bench/FINDINGS.md``)."""

Boundary = tuple[tuple[str, str], ...]

BoundaryLike = str | tuple[str | tuple[str, str], ...]
"""What a user may write: one word for all sides, or per axis a word or a (low, high) pair."""

SpacingLike = float | Sequence[float | Sequence[float] | np.ndarray]
"""What a user may write: one number for all cells, or per axis a number or the sizes of its cells."""


@dataclass(frozen=True)
class Grid:
    """A regular grid of cells.

    Attributes:
        shape: cells per axis, 2 or 3 entries, each >= 1.
        spacing: cell size per axis [length], same number of entries; for a stretched axis the mean.
        boundary: (low side, high side) per axis, each one of ``BOUNDARIES``. ``wall``: no flux. ``open``: p = 0 on
            the face. ``periodic``: both sides of the axis.
        face_average: ``harmonic``, rho_f = 2 rho_i rho_j / (rho_i + rho_j) (arXiv 2605.13343), or ``arithmetic``,
            rho_f = (rho_i + rho_j) / 2 (usual for volume-of-fluid and level-set codes).
        sizes: size of each cell along each axis, if some axis is stretched, with cells of different sizes; else empty.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    boundary: Boundary
    face_average: str
    sizes: tuple[tuple[float, ...], ...] = ()

    @property
    def dimension(self) -> int:
        return len(self.shape)

    @property
    def cells(self) -> int:
        return math.prod(self.shape)

    def faces(self, axis: int) -> tuple[int, ...]:
        """Shape of an array of the faces across an axis: one entry more along it."""
        return tuple(n + (a == axis) for a, n in enumerate(self.shape))

    @property
    def aspect(self) -> float:
        """The longest side over the shortest, of the flattest cell."""
        sizes = [self.sizes_of(axis) for axis in range(self.dimension)]
        return max(max(a) / min(b) for a, b in itertools.permutations(sizes, 2))

    @property
    def line_axes(self) -> tuple[int, ...]:
        """The axes of a stretched 2D grid along which cells are, somewhere, ``LONG`` times as short as across: whole
        lines of cells are coupled so strongly that a preconditioner of leaves should relax them as such."""
        if self.dimension != 2 or not self.sizes:
            return ()
        return tuple(a for a in range(2) if max(self.sizes_of(1 - a)) >= LONG * min(self.sizes_of(a)))

    @property
    def typical(self) -> tuple[float, ...]:
        """Cell size per axis that shapes leaves and coarse levels; for a stretched axis the geometric mean."""
        if not self.sizes:
            return self.spacing
        return tuple(math.exp(math.fsum(map(math.log, h)) / len(h)) for h in self.sizes)

    def sizes_of(self, axis: int) -> tuple[float, ...]:
        """Size of each cell along an axis."""
        return self.sizes[axis] if self.sizes else (self.spacing[axis],) * self.shape[axis]

    def periodic(self, axis: int) -> bool:
        return self.boundary[axis][0] == "periodic"


def make_grid(
    shape: tuple[int, ...],
    spacing: SpacingLike = 1.0,
    boundary: BoundaryLike = "wall",
    face_average: str = "harmonic",
) -> Grid:
    """Checks a user's description of the grid and completes it.

    Args:
        shape: cells per axis.
        spacing: one number, or per axis a number or a sequence of its cells' sizes.
        boundary: one word for every side, or per axis one word or a (low, high) pair.
        face_average: one of ``FACE_AVERAGES``.

    Raises:
        TypeError: an entry is not a number or a word.
        ValueError: a value is outside what is allowed; the message names it.
    """
    shape = _shape(shape)
    spacing, sizes = _spacing(spacing, shape)
    return Grid(shape, spacing, _boundary(boundary, len(shape)), _face_average(face_average), sizes)


def _shape(shape: Any) -> tuple[int, ...]:
    try:
        axes = tuple(shape)
    except TypeError:
        raise TypeError(f"shape must be a tuple of 2 or 3 integers, got {shape!r}") from None
    if len(axes) not in (2, 3):
        raise ValueError(f"shape must have 2 or 3 axes, got {len(axes)}: {shape!r}")
    for n in axes:
        if not isinstance(n, Integral) or isinstance(n, bool):
            raise TypeError(f"shape must hold integers, got {n!r} in {shape!r}")
        if n < 1:
            raise ValueError(f"every axis needs at least 1 cell, got {n} in {shape!r}")
    if math.prod(int(n) for n in axes) > 2**27:
        raise ValueError(f"shape {shape!r} has more than 2**27 cells, the most that 32-bit indices can hold")
    return tuple(int(n) for n in axes)


def _spacing(spacing: Any, shape: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Mean size by axis, and the sizes of all cells where they differ along one."""
    try:
        axes = (spacing,) * len(shape) if isinstance(spacing, Real) else tuple(spacing)
    except TypeError:
        raise TypeError(f"spacing must be a number or one per axis, got {spacing!r}") from None
    if len(axes) != len(shape):
        raise ValueError(f"spacing needs one number, or {len(shape)} for this shape, got {spacing!r}")
    sizes = tuple(_sizes(axis, h, n) for axis, (h, n) in enumerate(zip(axes, shape, strict=True)))
    mean = tuple(math.fsum(h) / len(h) if len(set(h)) > 1 else h[0] for h in sizes)
    return mean, sizes if any(len(set(h)) > 1 for h in sizes) else ()


def _sizes(axis: int, given: Any, n: int) -> tuple[float, ...]:
    """Sizes of the n cells along an axis, from one number or from n."""
    one = isinstance(given, Real) or isinstance(given, str) or np.ndim(given) != 1
    sizes = (given,) * n if one else tuple(given)
    if len(sizes) != n:
        raise ValueError(f"spacing[{axis}] needs a number or one for each of {n} cells, got {len(sizes)}")
    for h in sizes:
        if not isinstance(h, Real) or isinstance(h, bool) or not 1e-30 < float(h) < 1e30:
            raise ValueError(f"spacing must be a finite positive number (1e-30 to 1e30), got {h!r}")
    return tuple(float(h) for h in sizes)


def _boundary(boundary: Any, dimension: int) -> Boundary:
    try:
        axes = (boundary,) * dimension if isinstance(boundary, str) else tuple(boundary)
        sides = tuple((axis, axis) if isinstance(axis, str) else tuple(axis) for axis in axes)
    except TypeError:
        raise TypeError(
            f"boundary must be a word, or per axis a word or a (low, high) pair, got {boundary!r}"
        ) from None
    if len(axes) != dimension:
        raise ValueError(f"boundary needs one word, or one entry for each of {dimension} axes, got {boundary!r}")
    for pair in sides:
        if len(pair) != 2:
            raise ValueError(f"boundary of an axis is one word or a (low, high) pair, got {pair!r}")
        for word in pair:
            if word not in BOUNDARIES:
                raise ValueError(f"unknown boundary {word!r}; allowed: {', '.join(BOUNDARIES)}")
        if (pair[0] == "periodic") != (pair[1] == "periodic"):
            raise ValueError(f"both sides of a periodic axis must be 'periodic', got {pair!r}")
    return sides


def _face_average(face_average: str) -> str:
    if face_average not in FACE_AVERAGES:
        raise ValueError(f"unknown face_average {face_average!r}; allowed: {', '.join(FACE_AVERAGES)}")
    return face_average
