"""Runs every test on the CPU device, Torch and BLAS on one thread each: there is a worker for every core."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import warp as wp

sys.path.insert(0, str(Path(__file__).parent))
wp.set_device("cpu")
