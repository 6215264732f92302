"""minigrad.amp under its older names, which know one type of device."""

from __future__ import annotations

from typing import Any

from minigrad import amp

__all__ = ["GradScaler", "autocast"]


class autocast(amp.autocast):
    """minigrad.amp.autocast("cuda", ...).

    >>> import minigrad
    >>> with minigrad.cuda.amp.autocast(enabled=False):
    ...     minigrad.ones(2).dtype
    minigrad.float32
    """

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True):
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """minigrad.amp.GradScaler("cuda", ...).

    >>> import minigrad
    >>> minigrad.cuda.amp.GradScaler(enabled=False).get_scale()
    1.0
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )
