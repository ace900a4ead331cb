// Rows of a coarse matrix where all nodes have equally many functions: row q is unknown q, and has a band of `width`
// columns, itself the last. Row q stands in the columns begin_of(q) to q, column q in the rows q to until_of(q) - 1; column m
// of row q at band[at_of(q) + m], all of the row from band[start_of(q)] on.
const int order = n;
auto row_of = [](int u) { return u; };
auto unknown_of = [](int q) { return q; };
auto begin_of = [&](int q) { return q < width ? 0 : q - width + 1; };
auto until_of = [&](int q) { return q + width < n ? q + width : n; };
auto start_of = [&](int q) { return (long long)q * width; };
auto at_of = [&](int q) { return (long long)q * width + width - 1 - q; };
auto by_row = [](double* unknowns) { return unknowns; };                // where a kernel may write what it computes by rows
auto spread = [](const double*, double*) {};                            // and how unknowns get it
(void)order; (void)row_of; (void)unknown_of; (void)begin_of; (void)until_of; (void)start_of; (void)at_of;
(void)by_row; (void)spread;
