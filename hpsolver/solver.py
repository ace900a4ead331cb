"""The public solver: one frame in, one pressure out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np
import warp as wp

from . import arrays, gradients, options
from .arrays import Array
from .capture import check_recordable
from .frame import Frame
from .given import Given, look_at
from .grid import BoundaryLike, SpacingLike, make_grid
from .info import StepInfo
from .pcg import NORMS, ConjugateGradients, early_test, first_limit
from .preconditioners import Preconditioner, auto, make, make_fallback
from .reports import Reports
from .spreading import Carrier, everywhere
from .staging import Staging
from .stopwatch import Stopwatch
from .system import ON_BAD_DENSITY, PRECISIONS, System
from .team import Team
from .worlds import Worlds

if TYPE_CHECKING:
    import scipy.sparse
    from typing_extensions import Unpack

    from .given import Moving

COEFFICIENTS = ("density", "faces")

Kind = TypeVar("Kind")
"""An array comes back as the kind of array that went in."""

Coefficients = Array
"""A density, or a tuple of arrays of faces, one per axis."""


class Solver:
    """Solves ``-div((1/density) grad p) = rhs`` on a regular grid, once per frame.

    Args:
        shape: cells per axis, 2 or 3 of them.
        worlds: how many grids of this shape each ``step`` solves, with as many launches as for one; every array then
            has a first axis of that length. Each world gets, bit for bit, what it would get alone. None: one grid.
        spacing: cell size [length], one number, or per axis a number or the sizes of its cells. On a stretched grid
            each cell's equation is multiplied by its volume over the mean volume, for A, b and the tolerance.
        boundary: ``wall`` (no flux), ``open`` (p = 0 on the face) or ``periodic``: one word, or per axis a word or a
            (low, high) pair.
        face_average: density of a face, ``harmonic`` or ``arithmetic``.
        preconditioner: a name (``hpsolver.preconditioners.NAMES``), a ``Preconditioner``, or ``auto``, the fastest in
            most cases: ``multigrid``, or ``schwarz`` on tiny 2D, flat and stretched grids. One that fails or is slow
            gives way to its fallback within the frame. A fallback to ``schwarz`` also begins the next frames, one for
            three iterations in vain and twice as many each time again, at most 256, until the chosen one solves one.
        tolerance: on the TRUE residual, ||b - A p|| <= tolerance ||b||, in (0, 1); 0 with an ``absolute_tolerance``.
        max_iterations: >= 0. If 200 or more, a preconditioner whose fallback is ``schwarz`` may use half of them,
            ``multigrid`` 40 to 70, or 10 to 14 if it has come nowhere; then ``schwarz`` goes on from the best
            iterate.
        precision: ``mixed`` (double-precision Krylov vectors, single-precision preconditioner), ``float64`` or
            ``float32`` (single-precision Krylov vectors with restarts from the double-precision residual).
        warm_start: start from the last frame's pressure.
        absolute_tolerance: ||b - A p|| up to this is good too, in the units of ``rhs``; in [0, 1e100).
        norm: norm of both tolerances, ``l2``, the 2-norm over the fluid, or ``max``, the largest entry.
        coefficients: what ``step`` takes first, a ``density``, or the coefficients of ``faces``, 1 / rho_f.
        on_bad_density: what to do with a fluid cell whose density is not a positive finite number: ``refuse`` the frame
            (``info.status``), or ``clamp`` it to the smallest good one across its faces, if it has one.
        device: a Warp device or its name; None is Warp's current device.
        threads: of a CPU that carry out each frame of one grid together; for grids of some 10,000 cells and more.
            Results repeat bit for bit with the same number. While they wait for each other they keep processors busy.

    Raises:
        TypeError, ValueError: an argument is not what it should be; the message names the value and what is allowed.

    The first ``step`` compiles (once per machine) and captures the frame; later ones replay it. Inputs are copied to
    fixed buffers, so any array of the right shape will do each time.

    A Solver is for one thread at a time. Several, each in its own thread, may run at once, but not while one does its
    first ``step``, or the first after ``set_solid``: its capture would record what other threads launch.

    After a first ``step``, further ones may be recorded into the caller's graph (``wp.ScopedCapture``, also within
    ``wp.capture_while``); ``info`` then reads what the last replay left. Solver and arrays must outlive that graph.
    """

    _in_layers = False  # whether partial sums are by layers of bricks (``distributed``)

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        worlds: int | None = None,
        spacing: SpacingLike = 1.0,
        boundary: BoundaryLike = "wall",
        face_average: str = "harmonic",
        preconditioner: str | Preconditioner = "auto",
        tolerance: float = 1e-6,
        max_iterations: int = 1000,
        precision: str = "mixed",
        warm_start: bool = False,
        absolute_tolerance: float = 0.0,
        norm: str = "l2",
        coefficients: str = "density",
        on_bad_density: str = "refuse",
        device: wp.Device | str | None = None,
        threads: int = 1,
    ):
        self.grid = make_grid(shape, spacing, boundary, face_average)
        options.check_word("precision", precision, tuple(PRECISIONS))
        options.check_word("on_bad_density", on_bad_density, ON_BAD_DENSITY)
        self.coefficients = options.check_word("coefficients", coefficients, COEFFICIENTS)
        self.norm = options.check_word("norm", norm, NORMS)
        self.tolerance, self.absolute_tolerance = options.check_tolerances(tolerance, absolute_tolerance)
        self.max_iterations = options.check_max_iterations(max_iterations)
        self.warm_start = options.check_flag("warm_start", warm_start)
        self.device = options.find_device(device)
        self.worlds = options.check_worlds(worlds)
        self.threads = options.check_threads(threads, self.device, self.worlds)
        self.lead: tuple[int, ...] = (self.worlds,) if self.worlds else ()  # the axis of worlds, if there is one

        chosen = make(auto(self.grid, self.device) if preconditioner == "auto" else preconditioner)
        self.system = System(
            self.grid,
            chosen.leaf_cells(self.grid),
            precision,
            self.device,
            threads=self.threads,
            shaped=chosen.shapes_leaves(self.grid),
            in_layers=self._in_layers,
            cut_axis=chosen.cut_axis(self.grid),
        )
        self.system.on_bad_density(on_bad_density)
        if coefficients == "faces":
            options.check_moves(chosen)
            self.system.given.fill_(1.0)
            self.system.largest_share = 1e300
            self.system.move(shares=True)
        self.preconditioner = chosen.bind(self.system)
        self.fallback = make_fallback(self.preconditioner)
        first = first_limit(self.max_iterations, self.preconditioner, self.fallback)
        limits = self.max_iterations, first, early_test(first, self.preconditioner)
        goal = self.tolerance, *limits, self.absolute_tolerance, norm
        self._pcg = ConjugateGradients(self.system, *goal, self.worlds or 1)
        self._let_it_begin()
        self.last_pressure = self.system.zeros(self.system.size, wp.float64)  # [N] in brick order, before rounding
        self._stopwatch = Stopwatch(self.device, adds=self.worlds is not None)
        self.many: Worlds | None = None
        if self.worlds:
            options.check_spreads(chosen)
            together = self.worlds if chosen.launches_alone else None
            self.many = Worlds(self.worlds, self.system.size, self.device, together)
        self.carrier: Carrier | None = self.many
        if self.threads > 1:
            options.check_spreads(chosen)
            self.carrier = Team(self.threads, self.device)
        names = self.preconditioner.name, self.fallback.name if self.fallback else ""
        self.reports = Reports(self._pcg, self.last_pressure, names, self._stopwatch, self.many)
        self._frame = self._new_frame()
        self.staging = Staging(self.system)
        self.local = self.grid  # what the caller's arrays cover
        self._rounds = False  # the last pressure went out in single precision
        self._recorded: list[object] = []  # keeps alive what the caller's graphs use
        self.frames = self.assembled = self.solids = 0  # frames solved; the one whose matrix is here; preparations

    @overload
    def step(self, density: Coefficients, rhs: Kind, *, out: None = None, **moving: Unpack[Moving]) -> Kind: ...

    @overload
    def step(self, density: Coefficients, rhs: Array, *, out: Kind, **moving: Unpack[Moving]) -> Kind: ...

    def step(
        self,
        density: Coefficients,
        rhs: Array,
        *,
        solid: Array | None = None,
        air: Array | None = None,
        surface: Array | None = None,
        fraction: Sequence[Array] | None = None,
        out: Array | None = None,
    ) -> Array:
        """Solves one frame.

        Args:
            density: [shape] > 0, float32 or float64; ignored in solid cells and in air. With ``coefficients="faces"``
                instead 1 / rho_f >= 0 of every face: a tuple of one array per axis, [shape] but one entry more along
                that axis; entry k is the low face of cell k. 0 closes a face.
            rhs: [shape], right-hand side b; ignored in solid cells and in air. Its 2-norm over the fluid may be up to
                1e150; below 1e-150 it counts as zero.
            solid: [shape] bool or uint8, cells that are solid in this frame, in addition to those of ``set_solid``.
            air: [shape] bool or uint8, cells outside a liquid: p = 0 at their centres (first order).
            surface: [shape], instead of ``air`` the signed distance to a free surface, negative in the liquid. Cells
                where it is not negative are air, and p = 0 where it is zero between two centres (second order; Gibou,
                Fedkiw, Cheng and Kang, 2002), but no nearer to the liquid's centre than 1e-3 of their distance.
            fraction: open share of each face, in [0, 1]: one array per axis, shaped as coefficients of faces.
            out: [shape], where to write the pressure; may be of any accepted kind. Required inside a capture.

        The first frame with ``solid``, ``air``, ``surface`` or ``fraction`` is captured anew, like a first frame. From
        then on they may change or be left out. Torch tensors that require gradients, without ``out``, give a pressure
        that carries gradients; a ``wp.Tape`` records the step if Warp arrays require them (``gradients``). Backward is
        one more solve, with the preconditioner at hand after the last step.

        Returns:
            The pressure [shape], ``out`` or a new array of the kind and dtype of ``rhs`` on the solver's device: 0 in
            solid cells and in air, with zero mean over each fluid region that no open side and no surface touches.

        Raises:
            TypeError, ValueError: an array of another kind, dtype, shape or device; a preconditioner that cannot follow
                a fluid that changes. Unusable *values* do not raise: see ``info``.
            RuntimeError: called inside a capture, and the frame cannot be recorded; the message says why.
        """
        moving = solid, air, surface, fraction
        if differentiated := gradients.way(density, rhs, fraction, out):
            return differentiated(self, density, rhs, moving, out)
        given = look_at(self.local, self.device, self.coefficients, density, rhs, moving, self.worlds)
        kind, shape = given.rhs.kind, self.local.shape
        recording, follows = arrays.capturing(kind, self.device), self.system.follows(given.moves, bool(given.faces))
        if recording:
            kinds = [array.kind for array in given.arrays]
            check_recordable(self.preconditioner, bool(self._frame.graph) and follows, out, kinds, self.device)
        if out is None:
            out = arrays.like(given.rhs, (*self.lead, *shape), self.device)
        target = arrays.adopt_target(out, "out", shape, self.device, self.worlds)
        self._rounds = target.dtype == "float32"
        if recording:
            with arrays.caller_stream(kind, self.device), everywhere(self.carrier):
                self._record(given, target)
            return out
        if not follows:
            options.check_moves(self.preconditioner)
            self._prepare_anew(lambda: self.system.move(bool(given.faces)))
        self._frame.compile(lambda: self._copy(given, target))
        with arrays.caller_stream(kind, self.device), everywhere(self.carrier):
            self._stopwatch.start()
            self.staging.bring(given)
            self._frame.run()
            self.staging.unpack(target, self.last_pressure)
            if target.kind == "numpy" and self.device.is_cuda:
                np.copyto(out, target.owner.numpy())
            self._stopwatch.stop()
        self.reports.forget()
        self.assembled = self.frames = self.frames + 1
        return out

    def set_solid(self, mask: Array | None) -> None:
        """Sets the solid cells: no flux through their faces, p = 0 inside. The mask is analysed on the host, between
        frames; once a ``step`` was given solids, air, a surface or fractions, it is only copied.

        Args:
            mask: bool [shape], True in solid cells (NumPy, or anything ``numpy.asarray`` reads); None for no solid.
        """
        if mask is not None:
            mask = options.check_solid(mask, self.grid.shape)
        if self.system.moving:
            self.system.rest(mask)
        else:
            self._prepare_anew(lambda: self.system.set_solid(mask))
            with everywhere(self.carrier):
                self.system.confine(self.last_pressure)  # for a warm start

    def _let_it_begin(self) -> None:
        """The preconditioner begins the next frame, also after one that its fallback finished."""
        self._pcg.forget(self.preconditioner, self.fallback)

    def _prepare_anew(self, change: Callable[[], None]) -> None:
        """Changes the fluid, and binds anew what depends on it; the next frame is captured again."""
        self.info  # noqa: B018 (reads the last report while its means are there)
        self.reports.close()
        if self._recorded:  # the caller's graphs still use what they were recorded with
            self._recorded.append((dict(vars(self.system)), self.preconditioner, self.fallback))
            self._recorded.append(self.many.held() if self.many else None)
        change()
        self.solids += 1
        self.preconditioner = self.preconditioner.bind(self.system)
        if self.fallback:
            self.fallback = make_fallback(self.preconditioner)
        self._let_it_begin()
        if self.carrier:
            self.carrier.forget(but=self.last_pressure)
        self._frame = self._new_frame()
        self.staging.forget()

    @property
    def info(self) -> StepInfo:
        """The report of the last frame; reading it waits for the device. With ``worlds`` it is a ``WorldsInfo``; the
        annotation leaves that out for the sake of callers with one grid."""
        return self.reports.last(self._rounds, anew=self.recorded)  # a caller's graph may have been replayed

    @functools.cached_property
    def adjoint(self) -> gradients.Adjoint:
        """What backward passes through ``step`` call."""
        return gradients.Adjoint(self)

    @property
    def recorded(self) -> bool:
        """Whether a graph of the caller's holds a frame of this solver."""
        return bool(self._recorded)

    def matrix(self, world: int = 0) -> scipy.sparse.csr_matrix:
        """A of the last frame, of one world, as SciPy CSR, row-major cell order, for inspection (needs SciPy).

        Raises:
            IndexError: there is no such world.
            RuntimeError: no frame has been solved yet, or none since ``set_solid``.
        """
        if not 0 <= world < (self.worlds or 1):
            raise IndexError(f"world must be from 0 to {(self.worlds or 1) - 1}, got {world}")
        if self._frame.graph is None:
            raise RuntimeError("no frame has been solved yet, or none since set_solid: call step() first")
        if self.many:
            self.many.show(world)
        return self.system.matrix()

    def _new_frame(self) -> Frame:
        self.preconditioner.watch(self._pcg.counter)
        return self.frame_for(self.last_pressure, self.warm_start)

    def frame_for(self, pressure: wp.array, warm_start: bool = False, renews: bool = True) -> Frame:
        """A frame of this solver that writes its pressure to ``pressure`` [N]."""
        solvers = self.preconditioner, self.fallback, self._pcg
        return Frame(self.system, *solvers, pressure, self._stopwatch, warm_start, self.carrier, renews)

    def _record(self, given: Given, target: arrays.Adopted) -> None:
        """Records the frame, staging included, into the capture that is going on."""
        self._stopwatch.clear()
        self._recorded += [array.owner for array in (*given.arrays, target)]
        self.staging.bring(given, once=True)
        self._frame.record(wp.capture_while)
        self.staging.unpack(target, self.last_pressure, once=True)

    def _copy(self, given: Given, target: arrays.Adopted) -> None:
        """Brings a frame's arrays in, and the pressure out, by launches alone."""
        self.staging.bring(given, once=True)
        self.staging.unpack(target, self.last_pressure, once=True)
