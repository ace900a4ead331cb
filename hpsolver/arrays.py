"""The caller's arrays: NumPy, Torch, Warp, CuPy, or anything that speaks DLPack.

``adopt`` looks at an array without copying it; ``like`` makes a new one of the same kind. Nothing here writes.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp

Array = Any
"""A caller's array of any accepted kind."""

DTYPES = {"float32": wp.float32, "float64": wp.float64}
MASKS = {"bool": wp.bool, "uint8": wp.uint8}


class Address(int):
    """The address of a caller's array; ``step`` is the bytes from world to world (``hpsolver.worlds``)."""

    step: int

    def __new__(cls, pointer: int, step: int = 0) -> Address:
        address = super().__new__(cls, pointer)
        address.step = step
        return address


@dataclass(frozen=True)
class Adopted:
    """A caller's array seen as memory.

    Attributes:
        pointer: address of its first cell.
        strides: bytes from cell to cell, by axis of the grid.
        owner: what keeps that memory: the array, or a Warp array that shares it (NumPy on a CUDA solver: a copy).
        kind: ``numpy``, ``torch``, ``cupy``, ``warp`` or ``dlpack``.
        dtype: ``float32`` or ``float64``; for a mask ``bool`` or ``uint8``.
        step: bytes from world to world.
    """

    pointer: int
    strides: tuple[int, ...]
    owner: Array
    kind: str
    dtype: str
    step: int = 0

    @property
    def address(self) -> Address:
        return Address(self.pointer, self.step)


def kind_name(value: Array) -> str:
    """The package that a value's type comes from."""
    return type(value).__module__.partition(".")[0]


def kind_of(value: Array) -> str:
    """Names the library an array comes from, without importing any."""
    root = kind_name(value)
    if isinstance(value, wp.array):
        return "warp"
    if isinstance(value, np.ndarray):
        return "numpy"
    if root in ("torch", "cupy"):
        return root
    if hasattr(value, "__dlpack__"):
        return "dlpack"
    raise TypeError(
        f"expected a NumPy, Torch, Warp or CuPy array, or one with __dlpack__, got {type(value).__name__}; "
        "convert with numpy.asarray first"
    )


def adopt(
    value: Array,
    name: str,
    shape: tuple[int, ...],
    device: wp.Device,
    dtypes: dict[str, type] = DTYPES,
    worlds: int | None = None,
) -> Adopted:
    """Checks an array and finds its memory.

    Args:
        value: the caller's array, any strides.
        name: what to call it in messages.
        shape: the shape it must have.
        device: where it must be; NumPy arrays are accepted for any device.
        dtypes: the dtypes it may have, by name.
        worlds: length of a first axis before ``shape``; None: there is no such axis.

    Raises:
        TypeError: not an array, or of another dtype, or a Torch tensor that requires gradients.
        ValueError: of another shape, or on another device.
    """
    try:
        kind = kind_of(value)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    if kind == "dlpack":  # it may have no more than the protocol; the array that it hands over has shape and dtype
        value = wp.from_dlpack(value)
    if kind == "torch" and value.layout is not _torch().strided:
        raise TypeError(f"{name}: expected a dense Torch tensor, got layout {value.layout}")
    if kind == "torch" and value.requires_grad and _torch().is_grad_enabled():
        raise TypeError(f"{name}: the tensor requires gradients, which step gives only without out; or {name}.detach()")
    dtype = _dtype_name(value.dtype)
    if dtype not in dtypes:
        raise TypeError(f"{name}: dtype must be {' or '.join(dtypes)}, got {dtype}")
    whole = shape if worlds is None else (worlds, *shape)
    if tuple(value.shape) != whole:
        raise ValueError(f"{name}: shape must be {whole}, got {tuple(value.shape)}")
    view, where = value, device
    if kind == "torch":  # Warp would take 30 us to look at it
        where, size = wp.device_from_torch(value.device), value.element_size()
        pointer, strides = value.data_ptr(), tuple(size * step for step in value.stride())
    elif kind == "numpy" and not device.is_cuda:
        pointer, strides = value.ctypes.data, value.strides
    else:
        view = _wrap(value, kind, dtypes[dtype], device)
        where, pointer, strides = view.device, view.ptr, view.strides
    if where != device:
        raise ValueError(f"{name}: on device {where}, but the solver is on {device}; move one of them")
    if worlds is None:
        return Adopted(pointer, strides, view, kind, dtype)
    return Adopted(pointer, strides[1:], view, kind, dtype, strides[0])


def like(adopted: Adopted, shape: tuple[int, ...], device: wp.Device) -> Array:
    """A new array of the same kind and dtype, on the solver's device (``dlpack`` kinds get a Warp array)."""
    if adopted.kind == "numpy":
        return np.empty(shape, dtype=adopted.dtype)
    if adopted.kind == "torch":
        torch = _torch()
        return torch.empty(shape, dtype=getattr(torch, adopted.dtype), device=wp.device_to_torch(device))
    if adopted.kind == "cupy":
        import cupy

        return cupy.empty(shape, dtype=adopted.dtype)
    return wp.empty(shape, dtype=DTYPES[adopted.dtype], device=device)


def adopt_target(
    value: Array, name: str, shape: tuple[int, ...], device: wp.Device, worlds: int | None = None
) -> Adopted:
    """``adopt`` for an array that is written to.

    Raises:
        TypeError, ValueError: as ``adopt``; also for a read-only array, or one whose cells share memory.
    """
    check_writable(value, name)
    target = adopt(value, name, shape, device, worlds=worlds)
    strides, lengths = (target.step, *target.strides), (worlds or 1, *shape)
    if 0 in (stride for stride, n in zip(strides, lengths, strict=True) if n > 1):
        where = strides if worlds else target.strides
        raise ValueError(f"{name}: cells share memory (strides {where}); pass an array with a place for each")
    return target


def check_writable(value: Array, name: str) -> None:
    """Raises ValueError for a NumPy array that must not be written."""
    if isinstance(value, np.ndarray) and not value.flags.writeable:
        raise ValueError(f"{name}: the array is read-only")


def caller_stream(kind: str, device: wp.Device) -> contextlib.AbstractContextManager[Any]:
    """Puts Warp's launches on the stream the caller's library uses, so that no synchronisation is needed."""
    if not device.is_cuda or kind not in ("torch", "cupy"):
        return contextlib.nullcontext()
    if kind == "torch":
        torch = _torch()
        stream = wp.stream_from_torch(torch.cuda.current_stream(wp.device_to_torch(device)))
    else:
        import cupy

        stream = wp.Stream(device, cuda_stream=cupy.cuda.get_current_stream().ptr)
    scope: contextlib.AbstractContextManager[Any] = wp.ScopedStream(stream, sync_enter=False, sync_exit=False)
    return scope


def capturing(kind: str, device: wp.Device) -> bool:
    """Whether the caller is capturing a graph."""
    with caller_stream(kind, device):
        return bool(device.is_capturing)


@functools.cache
def _dtype_name(dtype: Any) -> str:
    """The name of a NumPy, Torch or Warp dtype. Cached, since NumPy takes microseconds to give it."""
    if isinstance(dtype, type):
        return dtype.__name__
    if isinstance(dtype, np.dtype) and not dtype.isnative:
        return f"byte-swapped {dtype.name}"
    return str(dtype).removeprefix("torch.")


def _wrap(value: Array, kind: str, dtype: type, device: wp.Device) -> wp.array:
    if kind in ("warp", "dlpack"):
        return value
    if kind == "numpy":
        return wp.array(value, dtype=dtype, copy=False, device=device)
    return wp.from_dlpack(value, dtype=dtype)


def _torch() -> Any:
    import torch

    return torch
