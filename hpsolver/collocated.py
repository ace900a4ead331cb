"""The projection of velocities that live at the centres of cells, by way of the faces between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import warp as wp

from hpsolver.kernels import collocated as kernels

from . import arrays
from .arrays import MASKS, Array

if TYPE_CHECKING:
    from .projection import Projection

SIDES = {"wall": 0, "open": 1, "periodic": 2}


class Collocated:
    """Averages velocities onto faces, projects them there exactly, and adds half of each change to both its cells.

    This is the approximate projection of Almgren, Bell and Szymczak (SIAM J. Sci. Comput. 17, 1996), with MAC faces.

    Args:
        projection: projects the velocities at faces.
    """

    def __init__(self, projection: Projection):
        self._projection = projection
        solver = projection.solver
        shapes = [(*solver.lead, *solver.grid.faces(axis)) for axis in range(solver.grid.dimension)]
        self._before, self._after = (
            [wp.zeros(shape, dtype=wp.float64, device=solver.device) for shape in shapes] for _ in range(2)
        )
        no_mask = wp.zeros((*solver.lead, 0, 0, 0), dtype=wp.uint8, device=solver.device)
        self._no_mask = projection.ours_on_three_axes(no_mask)

    def project(
        self,
        velocity: Sequence[Array],
        density: Array,
        solid: Array | None,
        out: Array | None,
        moving: dict[str, Array],
    ) -> Array:
        """See ``Projection.project_cells``."""
        projection, solver = self._projection, self._projection.solver
        grid, device = solver.grid, solver.device
        adopted = projection.adopt_target(velocity, faces=False)
        with arrays.caller_stream(adopted[0].kind, device):
            cells = [projection.on_three_axes(component, grid.shape) for component in adopted]
            before, after = ([projection.ours_on_three_axes(f) for f in faces] for faces in (self._before, self._after))
            solids = self._solids(solid)
            for axis, component in enumerate(cells):
                sides = [axis + 3 - grid.dimension, *(SIDES[word] for word in grid.boundary[axis])]
                projection.launch(kernels.to_faces, [*sides, *solids, component, before[axis]])
                wp.copy(self._after[axis], self._before[axis])
            if out is None and not device.is_capturing:
                out = projection.like(adopted[0])
            projection.project(self._after, density, solid=solid, out=out, **moving)
            for axis, component in enumerate(cells):
                changes = [before[axis], after[axis], component]
                projection.launch(kernels.add_change, [axis + 3 - grid.dimension, *solids, *changes])
        projection.give_back(velocity, adopted)
        return out

    def _solids(self, solid: Array | None) -> list[object]:
        """The kernels' arguments ``number``, ``resting``, ``of_fluid`` and ``mask``."""
        projection, solver = self._projection, self._projection.solver
        system, mask = solver.system, self._no_mask
        resting, of_fluid = (system.moving.resting, 0) if system.moving else (system.fluid, 1)
        if solid is not None:
            given = arrays.adopt(solid, "solid", solver.grid.shape, solver.device, MASKS, solver.worlds)
            mask = projection.on_three_axes(given, solver.grid.shape, wp.uint8)
        return [projection.number, resting, of_fluid, mask]
