"""Steps of optimizers: see kernels/optim.cl."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from .array import Array
from .device import OpenCLDevice

MAXIMIZE, NESTEROV, MOMENTUM, DECOUPLED = 1, 2, 4, 8


class Optim(OpenCLDevice):
    """The kernels that change parameters in place."""

    def sgd_(self, ps: Sequence[Array], gs: Sequence[Array], bufs: Sequence[Array] | None,
             lr: Array, momentum: float, dampening: float, weight_decay: float, nesterov: bool,
             maximize: bool) -> None:
        flags = MAXIMIZE * maximize + NESTEROV * nesterov + MOMENTUM * (bufs is not None)
        for p, g, buf in zip(ps, gs, bufs or ps, strict=True):
            number = _letter(p.dtype)
            launch = self.programs.kernel("optim.cl", "sgd", "****q" + 3 * number + "S", p.dtype)
            numbers = (momentum, 1 - dampening, weight_decay)
            _step(self, launch, flags, p, g, (buf,), (lr,), numbers)

    def adam_(self, ps: Sequence[Array], gs: Sequence[Array], ms: Sequence[Array],
              vs: Sequence[Array], lr: Array, beta1: float, beta2: float, eps: float,
              weight_decay: float, decoupled: bool, correction1: Array, correction2: Array,
              maximize: bool) -> None:
        flags = MAXIMIZE * maximize + DECOUPLED * decoupled
        numbers = (beta1, beta2, 1 - beta1, 1 - beta2, eps, weight_decay)
        for p, g, m, v in zip(ps, gs, ms, vs, strict=True):
            number = _letter(p.dtype)
            launch = self.programs.kernel(
                "optim.cl", "adam", "*******qqq" + 6 * number + "S", p.dtype)
            _step(self, launch, flags, p, g, (m, v), (lr, correction1, correction2), numbers)


def _letter(dtype: np.dtype) -> str:
    return "d" if dtype == np.float64 else "f"


def _step(backend: OpenCLDevice, launch: Any, flags: int, p: Array, g: Array,
          states: tuple[Array, ...], changing: tuple[Array, ...], numbers: tuple[Any, ...]) -> None:
    """One parameter; `changing` are 0-d arrays. What is not contiguous is updated as a contiguous
    copy, and copied back."""
    if not p.layout.size:
        return
    wide = np.dtype(np.float64 if p.dtype == np.float64 else np.float32)
    changing = tuple([backend.cast(x, wide) for x in changing])
    written = (p, *states)
    whole = [backend.contiguous(x) for x in written]
    g = backend.contiguous(g)
    chunk, global_size, local_size = backend.shares(p.layout.size)
    starts = [x.offset for x in (whole[0], g, *whole[1:])] + [0] * (2 - len(states))
    packed = struct.pack("<4q3I4x", *starts, p.layout.size, chunk, flags)
    launch(global_size, local_size, whole[0].buffer, g.buffer, *[x.buffer for x in whole[1:]],
           *[x.buffer for x in changing], *[x.offset for x in changing], *numbers, packed)
    for x, copy in zip(written, whole, strict=True):
        if copy is not x:
            backend.copy_(x, copy)
