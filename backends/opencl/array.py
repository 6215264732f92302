"""An array on an OpenCL device: a buffer, and a layout that says where in it the elements lie."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..base import Shape


class Layout:
    """Shape, strides and type. There is one object of each kind, so that it is compared and hashed
    by its address: the key of every cache of what was prepared for a layout."""

    __slots__ = ("shape", "strides", "dtype", "size", "is_contiguous")

    def __init__(self, shape: Shape, strides: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape = shape
        self.strides = strides
        self.dtype = dtype
        self.size = math.prod(shape)
        self.is_contiguous = self.size == 0 or all(
            n == 1 or stride == expected
            for n, stride, expected in zip(shape, strides, row_major(shape), strict=True))


@functools.lru_cache(maxsize=1 << 16)
def layout(shape: Shape, strides: tuple[int, ...], dtype: np.dtype) -> Layout:
    """The one Layout of this kind."""
    return Layout(shape, strides, dtype)


@functools.lru_cache(maxsize=1 << 16)
def contiguous_layout(shape: Shape, dtype: np.dtype) -> Layout:
    """The layout in row-major order without gaps."""
    return layout(shape, row_major(shape), dtype)


def row_major(shape: Shape) -> tuple[int, ...]:
    """The strides of a contiguous array."""
    strides = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


class HostCopy:
    """The int64 numbers that came from the host, kept so that they can be checked as indices there.

    All views of the array share it, and whoever writes to one of them sets `values` to None."""

    __slots__ = ("values", "bounds")

    def __init__(self, values: np.ndarray) -> None:
        self.values: np.ndarray | None = values
        self.bounds: tuple[int, int] | None = None

    def lie_between(self, low: int, high: int) -> bool:
        """Whether all are known to be at least low and below high."""
        if self.values is None:
            return False
        if self.bounds is None:
            self.bounds = int(self.values.min(initial=0)), int(self.values.max(initial=0))
        return low <= self.bounds[0] and self.bounds[1] < high


class Array:
    """Elements in a device buffer. offset and strides count elements; strides may be 0 or negative.

    The element at index i is number offset + sum(i[axis] * strides[axis]) of the buffer. Views
    share it.
    """

    __slots__ = ("buffer", "offset", "layout", "shape", "strides", "dtype", "host", "__weakref__")

    def __init__(self, buffer: Any, offset: int, layout: Layout) -> None:
        self.buffer = buffer
        self.offset = offset
        self.layout = layout
        self.shape = layout.shape
        self.strides = layout.strides
        self.dtype = layout.dtype
        self.host: HostCopy | None = None

    def seen_as(self, shape: Shape, strides: tuple[int, ...], offset: int | None = None) -> Array:
        """Another view of the same buffer."""
        start = self.offset if offset is None else offset
        out = Array(self.buffer, start, layout(shape, strides, self.dtype))
        out.host = self.host
        return out

    def __repr__(self) -> str:
        return f"<OpenCL array {self.dtype}{list(self.shape)}>"


def strides_of_view(shape: Shape, strides: tuple[int, ...], new: Shape) -> tuple[int, ...] | None:
    """The strides under which the elements have the shape `new`, in the same order; None if there
    are none. Both shapes have one size.

    Axes that can be walked as one are merged into blocks; every new axis must lie in one block.
    """
    if 0 in shape:
        return row_major(new)
    blocks: list[list[int]] = []  # [size, stride of its last axis]
    for n, stride in zip(shape, strides, strict=True):
        if n == 1:
            continue
        if blocks and blocks[-1][1] == n * stride:
            blocks[-1] = [blocks[-1][0] * n, stride]
        else:
            blocks.append([n, stride])
    found: list[int] = []
    step = 1
    for n in reversed(new):
        if blocks and n > 1:
            size, stride = blocks[-1]
            found.append(step * stride)
            step *= n
            if size % step:
                return None
            if step == size:
                blocks.pop()
                step = 1
        else:
            found.append(step)
    return tuple(reversed(found))
