"""Iterating: an epoch of a DataLoader, made in this process or by workers.

Both ways follow the same order of numbered batches, and note in the same Progress which of them the
loop has been given; so an epoch that was broken off goes on where it was, either way.
"""

import time
import warnings
import weakref
from collections import deque
from collections.abc import Iterable
from typing import Any

from minigrad.ops.random import drawing_from
from minigrad.tensor import Tensor
from minigrad.utils.data.fetch import Recipe
from minigrad.utils.data.pool import TICK, Pool, Worker, rebuilt
from minigrad.utils.data.seeding import ORDER, Draws
from minigrad.utils.data.worker import Failed, Packed, Task

PATIENCE = 30.0  # seconds without a batch, after which a loader without a timeout says so


class Progress:
    """How far an epoch is: all batches before `batches` were given to the loop, and those `ahead`
    (which in_order=False lets pass others). `rng` is the state of the sampler's own generator, if
    it has one, when the epoch began.
    """

    def __init__(
        self, seed: int, batches: int = 0, ahead: Iterable[int] = (), rng: Tensor | None = None
    ) -> None:
        self.seed = seed
        self.rng = rng
        self.batches = batches
        self.ahead = set(ahead)
        self.is_over = False

    def __contains__(self, number: int) -> bool:
        return number < self.batches or number in self.ahead

    def took(self, number: int) -> None:
        """The loop was given this batch."""
        self.ahead.add(number)
        while self.batches in self.ahead:
            self.ahead.remove(self.batches)
            self.batches += 1


class Order:
    """What a sampler asks for, numbered, without what was taken before.

    The default generator of the sampler is one of the epoch's own. So its draws do not mix with
    those of the training, whenever they are made: workers have the order read ahead.
    """

    def __init__(self, sampler: Iterable[Any], progress: Progress) -> None:
        self._source = Draws((progress.seed, ORDER)).generator
        self._number = -1
        self._done = Progress(progress.seed, progress.batches, progress.ahead)
        with drawing_from(self._source):
            self._wanted = iter(sampler)

    def __iter__(self) -> "Order":
        return self

    def __next__(self) -> tuple[int, Any]:
        with drawing_from(self._source):
            while True:
                wanted = next(self._wanted)
                self._number += 1
                if self._number not in self._done:
                    return self._number, wanted


def length(recipe: Recipe, wanted: Any) -> int:
    """How many batches an epoch has: what the sampler `wanted` says, or the stream."""
    if not recipe.is_stream:
        return len(wanted)
    size = len(recipe.dataset)
    if recipe.batch_size is None:
        return size
    return size // recipe.batch_size if recipe.drop_last else -(-size // recipe.batch_size)


class Epoch:
    """The iterator of a loader: one epoch, or what is left of it."""

    def __init__(
        self, recipe: Recipe, wanted: Any, order: Iterable[tuple[int, Any]], progress: Progress
    ):
        self.progress = progress
        self._recipe = recipe
        self._wanted = wanted
        self._order = iter(order)
        self._is_stream = recipe.is_stream
        self._repeat = progress.batches if recipe.is_stream else 0

    def __iter__(self) -> "Epoch":
        return self

    def __len__(self) -> int:
        """Of the whole epoch, whatever has been taken of it."""
        return length(self._recipe, self._wanted)

    def __next__(self) -> Any:
        while self._repeat:  # a stream has to be gone through again
            self._repeat -= 1
            self._next()
        number, batch = self._next()
        self.progress.took(self.progress.batches if self._is_stream else number)
        return batch

    def _next(self) -> tuple[int, Any]:
        raise NotImplementedError


class Here(Epoch):
    """Made in this process, when the loop asks for it."""

    def __init__(
        self, recipe: Recipe, wanted: Any, order: Iterable[tuple[int, Any]], progress: Progress
    ):
        super().__init__(recipe, wanted, order, progress)
        self._fetcher = recipe.fetcher(progress.seed)

    def _next(self) -> tuple[int, Any]:
        try:
            number, indices = next(self._order)
            return number, self._fetcher.batch(number, indices)
        except StopIteration:
            self.progress.is_over = True
            raise


class Home:
    """Where the pool of persistent workers waits between the epochs. None waits in one that is
    closed.
    """

    def __init__(self, is_open: bool) -> None:
        self.is_open = is_open
        self.pool: Pool | None = None

    def leave(self) -> Pool | None:
        """The pool that waits here, if there is one, goes to work."""
        pool, self.pool = self.pool, None
        return pool

    def enter(self, pool: Pool) -> None:
        """The work is done."""
        if self.is_open and self.pool is None:
            self.pool = pool
        else:
            pool.shut_down()

    def close(self) -> None:
        """The loader has gone."""
        self.is_open = False
        if self.pool is not None:
            self.pool.shut_down()


class _InWorker(Exception):
    """An exception that a dataset raised in a worker: the epoch can go on after it."""

    def __init__(self, rebuilt: Exception) -> None:
        self.rebuilt = rebuilt


class Workers(Epoch):
    """Made by workers, ahead of the loop by up to `ahead` batches."""

    def __init__(
        self,
        recipe: Recipe,
        wanted: Any,
        order: Iterable[tuple[int, Any]],
        progress: Progress,
        pool: Pool,
        home: Home,
        *,
        ahead: int,
        in_order: bool,
        timeout: float,
    ) -> None:
        super().__init__(recipe, wanted, order, progress)
        self._pool = pool
        self._in_order = in_order
        self._timeout = timeout
        self._ahead = ahead
        self._due: dict[int, tuple[Worker, Task]] = {}  # by number, in the order of the batches
        self._turn = deque(pool.workers)  # those that have something left in their stream
        self._broken_off_by: str | None = None
        self._has_warned = False
        self._end = weakref.finalize(self, home.enter, pool)
        try:
            self._hand_out()
        except BaseException as error:
            self._break_off(error)
            raise

    def _next(self) -> tuple[int, Any]:
        if not self._end.alive:
            raise self._over()
        try:
            return self._delivered()
        except StopIteration:
            self.progress.is_over = True
            self._end()
            raise
        except _InWorker as error:
            raise error.rebuilt from None
        except BaseException as error:  # a death, a time-out, Ctrl-C
            self._break_off(error)
            raise

    def _break_off(self, error: BaseException) -> None:
        """Nobody knows what the workers have been told: there will be others."""
        self._broken_off_by = repr(error)
        self._end.detach()
        self._pool.shut_down()

    def _over(self) -> BaseException:
        if self._broken_off_by is None:
            return StopIteration()
        return RuntimeError(
            f"DataLoader: this epoch was broken off by {self._broken_off_by}; iterate over the "
            "loader again, after load_state_dict(state_dict()) to go on where it was"
        )

    def _delivered(self) -> tuple[int, Any]:
        """The next batch. The workers have new tasks when the loop gets it."""
        while True:
            self._hand_out()
            if not self._due:
                raise StopIteration
            number = self._await()
            each, _ = self._due.pop(number)
            task, reply = self._pool.come.pop(number)
            if isinstance(reply, Packed):
                batch = self._pool.take(task, reply)
                self._hand_out()
                return number, batch
            self._pool.put_back(task)
            if isinstance(reply, Failed):
                doing = f"making batch {number} of indices {task.indices}"
                raise _InWorker(rebuilt(reply, str(each), doing))
            if each in self._turn:
                self._turn.remove(each)

    def _hand_out(self) -> None:
        """Keeps the workers busy."""
        while len(self._due) < self._ahead and self._turn:
            try:
                number, indices = next(self._order)
            except StopIteration:
                self._turn.clear()
                return
            each = self._turn[0]
            if self._in_order:  # so Note [Sharing a stream] counts, and what workers draw follows
                self._turn.rotate(-1)
            else:
                each = min(self._turn, key=lambda worker: len(worker.due))
            self._due[number] = each, self._pool.give(each, number, indices)

    def _await(self) -> int:
        """Waits for a batch that can be given to the loop, and returns its number."""
        begin = time.monotonic()
        while True:
            first = next(iter(self._due))
            if first in self._pool.come:
                return first
            if self._pool.come and not self._in_order:
                return next(iter(self._pool.come))
            waited = time.monotonic() - begin
            left = self._timeout - waited if self._timeout else TICK
            if self._pool.receive(max(0, min(left, TICK))):
                continue
            if left <= 0:
                doing = self._pool.doing(*self._due[first])
                raise RuntimeError(
                    f"DataLoader timed out after {self._timeout} seconds, waiting for {doing}"
                )
            if waited >= PATIENCE and not (self._timeout or self._has_warned):
                self._has_warned = True
                self._warn(waited, self._pool.doing(*self._due[first]))

    def _warn(self, seconds: float, doing: str) -> None:
        warnings.warn(
            f"DataLoader: no batch for {seconds:.0f} seconds, and it goes on waiting, for {doing}\n"
            "With a timeout that is an error",
            RuntimeWarning,
            stacklevel=6,  # where the program asks for a batch
        )
