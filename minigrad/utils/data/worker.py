"""The worker: what runs in a child process of a DataLoader.

It has three pipes to its parent and shares no lock with anyone, so that whatever happens to it
cannot stop another process:

    tasks      the parent's: Begin (an epoch), Task (a batch to make). Its end is the worker's end.
    results    the worker's: Ready, then a reply to every task, in order
    stacks     where the worker's Python stack is written at the signal STACK, or at a crash

A thread waits for the end of the tasks, so that it is noticed while a batch is made: a worker
outlives its parent, or the end of its epoch, by GRACE seconds at most.
"""

import contextlib
import ctypes
import faulthandler
import importlib
import os
import pickle
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import numpy as np

from minigrad import ops
from minigrad.backends import numpy_threads
from minigrad.device import set_default_device
from minigrad.dtype import set_default_dtype
from minigrad.utils.data import collate
from minigrad.utils.data.fetch import Recipe
from minigrad.utils.data.info import WorkerInfo, set_worker_info
from minigrad.utils.data.packing import pack
from minigrad.utils.data.ring import Memory
from minigrad.utils.data.seeding import WORKER, held_generators, mixed, seed_worker
from minigrad.utils.data.signals import die_of_faults, ignore_interrupts

GRACE = 1.0
STACK = getattr(signal, "SIGUSR1", None)
PR_SET_PDEATHSIG = 1


class Job(NamedTuple):
    """What a worker is to do, from its beginning to its end."""

    recipe: Recipe
    init: Callable[[int], None] | None
    id: int
    num_workers: int
    seed: int
    ring: str | None  # the path of the shared memory
    default_dtype: Any
    dies_with_parent: bool


class Begin(NamedTuple):
    """An epoch begins."""

    seed: int


class Task(NamedTuple):
    """Make batch `number` of these indices (which travel as a pickle of their own, so that a worker
    which cannot read them can say so); `slot` is where it may be put.
    """

    number: int
    indices: Any
    slot: int | None
    epoch: int  # the parent counts them, to know replies that come too late


class Ready(NamedTuple):
    """The worker has set itself up; `trouble` is why it has no shared memory."""

    trouble: str | None


class Packed(NamedTuple):
    """A batch: its message, and where its bytes are."""

    message: bytes
    regions: list[tuple[int, int]]  # in the slot, of which `used` bytes of `size` are in use
    used: int
    size: int
    kept: bool  # whether the worker still looks into the slot
    buffers: list[bytearray] | None = None  # the bytes, if not there
    trouble: str | None = None  # why not


class Failed(NamedTuple):
    """An exception: pickled, or what can be said of it; and its traceback."""

    error: bytes | None
    kind: str
    text: str
    trace: str


class Ended(NamedTuple):
    """There is no more in the stream."""


def main(
    parcel: Any,
    tasks: Connection,
    results: Connection,
    stacks: Connection,
    inherited: list[Connection],
) -> None:
    """The process, from its first line to its last."""
    ignore_interrupts()
    die_of_faults()
    for connection in inherited:  # by fork: the parent's ends, which only its death should close
        connection.close()
    if STACK is not None:
        os.set_blocking(stacks.fileno(), False)
        faulthandler.enable(stacks.fileno())
        faulthandler.register(STACK, stacks.fileno(), all_threads=True)
    set_default_device("cpu")  # never another: its context belongs to the parent
    threading.Thread(target=_end_with, args=(tasks,), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):  # the parent has gone
        try:
            worker = _Worker(parcel.open())
        except Exception as error:
            results.send(_failure(error))
            return
        results.send(Ready(worker.trouble))
        for task in _messages(tasks):
            if isinstance(task, Begin):
                worker.begin(task.seed)
            else:
                results.send(worker.reply(task))


def _messages(tasks: Connection) -> Iterator[Any]:
    """What the parent sends, until it closes the pipe or dies."""
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        if sys.platform == "win32":
            while True:
                yield tasks.recv()
        with open(tasks.fileno(), "rb", closefd=False) as pipe:
            while True:
                yield pickle.load(pipe)


def _end_with(tasks: Connection) -> None:
    """Ends the process soon after the tasks end, whatever it is doing."""
    if sys.platform == "win32":
        wait([parent_process().sentinel])  # type: ignore[union-attr]
    else:
        hang_up = select.poll()
        hang_up.register(tasks.fileno(), 0)  # which tasks that come do not wake
        hang_up.poll()
    time.sleep(GRACE)
    os._exit(1)


def warm_up() -> None:
    """Imports what the first batch would import."""
    np.random.SeedSequence(0)
    ops.stack([ops.zeros(1, device="cpu")])


class _Worker:
    def __init__(self, job: Job) -> None:
        if job.dies_with_parent and sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _stand_back()
        _one_thread()
        set_default_dtype(job.default_dtype)
        self.recipe = job.recipe
        self.memory, self.trouble = _memory(job.ring)
        if self.memory is not None:
            collate.allocate_by(_or_else(self.memory.empty))
        self.info = WorkerInfo(job.id, job.num_workers, 0, job.recipe.dataset)
        set_worker_info(self.info)
        self.held = held_generators(job.recipe.dataset)
        self.claimed = job.recipe.is_stream and job.recipe.dataset.replicated
        self.begin(job.seed)
        if job.init is not None:
            job.init(job.id)
        self.claimed = self.info.claimed

    def begin(self, seed: int) -> None:
        """An epoch begins: see Note [Seeds of an epoch]."""
        self.seed = seed
        self.fetcher: Any = None
        own = mixed(seed, WORKER, self.info.id)
        self.info.begin(own, self.claimed)
        if self.recipe.is_stream:
            seed_worker(mixed(seed, WORKER), self.held)
            self.info.when_claimed(lambda: seed_worker(own, self.held))
        else:
            seed_worker(own, self.held)

    def reply(self, task: Task) -> Any:
        """A batch, an error, or the end of the stream."""
        if self.memory is not None and task.slot is not None:
            self.memory.begin(task.slot)
        try:
            if self.fetcher is None:
                self.fetcher = self.recipe.fetcher(self.seed)
            batch = self.fetcher.batch(task.number, pickle.loads(task.indices))
        except StopIteration:
            return Ended()
        except Exception as error:
            return _failure(error)
        try:
            packed = self._pack(batch, task.slot)
        except Exception as error:
            return _failure(error)
        del batch
        return self._handed_over(packed, task.slot)

    def _pack(self, batch: Any, slot: int | None) -> Packed:
        try:
            message, buffers = pack(batch)
        except Exception as error:
            error.add_note(
                f"DataLoader: the batch, of type {type(batch).__name__}, cannot be pickled, and so "
                "not come from a worker; see to it in collate_fn"
            )
            raise
        trouble = None
        if self.memory is not None and slot is not None:
            try:
                regions = [self.memory.put(buffer) for buffer in buffers]
                return Packed(message, regions, self.memory.used, self.memory.size, False)
            except OSError as error:
                trouble = str(error)
        copies = [bytearray(buffer) for buffer in buffers]
        return Packed(message, [], 0, 0, False, copies, trouble)

    def _handed_over(self, packed: Packed, slot: int | None) -> Packed:
        """Once the batch is gone here: where something else has kept a part of it, leaves the slot
        to that, and from now on collates elsewhere.
        """
        if self.memory is None or slot is None or self.memory.end():
            return packed
        self.memory.forget(slot)
        collate.allocate_by(np.empty)
        return packed._replace(kept=True)


def _stand_back() -> None:
    """On Linux: a task that comes does not put this process in the place of the one that sent it,
    in the middle of its training. It runs when a core is free, and gets its share if none is.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # where that is forbidden
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _one_thread() -> None:
    """Many processes compute at once: each with one thread, whoever would start more."""
    numpy_threads.use_threads(1)
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ[f"{name}_NUM_THREADS"] = "1"  # for libraries that are still to be loaded
    with contextlib.suppress(ImportError):
        importlib.import_module("threadpoolctl").threadpool_limits(1)


def _memory(path: str | None) -> tuple[Memory | None, str | None]:
    if path is None:
        return None, None
    try:
        return Memory(path), None
    except OSError as error:
        return None, str(error)


def _or_else(empty: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """empty, or ordinary memory where it has none."""

    def allocate(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        try:
            return empty(shape, dtype)
        except OSError:
            return np.empty(shape, dtype)

    return allocate


def _failure(error: Exception) -> Failed:
    trace = "".join(traceback.format_exception(error))
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    for candidate in (error, _bare(error)):
        try:
            data = pickle.dumps(candidate)
            if type(pickle.loads(data)) is type(error):
                return Failed(data, kind, str(error), trace)
        except Exception:
            continue
    return Failed(None, kind, str(error), trace)


class _bare:
    """An exception of the same type and text, whose class has a constructor of its own."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        return _remade, (type(self.error), str(self.error))


def _remade(kind: type[Exception], text: str) -> Exception:
    error = kind.__new__(kind)
    error.args = (text,)
    return error
