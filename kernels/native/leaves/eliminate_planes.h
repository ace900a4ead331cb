// A leaf's matrix, block tridiagonal in planes of BW cells, eliminated plane by plane from both ends to the middle. The
// whole block returns if the leaf, number `leaf`, has not changed.
//
// Half 0 has the planes from the first one to the MIDDLE, half 1 those from the last one down to it, its cells counted
// from the leaf's end: cell l of half 1 is cell L - 1 - l of the leaf. So both halves are banded matrices that are
// eliminated downwards, f [2, ROWS, BW + 1] in the layout of leaves/factor.h. The middle plane takes what both leave.
// Afterwards `pivot` [2, ROWS] holds 1 / d, and column j of f the numbers below it before they are multiplied by 1 / d.
// Longest chain: L / 2 + BW steps of a reciprocal, two products and a barrier.
constexpr double LOST = 1e-14;                                            // a lost pivot: never expected, never fatal
constexpr int ROW = BW + 1, PLANES = L / BW, MIDDLE = PLANES / 2, LAST = PLANES - 1 - MIDDLE;
constexpr int ROWS = (MIDDLE + 1) * BW, SQUARE = BW * BW;
HP_SHARED double f[2 * ROWS * ROW];
HP_SHARED double pivot[2 * ROWS];
HP_SHARED double whole[L];
const int leaf = members.data[slot];
if (!changed.data[leaf]) return;
for (int t = lane; t < 2 * ROWS * ROW; t += lanes) f[t] = 0.0;
HP_SYNC;                                            // f is cleared; lanes write entries into the same rows
for (int i = lane; i < L; i += lanes) {             // half 1: the coupling of cells i and i - k is in the row of i - k
    const int half = i / BW > MIDDLE;
    double* row = f + (half ? (ROWS + L - 1 - i) * ROW : i * ROW);
    row[0] = whole[i] = assemble_row_by(i, leaf, row, half ? ROW + 1 : 1);
}
HP_SYNC;                                            // rows are written; column 0 is read next
// Takes column j of a half off the columns behind it, `below` of which it reaches; entry t of BW x BW.
auto eliminate = [&](int half, int j, int below, int t) {
    double* column = f + (half * ROWS + j) * ROW;                      // entry k of row j + k is column[k * (ROW + 1)]
    const double scale = whole[half ? L - 1 - j : j], inverse = 1.0 / (column[0] > LOST * scale ? column[0] : scale);
    if (t == 0) pivot[half * ROWS + j] = inverse;
    const int k = t / BW + 1, m = t % BW + 1;                           // entry m of the column changes row k
    if (m <= k && k <= below) column[k * ROW + k - m] -= column[k * (ROW + 1)] * inverse * column[m * (ROW + 1)];
};
for (int j = 0; j < MIDDLE * BW; ++j) {
    for (int t = lane; t < 2 * SQUARE; t += lanes)
        if (t < SQUARE || j < LAST * BW) eliminate(t / SQUARE, j, BW, t % SQUARE);
    HP_SYNC;                                        // the columns behind j are updated; the next one is read
}
for (int t = lane; t < SQUARE; t += lanes) {        // the middle plane, counted from the end in half 1
    const int i = t / BW, k = t % BW;
    if (k <= i) f[(MIDDLE * BW + i) * ROW + k] += f[(ROWS + LAST * BW + BW - 1 - i + k) * ROW + k];
}
HP_SYNC;                                            // the middle plane is whole; it is eliminated
for (int j = MIDDLE * BW; j < ROWS; ++j) {
    for (int t = lane; t < SQUARE; t += lanes) eliminate(0, j, ROWS - 1 - j, t);
    HP_SYNC;                                        // the columns behind j are updated; the next one is read
}
