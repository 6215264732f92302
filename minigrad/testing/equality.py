"""assert_close under PyTorch's name and defaults, for the tests of programs.

The checks of minigrad itself use close.py, where every comparison says what it tolerates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.tensor import Tensor
from minigrad.testing.close import to_numpy

Message = str | Callable[[str], str] | None

# (rtol, atol) by type; integers and bools are compared exactly.
TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


class Rules(NamedTuple):
    """What assert_close was asked for."""

    rtol: float | None
    atol: float | None
    equal_nan: bool
    allow_subclasses: bool
    check_device: bool
    check_dtype: bool
    check_stride: bool
    msg: Message

    def tolerances(self, *dtypes: np.dtype) -> tuple[float, float]:
        """As given, or the widest default of these types."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        defaults = [TOLERANCES.get(dtype.name, (0.0, 0.0)) for dtype in dtypes]
        return max(rtol for rtol, _ in defaults), max(atol for _, atol in defaults)

    def fail(self, text: str, place: str) -> None:
        """Raises the error. `place` says where in nested containers the values are."""
        if place:
            text = f"{text}\n\nThe failure occurred for item {place}"
        if self.msg is not None:
            text = self.msg(text) if callable(self.msg) else self.msg
        raise AssertionError(text)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Raises AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere, and
    shapes, types and devices are the same.

    Tensors, arrays and numbers are compared, and sequences and mappings of such. Without `rtol` and
    `atol` (both or none, else ValueError) they follow from the type: 1e-3 and 1e-5 for float16,
    1.3e-6 and 1e-5 for float32, 1e-7 for float64, and 0 for integers. With `equal_nan` NaN is close
    to NaN. `msg` is the text of the error, or makes it from the text there would be. TypeError for
    values that cannot be compared. `check_layout` changes nothing: there is one layout.

    https://docs.pytorch.org/docs/stable/testing.html

    >>> import minigrad
    >>> from minigrad.testing import assert_close
    >>> assert_close(minigrad.tensor([1.0, 2.0]).sqrt() ** 2, minigrad.tensor([1.0, 2.0]))
    >>> assert_close(minigrad.tensor([1.0, 2.5]), minigrad.tensor([1.0, 2.0]))
    Traceback (most recent call last):
      ...
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 0.25 at index (1,) (up to 1.3e-06 allowed)
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            "assert_close: Both 'rtol' and 'atol' must be either specified or omitted, got "
            f"rtol={rtol} and atol={atol}"
        )
    rules = Rules(
        rtol, atol, equal_nan, allow_subclasses, check_device, check_dtype, check_stride, msg
    )
    _compare(actual, expected, rules, "")


def _compare(actual: Any, expected: Any, rules: Rules, place: str) -> None:
    both = [x.item() if isinstance(x, np.generic) else x for x in (actual, expected)]
    actual, expected = both
    if all(isinstance(x, Sequence) and not isinstance(x, str) for x in both):
        if len(actual) != len(expected):
            text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            rules.fail(text, place)
        for i, (x, y) in enumerate(zip(actual, expected, strict=True)):
            _compare(x, y, rules, f"{place}[{i}]")
    elif all(isinstance(x, Mapping) for x in both):
        if actual.keys() != expected.keys():
            rules.fail(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {_sorted(expected.keys() - actual)}\n"
                f"Additional keys in the actual mapping: {_sorted(actual.keys() - expected)}",
                place,
            )
        for key in actual:
            _compare(actual[key], expected[key], rules, f"{place}[{key!r}]")
    elif actual is None or expected is None:
        if actual is not expected:
            rules.fail(f"None mismatch: {actual} is not {expected}", place)
    elif all(isinstance(x, bool) for x in both):
        if actual is not expected:
            rules.fail(f"Booleans mismatch: {actual} is not {expected}", place)
    elif all(isinstance(x, int | float) for x in both):
        _compare_numbers(actual, expected, rules, place)
    elif _related(actual, expected, rules):
        _compare_attributes(actual, expected, rules, place)
        _compare_arrays(to_numpy(actual), to_numpy(expected), rules, place)
    else:
        raise TypeError(
            "assert_close: cannot compare inputs of type "
            f"{type(actual).__name__} and {type(expected).__name__}"
            f"{', at item ' + place if place else ''}; make tensors of both"
        )


def _sorted(keys: Any) -> list[Any]:
    return sorted(keys, key=str)


def _related(actual: Any, expected: Any, rules: Rules) -> bool:
    """Whether both are tensors, or both are arrays, and of one class if subclasses do not count."""
    for kind in (Tensor, np.ndarray):
        if isinstance(actual, kind) and isinstance(expected, kind):
            return rules.allow_subclasses or type(actual) is type(expected)
    return False


def _compare_attributes(actual: Any, expected: Any, rules: Rules, place: str) -> None:
    names = ["shape"]
    if isinstance(actual, Tensor):
        names += ["stride()"] * rules.check_stride + ["device"] * rules.check_device
    names += ["dtype"] * rules.check_dtype
    for name in names:
        ours, theirs = (
            x.stride() if name == "stride()" else getattr(x, name) for x in (actual, expected)
        )
        if ours != theirs:
            text = f"The values for attribute '{name}' do not match: {ours} != {theirs}."
            rules.fail(text, place)


def _compare_numbers(actual: Any, expected: Any, rules: Rules, place: str) -> None:
    if rules.check_dtype and type(actual) is not type(expected):
        rules.fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.", place)
    x, y = np.asarray(actual), np.asarray(expected)
    rtol, atol = rules.tolerances(x.dtype, y.dtype)
    if not _matches(x, y, rtol, atol, rules.equal_nan):
        rules.fail(_number_text(actual, expected, rtol, atol), place)


def _number_text(actual: float, expected: float, rtol: float, atol: float) -> str:
    absolute = abs(actual - expected)
    relative = absolute / abs(expected) if expected else float("inf")
    return (
        f"Scalars are not {_close(rtol, atol)}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {absolute}{_allowed(rtol, atol, atol)}\n"
        f"Relative difference: {relative}{_allowed(rtol, atol, rtol)}"
    )


def _compare_arrays(x: np.ndarray, y: np.ndarray, rules: Rules, place: str) -> None:
    rtol, atol = rules.tolerances(x.dtype, y.dtype)
    wrong = np.logical_not(_matches(x, y, rtol, atol, rules.equal_nan))
    if not wrong.any():
        return
    if wrong.ndim:
        rules.fail(_array_text(x, y, wrong, rtol, atol), place)
    rules.fail(_number_text(x.item(), y.item(), rtol, atol), place)


def _array_text(
    x: np.ndarray, y: np.ndarray, wrong: np.ndarray, rtol: float, atol: float
) -> str:
    with np.errstate(all="ignore"):
        x, y = _widened(x), _widened(y)
        absolute = np.where(wrong, np.abs(x - y), 0)
        relative = np.where(wrong, absolute / np.abs(y), 0)
    lines = [
        f"Tensor-likes are not {_close(rtol, atol)}!\n",
        f"Mismatched elements: {wrong.sum()} / {wrong.size} ({wrong.mean():.1%})",
    ]
    for name, differences, limit in (("absolute", absolute, atol), ("relative", relative, rtol)):
        largest = np.unravel_index(int(np.argmax(differences)), differences.shape)
        lines.append(
            f"Greatest {name} difference: {differences[largest]} at index "
            f"{tuple(int(i) for i in largest)}{_allowed(rtol, atol, limit)}"
        )
    return "\n".join(lines)


def _widened(x: np.ndarray) -> np.ndarray:
    """In a type where differences of elements are exact enough."""
    return x.astype(np.float64 if x.dtype.kind == "f" else np.int64)


def _matches(
    x: np.ndarray, y: np.ndarray, rtol: float, atol: float, equal_nan: bool
) -> np.ndarray:
    with np.errstate(all="ignore"):
        close = x == y
        if rtol or atol:
            x, y = x.astype(np.float64), y.astype(np.float64)
            finite = np.isfinite(x) & np.isfinite(y)
            close = close | (finite & (np.abs(x - y) <= atol + rtol * np.abs(y)))
        return close | (np.isnan(x) & np.isnan(y)) if equal_nan else close


def _close(rtol: float, atol: float) -> str:
    return "close" if rtol or atol else "equal"


def _allowed(rtol: float, atol: float, limit: float) -> str:
    return f" (up to {limit} allowed)" if rtol or atol else ""
