"""The state of modules: loading a state_dict, and saying what does not fit.

Note [Nothing half loaded]. Walking down the tree, every module says what is wrong and what it would
write; the writing starts when all of it is known to fit. A module that overrides
`_load_from_state_dict` is the exception: it writes at once, since what it does after calling
super() may read what was loaded. So does one whose keys a post-hook may yet forgive.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.autograd import no_grad
from minigrad.nn.parameter import Parameter, is_uninitialized
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module

EXTRA_STATE = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What load_state_dict returns: the keys it missed, and those it had no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        missing, unexpected = self
        return f"IncompatibleKeys(missing_keys={missing}, unexpected_keys={unexpected})"


def load(
    root: "Module", state_dict: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """What Module.load_state_dict does; see Note [Nothing half loaded]."""
    metadata = getattr(state_dict, "_metadata", {})
    keys, problems = IncompatibleKeys([], []), list[str]()
    writes: list[Callable[[], None]] = []
    hooks: list[Callable[[], Any]] = []

    def visit(module: "Module", part: dict[str, Any], prefix: str) -> None:
        known = {**metadata.get(prefix[:-1], {}), "writes": writes}
        if assign:
            known["assign_to_params_buffers"] = True
        module._load_from_state_dict(part, prefix, known, True, *keys, problems)
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                visit(child, {k: v for k, v in part.items() if k.startswith(below)}, below)
        hooks.extend(partial(hook, module, keys) for hook in module._load_post_hooks)

    visit(root, OrderedDict(state_dict), "")
    _refuse(root, problems if hooks or not strict else _key_problems(*keys) + problems)
    for write in writes:
        write()
    for hook in hooks:
        if hook() is not None:
            raise RuntimeError("load_state_dict post-hook must return None: change keys in place")
    _refuse(root, _key_problems(*keys) if strict else [])
    return keys


def _refuse(root: "Module", problems: list[str]) -> None:
    if problems:
        problems = [f"Error(s) in loading state_dict for {type(root).__name__}:", *problems]
        raise RuntimeError("\n\t".join(problems))


def load_own(
    module: "Module",
    state_dict: Mapping[str, Any],
    prefix: str,
    local_metadata: dict[str, Any],
    strict: bool,
    keys: IncompatibleKeys,
    problems: list[str],
) -> None:
    """What Module._load_from_state_dict does: the part of one module, without those below it."""
    assign = local_metadata.get("assign_to_params_buffers", False)
    own = dict(module._state_tensors())
    wanted = [prefix + name for name in own]
    writes: list[Callable[[], None]] = []
    for name, tensor in own.items():
        key = prefix + name
        if key in state_dict:
            wrong = _value_problems(key, tensor, state_dict[key])
            problems += wrong
            if not wrong:
                writes.append(partial(_write, module, name, tensor, state_dict[key], assign))
    if module._overrides("set_extra_state"):
        key = prefix + EXTRA_STATE
        wanted.append(key)
        if key in state_dict:
            writes.append(partial(module.set_extra_state, state_dict[key]))
    if strict:
        keys.missing_keys.extend(key for key in wanted if key not in state_dict)
        keys.unexpected_keys.extend(_unexpected(module, state_dict, prefix, wanted))
    if module._overrides("_load_from_state_dict") or "writes" not in local_metadata:
        for write in writes:
            write()
    else:
        local_metadata["writes"].extend(writes)


def _unexpected(
    module: "Module", state_dict: Mapping[str, Any], prefix: str, wanted: list[str]
) -> Iterator[str]:
    """The keys that are not this module's, and not below one of its children either."""
    for key in state_dict:
        if key.startswith(prefix) and key not in wanted:
            child, dot, _ = key.removeprefix(prefix).partition(".")
            if not dot or child not in module._modules:
                yield key


def _write(module: "Module", name: str, own: Tensor, value: Tensor, assign: bool) -> None:
    with no_grad():
        if assign:
            setattr(module, name, _to_assign(own, value))
            return
        if is_uninitialized(own):
            own.materialize(value.shape)
        own.copy_(value)


def _key_problems(missing: list[str], unexpected: list[str]) -> list[str]:
    problems = []
    if unexpected:
        problems.append(f"Unexpected key(s) in state_dict: {_quoted(unexpected)}.")
    if missing:
        problems.append(f"Missing key(s) in state_dict: {_quoted(missing)}.")
    prefix = _common_prefix(missing, unexpected)
    if prefix:
        problems.append(
            f"Every unexpected key is a missing one with {prefix!r} before it: load "
            f"{{k.removeprefix({prefix!r}): v for k, v in state_dict.items()}}"
        )
    return problems


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _common_prefix(missing: list[str], unexpected: list[str]) -> str:
    """The text, as "module.", that the keys of a wrapped model have before those of the model
    itself.
    """
    if not missing or len(missing) != len(unexpected) or not unexpected[0].endswith(missing[0]):
        return ""
    prefix = unexpected[0].removesuffix(missing[0])
    return prefix if {prefix + key for key in missing} == set(unexpected) else ""


def _value_problems(key: str, own: Tensor, value: Any) -> list[str]:
    if not isinstance(value, Tensor):
        return [
            f'While copying the parameter named "{key}", expected a Tensor from the checkpoint but '
            f"received {type(value)}"
        ]
    if not is_uninitialized(own) and value.shape != own.shape:
        return [
            f"size mismatch for {key}: copying a param with shape {tuple(value.shape)} from "
            f"checkpoint, the shape in current model is {tuple(own.shape)}."
        ]
    return []


def _to_assign(own: Tensor, value: Tensor) -> Tensor:
    if not isinstance(own, Parameter):
        return value
    if isinstance(value, Parameter):
        return value.requires_grad_(own.requires_grad)
    return Parameter(value, own.requires_grad)
