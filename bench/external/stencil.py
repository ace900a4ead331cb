"""A for the external solvers, as CSR: the structure is made once, the values are refilled for each density."""

from __future__ import annotations

from types import ModuleType

import numpy as np

LOW, HIGH = slice(None, -1), slice(1, None)
"""Along an axis: the cells before a face, and those behind it."""


class Stencil:
    """A of a grid with walls on all sides, unit spacing, harmonic face density.

    Args:
        shape: cells per axis.
        pinned: leave out the first cell's row and column, which removes the null space.
        upper: keep the upper triangle alone.
        arrays: NumPy, or CuPy for a matrix on the GPU.

    Attributes:
        rows: number of rows of the matrix.
        indptr, indices: int32 CSR structure, columns ascending in each row.
    """

    def __init__(self, shape: tuple[int, ...], *, pinned: bool = False, upper: bool = False, arrays: ModuleType = np):
        self._shape, self._arrays = shape, arrays
        cells = int(np.prod(shape))
        number = np.arange(cells).reshape(shape)
        low = np.concatenate([self._part(number, axis, LOW).ravel() for axis in range(len(shape))])
        high = np.concatenate([self._part(number, axis, HIGH).ravel() for axis in range(len(shape))])
        row = np.concatenate([low, high, number.ravel()])
        column = np.concatenate([high, low, number.ravel()])
        first = int(pinned)
        kept = np.flatnonzero((row >= first) & (column >= first) & ((column >= row) | (not upper)))
        source = kept[np.lexsort((column[kept], row[kept]))]
        self.rows = cells - first
        counts = np.bincount(row[source] - first, minlength=self.rows)
        self.indptr = arrays.asarray(np.concatenate([[0], np.cumsum(counts)]), dtype=np.int32)
        self.indices = arrays.asarray(column[source] - first, dtype=np.int32)
        self._source = arrays.asarray(source)

    def values(self, density) -> np.ndarray:
        """The CSR values for ``density`` [shape]."""
        half = 0.5 / density
        diagonal = self._arrays.zeros(self._shape)
        faces = []
        for axis in range(len(self._shape)):
            conductance = self._part(half, axis, LOW) + self._part(half, axis, HIGH)
            diagonal[self._index(axis, LOW)] += conductance
            diagonal[self._index(axis, HIGH)] += conductance
            faces.append(-conductance.ravel())
        return self._arrays.concatenate([*faces, *faces, diagonal.ravel()])[self._source]

    def _index(self, axis: int, part: slice) -> tuple[slice, ...]:
        return tuple(part if a == axis else slice(None) for a in range(len(self._shape)))

    def _part(self, field, axis: int, part: slice):
        return field[self._index(axis, part)]
