"""Random test data: shapes, parameters, values, and arrays in every memory layout a kernel may
meet.

One vocabulary, two sources. `Seeded` draws from a seed and needs only NumPy, so that the
conformance suite runs anywhere; strategies.Drawn draws from hypothesis, which shrinks what fails.
Whoever describes inputs, describes them once:

    def inputs(draw):
        m, n = draw.integer(1, 3), draw.integer(0, 3)
        return draw.values((m, n)), draw.values((n,), (0.5, 2.0))
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
Shape = tuple[int, ...]
Interval = tuple[float, float]
Domain = Interval | tuple[Interval, ...]

LAYOUTS = ("contiguous", "permuted", "strided", "inside", "reversed", "expanded")


class Draw:
    """A source of random choices. `dtype` is the type of the values it draws; bools and indices
    have their own.
    """

    dtype = np.dtype(np.float64)

    def integer(self, low: int, high: int) -> int:
        """A random integer with low <= integer <= high."""
        raise NotImplementedError

    def generator(self) -> np.random.Generator:
        """A seeded generator, for drawing in bulk."""
        return np.random.default_rng(self.integer(0, 2**32 - 1))

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]

    def boolean(self) -> bool:
        return self.integer(0, 1) == 1

    # -- shapes and parameters

    def side(self, low: int = 0, high: int = 4) -> int:
        """The size of one axis."""
        return self.integer(low, high)

    def dims(self, low: int = 0, high: int = 3) -> int:
        """A number of axes."""
        return self.integer(low, high)

    def shape(
        self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4
    ) -> Shape:
        return tuple(self.side(min_side, max_side) for _ in range(self.dims(min_dims, max_dims)))

    def part_of(self, shape: Shape) -> Shape:
        """A shape that broadcasts to `shape`: some axes of size 1, some leading ones missing."""
        kept = shape[self.integer(0, len(shape)) :]
        return tuple(1 if self.boolean() else n for n in kept)

    def broadcastable(self, count: int, max_dims: int = 3, min_side: int = 0) -> tuple[Shape, ...]:
        """`count` shapes that broadcast together; the first is often the largest."""
        full = self.shape(0, max_dims, min_side)
        return (
            full if self.boolean() else self.part_of(full),
            *(self.part_of(full) for _ in range(count - 1)),
        )

    def matmul_shapes(self, max_batch: int = 2) -> tuple[Shape, Shape]:
        """(..., n, k) and (..., k, m), whose leading axes broadcast."""
        n, k, m = self.side(), self.side(), self.side()
        x_batch, y_batch = self.broadcastable(2, max_batch)
        return (*x_batch, n, k), (*y_batch, k, m)

    def axis(self, dims: int) -> int:
        """One axis; 0 for a 0-d array."""
        return self.integer(0, max(dims, 1) - 1)

    def axes(self, dims: int) -> Shape:
        """Some, none or all axes, in order."""
        return tuple(axis for axis in range(dims) if self.boolean())

    def permutation(self, n: int) -> Shape:
        return tuple(int(i) for i in self.generator().permutation(n))

    # -- values

    def values(self, shape: Sequence[int], domain: Domain = (-2.0, 2.0)) -> np.ndarray:
        """Random values of `dtype` in an interval or a union of intervals; for integers, in thrice
        that.
        """
        shape, intervals = tuple(shape), _intervals(domain)
        rng = self.generator()
        if self.dtype.kind == "b":
            return np.asarray(rng.integers(0, 2, shape), bool)
        if self.dtype.kind != "f":
            return np.asarray(
                rng.choice(np.array(_integers(intervals, self.dtype), self.dtype), shape)
            )
        lows, highs = np.array(intervals).T
        which = rng.integers(0, len(intervals), shape)
        return np.asarray(rng.uniform(lows[which], highs[which], shape), self.dtype)

    def distinct(self, shape: Sequence[int], domain: Interval = (-2.0, 2.0)) -> np.ndarray:
        """Values no two of which are near each other: for ops that jump where two are equal."""
        n = math.prod(shape)
        if self.dtype.kind == "b":
            return self.values(shape)
        rng = self.generator()
        order = rng.permutation(n).reshape(tuple(shape))
        if self.dtype.kind != "f":
            return np.asarray(order - (n // 2 if self.dtype.kind == "i" else 0), self.dtype)
        low, high = domain
        places = (order + rng.uniform(0.3, 0.7, tuple(shape))) / max(n, 1)
        return np.asarray(low + (high - low) * places, self.dtype)

    def booleans(self, shape: Sequence[int]) -> np.ndarray:
        return np.asarray(self.generator().integers(0, 2, tuple(shape)), bool)

    def indices(self, shape: Sequence[int], size: int, low: int = 0) -> np.ndarray:
        """int64 numbers in [low, size); size must be positive unless the shape is empty."""
        return np.asarray(self.generator().integers(low, max(size, 1), tuple(shape)), np.int64)

    def layout(self, varies: bool = True) -> str:
        """One of LAYOUTS; without "expanded", whose values repeat, unless `varies`."""
        return self.choice(LAYOUTS if varies else LAYOUTS[:-1])


class Seeded(Draw):
    """Draws from a seed."""

    def __init__(self, seed: int, dtype: Any = np.float64):
        self.rng = np.random.default_rng(seed)
        self.dtype = np.dtype(dtype)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high, endpoint=True))


class Smallest(Draw):
    """The smallest shapes that are allowed, 0-d or empty, and all else from another source."""

    def __init__(self, draw: Draw, empty: bool):
        self.draw, self.empty, self.dtype = draw, empty, draw.dtype

    def integer(self, low: int, high: int) -> int:
        return self.draw.integer(low, high)

    def side(self, low: int = 0, high: int = 4) -> int:
        return low if self.empty else max(low, 1)

    def dims(self, low: int = 0, high: int = 3) -> int:
        return self.draw.integer(max(low, min(1, high)), high) if self.empty else low


def _intervals(domain: Domain) -> tuple[Interval, ...]:
    return (domain,) if not isinstance(domain[0], tuple) else domain


def _integers(intervals: tuple[Interval, ...], dtype: np.dtype) -> list[int]:
    lowest = -9 if dtype.kind == "i" else 0
    return [k for k in range(lowest, 10) if any(low <= k / 3 <= high for low, high in intervals)]


def lay(backend: Any, array: np.ndarray, layout: str, seed: int = 0) -> Any:
    """The values of `array` on a backend, in a memory layout: see LAYOUTS.

    permuted    a transposed view
    strided     every other element of a larger array
    inside      the inner part of a larger array
    reversed    negative strides, where the host's memory is shared
    expanded    the first element of one axis, repeated: other values!

    What lies between the elements is NaN or the largest integer, so that a kernel that reads it
    shows.
    """
    if layout == "permuted":
        order = tuple(int(i) for i in np.random.default_rng(seed).permutation(array.ndim))
        order = order[::-1] if order == tuple(range(array.ndim)) else order
        back = tuple(int(i) for i in np.argsort(order))
        return backend.permute(backend.from_host(_fresh(array.transpose(order))), back)
    if layout in ("strided", "inside"):
        step = 2 if layout == "strided" else 1
        large = np.full([1 + step * n for n in array.shape], _junk(array.dtype), array.dtype)
        large[tuple(slice(1, 1 + step * n, step) for n in array.shape)] = array
        key = tuple(slice(min(1, n), 1 + step * (n - 1) + 1 if n else 0, step) for n in array.shape)
        return backend.slice(backend.from_host(large), key)
    if layout == "reversed":
        # The Ellipsis keeps a 0-d array an array.
        turn: Any = (*(slice(None, None, -1) for _ in array.shape), ...)
        return backend.from_host(_fresh(array[turn])[turn])
    if layout == "expanded" and array.size:
        axis = seed % array.ndim if array.ndim else 0
        first = array[(slice(None),) * axis + (slice(0, 1),)] if array.ndim else array
        return backend.expand(backend.from_host(_fresh(first)), array.shape)
    return backend.from_host(_fresh(array))


def _fresh(array: np.ndarray) -> np.ndarray:
    return np.array(array, order="C")


def _junk(dtype: np.dtype) -> Any:
    return np.nan if dtype.kind == "f" else dtype.kind == "b" or np.iinfo(dtype).max
