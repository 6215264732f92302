"""Kernels that need a whole row at once: how rows are shared out. See kernels/rows.h."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from ..base import Axes, Shape
from .array import Array, row_major
from .device import OpenCLDevice

GROUP_SIZE = 128  # as in rows.h
LONGEST_CACHED = 1 << 14  # elements of a row that is read from memory once


def shares_of_rows(backend: OpenCLDevice, rows: int, n: int) -> tuple[int, Any, Any]:
    """How rows of n elements are shared out: rows for each work item, global and local size."""
    if backend.is_cpu:
        return backend.shares(rows, n, 1)
    return 1, (rows * GROUP_SIZE,), (GROUP_SIZE,)


def launch_rows(backend: OpenCLDevice, kernel: tuple[str, str, str], out: Array, xs: list[Array],
                *numbers: Any) -> Array:
    """Launches a kernel on the rows along the last axis, and returns its `out`.

    kernel: the file, the name, and the types of the numbers: N for the one that is computed in."""
    xs = [backend.contiguous(x) for x in xs]
    x = xs[0]
    if x.layout.size:
        file, name, types = kernel
        n = x.shape[-1] if x.shape else 1
        rows = x.layout.size // n
        types = types.replace("N", "d" if x.dtype == np.float64 else "f")
        launch = backend.programs.kernel(file, name, "*" * (1 + len(xs)) + "S" + types, x.dtype)
        chunk, global_size, local_size = shares_of_rows(backend, rows, n)
        packed = struct.pack("<2q3I4x", x.offset, xs[-1].offset, rows, n, chunk)
        launch(global_size, local_size, out.buffer, *[x.buffer for x in xs], packed, *numbers)
    return out


def reduce_rows(backend: OpenCLDevice, kernel: tuple[str, str, str], x: Array, axes: Axes,
                keepdims: bool, *numbers: Any) -> Array | None:
    """One element for each row, which lies along the axes.

    None where rows do not fit the cache, or are too few to keep the device busy."""
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    n = math.prod(x.shape[axis] for axis in axes)
    if not x.layout.size or n > LONGEST_CACHED or backend.pieces(x.layout.size // n, n) > 1:
        return None
    shape: Shape = tuple([x.shape[axis] for axis in kept])
    rows = backend.contiguous(backend.permute(x, (*kept, *axes)))
    rows = rows.seen_as((*shape, n), row_major((*shape, n)))
    out = launch_rows(backend, kernel, backend.empty(shape, x.dtype), [rows], *numbers)
    if keepdims:
        shape = tuple([1 if axis in axes else n for axis, n in enumerate(x.shape)])
    return out.seen_as(shape, row_major(shape))
