"""layer_norm, batch_norm and their gradients: see kernels/norm.cl."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from ..base import Axes, Number
from .array import Array
from .device import OpenCLDevice
from .rows import reduce_rows, shares_of_rows

FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
ROWS_OF_A_PIECE = 64  # at least, for the sums over rows


class Norm(OpenCLDevice):
    """The kernels that shift and scale to mean 0 and variance 1, and the variance itself."""

    def var(self, x: Array, axes: Axes, correction: Number, keepdims: bool) -> Array:
        n = math.prod(x.shape[axis] for axis in axes)
        out = reduce_rows(self, ("norm.cl", "variance", "N"), x, axes, keepdims,
                          max(n - correction, 0))
        return super().var(x, axes, correction, keepdims) if out is None else out

    def layer_norm(self, x: Array, w: Array | None, b: Array | None, n_axes: int,
                   eps: float) -> tuple[Array, Array, Array]:
        rows, n, kept = _rows(x, n_axes)
        if not rows * n:
            return super().layer_norm(x, w, b, n_axes, eps)
        x, w, b = (_whole(self, v) for v in (x, w, b))
        out = self.empty(x.shape, x.dtype)
        mean, rstd = self.empty(kept, x.dtype), self.empty(kept, x.dtype)
        launch = self.programs.kernel("norm.cl", "layer_norm", "******S", x.dtype)
        chunk, global_size, local_size = shares_of_rows(self, rows, n)
        packed = _pack((x, None, w, b, None, None), eps, rows, n, chunk)
        launch(global_size, local_size, out.buffer, mean.buffer, rstd.buffer, x.buffer,
               _buffer(w), _buffer(b), packed)
        return out, mean, rstd

    def layer_norm_grad(self, g: Array, x: Array, w: Array | None, mean: Array, rstd: Array,
                        n_axes: int) -> tuple[Array, Array | None, Array]:
        rows, n, _ = _rows(x, n_axes)
        if not rows * n:
            return super().layer_norm_grad(g, x, w, mean, rstd, n_axes)
        operands = [_whole(self, v) for v in (x, g, w, None, mean, rstd)]
        x, g, w, _, mean, rstd = operands
        gx = self.empty(x.shape, x.dtype)
        launch = self.programs.kernel("norm.cl", "layer_norm_input", "******S", x.dtype)
        chunk, global_size, local_size = shares_of_rows(self, rows, n)
        launch(global_size, local_size, gx.buffer, g.buffer, x.buffer, _buffer(w), mean.buffer,
               rstd.buffer, _pack(operands, 0.0, rows, n, chunk))
        gw, gb = _weights(self, operands, rows, n, x.shape[len(x.shape) - n_axes:])
        return gx, None if w is None else gw, gb

    def batch_norm(self, x: Array, w: Array | None, b: Array | None,
                   eps: float) -> tuple[Array, Array, Array, Array]:
        if not x.layout.size:
            return super().batch_norm(x, w, b, eps)
        x, w, b = (_whole(self, v) for v in (x, w, b))
        out = self.empty(x.shape, x.dtype)
        mean, var, rstd = (self.empty(x.shape[1:2], x.dtype) for _ in range(3))
        packed, global_size, local_size = _channels(self, (x, None, w, b, None, None), eps)
        launch = self.programs.kernel("norm.cl", "batch_norm", "*******S", x.dtype)
        launch(global_size, local_size, out.buffer, mean.buffer, var.buffer, rstd.buffer, x.buffer,
               _buffer(w), _buffer(b), packed)
        return out, mean, var, rstd

    def batch_norm_grad(self, g: Array, x: Array, w: Array | None, mean: Array,
                        rstd: Array) -> tuple[Array, Array, Array]:
        if not x.layout.size:
            return super().batch_norm_grad(g, x, w, mean, rstd)
        operands = [_whole(self, v) for v in (x, g, w, None, mean, rstd)]
        x, g, w, _, mean, rstd = operands
        gx = self.empty(x.shape, x.dtype)
        gw, gb = (self.empty(x.shape[1:2], x.dtype) for _ in range(2))
        packed, global_size, local_size = _channels(self, operands, 0.0)
        launch = self.programs.kernel("norm.cl", "batch_norm_grad", "********S", x.dtype)
        launch(global_size, local_size, gx.buffer, gw.buffer, gb.buffer, g.buffer, x.buffer,
               _buffer(w), mean.buffer, rstd.buffer, packed)
        return gx, gw, gb


def _whole(backend: OpenCLDevice, x: Array | None) -> Any:
    return None if x is None else backend.contiguous(x)


def _buffer(x: Array | None) -> Any:
    return None if x is None else x.buffer


def _rows(x: Array, n_axes: int) -> tuple[int, int, tuple[int, ...]]:
    """How many rows of how many elements, and the shape of what is known of each row."""
    first = len(x.shape) - n_axes
    kept = x.shape[:first] + (1,) * n_axes
    return math.prod(x.shape[:first]), math.prod(x.shape[first:]), kept


def _pack(operands: Any, eps: float, rows: int, n: int, chunk: int, segments: int = 1,
          step: int = 0) -> bytes:
    """The struct Norm of norm.cl; the operands are x, g, w, b, mean, rstd."""
    starts = [0 if v is None else v.offset for v in operands]
    number = "d" if operands[0].dtype == np.float64 else "f"
    padding = "4x" if number == "d" else ""
    return struct.pack(
        f"<6q{number}7I{padding}", *starts, eps, rows, n, chunk, operands[2] is not None,
        operands[3] is not None, segments, step)


def _weights(backend: OpenCLDevice, operands: Any, rows: int, n: int,
             shape: tuple[int, ...]) -> list[Array]:
    """The sums over the rows of layer_norm, by pieces and then over these: (gw, gb)."""
    x, g, _, _, mean, rstd = operands
    chunk = max(ROWS_OF_A_PIECE, -(-rows // (8 * backend.compute_units)))
    pieces = -(-rows // chunk)
    wide = FLOAT32 if x.dtype == FLOAT16 else x.dtype
    sums = [backend.empty((pieces, n), wide) for _ in range(2)]
    launch = backend.programs.kernel("norm.cl", "layer_norm_weights", "******S", x.dtype)
    columns = -(-n // backend.programs.vector_width(x.dtype))
    launch((columns, pieces), (1, 1) if backend.is_cpu else None, sums[0].buffer, sums[1].buffer,
           g.buffer, x.buffer, mean.buffer, rstd.buffer, _pack(operands, 0.0, rows, n, chunk))
    totals = [backend.cast(backend.sum(v, (0,), False), x.dtype) for v in sums]
    return [backend._reshape(v, shape) for v in totals]


def _channels(backend: OpenCLDevice, operands: Any,
              eps: float) -> tuple[bytes, tuple[int, ...], tuple[int, ...]]:
    """The channels of batch_norm as rows of a segment for each image."""
    images, channels, *plane = operands[0].shape
    n = math.prod(plane)
    chunk, global_size, local_size = shares_of_rows(backend, channels, n * images)
    packed = _pack(operands, eps, channels, n, chunk, images, channels * n)
    return packed, global_size, local_size
