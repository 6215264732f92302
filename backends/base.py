"""What a backend is: every kernel, with the loop it must equal.

A backend is one object whose methods are kernels. The kernels marked `@core` must be defined by
every backend. All others have a default here, written in terms of the core, and are overridden
where a backend can do better. A new backend is therefore one short file that gets faster method
by method.

Note [Conventions]. Arrays are opaque except for `.shape` (a tuple) and `.dtype` (a
`numpy.dtype`). Every argument is positional and canonical: axes are sorted tuples of non-negative
ints, shapes are complete, the value operands of one call have one dtype, conditions are bool and
indices int64. Where a parameter is called `axis` it is one non-negative int. Kernels change
nothing except `out` and, in the kernels whose name ends in `_`, the operands named in the
docstring. The dtype of a result is the dtype of the value operands, unless the docstring says
bool or int64. Every kernel takes 0-d, empty, non-contiguous and negatively strided arrays.

Note [Loops]. In the docstrings `i`, `j`, `k` are tuples of indices that run over all of `out`,
unless a loop is written; `x[i]` with a number for an operand is that number. `i[axis := j]` is
`i` with the index on `axis` replaced by `j`. Reductions write `x[i, j]` for the element at `i` on
the axes that are kept and `j` on the axes that are reduced, wherever these lie.

Note [Elementwise kernels] broadcast their operands as NumPy does. Any operand, but not all, may
be a Python number that is already suited to the result type (an int will do for a float). `out`
comes last: with an array there, the result is written into it (it may be one of the operands) and
returned.

Note [Differences] between array libraries that are settled here:
- Integer overflow wraps around. `floor_divide` rounds towards minus infinity and `remainder` has
  the sign of the divisor; `fmod` has the sign of the dividend. Integer division by zero is a
  RuntimeError ("ZeroDivisionError") on a host backend and undefined on a device.
- Integer `pow` with a negative exponent is the exact power rounded towards zero (0 for a zero
  base).
- A shift by less than 0 or by at least the number of bits gives 0, or -1 for the right shift of a
  negative integer.
- Empty reductions: `sum` 0, `prod` 1, `any` False, `all` True, `logsumexp` -inf, `var` NaN;
  `max`, `min`, `argmax` and `argmin` along an axis of size 0 raise IndexError.
- `sum` and `prod` have the dtype of their operand (integers are cast to int64 by the caller).
  float16 is reduced and multiplied in float32 and rounded once.
- NaN propagates through `max`, `min`, `maximum`, `minimum`, `clamp`, and `argmax` finds the first
  NaN; `fmax` and `fmin` return the other operand. `sign(NaN)` is 0.
- Among equal elements `argmax`, `argmin`, `max_with_indices`, `max_pool` take the first.
- `sort` is stable in both directions and NaN counts as the largest value: last when ascending,
  first when descending. In `unique` every NaN is a value of its own.
- Duplicate indices: `scatter_add`, `index_add`, accumulating `index_put` add every contribution,
  in the same order at every run; `scatter` and plain `index_put` keep the last one written.
- An index that is out of range raises IndexError with the value and the size (on a device: at the
  next synchronisation). Only `index` and `index_put` take negative indices.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from . import numpy_linalg, special

Array = Any  # an array of the backend
Number = bool | int | float
Shape = tuple[int, ...]
Axes = tuple[int, ...]
Key = tuple[int | slice, ...]
Pads = tuple[tuple[int, int], ...]


class Work(NamedTuple):
    """What a device did for one call: seconds by its own clock, and programs that it compiled."""

    seconds: float
    builds: int


def core(declaration: Callable) -> Callable:
    """Turns a declaration into a kernel that a backend has to define."""
    name = declaration.__name__

    @functools.wraps(declaration)
    def missing(self: Backend, *args: Any) -> Any:
        raise NotImplementedError(f"backend {self.name!r} does not define the core kernel {name!r}")

    missing.is_core = True  # type: ignore[attr-defined]
    return missing


class Backend:
    """The kernels. Defaults call other kernels of the same backend and nothing else, but for those
    of Note [On the host]."""

    name = "base"
    survives_fork = True  # whether a forked process can go on with it

    # Note [Device time]. Where a device has a clock of its own, its backend may define `timed`,
    # which is no kernel: timed(kernel, *args) calls the kernel, waits until it is finished as
    # synchronize does, and returns its result with the Work of the device. Elsewhere it is None.
    timed: Callable[..., tuple[Any, Work]] | None = None

    # The types that special functions are computed in, where it is not their own.
    wider: ClassVar[dict[np.dtype, np.dtype]] = {np.dtype(np.float16): np.dtype(np.float32)}

    # --- Memory ----------------------------------------------------------------------------------

    @core
    def from_host(self, array: np.ndarray) -> Array:
        """out[i] = array[i], on the device. On the host it may be the same memory."""

    @core
    def to_host(self, x: Array) -> np.ndarray:  # type: ignore[empty-body]
        """out[i] = x[i], a NumPy array. On the host it may be the same memory."""

    @core
    def empty(self, shape: Shape, dtype: np.dtype) -> Array:
        """A new contiguous array with arbitrary content."""

    @core
    def full(self, shape: Shape, value: Number, dtype: np.dtype) -> Array:
        """out[i] = value"""

    @core
    def arange(self, start: Number, step: Number, n: int, dtype: np.dtype) -> Array:
        """out[i] = start + i * step for i in range(n), computed in float64 or int64."""

    @core
    def copy_(self, dst: Array, src: Array) -> Array:
        """dst[i] = src[i], where src broadcasts to dst and is cast to its dtype; returns dst."""

    @core
    def cast(self, x: Array, dtype: np.dtype) -> Array:
        """out[i] = dtype(x[i]): truncates floats to ints, `x != 0` for bool. A new array unless
        x has this dtype already."""

    @core
    def contiguous(self, x: Array) -> Array:
        """out[i] = x[i] in row-major order; x itself where it is contiguous."""

    @core
    def strides(self, x: Array) -> tuple[int, ...]:  # type: ignore[empty-body]
        """How many elements apart in memory neighbours along each axis lie."""

    def copy(self, x: Array) -> Array:
        """out[i] = x[i], new memory, row-major."""
        return self.copy_(self.empty(x.shape, x.dtype), x)

    def is_contiguous(self, x: Array) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        expected = 1
        for size, stride in zip(reversed(x.shape), reversed(self.strides(x)), strict=True):
            if size != 1 and stride != expected:
                return 0 in x.shape
            expected *= size
        return True

    def synchronize(self) -> None:
        """Returns when all kernels called so far have finished; raises what they met."""

    # --- Views: no data moves, the result shares the memory of x ---------------------------------

    @core
    def view(self, x: Array, shape: Shape) -> Array | None:
        """The elements of x in row-major order, under another shape of the same size.
        None where the strides of x allow no such view."""

    @core
    def permute(self, x: Array, axes: Axes) -> Array:
        """out[i[axes[0]], i[axes[1]], ...] = x[i]; axes is a permutation, not sorted."""

    @core
    def expand(self, x: Array, shape: Shape) -> Array:
        """out[i] = x[i broadcast]: leading axes are added, axes of size 1 repeat.
        Callers do not write into it."""

    @core
    def slice(self, x: Array, key: Key) -> Array:
        """out = x[key]. One entry for each axis: an int in range drops the axis, a
        slice(start, stop, step) with 0 <= start, stop and step >= 1 keeps it."""

    @core
    def diagonal(self, x: Array, offset: int, axis1: int, axis2: int) -> Array:
        """out[..., k] = x[... axis1: k + max(-offset, 0), axis2: k + max(offset, 0) ...]"""

    @core
    def unfold(self, x: Array, axis: int, size: int, step: int) -> Array:
        """out[i, k] = x[i[axis := i[axis] * step + k]] for k in range(size): windows come last."""

    # --- Movement: copies and the adjoints of the views ------------------------------------------

    def unslice(self, g: Array, shape: Shape, key: Key) -> Array:
        """out = zeros(shape); out[key] = g"""
        out = self.full(shape, 0, g.dtype)
        self.copy_(self.slice(out, key), g)
        return out

    def undiagonal(self, g: Array, shape: Shape, offset: int, axis1: int, axis2: int) -> Array:
        """out = zeros(shape); diagonal(out, offset, axis1, axis2)[...] = g"""
        out = self.full(shape, 0, g.dtype)
        self.copy_(self.diagonal(out, offset, axis1, axis2), g)
        return out

    def fold(self, g: Array, shape: Shape, axis: int, size: int, step: int) -> Array:
        """for i, k: out[i[axis := i[axis] * step + k]] += g[i, k]"""
        out = self.full(shape, 0, g.dtype)
        windows = self.unfold(out, axis, size, step)
        for k in range(size):
            key = tuple(slice(0, n, 1) for n in windows.shape[:-1]) + (k,)
            part = self.slice(windows, key)
            self.add(part, self.slice(g, key), part)
        return out

    def pad(self, x: Array, widths: Pads, value: Number) -> Array:
        """out[i] = x[i - low] where that exists, else value; one (low, high) >= 0 for each axis."""
        sides = list(zip(x.shape, widths, strict=True))
        out = self.full(tuple(low + n + high for n, (low, high) in sides), value, x.dtype)
        self.copy_(self.slice(out, tuple(slice(low, low + n, 1) for n, (low, _) in sides)), x)
        return out

    def flip(self, x: Array, axes: Axes) -> Array:
        """out[i] = x[i[axis := size - 1 - i[axis]] for each axis of axes]"""
        for axis in axes:
            size = x.shape[axis]
            x = self.index_select(x, axis, self.arange(size - 1, -1, size, np.dtype(np.int64)))
        return x

    def roll(self, x: Array, shifts: tuple[int, ...], axes: Axes) -> Array:
        """out[i] = x[i[axis := (i[axis] - shift) % size] for each axis]; axes may repeat."""
        for shift, axis in zip(shifts, axes, strict=True):
            size = x.shape[axis]
            start = -shift % size if size else 0
            before = self.slice(x, _slice_key(x.shape, axis, 0, start))
            after = self.slice(x, _slice_key(x.shape, axis, start, size))
            x = self.cat([after, before], axis)
        return x

    def cat(self, xs: Sequence[Array], axis: int) -> Array:
        """The arrays of xs one after the other along axis."""
        shape = list(xs[0].shape)
        shape[axis] = sum(x.shape[axis] for x in xs)
        out = self.empty(tuple(shape), xs[0].dtype)
        start = 0
        for x in xs:
            stop = start + x.shape[axis]
            self.copy_(self.slice(out, _slice_key(out.shape, axis, start, stop)), x)
            start = stop
        return out

    def tril(self, x: Array, k: int) -> Array:
        """out[..., r, c] = x[..., r, c] if c <= r + k else 0"""
        zero = self.full((), 0, x.dtype)
        return self.where(self.le(*self._rows_and_columns(x, k)), x, zero)

    def triu(self, x: Array, k: int) -> Array:
        """out[..., r, c] = x[..., r, c] if c >= r + k else 0"""
        zero = self.full((), 0, x.dtype)
        return self.where(self.ge(*self._rows_and_columns(x, k)), x, zero)

    def _rows_and_columns(self, x: Array, k: int) -> tuple[Array, Array]:
        rows, columns = x.shape[-2:]
        row = self.arange(k, 1, rows, np.dtype(np.int64))
        return self.arange(0, 1, columns, np.dtype(np.int64)), self._reshape(row, (rows, 1))

    def _reshape(self, x: Array, shape: Shape) -> Array:
        view = self.view(x, shape)
        return self.view(self.contiguous(x), shape) if view is None else view

    # --- Elementwise, one operand (see Note [Elementwise kernels]) -------------------------------

    @core
    def neg(self, x: Array, out: Array = None) -> Array:
        """out[i] = -x[i]"""

    @core
    def abs(self, x: Array, out: Array = None) -> Array:
        """out[i] = abs(x[i])"""

    @core
    def exp(self, x: Array, out: Array = None) -> Array:
        """out[i] = e ** x[i]"""

    @core
    def expm1(self, x: Array, out: Array = None) -> Array:
        """out[i] = e ** x[i] - 1, exact near 0"""

    @core
    def log(self, x: Array, out: Array = None) -> Array:
        """out[i] = log(x[i]); -inf at 0, NaN below"""

    @core
    def log1p(self, x: Array, out: Array = None) -> Array:
        """out[i] = log(1 + x[i]), exact near 0"""

    @core
    def sqrt(self, x: Array, out: Array = None) -> Array:
        """out[i] = sqrt(x[i])"""

    @core
    def sin(self, x: Array, out: Array = None) -> Array:
        """out[i] = sin(x[i])"""

    @core
    def cos(self, x: Array, out: Array = None) -> Array:
        """out[i] = cos(x[i])"""

    @core
    def tanh(self, x: Array, out: Array = None) -> Array:
        """out[i] = tanh(x[i])"""

    @core
    def erf(self, x: Array, out: Array = None) -> Array:
        """out[i] = 2 / sqrt(pi) * integral of e ** -t ** 2 from 0 to x[i]"""

    @core
    def floor(self, x: Array, out: Array = None) -> Array:
        """out[i] = the largest integer <= x[i]; integers stay as they are"""

    @core
    def round(self, x: Array, out: Array = None) -> Array:
        """out[i] = the integer nearest to x[i], ties to even; integers stay as they are"""

    def sign(self, x: Array, out: Array = None) -> Array:
        """out[i] = (x[i] > 0) - (x[i] < 0)"""
        positive = self.cast(self.gt(x, 0), x.dtype)
        return self.where(self.lt(x, 0), -1, positive, out)

    def exp2(self, x: Array, out: Array = None) -> Array:
        """out[i] = 2 ** x[i]"""
        return self.pow(2.0, x, out)

    def log2(self, x: Array, out: Array = None) -> Array:
        """out[i] = log(x[i]) / log(2)"""
        return self.mul(self.log(x), 1 / math.log(2), out)

    def log10(self, x: Array, out: Array = None) -> Array:
        """out[i] = log(x[i]) / log(10)"""
        return self.mul(self.log(x), 1 / math.log(10), out)

    def rsqrt(self, x: Array, out: Array = None) -> Array:
        """out[i] = 1 / sqrt(x[i])"""
        return self.div(1.0, self.sqrt(x), out)

    def square(self, x: Array, out: Array = None) -> Array:
        """out[i] = x[i] * x[i]"""
        return self.mul(x, x, out)

    def reciprocal(self, x: Array, out: Array = None) -> Array:
        """out[i] = 1 / x[i]"""
        return self.div(1.0, x, out)

    def tan(self, x: Array, out: Array = None) -> Array:
        """out[i] = sin(x[i]) / cos(x[i])"""
        return self.div(self.sin(x), self.cos(x), out)

    def asin(self, x: Array, out: Array = None) -> Array:
        """out[i] = the angle in [-pi/2, pi/2] with this sine"""
        return self.atan2(x, self._leg(x), out)

    def acos(self, x: Array, out: Array = None) -> Array:
        """out[i] = the angle in [0, pi] with this cosine"""
        return self.atan2(self._leg(x), x, out)

    def _leg(self, x: Array) -> Array:
        """sqrt(1 - x ** 2) without cancellation near 1."""
        return self.sqrt(self.mul(self.sub(1, x), self.add(1, x)))

    def atan(self, x: Array, out: Array = None) -> Array:
        """out[i] = the angle in [-pi/2, pi/2] with this tangent"""
        return self.atan2(x, 1.0, out)

    def sinh(self, x: Array, out: Array = None) -> Array:
        """out[i] = (e ** x[i] - e ** -x[i]) / 2"""
        return self.mul(self.sub(self.expm1(x), self.expm1(self.neg(x))), 0.5, out)

    def cosh(self, x: Array, out: Array = None) -> Array:
        """out[i] = (e ** x[i] + e ** -x[i]) / 2"""
        return self.mul(self.add(self.exp(x), self.exp(self.neg(x))), 0.5, out)

    def ceil(self, x: Array, out: Array = None) -> Array:
        """out[i] = the smallest integer >= x[i]; integers stay as they are"""
        return self.neg(self.floor(self.neg(x)), out)

    def trunc(self, x: Array, out: Array = None) -> Array:
        """out[i] = x[i] without its fraction; integers stay as they are"""
        return self.where(self.lt(x, 0), self.ceil(x), self.floor(x), out)

    def isnan(self, x: Array, out: Array = None) -> Array:
        """out[i] = x[i] != x[i] (bool)"""
        return self.ne(x, x, out)

    def isinf(self, x: Array, out: Array = None) -> Array:
        """out[i] = abs(x[i]) == inf (bool)"""
        return self.eq(self.abs(x), math.inf, out)

    def isfinite(self, x: Array, out: Array = None) -> Array:
        """out[i] = abs(x[i]) < inf (bool)"""
        return self.lt(self.abs(x), math.inf, out)

    def logical_not(self, x: Array, out: Array = None) -> Array:
        """out[i] = x[i] == 0 (bool)"""
        return self.eq(x, 0, out)

    def bitwise_not(self, x: Array, out: Array = None) -> Array:
        """out[i] = ~x[i]; `not x[i]` for bool"""
        if x.dtype == bool:
            return self.logical_not(x, out)
        return self.bitwise_xor(x, -1 if x.dtype.kind == "i" else int(np.iinfo(x.dtype).max), out)

    # --- Special functions, one operand: formulas in special.py ----------------------------------

    def asinh(self, x: Array, out: Array = None) -> Array:
        """out[i] = log(x[i] + sqrt(x[i] ** 2 + 1))"""
        return special.computed(self, special.asinh, out, x)

    def acosh(self, x: Array, out: Array = None) -> Array:
        """out[i] = log(x[i] + sqrt(x[i] ** 2 - 1)); NaN below 1"""
        return special.computed(self, special.acosh, out, x)

    def atanh(self, x: Array, out: Array = None) -> Array:
        """out[i] = log((1 + x[i]) / (1 - x[i])) / 2"""
        return special.computed(self, special.atanh, out, x)

    def erfc(self, x: Array, out: Array = None) -> Array:
        """out[i] = 1 - erf(x[i]), exact where this is small"""
        return special.computed(self, special.erfc, out, x)

    def erfcx(self, x: Array, out: Array = None) -> Array:
        """out[i] = e ** x[i] ** 2 * erfc(x[i]), exact where erfc is too small for a number"""
        return special.computed(self, special.erfcx, out, x)

    def erfinv(self, x: Array, out: Array = None) -> Array:
        """out[i] = the y with erf(y) == x[i]; inf at 1, NaN beyond"""
        return special.computed(self, special.erfinv, out, x)

    def lgamma(self, x: Array, out: Array = None) -> Array:
        """out[i] = log(abs(gamma(x[i]))); inf at 0, -1, -2 ..."""
        return special.computed(self, special.lgamma, out, x)

    def polygamma(self, x: Array, n: int, out: Array = None) -> Array:
        """out[i] = the derivative of order n + 1 of log(gamma(x[i])), n >= 0"""
        return special.computed(self, special.polygamma, out, x, n)

    def i0(self, x: Array, out: Array = None) -> Array:
        """out[i] = sum((x[i] / 2) ** (2 * k) / k! ** 2 for k >= 0)"""
        return special.computed(self, special.i0, out, x)

    def i1(self, x: Array, out: Array = None) -> Array:
        """out[i] = sum((x[i] / 2) ** (2 * k + 1) / (k! * (k + 1)!) for k >= 0)"""
        return special.computed(self, special.i1, out, x)

    def i0e(self, x: Array, out: Array = None) -> Array:
        """out[i] = i0(x[i]) * e ** -abs(x[i]), without overflow"""
        return special.computed(self, special.i0e, out, x)

    def i1e(self, x: Array, out: Array = None) -> Array:
        """out[i] = i1(x[i]) * e ** -abs(x[i]), without overflow"""
        return special.computed(self, special.i1e, out, x)

    def signbit(self, x: Array, out: Array = None) -> Array:
        """out[i] = x[i] < 0 or x[i] is -0 (bool)"""
        return self.logical_or(self.lt(x, 0), self.lt(self.reciprocal(x), 0), out)

    # --- Activations, one operand ----------------------------------------------------------------

    def relu(self, x: Array, out: Array = None) -> Array:
        """out[i] = max(x[i], 0)"""
        return self.maximum(x, 0, out)

    def leaky_relu(self, x: Array, slope: float, out: Array = None) -> Array:
        """out[i] = x[i] if x[i] > 0 else slope * x[i]"""
        return self.where(self.gt(x, 0), x, self.mul(x, slope), out)

    def elu(self, x: Array, alpha: float, out: Array = None) -> Array:
        """out[i] = x[i] if x[i] > 0 else alpha * (e ** x[i] - 1)"""
        return self.where(self.gt(x, 0), x, self.mul(self.expm1(x), alpha), out)

    def softplus(self, x: Array, beta: float, threshold: float, out: Array = None) -> Array:
        """out[i] = x[i] if beta * x[i] > threshold else log(1 + e ** (beta * x[i])) / beta"""
        scaled = self.mul(x, beta)
        soft = self.div(self.log1p(self.exp(scaled)), beta)
        return self.where(self.gt(scaled, threshold), x, soft, out)

    def sigmoid(self, x: Array, out: Array = None) -> Array:
        """out[i] = 1 / (1 + e ** -x[i])"""
        return self.div(1.0, self.add(self.exp(self.neg(x)), 1.0), out)

    def silu(self, x: Array, out: Array = None) -> Array:
        """out[i] = x[i] * sigmoid(x[i])"""
        return self.div(x, self.add(self.exp(self.neg(x)), 1.0), out)

    def gelu(self, x: Array, out: Array = None) -> Array:
        """out[i] = x[i] * (1 + erf(x[i] / sqrt(2))) / 2"""
        return self.mul(self.mul(x, 0.5), self.add(self.erf(self.mul(x, SQRT_HALF)), 1.0), out)

    def gelu_tanh(self, x: Array, out: Array = None) -> Array:
        """out[i] = x[i] * (1 + tanh(sqrt(2 / pi) * (x[i] + 0.044715 * x[i] ** 3))) / 2"""
        return self.mul(self.mul(x, 0.5), self.add(self._gelu_tanh(x), 1.0), out)

    def _gelu_tanh(self, x: Array) -> Array:
        """tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))"""
        inner = self.add(self.mul(self.mul(x, x), GELU_CUBIC * SQRT_TWO_OVER_PI), SQRT_TWO_OVER_PI)
        return self.tanh(self.mul(x, inner))

    # --- Elementwise, two operands ---------------------------------------------------------------

    @core
    def add(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] + y[i]; `or` for bool"""

    @core
    def sub(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] - y[i]"""

    @core
    def mul(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] * y[i]; `and` for bool"""

    @core
    def div(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] / y[i], floats only"""

    @core
    def floor_divide(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] // y[i], rounded down; for floats x[i] / y[i] if y[i] == 0"""

    @core
    def fmod(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] - trunc(x[i] / y[i]) * y[i], computed exactly: the sign of x[i]"""

    @core
    def pow(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] ** y[i]"""

    @core
    def atan2(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = the angle in [-pi, pi] of the point (y[i], x[i])"""

    @core
    def maximum(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] if x[i] > y[i] or isnan(x[i]) else y[i]"""

    @core
    def minimum(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] if x[i] < y[i] or isnan(x[i]) else y[i]"""

    @core
    def eq(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] == y[i] (bool)"""

    @core
    def lt(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] < y[i] (bool)"""

    @core
    def bitwise_and(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] & y[i]"""

    @core
    def bitwise_or(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] | y[i]"""

    @core
    def bitwise_xor(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] ^ y[i]"""

    @core
    def bitwise_left_shift(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] << y[i] if 0 <= y[i] < bits else 0"""

    @core
    def bitwise_right_shift(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] >> (y[i] if 0 <= y[i] < bits else bits - 1), with the sign"""

    def gcd(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = the largest integer that divides x[i] and y[i], 0 where both are 0; of integers.
        By Euclid: as many steps as the largest Fibonacci numbers of the type need."""
        x, y = (self.abs(v) for v in self._as_arrays(x, y))
        for _ in range(12 * x.dtype.itemsize):
            is_zero = self.eq(y, 0)
            rest = self.fmod(x, self.where(is_zero, 1, y))
            x, y = self.where(is_zero, x, y), self.where(is_zero, 0, rest)
        return self.abs(x, out)

    def remainder(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] - floor(x[i] / y[i]) * y[i], computed exactly: the sign of y[i]"""
        x, y = self._as_arrays(x, y)
        rest = self.fmod(x, y)
        wrong_sign = self.logical_and(self.ne(rest, 0), self.ne(self.lt(rest, 0), self.lt(y, 0)))
        return self.where(wrong_sign, self.add(rest, y), rest, out)

    def fmax(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = y[i] if isnan(x[i]) else x[i] if isnan(y[i]) else max(x[i], y[i])"""
        x, y = self._as_arrays(x, y)
        greater = self.where(self.ne(y, y), x, self.maximum(x, y))
        return self.where(self.ne(x, x), y, greater, out)

    def fmin(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = y[i] if isnan(x[i]) else x[i] if isnan(y[i]) else min(x[i], y[i])"""
        x, y = self._as_arrays(x, y)
        smaller = self.where(self.ne(y, y), x, self.minimum(x, y))
        return self.where(self.ne(x, x), y, smaller, out)

    def hypot(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = sqrt(x[i] ** 2 + y[i] ** 2); inf if x[i] or y[i] is infinite, beside NaN too"""
        squares = [self.mul(v, v) for v in self._as_arrays(x, y)]
        infinite = self.eq(self.fmax(*squares), math.inf)
        return self.where(infinite, math.inf, self.sqrt(self.add(*squares)), out)

    def logaddexp(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = log(e ** x[i] + e ** y[i]) without overflow"""
        return special.computed(self, special.logaddexp, out, *self._as_arrays(x, y))

    def logaddexp2(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = log2(2 ** x[i] + 2 ** y[i]) without overflow"""
        return special.computed(self, special.logaddexp2, out, *self._as_arrays(x, y))

    def nextafter(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = the number of this type that comes next after x[i] towards y[i]"""
        x, y = self._as_arrays(x, y)
        result = self.from_host(np.nextafter(self.to_host(x), self.to_host(y)))
        return result if out is None else self.copy_(out, result)

    def _as_arrays(self, x: Array, y: Array) -> tuple[Array, Array]:
        """x and y, where one is a number as a 0-d array of the other's type."""
        if isinstance(x, int | float):
            return self.full((), x, y.dtype), y
        return x, self.full((), y, x.dtype) if isinstance(y, int | float) else y

    def ne(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] != y[i] (bool)"""
        return self.logical_not(self.eq(x, y), out)

    def le(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] <= y[i] (bool)"""
        return self.bitwise_or(self.lt(x, y), self.eq(x, y), out)

    def gt(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] > y[i] (bool)"""
        return self.lt(y, x, out)

    def ge(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] >= y[i] (bool)"""
        return self.le(y, x, out)

    def logical_and(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] != 0 and y[i] != 0 (bool)"""
        x, y = self._as_arrays(x, y)
        return self.bitwise_and(self.ne(x, 0), self.ne(y, 0), out)

    def logical_or(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] != 0 or y[i] != 0 (bool)"""
        x, y = self._as_arrays(x, y)
        return self.bitwise_or(self.ne(x, 0), self.ne(y, 0), out)

    def logical_xor(self, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = (x[i] != 0) != (y[i] != 0) (bool)"""
        x, y = self._as_arrays(x, y)
        return self.bitwise_xor(self.ne(x, 0), self.ne(y, 0), out)

    # --- Elementwise, three operands -------------------------------------------------------------

    @core
    def where(self, condition: Array, x: Array, y: Array, out: Array = None) -> Array:
        """out[i] = x[i] if condition[i] else y[i]"""

    def clamp(self, x: Array, lo: Number | None, hi: Number | None, out: Array = None) -> Array:
        """out[i] = min(max(x[i], lo), hi), without the step whose limit is None (not both)"""
        if lo is None:
            return self.minimum(x, hi, out)
        if hi is None:
            return self.maximum(x, lo, out)
        return self.minimum(self.maximum(x, lo), hi, out)

    def addcmul(self, x: Array, y: Array, z: Array, value: Number, out: Array = None) -> Array:
        """out[i] = x[i] + value * y[i] * z[i]"""
        return self.add(x, self.mul(self.mul(y, z), value), out)

    def lerp(self, x: Array, y: Array, w: Array, out: Array = None) -> Array:
        """d = y[i] - x[i]
        out[i] = x[i] + w[i] * d if abs(w[i]) < 0.5 else y[i] - d * (1 - w[i])"""
        d = self.sub(y, x)
        if isinstance(w, int | float) and abs(w) < 0.5:
            return self.add(x, self.mul(d, w), out)
        if isinstance(w, int | float):
            return self.sub(y, self.mul(d, 1 - w), out)
        near_x = self.add(x, self.mul(d, w))
        near_y = self.sub(y, self.mul(d, self.sub(1, w)))
        return self.where(self.lt(self.abs(w), 0.5), near_x, near_y, out)

    # --- Reductions ------------------------------------------------------------------------------

    @core
    def sum(self, x: Array, axes: Axes, keepdims: bool) -> Array:
        """out[i] = sum(x[i, j] for j)"""

    @core
    def prod(self, x: Array, axes: Axes, keepdims: bool) -> Array:
        """out[i] = product(x[i, j] for j)"""

    @core
    def max(self, x: Array, axes: Axes, keepdims: bool) -> Array:
        """out[i] = max(x[i, j] for j), NaN if there is one"""

    @core
    def min(self, x: Array, axes: Axes, keepdims: bool) -> Array:
        """out[i] = min(x[i, j] for j), NaN if there is one"""

    @core
    def argmax(self, x: Array, axis: int, keepdims: bool) -> Array:
        """out[i] = the first j with x[i, j] == max(x[i, :]), or of the first NaN (int64)"""

    @core
    def argmin(self, x: Array, axis: int, keepdims: bool) -> Array:
        """out[i] = the first j with x[i, j] == min(x[i, :]), or of the first NaN (int64)"""

    @core
    def cumsum(self, x: Array, axis: int) -> Array:
        """out[i, k] = sum(x[i, j] for j <= k)"""

    @core
    def cumprod(self, x: Array, axis: int) -> Array:
        """out[i, k] = product(x[i, j] for j <= k)"""

    def any(self, x: Array, axes: Axes, keepdims: bool) -> Array:
        """out[i] = any(x[i, j] != 0 for j) (bool)"""
        count = self.sum(self.cast(self.ne(x, 0), np.dtype(np.int64)), axes, keepdims)
        return self.ne(count, 0)

    def all(self, x: Array, axes: Axes, keepdims: bool) -> Array:
        """out[i] = all(x[i, j] != 0 for j) (bool)"""
        return self.logical_not(self.any(self.logical_not(x), axes, keepdims))

    def max_with_indices(self, x: Array, axis: int, keepdims: bool) -> tuple[Array, Array]:
        """(max(x, axis), argmax(x, axis)); 0-d x has index 0"""
        indices = self.argmax(x, axis, True)
        return self._drop(axis, keepdims, self.gather(x, axis, indices), indices)

    def min_with_indices(self, x: Array, axis: int, keepdims: bool) -> tuple[Array, Array]:
        """(min(x, axis), argmin(x, axis)); 0-d x has index 0"""
        indices = self.argmin(x, axis, True)
        return self._drop(axis, keepdims, self.gather(x, axis, indices), indices)

    def cummax(self, x: Array, axis: int) -> tuple[Array, Array]:
        """values[i, k] = max(x[i, j] for j <= k), NaN from the first one on; indices[i, k] = the
        last such j (int64)"""
        if not x.shape:
            return self.copy(x), self.full((), 0, np.dtype(np.int64))
        values = self._running_max(x, axis)
        n = x.shape[axis]
        places = self.arange(0, 1, n, np.dtype(np.int64))
        places = self.view(places, (n,) + (1,) * (len(x.shape) - axis - 1))
        is_largest = self.logical_or(self.eq(x, values), self.ne(x, x))
        return values, self._running_max(self.where(is_largest, places, 0), axis)

    def _running_max(self, x: Array, axis: int) -> Array:
        """By doubling: after k rounds each element is the largest of the 2 ** k that end there."""
        n, step = x.shape[axis], 1
        while step < n:
            before, later, earlier = (
                self.slice(x, _slice_key(x.shape, axis, start, stop))
                for start, stop in ((0, step), (step, n), (0, n - step))
            )
            x = self.cat([before, self.maximum(later, earlier)], axis)
            step *= 2
        return x

    def _drop(self, axis: int, keepdims: bool, *xs: Array) -> tuple[Array, ...]:
        if keepdims or not xs[0].shape:
            return xs
        return tuple(self.view(x, x.shape[:axis] + x.shape[axis + 1:]) for x in xs)

    def var(self, x: Array, axes: Axes, correction: Number, keepdims: bool) -> Array:
        """n = number of j; mean = sum(x[i, j] for j) / n
        out[i] = sum((x[i, j] - mean) ** 2 for j) / max(n - correction, 0)
        Relative to the first x[i, j], so that the variance of equal numbers is 0."""
        n = math.prod(x.shape[axis] for axis in axes)
        sizes = [min(1, m) if axis in axes else m for axis, m in enumerate(x.shape)]
        away = self.sub(x, self.slice(x, tuple(slice(0, m, 1) for m in sizes)))
        mean = self.div(self.sum(away, axes, True), float(n))
        away = self.sub(away, mean, away)
        total = self.sum(self.square(away, away), axes, keepdims)
        return self.div(total, float(max(n - correction, 0)))

    def logsumexp(self, x: Array, axes: Axes, keepdims: bool) -> Array:
        """out[i] = log(sum(e ** x[i, j] for j)), computed relative to the maximum"""
        if 0 in x.shape:
            return self.log(self.sum(x, axes, keepdims))
        top = self.max(x, axes, True)
        top = self.where(self.isinf(top), 0.0, top)
        total = self.log(self.sum(self.exp(self.sub(x, top)), axes, keepdims))
        return self.add(total, self._reshape(top, total.shape))

    # --- Indexing --------------------------------------------------------------------------------

    @core
    def gather(self, x: Array, axis: int, index: Array) -> Array:
        """out[i] = x[i[axis := index[i]]]; index may be smaller than x on the other axes"""

    @core
    def scatter(self, x: Array, axis: int, index: Array, src: Array) -> Array:
        """out = copy(x); for i of index, in order: out[i[axis := index[i]]] = src[i]"""

    @core
    def scatter_add(self, x: Array, axis: int, index: Array, src: Array) -> Array:
        """out = copy(x); for i of index: out[i[axis := index[i]]] += src[i]"""

    def scatter_max(self, x: Array, axis: int, index: Array, src: Array) -> Array:
        """out = copy(x); for i of index: out[i[axis := index[i]]] = max(that, src[i]), NaN if one
        is"""
        # Scattered in ascending order, the largest one is written last, and stays.
        n, count = math.prod(x.shape), math.prod(index.shape)
        places = self.view(self.arange(0, 1, n, np.dtype(np.int64)), x.shape)
        places = self._reshape(self.gather(places, axis, index), (count,))
        covered = self.slice(src, tuple(slice(0, size, 1) for size in index.shape))
        values, order = self.sort(self._reshape(covered, (count,)), 0, False)
        flat, places = self._reshape(x, (n,)), self.index_select(places, 0, order)
        largest = self.scatter(flat, 0, places, values)
        return self.view(self.maximum(flat, largest), x.shape)

    @core
    def index(self, x: Array, indices: Sequence[Array | None]) -> Array:
        """out = x[indices] as NumPy means it; None keeps its axis, missing ones at the end too.
        The broadcast shape of the indices stands where they stood if they were neighbours, else
        first."""

    @core
    def index_put(self, x: Array, indices: Sequence[Array | None], values: Array,
                  accumulate: bool, out: Array = None) -> Array:
        """out = copy(x); out[indices] = values (or += where accumulate); values broadcast. With
        out=x nothing is copied, and an index out of range changes nothing."""

    @core
    def nonzero(self, x: Array) -> Array:
        """[i for i of x if x[i] != 0] in row-major order, shape (count, x.ndim) (int64)"""

    @core
    def sort(  # type: ignore[empty-body]
            self, x: Array, axis: int, descending: bool) -> tuple[Array, Array]:
        """(values, indices): values[i, k] = x[i, indices[i, k]] in order; stable, NaN is largest"""

    def index_select(self, x: Array, axis: int, index: Array) -> Array:
        """out[i] = x[i[axis := index[i[axis]]]]; index is 1-D"""
        return self.gather(x, axis, self._along(index, axis, x.shape))

    def index_add(self, x: Array, axis: int, index: Array, src: Array) -> Array:
        """out = copy(x); for i of src: out[i[axis := index[i[axis]]]] += src[i]; index is 1-D"""
        return self.scatter_add(x, axis, self._along(index, axis, x.shape), src)

    def _along(self, index: Array, axis: int, shape: Shape) -> Array:
        """The 1-D index laid along one axis and repeated on the others of shape."""
        line = self.view(index, index.shape + (1,) * (len(shape) - axis - 1))
        return self.expand(line, shape[:axis] + index.shape + shape[axis + 1:])

    def topk(self, x: Array, k: int, axis: int, largest: bool) -> tuple[Array, Array]:
        """The first k of sort(x, axis, descending=largest)"""
        values, indices = self.sort(x, axis, largest)
        if not x.shape:
            return values, indices
        key = _slice_key(x.shape, axis, 0, k)
        return self.copy(self.slice(values, key)), self.copy(self.slice(indices, key))

    def searchsorted(self, sorted: Array, values: Array, right: bool) -> Array:
        """out[i, k] = number of j with sorted[i, j] < values[i, k] (<= where right) (int64).
        sorted is 1-D, or has the leading axes of values."""
        row = self.view(self.contiguous(sorted), sorted.shape[:-1] + (1,) + sorted.shape[-1:])
        value = self.view(self.contiguous(values), values.shape + (1,))
        below = self.le(row, value) if right else self.lt(row, value)
        return self.sum(self.cast(below, np.dtype(np.int64)), (len(values.shape),), False)

    def unique(self, x: Array) -> tuple[Array, Array, Array]:
        """(values, inverse, counts): the distinct elements in order, values[inverse[i]] == x[i],
        and how often each occurs (inverse and counts int64)"""
        int64 = np.dtype(np.int64)
        n = math.prod(x.shape)
        if n == 0:
            return self.empty((0,), x.dtype), self.empty(x.shape, int64), self.empty((0,), int64)
        values, order = self.sort(self._reshape(x, (n,)), 0, False)
        later, earlier = (self.slice(values, (slice(a, n - 1 + a, 1),)) for a in (1, 0))
        is_new = self.cat([self.full((1,), True, np.dtype(bool)), self.ne(later, earlier)], 0)
        starts = self.nonzero(is_new)
        starts = self.view(starts, starts.shape[:1])
        group = self.sub(self.cumsum(self.cast(is_new, int64), 0), 1)
        inverse = self.scatter(group, 0, order, group)
        ends = self.cat([self.slice(starts, (slice(1, starts.shape[0], 1),)),
                         self.full((1,), n, int64)], 0)
        return (self.index_select(values, 0, starts), self.view(inverse, x.shape),
                self.sub(ends, starts))

    # --- Linear algebra --------------------------------------------------------------------------

    @core
    def matmul(self, x: Array, y: Array) -> Array:
        """out[..., r, c] = sum(x[..., r, k] * y[..., k, c] for k); leading axes broadcast"""

    def linear(self, x: Array, w: Array, b: Array | None) -> Array:
        """out[..., c] = sum(x[..., k] * w[c, k] for k) + b[c]; x has one axis or more"""
        rows = self._reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
        out = self.matmul(rows, self.permute(w, (1, 0)))
        if b is not None:
            out = self.add(out, b, out)
        return self.view(out, x.shape[:-1] + w.shape[:1])

    # --- Inverses and decompositions -------------------------------------------------------------
    #
    # Note [On the host]. x is a batch of matrices, float32 or float64, and what holds below holds
    # for each of them. These are long algorithms, which have been written once, in LAPACK: the
    # defaults carry the matrices to the host and the results back, and say so in a warning. A
    # matrix that has no such inverse or factor raises LinAlgError with its place in the batch.

    def _on_host(self, name: str, *args: Any) -> Any:
        """The kernel `name` of numpy_linalg.py."""
        warnings.warn(
            f"minigrad: {name} is computed on the host: the backend {self.name!r} has no kernel "
            "for it, so its operands and results are copied there and back", stacklevel=3)
        moved = [self.to_host(x) if hasattr(x, "shape") else x for x in args]
        found = getattr(numpy_linalg, name)(*moved)
        if isinstance(found, tuple):
            return tuple(self.from_host(out) for out in found)
        return self.from_host(found)

    def inv(self, x: Array) -> Array:
        """x @ out = the identity"""
        return self._on_host("inv", x)

    def solve(self, x: Array, y: Array) -> Array:
        """x @ out = y; the leading axes of x and y agree"""
        return self._on_host("solve", x, y)

    def solve_triangular(self, x: Array, y: Array, upper: bool, unit: bool) -> Array:
        """t @ out = y, where t is the upper or the lower triangle of x, with ones on the diagonal
        if unit. For each row r, from the last one on if upper, else from the first:
            out[r] = (y[r] - sum(t[r, c] * out[c] for c that came before)) / t[r, r]"""
        n = x.shape[-1]
        out = self.copy(y)
        for r in reversed(range(n)) if upper else range(n):
            known = (r + 1, n) if upper else (0, r)
            row = self._part(out, (r, r + 1), (0, y.shape[-1]))
            others = self._part(out, known, (0, y.shape[-1]))
            self.sub(row, self.matmul(self._part(x, (r, r + 1), known), others), row)
            if not unit:
                self.div(row, self._part(x, (r, r + 1), (r, r + 1)), row)
        return out

    def _part(self, x: Array, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
        """A rectangle of each matrix."""
        batch = [slice(0, n, 1) for n in x.shape[:-2]]
        return self.slice(x, (*batch, slice(*rows, 1), slice(*columns, 1)))

    def cholesky(self, x: Array) -> Array:
        """out @ out.T = x, out is 0 above its diagonal and positive on it. Of x the lower triangle
        is read."""
        return self._on_host("cholesky", x)

    def qr(self, x: Array, complete: bool) -> tuple[Array, Array]:
        """(q, r) with q @ r = x, q.T @ q = the identity, and r 0 below its diagonal: q (m, k) and
        r (k, n) for x (m, n) and k = min(m, n), or k = m if complete"""
        return self._on_host("qr", x, complete)

    def svd(self, x: Array, full: bool) -> tuple[Array, Array, Array]:
        """(u, s, vh) with u @ diag(s) @ vh = x, s falling and not negative, and the columns of u
        and the rows of vh orthonormal: u (m, k), s (k,), vh (k, n) for x (m, n), k = min(m, n); or
        u (m, m) and vh (n, n) if full"""
        return self._on_host("svd", x, full)

    def pinv(self, x: Array, atol: Array, rtol: Array) -> Array:
        """With u, s, vh = svd(x), without the s <= max(atol, rtol * the largest s):
            out = vh.T @ diag(1 / s) @ u.T
        atol and rtol are numbers, or broadcast against s."""
        u, s, vh = self.svd(x, False)
        if 0 in s.shape:
            return self.full((*x.shape[:-2], x.shape[-1], x.shape[-2]), 0, x.dtype)
        largest = self.max(s, (len(s.shape) - 1,), True)
        kept = self.gt(s, self.maximum(self.mul(largest, rtol), atol))
        inverse = self.where(kept, self.div(1.0, s), 0.0)
        row = self._reshape(inverse, (*s.shape[:-1], 1, s.shape[-1]))
        scaled = self.mul(self._transpose(vh), row)
        return self.matmul(scaled, self._transpose(u))

    def eigh(self, x: Array, lower: bool) -> tuple[Array, Array]:
        """(w, v) with v @ diag(w) @ v.T = x, w rising, v.T @ v = the identity. Of x the lower
        triangle is read if lower, else the upper one."""
        return self._on_host("eigh", x, lower)

    def det(self, x: Array) -> Array:
        """out = sum(sign(p) * product(x[i, p[i]] for i) for every permutation p)"""
        return self._on_host("det", x)

    def lu(self, x: Array) -> tuple[Array, Array, Array]:
        """Gaussian elimination of x (m, n), k = min(m, n). out is a copy of x, perm = range(m);
            for j in range(k): row = the first with the largest abs(out[row, j]) for row >= j
                pivots[j] = row + 1; the rows j and row of out, and of perm, are exchanged
                out[j + 1:, j] /= out[j, j], unless that is 0
                out[j + 1:, j + 1:] -= outer(out[j + 1:, j], out[j, j + 1:])
        Returns (out, pivots of int32, perm of int64)."""
        return self._on_host("lu", x)

    def slogdet(self, x: Array) -> tuple[Array, Array]:
        """(sign(det(x)), log(abs(det(x)))), without overflow"""
        return self._on_host("slogdet", x)

    # --- Convolution -----------------------------------------------------------------------------
    #
    # Note [Convolution]. conv, conv_input and conv_weight are the three derivatives of one form,
    #     sum(g[n, o, p] * w[o, c, k] * x[n, c, p * stride + k * dilation - low] for n, o, c, p, k)
    # where p and k are positions on one or two spatial axes, x is zero outside, padding holds
    # (low, high) for each spatial axis, and with groups > 1 c runs over the input channels of the
    # group of o: x (N, C, *space), w (O, C / groups, *window), g (N, O, *positions).

    def conv(self, x: Array, w: Array, stride: Shape, padding: Pads, dilation: Shape,
             groups: int) -> Array:
        """out[n, o, p] = sum(w[o, c, k] * x[n, c, p * stride + k * dilation - low] for c, k)"""
        columns, positions = self._columns(x, w.shape[2:], stride, padding, dilation, groups)
        rows = self._reshape(w, (groups, w.shape[0] // groups, columns.shape[2]))
        return self.view(self.matmul(rows, columns), (x.shape[0], w.shape[0], *positions))

    def conv_input(self, g: Array, w: Array, x_shape: Shape, stride: Shape, padding: Pads,
                   dilation: Shape, groups: int) -> Array:
        """for n, o, c, p, k:
            out[n, c, p * stride + k * dilation - low] += w[o, c, k] * g[n, o, p]"""
        n, c = x_shape[:2]
        o, positions, window = g.shape[1], g.shape[2:], w.shape[2:]
        rows = self._reshape(w, (groups, o // groups, w.shape[1] * math.prod(window)))
        g = self._reshape(g, (n, groups, o // groups, math.prod(positions)))
        columns = self.matmul(self.permute(rows, (0, 2, 1)), g)
        d = len(window)
        columns = self.view(columns, (n, c, *window, *positions))
        windows = self.permute(columns, (0, 1, *range(2 + d, 2 + 2 * d), *range(2, 2 + d)))
        return self._fold_windows(windows, x_shape, stride, padding, dilation)

    def conv_weight(self, g: Array, x: Array, w_shape: Shape, stride: Shape, padding: Pads,
                    dilation: Shape, groups: int) -> Array:
        """out[o, c, k] = sum(g[n, o, p] * x[n, c, p * stride + k * dilation - low] for n, p)"""
        columns, positions = self._columns(x, w_shape[2:], stride, padding, dilation, groups)
        shape = (x.shape[0], groups, w_shape[0] // groups, math.prod(positions))
        out = self.matmul(self._reshape(g, shape), self.permute(columns, (0, 1, 3, 2)))
        return self.view(self.sum(out, (0,), False), w_shape)

    def _windows(self, x: Array, size: Shape, stride: Shape, dilation: Shape) -> Array:
        """out[..., p, k] = x[..., p * stride + k * dilation] over the last len(size) axes."""
        first = len(x.shape) - len(size)
        for d, (s, step, gap) in enumerate(zip(size, stride, dilation, strict=True)):
            x = self.unfold(x, first + d, gap * (s - 1) + 1, step)
            last = len(x.shape) - 1
            x = self.slice(x, _slice_key(x.shape, last, 0, x.shape[last], gap))
        return x

    def _columns(self, x: Array, window: Shape, stride: Shape, padding: Pads, dilation: Shape,
                 groups: int) -> tuple[Array, Shape]:
        """The matrices (n, group) of shape (channels of a group * window, positions)."""
        d = len(window)
        n, c = x.shape[:2]
        x = self.pad(x, ((0, 0), (0, 0), *padding), 0)
        windows = self._windows(x, window, stride, dilation)
        positions = windows.shape[2:2 + d]
        columns = self.permute(windows, (0, 1, *range(2 + d, 2 + 2 * d), *range(2, 2 + d)))
        shape = (n, groups, c // groups * math.prod(window), math.prod(positions))
        return self._reshape(columns, shape), positions

    def _fold_windows(self, g: Array, x_shape: Shape, stride: Shape, padding: Pads,
                      dilation: Shape) -> Array:
        """The adjoint of pad followed by _windows."""
        d = len(stride)
        first = len(x_shape) - d
        pads = ((0, 0),) * first + padding
        padded = tuple(low + n + high for n, (low, high) in zip(x_shape, pads, strict=True))
        for axis in reversed(range(d)):
            size, gap = g.shape[-1], dilation[axis]
            span = gap * (size - 1) + 1
            shape = g.shape[:-1] + (span,)
            g = self.unslice(g, shape, _slice_key(shape, len(shape) - 1, 0, span, gap))
            place = first + axis
            shape = (*g.shape[:place], padded[place], *g.shape[place + 1:-1])
            g = self.fold(g, shape, place, span, stride[axis])
        sides = zip(x_shape, pads, strict=True)
        return self.slice(g, tuple(slice(low, low + n, 1) for n, (low, _) in sides))

    # --- Pooling ---------------------------------------------------------------------------------
    #
    # Note [Pooling]. x is (N, C, *plane), and size, stride, padding and dilation have one entry for
    # each axis of the plane. out_shape is the complete shape of out; its last windows may reach
    # beyond the high padding (ceil mode). What lies outside of x is no maximum and adds nothing.

    def max_pool(self, x: Array, size: Shape, stride: Shape, padding: Pads, dilation: Shape,
                 out_shape: Shape) -> tuple[Array, Array]:
        """out[i, p] = max(x[i, p * stride + k * dilation - low] for k), and the row-major index of
        the (first) maximum in the plane (int64)"""
        d = len(size)
        plane = x.shape[-d:]
        numbers = self.arange(0, 1, math.prod(plane), np.dtype(np.int64))
        numbers = self.view(numbers, plane)
        low = -math.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        values = self._pool_windows(x, size, stride, padding, dilation, out_shape, low)
        numbers = self._pool_windows(numbers, size, stride, padding, dilation, out_shape, -1)
        best = self.argmax(values, len(out_shape), True)
        first_inside = self.argmax(self.cast(self.ge(numbers, 0), np.dtype(np.int64)), d, True)
        numbers = self.expand(numbers, values.shape)
        outside = self.lt(self.gather(numbers, len(out_shape), best), 0)
        best = self.where(outside, first_inside, best)
        return self._drop(len(out_shape), False, self.gather(values, len(out_shape), best),
                          self.gather(numbers, len(out_shape), best))

    def _pool_windows(self, x: Array, size: Shape, stride: Shape, padding: Pads, dilation: Shape,
                      out_shape: Shape, outside: Number) -> Array:
        """The windows of x, as one last axis behind the positions."""
        first = len(x.shape) - len(size)
        positions = out_shape[-len(size):]
        needed = (
            (low, max(0, (p - 1) * step + gap * (s - 1) + 1 - n - low))
            for n, p, s, step, (low, _), gap in zip(
                x.shape[first:], positions, size, stride, padding, dilation, strict=True))
        x = self.pad(x, ((0, 0),) * first + tuple(needed), outside)
        windows = self._windows(x, size, stride, dilation)
        key = tuple(slice(0, n, 1) for n in x.shape[:first] + positions + size)
        shape = x.shape[:first] + positions + (math.prod(size),)
        return self._reshape(self.slice(windows, key), shape)

    def max_pool_input(self, g: Array, indices: Array, x_shape: Shape) -> Array:
        """for i, p: out[i, indices[i, p]] += g[i, p], where out has its plane as one axis"""
        flat = x_shape[:2] + (math.prod(g.shape[2:]),)
        out = self.full(x_shape[:2] + (math.prod(x_shape[2:]),), 0, g.dtype)
        out = self.scatter_add(out, 2, self._reshape(indices, flat), self._reshape(g, flat))
        return self.view(out, x_shape)

    def avg_pool(self, x: Array, size: Shape, stride: Shape, padding: Pads, out_shape: Shape,
                 count_include_pad: bool, divisor: Number | None) -> Array:
        """out[i, p] = sum(x[i, p * stride + k - low] for k) / count[p], where count[p] is divisor,
        or if that is None the number of k inside x (inside x and padding if count_include_pad)"""
        windows = self._pool_windows(x, size, stride, padding, (1,) * len(size), out_shape, 0)
        total = self.sum(windows, (len(out_shape),), False)
        counts = pool_counts(x.shape, size, stride, padding, out_shape, count_include_pad, divisor)
        return self.div(total, self.from_host(counts.astype(x.dtype)))

    def avg_pool_input(self, g: Array, x_shape: Shape, size: Shape, stride: Shape, padding: Pads,
                       count_include_pad: bool, divisor: Number | None) -> Array:
        """for i, p, k: out[i, p * stride + k - low] += g[i, p] / count[p]"""
        d = len(size)
        counts = pool_counts(x_shape, size, stride, padding, g.shape, count_include_pad, divisor)
        g = self.div(g, self.from_host(counts.astype(g.dtype)))
        windows = self.expand(self.view(g, g.shape + (1,) * d), g.shape + size)
        needed = tuple(
            (low, max(high, (p - 1) * step + s - n - low)) for n, p, s, step, (low, high) in zip(
                x_shape[-d:], g.shape[-d:], size, stride, padding, strict=True))
        return self._fold_windows(windows, x_shape, stride, needed, (1,) * d)

    # --- Fused kernels: each is a composite that is worth one pass -------------------------------

    def softmax(self, x: Array, axis: int) -> Array:
        """out[i, j] = e ** x[i, j] / sum(e ** x[i, k] for k), computed relative to the maximum"""
        if 0 in x.shape:
            return self.copy(x)
        axes = (axis,) if x.shape else ()
        powers = self.exp(self.sub(x, self.max(x, axes, True)))
        return self.div(powers, self.sum(powers, axes, True), powers)

    def softmax_grad(self, g: Array, out: Array, axis: int) -> Array:
        """gx[i, j] = out[i, j] * (g[i, j] - sum(g[i, k] * out[i, k] for k))"""
        axes = (axis,) if g.shape else ()
        return self.mul(out, self.sub(g, self.sum(self.mul(g, out), axes, True)))

    def log_softmax(self, x: Array, axis: int) -> Array:
        """out[i, j] = x[i, j] - log(sum(e ** x[i, k] for k)), computed relative to the maximum"""
        if 0 in x.shape:
            return self.copy(x)
        axes = (axis,) if x.shape else ()
        shifted = self.sub(x, self.max(x, axes, True))
        return self.sub(shifted, self.log(self.sum(self.exp(shifted), axes, True)))

    def log_softmax_grad(self, g: Array, out: Array, axis: int) -> Array:
        """gx[i, j] = g[i, j] - e ** out[i, j] * sum(g[i, k] for k)"""
        axes = (axis,) if g.shape else ()
        return self.sub(g, self.mul(self.exp(out), self.sum(g, axes, True)))

    def gelu_grad(self, g: Array, x: Array) -> Array:
        """gx[i] = g[i] * (area + x[i] * density) of the normal distribution:
        area = (1 + erf(x[i] / sqrt(2))) / 2, density = e ** (-x[i] ** 2 / 2) / sqrt(2 pi)"""
        area = self.mul(self.add(self.erf(self.mul(x, SQRT_HALF)), 1.0), 0.5)
        density = self.mul(self.exp(self.mul(self.mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))
        return self.mul(g, self.add(area, self.mul(x, density)))

    def gelu_tanh_grad(self, g: Array, x: Array) -> Array:
        """t = tanh(sqrt(2 / pi) * (x[i] + 0.044715 * x[i] ** 3))
        slope = sqrt(2 / pi) * (1 + 3 * 0.044715 * x[i] ** 2)
        gx[i] = g[i] * (1 + t + x[i] * (1 - t ** 2) * slope) / 2"""
        t = self._gelu_tanh(x)
        cubic = self.mul(self.mul(x, x), 3 * GELU_CUBIC * SQRT_TWO_OVER_PI)
        slope = self.mul(x, self.add(cubic, SQRT_TWO_OVER_PI))
        inner = self.mul(slope, self.sub(1.0, self.mul(t, t)))
        return self.mul(g, self.mul(self.add(self.add(t, 1.0), inner), 0.5))

    def relu_grad(self, g: Array, out: Array) -> Array:
        """gx[i] = 0 if out[i] <= 0 else g[i]"""
        return self.where(self.le(out, 0.0), 0.0, g)

    def silu_grad(self, g: Array, x: Array) -> Array:
        """s = sigmoid(x[i]); gx[i] = g[i] * s * (1 + x[i] * (1 - s))"""
        s = self.sigmoid(x)
        return self.mul(self.mul(g, s), self.add(self.mul(x, self.sub(1.0, s)), 1.0))

    def cross_entropy(self, x: Array, target: Array, weight: Array | None, ignore_index: int,
                      label_smoothing: float, reduction: str) -> tuple[Array, Array, Array]:
        """for each row i of x (N, C), with t = target[i], weights of 1 where weight is None, and
        everything 0 where t == ignore_index:
            log_probs[i] = log_softmax(x[i])
            smooth = sum(-weight[c] * log_probs[i, c] for c) / C
            hard = -weight[t] * log_probs[i, t]
            loss[i] = (1 - label_smoothing) * hard + label_smoothing * smooth
        total_weight = sum(weight[target[i]] for i)
        Returns (loss, log_probs, total_weight), where loss is reduced: "none" (N,), "sum", or
        "mean", which divides by total_weight."""
        log_probs = self.log_softmax(x, 1)
        valid, label, row_weight = self._labels(log_probs, target, weight, ignore_index)
        chosen = self._reshape(self.gather(log_probs, 1, label), target.shape)
        loss = self.where(valid, self.neg(self.mul(row_weight, chosen)), 0)
        if label_smoothing:
            terms = log_probs if weight is None else self.mul(log_probs, weight)
            smooth = self.mul(self.sum(terms, (1,), False), -label_smoothing / x.shape[1])
            smooth = self.where(valid, smooth, 0)
            loss = self.add(self.mul(loss, 1 - label_smoothing), smooth)
        total_weight = self.sum(row_weight, (0,), False)
        if reduction != "none":
            loss = self.sum(loss, (0,), False)
        if reduction == "mean":
            loss = self.div(loss, total_weight)
        return loss, log_probs, total_weight

    def cross_entropy_grad(self, g: Array, log_probs: Array, target: Array, weight: Array | None,
                           total_weight: Array, ignore_index: int, label_smoothing: float,
                           reduction: str) -> Array:
        """The derivative of the loss by x, times g, which has the shape of the loss. For each row i
        (0 where t == ignore_index), with p = e ** log_probs[i], and u = 1 / total_weight for
        "mean", else 1:
            hard = weight[t] * (p[c] - (c == t))
            soft = (p[c] * sum(weight) - weight[c]) / C
            gx[i, c] = g * u * ((1 - label_smoothing) * hard + label_smoothing * soft)"""
        n, classes = log_probs.shape
        valid, label, row_weight = self._labels(log_probs, target, weight, ignore_index)
        if reduction == "mean":
            g = self.div(g, total_weight)
        column = self._reshape(self.expand(g, (n,)), (n, 1))
        hard = self._reshape(self.mul(row_weight, 1 - label_smoothing), (n, 1))
        scale = hard
        probs = self.exp(log_probs)
        if label_smoothing:
            share = label_smoothing / classes
            valid = self._reshape(self.cast(valid, log_probs.dtype), (n, 1))
            soft = self.full((classes,), 1.0, log_probs.dtype) if weight is None else weight
            total = self.sum(soft, (0,), False)
            scale = self.add(hard, self.mul(self.mul(valid, share), total))
        gx = self.scatter_add(self.mul(probs, scale), 1, label, self.neg(hard))
        if label_smoothing:
            gx = self.sub(gx, self.mul(self.mul(valid, share), soft))
        return self.mul(gx, column)

    def _labels(self, log_probs: Array, target: Array, weight: Array | None,
                ignore_index: int) -> tuple[Array, Array, Array]:
        """Which rows count, their labels as a column (0 elsewhere), their weights (0 elsewhere)."""
        valid = self.ne(target, ignore_index)
        label = self.where(valid, target, 0)
        if weight is None:
            row_weight = self.cast(valid, log_probs.dtype)
        else:
            row_weight = self.where(valid, self.index_select(weight, 0, label), 0)
        return valid, self._reshape(label, (*target.shape, 1)), row_weight

    def layer_norm(self, x: Array, w: Array | None, b: Array | None, n_axes: int,
                   eps: float) -> tuple[Array, Array, Array]:
        """Over the last n_axes axes, j:
            mean[i] = sum(x[i, j] for j) / n
            rstd[i] = 1 / sqrt(sum((x[i, j] - mean[i]) ** 2 for j) / n + eps)
            out[i, j] = (x[i, j] - mean[i]) * rstd[i] * w[j] + b[j]
        Returns (out, mean, rstd); mean and rstd keep the axes with size 1. w, b may be None."""
        first = len(x.shape) - n_axes
        axes = tuple(range(first, len(x.shape)))
        n = float(math.prod(x.shape[first:]))
        mean = self.div(self.sum(x, axes, True), n)
        shifted = self.sub(x, mean)
        variance = self.div(self.sum(self.mul(shifted, shifted), axes, True), n)
        rstd = self.rsqrt(self.add(variance, eps))
        out = self.mul(shifted, rstd)
        if w is not None:
            out = self.mul(out, w)
        if b is not None:
            out = self.add(out, b)
        return out, mean, rstd

    def layer_norm_grad(self, g: Array, x: Array, w: Array | None, mean: Array, rstd: Array,
                        n_axes: int) -> tuple[Array, Array | None, Array]:
        """With h[i, j] = (x[i, j] - mean[i]) * rstd[i] and v[i, j] = g[i, j] * w[j]:
            shared = sum(v[i, k] for k) + h[i, j] * sum(v[i, k] * h[i, k] for k)
            gx[i, j] = rstd[i] * (v[i, j] - shared / n)
            gw[j] = sum(g[i, j] * h[i, j] for i)
            gb[j] = sum(g[i, j] for i)
        Returns (gx, gw, gb); gw is None where w is."""
        first = len(x.shape) - n_axes
        outer, inner = tuple(range(first)), tuple(range(first, len(x.shape)))
        n = float(math.prod(x.shape[first:]))
        h = self.mul(self.sub(x, mean), rstd)
        v = g if w is None else self.mul(g, w)
        along_h = self.mul(h, self.sum(self.mul(v, h), inner, True))
        shared = self.add(self.sum(v, inner, True), along_h)
        gx = self.mul(self.sub(v, self.div(shared, n)), rstd)
        gw = None if w is None else self.sum(self.mul(g, h), outer, False)
        return gx, gw, self.sum(g, outer, False)

    def batch_norm(self, x: Array, w: Array | None, b: Array | None,
                   eps: float) -> tuple[Array, Array, Array, Array]:
        """For each channel c (axis 1), over all other axes, j:
            mean[c] = sum(x[c, j] for j) / n
            var[c] = sum((x[c, j] - mean[c]) ** 2 for j) / n
            rstd[c] = 1 / sqrt(var[c] + eps)
            out[c, j] = (x[c, j] - mean[c]) * rstd[c] * w[c] + b[c]
        Returns (out, mean, var, rstd), the last three of shape (C,)."""
        axes = (0, *range(2, len(x.shape)))
        channel = x.shape[1:2] + (1,) * (len(x.shape) - 2)
        n = float(math.prod(x.shape[axis] for axis in axes))
        mean = self.div(self.sum(x, axes, False), n)
        shifted = self.sub(x, self._reshape(mean, channel))
        var = self.div(self.sum(self.mul(shifted, shifted), axes, False), n)
        rstd = self.rsqrt(self.add(var, eps))
        scale = rstd if w is None else self.mul(rstd, w)
        out = self.mul(shifted, self._reshape(scale, channel))
        if b is not None:
            out = self.add(out, self._reshape(b, channel))
        return out, mean, var, rstd

    def batch_norm_grad(self, g: Array, x: Array, w: Array | None, mean: Array,
                        rstd: Array) -> tuple[Array, Array, Array]:
        """With h[c, j] = (x[c, j] - mean[c]) * rstd[c]:
            gb[c] = sum(g[c, j] for j)
            gw[c] = sum(g[c, j] * h[c, j] for j)
            gx[c, j] = w[c] * rstd[c] * (g[c, j] - gb[c] / n - h[c, j] * gw[c] / n)"""
        axes = (0, *range(2, len(x.shape)))
        channel = x.shape[1:2] + (1,) * (len(x.shape) - 2)
        n = float(math.prod(x.shape[axis] for axis in axes))
        h = self.mul(self.sub(x, self._reshape(mean, channel)), self._reshape(rstd, channel))
        gb = self.sum(g, axes, False)
        gw = self.sum(self.mul(g, h), axes, False)
        shared = self.add(self._reshape(gb, channel), self.mul(h, self._reshape(gw, channel)))
        scale = rstd if w is None else self.mul(rstd, w)
        gx = self.mul(self.sub(g, self.div(shared, n)), self._reshape(scale, channel))
        return gx, gw, gb

    def attention(self, q: Array, k: Array, v: Array, mask: Array | None, is_causal: bool,
                  scale: float) -> tuple[Array, Array]:
        """For q (..., L, E), k (..., S, E), v (..., S, F):
            score[l, s] = sum(q[l, e] * k[s, e] for e) * scale
            score[l, s] = -inf where s > l if is_causal, where mask[l, s] is False if mask is bool;
            score[l, s] += mask[l, s] if it is not
            probs[l] = softmax(score[l]), or zeros where every score is -inf
            out[l, f] = sum(probs[l, s] * v[s, f] for s)
        Returns (out, probs)."""
        score = self.matmul(self.mul(q, scale), self._transpose(k))
        if is_causal:
            score = self.where(self.le(*self._rows_and_columns(score, 0)), score, -math.inf)
        if mask is not None and mask.dtype == bool:
            score = self.where(mask, score, -math.inf)
        elif mask is not None:
            score = self.add(score, mask)
        axis = len(score.shape) - 1
        if 0 not in score.shape:
            blocked = self.eq(self.max(score, (axis,), True), -math.inf)
            score = self.where(blocked, 0.0, self.softmax(score, axis))
        return self.matmul(score, v), score

    def attention_grad(self, g: Array, q: Array, k: Array, v: Array, probs: Array,
                       scale: float) -> tuple[Array, Array, Array]:
        """gv = probs.T @ g; gscore = softmax_grad(g @ v.T, probs) * scale; gq = gscore @ k;
        gk = gscore.T @ q. Returns (gq, gk, gv)."""
        gscore = self.softmax_grad(self.matmul(g, self._transpose(v)), probs, len(g.shape) - 1)
        gscore = self.mul(gscore, scale)
        return (self.matmul(gscore, k), self.matmul(self._transpose(gscore), q),
                self.matmul(self._transpose(probs), g))

    # --- Recurrent layers ------------------------------------------------------------------------

    def lstm(self, x: Array, w: Array, h: Array, c: Array,
             reverse: bool) -> tuple[Array, Array, Array, Array]:
        """For x (T, N, 4 H), w (4 H, H), h and c (N, H), and t upwards, or downwards if reverse:
            i, f, g, o = the quarters of x[t] + h @ w.T
            i, f, g, o = gates[t] = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
            c = cells[t] = f * c + i * g
            h = out[t] = o * tanh(c)
        Returns (out, the last c, cells, gates)."""
        found, size, wT = {}, h.shape[1], self._transpose(w)
        for t in reversed(range(x.shape[0])) if reverse else range(x.shape[0]):
            z = self.add(self._at(x, t), self.matmul(h, wT))
            i, f, g, o = (self._quarter(z, k, size) for k in range(4))
            i, f, g, o = self.sigmoid(i), self.sigmoid(f), self.tanh(g), self.sigmoid(o)
            c = self.add(self.mul(f, c), self.mul(i, g))
            h = self.mul(o, self.tanh(c))
            found[t] = h, c, self.cat([i, f, g, o], 1)
        steps = [found[t] for t in range(x.shape[0])]
        out, cells, gates = map(self._stack, zip(*steps, strict=True))
        return out, self.copy(c), cells, gates

    def lstm_grad(self, g: Array, g_last: Array, w: Array, h: Array, c: Array, out: Array,
                  cells: Array, gates: Array, reverse: bool) -> tuple[Array, Array, Array, Array]:
        """The steps of lstm backwards. gh is 0 and gc is g_last at the start; then for each t:
            i, f, z, o = gates[t]; gh = gh + g[t]
            gc = gc + gh * o * (1 - tanh(cells[t]) ** 2)
            gx[t] = gc * z * i * (1 - i), gc * (the c before) * f * (1 - f),
                    gc * i * (1 - z ** 2), gh * tanh(cells[t]) * o * (1 - o)
            gw = gw + gx[t].T @ (the h before); gh = gx[t] @ w; gc = gc * f
        Returns (gx, gw, gh, gc)."""
        steps, _, size = out.shape
        gxs, gh, gc = {}, self.full(h.shape, 0, g.dtype), g_last
        order = range(steps) if reverse else range(steps - 1, -1, -1)
        for n, t in enumerate(order):
            before = c if n == steps - 1 else self._at(cells, order[n + 1])
            i, f, z, o = (self._quarter(self._at(gates, t), k, size) for k in range(4))
            gh, level = self.add(gh, self._at(g, t)), self.tanh(self._at(cells, t))
            gc = self.add(gc, self.mul(self.mul(gh, o), self._tanh_slope(level)))
            parts = [self.mul(self.mul(gc, z), self._sigmoid_slope(i)),
                     self.mul(self.mul(gc, before), self._sigmoid_slope(f)),
                     self.mul(self.mul(gc, i), self._tanh_slope(z)),
                     self.mul(self.mul(gh, level), self._sigmoid_slope(o))]
            gxs[t] = self.cat(parts, 1)
            gh, gc = self.matmul(gxs[t], w), self.mul(gc, f)
        gx = self._stack([gxs[t] for t in range(steps)])
        return gx, self._lstm_weight(gx, h, out, reverse), gh, gc

    def _lstm_weight(self, gx: Array, h: Array, out: Array, reverse: bool) -> Array:
        """gw, as one product over all steps: each with the h before it."""
        steps, batch, size = out.shape
        start = self._reshape(h, (1, batch, size))
        kept = slice(1, steps, 1) if reverse else slice(0, steps - 1, 1)
        others = self.slice(out, (kept, slice(0, batch, 1), slice(0, size, 1)))
        before = self.cat([others, start] if reverse else [start, others], 0)
        rows = self._reshape(gx, (steps * batch, 4 * size))
        return self.matmul(self._transpose(rows), self._reshape(before, (steps * batch, size)))

    def ctc(self, x: Array, skips: Array, frames: Array, last: Array) -> tuple[Array, Array]:
        """Walks over L places, for x (T, N, L), skips (N, L) of bools, frames and last (N,). A step
        stays, goes on by one, or by two to a place that skips allows. They begin in front of the
        first place, and end after frames[n] steps at the place last[n] or the one before.
            alpha[0, n, s] = 0 if s == 1 else NEVER
            alpha[t + 1, n, s] = NEVER for s in (0, 1)
            alpha[t + 1, n, s + 2] = x[t, n, s] + log(sum of e ** alpha[t, n, s + k] for k in
                                                      ((0, 1, 2) if skips[n, s] else (1, 2)))
            out[n] = log(sum of e ** alpha[frames[n], n, last[n] + k] for k in (1, 2))
        Returns (out, alpha)."""
        steps, batch, places = x.shape
        ways = self._ctc_ways(skips, x.dtype)
        edge = self.full((batch, 2), NEVER, x.dtype)
        start = self.full((batch, 1), 0, x.dtype)
        rest = self.full((batch, places), NEVER, x.dtype)
        alpha = [self.cat([self._middle(edge, 0, 1), start, rest], 1)]
        for t in range(steps):
            before = self.add(self.unfold(alpha[t], 1, 3, 1), ways)
            now = self.add(self._at(x, t), self.logsumexp(before, (2,), False))
            alpha.append(self.cat([edge, now], 1))
        found = self._stack(alpha)
        return self.logsumexp(self._ctc_ends(found, frames, last), (1,), False), found

    def ctc_grad(self, g: Array, alpha: Array, skips: Array, frames: Array, last: Array) -> Array:
        """The gradient of ctc by x: the share that each step has in what comes from it.
            galpha = zeros; for n: for k in (1, 2): galpha[frames[n], n, last[n] + k] =
                g[n] * e ** alpha[frames[n], n, last[n] + k] / (their sum over k)
            for t from T - 1 down to 0; n, s: gx[t, n, s] = galpha[t + 1, n, s + 2];
                for the k of ctc: galpha[t, n, s + k] +=
                    gx[t, n, s] * e ** alpha[t, n, s + k] / (their sum over k)
        Returns gx."""
        (steps, batch, width), gxs = alpha.shape, []
        ways = self._ctc_ways(skips, g.dtype)
        shares = self.mul(self._reshape(g, (batch, 1)),
                          self.softmax(self._ctc_ends(alpha, frames, last), 1))
        ends = self.scatter(self.full((batch, width), 0, g.dtype), 1, self._ctc_two(last), shares)
        galpha = self.full((batch, width), 0, g.dtype)
        for t in range(steps - 1, 0, -1):
            here = self._reshape(self.eq(frames, t), (batch, 1))
            galpha = self.add(galpha, self.where(here, ends, 0))
            gxs.append(self._middle(galpha, 2, width))
            before = self.softmax(self.add(self.unfold(self._at(alpha, t - 1), 1, 3, 1), ways), 2)
            shares = self.mul(before, self._reshape(gxs[-1], (batch, width - 2, 1)))
            galpha = self.fold(shares, (batch, width), 1, 3, 1)
        return self._stack(gxs[::-1]) if gxs else self.full((0, batch, width - 2), 0, g.dtype)

    def _ctc_ways(self, skips: Array, dtype: np.dtype) -> Array:
        """(N, L, 3): what to add for a step that goes on by two, by one, or stays."""
        zeros = self.full((*skips.shape, 1), 0, dtype)
        by_two = self.where(self._reshape(skips, zeros.shape), zeros, NEVER)
        return self.cat([by_two, zeros, zeros], 2)

    def _ctc_two(self, last: Array) -> Array:
        """(N, 2): where in alpha the place last and the one before it are."""
        return self.add(self._reshape(last, (*last.shape, 1)), self.arange(1, 1, 2, last.dtype))

    def _ctc_ends(self, alpha: Array, frames: Array, last: Array) -> Array:
        """(N, 2): alpha where the walks may end."""
        _, batch, width = alpha.shape
        index = self.expand(self._reshape(frames, (1, batch, 1)), (1, batch, width))
        ends = self._reshape(self.gather(alpha, 0, index), (batch, width))
        return self.gather(ends, 1, self._ctc_two(last))

    def _middle(self, x: Array, start: int, stop: int) -> Array:
        return self.slice(x, (slice(0, x.shape[0], 1), slice(start, stop, 1)))

    def _stack(self, xs: Sequence[Array]) -> Array:
        return self.cat([self._reshape(x, (1, *x.shape)) for x in xs], 0)

    def _at(self, x: Array, t: int) -> Array:
        return self.slice(x, (t, *[slice(0, n, 1) for n in x.shape[1:]]))

    def _quarter(self, x: Array, k: int, size: int) -> Array:
        return self._middle(x, k * size, (k + 1) * size)

    def _sigmoid_slope(self, y: Array) -> Array:
        return self.mul(y, self.sub(1, y))

    def _tanh_slope(self, y: Array) -> Array:
        return self.sub(1, self.square(y))

    def _transpose(self, x: Array) -> Array:
        n = len(x.shape)
        return self.permute(x, (*range(n - 2), n - 1, n - 2))

    # --- Optimizer steps: lists of arrays, changed in place --------------------------------------

    def sgd_(self, ps: Sequence[Array], gs: Sequence[Array], bufs: Sequence[Array] | None,
             lr: Array, momentum: float, dampening: float, weight_decay: float, nesterov: bool,
             maximize: bool) -> None:
        """for p, g, buf in zip(ps, gs, bufs), element by element, p and buf in place:
            g = (-g if maximize else g) + weight_decay * p
            if bufs is not None:
                buf = momentum * buf + (1 - dampening) * g
                g = g + momentum * buf if nesterov else buf
            p = p - lr * g
        The first step of a momentum is this with zeros in bufs and a dampening of 0."""
        rate = float(self.to_host(lr))
        for n, (p, g) in enumerate(zip(ps, gs, strict=True)):
            if maximize:
                g = self.neg(g)
            if weight_decay:
                g = self.add(g, self.mul(p, weight_decay))
            if bufs is not None:
                buf = bufs[n]
                self.add(self.mul(buf, momentum), self.mul(g, 1 - dampening), buf)
                g = self.add(g, self.mul(buf, momentum)) if nesterov else buf
            self.sub(p, self.mul(g, rate), p)

    def adam_(self, ps: Sequence[Array], gs: Sequence[Array], ms: Sequence[Array],
              vs: Sequence[Array], lr: Array, beta1: float, beta2: float, eps: float,
              weight_decay: float, decoupled: bool, correction1: Array, correction2: Array,
              maximize: bool) -> None:
        """for p, g, m, v in zip(ps, gs, ms, vs), element by element, p, m and v in place:
            g = -g if maximize else g
            if decoupled: p = p - lr * weight_decay * p
            else: g = g + weight_decay * p
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g ** 2
            p = p - lr / correction1 * m / (sqrt(v) / sqrt(correction2) + eps)"""
        rate, c1, c2 = (float(self.to_host(x)) for x in (lr, correction1, correction2))
        for p, g, m, v in zip(ps, gs, ms, vs, strict=True):
            if maximize:
                g = self.neg(g)
            if weight_decay and decoupled:
                self.mul(p, 1 - rate * weight_decay, p)
            elif weight_decay:
                g = self.add(g, self.mul(p, weight_decay))
            self.add(self.mul(m, beta1), self.mul(g, 1 - beta1), m)
            self.add(self.mul(v, beta2), self.mul(self.mul(g, g), 1 - beta2), v)
            root = self.add(self.div(self.sqrt(v), math.sqrt(c2)), eps)
            self.sub(p, self.mul(self.div(m, root), rate / c1), p)

    # --- Random numbers --------------------------------------------------------------------------
    #
    # Note [Randomness]. All randomness is a function of a seed and an offset (0-d int64 arrays, so
    # that a recorded program sees them change). Word w of a draw is word w % 4 of the block of
    # Philox4x64-10 with key (seed, 0) and counter offset + 1 + w // 4, modulo 2 ** 64; in NumPy,
    # np.random.Philox(key=seed, counter=offset).random_raw(n). A draw of n elements uses
    # random_blocks(kind, n, dtype) blocks, by which its caller advances the offset. "Halves" are
    # the 32-bit halves of the words, the low one first. Element i, in row-major order, is
    #     random_bits         word i
    #     uniform, float64    (word i >> 11) * 2 ** -53
    #     uniform, float32    (half i >> 8) * 2 ** -24
    #     uniform, float16    (half i >> 21) * 2 ** -11
    #     randint             low + (word i * (high - low) >> 64), the product in 128 bits
    #     normal              radius * cos(angle) for even i, radius * sin(angle) for odd i. With
    #                         a, b the words (float64) or halves (others) i and i + 1, i even:
    #         float64         radius = sqrt(-2 * log(((a >> 11) + 1) * 2 ** -53))
    #                         angle = 2 pi * ((b >> 11) * 2 ** -53)
    #         others          radius = sqrt(-2 * log(float32(a + 1) * 2 ** -32))
    #                         angle = float32(2 pi) * ((b >> 8) * 2 ** -24), all in float32
    # Integers and uniforms are the same bits on every backend.

    @core
    def random_bits(self, seed: Array, offset: Array, n: int) -> Array:
        """out[i] = word i of Note [Randomness], as int64"""

    def uniform(self, seed: Array, offset: Array, shape: Shape, dtype: np.dtype) -> Array:
        """Uniform on [0, 1), by Note [Randomness]"""
        n = math.prod(shape)
        if dtype == np.float64:
            bits = self._top(self.random_bits(seed, offset, n), 53, 64)
            return self.view(self.mul(self.cast(bits, dtype), 2.0 ** -53), shape)
        digits = 24 if dtype == np.float32 else 11
        bits = self._top(self._halves(seed, offset, n), digits, 32)
        return self.view(self.mul(self.cast(bits, dtype), 2.0 ** -digits), shape)

    def normal(self, seed: Array, offset: Array, shape: Shape, dtype: np.dtype) -> Array:
        """Normal with mean 0 and variance 1, by Note [Randomness]"""
        n = math.prod(shape)
        pairs = (n + 1) // 2
        if dtype == np.float64:
            words = self._pairs(self.random_bits(seed, offset, 2 * pairs))
            a, b = (self._top(w, 53, 64) for w in words)
            u = self.mul(self.cast(self.add(a, 1), dtype), 2.0 ** -53)
            turn = self.mul(self.cast(b, dtype), 2.0 ** -53)
        else:
            float32 = np.dtype(np.float32)
            a, b = self._pairs(self._halves(seed, offset, 2 * pairs))
            u = self.mul(self.cast(self.add(a, 1), float32), 2.0 ** -32)
            turn = self.mul(self.cast(self._top(b, 24, 32), float32), 2.0 ** -24)
        radius = self.sqrt(self.mul(self.log(u), -2.0))
        angle = self.mul(turn, 2 * math.pi)
        both = self.cat([self.mul(radius, self.cos(angle)), self.mul(radius, self.sin(angle))], 1)
        flat = self.slice(self.view(both, (2 * pairs,)), (slice(0, n, 1),))
        return self.view(self.cast(flat, dtype), shape)

    def randint(self, seed: Array, offset: Array, shape: Shape, low: int, high: int,
                dtype: np.dtype) -> Array:
        """Uniform integers in [low, high), 0 < high - low < 2 ** 63, by Note [Randomness]"""
        words = self.random_bits(seed, offset, math.prod(shape))
        values = self.add(self._high_product(words, high - low), low)
        return self.view(self.cast(values, dtype), shape)

    def _halves(self, seed: Array, offset: Array, n: int) -> Array:
        words = self.random_bits(seed, offset, (n + 1) // 2)
        low = self.bitwise_and(words, 0xFFFFFFFF)
        column = (*words.shape, 1)
        both = self.cat([self.view(low, column), self.view(self._top(words, 32, 64), column)], 1)
        return self.slice(self.view(both, (2 * column[0],)), (slice(0, n, 1),))

    def _top(self, bits: Array, count: int, width: int) -> Array:
        """The upper `count` of the `width` lower bits."""
        shifted = self.bitwise_right_shift(bits, width - count)
        return self.bitwise_and(shifted, (1 << count) - 1)

    def _pairs(self, x: Array) -> tuple[Array, Array]:
        table = self.view(x, (x.shape[0] // 2, 2))
        a, b = (self.slice(table, _slice_key(table.shape, 1, j, j + 1)) for j in (0, 1))
        return a, b

    def _high_product(self, words: Array, span: int) -> Array:
        """words * span >> 64, by multiplication of 32-bit halves as on paper."""
        low, high = self.bitwise_and(words, 0xFFFFFFFF), self._top(words, 32, 64)
        span_high, span_low = divmod(span, 1 << 32)
        carry = self._top(self.mul(low, span_low), 32, 64)
        middle = self.add(self.mul(high, span_low), carry)
        other = self.add(self.mul(low, span_high), self.bitwise_and(middle, 0xFFFFFFFF))
        upper = self.add(self._top(middle, 32, 64), self._top(other, 32, 64))
        return self.add(self.mul(high, span_high), upper)


SQRT_HALF = math.sqrt(0.5)
SQRT_TWO_OVER_PI = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715
NEVER = -1e30  # the log of what cannot be: not -inf, since e ** (NEVER - NEVER) is a number


def _slice_key(shape: Shape, axis: int, start: int, stop: int, step: int = 1) -> Key:
    """The key that takes all of every axis, but start:stop:step of one."""
    key = [slice(0, size, 1) for size in shape]
    key[axis] = slice(start, stop, step)
    return tuple(key)


def pool_counts(x_shape: Shape, size: Shape, stride: Shape, padding: Pads, out_shape: Shape,
                count_include_pad: bool, divisor: Number | None) -> np.ndarray:
    """What avg_pool divides by, a host array that broadcasts to out: see Backend.avg_pool."""
    if divisor is not None:
        return np.array(float(divisor))
    d = len(size)
    counts = np.ones((1,) * d)
    axes = zip(x_shape[-d:], out_shape[-d:], size, stride, padding, strict=True)
    for axis, (n, positions, s, step, (low, high)) in enumerate(axes):
        start = np.arange(positions) * step - low
        stop = np.minimum(start + s, n + high)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        counts = counts * (stop - start).reshape((-1,) + (1,) * (d - 1 - axis))
    return counts


def random_blocks(kind: str, n: int, dtype: np.dtype) -> int:
    """How many Philox blocks the kernel `kind` uses for n elements: see Note [Randomness]."""
    halves = kind in ("uniform", "normal") and dtype != np.float64
    if kind == "normal":
        n += n % 2
    words = (n + 1) // 2 if halves else n
    return (words + 3) // 4


def kernel_names(cls: type[Backend] = Backend) -> list[str]:
    """The names of all kernels, in the order of this file."""
    return [name for name, kernel in vars(cls).items() if callable(kernel) and name[0] != "_"]


class Wrapper(Backend):
    """A backend that stands in front of another one and sees every kernel call.

    Note [Kernels and wrappers]. Every kernel is wrapped once, when the wrapper is built, and stored
    on the instance: a call costs one Python function and no lookup. Wrappers nest. The kernels that
    a fused default calls inside the wrapped backend are not seen: a fused kernel is one call.
    """

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self.name = inner.name
        self.timed = inner.timed
        for name in kernel_names():
            setattr(self, name, self.wrap_kernel(name, getattr(inner, name)))

    def wrap_kernel(self, name: str, kernel: Callable) -> Callable:
        """What stands in for the kernel of the wrapped backend. Override this."""
        return kernel
