# %% [markdown]
# # 7. A backend of your own, in lists
#
# A backend is one object whose methods are kernels. Everything above it, the gradients, the layers,
# the optimizers, calls these and knows nothing else about arrays. So whoever writes the kernels has
# the whole framework, for a new kind of processor, or for one's own way of keeping numbers.
#
# Here is one in plain Python. Its memory is a list. It is a thousand times slower than NumPy, and
# it trains a network to the same weights.
#
#         layers, losses, optimizers           unchanged
#         ops and their rules                  unchanged
#         base.py: 94 kernels by default       unchanged, made of the core
#               |
#               v    63 core kernels           this lesson
#         a list of numbers
#
# ## An array
#
# An array needs a shape, a type, and a way to be a *view* of another one. Our array is a list, its
# memory, and beside it the places in that list where its elements are. Views are then arithmetic on
# places, which NumPy does for us; the numbers themselves it never sees.

# %%
import functools
import itertools
import math
import operator

import numpy as np

import minigrad
from minigrad import nn, optim
from minigrad.backends.base import Backend, kernel_names
from minigrad.testing import conformance

FLOAT, INT, BOOL = np.dtype(np.float64), np.dtype(np.int64), np.dtype(bool)


def wrapped(number):
    """An integer as 64 bits hold it: past the largest comes the smallest."""
    return (int(number) + 2**63) % 2**64 - 2**63


SUIT = {FLOAT: float, INT: wrapped, BOOL: bool}  # a Python number as one of each type


class Array:
    """Numbers of one type in a list, and the places in it where the elements of this array are."""

    def __init__(self, memory, places, dtype):
        self.memory, self.places, self.dtype = memory, places, dtype
        self.shape = places.shape

    def values(self):
        """The elements in row-major order."""
        return [self.memory[place] for place in self.places.flat]


def new(values, shape, dtype):
    """An array with memory of its own, filled row by row."""
    if dtype not in SUIT:
        raise TypeError(f"lists hold bool, int64 and float64, not {dtype}; convert with .double()")
    memory = list(map(SUIT[dtype], values))
    return Array(memory, np.arange(len(memory)).reshape(shape), dtype)


x = new([1, 2, 3, 4, 5, 6], (2, 3), FLOAT)
transposed = Array(x.memory, x.places.T, FLOAT)
print("memory ", x.memory)
print("places ", x.places.tolist(), "transposed", transposed.places.tolist())
assert transposed.values() == [1, 4, 2, 5, 3, 6] and transposed.memory is x.memory

# %% [markdown]
# ## Elementwise kernels
#
# All of them are one loop with another function inside. `elementwise(n, function)` makes the kernel
# from the function. Operands broadcast, and may be Python numbers; the last argument, `out`, is an
# array to write into.
#
# What remains is what the contract in `backends/base.py` settles: `math` raises errors where arrays
# have infinities and NaN, and Python's integers do not overflow.


# %%
def elementwise(count, function, dtype=None):
    """The kernel that calls a function of `count` numbers once for each element."""

    def kernel(self, *args):
        operands, out = args[:count], (*args, None)[count]
        arrays = [x for x in operands if isinstance(x, Array)]
        shape = np.broadcast_shapes(*[x.shape for x in arrays])
        columns = [
            self.expand(x, shape).values() if isinstance(x, Array) else itertools.repeat(x)
            for x in operands
        ]
        result = new(map(function, *columns), shape, dtype or arrays[-1].dtype)
        return result if out is None else self.copy_(out, result)

    return kernel


def careful(function):
    """A function of `math`: NaN outside of its domain, infinite where it overflows."""

    def call(*numbers):
        try:
            return function(*numbers)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return call


def log(x):
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


def log1p(x):
    return math.log1p(x) if x > -1 else -math.inf if x == -1 else math.nan


def divide(x, y):
    if y:
        return x / y
    return math.copysign(math.inf, x) * math.copysign(1, y) if x and x == x else math.nan


def floor_divide(x, y):
    if isinstance(x, float):
        return x // y if y else divide(x, y)
    return x // refuse_zero(y)


def fmod(x, y):
    if isinstance(x, float):
        return careful(math.fmod)(x, y)
    rest = abs(x) % abs(refuse_zero(y))
    return rest if x >= 0 else -rest


def refuse_zero(y):
    if y == 0:
        raise RuntimeError("ZeroDivisionError")
    return y


def power(x, y):
    if isinstance(x, float) or isinstance(y, float):
        infinite = -math.inf if math.copysign(1, x) < 0 and y % 2 == 1 else math.inf
        try:
            return infinite if x == 0 and y < 0 else math.pow(x, y)
        except OverflowError:
            return infinite
        except ValueError:
            return math.nan
    return pow(x, y, 2**64) if y >= 0 else x ** (y % 2) if abs(x) == 1 else 0


def larger(x, y):
    return x if x > y or x != x else y  # NaN wins: x != x holds for nothing else


def smaller(x, y):
    return x if x < y or x != x else y


# %% [markdown]
# ## Kernels that combine elements
#
# A reduction runs along some axes, an accumulation and a sort along one. All of them work on
# *lines*: rows of places, the axes in question last.


# %%
def lines(x, axes):
    """The places of x as a matrix, with one row for each position on the axes not named."""
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    rows, length = (math.prod(x.shape[axis] for axis in some) for some in (kept, axes))
    return x.places.transpose(*kept, *axes).reshape(rows, length)


def reduced(x, axes, keepdims):
    """The shape of what a reduction leaves."""
    if keepdims:
        return [1 if axis in axes else n for axis, n in enumerate(x.shape)]
    return [n for axis, n in enumerate(x.shape) if axis not in axes]


def reduction(function, *start):
    """The kernel that combines elements two at a time; without a `start` there must be some."""

    def kernel(self, x, axes, keepdims):
        shape, rows = reduced(x, axes, keepdims), lines(x, axes)
        if not start and len(rows) and not rows.shape[1]:
            raise IndexError(f"there is nothing to choose from along an axis of size 0: {x.shape}")
        values = (map(x.memory.__getitem__, row) for row in rows)
        return new([functools.reduce(function, row, *start) for row in values], shape, x.dtype)

    return kernel


def position(choose):
    """The kernel that finds where along an axis the element is that `choose` would take."""

    def kernel(self, x, axis, keepdims):
        axes = (axis,) if x.shape else ()
        best = reduction(choose)(self, x, axes, True).values()
        found = [
            next(k for k, place in enumerate(row) if same(x.memory[place], wanted))
            for row, wanted in zip(lines(x, axes), best, strict=True)
        ]
        return new(found, reduced(x, axes, keepdims), INT)

    return kernel


def same(x, y):
    return x == y or (x != x and y != y)


def accumulation(function):
    """The kernel of all partial results along an axis."""

    def kernel(self, x, axis):
        out = self.copy(x)
        for row in lines(out, (axis,) if x.shape else ()):
            for before, place in itertools.pairwise(row):
                out.memory[place] = SUIT[x.dtype](function(out.memory[before], out.memory[place]))
        return out

    return kernel


# %% [markdown]
# ## The backend
#
# Now the class. `base.py` has a docstring with a loop for every one of these names; what is written
# here are those loops. Views share the list; everything else makes a new one, or writes into `out`.


# %%
class Lists(Backend):
    """All kernels that a backend has to define, in plain Python."""

    name = "lists"

    # -- memory

    def from_host(self, array):
        return new(array.ravel().tolist(), array.shape, array.dtype)

    def to_host(self, x):
        return np.array(x.values(), x.dtype).reshape(x.shape)

    def full(self, shape, value, dtype):
        return new([value] * math.prod(shape), shape, dtype)

    def empty(self, shape, dtype):
        return self.full(shape, 0, dtype)

    def arange(self, start, step, n, dtype):
        return new([start + i * step for i in range(n)], (n,), dtype)

    def copy_(self, dst, src):
        return self.write(dst, dst.places, self.expand(src, dst.shape).values())

    def write(self, out, places, values, add=False):
        suit = SUIT[out.dtype]
        for place, value in zip(places.flat, values, strict=True):
            out.memory[place] = suit(out.memory[place] + value) if add else suit(value)
        return out

    def cast(self, x, dtype):
        return x if x.dtype == dtype else new(x.values(), x.shape, dtype)

    def contiguous(self, x):
        return x if self.is_contiguous(x) else new(x.values(), x.shape, x.dtype)

    # -- views: other places in the same memory

    def look(self, x, places):
        return Array(x.memory, places, x.dtype)

    def strides(self, x):
        return tuple(stride // x.places.itemsize for stride in x.places.strides)

    def view(self, x, shape):
        try:
            return self.look(x, x.places.reshape(shape, copy=False))
        except ValueError:
            return None

    def permute(self, x, axes):
        return self.look(x, x.places.transpose(axes))

    def expand(self, x, shape):
        return self.look(x, np.broadcast_to(x.places, shape))

    def slice(self, x, key):
        return self.look(x, x.places[(*key, ...)])

    def diagonal(self, x, offset, axis1, axis2):
        return self.look(x, x.places.diagonal(offset, axis1, axis2))

    def unfold(self, x, axis, size, step):
        if not x.shape:
            return self.look(x, x.places.reshape(1)[:size])
        windows = np.lib.stride_tricks.sliding_window_view(x.places, size, axis)
        return self.look(x, windows[(slice(None),) * axis + (slice(None, None, step),)])

    # -- elementwise

    neg, abs = elementwise(1, operator.neg), elementwise(1, abs)
    exp, expm1 = elementwise(1, careful(math.exp)), elementwise(1, careful(math.expm1))
    log, log1p = elementwise(1, log), elementwise(1, log1p)
    sqrt = elementwise(1, careful(math.sqrt))
    sin, cos = elementwise(1, careful(math.sin)), elementwise(1, careful(math.cos))
    tanh, erf = elementwise(1, math.tanh), elementwise(1, math.erf)
    floor = elementwise(1, lambda x: math.floor(x) if math.isfinite(x) else x)
    round = elementwise(1, lambda x: round(x) if math.isfinite(x) else x)
    add, sub = elementwise(2, operator.add), elementwise(2, operator.sub)
    mul, div = elementwise(2, operator.mul), elementwise(2, divide)
    floor_divide, fmod = elementwise(2, floor_divide), elementwise(2, fmod)
    pow, atan2 = elementwise(2, power), elementwise(2, math.atan2)
    maximum, minimum = elementwise(2, larger), elementwise(2, smaller)
    eq, lt = elementwise(2, operator.eq, BOOL), elementwise(2, operator.lt, BOOL)
    bitwise_and, bitwise_or = elementwise(2, operator.and_), elementwise(2, operator.or_)
    bitwise_xor = elementwise(2, operator.xor)
    bitwise_left_shift = elementwise(2, lambda x, y: x << y if 0 <= y < 64 else 0)
    bitwise_right_shift = elementwise(2, lambda x, y: x >> (y if 0 <= y < 64 else 63))

    def where(self, condition, x, y, out=None):
        x, y = self._as_arrays(x, y)
        return elementwise(3, lambda c, a, b: a if c else b)(self, condition, x, y, out)

    # -- along axes

    sum, prod = reduction(operator.add, 0), reduction(operator.mul, 1)
    max, min = reduction(larger), reduction(smaller)
    argmax, argmin = position(larger), position(smaller)
    cumsum, cumprod = accumulation(operator.add), accumulation(operator.mul)

    def sort(self, x, axis, descending):
        values, indices = self.copy(x), self.full(x.shape, 0, INT)
        for row in lines(values, (axis,) if x.shape else ()):
            line = [(v != v, v) for v in map(values.memory.__getitem__, row)]  # NaN is largest
            order = sorted(range(len(line)), key=line.__getitem__, reverse=descending)
            for place, k in zip(row, order, strict=True):
                values.memory[place], indices.memory[place] = line[k][1], k
        return values, indices

    # -- indexing: NumPy finds the places

    def places_along(self, x, axis, index):
        """Where in memory the elements are that gather reads and scatter writes."""
        at, places = self.to_host(index), x.places
        if not x.shape:
            at, places = at.reshape(1), places.reshape(1)
        wrong = at[(at < 0) | (at >= places.shape[axis])]
        if wrong.size:
            size = places.shape[axis]
            raise IndexError(f"index {wrong[0]} is out of bounds for an axis of size {size}")
        others = [slice(None if k == axis else n) for k, n in enumerate(at.shape)]
        return np.take_along_axis(places[tuple(others)], at, axis)

    def gather(self, x, axis, index):
        places = self.places_along(x, axis, index)
        return new([x.memory[place] for place in places.flat], index.shape, x.dtype)

    def scatter(self, x, axis, index, src, add=False):
        out = self.copy(x)
        covered = self.slice(src, tuple(slice(n) for n in index.shape))
        return self.write(out, self.places_along(out, axis, index), covered.values(), add)

    def scatter_add(self, x, axis, index, src):
        return self.scatter(x, axis, index, src, add=True)

    def chosen(self, x, indices):
        return x.places[tuple(slice(None) if i is None else self.to_host(i) for i in indices)]

    def index(self, x, indices):
        places = self.chosen(x, indices)
        return new([x.memory[place] for place in places.flat], places.shape, x.dtype)

    def index_put(self, x, indices, values, accumulate, out=None):
        out = x if out is x else self.copy(x) if out is None else self.copy_(out, x)
        places = self.chosen(out, indices)
        return self.write(out, places, self.expand(values, places.shape).values(), accumulate)

    def nonzero(self, x):
        found = [i for i in np.ndindex(x.shape) if x.memory[x.places[i]]]
        return new(itertools.chain.from_iterable(found), (len(found), len(x.shape)), INT)

    # -- matrix products and random numbers

    def matmul(self, x, y):
        lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        xs, ys = (np.broadcast_to(v.places, lead + v.shape[-2:]) for v in (x, y))
        out = []
        for batch in np.ndindex(lead):
            rows = [[x.memory[place] for place in row] for row in xs[batch]]
            columns = [[y.memory[place] for place in column] for column in ys[batch].T]
            out += [sum(map(operator.mul, row, column)) for row in rows for column in columns]
        return new(out, (*lead, x.shape[-2], y.shape[-1]), x.dtype)

    def random_bits(self, seed, offset, n):
        key, counter = (x.values()[0] % 2**64 for x in (seed, offset))
        return new(np.random.Philox(key=key, counter=counter).random_raw(n).tolist(), (n,), INT)


# %% [markdown]
# ## Is it right?
#
# Nobody reads such a class and knows. The conformance suite knows: for every kernel, the defaults
# included, it makes random arrays of every type and memory layout, 0-d and empty ones, NaN and
# infinity, numbers in place of arrays, and compares with an independent reference. Types that a
# backend refuses, by an error that names them, are skipped. Here is a part of it; all of it,
# `conformance.check_backend(Lists())`, takes ten seconds.

# %%
backend = Lists()
some = [*kernel_names()[::4], "max", "argmax", "sort", "matmul", "index_put"]
report = conformance.check_backend(backend, only=some)
print(f"{len(some)} of {len(kernel_names())} kernels: {report}")
assert report.passed > 200 and not report.failed, report.failed

# %% [markdown]
# And would it notice? Python's own `max` takes a NaN or leaves it, depending on where it stands.


# %%
class Careless(Lists):
    max = reduction(max)


report = conformance.check_backend(Careless(), only=["max"])
print("with Python's max:", report.failed[0][1][:120], "...")
assert any("nan" in message for _, message in report.failed)

# %% [markdown]
# ## Train on it
#
# A name makes it a device, and everything is there: gradients, layers, losses, Adam. The same seed
# gives the same random numbers on every backend, so the losses are those of NumPy.

# %%
minigrad.register_backend("lists", lambda index: Lists())
minigrad.set_default_dtype(minigrad.float64)


def learn(name):
    """The losses of a small network that learns which points lie in a circle."""
    minigrad.manual_seed(0)
    with minigrad.device(name):
        points = minigrad.rand(30, 2) * 2 - 1
        inside = (points.norm(dim=1) < 0.8).long()
        net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
        optimizer = optim.Adam(net.parameters(), lr=0.1)
        losses = []
        for _step in range(15):
            loss = nn.functional.cross_entropy(net(points), inside)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


on_lists, on_numpy = learn("lists"), learn("cpu")
for step in (0, 7, 14):
    print(f"step {step:2}: lists {on_lists[step]:.12f}   numpy {on_numpy[step]:.12f}")
assert np.allclose(on_lists, on_numpy, rtol=1e-9, atol=0) and on_lists[-1] < 0.8 * on_lists[0]

# %% [markdown]
# ## Kernel by kernel
#
# Cross entropy, Adam and some ninety others were never written for lists: their defaults in
# `base.py` are made of the core. A backend gets fast by replacing defaults, one at a time, where a
# profile says that it pays, and the suite holds every replacement against the same reference.

# %%
calls = []


class Faster(Lists):
    def linear(self, x, w, b):
        """Rows times rows: no transpose, and the bias in the same pass."""
        calls.append(x.shape)
        rows = [list(map(x.memory.__getitem__, row)) for row in lines(x, (len(x.shape) - 1,))]
        weights = [list(map(w.memory.__getitem__, row)) for row in w.places]
        bias = [0] * len(weights) if b is None else b.values()
        out = [
            sum(map(operator.mul, row, weight), start)
            for row in rows
            for weight, start in zip(weights, bias, strict=True)
        ]
        return new(out, (*x.shape[:-1], len(weights)), x.dtype)


report = conformance.check_backend(Faster(), only=["linear"])
print(f"linear, rewritten: {report}, {len(calls)} calls")
assert report.passed and not report.failed and calls

# %% [markdown]
# ## What to take along
#
# - A backend is a class; its kernels are loops, and `base.py` shows each loop.
# - The core is enough for everything; the rest is speed.
# - The conformance suite decides whether it is right. `python -m minigrad.testing.conformance NAME`
#   runs it on any registered name; a package can register one through the entry-point group
#   `minigrad.backends`.
#
# The real ones are built no differently: `backends/numpy_backend.py` calls NumPy where this calls
# Python, and `backends/opencl/` launches the kernels of the folder `kernels/`.
#
# Try: memory in `array.array("d")` instead of a list. float32, by rounding every result with
# `struct`. A backend on fractions: which ops can then be exact?
