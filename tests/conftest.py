"""Runs every test on one device, the CPU unless ``--device`` names another; Torch and BLAS have one thread each, since
there is a worker for every core."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
import warp as wp

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="Warp device of all tests that are not about the CPU: cuda:0")


def pytest_configure(config: pytest.Config) -> None:
    wp.set_device(config.getoption("--device"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if wp.get_device(config.getoption("--device")).is_cpu:
        return
    for item in items:
        if item.get_closest_marker("cpu"):
            item.add_marker(pytest.mark.skip(reason="about the CPU, or about arrays there: run it without --device"))
