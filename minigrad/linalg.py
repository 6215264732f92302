"""Linear algebra under torch.linalg's names. All take batches of matrices, and have gradients.

For float32 and float64. On a device that has no kernels for them, inverses and decompositions are
computed on the host, and a warning says so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minigrad.backends.numpy_linalg import LinAlgError
from minigrad.names import missing
from minigrad.ops import decompose
from minigrad.ops.create import eye
from minigrad.ops.decompose import (
    cholesky,
    det,
    eigh,
    inv,
    pinv,
    qr,
    slogdet,
    solve,
    solve_triangular,
    svd,
)
from minigrad.ops.elementwise import where
from minigrad.ops.linalg import matmul
from minigrad.ops.matrix import (
    eigvalsh,
    lstsq,
    matrix_exp,
    matrix_power,
    matrix_rank,
    multi_dot,
    svdvals,
)
from minigrad.ops.norms import linalg_norm as norm
from minigrad.ops.norms import matrix_norm, vector_norm
from minigrad.ops.products import cross as cross_of_first
from minigrad.ops.reduce import sum
from minigrad.ops.shape import diagonal as diagonal_of_first
from minigrad.tensor import Tensor

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv",
    "lstsq", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot",
    "norm", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals", "vecdot",
    "vector_norm",
]  # fmt: skip


def cond(A: Tensor, p: Any = None) -> Tensor:
    """norm(A, p) * norm(inv(A), p), inf for a singular A (torch.linalg.cond).

    p as for matrix_norm; None means 2, which together with -2 takes matrices that are not square.

    >>> import minigrad
    >>> minigrad.linalg.cond(minigrad.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    if p in (None, 2, -2):
        s = svdvals(decompose.matrices("cond", A))
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    a = decompose.matrices("cond", A, square=True)
    singular = slogdet(a.detach()).sign == 0
    one = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    inverse = inv(where(singular[..., None, None], one, a))
    product = matrix_norm(a, p) * matrix_norm(inverse, p)
    return where(singular, math.inf, product)


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """out = x × y over a dim of size 3 (torch.linalg.cross).

    >>> import minigrad
    >>> minigrad.linalg.cross(minigrad.tensor([1.0, 0, 0]), minigrad.tensor([0.0, 1, 0]))
    tensor([0., 0., 1.])
    """
    return cross_of_first(input, other, dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonal of each matrix of (..., m, n) (torch.linalg.diagonal).

    >>> import minigrad
    >>> minigrad.linalg.diagonal(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return diagonal_of_first(A, offset, dim1, dim2)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """out = sum(x * y) over `dim`; x and y broadcast (torch.linalg.vecdot).

    >>> import minigrad
    >>> minigrad.linalg.vecdot(minigrad.tensor([[1, 2], [3, 4]]), minigrad.tensor([1, 10]))
    tensor([21, 43])
    """
    return sum(x * y, dim)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("linalg", name, __all__))
