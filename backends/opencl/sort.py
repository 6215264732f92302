"""Kernels that sort: see kernels/sort.cl."""

from __future__ import annotations

import math

import numpy as np

from .array import Array
from .device import OpenCLDevice

INT64 = np.dtype(np.int64)
RUN = 16  # as in sort.cl


class Sort(OpenCLDevice):
    """sort, and what searches in what is sorted. topk and unique build on it: see base.py."""

    def sort(self, x: Array, axis: int, descending: bool) -> tuple[Array, Array]:
        if 0 in x.shape or not x.shape:
            return self.copy(x), self.full(x.shape, 0, INT64)
        order = [a for a in range(len(x.shape)) if a != axis] + [axis]
        back = tuple(order.index(a) for a in range(len(order)))
        rows = self.copy(self.permute(x, tuple(order)))
        values, indices = (self.permute(out, back) for out in _sort_rows(self, rows, descending))
        return self.contiguous(values), self.contiguous(indices)

    def searchsorted(self, sorted: Array, values: Array, right: bool) -> Array:
        out = self.empty(values.shape, INT64)
        count, n = math.prod(values.shape), sorted.shape[-1]
        if count:
            row_values = values.shape[-1] if len(sorted.shape) > 1 else 0
            sorted, values = self._from_start(sorted), self._from_start(values)
            chunk, global_size, local_size = self.shares(count, 16, 1)
            launch = self.programs.kernel("sort.cl", "searchsorted", "***IIIII", values.dtype)
            launch(global_size, local_size, out.buffer, sorted.buffer, values.buffer, n, count,
                   row_values, int(right), chunk)
        return out

    def _from_start(self, x: Array) -> Array:
        """x contiguous, from the start of its buffer."""
        return x if x.layout.is_contiguous and x.offset == 0 else self.copy(x)


def _sort_rows(backend: OpenCLDevice, values: Array, descending: bool) -> tuple[Array, Array]:
    """Sorts along the last axis; values is overwritten."""
    n = values.shape[-1]
    rows = math.prod(values.shape[:-1])
    order = backend.empty(values.shape, INT64)
    kernel = backend.programs.kernel
    sort_runs = kernel("sort.cl", "sort_runs", "**IIII", values.dtype)
    merge_runs = kernel("sort.cl", "merge_runs", "****IIIIII", values.dtype)
    chunk, global_size, local_size = backend.shares(rows * -(-n // RUN), RUN * RUN // 4, 1)
    sort_runs(global_size, local_size, values.buffer, order.buffer, rows, n, int(descending), chunk)
    run = RUN
    while run < n:
        part = min(2 * run, 1024 if backend.is_cpu else RUN)
        chunk, global_size, local_size = backend.shares(rows * -(-n // part), 8 * part, 1)
        out = backend.empty(values.shape, values.dtype)
        out_order = backend.empty(order.shape, INT64)
        merge_runs(global_size, local_size, out.buffer, out_order.buffer, values.buffer,
                   order.buffer, rows, n, int(descending), run, part, chunk)
        values, order, run = out, out_order, 2 * run
    return values, order
