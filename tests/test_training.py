"""Training: it learns, goes on where it stopped, runs on several processes, and its files are checked."""

import csv
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hpsolver import Solver, problems
from hpsolver.cli import OK, USAGE, main
from hpsolver.network import weights
from hpsolver.network.basis import BasisConfig, BasisNetwork
from hpsolver.network.basis_task import BasisTask
from hpsolver.network.frames import FIRST_SEED, VALIDATION_SEED, FrameConfig, FrameSource
from hpsolver.network.objectives import cosine_hutchinson, probes, sparse_approximate_inverse
from hpsolver.network.paper_task import PaperTask
from hpsolver.network.presets import PRESETS, configured
from hpsolver.network.transformer import HierarchicalTransformer, TransformerConfig
from hpsolver.network.validation import validate
from hpsolver.preconditioners import Multigrid, Patience
from hpsolver.preconditioners.htp import HTP
from hpsolver.preconditioners.htp_paper import HTPaper
from hpsolver.preconditioners.paper_weights import ARCHITECTURE
from hpsolver.training import Run, read_state, train

pytestmark = pytest.mark.cpu

PAPER = PaperTask(TransformerConfig(width=16, layers=1, heads=2), FrameConfig(shapes=((32, 16),)), probes=8)
BASIS = BasisTask(BasisConfig(width=16, layers=1, heads=2), FrameConfig(shapes=((32, 16),)))
RUN = Run(steps=4, batch=1, warmup=2, validate_every=2, validation_frames=1, half=False)


class Small:
    """Validation on the training's own small grid."""

    def validation(self):
        return [("panel", (32, 16), None)]


@dataclasses.dataclass(frozen=True)
class SmallPaper(Small, PaperTask):
    pass


@dataclasses.dataclass(frozen=True)
class SmallBasis(Small, BasisTask):
    pass


def small(task):
    kind = SmallPaper if isinstance(task, PaperTask) else SmallBasis
    return kind(**{field.name: getattr(task, field.name) for field in dataclasses.fields(task)})


def tensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(str(path))


@pytest.mark.parametrize("task", [PAPER, BASIS], ids=["paper", "basis"])
def test_a_stopped_run_goes_on_exactly_where_it_was(task, tmp_path):
    task = small(task)
    train(task, RUN, tmp_path / "whole", quiet=True)

    class Stopped(Exception):
        pass

    class Stopping(type(task)):
        def loss(self, prediction, operator, generator):
            if self.seen >= 3:
                raise Stopped
            object.__setattr__(self, "seen", self.seen + 1)
            return super().loss(prediction, operator, generator)

    stopping = Stopping(**{field.name: getattr(task, field.name) for field in dataclasses.fields(task)})
    object.__setattr__(stopping, "seen", 0)
    with pytest.raises(Stopped):
        train(stopping, RUN, tmp_path / "parts", quiet=True)
    assert read_state(tmp_path / "parts" / "last.safetensors")[0]["step"] == 2
    train(task, RUN, tmp_path / "parts", quiet=True)
    whole, parts = (tensors(tmp_path / name / "last.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    with (tmp_path / "parts" / "log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["2", "4"]


def test_a_folder_with_another_run_is_refused(tmp_path):
    task = small(BASIS)
    train(task, RUN, tmp_path, quiet=True)
    with pytest.raises(ValueError, match="another configuration"):
        train(task, dataclasses.replace(RUN, rate=1.0), tmp_path, quiet=True)


def test_the_result_loads_into_the_preconditioner(tmp_path):
    for task, make in ((PAPER, HTPaper), (BASIS, HTP)):
        folder = tmp_path / make.name
        train(small(task), RUN, folder, quiet=True)
        from hpsolver import Solver, problems

        solver = Solver((32, 16), preconditioner=make(weights=folder / "best.safetensors"))
        solver.step(*problems.frame("panel", (32, 16), seed=0))
        assert solver.info.converged
        assert weights.about(folder / "best.safetensors")["run"]["steps"] == 4


def test_two_processes_average_their_gradients(tmp_path):
    """One step of two processes is one step with the mean of the gradients of both processes' frames."""
    settings = ["run.steps=1", "run.batch=1", "run.warmup=1", "run.validate_every=1", "run.validation_frames=1"]
    settings += ["run.half=false", "run.clip=1e9", "task.network.width=16", "task.network.layers=1"]
    settings += ["task.network.heads=2", "task.frames.shapes=[[32,16]]"]
    changes = [word for setting in settings for word in ("--set", setting)]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29533"]
    command = ["-m", "hpsolver", "train", "htp_2d", "--out", str(tmp_path), *changes]
    subprocess.run([*launcher, *command], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300)
    _, found = read_state(tmp_path / "last.safetensors")

    task, run = configured("htp_2d", dict(_setting(setting) for setting in settings))
    torch.manual_seed(run.seed)
    network, source = task.make_network(), task.source(torch.device("cpu"))
    for seed in (FIRST_SEED, FIRST_SEED + 1):
        operator = source.batch(seed, 1)
        (0.5 * task.loss(task.predict(network, operator), operator, torch.Generator())).backward()
    optimizer = torch.optim.AdamW(network.parameters(), lr=run.rate, weight_decay=run.weight_decay)
    optimizer.step()
    for name, value in network.state_dict().items():
        assert torch.allclose(found[f"network.{name}"], value, atol=1e-5), name


def _setting(text: str) -> tuple[str, object]:
    key, value = text.split("=")
    return key, json.loads(value)


def test_objectives_vanish_for_the_inverse_and_ignore_what_they_should():
    operator = FrameSource(FrameConfig(shapes=((16, 16),))).batch(0, 1)
    generator = torch.Generator().manual_seed(0)
    z = probes(operator, 4, generator, smooth=True)
    A = operator.multiply(torch.eye(256)[None])[0].double()
    inverse = torch.linalg.pinv(A, rcond=1e-6, hermitian=True)

    def exact(r):
        return (inverse @ r[0].double())[None].float()

    assert cosine_hutchinson(operator, exact, z).item() < 1e-5
    assert cosine_hutchinson(operator, lambda r: 7.0 * exact(r), z).item() < 1e-5
    assert cosine_hutchinson(operator, lambda r: -exact(r), z).item() > 1.99
    assert sparse_approximate_inverse(operator, exact, z).item() < 1e-5
    assert sparse_approximate_inverse(operator, lambda r: 2.0 * exact(r), z).item() > 1e-3
    assert abs(z.sum(dim=1)).max() < 1e-3
    rough = probes(operator, 4, torch.Generator().manual_seed(0), smooth=False)
    roughness = [(p * operator.multiply(p)).sum() / (p * p).sum() for p in (z, rough)]
    assert roughness[0] < 0.5 * roughness[1]


def test_frames_are_a_function_of_their_seed_and_differ():
    source = FrameSource(FrameConfig(shapes=((16, 16), (24, 20)), families=("film", "noise"), contrast=(1.0, 1e4)))
    first, again, other = source.batch(1, 2), source.batch(1, 2), source.batch(2, 2)
    assert torch.equal(first.conductance, again.conductance)
    assert not torch.equal(first.conductance[0], first.conductance[1])
    assert first.conductance.shape != other.conductance.shape or not torch.equal(first.conductance, other.conductance)


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    config = TransformerConfig(width=16, layers=1, heads=2)
    weights.save(path, HierarchicalTransformer(config), ARCHITECTURE, config, {"note": "test"})
    return path


def load(path):
    return weights.load(path, ARCHITECTURE, HierarchicalTransformer, TransformerConfig)


def test_a_weight_file_gives_the_network_back(file):
    assert load(file).config.width == 16
    assert weights.about(file) == {"note": "test"}


def test_wrong_weight_files_are_refused(file, tmp_path):
    with pytest.raises(FileNotFoundError, match="no weight file"):
        load(tmp_path / "missing.safetensors")
    with pytest.raises(ValueError, match=r"expected architecture 'hpsolver.htp/2', got 'hpsolver.htp_paper/1'"):
        weights.load(file, "hpsolver.htp/2", BasisNetwork, BasisConfig)
    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cannot be read"):
        load(truncated)
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(b"not a weight file at all")
    with pytest.raises(ValueError, match="cannot be read"):
        load(noise)


def test_tensors_that_do_not_fit_or_are_not_finite_are_refused(tmp_path):
    path, config = tmp_path / "w.safetensors", TransformerConfig(width=16, layers=1, heads=2)
    other = HierarchicalTransformer(dataclasses.replace(config, width=32))
    weights.save(path, other, ARCHITECTURE, config, {})
    with pytest.raises(ValueError, match="expected shape"):
        load(path)
    broken = HierarchicalTransformer(config)
    with torch.no_grad():
        broken.gate.bias.fill_(torch.nan)
    weights.save(path, broken, ARCHITECTURE, config, {})
    with pytest.raises(ValueError, match="NaN or Inf"):
        load(path)


# --- command line -----------------------------------------------------------------------------------------------------


def test_presets_make_their_networks_and_settings_are_checked():
    for task, run in PRESETS.values():
        assert isinstance(run, Run)
        assert sum(p.numel() for p in task.make_network().parameters()) > 0
    task, run = configured("htp_2d", {"run.steps": 7, "task.frames.shapes": [[16, 16]]})
    assert run.steps == 7
    assert task.frames.shapes == ((16, 16),)
    refused = [("nothing", {}), ("htp_2d", {"run.stepz": 1}), ("htp_2d", {"run.steps": "many"})]
    refused += [(name, {"task.objective": "gains"}) for name in ("htp_2d", "htp_paper_1024")]
    for name, changes in refused:
        with pytest.raises(ValueError, match=r"unknown|must be"):
            configured(name, changes)


def test_validation_lets_the_network_begin_every_frame():
    """Also after a frame that its fallback finished: otherwise the next ones would count the fallback's iterations."""

    class GivesUp(Multigrid):
        def allocate(self) -> None:
            super().allocate()
            self.patience = Patience(4, 2, 0.1)

    class Task(Small):
        frames = PAPER.frames

        def preconditioner(self, network):
            return GivesUp()

    expected = []
    for seed in range(VALIDATION_SEED, VALIDATION_SEED + 4):
        solver = Solver((32, 16), preconditioner=GivesUp(), tolerance=1e-8)
        solver.step(*problems.frame("panel", (32, 16), seed=seed))
        assert solver.info.fallback
        expected.append(solver.info.iterations)
    assert validate(Task(), None, 4) == {"iterations": np.mean(expected), "worst": max(expected), "failed": 4}


def test_command_line_trains_and_refuses(tmp_path, capsys):
    changes = ["run.steps=1", "run.validate_every=1", "run.validation_frames=1", "run.half=false", "run.warmup=1"]
    changes += ["task.network.width=16", "task.network.layers=1", "task.network.heads=2"]
    changes += ["task.frames.shapes=[[32,16]]"]
    words = [word for change in changes for word in ("--set", change)]
    assert main(["train", "htp_paper_1024", "--out", str(tmp_path / "run"), *words]) == OK
    assert "iterations" in capsys.readouterr().out
    assert main(["train", "nothing", "--out", str(tmp_path)]) == USAGE
    assert "unknown training 'nothing'" in capsys.readouterr().err
