"""Windows of images as columns, and back: Unfold, Fold."""

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor

IntOrTuple = int | tuple[int, ...]


class Unfold(Module):
    """The windows of x (N, C, H, W) as columns, (N, C * KH * KW, positions): see functional.unfold.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Unfold(2)(minigrad.zeros(1, 3, 4, 5)).shape
    minigrad.Size([1, 12, 12])
    """

    def __init__(
        self,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """The adjoint of Unfold: columns (N, C * KH * KW, positions) into (N, C, *output_size), where
    windows that overlap add up.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Fold((4, 5), 2)(minigrad.zeros(1, 12, 12)).shape
    minigrad.Size([1, 3, 4, 5])
    """

    def __init__(
        self,
        output_size: IntOrTuple,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.fold(
            x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
