// All phases of levels `first` and coarser, one block, and the coarsest level's inverse.
for (int l = first; l + 1 < levels; ++l) {
    for (int phase = 0; phase <= DIMS; ++phase) {
        weigh(level_at(l), level_at(l + 1), phase);
        HP_SYNC;                                                               // shares are written, read next
    }
    galerkin(level_at(l), level_at(l + 1));
    HP_SYNC;                                                                   // coarser operator: written, read next
}
invert(level_at(levels - 1));
