"""The decisions of PCG, taken on the device: start, step, check, restart.

Each kernel that decides is one block; every lane adds the partial sums, lane 0 decides. Comparisons are written so that
a NaN fails them, and non-finite values are dealt with before any other question.
"""

import warp as wp

from . import state as S
from .building import array, body

F64, I32 = array(wp.float64), array(wp.int32)

LIMIT = wp.constant(wp.float64(1.0e300))
UNREACHED = wp.constant(wp.float64(1.0e140))
TINY = wp.constant(wp.float64(1.0e-300))
SAFETY = wp.constant(wp.float64(0.98))
PROGRESS = wp.constant(wp.float64(0.25))
FAIR = wp.constant(wp.float64(0.2))
UNIT_ROUNDOFF = wp.constant(wp.float64(2.0**-53))
NEAR_FLOOR = wp.constant(wp.float64(256.0**2))
DEEP = wp.constant(wp.float64(1.0e-8))
GROWN = wp.constant(wp.float64(1.0e6))
STILL = wp.constant(wp.float64(2.0**-40))
PATIENCE = wp.constant(50)
SUNK = wp.constant(10)
ZERO = wp.constant(wp.float64(0.0))


@wp.func_native(body() + "\nreturn array_sum(values.data, n);")
def slot_sum(values: wp.array[wp.float64], n: wp.int32) -> wp.float64: ...


@wp.func_native(body("common/largest") + "\nreturn array_max(values.data, n);")
def slot_max(values: wp.array[wp.float64], n: wp.int32) -> wp.float64: ...


@wp.func
def finite(value: wp.float64) -> bool:
    return value >= -LIMIT and value <= LIMIT


@wp.func
def near_floor(state: wp.array[wp.float64]) -> bool:
    """The best iterate is about as good as double precision allows."""
    return state[S.BEST] <= NEAR_FLOOR * state[S.FLOOR]


@wp.func
def above_tolerance(rr: wp.float64, state: wp.array[wp.float64]) -> bool:
    """Such a squared residual, relative to b in the 2-norm, is more than the tolerance allows."""
    return rr * state[S.RHS_MEASURE] > state[S.TOLERANCE]


@wp.func
def hopeless(state: wp.array[wp.float64], counter: wp.array[wp.int32]) -> bool:
    """The first cycle has come less than ``state.WAY``, counted in digits, when it should have (``state.EARLY``)."""
    if counter[S.ITERATION] != counter[S.EARLY] or counter[S.CYCLE] > 1 or counter[S.FALLBACK] != 0:
        return False
    way = state[S.TOLERANCE] / state[S.RHS_MEASURE] / state[S.START]
    return state[S.LOWEST] > state[S.START] * wp.pow(way, state[S.WAY])


@wp.kernel(enable_backward=False)
def begin(
    bb_slots: wp.array[wp.float64],
    bad_cells: wp.array[wp.float64],
    largest_slots: wp.array[wp.float64],
    by_largest: wp.int32,
    slots: wp.int32,
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    outer: wp.array[wp.int32],
    inner: wp.array[wp.int32],
    rescue: wp.array[wp.int32],
):
    """Starts a frame: judges the inputs, sets the scale 1 / ||b|| and the tolerance; ``by_largest``: the norm is the
    largest entry."""
    _block, lane = wp.tid()
    bb = slot_sum(bb_slots, slots)
    bad = slot_sum(bad_cells, slots)
    largest = slot_max(largest_slots, slots)
    if lane == 0:
        counter[S.ITERATION] = 0
        counter[S.CYCLE] = 0
        counter[S.FALLBACK] = 0
        counter[S.LIMIT] = counter[S.FIRST_LIMIT]
        state[S.START] = LIMIT
        state[S.BEST] = LIMIT
        state[S.SPOILED] = ZERO
        state[S.NORM] = LIMIT
        state[S.RR] = ZERO
        state[S.RHS_NORM] = wp.sqrt(bb)
        state[S.SCALE] = ZERO
        inner[0] = 0
        outer[0] = 0
        rescue[0] = 0
        if not finite(bb):
            counter[S.STATUS] = S.NONFINITE_RHS
        elif bad > ZERO:
            counter[S.STATUS] = S.BAD_DENSITY
        elif bb < TINY:
            counter[S.STATUS] = S.CONVERGED
        else:
            counter[S.STATUS] = S.RUNNING
            scale = wp.float64(1.0) / wp.sqrt(bb)
            measure = wp.float64(1.0)
            if by_largest != 0:
                measure = largest * scale * (largest * scale)
            absolute = wp.min(state[S.ABSOLUTE] * scale, UNREACHED)
            state[S.SCALE] = scale
            state[S.RHS_MEASURE] = measure
            state[S.TOLERANCE] = wp.max(state[S.RELATIVE] * state[S.RELATIVE] * measure, absolute * absolute)
            outer[0] = 1


@wp.kernel(enable_backward=False)
def check(
    rr_slots: wp.array[wp.float64],
    terms_slots: wp.array[wp.float64],
    largest_slots: wp.array[wp.float64],
    by_largest: wp.int32,
    slots: wp.int32,
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    outer: wp.array[wp.int32],
):
    """Judges the TRUE residual: converged, out of iterations, stuck, or another cycle."""
    _block, lane = wp.tid()
    rr = slot_sum(rr_slots, slots)
    terms = slot_sum(terms_slots, slots)
    largest = slot_max(largest_slots, slots)
    if lane == 0 and outer[0] != 0:
        counter[S.IMPROVED] = 0
        if not finite(rr):
            counter[S.STATUS] = S.NONFINITE_STATE
            outer[0] = 0
        else:
            state[S.RR] = rr
            state[S.LAST_FLOOR] = UNIT_ROUNDOFF * UNIT_ROUNDOFF * terms
            norm = rr
            if by_largest != 0:
                norm = largest * largest
            if norm < state[S.NORM]:
                state[S.NORM] = norm
                state[S.BEST] = rr
                state[S.FLOOR] = state[S.LAST_FLOOR]
                counter[S.IMPROVED] = 1
            # One cycle that starts near the floor is worth its time, a second one is not.
            stuck = rr > PROGRESS * state[S.START] or state[S.START] <= NEAR_FLOOR * state[S.FLOOR]
            if norm <= state[S.TOLERANCE]:
                counter[S.STATUS] = S.CONVERGED
                outer[0] = 0
            elif counter[S.ITERATION] >= counter[S.LIMIT]:
                counter[S.STATUS] = S.ITERATION_LIMIT
                outer[0] = 0
            elif stuck:
                # A breakdown near the floor, or p.Ap <= 0 after cycles that made progress, comes from rounding.
                late = counter[S.STATUS] == S.BREAKDOWN_OPERATOR and counter[S.CYCLE] > 1
                if counter[S.STATUS] == S.RUNNING or late or near_floor(state):
                    counter[S.STATUS] = S.STAGNATED
                outer[0] = 0
            else:
                counter[S.STATUS] = S.RUNNING
                counter[S.CYCLE] = counter[S.CYCLE] + 1
                state[S.START] = rr
                target = SAFETY * state[S.TOLERANCE]
                if by_largest != 0:
                    # The recurrence knows only the 2-norm: assume the largest entry falls with it; ask for a fair step.
                    target = wp.min(target / norm, FAIR) * rr
                state[S.TARGET] = wp.max(target, state[S.REDUCTION] * rr)


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
        state[S.RZ] = rz
        state[S.BETA] = ZERO
        state[S.LOWEST] = state[S.START]
        counter[S.LOWEST_AT] = counter[S.ITERATION]
        state[S.LEVEL] = state[S.START]
        counter[S.LEVEL_AT] = counter[S.ITERATION]
        inner[0] = 0
        if not finite(rz):
            counter[S.STATUS] = S.NONFINITE_STATE
        elif rz <= ZERO:
            counter[S.STATUS] = S.BREAKDOWN_PRECONDITIONER
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
        counter[S.ITERATION] = counter[S.ITERATION] + 1
        inner[0] = 0
        if rr < state[S.LOWEST]:
            state[S.LOWEST] = rr
            counter[S.LOWEST_AT] = counter[S.ITERATION]
        if wp.abs(rr - state[S.LEVEL]) > STILL * rr:
            state[S.LEVEL] = rr
            counter[S.LEVEL_AT] = counter[S.ITERATION]
        # Steps too small to alter r.r may go on for ever without a breakdown: r.z > 0 by rounding alone, or M singular.
        # On a plateau of a healthy recurrence r.r still moves, in all we measured by 1e-6 or more in each iteration.
        still = counter[S.ITERATION] - counter[S.LEVEL_AT] > PATIENCE
        # Rounding has taken over when r.r, once small, grows a millionfold or falls no further: a check is due.
        waited = counter[S.ITERATION] - counter[S.LOWEST_AT]
        adrift = rr > GROWN * state[S.LOWEST] or waited > wp.max(PATIENCE, counter[S.ITERATION] / 2)
        spoiled = counter[S.FALLBACK] != 0 and above_tolerance(state[S.SPOILED], state)
        lost = adrift and (state[S.LOWEST] < DEEP * state[S.START] or near_floor(state) or spoiled)
        # Below what rounding leaves of the true residual the recurrence means nothing, unless it still falls.
        sunk = state[S.LOWEST] <= state[S.LAST_FLOOR] and waited > SUNK
        if hopeless(state, counter):
            counter[S.LIMIT] = counter[S.ITERATION]
        if not finite(pq) or not finite(rr) or not finite(rz):
            counter[S.STATUS] = S.NONFINITE_STATE
        elif pq <= ZERO:
            counter[S.STATUS] = S.BREAKDOWN_OPERATOR
        elif rr > state[S.TARGET]:
            if rz <= ZERO:
                counter[S.STATUS] = S.BREAKDOWN_PRECONDITIONER
            elif counter[S.ITERATION] < counter[S.LIMIT] and not lost and not sunk and not still:
                state[S.BETA] = rz / state[S.RZ]
                state[S.RZ] = rz
                inner[0] = 1


@wp.kernel(enable_backward=False)
def add_up(sums_slots: wp.array[wp.float64], slots: wp.int32, total: wp.array[wp.float64]):
    """total [1] = what the slots add up to."""
    _block, lane = wp.tid()
    value = slot_sum(sums_slots, slots)
    if lane == 0:
        total[0] = value


@wp.kernel(enable_backward=False)
def no_frame(counter: wp.array[wp.int32]):
    """Marks the last count of iterations as not a frame's: it came from a run that only loads kernels. One thread."""
    counter[S.ITERATION] = S.NOT_A_FRAME
