// The constant of one brick of nodes: `weight`, its coefficients sqrt(cells) in the nodes' functions; the brick's start
// functions, `smooth` times these; and the number of its cells.
constexpr int P = L / R;
const int b = slot;
double sum[ACCUMULATORS] = {};
for (int u = lane; u < L; u += lanes) {
    const int node = nodes.data[b * P + u / R];
    const double mine = node >= 0 ? cells.data[node * R + u % R] : 0.0;
    weight.data[b * L + u] = sqrt(mine);
    sum[u % ACCUMULATORS] += mine;
}
const double total = block_sum(lane_sum(sum));      // its barriers: the weights are written; all lanes read them
for (int t = lane; t < count * L; t += lanes) start.data[b * (R2 - 1) * L + t] = static_cast<float>(smooth.data[t] * weight.data[b * L + t % L]);
for (int f = lane; f < R2; f += lanes) brick_cells.data[b * R2 + f] = f == 0 ? total : 0.0;
