"""Linear algebra under torch.linalg's names. All take batches of matrices, and have gradients.

For float32 and float64. On a device that has no kernels for them, inverses and decompositions are
computed on the host, and a warning says so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minigrad.backends.numpy_linalg import LinAlgError
from minigrad.dtype import bool_
from minigrad.names import missing
from minigrad.ops import decompose
from minigrad.ops.create import eye, ones_like
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
from minigrad.ops.elimination import (
    cholesky_ex,
    inv_ex,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    solve_ex,
)
from minigrad.ops.elimination import linalg_lu as lu
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
from minigrad.ops.shape import cat
from minigrad.ops.shape import diagonal as diagonal_of_first
from minigrad.tensor import Tensor

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eigh",
    "eigvalsh", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul",
    "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr",
    "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv",
    "tensorsolve", "vander", "vecdot", "vector_norm",
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


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 1, x ... x^(N - 1) of the elements of (..., n), a row each: (..., n, N), with
    N = n unless given (torch.linalg.vander).

    >>> import minigrad
    >>> minigrad.linalg.vander(minigrad.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    x = x if x.dim() else x.reshape(1)
    count = x.shape[-1] if N is None else N
    if count < 2:
        raise RuntimeError(f"linalg.vander: N must be greater than 1, got {count}")
    if x.dtype is bool_:
        x = x.long()
    column = x.unsqueeze(-1)
    repeated = column.expand(*x.shape, count - 1)
    return cat([ones_like(column), repeated.cumprod(-1).to(x.dtype)], -1)


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of the linear map that A is, from its last dims to its first `ind`
    (torch.linalg.tensorinv): tensordot(out, A, ind) is the identity.

    >>> import minigrad
    >>> minigrad.linalg.tensorinv(minigrad.eye(6).reshape(6, 2, 3), ind=1).shape
    minigrad.Size([2, 3, 6])
    """
    if ind <= 0:
        raise RuntimeError(
            f"linalg.tensorinv: Expected a strictly positive integer for 'ind', got {ind}"
        )
    first, last = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(first) != math.prod(last):
        raise RuntimeError(
            "linalg.tensorinv: Expected self to satisfy the requirement "
            f"prod(self.shape[ind:]) == prod(self.shape[:ind]), got shape {tuple(A.shape)}, {ind=}"
        )
    return inv(A.reshape(math.prod(first), -1)).reshape(*last, *first)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.dim()) = B: A has the dims of B, then those of X
    (torch.linalg.tensorsolve). The `dims` of A are moved to its end first.

    >>> import minigrad
    >>> A, B = minigrad.eye(6).reshape(2, 3, 6), minigrad.ones(2, 3)
    >>> minigrad.linalg.tensorsolve(A, B)
    tensor([1., 1., 1., 1., 1., 1.])
    """
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.dim() - len(dims), A.dim())))
    shape = tuple(A.shape[B.dim() :])
    if math.prod(shape) != math.prod(A.shape[: B.dim()]):
        raise RuntimeError(
            "linalg.tensorsolve: Expected self to satisfy the requirement "
            f"prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), got {tuple(A.shape)} "
            f"and other.ndim {B.dim()}"
        )
    return solve(A.reshape(B.numel(), -1), B.flatten()).reshape(shape)


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
