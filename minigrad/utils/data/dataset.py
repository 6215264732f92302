"""Datasets: samples by index (Dataset), or one after the other (IterableDataset)."""

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from minigrad import ops
from minigrad.dtype import int64
from minigrad.ops.random import Generator, default_generator
from minigrad.tensor import Tensor

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """Samples by index: a subclass defines `__getitem__`, and `__len__` where samplers need it.

    It may define `__getitems__(indices)` as well, which returns a list of samples, where fetching
    many at once is quicker. A subclass that then overrides `__getitem__` alone gets its samples one
    by one. `Dataset[X]` says to type checkers that samples are of type X.

    >>> from minigrad.utils.data import Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> len(Squares() + Squares())
    6
    """

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index)")

    def __add__(self, other: "Dataset[Any]") -> "ConcatDataset[Any]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample]):
    """Samples one after the other, for streams: a subclass defines `__iter__`.

    Workers of a DataLoader share the stream out, batch by batch. A dataset that does this itself,
    by `get_worker_info().num_workers`, is left to it. `replicated = True` in the class says that
    each worker is to give all the samples. fetch.py, Note [Sharing a stream] has more.

    >>> import minigrad
    >>> class Squares(minigrad.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return (i * i for i in range(4))
    >>> [x.tolist() for x in minigrad.utils.data.DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4, 9]]
    """

    replicated = False

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__()")

    def __add__(self, other: Dataset) -> "ChainDataset":  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample i is (x[i], y[i], ...) for tensors x, y, ... of one length; else ValueError.

    >>> import minigrad
    >>> from minigrad.utils.data import TensorDataset
    >>> TensorDataset(minigrad.tensor([1, 2]), minigrad.tensor([3.0, 4.0]))[1]
    (tensor(2), tensor(4.))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: at least one tensor is needed")
        if len({len(tensor) for tensor in tensors}) != 1:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise ValueError(f"TensorDataset: Size mismatch between tensors in dim 0: {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def gather(self, indices: Sequence[int]) -> list[Tensor] | None:
        """What default_collate makes of the samples at `indices`, with one gather for each tensor.
        To be called through at_once.
        """
        return [
            tensor[ops.tensor(indices, dtype=int64, device=tensor.device)]
            for tensor in self.tensors
        ]


class ConcatDataset(Dataset[Sample]):
    """Datasets one after the other. ValueError for none at all, TypeError for an IterableDataset.

    >>> from minigrad.utils.data import ConcatDataset
    >>> ConcatDataset([[1, 2], [3]])[-1]
    3
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError("ConcatDataset: an IterableDataset has no indices; use itertools.chain")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        index = in_range("ConcatDataset", index, len(self))
        which = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]


class ChainDataset(IterableDataset):
    """Streams one after the other; also `stream + stream`. TypeError for a dataset that is none.

    >>> import minigrad
    >>> class Count(minigrad.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(2))
    >>> list(Count() + Count())
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._streams():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._streams())

    def _streams(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(
                    "ChainDataset: only an IterableDataset can be chained, got "
                    f"{type(dataset).__name__}; use ConcatDataset for datasets with indices"
                )
            yield dataset


class StackDataset(Dataset[Sample]):
    """Datasets side by side: sample i is a tuple of their samples i, or a dict if they have names.

    ValueError for none, for both kinds at once, and for different lengths.

    >>> from minigrad.utils.data import StackDataset
    >>> StackDataset("ab", [1, 2])[1], StackDataset(letter="ab", number=[1, 2])[1]
    (('b', 2), {'letter': 'b', 'number': 2})
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError(
                "StackDataset: pass datasets by position, for tuples, or by name, for dicts; got "
                f"{len(args)} by position and {len(kwargs)} by name"
            )
        self.datasets: Any = args or kwargs
        lengths = [len(dataset) for dataset in self._columns()]
        if len(set(lengths)) != 1:
            raise ValueError(f"StackDataset: Size mismatch between datasets: {lengths}")

    def _columns(self) -> Sequence[Any]:
        named = isinstance(self.datasets, dict)
        return list(self.datasets.values()) if named else self.datasets

    def _sample(self, values: Iterable[Any]) -> Any:
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, values, strict=True))
        return tuple(values)

    def __getitem__(self, index: Any) -> Any:
        return self._sample(dataset[index] for dataset in self._columns())

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        columns = [samples_at(dataset, indices) for dataset in self._columns()]
        for column in columns:
            if len(column) != len(indices):
                raise ValueError(
                    "StackDataset: Nested dataset's output size mismatch. Expected "
                    f"{len(indices)}, got {len(column)}"
                )
        return [self._sample(values) for values in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return len(self._columns()[0])


def samples_at(dataset: Any, indices: Sequence[Any]) -> list[Any]:
    """The samples at these indices, all at once where the dataset can do that."""
    take = at_once(dataset, "__getitems__")
    return [dataset[i] for i in indices] if take is None else take(indices)


def at_once(dataset: Any, name: str) -> Callable[[Sequence[Any]], Any] | None:
    """The method of that name, `__getitems__` or `gather`, which fetches many samples at once.

    None where the class has none, and where a subclass of the class that defines it overrides
    how samples are made: the method knows nothing of that.
    """
    used = type(dataset)
    owner = next((base for base in used.__mro__ if name in vars(base)), None)
    if owner is None:
        return None
    for way in {"__getitem__", "__getitems__"} - {name}:
        known = getattr(owner, way, None)
        begins = name == "__getitems__" and known in (None, Dataset.__getitem__)
        if getattr(used, way, None) is not known and not begins:
            return None
    return getattr(dataset, name)


class Subset(Dataset[Sample]):
    """The samples of `dataset` at `indices`, in this order.

    >>> from minigrad.utils.data import Subset
    >>> Subset("abcdef", [4, 0])[0]
    'e'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        return samples_at(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)

    def gather(self, indices: Sequence[int]) -> list[Tensor] | None:
        """As TensorDataset.gather; None where the dataset has no such thing."""
        gather = gather_of(self.dataset)
        return None if gather is None else gather([self.indices[i] for i in indices])


def gather_of(dataset: Any) -> Callable[[Sequence[int]], list[Tensor] | None] | None:
    """The `gather` of TensorDataset or Subset: that of a tensor, a dataset too, is another."""
    return at_once(dataset, "gather") if isinstance(dataset, TensorDataset | Subset) else None


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset]:
    """Subsets of these lengths, without overlap, drawn at random.

    The lengths are counts that sum to the length of the dataset, or shares that sum to 1: these are
    rounded down, and what is left goes to the subsets in turn, one sample each. ValueError
    otherwise.

    >>> from minigrad.utils.data import random_split
    >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    counts = _as_counts(lengths, len(dataset))
    if sum(counts) != len(dataset):
        raise ValueError(
            "random_split: Sum of input lengths does not equal the length of the input dataset: "
            f"{list(lengths)} for {len(dataset)} samples"
        )
    source = generator or default_generator()
    order = ops.randperm(len(dataset), generator=source, device="cpu").tolist()
    ends = list(itertools.accumulate(counts))
    return [
        Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)
    ]


def _as_counts(lengths: Sequence[int | float], size: int) -> list[int]:
    if not (math.isclose(sum(lengths), 1.0) and sum(lengths) <= 1.0 + 1e-9):
        return [int(length) for length in lengths]
    for i, share in enumerate(lengths):
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"random_split: Fraction at index {i} is not between 0 and 1: {share}")
    counts = [math.floor(size * share) for share in lengths]
    for i in range(size - sum(counts)):
        counts[i % len(counts)] += 1
    return counts


def in_range(what: str, index: int, size: int) -> int:
    """`index`, counted from the end where negative; IndexError when there is none such."""
    if not -size <= index < size:
        raise IndexError(f"{what}: index {index} is out of range for length {size}")
    return index % size
