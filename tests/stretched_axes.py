"""Cell sizes of stretched axes, for tests."""

from __future__ import annotations

import numpy as np


def growing(n: int, factor: float) -> np.ndarray:
    """[n] sizes that grow by ``factor`` from cell to cell, from 1 at both ends to the middle."""
    return factor ** np.minimum(np.arange(n), np.arange(n)[::-1])
