"""Index kernels on NumPy: gather, scatter, and what sorts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .base import Shape


def check_range(index: np.ndarray, size: int) -> None:
    """Raises IndexError unless 0 <= index < size: as unsigned numbers negative ones are huge."""
    if index.size and np.maximum.reduce(index.view(np.uint64), axis=None) >= size:
        wrong = index[(index < 0) | (index >= size)].flat[0]
        raise IndexError(f"index {wrong} is out of bounds for an axis of size {size}")


def flat_positions(shape: Shape, axis: int, index: np.ndarray) -> np.ndarray:
    """Where the elements that gather takes from an array of this shape lie in row-major order.

    Indexing with one flat array is several times as fast as with an array for every axis.
    """
    check_range(index, shape[axis])
    stride = math.prod(shape[axis + 1:])
    flat = np.multiply(index, stride) if stride != 1 else index
    step = 1
    for k in reversed(range(index.ndim)):
        if k != axis and index.shape[k] > 1:
            line = np.arange(index.shape[k]) * step
            flat = flat + line.reshape((-1,) + (1,) * (index.ndim - 1 - k))
        step *= shape[k]
    return flat


def gather(x: np.ndarray, axis: int, index: np.ndarray) -> np.ndarray:
    shape = x.shape or (1,)
    flat = flat_positions(shape, axis, index.reshape(index.shape or (1,)))
    return x.reshape(-1).take(flat).reshape(index.shape)


def scatter(x: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out, flat, values = scattering(x, axis, index, src)
    out[flat] = values
    return out.reshape(x.shape)


def scatter_add(x: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out, flat, values = scattering(x, axis, index, src)
    np.add.at(out, flat, values)
    return out.reshape(x.shape)


def scatter_max(x: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out, flat, values = scattering(x, axis, index, src)
    np.maximum.at(out, flat, values)
    return out.reshape(x.shape)


def scattering(x: np.ndarray, axis: int, index: np.ndarray,
               src: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A flat copy of x, the flat positions to write to, and the part of src that index covers."""
    flat = flat_positions(x.shape or (1,), axis, index.reshape(index.shape or (1,)))
    covered = src[tuple([slice(0, size) for size in index.shape])]
    return x.copy().reshape(-1), flat.reshape(-1), covered.reshape(-1)


def index(x: np.ndarray, indices: Sequence[np.ndarray | None]) -> np.ndarray:
    return np.asarray(x[complete(indices)])


def index_put(x: np.ndarray, indices: Sequence[np.ndarray | None], values: np.ndarray,
              accumulate: bool, out: np.ndarray | None = None) -> np.ndarray:
    if out is None:
        out = x.copy()
    elif out is not x:
        np.copyto(out, x)
    if accumulate:
        np.add.at(out, complete(indices), values)
    else:
        out[complete(indices)] = values
    return out


def complete(indices: Sequence[np.ndarray | None]) -> Any:
    return tuple(slice(None) if i is None else i for i in indices)


def index_select(x: np.ndarray, axis: int, index: np.ndarray) -> np.ndarray:
    if not x.shape:
        check_range(index, 1)
        return x.copy()
    check_range(index, x.shape[axis])
    return x.take(index, axis)


def index_add(x: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    if not x.shape:
        return scatter_add(x, axis, index.reshape(src.shape), src)
    line = index.reshape((-1,) + (1,) * (x.ndim - 1 - axis))
    return scatter_add(x, axis, np.broadcast_to(line, src.shape), src)


def nonzero(x: np.ndarray) -> np.ndarray:
    if not x.shape:
        return np.empty((int(x != 0), 0), np.int64)
    return np.stack(np.nonzero(x), axis=1)


def sort(x: np.ndarray, axis: int, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    if not x.shape:
        return x.copy(), np.zeros((), np.int64)
    if x.dtype.itemsize <= 4:
        packed = sortable(x, axis, descending)
        packed.sort(-1)
        return unpacked(x, axis, packed)
    if descending:
        # Equal elements keep their order if the reversed array is sorted and read backwards.
        backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
        order = x.shape[axis] - 1 - np.flip(backwards, axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    return np.take_along_axis(x, order, axis), np.ascontiguousarray(order)


def topk(x: np.ndarray, k: int, axis: int, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    if not x.shape:
        return sort(x, axis, largest)
    if x.dtype.itemsize <= 4 and 0 < k < x.shape[axis]:
        packed = sortable(x, axis, largest)
        packed.partition(k - 1, -1)
        packed = packed[..., :k]
        packed.sort(-1)
        return unpacked(x, axis, packed)
    values, order = sort(x, axis, largest)
    key = (slice(None),) * axis + (slice(0, k),)
    return values[key].copy(), order[key].copy()


def sortable(x: np.ndarray, axis: int, descending: bool) -> np.ndarray:
    """Integers that sort as x does, with the given axis last: the rank of the value in the upper
    32 bits, its index in the lower ones. No two are equal, so that any sort of them is stable."""
    x = np.moveaxis(x, axis, -1)
    if x.dtype.kind == "f":
        x = np.add(x, np.float32(0), dtype=np.float32)  # turns -0 into 0
        x[np.isnan(x)] = np.nan  # with a positive sign: above infinity
        bits = x.view(np.int32)
        rank = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits).astype(np.int64)
    else:
        rank = x.astype(np.int64)
    if descending:
        np.invert(rank, rank)
    np.left_shift(rank, 32, rank)
    return np.bitwise_or(rank, np.arange(x.shape[-1]), rank)


def unpacked(x: np.ndarray, axis: int, packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.moveaxis(packed & 0xFFFFFFFF, -1, axis)
    order = np.ascontiguousarray(order)
    return gather(x, axis, order), order


def searchsorted(sorted: np.ndarray, values: np.ndarray, right: bool) -> np.ndarray:
    side: Literal["left", "right"] = "right" if right else "left"
    if sorted.ndim == 1:
        return np.asarray(np.searchsorted(sorted, values, side))
    out = np.empty(values.shape, np.int64)
    for i in np.ndindex(values.shape[:-1]):
        out[i] = np.searchsorted(sorted[i], values[i], side)
    return out


def unique(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, inverse, counts = np.unique(
        x, return_inverse=True, return_counts=True, equal_nan=False)
    return values, inverse.reshape(x.shape), counts
