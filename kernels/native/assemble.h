// Face conductances and diagonal of A from the density, brick by brick (design: section 2).
constexpr double AT_WALL = 0.0, AT_OPEN = -1.0;
HP_SHARED double tile[TILE];
clear_tile(tile);
const int n = leaves * L;
const double scale[3] = {scale_x, scale_y, scale_z};          // 1 / h^2 per axis
double bad[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int d) -> double {
        if (d >= 0 && side.data[b * DIRECTIONS + d] != 0) return side.data[b * DIRECTIONS + d] == 2 ? AT_OPEN : AT_WALL;
        if (!fluid.data[i]) return AT_WALL;
        const double rho = density.data[i];
        return HARMONIC ? (rho > 0.0 ? 1.0 / rho : AT_WALL) : rho;
    });
    HP_CELLS {
        const int h = at(x, y, z), i = b * L + l;
        const double own = tile[h];                           // rho, or 1 / rho: the harmonic rule averages that
        const bool valid = fluid.data[i] && own > 0.0 && own < 1e300;
        bad[z % ACCUMULATORS] += fluid.data[i] && !valid ? 1.0 : 0.0;
        double sum = 0.0;
        for (int d = 0; d < DIRECTIONS; ++d) {
            const double across = tile[h + (d % 2 ? 1 : -1) * STRIDE[2 - d / 2]], s = scale[2 - d / 2];
            const double mean = HARMONIC ? 0.5 * (own + across) : 2.0 / (own + across);
            const double c = valid && across > 0.0 ? s * mean : 0.0;
            conductance.data[d * n + i] = c;
            sum += valid && across == AT_OPEN ? (HARMONIC ? 2.0 * s * own : 2.0 * s / own) : c;
        }
        diagonal.data[i] = valid && sum > 0.0 ? sum : 1.0;    // padding, solid and isolated cells: identity
    }
    HP_SYNC;
}
const double total = block_sum(lane_sum(bad));
if (lane == 0) bad_cells.data[slot] = total;
