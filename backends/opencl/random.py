"""Random numbers: see kernels/random.cl and Note [Randomness] in base.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base import Shape
from .array import Array
from .device import OpenCLDevice

INT64, FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)


class Random(OpenCLDevice):
    """The kernels that draw."""

    def random_bits(self, seed: Array, offset: Array, n: int) -> Array:
        return _draw(self, "random_bits", seed, offset, (n,), INT64)

    def uniform(self, seed: Array, offset: Array, shape: Shape, dtype: np.dtype) -> Array:
        return _draw(self, "uniform", seed, offset, shape, dtype)

    def normal(self, seed: Array, offset: Array, shape: Shape, dtype: np.dtype) -> Array:
        return _draw(self, "normal", seed, offset, shape, dtype)

    def randint(self, seed: Array, offset: Array, shape: Shape, low: int, high: int,
                dtype: np.dtype) -> Array:
        numbers = (low % 2**64, high - low)
        if dtype.kind not in "iu":
            whole = _draw(self, "randint", seed, offset, shape, INT64, *numbers)
            return self.cast(whole, dtype)
        return _draw(self, "randint", seed, offset, shape, dtype, *numbers)


def _draw(backend: OpenCLDevice, name: str, seed: Array, offset: Array, shape: Shape,
          dtype: np.dtype, *numbers: Any) -> Array:
    out = backend.empty(shape, dtype)
    n = math.prod(shape)
    if n:
        per_block = 8 if dtype.kind == "f" and dtype != FLOAT64 else 4
        chunk, global_size, local_size = backend.shares(-(-n // per_block), 4 * per_block, 1)
        types = "***qqII" + "Q" * len(numbers)
        launch = backend.programs.kernel("random.cl", name, types, dtype)
        launch(global_size, local_size, out.buffer, seed.buffer, offset.buffer, seed.offset,
               offset.offset, n, chunk, *numbers)
    return out
