"""PyTorch's own samples: every entry of its op_db, the table that PyTorch itself is tested from.

An entry has inputs for many types, and inputs that must raise. For each entry whose name minigrad
has, both libraries compute: values, types and shapes in float32, float64, int64 and bool, gradients
and second gradients in float64, and the type of every error.

op_db_gaps.txt lists what is not there or not right: `entry (aspects): reason`, or `entry: reason`
where there is no such name. It may only shrink: what is listed and passes fails here, and so does a
name that op_db has not.

    python tests/oracle/test_op_db.py [entries]   prints counts, and what fails in the entries named
    python tests/oracle/test_op_db.py --shrink    takes from the list what passes
"""

from __future__ import annotations

import contextlib
import functools
import random
import sys
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.nn import functional

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="op_db needs expecttest: pip install -e '.[oracle]'")
pytestmark = pytest.mark.oracle

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.utils._pytree import tree_map
# The import above forbids programs to set such flags as backends.cudnn.benchmark.
torch.backends.flags_frozen.__globals__["__allow_nonbracketed_mutation_flag"] = True

GAPS = Path(__file__).with_name("op_db_gaps.txt")
TYPES = {name: getattr(torch, name) for name in ("float32", "float64", "int64", "bool")}
TOLERANCE = {"float32": 3e-6, "float64": 1e-11, "float16": 1e-3}
SECOND = 100  # times as much, for second gradients
SMALL = 400  # elements, up to which a sample's gradients are compared

# What these return is random or whatever was in memory: only types and shapes can agree.
ARBITRARY = {
    "bernoulli", "multinomial", "normal", "rand_like", "randint", "randint_like", "randn",
    "randn_like", "uniform", "empty", "empty_like", "new_empty", "nn.functional.dropout",
    "nn.functional.dropout2d", "nn.functional.dropout3d", "nn.functional.alpha_dropout",
    "nn.functional.feature_alpha_dropout", "nn.functional.rrelu", "empty_strided",
    "new_empty_strided", "empty_permuted", "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool3d", "cauchy", "exponential", "geometric", "log_normal",
}  # fmt: skip
# Vectors whose signs are arbitrary: op_db says what of them is not.
UP_TO_SIGN = {"linalg.eigh", "linalg.svd", "svd"}
# Where equal elements compete, PyTorch promises no particular index.
PICKS = {"mode", "median", "nanmedian", "kthvalue", "topk", "sort", "min", "max"}


class Unconvertible(Exception):
    """A sample with something that minigrad has not: complex numbers, memory formats."""


# -- what minigrad has


def name_of(entry: Any) -> str:
    return f"{entry.name}/{entry.variant_test_name}" if entry.variant_test_name else entry.name


ENTRIES = {name_of(entry): entry for entry in op_db}


def ours(entry: Any) -> Callable[..., Any] | None:
    """minigrad's function for an entry, called as the entry's own `op`; None where it has none."""
    found: Any = minigrad
    if entry.name.startswith("nn.functional."):
        found = getattr(functional, entry.name.removeprefix("nn.functional."), None)
    else:
        for part in entry.name.split("."):
            found = getattr(found, part, None)
    if found is None or isinstance(found, types.ModuleType | type | minigrad.dtype):
        found = getattr(minigrad.Tensor, entry.name, None)
    if found is None:
        return None
    if isinstance(found, property):
        return found.fget
    op = entry.op
    if isinstance(op, types.FunctionType) and op.__module__.startswith("torch.testing"):
        return in_minigrad(op)
    return found


def in_minigrad(function: Any) -> Callable[..., Any]:
    """A function of PyTorch's test suite that says torch, and then means minigrad."""
    if not isinstance(function, types.FunctionType):
        return function
    names = {**function.__globals__, "torch": minigrad}
    made = types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


# -- from PyTorch to minigrad


def converted(x: Any, leaves: list[Any] | None = None) -> Any:
    """An argument for minigrad. Tensors keep their strides; those that require a gradient are
    appended to `leaves`, in the order of `tensors`.
    """
    if isinstance(x, torch.Tensor):
        return _tensor(x, leaves)
    if isinstance(x, torch.dtype):
        found = getattr(minigrad, str(x).removeprefix("torch."), None)
        if not isinstance(found, minigrad.dtype):
            raise Unconvertible(str(x))
        return found
    if isinstance(x, torch.device):
        return minigrad.device(str(x))
    if isinstance(x, complex | torch.memory_format | torch.Generator):
        raise Unconvertible(repr(x))
    if isinstance(x, torch.layout):
        if x is not torch.strided:
            raise Unconvertible(repr(x))
        return None
    if isinstance(x, slice):
        return slice(*(converted(part, leaves) for part in (x.start, x.stop, x.step)))
    if isinstance(x, dict):
        kept = {k: v for k, v in x.items() if not isinstance(v, torch.layout) or converted(v)}
        return {key: converted(value, leaves) for key, value in kept.items()}
    if isinstance(x, list | tuple):
        return type(x)(converted(member, leaves) for member in x) if type(x) in (list, tuple) else (
            tuple(converted(member, leaves) for member in x)
        )
    if isinstance(x, types.FunctionType):
        return in_minigrad(x)
    if isinstance(x, torch.nn.Module):
        return getattr(minigrad.nn, type(x).__name__)()
    return x


def _tensor(x: Any, leaves: list[Any] | None) -> Any:
    if x.device.type != "cpu":
        raise Unconvertible(str(x.device))
    if x.dtype not in SUPPORTED or x.layout is not torch.strided or x.dim() > 64:
        raise Unconvertible(f"{x.dtype} {x.layout}, {x.dim()} dimensions")
    out = minigrad.from_numpy(x.detach().numpy())
    if x.requires_grad:
        out.requires_grad_()
        if leaves is not None:
            leaves.append(out)
    return out


SUPPORTED = {
    torch.float16, torch.float32, torch.float64, torch.uint8, torch.int8, torch.int16,
    torch.int32, torch.int64, torch.bool,
}  # fmt: skip


def tensors(x: Any) -> Iterator[Any]:
    """The tensors of either library in nested arguments or results, in order."""
    if isinstance(x, torch.Tensor | minigrad.Tensor):
        yield x
    elif isinstance(x, list | tuple):
        for member in x:
            yield from tensors(member)
    elif isinstance(x, dict):
        for member in x.values():
            yield from tensors(member)


# -- comparing


def check_values(entry: Any, call: Callable[..., Any], sample: Any, found: Any) -> None:
    args = converted([sample.input, *sample.args])
    out = call(*args, **converted(sample.kwargs))
    if entry.name in UP_TO_SIGN:
        found = sample.output_process_fn_grad(found)
        out = in_minigrad(sample.output_process_fn_grad)(out)
    agree(entry, out, found)
    if entry.name in PICKS and isinstance(out, tuple) and sample.args:
        check_picked(args[0], out)


def agree(entry: Any, out: Any, expected: Any) -> None:
    if isinstance(expected, torch.Tensor):
        assert isinstance(out, minigrad.Tensor), f"{type(out).__name__}, expected a tensor"
        assert str(out.dtype)[9:] == str(expected.dtype)[6:], f"{out.dtype}: {expected.dtype}"
        assert tuple(out.shape) == tuple(expected.shape), f"{out.shape}: {expected.shape}"
        if entry.name not in ARBITRARY:
            close(out.detach().numpy(), expected.numpy(force=True))
    elif isinstance(expected, list | tuple):
        assert len(out) == len(expected), f"{len(out)} results, expected {len(expected)}"
        for i, (a, b) in enumerate(zip(out, expected, strict=True)):
            if i == 0 or entry.name not in PICKS or not isinstance(b, torch.Tensor):
                agree(entry, a, b)
    elif isinstance(expected, torch.dtype):
        assert str(out)[9:] == str(expected)[6:], f"{out}: {expected}"
    else:
        assert out == expected or (out != out and expected != expected), f"{out}: {expected}"


def check_picked(x: Any, out: Any) -> None:
    """The indices must lead to the values."""
    values, indices = out[0].detach().numpy(), out[1]
    assert indices.dtype is minigrad.int64 and indices.shape == out[0].shape
    x, indices = np.atleast_1d(x.detach().numpy()), np.atleast_1d(indices.numpy())
    if indices.ndim != x.ndim:
        return
    axis = next((i for i in range(x.ndim) if x.shape[i] != indices.shape[i]), None)
    if axis is not None:
        close(np.take_along_axis(x, indices, axis), values)


def close(out: np.ndarray, expected: np.ndarray, times: int = 1) -> None:
    """Relative to each element, and to the largest, which counts as at least 1: sums have errors in
    proportion to what they are sums of.
    """
    tolerance = TOLERANCE.get(str(expected.dtype), 0) * times
    size = np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0) if tolerance else 1.0
    np.testing.assert_allclose(out, expected, tolerance, tolerance * size)


def check_gradients(call: Callable[..., Any], entry: Any, sample: Any, second: bool) -> None:
    """The gradients of both libraries for the same random cotangents; and their gradients."""
    theirs = [x for x in tensors([sample.input, sample.args, sample.kwargs]) if x.requires_grad]
    leaves: list[Any] = []
    args = converted([sample.input, *sample.args], leaves)
    wrapper = entry.gradcheck_wrapper  # makes an input symmetric, say, where the op assumes it
    out = in_minigrad(wrapper)(call, *args, **converted(sample.kwargs, leaves))
    expected = wrapper(entry.op, sample.input, *sample.args, **sample.kwargs)
    expected = sample.output_process_fn_grad(expected)
    out = in_minigrad(sample.output_process_fn_grad)(out)
    for order in range(2 if second else 1):
        out, expected = gradients(order, out, expected, leaves, theirs, order == 0 and second)
        for a, b in zip(out, expected, strict=True):
            close(zeros_of(a), zeros_of(b), SECOND if order else 1)
        both = [(a, b) for a, b in zip(out, expected, strict=True) if a is not None is not b]
        out, expected = [a for a, _ in both], [b for _, b in both]


def zeros_of(g: Any) -> Any:
    """What to compare of a gradient: 0 for None, and its values."""
    return np.float64(0) if g is None else g.numpy(force=True)


def gradients(
    order: int, out: Any, expected: Any, leaves: Any, theirs: Any, create: bool
) -> tuple[Any, Any]:
    rng = np.random.default_rng(order)
    pairs = [
        (a, b) for a, b in zip(tensors(out), tensors(expected), strict=True)
        if b.requires_grad and b.dtype == torch.float64 and b.numel()
    ]  # fmt: skip
    if not pairs:
        return [None] * len(leaves), [None] * len(theirs)
    cotangents = [rng.uniform(0.5, 1.5, tuple(b.shape)) for _, b in pairs]
    # A gradient that depends on nothing is as good as one whose gradient is 0.
    followed = [
        (a, minigrad.tensor(c)) for (a, _), c in zip(pairs, cotangents, strict=True)
        if order == 0 or a.requires_grad
    ]  # fmt: skip
    mine = [None] * len(leaves) if not followed else minigrad.autograd.grad(
        [a for a, _ in followed], leaves, [c for _, c in followed],
        create_graph=create, retain_graph=True, allow_unused=True,
    )  # fmt: skip
    wanted = torch.autograd.grad(
        [b for _, b in pairs], theirs, [torch.tensor(c) for c in cotangents],
        create_graph=create, retain_graph=True, allow_unused=True,
    )  # fmt: skip
    return mine, wanted


# -- one entry


class Outcome:
    """What was tried for an entry, and the first failure of each aspect."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.skipped = 0
        self.failed: dict[str, str] = {}

    @contextlib.contextmanager
    def attempt(self, aspect: str, what: Any) -> Iterator[None]:
        try:
            yield
        except Unconvertible:
            self.skipped += 1
            return
        except Exception as error:
            text = f"{type(error).__name__}: {error}".strip()
            self.failed.setdefault(aspect, f"{describe(what)}\n{text}")
        self.tried[aspect] += 1


def describe(sample: Any) -> str:
    with contextlib.suppress(Exception):
        return str(sample.summary())
    return repr(sample)


def run(entry: Any, call: Callable[..., Any]) -> Outcome:
    outcome = Outcome()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, dtype in TYPES.items():
            if dtype in entry.dtypes:
                run_values(outcome, entry, call, name, dtype)
        if entry.supports_autograd and torch.float64 in entry.dtypes:
            run_gradients(outcome, entry, call)
        if entry.error_inputs_func is not None:
            run_errors(outcome, entry, call)
    return outcome


def samples(entry: Any, dtype: Any, requires_grad: bool) -> Iterator[Any]:
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    with contextlib.suppress(StopIteration):
        yield from entry.sample_inputs("cpu", dtype, requires_grad=requires_grad)


def run_values(outcome: Outcome, entry: Any, call: Any, name: str, dtype: Any) -> None:
    for sample in samples(entry, dtype, False):
        if sample.kwargs.get("dropout_p"):
            continue  # random
        found = entry.op(sample.input, *sample.args, **sample.kwargs)
        if any(x.is_complex() for x in tensors(found)):
            outcome.skipped += 1
            continue
        with outcome.attempt(name, sample):
            try:
                check_values(entry, call, sample, found)
            except AssertionError:
                if name != "float32":
                    raise
                check_values(entry, call, sample, in_float64(entry, sample))


def in_float64(entry: Any, sample: Any) -> Any:
    """PyTorch's float32 results as its float64 has them, which decides where it is off itself."""

    def changed(x: Any, from_: Any, to: Any) -> Any:
        return x.to(to) if isinstance(x, torch.Tensor) and x.dtype == from_ else x

    wide = sample.transform(lambda x: changed(x, torch.float32, torch.float64))
    found = entry.op(wide.input, *wide.args, **wide.kwargs)
    return tree_map(lambda x: changed(x, torch.float64, torch.float32), found)


def run_gradients(outcome: Outcome, entry: Any, call: Any) -> None:
    for sample in samples(entry, torch.float64, True):
        sizes = [x.numel() for x in tensors([sample.input, sample.args, sample.kwargs])]
        if entry.name in ARBITRARY or sum(sizes) > SMALL or sample.kwargs.get("dropout_p"):
            continue
        with outcome.attempt("gradient", sample):
            check_gradients(call, entry, sample, False)
        if entry.supports_gradgrad:
            with outcome.attempt("second", sample):
                check_gradients(call, entry, sample, True)


def run_errors(outcome: Outcome, entry: Any, call: Any) -> None:
    for wrong in entry.error_inputs("cpu"):
        sample = wrong.sample_input
        if "out" in sample.kwargs:
            outcome.skipped += 1
            continue
        if not raises(entry, sample):
            outcome.skipped += 1
            continue
        with outcome.attempt("errors", sample):
            args = converted([sample.input, *sample.args])
            kwargs = converted(sample.kwargs)
            try:
                call(*args, **kwargs)
            except wrong.error_type:
                pass
            else:
                raise AssertionError(f"raises nothing, expected {wrong.error_type.__name__}")


def raises(entry: Any, sample: Any) -> bool:
    """Whether PyTorch itself does: clamp_max takes the number that its sample says it refuses."""
    try:
        entry.op(sample.input, *sample.args, **sample.kwargs)
    except Exception:
        return True
    return False


# -- the list


@functools.cache
def gaps() -> dict[str, set[str]]:
    """The entries of op_db_gaps.txt, with their aspects; the empty set: the name is not there."""
    found: dict[str, set[str]] = {}
    for line in GAPS.read_text().splitlines():
        if line and not line.startswith("#"):
            key, _, reason = line.partition(": ")
            assert reason, f"no reason is given: {line}"
            name, _, aspects = key.partition(" (")
            assert name not in found, f"{name} is listed twice"
            found[name] = set(aspects.rstrip(")").split(", ")) - {""}
    return found


@pytest.mark.parametrize("name", ENTRIES)
def test_entry(name: str) -> None:
    entry = ENTRIES[name]
    call = ours(entry)
    listed = gaps().get(name)
    if call is None:
        assert listed == set(), f"minigrad has no {name}: list it in {GAPS.name}, with the reason"
        return
    outcome = run(entry, call)
    unlisted = {k: v for k, v in outcome.failed.items() if k not in (listed or ())}
    assert not unlisted, "\n\n".join(f"{name} ({k}): {v}" for k, v in unlisted.items())
    assert listed is None or listed, f"{name} is there: remove it from {GAPS.name}"
    right = (listed or set()) - set(outcome.failed)
    assert not right, f"{name} is right in {sorted(right)}: remove that from {GAPS.name}"


def test_every_gap_is_of_an_entry() -> None:
    assert sorted(set(gaps()) - set(ENTRIES)) == []


EVERYWHERE = {"float32", "float64", "int64", "bool", "gradient", "second"}
FAULTS = {
    "value": (lambda x: minigrad.sin(x) * (1 + 1e-5), EVERYWHERE),
    "type": (lambda x: minigrad.sin(x).half(), EVERYWHERE),
    "shape": (lambda x: minigrad.sin(x).unsqueeze(0), EVERYWHERE),
    "no gradient": (lambda x: minigrad.sin(x.detach()) + 0 * x, {"gradient", "second"}),
    "no second gradient": (
        lambda x: minigrad.sin(y := x.detach()) + (1.0 * x - y) * minigrad.cos(y), {"second"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    wrong, aspects = FAULTS[fault]
    assert set(run(ENTRIES["sin"], wrong).failed) == aspects


def test_an_error_that_is_not_raised_is_found() -> None:
    assert "errors" in run(ENTRIES["narrow"], lambda x, *args: x).failed


def shrink() -> None:
    """Rewrites the list without what passes. Nothing is added: what fails anew is a fault."""
    kept = []
    for line in GAPS.read_text().splitlines():
        key, _, reason = line.partition(": ")
        name = key.partition(" (")[0]
        call = ours(ENTRIES[name]) if name in ENTRIES else None
        if call is not None:
            failed = set(run(ENTRIES[name], call).failed)
            failed &= gaps()[name] or failed
            line = f"{name} ({', '.join(sorted(failed))}): {reason}" if failed else ""
        kept += [line] if line else []
    GAPS.write_text("\n".join(kept) + "\n")


def main(words: list[str]) -> None:
    """Prints how many entries are there and right, and how many samples were compared."""
    present, right, tried, skipped = 0, 0, Counter[str](), 0
    for name, entry in ENTRIES.items():
        call = ours(entry)
        if call is None or (words and not any(name == word for word in words)):
            continue
        outcome = run(entry, call)
        present += 1
        right += not outcome.failed
        tried += outcome.tried
        skipped += outcome.skipped
        for aspect, text in outcome.failed.items():
            print(f"{name} ({aspect}): {text if words else ' '.join(text.split())[:300]}")
    print(f"{len(ENTRIES)} entries, {present} there, {right} right in all; tried: {dict(tried)}, ")
    print(f"{sum(tried.values())} samples in all, {skipped} skipped: minigrad lacks their types")


if __name__ == "__main__":
    shrink() if sys.argv[1:] == ["--shrink"] else main(sys.argv[1:])
