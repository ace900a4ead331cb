// The cycle on levels `first` and coarser, one block.
for (int l = first; l + 1 < levels; ++l) pass_down(level_at(l), level_at(l + 1));
solve_coarsest(level_at(levels - 1));
HP_SYNC;                                                                       // the coarsest result is written, read next
for (int l = levels - 2; l >= first; --l) pass_up(level_at(l), level_at(l + 1));
