// Union and find over pieces, each named by its first cell: parent[piece] is a piece of a smaller number, or at a root
// the piece itself. One exchange hangs a root below a smaller one, so blocks may do this at the same time, and a region
// ends under its smallest number whatever their order (Jaiganesh and Burtscher, HPDC 2018).
auto root_of = [&](int piece) -> int {
    volatile int* to = parent.data;
    for (int above = to[piece]; above != piece; above = to[piece]) {
        const int next = to[above];
        if (next != above) to[piece] = next;        // shortens the way; safe, as exchanges concern only roots
        piece = above;
    }
    return piece;
};
auto unite = [&](int a, int b) {
    for (;;) {
        a = root_of(a);
        b = root_of(b);
        if (a == b) return;
        const int low = a < b ? a : b, high = a < b ? b : a;
        if (exchange_if(parent.data + high, high, low) == high) return;
        a = high;                                   // another lane hung this root elsewhere: look again
        b = low;
    }
};
(void)root_of; (void)unite;
