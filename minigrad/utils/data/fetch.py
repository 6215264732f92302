"""Fetching: from indices, or from a stream, to a batch. Runs in a worker, or where there are none.

A fetcher makes batch `number` of an epoch. It knows nothing of processes, except that several may
share a stream.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from minigrad.utils.data.collate import default_collate
from minigrad.utils.data.dataset import IterableDataset, at_once, gather_of
from minigrad.utils.data.info import get_worker_info
from minigrad.utils.data.seeding import SAMPLE, STREAM, Draws, making


class Recipe(NamedTuple):
    """What a fetcher needs: the dataset, and how batches are made of it."""

    dataset: Any
    collate_fn: Callable[[Any], Any]
    batched: bool
    batch_size: int | None
    drop_last: bool

    @property
    def is_stream(self) -> bool:
        """Whether the dataset has no indices."""
        return isinstance(self.dataset, IterableDataset)

    def fetcher(self, seed: int) -> "Samples | Stream":
        """For the epoch of this seed."""
        return Stream(self, seed) if self.is_stream else Samples(self, seed)


class Samples:
    """Batches of a dataset with indices."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.recipe = recipe
        self.seed = seed
        self.draws = Draws()
        self.gather: Callable[[Any], Any] | None = None
        self.take: Callable[[Any], Any] | None = None
        if recipe.batched:
            self.take = at_once(recipe.dataset, "__getitems__")
            if recipe.collate_fn is default_collate:
                self.gather = gather_of(recipe.dataset)

    def batch(self, number: int, indices: Any) -> Any:
        """The batch of these indices, or the sample at this index where there are no batches."""
        with making(self.draws), never_an_end():
            if not self.recipe.batched:
                return self.recipe.collate_fn(self._samples(number, [indices])[0])
            batch = None if self.gather is None else self.gather(indices)
            if batch is not None:
                return batch
            fetch = self._samples if self.take is None else self._taken
            return self.recipe.collate_fn(fetch(number, indices))

    def _samples(self, number: int, indices: list[Any]) -> list[Any]:
        dataset, draws, seed, samples = self.recipe.dataset, self.draws, self.seed, []
        try:
            for place, index in enumerate(indices):
                draws.key = (seed, SAMPLE, number, place)
                samples.append(dataset[index])
        except Exception as error:
            error.add_note(f"DataLoader: raised by dataset[{index!r}], for batch {number}")
            raise
        return samples

    def _taken(self, number: int, indices: list[Any]) -> list[Any]:
        self.draws.key = (self.seed, SAMPLE, number)
        try:
            return self.take(indices)  # type: ignore[misc]
        except Exception as error:
            error.add_note(
                f"DataLoader: raised by dataset.__getitems__({indices!r}), for batch {number}"
            )
            raise


class Stream:
    """Batches of an IterableDataset: all of them, or what is this worker's.

    Note [Sharing a stream]. Every worker has a copy of the dataset and iterates over it. If each
    gave all it finds, samples would come several times. So a worker takes blocks of batch_size
    samples in turn, and skips those of the others: batch b is made by worker b modulo their number,
    and is the very batch that is made without workers. All copies draw the same random numbers
    then, since they must agree on what the stream is. A dataset that reads `num_workers` of
    get_worker_info, itself or in worker_init_fn, shares itself out, as is usual in PyTorch: nothing
    is skipped, and from there on random numbers differ between workers. `replicated = True` in its
    class declares that the copies are meant to be whole.
    """

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.recipe = recipe
        self.seed = seed
        self.draws = Draws((seed, STREAM))
        self.info = get_worker_info()
        self.skips = False
        if self.info is not None:
            self.info.when_claimed(self._differ)
        self.blocks = self._blocks(recipe.batch_size or 1)

    def _differ(self) -> None:
        self.draws.key = (self.seed, STREAM, self.info.id)  # type: ignore[union-attr]

    def _blocks(self, size: int) -> Iterator[list[Any]]:
        """The samples in lists of `size`; of every n-th list where n workers share the stream."""
        samples = iter(self.recipe.dataset)
        # A generator function does nothing until it is asked for a sample: only then is it known
        # whether it shares itself out.
        samples = itertools.chain(list(itertools.islice(samples, 1)), samples)
        before = others = 0
        if self.info is not None and not self.info.claimed:
            self.skips = True
            before, others = self.info.id * size, (self.info.count - 1) * size
        skip(samples, before)
        while block := list(itertools.islice(samples, size)):
            yield block
            skip(samples, others)

    def batch(self, number: int, indices: None) -> Any:
        """The next batch. Raises StopIteration where there is none."""
        with making(self.draws):
            block = next(self.blocks)
            if self.skips and self.info.claimed:  # type: ignore[union-attr]
                raise RuntimeError(
                    "DataLoader: the IterableDataset read get_worker_info().num_workers after its "
                    "first sample, when the stream was shared out already; read it before, or set "
                    "`replicated = True` in its class"
                )
            short = len(block) < (self.recipe.batch_size or 1)
            if short and self.recipe.drop_last:
                raise StopIteration
            with never_an_end():
                return self.recipe.collate_fn(block if self.recipe.batched else block[0])


class never_an_end:
    """Turns a StopIteration into a RuntimeError: let through, it would end the epoch quietly, and
    the rest of the samples would be lost.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None and issubclass(kind, StopIteration):
            raise RuntimeError(
                "DataLoader: StopIteration from the dataset or collate_fn; raise another error "
                "there, since this one means the end of an epoch"
            ) from error


def skip(samples: Iterator[Any], n: int) -> None:
    """Takes n samples and forgets them."""
    deque(itertools.islice(samples, n), maxlen=0)
