"""Random numbers: a pure function of a seed and a position, the same on every backend.

Note [Randomness, above the kernels]. A Generator is two numbers: a seed, and an offset that says
how much of the seed's sequence has been used. To draw is to hand (seed, offset) to a kernel, as 0-d
arrays, and to add to the offset what the draw has used: kernels keep no state. backends/base.py
says what the numbers are, and how many blocks of them a draw takes. Each device has a default
generator; manual_seed sets all of them. A lock makes a draw safe between threads; which thread gets
which blocks depends on their order, so give each thread a Generator where that matters.

The two arrays lie on the device that draws, and the offset is counted there, by a kernel: a draw
waits for no device, and a recorded program counts on at every replay (device.py, Note [State]).
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad import device as devices
from minigrad import dtype as dtypes
from minigrad.autograd import batch, inplace
from minigrad.autograd.mode import no_grad
from minigrad.backends.base import random_blocks
from minigrad.device import Device
from minigrad.layout import check_format, preserve_format
from minigrad.ops.create import shape_of
from minigrad.tensor import Tensor, wrap

WORD = 2**64


def _unforeseen() -> int:
    """63 random bits from the operating system."""
    return int.from_bytes(os.urandom(8), "little") >> 1


class Generator:
    """A source of random numbers of its own: a seed, and how much of its sequence was used.

    `device` is where it starts to count, the default device where not given. A generator serves
    tensors of every device, with the same numbers.

    >>> import minigrad
    >>> g = minigrad.Generator().manual_seed(0)
    >>> minigrad.equal(minigrad.rand(2, generator=g), minigrad.rand(2, generator=g.manual_seed(0)))
    True
    """

    def __init__(self, device: Any = None) -> None:
        self.device = devices.resolve(device)
        self._lock = threading.Lock()
        # PyTorch's: a generator without a seed starts the same always
        self._start(67280421310721)

    def __reduce__(self) -> Any:
        """A copy of its own, at the same place of the sequence."""
        with self._lock:
            return _copied, (self.device, *self._read())

    def _start(self, seed: int) -> Generator:
        """Makes the two arrays: the start of a sequence."""
        self._place = self.device
        self._seed, self._offset = map(self._place.bare.from_host, _as_arrays(seed, 0))
        return self

    def manual_seed(self, seed: int) -> Generator:
        """Starts the sequence of `seed`, an integer of 64 bits; a negative one counts from 2^64.
        Returns the generator.
        """
        self._write(_checked_seed(seed), 0)
        return self

    def seed(self) -> int:
        """Starts a sequence that cannot be foreseen, and returns its seed."""
        seed = _unforeseen()
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed of the sequence."""
        with self._lock:
            return self._read()[0]

    def get_state(self) -> Tensor:
        """Seed and offset as 16 bytes, for set_state."""
        with self._lock:
            words = np.array(self._read(), "<u8")
        cpu = devices.resolve("cpu")
        return wrap(cpu.backend.from_host(words.view(np.uint8)), cpu)

    def set_state(self, new_state: Tensor) -> Generator:
        """Goes back to where the sequence was at get_state."""
        if new_state.dtype is not dtypes.uint8 or new_state.numel() != 16:
            raise RuntimeError(
                "set_state(): expected the 16 bytes (uint8) that get_state returns, got shape "
                f"{tuple(new_state.shape)} of {new_state.dtype}"
            )
        words = np.ascontiguousarray(new_state.cpu().numpy()).view("<u8")
        self._write(*(int(word) for word in words))
        return self

    def draw(self, kernel: str, blocks: int, device: Device, *args: Any) -> Any:
        """kernel(seed, offset, *args) on the device; it uses the next blocks of the sequence."""
        with self._lock:
            if device is not self._place:
                self._move(device)
            out = getattr(device.backend, kernel)(self._seed, self._offset, *args)
            device.backend.add(self._offset, blocks, self._offset)
        return out

    def bookmark(self) -> tuple[Device, Any, Any]:
        """What get_state returns, left on the device: for return_to."""
        with self._lock:
            copy = self._place.backend.copy
            return self._place, copy(self._seed), copy(self._offset)

    def return_to(self, bookmark: tuple[Device, Any, Any]) -> None:
        """Goes back to where the sequence was at the bookmark."""
        place, seed, offset = bookmark
        with self._lock:
            if place is not self._place:
                self._move(place)
            place.backend.copy_(self._seed, seed)
            place.backend.copy_(self._offset, offset)

    def _move(self, device: Device) -> None:
        """Has the arrays on this device from now on. For a recorder there they are constants: it
        refuses to replay what another device counts.
        """
        seed, offset = map(device.backend.from_host, _as_arrays(*self._read()))
        self._place, self._seed, self._offset = device, seed, offset

    def _read(self) -> tuple[int, int]:
        """The seed and the offset, on the host."""
        to_host = self._place.backend.to_host
        return int(to_host(self._seed)) % WORD, int(to_host(self._offset)) % WORD

    def _write(self, seed: int, offset: int) -> None:
        with self._lock:
            backend, arrays = self._place.backend, (self._seed, self._offset)
            for array, word in zip(arrays, _as_arrays(seed, offset), strict=True):
                backend.copy_(array, backend.from_host(word))


def _copied(device: Any, seed: int, offset: int) -> Generator:
    generator = Generator(device)
    generator._write(seed, offset)
    return generator


def _as_arrays(seed: int, offset: int) -> list[np.ndarray]:
    """Two words as 0-d arrays of int64, as kernels take them."""
    return [np.array(word, np.uint64).view(np.int64) for word in (seed, offset)]


def _checked_seed(seed: Any) -> int:
    try:
        seed = int(seed)
    except (TypeError, ValueError):
        raise TypeError(f"manual_seed(): expected an int, got {type(seed).__name__}") from None
    if not -(2**63) <= seed < WORD:
        raise RuntimeError(
            f"manual_seed(): Overflow when unpacking long: seed {seed} does not fit into 64 bits"
        )
    return seed % WORD


_generators: dict[Device, Generator] = {}  # the default ones
_generators_lock = threading.Lock()
_first_seed = _unforeseen()  # of default generators that nobody has asked for yet
_local = threading.local()  # what drawing_from has put in their place in this thread


def _begin_as_child() -> None:
    """After a fork: no thread is there that holds a lock, and a device that does not survive it is
    not to be seeded.
    """
    global _generators_lock
    _generators_lock = threading.Lock()
    for place, generator in list(_generators.items()):
        generator._lock = threading.Lock()
        if not getattr(place.bare, "survives_fork", True):
            del _generators[place]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_as_child)


def default_generator(device: Any = None) -> Generator:
    """The generator that is used on `device` where none is given.

    >>> import minigrad
    >>> minigrad.manual_seed(3) is minigrad.ops.random.default_generator()
    True
    """
    source: Callable[[], Generator] | None = getattr(_local, "source", None)
    if source is not None:
        return source()
    place = devices.resolve(device).base  # within vmap, that of all examples
    found = _generators.get(place)
    if found is None:
        with _generators_lock:
            found = _generators.setdefault(place, Generator(place)._start(_first_seed))
    return found


def chosen(generator: Any, device: Device) -> Generator:
    """`generator`, or the default one of the device where it is None; else TypeError."""
    if generator is None:
        return default_generator(device)
    if not isinstance(generator, Generator):
        raise TypeError(
            f"generator must be a minigrad.Generator, got {generator!r} of type "
            f"{type(generator).__name__}; minigrad.Generator().manual_seed(0) makes one"
        )
    return generator


@contextlib.contextmanager
def drawing_from(source: Callable[[], Generator]) -> Iterator[None]:
    """Inside, and in this thread, source() is the default generator of every device.

    >>> import minigrad
    >>> g = minigrad.Generator()
    >>> with minigrad.ops.random.drawing_from(lambda: g):
    ...     x = minigrad.rand(2)
    >>> minigrad.equal(x, minigrad.rand(2, generator=minigrad.Generator()))
    True
    """
    before = getattr(_local, "source", None)
    _local.source = source
    try:
        yield
    finally:
        _local.source = before


def manual_seed(seed: int) -> Generator:
    """Starts the sequence of `seed` on every device; returns the default device's generator.

    >>> import minigrad
    >>> _ = minigrad.manual_seed(0)
    >>> x = minigrad.rand(3)
    >>> _ = minigrad.manual_seed(0)
    >>> minigrad.equal(x, minigrad.rand(3))
    True
    """
    global _first_seed
    seed = _checked_seed(seed)
    with _generators_lock:
        _first_seed = seed
        for generator in _generators.values():
            generator.manual_seed(seed)
    return default_generator()


def seed() -> int:
    """Starts a sequence that cannot be foreseen on every device, and returns its seed.

    >>> import minigrad
    >>> minigrad.seed() == minigrad.initial_seed()
    True
    """
    chosen = _unforeseen()
    manual_seed(chosen)
    return chosen


def initial_seed() -> int:
    """The seed of the default device's generator.

    >>> import minigrad
    >>> _ = minigrad.manual_seed(7)
    >>> minigrad.initial_seed()
    7
    """
    return default_generator().initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default device's generator.

    >>> import minigrad
    >>> state = minigrad.get_rng_state()
    >>> x = minigrad.rand(3)
    >>> minigrad.set_rng_state(state)
    >>> minigrad.equal(x, minigrad.rand(3))
    True
    """
    return default_generator().get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Puts the default device's generator back to a state that get_rng_state returned.

    >>> import minigrad
    >>> state = minigrad.get_rng_state()
    >>> x = minigrad.randn(3)
    >>> minigrad.set_rng_state(state)
    >>> minigrad.equal(x, minigrad.randn(3))
    True
    """
    default_generator().set_state(new_state)


def default_states() -> dict[str, Any]:
    """Where all default generators are, for a checkpoint: goes to set_default_states.

    That of the default device has no name here, so that a program may go on on another one.

    >>> import minigrad
    >>> from minigrad.ops.random import default_states, set_default_states
    >>> states = default_states()
    >>> x = minigrad.rand(3)
    >>> set_default_states(states)
    >>> minigrad.equal(x, minigrad.rand(3))
    True
    """
    main = default_generator()
    with _generators_lock:
        others = {str(place): g for place, g in _generators.items() if g is not main}
        states = {name: g.get_state() for name, g in {"": main, **others}.items()}
        return {"first_seed": _first_seed, "states": states}


def set_default_states(states: dict[str, Any]) -> None:
    """Puts the default generators back to where they were at default_states.

    RuntimeError for those of a device that is not here.

    >>> from minigrad.ops.random import default_states, set_default_states
    >>> set_default_states(default_states())
    """
    manual_seed(states["first_seed"])  # for those that nobody had asked for yet
    for name, state in states["states"].items():
        default_generator(name or None).set_state(state)


# -- draws: distributions with their parameters, then the shape; `generator`, `dtype`, `device` by
# keyword

Shape = tuple[int, ...]


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """A context after which random numbers go on as if nothing had been drawn in it.

    >>> import minigrad
    >>> with minigrad.random.fork_rng():
    ...     x = minigrad.rand(2)
    >>> minigrad.equal(minigrad.rand(2), x)
    True
    """
    generator = default_generator()
    bookmark = generator.bookmark()
    try:
        yield
    finally:
        if enabled:
            generator.return_to(bookmark)


def _draw(
    kernel: str, shape: Shape, dtype: Any, device: Any, generator: Generator | None, *params: Any
) -> Tensor:
    """One call of a random kernel, and the generator moved on by what it used."""
    place = devices.resolve(device)
    if batch.active():
        return _draw_inside(kernel, shape, dtype, place, generator, *params)
    generator = chosen(generator, place)
    blocks = random_blocks(kernel, math.prod(shape), dtype)
    return wrap(generator.draw(kernel, blocks, place, shape, *params, dtype), place)


def _draw_inside(
    kernel: str, shape: Shape, dtype: Any, place: Any, generator: Generator | None, *params: Any
) -> Tensor:
    """Within vmap, whose `randomness` says whether each example gets numbers of its own."""
    different = batch.different()
    place = place.base
    shape = (*(level.size for level in different), *shape)
    generator = chosen(generator, place)
    blocks = random_blocks(kernel, math.prod(shape), dtype)
    out = wrap(generator.draw(kernel, blocks, place, shape, *params, dtype), place)
    for level in different:
        out = batch.batched(out, level)
    return out


def _float_type(name: str, dtype: Any) -> np.dtype:
    found = dtypes.as_numpy(dtype or dtypes.get_default_dtype())
    if found not in dtypes.FLOATS:
        raise NotImplementedError(
            f"{name}(): not implemented for {dtypes.from_numpy(found)}; draw a floating-point "
            "type, or use randint"
        )
    return found


def uniform(
    low: float,
    high: float,
    size: Shape,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Uniform numbers in [low, high): Tensor.uniform_'s distribution.

    >>> import minigrad
    >>> x = minigrad.ops.random.uniform(5, 8, (2, 3))
    >>> x.shape, bool(((x >= 5) & (x < 8)).all())
    (minigrad.Size([2, 3]), True)
    """
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
        )
    x = _draw("uniform", size, _float_type("uniform", dtype), device, generator)
    if high - low != 1.0:
        x.mul_(float(high - low))
    return x if low == 0.0 else x.add_(float(low))


def integers(
    low: int,
    high: int | None,
    size: Shape,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Integers in [low, high), or [0, low) without high: Tensor.random_'s distribution. By default
    all the type holds.

    >>> import minigrad
    >>> x = minigrad.ops.random.integers(5, 8, (2, 3), dtype=minigrad.int64)
    >>> x.shape, bool(((x >= 5) & (x < 8)).all())
    (minigrad.Size([2, 3]), True)
    """
    target = dtypes.as_numpy(dtype or dtypes.int64)
    if high is None:
        low, high = 0, low if low else _beyond(target)
    if not low < high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    return _draw("randint", size, target, device, generator, int(low), int(high))


def _beyond(dtype: np.dtype) -> int:
    """One more than the largest n for which the type holds all of 0 ... n; at most what the kernel
    can draw.
    """
    if dtype.kind == "b":
        return 2
    if dtype.kind == "f":
        return int(2 ** (np.finfo(dtype).nmant + 1)) + 1
    return min(int(np.iinfo(dtype).max) + 1, 2**63 - 1)


def bernoulli_of(
    p: float | Tensor,
    size: Shape,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """1 with probability p, else 0; a tensor p broadcasts to the size.

    >>> import minigrad
    >>> minigrad.ops.random.bernoulli_of(minigrad.tensor([0.0, 1.0]), (2, 2))
    tensor([[0., 1.],
            [0., 1.]])
    """
    inside = bool(((p >= 0) & (p <= 1)).all()) if isinstance(p, Tensor) else 0.0 <= p <= 1.0
    if not inside:
        raise RuntimeError(f"bernoulli: expected probabilities p >= 0 and p <= 1, got {p}")
    fine = isinstance(p, Tensor) and p.dtype is dtypes.float64
    u = uniform(
        0.0,
        1.0,
        size,
        generator=generator,
        dtype=dtypes.float64 if fine else dtypes.float32,
        device=device,
    )
    return (u < p).to(dtype or dtypes.get_default_dtype())


def exponential(lambd: float, size: Shape, **options: Any) -> Tensor:
    """Waiting times, -log(1 - u) / lambd of uniform u: Tensor.exponential_'s distribution, of mean
    1 / lambd. The options are generator, dtype and device.

    >>> import minigrad
    >>> bool((minigrad.zeros(4).exponential_() >= 0).all())
    True
    """
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return _waiting(size, **options) / lambd


def geometric(p: float, size: Shape, *, dtype: Any = None, **options: Any) -> Tensor:
    """How many trials it takes until one of probability p comes true, 1 or more:
    Tensor.geometric_'s distribution.

    >>> import minigrad
    >>> bool((minigrad.zeros(4, dtype=minigrad.int64).geometric_(0.5) >= 1).all())
    True
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    if dtype is dtypes.bool_:
        raise NotImplementedError("geometric_(): not implemented for bool")
    failures = (_waiting(size, **options) / -math.log1p(-p)).floor()
    return (failures + 1).to(dtype or dtypes.get_default_dtype())


def cauchy(median: float, sigma: float, size: Shape, **options: Any) -> Tensor:
    """median + sigma tan(pi (u - 1/2)) of uniform u: Tensor.cauchy_'s distribution.

    >>> import minigrad
    >>> minigrad.zeros(4).cauchy_().shape
    minigrad.Size([4])
    """
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return ((uniform(0.0, 1.0, size, **options) - 0.5) * math.pi).tan() * sigma + median


def log_normal(mean: float, std: float, size: Shape, **options: Any) -> Tensor:
    """e^x of normal x: Tensor.log_normal_'s distribution.

    >>> import minigrad
    >>> bool((minigrad.zeros(4).log_normal_() > 0).all())
    True
    """
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    return normal(mean, std, size, **options).exp()


def _waiting(size: Shape, **options: Any) -> Tensor:
    """-log(1 - u): u is below 1, so that this is finite."""
    return -(-uniform(0.0, 1.0, size, **options)).log1p()


def fill_random(
    x: Tensor, draw: Callable[..., Tensor], *params: Any, generator: Generator | None = None
) -> Tensor:
    """x <- draw(*params), of x's shape and type: what Tensor.normal_, uniform_, bernoulli_ and
    random_ are.

    >>> import minigrad
    >>> x = minigrad.zeros(4, dtype=minigrad.int64)
    >>> x = minigrad.ops.random.fill_random(x, minigrad.ops.random.integers, 5, 8)
    >>> bool(((x >= 5) & (x < 8)).all())
    True
    """
    with no_grad():
        value = draw(*params, x.array.shape, generator=generator, dtype=x.dtype, device=x.device)
    return inplace.copy_(x, value)


# -- PyTorch's functions


def _finish(x: Tensor, requires_grad: bool) -> Tensor:
    return x.requires_grad_() if requires_grad else x


def rand(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1): rand(2, 3) or rand((2, 3)).

    >>> import minigrad
    >>> x = minigrad.rand(2, 3)
    >>> x.shape, bool(((x >= 0) & (x < 1)).all())
    (minigrad.Size([2, 3]), True)
    """
    x = _draw("uniform", shape_of(shape, size), _float_type("rand", dtype), device, generator)
    return _finish(x, requires_grad)


def randn(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers with mean 0 and variance 1: randn(2, 3) or randn((2, 3)).

    >>> import minigrad
    >>> _ = minigrad.manual_seed(0)
    >>> x = minigrad.randn(2, 3)
    >>> _ = minigrad.manual_seed(0)
    >>> x.shape, minigrad.equal(x, minigrad.randn(2, 3))
    (minigrad.Size([2, 3]), True)
    """
    x = _draw("normal", shape_of(shape, size), _float_type("randn", dtype), device, generator)
    return _finish(x, requires_grad)


def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers in [low, high): randint(low, high, size), or randint(high, size) from 0 on.

    >>> import minigrad
    >>> x = minigrad.randint(3, (100,))
    >>> bool(((x >= 0) & (x < 3)).all())
    True
    """
    if high is None or not hasattr(high, "__index__"):
        low, high, size = 0, low, high if size is None else size
    if size is None:
        raise TypeError(
            "randint(): a size is needed: randint(high, size) or randint(low, high, size)"
        )
    if not low < high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    x = integers(low, high, shape_of((size,)), generator=generator, dtype=dtype, device=device)
    return _finish(x, requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0 ... n - 1 in random order: the order of n random 64-bit numbers.

    >>> import minigrad
    >>> minigrad.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    if n < 0:
        raise RuntimeError(f"randperm(): n must be non-negative, got {n}")
    place = devices.resolve(device)
    if batch.active():
        place = place.base
        if batch.different():
            raise NotImplementedError("vmap: randperm has no order of its own for each example")
    generator = chosen(generator, place)
    blocks = random_blocks("random_bits", n, np.dtype(np.int64))
    bits = generator.draw("random_bits", blocks, place, n)
    order = wrap(place.backend.sort(bits, 0, False)[1], place)
    return _finish(order.to(dtype or dtypes.int64), requires_grad)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers with the given mean and standard deviation: numbers with a size, or tensors
    that broadcast.

    >>> import minigrad
    >>> minigrad.normal(minigrad.tensor([1.0, 2.0]), 0.0)
    tensor([1., 2.])
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if bool((std < 0).any()) if isinstance(std, Tensor) else std < 0:
        raise RuntimeError(f"normal expects all elements of std >= 0.0, but found std {std}")
    if size is None:
        if not tensors:
            raise TypeError(
                "normal(): mean and std are numbers, so a size is needed: normal(mean, std, size)"
            )
        size = np.broadcast_shapes(*(x.array.shape for x in tensors))
    if tensors:
        device = device or tensors[0].device
        dtype = dtype or tensors[0].dtype
    with no_grad():
        x = _draw("normal", shape_of((size,)), _float_type("normal", dtype), device, generator)
        for change, value, neutral in ((x.mul_, std, 1.0), (x.add_, mean, 0.0)):
            if isinstance(value, Tensor) or value != neutral:
                change(value if isinstance(value, Tensor) else float(value))
    return _finish(x, requires_grad)


def bernoulli(
    input: Tensor, p: float | Tensor | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that the input holds (or with probability p), else 0; in the input's
    shape and type.

    >>> import minigrad
    >>> minigrad.bernoulli(minigrad.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    chances = input.detach() if p is None else p
    return bernoulli_of(
        chances, input.array.shape, generator=generator, dtype=input.dtype, device=input.device
    )


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """`num_samples` indices a row of `input`, (K,) or (N, K), each with a probability in proportion
    to its weight.

    Without replacement each index is drawn once at most: the weights race, index i arrives after a
    time with the exponential distribution of rate weight[i], and the first ones win.

    >>> import minigrad
    >>> minigrad.multinomial(minigrad.tensor([0.0, 1.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    weights = input.detach()
    _check_multinomial(weights, num_samples, replacement)
    fine = weights if weights.dtype is dtypes.float64 else weights.float()
    shape = fine.array.shape if not replacement else (*fine.array.shape[:-1], num_samples)
    u = uniform(0.0, 1.0, shape, generator=generator, dtype=fine.dtype, device=fine.device)
    if not replacement:
        times = -(-u).log1p() / fine
        return times.topk(num_samples, -1, largest=False).indices
    reached = fine.cumsum(-1)
    backend = fine.device.backend
    targets = u * reached[..., -1:]
    drawn = wrap(backend.searchsorted(reached.array, targets.array, True), fine.device)
    return drawn.minimum(
        _last_positive(fine)
    )  # u * total may round up to total, which no index has reached


def _last_positive(weights: Tensor) -> Tensor:
    """The last index of each row that can be drawn."""
    numbers = wrap(
        weights.device.backend.arange(0, 1, weights.shape[-1], dtypes.int64.numpy), weights.device
    )
    return (numbers * (weights > 0)).amax(-1, keepdim=True)


def _check_multinomial(weights: Tensor, num_samples: int, replacement: bool) -> None:
    if weights.dim() not in (1, 2):
        raise RuntimeError(
            f"multinomial(): prob_dist must be 1 or 2 dim, got shape {tuple(weights.shape)}"
        )
    if weights.array.dtype not in dtypes.FLOATS:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for the input, got: {weights.dtype}"
        )
    if num_samples <= 0:
        raise RuntimeError(f"multinomial(): cannot sample n_sample <= 0 samples, got {num_samples}")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError(
            "multinomial(): cannot sample n_sample > prob_dist.size(-1) samples without "
            f"replacement: {num_samples} of {weights.shape[-1]}"
        )
    if not bool((weights.isfinite() & (weights >= 0)).all()):
        raise RuntimeError(
            "multinomial(): probability tensor contains either `inf`, `nan` or element < 0"
        )
    possible = (weights > 0).sum(-1)
    if bool((possible < (1 if replacement else num_samples)).any()):
        raise RuntimeError(
            "multinomial(): invalid multinomial distribution: the sum of probabilities is 0, or "
            f"without replacement fewer than num_samples={num_samples} of a row are positive"
        )


# -- the same in the shape, type and on the device of another tensor


def _like(
    name: str, x: Tensor, dtype: Any, device: Any, memory_format: Any
) -> dict[str, Any]:
    check_format(name, memory_format)
    return {"dtype": dtype or x.dtype, "device": device or x.device}


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Tensor:
    """Uniform numbers in [0, 1) in the shape, type and on the device of `input`.

    >>> import minigrad
    >>> x = minigrad.rand_like(minigrad.zeros(2, 3))
    >>> x.shape, bool(((x >= 0) & (x < 1)).all())
    (minigrad.Size([2, 3]), True)
    """
    like = _like("rand_like", input, dtype, device, memory_format)
    return rand(input.shape, generator=generator, requires_grad=requires_grad, **like)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Tensor:
    """Normal numbers with mean 0 and variance 1 in the shape, type and on the device of `input`.

    >>> import minigrad
    >>> x = minigrad.randn_like(minigrad.zeros(2, 3, dtype=minigrad.float64))
    >>> x.shape, x.dtype
    (minigrad.Size([2, 3]), minigrad.float64)
    """
    like = _like("randn_like", input, dtype, device, memory_format)
    return randn(input.shape, generator=generator, requires_grad=requires_grad, **like)


def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Tensor:
    """Integers in [low, high), or [0, low), in the shape, type and on the device of `input`.

    >>> import minigrad
    >>> x = minigrad.randint_like(minigrad.zeros(2, 3), 5, 8)
    >>> x.shape, x.dtype, bool(((x >= 5) & (x < 8)).all())
    (minigrad.Size([2, 3]), minigrad.float32, True)
    """
    low, high = (0, low) if high is None else (low, high)
    like = _like("randint_like", input, dtype, device, memory_format)
    return randint(low, high, input.shape, generator=generator, requires_grad=requires_grad, **like)


# fmt: off
__all__ = [
    "Generator", "default_generator", "manual_seed", "seed", "initial_seed", "get_rng_state",
    "set_rng_state", "uniform", "integers", "bernoulli_of", "fill_random", "rand", "randn",
    "randint", "randperm", "normal", "bernoulli", "multinomial", "rand_like", "randn_like",
    "randint_like", "exponential", "geometric", "cauchy", "log_normal",
]
# fmt: on
