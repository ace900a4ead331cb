"""Low-rank spatial attention: the three steps, what passes through the latents, and what it costs."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hpsolver.operators import LowRankSpatialAttention


def seeded(*arguments, **options) -> LowRankSpatialAttention:
    torch.manual_seed(0)
    return LowRankSpatialAttention(*arguments, **options).double()


def attention(queries, context, module) -> np.ndarray:
    """One head in NumPy."""
    q, k, v = (
        rows @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        for rows, layer in ((queries, module.query), (context, module.key), (context, module.value))
    )
    weights = np.exp(q @ k.T / np.sqrt(q.shape[1]))
    weights /= weights.sum(1, keepdims=True)
    return weights @ v @ module.out.weight.detach().numpy().T + module.out.bias.detach().numpy()


def normed(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)


def test_compress_and_reconstruct_are_plain_attention():
    model, x = seeded(8, latents=3, heads=1, layers=0), np.random.default_rng(0).standard_normal((10, 8))
    latents = model.latents.detach().numpy()
    latents = latents + attention(latents, x, model.compress)
    expected = attention(x, normed(latents), model.reconstruct)
    np.testing.assert_allclose(model(torch.from_numpy(x)[None])[0].detach().numpy(), expected, rtol=1e-11)


def test_mixing_among_latents_is_a_standard_encoder_layer():
    model = seeded(8, latents=5, heads=2)
    ours = model.mix[0]
    oracle = torch.nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    oracle = oracle.double()
    attend = ours.attention
    with torch.no_grad():
        for name in ("weight", "bias"):
            parts = [getattr(layer, name) for layer in (attend.query, attend.key, attend.value)]
            getattr(oracle.self_attn, f"in_proj_{name}").copy_(torch.cat(parts))
            getattr(oracle.self_attn.out_proj, name).copy_(getattr(attend.out, name))
            getattr(oracle.linear1, name).copy_(getattr(ours.feed_forward[0], name))
            getattr(oracle.linear2, name).copy_(getattr(ours.feed_forward[2], name))
    z = torch.randn(2, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(ours(z), oracle(z))


@pytest.mark.parametrize("latents", [1, 2, 5])
def test_outputs_span_no_more_directions_than_latents(latents):
    """One head: the outputs less their bias are mixtures of M value vectors, whatever the tokens."""
    model = seeded(16, latents, heads=1)
    y = model(torch.randn(1, 40, 16, dtype=torch.float64))[0] - model.reconstruct.out.bias
    assert torch.linalg.matrix_rank(y, rtol=1e-10) == latents


def test_permuted_tokens_give_permuted_outputs():
    model, x = seeded(12, 4, 3), torch.randn(2, 30, 12, dtype=torch.float64)
    order = torch.randperm(30)
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order])


def test_every_token_hears_every_other():
    model, x = seeded(12, 4, 3), torch.randn(1, 9, 12, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(x)[0, 0].sum(), x)
    assert (gradient[0].abs().amax(1) > 0).all()


def test_cost_grows_linearly_with_the_tokens():
    model, counts = LowRankSpatialAttention(16, 8, 4), []
    for tokens in (64, 128, 192):
        with FlopCounterMode(display=False) as counter:
            model(torch.randn(1, tokens, 16))
        counts.append(counter.get_total_flops())
    assert counts[2] - counts[1] == counts[1] - counts[0] > 0


def test_bfloat16_stays_close_to_float32():
    torch.manual_seed(0)
    model, x = LowRankSpatialAttention(32, 8, 4), torch.randn(2, 100, 32)
    exact = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(x).float()
    assert torch.linalg.norm(rounded - exact) < 0.02 * torch.linalg.norm(exact)


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match="latents must be at least 1, got 0"):
        LowRankSpatialAttention(8, 0)
    with pytest.raises(ValueError, match="heads must divide the dimension 8, got 3"):
        LowRankSpatialAttention(8, 4, 3)
