"""Hooks of modules: functions called before and after forward, and when the backward pass goes
through a module.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minigrad.autograd import Function
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module


def call_with_hooks(module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward(*args, **kwargs)` with the module's hooks around it."""
    for hook, with_kwargs in list(module._forward_pre_hooks):
        args, kwargs = _call_pre_hook(module, hook, with_kwargs, args, kwargs)
    watches_backward = module._backward_hooks or module._backward_pre_hooks
    backward = _BackwardHooks(module) if watches_backward else None
    if backward is not None:
        args = backward.watch_inputs(args)
    out = module.forward(*args, **kwargs)
    for hook, with_kwargs in list(module._forward_hooks):
        new = hook(module, args, kwargs, out) if with_kwargs else hook(module, args, out)
        out = out if new is None else new
    return out if backward is None else backward.watch_outputs(out)


def _call_pre_hook(
    module: "Module",
    hook: Callable[..., Any],
    with_kwargs: bool,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not with_kwargs:
        new = hook(module, args)
        if new is None:
            return args, kwargs
        return (new if isinstance(new, tuple) else (new,)), kwargs
    new = hook(module, args, kwargs)
    if new is None:
        return args, kwargs
    if not (isinstance(new, tuple) and len(new) == 2):
        raise RuntimeError(
            "forward pre-hook: a hook registered with with_kwargs=True must return None or a "
            f"pair (args, kwargs), got {new!r}"
        )
    return new


class _Watch(Function):
    """The identity on tensors; the backward pass hands their gradients to `on_backward`, which may
    change them.
    """

    @staticmethod
    def forward(ctx: Any, on_backward: Callable[..., Any], *xs: Tensor) -> tuple[Tensor, ...]:
        ctx.on_backward = on_backward
        ctx.set_materialize_grads(False)
        return tuple(x.view_as(x) for x in xs)

    @staticmethod
    def backward(ctx: Any, *gs: Tensor | None) -> tuple[Tensor | None, ...]:
        return (None, *ctx.on_backward(gs))


class _BackwardHooks:
    """Collects the gradients at both ends of one call of a module and calls its backward hooks with
    them.
    """

    def __init__(self, module: "Module") -> None:
        self.module = module
        self.grad_output: tuple[Tensor | None, ...] = ()
        self.inputs_watched = False

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        args, self.inputs_watched = _watch(args, self._on_grad_input)
        self.n_inputs = len(args)
        return args

    def watch_outputs(self, out: Any) -> Any:
        if isinstance(out, tuple):
            return _watch(out, self._on_grad_output)[0]
        return _watch((out,), self._on_grad_output)[0][0]

    def _on_grad_output(self, gs: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in list(self.module._backward_pre_hooks):
            gs = _replaced("full backward pre-hook", hook(self.module, gs), gs)
        self.grad_output = gs
        if not self.inputs_watched:
            self._call_hooks((None,) * self.n_inputs)
        return gs

    def _on_grad_input(self, gs: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        return self._call_hooks(gs)

    def _call_hooks(self, grad_input: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in list(self.module._backward_hooks):
            new = hook(self.module, grad_input, self.grad_output)
            grad_input = _replaced("full backward hook", new, grad_input)
        return grad_input


def _watch(
    values: tuple[Any, ...], on_backward: Callable[..., Any]
) -> tuple[tuple[Any, ...], bool]:
    """`values` with a watch on the tensors among them that require a gradient, and whether there is
    any.
    """
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
