"""repr of a tensor, in PyTorch's form, and set_printoptions.

    tensor([[1.0000, 2.5000],           all numbers of a tensor in one format: integers as 1., else
            [3.0000,    inf]])          4 decimals, or 1.0000e+08 if they differ too much in size
    tensor([0, 1, 2,  ..., 7, 8])       above 1000 elements: the first and last 3 of each dimension
    tensor(2., grad_fn=<MulBackward0>)  what a reader could not guess follows: graph, type, device
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from minigrad import dtype as dtypes
from minigrad.tensor import Tensor


class PrintOptions:
    """How tensors are printed: see set_printoptions."""

    def __init__(self, precision: int = 4, threshold: float = 1000, edgeitems: int = 3):
        self.precision, self.threshold, self.edgeitems = precision, threshold, edgeitems
        self.linewidth = 80
        self.sci_mode: bool | None = None


PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed, in all threads. What is None stays as it is, sci_mode excepted.

    precision   decimals of floating-point numbers
    threshold   with more elements than this, only `edgeitems` at both ends of each dimension
    linewidth   characters in a line
    profile     "default", "short" or "full" sets these four first
    sci_mode    numbers as 1.0000e+00: always (True), never (False), or where it helps (None)

    >>> import minigrad
    >>> minigrad.set_printoptions(precision=2)
    >>> minigrad.tensor([1.12345])
    tensor([1.12])
    >>> minigrad.set_printoptions(profile="default")
    """
    if profile is not None and profile not in PROFILES:
        known = ", ".join(PROFILES)
        raise ValueError(f"set_printoptions: profile is one of {known}, got {profile!r}")
    base = options if profile is None else PROFILES[profile]
    options.precision = base.precision if precision is None else precision
    options.threshold = base.threshold if threshold is None else threshold
    options.edgeitems = base.edgeitems if edgeitems is None else edgeitems
    options.linewidth = base.linewidth if linewidth is None else linewidth
    options.sci_mode = sci_mode


Result = TypeVar("Result", bound=type)


def printed_as(name: str) -> Callable[[Result], Result]:
    """Decorates a named tuple of tensors, which then prints as PyTorch's return_types do."""

    def text(result: Any) -> str:
        fields = zip(result._fields, result, strict=True)
        lines = ",\n".join(f"{field}={value!r}" for field, value in fields)
        return f"minigrad.return_types.{name}(\n{lines})"

    def decorate(kind: Result) -> Result:
        kind.__repr__ = text  # type: ignore[method-assign, assignment]
        return kind

    return decorate


def format_tensor(x: Tensor) -> str:
    """What repr(x) and print(x) show."""
    array = x.device.backend.to_host(x.array)
    name = type(x).__name__
    prefix = "tensor(" if name in ("Tensor", "Parameter") else f"{name}("
    if array.size == 0:
        text = "[]"
    else:
        summarize = array.size > options.threshold
        number, width = _number_format(_edges(array) if summarize else array)
        text = _nested(array, len(prefix), summarize, number, width)
    return _with_suffixes(prefix + text, _suffixes(x), len(prefix))


def _edges(array: np.ndarray) -> np.ndarray:
    """The elements that a summary shows."""
    ends = options.edgeitems
    for axis, n in enumerate(array.shape):
        if n > 2 * ends:
            array = np.take(array, [*range(ends), *range(n - ends, n)], axis)
    return array


def _number_format(array: np.ndarray) -> tuple[Callable[[Any], str], int]:
    """How one element is written, and the width that all finite ones need."""
    if array.dtype.kind != "f":
        return str, max((len(str(value)) for value in array.ravel().tolist()), default=1)
    values = array[np.isfinite(array) & (array != 0)].astype(np.float64)
    if values.size == 0:
        return _whole, 1
    sizes = np.abs(values)
    large, small = sizes.max(), sizes.min()
    scientific = options.sci_mode
    if scientific is None:
        scientific = bool(large / small > 1000 or large > 1e8 or small < 1e-4)
    number: Callable[[float], str]
    if scientific:
        number = f"{{:.{options.precision}e}}".format
    elif np.all(values == np.ceil(values)):
        number = _whole
    else:
        number = f"{{:.{options.precision}f}}".format
    return number, max(len(number(value)) for value in values.tolist())


def _whole(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


def _nested(
    array: np.ndarray, indent: int, summarize: bool, number: Callable[[Any], str], width: int
) -> str:
    """The brackets: rows on lines of their own, one blank line more for every further dimension."""
    if array.ndim == 0:
        return number(array.item()).rjust(width)
    ends = options.edgeitems
    cut = summarize and len(array) > 2 * ends
    kept = [*array[:ends], *array[len(array) - ends :]] if cut else list(array)
    if array.ndim > 1:
        parts = [_nested(row, indent + 1, summarize, number, width) for row in kept]
        between = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    else:
        parts = [number(value.item()).rjust(width) for value in kept]
        between = ", "
    if cut:
        parts.insert(ends, "..." if array.ndim > 1 or not ends else " ...")
    if array.ndim == 1:
        per_line = max(1, (options.linewidth - indent) // (width + 2))
        parts = [between.join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)]
        between = ",\n" + " " * (indent + 1)
    return "[" + between.join(parts) + "]"


def _suffixes(x: Tensor) -> list[str]:
    """What is said after the numbers: whatever a reader could not guess from them."""
    said = []
    default = dtypes.get_default_dtype()
    if x.device.type != "cpu":
        said.append(f"device='{x.device}'")
    if x.numel() == 0:
        if x.dim() != 1:
            said.append(f"size={tuple(x.shape)}")
        if x.dtype is not default:
            said.append(f"dtype={x.dtype}")
    else:
        if not options.edgeitems:
            said.append(f"size={tuple(x.shape)}")
        if x.dtype not in (default, dtypes.int64, dtypes.bool_):
            said.append(f"dtype={x.dtype}")
    if x.grad_fn is not None:
        said.append(f"grad_fn=<{x.grad_fn.name()}>")
    elif x.requires_grad:
        said.append("requires_grad=True")
    return said


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """Puts each suffix on the last line if it fits there, else on a new one."""
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > options.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"


__all__ = ["set_printoptions"]
