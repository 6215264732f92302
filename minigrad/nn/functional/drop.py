"""Dropout of whole channels, and for self-normalising networks; dropout itself is an op."""

import math

from minigrad import ops
from minigrad.nn.functional.activation import SELU_ALPHA, SELU_SCALE
from minigrad.ops import dropout
from minigrad.tensor import Tensor

__all__ = ["alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]


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


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels of x (N, C, D, H, W) or (C, D, H, W), as dropout2d.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.dropout3d(minigrad.ones(1, 2, 1, 1, 1), training=False).flatten()
    tensor([1., 1.])
    """
    return _dropout_channels("dropout3d", input, p, training, inplace, 3)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """a y + b, where y is x, or with probability p the limit -1.7581 of selu far below 0; a and b
    keep mean 0 and variance 1 (Klambauer et al., 2017).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> x = F.alpha_dropout(minigrad.randn(10000), 0.5, training=True)
    >>> round(x.mean().item(), 1), round(x.std().item(), 1)
    (0.0, 1.0)
    """
    return _alpha_dropout("alpha_dropout", input, input, p, training, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """alpha_dropout of whole channels of x (N, C, ...).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.feature_alpha_dropout(minigrad.zeros(8, 8, 5), training=True).std(2).max()
    tensor(0.)
    """
    if input.ndim < 2 and training and p:
        raise RuntimeError(
            "feature_alpha_dropout: Feature dropout requires at least 2 dimensions in the input, "
            f"got {tuple(input.shape)}"
        )
    channels = input[(slice(None), slice(None), *[slice(0, 1)] * (input.ndim - 2))[: input.ndim]]
    return _alpha_dropout("feature_alpha_dropout", input, channels, p, training, inplace)


def _alpha_dropout(
    op: str, x: Tensor, per_mask: Tensor, p: float, training: bool, inplace: bool
) -> Tensor:
    """One decision for each element of `per_mask`."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{op}: dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or not x.numel():
        return x
    if p == 1:
        return ops.overwriting(inplace, lambda x: x * 0.0, x)
    low = -SELU_ALPHA * SELU_SCALE
    a = 1.0 / math.sqrt((low * low * p + 1.0) * (1.0 - p))
    kept = ops.rand_like(per_mask.detach()) >= p
    return ops.overwriting(inplace, lambda x: ops.where(kept, x, low) * a - a * low * p, x)


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
