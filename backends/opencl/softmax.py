"""softmax and what goes by the same rows: see kernels/softmax.cl."""

from __future__ import annotations

import math
from typing import Any

from ..base import Axes
from .array import Array
from .device import OpenCLDevice
from .rows import launch_rows, reduce_rows


def by_rows(name: str) -> Any:
    """The kernel softmax or log_softmax, and by_rows_grad its gradient, of the same two steps: the
    axis is brought to the end, and back. The result is row-major, as elsewhere."""

    def kernel(self: OpenCLDevice, x: Array, axis: int) -> Array:
        return _along_rows(self, name, "", [x], axis)

    return kernel


def by_rows_grad(name: str, *numbers: float) -> Any:
    types = "N" * len(numbers)

    def kernel(self: OpenCLDevice, g: Array, out: Array, axis: int) -> Array:
        return _along_rows(self, name, types, [g, out], axis, *numbers)

    return kernel


def _along_rows(backend: OpenCLDevice, name: str, types: str, xs: list[Array], axis: int,
                *numbers: float) -> Array:
    """Launches a kernel whose rows lie along an axis."""
    shape = xs[0].shape
    if axis >= len(shape) - 1:
        return _launch(backend, name, types, xs, *numbers)
    order = (*range(axis), *range(axis + 1, len(shape)), axis)
    back = (*range(axis), len(shape) - 1, *range(axis, len(shape) - 1))
    turned = [backend.permute(x, order) for x in xs]
    rows = _launch(backend, name, types, turned, *numbers)
    return backend.contiguous(backend.permute(rows, back))


def _launch(backend: OpenCLDevice, name: str, types: str, xs: list[Array],
            *numbers: Any) -> Array:
    out = backend.empty(xs[0].shape, xs[0].dtype)
    return launch_rows(backend, ("softmax.cl", name, types), out, xs, *numbers)


class Softmax(OpenCLDevice):
    """The kernels that normalise powers of e."""

    softmax = by_rows("softmax")
    log_softmax = by_rows("log_softmax")
    softmax_grad = by_rows_grad("softmax_grad", 1.0)
    log_softmax_grad = by_rows_grad("log_softmax_grad")

    def logsumexp(self, x: Array, axes: Axes, keepdims: bool) -> Array:
        out = reduce_rows(self, ("softmax.cl", "logsumexp", ""), x, axes, keepdims)
        return super().logsumexp(x, axes, keepdims) if out is None else out

    def attention(self, q: Array, k: Array, v: Array, mask: Array | None, is_causal: bool,
                  scale: float) -> tuple[Array, Array]:
        score = self.matmul(q, self._transpose(k))
        if mask is not None or scale < 0:
            score, scale = self.mul(score, scale), 1.0
        if mask is not None and mask.dtype == bool:
            score = self.where(mask, score, -math.inf)
        elif mask is not None:
            score = self.add(score, mask)
        probs = _launch(
            self, "causal_softmax", "NII", [score], scale, score.shape[-2], int(is_causal))
        return self.matmul(probs, v), probs

    def attention_grad(self, g: Array, q: Array, k: Array, v: Array, probs: Array,
                       scale: float) -> tuple[Array, Array, Array]:
        gprobs = self.matmul(g, self._transpose(v))
        gscore = _launch(self, "softmax_grad", "N", [gprobs, probs], scale)
        return (self.matmul(gscore, k), self.matmul(self._transpose(gscore), q),
                self.matmul(self._transpose(probs), g))
