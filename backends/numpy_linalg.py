"""Inverses and decompositions of matrices, by NumPy's LAPACK: for the NumPy backend, and for every
backend that has no such kernels of its own (see Note [On the host] in base.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

SINGULAR = "the matrix is singular, so it has no inverse"
NOT_POSITIVE = "the matrix is not positive definite"
NO_CONVERGENCE = "the iteration did not converge; the matrix may hold NaN or infinities"


class LinAlgError(RuntimeError):
    """A matrix has not what is asked for: an inverse, a Cholesky factor (torch.linalg.LinAlgError).

    >>> import minigrad
    >>> try:
    ...     minigrad.linalg.inv(minigrad.zeros(2, 2))
    ... except minigrad.linalg.LinAlgError as error:
    ...     print(error)
    linalg.inv: the matrix is singular, so it has no inverse
    """


def inv(x: np.ndarray) -> np.ndarray:
    return _checked("inv", np.linalg.inv, SINGULAR, x)


def solve(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _checked("solve", np.linalg.solve, SINGULAR, x, y)


def cholesky(x: np.ndarray) -> np.ndarray:
    return _checked("cholesky", np.linalg.cholesky, NOT_POSITIVE, x)


def qr(x: np.ndarray, complete: bool) -> tuple[np.ndarray, np.ndarray]:
    q, r = np.linalg.qr(x, "complete" if complete else "reduced")
    return q, r


def svd(x: np.ndarray, full: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    u, s, vh = _checked("svd", lambda x: np.linalg.svd(x, full), NO_CONVERGENCE, x)
    return u, s, vh


def eigh(x: np.ndarray, lower: bool) -> tuple[np.ndarray, np.ndarray]:
    w, v = _checked("eigh", lambda x: np.linalg.eigh(x, "L" if lower else "U"), NO_CONVERGENCE, x)
    return w, v


def det(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.det(x), x.dtype)


def slogdet(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sign, logabs = np.linalg.slogdet(x)
    return np.asarray(sign, x.dtype), np.asarray(logabs, x.dtype)


def lu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Column by column, for all matrices at once: NumPy has no LU of LAPACK's."""
    m, n = x.shape[-2:]
    packed = x.reshape(math.prod(x.shape[:-2]), m, n).copy()
    which, k = np.arange(len(packed)), min(m, n)
    pivots, perm = np.empty((len(packed), k), np.int32), np.tile(np.arange(m), (len(packed), 1))
    for j in range(k):
        row = j + np.argmax(np.abs(packed[:, j:, j]), 1)
        pivots[:, j] = row + 1
        for rows in (packed, perm):
            rows[which, j], rows[which, row] = rows[which, row], rows[which, j]
        corner = packed[:, j, j]
        packed[:, j + 1:, j] /= np.where(corner == 0, 1, corner)[:, None]
        packed[:, j + 1:, j + 1:] -= packed[:, j + 1:, j, None] * packed[:, j, None, j + 1:]
    batch = x.shape[:-2]
    return packed.reshape(x.shape), pivots.reshape(*batch, k), perm.reshape(*batch, m)


def _checked(name: str, function: Callable[..., Any], reason: str, *arrays: np.ndarray) -> Any:
    """function(*arrays); where a matrix fails, the error says which of the batch."""
    try:
        return function(*arrays)
    except np.linalg.LinAlgError:
        batch = _first_failure(function, arrays)
    place = f"(Batch element {batch[0] if len(batch) == 1 else batch}): " if batch else ""
    raise LinAlgError(f"linalg.{name}: {place}{reason}")


def _first_failure(function: Callable[..., Any], arrays: Any) -> tuple[int, ...]:
    """The index of the first matrix of the batch with which the function fails."""
    for index in np.ndindex(arrays[0].shape[:-2]):
        try:
            function(*[x[index] for x in arrays])
        except np.linalg.LinAlgError:
            return index
    raise AssertionError("a batch failed, and none of its matrices does")
