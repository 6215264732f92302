"""minigrad.testing.assert_close finds what torch.testing.assert_close finds, and says the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
import minigrad.testing

torch = pytest.importorskip("torch")
FLOATS = ["float16", "float32", "float64"]


def outcome(m, program):
    """None, or the kind and the text of the error."""
    try:
        return program(m)
    except Exception as error:
        return type(error), str(error).replace("torch.", "minigrad.")


CASES = {
    "equal": lambda m: ([1.0, 2.0], [1.0, 2.0], {}),
    "two places": lambda m: ([[1.0, 2.5], [2.5, 4.0]], [[1.0, 2.0], [0.5, 4.0]], {}),
    "given": lambda m: ([1.0, 2.5], [1.0, 2.0], {"rtol": 0.0, "atol": 0.25}),
    "exact": lambda m: ([1.0, 2.5], [1.0, 2.0], {"rtol": 0, "atol": 0}),
    "nan": lambda m: ([float("nan")], [float("nan")], {}),
    "equal nan": lambda m: ([float("nan"), 1.0], [float("nan"), 2.0], {"equal_nan": True}),
    "infinity": lambda m: ([float("inf"), 1.0], [float("inf"), 1.0], {}),
    "infinities": lambda m: ([float("inf")], [-float("inf")], {"rtol": 1, "atol": 1}),
    "integers": lambda m: ([1, 5], [1, 4], {}),
    "zero": lambda m: ([1, 5], [1, 0], {}),
    "bools": lambda m: ([True, False], [True, True], {}),
    "dtype": lambda m: ([1], [1.0], {}),
    "any dtype": lambda m: ([1], [1.0], {"check_dtype": False}),
    "shape": lambda m: ([1.0], [1.0, 2.0], {}),
    "no elements": lambda m: ([], [], {}),
    "message": lambda m: ([1.0], [2.0], {"msg": "mine"}),
    "changed message": lambda m: ([1.0], [2.0], {"msg": lambda text: f"Mine: {text}"}),
}


@pytest.mark.parametrize("name", CASES)
def test_tensors(name):
    def program(m):
        x, y, options = CASES[name](m)
        m.testing.assert_close(m.tensor(x), m.tensor(y), **options)

    assert outcome(minigrad, program) == outcome(torch, program)


@pytest.mark.parametrize(
    "program",
    [
        lambda m: m.testing.assert_close(m.tensor(2.5), m.tensor(2.0)),
        lambda m: m.testing.assert_close(2.5, 2.0),
        lambda m: m.testing.assert_close(2.5, 2.0, rtol=0, atol=1),
        lambda m: m.testing.assert_close(2.5, 0.0),
        lambda m: m.testing.assert_close(3, 2),
        lambda m: m.testing.assert_close(3, 3.0),
        lambda m: m.testing.assert_close(3, 3.0, check_dtype=False),
        lambda m: m.testing.assert_close(True, False),
        lambda m: m.testing.assert_close(None, None),
        lambda m: m.testing.assert_close(None, 3),
        lambda m: m.testing.assert_close([1.0, m.ones(2)], (1.0, m.ones(2))),
        lambda m: m.testing.assert_close([1.0, {"a": m.ones(2)}], [1.0, {"a": m.zeros(2)}]),
        lambda m: m.testing.assert_close([1.0], [1.0, 2.0]),
        lambda m: m.testing.assert_close({"b": 1, "a": 2}, {"a": 2, "c": 3}),
        lambda m: m.testing.assert_close(m.ones(2, 3), m.ones(3, 2).t(), check_stride=True),
        lambda m: m.testing.assert_close(m.ones(2, 3), m.ones(3, 2).t()),
        lambda m: m.testing.assert_close(m.nn.Parameter(m.ones(2)), m.ones(2)),
    ],
)
def test_numbers_and_containers(program):
    assert outcome(minigrad, program) == outcome(torch, program)


@pytest.mark.parametrize(
    "program",
    [
        lambda m: m.testing.assert_close(m.ones(2), [1.0, 1.0]),
        lambda m: m.testing.assert_close(m.ones(()), 1.0),
        lambda m: m.testing.assert_close("a", "a"),
        lambda m: m.testing.assert_close(m.ones(2), m.ones(2), rtol=1e-3),
        lambda m: m.testing.assert_close(
            m.nn.Parameter(m.ones(2)), m.ones(2), allow_subclasses=False
        ),
    ],
)
def test_what_cannot_be_compared(program):
    found, expected = outcome(minigrad, program), outcome(torch, program)
    assert expected is not None and found[0] is expected[0]


@given(
    dtype=st.sampled_from(FLOATS),
    y=st.sampled_from([1.0, 0.0, -300.0, 2.0**-7]),
    exponent=st.integers(1, 60),
    options=st.sampled_from([{}, {"rtol": 1e-3, "atol": 0}, {"rtol": 0, "atol": 1e-6}]),
)
def test_the_tolerances(dtype, y, exponent, options):
    def program(m):
        expected = m.tensor([y], dtype=getattr(m, dtype))
        m.testing.assert_close(expected + 2.0**-exponent, expected, **options)

    found, expected = outcome(minigrad, program), outcome(torch, program)
    assert (found is None) == (expected is None)
