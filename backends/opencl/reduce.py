"""Reductions: see kernels/reduce.cl. An axis, or several that can be walked as one, at a time."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from ..base import Axes, Shape
from .array import Array
from .device import OpenCLDevice
from .walk import merged

BOOL, INT64 = np.dtype(bool), np.dtype(np.int64)
FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
MAX_DIMS = 8
EMPTY = {"sum": 0, "prod": 1, "any": False, "all": True}


def reduction(name: str) -> Any:
    """The kernel of base.py that reduces by the kernel `name` of reduce.cl."""

    def kernel(self: OpenCLDevice, x: Array, axes: Axes, keepdims: bool) -> Array:
        dtype = BOOL if name in ("any", "all") else x.dtype
        shape = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
        if 0 in x.shape and all(shape):
            if name not in EMPTY:
                raise empty_reduction(name, x)
            out = self.full(shape, EMPTY[name], dtype)
        else:
            out = _reduce(self, name, x, axes, dtype)
        kept = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
        return self.view(out, shape if keepdims else kept)

    return kernel


def empty_reduction(name: str, x: Array) -> IndexError:
    return IndexError(f"{name} along an axis of size 0 has no value: the shape is {x.shape}")


def _reduce(backend: OpenCLDevice, name: str, x: Array, axes: Axes, dtype: np.dtype) -> Array:
    """Over the innermost axes first; between the steps float16 is held in float32."""
    groups = _groups(x, axes)
    if not groups:
        if dtype == BOOL and x.dtype != BOOL:
            return backend.ne(x, 0)
        return backend.copy(x)
    for group in groups[:-1]:
        x = _step(backend, name, x, group, FLOAT32 if x.dtype == FLOAT16 else dtype)
    return _step(backend, name, x, groups[-1], dtype)


def _groups(x: Array, axes: Axes) -> list[list[int]]:
    """The axes to be reduced, in groups that are walked as one, the innermost in memory first."""
    groups: list[list[int]] = []
    for axis in axes:
        n, stride = x.shape[axis], x.strides[axis]
        if n == 1:
            continue
        if groups and x.strides[groups[-1][-1]] == n * stride:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return sorted(groups, key=lambda group: abs(x.strides[group[-1]]))


def _step(backend: OpenCLDevice, name: str, x: Array, group: list[int], dtype: np.dtype) -> Array:
    """Reduces axes that are walked as one; they stay with size 1 in the new, contiguous array."""
    kept = [axis for axis in range(len(x.shape)) if axis not in group]
    shape, (strides,) = merged(tuple(x.shape[axis] for axis in kept),
                               [tuple(x.strides[axis] for axis in kept)])
    out_shape = tuple(1 if axis in group else n for axis, n in enumerate(x.shape))
    if 0 in out_shape:
        return backend.empty(out_shape, dtype)
    n = math.prod(x.shape[axis] for axis in group)
    if len(shape) > MAX_DIMS:
        packed = backend.contiguous(backend.permute(x, (*kept, *group)))
        rows = Line(packed.offset, 1, (math.prod(shape),), (n,), n)
    else:
        packed = x
        rows = Line(x.offset, x.strides[group[-1]], shape or (1,), strides or (0,), n)
    return backend.view(_lines(backend, name, packed, rows, dtype), out_shape)


class Line:
    """What is reduced: n elements `stride` apart, once for every place of the kept axes."""

    def __init__(self, start: int, stride: int, shape: Shape, strides: tuple[int, ...],
                 n: int) -> None:
        self.start = start
        self.stride = stride
        self.shape = shape
        self.strides = strides
        self.n = n
        self.kept = math.prod(shape)


def _lines(backend: OpenCLDevice, name: str, x: Array, line: Line, dtype: np.dtype) -> Array:
    """One launch, or two where the lines are few and long: then first in pieces."""
    columns = line.stride != 1 and line.strides[-1] == 1 and line.shape[-1] >= 4
    width = backend.programs.vector_width(x.dtype) if columns else 1
    tasks = line.kept // line.shape[-1] * -(-line.shape[-1] // width) if columns else line.kept
    pieces = backend.pieces(tasks, line.n)
    length = -(-line.n // pieces)
    pieces = -(-line.n // length)
    wide = FLOAT32 if x.dtype == FLOAT16 and pieces > 1 else dtype
    out = backend.empty((pieces, line.kept) if columns else (line.kept, pieces), wide)
    way = "columns" if columns else "rows"
    launch = backend.programs.kernel(
        "reduce.cl", f"reduce_{name}_{way}", "**S", x.dtype, **_out(wide))
    packed, global_size, local_size = _arguments(
        backend, line, tasks * pieces, pieces, length, columns)
    launch(global_size, local_size, out.buffer, x.buffer, packed)
    if pieces == 1:
        return out
    if columns:
        rest = Line(0, line.kept, (line.kept,), (1,), pieces)
    else:
        rest = Line(0, 1, (line.kept,), (pieces,), pieces)
    return _lines(backend, name, out, rest, dtype)


def _out(dtype: np.dtype) -> dict[str, Any]:
    """The defines for the type of the result."""
    if dtype == FLOAT16:
        return {"O": "half", "O_IS_HALF": True}
    return {"O": "float"} if dtype == FLOAT32 else {}


def _arguments(backend: OpenCLDevice, line: Line, tasks: int, pieces: int, length: int,
               columns: bool) -> tuple[bytes, Any, Any]:
    if backend.is_cpu or columns:
        chunk, global_size, local_size = backend.shares(tasks, length, 1)
    else:
        chunk, global_size, local_size = 1, (tasks * 128,), (128,)  # GROUP_SIZE
    dims = len(line.shape)
    pad = (0,) * (MAX_DIMS - dims)
    packed = struct.pack(
        f"<2q{MAX_DIMS}q{MAX_DIMS}I6I", line.start, line.stride, *line.strides, *pad, *line.shape,
        *pad, dims, line.kept, line.n, pieces, length, chunk)
    return packed, global_size, local_size


def scan(backend: OpenCLDevice, name: str, x: Array, axis: int, *more: Any) -> Array:
    """Launches a kernel of scan.cl along an axis; the result has the shape of x, or for `find` of
    the other axes."""
    kept = x.shape[:axis] + x.shape[axis + 1:]
    shape, (strides,) = merged(kept, [x.strides[:axis] + x.strides[axis + 1:]])
    if len(shape) > MAX_DIMS:
        return scan(backend, name, backend.copy(x), axis, *more)
    out = backend.empty(kept, INT64) if name == "find" else backend.empty(x.shape, x.dtype)
    if 0 in x.shape:
        return out
    lines, n, dims = math.prod(kept), x.shape[axis], len(shape)
    chunk, global_size, local_size = backend.shares(lines, n, 1)
    pad = (0,) * (MAX_DIMS - dims)
    packed = struct.pack(
        f"<2q{MAX_DIMS}q{MAX_DIMS}I5I4x", x.offset, x.strides[axis], *strides, *pad, *shape, *pad,
        dims, lines, n, chunk, math.prod(x.shape[axis + 1:]))
    launch = backend.programs.kernel("scan.cl", name, "**" + "*" * len(more) + "S", x.dtype)
    launch(global_size, local_size, out.buffer, x.buffer, *[y.buffer for y in more], packed)
    return out


def position(name: str) -> Any:
    """The kernel argmax or argmin: the place of the first element that is the extreme value."""
    extreme = reduction(name.removeprefix("arg"))

    def kernel(self: OpenCLDevice, x: Array, axis: int, keepdims: bool) -> Array:
        if not x.shape:
            return self.full((), 0, INT64)
        if x.shape[axis] == 0:
            raise empty_reduction(name, x)
        return _find(self, x, axis, extreme(self, x, (axis,), False), keepdims)

    return kernel


def with_indices(name: str) -> Any:
    """The kernel max_with_indices or min_with_indices."""
    extreme = reduction(name)

    def kernel(self: OpenCLDevice, x: Array, axis: int, keepdims: bool) -> tuple[Array, Array]:
        if not x.shape:
            return self.copy(x), self.full((), 0, INT64)
        if x.shape[axis] == 0:
            raise empty_reduction(name, x)
        best = extreme(self, x, (axis,), False)
        indices = _find(self, x, axis, best, keepdims)
        return self.view(best, indices.shape), indices

    return kernel


def _find(backend: OpenCLDevice, x: Array, axis: int, best: Array, keepdims: bool) -> Array:
    indices = scan(backend, "find", x, axis, best)
    shape = x.shape[:axis] + (1,) * keepdims + x.shape[axis + 1:]
    return backend.view(indices, shape)


class Reduce(OpenCLDevice):
    """The kernels that make one element of many, and those that go along an axis."""

    sum = reduction("sum")
    prod = reduction("prod")
    max = reduction("max")
    min = reduction("min")
    any = reduction("any")
    all = reduction("all")
    argmax = position("argmax")
    argmin = position("argmin")
    max_with_indices = with_indices("max")
    min_with_indices = with_indices("min")

    def cumsum(self, x: Array, axis: int) -> Array:
        return scan(self, "cumsum", x, axis) if x.shape else self.copy(x)

    def cumprod(self, x: Array, axis: int) -> Array:
        return scan(self, "cumprod", x, axis) if x.shape else self.copy(x)
