"""Pooling: see kernels/pool.cl. avg_pool and its gradient are the defaults of base.py."""

from __future__ import annotations

import math
import struct

import numpy as np

from ..base import Pads, Shape
from .array import Array
from .device import OpenCLDevice

INT64 = np.dtype(np.int64)


class Pool(OpenCLDevice):
    """The kernels that take one element of every window, and their adjoint."""

    def max_pool(self, x: Array, size: Shape, stride: Shape, padding: Pads, dilation: Shape,
                 out_shape: Shape) -> tuple[Array, Array]:
        if len(size) > 2:
            return super().max_pool(x, size, stride, padding, dilation, out_shape)
        x = self.contiguous(x)
        out, indices = self.empty(out_shape, x.dtype), self.empty(out_shape, INT64)
        rows = out.layout.size // max(out_shape[-1], 1)
        if rows:
            flat = (1,) * (2 - len(size))
            plane, positions = flat + x.shape[2:], flat + tuple(out_shape[2:])
            low = (0,) * len(flat) + tuple(before for before, _ in padding)
            chunk, global_size, local_size = self.shares(rows, 8 * out_shape[-1], 1)
            packed = struct.pack(
                "<q12i2I", x.offset, *plane, *positions, *flat, *size, *flat, *stride, *low, *flat,
                *dilation, rows, chunk)
            launch = self.programs.kernel("pool.cl", "max_pool", "***S", x.dtype)
            launch(global_size, local_size, out.buffer, indices.buffer, x.buffer, packed)
        return out, indices

    def max_pool_input(self, g: Array, indices: Array, x_shape: Shape) -> Array:
        if g.dtype == np.float16:
            return super().max_pool_input(g, indices, x_shape)
        g, indices = self.contiguous(g), self.contiguous(indices)
        out = self.empty(x_shape, g.dtype)
        planes = math.prod(x_shape[:2])
        if out.layout.size:
            size, n = out.layout.size // planes, g.layout.size // planes
            launch = self.programs.kernel("pool.cl", "max_pool_input", "***qqIIII", g.dtype)
            chunk, global_size, local_size = self.shares(planes, size + 4 * n, 1)
            launch(global_size, local_size, out.buffer, g.buffer, indices.buffer, g.offset,
                   indices.offset, size, n, planes, chunk)
        return out
