"""A backend whose arrays stand for a whole batch of arrays: what vmap computes with.

A `Batched` shows the shape of one example, and holds the examples of all in one array of the
backend underneath, along a first axis of its own. So a program written for one example runs
unchanged, gradients included, and each kernel call computes all examples at once. An array that is
the same for all examples is held once, and has no such axis.

The kernels fall into few families, and need one rule a family, not one each:

    elementwise    the shapes are padded with 1s behind the first axis, so that they broadcast
    along axes     each parameter that says axis, shape or key is told of the axis in front: see
                   _told. What acts on matrices at the end of a shape is told nothing
    products       the first axis is one of the leading axes that broadcast
    images         the first axis and that of the images become one
    all others     their defaults in base.py, which call the kernels above

Where results have a shape that depends on values (nonzero, unique), and where a value is asked for
(to_host), examples cannot share a call: the error names the kernel.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .base import Array, Backend, Shape, kernel_names
from .calls import OUT

INT64 = np.dtype(np.int64)


class Batched:
    """One array for each example, by the shape of one; `inner` has them along axis 0 where
    `varies`, else what all of them are.
    """

    __slots__ = ("backend", "dtype", "inner", "shape", "varies")

    def __init__(self, backend: BatchBackend, inner: Array, varies: bool):
        self.backend, self.inner, self.varies = backend, inner, varies
        self.shape: Shape = tuple(inner.shape)[int(varies) :]
        self.dtype: np.dtype = inner.dtype


class BatchBackend(Backend):
    """The kernels on `Batched` arrays of `size` examples, by those of the backend `inner`. `owner`
    is the device that computes with it.
    """

    def __init__(self, inner: Backend, size: int, owner: Any = None):
        self.inner, self.size, self.name, self.owner = inner, size, inner.name, owner

    # -- arrays

    def array(self, inner: Array, varies: bool) -> Batched:
        return Batched(self, inner, varies)

    def same(self, inner: Array) -> Batched:
        """What is the same for all examples."""
        return Batched(self, inner, False)

    def each(self, inner: Array) -> Batched:
        """One array for each example."""
        return Batched(self, inner, True)

    def owner_of(self, array: Array) -> Any:
        """The device of a Batched array; None for other arrays."""
        return array.backend.owner if isinstance(array, Batched) else None

    def spread(self, x: Batched) -> Array:
        """The examples of x along axis 0, repeated where they are the same."""
        if x.varies:
            return x.inner
        return self.inner.expand(x.inner, (self.size, *x.shape))

    def padded(self, x: Batched, dims: int) -> Array:
        """x.inner, with axes of 1 behind the first one so that each example has so many axes."""
        missing = dims - len(x.shape)
        if not x.varies or missing <= 0:
            return x.inner
        return self.reshape(x.inner, (self.size, *(1,) * missing, *x.shape))

    def reshape(self, inner: Array, shape: Shape) -> Array:
        out = self.inner.view(inner, shape)
        return self.inner.view(self.inner.contiguous(inner), shape) if out is None else out

    def wrapped(self, results: Any, varies: bool) -> Any:
        """What a kernel of the backend underneath returned, as arrays of this one."""
        if isinstance(results, tuple):
            return tuple(self.wrapped(out, varies) for out in results)
        return None if results is None else Batched(self, results, varies)

    # -- memory

    def from_host(self, array: np.ndarray) -> Array:
        return self.same(self.inner.from_host(array))

    def to_host(self, x: Array) -> np.ndarray:
        if x.varies:
            raise self.refusal(
                "a value is asked for (item(), bool(), tolist(), numpy(), or a branch on a "
                "tensor), and each example has its own; use where() in place of a branch"
            )
        return self.inner.to_host(x.inner)

    def empty(self, shape: Shape, dtype: np.dtype) -> Array:
        return self.each(self.inner.empty((self.size, *shape), dtype))  # what comes may differ

    def full(self, shape: Shape, value: Any, dtype: np.dtype) -> Array:
        return self.same(self.inner.full(shape, value, dtype))

    def arange(self, start: Any, step: Any, n: int, dtype: np.dtype) -> Array:
        return self.same(self.inner.arange(start, step, n, dtype))

    def strides(self, x: Array) -> Shape:
        return self.inner.strides(x.inner)[int(x.varies) :]

    def is_contiguous(self, x: Array) -> bool:
        return self.inner.is_contiguous(x.inner)

    def synchronize(self) -> None:
        self.inner.synchronize()

    def copy_(self, dst: Array, src: Array) -> Array:
        self.inner.copy_(self.writable("copy_", dst, src), self.padded(src, len(dst.shape)))
        return dst

    def writable(self, name: str, out: Batched, *read: Any) -> Array:
        """out.inner, which a kernel that reads these arrays is going to write to."""
        if not out.varies and any(isinstance(x, Batched) and x.varies for x in read):
            raise self.refusal(
                f"{name} writes in place to a tensor that is the same for all examples, what "
                "differs between them; write out of place, or clone a tensor that differs"
            )
        return out.inner

    def refusal(self, why: str) -> RuntimeError:
        return RuntimeError(f"vmap: {why}")

    # -- views

    def permute(self, x: Array, axes: Shape) -> Array:
        if x.varies:
            axes = (0, *[axis + 1 for axis in axes])
        return Batched(self, self.inner.permute(x.inner, axes), x.varies)

    def expand(self, x: Array, shape: Shape) -> Array:
        inner = self.padded(x, len(shape))
        shape = (self.size, *shape) if x.varies else shape
        return Batched(self, self.inner.expand(inner, shape), x.varies)

    # -- contractions

    def matmul(self, x: Array, y: Array) -> Array:
        if x.varies and not y.varies and len(y.shape) == 2:
            rows = math.prod(x.inner.shape[:-1])  # one large product is faster than many small ones
            out = self.inner.matmul(self.reshape(x.inner, (rows, x.shape[-1])), y.inner)
            return self.each(self.reshape(out, (*x.inner.shape[:-1], y.shape[-1])))
        dims = max(len(x.shape), len(y.shape))
        out = self.inner.matmul(self.padded(x, dims), self.padded(y, dims))
        return Batched(self, out, x.varies or y.varies)

    def linear(self, x: Array, w: Array, b: Array | None) -> Array:
        if not w.varies and (b is None or not b.varies):
            bias = None if b is None else b.inner
            return Batched(self, self.inner.linear(x.inner, w.inner, bias), x.varies)
        n = len(w.shape)
        row = x if len(x.shape) > 1 else self.view(x, (1, *x.shape))
        out = self.matmul(row, self.permute(w, (*range(n - 2), n - 1, n - 2)))
        out = self.view(out, (*x.shape[:-1], w.shape[0]))
        return out if b is None else self.add(out, b)

    # -- images: independent along their first axis

    def conv(self, x: Array, w: Array, *rest: Any) -> Array:
        if w.varies:
            return super().conv(x, w, *rest)
        return self.joined(lambda x: self.inner.conv(x, w.inner, *rest), x)

    def conv_input(self, g: Array, w: Array, x_shape: Shape, *rest: Any) -> Array:
        if w.varies:
            return super().conv_input(g, w, x_shape, *rest)
        image = x_shape[1:]
        return self.joined(
            lambda g: self.inner.conv_input(g, w.inner, (g.shape[0], *image), *rest), g
        )

    def max_pool(self, x: Array, size: Shape, stride: Shape, padding: Any, dilation: Shape,
                 out_shape: Shape) -> tuple[Array, Array]:
        def kernel(x: Array) -> tuple[Array, Array]:
            shape = (x.shape[0], *out_shape[1:])
            return self.inner.max_pool(x, size, stride, padding, dilation, shape)

        values, indices = self.joined(kernel, x)
        return values, indices

    def avg_pool(self, x: Array, size: Shape, stride: Shape, padding: Any, out_shape: Shape,
                 *rest: Any) -> Array:
        return self.joined(
            lambda x: self.inner.avg_pool(
                x, size, stride, padding, (x.shape[0], *out_shape[1:]), *rest), x)

    def joined(self, kernel: Callable[..., Any], x: Batched) -> Any:
        """kernel(x) where the first axis and the axis of the images are one."""
        if not x.varies:
            return self.wrapped(kernel(x.inner), False)
        shape = (self.size * x.shape[0], *x.shape[1:])
        found = kernel(self.reshape(x.inner, shape))
        outs = found if isinstance(found, tuple) else (found,)
        apart = tuple(
            self.each(self.reshape(out, (self.size, x.shape[0], *out.shape[1:]))) for out in outs
        )
        return apart if isinstance(found, tuple) else apart[0]

    # -- indexing, where the order of axes depends on which have an index

    def index(self, x: Array, indices: Sequence[Array | None]) -> Array:
        if not any(index is not None and index.varies for index in indices):
            plain = [None if index is None else index.inner for index in indices]
            if not x.varies:
                return self.same(self.inner.index(x.inner, plain))
            out = self.inner.index(x.inner, [None, *plain])
            return self.each(self._first(out, 0 if _are_neighbours(indices) else _width(indices)))
        out = self.inner.index(self.spread(x), self._numbered(indices))
        at = _place(indices)
        if at:  # the axes of the indices stand behind `at` others, and not in front of them
            width = _width(indices)
            order = (*range(1 + width, 1 + width + at), *range(1, 1 + width))
            rest = range(1 + width + at, len(out.shape))
            out = self.inner.permute(out, (0, *order, *rest))
        return self.each(out)

    def index_put(self, x: Array, indices: Sequence[Array | None], values: Array,
                  accumulate: bool, out: Array = None) -> Array:
        if out is not None:
            self.writable("index_put", out, x, values, *indices)
        if not any(a.varies for a in (x, values, *indices) if a is not None):
            plain = [None if index is None else index.inner for index in indices]
            target = None if out is None else out.inner
            found = self.inner.index_put(x.inner, plain, values.inner, accumulate, target)
            return self.same(found) if out is None else out
        shape = self._indexed_shape(x, indices)
        values = self.expand(values, shape)
        at, width = _place(indices), _width(indices)
        if at:
            order = (*range(at, at + width), *range(at), *range(at + width, len(shape)))
            values = self.permute(values, order)
        found = self.inner.index_put(
            self.spread(x), self._numbered(indices), self.spread(values), accumulate,
            None if out is None else out.inner)
        return self.each(found) if out is None else out

    def _numbered(self, indices: Sequence[Array | None]) -> list[Array | None]:
        """The indices, with one in front that is the number of the example."""
        width = _width(indices)
        number = self.inner.arange(0, 1, self.size, INT64)
        each = [None if index is None else self.padded(index, width) for index in indices]
        return [self.reshape(number, (self.size, *(1,) * width)), *each]

    def _indexed_shape(self, x: Batched, indices: Sequence[Array | None]) -> Shape:
        chosen = np.broadcast_shapes(*[index.shape for index in indices if index is not None])
        given = [*indices, *[None] * (len(x.shape) - len(indices))]
        rest = [n for n, index in zip(x.shape, given, strict=True) if index is None]
        at = _place(indices)
        return (*rest[:at], *chosen, *rest[at:])

    def _first(self, out: Array, axis: int) -> Array:
        """The axis of the examples brought to the front."""
        order = (axis, *[i for i in range(len(out.shape)) if i != axis])
        return out if axis == 0 else self.inner.permute(out, order)

    def index_select(self, x: Array, axis: int, index: Array) -> Array:
        if index.varies or not x.shape:
            return super().index_select(x, axis, index)
        out = self.inner.index_select(x.inner, axis + x.varies, index.inner)
        return Batched(self, out, x.varies)

    def cat(self, xs: Sequence[Array], axis: int) -> Array:
        if not any(x.varies for x in xs):
            return self.same(self.inner.cat([x.inner for x in xs], axis))
        return self.each(self.inner.cat([self.spread(x) for x in xs], axis + 1))


def _are_neighbours(indices: Sequence[Any]) -> bool:
    given = [i for i, index in enumerate(indices) if index is not None]
    return given == list(range(given[0], given[0] + len(given)))


def _place(indices: Sequence[Any]) -> int:
    """Behind how many other axes those of the indices stand in the result."""
    first = next(i for i, index in enumerate(indices) if index is not None)
    return first if _are_neighbours(indices) else 0


def _width(indices: Sequence[Any]) -> int:
    """How many axes the indices have together."""
    return max(len(index.shape) for index in indices if index is not None)


# -- the families


def _elementwise(name: str) -> Callable[..., Any]:
    """The kernels that take out=."""
    position = OUT[name]
    assert position is not None

    def kernel(self: BatchBackend, *args: Any, out: Any = None) -> Any:
        if len(args) > position:
            out, args = args[position], args[:position]
        arrays = [x for x in args if isinstance(x, Batched)]
        dims = max(len(x.shape) for x in arrays)
        inner = [self.padded(x, dims) if isinstance(x, Batched) else x for x in args]
        if out is None:
            found = getattr(self.inner, name)(*inner)
            return Batched(self, found, any(x.varies for x in arrays))
        target = self.writable(name, out, *args)
        if out.varies and not any(x.varies for x in arrays):
            at = next(i for i, x in enumerate(args) if isinstance(x, Batched))
            inner[at] = self.inner.expand(inner[at], tuple(target.shape))
        getattr(self.inner, name)(*inner, target)
        return out

    return kernel


def _along_axes(name: str) -> Callable[..., Any]:
    """The kernels whose parameters say axis, axes, shape, key or widths, or that act on the last
    axes.
    """
    names = list(inspect.signature(getattr(Backend, name)).parameters)[1:]
    has_axis = "axis" in names

    def kernel(self: BatchBackend, *args: Any) -> Any:
        arrays = [x for x in args if isinstance(x, Batched)]
        if not any(x.varies for x in arrays):
            plain = [x.inner if isinstance(x, Batched) else x for x in args]
            return _itself(self.wrapped(getattr(self.inner, name)(*plain), False), arrays[0])
        told = [
            self.spread(x) if isinstance(x, Batched) else _told(parameter, x, self.size)
            for parameter, x in zip(names, args, strict=True)
        ]
        if has_axis and not arrays[0].shape:
            return _of_numbers(self, name, told)
        return _itself(self.wrapped(getattr(self.inner, name)(*told), True), arrays[0])

    return kernel


def _itself(out: Any, x: Batched) -> Any:
    """out, or x where they hold the same: a cast to the type that x has already is x itself."""
    return x if isinstance(out, Batched) and out.inner is x.inner else out


def _told(parameter: str, value: Any, size: int) -> Any:
    """A parameter's value, where there is an axis of `size` in front."""
    if parameter in ("axis", "axis1", "axis2"):
        return value + 1
    if parameter == "axes":
        return tuple(axis + 1 for axis in value)
    if parameter == "shape":
        return (size, *value)
    if parameter == "key":
        return (slice(0, size, 1), *value)
    return ((0, 0), *value) if parameter == "widths" else value


def _of_numbers(self: BatchBackend, name: str, told: list[Any]) -> Any:
    """A kernel along the axis that 0-d examples have not: it gets one of size 1."""
    lines = [self.reshape(x, (self.size, 1)) if hasattr(x, "dtype") else x for x in told]
    found = getattr(self.inner, name)(*lines)
    outs = found if isinstance(found, tuple) else (found,)
    flat = tuple(self.each(self.reshape(out, (self.size, *out.shape[2:]))) for out in outs)
    return flat if isinstance(found, tuple) else flat[0]


def _of_one_shape(name: str) -> Callable[..., Any]:
    """The kernels that give each example a result of another shape."""

    def kernel(self: BatchBackend, x: Batched) -> Any:
        if x.varies:
            raise self.refusal(
                f"{name} gives a result whose shape depends on the values, which differ between "
                "the examples; where() and masked_fill() keep the shape"
            )
        return self.wrapped(getattr(self.inner, name)(x.inner), False)

    return kernel


ALONG_AXES = """cast contiguous copy view slice diagonal unfold unslice undiagonal fold pad flip
roll tril triu sum prod max min argmax argmin cumsum cumprod cummax any all max_with_indices
min_with_indices var logsumexp gather scatter scatter_add scatter_max sort topk softmax log_softmax
softmax_grad log_softmax_grad inv solve solve_triangular cholesky qr svd eigh det slogdet lu"""

for _name in kernel_names():
    if OUT[_name] is not None and _name != "index_put":
        setattr(BatchBackend, _name, _elementwise(_name))
for _name in ALONG_AXES.split():
    setattr(BatchBackend, _name, _along_axes(_name))
for _name in ("nonzero", "unique"):
    setattr(BatchBackend, _name, _of_one_shape(_name))
