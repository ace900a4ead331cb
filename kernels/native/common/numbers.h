// WIDE numbers of type M at a time, which are one on CUDA. `evens` reads every second number and `put_evens` writes it.
// `neighbours` reads numbers side by side, and `put` writes the first `count` of them. A compiler makes half of a loop over
// every second number a vector, since it may not read the one behind the last that it needs; these may, so arrays have
// spare numbers at their end.
#if defined(__CUDA_ARCH__)
constexpr int WIDE = 1;
using Numbers = M;
auto evens = [](const M* from) -> Numbers { return *from; };
auto neighbours = [](const M* from) -> Numbers { return *from; };
auto put_evens = [](Numbers value, M* to) { *to = value; };
auto put = [](Numbers value, M* to, int) { *to = value; };
auto root = [](Numbers value) -> Numbers { return sqrt(value); };
#else
constexpr int WIDE = 16;
using Numbers = M __attribute__((ext_vector_type(WIDE)));
using Pairs = M __attribute__((ext_vector_type(2 * WIDE)));
auto evens = [](const M* from) -> Numbers {
    Pairs all;
    __builtin_memcpy(&all, from, sizeof(all));
    return all.even;
};
auto neighbours = [](const M* from) -> Numbers {
    Numbers value;
    __builtin_memcpy(&value, from, sizeof(value));
    return value;
};
auto put_evens = [](const Numbers& value, M* to) {
    Pairs all;
    __builtin_memcpy(&all, to, sizeof(all));
    all.even = value;
    __builtin_memcpy(to, &all, sizeof(all));
};
auto put = [](const Numbers& value, M* to, int count) {
    if (count >= WIDE) {
        __builtin_memcpy(to, &value, sizeof(value));
        return;
    }
    const M* from = (const M*)&value;
#pragma unroll
    for (int part = WIDE / 2; part > 0; part /= 2)  // of a length that the compiler knows
        if (count & part) {
            __builtin_memcpy(to, from, sizeof(M) * part);
            to += part, from += part;
        }
};
auto root = [](const Numbers& value) -> Numbers { return __builtin_elementwise_sqrt(value); };
#endif
(void)evens; (void)neighbours; (void)put_evens; (void)put; (void)root;
