// How many functions each node of a coarse space has: R. TOGETHER: functions in the innermost of loops over them.
constexpr int TOGETHER = R;
auto rank_of = [](int) { return R; };
(void)rank_of;
