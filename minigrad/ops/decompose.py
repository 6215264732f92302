"""Inverses and decompositions of matrices, for batches of them: torch.linalg's, with their rules.

A rule follows from differentiating what defines the op. x @ out = 1 gives dx @ out + x @ dout = 0,
so dout = -out @ dx @ out, whose adjoint is the rule of inv. Those of the factorisations come the
same way: see Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation", 2008, and at each rule.

Letters: x = u @ diag(s) @ vh (svd), x = v @ diag(w) @ v.T (eigh), x = q @ r (qr).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from minigrad import dtype as dtypes
from minigrad.autograd.broadcast import expand
from minigrad.autograd.inplace import where_
from minigrad.autograd.primitive import cast, primitive
from minigrad.ops.create import arange, eye
from minigrad.ops.linalg import batch_shape
from minigrad.ops.printing import printed_as
from minigrad.ops.reduce import cumprod_
from minigrad.ops.shape import cat, diag_embed, flip, tril, triu
from minigrad.tensor import Tensor

Gradients = Sequence[Tensor | None]

# -- rules


def _solve_rule(g: Tensor, needs: Any, x: Tensor, out: Tensor) -> Any:
    """x @ out = y, so x @ dout = dy - dx @ out."""
    gy = _solve(x.mT, g)
    return -(gy @ out.mT) if needs[0] else None, gy


def _solve_triangular_rule(
    g: Tensor, needs: Any, x: Tensor, out: Tensor, upper: bool, unit: bool
) -> Any:
    """As solve's, for the elements of x that are read."""
    gy = _solve_triangular(x.mT, g, not upper, unit)
    if not needs[0]:
        return None, gy
    gx = -(gy @ out.mT)
    return (triu(gx, int(unit)) if upper else tril(gx, -int(unit))), gy


def _cholesky_rule(g: Tensor, out: Tensor) -> Tensor:
    """out^-T @ S @ out^-1, S symmetric with the lower triangle of out.T @ g, all halved."""
    low = tril(out.mT @ g)
    s = (low + tril(low, -1).mT) / 2
    left = _solve_triangular(out.mT, s, True, False)
    return _solve_triangular(out.mT, left.mT, True, False)


def _qr_rule(g: Gradients, needs: Any, q: Tensor, r: Tensor) -> tuple[Tensor]:
    """For x = q @ r with a square r: (gq + q @ S) @ r^-T, where S is symmetric with the lower
    triangle of r @ gr.T - gq.T @ q. A wide x is [x1 | x2] with x1 = q @ r1 and x2 = q @ r2.
    """
    gq, gr = _or_zeros(g[0], q), _or_zeros(g[1], r)
    m, n = q.shape[-2], r.shape[-1]
    if q.shape[-1] > n:
        raise RuntimeError(
            "linalg.qr: The QR decomposition is not differentiable when mode='complete' and "
            f"nrows > ncols: {m} > {n}. Use mode='reduced'"
        )
    r1, r2, gr1, gr2 = r[..., :m], r[..., m:], gr[..., :m], gr[..., m:]
    if n > m:
        gq = gq + q @ (r2 @ gr2.mT)
    low = tril(r1 @ gr1.mT - gq.mT @ q)
    right = gq + q @ (low + tril(low, -1).mT)
    gx = _solve_triangular(r1, right.mT, True, False).mT
    return (cat([gx, q @ gr2], -1) if n > m else gx,)


def _svd_rule(g: Gradients, needs: Any, u: Tensor, s: Tensor, vh: Tensor) -> tuple[Tensor]:
    """u @ (skew(u.T @ gu) / E * s + s * skew(v.T @ gv) / E + diag(gs)) @ vh, and what of gu / s and
    gv / s is not in the space of u and v; skew(a) = a - a.T, E[i, j] = s[j]^2 - s[i]^2.

    Townsend, "Differentiating the singular value decomposition", 2016. Columns of u and rows of vh
    beyond s (full matrices) are not determined by x, and have no gradient.
    """
    k = s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    gu, gs, gvh = g
    inner = diag_embed(_or_zeros(gs, s))
    if gu is None and gvh is None:
        return (u @ inner @ vh,)
    row, column = s.unsqueeze(-2), s.unsqueeze(-1)
    gaps = (row - column) * (row + column) + _identity(k, s)
    rest_u = rest_v = None
    if gu is not None:
        gu = gu[..., :k]
        inner = inner + _skew(u.mT @ gu) / gaps * row
        rest_u = gu / row
        rest_u = rest_u - u @ (u.mT @ rest_u)
    if gvh is not None:
        gvh = gvh[..., :k, :]
        inner = inner + column * (_skew(vh @ gvh.mT) / gaps)
        rest_v = gvh / column
        rest_v = rest_v - (rest_v @ vh.mT) @ vh
    gx = u @ inner @ vh
    if rest_u is not None and u.shape[-2] > k:
        gx = gx + rest_u @ vh
    return (gx + u @ rest_v if rest_v is not None and vh.shape[-1] > k else gx,)


def _eigh_rule(g: Gradients, needs: Any, w: Tensor, v: Tensor) -> tuple[Tensor]:
    """v @ (skew(v.T @ gv) / 2 / E + diag(gw)) @ v.T, where E[i, j] = w[j] - w[i]."""
    gw, gv = g
    inner = diag_embed(_or_zeros(gw, w))
    if gv is not None:
        gaps = w.unsqueeze(-2) - w.unsqueeze(-1) + _identity(w.shape[-1], w)
        inner = inner + _skew(v.mT @ gv) / 2 / gaps
    return (v @ inner @ v.mT,)


def _pinv_rule(g: Tensor, x: Tensor, out: Tensor) -> Tensor:
    """Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
    whose variables separate", 1973, eq. 4.12.
    """
    p, pt, gt = out, out.mT, g.mT
    right, left = gt @ (p @ pt), (pt @ p) @ gt
    return right - x @ (p @ right) + left - (left @ p) @ x - pt @ g @ pt


def _cofactors(x: Tensor, out: Tensor) -> Tensor:
    """d det(x) / dx, the matrix of cofactors: det(x) x^-T where x has an inverse. For a singular x
    it is det(u) det(vh) u @ diag(product of the other s) @ vh.
    """
    singular = out == 0
    if x.device.depth == 0 and not bool(singular.any()):  # within vmap there is no asking
        return out[..., None, None] * inv(x).mT
    n = x.shape[-1]
    mask = singular[..., None, None]
    # Where the result is not taken, nothing may be infinite: no equal s, and an inverse.
    distinct = diag_embed(arange(1, n + 1, dtype=x.dtype, device=x.device))
    inverse = inv(where_(mask, distinct, x))
    u, s, vh = _svd(where_(mask, x, distinct), False)
    others = (u * _product_of_others(s).unsqueeze(-2)) @ vh
    signs = (_det(u) * _det(vh))[..., None, None]
    return where_(mask, signs * others, out[..., None, None] * inverse.mT)


def _product_of_others(s: Tensor) -> Tensor:
    """out[..., i] = the product of s[..., j] for j != i."""
    ones, axis = s[..., :1] * 0 + 1, s.dim() - 1
    before = cumprod_(cat([ones, s[..., :-1]], -1), axis)
    after = cumprod_(cat([ones, flip(s, (-1,))[..., :-1]], -1), axis)
    return before * flip(after, (-1,))


def _or_zeros(g: Tensor | None, x: Tensor) -> Tensor:
    return x.new_zeros(x.shape) if g is None else g


def _skew(x: Tensor) -> Tensor:
    return x - x.mT


def _identity(n: int, like: Tensor) -> Tensor:
    return eye(n, dtype=like.dtype, device=like.device)


# -- the primitives

_inv = primitive("inv", "x", x=lambda g, out: -(out.mT @ g @ out.mT))
_solve = primitive("solve", "x y", grads=_solve_rule)
_solve_triangular = primitive("solve_triangular", "x y | upper unit", grads=_solve_triangular_rule)
_cholesky = primitive("cholesky", "x", x=_cholesky_rule)
_qr = primitive("qr", "x | complete -> q r", grads=_qr_rule)
_svd = primitive("svd", "x | full -> u s vh", grads=_svd_rule)
_pinv = primitive("pinv", "x atol rtol", x=_pinv_rule)
_eigh = primitive("eigh", "x | lower -> w v", grads=_eigh_rule)
_det = primitive("det", "x", x=lambda g, x, out: g[..., None, None] * _cofactors(x, out))
_slogdet = primitive(
    "slogdet",
    "x -> sign logabsdet",
    grads=lambda g, needs, x: (None if g[1] is None else g[1][..., None, None] * inv(x).mT,),
)

# -- what they take


def matrices(name: str, x: Tensor, square: bool = False) -> Tensor:
    """x, checked to hold matrices of float32 or float64."""
    if not isinstance(x, Tensor):
        raise TypeError(f"linalg.{name}: expected a Tensor, got {type(x).__name__}")
    if x.array.dtype not in (dtypes.float32.numpy, dtypes.float64.numpy):
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point tensor of float32 or float64 as input. Got "
            f"{x.dtype}; convert with .float()"
        )
    if x.dim() < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions, got shape "
            f"{list(x.shape)}"
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {x.shape[-2]} by "
            f"{x.shape[-1]} matrices"
        )
    return x


def _with_batch(x: Tensor, batch: tuple[int, ...]) -> Tensor:
    shape = (*batch, *x.array.shape[-2:])
    return x if x.array.shape == shape else expand(x, shape)


def _two(name: str, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two operands of one type, with the same leading dimensions."""
    if a.array.dtype != b.array.dtype:
        raise RuntimeError(
            f"linalg.{name}: Expected A and B to have the same dtype, but found A of type "
            f"{a.dtype} and B of type {b.dtype} instead"
        )
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: Incompatible shapes of A and B for the equation AX = B "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )
    batch = batch_shape(f"linalg.{name}", a.array.shape[:-2], b.array.shape[:-2])
    return _with_batch(a, batch), _with_batch(b, batch)


def is_vector(a: Tensor, b: Tensor) -> bool:
    """Whether b holds a vector for each matrix of a, and not a matrix."""
    return b.dim() == 1 or (b.dim() == a.dim() - 1 and b.array.shape == a.array.shape[:-1])


# -- the public functions; their examples say minigrad.linalg, where programs find them


@printed_as("linalg_qr")
class QR(NamedTuple):
    """What qr returns."""

    Q: Tensor
    R: Tensor


@printed_as("linalg_svd")
class SVD(NamedTuple):
    """What svd returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


@printed_as("linalg_eigh")
class Eigh(NamedTuple):
    """What eigh returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


@printed_as("linalg_slogdet")
class SlogDet(NamedTuple):
    """What slogdet returns."""

    sign: Tensor
    logabsdet: Tensor


def inv(A: Tensor) -> Tensor:
    """out with A @ out = 1, for each square matrix of (..., n, n) (torch.linalg.inv).

    LinAlgError for a singular one, with its place in the batch. Multiply by no inverse where
    solve(A, B) will do: it is faster and more exact.

    >>> import minigrad
    >>> minigrad.linalg.inv(minigrad.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _inv(matrices("inv", A, square=True))


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A @ X = B, or X @ A = B unless `left` (torch.linalg.solve).

    A (..., n, n); B (..., n, k), or a vector (..., n) for each A; leading dimensions broadcast.
    LinAlgError for a singular A.

    >>> import minigrad
    >>> A = minigrad.tensor([[2.0, 0.0], [0.0, 4.0]])
    >>> minigrad.linalg.solve(A, minigrad.tensor([1.0, 1.0]))
    tensor([0.5000, 0.2500])
    """
    a = matrices("solve", A, square=True)
    if is_vector(a, B):
        if not left:
            raise RuntimeError("linalg.solve: vector systems are only there for left=True")
        return _solve(*_two("solve", a, B.unsqueeze(-1))).squeeze(-1)
    matrices("solve", B)
    return _solve(*_two("solve", a, B)) if left else _solve(*_two("solve", a.mT, B.mT)).mT


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with T @ X = B, or X @ T = B unless `left` (torch.linalg.solve_triangular).

    T is the upper or the lower triangle of A (..., n, n), with ones on its diagonal if
    `unitriangular`; nothing else of A is read. B (..., n, k); leading dimensions broadcast. A 0 on
    the diagonal gives inf or NaN.

    >>> import minigrad
    >>> A = minigrad.tensor([[2.0, 1.0], [0.0, 4.0]])
    >>> minigrad.linalg.solve_triangular(A, minigrad.tensor([[2.0], [4.0]]), upper=True)
    tensor([[0.5000],
            [1.0000]])
    """
    a, b = matrices("solve_triangular", A, square=True), matrices("solve_triangular", B)
    if not left:
        return solve_triangular(a.mT, b.mT, upper=not upper, unitriangular=unitriangular).mT
    return _solve_triangular(*_two("solve_triangular", a, b), bool(upper), bool(unitriangular))


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L @ L.T = A, or its transpose if `upper`
    (torch.linalg.cholesky).

    A (..., n, n) is symmetric and positive definite, LinAlgError otherwise; only its lower triangle
    is read (its upper one if `upper`). The gradient is that of a symmetric A.

    >>> import minigrad
    >>> minigrad.linalg.cholesky(minigrad.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    a = matrices("cholesky", A, square=True)
    return _cholesky(a.mT).mT if upper else _cholesky(a)


def qr(A: Tensor, mode: str = "reduced") -> QR:
    """(Q, R) with Q @ R = A, orthonormal columns in Q, and R upper triangular (torch.linalg.qr).

    For A (..., m, n) with k = min(m, n): Q (..., m, k) and R (..., k, n); with mode "complete" k is
    m; with "r" Q is empty. Gradients need linearly independent first k columns.

    >>> import minigrad
    >>> q, r = minigrad.linalg.qr(minigrad.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> (q @ r).round(decimals=3)
    tensor([[3., 1.],
            [4., 2.]])
    """
    a = matrices("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    q, r = _qr(a, mode == "complete")
    return QR(a.new_zeros(0) if mode == "r" else q, r)


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """(U, S, Vh) with U @ diag(S) @ Vh = A, singular values falling (torch.linalg.svd).

    For A (..., m, n) with k = min(m, n): U (..., m, m), S (..., k), Vh (..., n, n), or without
    `full_matrices` U (..., m, k) and Vh (..., k, n). The signs of the vectors are arbitrary:
    gradients make sense where the loss does not depend on them, and need distinct singular values.
    `driver` is for CUDA.

    >>> import minigrad
    >>> minigrad.linalg.svd(minigrad.tensor([[0.0, 2.0], [3.0, 0.0]])).S
    tensor([3., 2.])
    """
    if driver is not None:
        raise RuntimeError(f"linalg.svd: keyword argument `driver=` is for CUDA, got {driver!r}")
    return SVD(*_svd(matrices("svd", A), bool(full_matrices)))


def eigh(A: Tensor, UPLO: str = "L") -> Eigh:
    """(w, v) with v @ diag(w) @ v.T = A, eigenvalues rising (torch.linalg.eigh).

    A (..., n, n) is symmetric: only its lower triangle is read, or its upper one if `UPLO` is "U".
    The signs of the vectors are arbitrary; their gradients need distinct eigenvalues.

    >>> import minigrad
    >>> minigrad.linalg.eigh(minigrad.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues.round()
    tensor([1., 3.])
    """
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return Eigh(*_eigh(matrices("eigh", A, square=True), UPLO.upper() == "L"))


def det(A: Tensor) -> Tensor:
    """The determinant of each matrix of (..., n, n) (torch.linalg.det).

    The gradient is the matrix of cofactors, for singular matrices as well.

    >>> import minigrad
    >>> minigrad.linalg.det(minigrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    return _det(matrices("det", A, square=True))


def slogdet(A: Tensor) -> SlogDet:
    """(sign, log|det|) of each matrix of (..., n, n), without overflow (torch.linalg.slogdet).

    For a singular matrix sign 0, log -inf, and LinAlgError for its gradient.

    >>> import minigrad
    >>> sign, logabsdet = minigrad.linalg.slogdet(100 * minigrad.eye(50))
    >>> sign.item(), round(logabsdet.item())
    (1.0, 230)
    """
    return SlogDet(*_slogdet(matrices("slogdet", A, square=True)))


def pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The pseudoinverse of each matrix of (..., m, n), shape (..., n, m) (torch.linalg.pinv).

    Singular values up to max(atol, rtol * the largest) count as 0; both are numbers or tensors, one
    for each matrix. rtol is eps * max(m, n) unless given, or 0 where only atol is; `rcond` is its
    old name. With `hermitian` A is symmetric, and only its
    lower triangle is read.

    >>> import minigrad
    >>> minigrad.linalg.pinv(minigrad.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    a = matrices("pinv", A, square=hermitian)
    if hermitian:
        a = _symmetric(a)
    return _pinv(a, *tolerances(a, atol, rtol if rcond is None else rcond))


def _symmetric(x: Tensor) -> Tensor:
    """The symmetric matrix with the lower triangle of x. Its gradient is symmetric, as eigh's."""
    mean = (x + x.mT) / 2
    return mean + (tril(x) + tril(x, -1).mT - mean).detach()


def tolerances(x: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """atol and rtol, or their defaults: numbers, or tensors that broadcast against the singular
    values of x.
    """
    low, share = (_tolerance(x, given) for given in (atol, rtol))
    if rtol is None:
        usual = dtypes.finfo(x.dtype).eps * max(x.array.shape[-2:])
        is_tensor = isinstance(low, Tensor)
        share = where_(low > 0, 0.0, low * 0 + usual) if is_tensor else 0.0 if low > 0 else usual
    return low, share


def _tolerance(x: Tensor, given: Any) -> Any:
    if isinstance(given, Tensor):
        return cast(given.detach(), x.array.dtype).unsqueeze(-1)
    return float(given or 0.0)


# The top level of PyTorch has these, and the names of `legacy` in matrix.py; all are in linalg.py.
__all__ = ["det", "slogdet"]
