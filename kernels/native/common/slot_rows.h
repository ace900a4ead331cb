// HP_SLOT_ROWS(b, leaves) { .. } visits the bricks of a slot by pieces of rows, like HP_SLOT and HP_ROWS. On CUDA the
// lanes share the cells of all these bricks, so that none is idle and loads for several cells are under way at once.
// There can be no barrier inside.
#if defined(__CUDA_ARCH__)
#define HP_SLOT_ROWS(b, leaves)                                                                                    \
    for (int i_ = share_of(slot, leaves) * L + lane, end_ = share_of(slot + 1, leaves) * L; i_ < end_; i_ += lanes) \
        for (int b = i_ / L, l = i_ % L, z = l % BZ, y = l / BZ % BY, x = l / (BZ * BY), once_ = 1; once_; once_ = 0)
#else
#define HP_SLOT_ROWS(b, leaves) HP_SLOT(b, leaves) HP_ROWS
#endif
