"""Order statistics, cumulative extremes, histograms, differences and integrals: composites over
sort, gather and the reductions; cummax is the one primitive.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.autograd.inplace import where_
from minigrad.autograd.primitive import cast, primitive
from minigrad.names import numpy_names
from minigrad.ops.axes import one_axis
from minigrad.ops.elementwise import bitwise_not, ceil, clamp, floor, isnan, lerp, logical_xor
from minigrad.ops.elementwise import round as round_
from minigrad.ops.index import (
    Pair,
    _line,
    _numbers,
    gather_,
    scatter_add_,
    searchsorted,
    sort_,
)
from minigrad.ops.printing import printed_as
from minigrad.ops.reduce import (
    _argmax,
    _max,
    _refuse_empty_dim,
    _scan,
    amax,
    amin,
    mean,
    std,
    sum,
    var,
)
from minigrad.ops.shape import cat, narrow, pad_, zeros
from minigrad.ops.special import logaddexp
from minigrad.tensor import Tensor

_INT64 = dtypes.int64.numpy

_cummax = primitive(
    "cummax",
    "x | axis -> values indices",
    x=lambda g, x_shape, indices, axis: scatter_add_(zeros(x_shape, g[0]), axis, indices, g[0]),
)


@printed_as("median")
class Median(Pair):
    pass


@printed_as("nanmedian")
class Nanmedian(Pair):
    pass


@printed_as("mode")
class Mode(Pair):
    pass


@printed_as("kthvalue")
class Kthvalue(Pair):
    pass


@printed_as("cummax")
class Cummax(Pair):
    pass


@printed_as("cummin")
class Cummin(Pair):
    pass


@printed_as("aminmax")
class Aminmax(NamedTuple):
    """What aminmax returns."""

    min: Tensor
    max: Tensor


# -- the element at a place in the order


@numpy_names
def median(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The element in the middle of the order, the lower of two: of all of x, or (values, indices)
    along `dim`. NaN where there is one.

    Of all of x, equal elements share the gradient. NotImplementedError for bools.

    >>> import minigrad
    >>> minigrad.median(minigrad.tensor([3.0, 1.0, 2.0, 5.0]))
    tensor(2.)
    """
    return _median("median", Median, input, dim, keepdim, False)


@numpy_names
def nanmedian(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """median, NaN left aside.

    >>> import minigrad
    >>> minigrad.nanmedian(minigrad.tensor([3.0, minigrad.nan, 2.0, 5.0]))
    tensor(3.)
    """
    return _median("nanmedian", Nanmedian, input, dim, keepdim, True)


def _median(
    name: str, result: type[Pair], x: Tensor, dim: Any, keepdim: bool, skip_nan: bool
) -> Any:
    _refuse_bool(name, x)
    if dim is not None:
        return _picked(name, result, x, dim, keepdim, lambda x, axis: _middle(x, axis, skip_nan))
    line = broadcast.reshape(x, (x.numel(),))
    if not x.numel():
        return line.new_full((), math.nan if x.dtype.is_floating_point else -1)
    value = gather_(line.detach(), 0, _middle(line, 0, skip_nan))
    is_it = (line == value) | ((line != line) & (value != value))
    return _max(where_(is_it, line, _lowest(x)), (0,), False)


def _refuse_bool(name: str, x: Tensor) -> None:
    if x.dtype is dtypes.bool_:
        raise NotImplementedError(f"{name}(): not implemented for bool; convert with .long()")


def _lowest(x: Tensor) -> Any:
    return -math.inf if x.dtype.is_floating_point else dtypes.iinfo(x.dtype).min


def _middle(x: Tensor, axis: int, skip_nan: bool) -> Tensor:
    """The index of the median along an axis, which has size 1 then. In the order NaN comes last."""
    order, n = sort_(x.detach(), axis, False)[1], x.array.shape[axis]
    nans = sum(x != x, axis, keepdim=True)
    if skip_nan:
        at = clamp(n - nans - 1, min=0) // 2
    else:
        at = where_(nans > 0, n - nans, (n - 1) // 2)
    return gather_(order, axis, at)


def _picked(
    name: str,
    result: type[Pair],
    x: Tensor,
    dim: Any,
    keepdim: bool,
    find: Callable[[Tensor, int], Tensor],
) -> Pair:
    """(values, indices) of the elements that `find(x, axis)` points at."""
    axis, lines = one_axis(name, dim, x.dim()), _line(x)
    if 0 in x.array.shape:
        _refuse_empty_dim(name, x, axis)
    indices = find(lines, axis)
    values = gather_(lines, axis, indices)
    if keepdim and x.array.shape:
        return result(values, indices)
    shape = lines.array.shape[:axis] + lines.array.shape[axis + 1 :]
    return result(broadcast.reshape(values, shape), broadcast.reshape(indices, shape))


@numpy_names
def kthvalue(input: Tensor, k: int, dim: Any = -1, keepdim: bool = False) -> Pair:
    """(values, indices) of the k-th smallest element along `dim`, counted from 1.

    >>> import minigrad
    >>> minigrad.kthvalue(minigrad.tensor([3, 1, 2]), 2).values
    tensor(2)
    """
    _refuse_bool("kthvalue", input)

    def find(x: Tensor, axis: int) -> Tensor:
        shape = x.array.shape
        if not 1 <= k <= shape[axis]:
            raise RuntimeError(
                f"kthvalue(): selected number k out of range for dimension {axis}: k is {k}, the "
                f"size {shape[axis]}"
            )
        return narrow(sort_(x.detach(), axis, False)[1], axis, k - 1, 1)

    return _picked("kthvalue", Kthvalue, input, dim, keepdim, find)


@numpy_names
def mode(input: Tensor, dim: Any = -1, keepdim: bool = False) -> Pair:
    """(values, indices) of the most frequent element along `dim`, the smallest of several.

    >>> import minigrad
    >>> minigrad.mode(minigrad.tensor([3, 1, 2, 1])).values
    tensor(1)
    """
    return _picked("mode", Mode, input, dim, keepdim, _commonest)


def _commonest(x: Tensor, axis: int) -> Tensor:
    """The index of the end of the longest run in sorted order."""
    values, order = sort_(x.detach(), axis, False)
    places = _places(values, axis)
    starts = where_(_is_new(values, axis), places, 0)
    length = places - _cummax(starts, axis)[0]
    return gather_(order, axis, _argmax(length, axis, True))


def _places(x: Tensor, axis: int) -> Tensor:
    """0, 1, 2 ... along an axis."""
    shape = x.array.shape
    line = _numbers(x, shape[axis], (shape[axis],) + (1,) * (len(shape) - axis - 1))
    return broadcast.expand(line, shape)


def _is_new(x: Tensor, axis: int) -> Tensor:
    """Whether an element differs from the one before it; False for the first."""
    later, earlier = _neighbours(x, axis)
    changes = later != earlier
    return pad_(changes, tuple([(int(i == axis), 0) for i in range(x.dim())]), False)


def _neighbours(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """x[1:] and x[:-1] along an axis."""
    n = x.array.shape[axis]
    left = builtins.max(n - 1, 0)
    return narrow(x, axis, n - left, left), narrow(x, axis, 0, left)


@numpy_names
def quantile(
    input: Tensor, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The value below which a part q of x lies, along `dim` or of all of x; NaN where there is one.

    q is a number in [0, 1], or a vector of some, which becomes the first dim. At a place between
    two elements `interpolation` decides: "linear", "lower", "higher", "midpoint" or "nearest".

    >>> import minigrad
    >>> minigrad.quantile(minigrad.tensor([4.0, 1.0, 2.0]), 0.75)
    tensor(3.)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@numpy_names
def nanquantile(
    input: Tensor, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """quantile, NaN left aside.

    >>> import minigrad
    >>> minigrad.nanquantile(minigrad.tensor([4.0, minigrad.nan, 2.0]), 0.5)
    tensor(3.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(
    name: str, x: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    parts = q.tolist() if isinstance(q, Tensor) else q
    q = q if isinstance(q, Tensor) else x.new_tensor(q)
    _check_quantile(name, x, q, parts, interpolation)
    axis = 0 if dim is None else one_axis(name, dim, x.dim())
    lines = broadcast.reshape(x, (x.numel(),)) if dim is None else _line(x).movedim(axis, -1)
    last, lead = lines.dim() - 1, lines.array.shape[:-1]
    values = sort_(lines, last, False)[0]
    n, nans = lines.array.shape[-1], sum(lines != lines, -1, keepdim=True)
    # in the order NaN comes last: where there is one, that is the place to look at
    at = q.reshape(-1) * (clamp(n - nans - 1, min=0) if skip_nan else n - 1)
    at = at if skip_nan else where_(nans > 0, float(n - 1), at)
    at = broadcast.expand(at, (*lead, q.numel()))
    if interpolation == "nearest":
        at = round_(at)
    low, high = floor(at), ceil(at)
    if interpolation in ("lower", "higher"):
        low = high = low if interpolation == "lower" else high
    out = gather_(values, last, cast(low.detach(), _INT64))
    if high is not low:
        part = 0.5 if interpolation == "midpoint" else at - low
        out = lerp(out, gather_(values, last, cast(high.detach(), _INT64)), part)
    return _with_dims(out, q, x, dim, axis, keepdim)


def _with_dims(out: Tensor, q: Tensor, x: Tensor, dim: Any, axis: int, keepdim: bool) -> Tensor:
    """The quantiles, last in `out`, as the first dim, or none for a single one."""
    out = out.movedim(-1, 0)
    shape = out.array.shape[1:]
    if keepdim:
        shape = (1,) * x.dim() if dim is None else (*shape[:axis], 1, *shape[axis:])
        shape = shape if x.array.shape else ()
    return broadcast.reshape(out, (q.numel(), *shape) if q.dim() else shape)


def _check_quantile(name: str, x: Tensor, q: Tensor, parts: Any, interpolation: str) -> None:
    known = ("linear", "lower", "higher", "midpoint", "nearest")
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double, got {x.dtype}")
    if q.dtype is not x.dtype:
        raise RuntimeError(
            f"{name}() q tensor must be same dtype as the input tensor, got {q.dtype}: {x.dtype}"
        )
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor, got {q.dim()}D")
    if not x.numel():
        raise RuntimeError(f"{name}() input tensor must be non-empty, got {list(x.shape)}")
    if interpolation not in known:
        raise RuntimeError(
            f"{name}() interpolation must be one of {', '.join(known)}, got {interpolation}"
        )
    if not all(0 <= part <= 1 for part in np.ravel(parts)):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1], got {parts}")


# -- sums, extremes and moments


@numpy_names
def nansum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """sum with NaN counted as 0.

    >>> import minigrad
    >>> minigrad.nansum(minigrad.tensor([1.0, minigrad.nan, 2.0]))
    tensor(3.)
    """
    x = where_(isnan(input), 0.0, input) if input.dtype.is_floating_point else input
    return sum(x, dim, keepdim, dtype=dtype)


@numpy_names
def nanmean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """mean, NaN left aside; for floating-point types only (RuntimeError).

    >>> import minigrad
    >>> minigrad.nanmean(minigrad.tensor([1.0, minigrad.nan, 2.0]))
    tensor(1.5000)
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point dtype but got {input.dtype}"
        )
    count = sum(~isnan(input.detach()), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count


@numpy_names
def aminmax(input: Tensor, *, dim: Any = None, keepdim: bool = False) -> Aminmax:
    """(min, max) of all of x, or along `dim`; equal elements share the gradients.

    >>> import minigrad
    >>> minigrad.aminmax(minigrad.tensor([3, 1, 2])).max
    tensor(3)
    """
    dims = () if dim is None else one_axis("aminmax", dim, input.dim())
    return Aminmax(amin(input, dims, keepdim), amax(input, dims, keepdim))


@numpy_names
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """(var, mean) with the arguments of `var`.

    >>> import minigrad
    >>> minigrad.var_mean(minigrad.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _with_mean(var, input, dim, unbiased, keepdim, correction)


@numpy_names
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """(std, mean) with the arguments of `std`.

    >>> import minigrad
    >>> minigrad.std_mean(minigrad.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _with_mean(std, input, dim, unbiased, keepdim, correction)


def _with_mean(
    moment: Callable[..., Tensor], x: Tensor, dim: Any, unbiased: Any, keepdim: bool, by: Any
) -> tuple[Tensor, Tensor]:
    spread = moment(x, dim, unbiased, keepdim, correction=by)
    return spread, mean(x, None if isinstance(dim, bool) else dim, keepdim)


# -- cumulative


@numpy_names
def cummax(input: Tensor, dim: Any) -> Pair:
    """(values, indices): the largest of x[0] ... x[i] along `dim`, and where it was, the last of
    equal ones. NaN from the first one on.

    >>> import minigrad
    >>> minigrad.cummax(minigrad.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    return Cummax(*_cummax(input, one_axis("cummax", dim, input.dim())))


@numpy_names
def cummin(input: Tensor, dim: Any) -> Pair:
    """(values, indices): the smallest of x[0] ... x[i] along `dim`, and where it was, the last of
    equal ones. NaN from the first one on.

    >>> import minigrad
    >>> minigrad.cummin(minigrad.tensor([2, 3, 1]), 0).values
    tensor([2, 2, 1])
    """
    axis = one_axis("cummin", dim, input.dim())
    turn = (lambda x: -x) if input.dtype.is_floating_point else bitwise_not
    values, indices = _cummax(turn(input), axis)
    return Cummin(turn(values), indices)


@numpy_names
def logcumsumexp(input: Tensor, dim: Any) -> Tensor:
    """out[i] = log(e^x[0] + ... + e^x[i]) along `dim`, without overflow.

    >>> import minigrad
    >>> minigrad.logcumsumexp(minigrad.tensor([0.0, 0.0, 100.0]), 0)
    tensor([  0.0000,   0.6931, 100.0000])
    """
    axis = one_axis("logcumsumexp", dim, input.dim())
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"logcumsumexp(): not implemented for {input.dtype}; convert with .float()"
        )
    return _scan(input, axis, logaddexp, -math.inf)


# -- counting


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """out[n] = how often n occurs in x, a vector of non-negative ints (int64); or the sum of its
    weights.

    >>> import minigrad
    >>> minigrad.bincount(minigrad.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}")
    if input.dim() != 1 or input.dtype.is_floating_point or input.dtype is dtypes.bool_:
        raise RuntimeError(
            "bincount only supports 1-d non-negative integral inputs, got "
            f"{input.dtype} of shape {list(input.shape)}"
        )
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError(
            f"weights should be 1-d and have the same length as input, got {list(weights.shape)} "
            f"for {list(input.shape)}"
        )
    x = cast(input, _INT64)
    if x.numel() and x.min().item() < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs")
    count = builtins.max(int(x.max().item()) + 1 if x.numel() else 0, minlength)
    if weights is None:
        weights = x.new_ones(x.array.shape)
    elif weights.dtype is not dtypes.float32:
        weights = weights.to(dtypes.float64)
    return scatter_add_(weights.new_zeros(count), 0, x, weights.detach())


def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0) -> Tensor:
    """How many elements lie in each of `bins` equal parts of [min, max], max included; the range of
    x where both are equal. Elements outside and NaN are not counted.

    >>> import minigrad
    >>> minigrad.histc(minigrad.tensor([1.0, 2.0, 1.0, 4.0]), bins=3, min=1, max=4)
    tensor([2., 1., 1.])
    """
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"histc(): not implemented for {input.dtype}; use .float()")
    if bins <= 0:
        raise RuntimeError(f"histc(): bins must be > 0, got {bins}")
    x = broadcast.reshape(input.detach(), (input.numel(),))
    low, high = float(min), float(max)
    if low == high and x.numel():
        low, high = x.min().item(), x.max().item()
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"histc(): range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"histc(): max must be larger than min, got [{low}, {high}]")
    inside = (x >= low) & (x <= high)
    place = clamp((where_(inside, x, low) - low) * (bins / (high - low)), max=bins - 1)
    return scatter_add_(x.new_zeros(bins), 0, cast(place, _INT64), cast(inside, x.array.dtype))


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The bucket of each x: how many of the ascending boundaries are below it (`right`: or equal).

    >>> import minigrad
    >>> minigrad.bucketize(minigrad.tensor([3, 6, 0]), minigrad.tensor([1, 3, 5]))
    tensor([1, 3, 0])
    """
    if boundaries.dim() != 1:
        raise RuntimeError(
            f"bucketize(): boundaries tensor must be 1 dimension, but got {boundaries.dim()}"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# -- differences and integrals


@numpy_names
def diff(
    input: Tensor,
    n: int = 1,
    dim: Any = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """out[i] = x[i + 1] - x[i] along `dim`, n times; with `prepend` and `append` at x's ends first.

    >>> import minigrad
    >>> minigrad.diff(minigrad.tensor([1, 3, 2]))
    tensor([ 2, -1])
    """
    if not input.array.shape:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = one_axis("diff", dim, input.dim())
    ends = [x for x in (prepend, input, append) if x is not None]
    for x in ends:
        if x.dim() != input.dim():
            raise RuntimeError(
                "diff expects prepend or append to be the same dimension as input, got "
                f"{x.dim()} and {input.dim()}"
            )
    if n == 0:
        return broadcast.copy(input)
    out = cat(ends, axis)
    for _ in range(n):
        later, earlier = _neighbours(out, axis)
        out = logical_xor(later, earlier) if out.dtype is dtypes.bool_ else later - earlier
    return out


def gradient(
    input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The derivative of the function with values x along each of `dim` (all, unless given), by
    central differences of second order; at both ends by differences of order `edge_order`, 1 or 2.

    `spacing`: how far the values are apart, one number for all dims (1) or one for each; or a
    vector of coordinates for each.

    >>> import minigrad
    >>> minigrad.gradient(minigrad.tensor([0.0, 1.0, 4.0, 9.0]))
    (tensor([1., 2., 4., 5.]),)
    """
    dims = range(input.dim()) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    axes = [one_axis("gradient", d, input.dim()) for d in dims]
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"dim {axes[0]} appears multiple times in the list of dims")
    if edge_order not in (1, 2):
        raise RuntimeError(f"torch.gradient only supports edge_order=1 and 2, got {edge_order}")
    spacing = 1 if spacing is None else spacing
    apart = list(spacing) if isinstance(spacing, list | tuple) else [spacing] * len(axes)
    if len(apart) != len(axes):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
            f"{len(axes)}, got {len(apart)} entries"
        )
    if any(input.shape[axis] < edge_order + 1 for axis in axes):
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1"
        )
    pairs = zip(axes, apart, strict=True)
    return tuple([_slope(input, axis, h, edge_order) for axis, h in pairs])


def _slope(x: Tensor, axis: int, spacing: Any, edge_order: int) -> Tensor:
    """The derivative along an axis. At a place it is the mean of the slopes before and after, which
    are over h and k, weighted by k and h: exact for parabolas.
    """
    n = x.array.shape[axis]
    if isinstance(spacing, Tensor) and spacing.dim():
        if spacing.array.shape != (n,):
            raise RuntimeError(
                "torch.gradient expected each element of 'spacing' to have one dimension of the "
                f"size of its dim, {n}, got shape {list(spacing.shape)}"
            )
        steps = diff(spacing).reshape((-1,) + (1,) * (x.dim() - 1 - axis))
    else:
        steps = x.new_ones([n - 1] + [1] * (x.dim() - 1 - axis), dtype=_real(x)) * spacing

    def at(values: Tensor, start: int, count: int) -> Tensor:
        return narrow(values, axis if values is x else 0, start, count)

    slopes = (at(x, 1, n - 1) - at(x, 0, n - 1)) / steps
    first, last = narrow(slopes, axis, 0, 1), narrow(slopes, axis, n - 2, 1)
    if n == 2:
        return cat([first, last], axis)
    h, k = at(steps, 0, n - 2), at(steps, 1, n - 2)
    before, after = narrow(slopes, axis, 0, n - 2), narrow(slopes, axis, 1, n - 2)
    inside = (before * k + after * h) / (h + k)
    if edge_order == 2:
        first = first * 2 - narrow(inside, axis, 0, 1)
        last = last * 2 - narrow(inside, axis, n - 3, 1)
    return cat([first, inside, last], axis)


def _real(x: Tensor) -> Any:
    return x.dtype if x.is_floating_point() else dtypes.get_default_dtype()


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: Any = -1) -> Tensor:
    """The integral of y over x along `dim` by the trapezoidal rule: the sum of
    (x[i + 1] - x[i]) (y[i] + y[i + 1]) / 2, where x is dx apart unless given.

    >>> import minigrad
    >>> minigrad.trapezoid(minigrad.tensor([1.0, 5.0, 10.0]), minigrad.tensor([0.0, 1.0, 3.0]))
    tensor(18.)
    """
    return sum(_areas("trapezoid", y, x, dx, dim), dim)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: Any = -1
) -> Tensor:
    """The areas that trapezoid sums up, cumulated: one less than there are y.

    >>> import minigrad
    >>> minigrad.cumulative_trapezoid(minigrad.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    return _areas("cumulative_trapezoid", y, x, dx, dim).cumsum(dim)


trapz = trapezoid


def _areas(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: Any) -> Tensor:
    axis = one_axis(name, dim, y.dim())
    if y.dtype is dtypes.bool_ or (x is not None and x.dtype is dtypes.bool_):
        raise RuntimeError(f"{name}: received a bool input for x or y, but bool is not supported")
    later, earlier = _neighbours(y, axis)
    return (later + earlier) * (_widths(name, y, x, axis) if x is not None else dx) / 2


def _widths(name: str, y: Tensor, x: Tensor, axis: int) -> Tensor:
    """x[i + 1] - x[i], laid along y's axis where x is a vector."""
    if x.dim() == 1 and x.array.shape[0] == y.array.shape[axis]:
        apart = diff(x)
        return broadcast.reshape(apart, (apart.numel(),) + (1,) * (y.dim() - axis - 1))
    if x.dim() == y.dim():
        return diff(x, dim=axis)
    raise RuntimeError(
        f"{name}(): There must be one `x` value for each sample point, got x of shape "
        f"{list(x.shape)} for y of shape {list(y.shape)}"
    )


# fmt: off
__all__ = [
    "median", "nanmedian", "kthvalue", "mode", "quantile", "nanquantile", "nansum", "nanmean",
    "aminmax", "var_mean", "std_mean", "cummax", "cummin", "logcumsumexp", "bincount", "histc",
    "bucketize", "diff", "gradient", "trapezoid", "trapz", "cumulative_trapezoid",
]
# fmt: on
