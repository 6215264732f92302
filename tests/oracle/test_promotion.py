"""Types of results against PyTorch: every pair of types, every kind of operand."""

import itertools
import operator

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def operands(library):
    made = {("number", kind): kind(1) for kind in (bool, int, float)}
    for name, shape in itertools.product(NAMES, [(), (2,)]):
        made[name, shape] = library.ones(shape, dtype=getattr(library, name))
    return made


OURS, THEIRS = operands(minigrad), operands(torch)


@pytest.mark.parametrize("a", OURS, ids=str)
def test_result_type(a):
    for b in OURS:
        if a[0] == b[0] == "number":
            continue
        expected = str(torch.result_type(THEIRS[a], THEIRS[b])).replace("torch", "minigrad")
        assert str(minigrad.result_type(OURS[a], OURS[b])) == expected, (a, b)
        assert str((OURS[a] * OURS[b]).dtype) == expected, (a, b)
        quotient = str((THEIRS[a] / THEIRS[b]).dtype).replace("torch", "minigrad")
        assert str((OURS[a] / OURS[b]).dtype) == quotient, (a, b)


@pytest.mark.parametrize("name", "int8 int16 int32 int64 uint8 uint16 float16 float64".split())
@pytest.mark.parametrize("operation", [operator.eq, operator.mul, operator.gt, operator.pow])
def test_numbers_of_numpy(operation, name):
    number = getattr(np, name)(1)
    for kind in (int, float):
        ours, theirs = (operation(m.tensor([kind(0), kind(1)]), number) for m in (minigrad, torch))
        assert str(ours.dtype).replace("minigrad", "torch") == str(theirs.dtype)
        assert ours.tolist() == theirs.tolist()
