"""In-place writes that autograd can follow.

    y = x.exp(); y.mul_(w)      y's memory changes, and y.node becomes the product: y is *rebased*
    v = y[0];    v.add_(1)      v is a view of y: y changed too, so y is rebased as well
    y[0] = 1                    the same: the view y[0], then copy_

Note [Views]. A view remembers the tensor whose memory it looks into (its root) and the chain of
view ops that leads there. After a write through any of them the root gets a new node, "the old root
with this region replaced", and every living view is derived anew from the root's new node. So all
of them have right gradients, whatever the order of writes. What cannot be made right raises:
writing to a leaf that requires a gradient, to a view made under no_grad, or to memory that holds
one element at several places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.autograd.mode import mode, no_grad
from minigrad.autograd.node import Leaf, Refusal
from minigrad.autograd.primitive import Op, cast, primitive, record
from minigrad.autograd.primitive import _explain as explain
from minigrad.autograd.primitive import _fit as fit
from minigrad.tensor import Tensor, _look_into, wrap

where_ = primitive(
    "where",
    "cond x y",
    x=lambda g, cond: where_(cond, g, 0),
    y=lambda g, cond: where_(cond, 0, g),
    broadcast=True,
)


def fill(x: Tensor, value: Any) -> Tensor:
    """value, a number or a 0-d tensor, everywhere in x's shape and type. The gradient by x is 0.

    >>> import minigrad
    >>> minigrad.fill(minigrad.zeros(2), 3)
    tensor([3., 3.])
    """
    if not isinstance(value, Tensor):
        value = fit(value, x.array.dtype)
    elif value.dim():
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.dim()} "
            "dimensions"
        )
    elif value.array.dtype != x.array.dtype:
        value = cast(value, x.array.dtype)
    return _instead_of(x, value)


def _instead_of(x: Tensor, value: Any) -> Tensor:
    """value in x's shape, still a function of x, though a constant one: requires_grad stays."""
    everywhere = wrap(x.device.backend.full((), True, dtypes.bool_.numpy), x.device)
    return where_(everywhere, value, x)


def inplace(function: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """x <- function(x, ...): writes the result into x's memory and rebases x on it."""
    refuse_unwritable(x)
    op = getattr(function, "op", None)
    if not is_recorded(x, *args, *kwargs.values()):
        if op is not None and op.broadcast and op.differentiable and not kwargs and _fits(x, args):
            # The usual case, x.mul_(0.9): the kernel writes into x's memory, without a copy. What
            # has a gradient has x's type; the result of a comparison is bool.
            arrays = [a.array if isinstance(a, Tensor) else a for a in args]
            try:
                getattr(x.device.backend, op.name)(x.array, *arrays, x.array)
            except TypeError as error:
                raise explain(op.name, (x.array,), error) from error
            x.version.bump()
            return x
        with no_grad():
            return write(x, function(x, *args, **kwargs))
    refuse_leaf(x)
    keeps_x = op is None or op.inputs[0] in op.kept
    return write(x, function(_before(x, keeps_x), *args, **kwargs))


def overwriting(wanted: bool, function: Callable[..., Tensor], x: Tensor, *args: Any) -> Tensor:
    """function(x, ...), which is what x holds afterwards if `wanted`: `inplace` of activations."""
    return inplace(function, x, *args) if wanted else function(x, *args)


def is_recorded(*operands: Any) -> bool:
    """Whether an op of these operands becomes part of the graph."""
    if mode.grad:
        for x in operands:
            if getattr(x, "node", None) is not None:
                return True
    return False


def _fits(x: Tensor, args: tuple[Any, ...]) -> bool:
    """Whether a kernel may write straight into x: nothing to promote, x not broadcast, no other
    view of x among args.
    """
    array = x.array
    if array.dtype not in dtypes.FLOATS:
        return False
    for a in args:
        if type(a) is float or type(a) is int:
            continue
        if (
            not isinstance(a, Tensor)
            or a.array.dtype is not array.dtype
            or a.device is not x.device
        ):
            return False
        if a.array.shape not in (array.shape, ()) or (a.version is x.version and a is not x):
            return False
    return True


def _before(x: Tensor, copied: bool) -> Tensor:
    """x with its present place in the graph; in memory of its own if a rule will ask for the value
    that is about to go.
    """
    old = wrap(x.device.backend.copy(x.array) if copied else x.array, x.device)
    old.node = x.node
    return old


def refuse_unwritable(x: Tensor) -> None:
    """Raises where one element of x is many in memory, and where the graph could not follow the
    write.
    """
    if x.base is None or 0 in x.array.shape:
        return
    strides = x.device.backend.strides(x.array)
    if any(step == 0 and n > 1 for step, n in zip(strides, x.array.shape, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location: "
            f"shape {tuple(x.shape)}, strides {tuple(strides)}. Please clone() the tensor before "
            "performing the operation"
        )
    root, chain = x.base
    if chain is None and mode.grad and root.node is not None:
        raise _made_without_grad()


def _made_without_grad() -> RuntimeError:
    return RuntimeError(
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled: "
        "gradients could not follow. Make the view outside no_grad, or write within no_grad"
    )


def refuse_leaf(x: Tensor) -> None:
    """Raises where no recorded write can be: to a leaf that requires a gradient, to a view of one,
    and to a view made under no_grad.
    """
    root, chain = (x, ()) if x.base is None else x.base
    if chain is None:
        raise _made_without_grad()
    if isinstance(root.node, Leaf):
        what = "a leaf Variable" if x.base is None else "a view of a leaf Variable"
        raise RuntimeError(
            f"{what} that requires grad is being used in an in-place operation: shape "
            f"{tuple(root.shape)}. Write within no_grad(), or compute out of place"
        )


def write(x: Tensor, value: Tensor) -> Tensor:
    """Puts value, of x's shape, into x's memory, and makes x (and what it is a view of) follow
    value's graph.
    """
    if value.array.shape != x.array.shape:
        raise RuntimeError(
            f"output with shape {list(x.shape)} doesn't match the broadcast shape "
            f"{list(value.shape)}: an in-place operation "
            "cannot make its tensor larger; use the out-of-place form"
        )
    if not dtypes.can_cast(value.dtype, x.dtype):
        raise RuntimeError(
            f"result type {value.dtype} can't be cast to the desired output type {x.dtype} of an "
            "in-place operation; "
            f"use the out-of-place form, or convert the tensor to {value.dtype} first"
        )
    if value.array.dtype != x.array.dtype:
        value = cast(value, x.array.dtype)
    if value.device is not x.device:
        raise _from_inside()
    x.device.backend.copy_(x.array, value.array)
    x.version.bump()
    if value.node is not None or (x.node is not None and mode.grad):
        _rebase(x, value)
    return x


def _on_device_of(x: Tensor, value: Tensor) -> Tensor:
    device: Any = x.device
    if device.base is not value.device.base:
        return value.to(device)
    if not set(value.device.levels) <= set(device.levels):
        raise _from_inside()
    return device.taken_in(value)


def _from_inside() -> RuntimeError:
    return RuntimeError(
        "vmap: an in-place write to a tensor from outside, which is the same for all examples, of "
        "what differs between them; write out of place, or to a tensor that was made from an input"
    )


def copy_(x: Tensor, value: Tensor) -> Tensor:
    """x <- value, broadcast and cast: of the old x nothing stays."""
    refuse_unwritable(x)
    if is_recorded(x, value):
        refuse_leaf(x)
    if value.device is not x.device:
        value = _on_device_of(x, value)
    if value.array.dtype != x.array.dtype:
        value = cast(value, x.array.dtype)
    if value.array.shape != x.array.shape:
        shape = value.array.shape
        extra = len(shape) - x.dim()
        if extra > 0 and set(shape[:extra]) <= {1}:
            # X[0] = a (1, n) tensor, as PyTorch has it.
            value = broadcast.reshape(value, shape[extra:])
        broadcast.check_expand("copy_", value.array.shape, x.array.shape)
        value = broadcast.expand(value, x.array.shape)
    if isinstance(value.node, Leaf):
        value = broadcast.alias(value)
    elif value.node is None and is_recorded(x):
        value = _instead_of(_before(x, False), value)
    return write(x, value)


def _rebase(x: Tensor, value: Tensor) -> None:
    """Gives x, its root and all living views of the root the nodes that say what they now hold. See
    Note [Views].
    """
    root, chain = (x, ()) if x.base is None else x.base
    if x.base is None:
        root.node = value.node
    else:
        root.node = record(_replaced, (root.node, value.node), (chain,), None)
    for ref in tuple(root.version.views):
        view = ref()
        if view is None or view.base[0] is not root:
            continue
        if view.base[1] is not None:
            view.node = _replay(root, view.base[1]).node
        elif view.node is not None:
            view.node = record(_lost_view, (root.node,), (), None)


def _replay(x: Tensor, chain: tuple[Any, ...]) -> Tensor:
    """Applies a chain of view ops to x, copying where x's strides allow no view."""
    for view, params in chain:
        out = view(x, *params)
        x = broadcast.reshape(x, *params) if out is None else out
    return x


def place_copy(copied: Tensor, x: Tensor, memo: dict[Any, Any]) -> None:
    """Puts `copied`, a tensor without memory, where x is: in a copy of x's memory, of which there
    is one for all tensors that are copied together (`memo`). So those that shared still share.
    """
    root, chain = (x, ()) if x.base is None or x.base[1] is None else x.base
    key = ("memory", id(root.array))  # that of x.detach() and x.data is x's own
    if key not in memo:
        memo[key] = wrap(root.device.backend.copy(root.array), root.device)
    memory = memo[key]
    with no_grad():
        place = _replay(memory, chain)
    copied._become(place.array, place.device, x.requires_grad)
    copied.version = place.version
    if place.base is not None:
        _look_into(copied, memory, chain)


def _outside(g: Tensor, chain: tuple[Any, ...]) -> Tensor:
    """g with zeros where the chain of views looks: found by viewing the positions 0, 1, 2 ... in
    the same way.
    """
    device, backend, shape, count = g.device, g.device.backend, g.array.shape, g.numel()
    with no_grad():
        numbers = wrap(backend.arange(0, 1, count, dtypes.int64.numpy), device)
        positions = _replay(broadcast.view(numbers, shape), chain)
        flat = broadcast.reshape(positions, (positions.numel(),))
        ones = wrap(backend.full((), 1, dtypes.bool_.numpy), g.device)
        mask = backend.full((count,), 0, dtypes.bool_.numpy)
        mask = backend.index_put(mask, [flat.array], ones.array, False)
    return where_(wrap(backend.view(mask, shape), g.device), 0, g)


_lost_view: Any = Refusal(
    "the output of a Function or of checkpoint is a view of a tensor that was written to since: "
    "its gradient could not follow. Let the function return a clone()"
)
_replaced = Op(
    "replaced",
    "root value | chain",
    rules={"root": _outside, "value": lambda g, chain: _replay(g, chain)},
)
