"""The names PyTorch programs use for "the accelerator, if there is one".

When the default device is not the CPU, `cuda` means that device. So the line that most programs
start with,

    device = "cuda" if torch.cuda.is_available() else "cpu"

does the right thing under MINIGRAD_BACKEND=opencl, and under NumPy too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigrad.device import Device, default_device, resolve
from minigrad.names import missing
from minigrad.ops import random


def is_available() -> bool:
    """Whether the default device is something other than the CPU.

    >>> import minigrad
    >>> "cuda" if minigrad.cuda.is_available() else "cpu"
    'cpu'
    """
    return default_device().type != "cpu"


def device_count() -> int:
    """1 where there is such a device, else 0."""
    return int(is_available())


def manual_seed(seed: int) -> None:
    """As minigrad.manual_seed, which seeds every device."""
    random.manual_seed(seed)


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Nothing: backends give memory back by themselves."""


def synchronize(device: Any = None) -> None:
    """Waits until all that was asked of the device is done, and raises what it met."""
    place = resolve(device if device is not None else "cuda" if is_available() else "cpu")
    place.backend.synchronize()


def current_device() -> int:
    """The index of the device that `cuda` stands for."""
    return Device("cuda").index or 0


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("cuda", name, globals()))
