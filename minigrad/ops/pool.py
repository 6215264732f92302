"""Pooling: the largest, or the average, of each window. Their adjoints give windows back what they
gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd.broadcast import reshape, view
from minigrad.autograd.primitive import primitive
from minigrad.ops.conv import sizes_of
from minigrad.tensor import Tensor, wrap

_max_pool = primitive(
    "max_pool", "x | size stride padding dilation out_shape -> out indices",
    x=lambda g, indices, x_shape: _max_pool_input(g[0], indices, x_shape),
)  # fmt: skip
_max_pool_input = primitive(
    "max_pool_input", "g indices | x_shape",
    g=lambda x, indices: _at(x, indices),
)  # fmt: skip
_avg_pool = primitive(
    "avg_pool", "x | size stride padding out_shape count_include_pad divisor",
    x=lambda g, x_shape, size, stride, padding, count_include_pad, divisor: _avg_pool_input(
        g, x_shape, size, stride, padding, count_include_pad, divisor),
)  # fmt: skip
_avg_pool_input = primitive(
    "avg_pool_input", "g | x_shape size stride padding count_include_pad divisor",
    g=lambda x, g_shape, size, stride, padding, count_include_pad, divisor: _avg_pool(
        x, size, stride, padding, g_shape, count_include_pad, divisor),
)  # fmt: skip


def _at(x: Tensor, indices: Tensor) -> Tensor:
    """The elements of each plane of x at the row-major positions that max_pool found."""
    lead, shape = x.array.shape[:2], indices.array.shape
    planes = reshape(x, (*lead, int(np.prod(x.array.shape[2:]))))
    flat = reshape(indices, (*lead, int(np.prod(shape[2:]))))
    return reshape(planes.gather(2, flat), shape)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """out[..., p] = max over k of input[..., p * stride + k * dilation - padding]; as max_pool2d,
    on (N, C, L) or (C, L).

    >>> import minigrad
    >>> minigrad.max_pool1d(minigrad.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[3., 5.]])
    """
    return _largest(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """out[..., p] = max over k of input[..., p * stride + k * dilation - padding], p and k pairs.

    input (N, C, H, W) or (C, H, W); the stride is the kernel size unless given; `ceil_mode` keeps
    the last, incomplete windows. With `return_indices` also the position of each maximum (the first
    at a tie) in its plane, row by row.

    >>> import minigrad
    >>> minigrad.max_pool2d(minigrad.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _largest(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def _largest(
    name: str,
    d: int,
    x: Tensor,
    size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    indices: bool,
) -> Any:
    dilation = sizes_of(name, "dilation", dilation, d, at_least=1)
    size, stride, padding = _window(name, d, x, size, stride, padding, dilation)
    batched = x if x.dim() == d + 2 else view(x, (1, *x.array.shape))
    shape = _out_shape(name, batched.array.shape, size, stride, padding, dilation, ceil_mode)
    _refuse_empty_windows(name, x.array.shape[-d:], shape[2:], size, stride, padding, dilation)
    outs = _max_pool(batched, size, stride, tuple((n, n) for n in padding), dilation, shape)
    if batched is not x:
        outs = tuple(view(out, shape[1:]) for out in outs)
    return outs if indices else outs[0]


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """out[..., p] = mean over k of input[..., p * stride + k - padding]; as avg_pool2d, on (N, C,
    L) or (C, L).

    >>> import minigrad
    >>> minigrad.avg_pool1d(minigrad.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[2.0000, 3.5000]])
    """
    return _average(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """out[..., p] = sum over k of input[..., p * stride + k - padding] / count, p and k pairs.

    The count is `divisor_override`, or the size of the window, without its padding unless
    `count_include_pad`.

    >>> import minigrad
    >>> minigrad.avg_pool2d(minigrad.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _average(
        "avg_pool2d",
        2,
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )


def _average(
    name: str,
    d: int,
    x: Tensor,
    size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    include_pad: bool,
    divisor: Any,
) -> Tensor:
    if divisor == 0:
        raise RuntimeError(f"{name}(): divisor must be not zero")
    ones = (1,) * d
    size, stride, padding = _window(name, d, x, size, stride, padding, ones)
    if x.array.dtype not in dtypes.FLOATS:
        raise NotImplementedError(f"{name}(): not implemented for {x.dtype}; convert with .float()")
    batched = x if x.dim() == d + 2 else view(x, (1, *x.array.shape))
    shape = _out_shape(name, batched.array.shape, size, stride, padding, ones, ceil_mode)
    pads = tuple((n, n) for n in padding)
    out = _avg_pool(batched, size, stride, pads, shape, bool(include_pad), divisor)
    return out if batched is x else view(out, shape[1:])


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Averages over windows that divide (H, W) into `output_size` parts.

    Part i of n begins at floor(i * H / n) and ends before ceil((i + 1) * H / n).
    `output_size` is an int or a pair; None keeps that size.

    >>> import minigrad
    >>> minigrad.adaptive_avg_pool2d(minigrad.arange(6.0).reshape(1, 2, 3), (1, 2))
    tensor([[[2., 3.]]])
    """
    x = input
    if x.dim() not in (3, 4) or 0 in x.shape[-2:]:
        raise RuntimeError(
            "adaptive_avg_pool2d(): Expected 3D or 4D tensor with non-empty planes, but got "
            f"{list(x.shape)}"
        )
    pair = (
        (output_size, output_size) if not isinstance(output_size, Sequence) else tuple(output_size)
    )
    kept = [n if wanted is None else wanted for wanted, n in zip(pair, x.shape[-2:], strict=True)]
    height, width = sizes_of("adaptive_avg_pool2d", "output_size", kept, 2, at_least=0)
    if (height, width) == (1, 1):
        return x.mean((-2, -1), keepdim=True)
    if height and width and x.shape[-2] % height == 0 and x.shape[-1] % width == 0:
        return avg_pool2d(x, (x.shape[-2] // height, x.shape[-1] // width))
    return _averaging(x, x.shape[-2], height) @ (x @ _averaging(x, x.shape[-1], width).mT)


def _averaging(x: Tensor, n: int, parts: int) -> Tensor:
    """The (parts, n) matrix whose row i averages over part i of n."""
    matrix = np.zeros((parts, n), x.array.dtype)
    for i in range(parts):
        start, stop = i * n // parts, -(-(i + 1) * n // parts)
        matrix[i, start:stop] = 1 / (stop - start)
    return wrap(x.device.backend.from_host(matrix), x.device)


# -- canonical arguments, and what is refused


def _window(
    name: str, d: int, x: Any, size: Any, stride: Any, padding: Any, dilation: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): input must be a Tensor, got {type(x).__name__}")
    if x.dim() not in (d + 1, d + 2) or 0 in x.shape[-d - 1 :]:
        raise RuntimeError(
            f"{name}(): Expected {d + 1}D or {d + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got: {list(x.shape)}"
        )
    size = sizes_of(name, "kernel_size", size, d, at_least=1)
    stride = (
        size
        if stride is None or stride == () or stride == []
        else sizes_of(name, "stride", stride, d, at_least=1)
    )
    padding = sizes_of(name, "padding", padding, d, at_least=0)
    for n, k, gap in zip(padding, size, dilation, strict=True):
        if n > (gap * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"{name}(): pad should be at most half of effective kernel size, but got pad={n}, "
                f"kernel_size={k} and dilation={gap}"
            )
    return size, stride, padding


def _out_shape(
    name: str,
    shape: Sequence[int],
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> tuple[int, ...]:
    """The shape of the result. In ceil mode the last window may be incomplete, but must begin
    inside input or low pad.
    """
    positions = []
    for n, k, step, low, gap in zip(shape[2:], size, stride, padding, dilation, strict=True):
        room = n + 2 * low - gap * (k - 1) - 1
        count = (-(-room // step) if ceil_mode else room // step) + 1
        if ceil_mode and (count - 1) * step >= n + low:
            count -= 1
        positions.append(count)
    if min(positions) < 1:
        sizes, found = ("x".join(map(str, (shape[1], *rest))) for rest in (shape[2:], positions))
        raise RuntimeError(
            f"{name}(): Given input size: ({sizes}). Calculated output size: ({found}). Output "
            "size is too small; use a smaller kernel_size"
        )
    return (*shape[:2], *positions)


def _refuse_empty_windows(
    name: str, space: Sequence[int], positions: Sequence[int], *rest: Any
) -> None:
    """A dilated window may step over all of a small input: a maximum of nothing has no position."""
    for n, count, k, step, low, gap in zip(space, positions, *rest, strict=True):
        if gap == 1 or low == 0:
            continue
        starts = [p * step - low for p in range(count)]
        if not all(any(0 <= start + i * gap < n for i in range(k)) for start in starts):
            raise RuntimeError(
                f"{name}(): a window of kernel_size={k} and dilation={gap} lies in the padding "
                f"only, for input of size {tuple(space)}; use less padding or dilation"
            )


# fmt: off
__all__ = [
    "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool2d",
]
# fmt: on
