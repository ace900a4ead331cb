"""hpsolver: a real-time pressure solver with a neural preconditioner.

>>> import numpy as np
>>> from hpsolver import Solver
>>> solver = Solver((32, 32), boundary="wall", device="cpu")
>>> density, rhs = np.ones((32, 32)), np.zeros((32, 32))
>>> rhs[8, 8], rhs[24, 24] = 1.0, -1.0
>>> pressure = solver.step(density, rhs)
>>> solver.info.status.name
'CONVERGED'
"""

import warp as _wp

_wp.config.log_level = _wp.LOG_WARNING

from . import preconditioners, problems  # noqa: E402
from .info import SolveError, Status, StepInfo, WorldsInfo  # noqa: E402
from .projection import Projection  # noqa: E402
from .solver import Solver  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "Projection",
    "SolveError",
    "Solver",
    "Status",
    "StepInfo",
    "WorldsInfo",
    "__version__",
    "preconditioners",
    "problems",
]
