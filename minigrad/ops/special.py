"""Special functions, and elementwise ops beyond arithmetic: the table goes on where elementwise.py
ends. minigrad.special has most of them under PyTorch's names there.
"""

from __future__ import annotations

import math
from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd.inplace import where_
from minigrad.autograd.primitive import _not_a_tensor as not_a_tensor
from minigrad.autograd.primitive import cast, elementwise
from minigrad.ops.elementwise import (
    abs,
    clamp,
    eq,
    exp,
    log,
    log1p,
    meet,
    mul,
    pow,
    rsqrt,
    sigmoid,
    sign,
    sin,
    where,
)
from minigrad.ops.formulas import describe
from minigrad.tensor import Tensor

# -- inverse hyperbolic functions

asinh = elementwise("asinh", "x", to_float=True, x=lambda g, x: g * rsqrt(x * x + 1))
acosh = elementwise("acosh", "x", to_float=True, x=lambda g, x: g * rsqrt((x - 1) * (x + 1)))
atanh = elementwise("atanh", "x", to_float=True, x=lambda g, x: g / (1 - x * x))

# -- the error function and the gamma function

erfc = elementwise(
    "erfc", "x", to_float=True, x=lambda g, x: g * (-2 / math.sqrt(math.pi) * exp(-x * x))
)
erfcx = elementwise(
    "erfcx", "x", to_float=True, x=lambda g, x, out: g * (2 * x * out - 2 / math.sqrt(math.pi))
)
erfinv = elementwise(
    "erfinv", "x", to_float=True, x=lambda g, out: g * (math.sqrt(math.pi) / 2 * exp(out * out))
)
lgamma = elementwise("lgamma", "x", to_float=True, x=lambda g, x: g * _polygamma(x, 0))
_polygamma = elementwise(
    "polygamma", "x | n", to_float=True, x=lambda g, x, n: g * _polygamma(x, n + 1)
)

# -- Bessel functions

i0 = elementwise("i0", "x", to_float=True, x=lambda g, x: g * i1(x))
i1 = elementwise("i1", "x", to_float=True, x=lambda g, x, out: g * (i0(x) - _over(out, x)))
i0e = elementwise("i0e", "x", to_float=True, x=lambda g, x, out: g * (i1e(x) - sign(x) * out))
i1e = elementwise(
    "i1e",
    "x",
    to_float=True,
    x=lambda g, x, out: g * (i0e(x) - sign(x) * out - _over(out, x)),
)


def _over(i1_of_x: Tensor, x: Tensor) -> Tensor:
    """i1(x) / x, which is 1/2 at 0."""
    is_zero = x == 0
    return where_(is_zero, 0.5, i1_of_x / where_(is_zero, 1.0, x))


# -- sums of exponentials

logaddexp = elementwise(
    "logaddexp",
    "x y",
    numbers="",
    to_float=True,
    x=lambda g, x, y: g * sigmoid(x - y),
    y=lambda g, x, y: g * sigmoid(y - x),
)
logaddexp2 = elementwise(
    "logaddexp2",
    "x y",
    numbers="",
    to_float=True,
    x=lambda g, x, y: g * sigmoid((x - y) * math.log(2)),
    y=lambda g, x, y: g * sigmoid((y - x) * math.log(2)),
)

# -- the floating-point numbers themselves

_signbit = elementwise("signbit", "x")
nextafter = elementwise(
    "nextafter", "x y", numbers="", x=lambda g, x, y: where_(x == y, 0, g), y=lambda g: g * 0
)


def signbit(input: Tensor) -> Tensor:
    """Whether x is negative, -0.0 included (bool).

    >>> import minigrad
    >>> minigrad.signbit(minigrad.tensor([-0.0, 0.0, -2.0]))
    tensor([ True, False,  True])
    """
    if input.dtype.is_floating_point:
        return _signbit(input)
    return input < 0


# -- composites


def digamma(input: Tensor) -> Tensor:
    """out = psi(x), the derivative of lgamma; -inf at 0, NaN at the negative integers.

    >>> import minigrad
    >>> minigrad.digamma(minigrad.tensor([1.0, 2.0]))
    tensor([-0.5772,  0.4228])
    """
    return _polygamma(input, 0)


def polygamma(n: int, input: Tensor) -> Tensor:
    """out = the n-th derivative of digamma, n >= 0; RuntimeError for a negative n.

    >>> import minigrad
    >>> minigrad.polygamma(1, minigrad.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got {n}")
    return _polygamma(input, n)


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p x p matrices:
    p (p - 1) / 4 log(pi) + the sum of lgamma(x - k / 2) over k < p.

    >>> import minigrad
    >>> minigrad.mvlgamma(minigrad.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    if p < 1:
        raise RuntimeError(f"mvlgamma(): p has to be greater than or equal to 1, got {p}")
    out = lgamma(input)
    for k in range(1, p):
        out = out + lgamma(input - k / 2)
    return out + p * (p - 1) / 4 * math.log(math.pi)


def sinc(input: Tensor) -> Tensor:
    """out = sin(pi x) / (pi x), 1 at 0.

    >>> import minigrad
    >>> minigrad.sinc(minigrad.tensor([0.0, 0.5, 1.5]))
    tensor([ 1.0000,  0.6366, -0.2122])
    """
    angle = mul(_floats(input), math.pi)
    is_zero = angle == 0
    return where_(is_zero, 1.0, sin(angle) / where_(is_zero, 1.0, angle))


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """out = log(x / (1 - x)), the inverse of sigmoid; x is clamped to [eps, 1 - eps] if eps is
    given.

    >>> import minigrad
    >>> minigrad.logit(minigrad.tensor([0.5, 0.75, 1.0]), eps=0.25)
    tensor([0.0000, 1.0986, 1.0986])
    """
    x = _floats(input)
    if eps is not None:
        x = clamp(x, eps, 1 - eps)
    return log(x / (1 - x))


def xlogy(input: Any, other: Any) -> Tensor:
    """out = x log(y), and 0 where x is 0 and y not NaN.

    >>> import minigrad
    >>> minigrad.xlogy(minigrad.tensor([0.0, 2.0]), minigrad.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    return _x_times(input, other, log)


def xlog1py(input: Any, other: Any) -> Tensor:
    """out = x log(1 + y), and 0 where x is 0 and y not NaN.

    >>> import minigrad
    >>> minigrad.special.xlog1py(minigrad.tensor([0.0, 2.0]), minigrad.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    return _x_times(input, other, log1p)


def _x_times(x: Any, y: Any, function: Any) -> Tensor:
    like = x if isinstance(x, Tensor) else y
    target = dtypes.result_dtype((x, y))
    target = target if target in dtypes.FLOATS else dtypes.get_default_dtype().numpy
    x, y = (
        meet(v, target)
        if isinstance(v, Tensor)
        else like.new_tensor(v, dtype=dtypes.from_numpy(target))
        for v in (x, y)
    )
    return where_((x == 0) & (y == y), 0.0, mul(x, function(y)))


def entr(input: Tensor) -> Tensor:
    """out = -x log(x): 0 at 0, -inf below.

    >>> import minigrad
    >>> minigrad.special.entr(minigrad.tensor([0.0, 0.5, -1.0]))
    tensor([0.0000, 0.3466,   -inf])
    """
    x = _floats(input)
    return where_(x < 0, -math.inf, 0.0 - xlogy(x, x))


def ndtr(input: Tensor) -> Tensor:
    """out = the normal distribution function: erfc(-x / sqrt(2)) / 2.

    >>> import minigrad
    >>> minigrad.special.ndtr(minigrad.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8413])
    """
    return erfc(_floats(input) * -math.sqrt(0.5)) * 0.5


def log_ndtr(input: Tensor) -> Tensor:
    """out = log(ndtr(x)), also where ndtr(x) is too small for a number.

    >>> import minigrad
    >>> minigrad.special.log_ndtr(minigrad.tensor([0.0, -100.0]))
    tensor([-6.9315e-01, -5.0055e+03])
    """
    x = _floats(input)
    low, high = clamp(x, None, -1.0), clamp(x, -1.0, None)  # so that neither side is infinite
    below = log(erfcx(low * -math.sqrt(0.5)) * 0.5) - low * low * 0.5
    return where_(x < -1.0, below, log1p(erfc(high * math.sqrt(0.5)) * -0.5))


def ndtri(input: Tensor) -> Tensor:
    """The inverse of ndtr: out = sqrt(2) erfinv(2 x - 1).

    >>> import minigrad
    >>> minigrad.special.ndtri(minigrad.tensor([0.5, 0.8413447]))
    tensor([0.0000, 1.0000])
    """
    return erfinv(_floats(input) * 2 - 1) * math.sqrt(2)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """out = 0 where x < 0, 1 where x > 0, `values` where x is 0. Without a gradient.

    >>> import minigrad
    >>> minigrad.heaviside(minigrad.tensor([-1.0, 0.0, 2.0]), minigrad.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if input.dtype is not values.dtype:
        raise RuntimeError(
            "heaviside(): not implemented for tensors with different dtypes, got "
            f"{input.dtype} and {values.dtype}; convert one with .to(dtype)"
        )
    x, values = input.detach(), values.detach()
    return where(eq(x, 0), values, cast(x > 0, x.array.dtype))


def copysign(input: Any, other: Any) -> Tensor:
    """out = |x| with the sign of y, that of -0.0 included.

    >>> import minigrad
    >>> minigrad.copysign(minigrad.tensor([1.0, -2.0]), minigrad.tensor([-0.0, 3.0]))
    tensor([-1.,  2.])
    """
    if isinstance(other, Tensor):
        return mul(abs(_floats(input)), where(signbit(other.detach()), -1.0, 1.0).to(_kind(other)))
    return mul(abs(_floats(input)), math.copysign(1.0, other))


def _kind(x: Tensor) -> Any:
    """The type in which x meets floats."""
    return x.dtype if x.dtype.is_floating_point else dtypes.get_default_dtype()


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """out = x * 2^y.

    >>> import minigrad
    >>> minigrad.ldexp(minigrad.tensor([1.0, 3.0]), minigrad.tensor([3, -1]))
    tensor([8.0000, 1.5000])
    """
    for x in (input, other):
        if not isinstance(x, Tensor):
            raise not_a_tensor("ldexp", x)
    return mul(input, pow(2.0, other))


def deg2rad(input: Tensor) -> Tensor:
    """out = x pi / 180.

    >>> import minigrad
    >>> minigrad.deg2rad(minigrad.tensor([90.0, 180.0]))
    tensor([1.5708, 3.1416])
    """
    return _floats(input) * (math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """out = x 180 / pi.

    >>> import minigrad
    >>> minigrad.rad2deg(minigrad.tensor([minigrad.pi]))
    tensor([180.])
    """
    return _floats(input) * (180 / math.pi)


def float_power(input: Any, exponent: Any) -> Tensor:
    """out = x^y, computed in float64.

    >>> import minigrad
    >>> minigrad.float_power(minigrad.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=minigrad.float64)
    """
    x, y = (v.to(dtypes.float64) if isinstance(v, Tensor) else v for v in (input, exponent))
    return pow(x, y)


def isposinf(input: Tensor) -> Tensor:
    """Whether x is +inf.

    >>> import minigrad
    >>> minigrad.isposinf(minigrad.tensor([minigrad.inf, -minigrad.inf]))
    tensor([ True, False])
    """
    return eq(input, math.inf) if input.dtype.is_floating_point else input != input


def isneginf(input: Tensor) -> Tensor:
    """Whether x is -inf.

    >>> import minigrad
    >>> minigrad.isneginf(minigrad.tensor([minigrad.inf, -minigrad.inf]))
    tensor([False,  True])
    """
    return eq(input, -math.inf) if input.dtype.is_floating_point else input != input


def _floats(x: Tensor) -> Tensor:
    """x, as the default float type if it is not of one."""
    return x if x.array.dtype in dtypes.FLOATS else cast(x, dtypes.get_default_dtype().numpy)


# -- PyTorch's other names

arcsinh, arccosh, arctanh = asinh, acosh, atanh

__test__ = describe(globals())

# fmt: off
__all__ = [
    "asinh", "acosh", "atanh", "arcsinh", "arccosh", "arctanh", "erfc", "erfinv", "lgamma",
    "digamma", "polygamma", "mvlgamma", "i0", "sinc", "logit", "xlogy", "logaddexp", "logaddexp2",
    "heaviside", "copysign", "nextafter", "ldexp", "signbit", "deg2rad", "rad2deg", "float_power",
    "isposinf", "isneginf",
]
# fmt: on
