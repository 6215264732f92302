"""Elementwise kernels: unary.cl, binary.cl and ternary.cl, by way of plans (see walk.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import Number
from .array import Array
from .device import OpenCLDevice
from .walk import elementwise


def unary(name: str, predicate: bool = False) -> Callable:
    """The kernel of an op of one operand; the result of a predicate is bool."""

    def kernel(self: OpenCLDevice, x: Array, out: Array | None = None) -> Array:
        return elementwise(self, "unary.cl", name, (x,), out, predicate)

    return kernel


def binary(name: str, predicate: bool = False) -> Callable:
    """The kernel of an op of two operands, one of which may be a number."""

    def kernel(self: OpenCLDevice, x: Any, y: Any, out: Array | None = None) -> Array:
        return elementwise(self, "binary.cl", name, (x, y), out, predicate)

    return kernel


def integers_as_they_are(name: str) -> Callable:
    """The kernel of an op that rounds floats."""
    rounded = unary(name)

    def kernel(self: OpenCLDevice, x: Array, out: Array | None = None) -> Array:
        if x.dtype.kind == "f":
            return rounded(self, x, out)
        return self.copy(x) if out is None else self.copy_(out, x)

    return kernel


class Elementwise(OpenCLDevice):
    """The kernels of base.py whose result has an element for each element of the operands."""

    neg = unary("neg")
    abs = unary("abs")
    exp = unary("exp")
    exp2 = unary("exp2")
    expm1 = unary("expm1")
    log = unary("log")
    log2 = unary("log2")
    log10 = unary("log10")
    log1p = unary("log1p")
    sqrt = unary("sqrt")
    rsqrt = unary("rsqrt")
    square = unary("square")
    reciprocal = unary("reciprocal")
    sin = unary("sin")
    cos = unary("cos")
    tan = unary("tan")
    asin = unary("asin")
    acos = unary("acos")
    atan = unary("atan")
    sinh = unary("sinh")
    cosh = unary("cosh")
    tanh = unary("tanh")
    asinh = unary("asinh")
    acosh = unary("acosh")
    atanh = unary("atanh")
    erf = unary("erf")
    erfc = unary("erfc")
    lgamma = unary("lgamma")
    sign = unary("sign")
    floor = integers_as_they_are("floor")
    ceil = integers_as_they_are("ceil")
    trunc = integers_as_they_are("trunc")
    round = integers_as_they_are("round")
    relu = unary("relu")
    sigmoid = unary("sigmoid")
    silu = unary("silu")
    gelu = unary("gelu")
    gelu_tanh = unary("gelu_tanh")
    bitwise_not = unary("bitwise_not")
    signbit = unary("signbit", predicate=True)
    isnan = unary("isnan", predicate=True)
    isinf = unary("isinf", predicate=True)
    isfinite = unary("isfinite", predicate=True)
    logical_not = unary("logical_not", predicate=True)

    add = binary("add")
    sub = binary("sub")
    mul = binary("mul")
    div = binary("div")
    floor_divide = binary("floor_divide")
    remainder = binary("remainder")
    fmod = binary("fmod")
    pow = binary("pow")
    atan2 = binary("atan2")
    hypot = binary("hypot")
    nextafter = binary("nextafter")
    maximum = binary("maximum")
    minimum = binary("minimum")
    fmax = binary("fmax")
    fmin = binary("fmin")
    bitwise_and = binary("bitwise_and")
    bitwise_or = binary("bitwise_or")
    bitwise_xor = binary("bitwise_xor")
    bitwise_left_shift = binary("bitwise_left_shift")
    gcd = binary("gcd")
    bitwise_right_shift = binary("bitwise_right_shift")
    gelu_grad = binary("gelu_grad")
    gelu_tanh_grad = binary("gelu_tanh_grad")
    silu_grad = binary("silu_grad")
    eq = binary("eq", predicate=True)
    ne = binary("ne", predicate=True)
    lt = binary("lt", predicate=True)
    le = binary("le", predicate=True)
    gt = binary("gt", predicate=True)
    ge = binary("ge", predicate=True)
    logical_and = binary("logical_and", predicate=True)
    logical_or = binary("logical_or", predicate=True)
    logical_xor = binary("logical_xor", predicate=True)

    def leaky_relu(self, x: Array, slope: float, out: Array | None = None) -> Array:
        return elementwise(self, "unary.cl", "leaky_relu", (x, slope), out)

    def elu(self, x: Array, alpha: float, out: Array | None = None) -> Array:
        return elementwise(self, "unary.cl", "elu", (x, alpha), out)

    def softplus(self, x: Array, beta: float, threshold: float,
                 out: Array | None = None) -> Array:
        return elementwise(self, "unary.cl", "softplus", (x, beta, threshold), out)

    def clamp(self, x: Array, lo: Number | None, hi: Number | None,
              out: Array | None = None) -> Array:
        if lo is None or hi is None:
            return self.minimum(x, hi, out) if lo is None else self.maximum(x, lo, out)
        return elementwise(self, "unary.cl", "clamp", (x, lo, hi), out)

    def where(self, condition: Array, x: Any, y: Any,
              out: Array | None = None) -> Array:
        return elementwise(self, "ternary.cl", "where", (condition, x, y), out)

    def addcmul(self, x: Any, y: Any, z: Any, value: Number,
                out: Array | None = None) -> Array:
        return elementwise(self, "ternary.cl", "addcmul", (x, y, z, value), out)

    def lerp(self, x: Any, y: Any, w: Any, out: Array | None = None) -> Array:
        return elementwise(self, "ternary.cl", "lerp", (x, y, w), out)

