"""Variable: what tensors with gradients were called before PyTorch 0.4."""

from __future__ import annotations

from typing import Any

from minigrad.autograd import broadcast
from minigrad.tensor import Tensor


class _IsTensor(type):
    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tensor)

    def __call__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:
        if data.node is not None:
            return broadcast.alias(data)
        return data.detach().requires_grad_(requires_grad)


class Variable(metaclass=_IsTensor):
    """Variable(x): x itself, as a tensor of its own; old programs wrap what they differentiate.

    >>> import minigrad
    >>> x = minigrad.autograd.Variable(minigrad.ones(2), requires_grad=True)
    >>> x.requires_grad, isinstance(x, minigrad.autograd.Variable)
    (True, True)
    """
