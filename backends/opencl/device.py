"""What all kernels on OpenCL use: one device, one context, one queue that works in order.

Everything is asynchronous: a kernel returns when it is enqueued, and the host waits where it reads
(to_host, nonzero) or in synchronize.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..base import Backend, Work, kernel_names
from . import discovery
from .array import Array
from .program import TYPES, Programs, device_failed

SMALLEST_PIECE = 8192  # elements, below which waking a second core costs more than it gains
GROUP = 128  # work items of a group on a GPU
MOST_PLANS = 20_000
CHECK_EVERY = 256  # allocations
SPARE = 1 / 8  # of the device's memory: what the pool may hold beyond twice what is in use


class OpenCLDevice(Backend):
    """The device `opencl:index`; the families of kernels derive from it."""

    name = "opencl"
    survives_fork = False  # see Note [Forks]

    def __init__(self, index: int = 0) -> None:
        self.cl = cl = discovery.import_pyopencl()
        self.place = f"opencl:{index}"
        self.device = device = discovery.device(index)
        self.description = discovery.describe(device)
        self.is_cpu = discovery.is_cpu(device)
        self.compute_units = device.max_compute_units
        self.local_memory = device.local_mem_size
        self.types = self._types()
        self.context = cl.Context([device])
        # Events that know their times: launches took as long with them as without.
        self.queue = cl.CommandQueue(
            self.context, properties=cl.command_queue_properties.PROFILING_ENABLE)
        self.pool = cl.tools.MemoryPool(cl.tools.ImmediateAllocator(self.queue))
        self.allocations, self.in_use = 0, 0.0
        self.programs = Programs(cl, self.context, device, self.queue, self.is_cpu)
        self.plans: dict[Any, Any] = {}
        self.errors = Errors(self)
        self.uploads = Uploads(self)
        _alive.add(self)

    def _types(self) -> frozenset[np.dtype]:
        hidden = discovery.disabled()
        if not self.device.double_fp_config:
            hidden.add("float64")
        return frozenset(np.dtype(name) for name in TYPES if name not in hidden)

    def allocate(self, nbytes: int) -> Any:
        """A buffer of the pool. What is given back may be in use by kernels that are still to run:
        those that get it next come later in the queue."""
        self.allocations += 1
        if self.allocations % CHECK_EVERY == 0:
            self._free_spare()
        try:
            return self.pool.allocate(nbytes or 1)
        except (self.cl.MemoryError, self.cl.LogicError, self.cl.RuntimeError) as error:
            raise self._no_memory(nbytes, error) from error

    def _free_spare(self) -> None:
        """The pool holds what is given back for arrays of that size: by and by, ever new shapes
        would fill the memory with sizes that are not wanted again. How much is in use at once is
        seen from samples, the older of which count for less and less. Less than SPARE would take
        from networks of many layers what they want again in the next step."""
        self.in_use = max(self.pool.active_bytes, 0.99 * self.in_use)
        if self.pool.managed_bytes > 2 * self.in_use + SPARE * self.device.global_mem_size:
            self.pool.free_held()

    def _no_memory(self, nbytes: int, error: Exception) -> RuntimeError:
        self.pool.free_held()
        mib = [round(n / 2**20) for n in (
            nbytes, self.pool.active_bytes, self.device.global_mem_size,
            self.device.max_mem_alloc_size)]
        return RuntimeError(
            f"{self.place} ({self.description}) is out of memory: tried to allocate "
            f"{mib[0]} MiB with {mib[1]} MiB in use; the device has {mib[2]} MiB, at most {mib[3]} "
            f"MiB for one array. Use smaller batches, or delete what is no longer needed ({error})")

    def keep(self, key: Any, plan: Any) -> Any:
        """Remembers what was worked out for some layouts, and returns it. A program with ever new
        shapes must not fill the memory with plans, so at times all are forgotten."""
        if len(self.plans) >= MOST_PLANS:
            self.plans.clear()
        self.plans[key] = plan
        return plan

    def check_type(self, dtype: np.dtype) -> None:
        """Raises RuntimeError for a type that the device lacks."""
        if dtype not in self.types:
            other = "float32" if dtype == np.float64 else "a type that it has"
            raise RuntimeError(
                f"{self.place} ({self.description}) has no {dtype.name}: use {other}, "
                "or the device 'cpu'")

    def shares(self, n: int, work: int = 1,
               multiple: int = 64) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """How n tasks are shared out: tasks for each work item, global and local size.

        A CPU gets few work items with many tasks each (a multiple of `multiple`), where a task
        touches `work` elements; a GPU one task an item."""
        if not self.is_cpu:
            return 1, (max(-(-n // GROUP), 1) * GROUP,), (GROUP,)
        pieces = max(min(-(-n * work // SMALLEST_PIECE), 8 * self.compute_units, n), 1)
        chunk = max(-(-n // (pieces * multiple)), 1) * multiple
        return chunk, (max(-(-n // chunk), 1),), (1,)

    def pieces(self, tasks: int, n: int) -> int:
        """Into how many pieces each of a few long tasks of n elements is cut, to keep the device
        busy. The numbers depend on the device and the shape alone, so that every run adds in the
        same order."""
        per_unit, shortest = (4, SMALLEST_PIECE) if self.is_cpu else (64, 256)
        wanted = -(-per_unit * self.compute_units // max(tasks, 1))
        return max(min(wanted, n // shortest), 1)

    def synchronize(self) -> None:
        try:
            self.queue.finish()
        except self.cl.Error as error:
            raise device_failed(self.queue, "finishing its work", error) from error
        self.uploads.finish()
        self.errors.raise_if_any()

    def timed(self, kernel: Callable, *args: Any) -> tuple[Any, Work]:
        """See base.py, Note [Device time]: the sum of the times from start to end of all that this
        call enqueued. What the queue waits for before and between is not counted."""
        notes = self.programs.notes
        outer, notes.events, builds = notes.events, [], notes.builds
        try:
            result = kernel(*args)
            self.synchronize()
        finally:
            events, notes.events = notes.events, outer
        if outer is not None:  # a profile inside a profile
            outer += events
        nanoseconds = sum(event.profile.end - event.profile.start for event in events)
        return result, Work(nanoseconds * 1e-9, notes.builds - builds)


class Uploads:
    """Copies from the host that the queue has still to make, each with host memory of its own. The
    host goes on, unless more than `most` bytes are waiting."""

    most = 16 << 20

    def __init__(self, backend: OpenCLDevice) -> None:
        self.backend = backend
        self.waiting: deque[tuple[Any, int]] = deque()  # an event keeps its memory until it is over
        self.nbytes = 0
        self.lock = threading.Lock()

    def start(self, x: Array, array: np.ndarray) -> None:
        """Fills x with the elements of a contiguous array, which may change afterwards."""
        waits = array.nbytes > self.most
        event = self.backend.cl.enqueue_copy(
            self.backend.queue, x.buffer, array if waits else array.copy(), is_blocking=waits)
        self.backend.programs.notes.add(event)
        if waits:
            return
        size = array.nbytes + 1024  # what goes with an event
        with self.lock:
            self.waiting.append((event, size))
            self.nbytes += size
            self._wait(self.most)

    def finish(self) -> None:
        """Waits for all that was started."""
        with self.lock:
            self._wait(0)

    def _wait(self, most: int) -> None:
        while self.nbytes > most:
            event, nbytes = self.waiting.popleft()
            event.wait()
            self.nbytes -= nbytes


class Errors:
    """The error word: what a kernel that meets a bad index leaves, read when the host waits anyway.

    It is three int64: whether there was an error, the index, the size of its axis.
    """

    def __init__(self, backend: OpenCLDevice) -> None:
        self.backend = backend
        self.is_pending = False
        self._buffer: Any = None

    def watch(self, index: Array, low: int, high: int, excused: int | None = None) -> Any:
        """The word, for a kernel about to use these indices, which must be at least low and below
        high, or `excused`. Those that came from the host are checked here and now."""
        if index.host is None or index.host.values is None:
            self.is_pending = True
        elif not index.host.lie_between(low, high):
            self._check_now(index, low, high, excused)
        return self.word

    @property
    def word(self) -> Any:
        if self._buffer is None:
            self._buffer = self.backend.from_host(np.zeros(3, np.int64)).buffer
        return self._buffer

    def _check_now(self, index: Array, low: int, high: int, excused: int | None) -> None:
        """Not all of what came from the host is in range. This may be a view of a part of it."""
        known = index.host.values if index.host is not None else None
        is_whole = known is not None and known.size == index.layout.size
        values = known if known is not None and is_whole else self.backend.to_host(index)
        wrong = values[((values < low) | (values >= high)) & (values != excused)]
        if wrong.size:
            raise out_of_bounds(int(wrong[0]), high)

    def raise_if_any(self) -> None:
        """Reads the word, if a kernel that may have written it was launched since."""
        if not self.is_pending:
            return
        self.is_pending = False
        word = np.empty(3, np.int64)
        cl, queue = self.backend.cl, self.backend.queue
        cl.enqueue_copy(queue, word, self._buffer, is_blocking=True)
        if word[0]:
            cl.enqueue_copy(queue, self._buffer, np.zeros(3, np.int64), is_blocking=True)
            raise out_of_bounds(int(word[1]), int(word[2]))


def out_of_bounds(index: int, size: int) -> IndexError:
    return IndexError(f"index {index} is out of bounds for an axis of size {size}")


# Note [Forks]. The threads of an OpenCL runtime do not live on in a forked process: a kernel that
# is launched there never ends. So the child's backends are made to raise instead.
_alive: weakref.WeakSet[OpenCLDevice] = weakref.WeakSet()


def _forked(*args: Any) -> NoReturn:
    raise RuntimeError(
        "this process was forked from one that uses OpenCL, and OpenCL does not survive a fork. "
        "Start processes with multiprocessing's 'spawn' or 'forkserver', or fork before the first "
        "use of an OpenCL device")


def _disarm() -> None:
    for backend in _alive:
        for name in kernel_names():
            setattr(backend, name, _forked)


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_disarm)
