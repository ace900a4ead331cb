// One phase of one level, many blocks: interpolation (phases 0 to DIMS), then the coarser level's operator.
if (phase <= DIMS) weigh(level_at(level), level_at(level + 1), phase);
else galerkin(level_at(level), level_at(level + 1));
