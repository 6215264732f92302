"""Checkpointing: forget what a part of the program computed, and compute it again in backward.

The function runs once, recorded, to learn where its graph ends outside: at its inputs, and at the
parameters it uses. That record is dropped, its memory with it, and one node takes its place. In the
backward pass the function runs again, recorded anew from the same tensors, and gradients flow
through this record to where the first one ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from minigrad.autograd import engine
from minigrad.autograd.mode import enable_grad, mode
from minigrad.autograd.node import FREED, Node, Output, clock
from minigrad.autograd.primitive import _overwritten, record
from minigrad.tensor import Tensor, wrap

Context = Callable[[], AbstractContextManager[Any]]


def checkpoint(function: Callable[..., Any], args: Any, kwargs: Any, again: Context) -> Any:
    """function(*args, **kwargs), whose graph is one node; it runs again within `again()`."""
    if not mode.grad:
        return function(*args, **kwargs)
    start = next(clock)
    output = function(*args, **kwargs)
    if any(x.version.stamp > start for x in tensors_in((args, kwargs))):
        raise RuntimeError(
            "checkpoint: the function has changed an argument in place, so it cannot be run again; "
            "let it clone() the argument first"
        )
    outs = _made_inside(output, start)
    if not outs:
        return output
    segment = Segment(function, [out.array.shape for out in outs], again)
    node = record(segment, _ends([out.node for out in outs], start), (args, kwargs), None)
    placed = {id(out): _placed(out, node, i, start) for i, out in enumerate(outs)}
    return _replaced(output, placed)


class Segment:
    """The op of a checkpoint's node: a function to be run again."""

    name, composite, visible = "checkpoint", None, ("out",)

    def __init__(self, function: Callable[..., Any], shapes: list[Any], again: Context):
        self.function, self.shapes, self.again = function, shapes, again

    def gradients(self, node: Node, g: Any, edges: Sequence[Any]) -> list[Tensor | None]:
        """Runs the function again and goes back through its graph, to where it ends outside."""
        if node.saved is FREED:
            raise RuntimeError(
                "Trying to backward through the graph a second time: checkpoint has freed its "
                "arguments. Specify retain_graph=True in the first backward() or grad() call"
            )
        args, kwargs = node.saved
        for x in tensors_in(node.saved):
            if x.version.stamp > node.seq:
                raise _overwritten("an argument", x, node)
        create_graph, start = mode.grad, next(clock)
        with enable_grad(), self.again():
            outs = _made_inside(self.function(*args, **kwargs), start)
        shapes = [out.array.shape for out in outs]
        if shapes != self.shapes:
            raise RuntimeError(
                f"checkpoint: the function returned tensors of shapes {self.shapes} at first, and "
                f"of {shapes} when it ran again for backward; it must do the same each time"
            )
        gs = g if isinstance(g, list) else [g]
        used = [(out.node, go) for out, go in zip(outs, gs, strict=False) if go is not None]
        roots, incoming = zip(*used, strict=True)
        wanted = [edge for edge in edges if edge is not None]
        found = engine.run(roots, incoming, create_graph, create_graph, wanted, stop=True)
        return [found.get(edge) for edge in edges]


def tensors_in(tree: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict):
        yield from tensors_in(list(tree.values()))
    elif isinstance(tree, list | tuple):
        for x in tree:
            yield from tensors_in(x)


def _made_inside(output: Any, start: int) -> list[Tensor]:
    """The recorded tensors of the output that were computed after `start`, each once."""
    recorded = [x for x in tensors_in(output) if x.node is not None and x.node.seq > start]
    return list({id(x): x for x in recorded}.values())


def _ends(nodes: list[Any], start: int) -> tuple[Any, ...]:
    """Where the graph below these nodes leaves what was recorded after `start`."""
    seen = set(nodes)
    ends: dict[Any, None] = {}
    stack = list(nodes)
    while stack:
        for edge in stack.pop().edges:
            if edge is None or edge in seen:
                continue
            seen.add(edge)
            if edge.seq > start:
                stack.append(edge)
            else:
                ends[edge] = None
    return tuple(ends)


def _placed(out: Tensor, node: Node, index: int, start: int) -> Tensor:
    """The output as the caller gets it: the same memory, and the checkpoint's node."""
    placed = wrap(out.array, out.device)
    placed.version = out.version
    placed.node = node if len(node.op.shapes) == 1 else Output(node, index)
    root = None if out.base is None else out.base[0]
    if root is not None and (root.node is None or root.node.seq <= start):
        placed.base = (root, None)  # a view of what is outside: no write can be followed there
        placed.version.add_view(placed)
    return placed


def _replaced(tree: Any, placed: dict[int, Tensor]) -> Any:
    """The output with the tensors that `placed` has for those of these ids."""
    if isinstance(tree, Tensor):
        return placed.get(id(tree), tree)
    if isinstance(tree, dict):
        return type(tree)((key, _replaced(x, placed)) for key, x in tree.items())
    if isinstance(tree, list | tuple):
        members = [_replaced(x, placed) for x in tree]
        return type(tree)(*members) if hasattr(tree, "_fields") else type(tree)(members)
    return tree
