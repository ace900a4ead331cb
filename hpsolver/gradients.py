"""Gradients through a step, for Torch: one more solve with the same matrix.

Of a loss L(p) with A(density) p = rhs, the adjoint pressure solves A a = dL/dp. Then dL/d(rhs) = a, and dL/d(density)
comes from both pressures face by face (``hpsolver.kernels.gradients``). Where no side is open, everything is of zero
mean over the region, as the pressure itself.

The preconditioner is used again if its frame was the solver's last. Of an earlier frame, as in frames unrolled in time,
backward assembles the matrix and renews the preconditioner once more: nothing of it is kept from frame to frame but the
density, the pressure, and what moves: 8 bytes a cell, 18 with a surface or solids of its own.
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

from . import arrays
from .capture import capture_frame
from .diagnosis import report
from .info import SolveError
from .pcg import Loop

if TYPE_CHECKING:
    import torch

    from .solver import Solver


def wanted(*values: arrays.Array) -> bool:
    """Whether any is a Torch tensor that requires gradients, in a place where Torch keeps track of them."""
    if not any(arrays.kind_name(value) == "torch" and value.requires_grad for value in values):
        return False
    import torch

    return torch.is_grad_enabled()


def step(
    solver: Solver, density: torch.Tensor, rhs: torch.Tensor, moving: tuple[arrays.Array | None, ...]
) -> torch.Tensor:
    """``solver.step``, differentiable once; ``moving``: solid, air, surface and fraction.

    Raises:
        TypeError: shares or coefficients of faces, or a surface that requires gradients itself.
    """
    if moving[-1] is not None or solver.coefficients == "faces":
        raise TypeError("gradients are there for densities, not yet with shares or coefficients of faces: detach them")
    pressure: torch.Tensor = _function().apply(density, rhs, solver, moving)
    return pressure


@functools.cache
def _function() -> Any:
    import torch

    class Step(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, density: torch.Tensor, rhs: torch.Tensor, solver: Solver, moving: Any) -> torch.Tensor:
            solid, air, surface, _ = moving
            masks = {"solid": solid, "air": air, "surface": surface}
            pressure: torch.Tensor = solver.step(density.detach(), rhs.detach(), **masks)
            ctx.solver, ctx.kept = solver, solver.adjoint.keep()
            ctx.save_for_backward(density, rhs)
            return pressure

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, weight: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
            density, rhs = ctx.saved_tensors
            by_density, by_rhs = ctx.needs_input_grad[:2]
            ctx.solver.adjoint.solve(ctx.kept, density.detach(), weight)
            return (
                ctx.solver.adjoint.by_density(ctx.kept, density) if by_density else None,
                ctx.solver.adjoint.by_rhs(rhs) if by_rhs else None,
                None,
                None,
            )

    return Step


@dataclass(frozen=True)
class Kept:
    """What a step leaves for its backward pass: its numbers, its pressure [N], and of moving fluid kinds, fluid and phi
    (``hpsolver.moving``), which the next frame replaces."""

    frame: int
    solids: int
    pressure: wp.array
    moving: tuple[wp.array, ...]


class Adjoint:
    """The adjoint solves of one solver, on its device."""

    def __init__(self, solver: Solver):
        self._solver: Solver = weakref.proxy(solver)  # which owns this: a cycle would keep its memory
        system = solver.system
        self._pressure, self._gradient = (system.zeros(system.size, wp.float64) for _ in range(2))
        steps = np.repeat(system._scale[::-1][: system.grid.dimension], 2)
        self._scale = wp.array(steps, dtype=wp.float64, device=system.device)
        self._replay: dict[bool, Callable[[], None]] = {}
        self._solids = solver.solids

    def keep(self) -> Kept:
        """Of the frame just solved."""
        solver = self._solver
        moving = tuple(wp.clone(array) for array in self._moving())
        return Kept(solver.frames, solver.solids, wp.clone(solver.last_pressure), moving)

    def _moving(self) -> tuple[wp.array, ...]:
        system = self._solver.system
        return (system.moving.kinds, system.fluid, system.moving.phi) if system.moving else ()

    def solve(self, kept: Kept, density: torch.Tensor, weight: torch.Tensor) -> None:
        """The adjoint pressure of a frame.

        Raises:
            RuntimeError: the solids changed since.
            SolveError: it did not converge.
        """
        solver, system = self._solver, self._solver.system
        frame, solids = kept.frame, kept.solids
        if solids != solver.solids:
            raise RuntimeError(
                "backward: the fluid is another one since this step (set_solid, or a first step with what moves); call "
                "backward before"
            )
        info = solver.info
        again = solver.assembled == frame and not info.fallback and not solver.recorded
        if self._solids != solids:
            self._replay, self._solids = {}, solids
        shape = solver.grid.shape
        with arrays.caller_stream("torch", solver.device):
            if not again:
                for kept_array, array in zip(kept.moving, self._moving(), strict=True):
                    wp.copy(array, kept_array)
                solver.staging.pack(arrays.adopt(density, "density", shape, solver.device), system.given)
            solver.staging.pack(
                arrays.adopt(weight.detach(), "gradient of the pressure", shape, solver.device), system.rhs
            )
            self._run(again)
        solver.assembled = frame
        names = solver.preconditioner.name, solver.fallback.name if solver.fallback else ""
        mine = report(solver._pcg, None, names, info.timings)
        solver._info = info
        if not mine.converged:
            raise SolveError(f"backward: the adjoint solve: {mine.status} at {mine.residual:.3g}. {mine.status.advice}")

    def by_density(self, kept: Kept, like: torch.Tensor) -> torch.Tensor:
        """dL/d(density) of the frame whose adjoint was solved last."""
        system = self._solver.system
        harmonic = int(system.grid.face_average == "harmonic")
        operator = [system.density, system.conductance, system.diagonal, system.cell_across, self._scale]
        inputs = [system.size, harmonic, *operator, kept.pressure, self._pressure, self._gradient]
        with arrays.caller_stream("torch", system.device):
            wp.launch(kernels.by_density, dim=system.size, inputs=inputs, device=system.device)
        return self._given(self._gradient, like)

    def by_rhs(self, like: torch.Tensor) -> torch.Tensor:
        """dL/d(rhs), likewise."""
        return self._given(self._pressure, like)

    def _given(self, vector: wp.array, like: torch.Tensor) -> torch.Tensor:
        import torch

        solver = self._solver
        result = torch.empty(like.shape, dtype=like.dtype, device=like.device)
        with arrays.caller_stream("torch", solver.device):
            solver.staging.unpack(arrays.adopt(result, "gradient", solver.grid.shape, solver.device), vector)
        return result

    def _run(self, again: bool) -> None:
        solver = self._solver
        if again in self._replay:
            self._replay[again]()
            return
        frame = functools.partial(self._frame, again)
        frame(wp.capture_while)
        if solver.preconditioner.graph_safe:
            self._replay[again] = capture_frame(frame, solver.device)

    def _frame(self, again: bool, loop: Loop) -> None:
        solver, system, pcg = self._solver, self._solver.system, self._solver._pcg
        if not again:
            system.assemble()
        system.project_rhs()
        if not again:
            if not solver.preconditioner.graph_safe:
                solver.preconditioner.predict()
            pcg.renew(solver.preconditioner, solver.fallback, loop)
        pcg.begin(self._pressure, False)
        pcg.solve(solver.preconditioner, solver.fallback, loop)
        pcg.finish(self._pressure, False)
