"""Matrix products on NumPy: what keeps its BLAS fast."""

from __future__ import annotations

import numpy as np

from .numpy_sum import FLOAT16, FLOAT32
from .numpy_threads import copied


def matmul(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype is FLOAT16:
        return np.matmul(x.astype(FLOAT32), y.astype(FLOAT32)).astype(FLOAT16)
    x, y = for_blas(x), for_blas(y)
    if is_short_and_wide(x, y):
        return copied(np.matmul(y.T, x.T).T)
    return np.matmul(x, y)


def is_short_and_wide(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether x @ y, as a layer computes it from few rows x and weights y = w.T, is faster as the
    transpose of w @ x.T: for up to 32 rows OpenBLAS takes half the time that way round. Smaller
    products than these have a path of their own in OpenBLAS; with fewer terms the copy costs more.
    """
    if x.ndim != 2 or y.ndim != 2 or x.dtype.kind != "f":
        return False
    (rows, terms), columns = x.shape, y.shape[1]
    by_columns = y.strides[0] == y.itemsize
    return by_columns and 1 < rows <= 32 and terms >= 128 and rows * terms * columns > 1 << 18


def for_blas(x: np.ndarray) -> np.ndarray:
    """x, copied where its strides would make np.matmul leave the BLAS for a slow loop."""
    row, column = x.strides[-2:]
    size = x.itemsize
    by_rows = column == size and row >= size * x.shape[-1]
    by_columns = row == size and column >= size * x.shape[-2]
    return x if by_rows or by_columns else copied(x)
