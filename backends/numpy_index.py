"""Index kernels on NumPy: gather, scatter, and what sorts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def check_range(index: np.ndarray, size: int) -> None:
    """Raises IndexError unless 0 <= index < size: as unsigned numbers negative ones are huge."""
    if index.size and np.maximum.reduce(index.view(np.uint64), axis=None) >= size:
        wrong = index[(index < 0) | (index >= size)].flat[0]
        raise IndexError(f"index {wrong} is out of bounds for an axis of size {size}")


def grid(axis: int, index: np.ndarray) -> tuple[np.ndarray, ...]:
    """The complete NumPy index of gather: ranges on every axis but one."""
    n = index.ndim
    ranges = [np.arange(size).reshape((size,) + (1,) * (n - 1 - k))
              for k, size in enumerate(index.shape)]
    ranges[axis] = index
    return tuple(ranges)


def gather(x: np.ndarray, axis: int, index: np.ndarray) -> np.ndarray:
    if not x.shape:
        check_range(index, 1)
        return np.broadcast_to(x, index.shape).copy()
    check_range(index, x.shape[axis])
    return x[grid(axis, index)]


def scatter(x: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out = np.atleast_1d(x.copy())
    index = np.atleast_1d(index)
    check_range(index, out.shape[axis])
    out[grid(axis, index)] = corner(np.atleast_1d(src), index)
    return out.reshape(x.shape)


def scatter_add(x: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out = np.atleast_1d(x.copy())
    index = np.atleast_1d(index)
    check_range(index, out.shape[axis])
    np.add.at(out, grid(axis, index), corner(np.atleast_1d(src), index))
    return out.reshape(x.shape)


def corner(src: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The part of src that index covers."""
    return src[tuple(slice(0, size) for size in index.shape)]


def index(x: np.ndarray, indices: Sequence[np.ndarray | None]) -> np.ndarray:
    return np.asarray(x[complete(indices)])


def index_put(x: np.ndarray, indices: Sequence[np.ndarray | None], values: np.ndarray,
              accumulate: bool) -> np.ndarray:
    out = x.copy()
    if accumulate:
        np.add.at(out, complete(indices), values)
    else:
        out[complete(indices)] = values
    return out


def complete(indices: Sequence[np.ndarray | None]) -> tuple:
    return tuple(slice(None) if i is None else i for i in indices)


def index_select(x: np.ndarray, axis: int, index: np.ndarray) -> np.ndarray:
    if not x.shape:
        check_range(index, 1)
        return x.copy()
    check_range(index, x.shape[axis])
    return x.take(index, axis)


def index_add(x: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out = np.atleast_1d(x.copy())
    check_range(index, out.shape[axis])
    np.add.at(np.moveaxis(out, axis, 0), index, np.moveaxis(np.atleast_1d(src), axis, 0))
    return out.reshape(x.shape)


def nonzero(x: np.ndarray) -> np.ndarray:
    if not x.shape:
        return np.empty((int(x != 0), 0), np.int64)
    return np.stack(np.nonzero(x), axis=1)


def sort(x: np.ndarray, axis: int, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    if not x.shape:
        return x.copy(), np.zeros((), np.int64)
    if not descending:
        order = np.argsort(x, axis, kind="stable")
    else:
        # Equal elements keep their order if the reversed array is sorted and read backwards.
        backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
        order = x.shape[axis] - 1 - np.flip(backwards, axis)
    return np.take_along_axis(x, order, axis), np.ascontiguousarray(order)


def topk(x: np.ndarray, k: int, axis: int, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    values, order = sort(x, axis, largest)
    if not x.shape:
        return values, order
    key = (slice(None),) * axis + (slice(0, k),)
    return values[key].copy(), order[key].copy()


def searchsorted(sorted: np.ndarray, values: np.ndarray, right: bool) -> np.ndarray:
    side = "right" if right else "left"
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
