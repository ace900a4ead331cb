"""The solver's scalars on the device: what each entry of the two small state arrays means.

``state`` is fp64, ``counter`` int32. Squares are of vectors scaled so that ||b|| = 1, hence relative. The norm that
counts is the 2-norm or the largest entry (``Solver(norm=...)``).
"""

RZ = 0  # r.z of the current iterate
BETA = 1  # r.z over the previous r.z
RR = 2  # true r.r, at the last check
BEST = 3  # true r.r of the best iterate
START = 4  # true r.r at the start of this cycle
TARGET = 5  # r.r at which the cycle ends and the true residual is checked
TOLERANCE = 6  # squared, of this frame: what the norm that counts has to fall to
RHS_NORM = 7  # ||b|| after projection, in the caller's units
SCALE = 8  # 1 / ||b||, or 0
REDUCTION = 9  # squared: the most that one cycle asks of the recurrence
FLOOR = 10  # r.r that rounding alone leaves at the best iterate
LOWEST = 11  # smallest r.r of the recurrence in this cycle
LEVEL = 12  # r.r that the recurrence has kept since LEVEL_AT
RELATIVE = 13  # tolerance asked for, relative to ||b||, not squared
ABSOLUTE = 14  # tolerance asked for, in the caller's units, not squared
NORM = 15  # square of the norm that counts, of the best iterate
RHS_MEASURE = 16  # square of the same norm of b
LAST_FLOOR = 17  # r.r that rounding alone leaves at the iterate that was judged last
WAY = 18  # share of the digits asked that the chosen preconditioner has to win in EARLY iterations
SPOILED = 19  # r.r that rounding alone left at the chosen preconditioner's last iterate, if it gave way in this frame
STATE_SIZE = 20

STATUS = 0
ITERATION = 1  # of the last frame, until ``begin`` of the next; NOT_A_FRAME after a run that only loads kernels
MAX_ITERATIONS = 2
CYCLE = 3
IMPROVED = 4  # 1: the last check found the best iterate so far
FALLBACK = 5  # 1: the fallback preconditioner was needed
LOWEST_AT = 6  # iteration of LOWEST
LEVEL_AT = 7  # iteration of LEVEL
FIRST_LIMIT = 8  # iterations of the chosen preconditioner, before its fallback is tried
LIMIT = 9  # iterations until the preconditioner at work is given up: FIRST_LIMIT, then MAX_ITERATIONS
PAUSE = 10  # frames to come that the fallback begins, after the chosen preconditioner gave way to it
LAST_PAUSE = 11  # how many frames the last pause had
EARLY = 12  # iterations after which the chosen preconditioner is given up if it has come nowhere (WAY); 0: it never is
COUNTER_SIZE = 13
NOT_A_FRAME = -1

# Status codes; hpsolver.info.Status gives each its sentence.
RUNNING = 0
CONVERGED = 1
ITERATION_LIMIT = 2
STAGNATED = 3
BREAKDOWN_OPERATOR = 4
BREAKDOWN_PRECONDITIONER = 5
NONFINITE_RHS = 6
BAD_DENSITY = 7
NONFINITE_STATE = 8
