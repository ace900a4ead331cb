"""The published hierarchical transformer (arXiv 2605.13343): from A to the factors of M that ``tiles`` applies.

``hpsolver.network.transformer`` defines and trains the network; here its forward pass is a chain of small kernels over
tokens in memory. Leaf tokens are [leaves, L, D], a cell each; tile tokens are [tiles, TOKENS, D]. Layouts are at the
head of ``native/transformer/*.h``. Weights lie in one array; ``at`` is the place of a layer's. Arithmetic is single
precision, sums over the whole grid are double.
"""

import functools
from dataclasses import dataclass
from types import SimpleNamespace

import warp as wp

from .assembly import FLUID
from .basis import EDGE, STRIP_COLUMNS
from .building import Shape, array, block_kernel, body, module_name

FEATURES = 18
"""Numbers that the network sees of a cell."""

QUERIES = 16
"""Queries that a block of attention takes at a time, and rows that a block multiplies by a matrix."""

F32, F64, I32, U8 = array(wp.float32), array(wp.float64), array(wp.int32), array(wp.uint8)


@dataclass(frozen=True)
class Size:
    """Size of a network: as ``TransformerConfig`` of ``hpsolver.network.transformer``."""

    width: int
    layers: int
    heads: int
    leaf_size: int
    rank: int
    highways: bool
    graph_layers: int

    @property
    def pool(self) -> int:
        """Cells that a token of a tile stands for."""
        return self.leaf_size // self.rank

    @property
    def contexts(self) -> int:
        return 3 if self.highways else 0

    @property
    def feed_rows(self) -> int:
        """Rows that a block of ``feed`` takes, as many as shared memory holds."""
        return max(min(QUERIES, 1024 // self.width), 1)


@functools.cache
def operator(shape: Shape) -> SimpleNamespace:
    """``extremes``, ``moments``, ``features``, in this order: what the network sees of A. Blocks: leaves."""
    module, constants = module_name("transformer_operator", shape), {"shape": shape, "FLUID": FLUID}
    given = {"leaves": wp.int32, "fluid": U8, "conductance": F64, "diagonal": F64, "density": F64, "extremes": F64}

    def kernel(name: str, *texts: str, **more: object) -> wp.Kernel:
        text = body("common/largest", "transformer/pairs", *(f"transformer/{text}" for text in texts), **constants)
        return block_kernel(module, name, text, **given, **more)

    return SimpleNamespace(
        extremes=kernel("extremes", "extremes"),
        moments=kernel("moments", "fields", "moments", moments=F64),
        features=kernel("features", "fields", "features", cells=wp.float64, moments=F64, features=F32, scaled=F32),
    )


@functools.cache
def layers(size: Size) -> SimpleNamespace:
    """What a network does with each token by itself, from ``x`` to ``to`` or in place.

    ``lift``, ``plain``, ``add``: features -> d, activated; d -> d; d -> d, added. ``mix``: d and what A says of it ->
    d, activated. ``norm``, ``qkv``: d, normalised -> d or 3 d. ``head``: d, normalised -> d, activated; ``leaf``,
    ``tile``: d -> L or ``rank``; ``bases``: d, normalised -> 2 ``rank`` + 1. Blocks: rows / ``QUERIES``, rounded up.
    ``leaf_feed``, ``tile_feed``: the feed-forward part of a layer, with the mixer's context. Blocks: rows /
    ``Size.feed_rows``, rounded up.
    """
    d, rank = size.width, size.rank
    return SimpleNamespace(
        lift=_linear(FEATURES, d, gelu=True),
        plain=_linear(d, d),
        add=_linear(d, d, add=True),
        mix=_linear(d, d, more=d + 1, gelu=True),
        norm=_linear(d, d, norm=2),
        qkv=_linear(d, 3 * d, norm=2),
        head=_linear(d, d, norm=1, gelu=True),
        leaf=_linear(d, size.leaf_size),
        tile=_linear(d, rank),
        bases=_linear(d, 2 * rank + 1, norm=1),
        leaf_feed=_feed(size, size.pool, True),
        tile_feed=_feed(size, 1, False),
    )


@functools.cache
def _linear(
    inputs: int, outputs: int, more: int = 0, norm: int = 0, gelu: bool = False, add: bool = False
) -> wp.Kernel:
    """to [rows, outputs] from x [rows, inputs], ``more`` numbers behind each (``native/transformer/linear_rows.h``).
    ``norm``: 1 normalises x, 2 also scales it."""
    constants = {"D": inputs, "MORE": more, "N": outputs, "NORM": norm, "GELU": gelu, "ADD": add}
    constants |= {"ROWS": QUERIES, "STRIP_COLUMNS": STRIP_COLUMNS}
    return block_kernel(
        module_name("transformer_linear", *map(int, (inputs, outputs, more, norm, gelu, add))),
        "linear",
        body("basis/linear", "basis/normalize", "transformer/rows", "transformer/linear_rows", **constants),
        rows=wp.int32,
        at=wp.int32,
        weights=F32,
        x=F32,
        more=F32,
        to=F32,
    )


@functools.cache
def _feed(size: Size, pool: int, plus: bool) -> wp.Kernel:
    """For groups of ``pool`` tokens that share a context (``native/transformer/feed.h``)."""
    constants = {"D": size.width, "CONTEXTS": size.contexts, "POOL": pool, "PLUS": plus}
    constants |= {"ROWS": size.feed_rows, "STRIP_COLUMNS": STRIP_COLUMNS}
    return block_kernel(
        module_name("transformer_feed", size.width, size.contexts, pool, int(plus)),
        "feed",
        body("basis/linear", "basis/normalize", "transformer/rows", "transformer/feed", **constants),
        rows=wp.int32,
        at=wp.int32,
        weights=F32,
        first=F32,
        second=F32,
        mean=F32,
        x=F32,
    )


@functools.cache
def attention(shape: Shape, size: Size) -> SimpleNamespace:
    """``leaf``: attention among the cells of a leaf. Blocks: leaves. ``tile``: among a tile's tokens. Blocks: tiles."""
    module = module_name("transformer_attention", shape, size.width, size.heads, size.rank)
    constants = {"D": size.width, "HEADS": size.heads, "EDGE": EDGE, "ROWS": QUERIES, "FLUID": FLUID}
    constants |= {"STRIP_COLUMNS": STRIP_COLUMNS}

    def kernel(name: str, tokens: int, text: str, **arguments: object) -> wp.Kernel:
        texts = ("basis/linear", "transformer/attention", f"transformer/{text}")
        return block_kernel(module, name, body(*texts, shape=shape, T=tokens, **constants), **arguments)

    cells = {"leaves": wp.int32, "fluid": U8, "inside": U8, "within": I32, "scaled": F32}
    tokens = {"at": wp.int32, "edges": F32, "qkv": F32, "mixed": F32}
    return SimpleNamespace(
        leaf=kernel("attend_leaf", shape.leaf_size, "attend_leaf", **cells, **tokens),
        tile=kernel("attend_tile", size.rank, "attend_tile", between=F32, local=F32, entries=F32, **tokens),
    )


@functools.cache
def exchange(shape: Shape, size: Size) -> SimpleNamespace:
    """What cells, leaves and tiles tell each other.

    ``message``: A h. Blocks: leaves. ``sums``, ``means``: of all rows of tokens. Blocks: rows / ``QUERIES``, rounded
    up; 1. ``pool``: leaf tokens as a tile sees them; ``spread``: what tiles tell their leaves. Blocks: leaves.
    ``read``, ``contexts``: what leaves tell their tiles, for the tokens and as context. Blocks: tiles. ``couplings``:
    A's entries between strips. Blocks: ``slots``.
    """
    module = module_name("transformer_exchange", shape, size.width, size.rank)
    constants = {"D": size.width, "TOKENS": size.rank, "POOL": size.pool, "ROWS": QUERIES}

    def kernel(name: str, text: str, into: bool = False, **arguments: object) -> wp.Kernel:
        return block_kernel(module, name, body(f"transformer/{text}", shape=shape, INTO=into, **constants), **arguments)

    strips = dict.fromkeys(("order", "row", "column", "size", "column_size"), I32)
    told = {"by_row": F32, "by_column": F32}
    read = {**strips, "pooled": F32, **told, "first": F32, "second": F32, "y": F32}
    counts = {"slots": wp.int32, "count": wp.int32, "most": wp.int32}
    among = {"source": I32, "target": I32, "weight": F32, "scaled": F32}
    return SimpleNamespace(
        message=kernel("message", "message", leaves=wp.int32, across=I32, scaled=F32, h=F32, more=F32),
        sums=kernel("column_sums", "column_sums", rows=wp.int32, x=F32, sums=F32),
        means=kernel("column_means", "column_means", blocks=wp.int32, count=wp.int32, sums=F32, mean=F32),
        pool=kernel("pool", "pool", x=F32, pooled=F32),
        spread=kernel("spread", "spread", first=I32, tile=I32, y=F32, **told),
        read=kernel("read", "read", True, **read),
        contexts=kernel("read_contexts", "read", False, **read),
        couplings=kernel("couplings", "couplings", **counts, **among, entries=F32),
    )


@functools.cache
def factors(shape: Shape, S: type, rank: int) -> SimpleNamespace:
    """``extents``, then ``store`` and ``cores``: M's factors in type ``S``. Blocks: leaves, leaves, tiles."""
    module = module_name("transformer_factors", shape, S, rank)
    constants = {"shape": shape, "S": S, "RANK": rank, "FLUID": FLUID}
    given = {"leaves": wp.int32, "fluid": U8, "scaled": F32, "raw": F32, "heads": F32, "extents": F64}

    def kernel(name: str, *texts: str, **arguments: object) -> wp.Kernel:
        text = body("common/largest", "transformer/pairs", *(f"transformer/{text}" for text in texts), **constants)
        return block_kernel(module, name, text, **arguments)

    stored = array(S)
    cores = {"leaves": wp.int32, "extents": F64, "left": F32, "right": F32, "cores": stored}
    return SimpleNamespace(
        extents=kernel("extents", "factors", "extents", **given),
        store=kernel("store", "factors", "scales", "store", **given, blocks=stored, basis=stored),
        cores=kernel("store_cores", "scales", "store_cores", **cores),
    )
