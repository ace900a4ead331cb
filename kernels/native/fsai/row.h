// Row i of a compressed sparse matrix times x.
const int* __restrict__ begin = offsets.data;
const int* __restrict__ column = columns.data;
const M* __restrict__ value = values.data;
const T* __restrict__ from_x = x.data;
auto row = [&](int i) -> T {
    T sum = 0;
    for (int e = begin[i]; e < begin[i + 1]; ++e) sum += T(value[e]) * from_x[column[e]];
    return sum;
};
