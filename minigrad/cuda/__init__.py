"""The names PyTorch programs use for "the accelerator, if there is one".

When the default device is not the CPU, `cuda` means that device. So the line that most programs
start with,

    device = "cuda" if torch.cuda.is_available() else "cpu"

does the right thing under MINIGRAD_BACKEND=opencl, and under NumPy too. Streams and events are not
there: work is done in the order in which it was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigrad.cuda import amp
from minigrad.device import Device, default_device, resolve, set_default_device
from minigrad.names import missing
from minigrad.ops import random
from minigrad.ops.random import get_rng_state, initial_seed, set_rng_state


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


def seed() -> None:
    """As minigrad.seed, which seeds every device."""
    random.seed()


seed_all = seed


def empty_cache() -> None:
    """Nothing: backends give memory back by themselves."""


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: backends do not count memory."""


def memory_allocated(device: Any = None) -> int:
    """0: backends do not count memory. `minigrad.watch.profile()` counts the bytes of kernels."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def synchronize(device: Any = None) -> None:
    """Waits until all that was asked of the device is done, and raises what it met."""
    place = resolve(device if device is not None else "cuda" if is_available() else "cpu")
    place.backend.synchronize()


def current_device() -> int:
    """The index of the device that `cuda` stands for."""
    return Device("cuda").index or 0


def set_device(device: Any) -> None:
    """Makes this device, a name or an index, the one that `cuda` stands for."""
    set_default_device(resolve(device))


def get_device_name(device: Any = None) -> str:
    """The name of the device that `cuda` stands for, as "opencl:0"."""
    return str(Device("cuda") if device is None else resolve(device))


def is_initialized() -> bool:
    """Whether there is such a device: it starts when it is first used."""
    return is_available()


def is_bf16_supported() -> bool:
    """False: there is no bfloat16."""
    return False


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("cuda", name, globals()))
