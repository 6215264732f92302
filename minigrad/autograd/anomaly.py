"""detect_anomaly: every node remembers the line that made it, and backward names it in errors."""

from __future__ import annotations

from typing import Any

from minigrad.autograd.mode import mode
from minigrad.backends.stack import Stack


class set_detect_anomaly:
    """Switches anomaly detection of this thread on or off; as a context manager, until its end.

    On, each node and each in-place write remembers the calls that led to it (see detect_anomaly).

    >>> import minigrad
    >>> with minigrad.autograd.set_detect_anomaly(True):
    ...     minigrad.autograd.is_anomaly_enabled()
    True
    >>> minigrad.autograd.is_anomaly_enabled()
    False
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self.previous: list[Any] = []
        self._set(mode, check_nan)

    def _set(self, on: bool, check_nan: bool) -> None:
        self.previous.append((mode.anomaly, mode.check_nan))
        mode.anomaly, mode.check_nan = (Stack if on else None), check_nan

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        mode.anomaly, mode.check_nan = self.previous.pop()


class detect_anomaly(set_detect_anomaly):
    """Within it an error in the backward pass names the forward line, and a NaN gradient is one.

    It slows every op down: use it to find errors. `check_nan=False` lets NaN pass.

    >>> import minigrad
    >>> x = minigrad.tensor([-1.0], requires_grad=True)
    >>> with minigrad.autograd.detect_anomaly():
    ...     x.sqrt().sum().backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output. ...
    """

    def __init__(self, check_nan: bool = True):
        self.previous = []
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._set(True, self.check_nan)


def is_anomaly_enabled() -> bool:
    """Whether this thread detects anomalies.

    >>> import minigrad
    >>> with minigrad.autograd.detect_anomaly():
    ...     minigrad.autograd.is_anomaly_enabled()
    True
    """
    return mode.anomaly is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection looks for NaN.

    >>> import minigrad
    >>> with minigrad.autograd.detect_anomaly(check_nan=False):
    ...     minigrad.autograd.is_anomaly_check_nan_enabled()
    False
    """
    return mode.check_nan
