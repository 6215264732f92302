"""What the ops of elementwise.py and special.py compute, in words: their docstrings come from here.

name: out: an example's operands: its result. A star says that integers and bools become the default
float type first.
"""

from __future__ import annotations

from typing import Any

TABLE = """
mul: x * y: [2, 3], [4, 0.5]: [8.0000, 1.5000]
true_divide*: x / y: [7, 8], 2: [3.5000, 4.0000]
floor_divide: x / y rounded down; RuntimeError for an integer by 0: [7, -7], 2: [ 3, -4]
fmod: x - y trunc(x / y), with the sign of x: [7, -7], 3: [ 1, -1]
remainder: x - y floor(x / y), with the sign of y: [7, -7], 3: [1, 2]
neg: -x: [1, -2]: [-1,  2]
abs: |x|: [1, -2]: [1, 2]
sign: 1 above 0, -1 below, 0 at 0: [3.0, 0.0, -0.5]: [ 1.,  0., -1.]
sqrt*: the square root of x, NaN below 0: [4, 2]: [2.0000, 1.4142]
rsqrt*: 1 / sqrt(x): [4, 16]: [0.5000, 0.2500]
reciprocal*: 1 / x: [4, 0.5]: [0.2500, 2.0000]
hypot: sqrt(x^2 + y^2): [3.0, 5.0], [4.0, 12.0]: [ 5., 13.]
exp*: e^x: [0, 1]: [1.0000, 2.7183]
exp2*: 2^x: [0, 3]: [1., 8.]
expm1*: e^x - 1, exact near 0 too: [0, 1]: [0.0000, 1.7183]
log*: the natural logarithm of x, -inf at 0: [1, 10]: [0.0000, 2.3026]
log2*: the logarithm of x to base 2: [1, 8]: [0., 3.]
log10*: the logarithm of x to base 10: [1, 1000]: [0.0000, 3.0000]
log1p*: log(1 + x), exact near 0 too: [0, 1]: [0.0000, 0.6931]
erf*: 2 / sqrt(pi) * the integral of e^(-t^2) over 0 < t < x: [0, 1]: [0.0000, 0.8427]
sin*: the sine of x: [0, 1]: [0.0000, 0.8415]
cos*: the cosine of x: [0, 1]: [1.0000, 0.5403]
tan*: the tangent of x: [0, 1]: [0.0000, 1.5574]
asin*: the angle in [-pi/2, pi/2] with sine x: [0, 1]: [0.0000, 1.5708]
acos*: the angle in [0, pi] with cosine x: [0, 1]: [1.5708, 0.0000]
atan*: the angle in [-pi/2, pi/2] with tangent x: [0, 1]: [0.0000, 0.7854]
atan2*: the angle in [-pi, pi] of the point (y, x): [1.0, 1.0], [1.0, -1.0]: [0.7854, 2.3562]
sinh*: (e^x - e^-x) / 2: [0, 1]: [0.0000, 1.1752]
cosh*: (e^x + e^-x) / 2: [0, 1]: [1.0000, 1.5431]
tanh*: (e^x - e^-x) / (e^x + e^-x): [0, 1]: [0.0000, 0.7616]
sigmoid*: 1 / (1 + e^-x): [0, 1]: [0.5000, 0.7311]
floor: x rounded down: [1.5, -1.5]: [ 1., -2.]
ceil: x rounded up: [1.5, -1.5]: [ 2., -1.]
trunc: x rounded towards zero: [1.5, -1.5]: [ 1., -1.]
maximum: the larger of x and y, NaN if one is: [1, 5], [3, 2]: [3, 5]
minimum: the smaller of x and y, NaN if one is: [1, 5], [3, 2]: [1, 2]
fmax: the larger of x and y, NaN left aside: [1.0, nan], [3.0, 2.0]: [3., 2.]
fmin: the smaller of x and y, NaN left aside: [1.0, nan], [3.0, 2.0]: [1., 2.]
eq: x == y: [1, 2], 2: [False,  True]
ne: x != y: [1, 2], 2: [ True, False]
lt: x < y: [1, 2], 2: [ True, False]
le: x <= y: [1, 2], 2: [True, True]
gt: x > y: [1, 2], 1: [False,  True]
ge: x >= y: [1, 2], 2: [False,  True]
isnan: whether x is NaN: [1.0, nan]: [False,  True]
isinf: whether x is inf or -inf: [1.0, inf]: [False,  True]
isfinite: whether x is neither NaN nor infinite: [1.0, inf]: [ True, False]
logical_and: whether x and y are both not 0: [1, 2], [0, 3]: [False,  True]
logical_or: whether x or y is not 0: [1, 0], [0, 0]: [ True, False]
logical_xor: whether one of x and y is 0, one is not: [1, 2], [0, 3]: [ True, False]
logical_not: whether x is 0: [0, 2]: [ True, False]
bitwise_and: the bits set in both x and y: [6, 5], 3: [2, 1]
bitwise_or: the bits set in x or in y: [6, 5], 3: [7, 7]
bitwise_xor: the bits set in one of x and y: [6, 5], 3: [5, 6]
bitwise_not: the bits of x inverted: [6, 0]: [-7, -1]
gcd: the largest integer that divides x and y, 0 where both are 0: [12, -9], [18, 6]: [6, 3]
bitwise_left_shift: x * 2^y by moving bits: [6, 5], 1: [12, 10]
bitwise_right_shift: floor(x / 2^y) by moving bits: [6, 5], 1: [3, 2]
relu: max(x, 0): [-1.0, 2.0]: [0., 2.]
asinh*: log(x + sqrt(x^2 + 1)): [0, 1]: [0.0000, 0.8814]
acosh*: log(x + sqrt(x^2 - 1)), NaN below 1: [1, 2]: [0.0000, 1.3170]
atanh*: log((1 + x) / (1 - x)) / 2, NaN beyond -1 and 1: [0.0, 0.5]: [0.0000, 0.5493]
erfc*: 1 - erf(x), exact where this is small: [0, 1]: [1.0000, 0.1573]
erfinv*: the y with erf(y) = x, NaN beyond -1 and 1: [0.0, 0.5]: [0.0000, 0.4769]
lgamma*: log(|gamma(x)|), inf at 0, -1, -2 ...: [3.0, 0.5]: [0.6931, 0.5724]
i0*: the modified Bessel function of order 0: [0, 1]: [1.0000, 1.2661]
special.i0e*: i0(x) e^-|x|, without overflow: [0, 1000]: [1.0000, 0.0126]
special.i1e*: i1(x) e^-|x|, without overflow: [0, 1000]: [0.0000, 0.0126]
special.erfcx*: e^(x^2) erfc(x), where erfc alone would be 0 too: [0, 100]: [1.0000, 0.0056]
special.i1*: the modified Bessel function of order 1: [0, 1]: [0.0000, 0.5652]
logaddexp*: log(e^x + e^y) without overflow: [0, 100], [0, 0]: [  0.6931, 100.0000]
logaddexp2*: log2(2^x + 2^y) without overflow: [0, 100], [0, 0]: [  1., 100.]
nextafter: the number next to x, in the direction of y: [1.0], [2.0]: [1.0000]
"""


def describe(functions: dict[str, Any]) -> dict[str, str]:
    """Gives the functions of a module their docstrings. Returns these by name, as doctest's
    `__test__`.
    """
    texts = {}
    for line in TABLE.strip().splitlines():
        name, formula, operands, result = line.split(": ")
        function = functions.get(name.rstrip("*").rpartition(".")[2])
        if function is None or function.__doc__:
            continue  # it lives in another module
        texts[function.__name__] = function.__doc__ = _text(name, function.op, formula) + (
            _example(name.rstrip("*"), operands, result)
        )
    return texts


def _text(name: str, op: Any, formula: str) -> str:
    two = len(op.inputs) == 2
    sentences = [
        "x is `input`, y is `other`, and they broadcast (RuntimeError where they cannot)."
        if two
        else "x is `input`.",
        "Integers and bools become the default float type." if name.endswith("*") else "",
        "" if op.differentiable else "Without a gradient.",
    ]
    return f"out = {formula}, element by element.\n\n" + " ".join(filter(None, sentences))


def _example(name: str, operands: str, result: str) -> str:
    tensors = operands.replace("[", "minigrad.tensor([").replace("]", "])")
    numbers = ">>> from math import inf, nan\n" if "n" in operands else ""
    return f"\n\n>>> import minigrad\n{numbers}>>> minigrad.{name}({tensors})\ntensor({result})\n"
