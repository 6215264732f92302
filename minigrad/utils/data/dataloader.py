"""DataLoader: batches of a dataset, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minigrad.ops.random import Generator
from minigrad.utils.data.collate import default_collate, default_convert
from minigrad.utils.data.dataset import IterableDataset, Subset, TensorDataset
from minigrad.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler


class DataLoader:
    """Yields `collate_fn([dataset[i] for i in indices])` for the indices of `batch_sampler`.

    That is made from `sampler` (in order, or at random if `shuffle`), `batch_size` and `drop_last`.
    With `batch_size=None` it yields single samples. Everything happens in this process: worker
    processes (num_workers > 0) come later, NotImplementedError. `pin_memory` changes nothing.

    Raises ValueError for arguments that contradict each other, as in PyTorch.

    >>> import minigrad
    >>> from minigrad.utils.data import DataLoader, TensorDataset
    >>> data = TensorDataset(minigrad.arange(5), minigrad.arange(5) * 10)
    >>> for x, y in DataLoader(data, batch_size=2):
    ...     print(x, y)
    tensor([0, 1]) tensor([ 0, 10])
    tensor([2, 3]) tensor([20, 30])
    tensor([4]) tensor([40])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        _check_worker_options(
            num_workers, timeout, multiprocessing_context, prefetch_factor, persistent_workers
        )
        self.dataset = dataset
        self.num_workers = 0
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self._is_stream = isinstance(dataset, IterableDataset)
        if self._is_stream:
            _check_stream_options(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "DataLoader: batch_sampler option is mutually exclusive with batch_size, "
                    "shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "DataLoader: batch_size=None option disables auto-batching and is mutually "
                "exclusive with drop_last"
            )
        if sampler is None:
            sampler = self._default_sampler(bool(shuffle))
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        batched = batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)

    def _default_sampler(self, shuffle: bool) -> Iterable[Any]:
        if self._is_stream:
            return _Endless()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        if self._is_stream:
            return self._stream()
        if self.batch_sampler is None:
            return (self.collate_fn(self.dataset[index]) for index in self.sampler)
        return map(self._batch, self.batch_sampler)

    def _stream(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        if self.batch_sampler is None:
            yield from map(self.collate_fn, samples)
            return
        for indices in self.batch_sampler:
            # zip asks for an index first, so that no sample is taken and then lost.
            batch = [sample for _, sample in zip(indices, samples, strict=False)]
            if not batch or (self.drop_last and len(batch) < len(indices)):
                return
            yield self.collate_fn(batch)

    def _batch(self, indices: list[Any]) -> Any:
        if self.collate_fn is default_collate:
            known = isinstance(self.dataset, TensorDataset | Subset)
            batch = self.dataset.gather(indices) if known else None
            if batch is not None:
                return batch
        fetch = getattr(self.dataset, "__getitems__", None)
        if fetch is not None:
            return self.collate_fn(fetch(indices))
        return self.collate_fn([self.dataset[index] for index in indices])

    def __len__(self) -> int:
        """How many batches an epoch has; TypeError for a dataset without a length."""
        if not self._is_stream:
            batches: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
            return len(batches)
        size = len(self.dataset)
        if self.batch_size is None:
            return size
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


class _Endless:
    """The sampler of a stream: indices that nobody looks at."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _check_worker_options(
    num_workers: int,
    timeout: float,
    multiprocessing_context: Any,
    prefetch_factor: int | None,
    persistent_workers: bool,
) -> None:
    if num_workers < 0:
        raise ValueError(f"DataLoader: num_workers should be non-negative, got {num_workers}")
    if num_workers > 0:
        raise NotImplementedError(
            f"DataLoader: worker processes come later; use num_workers=0, got {num_workers}"
        )
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout option should be non-negative, got {timeout}")
    for name, value in (
        ("multiprocessing_context", multiprocessing_context),
        ("prefetch_factor", prefetch_factor),
        ("persistent_workers", persistent_workers or None),
    ):
        if value is not None:
            raise ValueError(f"DataLoader: {name} needs num_workers > 0, got {value!r}")


def _check_stream_options(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    for name, value in (
        ("shuffle", shuffle or None),
        ("sampler", sampler),
        ("batch_sampler", batch_sampler),
    ):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value!r}; the dataset itself decides the order"
            )
