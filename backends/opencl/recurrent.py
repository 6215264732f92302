"""The steps of an LSTM and the walks of CTC: see kernels/lstm.cl and kernels/ctc.cl."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from .array import Array
from .device import OpenCLDevice

FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
COLUMNS = 16  # the least width that lstm.cl's bricks fit into
Arrays = tuple[Array, Array, Array, Array]


class Recurrent(OpenCLDevice):
    """The kernels of recurrent layers. A GPU, or a batch that leaves most lanes idle, takes the
    steps one by one, as base.py does."""

    def lstm(self, x: Array, w: Array, h: Array, c: Array, reverse: bool) -> Arrays:
        if not _in_lanes(self, h):
            return super().lstm(x, w, h, c, reverse)
        if x.dtype == FLOAT16:
            x, w, h, c = (self.cast(v, FLOAT32) for v in (x, w, h, c))
            return _narrow(self, self.lstm(x, w, h, c, reverse))
        x, w, h, c = (self.contiguous(v) for v in (x, w, h, c))
        packed, items, pad = _pack(self, (x, w, h, c), x.shape[0], h, reverse)
        steps, (batch, size) = x.shape[0], h.shape
        out, last = self.empty((steps, batch, size), x.dtype), self.empty(h.shape, x.dtype)
        cells, gates = (self.empty((steps, n, pad), x.dtype) for n in (size, 4 * size))
        state = self.empty((2, size, pad), x.dtype)
        launch = _kernel(self, "lstm", "*********S", h)
        launch((items,), (1,), *(v.buffer for v in (out, last, cells, gates, state, x, w, h, c)),
               packed)
        return out, last, _lanes_as_rows(cells, batch), _lanes_as_rows(gates, batch)

    def lstm_grad(self, g: Array, g_last: Array, w: Array, h: Array, c: Array, out: Array,
                  cells: Array, gates: Array, reverse: bool) -> Arrays:
        if not _in_lanes(self, h):
            return super().lstm_grad(g, g_last, w, h, c, out, cells, gates, reverse)
        if g.dtype == FLOAT16:
            g, g_last, w, h, c, out, cells, gates = (
                self.cast(v, FLOAT32) for v in (g, g_last, w, h, c, out, cells, gates))
            grads = self.lstm_grad(g, g_last, w, h, c, out, cells, gates, reverse)
            return _narrow(self, grads)
        g, g_last, w, c = (self.contiguous(v) for v in (g, g_last, w, c))
        packed, items, pad = _pack(self, (g, w, g_last, c), g.shape[0], h, reverse)
        cells, gates = (_rows_as_lanes(self, v, pad) for v in (cells, gates))
        gx = self.empty((*g.shape[:2], 4 * h.shape[1]), g.dtype)
        gh, gc = (self.empty(h.shape, g.dtype) for _ in range(2))
        state = self.empty((6, h.shape[1], pad), g.dtype)
        launch = _kernel(self, "lstm_grad", "**********S", h)
        operands = gx, gh, gc, state, g, w, g_last, c, cells, gates
        launch((items,), (1,), *(v.buffer for v in operands), packed)
        return gx, self._lstm_weight(gx, h, out, reverse), gh, gc

    def ctc(self, x: Array, skips: Array, frames: Array, last: Array) -> tuple[Array, Array]:
        steps, batch, places = x.shape
        out = self.empty((batch,), x.dtype)
        alpha = self.empty((steps + 1, batch, places + 2), x.dtype)
        operands = [self.contiguous(v) for v in (x, skips, frames, last)]
        if batch:
            launch = self.programs.kernel("ctc.cl", "ctc", "******S", x.dtype)
            launch(*_groups(self, batch), out.buffer, alpha.buffer, *(v.buffer for v in operands),
                   _pack_walks(operands, x.shape))
        return out, alpha

    def ctc_grad(self, g: Array, alpha: Array, skips: Array, frames: Array, last: Array) -> Array:
        batch, places = alpha.shape[1], alpha.shape[2] - 2
        shape = alpha.shape[0] - 1, batch, places
        gx = self.empty(shape, g.dtype)
        g, *operands = (self.contiguous(v) for v in (g, alpha, skips, frames, last))
        if gx.layout.size:
            shares = self.empty((batch, 4, places + 4), g.dtype)
            launch = self.programs.kernel("ctc.cl", "ctc_grad", "***q****S", g.dtype)
            launch(*_groups(self, batch), gx.buffer, shares.buffer, g.buffer, g.offset,
                   *(v.buffer for v in operands), _pack_walks(operands, shape))
        return gx


def _groups(backend: OpenCLDevice, count: int) -> tuple[tuple[int], tuple[int]]:
    """Global and local size of so many work groups, of as many items as ctc.cl says."""
    items = 1 if backend.is_cpu else 64
    return (count * items,), (items,)


def _pack_walks(operands: list[Array], shape: tuple[int, ...]) -> bytes:
    """The struct Walks of ctc.cl."""
    return struct.pack("<4q3I4x", *(v.offset for v in operands), *shape)


def _narrow(backend: OpenCLDevice, arrays: Arrays) -> Arrays:
    w, x, y, z = (backend.cast(v, FLOAT16) for v in arrays)
    return w, x, y, z


def _in_lanes(backend: OpenCLDevice, h: Array) -> bool:
    width = backend.programs.vector_width(FLOAT32 if h.dtype == FLOAT16 else h.dtype)
    return backend.is_cpu and width > 1 and 2 * h.shape[0] >= width and h.layout.size > 0


def _kernel(backend: OpenCLDevice, name: str, types: str, h: Array) -> Any:
    bricks = {} if h.shape[1] >= COLUMNS else {"UNITS": 1, "COLUMNS": 1}
    return backend.programs.kernel("lstm.cl", name, types, h.dtype, **bricks)


def _pack(backend: OpenCLDevice, operands: Any, steps: int, h: Array,
          reverse: bool) -> tuple[bytes, int, int]:
    """The struct Lstm of lstm.cl, how many items there are, and the size of a row of lanes."""
    width = backend.programs.vector_width(h.dtype)
    batch, size = h.shape
    items = -(-batch // width)
    starts = [v.offset for v in operands]
    packed = struct.pack("<4q5I4x", *starts, steps, batch, size, items * width, reverse)
    return packed, items, items * width


def _lanes_as_rows(x: Array, batch: int) -> Array:
    """(T, n, pad) seen as (T, N, n)."""
    steps, n, pad = x.shape
    return x.seen_as((steps, batch, n), (n * pad, 1, pad))


def _rows_as_lanes(backend: OpenCLDevice, x: Array, pad: int) -> Array:
    """What _lanes_as_rows made of its result: the same memory, if that is where x came from."""
    steps, batch, n = x.shape
    if x.offset == 0 and x.strides == (n * pad, 1, pad):
        return x
    out = backend.empty((steps, n, pad), x.dtype)
    backend.copy_(_lanes_as_rows(out, batch), x)
    return out
