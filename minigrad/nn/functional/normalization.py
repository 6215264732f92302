"""Normalisation beyond layer_norm and batch_norm, which are ops."""

import math
from collections.abc import Sequence

from minigrad.dtype import finfo
from minigrad.ops import batch_norm, layer_norm, pad
from minigrad.tensor import Tensor

__all__ = [
    "group_norm", "instance_norm", "rms_norm", "local_response_norm",
]  # fmt: skip


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x * weight + bias, channel by channel (dim 1)."""
    channel = (-1, *[1] * (x.ndim - 2))
    x = x if weight is None else x * weight.reshape(channel)
    return x if bias is None else x + bias.reshape(channel)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over each group of channels of each sample.

    x is (N, C, ...), weight and bias (C,). RuntimeError when `num_groups` does not divide C.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.group_norm(minigrad.tensor([[1.0, 3.0, 2.0, 6.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"group_norm: Expected at least 2 dimensions, got {tuple(input.shape)}")
    channels = input.shape[1]
    if num_groups <= 0 or channels % num_groups:
        raise RuntimeError(
            "group_norm: Expected number of channels in input to be divisible by num_groups, but "
            f"got input of shape {tuple(input.shape)} and num_groups={num_groups}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != (channels,):
            raise RuntimeError(
                f"group_norm: Expected {name} to be a vector of size equal to the number of "
                f"channels {channels}, but got {tuple(t.shape)}"
            )
    size = input.numel() // max(input.shape[0] * num_groups, 1)
    rows = input.reshape(input.shape[0] * num_groups, size)
    return _scaled(layer_norm(rows, (size,), eps=eps).reshape(input.shape), weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over each channel of each sample of (N, C, ...).

    Running statistics, where given, move to the means over the batch; without `use_input_stats`
    they are used instead. ValueError for one value a channel.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.instance_norm(minigrad.tensor([[[1.0, 3.0], [2.0, 6.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    space = tuple(input.shape[2:])
    size = math.prod(space)
    if size == 1:
        raise ValueError(
            "instance_norm: Expected more than 1 spatial element when training, got input size "
            f"{tuple(input.shape)}"
        )
    if running_mean is not None and running_var is not None:
        rows = input.detach().flatten(2)
        running_mean.lerp_(rows.mean((0, 2)), momentum)
        running_var.lerp_(rows.var(2).mean(0), momentum)
    return _scaled(layer_norm(input, space, eps=eps), weight, bias)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dims, of `normalized_shape`.

    eps is that of the type unless given. RuntimeError when x ends in another shape.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.rms_norm(minigrad.tensor([3.0, 3.0]), (2,))
    tensor([1., 1.])
    """
    shape = tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"rms_norm: Given normalized_shape={list(shape)}, expected an input that ends in it, "
            f"but got input of shape {tuple(input.shape)}"
        )
    eps = finfo(input.dtype).eps if eps is None else eps
    square = input.square().mean(tuple(range(-len(shape), 0)), keepdim=True)
    out = input * (square + eps).rsqrt()
    return out if weight is None else out * weight


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta, zeros beyond the ends.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.local_response_norm(minigrad.ones(1, 2, 1), 2, alpha=2.0, beta=1.0).flatten()
    tensor([0.5000, 0.3333])
    """
    if input.ndim < 3:
        raise ValueError(
            "local_response_norm: Expected 3D or higher dimensionality input (got "
            f"{input.ndim} dimensions)"
        )
    if not input.numel():
        return input
    before = [0, 0] * (input.ndim - 2)
    squares = pad(input.square(), (*before, size // 2, (size - 1) // 2))
    windows = squares.unfold(1, size, 1)
    mean = windows.mean(-1) if input.is_floating_point() else windows.sum(-1) // size
    return input / (mean * alpha + k) ** beta
