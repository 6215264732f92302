"""Modules that find the size of their input at the first call: LazyLinear, LazyConv2d ...

Until then their parameters are uninitialised (see parameter.py). The first call, or loading a
state_dict, gives them their shapes, and the first call turns the module into the ordinary one.
"""

from typing import Any

from minigrad.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    _Conv,
)
from minigrad.nn.linear import Linear
from minigrad.nn.module import Module
from minigrad.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _BatchNorm,
)
from minigrad.nn.parameter import UninitializedBuffer, UninitializedParameter, is_uninitialized
from minigrad.tensor import Tensor


class _Lazy(Module):
    """What all of them do."""

    cls_to_become: type[Module]

    def _forget_shapes(self, names: tuple[str, ...]) -> None:
        """Makes the parameters and buffers of these names, if there, uninitialised ones."""
        for name in names:
            own = getattr(self, name)
            if isinstance(own, Tensor):
                kind = UninitializedParameter if name in self._parameters else UninitializedBuffer
                setattr(self, name, kind(device=own.device, dtype=own.dtype))

    def reset_parameters(self) -> None:
        """Nothing, until there is something to reset: the first call does it."""

    def has_uninitialized_params(self) -> bool:
        """Whether shapes are still to be found."""
        return any(is_uninitialized(x) for x in (*self.parameters(), *self.buffers()))

    def initialize_parameters(self, x: Tensor) -> None:
        """Takes the size from x, an input, and gives the parameters their shapes, not values."""
        for name, shape in self._shapes_for(x).items():
            own = getattr(self, name)
            if is_uninitialized(own):
                own.materialize(shape)

    def _shapes_for(self, x: Tensor) -> dict[str, tuple[int, ...]]:
        raise NotImplementedError

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        fresh = self.has_uninitialized_params()
        self.initialize_parameters(x)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        if fresh:
            self.reset_parameters()
        return self.forward(x, *args, **kwargs)


class LazyLinear(_Lazy, Linear):
    """A Linear whose in_features is the last size of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.LazyLinear(3)
    >>> layer(minigrad.zeros(2, 5)).shape
    minigrad.Size([2, 3])
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(0, out_features, bias, device, dtype)
        self._forget_shapes(("weight", "bias"))

    def _shapes_for(self, x: Tensor) -> dict[str, tuple[int, ...]]:
        self.in_features = x.shape[-1]
        return {
            "weight": (self.out_features, self.in_features),
            "bias": (self.out_features,),
        }


class _LazyConvolution(_Lazy, _Conv):
    """A convolution whose in_channels is that of its first input. It takes the other arguments."""

    def __init__(self, out_channels: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(0, out_channels, *args, **kwargs)
        self._forget_shapes(("weight", "bias"))

    def _shapes_for(self, x: Tensor) -> dict[str, tuple[int, ...]]:
        n = self.n_spatial
        if x.ndim not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to "
                f"{self._get_name()}, but got input of size: {list(x.shape)}"
            )
        channels = x.shape[-n - 1]
        self._check_channels(channels, self.out_channels, self.groups)
        self.in_channels = channels
        return {"weight": self._weight_shape(), "bias": (self.out_channels,)}


class _LazyNorm(_Lazy, _BatchNorm):
    """A normalisation whose num_features is the number of channels of its first input."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self._forget_shapes(("weight", "bias", "running_mean", "running_var"))

    def _shapes_for(self, x: Tensor) -> dict[str, tuple[int, ...]]:
        self._check_rank(x)
        self.num_features = x.shape[1]
        names = ("weight", "bias", "running_mean", "running_var")
        return dict.fromkeys(names, (self.num_features,))


class LazyConv1d(_LazyConvolution, Conv1d):
    """A Conv1d whose in_channels is that of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConv1d(4, 3)(minigrad.zeros(2, 5, 8)).shape
    minigrad.Size([2, 4, 6])
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvolution, Conv2d):
    """A Conv2d whose in_channels is that of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConv2d(4, 3)(minigrad.zeros(2, 5, 8, 8)).shape
    minigrad.Size([2, 4, 6, 6])
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvolution, Conv3d):
    """A Conv3d whose in_channels is that of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConv3d(4, 3)(minigrad.zeros(2, 5, 8, 8, 8)).shape
    minigrad.Size([2, 4, 6, 6, 6])
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvolution, ConvTranspose1d):
    """A ConvTranspose1d whose in_channels is that of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConvTranspose1d(4, 3)(minigrad.zeros(2, 5, 8)).shape
    minigrad.Size([2, 4, 10])
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvolution, ConvTranspose2d):
    """A ConvTranspose2d whose in_channels is that of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConvTranspose2d(4, 3)(minigrad.zeros(2, 5, 8, 8)).shape
    minigrad.Size([2, 4, 10, 10])
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvolution, ConvTranspose3d):
    """A ConvTranspose3d whose in_channels is that of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConvTranspose3d(4, 3)(minigrad.zeros(2, 5, 8, 8, 8)).shape
    minigrad.Size([2, 4, 10, 10, 10])
    """

    cls_to_become = ConvTranspose3d


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A BatchNorm1d whose num_features is the number of channels of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.LazyBatchNorm1d()
    >>> layer(minigrad.zeros(2, 5, 4)).shape
    minigrad.Size([2, 5, 4])
    >>> layer.num_features
    5
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A BatchNorm2d whose num_features is the number of channels of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.LazyBatchNorm2d()
    >>> layer(minigrad.zeros(2, 5, 4, 4)).shape
    minigrad.Size([2, 5, 4, 4])
    >>> layer.num_features
    5
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A BatchNorm3d whose num_features is the number of channels of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.LazyBatchNorm3d()
    >>> layer(minigrad.zeros(2, 5, 4, 4, 4)).shape
    minigrad.Size([2, 5, 4, 4, 4])
    >>> layer.num_features
    5
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """A InstanceNorm1d whose num_features is the number of channels of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.LazyInstanceNorm1d()
    >>> layer(minigrad.zeros(2, 5, 4)).shape
    minigrad.Size([2, 5, 4])
    >>> layer.num_features
    5
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """A InstanceNorm2d whose num_features is the number of channels of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.LazyInstanceNorm2d()
    >>> layer(minigrad.zeros(2, 5, 4, 4)).shape
    minigrad.Size([2, 5, 4, 4])
    >>> layer.num_features
    5
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """A InstanceNorm3d whose num_features is the number of channels of its first input.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.LazyInstanceNorm3d()
    >>> layer(minigrad.zeros(2, 5, 4, 4, 4)).shape
    minigrad.Size([2, 5, 4, 4, 4])
    >>> layer.num_features
    5
    """

    cls_to_become = InstanceNorm3d
