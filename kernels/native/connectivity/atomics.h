// Integer updates of memory that several blocks share. The final values do not depend on the order of updates.
#if defined(__CUDACC__)
auto add_to = [](long long* place, long long value) {
    atomicAdd(reinterpret_cast<unsigned long long*>(place), static_cast<unsigned long long>(value));
};
auto count_in = [](int* place, int value) { atomicAdd(place, value); };
auto exchange_if = [](int* place, int expected, int value) -> int { return atomicCAS(place, expected, value); };
#else
auto add_to = [](long long* place, long long value) { *place += value; };
auto count_in = [](int* place, int value) { *place += value; };
auto exchange_if = [](int* place, int expected, int value) -> int {
    const int seen = *place;
    if (seen == expected) *place = value;
    return seen;
};
#endif
(void)add_to; (void)count_in; (void)exchange_if;
