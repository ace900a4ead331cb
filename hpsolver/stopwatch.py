"""Where a frame's time goes, without stopping it: marks recorded in the graph by the device's own clock."""

from __future__ import annotations

import functools
import time

import warp as wp

_CLOCK = """
#if defined(__CUDA_ARCH__)
unsigned long long now;
asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
#else
unsigned long long now = __builtin_readcyclecounter();
#endif
if (which > 0) marks.data[which] += (long long)now - marks.data[0];
else if (!adds) marks.data[1] = marks.data[2] = 0;
marks.data[0] = (long long)now;
"""


@wp.func_native(_CLOCK)  # type: ignore[untyped-decorator]  # Warp's
def write_clock(which: wp.int32, adds: wp.int32, marks: wp.array[wp.int64]) -> None: ...


@wp.kernel(enable_backward=False)  # type: ignore[untyped-decorator]  # Warp's
def set_mark(which: wp.int32, adds: wp.int32, marks: wp.array[wp.int64]) -> None:
    """marks[0] is the time of the last mark; marks[which], 1 or 2, grows by the time since then. Mark 0 sets both to
    zero, unless it ``adds``. One thread."""
    write_clock(which, adds, marks)


class Stopwatch:
    """Three marks of a frame: begin, preconditioner ready, pressure ready.

    With ``adds``, a frame passes them several times, for a few of many worlds at a time; the times are added up until
    ``clear``.

    On CUDA the marks are nanoseconds; on the CPU they are cycle counts, at a rate measured once.
    """

    def __init__(self, device: wp.Device, adds: bool = False):
        self._device, self._adds = device, int(adds)
        self._marks = wp.zeros(3, dtype=wp.int64, device=device)
        self._begun = self._ended = 0.0

    def start(self) -> None:
        self._begun = time.perf_counter()
        self.clear()

    def stop(self) -> None:
        self._ended = time.perf_counter()

    def clear(self) -> None:
        """Records: sets the times to zero; without ``adds`` mark 0 does that."""
        if self._adds:
            self._marks.zero_()

    def mark(self, which: int) -> None:
        """Records mark ``which``."""
        wp.launch(set_mark, dim=1, inputs=[which, self._adds, self._marks], device=self._device)

    def read(self) -> dict[str, float]:
        """Milliseconds: ``update``, ``solve``, ``total``. On the CPU ``total`` includes staging."""
        _now, update, solve = self._marks.numpy().astype(float).tolist()
        if self._device.is_cuda:
            return {"update": update * 1e-6, "solve": solve * 1e-6, "total": (update + solve) * 1e-6}
        total = (self._ended - self._begun) * 1e3
        rate = cycles_per_millisecond()
        return {"update": update / rate, "solve": solve / rate, "total": total}


@functools.cache
def cycles_per_millisecond() -> float:
    """Rate of the CPU's cycle counter, over 20 ms."""
    marks = wp.zeros(2, dtype=wp.int64, device="cpu")
    times = []
    for which in (0, 0, 1):  # the first launch loads the kernel
        if which == 1:
            time.sleep(0.02)
        wp.launch(set_mark, dim=1, inputs=[which, 0, marks], device="cpu")
        times.append(time.perf_counter())
    return float(marks.numpy()[1]) / ((times[2] - times[1]) * 1e3)
