// Face conductances, conductances to p = 0 through open sides and surfaces (`leak`), and the diagonal of A.
//
// Kinds of cells: 0 solid or padding, 1 fluid, 2 air, 3 fluid of which `phi` is unusable. Towards air p = 0 where the
// signed distance `phi`, negative in the fluid and growing, is zero on the line between the two centres (Gibou, Fedkiw,
// Cheng and Kang, J. Comput. Phys. 176, 2002); `phi` = 0 in air puts the surface at the centre of the air cell.
constexpr double AT_WALL = 0.0, AT_OPEN = -1.0, AT_AIR = -2.0;
constexpr double NEAREST = 1e-3;                              // least distance of the surface, as a share of a cell
const int n = leaves * L;
const double scale[3] = {scale_x, scale_y, scale_z};          // 1 / h^2 per axis
const double* __restrict__ rho = density.data;
const unsigned char* __restrict__ kind = kinds.data;
double* __restrict__ to_conductance = conductance.data;
double* __restrict__ to_diagonal = diagonal.data;
double* __restrict__ to_leak = leak.data;
double bad[ACCUMULATORS] = {};
// rho, or 1 / rho, which the harmonic rule averages; read across side d of brick b (d = -1: in the brick itself). Read
// whether it counts or not, so that the loop is a vector.
auto value = [&](int b, int i, int d) -> double {
    if (d >= 0 && side.data[b * DIRECTIONS + d] != 0) return side.data[b * DIRECTIONS + d] == 2 ? AT_OPEN : AT_WALL;
    const double value = HARMONIC ? 1.0 / rho[i] : rho[i];
    if (AIR && kind[i] == 2) return AT_AIR - phi.data[i];
    return kind[i] == 1 && (!HARMONIC || rho[i] > 0.0) ? value : AT_WALL;
};
auto has_open_side = [&](int b) {
    bool found = false;
    for (int d = 0; d < DIRECTIONS; ++d) found = found || side.data[b * DIRECTIONS + d] == 2;
    return found;
};
// V rows of A from i on. own[V]: their values; across_of(d, v): the value across face d of row i + v.
constexpr int V = HP_ROW_LENGTH;
auto assemble = [&](int i, bool leaky, const double (&own)[V], auto across_of) {
    double sum[V] = {};
    bool valid[V];
#pragma unroll 1
    for (int v = 0; v < V; ++v) valid[v] = kind[i + v] == 1 && own[v] > 0.0 && own[v] < 1e300;
    if (SHARES)
        for (int d = 0; d < DIRECTIONS; ++d)
            for (int v = 0; v < V; ++v) {
                const double share = shares.data[d * n + i + v];
                valid[v] = valid[v] && share >= 0.0 && share <= largest;
            }
#pragma unroll 1
    for (int v = 0; v < V; ++v) bad[v % ACCUMULATORS] += (kind[i + v] & 1) && !valid[v] ? 1.0 : 0.0;
#pragma unroll
    for (int d = 0; d < DIRECTIONS; ++d) {
        const double s = scale[2 - d / 2];
        double c[V];
#pragma unroll 1
        for (int v = 0; v < V; ++v) {
            const double across = across_of(d, v);
            const double mean = HARMONIC ? 0.5 * (own[v] + across) : 2.0 / (own[v] + across);
            c[v] = valid[v] && across > 0.0 ? s * mean : 0.0;
            if (SHARES) c[v] *= shares.data[d * n + i + v];
            sum[v] += c[v];
        }
        for (int v = 0; v < V; ++v) to_conductance[d * n + i + v] = c[v];
    }
    if (leaky) {
        double out[V] = {};
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const double s = scale[2 - d / 2];
            for (int v = 0; v < V; ++v) {
                const double across = across_of(d, v), share = SHARES ? shares.data[d * n + i + v] : 1.0;
                const double one = share * (HARMONIC ? s * own[v] : s / own[v]);
                double distance = 0.5;                    // to p = 0, in cells
                if (AIR && across <= AT_AIR) {
                    const double near = phi.data[i + v] / (phi.data[i + v] - (AT_AIR - across));
                    distance = near > NEAREST ? near : NEAREST;
                }
                out[v] += valid[v] && (across == AT_OPEN || (AIR && across <= AT_AIR)) ? one / distance : 0.0;
            }
        }
        for (int v = 0; v < V; ++v) to_leak[i + v] = out[v];
        for (int v = 0; v < V; ++v) sum[v] += out[v];
    } else if (AIR) {                           // without AIR, leaves without an open side keep leak = 0
        for (int v = 0; v < V; ++v) to_leak[i + v] = 0.0;
    }
    // Padding, air, solid and isolated cells: identity.
#pragma unroll 1
    for (int v = 0; v < V; ++v) to_diagonal[i + v] = valid[v] && sum[v] > 0.0 ? sum[v] : 1.0;
};
#if defined(__CUDA_ARCH__)
HP_SLOT_ROWS(b, leaves) {
    const int i = b * L + l;
    const double own[V] = {value(b, i, -1)};
    assemble(i, AIR || has_open_side(b), own, [&](int d, int) -> double {
        const Across beyond = across_face(b, i, x, y, z, d);
        return value(b, beyond.cell, beyond.outside ? d : -1);
    });
}
#else
HP_SHARED double tile[TILE];
clear_tile(tile);
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int d) -> double { return value(b, i, d); });
    bool leaky = has_open_side(b);
    if (AIR) {
        double lowest[ACCUMULATORS] = {};
        for (int t = 0; t < TILE; t += ACCUMULATORS)
            for (int a = 0; a < ACCUMULATORS; ++a)
                if (t + a < TILE) lowest[a] = tile[t + a] < lowest[a] ? tile[t + a] : lowest[a];
        leaky = lane_sum(lowest) < 0.0;
    }
    HP_ROWS {
        const int h = at(x, y, z);
        double own[V];
        for (int v = 0; v < V; ++v) own[v] = tile[h + v];
        assemble(b * L + l, leaky, own, [&](int d, int v) -> double {
            return tile[h + (d % 2 ? 1 : -1) * STRIDE[2 - d / 2] + v];
        });
    }
}
#endif
const double total = block_sum(lane_sum(bad));
if (lane == 0) bad_cells.data[slot] = total;
