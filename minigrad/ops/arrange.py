"""Arrangements: stacks, splits, grids and scattered slices, all composites of the ops of shape.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.autograd.inplace import copy_
from minigrad.autograd.primitive import cast
from minigrad.device import resolve
from minigrad.ops.axes import one_axis
from minigrad.ops.index import _numbers, index_, nonzero
from minigrad.ops.reduce import cumprod
from minigrad.ops.shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    cat,
    diag,
    diagonal,
    flip,
    ints,
    meshgrid,
    pad_,
    select,
    slice_,
    split,
    stack,
    transpose,
    whole,
)
from minigrad.tensor import Tensor, wrap

# -- side by side


def hstack(tensors: Any) -> Tensor:
    """The tensors side by side: along dim 1, vectors along dim 0.

    >>> import minigrad
    >>> minigrad.hstack([minigrad.tensor([1, 2]), minigrad.tensor([3])])
    tensor([1, 2, 3])
    """
    xs = _some("hstack", tensors, atleast_1d)
    return cat(xs, 0 if xs[0].dim() == 1 else 1)


def vstack(tensors: Any) -> Tensor:
    """The tensors one below the other, along dim 0; vectors are rows.

    >>> import minigrad
    >>> minigrad.vstack([minigrad.tensor([1, 2]), minigrad.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat(_some("vstack", tensors, atleast_2d), 0)


def dstack(tensors: Any) -> Tensor:
    """The tensors one behind the other, along dim 2; vectors count as (1, n, 1), matrices as
    (m, n, 1).

    >>> import minigrad
    >>> minigrad.dstack([minigrad.tensor([1, 2]), minigrad.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat(_some("dstack", tensors, atleast_3d), 2)


def column_stack(tensors: Any) -> Tensor:
    """hstack in which vectors are columns.

    >>> import minigrad
    >>> minigrad.column_stack([minigrad.tensor([1, 2]), minigrad.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """

    def as_column(x: Tensor) -> Tensor:
        return broadcast.reshape(x, (x.numel(), 1)) if x.dim() < 2 else x

    return cat(_some("column_stack", tensors, as_column), 1)


row_stack = vstack


def _some(name: str, tensors: Any, change: Callable[[Tensor], Any]) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not all(isinstance(x, Tensor) for x in tensors):
        raise TypeError(f"{name}(): expected a tuple or list of Tensors")
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return [change(x) for x in tensors]


def block_diag(*tensors: Tensor) -> Tensor:
    """The matrices along the diagonal of a matrix of zeros; vectors are rows.

    >>> import minigrad
    >>> minigrad.block_diag(minigrad.tensor([1, 2]), minigrad.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    for i, x in enumerate(tensors):
        if x.dim() > 2:
            raise RuntimeError(
                "block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {x.dim()} dimensions"
            )
    blocks: list[Tensor] = [atleast_2d(x) for x in tensors]
    width, rows, left = sum(x.shape[1] for x in blocks), [], 0
    for x in blocks:
        n = x.shape[1]
        rows.append(pad_(x, ((0, 0), (left, width - left - n)), 0))
        left += n
    return cat(rows, 0)


# -- apart


def tensor_split(input: Tensor, indices_or_sections: Any, dim: Any = 0) -> tuple[Tensor, ...]:
    """Views of x cut along `dim`: into so many parts, the first ones larger by one where it does
    not come out even; or before the indices given, a list or a tensor.

    >>> import minigrad
    >>> minigrad.tensor_split(minigrad.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    >>> minigrad.tensor_split(minigrad.arange(5), (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    shape = input.array.shape
    if not shape:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, got 0-d")
    axis = one_axis("tensor_split", dim, len(shape))
    at, n = _cuts(indices_or_sections), shape[axis]
    if not isinstance(at, int):
        bounds = [slice(*part, 1) for part in itertools.pairwise([0, *at, n])]
        return tuple([_part(input, axis, bound) for bound in bounds])
    if at <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {at}")
    return split(input, [n // at + (i < n % at) for i in range(at)], axis)


def _cuts(given: Any) -> Any:
    """A number of sections as an int, indices as a list."""
    if isinstance(given, Tensor):
        if given.dim() > 1 or given.dtype is not dtypes.int64:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                f"one-dimensional int64 tensor, got {given.dtype} of shape {list(given.shape)}"
            )
        return given.tolist()
    return given.__index__() if hasattr(given, "__index__") else list(given)


def _part(x: Tensor, axis: int, part: slice) -> Tensor:
    start, stop, step = part.indices(x.array.shape[axis])
    cut = slice(start, max(start, stop), step)
    return slice_(x, (*whole(x.array.shape[:axis]), cut, *whole(x.array.shape[axis + 1 :])))


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along dim 1, of a vector along dim 0; into parts of one size (RuntimeError).

    >>> import minigrad
    >>> minigrad.hsplit(minigrad.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _even_split("hsplit", input, indices_or_sections, 0 if input.dim() == 1 else 1, 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along dim 0, of at least two; into parts of one size (RuntimeError).

    >>> import minigrad
    >>> minigrad.vsplit(minigrad.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _even_split("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along dim 2; into parts of one size (RuntimeError).

    >>> import minigrad
    >>> minigrad.dsplit(minigrad.zeros(1, 1, 4), 2)[1].shape
    minigrad.Size([1, 1, 2])
    """
    return _even_split("dsplit", input, indices_or_sections, 2, 3)


def _even_split(name: str, x: Tensor, at: Any, axis: int, dims: int) -> tuple[Tensor, ...]:
    if x.dim() < dims:
        raise RuntimeError(
            f"{name} requires a tensor with at least {dims} dimension(s), but got a tensor with "
            f"{x.dim()}"
        )
    n = x.array.shape[axis]
    if hasattr(at, "__index__") and not isinstance(at, Tensor) and (at <= 0 or n % at):
        raise RuntimeError(
            f"{name} attempted to split along dimension {axis}, but the size of the dimension {n} "
            f"is not divisible by the split_size {at}!"
        )
    return tensor_split(x, at, axis)


# -- turned


def fliplr(input: Tensor) -> Tensor:
    """x with its columns in reverse: flip of dim 1.

    >>> import minigrad
    >>> minigrad.fliplr(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.dim() < 2:
        raise RuntimeError(f"fliplr(): Input must be >= 2-d, got {input.dim()}-d")
    return flip(input, (1,))


def flipud(input: Tensor) -> Tensor:
    """x with its rows in reverse: flip of dim 0.

    >>> import minigrad
    >>> minigrad.flipud(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if not input.dim():
        raise RuntimeError("flipud(): Input must be >= 1-d, got 0-d")
    return flip(input, (0,))


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """x turned by k quarters, from the first of two dims towards the second.

    >>> import minigrad
    >>> minigrad.rot90(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2 or input.dim() < 2:
        raise RuntimeError(
            f"rot90(): expected two dims of a tensor with at least two, got dims={list(dims)} and "
            f"a tensor of {input.dim()}"
        )
    a, b = (one_axis("rot90", dim, input.dim()) for dim in dims)
    if a == b:
        raise RuntimeError(f"rot90(): expected rotation dims to be different, but got {dims}")
    if k % 4 == 1:
        return transpose(flip(input, (b,)), a, b)
    if k % 4 == 3:
        return flip(transpose(input, a, b), (b,))
    return flip(input, (a, b)) if k % 4 else broadcast.copy(input)


# -- grids and indices


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All tuples with one element of each vector, a row each.

    >>> import minigrad
    >>> minigrad.cartesian_prod(minigrad.tensor([1, 2]), minigrad.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    for x in tensors:
        if x.dim() != 1:
            raise RuntimeError(f"cartesian_prod(): Expect a 1D vector, but got shape {x.shape}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([x.reshape(x.numel()) for x in meshgrid(*tensors)], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a vector, in order, a row each.

    >>> import minigrad
    >>> minigrad.combinations(minigrad.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.dim() != 1:
        raise RuntimeError(f"combinations(): Expect a 1D vector, but got shape {input.shape}")
    if r < 0:
        raise RuntimeError(f"combinations(): Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.numel()), r)), np.int64).reshape(-1, r)
    return index_(input, [wrap(input.device.backend.from_host(rows), input.device)])


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None
) -> Tensor:
    """The positions of the lower triangle of a row x col matrix: two rows, of i and of j with
    j <= i + offset.

    >>> import minigrad
    >>> minigrad.tril_indices(2, 3)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", np.tril, row, col, offset, dtype, device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None
) -> Tensor:
    """The positions of the upper triangle of a row x col matrix: two rows, of i and of j with
    j >= i + offset.

    >>> import minigrad
    >>> minigrad.triu_indices(2, 3)
    tensor([[0, 0, 0, 1, 1],
            [0, 1, 2, 1, 2]])
    """
    return _triangle("triu_indices", np.triu, row, col, offset, dtype, device)


def _triangle(
    name: str, part: Any, row: int, col: int, offset: int, dtype: Any, device: Any
) -> Tensor:
    if row < 0 or col < 0:
        raise RuntimeError(f"{name}(): row and col must be non-negative, got {row} and {col}")
    if dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(f"{name}(): not implemented for {dtype}; int64 and int32 are")
    found = np.array(np.nonzero(part(np.ones((row, col), bool), offset)), dtype.numpy)
    place = resolve(device)
    return wrap(place.backend.from_host(found), place)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of a vector's elements, a row each: x^(N - 1) ... x, 1, or 1, x ... if
    `increasing`; N = len(x) unless given.

    >>> import minigrad
    >>> minigrad.vander(minigrad.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.dim() != 1:
        raise RuntimeError(f"vander(): x must be a one-dimensional tensor, got {x.dim()}-d")
    count = x.numel() if N is None else N
    if count < 0:
        raise RuntimeError(f"vander(): N must be non-negative, got {N}")
    if x.array.dtype not in dtypes.FLOATS:
        x = cast(x, dtypes.int64.numpy)
    column = broadcast.view(x, (x.numel(), 1))
    powers = column.new_ones(x.numel(), count)
    if count > 1:
        repeated = broadcast.expand(column, (x.numel(), count - 1))
        powers = cat([powers[:, :1], cumprod(repeated, 1)], 1)
    return powers if increasing else flip(powers, (1,))


def argwhere(input: Tensor) -> Tensor:
    """nonzero: the positions of elements that are not zero, (count, ndim).

    >>> import minigrad
    >>> minigrad.argwhere(minigrad.tensor([0, 5]))
    tensor([[1]])
    """
    return nonzero(input)


# -- a part replaced


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: Any = 0, dim2: Any = 1
) -> Tensor:
    """A copy of x with `src` on a diagonal.

    >>> import minigrad
    >>> minigrad.diagonal_scatter(minigrad.zeros(2, 2), minigrad.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _with_part(
        "diagonal_scatter", input, src, lambda x: diagonal(x, offset, dim1, dim2)
    )


def select_scatter(input: Tensor, src: Tensor, dim: Any, index: int) -> Tensor:
    """A copy of x with `src` at one index of `dim`.

    >>> import minigrad
    >>> minigrad.select_scatter(minigrad.zeros(2, 2), minigrad.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    return _with_part("select_scatter", input, src, lambda x: select(x, dim, index))


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: Any = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy of x with `src` at start, start + step ... before end, along `dim`.

    >>> import minigrad
    >>> minigrad.slice_scatter(minigrad.zeros(4), minigrad.ones(2), start=0, step=2)
    tensor([1., 0., 1., 0.])
    """
    axis = one_axis("slice_scatter", dim, input.dim())
    if step <= 0:
        raise RuntimeError(f"slice_scatter(): slice step must be positive, got {step}")
    return _with_part(
        "slice_scatter", input, src, lambda x: _part(x, axis, slice(start, end, step))
    )


def _with_part(name: str, x: Tensor, src: Tensor, view: Callable[[Tensor], Tensor]) -> Tensor:
    out = broadcast.copy(x)
    part = view(out)
    if part.array.shape != src.array.shape:
        raise RuntimeError(
            f"{name}(): expected src to have a size equal to the part of self it replaces. src "
            f"size = {list(src.shape)}, part size = {list(part.shape)}"
        )
    copy_(part, src)
    return out


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """out[i, j ...] = the element storage_offset + i * stride[0] + j * stride[1] ... of x, in its
    order. A copy; RuntimeError where x is a view, whose memory has more than x, or too small.

    >>> import minigrad
    >>> minigrad.as_strided(minigrad.arange(5), (3, 2), (1, 2))
    tensor([[0, 2],
            [1, 3],
            [2, 4]])
    """
    shape, steps = ints("as_strided", (size,)), ints("as_strided", (stride,))
    if len(shape) != len(steps):
        raise RuntimeError(
            f"as_strided(): mismatch in length of strides and shape: {list(steps)}, {list(shape)}"
        )
    if min((*shape, *steps), default=0) < 0:
        raise RuntimeError(f"as_strided(): negative sizes or strides: {shape}, {steps}")
    if not input.is_contiguous() or (input._base is not None and input._base.shape != input.shape):
        raise RuntimeError("as_strided(): takes whole, contiguous tensors; clone() makes one")
    first = storage_offset or 0
    last = first + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    if math.prod(shape) and last >= input.numel():
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {first} "
            f"require {last + 1} elements, out of bounds for a tensor of {input.numel()}"
        )
    at = _numbers(input, 1, (1,) * len(shape)) + first
    for axis, (n, step) in enumerate(zip(shape, steps, strict=True)):
        at = at + _numbers(input, n, (n,) + (1,) * (len(shape) - axis - 1)) * step
    return index_(broadcast.reshape(input, (input.numel(),)), [at])


# -- PyTorch's smaller names


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with the elements of x on a diagonal.

    >>> import minigrad
    >>> minigrad.diagflat(minigrad.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag(broadcast.reshape(input, (input.numel(),)), offset)


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix; ints give int64.

    >>> import minigrad
    >>> minigrad.trace(minigrad.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input.dim() != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.dim()}")
    return diagonal(input).sum()


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: Any = 0) -> tuple[Tensor, ...]:
    """split into pieces of the sizes given.

    >>> import minigrad
    >>> minigrad.split_with_sizes(minigrad.arange(3), (1, 2))
    (tensor([0]), tensor([1, 2]))
    """
    return split(input, list(split_sizes), dim)


# fmt: off
__all__ = [
    "hstack", "vstack", "row_stack", "dstack", "column_stack", "block_diag", "tensor_split",
    "hsplit", "vsplit", "dsplit", "fliplr", "flipud", "rot90", "cartesian_prod", "combinations",
    "tril_indices", "triu_indices", "vander", "argwhere", "diagonal_scatter", "select_scatter",
    "slice_scatter", "as_strided", "diagflat", "trace", "split_with_sizes",
]
# fmt: on
