"""Products and distances of vectors."""

from minigrad import ops
from minigrad.tensor import Tensor

__all__ = [
    "bilinear", "pairwise_distance", "pdist", "normalize", "cosine_similarity",
]  # fmt: skip


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """out[..., o] = sum over i, j of x[..., i] weight[o, i, j] y[..., j] + bias[o].

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.bilinear(minigrad.ones(1, 2), minigrad.ones(1, 3), minigrad.ones(1, 2, 3))
    tensor([[6.]])
    """
    if input1.shape[:-1] != input2.shape[:-1] or weight.shape[1:] != (
        input1.shape[-1],
        input2.shape[-1],
    ):
        raise RuntimeError(
            f"bilinear: inputs {tuple(input1.shape)} and {tuple(input2.shape)} and weight "
            f"{tuple(weight.shape)}: (..., I), (..., J) and (O, I, J) are needed"
        )
    out = ops.einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """||x - y + eps||_p along the last dim; the shapes broadcast.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.pairwise_distance(minigrad.tensor([[3.0, 4.0]]), minigrad.zeros(1, 2))
    tensor([5.0000])
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """||x_i - x_j||_p for all i < j, row by row, of the rows of x (N, M): (N (N - 1) / 2,).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.pdist(minigrad.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist: only 2D tensors are there, got {tuple(input.shape)}")
    if p < 0:
        raise RuntimeError(f"pdist: only non-negative p values are there, got {p}")
    n = input.shape[0]
    i, j = ops.triu_indices(n, n, 1, device=input.device)
    return (input.index_select(0, i) - input.index_select(0, j)).norm(p, 1)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(||x||_p, eps) along `dim`.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.normalize(minigrad.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x . y / (max(||x||, eps) max(||y||, eps)) along `dim`; the shapes broadcast.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.cosine_similarity(minigrad.tensor([[1.0, 0.0]]), minigrad.tensor([[2.0, 0.0]]))
    tensor([1.])
    """
    x1, x2 = ops.broadcast_tensors(x1, x2)  # dim is one of their common shape
    return (normalize(x1, 2.0, dim, eps) * normalize(x2, 2.0, dim, eps)).sum(dim)
