"""Hooks of modules: functions called before and after forward. Backward has a file of its own."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.nn.backward_hooks import BackwardHooks

if TYPE_CHECKING:
    from minigrad.nn.module import Module


def call_with_hooks(module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward(*args, **kwargs)` with the module's hooks around it."""
    out = None
    due = list(module._forward_hooks)
    try:
        for hook, with_kwargs in list(module._forward_pre_hooks):
            args, kwargs = _call_pre_hook(module, hook, with_kwargs, args, kwargs)
        watches = bool(module._backward_hooks or module._backward_pre_hooks)
        backward = BackwardHooks(module) if watches else None
        if backward is not None:
            args = backward.watch_inputs(args)
        out = module.forward(*args, **kwargs)
        while due:
            out = _call_hook(module, due.pop(0), args, kwargs, out)
        return out if backward is None else backward.watch_outputs(out)
    except Exception:
        for hook in due:
            if hook.always_call:
                out = _call_hook_after_error(module, hook, args, kwargs, out)
        raise


class ForwardHook(NamedTuple):
    """What register_forward_hook was given."""

    hook: Callable[..., Any]
    with_kwargs: bool
    always_call: bool


def _call_hook(
    module: "Module", hook: ForwardHook, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
) -> Any:
    given = (args, kwargs, out) if hook.with_kwargs else (args, out)
    new = hook.hook(module, *given)
    return out if new is None else new


def _call_hook_after_error(
    module: "Module", hook: ForwardHook, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
) -> Any:
    """An error of the hook's own must not hide the one that there was."""
    try:
        return _call_hook(module, hook, args, kwargs, out)
    except Exception as error:
        warnings.warn(
            "module forward hook with ``always_call=True`` raised an exception that was silenced "
            f"as another error was raised in forward: {error!r}",
            stacklevel=4,
        )
        return out


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
