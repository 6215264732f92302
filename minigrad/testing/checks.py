"""What must hold for every op, derived from its spec.

    forward     the reference's values, shape and type, in every type the spec names
    edges       the same for 0-d and empty inputs
    layouts     the same whatever the memory layout of the inputs
    untouched   no input is changed, by the op or by its backward pass
    gradient    gradients agree with finite differences
    second      so do the gradients of the gradients
    alone       the gradient of one input is the same whether or not others want one
    numbers     a Python number for an operand does what a tensor with this one value does
    adjoint     <w, J u> == <J^T w, u> where the op is linear
    composite   values and gradients of a fused op agree with its definition in smaller ops
    points      gradients at kinks and ties are what the spec says
    errors      what must raise, raises the right error with the right words

Each check takes (spec, draw, device) and raises CheckError; `applicable` says
which concern a spec. On a device without float64 those that need it raise conformance.Skip.
Under pytest:

    @pytest.mark.parametrize("spec, check", checks.cases(), ids=checks.name_of)
    @given(data=st.data())
    def test_spec(spec, check, data):
        checks.CHECKS[check](spec, Drawn(data.draw), minigrad.device("cpu"))

Without pytest and hypothesis `run(spec)` does all of it, from a seed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.autograd import grad
from minigrad.device import Device, resolve
from minigrad.dtype import get_default_dtype
from minigrad.tensor import Tensor, wrap
from minigrad.testing.close import CheckError, assert_close, to_numpy
from minigrad.testing.conformance import Skip, held
from minigrad.testing.draws import LAYOUTS, Draw, Seeded, Smallest, lay
from minigrad.testing.gradcheck import compare, gradient_of
from minigrad.testing.specs import Failure, OpSpec, Point, table

Check = Callable[[OpSpec, Draw, Device], None]
FLOAT64 = np.dtype(np.float64)
CONTIGUOUS = LAYOUTS[:1]


def run(spec: OpSpec, device: Any = None, examples: int = 10, seed: int = 0) -> dict[str, int]:
    """Runs every check that concerns the spec, each on `examples` inputs; returns how many of each
    were run. What a check raises carries a note that names op, check and seed.
    """
    place, done = resolve(device), {}
    for name in applicable(spec):
        for i in range(1 if name in ("points", "errors") else examples):
            try:
                CHECKS[name](spec, Seeded(seed + i), place)
            except Exception as error:
                error.add_note(f"{spec.name} fails the check '{name}' with seed {seed + i}")
                raise
            done[name] = i + 1
    return done


def cases(specs: Iterable[OpSpec] | None = None) -> list[tuple[OpSpec, str]]:
    """All pairs of a spec and the name of a check that concerns it."""
    return [(spec, name) for spec in specs or table.values() for name in applicable(spec)]


def applicable(spec: OpSpec) -> list[str]:
    """The names of the checks that concern a spec."""
    found = ["forward", "edges", "layouts", "untouched"]
    arguments = (spec.smooth or spec.samples)(Seeded(0))
    positions = _differentiable(spec, arguments)
    if positions:
        found.append("gradient")
        found += ["second"] if not set(positions) <= set(spec.zero) else []
        found += ["alone"] if len(positions) > 1 else []
    facts = {
        "numbers": spec.numbers,
        "adjoint": spec.linear,
        "composite": spec.composite,
        "points": spec.points,
        "errors": spec.errors,
    }
    return found + [name for name, fact in facts.items() if fact]


def name_of(part: Any) -> str:
    """A short id for pytest."""
    return str(part)


# -- values


def forward(spec: OpSpec, draw: Draw, device: Device) -> None:
    draw.dtype = draw.choice(_types(spec, device))
    _compare(spec, spec.samples(draw), draw, device, CONTIGUOUS)


def edges(spec: OpSpec, draw: Draw, device: Device) -> None:
    draw.dtype = draw.choice(_types(spec, device))
    _compare(spec, spec.samples(Smallest(draw, draw.boolean())), draw, device, LAYOUTS)


def layouts(spec: OpSpec, draw: Draw, device: Device) -> None:
    """Also the layouts are compared with each other: the same inputs, contiguous."""
    draw.dtype = _types(spec, device)[0]
    arguments = spec.samples(draw)
    placed = _place(arguments, draw, device, LAYOUTS)
    plain = _map(
        placed, lambda x: _tensor(np.ascontiguousarray(to_numpy(x)).reshape(x.array.shape), device)
    )
    for out, expected in zip(_outputs(spec.op(*placed)), _outputs(spec.op(*plain)), strict=True):
        _close(spec, out, to_numpy(expected), "in another memory layout")
    _compare(spec, arguments, draw, device, LAYOUTS)


def untouched(spec: OpSpec, draw: Draw, device: Device) -> None:
    draw.dtype = _types(spec, device)[0]
    placed = _leaves_of(spec, _place(spec.samples(draw), draw, device, LAYOUTS))
    before = [to_numpy(x).copy() for x in _tensors(placed)]
    outs = [out for out in _outputs(spec.op(*placed)) if out.node is not None]
    for out in outs:
        out.backward(
            _tensor(draw.values(out.array.shape).astype(out.array.dtype), device), retain_graph=True
        )
    for x, old in zip(_tensors(placed), before, strict=True):
        if to_numpy(x).tobytes() != old.tobytes():
            raise CheckError(
                f"{spec.name}({_describe(placed)}) changed an input of shape {old.shape}"
            )


def _compare(spec: OpSpec, arguments: Any, draw: Draw, device: Device, allowed: Any) -> None:
    placed = _place(arguments, draw, device, allowed)
    results = _outputs(spec.op(*placed))
    wanted = spec.ref(*[_reference_argument(spec, x) for x in _map(placed, to_numpy)])
    references = [x for x in wanted if x is not None] if isinstance(wanted, tuple) else [wanted]
    if len(results) > len(references):
        raise CheckError(
            f"{spec.name} returned {len(results)} results, the reference {len(references)}"
        )
    for out, expected in zip(
        results, references, strict=False
    ):  # the reference may have hidden outputs too
        expected = np.asarray(expected)
        dtype = _result_type(spec, arguments, expected)
        if out.array.dtype != dtype:
            raise CheckError(
                f"{spec.name}({_describe(placed)}) has dtype {out.array.dtype}, expected {dtype}"
            )
        _close(spec, out, expected, f"of ({_describe(placed)})")


def _close(spec: OpSpec, out: Tensor, expected: np.ndarray, what: str) -> None:
    """To the spec's multiple of eps, relative to each element and to the largest, which counts as
    at least 1.
    """
    dtype = out.array.dtype
    eps = float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0
    finite = np.abs(expected[np.isfinite(expected)]) if expected.dtype.kind == "f" else np.zeros(0)
    size = max(float(finite.max(initial=0.0)), 1.0)
    if dtype.kind == "f":
        expected = expected.astype(dtype).astype(FLOAT64)
    assert_close(
        out, expected, spec.tolerance * eps, spec.tolerance * eps * size, f"{spec.name} {what}"
    )


def _result_type(spec: OpSpec, arguments: Any, expected: np.ndarray) -> np.dtype:
    if expected.dtype.kind != "f":
        return expected.dtype
    if spec.name == "cast":
        return np.dtype(arguments[1])
    floats = [x.dtype for x in _arrays(arguments) if x.dtype.kind == "f"]
    return floats[0] if floats else get_default_dtype().numpy


def _reference_argument(spec: OpSpec, x: Any) -> Any:
    if isinstance(x, list):
        return [_reference_argument(spec, member) for member in x]
    is_value = isinstance(x, np.ndarray) and (
        x.dtype.kind == "f" or (spec.to_float and x.dtype.kind in "iu")
    )
    return x.astype(FLOAT64) if is_value else x


# -- gradients


def gradient(spec: OpSpec, draw: Draw, device: Device) -> None:
    _until_all_vary(spec, draw, device, spec.zero, compare)


def second(spec: OpSpec, draw: Draw, device: Device) -> None:
    def compare_gradients(function: Callable[..., Any], leaves: list[Any]) -> Any:
        return compare(*gradient_of(function, leaves))

    _until_all_vary(spec, draw, device, spec.flat, compare_gradients)


def _until_all_vary(
    spec: OpSpec, draw: Draw, device: Device, excused: Any, check: Callable[..., Any]
) -> None:
    """Checks one sample, and further ones until the gradient of every argument has been seen to be
    more than 0.

    In one sample it may be 0: where() that takes nothing from x, a slice that is empty. In all of
    them it may not.
    """
    seen: set[int] = set(excused)
    proved: set[int] = set(excused)
    for source in (draw, *(Seeded(seed) for seed in range(30))):
        function, leaves, positions = _smooth_call(spec, source, device)
        if leaves:
            unvarying = check(function, leaves)
            seen.update(positions)
            proved.update(
                at for i, at in enumerate(positions) if i not in unvarying and leaves[i].numel()
            )
        if leaves and seen == proved:
            return
    raise CheckError(
        f"{spec.name}: in 31 samples the derivative by argument {sorted(seen - proved)} was 0, so "
        "that nothing is tested. "
        "Choose samples where the op varies, or name the argument in the spec's zero (flat, for "
        "the second derivative)"
    )


def alone(spec: OpSpec, draw: Draw, device: Device) -> None:
    function, leaves, positions = _smooth_call(spec, draw, device)
    outs = _with_graph(function(*leaves))
    weights = [_tensor(draw.values(out.array.shape), device) for out in outs]
    together = grad(outs, leaves, weights, allow_unused=True)
    for i, (x, at, expected) in enumerate(zip(leaves, positions, together, strict=True)):
        others = [y if k == i else y.detach() for k, y in enumerate(leaves)]
        found = grad(_with_graph(function(*others)), [x], weights, allow_unused=True)[0]
        if (found is None) != (expected is None):
            raise CheckError(
                f"{spec.name}: argument {at} has a gradient only with, or only without, the others"
            )
        if found is not None:
            _agree(found, expected, f"{spec.name}: gradient of argument {at} alone")


def numbers(spec: OpSpec, draw: Draw, device: Device) -> None:
    """Values, gradients and second gradients. Rules take short cuts for some numbers: 0, 1, 2."""
    _need_float64(device)
    draw.dtype = spec.dtypes()[0]
    arguments, at = (spec.smooth or spec.samples)(draw), draw.choice(spec.numbers)
    among = [x.item() for x in arguments[at].ravel()[:1]]
    if draw.dtype.kind == "f":
        among += [-1.0, 0.0, 1.0, 2.0, 3.0]
    number = draw.choice(among or [draw.dtype.type(1).item()])
    placed = _leaves_of(spec, _place(arguments, draw, device, LAYOUTS))
    leaves = [x for i, x in enumerate(placed) if i != at and x.requires_grad]
    what = f"with {number} for operand {at}"
    calls = []
    for operand in (number, _tensor(np.array(number, arguments[at].dtype), device)):
        out = spec.op(*placed[:at], operand, *placed[at + 1 :])
        calls.append((out, *_two_gradients(out, leaves)))
    for found, expected in zip(*calls, strict=True):
        _close(spec, found, to_numpy(expected), what)


def _two_gradients(out: Tensor, leaves: list[Tensor]) -> list[Any]:
    """The gradients of the sum of out, and those of the sum of these."""
    if out.node is None:
        return []

    def gradients(outs: list[Tensor]) -> list[Any]:
        ones = [_tensor(np.ones(x.array.shape, x.array.dtype), out.device) for x in outs]
        return list(grad(outs, leaves, ones, create_graph=True, materialize_grads=True))

    first = gradients([out])
    varying = [g for g in first if g.node is not None]
    return [*first, *(gradients(varying) if varying else [0 * x for x in leaves])]


def adjoint(spec: OpSpec, draw: Draw, device: Device) -> None:
    function, leaves, positions = _smooth_call(spec, draw, device)
    for i, at in enumerate(positions):
        if at not in spec.linear:
            continue
        x = to_numpy(leaves[i])
        u = draw.values(x.shape, (0.5, 1.5))

        def moved(
            step: float, i: int = i, x: np.ndarray = x, u: np.ndarray = u
        ) -> list[np.ndarray]:
            changed = [
                _tensor(x + step * u, device) if k == i else y.detach()
                for k, y in enumerate(leaves)
            ]
            return [to_numpy(out) for out in _float_outputs(function(*changed))]

        still, once, twice = moved(0.0), moved(1.0), moved(2.0)
        outs = _with_graph(function(*leaves))
        ws = [draw.values(out.array.shape, (0.5, 1.5)) for out in outs]
        found = grad(outs, [leaves[i]], [_tensor(w, device) for w in ws], allow_unused=True)[0]
        g = np.zeros(x.shape) if found is None else to_numpy(found)
        what = f"{spec.name} in argument {at}"
        for a, b, c in zip(still, once, twice, strict=True):
            _agree(c - a, 2 * (b - a), f"{what} is not linear")
        forwards = sum(float((w * (b - a)).sum()) for w, a, b in zip(ws, still, once, strict=True))
        _agree(
            np.array(forwards),
            np.array((g * u).sum()),
            f"{what}: <w, J u> against <J^T w, u>",
            g.size,
        )


def composite(spec: OpSpec, draw: Draw, device: Device) -> None:
    """Of an op with several outputs, the composite defines the first few."""
    _need_float64(device)
    if spec.smooth:
        _both_ways(spec, spec.samples(draw), draw, device)
    placed, pairs = _both_ways(spec, (spec.smooth or spec.samples)(draw), draw, device)
    leaves = [x for x in _tensors(placed) if x.requires_grad]
    for out, definition in pairs:
        w = _tensor(draw.values(out.array.shape, (0.5, 1.5)), device)
        gradients = (grad([y], leaves, [w], True, allow_unused=True) for y in (out, definition))
        for x, g, wanted in zip(leaves, *gradients, strict=True):
            if (g is None) != (wanted is None):
                raise CheckError(
                    f"{spec.name}: only one of op and composite has a gradient for shape {x.shape}"
                )
            if g is not None:
                _agree(
                    g,
                    wanted,
                    f"{spec.name}: gradient of the fused op against that of its composite",
                )


def _both_ways(
    spec: OpSpec, arguments: Any, draw: Draw, device: Device
) -> tuple[list[Any], list[tuple[Tensor, Tensor]]]:
    """The arguments as tensors, and each output by the op and by its composite: equal ones."""
    placed = _leaves_of(spec, _place(arguments, draw, device, LAYOUTS))
    assert spec.composite is not None
    found, expected = _outputs(spec.op(*placed)), _outputs(spec.composite(*placed))
    pairs = list(zip(found, expected, strict=False))
    for out, definition in pairs:
        _close(spec, out, to_numpy(definition), "fused, against its composite")
    return placed, pairs


def points(spec: OpSpec, draw: Draw, device: Device) -> None:
    _need_float64(device)
    for at in spec.points:
        _check_point(spec, at, device)


def _check_point(spec: OpSpec, at: Point, device: Device) -> None:
    placed = _leaves_of(spec, _map(at.args, lambda x: _tensor(x, device)))
    leaves = [x for x in _tensors(placed) if x.requires_grad]
    out = _outputs(spec.op(*placed))[0]
    found = grad([out], leaves, [_tensor(np.ones(out.array.shape), device)])
    for k, (g, wanted) in enumerate(zip(found, at.gradients, strict=True)):
        assert_close(g, wanted, 1e-12, 1e-12, f"{spec.name}{tuple(at.args)}: gradient {k}")


def errors(spec: OpSpec, draw: Draw, device: Device) -> None:
    for failure in spec.errors:
        _check_failure(spec, failure, device)


def _check_failure(spec: OpSpec, failure: Failure, device: Device) -> None:
    narrow = FLOAT64 not in held(device.backend)
    placed = _map(
        failure.args,
        lambda x: _tensor(x.astype(np.float32) if narrow and x.dtype == FLOAT64 else x, device),
    )
    try:
        failure.call(*placed)
        device.backend.synchronize()
    except failure.error as error:
        if type(error) is not failure.error or not re.search(
            failure.pattern, str(error), re.DOTALL
        ):
            raise CheckError(
                f"{spec.name}: expected {failure.error.__name__} with '{failure.pattern}', got "
                f"{type(error).__name__}: {error}"
            ) from None
    except Exception as error:
        raise CheckError(
            f"{spec.name}: expected {failure.error.__name__}, got {type(error).__name__}: {error}"
        ) from error
    else:
        raise CheckError(
            f"{spec.name}({_describe(placed)}) raised nothing, expected {failure.error.__name__}"
        )
    for x, old in zip(_tensors(placed), _arrays(failure.args), strict=True):
        assert_close(x, old, 0.0, 0.0, f"{spec.name}: an input after the error")


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        forward, edges, layouts, untouched, gradient, second, alone, numbers, adjoint, composite,
        points, errors
    )
}  # fmt: skip


# -- arguments on a device


def _smooth_call(
    spec: OpSpec, draw: Draw, device: Device
) -> tuple[Callable[..., Any], list[Tensor], list[int]]:
    """The op as a function of its differentiable tensors, these tensors, and the argument each
    belongs to.
    """
    _need_float64(device)
    draw.dtype = FLOAT64
    # Not "expanded": repeated values would be ties.
    placed = _leaves_of(
        spec, _place((spec.smooth or spec.samples)(draw), draw, device, LAYOUTS[:-1])
    )
    leaves, positions = [], []
    for at, x in enumerate(placed):
        for member in _tensors([x]):
            if member.requires_grad:
                leaves.append(member)
                positions.append(at)

    def function(*tensors: Tensor) -> Any:
        replacement = {id(old): new for old, new in zip(leaves, tensors, strict=True)}
        return spec.op(*_map(placed, lambda x: replacement.get(id(x), x)))

    return function, leaves, positions


def _differentiable(spec: OpSpec, arguments: Any) -> list[int]:
    """The positions of the arguments that are given and have a gradient."""
    found = [i for i, x in enumerate(arguments) if any(a.dtype.kind == "f" for a in _arrays([x]))]
    return found if spec.differentiable is None else [i for i in spec.differentiable if i in found]


def _leaves_of(spec: OpSpec, placed: list[Any]) -> list[Any]:
    """placed, where the differentiable tensors require a gradient."""
    wanted = _differentiable(spec, placed)
    for i in wanted:
        for x in _tensors([placed[i]]):
            if x.array.dtype.kind == "f":
                x.requires_grad_()
    return placed


def _types(spec: OpSpec, device: Device) -> list[np.dtype]:
    """The types of values to try that the device has."""
    types = held(device.backend)
    return [dtype for dtype in spec.dtypes() if dtype in types]


def _need_float64(device: Device) -> None:
    if FLOAT64 not in held(device.backend):
        raise Skip(f"{device} has no float64, in which gradients are checked")


def _place(arguments: Any, draw: Draw, device: Device, allowed: Any) -> list[Any]:
    for x in arguments:
        if isinstance(x, np.dtype) and x not in held(device.backend):
            raise Skip(f"{device} has no {x}, to which this casts")

    def place(x: np.ndarray) -> Tensor:
        return wrap(lay(device.backend, x, draw.choice(allowed), draw.integer(0, 7)), device)

    return _map(arguments, place)


def _map(arguments: Any, change: Callable[[Any], Any]) -> list[Any]:
    """The arguments with `change` made to each array or tensor, in lists too."""
    return [
        change(x)
        if isinstance(x, np.ndarray | Tensor)
        else _map(x, change)
        if isinstance(x, list)
        else x
        for x in arguments
    ]


def _tensor(array: np.ndarray, device: Device) -> Tensor:
    return wrap(device.backend.from_host(np.array(array, order="C")), device)


def _tensors(arguments: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for x in arguments:
        found.extend(_tensors(x) if isinstance(x, list) else [x] if isinstance(x, Tensor) else [])
    return found


def _arrays(arguments: Any) -> list[Any]:
    """The arrays among the arguments, those of tensors included."""
    found: list[Any] = []
    for x in arguments:
        if isinstance(x, list):
            found.extend(_arrays(x))
        elif isinstance(x, np.ndarray | Tensor):
            found.append(x.array if isinstance(x, Tensor) else x)
    return found


def _outputs(result: Any) -> list[Tensor]:
    """The results that there are: a kernel's None, for what was not asked for, is none."""
    results = [result] if isinstance(result, Tensor) else list(result)
    return [out for out in results if out is not None and out.array is not None]


def _float_outputs(result: Any) -> list[Tensor]:
    return [out for out in _outputs(result) if out.array.dtype.kind == "f"]


def _with_graph(result: Any) -> list[Tensor]:
    return [out for out in _outputs(result) if out.node is not None]


def _agree(actual: Any, expected: Any, what: str, terms: int = 1) -> None:
    """Equal up to rounding in float64: the same sum in another order."""
    wanted = to_numpy(expected)
    size = max(float(np.abs(wanted).max(initial=0.0)), 1.0)
    assert_close(actual, wanted, 1e-10, 1e-12 * size * max(terms, 1), what)


def _describe(arguments: Any) -> str:
    return ", ".join(
        f"{x.dtype}{list(x.shape)}" if isinstance(x, Tensor)
        else f"[{_describe(x)}]" if isinstance(x, list) else repr(x)
        for x in arguments
    )  # fmt: skip
