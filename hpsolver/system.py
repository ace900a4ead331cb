"""The linear system of a frame on the device: A in brick order, the right-hand side, the fluid regions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import warp as wp

from hpsolver.kernels import iterate, mending
from hpsolver.kernels.assembly import ROUND_CHUNK, assembly, stretch, to_float
from hpsolver.kernels.building import Shape, launch, launch_threads, table

from .bricks import Bricks, make_bricks
from .grid import Grid
from .means import RegionMeans
from .moving import MovingFluid
from .programs import fitting_blocks
from .regions import Regions, find_pieces, find_regions, pinned_cells, pocket_cells
from .stretched import factors, volumes

if TYPE_CHECKING:
    import scipy.sparse

PRECISIONS = {
    "float32": (wp.float32, wp.float32),
    "float64": (wp.float64, wp.float64),
    "mixed": (wp.float64, wp.float32),
}
"""Type of the Krylov vectors, type of the preconditioner."""

ON_BAD_DENSITY = ("refuse", "clamp")

MAX_SLOTS = 1024


class System:
    """Buffers and kernels of ``A p = b``. N = leaves * leaf_size cells in brick order.

    Attributes:
        density, rhs: [N] fp64. ``given``: the caller's density; the same array unless bad values are replaced.
        conductance, diagonal: A in fp64, [directions * N] and [N]; see ``hpsolver.kernels.assembly``.
        leak: [N] fp64, the part of the diagonal that is due to open sides and surfaces.
        krylov_conductance, krylov_diagonal: A in the type of the Krylov vectors (the same arrays if that is fp64).
        fluid: [N] uint8, 1 for cells of the fluid, 0 for solid and padding.
        neighbor, side, used: the brick order (``Bricks``) on the device.
        origin: [leaves, 3] int32, first cell of each leaf.
        moving: fluid that changes every frame. None: the fluid's connectivity is known on the host, as follows.
        regions, region_label, pinned: the connected regions, the latter two [N] (``hpsolver.regions``).
        pieces: [N] on the host, ``find_pieces`` of all fluid but pockets.
        largest_share: the largest share that a face may have, if faces have shares.
        geometry, volume: [directions * N] and [N] fp64 of a stretched grid (``hpsolver.stretched``), else a dummy and
            None.
        mended: [1] int32, how many densities were replaced in this frame; None if none may be.
        slots: blocks of a reduction, each of which leaves one partial sum.
        threads: of a CPU that carry out each frame together.

    Args:
        shaped: leaves may take the shape that flat cells ask for (``make_bricks``).
        in_layers: each partial sum is over leaves of one layer of bricks, across ``cut_axis`` or, if that is None, the
            axis of most bricks (``hpsolver.distributed``).
    """

    def __init__(
        self,
        grid: Grid,
        leaf_size: int | None,
        precision: str,
        device: wp.Device,
        slots: int | None = None,
        threads: int = 1,
        shaped: bool = False,
        in_layers: bool = False,
        cut_axis: int | None = None,
    ):
        self.grid = grid
        self.device = device
        self.precision = precision
        self.krylov_type, self.preconditioner_type = PRECISIONS[precision]
        leaf_size = leaf_size or (128 if device.is_cuda else None)
        self.bricks: Bricks = make_bricks(grid, leaf_size, shaped, cut_axis if in_layers else None)
        self.in_layers = in_layers
        self.shape = Shape(grid.dimension, self.bricks.extent)
        self.leaves, self.size = self.bricks.leaves, self.bricks.size
        # A thread of a CPU needs one block; a GPU enough of them to fill it, but few enough for every block to add up
        # their sums, or as many as one kernel for the whole loop has.
        most = min(fitting_blocks(self.size, device) or MAX_SLOTS, self.leaves) if device.is_cuda else threads
        self.threads = threads
        self.slots = slots or (self._slots_in_layers(most) if in_layers else most)

        self.neighbor = self.on_device(self.bricks.neighbor)
        self.side = self.on_device(self.bricks.side)
        self.used = self.on_device(self.bricks.used)
        origin = self.bricks.coordinates * np.array(self.bricks.extent)
        self.origin = self.on_device(origin.astype(np.int32))

        self.density = self.zeros(self.size, wp.float64)
        self.given = self.density
        self.mended: wp.array | None = None
        self.rhs = self.zeros(self.size, wp.float64)
        self.conductance = self.zeros(self.bricks.directions * self.size, wp.float64)
        self.diagonal = self.zeros(self.size, wp.float64)
        self.leak = self.zeros(self.size, wp.float64)
        self.bad_cells = self.zeros(self.slots, wp.float64)
        self.krylov_conductance, self.krylov_diagonal = self.conductance, self.diagonal
        if self.krylov_type is wp.float32:
            self.krylov_conductance = self.zeros(self.conductance.size, wp.float32)
            self.krylov_diagonal = self.zeros(self.size, wp.float32)

        self._harmonic = grid.face_average == "harmonic"
        self._nothing = self.zeros(1, wp.float64)
        self.largest_share = 1.0
        self.geometry, self.volume = self._nothing, None
        if grid.sizes:
            self.geometry = self.on_device(factors(grid, self.bricks))
            self.volume = self.on_device(volumes(grid, self.bricks))
        steps = (1.0,) * (3 - grid.dimension) + grid.spacing
        self._scale = [1.0 / (h * h) for h in steps]
        self.set_solid(None)

    def _slots_in_layers(self, most: int) -> int:
        """Number of slots: the same in each layer of bricks, about ``most`` in all or one per layer."""
        layers = self.bricks.counts[self.bricks.slowest]
        of_layer = self.leaves // layers
        wanted = max(most // layers, 1)
        return layers * max(n for n in range(1, wanted + 1) if of_layer % n == 0)

    def on_bad_density(self, choice: str) -> None:
        """``refuse`` or ``clamp`` (``Solver``). Allocates."""
        if choice == "clamp":
            self.given, self.mended = self.zeros(self.size, wp.float64), self.zeros(1, wp.int32)

    @functools.cached_property
    def cell_across(self) -> wp.array:
        """[directions * N] int32 on the device: ``Bricks.across``, -1 at walls and open sides."""
        return self.on_device(self.bricks.across(outside=-1).astype(np.int32))

    @property
    def assembled_from(self) -> tuple[wp.array, wp.array, wp.array]:
        """kinds, phi and shares of ``hpsolver.kernels.assembly``; the latter two are dummies if there are none."""
        moving = self.moving
        return (moving.kinds, moving.phi, moving.shares) if moving else (self.fluid, self._nothing, self.geometry)

    @property
    def largest_assembled_share(self) -> float:
        """``largest_share``; no limit on a stretched grid, where shares are checked before they are stretched."""
        return 1e300 if self.grid.sizes else self.largest_share

    @property
    def pinned_on_device(self) -> wp.array:
        """[N] uint8: ``pinned``, or this frame's if the fluid moves."""
        return self.moving.pinned if self.moving else wp.array(self.pinned, dtype=wp.uint8, device=self.device)

    @property
    def leaf_pieces(self) -> np.ndarray:
        """[leaves] number of ``pieces`` in each leaf, on the host; 1 if the fluid moves."""
        most: np.ndarray = self.pieces.reshape(self.leaves, -1).max(axis=1)
        return most

    @property
    def leaf_fluid(self) -> np.ndarray:
        """[leaves] bool, on the host: the leaves that hold fluid, or may hold some."""
        wet: np.ndarray = (self.fluid.numpy() > 0).reshape(self.leaves, -1).any(axis=1)
        return wet

    def set_solid(self, solid: np.ndarray | None) -> None:
        """Analyses a solid mask [grid shape] on the host: fluid cells and singular regions, until the next call or
        ``move``. Allocates."""
        self.moving: MovingFluid | None = None
        fluid = np.ones(self.grid.shape, np.uint8) if solid is None else (~solid).astype(np.uint8)
        self.fluid = wp.array(self.bricks.to_bricks(fluid), dtype=wp.uint8, device=self.device)
        self.regions: Regions = find_regions(self.grid, solid)
        label = self.bricks.to_bricks(self.regions.label, padding=-1)
        self.region_label = label
        self.pinned = pinned_cells(self.bricks, label)
        pockets = pocket_cells(label, self.pinned)
        self.pieces = find_pieces(self.bricks, self.bricks.to_bricks(fluid).astype(bool) & ~pockets)
        self._means: RegionMeans | MovingFluid | None = None
        if self.regions.count:
            self._means = RegionMeans(self, self.regions, label)

    def move(self, shares: bool) -> None:
        """From now on solids, surface and, with ``shares``, faces change every frame (``moving``). The solid cells of
        ``set_solid`` stay solid in any case. Allocates."""
        resting = (self.fluid.numpy() == 0) if self.moving is None else (self.moving.resting.numpy() > 0)
        self.set_solid(None)
        self.moving = self._means = MovingFluid(self, resting.astype(np.uint8), shares or bool(self.grid.sizes))
        self.fluid.assign(1 - resting.astype(np.uint8))

    def follows(self, moves: bool, shares: bool) -> bool:
        """Whether the buffers that a frame needs are there; ``moves``: something moves in it; ``shares``: faces do."""
        return not moves or (self.moving is not None and (not shares or bool(self.moving.share_of)))

    def rest(self, solid: np.ndarray | None) -> None:
        """Sets the cells of moving fluid that are solid in every frame; nothing is analysed or allocated."""
        fluid = np.ones(self.grid.shape, np.uint8) if solid is None else (~solid).astype(np.uint8)
        moving = self.moving
        if moving is None:
            raise RuntimeError("this fluid does not move: set_solid")
        moving.resting.assign(1 - self.bricks.to_bricks(fluid))

    def assemble(self) -> None:
        """Records: density -> conductance, leak, diagonal, bad_cells; and the regions of moving fluid."""
        if self.mended is not None:
            launch_threads(iterate.clear, 1, [self.mended], self.device)
            inputs = [self.size, self.given, self.fluid, self.cell_across, self.density, self.mended]
            launch_threads(mending.mend, self.size, inputs, self.device)
        moving = self.moving
        kinds, phi, shares = self.assembled_from
        kernel = assembly(self.shape, self._harmonic, moving is not None, shares.size > 1)
        inputs = [self.slots, self.leaves, self.density, kinds, phi, shares, wp.float64(self.largest_assembled_share)]
        inputs += [self.neighbor, self.side, self.used, *self._scale]
        outputs = [self.conductance, self.leak, self.diagonal, self.bad_cells]
        launch(kernel, self.slots, [*inputs, *outputs], self.device)
        if moving:
            moving.find()
        if self.krylov_type is wp.float32:
            self.round(self.conductance, self.krylov_conductance)
            self.round(self.diagonal, self.krylov_diagonal)

    def weigh(self) -> None:
        """Records: multiplies the right-hand side of a stretched grid by the volumes."""
        if self.volume is not None:
            inputs = [self.slots, self.size, self.volume, self.rhs, self.rhs]
            launch(iterate.multiply, self.slots, inputs, self.device)

    def stretch(self, given: bool) -> None:
        """Records: multiplies the shares of moving fluid's faces, 1 unless ``given``, by those of a stretched grid."""
        if self.moving and self.moving.share_of:
            shares = self.moving.shares
            inputs = [
                shares.size,
                self.geometry.size,
                int(given),
                wp.float64(self.largest_share),
                self.geometry,
                shares,
            ]
            launch(stretch, -(-shares.size // ROUND_CHUNK), inputs, self.device)

    def round(self, source: wp.array, target: wp.array) -> None:
        """Records: fp64 source -> fp32 target."""
        launch(to_float, -(-source.size // ROUND_CHUNK), [source.size, source, target], self.device)

    def project_rhs(self) -> None:
        """Records: subtracts from the right-hand side its mean over each singular region."""
        if self._means is not None:
            self._means.project_rhs(self.rhs)

    def project_pressure(self, x: wp.array) -> None:
        """Records: gives x [N] zero mean over each singular region, which fixes the pressure's level there."""
        if self._means is not None:
            self._means.project_pressure(x)

    def confine(self, vector: wp.array) -> None:
        """Records: vector [N] fp64 = 0 outside the fluid."""
        launch_threads(iterate.confine, self.size, [self.fluid, vector], self.device)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """([regions] mean that ``project_rhs`` took from each singular region, [regions] its cells), on the host."""
        return self._means.means() if self._means is not None else (np.zeros(0), np.zeros(0))

    def matrix(self) -> scipy.sparse.csr_matrix:
        """A of the last frame as SciPy CSR in row-major cell order. Rows of solid cells and of air are those of
        the identity.

        Raises:
            ModuleNotFoundError: SciPy is not installed.
        """
        import scipy.sparse

        number = self.across()
        cell = self.bricks.cell
        real = np.flatnonzero(cell >= 0)
        conductance = self.conductance.numpy().reshape(-1, self.size)
        # A fluid cell without any face is a region of its own: the device keeps 1 on the diagonal, but A's row is zero.
        alone = (self.fluid.numpy() > 0) & ~conductance.any(axis=0) & (self.leak.numpy() == 0.0)
        diagonal = np.where(alone, 0.0, self.diagonal.numpy())
        rows, columns, values = [cell[real]], [cell[real]], [diagonal[real]]
        for c, neighbor in zip(conductance, number, strict=True):
            linked = np.flatnonzero(c != 0.0)
            rows.append(cell[linked])
            columns.append(cell[neighbor[linked]])
            values.append(-c[linked])
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return scipy.sparse.csr_matrix(entries, shape=(self.grid.cells, self.grid.cells))

    def across(self) -> np.ndarray:
        """[directions, N] number of the cell across each face (``Bricks.across``)."""
        return self.bricks.across()

    def zeros(self, size: int, dtype: type) -> wp.array:
        return wp.zeros(size, dtype=dtype, device=self.device)

    def on_device(self, values: np.ndarray) -> wp.array:
        """A flat copy, on the device, of values that no kernel writes."""
        kinds = {"int32": wp.int32, "uint8": wp.uint8, "float64": wp.float64, "float32": wp.float32}
        return table(wp.array(values.ravel(), dtype=kinds[values.dtype.name], device=self.device))
