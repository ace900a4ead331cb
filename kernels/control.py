"""The decisions of the solver, taken on the device: start, step, check, restart.

Each kernel that decides is one block; every lane adds the partial sums, lane 0 decides. Comparisons are written so that
a NaN fails them, and non-finite values are told apart before anything else is asked. The last three go over all cells.
"""

import warp as wp

from . import state as S
from .building import array, block_kernel, body

F64, I32 = array(wp.float64), array(wp.int32)

LIMIT = wp.constant(wp.float64(1.0e300))
TINY = wp.constant(wp.float64(1.0e-300))
SAFETY = wp.constant(wp.float64(0.98))
PROGRESS = wp.constant(wp.float64(0.25))
UNIT_ROUNDOFF = wp.constant(wp.float64(2.0**-53))
NEAR_FLOOR = wp.constant(wp.float64(256.0**2))
DEEP = wp.constant(wp.float64(1.0e-8))
GROWN = wp.constant(wp.float64(1.0e6))
STILL = wp.constant(wp.float64(2.0**-40))
PATIENCE = wp.constant(50)
ZERO = wp.constant(wp.float64(0.0))

RZ = wp.constant(S.RZ)
BETA = wp.constant(S.BETA)
RR = wp.constant(S.RR)
BEST = wp.constant(S.BEST)
START = wp.constant(S.START)
TARGET = wp.constant(S.TARGET)
TOLERANCE = wp.constant(S.TOLERANCE)
RHS_NORM = wp.constant(S.RHS_NORM)
SCALE = wp.constant(S.SCALE)
REDUCTION = wp.constant(S.REDUCTION)
FLOOR = wp.constant(S.FLOOR)
LOWEST = wp.constant(S.LOWEST)
LOWEST_AT = wp.constant(S.LOWEST_AT)
LEVEL = wp.constant(S.LEVEL)
LEVEL_AT = wp.constant(S.LEVEL_AT)
STATUS = wp.constant(S.STATUS)
ITERATION = wp.constant(S.ITERATION)
MAX_ITERATIONS = wp.constant(S.MAX_ITERATIONS)
CYCLE = wp.constant(S.CYCLE)
IMPROVED = wp.constant(S.IMPROVED)
FALLBACK = wp.constant(S.FALLBACK)
RUNNING = wp.constant(S.RUNNING)
CONVERGED = wp.constant(S.CONVERGED)
ITERATION_LIMIT = wp.constant(S.ITERATION_LIMIT)
STAGNATED = wp.constant(S.STAGNATED)
BREAKDOWN_OPERATOR = wp.constant(S.BREAKDOWN_OPERATOR)
BREAKDOWN_PRECONDITIONER = wp.constant(S.BREAKDOWN_PRECONDITIONER)
NONFINITE_RHS = wp.constant(S.NONFINITE_RHS)
BAD_DENSITY = wp.constant(S.BAD_DENSITY)
NONFINITE_STATE = wp.constant(S.NONFINITE_STATE)


@wp.func_native(body() + "\nreturn array_sum(values.data, n);")
def slot_sum(values: wp.array[wp.float64], n: wp.int32) -> wp.float64: ...


@wp.func
def finite(value: wp.float64) -> bool:
    return value >= -LIMIT and value <= LIMIT


@wp.func
def near_floor(state: wp.array[wp.float64]) -> bool:
    """The best iterate is about as good as double precision allows."""
    return state[BEST] <= NEAR_FLOOR * state[FLOOR]


@wp.kernel(enable_backward=False)
def begin(
    bb_slots: wp.array[wp.float64],
    bad_cells: wp.array[wp.float64],
    slots: wp.int32,
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    outer: wp.array[wp.int32],
    inner: wp.array[wp.int32],
    rescue: wp.array[wp.int32],
):
    """Starts a frame: judges the inputs, sets the scale 1 / ||b||."""
    _block, lane = wp.tid()
    bb = slot_sum(bb_slots, slots)
    bad = slot_sum(bad_cells, slots)
    if lane == 0:
        counter[ITERATION] = 0
        counter[CYCLE] = 0
        counter[FALLBACK] = 0
        state[START] = LIMIT
        state[BEST] = LIMIT
        state[RR] = ZERO
        state[RHS_NORM] = wp.sqrt(bb)
        state[SCALE] = ZERO
        inner[0] = 0
        outer[0] = 0
        rescue[0] = 0
        if not finite(bb):
            counter[STATUS] = NONFINITE_RHS
        elif bad > ZERO:
            counter[STATUS] = BAD_DENSITY
        elif bb < TINY:
            counter[STATUS] = CONVERGED
        else:
            counter[STATUS] = RUNNING
            state[SCALE] = wp.float64(1.0) / wp.sqrt(bb)
            outer[0] = 1


@wp.kernel(enable_backward=False)
def check(
    rr_slots: wp.array[wp.float64],
    terms_slots: wp.array[wp.float64],
    slots: wp.int32,
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    outer: wp.array[wp.int32],
):
    """Judges the TRUE residual: converged, out of iterations, stuck, or another cycle."""
    _block, lane = wp.tid()
    rr = slot_sum(rr_slots, slots)
    terms = slot_sum(terms_slots, slots)
    if lane == 0 and outer[0] != 0:
        counter[IMPROVED] = 0
        if not finite(rr):
            counter[STATUS] = NONFINITE_STATE
            outer[0] = 0
        else:
            state[RR] = rr
            if rr < state[BEST]:
                state[BEST] = rr
                state[FLOOR] = UNIT_ROUNDOFF * UNIT_ROUNDOFF * terms
                counter[IMPROVED] = 1
            # One cycle from near the floor is worth its while, not a second.
            stuck = rr > PROGRESS * state[START] or state[START] <= NEAR_FLOOR * state[FLOOR]
            if rr <= state[TOLERANCE]:
                counter[STATUS] = CONVERGED
                outer[0] = 0
            elif counter[ITERATION] >= counter[MAX_ITERATIONS]:
                counter[STATUS] = ITERATION_LIMIT
                outer[0] = 0
            elif stuck:
                # What breaks down near the floor, or p.Ap <= 0 after cycles that made progress, is rounding.
                late = counter[STATUS] == BREAKDOWN_OPERATOR and counter[CYCLE] > 1
                if counter[STATUS] == RUNNING or late or near_floor(state):
                    counter[STATUS] = STAGNATED
                outer[0] = 0
            else:
                counter[STATUS] = RUNNING
                counter[CYCLE] = counter[CYCLE] + 1
                state[START] = rr
                state[TARGET] = wp.max(SAFETY * state[TOLERANCE], state[REDUCTION] * rr)


@wp.kernel(enable_backward=False)
def restart(
    rz_slots: wp.array[wp.float64],
    rz_count: wp.int32,
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    inner: wp.array[wp.int32],
):
    """Starts a cycle from r and z = M r: p = z."""
    _block, lane = wp.tid()
    rz = slot_sum(rz_slots, rz_count)
    if lane == 0:
        state[RZ] = rz
        state[BETA] = ZERO
        state[LOWEST] = state[START]
        counter[LOWEST_AT] = counter[ITERATION]
        state[LEVEL] = state[START]
        counter[LEVEL_AT] = counter[ITERATION]
        inner[0] = 0
        if not finite(rz):
            counter[STATUS] = NONFINITE_STATE
        elif rz <= ZERO:
            counter[STATUS] = BREAKDOWN_PRECONDITIONER
        else:
            inner[0] = 1


@wp.kernel(enable_backward=False)
def step(
    pq_slots: wp.array[wp.float64],
    rr_slots: wp.array[wp.float64],
    slots: wp.int32,
    rz_slots: wp.array[wp.float64],
    rz_count: wp.int32,
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    inner: wp.array[wp.int32],
):
    """Ends an iteration: beta, and whether the cycle goes on."""
    _block, lane = wp.tid()
    pq = slot_sum(pq_slots, slots)
    rr = slot_sum(rr_slots, slots)
    rz = slot_sum(rz_slots, rz_count)
    if lane == 0 and inner[0] != 0:
        counter[ITERATION] = counter[ITERATION] + 1
        inner[0] = 0
        if rr < state[LOWEST]:
            state[LOWEST] = rr
            counter[LOWEST_AT] = counter[ITERATION]
        if wp.abs(rr - state[LEVEL]) > STILL * rr:
            state[LEVEL] = rr
            counter[LEVEL_AT] = counter[ITERATION]
        # Steps too small to alter r.r may go on for ever without a breakdown: r.z > 0 by rounding alone, or M singular.
        # A plateau of a healthy recurrence moves: by 1e-6 or more in each iteration of all that we measured.
        still = counter[ITERATION] - counter[LEVEL_AT] > PATIENCE
        # Rounding has taken over when r.r, once small, grows a millionfold or falls no further: a check is due.
        waited = counter[ITERATION] - counter[LOWEST_AT]
        adrift = rr > GROWN * state[LOWEST] or waited > wp.max(PATIENCE, counter[ITERATION] / 2)
        lost = adrift and (state[LOWEST] < DEEP * state[START] or near_floor(state))
        if not finite(pq) or not finite(rr) or not finite(rz):
            counter[STATUS] = NONFINITE_STATE
        elif pq <= ZERO:
            counter[STATUS] = BREAKDOWN_OPERATOR
        elif rr > state[TARGET]:
            if rz <= ZERO:
                counter[STATUS] = BREAKDOWN_PRECONDITIONER
            elif counter[ITERATION] < counter[MAX_ITERATIONS] and not lost and not still:
                state[BETA] = rz / state[RZ]
                state[RZ] = rz
                inner[0] = 1


@wp.kernel(enable_backward=False)
def arm_fallback(
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    rescue: wp.array[wp.int32],
):
    """After the loop: asks for the fallback if the preconditioner failed. One thread.

    A residual that stopped falling is the preconditioner's failure only if rounding does not explain it.
    """
    status = counter[STATUS]
    failed = status == BREAKDOWN_PRECONDITIONER or status == BREAKDOWN_OPERATOR or status == NONFINITE_STATE
    if status == STAGNATED and not near_floor(state):
        failed = True
    if failed and counter[ITERATION] < counter[MAX_ITERATIONS]:
        rescue[0] = 1


@wp.kernel(enable_backward=False)
def start_fallback(
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    outer: wp.array[wp.int32],
    rescue: wp.array[wp.int32],
):
    """Opens the loop once more, from the best iterate. One thread."""
    if rescue[0] != 0:
        counter[STATUS] = RUNNING
        counter[FALLBACK] = 1
        state[START] = LIMIT
        outer[0] = 1
        rescue[0] = 0


_PREPARE = """
const double scale = state.data[SCALE];
const double* __restrict__ last = pressure.data;
double* __restrict__ to_b = b.data;
double* __restrict__ to_x = x.data;
double* __restrict__ to_best = x_best.data;
const bool starts = warm_start != 0 && scale > 0.0;
for (int i = slot * lanes + lane; i < n; i += slots * lanes) {
    to_b[i] *= scale > 0.0 ? scale : 1.0;
    to_x[i] = starts ? last[i] * scale : 0.0;
    to_best[i] = 0.0;
}
"""

prepare = block_kernel(
    __name__,
    "prepare",
    body(SCALE=S.SCALE) + _PREPARE,
    slots=wp.int32,
    n=wp.int32,
    state=F64,
    warm_start=wp.int32,
    pressure=F64,
    b=F64,
    x=F64,
    x_best=F64,
)
"""b [n] *= 1 / ||b||; x = 0, or the last pressure in the same units. Blocks: slots."""

_KEEP_BEST = """
const double* __restrict__ from = counter.data[IMPROVED] != 0 ? x.data : x_best.data;
double* __restrict__ to = counter.data[IMPROVED] != 0 ? x_best.data : x.data;
for (int i = slot * lanes + lane; i < n; i += slots * lanes) to[i] = from[i];
"""

keep_best = block_kernel(
    __name__,
    "keep_best",
    body(IMPROVED=S.IMPROVED) + _KEEP_BEST,
    slots=wp.int32,
    n=wp.int32,
    counter=I32,
    x=F64,
    x_best=F64,
)
"""After a check: remembers x [n], or returns to the best iterate when x got worse. Blocks: slots."""

_FINISH = """
const int status = counter.data[STATUS];
const bool bad = status == NONFINITE_RHS || status == BAD_DENSITY;
if (bad && keep_last != 0) return;
const double norm = state.data[RHS_NORM];
const double* __restrict__ from = x.data;
double* __restrict__ to = pressure.data;
for (int i = slot * lanes + lane; i < n; i += slots * lanes) to[i] = bad ? 0.0 : from[i] * norm;
"""

finish = block_kernel(
    __name__,
    "finish",
    body(STATUS=S.STATUS, RHS_NORM=S.RHS_NORM, NONFINITE_RHS=S.NONFINITE_RHS, BAD_DENSITY=S.BAD_DENSITY) + _FINISH,
    slots=wp.int32,
    n=wp.int32,
    state=F64,
    counter=I32,
    keep_last=wp.int32,
    x=F64,
    pressure=F64,
)
"""pressure [n] = ||b|| x; after bad input the last good pressure, or zero. Blocks: slots."""
