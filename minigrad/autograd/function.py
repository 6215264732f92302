"""Function: an operation of the user's, with a backward pass of their own.

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            out = x.exp()
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx, g):
            (out,) = ctx.saved_tensors
            return g * out

    y = Exp.apply(x)

A call makes a FunctionNode in the graph, y.grad_fn, which holds `ctx`, on which forward leaves what
backward needs. Saved outputs are kept as arrays and become tensors again when backward asks, so
that no cycle of references keeps the graph alive. `backward` computes with tensors, so its own
gradient, the second derivative, comes for free.

Note [Saved intermediates]. What forward computes is not recorded. A saved tensor that is neither an
input nor an output depends on the inputs in a way that nobody knows, and a second derivative
through it would lack that part. So under create_graph it comes back as the result of a node that
raises when a gradient arrives there.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from minigrad import dtype as dtypes
from minigrad.autograd import broadcast, inplace
from minigrad.autograd.mode import mode, no_grad
from minigrad.autograd.node import FREED, Node, Output, Refusal, clock
from minigrad.autograd.primitive import _overwritten, cast, record
from minigrad.tensor import Tensor, wrap


class FunctionCtx:
    """What forward leaves for backward; any attribute may be set on it, as in ctx.slope = 0.1."""

    _node: Callable[[], FunctionNode | None]  # weak: the node holds its ctx

    def __init__(self, args: tuple[Any, ...]):
        self.needs_input_grad = tuple(isinstance(x, Tensor) and x.node is not None for x in args)
        self._to_save: tuple[Any, ...] = ()
        self._non_differentiable: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps inputs and outputs for backward: ctx.saved_tensors, checked to be unchanged."""
        for i, x in enumerate(tensors):
            if not (x is None or isinstance(x, Tensor)):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type "
                    f"{type(x).__name__}; set other values as attributes of ctx"
                )
        self._to_save = tensors

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Says that these outputs have no gradient; integer outputs need not be marked."""
        self._non_differentiable = args

    def mark_dirty(self, *args: Tensor) -> None:
        """Says that forward has changed these inputs in place; they must be outputs, too."""
        self._dirty = args

    def set_materialize_grads(self, value: bool) -> None:
        """With False, backward is given None and not zeros for outputs that were not used."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors given to save_for_backward."""
        node = self._node()
        if node is None or node.saved is FREED:
            raise RuntimeError(
                "Trying to backward through the graph a second time: a Function has freed what it "
                "saved. Specify retain_graph=True in the first backward() or grad() call, or "
                "compute the output anew"
            )
        return tuple(None if unpack is None else unpack(node) for unpack in node.saved)


class FunctionNode(Node):
    """One recorded call of a Function: `given` and `returned` are the shapes, types and devices of
    the tensors among its arguments and outputs."""

    __slots__ = ("ctx", "given", "returned")
    ctx: FunctionCtx
    given: list[Any]
    returned: list[Any]

    def name(self) -> str:
        return type(self).__name__

    def __getattr__(self, name: str) -> Any:
        if name in FunctionNode.__slots__ or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.ctx, name)


def _describe(values: Sequence[Any]) -> list[Any]:
    return [
        (x.array.shape, x.array.dtype, x.device) if isinstance(x, Tensor) else None for x in values
    ]


def _among(x: Any, tensors: Sequence[Any]) -> bool:
    return any(x is other for other in tensors)


class Function:
    """The base of operations with a backward of their own: define forward and backward, call apply.

    `forward(ctx, *args)` computes, with tensors and anything else; or `forward(*args)` does, and
    `setup_context(ctx, inputs, output)` saves. `backward(ctx, *grads)` gets a gradient for each
    output and returns a gradient, or None, for each argument.

    >>> import minigrad
    >>> class Cube(minigrad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x * x
    >>> x = minigrad.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    _node_type: type[FunctionNode]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        members = {"op": _Custom(cls), "__slots__": ()}
        cls._node_type = type(f"{cls.__name__}Backward", (FunctionNode,), members)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the output: a tensor, or a tuple of tensors and other values."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Saves what backward needs, where forward is written without ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients for the arguments of forward, from those for its outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs forward and records it."""
        separate = cls.setup_context is not Function.setup_context
        if kwargs or separate:
            args = _positional(cls.forward, args, kwargs, separate)
        ctx = FunctionCtx(args)
        with no_grad():
            if separate:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        return _Outputs(cls, ctx, args, output).placed()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            f"new-style autograd function with static forward method: {type(self).__name__}.apply"
        )


def _positional(forward: Callable, args: Any, kwargs: Any, separate: bool) -> tuple[Any, ...]:
    """The arguments in forward's order, with its defaults: backward returns something for each."""
    leading = () if separate else (None,)
    bound = inspect.signature(forward).bind(*leading, *args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        names = ", ".join(bound.kwargs)
        raise TypeError(f"apply(): forward's keyword-only arguments cannot be given: {names}")
    return bound.args[len(leading) :]


class _Outputs:
    """Gives the outputs of one call their place in the graph."""

    def __init__(self, function: type[Function], ctx: FunctionCtx, args: Any, output: Any):
        self.ctx, self.output = ctx, output
        self.outs = output if isinstance(output, tuple) else (output,)
        self.inputs = [x for x in args if isinstance(x, Tensor)]
        self.check_dirty(function.__name__)
        self.node: FunctionNode | None = None
        if mode.grad and any(ctx.needs_input_grad):
            self.node = self.make_node(function, args)

    def check_dirty(self, name: str) -> None:
        if any(not _among(x, self.outs) for x in self.ctx._dirty):
            raise RuntimeError(
                f"{name}: Some elements marked as dirty during the forward method were not "
                "returned as output. The inputs that are modified inplace must all be outputs of "
                "the Function"
            )
        if mode.grad and any(self.ctx.needs_input_grad):
            for x in self.ctx._dirty:
                inplace.refuse_unwritable(x)
                inplace.refuse_leaf(x)

    def make_node(self, function: type[Function], args: Any) -> FunctionNode:
        node = function._node_type()
        node.ctx = self.ctx
        node.given, node.returned = _describe(args), _describe(self.outs)
        node.edges = tuple(x.node for x in self.inputs)
        node.shapes = node.hooks = None
        node.seq = next(clock)
        if mode.anomaly:
            node.trace = mode.anomaly()
        node.saved = tuple(self.packed(x) for x in self.ctx._to_save)
        self.ctx._node = weakref.ref(node)
        return node

    def placed(self) -> Any:
        found = tuple(
            self.place(x, i) if isinstance(x, Tensor) else x for i, x in enumerate(self.outs)
        )
        ctx = self.ctx
        ctx._to_save = ctx._dirty = ctx._non_differentiable = ()
        return found if isinstance(self.output, tuple) else found[0]

    def is_differentiable(self, x: Tensor) -> bool:
        return x.array.dtype in dtypes.FLOATS and not _among(x, self.ctx._non_differentiable)

    def place(self, x: Tensor, i: int) -> Tensor:
        """Output i as the caller gets it."""
        node: Any = None
        if self.node is not None and self.is_differentiable(x):
            node = _output(self.node, i)
        if _among(x, self.ctx._dirty):
            if node is not None:
                value = wrap(x.array, x.device)
                value.node = node
                inplace._rebase(x, value)
            return x
        if _among(x, self.inputs) or x.node is not None:
            with no_grad():
                x = broadcast.alias(x)  # what was there before keeps its own place in the graph
        elif x.base is not None and self.is_private(x):
            x.base = None  # a view of memory that only forward knew is as good as a tensor
        x.node = node
        if x.base is not None:
            x.version.add_view(x)  # so that a write to its root is noticed
        return x

    def is_private(self, x: Tensor) -> bool:
        """Whether no input and no other output shares x's memory."""
        sharing = [y for y in (*self.inputs, *self.outs) if getattr(y, "version", 0) is x.version]
        return len(sharing) == 1

    def packed(self, x: Tensor | None) -> Any:
        """How backward gets a saved tensor back: a function of the node, which it must not hold."""
        if x is None:
            return None
        if _among(x, self.inputs) and not _among(x, self.ctx._dirty):
            return lambda node: _unchanged("an input", x, node)
        if not _among(x, self.outs):
            return lambda node: _intermediate(x, node)
        index = next(i for i, out in enumerate(self.outs) if out is x)
        array, version, device = x.array, x.version, x.device
        differentiable = self.is_differentiable(x)

        def output(node: FunctionNode) -> Tensor:
            out = wrap(array, device)
            out.version = version
            out.node = _output(node, index) if differentiable else None
            return _unchanged("an output", out, node)

        return output


def _output(node: FunctionNode, index: int) -> Any:
    return node if len(node.returned) == 1 else Output(node, index)


def _unchanged(what: str, x: Tensor, node: Node) -> Tensor:
    """x, if nobody wrote to it since. See Note [Version counters]."""
    if x.version.stamp > node.seq:
        raise _overwritten(what, x, node)
    return x


def _intermediate(x: Tensor, node: FunctionNode) -> Tensor:
    """See Note [Saved intermediates]."""
    _unchanged("an intermediate", x, node)
    if not mode.grad or x.node is not None or x.array.dtype not in dtypes.FLOATS:
        return x
    why = (
        f"{node.name()}: the second derivative leads through a tensor of shape {tuple(x.shape)} "
        "that forward saved and that is neither its input nor its output, so this part of it would "
        "be missing. Return the tensor as a further output, or compute it anew in backward; a "
        "constant can be kept as an attribute, ctx.mask = mask"
    )
    return _refused(x, Refusal(why), node.edges)


def _refused(x: Tensor, refusal: Any, edges: tuple[Any, ...]) -> Tensor:
    """x as the result of that op."""
    out = wrap(x.array, x.device)
    out.version = x.version
    out.node = record(refusal, edges, (), None)
    return out


class _Custom:
    """What the engine sees of a Function: the op of its nodes."""

    composite, visible = None, ("out",)

    def __init__(self, function: type[Function]):
        self.function = function
        self.name = function.__name__

    def gradients(self, node: FunctionNode, g: Any, edges: Sequence[Any]) -> list[Tensor | None]:
        """What backward returns, checked, for each of the input tensors."""
        found = self.function.backward(node.ctx, *_incoming(node, g))
        found = found if isinstance(found, tuple) else (found,)
        count = len(node.given)
        if len(found) < count or any(x is not None for x in found[count:]):
            raise RuntimeError(
                f"function {node.name()} returned an incorrect number of gradients (expected "
                f"{count}, got {len(found)}): one for each argument of forward, or None"
            )
        waiting = iter(edges)
        checked: list[Tensor | None] = []
        for i, (given, x) in enumerate(zip(node.given, found, strict=False)):
            if given is not None:
                wanted = next(waiting) is not None and x is not None
                checked.append(_fitting(node.name(), i, x, *given) if wanted else None)
            elif x is not None:
                raise RuntimeError(
                    f"function {node.name()} returned a gradient different than None at position "
                    f"{i + 1}, but the corresponding forward input was not a Variable"
                )
        return checked


def _incoming(node: FunctionNode, g: Any) -> list[Tensor | None]:
    """A gradient for each output."""
    gs = list(g) if isinstance(g, list) else [g]
    gs += [None] * (len(node.returned) - len(gs))
    if node.ctx._materialize:
        for i, (x, returned) in enumerate(zip(gs, node.returned, strict=True)):
            if x is None and returned is not None:
                shape, dtype, device = returned
                gs[i] = wrap(device.backend.full(shape, 0, dtype), device)
    return gs


def _fitting(name: str, i: int, g: Any, shape: tuple[int, ...], dtype: Any, device: Any) -> Tensor:
    """A gradient that backward returned, in the shape and the type of its input."""
    if not isinstance(g, Tensor):
        raise RuntimeError(
            f"function {name}: expected Variable or None (got {type(g).__name__}) at index {i}"
        )
    if g.device.base is not device.base:
        raise RuntimeError(
            f"Function {name} returned an invalid gradient at index {i} - expected device {device} "
            f"but got {g.device}"
        )
    if g.array.shape != shape:
        if not _expands(shape, g.array.shape):
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {i} - got {list(g.shape)} "
                f"but expected shape compatible with {list(shape)}"
            )
        g = broadcast.sum_to(g, shape)
    g.version.shared = True  # it may be a tensor that forward saved
    return g if g.array.dtype == dtype else cast(g, dtype)


def _expands(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape may have been broadcast to the other."""
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(m in (1, n) for m, n in pairs)


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a backward that leaves the graph, for NumPy say: it has no gradient itself.

    >>> import minigrad
    >>> class Twice(minigrad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @minigrad.autograd.once_differentiable
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> x = minigrad.tensor([3.0], requires_grad=True)
    >>> Twice.apply(x).backward()
    >>> x.grad
    tensor([2.])
    """

    @functools.wraps(fn)
    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        with no_grad():
            found = fn(ctx, *grads)
        node = ctx._node()
        if not mode.grad or node is None:
            return found
        refusal = Refusal(
            f"{node.name()}: trying to differentiate twice a function that was marked with "
            "@once_differentiable"
        )
        edges = (*node.edges, *(g.node for g in grads if isinstance(g, Tensor)))
        several = found if isinstance(found, tuple) else (found,)
        results = tuple(
            _refused(x, refusal, edges) if isinstance(x, Tensor) else x for x in several
        )
        return results if isinstance(found, tuple) else results[0]

    return backward
