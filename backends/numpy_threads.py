"""Memory and threads for large arrays on the CPU.

Small arrays never come here. For large ones two costs dominate: pages that the system hands out for
fresh memory, and one core doing the work of all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import numpy as np

# The module that is linked with OpenBLAS.
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

# Elements: two float32 operands of this size fit into the cache of a core (1 MiB). Twice that would
# do as well; half costs a quarter more, since threads hand the GIL on after every pass.
CHUNK = 1 << 17
FEW = 1 << 15  # elements, up to which a call of the BLAS through ctypes costs more than it saves


def keep_freed_memory() -> None:
    """Tells malloc to keep what is freed, instead of handing it back to the system.

    Without this every large result is made of fresh pages, each of which the system has to zero at
    its first touch: that takes longer than an addition. Does nothing where there is no glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8
    mallopt(mmap_max, 0)
    mallopt(arena_max, 1)  # or each thread would keep memory of its own
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 1 << 26)


def prepare_thread() -> None:
    """Sets NumPy up for the thread that calls it; a new thread starts with NumPy's defaults.

    1 / 0 and log(0) are legal. And NumPy passes operands that broadcast or have gaps through a
    buffer if it takes up more than one row: a small buffer halves the time where rows are short.
    """
    np.seterr(all="ignore")
    np.setbufsize(1024)


class Workers:
    """Threads that share loops with their caller; asleep while there is nothing to do."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Starts anew: a forked child has none of its parent's threads."""
        self.tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()

    def end(self) -> None:
        """Ends the threads, once they have done what they are at; the next loop starts others.
        Before a fork: so OpenBLAS does with its own, and what is forked has one thread."""
        with self.lock:
            for _ in self.threads:
                self.tasks.put(None)
            while self.threads:
                self.threads.pop().join()

    def run(self, body: Callable[[int], None], n: int) -> None:
        """for i in range(n): body(i), in any order and on all cores; body must release the GIL."""
        helpers = min(CORES, n) - 1
        if helpers < 1 or getattr(inside, "loop", False):
            for i in range(n):
                body(i)
            return
        self.start(helpers)
        loop = Loop(body, n)
        with blas.one_thread():
            for _ in range(helpers):
                self.tasks.put(loop.help)
            loop.work()

    def start(self, count: int) -> None:
        with self.lock:
            while len(self.threads) < count:
                thread = threading.Thread(target=self.serve, args=(self.tasks,), daemon=True)
                thread.start()
                self.threads.append(thread)

    def serve(self, tasks: SimpleQueue[Callable[[], None] | None]) -> None:
        inside.loop = True
        prepare_thread()
        while (task := tasks.get()) is not None:
            task()


class Loop:
    """One loop under way: whoever is free takes the next index."""

    def __init__(self, body: Callable[[int], None], n: int) -> None:
        self.body, self.n = body, n
        self.indices = iter(range(n))  # no two threads are given the same
        self.finished: SimpleQueue[Exception | None] = SimpleQueue()

    def work(self) -> None:
        """The part of the caller, until all is done. A helper that has not come to the loop by
        then is not waited for: it will find nothing left."""
        rest = self.n
        for i in self.indices:
            self.body(i)
            rest -= 1
        for _ in range(rest):
            error = self.finished.get()
            if error is not None:
                raise error

    def help(self) -> None:
        for i in self.indices:
            error = None
            try:
                self.body(i)
            except Exception as exception:
                error = exception
            self.finished.put(error)


def in_chunks(body: Callable[..., None], *arrays: np.ndarray) -> None:
    """body(*arrays), piece by piece along the first axis, which all arrays share.

    A body of several passes then finds its intermediate results in the cache, and large arrays are
    shared out over the cores. The pieces depend on the shapes alone, so results are reproducible.
    """
    size = arrays[0].size
    if size <= CHUNK:
        body(*arrays)
        return
    rows = arrays[0].shape[0]
    step = max(1, CHUNK * rows // size)

    def piece(i: int) -> None:
        body(*[a[i * step:(i + 1) * step] for a in arrays])

    workers.run(piece, -(-rows // step))


LINE = 64  # bytes of a line of the cache


def copied(x: np.ndarray) -> np.ndarray:
    """A copy of x in row-major order."""
    if x.size <= FEW or x.flags.c_contiguous:
        return x.copy()
    out = np.empty(x.shape, x.dtype)
    assign(out, x)
    return out


def assign(out: np.ndarray, x: np.ndarray) -> None:
    """out[...] = x, which is cast and broadcast as need be.

    A transposed x is read in strips. NumPy would write row by row, and for every row read a number
    from each of as many lines of the cache: by the time the next row wants their next numbers, they
    are gone. A strip has so few columns that its lines are still there."""
    if (out.size <= FEW or x.shape != out.shape or not is_turned(x)
            or np.may_share_memory(out, x)):
        np.copyto(out, x, "unsafe")
        return
    width = LINE // x.itemsize

    def strip(i: int) -> None:
        columns = slice(i * width, (i + 1) * width)
        np.copyto(out[..., columns], x[..., columns], "unsafe")

    workers.run(strip, -(-x.shape[-1] // width))


def is_turned(x: np.ndarray) -> bool:
    """Whether neighbours in memory lie along another axis than the last, and the numbers of a row
    on more lines than stay in the cache, or on lines that get into each other's way there."""
    *others, last = x.strides
    columns = x.shape[-1]
    return (columns > 256 or (columns > 16 and last % 4096 == 0)) and abs(last) >= LINE and any(
        0 < abs(stride) < LINE for stride in others)


class Blas:
    """What NumPy does not pass on of its OpenBLAS: axpy, and the number of threads."""

    def __init__(self) -> None:
        library = ctypes.CDLL(_multiarray_umath.__file__)
        self.axpys: dict[str, Callable[..., None]] = {}
        for char, number in (("f", ctypes.c_float), ("d", ctypes.c_double)):
            axpy = getattr(library, f"scipy_cblas_{'s' if char == 'f' else 'd'}axpy64_", None)
            if axpy is not None:
                integer, pointer = ctypes.c_int64, ctypes.c_void_p
                axpy.argtypes = [integer, number, pointer, integer, pointer, integer]
                axpy.restype = None
                self.axpys[char] = axpy
        self.set_threads = getattr(library, "scipy_openblas_set_num_threads64_", lambda n: None)
        get_threads = getattr(library, "scipy_openblas_get_num_threads64_", lambda: AFFINITY)
        self.threads: int = get_threads()
        self.most_threads = self.threads  # the calling one counts
        self.forget()

    def forget(self) -> None:
        """Starts anew in a forked child, whose parent may have been in a loop."""
        self.loops = 0
        self.lock = threading.Lock()
        self.set_threads(self.threads)

    def axpy(self, a: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        """y += a * x, for arrays of one float type: a 0-d, which NumPy takes faster than a Python
        number, x and y of one shape. Large ones OpenBLAS reads once, on all cores; in two steps of
        NumPy's a product would be written and read again."""
        call = self.axpys.get(y.dtype.char) if x.size >= FEW else None
        # BLAS believes what it is told of the memory. carray says that y may be written, too.
        if (call is not None and x.shape == y.shape and x.dtype == y.dtype
                and x.flags.c_contiguous and y.flags.carray):
            call(x.size, float(a), x.ctypes.data, 1, y.ctypes.data, 1)
        else:
            np.add(y, np.multiply(x, a), y)

    @contextlib.contextmanager
    def one_thread(self) -> Iterator[None]:
        """Inside, a matmul runs on the thread that calls it."""
        with self.lock:
            self.loops += 1
            self.set_threads(1)
        try:
            yield
        finally:
            with self.lock:
                self.loops -= 1
                if self.loops == 0:
                    self.set_threads(self.threads)


AFFINITY = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
blas = Blas()
CORES = min(AFFINITY, blas.threads)  # OpenBLAS heeds OMP_NUM_THREADS, and so do the workers


def threads() -> int:
    """How many threads a loop, or a matmul, is shared out to."""
    return CORES


def use_threads(number: int) -> None:
    """Shares out to so many threads from now on: to one in processes that share the cores."""
    global CORES
    CORES = blas.threads = number
    blas.set_threads(number)


inside = threading.local()
workers = Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=workers.end, after_in_child=workers.forget)
    os.register_at_fork(after_in_child=blas.forget)
