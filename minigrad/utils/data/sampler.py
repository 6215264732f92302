"""Samplers: in which order a DataLoader takes samples, as indices or lists of indices."""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Generic

from minigrad import ops
from minigrad.dtype import float64
from minigrad.ops.random import Generator, default_generator
from minigrad.tensor import Tensor
from minigrad.utils.data.dataset import Sample


class Sampler(Generic[Sample]):
    """Yields indices of samples; subclasses define `__iter__`, and `__len__` if they can.

    `Sampler[int]` says to type checkers what it yields.

    >>> import minigrad
    >>> class Backwards(minigrad.utils.data.Sampler[int]):
    ...     def __iter__(self):
    ...         return iter([2, 1, 0])
    >>> data = [10, 20, 30]
    >>> [x.tolist() for x in minigrad.utils.data.DataLoader(data, sampler=Backwards())]
    [[30], [20], [10]]
    """

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__()")


def shuffler(generator: Generator | None) -> Generator:
    """The generator that orders samples: unless one is given that of the default device, so that a
    program shuffles alike on every device, though the order itself is made on the CPU.
    """
    return generator or default_generator()


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ...

    >>> from minigrad.utils.data import SequentialSampler
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order, a new one each time; drawn independently if `replacement`.

    `num_samples` of them, the length of the data if None. Without replacement, one permutation
    follows the other where that is more. ValueError for a num_samples that is not positive.

    >>> from minigrad.utils.data import RandomSampler
    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got {replacement!r}")
        if num_samples is not None:
            check_positive("num_samples", num_samples)
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many indices there will be."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size = len(self.data_source)
        if self.replacement:
            draws = ops.randint(
                0, size, (self.num_samples,), generator=shuffler(self.generator), device="cpu"
            )
            return iter(draws.tolist())
        return itertools.islice(self._permutations(size), self.num_samples)

    def _permutations(self, size: int) -> Iterator[int]:
        while size:
            order = ops.randperm(size, generator=shuffler(self.generator), device="cpu")
            yield from order.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    >>> import minigrad
    >>> sorted(minigrad.utils.data.SubsetRandomSampler([3, 5, 8]))
    [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = ops.randperm(len(self.indices), generator=shuffler(self.generator), device="cpu")
        return (self.indices[i] for i in order.tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, each i with a probability proportional to weights[i].

    >>> from minigrad.utils.data import WeightedRandomSampler
    >>> list(WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        check_positive("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got {replacement!r}")
        values = weights.tolist() if isinstance(weights, Tensor) else list(weights)
        self.weights = ops.tensor(values, dtype=float64, device="cpu")
        if self.weights.ndim != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        draws = ops.multinomial(
            self.weights, self.num_samples, self.replacement, generator=shuffler(self.generator)
        )
        return iter(draws.tolist())

    def __len__(self) -> int:
        return self.num_samples


class DistributedSampler(Sampler[int]):
    """The share of process `rank` of `num_replicas`: every num_replicas-th index from rank on.

    `shuffle`: of a permutation that follows from `seed` + epoch alone, so that all processes agree;
    call `set_epoch` at each epoch, or all have the same order. All shares have one length: the
    first indices come again at the end, or the last are left out if `drop_last`. RuntimeError
    without num_replicas and rank (minigrad has no package that knows them), ValueError for a rank
    that there is not.

    >>> from minigrad.utils.data import DistributedSampler
    >>> [list(DistributedSampler("abcde", 2, rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "DistributedSampler: Requires distributed package to be available, which minigrad "
                "has not; pass num_replicas and rank"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"DistributedSampler: Invalid rank {rank}, rank should be in the interval "
                f"[0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        size = len(dataset)
        self.num_samples = size // num_replicas if drop_last else -(-size // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        order: Sequence[int] = range(len(self.dataset))
        if self.shuffle:
            generator = Generator("cpu").manual_seed(self.seed + self.epoch)
            order = ops.randperm(len(order), generator=generator, device="cpu").tolist()
        again = itertools.islice(itertools.cycle(order), self.total_size)
        return itertools.islice(again, self.rank, None, self.num_replicas)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch comes next: the permutation depends on it."""
        self.epoch = epoch


class BatchSampler(Sampler[list[int]]):
    """The indices of `sampler` in lists of `batch_size`; `drop_last`: none that is shorter.

    >>> from minigrad.utils.data import BatchSampler
    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        check_positive("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(
                f"drop_last should be a boolean value, but got drop_last={drop_last!r}"
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        size = len(self.sampler)  # type: ignore[arg-type]
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


def check_positive(name: str, value: int) -> None:
    """Raises ValueError unless `value` is a positive int."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value!r}")
