"""Indexing: x[...], picking and placing by index tensors, by masks, and in order.

Picking and placing are each other's gradient: gather and scatter_add, index_select and index_add,
index and index_put(accumulate), and so are the two halves of an assignment: what is replaced gets
no gradient, what replaces it gets all.

`axis` stands among the inputs of gather and its kin, where their kernels have it; it is a plain
int.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd import batch, broadcast
from minigrad.autograd.broadcast import Shape
from minigrad.autograd.inplace import copy_, inplace, is_recorded, refuse_unwritable, where_
from minigrad.autograd.primitive import _NUMBERS as NUMBERS
from minigrad.autograd.primitive import _fit as fit
from minigrad.autograd.primitive import _plain as plain
from minigrad.autograd.primitive import _suit as suit
from minigrad.autograd.primitive import cast, primitive
from minigrad.ops.axes import one_axis
from minigrad.ops.printing import printed_as
from minigrad.ops.shape import common_shape, narrow, pad_, ravel, slice_, viewed, whole, zeros
from minigrad.tensor import Tensor, wrap


def place_rule(g: Sequence[Any], x_shape: Shape, indices: Tensor, axis: int) -> Tensor:
    """The gradient of values picked at distinct indices: put back where they came from."""
    return scatter_(zeros(x_shape, g[0]), axis, indices, g[0])


gather_ = primitive(
    "gather",
    "x axis index",
    x=lambda g, x_shape, axis, index: scatter_add_(zeros(x_shape, g), axis, index, g),
)
scatter_add_ = primitive(
    "scatter_add",
    "x axis index src",
    x=lambda g: g,
    src=lambda g, axis, index: gather_(g, axis, index),
)
scatter_ = primitive(
    "scatter",
    "x axis index src",
    x=lambda g, axis, index: scatter_(g, axis, index, zeros(index.array.shape, g)),
    src=lambda g, axis, index: gather_(g, axis, index),
)
index_select_ = primitive(
    "index_select",
    "x axis index",
    x=lambda g, x_shape, axis, index: index_add_(zeros(x_shape, g), axis, index, g),
)
index_add_ = primitive(
    "index_add",
    "x axis index src",
    x=lambda g: g,
    src=lambda g, axis, index: index_select_(g, axis, index),
)
index_ = primitive(
    "index",
    "x indices*",
    x=lambda g, x_shape, indices: index_put_(zeros(x_shape, g), indices, g, True),
)
index_put_ = primitive(
    "index_put",
    "x indices* values | accumulate",
    x=lambda g, indices, accumulate: (
        g if accumulate else index_put_(g, indices, zeros((), g), False)
    ),
    values=lambda g, indices: index_(g, indices),
)
sort_ = primitive("sort", "x | axis descending -> values indices", x=place_rule)
topk_ = primitive("topk", "x | k axis largest -> values indices", x=place_rule)
nonzero_ = primitive("nonzero", "x")
searchsorted_ = primitive("searchsorted", "sorted values | right")
unique_ = primitive("unique", "x -> values inverse counts")


class Pair(NamedTuple):
    """What ops that pick elements return: the values, and where they were."""

    values: Tensor
    indices: Tensor


@printed_as("sort")
class Sort(Pair):
    pass


@printed_as("topk")
class Topk(Pair):
    pass


# -- x[key] and x[key] = value


def getitem(input: Tensor, key: Any) -> Tensor:
    """x[key]: ints, slices, None and ... give a view; index tensors, masks and lists a copy.

    Raises IndexError for what is out of range, for too many indices, and for keys of other types.

    >>> import minigrad
    >>> x = minigrad.arange(6).reshape(2, 3)
    >>> x[:, 1], x[x > 3], x[0, [0, 2]]
    (tensor([1, 4]), tensor([4, 5]), tensor([0, 2]))
    """
    shape = input.array.shape
    if type(key) is int and shape:  # the commonest key by far
        return slice_(input, (_in_bounds(key, 0, shape[0]), *whole(shape[1:])))
    x, indices = _locate(input, key)
    if indices is not None:
        return index_(x, indices)
    return broadcast.alias(x) if x is input else x


def setitem(input: Tensor, key: Any, value: Any) -> None:
    """x[key] = value, a number or a tensor that broadcasts to x[key]; key as in getitem.

    >>> import minigrad
    >>> x = minigrad.zeros(2, 3)
    >>> x[:, 1] = minigrad.tensor([5.0, 6.0])
    >>> x
    tensor([[0., 5., 0.],
            [0., 6., 0.]])
    """
    value = _value(input, value)
    mask = _index_tensor(key, input) if _is_mask(key) else None
    if mask is not None and not value.array.shape and _fits_front(mask, input):
        mask = viewed(mask, mask.array.shape + (1,) * (input.dim() - mask.dim()))
        inplace(masked_fill, input, mask, value)
        return
    x, indices = _locate(input, key)
    if indices is None:
        copy_(x, value)
    else:
        _put(x, indices, _values_for(x, indices, value), False)


def _put(x: Tensor, indices: Any, values: Tensor, accumulate: bool) -> None:
    """x[indices] = values in x's memory; by way of a copy only where autograd must follow, or where
    the operands look into the memory that is written to.
    """
    operands = [values, *(index for index in indices if index is not None)]
    if is_recorded(x, values) or any(y.version is x.version for y in operands):
        inplace(index_put_, x, indices, values, accumulate)
        return
    refuse_unwritable(x)
    arrays = [None if index is None else index.array for index in indices]
    x.device.backend.index_put(x.array, arrays, values.array, accumulate, x.array)
    x.version.bump()


def _value(x: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    value = plain(value)
    if type(value) not in NUMBERS:
        raise TypeError(
            f"can't assign a {type(value).__name__} to a {x.dtype} tensor; minigrad.tensor() "
            "converts"
        )
    dtype = x.array.dtype
    value = (suit if dtype in dtypes.FLOATS else fit)(value, dtype)  # a float becomes infinite
    return wrap(x.device.backend.full((), value, dtype), x.device)


def _is_mask(key: Any) -> bool:
    dtype = key.array.dtype if isinstance(key, Tensor) else getattr(key, "dtype", None)
    return dtype == np.bool_ and not isinstance(key, np.generic)


def _fits_front(mask: Tensor, x: Tensor) -> bool:
    n = mask.dim()
    return n > 0 and mask.array.shape == x.array.shape[:n]


def _locate(x: Tensor, key: Any) -> tuple[Tensor, list[Any] | None]:
    """What `key` means: a view of x, cut and with new axes, and index tensors for its axes.

    Without index tensors the view is all. As in PyTorch ints cut first, so that x[0, :, i] is
    x[0][:, i].
    """
    shape = x.array.shape
    items, used = _items(x, key)
    if used > len(shape):
        raise _too_many(items, shape)
    cut: list[Any] = []  # for each axis of x: an int or a slice
    wide: list[int] = []  # the shape after the cut, new axes included
    indices: dict[int, Tensor] = {}  # by axis of that shape
    for item in items:
        axis = len(cut)
        if type(item) is int:
            cut.append(_in_bounds(item, axis, shape[axis]))
        elif type(item) is slice:
            part = _steps(item, shape[axis])
            cut.append(part)
            wide.append(len(range(part.start, part.stop, part.step)))
        elif item is None:
            wide.append(1)
        elif item is Ellipsis:
            middle = shape[axis : axis + len(shape) - used]
            cut.extend(whole(middle))
            wide.extend(middle)
            used = len(shape)  # a second Ellipsis stands for nothing
        else:
            takes_axis = item.dim() or not _is_mask(item)  # x[True] makes an axis
            for index in _as_integers(item, axis, shape):
                indices[len(wide)] = index
                wide.append(shape[len(cut)] if takes_axis else 1)
                cut.extend(whole(shape[len(cut) : len(cut) + 1]) if takes_axis else ())
    rest = shape[len(cut) :]
    cut.extend(whole(rest))
    wide.extend(rest)
    out = x if tuple(cut) == whole(shape) else slice_(x, tuple(cut))
    if len(wide) != out.dim():
        out = viewed(out, tuple(wide))
    if not indices:
        return out, None
    found = [indices.get(i) for i in range(max(indices) + 1)]
    _meeting_shape(found)
    return out, found


def _items(x: Tensor, key: Any) -> tuple[list[Any], int]:
    """The parts of a key, ints, slices, None, ... or Tensors; and how many axes of x they use."""
    items, used = [], 0
    for item in key if type(key) is tuple else _as_tuple(key):
        kind = type(item)
        if kind is int or kind is slice:
            used += 1
        elif item is not None and item is not Ellipsis:
            item = _part(item, x)
            used += 1 if type(item) is int else item.dim() if _is_mask(item) else 1
        items.append(item)
    return items, used


def _as_tuple(key: Any) -> tuple[Any, ...]:
    """A key that is no tuple. Lists of more than numbers count as one, as in PyTorch 2.13."""
    nested = (list, tuple, range, slice, EllipsisType, type(None), Tensor, np.ndarray)
    if type(key) is list and len(key) < 32 and any(isinstance(part, nested) for part in key):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated; use "
            "x[tuple(seq)], or x[minigrad.tensor(seq)] for an index tensor",
            UserWarning,
            stacklevel=5,
        )
        return tuple(key)
    return (key,)


def _part(item: Any, x: Tensor) -> Any:
    """A part of a key that is not int, slice, None or ...: as an int, or as an index Tensor."""
    if isinstance(item, bool | np.bool_):
        return wrap(x.device.backend.full((), bool(item), dtypes.bool_.numpy), x.device)
    if isinstance(item, np.integer):
        return int(item)
    if not isinstance(item, Tensor | np.ndarray | list | tuple | range):
        if isinstance(item, str):
            raise TypeError(f"x[{item!r}]: invalid data type 'str' in an index")
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(item).__name__})"
        )
    index = _index_tensor(item, x)
    if index.array.shape or index.array.dtype == dtypes.bool_.numpy or batch.has_no_value(index):
        return index
    return int(index.item())


def _index_tensor(item: Any, x: Tensor) -> Tensor:
    """A mask or int64 tensor on x's device."""
    if not isinstance(item, Tensor):
        array = np.asarray(item)
        item = wrap(
            x.device.backend.from_host(array if array.size else array.astype(np.int64)), x.device
        )
    dtype = item.array.dtype
    if dtype == dtypes.uint8.numpy:
        warnings.warn(
            "indexing with dtype uint8 is deprecated: it is taken for a mask; convert with .bool() "
            "or .long()",
            UserWarning,
            stacklevel=6,
        )
        dtype = dtypes.bool_.numpy
    elif dtype == dtypes.int32.numpy:
        dtype = dtypes.int64.numpy
    elif dtype not in (dtypes.int64.numpy, dtypes.bool_.numpy):
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors, got {dtype}"
        )
    if item.array.dtype != dtype:
        item = cast(item, dtype)
    return item if item.device is x.device else item.to(x.device)


def _too_many(items: Sequence[Any], shape: Shape) -> IndexError:
    if not shape and type(items[0]) is int:
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a "
            "number"
        )
    if not shape and type(items[0]) is slice:
        return IndexError("slice() cannot be applied to a 0-dim tensor.")
    return IndexError(f"too many indices for tensor of dimension {len(shape)}: shape {list(shape)}")


def _in_bounds(i: int, axis: int, n: int) -> int:
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {axis} with size {n}")
    return i + n if i < 0 else i


def _steps(part: slice, n: int) -> slice:
    """A slice in the form that kernels take: 0 <= start <= stop <= n and a positive step."""
    start, stop, step = part.indices(n)
    if step < 0:
        raise ValueError(f"step must be greater than zero, got {step}; flip() reverses")
    return slice(start, max(start, stop), step)


def _as_integers(index: Tensor, axis: int, shape: Shape) -> list[Tensor]:
    """A mask as the positions of its True elements, a tensor for each dim; others as they are."""
    if index.array.dtype != dtypes.bool_.numpy:
        return [index]
    mask = index.array.shape
    if not mask:  # x[True] and x[False]: a new axis, of size 1 or 0
        return [
            wrap(
                index.device.backend.full((int(index.item()),), 0, dtypes.int64.numpy), index.device
            )
        ]
    if shape[axis : axis + len(mask)] != mask:
        wrong = next(i for i, n in enumerate(mask) if n != shape[axis + i])
        raise IndexError(
            f"The shape of the mask {list(mask)} at index {wrong} does not match the shape of the "
            f"indexed tensor {list(shape)} at index {axis + wrong}"
        )
    return _columns(nonzero_(index))


def _columns(positions: Tensor) -> list[Tensor]:
    count, n = positions.array.shape
    return [slice_(positions, (slice(0, count, 1), i)) for i in range(n)]


def _meeting_shape(indices: Sequence[Tensor | None]) -> Shape:
    shapes = [index.array.shape for index in indices if index is not None]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            + ", ".join(str(list(shape)) for shape in shapes)
        ) from None


def _values_for(x: Tensor, indices: Sequence[Tensor | None], values: Tensor) -> Tensor:
    """The values of an assignment in the shape of x[indices]."""
    if values.array.dtype != x.array.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {x.dtype} for the "
            f"destination and {values.dtype} for the source; convert with .to({x.dtype})"
        )
    at = [i for i, index in enumerate(indices) if index is not None]
    rest = [n for i, n in enumerate(x.array.shape) if i not in at]
    first = (
        at[0] if at[-1] - at[0] == len(at) - 1 else 0
    )  # index axes that are not neighbours come first
    target = (*rest[:first], *_meeting_shape(indices), *rest[first:])
    shape = values.array.shape
    extra = max(len(shape) - len(target), 0)
    if set(shape[:extra]) <= {1} and all(
        n in (1, m) for n, m in zip(shape[::-1], target[::-1], strict=False)
    ):
        return broadcast.expand(broadcast.reshape(values, shape[extra:]), target)
    raise RuntimeError(
        f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing "
        f"result of shape {list(target)}"
    )


def index_put(
    input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False
) -> Tensor:
    """x with x[indices] = values, or += if `accumulate`; an index or None for each dim.

    >>> import minigrad
    >>> at = (minigrad.tensor([0, 0]),)
    >>> minigrad.index_put(minigrad.zeros(3), at, minigrad.ones(2), accumulate=True)
    tensor([2., 0., 0.])
    """
    x, found = _put_at(input, indices)
    out = index_put_(x, found, _values_for(x, found, values), accumulate)
    return (
        out if out.array.shape == input.array.shape else broadcast.reshape(out, input.array.shape)
    )


def index_put_inplace(
    x: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False
) -> Tensor:
    """index_put that writes into x."""
    part, found = _put_at(x, indices)
    _put(part, found, _values_for(part, found, values), accumulate)
    return x


def _put_at(x: Tensor, indices: Sequence[Any]) -> tuple[Tensor, list[Any]]:
    part, found = _locate(x, tuple([slice(None) if i is None else i for i in indices]))
    if found is None:
        raise IndexError("index_put(): at least one index tensor is needed")
    return part, found


# -- along one dim


def _along(name: str, x: Tensor, index: Tensor) -> Tensor:
    """An index of gather or scatter as int64, checked to have x's number of dims (0-d is one)."""
    dtype = index.array.dtype
    if dtype not in (dtypes.int64.numpy, dtypes.int32.numpy):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {index.dtype}")
    if (x.dim() or 1) != (index.dim() or 1):
        raise RuntimeError(
            f"{name}(): Index tensor must have the same number of dimensions as input tensor: got "
            f"shapes {list(index.shape)} and {list(x.shape)}"
        )
    return index if dtype == dtypes.int64.numpy else cast(index, dtypes.int64.numpy)


def _line(x: Tensor) -> Tensor:
    """x, with one dim if it has none."""
    return x if x.array.shape else viewed(x, (1,))


def _ranged(op: Any, *args: Any) -> Tensor:
    """The call, with PyTorch's exception for an index out of range in gather and its kin."""
    try:
        out: Tensor = op(*args)
    except IndexError as error:
        raise RuntimeError(f"{op.__name__}(): {error}") from None
    return out


def gather(input: Tensor, dim: Any, index: Tensor) -> Tensor:
    """out[i, j] = x[i, index[i, j]] for dim 1, and so on: one element of x for each of index.

    On the other dims index may be smaller than x. RuntimeError where it is larger or points
    outside.

    >>> import minigrad
    >>> minigrad.tensor([[1, 2], [3, 4]]).gather(1, minigrad.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    if not index.numel():  # of any shape and type, as PyTorch has it
        return broadcast.reshape(narrow(ravel(input), 0, 0, 0), index.array.shape)
    index = _along("gather", input, index)
    x, lines = _line(input), _line(index)
    axis = one_axis("gather", dim, x.dim())
    _check_smaller("gather", lines.array.shape, x.array.shape, axis)
    out = _ranged(gather_, x, axis, lines)
    return out if index.array.shape else viewed(out, ())


def _check_smaller(name: str, index: Shape, x: Shape, axis: int) -> None:
    for i, (n, m) in enumerate(zip(index, x, strict=True)):
        if n > m and i != axis:
            raise RuntimeError(
                f"{name}(): Size does not match at dimension {i} expected index {list(index)} to "
                f"be no larger than self {list(x)} apart from dimension {axis}"
            )


def scatter(
    input: Tensor,
    dim: Any,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: Any = None,
) -> Tensor:
    """A copy of x with out[i, index[i, j]] = src[i, j] for dim 1, and so on.

    `src` is a tensor or a number. Where an index comes twice, the last one written stays;
    reduce="add" adds instead, and reduce="multiply" multiplies.

    >>> import minigrad
    >>> x, twice = minigrad.full((3,), 5), minigrad.tensor([0, 0, 2])
    >>> x.scatter(0, twice, 2, reduce="multiply")
    tensor([20,  5, 10])
    """
    if reduce not in _SCATTER:
        raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce!r}")
    src = value if src is None else src
    if not isinstance(src, Tensor):
        src = broadcast.expand(_value(input, src), index.array.shape)
    return _scatter("scatter", _SCATTER[reduce], input, dim, index, src)


def scatter_multiply(x: Tensor, axis: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of x with out[i, index[i, j]] *= src[i, j] for axis 1, and so on.

    All in one line: slots[k] is the element of x that factors[k] is for, in order. Each round
    multiplies the factors of a slot two by two, until there is one for each.
    """
    count, shape = x.numel(), x.array.shape
    slots = broadcast.reshape(gather_(_numbers(x, count, shape), axis, index), (index.numel(),))
    factors, out = broadcast.reshape(src, (src.numel(),)), broadcast.reshape(x, (count,))
    slots, order = sort_(slots, 0, False)
    factors = index_(factors, [order])
    while (again := slots[1:] == slots[:-1]).any():
        rank = _numbers(x, slots.numel(), slots.array.shape) - searchsorted(slots, slots)
        first = rank % 2 == 0  # of two; at the end of a slot there may be one alone
        is_pair = first & pad_(again, ((0, 1),), False)
        factors = where_(is_pair, factors * pad_(factors[1:], ((0, 1),), 1), factors)[first]
        slots = slots[first]
    out = index_put_(out, [slots], index_(out, [slots]) * factors, False)
    return broadcast.reshape(out, shape)


def _numbers(x: Tensor, count: int, shape: Shape) -> Tensor:
    """0, 1, 2 ... in a shape, on x's device."""
    numbers = wrap(x.device.backend.arange(0, 1, count, dtypes.int64.numpy), x.device)
    return broadcast.view(numbers, shape)


_SCATTER = {None: scatter_, "add": scatter_add_, "multiply": scatter_multiply}


def scatter_add(input: Tensor, dim: Any, index: Tensor, src: Tensor) -> Tensor:
    """A copy of x with out[i, index[i, j]] += src[i, j] for dim 1, and so on: gather's adjoint.

    >>> import minigrad
    >>> minigrad.scatter_add(minigrad.zeros(3), 0, minigrad.tensor([0, 0, 2]), minigrad.ones(3))
    tensor([2., 0., 1.])
    """
    return _scatter("scatter_add", scatter_add_, input, dim, index, src)


def _scatter(name: str, op: Any, input: Tensor, dim: Any, index: Tensor, src: Tensor) -> Tensor:
    index = _line(_along(name, input, index))
    x, src = _line(input), _line(src)
    axis = one_axis(name, dim, x.dim())
    if src.array.dtype != x.array.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and "
            f"{src.dtype}"
        )
    shape = index.array.shape
    if len(shape) != src.dim() or any(n > m for n, m in zip(shape, src.array.shape, strict=True)):
        raise RuntimeError(
            f"{name}(): Expected index {list(shape)} to be no larger size than src "
            f"{list(src.shape)} in every dimension"
        )
    _check_smaller(name, shape, x.array.shape, axis)
    if src.array.shape != shape:
        src = slice_(src, whole(shape))
    out = _ranged(op, x, axis, index, src)
    return out if input.array.shape else viewed(out, ())


def index_select(input: Tensor, dim: Any, index: Tensor) -> Tensor:
    """x[..., index, ...] at dim `dim`, for a vector of ints; IndexError for one out of range.

    >>> import minigrad
    >>> minigrad.tensor([1, 2, 3]).index_select(0, minigrad.tensor([2, 0]))
    tensor([3, 1])
    """
    index = _vector("index_select", index)
    axis = one_axis("index_select", dim, input.dim())
    if not input.array.shape and index.array.shape != (1,):
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {index.numel()} value(s)"
        )
    out = index_select_(_line(input), axis, index)
    return out if input.array.shape else viewed(out, ())


def _vector(name: str, index: Tensor) -> Tensor:
    if index.dim() > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, got shape {list(index.shape)}"
        )
    if index.array.dtype not in (dtypes.int64.numpy, dtypes.int32.numpy):
        raise RuntimeError(f"{name}(): Expected dtype int32 or int64 for index, got {index.dtype}")
    return _line(
        index if index.array.dtype == dtypes.int64.numpy else cast(index, dtypes.int64.numpy)
    )


def index_add(input: Tensor, dim: Any, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy of x with out[..., index[k], ...] += alpha * source[..., k, ...] at dim `dim`.

    >>> import minigrad
    >>> minigrad.index_add(minigrad.zeros(3), 0, minigrad.tensor([0, 0, 2]), minigrad.ones(3))
    tensor([2., 0., 1.])
    """
    index, x, src = _vector("index_add", index), _line(input), _line(source)
    axis = one_axis("index_add", dim, x.dim())
    if src.array.dtype != x.array.dtype:
        raise RuntimeError(
            f"index_add(): self ({input.dtype}) and source ({source.dtype}) must have the same "
            "scalar type"
        )
    shape = src.array.shape
    if len(shape) == x.dim() and shape[axis] != index.numel():
        raise RuntimeError(
            f"index_add(): Number of indices ({index.numel()}) should be equal to "
            f"source.size(dim): ({shape[axis]}), for dim: {axis}"
        )
    if shape[:axis] + shape[axis + 1 :] != x.array.shape[:axis] + x.array.shape[axis + 1 :]:
        raise RuntimeError(
            "index_add(): source tensor shape must match self tensor shape, excluding the "
            f"specified dimension. Got self.shape = {list(input.shape)} source.shape = "
            f"{list(source.shape)}"
        )
    out = _ranged(index_add_, x, axis, index, src if alpha == 1 else src * alpha)
    return out if input.array.shape else viewed(out, ())


def take_along_dim(input: Tensor, indices: Tensor, dim: Any = None) -> Tensor:
    """gather with broadcasting on the other dims; without `dim`, of all elements in order.

    >>> import minigrad
    >>> x = minigrad.tensor([[3, 1, 2]])
    >>> minigrad.take_along_dim(x, x.argsort(1), 1)
    tensor([[1, 2, 3]])
    """
    if dim is None:
        flat = broadcast.reshape(input, (input.numel(),))
        return take_along_dim(flat, broadcast.reshape(indices, (indices.numel(),)), 0)
    if input.dim() != indices.dim():
        raise RuntimeError(
            "take_along_dim(): input and indices should have the same number of dimensions, but "
            f"got {input.dim()} dimensions for input, and {indices.dim()} dimensions for indices"
        )
    axis = one_axis("take_along_dim", dim, input.dim())
    x, shape = input.array.shape, indices.array.shape
    others = [(*known[:axis], 1, *known[axis + 1 :]) for known in (x, shape)]
    common = common_shape("take_along_dim", others)
    sizes = [(*common[:axis], n, *common[axis + 1 :]) for n in (x[axis], shape[axis])]
    counted = where_(indices < 0, indices + x[axis], indices)  # negative ones from the end
    return gather(broadcast.expand(input, sizes[0]), axis, broadcast.expand(counted, sizes[1]))


# -- by mask


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """out = value where mask, else x; a bool mask that broadcasts, a number or a 0-d tensor.

    >>> import minigrad
    >>> minigrad.ones(3).masked_fill(minigrad.tensor([True, False, True]), 0)
    tensor([0., 1., 0.])
    """
    if mask.array.dtype != dtypes.bool_.numpy:
        raise RuntimeError(
            f"masked_fill only supports boolean masks, but got mask with dtype {mask.dtype}"
        )
    if not isinstance(value, Tensor):
        return where_(mask, fit(value, input.array.dtype), input)
    if value.array.shape:
        raise RuntimeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.dim()} dimension(s)."
        )
    return where_(
        mask,
        value if value.array.dtype == input.array.dtype else cast(value, input.array.dtype),
        input,
    )


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements of x where mask is True, in one dim; the two broadcast.

    >>> import minigrad
    >>> x = minigrad.tensor([[1, -2], [-3, 4]])
    >>> minigrad.masked_select(x, x > 0)
    tensor([1, 4])
    """
    if mask.array.dtype != dtypes.bool_.numpy:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    shape = common_shape("masked_select", [input.array.shape, mask.array.shape]) or (1,)
    return getitem(broadcast.expand(input, shape), broadcast.expand(mask, shape))


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of elements that are not zero: (count, ndim), or one vector for each dim.

    >>> import minigrad
    >>> minigrad.nonzero(minigrad.tensor([0, 5, 6]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return tuple(_columns(nonzero_(_line(input))))
    return nonzero_(input)


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` rows of nonzero(input), and rows of `fill_value` where there are fewer.

    >>> import minigrad
    >>> minigrad.nonzero_static(minigrad.tensor([0, 5, 6]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    found = narrow(rows := nonzero_(input), 0, 0, min(size, rows.array.shape[0]))
    return pad_(found, ((0, size - found.array.shape[0]), (0, 0)), fill_value)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The index along each dimension of `shape` of the elements with these places in row-major
    order.

    >>> import minigrad
    >>> minigrad.unravel_index(minigrad.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    if not isinstance(indices, Tensor):
        raise ValueError(f"expected indices to be a tensor, got {type(indices).__name__}")
    if indices.array.dtype.kind not in "iu":
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = [int(n) for n in (shape if isinstance(shape, Sequence) else (shape,))]
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    out = []
    for n in reversed(sizes):
        out.append(indices % n)
        indices = indices // n
    return tuple(reversed(out))


# -- in order


def sort(input: Tensor, dim: Any = -1, descending: bool = False, stable: bool = False) -> Pair:
    """(values, indices): x in order along `dim`; stable, and NaN counts as the largest.

    >>> import minigrad
    >>> minigrad.tensor([3, 1, 2]).sort().indices
    tensor([1, 2, 0])
    """
    return Sort(*sort_(input, one_axis("sort", dim, input.dim()), bool(descending)))


def argsort(input: Tensor, dim: Any = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort x along `dim`.

    >>> import minigrad
    >>> minigrad.argsort(minigrad.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    indices: Tensor = sort_(input, one_axis("argsort", dim, input.dim()), bool(descending))[1]
    return indices


def topk(input: Tensor, k: int, dim: Any = -1, largest: bool = True, sorted: bool = True) -> Pair:
    """(values, indices) of the k largest (or smallest) along `dim`, in order.

    >>> import minigrad
    >>> minigrad.topk(minigrad.tensor([3, 1, 2]), 2).values
    tensor([3, 2])
    """
    axis = one_axis("topk", dim, input.dim())
    n = input.array.shape[axis] if input.array.shape else 1
    if not 0 <= k <= n:
        raise RuntimeError(
            f"topk(): selected index k out of range: k is {k}, dimension {axis} has size {n}"
        )
    return Topk(*topk_(input, k, axis, bool(largest)))


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where to insert values into ascending rows: how many elements are below (`right`: or equal).

    >>> import minigrad
    >>> minigrad.searchsorted(minigrad.tensor([1, 3, 5]), minigrad.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(f"searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "searchsorted(): side and right can't be set to opposites, got side of left while "
            "right was True"
        )
    row = sorted_sequence if sorter is None else gather(sorted_sequence, -1, sorter)
    values = (
        input
        if isinstance(input, Tensor)
        else row.new_tensor(input, dtype=dtypes.from_numpy(dtypes.of_number(input)))
    )
    shapes = row.array.shape, values.array.shape
    if not shapes[0]:
        raise RuntimeError(
            "searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if len(shapes[0]) > 1 and (not shapes[1] or shapes[0][:-1] != shapes[1][:-1]):
        raise RuntimeError(
            "searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions "
            "of boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(shapes[0])} and input value tensor {list(shapes[1])}"
        )
    target = dtypes.promote(row.array.dtype, values.array.dtype)
    row, values = (x if x.array.dtype == target else cast(x, target) for x in (row, values))
    out: Tensor = searchsorted_(row, values, right or side == "right")
    return cast(out, dtypes.int32.numpy) if out_int32 else out


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: Any = None,
) -> Any:
    """The distinct elements in order; if asked for, x in terms of them, and how often each occurs.
    With `dim` the distinct slices along it, in lexicographic order.

    >>> import minigrad
    >>> minigrad.unique(minigrad.tensor([2, 1, 2]), return_counts=True)
    (tensor([1, 2]), tensor([1, 2]))
    >>> minigrad.unique(minigrad.tensor([[2, 1], [0, 5], [2, 1]]), dim=0)
    tensor([[0, 5],
            [2, 1]])
    """
    if dim is None:
        values, inverse, counts = unique_(input)
    else:
        axis = one_axis("unique", dim, input.dim())
        values, inverse, counts = _unique_slices(input.detach(), axis)
    wanted = ((values, True), (inverse, return_inverse), (counts, return_counts))
    found = tuple([x for x, want in wanted if want])
    return found if len(found) > 1 else values


def _unique_slices(x: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """unique_ of the slices of x along an axis.

    Each element becomes its rank, and then two neighbours become one, the rank of the pair, until
    a slice is a single number: the numbers are in the order of the slices.
    """
    shape = _line(x).array.shape
    n = shape[axis]
    if 0 in shape[:axis] + shape[axis + 1 :]:
        raise RuntimeError(
            "unique(): There are 0 sized dimensions, and they aren't selected, so unique cannot be "
            f"applied: shape {list(shape)}, dim {axis}"
        )
    if n == 0:
        nothing = unique_(_numbers(x, 0, (0,)))
        return x, nothing[1], nothing[2]
    ranks = unique_(broadcast.reshape(_line(x).movedim(axis, 0), (n, x.numel() // n)))[1]
    while ranks.array.shape[1] > 1:
        ranks = pad_(ranks, ((0, 0), (0, ranks.array.shape[1] % 2)), 0)
        firsts, seconds = ranks[:, ::2], ranks[:, 1::2]
        ranks = unique_(firsts * (ranks.max() + 1) + seconds)[1]
    values, inverse, counts = unique_(broadcast.view(ranks, (n,)))
    where_found = scatter_(values, 0, inverse, _numbers(x, n, (n,)))
    return index_select(x, axis, where_found), inverse, counts


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: Any = None, *, output_size: Any = None
) -> Tensor:
    """Each element of x along `dim` repeats times in a row; `repeats` is a number, or one for each.
    Without dim: of all elements. Without repeats: x holds the repeats, of 0, 1, 2 ...

    >>> import minigrad
    >>> minigrad.tensor([1, 2]).repeat_interleave(minigrad.tensor([1, 2]))
    tensor([1, 2, 2])
    """
    if repeats is None:
        input, repeats = _numbers(input, input.numel(), (input.numel(),)), input
    x = broadcast.reshape(input, (input.numel(),)) if dim is None else input
    axis = 0 if dim is None else one_axis("repeat_interleave", dim, x.dim())
    shape = _line(x).array.shape
    if not isinstance(repeats, Tensor):
        repeats = x.new_tensor([repeats], dtype=dtypes.int64)
    if repeats.array.dtype not in (dtypes.int64.numpy, dtypes.int32.numpy):
        raise RuntimeError(
            f"repeat_interleave(): repeats has to be Long or Int tensor, got {repeats.dtype}"
        )
    if repeats.numel() not in (1, shape[axis]) or repeats.dim() > 1:
        raise RuntimeError(
            "repeat_interleave(): repeats must have the same size as input along dim, but got "
            f"repeats of shape {list(repeats.shape)} and input.size({axis}) = {shape[axis]}"
        )
    if repeats.numel() and repeats.min().item() < 0:
        raise RuntimeError("repeat_interleave(): repeats can not be negative")
    ends = broadcast.expand(repeats.reshape(-1), (shape[axis],)).cumsum(0)
    count = int(ends[-1].item()) if shape[axis] else 0
    positions = wrap(x.device.backend.arange(0, 1, count, dtypes.int64.numpy), x.device)
    return index_select_(_line(x), axis, searchsorted_(ends, positions, True))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """out[..., c] = 1 where x[...] == c, else 0 (int64).

    There are as many classes as the largest label needs, unless given.

    >>> import minigrad
    >>> minigrad.ops.one_hot(minigrad.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype is not dtypes.int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}"
        )
    if not tensor.numel():
        if num_classes <= 0:
            raise RuntimeError(
                "Can not infer total number of classes from empty tensor; pass num_classes"
            )
        return tensor.new_zeros(*tensor.shape, num_classes)
    count = _class_count(tensor, num_classes)
    classes = wrap(tensor.device.backend.arange(0, 1, count, dtypes.int64.numpy), tensor.device)
    return cast(viewed(tensor, (*tensor.array.shape, 1)) == classes, dtypes.int64.numpy)


def _class_count(labels: Tensor, num_classes: int) -> int:
    """How many classes there are. Inside a vmap labels have no values to look at."""
    if batch.has_no_value(labels):
        if num_classes <= 0:
            raise RuntimeError("vmap: one_hot() needs num_classes, a positive number")
        return num_classes
    largest = int(labels.max().item())
    if labels.min().item() < 0:
        raise RuntimeError(f"Class values must be non-negative, got {labels.min().item()}")
    if num_classes != -1 and largest >= num_classes:
        raise RuntimeError(
            f"Class values must be smaller than num_classes, got {largest} for "
            f"num_classes={num_classes}"
        )
    return largest + 1 if num_classes == -1 else num_classes


# fmt: off
__all__ = [
    "getitem", "setitem", "index_put", "gather", "scatter", "scatter_add",
    "index_select", "index_add", "take_along_dim", "masked_fill", "masked_select", "nonzero",
    "nonzero_static", "unravel_index",
    "sort", "argsort", "topk", "searchsorted", "unique", "repeat_interleave", "one_hot",
]
# fmt: on
