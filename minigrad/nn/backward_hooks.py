"""Hooks of modules that see the gradients at their outputs and inputs.

The gradient of an input tensor is not what a hook is to see: the tensor may be used elsewhere as
well. So inputs and outputs go through an identity, and the gradients that pass it are the module's.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minigrad import ops
from minigrad.autograd import Function
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module


class _Watch(Function):
    """The identity; backward hands the gradients to `on_backward`, which may change them."""

    @staticmethod
    def forward(ctx: Any, on_backward: Callable[..., Any], *xs: Tensor) -> tuple[Tensor, ...]:
        ctx.on_backward = on_backward
        ctx.set_materialize_grads(False)
        return tuple(x.view_as(x) for x in xs)

    @staticmethod
    def backward(ctx: Any, *gs: Tensor | None) -> tuple[Tensor | None, ...]:
        return (None, *ctx.on_backward(gs))


class BackwardHooks:
    """Collects the gradients at both ends of one call of a module, and calls its backward hooks."""

    def __init__(self, module: "Module") -> None:
        self.module = module
        self.grad_output: tuple[Tensor | None, ...] = ()
        self.inputs_watched = False

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        watched, self.inputs_watched = _watch(args, self._on_grad_input)
        self.inputs = [
            (x.shape, x.dtype, x.device) if isinstance(x, Tensor) else None for x in args
        ]
        return watched

    def watch_outputs(self, out: Any) -> Any:
        if isinstance(out, tuple):
            return _watch(out, self._on_grad_output)[0]
        return _watch((out,), self._on_grad_output)[0][0]

    def _on_grad_output(self, gs: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in list(self.module._backward_pre_hooks):
            gs = _replaced("full backward pre-hook", hook(self.module, gs), gs)
        self.grad_output = gs
        if not self.inputs_watched:
            self._call_hooks((None,) * len(self.inputs))
        return gs

    def _on_grad_input(self, gs: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        # As in PyTorch, hooks see zeros for tensors that no gradient has come to.
        filled = [
            ops.zeros(x[0], dtype=x[1], device=x[2]) if g is None and x is not None else g
            for g, x in zip(gs, self.inputs, strict=True)
        ]
        return self._call_hooks(tuple(filled))

    def _call_hooks(self, grad_input: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in list(self.module._backward_hooks):
            new = hook(self.module, grad_input, self.grad_output)
            grad_input = _replaced("full backward hook", new, grad_input)
        return grad_input


def _watch(
    values: tuple[Any, ...], on_backward: Callable[..., Any]
) -> tuple[tuple[Any, ...], bool]:
    """`values` with a watch on the tensors that require a gradient, and whether any does."""
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        return values, False

    def spread(gs: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        full: list[Tensor | None] = [None] * len(values)
        for place, g in zip(places, gs, strict=True):
            full[place] = g
        full_out = on_backward(tuple(full))
        return tuple(full_out[place] for place in places)

    watched = list(values)
    for place, x in zip(places, _Watch.apply(spread, *(values[i] for i in places)), strict=True):
        watched[place] = x
    return tuple(watched), True


def _replaced(what: str, new: Any, old: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    if new is None:
        return old
    new = new if isinstance(new, tuple) else (new,)
    if len(new) != len(old):
        raise RuntimeError(f"{what}: returned {len(new)} gradients where {len(old)} were given")
    return new
