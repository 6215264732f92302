"""Shared memory: the slots through which batches come from the workers without being copied.

Note [The ring]. The parent makes one file in memory, without a name (memfd_create), and divides it
into slots. A worker opens it through /proc/PID/fd and maps the slot that it is told to use; it
collates into the slot's memory, and sends only a small message that says what lies where. The
parent maps the same memory and makes tensors around it: no byte is copied. When the last array that
views a slot has died, the slot is free again, and never before. There are as many slots as batches
may be under way, and SPARE more for batches in the parent's hands; who keeps more than that gets
copies, so that memory stays bounded and the loader never waits for its user.

Each slot has SPACING bytes of the file's address range, of which only what has been used takes
memory; so a slot can grow in place. Memory is asked for when there is a batch to put there, all of
it at once, by a call that says no where a write to a mapped page would kill the process. As the
file has no name, nothing is left behind when processes die, in whatever way and order: the last one
to go frees it. It does not count against the size of /dev/shm, which is 64 MB in many containers.

Where the system has none of this, or no memory, batches go through a pipe instead.
"""

import errno
import math
import mmap
import os
import weakref
from typing import Any

import numpy as np

SPACING = 1 << 38
SPARE = 2  # the batch in the training loop, and the one before, which its graph may still hold
ALIGNMENT = 64
GRAIN = 1 << 16
POPULATE_READ, POPULATE_WRITE = 22, 23  # advice that Linux takes from 5.14 on
SUPPORTED = hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")


def rounded(n: int, unit: int) -> int:
    """n, or the next multiple of unit."""
    return -(-n // unit) * unit


class Ring:
    """The parent's side: which slots are free, and arrays over those that hold a batch.

    Slot 0 is not for batches: through it the dataset goes to the workers.
    """

    def __init__(self, slots: int) -> None:
        self.fd = os.memfd_create("minigrad-loader", os.MFD_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.free: list[int] = []
        self._count = 1
        self._held: dict[int, Any] = {}
        self._maps: dict[int, mmap.mmap] = {}
        self._close = weakref.finalize(self, os.close, self.fd)
        for _ in range(slots):
            self.add_slot()

    def add_slot(self) -> None:
        """One more that is free."""
        self.free.append(self._count)
        self._count += 1
        os.ftruncate(self.fd, self._count * SPACING)

    def view(self, slot: int, size: int, used: int) -> np.ndarray:
        """The first `used` bytes of a slot of `size`: the base of every array in a batch. The slot
        is free again when it has died, and with it all that view it.
        """
        if len(self._held) >= SPARE:
            self.free.append(slot)
            return self.copy(slot, size, used)
        root = self._root(slot, size, used)
        self._held[slot] = weakref.ref(root, lambda _: self._release(slot))
        return root

    def copy(self, slot: int, size: int, used: int) -> np.ndarray:
        """The same in memory of its own."""
        return self._root(slot, size, used).copy()

    def _root(self, slot: int, size: int, used: int) -> np.ndarray:
        mapping = self._maps.get(slot)
        if mapping is None or len(mapping) < size:
            mapping = self._maps[slot] = _map(self.fd, slot, size, POPULATE_READ)
        return np.frombuffer(mapping, np.uint8, used)

    def _release(self, slot: int) -> None:
        del self._held[slot]
        self.free.append(slot)

    def replace(self, slot: int) -> None:
        """Gives up a slot that a worker still looks into, for a new one."""
        self._maps.pop(slot, None)
        self.add_slot()

    def close(self) -> None:
        """Lets go of the memory; arrays that view it keep what they need."""
        self._maps.clear()
        self._close()


def _map(fd: int, slot: int, size: int, advice: int) -> mmap.mmap:
    """The first `size` bytes of a slot. All pages are entered at once, instead of by a fault for
    each; to write to, they are made where they are not there, and OSError says that there is no
    memory for them. (mmap takes 0 for all that a file could hold.)
    """
    if size <= 0:
        raise ValueError(f"a slot to map must have bytes, got size={size}")
    mapping = mmap.mmap(fd, size, flags=mmap.MAP_SHARED, offset=slot * SPACING)
    try:
        mapping.madvise(advice)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        if advice == POPULATE_WRITE:  # which this system does not know
            os.posix_fallocate(fd, slot * SPACING, size)
    return mapping


class Memory:
    """Memory in slots, for who fills them: hands out arrays in one slot, one after the other, from
    `begin` to `end`; at other times the slot is somebody else's.
    """

    def __init__(self, path: str) -> None:
        self.slot: int | None = None
        self.used = 0
        self._roots: list[tuple[int, np.ndarray]] = []  # address, array over the whole slot
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._maps: dict[int, mmap.mmap] = {}
        self._close = weakref.finalize(self, os.close, self._fd)

    def begin(self, slot: int) -> None:
        """From now on fills this slot, from its start."""
        self.slot = slot
        self.used = 0
        self._roots = []
        if slot in self._maps:
            self._look(self._maps[slot])

    def _look(self, mapping: mmap.mmap) -> None:
        root = np.frombuffer(mapping, np.uint8)
        self._roots.append((root.ctypes.data, root))

    @property
    def size(self) -> int:
        """How large the slot has become."""
        return len(self._roots[-1][1]) if self._roots else 0

    def reserve(self, nbytes: int) -> int:
        """Room for so many bytes: where it begins. OSError where there is no memory for it."""
        if self.slot is None:
            raise OSError("no slot to fill")
        start = rounded(self.used, ALIGNMENT)
        if start + nbytes > self.size:
            self._grow(self.slot, start + nbytes)
        self.used = start + nbytes
        return start

    def _grow(self, slot: int, size: int) -> None:
        """What was handed out before remains valid: both mappings show the same memory."""
        more = size // 8 if slot in self._maps else 0  # what has grown will grow again
        size = rounded(size + more, GRAIN)
        self._maps[slot] = _map(self._fd, slot, size, POPULATE_WRITE)
        self._look(self._maps[slot])

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """np.empty in the slot."""
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes == 0:
            return np.empty(shape, dtype)
        start = self.reserve(nbytes)
        return np.ndarray(shape, dtype, self._roots[-1][1], start)

    def put(self, buffer: np.ndarray) -> tuple[int, int]:
        """Where in the slot these bytes are and how many: copied to it unless they lie there."""
        size = len(buffer)
        if size == 0:
            return 0, 0
        for address, root in self._roots:
            start = buffer.ctypes.data - address
            if start >= 0 and start + size <= len(root):
                return start, size
        start = self.reserve(size)
        self._roots[-1][1][start : start + size] = buffer
        return start, size

    def end(self) -> bool:
        """Whether the slot is left to others: no array in it is alive here."""
        refs = [weakref.ref(root) for _, root in self._roots]
        self.slot, self._roots = None, []
        return not any(ref() is not None for ref in refs)

    def forget(self, slot: int) -> None:
        """Never uses a slot again."""
        self._maps.pop(slot, None)


def open_private(
    path: str, region: tuple[int, int], dtype: str, shape: tuple[int, ...]
) -> np.ndarray:
    """The array in this region of slot 0. What is written into it stays in this process."""
    start, nbytes = region
    before = start % mmap.ALLOCATIONGRANULARITY
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    mapping = mmap.mmap(fd, before + nbytes, access=mmap.ACCESS_COPY, offset=start - before)
    os.close(fd)
    return np.ndarray(shape, dtype, mapping, before)
