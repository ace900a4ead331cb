"""Learning through the pressure solve: 64 bubbles, each steered to a target of its own by gradient descent.

    python -m hpsolver.examples.learn_force

Every world is a closed tank with a light bubble, 100:1. A force on the bubble, one vector per frame, has to bring it
to the world's target within 20 frames, although it rises by itself. The flow is written in Torch. Its pressure solve is
one ``solver.step`` for all worlds, through which gradients flow back. The check at the end is where the bubbles are.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from hpsolver import Solver

from .command import run_or_refuse

CONTRAST, DT, GRAVITY = 100.0, 0.05, 1.0
RADIUS = 0.16
RATE = 100.0
"""Rate of gradient descent: about 1 / sum over frames of (change of a bubble's place by a frame's force)^2."""
NEAR = 0.05
"""How near its target a bubble has to end, in lengths of the tank."""


@dataclass(frozen=True)
class State:
    """Bubbles of all worlds: ``light`` [W, n, n], the share of light fluid, and velocities ``u`` [W, n + 1, n] along
    the first axis, ``v`` [W, n, n + 1] along the second, upwards. The tank's sides are 1 long."""

    light: Tensor
    u: Tensor
    v: Tensor


def begin(worlds: int, n: int, device: torch.device) -> State:
    """A bubble at rest in the middle of each tank."""
    x = (torch.arange(n, dtype=torch.float64, device=device) + 0.5) / n
    distance = ((x[:, None] - 0.5) ** 2 + (x[None, :] - 0.5) ** 2).sqrt() - RADIUS
    light = (0.5 - n * distance).clamp(0.0, 1.0).expand(worlds, n, n)
    u, v = (torch.zeros(worlds, n + a, n + 1 - a, dtype=torch.float64, device=device) for a in (1, 0))
    return State(light, u, v)


def advance(solver: Solver, state: State, force: Tensor) -> State:
    """One frame: forces, projection, transport; ``force`` [W, 2] is per volume of light fluid, in
    units of the heavy fluid's weight."""
    n = state.light.shape[-1]
    density = CONTRAST - (CONTRAST - 1.0) * state.light
    light, inverse = state.light, 1.0 / density
    light_u, light_v = 0.5 * (light[:, 1:] + light[:, :-1]), 0.5 * (light[..., 1:] + light[..., :-1])
    inverse_u, inverse_v = 0.5 * (inverse[:, 1:] + inverse[:, :-1]), 0.5 * (inverse[..., 1:] + inverse[..., :-1])
    force_u, force_v = (CONTRAST * force[:, :, None, None]).unbind(1)
    u = pad(state.u[:, 1:-1] + DT * force_u * light_u * inverse_u, (0, 0, 1, 1))  # no flow through walls
    v = pad(state.v[..., 1:-1] + DT * (force_v * light_v * inverse_v - GRAVITY), (1, 1))
    pressure = solver.step(density, n * (u[:, :-1] - u[:, 1:] + v[..., :-1] - v[..., 1:]))
    u = u - pad(n * inverse_u * (pressure[:, 1:] - pressure[:, :-1]), (0, 0, 1, 1))
    v = v - pad(n * inverse_v * (pressure[..., 1:] - pressure[..., :-1]), (1, 1))
    return State(*(transport(field, u, v) for field in (light, u, v)))


def transport(field: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The field, at cells or at faces, one frame later (semi-Lagrangian): its old value where the flow came from."""
    n = u.shape[-1]
    shape = field.shape[1:]
    first = [0.5 * (n + 1 - m) for m in shape]  # place of entry (0, 0), in cells from the corner
    x, y = torch.meshgrid(
        *(torch.arange(m, device=field.device) + f for m, f in zip(shape, first, strict=True)), indexing="ij"
    )
    x, y = x.expand_as(field), y.expand_as(field)
    back_x, back_y = (sample(w, x, y, f) for w, f in ((u, (0.0, 0.5)), (v, (0.5, 0.0))))
    return sample(field, x - n * DT * back_x, y - n * DT * back_y, first)


def sample(field: Tensor, x: Tensor, y: Tensor, first: tuple[float, float] | list[float]) -> Tensor:
    """Bilinear values at (x, y), in cells, of a field whose entry (0, 0) is at ``first``."""
    rows, columns = field.shape[1:]
    place = torch.stack([2 * (y - first[1]) / (columns - 1) - 1, 2 * (x - first[0]) / (rows - 1) - 1], dim=-1)
    values = grid_sample(field[:, None], place.to(field.dtype), padding_mode="border", align_corners=True)
    return values[:, 0]


def centre(light: Tensor) -> Tensor:
    """[W, 2] where the bubbles are."""
    n = light.shape[-1]
    x = (torch.arange(n, dtype=light.dtype, device=light.device) + 0.5) / n
    weight = light**2  # what has mixed with the water counts less
    mass = weight.sum((1, 2))
    return torch.stack([(weight.sum(2) * x).sum(1) / mass, (weight.sum(1) * x).sum(1) / mass], dim=1)


def targets(worlds: int, device: torch.device) -> Tensor:
    """[W, 2], spread over rings around a point above the middle."""
    number = torch.arange(worlds, dtype=torch.float64, device=device)
    angle, reach = 2 * torch.pi * number / worlds, 0.1 + 0.05 * (number % 3)
    around = torch.tensor([0.5, 0.56], dtype=torch.float64, device=device)
    return around + reach[:, None] * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)


def run(options: argparse.Namespace) -> int:
    """Learns, reports and draws; returns 0 when the bubbles are where they should be, else 1."""
    box = {"spacing": 1.0 / options.cells, "worlds": options.worlds, "device": options.device}
    solver = Solver((options.cells,) * 2, **box)
    device = torch.device(str(solver.device))
    start, goal = begin(options.worlds, options.cells, device), targets(options.worlds, device)
    force = torch.zeros(options.frames, options.worlds, 2, dtype=torch.float64, device=device, requires_grad=True)
    losses, begun = [], time.perf_counter()
    for round_ in range(options.rounds + 1):
        state, film = start, [start.light]
        for frame in range(options.frames):
            state = advance(solver, state, force[frame])
            film.append(state.light.detach())
        distance = (centre(state.light) - goal).square().sum(1)
        losses.append(distance.detach().sqrt())
        if round_ == options.rounds:
            break
        (gradient,) = torch.autograd.grad(distance.sum(), force)
        force.data -= RATE * gradient
        left = (time.perf_counter() - begun) / (round_ + 1) * (options.rounds - round_ - 1)
        mean = losses[-1].mean()
        print(f"round {round_ + 1}/{options.rounds}: mean distance {mean:.3f}, {left:.0f} s left", flush=True)
    first, last, near = losses[0].mean(), losses[-1].mean(), int((losses[-1] <= NEAR).sum())
    print(f"{near} of {options.worlds} bubbles within {NEAR} of their targets; mean distance {first:.3f} -> {last:.3f}")
    if options.pictures:
        from .learn_force_pictures import write_pictures

        parts = (torch.stack(losses), torch.stack(film), goal)
        write_pictures(options.out, *(part.cpu().numpy() for part in parts))
    needed = math.ceil(0.9 * options.worlds)
    print("check passed" if near >= needed else f"CHECK FAILED: {needed} bubbles should be there")
    return int(near < needed)


def main(argv: list[str] | None = None) -> int:
    """Runs the example; returns 0 when its own check passes, else 1."""
    parser = argparse.ArgumentParser(prog="learn_force", description=__doc__.splitlines()[0])
    for name, value, text in (
        ("worlds", 64, "bubbles"),
        ("cells", 32, "cells along a side of the tank"),
        ("frames", 20, "frames of the flow"),
        ("rounds", 12, "rounds of gradient descent"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, metavar="N", help=f"{text} ({value})")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="folder for the pictures (out)")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false", help="draw nothing")
    parser.add_argument("--device", metavar="NAME", help="Warp device (Warp's default)")
    options = parser.parse_args(argv)
    for name, least in (("worlds", 1), ("cells", 8), ("frames", 1), ("rounds", 1)):
        if getattr(options, name) < least:
            parser.error(f"argument --{name}: must be at least {least}, got {getattr(options, name)}")
    return run_or_refuse(parser, options, run)


if __name__ == "__main__":
    raise SystemExit(main())
