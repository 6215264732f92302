"""Reductions: see kernels/reduce.cl. An axis, or several that can be walked as one, at a time.

What a reduction launches depends on layouts alone, and is worked out once for each.
"""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

import numpy as np

from ..base import Axes, Shape
from .array import Array, Layout, contiguous_layout, row_major
from .device import OpenCLDevice
from .walk import merged

BOOL, INT64 = np.dtype(bool), np.dtype(np.int64)
FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
MAX_DIMS = 8
GROUP_SIZE = 128  # as in reduce.cl
EMPTY = {"sum": 0, "prod": 1, "any": False, "all": True}


def reduction(name: str) -> Any:
    """The kernel of base.py that reduces by the kernels reduce_`name`_... of reduce.cl."""

    def kernel(self: OpenCLDevice, x: Array, axes: Axes, keepdims: bool) -> Array:
        key = (name, x.layout, axes, keepdims)
        steps = self.plans.get(key)
        if steps is None:
            if 0 in x.shape or not any(x.shape[axis] > 1 for axis in axes):
                return _trivial(self, name, x, axes, keepdims)
            steps = _steps(self, name, x.layout, axes, keepdims)
            if steps is None:
                return _packed(self, name, x, axes, keepdims)
            self.keep(key, steps)
        for step in steps:
            out = Array(self.allocate(step.nbytes), 0, step.result)
            start = _START.pack(x.offset)
            step.launch(step.global_size, step.local_size, out.buffer, x.buffer, start + step.tail)
            x = out
        return x

    return kernel


_START = struct.Struct("<q")


class Step:
    """A launch of a kernel of reduce.cl, but for where its operand starts."""

    __slots__ = ("launch", "global_size", "local_size", "result", "nbytes", "tail")

    def __init__(self, launch: Any, global_size: Any, local_size: Any, result: Layout,
                 tail: bytes) -> None:
        self.launch = launch
        self.global_size = global_size
        self.local_size = local_size
        self.result = result
        self.nbytes = result.size * result.dtype.itemsize
        self.tail = tail


def empty_reduction(name: str, x: Array) -> IndexError:
    return IndexError(f"{name} along an axis of size 0 has no value: the shape is {x.shape}")


def _shapes(shape: Shape, axes: Axes) -> tuple[Shape, Shape]:
    """The shape of the result: with the axes, of size 1, and without them."""
    kept = tuple([n for axis, n in enumerate(shape) if axis not in axes])
    return tuple([1 if axis in axes else n for axis, n in enumerate(shape)]), kept


def _trivial(backend: OpenCLDevice, name: str, x: Array, axes: Axes, keepdims: bool) -> Array:
    """Nothing is to be added: there are no elements, or one for each of the result."""
    dtype = BOOL if name in ("any", "all") else x.dtype
    with_axes, without = _shapes(x.shape, axes)
    shape = with_axes if keepdims else without
    if 0 not in x.shape:
        return backend.copy(backend.ne(x, 0) if dtype is not x.dtype else x).seen_as(
            shape, row_major(shape))
    if 0 not in shape and name not in EMPTY:
        raise empty_reduction(name, x)
    return backend.full(shape, EMPTY.get(name, 0), dtype)


def _packed(backend: OpenCLDevice, name: str, x: Array, axes: Axes, keepdims: bool) -> Array:
    """Too many axes that cannot be merged: a copy in which the reduced ones come last."""
    with_axes, kept = _shapes(x.shape, axes)
    others = [axis for axis in range(len(x.shape)) if axis not in axes]
    rows = backend.contiguous(backend.permute(x, (*others, *axes)))
    rows = rows.seen_as((math.prod(kept), rows.layout.size // math.prod(kept)),
                        (rows.layout.size // math.prod(kept), 1))
    shape = with_axes if keepdims else kept
    out: Array = getattr(backend, name)(rows, (1,), False)
    return out.seen_as(shape, row_major(shape))


def _steps(backend: OpenCLDevice, name: str, x: Layout, axes: Axes,
           keepdims: bool) -> list[Step] | None:
    """Over the innermost axes first. Between the steps float16 is held in float32."""
    last = BOOL if name in ("any", "all") else x.dtype
    between = FLOAT32 if last == FLOAT16 else last
    steps: list[Step] = []
    groups = _groups(x, axes)
    for group in groups:
        shape = tuple([1 if axis in group else n for axis, n in enumerate(x.shape)])
        lines = _lines_of(x, group)
        if lines is None:
            return None
        dtype = last if group is groups[-1] else between
        steps += _launches(backend, name, x.dtype, lines, contiguous_layout(shape, dtype), between)
        x = steps[-1].result
    with_axes, without = _shapes(x.shape, axes)
    steps[-1].result = contiguous_layout(with_axes if keepdims else without, last)
    return steps


def _groups(x: Layout, axes: Axes) -> list[list[int]]:
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


class Lines(NamedTuple):
    """What is reduced: n elements `stride` apart, once for every place of the kept axes."""

    n: int
    stride: int
    shape: Shape
    strides: tuple[int, ...]


def _lines_of(x: Layout, group: list[int]) -> Lines | None:
    """The lines along axes that are walked as one; None where the kept axes are too many."""
    kept = [axis for axis in range(len(x.shape)) if axis not in group]
    shape, (strides,) = merged(tuple([x.shape[axis] for axis in kept]),
                               [tuple([x.strides[axis] for axis in kept])])
    if len(shape) > MAX_DIMS:
        return None
    n = math.prod(x.shape[axis] for axis in group)
    return Lines(n, x.strides[group[-1]], shape or (1,), strides or (0,))


def _launches(backend: OpenCLDevice, name: str, dtype: np.dtype, lines: Lines, result: Layout,
              between: np.dtype) -> list[Step]:
    """One launch, or where the lines are few and long two: first in pieces."""
    columns = lines.stride != 1 and lines.strides[-1] == 1 and lines.shape[-1] >= 4
    width = _width(backend, dtype) if columns else 1
    kept = math.prod(lines.shape)
    tasks = kept // lines.shape[-1] * -(-lines.shape[-1] // width)
    pieces = backend.pieces(tasks, lines.n * min(width, lines.shape[-1]))
    length = -(-lines.n // pieces)
    pieces = -(-lines.n // length)
    if pieces == 1:
        return [_launch(backend, name, dtype, lines, result, columns, tasks, 1, length)]
    shape = (pieces, kept) if columns else (kept, pieces)
    partial = contiguous_layout(shape, between)
    first = _launch(backend, name, dtype, lines, partial, columns, tasks, pieces, length)
    strides = (kept, (1,)) if columns else (1, (pieces,))
    rest = Lines(pieces, strides[0], (kept,), strides[1])
    return [first, *_launches(backend, name, between, rest, result, between)]


def _launch(backend: OpenCLDevice, name: str, dtype: np.dtype, lines: Lines, result: Layout,
            columns: bool, tasks: int, pieces: int, length: int) -> Step:
    if backend.is_cpu or columns:
        width = _width(backend, dtype) if columns else 1
        work = length * min(width, lines.shape[-1])
        chunk, global_size, local_size = backend.shares(tasks * pieces, work, 1)
    else:
        chunk, global_size, local_size = 1, (tasks * pieces * GROUP_SIZE,), (GROUP_SIZE,)
    launch = backend.programs.kernel(
        "reduce.cl", f"reduce_{name}_{'columns' if columns else 'rows'}", "**S", dtype,
        **_out(result.dtype))
    dims = len(lines.shape)
    pad = (0,) * (MAX_DIMS - dims)
    tail = struct.pack(
        f"<{MAX_DIMS + 1}q{MAX_DIMS}I6I", lines.stride, *lines.strides, *pad, *lines.shape, *pad,
        dims, math.prod(lines.shape), lines.n, pieces, length, chunk)
    return Step(launch, global_size, local_size, result, tail)


def _width(backend: OpenCLDevice, dtype: np.dtype) -> int:
    """How many columns a work item takes: COLUMN_VECTORS of reduce.cl vectors."""
    return (64 if backend.is_cpu else 1) * backend.programs.vector_width(dtype)


def _out(dtype: np.dtype) -> dict[str, Any]:
    """The defines for the type of the result."""
    if dtype == FLOAT16:
        return {"O": "half", "O_IS_HALF": True}
    return {"O": "float"} if dtype == FLOAT32 else {}


class Scan:
    """How a kernel of scan.cl goes along an axis of x: its struct, and the pieces of each line."""

    def __init__(self, backend: OpenCLDevice, x: Array, axis: int) -> None:
        kept = x.shape[:axis] + x.shape[axis + 1:]
        shape, (strides,) = merged(kept, [x.strides[:axis] + x.strides[axis + 1:]])
        self.fits = len(shape) <= MAX_DIMS
        lines, n = math.prod(kept), x.shape[axis]
        length = -(-n // backend.pieces(lines, n))
        self.pieces = -(-n // length)
        self.tasks = lines * self.pieces
        chunk, self.global_size, self.local_size = backend.shares(self.tasks, length, 1)
        if self.fits:
            pad = (0,) * (MAX_DIMS - len(shape))
            self.packed = struct.pack(
                f"<2q{MAX_DIMS}q{MAX_DIMS}I7I4x", x.offset, x.strides[axis], *strides, *pad, *shape,
                *pad, len(shape), lines, n, self.pieces, length, chunk,
                math.prod(x.shape[axis + 1:]))


def cumulative(name: str) -> Any:
    """The kernel cumsum or cumprod."""

    def kernel(self: OpenCLDevice, x: Array, axis: int) -> Array:
        if not x.layout.size or not x.shape:
            return self.copy(x)
        scan = Scan(self, x, axis)
        if not scan.fits:
            return kernel(self, self.copy(x), axis)
        out = self.empty(x.shape, x.dtype)
        itemsize = 4 if x.dtype == FLOAT16 else x.dtype.itemsize
        totals = self.allocate(scan.tasks * itemsize)
        start = self.programs.kernel("scan.cl", name, "***S", x.dtype)
        start(scan.global_size, scan.local_size, out.buffer, x.buffer, totals, scan.packed)
        if scan.pieces > 1:
            carry = self.programs.kernel("scan.cl", f"{name}_carry", "**S", x.dtype)
            carry(scan.global_size, scan.local_size, out.buffer, totals, scan.packed)
        return out

    return kernel


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
    """The first place along the axis where x is `best`."""
    scan = Scan(backend, x, axis)
    if not scan.fits:
        return _find(backend, backend.copy(x), axis, best, keepdims)
    shape = x.shape[:axis] + (1,) * keepdims + x.shape[axis + 1:]
    out = backend.empty((*shape, scan.pieces), INT64)
    if out.layout.size:
        launch = backend.programs.kernel("scan.cl", "find", "***S", x.dtype)
        launch(scan.global_size, scan.local_size, out.buffer, x.buffer, best.buffer, scan.packed)
    if scan.pieces == 1:
        return out.seen_as(shape, row_major(shape))
    first: Array = backend.min(out, (len(shape),), False)
    return first


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

    cumsum = cumulative("cumsum")
    cumprod = cumulative("cumprod")
