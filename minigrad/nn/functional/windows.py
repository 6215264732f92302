"""Windows of images as columns and back; pooling by a norm. Other pooling is in minigrad.ops."""

import math
from collections.abc import Sequence
from typing import Any

from minigrad.ops import avg_pool1d, avg_pool2d, avg_pool3d, pad
from minigrad.ops.conv import sizes_of
from minigrad.ops.shape import fold as add_windows
from minigrad.ops.shape import unslice
from minigrad.tensor import Tensor

__all__ = ["fold", "lp_pool1d", "lp_pool2d", "lp_pool3d", "unfold"]


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The windows of (N, C, H, W) as the columns of matrices: (N, C * KH * KW, positions).

    Row (c, k) has the elements k of the windows in channel c, and positions go row by row. Without
    N it is (C * KH * KW, positions). RuntimeError for a window that does not fit.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.unfold(minigrad.arange(6.0).reshape(1, 2, 3), (1, 2))
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.]])
    """
    size, gap, low, step = _geometry("unfold", kernel_size, dilation, padding, stride)
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "unfold: Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    x = pad(input if input.ndim == 4 else input.unsqueeze(0), (low[1], low[1], low[0], low[0]))
    spans = [g * (k - 1) + 1 for g, k in zip(gap, size, strict=True)]
    if spans[0] > x.shape[2] or spans[1] > x.shape[3]:
        raise RuntimeError(
            f"unfold: a window of {tuple(spans)} does not fit the padded input {list(x.shape)}"
        )
    for axis in (0, 1):
        x = x.unfold(2 + axis, spans[axis], step[axis])[..., :: gap[axis]]
    n, channels, rows, columns = x.shape[:4]
    x = x.permute(0, 1, 4, 5, 2, 3).reshape(n, channels * size[0] * size[1], rows * columns)
    return x if input.ndim == 4 else x.squeeze(0)


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """The adjoint of unfold: (N, C * KH * KW, positions) into (N, C, *output_size), where windows
    that overlap add up.

    RuntimeError unless `output_size` has as many positions, and the rows make whole windows.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.fold(minigrad.ones(2, 4), (2, 3), (1, 2))
    tensor([[[1., 2., 1.],
             [1., 2., 1.]]])
    """
    size, gap, low, step = _geometry("fold", kernel_size, dilation, padding, stride)
    space = sizes_of("fold", "output_size", output_size, 2, at_least=1)
    spans = [g * (k - 1) + 1 for g, k in zip(gap, size, strict=True)]
    padded = [n + 2 * edge for n, edge in zip(space, low, strict=True)]
    rows, columns = ((n - span) // s + 1 for n, span, s in zip(padded, spans, step, strict=True))
    _check_columns(input, size, rows, columns)
    x = input if input.ndim == 3 else input.unsqueeze(0)
    x = x.unflatten(2, (rows, columns)).unflatten(1, (-1, *size)).permute(0, 1, 4, 5, 2, 3)
    for axis in (1, 0):
        spread = (*x.shape[:-1], spans[axis])
        key = (*[slice(0, n, 1) for n in x.shape[:-1]], slice(0, spans[axis], gap[axis]))
        x = unslice(x, spread, key)
        shape = (*x.shape[: 2 + axis], padded[axis], *x.shape[3 + axis : -1])
        x = add_windows(x, shape, 2 + axis, spans[axis], step[axis])
    x = x[:, :, low[0] : low[0] + space[0], low[1] : low[1] + space[1]]
    return x if input.ndim == 3 else x.squeeze(0)


def _geometry(name: str, size: Any, gap: Any, low: Any, step: Any) -> tuple[Sequence[int], ...]:
    return (
        sizes_of(name, "kernel_size", size, 2, at_least=1),
        sizes_of(name, "dilation", gap, 2, at_least=1),
        sizes_of(name, "padding", low, 2, at_least=0),
        sizes_of(name, "stride", step, 2, at_least=1),
    )


def _check_columns(x: Tensor, size: Sequence[int], rows: int, columns: int) -> None:
    if x.ndim not in (2, 3) or 0 in x.shape[-2:]:
        raise RuntimeError(
            "fold: Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions, but got: {list(x.shape)}"
        )
    if x.shape[-2] % (size[0] * size[1]):
        raise RuntimeError(
            "fold: Expected size of input's dimension 1 to be divisible by the product of "
            f"kernel_size, but got input {list(x.shape)} and kernel_size={tuple(size)}"
        )
    if rows < 1 or columns < 1 or x.shape[-1] != rows * columns:
        raise RuntimeError(
            f"fold: this output_size has {max(rows, 0)} * {max(columns, 0)} windows, but the input "
            f"{list(x.shape)} has {x.shape[-1]} columns"
        )


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^p over each window)^(1 / p), p the `norm_type`, for (N, C, L) or (C, L). NaN where
    the sum is negative.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.lp_pool1d(minigrad.tensor([[3.0, 4.0, 6.0, 8.0]]), 2, 2)
    tensor([[ 5., 10.]])
    """
    return _lp_pool(avg_pool1d, 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """lp_pool1d with windows in (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.lp_pool2d(minigrad.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    return _lp_pool(avg_pool2d, 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """lp_pool1d with windows in (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.lp_pool3d(minigrad.ones(1, 2, 2, 2), 3, 2)
    tensor([[[[2.]]]])
    """
    return _lp_pool(avg_pool3d, 3, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(
    average: Any, d: int, x: Tensor, p: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    count = math.prod(sizes_of(average.__name__, "kernel_size", kernel_size, d, at_least=1))
    return (average(x**p, kernel_size, stride, 0, ceil_mode) * count) ** (1.0 / p)
