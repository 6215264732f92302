"""The trail of modules that an exception raised in a forward passes through.

An error such as "cannot multiply (2, 12) and (10, 3)" does not say which of forty Linears it came
from. As the exception leaves `Module.__call__`, each module adds itself to a note on it, outermost
first:

    in Net on float32[2, 1, 6, 2]
    in net: Sequential on float32[2, 12]
    in net.2: Linear(10 -> 3) on float32[2, 12]

A `try` costs nothing until it fails, so calls that succeed do not pay for this.
"""

from typing import TYPE_CHECKING, Any

from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module


def add_to_trail(error: Exception, module: "Module", args: tuple[Any, ...]) -> None:
    """Puts `module`, called with `args`, at the head of the note that `error` carries."""
    attributes = error.__dict__
    child, entries, old_note = attributes.get("_module_trail", (None, [], None))
    prefix = _name_within(module, child)
    entries = [(f"{prefix}.{path}" if path else prefix, text) for path, text in entries]
    entries.insert(0, ("", f"{module._describe()}{_describe_inputs(args)}"))
    note = "\n".join(f"in {path}: {text}" if path else f"in {text}" for path, text in entries)
    if old_note is not None:
        error.__notes__.remove(old_note)
    error.add_note(note)
    attributes["_module_trail"] = (module, entries, note)


def _name_within(parent: "Module", child: "Module | None") -> str:
    for name, module in parent.named_modules():
        if module is child and name:
            return name
    return "(not registered)"


def _describe_inputs(args: tuple[Any, ...]) -> str:
    tensors = [x for x in args if isinstance(x, Tensor)]
    if not tensors:
        return ""
    return " on " + ", ".join(f"{str(x.dtype).split('.')[-1]}{list(x.shape)}" for x in tensors)
