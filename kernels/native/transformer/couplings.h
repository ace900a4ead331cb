// entries [tiles, TOKENS, TOKENS]: A's mean entry between a row slot and a column slot of a tile, for those that have
// one: entry target[e] is minus the sum of `most` conductances scaled[source[e, :]] times weight[e, :].
HP_SLOT_LANES(e, count) {
    float sum = 0.0f;
    for (int m = 0; m < most; ++m) sum += scaled.data[source.data[e * most + m]] * weight.data[e * most + m];
    entries.data[target.data[e]] = -sum;
}
