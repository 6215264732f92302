"""Shape: views that move no data, cutting and joining, and the copies that move elements about.

The primitives here are linear. Each one's gradient is its adjoint, and that one's gradient is the
op again:

    permute    the inverse permute          pad     the slice inside
    slice      unslice                      cat     the slices (split: cat)
    diagonal   undiagonal                   flip    flip
    unfold     fold                         roll    roll back
    expand     sum (autograd/broadcast.py)  tril    tril, and triu triu

A view shares its input's memory: a write through one is seen in the other.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.autograd.broadcast import Shape
from minigrad.autograd.inplace import refuse_leaf, refuse_unwritable
from minigrad.autograd.mode import mode
from minigrad.autograd.node import Output
from minigrad.autograd.primitive import Op, broadcast_error, cast, primitive, record
from minigrad.autograd.primitive import _fit as fit
from minigrad.names import numpy_names
from minigrad.ops.axes import axes_of, one_axis
from minigrad.tensor import Size, Tensor, wrap

Key = tuple[Any, ...]


def zeros(shape: Shape, g: Tensor) -> Tensor:
    """Zeros of the type and device of g: where rules put gradients into."""
    return wrap(g.device.backend.full(shape, 0, g.array.dtype), g.device)


@lru_cache(maxsize=1024)
def whole(shape: Shape) -> Key:
    """The key of slice that takes everything."""
    return tuple([slice(0, n, 1) for n in shape])


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _inside(x_shape: Shape, widths: Any) -> Key:
    return tuple([slice(low, low + n, 1) for n, (low, _) in zip(x_shape, widths, strict=True)])


def _cat_rule(g: Tensor, needs: Sequence[bool], xs_shape: Sequence[Shape], axis: int) -> Any:
    keys = keys_along(g.array.shape, axis, [shape[axis] for shape in xs_shape])
    return [slice_(g, key) if need else None for need, key in zip(needs, keys, strict=True)]


permute_ = primitive(
    "permute", "x | axes", view=True, x=lambda g, axes: permute_(g, _inverse(axes))
)
slice_ = primitive(
    "slice", "x | key", view=True, x=lambda g, x_shape, key: unslice(g, x_shape, key)
)
unslice = primitive("unslice", "x | shape key", x=lambda g, key: slice_(g, key))
diagonal_ = primitive(
    "diagonal",
    "x | offset axis1 axis2",
    view=True,
    x=lambda g, x_shape, offset, axis1, axis2: undiagonal(g, x_shape, offset, axis1, axis2),
)
undiagonal = primitive(
    "undiagonal",
    "x | shape offset axis1 axis2",
    x=lambda g, offset, axis1, axis2: diagonal_(g, offset, axis1, axis2),
)
unfold_ = primitive(
    "unfold",
    "x | axis size step",
    view=True,
    x=lambda g, x_shape, axis, size, step: fold(g, x_shape, axis, size, step),
)
fold = primitive(
    "fold", "x | shape axis size step", x=lambda g, axis, size, step: unfold_(g, axis, size, step)
)
pad_ = primitive(
    "pad", "x | widths value", x=lambda g, x_shape, widths: slice_(g, _inside(x_shape, widths))
)
cat_ = primitive("cat", "xs* | axis", grads=_cat_rule)
flip_ = primitive("flip", "x | axes", x=lambda g, axes: flip_(g, axes))
roll_ = primitive(
    "roll", "x | shifts axes", x=lambda g, shifts, axes: roll_(g, tuple([-n for n in shifts]), axes)
)
tril_ = primitive("tril", "x | k", x=lambda g, k: tril_(g, k))
triu_ = primitive("triu", "x | k", x=lambda g, k: triu_(g, k))


def ints(name: str, args: Sequence[Any], keyword: Any = None) -> tuple[int, ...]:
    """The ints that f(x, 2, 3), f(x, (2, 3)) and f(x, [2, 3]) mean, and f(x, keyword=(2, 3))."""
    if keyword is not None:
        args = (*args, keyword)
    if len(args) == 1 and isinstance(args[0], list | tuple):
        args = args[0]
    try:
        return tuple(map(operator.index, args))
    except TypeError:
        raise TypeError(f"{name}(): expected ints or a tuple of ints, got {tuple(args)}") from None


# -- the same elements in another shape


def reshape(input: Tensor, *args: Any, shape: Any = None) -> Tensor:
    """The elements of x, in order, in another shape; one size may be -1.

    A view where the strides allow one, else a copy. Raises RuntimeError where the sizes do not
    multiply up.

    >>> import minigrad
    >>> minigrad.reshape(minigrad.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    new = _resolve(ints("reshape", args, shape), input.array.shape)
    return broadcast.alias(input) if new == input.array.shape else broadcast.reshape(input, new)


def view(input: Tensor, *args: Any, size: Any = None) -> Tensor:
    """As reshape, but never a copy: raises RuntimeError where the strides allow no view.

    >>> import minigrad
    >>> minigrad.arange(6).view(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if len(args) == 1 and isinstance(args[0], dtypes.DType):
        raise NotImplementedError(
            "view(dtype): minigrad does not reinterpret memory; to(dtype) converts the values"
        )
    out = viewed(input, _resolve(ints("view", args, size), input.array.shape))
    if out is None:
        raise RuntimeError(
            "view(): view size is not compatible with input tensor's size and stride (at least "
            f"one dimension spans across two contiguous subspaces): shape {list(input.shape)}, "
            f"strides {list(input.stride())}, wanted {list(ints('view', args, size))}. Use "
            ".reshape(...) instead."
        )
    return out


def viewed(x: Tensor, shape: Shape) -> Any:
    """A new tensor on x's memory, in a shape that only adds or drops axes of size 1."""
    return broadcast.alias(x) if x.array.shape == shape else broadcast.view(x, shape)


def _resolve(shape: Shape, old: Shape) -> Shape:
    """The shape with its -1 worked out, checked to hold as many elements as `old`."""
    count = math.prod(old)
    if shape and min(shape) < 0:
        shape = _infer(shape, count)
    if math.prod(shape) != count:
        raise _wrong_count(shape, count)
    return shape


def _wrong_count(shape: Shape, count: int) -> RuntimeError:
    return RuntimeError(
        f"shape '{list(shape)}' is invalid for input of size {count}: view() and reshape() keep "
        "every element; one size may be -1"
    )


def _infer(shape: Shape, count: int) -> Shape:
    at = shape.index(min(shape))
    if shape[at] < -1:
        raise RuntimeError(
            f"invalid shape dimension {shape[at]} at index {at} of shape {list(shape)}"
        )
    if shape.count(-1) > 1:
        raise RuntimeError(f"only one dimension can be inferred, got shape {list(shape)}")
    known = math.prod(shape[:at] + shape[at + 1 :])
    if known == 0 and count == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
            "dimension size -1 can be any value and is ambiguous"
        )
    if known == 0 or count % known:
        raise _wrong_count(shape, count)
    return (*shape[:at], count // known, *shape[at + 1 :])


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from start_dim to end_dim made one.

    >>> import minigrad
    >>> minigrad.flatten(minigrad.zeros(2, 3, 4), 1).shape
    minigrad.Size([2, 12])
    """
    shape = input.array.shape
    start, end = (one_axis("flatten", dim, len(shape)) for dim in (start_dim, end_dim))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return viewed(input, (1,))
    if start == end:
        return input
    return broadcast.reshape(
        input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    )


def ravel(input: Tensor) -> Tensor:
    """All elements in one dim.

    >>> import minigrad
    >>> minigrad.ravel(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(input, -1) if input.numel() else reshape(input, 0)


def unflatten(input: Tensor, dim: Any, sizes: Any) -> Tensor:
    """Dim `dim` made several, of `sizes`; one of them may be -1.

    >>> import minigrad
    >>> minigrad.unflatten(minigrad.zeros(2, 12), 1, (3, 4)).shape
    minigrad.Size([2, 3, 4])
    """
    shape = input.array.shape
    axis = one_axis("unflatten", dim, len(shape))
    sizes = ints("unflatten", (sizes,))
    try:
        resolved = _resolve(sizes, shape[axis : axis + 1])
    except RuntimeError as error:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} "
            f"({shape[axis]}) in the input tensor: {error}"
        ) from None
    return viewed(input, (*shape[:axis], *resolved, *shape[axis + 1 :]))


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """x without its dims of size 1: all of them, or those named by `dim` (an int or several).

    >>> import minigrad
    >>> minigrad.squeeze(minigrad.zeros(1, 2, 1)).shape
    minigrad.Size([2])
    """
    shape = input.array.shape
    axes = (dim,) if hasattr(dim, "__index__") else range(len(shape)) if dim is None else dim
    axes = [one_axis("squeeze", axis, len(shape)) for axis in axes]
    return viewed(input, tuple([n for i, n in enumerate(shape) if n != 1 or i not in axes]))


def unsqueeze(input: Tensor, dim: Any) -> Tensor:
    """x with a new dim of size 1 at position `dim`.

    >>> import minigrad
    >>> minigrad.zeros(3).unsqueeze(-1).shape
    minigrad.Size([3, 1])
    """
    shape = input.array.shape
    axis = one_axis("unsqueeze", dim, len(shape) + 1)
    return viewed(input, (*shape[:axis], 1, *shape[axis:]))


def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one dim.

    >>> import minigrad
    >>> minigrad.atleast_1d(minigrad.tensor(5))
    tensor([5])
    """
    return _each(lambda x: x if x.dim() else viewed(x, (1,)), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two dims: a vector becomes a row.

    >>> import minigrad
    >>> minigrad.atleast_2d(minigrad.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each(
        lambda x: viewed(x, (1,) * (2 - x.dim()) + x.array.shape) if x.dim() < 2 else x, tensors
    )


def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three dims: a vector becomes (1, n, 1), a matrix (m, n, 1).

    >>> import minigrad
    >>> minigrad.atleast_3d(minigrad.ones(2)).shape, minigrad.atleast_3d(minigrad.ones(2, 3)).shape
    (minigrad.Size([1, 2, 1]), minigrad.Size([2, 3, 1]))
    """
    return _each(lambda x: unsqueeze(atleast_2d(x), -1) if x.dim() < 3 else x, tensors)


def _each(function: Any, tensors: tuple[Any, ...]) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return function(tensors[0])
    return tuple([function(x) for x in (tensors[0] if len(tensors) == 1 else tensors)])


def reshape_inplace(x: Tensor, view: Tensor) -> Tensor:
    """Makes x what `view`, a view of all of x, is; for unsqueeze_ and its like.

    What x was lives on in a tensor that nobody sees, and becomes the root of x and of x's views:
    see Note [Views].
    """
    if not mode.grad:
        x.array = view.array
        return x
    refuse_unwritable(x)
    refuse_leaf(x)
    base = view.base
    if x.base is None:
        root = wrap(x.array, x.device)
        root.node, root.version = x.node, x.version
        for other in [ref() for ref in x.version.views]:
            if other is not None and other.base[0] is x:
                other.base = (root, other.base[1])
        base = (root, base[1])
    x.array, x.node, x.base = view.array, view.node, base
    x.version.add_view(x)
    return x


# -- dims in another order


def permute(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """A view of x with dim dims[i] as dim i.

    >>> import minigrad
    >>> minigrad.zeros(2, 3, 5).permute(2, 0, 1).shape
    minigrad.Size([5, 2, 3])
    """
    axes, ndim = ints("permute", args, dims), input.dim()
    if len(axes) != ndim:
        raise RuntimeError(
            "permute(): number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = "
            f"{len(axes)}"
        )
    axes = tuple([one_axis("permute", dim, ndim) for dim in axes])
    if len(set(axes)) != ndim:
        raise RuntimeError(f"permute(): duplicate dims are not allowed, got {list(axes)}")
    return permute_(input, axes)


def transpose(input: Tensor, dim0: Any, dim1: Any) -> Tensor:
    """A view of x with two dims exchanged.

    >>> import minigrad
    >>> minigrad.transpose(minigrad.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([[1, 3],
            [2, 4]])
    """
    ndim = input.dim()
    a, b = one_axis("transpose", dim0, ndim), one_axis("transpose", dim1, ndim)
    axes = list(range(ndim))
    if ndim:
        axes[a], axes[b] = b, a
    return permute_(input, tuple(axes))


swapaxes = swapdims = transpose


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and 0-d tensors stay what they are.

    >>> import minigrad
    >>> minigrad.t(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input.dim()}D; use transpose "
            "or mT"
        )
    return permute_(input, tuple(range(input.dim()))[::-1])


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """A view of x with dim source[i] moved to destination[i], the others in their order.

    >>> import minigrad
    >>> minigrad.movedim(minigrad.zeros(2, 3, 4), 0, -1).shape
    minigrad.Size([3, 4, 2])
    """
    ndim = input.dim()
    pairs = []
    for name, dims in (("source", source), ("destination", destination)):
        axes = [
            one_axis("movedim", dim, ndim)
            for dim in ints("movedim", dims if isinstance(dims, list | tuple) else (dims,))
        ]
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({axes})")
        pairs.append(axes)
    if len(pairs[0]) != len(pairs[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({pairs[0]} dims) should contain "
            f"the same number of dims as destination ({pairs[1]} dims)"
        )
    order = [axis for axis in range(ndim) if axis not in pairs[0]]
    for target, axis in sorted(zip(pairs[1], pairs[0], strict=True)):
        order.insert(target, axis)
    return permute_(input, tuple(order) if ndim else ())


moveaxis = movedim


# -- broadcasting


def expand(input: Tensor, *args: Any, size: Any = None) -> Tensor:
    """A view of x in a larger shape: dims of size 1 repeat, new ones come in front, -1 keeps.

    >>> import minigrad
    >>> minigrad.tensor([[1], [2]]).expand(-1, 2)
    tensor([[1, 1],
            [2, 2]])
    """
    return _expand("expand", input, ints("expand", args, size))


def _expand(name: str, x: Tensor, sizes: Shape) -> Tensor:
    old = x.array.shape
    if sizes and min(sizes) < 0:
        sizes = _keep_sizes(name, sizes, old)
    broadcast.check_expand(name, old, sizes)
    return broadcast.expand(x, sizes)


def _keep_sizes(name: str, sizes: Shape, old: Shape) -> Shape:
    """The sizes with each -1 replaced by the size that is there."""
    extra = len(sizes) - len(old)
    for i, n in enumerate(sizes):
        if n < -1 or (n == -1 and i < extra):
            raise RuntimeError(
                f"{name}(): The expanded size of the tensor ({n}) isn't allowed in dimension {i}, "
                f"which the tensor of shape {list(old)} {'lacks' if i < extra else 'has'}"
            )
    return tuple([old[i - extra] if n == -1 else n for i, n in enumerate(sizes)])


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """x expanded to the shape of `other`.

    >>> import minigrad
    >>> minigrad.tensor([1, 2]).expand_as(minigrad.zeros(2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return _expand("expand_as", input, other.array.shape)


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """x expanded to `size`.

    >>> import minigrad
    >>> minigrad.broadcast_to(minigrad.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return _expand("broadcast_to", input, ints("broadcast_to", (size,)))


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape in which tensors of these shapes meet.

    >>> import minigrad
    >>> minigrad.broadcast_shapes((3, 1), (2,))
    minigrad.Size([3, 2])
    """
    return Size(
        common_shape("broadcast_shapes", [ints("broadcast_shapes", (shape,)) for shape in shapes])
    )


def common_shape(name: str, shapes: Sequence[Shape]) -> Shape:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise broadcast_error(name, shapes) from None


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors, each expanded to the shape in which all meet.

    >>> import minigrad
    >>> [x.shape for x in minigrad.broadcast_tensors(minigrad.ones(3, 1), minigrad.ones(2))]
    [minigrad.Size([3, 2]), minigrad.Size([3, 2])]
    """
    members = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else tensors
    shape = common_shape("broadcast_tensors", [x.array.shape for x in members])
    return tuple([broadcast.expand(x, shape) for x in members])


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """x summed over the dims along which a tensor of `size` would be expanded to x's shape.

    >>> import minigrad
    >>> minigrad.ones(3, 2).sum_to_size(1, 2)
    tensor([[3., 3.]])
    """
    shape, old = ints("sum_to_size", size), input.array.shape
    tail = old[len(old) - len(shape) :]
    if len(shape) > len(old) or any(n not in (1, m) for n, m in zip(shape, tail, strict=True)):
        raise RuntimeError(
            f"sum_to_size(): size {{{list(shape)}}} is not expandable to size {{{list(old)}}}."
        )
    if (shape != old or not shape) and input.array.dtype not in dtypes.FLOATS:
        input = input.long()  # as sum has it
    return broadcast.sum_to(input, shape)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid: out[k][i0, i1, ...] = tensors[k][ik], for 1-D tensors.

    indexing="xy" exchanges the first two.

    >>> import minigrad
    >>> x, y = minigrad.meshgrid(minigrad.arange(2), minigrad.arange(3), indexing="ij")
    >>> y
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f"meshgrid: indexing must be one of 'xy' or 'ij', but received: {indexing}"
        )
    members = (
        list(tensors[0])
        if len(tensors) == 1 and not isinstance(tensors[0], Tensor)
        else list(tensors)
    )
    if any(x.dim() > 1 for x in members):
        raise RuntimeError(
            f"meshgrid: Expected 0D or 1D tensors, got shapes {[tuple(x.shape) for x in members]}"
        )
    if indexing == "xy" and len(members) > 1:
        first, second, *rest = meshgrid(members[1], members[0], *members[2:])
        return (second, first, *rest)
    shape = tuple([x.numel() for x in members])
    return tuple(
        [
            broadcast.expand(broadcast.view(x, (x.numel(),) + (1,) * (len(members) - i - 1)), shape)
            for i, x in enumerate(members)
        ]
    )


# -- joining and cutting


@numpy_names
def cat(tensors: Any, dim: Any = 0) -> Tensor:
    """The tensors one after the other along `dim`, in the type in which they meet.

    All other sizes must agree (RuntimeError); empty 1-D tensors are skipped, as in PyTorch.

    >>> import minigrad
    >>> minigrad.cat([minigrad.zeros(2), minigrad.ones(1)])
    tensor([0., 0., 1.])
    """
    xs = _list_of_tensors("cat", tensors)
    if not xs:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    xs = [x for x in _of_one_type(xs) if x.array.shape != (0,)] or xs[:1]
    return cat_(xs, _check_cat(xs, dim))


concat = concatenate = cat


def _list_of_tensors(name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor):
        raise TypeError(
            f"{name}(): argument 'tensors' must be a tuple or list of Tensors, not a Tensor"
        )
    xs = list(tensors)
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): expected Tensor as element {i}, but got {type(x).__name__}")
    return xs


def _of_one_type(xs: list[Tensor]) -> list[Tensor]:
    first = xs[0].array.dtype
    if all([x.array.dtype is first for x in xs]):
        return xs
    target = dtypes.result_dtype(xs)
    return [x if x.array.dtype == target else cast(x, target) for x in xs]


def _check_cat(xs: list[Tensor], dim: Any) -> int:
    shapes = [x.array.shape for x in xs]
    first = shapes[0]
    for i, shape in enumerate(shapes):
        if not shape:
            raise RuntimeError(
                f"cat(): zero-dimensional tensor (at position {i}) cannot be concatenated; use "
                "stack"
            )
        if len(shape) != len(first):
            raise RuntimeError(
                f"cat(): Tensors must have same number of dimensions: got {len(first)} and "
                f"{len(shape)}, shapes {list(first)} and {list(shape)}"
            )
    axis = one_axis("cat", dim, len(first))
    for i, shape in enumerate(shapes):
        if shape[:axis] != first[:axis] or shape[axis + 1 :] != first[axis + 1 :]:
            j = next(j for j, n in enumerate(shape) if n != first[j] and j != axis)
            raise RuntimeError(
                f"cat(): Sizes of tensors must match except in dimension {axis}. Expected size "
                f"{first[j]} but got size {shape[j]} for tensor number {i} in the list: shapes "
                f"{list(first)} and {list(shape)}"
            )
    return axis


@numpy_names
def stack(tensors: Any, dim: Any = 0, *, axis: Any = None) -> Tensor:
    """Tensors of one shape, side by side along a new dim.

    >>> import minigrad
    >>> minigrad.stack([minigrad.zeros(2), minigrad.ones(2)], dim=1)
    tensor([[0., 1.],
            [0., 1.]])
    """
    xs = _list_of_tensors("stack", tensors)
    if not xs:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = xs[0].array.shape
    for i, x in enumerate(xs):
        if x.array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x.shape)} at entry {i}"
            )
    along = one_axis("stack", dim if axis is None else axis, len(shape) + 1)
    wide = (*shape[:along], 1, *shape[along:])
    return cat_([broadcast.view(x, wide) for x in _of_one_type(xs)], along)


def keys_along(shape: Shape, axis: int, sizes: Sequence[int]) -> list[Key]:
    """The keys of the pieces of these sizes along an axis, for slice."""
    keys, start = [], 0
    before, after = whole(shape[:axis]), whole(shape[axis + 1 :])
    for size in sizes:
        keys.append((*before, slice(start, start + size, 1), *after))
        start += size
    return keys


def _join(g: list[Tensor | None], x_shape: Shape, sizes: Shape, axis: int) -> Tensor:
    """The gradients of the pieces as one, zeros where a piece was not used."""
    like = next(piece for piece in g if piece is not None)
    pieces = g + [None] * (len(sizes) - len(g))
    shapes = [(*x_shape[:axis], n, *x_shape[axis + 1 :]) for n in sizes]
    return cat_(
        [
            zeros(shape, like) if piece is None else broadcast.reshape(piece, shape)
            for piece, shape in zip(pieces, shapes, strict=True)
        ],
        axis,
    )


_split = Op("split", "x | sizes axis -> pieces", rules={"x": _join})


def _cut(x: Tensor, keys: Sequence[Key], sizes: Sequence[int], axis: int) -> tuple[Tensor, ...]:
    """Slices of x that share one node: backward writes x's gradient once, not once per piece."""
    pieces = [slice_(x, key) for key in keys]
    if x.node is not None and mode.grad and len(pieces) > 1:
        node = record(_split, (x.node,), (x.array.shape, tuple(sizes), axis), None)
        for i, piece in enumerate(pieces):
            piece.node = Output(node, i)
    return tuple(pieces)


def split(tensor: Tensor, split_size_or_sections: Any, dim: Any = 0) -> tuple[Tensor, ...]:
    """Views of x cut along `dim`: pieces of one size, the last perhaps smaller, or as listed.

    >>> import minigrad
    >>> minigrad.split(minigrad.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    shape = tensor.array.shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = one_axis("split", dim, len(shape))
    n = shape[axis]
    if hasattr(split_size_or_sections, "__index__"):
        sizes = _equal_sizes(n, split_size_or_sections.__index__(), axis)
    else:
        sizes = list(ints("split", (split_size_or_sections,)))
        if sum(sizes) != n or any(size < 0 for size in sizes):
            raise RuntimeError(
                "split_with_sizes expects split_sizes to be non-negative and to sum exactly to "
                f"{n} (input tensor's size at dimension {axis}), but got split_sizes={sizes}"
            )
    return _cut(tensor, keys_along(shape, axis, sizes), sizes, axis)


def _equal_sizes(n: int, size: int, axis: int) -> list[int]:
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and n > 0:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {n} at "
            f"dimension {axis}"
        )
    return [min(size, n - start) for start in range(0, n, size or 1)] or [0]


def chunk(input: Tensor, chunks: int, dim: Any = 0) -> tuple[Tensor, ...]:
    """Views of x cut along `dim` into `chunks` pieces; the last may be smaller, or missing.

    >>> import minigrad
    >>> minigrad.chunk(minigrad.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not input.array.shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    n = input.array.shape[one_axis("chunk", dim, input.dim())]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


def unbind(input: Tensor, dim: Any = 0) -> tuple[Tensor, ...]:
    """The views x[0], x[1] ... along `dim`, which they lack.

    >>> import minigrad
    >>> minigrad.unbind(minigrad.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    shape = input.array.shape
    if not shape:
        raise IndexError(f"unbind(): Dimension specified as {dim} but tensor has no dimensions")
    axis = one_axis("unbind", dim, len(shape))
    before, after = whole(shape[:axis]), whole(shape[axis + 1 :])
    return _cut(input, [(*before, i, *after) for i in range(shape[axis])], [1] * shape[axis], axis)


def narrow(input: Tensor, dim: Any, start: Any, length: int) -> Tensor:
    """The view of x from start to start + length along `dim`.

    >>> import minigrad
    >>> minigrad.narrow(minigrad.arange(6), 0, 2, 3)
    tensor([2, 3, 4])
    """
    shape = input.array.shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative, got {length}")
    axis = one_axis("narrow", dim, len(shape))
    if isinstance(start, Tensor) and (start.dim() or start.dtype is dtypes.bool_):
        raise RuntimeError(
            f"narrow(): start must be an 0-dim integral Tensor, got {start.dtype} of shape "
            f"{list(start.shape)}"
        )
    n, start = shape[axis], start.__index__()
    if not -n <= start <= n:
        raise IndexError(
            f"narrow(): start out of range (expected to be in range of [{-n}, {n}], but got "
            f"{start})"
        )
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(
            f"narrow(): start ({start}) + length ({length}) exceeds dimension size ({n})."
        )
    return slice_(
        input, (*whole(shape[:axis]), slice(start, start + length, 1), *whole(shape[axis + 1 :]))
    )


def select(input: Tensor, dim: Any, index: Any) -> Tensor:
    """The view x[..., index, ...] at dim `dim`, which it lacks.

    >>> import minigrad
    >>> minigrad.select(minigrad.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    shape = input.array.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis, i = one_axis("select", dim, len(shape)), index.__index__()
    n = shape[axis]
    if not -n <= i < n:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {axis}"
        )
    return slice_(input, (*whole(shape[:axis]), i % n, *whole(shape[axis + 1 :])))


# -- repeating, padding, turning


def repeat(input: Tensor, *args: Any, repeats: Any = None) -> Tensor:
    """x laid out repeats[i] times along each dim i; more repeats than dims add dims in front.
    Always a copy.

    >>> import minigrad
    >>> minigrad.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times, shape = ints("repeat", args, repeats), input.array.shape
    if len(times) < len(shape):
        raise RuntimeError(
            "repeat(): Number of dimensions of repeat dims can not be smaller than number of "
            f"dimensions of tensor: got {list(times)} for shape {list(shape)}"
        )
    if min(times, default=0) < 0:
        raise RuntimeError(
            f"repeat(): Trying to create tensor with negative dimension: repeats {list(times)}"
        )
    shape = (1,) * (len(times) - len(shape)) + shape
    apart = tuple([n for size in shape for n in (1, size)])
    spread = tuple([n for pair in zip(times, shape, strict=True) for n in pair])
    copied = broadcast.copy(broadcast.expand(broadcast.view(input, apart), spread))
    return broadcast.view(copied, tuple([n * size for n, size in zip(times, shape, strict=True)]))


def tile(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """As repeat, for the last dims where there are fewer numbers than dims.

    >>> import minigrad
    >>> minigrad.tile(minigrad.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    times = ints("tile", args, dims)
    return repeat(input, (1,) * (input.dim() - len(times)) + times)


def pad(input: Tensor, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    """`value` (0 unless given) around x, or x itself: `mode` "reflect" mirrors it at its border
    elements, "replicate" repeats these, "circular" begins again at the other end.

    `pad` is (left, right) of the last dim, then of the one before ...; negative numbers crop.

    >>> import minigrad
    >>> minigrad.ops.pad(minigrad.ones(1, 2), (1, 0), value=5.0)
    tensor([[5., 1., 1.]])
    >>> minigrad.ops.pad(minigrad.tensor([[1, 2, 3]]), (2, 1), mode="reflect")
    tensor([[3, 2, 1, 2, 3, 2]])
    """
    amounts, shape = ints("pad", (pad,)), input.array.shape
    if len(amounts) % 2:
        raise RuntimeError(f"pad(): Padding length must be divisible by 2, got {list(amounts)}")
    if len(amounts) > 2 * len(shape):
        raise RuntimeError(
            "pad(): Padding length should be less than or equal to two times the input dimension "
            f"but got padding length {len(amounts)} and input of dimension {len(shape)}"
        )
    widths = [(0, 0)] * (len(shape) - len(amounts) // 2) + list(
        zip(amounts[-2::-2], amounts[::-2], strict=True)
    )
    if mode != "constant":
        spatial = len(amounts) // 2
        if spatial not in (1, 2, 3) or len(shape) - spatial not in (1, 2):
            raise NotImplementedError(
                f"pad(): Padding size {2 * spatial} is not supported for {len(shape)}D input in "
                f"mode '{mode}', which pads 1 to 3 dims behind those of channels and, perhaps, of "
                "the batch"
            )
        return _pad_with_itself(input, widths, mode, value)
    if min(amounts, default=0) < 0:
        key = [
            slice(max(-low, 0), n - max(-high, 0), 1)
            for n, (low, high) in zip(shape, widths, strict=True)
        ]
        if any(part.start > part.stop for part in key):
            raise RuntimeError(
                f"pad(): padding {list(amounts)} crops more than there is of shape {list(shape)}"
            )
        input = slice_(input, tuple(key))
        widths = [(max(low, 0), max(high, 0)) for low, high in widths]
    return pad_(input, tuple(widths), fit(0 if value is None else value, input.array.dtype))


_pad = pad  # in constant_pad_nd pad is an argument


def constant_pad_nd(input: Tensor, pad: Any, value: Any = 0) -> Tensor:
    """`value` around x: pad in its mode "constant", which see.

    >>> import minigrad
    >>> minigrad.constant_pad_nd(minigrad.tensor([1, 2]), (1, 2), 7)
    tensor([7, 1, 2, 7, 7])
    """
    return _pad(input, pad, "constant", value)


# A position, beyond 0 to n - 1 too, to the one whose value it gets; `kept`: those not cropped.
_SOURCES: dict[str, Any] = {
    "reflect": lambda p, n, kept: n - 1 - abs(n - 1 - abs(p)),
    "replicate": lambda p, n, kept: min(max(p, 0), n - 1),
    "circular": lambda p, n, kept: kept[(p - kept[0]) % len(kept)],
}


def _pad_with_itself(x: Tensor, widths: list[tuple[int, int]], mode: str, value: Any) -> Tensor:
    if mode not in _SOURCES:
        raise NotImplementedError(
            f"pad(): Unrecognised padding mode {mode}; there are 'constant', "
            f"{', '.join(map(repr, _SOURCES))}"
        )
    if value not in (None, 0):
        raise RuntimeError(f'pad(): Padding mode "{mode}" doesn\'t take in value argument')
    for axis, ((low, high), n) in enumerate(zip(widths, x.array.shape, strict=True)):
        if low == high == 0:
            continue
        most = {"reflect": n - 1, "circular": n}.get(mode, max(low, high))
        kept = range(max(-low, 0), n - max(-high, 0))
        takes_from = kept if mode == "circular" else range(n)
        if max(low, high) > most or n + low + high <= 0 or not takes_from:
            raise RuntimeError(
                f"pad(): Padding size ({low}, {high}) does not fit dimension {axis} of input "
                f"{list(x.shape)}: mode '{mode}' needs at most {most} a side, and something left"
            )
        source = [_SOURCES[mode](p, n, kept) for p in range(-low, n + high)]
        x = x.index_select(axis, x.new_tensor(source, dtype=dtypes.int64))
    return x


def flip(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """x with the order of elements reversed along `dims`.

    >>> import minigrad
    >>> minigrad.flip(minigrad.tensor([[1, 2], [3, 4]]), (1,))
    tensor([[2, 1],
            [4, 3]])
    """
    given = ints("flip", args, dims)
    return flip_(input, axes_of("flip", given, input.dim()) if given else ())


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """x moved on by `shifts` along `dims`; what leaves at one end comes in at the other.

    Without dims: of all elements in order.

    >>> import minigrad
    >>> minigrad.arange(4).roll(1)
    tensor([3, 0, 1, 2])
    """
    by = ints("roll", shifts if isinstance(shifts, list | tuple) else (shifts,))
    if dims is None or dims == ():
        if len(by) != 1:
            raise RuntimeError(
                f"roll(): shifts and dimensions must align. shifts: {len(by)}, dims: 0"
            )
        return reshape(roll_(ravel(input), by, (0,)), input.array.shape)
    dims = ints("roll", dims if isinstance(dims, list | tuple) else (dims,))
    if len(by) != len(dims):
        raise RuntimeError(
            f"roll(): shifts and dimensions must align. shifts: {len(by)}, dims: {len(dims)}"
        )
    if not input.array.shape:
        raise IndexError(f"roll(): Dimension specified as {dims[0]} but tensor has no dimensions")
    return roll_(input, by, tuple([one_axis("roll", dim, input.dim()) for dim in dims]))


# -- diagonals, triangles, windows


def diagonal(input: Tensor, offset: int = 0, dim1: Any = 0, dim2: Any = 1) -> Tensor:
    """The view of x[..., i, i + offset] over two dims, as the last dim.

    >>> import minigrad
    >>> minigrad.diagonal(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    axis1, axis2 = one_axis("diagonal", dim1, input.dim()), one_axis("diagonal", dim2, input.dim())
    if axis1 == axis2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal_(input, offset, axis1, axis2)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Of a vector: the matrix with it on a diagonal. Of a matrix: a copy of that diagonal.

    >>> import minigrad
    >>> minigrad.diag(minigrad.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.dim() == 1:
        return diag_embed(input, diagonal)
    if input.dim() == 2:
        return broadcast.copy(diagonal_(input, diagonal, 0, 1))
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.dim()}D")


def diag_embed(input: Tensor, offset: int = 0, dim1: Any = -2, dim2: Any = -1) -> Tensor:
    """Zeros with the last dim of x on the diagonal over two new dims.

    >>> import minigrad
    >>> minigrad.diag_embed(minigrad.tensor([1, 2]), 1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    ndim = input.dim() + 1
    axis1, axis2 = one_axis("diag_embed", dim1, ndim), one_axis("diag_embed", dim2, ndim)
    if axis1 == axis2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = input.array.shape[-1] + abs(offset)
    shape = list(input.array.shape[:-1])
    for axis in sorted((axis1, axis2)):
        shape.insert(axis, n)
    return undiagonal(input, tuple(shape), offset, axis1, axis2)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle: out[..., i, j] = x[..., i, j] where j <= i + diagonal, else 0.

    >>> import minigrad
    >>> minigrad.tril(minigrad.ones(2, 3))
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    return tril_(_matrices("tril", input), diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle: out[..., i, j] = x[..., i, j] where j >= i + diagonal, else 0.

    >>> import minigrad
    >>> minigrad.triu(minigrad.ones(2, 3))
    tensor([[1., 1., 1.],
            [0., 1., 1.]])
    """
    return triu_(_matrices("triu", input), diagonal)


def _matrices(name: str, x: Tensor) -> Tensor:
    if x.dim() < 2:
        raise RuntimeError(
            f"{name}: input tensor must have at least 2 dimensions, got shape {list(x.shape)}"
        )
    return x


def unfold(input: Tensor, dimension: Any, size: int, step: int) -> Tensor:
    """The view of all windows of `size` along a dim, `step` apart; the windows are the last dim.

    >>> import minigrad
    >>> minigrad.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    x = input if input.array.shape else viewed(input, (1,))
    axis = one_axis("unfold", dimension, x.dim())
    n = x.array.shape[axis]
    if size < 0:
        raise RuntimeError(f"unfold(): size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(
            f"unfold(): maximum size for tensor at dimension {axis} is {n} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"unfold(): step is {step} but must be > 0")
    out = unfold_(x, axis, size, step)
    return out if input.array.shape else viewed(out, out.array.shape[1:])


# fmt: off
__all__ = [
    "reshape", "view", "flatten", "ravel", "unflatten", "squeeze", "unsqueeze", "atleast_1d",
    "atleast_2d", "atleast_3d", "reshape_inplace", "permute", "transpose", "swapaxes",
    "swapdims", "t", "movedim", "moveaxis", "expand", "expand_as", "broadcast_to",
    "broadcast_shapes", "broadcast_tensors", "sum_to_size", "meshgrid", "cat", "concat",
    "concatenate", "stack", "split", "chunk", "unbind", "narrow", "select", "repeat", "tile",
    "pad", "constant_pad_nd", "flip", "roll", "diagonal", "diag", "diag_embed", "tril", "triu",
    "unfold",
]
# fmt: on
