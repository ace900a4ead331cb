"""The whole projection of a staggered velocity: divergence, pressure, gradient, with the solver's own faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import warp as wp

from hpsolver.kernels import projection as kernels

from . import arrays
from .arrays import Array
from .solver import Solver


class Projection:
    """Takes the divergence out of staggered velocities, with the faces, sides and solids of a solver.

    A velocity is one array an axis, float32 or float64, of any kind that ``Solver.step`` takes; that of axis a has
    ``shape`` but one entry more along a: entry k is the velocity through the low face of cell k. At walls and at faces
    of solid cells it is what the caller says, inflow or a moving solid's for instance, and stays. Both ends of a
    periodic axis are one face: its first entry counts, its last is written as a copy.

    After ``project`` the divergence of each fluid cell is the residual of the solve there, to rounding: the gradient is
    taken with the matrix's own conductances.

    Args:
        solver: its solids may change between projections.
    """

    def __init__(self, solver: Solver):
        self.solver = solver
        grid, system, device = solver.grid, solver.system, solver.device
        self._missing = 3 - grid.dimension
        self._shape = (1,) * self._missing + grid.shape
        self._rhs = wp.zeros(grid.shape, dtype=wp.float64, device=device)
        self._number = wp.array(system.bricks.number, dtype=wp.int32, device=device)

    def project(self, velocity: Sequence[Array], density: Array, *, out: Array | None = None) -> Array:
        """Makes ``velocity`` free of divergence, in place.

        Args:
            velocity: one array an axis, see the class.
            density: [shape], as for ``Solver.step``.
            out: [shape], where to write the impulse. Required inside a capture, as in ``Solver.step``.

        Returns:
            The impulse, pressure times time step, [shape]: ``out`` or a new array of the velocity's kind, float64.

        Raises:
            TypeError, ValueError, RuntimeError: as ``Solver.step``; a velocity of another shape.
        """
        solver, system = self.solver, self.solver.system
        adopted = self._adopt(velocity)
        for array in velocity:
            arrays.check_writable(array, "velocity")
        with arrays.caller_stream(adopted[0].kind, solver.device):
            self._divergence(adopted, -1.0, self._view(self._rhs))
            if out is None and not solver.device.is_capturing:
                out = arrays.like(self._double(adopted[0]), solver.grid.shape, solver.device)
            solver.step(density, self._rhs, out=out)
            for axis, component in enumerate(adopted):
                low, high = (int(word == "open") for word in solver.grid.boundary[axis])
                sides = [axis + self._missing, system.size, wp.float64(solver.grid.spacing[axis]), low, high]
                cells = [self._number, system.fluid, system.cell_across, system.density, system.conductance]
                inputs = [*sides, *cells, solver.last_pressure, self._component(component, axis)]
                wp.launch(kernels.subtract_gradient, dim=self._shape, inputs=inputs, device=solver.device)
        self._give_back(velocity, adopted)
        return out

    def divergence(self, velocity: Sequence[Array], *, out: Array | None = None) -> Array:
        """The divergence of each cell, [shape]: ``out``, float64, or a new array of the velocity's kind. In solid cells
        too, where it means nothing."""
        solver = self.solver
        adopted = self._adopt(velocity)
        if out is None:
            out = arrays.like(self._double(adopted[0]), solver.grid.shape, solver.device)
        target = arrays.adopt(out, "out", solver.grid.shape, solver.device)
        if target.dtype != "float64":
            raise TypeError(f"out: dtype must be float64, got {target.dtype}")
        with arrays.caller_stream(adopted[0].kind, solver.device):
            self._divergence(adopted, 1.0, self._wrap(target, solver.grid.shape))
        self._give_back([out], [target])
        return out

    def _divergence(self, velocity: list[arrays.Adopted], sign: float, total: wp.array) -> None:
        solver = self.solver
        for axis, component in enumerate(velocity):
            scale = wp.float64(sign / solver.grid.spacing[axis])
            inputs = [axis + self._missing, int(axis == 0), scale, self._component(component, axis), total]
            wp.launch(kernels.add_divergence, dim=self._shape, inputs=inputs, device=solver.device)

    def _adopt(self, velocity: Sequence[Array]) -> list[arrays.Adopted]:
        grid = self.solver.grid
        if len(velocity) != grid.dimension:
            raise ValueError(f"velocity: expected one array for each of {grid.dimension} axes, got {len(velocity)}")
        return [
            arrays.adopt(array, f"velocity[{axis}]", self._faces(axis), self.solver.device)
            for axis, array in enumerate(velocity)
        ]

    def _faces(self, axis: int) -> tuple[int, ...]:
        return tuple(n + int(a == axis) for a, n in enumerate(self.solver.grid.shape))

    def _component(self, adopted: arrays.Adopted, axis: int) -> wp.array:
        return self._wrap(adopted, self._faces(axis))

    def _wrap(self, adopted: arrays.Adopted, shape: tuple[int, ...]) -> wp.array:
        """On three axes."""
        return wp.array(
            ptr=adopted.pointer,
            dtype=arrays.DTYPES[adopted.dtype],
            shape=(1,) * self._missing + shape,
            strides=adopted.strides[:1] * self._missing + adopted.strides,
            device=self.solver.device,
        )

    def _view(self, array: wp.array) -> wp.array:
        return array.reshape(self._shape)

    @staticmethod
    def _double(adopted: arrays.Adopted) -> arrays.Adopted:
        return arrays.Adopted(adopted.pointer, adopted.strides, adopted.owner, adopted.kind, "float64")

    def _give_back(self, given: Sequence[Array], adopted: list[arrays.Adopted]) -> None:
        """Into NumPy arrays, whose copies lie on a GPU."""
        for array, mine in zip(given, adopted, strict=True):
            if mine.kind == "numpy" and self.solver.device.is_cuda:
                np.copyto(array, mine.owner.numpy())
