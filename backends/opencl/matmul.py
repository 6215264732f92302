"""Matrix products: see kernels/matmul.cl."""

from __future__ import annotations

import math
import struct

import numpy as np

from .array import Array
from .device import OpenCLDevice


def matmul(backend: OpenCLDevice, x: Array, y: Array) -> Array:
    """out[..., r, c] = sum(x[..., r, k] * y[..., k, c] for k); leading axes broadcast."""
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x, y = (_three_axes(backend, v, batch) for v in (x, y))
    rows, depth, columns = *x.shape[1:], y.shape[2]
    out = backend.empty((x.shape[0], rows, columns), x.dtype)
    if 0 not in out.shape:
        launch = backend.programs.kernel("matmul.cl", "naive", "***S", x.dtype)
        product = struct.pack("<8q4I", x.offset, y.offset, *x.strides, *y.strides,
                              rows, columns, depth, x.shape[0])
        launch((columns, rows, x.shape[0]), None, out.buffer, x.buffer, y.buffer, product)
    return backend.view(out, (*batch, rows, columns))


def _three_axes(backend: OpenCLDevice, x: Array, batch: tuple[int, ...]) -> Array:
    """The matrices of x, repeated over the batch, along one axis."""
    shape = (math.prod(batch), *x.shape[-2:])
    wide = backend.expand(x, (*batch, *x.shape[-2:]))
    view = backend.view(wide, shape)
    return backend.view(backend.contiguous(wide), shape) if view is None else view
