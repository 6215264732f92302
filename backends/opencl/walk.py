"""Plans for the kernels that walk over their operands element by element: see kernels/layout.h.

A plan is everything about a call that depends on the op and on the layouts of its operands alone.
It is made once for each combination and found by one lookup; what is left to do for a call is to
allocate the result, to pack the offsets and numbers, and to launch.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import Number, Shape
from .array import Array, Layout, contiguous_layout
from .device import OpenCLDevice
from .program import Launcher

BOOL = np.dtype(bool)
MAX_ROW_DIMS = 7
MOST_ELEMENTS = 2**32 - 1  # kernels count them in a uint
ARRAYS = {"unary.cl": 1, "binary.cl": 2, "ternary.cl": 3, "copy.cl": 1}
PLACES = {"unary.cl": 3, "binary.cl": 2, "ternary.cl": 4, "copy.cl": 1}  # OPERANDS in the file
# How a number of each type lies in a slot of 8 bytes.
SLOTS = {
    "float32": "f4x", "float16": "f4x", "float64": "d", "int64": "q", "int32": "i4x",
    "int16": "h6x", "int8": "b7x", "uint8": "B7x", "bool": "B7x",
}  # fmt: skip


def elementwise(backend: OpenCLDevice, file: str, name: str, operands: tuple[Any, ...],
                out: Array | None, predicate: bool = False) -> Array:
    """Runs the kernel `name` of a file on arrays, and numbers behind or among them."""
    layouts: list[Layout | None] = []
    buffers, offsets, numbers = [], [], []
    for x in operands:
        if x.__class__ is Array:
            layouts.append(x.layout)
            buffers.append(x.buffer)
            offsets.append(x.offset)
        else:
            layouts.append(None)
            buffers.append(None)
            numbers.append(x)
    key = (name, *layouts, None if out is None else out.layout)
    plan = backend.plans.get(key)
    if plan is None:
        plan = _plan(backend, file, name, layouts, out, predicate)
        if plan is None:
            return _by_slices(backend, file, name, operands, out, predicate)
        backend.keep(key, plan)
    if out is None:
        out = Array(backend.allocate(plan.nbytes), 0, plan.result)
    elif any(overlap(x, out) for x in operands if x.__class__ is Array):
        apart = [backend.copy(x) if x.__class__ is Array else x for x in operands]
        return elementwise(backend, file, name, tuple(apart), out, predicate)
    elif out.host is not None:
        out.host.values = None
    if plan.nbytes:
        plan.run(out, buffers, offsets, numbers)
    return out


def overlap(x: Array, out: Array) -> bool:
    """Whether writing to out may change an element of x before it is read."""
    return x.buffer is out.buffer and (x.offset != out.offset or x.layout is not out.layout)


def _plan(backend: OpenCLDevice, file: str, name: str, layouts: list[Layout | None],
          out: Array | None, predicate: bool) -> Plan | None:
    arrays = [x for x in layouts if x is not None]
    dtype = arrays[-1].dtype  # the condition of where comes first
    result = _result(arrays, predicate)
    if out is not None:
        if out.layout.dtype != result.dtype:
            raise TypeError(f"{name}: the result is {result.dtype}, and out is {out.layout.dtype}")
        if out.layout.shape != result.shape:
            raise ValueError(
                f"{name}: the result has shape {list(result.shape)}, and out "
                f"{list(out.layout.shape)}")
        result = out.layout
    kernel = f"{file.removesuffix('.cl')}_{name}"  # some compilers have macros named exp and max
    launch = backend.programs.kernel(file, kernel, "*" * (1 + ARRAYS[file]) + "S", dtype)
    return plan(backend, launch, result, layouts, PLACES[file], ARRAYS[file], SLOTS[dtype.name])


def plan(backend: OpenCLDevice, launch: Launcher, result: Layout, layouts: list[Layout | None],
         places: int, arrays: int, slot: str, work: int = 1) -> Plan | None:
    """The plan for a result and operands, those that are None numbers; None for too many axes.

    places: how many operands layout.h has room for here; arrays: how many of them have a buffer;
    work: how many elements are touched for one of the result."""
    if result.size > MOST_ELEMENTS:
        raise RuntimeError(
            f"{backend.place} ({backend.description}): a result of shape {list(result.shape)} has "
            f"{result.size} elements, more than the {MOST_ELEMENTS} of one array. Use smaller "
            "batches")
    shape, strides = merged(result.shape, [strides_in(x, result.shape) for x in (result, *layouts)])
    if len(shape) > MAX_ROW_DIMS + 1:
        return None
    absent = places - len(layouts)
    strides += [(0,) * len(shape)] * absent
    rows = shape[:-1] + (1,) * (MAX_ROW_DIMS + 1 - max(len(shape), 1))
    steps = [s[-1] if s else 0 for s in strides]
    outer = [n for s in strides for n in (*s[:-1], *(0,) * (MAX_ROW_DIMS + 1 - max(len(s), 1)))]
    flags = sum(1 << k for k, x in enumerate(layouts, 1) if x is None)
    chunk, global_size, local_size = backend.shares(result.size, work)
    tail = struct.pack(
        f"<{len(steps)}q{len(outer)}q{len(rows)}I5I", *steps, *outer, *rows,
        max(len(shape) - 1, 0), result.size, shape[-1] if shape else 1, chunk, flags)
    offsets = "q" + "".join("8x" if x is None else "q" for x in layouts) + "8x" * absent
    slots = "8x" + "".join(slot if x is None else "8x" for x in layouts) + "8x" * absent
    nbytes = result.size * result.dtype.itemsize
    kept = min(arrays, len(layouts))  # parameters come behind the arrays and have no buffers
    return Plan(launch, global_size, local_size, result, nbytes, kept,
                struct.Struct(f"<{offsets}{slots}").pack, tail)


class Plan:
    """How to launch one op on operands of given layouts."""

    __slots__ = (
        "launch", "global_size", "local_size", "result", "nbytes", "arrays", "pack", "tail")

    def __init__(self, launch: Launcher, global_size: Any, local_size: Any, result: Layout,
                 nbytes: int, arrays: int, pack: Any, tail: bytes) -> None:
        self.launch = launch
        self.global_size = global_size
        self.local_size = local_size
        self.result = result
        self.nbytes = nbytes
        self.arrays = arrays
        self.pack = pack
        self.tail = tail

    def run(self, out: Array, buffers: list[Any], offsets: list[int],
            numbers: list[Number]) -> None:
        """Launches, with the offsets and the numbers in the order of the operands."""
        try:
            head = self.pack(out.offset, *offsets, *numbers)
        except OverflowError:  # beyond float32
            head = self.pack(out.offset, *offsets, *map(_infinite, numbers))
        self.launch(self.global_size, self.local_size, out.buffer, *buffers[:self.arrays],
                    head + self.tail)


def _infinite(number: Number) -> float:
    """A number that float32 rounds to infinity as infinity."""
    return number if abs(number) < 3e38 else math.copysign(math.inf, number)


def _by_slices(backend: OpenCLDevice, file: str, name: str, operands: tuple[Any, ...],
               out: Array | None, predicate: bool) -> Array:
    """More axes than layout.h has room for, and none that can be merged: the first one is a loop
    on the host."""
    if out is None:
        result = _result([x.layout for x in operands if x.__class__ is Array], predicate)
        out = backend.empty(result.shape, result.dtype)
    axis = next(axis for axis, n in enumerate(out.shape) if n > 1)
    rest = tuple(slice(0, n, 1) for n in out.shape)
    wide = [backend.expand(x, out.shape) if x.__class__ is Array else x for x in operands]
    for i in range(out.shape[axis]):
        key = (*rest[:axis], i, *rest[axis + 1:])
        parts = tuple(backend.slice(x, key) if x.__class__ is Array else x for x in wide)
        elementwise(backend, file, name, parts, backend.slice(out, key), predicate)
    return out


def strides_in(x: Layout | None, shape: Shape) -> tuple[int, ...]:
    """The strides of an operand along the axes of the result: 0 where it is repeated."""
    if x is None:
        return (0,) * len(shape)
    own = tuple(0 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True))
    return (0,) * (len(shape) - len(own)) + own


def merged(shape: Shape, strides: Sequence[tuple[int, ...]]) -> tuple[Shape, list[tuple[int, ...]]]:
    """The fewest axes that walk over the same elements in the same order, for all operands."""
    sizes: list[int] = []
    moves: list[tuple[int, ...]] = []
    for n, *step in zip(shape, *strides, strict=True):
        if n == 1:
            continue
        if sizes and all(outer == n * inner for outer, inner in zip(moves[-1], step, strict=True)):
            sizes[-1] *= n
            moves[-1] = tuple(step)
        else:
            sizes.append(n)
            moves.append(tuple(step))
    return tuple(sizes), [tuple(move[k] for move in moves) for k in range(len(strides))]


def _result(operands: Sequence[Layout], predicate: bool) -> Layout:
    """The layout of a new result: the shapes broadcast, in row-major order."""
    dtype = BOOL if predicate else operands[-1].dtype
    first = operands[0].shape
    if all(x.shape == first for x in operands):
        return contiguous_layout(first, dtype)
    return contiguous_layout(np.broadcast_shapes(*[x.shape for x in operands]), dtype)
