"""Watching what runs on a device: these context managers put wrappers on it (backends/base.py).

    with profile() as p: ...     how often, how long, how many bytes: print(p)
    with nancheck(): ...         stops at the first kernel that makes a NaN or an infinity
    with trace(x=x) as t: ...    records the kernel calls: print(t), t.replay(x=other)

They see every kernel on the device, of all threads and on tensors made before, in the backward pass
as well as in the forward one. They nest, and may end in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from minigrad.backends.nancheck import NanCheck
from minigrad.backends.profile import Profile
from minigrad.backends.replay import replay
from minigrad.backends.trace import Trace
from minigrad.device import Device, resolve
from minigrad.tensor import Tensor, wrap


@contextmanager
def _wrapped(wrapper: Callable[[Any], Any], places: tuple[Any, ...]) -> Iterator[None]:
    """Puts a wrapper of its own on each of the devices, by default on the default device."""
    with ExitStack() as leaving:
        for place in dict.fromkeys(map(resolve, places or (None,))):

            def put(backend: Any) -> Any:
                return wrapper(backend)

            place.wrap(put)
            leaving.callback(place.unwrap, put)
        yield


@contextmanager
def profile(*places: Any) -> Iterator[Profile]:
    """Measures the kernels on these devices, by default on the default device.

    >>> import minigrad
    >>> x = minigrad.ones(1000)
    >>> with profile() as p:
    ...     y = x * 2 + x * 3
    >>> for row in sorted(p.key_averages(), key=lambda row: row.name):
    ...     print(row.name, row.calls, row.bytes_written)
    add 1 4000
    mul 2 8000

    `print(p)` shows the table, `p.export_chrome_trace(path)` writes a file for ui.perfetto.dev.
    """
    measured = Profile()
    with _wrapped(measured.wrap, places):
        yield measured


@contextmanager
def nancheck(*places: Any) -> Iterator[None]:
    """Raises FloatingPointError at the first kernel that makes a NaN or infinity of finite inputs.

    The message names the kernel and the user's line; for a kernel of the backward pass,
    autograd.detect_anomaly() adds the line of the forward call.

    >>> import minigrad
    >>> with nancheck():
    ...     minigrad.zeros(2).log()
    Traceback (most recent call last):
    FloatingPointError: nancheck: kernel 'log' made -inf at index (0,), ...
    """
    with _wrapped(NanCheck, places):
        yield


class Recording:
    """What `trace` gives: a program of kernel calls."""

    def __init__(self, device: Device, program: Trace):
        self.device = device
        self.program = program

    def output(self, **tensors: Tensor) -> None:
        """Names what a replay returns."""
        for name, x in tensors.items():
            self.program.name_output(name, x.array)

    def replay(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Runs the calls again with other tensors for the inputs; returns the outputs by name.

        Inputs that are not given, and all else that the program found, are the arrays that it was
        recorded with: what it updates in place goes on from there.
        """
        for name, x in inputs.items():
            if x.device is not self.device:
                raise RuntimeError(
                    f"replay: input '{name}' is on {x.device}, the trace is of {self.device}"
                )
        arrays = {name: x.array for name, x in inputs.items()}
        found = replay(self.program, self.device.backend, arrays)
        return {name: wrap(array, self.device) for name, array in found.items()}

    def __str__(self) -> str:
        return str(self.program)


@contextmanager
def trace(place: Any = None, /, **inputs: Tensor) -> Iterator[Recording]:
    """Records the kernel calls on a device, by default the default one; keywords name the inputs.

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> with trace(x=x) as t:
    ...     t.output(y=x * 2 + 1)
    >>> print(t)
    input: %0 = x float32[2]
    %1 = mul(%0, 2.0)
    %2 = add(%1, 1.0)
    output: y = %2
    >>> t.replay(x=minigrad.tensor([10.0, 20.0]))["y"]
    tensor([21., 41.])

    Random numbers go on at every replay, as do parameters and all else that is updated in place. A
    training step gets its learning rate and step count from `optimizer.advance()`, to be called
    before each replay. A replay raises a RuntimeError, which says why, when a value was read on the
    host in between or when numbers that must vary would be the same each time.
    """
    device = resolve(place)
    recording = Recording(device, Trace())
    for name, x in inputs.items():
        recording.program.name_input(name, x.array)
    with _wrapped(recording.program.wrap, (device,)):
        yield recording
