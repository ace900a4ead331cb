"""Hierarchical kernel attention: the propositions of arXiv 2604.08829, each against an oracle that shares no code."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hpsolver.operators import CausalPairs, Groups, HierarchicalKernelAttention, split


def seeded(dim: int, heads: int, levels: int, **options) -> HierarchicalKernelAttention:
    torch.manual_seed(0)
    model = HierarchicalKernelAttention(dim, heads, [CausalPairs(dim) for _ in range(levels - 1)], **options).double()
    torch.nn.init.normal_(model.logits)
    return model


def tokens(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def flops(function, *arguments) -> int:
    with FlopCounterMode(display=False) as counter:
        function(*arguments)
    return counter.get_total_flops()


@pytest.mark.parametrize("causal", [False, True])
def test_one_level_is_standard_attention(causal):
    model, x = seeded(12, 3, levels=1, causal=causal), tokens(2, 10, 12)
    oracle = torch.nn.MultiheadAttention(12, 3, batch_first=True).double()
    with torch.no_grad():
        oracle.in_proj_weight.copy_(torch.cat([model.Q[0].weight, model.K[0].weight, model.V.weight]))
        oracle.in_proj_bias.copy_(torch.cat([torch.zeros(24), model.V.bias]))
        oracle.out_proj.weight.copy_(model.out.weight)
        oracle.out_proj.bias.copy_(model.out.bias)
    mask = torch.ones(10, 10, dtype=torch.bool).triu(1) if causal else None
    torch.testing.assert_close(model(x), oracle(x, x, x, attn_mask=mask)[0], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("count", [16, 13])
def test_scores_are_the_convex_sum_over_levels(count):
    model, x = seeded(8, 2, levels=3), tokens(1, count, 8)
    weights = torch.softmax(model.logits, 0)
    assert weights.sum().item() == pytest.approx(1.0)
    assert (weights > 0).all()
    index, level, expected = np.arange(count), x[0], 0.0
    for depth in range(3):
        if depth:
            pair, index = model.downsampling[depth - 1], index // 2
            rows = [torch.cat([level[j], level[j - 1] if j else 0 * level[j]]) for j in range(0, len(level), 2)]
            level = torch.stack(rows) @ pair.map.weight.T + pair.map.bias
        q, k = level @ model.Q[depth].weight.T, level @ model.K[depth].weight.T
        heads = torch.stack([q[:, h : h + 4] @ k[:, h : h + 4].T / 2.0 for h in (0, 4)])
        expected = expected + weights[depth] * heads[:, index][:, :, index]
    torch.testing.assert_close(model.scores(x)[0], expected)


def test_causal_attention_never_looks_ahead():
    model, x = seeded(8, 2, levels=4, causal=True), tokens(1, 21, 8).requires_grad_()
    y = model(x)
    for i in (0, 3, 8, 13, 20):
        (gradient,) = torch.autograd.grad(y[0, i].sum(), x, retain_graph=True)
        seen = gradient[0].abs().amax(1) > 0
        assert seen[: i + 1].all()
        assert not seen[i + 1 :].any()


def test_score_products_cost_what_the_paper_says():
    """Counted matrix-product flops; the quadratic part is f(2 T) - 2 f(T), which the linear maps do not enter."""
    x, longer = torch.zeros(1, 64, 16), torch.zeros(1, 128, 16)

    def quadratic(levels: int, whole: bool) -> int:
        model = seeded(16, 2, levels).float()
        run = model if whole else model.scores
        return flops(run, longer) - 2 * flops(run, x)

    one = quadratic(1, whole=False)
    assert quadratic(3, whole=False) * 16 == one * 21
    ratios = [quadratic(levels, whole=False) / one for levels in range(1, 7)]
    assert ratios == sorted(ratios)
    assert ratios[-1] < 4 / 3 < ratios[-1] + 4.0**-5
    assert quadratic(3, whole=True) * 32 == quadratic(1, whole=True) * 37  # values are on the finest level only


def test_causal_convolution_is_a_special_case():
    """Three heads, each with all its weight on one offset; position is in the tokens, coarse levels are switched off.

    The first token is zero; heads that look before the beginning look at it, which is the convolution's zero padding.
    """
    count, channels, taps, sharpness = 9, 4, 3, 400.0
    dim = taps * (channels + count)
    model = seeded(dim, taps, levels=3, causal=True)
    kernel = tokens(channels, channels, taps)
    x = torch.zeros(1, count, dim, dtype=torch.float64)
    x[0, 1:, :channels] = tokens(count - 1, channels)
    x[0, :, channels : channels + count] = torch.eye(count)
    with torch.no_grad():
        for layer in (*model.Q, *model.K, model.V, model.out):
            layer.weight.zero_()
        model.V.bias.zero_()
        model.out.bias.zero_()
        for offset in range(taps):
            first = offset * (channels + count)  # of this head's channels
            for i in range(count):
                model.Q[0].weight[first + max(i - offset, 0), channels + i] = sharpness / model.weights[0]
                model.K[0].weight[first + i, channels + i] = 1.0
            model.V.weight[first : first + channels, :channels] = kernel[:, :, taps - 1 - offset]
            model.out.weight[:channels, first : first + channels] = torch.eye(channels)
    padded = torch.nn.functional.pad(x[:, :, :channels].mT, (taps - 1, 0))
    expected = torch.nn.functional.conv1d(padded, kernel).mT
    torch.testing.assert_close(model(x)[:, :, :channels], expected, rtol=1e-12, atol=1e-12)


def test_symmetric_and_antisymmetric_parts_are_unique_and_one_pair_per_level():
    model, x = seeded(8, 2, levels=3), tokens(1, 16, 8)
    level = x
    for depth, scores in enumerate(model.level_scores(x)):
        level = model.downsampling[depth - 1](level) if depth else level
        symmetric, antisymmetric = split(scores)
        torch.testing.assert_close(symmetric + antisymmetric, scores)
        torch.testing.assert_close(symmetric, symmetric.mT)
        torch.testing.assert_close(antisymmetric, -antisymmetric.mT)
        # Unique: moving any symmetric part to the other side spoils it, since the parts are orthogonal.
        assert abs((symmetric * antisymmetric).sum()) < 1e-12 * (scores**2).sum()
        form, turn = split(model.bilinear_forms()[depth])
        torch.testing.assert_close(level[:, None] @ form @ level[:, None].mT, symmetric)
        torch.testing.assert_close(level[:, None] @ turn @ level[:, None].mT, antisymmetric)
    before = [split(scores) for scores in model.level_scores(x)]
    with torch.no_grad():
        model.Q[1].weight += 1.0
    after = [split(scores) for scores in model.level_scores(x)]
    changed = [
        [not torch.equal(a, b) for a, b in zip(old, new, strict=True)] for old, new in zip(before, after, strict=True)
    ]
    assert changed == [[False, False], [True, True], [False, False]]


def test_positive_semidefinite_under_the_papers_condition_and_not_without():
    """Proposition 3.1: every symmetrised form PSD makes the symmetric part of S PSD, on any tokens."""
    model, x = seeded(8, 2, levels=3), tokens(1, 16, 8)
    assert torch.linalg.eigvalsh(split(model.scores(x))[0]).min() < -1e-3
    with torch.no_grad():
        turn = torch.randn(4, 4, dtype=torch.float64)
        for query, key in zip(model.Q, model.K, strict=True):
            for head in (
                slice(0, 4),
                slice(4, 8),
            ):  # K = (1 + antisymmetric) Q: the form is Q^T Q plus a directional part
                key.weight[head] = (torch.eye(4) + turn - turn.T) @ query.weight[head]
    forms = split(model.bilinear_forms())[0]
    scale = torch.linalg.eigvalsh(forms).max()
    assert torch.linalg.eigvalsh(forms).min() > -1e-13 * scale
    scores = model.scores(x)
    assert torch.linalg.norm(split(scores)[1]) > 0.1 * torch.linalg.norm(scores)
    eigenvalues = torch.linalg.eigvalsh(split(scores)[0])
    assert eigenvalues.min() > -1e-13 * eigenvalues.max()


def test_a_given_hierarchy_of_groups():
    torch.manual_seed(0)
    parent, grandparent = torch.tensor([0, 0, 1, 2, 2, 2, 1]), torch.tensor([0, 0, 1])
    model = HierarchicalKernelAttention(6, 2, [Groups(6, parent), Groups(6, grandparent)]).double()
    x = tokens(2, 7, 6)
    assert model(x).shape == x.shape
    means = torch.stack([x[:, parent == group].mean(1) for group in range(3)], 1)
    torch.testing.assert_close(model.downsampling[0](x), model.downsampling[0].map(means))
    coarse = model.level_scores(x)[2]
    with torch.no_grad():
        model.logits.copy_(torch.tensor([-800.0, -800.0, 0.0]))
    up = grandparent[parent]
    torch.testing.assert_close(model.scores(x), coarse[:, :, up][:, :, :, up])


def test_padding_is_not_heard():
    model, x = seeded(8, 2, levels=3), tokens(1, 12, 8)
    longer = torch.cat([x, tokens(1, 5, 8)], 1)
    valid = torch.arange(17)[None] < 12
    torch.testing.assert_close(model(longer, valid)[:, :12], model(x))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="heads must divide the dimension 8, got 3"):
        HierarchicalKernelAttention(8, 3)
    with pytest.raises(ValueError, match="name every group"):
        Groups(4, torch.tensor([0, 2]))
    with pytest.raises(ValueError, match="for 2 tokens, got 3"):
        HierarchicalKernelAttention(4, 1, [Groups(4, torch.tensor([0, 1]))])(torch.zeros(1, 3, 4))
