"""cross_entropy and its gradient: see kernels/loss.cl."""

from __future__ import annotations

import struct

import numpy as np

from .array import Array
from .device import OpenCLDevice
from .rows import shares_of_rows


class Loss(OpenCLDevice):
    """The loss of classifiers."""

    def cross_entropy(self, x: Array, target: Array, weight: Array | None, ignore_index: int,
                      label_smoothing: float, reduction: str) -> tuple[Array, Array, Array]:
        x, target = self.contiguous(x), self.contiguous(target)
        weight = None if weight is None else self.contiguous(weight)
        rows, classes = x.shape
        log_probs = self.empty(x.shape, x.dtype)
        loss, row_weight = (self.empty((rows,), x.dtype) for _ in range(2))
        if rows:
            error = self.errors.watch(target, 0, classes, ignore_index)
            launch = self.programs.kernel("loss.cl", "cross_entropy", "******S*", x.dtype)
            packed, global_size, local_size = _pack(
                self, x, target, weight, None, None, ignore_index, label_smoothing, False)
            launch(global_size, local_size, log_probs.buffer, loss.buffer, row_weight.buffer,
                   x.buffer, target.buffer, None if weight is None else weight.buffer, packed,
                   error)
        total_weight = self.sum(row_weight, (0,), False)
        if reduction != "none":
            loss = self.sum(loss, (0,), False)
        if reduction == "mean":
            loss = self.div(loss, total_weight)
        return loss, log_probs, total_weight

    def cross_entropy_grad(self, g: Array, log_probs: Array, target: Array, weight: Array | None,
                           total_weight: Array, ignore_index: int, label_smoothing: float,
                           reduction: str) -> Array:
        x, target, g = (self.contiguous(v) for v in (log_probs, target, g))
        weight = None if weight is None else self.contiguous(weight)
        gx = self.empty(x.shape, x.dtype)
        if x.shape[0]:
            error = self.errors.watch(target, 0, x.shape[1], ignore_index)
            launch = self.programs.kernel("loss.cl", "cross_entropy_grad", "******S*", x.dtype)
            packed, global_size, local_size = _pack(
                self, x, target, weight, g, total_weight, ignore_index, label_smoothing,
                reduction == "mean")
            launch(global_size, local_size, gx.buffer, g.buffer, x.buffer, target.buffer,
                   None if weight is None else weight.buffer, total_weight.buffer, packed, error)
        return gx


def _pack(backend: OpenCLDevice, x: Array, target: Array, weight: Array | None, g: Array | None,
          total: Array | None, ignore_index: int, smoothing: float,
          is_mean: bool) -> tuple[bytes, tuple[int, ...], tuple[int, ...]]:
    """The struct Loss of loss.cl, and how its rows are shared out."""
    rows, classes = x.shape
    chunk, global_size, local_size = shares_of_rows(backend, rows, classes)
    starts = [0 if v is None else v.offset for v in (x, target, weight, g, total)]
    number = "d" if x.dtype == np.float64 else "f"
    padding = "4x" if number == "d" else ""
    packed = struct.pack(
        f"<5qqq{number}5I{padding}", *starts, int(g is not None and bool(g.shape)), ignore_index,
        smoothing, rows, classes, chunk, weight is not None, is_mean)
    return packed, global_size, local_size
