"""A wrapper that stops at the first kernel that makes a NaN or an infinity out of finite numbers.

A program may use infinities on purpose (a mask filled with -inf): a kernel that was given one, as
an array's element or as a number, may return one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .base import Array, Backend, Wrapper
from .calls import OUT, QUERIES, VIEWS, arrays, read, written
from .stack import Stack

# `empty` returns what the memory held, and a view what the array held.
UNCHECKED = QUERIES | VIEWS | {"empty", "to_host"}


class NanCheck(Wrapper):
    """Raises FloatingPointError, which names the kernel, the element, and the user's line."""

    def wrap_kernel(self, name: str, kernel: Callable) -> Callable:
        if name in UNCHECKED:
            return kernel

        def checked(*args: Any) -> Any:
            targets = written(name, args)
            # An in-place kernel destroys the evidence, so its operands are looked at first.
            innocent = not targets or self.finite_inputs(name, args)
            result = kernel(*args)
            for x in targets or arrays((result,)):
                if innocent and not is_finite(self.inner, x):
                    if targets or self.finite_inputs(name, args):
                        raise FloatingPointError(self.explain(name, args, x))
                    innocent = False
            return result

        return checked

    def finite_inputs(self, name: str, args: tuple[Any, ...]) -> bool:
        """Whether all that the kernel computes with is finite, numbers too."""
        numbers = args if OUT[name] is None else args[: OUT[name]]
        if any(isinstance(x, float) and not math.isfinite(x) for x in numbers):
            return False
        return all(is_finite(self.inner, x) for x in read(name, args))

    def explain(self, name: str, args: tuple[Any, ...], x: Array) -> str:
        host = np.asarray(self.inner.to_host(x))
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(host))[0])
        inputs = ", ".join(f"{a.dtype}{list(a.shape)}" for a in read(name, args)) or "no arrays"
        count = np.count_nonzero(~np.isfinite(host))
        return (
            f"nancheck: kernel '{name}' made {host[where]} at index {where}, the first of {count} "
            f"in {host.dtype}{list(host.shape)}, from finite inputs ({inputs}), called at\n"
            f"{Stack().line()}"
        )


def is_finite(backend: Backend, x: Array) -> bool:
    """Whether x holds neither NaN nor infinity; integers never do."""
    if x.dtype.kind != "f":
        return True
    if isinstance(x, np.ndarray):  # also what from_host is given
        return bool(np.isfinite(x).all())
    axes = tuple(range(len(x.shape)))
    return bool(backend.to_host(backend.all(backend.isfinite(x), axes, False)))
