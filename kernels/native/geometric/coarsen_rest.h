// Levels `first` and coarser, one block.
for (int l = first; l < levels; ++l) {
    coarsen(level_at(l - 1), level_at(l));
    HP_SYNC;                                        // this level is written; the next one is made of it
}
