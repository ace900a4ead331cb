// Face conductances, what leaves through open sides and surfaces, and the diagonal of A, brick by brick (design: section 2).
//
// A cell is solid or padding, 0, fluid, 1, or air, 2: there p = 0, at the cell's centre or, of a signed distance `phi` that
// grows from negative in the fluid through zero at the surface, where that is zero on the line between the two centres
// (Gibou, Fedkiw, Cheng and Kang, J. Comput. Phys. 176, 2002).
constexpr double AT_WALL = 0.0, AT_OPEN = -1.0, AT_AIR = -2.0;
constexpr double NEAREST = 1e-3;                              // of the surface, as a share of the distance of two centres
HP_SHARED double tile[TILE];
clear_tile(tile);
const int n = leaves * L;
const double scale[3] = {scale_x, scale_y, scale_z};          // 1 / h^2 per axis
const double* __restrict__ rho = density.data;
const unsigned char* __restrict__ kind = kinds.data;
double* __restrict__ to_conductance = conductance.data;
double* __restrict__ to_diagonal = diagonal.data;
double* __restrict__ to_leak = leak.data;
double bad[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    // rho, or 1 / rho: the harmonic rule averages that. Read whether it counts or not, or it would not be a vector.
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int d) -> double {
        if (d >= 0 && side.data[b * DIRECTIONS + d] != 0) return side.data[b * DIRECTIONS + d] == 2 ? AT_OPEN : AT_WALL;
        const double value = HARMONIC ? 1.0 / rho[i] : rho[i];
        if (AIR && kind[i] == 2) return AT_AIR - phi.data[i];
        return kind[i] && (!HARMONIC || rho[i] > 0.0) ? value : AT_WALL;
    });
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l;
        double own[V], sum[V] = {}, out[V] = {};
        bool valid[V];
        for (int v = 0; v < V; ++v) own[v] = tile[h + v];
#pragma unroll 1
        for (int v = 0; v < V; ++v) valid[v] = kind[i + v] == 1 && own[v] > 0.0 && own[v] < 1e300;
        if (AIR)
            for (int v = 0; v < V; ++v) valid[v] = valid[v] && phi.data[i + v] > -1e300;
        if (SHARES)
            for (int d = 0; d < DIRECTIONS; ++d)
                for (int v = 0; v < V; ++v) valid[v] = valid[v] && shares.data[d * n + i + v] >= 0.0 && shares.data[d * n + i + v] <= largest;
#pragma unroll 1
        for (int v = 0; v < V; ++v) bad[v % ACCUMULATORS] += kind[i + v] == 1 && !valid[v] ? 1.0 : 0.0;
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const int step = (d % 2 ? 1 : -1) * STRIDE[2 - d / 2];
            double s[V], c[V];
            for (int v = 0; v < V; ++v) s[v] = scale[2 - d / 2] * (SHARES ? shares.data[d * n + i + v] : 1.0);
#pragma unroll 1
            for (int v = 0; v < V; ++v) {
                const double across = tile[h + step + v], mine = HARMONIC ? own[v] : 1.0 / own[v];
                const double mean = HARMONIC ? 0.5 * (own[v] + across) : 2.0 / (own[v] + across);
                c[v] = valid[v] && across > 0.0 ? s[v] * mean : 0.0;
                sum[v] += c[v];
                out[v] += valid[v] && across == AT_OPEN ? 2.0 * s[v] * mine : 0.0;
                if (AIR) {
                    const double near = phi.data[i + v] / (phi.data[i + v] - (AT_AIR - across));
                    out[v] += valid[v] && across <= AT_AIR ? s[v] * mine / (near > NEAREST ? near : NEAREST) : 0.0;
                }
            }
            for (int v = 0; v < V; ++v) to_conductance[d * n + i + v] = c[v];
        }
        // Padding, air, solid and isolated cells: identity.
#pragma unroll 1
        for (int v = 0; v < V; ++v) {
            to_leak[i + v] = out[v];
            to_diagonal[i + v] = valid[v] && sum[v] + out[v] > 0.0 ? sum[v] + out[v] : 1.0;
        }
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
const double total = block_sum(lane_sum(bad));
if (lane == 0) bad_cells.data[slot] = total;
