"""Hierarchical kernel attention: the Hierarchical Kernel Transformer (HKT), arXiv 2604.08829.

The tokens X_0 = X are downsampled L - 1 times by trainable maps, X_l = down_l(X_{l-1}), T_l tokens at level l. Every
level has its own scores S_l = (X_l Q_l) (X_l K_l)^T / sqrt(d_head), and the levels are added with convex weights:

    S = sum_l w_l U_l S_l U_l^T,    w = softmax(logits),    out = softmax(S) X V,

where U_l copies the row of a level-l token to every token below it. With T_l = T / 2^l the products S_l cost
1 + 1/4 + 1/16 + ... < 4/3 of those of standard attention (21/16 for L = 3); L = 1 is standard attention.

What the abstract leaves open, and our reading: values live on the finest level only, scores go up by copying, the
weights are one per level and shared by the heads, queries and keys have no bias (S_l is then a bilinear form of the
tokens), nothing normalises a level's tokens. The bound of 4/3 is on the products S_l; the linear maps of a level cost
1, 1/2, 1/4, ... of the finest ones, and matter while T is small compared with d.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class CausalPairs(nn.Module):
    """Trainable causal downsampling of a sequence by two: y_j = W_0 x_{2j} + W_1 x_{2j-1} + b, with x_{-1} = 0.

    Token j stands for tokens 2j and 2j + 1 of the level below and depends on no token after 2j.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.map = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, T, dim] to [batch, T / 2 rounded up, dim]."""
        before = functional.pad(x, (0, 0, 1, 0))[:, :-1]
        return self.map(torch.cat([x[:, ::2], before[:, ::2]], 2))

    def parent(self, tokens: int) -> Tensor:
        """[tokens] the coarse token of each token."""
        return torch.arange(tokens, device=self.map.weight.device) // 2


class Groups(nn.Module):
    """Downsampling by a given hierarchy: a linear map of the mean over the tokens of each group. Not causal.

    Args:
        dim: channels.
        parent: the group of each token, integers [T] that take every value from 0 to the largest.

    Raises:
        ValueError: a group is empty or negative.
    """

    def __init__(self, dim: int, parent: Tensor):
        super().__init__()
        parent = torch.as_tensor(parent)
        if parent.ndim != 1 or parent.min() < 0 or (torch.bincount(parent) == 0).any():
            raise ValueError("parent must be one-dimensional and name every group from 0 to the largest")
        self.map = nn.Linear(dim, dim)
        self.register_buffer("groups", parent)
        self.register_buffer("share", torch.bincount(parent).to(self.map.weight.dtype).reciprocal()[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """[batch, T, dim] to [batch, groups, dim]."""
        sums = x.new_zeros(len(x), len(self.share), x.shape[2]).index_add(1, self.parent(x.shape[1]), x)
        return self.map(sums * self.share)

    def parent(self, tokens: int) -> Tensor:
        """The group of each token; raises ValueError if the hierarchy is for another number of tokens."""
        if tokens != len(self.groups):
            raise ValueError(f"this hierarchy is for {len(self.groups)} tokens, got {tokens}")
        return self.groups


class HierarchicalKernelAttention(nn.Module):
    """The attention of the module's first lines, a mixer of tokens: [batch, T, dim] to the same.

    Args:
        dim: channels of a token.
        heads: attention heads, a divisor of ``dim``.
        downsampling: the L - 1 maps from each level to the next coarser one (``CausalPairs``, ``Groups``, or any module
            with ``forward`` and ``parent`` like theirs); none is standard attention.
        causal: a token sees itself and earlier ones only. The maps must be causal too.

    Raises:
        ValueError: ``heads`` does not divide ``dim``.
    """

    def __init__(self, dim: int, heads: int = 1, downsampling: Sequence[nn.Module] = (), *, causal: bool = False):
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"heads must divide the dimension {dim}, got {heads!r}")
        self.heads, self.causal = heads, causal
        self.downsampling = nn.ModuleList(downsampling)
        levels = len(self.downsampling) + 1
        self.Q = nn.ModuleList(_bilinear(dim) for _ in range(levels))
        self.K = nn.ModuleList(_bilinear(dim) for _ in range(levels))
        self.V, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.logits = nn.Parameter(torch.zeros(levels))

    @property
    def weights(self) -> Tensor:
        """w, [L]: positive, of sum one."""
        return self.logits.softmax(0)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Normalised tokens to what each learns from the others.

        Args:
            x: [batch, T, dim].
            valid: bool [batch, T], False for tokens that no token may attend to (padding at the end); None: all valid.
        """
        scores = self.scores(x)
        if self.causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        if valid is not None:
            scores = scores.masked_fill(~valid[:, None, None, :], -torch.inf)
        return self.out((scores.softmax(-1) @ self._split(self.V(x))).transpose(1, 2).flatten(2))

    def scores(self, x: Tensor) -> Tensor:
        """S before mask and softmax, [batch, heads, T, T]."""
        levels = self.level_scores(x)
        parents, tokens = [], x.shape[1]
        for down, coarser in zip(self.downsampling, levels[1:], strict=True):
            parents.append(down.parent(tokens))
            tokens = coarser.shape[-1]
        total = self.weights[-1] * levels[-1]
        for level in reversed(range(len(parents))):
            up = total.index_select(2, parents[level]).index_select(3, parents[level])
            total = up + self.weights[level] * levels[level]
        return total

    def level_scores(self, x: Tensor) -> list[Tensor]:
        """S_l of every level, finest first, [batch, heads, T_l, T_l]."""
        result = []
        for level, (query, key) in enumerate(zip(self.Q, self.K, strict=True)):
            x = self.downsampling[level - 1](x) if level else x
            q, k = self._split(query(x)), self._split(key(x))
            result.append(q @ k.transpose(2, 3) * q.shape[3] ** -0.5)
        return result

    def bilinear_forms(self) -> Tensor:
        """B [L, heads, dim, dim] with S_l = X_l B_l X_l^T (Propositions 3.1, 3.5, 3.6).

        Where the symmetric part of every B_l is positive semidefinite, so is the symmetric part of S.
        """
        forms = []
        for query, key in zip(self.Q, self.K, strict=True):
            q, k = (layer.weight.unflatten(0, (self.heads, -1)) for layer in (query, key))
            forms.append(q.transpose(1, 2) @ k * q.shape[1] ** -0.5)
        return torch.stack(forms)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


def split(scores: Tensor) -> tuple[Tensor, Tensor]:
    """(symmetric, antisymmetric) parts of square matrices [..., n, n]: reciprocal and directional attention."""
    return (scores + scores.mT) / 2, (scores - scores.mT) / 2


def _bilinear(dim: int) -> nn.Linear:
    layer = nn.Linear(dim, dim, bias=False)
    nn.init.xavier_uniform_(layer.weight)
    return layer
