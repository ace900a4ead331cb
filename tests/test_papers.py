"""The data and baselines of ``bench.papers`` are what the scripts say they are."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.papers import darcy, dd_attention, hkt, listops, lrsa
from bench.papers.neural_operators import NeuralOperator, PhysicsAttention, SpectralMixer

pytestmark = pytest.mark.cpu


def test_darcy_pressure_solves_the_finite_volume_equations():
    """Flux balance of every cell, written out: harmonic mean of k on faces, open sides at half a cell, closed floor."""
    side = 16
    fields, pressures = (v.astype(np.float64) for v in darcy.samples(2, side, seed=3))
    assert set(np.unique(fields)) == {3.0, 12.0}
    for k, u in zip(fields, pressures, strict=True):
        outflow = np.zeros((side, side))
        for axis in (0, 1):
            a, b = (np.moveaxis(v, axis, 0) for v in (k, u))
            out = np.moveaxis(outflow, axis, 0)
            flux = 2 * a[1:] * a[:-1] / (a[1:] + a[:-1]) * (b[1:] - b[:-1])
            out[1:] += flux
            out[:-1] -= flux
            out[-1] += 2 * a[-1] * b[-1]
            if axis == 0:
                out[0] += 2 * a[0] * b[0]
        np.testing.assert_allclose(outflow * side**2, 1.0, rtol=0, atol=1e-2)
        assert (u > 0).all()


def test_listops_labels_are_the_values_of_the_expressions():
    codes, labels = listops.samples(200, 64, 16, seed=0)
    for row, label in zip(codes, labels, strict=True):
        words = [listops.VOCABULARY[code] for code in row if code]
        assert 16 <= len(words) <= 64
        stack: list = []
        for word in words:
            if word != "]":
                stack.append(int(word) if word.isdigit() else word)
                continue
            values = []
            while isinstance(stack[-1], int):
                values.append(stack.pop())
            values.sort()
            middle = values[(len(values) - 1) // 2], values[len(values) // 2]
            by_name = {"[MAX": values[-1], "[MIN": values[0], "[MED": sum(middle) // 2, "[SM": sum(values) % 10}
            stack.append(by_name[stack.pop()])
        assert stack == [label]


def test_diffusion_pairs_satisfy_the_equation():
    config = dd_attention.Config(nodes=31, modes=5, train=3, validation=1, test=1)
    coefficient = dd_attention.pieces(31, 100.0)
    assert set(coefficient) == {1.0, 100.0}
    f, u = (v.double().numpy() for v in dd_attention.draw(config, 0, coefficient)["train"])
    padded = np.pad(u, ((0, 0), (1, 1)))
    applied = -np.diff(coefficient * np.diff(padded))
    scale = np.vdot(applied, f) / np.vdot(f, f)  # both were divided by their own size
    np.testing.assert_allclose(applied, scale * f, atol=1e-4 * np.abs(applied).max())


def test_rank_floor_is_zero_at_the_number_of_modes_and_falls_with_the_rank():
    config = dd_attention.Config(nodes=31, modes=5, train=2, validation=1, test=50)
    coefficient = np.ones(32)
    data = dd_attention.draw(config, 0, coefficient)
    floors = [dd_attention.rank_floor(config, data, rank, coefficient) for rank in (1, 3, 5)]
    assert floors[0] > floors[1] > 100 * floors[2]


def test_physics_attention_knows_no_order():
    torch.manual_seed(0)
    mixer, x, order = PhysicsAttention(12, 5, 3), torch.randn(2, 20, 12), torch.randperm(20)
    torch.testing.assert_close(mixer(x[:, order]), mixer(x)[:, order], rtol=1e-4, atol=1e-6)


def test_spectral_mixer_commutes_with_shifts_and_drops_high_modes():
    torch.manual_seed(0)
    mixer, x = SpectralMixer(3, 2), torch.randn(1, 8, 8, 3)
    shifted = x.roll((3, 5), (1, 2))
    expected = mixer(x.flatten(1, 2)).unflatten(1, (8, 8)).roll((3, 5), (1, 2)).flatten(1, 2)
    torch.testing.assert_close(mixer(shifted.flatten(1, 2)), expected, rtol=1e-4, atol=1e-5)
    wave = torch.cos(2 * torch.pi * 3 * torch.arange(8) / 8)[:, None, None].expand(8, 8, 3).reshape(1, 64, 3)
    torch.testing.assert_close(mixer(wave), mixer.pointwise(wave), rtol=1e-4, atol=1e-5)


def test_patches_come_back_where_they_were():
    """A scaffold without blocks sees one patch at a time: a change in one changes the output there only."""
    torch.manual_seed(0)
    model, k = NeuralOperator(8, 0, nn.Identity, patch=2), torch.randn(1, 8, 8)
    other = k.clone()
    other[0, 3, 6] += 1.0
    changed = ((model(other) - model(k)).abs() > 1e-6)[0]
    assert changed[2:4, 6:8].all()
    assert changed.sum() == 4


def test_models_have_equal_parameters_where_they_should():
    counts = {
        name: sum(p.numel() for p in make().parameters())
        for name, make in lrsa.models(lrsa.Config(), lrsa.Config().patch).items()
    }
    equal = [counts[name] for name in (lrsa.LRSA, lrsa.SLICES, lrsa.FOURIER)]
    assert max(equal) < 1.1 * min(equal)
    sizes = {name: sum(p.numel() for p in make().parameters()) for name, make in hkt.models(hkt.Config()).items()}
    assert sizes[hkt.WIDE] == pytest.approx(sizes[hkt.HKT], rel=2e-3)


def test_saved_activations_of_a_linear_layer():
    layer = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5))
    assert lrsa.saved_megabytes(layer, torch.randn(100, 10)) == pytest.approx(4e-4 * (10 + 20))


def test_paired_counts_only_the_samples_that_differ():
    ours, theirs = np.array([1, 1, 1, 0, 1], bool), np.array([1, 0, 0, 1, 0], bool)
    result = hkt.paired([ours, ours], [theirs, ours])
    assert result["differences"] == pytest.approx([0.4, 0.0])
    assert (result["only_ours"], result["only_theirs"]) == (3, 1)
    assert result["mcnemar_p"] == pytest.approx(2 * 5 / 16)
