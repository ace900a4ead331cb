"""Trains the networks: one loop for every task.

    hpsolver train htp_2d --out FOLDER
    torchrun --nproc-per-node 2 -m hpsolver train htp_2d --out FOLDER      (several processes or GPUs)

AdamW with warm-up and cosine decay, gradient clipping, an exponential moving average of the weights. Every step draws
fresh frames; step and process give their seeds, so a run that was stopped goes on exactly where it was. The figure
that counts is validation: PCG iterations to 1e-8 on unseen frames, with the averaged weights; the best are kept.
A folder holds ``last.safetensors`` (to resume from), ``best.safetensors`` (the result), ``log.csv`` and ``curve.png``.
Nothing is pickled.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hpsolver.network import weights
from hpsolver.network.frames import FIRST_SEED
from hpsolver.network.task import Task
from hpsolver.network.validation import log, validate
from hpsolver.preconditioners import weight_files

SCATTER = 1.01
"""Means over a few frames scatter by a percent: of weights that differ by less, the later ones are kept."""


@dataclass(frozen=True)
class Run:
    """How long and how fast.

    Attributes:
        steps: optimiser steps.
        batch: frames of a step, in each process.
        rate: peak of AdamW's learning rate; linear warm-up over ``warmup`` steps, cosine decay to 2 % of it.
        weight_decay, clip: AdamW's weight decay, and the norm that gradients are clipped to.
        average: decay of the moving average of the weights.
        half: run the network in bfloat16 (autocast); losses stay in single precision.
        seed: seed of the first weights and of all frames and probes.
        validate_every: steps between validations.
        validation_frames: frames for each entry of ``Task.validation``.
        start: weight file to start from instead of random weights: a path, or the name of a shipped file.
    """

    steps: int = 4000
    batch: int = 4
    rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 1e-4
    clip: float = 1.0
    average: float = 0.998
    half: bool = True
    seed: int = 0
    validate_every: int = 500
    validation_frames: int = 8
    start: str | None = None


def train(task: Task, run: Run, out: str | Path, *, quiet: bool = False) -> dict[str, float]:
    """Trains, or goes on with, the run in folder ``out``.

    Returns:
        the best validation: step, iterations (mean), worst, failed.

    Raises:
        ValueError: the folder holds a run of another configuration.
    """
    with _processes() as (rank, count):
        return _Training(task, run, Path(out), rank, count, quiet).finish()


class _Training:
    def __init__(self, task: Task, run: Run, out: Path, rank: int, processes: int, quiet: bool):
        self.task, self.run, self.out, self.rank, self.processes = task, run, out, rank, processes
        self.quiet = quiet or rank > 0
        on_gpu = torch.cuda.is_available()
        self.device = torch.device("cuda", rank % torch.cuda.device_count()) if on_gpu else torch.device("cpu")
        torch.manual_seed(run.seed)
        self.network = task.make_network().to(self.device)
        if run.start:
            path = run.start if Path(run.start).exists() else weight_files.shipped(run.start)
            parent = weights.load(path, task.architecture, type(self.network), type(task.network))
            if parent.config != task.network:
                raise ValueError(f"{run.start} holds a network of {parent.config}, expected {task.network}")
            self.network.load_state_dict(parent.state_dict())
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=run.rate, weight_decay=run.weight_decay)
        self.step, self.seconds, self.best = 0, 0.0, {"iterations": math.inf}
        self.out.mkdir(parents=True, exist_ok=True)
        self._resume()
        self.model = self.network
        if processes > 1:
            self.model = nn.parallel.DistributedDataParallel(self.network)
        self.source = task.source(self.device)

    def finish(self) -> dict[str, float]:
        begun, before, losses = time.perf_counter(), self.seconds, []
        while self.step < self.run.steps:
            loss, gradient = self._update()
            losses.append(loss)
            self.step += 1
            self.seconds = before + time.perf_counter() - begun
            if self.step % self.run.validate_every == 0 or self.step == self.run.steps:
                if self.rank == 0:
                    self._report(float(np.mean(losses)), gradient)
                losses.clear()
            elif self.step % max(self.run.validate_every // 5, 1) == 0:
                self._say(f"loss {np.mean(losses):.4f}")
        return self.best

    def _update(self) -> tuple[float, float]:
        run, task = self.run, self.task
        number = self.step * self.processes + self.rank
        operator = self.source.batch(FIRST_SEED + 1_000_000 * run.seed + number, run.batch)
        generator = torch.Generator(self.device).manual_seed(run.seed * 1_000_003 + number)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=run.half):
            prediction = task.predict(self.model, operator)
        loss = task.loss(prediction, operator, generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # Torch's
        gradient = float(nn.utils.clip_grad_norm_(self.network.parameters(), run.clip))
        if math.isfinite(gradient):
            self.optimizer.step()
            self._follow()
        return float(loss.detach()), gradient

    def _rate(self) -> float:
        run, done = self.run, self.step + 1
        if done <= run.warmup:
            return run.rate * done / run.warmup
        phase = (done - run.warmup) / max(run.steps - run.warmup, 1)
        return run.rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * phase)))

    def _follow(self) -> None:
        """Updates the moving average of the weights; in its first steps it forgets faster."""
        keep = min(self.run.average, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(value, 1.0 - keep)

    def _report(self, loss: float, gradient: float) -> None:
        found = validate(self.task, self.average, self.run.validation_frames)
        row = {"step": self.step, "seconds": round(self.seconds, 1), "rate": f"{self._rate():.3e}"}
        row |= {"loss": f"{loss:.6f}", "gradient": f"{gradient:.4f}", **found}
        self._keep(found)
        log(self.out, row)
        worst = f"worst {found['worst']}, failed {found['failed']}"
        self._say(f"loss {loss:.4f}, iterations {found['iterations']:.1f} ({worst})")

    def _keep(self, found: dict[str, float]) -> None:
        """Saves the weights if they are as good as the best so far, and the state to go on from."""
        if found["failed"] < self.best.get("failed", math.inf) or (
            found["failed"] == self.best.get("failed") and found["iterations"] <= SCATTER * self.best["iterations"]
        ):
            self.best = {"step": self.step, **found}
            about: dict[str, Any] = {**self._asdict(), "best": self.best}
            about |= {"seconds": round(self.seconds), "threads": torch.get_num_threads(), "torch": torch.__version__}
            path = self.out / "best.safetensors"
            weights.save(path, self.average, self.task.architecture, self.task.network, about)
        self._save()

    def _say(self, text: str) -> None:
        if not self.quiet:
            left = self.seconds / self.step * (self.run.steps - self.step)
            print(f"step {self.step}/{self.run.steps}, {self.seconds:.0f} s, {left:.0f} s left: {text}", flush=True)

    # --- stopping and going on --------------------------------------------------------------------------------------

    def _asdict(self) -> dict[str, Any]:
        return {"task": dataclasses.asdict(self.task), "run": dataclasses.asdict(self.run)}

    def _described(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps(self._asdict()))
        return plain

    def _save(self) -> None:
        from safetensors.torch import save_file

        tensors = {f"network.{n}": p for n, p in self.network.state_dict().items()}
        tensors |= {f"average.{n}": p for n, p in self.average.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{key}": torch.as_tensor(value) for key, value in state.items()}
        state = {"step": self.step, "seconds": self.seconds, "best": self.best, "config": self._described()}
        partial = self.out / "partial.safetensors"  # renamed when complete: weights and step always belong together
        metadata = {"state": json.dumps(state)}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, str(partial), metadata=metadata)
        partial.replace(self.out / "last.safetensors")

    def _resume(self) -> None:
        last = self.out / "last.safetensors"
        if not last.exists():
            return
        state, tensors = read_state(last)
        if state["config"] != self._described():
            raise ValueError(f"{self.out} holds a run of another configuration; choose another folder or remove it")

        def part(prefix: str) -> dict[str, torch.Tensor]:
            return {n[len(prefix) :]: t.to(self.device) for n, t in tensors.items() if n.startswith(prefix)}

        self.network.load_state_dict(part("network."))
        self.average.load_state_dict(part("average."))
        adam: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in part("adam.").items():
            number, key = name.split(".", 1)
            adam.setdefault(int(number), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": adam})
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]


def read_state(last: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """(step, seconds, best and configuration; tensors) of a run's ``last.safetensors``."""
    from safetensors import safe_open

    with safe_open(str(last), framework="pt") as file:
        return json.loads(file.metadata()["state"]), {name: file.get_tensor(name) for name in file.keys()}


@contextlib.contextmanager
def _processes() -> Iterator[tuple[int, int]]:
    """(rank, count): those of torchrun, or one process."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield 0, 1
        return
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield torch.distributed.get_rank(), count
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()
