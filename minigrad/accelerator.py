"""The names of torch.accelerator, PyTorch's newer way to ask for "the accelerator, if any"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigrad.cuda import device_count, is_available, synchronize
from minigrad.device import Device, default_device
from minigrad.names import missing

__all__ = ["current_accelerator", "device_count", "is_available", "synchronize"]


def current_accelerator(check_available: bool = False) -> Device | None:
    """The default device where it is not the CPU, else None.

    >>> import minigrad
    >>> minigrad.accelerator.current_accelerator() is None
    True
    """
    return default_device() if is_available() else None


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("accelerator", name, __all__))
