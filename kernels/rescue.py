"""The decisions on the fallback, taken on the device: when it takes over, and how long it stays. One thread each."""

import warp as wp

from . import state as S
from .control import LIMIT, ZERO, above_tolerance, near_floor

WASTED = wp.constant(3)
"""Iterations in vain for which the chosen preconditioner pauses one frame."""
LONGEST_PAUSE = wp.constant(256)
HEALTHY = wp.constant(10)
"""Iterations without a breakdown that only a working preconditioner reaches."""


@wp.func
def spoiled(state: wp.array[wp.float64], counter: wp.array[wp.int32]) -> bool:
    """Rounding alone leaves more than the tolerance, at the best iterate; or at the last one, if p.Ap <= 0 ended
    healthy iterations. A is positive definite, so that is rounding too."""
    left = ZERO
    if counter[S.STATUS] == S.STAGNATED:
        left = state[S.FLOOR]
    if counter[S.STATUS] == S.BREAKDOWN_OPERATOR and counter[S.ITERATION] >= HEALTHY:
        left = state[S.LAST_FLOOR]
    return above_tolerance(left, state)


@wp.kernel(enable_backward=False)
def choose(counter: wp.array[wp.int32], first: wp.array[wp.int32]):
    """first [1]: whether the chosen preconditioner is renewed in this frame; it is not while it pauses. One thread."""
    first[0] = 0
    if counter[S.PAUSE] == 0:
        first[0] = 1


@wp.kernel(enable_backward=False)
def pass_on(counter: wp.array[wp.int32], outer: wp.array[wp.int32], rescue: wp.array[wp.int32]):
    """While the chosen preconditioner pauses, the fallback begins. One thread."""
    if counter[S.PAUSE] > 0:
        counter[S.PAUSE] = counter[S.PAUSE] - 1
        rescue[0] = outer[0]
        outer[0] = 0


@wp.kernel(enable_backward=False)
def arm_fallback(
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    rescue: wp.array[wp.int32],
    remembers: wp.int32,
):
    """After the loop: asks for the fallback if the preconditioner failed, or was too slow. One thread.

    A residual that stopped falling is the preconditioner's failure only if rounding does not explain it. If
    ``remembers``, the fallback begins the next frames too: more of them, the more often it was needed in a row. If not,
    it is a diagonal, which is not tried where rounding alone leaves more than the tolerance.
    """
    if rescue[0] == 0:
        if remembers == 0 and spoiled(state, counter):
            counter[S.STATUS] = S.STAGNATED
            return
        status = counter[S.STATUS]
        failed = status == S.BREAKDOWN_PRECONDITIONER or status == S.BREAKDOWN_OPERATOR or status == S.NONFINITE_STATE
        if (status == S.STAGNATED or status == S.ITERATION_LIMIT) and not near_floor(state):
            failed = True
        if failed and counter[S.ITERATION] < counter[S.MAX_ITERATIONS]:
            rescue[0] = 1
            state[S.SPOILED] = state[S.LAST_FLOOR]
            if remembers != 0:
                first_pause = wp.max(counter[S.ITERATION] / WASTED, 1)
                counter[S.LAST_PAUSE] = wp.min(wp.max(2 * counter[S.LAST_PAUSE], first_pause), LONGEST_PAUSE)
                counter[S.PAUSE] = counter[S.LAST_PAUSE]
        elif status == S.ITERATION_LIMIT and counter[S.ITERATION] < counter[S.MAX_ITERATIONS]:
            counter[S.STATUS] = S.STAGNATED  # more iterations would not help
        elif counter[S.ITERATION] > 0 and status == S.CONVERGED:
            counter[S.LAST_PAUSE] = 0


@wp.kernel(enable_backward=False)
def start_fallback(
    state: wp.array[wp.float64],
    counter: wp.array[wp.int32],
    outer: wp.array[wp.int32],
    rescue: wp.array[wp.int32],
):
    """Opens the loop once more, from the best iterate. One thread."""
    if rescue[0] != 0:
        counter[S.STATUS] = S.RUNNING
        counter[S.FALLBACK] = 1
        counter[S.LIMIT] = counter[S.MAX_ITERATIONS]
        state[S.START] = LIMIT
        outer[0] = 1
        rescue[0] = 0
