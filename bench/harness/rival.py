"""The interface of every solver that is timed."""

from __future__ import annotations

import abc
import importlib
from collections.abc import Mapping

import numpy as np

from .machine import version


class Rival(abc.ABC):
    """A solver: ``prepare`` is called once per grid, then ``setup`` and ``solve`` for each frame; these two are timed.

    The stopping rule is the same for all: the TRUE residual of the zero-mean right-hand side at ``tolerance``, from a
    zero start. All sides are walls, so A is singular: iterative rivals work on A itself, direct ones fix one cell.

    Attributes:
        name: as printed in tables.
        package: the distribution whose version is reported.
        module: the module that must be importable.
        settings: the chosen options, as printed.
        device: ``cpu`` or a CUDA device.
        iterations: of the last ``solve``; 1 for a direct solver.
        remark: what a table must say of the last ``solve``, if anything.
    """

    name: str
    package: str
    module: str
    settings: Mapping[str, object] = {}
    device = "cpu"
    iterations = 0
    remark: str | None = None

    def available(self) -> str | None:
        """None where it can run, else the reason why not."""
        try:
            importlib.import_module(self.module)
        except ImportError as error:
            return str(error)
        return None

    @property
    def version(self) -> str:
        return version(self.package)

    @abc.abstractmethod
    def prepare(self, shape: tuple[int, ...], tolerance: float, max_iterations: int) -> None:
        """Makes what depends on neither density nor right-hand side."""

    def adopt(self, array: np.ndarray) -> object:
        """A frame's array where this rival wants it; not timed."""
        return array

    @abc.abstractmethod
    def setup(self, density: object) -> None:
        """Whatever depends on the density; timed in every frame."""

    @abc.abstractmethod
    def solve(self, rhs: object) -> object:
        """The pressure, ready when this returns; timed in every frame."""

    def fetch(self, pressure: object) -> np.ndarray:
        """The pressure as a NumPy array of the grid's shape or flat; not timed."""
        return pressure

    def phases(self) -> dict[str, float] | None:
        """Milliseconds of the last frame as ``update`` and ``solve``, where setup and solve cannot be told apart."""
        return None

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Frees what Python would not free by itself."""
