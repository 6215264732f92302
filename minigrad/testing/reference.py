"""What every kernel computes, in naive NumPy: the loops of backends/base.py, made to run.

Written for being right, one element or one row at a time where that is plainer, and independent of
every backend. Arguments are the kernel's own; floats come as float64, and the caller compares to
the precision of the type under test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any
Shape = tuple[int, ...]


def of(kernel: str) -> Callable[..., Any]:
    """The reference of a kernel by its name."""
    found = globals().get(kernel if kernel in globals() else f"{kernel}_")
    if found is None:
        raise KeyError(f"reference.py has no '{kernel}'")
    return found


def _each(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of numbers as one of arrays that broadcast, in the type of the first."""

    def apply(*operands: Any) -> Array:
        operands = tuple(np.asarray(x) for x in operands)
        dtype = operands[0].dtype
        arrays = np.broadcast_arrays(*operands)
        out = [
            function(*numbers)
            for numbers in zip(*(a.ravel().tolist() for a in arrays), strict=True)
        ]
        kind = dtype if dtype.kind == "f" else np.dtype(object)
        return np.array(out, kind).reshape(arrays[0].shape).astype(dtype)

    return apply


def _with_int_wrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """As _each, in exact integers that wrap around at the end; floats by NumPy."""

    def apply(x: Any, y: Any) -> Array:
        dtype = (x if isinstance(x, np.ndarray) else y).dtype
        x, y = np.broadcast_arrays(x, y)
        numbers = zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)
        bits = dtype.itemsize * 8
        out = [function(a, b) % (1 << bits) for a, b in numbers]
        if dtype.kind == "i":
            out = [n - (1 << bits) if n >= 1 << (bits - 1) else n for n in out]
        return np.array(out, dtype).reshape(x.shape)

    return apply


# -- memory and views


def cast(x: Array, dtype: np.dtype) -> Array:
    return x.astype(dtype)


def copy(x: Array) -> Array:
    return x.copy()


contiguous = copy


def fill(x: Array, value: Any) -> Array:
    return np.full(x.shape, value, x.dtype)


def view(x: Array, shape: Shape) -> Array:
    return x.reshape(shape)


permute, expand, flip, roll = np.transpose, np.broadcast_to, np.flip, np.roll


def slice_(x: Array, key: Any) -> Array:
    return x[key]


def diagonal(x: Array, offset: int, axis1: int, axis2: int) -> Array:
    return np.diagonal(x, offset, axis1, axis2)


def unfold(x: Array, axis: int, size: int, step: int) -> Array:
    starts = range(0, x.shape[axis] - size + 1, step)
    parts = [np.moveaxis(np.take(x, range(s, s + size), axis), axis, -1) for s in starts]
    return np.stack(parts, axis)


def unslice(g: Array, shape: Shape, key: Any) -> Array:
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


def undiagonal(g: Array, shape: Shape, offset: int, axis1: int, axis2: int) -> Array:
    out = np.zeros(shape, g.dtype)
    rest = [n for axis, n in enumerate(shape) if axis not in (axis1, axis2)]
    for i in np.ndindex(*rest, g.shape[-1]):
        position = list(i[:-1])
        for axis, start in sorted(((axis1, max(-offset, 0)), (axis2, max(offset, 0)))):
            position.insert(axis, start + i[-1])
        out[tuple(position)] = g[i]
    return out


def fold(g: Array, shape: Shape, axis: int, size: int, step: int) -> Array:
    out = np.zeros(shape, g.dtype)
    for i in np.ndindex(g.shape):
        position = list(i[:-1])
        position[axis] = i[axis] * step + i[-1]
        out[tuple(position)] += g[i]
    return out


def pad(x: Array, widths: Any, value: Any) -> Array:
    out = np.full(
        [low + n + high for n, (low, high) in zip(x.shape, widths, strict=True)], value, x.dtype
    )
    out[tuple(slice(low, low + n) for n, (low, _) in zip(x.shape, widths, strict=True))] = x
    return out


def cat(xs: Sequence[Array], axis: int) -> Array:
    return np.concatenate(xs, axis)


def tril(x: Array, k: int) -> Array:
    return np.tril(x, k).astype(x.dtype)


def triu(x: Array, k: int) -> Array:
    return np.triu(x, k).astype(x.dtype)


# -- one operand

neg, exp, expm1, log, log1p, sqrt = np.negative, np.exp, np.expm1, np.log, np.log1p, np.sqrt
sin, cos, tan, asin, acos, atan = np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan
sinh, cosh, tanh, exp2, log2, log10 = np.sinh, np.cosh, np.tanh, np.exp2, np.log2, np.log10
isnan, isinf, isfinite = np.isnan, np.isinf, np.isfinite
logical_not, bitwise_not, square, abs_ = np.logical_not, np.invert, np.square, np.abs
asinh, acosh, atanh, signbit = np.arcsinh, np.arccosh, np.arctanh, np.signbit
logaddexp, logaddexp2, nextafter = np.logaddexp, np.logaddexp2, np.nextafter
erf, erfc = _each(math.erf), _each(math.erfc)


def _is_pole(x: float) -> bool:
    """Of the gamma function, that is."""
    return x <= 0 and (math.isinf(x) or x == math.floor(x))


lgamma = _each(lambda x: math.inf if _is_pole(x) else math.lgamma(x))


@_each
def erfinv(x: float) -> float:
    """Solved by bisection."""
    if not abs(x) < 1:
        return x * math.inf if abs(x) == 1 else math.nan
    low, high = -6.0, 6.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < x else (low, middle)
    return low


def polygamma(x: Array, n: int) -> Array:
    """The sum of its series up to 400, and the rest by the formula of Euler and Maclaurin."""
    s = n + 1

    def of(y: float) -> float:
        if _is_pole(y):
            if n == 0:
                return math.nan if y else -math.copysign(math.inf, y)
            return (-1) ** s * math.inf
        far = y + 400
        rest = -math.log(far) if n == 0 else far**-n / n
        rest += far**-s / 2 + s * far ** -(s + 1) / 12
        rest -= s * (s + 1) * (s + 2) * far ** -(s + 3) / 720
        total = math.fsum([(y + k) ** -s for k in range(400)] + [rest])
        return (-1) ** s * math.factorial(n) * total

    return _each(of)(x)


def _bessel(order: int) -> Callable[..., Any]:
    def of(x: float) -> float:
        terms = ((x / 2) ** (2 * k + order) for k in range(80))
        return math.fsum(
            term / math.factorial(k) / math.factorial(k + order) for k, term in enumerate(terms)
        )

    return _each(of)


i0, i1 = _bessel(0), _bessel(1)


def _scaled_bessel(order: int) -> Callable[..., Any]:
    """The mean of e^(x (cos t - 1)) cos(order t) over a circle; for large x what it tends to."""
    t = np.linspace(0, 2 * math.pi, 4000, endpoint=False)

    def of(x: float) -> float:
        size, sign = abs(x), -1 if x < 0 and order else 1
        if size > 1e4:
            return sign * (1 - (4 * order - 1) / (8 * size)) / math.sqrt(2 * math.pi * size)
        return float(sign * np.mean(np.exp(size * (np.cos(t) - 1)) * np.cos(order * t)))

    return _each(of)


i0e, i1e = _scaled_bessel(0), _scaled_bessel(1)


@_each
def erfcx(x: float) -> float:
    """For large x by its continued fraction."""
    if not x > 3:
        return math.exp(x * x) * math.erfc(x) if x > -26 else math.inf if x < 0 else x
    below = x
    for k in range(200, 0, -1):
        below = x + k / 2 / below
    return 1 / math.sqrt(math.pi) / below


def sign(x: Array) -> Array:
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def rsqrt(x: Array) -> Array:
    return 1 / np.sqrt(x)


def reciprocal(x: Array) -> Array:
    return 1 / x


def _stays_int(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: x.copy() if x.dtype.kind != "f" else function(x)


floor, ceil, trunc, round_ = (_stays_int(f) for f in (np.floor, np.ceil, np.trunc, np.rint))


def relu(x: Array) -> Array:
    return np.maximum(x, 0).astype(x.dtype)


def leaky_relu(x: Array, slope: float) -> Array:
    return np.where(x > 0, x, slope * x)


def elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(x))


def softplus(x: Array, beta: float, threshold: float) -> Array:
    return np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta)


def sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * x))


def silu(x: Array) -> Array:
    return x * sigmoid(x)


def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


def gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


# -- two and three operands

sub, div, atan2, hypot, fmin, fmax = np.subtract, np.divide, np.arctan2, np.hypot, np.fmin, np.fmax
add, mul, fmod, maximum, minimum = np.add, np.multiply, np.fmod, np.maximum, np.minimum
eq, ne, lt, le, gt, ge = (
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
)
logical_and, logical_or, logical_xor = np.logical_and, np.logical_or, np.logical_xor
gcd = _with_int_wrap(math.gcd)
bitwise_and, bitwise_or, bitwise_xor = np.bitwise_and, np.bitwise_or, np.bitwise_xor


def _float_or_int(
    of_floats: Callable[..., Any], of_ints: Callable[[int, int], int]
) -> Callable[..., Any]:
    ints = _with_int_wrap(of_ints)

    def apply(x: Any, y: Any) -> Array:
        dtype = (x if isinstance(x, np.ndarray) else y).dtype
        return (of_floats if dtype.kind == "f" else ints)(x, y)

    return apply


def _floor_divide_floats(x: Any, y: Any) -> Array:
    x, y = np.broadcast_arrays(x, y)
    return np.where(y == 0, x / y, np.floor_divide(x, y))


def _int_pow(x: int, y: int) -> int:
    if y >= 0:
        return pow(x, y, 1 << 64)
    return {1: 1, -1: 1 if y % 2 == 0 else -1}.get(x, 0)


floor_divide = _float_or_int(_floor_divide_floats, lambda x, y: x // y)
remainder = _float_or_int(np.remainder, lambda x, y: x % y)
pow_ = _float_or_int(np.power, _int_pow)


def bitwise_left_shift(x: Any, y: Any) -> Array:
    bits = (x if isinstance(x, np.ndarray) else y).dtype.itemsize * 8
    return _with_int_wrap(lambda a, b: a << b if 0 <= b < bits else 0)(x, y)


def bitwise_right_shift(x: Any, y: Any) -> Array:
    bits = (x if isinstance(x, np.ndarray) else y).dtype.itemsize * 8
    return _with_int_wrap(lambda a, b: a >> b if 0 <= b < bits else -1 if a < 0 else 0)(x, y)


def where(condition: Array, x: Any, y: Any) -> Array:
    dtype = (x if isinstance(x, np.ndarray) else y).dtype
    return np.where(condition, x, y).astype(dtype)


def clamp(x: Array, low: Any, high: Any) -> Array:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def addcmul(x: Array, y: Array, z: Array, value: Any) -> Array:
    return x + value * y * z


def lerp(x: Array, y: Array, w: Any) -> Array:
    d = y - x
    return np.where(np.abs(w) < 0.5, x + w * d, y - d * (1 - w))


# -- reductions


def sum_(x: Array, axes: Shape, keepdims: bool) -> Array:
    return np.sum(x, axes, dtype=x.dtype, keepdims=keepdims)


def prod(x: Array, axes: Shape, keepdims: bool) -> Array:
    return np.prod(x, axes, dtype=x.dtype, keepdims=keepdims)


def max_(x: Array, axes: Shape, keepdims: bool) -> Array:
    return np.max(x, axes, keepdims=keepdims)


def min_(x: Array, axes: Shape, keepdims: bool) -> Array:
    return np.min(x, axes, keepdims=keepdims)


def any_(x: Array, axes: Shape, keepdims: bool) -> Array:
    return np.any(x, axes, keepdims=keepdims)


def all_(x: Array, axes: Shape, keepdims: bool) -> Array:
    return np.all(x, axes, keepdims=keepdims)


def _lines(x: Array, axis: int) -> Array:
    """x with `axis` last; a 0-d array as one line of one element."""
    return np.moveaxis(x, axis, -1) if x.ndim else x.reshape(1)


def _drop(out: Array, axis: int, keepdims: bool) -> Array:
    return np.expand_dims(out, axis) if keepdims and out.ndim + 1 > 0 else out


def argmax(x: Array, axis: int, keepdims: bool) -> Array:
    if x.ndim == 0:
        return np.array(0)
    return np.argmax(x, axis, keepdims=keepdims)


def argmin(x: Array, axis: int, keepdims: bool) -> Array:
    if x.ndim == 0:
        return np.array(0)
    return np.argmin(x, axis, keepdims=keepdims)


def max_with_indices(x: Array, axis: int, keepdims: bool) -> tuple[Array, Array]:
    return max_(x, (axis,) if x.ndim else (), keepdims), argmax(x, axis, keepdims)


def min_with_indices(x: Array, axis: int, keepdims: bool) -> tuple[Array, Array]:
    return min_(x, (axis,) if x.ndim else (), keepdims), argmin(x, axis, keepdims)


def cumsum(x: Array, axis: int) -> Array:
    return np.cumsum(x, axis, x.dtype) if x.ndim else x.copy()


def cumprod(x: Array, axis: int) -> Array:
    return np.cumprod(x, axis, x.dtype) if x.ndim else x.copy()


def cummax(x: Array, axis: int) -> tuple[Array, Array]:
    if x.ndim == 0:
        return x.copy(), np.array(0)
    values, indices = x.copy(), np.zeros(x.shape, np.int64)
    for i in np.ndindex(x.shape):
        if i[axis]:
            before = _at(i, axis, i[axis] - 1)
            stays = values[before] != values[before] or values[before] > x[i]
            values[i] = values[before] if stays and x[i] == x[i] else x[i]
            indices[i] = indices[before] if stays and x[i] == x[i] else i[axis]
    return values, indices


def var(x: Array, axes: Shape, correction: float, keepdims: bool) -> Array:
    n = math.prod(x.shape[axis] for axis in axes)
    mean = np.sum(x, axes, keepdims=True) / np.float64(n)
    return np.sum((x - mean) ** 2, axes, keepdims=keepdims) / np.float64(max(n - correction, 0))


def logsumexp(x: Array, axes: Shape, keepdims: bool) -> Array:
    top = np.max(x, axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.log(np.sum(np.exp(x - top), axes, keepdims=keepdims))
    return total + top.reshape(total.shape)


# -- indexing


def _at(i: tuple[int, ...], axis: int, j: Any) -> tuple[Any, ...]:
    return (*i[:axis], int(j), *i[axis + 1 :]) if i else ()


def gather(x: Array, axis: int, index: Array) -> Array:
    out = np.empty(index.shape, x.dtype)
    for i in np.ndindex(index.shape):
        out[i] = x[_at(i, axis, index[i])]
    return out


def scatter(x: Array, axis: int, index: Array, src: Array) -> Array:
    out = x.copy()
    for i in np.ndindex(index.shape):
        out[_at(i, axis, index[i])] = src[i]
    return out


def scatter_add(x: Array, axis: int, index: Array, src: Array) -> Array:
    out = x.copy()
    for i in np.ndindex(index.shape):
        out[_at(i, axis, index[i])] += src[i]
    return out


def scatter_max(x: Array, axis: int, index: Array, src: Array) -> Array:
    out = x.copy()
    for i in np.ndindex(index.shape):
        at = _at(i, axis, index[i])
        out[at] = np.maximum(out[at], src[i])
    return out


def _subscript(indices: Sequence[Array | None]) -> Any:
    return tuple(slice(None) if index is None else index for index in indices)


def index(x: Array, indices: Sequence[Array | None]) -> Array:
    return x[_subscript(indices)]


def index_put(x: Array, indices: Sequence[Array | None], values: Array, accumulate: bool) -> Array:
    out = x.copy()
    if accumulate:
        np.add.at(out, _subscript(indices), values)
    else:
        out[_subscript(indices)] = values
    return out


def index_select(x: Array, axis: int, index: Array) -> Array:
    return np.take(x, index, axis) if x.ndim else x.copy()


def index_add(x: Array, axis: int, index: Array, src: Array) -> Array:
    out = x.copy()
    for i in np.ndindex(src.shape):
        out[_at(i, axis, index[i[axis]])] += src[i]
    return out


def nonzero(x: Array) -> Array:
    found = [i for i in np.ndindex(x.shape) if x[i] != 0]
    return np.array(found, np.int64).reshape(len(found), x.ndim)


def _order(row: Array, descending: bool) -> list[int]:
    """A stable order in which NaN is the largest; sorted() keeps equal elements in place also when
    it reverses.
    """
    ranked = [(v != v, 0 if v != v else v) for v in row.tolist()]
    return sorted(range(len(row)), key=lambda j: ranked[j], reverse=descending)


def sort(x: Array, axis: int, descending: bool) -> tuple[Array, Array]:
    lines = _lines(x, axis)
    order = np.zeros(lines.shape, np.int64)
    for i in np.ndindex(lines.shape[:-1]):
        order[i] = _order(lines[i], descending)
    values = np.take_along_axis(lines, order, -1)
    if x.ndim == 0:
        return values.reshape(()), order.reshape(())
    return np.moveaxis(values, -1, axis), np.moveaxis(order, -1, axis)


def topk(x: Array, k: int, axis: int, largest: bool) -> tuple[Array, Array]:
    values, order = sort(x, axis, largest)
    if x.ndim == 0:
        return values, order
    return np.take(values, range(k), axis), np.take(order, range(k), axis)


def searchsorted(sorted: Array, values: Array, right: bool) -> Array:
    row, value = sorted[..., None, :], values[..., None]
    return np.sum(row <= value if right else row < value, -1).astype(np.int64)


def unique(x: Array) -> tuple[Array, Array, Array]:
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, equal_nan=False)
    return values, inverse.reshape(x.shape), counts


# -- contractions


def matmul(x: Array, y: Array) -> Array:
    return np.sum(x[..., :, :, None] * y[..., None, :, :], -2, dtype=x.dtype)


def linear(x: Array, w: Array, b: Array | None) -> Array:
    out = np.sum(x[..., None, :] * w, -1)
    return out if b is None else out + b


def det(x: Array) -> Array:
    """Expanded by the first row."""
    n = x.shape[-1]
    if n == 0:
        return np.ones(x.shape[:-2])
    minors = [det(np.delete(x[..., 1:, :], c, -1)) for c in range(n)]
    return np.sum([(-1) ** c * x[..., 0, c] * minor for c, minor in enumerate(minors)], 0)


def _conv_terms(
    x_shape: Shape,
    w_shape: Shape,
    out_shape: Shape,
    stride: Shape,
    padding: Any,
    dilation: Shape,
    groups: int,
) -> Any:
    """All (n, o, c, c of w, position p, k, position in x) of Note [Convolution] that lie inside x.
    """
    per_group_in, per_group_out = w_shape[1], w_shape[0] // groups
    for n, o, c, *pk in np.ndindex(
        x_shape[0], w_shape[0], per_group_in, *out_shape[2:], *w_shape[2:]
    ):
        d = len(stride)
        p, k = tuple(pk[:d]), tuple(pk[d:])
        at = tuple(p[a] * stride[a] + k[a] * dilation[a] - padding[a][0] for a in range(d))
        if all(0 <= at[a] < x_shape[2 + a] for a in range(d)):
            yield (n, o, *p), (o, c, *k), (n, o // per_group_out * per_group_in + c, *at)


def conv_shape(
    x_shape: Shape, w_shape: Shape, stride: Shape, padding: Any, dilation: Shape
) -> Shape:
    """The shape of conv(x, w)."""
    space = tuple(
        (n + low + high - gap * (k - 1) - 1) // step + 1
        for n, k, step, (low, high), gap in zip(
            x_shape[2:], w_shape[2:], stride, padding, dilation, strict=True
        )
    )
    return (x_shape[0], w_shape[0], *space)


def conv(x: Array, w: Array, *geometry: Any) -> Array:
    shape = conv_shape(x.shape, w.shape, *geometry[:3])
    out = np.zeros(shape, x.dtype)
    for i, j, k in _conv_terms(x.shape, w.shape, shape, *geometry):
        out[i] += w[j] * x[k]
    return out


def conv_input(g: Array, w: Array, x_shape: Shape, *geometry: Any) -> Array:
    out = np.zeros(x_shape, g.dtype)
    for i, j, k in _conv_terms(x_shape, w.shape, g.shape, *geometry):
        out[k] += w[j] * g[i]
    return out


def conv_weight(g: Array, x: Array, w_shape: Shape, *geometry: Any) -> Array:
    out = np.zeros(w_shape, g.dtype)
    for i, j, k in _conv_terms(x.shape, w_shape, g.shape, *geometry):
        out[j] += g[i] * x[k]
    return out


def _window(
    p: Shape, x_shape: Shape, size: Shape, stride: Shape, padding: Any, dilation: Shape
) -> list[Shape]:
    """The positions in the plane that window p covers."""
    positions = [
        tuple(p[a] * stride[a] + k[a] * dilation[a] - padding[a][0] for a in range(len(size)))
        for k in np.ndindex(*size)
    ]
    plane = x_shape[-len(size) :]
    return [at for at in positions if all(0 <= i < n for i, n in zip(at, plane, strict=True))]


def max_pool(
    x: Array, size: Shape, stride: Shape, padding: Any, dilation: Shape, out_shape: Shape
) -> Any:
    values, indices = np.empty(out_shape, x.dtype), np.empty(out_shape, np.int64)
    plane = x.shape[2:]
    for n, c, *p in np.ndindex(out_shape):
        best = None
        for at in _window(tuple(p), x.shape, size, stride, padding, dilation):
            value = x[(n, c, *at)]
            if best is None or value > values[(n, c, *p)] or (value != value and best == best):
                best = values[(n, c, *p)] = value
                indices[(n, c, *p)] = np.ravel_multi_index(at, plane)
    return values, indices


def max_pool_input(g: Array, indices: Array, x_shape: Shape) -> Array:
    out = np.zeros((*x_shape[:2], math.prod(x_shape[2:])), g.dtype)
    for i in np.ndindex(g.shape):
        out[(*i[:2], indices[i])] += g[i]
    return out.reshape(x_shape)


def _pool_count(
    p: Shape,
    x_shape: Shape,
    size: Shape,
    stride: Shape,
    padding: Any,
    count_include_pad: bool,
    divisor: Any,
) -> float:
    if divisor is not None:
        return float(divisor)
    count = 1
    for a, (n, s, step, (low, high)) in enumerate(
        zip(x_shape[2:], size, stride, padding, strict=True)
    ):
        first, last = (-low, n + high) if count_include_pad else (0, n)
        covered = range(p[a] * step - low, p[a] * step - low + s)
        count *= len([i for i in covered if first <= i < last])
    return float(count)


def avg_pool(
    x: Array,
    size: Shape,
    stride: Shape,
    padding: Any,
    out_shape: Shape,
    count_include_pad: bool,
    divisor: Any,
) -> Array:
    out = np.zeros(out_shape, x.dtype)
    ones = (1,) * len(size)
    for n, c, *p in np.ndindex(out_shape):
        inside = _window(tuple(p), x.shape, size, stride, padding, ones)
        total = sum(x[(n, c, *at)] for at in inside)
        out[(n, c, *p)] = total / _pool_count(
            tuple(p), x.shape, size, stride, padding, count_include_pad, divisor
        )
    return out


def avg_pool_input(
    g: Array,
    x_shape: Shape,
    size: Shape,
    stride: Shape,
    padding: Any,
    count_include_pad: bool,
    divisor: Any,
) -> Array:
    out = np.zeros(x_shape, g.dtype)
    for n, c, *p in np.ndindex(g.shape):
        count = _pool_count(tuple(p), x_shape, size, stride, padding, count_include_pad, divisor)
        for at in _window(tuple(p), x_shape, size, stride, padding, (1,) * len(size)):
            out[(n, c, *at)] += g[(n, c, *p)] / count
    return out


# -- fused kernels; a gradient is the Jacobian of the forward one, written out, times g


def softmax(x: Array, axis: int) -> Array:
    return np.exp(log_softmax(x, axis))


def log_softmax(x: Array, axis: int) -> Array:
    return x - logsumexp(x, (axis,) if x.ndim else (), True)


def softmax_grad(g: Array, out: Array, axis: int) -> Array:
    g_lines, lines = _lines(g, axis), _lines(out, axis)
    gx = np.empty(lines.shape)
    for i in np.ndindex(lines.shape[:-1]):
        gx[i] = (np.diag(lines[i]) - np.outer(lines[i], lines[i])) @ g_lines[i]
    return np.moveaxis(gx, -1, axis) if g.ndim else gx.reshape(())


def log_softmax_grad(g: Array, out: Array, axis: int) -> Array:
    g_lines, lines = _lines(g, axis), _lines(out, axis)
    gx = np.empty(lines.shape)
    for i in np.ndindex(lines.shape[:-1]):
        n = lines.shape[-1]
        gx[i] = (np.eye(n) - np.outer(np.exp(lines[i]), np.ones(n))) @ g_lines[i]
    return np.moveaxis(gx, -1, axis) if g.ndim else gx.reshape(())


def relu_grad(g: Array, out: Array) -> Array:
    return np.where(out <= 0, 0, g)


def gelu_grad(g: Array, x: Array) -> Array:
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return g * (0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density)


def gelu_tanh_grad(g: Array, x: Array) -> Array:
    t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return g * 0.5 * (1 + t + x * (1 - t**2) * slope)


def silu_grad(g: Array, x: Array) -> Array:
    s = sigmoid(x)
    return g * s * (1 + x * (1 - s))


def cross_entropy(
    x: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> tuple[Array, Array, Array]:
    n, classes = x.shape
    w = np.ones(classes) if weight is None else weight
    log_probs = log_softmax(x, 1)
    loss, total = np.zeros(n), 0.0
    for i, t in enumerate(target.tolist()):
        if t != ignore_index:
            hard, smooth = -w[t] * log_probs[i, t], -(w * log_probs[i]).sum() / classes
            loss[i] = (1 - label_smoothing) * hard + label_smoothing * smooth
            total += w[t]
    reduced = {"none": loss, "sum": loss.sum(), "mean": loss.sum() / np.float64(total)}[reduction]
    return np.asarray(reduced), log_probs, np.asarray(total)


def cross_entropy_grad(
    g: Array,
    log_probs: Array,
    target: Array,
    weight: Array | None,
    total_weight: Array,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Array:
    classes = log_probs.shape[1]
    w = np.ones(classes) if weight is None else weight
    gx = np.zeros(log_probs.shape)
    unit = 1 / total_weight if reduction == "mean" else 1.0
    for i, t in enumerate(target.tolist()):
        if t == ignore_index:
            continue
        p = np.exp(log_probs[i])
        hard = w[t] * (p - (np.arange(classes) == t))
        soft = (p * w.sum() - w) / classes
        gx[i] = (
            (g[i] if g.ndim else g) * unit * ((1 - label_smoothing) * hard + label_smoothing * soft)
        )
    return gx


def layer_norm(x: Array, w: Array | None, b: Array | None, n_axes: int, eps: float) -> Any:
    axes = tuple(range(x.ndim - n_axes, x.ndim))
    mean = np.mean(x, axes, keepdims=True)
    rstd = 1 / np.sqrt(np.mean((x - mean) ** 2, axes, keepdims=True) + eps)
    out = (x - mean) * rstd * (1 if w is None else w) + (0 if b is None else b)
    return out, mean, rstd


def layer_norm_grad(
    g: Array, x: Array, w: Array | None, mean: Array, rstd: Array, n_axes: int
) -> Any:
    inner = tuple(range(x.ndim - n_axes, x.ndim))
    outer = tuple(range(x.ndim - n_axes))
    h = (x - mean) * rstd
    v = g if w is None else g * w
    n = math.prod(x.shape[axis] for axis in inner)
    shared = v.sum(inner, keepdims=True) + h * (v * h).sum(inner, keepdims=True)
    return rstd * (v - shared / n), None if w is None else (g * h).sum(outer), g.sum(outer)


def batch_norm(x: Array, w: Array | None, b: Array | None, eps: float) -> Any:
    axes, channel = (0, *range(2, x.ndim)), (-1,) + (1,) * (x.ndim - 2)
    mean, var_ = np.mean(x, axes), np.var(x, axes)
    rstd = 1 / np.sqrt(var_ + eps)
    out = (x - mean.reshape(channel)) * rstd.reshape(channel)
    out = out * (1 if w is None else w.reshape(channel)) + (0 if b is None else b.reshape(channel))
    return out, mean, var_, rstd


def batch_norm_grad(g: Array, x: Array, w: Array | None, mean: Array, rstd: Array) -> Any:
    gx, gw, gb = np.empty(x.shape), np.empty(mean.shape), np.empty(mean.shape)
    for c in range(len(mean)):
        gc, h = g[:, c], (x[:, c] - mean[c]) * rstd[c]
        gw[c], gb[c] = (gc * h).sum(), gc.sum()
        scale = rstd[c] * (1 if w is None else w[c])
        gx[:, c] = scale * (gc - gb[c] / gc.size - h * gw[c] / gc.size)
    return gx, gw, gb


def attention(
    q: Array, k: Array, v: Array, mask: Array | None, is_causal: bool, scale: float
) -> Any:
    score = matmul(q, np.swapaxes(k, -1, -2)) * scale
    rows, columns = score.shape[-2:]
    if is_causal:
        score = np.where(np.arange(columns) <= np.arange(rows)[:, None], score, -np.inf)
    if mask is not None:
        score = np.where(mask, score, -np.inf) if mask.dtype == bool else score + mask
    powers = np.exp(score - np.max(score, -1, keepdims=True, initial=-1e300))
    total = powers.sum(-1, keepdims=True)
    probs = np.where(total > 0, powers / np.where(total > 0, total, 1), 0.0)
    return matmul(probs, v), probs


def attention_grad(g: Array, q: Array, k: Array, v: Array, probs: Array, scale: float) -> Any:
    gprobs = matmul(g, np.swapaxes(v, -1, -2))
    gscore = softmax_grad(gprobs, probs, g.ndim - 1) * scale
    return (
        matmul(gscore, k),
        matmul(np.swapaxes(gscore, -1, -2), q),
        matmul(np.swapaxes(probs, -1, -2), g),
    )


# -- recurrent layers


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, w: Array, h: Array, c: Array, reverse: bool) -> Any:
    found = {}
    for t in range(len(x))[:: -1 if reverse else 1]:
        i, f, g, o = np.split(x[t] + h @ w.T, 4, 1)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        found[t] = h, c, np.concatenate([i, f, g, o], 1)
    steps = [found[t] for t in range(len(x))]
    out, cells, gates = (np.stack(part) for part in zip(*steps, strict=True))
    return out, c, cells, gates


def lstm_grad(
    g: Array, g_last: Array, w: Array, h: Array, c: Array, out: Array, cells: Array, gates: Array,
    reverse: bool,
) -> Any:  # fmt: skip
    gx, gw, gh, gc = np.zeros_like(gates), np.zeros_like(w), np.zeros_like(h), g_last
    order = range(len(g)) if reverse else range(len(g))[::-1]
    for t in order:
        is_first = t == order[-1]
        previous = t + 1 if reverse else t - 1
        h_before, c_before = (h, c) if is_first else (out[previous], cells[previous])
        i, f, z, o = np.split(gates[t], 4, 1)
        level = np.tanh(cells[t])
        gh = gh + g[t]
        gc = gc + gh * o * (1 - level**2)
        gi, gf = gc * z * i * (1 - i), gc * c_before * f * (1 - f)
        gz, go = gc * i * (1 - z**2), gh * level * o * (1 - o)
        gx[t] = np.concatenate([gi, gf, gz, go], 1)
        gw, gh, gc = gw + gx[t].T @ h_before, gx[t] @ w, gc * f
    return gx, gw, gh, gc


def _ctc_origins(skips: Array, n: int, s: int) -> tuple[int, ...]:
    return (0, 1, 2) if skips[n, s] else (1, 2)


def ctc(x: Array, skips: Array, frames: Array, last: Array) -> Any:
    never = -1e30
    steps, batch, places = x.shape
    alpha = np.full((steps + 1, batch, places + 2), never)
    alpha[0, :, 1] = 0
    for t, n, s in np.ndindex(x.shape):
        before = [alpha[t, n, s + k] for k in _ctc_origins(skips, n, s)]
        alpha[t + 1, n, s + 2] = x[t, n, s] + np.logaddexp.reduce(before)
    ends = [[alpha[frames[n], n, last[n] + k] for k in (1, 2)] for n in range(batch)]
    return np.logaddexp.reduce(np.reshape(ends, (batch, 2)), axis=1), alpha


def ctc_grad(g: Array, alpha: Array, skips: Array, frames: Array, last: Array) -> Array:
    steps, batch, width = alpha.shape
    out = np.zeros(alpha.shape)

    def share(t: int, n: int, places: list[int], amount: float) -> None:
        powers = np.exp(alpha[t, n, places] - alpha[t, n, places].max())
        out[t, n, places] += amount * powers / powers.sum()

    for n in range(batch):
        share(frames[n], n, [last[n] + 1, last[n] + 2], g[n])
    for t in range(steps - 1, 0, -1):
        for n, s in np.ndindex(batch, width - 2):
            share(t - 1, n, [s + k for k in _ctc_origins(skips, n, s)], out[t, n, s + 2])
    return out[1:, :, 2:]


# -- random numbers, by Note [Randomness]


def _words(seed: Any, offset: Any, n: int) -> np.ndarray:
    seed, offset = (int(x) % (1 << 64) for x in (seed, offset))
    return np.random.Philox(key=seed, counter=offset).random_raw(n).astype(np.uint64)


def _halves(seed: Any, offset: Any, n: int) -> np.ndarray:
    words = _words(seed, offset, (n + 1) // 2)
    return np.stack([words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)], 1).ravel()[:n]


def random_bits(seed: Array, offset: Array, n: int) -> Array:
    return _words(seed, offset, n).view(np.int64)


def uniform(seed: Array, offset: Array, shape: Shape, dtype: np.dtype) -> Array:
    n = math.prod(shape)
    if dtype == np.float64:
        out = (_words(seed, offset, n) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    else:
        digits = 24 if dtype == np.float32 else 11
        bits = _halves(seed, offset, n) >> np.uint64(32 - digits)
        out = bits.astype(np.float64) * 2.0**-digits
    return out.reshape(shape)


def normal(seed: Array, offset: Array, shape: Shape, dtype: np.dtype) -> Array:
    n = math.prod(shape)
    m = n + n % 2
    if dtype == np.float64:
        words = _words(seed, offset, m) >> np.uint64(11)
        a, b = (words[0::2] + np.uint64(1)) * 2.0**-53, words[1::2] * 2.0**-53
    else:
        halves = _halves(seed, offset, m)
        a, b = (halves[0::2] + np.uint64(1)) * 2.0**-32, (halves[1::2] >> np.uint64(8)) * 2.0**-24
    radius, angle = np.sqrt(-2 * np.log(a)), 2 * np.pi * b
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return both.ravel()[:n].reshape(shape)


def randint(
    seed: Array, offset: Array, shape: Shape, low: int, high: int, dtype: np.dtype
) -> Array:
    words = _words(seed, offset, math.prod(shape)).tolist()
    return np.array([low + (w * (high - low) >> 64) for w in words], dtype).reshape(shape)


# -- optimizer steps: the new values of what the kernel writes, in the kernel's order


def sgd_(
    ps: Any,
    gs: Any,
    bufs: Any,
    lr: Array,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> tuple[list[Array], list[Array]]:
    new_ps, new_bufs = [], []
    for i, (p, g) in enumerate(zip(ps, gs, strict=True)):
        g = (-g if maximize else g) + weight_decay * p
        if bufs is not None:
            buf = momentum * bufs[i] + (1 - dampening) * g
            g = g + momentum * buf if nesterov else buf
            new_bufs.append(buf)
        new_ps.append(p - lr * g)
    return new_ps, new_bufs


def adam_(
    ps: Any,
    gs: Any,
    ms: Any,
    vs: Any,
    lr: Array,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    correction1: Array,
    correction2: Array,
    maximize: bool,
) -> tuple[list[Array], list[Array], list[Array]]:
    new: tuple[list[Array], list[Array], list[Array]] = ([], [], [])
    for p, g, m, v in zip(ps, gs, ms, vs, strict=True):
        g = -g if maximize else g
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        p = p - lr / correction1 * m / (np.sqrt(v) / np.sqrt(correction2) + eps)
        for out, value in zip(new, (p, m, v), strict=True):
            out.append(value)
    return new
