// Shares of faces, times the factors of a stretched grid if any; a share out of range becomes -1. A chunk a block.
const int end = (slot + 1) * CHUNK < n ? (slot + 1) * CHUNK : n;
for (int i = slot * CHUNK + lane; i < end; i += lanes) {
    const double share = given ? shares.data[i] : 1.0, factor = stretched > 1 ? geometry.data[i] : 1.0;
    shares.data[i] = share >= 0.0 && share <= largest ? share * factor : -1.0;
}
