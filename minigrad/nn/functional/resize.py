"""Images into other sizes."""

import math

from minigrad.tensor import Tensor

__all__ = [
    "pixel_shuffle", "pixel_unshuffle",
]  # fmt: skip


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
