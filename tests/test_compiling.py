"""Kernels are compiled once on a machine, by whichever process comes to them first."""

import multiprocessing
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import warp as wp
from hpsolver.kernels import diagonal

from hpsolver import compiling

pytestmark = pytest.mark.cpu

PROGRAM = """
import sys, warp as wp
wp.config.kernel_cache_dir = sys.argv[1]
import numpy as np
from hpsolver import Solver
wp.config.log_level = wp.LOG_INFO
print("ready", flush=True)
sys.stdin.readline()
one = Solver((16, 12), preconditioner="jacobi", device="cpu")
one.step(np.ones((16, 12)), np.cos(np.arange(192.0)).reshape(16, 12))
assert one.info.converged
"""


def test_processes_that_need_the_same_kernels_share_the_work(tmp_path: Path) -> None:
    """Two begin at the same time with an empty cache: each module is compiled by one, and loaded by the other."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both = [subprocess.Popen(command, text=True, **pipes) for _ in range(2)]
    for one in both:
        while one.stdout.readline().strip() != "ready":
            pass
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    texts = ["".join(one.communicate()) for one in both]
    assert [one.returncode for one in both] == [0, 0], texts
    compiled, loaded = (
        [set(re.findall(rf"Module (hpsolver\.\S+).*\({word}\)", text)) for text in texts]
        for word in ("compiled", "cached")
    )
    assert len(compiled[0] | compiled[1]) > 5
    assert not compiled[0] & compiled[1]
    assert compiled[0] <= loaded[1] and compiled[1] <= loaded[0]


def hold(name: str, held: "multiprocessing.synchronize.Event", free: "multiprocessing.synchronize.Event") -> None:
    wp.init()
    with compiling._alone(name, patience=60.0) as alone:
        assert alone
        held.set()
        free.wait(60)


def test_a_module_that_another_process_compiles_is_waited_for() -> None:
    kernel = diagonal.reciprocal(wp.float32)
    context = multiprocessing.get_context("spawn")
    held, free = context.Event(), context.Event()
    other = context.Process(target=hold, args=(kernel.module.name, held, free))
    wp.init()
    other.start()
    assert held.wait(60)
    with compiling._alone(kernel.module.name, patience=0.0) as alone:
        assert not alone
    threading.Timer(1.0, free.set).start()
    compiling.load([kernel], wp.get_device("cpu"))
    assert free.is_set()
    other.join(60)
    assert other.exitcode == 0
    with compiling._alone(kernel.module.name, patience=0.0) as alone:
        assert alone


def test_a_process_that_hangs_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = diagonal.reciprocal(wp.float64)
    wp.init()
    monkeypatch.setattr(compiling, "PATIENCE", 0.1)
    with compiling._alone(kernel.module.name, patience=0.0) as alone:
        assert alone
        compiling.load([kernel], wp.get_device("cpu"))


def test_a_cache_that_cannot_be_written_to_has_no_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", None):
        monkeypatch.setattr(wp.config, "kernel_cache_dir", folder)
        with compiling._alone("hpsolver.pins", patience=0.0) as alone:
            assert alone
