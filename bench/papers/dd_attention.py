"""Domain-decomposition attention against one global low-rank product (arXiv 2606.18525), on 1D diffusion.

    python -m bench.papers.dd_attention [--quick] [--out FOLDER]

Problem: -(a u')' = f on (0, 1), u = 0 at both ends, n inner nodes, second-order differences. a = 1, or (beyond the
paper) eight pieces that alternate between 1 and 100. f is a sum of sines with standard normal coefficients; u comes
from a dense float64 solve; f and u are each divided by their root mean square. Operators see f and give u; the error is
the mean of ||M f - u|| / ||u||.

The paper was criticised for leaving out how it trained, so: float32, Adam with a cosine to zero, loss = mean squared
relative error, fresh batches of a fixed training set. The rate of each operator is the best of ``rates`` on the
validation set under a seed of its own; sweeps use the rate of the first two-level operator. A seed draws data, start
and batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hpsolver.operators import DomainDecompositionAttention, LowRankAttention

from . import report


@dataclass(frozen=True)
class Config:
    nodes: int = 255
    modes: int = 32
    train: int = 1024
    validation: int = 256
    test: int = 256
    steps: int = 2000
    batch: int = 128
    rates: tuple[float, ...] = (3e-3, 1e-2, 3e-2, 1e-1)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rate_seed: int = 100
    look_every: int = 50
    thresholds: tuple[float, ...] = (0.1, 0.05, 0.02)
    baseline_ranks: tuple[int, ...] = (4, 8, 16, 32)
    two_level: tuple[tuple[int, int, int], ...] = ((16, 4, 2), (16, 4, 8))
    overlaps: tuple[int, ...] = (0, 1, 2, 8, 16)
    ranks: tuple[int, ...] = (1, 4, 16)
    subdomains: tuple[int, ...] = (2, 4, 8, 32)


QUICK = Config(steps=300, seeds=(0, 1), rates=(1e-2, 3e-2), overlaps=(0,), ranks=(4,), subdomains=(8,))

Data = dict[str, tuple[Tensor, Tensor]]
Operator = tuple[str, Callable[[], nn.Module]]


def diffusion(coefficient: np.ndarray) -> np.ndarray:
    """A of -(a u')' on n nodes, ``coefficient`` on the n + 1 intervals between them and the ends; float64 [n, n]."""
    n = len(coefficient) - 1
    neighbours = np.diag(coefficient[1:-1], 1)
    return (n + 1) ** 2 * (np.diag(coefficient[:-1] + coefficient[1:]) - neighbours - neighbours.T)


def pieces(n: int, contrast: float) -> np.ndarray:
    """Coefficient of n + 1 intervals: eight pieces, alternately 1 and ``contrast``."""
    return np.where(np.arange(n + 1) * 8 // (n + 1) % 2, contrast, 1.0)


def draw(config: Config, seed: int, coefficient: np.ndarray) -> Data:
    """(f, u), float32, of the three splits."""
    counts = {"train": config.train, "validation": config.validation, "test": config.test}
    rng = np.random.default_rng(seed)
    x = np.arange(1, config.nodes + 1) / (config.nodes + 1)
    sines = np.sin(np.pi * np.arange(1, config.modes + 1)[:, None] * x)
    f = rng.standard_normal((sum(counts.values()), config.modes)) @ sines
    u = np.linalg.solve(diffusion(coefficient), f.T).T
    pairs = [torch.from_numpy((v / np.sqrt(np.mean(v**2))).astype(np.float32)) for v in (f, u)]
    splits = zip(*(torch.split(v, list(counts.values())) for v in pairs), strict=True)
    return dict(zip(counts, splits, strict=True))


def relative_errors(model: nn.Module, pair: tuple[Tensor, Tensor]) -> Tensor:
    f, u = pair
    return torch.linalg.norm(model(f) - u, dim=1) / torch.linalg.norm(u, dim=1)


def train(make: Callable[[], nn.Module], config: Config, data: Data, rate: float, seed: int) -> dict:
    """One run: curve of the validation error, test error at the end, steps to each threshold, parameters."""
    torch.manual_seed(seed)
    model = make()
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    f, u = data["train"]
    curve = []
    for step in range(1, config.steps + 1):
        rows = torch.randint(len(f), (config.batch,))
        optimiser.zero_grad()
        relative_errors(model, (f[rows], u[rows])).square().mean().backward()
        optimiser.step()
        schedule.step()
        if step % config.look_every == 0:
            with torch.no_grad():
                curve.append(relative_errors(model, data["validation"]).mean().item())
    with torch.no_grad():
        error = relative_errors(model, data["test"]).mean().item()
    reached = [next((i for i, e in enumerate(curve, 1) if e <= limit), None) for limit in config.thresholds]
    return {
        "error": error,
        "curve": curve,
        "steps_to": [None if i is None else i * config.look_every for i in reached],
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def step_times(config: Config, operators: list[Operator], rounds: int = 20, steps: int = 10) -> dict[str, float]:
    """CPU milliseconds of a training step: the operators in turn, the best of ``rounds``."""
    data = draw(config, config.rate_seed, np.ones(config.nodes + 1))["train"]
    f, u = (v[: config.batch] for v in data)
    models = {name: make() for name, make in operators}
    optimisers = {name: torch.optim.Adam(model.parameters()) for name, model in models.items()}
    best = dict.fromkeys(models, float("inf"))
    for _ in range(rounds):
        for name, model in models.items():
            begun = time.process_time()
            for _ in range(steps):
                optimisers[name].zero_grad()
                relative_errors(model, (f, u)).square().mean().backward()
                optimisers[name].step()
            best[name] = min(best[name], 1e3 * (time.process_time() - begun) / steps)
    return best


def best_rate(make: Callable[[], nn.Module], config: Config, coefficient: np.ndarray) -> float:
    data = draw(config, config.rate_seed, coefficient)
    finals = {rate: train(make, config, data, rate, config.rate_seed)["curve"][-1] for rate in config.rates}
    return min(finals, key=finals.get)


def baseline(config: Config, rank: int) -> Operator:
    return f"global, rank {rank}", lambda: LowRankAttention(config.nodes, rank)


def two_level(config: Config, subdomains: int, overlap: int, rank: int) -> Operator:
    name = f"two-level, N {subdomains}, overlap {overlap}, rank {rank}"
    return name, lambda: DomainDecompositionAttention(config.nodes, subdomains, overlap, rank)


def rank_floor(config: Config, data: Data, rank: int, coefficient: np.ndarray) -> float:
    """Test error of the rank-r M with the least mean square of ||M f - u|| over all f (Eckart-Young), float64."""
    x = np.arange(1, config.nodes + 1) / (config.nodes + 1)
    sines = np.sin(np.pi * np.arange(1, config.modes + 1)[:, None] * x)
    left, values, right = np.linalg.svd(np.linalg.solve(diffusion(coefficient), sines.T), full_matrices=False)
    best = (left[:, :rank] * values[:rank]) @ right[:rank] @ np.linalg.pinv(sines.T)
    f, u = (v.double().numpy() for v in data["test"])
    guess = f @ best.T
    guess *= np.vdot(guess, u) / np.vdot(guess, guess)  # f and u were divided by different numbers
    return float(np.mean(np.linalg.norm(guess - u, axis=1) / np.linalg.norm(u, axis=1)))


def run(config: Config) -> dict:
    n = config.nodes
    mains = [baseline(config, r) for r in config.baseline_ranks] + [two_level(config, *a) for a in config.two_level]
    subdomains, overlap, rank = config.two_level[0]
    sweep = [two_level(config, subdomains, o, rank) for o in config.overlaps]
    sweep += [two_level(config, subdomains, overlap, r) for r in config.ranks]
    sweep += [two_level(config, s, overlap, rank) for s in config.subdomains]
    fields = {"constant": np.ones(n + 1), "two-phase 100:1": pieces(n, 100.0)}
    runs_per_main = len(config.rates) + len(config.seeds)
    progress = report.Progress(len(fields) * len(mains) * runs_per_main + len(sweep) * len(config.seeds))
    result = {"fields": {}, "step_ms": step_times(config, mains + sweep)}
    for field, coefficient in fields.items():
        sets = {seed: draw(config, seed, coefficient) for seed in config.seeds}
        rows = []
        for name, make in mains:
            rate = best_rate(make, config, coefficient)
            rows.append({"name": name, "rate": rate, "runs": _all_seeds(make, config, sets, rate)})
            progress.advance(runs_per_main, f"{field}: {name}, rate {rate:g}")
        for row, r in zip(rows, config.baseline_ranks, strict=False):
            row["floor"] = float(np.mean([rank_floor(config, data, r, coefficient) for data in sets.values()]))
        if field == "constant":
            rate = rows[len(config.baseline_ranks)]["rate"]
            for name, make in sweep:
                rows.append({"name": name, "rate": rate, "runs": _all_seeds(make, config, sets, rate), "sweep": True})
                progress.advance(len(config.seeds), f"sweep: {name}")
        result["fields"][field] = rows
    return result


def _all_seeds(make: Callable[[], nn.Module], config: Config, sets: dict[int, Data], rate: float) -> list[dict]:
    return [train(make, config, data, rate, seed) for seed, data in sets.items()]


def errors(row: dict) -> list[float]:
    return [r["error"] for r in row["runs"]]


def parameters(row: dict) -> int:
    return row["runs"][0]["parameters"]


def steps_to(row: dict, index: int) -> str:
    """Mean steps to a threshold over the seeds, or how many seeds reached it."""
    reached = [r["steps_to"][index] for r in row["runs"]]
    if None in reached:
        return f"{sum(s is not None for s in reached)} of {len(reached)} seeds"
    return f"{np.mean(reached):.0f}"


def result_table(rows: list[dict], step_ms: dict[str, float], config: Config) -> str:
    heads = ["operator", "parameters", "rate", "relative L2 error, %"]
    heads += [f"steps to {100 * t:g} %" for t in config.thresholds] + ["CPU ms per step", "best of that rank, %"]
    lines = []
    for row in rows:
        cells = [row["name"], parameters(row), f"{row['rate']:g}", report.spread([100 * e for e in errors(row)], ".2f")]
        cells += [steps_to(row, i) for i in range(len(config.thresholds))]
        cells.append(f"{step_ms[row['name']]:.2f}")
        lines.append([*cells, f"{100 * row['floor']:.2f}" if "floor" in row else ""])
    return report.table(heads, lines)


def claims(result: dict, config: Config) -> str:
    """The smallest two-level operator against every baseline that has at least as many parameters."""
    rows = [row for row in result["fields"]["constant"] if "sweep" not in row]
    step_ms = result["step_ms"]
    globals_, ours = rows[: len(config.baseline_ranks)], rows[len(config.baseline_ranks)]
    lines = []
    for row in globals_:
        if parameters(row) < parameters(ours):
            continue
        faster = [_mean_steps(ours, i) < _mean_steps(row, i) for i in range(len(config.thresholds))]
        paces = "; ".join(
            f"{steps_to(ours, i)} against {steps_to(row, i)} to {100 * limit:g} %"
            for i, limit in enumerate(config.thresholds)
        )
        seconds = [_mean_steps(r, -1) * step_ms[r["name"]] / 1e3 for r in (ours, row)]
        faster.append(seconds[0] < seconds[1])
        paces += f"; {seconds[0]:.2f} against {seconds[1]:.2f} s to {100 * config.thresholds[-1]:g} %"
        lines.append(
            [f"trains faster (steps and time), {row['name']}", paces, report.verdict(sum(faster), len(faster))]
        )
        wins = sum(a < b for a, b in zip(errors(ours), errors(row), strict=True))
        pair = f"{100 * np.mean(errors(ours)):.2f} % against {100 * np.mean(errors(row)):.2f} %"
        lines.append(
            [f"more accurate, {row['name']}", f"{pair}, better in {wins} seeds", report.verdict(wins, len(errors(row)))]
        )
        fewer = parameters(row) / parameters(ours)
        lines.append([f"significantly fewer parameters, {row['name']}", f"{fewer:.1f}x fewer", ""])
    return report.table(["claimed, against", f"ours: {ours['name']}", "holds"], lines)


def _mean_steps(row: dict, index: int) -> float:
    """Mean steps to a threshold over the seeds; infinite when a seed did not reach it."""
    return float(np.mean([np.inf if r["steps_to"][index] is None else r["steps_to"][index] for r in row["runs"]]))


def sections(result: dict, config: Config) -> list[str]:
    n, k = config.nodes, config.modes
    tables = {field: result_table(rows, result["step_ms"], config) for field, rows in result["fields"].items()}
    return [
        f"1D diffusion, n = {n}, {k} sine modes, {config.train}/{config.validation}/{config.test} samples, Adam, "
        f"{config.steps} steps of {config.batch}, {len(config.seeds)} seeds, mean ± deviation.",
        *(f"**{field} coefficient**\n\n{table}" for field, table in tables.items()),
        f"**Claimed / ours (constant coefficient)**\n\n{claims(result, config)}",
    ]


def plot(result: dict, config: Config, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(result["fields"]), figsize=(11, 4), sharey=True)
    steps = np.arange(1, config.steps // config.look_every + 1) * config.look_every
    for axis, (field, rows) in zip(axes, result["fields"].items(), strict=True):
        for row in rows:
            if "sweep" not in row:
                curves = np.array([r["curve"] for r in row["runs"]])
                (line,) = axis.semilogy(steps, curves.mean(0), label=f"{row['name']} ({parameters(row)})")
                axis.fill_between(steps, curves.min(0), curves.max(0), color=line.get_color(), alpha=0.2)
        axis.set(title=f"{field} coefficient", xlabel="training step")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("relative L2 error, validation")
    axes[0].legend(fontsize=7, title="operator (parameters)", title_fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> int:
    return report.reproduce("dd_attention", argv, (Config(), QUICK), run, sections, plot)


if __name__ == "__main__":
    raise SystemExit(main())
