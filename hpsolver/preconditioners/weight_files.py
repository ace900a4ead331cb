"""Weight files: safetensors, read without Torch. Nothing is ever unpickled."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import numpy as np


def shipped(name: str) -> Path:
    """Path of a weight file that comes with the package."""
    return Path(str(importlib.resources.files("hpsolver.trained_models"))) / name


def read(path: str | Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and tensors of a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"no weight file {path}")
    try:
        with safe_open(str(path), framework="np") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"{path}: expected a safetensors file, but it cannot be read ({error})") from None
