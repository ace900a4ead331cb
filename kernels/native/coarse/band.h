// The band of a coarse matrix, lower triangle alone. Row q holds the columns begin_of(q) to q, column q the rows q to
// until_of(q) - 1; column m of row q is at band[at_of(q) + m], and the row's storage begins at band[q * width].
auto begin_of = [&](int q) { return q < width ? 0 : q - width + 1; };
auto until_of = [&](int q) { return q + width < n ? q + width : n; };
auto at_of = [&](int q) { return (long long)q * width + width - 1 - q; };
(void)begin_of; (void)until_of; (void)at_of;
