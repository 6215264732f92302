"""Indexing: see kernels/index.cl and kernels/positions.cl."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import Shape
from .array import Array, Layout, layout
from .device import OpenCLDevice
from .walk import Plan, plan

INT64, BOOL, UINT8 = np.dtype(np.int64), np.dtype(bool), np.dtype(np.uint8)
# Elements that are moved and not computed with go by their size: fewer programs.
MOVED_AS: dict[int, np.dtype] = {1: UINT8, 2: np.dtype(np.int16), 4: np.dtype(np.int32), 8: INT64}
UNCHECKED = 0  # the indices are places that `positions` has found


class Index(OpenCLDevice):
    """The kernels that read and write where an index says."""

    def gather(self, x: Array, axis: int, index: Array) -> Array:
        if not x.shape:
            x, index = self.view(x, (1,)), self.view(index, (1,))
            return self.view(self.gather(x, 0, index), ())
        strides = tuple(0 if a == axis else s for a, s in enumerate(x.strides))
        source = layout(index.shape, strides, x.dtype)
        return _gather(self, x, source, index, x.strides[axis], x.shape[axis])

    def scatter(self, x: Array, axis: int, index: Array, src: Array) -> Array:
        return _along_axis(self, "scatter", x, axis, index, src)

    def scatter_add(self, x: Array, axis: int, index: Array, src: Array) -> Array:
        return _along_axis(self, "scatter_add", x, axis, index, src)

    def index(self, x: Array, indices: Sequence[Array | None]) -> Array:
        where, at, rest, first = _positions(self, x, indices)
        shape = rest[:first] + where.shape + rest[first:]
        others = [axis for axis in range(len(x.shape)) if axis not in at]
        inner = tuple(x.strides[axis] for axis in others)
        spread = self.seen_as_part(where, shape, first)
        strides = inner[:first] + (0,) * len(where.shape) + inner[first:]
        return _gather(self, x, layout(shape, strides, x.dtype), spread, 1, UNCHECKED)

    def index_put(self, x: Array, indices: Sequence[Array | None], values: Array,
                  accumulate: bool, out: Array | None = None) -> Array:
        flat = self.is_contiguous(x) and x.dtype != np.float16
        if out is not None and not (out is x and flat):
            return self.copy_(out, self.index_put(x, indices, values, accumulate))
        out = self.copy(x) if out is None else x
        where, at, rest, first = _positions(self, out, indices)
        shape = rest[:first] + where.shape + rest[first:]
        depth = len(where.shape)
        order = (*range(first, first + depth), *range(first), *range(first + depth, len(shape)))
        source = self.permute(self.expand(values, shape), order)
        n = math.prod(where.shape)
        source = self._reshape(source, (n, *rest))
        index = self.expand(self.view(where, (n,) + (1,) * len(rest)), (n, *rest))
        others = tuple(out.strides[a] for a in range(len(x.shape)) if a not in at)
        lines = layout(rest, others, out.dtype)
        name = "scatter_add" if accumulate else "scatter"
        return _scatter(self, name, out, lines, 0, index, source, 1, UNCHECKED)

    def seen_as_part(self, x: Array, shape: Shape, first: int) -> Array:
        """x laid along the axes of shape from `first` on, and repeated along the others."""
        after = len(shape) - first - len(x.shape)
        return x.seen_as(shape, (0,) * first + x.strides + (0,) * after)

    def nonzero(self, x: Array) -> Array:
        n, dims = math.prod(x.shape), len(x.shape)
        is_there = self.contiguous(self._reshape(self.ne(x, 0), (n,)))
        rank = self.cumsum(self.cast(is_there, INT64), 0)
        count = int(self.to_host(self.slice(rank, (n - 1,)))) if n else 0
        out = self.empty((count, dims), INT64)
        if count and dims:
            chunk, global_size, local_size = self.shares(n)
            launch = self.programs.kernel("positions.cl", "coordinates", "***III*")
            shape = self.from_host(np.array(x.shape, np.int64))
            launch(global_size, local_size, out.buffer, is_there.buffer, rank.buffer, n, chunk,
                   dims, shape.buffer)
        return out


def _positions(backend: OpenCLDevice, x: Array,
               indices: Sequence[Array | None]) -> tuple[Array, list[int], Shape, int]:
    """Where in memory, from the start of x, the indexed axes point; which axes these are; the sizes
    of the other ones; and before which of those the axes of the indices go."""
    at = [axis for axis, index in enumerate(indices) if index is not None]
    given = [index for index in indices if index is not None]
    shape = np.broadcast_shapes(*[index.shape for index in given])
    where = backend.full((), 0, INT64)
    for axis, index in zip(at, given, strict=True):
        where = _add_position(backend, where, index, x.shape[axis], x.strides[axis])
    where = backend.contiguous(backend.expand(where, shape))
    rest = tuple(n for axis, n in enumerate(x.shape) if axis not in at)
    are_neighbours = at[-1] - at[0] == len(at) - 1
    return where, at, rest, at[0] if are_neighbours else 0


def _add_position(backend: OpenCLDevice, before: Array, index: Array, size: int,
                  stride: int) -> Array:
    shape = np.broadcast_shapes(before.shape, index.shape)
    out = backend.empty(shape, INT64)
    launch = backend.programs.kernel("positions.cl", "positions", "***Sqq*")
    made = _plan(backend, launch, out.layout, [before.layout, index.layout])
    error = backend.errors.watch(index, -size, size)
    if made.nbytes:
        made.launch(made.global_size, made.local_size, out.buffer, before.buffer, index.buffer,
                    made.pack(0, before.offset, index.offset) + made.tail, size, stride, error)
    return out


def _plan(backend: OpenCLDevice, launch: Any, result: Layout, operands: list[Layout | None],
          work: int = 1) -> Plan:
    key = (launch, result, *operands, work)
    made: Plan | None = backend.plans.get(key)
    if made is None:
        made = plan(backend, launch, result, operands, 2, 2, "8x", work)
        if made is None:
            raise RuntimeError(
                f"an index with more than 8 axes that cannot be merged: {result.shape}")
        backend.keep(key, made)
    return made


def _gather(backend: OpenCLDevice, x: Array, source: Layout, index: Array, stride: int,
            size: int) -> Array:
    """out[i] = x[source place of i + index[i] * stride]; the indices are below size."""
    out = backend.empty(index.shape, x.dtype)
    moved = MOVED_AS[x.dtype.itemsize]
    launch = backend.programs.kernel("index.cl", "gather", "***SS*", moved)
    made = _plan(backend, launch, out.layout, [index.layout, source])
    error = backend.errors.watch(index, 0, size) if size != UNCHECKED else backend.errors.word
    if made.nbytes:
        axis = struct.pack("<4q3I4x", size, 0, 0, stride, 0, 1, size != UNCHECKED)
        made.launch(made.global_size, made.local_size, out.buffer, index.buffer, x.buffer,
                    made.pack(0, index.offset, x.offset) + made.tail, axis, error)
    return out


def _along_axis(backend: OpenCLDevice, name: str, x: Array, axis: int, index: Array,
                src: Array) -> Array:
    if not x.shape:
        x, index, src = (backend.view(v, (1,)) for v in (x, index, src))
        return backend.view(_along_axis(backend, name, x, 0, index, src), ())
    out = backend.copy(x)
    lines = layout(index.shape[:axis] + index.shape[axis + 1:],
                   out.strides[:axis] + out.strides[axis + 1:], out.dtype)
    src = backend.slice(src, tuple(slice(0, n, 1) for n in index.shape))
    return _scatter(backend, name, out, lines, axis, index, src, out.strides[axis],
                    out.shape[axis])


def _scatter(backend: OpenCLDevice, name: str, out: Array, lines: Layout, axis: int, index: Array,
             src: Array, stride: int, size: int) -> Array:
    """Writes src into out, along an axis of index and src; lines: out without that axis."""
    if 0 in index.shape:
        return out
    if name == "scatter_add" and out.dtype == np.float16:
        wide, more = (backend.cast(x, np.dtype(np.float32)) for x in (out, src))
        wide = _scatter(backend, name, wide, lines, axis, index, more, stride, size)
        return backend.cast(wide, out.dtype)
    dtype = out.dtype if name == "scatter_add" else MOVED_AS[out.dtype.itemsize]
    launch = backend.programs.kernel("index.cl", name, "***SS*", dtype)
    operands: list[Layout | None] = [
        layout(lines.shape, x.strides[:axis] + x.strides[axis + 1:], x.dtype) for x in (index, src)]
    n = index.shape[axis]
    made = _plan(backend, launch, lines, operands, n)
    error = backend.errors.watch(index, 0, size) if size != UNCHECKED else backend.errors.word
    places = size if size != UNCHECKED else out.layout.size
    parts = min(backend.pieces(lines.size, n), places)
    packed = struct.pack("<4q3I4x", places, index.strides[axis], src.strides[axis], stride, n,
                         parts, size != UNCHECKED)
    launch((*made.global_size, parts), (*made.local_size, 1), out.buffer, index.buffer, src.buffer,
           made.pack(out.offset, index.offset, src.offset) + made.tail, packed, error)
    return out
