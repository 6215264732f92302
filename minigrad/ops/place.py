"""Picking and placing beyond index.py: by flat position, by mask, with a reduction, and by set."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.autograd.inplace import where_
from minigrad.autograd.primitive import cast, primitive
from minigrad.ops.axes import one_axis
from minigrad.ops.elementwise import bitwise_not, clamp, floor_divide
from minigrad.ops.index import (
    _line,
    _scatter,
    _value,
    _vector,
    gather_,
    index_,
    index_put_,
    index_select_,
    nonzero,
    scatter_,
    scatter_add_,
    scatter_multiply,
    searchsorted,
    sort_,
)
from minigrad.ops.norms import norm
from minigrad.ops.reduce import any, cumsum_
from minigrad.ops.shape import cat, common_shape, ravel, viewed
from minigrad.tensor import Tensor

_scatter_max = primitive(
    "scatter_max",
    "x axis index src",
    x=lambda g, x, out, axis, index, src: (
        _evenly(g, x, out, axis, index, src) * _same(g, x, out)
    ),
    src=lambda g, x, out, axis, index, src: (
        gather_(_evenly(g, x, out, axis, index, src), axis, index)
        * _same(g, src, gather_(out, axis, index))
    ),
)


def _same(g: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return cast(x == y, g.array.dtype)


def _evenly(g: Tensor, x: Tensor, out: Tensor, axis: Any, index: Tensor, src: Tensor) -> Tensor:
    """g divided among the elements that equal the largest."""
    hits = _same(g, src, gather_(out, axis, index))
    return g / clamp(scatter_add_(_same(g, x, out), axis, index, hits), min=1.0)


# -- by flat position


def take(input: Tensor, index: Tensor) -> Tensor:
    """out[i] = x[index[i]], of x's elements in order; IndexError for one out of range.

    >>> import minigrad
    >>> minigrad.take(minigrad.tensor([[4, 3], [2, 1]]), minigrad.tensor([0, -1]))
    tensor([4, 1])
    """
    _check_long("take", index)
    if index.numel() and not input.numel():
        raise IndexError("take(): tried to take from an empty tensor")
    return index_(broadcast.reshape(input, (input.numel(),)), [index])


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of x with out[index[i]] = source[i], of their elements in order; or += if
    `accumulate`.

    >>> import minigrad
    >>> minigrad.put(minigrad.zeros(2, 2), minigrad.tensor([1, -1]), minigrad.tensor([5.0, 6.0]))
    tensor([[0., 5.],
            [0., 6.]])
    """
    _check_long("put", index)
    _check_type("put", input, source)
    if index.numel() != source.numel():
        raise RuntimeError(
            "put(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source.numel()}, index.numel() = {index.numel()}"
        )
    if index.numel() and not input.numel():
        raise IndexError("put(): tried to put elements into an empty tensor")
    flat, values = (broadcast.reshape(x, (x.numel(),)) for x in (input, source))
    places = broadcast.reshape(index, (index.numel(),))
    return broadcast.reshape(index_put_(flat, [places], values, accumulate), input.array.shape)


def _check_long(name: str, index: Tensor) -> None:
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {index.dtype}")


def _check_type(name: str, x: Tensor, source: Tensor) -> None:
    if x.dtype is not source.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got self.dtype = "
            f"{x.dtype} and source.dtype = {source.dtype}"
        )


# -- along one dim


def index_fill(input: Tensor, dim: Any, index: Tensor, value: Any) -> Tensor:
    """A copy of x with out[..., index[k], ...] = value at dim `dim`; a number or a 0-d tensor.

    >>> import minigrad
    >>> minigrad.index_fill(minigrad.zeros(3), 0, minigrad.tensor([0, 2]), 7)
    tensor([7., 0., 7.])
    """
    if isinstance(value, Tensor) and value.dim():
        raise RuntimeError(
            "index_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.dim()} dimension(s)."
        )
    if index.dtype is not dtypes.int64:
        raise IndexError(f"index_fill(): Expected dtype int64 for index, got {index.dtype}")
    x, index = _line(input), _vector("index_fill", index)
    axis = one_axis("index_fill", dim, input.dim())
    value = _value(input, value)
    if value.array.dtype != x.array.dtype:
        value = cast(value, x.array.dtype)
    # By a mask: an index that comes twice must not count twice in the gradient of value.
    mask = x.new_zeros(x.array.shape[axis], dtype=dtypes.bool_)
    mask = index_put_(mask, [index], index.new_ones((), dtype=dtypes.bool_), False)
    mask = broadcast.view(mask, (mask.numel(),) + (1,) * (x.dim() - axis - 1))
    out = where_(mask, value, x)
    return out if input.array.shape else viewed(out, ())


def index_copy(input: Tensor, dim: Any, index: Tensor, source: Tensor) -> Tensor:
    """A copy of x with out[..., index[k], ...] = source[..., k, ...] at dim `dim`.

    >>> import minigrad
    >>> at, source = minigrad.tensor([2, 0]), minigrad.tensor([1.0, 2.0])
    >>> minigrad.index_copy(minigrad.zeros(3), 0, at, source)
    tensor([2., 0., 1.])
    """
    axis, index = _check_sources("index_copy", input, dim, index, source)
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"index_copy(): Expected a long tensor for index, got {index.dtype}")
    x = _line(input)
    values = broadcast.reshape(source, (*x.array.shape[:axis], index.numel(),
                                        *x.array.shape[axis + 1 :]))
    out = index_put_(x, [*[None] * axis, index], values, False)
    return out if input.array.shape else viewed(out, ())


def _check_sources(
    name: str, x: Tensor, dim: Any, index: Tensor, source: Tensor
) -> tuple[int, Tensor]:
    """The axis and the index, of index_copy and index_reduce: a vector, with a slice of source for
    each.
    """
    _check_type(name, x, source)
    axis, count = one_axis(name, dim, x.dim()), index.numel()
    shape, sources = x.array.shape, source.array.shape
    if index.dim() > 1 or (sources[axis] if sources else 1) != count:
        raise IndexError(
            f"{name}(): Index should be a vector with an element for each slice of source, got "
            f"{list(index.shape)} for {list(sources)} at dim {axis}"
        )
    if x.dim() == source.dim() and shape[:axis] + shape[axis + 1 :] != (
        sources[:axis] + sources[axis + 1 :]
    ):
        raise RuntimeError(
            f"{name}(): Source/destination tensor must have same slice shapes. Destination slice "
            f"{list(shape)} at dimension {axis} and source slice {list(sources)}"
        )
    return axis, _line(index)


def scatter_reduce(
    input: Tensor, dim: Any, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy of x in which each out[i, index[i, j]] (for dim 1) meets src[i, j]: reduce="sum",
    "prod", "mean", "amax" or "amin". include_self=False leaves out the elements of x that are met.

    Equal largest or smallest ones share the gradient.

    >>> import minigrad
    >>> x, at = minigrad.tensor([1.0, 2.0, 3.0]), minigrad.tensor([0, 0, 1])
    >>> minigrad.scatter_reduce(x, 0, at, minigrad.tensor([5.0, 6.0, 1.0]), "amax")
    tensor([6., 2., 3.])
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}."
        )
    neutral, op = _REDUCTIONS[reduce]
    if not include_self:
        start = broadcast.expand(_value(input, neutral(input)), index.array.shape)
        start = _scatter("scatter_reduce", scatter_, input, dim, index, start)
    else:
        start = input
    out = _scatter("scatter_reduce", op, start, dim, index, src)
    return _mean_of(out, dim, index, include_self) if reduce == "mean" else out


def _mean_of(total: Tensor, dim: Any, index: Tensor, include_self: bool) -> Tensor:
    ones = index.new_ones(index.array.shape)
    start = index.new_full(total.array.shape, int(include_self), dtype=dtypes.int64)
    count = clamp(_scatter("scatter_reduce", scatter_add_, start, dim, index, ones.long()), min=1)
    if total.dtype.is_floating_point:
        return total / count
    return floor_divide(total, count.to(total.dtype))


def _scatter_min(x: Tensor, axis: int, index: Tensor, src: Tensor) -> Tensor:
    turn = (lambda y: -y) if x.dtype.is_floating_point else bitwise_not
    return turn(_scatter_max(turn(x), axis, index, turn(src)))


def _least(x: Tensor) -> Any:
    if x.dtype.is_floating_point:
        return -math.inf
    return False if x.dtype is dtypes.bool_ else dtypes.iinfo(x.dtype).min


def _greatest(x: Tensor) -> Any:
    if x.dtype.is_floating_point:
        return math.inf
    return True if x.dtype is dtypes.bool_ else dtypes.iinfo(x.dtype).max


_REDUCTIONS: dict[str, tuple[Callable[[Tensor], Any], Callable[..., Tensor]]] = {
    "sum": (lambda x: 0, scatter_add_),
    "prod": (lambda x: 1, scatter_multiply),
    "mean": (lambda x: 0, scatter_add_),
    "amax": (_least, _scatter_max),
    "amin": (_greatest, _scatter_min),
}


def index_reduce(
    input: Tensor,
    dim: Any,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """scatter_reduce of whole slices: out[..., index[k], ...] meets source[..., k, ...] at `dim`,
    with reduce="prod", "mean", "amax" or "amin".

    >>> import minigrad
    >>> x, at = minigrad.tensor([1.0, 2.0, 3.0]), minigrad.tensor([0, 0])
    >>> minigrad.index_reduce(x, 0, at, minigrad.tensor([5.0, 6.0]), "prod")
    tensor([30.,  2.,  3.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be prod, mean, amax or amin, got {reduce}")
    axis, index = _check_sources("index_reduce", input, dim, index, source)
    lines = _line(source)
    along = broadcast.view(index, (index.numel(),) + (1,) * (lines.dim() - axis - 1))
    spread = broadcast.expand(along, lines.array.shape)
    out = scatter_reduce(_line(input), axis, spread, lines, reduce, include_self=include_self)
    return out if input.array.shape else viewed(out, ())


def renorm(input: Tensor, p: Any, dim: Any, maxnorm: float) -> Tensor:
    """x with each slice along `dim` scaled down to the p-norm `maxnorm`, where it is larger.

    >>> import minigrad
    >>> minigrad.renorm(minigrad.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if p <= 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported, got p={p}")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.dim() < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.dim()}")
    axis = one_axis("renorm", dim, input.dim())
    size = norm(input, p, [a for a in range(input.dim()) if a != axis], True)
    return input * where_(size > maxnorm, maxnorm / (size + 1e-7), 1.0)


# -- by mask


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of x with the elements where mask is True replaced by those of `source`, in order; x
    and mask broadcast.

    >>> import minigrad
    >>> mask = minigrad.tensor([True, False, True])
    >>> minigrad.masked_scatter(minigrad.zeros(3), mask, minigrad.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    _check_type("masked_scatter", input, source)
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got {mask.dtype}")
    shape = common_shape("masked_scatter", [input.array.shape, mask.array.shape])
    flat = broadcast.reshape(broadcast.expand(input, shape), (math.prod(shape),))
    places = nonzero(broadcast.reshape(broadcast.expand(mask, shape), flat.array.shape))
    count = places.array.shape[0]
    if source.numel() < count:
        raise RuntimeError(
            "masked_scatter(): Number of elements of source < number of ones in mask: "
            f"{source.numel()} < {count}"
        )
    values = broadcast.reshape(source, (source.numel(),))[:count]
    out = index_put_(flat, [broadcast.view(places, (count,))], values, False)
    return broadcast.reshape(out, shape)


# -- by set


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is among the test elements (`invert`: is not). Either may be a number.

    >>> import minigrad
    >>> minigrad.isin(minigrad.tensor([1, 2, 3]), minigrad.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    like = elements if isinstance(elements, Tensor) else test_elements
    both = (elements, test_elements)
    x, known = (v if isinstance(v, Tensor) else like.new_tensor(v) for v in both)
    target = dtypes.promote(x.array.dtype, known.array.dtype)
    x, known = (v if v.array.dtype == target else cast(v, target) for v in (x, known))
    line = broadcast.reshape(known.detach(), (known.numel(),))
    if not known.numel():
        return x.new_full(x.array.shape, invert, dtype=dtypes.bool_)
    line = sort_(line, 0, False)[0]
    place = clamp(searchsorted(line, x.detach()), max=known.numel() - 1)
    found = index_(line, [place]) == x
    return ~found if invert else found


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    """x without the elements that equal the one before; with `dim`, slices along it. If asked for,
    x in terms of them, and how long each run is.

    >>> import minigrad
    >>> minigrad.unique_consecutive(minigrad.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    x = input.detach()
    x = broadcast.reshape(x, (x.numel(),)) if dim is None else _line(x)
    axis = 0 if dim is None else one_axis("unique_consecutive", dim, x.dim())
    n = x.array.shape[axis]
    rows = broadcast.reshape(x.movedim(axis, 0), (n, x.numel() // n if n else 0))
    is_new = cat([x.new_ones(min(n, 1), dtype=dtypes.bool_), any(rows[1:] != rows[:-1], 1)], 0)
    starts = ravel(nonzero(is_new))
    inverse = cumsum_(cast(is_new, dtypes.int64.numpy), 0) - 1
    counts = cat([starts[1:], starts.new_full((min(n, 1),), n)], 0) - starts
    if dim is None:
        inverse = broadcast.reshape(inverse, input.array.shape)
    wanted = ((True, index_select_(x, axis, starts)), (return_inverse, inverse),
              (return_counts, counts))
    found = tuple([part for want, part in wanted if want])
    return found if len(found) > 1 else found[0]


def msort(input: Tensor) -> Tensor:
    """x in ascending order along dim 0.

    >>> import minigrad
    >>> minigrad.msort(minigrad.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return sort_(input, 0, False)[0]


# fmt: off
__all__ = [
    "take", "put", "index_fill", "index_copy", "scatter_reduce", "index_reduce", "renorm",
    "masked_scatter", "isin", "unique_consecutive", "msort",
]
# fmt: on
