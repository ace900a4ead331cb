"""Weight files: safetensors, read without Torch. Nothing is ever unpickled."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

Tensors = dict[str, np.ndarray]
Made = TypeVar("Made")


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


def load(path: str | Path, architecture: str, make: Callable[..., Made]) -> tuple[Made, Tensors]:
    """What ``make`` makes of a file's configuration, and its tensors, fp32 by name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds another architecture; the message says what was expected.
    """
    metadata, tensors = read(path)
    if metadata.get("architecture") != architecture:
        raise ValueError(f"{path}: expected architecture {architecture!r}, got {metadata.get('architecture')!r}")
    try:
        made = make(**json.loads(metadata["config"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: its configuration {metadata.get('config')!r} makes no network: {error}") from None
    return made, {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def check(path: str | Path, expected: Mapping[str, tuple[int, ...]], tensors: Tensors) -> None:
    """Refuses tensors that have not the expected shapes, or are not finite.

    Raises:
        ValueError: the message names the first such tensor.
    """
    found = {name: tensor.shape for name, tensor in tensors.items()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise ValueError(
            f"{path}: {len(wrong)} tensors are not those of its configuration; {wrong[0]!r}: expected shape "
            f"{expected.get(wrong[0])}, got {found.get(wrong[0])}"
        )
    broken = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    if broken:
        raise ValueError(f"{path}: {broken[0]!r} holds NaN or Inf")
