"""Hooks of modules: functions called before and after forward. Backward has a file of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minigrad.nn.backward_hooks import BackwardHooks

if TYPE_CHECKING:
    from minigrad.nn.module import Module


def call_with_hooks(module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward(*args, **kwargs)` with the module's hooks around it."""
    for hook, with_kwargs in list(module._forward_pre_hooks):
        args, kwargs = _call_pre_hook(module, hook, with_kwargs, args, kwargs)
    watches = bool(module._backward_hooks or module._backward_pre_hooks)
    backward = BackwardHooks(module) if watches else None
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
