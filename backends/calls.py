"""What wrappers need to know about a kernel call: which arguments are arrays, which of them are
read and written, and which line of the user's program made it.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Iterator
from types import FrameType
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
    names = list(inspect.signature(getattr(Backend, name)).parameters)[1:]
    return names.index("out") if "out" in names else None


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


class Stack:
    """The calls that lead here, without those inside minigrad. Costs little until it is printed."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, int, str]] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if module != "minigrad" and not module.startswith("minigrad."):
                self.frames.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
            frame = frame.f_back

    def line(self) -> str:
        """The innermost line of the user's."""
        return _describe(*self.frames[0]) if self.frames else "(no line outside minigrad)"

    def __str__(self) -> str:
        return "\n".join(_describe(*frame) for frame in reversed(self.frames))


def _describe(file: str, number: int, function: str) -> str:
    code = linecache.getline(file, number).strip()
    return f'  File "{file}", line {number}, in {function}' + (f"\n    {code}" if code else "")
