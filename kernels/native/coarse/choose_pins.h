// The unknown of a singular region at which the coarse solution's level is fixed: the stiffest of the region's
// constants, where a level far from zero would cost most digits. `pinned` marks it if the region is inside one brick
// (`alone`). One region a block.
HP_SHARED double best[LANES];
HP_SHARED int place[LANES];
best[lane] = -1.0;
for (int t = first.data[slot] + lane; t < first.data[slot + 1]; t += lanes)
    if (scale.data[unknowns.data[t]] > best[lane]) {
        best[lane] = scale.data[unknowns.data[t]];
        place[lane] = unknowns.data[t];
    }
HP_SYNC;                                            // each lane wrote its best; all read all
int winner = 0;
for (int other = 1; other < lanes; ++other) winner = best[other] > best[winner] ? other : winner;
if (lane == 0) pins.data[slot] = place[winner];
if (alone.data[slot])
    for (int t = first.data[slot] + lane; t < first.data[slot + 1]; t += lanes)
        pinned.data[unknowns.data[t]] = unknowns.data[t] == place[winner];
