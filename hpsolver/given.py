"""What the caller gives for one frame: arrays, checked and looked at, not copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import warp as wp

from . import arrays
from .arrays import MASKS, Adopted, Array
from .grid import Grid


@dataclass(frozen=True)
class Given:
    """The inputs of ``Solver.step``.

    Attributes:
        density: [shape], None where coefficients of faces are given.
        rhs: [shape].
        solid, air: masks [shape] or None.
        surface: [shape] signed distance or None.
        faces: one array an axis, [shape] and one entry more along it: shares or coefficients of faces; or none.
    """

    density: Adopted | None
    rhs: Adopted
    solid: Adopted | None = None
    air: Adopted | None = None
    surface: Adopted | None = None
    faces: tuple[Adopted, ...] = ()

    @property
    def moves(self) -> bool:
        """It says more than a density and a right-hand side."""
        return bool(self.faces) or any(array is not None for array in (self.solid, self.air, self.surface))

    @property
    def arrays(self) -> list[Adopted]:
        given = (self.density, self.rhs, self.solid, self.air, self.surface, *self.faces)
        return [array for array in given if array is not None]


def look_at(
    grid: Grid,
    device: wp.Device,
    density: Array | None,
    rhs: Array,
    solid: Array | None = None,
    air: Array | None = None,
    surface: Array | None = None,
    faces: Sequence[Array] | None = None,
    name: str = "fraction",
) -> Given:
    """Checks the arrays of a frame; ``name``: what those of faces are called.

    Raises:
        TypeError, ValueError: see ``arrays.adopt``; both ``air`` and ``surface``; not one array of faces an axis.
    """

    def look(value: Array | None, what: str, dtypes: dict[str, type] = arrays.DTYPES) -> Adopted | None:
        return None if value is None else arrays.adopt(value, what, grid.shape, device, dtypes)

    if air is not None and surface is not None:
        raise ValueError("air and surface say the same: give the mask, or the signed distance, which is more accurate")
    if faces is None:
        around: tuple[Adopted, ...] = ()
    elif not isinstance(faces, tuple | list) or len(faces) != grid.dimension:
        count = f"{len(faces)} entries" if isinstance(faces, tuple | list) else type(faces).__name__
        raise ValueError(f"{name}: expected a tuple of arrays, one for each of {grid.dimension} axes, got {count}")
    else:
        shapes = [tuple(n + (a == axis) for a, n in enumerate(grid.shape)) for axis in range(grid.dimension)]
        around = tuple(arrays.adopt(faces[a], f"{name}[{a}]", shapes[a], device) for a in range(grid.dimension))
    masks = look(solid, "solid", MASKS), look(air, "air", MASKS)
    return Given(
        look(density, "density"), arrays.adopt(rhs, "rhs", grid.shape, device), *masks, look(surface, "surface"), around
    )
