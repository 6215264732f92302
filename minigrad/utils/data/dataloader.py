"""DataLoader: batches of a dataset, one after the other.

Note [The life of a batch]. A *sampler* decides which samples a batch has, as a list of indices. A
*fetcher* asks the dataset for these, and collates them to arrays. Where there are workers, the
*pool* sends the indices to one of them through a pipe; that one fetches, and puts the arrays into a
slot of the *ring*, memory that both processes see; a small message comes back that says what lies
where; and the parent makes tensors around the memory, without copying it. A file each:

    dataset.py sampler.py collate.py    what a program sees of it
    fetch.py                            from indices to a batch
    seeding.py, info.py                 random numbers; what a worker knows of itself
    packing.py, ring.py                 batches as messages and shared memory
    worker.py, pool.py, start.py        the child; the parent's side; how children are started
    iterate.py                          one epoch: order, progress, the two kinds of iterator
    dataloader.py                       the arguments, and the state between epochs
"""

import multiprocessing
import weakref
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import Any, Generic

from minigrad.ops.random import Generator
from minigrad.utils.data.collate import default_collate, default_convert
from minigrad.utils.data.dataset import IterableDataset, Sample
from minigrad.utils.data.fetch import Recipe
from minigrad.utils.data.iterate import Epoch, Here, Home, Order, Progress, Workers, length
from minigrad.utils.data.pool import Pool
from minigrad.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from minigrad.utils.data.seeding import epoch_seed
from minigrad.utils.data.start import check, context_for, prepare


class DataLoader(Generic[Sample]):
    """Yields `collate_fn([dataset[i] for i in indices])` for the indices of `batch_sampler`.

    That is made from `sampler` (in order, or at random if `shuffle`), `batch_size` and `drop_last`.
    With `batch_size=None` it yields single samples. Raises ValueError for arguments that contradict
    each other, as in PyTorch.

    With `num_workers` > 0 that many processes make the batches, `prefetch_factor` each ahead of the
    loop, and call `worker_init_fn(id)` first. They end with the epoch unless `persistent_workers`.
    `multiprocessing_context` is "fork", "spawn", "forkserver" or a context of multiprocessing;
    start.py, Note [Start methods] says what is the default and why. An exception in a worker comes
    as the same type, with the worker's traceback as a note. RuntimeError when a worker dies, or
    when a batch takes more than `timeout` seconds (0: however long it takes, with a RuntimeWarning
    after 30 that tells what the worker does). `in_order=False` gives batches as they come.
    `pin_memory` changes nothing.

    The batches of an epoch follow from its seed, which is drawn from `generator` or the default
    one: they are the same for any number of workers (seeding.py, Note [Seeds of an epoch]).
    `state_dict` and `load_state_dict` break off an epoch and take it up again.

    The arguments are those of https://docs.pytorch.org/docs/stable/data.html

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
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_context(num_workers, multiprocessing_context)
        if isinstance(dataset, IterableDataset):
            _check_stream(shuffle, sampler, batch_sampler)
        _check_batches(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.drop_last = drop_last
        self.batch_size = None if batch_sampler is not None else batch_size
        self.sampler = self._default_sampler(bool(shuffle)) if sampler is None else sampler
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        batched = batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._progress: Progress | None = None
        self._resumed: Progress | None = None
        self._home = Home(persistent_workers)
        weakref.finalize(self, self._home.close)
        if num_workers:
            prepare(multiprocessing_context)

    @property
    def _recipe(self) -> Recipe:
        batched = self.batch_sampler is not None
        return Recipe(self.dataset, self.collate_fn, batched, self.batch_size, self.drop_last)

    @property
    def _wanted(self) -> Any:
        """What says which samples to fetch: lists of indices, or indices."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _default_sampler(self, shuffle: bool) -> Iterable[Any]:
        if isinstance(self.dataset, IterableDataset):
            return _Endless()
        return RandomSampler(self.dataset) if shuffle else SequentialSampler(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        progress, self._resumed = self._resumed, None
        own = self._generator_of_sampler()
        if progress is None:
            rng = None if own is None else own.get_state()
            progress = Progress(epoch_seed(self.generator), rng=rng)
        elif own is not None and progress.rng is not None:
            own.set_state(progress.rng)
        self._progress = progress
        wanted = self._wanted
        if self._recipe.is_stream:
            order: Iterable[tuple[int, Any]] = enumerate(_Endless())
        else:
            order = Order(wanted, progress)
        if self.num_workers == 0:
            return Here(self._recipe, wanted, order, progress)
        return self._with_workers(order, progress)

    def _generator_of_sampler(self) -> Generator | None:
        """One that a sampler was given: its order does not follow from the seed of the epoch."""
        inner = getattr(self.batch_sampler, "sampler", self.sampler)
        for sampler in (self.batch_sampler, inner):
            if isinstance(own := getattr(sampler, "generator", None), Generator):
                return own
        return None

    def _with_workers(self, order: Iterable[tuple[int, Any]], progress: Progress) -> Epoch:
        ahead = self.num_workers * max(self.prefetch_factor or 0, 1)
        pool = self._home.leave()
        if pool is not None:
            pool.begin(progress.seed)
        else:
            context = context_for(self.multiprocessing_context)
            check(context)
            pool = Pool(
                self._recipe, self.num_workers, context, ahead, self.worker_init_fn, progress.seed
            )
        return Workers(
            self._recipe, self._wanted, order, progress, pool, self._home,
            ahead=ahead, in_order=self.in_order, timeout=self.timeout,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """How far the loop has come in its epoch, as plain values and tensors, for minigrad.save.

        `batches` were given to the loop; the epoch's seed says what the others are. Between epochs
        there is nothing to go on with, and the seed is None. ValueError for an IterableDataset with
        in_order=False, whose batches may come in another order next time.

        >>> from minigrad.utils.data import DataLoader
        >>> loader = DataLoader(range(6), batch_size=2, shuffle=True)
        >>> batches = iter(loader)
        >>> _ = next(batches)
        >>> state = loader.state_dict()
        >>> again = DataLoader(range(6), batch_size=2, shuffle=True)
        >>> again.load_state_dict(state)
        >>> [x.tolist() for x in again] == [x.tolist() for x in batches]
        True
        """
        if self._recipe.is_stream and self.num_workers and not self.in_order:
            raise ValueError(
                "DataLoader: with an IterableDataset and in_order=False an epoch cannot be taken "
                "up again; use in_order=True"
            )
        progress = self._resumed or self._progress
        state: dict[str, Any] = {"seed": None, "batches": 0, "ahead": [], "rng": None}
        if progress is not None and not progress.is_over:
            state["seed"] = progress.seed
            state["batches"] = progress.batches
            state["ahead"] = sorted(progress.ahead)
            state["rng"] = progress.rng
        return state | self._layout()

    def _layout(self) -> dict[str, Any]:
        """What must not change where an epoch is taken up again."""
        sized: Any = self._recipe.dataset if self._recipe.is_stream else self.sampler
        layout: dict[str, Any] = {"batch_size": self.batch_size, "drop_last": self.drop_last}
        layout["length"] = _length(sized)
        if self._recipe.is_stream:  # which may share itself out
            layout["num_workers"] = self.num_workers
        return layout

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Has the next epoch be the rest of the one that state_dict tells of: the batches that
        remained, in their order. An IterableDataset is gone through again up to there.

        ValueError if the batch size, drop_last, the length of the data, or for an IterableDataset
        the number of workers has changed.
        """
        for name, ours in self._layout().items():
            if state_dict[name] != ours:
                raise ValueError(
                    f"DataLoader: cannot take up the epoch: it was begun with {name}="
                    f"{state_dict[name]!r}, and this loader has {name}={ours!r}"
                )
        self._progress = None
        self._resumed = None
        if state_dict["seed"] is not None:
            self._resumed = Progress(
                state_dict["seed"], state_dict["batches"], state_dict["ahead"], state_dict["rng"]
            )

    def __len__(self) -> int:
        """How many batches an epoch has; TypeError for a dataset without a length."""
        return length(self._recipe, self._wanted)


def _length(sized: Any) -> int | None:
    try:
        return len(sized)
    except TypeError:
        return None


class _Endless:
    """The sampler of a stream: indices that nobody looks at."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(f"DataLoader: num_workers should be non-negative, got {num_workers}")
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout option should be non-negative, got {timeout}")
    if prefetch_factor is not None and (num_workers == 0 or prefetch_factor < 0):
        raise ValueError(
            "DataLoader: prefetch_factor should be non-negative, and needs num_workers > 0; got "
            f"prefetch_factor={prefetch_factor} with num_workers={num_workers}"
        )
    if persistent_workers and num_workers == 0:
        raise ValueError("DataLoader: persistent_workers option needs num_workers > 0")


def _check_context(num_workers: int, context: Any) -> None:
    if context is None:
        return
    if num_workers == 0:
        raise ValueError(
            "DataLoader: multiprocessing_context can only be used with num_workers > 0, got "
            f"{context!r} with num_workers=0"
        )
    known = multiprocessing.get_all_start_methods()
    if isinstance(context, str) and context not in known:
        raise ValueError(
            "DataLoader: multiprocessing_context should be a start method of this system, "
            f"{', '.join(known)}; got {context!r}"
        )
    if not isinstance(context, (str, BaseContext)):
        raise TypeError(
            "DataLoader: multiprocessing_context should be a start method's name or a context of "
            f"multiprocessing, got {type(context).__name__}"
        )


def _check_stream(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
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


def _check_batches(
    batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "DataLoader: batch_sampler option is mutually exclusive with batch_size, shuffle, "
                "sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "DataLoader: batch_size=None option disables auto-batching and is mutually exclusive "
            "with drop_last"
        )
