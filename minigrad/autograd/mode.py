"""Whether operations are recorded: one flag a thread, and the context managers that set it.

    with no_grad(): ...             nothing inside is recorded
    with enable_grad(): ...         recorded again
    with set_grad_enabled(flag)     also as a plain call, which then lasts
    with inference_mode(): ...      as no_grad; minigrad keeps no further bookkeeping to switch off

Each is also a decorator: `@no_grad()` or `@no_grad`.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

from minigrad.backends.numpy_threads import prepare_thread


class Mode(threading.local):
    """The state of this thread; `__init__` runs once in each thread, at its first op."""

    def __init__(self) -> None:
        self.grad = True
        self.inference = False
        self.anomaly: Callable[[], object] | None = None  # by detect_anomaly: tells where we are
        self.check_nan = True  # whether anomaly detection looks at gradients
        # Once per thread is free; np.errstate around every op would quadruple a small one's price.
        prepare_thread()


mode = Mode()


class _GradMode:
    """A context manager and decorator that sets `mode.grad` and puts the old value back."""

    inference: bool | None = None  # what mode.inference becomes; None: it stays

    def __init__(self, enabled: bool):
        self.enabled = enabled
        self.previous: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.previous.append((mode.grad, mode.inference))
        mode.grad = self.enabled
        mode.inference = mode.inference if self.inference is None else self.inference

    def __exit__(self, *exc: object) -> None:
        mode.grad, mode.inference = self.previous.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` run in this mode. Each call, in whatever thread, has a context of its own."""
        enabled, inference = self.enabled, self.inference

        def context() -> _GradMode:
            made = _GradMode(enabled)
            made.inference = inference
            return made

        if inspect.isgeneratorfunction(function):
            return _generator(function, context)

        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with context():
                return function(*args, **kwargs)

        return decorated


def _generator(function: Callable[..., Any], context: Callable[[], Any]) -> Callable[..., Any]:
    """A generator that runs in the mode and leaves it whenever it yields."""

    @functools.wraps(function)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        inner = function(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(next, inner)
        while True:
            try:
                with context():
                    value = resume()
            except StopIteration as end:
                return end.value
            try:
                resume = functools.partial(inner.send, (yield value))
            except BaseException as error:
                resume = functools.partial(inner.throw, error)

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
        return _or_decorated(cls, function)

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_GradMode):
    """Operations inside are recorded, also within no_grad.

    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.no_grad(), minigrad.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        return _or_decorated(cls, function)

    def __init__(self) -> None:
        super().__init__(True)


class set_grad_enabled(_GradMode):
    """Sets recording at once, until changed again or, as a context manager, until its end.

    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode_: bool):
        super().__init__(bool(mode_))
        super().__enter__()

    def __enter__(self) -> None:
        mode.grad = self.enabled

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.__exit__()  # as a decorator it changes nothing here
        return super().__call__(function)


class inference_mode(_GradMode):
    """no_grad under its other name; `inference_mode(False)` records.

    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.inference_mode():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, mode: Any = True) -> Any:
        return _or_decorated(cls, mode if callable(mode) else None)

    def __init__(self, mode: Any = True):
        super().__init__(not mode)
        self.inference = bool(mode)


def _or_decorated(cls: type[_GradMode], function: Callable[..., Any] | None) -> Any:
    """A context manager, or for `@no_grad` without parentheses the decorated function."""
    self: Any = object.__new__(cls)
    if function is None:
        return self
    self.__init__()
    return self(function)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded now.

    >>> import minigrad
    >>> with minigrad.no_grad():
    ...     minigrad.is_grad_enabled()
    False
    """
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is within inference_mode.

    >>> import minigrad
    >>> with minigrad.inference_mode():
    ...     minigrad.is_inference_mode_enabled()
    True
    """
    return mode.inference
