"""What only a CUDA device can show: its loops, its streams, arrays that stay on it, its memory."""

import gc

import numpy as np
import oracle
import pytest
import torch
import warp as wp

from hpsolver import Solver, problems, programs

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not wp.is_cuda_available(), reason="no CUDA device here"),
]

GPU = "cuda:0"
SHAPE = (128, 96)
DENSITY, RHS = problems.frame("bubbles", SHAPE, seed=1, contrast=1e3)


def clusters() -> bool:
    return programs.most_blocks(wp.get_device(GPU)) > 1


@pytest.mark.parametrize("worlds", [None, 4])
@pytest.mark.parametrize("name", ["jacobi", "multigrid"])
def test_loops_in_one_kernel_give_the_answer_of_loops_of_launches(name, worlds, monkeypatch):
    shape = (64, 64) if clusters() else (32, 32)
    drawn = [problems.frame("bubbles", shape, seed=s, contrast=1e3) for s in range(worlds or 1)]
    density, rhs = map(np.stack, zip(*drawn, strict=True)) if worlds else drawn[0]
    one = Solver(shape, worlds=worlds, preconditioner=name, device=GPU)
    pressure = one.step(density, rhs)
    assert f"{name} solve" in one._pcg.parts_in_one_kernel()
    assert pressure.tobytes() == one.step(density, rhs).tobytes()
    monkeypatch.setattr(programs, "most_blocks", lambda device: 0)
    many = Solver(shape, worlds=worlds, preconditioner=name, device=GPU)
    np.testing.assert_allclose(pressure, many.step(density, rhs), atol=1e-5 * np.abs(pressure).max())
    assert many._pcg.parts_in_one_kernel() == []
    assert np.all(np.abs(np.asarray(one.info.iterations) - np.asarray(many.info.iterations)) <= 2)


@pytest.mark.parametrize("name", ["jacobi", "multigrid", "schwarz"])
def test_solvers_on_streams_of_their_own_do_not_disturb_each_other(name):
    """Clusters of several solvers wait for room, and for nothing else."""
    solvers = [Solver(SHAPE, preconditioner=name, device=GPU) for _ in range(4)]
    alone = [solver.step(DENSITY * (1 + k), RHS) for k, solver in enumerate(solvers)]
    streams = [wp.Stream(GPU) for _ in solvers]
    given = [[wp.array(part, dtype=wp.float64, device=GPU) for part in (DENSITY * (1 + k), RHS)] for k in range(4)]
    out = [wp.zeros(SHAPE, dtype=wp.float64, device=GPU) for _ in solvers]
    wp.synchronize_device(GPU)
    for _ in range(20):
        for solver, stream, arrays, pressure in zip(solvers, streams, given, out, strict=True):
            with wp.ScopedStream(stream):
                solver.step(*arrays, out=pressure)
    wp.synchronize_device(GPU)
    for pressure, expected in zip(out, alone, strict=True):
        assert pressure.numpy().tobytes() == expected.tobytes()


def test_a_step_follows_what_the_callers_stream_did_before_it():
    solver = Solver(SHAPE, device=GPU)
    expected = solver.step(DENSITY, RHS)
    source = torch.as_tensor(RHS, device=GPU)
    density, rhs = torch.as_tensor(DENSITY, device=GPU), torch.zeros(SHAPE, dtype=torch.float64, device=GPU)
    stream = torch.cuda.Stream()
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)  # the right-hand side is late
        rhs.copy_(source)
        pressure = solver.step(density, rhs)
        doubled = 2.0 * pressure
    stream.synchronize()
    np.testing.assert_array_equal(doubled.cpu().numpy(), 2.0 * expected)


def test_arrays_of_torch_and_cupy_stay_on_the_device():
    solver = Solver(SHAPE, device=GPU)
    expected = solver.step(DENSITY, RHS)
    out = torch.zeros(SHAPE, dtype=torch.float64, device=GPU)
    found = solver.step(torch.as_tensor(DENSITY, device=GPU), torch.as_tensor(RHS, device=GPU), out=out)
    assert found is out
    np.testing.assert_array_equal(out.cpu().numpy(), expected)
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    out = cupy.zeros(SHAPE)
    assert solver.step(cupy.asarray(DENSITY), cupy.asarray(RHS), out=out) is out
    np.testing.assert_array_equal(cupy.asnumpy(out), expected)


def test_a_deleted_solver_gives_its_memory_back_at_once():
    wp.synchronize_device(GPU)
    gc.collect()
    before = wp.get_mempool_used_mem_current(GPU)
    for name in ("jacobi", "multigrid", "schwarz", "htp"):
        solver = Solver(SHAPE, preconditioner=name, device=GPU)
        solver.step(DENSITY, RHS)
        assert wp.get_mempool_used_mem_current(GPU) > before
        gc.disable()
        try:
            del solver
            wp.synchronize_device(GPU)
            assert wp.get_mempool_used_mem_current(GPU) == before, name
        finally:
            gc.enable()


@pytest.mark.skipif(wp.get_cuda_device_count() < 2, reason="fewer than two CUDA devices here")
def test_a_second_device_gives_the_bits_of_the_first():
    first, second = (Solver(SHAPE, device=f"cuda:{k}").step(DENSITY, RHS) for k in range(2))
    assert first.tobytes() == second.tobytes()


def test_a_pressure_solves_the_matrix():
    solver = Solver(SHAPE, device=GPU, tolerance=1e-9)
    pressure = solver.step(DENSITY, RHS)
    expected, _ = oracle.solve(oracle.assemble(DENSITY), RHS)
    np.testing.assert_allclose(pressure, expected, atol=1e-6 * np.abs(expected).max())
