"""Softmax, losses, normalisation, dropout, embedding, attention: what has a kernel of its own
because it is worth one pass.

A fused op has a joint rule, which calls one more kernel, and a `composite`: the same computation in
smaller ops, which is its definition and what the engine differentiates when a gradient of the
gradient is wanted. softmax and log_softmax need none: the rules of their gradients are written out,
so that only the result is kept for the backward pass.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd.broadcast import expand, reshape, sum_
from minigrad.autograd.inplace import where_
from minigrad.autograd.mode import mode, no_grad
from minigrad.autograd.primitive import cast, primitive
from minigrad.names import numpy_names
from minigrad.ops.axes import one_axis
from minigrad.ops.elementwise import exp, rsqrt
from minigrad.ops.linalg import batch_shape, matmul
from minigrad.ops.random import Generator, uniform
from minigrad.tensor import Tensor, wrap

# -- softmax

_softmax = primitive(
    "softmax", "x | axis",
    x=lambda g, out, axis: _softmax_grad(g, out, axis),
)  # fmt: skip
_softmax_grad = primitive(  # gx = out * (g - sum(g * out)), symmetric as a map of g
    "softmax_grad", "g out | axis",
    g=lambda h, out, axis: _softmax_grad(h, out, axis),
    out=lambda h, g, out, axis: h * (g - _total(g * out, axis)) - g * _total(h * out, axis),
)  # fmt: skip
_log_softmax = primitive(
    "log_softmax", "x | axis",
    x=lambda g, out, axis: _log_softmax_grad(g, out, axis),
)  # fmt: skip
_log_softmax_grad = primitive(  # gx = g - exp(out) * sum(g)
    "log_softmax_grad", "g out | axis",
    g=lambda h, out, axis: h - _total(h * exp(out), axis),
    out=lambda h, g, out, axis: -h * exp(out) * _total(g, axis),
)  # fmt: skip


def _total(x: Tensor, axis: int) -> Tensor:
    return sum_(x, (axis,) if x.array.shape else (), True)


@numpy_names
def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """out[i] = exp(x[i]) / sum over j of exp(x[j]) along `dim`; with `dtype` the input is converted
    first.

    >>> import minigrad
    >>> minigrad.softmax(minigrad.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _along("softmax", _softmax, input, dim, dtype)


@numpy_names
def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """out[i] = x[i] - log(sum over j of exp(x[j])) along `dim`; with `dtype` the input is
    converted first.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.log_softmax(minigrad.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return _along("log_softmax", _log_softmax, input, dim, dtype)


def _along(name: str, op: Any, x: Tensor, dim: Any, dtype: Any) -> Tensor:
    if dtype is not None:
        x = x.to(dtype)
    _refuse_integers(name, x)
    if dim is None:
        dim = 0 if x.dim() in (0, 1, 3) else 1
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
            "dim=X as an argument.",
            stacklevel=3,
        )
    out: Tensor = op(x, one_axis(name, dim, x.dim()))
    return out


def _refuse_integers(name: str, x: Any) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): expected a Tensor, got {type(x).__name__}")
    if x.array.dtype not in dtypes.FLOATS:
        raise NotImplementedError(f"{name}(): not implemented for {x.dtype}; convert with .float()")


# -- cross entropy


def _negative_log_likelihood(
    log_probs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Tensor:
    """The loss of log-probabilities (N, C) and labels (N,), in small ops: see
    Backend.cross_entropy for the formula.
    """
    valid = target != ignore_index
    label = where_(valid, target, 0)
    ones = valid.to(log_probs.dtype)
    row_weight = ones if weight is None else weight.index_select(0, label) * ones
    chosen = log_probs.gather(1, label.unsqueeze(1)).squeeze(1)
    loss = where_(valid, -row_weight * chosen, 0)  # not 0 * chosen, which may be infinite
    if label_smoothing:
        terms = log_probs if weight is None else log_probs * weight
        smooth = terms.sum(1) * (-label_smoothing / log_probs.shape[1])
        loss = loss * (1 - label_smoothing) + where_(valid, smooth, 0)
    if reduction == "none":
        return loss
    return loss.sum() / row_weight.sum() if reduction == "mean" else loss.sum()


_cross_entropy_grad = primitive(
    "cross_entropy_grad",
    "g log_probs target weight total_weight | ignore_index label_smoothing reduction",
)
_cross_entropy = primitive(
    "cross_entropy",
    "x target weight | ignore_index label_smoothing reduction -> out (log_probs total_weight)",
    grads=lambda g, needs, log_probs, target, weight, total_weight, ignore_index,
    label_smoothing, reduction: (_cross_entropy_grad(
        g, log_probs, target, weight, total_weight, ignore_index, label_smoothing, reduction),
        None, None),
    composite=lambda x, *rest: _negative_log_likelihood(_log_softmax(x, 1), *rest),
)  # fmt: skip


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input)[label], for logits (N, C), (N, C, d1, ...) or (C,) and int64 labels (N,),
    (N, d1, ...) or ().

    A floating-point target of the input's shape holds the probability of each class instead.
    `weight` (C,) weighs classes, labels equal to `ignore_index` do not count, and `label_smoothing`
    mixes each label with all classes equally. "mean" divides by the sum of the weights that count.
    IndexError for labels out of range, RuntimeError or ValueError for types and shapes that do not
    fit.

    >>> import minigrad
    >>> minigrad.cross_entropy(minigrad.zeros(4, 10), minigrad.tensor([1, 2, 3, 4]))
    tensor(2.3026)
    """
    _check_loss("cross_entropy", input, weight, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(
            f"cross_entropy(): label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}"
        )
    shape = input.array.shape
    if isinstance(target, Tensor) and target.array.shape == shape != ():
        return _soft_cross_entropy(input, target, weight, label_smoothing, reduction)
    x, labels = _as_rows("cross_entropy", input, target)
    try:
        loss = _cross_entropy(x, labels, weight, ignore_index, float(label_smoothing), reduction)
    except IndexError as error:
        raise _label_error("cross_entropy", x, labels, ignore_index, error) from None
    return reshape(loss, target.array.shape) if reduction == "none" else loss


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-input[label], for log-probabilities and labels as cross_entropy has them, which is nll_loss
    of log_softmax.

    >>> import minigrad
    >>> minigrad.nll_loss(minigrad.tensor([[-1.0, -2.0]]), minigrad.tensor([1]))
    tensor(2.)
    """
    _check_loss("nll_loss", input, weight, reduction)
    x, labels = _as_rows("nll_loss", input, target)
    try:
        loss = _negative_log_likelihood(x, labels, weight, ignore_index, 0.0, reduction)
    except (IndexError, RuntimeError) as error:
        raise _label_error("nll_loss", x, labels, ignore_index, error) from None
    return reshape(loss, target.array.shape) if reduction == "none" else loss


def _soft_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None, smoothing: float, reduction: str
) -> Tensor:
    """The loss against probabilities, which have x's shape."""
    if target.array.dtype not in dtypes.FLOATS:
        raise RuntimeError(
            "cross_entropy(): Expected floating point type for target with class probabilities, "
            f"got {target.dtype}; class labels have one dimension less than the input"
        )
    if bool(target.isnan().any()):
        raise ValueError(
            "cross_entropy(): target holds NaN, so it has no class probabilities; was it "
            "normalised by 0?"
        )
    axis = 1 if x.dim() > 1 else 0
    classes = x.shape[axis]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    terms = _log_softmax(x, axis) * target
    if weight is not None:
        terms = terms * weight.reshape(-1, *[1] * (x.dim() - axis - 1))
    loss = -terms.sum(axis)
    if reduction == "none":
        return loss
    return loss.sum() / (x.numel() / classes) if reduction == "mean" else loss.sum()


def _as_rows(name: str, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """x as (N, C) and the labels as (N,): further dimensions count as rows."""
    _check_target(name, x, target)
    if x.dim() == 2:
        return x, target
    if x.dim() == 1:
        return reshape(x, (1, *x.array.shape)), reshape(target, (1,))
    x = x.movedim(1, -1)
    return reshape(x, (target.numel(), x.shape[-1])), reshape(target, (target.numel(),))


def _check_loss(name: str, x: Any, weight: Tensor | None, reduction: str) -> None:
    _refuse_integers(name, x)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"{name}(): {reduction!r} is not a valid value for reduction; use 'mean', 'sum' or "
            "'none'"
        )
    if not x.dim():
        raise RuntimeError(
            f"{name}(): input has no dimension of classes; shape (C,), (N, C) or (N, C, d1, ...) "
            "is needed"
        )
    if weight is None:
        return
    classes = x.shape[1 if x.dim() > 1 else 0]
    if weight.array.shape != (classes,):
        raise RuntimeError(
            f"{name}(): weight tensor should be defined either for all {classes} classes or no "
            f"classes but got weight tensor of shape: {list(weight.shape)}"
        )
    if weight.array.dtype != x.array.dtype:
        raise RuntimeError(
            f"{name}(): expected weight of dtype {x.dtype} but found {weight.dtype}; convert with "
            ".to(dtype)"
        )
    if weight.requires_grad:
        raise RuntimeError(
            f"{name}() is not differentiable with respect to argument 'weight'; detach() it"
        )


def _check_target(name: str, x: Tensor, target: Any) -> None:
    if not isinstance(target, Tensor):
        raise TypeError(f"{name}(): target must be a Tensor, got {type(target).__name__}")
    shape, size = target.array.shape, x.array.shape
    wanted = size[:1] + size[2:] if len(size) > 1 else ()
    if len(size) > 1 and shape[:1] != wanted[:1]:
        raise ValueError(
            f"{name}(): Expected input batch_size ({x.shape[0]}) to match target batch_size "
            f"({shape[0] if shape else 1}): input {tuple(x.shape)}, target {shape}"
        )
    if shape != wanted:
        hint = "; squeeze(1) or flatten() it" if target.numel() == math.prod(wanted) else ""
        raise RuntimeError(
            f"{name}(): Expected target size {list(wanted)}, got {list(shape)}, for input "
            f"{tuple(x.shape)}{hint}"
        )
    if target.array.dtype != dtypes.int64.numpy:
        raise RuntimeError(
            f"{name}(): expected target dtype to be {dtypes.int64}, the classes' numbers, but got "
            f"{target.dtype}; convert with target.long(). Probabilities have the shape of the input"
        )


def _label_error(
    name: str, x: Tensor, labels: Tensor, ignore_index: int, error: Exception
) -> Exception:
    classes = x.shape[1]
    for label in labels.tolist():
        if label != ignore_index and not 0 <= label < classes:
            hint = "; NaN became this number" if label == -(2**63) else ""
            return IndexError(
                f"{name}(): Target {label} is out of bounds: the input has {classes} classes, so "
                f"labels are 0 to {classes - 1}, or ignore_index={ignore_index}{hint}"
            )
    return error


# -- normalisation


def _needed(gradients: Sequence[Any], needs: tuple[bool, ...]) -> tuple[Any, ...]:
    return tuple(g if need else None for g, need in zip(gradients, needs, strict=True))


def _normalised(
    x: Tensor, w: Tensor | None, b: Tensor | None, axes: tuple[int, ...], eps: float
) -> Any:
    """(x - mean) / sqrt(var + eps) * w + b over `axes`, with the mean and the variance, in small
    ops.
    """
    mean = x.mean(axes, keepdim=True)
    shifted = x - mean
    var = (shifted * shifted).mean(axes, keepdim=True)
    out = shifted * rsqrt(var + eps)
    out = out if w is None else out * w
    return out if b is None else out + b, mean, var


_layer_norm_grad = primitive("layer_norm_grad", "g x w mean rstd | n_axes -> gx gw gb")
_layer_norm = primitive(
    "layer_norm", "x w b | n_axes eps -> out (mean rstd)",
    grads=lambda g, needs, x, w, mean, rstd, n_axes: _needed(
        _layer_norm_grad(g, x, w, mean, rstd, n_axes), needs),
    composite=lambda x, w, b, n_axes, eps: _normalised(x, w, b, tuple(range(-n_axes, 0)), eps)[0],
)  # fmt: skip


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """out = (x - mean) / sqrt(var + eps) * weight + bias, over the last dimensions, whose sizes are
    `normalized_shape`.

    RuntimeError for shapes and types that do not fit.

    >>> import minigrad
    >>> minigrad.layer_norm(minigrad.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    _refuse_integers("layer_norm", input)
    shape = tuple(normalized_shape)
    if not shape or input.array.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"layer_norm(): Given normalized_shape={list(shape)}, expected input with shape "
            f"[*{''.join(f', {n}' for n in shape)}], but got input of size{list(input.shape)}"
        )
    for argument, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.array.shape != shape:
            raise RuntimeError(
                f"layer_norm(): Expected {argument} to be of same shape as normalized_shape, but "
                f"got {argument} of shape {list(t.shape)} and normalized_shape = {list(shape)}"
            )
        _check_parameter("layer_norm", argument, input, t)
    return _layer_norm(input, weight, bias, len(shape), eps)


def _check_parameter(name: str, argument: str, x: Tensor, t: Tensor | None) -> None:
    if t is not None and t.array.dtype != x.array.dtype:
        raise RuntimeError(
            f"{name}(): mixed dtype: input is {x.dtype} and {argument} {t.dtype}; convert one with "
            ".to(dtype)"
        )


def _batch_norm_composite(
    x: Tensor, w: Tensor | None, b: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    channel = _channel_shape(x)
    w, b = (None if t is None else reshape(t, channel) for t in (w, b))
    out, mean, var = _normalised(x, w, b, (0, *range(2, x.dim())), eps)
    return out, reshape(mean, x.array.shape[1:2]), reshape(var, x.array.shape[1:2])


def _channel_shape(x: Tensor) -> tuple[int, ...]:
    return (*x.array.shape[1:2], *[1] * (x.dim() - 2))


# mean and var are outputs for the running statistics, and have no gradient there.
_batch_norm_grad = primitive("batch_norm_grad", "g x w mean rstd -> gx gw gb")
_batch_norm = primitive(
    "batch_norm", "x w b | eps -> out mean var (rstd)",
    grads=lambda g, needs, x, w, mean, rstd: _needed(
        _batch_norm_grad(g[0], x, w, mean, rstd), needs),
    composite=_batch_norm_composite,
)  # fmt: skip


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """out = (x - mean) / sqrt(var + eps) * weight + bias, for each channel (dimension 1).

    In training mean and variance are the batch's, and the running ones (if not None) move towards
    them in place: running = (1 - momentum) * running + momentum * batch, with the unbiased
    variance. Otherwise the running ones are taken. ValueError for a single value per channel in
    training, RuntimeError for shapes and types that do not fit.

    >>> import minigrad
    >>> minigrad.batch_norm(minigrad.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    _refuse_integers("batch_norm", input)
    if input.array.shape == (0,):
        return input * 1  # no examples, and no channels
    _check_batch_norm(input, running_mean, running_var, weight, bias, training)
    if not training:
        assert running_mean is not None and running_var is not None
        return _frozen_batch_norm(input, running_mean, running_var, weight, bias, eps)
    out, mean, var = _batch_norm(input, weight, bias, eps)
    n = input.numel() / max(input.shape[1], 1)
    if running_mean is not None:
        _move(running_mean, mean, momentum)
    if running_var is not None and n > 1:
        unbiased = wrap(var.device.backend.mul(var.array, n / (n - 1)), var.device)
        _move(running_var, unbiased, momentum)
    result: Tensor = out
    return result


def _frozen_batch_norm(
    x: Tensor, mean: Tensor, var: Tensor, w: Tensor | None, b: Tensor | None, eps: float
) -> Tensor:
    """x * scale + shift: what depends on the channel alone is put together first, to pass over x
    twice only.
    """
    rstd = rsqrt(var + eps)
    scale = rstd if w is None else rstd * w
    shift = -mean * scale if b is None else b - mean * scale
    channel = _channel_shape(x)
    return x * reshape(scale, channel) + reshape(shift, channel)


def _move(running: Tensor, batch: Tensor, momentum: float) -> None:
    """running <- running + momentum * (batch - running), in place and outside of the graph."""
    backend = running.device.backend
    value = (
        batch.array
        if batch.array.dtype == running.array.dtype
        else backend.cast(batch.array, running.array.dtype)
    )
    backend.lerp(running.array, value, float(momentum), running.array)
    running.version.bump()


def _check_batch_norm(
    x: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    w: Tensor | None,
    b: Tensor | None,
    training: bool,
) -> None:
    if x.dim() < 2:
        raise RuntimeError(f"batch_norm(): input (N, C, ...) is needed, got shape {tuple(x.shape)}")
    if training and x.numel() == x.shape[1] and x.numel():
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {tuple(x.shape)}"
        )
    for argument, t in (("running_mean", mean), ("running_var", var), ("weight", w), ("bias", b)):
        if t is None:
            if argument.startswith("running") and not training:
                raise RuntimeError(f"batch_norm(): {argument} must be defined in evaluation mode")
            continue
        if t.array.shape != x.array.shape[1:2]:
            raise RuntimeError(
                f"batch_norm(): {argument} should contain {x.shape[1]} elements not {t.numel()}: "
                f"one for each channel of input {tuple(x.shape)}"
            )
        if not argument.startswith("running"):
            _check_parameter("batch_norm", argument, x, t)
    if mode.grad and any(t is not None and t.requires_grad for t in (mean, var)):
        raise RuntimeError(
            "batch_norm() is not differentiable with respect to the running statistics; detach() "
            "them"
        )


# -- dropout, embedding


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Sets each element to 0 with probability p and divides the others by 1 - p; outside of
    training, the input itself.

    >>> import minigrad
    >>> minigrad.dropout(minigrad.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or not input.numel():
        return input
    _refuse_integers("dropout", input)
    if p == 1:
        out = input * 0.0
    else:
        out = where_(_kept(input, p, generator), input * (1 / (1 - p)), 0)
    return input.copy_(out) if inplace else out


def _kept(x: Tensor, p: float, generator: Generator | None) -> Tensor:
    dtype = dtypes.float64 if x.dtype is dtypes.float64 else dtypes.float32
    return uniform(0.0, 1.0, x.shape, generator=generator, dtype=dtype, device=x.device) >= p


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """out[...] = weight[input[...]]: rows of weight (K, D) by their numbers. The row `padding_idx`
    gets no gradient.

    With `max_norm` the rows that are used are first scaled down, in place, to a norm of order
    `norm_type` of at most that. `scale_grad_by_freq` divides the gradient of a row by how often it
    is used. Gradients are dense also when `sparse`.

    IndexError for numbers out of range, RuntimeError for types that do not fit.

    >>> import minigrad
    >>> minigrad.embedding(minigrad.tensor([2, 0]), minigrad.tensor([[0.0], [1.0], [2.0]]))
    tensor([[2.],
            [0.]])
    """
    if input.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(
            "embedding(): Expected tensor for argument #1 'indices' to be of dtype int64 or "
            f"int32; but got {input.dtype}; convert with .long()"
        )
    if weight.dim() != 2:
        raise RuntimeError(f"embedding(): 'weight' must be 2-D, got shape {tuple(weight.shape)}")
    index = reshape(input.long(), (input.numel(),))
    try:
        if max_norm is not None:
            _shorten_rows_(weight, index, max_norm, norm_type)
        out = weight.index_select(0, index)
    except IndexError as error:
        raise IndexError(
            f"embedding(): index out of range in self: weight has {weight.shape[0]} rows; {error}"
        ) from None
    if padding_idx is not None:
        out = _without_gradient(out, index == _row(padding_idx, weight.shape[0]))
    if scale_grad_by_freq and out.requires_grad:
        uses = index.new_zeros(weight.shape[0]).index_add(0, index, index.new_ones(index.shape))
        share = reshape(uses.index_select(0, index), (index.numel(), 1)).to(out.dtype).reciprocal()
        out = out.detach() + (out - out.detach()) * share
    return reshape(out, (*input.array.shape, weight.shape[1]))


@no_grad()
def _shorten_rows_(weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    rows = index.unique()
    values = weight.index_select(0, rows)
    norms = values.norm(norm_type, 1, keepdim=True)
    weight[rows] = where_(norms > max_norm, values * (max_norm / (norms + 1e-7)), values)


def _row(padding_idx: int, rows: int) -> int:
    if not -rows <= padding_idx < rows:
        raise AssertionError(
            f"embedding(): padding_idx must be within num_embeddings, got {padding_idx} for {rows} "
            "rows"
        )
    return padding_idx % rows


def _without_gradient(out: Tensor, rows: Tensor) -> Tensor:
    """out, where no gradient flows through these rows."""
    return where_(reshape(rows, (rows.numel(), 1)), out.detach(), out) if out.requires_grad else out


# -- attention


def _attention_composite(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float,
    dropout_p: float = 0.0,
) -> Tensor:
    """softmax(q @ k.mT * scale + mask) @ v; a row in which everything is masked gives zeros."""
    score = matmul(q * scale, k.mT)
    if is_causal:
        visible = score.new_ones(score.shape[-2:], dtype=dtypes.bool_).tril()
        score = where_(visible, score, -math.inf)
    if mask is not None:
        score = where_(mask, score, -math.inf) if mask.dtype is dtypes.bool_ else score + mask
    if score.numel():
        blocked = (score == -math.inf).all(-1, keepdim=True)
        score = where_(blocked, 0.0, _softmax(where_(blocked, 0.0, score), score.dim() - 1))
    return matmul(dropout(score, dropout_p), v)


_attention_grad = primitive("attention_grad", "g q k v probs | scale -> gq gk gv")
_attention = primitive(
    "attention", "q k v mask | is_causal scale -> out (probs)",
    grads=lambda g, needs, q, k, v, probs, scale: (
        *_attention_grad(g, q, k, v, probs, scale), None),
    composite=_attention_composite,
)  # fmt: skip


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """out = softmax(query @ key.mT * scale + mask) @ value; scale is 1 / sqrt(E) unless given.

    query (..., L, E), key (..., S, E), value (..., S, F); leading dimensions broadcast. `attn_mask`
    broadcasts to (..., L, S): False, or -inf, hides a key from a query; `is_causal` hides all keys
    s > l. Rows that see nothing are 0. `dropout_p` applies whenever it is not 0. With `enable_gqa`
    groups of query heads share a head of key and value. RuntimeError for shapes and types that do
    not fit.

    >>> import minigrad
    >>> q, k = minigrad.zeros(2, 4), minigrad.ones(3, 4)
    >>> minigrad.scaled_dot_product_attention(q, k, minigrad.tensor([[0.0], [3.0], [6.0]]))
    tensor([[3.],
            [3.]])
    """
    mask = _check_attention(query, key, value, attn_mask, dropout_p, is_causal)
    if enable_gqa:
        key, value = (_shared_heads(query, x) for x in (key, value))
    batch = batch_shape(
        "scaled_dot_product_attention", *(x.array.shape[:-2] for x in (query, key, value))
    )
    q, k, v = (
        x if x.array.shape[:-2] == batch else expand(x, (*batch, *x.array.shape[-2:]))
        for x in (query, key, value)
    )
    scale = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else float(scale)
    if dropout_p or (mask is not None and mask.requires_grad):
        return _attention_composite(q, k, v, mask, is_causal, scale, dropout_p)
    return _attention(q, k, v, mask, bool(is_causal), scale)


def _check_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, is_causal: bool
) -> Tensor | None:
    name = "scaled_dot_product_attention"
    _refuse_integers(name, q)
    shapes = f"query {tuple(q.shape)}, key {tuple(k.shape)}, value {tuple(v.shape)}"
    if min(q.dim(), k.dim(), v.dim()) < 2:
        raise RuntimeError(
            f"{name}: Expected query, key, and value to all be at least 2 dimensional, but got "
            f"{shapes}"
        )
    if not q.dtype is k.dtype is v.dtype:
        raise RuntimeError(
            f"{name}: Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{q.dtype} key.dtype: {k.dtype} and value.dtype: {v.dtype} instead; convert with "
            ".to(dtype)"
        )
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise RuntimeError(
            f"{name}: query (..., L, E), key (..., S, E) and value (..., S, F) are needed, but got "
            f"{shapes}"
        )
    if not 0.0 <= dropout_p <= 1.0:
        raise ValueError(
            f"{name}: dropout probability has to be between 0 and 1, but got {dropout_p}"
        )
    if mask is None:
        return None
    if is_causal:
        raise RuntimeError(f"{name}: Explicit attn_mask should not be set when is_causal=True")
    if mask.dtype is not dtypes.bool_ and mask.array.dtype not in dtypes.FLOATS:
        raise RuntimeError(
            f"{name}: Expected attn_mask dtype to be bool or float or to match query dtype, but "
            f"got attn_mask.dtype: {mask.dtype} and query.dtype: {q.dtype} instead; .bool() says "
            "which keys are seen"
        )
    if mask.dtype is dtypes.bool_ or mask.dtype is q.dtype:
        return mask
    return cast(mask, q.array.dtype)


def _shared_heads(q: Tensor, x: Tensor) -> Tensor:
    if min(q.dim(), x.dim()) < 3 or q.shape[-3] % x.shape[-3]:
        raise RuntimeError(
            "scaled_dot_product_attention: enable_gqa needs a number of query heads that the key "
            f"and value heads divide, got query {tuple(q.shape)} and {tuple(x.shape)}"
        )
    return x.repeat_interleave(q.shape[-3] // x.shape[-3], -3)


# fmt: off
__all__ = [
    "softmax", "log_softmax", "cross_entropy", "nll_loss", "layer_norm", "batch_norm",
    "dropout", "embedding", "scaled_dot_product_attention",
]
# fmt: on
