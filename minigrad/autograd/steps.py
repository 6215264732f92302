"""Gradients that change in steps: that of relu is 0 or 1, and its own gradient is zero.

A rule that computes such a gradient from a mask leaves no edge to what the mask was made of, so
that a program which differentiates twice would be told that its input was not used. PyTorch gives
zeros there. Two functions put the edge in, where the backward pass itself is recorded and only
there, so that first derivatives cost no more:

    tied(g, x)          in a rule: g again, which now has a gradient by x, of zeros
    stepwise(out, x)    around ops that make up a function: the gradient that enters is tied to x
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.autograd.mode import mode
from minigrad.autograd.node import Node, Output
from minigrad.autograd.primitive import record
from minigrad.tensor import Tensor, wrap


def tied(g: Tensor, x: Tensor) -> Tensor:
    """g, with an edge to x by which zeros go."""
    return _tied(g, (x.node,), _Like((x,))) if mode.grad and x.node is not None else g


def stepwise(out: Tensor, *inputs: Tensor) -> Tensor:
    """out, made of the inputs by ops whose gradients change with these inputs in steps."""
    if out.node is not None:
        out.node = record(_Stepwise(out.node, inputs), (out.node, *_nodes(inputs)), (), None)
    return out


def _nodes(inputs: Sequence[Tensor]) -> tuple[Any, ...]:
    return tuple([x.node for x in inputs])


def _tied(g: Tensor, edges: Sequence[Any], like: _Like) -> Tensor:
    out = wrap(g.array, g.device)
    out.version = g.version  # one memory
    out.node = record(like, (g.node, *edges), (), None)
    return out


class _Like:
    """The op of a tie: g goes on to where g came from, and zeros like the inputs to these."""

    name, composite, visible = "tied", None, ("out",)

    def __init__(self, inputs: Sequence[Tensor]):
        self.kinds = [(x.array.shape, x.array.dtype) for x in inputs]

    def gradients(self, node: Node, g: Tensor, edges: Sequence[Any]) -> list[Tensor | None]:
        zeros = [
            None if edge is None else wrap(g.device.backend.full(shape, 0, dtype), g.device)
            for edge, (shape, dtype) in zip(edges[1:], self.kinds, strict=True)
        ]
        return [None if edges[0] is None else g, *zeros]


class _Stepwise:
    """The op of a function's last node: hands its gradient on, tied to the function's inputs."""

    composite, visible = None, ("out",)

    def __init__(self, last: Any, inputs: Sequence[Tensor]):
        self.name = (last.edges[0] if type(last) is Output else last).op.name
        self.like = _Like(inputs)

    def gradients(self, node: Node, g: Tensor, edges: Sequence[Any]) -> list[Tensor | None]:
        if mode.grad and any(edges[1:]):
            g = _tied(g, edges[1:], self.like)
        return [g, *[None] * len(edges[1:])]
