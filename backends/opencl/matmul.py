"""The matrix product: which kernel of matmul.cl runs, on how many items, and where K is split."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..base import Shape
from .array import Array, Layout, contiguous_layout
from .device import SMALLEST_PIECE, OpenCLDevice
from .walk import merged, strides_in

TILE, SIDE = 16, 64     # of the groups of `tiled` and `blocked`
SHORTEST_SLICE = 512    # splitting K into shorter pieces costs more than it gains
FEWEST_ROWS = 64        # so many rows at least are to use a panel that was packed
Size = tuple[int, int, int]
Run = Callable[[Array, Array], Array]


def matmul(backend: OpenCLDevice, x: Array, y: Array) -> Array:
    """out[..., r, c] = sum(x[..., r, k] * y[..., k, c] for k); leading axes broadcast"""
    key = ("matmul", x.layout, y.layout)
    run: Run | None = backend.plans.get(key)
    if run is None:
        run = backend.keep(key, _plan(backend, x.layout, y.layout))
    return run(x, y)


class Product(NamedTuple):
    """The struct of this name in matmul.cl, up to how the work is shared out."""

    rows: int
    columns: int
    depth: int
    x_row: int
    x_k: int
    y_k: int
    y_column: int
    x_outer: int
    x_inner: int
    y_outer: int
    y_inner: int
    inner: int


class Work(NamedTuple):
    """How the work is shared out: the last numbers of the struct, and what is launched."""

    kernel: str
    splits: int
    slice: int
    block: int
    global_size: Size
    local_size: Size | None


def _plan(backend: OpenCLDevice, x: Layout, y: Layout) -> Run:
    """The function that multiplies arrays of these layouts."""
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = contiguous_layout((*batch, x.shape[-2], y.shape[-1]), x.dtype)
    if out.size == 0 or x.shape[-1] == 0:
        return lambda x, y: backend.full(out.shape, 0, out.dtype)
    if out.shape[-1] == 1 and out.shape[-2] > 1:  # panels are wide: make a row of the column
        return lambda x, y: matmul(backend, _mT(y), _mT(x)).seen_as(out.shape, out.strides)
    found = product(batch, x, y)
    if found is None:
        return lambda x, y: matmul(backend, *(
            backend.copy(backend.expand(v, (*batch, *v.shape[-2:]))) for v in (x, y)))
    sizes, batches = found
    work = share_out(backend, sizes, batches, x.dtype)
    arguments = struct.pack("<15q", *sizes, work.splits, work.slice, work.block)
    launch = backend.programs.kernel(
        "matmul.cl", work.kernel, "***Sqq", x.dtype, **tile(backend, x.dtype))
    sums, finish = sums_of(backend, out, work.splits)
    nbytes = sums.size * sums.dtype.itemsize

    def run(x: Array, y: Array) -> Array:
        result = Array(backend.allocate(nbytes), 0, sums)
        launch(work.global_size, work.local_size, result.buffer, x.buffer, y.buffer, arguments,
               x.offset, y.offset)
        return finish(result)

    return run


def _mT(x: Array) -> Array:
    """x with its last two axes exchanged."""
    shape, strides = x.shape, x.strides
    return x.seen_as((*shape[:-2], shape[-1], shape[-2]), (*strides[:-2], strides[-1], strides[-2]))


def sums_of(backend: OpenCLDevice, out: Layout,
            splits: int) -> tuple[Layout, Callable[[Array], Array]]:
    """What kernels write that leave a matrix of sums for each part of K, and how it becomes out.

    Sums of float16 are float32: they are rounded once, at the end.
    """
    if splits == 1 and out.dtype != np.float16:
        return out, lambda sums: sums
    dtype = np.dtype(np.float32) if out.dtype == np.float16 else out.dtype
    launch = backend.programs.kernel(
        "matmul.cl", "add_splits", "**qq", out.dtype, **tile(backend, out.dtype))

    def finish(sums: Array) -> Array:
        result = backend.empty(out.shape, out.dtype)
        launch((out.size,), None, result.buffer, sums.buffer, out.size, splits)
        return result

    return contiguous_layout((splits, *out.shape), dtype), finish


def product(batch: Shape, x: Layout, y: Layout) -> tuple[Product, int] | None:
    """The product, and how many batches it has. None where these lie along more than two axes.

    If y is the same for batches whose rows of x follow each other, they are rows of one product.
    """
    rows, depth, columns = x.shape[-2], x.shape[-1], y.shape[-1]
    x_all = strides_in(x, (*batch, rows, depth))
    y_all = strides_in(y, (*batch, depth, columns))
    (x_k, y_k), y_column = (x_all[-1], y_all[-2]), y_all[-1]
    shape, (xs, ys) = merged((*batch, rows), [x_all[:-1], (*y_all[:-2], 0)])
    if not shape or ys[-1] != 0:  # a single row: what came last is an axis of the batches
        shape, xs, ys = (*shape, 1), (*xs, 0), (*ys, 0)
    if len(shape) > 3:
        return None
    outer, inner, rows = (1,) * (3 - len(shape)) + shape
    (x_outer, x_inner, x_row), (y_outer, y_inner, _) = ((0,) * (3 - len(s)) + s for s in (xs, ys))
    sizes = Product(rows, columns, depth, x_row, x_k, y_k, y_column, x_outer, x_inner, y_outer,
                    y_inner, inner)
    return sizes, outer * inner


def tile(backend: OpenCLDevice, dtype: np.dtype) -> dict[str, int]:
    """The sizes of the tile and the panel of `packed`: as large as registers and cache allow."""
    if not backend.is_cpu:
        return {}
    width = backend.programs.vector_width(dtype)
    row_bytes = 2 * width * max(dtype.itemsize, 4 if dtype.kind == "f" else 1)
    return {"ROWS": 8 if backend.programs.vector_bytes >= 64 else 4,
            "DEPTH": 512 if 512 * row_bytes <= backend.local_memory // 2 else 128}


def share_out(backend: OpenCLDevice, product: Product, batches: int, dtype: np.dtype) -> Work:
    """The kernel for this product on this device, and its items.

    A tiny result is computed element by element, a single row without packing. Else a CPU takes the
    panels of `packed`, and a GPU tiles, large ones where the matrices have room for them. K is
    split where there would be too few items to keep the device busy.
    """
    rows, columns, units = product.rows, product.columns, backend.compute_units
    if backend.is_cpu and rows == 1 and product.x_k == product.y_k == 1:
        items = min(4 * units, ceil_div(columns * product.depth, SMALLEST_PIECE), columns)
        block = ceil_div(columns, items)
        size = (ceil_div(columns, block), 1, batches)
        return _split("dots", product, size, (1, 1, 1), units)._replace(block=block)
    if rows * columns < TILE:
        return _split("naive", product, (columns, rows, batches), None, 64 * units)
    if backend.is_cpu and rows == 1 and product.y_column == 1:
        strips = ceil_div(columns, 4 * backend.programs.vector_width(dtype))
        return _split("strips", product, (strips, 1, batches), (1, 1, 1), units)
    if backend.is_cpu:
        panels = ceil_div(columns, 2 * backend.programs.vector_width(dtype))
        blocks = min(ceil_div(4 * units, panels * batches), ceil_div(rows, FEWEST_ROWS))
        block = ceil_div(rows, blocks)
        size = (panels, ceil_div(rows, block), batches)
        return _split("packed", product, size, (1, 1, 1), units)._replace(block=block)
    kernel, side = ("blocked", SIDE) if min(rows, columns) >= SIDE // 2 else ("tiled", TILE)
    across, down = ceil_div(columns, side), ceil_div(rows, side)
    size, group = (across * TILE, down * TILE, batches), (TILE, TILE, 1)
    return _split(kernel, product, size, group, 2 * units * TILE * TILE)


def _split(kernel: str, product: Product, size: Size, group: Size | None, enough: int) -> Work:
    """The work with K split into so many parts that there are enough items, or its slices short."""
    missing = ceil_div(enough, math.prod(size))
    slice = ceil_div(product.depth, max(1, min(missing, product.depth // SHORTEST_SLICE)))
    splits = ceil_div(product.depth, slice)
    return Work(kernel, splits, slice, 0, (*size[:2], size[2] * splits), group)


def ceil_div(n: int, parts: int) -> int:
    """n / parts, rounded up."""
    return -(-n // parts)
