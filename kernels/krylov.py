"""The vector kernels of preconditioned conjugate gradients.

All vectors have N = leaves * L entries in brick order. A reduction leaves one partial sum per *slot* (block); the
next kernel that needs the sum adds the slots in a fixed order, so results repeat bit for bit. T is the type of the
Krylov vectors; the iterate x and the right-hand side stay in double precision.

Notation: r residual, z = M r, p search direction, q = A p (Saad, Iterative Methods for Sparse Linear Systems, 9.1).
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name
from .state import BETA, ITERATION, RZ

F64 = array(wp.float64)
I32 = array(wp.int32)


@functools.cache
def krylov(shape: Shape, T: type) -> SimpleNamespace:
    """Blocks: ``slots`` for every kernel here.

    ``direction``: p = z + beta p_old, q = A p, p.q. p is p_odd and p_old p_even in an even iteration, else vice versa.
    ``advance``: x += alpha p, r -= alpha q, r.r; a no-op unless ``active`` and alpha > 0.
    ``advance_scaled``: ``advance`` and ``scale`` in one pass over the residual.
    ``residual``: r = b - A x in double precision, r.r, and the squared size of the terms that r is made of.
    ``from_zero``: the same for x = 0.
    ``scale``: z = r * weight, r.z (Jacobi and the identity).
    ``dot``: u.v.
    ``largest``: the largest |u|, one per slot.
    """
    module = module_name("krylov", shape, T)
    VEC, products = array(T), ("common/halo", "common/slot_rows", "common/across", "common/products")
    direction = block_kernel(
        module,
        "direction",
        body(*products, "krylov/direction", shape=shape, T=T, Value=T, BETA=BETA, ITERATION=ITERATION),
        slots=wp.int32,
        leaves=wp.int32,
        state=F64,
        counter=I32,
        neighbor=I32,
        used=I32,
        conductance=VEC,
        diagonal=VEC,
        z_=VEC,
        p_even=VEC,
        p_odd=VEC,
        q=VEC,
        pq_slots=F64,
    )
    advancing = {
        "slots": wp.int32,
        "leaves": wp.int32,
        "state": F64,
        "counter": I32,
        "active": I32,
        "pq_slots": F64,
        "p_even": VEC,
        "p_odd": VEC,
        "q": VEC,
        "x_": F64,
        "r": VEC,
        "rr_slots": F64,
    }
    constants = {"shape": shape, "T": T, "RZ": RZ, "ITERATION": ITERATION}
    advance = block_kernel(module, "advance", body("krylov/unscaled", "krylov/advance", **constants), **advancing)
    advance_scaled = block_kernel(
        module,
        "advance_scaled",
        body("krylov/scaled", "krylov/advance", **constants),
        **advancing,
        weight=VEC,
        z_=VEC,
        rz_slots=F64,
    )
    residual = block_kernel(
        module,
        "residual",
        body(*products, "krylov/residual", shape=shape, T=T, Value=wp.float64),
        slots=wp.int32,
        leaves=wp.int32,
        neighbor=I32,
        used=I32,
        conductance=F64,
        diagonal=F64,
        rhs=F64,
        x_=F64,
        r=VEC,
        rr_slots=F64,
        terms_slots=F64,
    )
    from_zero = block_kernel(
        module,
        "from_zero",
        body("krylov/from_zero", shape=shape, T=T),
        slots=wp.int32,
        leaves=wp.int32,
        rhs=F64,
        r=VEC,
        rr_slots=F64,
        terms_slots=F64,
    )
    scale = block_kernel(
        module,
        "scale",
        body("krylov/scaled", "krylov/scale", shape=shape, T=T),
        slots=wp.int32,
        leaves=wp.int32,
        weight=VEC,
        r=VEC,
        z_=VEC,
        rz_slots=F64,
    )
    dot = block_kernel(
        module,
        "dot",
        body("krylov/dot", shape=shape),
        slots=wp.int32,
        leaves=wp.int32,
        u=VEC,
        v_=VEC,
        uv_slots=F64,
    )
    largest = block_kernel(
        module,
        "largest",
        body("common/largest", "krylov/largest", shape=shape),
        slots=wp.int32,
        leaves=wp.int32,
        u=VEC,
        largest_slots=F64,
    )
    return SimpleNamespace(
        direction=direction,
        advance=advance,
        advance_scaled=advance_scaled,
        residual=residual,
        from_zero=from_zero,
        scale=scale,
        dot=dot,
        largest=largest,
    )
