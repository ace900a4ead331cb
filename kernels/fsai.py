"""The kernels around Warp's FSAI factor G: refilling its matrix, and z = G^T G r.

N = leaves * L rows in brick order; the matrix, G and G^T are compressed sparse rows (offsets, columns, values).
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

F64, I32 = array(wp.float64), array(wp.int32)

_FILL = """
for (int i = slot * LANES + lane; i < n; i += slots * LANES) {
    for (int d = 0; d < DIRECTIONS; ++d)
        if (place.data[d * n + i] >= 0) values.data[place.data[d * n + i]] = 0.0;
    for (int d = 0; d < DIRECTIONS; ++d)                      // a periodic axis of two cells: two faces, one entry
        if (place.data[d * n + i] >= 0) values.data[place.data[d * n + i]] -= conductance.data[d * n + i];
    values.data[place.data[DIRECTIONS * n + i]] = diagonal.data[i];
}
"""

_ROW = """
const int* __restrict__ begin = offsets.data;
const int* __restrict__ column = columns.data;
const M* __restrict__ value = values.data;
const T* __restrict__ from_x = x.data;
auto row = [&](int i) -> T {
    T sum = 0;
    for (int e = begin[i]; e < begin[i + 1]; ++e) sum += T(value[e]) * from_x[column[e]];
    return sum;
};
"""

_MULTIPLY = """
for (int i = slot * LANES + lane; i < n; i += slots * LANES) y_.data[i] = row(i);
"""

_MULTIPLY_DOT = """
double product = 0.0;
for (int i = slot * LANES + lane; i < n; i += slots * LANES) {
    const T y = row(i);
    y_.data[i] = y;
    product += double(u.data[i]) * double(y);
}
const double total = block_sum(product);
if (lane == 0) uy_slots.data[slot] = total;
"""


@functools.cache
def fill(shape: Shape) -> wp.Kernel:
    """values = A, entry by entry. Blocks: ``slots``.

    ``place`` [directions + 1, N] is where in values each face's coupling stands, -1 for nowhere, and last the diagonal.
    """
    return block_kernel(
        module_name("fsai_fill", shape),
        "fill",
        body(shape=shape) + _FILL,
        slots=wp.int32,
        n=wp.int32,
        place=I32,
        conductance=F64,
        diagonal=F64,
        values=F64,
    )


@functools.cache
def products(T: type, M: type) -> SimpleNamespace:
    """Blocks: ``slots``.

    ``multiply``: y = matrix x.
    ``multiply_dot``: the same, and u.y.

    Args:
        T: type of the vectors and of the sums.
        M: type of the matrix.
    """

    module = module_name("fsai", T, M)
    matrix = {"slots": wp.int32, "n": wp.int32, "offsets": I32, "columns": I32, "values": array(M)}
    vectors = {"x": array(T), "y_": array(T)}
    dot = {"u": array(T), "uy_slots": F64}
    text = body(T=T, M=M) + _ROW
    return SimpleNamespace(
        multiply=block_kernel(module, "multiply", text + _MULTIPLY, **matrix, **vectors),
        multiply_dot=block_kernel(module, "multiply_dot", text + _MULTIPLY_DOT, **matrix, **vectors, **dot),
    )
