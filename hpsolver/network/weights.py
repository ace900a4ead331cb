"""Weight files of networks: their configuration is in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from hpsolver.preconditioners import weight_files

Network = TypeVar("Network", bound=nn.Module)


def save(path: str | Path, network: nn.Module, architecture: str, config: Any, about: Mapping[str, Any]) -> None:
    """Writes a network's parameters in half precision.

    Args:
        path: the file to write, ``*.safetensors``.
        architecture: names the kind of network; changes whenever old weights would mean something else.
        config: dataclass from which ``load`` makes the network again.
        about: whatever else belongs in the file (training, data, figures), as JSON.
    """
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().half().contiguous() for name, value in network.state_dict().items()}
    described = json.dumps(dataclasses.asdict(config))
    metadata = {"architecture": architecture, "config": described, "about": json.dumps(dict(about))}
    save_file(tensors, str(path), metadata=metadata)


def load(path: str | Path, architecture: str, make: Callable[..., Network], config_type: type) -> Network:
    """The network of a weight file, in single precision, for inference.

    Args:
        path: the file to read.
        architecture: the architecture that the file must have.
        make: makes the network from its configuration.
        config_type: dataclass of the configuration.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or weights of another network; the message says what was expected.
    """
    network, tensors = weight_files.load(path, architecture, lambda **config: make(config_type(**config)))
    weight_files.check(path, {name: tuple(value.shape) for name, value in network.state_dict().items()}, tensors)
    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
    return network.eval().requires_grad_(False)


def about(path: str | Path) -> dict[str, Any]:
    """What the file says about its training."""
    return json.loads(weight_files.read(path)[0].get("about", "{}"))
