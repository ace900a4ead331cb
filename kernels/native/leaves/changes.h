// changed[leaf] = 1 if a leaf's rows of A differ from the last frame's, else 0. One leaf a block.
//
// Rows are not kept but for two sums a leaf, in `seen` [leaves, 2]: NH, the hash of UMAC (Black et al., CRYPTO 1999), of
// the numbers' two halves, with keys by position. Rows that differ have equal sums in one of 2^32 cases, both in one of
// 2^64. Zero is no sum: it stands for rows not seen yet.
using Word = unsigned long long;
constexpr unsigned GOLDEN = 0x9e3779b9u, OTHER = 0x85ebca6bu;
const int n = leaves * L;
Word first = 0, second = 0;
for (int d = 0; d <= DIRECTIONS; ++d) {
    const double* row = d < DIRECTIONS ? conductance.data + (long long)d * n + slot * L : diagonal.data + slot * L;
    const Word* bits = reinterpret_cast<const Word*>(row);
    for (int l = lane; l < L; l += lanes) {
        const unsigned key = (d * L + l + 1) * GOLDEN, low = unsigned(bits[l]), high = unsigned(bits[l] >> 32);
        const unsigned mixed = (key ^ key >> 15) * OTHER;
        first += Word(low + key) * Word(high + mixed);
        second += Word(low ^ mixed) * Word(high + ~key);
    }
}
// Sums modulo 2^64 over the lanes: halves of 32 bits are added exactly in double precision.
auto whole = [&](Word part) -> Word {
    const double low = block_sum(double(part & 0xffffffffu)), high = block_sum(double(part >> 32));
    return Word(low) + (Word(high) << 32);
};
first = whole(first) | 1u;
second = whole(second);
if (lane == 0) {
    Word* last = seen.data + 2 * (long long)slot;
    changed.data[slot] = last[0] != first || last[1] != second;
    last[0] = first;
    last[1] = second;
}
