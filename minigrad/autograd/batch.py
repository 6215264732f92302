"""Batches of examples as tensors of one: what vmap puts around a function, and takes off again.

Inside a vmap, tensors lie on a BatchDevice, whose backend computes for all examples at once
(backends/batch.py). Three ops lead there and back, and have rules, so that gradients pass:

    batched      (n, ...) becomes n examples of shape (...)
    unbatched    and back; the two are each other's rule
    shared       a tensor from outside is the same for every example; its gradient is the sum over
                 the examples

Where a tensor from outside meets one from inside, it is shared: see primitive.py, _together. The
gradient of a shared tensor by a function *inside* the vmap is one for each example, since that
function gets a tensor inside to differentiate by: `innermost`.

Note [Levels]. Each vmap, and each backward pass of many rows, is a Level. A device is known by its
levels, the oldest next to the arrays: where a tensor of levels 1, 2 meets one of levels 1, 3, both
are taken to levels 1, 2, 3. An older level may so come to lie under a newer one, as in the Jacobian
of a Jacobian, whose rows flow back through the batches of the inner one.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from minigrad.autograd.broadcast import sum_
from minigrad.autograd.mode import mode
from minigrad.autograd.primitive import Op, _devices_differ, record
from minigrad.device import Device
from minigrad.tensor import Tensor, wrap

if TYPE_CHECKING:
    from minigrad.backends.batch import BatchBackend


class Level:
    """One vmap: how many examples, what random numbers they get, and when it began."""

    count = itertools.count(1)

    def __init__(self, size: int, randomness: str = "same"):
        self.size, self.randomness, self.number = size, randomness, next(Level.count)


class BatchDevice(Device):
    """Where the tensors inside a vmap lie: the examples of `levels`, on the device `base`."""

    __slots__ = ("base", "depth", "levels", "over")
    backend: BatchBackend
    levels: tuple[Level, ...]
    over: Any

    def __new__(cls, base: Any, levels: tuple[Level, ...]) -> BatchDevice:
        from minigrad.backends.batch import BatchBackend  # when first used: see backends/__init__

        self = object.__new__(cls)
        self.base, self.levels, self.depth = base, levels, len(levels)
        self.over = device_of(base, levels[:-1])
        self.type, self.index, self.wrappers = base.type, base.index, []
        self.backend = self.bare = BatchBackend(self.over.backend, levels[-1].size, self)
        return self

    def joined(self, devices: Iterable[Any]) -> Any:
        """The device that has the levels of all."""
        return device_of(self.base, {level for device in devices for level in device.levels})

    def taken_in(self, x: Tensor) -> Tensor:
        """x, from outside of some levels, as the same for every example of these."""
        if x.device is self:
            return x
        if x.device.base is not self.base:
            raise _devices_differ("vmap", [x, wrap(self.backend.full((), 0, x.array.dtype), self)])
        return shared(x, self)

    def home(self, array: Any) -> Any:
        """The device of an array that was saved by an op here, or further outside."""
        return self.backend.owner_of(array) or self.base


_devices: WeakValueDictionary[tuple[int, ...], BatchDevice] = WeakValueDictionary()


def device_of(base: Any, levels: Iterable[Level]) -> Any:
    """The one device of these levels."""
    ordered = tuple(sorted(levels, key=lambda level: level.number))
    if not ordered:
        return base
    key = (id(base), *(level.number for level in ordered))
    found = _devices.get(key)
    if found is None:
        found = _devices[key] = BatchDevice(base, ordered)
    return found


# -- arrays


def _put_in(array: Any, device: Any, level: Level) -> Any:
    """The array of a tensor on a device that lacks the level, with axis 0 as its examples."""
    target = device_of(device.base, (*device.levels, level))
    if target.levels[-1] is level:
        return target.backend.each(array)
    inner = _turned(array.inner, device.over) if array.varies else array.inner
    return target.backend.array(_put_in(inner, device.over, level), array.varies)


def _taken_out(array: Any, device: Any, level: Level) -> Any:
    """And back: the examples of the level along axis 0."""
    if device.levels[-1] is level:
        return device.backend.spread(array)
    target = device_of(device.base, [other for other in device.levels if other is not level])
    inner = _taken_out(array.inner, device.over, level)
    if array.varies:
        inner = _turned(inner, target.over)
    return target.backend.array(inner, array.varies)


def _turned(array: Any, device: Any) -> Any:
    """The array with its first two axes exchanged."""
    return device.backend.permute(array, (1, 0, *range(2, len(array.shape))))


def _shared_array(array: Any, device: Any, target: Any) -> Any:
    """The array of a tensor on `device` on a device that has its levels and others."""
    if device is target:
        return array
    if device.depth and device.levels[-1] is target.levels[-1]:
        inner = _shared_array(array.inner, device.over, target.over)
        return target.backend.array(inner, array.varies)
    return target.backend.same(_shared_array(array, device, target.over))


# -- ops


def _moved(op: Op, x: Tensor, array: Any, device: Any, *params: Any) -> Tensor:
    out = wrap(array, device)
    out.version = x.version  # one memory
    if x.node is not None and mode.grad:
        out.node = record(op, (x.node,), params, None)
    return out


def batched(x: Tensor, level: Level) -> Tensor:
    """The examples of a level, along the first dimension of x, as one tensor inside."""
    device = device_of(x.device.base, (*x.device.levels, level))
    return _moved(_batched, x, _put_in(x.array, x.device, level), device, level)


def unbatched(x: Tensor, level: Level) -> Tensor:
    """A tensor inside as one outside, with the examples of the level along its first dimension."""
    x = device_of(x.device.base, {*x.device.levels, level}).taken_in(x)
    device = device_of(x.device.base, [other for other in x.device.levels if other is not level])
    array = device.backend.contiguous(_taken_out(x.array, x.device, level))
    return _moved(_unbatched, x, array, device, level)


def differs(x: Tensor, level: Level) -> bool:
    """Whether x is not the same for all examples of the level."""
    array: Any = x.array
    device: Any = x.device
    while device.depth and device.levels[-1] is not level:
        array, device = array.inner, device.over
    return bool(device.depth and array.varies)


def has_no_value(x: Tensor) -> bool:
    """Whether each example of some level has its own x, so that there is no value to look at."""
    return any(differs(x, level) for level in x.device.levels)


def shared(x: Tensor, device: BatchDevice) -> Tensor:
    """A tensor outside as one inside that is the same for every example of the levels it lacks."""
    new = tuple(level for level in device.levels if level not in x.device.levels)
    return _moved(_shared, x, _shared_array(x.array, x.device, device), device, new)


def _total(g: Tensor, levels: tuple[Level, ...]) -> Tensor:
    """The sum of g over the examples."""
    for level in levels:
        g = sum_(unbatched(g, level), (0,), False)
    return g


_batched = Op("batched", "x | level", rules={"x": lambda g, level: unbatched(g, level)})
_unbatched = Op("unbatched", "x | level", rules={"x": lambda g, level: batched(g, level)})
_shared = Op("shared", "x | levels", rules={"x": lambda g, levels: _total(g, levels)})

# -- which vmaps this thread is in

_state = threading.local()


def active() -> list[Level]:
    """The levels whose function runs now, in this thread, the outermost first."""
    if not hasattr(_state, "levels"):
        _state.levels = []
    found: list[Level] = _state.levels
    return found


def different() -> list[Level]:
    """The active levels whose examples get random numbers of their own. RuntimeError where they
    may get none.
    """
    if any(level.randomness == "error" for level in active()):
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the "
            "'same' or 'different' randomness flags on vmap or perform the randomness operation "
            "out of vmap"
        )
    return [level for level in active() if level.randomness == "different"]


@contextmanager
def inside(level: Level) -> Iterator[None]:
    """What is computed within belongs to this level."""
    active().append(level)
    try:
        yield
    finally:
        active().pop()


def innermost(x: Tensor) -> Tensor:
    """x, taken into all vmaps that this thread is in: to differentiate by."""
    device = device_of(x.device.base, {*x.device.levels, *active()})
    return device.taken_in(x) if device.depth else x
