"""Mixed precision, as far as programs ask for it: switched off.

minigrad computes in the types of the tensors. `autocast` and `GradScaler` are here so that programs
that wrap their steps in them run unchanged: with enabled=False they do nothing, as in PyTorch; with
enabled=True they warn once and do nothing, as PyTorch does where there is no GPU.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Any

from minigrad.names import missing
from minigrad.tensor import Tensor

__all__ = ["GradScaler", "autocast"]


@functools.cache
def _warn(name: str) -> None:
    warnings.warn(
        f"{name}: there is no mixed precision; computing in the types of the tensors. Pass "
        "enabled=False to say so in the program",
        stacklevel=3,
    )


class autocast(ContextDecorator):
    """A context, or a decorator, in which nothing is different (torch.autocast).

    >>> import minigrad
    >>> with minigrad.autocast("cpu", enabled=False):
    ...     minigrad.ones(2).dtype
    minigrad.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        if not isinstance(device_type, str):
            raise ValueError(
                f"autocast: expected device_type of type str, such as 'cuda', got {device_type!r}"
            )
        if enabled:
            _warn("autocast")

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: see autocast.

    >>> import minigrad
    >>> minigrad.is_autocast_enabled()
    False
    """
    return False


class GradScaler:
    """Scales losses so that small gradients do not vanish: here by 1 (torch.amp.GradScaler).

    >>> import minigrad
    >>> scaler = minigrad.amp.GradScaler(enabled=False)
    >>> scaler.scale(minigrad.tensor(2.0)), scaler.get_scale()
    (tensor(2.), 1.0)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        if enabled:
            _warn("GradScaler")

    def scale(self, outputs: Any) -> Any:
        """The outputs, a tensor or several, as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: the gradients are those of the loss itself."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step(...)"""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Nothing: the scale stays 1."""

    def get_scale(self) -> float:
        return 1.0

    def is_enabled(self) -> bool:
        return False

    def state_dict(self) -> dict[str, Any]:
        """Empty, as PyTorch's where it is not enabled."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: there is no state."""


def custom_fwd(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """A decorator for the forward of an autograd.Function: the function itself.

    >>> import minigrad
    >>> minigrad.amp.custom_fwd(abs)(-1)
    1
    """
    return function if function is not None else custom_fwd


custom_bwd = custom_fwd


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("amp", name, __all__))
