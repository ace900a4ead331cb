"""The linear system of a frame on the device: A in brick order, the right-hand side, the fluid regions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import warp as wp

from hpsolver.kernels import mending
from hpsolver.kernels import regions as region_kernels
from hpsolver.kernels.assembly import ROUND_CHUNK, assembly, to_float
from hpsolver.kernels.building import Shape, launch

from .bricks import Bricks, make_bricks
from .grid import Grid
from .regions import Regions, find_pieces, find_regions, pinned_cells, pocket_cells

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
        density, rhs: [N] fp64. ``given``: the density as the caller gave it; the same array unless it may be mended.
        conductance, diagonal: A in fp64, [directions * N] and [N]; see ``hpsolver.kernels.assembly``.
        krylov_conductance, krylov_diagonal: the same in the Krylov type (the same arrays where that is fp64).
        fluid: [N] uint8, 1 for cells of the fluid, 0 for solid and padding.
        neighbor, side, used: the brick order (``Bricks``) on the device.
        origin: [leaves, 3] int32, first cell of each leaf.
        regions, region_label, pinned: the fluid's connectivity, on the host, the latter two [N] (``hpsolver.regions``).
        pieces: [N] on the host, ``find_pieces`` of all fluid but pockets.
        mean: [regions] fp64, the means last subtracted by ``project_rhs``, None without singular regions.
        region_size: [regions] fp64, their cells, where there are some.
        mended: [1] int32, densities replaced in this frame, None where none may be.
        slots: blocks, hence partial sums, of a reduction.
    """

    def __init__(self, grid: Grid, leaf_size: int | None, precision: str, device: wp.Device, slots: int | None = None):
        self.grid = grid
        self.device = device
        self.precision = precision
        self.krylov_type, self.preconditioner_type = PRECISIONS[precision]
        self.bricks: Bricks = make_bricks(grid, leaf_size or (128 if device.is_cuda else None))
        self.shape = Shape(grid.dimension, self.bricks.extent)
        self.leaves, self.size = self.bricks.leaves, self.bricks.size
        # One block does all on the CPU; on a GPU enough of them to fill it, few enough to be summed by every block.
        self.slots = slots or (min(self.leaves, MAX_SLOTS) if device.is_cuda else 1)

        self.neighbor = self._on_device(self.bricks.neighbor)
        self.side = self._on_device(self.bricks.side)
        self.used = self._on_device(self.bricks.used)
        origin = self.bricks.coordinates * np.array(self.bricks.extent)
        self.origin = self._on_device(origin.astype(np.int32))

        self.density = self.zeros(self.size, wp.float64)
        self.given = self.density
        self.mended: wp.array | None = None
        self.rhs = self.zeros(self.size, wp.float64)
        self.conductance = self.zeros(self.bricks.directions * self.size, wp.float64)
        self.diagonal = self.zeros(self.size, wp.float64)
        self.bad_cells = self.zeros(self.slots, wp.float64)
        self.krylov_conductance, self.krylov_diagonal = self.conductance, self.diagonal
        if self.krylov_type is wp.float32:
            self.krylov_conductance = self.zeros(self.conductance.size, wp.float32)
            self.krylov_diagonal = self.zeros(self.size, wp.float32)

        self._assemble = assembly(self.shape, grid.face_average == "harmonic").assemble
        steps = (1.0,) * (3 - grid.dimension) + grid.spacing
        self._scale = [1.0 / (h * h) for h in steps]
        self.set_solid(None)

    def on_bad_density(self, choice: str) -> None:
        """``refuse`` or ``clamp`` (``Solver``). Allocates."""
        if choice == "clamp":
            self.given, self.mended = self.zeros(self.size, wp.float64), self.zeros(1, wp.int32)

    @functools.cached_property
    def cell_across(self) -> wp.array:
        """[directions * N] int32 on the device: ``Bricks.across``, -1 at walls and open sides."""
        return self._on_device(self.bricks.across(outside=-1).astype(np.int32))

    @property
    def leaf_pieces(self) -> np.ndarray:
        """[leaves] how many of ``pieces`` there are in each leaf, on the host."""
        most: np.ndarray = self.pieces.reshape(self.leaves, -1).max(axis=1)
        return most

    @property
    def leaf_fluid(self) -> np.ndarray:
        """[leaves] bool, which leaves hold fluid, on the host."""
        wet: np.ndarray = (self.fluid.numpy() > 0).reshape(self.leaves, -1).any(axis=1)
        return wet

    def set_solid(self, solid: np.ndarray | None) -> None:
        """Analyses a solid mask [grid shape] on the host: fluid cells and singular regions. Allocates."""
        fluid = np.ones(self.grid.shape, np.uint8) if solid is None else (~solid).astype(np.uint8)
        self.fluid = self._on_device(self.bricks.to_bricks(fluid))
        self.regions: Regions = find_regions(self.grid, solid)
        label = self.bricks.to_bricks(self.regions.label, padding=-1)
        self.region_label = label
        self.pinned = pinned_cells(self.bricks, label)
        pockets = pocket_cells(label, self.pinned)
        self.pieces = find_pieces(self.bricks, self.bricks.to_bricks(fluid).astype(bool) & ~pockets)
        self.mean: wp.array | None = None
        if self.regions.count:
            lists = {name: self._on_device(values) for name, values in self.regions.chunks(label).items()}
            self._region, self._cells, self._start = lists["region"], lists["cells"], lists["start"]
            self._first, self.region_size = lists["first"], lists["size"]
            self._chunk_sum = self.zeros(self._start.size - 1, wp.float64)
            self.mean = self.zeros(self.regions.count, wp.float64)
            self._pressure_mean, self._shift, self._rest = (
                self.zeros(self.regions.count, wp.float64) for _ in range(3)
            )

    def assemble(self) -> None:
        """Records: density -> conductance, diagonal, bad_cells."""
        if self.mended is not None:
            wp.launch(mending.clear, dim=1, inputs=[self.mended], device=self.device)
            inputs = [self.size, self.given, self.fluid, self.cell_across, self.density, self.mended]
            wp.launch(mending.mend, dim=self.size, inputs=inputs, device=self.device)
        inputs = [self.slots, self.leaves, self.density, self.fluid, self.neighbor, self.side, self.used]
        outputs = [self.conductance, self.diagonal, self.bad_cells]
        launch(self._assemble, self.slots, [*inputs, *self._scale, *outputs], self.device)
        if self.krylov_type is wp.float32:
            self.round(self.conductance, self.krylov_conductance)
            self.round(self.diagonal, self.krylov_diagonal)

    def round(self, source: wp.array, target: wp.array) -> None:
        """Records: fp64 source -> fp32 target."""
        launch(to_float, -(-source.size // ROUND_CHUNK), [source.size, source, target], self.device)

    def project_rhs(self) -> None:
        """Records: subtracts from the right-hand side its mean over each singular region, kept in ``mean``."""
        if self.mean is not None:
            self._subtract_means(self.rhs, self.mean)

    def project_pressure(self, x: wp.array) -> None:
        """Records: gives x [N] zero mean over each singular region, which fixes the pressure's level there."""
        if self.mean is not None:
            self._subtract_means(x, self._pressure_mean)

    def _subtract_means(self, vector: wp.array, mean: wp.array) -> None:
        chunks = self._chunk_sum.size
        inputs = [vector, self._region, self._cells, self._start, self._first, self._chunk_sum]
        launch(region_kernels.chunk_sums, chunks, inputs, self.device)
        lists = [self._cells, self._start, self._first, self.region_size]
        inputs = [vector, *lists, self._chunk_sum, self._shift, self._rest, mean]
        wp.launch(region_kernels.region_means, dim=self.regions.count, inputs=inputs, device=self.device)
        inputs = [self._region, self._shift, self._rest, vector]
        wp.launch(region_kernels.subtract_means, dim=self.size, inputs=inputs, device=self.device)

    def matrix(self) -> scipy.sparse.csr_matrix:
        """A of the last frame as SciPy CSR in row-major cell order. Rows of solid cells are rows of the identity.

        Raises:
            ModuleNotFoundError: SciPy is not installed.
        """
        import scipy.sparse

        number = self.across()
        cell = self.bricks.cell
        real = np.flatnonzero(cell >= 0)
        conductance = self.conductance.numpy().reshape(-1, self.size)
        # A cell without any face is a region of its own: the device keeps 1 there, A's row is zero.
        alone = (self.region_label >= 0) & ~conductance.any(axis=0)
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

    def _on_device(self, values: np.ndarray) -> wp.array:
        kinds = {"int32": wp.int32, "uint8": wp.uint8, "float64": wp.float64}
        return wp.array(values.ravel(), dtype=kinds[values.dtype.name], device=self.device)
