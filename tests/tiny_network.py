"""A small network of coarse functions, drawn at random."""

import torch

from hpsolver.network.basis import BasisConfig, BasisNetwork
from hpsolver.network.basis_task import patch_lattice
from hpsolver.network.poisson import Operator

TINY = BasisConfig(width=16, layers=1, heads=2)


def network(head: float = 0.0, config: BasisConfig = TINY) -> BasisNetwork:
    torch.manual_seed(0)
    made = BasisNetwork(config)
    if head:
        torch.nn.init.normal_(made.head.weight, std=head)
    return made.half().float().eval().requires_grad_(False)  # as a file keeps it


def start_functions(made: BasisNetwork, operator: Operator) -> torch.Tensor:
    """[B, K, functions, L]."""
    patches = patch_lattice(operator.lattice)
    return made(operator, patches) @ patches.candidates
