// Union and find over the first cells of pieces: parent[piece] is one with a smaller number, or itself at a root. A root is
// hung below a smaller one by one exchange, so blocks may do this at once, and a region ends under its smallest number
// whatever their order (Jaiganesh and Burtscher, HPDC 2018).
auto root_of = [&](int piece) -> int {
    volatile int* to = parent.data;
    for (int above = to[piece]; above != piece; above = to[piece]) {
        const int next = to[above];
        if (next != above) to[piece] = next;        // shortens the way; only roots are ever exchanged, and this is none
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
        a = high;                                   // somebody else hung it elsewhere: look again
        b = low;
    }
};
(void)root_of; (void)unite;
