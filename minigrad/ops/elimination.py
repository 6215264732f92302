"""A = P @ L @ U: Gaussian elimination with row exchanges, and what is solved with its factors.

L (m, k) is lower triangular with ones on its diagonal, U (k, n) upper triangular, k = min(m, n).
`packed` has both in one matrix, without the ones. P exchanges rows: row perm[i] of A became row i,
by exchanging row i with row pivots[i] - 1 for i = 0, 1 ... (pivots count from 1, as in LAPACK).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd.primitive import primitive
from minigrad.backends.numpy_linalg import NOT_POSITIVE, SINGULAR, LinAlgError
from minigrad.ops import decompose
from minigrad.ops.create import arange, eye
from minigrad.ops.decompose import _identity, _solve_triangular, _with_batch, matrices
from minigrad.ops.elementwise import where
from minigrad.ops.index import argsort, gather
from minigrad.ops.linalg import batch_shape
from minigrad.ops.printing import printed_as
from minigrad.ops.shape import cat, diagonal, tril, triu
from minigrad.tensor import Tensor, wrap


def _lu_rule(g: Any, needs: Any, packed: Tensor, perm: Tensor) -> tuple[Tensor]:
    """For a square A: P @ L^-T @ (tril(L.T @ gL, -1) + triu(gU @ U.T)) @ U^-T.

    Columns of A beyond k give U2 = L^-1 @ A2, rows beyond k give L2 = A2 @ U^-1.
    """
    k = min(packed.shape[-2:])
    square, g1 = packed[..., :k, :k], g[0][..., :k, :k]
    right, g_right = packed[..., :k, k:], g[0][..., :k, k:]
    below, g_below = packed[..., k:, :k], g[0][..., k:, :k]
    one = tril(square, -1) + _identity(k, square)
    inner = tril(one.mT @ tril(g1, -1) - g_right @ right.mT, -1)
    inner = inner + triu(triu(g1) @ triu(square).mT - below.mT @ g_below)
    left = _solve_triangular(square.mT, cat([inner, g_right], -1), True, True)
    inside, beside = left[..., :k], left[..., k:]
    rows = _solve_triangular(square, cat([inside, g_below], -2).mT, True, False).mT
    if beside.shape[-1]:
        rows = cat([rows, beside], -1)
    return (_rows(rows, argsort(perm)),)


def _rows(x: Tensor, places: Tensor) -> Tensor:
    """The rows of each matrix in another order."""
    index = places.unsqueeze(-1).expand(*places.shape, x.shape[-1])
    return gather(_with_batch(x, places.array.shape[:-1]), -2, index)


_lu = primitive("lu", "x -> packed pivots perm", grads=_lu_rule)


@printed_as("linalg_lu_factor")
class LUFactor(NamedTuple):
    """What lu_factor returns."""

    LU: Tensor
    pivots: Tensor


@printed_as("linalg_lu_factor_ex")
class LUFactorEx(NamedTuple):
    """What lu_factor_ex returns."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


@printed_as("linalg_lu")
class PLU(NamedTuple):
    """What linalg.lu and lu_unpack return."""

    P: Tensor
    L: Tensor
    U: Tensor


@printed_as("linalg_inv_ex")
class InvEx(NamedTuple):
    """What inv_ex returns."""

    inverse: Tensor
    info: Tensor


@printed_as("linalg_solve_ex")
class SolveEx(NamedTuple):
    """What solve_ex returns."""

    result: Tensor
    info: Tensor


@printed_as("linalg_cholesky_ex")
class CholeskyEx(NamedTuple):
    """What cholesky_ex returns."""

    L: Tensor
    info: Tensor


def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactor:
    """(LU, pivots) of each matrix of (..., m, n), as the head of ops/elimination.py says
    (torch.linalg.lu_factor).

    LinAlgError where U has a zero on its diagonal. `pivot=False` is for CUDA.

    >>> import minigrad
    >>> minigrad.linalg.lu_factor(minigrad.tensor([[1.0, 2.0], [4.0, 4.0]])).LU
    tensor([[4.0000, 4.0000],
            [0.2500, 1.0000]])
    """
    packed, pivots, _ = lu_factor_ex(A, pivot=pivot, check_errors=True)
    return LUFactor(packed, pivots)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LUFactorEx:
    """lu_factor, with `info` for each matrix: 0, or which element of U's diagonal, counted from 1,
    is the first zero (torch.linalg.lu_factor_ex).

    >>> import minigrad
    >>> minigrad.linalg.lu_factor_ex(minigrad.tensor([[1.0, 2.0], [2.0, 4.0]])).info
    tensor(2, dtype=minigrad.int32)
    """
    packed, pivots, _ = _factors("lu_factor", A, pivot)
    return LUFactorEx(packed, pivots, _info("lu_factor", packed, check_errors))


def linalg_lu(A: Tensor, *, pivot: bool = True) -> PLU:
    """(P, L, U) with P @ L @ U = A for each matrix of (..., m, n) (torch.linalg.lu).

    >>> import minigrad
    >>> minigrad.linalg.lu(minigrad.tensor([[1.0, 2.0], [4.0, 4.0]])).L
    tensor([[1.0000, 0.0000],
            [0.2500, 1.0000]])
    """
    packed, _, perm = _factors("lu", A, pivot)
    return PLU(_permutation(perm, packed), *_unpacked(packed))


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> PLU:
    """(P, L, U) of what lu_factor returned; empty what is not asked for.

    >>> import minigrad
    >>> A = minigrad.tensor([[1.0, 2.0], [4.0, 4.0]])
    >>> P, L, U = minigrad.lu_unpack(*minigrad.linalg.lu_factor(A))
    >>> P @ L @ U
    tensor([[1., 2.],
            [4., 4.]])
    """
    nothing = LU_data.new_zeros(0)
    p = nothing
    if unpack_pivots:
        p = _permutation(_perm("lu_unpack", LU_data, LU_pivots), LU_data)
    return PLU(p, *(_unpacked(LU_data) if unpack_data else (nothing, nothing)))


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with A @ X = B, or X @ A = B unless `left`, for the A of which lu_factor returned LU and
    pivots; with `adjoint` for A.T (torch.linalg.lu_solve).

    >>> import minigrad
    >>> factors = minigrad.linalg.lu_factor(minigrad.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> minigrad.linalg.lu_solve(*factors, minigrad.tensor([[3.0], [8.0]]))
    tensor([[1.],
            [1.]])
    """
    if not left:
        return lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    a, b = matrices("lu_solve", LU, square=True), matrices("lu_solve", B)
    if a.dtype != b.dtype or a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"linalg.lu_solve: LU {a.dtype} {tuple(a.shape)} and B {b.dtype} {tuple(b.shape)} do "
            "not fit"
        )
    batch = batch_shape("linalg.lu_solve", a.array.shape[:-2], b.array.shape[:-2])
    perm = _perm("linalg.lu_solve", a, pivots).expand(*batch, a.shape[-1])
    a, b = _with_batch(a, batch), _with_batch(b, batch)
    if adjoint:
        y = _solve_triangular(a.mT, _solve_triangular(a.mT, b, False, False), True, True)
        return _rows(y, argsort(perm))
    y = _solve_triangular(a, _rows(b, perm), False, True)
    return _solve_triangular(a, y, True, False)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """The older lu_factor: (LU, pivots), and `info` of lu_factor_ex if `get_infos`.

    >>> import minigrad
    >>> minigrad.lu(minigrad.tensor([[1.0, 2.0], [4.0, 4.0]]))[1]
    tensor([2, 2], dtype=minigrad.int32)
    """
    found = lu_factor_ex(A, pivot=pivot)
    return tuple(found) if get_infos else tuple(found[:2])


def old_lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """linalg.lu_solve with its operands in another order.

    >>> import minigrad
    >>> factors = minigrad.lu(minigrad.tensor([[2.0, 0.0], [0.0, 4.0]]))
    >>> minigrad.lu_solve(minigrad.tensor([[2.0], [2.0]]), *factors)
    tensor([[1.0000],
            [0.5000]])
    """
    return lu_solve(LU_data, LU_pivots, b)


# -- inverses and solutions that do not raise


def inv_ex(A: Tensor, *, check_errors: bool = False) -> InvEx:
    """(inverse, info): inv that raises for a singular matrix only if `check_errors`; info is that
    of lu_factor_ex, and where it is not 0 the inverse means nothing (torch.linalg.inv_ex).

    >>> import minigrad
    >>> minigrad.linalg.inv_ex(minigrad.tensor([[1.0, 2.0], [2.0, 4.0]])).info
    tensor(2, dtype=minigrad.int32)
    """
    a = matrices("inv", A, square=True)
    info = _info("inv", _lu(a.detach())[0], check_errors)
    return InvEx(decompose.inv(_or_one(a, info)), info)


def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False
) -> SolveEx:
    """(result, info): solve that raises for a singular matrix only if `check_errors`, as inv_ex
    (torch.linalg.solve_ex).

    >>> import minigrad
    >>> A, B = minigrad.tensor([[2.0, 0.0], [0.0, 4.0]]), minigrad.tensor([1.0, 1.0])
    >>> minigrad.linalg.solve_ex(A, B).result
    tensor([0.5000, 0.2500])
    """
    a = matrices("solve", A, square=True)
    info = _info("solve", _lu(a.detach())[0], check_errors)
    return SolveEx(decompose.solve(_or_one(a, info), B, left=left), info)


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> CholeskyEx:
    """(L, info): cholesky that raises only if `check_errors`. info is 0, or the size of the first
    leading part of A that is not positive definite; there L means nothing
    (torch.linalg.cholesky_ex).

    >>> import minigrad
    >>> minigrad.linalg.cholesky_ex(minigrad.tensor([[1.0, 2.0], [2.0, 1.0]])).info
    tensor(2, dtype=minigrad.int32)
    """
    a = matrices("cholesky", A, square=True)
    host = a.device.backend.to_host((a.mT if upper else a).detach().array)
    info = np.zeros(host.shape[:-2], np.int32)
    for i in np.ndindex(info.shape):
        info[i] = _first_not_positive(host[i])
    if check_errors and info.any():
        place = tuple(int(i) for i in np.argwhere(info)[0])
        raise LinAlgError(f"linalg.cholesky: (Batch element {place}): {NOT_POSITIVE}")
    found = wrap(a.device.backend.from_host(info), a.device)
    return CholeskyEx(decompose.cholesky(_or_one(a, found), upper=upper), found)


def _first_not_positive(x: np.ndarray) -> int:
    for n in range(1, len(x) + 1):
        try:
            np.linalg.cholesky(x[:n, :n])
        except np.linalg.LinAlgError:
            return n
    return 0


def _or_one(x: Tensor, info: Tensor) -> Tensor:
    """x, or the identity where it has no inverse."""
    one = eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return where((info != 0)[..., None, None], one, x)


# -- parts


def _factors(name: str, A: Tensor, pivot: bool) -> tuple[Tensor, Tensor, Tensor]:
    a = matrices(name, A)
    if not pivot:
        raise RuntimeError(f"linalg.{name}: LU without pivoting is not implemented on the CPU")
    packed, pivots, perm = _lu(a)
    return packed, pivots, perm


def _unpacked(packed: Tensor) -> tuple[Tensor, Tensor]:
    m, n = packed.shape[-2:]
    k = min(m, n)
    one = eye(m, k, dtype=packed.dtype, device=packed.device)
    return tril(packed[..., :k], -1) + one, triu(packed[..., :k, :])


def _permutation(perm: Tensor, like: Tensor) -> Tensor:
    """P, with a 1 at (perm[i], i)."""
    rows = arange(perm.shape[-1], device=perm.device).unsqueeze(-1)
    return (perm.unsqueeze(-2) == rows).to(like.dtype)


def _perm(name: str, packed: Tensor, pivots: Tensor) -> Tensor:
    """perm by pivots, exchange by exchange."""
    if pivots.dtype != dtypes.int32:
        raise RuntimeError(
            f"{name}: pivots should be a Tensor of scalar type int32, got {pivots.dtype}"
        )
    m, k = packed.shape[-2], min(packed.shape[-2:])
    if pivots.array.shape != (*packed.array.shape[:-2], k):
        raise RuntimeError(
            f"{name}: Expected LU_pivots (..., {k}) for LU_data {tuple(packed.shape)}, got "
            f"{tuple(pivots.shape)}"
        )
    rows = pivots.device.backend.to_host(pivots.array)
    rows = rows.reshape(math.prod(rows.shape[:-1]), k)
    if rows.size and not (rows.min() >= 1 and rows.max() <= m):
        raise RuntimeError(f"{name}: pivots must be between 1 and {m}")
    perm = np.tile(np.arange(m), (len(rows), 1))
    which = np.arange(len(rows))
    for i in range(k):
        other = rows[:, i] - 1
        perm[which, i], perm[which, other] = perm[which, other], perm[which, i]
    shaped = perm.reshape(*packed.array.shape[:-2], m)
    return wrap(packed.device.backend.from_host(shaped), packed.device)


def _info(name: str, packed: Tensor, check: bool) -> Tensor:
    """Which element of the diagonal is the first zero, counted from 1, or 0."""
    zero = diagonal(packed.detach(), 0, -2, -1) == 0
    if zero.shape[-1] == 0:
        return zero.new_zeros(zero.shape[:-1], dtype=dtypes.int32)
    first = zero.to(dtypes.int32).argmax(-1) + 1
    info = where(zero.any(-1), first, 0).to(dtypes.int32)
    if check and bool((info != 0).any()):
        place = tuple((info != 0).nonzero()[0].tolist())
        where_ = f"(Batch element {place}): " if place else ""
        raise LinAlgError(f"linalg.{name}: {where_}{SINGULAR}")
    return info


__all__ = ["lu", "lu_unpack"]
