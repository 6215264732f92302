"""Normalisation: over batches, layers, groups of channels, single channels, neighbours."""

from collections.abc import Sequence
from typing import Any

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor


class _BatchNorm(Module):
    """What BatchNorm1d to BatchNorm3d share: all but the ranks of input they take."""

    ranks: tuple[int, ...]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            values = ops.empty(num_features, device=device, dtype=dtype)
            self.register_parameter(name, Parameter(values) if wanted else None)
        for name in ("running_mean", "running_var"):
            values = ops.empty(num_features, device=device, dtype=dtype)
            self.register_buffer(name, values if track_running_stats else None)
        count = ops.tensor(0, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forgets the batches seen so far."""
        if self.running_mean is not None:
            self.running_mean.zero_()
        if self.running_var is not None:
            self.running_var.fill_(1.0)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no batches seen."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_rank(self, x: Tensor) -> None:
        if x.ndim not in self.ranks:
            expected = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ValueError(f"{self._get_name()}: expected {expected} input (got {x.ndim}D input)")

    def forward(self, x: Tensor) -> Tensor:
        self._check_rank(x)
        use_batch = self.training or self.running_mean is None
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                # Weighting the latest of n batches by 1 / n makes the running statistics plain
                # averages.
                momentum = 1.0 / float(self.num_batches_tracked)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            use_batch,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias, channel by channel, for x (N, C) or (N, C, L).

    In training, mean and variance are those of the batch, and running averages of them are kept:
    running = (1 - momentum) running + momentum batch, with plain averages for momentum None. In
    evaluation, those are used. Raises ValueError for input of another rank, and for training on one
    value a channel.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BatchNorm1d(2)(minigrad.tensor([[1.0, 5.0], [3.0, 9.0]])).round()
    tensor([[-1., -1.],
            [ 1.,  1.]], grad_fn=<RoundBackward0>)
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias, channel by channel, for x (N, C, H, W).

    See BatchNorm1d.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BatchNorm2d(3)(minigrad.zeros(2, 3, 4, 4)).shape
    minigrad.Size([2, 3, 4, 4])
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias, channel by channel, for x (N, C, D, H, W).

    See BatchNorm1d.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BatchNorm3d(3)(minigrad.zeros(2, 3, 4, 4, 4)).shape
    minigrad.Size([2, 3, 4, 4, 4])
    """

    ranks = (5,)


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dims, of `normalized_shape`.

    RuntimeError when x ends in another shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LayerNorm(8)(minigrad.zeros(2, 5, 8)).shape
    minigrad.Size([2, 5, 8])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            values = ops.empty(shape, device=device, dtype=dtype)
            self.register_parameter(name, Parameter(values) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last dims, of `normalized_shape`.

    eps is that of the type of x unless given.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.RMSNorm(8)(minigrad.zeros(2, 5, 8)).shape
    minigrad.Size([2, 5, 8])
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        values = ops.empty(shape, device=device, dtype=dtype)
        self.register_parameter("weight", Parameter(values) if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias over each group of channels of each sample.

    x is (N, num_channels, ...). ValueError when `num_groups` does not divide `num_channels`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.GroupNorm(2, 6)(minigrad.zeros(2, 6, 4)).shape
    minigrad.Size([2, 6, 4])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_channels must be divisible by num_groups, got {num_channels} and "
                f"{num_groups}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            values = ops.empty(num_channels, device=device, dtype=dtype)
            self.register_parameter(name, Parameter(values) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        parts = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return f"{parts}, bias={self.bias is not None}"


class LocalResponseNorm(Module):
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LocalResponseNorm(3)(minigrad.zeros(2, 6, 4)).shape
    minigrad.Size([2, 6, 4])
    """

    def __init__(
        self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class _InstanceNorm(_BatchNorm):
    """What InstanceNorm1d to InstanceNorm3d share: their ranks are without and with a batch."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, x: Tensor) -> Tensor:
        self._check_rank(x)
        batch = x if x.ndim == self.ranks[1] else x.unsqueeze(0)
        if batch.shape[1] != self.num_features and self.affine:
            raise ValueError(
                f"{self._get_name()}: expected {self.num_features} channels, num_features, got "
                f"input {tuple(x.shape)}"
            )
        out = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out if batch is x else out.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias over each channel of each sample, for x
    (N, C, L) or (C, L).

    Has no weights unless `affine`, and no running statistics unless `track_running_stats`, which
    evaluation then uses. ValueError for input of another rank.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.InstanceNorm1d(3)(minigrad.zeros(2, 3, 4)).shape
    minigrad.Size([2, 3, 4])
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """InstanceNorm1d for x (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.InstanceNorm2d(3)(minigrad.zeros(2, 3, 4, 4)).shape
    minigrad.Size([2, 3, 4, 4])
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """InstanceNorm1d for x (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.InstanceNorm3d(3)(minigrad.zeros(2, 3, 4, 4, 4)).shape
    minigrad.Size([2, 3, 4, 4, 4])
    """

    ranks = (4, 5)
