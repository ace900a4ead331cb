// How many of its functions each node keeps, one block for all: the `constant` first ones, and those worth at least t, t as
// small as `limit` functions in all allow. Bisection over the bits of t, ordered as positive numbers are: exact, and of
// equally good functions all or none are kept. worth [nodes, MOST] falls along a node; what is worth nothing is never kept.
// Then the numbering of rows, the columns each one reaches, and where they are stored, lowest[b] being the first node whose
// columns the rows of b and of later nodes have, highest[b] the last one whose rows have the columns of b. `touched` are nodes
// that changed or have another rank than before, `moved` those that are touched or whose rows are others or elsewhere.
union Bits {
    unsigned long long bits;
    double number;
};
double stale = 0.0;
for (int b = lane; b < nodes; b += lanes) {
    stale += changed.data[b];
    touched.data[b] = moved.data[b] = changed.data[b];
}
if (block_sum(stale) == 0.0) return;                                   // then every rank stays what it is
auto kept = [&](int b, double t) {
    int count = constant.data[b];
    for (int f = 0; f < MOST; ++f) count += f >= constant.data[b] && worth.data[b * MOST + f] >= t;
    return count;
};
Bits low, high;                                                        // the answer is above low, and not above high
low.bits = 0;
high.number = 1.0 / 0.0;
++high.bits;                                                           // beyond infinity: not a number, keeps constants alone
while (high.bits - low.bits > 1) {
    Bits middle;
    middle.bits = low.bits + (high.bits - low.bits) / 2;
    double total = 0.0;
    for (int b = lane; b < nodes; b += lanes) total += kept(b, middle.number);
    total = block_sum(total);
    (total > limit ? low : high) = middle;
    if (total == limit) break;
}
for (int b = lane; b < nodes; b += lanes) {
    const int count = kept(b, high.number);
    touched.data[b] |= count != rank.data[b];
    rank.data[b] = count;
}
HP_SYNC;
// What is numbered before a node, of what there is size(b) on each.
HP_SHARED long long sums[LANES];
const int share = (nodes + lanes - 1) / lanes;
const int from = lane * share < nodes ? lane * share : nodes, to = from + share < nodes ? from + share : nodes;
auto number = [&](auto size, auto store) {
    sums[lane] = 0;
    for (int b = from; b < to; ++b) sums[lane] += size(b);
    HP_SYNC;
    long long place = 0;
    for (int other = 0; other < lane; ++other) place += sums[other];
    for (int b = from; b < to; ++b) {
        const long long next = place + size(b);
        store(b, place, next);
        place = next;
    }
    HP_SYNC;
};
number([&](int b) { return rank.data[b]; }, [&](int b, long long place, long long next) {
    moved.data[b] = touched.data[b] || first.data[b] != place;
    first.data[b] = place;
    if (b == nodes - 1) first.data[nodes] = next;
});
auto left = [&](int b) { return first.data[b] - first.data[lowest.data[b]]; };        // columns of b's rows before its own
number([&](int b) { return rank.data[b] * left(b) + rank.data[b] * (rank.data[b] + 1) / 2; },
       [&](int b, long long place, long long) {
    for (int f = 0; f < rank.data[b]; ++f) {
        const int q = first.data[b] + f, begins = first.data[lowest.data[b]];
        const long long zero = place + f * left(b) + f * (f + 1) / 2 - begins;
        moved.data[b] |= begin.data[q] != begins || at.data[q] != zero;
        unknown.data[q] = b * MOST + f;
        begin.data[q] = begins;
        until.data[q] = first.data[highest.data[b] + 1];
        at.data[q] = zero;
    }
});
