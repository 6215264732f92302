"""What wrappers need to know about a kernel call: which arguments are arrays, read or written."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from .base import Array, Backend, kernel_names

# The result shares the memory of the first argument.
VIEWS = frozenset({"view", "permute", "expand", "slice", "diagonal", "unfold"})
# Say something about arrays or the device; they compute nothing.
QUERIES = frozenset({"strides", "is_contiguous", "synchronize"})
# The arguments that the kernels whose name ends in `_` write to. All but copy_ also read them.
WRITTEN = {"copy_": (0,), "sgd_": (0, 2), "adam_": (0, 2, 3)}


def _position_of_out(name: str) -> int | None:
    """Where a kernel takes the array to write to. The `out` of softmax_grad, which has no default,
    is an operand."""
    parameters = list(inspect.signature(getattr(Backend, name)).parameters.values())[1:]
    for position, parameter in enumerate(parameters):
        if parameter.name == "out" and parameter.default is None:
            return position
    return None


OUT = {name: _position_of_out(name) for name in kernel_names()}


def is_array(x: Any) -> bool:
    """Whether x is an array of a backend: it has a type of elements, and is no NumPy number."""
    return hasattr(x, "dtype") and not isinstance(x, np.generic)


def arrays(tree: Any) -> Iterator[Array]:
    """The arrays among arguments or results, those in lists and tuples too."""
    if isinstance(tree, list | tuple):
        for x in tree:
            yield from arrays(x)
    elif is_array(tree):
        yield tree


def written(name: str, args: tuple[Any, ...]) -> list[Array]:
    """The arrays that this call changes."""
    if name in WRITTEN:
        return list(arrays([args[i] for i in WRITTEN[name]]))
    out = OUT[name]
    return [args[out]] if out is not None and len(args) > out and args[out] is not None else []


def read(name: str, args: tuple[Any, ...]) -> list[Array]:
    """The arrays whose elements this call depends on."""
    if name == "copy_":
        return list(arrays(args[1:]))
    return list(arrays(args[: OUT[name]]))


def nbytes(x: Array) -> int:
    size: int = x.dtype.itemsize
    for n in x.shape:
        size *= n
    return size
