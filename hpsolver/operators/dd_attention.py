"""Attention as a two-level overlapping Schwarz method: Koehler and Rheinbach, arXiv 2606.18525.

    M = Phi Q0 K0^T Phi^T + sum_i R_i^T D_i^{1/2} Q_i K_i^T D_i^{1/2} R_i

is trained to be the inverse of a discrete diffusion operator on n nodes of a line, u = M f. There is no softmax: M is
linear in f. R_i restricts to an overlapping subdomain, the D_i are a partition of unity (sum_i R_i^T D_i R_i = I), Phi
interpolates from a coarse grid. The baseline is one global low-rank product M = Q K^T.

What the abstract leaves open, and our reading: all Q and K are free parameters; the subdomains are windows of equal
width, those at the two ends pushed inwards; D_i is one over the number of windows that hold the node; the coarse nodes
are the first nodes of all subdomains but the first, and Phi is piecewise linear between them and zero at both ends (the
homogeneous Dirichlet condition). K = Q makes M symmetric positive semidefinite.

``hpsolver.preconditioners.DDAttention`` is the same in 2D and 3D, with factors computed instead of trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LowRankAttention(nn.Module):
    """The baseline M = Q K^T, Q and K of shape [size, rank].

    Args:
        size: number of nodes n.
        rank: columns of Q and K, 1 to n.
        symmetric: K = Q.

    Raises:
        ValueError: the rank is out of range.
    """

    def __init__(self, size: int, rank: int, *, symmetric: bool = False):
        super().__init__()
        _check_range("rank", rank, 1, size)
        self.Q = _factor(size, rank)
        self.K = self.Q if symmetric else _factor(size, rank)

    def forward(self, f: Tensor) -> Tensor:
        """u = M f for every row of ``f`` [batch, size]."""
        return f @ self.K @ self.Q.T

    def matrix(self) -> Tensor:
        """M, [size, size]."""
        return self.Q @ self.K.T


class DomainDecompositionAttention(nn.Module):
    """The two-level operator M of the module's first line.

    Args:
        size: number of nodes n.
        subdomains: their number N, 1 to n; there are N - 1 coarse nodes.
        overlap: nodes added to each side of a subdomain, >= 0; a window (n / N rounded up, plus twice the overlap)
            must fit in n.
        rank: columns of every Q_i and K_i, 1 to the window's width.
        coarse_rank: columns of Q0 and K0, 0 to N - 1; None is N - 1.
        symmetric: K_i = Q_i and K0 = Q0.

    Raises:
        ValueError: an argument is out of range; the message names it and what is allowed.

    Parameters ``Q`` and ``K`` are [subdomains, width, rank], ``Q0`` and ``K0`` [subdomains - 1, coarse_rank].
    """

    def __init__(
        self,
        size: int,
        subdomains: int,
        overlap: int,
        rank: int,
        *,
        coarse_rank: int | None = None,
        symmetric: bool = False,
    ):
        super().__init__()
        _check_range("subdomains", subdomains, 1, size)
        own = -(-size // subdomains)
        _check_range("overlap", overlap, 0, (size - own) // 2)
        width, coarse = own + 2 * overlap, subdomains - 1
        _check_range("rank", rank, 1, width)
        coarse_rank = coarse if coarse_rank is None else coarse_rank
        _check_range("coarse_rank", coarse_rank, 0, coarse)

        first = torch.arange(subdomains) * size // subdomains
        nodes = (first - overlap).clamp(0, size - width)[:, None] + torch.arange(width)
        holders = torch.bincount(nodes.flatten(), minlength=size)
        self.register_buffer("nodes", nodes)  # R_i as the nodes of each window
        self.register_buffer("root_weight", holders[nodes].to(torch.get_default_dtype()).rsqrt())  # D_i^{1/2}
        self.register_buffer("Phi", _hats(first[1:], size))
        self.Q = _factor(subdomains, width, rank)
        self.K = self.Q if symmetric else _factor(subdomains, width, rank)
        self.Q0 = _factor(coarse, coarse_rank)
        self.K0 = self.Q0 if symmetric else _factor(coarse, coarse_rank)

    def forward(self, f: Tensor) -> Tensor:
        """u = M f for every row of ``f`` [batch, size]."""
        coarse = f @ self.Phi @ self.K0 @ self.Q0.T @ self.Phi.T
        compressed = torch.einsum("bim,imr->bir", f[:, self.nodes] * self.root_weight, self.K)
        local = torch.einsum("bir,imr->bim", compressed, self.Q) * self.root_weight
        return coarse.index_add(1, self.nodes.flatten(), local.flatten(1))

    def matrix(self) -> Tensor:
        """M, [size, size]."""
        return self(torch.eye(len(self.Phi), dtype=self.Q.dtype, device=self.Q.device)).T


def _hats(coarse: Tensor, size: int) -> Tensor:
    """Phi [size, coarse nodes]: piecewise linear, one at its own coarse node, zero at the others and at both ends.

    Node j lies at j + 1; the ends of the line, where the solution is zero, at 0 and size + 1.
    """
    x = torch.arange(1, size + 1, dtype=torch.get_default_dtype())[:, None]
    knots = torch.cat([coarse.new_zeros(1), coarse + 1, coarse.new_full((1,), size + 1)]).to(x.dtype)
    left, centre, right = knots[:-2], knots[1:-1], knots[2:]
    return torch.minimum((x - left) / (centre - left), (right - x) / (right - centre)).clamp(min=0)


def _factor(*shape: int) -> nn.Parameter:
    """A random factor [..., nodes, rank], so small that Q K^T starts well below the identity and M starts near 0."""
    nodes, rank = shape[-2:]
    return nn.Parameter(torch.randn(shape) / max(nodes**2 * rank, 1) ** 0.25)


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, got {value!r}")
