"""The network of the learned coarse space: a leaf's rows of A -> its start functions (``leaves.inverse_step``).

Four kernels, in this order: ``plan`` says which leaves are due, ``tokens`` runs the trunk for each of them, ``head``
multiplies by the largest matrix for several leaves together, and ``functions`` combines the candidates.
``hpsolver.network.basis`` defines and trains the network. Layouts are at the head of ``native/basis/*.h``. Arithmetic
is single precision. A GPU keeps the weights in half precision, as their files do: there they come through the L2 cache.
"""

import functools
from dataclasses import dataclass
from types import SimpleNamespace

import warp as wp

from .assembly import FLUID
from .building import Shape, array, block_kernel, body, module_name
from .state import ITERATION

TOKENS = 16
"""Patches of a leaf."""

CANDIDATES = 31
"""Haar functions that start functions are combined from."""

STRIP_COLUMNS = 16
"""Columns of a matrix that lie together (``native/basis/linear.h``)."""

EDGE = 16
"""Width of the network of edges."""

LEAVES, COLUMNS = 8, 64
"""Leaves and columns of the matrix that one block of ``head`` multiplies."""

F32, F64, I32, U8 = array(wp.float32), array(wp.float64), array(wp.int32), array(wp.uint8)


@dataclass(frozen=True)
class Size:
    """Size of a network: ``width``, a multiple of 16 and of 8 * ``heads``; ``functions``, start functions a leaf."""

    width: int
    heads: int
    layers: int
    functions: int

    @property
    def outputs(self) -> int:
        """N: coefficients of a leaf, rounded up to whole strips."""
        return -(-self.functions * CANDIDATES // STRIP_COLUMNS) * STRIP_COLUMNS

    def head_blocks(self, leaves: int) -> int:
        return -(-leaves // LEAVES) * -(-self.outputs // COLUMNS)


plan = block_kernel(
    "hpsolver.plan",
    "plan",
    body("basis/plan", ITERATION=ITERATION),
    leaves=wp.int32,
    longest=wp.int32,
    automatic=wp.int32,
    portion=wp.int32,
    counter=I32,
    memory=I32,
    flags=I32,
    changed=I32,
    due=I32,
    count=I32,
)
"""due [leaves], count [1]: the leaves that the network is asked for. Blocks: 1."""


@functools.cache
def network(shape: Shape, size: Size, M: type) -> SimpleNamespace:
    """``tokens`` (blocks: leaves), ``head`` (blocks: ``Size.head_blocks``), ``functions`` (blocks: leaves).

    Args:
        shape: the brick.
        size: size of the network.
        M: type of the weights.
    """
    module = module_name("basis", shape, size.width, size.heads, size.layers, size.functions, M)
    K, N = TOKENS * size.width, size.outputs
    due, weights = {"count": I32, "due": I32}, array(M)
    trunk = {"D": size.width, "HEADS": size.heads, "LAYERS": size.layers, "TOKENS": TOKENS, "FLUID": FLUID}
    trunk |= {"EDGE": EDGE, "STRIP_COLUMNS": STRIP_COLUMNS}
    outputs = {"N": N, "FUNCTIONS": size.functions, "CANDIDATES": CANDIDATES, "STRIP_COLUMNS": STRIP_COLUMNS}
    tokens = block_kernel(
        module,
        "tokens",
        body("common/largest", "basis/linear", "basis/normalize", "basis/tokens", shape=shape, **trunk),
        leaves=wp.int32,
        **due,
        fluid=U8,
        conductance=F64,
        diagonal=F64,
        inside=U8,
        patch=I32,
        across=I32,
        weights=weights,
        edges=F32,
        tokens=F32,
    )
    head = block_kernel(
        module,
        "head",
        body("basis/linear", "basis/head", K=K, N=N, LEAVES=LEAVES, COLUMNS=COLUMNS, STRIP_COLUMNS=STRIP_COLUMNS),
        count=I32,
        weights=weights,
        tokens=F32,
        coefficients=F32,
    )
    functions_ = block_kernel(
        module,
        "functions",
        body("basis/linear", "basis/functions", shape=shape, **outputs),
        **due,
        largest=wp.float32,
        candidates=F32,
        coefficients=F32,
        start=F32,
    )
    return SimpleNamespace(tokens=tokens, head=head, functions=functions_)
