"""Special functions in terms of elementwise kernels: the defaults of base.py, for every backend.

`Values` lets them be written as formulas: x * x + 1 calls the backend's mul and add. They compute
in a wider type where the backend says so (Backend.wider), and round once.

Sources: Abramowitz & Stegun, Handbook of Mathematical Functions, 6.1.41 (Stirling's series), 6.4.7
and 6.4.11 (polygamma), 9.6.10 and 9.7.1 (Bessel functions); S. Winitzki, A handy approximation for
the error function and its inverse (2008). The coefficients of erfc are a Chebyshev fit made with
mpmath.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

# erfc(x) * e ** x ** 2 * (1 + 2 x) in (x - 4) / (x + 4), for x >= 0: relative error 4e-16.
ERFC = (1.2329951186255526, -0.1396211168405625, 0.015379652102620026, 0.0680970542546904,
        -0.10103906603632413, 0.09373283499843826, -0.06633036581166812, 0.03716751553592911,
        -0.016197734065728945, 0.005031969992669933, -0.0007577732210512849,
        -0.0001992567757633648, 0.00015062131406268513, -2.4398944545280832e-05,
        -1.1220772697788498e-05, 5.709206053072183e-06, 2.9094470866632674e-07,
        -8.249198427508354e-07, 7.888177117406594e-08, 1.1009737295274889e-07,
        -2.1868462576141457e-08, -1.4709550868669278e-08, 3.950879254166685e-09,
        1.7903326159489847e-09, -5.377133821031794e-10, -1.374652989001164e-10,
        4.180821739675544e-11)

# The Bernoulli numbers B2, B4 ... B18
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)
SHIFT = 10  # asymptotic series of the gamma function are used from here on
FAR = 30.0  # Bessel functions: up to here the power series, beyond it the asymptotic one


class Values:
    """An array of a backend that arithmetic works on."""

    def __init__(self, backend: Any, array: Any):
        self.backend, self.array = backend, array

    def call(self, kernel: str, *operands: Any) -> Values:
        arrays = [x.array if isinstance(x, Values) else x for x in operands]
        return Values(self.backend, getattr(self.backend, kernel)(*arrays))

    def __getattr__(self, kernel: str) -> Callable[..., Values]:
        return lambda *operands: self.call(kernel, self, *operands)

    def __add__(self, other: Any) -> Values:
        return self.call("add", self, other)

    def __sub__(self, other: Any) -> Values:
        return self.call("sub", self, other)

    def __rsub__(self, other: Any) -> Values:
        return self.call("sub", other, self)

    def __mul__(self, other: Any) -> Values:
        return self.call("mul", self, other)

    def __truediv__(self, other: Any) -> Values:
        return self.call("div", self, other)

    def __rtruediv__(self, other: Any) -> Values:
        return self.call("div", other, self)

    def __neg__(self) -> Values:
        return self.call("neg", self)

    def __lt__(self, other: Any) -> Values:
        return self.call("lt", self, other)

    def __gt__(self, other: Any) -> Values:
        return self.call("gt", self, other)

    def equals(self, other: Any) -> Values:
        return self.call("eq", self, other)

    def then(self, x: Any, y: Any) -> Values:
        """x where this condition holds, else y."""
        return self.call("where", self, x, y)

    __radd__, __rmul__ = __add__, __mul__


def computed(backend: Any, formula: Callable[..., Values], out: Any, *operands: Any) -> Any:
    """formula(*operands), the arrays among them in the type that the backend computes these in."""
    dtype = operands[0].dtype
    wide = backend.wider.get(dtype, dtype)
    values = [
        Values(backend, x if wide == dtype else backend.cast(x, wide)) if hasattr(x, "dtype") else x
        for x in operands
    ]
    result = formula(*values).array
    if out is not None:
        return backend.copy_(out, result)
    return result if wide == dtype else backend.cast(result, dtype)


def polynomial(coefficients: Sequence[float], x: Values) -> Values:
    """The sum of c * x ** k over the coefficients c, by Horner's rule."""
    total = x * coefficients[-1]
    for c in coefficients[-2:0:-1]:
        total = (total + c) * x
    return total + coefficients[0]


# --- The gamma function ---------------------------------------------------------------------------


def lgamma(x: Values) -> Values:
    """By Stirling's series at x + 10, less the log of x (x + 1) ... (x + 9), the factors that gamma
    gains on the way there. Below 1/2 by gamma(x) gamma(1 - x) = pi / sin(pi x).
    """
    y = (x < 0.5).then(1 - x, x)
    gained = y
    for k in range(1, SHIFT):
        gained = gained * (y + k)
    distant = y > 1e3  # where the product may overflow, the series needs no help
    far, gain = distant.then(y, y + SHIFT), distant.then(0.0, gained.log())
    terms = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1)]
    series = (far - 0.5) * (far.log() - 1.0) + (0.5 * math.log(2 * math.pi) - 0.5)
    above = series + polynomial(terms, 1.0 / (far * far)) / far - gain
    below = math.log(math.pi) - _sin_pi(x).abs().log() - above
    return x.isinf().then(math.inf, (x < 0.5).then(below, above))


def _sin_pi(x: Values) -> Values:
    """sin(pi x) up to its sign, and 0 exactly at the integers."""
    return ((x - x.round()) * math.pi).sin()


def polygamma(x: Values, n: int) -> Values:
    """The n-th derivative of digamma, psi: below 1/2 by psi(x) = psi(1 - x) - pi cot(pi x) and its
    derivatives.
    """
    above = _polygamma_above(x, n)
    below = _polygamma_above(1 - x, n) * (-1.0) ** n - _cotangent(x, n)
    at_pole = -1.0 / x if n == 0 else (-1) ** (n + 1) * math.inf
    is_pole = (x.floor()).equals(x).logical_and(x < 0.5)
    if n == 0:
        at_pole = x.equals(0.0).then(at_pole, math.nan)
    return is_pole.then(at_pole, (x < 0.5).then(below, above))


def _polygamma_above(x: Values, n: int) -> Values:
    """(-1)^(n + 1) n! times the sum of (x + k)^-(n + 1) over k = 0, 1, 2 ...; from k = 10 on by the
    formula of Euler and Maclaurin. For n = 0 the sum's place is taken by the logarithm's limit.
    """
    factor, far = math.factorial(n), 1.0 / (x + SHIFT)
    near = _power(1.0 / x, n + 1)
    for k in range(1, SHIFT):
        near = near + _power(1.0 / (x + k), n + 1)
    terms = [
        b * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
        for k, b in enumerate(BERNOULLI, 1)
    ]
    rest = polynomial([0.0, *terms], far * far) + far * (factor / 2)
    integral = (x + SHIFT).log() * -1.0 if n == 0 else _power(far, n) * (factor / n)
    total = near * factor + integral + (rest if n == 0 else rest * _power(far, n))
    return total * (-1.0) ** (n + 1)


def _power(x: Values, n: int) -> Values:
    out = x
    for _ in range(n - 1):
        out = out * x
    return out


def _cotangent(x: Values, n: int) -> Values:
    """The n-th derivative of pi cot(pi x), a polynomial in the cotangent, since that one's
    derivative is -pi (1 + cot^2).
    """
    p = [0.0, math.pi]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(p)][1:]
        pairs = zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope], strict=True)
        p = [-math.pi * (a + b) for a, b in pairs]
    angle = (x - x.round()) * math.pi
    return polynomial(p, angle.cos() / angle.sin())


# --- The error function ---------------------------------------------------------------------------


def erfc(x: Values) -> Values:
    """A polynomial times e ** -x ** 2 / (1 + 2 x); for negative x, 2 - erfc(-x)."""
    size = x.abs().minimum(30.0)  # erfc(30) is 0
    above = _scaled_tail(size) * (-(size * size)).exp()
    return (x < 0.0).then(2.0 - above, above)


def erfcx(x: Values) -> Values:
    """The polynomial alone; for negative x, 2 e ** x ** 2 - erfcx(-x)."""
    size = x.abs()
    tail = _scaled_tail(size)
    return (x < 0.0).then((size * size).exp() * 2.0 - tail, tail)


def _scaled_tail(size: Values) -> Values:
    """erfc(x) e ** x ** 2 for x >= 0."""
    return polynomial(ERFC, 1.0 - 8.0 / (size + 4.0)) / (1.0 + size * 2.0)


def erfinv(x: Values) -> Values:
    """Winitzki's formula, right to 2e-3, and two steps of Halley's method, each of which triples
    the number of right digits. Above 1/2 the error is one of erfc, which is exact there.
    """
    size = x.abs()
    log, a = (-(size * size)).log1p(), 0.147
    t = log * 0.5 + 2 / (math.pi * a)
    q = log * (-1 / a)
    y = (q / ((t * t + q).sqrt() + t)).sqrt()
    for _ in range(2):
        error = (size < 0.5).then(y.erf() - size, (1.0 - size) - y.erfc())
        error = error * (y * y).exp() * (math.sqrt(math.pi) / 2)
        y = y - error / (1.0 + y * error)
    y = size.equals(1.0).then(math.inf, y)
    return (x < 0.0).then(-y, y)


# --- Bessel functions -----------------------------------------------------------------------------


def i0(x: Values) -> Values:
    return _bessel(x, 0)


def i1(x: Values) -> Values:
    size = _bessel(x, 1)
    return (x < 0.0).then(-size, size)


def i0e(x: Values) -> Values:
    return _bessel(x, 0, True)


def i1e(x: Values) -> Values:
    size = _bessel(x, 1, True)
    return (x < 0.0).then(-size, size)


def _bessel(x: Values, order: int, scaled: bool = False) -> Values:
    """I0 or I1 of |x|, or that times e ** -|x|: by its power series, whose terms are all positive,
    or the asymptotic one.
    """
    size = x.abs() if scaled else x.abs().minimum(1e4)  # it overflows before
    low = size.minimum(FAR)
    z = low * low * 0.25
    near = z * 0.0 + 1.0
    for k in range(48, 0, -1):
        near = near * (z * (1 / (k * (k + order)))) + 1.0
    near = near * low * 0.5 if order else near
    near = near * (-low).exp() if scaled else near
    inverse, far = 1.0 / size, z * 0.0 + 1.0
    for k in range(16, 0, -1):
        far = far * inverse * (-(4 * order - (2 * k - 1) ** 2) / (8 * k)) + 1.0
    far = (far if scaled else far * size.exp()) / (size * (2 * math.pi)).sqrt()
    return (size > FAR).then(far, near)


# --- Inverse hyperbolic functions, and sums of exponentials ---------------------------------------


def asinh(x: Values) -> Values:
    """log(x + sqrt(x^2 + 1)) without overflow, and without cancellation near 0."""
    size = x.abs()
    inverse = 1.0 / size
    root = (inverse * inverse + 1.0).sqrt()
    return (size + size / (inverse + root)).log1p() * x.sign()


def acosh(x: Values) -> Values:
    beyond = x - 1.0
    return (beyond + beyond.sqrt() * (beyond + 2.0).sqrt()).log1p()


def atanh(x: Values) -> Values:
    return (x.log1p() - (-x).log1p()) * 0.5


def logaddexp(x: Values, y: Any) -> Values:
    """The larger one, and what the smaller one adds."""
    difference = x.equals(y).then(0.0, x - y)  # infinities of one sign
    return (-difference.abs()).exp().log1p() + x.maximum(y)


def logaddexp2(x: Values, y: Any) -> Values:
    difference = x.equals(y).then(0.0, x - y)
    return (-difference.abs()).exp2().log1p() * (1 / math.log(2)) + x.maximum(y)
