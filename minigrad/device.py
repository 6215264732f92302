"""Devices: where an array lives, and which backend computes there.

A tensor points at its Device and the Device at its backend, so that a wrapper put on a device (a
profiler, a recorder) sees every op on it at once, also on tensors made before. This is the one
module that reads the environment:

    MINIGRAD_BACKEND        unset: NumPy. "opencl": OpenCL or an error. "opencl,numpy": the first
                            that starts, and says which.
    MINIGRAD_WRAP           "nancheck,profile": wrappers put on every device when it is first used

Note [State]. Beside parameters and buffers a program keeps arrays that its user never made: the
averages of an optimizer, a generator's counter, a learning rate. They may be made in the first
step, and that step may be recorded (backends/trace.py). So they are made by the `bare` backend of
the device, out of sight of the wrappers: the recorder finds them as it finds parameters, there
before the program, and a replay goes on from what they hold. Made in its sight they would be
constants of the program, the same at each replay. What the host writes into them between steps
goes through `bare` as well.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

BackendFactory = Callable[[int], Any]

_registry: dict[str, BackendFactory] = {}
_devices: dict[tuple[str, int], Device] = {}
_lock = threading.RLock()
_default: Device | None = None
_local = threading.local()


def register_backend(name: str, factory: BackendFactory) -> None:
    """Makes `minigrad.device(name)` work: `factory(index)` is called once for each index that is
    used.

    Packages can do the same without code, through the entry-point group `minigrad.backends`.
    """
    if not name.isidentifier():
        raise ValueError(f"register_backend: a device name is an identifier, got {name!r}")
    _registry[name] = factory


def _numpy(index: int) -> Any:
    if index != 0:
        raise RuntimeError(f"there is one cpu device, 'cpu' or 'cpu:0'; got 'cpu:{index}'")
    from minigrad.backends.numpy_backend import NumpyBackend

    return NumpyBackend()


def _opencl(index: int) -> Any:
    from minigrad.backends.opencl import OpenCLBackend

    return OpenCLBackend(index)


register_backend("cpu", _numpy)
register_backend("opencl", _opencl)


class Device:
    """A place to compute: `minigrad.device("cpu")`, `minigrad.device("opencl:1")`. One object a
    device.

    Also a context manager and a decorator-free way to set the default: `with
    minigrad.device("cpu"): ...`.

    >>> import minigrad
    >>> minigrad.device("cpu").type
    'cpu'
    """

    __slots__ = ("__weakref__", "_entered", "backend", "bare", "index", "type", "wrappers")
    type: str
    index: int | None
    backend: Any
    bare: Any  # the backend without wrappers: see Note [State]
    wrappers: list[Callable[[Any], Any]]
    # Inside of how many vmaps this is, and which, and on what device: see autograd/batch.py.
    depth = 0
    levels: Any = ()
    base: Any = property(lambda self: self)

    def __new__(cls, type: Any = None, index: int | None = None) -> Device:
        if isinstance(type, Device):
            return type
        return _lookup(type, index)

    def wrap(self, wrapper: Callable[[Any], Any]) -> None:
        """Puts `wrapper(backend)` around what computes here, until unwrap."""
        with _lock:
            self.wrappers.append(wrapper)
            self._rebuild()

    def unwrap(self, wrapper: Callable[[Any], Any]) -> None:
        """Takes a wrapper off again; wrappers may leave in any order."""
        with _lock:
            self.wrappers.remove(wrapper)
            self._rebuild()

    def _rebuild(self) -> None:
        backend = self.bare
        for wrapper in self.wrappers:
            backend = wrapper(backend)
        self.backend = backend

    def __enter__(self) -> Device:
        _stack().append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _stack().pop()

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (
            ")" if self.index is None else f", index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Device, (str(self),))


def lost_by_forks() -> list[str]:
    """The devices in use here that a forked process cannot have."""
    with _lock:
        return [str(d) for d in _devices.values() if not getattr(d.bare, "survives_fork", True)]


def _stack() -> list[Device]:
    if not hasattr(_local, "stack"):
        _local.stack = []
    stack: list[Device] = _local.stack
    return stack


def _lookup(type: Any, index: int | None) -> Device:
    name, index = _parse(type, index)
    if name in ("cuda", "gpu"):
        default = default_device()
        if default.type == "cpu":
            raise RuntimeError(
                f"device '{name}': no accelerator is the default device; set "
                "MINIGRAD_BACKEND=opencl"
            )
        name, index = default.type, default.index if index is None else index
    key = (name, index or 0)
    with _lock:
        if key not in _devices:
            _devices[key] = _start(name, index)
        return _devices[key]


def _parse(type: Any, index: int | None) -> tuple[str, int | None]:
    if isinstance(type, int):
        return default_device().type, type
    if not isinstance(type, str):
        raise TypeError(f"device(): expected a string such as 'cpu' or 'opencl:1', got {type!r}")
    name, colon, digits = type.partition(":")
    if colon:
        if index is not None or not digits.isdigit():
            raise RuntimeError(f"Invalid device string: '{type}' (expected NAME or NAME:INDEX)")
        index = int(digits)
    return ("cpu" if name == "numpy" else name), index


def _start(name: str, index: int | None) -> Device:
    device = object.__new__(Device)
    device.type = name
    device.index = None if name == "cpu" else (index or 0)
    device.wrappers = []
    device.backend = device.bare = _factory(name)(index or 0)
    for wrapper in filter(None, os.environ.get("MINIGRAD_WRAP", "").split(",")):
        from minigrad import backends

        device.wrap(backends.wrapper_named(wrapper.strip()))
    return device


def _factory(name: str) -> BackendFactory:
    if name not in _registry:
        from importlib.metadata import entry_points  # 25 ms that few programs need

        for entry in entry_points(group="minigrad.backends"):
            if entry.name == name:
                register_backend(name, entry.load())
    if name not in _registry:
        known = ", ".join("numpy (or cpu)" if n == "cpu" else n for n in sorted(_registry))
        raise RuntimeError(
            f"no backend named '{name}'; there are: {known} "
            "(minigrad.register_backend or the entry-point group 'minigrad.backends' add more)"
        )
    return _registry[name]


def default_device() -> Device:
    """The device of new tensors: the innermost `with device`, set_default_device, or
    MINIGRAD_BACKEND.

    >>> import minigrad
    >>> with minigrad.device("cpu"):
    ...     minigrad.get_default_device()
    device(type='cpu')
    """
    global _default
    stack = getattr(_local, "stack", None)
    if stack:
        inner: Device = stack[-1]
        return inner
    if _default is None:
        with _lock:
            if _default is None:
                _default = _from_environment()
    return _default


def _from_environment() -> Device:
    names = [
        name.strip() for name in os.environ.get("MINIGRAD_BACKEND", "").split(",") if name.strip()
    ]
    if not names:
        return _lookup("cpu", None)
    failures = []
    for name in names:
        try:
            found = _lookup(name, None)
        except Exception as error:
            failures.append(f"{name}: {error}")
            continue
        if len(names) > 1:
            print(f"minigrad: MINIGRAD_BACKEND={','.join(names)} took {found}", file=sys.stderr)
        return found
    raise RuntimeError("MINIGRAD_BACKEND: nothing could start. " + "; ".join(failures))


def set_default_device(device: Any) -> None:
    """Makes `device` the place where tensors are made unless one is named; None goes back to
    MINIGRAD_BACKEND.

    >>> import minigrad
    >>> minigrad.set_default_device("cpu")
    >>> minigrad.ones(2).device
    device(type='cpu')
    >>> minigrad.set_default_device(None)
    """
    global _default
    _default = None if device is None else Device(device)


def resolve(device: Any) -> Device:
    """What users may pass as `device=` (None, a string, an index, a Device) as a Device."""
    if device is None:
        return default_device()
    return device if isinstance(device, Device) else Device(device)
