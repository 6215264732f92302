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


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("tolerances", [{}, {"atol": 2}, {"rtol": 0.3, "atol": 0}])
def test_closeness(dtype, tolerances):
    def close(m):
        x, y = (m.tensor(a).to(getattr(m, dtype)) for a in ([0, 1, 3, 100], [0, 3, 0, 120]))
        return m.isclose(x, y, **tolerances).tolist()

    assert close(minigrad) == close(torch)


@pytest.mark.parametrize("weight", [-1.0, 0.0, 0.2, 0.5, 0.7, 1.0, 2.0])
def test_lerp(weight):
    def values(m):
        ends = m.tensor([1e8, 3.0]), m.tensor([1.0, -7.0])
        return [m.lerp(*ends, w).tolist() for w in (weight, m.tensor([weight, weight]))]

    np.testing.assert_allclose(values(minigrad), values(torch), 1e-7)


@pytest.mark.parametrize("kind", [bool, int, float])
def test_types_of_python(kind):
    for make in (lambda m: m.zeros(2, dtype=kind), lambda m: m.ones(2).to(kind)):
        assert str(make(minigrad).dtype) == str(make(torch).dtype).replace("torch", "minigrad")


INTO = {
    "fill_": lambda m, x, value: x.fill_(value),
    "full": lambda m, x, value: m.full((1,), value, dtype=x.dtype),
    "masked_fill": lambda m, x, value: x.masked_fill(x > 0, value),
    "scatter": lambda m, x, value: x.scatter(0, m.tensor([0]), value),
    "where": lambda m, x, value: m.where(x < 0, x, value),
    "set": lambda m, x, value: (x.__setitem__(0, value), x)[1],
    "clamp": lambda m, x, value: x.clamp(max=value),
    "add": lambda m, x, value: x + value,
    "pow": lambda m, x, value: x**value,
}


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "bool"])
@pytest.mark.parametrize("name", INTO)
def test_numbers_that_do_not_fit(name, dtype):
    def outcome(m, value):
        x = m.tensor([1, 1]).to(getattr(m, dtype))
        try:
            return INTO[name](m, x, value).tolist()
        except Exception as error:
            return type(error)

    for value in (300, -1, -200, -300, 1 << 40):
        assert outcome(minigrad, value) == outcome(torch, value), value
