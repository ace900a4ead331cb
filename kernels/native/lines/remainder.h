// left = r - A x.
HP_SHARED double tile[TILE];
clear_tile(tile);
const int n = leaves * L;
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> double { return double(x_.data[i]); });
    HP_CELLS {
        const int i = b * L + l;
        left.data[i] = T(double(r.data[i]) - differences(tile, at(x, y, z), double(x_.data[i]), n, i));
    }
    HP_SYNC;                                        // the tile was read; the next leaf's is written
}
