"""How near two vectors are: CosineSimilarity, PairwiseDistance."""

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class CosineSimilarity(Module):
    """x . y / (max(||x||, eps) max(||y||, eps)) along `dim`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CosineSimilarity()(minigrad.ones(2, 3), minigrad.ones(2, 3))
    tensor([1.0000, 1.0000])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """||x - y + eps||_p along the last dim.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.PairwiseDistance()(minigrad.tensor([[3.0, 4.0]]), minigrad.zeros(1, 2))
    tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
