"""The graph: what a tensor remembers about where it came from.

    Leaf      a tensor that asked for a gradient; the end of every path
    Node      one recorded call of a primitive
    Output    one of several outputs of a Node (max with dim: values and indices)

`tensor.node` is one of these, or None where no gradient is wanted, and an edge of the graph is such
an object too: an edge points to the *producer* of an input, never to the input itself, so an
activation that no rule asked for is freed.

Note [Version counters]. All tensors that share memory share one Version. The clock that numbers
nodes also stamps every in-place write, so "was this saved value overwritten since?" is one
comparison, and nothing is copied when saving: `version.stamp > node.seq`.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minigrad.autograd.mode import mode

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

clock = itertools.count(1)
FREED = object()  # what node.saved becomes when a backward pass has used it


class Version:
    """What the tensors of one piece of memory share: the time of its last write, and the views to
    refresh after it.
    """

    stamp = 0
    writes = 0
    shared = False  # whether a gradient's memory is known to somebody else: see engine._accumulate
    views: Sequence[weakref.ref[Tensor]] = ()

    def bump(self) -> None:
        """An in-place write has happened."""
        self.stamp = next(clock)
        self.writes += 1
        if mode.anomaly:
            self.trace = mode.anomaly()

    def add_view(self, view: Tensor) -> None:
        """Remembers a view weakly. The list is swept each time it has doubled, which is free on
        average.
        """
        count = len(self.views)
        if count & (count - 1) == 0:  # 0 or a power of two
            self.views = [ref for ref in self.views if ref() is not None]
        self.views.append(weakref.ref(view))  # type: ignore[attr-defined]


class Leaf:
    """Where gradients end: a tensor that requires a gradient and was not computed from another."""

    __slots__ = ("__weakref__", "hooks", "post_hooks", "tensor")
    seq = 0
    edges: tuple[Any, ...] = ()

    def __init__(self, tensor: Tensor):
        self.tensor = weakref.ref(
            tensor
        )  # weak: the tensor points here, and a cycle would outlive its last user
        self.hooks: list[Callable[..., Any]] | None = None
        self.post_hooks: list[Callable[..., Any]] | None = None

    def name(self) -> str:
        return "AccumulateGrad"


class Node:
    """One recorded call: `op` of which inputs (`edges`), with what its rules asked to keep
    (`saved`).
    """

    __slots__ = ("__weakref__", "edges", "hooks", "op", "saved", "seq", "shapes", "trace")
    op: Any
    edges: tuple[Any, ...]
    saved: Any
    shapes: tuple[Any, ...] | None  # the inputs' shapes, where the op broadcast them
    seq: int
    hooks: list[Callable[..., Any]] | None
    trace: Any  # where the call was made; set under detect_anomaly only

    def name(self) -> str:
        return "".join(part.capitalize() for part in self.op.name.split("_")) + "Backward0"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The edges as PyTorch shows them: (node, index of its output)."""
        return tuple(
            (edge.edges[0], edge.index) if type(edge) is Output else (edge, 0)
            for edge in self.edges
        )

    @property
    def metadata(self) -> dict[str, Any]:
        return {}

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class Refusal:
    """The op of a node that no gradient may pass."""

    name, composite, visible = "refusal", None, ("out",)

    def __init__(self, why: str):
        self.why = why

    def gradients(self, node: Node, g: Any, edges: Any) -> Any:
        raise RuntimeError(self.why)


class Output:
    """Output `index` of a node with several. Its gradient waits here until the node's own turn
    comes.
    """

    __slots__ = ("__weakref__", "edges", "hooks", "index", "seq")

    def __init__(self, node: Node, index: int):
        self.edges = (node,)
        self.index = index
        self.seq = next(clock)  # later than the node's own: outputs are settled before it
        self.hooks: list[Callable[..., Any]] | None = None

    def name(self) -> str:
        return self.edges[0].name()

    def __repr__(self) -> str:
        return f"<{self.name()}>"
