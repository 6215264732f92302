"""From PyTorch's `dim` to the canonical axes of kernels: sorted, non-negative, each once."""

from __future__ import annotations

import itertools
from typing import Any


def one_axis(name: str, dim: Any, ndim: int) -> int:
    """One dimension as an axis; a 0-d tensor counts as having one, as in PyTorch."""
    if type(dim) is int and 0 <= dim < ndim:  # the usual case
        return dim
    bound = max(ndim, 1)
    try:
        dim = dim.__index__()
    except AttributeError:
        raise TypeError(f"{name}(): dim must be an int, got {type(dim).__name__}") from None
    if not -bound <= dim < bound:
        raise IndexError(
            f"{name}(): Dimension out of range (expected to be in range of [{-bound}, "
            f"{bound - 1}], but got {dim})"
        )
    return dim + bound if dim < 0 else dim


def axes_of(name: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """None, an int or several as sorted axes; None and () mean all of them."""
    if dim is None:
        return tuple(range(ndim))
    if hasattr(dim, "__index__"):
        axis = one_axis(name, dim, ndim)
        return (axis,) if ndim else ()
    axes = sorted(one_axis(name, d, ndim) for d in dim)
    for a, b in itertools.pairwise(axes):
        if a == b:
            raise RuntimeError(f"{name}(): dim {a} appears multiple times in the list of dims")
    return (tuple(axes) or tuple(range(ndim))) if ndim else ()
