"""Fractional max pooling: windows at random distances, so that a plane shrinks by any ratio
(Graham, 2014).

With n places and a window of k, o windows begin at floor((i + u) a) - floor(u a) for i = 0 ...
o - 2, and at n - k, where a = (n - k) / (o - 1) and u is random: their distances are floor(a) and
ceil(a), in an order that u chooses, one for each channel of each example and each dimension.
"""

from collections.abc import Sequence
from typing import Any

from minigrad import ops
from minigrad.dtype import int64
from minigrad.tensor import Tensor

__all__ = ["fractional_max_pool2d", "fractional_max_pool3d"]


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest element of each of `output_size` windows, at random distances; or of
    `output_ratio` times (H, W) windows. See the head of this file.

    x is (N, C, H, W) or (C, H, W); sizes and ratios are a number or one for each dimension. With
    `return_indices` also where in the plane the elements are. ValueError unless the size or the
    ratio is given, RuntimeError for windows that do not fit.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.fractional_max_pool2d(minigrad.arange(9.0).reshape(1, 3, 3), 2, output_size=2)
    tensor([[[4., 5.],
             [7., 8.]]])
    """
    return _fractional(
        "fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, return_indices,
        _random_samples,
    )  # fmt: skip


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """fractional_max_pool2d in three dimensions, for x (N, C, T, H, W) or (C, T, H, W).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.fractional_max_pool3d(minigrad.arange(8.0).reshape(1, 2, 2, 2), 1, output_size=(1, 1, 2))
    tensor([[[[6., 7.]]]])
    """
    return _fractional(
        "fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, return_indices,
        _random_samples,
    )  # fmt: skip


def _fractional(
    name: str, d: int, x: Tensor, size: Any, output: Any, ratio: Any, return_indices: bool,
    samples: Tensor | None,
) -> Any:  # fmt: skip
    if x.dim() not in (d + 1, d + 2) or 0 in x.shape[1:]:
        raise RuntimeError(
            f"{name}: Expected {d + 1}D or {d + 2}D tensor with non-zero channel and spatial "
            f"sizes, got {tuple(x.shape)}"
        )
    space, kernel = tuple(x.shape[-d:]), _each(name, size, d)
    if output is None:
        if ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        shares = _each(name, ratio, d)
        output = [int(n * share) for n, share in zip(space, shares, strict=True)]
    counts = [int(n) for n in _each(name, output, d)]
    for n, k, count in zip(space, kernel, counts, strict=True):
        if k < 1 or count < 1 or count + k - 1 > n:
            raise RuntimeError(f"{name}: {count} windows of {k} do not fit in a dimension of {n}")
    batched = x if x.dim() == d + 2 else x.unsqueeze(0)
    if samples is None:
        samples = ops.rand(*batched.shape[:2], d, dtype=x.dtype, device=x.device)
    if d == 2:
        samples = samples.flip(-1)  # the first number is that of the width there
    values, indices = _largest(batched, samples.to(x.dtype), space, kernel, counts)
    if batched is not x:
        values, indices = values.squeeze(0), indices.squeeze(0)
    return (values, indices) if return_indices else values


def _largest(
    x: Tensor, samples: Tensor, space: tuple[int, ...], kernel: Sequence[int], counts: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """The largest elements of the windows (N, C, *counts), and where in the plane they are."""
    d = len(space)
    place = ops.zeros((), dtype=int64, device=x.device)
    for i, (n, k, count) in enumerate(zip(space, kernel, counts, strict=True)):
        starts = _starts(samples[..., i], n, k, count)
        windows = starts.unsqueeze(-1) + ops.arange(k, device=x.device)
        shape = [1] * (2 * d)
        shape[i], shape[d + i] = count, k
        place = place * n + windows.reshape(*x.shape[:2], *shape)
    place = place.flatten(2 + d)
    flat = x.flatten(2).gather(2, place.flatten(2)).reshape(place.shape)
    values, at = flat.max(-1)
    return values, place.gather(-1, at.unsqueeze(-1)).squeeze(-1)


def _starts(u: Tensor, n: int, k: int, count: int) -> Tensor:
    """(N, C, count): where the windows along a dimension begin."""
    last = ops.full((*u.shape, 1), n - k, dtype=int64, device=u.device)
    if count == 1:
        return last
    u, alpha = u.unsqueeze(-1), (n - k) / (count - 1)
    i = ops.arange(count - 1, dtype=u.dtype, device=u.device)
    return ops.cat([((i + u) * alpha).long() - (u * alpha).long(), last], -1)


def _each(name: str, value: Any, d: int) -> tuple[Any, ...]:
    found = tuple(value) if isinstance(value, Sequence) else (value,) * d
    if len(found) != d:
        raise RuntimeError(f"{name}: {d} sizes are needed, got {value!r}")
    return found
