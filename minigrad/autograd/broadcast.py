"""sum and expand, each other's gradient, and view: what the engine itself needs to undo
broadcasting.
"""

from __future__ import annotations

from typing import Any

from minigrad.autograd.primitive import primitive

Shape = tuple[int, ...]


def kept_dims(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """The shape with each of `axes` reduced to 1."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _sum_rule(g: Any, x_shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Any:
    if g.array.shape and not keepdims:  # a scalar expands to any shape as it is
        g = view(g, kept_dims(x_shape, axes))
    return expand(g, x_shape)


sum_ = primitive("sum", "x | axes keepdims", x=_sum_rule)
expand = primitive("expand", "x | shape", x=lambda g, x_shape: sum_to(g, x_shape), view=True)
_view = primitive("view", "x | shape", x=lambda g, x_shape: reshape(g, x_shape), view=True)


def check_expand(name: str, old: Shape, new: Shape) -> None:
    """Raises unless an array of shape `old` can be expanded to `new`."""
    extra = len(new) - len(old)
    if extra < 0:
        raise RuntimeError(
            f"{name}(): the number of sizes provided ({len(new)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({len(old)}): sizes {list(new)}, shape {list(old)}"
        )
    for i, n in enumerate(old, extra):
        if n != new[i] and n != 1:
            raise RuntimeError(
                f"{name}(): The expanded size of the tensor ({new[i]}) must match the existing "
                f"size ({n}) at non-singleton dimension {i}.  Target sizes: {list(new)}.  Tensor "
                f"sizes: {list(old)}"
            )


def view(x: Any, shape: Shape) -> Any:
    """x with another shape and the same memory; None where its strides do not allow that."""
    return x if x.array.shape == shape else _view(x, shape)


def alias(x: Any) -> Any:
    """x again, as a tensor and a node of its own."""
    return _view(x, x.array.shape)


def reshape(x: Any, shape: Shape) -> Any:
    """x with another shape: a view where there is one, else a copy."""
    out = view(x, shape)
    return view(contiguous(x), shape) if out is None else out


copy = primitive("copy", "x", x=lambda g: g)
contiguous = primitive("contiguous", "x", x=lambda g: g)


def sum_to(g: Any, shape: Shape) -> Any:
    """Sums g over the dimensions along which an input of `shape` was broadcast. See Note
    [Broadcasting].
    """
    if g.array.shape == shape:
        return g
    extra = len(g.array.shape) - len(shape)
    padded = (1,) * extra + shape
    axes = tuple(i for i, n in enumerate(padded) if n == 1 and g.array.shape[i] != 1 or i < extra)
    return view(sum_(g, axes, True), shape)
