coarsen(level_at(level - 1), level_at(level));
