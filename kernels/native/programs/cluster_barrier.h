// All blocks of the cluster arrive here before one goes on: what any of them wrote before, all may read after.
#if defined(__CUDA_ARCH__)
asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
