"""The caller's arrays of one frame: checked and described, not copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import warp as wp

from . import arrays
from .arrays import MASKS, Adopted, Array
from .grid import Grid


class Moving(TypedDict, total=False):
    """The optional inputs of ``Solver.step``, without ``out``."""

    solid: Array
    air: Array
    surface: Array
    fraction: Sequence[Array] | None


@dataclass(frozen=True)
class Given:
    """The inputs of ``Solver.step``.

    Attributes:
        density: [shape]; None if coefficients of faces are given.
        rhs: [shape].
        solid, air: masks [shape] or None.
        surface: [shape] signed distance or None.
        faces: open shares or coefficients of faces, one array per axis, [shape] with one entry more along it; or none.
    """

    density: Adopted | None
    rhs: Adopted
    solid: Adopted | None = None
    air: Adopted | None = None
    surface: Adopted | None = None
    faces: tuple[Adopted, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether more is given than a density and a right-hand side."""
        return bool(self.faces) or any(array is not None for array in (self.solid, self.air, self.surface))

    @property
    def arrays(self) -> list[Adopted]:
        given = (self.density, self.rhs, self.solid, self.air, self.surface, *self.faces)
        return [array for array in given if array is not None]


def look_at(
    grid: Grid,
    device: wp.Device,
    coefficients: str,
    density: Array,
    rhs: Array,
    moving: tuple[Array | None, ...],
    worlds: int | None = None,
) -> Given:
    """Checks the arrays of a frame.

    Args:
        coefficients: what ``density`` is, see ``Solver``.
        moving: solid, air, surface, fraction; None for what is not given.
        worlds: length of the first axis of every array; None: there is no such axis.

    Raises:
        TypeError, ValueError: see ``arrays.adopt``; ``air`` and ``surface`` are both given; there is not one array of
            faces per axis; ``fraction`` is given with coefficients of faces.
    """
    solid, air, surface, fraction = moving
    if air is not None and surface is not None:
        raise ValueError("air and surface say the same: give the mask, or the signed distance, which is more accurate")
    faces, name = fraction, "fraction"
    if coefficients == "faces":
        if fraction is not None:
            raise ValueError("fraction: coefficients of faces hold the open shares already; multiply them")
        faces, name, density = density, "density", None

    def look(value: Array | None, what: str, dtypes: dict[str, type] = arrays.DTYPES) -> Adopted | None:
        return None if value is None else arrays.adopt(value, what, grid.shape, device, dtypes, worlds)

    return Given(
        look(density, "density"),
        arrays.adopt(rhs, "rhs", grid.shape, device, worlds=worlds),
        look(solid, "solid", MASKS),
        look(air, "air", MASKS),
        look(surface, "surface"),
        () if faces is None else look_around(grid, device, faces, name, worlds),
    )


def look_around(
    grid: Grid, device: wp.Device, faces: Sequence[Array], name: str, worlds: int | None = None
) -> tuple[Adopted, ...]:
    """Checks arrays of faces, one per axis; messages call them ``name``."""
    if not isinstance(faces, tuple | list) or len(faces) != grid.dimension:
        count = f"{len(faces)} entries" if isinstance(faces, tuple | list) else type(faces).__name__
        raise ValueError(f"{name}: expected a tuple of arrays, one for each of {grid.dimension} axes, got {count}")
    axes = range(grid.dimension)
    return tuple(arrays.adopt(faces[a], f"{name}[{a}]", grid.faces(a), device, worlds=worlds) for a in axes)
