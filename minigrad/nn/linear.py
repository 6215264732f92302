"""Linear and Identity."""

import math
from typing import Any

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor


class Identity(Module):
    """out = x, whatever the arguments of the constructor."""

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


def reset_uniform(weight: Tensor, bias: Tensor | None) -> None:
    """Draws both uniformly from +-1 / sqrt(fan_in), as Linear and the convolutions start."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    fan_in = init.fans(weight)[0]
    if bias is not None and fan_in > 0:
        init.uniform_(bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))
