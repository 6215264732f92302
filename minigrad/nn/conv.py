"""Convolutions in one to three dimensions, and the transposed ones."""

from collections.abc import Callable, Sequence
from typing import Any

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.linear import reset_uniform
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor

IntOrTuple = int | tuple[int, ...]


class _Conv(Module):
    """The arguments, weights and repr that the convolutions have in common."""

    n_spatial: int
    transposed = False
    function: Callable[..., Tensor]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple,
        padding: IntOrTuple | str,
        output_padding: IntOrTuple,
        dilation: IntOrTuple,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        self._check_channels(in_channels, out_channels, groups)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._each("kernel_size", kernel_size)
        self.stride = self._each("stride", stride)
        self.padding = self._check_padding(padding)
        self.output_padding = self._each("output_padding", output_padding)
        self.dilation = self._each("dilation", dilation)
        self.groups = groups
        self._check_padding_mode(padding_mode)
        self.padding_mode = padding_mode
        self.weight = Parameter(ops.empty(self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(ops.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    def _check_channels(self, in_channels: int, out_channels: int, groups: int) -> None:
        name = self._get_name()
        if groups <= 0:
            raise ValueError(f"{name}: groups must be a positive integer, got {groups}")
        for label, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name}: {label} {channels} must be divisible by groups {groups}")

    def _each(self, label: str, value: IntOrTuple) -> tuple[int, ...]:
        if isinstance(value, int):
            return (value,) * self.n_spatial
        if len(value) != self.n_spatial:
            raise ValueError(
                f"{self._get_name()}: {label} must be an int or {self.n_spatial} ints, got {value}"
            )
        return tuple(value)

    def _check_padding(self, padding: IntOrTuple | str) -> tuple[int, ...] | str:
        if not isinstance(padding, str):
            return self._each("padding", padding)
        if padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of 'same', 'valid' or integers"
            )
        if padding == "same" and any(step != 1 for step in self.stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
        return padding

    def _check_padding_mode(self, padding_mode: str) -> None:
        modes = ("zeros",) if self.transposed else ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in modes:
            raise ValueError(
                f"{self._get_name()}: padding_mode must be one of {', '.join(modes)}, got "
                f"{padding_mode!r}"
            )

    def reset_parameters(self) -> None:
        """Draws weight and bias uniformly from +-1 / sqrt(fan_in)."""
        reset_uniform(self.weight, self.bias)

    def extra_repr(self) -> str:
        n = self.n_spatial
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        if self.padding != (0,) * n:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * n:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * n:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Direct(_Conv):
    """What Conv1d, Conv2d and Conv3d share: all but the number of dimensions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple | str = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            x = F.pad(x, self._pad_widths(), self.padding_mode)
            padding = "valid"
        return self.function(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _pad_widths(self) -> list[int]:
        """The padding as F.pad wants it: both ends of the last dim first."""
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
        elif isinstance(self.padding, str):
            totals = [0] * self.n_spatial
        else:
            totals = [2 * n for n in self.padding]
        return [end for total in reversed(totals) for end in (total // 2, total - total // 2)]


class Conv1d(_Direct):
    """out[n, o, l] = b[o] + sum over i, k of w[o, i, k] x[n, i, stride l + dilation k - padding].

    x is (N, C_in, L) or (C_in, L); `padding` an int, "same" or "valid". Beyond its ends x is 0, or
    as `padding_mode` says: see functional.pad.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Conv1d(2, 4, 3)(minigrad.zeros(1, 2, 10)).shape
    minigrad.Size([1, 4, 8])
    """

    n_spatial = 1
    function = staticmethod(F.conv1d)


class Conv2d(_Direct):
    """out[n, o, p] = b[o] + sum over i, k of w[o, i, k] x[n, i, stride p + dilation k - padding].

    p and k are pairs. x is (N, C_in, H, W) or (C_in, H, W); `padding` an int, a pair, "same" or
    "valid", and `padding_mode` as for Conv1d.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Conv2d(3, 8, 3, padding=1)(minigrad.zeros(2, 3, 28, 28)).shape
    minigrad.Size([2, 8, 28, 28])
    """

    n_spatial = 2
    function = staticmethod(F.conv2d)


class Conv3d(_Direct):
    """Conv2d in three dimensions, for x (N, C_in, D, H, W) or (C_in, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Conv3d(1, 2, 3)(minigrad.zeros(4, 1, 8, 8, 8)).shape
    minigrad.Size([4, 2, 6, 6, 6])
    """

    n_spatial = 3
    function = staticmethod(F.conv3d)


class _Transposed(_Conv):
    """What ConvTranspose1d, ConvTranspose2d and ConvTranspose3d share."""

    transposed = True
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation,
            groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        output_padding = self.output_padding
        if output_size is not None:
            output_padding = self._padding_for(x, output_size)
        return self.function(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            output_padding,
            self.groups,
            self.dilation,
        )

    def _padding_for(self, x: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output_padding that makes the output `output_size`."""
        n = self.n_spatial
        wanted = tuple(output_size)[-n:]
        smallest = tuple(
            (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            for size, stride, padding, dilation, kernel in zip(
                x.shape[-n:],
                self.stride,
                self.padding,
                self.dilation,
                self.kernel_size,
                strict=True,
            )
        )
        largest = tuple(low + stride - 1 for low, stride in zip(smallest, self.stride, strict=True))
        if len(output_size) not in (n, x.ndim) or not all(
            low <= size <= high for low, size, high in zip(smallest, wanted, largest, strict=True)
        ):
            raise ValueError(
                f"{self._get_name()}: requested an output size of {tuple(output_size)}, but valid "
                f"sizes range from {smallest} to {largest} (for an input of {tuple(x.shape[-n:])})"
            )
        return tuple(size - low for size, low in zip(wanted, smallest, strict=True))


class ConvTranspose1d(_Transposed):
    """ConvTranspose2d in one dimension, for x (N, C_in, L) or (C_in, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConvTranspose1d(8, 3, 2, stride=2)(minigrad.zeros(2, 8, 14)).shape
    minigrad.Size([2, 3, 28])
    """

    n_spatial = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """The gradient of Conv2d with respect to its input, as a layer: it makes (C_in, H, W) larger.

    H_out = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1. Called
    with `output_size`, it chooses the output_padding that gives this; ValueError where none does.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConvTranspose2d(8, 3, 2, stride=2)(minigrad.zeros(2, 8, 14, 14)).shape
    minigrad.Size([2, 3, 28, 28])
    """

    n_spatial = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_Transposed):
    """ConvTranspose2d in three dimensions, for x (N, C_in, D, H, W) or (C_in, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConvTranspose3d(8, 3, 2, stride=2)(minigrad.zeros(2, 8, 4, 4, 4)).shape
    minigrad.Size([2, 3, 8, 8, 8])
    """

    n_spatial = 3
    function = staticmethod(F.conv_transpose3d)
