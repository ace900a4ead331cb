"""The whole projection of a staggered velocity: divergence, pressure, gradient, with the solver's own faces."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import warp as wp

from hpsolver.kernels import projection as kernels
from hpsolver.kernels.building import launch_threads, rows, table

from . import arrays
from .arrays import Array
from .collocated import Collocated
from .solver import Solver
from .spreading import everywhere
from .stretched import distances


class Projection:
    """Takes the divergence out of staggered velocities, with the faces, sides, solids and surface of a solver.

    A velocity is one array per axis, float32 or float64, of any kind that ``Solver.step`` takes. The array of axis a
    has ``shape`` but one entry more along a: entry k is the velocity through the low face of cell k. At walls, at faces
    of solid cells and between cells of air it keeps the caller's values, an inflow or a moving solid's velocity for
    instance. Both ends of a periodic axis are one face: its first entry counts, its last is written as a copy.

    After ``project`` the divergence of each fluid cell is the residual of the solve there, to rounding: the gradient is
    taken with the matrix's own conductances. If faces have open fractions, this divergence counts the flow through the
    open parts, and through the closed parts the velocity of their walls.

    With many ``worlds`` every array has a first axis of that length.

    Args:
        solver: solves for the pressure; its solids may change between projections.

    Raises:
        ValueError: the solver is one of several ranks (``distributed``).
    """

    def __init__(self, solver: Solver):
        if solver.local != solver.grid:
            raise ValueError("a projection needs the whole grid in one process: ranks project their slabs themselves")
        self.solver = solver
        grid, system, device = solver.grid, solver.system, solver.device
        self._missing = 3 - grid.dimension
        self._shape = (1,) * self._missing + grid.shape
        self._lead = solver.lead
        self._rhs = wp.zeros((*self._lead, *grid.shape), dtype=wp.float64, device=device)
        self.number = table(wp.array(system.bricks.number, dtype=wp.int32, device=device))
        axes = range(grid.dimension)
        self._sizes = [system.on_device(np.array(grid.sizes_of(axis))) for axis in axes]
        self._apart = [system.on_device(distances(grid, axis)) for axis in axes]
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
            velocity: one array per axis, see the class.
            density, solid, air, surface, fraction: as for ``Solver.step``.
            walls: with ``fraction``, the velocity of what closes the rest of each face, one array per axis; None: it
                is at rest.
            out: [shape], where to write the impulse. Required inside a capture, as in ``Solver.step``.

        Returns:
            The impulse, pressure times time step, [shape]: ``out`` or a new array of the velocity's kind, float64.

        Raises:
            TypeError, ValueError, RuntimeError: as ``Solver.step``; a velocity of another shape; ``walls`` without
                ``fraction``.
        """
        solver = self.solver
        adopted = self.adopt_target(velocity, faces=True)
        with arrays.caller_stream(adopted[0].kind, solver.device):
            self._divergence(adopted, fraction, walls, -1.0, self.ours_on_three_axes(self._rhs))
            if out is None and not solver.device.is_capturing:
                out = self.like(adopted[0])
            moving = {"solid": solid, "air": air, "surface": surface, "fraction": fraction}
            solver.step(density, self._rhs, out=out, **moving)
            for axis, component in enumerate(adopted):
                low, high = (int(word == "open") for word in solver.grid.boundary[axis])
                square = wp.float64(solver.grid.spacing[axis] ** 2)
                sides = [axis + self._missing, square, self._apart[axis], low, high]
                given = [solver.last_pressure, self._component(component, axis)]
                inputs = [*sides, self.number, *self._faces_of(solver), *given]
                self.launch(kernels.subtract_gradient, inputs)
        self.give_back(velocity, adopted)
        return out

    def project_cells(
        self,
        velocity: Sequence[Array],
        density: Array,
        *,
        solid: Array | None = None,
        air: Array | None = None,
        surface: Array | None = None,
        fraction: Sequence[Array] | None = None,
        out: Array | None = None,
    ) -> Array:
        """Makes a velocity at the centres of cells nearly free of divergence, in place. Projects its means at faces
        (``collocated``): an approximate projection, second order in the cell size where the velocity is smooth.

        Args:
            velocity: one array [shape] per axis. In solid cells it is the solid's own, and stays; the caller extends
                it into air. Nothing flows through walls; the flow at an open side is that of the cell next to it.
            density, solid, air, surface, fraction, out: as for ``project``.

        Returns:
            The impulse, as ``project``. The projected means at faces are exactly free of divergence.

        Raises:
            TypeError, ValueError, RuntimeError: as ``project``.
        """
        moving = {"air": air, "surface": surface, "fraction": fraction}
        return self._collocated.project(velocity, density, solid, out, moving)

    @functools.cached_property
    def _collocated(self) -> Collocated:
        return Collocated(self)

    def divergence(
        self,
        velocity: Sequence[Array],
        *,
        fraction: Sequence[Array] | None = None,
        walls: Sequence[Array] | None = None,
        out: Array | None = None,
    ) -> Array:
        """The divergence of each cell, [shape]: ``out``, float64, or a new array of the velocity's kind. It is given in
        solid cells and in air too, where it means nothing."""
        solver = self.solver
        adopted = self._adopt(velocity, "velocity")
        if out is None:
            out = self.like(adopted[0])
        target = arrays.adopt(out, "out", solver.grid.shape, solver.device, worlds=solver.worlds)
        if target.dtype != "float64":
            raise TypeError(f"out: dtype must be float64, got {target.dtype}")
        with arrays.caller_stream(adopted[0].kind, solver.device):
            self._divergence(adopted, fraction, walls, 1.0, self.on_three_axes(target, solver.grid.shape))
        self.give_back([out], [target])
        return out

    def launch(self, kernel: wp.Kernel, inputs: list[object], threads: tuple[int, ...] | None = None) -> None:
        """Launches a kernel with one thread per cell, or with ``threads``, in every world."""
        with everywhere(self.solver.many):
            launch_threads(kernel, threads or self._shape, inputs, self.solver.device)

    @staticmethod
    def _faces_of(solver: Solver) -> list[object]:
        """The members of ``hpsolver.kernels.projection.Faces``, in order."""
        system, moving = solver.system, solver.system.moving
        shared = moving is not None and bool(moving.share_of)
        flags = [system.size, int(moving is not None), int(shared), int(solver.coefficients == "density")]
        kinds, phi, shares = system.assembled_from
        return [*flags, system.cell_across, kinds, system.density, phi, shares, system.geometry, system.conductance]

    def _divergence(
        self,
        velocity: list[arrays.Adopted],
        fraction: Sequence[Array] | None,
        walls: Sequence[Array] | None,
        sign: float,
        total: wp.array,
    ) -> None:
        flows = [self._component(component, axis) for axis, component in enumerate(velocity)]
        if fraction is None and walls is not None:
            raise ValueError("walls: the velocity of what closes a part of a face counts only with fraction")
        if fraction is not None:
            flows = self._through(flows, fraction, walls)
        for axis, flow in enumerate(flows):
            inputs = [axis + self._missing, int(axis == 0), wp.float64(sign), self._sizes[axis], flow, total]
            self.launch(kernels.add_divergence, inputs)

    def _through(
        self, velocity: list[wp.array], fraction: Sequence[Array], walls: Sequence[Array] | None
    ) -> list[wp.array]:
        """The flow through partly open faces."""
        device = self.solver.device
        if not self._flux:
            self._flux, self._rest = (
                [self._own(wp.zeros(v.shape, dtype=wp.float64, device=device)) for v in velocity] for _ in range(2)
            )
        shares = [self._component(part, axis) for axis, part in enumerate(self._adopt(fraction, "fraction"))]
        moving = self._rest
        if walls is not None:
            moving = [self._component(part, axis) for axis, part in enumerate(self._adopt(walls, "walls"))]
        for flux, *inputs in zip(self._flux, shares, moving, velocity, strict=True):
            self.launch(kernels.close, [*inputs, flux], flux.shape[-3:])
        return self._flux

    def adopt_target(self, velocity: Sequence[Array], faces: bool) -> list[arrays.Adopted]:
        """The arrays of a velocity that is written to, at ``faces`` or at the centres of cells."""
        adopted = self._adopt(velocity, "velocity", faces)
        for array in velocity:
            arrays.check_writable(array, "velocity")
        return adopted

    def _adopt(self, velocity: Sequence[Array], name: str, faces: bool = True) -> list[arrays.Adopted]:
        solver, grid = self.solver, self.solver.grid
        if len(velocity) != grid.dimension:
            raise ValueError(f"{name}: expected one array for each of {grid.dimension} axes, got {len(velocity)}")
        shapes = [grid.faces(axis) if faces else grid.shape for axis in range(grid.dimension)]
        return [
            arrays.adopt(array, f"{name}[{axis}]", shape, solver.device, worlds=solver.worlds)
            for axis, (array, shape) in enumerate(zip(velocity, shapes, strict=True))
        ]

    def _component(self, adopted: arrays.Adopted, axis: int) -> wp.array:
        return self.on_three_axes(adopted, self.solver.grid.faces(axis))

    def on_three_axes(self, adopted: arrays.Adopted, shape: tuple[int, ...], dtype: type | None = None) -> wp.array:
        """A caller's array as kernels see it: [x, y, z], after the axis of worlds if there is one."""
        strides = adopted.strides[:1] * self._missing + adopted.strides
        view = wp.array(
            ptr=adopted.pointer,
            dtype=dtype or arrays.DTYPES[adopted.dtype],
            shape=(*self._lead, *[1] * self._missing, *shape),
            strides=(adopted.step, *strides) if self._lead else strides,
            device=self.solver.device,
        )
        return self._own(view)

    def ours_on_three_axes(self, array: wp.array) -> wp.array:
        """The same for an array of our own."""
        axes = array.shape[len(self._lead) :]
        return self._own(array.reshape((*self._lead, *[1] * (3 - len(axes)), *axes)))

    def _own(self, array: wp.array) -> wp.array:
        return rows(array) if self._lead else array

    def like(self, adopted: arrays.Adopted) -> Array:
        """A new array [shape], float64, of the same kind."""
        solver = self.solver
        return arrays.like(self._double(adopted), (*self._lead, *solver.grid.shape), solver.device)

    @staticmethod
    def _double(adopted: arrays.Adopted) -> arrays.Adopted:
        return arrays.Adopted(adopted.pointer, adopted.strides, adopted.owner, adopted.kind, "float64")

    def give_back(self, given: Sequence[Array], adopted: list[arrays.Adopted]) -> None:
        """Copies results into the caller's NumPy arrays, if the solver worked on copies on a GPU."""
        for array, mine in zip(given, adopted, strict=True):
            if mine.kind == "numpy" and self.solver.device.is_cuda:
                np.copyto(array, mine.owner.numpy())
