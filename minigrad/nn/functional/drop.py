"""Dropout of whole channels; dropout itself is an op."""

from minigrad import ops
from minigrad.ops import dropout
from minigrad.tensor import Tensor

__all__ = [
    "dropout1d", "dropout2d",
]  # fmt: skip


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels of x (N, C, L) or (C, L), as dropout2d.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> sums = F.dropout1d(minigrad.ones(1, 3, 4)).sum(2)
    >>> bool(((sums == 0) | (sums == 8)).all())
    True
    """
    return _dropout_channels("dropout1d", input, p, training, inplace, 1)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Sets channels of x (N, C, H, W) or (C, H, W) to 0 with probability p, others to x / (1 - p).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.dropout2d(minigrad.ones(1, 2, 1, 1), training=False).flatten()
    tensor([1., 1.])
    """
    return _dropout_channels("dropout2d", input, p, training, inplace, 2)


def _dropout_channels(
    op: str, input: Tensor, p: float, training: bool, inplace: bool, n_spatial: int
) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{op}: dropout probability has to be between 0 and 1, but got {p}")
    if input.ndim not in (n_spatial + 1, n_spatial + 2):
        raise RuntimeError(
            f"{op}: expected {n_spatial + 1} or {n_spatial + 2} dimensions (with channels, perhaps "
            f"with a batch), got shape {tuple(input.shape)}"
        )
    channels = input.shape[: input.ndim - n_spatial]
    kept = dropout(input.new_ones((*channels, *[1] * n_spatial)), p, training)
    return ops.overwriting(inplace, ops.mul, input, kept)
