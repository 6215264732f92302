"""The backward pass: gradients flow from the outputs to the leaves, each node once, latest first.

A node is numbered when it is made, so everything that used its result has a higher number: taking
the highest number that waits is a topological order. No recursion, so the depth of a graph is
bounded by memory only.

One pass, `run`, serves `backward()`, which adds to the leaves' `.grad`, and `grad()`, which returns
gradients and touches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

from minigrad.autograd import batch, broadcast
from minigrad.autograd.mode import mode
from minigrad.autograd.node import FREED, Node, Output
from minigrad.tensor import Tensor, wrap


def run(
    roots: Sequence[Any],
    gradients: Sequence[Tensor],
    keep_graph: bool,
    create_graph: bool,
    targets: Iterable[Any] | None = None,
    stop: bool = False,
) -> dict[Any, Tensor]:
    """Propagates `gradients` from the nodes `roots`; returns what arrived at the leaves.

    With `targets` it returns what arrived at these nodes, and visits none that do not lead to them;
    with `stop` it does not go on beyond a target to another one.
    """
    targets = None if targets is None else set(targets)
    path = None if targets is None else _leading_to(targets, roots, stop)
    arrived: dict[Any, Tensor] = {}
    waiting: dict[Any, Any] = {}  # node -> the gradient that has come in so far
    heap: list[tuple[int, Any]] = []  # those that wait, by number, negated: the latest comes first

    def send(node: Any, g: Any) -> None:
        if node in waiting:
            waiting[node] = waiting[node] + g
            return
        waiting[node] = g
        if node.seq:  # a leaf has none: it waits until the end
            heappush(heap, (-node.seq, node))

    previous, mode.grad = mode.grad, create_graph
    try:
        for node, g in zip(roots, gradients, strict=True):
            if path is None or node in path:
                send(node, g)
        while heap:
            node = heappop(heap)[1]
            g = waiting.pop(node)
            if node.hooks:
                g = _call_hooks(node.hooks, g)
            if targets is not None and path is not None and node in targets:
                arrived[node] = g
                if stop or path.isdisjoint(node.edges):
                    continue
            if type(node) is Output:
                parent = node.edges[0]
                if parent not in waiting:
                    send(parent, [None] * len(parent.op.visible))
                _add_at(waiting[parent], node.index, g)
                continue
            edges = node.edges
            if path is not None:
                edges = [edge if edge in path else None for edge in edges]
            for edge, gx in zip(edges, _gradients(node, g, edges, create_graph), strict=True):
                if edge is not None and gx is not None:
                    send(edge, gx)
            if not keep_graph:
                node.saved = FREED if node.saved else ()
        for node, g in waiting.items():
            arrived[node] = _call_hooks(node.hooks, g) if node.hooks else g
    finally:
        mode.grad = previous
    return arrived


def _gradients(
    node: Node, g: Any, edges: Sequence[Any], create_graph: bool
) -> Sequence[Tensor | None]:
    """The gradient for each edge that is not None, summed to its input's shape."""
    op = node.op
    rules = _composite_gradients if create_graph and op.composite else op.gradients
    found = rules(node, g, edges) if mode.anomaly is None else _watched(rules, node, g, edges)
    if node.shapes is None:
        return found
    return [
        None if gx is None else broadcast.sum_to(gx, shape)
        for gx, shape in zip(found, node.shapes, strict=True)
    ]


def _leading_to(targets: set[Any], roots: Iterable[Any], stop: bool) -> set[Any]:
    """The nodes from which a target can be reached, targets included."""
    seen: set[Any] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            if not (stop and node in targets):
                stack.extend(node.edges)
    path: set[Any] = set()
    for node in sorted(
        seen, key=lambda node: node.seq
    ):  # inputs before what was computed from them
        if node in targets or not path.isdisjoint(node.edges):
            path.add(node)
    return path


def _add_at(gradients: list[Tensor | None], index: int, g: Tensor) -> None:
    gradients.extend([None] * (index + 1 - len(gradients)))  # split has as many as it is asked for
    before = gradients[index]
    gradients[index] = g if before is None else before + g


def _call_hooks(hooks: Sequence[Any], g: Tensor) -> Tensor:
    g.version.shared = True  # a hook may keep g: it must not become a .grad that is added to
    for hook in tuple(hooks):
        result = hook(g)
        if result is not None:
            g = _checked_result(hook, result, g)
            g.version.shared = True
    return g


def _checked_result(hook: Any, result: Any, g: Tensor) -> Tensor:
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(result, Tensor):
        raise TypeError(
            f"hook '{name}': expected a Tensor or None, but it returned {type(result).__name__}"
        )
    if result.array.shape != g.array.shape or result.array.dtype != g.array.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value: shape {tuple(result.shape)} of "
            f"{result.dtype} for a gradient of {tuple(g.shape)}, {g.dtype}"
        )
    return result


def _composite_gradients(node: Node, g: Tensor, edges: Sequence[Any]) -> list[Tensor | None]:
    """The gradients of a fused op by way of its definition in smaller ops, so that they have
    gradients themselves.

    The definition runs on aliases of the inputs: its graph ends there, and what is computed from
    the aliases leads on to the inputs.
    """
    op = node.op
    values = op.unpack(node, g)
    arguments = [values[i] for i in op.composite_at]
    aliases = [_alias(x) if isinstance(x, Tensor) else x for x in arguments]
    out = op.composite(*aliases)
    outs, gs = (out, g) if isinstance(g, list) else ([out], [g])
    roots = [(o.node, go) for o, go in zip(outs, gs, strict=True) if go is not None]
    inputs = aliases[: len(op.inputs)]
    wanted = [x.node for x, edge in zip(inputs, edges, strict=True) if edge is not None]
    found = run([node for node, _ in roots], [go for _, go in roots], True, True, wanted)
    return [
        None if edge is None else found.get(x.node) for x, edge in zip(inputs, edges, strict=True)
    ]


def _alias(x: Tensor) -> Tensor:
    return x if x.node is None else broadcast.alias(x)


def _watched(rules: Any, node: Node, g: Any, edges: Sequence[Any]) -> Any:
    """The gradients under detect_anomaly: errors name the forward call, and NaN is an error."""
    forward = f"The forward call of {node.name()} was:\n{getattr(node, 'trace', '(not recorded)')}"
    try:
        gradients = rules(node, g, edges)
    except Exception as error:
        error.add_note(forward)
        raise
    for i, gx in enumerate(gradients):
        if mode.check_nan and gx is not None and bool(gx.isnan().any()):
            raise RuntimeError(
                f"Function '{node.name()}' returned nan values in its {i}th output. {forward}"
            )
    return gradients


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds d(tensors)/d(leaf) to the `.grad` of each leaf they were computed from
    (torch.autograd.backward).

    `grad_tensors` weighs outputs that are not scalars; `inputs` limits the pass to these tensors.

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> minigrad.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    outputs, gradients = _roots("backward", tensors, grad_tensors)
    keep = create_graph if retain_graph is None else retain_graph
    roots = [out.node for out in outputs]
    if inputs is None:
        arrived = run(roots, gradients, keep, create_graph)
        leaves = [(leaf, leaf.tensor()) for leaf in arrived]
    else:
        chosen = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        if not chosen:
            raise RuntimeError(
                "backward(): inputs is empty; pass the tensors whose .grad is wanted, or None for "
                "all leaves"
            )
        for x in chosen:
            _require_node("backward", x)
        arrived = run(roots, gradients, keep, create_graph, [x.node for x in chosen])
        leaves = [(x.node, x) for x in chosen if x.node in arrived]
    for g in gradients:
        g.version.shared = True
    previous, mode.grad = mode.grad, create_graph
    try:
        for node, x in leaves:
            if x is not None:
                _accumulate(x, arrived[node], create_graph)
                if hooks := getattr(node, "post_hooks", None):
                    for hook in tuple(hooks):
                        hook(x)
    finally:
        mode.grad = previous


def _accumulate(x: Tensor, g: Tensor, create_graph: bool) -> None:
    """x.grad += g. The first gradient is taken over as it is, unless somebody else has its memory,
    who would see it change when the next one is added.
    """
    grad = x._grad
    if grad is not None:
        if create_graph:
            x._grad = grad + g
        elif _plain_sum(grad, g):
            grad.device.backend.add(grad.array, g.array, grad.array)
            grad.version.bump()
        else:
            grad.add_(g)
        return
    if g.version.shared or g.base is not None and 0 in g.device.backend.strides(g.array):
        g = broadcast.copy(g)
    g.version.shared = True
    x._grad = g


def _plain_sum(x: Tensor, g: Tensor) -> bool:
    """Whether x.add_(g) comes down to one call of the kernel: the case of nearly every gradient."""
    a, b = x.array, g.array
    return (
        x.base is None
        and a.shape == b.shape
        and a.dtype is b.dtype
        and x.device is g.device
        and x.version is not g.version
    )


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients d(outputs)/d(inputs), returned and not stored (torch.autograd.grad).

    With `is_grads_batched` grad_outputs have a first dimension more than the outputs, and so have
    the results: one backward pass computes the gradients for all of its rows.

    >>> import minigrad
    >>> x = minigrad.tensor(3.0, requires_grad=True)
    >>> y = x**3
    >>> (dy,) = minigrad.autograd.grad(y, x, create_graph=True)
    >>> dy.item(), minigrad.autograd.grad(dy, x)[0].item()
    (27.0, 18.0)
    """
    chosen = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for x in chosen:
        _require_node("grad", x)
    if is_grads_batched:
        level, grad_outputs = _taken_apart(grad_outputs)
    outs, gradients = _roots("grad", outputs, grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    arrived = run(
        [out.node for out in outs], gradients, keep, create_graph, [x.node for x in chosen]
    )
    if is_grads_batched:
        previous, mode.grad = mode.grad, create_graph
        try:
            arrived = {node: batch.unbatched(g, level) for node, g in arrived.items()}
        finally:
            mode.grad = previous
    found = tuple(arrived.get(x.node) for x in chosen)
    if materialize_grads:
        return tuple(
            x.new_zeros(x.shape) if g is None else g for x, g in zip(chosen, found, strict=True)
        )
    if not allow_unused and any(g is None for g in found):
        which = next(i for i, g in enumerate(found) if g is None)
        raise RuntimeError(
            "grad(): One of the differentiated Tensors appears to not have been used in the "
            f"graph: input {which}, of shape "
            f"{tuple(chosen[which].shape)}. Set allow_unused=True if this is the desired behavior"
        )
    return found


def _taken_apart(weights: Any) -> tuple[batch.Level, list[Tensor | None]]:
    """The rows of grad_outputs as the examples of a batch: see batch.py."""
    given = [weights] if isinstance(weights, Tensor) else list(weights)
    sizes = {g.array.shape[:1] for g in given if g is not None}
    if len(sizes) != 1 or sizes == {()}:
        raise RuntimeError(
            "grad(): with is_grads_batched all grad_outputs have the same first dimension, got "
            f"shapes {[None if g is None else tuple(g.shape) for g in given]}"
        )
    level = batch.Level(sizes.pop()[0])
    return level, [None if g is None else batch.batched(g, level) for g in given]


def _require_node(name: str, x: Tensor) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): inputs must be Tensors, got {type(x).__name__}")
    if x.node is None:
        raise RuntimeError(
            f"{name}(): One of the differentiated Tensors does not require grad: shape "
            f"{tuple(x.shape)}, dtype {x.dtype}. "
            "Call requires_grad_() on it before computing with it"
        )


def _roots(name: str, outputs: Any, weights: Any) -> tuple[list[Tensor], list[Tensor]]:
    """The outputs that have a graph, and the gradient to start from for each."""
    outs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    given = (
        [weights] * len(outs) if weights is None or isinstance(weights, Tensor) else list(weights)
    )
    if len(given) != len(outs):
        raise RuntimeError(f"{name}(): got {len(outs)} tensors and {len(given)} gradients")
    return outs, [_initial(name, out, g) for out, g in zip(outs, given, strict=True)]


def _initial(name: str, out: Tensor, g: Tensor | None) -> Tensor:
    if out.node is None:
        raise RuntimeError(
            f"{name}(): element 0 of tensors does not require grad and does not have a grad_fn; "
            "nothing it was computed from "
            "requires a gradient, or it was computed under no_grad, or detached"
        )
    shape, dtype = out.array.shape, out.array.dtype
    if g is None:
        if shape and out.numel() != 1:
            raise RuntimeError(
                f"{name}(): grad can be implicitly created only for scalar outputs, got shape "
                f"{tuple(shape)}. "
                "Reduce it (loss.sum(), loss.mean()) or pass a gradient of that shape"
            )
        return wrap(out.device.backend.full(shape, 1, dtype), out.device)
    if not isinstance(g, Tensor):
        raise TypeError(f"{name}(): gradients must be Tensors or None, got {type(g).__name__}")
    if g.array.shape != shape:
        raise RuntimeError(
            f"{name}(): Mismatch in shape: grad_output has a shape of {tuple(g.shape)} and output "
            f"has a shape of {tuple(shape)}"
        )
    return g if g.array.dtype == dtype else g.to(out.dtype)
