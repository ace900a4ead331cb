"""What the training loop (``hpsolver.training``) needs to know of what it trains."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import torch
from torch import nn

from hpsolver.preconditioners import Preconditioner

from .frames import FrameConfig, FrameSource
from .poisson import Operator


class Task(Protocol):
    """A network, its frames and its objective (``paper_task``, ``basis_task``)."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    architecture: str
    network: Any
    frames: FrameConfig

    def make_network(self) -> nn.Module: ...

    def source(self, device: torch.device) -> FrameSource: ...

    def predict(self, network: nn.Module, operator: Operator) -> Any: ...

    def loss(self, prediction: Any, operator: Operator, generator: torch.Generator) -> torch.Tensor: ...

    def preconditioner(self, network: nn.Module) -> Preconditioner: ...

    def validation(self) -> list[tuple[str, tuple[int, ...], float | None]]: ...
