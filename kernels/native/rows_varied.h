// Rows of a coarse matrix where nodes have different numbers of functions, as assign_ranks.h has numbered them: `order` of n
// are in use. Row q stands in the columns begin_of(q) to q, column q in the rows q to until_of(q) - 1.
const int order = first.data[first.shape[0] - 1];
auto row_of = [&](int u) { return first.data[u / most] + u % most; };   // of an unknown that has one
auto unknown_of = [&](int q) { return unknown.data[q]; };
auto begin_of = [&](int q) { return begin.data[q]; };
auto until_of = [&](int q) { return until.data[q]; };
auto by_row = [&](double*) { return rows.data; };
auto spread = [&](const double* values, double* unknowns) {
    for (int q = lane; q < order; q += lanes) unknowns[unknown.data[q]] = values[q];
};
(void)order; (void)row_of; (void)unknown_of; (void)begin_of; (void)until_of; (void)by_row; (void)spread;
