// The way down from one level, many blocks.
pass_down(level_at(level), level_at(level + 1));
