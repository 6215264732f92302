"""Products of vectors and matrices beyond linalg.py: composites of matmul and elementwise ops."""

from __future__ import annotations

from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.ops.axes import one_axis
from minigrad.ops.elementwise import clamp, meet, sqrt
from minigrad.ops.linalg import batch_shape, bmm, dot, matmul, mv, outer, plus
from minigrad.ops.norms import norm
from minigrad.ops.reduce import sum
from minigrad.ops.shape import roll_, unsqueeze, viewed
from minigrad.tensor import Tensor


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """out = beta * input + alpha * (mat @ vec); `input` broadcasts.

    >>> import minigrad
    >>> minigrad.addmv(minigrad.ones(2), minigrad.ones(2, 3), minigrad.ones(3), alpha=2)
    tensor([7., 7.])
    """
    return plus("addmv", input, mv(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """out[i, j] = beta * input[i, j] + alpha * vec1[i] * vec2[j]; `input` broadcasts.

    >>> import minigrad
    >>> minigrad.addr(minigrad.ones(2, 2), minigrad.ones(2), minigrad.tensor([1.0, 2.0]))
    tensor([[2., 3.],
            [2., 3.]])
    """
    product, target = outer(vec1, vec2), dtypes.result_dtype((input, vec1, vec2))
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if target not in dtypes.FLOATS and isinstance(factor, float):
            raise RuntimeError(
                f"addr(): For integral input tensors, argument {name} must not be a floating "
                f"point number, got {factor} for {target}"
            )
    return plus("addr", meet(input, target), meet(product, target), beta, alpha)


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """out = beta * input + alpha * the sum over b of batch1[b] @ batch2[b]; `input` broadcasts.

    >>> import minigrad
    >>> minigrad.addbmm(minigrad.zeros(1, 1), minigrad.ones(2, 1, 3), minigrad.ones(2, 3, 1))
    tensor([[6.]])
    """
    product = sum(bmm(batch1, batch2), 0, dtype=batch1.dtype)
    return plus("addbmm", input, product, beta, alpha)


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """dot: the sum of input[k] * other[k].

    >>> import minigrad
    >>> minigrad.vdot(minigrad.tensor([1, 2]), minigrad.tensor([3, 4]))
    tensor(11)
    """
    return dot(input, other)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """out[i..., j...] = the sum over k of input[i..., k] * other[j..., k]; a 0-d operand
    multiplies.

    >>> import minigrad
    >>> minigrad.inner(minigrad.tensor([[1, 2], [3, 4]]), minigrad.tensor([1, 10]))
    tensor([21, 43])
    """
    if not input.dim() or not other.dim():
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    x, y = (broadcast.reshape(t, (t.shape[:-1].numel(), t.shape[-1])) for t in (input, other))
    return broadcast.reshape(matmul(x, y.mT), (*input.shape[:-1], *other.shape[:-1]))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Every element of x times all of y, side by side: out[i * m + k] = x[i] * y[k] for y of m
    elements, and so on for every dim.

    >>> import minigrad
    >>> minigrad.kron(minigrad.tensor([1, 10]), minigrad.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    ndim = max(input.dim(), other.dim())
    x, y = ((1,) * (ndim - t.dim()) + t.array.shape for t in (input, other))
    apart = tuple([n for size in x for n in (size, 1)])
    close = tuple([n for size in y for n in (1, size)])
    product = broadcast.reshape(input, apart) * broadcast.reshape(other, close)
    return broadcast.reshape(product, tuple([n * m for n, m in zip(x, y, strict=True)]))


def cross(input: Tensor, other: Tensor, dim: Any = None) -> Tensor:
    """The vectors at right angles to those of x and y along `dim`, by default the first of size 3:
    out[i] = x[i + 1] y[i + 2] - x[i + 2] y[i + 1], counted modulo 3. The other dims broadcast.

    >>> import minigrad
    >>> minigrad.cross(minigrad.tensor([1, 0, 0]), minigrad.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    if input.dim() != other.dim():
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions, got "
            f"{input.dim()} and {other.dim()}"
        )
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"cross: no dimension of size 3 in input of {list(input.shape)}")
    axis = one_axis("cross", dim, input.dim())
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[axis]} and "
            f"{other.shape[axis]}"
        )
    x1, x2 = (roll_(input, (n,), (axis,)) for n in (-1, -2))
    y1, y2 = (roll_(other, (n,), (axis,)) for n in (-1, -2))
    return x1 * y2 - x2 * y1


def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "donot_use_mm_for_euclid_dist"
) -> Tensor:
    """out[..., i, j] = the p-norm of x1[..., i, :] - x2[..., j, :]; leading dimensions broadcast.

    The gradient at distance 0 is 0. `compute_mode` is accepted, and all is computed from the
    differences, as PyTorch does in the default's place for few points.

    >>> import minigrad
    >>> minigrad.cdist(minigrad.tensor([[0.0, 0.0]]), minigrad.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[5., 0.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype}")
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    batch_shape("cdist", x1.array.shape[:-2], x2.array.shape[:-2])
    difference = unsqueeze(x1, -2) - unsqueeze(x2, -3)
    if not difference.shape[-1]:
        return sum(difference, -1)
    return norm(difference, float(p), -1)


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of variables, x's rows: out[i, j] = the sum over the observations k of
    (x[i, k] - mean[i]) (x[j, k] - mean[j]) / (n - correction).

    Observations may have weights: how often each occurs (fweights, ints), how much it counts
    (aweights).

    >>> import minigrad
    >>> minigrad.cov(minigrad.tensor([[0.0, 2.0], [4.0, 0.0]]))
    tensor([[ 2., -4.],
            [-4.,  8.]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions, got {input.dim()}"
        )
    if input.dtype is dtypes.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.dim() == 2 else viewed(input, (1, input.numel()))
    x = x if x.dtype.is_floating_point else x.to(dtypes.get_default_dtype())
    weights = _weights(x.shape[1], fweights, aweights)
    total: Any = x.shape[1] if weights is None else weights.sum()
    mean = sum(x if weights is None else x * weights, 1, True) / total
    if weights is None or aweights is None or correction == 0:
        freedom = total - correction
    else:
        freedom = total - correction * (weights * aweights).sum() / total
    apart = x - mean
    product = matmul(apart, (apart if weights is None else apart * weights).mT)
    freedom = clamp(freedom, min=0) if isinstance(freedom, Tensor) else float(max(freedom, 0))
    out = product / freedom
    return broadcast.reshape(out, ()) if out.numel() == 1 else out


def _weights(n: int, fweights: Tensor | None, aweights: Tensor | None) -> Tensor | None:
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        if weights.dim() > 1 or weights.numel() != n:
            raise RuntimeError(
                f"cov(): expected {name} to have one weight for each of {n} observations, got "
                f"shape {list(weights.shape)}"
            )
        if weights.dtype.is_floating_point is (name == "fweights"):
            raise RuntimeError(f"cov(): expected {name} to be {_KINDS[name]}, got {weights.dtype}")
        if bool((weights < 0).any()):
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None or aweights is None:
        return fweights if aweights is None else aweights
    return fweights * aweights


_KINDS = {"fweights": "integral", "aweights": "floating point"}


def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables, x's rows: cov(x) divided by the standard deviations of both,
    within [-1, 1].

    >>> import minigrad
    >>> minigrad.corrcoef(minigrad.tensor([[0.0, 2.0], [4.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions, got {input.dim()}"
        )
    spread = cov(input)
    if not spread.dim():
        return spread / spread
    size = sqrt(spread.diagonal())
    return clamp(spread / unsqueeze(size, 1) / unsqueeze(size, 0), -1.0, 1.0)


# fmt: off
__all__ = [
    "addmv", "addr", "addbmm", "vdot", "inner", "kron", "cross", "cdist", "cov",
    "corrcoef",
]
# fmt: on
