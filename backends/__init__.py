"""Backends: base.py names the kernels, numpy_backend.py and opencl/ have them, and trace.py,
profile.py and nancheck.py wrap a backend to watch it. Importing this package loads none of these.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

_HOMES = {
    "Backend": "base",
    "Wrapper": "base",
    "kernel_names": "base",
    "NumpyBackend": "numpy_backend",
    "Trace": "trace",
    "Profile": "profile",
    "NanCheck": "nancheck",
}


# What torch.backends has: switches that programs set, and questions that they ask.
_TORCH = ("cuda", "cudnn", "mps")


def __getattr__(name: str) -> Any:
    if name in _TORCH:
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def wrapper_named(name: str) -> Callable[[Any], Any]:
    """The wrapper that a word of MINIGRAD_WRAP means, as a function from backend to backend.

    nancheck    stops at the first kernel that makes a NaN or an infinity
    profile     prints a table of the kernels when the program ends
    trace       prints every kernel call
    """
    if name == "nancheck":
        from .nancheck import NanCheck

        return NanCheck
    if name == "profile":
        from .profile import Profile

        profile = Profile(timeline=False)
        atexit.register(lambda: print(profile, file=sys.stderr))
        return profile.wrap
    if name == "trace":
        from .trace import Echo

        return Echo
    raise ValueError(
        f"MINIGRAD_WRAP: there is no wrapper '{name}'; there are: nancheck, profile, trace"
    )
