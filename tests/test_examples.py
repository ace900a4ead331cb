"""The examples run, check themselves, and draw what they say."""

import builtins
import subprocess
import sys

import numpy as np
import pytest
import torch
import warp as wp
from PIL import Image

from hpsolver import Solver
from hpsolver.examples import learn_force, liquid, plug_in, rising_bubbles, shared_bubbles, smoke, two_phase_flow

pytestmark = pytest.mark.cpu

TINY = ["--shape", "32x32", "--frames", "8"]
PICTURES = ("rising_bubbles.gif", "frame.png", "convergence.png")


@pytest.fixture(scope="module")
def late_flow():
    """A 1000:1 flow half way up, torn bubbles and all, and its solver."""
    flow, solver = two_phase_flow.Flow((32, 32), 1000.0), Solver((32, 32), max_iterations=5000)
    for _ in range(80):
        flow.advance()
        flow.project(solver.step(flow.density, flow.rhs))
    return flow, solver


def test_rising_bubbles_passes_its_own_check(capsys):
    assert rising_bubbles.main([*TINY, "--no-pictures"]) == 0
    output = capsys.readouterr().out
    assert "check passed" in output and "mass drift" in output
    assert "| auto |" in output and "| jacobi |" in output


def test_rising_bubbles_draws(tmp_path):
    assert rising_bubbles.main([*TINY, "--out", str(tmp_path / "new")]) == 0
    for name in PICTURES:
        with Image.open(tmp_path / "new" / name) as picture:
            picture.verify()
    with Image.open(tmp_path / "new" / PICTURES[0]) as film:
        assert film.n_frames == 5  # the start and every second frame


def test_rising_bubbles_runs_without_matplotlib(tmp_path, capsys, monkeypatch):
    real_import = builtins.__import__

    def no_matplotlib(name, *args, **kwargs):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    assert rising_bubbles.main([*TINY, "--out", str(tmp_path)]) == 0
    assert "pictures skipped: matplotlib is not installed" in capsys.readouterr().out


def test_rising_bubbles_with_one_solver_only(capsys):
    assert rising_bubbles.main([*TINY, "--no-pictures", "--preconditioner", "jacobi", "--contrast", "100"]) == 0
    assert capsys.readouterr().out.count("| jacobi |") == 1


def test_rising_bubbles_fails_its_check_when_frames_do_not_converge(capsys, monkeypatch):
    monkeypatch.setattr(rising_bubbles, "MAX_ITERATIONS", 2)
    assert rising_bubbles.main([*TINY, "--no-pictures"]) == 1
    error = capsys.readouterr().err
    assert "CHECK FAILED: auto, frame 1: max_iterations" in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["--shape", "wide"],
        ["--shape", "4x4"],
        ["--frames", "1"],
        ["--contrast", "0"],
        ["--contrast", "nan"],
        ["--preconditioner", "magic"],
        ["--device", "abacus"],
        ["--out", __file__],
    ],
    ids=" ".join,
)
def test_rising_bubbles_refuses_bad_options(arguments, capsys):
    with pytest.raises(SystemExit) as exit_code:
        rising_bubbles.main(arguments)
    assert exit_code.value.code == 2
    assert arguments[1] in capsys.readouterr().err


def test_divergence_left_by_the_projection_is_the_solvers_residual(late_flow):
    flow, solver = late_flow
    flow.advance()
    before = np.linalg.norm(flow.divergence())
    flow.project(solver.step(flow.density, flow.rhs))
    assert solver.info.converged
    assert np.linalg.norm(flow.divergence()) / before == pytest.approx(solver.info.residual, rel=1e-6)


def test_the_fraction_keeps_its_mass_and_its_edge(late_flow):
    flow, _ = late_flow
    start, now = two_phase_flow.bubbles(flow.shape), flow.fraction.numpy()
    assert 0.0 <= now.min() and now.max() <= 1.0
    assert now.sum() == pytest.approx(start.sum(), rel=1e-6)
    assert ((now > 0.01) & (now < 0.99)).mean() < 0.2
    height = np.arange(32) + 0.5
    rise = ((1 - now) @ height).sum() / (1 - now).sum() - ((1 - start) @ height).sum() / (1 - start).sum()
    assert rise > 3.0  # cells


def test_a_disc_drawn_out_by_a_vortex_comes_back_without_loss():
    """Pure transport in a velocity free of divergence, then in its reverse (Rider and Kothe's single vortex)."""
    n, steps = 64, 150
    flow = two_phase_flow.Flow((n, n), 10.0)
    x, z = np.meshgrid(np.arange(n) + 0.5, np.arange(n) + 0.5, indexing="ij")
    disc = np.clip(0.5 + np.hypot(x - 0.5 * n, z - 0.75 * n) - 0.15 * n, 0.0, 1.0)
    flow.fraction.assign(disc)
    bump = np.sin(np.pi * np.arange(n + 1) / n) ** 2
    stream = 0.4 * n / np.pi * np.outer(bump, bump)
    for sign in (1.0, -1.0):
        flow.u.assign(sign * np.diff(stream, axis=1))
        flow.w.assign(-sign * np.diff(stream, axis=0))
        for _ in range(steps):
            flow.carry_fraction(1.0)
        now = flow.fraction.numpy().copy()
        assert now.sum() == pytest.approx(disc.sum(), rel=1e-12)
        error = abs(now - disc).sum() / (1 - disc).sum()
        assert error > 1.0 if sign > 0 else error < 0.1


def test_plug_in_leaves_no_divergence(capsys):
    assert plug_in.main() == 0
    assert "hpsolver" in capsys.readouterr().out


@pytest.mark.parametrize("shape", ["40x24", "20x16x12"])
def test_liquid_passes_its_own_check_and_draws(shape, tmp_path, capsys):
    assert liquid.main(["--shape", shape, "--frames", "6", "--out", str(tmp_path / "new")]) == 0
    assert "check passed" in capsys.readouterr().out
    with Image.open(tmp_path / "new" / "liquid.gif") as film:
        assert film.n_frames == 6


def test_the_liquids_graph_does_what_its_launches_do():
    """Bit for bit, a step recorded once and replayed, in which particles, surface and paddle are new each time."""
    recorded, launched = liquid.Liquid((32, 20), "cpu"), liquid.Liquid((32, 20), "cpu")
    launched.step()
    launched._graph = None
    for _ in range(3):
        recorded.step()
    launched._step()
    launched._step()
    assert np.array_equal(recorded.position.numpy(), launched.position.numpy())
    assert np.array_equal(recorded.impulse.numpy(), launched.impulse.numpy())


def test_liquid_at_rest_stays_at_rest():
    """A pool without a dam: gravity and pressure balance, up to the roughness of its surface."""
    one = liquid.Liquid((32, 20), "cpu")
    points = one.position.numpy()
    pool = points[points[:, 1] < 2.4]
    one.position, one.velocity = (wp.array(a, dtype=wp.vec3, device="cpu") for a in (pool, np.zeros_like(pool)))
    for _ in range(8):
        one.step()
    assert abs(one.velocity.numpy()).mean() < 0.05 < liquid.STEP * 8


@pytest.mark.parametrize("arguments", [["--shape", "64"], ["--shape", "8x8"], ["--frames", "0"]], ids=" ".join)
def test_liquid_refuses_bad_options(arguments, capsys):
    with pytest.raises(SystemExit) as exit_code:
        liquid.main(arguments)
    assert exit_code.value.code == 2
    assert arguments[1] in capsys.readouterr().err


@pytest.mark.parametrize("shape", ["32x40", "16x20x12"])
def test_smoke_passes_its_own_check_and_draws(shape, tmp_path, capsys):
    assert smoke.main(["--shape", shape, "--frames", "5", "--out", str(tmp_path / "new")]) == 0
    assert "check passed" in capsys.readouterr().out
    with Image.open(tmp_path / "new" / "smoke.gif") as film:
        assert film.n_frames == 5


def test_the_plumes_graph_does_what_its_launches_do():
    recorded, launched = smoke.Plume((24, 30), "cpu"), smoke.Plume((24, 30), "cpu")
    for _ in range(3):
        recorded.step()
        launched._steps()
    assert np.array_equal(recorded.smoke.numpy(), launched.smoke.numpy())
    for mine, theirs in zip(recorded.velocity, launched.velocity, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())
    assert recorded.divergence() < 1e-3


def test_learn_force_brings_bubbles_to_their_targets(tmp_path, capsys):
    small = ["--worlds", "3", "--cells", "16", "--rounds", "8", "--device", "cpu"]
    assert learn_force.main([*small, "--out", str(tmp_path)]) == 0
    assert "3 of 3 bubbles" in capsys.readouterr().out
    with Image.open(tmp_path / "learn_force.gif") as film:
        assert film.n_frames == 21
    with Image.open(tmp_path / "learn_force.png") as picture:
        picture.verify()


def test_learn_force_says_so_when_it_has_not_learnt(capsys):
    assert learn_force.main(["--worlds", "2", "--cells", "8", "--frames", "2", "--rounds", "1", "--no-pictures"]) == 1
    assert "CHECK FAILED: 2 bubbles should be there" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        learn_force.main(["--cells", "4"])
    assert "argument --cells: must be at least 8, got 4" in capsys.readouterr().err


def test_gradients_of_learn_force_are_those_of_finite_differences():
    """Forces, projection and transport of two frames, in two worlds."""
    n, worlds = 8, 2
    solver = Solver((n, n), spacing=1.0 / n, worlds=worlds, tolerance=1e-12, precision="float64", device="cpu")
    start = learn_force.begin(worlds, n, torch.device("cpu"))

    def places(force):
        state = start
        for frame in range(2):
            state = learn_force.advance(solver, state, force[frame])
        return learn_force.centre(state.light)

    force = torch.tensor(np.random.default_rng(0).standard_normal((2, worlds, 2)), requires_grad=True)
    assert torch.autograd.gradcheck(places, (force,), eps=1e-5, atol=1e-8, rtol=1e-4)


def test_shared_bubbles_are_those_of_one_process():
    """Through torchrun, as ``hpsolver demo --ranks`` starts it; the example compares every pressure itself."""
    words = ["--ranks", "2", "--shape", "48x40", "--frames", "6"]
    command = [sys.executable, "-m", "hpsolver", "demo", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "check passed: every frame converged, and its pressure is that of one process, bit for bit" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"), [(["--ranks", "0"], "at least 1"), (["--ranks", "2", "--frames", "0"], "1")]
)
def test_shared_bubbles_refuse_bad_options(words, said, capsys):
    with pytest.raises(SystemExit):
        shared_bubbles.main(words)
    assert said in capsys.readouterr().err
