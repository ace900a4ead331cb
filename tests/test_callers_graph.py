"""``step`` inside a capture of the caller records the frame: replays give, bit for bit, what ``step`` gives outside."""

import numpy as np
import pytest
import warp as wp

from hpsolver import Solver, Status, problems
from hpsolver.examples.two_phase_flow import Flow, advect_velocity, prepare_projection
from hpsolver.preconditioners import DDAttention

SHAPE = (24, 17)
FRAMES = [problems.frame(family, SHAPE, seed=s) for s, family in enumerate(("bubbles", "panel", "noise"))]


def on_device(*values):
    return [wp.array(value, dtype=wp.float64) for value in values]


def make(**options):
    """A solver that has taken its first step."""
    solver = Solver(SHAPE, **options)
    solver.step(*FRAMES[1])
    return solver


def outside(frame, solid=None, **options):
    solver = Solver(SHAPE, **options)
    solver.set_solid(solid)
    return solver.step(*frame), solver.info


@pytest.mark.parametrize("name", ["schwarz", "multigrid", "htp", "htp_paper", "jacobi", "dd_attention", "fsai", "spai"])
def test_replays_give_the_bits_of_a_step(name):
    solver = make(preconditioner=name)
    density, rhs, pressure = on_device(*FRAMES[1], np.zeros(SHAPE))
    with wp.ScopedCapture() as capture:
        returned = solver.step(density, rhs, out=pressure)
    assert returned is pressure and not pressure.numpy().any(), "a capture records, it does not run"
    for frame in FRAMES:
        density.assign(frame[0]), rhs.assign(frame[1])
        wp.capture_launch(capture.graph)
        expected, info = outside(frame, preconditioner=name)
        assert np.array_equal(pressure.numpy(), expected)
        assert solver.info.status is Status.CONVERGED
        assert (solver.info.iterations, solver.info.residual) == (info.iterations, info.residual)


def test_a_bad_frame_in_a_replay_is_reported_and_leaves_nothing_behind():
    solver = make()
    density, rhs, pressure = on_device(*FRAMES[0], np.zeros(SHAPE))
    with wp.ScopedCapture() as capture:
        solver.step(density, rhs, out=pressure)
    density.fill_(-1.0)
    wp.capture_launch(capture.graph)
    assert solver.info.status is Status.BAD_DENSITY
    density.assign(FRAMES[0][0])
    wp.capture_launch(capture.graph)
    assert np.array_equal(pressure.numpy(), outside(FRAMES[0])[0])


def test_a_frame_that_runs_out_of_iterations_says_so():
    solver = make(preconditioner="multigrid", max_iterations=3)
    density, rhs, pressure = on_device(*FRAMES[2], np.zeros(SHAPE))
    with wp.ScopedCapture() as capture:
        solver.step(density, rhs, out=pressure)
    wp.capture_launch(capture.graph)
    expected, info = outside(FRAMES[2], preconditioner="multigrid", max_iterations=3)
    assert solver.info.status is info.status is Status.MAX_ITERATIONS
    assert np.array_equal(pressure.numpy(), expected)


def test_two_solvers_and_one_solver_twice_in_one_graph():
    first, second = make(preconditioner="multigrid"), make(preconditioner="schwarz")
    arrays = [on_device(*frame, np.zeros(SHAPE)) for frame in FRAMES]
    with wp.ScopedCapture() as capture:
        for solver, (density, rhs, pressure) in zip((first, second, first), arrays, strict=True):
            solver.step(density, rhs, out=pressure)
    for _ in range(2):
        wp.capture_launch(capture.graph)
    for name, frame, array in zip(("multigrid", "schwarz", "multigrid"), FRAMES, arrays, strict=True):
        assert np.array_equal(array[2].numpy(), outside(frame, preconditioner=name)[0])


@wp.kernel
def count_down(counter: wp.array(dtype=wp.int32), rhs: wp.array2d(dtype=wp.float64)):
    i, j = wp.tid()
    rhs[i, j] = wp.float64(2.0) * rhs[i, j]
    if i == 0 and j == 0:
        counter[0] = counter[0] - 1


def test_a_step_in_the_body_of_a_loop_on_the_device():
    solver = make()
    density, rhs, pressure = on_device(*FRAMES[0], np.zeros(SHAPE))
    counter = wp.array([3], dtype=wp.int32)

    def body():
        wp.launch(count_down, dim=SHAPE, inputs=[counter, rhs])
        solver.step(density, rhs, out=pressure)

    wp.load_module()
    with wp.ScopedCapture() as capture:
        wp.capture_while(counter, body)
    wp.capture_launch(capture.graph)
    assert counter.numpy()[0] == 0
    assert np.array_equal(pressure.numpy(), outside((FRAMES[0][0], 8.0 * FRAMES[0][1]))[0])


def test_a_step_that_the_device_may_skip():
    solver = make(preconditioner="multigrid")
    density, rhs, pressure = on_device(*FRAMES[0], np.zeros(SHAPE))
    wanted = wp.array([0], dtype=wp.int32)
    with wp.ScopedCapture() as capture:
        wp.capture_if(wanted, lambda: solver.step(density, rhs, out=pressure))
    wp.capture_launch(capture.graph)
    assert not pressure.numpy().any()
    wanted.fill_(1)
    wp.capture_launch(capture.graph)
    assert np.array_equal(pressure.numpy(), outside(FRAMES[0], preconditioner="multigrid")[0])


def test_a_graph_keeps_the_solids_it_was_recorded_with():
    solid = np.zeros(SHAPE, bool)
    solid[5:9, 4:8] = True
    solver = make()
    density, rhs, pressure = on_device(*FRAMES[0], np.zeros(SHAPE))
    with wp.ScopedCapture() as capture:
        solver.step(density, rhs, out=pressure)
    solver.set_solid(solid)
    assert np.array_equal(solver.step(*FRAMES[0]), outside(FRAMES[0], solid)[0])
    for _ in range(3):
        wp.capture_launch(capture.graph)
    assert np.array_equal(pressure.numpy(), outside(FRAMES[0])[0])
    with wp.ScopedCapture() as capture:
        solver.step(density, rhs, out=pressure)
    wp.capture_launch(capture.graph)
    assert np.array_equal(pressure.numpy(), outside(FRAMES[0], solid)[0])


def test_numpy_arrays_of_the_host_are_recorded_on_a_cpu():
    solver = make()
    density, rhs = FRAMES[0][0].copy(), FRAMES[0][1].copy()
    pressure = np.zeros(SHAPE)
    with wp.ScopedCapture() as capture:
        solver.step(density, rhs, out=pressure)
    wp.capture_launch(capture.graph)
    assert np.array_equal(pressure, outside(FRAMES[0])[0])


@pytest.mark.parametrize(
    ("solver", "out", "error", "message"),
    [
        (lambda: Solver(SHAPE), True, RuntimeError, "call step once outside first"),
        (lambda: make(preconditioner=DDAttention(rank=8)), True, RuntimeError, "predicts on the host.*schwarz.*htp"),
        (make, False, ValueError, "out must be given"),
    ],
)
def test_what_cannot_be_recorded_says_so_and_records_nothing(solver, out, error, message):
    solver = solver()
    density, rhs, pressure = on_device(*FRAMES[0], np.zeros(SHAPE))
    with wp.ScopedCapture() as capture, pytest.raises(error, match=message):
        solver.step(density, rhs, out=pressure if out else None)
    wp.capture_launch(capture.graph)
    assert not pressure.numpy().any()
    solver.step(density, rhs, out=pressure)
    assert solver.info.status is Status.CONVERGED


def flow_step(flow, solver, pressure):
    """One frame of the demo's flow, with a fixed number of transport steps: nothing asks the host."""
    for _ in range(2):
        flow.carry_fraction(wp.float64(0.5 * flow.dt))
    flow._launch(advect_velocity, flow.u, flow.w, wp.float64(flow.dt), flow._u, flow._w)
    flow.u, flow._u, flow.w, flow._w = flow._u, flow.u, flow._w, flow.w
    velocity = flow.u, flow.w, wp.float64(flow.dt)
    flow._launch(prepare_projection, flow.fraction, flow.light, *velocity, flow.density, flow.rhs)
    solver.step(flow.density, flow.rhs, out=pressure)
    flow.project(pressure)


def test_a_whole_flow_step_as_one_graph_gives_the_same_bits():
    """Two frames are recorded, since the velocity changes places with its copy in each."""
    flows = [Flow((32, 16), 1000.0, str(wp.get_device())) for _ in range(2)]
    solvers = [Solver((32, 16), preconditioner="multigrid") for _ in range(2)]
    pressures = [wp.zeros((32, 16), dtype=wp.float64) for _ in range(2)]
    for flow, solver, pressure in zip(flows, solvers, pressures, strict=True):
        for _ in range(2):
            flow_step(flow, solver, pressure)
    eager, recorded = flows
    with wp.ScopedCapture() as capture:
        for _ in range(2):
            flow_step(recorded, solvers[1], pressures[1])
    for _ in range(4):
        for _ in range(2):
            flow_step(eager, solvers[0], pressures[0])
        wp.capture_launch(capture.graph)
        for name in ("fraction", "u", "w"):
            assert np.array_equal(getattr(recorded, name).numpy(), getattr(eager, name).numpy())
    assert np.array_equal(pressures[0].numpy(), pressures[1].numpy()) and abs(pressures[0].numpy()).max() > 0
    assert solvers[1].info.status is Status.CONVERGED
