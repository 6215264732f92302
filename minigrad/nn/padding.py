"""Padding: what is put around the last dims of an input. The mathematics is at functional.pad."""

from collections.abc import Sequence

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class _Pad(Module):
    """All of them: `padding` is one int, or (low, high) for each dim, the last dim first."""

    n_spatial: int
    mode = "constant"
    value: float | None = None

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        ends = 2 * self.n_spatial
        self.padding = (padding,) * ends if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != ends:
            raise ValueError(
                f"{self._get_name()}: padding must be an int or {ends} ints, got {padding}"
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    mode = "reflect"


class _ReplicationPad(_Pad):
    mode = "replicate"


class _CircularPad(_Pad):
    mode = "circular"


class ConstantPad1d(_ConstantPad):
    """`value` around x, which is (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConstantPad1d((2, 1), 9.0)(minigrad.tensor([[1.0, 2.0, 3.0]]))
    tensor([[9., 9., 1., 2., 3., 9.]])
    """

    n_spatial = 1


class ConstantPad2d(_ConstantPad):
    """`value` around x, which is (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConstantPad2d((1, 0, 0, 1), 9.0)(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[9., 1., 2.],
             [9., 3., 4.],
             [9., 9., 9.]]])
    """

    n_spatial = 2


class ConstantPad3d(_ConstantPad):
    """`value` around x, which is (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConstantPad3d(1, 9.0)(minigrad.zeros(1, 2, 2, 2)).shape
    minigrad.Size([1, 4, 4, 4])
    """

    n_spatial = 3


class ZeroPad1d(_ZeroPad):
    """Zeros around x, which is (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ZeroPad1d((2, 1))(minigrad.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0., 0., 1., 2., 3., 0.]])
    """

    n_spatial = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around x, which is (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ZeroPad2d((1, 0, 0, 1))(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[0., 1., 2.],
             [0., 3., 4.],
             [0., 0., 0.]]])
    """

    n_spatial = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around x, which is (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ZeroPad3d(1)(minigrad.zeros(1, 2, 2, 2)).shape
    minigrad.Size([1, 4, 4, 4])
    """

    n_spatial = 3


class ReflectionPad1d(_ReflectionPad):
    """x mirrored at its border elements, around x, which is (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReflectionPad1d((2, 1))(minigrad.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2.]])
    """

    n_spatial = 1


class ReflectionPad2d(_ReflectionPad):
    """x mirrored at its border elements, around x, which is (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReflectionPad2d((1, 0, 0, 1))(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2., 1., 2.],
             [4., 3., 4.],
             [2., 1., 2.]]])
    """

    n_spatial = 2


class ReflectionPad3d(_ReflectionPad):
    """x mirrored at its border elements, around x, which is (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReflectionPad3d(1)(minigrad.zeros(1, 2, 2, 2)).shape
    minigrad.Size([1, 4, 4, 4])
    """

    n_spatial = 3


class ReplicationPad1d(_ReplicationPad):
    """The border elements of x repeated, around x, which is (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReplicationPad1d((2, 1))(minigrad.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 1., 2., 3., 3.]])
    """

    n_spatial = 1


class ReplicationPad2d(_ReplicationPad):
    """The border elements of x repeated, around x, which is (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReplicationPad2d((1, 0, 0, 1))(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[1., 1., 2.],
             [3., 3., 4.],
             [3., 3., 4.]]])
    """

    n_spatial = 2


class ReplicationPad3d(_ReplicationPad):
    """The border elements of x repeated, around x, which is (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReplicationPad3d(1)(minigrad.zeros(1, 2, 2, 2)).shape
    minigrad.Size([1, 4, 4, 4])
    """

    n_spatial = 3


class CircularPad1d(_CircularPad):
    """x begun again at its other end, around x, which is (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CircularPad1d((2, 1))(minigrad.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 3., 1., 2., 3., 1.]])
    """

    n_spatial = 1


class CircularPad2d(_CircularPad):
    """x begun again at its other end, around x, which is (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CircularPad2d((1, 0, 0, 1))(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2., 1., 2.],
             [4., 3., 4.],
             [2., 1., 2.]]])
    """

    n_spatial = 2


class CircularPad3d(_CircularPad):
    """x begun again at its other end, around x, which is (N, C, D, H, W) or (C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CircularPad3d(1)(minigrad.zeros(1, 2, 2, 2)).shape
    minigrad.Size([1, 4, 4, 4])
    """

    n_spatial = 3
