"""Gradients through a step, for Torch and for Warp's tape: one more solve with the same matrix.

For a loss L(p) with A(density) p = rhs, the adjoint pressure a solves A a = dL/dp. Then dL/d(rhs) = a, and
dL/d(density) comes from both pressures face by face (``hpsolver.kernels.gradients``). Over a region without an open
side, dL/dp first loses its mean, and a has zero mean, like the pressure.

Backward reuses the matrix and the preconditioner if its frame was the solver's last. For an earlier frame, as in a flow
unrolled over time, it assembles the matrix and renews the preconditioner again. A frame keeps only its density, its
pressure, and what moves: 8 bytes per cell, 18 with a surface or solids of its own, 16 more per axis with shares of
faces.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import warp as wp

from hpsolver.kernels import gradients as kernels
from hpsolver.kernels import iterate
from hpsolver.kernels.building import Recorded, launch, launch_threads, record, rows, table

from . import arrays
from .frame import Frame
from .info import SolveError
from .spreading import everywhere
from .tape import Moving, off_tape, on_tape, step_on_tape

if TYPE_CHECKING:
    import torch

    from .solver import Solver


def way(
    density: arrays.Array, rhs: arrays.Array, fraction: arrays.Array | None, out: arrays.Array | None
) -> Callable[..., arrays.Array] | None:
    """The function for a differentiable step: ``step``, or ``step_on_tape``. None: no gradients are asked for."""
    if on_tape():
        return step_on_tape
    return step if out is None and _wanted(density, rhs, fraction) else None


def _wanted(*values: arrays.Array) -> bool:
    """Whether any value is a Torch tensor that requires gradients, while Torch keeps track of them."""
    flat = [part for value in values for part in (value if isinstance(value, tuple | list) else [value])]
    if not any(arrays.kind_name(value) == "torch" and value.requires_grad for value in flat):
        return False
    import torch

    return torch.is_grad_enabled()


def step(solver: Solver, density: Any, rhs: torch.Tensor, moving: Moving, out: None) -> torch.Tensor:
    """``solver.step``, differentiable once, also with respect to shares or coefficients of faces that are tensors."""
    faces = density if solver.coefficients == "faces" else moving[-1]
    cells = () if solver.coefficients == "faces" else (density,)
    pressure: torch.Tensor = _function().apply(solver, moving[:3], len(cells), *cells, rhs, *(faces or ()))
    return pressure


@functools.cache
def _function() -> Any:
    import torch

    class Step(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, solver: Solver, masks: Moving, cells: int, *tensors: torch.Tensor) -> torch.Tensor:
            ctx.solver, ctx.cells = solver, cells
            given = [tensor.detach() if torch.is_tensor(tensor) else tensor for tensor in tensors]
            density, rhs, faces = (given[0] if cells else None), given[cells], tuple(given[cells + 1 :])
            solid, air, surface = masks
            fraction = faces if cells and faces else None
            pressure: torch.Tensor = solver.step(
                density if cells else faces, rhs, solid=solid, air=air, surface=surface, fraction=fraction
            )
            ctx.kept = solver.adjoint.keep()
            ctx.save_for_backward(*tensors)
            return pressure

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, weight: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
            adjoint, cells, tensors = ctx.solver.adjoint, ctx.cells, ctx.saved_tensors
            needed = ctx.needs_input_grad[3:]
            adjoint.solve(ctx.kept, tensors[0].detach() if cells else None, weight.detach(), "torch")
            by_density = [adjoint.by_density(ctx.kept, tensors[0])] if cells and needed[0] else [None] * cells
            by_rhs = adjoint.by_rhs(tensors[cells]) if needed[cells] else None
            faces = tensors[cells + 1 :]
            by_faces = adjoint.by_faces(ctx.kept, faces) if any(needed[cells + 1 :]) else [None] * len(faces)
            return (None, None, None, *by_density, by_rhs, *by_faces)

    return Step


@dataclass(frozen=True)
class Kept:
    """What a step leaves for its backward pass: the solver's counts of frames and of changes of its solids, the
    pressure [N], and, for moving fluid, kinds, fluid, phi and shares (``hpsolver.moving``), which the next frame
    overwrites."""

    frame: int
    solids: int
    pressure: wp.array
    moving: tuple[wp.array, ...]


class Adjoint:
    """The adjoint solves of one solver, on its device.

    Attributes:
        pressure: [N] the last adjoint pressure.
    """

    def __init__(self, solver: Solver):
        self._solver: Solver = weakref.proxy(solver)  # the solver owns this: a cycle would keep its memory
        system = solver.system
        self.pressure, self._gradient = (system.zeros(system.size, wp.float64) for _ in range(2))
        steps = np.repeat(system._scale[::-1][: system.grid.dimension], 2)
        self._scale = table(wp.array(steps, dtype=wp.float64, device=system.device))
        self._frames: dict[bool, Frame] = {}
        self._by_density: Recorded | None = None
        self._solids = solver.solids

    @functools.cached_property
    def _by_share(self) -> wp.array:
        """[directions * N] dL/d(share)."""
        system = self._solver.system
        return system.zeros(system.bricks.directions * system.size, wp.float64)

    def keep(self) -> Kept:
        """What the backward pass of the frame just solved needs."""
        solver = self._solver
        moving = tuple(self._clone(array) for array in self._moving())
        return Kept(solver.frames, solver.solids, self._clone(solver.last_pressure), moving)

    def _clone(self, array: wp.array) -> wp.array:
        many = self._solver.many
        return rows(wp.clone(many.array(array))) if many else wp.clone(array)

    def _moving(self) -> tuple[wp.array, ...]:
        moving, fluid = self._solver.system.moving, self._solver.system.fluid
        return (moving.kinds, fluid, moving.phi, moving.shares) if moving else ()

    def solve(self, kept: Kept, density: arrays.Array | None, weight: arrays.Array, kind: str) -> None:
        """Solves for the adjoint pressure of a frame. ``weight`` is dL/d(pressure); ``density`` is None if there are
        coefficients of faces; ``kind`` is that of both arrays (``arrays.Adopted``).

        Raises:
            RuntimeError: the solids changed since the frame.
            SolveError: the adjoint solve did not converge.
        """
        solver, system = self._solver, self._solver.system
        frame, solids = kept.frame, kept.solids
        if solids != solver.solids:
            raise RuntimeError(
                "backward: the fluid is another one since this step (set_solid, or a first step with what moves); call "
                "backward before"
            )
        info = solver.info
        again = solver.assembled == frame and not np.any(info.fallback) and not solver.recorded
        if self._solids != solids:
            self._frames, self._by_density, self._solids = {}, None, solids
        with arrays.caller_stream(kind, solver.device), off_tape(), everywhere(solver.many):
            if not again:
                for kept_array, array in zip(kept.moving, self._moving(), strict=True):
                    wp.copy(solver.many.array(array) if solver.many else array, kept_array)
                if density is not None:
                    solver.staging.pack(self._adopt(density, "density"), system.given)
            solver.staging.pack(self._adopt(weight, "gradient of the pressure"), system.rhs)
            self._frame(again).run()
        solver.assembled = frame
        solver.reports.close()
        if not solver.reports.converged():
            try:
                solver.reports.read(rounded=False).raise_for_status()
            except SolveError as error:
                raise SolveError(f"backward: the adjoint solve: {error}") from None

    def _adopt(self, array: arrays.Array, name: str) -> arrays.Adopted:
        solver = self._solver
        return arrays.adopt(array, name, solver.grid.shape, solver.device, worlds=solver.worlds)

    def density_gradient(self, kept: Kept, kind: str) -> wp.array:
        """[N] dL/d(density) of the frame whose adjoint was solved last."""
        system = self._solver.system
        shares = system.assembled_from[2]
        operator = [system.density, system.conductance, system.leak, self._scale, shares]
        inputs = [system.slots, system.leaves, system.neighbor, system.used, *operator]
        place = len(inputs)
        inputs += [kept.pressure, self.pressure, self._gradient]
        with arrays.caller_stream(kind, system.device), off_tape(), everywhere(self._solver.many):
            if self._by_density is None:
                kernel = kernels.by_density(system.shape, system.grid.face_average == "harmonic", shares.size > 1)
                self._by_density = record(kernel, system.slots, inputs, system.device)
            self._by_density.launch({place: kept.pressure})
        return self._gradient

    def rhs_gradient(self, kind: str) -> wp.array:
        """[N] dL/d(right-hand side) of the same frame: the adjoint pressure, on a stretched grid times the volumes."""
        system = self._solver.system
        if system.volume is None:
            return self.pressure
        with arrays.caller_stream(kind, system.device), off_tape(), everywhere(self._solver.many):
            inputs = [system.slots, system.size, system.volume, self.pressure, self._gradient]
            launch(iterate.multiply, system.slots, inputs, system.device)
        return self._gradient

    def share_gradient(self, kept: Kept, kind: str) -> None:
        """Finds dL/d(shares) or dL/d(coefficients) of all faces of the same frame, for ``unpack_faces`` to give out."""
        solver, system = self._solver, self._solver.system
        kinds, phi, _ = system.assembled_from
        geometry = [system.cell_across, system.side, system.bricks.leaf_size, self._scale, system.geometry]
        harmonic = int(system.grid.face_average == "harmonic")
        pressures = [kept.pressure, self.pressure, self._by_share]
        inputs = [system.size, harmonic, system.density, kinds, phi, *geometry, *pressures]
        with arrays.caller_stream(kind, system.device), off_tape(), everywhere(solver.many):
            launch_threads(kernels.by_share, system.size, inputs, system.device)

    def unpack_faces(self, axis: int, target: Any, kind: str) -> None:
        """Writes what ``share_gradient`` found for the faces across an axis into a Torch or Warp array. Both ends of a
        periodic axis are one face: its first entry gets the gradient, its last 0."""
        solver, system = self._solver, self._solver.system
        N, length = system.size, solver.grid.shape[axis]
        before = (slice(None),) * (len(solver.lead) + axis)
        place = 2 * (system.grid.dimension - 1 - axis)
        with arrays.caller_stream(kind, solver.device), off_tape(), everywhere(solver.many):
            for direction, first in ((place + 1, 1), (place, 0)):
                cells = target[(*before, slice(first, first + length))]
                part = self._by_share[direction * N : (direction + 1) * N]
                solver.staging.unpack(self._adopt(cells, "gradient"), part, True)
            if system.grid.periodic(axis):
                target[(*before, slice(length, length + 1))].zero_()

    def add(self, vector: wp.array, total: wp.array) -> None:
        """Adds vector [N] to the Warp array total [shape]."""
        solver, part = self._solver, wp.empty_like(total)
        with off_tape(), everywhere(solver.many):
            solver.staging.unpack(self._adopt(part, "gradient"), vector)
        self._add(part, total)

    def add_faces(self, axis: int, total: wp.array) -> None:
        """Adds what ``share_gradient`` found for the faces across an axis to the Warp array total."""
        part = wp.empty_like(total)
        self.unpack_faces(axis, part, "warp")
        self._add(part, total)

    def _add(self, part: wp.array, total: wp.array) -> None:
        with off_tape():
            sum_ = wp.clone(total)
            launch_threads(kernels.add, part.size, [part.flatten(), sum_.flatten()], self._solver.device)
            wp.copy(total, sum_)

    def by_faces(self, kept: Kept, faces: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        """The gradients of all faces as Torch tensors, one per axis."""
        import torch

        self.share_gradient(kept, "torch")
        found = [torch.empty_like(like, memory_format=torch.contiguous_format) for like in faces]
        for axis, gradient in enumerate(found):
            self.unpack_faces(axis, gradient, "torch")
        return found

    def by_density(self, kept: Kept, like: torch.Tensor) -> torch.Tensor:
        """dL/d(density) as a Torch tensor."""
        return self._given(self.density_gradient(kept, "torch"), like)

    def by_rhs(self, like: torch.Tensor) -> torch.Tensor:
        """dL/d(rhs) as a Torch tensor."""
        return self._given(self.rhs_gradient("torch"), like)

    def _given(self, vector: wp.array, like: torch.Tensor) -> torch.Tensor:
        import torch

        solver = self._solver
        result = torch.empty(like.shape, dtype=like.dtype, device=like.device)
        with arrays.caller_stream("torch", solver.device), everywhere(solver.many):
            solver.staging.unpack(self._adopt(result, "gradient"), vector)
        return result

    def _frame(self, again: bool) -> Frame:
        """The adjoint frame that takes the matrix and the preconditioner at hand (``again``), or that renews them."""
        if again not in self._frames:
            self._frames[again] = self._solver.frame_for(self.pressure, renews=not again)
        return self._frames[again]
