"""Hierarchical kernel attention (arXiv 2604.08829) against standard attention on a ListOps-like task.

    python -m bench.papers.hkt [--quick] [--out FOLDER]

Measured: test accuracy over seeds with paired tests; counted flops of the attention; the learned level weights; and
whether trained models satisfy the paper's condition for a positive semidefinite kernel (eigenvalues of the symmetrised
forms, and of the symmetric part of the scores on test tokens).

Budgets: all models train on the same batches of the same samples for the same number of steps. "standard" has the
width of the HKT model; "standard, wide" has a wider feed-forward part, which gives it the parameters of the HKT model
and more flops. Equal time is not tested: a step of HKT takes longer. The standard models are the same code with one
level. Pre-norm blocks, learned positions, mean over the tokens, AdamW, one-cycle rate, gradient norm clipped at 1.
Attention is not masked by order; HKT's downsampling is the causal one. A seed draws weights and batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from hpsolver.operators import CausalPairs, HierarchicalKernelAttention, split

from . import listops, report


@dataclass(frozen=True)
class Config:
    length: int = 96
    shortest: int = 24
    train: int = 20000
    test: int = 2000
    data_seed: int = 1
    test_seed: int = 2
    width: int = 64
    blocks: int = 2
    heads: int = 4
    hidden: int = 128
    levels: int = 3
    steps: int = 600
    batch: int = 32
    rate: float = 2e-3
    decay: float = 1e-2
    seeds: tuple[int, ...] = (0, 1, 2)
    paper_length: int = 512


QUICK = Config(length=64, shortest=16, train=1000, test=300, steps=40, seeds=(0, 1))

HKT, STANDARD, WIDE = "HKT", "standard", "standard, wide"
PAPER = {"standard": 50.33, "HKT": 55.10}
"""Synthetic ListOps at T = 512, per cent (abstract)."""

Samples = tuple[Tensor, Tensor]


class Classifier(nn.Module):
    """Codes [batch, T] to ten logits [batch, 10]."""

    def __init__(self, config: Config, levels: int, hidden: int):
        super().__init__()
        c = config
        self.embedding = nn.Embedding(len(listops.VOCABULARY), c.width)
        self.position = nn.Parameter(0.02 * torch.randn(c.length, c.width))
        self.attention = nn.ModuleList(
            HierarchicalKernelAttention(c.width, c.heads, [CausalPairs(c.width) for _ in range(levels - 1)])
            for _ in range(c.blocks)
        )
        self.feed_forward = nn.ModuleList(
            nn.Sequential(nn.Linear(c.width, hidden), nn.GELU(), nn.Linear(hidden, c.width)) for _ in range(c.blocks)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(c.width) for _ in range(2 * c.blocks + 1))
        self.head = nn.Linear(c.width, 10)

    def forward(self, codes: Tensor) -> Tensor:
        x, valid = self.embedding(codes) + self.position[: codes.shape[1]], codes > 0
        for i, (attention, feed_forward) in enumerate(zip(self.attention, self.feed_forward, strict=True)):
            x = x + attention(self.norms[2 * i](x), valid)
            x = x + feed_forward(self.norms[2 * i + 1](x))
        share = valid / valid.sum(1, keepdim=True)
        return self.head((self.norms[-1](x) * share[..., None]).sum(1))


def models(config: Config) -> dict[str, Callable[[], Classifier]]:
    """Functions that make the models; ``wide`` makes up for HKT's two bilinear maps and one downsampling a level."""
    c = config
    extra = (c.levels - 1) * (4 * c.width**2 + c.width) + (c.levels - 1)
    wide = c.hidden + round(extra / (2 * c.width + 1))
    return {
        STANDARD: lambda: Classifier(c, 1, c.hidden),
        WIDE: lambda: Classifier(c, 1, wide),
        HKT: lambda: Classifier(c, c.levels, c.hidden),
    }


def load(config: Config) -> tuple[Samples, Samples]:
    sets = ((config.train, config.data_seed), (config.test, config.test_seed))
    drawn = (listops.samples(count, config.length, config.shortest, seed) for count, seed in sets)
    first, second = (tuple(map(torch.from_numpy, pair)) for pair in drawn)
    return first, second


def trimmed(codes: Tensor) -> Tensor:
    """``codes`` without the columns that are padding in every row, the length rounded up to a multiple of four."""
    longest = int((codes > 0).sum(1).max())
    return codes[:, : -(-longest // 4) * 4]


def train(make: Callable[[], Classifier], config: Config, data: Samples, seed: int) -> tuple[Classifier, float]:
    """(trained model, mean training loss of the last 100 steps)."""
    torch.manual_seed(seed)
    model, (codes, labels) = make(), data
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate, weight_decay=config.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=config.steps, pct_start=0.1)
    order, losses = np.random.default_rng(seed), []
    for _ in range(config.steps):
        rows = torch.from_numpy(order.integers(len(codes), size=config.batch))
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(trimmed(codes[rows])), labels[rows])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return model, float(np.mean(losses[-100:]))


def step_times(config: Config, makers: dict[str, Callable[[], Classifier]], data: Samples, rounds: int = 20):
    """CPU milliseconds of forward and backward on one batch, by model: the models in turn, the best of ``rounds``."""
    codes, labels = (part[: config.batch] for part in data)
    built, best = {name: make() for name, make in makers.items()}, dict.fromkeys(makers, float("inf"))
    for _ in range(rounds):
        for name, model in built.items():
            begun = time.process_time()
            functional.cross_entropy(model(trimmed(codes)), labels).backward()
            best[name] = min(best[name], 1e3 * (time.process_time() - begun))
    return best


@torch.no_grad()
def correct(model: nn.Module, data: Samples) -> np.ndarray:
    """Bool [samples]: whether the model is right on a sample."""
    codes, labels = data
    guesses = torch.cat([model(part).argmax(1) for part in codes.split(100)])
    return (guesses == labels).numpy()


def root_baseline(train_set: Samples, test_set: Samples) -> float:
    """Accuracy of guessing, from the first operator alone, its most frequent value."""
    (codes, labels), (test_codes, test_labels) = train_set, test_set
    best = {int(op): int(labels[codes[:, 0] == op].mode().values) for op in codes[:, 0].unique()}
    return float(np.mean([best[int(op)] == int(v) for op, v in zip(test_codes[:, 0], test_labels, strict=True)]))


@torch.no_grad()
def kernel_report(model: Classifier, data: Samples, count: int = 8) -> list[dict]:
    """Per block of a trained HKT, what its kernel is like.

    Level weights; negative share of the eigenvalues of the symmetrised forms (0 is the condition of Proposition 3.1,
    independent Q and K give about 1/2); the same of the symmetric part of the scores of whole test samples; norm of
    the antisymmetric part over that of the symmetric one, per level.
    """
    result = []

    def negative(matrices: Tensor) -> Tensor:
        values = torch.linalg.eigvalsh(matrices.double())
        return (values.clamp(max=0).sum(-1) / values.abs().sum(-1)).abs()

    def look(attention, arguments):
        x, valid = arguments
        forms = split(attention.bilinear_forms())[0]
        shares, ratios = [], []
        for row, used in zip(x[:count], valid[:count], strict=True):
            tokens = row[used][None]
            shares.append(negative(split(attention.scores(tokens))[0]).mean().item())
            parts = [split(scores) for scores in attention.level_scores(tokens)]
            ratios.append([(torch.linalg.norm(a) / torch.linalg.norm(s)).item() for s, a in parts])
        result.append(
            {
                "weights": attention.weights.tolist(),
                "forms_negative": negative(forms).mean(1).tolist(),
                "forms_satisfying": int((torch.linalg.eigvalsh(forms.double())[..., 0] >= -1e-6).sum()),
                "forms": forms.shape[0] * forms.shape[1],
                "scores_negative": float(np.mean(shares)),
                "antisymmetric_over_symmetric": np.mean(ratios, 0).tolist(),
            }
        )

    hooks = [attention.register_forward_pre_hook(look) for attention in model.attention]
    model(data[0][:count])
    for hook in hooks:
        hook.remove()
    return result


def counted_flops(config: Config, length: int, levels: int) -> dict[str, int]:
    """Matrix-product flops of one attention layer on one sequence, and of its score products alone."""
    layer = HierarchicalKernelAttention(config.width, config.heads, [CausalPairs(config.width)] * (levels - 1))
    x = torch.zeros(1, length, config.width)
    with FlopCounterMode(display=False) as whole:
        layer(x)
    products = sum(2 * (length >> level) ** 2 * config.width for level in range(levels))
    with FlopCounterMode(display=False) as counter:
        layer.scores(x)
    counts = counter.get_flop_counts()["Global"]
    assert sum(v for op, v in counts.items() if "bmm" in str(op)) == products
    return {"total": whole.get_total_flops(), "scores": products}


def run(config: Config) -> dict:
    train_set, test_set = load(config)
    makers = models(config)
    progress = report.Progress(len(makers) * len(config.seeds))
    result = {"runs": {name: [] for name in makers}, "kernels": []}
    result["root_baseline"] = root_baseline(train_set, test_set)
    result["step_ms"] = step_times(config, makers, train_set)
    right = {name: [] for name in makers}
    for seed in config.seeds:
        for name, make in makers.items():
            model, loss = train(make, config, train_set, seed)
            progress.advance(1, f"seed {seed} {name}")
            right[name].append(correct(model, test_set))
            figures = {"accuracy": float(right[name][-1].mean()), "loss": loss}
            with FlopCounterMode(display=False) as counter:
                model(test_set[0][:1])
            figures["forward_flops"] = counter.get_total_flops()
            figures["parameters"] = sum(p.numel() for p in model.parameters())
            result["runs"][name].append(figures)
            if name == HKT:
                result["kernels"].append(kernel_report(model, test_set))
    result["paired"] = {name: paired(right[HKT], right[name]) for name in (STANDARD, WIDE)}
    lengths = (config.length, config.paper_length, 4 * config.paper_length)
    result["flops"] = {n: {level: counted_flops(config, n, level) for level in range(1, 6)} for n in lengths}
    return result


def paired(ours: list[np.ndarray], theirs: list[np.ndarray]) -> dict:
    """Difference in accuracy: t-test over seeds, and exact McNemar test over all (seed, sample) pairs.

    McNemar's test takes the pairs as independent, though every seed meets the same samples: read it beside the t-test.
    """
    differences = [float(a.mean() - b.mean()) for a, b in zip(ours, theirs, strict=True)]
    a, b = np.concatenate(ours), np.concatenate(theirs)
    only_ours, only_theirs = int((a & ~b).sum()), int((b & ~a).sum())
    t_test = stats.ttest_1samp(differences, 0.0).pvalue if len(differences) > 1 else float("nan")
    sign = stats.binomtest(only_ours, only_ours + only_theirs).pvalue if only_ours + only_theirs else 1.0
    return {
        "differences": differences,
        "t_test_p": float(t_test),
        "only_ours": only_ours,
        "only_theirs": only_theirs,
        "mcnemar_p": float(sign),
    }


def sections(result: dict, config: Config) -> list[str]:
    c, runs = config, result["runs"]
    rows = [
        [
            name,
            figures[0]["parameters"],
            f"{figures[0]['forward_flops'] / 1e6:.1f}",
            f"{result['step_ms'][name]:.0f}",
            f"{np.mean([r['loss'] for r in figures]):.3f}",
            ", ".join(f"{100 * r['accuracy']:.2f}" for r in figures),
            report.spread([100 * r["accuracy"] for r in figures]),
        ]
        for name, figures in runs.items()
    ]
    heads = ["model", "parameters", f"forward Mflop at T = {c.length}", "CPU ms per step", "training loss"]
    heads += ["test accuracy per seed, %", "mean ± deviation"]
    tests = [
        [
            f"HKT - {name}",
            report.spread([100 * d for d in p["differences"]]),
            f"{p['t_test_p']:.2g}",
            f"{p['only_ours']} : {p['only_theirs']}",
            f"{p['mcnemar_p']:.2g}",
        ]
        for name, p in result["paired"].items()
    ]
    test_heads = ["pair", "difference, points", "t-test over seeds, p", "right only HKT : only the other", "McNemar p"]
    flops = [
        [n, level, f"{f['scores'] / levels[1]['scores']:.4f}", f"{f['total'] / levels[1]['total']:.4f}"]
        for n, levels in result["flops"].items()
        for level, f in levels.items()
        if level > 1
    ]
    kernels = [
        [
            seed,
            block + 1,
            _numbers(k["weights"]),
            f"{k['forms_satisfying']} of {k['forms']}",
            _numbers(k["forms_negative"]),
            f"{k['scores_negative']:.2f}",
            _numbers(k["antisymmetric_over_symmetric"]),
        ]
        for seed, blocks in zip(c.seeds, result["kernels"], strict=True)
        for block, k in enumerate(blocks)
    ]
    kernel_heads = ["seed", "block", "level weights", "forms that are PSD", "negative share of the forms, per level"]
    kernel_heads += ["negative share of the scores", "antisymmetric / symmetric, per level"]
    return [
        f"**ListOps-like**, {c.shortest} to {c.length} tokens, {c.train} samples to train, {c.test} to test, {c.steps} "
        f"steps of {c.batch}, {len(c.seeds)} seeds; guessing from the first operator alone gives "
        f"{100 * result['root_baseline']:.1f} %\n\n" + report.table(heads, rows),
        "**Paired tests**\n\n" + report.table(test_heads, tests),
        f"**Counted flops over standard attention**, one layer, d = {c.width}\n\n"
        + report.table(["T", "L", "score products", "whole layer"], flops),
        "**Trained HKT models** (shares: sum of |negative eigenvalues| over sum of |eigenvalues|, mean over heads)\n\n"
        + report.table(kernel_heads, kernels),
        "**Claimed / ours**\n\n" + report.table(["claimed", "ours", "holds"], claims(result, c)),
    ]


def _numbers(values: list[float]) -> str:
    return " ".join(f"{v:.2f}" for v in values)


def claims(result: dict, config: Config) -> list[list[str]]:
    lines = []
    for name, p in result["paired"].items():
        differences = [100 * d for d in p["differences"]]
        claimed = f"+{PAPER['HKT'] - PAPER['standard']:.2f} points on ListOps (T = 512, 3 seeds), against {name}"
        ours = f"{np.mean(differences):+.2f} points (T <= {config.length}), t-test p {p['t_test_p']:.2g}, "
        sure = min(differences) > 0 and p["mcnemar_p"] < 0.05
        holds = "yes, in sign" if sure else "not beyond chance" if p["mcnemar_p"] >= 0.05 else "no"
        lines.append([claimed, ours + f"McNemar p {p['mcnemar_p']:.2g}", holds])
    flops = result["flops"]
    scores = [levels[3]["scores"] / levels[1]["scores"] for levels in flops.values()]
    whole = "; ".join(f"{levels[3]['total'] / levels[1]['total']:.3f} at T = {n}" for n, levels in flops.items())
    times = result["step_ms"]
    blocks = [block for seed in result["kernels"] for block in seed]
    satisfied, forms = (sum(block[key] for block in blocks) for key in ("forms_satisfying", "forms"))
    exact = report.verdict(int(all(s == 21 / 16 for s in scores)), 1)
    within = sum(levels[3]["total"] <= 4 / 3 * levels[1]["total"] for levels in flops.values())
    return [
        *lines,
        ["cost 21/16 of standard attention at L = 3: score products", f"{scores[0]:.4f}, counted", exact],
        ["cost at most 4/3: whole layer with its linear maps", whole, report.verdict(within, len(flops))],
        ["1.31x overhead, measured", f"{times[HKT] / times[STANDARD]:.2f}x the CPU time of a step of standard", ""],
        ["PSD kernel under a condition on the symmetrised forms", "tests/test_hkt.py", "yes"],
        [
            "(not claimed) trained models meet that condition",
            f"in {satisfied} of {forms} forms",
            report.verdict(satisfied, forms),
        ],
        [
            "L = 1 is standard attention; causal convolution a special case; unique split per level",
            "tests/test_hkt.py",
            "yes",
        ],
    ]


def plot(result: dict, config: Config, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    for place, runs in enumerate(result["runs"].values()):
        left.plot([place] * len(runs), [100 * r["accuracy"] for r in runs], "o")
    left.axhline(100 * result["root_baseline"], color="grey", linestyle=":", label="first operator alone")
    left.set_xticks(range(len(result["runs"])), list(result["runs"]))
    left.set(ylabel="test accuracy, %", title="one point per seed")
    left.legend()
    weights = np.array([[block["weights"] for block in blocks] for blocks in result["kernels"]])
    for block in range(weights.shape[1]):
        right.errorbar(
            np.arange(weights.shape[2]) + 0.05 * block, weights[:, block].mean(0), weights[:, block].std(0), marker="o",
            label=f"block {block + 1}",
        )  # fmt: skip
    right.set_xticks(range(weights.shape[2]))
    right.set(xlabel="level (0 = finest)", ylabel="learned weight", title="HKT, mean and deviation over seeds")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> int:
    return report.reproduce("hkt", argv, (Config(), QUICK), run, sections, plot)


if __name__ == "__main__":
    raise SystemExit(main())
