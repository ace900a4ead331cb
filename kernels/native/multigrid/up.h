// The way up to one level, many blocks.
pass_up(level_at(level), level_at(level + 1));
