"""A frame's operator as Torch tensors: what the networks see, and A times vectors for their objectives.

Shapes: B frames of one grid, K leaves of L cells in brick order, D directions (``hpsolver.bricks``). Everything is
scaled by s = ||A||_inf, the largest row sum of |A|, so that nothing depends on the units of density and spacing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import warp as wp

from hpsolver.system import System

NODE_FEATURES = 6
"""Features of a cell: logarithms of density and of the diagonal, standardised over the frame; the difference of the
conductances of its two sides over the diagonal, for each of three axes; the share of the diagonal without neighbour
(open sides)."""

GLOBAL_FEATURES = 12
"""Features of a frame: log2 of the number of cells, the dimension, mean and deviation of the first five above before
standardisation (natural logarithms; the diagonal's is of a_ii / s)."""


class Lattice:
    """What does not change from frame to frame: which cells are neighbours.

    Attributes:
        across: [D, N] number of the cell across each side; meaningless where there is none, as the conductance is 0.
        within: [D, L] number inside the brick of the cell across, 0 where it is outside.
        inside: [D, K, L] 1 where the cell of ``within`` is the one across in the grid; elsewhere the coupling, if any,
            leaves the leaf (and may come back to it through a periodic side).
        face: [D, K, F] cells of each leaf's face.
        fluid: [K, L] 1 for cells of the fluid, 0 for solid and padding.
        cells: number of fluid cells.
        offset: [L, L, 3] displacement from cell i to cell j of a leaf, in cells, first axis first.
        steps: [D, 3] displacement of the cell across each side.
        singular: no side is open, so that A maps the constant to zero.
    """

    def __init__(self, system: System, device: torch.device | str = "cpu"):
        bricks = system.bricks
        self.leaves, self.leaf_size, self.directions = bricks.leaves, bricks.leaf_size, bricks.directions
        self.dimension = bricks.dimension
        self.bricks = bricks
        self.device = torch.device(device)
        across = system.across()
        self.across = torch.as_tensor(across, device=self.device)
        local = np.stack(np.unravel_index(np.arange(self.leaf_size), bricks.extent), axis=-1)
        first = np.arange(self.leaves)[:, None] * self.leaf_size
        within, inside, face = [], [], []
        for d in range(self.directions):
            axis, forward = 2 - d // 2, d % 2
            moved = local.copy()
            moved[:, axis] += 2 * forward - 1
            valid = ((moved >= 0) & (moved < bricks.extent)).all(axis=1)
            within.append(np.where(valid, np.ravel_multi_index((moved % bricks.extent).T, bricks.extent), 0))
            inside.append(valid & (across[d].reshape(self.leaves, -1) == first + within[d]))
            last = bricks.used[:, axis] - 1 if forward else np.zeros(self.leaves, dtype=int)
            face.append([np.flatnonzero(local[:, axis] == end) for end in last])
        self.within = torch.as_tensor(np.array(within), device=self.device)
        self.inside = torch.as_tensor(np.array(inside), dtype=torch.float32, device=self.device)
        self.face = [torch.as_tensor(np.array(cells), device=self.device) for cells in face]
        fluid = system.fluid.numpy().reshape(self.leaves, self.leaf_size)
        self.fluid = torch.as_tensor(fluid, dtype=torch.float32, device=self.device)
        self.cells = int(fluid.sum())
        offset = (local[None, :, :] - local[:, None, :]).astype(np.float32)
        self.offset = torch.as_tensor(offset, device=self.device)
        self.singular = system.regions.count > 0
        self.steps = torch.zeros(self.directions, 3, device=self.device)
        for d in range(self.directions):
            self.steps[d, 2 - d // 2] = 2 * (d % 2) - 1


@dataclass(frozen=True, eq=False)
class Operator:
    """A / s of B frames. Two operators are equal only if they are one object.

    Attributes:
        lattice: of the grid.
        conductance: [B, D, K, L] fp32, conductances over s.
        diagonal: [B, K, L] fp32, diagonal over s, 1 outside the fluid.
        log_density: [B, K, L] fp32, log of the density over the lightest cell's; 0 outside the fluid.
    """

    lattice: Lattice
    conductance: torch.Tensor
    diagonal: torch.Tensor
    log_density: torch.Tensor

    @property
    def frames(self) -> int:
        return len(self.diagonal)

    def multiply(self, z: torch.Tensor) -> torch.Tensor:
        """(A / s) z for z [B, N, P]."""
        B, N, _ = z.shape
        conductance = self.conductance.view(B, -1, N, 1)
        result = self.diagonal.view(B, N, 1) * z
        for d, across in enumerate(self.lattice.across):
            result = result - conductance[:, d] * z[:, across]
        return result

    def features(self) -> torch.Tensor:
        """[B, K, L, NODE_FEATURES + GLOBAL_FEATURES], global features repeated in every cell."""
        lattice, fluid, cells = self.lattice, self.lattice.fluid, max(self.lattice.cells, 1)
        log_diagonal = torch.log(self.diagonal.clamp_min(1e-12)) * fluid
        share = self.conductance / self.diagonal.clamp_min(1e-12)[:, None]
        gradients = [share[:, 2 * a + 1] - share[:, 2 * a] for a in range(lattice.dimension)]
        gradients += [torch.zeros_like(log_diagonal)] * (3 - lattice.dimension)
        open_share = (1.0 - share.sum(dim=1)) * fluid

        def moments(field: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            mean = (field * fluid).sum(dim=(1, 2)) / cells
            spread = ((field - mean[:, None, None]) * fluid).square().sum(dim=(1, 2)) / cells
            return mean, spread.sqrt()

        fields = [self.log_density, log_diagonal, *gradients]
        statistics = [moments(field) for field in fields]
        nodes = []
        for k, (field, (mean, deviation)) in enumerate(zip(fields, statistics, strict=True)):
            if k < 2:
                field = (field - mean[:, None, None]) / (deviation[:, None, None] + 1e-3)
            nodes.append(field * fluid)
        nodes.append(open_share)
        size = torch.full_like(statistics[0][0], float(np.log2(cells)))
        scalars = [size, torch.full_like(size, float(lattice.dimension))]
        scalars += [value for pair in statistics for value in pair]
        shape = self.diagonal.shape
        return torch.stack([*nodes, *(value[:, None, None].expand(shape) for value in scalars)], dim=-1)


def read_operator(
    lattice: Lattice, conductance: torch.Tensor, diagonal: torch.Tensor, density: torch.Tensor
) -> Operator:
    """Operator of one frame (B = 1) from the system's arrays, [D * N], [N] and [N] in double precision."""
    D, K, L = lattice.directions, lattice.leaves, lattice.leaf_size
    conductance, diagonal = conductance.view(D, K, L), diagonal.view(K, L)
    inside = lattice.fluid > 0
    scale = torch.where(inside, diagonal + conductance.sum(dim=0), 0.0).amax().clamp_min(1e-300)
    density = density.view(K, L)
    lightest = torch.where(inside, density, torch.inf).amin()
    log_density = torch.where(inside, density / lightest, 1.0).clamp_min(1e-30).log()
    return Operator(
        lattice,
        (conductance / scale).float()[None],
        torch.where(inside, diagonal / scale, 1.0).float()[None],
        log_density.float()[None],
    )


def assembled_operator(lattice: Lattice, system: System) -> Operator:
    """``read_operator`` of an assembled system, on the lattice's device."""
    arrays = (system.conductance, system.diagonal, system.density)
    return read_operator(lattice, *(wp.to_torch(a).to(lattice.device) for a in arrays))


def stack(operators: list[Operator]) -> Operator:
    """One operator of several frames of the same grid."""
    fields = ("conductance", "diagonal", "log_density")
    return Operator(operators[0].lattice, *(torch.cat([getattr(o, f) for o in operators]) for f in fields))
