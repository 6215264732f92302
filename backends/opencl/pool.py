"""Pooling: see kernels/pool.cl. avg_pool and the gradients are the defaults of base.py."""

from __future__ import annotations

import struct

import numpy as np

from ..base import Pads, Shape
from .array import Array
from .device import OpenCLDevice

INT64 = np.dtype(np.int64)


class Pool(OpenCLDevice):
    """The kernels that take one element of every window."""

    def max_pool(self, x: Array, size: Shape, stride: Shape, padding: Pads, dilation: Shape,
                 out_shape: Shape) -> tuple[Array, Array]:
        x = self.contiguous(x)
        out, indices = self.empty(out_shape, x.dtype), self.empty(out_shape, INT64)
        n = out.layout.size
        if n:
            flat = (1,) * (2 - len(size))
            plane, positions = flat + x.shape[2:], flat + tuple(out_shape[2:])
            low = (0,) * len(flat) + tuple(before for before, _ in padding)
            chunk, global_size, local_size = self.shares(n, 8, 1)
            packed = struct.pack(
                "<q12i2I", x.offset, *plane, *positions, *flat, *size, *flat, *stride, *low, *flat,
                *dilation, n, chunk)
            launch = self.programs.kernel("pool.cl", "max_pool", "***S", x.dtype)
            launch(global_size, local_size, out.buffer, indices.buffer, x.buffer, packed)
        return out, indices
