"""The training runs behind the shipped weights, by name; any of their settings can be changed from the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from hpsolver.training import Run

from .basis import BasisConfig
from .basis_task import SPACE, BasisTask
from .frames import FrameConfig
from .paper_task import PaperTask
from .task import Task
from .transformer import TransformerConfig


def _paper(shape: tuple[int, ...], *, width: int = 64, heads: int = 4) -> PaperTask:
    return PaperTask(TransformerConfig(width=width, heads=heads), FrameConfig(shapes=(shape,)))


def _larger(steps: int, batch: int, rate: float, start: str) -> Run:
    return Run(steps, batch, rate, validate_every=steps // 8, start=f"htp_paper_{start}.safetensors")


PRESETS: dict[str, tuple[Task, Run]] = {
    "htp_paper_1024": (_paper((32, 32)), Run(4000, 2, 2e-3)),
    "htp_paper_2048": (_paper((64, 32)), _larger(1400, 2, 1e-3, "1024")),
    "htp_paper_4096": (_paper((64, 64)), _larger(1000, 1, 1e-3, "2048")),
    "htp_paper_8192": (_paper((128, 64)), _larger(700, 1, 8e-4, "4096")),
    "htp_paper_16384": (_paper((128, 128)), _larger(240, 1, 8e-4, "8192")),
    "htp_paper_1024_d128_start": (_paper((32, 32), width=128, heads=8), Run(1500, 2, 1e-3, validate_every=187)),
    "htp_paper_1024_d128": (
        _paper((32, 32), width=128, heads=8),
        Run(1600, 2, 2e-3, validate_every=200, start="runs/htp_paper_1024_d128_start/best.safetensors"),
    ),
    "htp_2d": (
        BasisTask(BasisConfig(width=32)),
        Run(36000, 2, 2e-3, average=0.999, validate_every=4000, validation_frames=4),
    ),
    "htp_3d": (
        BasisTask(BasisConfig(dimension=3, width=32), SPACE),
        Run(7200, 2, 2e-3, average=0.999, validate_every=1800, validation_frames=3),
    ),
}
"""(task, run) by name. Larger sizes of the published network start from the weights of the next smaller one."""


def configured(name: str, changes: dict[str, Any]) -> tuple[Task, Run]:
    """A preset with some settings changed.

    Args:
        name: a key of ``PRESETS``.
        changes: value by dotted key, such as ``run.steps`` or ``task.network.width``.

    Raises:
        ValueError: unknown name, key, or a value of another kind than the preset's.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown training {name!r}; choose one of {', '.join(PRESETS)}")
    parts = dict(zip(("task", "run"), PRESETS[name], strict=True))
    for key, value in changes.items():
        root, *path = key.split(".")
        if root not in parts or not path:
            raise ValueError(f"unknown setting {key!r}: settings begin with 'task.' or 'run.'")
        parts[root] = _changed(parts[root], path, value, key)
    return parts["task"], parts["run"]


def _changed(config: Any, path: Iterable[str], value: Any, key: str) -> Any:
    name, *rest = path
    names = [field.name for field in dataclasses.fields(config)]
    if name not in names:
        raise ValueError(f"unknown setting {key!r}; {type(config).__name__} has {', '.join(names)}")
    old = getattr(config, name)
    if rest:
        new = _changed(old, rest, value, key)
    else:
        new = _tuples(value)
        if old is not None and not isinstance(new, (int, float) if isinstance(old, float) else type(old)):
            raise ValueError(f"setting {key!r} must be a {type(old).__name__} like {old!r}, got {new!r}")
    return dataclasses.replace(config, **{name: new})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
