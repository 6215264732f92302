"""What PyTorch programs set before they start, and what it means here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.backends import numpy_threads

__all__ = [
    "are_deterministic_algorithms_enabled", "compile", "get_float32_matmul_precision",
    "get_num_interop_threads", "get_num_threads", "set_float32_matmul_precision",
    "set_num_interop_threads", "set_num_threads", "use_deterministic_algorithms",
]  # fmt: skip

_chosen: dict[str, Any] = {"precision": "highest", "deterministic": False, "interop": 1}


def compile(model: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The function or the module itself, or a decorator: nothing is compiled yet (torch.compile).

    >>> import minigrad
    >>> @minigrad.compile
    ... def double(x):
    ...     return 2 * x
    >>> double(minigrad.tensor(3.0))
    tensor(6.)
    """
    return model if model is not None else compile


def set_float32_matmul_precision(precision: str) -> None:
    """Allows products of float32 to be less exact: "highest", "high" or "medium".

    Nothing makes use of it; products are in float32 always.

    >>> import minigrad
    >>> minigrad.set_float32_matmul_precision("high")
    >>> minigrad.get_float32_matmul_precision()
    'high'
    >>> minigrad.set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"set_float32_matmul_precision: 'highest', 'high' or 'medium', got {precision!r}"
        )
    _chosen["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What set_float32_matmul_precision was told.

    >>> import minigrad
    >>> minigrad.get_float32_matmul_precision()
    'highest'
    """
    precision: str = _chosen["precision"]
    return precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks that two runs give the same bits: they do, whatever the mode.

    >>> import minigrad
    >>> minigrad.use_deterministic_algorithms(True)
    >>> minigrad.are_deterministic_algorithms_enabled()
    True
    >>> minigrad.use_deterministic_algorithms(False)
    """
    _chosen["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What use_deterministic_algorithms was told.

    >>> import minigrad
    >>> minigrad.are_deterministic_algorithms_enabled()
    False
    """
    mode: bool = _chosen["deterministic"]
    return mode


def get_num_threads() -> int:
    """How many threads the CPU works with, inside one op.

    >>> import minigrad
    >>> minigrad.get_num_threads() >= 1
    True
    """
    return numpy_threads.threads()


def set_num_threads(num_threads: int) -> None:
    """Has the CPU work with so many threads, inside one op. RuntimeError below 1.

    >>> import minigrad
    >>> before = minigrad.get_num_threads()
    >>> minigrad.set_num_threads(1)
    >>> minigrad.get_num_threads()
    1
    >>> minigrad.set_num_threads(before)
    """
    if not isinstance(num_threads, int):
        raise TypeError(f"set_num_threads expects an int, but got {type(num_threads).__name__}")
    if num_threads < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {num_threads}")
    numpy_threads.use_threads(num_threads)


def get_num_interop_threads() -> int:
    """How many ops run at the same time: one after the other, whatever was set.

    >>> import minigrad
    >>> minigrad.get_num_interop_threads()
    1
    """
    number: int = _chosen["interop"]
    return number


def set_num_interop_threads(num_threads: int) -> None:
    """Accepted, and without effect: ops run one after the other.

    >>> import minigrad
    >>> minigrad.set_num_interop_threads(1)
    """
    if num_threads < 1:
        raise RuntimeError(f"set_num_interop_threads expects a positive integer, got {num_threads}")
    _chosen["interop"] = num_threads
