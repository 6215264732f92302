"""Images into other sizes: resampled, or with channels moved into space and back.

Resampling is linear and goes axis by axis: along one axis it is a matrix, (new size, old size),
whose row i has the weights of the old pixels in the new pixel i.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.ops import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    from_numpy,
)
from minigrad.tensor import Tensor

__all__ = ["channel_shuffle", "interpolate", "pixel_shuffle", "pixel_unshuffle", "upsample",
    "upsample_bilinear", "upsample_nearest",
]  # fmt: skip

_LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}  # and the spatial dims that each needs
_MODES = ("nearest", "nearest-exact", "area", *_LINEAR, "bicubic")
_AREA: dict[int, Callable[..., Tensor]] = {
    1: adaptive_avg_pool1d,
    2: adaptive_avg_pool2d,
    3: adaptive_avg_pool3d,
}


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """x (N, C, L), (N, C, H, W) or (N, C, D, H, W) resampled to `size`, or to floor(scale_factor *
    its size).

    `mode`: "nearest" and "nearest-exact" take the pixel at i * scale and (i + 1/2) * scale, rounded
    down; "linear", "bilinear", "trilinear" weigh two pixels an axis, "bicubic" four (Keys, 1981, a
    = -3/4); "area" averages. Pixels are squares, or with `align_corners` points, of which the first
    and the last stay where they are. scale is 1 / scale_factor where this is given, unless
    `recompute_scale_factor`, and old / new size elsewhere. `antialias` widens bilinear and bicubic
    weights when shrinking. ValueError and NotImplementedError for what does not go together.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> x = minigrad.tensor([[[0.0, 4.0]]])
    >>> F.interpolate(x, scale_factor=2)
    tensor([[[0., 0., 4., 4.]]])
    >>> F.interpolate(x, 4, mode="linear")
    tensor([[[0., 1., 3., 4.]]])
    """
    _check_mode(input, mode, align_corners, antialias)
    old = tuple(input.shape[2:])
    new, factors = _sizes(old, size, scale_factor)
    if size is not None and recompute_scale_factor:
        raise ValueError("interpolate: recompute_scale_factor is not meaningful with a size")
    if min(*old, *new) <= 0 or not input.shape[1]:
        raise RuntimeError(
            f"interpolate: Input and output sizes should be greater than 0, got {list(old)} to "
            f"{list(new)}, for input {tuple(input.shape)}"
        )
    if mode == "area":
        return _AREA[len(old)](input, new)
    scales = [
        n / m if factor is None or recompute_scale_factor else 1 / factor
        for n, m, factor in zip(old, new, factors, strict=True)
    ]
    x = input
    for axis, (n, m, scale) in enumerate(zip(old, new, scales, strict=True), 2):
        if mode.startswith("nearest"):
            x = _nearest(x, axis, m, scale, 0.5 if mode == "nearest-exact" else 0.0)
        elif align_corners or n != m or scale != 1:
            weights = _weights(n, m, scale, mode == "bicubic", bool(align_corners), antialias)
            x = _along(x, axis, weights)
    return x


def _nearest(x: Tensor, axis: int, m: int, scale: float, offset: float) -> Tensor:
    n = x.shape[axis]
    if m % n == 0 and scale == n / m:  # each pixel m / n times: a sum is the gradient, no scatter
        shape = (*x.shape[: axis + 1], m // n, *x.shape[axis + 1 :])
        return x.unsqueeze(axis + 1).expand(shape).flatten(axis, axis + 1)
    # In float32, as PyTorch, or rounding would choose another pixel.
    places = (np.arange(m, dtype=np.float32) + np.float32(offset)) * np.float32(scale)
    index = np.minimum(np.floor(places).astype(np.int64), n - 1)
    return x.index_select(axis, from_numpy(index).to(x.device))


def _along(x: Tensor, axis: int, weights: np.ndarray) -> Tensor:
    matrix = from_numpy(weights).to(x.device, x.dtype)
    if axis == x.ndim - 1:
        return x @ matrix.mT
    if axis == x.ndim - 2:
        return matrix @ x
    return (x.movedim(axis, -1) @ matrix.mT).movedim(-1, axis)


def _weights(
    n: int, m: int, scale: float, cubic: bool, align_corners: bool, antialias: bool
) -> np.ndarray:
    """The matrix (m, n) of one axis."""
    if align_corners:
        scale = (n - 1) / (m - 1) if m > 1 else 0.0
    pixels = np.arange(m, dtype=np.float64)[:, None]
    if antialias:
        width = max(scale, 1.0)
        distance = (np.arange(n) + 0.5 - (pixels + 0.5) * scale) / width
        out = _keys(distance, -0.5) if cubic else _triangle(distance)
        return out / out.sum(1, keepdims=True)
    centre = pixels * scale if align_corners else (pixels + 0.5) * scale - 0.5
    distance = np.arange(-2, n + 2) - centre
    wide = _keys(distance, -0.75) if cubic else _triangle(distance)
    # What is beyond the ends counts as the pixel at the end.
    out = wide[:, 2:-2].copy()
    out[:, 0] += wide[:, :2].sum(1)
    out[:, -1] += wide[:, -2:].sum(1)
    return out


def _triangle(d: np.ndarray) -> np.ndarray:
    return np.maximum(1.0 - np.abs(d), 0.0)


def _keys(d: np.ndarray, a: float) -> np.ndarray:
    """The cubic kernel: 1 at 0, 0 at the other integers, with slope a at 1."""
    d = np.abs(d)
    near = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    far = ((d - 5.0) * d + 8.0) * d - 4.0
    return np.where(d <= 1.0, near, np.where(d < 2.0, a * far, 0.0))


def _sizes(
    old: Sequence[int], size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], Sequence[float | None]]:
    """The new sizes, and the factors where they were given."""
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: only one of size or scale_factor should be defined, and one")
    given = scale_factor if size is None else size
    each = tuple(given) if isinstance(given, Sequence) else (given,) * len(old)
    if len(each) != len(old):
        raise ValueError(
            f"interpolate: the input has {len(old)} spatial dimensions, {list(old)}, and "
            f"{given} has {len(each)} entries"
        )
    if size is None:
        return tuple(int(n * factor) for n, factor in zip(old, each, strict=True)), each
    if not all(hasattr(n, "__index__") for n in each):
        raise TypeError(f"interpolate: size must be an int or ints, got {size}")
    return tuple(n.__index__() for n in each), [None] * len(each)


def _check_mode(x: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    dims = x.ndim - 2
    wanted = {**_LINEAR, "bicubic": 2}.get(mode, dims)
    if mode not in _MODES or dims not in (1, 2, 3) or dims != wanted:
        raise NotImplementedError(
            f"interpolate: mode {mode!r} is not there for {x.ndim}D input. There are nearest, "
            "nearest-exact and area for 3D to 5D, linear for 3D, bilinear and bicubic for 4D, "
            "trilinear for 5D"
        )
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(f"interpolate: align_corners has no meaning in mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError("interpolate: antialias is for bilinear and bicubic only")
    if not x.is_floating_point() and not mode.startswith("nearest"):
        raise NotImplementedError(
            f"interpolate: mode {mode!r} is not there for {x.dtype}; convert with .float()"
        )


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """interpolate, by an older name.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.upsample(minigrad.tensor([[[0.0, 4.0]]]), scale_factor=2)
    tensor([[[0., 0., 4., 4.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """interpolate with mode "nearest", by an older name.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.upsample_nearest(minigrad.tensor([[[0.0, 4.0]]]), scale_factor=2)
    tensor([[[0., 0., 4., 4.]]])
    """
    return interpolate(input, size, scale_factor)


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """interpolate with mode "bilinear" and `align_corners`, by an older name.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.upsample_bilinear(minigrad.tensor([[[[0.0, 4.0]]]]), (1, 3))
    tensor([[[[0., 2., 4.]]]])
    """
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels dealt out anew: with `groups` g, channel i of the C / g in group j, which is number
    j C / g + i, becomes number i g + j. RuntimeError unless g divides C.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.channel_shuffle(minigrad.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    if input.ndim < 3 or groups <= 0 or input.shape[1] % groups:
        raise RuntimeError(
            "channel_shuffle: input (N, C, ...) with more than 2 dims, C divisible by positive "
            f"groups, is needed, got {tuple(input.shape)} and {groups}"
        )
    return input.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Rearranges (..., C r^2, H, W) into (..., C, H r, W r), r the `upscale_factor`.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.pixel_shuffle(minigrad.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    if input.ndim < 3 or r <= 0 or input.shape[-3] % (r * r):
        raise RuntimeError(
            f"pixel_shuffle: expects input (..., C, H, W), its channels divisible by the square of "
            f"a positive upscale_factor, got {tuple(input.shape)} and {r}"
        )
    *lead, channels, height, width = input.shape
    x = input.reshape(math.prod(lead), channels // (r * r), r, r, height, width)
    x = x.permute(0, 1, 4, 2, 5, 3)
    return x.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of pixel_shuffle: (..., C, H r, W r) into (..., C r^2, H, W).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.pixel_unshuffle(minigrad.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    r = downscale_factor
    if input.ndim < 3 or r <= 0 or input.shape[-2] % r or input.shape[-1] % r:
        raise RuntimeError(
            f"pixel_unshuffle: expects input (..., C, H, W), its height and width divisible by a "
            f"positive downscale_factor, got {tuple(input.shape)} and {r}"
        )
    *lead, channels, height, width = input.shape
    x = input.reshape(math.prod(lead), channels, height // r, r, width // r, r)
    x = x.permute(0, 1, 3, 5, 2, 4)
    return x.reshape(*lead, channels * r * r, height // r, width // r)
