// BRICK_LINES(b) { .. } visits lines (x, y) of the slot's bricks b, padding included, cells k0 to k1 - 1: whole lines on
// the CPU, one cell a lane on CUDA, where the lanes share the cells of all these bricks. No barrier inside.
#if defined(__CUDA_ARCH__)
#define BRICK_LINES(b) HP_SLOT_ROWS(b, leaves) for (int k0 = z, k1 = z + 1, o_ = 1; o_; o_ = 0)
#else
#define BRICK_LINES(b)                                                                                                \
    HP_SLOT(b, leaves) for (int x = 0; x < BX; ++x)                                                                   \
        for (int y = 0; y < BY; ++y)                                                                                  \
            for (int k0 = 0, k1 = BZ, o_ = 1; o_; o_ = 0)
#endif
