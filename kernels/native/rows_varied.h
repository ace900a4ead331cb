// Rows of a coarse matrix where nodes have different numbers of functions, as assign_ranks.h has numbered them: `order` of n
// are in use. What the names mean is said in rows_alike.h; of the band only what a row stands in is stored, row by row.
const int order = first.data[first.shape[0] - 1];
auto row_of = [&](int u) { return first.data[u / most] + u % most; };   // of an unknown that has one
auto unknown_of = [&](int q) { return unknown.data[q]; };
auto begin_of = [&](int q) { return begin.data[q]; };
auto until_of = [&](int q) { return until.data[q]; };
auto start_of = [&](int q) { return at.data[q] + begin.data[q]; };
auto at_of = [&](int q) { return at.data[q]; };
auto by_row = [&](double*) { return rows.data; };
auto spread = [&](const double* values, double* unknowns) {
    for (int q = lane; q < order; q += lanes) unknowns[unknown.data[q]] = values[q];
};
(void)order; (void)row_of; (void)unknown_of; (void)begin_of; (void)until_of; (void)start_of; (void)at_of;
(void)by_row; (void)spread;
