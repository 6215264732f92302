"""The NumPy backend: the kernels of base.py on the CPU.

Elementwise kernels and reductions are here; the other families have modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from . import (
    numpy_conv,
    numpy_ctc,
    numpy_fused,
    numpy_index,
    numpy_linalg,
    numpy_random,
    numpy_recurrent,
    volumes,
)
from .base import Axes, Backend, Key, Number, Shape
from .numpy_matmul import matmul
from .numpy_sum import FLOAT16, FLOAT32, sum_kernel
from .numpy_threads import assign, copied, in_chunks, keep_freed_memory

LARGE = 1 << 19  # elements, from which the second core gains more than it costs to wake
WIDER: dict[np.dtype, np.dtype] = {FLOAT16: FLOAT32, FLOAT32: np.dtype(np.float64)}

# Note: `out=...` makes a ufunc return an array where it would return a NumPy scalar (0-d results).


def unary(ufunc: Callable) -> Any:
    """The kernel for a ufunc of one operand."""

    def kernel(x, out=None):
        if out is None:
            return ufunc(x, out=...)
        return ufunc(x, out=out)

    return staticmethod(kernel)


def costly(ufunc: Callable) -> Any:
    """The kernel for a ufunc that computes long enough for large arrays to be shared out."""

    def kernel(x, out=None):
        if out is not None:
            return ufunc(x, out=out)
        if x.size < LARGE or not x.flags.c_contiguous or x.dtype.kind != "f":
            return ufunc(x, out=...)
        out = np.empty_like(x)
        in_chunks(ufunc, x.reshape(-1), out.reshape(-1))
        return out

    return staticmethod(kernel)


def binary(ufunc: Callable) -> Any:
    """The kernel for a ufunc of two operands."""

    def kernel(x, y, out=None):
        if out is None:
            return ufunc(x, y, out=...)
        return ufunc(x, y, out=out)

    return staticmethod(kernel)


def division(ufunc: Callable) -> Any:
    """The kernel for a ufunc that divides: integers must not be divided by zero."""

    def kernel(x, y, out=None):
        result = ufunc(x, y, out=... if out is None else out)
        if result.dtype.kind in "iu" and np.logical_not(np.all(y)):
            raise RuntimeError("ZeroDivisionError")
        return result

    return staticmethod(kernel)


def reduction(ufunc: np.ufunc) -> Any:
    """The kernel for ufunc.reduce; float16 accumulates in float32."""
    reduce = ufunc.reduce

    def kernel(x, axes, keepdims):
        dtype = x.dtype
        if dtype is FLOAT16:
            return reduce(x, axes, FLOAT32, keepdims=keepdims, out=...).astype(FLOAT16)
        return reduce(x, axes, dtype, keepdims=keepdims, out=...)

    return staticmethod(kernel)


def selection(ufunc: np.ufunc) -> Any:
    """The kernel for maximum.reduce or minimum.reduce."""
    reduce = ufunc.reduce

    def kernel(x, axes, keepdims):
        try:
            return reduce(x, axes, keepdims=keepdims, out=...)
        except ValueError:
            raise empty_reduction(ufunc.__name__, x) from None

    return staticmethod(kernel)


def position(method: Callable) -> Any:
    """The kernel for ndarray.argmax or ndarray.argmin."""

    def kernel(x, axis, keepdims):
        try:
            return np.asarray(method(x, axis if x.shape else None, None, keepdims=keepdims))
        except ValueError:
            raise empty_reduction(method.__name__, x) from None

    return staticmethod(kernel)


def empty_reduction(name: str, x: np.ndarray) -> IndexError:
    return IndexError(f"{name} along an axis of size 0 has no value: the shape is {x.shape}")


def accumulation(ufunc: np.ufunc) -> Any:
    """The kernel for ufunc.accumulate. A float accumulates in the next larger type: one running
    sum of many float32 loses its last digits, and stands still at 2^24 ones.
    """

    def kernel(x, axis):
        if not x.shape:
            return x.copy()
        wide = WIDER.get(x.dtype, x.dtype)
        return ufunc.accumulate(x, axis, wide).astype(x.dtype, copy=False)

    return staticmethod(kernel)


def cummax(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    if not x.shape:
        return x.copy(), np.zeros((), np.int64)
    values = np.maximum.accumulate(x, axis)
    places = np.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    is_largest = (x == values) | (x != x)
    return values, np.maximum.accumulate(np.where(is_largest, places, 0), axis)


class NumpyBackend(Backend):
    """Kernels on `numpy.ndarray`. One instance serves all devices of type cpu."""

    name = "numpy"
    wider: ClassVar = {FLOAT16: np.dtype(np.float64), FLOAT32: np.dtype(np.float64)}

    def __init__(self) -> None:
        keep_freed_memory()

    # --- Memory ----------------------------------------------------------------------------------

    @staticmethod
    def from_host(array: np.ndarray) -> np.ndarray:
        return array

    @staticmethod
    def to_host(x: np.ndarray) -> np.ndarray:
        return x

    empty = staticmethod(np.empty)

    @staticmethod
    def full(shape: Shape, value: Number, dtype: np.dtype) -> np.ndarray:
        out = np.empty(shape, dtype)
        out.fill(value)
        return out

    @staticmethod
    def arange(start: Number, step: Number, n: int, dtype: np.dtype) -> np.ndarray:
        return (np.arange(n) * step + start).astype(dtype, copy=False)

    copy = staticmethod(copied)

    @staticmethod
    def copy_(dst: np.ndarray, src: np.ndarray) -> np.ndarray:
        assign(dst, src)
        return dst

    @staticmethod
    def cast(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return x.astype(dtype, "C", "unsafe", True, False)

    @staticmethod
    def contiguous(x: np.ndarray) -> np.ndarray:
        return x if x.flags.c_contiguous else copied(x)

    @staticmethod
    def is_contiguous(x: np.ndarray) -> bool:
        return x.flags.c_contiguous

    @staticmethod
    def strides(x: np.ndarray) -> tuple[int, ...]:
        itemsize = x.itemsize
        return tuple([stride // itemsize for stride in x.strides])

    # --- Views -----------------------------------------------------------------------------------

    @staticmethod
    def view(x: np.ndarray, shape: Shape) -> np.ndarray | None:
        try:
            return x.reshape(shape, copy=False)
        except ValueError:
            return None

    permute = staticmethod(np.ndarray.transpose)

    @staticmethod
    def expand(x: np.ndarray, shape: Shape) -> np.ndarray:
        if not x.shape:  # the gradient of every full sum comes by here
            return np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
        if not (x.size and x.flags.c_contiguous):
            out = np.broadcast_to(x, shape)
            out.flags.writeable = x.flags.writeable  # writes are refused above, where they repeat
            return out
        # The same, in a third of the time.
        strides = [0 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True)]
        out = np.ndarray(shape, x.dtype, x, 0, (0,) * (len(shape) - x.ndim) + tuple(strides))
        return out

    @staticmethod
    def slice(x: np.ndarray, key: Key) -> np.ndarray:
        return x[(*key, ...)]

    @staticmethod
    def diagonal(x: np.ndarray, offset: int, axis1: int, axis2: int) -> np.ndarray:
        out = x.diagonal(offset, axis1, axis2)
        out.flags.writeable = x.flags.writeable
        return out

    @staticmethod
    def unfold(x: np.ndarray, axis: int, size: int, step: int) -> np.ndarray:
        if not x.shape:
            return x.reshape(1)[:size]
        shape, strides = list(x.shape), list(x.strides)
        shape[axis] = (shape[axis] - size) // step + 1
        strides[axis] *= step
        return np.lib.stride_tricks.as_strided(
            x, (*shape, size), (*strides, x.strides[axis]))

    # --- Movement --------------------------------------------------------------------------------

    @staticmethod
    def unslice(g: np.ndarray, shape: Shape, key: Key) -> np.ndarray:
        out = np.zeros(shape, g.dtype)
        out[key] = g
        return out

    @staticmethod
    def flip(x: np.ndarray, axes: Axes) -> np.ndarray:
        backwards = slice(None, None, -1)
        key = [backwards if axis in axes else slice(None) for axis in range(x.ndim)]
        return x[(*key, ...)].copy()

    @staticmethod
    def cat(xs: Sequence[np.ndarray], axis: int) -> np.ndarray:
        return np.concatenate(xs, axis)

    # --- Elementwise, one operand ----------------------------------------------------------------

    neg = unary(np.negative)
    abs = unary(np.abs)
    exp = costly(np.exp)
    exp2 = costly(np.exp2)
    expm1 = costly(np.expm1)
    log = costly(np.log)
    log2 = costly(np.log2)
    log10 = costly(np.log10)
    log1p = costly(np.log1p)
    sqrt = unary(np.sqrt)
    square = unary(np.square)
    reciprocal = unary(np.reciprocal)
    sin = costly(np.sin)
    cos = costly(np.cos)
    tan = costly(np.tan)
    asin = costly(np.arcsin)
    acos = costly(np.arccos)
    atan = costly(np.arctan)
    sinh = costly(np.sinh)
    cosh = costly(np.cosh)
    tanh = costly(np.tanh)
    asinh = costly(np.arcsinh)
    acosh = costly(np.arccosh)
    atanh = costly(np.arctanh)
    floor = unary(np.floor)
    ceil = unary(np.ceil)
    trunc = unary(np.trunc)
    isnan = unary(np.isnan)
    isinf = unary(np.isinf)
    isfinite = unary(np.isfinite)
    signbit = unary(np.signbit)
    logical_not = unary(np.logical_not)
    bitwise_not = unary(np.invert)

    @staticmethod
    def sign(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if x.dtype == bool:
            return np.logical_or(x, False, out=... if out is None else out)
        is_nan = np.not_equal(x, x)
        result = np.sign(x, out=... if out is None else out)
        np.copyto(result, 0, where=is_nan)
        return result

    @staticmethod
    def round(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        ufunc = np.rint if x.dtype.kind == "f" else np.floor
        return ufunc(x, out=... if out is None else out)

    @staticmethod
    def rsqrt(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        root = np.sqrt(x, out=... if out is None else out)
        return np.reciprocal(root, root)

    @staticmethod
    def relu(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return np.maximum(x, 0, out=... if out is None else out)

    leaky_relu = staticmethod(numpy_fused.leaky_relu)
    elu = staticmethod(numpy_fused.elu)
    softplus = staticmethod(numpy_fused.softplus)
    sigmoid = staticmethod(numpy_fused.sigmoid)
    silu = staticmethod(numpy_fused.silu)
    erf = staticmethod(numpy_fused.erf)
    gelu = staticmethod(numpy_fused.gelu)
    gelu_tanh = staticmethod(numpy_fused.gelu_tanh)

    # --- Elementwise, two and three operands -----------------------------------------------------

    add = binary(np.add)
    sub = binary(np.subtract)
    mul = binary(np.multiply)
    div = binary(np.divide)
    floor_divide = division(np.floor_divide)
    fmod = division(np.fmod)
    remainder = division(np.remainder)
    atan2 = binary(np.arctan2)
    maximum = binary(np.maximum)
    minimum = binary(np.minimum)
    fmax = binary(np.fmax)
    fmin = binary(np.fmin)
    hypot = binary(np.hypot)
    logaddexp = binary(np.logaddexp)
    logaddexp2 = binary(np.logaddexp2)
    nextafter = binary(np.nextafter)
    eq = binary(np.equal)
    ne = binary(np.not_equal)
    lt = binary(np.less)
    le = binary(np.less_equal)
    gt = binary(np.greater)
    ge = binary(np.greater_equal)
    logical_and = binary(np.logical_and)
    logical_or = binary(np.logical_or)
    logical_xor = binary(np.logical_xor)
    bitwise_and = binary(np.bitwise_and)
    bitwise_or = binary(np.bitwise_or)
    bitwise_xor = binary(np.bitwise_xor)
    bitwise_left_shift = binary(np.left_shift)
    gcd = binary(np.gcd)
    bitwise_right_shift = binary(np.right_shift)

    @staticmethod
    def pow(x: Any, y: Any, out: Any = None) -> np.ndarray:
        out = ... if out is None else out
        if y.__class__ in NUMBERS and y in POWERS and x.dtype.kind == "f":
            return POWERS[y](x, out=out)
        try:
            return np.power(x, y, out=out)
        except ValueError:
            return integer_power(x, y, out)

    where = staticmethod(numpy_fused.where)

    # --- Reductions ------------------------------------------------------------------------------

    sum = staticmethod(sum_kernel)
    prod = reduction(np.multiply)
    max = selection(np.maximum)
    min = selection(np.minimum)
    argmax = position(np.ndarray.argmax)
    argmin = position(np.ndarray.argmin)
    any = selection(np.logical_or)
    all = selection(np.logical_and)
    cumsum = accumulation(np.add)
    cumprod = accumulation(np.multiply)
    cummax = staticmethod(cummax)

    # --- Indexing --------------------------------------------------------------------------------

    gather = staticmethod(numpy_index.gather)
    scatter = staticmethod(numpy_index.scatter)
    scatter_add = staticmethod(numpy_index.scatter_add)
    scatter_max = staticmethod(numpy_index.scatter_max)
    index = staticmethod(numpy_index.index)
    index_put = staticmethod(numpy_index.index_put)
    index_select = staticmethod(numpy_index.index_select)
    index_add = staticmethod(numpy_index.index_add)
    nonzero = staticmethod(numpy_index.nonzero)
    sort = staticmethod(numpy_index.sort)
    topk = staticmethod(numpy_index.topk)
    searchsorted = staticmethod(numpy_index.searchsorted)
    unique = staticmethod(numpy_index.unique)

    # --- Linear algebra --------------------------------------------------------------------------

    matmul = staticmethod(matmul)
    inv = staticmethod(numpy_linalg.inv)
    solve = staticmethod(numpy_linalg.solve)
    cholesky = staticmethod(numpy_linalg.cholesky)
    qr = staticmethod(numpy_linalg.qr)
    svd = staticmethod(numpy_linalg.svd)
    eigh = staticmethod(numpy_linalg.eigh)
    det = staticmethod(numpy_linalg.det)
    slogdet = staticmethod(numpy_linalg.slogdet)
    lu = staticmethod(numpy_linalg.lu)

    # --- Convolution and pooling -----------------------------------------------------------------

    def conv(self, x: np.ndarray, w: np.ndarray, *geometry: Any) -> np.ndarray:
        if x.ndim == 5:
            return volumes.conv(self, x, w, *geometry)
        return numpy_conv.conv(x, w, *geometry)

    def conv_input(self, g: np.ndarray, w: np.ndarray, *geometry: Any) -> np.ndarray:
        if g.ndim == 5:
            return volumes.conv_input(self, g, w, *geometry)
        return numpy_conv.conv_input(g, w, *geometry)

    def conv_weight(self, g: np.ndarray, x: np.ndarray, *geometry: Any) -> np.ndarray:
        if g.ndim == 5:
            return volumes.conv_weight(self, g, x, *geometry)
        return numpy_conv.conv_weight(g, x, *geometry)

    max_pool = staticmethod(numpy_conv.max_pool)
    max_pool_input = staticmethod(numpy_conv.max_pool_input)
    avg_pool = staticmethod(numpy_conv.avg_pool)
    avg_pool_input = staticmethod(numpy_conv.avg_pool_input)

    # --- Fused kernels ---------------------------------------------------------------------------

    softmax = staticmethod(numpy_fused.softmax)
    softmax_grad = staticmethod(numpy_fused.softmax_grad)
    log_softmax = staticmethod(numpy_fused.log_softmax)
    log_softmax_grad = staticmethod(numpy_fused.log_softmax_grad)
    relu_grad = staticmethod(numpy_fused.relu_grad)
    gelu_grad = staticmethod(numpy_fused.gelu_grad)
    gelu_tanh_grad = staticmethod(numpy_fused.gelu_tanh_grad)
    silu_grad = staticmethod(numpy_fused.silu_grad)
    cross_entropy = staticmethod(numpy_fused.cross_entropy)
    cross_entropy_grad = staticmethod(numpy_fused.cross_entropy_grad)
    layer_norm = staticmethod(numpy_fused.layer_norm)
    layer_norm_grad = staticmethod(numpy_fused.layer_norm_grad)
    batch_norm = staticmethod(numpy_fused.batch_norm)
    batch_norm_grad = staticmethod(numpy_fused.batch_norm_grad)
    attention = staticmethod(numpy_fused.attention)
    attention_grad = staticmethod(numpy_fused.attention_grad)
    lstm = staticmethod(numpy_recurrent.lstm)
    lstm_grad = staticmethod(numpy_recurrent.lstm_grad)
    ctc = staticmethod(numpy_ctc.ctc)
    ctc_grad = staticmethod(numpy_ctc.ctc_grad)
    sgd_ = staticmethod(numpy_fused.sgd_)
    adam_ = staticmethod(numpy_fused.adam_)

    # --- Random numbers --------------------------------------------------------------------------

    uniform = staticmethod(numpy_random.uniform)
    normal = staticmethod(numpy_random.normal)
    randint = staticmethod(numpy_random.randint)
    random_bits = staticmethod(numpy_random.random_bits)


NUMBERS = (int, float)
POWERS = {2: np.square, 1: np.positive, -1: np.reciprocal, 0.5: np.sqrt}


def integer_power(x: np.ndarray, y: np.ndarray, out: Any) -> np.ndarray:
    """x ** y for integers where some y are negative: only 1 and -1 have inverses that are not 0."""
    power = np.power(x, np.maximum(y, 0), out=...)
    odd = np.bitwise_and(y, 1) == 1
    sign = np.where(np.logical_and(x == -1, odd), -1, 1)
    inverse = np.where(np.abs(x) == 1, sign, 0).astype(power.dtype)
    return np.positive(np.where(np.less(y, 0), inverse, power), out=out)
