"""Linear, Bilinear and Identity."""

import math
from typing import Any

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor


class Identity(Module):
    """out = x, whatever the arguments of the constructor.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Identity(54, unused=True)(minigrad.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        return x


class Linear(Module):
    """out = x W^T + b for x (..., in_features), W (out_features, in_features), b (out_features).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Linear(3, 5)(minigrad.zeros(2, 3)).shape
    minigrad.Size([2, 5])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(ops.empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(ops.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias uniformly from +-1 / sqrt(in_features)."""
        reset_uniform(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )

    def _describe(self) -> str:
        return f"{self._get_name()}({self.in_features} -> {self.out_features})"


class Bilinear(Module):
    """out[o] = sum over i, j of x[i] W[o, i, j] y[j] + b[o], for x (..., in1_features) and
    y (..., in2_features).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Bilinear(2, 3, 4)(minigrad.zeros(5, 2), minigrad.zeros(5, 3)).shape
    minigrad.Size([5, 4])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"Bilinear: in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(ops.empty(shape, device=device, dtype=dtype))
        values = ops.empty(out_features, device=device, dtype=dtype)
        self.register_parameter("bias", Parameter(values) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias uniformly from +-1 / sqrt(in1_features)."""
        bound = 1 / math.sqrt(self.in1_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


def reset_uniform(weight: Tensor, bias: Tensor | None) -> None:
    """Draws both uniformly from +-1 / sqrt(fan_in), as Linear and the convolutions start."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    fan_in = init.fans(weight)[0]
    if bias is not None and fan_in > 0:
        init.uniform_(bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))
