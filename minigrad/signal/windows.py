"""Windows: weights for the samples of a piece of a signal, near 0 at its ends.

Each takes the number of samples M. It is symmetric, as filters want it, or with `sym=False` one
period of a periodic window, as Fourier transforms want it: then it is the first M samples of the
symmetric one of M + 1. float32 or float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.device import resolve
from minigrad.dtype import float32, float64, get_default_dtype
from minigrad.names import missing
from minigrad.tensor import Tensor, wrap

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine",
    "general_hamming", "hamming", "hann", "kaiser", "nuttall",
]  # fmt: skip


def _window(
    name: str,
    weights: Callable[[np.ndarray, float], np.ndarray],
    M: int,
    sym: bool = True,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """weights(n, span) for the samples n = 0 ... M - 1, of a window that goes from 0 to span."""
    if M < 0:
        raise ValueError(f"{name}: requires non-negative window length, got M={M}")
    dtype = dtype or get_default_dtype()
    if dtype not in (float32, float64):
        raise ValueError(f"{name}: expected float32 or float64 dtypes, got {dtype}")
    span = M - 1.0 if sym else float(M)
    values = np.ones(M) if M < 2 else weights(np.arange(M, dtype=np.float64), span)
    place = resolve(device)
    out = wrap(place.backend.from_host(values.astype(dtype.numpy)), place)
    return out.requires_grad_() if requires_grad else out


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """w[n] = 1 - |2 n / (M - 1) - 1|, a triangle.

    >>> import minigrad
    >>> minigrad.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett", lambda n, span: 1 - abs(2 * n / span - 1), M, sym, **options)


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **options: Any) -> Tensor:
    """w[n] = sum over i of (-1)^i a[i] cos(2 pi i n / (M - 1)).

    >>> import minigrad
    >>> minigrad.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, Iterable):
        raise TypeError(f"general_cosine: a must be a list or tuple, got {type(a).__name__}")
    terms = list(a)
    if not terms:
        raise ValueError("general_cosine: coefficients cannot be empty")

    def weights(n: np.ndarray, span: float) -> np.ndarray:
        t = 2 * math.pi * n / span
        total = np.zeros(len(n))
        for i, factor in enumerate(terms):
            total += (-1) ** i * factor * np.cos(i * t)
        return total

    return _window("general_cosine", weights, M, sym, **options)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """w[n] = alpha - (1 - alpha) cos(2 pi n / (M - 1)).

    >>> import minigrad
    >>> minigrad.signal.windows.general_hamming(3, alpha=0.75)
    tensor([0.5000, 1.0000, 0.5000])
    """
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """general_hamming with alpha = 0.54: the first side lobe cancels.

    >>> import minigrad
    >>> minigrad.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """w[n] = sin(pi n / (M - 1))^2, general_hamming with alpha = 0.5.

    >>> import minigrad
    >>> minigrad.signal.windows.hann(4, sym=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """general_cosine with a = 0.42, 0.5, 0.08.

    >>> import minigrad
    >>> minigrad.signal.windows.blackman(4, sym=False)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """general_cosine with a = 0.3635819, 0.4891775, 0.1365995, 0.0106411 (Nuttall, 1981).

    >>> import minigrad
    >>> minigrad.signal.windows.nuttall(3)
    tensor([3.6280e-04, 1.0000e+00, 3.6280e-04])
    """
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """w[n] = sin(pi (n + 1/2) / M), half a wave.

    >>> import minigrad
    >>> minigrad.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    return _window(
        "cosine", lambda n, span: np.sin(math.pi * (n + 0.5) / (span + 1)), M, sym, **options
    )


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any
) -> Tensor:
    """w[n] = e^(-|n - center| / tau); the center is (M - 1) / 2, or for sym=False may be given.

    >>> import minigrad
    >>> minigrad.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"exponential: Tau must be positive, got {tau}")
    if sym and center is not None:
        raise ValueError("exponential: Center must be None for symmetric windows")

    def weights(n: np.ndarray, span: float) -> np.ndarray:
        middle = span / 2 if center is None else center
        return np.exp(-abs(n - middle) / tau)

    return _window("exponential", weights, M, sym, **options)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """w[n] = e^(-((n - (M - 1) / 2) / std)^2 / 2).

    >>> import minigrad
    >>> minigrad.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"gaussian: Standard deviation must be positive, got {std}")
    return _window(
        "gaussian", lambda n, span: np.exp(-(((n - span / 2) / std) ** 2) / 2), M, sym, **options
    )


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """w[n] = I0(beta sqrt(1 - (2 n / (M - 1) - 1)^2)) / I0(beta).

    >>> import minigrad
    >>> minigrad.signal.windows.kaiser(3, beta=2.0)
    tensor([0.4387, 1.0000, 0.4387])
    """
    if beta < 0:
        raise ValueError(f"kaiser: beta must be non-negative, got {beta}")
    return _window(
        "kaiser",
        lambda n, span: np.i0(beta * np.sqrt(1 - (2 * n / span - 1) ** 2)) / np.i0(beta),
        M,
        sym,
        **options,
    )


def __getattr__(name: str) -> Any:
    raise AttributeError(missing("signal.windows", name, __all__))
