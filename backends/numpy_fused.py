"""Fused kernels on NumPy: activations, softmax, norms, attention, optimizer steps.

A composite of several passes runs chunk by chunk, so that its intermediate results stay in the
cache and only its operands and its result travel through memory. A function whose name ends in `_`
is the body for one piece and writes into its last arguments.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .base import GELU_CUBIC, SQRT_HALF, SQRT_TWO_OVER_PI
from .numpy_matmul import for_blas
from .numpy_special import TANH_FORM, erf_, polynomial
from .numpy_sum import FLOAT16, FLOAT32, row_sum
from .numpy_threads import blas, in_chunks

# -2 z / x as a polynomial in x ** 2, where erf(x / sqrt(2)) = tanh(z)
GELU_FORM = tuple(-2 * SQRT_HALF * c / 2**k for k, c in enumerate(TANH_FORM))


def half_in_float32(kernel: Callable) -> Callable:
    """Lets a kernel whose first operand is float16 compute in float32 and rounds results once."""

    @functools.wraps(kernel)
    def wrapped(*args: Any) -> Any:
        if args[0].dtype is not FLOAT16:
            return kernel(*args)
        results = kernel(*(widen(a) for a in args))
        return tuple(map(narrow, results)) if isinstance(results, tuple) else narrow(results)

    return wrapped


def widen(x: Any) -> Any:
    return x.astype(FLOAT32) if getattr(x, "dtype", None) == FLOAT16 else x


def narrow(x: Any) -> Any:
    return x.astype(FLOAT16) if getattr(x, "dtype", None) == FLOAT32 else x


# --- Elementwise ----------------------------------------------------------------------------------


def pointwise(body: Callable[..., None], out: np.ndarray | None, *xs: np.ndarray) -> np.ndarray:
    """out = body(*xs), for xs of one shape."""
    if xs[0].dtype is FLOAT16:
        result = pointwise(body, None, *map(widen, xs)).astype(FLOAT16)
    else:
        result = np.empty(xs[0].shape, xs[0].dtype)
        in_chunks(body, *(x.reshape(-1) for x in xs), result.reshape(-1))
    if out is None:
        return result
    np.copyto(out, result)
    return out


def relu_grad(g: np.ndarray, out: np.ndarray) -> np.ndarray:
    return pointwise(relu_grad_, None, g, out)


def relu_grad_(g: np.ndarray, out: np.ndarray, gx: np.ndarray) -> None:
    """Multiplies the bits of g by 0 or 1: see `selected`."""
    integer = INTEGERS[g.itemsize]
    passes = np.logical_not(np.less_equal(out, 0)).view(np.int8)
    np.multiply(g.view(integer), passes, gx.view(integer))


def sigmoid(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return pointwise(sigmoid_, out, x)


def sigmoid_(x: np.ndarray, out: np.ndarray) -> None:
    np.negative(x, out)
    np.exp(out, out)
    np.add(out, 1, out)
    np.reciprocal(out, out)


def silu(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return pointwise(silu_, out, x)


def silu_(x: np.ndarray, out: np.ndarray) -> None:
    np.negative(x, out)
    np.exp(out, out)
    np.add(out, 1, out)
    np.divide(x, out, out)


def silu_grad(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    return pointwise(silu_grad_, None, g, x)


def silu_grad_(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    s = np.empty_like(out)
    sigmoid_(x, s)
    np.subtract(1, s, out)
    np.multiply(out, x, out)
    np.add(out, 1, out)
    np.multiply(out, s, out)
    np.multiply(out, g, out)


def erf(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return pointwise(erf_, out, x)


def gelu(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return pointwise(gelu_, out, x)


def gelu_(x: np.ndarray, out: np.ndarray) -> None:
    if x.dtype == np.float64:
        np.multiply(x, SQRT_HALF, out)
        erf_(out, out)
        halve_sum_(x, out)
        return
    # With erf(y) = tanh(z), (1 + erf(y)) / 2 is the sigmoid of 2 z, which needs fewer passes.
    np.multiply(x, x, out)
    factor = polynomial(GELU_FORM, out, np.empty_like(out))
    np.multiply(factor, x, out)
    np.exp(out, out)
    np.add(out, 1, out)
    np.divide(x, out, out)


def halve_sum_(x: np.ndarray, out: np.ndarray) -> None:
    """out = x * (1 + out) / 2"""
    np.multiply(out, 0.5, out)
    np.add(out, 0.5, out)
    np.multiply(out, x, out)


def gelu_grad(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    return pointwise(gelu_grad_, None, g, x)


def gelu_grad_(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    square = np.multiply(x, x)
    np.multiply(square, -0.5, out)
    np.exp(out, out)
    np.multiply(out, 1 / math.sqrt(2 * math.pi), out)
    density = np.multiply(out, x, out)
    area = normal_area(x, square)
    np.add(area, density, out)
    np.multiply(out, g, out)


def normal_area(x: np.ndarray, square: np.ndarray) -> np.ndarray:
    """(1 + erf(x / sqrt(2))) / 2, given x ** 2"""
    area = np.empty_like(x)
    if x.dtype == np.float64:
        np.multiply(x, SQRT_HALF, area)
        erf_(area, area)
        np.multiply(area, 0.5, area)
        return np.add(area, 0.5, area)
    polynomial(GELU_FORM, square, area)
    np.multiply(area, x, area)
    np.exp(area, area)
    np.add(area, 1, area)
    return np.reciprocal(area, area)


def gelu_tanh(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return pointwise(gelu_tanh_, out, x)


def gelu_tanh_(x: np.ndarray, out: np.ndarray) -> None:
    np.multiply(x, x, out)
    inner_tanh_(x, out)
    halve_sum_(x, out)


def inner_tanh_(x: np.ndarray, square: np.ndarray) -> None:
    """square = tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)), given x ** 2"""
    np.multiply(square, GELU_CUBIC * SQRT_TWO_OVER_PI, square)
    np.add(square, SQRT_TWO_OVER_PI, square)
    np.multiply(square, x, square)
    np.tanh(square, square)


def gelu_tanh_grad(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    return pointwise(gelu_tanh_grad_, None, g, x)


def gelu_tanh_grad_(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    t = np.multiply(x, x)
    slope = np.multiply(t, 1.5 * GELU_CUBIC * SQRT_TWO_OVER_PI)
    np.add(slope, 0.5 * SQRT_TWO_OVER_PI, slope)
    np.multiply(slope, x, slope)
    inner_tanh_(x, t)
    np.multiply(t, t, out)
    np.subtract(1, out, out)
    np.multiply(out, slope, out)
    np.multiply(t, 0.5, t)
    np.add(out, t, out)
    np.add(out, 0.5, out)
    np.multiply(out, g, out)


def leaky_relu(x: np.ndarray, slope: float, out: np.ndarray | None = None) -> np.ndarray:
    def body(x: np.ndarray, out: np.ndarray) -> None:
        np.multiply(x, slope, out)
        np.copyto(out, x, where=x > 0)

    return pointwise(body, out, x)


def elu(x: np.ndarray, alpha: float, out: np.ndarray | None = None) -> np.ndarray:
    def body(x: np.ndarray, out: np.ndarray) -> None:
        np.expm1(x, out)
        np.multiply(out, alpha, out)
        np.copyto(out, x, where=x > 0)

    return pointwise(body, out, x)


def softplus(x: np.ndarray, beta: float, threshold: float,
             out: np.ndarray | None = None) -> np.ndarray:
    def body(x: np.ndarray, out: np.ndarray) -> None:
        scaled = np.multiply(x, beta)
        np.exp(scaled, out)
        np.log1p(out, out)
        np.divide(out, beta, out)
        np.copyto(out, x, where=scaled > threshold)

    return pointwise(body, out, x)


FEW = 512  # elements, up to which the passes of `selected` cost more than np.where
INTEGERS = {n: np.dtype(f"i{n}") for n in (2, 4, 8)}  # by size in bytes


def where(condition: np.ndarray, x: Any, y: Any, out: np.ndarray | None = None) -> np.ndarray:
    shape = condition.shape
    dtype = getattr(x, "dtype", None) or getattr(y, "dtype", None)
    alike = all(getattr(v, "shape", shape) in (shape, ()) for v in (x, y))
    if alike and condition.size > FEW and dtype is not None and dtype.itemsize in INTEGERS:
        integer = INTEGERS[dtype.itemsize]
        x, y = (np.asarray(v, dtype).view(integer) for v in (x, y))
        return selected(condition, x, y, dtype, out)
    result = np.where(condition, x, y)
    if out is None:
        return result
    np.copyto(out, result)
    return out


def selected(condition: np.ndarray, x: np.ndarray, y: np.ndarray, dtype: np.dtype,
             out: np.ndarray | None) -> np.ndarray:
    """where, given the bits of x and y as integers, scalars or of the shape of the condition.

    NumPy's where branches at every element, and where the condition is irregular, the processor
    guesses half of the branches wrong: 3 ns each. y ^ (x ^ y) * condition takes a tenth of that.
    """
    result = np.empty(condition.shape, dtype) if out is None else out
    in_chunks(select_, condition, spread(x, result), spread(y, result), result.view(x.dtype))
    return result


def select_(condition: np.ndarray, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    chosen = condition.astype(out.dtype)
    np.multiply(np.bitwise_xor(x, y), chosen, chosen)
    np.bitwise_xor(chosen, y, out)


def spread(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """x, or a scalar x seen as an array of the shape of `like`."""
    return x if x.shape else np.ndarray(like.shape, x.dtype, x, 0, (0,) * like.ndim)


# --- Softmax --------------------------------------------------------------------------------------


def along_rows(body: Callable[..., None], axis: int, *xs: np.ndarray) -> np.ndarray:
    """body(*xs, out), where every x and out have the given axis last."""
    x = xs[0]
    if x.size == 0:
        return np.empty(x.shape, x.dtype)
    if x.ndim < 2 or axis == x.ndim - 1:
        out = np.empty(x.shape, x.dtype)
        size = x.shape[-1] if x.ndim else 1
        in_chunks(body, *(a.reshape(-1, size) for a in (*xs, out)))
        return out
    out = np.empty(x.shape, x.dtype)
    body(*(np.moveaxis(a, axis, -1) for a in (*xs, out)))
    return out


@half_in_float32
def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    return along_rows(softmax_, axis, x)


def softmax_(x: np.ndarray, out: np.ndarray) -> None:
    np.subtract(x, np.maximum.reduce(x, -1, keepdims=True), out)
    np.exp(out, out)
    np.divide(out, row_sum(out), out)


@half_in_float32
def softmax_grad(g: np.ndarray, out: np.ndarray, axis: int) -> np.ndarray:
    return along_rows(softmax_grad_, axis, g, out)


def softmax_grad_(g: np.ndarray, out: np.ndarray, gx: np.ndarray) -> None:
    np.subtract(g, np.vecdot(g, out)[..., None], gx)
    np.multiply(gx, out, gx)


@half_in_float32
def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    return along_rows(log_softmax_, axis, x)


def log_softmax_(x: np.ndarray, out: np.ndarray) -> None:
    np.subtract(x, np.maximum.reduce(x, -1, keepdims=True), out)
    total = row_sum(np.exp(out))
    np.subtract(out, np.log(total, total), out)


@half_in_float32
def log_softmax_grad(g: np.ndarray, out: np.ndarray, axis: int) -> np.ndarray:
    return along_rows(log_softmax_grad_, axis, g, out)


def log_softmax_grad_(g: np.ndarray, out: np.ndarray, gx: np.ndarray) -> None:
    total = row_sum(g)
    np.exp(out, gx)
    np.multiply(gx, total, gx)
    np.subtract(g, gx, gx)


# --- Norms ----------------------------------------------------------------------------------------


@half_in_float32
def layer_norm(x: np.ndarray, w: np.ndarray | None, b: np.ndarray | None, n_axes: int,
               eps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lead = x.shape[:x.ndim - n_axes]
    size = math.prod(x.shape[x.ndim - n_axes:])
    rows = math.prod(lead)
    out = np.empty((rows, size), x.dtype)
    mean, rstd = np.empty((rows, 1), x.dtype), np.empty((rows, 1), x.dtype)
    weight = None if w is None else w.reshape(size)
    bias = None if b is None else b.reshape(size)

    def body(x: np.ndarray, out: np.ndarray, mean: np.ndarray, rstd: np.ndarray) -> None:
        np.divide(row_sum(x), size, mean)
        np.subtract(x, mean, out)
        np.vecdot(out, out, rstd[:, 0])
        np.divide(rstd, size, rstd)
        np.add(rstd, eps, rstd)
        np.sqrt(rstd, rstd)
        np.reciprocal(rstd, rstd)
        np.multiply(out, rstd, out)
        if weight is not None:
            np.multiply(out, weight, out)
        if bias is not None:
            np.add(out, bias, out)

    in_chunks(body, x.reshape(rows, size), out, mean, rstd)
    shape = lead + (1,) * n_axes
    return out.reshape(x.shape), mean.reshape(shape), rstd.reshape(shape)


@half_in_float32
def layer_norm_grad(g: np.ndarray, x: np.ndarray, w: np.ndarray | None, mean: np.ndarray,
                    rstd: np.ndarray, n_axes: int) -> tuple:
    space = x.shape[x.ndim - n_axes:]
    size = math.prod(space)
    rows = math.prod(x.shape[:x.ndim - n_axes])
    gx = np.empty((rows, size), x.dtype)
    weight = None if w is None else w.reshape(size)
    sums: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # of the pieces, by their first row

    def body(gx: np.ndarray, row: np.ndarray, g: np.ndarray, x: np.ndarray, mean: np.ndarray,
             rstd: np.ndarray) -> None:
        shifted = np.subtract(x, mean)
        v = g if weight is None else np.multiply(g, weight)
        along = np.vecdot(v, shifted)[:, None] * rstd * rstd / -size
        np.multiply(shifted, along, gx)
        np.add(gx, v, gx)
        np.subtract(gx, row_sum(v) / size, gx)
        np.multiply(gx, rstd, gx)
        np.multiply(shifted, g, shifted)
        sums[int(row[0])] = np.matmul(rstd[:, 0], shifted), np.add.reduce(g, 0)

    if rows:
        in_chunks(body, gx, np.arange(rows), g.reshape(rows, size), x.reshape(rows, size),
                  mean.reshape(rows, 1), rstd.reshape(rows, 1))
    gw, gb = np.zeros(size, x.dtype), np.zeros(size, x.dtype)
    for row in sorted(sums):
        gw += sums[row][0]
        gb += sums[row][1]
    return gx.reshape(x.shape), None if w is None else gw.reshape(space), gb.reshape(space)


@half_in_float32
def batch_norm(x: np.ndarray, w: np.ndarray | None, b: np.ndarray | None, eps: float) -> tuple:
    flat = by_channel(x)
    n = flat.shape[0] * flat.shape[2]
    mean = np.add.reduce(row_sum(flat), 0) / n
    out, squares = np.empty_like(flat), np.empty(flat.shape[:2], x.dtype)

    def shift(x: np.ndarray, out: np.ndarray, squares: np.ndarray) -> None:
        np.subtract(x, mean, out)
        np.vecdot(out, out, squares)

    in_chunks(shift, flat, out, squares)
    var = np.add.reduce(squares, 0) / n
    rstd = 1 / np.sqrt(var + eps)
    scale = (rstd if w is None else rstd * w)[:, None]

    def stretch(out: np.ndarray) -> None:
        np.multiply(out, scale, out)
        if b is not None:
            np.add(out, b[:, None], out)

    in_chunks(stretch, out)
    return out.reshape(x.shape), mean[:, 0], var, rstd


def by_channel(x: np.ndarray) -> np.ndarray:
    """x (N, C, ...) as (N, C, S)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


@half_in_float32
def batch_norm_grad(g: np.ndarray, x: np.ndarray, w: np.ndarray | None, mean: np.ndarray,
                    rstd: np.ndarray) -> tuple:
    flat, g = by_channel(x), by_channel(g)
    n = flat.shape[0] * flat.shape[2]
    gx = np.empty_like(flat)
    along, total = np.empty(flat.shape[:2], x.dtype), np.empty((*flat.shape[:2], 1), x.dtype)

    def project(g: np.ndarray, x: np.ndarray, gx: np.ndarray, along: np.ndarray,
                total: np.ndarray) -> None:
        np.subtract(x, mean[:, None], gx)
        np.vecdot(gx, g, along)
        total[...] = row_sum(g)

    in_chunks(project, g, flat, gx, along, total)
    gb = np.add.reduce(total, 0)
    gw = np.add.reduce(along, 0) * rstd
    scale = (rstd if w is None else rstd * w)[:, None]
    slope = scale * (gw * rstd / -n)[:, None]

    def combine(g: np.ndarray, gx: np.ndarray) -> None:
        np.multiply(gx, slope, gx)
        centred = np.subtract(g, gb / n)
        np.multiply(centred, scale, centred)
        np.add(gx, centred, gx)

    in_chunks(combine, g, gx)
    return gx.reshape(x.shape), gw, gb[:, 0]


# --- Loss -----------------------------------------------------------------------------------------


@half_in_float32
def cross_entropy(x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int,
                  label_smoothing: float, reduction: str) -> tuple:
    log_probs = log_softmax(x, 1)
    valid, label, row_weight = labels(log_probs, target, weight, ignore_index)
    chosen = log_probs[np.arange(x.shape[0]), label]
    # Where a row does not count, the product could be 0 * inf.
    loss = np.where(valid, np.multiply(chosen, np.negative(row_weight)), 0)
    if label_smoothing:
        per_class = np.ones(x.shape[1], x.dtype) if weight is None else weight
        smooth = np.matmul(log_probs, per_class) * (-label_smoothing / x.shape[1])
        loss = loss * (1 - label_smoothing) + np.where(valid, smooth, 0)
    total_weight = np.add.reduce(row_weight, 0, out=...)
    if reduction != "none":
        loss = np.add.reduce(loss, 0, out=...)
    if reduction == "mean":
        loss = np.divide(loss, total_weight, out=...)
    return loss, log_probs, total_weight


def labels(log_probs: np.ndarray, target: np.ndarray, weight: np.ndarray | None,
           ignore_index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which rows count, their labels (0 elsewhere), their weights (0 elsewhere)."""
    classes = log_probs.shape[1]
    valid = np.not_equal(target, ignore_index)
    label = np.multiply(target, valid)
    if label.size and np.maximum.reduce(label.view(np.uint64)) >= classes:
        wrong = label[(label < 0) | (label >= classes)][0]
        raise IndexError(f"Target {wrong} is out of bounds for {classes} classes.")
    row_weight = valid.astype(log_probs.dtype)
    if weight is not None:
        row_weight = np.where(valid, weight[label] if classes else row_weight, 0)
    return valid, label, row_weight


@half_in_float32
def cross_entropy_grad(g: np.ndarray, log_probs: np.ndarray, target: np.ndarray,
                       weight: np.ndarray | None, total_weight: np.ndarray, ignore_index: int,
                       label_smoothing: float, reduction: str) -> np.ndarray:
    n, classes = log_probs.shape
    valid, label, row_weight = labels(log_probs, target, weight, ignore_index)
    if reduction == "mean":
        g = np.divide(g, total_weight, out=...)
    hard = np.multiply(row_weight, g)
    if not label_smoothing:
        gx = np.exp(log_probs)
        np.multiply(gx, hard[:, None], gx)
        gx[np.arange(n), label] -= hard
        return gx
    hard *= 1 - label_smoothing
    per_class = np.ones(classes, log_probs.dtype) if weight is None else weight
    soft = np.multiply(valid, np.multiply(g, label_smoothing / classes))
    gx = np.exp(log_probs)
    gx *= (hard + soft * np.add.reduce(per_class))[:, None]
    gx -= soft[:, None] * per_class
    gx[np.arange(n), label] -= hard
    return gx


# --- Attention ------------------------------------------------------------------------------------


@half_in_float32
def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None,
              is_causal: bool, scale: float) -> tuple[np.ndarray, np.ndarray]:
    if q.ndim == 2:
        out, probs = attention(q[None], k[None], v[None], mask, is_causal, scale)
        return out[0], probs[0]
    probs = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)
    out = np.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
    future = np.triu(np.full(probs.shape[-2:], -np.inf, q.dtype), 1) if is_causal else None
    masks = () if mask is None else (np.broadcast_to(mask, probs.shape),)

    def body(probs: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, out: np.ndarray,
             mask: np.ndarray | None = None) -> None:
        np.matmul(np.multiply(q, scale), k.swapaxes(-1, -2), probs)
        if future is not None:
            np.add(probs, future, probs)
        if mask is not None and mask.dtype == bool:
            np.copyto(probs, -np.inf, where=np.logical_not(mask))
        elif mask is not None:
            np.add(probs, mask, probs)
        if probs.size:
            safe_softmax_(probs)
        np.matmul(probs, v, out)

    in_chunks(body, probs, for_blas(q), for_blas(k), for_blas(v), out, *masks)
    return out, probs


def safe_softmax_(score: np.ndarray) -> None:
    """Softmax of the last axis in place; rows of nothing but -inf become 0."""
    top = np.maximum.reduce(score, -1, keepdims=True)
    np.maximum(top, np.finfo(score.dtype).min, out=top)
    np.subtract(score, top, score)
    np.exp(score, score)
    total = row_sum(score)
    np.maximum(total, 0.5, out=total)  # the largest term of any other row is 1
    np.divide(score, total, score)


@half_in_float32
def attention_grad(g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, probs: np.ndarray,
                   scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if q.ndim == 2:
        grads = attention_grad(g[None], q[None], k[None], v[None], probs[None], scale)
        return grads[0][0], grads[1][0], grads[2][0]
    gq, gk, gv = (np.empty(x.shape, x.dtype) for x in (q, k, v))

    def body(probs: np.ndarray, g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray,
             gq: np.ndarray, gk: np.ndarray, gv: np.ndarray) -> None:
        np.matmul(probs.swapaxes(-1, -2), g, gv)
        gscore = np.matmul(g, v.swapaxes(-1, -2))
        softmax_grad_(gscore, probs, gscore)
        np.multiply(gscore, scale, gscore)
        np.matmul(gscore, k, gq)
        np.matmul(gscore.swapaxes(-1, -2), q, gk)

    operands = (for_blas(x) for x in (probs, g, q, k, v))
    in_chunks(body, *operands, gq, gk, gv)
    return gq, gk, gv


# --- Optimizer steps ------------------------------------------------------------------------------


def in_place(body: Callable[..., None], *lists: Sequence[np.ndarray]) -> None:
    """body(x, y...) for the arrays of each place in the lists; in chunks if they are large and can
    be seen as flat arrays.

    A million elements is where waking a second core begins to pay: the step is bound by memory.
    """
    for xs in zip(*lists, strict=True):
        if xs[0].size >= 1 << 20 and all(x.flags.c_contiguous for x in xs):
            in_chunks(body, *(x.reshape(-1) for x in xs))
        else:
            body(*xs)


def sgd_(ps: Sequence[np.ndarray], gs: Sequence[np.ndarray], bufs: Sequence[np.ndarray] | None,
         lr: np.ndarray, momentum: float, dampening: float, weight_decay: float, nesterov: bool,
         maximize: bool) -> None:
    rate, fresh = (np.array(number, ps[0].dtype) for number in (-lr, 1 - dampening))

    def body(p: np.ndarray, g: np.ndarray, buf: np.ndarray | None = None) -> None:
        step = np.negative(g) if maximize else g
        if weight_decay:
            step = np.add(step, np.multiply(p, weight_decay))
        if buf is not None:
            np.multiply(buf, momentum, buf)
            blas.axpy(fresh, step, buf)
            step = np.add(step, np.multiply(buf, momentum)) if nesterov else buf
        blas.axpy(rate, step, p)

    in_place(body, ps, gs, *(() if bufs is None else (bufs,)))


def adam_(ps: Sequence[np.ndarray], gs: Sequence[np.ndarray], ms: Sequence[np.ndarray],
          vs: Sequence[np.ndarray], lr: np.ndarray, beta1: float, beta2: float, eps: float,
          weight_decay: float, decoupled: bool, correction1: np.ndarray, correction2: np.ndarray,
          maximize: bool) -> None:
    rate = float(lr)
    step = -rate / float(correction1)
    root = 1 / math.sqrt(float(correction2))

    def body(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray) -> None:
        if maximize:
            g = np.negative(g)
        if weight_decay and decoupled:
            np.multiply(p, 1 - rate * weight_decay, p)
        elif weight_decay:
            g = np.add(g, np.multiply(p, weight_decay))
        scratch = np.multiply(g, 1 - beta1, out=...)
        np.multiply(m, beta1, m)
        np.add(m, scratch, m)
        np.multiply(g, g, scratch)
        np.multiply(scratch, 1 - beta2, scratch)
        np.multiply(v, beta2, v)
        np.add(v, scratch, v)
        np.sqrt(v, scratch)
        np.multiply(scratch, root, scratch)
        np.add(scratch, eps, scratch)
        np.divide(m, scratch, scratch)
        np.multiply(scratch, step, scratch)
        np.add(p, scratch, p)

    in_place(body, ps, gs, ms, vs)
