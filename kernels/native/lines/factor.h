// T = L D L^T for the lines of a column of leaves, one line a lane; a column has `length` leaves, in the order of AXIS.
//
// T is the part of A on a line: its diagonal, and the couplings c_i of cell i to the next one. With s_i what couples i to
// anything but its line, the pivots are p_i = o_i + c_i, o_(i+1) = s_(i+1) + o_i c_i / p_i: sums of positive numbers, so
// no digit is lost however weak s is against c. The coupling across the seam of a periodic axis counts as s.
// `ratio` is c_i / p_i, `weight` DAMPING / p_i. A stretch of a line that nothing couples to the rest of the grid is
// singular: both are zero there, which leaves it as it is.
constexpr double DAMPING = 0.8;                     // lines beside each other move at the same time: 1 would not damp
const int n = leaves * L;
const int* column = columns.data + slot * length;
double open[HP_PRIVATE(LINES)];
bool closed[HP_PRIVATE(LINES)];
HP_PER_LANE(t, 0, LINES) open[HP_MINE(t)] = 0.0, closed[HP_MINE(t)] = false;
for (int m = 0; m < length; ++m) {
    const int b = column[m], last = m == length - 1 ? used.data[3 * b + 2 - AXIS] - 1 : CELLS;
    for (int k = 0; k < CELLS; ++k)
        HP_PER_LANE(t, 0, LINES) {
            const int i = b * L + along(t, k);
            double ahead = conductance.data[(2 * AXIS + 1) * n + i], beside = leak.data[i];
#pragma unroll
            for (int d = 0; d < DIRECTIONS; ++d)
                if (d / 2 != AXIS) beside += conductance.data[d * n + i];
            if (m == 0 && k == 0) beside += conductance.data[2 * AXIS * n + i];
            if (k == last) beside += ahead, ahead = 0.0;
            const double left = open[HP_MINE(t)] + beside, pivot = left + ahead;
            ratio.data[i] = pivot > 0.0 ? ahead / pivot : 0.0;
            weight.data[i] = pivot > 0.0 ? DAMPING / pivot : 0.0;
            open[HP_MINE(t)] = left * ratio.data[i];
        }
}
for (int m = length - 1; m >= 0; --m)
    for (int k = CELLS - 1; k >= 0; --k)
        HP_PER_LANE(t, 0, LINES) {
            const int i = column[m] * L + along(t, k);
            closed[HP_MINE(t)] = weight.data[i] == 0.0 || (ratio.data[i] > 0.0 && closed[HP_MINE(t)]);
            if (closed[HP_MINE(t)]) ratio.data[i] = weight.data[i] = 0.0;
        }
