"""Channels into space and back, PixelShuffle, PixelUnshuffle, and in another order,
ChannelShuffle.
"""

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class PixelShuffle(Module):
    """Rearranges (..., C r^2, H, W) into (..., C, H r, W r), r the `upscale_factor`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.PixelShuffle(2)(minigrad.zeros(1, 8, 3, 4)).shape
    minigrad.Size([1, 2, 6, 8])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The inverse of PixelShuffle.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.PixelUnshuffle(2)(minigrad.zeros(1, 2, 6, 8)).shape
    minigrad.Size([1, 8, 3, 4])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels dealt out anew, so that each of the `groups` has some of all: see
    functional.channel_shuffle.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ChannelShuffle(2)(minigrad.arange(4.0).reshape(1, 4, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return F.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
