"""One domain over several ranks: the same solver under ``torch.distributed``.

Each rank owns a slab of the grid (``Solver.owned``), passes its part of every array and gets its part of the pressure:
bit for bit what one process computes.
"""

from .solver import SHARED, Solver
from .transport import RankError

__all__ = ["SHARED", "RankError", "Solver"]
