"""Arrays of every accepted kind go in and come out; others are refused with a message that helps."""

import sys
import types

import numpy as np
import pytest
import torch
import warp as wp

from hpsolver import Solver, problems

pytestmark = pytest.mark.cpu

SHAPE = (20, 12)
DENSITY, RHS = problems.frame("panel", SHAPE, seed=1)


@pytest.fixture(scope="module")
def solver():
    return Solver(SHAPE)


@pytest.fixture(scope="module")
def expected(solver):
    return solver.step(DENSITY, RHS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["numpy", "torch", "warp"])
def test_result_has_the_kind_and_dtype_of_the_right_hand_side(solver, expected, kind, dtype):
    convert = {
        "numpy": lambda a: a.astype(dtype),
        "torch": lambda a: torch.tensor(a, dtype=getattr(torch, dtype)),
        "warp": lambda a: wp.array(a, dtype=getattr(wp, dtype), device="cpu"),
    }[kind]
    density, rhs = convert(DENSITY), convert(RHS)
    p = solver.step(density, rhs)
    assert type(p) is type(rhs) and p.dtype == rhs.dtype
    values = p.numpy() if kind != "numpy" else p
    assert np.allclose(values, expected, atol=1e-4 * abs(expected).max())


class Exchanged:
    """An array of a library nobody has heard of: it speaks DLPack and nothing else."""

    def __init__(self, values: np.ndarray):
        self._values = values

    def __dlpack__(self, **options):
        return self._values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._values.__dlpack_device__()


def test_any_dlpack_array_goes_in_and_can_be_the_output(solver, expected):
    p = solver.step(Exchanged(DENSITY), Exchanged(RHS))
    assert isinstance(p, wp.array) and np.array_equal(p.numpy(), expected)
    out = Exchanged(np.empty(SHAPE))
    assert solver.step(DENSITY, RHS, out=out) is out
    assert np.array_equal(out._values, expected)
    with pytest.raises(ValueError, match=r"\(20, 12\)"):
        solver.step(Exchanged(DENSITY.T.copy()), RHS)
    with pytest.raises(TypeError, match="int64"):
        solver.step(Exchanged(DENSITY.astype(int)), RHS)


@pytest.mark.parametrize(
    "view",
    [np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2], lambda a: a[::-1, ::-1].copy()[::-1, ::-1]],
    ids=["fortran", "strided", "reversed"],
)
def test_strides_do_not_matter_and_inputs_stay_as_they_are(solver, expected, view):
    density, rhs = view(DENSITY), view(RHS)
    rhs.flags.writeable = False
    assert np.array_equal(solver.step(density, rhs), expected)
    assert np.array_equal(density, DENSITY) and np.array_equal(rhs, RHS)


def test_out_is_filled_and_returned(solver, expected):
    out = np.empty(SHAPE)
    assert solver.step(DENSITY, RHS, out=out) is out
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("name", ["density", "rhs", "out"])
def test_tensors_that_require_gradients_are_refused(solver, name):
    """A step with ``out`` gives no gradients, and a pressure that silently lacks them would be a wrong answer."""
    tensors = {
        "density": torch.tensor(DENSITY),
        "rhs": torch.tensor(RHS),
        "out": torch.zeros(SHAPE, dtype=torch.float64),
    }
    tensors[name].requires_grad_()
    with pytest.raises(TypeError, match=rf"{name}: the tensor requires gradients.*{name}\.detach\(\)"):
        solver.step(**tensors)


@pytest.mark.parametrize(
    ("density", "error", "message"),
    [
        (DENSITY.tolist(), TypeError, "list"),
        (DENSITY.astype(int), TypeError, "int64"),
        (DENSITY.astype("float16"), TypeError, "float16"),
        (DENSITY.astype(">f8"), TypeError, "byte-swapped"),
        (DENSITY.astype(complex), TypeError, "complex128"),
        (DENSITY.ravel(), ValueError, r"\(20, 12\)"),
        (DENSITY.T, ValueError, r"\(12, 20\)"),
        (torch.tensor(DENSITY).to_sparse(), TypeError, "sparse"),
    ],
)
def test_unusable_arrays_are_refused_by_name(solver, density, error, message):
    with pytest.raises(error, match=message):
        solver.step(density, RHS)


def test_read_only_out_is_refused(solver):
    out = np.empty(SHAPE)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        solver.step(DENSITY, RHS, out=out)


@pytest.mark.parametrize("axis", [0, 1])
def test_out_whose_cells_share_memory_is_refused(solver, axis):
    shape = tuple(1 if a == axis else n for a, n in enumerate(SHAPE))
    with pytest.raises(ValueError, match="share memory"):
        solver.step(DENSITY, RHS, out=torch.zeros(shape).expand(SHAPE))


def test_an_axis_of_one_cell_may_have_any_stride():
    out = torch.empty(SHAPE[0], dtype=torch.float64).as_strided((SHAPE[0], 1), (1, 0))
    p = Solver((SHAPE[0], 1)).step(DENSITY[:, :1], RHS[:, :1], out=out)
    assert p is out and out.any()


def stand_in_for_cupy() -> types.ModuleType:
    """A module ``cupy`` as far as the library uses it, with its memory on the CPU: CuPy itself needs a GPU."""
    module = types.ModuleType("cupy")

    class ndarray:
        def __init__(self, values: np.ndarray):
            self.values, self.dtype, self.shape = values, values.dtype, values.shape

        def __dlpack__(self, **options: object) -> object:
            return self.values.__dlpack__(**options)

        def __dlpack_device__(self) -> tuple[int, int]:
            return self.values.__dlpack_device__()

    ndarray.__module__ = "cupy"
    module.ndarray = ndarray
    module.empty = lambda shape, dtype: ndarray(np.empty(shape, dtype))
    return module


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cupy_arrays_come_back_as_cupy_arrays(dtype, solver, monkeypatch):
    """The path of CuPy arrays through the library, with a stand-in for CuPy itself."""
    cupy = stand_in_for_cupy()
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    density, rhs = (cupy.ndarray(a.astype(dtype)) for a in (DENSITY, RHS))
    pressure = solver.step(density, rhs)
    assert type(pressure) is cupy.ndarray
    assert pressure.dtype == dtype
    assert np.array_equal(pressure.values, solver.step(density.values, rhs.values))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shape": (8,)}, ValueError, "2 or 3 axes"),
        ({"shape": (8, 0)}, ValueError, "at least 1"),
        ({"shape": (8, 2.5)}, TypeError, "2.5"),
        ({"spacing": 0.0}, ValueError, "spacing"),
        ({"spacing": None}, TypeError, "spacing"),
        ({"spacing": True}, ValueError, "spacing"),
        ({"boundary": "slip"}, ValueError, "wall, open, periodic"),
        ({"boundary": (("periodic", "wall"), "wall")}, ValueError, "both sides"),
        ({"boundary": None}, TypeError, "boundary"),
        ({"boundary": ("wall", 3)}, TypeError, "boundary"),
        ({"face_average": "mean"}, ValueError, "harmonic, arithmetic"),
        ({"preconditioner": "amg"}, ValueError, "schwarz"),
        ({"preconditioner": 3}, TypeError, "int"),
        ({"tolerance": 2.0}, ValueError, "tolerance"),
        ({"max_iterations": -1}, ValueError, "max_iterations"),
        ({"max_iterations": True}, ValueError, "max_iterations"),
        ({"precision": "half"}, ValueError, "mixed"),
        ({"precision": ["mixed"]}, ValueError, "mixed"),
        ({"warm_start": "no"}, TypeError, "True or False"),
        ({"device": "abacus"}, ValueError, "abacus.*cpu"),
    ],
)
def test_unusable_options_are_refused_with_what_is_allowed(options, error, message):
    with pytest.raises(error, match=message):
        Solver(**{"shape": (8, 8), **options})
