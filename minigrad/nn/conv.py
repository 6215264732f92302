"""Convolutions: Conv1d, Conv2d, ConvTranspose2d."""

from collections.abc import Sequence
from typing import Any

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.linear import reset_uniform
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor

IntOrPair = int | tuple[int, ...]


class _Conv(Module):
    """The arguments, weights and repr that the convolutions have in common."""

    n_spatial: int
    transposed = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair,
        padding: IntOrPair | str,
        output_padding: IntOrPair,
        dilation: IntOrPair,
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
        rows, columns = (out_channels, in_channels // groups)
        if self.transposed:
            rows, columns = (in_channels, out_channels // groups)
        self.weight = Parameter(
            ops.empty(rows, columns, *self.kernel_size, device=device, dtype=dtype)
        )
        if bias:
            self.bias = Parameter(ops.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check_channels(self, in_channels: int, out_channels: int, groups: int) -> None:
        name = self._get_name()
        if groups <= 0:
            raise ValueError(f"{name}: groups must be a positive integer, got {groups}")
        for label, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name}: {label} {channels} must be divisible by groups {groups}")

    def _each(self, label: str, value: IntOrPair) -> tuple[int, ...]:
        if isinstance(value, int):
            return (value,) * self.n_spatial
        if len(value) != self.n_spatial:
            raise ValueError(
                f"{self._get_name()}: {label} must be an int or {self.n_spatial} ints, got {value}"
            )
        return tuple(value)

    def _check_padding(self, padding: IntOrPair | str) -> tuple[int, ...] | str:
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
        if padding_mode == "zeros":
            return
        if padding_mode not in ("reflect", "replicate", "circular") or self.transposed:
            raise ValueError(
                f"{self._get_name()}: padding_mode {padding_mode!r} is not one there is; use "
                "'zeros'"
            )
        raise NotImplementedError(
            f"{self._get_name()}: padding_mode {padding_mode!r} is not there yet; use 'zeros'"
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
        return ", ".join(parts)


class Conv1d(_Conv):
    """out[n, o, l] = b[o] + sum over i, k of w[o, i, k] x[n, i, stride l + dilation k - padding].

    x is (N, C_in, L) or (C_in, L); `padding` an int, "same" or "valid".

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Conv1d(2, 4, 3)(minigrad.zeros(1, 2, 10)).shape
    minigrad.Size([1, 4, 8])
    """

    n_spatial = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair | str = 0,
        dilation: IntOrPair = 1,
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
        return F.conv1d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class Conv2d(_Conv):
    """out[n, o, p] = b[o] + sum over i, k of w[o, i, k] x[n, i, stride p + dilation k - padding].

    p and k are pairs. x is (N, C_in, H, W) or (C_in, H, W); `padding` an int, a pair, "same" or
    "valid".

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Conv2d(3, 8, 3, padding=1)(minigrad.zeros(2, 3, 28, 28)).shape
    minigrad.Size([2, 8, 28, 28])
    """

    n_spatial = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair | str = 0,
        dilation: IntOrPair = 1,
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
        return F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class ConvTranspose2d(_Conv):
    """The gradient of Conv2d with respect to its input, as a layer: it makes (C_in, H, W) larger.

    H_out = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConvTranspose2d(8, 3, 2, stride=2)(minigrad.zeros(2, 8, 14, 14)).shape
    minigrad.Size([2, 3, 28, 28])
    """

    n_spatial = 2
    transposed = True
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        output_padding: IntOrPair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrPair = 1,
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
        return F.conv_transpose2d(
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
        wanted = tuple(output_size)[-2:]
        smallest = tuple(
            (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            for size, stride, padding, dilation, kernel in zip(
                x.shape[-2:],
                self.stride,
                self.padding,
                self.dilation,
                self.kernel_size,
                strict=True,
            )
        )
        largest = tuple(low + stride - 1 for low, stride in zip(smallest, self.stride, strict=True))
        if len(wanted) != 2 or not all(
            low <= size <= high for low, size, high in zip(smallest, wanted, largest, strict=True)
        ):
            raise ValueError(
                f"ConvTranspose2d: requested an output size of {wanted}, but valid sizes range "
                f"from {smallest} to {largest} (for an input of {tuple(x.shape[-2:])})"
            )
        return tuple(size - low for size, low in zip(wanted, smallest, strict=True))
