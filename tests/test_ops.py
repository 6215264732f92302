"""Ops at the places where they are special: kinks, ties, several in one place, writes in place."""

import enum
import math

import numpy as np
import pytest

import minigrad
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.nn import functional as F


def check(actual, expected, dtype=None):
    np.testing.assert_array_equal(actual.detach().numpy(), np.asarray(expected))
    if dtype is not None:
        assert actual.dtype is dtype


def leaf(*values):
    return minigrad.tensor(values, dtype=minigrad.float64, requires_grad=True)


# -- elementwise


def test_powers_keep_the_type_of_pytorch():
    bools = minigrad.tensor([True, False])
    check(bools**2, [1, 0], minigrad.int64)
    check(minigrad.tensor([3], dtype=minigrad.int8) ** 2.0, [9], minigrad.float32)
    check(minigrad.tensor([3], dtype=minigrad.int8) ** 2, [9], minigrad.int8)


@pytest.mark.parametrize("name", ["pow", "floor_divide", "remainder", "fmod"])
def test_bools_are_not_counted_with(name):
    bools = minigrad.tensor([True, False])
    with pytest.raises(NotImplementedError, match=f"{name}.*bool"):
        getattr(minigrad, name)(bools, bools)
    with pytest.raises(NotImplementedError, match=f"{name}.*bool"):
        getattr(bools, name)(True)


def test_integers_are_close_within_the_tolerances():
    x, y = (minigrad.tensor(a, dtype=minigrad.uint8) for a in ([0, 255, 100], [1, 0, 103]))
    check(minigrad.isclose(x, y, atol=2), [True, False, False])
    check(minigrad.isclose(x, y, rtol=0.03, atol=0), [False, False, True])
    check(minigrad.isclose(x, y), [False, False, False])
    assert minigrad.allclose(minigrad.tensor([100]), minigrad.tensor([101]), atol=2)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_lerp_ends_where_it_should(weight):
    start, end = minigrad.tensor([1e8]), minigrad.tensor([1.0])
    expected = np.float32([1e8 + weight * (1 - 1e8)])
    for w in (weight, minigrad.tensor([weight])):
        np.testing.assert_allclose(minigrad.lerp(start, end, w).numpy(), expected, 1e-7)


def test_lerp_has_the_same_gradients_from_both_ends():
    start, end, weight = leaf(1.0, 1.0), leaf(3.0, 5.0), leaf(0.25, 0.75)
    minigrad.lerp(start, end, weight).sum().backward()
    check(start.grad, [0.75, 0.25])
    check(end.grad, [0.25, 0.75])
    check(weight.grad, [2, 4])


@pytest.mark.parametrize(("kind", "name"), [(float, "float64"), (int, "int64"), (bool, "bool")])
def test_types_of_python(kind, name):
    dtype = getattr(minigrad, name)
    assert minigrad.zeros(2, dtype=kind).dtype is dtype
    assert minigrad.tensor([1], dtype=kind).dtype is dtype
    assert minigrad.ones(1).to(kind).dtype is dtype


INTO = {
    "fill_": lambda x, value: x.fill_(value),
    "full": lambda x, value: minigrad.full((1,), value, dtype=x.dtype),
    "full_like": lambda x, value: minigrad.full_like(x, value),
    "masked_fill": lambda x, value: x.masked_fill(x > 0, value),
    "pad": lambda x, value: F.pad(x, (1, 0), value=value),
    "scatter": lambda x, value: x.scatter(0, minigrad.tensor([0]), value),
    "where": lambda x, value: minigrad.where(x < 0, x, value),
    "x[0]": lambda x, value: x.__setitem__(0, value),
    "x[mask]": lambda x, value: x.__setitem__(x > 0, value),
    "clamp": lambda x, value: x.clamp(max=value),
    "clamp_": lambda x, value: x.clamp_(min=value),
    "pow": lambda x, value: x**value,
    "alpha": lambda x, value: minigrad.add(x, x, alpha=value),
}


@pytest.mark.parametrize("name", INTO)
@pytest.mark.parametrize("value", [300, 1 << 40])
def test_a_number_that_does_not_fit_its_type(name, value):
    x = minigrad.tensor([1, 2], dtype=minigrad.uint8)
    with pytest.raises(RuntimeError, match=f"{value} cannot be converted to type uint8"):
        INTO[name](x, value)
    check(x, [1, 2])
    INTO[name](x, 255)


@pytest.mark.parametrize("name", ["fill_", "masked_fill", "pad", "clamp"])
def test_a_float_that_does_not_fit_its_type(name):
    x = minigrad.ones(2, dtype=minigrad.float16)
    for value in (65504.0, -65504.0, math.inf):
        INTO[name](x, value)
    with pytest.raises(RuntimeError, match="cannot be converted to type float16"):
        INTO[name](x, -1e9)
    INTO[name](x.float(), -1e9)


def test_negative_numbers_are_the_bits_of_unsigned_ones():
    check(minigrad.full((1,), -1, dtype=minigrad.uint8), [255], minigrad.uint8)
    check(minigrad.zeros(1, dtype=minigrad.uint8).fill_(-200), [56], minigrad.uint8)
    check(minigrad.tensor([1], dtype=minigrad.uint8) + 300, [45], minigrad.uint8)


def test_integers_of_more_than_64_bits():
    with pytest.raises(OverflowError, match="more than 64 bits"):
        minigrad.tensor([1]) + (1 << 70)
    with pytest.raises(RuntimeError, match="cannot be converted to type int64"):
        minigrad.full((1,), math.inf, dtype=minigrad.int64)


class Level(enum.IntEnum):
    ONE = 1


class Degrees(float):
    pass


RARE = [getattr(np, f"{kind}{bits}")(1) for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
RARE += [np.float16(1), np.longdouble(1), np.longlong(1), np.bool_(True), Level.ONE, Degrees(1)]


@pytest.mark.parametrize("one", RARE, ids=lambda one: type(one).__name__)
def test_numbers_of_every_type(one):
    x = minigrad.tensor([0, 1, 2], dtype=minigrad.int16)
    dtype = minigrad.float32 if isinstance(one, float | np.floating) else minigrad.int16
    check(x == one, [False, True, False], minigrad.bool)
    check(x != one, [True, False, True], minigrad.bool)
    check(x > one, [False, False, True], minigrad.bool)
    check(x + one, [1, 2, 3], dtype)
    check(one * x, [0, 1, 2], dtype)
    check(x**one, [0, 1, 2], dtype)
    check(minigrad.where(x > 1, x, one), [1, 1, 2], dtype)
    check(x.clamp(max=one), [0, 1, 1], dtype)
    check(x.float().add_(one), [1, 2, 3], minigrad.float32)
    x[0] = one
    check(x, [1, 1, 2], minigrad.int16)


@pytest.mark.parametrize("exponent", [-1, np.int64(-1), np.int16(-1)])
def test_integers_have_no_negative_integer_powers(exponent):
    with pytest.raises(RuntimeError, match="negative integer powers"):
        minigrad.tensor([1, 2]) ** exponent


def test_a_power_of_zero_has_the_slope_of_its_limit():
    y = leaf(1.0, 0.0, -2.0)
    (0**y).sum().backward()
    check(y.grad, [0, 0, -math.inf], minigrad.float64)


def test_atan2_has_no_slope_at_the_origin():
    y, x = leaf(0.0, 0.0), leaf(0.0, 1.0)
    minigrad.atan2(y, x).sum().backward()
    check(y.grad, [0, 1])
    check(x.grad, [0, 0])


def test_clamp_to_tensors_gives_ties_to_the_clamped():
    x, low, high = leaf(-1.0, 0.0, 1.0, 2.0), leaf(0.0), leaf(1.0)
    out = x.clamp(min=low, max=high)
    check(out, [0, 0, 1, 1])
    out.sum().backward()
    check(x.grad, [0, 1, 1, 0])
    check(low.grad, [1])
    check(high.grad, [1])
    nan = minigrad.tensor([math.nan, 1.0, 1.0])
    bounds = minigrad.tensor([0.0, math.nan, 0.0])
    check(nan.clamp(min=bounds), [math.nan, math.nan, 1])
    check(nan.clamp(max=bounds), [math.nan, math.nan, 0])


def test_relu_passes_the_gradient_of_nan_on():
    x = leaf(-1.0, math.nan)
    x.relu().sum().backward()
    check(x.grad, [0, 1])


def test_alpha_of_add_and_sub():
    x = minigrad.tensor([1, 2])
    check(minigrad.add(x, 3, alpha=2), [7, 8], minigrad.int64)
    check(minigrad.rsub(x, 3, alpha=2), [1, -1], minigrad.int64)
    check(x.clone().add_(x, alpha=2), [3, 6], minigrad.int64)
    bools = minigrad.tensor([True, False])
    check(minigrad.add(bools, bools, alpha=2), [True, False], minigrad.bool)
    with pytest.raises(RuntimeError, match="alpha must not be a floating point number"):
        minigrad.sub(x, x, alpha=1.5)
    with pytest.raises(RuntimeError, match="alpha must not be a floating point number"):
        x.add_(x, alpha=1.5)


def test_shifts_from_the_left_and_in_place():
    x = minigrad.tensor([1, 2])
    check(2 << x, [4, 8])
    check(8 >> x, [4, 2])
    x <<= 2
    x >>= 1
    check(x, [2, 4])


def test_a_type_that_an_op_has_not_changes_nothing():
    x = minigrad.ones(2)
    with pytest.raises(NotImplementedError, match=r"bitwise_and.*float32"):
        x.bitwise_and_(x)
    with pytest.raises(TypeError, match="float32"):
        ~x  # noqa: B018
    check(x, [1, 1])


# -- indexing


@pytest.mark.parametrize("shape", [(6, 1), (7, 2), (9, 5), (8, 3, 2)])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_unique_slices(shape, dim):
    values = np.random.default_rng(0).integers(0, 2, shape)
    expected = np.unique(values, True, True, True, axis=dim)
    out, inverse, counts = minigrad.tensor(values).unique(
        return_inverse=True, return_counts=True, dim=dim
    )
    check(out, expected[0])
    check(inverse, expected[2].reshape(-1))
    check(counts, expected[3])
    check(minigrad.index_select(out, dim, inverse), values)


def test_unique_slices_where_there_are_none():
    out, counts = minigrad.zeros(0, 3).unique(dim=0, return_counts=True)
    assert out.shape == (0, 3) and counts.shape == (0,)
    with pytest.raises(RuntimeError, match="0 sized dimensions"):
        minigrad.zeros(0, 3).unique(dim=1)


@pytest.mark.parametrize("axis", [0, 1])
def test_scatter_multiplies_by_every_factor(axis):
    rng = np.random.default_rng(1)
    x, src, index = rng.uniform(1, 2, (3, 4)), rng.uniform(1, 2, (3, 4)), rng.integers(0, 3, (3, 4))
    expected = x.copy()
    for at in np.ndindex(3, 4):
        to = (index[at], at[1]) if axis == 0 else (at[0], index[at])
        expected[to] *= src[at]
    out = minigrad.tensor(x).scatter_(
        axis, minigrad.tensor(index), minigrad.tensor(src), reduce="multiply"
    )
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-12)


def test_scatter_multiply_has_gradients():
    index = minigrad.tensor([0, 0, 2])
    minigrad.autograd.gradcheck(
        lambda x, src: x.scatter(0, index, src, reduce="multiply"),
        (leaf(1.0, 2.0, 3.0), leaf(2.0, 3.0, 4.0)),
    )


def test_repeats_alone_repeat_their_positions():
    check(minigrad.repeat_interleave(minigrad.tensor([1, 0, 2])), [0, 2, 2])


class Counting(NumpyBackend):
    """NumPy, but it counts the bytes that it makes."""

    made = 0

    def copy(self, x):
        self.made += x.nbytes
        return super().copy(x)

    def index_put(self, x, indices, values, accumulate, out=None):
        self.made += x.nbytes if out is None else 0
        return super().index_put(x, indices, values, accumulate, out)


@pytest.mark.parametrize("accumulate", [False, True])
def test_an_assignment_by_index_copies_nothing_else(monkeypatch, accumulate):
    backend = Counting()
    monkeypatch.setattr(minigrad.device("cpu"), "backend", backend)
    x, at = minigrad.zeros(1000), minigrad.tensor([3, 3])
    x[at] = 1.0
    x.index_put_((at,), minigrad.tensor(2.0), accumulate)
    x[100:][at] = 5.0
    assert backend.made == 0 and x._version == 3
    assert x.nonzero().flatten().tolist() == [3, 103]
    assert (x[3].item(), x[103].item()) == ((5.0 if accumulate else 2.0), 5.0)


class Careful(NumpyBackend):
    """NumPy, but it may not be given operands in the memory that it is to write to."""

    def index_put(self, x, indices, values, accumulate, out=None):
        operands = [values, *[index for index in indices if index is not None]]
        assert out is None or not any(np.shares_memory(out, y) for y in operands)
        return super().index_put(x, indices, values, accumulate, out)


def test_an_assignment_from_the_memory_that_it_writes_to(monkeypatch):
    monkeypatch.setattr(minigrad.device("cpu"), "backend", Careful())
    x = minigrad.arange(6)
    x[minigrad.tensor([1, 2, 3, 4, 5])] = x[:5]
    check(x, [0, 0, 1, 2, 3, 4])
    x = minigrad.tensor([1, 2, 0])
    x[x] = 2
    check(x, [2, 2, 2])
    x = minigrad.zeros(3)
    with pytest.raises(IndexError, match="out of bounds"):
        x[minigrad.tensor([0, 3])] = 1.0
    check(x, [0, 0, 0])


def test_an_assignment_by_index_that_autograd_must_see():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    z = y.exp()
    y[minigrad.tensor([0])] = 5.0
    (y * y).sum().backward()
    check(x.grad, [0, 4, 6])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y = x * 1
        z = (y * y).sum()
        with minigrad.no_grad():
            y[minigrad.tensor([0])] = 5.0
        z.backward()
    with pytest.raises(RuntimeError, match="single memory location"):
        minigrad.zeros(1).expand(3)[minigrad.tensor([0])] = 1.0


# -- half precision


def test_moments_of_many_halves():
    """What is summed on the way is larger than a float16 can be; the result is not."""
    x = minigrad.randn(300, 300).half().requires_grad_()
    wide = x.detach().float().requires_grad_()
    for name in ("var", "std", "mean", "norm"):
        x.grad = wide.grad = None
        found, expected = getattr(x, name)(), getattr(wide, name)()
        (found * 1000).backward()
        (expected * 1000).backward()
        for actual, exact in ((found, expected), (x.grad, wide.grad)):
            assert actual.dtype is minigrad.float16
            np.testing.assert_allclose(
                actual.detach().numpy(), exact.detach().numpy(), rtol=1e-3, atol=1e-6)
    x = minigrad.tensor([-1000.0, 1000.0]).half()
    check(x.std(unbiased=False), 1000.0, minigrad.float16)
