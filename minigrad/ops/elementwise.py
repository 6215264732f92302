"""Elementwise ops: each line is an op, its inputs, and the derivative by each input.

`g` is the incoming gradient, `out` the result; what a rule names is kept for it. Broadcasting is
undone by the engine, types are made to agree before the kernel runs, and Python numbers stay
numbers: see autograd/primitive.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd.inplace import overwriting, where_
from minigrad.autograd.primitive import _NUMBERS as NUMBERS
from minigrad.autograd.primitive import _fit as fit
from minigrad.autograd.primitive import _not_a_tensor as not_a_tensor
from minigrad.autograd.primitive import _plain as plain
from minigrad.autograd.primitive import cast, elementwise, primitive
from minigrad.autograd.steps import tied
from minigrad.ops.formulas import describe
from minigrad.tensor import Tensor, wrap


def _zero(g: Tensor) -> Tensor:
    return wrap(g.device.backend.full(g.array.shape, 0, g.array.dtype), g.device)


def _is(x: Any) -> bool:
    return isinstance(x, Tensor)


def not_of_bools(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The op of two operands, which then refuses two bools: NumPy would count with them in int8."""

    @functools.wraps(function)
    def checked(input: Any, other: Any) -> Tensor:
        if _is_bool(input) and _is_bool(other):
            raise NotImplementedError(
                f"{function.__name__}(): not implemented for bool; convert with .long() or .float()"
            )
        return function(input, other)

    return checked


def _is_bool(x: Any) -> bool:
    return x.array.dtype == dtypes.bool_.numpy if _is(x) else isinstance(x, bool)


# -- arithmetic

_add = elementwise("add", "x y", x=lambda g: g, y=lambda g: g)
_sub = elementwise("sub", "x y", x=lambda g: g, y=lambda g: -g)
mul = elementwise("mul", "x y", x=lambda g, y: g * y, y=lambda g, x: g * x)
true_divide = elementwise(
    "div",
    "x y",
    to_float=True,
    x=lambda g, y: g / y,
    y=lambda g, y, out: -g * out / y,
)
floor_divide = not_of_bools(
    elementwise("floor_divide", "x y", x=lambda g: _zero(g), y=lambda g: _zero(g))
)
fmod = not_of_bools(
    elementwise("fmod", "x y", numbers="y", x=lambda g: g, y=lambda g, x, y: -g * trunc(x / y))
)
remainder = not_of_bools(
    elementwise("remainder", "x y", x=lambda g: g, y=lambda g, x, y: -g * floor(x / y))
)
neg = elementwise("neg", "x", x=lambda g: -g)
abs = elementwise("abs", "x", x=lambda g, x: g * sign(x))
sign = elementwise("sign", "x", x=lambda g: _zero(g))
_square = elementwise("square", "x", x=lambda g, x: g * (2 * x))
sqrt = elementwise("sqrt", "x", to_float=True, x=lambda g, out: g / (2 * out))
rsqrt = elementwise("rsqrt", "x", to_float=True, x=lambda g, out: g * (-0.5 * out * out * out))
reciprocal = elementwise("reciprocal", "x", to_float=True, x=lambda g, out: -g * out * out)
hypot = elementwise(
    "hypot",
    "x y",
    numbers="",
    x=lambda g, x, out: g * (x / out),
    y=lambda g, y, out: g * (y / out),
)

# x^y where it is not smooth: d/dx is 0 for y = 0, and d/dy is 0 for x = 0 (the limit from the
# right, where y >= 0)
_pow = not_of_bools(
    elementwise(
        "pow",
        "x y",
        x=lambda g, x, y: g * _power_slope(x, y),
        y=lambda g, x, y, out: g * out * _log_base(x, y),
    )
)


def _power_slope(x: Any, y: Any) -> Any:
    if not _is(y):
        return _zero(x) if y == 0 else y * (x if y == 2 else _pow(x, y - 1))
    return where_(y == 0, 0.0, y * _pow(x, y - 1))


def _log_base(x: Any, y: Tensor) -> Any:
    """log(x); where x is 0, and y is not negative, log(1)."""
    if _is(x):
        return log(where_((x == 0) & (y >= 0), 1.0, x))
    if x == 0:
        return log(cast(y >= 0, y.array.dtype))
    return math.log(x) if x > 0 else math.nan


# -- exponentials and logarithms

exp = elementwise("exp", "x", to_float=True, x=lambda g, out: g * out)
exp2 = elementwise("exp2", "x", to_float=True, x=lambda g, out: g * (out * math.log(2)))
expm1 = elementwise("expm1", "x", to_float=True, x=lambda g, out: g * (out + 1))
log = elementwise("log", "x", to_float=True, x=lambda g, x: g / x)
log2 = elementwise("log2", "x", to_float=True, x=lambda g, x: g / (x * math.log(2)))
log10 = elementwise("log10", "x", to_float=True, x=lambda g, x: g / (x * math.log(10)))
log1p = elementwise("log1p", "x", to_float=True, x=lambda g, x: g / (x + 1))
erf = elementwise(
    "erf", "x", to_float=True, x=lambda g, x: g * (2 / math.sqrt(math.pi) * exp(-x * x))
)

# -- trigonometry

sin = elementwise("sin", "x", to_float=True, x=lambda g, x: g * cos(x))
cos = elementwise("cos", "x", to_float=True, x=lambda g, x: -g * sin(x))
tan = elementwise("tan", "x", to_float=True, x=lambda g, out: g * (1 + out * out))
asin = elementwise("asin", "x", to_float=True, x=lambda g, x: g * rsqrt(1 - x * x))
acos = elementwise("acos", "x", to_float=True, x=lambda g, x: -g * rsqrt(1 - x * x))
atan = elementwise("atan", "x", to_float=True, x=lambda g, x: g / (1 + x * x))
atan2 = elementwise(
    "atan2",
    "x y",
    to_float=True,
    numbers="",
    x=lambda g, x, y: g * _over_square(y, x, y),
    y=lambda g, x, y: -g * _over_square(x, x, y),
)


def _over_square(z: Any, x: Any, y: Any) -> Any:
    """z / (x^2 + y^2), and 0 at the origin, where atan2 has no slope."""
    square = x * x + y * y
    return z / where_(square == 0, 1.0, square)



sinh = elementwise("sinh", "x", to_float=True, x=lambda g, x: g * cosh(x))
cosh = elementwise("cosh", "x", to_float=True, x=lambda g, x: g * sinh(x))
tanh = elementwise("tanh", "x", to_float=True, x=lambda g, out: g * (1 - out * out))

# -- rounding: constant between the steps

floor = elementwise("floor", "x", x=lambda g: _zero(g))
ceil = elementwise("ceil", "x", x=lambda g: _zero(g))
trunc = elementwise("trunc", "x", x=lambda g: _zero(g))
_round = elementwise("round", "x", x=lambda g: _zero(g))

# -- the larger, the smaller: at a tie maximum and minimum give each half, fmax and fmin all to the
# first

maximum = elementwise(
    "maximum",
    "x y",
    numbers="",
    x=lambda g, x, y: where_(x == y, g / 2, where_(x < y, 0, g)),
    y=lambda g, x, y: where_(x == y, g / 2, where_(x > y, 0, g)),
)
minimum = elementwise(
    "minimum",
    "x y",
    numbers="",
    x=lambda g, x, y: where_(x == y, g / 2, where_(x > y, 0, g)),
    y=lambda g, x, y: where_(x == y, g / 2, where_(x < y, 0, g)),
)
fmax = elementwise(
    "fmax",
    "x y",
    numbers="",
    x=lambda g, x, y: where_((x >= y) | (y != y), g, 0),
    y=lambda g, x, y: where_((x >= y) | (y != y), 0, g),
)
fmin = elementwise(
    "fmin",
    "x y",
    numbers="",
    x=lambda g, x, y: where_((x <= y) | (y != y), g, 0),
    y=lambda g, x, y: where_((x <= y) | (y != y), 0, g),
)
_clamp = elementwise(
    "clamp", "x | low high", x=lambda g, x, low, high: where_(_between(x, low, high), g, 0)
)


def _between(x: Tensor, low: Any, high: Any) -> Tensor:
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


# -- comparison and logic: no gradient

eq = elementwise("eq", "x y", numbers="y")
ne = elementwise("ne", "x y", numbers="y")
lt = elementwise("lt", "x y", numbers="y")
le = elementwise("le", "x y", numbers="y")
gt = elementwise("gt", "x y", numbers="y")
ge = elementwise("ge", "x y", numbers="y")
isnan = elementwise("isnan", "x")
isinf = elementwise("isinf", "x")
isfinite = elementwise("isfinite", "x")
logical_and = elementwise("logical_and", "x y", numbers="")
logical_or = elementwise("logical_or", "x y", numbers="")
logical_xor = elementwise("logical_xor", "x y", numbers="")
logical_not = elementwise("logical_not", "x")
bitwise_and = elementwise("bitwise_and", "x y")
bitwise_or = elementwise("bitwise_or", "x y")
bitwise_xor = elementwise("bitwise_xor", "x y")
bitwise_not = elementwise("bitwise_not", "x")
bitwise_left_shift = elementwise("bitwise_left_shift", "x y")
gcd = elementwise("gcd", "x y", numbers="")
bitwise_right_shift = elementwise("bitwise_right_shift", "x y")

# -- activations; the fused ones differentiate their definition where a second derivative is wanted

relu = elementwise("relu", "x", x=lambda g, out: tied(_relu_grad(g, out), out))
_relu_grad = primitive("relu_grad", "g out", g=lambda h, out: _relu_grad(h, out))
sigmoid = elementwise("sigmoid", "x", to_float=True, x=lambda g, out: g * (out * (1 - out)))
_leaky_relu = elementwise(
    "leaky_relu", "x | slope", x=lambda g, x, slope: tied(where_(x > 0, g, g * slope), x)
)
_elu = elementwise(
    "elu",
    "x | alpha",
    x=lambda g, x, alpha: where_(x > 0, g, g * (alpha * exp(_clamp(x, None, 0.0)))),
)
_softplus = elementwise(
    "softplus",
    "x | beta threshold",
    x=lambda g, x, beta, threshold: where_(x * beta > threshold, g, g * sigmoid(x * beta)),
)
_gelu_grad = primitive("gelu_grad", "g x")
_gelu_tanh_grad = primitive("gelu_tanh_grad", "g x")
_silu_grad = primitive("silu_grad", "g x")
_gelu = primitive(
    "gelu",
    "x",
    grads=lambda g, needs, x: (_gelu_grad(g, x),),
    composite=lambda x: 0.5 * x * (1 + erf(x * math.sqrt(0.5))),
)
_gelu_tanh = primitive(
    "gelu_tanh",
    "x",
    grads=lambda g, needs, x: (_gelu_tanh_grad(g, x),),
    composite=lambda x: 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
)
_silu = primitive(
    "silu", "x", grads=lambda g, needs, x: (_silu_grad(g, x),), composite=lambda x: x * sigmoid(x)
)

# -- the public functions that are more than their primitive


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """out = input + alpha * other, broadcast together.

    >>> import minigrad
    >>> minigrad.add(minigrad.tensor([1, 2]), 10)
    tensor([11, 12])
    """
    return _add(input, other if alpha == 1 else scaled("add", input, other, alpha))


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """out = input - alpha * other, broadcast together.

    >>> import minigrad
    >>> minigrad.sub(minigrad.tensor([5, 6]), 2, alpha=2)
    tensor([1, 2])
    """
    return _sub(input, other if alpha == 1 else scaled("sub", input, other, alpha))


add.op, sub.op = _add.op, _sub.op  # type: ignore[attr-defined]  # for inplace: alpha aside, they are their primitives


def square(input: Tensor) -> Tensor:
    """out = x^2, element by element; bools give int64.

    >>> import minigrad
    >>> minigrad.square(minigrad.tensor([3, -2]))
    tensor([9, 4])
    """
    return _square(input.long() if _is_bool(input) else input)


square.op = _square.op  # type: ignore[attr-defined]


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """out = other - alpha * input: sub the other way round.

    >>> import minigrad
    >>> minigrad.rsub(minigrad.tensor([5, 6]), 1)
    tensor([-4, -5])
    """
    if not _is(input):
        raise not_a_tensor("rsub", input)
    return sub(other, input, alpha=alpha)


def scaled(name: str, input: Any, other: Any, alpha: Any) -> Any:
    """alpha * other, for add and sub, in the type where input and other meet: integers take an int
    alpha (RuntimeError for a float).
    """
    target = dtypes.result_dtype((input, other))
    if target not in dtypes.FLOATS and dtypes.of_number(alpha).kind == "f":
        raise RuntimeError(
            f"{name}(): For integral input tensors, argument alpha must not be a floating point "
            f"number, got {alpha} for {target}"
        )
    alpha = meet(alpha, target)
    return meet(mul(meet(other, target), alpha) if _is(other) else alpha * other, target)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """out = input / other; rounding_mode "trunc" rounds towards zero, "floor" down, and both keep
    integer types.

    >>> import minigrad
    >>> minigrad.div(minigrad.tensor([-7, 7]), 2, rounding_mode="trunc")
    tensor([-3,  3])
    """
    if rounding_mode is None:
        return true_divide(input, other)
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    if dtypes.result_dtype((input, other)) in dtypes.FLOATS:
        return trunc(true_divide(input, other))
    down = floor_divide(input, other)
    inexact = (mul(down, other) != input) & (down < 0)
    return _add(down, cast(inexact, down.array.dtype))


def pow(input: Any, exponent: Any) -> Tensor:
    """out = input ** exponent, broadcast together.

    >>> import minigrad
    >>> minigrad.pow(minigrad.tensor([1, 2, 3]), 2)
    tensor([1, 4, 9])
    """
    if type(exponent) not in NUMBERS and not _is(exponent):
        exponent = plain(exponent)
    if type(exponent) in NUMBERS and isinstance(input, Tensor):
        if input.array.dtype in dtypes.FLOATS:
            return _square(input) if exponent == 2 else _pow(input, exponent)
        target = dtypes.result_dtype((input, exponent))
        if exponent < 0 and target not in dtypes.FLOATS:
            raise RuntimeError(
                "Integers to negative integer powers are not allowed; convert with .float() first"
            )
        exponent = meet(exponent, target)
    return _pow(input, exponent)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Rounds to the nearest number with that many decimals, halves to the even one.

    >>> import minigrad
    >>> minigrad.round(minigrad.tensor([0.5, 1.5, 2.345]), decimals=2)
    tensor([0.5000, 1.5000, 2.3400])
    """
    if decimals == 0:
        return _round(input)
    scale = 10.0**decimals
    return _round(input * scale) / scale


def frac(input: Tensor) -> Tensor:
    """out = input - trunc(input): the part behind the point, with the sign of the input.

    >>> import minigrad
    >>> minigrad.frac(minigrad.tensor([1.5, -1.5]))
    tensor([ 0.5000, -0.5000])
    """
    return input - trunc(input)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """out = min(max(input, min), max); the bounds are numbers, tensors, or None.

    >>> import minigrad
    >>> minigrad.clamp(minigrad.tensor([-2.0, 0.5, 2.0]), min=-1, max=1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if not _is(input):
        raise not_a_tensor("clamp", input)
    if min is None and max is None:
        raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None")
    if not _is(min) and not _is(max):
        return _clamp_numbers(input, min, max)
    if min is not None:
        low = min if _is(min) else input.new_tensor(min)
        input = where((input < low) | isnan(low), low, input)
    if max is not None:
        high = max if _is(max) else input.new_tensor(max)
        input = where((input > high) | isnan(high), high, input)
    return input


def _clamp_numbers(x: Tensor, low: Any, high: Any) -> Tensor:
    target = dtypes.result_dtype([operand for operand in (x, low, high) if operand is not None])
    low, high = (None if bound is None else fit(bound, target) for bound in (low, high))
    return _clamp(x if x.array.dtype == target else cast(x, target), low, high)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """out = input where the condition holds, else other; all three broadcast. With one argument:
    its nonzero positions.

    >>> import minigrad
    >>> x = minigrad.tensor([-1.0, 2.0])
    >>> minigrad.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype is dtypes.uint8:
        condition = condition != 0
    if condition.dtype is not dtypes.bool_:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{condition.dtype}"
        )
    target = dtypes.result_dtype((input, other))
    if not _is(input) and not _is(other):
        input = condition.new_tensor(input, dtype=dtypes.from_numpy(target))
    x, y = (meet(operand, target) for operand in (input, other))
    return where_(condition, x, y)


def meet(operand: Any, target: Any) -> Any:
    """The operand in type `target`: a tensor by a differentiable cast, a number by Python."""
    if _is(operand):
        return operand if operand.array.dtype == target else cast(operand, target)
    return float(operand) if target in dtypes.FLOATS else fit(operand, target)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """out = input + weight * (end - input); reckoned from the nearer of the two, so that a weight
    of 1 gives `end` to the last digit.

    >>> import minigrad
    >>> minigrad.lerp(minigrad.tensor([0.0, 2.0]), minigrad.tensor([10.0, 4.0]), 0.5)
    tensor([5., 3.])
    """
    distance = end - input
    if not _is(weight):
        near = -0.5 < weight < 0.5
        return input + weight * distance if near else end - distance * (1 - weight)
    near = (weight > -0.5) & (weight < 0.5)
    return where(near, input + weight * distance, end - distance * (1 - weight))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """out = input + value * tensor1 * tensor2.

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> minigrad.addcmul(x, x, x, value=10)
    tensor([11., 42.])
    """
    product = mul(tensor1, tensor2)
    return _add(input, product if value == 1 else product * value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """out = input + value * tensor1 / tensor2.

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> minigrad.addcdiv(x, x, x, value=10)
    tensor([11., 12.])
    """
    quotient = true_divide(tensor1, tensor2)
    return _add(input, quotient if value == 1 else quotient * value)


def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replaces NaN, inf and -inf by numbers: by 0 and the largest and smallest of the type, unless
    told others.

    >>> import math
    >>> import minigrad
    >>> minigrad.nan_to_num(minigrad.tensor([1.0, math.nan]), nan=9.0)
    tensor([1., 9.])
    """
    if not input.dtype.is_floating_point:
        return input.clone()
    limits = dtypes.finfo(input.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    out = where_(isnan(input), float(nan or 0.0), input)
    out = where_(eq(input, math.inf), float(high), out)
    return where_(eq(input, -math.inf), float(low), out)


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Where |input - other| <= atol + rtol * |other|; equal infinities are close, NaNs if
    `equal_nan`. Integers are subtracted in int64.

    >>> import minigrad
    >>> minigrad.isclose(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    if rtol < 0 or atol < 0:
        raise RuntimeError(
            f"isclose(): rtol and atol must be greater than or equal to zero, got {rtol}, {atol}"
        )
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"{input.dtype} did not match {other.dtype}: isclose compares tensors of one type"
        )
    if not input.dtype.is_floating_point:
        input, other = input.long(), other.long()
    near = isfinite(input) & isfinite(other) & (abs(input - other) <= atol + abs(other * rtol))
    if equal_nan:
        near = near | (isnan(input) & isnan(other))
    return near | eq(input, other)


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close, as isclose has it.

    >>> import minigrad
    >>> minigrad.allclose(minigrad.ones(2), minigrad.ones(2) + 1e-7)
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same.

    >>> import minigrad
    >>> minigrad.equal(minigrad.ones(2), minigrad.ones(3))
    False
    """
    return input.shape == other.shape and bool(eq(input, other).all())


def positive(input: Tensor) -> Tensor:
    """x itself; RuntimeError for bools.

    >>> import minigrad
    >>> minigrad.positive(minigrad.tensor([-1, 2]))
    tensor([-1,  2])
    """
    if _is_bool(input):
        raise RuntimeError("positive(): the `+` operator, on a bool tensor is not supported")
    return input


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """out = max(input, min): clamp without an upper bound.

    >>> import minigrad
    >>> minigrad.clamp_min(minigrad.tensor([-1, 5]), 2)
    tensor([2, 5])
    """
    return clamp(input, min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """out = min(input, max): clamp without a lower bound.

    >>> import minigrad
    >>> minigrad.clamp_max(minigrad.tensor([-1, 5]), 2)
    tensor([-1,  2])
    """
    return clamp(input, None, max)


def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The smallest positive integer that x and y divide, 0 where one of them is 0; of integers.

    >>> import minigrad
    >>> minigrad.lcm(minigrad.tensor([4, -6]), minigrad.tensor([6, 4]))
    tensor([12, 12])
    """
    divisor = gcd(input, other)
    return abs(floor_divide(input, where(divisor == 0, 1, divisor)) * other)


# -- PyTorch's other names

subtract, multiply, divide, negative, absolute = sub, mul, div, neg, abs
arcsin, arccos, arctan, arctan2, sgn, fix, clip = asin, acos, atan, atan2, sign, trunc, clamp
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge

# -- activations with parameters


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """out = x where x > 0, else negative_slope * x.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.leaky_relu(minigrad.tensor([-1.0, 2.0]), 0.5)
    tensor([-0.5000,  2.0000])
    """
    return overwriting(inplace, _leaky_relu, input, float(negative_slope))


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """out = x where x > 0, else alpha * (exp(x) - 1)  (Clevert et al., 2015).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.elu(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return overwriting(inplace, _elu, input, float(alpha))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """out = log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.softplus(minigrad.tensor([-1.0, 2.0]))
    tensor([0.3133, 2.1269])
    """
    return _softplus(input, float(beta), float(threshold))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """out = x * Phi(x), Phi the normal distribution function; approximate="tanh" for the formula of
    Hendrycks & Gimpel, 2016.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.gelu(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(
            f"gelu: approximate argument must be either none or tanh, got '{approximate}'"
        )
    return _gelu(input) if approximate == "none" else _gelu_tanh(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """out = x * sigmoid(x).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.silu(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return overwriting(inplace, _silu, input)


__test__ = describe(globals())

# fmt: off
__all__ = [
    "add", "sub", "mul", "div", "true_divide", "floor_divide", "fmod", "remainder", "pow",
    "neg", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "hypot", "exp", "exp2",
    "expm1", "log", "log2", "log10", "log1p", "erf", "sin", "cos", "tan", "asin", "acos",
    "atan", "atan2", "sinh", "cosh", "tanh", "sigmoid", "floor", "ceil", "trunc", "round",
    "frac", "maximum", "minimum", "fmax", "fmin", "clamp", "where", "lerp", "addcmul",
    "addcdiv", "nan_to_num", "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite",
    "isclose", "allclose", "equal", "logical_and", "logical_or", "logical_xor", "logical_not",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "bitwise_left_shift",
    "bitwise_right_shift", "gcd", "lcm", "rsub", "positive", "clamp_min", "clamp_max", "subtract",
    "multiply", "divide", "negative", "absolute", "arcsin", "arccos", "arctan", "arctan2",
    "sgn", "fix", "clip", "not_equal", "less", "less_equal", "greater", "greater_equal", "relu",
    "leaky_relu", "elu", "softplus", "gelu", "silu",
]
# fmt: on
