"""Reductions: sums, products, extremes and moments over dims; and the cumulative ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.autograd.broadcast import Shape, kept_dims, sum_
from minigrad.autograd.inplace import where_
from minigrad.autograd.primitive import cast, primitive
from minigrad.names import numpy_names
from minigrad.ops.axes import axes_of, one_axis
from minigrad.ops.elementwise import exp, maximum, minimum, mul, sqrt
from minigrad.ops.index import Pair, place_rule
from minigrad.ops.printing import printed_as
from minigrad.ops.shape import flip_, pad_, permute_, slice_, whole
from minigrad.tensor import Tensor

Axes = tuple[int, ...]


def _kept(g: Tensor, x_shape: Shape, axes: Axes) -> Tensor:
    """g with the reduced axes in it as 1, so that it broadcasts against x."""
    return broadcast.reshape(g, kept_dims(x_shape, axes))


def _share(g: Tensor, x: Tensor, out: Tensor, axes: Axes) -> Tensor:
    """The elements that equal the extreme share its gradient evenly."""
    shape = x.array.shape
    found = cast(x == _kept(out, shape, axes), g.array.dtype)
    return found * (_kept(g, shape, axes) / sum_(found, axes, True))


def _place(g: Sequence[Any], x_shape: Shape, indices: Tensor, axis: int) -> Tensor:
    """The element that was picked along an axis gets all."""
    shape = kept_dims(x_shape, (axis,))
    return place_rule(
        [broadcast.reshape(g[0], shape)], x_shape, broadcast.reshape(indices, shape), axis
    )


def _var_rule(g: Tensor, x: Tensor, axes: Axes, correction: float) -> Tensor:
    n = _count(x.array.shape, axes)
    freedom = n - correction
    scale = 2.0 / freedom if freedom > 0 else math.inf
    centred = x - sum_(x, axes, True) / n
    return _kept(g, x.array.shape, axes) * (centred * scale)


def _prod_rule(g: Tensor, x: Tensor, axes: Axes) -> Tensor:
    """g times the product of all other elements: those before times those after."""
    shape = x.array.shape
    order = (*[i for i in range(len(shape)) if i not in axes], *axes)
    turned = permute_(x, order)
    lines = broadcast.reshape(
        turned, (*turned.array.shape[: len(shape) - len(axes)], _count(shape, axes))
    )
    last = (lines.dim() - 1,)
    others = _before(lines) * flip_(_before(flip_(lines, last)), last)
    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    return _kept(g, shape, axes) * permute_(broadcast.reshape(others, turned.array.shape), back)


def _count(shape: Shape, axes: Axes) -> int:
    return math.prod(shape[axis] for axis in axes)


def _before(lines: Tensor) -> Tensor:
    """out[..., i] = the product of lines[..., :i]."""
    *rest, n = lines.array.shape
    if n == 0:
        return lines
    shorter = slice_(lines, whole((*rest, n - 1)))
    return cumprod_(pad_(shorter, ((0, 0),) * len(rest) + ((1, 0),), 1), len(rest))


def _from_end(x: Tensor, axis: int) -> Tensor:
    """out[i] = the sum of x[i:] along an axis: the adjoint of cumsum."""
    return flip_(cumsum_(flip_(x, (axis,)), axis), (axis,))


def _cumprod_rule(
    g: Tensor, needs: Sequence[bool], x: Tensor, out: Tensor, axis: int
) -> tuple[Tensor]:
    """d out[j] / d x[i] = out[j] / x[i] for j >= i, which holds up to the first zero.

    At the first zero it is the product without that zero, and beyond it 0.
    """
    is_zero = x == 0
    zeros_so_far = cumsum_(cast(is_zero, dtypes.int64.numpy), axis)
    first = is_zero & (zeros_so_far == 1)
    before = _from_end(g * out, axis) / where_(is_zero, 1, x)
    at_first = _from_end(g * cumprod_(where_(first, 1, x), axis), axis)
    return (where_(zeros_so_far == 0, before, where_(first, at_first, 0)),)


def _scan(
    x: Tensor, axis: int, combine: Callable[..., Tensor] = mul, neutral: float = 1
) -> Tensor:
    """cumprod by doubling: after k rounds each element is the product of the 2^k that end there.

    Polynomial, so it has the right derivatives of every order, at zeros too. Other associative ops
    cumulate in the same way.
    """
    shape, step = x.array.shape, 1
    while shape and step < shape[axis]:
        shorter = slice_(x, whole((*shape[:axis], shape[axis] - step, *shape[axis + 1 :])))
        widths = tuple([(step if i == axis else 0, 0) for i in range(len(shape))])
        x = combine(x, pad_(shorter, widths, neutral))
        step *= 2
    return x


_prod = primitive("prod", "x | axes keepdims", x=_prod_rule)
_max = primitive("max", "x | axes keepdims", x=_share)
_min = primitive("min", "x | axes keepdims", x=_share)
_max_with_indices = primitive("max_with_indices", "x | axis keepdims -> values indices", x=_place)
_min_with_indices = primitive("min_with_indices", "x | axis keepdims -> values indices", x=_place)
_argmax = primitive("argmax", "x | axis keepdims")
_argmin = primitive("argmin", "x | axis keepdims")
_any = primitive("any", "x | axes keepdims")
_all = primitive("all", "x | axes keepdims")
_var = primitive("var", "x | axes correction keepdims", x=_var_rule)
_logsumexp = primitive(
    "logsumexp",
    "x | axes keepdims",
    x=lambda g, x, out, axes: (
        _kept(g, x.array.shape, axes) * exp(x - _kept(out, x.array.shape, axes))
    ),
)
cumsum_ = primitive("cumsum", "x | axis", x=_from_end)
cumprod_ = primitive("cumprod", "x | axis", grads=_cumprod_rule, composite=_scan)

_INT64, _FLOAT16 = dtypes.int64.numpy, dtypes.float16.numpy


@printed_as("max")
class Max(Pair):
    pass


@printed_as("min")
class Min(Pair):
    pass


def _summable(x: Tensor, dtype: Any) -> Tensor:
    """x in the type `dtype`; without one, bools and ints as int64."""
    target = x.array.dtype if dtype is None else dtypes.as_numpy(dtype)
    if dtype is None and target not in dtypes.FLOATS:
        target = _INT64
    return x if x.array.dtype == target else cast(x, target)


# -- sums and products


def sum(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """out = the sum of x over `dim`, an int or several, or over everything.

    bools and ints give int64.

    >>> import minigrad
    >>> minigrad.ones(2, 3).sum(dim=1)
    tensor([3., 3.])
    """
    x = input
    if dtype is not None or x.array.dtype not in dtypes.FLOATS:
        x = _summable(x, dtype)
    if dim is None and axis is None:
        return sum_(x, tuple(range(len(x.array.shape))), keepdim or keepdims)
    axes = axes_of("sum", axis if dim is None else dim, len(x.array.shape))
    return sum_(x, axes, keepdim or keepdims)


def mean(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """out = sum(x) / n over `dim`; for floating-point types only (RuntimeError), or with `dtype`.

    >>> import minigrad
    >>> minigrad.tensor([1.0, 2.0, 6.0]).mean()
    tensor(3.)
    """
    x = input if dtype is None else _summable(input, dtype)
    if x.array.dtype not in dtypes.FLOATS:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be a floating point dtype. "
            f"Got: {x.dtype}; convert with .float(), or pass dtype="
        )
    if x.array.dtype == _FLOAT16:
        return _in_float32(mean, x, dim, keepdim or keepdims, axis=axis)
    axes = axes_of("mean", axis if dim is None else dim, len(x.array.shape))
    return sum_(x, axes, keepdim or keepdims) / _count(x.array.shape, axes)


def _in_float32(reduction: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A reduction of float16 that is rounded once: sums on the way would overflow."""
    return cast(reduction(cast(x, dtypes.float32.numpy), *args, **kwargs), _FLOAT16)


@numpy_names
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """out = the product of x over one dim, or of everything. bools and ints give int64.

    >>> import minigrad
    >>> minigrad.prod(minigrad.tensor([[1, 2], [3, 4]]), dim=1)
    tensor([ 2, 12])
    """
    x = _summable(input, dtype)
    axes = (
        tuple(range(x.dim()))
        if dim is None
        else axes_of("prod", one_axis("prod", dim, x.dim()), x.dim())
    )
    return _prod(x, axes, keepdim)


@numpy_names
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements over `dim` are not zero (int64).

    >>> import minigrad
    >>> minigrad.count_nonzero(minigrad.tensor([0, 5, 6]))
    tensor(2)
    """
    return sum(input != 0, dim)


@numpy_names
def cumsum(input: Tensor, dim: Any, *, dtype: Any = None) -> Tensor:
    """out[i] = x[0] + ... + x[i] along `dim`. bools and ints give int64.

    >>> import minigrad
    >>> minigrad.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    return _cumulate("cumsum", cumsum_, input, dim, dtype)


@numpy_names
def cumprod(input: Tensor, dim: Any, *, dtype: Any = None) -> Tensor:
    """out[i] = x[0] * ... * x[i] along `dim`. bools and ints give int64.

    >>> import minigrad
    >>> minigrad.cumprod(minigrad.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    return _cumulate("cumprod", cumprod_, input, dim, dtype)


def _cumulate(name: str, op: Callable[..., Tensor], x: Tensor, dim: Any, dtype: Any) -> Tensor:
    axis = one_axis(name, dim, x.dim())
    x = _summable(x, dtype)
    return op(x, axis) if x.array.shape else broadcast.copy(x)


@numpy_names
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """out = log(sum(exp(x))) over `dim`, without overflow.

    >>> import minigrad
    >>> minigrad.tensor([1000.0, 0.0]).logsumexp(0)
    tensor(1000.)
    """
    x = input
    if x.array.dtype not in dtypes.FLOATS:
        x = cast(x, dtypes.get_default_dtype().numpy)
    return _logsumexp(x, axes_of("logsumexp", dim, x.dim()), keepdim)


# -- extremes


@numpy_names
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """out = the largest of x over `dim`, an int or several; equal ones share the gradient.

    >>> import minigrad
    >>> minigrad.amax(minigrad.tensor([[1, 5], [4, 2]]), dim=1)
    tensor([5, 4])
    """
    return _extreme("amax", _max, input, dim, keepdim)


@numpy_names
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """out = the smallest of x over `dim`, an int or several; equal ones share the gradient.

    >>> import minigrad
    >>> minigrad.amin(minigrad.tensor([[1, 5], [4, 2]]), dim=1)
    tensor([1, 2])
    """
    return _extreme("amin", _min, input, dim, keepdim)


def _extreme(name: str, op: Callable[..., Tensor], x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    axes = axes_of(name, dim, x.dim())
    if 0 in x.array.shape:
        if not hasattr(dim, "__index__") and not dim:
            _refuse_nothing(name, x, RuntimeError)
        for axis in axes:
            _refuse_empty_dim(name, x, axis)
    return op(x, axes, keepdim)


def _refuse_nothing(name: str, x: Tensor, error: type[Exception]) -> None:
    raise error(
        f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
        f"reduction dim with the 'dim' argument: shape {list(x.shape)}"
    )


def _refuse_empty_dim(name: str, x: Tensor, axis: int) -> None:
    if x.array.shape[axis] == 0:
        raise IndexError(
            f"{name}(): Expected reduction dim {axis} to have non-zero size: shape {list(x.shape)}"
        )


@numpy_names
def max(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None
) -> Any:
    """max(x): the largest; max(x, dim): (values, indices); max(x, y): the larger of each two.

    Equal elements share the gradient of max(x); that of max(x, dim) goes to the index.

    >>> import minigrad
    >>> minigrad.tensor([[1, 5], [7, 2]]).max(dim=1)
    minigrad.return_types.max(
    values=tensor([5, 7]),
    indices=tensor([1, 0]))
    """
    return _pick("max", (_max, _max_with_indices, maximum, Max), input, dim, keepdim, other)


@numpy_names
def min(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None
) -> Any:
    """min(x): the smallest; min(x, dim): (values, indices); min(x, y): the smaller of each two.

    >>> import minigrad
    >>> minigrad.min(minigrad.tensor([[1, 5], [4, 2]]), dim=1).values
    tensor([1, 2])
    """
    return _pick("min", (_min, _min_with_indices, minimum, Min), input, dim, keepdim, other)


def _pick(name: str, ops: Any, x: Tensor, dim: Any, keepdim: bool, other: Any) -> Any:
    of_all, along, elementwise, result = ops
    if isinstance(dim, Tensor) or other is not None:
        return elementwise(x, dim if other is None else other)
    if dim is None:
        if 0 in x.array.shape:
            _refuse_nothing(name, x, RuntimeError)
        return of_all(x, tuple(range(x.dim())), keepdim)
    axis = one_axis(name, dim, x.dim())
    if 0 in x.array.shape:
        _refuse_empty_dim(name, x, axis)
    return result(*along(x, axis, keepdim))


@numpy_names
def argmax(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The index of the largest element, the first of several, along `dim` or of all in order.

    >>> import minigrad
    >>> minigrad.argmax(minigrad.tensor([[1, 5], [4, 2]]), dim=1)
    tensor([1, 0])
    """
    return _pick_index("argmax", _argmax, input, dim, keepdim)


@numpy_names
def argmin(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest element, the first of several, along `dim` or of all in order.

    >>> import minigrad
    >>> minigrad.argmin(minigrad.tensor([[1, 5], [4, 2]]), dim=1)
    tensor([0, 1])
    """
    return _pick_index("argmin", _argmin, input, dim, keepdim)


def _pick_index(name: str, op: Callable[..., Tensor], x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    shape = x.array.shape
    if dim is None or not shape:
        one_axis(name, dim or 0, len(shape))
        if 0 in shape:
            _refuse_nothing(name, x, IndexError)
        out = op(broadcast.reshape(x, (x.numel(),)), 0, False)
        return broadcast.view(out, (1,) * len(shape)) if keepdim else out
    axis = one_axis(name, dim, len(shape))
    if 0 in shape:
        _refuse_empty_dim(name, x, axis)
    return op(x, axis, keepdim)


@numpy_names
def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether any element over `dim` is not zero: bool, or uint8 for uint8.

    >>> import minigrad
    >>> minigrad.any(minigrad.tensor([[0, 5], [0, 0]]), dim=1)
    tensor([ True, False])
    """
    return _truth("any", _any, input, dim, keepdim)


@numpy_names
def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements over `dim` are not zero: bool, or uint8 for uint8.

    >>> import minigrad
    >>> minigrad.all(minigrad.tensor([[1, 5], [1, 0]]), dim=1)
    tensor([ True, False])
    """
    return _truth("all", _all, input, dim, keepdim)


def _truth(name: str, op: Callable[..., Tensor], x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    axes = axes_of(name, dim, x.dim())
    if dim is not None and not hasattr(dim, "__index__") and len(dim) == 0:
        axes = ()  # unlike sum, as PyTorch has it
    out = op(x, axes, keepdim)
    return cast(out, x.array.dtype) if x.array.dtype == dtypes.uint8.numpy else out


# -- moments


@numpy_names
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """out = sum((x - mean(x))^2) / (n - correction) over `dim`.

    `correction` is 1 unless given; unbiased=False makes it 0.

    >>> import minigrad
    >>> minigrad.tensor([1.0, 2.0, 3.0]).var(unbiased=False)
    tensor(0.6667)
    """
    if input.array.dtype not in dtypes.FLOATS:
        raise RuntimeError(
            f"std and var only support floating point dtypes, got {input.dtype}; convert with "
            ".float()"
        )
    if isinstance(dim, bool):  # var(x, False): the one with `unbiased` first
        dim, unbiased = None, dim
    if correction is None:
        correction = 0 if unbiased is False else 1
    axes = axes_of("var", dim, input.dim())
    if input.array.dtype == _FLOAT16:
        return _in_float32(_var, input, axes, correction, keepdim)
    return _var(input, axes, correction, keepdim)


@numpy_names
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """out = sqrt(var(x)), with the arguments and errors of `var`; where it is 0, its gradient is 0.

    >>> import minigrad
    >>> minigrad.tensor([1.0, 2.0, 3.0]).std()
    tensor(1.)
    """
    if input.array.dtype == _FLOAT16:  # the variance may overflow where its root does not
        return _in_float32(std, input, dim, unbiased, keepdim, correction=correction)
    return _off_zero(sqrt, var(input, dim, unbiased, keepdim, correction=correction), 0.0)


def _off_zero(function: Callable[[Tensor], Tensor], x: Tensor, at_zero: float) -> Tensor:
    """function(x), but `at_zero` with gradient 0 where x is 0."""
    if x.node is None:
        return function(x)
    is_zero = x == 0
    return where_(is_zero, at_zero, function(where_(is_zero, 1.0, x)))


# fmt: off
__all__ = [
    "sum", "mean", "prod", "count_nonzero", "cumsum", "cumprod", "logsumexp", "amax", "amin",
    "max", "min", "argmax", "argmin", "any", "all", "var", "std",
]
# fmt: on
