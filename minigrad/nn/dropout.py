"""Dropout: in training, random zeros."""

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, sets elements to 0 with probability p, others to x / (1 - p); else out = x.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Dropout(0.5).eval()(minigrad.ones(2))
    tensor([1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Dropout of whole channels of x (N, C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> sums = nn.Dropout1d(p=0.5)(minigrad.ones(1, 3, 4)).flatten(2).sum(2)
    >>> bool(((sums == 0) | (sums == 8)).all())
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout1d(x, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Dropout of whole channels of x (N, C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> sums = nn.Dropout2d(p=0.5)(minigrad.ones(1, 3, 2, 2)).flatten(2).sum(2)
    >>> bool(((sums == 0) | (sums == 8)).all())
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout2d(x, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Dropout of whole channels of x (N, C, D, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> sums = nn.Dropout3d(p=0.5)(minigrad.ones(1, 3, 2, 2, 1)).flatten(2).sum(2)
    >>> bool(((sums == 0) | (sums == 8)).all())
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout3d(x, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1, to go with SELU: see functional.alpha_dropout.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AlphaDropout(0.5).eval()(minigrad.ones(2))
    tensor([1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.alpha_dropout(x, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels of x (N, C, ...).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.FeatureAlphaDropout(0.5)(minigrad.zeros(8, 8, 5)).std(2).max()
    tensor(0.)
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.feature_alpha_dropout(x, self.p, self.training, self.inplace)
