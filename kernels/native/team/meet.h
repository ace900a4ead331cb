// A barrier of `threads` threads of a CPU, for one block each: all come here before one goes on. What a thread wrote before
// it, any thread may read after it. `gate` [2 * APART] holds how many have come, and, in a cache line of its own, which
// meeting this is. A thread that waits long lets others run, since there may be more of them than processors.
#if !defined(__CUDA_ARCH__)
#if defined(__linux__)
int let_others_run(void) __asm__("sched_yield");
#else
auto let_others_run = []() {};
#endif
int *come = gate.data, *meeting = gate.data + APART;
const int now = __atomic_load_n(meeting, __ATOMIC_ACQUIRE);
if (__atomic_add_fetch(come, 1, __ATOMIC_ACQ_REL) == threads) {
    __atomic_store_n(come, 0, __ATOMIC_RELAXED);                // nobody comes again before the next line
    __atomic_store_n(meeting, now + 1, __ATOMIC_RELEASE);
} else {
    for (int looked = 0; __atomic_load_n(meeting, __ATOMIC_ACQUIRE) == now; ++looked) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
        if (looked >= PATIENT) let_others_run();
    }
}
#endif
