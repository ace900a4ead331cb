// Face conductances and diagonal of A from the density, brick by brick (design: section 2).
constexpr double AT_WALL = 0.0, AT_OPEN = -1.0;
HP_SHARED double tile[TILE];
clear_tile(tile);
const int n = leaves * L;
const double scale[3] = {scale_x, scale_y, scale_z};          // 1 / h^2 per axis
const double* __restrict__ rho = density.data;
const unsigned char* __restrict__ is_fluid = fluid.data;
double* __restrict__ to_conductance = conductance.data;
double* __restrict__ to_diagonal = diagonal.data;
double bad[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    // rho, or 1 / rho: the harmonic rule averages that. Read whether it counts or not, or it would not be a vector.
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int d) -> double {
        if (d >= 0 && side.data[b * DIRECTIONS + d] != 0) return side.data[b * DIRECTIONS + d] == 2 ? AT_OPEN : AT_WALL;
        const double value = HARMONIC ? 1.0 / rho[i] : rho[i];
        return is_fluid[i] && (!HARMONIC || rho[i] > 0.0) ? value : AT_WALL;
    });
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l;
        double own[V], sum[V] = {};
        bool valid[V];
        for (int v = 0; v < V; ++v) own[v] = tile[h + v];
#pragma unroll 1
        for (int v = 0; v < V; ++v) valid[v] = is_fluid[i + v] && own[v] > 0.0 && own[v] < 1e300;
#pragma unroll 1
        for (int v = 0; v < V; ++v) bad[v % ACCUMULATORS] += is_fluid[i + v] && !valid[v] ? 1.0 : 0.0;
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const int step = (d % 2 ? 1 : -1) * STRIDE[2 - d / 2];
            const double s = scale[2 - d / 2];
            double c[V];
#pragma unroll 1
            for (int v = 0; v < V; ++v) {
                const double across = tile[h + step + v];
                const double mean = HARMONIC ? 0.5 * (own[v] + across) : 2.0 / (own[v] + across);
                c[v] = valid[v] && across > 0.0 ? s * mean : 0.0;
                sum[v] += valid[v] && across == AT_OPEN ? (HARMONIC ? 2.0 * s * own[v] : 2.0 * s / own[v]) : c[v];
            }
            for (int v = 0; v < V; ++v) to_conductance[d * n + i + v] = c[v];
        }
        // Padding, solid and isolated cells: identity.
#pragma unroll 1
        for (int v = 0; v < V; ++v) to_diagonal[i + v] = valid[v] && sum[v] > 0.0 ? sum[v] : 1.0;
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
const double total = block_sum(lane_sum(bad));
if (lane == 0) bad_cells.data[slot] = total;
