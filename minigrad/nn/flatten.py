"""Flatten and Unflatten: changes of shape as layers."""

from collections.abc import Sequence

from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class Flatten(Module):
    """Makes the dims from start_dim to end_dim one; with the defaults, all but the batch's.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Flatten()(minigrad.zeros(2, 3, 4)).shape
    minigrad.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Makes the dim `dim` several, with sizes `unflattened_size`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Unflatten(1, (3, 4))(minigrad.zeros(2, 12)).shape
    minigrad.Size([2, 3, 4])
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not all(isinstance(size, int) for size in unflattened_size):
            raise TypeError(f"Unflatten: unflattened_size must be ints, got {unflattened_size}")
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
