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
    """Takes the divergence out of staggered velocities, with the faces, sides, solids and surface of a solver.

    A velocity is one array an axis, float32 or float64, of any kind that ``Solver.step`` takes; that of axis a has
    ``shape`` but one entry more along a: entry k is the velocity through the low face of cell k. At walls and at faces
    of solid cells it is what the caller says, inflow or a moving solid's for instance, and stays; between cells of air
    too. Both ends of a periodic axis are one face: its first entry counts, its last is written as a copy.

    After ``project`` the divergence of each fluid cell is the residual of the solve there, to rounding: the gradient is
    taken with the matrix's own conductances. Where faces have open fractions, that is the divergence of what flows
    through the open parts, and through the closed ones with the velocity of their walls.

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
        self._flux: list[wp.array] = []
        self._rest: list[wp.array] = []

    def project(
        self,
        velocity: Sequence[Array],
        density: Array,
        *,
        solid: Array | None = None,
        air: Array | None = None,
        surface: Array | None = None,
        fraction: Sequence[Array] | None = None,
        walls: Sequence[Array] | None = None,
        out: Array | None = None,
    ) -> Array:
        """Makes ``velocity`` free of divergence, in place.

        Args:
            velocity: one array an axis, see the class.
            density, solid, air, surface, fraction: as for ``Solver.step``.
            walls: velocity of what closes the rest of each face, one array an axis, where ``fraction`` says so; None
                is at rest.
            out: [shape], where to write the impulse. Required inside a capture, as in ``Solver.step``.

        Returns:
            The impulse, pressure times time step, [shape]: ``out`` or a new array of the velocity's kind, float64.

        Raises:
            TypeError, ValueError, RuntimeError: as ``Solver.step``; a velocity of another shape; ``walls`` without
                ``fraction``.
        """
        solver = self.solver
        adopted = self._adopt(velocity, "velocity")
        for array in velocity:
            arrays.check_writable(array, "velocity")
        with arrays.caller_stream(adopted[0].kind, solver.device):
            self._divergence(adopted, fraction, walls, -1.0, self._view(self._rhs))
            if out is None and not solver.device.is_capturing:
                out = arrays.like(self._double(adopted[0]), solver.grid.shape, solver.device)
            moving = {"solid": solid, "air": air, "surface": surface, "fraction": fraction}
            solver.step(density, self._rhs, out=out, **moving)
            faces = self._faces_of(solver)
            for axis, component in enumerate(adopted):
                low, high = (int(word == "open") for word in solver.grid.boundary[axis])
                sides = [axis + self._missing, wp.float64(solver.grid.spacing[axis]), low, high]
                inputs = [*sides, self._number, faces, solver.last_pressure, self._component(component, axis)]
                wp.launch(kernels.subtract_gradient, dim=self._shape, inputs=inputs, device=solver.device)
        self._give_back(velocity, adopted)
        return out

    def divergence(
        self,
        velocity: Sequence[Array],
        *,
        fraction: Sequence[Array] | None = None,
        walls: Sequence[Array] | None = None,
        out: Array | None = None,
    ) -> Array:
        """The divergence of each cell, [shape]: ``out``, float64, or a new array of the velocity's kind. In solid cells
        and in air too, where it means nothing."""
        solver = self.solver
        adopted = self._adopt(velocity, "velocity")
        if out is None:
            out = arrays.like(self._double(adopted[0]), solver.grid.shape, solver.device)
        target = arrays.adopt(out, "out", solver.grid.shape, solver.device)
        if target.dtype != "float64":
            raise TypeError(f"out: dtype must be float64, got {target.dtype}")
        with arrays.caller_stream(adopted[0].kind, solver.device):
            self._divergence(adopted, fraction, walls, 1.0, self._wrap(target, solver.grid.shape))
        self._give_back([out], [target])
        return out

    @staticmethod
    def _faces_of(solver: Solver) -> kernels.Faces:
        system, moving = solver.system, solver.system.moving
        faces = kernels.Faces()
        faces.n, faces.moving = system.size, int(moving is not None)
        faces.shared = int(moving is not None and bool(moving.share_of))
        faces.open = int(solver.coefficients == "density")
        faces.across, faces.density, faces.conductance = system.cell_across, system.density, system.conductance
        faces.kinds, faces.phi, faces.shares = system.assembled_from
        return faces

    def _divergence(
        self,
        velocity: list[arrays.Adopted],
        fraction: Sequence[Array] | None,
        walls: Sequence[Array] | None,
        sign: float,
        total: wp.array,
    ) -> None:
        solver = self.solver
        flows = [self._component(component, axis) for axis, component in enumerate(velocity)]
        if fraction is None and walls is not None:
            raise ValueError("walls: the velocity of what closes a part of a face counts only with fraction")
        if fraction is not None:
            flows = self._through(flows, fraction, walls)
        for axis, flow in enumerate(flows):
            scale = wp.float64(sign / solver.grid.spacing[axis])
            inputs = [axis + self._missing, int(axis == 0), scale, flow, total]
            wp.launch(kernels.add_divergence, dim=self._shape, inputs=inputs, device=solver.device)

    def _through(
        self, velocity: list[wp.array], fraction: Sequence[Array], walls: Sequence[Array] | None
    ) -> list[wp.array]:
        """What flows through faces that are open in part."""
        device = self.solver.device
        if not self._flux:
            self._flux = [wp.zeros(v.shape, dtype=wp.float64, device=device) for v in velocity]
            self._rest = [wp.zeros(v.shape, dtype=wp.float64, device=device) for v in velocity]
        shares = [self._component(part, axis) for axis, part in enumerate(self._adopt(fraction, "fraction"))]
        moving = self._rest
        if walls is not None:
            moving = [self._component(part, axis) for axis, part in enumerate(self._adopt(walls, "walls"))]
        for flux, *inputs in zip(self._flux, shares, moving, velocity, strict=True):
            wp.launch(kernels.close, dim=flux.shape, inputs=[*inputs, flux], device=device)
        return self._flux

    def _adopt(self, velocity: Sequence[Array], name: str) -> list[arrays.Adopted]:
        grid = self.solver.grid
        if len(velocity) != grid.dimension:
            raise ValueError(f"{name}: expected one array for each of {grid.dimension} axes, got {len(velocity)}")
        return [
            arrays.adopt(array, f"{name}[{axis}]", grid.faces(axis), self.solver.device)
            for axis, array in enumerate(velocity)
        ]

    def _component(self, adopted: arrays.Adopted, axis: int) -> wp.array:
        return self._wrap(adopted, self.solver.grid.faces(axis))

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
