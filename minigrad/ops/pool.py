"""Pooling: the largest, or the average, of each window. Their adjoints give windows back what they
gave. Adaptive pooling chooses the windows from the size of the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd.broadcast import reshape, view
from minigrad.autograd.primitive import primitive
from minigrad.autograd.steps import stepwise
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


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window; as max_pool2d, on (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> minigrad.max_pool3d(minigrad.arange(16.0).reshape(1, 2, 2, 4), 2)
    tensor([[[[13., 15.]]]])
    """
    return _largest(
        "max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
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
    out, places = _max_pool(batched, size, stride, tuple((n, n) for n in padding), dilation, shape)
    if batched is not x:
        out, places = view(out, shape[1:]), view(places, shape[1:])
    out = stepwise(out, x)
    return (out, places) if indices else out


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


def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window; as avg_pool2d, on (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> minigrad.avg_pool3d(minigrad.arange(16.0).reshape(1, 2, 2, 4), 2)
    tensor([[[[6.5000, 8.5000]]]])
    """
    return _average(
        "avg_pool3d",
        3,
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
    if x.array.dtype not in (*dtypes.FLOATS, dtypes.int64.numpy):
        raise NotImplementedError(f"{name}(): not implemented for {x.dtype}; convert with .float()")
    batched = x if x.dim() == d + 2 else view(x, (1, *x.array.shape))
    shape = _out_shape(name, batched.array.shape, size, stride, padding, ones, ceil_mode)
    pads = tuple((n, n) for n in padding)

    def averages(x: Tensor, divisor: Any) -> Tensor:
        return _avg_pool(x, size, stride, pads, shape, bool(include_pad), divisor)

    out = averages(batched, divisor) if x.is_floating_point() else _cut(averages, batched, divisor)
    return out if batched is x else view(out, shape[1:])


def _cut(averages: Callable[..., Tensor], x: Tensor, divisor: Any) -> Tensor:
    """The averages of integers as integers: sums, divided by what is averaged over, cut."""
    exact, sums = x.double(), averages(x.double(), 1)
    if divisor is None:
        ones = exact * 0 + 1
        divisor = (averages(ones, 1) / averages(ones, None)).round()
    return (sums / divisor).trunc().to(x.dtype)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Averages over windows that divide L of (N, C, L) or (C, L) into `output_size` parts; see
    adaptive_avg_pool2d.

    >>> import minigrad
    >>> minigrad.adaptive_avg_pool1d(minigrad.arange(6.0).reshape(1, 6), 3)
    tensor([[0.5000, 2.5000, 4.5000]])
    """
    return _adaptive_average("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Averages over windows that divide (H, W) into `output_size` parts.

    Part i of n begins at floor(i * H / n) and ends before ceil((i + 1) * H / n).
    `output_size` is an int or a pair; None keeps that size.

    >>> import minigrad
    >>> minigrad.adaptive_avg_pool2d(minigrad.arange(6.0).reshape(1, 2, 3), (1, 2))
    tensor([[[2., 3.]]])
    """
    return _adaptive_average("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """adaptive_avg_pool2d on (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> minigrad.adaptive_avg_pool3d(minigrad.arange(6.0).reshape(1, 1, 2, 3), (1, None, 1))
    tensor([[[[1.],
              [4.]]]])
    """
    return _adaptive_average("adaptive_avg_pool3d", 3, input, output_size)


def _adaptive_average(name: str, d: int, x: Tensor, output_size: Any) -> Tensor:
    """The mean over each part, axis by axis: the parts of a plane are products of those of its
    axes.
    """
    space, parts = _adaptive_sizes(name, d, x, output_size)
    if math.prod(parts) == 1:
        return x.mean(tuple(range(-d, 0)), keepdim=True)
    if 0 not in parts and not any(n % count for n, count in zip(space, parts, strict=True)):
        size = tuple(n // count for n, count in zip(space, parts, strict=True))
        return _average(name, d, x, size, None, 0, False, True, None)
    for axis, (n, count) in enumerate(zip(space, parts, strict=True), -d):
        x = (x.movedim(axis, -1) @ _averaging(x, n, count).mT).movedim(-1, axis)
    return x


def _averaging(x: Tensor, n: int, parts: int) -> Tensor:
    """The (parts, n) matrix whose row i averages over part i of n."""
    matrix = np.zeros((parts, n), x.array.dtype)
    for i, (start, stop) in enumerate(_parts(n, parts)):
        matrix[i, start:stop] = 1 / (stop - start)
    return wrap(x.device.backend.from_host(matrix), x.device)


def _parts(n: int, parts: int) -> list[tuple[int, int]]:
    """Where each of the parts of 0 to n begins and ends; they overlap where they are not equal."""
    return [(i * n // parts, -(-(i + 1) * n // parts)) for i in range(parts)]


def _adaptive_sizes(
    name: str, d: int, x: Tensor, output_size: Any
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sizes of the last d axes of x, and the numbers of parts wanted of them."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): input must be a Tensor, got {type(x).__name__}")
    space = tuple(x.shape[-d:])
    if d > 1 and x.dim() <= d and isinstance(output_size, Sequence):
        raise ValueError(
            f"{name}(): Input dimension should be at least {d + 1} for an output_size of {d} "
            f"entries, got {list(x.shape)}"
        )
    if x.dim() not in (d + 1, d + 2) or 0 in space:
        raise RuntimeError(
            f"{name}(): Expected {d + 1}D or {d + 2}D tensor with non-empty spatial dims, but got "
            f"{list(x.shape)}"
        )
    wanted = tuple(output_size) if isinstance(output_size, Sequence) else (output_size,)
    wanted = wanted * d if len(wanted) == 1 else wanted
    if len(wanted) != d:
        raise RuntimeError(f"{name}(): output_size must have {d} entries, got {output_size!r}")
    kept = [n if parts is None else parts for n, parts in zip(space, wanted, strict=True)]
    return space, sizes_of(name, "output_size", kept, d, at_least=0)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of `output_size` parts of L, for (N, C, L) or (C, L); see
    adaptive_max_pool2d.

    >>> import minigrad
    >>> minigrad.adaptive_max_pool1d(minigrad.arange(6.0).reshape(1, 6), 3)
    tensor([[1., 3., 5.]])
    """
    return _adaptive_largest("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each part of (H, W), in parts as those of adaptive_avg_pool2d. With
    `return_indices` also its position in the plane, row by row.

    >>> import minigrad
    >>> minigrad.adaptive_max_pool2d(minigrad.arange(6.0).reshape(1, 2, 3), (1, 2))
    tensor([[[4., 5.]]])
    """
    return _adaptive_largest("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """adaptive_max_pool2d on (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> minigrad.adaptive_max_pool3d(minigrad.arange(6.0).reshape(1, 1, 2, 3), 1)
    tensor([[[[5.]]]])
    """
    return _adaptive_largest("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _adaptive_largest(name: str, d: int, x: Tensor, output_size: Any, return_indices: bool) -> Any:
    """Every part is laid out as a row, padded by repeats of its last element to the size of the
    largest part: repeats change no maximum.
    """
    space, parts = _adaptive_sizes(name, d, x, output_size)
    rows = np.zeros((1, 1), np.int64)
    for n, count in zip(space, parts, strict=True):
        bounds = _parts(n, count)
        longest = max((stop - start for start, stop in bounds), default=0)
        axis = np.array(
            [[min(p, stop - 1) for p in range(start, start + longest)] for start, stop in bounds],
            np.int64,
        ).reshape(count, longest)
        lead, width = rows.shape
        rows = (rows[:, None, :, None] * n + axis[:, None]).reshape(lead * count, width * longest)
    flat = x.flatten(-d)
    index = wrap(x.device.backend.from_host(rows), x.device)
    windows = flat.index_select(-1, index.flatten()).unflatten(-1, rows.shape)
    best = windows.argmax(-1, keepdim=True)
    shape = (*x.shape[:-d], *parts)
    out = stepwise(windows.gather(-1, best).reshape(shape), x)
    if not return_indices:
        return out
    return out, index.expand(windows.shape).gather(-1, best).reshape(shape)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Puts the maxima of max_pool1d back where they stood, with zeros around; see max_unpool2d.

    >>> import minigrad
    >>> x = minigrad.tensor([[1.0, 3.0, 2.0, 5.0]])
    >>> minigrad.max_unpool1d(*minigrad.max_pool1d(x, 2, return_indices=True), 2)
    tensor([[0., 3., 0., 5.]])
    """
    return _unpooled("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """out[..., indices[..., p]] = input[..., p], and 0 elsewhere: the inverse of max_pool2d, as
    far as there is one.

    `indices` are those that max_pool2d returns. Several sizes of plane pool to one size:
    `output_size` says which it was, if not (H - 1) * stride + kernel_size - 2 * padding. Where an
    index appears twice, one of its values is taken. ValueError for an `output_size` that is not
    within a stride of that, RuntimeError for indices beyond the plane.

    >>> import minigrad
    >>> x = minigrad.arange(4.0).reshape(1, 2, 2)
    >>> minigrad.max_unpool2d(*minigrad.max_pool2d(x, 2, return_indices=True), 2)
    tensor([[[0., 0.],
             [0., 3.]]])
    """
    return _unpooled("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """max_unpool2d on (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> x = minigrad.arange(8.0).reshape(1, 2, 2, 2)
    >>> minigrad.max_unpool3d(*minigrad.max_pool3d(x, 2, return_indices=True), 2).sum()
    tensor(7.)
    """
    return _unpooled("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


def _unpooled(
    name: str,
    d: int,
    x: Tensor,
    indices: Tensor,
    size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    size = sizes_of(name, "kernel_size", size, d, at_least=1)
    stride = size if not stride else sizes_of(name, "stride", stride, d, at_least=1)
    padding = sizes_of(name, "padding", padding, d, at_least=0)
    if x.dim() not in (d + 1, d + 2) or x.shape != indices.shape:
        raise RuntimeError(
            f"{name}(): Expected input and indices of one shape, {d + 1}D or {d + 2}D, but got "
            f"{list(x.shape)} and {list(indices.shape)}"
        )
    usual = [
        (n - 1) * step + k - 2 * low
        for n, step, k, low in zip(x.shape[-d:], stride, size, padding, strict=True)
    ]
    space = _checked_space(name, usual, stride, output_size)
    flat = indices.flatten(-d)
    if flat.numel() and not bool(((flat >= 0) & (flat < math.prod(space))).all()):
        raise RuntimeError(
            f"{name}(): Found an invalid max index, outside of the output plane {tuple(space)}; "
            "give the output_size that was pooled"
        )
    zeros = x.new_zeros((*x.shape[:-d], math.prod(space)))
    return zeros.scatter(-1, flat, x.flatten(-d)).unflatten(-1, space)


def _checked_space(
    name: str, usual: list[int], stride: Sequence[int], output_size: Any
) -> list[int]:
    if output_size is None:
        return usual
    space = list(output_size)[-len(usual) :]
    if len(output_size) not in (len(usual), len(usual) + 2):
        raise ValueError(
            f"{name}(): output_size should have {len(usual)} or {len(usual) + 2} entries, got "
            f"{tuple(output_size)}"
        )
    for wanted, n, step in zip(space, usual, stride, strict=True):
        if not n - step < wanted < n + step:
            raise ValueError(
                f"{name}(): invalid output_size {tuple(space)}: each must be within a stride "
                f"{tuple(stride)} of {tuple(usual)}"
            )
    return space


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
    "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]
# fmt: on
