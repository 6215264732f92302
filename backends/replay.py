"""Running a recorded program again on new data, or saying why that would not be right."""

from __future__ import annotations

from typing import Any

from .base import Array, Backend
from .trace import Call, Ref, Trace

# What these return has a shape that depends on the data.
DATA_SHAPED = frozenset({"nonzero", "unique"})
# Arguments that must differ at every run: the counter of random numbers, Adam's bias corrections.
VARYING = {"random_bits": (1,), "uniform": (1,), "normal": (1,), "randint": (1,), "adam_": (10, 11)}


def obstacles(trace: Trace) -> list[str]:
    """Why a replay would not do what the program did; empty when nothing stands against it."""
    found = []
    last = max((i for i, call in enumerate(trace.calls) if call.where is None), default=-1)
    for i, call in enumerate(trace.calls):
        if call.where is not None and i < last:
            found.append(
                f"call {i}, {call}, brought a value to the host, and calls that follow may depend "
                f"on it. Name an output and read it afterwards:\n{call.where.line()}"
            )
        for at in VARYING.get(call.name, ()):
            if trace.memory(call.args[at]).constant:
                found.append(
                    f"call {i}, {call}, would be the same at every replay: {call.args[at]}, which "
                    "must vary, was made of constants within the trace. Make the array before, and "
                    "name it as an input"
                )
    return found


def replay(trace: Trace, backend: Backend, inputs: dict[str, Array]) -> dict[str, Array]:
    """Runs the calls again, with these arrays for the inputs; returns the outputs by name."""
    found = obstacles(trace)
    if found:
        raise RuntimeError("this trace cannot be replayed: " + "\n".join(found))
    arrays = dict(trace.captured)
    for name, array in inputs.items():
        arrays[_fitting(trace, backend, name, array)] = array
    dying = _last_uses(trace)
    for i, call in enumerate(tuple(trace.calls)):
        if call.name == "from_host":
            result = backend.from_host(call.args[0].copy())
        elif call.name == "to_host":
            continue
        else:
            result = getattr(backend, call.name)(*_concrete(call.args, arrays))
        _bind(trace, call, call.result, result, arrays)
        for ref in dying.get(i, ()):
            del arrays[ref]
    return {name: arrays[ref] for name, ref in trace.outputs.items()}


def _last_uses(trace: Trace) -> dict[int, list[Ref]]:
    """The values after whose call nobody needs them, by call."""
    kept = set(trace.outputs.values())
    dying: dict[int, list[Ref]] = {}
    for value in trace.values:
        if value.ref not in kept:
            dying.setdefault(value.last, []).append(value.ref)
    return dying


def _fitting(trace: Trace, backend: Backend, name: str, array: Array) -> Ref:
    """The number of the input, if the array is laid out as the recorded one: the calls, views above
    all, are right for that layout only."""
    if name not in trace.inputs:
        known = ", ".join(trace.inputs) or "none"
        raise KeyError(f"replay: the trace has no input '{name}'; there are: {known}")
    ref = trace.inputs[name]
    before = trace.captured[ref]

    def layout(x: Array) -> tuple[Any, ...]:
        steps = zip(x.shape, backend.strides(x), strict=True)
        return x.dtype, tuple(x.shape), tuple(step if n > 1 else 0 for n, step in steps)

    if layout(array) != layout(before):
        raise ValueError(
            f"replay: input '{name}' was recorded with type, shape and strides {layout(before)}, "
            f"got {layout(array)}"
        )
    return ref


def _concrete(tree: Any, arrays: dict[Ref, Array]) -> Any:
    """The tree of arguments with arrays in place of their numbers."""
    if isinstance(tree, list | tuple):
        return type(tree)(_concrete(x, arrays) for x in tree)
    return arrays[tree] if type(tree) is Ref else tree


def _bind(trace: Trace, call: Call, refs: Any, result: Any, arrays: dict[Ref, Array]) -> None:
    """Takes the results of a call as the values of its Refs."""
    if isinstance(refs, list | tuple):
        for ref, x in zip(refs, result, strict=True):
            _bind(trace, call, ref, x, arrays)
    elif refs is not None:
        shape = tuple(trace.values[refs].shape)
        if call.name in DATA_SHAPED and tuple(result.shape) != shape:
            raise RuntimeError(
                f"replay: {call} has shape {tuple(result.shape)} with this data and had {shape} "
                "when it was recorded; the calls that follow are for that shape"
            )
        arrays[refs] = result
