"""Runs every test on the CPU device."""

import sys
from pathlib import Path

import warp as wp

sys.path.insert(0, str(Path(__file__).parent))
wp.set_device("cpu")
