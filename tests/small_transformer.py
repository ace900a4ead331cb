"""``htp_paper`` with a network that takes little time."""

import numpy as np
from hpsolver.kernels.transformer import Size

from hpsolver.preconditioners.htp_paper import HTPaper
from hpsolver.preconditioners.paper_weights import PaperWeights, shapes


def small_transformer() -> HTPaper:
    """The published preconditioner with a network of one layer, whose M is a little off Jacobi's."""
    size = Size(width=16, layers=1, heads=2, leaf_size=128, rank=32, highways=True, graph_layers=1)
    rng, tensors = np.random.default_rng(0), {}
    for name, shape in shapes(size).items():
        spread = 0.05 if name.startswith(("leaf_factor.2", "tile_left.2")) else 1.0
        tensors[name] = spread * rng.standard_normal(shape).astype(np.float32) / shape[-1] ** 0.5
    made = HTPaper()
    made._weights = PaperWeights(size, tensors)
    return made
