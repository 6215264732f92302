"""What tensors look like when printed."""

import math
from textwrap import dedent

import pytest

import minigrad

pytestmark = pytest.mark.cpu


@pytest.fixture(autouse=True)
def default_options():
    yield
    minigrad.set_printoptions(profile="default")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (1, "tensor(1)"),
        (1.5, "tensor(1.5000)"),
        ([True, False], "tensor([ True, False])"),
        ([1, -20, 300], "tensor([  1, -20, 300])"),
        ([1.0, 2.0], "tensor([1., 2.])"),
        ([1.0, 2.5, -3.0], "tensor([ 1.0000,  2.5000, -3.0000])"),
        ([1.0, math.inf, math.nan], "tensor([1., inf, nan])"),
        ([0.5, math.inf], "tensor([0.5000,    inf])"),
        ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
        ([1.0, 1e9], "tensor([1.0000e+00, 1.0000e+09])"),
        ([0.0, -0.0], "tensor([0., -0.])"),
        ([], "tensor([])"),
        ([[1.0, 2.0], [3.0, 4.0]], "tensor([[1., 2.],\n        [3., 4.]])"),
        ([[[1]], [[2]]], "tensor([[[1]],\n\n        [[2]]])"),
    ],
)
def test_numbers(data, text):
    assert repr(minigrad.tensor(data)) == text


def test_what_is_not_as_usual_is_said():
    assert repr(minigrad.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(minigrad.zeros(0, dtype=minigrad.int64)) == "tensor([], dtype=minigrad.int64)"
    assert repr(minigrad.ones(1, dtype=minigrad.float64)) == "tensor([1.], dtype=minigrad.float64)"
    x = minigrad.ones(1, requires_grad=True)
    assert repr(x) == "tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2.], grad_fn=<MulBackward0>)"


def test_long_lines_break_at_80_characters():
    expected = """\
        tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
                18, 19, 20, 21, 22, 23, 24])"""
    assert repr(minigrad.arange(25)) == dedent(expected)


def test_a_suffix_that_does_not_fit_goes_on_a_line_of_its_own():
    text = repr(minigrad.arange(16, dtype=minigrad.int32))
    assert text.endswith(", 15],\n       dtype=minigrad.int32)")


def test_more_than_a_thousand_elements_are_summarised():
    assert repr(minigrad.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    expected = """\
        tensor([[   0,    1,    2,  ...,   37,   38,   39],
                [  40,   41,   42,  ...,   77,   78,   79],
                [  80,   81,   82,  ...,  117,  118,  119],
                ...,
                [1480, 1481, 1482,  ..., 1517, 1518, 1519],
                [1520, 1521, 1522,  ..., 1557, 1558, 1559],
                [1560, 1561, 1562,  ..., 1597, 1598, 1599]])"""
    assert repr(minigrad.arange(1600).reshape(40, 40)) == dedent(expected)


def test_options():
    x = minigrad.tensor([1.23456, 1000.5])
    minigrad.set_printoptions(precision=2)
    assert repr(x) == "tensor([   1.23, 1000.50])"
    minigrad.set_printoptions(sci_mode=True)
    assert repr(x) == "tensor([1.23e+00, 1.00e+03])"
    minigrad.set_printoptions(profile="full")
    assert "..." not in repr(minigrad.arange(2000))
    minigrad.set_printoptions(profile="short")
    assert repr(minigrad.arange(2000)) == "tensor([   0,    1,  ..., 1998, 1999])"
    with pytest.raises(ValueError, match="profile is one of default, short, full"):
        minigrad.set_printoptions(profile="long")


def test_a_subclass_prints_its_name():
    class Image(minigrad.Tensor):
        pass

    assert repr(Image([1.0])) == "Image([1.])"


def test_named_results_print_tensors():
    x = minigrad.tensor([1.0, 2.0])
    assert str(x.max(0)) == "minigrad.return_types.max(\nvalues=tensor(2.),\nindices=tensor(1))"
    assert repr(x.aminmax()) == "minigrad.return_types.aminmax(\nmin=tensor(1.),\nmax=tensor(2.))"
    found = repr(minigrad.linalg.slogdet(minigrad.ones(1, 1)))
    assert found == (
        "minigrad.return_types.linalg_slogdet(\nsign=tensor(1.),\nlogabsdet=tensor(0.))"
    )
