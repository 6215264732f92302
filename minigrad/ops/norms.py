"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.autograd.broadcast import sum_
from minigrad.autograd.inplace import where_
from minigrad.autograd.primitive import cast
from minigrad.ops.axes import axes_of, one_axis
from minigrad.ops.elementwise import abs, pow, sqrt, square
from minigrad.ops.matrix import svdvals
from minigrad.ops.reduce import _in_float32 as in_float32
from minigrad.ops.reduce import _max as max_
from minigrad.ops.reduce import _min as min_
from minigrad.ops.reduce import _off_zero as off_zero
from minigrad.ops.reduce import amax, amin, sum
from minigrad.ops.shape import movedim
from minigrad.tensor import Tensor

FLOAT16 = dtypes.float16.numpy


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """out = sum(|x|^ord)^(1/ord) over `dim`, all dims unless given (torch.linalg.vector_norm).

    ord = inf gives the largest |x|, -inf the smallest, 0 the number of elements that are not 0. Its
    gradient at x = 0 is 0. For floating-point types only (RuntimeError).

    >>> import minigrad
    >>> minigrad.linalg.vector_norm(minigrad.tensor([[3.0, 4.0], [1.0, 0.0]]), dim=1)
    tensor([5., 1.])
    """
    x = _floats("linalg.vector_norm", x, dtype)
    if x.array.dtype == FLOAT16:
        return in_float32(vector_norm, x, ord, dim, keepdim)
    p = float(ord)
    axes = axes_of("linalg.vector_norm", dim, x.dim())
    if p == 2:
        return off_zero(sqrt, sum_(square(x), axes, keepdim), 0.0)
    if p == 0:
        return sum_(where_(x != 0, 1.0, x * 0), axes, keepdim)
    size = abs(x)
    if (math.isinf(p) or p < 0) and 0 in [x.array.shape[axis] for axis in axes]:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the "
            f"operation does not have an identity: shape {list(x.shape)}"
        )
    if math.isinf(p):
        return (max_ if p > 0 else min_)(size, axes, keepdim)
    if p == 1:
        return sum_(size, axes, keepdim)
    at_zero = 0.0 if p > 0 else math.inf
    powers = sum_(off_zero(lambda y: pow(y, p), size, at_zero), axes, keepdim)
    return off_zero(lambda y: pow(y, 1 / p), powers, at_zero)


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of each matrix of (..., m, n), or over two other dims (torch.linalg.matrix_norm).

    "fro": the root of the sum of squares; "nuc": the sum of the singular values; 2, -2: the
    largest, the smallest of them; 1, -1: the largest, the smallest sum of |x| over a column; inf,
    -inf: over a row.

    >>> import minigrad
    >>> minigrad.linalg.matrix_norm(minigrad.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
    tensor(6.)
    """
    x = _floats("linalg.matrix_norm", A, dtype)
    if x.dim() < 2 or len(dim) != 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions, and dim must "
            f"be two of them: shape {list(x.shape)}, dim {dim}"
        )
    row, column = (one_axis("linalg.matrix_norm", d, x.dim()) for d in dim)
    if row == column:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got {tuple(dim)}")
    if ord == "fro":
        return vector_norm(x, 2, (row, column), keepdim)
    if ord in ("nuc", 2, -2):
        s = svdvals(movedim(x, (row, column), (-2, -1)))
        out = sum(s, -1) if ord == "nuc" else _largest(s, -1) if ord == 2 else amin(s, -1)
    elif ord in (1, -1, math.inf, -math.inf):
        inner, outer = (row, column) if ord in (1, -1) else (column, row)
        out = (_largest if ord > 0 else amin)(sum(abs(x), inner, True), (inner, outer))
    else:
        raise RuntimeError(
            f"linalg.matrix_norm: Order {ord!r} not supported: 'fro', 'nuc', 1, 2, inf, and the "
            "last three negated are"
        )
    if not keepdim:
        return out
    kept = tuple(1 if i in (row, column) else n for i, n in enumerate(x.array.shape))
    return broadcast.reshape(out, kept)


def _largest(x: Tensor, axes: Any) -> Tensor:
    """The largest of numbers that are not negative: 0 where there are none."""
    return sum(x, axes) if 0 in x.array.shape else amax(x, axes)


def linalg_norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """matrix_norm over two dims, vector_norm over one, or over all without `ord`
    (torch.linalg.norm).

    >>> import minigrad
    >>> minigrad.linalg.norm(minigrad.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    dims = tuple(range(A.dim())) if dim is None else _tuple(dim)
    if len(dims) not in (1, 2) or (dim is None and A.dim() not in (1, 2)):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D; else dim "
            f"must be one or two of its dims. Got {A.dim()}D, dim {dim}"
        )
    if len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: Order {ord!r} is for matrices, and {dim=} is one dim")
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """out = sum(|x|^p)^(1/p) over `dim`; its gradient at x = 0 is 0.

    p = "fro" is 2, inf gives the largest |x|, 0 the number of elements that are not 0, "nuc" the
    sum of the singular values of a matrix, or over two dims. For floating-point types only
    (RuntimeError).

    >>> import minigrad
    >>> minigrad.tensor([3.0, 4.0]).norm()
    tensor(5.)
    """
    if p == "nuc":
        dims = range(input.dim()) if dim is None else _tuple(dim)
        return matrix_norm(input, "nuc", tuple(dims), keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"norm(): p is a number, 'fro' or 'nuc', got '{p}'")
    power = 2 if p == "fro" or p is None else p
    return vector_norm(_floats("norm()", input, dtype), power, dim, keepdim)


def dist(input: Tensor, other: Tensor, p: Any = 2) -> Tensor:
    """out = norm(x - y, p), over all elements; x and y broadcast.

    >>> import minigrad
    >>> minigrad.dist(minigrad.tensor([3.0, 5.0]), minigrad.tensor([0.0, 1.0]))
    tensor(5.)
    """
    return norm(input - other, p)


def _tuple(dim: Any) -> Sequence[int]:
    return (dim,) if hasattr(dim, "__index__") else tuple(dim)


def _floats(name: str, x: Tensor, dtype: Any) -> Tensor:
    """x in `dtype`, checked to be a floating-point type."""
    if dtype is not None and x.array.dtype != dtypes.as_numpy(dtype):
        x = cast(x, dtypes.as_numpy(dtype))
    if x.array.dtype not in dtypes.FLOATS:
        raise RuntimeError(
            f"{name}: Expected a floating point tensor as input. Got {x.dtype}; convert with "
            ".float()"
        )
    return x


__all__ = ["norm", "dist"]
