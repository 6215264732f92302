"""What to feed each kernel: one row a kernel, for the op specs and the conformance suite alike.

A row's `inputs(draw)` returns the kernel's arguments: float64 arrays (or whatever `draw.dtype`
says) for values, bool arrays for conditions, int64 arrays for indices, plain Python for parameters.
Domains stay away from the points where the function jumps, has a kink or is flat, so that the same
inputs serve to check gradients. Where that would leave out cases which are worth a look without
gradients, `smooth` is the narrower choice for gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.testing import reference
from minigrad.testing.draws import Domain, Draw, Shape

Inputs = Callable[[Draw], tuple[Any, ...]]


@dataclass(frozen=True)
class Kernel:
    """How to try a kernel.

    kinds          f(loat), i(nteger), b(ool): the types of its value operands
    tolerance      allowed error in multiples of eps * (|expected| + the largest |expected|)
    elementwise    takes out= and broadcasts; its first `operands` arguments may be numbers
    half           also tried in float16
    """

    name: str
    inputs: Inputs
    kinds: str = "f"
    smooth: Inputs | None = None
    tolerance: float = 16.0
    elementwise: bool = False
    operands: int = 1
    half: bool = False

    @property
    def ref(self) -> Callable[..., Any]:
        return reference.of(self.name)

    def dtypes(self) -> list[np.dtype]:
        """The types of values to try."""
        names = {"f": "float64 float32", "i": "int64 int32 uint8 int8 int16", "b": "bool"}
        found = [np.dtype(name) for kind in self.kinds for name in names[kind].split()]
        return [*found, np.dtype(np.float16)] if self.half else found


table: dict[str, Kernel] = {}


def row(name: str, inputs: Inputs, kinds: str = "f", **rest: Any) -> None:
    assert name not in table, f"{name} has two rows"
    table[name] = Kernel(name, inputs, kinds, **rest)


# -- elementwise

AWAY: Domain = ((-2.0, -0.3), (0.3, 2.0))  # from 0
POSITIVE: Domain = (0.3, 3.0)
STEPS: Domain = (
    (-1.9, -1.6),
    (-1.4, -1.1),
    (-0.9, -0.6),
    (-0.4, -0.1),
    (0.1, 0.4),
    (0.6, 0.9),
    (1.1, 1.4),
)


def unary(
    name: str, domain: Domain = (-2.0, 2.0), kinds: str = "f", *params: Any, **rest: Any
) -> None:
    def inputs(draw: Draw) -> tuple[Any, ...]:
        return (draw.values(draw.shape(), domain), *params)

    row(name, inputs, kinds, elementwise=True, half=True, **rest)


for name in (
    "exp",
    "expm1",
    "sin",
    "tanh",
    "erf",
    "sinh",
    "exp2",
    "atan",
    "sigmoid",
    "gelu",
    "gelu_tanh",
    "silu",
    "asinh",
    "erfc",
    "i1",
):
    unary(name)
for name in ("log", "sqrt", "log2", "log10", "rsqrt"):
    unary(name, POSITIVE)
for name in ("floor", "round", "ceil", "trunc"):
    unary(name, STEPS, "fi")
for name in ("asin", "acos"):
    unary(name, (-0.8, 0.8))
for name in ("isnan", "isinf", "isfinite", "logical_not"):
    unary(name, AWAY, "fib")
unary("neg", kinds="fi")
unary("abs", AWAY, "fib")
unary("sign", AWAY, "fi")
unary("square", AWAY, "fi")
unary("relu", AWAY, "fi")
unary("log1p", (-0.6, 2.0))
unary("cos", (0.3, 2.8))
unary("tan", (-1.2, 1.2))
unary("cosh", AWAY)
unary("reciprocal", AWAY)
row("bitwise_not", lambda draw: (draw.values(draw.shape()),), "ib", elementwise=True)
unary("acosh", (1.2, 3.0))
unary("atanh", (-0.8, 0.8))
unary("erfinv", (-0.8, 0.8))
# Between its minimum at 1.46 and its poles at 0, -1 ... lgamma falls.
unary("lgamma", ((-2.8, -2.6), (-0.4, -0.2), (0.2, 1.2), (1.8, 4.0)), tolerance=128)
unary("i0", AWAY)
unary("i0e", AWAY)
unary("i1e", AWAY)
unary("erfcx", (-2.0, 2.0), tolerance=64)
unary("signbit", AWAY)
unary("leaky_relu", AWAY, "f", 0.125)
unary("elu", AWAY, "f", 1.5)


def _polygamma(draw: Draw) -> tuple[Any, ...]:
    return draw.values(draw.shape(), ((-1.4, -1.2), (0.5, 3.0))), draw.integer(0, 3)


row("polygamma", _polygamma, elementwise=True, tolerance=64)


def _softplus(draw: Draw) -> tuple[Any, ...]:
    # Beyond the threshold softplus is x: a step of 1e-3 there, which differences must not straddle.
    return draw.values(draw.shape(), ((-3.0, 2.4), (2.6, 4.0))), 2.0, 5.0


row("softplus", _softplus, elementwise=True)


def binary(
    name: str, x: Domain = (-2.0, 2.0), y: Domain = (-2.0, 2.0), kinds: str = "f", **rest: Any
) -> None:
    def inputs(draw: Draw) -> tuple[Any, ...]:
        x_shape, y_shape = draw.broadcastable(2)
        return draw.values(x_shape, x), draw.values(y_shape, y)

    row(name, inputs, kinds, elementwise=True, operands=2, half="f" in kinds, **rest)


LEFT: Domain = ((-1.9, -1.1), (0.1, 0.9))  # never meets RIGHT
RIGHT: Domain = ((-0.9, -0.1), (1.1, 1.9))

binary("add", kinds="fib")
binary("sub", kinds="fi")
binary("mul", kinds="fib")
binary("div", (-2.0, 2.0), AWAY)
for name in ("floor_divide", "fmod", "remainder"):
    # the quotient lies between 1.1 and 1.9 or 2.1 and 2.9, or the same below 0: away from the
    # jumps, and nowhere near 0
    divisors = ((-1.8, -1.2), (-0.94, -0.8), (0.8, 0.94), (1.2, 1.8))
    binary(name, ((-2.3, -2.0), (2.0, 2.3)), divisors, "fi")
binary("pow", (0.3, 2.5), (0.3, 2.5), "fi", tolerance=64)
binary("atan2", AWAY, AWAY)
binary("hypot", AWAY, AWAY)
for name in ("logaddexp", "logaddexp2"):
    binary(name)
binary("nextafter", LEFT, RIGHT)
for name in ("maximum", "minimum", "fmax", "fmin"):
    binary(name, LEFT, RIGHT, "fib" if name.endswith("imum") else "fi")
for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"):
    binary(name, LEFT, (-2.0, 2.0), "fib")
binary("gcd", (-40.0, 40.0), (-40.0, 40.0), "i")
for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    binary(name, kinds="ib")
for name in ("bitwise_left_shift", "bitwise_right_shift"):
    binary(name, (-3.0, 3.0), (0.0, 2.0), kinds="i")


def _where(draw: Draw) -> tuple[Any, ...]:
    condition, x, y = draw.broadcastable(3)
    return draw.booleans(condition), draw.values(x), draw.values(y)


def _clamp(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape(), ((-2.0, -1.1), (-0.9, 0.9), (1.1, 2.0)))
    low, high = draw.choice(((-1.0, 1.0), (None, 1.0), (-1.0, None)))
    if draw.dtype.kind != "f":
        low, high = (None if bound is None else int(bound) + 2 for bound in (low, high))
    return x, low, high


def _ternary(draw: Draw) -> tuple[Any, ...]:
    return tuple(draw.values(shape) for shape in draw.broadcastable(3))


row("where", _where, "fib", elementwise=True)
row("clamp", _clamp, "fi", elementwise=True)
row("addcmul", lambda draw: (*_ternary(draw), 2), "fi", elementwise=True, operands=3)
row("lerp", _ternary, elementwise=True, operands=3, tolerance=32)

# -- memory, views and movement


def _any_shape(draw: Draw) -> tuple[Any, ...]:
    return (draw.values(draw.shape()),)


def _cast(draw: Draw) -> tuple[Any, ...]:
    return draw.values(draw.shape()), np.dtype(draw.choice(("float32", "float64")))


def _view(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape()
    flat = tuple(n for n in shape if n != 1)
    other = draw.choice((flat, (math.prod(shape),), (1, *shape), (*flat, 1)))
    return draw.values(shape), other


def _permute(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape())
    return x, draw.permutation(x.ndim)


def _expand(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape()
    return draw.values(draw.part_of(shape)), shape


def _key(draw: Draw, shape: Shape) -> tuple[int | slice, ...]:
    entries: list[int | slice] = []
    for n in shape:
        start = draw.integer(0, n)
        stop = draw.integer(start, n)
        is_int = n > 0 and draw.integer(0, 3) == 0
        entries.append(draw.integer(0, n - 1) if is_int else slice(start, stop, draw.integer(1, 2)))
    return tuple(entries)


def _slice(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape()
    return draw.values(shape), _key(draw, shape)


def _unslice(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape()
    key = _key(draw, shape)
    return draw.values(np.empty(shape)[key].shape), shape, key


def _two_axes(draw: Draw) -> tuple[Shape, int, int, int]:
    shape = draw.shape(2, 3)
    axis1 = draw.axis(len(shape))
    axis2 = draw.choice([axis for axis in range(len(shape)) if axis != axis1])
    return shape, draw.integer(-shape[axis1], shape[axis2]), axis1, axis2


def _diagonal(draw: Draw) -> tuple[Any, ...]:
    shape, *rest = _two_axes(draw)
    return draw.values(shape), *rest


def _undiagonal(draw: Draw) -> tuple[Any, ...]:
    shape, offset, axis1, axis2 = _two_axes(draw)
    g = draw.values(np.diagonal(np.empty(shape), offset, axis1, axis2).shape)
    return g, shape, offset, axis1, axis2


def _unfold(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape(1, 3, 1)
    axis = draw.axis(len(shape))
    return draw.values(shape), axis, draw.integer(1, shape[axis]), draw.integer(1, 3)


def _fold(draw: Draw) -> tuple[Any, ...]:
    x, axis, size, step = _unfold(draw)
    return draw.values(reference.unfold(x, axis, size, step).shape), x.shape, axis, size, step


def _pad(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape()
    value = 1.5 if draw.dtype.kind == "f" else draw.dtype.kind == "b" or 3
    return draw.values(shape), tuple((draw.integer(0, 2), draw.integer(0, 2)) for _ in shape), value


def _flip(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape())
    return x, draw.axes(x.ndim)


def _roll(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape(1))
    axes = tuple(draw.axis(x.ndim) for _ in range(draw.integer(1, 2)))
    return x, tuple(draw.integer(-5, 5) for _ in axes), axes


def _cat(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape(1)
    axis = draw.axis(len(shape))
    sizes = [draw.side() for _ in range(draw.integer(1, 3))]
    return [draw.values((*shape[:axis], n, *shape[axis + 1 :])) for n in sizes], axis


def _triangle(draw: Draw) -> tuple[Any, ...]:
    return draw.values(draw.shape(2, 3)), draw.integer(-3, 3)


row("cast", _cast, "fi")
row("copy", _any_shape, "fib")
row("contiguous", _any_shape, "fib")
row("view", _view, "fib")
row("permute", _permute, "fib")
row("expand", _expand, "fib")
row("slice", _slice, "fib")
row("unslice", _unslice, "fi")
row("diagonal", _diagonal, "fib")
row("undiagonal", _undiagonal, "fi")
row("unfold", _unfold, "fib")
row("fold", _fold, "fi")
row("pad", _pad, "fib")
row("flip", _flip, "fib")
row("roll", _roll, "fib")
row("cat", _cat, "fib")
row("tril", _triangle, "fib")
row("triu", _triangle, "fib")

# -- reductions


def _reduce(domain: Domain = (-2.0, 2.0), min_side: int = 0) -> Inputs:
    def inputs(draw: Draw) -> tuple[Any, ...]:
        x = draw.values(draw.shape(0, 3, min_side), domain)
        return x, draw.axes(x.ndim), draw.boolean()

    return inputs


def _reduce_distinct(draw: Draw) -> tuple[Any, ...]:
    x = draw.distinct(draw.shape(0, 3, 1))
    return x, draw.axes(x.ndim), draw.boolean()


def _along_distinct(draw: Draw) -> tuple[Any, ...]:
    x = draw.distinct(draw.shape(0, 3, 1))
    return x, draw.axis(x.ndim), draw.boolean()


def _cumulate(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape(), AWAY)
    return x, draw.axis(x.ndim)


def _var(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape(1, 3, 2))
    return x, draw.axes(x.ndim) or (0,), draw.choice((0, 1, 0.5)), draw.boolean()


row("sum", _reduce(), "fi", half=True)
row("prod", _reduce(AWAY), "fi")
row("max", _reduce_distinct, "fib")
row("min", _reduce_distinct, "fib")
row("any", _reduce(), "fib")
row("all", _reduce(), "fib")
row("argmax", _along_distinct, "fib")
row("argmin", _along_distinct, "fib")
row("max_with_indices", _along_distinct, "fib")
row("min_with_indices", _along_distinct, "fib")
row("cumsum", _cumulate, "fi")
row("cumprod", _cumulate, "fi")
row("cummax", lambda draw: (x := draw.distinct(draw.shape()), draw.axis(x.ndim)), "fib")
row("var", _var)
row("logsumexp", _reduce(), smooth=_reduce(min_side=1))

# -- indexing


def _axis_index(draw: Draw, unique: bool = False) -> tuple[np.ndarray, int, np.ndarray]:
    """x, an axis, and an index as gather and scatter want it; `unique`: no position twice."""
    x = draw.values(draw.shape(0, 3, 1))
    axis = draw.axis(x.ndim)
    if x.ndim == 0:
        return x, axis, np.zeros((), np.int64)
    most = x.shape[axis] if unique else 4
    shape = tuple(draw.side(0, most if a == axis else n) for a, n in enumerate(x.shape))
    if not unique:
        return x, axis, draw.indices(shape, x.shape[axis])
    order = draw.generator().permuted(
        np.broadcast_to(np.arange(most), (*np.delete(shape, axis), most)), axis=-1
    )
    return x, axis, np.moveaxis(order[..., : shape[axis]], -1, axis).astype(np.int64)


def _scatter(unique: bool) -> Inputs:
    def inputs(draw: Draw) -> tuple[Any, ...]:
        x, axis, index = _axis_index(draw, unique)
        return x, axis, index, draw.values(index.shape)

    return inputs


def _scatter_distinct(draw: Draw) -> tuple[Any, ...]:
    """Values that are nowhere equal, so that each place has one largest."""
    x, axis, index = _axis_index(draw)
    values = draw.distinct((x.size + index.size,))
    return values[: x.size].reshape(x.shape), axis, index, values[x.size :].reshape(index.shape)


def _subscripts(draw: Draw, shape: Shape) -> list[np.ndarray | None]:
    """Indices for some of the axes, None for others, negative ones among them."""
    which = draw.axes(len(shape)) or (draw.axis(len(shape)),)
    shapes = iter(draw.broadcastable(len(which), 2))
    indices: list[np.ndarray | None] = [None] * (which[-1] + 1)
    for axis in which:
        indices[axis] = draw.indices(next(shapes), shape[axis], -shape[axis])
    return indices


def _index(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape(1, 3, 1)
    return draw.values(shape), _subscripts(draw, shape)


def _index_put(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape(1, 3, 1)
    accumulate = draw.boolean()
    if accumulate:
        indices = _subscripts(draw, shape)
    else:
        axis = draw.axis(len(shape))
        kept = draw.permutation(shape[axis])[: draw.integer(0, shape[axis])]
        indices = [*[None] * axis, np.array(kept, np.int64)]
    values = draw.values(draw.part_of(reference.index(np.empty(shape), indices).shape))
    return draw.values(shape), indices, values, accumulate


def _index_select(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape(1, 3, 1))
    axis = draw.axis(x.ndim)
    return x, axis, draw.indices((draw.side(),), x.shape[axis])


def _index_add(draw: Draw) -> tuple[Any, ...]:
    x, axis, index = _index_select(draw)
    return x, axis, index, draw.values((*x.shape[:axis], len(index), *x.shape[axis + 1 :]))


def _sort(draw: Draw) -> tuple[Any, ...]:
    x = draw.distinct(draw.shape())
    return x, draw.axis(x.ndim), draw.boolean()


def _topk(draw: Draw) -> tuple[Any, ...]:
    x = draw.distinct(draw.shape(1, 3, 1))
    axis = draw.axis(x.ndim)
    return x, draw.integer(0, x.shape[axis]), axis, draw.boolean()


def _searchsorted(draw: Draw) -> tuple[Any, ...]:
    values = draw.values(draw.shape(1))
    lead = values.shape[:-1] if draw.boolean() else ()
    return np.sort(draw.values((*lead, draw.side())), -1), values, draw.boolean()


row("gather", _axis_index, "fib")
row("scatter", _scatter(True), "fib")
row("scatter_add", _scatter(False), "fi")
row("scatter_max", _scatter_distinct, "fib")
row("index", _index, "fib")
row("index_put", _index_put, "fi")
row("index_select", _index_select, "fib")
row("index_add", _index_add, "fi")
row("nonzero", _any_shape, "fib")
row("sort", _sort, "fib")
row("topk", _topk, "fi")
row("searchsorted", _searchsorted, "fi")
row("unique", _any_shape, "fib")

# -- contractions


def spread(x: Any) -> Any:
    """x / 4 + diag(3, 6, 9, 12): an array or a tensor of matrices that have inverses and singular
    values apart, whatever x is, between -2 and 2. Symmetric ones are positive definite.
    """
    m, n = x.shape[-2:]
    steps = np.diag([3.0, 6.0, 9.0, 12.0])[:m, :n]
    if isinstance(x, np.ndarray):
        return (x / 4 + steps).astype(x.dtype)
    return x / 4 + x.new_tensor(steps, dtype=x.dtype)


def _matmul(draw: Draw) -> tuple[Any, ...]:
    return tuple(draw.values(shape) for shape in draw.matmul_shapes())


def _linear(draw: Draw) -> tuple[Any, ...]:
    lead, k, n = draw.shape(0, 2), draw.side(1, 3), draw.side(1, 3)
    return (
        draw.values((*lead, k)),
        draw.values((n, k)),
        draw.values((n,)) if draw.boolean() else None,
    )


def _geometry(draw: Draw) -> tuple[Shape, Shape, tuple[Any, ...]]:
    """Shapes of x and w, and (stride, padding, dilation, groups), for a convolution with at least
    one position.
    """
    d = draw.integer(1, 3)
    window = tuple(draw.side(1, 3 if d == 1 else 2) for _ in range(d))
    stride = tuple(draw.integer(1, 2) for _ in range(d))
    dilation = tuple(draw.integer(1, 2) for _ in range(d))
    padding = tuple((draw.integer(0, 1), draw.integer(0, 1)) for _ in range(d))
    plane = tuple(
        max(1, gap * (k - 1) + 1 - low - high) + draw.side(0, 2)
        for k, gap, (low, high) in zip(window, dilation, padding, strict=True)
    )
    groups, c, o = draw.integer(1, 2), draw.side(1, 2), draw.side(1, 2)
    x_shape, w_shape = (draw.side(1, 2), groups * c, *plane), (groups * o, c, *window)
    return x_shape, w_shape, (stride, padding, dilation, groups)


def _conv(draw: Draw) -> tuple[Any, ...]:
    x_shape, w_shape, geometry = _geometry(draw)
    return draw.values(x_shape), draw.values(w_shape), *geometry


def _conv_input(draw: Draw) -> tuple[Any, ...]:
    x_shape, w_shape, geometry = _geometry(draw)
    g = draw.values(reference.conv_shape(x_shape, w_shape, *geometry[:3]))
    return g, draw.values(w_shape), x_shape, *geometry


def _conv_weight(draw: Draw) -> tuple[Any, ...]:
    x_shape, w_shape, geometry = _geometry(draw)
    g = draw.values(reference.conv_shape(x_shape, w_shape, *geometry[:3]))
    return g, draw.values(x_shape), w_shape, *geometry


row("matmul", _matmul, "fi", half=True, tolerance=32)
row("linear", _linear, tolerance=32)
row("conv", _conv, tolerance=64)
row("conv_input", _conv_input, tolerance=64)
row("conv_weight", _conv_weight, tolerance=64)

# -- pooling


def _pool(draw: Draw, dilated: bool) -> tuple[Shape, tuple[Any, ...], Shape]:
    """The shape of x, (size, stride, padding, dilation), and the shape of the result, rounded up or
    down.
    """
    d = draw.integer(1, 3)
    size = tuple(draw.side(1, 3 if d < 3 else 2) for _ in range(d))
    stride = tuple(draw.integer(1, 3) for _ in range(d))
    dilation = tuple(draw.integer(1, 2) if dilated else 1 for _ in range(d))
    padding = tuple((draw.integer(0, s // 2),) * 2 for s in size)
    plane = tuple(
        gap * (s - 1) + 1 + draw.side(0, 2) for s, gap in zip(size, dilation, strict=True)
    )
    up = draw.boolean()
    positions = []
    for n, s, step, (low, high), gap in zip(plane, size, stride, padding, dilation, strict=True):
        room = n + low + high - gap * (s - 1) - 1
        count = (-(-room // step) if up else room // step) + 1
        positions.append(
            count - 1 if (count - 1) * step >= n + low else count
        )  # the last starts inside
    lead = draw.side(0, 2), draw.side(1, 2)
    return (*lead, *plane), (size, stride, padding, dilation), (*lead, *positions)


def _max_pool(draw: Draw) -> tuple[Any, ...]:
    x_shape, geometry, out_shape = _pool(draw, True)
    return draw.distinct(x_shape), *geometry, out_shape


def _max_pool_input(draw: Draw) -> tuple[Any, ...]:
    x_shape, _, out_shape = _pool(draw, True)
    return draw.values(out_shape), draw.indices(out_shape, math.prod(x_shape[2:])), x_shape


def _counting(draw: Draw) -> tuple[bool, int | None]:
    return draw.boolean(), draw.choice((None, 3))


def _avg_pool(draw: Draw) -> tuple[Any, ...]:
    x_shape, geometry, out_shape = _pool(draw, False)
    return draw.values(x_shape), *geometry[:3], out_shape, *_counting(draw)


def _avg_pool_input(draw: Draw) -> tuple[Any, ...]:
    x_shape, geometry, out_shape = _pool(draw, False)
    return draw.values(out_shape), x_shape, *geometry[:3], *_counting(draw)


row("max_pool", _max_pool, "fi")
row("max_pool_input", _max_pool_input)
row("avg_pool", _avg_pool)
row("avg_pool_input", _avg_pool_input)

# -- fused kernels


def _softmax(min_dims: int, min_side: int) -> Inputs:
    def inputs(draw: Draw) -> tuple[Any, ...]:
        x = draw.values(draw.shape(min_dims, 3, min_side))
        return x, draw.axis(x.ndim)

    return inputs


def _softmax_grad(draw: Draw) -> tuple[Any, ...]:
    g, axis = _softmax(0, 0)(draw)
    return g, draw.values(g.shape), axis


def _same_shape(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape()
    return draw.values(shape), draw.values(shape)


# One class has no gradient: hence the two sides. Neither has a softmax of one element, nor a norm
# of two.
row("softmax", _softmax(0, 0), smooth=_softmax(1, 2))
row("log_softmax", _softmax(0, 0), smooth=_softmax(1, 2))
row("softmax_grad", _softmax_grad)
row("log_softmax_grad", _softmax_grad)
for name in ("relu_grad", "gelu_grad", "gelu_tanh_grad", "silu_grad"):
    row(name, _same_shape)


def _labels(draw: Draw, n: int, classes: int, ignore: int) -> np.ndarray:
    target = draw.indices((n,), classes)
    target[1::2] = np.where(draw.booleans((n // 2,)), ignore, target[1::2])
    return target


def _cross_entropy(draw: Draw) -> tuple[Any, ...]:
    n, classes = draw.side(1, 4), draw.side(1, 4)
    weight = draw.values((classes,), (0.5, 2.0)) if draw.boolean() else None
    target = _labels(draw, n, classes, -100)
    rest = (-100, draw.choice((0.0, 0.25)), draw.choice(("none", "mean", "sum")))
    return draw.values((n, classes)), target, weight, *rest


def _cross_entropy_grad(draw: Draw) -> tuple[Any, ...]:
    x, target, weight, ignore, smoothing, reduction = _cross_entropy(draw)
    g = draw.values(target.shape if reduction == "none" else ())
    return g, x, target, weight, draw.values((), (0.5, 2.0)), ignore, smoothing, reduction


def _optional(draw: Draw, shape: Shape, domain: Domain = AWAY) -> np.ndarray | None:
    return draw.values(shape, domain) if draw.integer(0, 2) else None


def _layer_norm(draw: Draw) -> tuple[Any, ...]:
    inner = draw.shape(1, 2, 3, 4)
    w, b = _optional(draw, inner), _optional(draw, inner)
    return draw.values((*draw.shape(0, 2), *inner)), w, b, len(inner), 1e-5


def _layer_norm_grad(draw: Draw) -> tuple[Any, ...]:
    x, w, _, n_axes, _ = _layer_norm(draw)
    kept = (*x.shape[: x.ndim - n_axes], *(1,) * n_axes)
    return draw.values(x.shape), x, w, draw.values(kept), draw.values(kept, (0.5, 2.0)), n_axes


def _batch_norm(draw: Draw) -> tuple[Any, ...]:
    n, c, space = draw.side(3, 4), draw.side(1, 3), draw.shape(0, 2, 1, 2)
    return draw.values((n, c, *space)), _optional(draw, (c,)), _optional(draw, (c,)), 1e-5


def _batch_norm_grad(draw: Draw) -> tuple[Any, ...]:
    x, w, _, _ = _batch_norm(draw)
    channel = x.shape[1:2]
    return draw.values(x.shape), x, w, draw.values(channel), draw.values(channel, (0.5, 2.0))


def _attention_of(smooth: bool) -> Inputs:
    low = 2 if smooth else 0

    def inputs(draw: Draw) -> tuple[Any, ...]:
        lead = draw.shape(0, 2, 1, 2)
        length, sources, e, f = (
            draw.side(low, 3),
            draw.side(max(low, 1), 3),
            draw.side(1, 3),
            draw.side(1, 3),
        )
        q, k, v = (
            draw.values((*lead, *rest)) for rest in ((length, e), (sources, e), (sources, f))
        )
        kind = draw.choice(("none", "causal", "bool", "float"))
        mask = None
        if kind == "bool":
            mask = draw.booleans((length, sources))
            if smooth:
                mask[:, :2] = True
        elif kind == "float":
            mask = draw.values((length, sources))
        return q, k, v, mask, kind == "causal", 0.75

    return inputs


def _attention_grad(draw: Draw) -> tuple[Any, ...]:
    q, k, v, _, _, scale = _attention_of(False)(draw)
    g, probs = draw.values((*q.shape[:-1], v.shape[-1])), draw.values((*q.shape[:-1], k.shape[-2]))
    return g, q, k, v, probs, scale


row("cross_entropy", _cross_entropy, tolerance=32)
row("cross_entropy_grad", _cross_entropy_grad, tolerance=32)
row("layer_norm", _layer_norm, tolerance=1024)  # x of equal elements: rounding times 1 / sqrt(eps)
row("layer_norm_grad", _layer_norm_grad, tolerance=64)
row("batch_norm", _batch_norm, tolerance=1024)
row("batch_norm_grad", _batch_norm_grad, tolerance=64)
row("attention", _attention_of(False), smooth=_attention_of(True), tolerance=32)
row("attention_grad", _attention_grad, tolerance=64)


def _lstm(draw: Draw) -> tuple[Any, ...]:
    steps, batch, size = draw.side(1, 4), draw.side(0, 18), draw.choice((1, 2, 5, 16, 19))
    h, c = (draw.values((batch, size)) for _ in range(2))
    x, w = draw.values((steps, batch, 4 * size)), draw.values((4 * size, size))
    return x, w, h, c, draw.choice((False, True))


def _lstm_grad(draw: Draw) -> tuple[Any, ...]:
    x, w, h, c, reverse = _lstm(draw)
    g, out, cells = (draw.values((len(x), *h.shape)) for _ in range(3))
    gates = draw.values(x.shape) * 0.25  # as small as they are, or errors grow from step to step
    return g, draw.values(h.shape), w, h, c, out, cells, gates, reverse


row("lstm", _lstm, tolerance=64)
row("lstm_grad", _lstm_grad, tolerance=256)


def _ctc(draw: Draw) -> tuple[Any, ...]:
    steps, batch, places = draw.side(1, 6), draw.side(0, 4), draw.side(1, 5)
    frames, last = draw.indices((batch,), steps + 1), draw.indices((batch,), places)
    return draw.values((steps, batch, places)), draw.booleans((batch, places)), frames, last


def _ctc_smooth(draw: Draw) -> tuple[Any, ...]:
    """With time enough to come to the end, and skips in the way, so that there is something to
    choose.
    """
    steps, batch, places = draw.side(4, 6), draw.side(1, 3), draw.side(3, 4)
    frames = 4 + draw.indices((batch,), steps - 3)
    last = 2 + draw.indices((batch,), places - 2)
    return draw.values((steps, batch, places)), draw.booleans((batch, places)), frames, last


def _ctc_grad(draw: Draw) -> tuple[Any, ...]:
    x, *rest = _ctc_smooth(draw)
    steps, batch, places = x.shape
    return draw.values((batch,)), draw.values((steps + 1, batch, places + 2)), *rest


row("ctc", _ctc, smooth=_ctc_smooth, tolerance=64)
row("ctc_grad", _ctc_grad, tolerance=64)
