"""Domain-decomposition attention: the formula, the partition of unity, and inverses it represents exactly."""

import numpy as np
import pytest
import torch

from hpsolver.operators import DomainDecompositionAttention, LowRankAttention


@pytest.fixture(autouse=True)
def double_precision():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def diffusion(coefficient: np.ndarray) -> np.ndarray:
    """-(a u')' on n nodes with zero ends; ``coefficient`` per interval, n + 1 of them."""
    return np.diag(coefficient[:-1] + coefficient[1:]) - np.diag(coefficient[1:-1], 1) - np.diag(coefficient[1:-1], -1)


@pytest.mark.parametrize(("size", "subdomains", "overlap"), [(40, 5, 0), (41, 6, 3), (12, 1, 0), (30, 4, 9)])
def test_matrix_is_the_papers_sum(size, subdomains, overlap):
    model = DomainDecompositionAttention(size, subdomains, overlap, rank=2)
    width = model.nodes.shape[1]
    total = torch.zeros(size, size)
    unity = torch.zeros(size, size)
    for i in range(subdomains):
        restriction = torch.zeros(width, size)
        restriction[torch.arange(width), model.nodes[i]] = 1.0
        root = torch.diag(model.root_weight[i])
        total += restriction.T @ root @ model.Q[i] @ model.K[i].T @ root @ restriction
        unity += restriction.T @ root @ root @ restriction
    total += model.Phi @ model.Q0 @ model.K0.T @ model.Phi.T
    torch.testing.assert_close(unity, torch.eye(size))
    torch.testing.assert_close(model.matrix(), total)
    f = torch.randn(3, size)
    torch.testing.assert_close(model(f), f @ total.T)


def test_coarse_functions_are_linear_between_their_nodes():
    model = DomainDecompositionAttention(23, 4, 1, rank=1)
    first = np.arange(4) * 23 // 4
    knots = np.concatenate([[0], first[1:] + 1, [24]])
    for column in range(3):
        expected = np.interp(np.arange(1, 24), knots, np.eye(5)[column + 1])
        np.testing.assert_allclose(model.Phi[:, column].numpy(), expected, atol=1e-14)


@pytest.mark.parametrize("overlap", [0, 2, 5])
def test_full_local_rank_represents_the_inverse_exactly(overlap):
    """In 1D, A^-1 = Phi (Phi^T A Phi)^-1 Phi^T + inverses between the coarse nodes, for the linear Phi and constant a.

    The oracle is NumPy's dense inverse; the factors are set by hand, nothing is trained.
    """
    size, subdomains = 47, 6
    matrix = diffusion(np.ones(size + 1))
    model = DomainDecompositionAttention(size, subdomains, overlap, rank=-(-size // subdomains) + 2 * overlap)
    phi = model.Phi.numpy()
    ends = [-1, *(np.arange(1, subdomains) * size // subdomains), size]
    with torch.no_grad():
        model.K0.copy_(torch.eye(subdomains - 1))
        model.Q0.copy_(torch.from_numpy(np.linalg.inv(phi.T @ matrix @ phi)))
        model.K.copy_(torch.eye(model.K.shape[1]).expand_as(model.K))
        model.Q.zero_()
        for i, nodes in enumerate(model.nodes.numpy()):
            inside = np.flatnonzero((nodes > ends[i]) & (nodes < ends[i + 1]))
            inverse = np.linalg.inv(matrix[np.ix_(nodes[inside], nodes[inside])])
            root = model.root_weight[i].numpy()[inside]
            model.Q[i][np.ix_(inside, inside)] = torch.from_numpy(inverse / root[:, None] / root)
    np.testing.assert_allclose(model.matrix().detach().numpy(), np.linalg.inv(matrix), rtol=1e-11)


def test_equal_factors_make_it_symmetric_positive_definite():
    model = DomainDecompositionAttention(24, 4, 2, rank=10, symmetric=True)
    eigenvalues = torch.linalg.eigvalsh(model.matrix())
    torch.testing.assert_close(model.matrix(), model.matrix().T)
    assert eigenvalues.min() > 1e-6
    free = DomainDecompositionAttention(24, 4, 2, rank=10)
    assert torch.linalg.eigvalsh(free.matrix() + free.matrix().T).min() < 0
    assert sum(p.numel() for p in free.parameters()) == 2 * sum(p.numel() for p in model.parameters())


def test_global_rank_is_the_baselines_limit():
    model = LowRankAttention(30, 4)
    assert torch.linalg.matrix_rank(model.matrix()) == 4
    f = torch.randn(2, 30)
    torch.testing.assert_close(model(f), (model.Q @ (model.K.T @ f.T)).T)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((20, 0, 0, 1), "subdomains must be from 1 to 20, got 0"),
        ((20, 4, 8, 1), "overlap must be from 0 to 7, got 8"),
        ((20, 4, 1, 8), "rank must be from 1 to 7, got 8"),
    ],
)
def test_bad_sizes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        DomainDecompositionAttention(*arguments)
