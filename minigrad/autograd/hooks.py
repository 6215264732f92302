"""Functions of the user's that see gradients pass: on tensors, and on leaves after accumulation."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from minigrad.autograd import broadcast
from minigrad.autograd.node import Leaf
from minigrad.tensor import Tensor


class RemovableHandle:
    """What register_hook returns; `remove()` takes the hook off again. Also a context manager."""

    def __init__(self, hooks: list[Any], hook: Any):
        self.hooks, self.hook = hooks, hook

    def remove(self) -> None:
        if self.hook in self.hooks:
            self.hooks.remove(self.hook)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def _hooks_of(name: str, x: Tensor) -> list[Any]:
    if x.node is None:
        raise RuntimeError(
            f"cannot {name} on a tensor that doesn't require gradient: shape {tuple(x.shape)}"
        )
    if x.node.hooks is None:
        x.node.hooks = []
    hooks: list[Any] = x.node.hooks
    return hooks


def register_hook(x: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Calls `hook(g)` when x's gradient is known; what it returns, unless None, goes on in g's
    place.

    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda g: 10 * g)
    >>> x.sum().backward()
    >>> x.grad
    tensor([10., 10.])
    """
    hooks = _hooks_of("register a hook", x)
    hooks.append(hook)
    return RemovableHandle(hooks, hook)


def register_post_accumulate_grad_hook(
    x: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Calls `hook(x)` after a backward pass has added to the leaf's `.grad`.

    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> handle = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
    >>> x.sum().backward()
    tensor([1., 1.])
    """
    if not isinstance(x.node, Leaf):
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if x.node.post_hooks is None:
        x.node.post_hooks = []
    x.node.post_hooks.append(hook)
    return RemovableHandle(x.node.post_hooks, hook)


def retain_grad(x: Tensor) -> None:
    """Keeps x's gradient in x.grad although x is not a leaf.

    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> y = x * 3
    >>> y.retain_grad()
    >>> (y * y).sum().backward()
    >>> y.grad
    tensor([6., 6.])
    """
    if x.is_leaf and x.requires_grad or x.retains_grad:
        return
    hooks = _hooks_of("retain_grad", x)
    target = weakref.ref(x)  # the node outlives x, and must not keep it alive

    def keep(g: Tensor) -> None:
        kept = target()
        if kept is not None:
            kept._grad = broadcast.copy(g) if kept._grad is None else kept._grad + g

    keep.retains_grad = True  # type: ignore[attr-defined]
    hooks.append(keep)
