"""Random numbers while data is loaded: the same for any number of workers.

Note [Seeds of an epoch]. All chance in an epoch of a DataLoader follows from one number, its seed,
which is drawn from the loader's generator when the epoch begins (from the default one, if it has
none). From it come, as streams of their own,

    the order          what samplers draw from the default generator
    each sample        what `dataset[index]` draws from the default generator, or from sample_rng():
                       a function of the seed and of the sample's place in the epoch
    a stream           what an IterableDataset draws from either
    each worker        `random`, NumPy's global generator, and the generators that the dataset
                       holds: seeded once per worker and epoch

The first three do not know of workers: a batch is the same whoever makes it, and an epoch can be
taken up again from its seed and a count. The last one differs between workers, so that no two draw
the same, and is the same again only for the same number of workers (who take turns, unless
in_order=False); in this process nothing of it is touched. The place and not the index seeds a
sample, because a sampler with replacement may ask for one index twice.
"""

import contextlib
import random
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.random import Generator, default_generator, drawing_from
from minigrad.tensor import Tensor

ORDER, SAMPLE, STREAM, WORKER = range(4)
_local = threading.local()
FEW = 100  # containers of a dataset with more members are data, and not searched for generators


def mixed(*words: int) -> int:
    """63 bits that depend on all the words."""
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def epoch_seed(generator: Generator | None) -> int:
    """Draws the seed of an epoch."""
    source = generator or default_generator()
    return int(ops.randint(0, 2**63 - 1, (1,), generator=source, device="cpu").item())


class Draws:
    """The generators of whatever is being made: a sample, a stream. Made when they are asked for.

    `key` is set at each sample, which costs nothing: few datasets draw at random.
    """

    def __init__(self, key: tuple[int, ...] = ()) -> None:
        self.key = key
        self._generator: Generator | None = None
        self._generator_key: tuple[int, ...] | None = None
        self._rng: np.random.Generator | None = None
        self._rng_key: tuple[int, ...] | None = None

    def generator(self) -> Generator:
        """minigrad's, in the place of the default one."""
        if self._generator is None:
            self._generator = Generator("cpu")
        if self._generator_key != self.key:
            self._generator.manual_seed(mixed(*self.key))
            self._generator_key = self.key
        return self._generator

    def rng(self) -> np.random.Generator:
        """NumPy's: what sample_rng returns."""
        if self._rng is None or self._rng_key != self.key:
            self._rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(self.key)))
            self._rng_key = self.key
        return self._rng


def sample_rng() -> np.random.Generator:
    """The NumPy generator of the sample that is being loaded, for random changes to NumPy arrays.

    What it draws depends on the epoch of the DataLoader and on the sample's place in it, not on who
    loads it: the same for any number of workers. Elsewhere it is one that follows
    `minigrad.manual_seed`.

    >>> import minigrad
    >>> from minigrad.utils.data import DataLoader, Dataset, sample_rng
    >>> class Noise(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return sample_rng().normal()
    >>> _ = minigrad.manual_seed(0)
    >>> first = list(DataLoader(Noise()))
    >>> _ = minigrad.manual_seed(0)
    >>> first == list(DataLoader(Noise()))
    True
    """
    draws: Draws | None = getattr(_local, "draws", None)
    return np.random.default_rng(epoch_seed(None)) if draws is None else draws.rng()


@contextlib.contextmanager
def making(draws: Draws) -> Iterator[None]:
    """Inside, and in this thread, the default generator and sample_rng() are those of `draws`."""
    before = getattr(_local, "draws", None)
    _local.draws = draws
    try:
        with drawing_from(draws.generator):
            yield
    finally:
        _local.draws = before


def seed_worker(seed: int, held: list[Any]) -> None:
    """Seeds what is global in a worker, and the generators that its dataset holds."""
    random.seed(mixed(seed, 0))
    np.random.seed(mixed(seed, 1) % 2**32)
    ops.manual_seed(mixed(seed, 2))
    for i, generator in enumerate(held):
        _reseed(generator, mixed(seed, 3 + i))


def _reseed(generator: Any, seed: int) -> None:
    if isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        bits.state = type(bits)(seed).state
    elif isinstance(generator, np.random.RandomState):
        generator.seed(seed % 2**32)
    elif isinstance(generator, Generator):
        generator.manual_seed(seed)
    else:
        generator.seed(seed)


KINDS = (np.random.Generator, np.random.RandomState, Generator, random.Random)


def held_generators(dataset: Any) -> list[Any]:
    """The generators that a dataset holds, in attributes and short containers however deep."""
    found: list[Any] = []
    seen: set[int] = set()
    waiting = [dataset]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, KINDS):
            found.append(thing)
        else:
            waiting.extend(_members(thing))
    return found


def _members(thing: Any) -> Iterator[Any]:
    if isinstance(thing, (str, bytes, np.ndarray, type, Tensor, ModuleType)):
        return
    if isinstance(thing, (dict, list, tuple)) and len(thing) <= FEW:
        yield from thing.values() if isinstance(thing, dict) else thing
    yield from getattr(thing, "__dict__", {}).values()
