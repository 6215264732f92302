"""The one comparison of the testing kit. It raises; nothing here returns a boolean that could be
dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class CheckError(AssertionError):
    """A property does not hold. The text says which, where, and by how much."""


def to_numpy(x: Any) -> np.ndarray:
    """A tensor (of any device, with or without a graph), array or number, as a NumPy array."""
    if hasattr(x, "array") and hasattr(x, "device"):
        return np.asarray(x.device.backend.to_host(x.array))
    return np.asarray(x)


def assert_close(
    actual: Any, expected: Any, rtol: float, atol: float, what: str = "result"
) -> None:
    """Raises CheckError unless shapes agree and |actual - expected| <= atol + rtol * |expected|
    everywhere.

    NaN agrees with NaN only, an infinity with itself only. Integers and bools are compared exactly.

    >>> assert_close(np.ones(2), [1.0, 1.5], rtol=0, atol=0.1)
    Traceback (most recent call last):
      ...
    minigrad.testing.close.CheckError: result: 1 of 2 elements differ, most at (1,): got 1.0,
    expected 1.5 \
(allowed 0.1)
    """
    a, b = to_numpy(actual), to_numpy(expected)
    if a.shape != b.shape:
        raise CheckError(f"{what}: shape {a.shape}, expected {b.shape}")
    exact = a.dtype.kind != "f" and b.dtype.kind != "f"
    with np.errstate(all="ignore"):
        if exact:
            wrong, excess = a != b, (a != b).astype(float)
            allowed = np.zeros(a.shape)
        else:
            a, b = a.astype(np.float64), b.astype(np.float64)
            allowed = atol + rtol * np.abs(b)
            excess = np.abs(a - b) - allowed
            finite = np.isfinite(a) & np.isfinite(b)
            wrong = np.where(finite, excess > 0, (a != b) & ~(np.isnan(a) & np.isnan(b)))
            excess = np.where(finite, excess, np.inf)
    if not wrong.any():
        return
    largest = int(np.argmax(np.where(wrong, excess, -np.inf)))
    worst = tuple(int(i) for i in np.unravel_index(largest, a.shape))
    raise CheckError(
        f"{what}: {int(wrong.sum())} of {a.size} elements differ, most at {worst}: got {a[worst]}, "
        f"expected {b[worst]} (allowed {float(np.broadcast_to(allowed, a.shape)[worst]):.3g})"
    )
