"""Sums on NumPy: large ones are products with a vector of ones.

NumPy's own reduction runs on one core, and short rows slow it down: 11 ns an element in rows of
ten. A matrix times a vector is the BLAS's business, which takes a fraction of that, on all cores.
Long sums are taken block by block, and then over the blocks, so that rounding errors stay as small
as in NumPy's pairwise sum.
"""

from __future__ import annotations

import math

import numpy as np

from .base import Axes

BLOCK = 4096  # the longest sum that is one dot product
RUN = 256  # the longest that is added up one after another
SMALL = 512  # elements, up to which NumPy's reduction costs less; more where its runs are long
FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)


def sum_kernel(x: np.ndarray, axes: Axes, keepdims: bool) -> np.ndarray:
    """out = the sum over axes; float16 is summed in float32 and rounded once."""
    if x.dtype is FLOAT16:
        return np.add.reduce(x, axes, FLOAT32, keepdims=keepdims, out=...).astype(FLOAT16)
    small = 16 * SMALL if len(axes) == x.ndim or x.shape[-1] >= 64 else SMALL
    if x.size <= small or x.dtype.char not in "fd" or not axes:
        return np.add.reduce(x, axes, x.dtype, keepdims=keepdims, out=...)
    sides = [(1 if axis in axes else n, axis) for axis, n in enumerate(x.shape)]
    return flat_sum(x, axes).reshape([n for n, axis in sides if keepdims or axis not in axes])


def flat_sum(x: np.ndarray, axes: Axes) -> np.ndarray:
    """The sum over axes, in any shape with the right order of elements."""
    if not x.flags.c_contiguous:
        return block_sum(x, axes)
    first = x.ndim  # the axes from here on are all summed
    while first and first - 1 in axes:
        first -= 1
    if first < x.ndim:
        rows = row_sum(x.reshape(*x.shape[:first], math.prod(x.shape[first:])))
        return block_sum(rows, axes[: first - x.ndim])
    if axes[-1] == len(axes) - 1:  # the first axes, such as a bias's gradient sums over
        return column_sum(x.reshape(math.prod(x.shape[: len(axes)]), -1))
    return block_sum(x, axes)


def block_sum(x: np.ndarray, axes: Axes) -> np.ndarray:
    """The same by NumPy's own sum, which is pairwise along the rows of memory alone, and elsewhere
    adds one term after another: so of RUN terms at a time.
    """
    terms = math.prod([x.shape[axis] for axis in axes])
    if terms <= RUN:
        return np.add.reduce(x, axes, keepdims=True)
    axis = max(axes, key=lambda axis: x.shape[axis])
    n = x.shape[axis]
    step = max(1, RUN * n // terms)
    whole = n // step * step
    here = (slice(None),) * axis
    blocks = x[(*here, slice(whole))].reshape(*x.shape[:axis], -1, step, *x.shape[axis + 1:])
    total = block_sum(block_sum(blocks, tuple(a + (a >= axis) for a in axes)), (axis,))
    if whole == n:
        return total
    rest = block_sum(x[(*here, slice(whole, None))], axes)
    return total.reshape(rest.shape) + rest


def row_sum(x: np.ndarray) -> np.ndarray:
    """The sum over the last axis, which stays."""
    n = x.shape[-1]
    if n > BLOCK:
        whole = n // BLOCK * BLOCK
        blocks = x[..., :whole].reshape(*x.shape[:-1], n // BLOCK, BLOCK)
        total = np.add.reduce(row_sum(blocks), -2)
        return total if whole == n else total + row_sum(x[..., whole:])
    ones = np.ones(n, x.dtype)
    if x.flags.c_contiguous:
        return np.matmul(x.reshape(math.prod(x.shape[:-1]), n), ones).reshape(*x.shape[:-1], 1)
    return np.vecdot(x, ones)[..., None]


def column_sum(x: np.ndarray) -> np.ndarray:
    """The sum over the first axis of two."""
    n, columns = x.shape
    if n <= BLOCK:
        return np.matmul(np.ones(n, x.dtype), x)
    whole = n // BLOCK * BLOCK
    blocks = x[:whole].reshape(n // BLOCK, BLOCK, columns)
    total = np.add.reduce(np.matmul(np.ones(BLOCK, x.dtype), blocks), 0)
    return total if whole == n else total + column_sum(x[whole:])
