"""Attention operators of three papers as PyTorch modules, each in its paper's notation (imports torch).

dd_attention  two-level Schwarz attention on a line of nodes (arXiv 2606.18525)
lrsa          low-rank spatial attention, a mixer of tokens (arXiv 2604.03582)
hkt           hierarchical kernel attention, a mixer of tokens (arXiv 2604.08829)

``python -m bench.papers`` compares what the papers claim with what these modules do.
"""

from .dd_attention import DomainDecompositionAttention, LowRankAttention
from .hkt import CausalPairs, Groups, HierarchicalKernelAttention, split
from .lrsa import LowRankSpatialAttention

__all__ = [
    "CausalPairs",
    "DomainDecompositionAttention",
    "Groups",
    "HierarchicalKernelAttention",
    "LowRankAttention",
    "LowRankSpatialAttention",
    "split",
]
