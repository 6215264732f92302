"""Functions of matrices in terms of the decompositions: torch.linalg's composites, and the older
names at PyTorch's top level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from minigrad.autograd.inplace import _instead_of as instead_of
from minigrad.autograd.inplace import where_
from minigrad.ops import decompose
from minigrad.ops.create import eye
from minigrad.ops.elementwise import abs, clamp
from minigrad.ops.linalg import matmul, outer
from minigrad.ops.printing import printed_as
from minigrad.ops.reduce import amax, sum
from minigrad.tensor import Tensor


@printed_as("linalg_lstsq")
class Lstsq(NamedTuple):
    """What lstsq returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


@printed_as("svd")
class SVDVectors(NamedTuple):
    """What torch.svd, the older one, returns."""

    U: Tensor
    S: Tensor
    V: Tensor


# -- torch.linalg


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of each matrix of (..., m, n), falling (torch.linalg.svdvals).

    >>> import minigrad
    >>> minigrad.linalg.svdvals(minigrad.tensor([[0.0, 2.0], [3.0, 0.0]]))
    tensor([3., 2.])
    """
    return decompose.svd(A, False, driver=driver).S


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of each symmetric matrix of (..., n, n), rising (torch.linalg.eigvalsh).

    >>> import minigrad
    >>> minigrad.linalg.eigvalsh(minigrad.tensor([[2.0, 1.0], [1.0, 2.0]])).round()
    tensor([1., 3.])
    """
    return decompose.eigh(A, UPLO).eigenvalues


def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """How many singular values exceed max(atol, rtol * the largest) (torch.linalg.matrix_rank).

    For each matrix of (..., m, n), int64. Tolerances are numbers or tensors, one for each matrix;
    rtol is eps * max(m, n) unless given, or 0 where only atol is; `tol` is the old name of atol.
    With `hermitian` only the lower triangle of A is read.

    >>> import minigrad
    >>> minigrad.linalg.matrix_rank(minigrad.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    a = decompose.matrices("matrix_rank", A, square=hermitian).detach()
    atol = atol if tol is None else tol
    s = abs(eigvalsh(a)) if hermitian else svdvals(a)
    if 0 in s.array.shape[-1:]:
        return sum(s, -1).long()
    low, share = decompose.tolerances(a, atol, rtol)
    return sum(s > clamp(amax(s, -1, True) * share, low), -1)


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A @ A @ ... @ A, n times, by repeated squaring; of the inverse if n < 0
    (torch.linalg.matrix_power).

    >>> import minigrad
    >>> minigrad.linalg.matrix_power(minigrad.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    if n < 0:
        return matrix_power(decompose.inv(A), -n)
    if A.dim() < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            "linalg.matrix_power: A must be batches of square matrices, but the shape is "
            f"{list(A.shape)}"
        )
    if n == 0:
        return instead_of(A, eye(A.shape[-1], dtype=A.dtype, device=A.device))
    if n == 1:
        return A.clone()
    half = matrix_power(A, n // 2)
    return matmul(matmul(half, half), A) if n % 2 else matmul(half, half)


def matrix_exp(A: Tensor) -> Tensor:
    """1 + A + A @ A / 2 + A @ A @ A / 6 + ... (torch.linalg.matrix_exp).

    By a rational approximation of exp(A / 2^s), where A / 2^s is small, squared s times: Higham,
    "The scaling and squaring method for the matrix exponential revisited", 2005.

    >>> import minigrad
    >>> minigrad.linalg.matrix_exp(minigrad.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    a = decompose.matrices("matrix_exp", A, square=True)
    if a.numel() == 0:
        return a.clone()
    largest = float(amax(sum(abs(a.detach()), -2)).item())
    squarings = max(0, math.frexp(largest / 5.37)[1]) if math.isfinite(largest) else 0
    a = a / 2**squarings
    term = one = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    even: Any = one
    odd: Any = 0.0
    for k in range(1, PADE + 1):
        term = (term @ a) * ((PADE + 1 - k) / (k * (2 * PADE + 1 - k)))
        even, odd = (even, odd + term) if k % 2 else (even + term, odd)
    out = decompose.solve(even - odd, even + odd)
    for _ in range(squarings):
        out = out @ out
    return out


PADE = 13  # the degree of numerator and denominator: right to eps where the norm is below 5.37


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices, in the order that takes fewest multiplications
    (torch.linalg.multi_dot).

    The first and the last may be vectors: a row and a column.

    >>> import minigrad
    >>> minigrad.linalg.multi_dot([minigrad.ones(9, 2), minigrad.ones(2, 9), minigrad.ones(9)])[:2]
    tensor([18., 18.])
    """
    xs = list(tensors)
    if len(xs) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(xs)}")
    first, last = xs[0].dim() == 1, xs[-1].dim() == 1
    xs[0] = xs[0].unsqueeze(0) if first else xs[0]
    xs[-1] = xs[-1].unsqueeze(-1) if last else xs[-1]
    for i, x in enumerate(xs):
        if x.dim() != 2:
            raise RuntimeError(
                f"multi_dot(): tensor {i} must be 2D but got {x.dim()}D; only the first and the "
                "last may be vectors"
            )
    out = _chain(xs)
    shape = out.shape[int(first) : 1 if last else 2]
    return out.reshape(shape)


def _chain(xs: list[Tensor]) -> Tensor:
    """Cormen et al., "Introduction to Algorithms", 14.2: the best split of each part of the chain,
    shorter parts first.
    """
    n = len(xs)
    sizes = [xs[0].shape[0], *(x.shape[1] for x in xs)]
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length

            def price(k: int, i: int = i, j: int = j) -> int:
                return cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]

            split[i, j] = min(range(i, j), key=price)
            cost[i, j] = price(split[i, j])

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return xs[i]
        return matmul(product(i, split[i, j]), product(split[i, j] + 1, j))

    return product(0, n - 1)


def lstsq(
    A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> Lstsq:
    """X with the least |A @ X - B|, the shortest where there are several (torch.linalg.lstsq).

    A (..., m, n), B (..., m, k) or (..., m). `driver`: "gelsy" (default), "gels", "gelsd" or
    "gelss"; singular values up to rcond (eps * max(m, n)) times the largest count as 0, whichever
    it is. Also returned: residuals, the sums of squares that are left, where m > n and A has full
    rank, for all but "gelsy"; rank, for all but "gels"; singular_values, for the last two. The
    first two have gradients.

    >>> import minigrad
    >>> A, b = minigrad.tensor([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), minigrad.tensor([1.0, 2, 3])
    >>> minigrad.linalg.lstsq(A, b.unsqueeze(1)).solution.abs().round(decimals=3).flatten()
    tensor([0., 1.])
    """
    if driver not in (None, "gelsy", "gels", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), "
            f"got {driver!r}"
        )
    a = decompose.matrices("lstsq", A)
    vector = decompose.is_vector(a, B)
    b = B.unsqueeze(-1) if vector else B
    if b.dim() < 2 or a.shape[-2] != b.shape[-2]:
        raise RuntimeError(
            f"linalg.lstsq: A has {a.shape[-2]} rows, and B, of shape {list(B.shape)}, has not as "
            "many"
        )
    solution = matmul(decompose.pinv(a, rcond), b)
    rank = matrix_rank(a, rtol=rcond)
    residuals = solution.new_zeros(0)
    has_rest = driver not in (None, "gelsy") and a.shape[-2] > a.shape[-1]
    if has_rest and bool((rank == a.shape[-1]).all()):
        residuals = sum((matmul(a, solution) - b).square(), -2)
    return Lstsq(
        solution.squeeze(-1) if vector else solution,
        residuals,
        rank if driver != "gels" else rank.new_zeros(0),
        svdvals(a.detach()) if driver in ("gelsd", "gelss") else solution.new_zeros(0),
    )


# -- the older names at the top level


def inverse(input: Tensor) -> Tensor:
    """minigrad.linalg.inv under its older name.

    >>> import minigrad
    >>> minigrad.inverse(minigrad.tensor([[2.0, 0.0], [0.0, 4.0]])).diag()
    tensor([0.5000, 0.2500])
    """
    return decompose.inv(input)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """minigrad.linalg.pinv under its older name, with another default.

    >>> import minigrad
    >>> minigrad.pinverse(minigrad.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return decompose.pinv(input, rcond)


def logdet(input: Tensor) -> Tensor:
    """log(det(x)) of each matrix of (..., n, n): -inf where that is 0, NaN where it is negative.

    >>> import minigrad
    >>> minigrad.logdet(minigrad.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.0794)
    """
    sign, logabsdet = decompose.slogdet(decompose.matrices("logdet", input, square=True))
    return where_(sign < 0, math.nan, logabsdet)


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """minigrad.linalg.cholesky under its older name.

    >>> import minigrad
    >>> minigrad.cholesky(minigrad.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return decompose.cholesky(input, upper=upper)


def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with L @ L.T @ X = input, or L.T @ L @ X = input if L is `upper`; input (..., n, k).

    >>> import minigrad
    >>> L = minigrad.tensor([[2.0, 0.0], [1.0, 2.0]])
    >>> minigrad.cholesky_solve(minigrad.tensor([[8.0], [4.0]]), L)
    tensor([[2.],
            [0.]])
    """
    solve, low = decompose.solve_triangular, L.mT if upper else L
    return solve(low.mT, solve(low, input, upper=False), upper=True)


def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is given.

    >>> import minigrad
    >>> minigrad.cholesky_inverse(minigrad.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[0.2500, 0.0000],
            [0.0000, 1.0000]])
    """
    x = decompose.matrices("cholesky_inverse", input, square=True)
    return cholesky_solve(eye(x.shape[-1], dtype=x.dtype, device=x.device), x, upper)


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> SVDVectors:
    """The older svd: (U, S, V) with U @ diag(S) @ V.T = input. See minigrad.linalg.svd, which
    returns V.T.

    >>> import minigrad
    >>> minigrad.svd(minigrad.tensor([[0.0, 2.0], [3.0, 0.0]])).S
    tensor([3., 2.])
    """
    u, s, vh = decompose.svd(input, not some)
    if not compute_uv:
        m, n = input.shape[-2:]
        batch = input.shape[:-2]
        return SVDVectors(s.new_zeros((*batch, m, m)), s, s.new_zeros((*batch, n, n)))
    return SVDVectors(u, s, vh.mT)


def qr(input: Tensor, some: bool = True) -> Any:
    """The older qr: minigrad.linalg.qr with mode "reduced", or "complete" unless `some`.

    >>> import minigrad
    >>> minigrad.qr(minigrad.ones(3, 2)).R.shape
    minigrad.Size([2, 2])
    """
    return decompose.qr(input, "reduced" if some else "complete")


def chain_matmul(*matrices: Any) -> Tensor:
    """minigrad.linalg.multi_dot under its older name; one matrix is returned as it is.

    >>> import minigrad
    >>> minigrad.chain_matmul(minigrad.ones(2, 3), minigrad.ones(3, 4), minigrad.ones(4, 5)).shape
    minigrad.Size([2, 5])
    """
    given = matrices[0] if len(matrices) == 1 and not isinstance(matrices[0], Tensor) else matrices
    if not given:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    return given[0] if len(given) == 1 else multi_dot(given)


ger = outer

# fmt: off
__all__ = [
    "matrix_power", "matrix_exp", "inverse", "pinverse", "logdet", "cholesky",
    "cholesky_solve", "cholesky_inverse", "svd", "qr", "chain_matmul", "ger",
]
# fmt: on
