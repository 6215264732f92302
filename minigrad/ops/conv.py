"""Convolutions in one to three dimensions.

conv, conv_input and conv_weight are the three derivatives of one form that is linear in each of x,
w and g,

    sum(g[n, o, p] * w[o, c, k] * x[n, c, p * stride + k * dilation - padding] for n, o, c, p, k)

so the rules of each one are the other two. A transposed convolution is conv_input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.autograd.broadcast import view
from minigrad.autograd.primitive import primitive
from minigrad.ops.shape import pad
from minigrad.tensor import Tensor

Pads = tuple[tuple[int, int], ...]

_conv = primitive(
    "conv", "x w | stride padding dilation groups",
    x=lambda g, w, x_shape, stride, padding, dilation, groups: _conv_input(
        g, w, x_shape, stride, padding, dilation, groups),
    w=lambda g, x, w_shape, stride, padding, dilation, groups: _conv_weight(
        g, x, w_shape, stride, padding, dilation, groups),
)  # fmt: skip
_conv_input = primitive(
    "conv_input", "g w | x_shape stride padding dilation groups",
    g=lambda x, w, stride, padding, dilation, groups: _conv(
        x, w, stride, padding, dilation, groups),
    w=lambda x, g, w_shape, stride, padding, dilation, groups: _conv_weight(
        g, x, w_shape, stride, padding, dilation, groups),
)  # fmt: skip
_conv_weight = primitive(
    "conv_weight", "g x | w_shape stride padding dilation groups",
    g=lambda w, x, stride, padding, dilation, groups: _conv(
        x, w, stride, padding, dilation, groups),
    x=lambda w, g, x_shape, stride, padding, dilation, groups: _conv_input(
        g, w, x_shape, stride, padding, dilation, groups),
)  # fmt: skip


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """out[n, o, p] = bias[o] + sum over c, k of weight[o, c, k] * input[n, c, p * stride + k *
    dilation - padding].

    As conv2d, with one spatial dimension: input (N, C, L) or (C, L), weight (O, C / groups, K).

    >>> import minigrad
    >>> minigrad.conv1d(minigrad.tensor([[1.0, 2.0, 4.0]]), minigrad.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2.]])
    """
    return _convolution("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """out[n, o, p] = bias[o] + sum over c, k of weight[o, c, k] * input[n, c, p * stride + k *
    dilation - padding].

    input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,); p and k are pairs.
    `padding` is an int, a pair, "valid" (none) or "same" (as much as keeps the size, for stride 1).
    RuntimeError for shapes that do not fit.

    >>> import minigrad
    >>> x = minigrad.arange(9.0).reshape(1, 3, 3)
    >>> minigrad.conv2d(x, minigrad.ones(1, 1, 2, 2))
    tensor([[[ 8., 12.],
             [20., 24.]]])
    """
    return _convolution("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """out[n, o, p] = bias[o] + sum over c, k of weight[o, c, k] * input[n, c, p * stride + k *
    dilation - padding].

    As conv2d, in three dimensions: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups,
    KD, KH, KW).

    >>> import minigrad
    >>> minigrad.conv3d(minigrad.ones(1, 2, 2, 3), minigrad.ones(1, 1, 2, 2, 2))
    tensor([[[[8., 8.]]]])
    """
    return _convolution("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The gradient of conv1d by its input, as a function: input (N, C, L), weight (C, O / groups,
    K).

    >>> import minigrad
    >>> minigrad.conv_transpose1d(minigrad.ones(1, 1, 3), minigrad.ones(1, 1, 2), stride=2)
    tensor([[[1., 1., 1., 1., 1., 1.]]])
    """
    return _transposed(
        "conv_transpose1d",
        1,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The gradient of conv2d by its input, as a function: out[p * stride + k * dilation - padding]
    += w[k] * x[p].

    input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH, KW). `output_padding` adds to the
    high end of the result, of which several sizes fit one input when stride > 1. RuntimeError for
    shapes that do not fit.

    >>> import minigrad
    >>> minigrad.conv_transpose2d(minigrad.ones(1, 1, 1), minigrad.ones(1, 1, 2, 2), stride=2)
    tensor([[[1., 1.],
             [1., 1.]]])
    """
    return _transposed(
        "conv_transpose2d",
        2,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The gradient of conv3d by its input, as a function; as conv_transpose2d, on (N, C, D, H, W).

    >>> import minigrad
    >>> x, w = minigrad.ones(1, 1, 1, 2), minigrad.ones(1, 1, 1, 1, 2)
    >>> minigrad.conv_transpose3d(x, w)
    tensor([[[[1., 2., 1.]]]])
    """
    return _transposed(
        "conv_transpose3d",
        3,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def _convolution(
    name: str,
    d: int,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    stride = sizes_of(name, "stride", stride, d, at_least=1)
    dilation = sizes_of(name, "dilation", dilation, d, at_least=1)
    _check_types(name, d, x, w, b)
    _check_groups(name, x, w, groups, d, x.shape[-d - 1], w.shape[1] * groups)
    _check_bias(name, w, b, w.shape[0])
    pads = _pads(name, padding, w.shape[2:], stride, dilation, d)
    spans = [gap * (k - 1) + 1 for gap, k in zip(dilation, w.shape[2:], strict=True)]
    sizes = [low + n + high for n, (low, high) in zip(x.shape[-d:], pads, strict=True)]
    if any(span > size for span, size in zip(spans, sizes, strict=True)):
        raise RuntimeError(
            f"{name}(): Calculated padded input size per channel: {_times(sizes)}. Kernel size: "
            f"{_times(spans)}. Kernel size can't be greater than actual input size; pad the input "
            "more"
        )
    batched = _with_batch(x, d)
    out = _conv(batched, w, stride, pads, dilation, groups)
    return _finished(out, b, d, batched is not x)


def _transposed(
    name: str,
    d: int,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    stride: Any,
    padding: Any,
    extra: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    stride = sizes_of(name, "stride", stride, d, at_least=1)
    dilation = sizes_of(name, "dilation", dilation, d, at_least=1)
    padding = sizes_of(name, "padding", padding, d, at_least=0)
    extra = sizes_of(name, "output_padding", extra, d, at_least=0)
    _check_types(name, d, x, w, b)
    _check_groups(name, x, w, groups, d, x.shape[-d - 1], w.shape[0])
    _check_bias(name, w, b, w.shape[1] * groups)
    for more, step, gap in zip(extra, stride, dilation, strict=True):
        if more >= max(step, gap):
            raise RuntimeError(
                f"{name}(): output padding must be smaller than either stride or dilation, but got "
                f"output_padding {extra}, stride {stride}, dilation {dilation}"
            )
    # The result is cut by the padding, at its high end by `extra` less. What is missing there, if
    # any, is zeros.
    pads = tuple((low, max(low - more, 0)) for low, more in zip(padding, extra, strict=True))
    zeros = [max(more - low, 0) for low, more in zip(padding, extra, strict=True)]
    sizes = tuple(
        (n - 1) * step + gap * (k - 1) + 1 - low - high
        for n, step, gap, k, (low, high) in zip(
            x.shape[-d:], stride, dilation, w.shape[2:], pads, strict=True
        )
    )
    if any(n + zero <= 0 for n, zero in zip(sizes, zeros, strict=True)):
        raise RuntimeError(
            f"{name}(): Given input size per channel: {_times(x.shape[-d:])}. Calculated output "
            f"size per channel: {_times(sizes)}. Output size is too small; use less padding"
        )
    batched = _with_batch(x, d)
    shape = (batched.shape[0], w.shape[1] * groups, *sizes)
    out = _conv_input(batched, w, shape, stride, pads, dilation, groups)
    if any(zeros):
        out = pad(out, [width for zero in reversed(zeros) for width in (0, zero)])
    return _finished(out, b, d, batched is not x)


def _with_batch(x: Tensor, d: int) -> Tensor:
    return x if x.dim() == d + 2 else view(x, (1, *x.array.shape))


def _finished(out: Tensor, b: Tensor | None, d: int, drop_batch: bool) -> Tensor:
    if b is not None:
        out = out + view(b, (*b.array.shape, *[1] * d))
    return view(out, out.array.shape[1:]) if drop_batch else out


# -- canonical arguments, and what is refused


def sizes_of(name: str, argument: str, value: Any, d: int, at_least: int) -> tuple[int, ...]:
    """An int, or a sequence of one or d of them, as d ints."""
    given = (value,) if hasattr(value, "__index__") else tuple(value)
    if len(given) == 1:
        given *= d
    if len(given) != d or not all(hasattr(n, "__index__") for n in given):
        raise RuntimeError(f"{name}(): {argument} must be an int or {d} of them, got {value!r}")
    sizes = tuple(n.__index__() for n in given)
    if min(sizes) < at_least:
        what = "non-positive" if at_least == 1 else "negative"
        raise RuntimeError(f"{name}(): {what} {argument} is not supported, got {value!r}")
    return sizes


def _pads(
    name: str,
    padding: Any,
    window: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    d: int,
) -> Pads:
    if padding == "valid":
        return ((0, 0),) * d
    if padding == "same":
        if max(stride) > 1:
            raise RuntimeError(
                f"{name}(): padding='same' is not supported for strided convolutions, stride "
                f"{stride}"
            )
        totals = [gap * (k - 1) for gap, k in zip(dilation, window, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise RuntimeError(
            f"{name}(): Invalid padding string '{padding}', should be 'valid' or 'same'"
        )
    return tuple((n, n) for n in sizes_of(name, "padding", padding, d, at_least=0))


def _check_types(name: str, d: int, x: Any, w: Any, b: Tensor | None) -> None:
    for argument, t in (("input", x), ("weight", w)):
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}(): {argument} must be a Tensor, got {type(t).__name__}")
    if x.dim() not in (d + 1, d + 2):
        raise RuntimeError(
            f"Expected {d + 1}D (unbatched) or {d + 2}D (batched) input to {name}, but got input "
            f"of size: {list(x.shape)}"
        )
    if w.dim() != d + 2:
        raise RuntimeError(
            f"{name}(): weight must have {d + 2} dimensions, got shape {tuple(w.shape)}"
        )
    for argument, t in (("weight", w), ("bias", b)):
        if t is not None and t.array.dtype != x.array.dtype:
            raise RuntimeError(
                f"{name}(): Input type ({x.dtype}) and {argument} type ({t.dtype}) should be the "
                "same; convert one with .to(dtype)"
            )
    if x.array.dtype.kind == "b":
        raise NotImplementedError(f"{name}(): not implemented for {x.dtype}; convert with .float()")


def _check_groups(
    name: str, x: Tensor, w: Tensor, groups: int, d: int, channels: int, expected: int
) -> None:
    if groups <= 0:
        raise RuntimeError(f"{name}(): non-positive groups is not supported, got {groups}")
    if w.shape[0] % groups or not w.shape[0]:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(w.shape)} in {name}"
        )
    if channels != expected:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(w.shape)}, expected input{list(x.shape)} "
            f"to have {expected} channels, but got {channels} channels instead, in {name}"
        )
    if 0 in w.shape or 0 in x.shape[-d - 1 :]:
        raise RuntimeError(
            f"{name}(): only the batch may be empty, got input {tuple(x.shape)} and weight "
            f"{tuple(w.shape)}"
        )


def _check_bias(name: str, w: Tensor, b: Tensor | None, channels: int) -> None:
    if b is not None and b.array.shape != (channels,):
        raise RuntimeError(
            f"{name}(): Given weight of size {list(w.shape)}, expected bias to be 1-dimensional "
            f"with {channels} elements, but got bias of size {list(b.shape)} instead"
        )


def _times(sizes: Sequence[int]) -> str:
    return "(" + " x ".join(map(str, sizes)) + ")"


# fmt: off
__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
]
# fmt: on
