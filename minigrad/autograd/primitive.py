"""Primitives: an op is one line of mathematics.

    mul = elementwise("mul", "x y", x=lambda g, y: g * y, y=lambda g, x: g * x)

declares an op whose forward computation is the backend kernel of the same name, and whose gradient
is one *rule* an input. A rule maps Tensors to a Tensor, so it can be differentiated again. The
names of a rule's parameters say what is kept for the backward pass, and nothing else stays alive:

    g                 the incoming gradient, always first
    x, y ...          an input
    out ...           an output
    x_shape, x_dtype  the shape or the type of an input, which keeps no memory
    axes ...          a parameter

The first string names inputs, parameters and outputs: "x w b | eps -> out (mean rstd)". Outputs in
parentheses are kept for the rules but not returned; an input with a star is a list of tensors. An
input without a rule is not differentiable.

Where the gradients of several inputs share work, one joint rule `grads=` takes (g, needs, ...) and
returns one gradient, or None, for each differentiable input. A fused op names its `composite`, the
same computation in smaller ops: the engine differentiates that one when a gradient of the gradient
is wanted.

Note [Broadcasting]. Rules never mention shapes. An op declared with `elementwise` (or
`broadcast=True`) remembers its inputs' shapes where they differ, and the engine sums each gradient
back to its input's shape: see engine.unbroadcast.

Note [Only floats have nodes]. No node is recorded for a result that is not floating-point: an
integer or a bool does not change with its input, so no gradient passes. A cast, and the indices
that come beside values, may be such a result. An elementwise op with rules needs no look at it: its
result has the type in which its operands meet, and that is floating where one of them has a node.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd.mode import mode
from minigrad.autograd.node import FREED, Node, Output, clock
from minigrad.tensor import Tensor, wrap

Rule = Callable[..., Any]
table: dict[str, Op] = {}


class Op:
    """What is known about a primitive: its signature, its rules, and where each rule's arguments
    are kept.
    """

    def __init__(
        self,
        name: str,
        spec: str,
        rules: dict[str, Rule],
        grads: Rule | None = None,
        composite: Callable[..., Any] | None = None,
        broadcast: bool = False,
        view: bool = False,
    ):
        self.name, self.composite, self.broadcast, self.view = name, composite, broadcast, view
        head, _, outputs = spec.partition("->")
        inputs, _, params = head.partition("|")
        visible, _, hidden = outputs.partition("(")
        self.lists = {i for i, word in enumerate(inputs.split()) if word.endswith("*")}
        self.inputs = tuple(word.rstrip("*") for word in inputs.split())
        self.numbers = self.inputs  # those that may be Python numbers, of an elementwise op
        self.params = tuple(params.split())
        self.visible = tuple(visible.split()) or ("out",)
        self.outputs = self.visible + tuple(hidden.rstrip(") ").split())
        self.grads = grads
        self.differentiable = (
            self.inputs if grads is not None else tuple(n for n in self.inputs if n in rules)
        )
        self._check(rules)
        self._plan(rules)
        assert name not in table, f"primitive {name} is declared twice"
        table[name] = self

    def _check(self, rules: dict[str, Rule]) -> None:
        unknown = [name for name in rules if name not in self.inputs]
        if unknown or (rules and self.grads):
            raise TypeError(
                f"primitive {self.name}: rules for {unknown or list(rules)}, inputs are "
                f"{self.inputs}"
            )

    def _plan(self, rules: dict[str, Rule]) -> None:
        """Finds out, once, what each rule keeps: `values` below lists what there is, `kept` what is
        asked for.
        """
        shapes = tuple(f"{name}_shape" for name in self.inputs)
        types = tuple(f"{name}_dtype" for name in self.inputs)
        self.values = (*self.inputs, *self.outputs, *shapes, *types, *self.params)
        asked: dict[str | None, tuple[str, ...]]
        if self.grads is not None:
            asked = {None: _parameters(self.grads)[2:]}
        else:
            asked = {name: _parameters(rules[name])[1:] for name in self.differentiable}
        if self.composite is not None:
            asked[None] = (*asked[None], *self.inputs, *self.params)
        for names in asked.values():
            for name in names:
                if name not in self.values:
                    raise TypeError(
                        f"primitive {self.name}: a rule asks for '{name}', there are {self.values}"
                    )
        self.kept = tuple(dict.fromkeys(name for names in asked.values() for name in names))
        self.keeps_shape = any(name in self.kept for name in (*shapes, *types))
        self.keeps_output = any(name in self.kept for name in self.outputs)
        at = {name: i for i, name in enumerate(self.kept)}
        self.asked = asked
        self.rules = rules  # as declared; `calls` are the same, told where their arguments are kept
        self.calls = tuple(
            _applied(rules[name], [at[n] for n in asked[name]])
            for name in self.differentiable
            if not self.grads
        )
        if self.grads is not None:
            self.grads_at = tuple(at[n] for n in _parameters(self.grads)[2:])
            self.composite_at = tuple(at[n] for n in (*self.inputs, *self.params) if n in at)
        first_output, last = len(self.inputs), len(self.inputs) + len(self.outputs)
        index = [self.values.index(name) for name in self.kept]
        self.is_output = tuple(first_output <= i < last for i in index)
        self._keep: dict[Any, Callable[..., Any]] = {}

    def keep(self, needs: tuple[bool, ...]) -> Callable[..., Any]:
        """A function that picks from (inputs, outputs, shapes, params, None) what the rules of
        these inputs ask for.
        """
        if needs not in self._keep:
            wanted: set[str] = set()
            for need, name in zip(needs, self.differentiable, strict=False):
                wanted.update(self.asked[name] if need and self.grads is None else ())
            if self.grads is not None:
                wanted = set(self.kept)
            nothing = -1  # the tuples of values end in None
            index = [self.values.index(n) if n in wanted else nothing for n in self.kept]
            self._keep[needs] = _picker(index)
        return self._keep[needs]

    def gradients(self, node: Node, g: Any, edges: Sequence[Any]) -> list[Tensor | None]:
        """The gradient for each edge that is not None, by the rules."""
        values = self.unpack(node, g) if self.kept else ()
        if self.grads is not None:
            needs = tuple([edge is not None for edge in edges])
            return list(self.grads(g, needs, *[values[i] for i in self.grads_at]))
        calls = self.calls
        return [None if edge is None else calls[i](g, values) for i, edge in enumerate(edges)]

    def unpack(self, node: Node, g: Any) -> list[Any]:
        """What was saved, checked to be unchanged; outputs become tensors again. See Note [Version
        counters].
        """
        if node.saved is FREED:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: {self.name} has freed what "
                "it saved. Specify "
                "retain_graph=True in the first backward() or grad() call, or compute the output "
                "anew"
            )
        values = list(node.saved)
        for i, value in enumerate(values):
            if isinstance(value, Tensor):
                if value.version.stamp > node.seq:
                    raise _overwritten(self.kept[i], value, node)
            elif type(value) is list:
                for member in value:
                    if isinstance(member, Tensor) and member.version.stamp > node.seq:
                        raise _overwritten(self.kept[i], member, node)
            elif self.is_output[i] and value is not None:
                array, version = value
                device: Any = (
                    g.device
                    if isinstance(g, Tensor)
                    else next(t.device for t in g if t is not None)
                )
                if device.depth:  # g comes from inside a vmap; the array may not
                    device = device.home(array)
                values[i] = out = wrap(array, device)
                out.version = version
                if self.kept[i] in self.visible:
                    index = self.visible.index(self.kept[i])
                    out.node = node if len(self.visible) == 1 else Output(node, index)
                if version.stamp > node.seq:
                    raise _overwritten(self.kept[i], out, node)
        return values

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def _parameters(rule: Rule) -> tuple[str, ...]:
    code = rule.__code__
    return code.co_varnames[: code.co_argcount]


def _applied(rule: Rule, at: Sequence[int]) -> Callable[[Any, Sequence[Any]], Any]:
    """The rule as a function of g and all that was saved; `at` says where its arguments are."""
    if not at:
        return lambda g, values: rule(g)
    if len(at) == 1:
        only = at[0]
        return lambda g, values: rule(g, values[only])
    pick = itemgetter(*at)
    return lambda g, values: rule(g, *pick(values))


def _picker(index: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if not index:
        return lambda values: ()
    if len(index) == 1:
        only = index[0]
        return lambda values: (values[only],)
    return itemgetter(*index)


def record(op: Any, edges: tuple[Any, ...], saved: Any, shapes: Any) -> Node:
    """A node of the graph, made without an `__init__`, which would double its price."""
    node = _new(Node)
    node.op = op
    node.edges = edges
    node.saved = saved
    node.shapes = shapes
    node.hooks = None
    node.seq = next(clock)
    if mode.anomaly:
        node.trace = mode.anomaly()
    return node


_new = object.__new__


# -- elementwise ops: they broadcast, promote, and take Python numbers


def elementwise(
    name: str, spec: str, *, to_float: bool = False, numbers: str | None = None, **rules: Rule
) -> Callable[..., Tensor]:
    """Declares an op that works element by element; `to_float`: integers become the default float
    type first; `numbers`: which of two operands may be a Python number.
    """
    op = Op(name, spec, rules, broadcast=True)
    if numbers is not None:
        op.numbers = tuple(numbers.split())
    if op.params or len(op.inputs) > 2:
        apply = _general(op, to_float)
    else:
        apply = (_unary if len(op.inputs) == 1 else _binary)(op, to_float)
    return _named(apply, op)


def _unary(op: Op, to_float: bool) -> Callable[..., Tensor]:
    name = op.name
    keep = op.keep((True,)) if op.differentiable else None
    floats = dtypes.FLOATS

    def apply(input: Tensor) -> Tensor:
        try:
            array, device = input.array, input.device
        except AttributeError:
            raise _not_a_tensor(name, input) from None
        if to_float and array.dtype not in floats:
            input = cast(input, dtypes.get_default_dtype().numpy)
            array = input.array
        try:
            array = getattr(device.backend, name)(array)
        except (ValueError, TypeError) as error:
            raise _explain(name, (array,), error) from error
        out = wrap(array, device)
        node = input.node
        if node is not None and keep is not None and mode.grad:
            out.node = record(op, (node,), keep((input, (array, out.version), None)), None)
        return out

    return apply


def _binary(op: Op, to_float: bool) -> Callable[..., Tensor]:
    name = op.name
    keep_x, keep_y, keep_both = (
        op.keep((True, False)),
        op.keep((False, True)),
        op.keep((True, True)),
    )
    differentiable = bool(op.differentiable)
    floats, numbers = dtypes.FLOATS, _NUMBERS

    def apply(input: Any, other: Any) -> Tensor:
        x, y = input, other
        if type(y) in numbers or type(x) in numbers:
            return with_number(x, y)
        try:
            a, b, device = x.array, y.array, x.device
        except AttributeError:
            return apply(*_adopted(name, x, y))
        if a.dtype is not b.dtype or y.device is not device or (to_float and a.dtype not in floats):
            x, y = _meet(name, (x, y), to_float)
            a, b, device = x.array, y.array, x.device
        try:
            array = getattr(device.backend, name)(a, b)
        except (ValueError, TypeError) as error:
            raise _explain(name, (a, b), error) from error
        out = wrap(array, device)
        x_node, y_node = x.node, y.node
        if (x_node is not None or y_node is not None) and differentiable and mode.grad:
            keep = keep_x if y_node is None else keep_y if x_node is None else keep_both
            saved = keep((x, y, (array, out.version), None))
            shapes = None if a.shape == b.shape else (a.shape, b.shape)
            out.node = record(op, (x_node, y_node), saved, shapes)
        return out

    def with_number(x: Any, y: Any) -> Tensor:
        """The same where x or y is a Python number: it stays one, and has no gradient."""
        left = type(x) in numbers
        tensor = y if left else x
        if not isinstance(tensor, Tensor):
            raise _not_a_tensor(name, x, y)
        if op.inputs[not left] not in op.numbers:
            raise _no_number(name, *(("input", x) if left else ("other", y)))
        if tensor.array.dtype in floats:
            x, y = (float(x), y) if left else (x, float(y))
        else:
            x, y = _meet(name, (x, y), to_float)
            tensor = y if left else x
        a, b = (x, tensor.array) if left else (tensor.array, y)
        device, node = tensor.device, tensor.node
        try:
            array = getattr(device.backend, name)(a, b)
        except (ValueError, TypeError) as error:
            raise _explain(name, (a, b), error) from error
        out = wrap(array, device)
        if node is not None and differentiable and mode.grad:
            saved = (keep_y if left else keep_x)((x, y, (array, out.version), None))
            out.node = record(op, (None, node) if left else (node, None), saved, None)
        return out

    return apply


# The types that numbers mostly have, found at once; `_plain` makes one of them of every other.
_NUMBERS = frozenset(
    (bool, int, float, np.float64, np.float32, np.int64, np.bool_, np.int32, np.uint8)
)


def _plain(x: Any) -> Any:
    """A number of any type (NumPy's, an IntEnum, a subclass of float) as a Python number; all else
    as it is.
    """
    if isinstance(x, bool | np.bool_):
        return bool(x)
    if isinstance(x, int | np.integer):
        return int(x)
    return float(x) if isinstance(x, float | np.floating) else x


def _meet(name: str, operands: Sequence[Any], to_float: bool = False) -> list[Any]:
    """The operands in one type: tensors by a differentiable cast, numbers as Python numbers that
    suit it.
    """
    tensors = [x for x in operands if type(x) not in _NUMBERS]
    device = None
    for x in tensors:
        if not isinstance(x, Tensor):
            return _meet(name, _adopted(name, *operands), to_float)
        if device is not None and x.device is not device:
            return _meet(name, _together(name, operands), to_float)
        device = x.device
    target = dtypes.result_dtype(operands)
    if to_float and target not in dtypes.FLOATS:
        target = dtypes.get_default_dtype().numpy
    return [
        _suit(x, target)
        if type(x) in _NUMBERS
        else x
        if x.array.dtype == target
        else cast(x, target)
        for x in operands
    ]


def _suit(number: Any, target: np.dtype) -> bool | int | float:
    """A Python number, an operand, as one of the kind that `target` holds; integers wrap around, as
    they do in PyTorch, up to 64 bits.
    """
    if target.kind == "f":
        return float(number)
    if target.kind == "b":
        return bool(number)
    low, high = _range(target)
    try:
        number = int(number)
    except (OverflowError, ValueError):
        raise _does_not_fit(number, target) from None
    if not -(1 << 63) <= number < 1 << 64:
        raise OverflowError(f"int too big to convert: {number} has more than 64 bits")
    if low <= number <= high:
        return number
    return (number - low) % (high - low + 1) + low


@cache
def _range(target: np.dtype) -> tuple[Any, Any]:
    """The least and the greatest number of a type."""
    info = np.finfo(target) if target.kind == "f" else np.iinfo(target)
    return (float(info.min), float(info.max)) if target.kind == "f" else (info.min, info.max)


def _fit(number: Any, target: np.dtype) -> bool | int | float:
    """A Python number that becomes an element: it must fit. An unsigned type takes a negative
    number for its bits, -1 for the largest, as in PyTorch.
    """
    found = _suit(number, target)
    if target.kind == "f":
        fits = abs(found) <= _range(target)[1] or not math.isfinite(found)
    else:
        is_bits = target.kind == "u" and isinstance(number, int)
        bits = is_bits and -_range(target)[1] <= number < 0
        fits = target.kind == "b" or bits or found == int(number)
    if not fits:
        raise _does_not_fit(number, target)
    return found


def _does_not_fit(number: Any, target: np.dtype) -> RuntimeError:
    return RuntimeError(f"value {number} cannot be converted to type {target} without overflow")


def _general(op: Op, to_float: bool) -> Callable[..., Tensor]:
    """Elementwise ops of three inputs, or with parameters: meet, then as any primitive."""
    call = _primitive(op)
    count = len(op.inputs)

    def apply(*args: Any) -> Tensor:
        operands = _meet(op.name, args[:count], to_float)
        return call(*operands, *args[count:])

    return apply


# -- every other op: canonical arguments, no promotion


def primitive(
    name: str,
    spec: str,
    *,
    grads: Rule | None = None,
    composite: Callable[..., Any] | None = None,
    broadcast: bool = False,
    view: bool = False,
    **rules: Rule,
) -> Callable[..., Any]:
    """Declares an op that is called with canonical arguments, all positional: op(*inputs, *params).

    `view`: the result shares its first input's memory. See the module's text for the rest.
    """
    op = Op(name, spec, rules, grads, composite, broadcast, view)
    plain = len(op.inputs) == len(op.outputs) == 1 and not op.lists and not broadcast
    return _named((_one_to_one if plain else _primitive)(op), op)


def _one_to_one(op: Op) -> Callable[..., Any]:
    """The commonest form, one tensor in and one out (sums, views ...), at half the price."""
    name, view, floats = op.name, op.view, dtypes.FLOATS
    keep = op.keep((True,)) if op.differentiable else None

    def apply(x: Tensor, *params: Any) -> Any:
        try:
            array, device = x.array, x.device
        except AttributeError:
            raise _not_a_tensor(name, x) from None
        try:
            result = getattr(device.backend, name)(array, *params)
        except (ValueError, TypeError) as error:
            raise _explain(name, (array,), error) from error
        if view and result is None:
            return None  # the strides of x allow no such view
        out = wrap(result, device)
        if view:
            share(out, x, apply, params)
        node = x.node
        if node is not None and keep is not None and mode.grad and result.dtype in floats:
            values = (x, (result, out.version), array.shape, array.dtype, *params, None)
            out.node = record(op, (node,), keep(values), None)
        return out

    return apply


def _primitive(op: Op) -> Callable[..., Any]:
    count, name = len(op.inputs), op.name
    single = len(op.outputs) == 1
    ask = tuple(i for i, n in enumerate(op.inputs) if n in op.differentiable)

    def apply(*args: Any) -> Any:
        inputs, params = args[:count], args[count:]
        try:
            device, arrays = _arrays(name, inputs)
        except _Apart:
            inputs = _together(name, inputs)
            device, arrays = _arrays(name, inputs)
        try:
            result = getattr(device.backend, name)(*arrays, *params)
        except (ValueError, TypeError) as error:
            raise _explain(name, arrays, error) from error
        if single:
            result = (result,)
        outs = tuple([wrap(array, device) for array in result])
        if ask and mode.grad:
            edges = _edges(inputs, ask, op.lists)
            if any(edges):
                _record_call(op, edges, inputs, outs, params)
        visible = outs[: len(op.visible)]
        return visible[0] if len(visible) == 1 else visible

    return apply


def _arrays(name: str, inputs: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    """The inputs' arrays (None, numbers and lists stay what they are), and their common device."""
    device = None
    arrays: list[Any] = []
    for x in inputs:
        if isinstance(x, Tensor):
            if x.device is not device:
                if device is not None:
                    raise _Apart
                device = x.device
            arrays.append(x.array)
        elif isinstance(x, list | tuple):
            inner, members = _arrays(name, tuple(x))
            if device is not None and inner is not None and inner is not device:
                raise _Apart
            device = device or inner
            arrays.append(members)
        elif x is None or type(_plain(x)) in _NUMBERS:
            arrays.append(_plain(x))
        else:
            raise _not_a_tensor(name, x)
    return device, arrays


class _Apart(Exception):
    """The operands are not on one device."""


def _together(name: str, operands: Any) -> Any:
    """The operands on one device: tensors from outside of a vmap are taken in to those inside (see
    batch.py). Raises where they just differ.
    """
    tensors = list(_tensors(operands))
    deepest: Any = max((x.device for x in tensors), key=lambda device: device.depth)
    if deepest.depth == 0:
        raise _devices_differ(name, tensors)
    return _taken_in(deepest.joined(x.device for x in tensors), operands)


def _tensors(operands: Any) -> Iterator[Tensor]:
    for x in operands:
        if isinstance(x, Tensor):
            yield x
        elif isinstance(x, list | tuple):
            yield from _tensors(x)


def _taken_in(device: Any, x: Any) -> Any:
    if isinstance(x, Tensor):
        return device.taken_in(x)
    return type(x)(_taken_in(device, y) for y in x) if isinstance(x, list | tuple) else x


def _edges(inputs: tuple[Any, ...], ask: tuple[int, ...], lists: set[int]) -> tuple[Any, ...]:
    edges: list[Any] = []
    for i in ask:
        if i in lists:
            edges.extend([getattr(x, "node", None) for x in inputs[i]])
        else:
            edges.append(getattr(inputs[i], "node", None))
    return tuple(edges)


def _record_call(op: Op, edges: tuple[Any, ...], inputs: Any, outs: Any, params: Any) -> None:
    kept_outs = (
        [(out.array, out.version) for out in outs] if op.keeps_output else [None] * len(outs)
    )
    shapes: Any = [None] * len(inputs)
    types = shapes
    if op.keeps_shape or op.broadcast:
        shapes = [_each(x, "shape") for x in inputs]
        types = [_each(x, "dtype") for x in inputs]
    values = (*inputs, *kept_outs, *shapes, *types, *params, None)
    node = record(op, edges, op.keep(tuple([edge is not None for edge in edges]))(values), None)
    if op.broadcast:
        node.shapes = tuple(
            shape for shape, n in zip(shapes, op.inputs, strict=True) if n in op.differentiable
        )
    for i, out in enumerate(outs[: len(op.visible)]):
        if out.array.dtype in dtypes.FLOATS:
            out.node = node if len(op.visible) == 1 else Output(node, i)


def _each(x: Any, attribute: str) -> Any:
    if isinstance(x, list | tuple):
        return [_each(member, attribute) for member in x]
    return getattr(x.array, attribute) if isinstance(x, Tensor) else ()


def _named(apply: Callable[..., Any], op: Op) -> Callable[..., Any]:
    apply.__name__ = apply.__qualname__ = op.name
    apply.op = op  # type: ignore[attr-defined]
    return apply


# -- views


def share(out: Tensor, x: Tensor, view: Callable[..., Any], params: tuple[Any, ...]) -> None:
    """Makes `out` known as a view of x's memory. See Note [Views] in inplace.py."""
    out.version = x.version
    if not mode.grad:
        out.base = (x if x.base is None else x.base[0], None)
        return
    root, chain = (x, ()) if x.base is None else x.base
    out.base = (root, None if chain is None else (*chain, (view, params)))
    out.version.add_view(out)


def _overwritten(name: str, value: Tensor, node: Node) -> RuntimeError:
    made = getattr(node, "trace", None)
    wrote = getattr(value.version, "trace", None)
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation: "
        f"'{name}' of {node.op.name}, shape {tuple(value.array.shape)}, was saved for the backward "
        "pass and written to "
        f"since, {value.version.writes} time(s) in all. Write out of place (x = x + 1), or clone() "
        "before the write"
        + (
            f".\nIt was saved here:\n{made}\nand last written here:\n{wrote}"
            if made and wrote
            else "; autograd.detect_anomaly() shows the lines"
        )
    )


# -- errors, worded above the backends so that all devices say the same


def _not_a_tensor(name: str, *operands: Any) -> TypeError:
    wrong = [x for x in operands if not isinstance(x, Tensor) and type(x) not in _NUMBERS]
    wanted = "a Tensor or a number" if wrong else "a Tensor"
    got = " and ".join(type(x).__name__ for x in wrong[:1] or operands)
    return TypeError(f"{name}(): expected {wanted}, got {got}; minigrad.tensor() converts")


def _no_number(name: str, operand: str, number: Any) -> TypeError:
    return TypeError(
        f"{name}(): {operand} must be a Tensor, not the number {number}; minigrad.tensor() makes "
        "one"
    )


def _adopted(name: str, *operands: Any) -> list[Any]:
    """The operands, beside a tensor: NumPy arrays made tensors, numbers of rarer types made
    Python's; raises for everything else.
    """
    operands = tuple(x if isinstance(x, Tensor) else _plain(x) for x in operands)
    device = next((x.device for x in operands if isinstance(x, Tensor)), None)
    usable = (Tensor, np.ndarray, *_NUMBERS)
    if device is None or not all(isinstance(x, usable) for x in operands):
        raise _not_a_tensor(name, *operands)
    return [
        wrap(device.backend.from_host(x.astype(dtypes.from_numpy(x.dtype).numpy)), device)
        if isinstance(x, np.ndarray)
        else x
        for x in operands
    ]


def _devices_differ(name: str, tensors: Sequence[Tensor]) -> RuntimeError:
    places = ", ".join(f"{tuple(t.array.shape)} on {t.device}" for t in tensors)
    return RuntimeError(
        f"{name}(): Expected all tensors to be on the same device, but got {places}. "
        "Move one with .to(device); a constant that belongs to a module should be a buffer "
        "(register_buffer)"
    )


def _explain(name: str, arrays: Sequence[Any], error: Exception) -> Exception:
    """Shapes that do not broadcast, as PyTorch says it; a type the kernel has not; else what the
    backend said.
    """
    arrays = [x for x in arrays if hasattr(x, "shape")]
    shapes = [x.shape for x in arrays]
    if isinstance(error, TypeError):
        types = ", ".join(str(x.dtype) for x in arrays)
        return NotImplementedError(f"{name}(): not implemented for {types}; convert with .to()")
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return broadcast_error(name, shapes)
    return RuntimeError(f"{name}(): {error}")


def broadcast_error(name: str, shapes: Sequence[tuple[int, ...]]) -> RuntimeError:
    """Names the op, the shapes and the first dimension that clashes."""
    a, b = next((a, b) for i, a in enumerate(shapes) for b in shapes[:i] if not fit(a, b))
    width = max(len(a), len(b))
    padded = [(1,) * (width - len(s)) + tuple(s) for s in (b, a)]
    dim = max(
        i
        for i in range(width)
        if padded[0][i] != padded[1][i] and 1 not in (padded[0][i], padded[1][i])
    )
    return RuntimeError(
        f"{name}(): The size of tensor a ({padded[0][dim]}) must match the size of tensor b "
        f"({padded[1][dim]}) "
        f"at non-singleton dimension {dim}: shapes {tuple(b)} and {tuple(a)} do not broadcast. "
        "Sizes are matched from the last dimension on and must be equal, or one of them 1"
    )


def fit(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b), strict=False))


cast = primitive(
    "cast",
    "x | dtype",
    x=lambda g, x_dtype: cast(g, x_dtype),
)
