// The constants of one leaf's pieces as coarse functions: function[cell], 1 to R, 0 in pockets and outside the fluid
// (the smallest pieces share the last function); `count`, how many functions; `cells`, how many cells each has.
const int b = slot, found = piece_count.data[b];
HP_CELLS {
    const int piece = pieces.data[b * L + l];
    function.data[b * L + l] = piece < R ? piece : R;
}
HP_SYNC;                                            // the leaf's functions are written; lanes count their cells
if (lane == 0) count.data[b] = found < 1 ? 1 : found < R ? found : R;
for (int f = lane; f < R; f += lanes) {
    int sum = 0;
    for (int l = 0; l < L; ++l) sum += function.data[b * L + l] == f + 1;
    cells.data[b * R + f] = sum;
}
