"""Images looked at through a grid of points: spatial transformers (Jaderberg et al., 2015)."""

import itertools
from collections.abc import Sequence

from minigrad import ops
from minigrad.dtype import bool_, int64
from minigrad.tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

_CUBIC = -0.75


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points A p + b for all points p of an image of `size`, with theta = [A | b].

    theta is (N, 2, 3) with size (N, C, H, W), or (N, 3, 4) with (N, C, D, H, W); the result
    (N, H, W, 2) or (N, D, H, W, 3), the coordinate along the width first. -1 and 1 are the edges of
    the image, or with `align_corners` the middles of its first and last pixels. ValueError for
    other shapes.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> theta = minigrad.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> F.affine_grid(theta, (1, 1, 1, 2))
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    if not theta.is_floating_point():
        raise ValueError(f"affine_grid: Expected theta of floating-point type, got {theta.dtype}")
    d = len(size) - 2
    if d not in (2, 3) or theta.shape != (size[0], d, d + 1) or min(size) <= 0:
        raise ValueError(
            "affine_grid: theta (N, 2, 3) with a size (N, C, H, W), or (N, 3, 4) with (N, C, D, H, "
            f"W), is needed, got {tuple(theta.shape)} and {tuple(size)}"
        )
    axes = [_middles(theta, n, bool(align_corners)) for n in size[2:]]
    points = [x.flatten() for x in ops.meshgrid(*axes, indexing="ij")][::-1]
    rows = ops.stack([*points, ops.ones_like(points[0])], 1)
    return (rows @ theta.mT).unflatten(1, tuple(size[2:]))


def _middles(like: Tensor, n: int, align_corners: bool) -> Tensor:
    """Where the n pixels of an axis are."""
    i = ops.arange(n, dtype=like.dtype, device=like.device)
    if align_corners:
        return i * (2.0 / (n - 1)) - 1.0 if n > 1 else i
    return (i * 2.0 + 1.0) / n - 1.0


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """out[n, :, p] = input[n, :, at the point grid[n, p]].

    input is (N, C, H, W) with grid (N, H', W', 2), or (N, C, D, H, W) with (N, D', H', W', 3);
    points are those of affine_grid. `mode`: "bilinear" weighs the pixels around (in three
    dimensions as well), "nearest" takes one, "bicubic" weighs 16 (in two dimensions). Beyond the
    image there are "zeros", or as `padding_mode` says "border" pixels, or its "reflection".
    ValueError and RuntimeError for what does not go together.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> x = minigrad.tensor([[[[1.0, 3.0]]]])
    >>> F.grid_sample(x, minigrad.tensor([[[[0.0, 0.0], [0.5, 0.0]]]]))
    tensor([[[[2., 3.]]]])
    """
    _check(input, grid, mode, padding_mode)
    space = tuple(input.shape[2:])
    places = [
        _unnormed(grid[..., -1 - axis], n, bool(align_corners)) for axis, n in enumerate(space)
    ]
    look = _Lookup(input, padding_mode, bool(align_corners))
    if mode == "bicubic":
        taps = [_cubic_taps(place) for place in places]
    else:
        places = [look.inside(p, n) for p, n in zip(places, space, strict=True)]
        taps = [_linear_taps(place) for place in places]
    if mode == "nearest":
        return look.at([place.round() for place in places])
    # The pixels around a point are all pairs of those along each axis.
    terms = []
    for corner in itertools.product(*taps):
        weight = corner[0][1]
        for _, factor in corner[1:]:
            weight = weight * factor
        pixels = [pixel for pixel, _ in corner]
        if mode == "bicubic":
            pixels = [look.inside(p, n) for p, n in zip(pixels, space, strict=True)]
        terms.append(look.at(pixels) * weight.unsqueeze(1))
    return sum(terms[1:], terms[0])


def _unnormed(x: Tensor, n: int, align_corners: bool) -> Tensor:
    """From -1 to 1 to the number of a pixel."""
    return (x + 1.0) * ((n - 1) / 2) if align_corners else ((x + 1.0) * n - 1.0) / 2


def _linear_taps(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The two pixels beside x, and their weights."""
    low = x.detach().floor()
    return [(low, low + 1.0 - x), (low + 1.0, x - low)]


def _cubic_taps(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The four pixels around x, and their weights (Keys, 1981)."""
    low = x.detach().floor()
    taps = []
    for offset in (-1.0, 0.0, 1.0, 2.0):
        d = (x - (low + offset)).abs()
        if offset in (0.0, 1.0):
            weight = ((_CUBIC + 2.0) * d - (_CUBIC + 3.0)) * d * d + 1.0
        else:
            weight = (((d - 5.0) * d + 8.0) * d - 4.0) * _CUBIC
        taps.append((low + offset, weight))
    return taps


class _Lookup:
    """The pixels of images, also of those beyond their edges."""

    def __init__(self, image: Tensor, padding_mode: str, align_corners: bool) -> None:
        self.space = tuple(image.shape[2:])
        self.flat = image.flatten(2)
        self.padding_mode = padding_mode
        self.align_corners = align_corners

    def inside(self, x: Tensor, n: int) -> Tensor:
        """Where the image has what is to be seen at x; with zeros around, x itself."""
        if self.padding_mode == "zeros":
            return x
        if self.padding_mode == "reflection":
            low, span = (0.0, n - 1.0) if self.align_corners else (-0.5, float(n))
            if span == 0:
                return x * 0.0
            away = (x - low).abs()
            turns = (away.detach() / span).floor()
            rest = away - turns * span
            x = ops.where(turns % 2 == 0, rest, span - rest) + low
        return x.clamp(0, n - 1)

    def at(self, pixels: list[Tensor]) -> Tensor:
        """(N, C, *points): the pixels of these numbers, 0 beyond the image."""
        index = ops.zeros_like(pixels[0], dtype=int64)
        exists = ops.ones_like(index, dtype=bool_)
        for x, n in zip(pixels, self.space, strict=True):
            exists = exists & (x >= 0) & (x <= n - 1)
            index = index * n + x.detach().clamp(0, n - 1).to(int64)
        points = tuple(index.shape[1:])
        index = ops.where(exists, index, 0).flatten(1).unsqueeze(1)
        index = index.expand(-1, self.flat.shape[1], -1)
        found = self.flat.gather(2, index).unflatten(2, points)
        return ops.where(exists.unsqueeze(1), found, 0.0)


def _check(x: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"grid_sample: mode {mode!r} is not bilinear, nearest or bicubic")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"grid_sample: padding_mode {padding_mode!r} is not zeros, border or reflection"
        )
    d = x.ndim - 2
    fits = grid.ndim == x.ndim and grid.shape[0] == x.shape[0] and grid.shape[-1] == d
    if d not in (2, 3) or not fits or 0 in x.shape[2:] or x.dtype != grid.dtype:
        raise RuntimeError(
            "grid_sample: input (N, C, H, W) and grid (N, H', W', 2), or (N, C, D, H, W) and (N, "
            f"D', H', W', 3), of one type are needed, got {x.dtype} {tuple(x.shape)} and "
            f"{grid.dtype} {tuple(grid.shape)}"
        )
    if mode == "bicubic" and d != 2:
        raise RuntimeError("grid_sample: bicubic is there for 4D input only")
