"""Pooling: one number for each window, with windows in one to three dimensions."""

from collections.abc import Callable, Sequence
from typing import Any

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor

IntOrTuple = int | tuple[int, ...]
Sizes = int | tuple[int | None, ...] | None


def _each(value: IntOrTuple, n: int) -> tuple[int, ...]:
    return (value,) * n if isinstance(value, int) else tuple(value)


class _MaxPool(Module):
    function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        dilation: IntOrTuple = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Any:
        return self.function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """MaxPool2d in one dimension, for x (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MaxPool1d(2)(minigrad.tensor([[1.0, 3.0, 2.0, 5.0]]))
    tensor([[3., 5.]])
    """

    function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """out[..., h, w] = the largest x in the window at stride (h, w) - padding, for x (N, C, H, W)
    or (C, H, W).

    The stride is the size of the window if None. With `return_indices` out is a pair, of the
    maxima and of their positions in the plane.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MaxPool2d(2)(minigrad.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """

    function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """MaxPool2d in three dimensions, for x (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MaxPool3d(2)(minigrad.arange(16.0).reshape(1, 2, 2, 4))
    tensor([[[[13., 15.]]]])
    """

    function = staticmethod(F.max_pool3d)


class _MaxUnpool(Module):
    function: Callable[..., Tensor]
    n_spatial: int

    def __init__(
        self, kernel_size: IntOrTuple, stride: IntOrTuple | None = None, padding: IntOrTuple = 0
    ) -> None:
        super().__init__()
        n = self.n_spatial
        self.kernel_size = _each(kernel_size, n)
        self.stride = self.kernel_size if stride is None else _each(stride, n)
        self.padding = _each(padding, n)

    def forward(
        self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        return self.function(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """MaxUnpool2d in one dimension.

    >>> import minigrad
    >>> from minigrad import nn
    >>> values, places = nn.MaxPool1d(2, return_indices=True)(minigrad.tensor([[1.0, 3.0]]))
    >>> nn.MaxUnpool1d(2)(values, places)
    tensor([[0., 3.]])
    """

    n_spatial = 1
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """The maxima that MaxPool2d found, back at their places, with zeros around.

    Called with the maxima, their indices, and `output_size` where several sizes are possible. See
    functional.max_unpool2d.

    >>> import minigrad
    >>> from minigrad import nn
    >>> pool = nn.MaxPool2d(2, return_indices=True)
    >>> nn.MaxUnpool2d(2)(*pool(minigrad.arange(4.0).reshape(1, 2, 2)))
    tensor([[[0., 0.],
             [0., 3.]]])
    """

    n_spatial = 2
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """MaxUnpool2d in three dimensions.

    >>> import minigrad
    >>> from minigrad import nn
    >>> pool = nn.MaxPool3d(2, return_indices=True)
    >>> nn.MaxUnpool3d(2)(*pool(minigrad.arange(8.0).reshape(1, 2, 2, 2))).sum()
    tensor(7.)
    """

    n_spatial = 3
    function = staticmethod(F.max_unpool3d)


class AvgPool1d(Module):
    """out[..., l] = the mean of x in the window at stride l - padding, for x (N, C, L) or (C, L).

    The stride is the size of the window if None.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AvgPool1d(2)(minigrad.tensor([[1.0, 3.0, 2.0, 5.0]]))
    tensor([[2.0000, 3.5000]])
    """

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _each(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _each(stride, 1)
        self.padding = _each(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool1d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """AvgPool2d and AvgPool3d; in one dimension PyTorch has no divisor_override."""

    function: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        return self.function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """out[..., h, w] = the mean of x in the window at stride (h, w) - padding, for x (N, C, H, W)
    or (C, H, W).

    The stride is the size of the window if None. See functional.avg_pool2d for the count.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AvgPool2d(2)(minigrad.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """

    function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """AvgPool2d in three dimensions, for x (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AvgPool3d(2)(minigrad.arange(16.0).reshape(1, 2, 2, 4))
    tensor([[[[6.5000, 8.5000]]]])
    """

    function = staticmethod(F.avg_pool3d)


class _FractionalMaxPool(Module):
    function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: IntOrTuple,
        output_size: IntOrTuple | None = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name}: give one of output_size and output_ratio")
        ratios = output_ratio if isinstance(output_ratio, tuple | list) else (output_ratio,)
        if output_ratio is not None and not all(0 < ratio < 1 for ratio in ratios):
            raise ValueError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")
        self.kernel_size = kernel_size
        self.output_size = output_size
        self.output_ratio = output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, x: Tensor) -> Any:
        return self.function(
            x,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest elements of windows at random distances, `output_size` of them or `output_ratio`
    times (H, W), for x (N, C, H, W) or (C, H, W): see functional.fractional_max_pool2d.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.FractionalMaxPool2d(2, output_ratio=0.7)(minigrad.ones(1, 10, 10)).shape
    minigrad.Size([1, 7, 7])
    """

    function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """FractionalMaxPool2d in three dimensions, for x (N, C, T, H, W) or (C, T, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.FractionalMaxPool3d(2, output_size=3)(minigrad.ones(1, 5, 5, 5)).shape
    minigrad.Size([1, 3, 3, 3])
    """

    function = staticmethod(F.fractional_max_pool3d)


class _LPPool(Module):
    function: Callable[..., Tensor]

    def __init__(
        self,
        norm_type: float,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return self.function(
            x, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(sum of x^p over each window)^(1 / p), p the `norm_type`, for x (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LPPool1d(2, 2)(minigrad.tensor([[3.0, 4.0, 6.0, 8.0]]))
    tensor([[ 5., 10.]])
    """

    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """LPPool1d with windows in x (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LPPool2d(2, 2)(minigrad.ones(1, 2, 2))
    tensor([[[2.]]])
    """

    function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """LPPool1d with windows in x (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LPPool3d(3, 2)(minigrad.ones(1, 2, 2, 2))
    tensor([[[[2.]]]])
    """

    function = staticmethod(F.lp_pool3d)


class _AdaptiveAvgPool(Module):
    function: Callable[..., Tensor]

    def __init__(self, output_size: Sizes) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """AdaptiveAvgPool2d in one dimension, for x (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveAvgPool1d(3)(minigrad.arange(6.0).reshape(1, 6))
    tensor([[0.5000, 2.5000, 4.5000]])
    """

    function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Averages over windows such that the output has `output_size`; None keeps a size.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveAvgPool2d(1)(minigrad.arange(16.0).reshape(1, 4, 4))
    tensor([[[7.5000]]])
    """

    function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """AdaptiveAvgPool2d in three dimensions, for x (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveAvgPool3d(1)(minigrad.arange(16.0).reshape(1, 2, 2, 4))
    tensor([[[[7.5000]]]])
    """

    function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(Module):
    function: Callable[..., Any]

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        return self.function(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """AdaptiveMaxPool2d in one dimension, for x (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveMaxPool1d(3)(minigrad.arange(6.0).reshape(1, 6))
    tensor([[1., 3., 5.]])
    """

    function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest x of each window, with the windows of AdaptiveAvgPool2d. With `return_indices`
    also the positions of these in the plane.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveMaxPool2d((1, None))(minigrad.arange(6.0).reshape(1, 2, 3))
    tensor([[[3., 4., 5.]]])
    """

    function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """AdaptiveMaxPool2d in three dimensions, for x (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveMaxPool3d(1)(minigrad.arange(16.0).reshape(1, 2, 2, 4))
    tensor([[[[15.]]]])
    """

    function = staticmethod(F.adaptive_max_pool3d)
