"""Whether operations are recorded: one flag a thread, and the context managers that set it.

    with no_grad(): ...             nothing inside is recorded
    with enable_grad(): ...         recorded again
    with set_grad_enabled(flag)     also as a plain call, which then lasts
    with inference_mode(): ...      as no_grad; minigrad keeps no further bookkeeping to switch off

Each is also a decorator: `@no_grad()` or `@no_grad`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np


class Mode(threading.local):
    """The state of this thread; `__init__` runs once in each thread, at its first op."""

    def __init__(self) -> None:
        self.grad = True
        self.inference = False
        # Set by detect_anomaly: tells where an op was called.
        self.anomaly: Callable[[], str] | None = None
        # 1/0 and log(0) are legal in tensors. Setting the floating-point state once per thread is
        # free; np.errstate
        # around every op would quadruple the price of a small one.
        np.seterr(all="ignore")


mode = Mode()


class _GradMode:
    """A context manager and decorator that sets `mode.grad` and puts the old value back."""

    def __init__(self, enabled: bool):
        self.enabled = enabled
        self.previous: list[bool] = []

    def __enter__(self) -> None:
        self.previous.append(mode.grad)
        mode.grad = self.enabled

    def __exit__(self, *exc: object) -> None:
        mode.grad = self.previous.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with _GradMode(self.enabled):
                return function(*args, **kwargs)

        return decorated


class no_grad(_GradMode):
    """Nothing inside is recorded: results do not require a gradient.

    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        if function is None:
            return self
        _GradMode.__init__(self, False)
        return self(function)  # @no_grad without parentheses

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_GradMode):
    """Operations inside are recorded, also within no_grad."""

    def __init__(self) -> None:
        super().__init__(True)


class set_grad_enabled(_GradMode):
    """Sets recording at once, until changed again or, as a context manager, until its end."""

    def __init__(self, mode_: bool):
        super().__init__(bool(mode_))
        self.previous = [mode.grad]
        mode.grad = self.enabled

    def __enter__(self) -> None:
        mode.grad = self.enabled


class inference_mode(_GradMode):
    """no_grad under its other name; `inference_mode(False)` records."""

    def __init__(self, mode: bool = True):
        super().__init__(not mode)

    def __enter__(self) -> None:
        super().__enter__()
        self._outer = mode.inference
        mode.inference = not self.enabled

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        mode.inference = self._outer


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded now."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is within inference_mode."""
    return mode.inference
