"""Some 1,800 calls, each made in both libraries: values, types and shapes must agree, or the type
of the exception that is raised.

calls.txt holds them, a line each.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

LINES = Path(__file__).with_name("calls.txt").read_text().splitlines()
CALLS = [line for line in LINES if line and not line.startswith("#")]
TOLERANCE = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-9}


def drawn(m: Any) -> Any:
    """R of calls.txt: random numbers that depend on the shape and the seed alone."""

    def draw(*shape: int, lo: float = -2, hi: float = 2, seed: int = 0) -> Any:
        rng = np.random.default_rng(math.prod(shape) + 3 * len(shape) + seed)
        return m.tensor(rng.uniform(lo, hi, shape).astype(np.float32))

    return draw


def outcome(m: Any, call: str) -> Any:
    *statements, last = call.replace("\\n", "\n").replace(";", "\n").split("\n")
    names = {
        "m": m,
        "F": m.nn.functional,
        "R": drawn(m),
        "np": np,
        "inf": math.inf,
        "nan": math.nan,
    }
    lines = [line if line.startswith("  ") else line.strip() for line in statements]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec("\n".join(lines), names)
            return plain(eval(last.strip(), names))
    except Exception as error:
        return type(error)


def plain(x: Any) -> Any:
    """A result without its library: tensors as arrays, names of types and devices as strings."""
    if isinstance(x, torch.Tensor | minigrad.Tensor):
        return Found(x.detach().numpy(), x.requires_grad)
    if isinstance(x, np.ndarray):
        return Found(x, False)
    if isinstance(x, dict):
        return {key: plain(value) for key, value in x.items()}
    if isinstance(x, tuple | list):
        return [plain(member) for member in x]
    if isinstance(x, bool | int | float | str | type(None)):
        return x
    return repr(x).replace("torch", "minigrad")


class Found:
    """A tensor to compare."""

    def __init__(self, values: np.ndarray, requires_grad: bool):
        self.values, self.requires_grad = values, requires_grad


def agree(found: Any, expected: Any) -> None:
    if isinstance(expected, type):  # NotImplementedError is a RuntimeError
        assert isinstance(found, type) and issubclass(found, expected)
        return
    assert type(found) is type(expected)
    if isinstance(expected, Found):
        assert found.values.dtype == expected.values.dtype
        assert found.requires_grad == expected.requires_grad
        assert found.values.shape == expected.values.shape
        tolerance = TOLERANCE.get(expected.values.dtype.name, 0)
        np.testing.assert_allclose(found.values, expected.values, tolerance, tolerance)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            agree(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            agree(ours, theirs)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)
    elif isinstance(expected, str):
        assert found.replace("torch", "minigrad") == expected.replace("torch", "minigrad")
    else:
        assert found == expected


@pytest.mark.parametrize("call", CALLS)
def test_both_libraries_answer_alike(call):
    agree(outcome(minigrad, call), outcome(torch, call))


UNARY = """abs acos asin atan ceil cos cosh erf exp exp2 expm1 floor frac isfinite isinf isnan log
log10 log1p log2 logical_not nan_to_num neg reciprocal round rsqrt sigmoid sign sin sinh sqrt square
tan tanh trunc""".split()
BINARY = """add div eq floor_divide fmod ge gt le lt mul ne pow remainder sub bitwise_and bitwise_or
bitwise_xor""".split()
OPERANDS = {
    "float16": [-1.5, 2.0, 3.0, 0.5],
    "float32": [-1.5, 2.0, 3.0, 0.5],
    "float64": [-1.5, math.inf, math.nan, 2.0],
    "int64": [-3, 2, 1, 5],
    "uint8": [3, 2, 1, 200],
    "bool": [True, True, False, True],
}
# What PyTorch refuses, and minigrad computes: see DIFFERENCES.md.
WIDER = {("frac", "int64"), ("frac", "uint8")} | {
    (op, "bool") for op in ("abs", "floor", "ceil", "round", "trunc", "square")
}


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", OPERANDS)
def test_unary_ops_of_every_type(name, dtype):
    if (name, dtype) not in WIDER:
        call = f"m.{name}(m.tensor({OPERANDS[dtype]}, dtype=m.{dtype}))"
        test_both_libraries_answer_alike(call)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("first", OPERANDS)
def test_binary_ops_of_every_two_types(name, first):
    x = f"m.tensor({OPERANDS[first]}, dtype=m.{first})"
    for second, values in OPERANDS.items():
        positive = [abs(value) if name == "pow" else value for value in values]
        if name != "sub" or "bool" not in (first, second):
            call = f"m.{name}({x}, m.tensor({positive}, dtype=m.{second}))"
            test_both_libraries_answer_alike(call)
    for number in (2, 2.5, True):
        bools = (first == "bool") + (number is True)
        if bools < 2 and not (bools and name == "sub"):
            test_both_libraries_answer_alike(f"{x}.{name}({number})")
