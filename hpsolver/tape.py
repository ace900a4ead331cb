"""Steps on a ``wp.Tape``, and what the tape calls backward (``gradients`` has the adjoint)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import warp as wp
from warp._src import context  # Warp 1.19 has no public way to ask for the tape

from .arrays import Array

if TYPE_CHECKING:
    from .solver import Solver

Moving = tuple[Array | None, ...]
"""solid, air, surface, fraction."""


def on_tape() -> bool:
    """Whether the caller records on a tape."""
    return context.runtime.tape is not None


@contextlib.contextmanager
def off_tape() -> Iterator[wp.Tape | None]:
    """A context in which no tape records, since our kernels have no adjoints of their own; gives the tape."""
    tape, context.runtime.tape = context.runtime.tape, None
    try:
        yield tape
    finally:
        context.runtime.tape = tape


def step_on_tape(
    solver: Solver,
    density: Array,
    rhs: Array,
    moving: Moving,
    out: Array | None,
) -> Array:
    """``solver.step``, with its backward pass recorded on the tape if density, right-hand side, or shares or
    coefficients of faces are Warp arrays with a gradient. Backward adds to what their ``grad`` holds.

    Raises:
        TypeError: as ``step``; ``out`` has no gradient, or an array is not Warp's.
        RuntimeError: inside a capture.
    """
    solid, air, surface, fraction = moving
    masks = {"solid": solid, "air": air, "surface": surface}
    faces = density if solver.coefficients == "faces" else fraction
    cells = None if solver.coefficients == "faces" else density
    with off_tape() as tape:
        given = {"density": cells, "rhs": rhs, **{f"faces[{axis}]": face for axis, face in enumerate(faces or ())}}
        differentiated = [array for array in given.values() if isinstance(array, wp.array) and array.requires_grad]
        if not differentiated:
            return solver.step(density, rhs, out=out, fraction=fraction, **masks)
        if out is None:
            out = wp.zeros(rhs.shape, dtype=rhs.dtype, device=solver.device, requires_grad=True)
        for name, array in {**given, "out": out}.items():
            if array is not None and not isinstance(array, wp.array):
                raise TypeError(f"{name}: on a tape of Warp's all must be Warp arrays, got {type(array).__name__}")
        if not out.requires_grad:
            raise TypeError("out: on a tape it must have a gradient (requires_grad=True)")
        if solver.device.is_capturing:
            raise RuntimeError("step on a tape cannot be recorded into a graph: backward is judged on the host")
        solver.step(density, rhs, out=out, fraction=fraction, **masks)
        kept = solver.adjoint.keep()

    def backward() -> None:
        adjoint = solver.adjoint  # through the solver, which the adjoint alone would not keep
        adjoint.solve(kept, cells, out.grad, "warp")
        if cells is not None and cells.requires_grad:
            adjoint.add(adjoint.density_gradient(kept, "warp"), cells.grad)
        if rhs.requires_grad:
            adjoint.add(adjoint.rhs_gradient("warp"), rhs.grad)
        if any(face.requires_grad for face in faces or ()):
            adjoint.share_gradient(kept, "warp")
        for axis, face in enumerate(faces or ()):
            if face.requires_grad:
                adjoint.add_faces(axis, face.grad)

    assert tape is not None
    tape.record_func(backward, [*differentiated, out])
    return out
