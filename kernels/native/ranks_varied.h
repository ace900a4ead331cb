// How many of the R functions stored for each node count: rank[b]. Innermost loops go over TOGETHER functions, a length known in
// advance; what they take too many nobody reads. face_basis (galerkin.h) has [FACE, TOGETHER] of some functions, then those of
// the next. On CUDA, where functions are lanes, all R go at once.
#if defined(__CUDA_ARCH__)
constexpr int TOGETHER = R;
#else
constexpr int TOGETHER = R < 4 ? R : 4;
#endif
auto rank_of = [&](int b) { return rank.data[b]; };
(void)rank_of;
