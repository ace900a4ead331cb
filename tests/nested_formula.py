"""The nested preconditioner in dense double-precision NumPy, written from its formula alone."""

import numpy as np

SHAPE, LEAF = (72, 40), (16, 8)  # five by five leaves, one row of them partial; two by two bricks of 4 x 4
GROUPS = [LEAF, (4, 4), (2, 4)]  # cells of a leaf, nodes of a brick, level by level


def orthonormal(functions: np.ndarray) -> np.ndarray:
    """Gram-Schmidt, first column first, without the columns that depend on earlier ones."""
    kept = []
    for function in functions.T:
        rest = function.copy()
        for _ in range(2):
            for other in kept:
                rest -= (other @ rest) * other
        if np.linalg.norm(rest) > 1e-5 * np.linalg.norm(function):
            kept.append(rest / np.linalg.norm(rest))
    return np.column_stack(kept)


def haar(box: tuple[int, ...], count: int) -> np.ndarray:
    """[box, count] +1 and -1 on the halves of a box along its longest side, then of those halves, and so on; of equally
    long sides, the one halved less often."""
    boxes, functions = [[(0, n) for n in box]], []
    while len(functions) < count:
        halves = []
        for sides in boxes:
            axis = max(range(len(box)), key=lambda k: (sides[k][1] - sides[k][0], -box[k]))
            low, high = sides[axis]
            values = np.zeros(box)
            for part, sign in (((low, (low + high) // 2), 1.0), (((low + high) // 2, high), -1.0)):
                half = [part if k == axis else side for k, side in enumerate(sides)]
                values[tuple(slice(*side) for side in half)] = sign
                halves.append(half)
            functions.append(values)
        boxes = halves
    return np.stack(functions[:count], axis=-1)


def closed(A: np.ndarray, group: np.ndarray) -> np.ndarray:
    """A without the faces between cells of different groups."""
    between = np.where(group[:, None] != group, A, 0.0)
    return A - between + np.diag(between.sum(axis=1))


def cycle(E: np.ndarray, group: np.ndarray, color: np.ndarray, basis: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """S^T (D + L Q U) S of ``hpsolver.preconditioners.nested``."""
    D = np.where(group[:, None] == group, E, 0.0)
    L = np.where(color[:, None] > color, E, 0.0)
    S = np.linalg.inv(D + L)
    return S.T @ (D + L @ basis @ coarse @ basis.T @ L.T) @ S


def formula(A: np.ndarray, levels: int) -> np.ndarray:
    """M on the cells, with ``levels - 1`` coarse spaces, the last one solved exactly."""
    node = np.stack([c.ravel() for c in np.indices(SHAPE)], axis=1)  # of each unknown; ``which``: its number there
    which = np.zeros(len(node), dtype=int)
    weight = np.ones(len(node))  # of a node's first unknown in the constant
    cell_owner = np.ravel_multi_index((node // LEAF).T, (8, 8))
    E, total, stages = A, np.eye(len(A)), []
    for extent, functions in list(zip(GROUPS, (8, 16, 16), strict=True))[: levels - 1]:
        owner = np.ravel_multi_index((node // extent).T, (8, 8))
        closed_E = total.T @ closed(A, cell_owner) @ total
        columns, names, numbers, sizes = [], [], [], []
        for name in np.unique(owner):
            own = np.flatnonzero(owner == name)
            D, place = np.diag(E)[own], node[own] % extent
            constant = np.where(which[own] == 0, weight[own], 0.0)
            smooth = haar(extent, min(functions, np.prod(extent)) - 1)[tuple(place.T)]
            start = [constant[:, None] * smooth]
            for k in range(functions - 1 - smooth.shape[1]):  # the second functions of the nodes, second axis slowest
                start.append(((which[own] == 1) & (place @ (1, extent[0]) == k))[:, None])
            shifted = closed_E[np.ix_(own, own)] + 1e-3 * np.diag(D)
            local = orthonormal(np.column_stack([constant, np.linalg.solve(shifted, D[:, None] * np.hstack(start))]))
            basis = np.zeros((len(E), local.shape[1]))
            basis[own] = local
            columns.append(basis)
            names += [name] * local.shape[1]
            numbers += range(local.shape[1])
            sizes += [np.linalg.norm(constant)] * local.shape[1]
        Phi = np.column_stack(columns)
        stages.append((E, owner, np.array([sum(divmod(name, 8)) % 2 for name in owner]), Phi))
        E, total = Phi.T @ E @ Phi, total @ Phi
        node, which, weight = np.stack(divmod(np.array(names), 8), axis=1), np.array(numbers), np.array(sizes)
        above = GROUPS[min(len(stages), len(GROUPS) - 1)]
        cell_owner = np.ravel_multi_index([x // n for x, n in zip(divmod(cell_owner, 8), above, strict=True)], (8, 8))
    M = np.linalg.inv(E)
    for stage in reversed(stages):
        M = cycle(*stage, M)
    return M
