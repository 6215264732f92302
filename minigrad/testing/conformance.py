"""Does a backend do what backends/base.py says? Every kernel, in every type, layout and form.

    python -m minigrad.testing.conformance cpu              a device by its name
    python -m minigrad.testing.conformance cpu sum matmul   only these kernels

    report = conformance.check_backend(MyBackend())         a backend object, yours too

    @pytest.mark.parametrize("case", conformance.cases(), ids=str)
    def test_backend(case):
        case.run(MyBackend())

Needs NumPy and nothing else. A type that a backend refuses to hold, with a TypeError or
RuntimeError that names it, is skipped, and counted as such.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import sys
import warnings
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.backends.base import kernel_names
from minigrad.backends.numpy_linalg import LinAlgError
from minigrad.testing import kernels, reference
from minigrad.testing.close import CheckError, assert_close
from minigrad.testing.draws import LAYOUTS, Draw, Seeded, Smallest, lay

EXAMPLES = 8  # random inputs for each kernel and type
ALL = [
    np.dtype(name) for name in "float64 float32 float16 int64 int32 int16 int8 uint8 bool".split()
]
FLOATS, FLOAT64, INT64, BOOL = ALL[:2], ALL[0], ALL[3], ALL[-1]


class Skip(Exception):
    """Not for this backend: it lacks a type."""


@dataclass(frozen=True)
class Case:
    """One property of one kernel in one type."""

    kernel: str
    aspect: str
    dtype: np.dtype
    check: Callable[..., None]

    def run(self, backend: Any) -> None:
        """Raises CheckError where the backend is wrong, Skip where it lacks the type."""
        types = held(backend)
        if self.dtype not in types:
            raise Skip(f"{backend.name} refuses {self.dtype}")
        seed = zlib.crc32(str(self).encode())
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "minigrad: .* is computed on the host")
                self.check(backend, self.kernel, Seeded(seed, self.dtype))
        except (TypeError, RuntimeError) as error:  # a parameter of the case, say of a cast
            if not any(dtype.name in str(error) for dtype in ALL if dtype not in types):
                raise
            raise Skip(f"{backend.name} refuses a type: {error}") from None

    def __str__(self) -> str:
        return f"{self.kernel}-{self.aspect}-{self.dtype}"


def held(backend: Any) -> list[np.dtype]:
    """The types that a backend holds; the others it refuses by an error that names them."""
    types = []
    for dtype in ALL:
        try:
            backend.full((), 0, dtype)
        except (TypeError, RuntimeError) as error:
            if dtype.name not in str(error):
                raise
        else:
            types.append(dtype)
    return types


@dataclass
class Report:
    """What check_backend found: a count, and (case, message) for what failed and what was skipped.
    """

    passed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def check_backend(backend: Any, only: Collection[str] = ()) -> Report:
    """Runs every case (of the kernels `only`, if any are named) against a backend."""
    report = Report()
    for case in cases():
        if only and case.kernel not in only:
            continue
        try:
            case.run(backend)
        except Skip as reason:
            report.skipped.append((str(case), str(reason)))
        except Exception as error:
            report.failed.append((str(case), f"{type(error).__name__}: {error}"))
        else:
            report.passed += 1
    return report


def cases() -> list[Case]:
    """All cases: those of the rows of kernels.py, then those written out below."""
    found = [case for kernel in kernels.table.values() for case in _row_cases(kernel)]
    for kernel, aspect, dtypes, check in _written:
        found += [Case(kernel, aspect, dtype, check) for dtype in dtypes]
    return found


def _row_cases(kernel: kernels.Kernel) -> Iterator[Case]:
    for dtype in kernel.dtypes():
        yield Case(kernel.name, "values", dtype, _values)
        yield Case(kernel.name, "smallest", dtype, _smallest)
        if kernel.elementwise:
            yield Case(kernel.name, "out", dtype, _out)
            yield Case(kernel.name, "special", dtype, _special)
        if kernel.elementwise and dtype in FLOATS:
            yield Case(kernel.name, "large", dtype, _large)
        if _number_places(kernel):
            yield Case(kernel.name, "numbers", dtype, _numbers)


# -- what holds for every row


def _values(backend: Any, name: str, draw: Draw) -> None:
    """The reference's values, in the right type and shape, from operands in any layout, which stay
    as they are.
    """
    kernel = kernels.table[name]
    for _ in range(EXAMPLES):
        compare(backend, kernel, kernel.inputs(draw), draw)


def _smallest(backend: Any, name: str, draw: Draw) -> None:
    kernel = kernels.table[name]
    for empty in (False, True, True):
        compare(backend, kernel, kernel.inputs(Smallest(draw, empty)), draw)


def _out(backend: Any, name: str, draw: Draw) -> None:
    """out= is written, in any layout, returned, and may be the first operand."""
    kernel = kernels.table[name]
    for _ in range(EXAMPLES):
        args = kernel.inputs(draw)
        placed = _place(backend, args, draw)
        expected = _expected(backend, kernel, placed)
        layout = draw.choice(LAYOUTS[:4])
        out = lay(
            backend, np.zeros(expected.shape, _result_type(kernel, args, expected)), layout, 1
        )
        result = getattr(backend, name)(*placed, out)
        _same_object(name, result, out)
        _close(backend, kernel, args, out, expected, f"{name} into a {layout} out")
        first = next((i for i, x in enumerate(placed) if _is_array(x)), 0)
        x = placed[first]
        if x.shape == out.shape and x.dtype == out.dtype and name != "where":
            placed[first] = x = backend.copy(x)
            _same_object(name, getattr(backend, name)(*placed, x), x)
            _close(backend, kernel, args, x, expected, f"{name} into its own operand")


def _numbers(backend: Any, name: str, draw: Draw) -> None:
    """Any operand, but not all, may be a Python number."""
    kernel = kernels.table[name]
    for place in _number_places(kernel):
        args = list(kernel.inputs(draw))
        number = {"f": 1.25, "b": True}.get(draw.dtype.kind, 2)
        args[place] = number
        compare(backend, kernel, tuple(args), draw)


def _number_places(kernel: kernels.Kernel) -> range:
    if kernel.name == "where":
        return range(1, 3)
    return range(kernel.operands if kernel.elementwise and kernel.operands > 1 else 0)


def _special(backend: Any, name: str, draw: Draw) -> None:
    """NaN, infinities and zeros; the ends of the integers. See Note [Differences] in
    backends/base.py.
    """
    kernel = kernels.table[name]
    template = kernel.inputs(draw)
    if name in ("where", "nextafter"):  # the one has a condition, the other a case below
        return
    values = np.array(_special_values(name, draw.dtype), draw.dtype)
    grids = np.meshgrid(*[values] * kernel.operands, indexing="ij")
    operands = [np.ascontiguousarray(grid.ravel()) for grid in grids]
    if name in ("floor_divide", "remainder", "fmod") and draw.dtype.kind != "f":
        operands[1][operands[1] == 0] = 1  # an error on a host, and undefined on a device
    compare(backend, kernel, (*operands, *template[kernel.operands :]), draw, LAYOUTS[:1])


def _special_values(name: str, dtype: np.dtype) -> list[Any]:
    if dtype.kind == "b":
        return [False, True]
    if dtype.kind != "f":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        return sorted({low, low + 1, max(low, -3), max(low, -1), 0, 1, 2, 7, 9, high - 1, high})
    finite = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-3, 30.0, -30.0]
    return [*finite, math.inf, -math.inf, math.nan]


def _large(backend: Any, name: str, draw: Draw) -> None:
    """Enough elements that a backend cuts them in pieces, and a number that no piece divides."""
    kernel, n = kernels.table[name], 150_001
    few = [x for x in kernel.inputs(_Sized(draw, 251))]
    args = [np.resize(x, n) if isinstance(x, np.ndarray) else x for x in few]
    placed = [backend.from_host(x) if isinstance(x, np.ndarray) else x for x in args]
    out = backend.to_host(getattr(backend, name)(*placed))
    expected = _expected(
        backend, kernel, [backend.from_host(x) if isinstance(x, np.ndarray) else x for x in few]
    )
    whole, rest = divmod(n, 251)
    expected = np.concatenate([np.tile(expected, whole), expected[:rest]])
    _close(
        backend,
        kernel,
        args,
        backend.from_host(np.ascontiguousarray(out)),
        expected,
        f"{name} of {n} elements",
    )


class _Sized(Smallest):
    """One axis of a given size, for every shape."""

    def __init__(self, draw: Draw, size: int):
        super().__init__(draw, False)
        self.size = size

    def side(self, low: int = 0, high: int = 4) -> int:
        return self.size

    def dims(self, low: int = 0, high: int = 3) -> int:
        return max(low, 1)

    def broadcastable(self, count: int, max_dims: int = 3, min_side: int = 0) -> tuple[Any, ...]:
        return ((self.size,),) * count


# -- comparing


def compare(
    backend: Any, kernel: kernels.Kernel, args: tuple[Any, ...], draw: Draw, layouts: Any = LAYOUTS
) -> None:
    """Raises unless the kernel gives the reference's result on args, laid out at random, and
    changes none of them.
    """
    placed = _place(backend, args, draw, layouts)
    expected = _expected(backend, kernel, placed)
    before = _to_host(backend, placed)
    result = getattr(backend, kernel.name)(*placed)
    what = f"{kernel.name}({', '.join(_describe(x) for x in placed)})"
    for old, new in zip(_arrays(before), _arrays(_to_host(backend, placed)), strict=True):
        if old.tobytes() != new.tobytes():
            raise CheckError(f"{what} changed an operand of shape {old.shape}")
    if kernel.name == "view" and result is None:
        return  # there is no such view of this layout: see _views_share
    results, wanted = _as_list(result), _as_list(expected)
    if len(results) != len(wanted):
        raise CheckError(f"{what} returned {len(results)} results, expected {len(wanted)}")
    for k, (out, value) in enumerate(zip(results, wanted, strict=True)):
        if (out is None) != (value is None):
            raise CheckError(f"{what}: result {k} is {out}, expected {value}")
        if out is not None:
            _close(backend, kernel, args, out, np.asarray(value), f"{what}, result {k}")


def _place(backend: Any, args: Any, draw: Draw, layouts: Any = LAYOUTS) -> list[Any]:
    """The arguments with their arrays on the backend, each in a layout of its own."""
    placed: list[Any] = []
    for x in args:
        if isinstance(x, np.ndarray):
            placed.append(lay(backend, x, draw.choice(layouts), draw.integer(0, 7)))
        else:
            placed.append(_place(backend, x, draw, layouts) if isinstance(x, list) else x)
    return placed


def _expected(backend: Any, kernel: kernels.Kernel, placed: list[Any]) -> Any:
    return kernel.ref(*[_double(x) for x in _to_host(backend, placed)])


def _to_host(backend: Any, placed: Any) -> list[Any]:
    return [
        backend.to_host(x).copy()
        if _is_array(x)
        else _to_host(backend, x)
        if isinstance(x, list)
        else x
        for x in placed
    ]


def _double(x: Any) -> Any:
    if isinstance(x, list):
        return [_double(member) for member in x]
    return x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def _close(
    backend: Any, kernel: kernels.Kernel, args: Any, out: Any, expected: np.ndarray, what: str
) -> None:
    dtype = _result_type(kernel, args, expected)
    if out.dtype != dtype:
        raise CheckError(f"{what}: dtype {out.dtype}, expected {dtype}")
    if tuple(out.shape) != expected.shape:
        raise CheckError(f"{what}: shape {tuple(out.shape)}, expected {expected.shape}")
    if dtype.kind == "f":
        expected = expected.astype(dtype).astype(np.float64)
    within_eps(backend.to_host(out), expected, dtype, kernel.tolerance, what)


def within_eps(
    actual: Any, expected: np.ndarray, dtype: np.dtype, multiple: float, what: str
) -> None:
    """assert_close to `multiple` eps of dtype, relative to each element and to the largest, which
    counts from 1 to 10: operands are about 1, and sums of them may cancel; and one outlier of e^30
    must not hide the others.
    """
    eps = float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0
    finite = np.abs(expected[np.isfinite(expected)]) if expected.dtype.kind == "f" else np.zeros(0)
    size = min(max(float(finite.max(initial=0.0)), 1.0), 10.0)
    assert_close(actual, expected, multiple * eps, multiple * eps * size, what)


def _result_type(kernel: kernels.Kernel, args: Any, expected: np.ndarray) -> np.dtype:
    """The type of the value operands, unless the reference says bool, an index, or the type was a
    parameter.
    """
    if kernel.name == "cast":
        return np.dtype(args[1])
    if expected.dtype.kind != "f":
        return expected.dtype
    return next(x.dtype for x in _arrays(args) if x.dtype.kind == "f")


def _arrays(args: Any) -> list[Any]:
    found: list[Any] = []
    for x in args:
        found.extend(_arrays(x) if isinstance(x, list) else [x] if _is_array(x) else [])
    return found


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _as_list(x: Any) -> list[Any]:
    return list(x) if isinstance(x, tuple | list) else [x]


def _describe(x: Any) -> str:
    return f"{x.dtype}{list(x.shape)}" if _is_array(x) else repr(x)


def _same_object(name: str, result: Any, out: Any) -> None:
    if result is not out:
        raise CheckError(f"{name} with out= returned another array than out")


# -- what is written out: memory, views, corner cases, optimizers, random numbers

_written: list[tuple[str, str, list[np.dtype], Callable[..., None]]] = []


def _case(
    kernel: str, aspect: str, *dtypes: np.dtype
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def register(check: Callable[..., None]) -> Callable[..., None]:
        for name in kernel.split():
            _written.append((name, aspect, list(dtypes) or [FLOAT64], check))
        return check

    return register


def _exactly(backend: Any, actual: Any, expected: Any, what: str) -> None:
    host = backend.to_host(actual)
    wanted = np.asarray(expected)
    if host.dtype != wanted.dtype:
        raise CheckError(f"{what}: dtype {host.dtype}, expected {wanted.dtype}")
    assert_close(host, wanted, 0.0, 0.0, what)


def _raises(
    backend: Any, error: type[Exception], words: list[str], call: Callable[[], Any], what: str
) -> None:
    """On a device an error may wait until the next synchronisation."""
    try:
        call()
        backend.synchronize()
    except error as caught:
        missing = [word for word in words if word not in str(caught)]
        if missing:
            raise CheckError(f"{what}: the error does not mention {missing}: {caught}") from None
        return
    except Exception as other:
        raise CheckError(
            f"{what}: raised {type(other).__name__} ({other}), expected {error.__name__}"
        ) from None
    raise CheckError(f"{what}: raised nothing, expected {error.__name__}")


@_case("backend", "core")
def _core_defined(backend: Any, name: str, draw: Draw) -> None:
    missing = [
        kernel for kernel in kernel_names() if getattr(getattr(backend, kernel), "is_core", False)
    ]
    if missing:
        raise CheckError(f"core kernels are not defined: {', '.join(missing)}")


@_case("nextafter", "neighbours", *FLOATS)
def _neighbours(backend: Any, name: str, draw: Draw) -> None:
    """To the bit, in the type of the operands."""
    tiny = np.finfo(draw.dtype).smallest_subnormal
    values = np.array(_special_values(name, draw.dtype) + [tiny, 1e-4], draw.dtype)
    x, y = (grid.ravel() for grid in np.meshgrid(values, values))
    out = backend.nextafter(backend.from_host(x.copy()), backend.from_host(y.copy()))
    _exactly(backend, out, np.nextafter(x, y), "nextafter")


@_case("from_host to_host", "round_trip", *ALL)
def _round_trip(backend: Any, name: str, draw: Draw) -> None:
    for layout in LAYOUTS:
        values = draw.values(draw.shape())
        x = lay(backend, values, layout)
        if tuple(x.shape) != values.shape or x.dtype != values.dtype:
            raise CheckError(f"from_host: {_describe(x)}, expected {_describe(values)}")
        if layout != "expanded":
            _exactly(backend, x, values, f"{layout} array")


@_case("empty full", "filled", *ALL)
def _filled(backend: Any, name: str, draw: Draw) -> None:
    for shape in ((), (0, 2), (3,), (2, 3)):
        x = backend.empty(shape, draw.dtype)
        if tuple(x.shape) != shape or x.dtype != draw.dtype or not backend.is_contiguous(x):
            raise CheckError(f"empty({shape}): {_describe(x)}")
        _exactly(
            backend,
            backend.full(shape, 1, draw.dtype),
            np.ones(shape, draw.dtype),
            f"full({shape})",
        )


@_case("arange", "steps", *ALL[:-1])
def _arange(backend: Any, name: str, draw: Draw) -> None:
    steps: list[tuple[float, float, int]] = [
        (0, 1, 5),
        (2, 3, 4),
        (1, 1, 0),
        (7, -1, 8) if draw.dtype.kind != "u" else (0, 2, 3),
    ]
    if draw.dtype.kind == "f":
        steps += [(0.5, 0.25, 7), (0.1, 0.1, 11)]
    for start, step, n in steps:
        expected = (np.arange(n) * step + start).astype(draw.dtype)
        _exactly(
            backend,
            backend.arange(start, step, n, draw.dtype),
            expected,
            f"arange({start}, {step}, {n})",
        )


@_case("copy_", "broadcast", *ALL)
def _copy_into(backend: Any, name: str, draw: Draw) -> None:
    """Into any layout, from any layout, type and broadcastable shape; returns dst."""
    for layout in LAYOUTS[:4]:
        shape = draw.shape(0, 3, 1)
        dst = lay(backend, draw.values(shape), layout, 1)
        values = Seeded(1, draw.choice(held(backend))).values(draw.part_of(shape), (0.0, 2.0))
        source = lay(backend, values, draw.choice(LAYOUTS[:4]), 2)
        _same_object("copy_", backend.copy_(dst, source), dst)
        _exactly(
            backend,
            dst,
            np.broadcast_to(values, shape).astype(draw.dtype),
            f"copy_ into a {layout} array",
        )


@_case("cast", "all_types", *ALL)
def _cast_all(backend: Any, name: str, draw: Draw) -> None:
    values = np.array([0, 1, 2, 100], draw.dtype)
    if draw.dtype.kind == "f":
        values = np.array([0.0, 0.5, -0.5, 2.75, -2.75, 100.0], draw.dtype)
    elif draw.dtype.kind == "i":
        values = np.array([0, 1, -1, 100, -100], draw.dtype)
    x = backend.from_host(values)
    for target in held(backend):
        with_sign = values if target.kind != "u" or draw.dtype.kind != "f" else np.abs(values)
        y = backend.cast(backend.from_host(with_sign), target)
        _exactly(backend, y, with_sign.astype(target), f"cast from {draw.dtype} to {target}")
    if backend.cast(x, draw.dtype) is not x:
        raise CheckError(f"cast to its own type {draw.dtype} made a new array")


@_case("clamp", "limits")
def _clamp_limits(backend: Any, name: str, draw: Draw) -> None:
    values = np.array([-2.0, 0.0, 2.0, np.nan], draw.dtype)
    x = backend.from_host(values)
    for low, high in ((1.0, -1.0), (np.nan, 1.0), (-1.0, np.nan), (-np.inf, np.inf)):
        wanted = np.minimum(np.maximum(values, low), high)
        _exactly(backend, backend.clamp(x, low, high), wanted, f"clamp between {low} and {high}")


@_case("contiguous is_contiguous strides copy", "layouts")
def _layouts(backend: Any, name: str, draw: Draw) -> None:
    values = draw.values((2, 3, 4))
    for layout in LAYOUTS:
        x = lay(backend, values, layout, 1)
        strides = tuple(backend.strides(x))
        if (strides == (12, 4, 1)) != backend.is_contiguous(x):
            raise CheckError(f"is_contiguous of strides {strides} is {backend.is_contiguous(x)}")
        row_major = backend.contiguous(x)
        if tuple(backend.strides(row_major)) != (12, 4, 1):
            raise CheckError(f"contiguous has strides {tuple(backend.strides(row_major))}")
        _exactly(backend, row_major, backend.to_host(x), f"contiguous of a {layout} array")
        if backend.is_contiguous(x) and row_major is not x:
            raise CheckError("contiguous of a contiguous array is another array")
        twin = backend.copy(x)
        before = backend.to_host(x).copy()
        backend.copy_(twin, backend.full((), 9, FLOAT64))
        _exactly(backend, x, before, "an array whose copy was written to")
    for x in (backend.full((0, 3), 0, FLOAT64), backend.full((), 0, FLOAT64)):
        if not backend.is_contiguous(x):
            raise CheckError(f"an array of shape {x.shape} is not contiguous")


@_case("view permute slice diagonal expand unfold", "shares_memory", FLOAT64)
def _views_share(backend: Any, name: str, draw: Draw) -> None:
    """What is written to the array shows in the view; and the other way, where the view may be
    written to.
    """
    params: dict[str, tuple[Any, ...]] = {
        "view": ((4, 3),), "permute": ((1, 0),), "slice": ((slice(0, 3, 2), 1),),
        "diagonal": (1, 0, 1),
        "expand": ((2, 3, 4),), "unfold": (1, 2, 1),
    }  # fmt: skip
    x = backend.from_host(draw.values((3, 4)))
    y = getattr(backend, name)(x, *params[name])
    new = draw.values((3, 4))
    backend.copy_(x, backend.from_host(new))
    _exactly(
        backend, y, reference.of(name)(new, *params[name]), f"{name} after a write to what it shows"
    )
    if name not in ("expand", "unfold"):
        backend.copy_(y, backend.full((), 7, FLOAT64))
        reference.of(name)(new, *params[name])  # shape errors here would be the suite's own
        seen = backend.to_host(getattr(backend, name)(x, *params[name]))
        assert_close(
            seen, np.full(seen.shape, 7.0), 0, 0, f"what {name} shows after a write to the view"
        )


@_case("view", "none")
def _no_view(backend: Any, name: str, draw: Draw) -> None:
    x = backend.permute(backend.from_host(draw.values((2, 3))), (1, 0))
    if backend.view(x, (6,)) is not None:
        raise CheckError("view of a transposed array as one axis: there is none, expected None")
    flat = backend.view(backend.contiguous(x), (6,))
    _exactly(backend, flat, backend.to_host(x).ravel(), "view of the contiguous copy")


@_case("sum prod any all logsumexp var", "of_nothing", *FLOATS)
def _reduce_nothing(backend: Any, name: str, draw: Draw) -> None:
    nothing = {
        "sum": 0,
        "prod": 1,
        "any": False,
        "all": True,
        "logsumexp": -math.inf,
        "var": math.nan,
    }[name]
    x = backend.full((2, 0), 0, draw.dtype)
    args = (1, True) if name == "var" else (True,)
    out = getattr(backend, name)(x, (1,), *args)
    dtype = BOOL if name in ("any", "all") else draw.dtype
    _exactly(backend, out, np.full((2, 1), nothing, dtype), f"{name} of nothing")


@_case("var", "of_equal", *FLOATS)
def _var_of_equal(backend: Any, name: str, draw: Draw) -> None:
    """It is 0 to the last bit, though the mean of equal numbers is not always exact."""
    for shape in ((3, 1000), (1000, 3), (7, 60, 11)):
        x = backend.full(shape, 0.1, draw.dtype)
        for axes in ((0,), (1,), tuple(range(len(shape)))):
            out = backend.var(x, axes, 1, False)
            _exactly(backend, out, np.zeros(out.shape, draw.dtype), f"var of {shape} by {axes}")


@_case("max min argmax argmin max_with_indices min_with_indices", "of_nothing", FLOAT64, INT64)
def _extreme_of_nothing(backend: Any, name: str, draw: Draw) -> None:
    x = backend.full((2, 0), 0, draw.dtype)
    axes = (1,) if name in ("max", "min") else 1
    _raises(
        backend,
        IndexError,
        [],
        lambda: getattr(backend, name)(x, axes, False),
        f"{name} along an axis of size 0",
    )


@_case(
    "max min argmax argmin max_with_indices min_with_indices sort topk unique",
    "nan_and_ties",
    *FLOATS,
)
def _nan_and_ties(backend: Any, name: str, draw: Draw) -> None:
    rows = [
        [1.0, math.nan, 3.0, math.nan], [2.0, 2.0, 1.0, 1.0], [-0.0, 0.0, -math.inf, -math.inf],
        [math.inf, 1.0, math.inf, 1.0],
    ]  # fmt: skip
    x = np.array(rows, draw.dtype)
    extra: dict[str, list[Any]] = {
        "max": [(1,), False], "min": [(1,), False], "sort": [1, False], "topk": [3, 1, True],
        "unique": [],
    }  # fmt: skip
    kernel = kernels.table[name]
    compare(backend, kernel, (x, *extra.get(name, [1, False])), draw, LAYOUTS[:4])
    if name == "sort":
        compare(backend, kernel, (x, 1, True), draw, LAYOUTS[:4])
    if name == "topk":
        compare(backend, kernel, (x, 2, 1, False), draw, LAYOUTS[:4])


@_case("scatter scatter_add index_put index_add", "duplicates", *FLOATS, INT64)
def _duplicates(backend: Any, name: str, draw: Draw) -> None:
    """The last one written stays; every contribution is added."""
    n, m = 5, 40
    at, source = draw.indices((m,), n), draw.values((m,))
    x, kernel = draw.values((n,)), kernels.table[name]
    for accumulate in (False, True) if name == "index_put" else (False,):
        args = (x, [at], source, accumulate) if name == "index_put" else (x, 0, at, source)
        compare(backend, kernel, args, draw, LAYOUTS[:4])


@_case("index_put", "out", *FLOATS, INT64)
def _index_put_out(backend: Any, name: str, draw: Draw) -> None:
    """out=x is written to and returned, through a view too; out of range, nothing changes."""
    for accumulate in (False, True):
        x, values = draw.values((3, 4)), draw.values((2, 2))
        whole = backend.from_host(x.copy())
        view = backend.slice(whole, (slice(0, 3, 2), slice(1, 4, 1)))
        at = [None, backend.from_host(np.array([2, 0]))]
        out = backend.index_put(view, at, backend.from_host(values), accumulate, view)
        _same_object(name, out, view)
        x[::2, [3, 1]] = x[::2, [3, 1]] + values if accumulate else values
        _close(backend, kernels.table[name], (x,), whole, x, f"{name} into its own operand")
        wrong = [None, backend.from_host(np.array([0, 9]))]
        with contextlib.suppress(IndexError):
            backend.index_put(view, wrong, backend.from_host(values), accumulate, view)
        _close(backend, kernels.table[name], (x,), whole, x, f"{name} after an error")


@_case("gather scatter scatter_add index index_put index_select index_add", "out_of_range")
def _out_of_range(backend: Any, name: str, draw: Draw) -> None:
    x = backend.from_host(draw.values((3,)))
    source = backend.from_host(draw.values((2,)))
    wrong = (3, -1) if name not in ("index", "index_put") else (3, -4)
    for value in wrong:
        at = backend.from_host(np.array([0, value]))
        args = {
            "index": (x, [at]), "index_put": (x, [at], source, False),
            "gather": (x, 0, at), "index_select": (x, 0, at),
        }.get(name, (x, 0, at, source))  # fmt: skip
        call = functools.partial(getattr(backend, name), *args)
        _raises(backend, IndexError, [str(value), "3"], call, f"{name} at {value} of 3")


@_case("sum matmul", "half", ALL[2])
def _half(backend: Any, name: str, draw: Draw) -> None:
    """float16 is added in float32 and rounded once: in float16 itself these sums would stall at
    256.
    """
    x = backend.full((1, 4000), 0.125, draw.dtype)
    if name == "sum":
        out = backend.sum(x, (1,), False)
    else:
        out = backend.matmul(x, backend.full((4000, 1), 1.0, draw.dtype))
    within_eps(
        backend.to_host(out), np.full(out.shape, 500.0), draw.dtype, 1.0, f"{name} of float16"
    )


@_case("sum max argmax cumsum softmax logsumexp sort", "large", *FLOATS)
def _large_reductions(backend: Any, name: str, draw: Draw) -> None:
    values = draw.values((257, 1031))
    kernel = kernels.table[name]
    for axis in (0, 1):
        rest: tuple[Any, ...] = {
            "argmax": (axis, False), "sort": (axis, False), "cumsum": (axis,), "softmax": (axis,),
        }.get(name, ((axis,), True))  # fmt: skip
        if name == "sort":
            values = values[:40, :99]
        placed = backend.from_host(np.ascontiguousarray(values))
        result, expected = getattr(backend, name)(placed, *rest), kernel.ref(_double(values), *rest)
        for out, value in zip(_as_list(result), _as_list(expected), strict=True):
            n = values.shape[axis]
            within_eps(
                backend.to_host(out),
                value,
                draw.dtype,
                16 * math.sqrt(n),
                f"{name} of {values.shape}",
            )


@_case("matmul", "large", *FLOATS)
def _large_matmul(backend: Any, name: str, draw: Draw) -> None:
    x, y = draw.values((2, 67, 131)), draw.values((131, 45))
    for layout in LAYOUTS[:4]:
        a, b = lay(backend, x, layout, 1), lay(backend, y, layout, 1)
        expected = np.einsum("nij,jk->nik", _double(x), _double(y))
        within_eps(
            backend.to_host(backend.matmul(a, b)),
            expected,
            draw.dtype,
            512,
            f"matmul of {layout} arrays",
        )


@_case("sgd_", "steps", *FLOATS)
def _sgd(backend: Any, name: str, draw: Draw) -> None:
    options = itertools.product((0.0, 0.9), (0.0, 0.1), (0.0, 0.01), (False, True), (False, True))
    for momentum, dampening, decay, nesterov, maximize in options:
        state = 2 if momentum else 1
        hyper = (momentum, dampening, decay, nesterov, maximize)
        _step(backend, name, draw, state, [0.1], lambda lr, hyper=hyper: (lr, *hyper))


@_case("adam_", "steps", *FLOATS)
def _adam(backend: Any, name: str, draw: Draw) -> None:
    for decay, decoupled, maximize in itertools.product((0.0, 0.01), (False, True), (False, True)):

        def arguments(
            lr: Any, c1: Any, c2: Any, rest: Any = (decay, decoupled), up: bool = maximize
        ) -> Any:
            return (lr, 0.9, 0.999, 1e-8, *rest, c1, c2, up)

        _step(backend, name, draw, 3, [0.1, 0.19, 0.002], arguments)


def _step(
    backend: Any, name: str, draw: Draw, states: int, changing: list[float], arguments: Any
) -> None:
    """One step of an optimizer on two parameters; `states`: how many lists it writes, the
    parameters first.
    """
    shapes = ((2, 3), (4,))
    lists = [[draw.values(s, (0.3, 2.0)) for s in shapes] for _ in range(states)]
    gradients = [draw.values(s) for s in shapes]
    numbers = [np.array(value, draw.dtype) for value in changing]
    on_device = [[backend.from_host(x.copy()) for x in xs] for xs in lists]
    gs = [backend.from_host(g.copy()) for g in gradients]
    written = on_device if name == "adam_" or states == 2 else [*on_device, None]
    kept = lists if name == "adam_" or states == 2 else [*lists, None]
    rest = arguments(*[backend.from_host(x.copy()) for x in numbers])
    getattr(backend, name)(written[0], gs, *written[1:], *rest)
    doubled = [None if xs is None else _double(xs) for xs in kept]
    expected = reference.of(name)(
        doubled[0], _double(gradients), *doubled[1:], *arguments(*[float(x) for x in numbers])
    )
    for xs, values in zip(on_device, expected, strict=False):
        for x, value in zip(xs, values, strict=True):
            within_eps(backend.to_host(x), value, draw.dtype, 32, f"{name} with {rest[1:]}")
    for g, old in zip(gs, gradients, strict=True):
        _exactly(backend, g, old, f"a gradient after {name}")


def _matrices(draw: Draw, *, square: bool = False) -> np.ndarray:
    """A batch of matrices with inverses, whose singular values are apart."""
    m, n = draw.side(), draw.side()
    return kernels.spread(draw.values((*draw.shape(0, 2), m, m if square else n)))


def _host_results(backend: Any, name: str, x: np.ndarray, draw: Draw, *rest: Any) -> list[Any]:
    """The results of a kernel of the matrices x, in some layout, in float64; their type checked."""
    placed = lay(backend, x, draw.choice(LAYOUTS[:-1]), draw.integer(0, 7))
    found = _as_list(getattr(backend, name)(placed, *rest))
    for out in found:
        if out.dtype != x.dtype:
            raise CheckError(f"{name} of {_describe(x)}: dtype {out.dtype}")
    return [backend.to_host(out).astype(FLOAT64) for out in found]


def _is_identity(x: np.ndarray, dtype: np.dtype, what: str) -> None:
    within_eps(x, np.broadcast_to(np.eye(x.shape[-1]), x.shape), dtype, 64, what)


def _diagonal(s: np.ndarray, m: int, n: int) -> np.ndarray:
    """Matrices (m, n) with s on the diagonal."""
    return np.eye(m, s.shape[-1]) * s[..., None, :] @ np.eye(s.shape[-1], n)


@_case("inv", "definition", *FLOATS)
def _inv(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        x = _matrices(draw, square=True)
        (out,) = _host_results(backend, name, x, draw)
        _is_identity(x @ out, draw.dtype, "x @ inv(x)")


@_case("solve", "definition", *FLOATS)
def _solve(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        x = _matrices(draw, square=True)
        y = draw.values((*x.shape[:-1], draw.side()))
        (out,) = _host_results(backend, name, x, draw, lay(backend, y, draw.choice(LAYOUTS[:-1])))
        within_eps(x @ out, y.astype(FLOAT64), draw.dtype, 64, "x @ solve(x, y)")


@_case("solve_triangular", "definition", *FLOATS)
def _solve_triangular(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        x, upper, unit = _matrices(draw, square=True), draw.boolean(), draw.boolean()
        y = draw.values((*x.shape[:-1], draw.side()))
        placed = lay(backend, y, draw.choice(LAYOUTS[:-1]))
        (out,) = _host_results(backend, name, x, draw, placed, upper, unit)
        t = (np.triu if upper else np.tril)(x)
        t = t + (np.eye(x.shape[-1]) - _diagonal(np.diagonal(x, 0, -2, -1), *x.shape[-2:])) * unit
        within_eps(t @ out, y.astype(FLOAT64), draw.dtype, 64, f"{name}({upper}, {unit})")


@_case("cholesky", "definition", *FLOATS)
def _cholesky(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        low = np.tril(_matrices(draw, square=True))
        x = low + np.swapaxes(np.tril(low, -1), -1, -2)
        above = np.triu(np.full(x.shape, np.nan, x.dtype), 1)  # is not read
        (out,) = _host_results(backend, name, x + above, draw)
        _exactly(backend, backend.from_host(np.triu(out, 1)), np.zeros(x.shape), "above cholesky")
        if not (np.diagonal(out, 0, -2, -1) > 0).all():
            raise CheckError("cholesky: the diagonal is not positive")
        within_eps(out @ np.swapaxes(out, -1, -2), x.astype(FLOAT64), draw.dtype, 64, name)


@_case("qr", "definition", *FLOATS)
def _qr(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        x, complete = _matrices(draw), draw.boolean()
        q, r = _host_results(backend, name, x, draw, complete)
        m, n = x.shape[-2:]
        k = m if complete else min(m, n)
        if (q.shape[-2:], r.shape[-2:]) != ((m, k), (k, n)):
            raise CheckError(f"qr of {_describe(x)}: shapes {q.shape} and {r.shape}")
        _exactly(backend, backend.from_host(np.tril(r, -1)), np.zeros(r.shape), "below r")
        within_eps(q @ r, x.astype(FLOAT64), draw.dtype, 64, "q @ r")
        _is_identity(np.swapaxes(q, -1, -2) @ q, draw.dtype, "q.T @ q")


@_case("svd", "definition", *FLOATS)
def _svd(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        x, full = _matrices(draw), draw.boolean()
        u, s, vh = _host_results(backend, name, x, draw, full)
        m, n = x.shape[-2:]
        k = min(m, n)
        expected = ((m, m), (k,), (n, n)) if full else ((m, k), (k,), (k, n))
        if (u.shape[-2:], s.shape[-1:], vh.shape[-2:]) != expected:
            raise CheckError(f"svd of {_describe(x)}: shapes {u.shape}, {s.shape}, {vh.shape}")
        if not ((s >= 0).all() and (np.diff(s) <= 0).all()):
            raise CheckError(f"svd: singular values {s} are not falling, or negative")
        middle = _diagonal(s, u.shape[-1], vh.shape[-2])
        within_eps(u @ middle @ vh, x.astype(FLOAT64), draw.dtype, 64, "u @ diag(s) @ vh")
        _is_identity(np.swapaxes(u, -1, -2) @ u, draw.dtype, "u.T @ u")
        _is_identity(vh @ np.swapaxes(vh, -1, -2), draw.dtype, "vh @ vh.T")


@_case("pinv", "definition", *FLOATS)
def _pinv(backend: Any, name: str, draw: Draw) -> None:
    """The inverse on the longer side; of the singular values that are above the limits."""
    for _ in range(EXAMPLES):
        x = _matrices(draw)
        (out,) = _host_results(backend, name, x, draw, 0.0, 1e-5)
        product = x @ out if x.shape[-2] <= x.shape[-1] else out @ x
        _is_identity(product, draw.dtype, "x @ pinv(x)")
    x = np.diag([4.0, 2.0, 1.0]).astype(draw.dtype)
    for atol, rtol, kept in ((0.0, 0.3, 2), (1.5, 0.0, 2), (3.0, 0.3, 1), (0.0, 0.0, 3)):
        (out,) = _host_results(backend, name, x, draw, atol, rtol)
        expected = np.diag([0.25, 0.5, 1.0] * (np.arange(3) < kept))
        within_eps(out, expected, draw.dtype, 16, f"pinv with {atol=}, {rtol=}")


@_case("eigh", "definition", *FLOATS)
def _eigh(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        x, lower = _matrices(draw, square=True), draw.boolean()
        half = np.tril(x) if lower else np.triu(x)
        symmetric = half + np.swapaxes(np.tril(half, -1) if lower else np.triu(half, 1), -1, -2)
        w, v = _host_results(backend, name, x, draw, lower)
        if not (np.diff(w) >= 0).all():
            raise CheckError(f"eigh: eigenvalues {w} are not rising")
        product = v * w[..., None, :] @ np.swapaxes(v, -1, -2)
        within_eps(product, symmetric.astype(FLOAT64), draw.dtype, 64, "v @ diag(w) @ v.T")
        _is_identity(np.swapaxes(v, -1, -2) @ v, draw.dtype, "v.T @ v")


@_case("lu", "definition", *FLOATS)
def _lu(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        x = _matrices(draw)
        (m, n), batch = x.shape[-2:], x.shape[:-2]
        found = backend.lu(lay(backend, x, draw.choice(LAYOUTS[:-1])))
        types = [out.dtype for out in found]
        if types != [x.dtype, np.dtype(np.int32), INT64]:
            raise CheckError(f"lu of {_describe(x)}: types {types}")
        packed, pivots, perm = (backend.to_host(out) for out in found)
        packed = packed.astype(FLOAT64)
        low, up = np.tril(packed, -1)[..., : min(m, n)], np.triu(packed)[..., : min(m, n), :]
        if low.size and abs(low).max() > 1:
            raise CheckError(f"lu: {low} is not what pivots leave")
        for i in np.ndindex(batch):
            rows = list(range(m))
            for j, other in enumerate(pivots[i].tolist()):
                rows[j], rows[other - 1] = rows[other - 1], rows[j]
            if rows != perm[i].tolist():
                raise CheckError(f"lu: by pivots {pivots[i]} perm is {rows}, got {perm[i]}")
            product = (low[i] + np.eye(m, min(m, n))) @ up[i]
            within_eps(product, x[i][rows].astype(FLOAT64), draw.dtype, 64, "l @ u")


@_case("det slogdet", "definition", *FLOATS)
def _det(backend: Any, name: str, draw: Draw) -> None:
    for _ in range(EXAMPLES):
        x = draw.values((*draw.shape(0, 2), *(draw.side(),) * 2))
        found = _host_results(backend, name, x, draw)
        value = found[0] if name == "det" else found[0] * np.exp(found[1])
        within_eps(value, reference.det(x.astype(FLOAT64)), draw.dtype, 256, f"{name} of {x}")
    singular = np.ones((2, 2), draw.dtype)
    found = _host_results(backend, name, singular, draw)
    if not np.array_equal(np.array(found), [0.0] if name == "det" else [0.0, -np.inf]):
        raise CheckError(f"{name} of ones: {found}")


@_case("inv solve cholesky", "impossible", *FLOATS)
def _impossible(backend: Any, name: str, draw: Draw) -> None:
    """The error says which matrix of the batch."""
    x = np.stack([np.eye(2), np.eye(2), np.zeros((2, 2)), np.eye(2)]).astype(draw.dtype)
    for shape, place in (((4, 2, 2), "(Batch element 2)"), ((2, 2, 2, 2), "(Batch element (1, 0)")):
        args = [backend.from_host(x.reshape(shape))] * (2 if name == "solve" else 1)
        call = functools.partial(getattr(backend, name), *args)
        _raises(backend, LinAlgError, [f"linalg.{name}", place], call, f"{name} of zeros")


SEEDS = ((0, 0), (42, 3), (2**62 + 5, 2**40), (-1, 1))


def _key(backend: Any, seed: int, offset: int) -> list[Any]:
    return [backend.from_host(np.array(n, np.int64)) for n in (seed, offset)]


@_case("random_bits", "words", INT64)
def _random_bits(backend: Any, name: str, draw: Draw) -> None:
    for (seed, offset), n in itertools.product(SEEDS, (0, 1, 7, 64)):
        out = backend.random_bits(*_key(backend, seed, offset), n)
        _exactly(
            backend,
            out,
            reference.random_bits(seed, offset, n),
            f"random_bits({seed}, {offset}, {n})",
        )


@_case("uniform", "bits", *ALL[:3])
def _uniform(backend: Any, name: str, draw: Draw) -> None:
    for (seed, offset), shape in itertools.product(SEEDS, ((), (0,), (7,), (3, 4))):
        out = backend.uniform(*_key(backend, seed, offset), shape, draw.dtype)
        expected = reference.uniform(seed, offset, shape, draw.dtype).astype(draw.dtype)
        _exactly(backend, out, expected, f"uniform({seed}, {offset}, {shape})")


@_case("normal", "close", *ALL[:3])
def _normal(backend: Any, name: str, draw: Draw) -> None:
    for (seed, offset), shape in itertools.product(SEEDS, ((), (0,), (7,), (3, 4), (501,))):
        out = backend.normal(*_key(backend, seed, offset), shape, draw.dtype)
        if out.dtype != draw.dtype:
            raise CheckError(f"normal in {draw.dtype} has dtype {out.dtype}")
        expected = reference.normal(seed, offset, shape, draw.dtype)
        eps = float(np.finfo(draw.dtype if draw.dtype != ALL[2] else np.float32).eps)
        rounding = float(np.finfo(draw.dtype).eps)
        # Near a zero of cos or sin the angle's own rounding counts: absolute, in units of the
        # radius (up to 7).
        assert_close(
            backend.to_host(out), expected, rounding, 32 * eps, f"normal({seed}, {offset}, {shape})"
        )


@_case("randint", "bits", *ALL[3:8])
def _randint(backend: Any, name: str, draw: Draw) -> None:
    ranges = [(0, 5), (1, 100)]
    if draw.dtype == INT64:
        ranges += [(-(2**62), 2**61), (0, 2**62 + 12345), (-3, 4)]
    for (seed, offset), (low, high) in itertools.product(SEEDS, ranges):
        out = backend.randint(*_key(backend, seed, offset), (2, 5), low, high, draw.dtype)
        expected = reference.randint(seed, offset, (2, 5), low, high, draw.dtype)
        _exactly(backend, out, expected, f"randint({seed}, {offset}, {low}, {high})")


def main(arguments: list[str]) -> int:
    """The command line; returns the exit status."""
    from minigrad.device import Device

    name, *only = arguments or ["cpu"]
    unknown = set(only) - {case.kernel for case in cases()}
    if unknown:
        print(f"no such kernel: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    try:
        backend = Device(name).backend
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    report = check_backend(backend, only)
    for case, message in report.failed:
        print(f"FAILED {case}: {message}")
    for reason in sorted({reason for _, reason in report.skipped}):
        print(f"skipped: {reason}")
    print(f"{name}: {report}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
