// The largest |u| per slot.
double most = 0.0;
for (int b = slot; b < leaves; b += slots)
    for (int l = lane; l < L; l += lanes) {
        const double size = fabs(double(u.data[b * L + l]));
        most = size > most ? size : most;
    }
block_scratch[lane] = most;
HP_SYNC;                                            // each lane wrote its largest; lane 0 reads all
if (lane == 0) {
    for (int other = 0; other < lanes; ++other) most = block_scratch[other] > most ? block_scratch[other] : most;
    largest_slots.data[slot] = most;
}
