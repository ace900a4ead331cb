// Layers over rows of tokens, ROWS of them a block. `weights` holds matrices as in basis/linear.h, each with its bias
// behind it.
const int begin = slot * ROWS, count = rows - begin < ROWS ? rows - begin : ROWS;
