"""Where and when something was measured: machine, device, versions, threads, date."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
from collections.abc import Iterator
from importlib import metadata

import threadpoolctl
import torch
import warp as wp

PACKAGES = ("hpsolver", "warp-lang", "torch", "numpy", "scipy")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@contextlib.contextmanager
def one_thread() -> Iterator[dict[str, int]]:
    """Pins BLAS, OpenMP and Torch to one thread: loaded libraries, and by the environment those loaded later.

    Yields:
        Number of threads by library.
    """
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    torch_threads = torch.get_num_threads()
    try:
        with threadpoolctl.threadpool_limits(1):
            torch.set_num_threads(1)
            threads = {pool["internal_api"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
            yield threads | {"torch": torch.get_num_threads()}
    finally:
        torch.set_num_threads(torch_threads)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def describe(device: str, threads: dict[str, int]) -> dict[str, object]:
    """What is stored with the results of a run."""
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "device": device_name(device),
        "driver": driver(),
        "threads": threads,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def device_name(device: str) -> str:
    """``cpu``, or the CUDA device's name."""
    found = wp.get_device(device)
    return f"{found.name}, sm_{found.arch}" if found.is_cuda else "cpu"


def driver() -> str | None:
    """The CUDA driver's version, None without one."""
    if not wp.is_cuda_available():
        return None
    return ".".join(map(str, wp.get_cuda_driver_version()))


def version(package: str) -> str:
    """The installed version, read without importing the package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
