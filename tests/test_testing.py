"""The checkers are checked: each fault planted here must be caught, and what is right must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.autograd.primitive import elementwise, primitive, table
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.tensor import wrap
from minigrad.testing import checks, conformance, draws, specs, strategies
from minigrad.testing.close import CheckError, assert_close
from minigrad.testing.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minigrad.testing.specs import Failure, OpSpec, Point

Plant = Callable[..., Callable[..., Any]]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Declares a primitive anew, with other rules, for the length of a test."""

    def declare(kind: Callable[..., Any], name: str, spec: str, **rules: Any) -> Callable[..., Any]:
        monkeypatch.delitem(table, name)
        return kind(name, spec, **rules)

    return declare


def double(values: Any) -> minigrad.Tensor:
    return minigrad.tensor(values, dtype=minigrad.float64, requires_grad=True)


def x() -> minigrad.Tensor:
    return double([0.5, -1.5, 2.25])


def spec_of(
    op: Callable[..., Any], ref: Callable[..., Any], operands: int = 1, **facts: Any
) -> OpSpec:
    """A spec whose op is called on arrays of one shape, with values from 0.5 to 2."""

    def samples(draw: draws.Draw) -> tuple[Any, ...]:
        shape = draw.shape(1, 2, 1)
        return tuple(draw.values(shape, (0.5, 2.0)) for _ in range(operands))

    return OpSpec("planted", op, ref, samples, **facts)


def caught(spec: OpSpec, check: str, words: str) -> None:
    """The named check must find the fault, and say so in these words."""
    assert check in checks.applicable(spec)
    with pytest.raises(CheckError, match=words):
        for seed in range(10):
            checks.CHECKS[check](spec, draws.Seeded(seed), minigrad.device("cpu"))


# -- assert_close


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.1]),
        ([1.0], [[1.0]]),
        ([np.nan], [0.0]),
        ([0.0], [np.nan]),
        ([np.inf], [1e308]),
        ([np.inf], [-np.inf]),
        ([1, 2], [1, 3]),
        ([True], [False]),
        ([], [1.0]),
    ],
)
def test_assert_close_refuses(actual: Any, expected: Any) -> None:
    with pytest.raises(CheckError):
        assert_close(np.array(actual), np.array(expected), rtol=1e-3, atol=1e-3)


def test_assert_close_accepts_what_is_close() -> None:
    assert_close(np.array([1.0, np.nan, np.inf]), [1.0005, np.nan, np.inf], rtol=1e-3, atol=0)
    assert_close(minigrad.ones(2), np.ones(2), rtol=0, atol=0)


def test_assert_close_names_the_worst_element() -> None:
    with pytest.raises(
        CheckError, match=r"sum: 2 of 3 elements differ, most at \(2,\): got 5.0, expected 3.0"
    ):
        assert_close([1.0, 2.5, 5.0], [1.0, 2.0, 3.0], rtol=0, atol=0.1, what="sum")


# -- gradcheck


@pytest.mark.parametrize("elementwise_", [False, True])
def test_wrong_factor(plant: Plant, elementwise_: bool) -> None:
    square = plant(elementwise, "square", "x", x=lambda g, x: g * (2.001 * x))
    with pytest.raises(GradcheckError, match=r"input 0"):
        gradcheck(square, (x(),), elementwise=elementwise_)


def test_right_factor(plant: Plant) -> None:
    square = plant(elementwise, "square", "x", x=lambda g, x: g * (2 * x))
    assert gradcheck(square, (x(),)) is True
    assert gradgradcheck(square, (x(),)) is True


def test_wrong_second_order(plant: Plant) -> None:
    """The gradient is right; the gradient of the gradient takes x for a constant."""
    square = plant(elementwise, "square", "x", x=lambda g, x: g * (2 * x.detach()))
    assert gradcheck(square, (x(),))
    with pytest.raises(GradcheckError, match=r"input 0"):
        gradgradcheck(square, (x(),))


def test_second_order_off_by_a_factor(plant: Plant) -> None:
    wrong = plant(elementwise, "cos", "x", x=lambda g, x: g * -x.sin() * 1.001)
    sin = plant(elementwise, "sin", "x", x=lambda g, x: g * wrong(x))
    assert gradcheck(sin, (x(),))
    with pytest.raises(GradcheckError):
        gradgradcheck(sin, (x(),))


def test_dropped_gradient() -> None:
    with pytest.raises(GradcheckError, match="input 1"):
        gradcheck(lambda x, y: x * y.detach(), (x(), x()))


def test_dropped_term() -> None:
    with pytest.raises(GradcheckError, match=r"input 0"):
        gradcheck(lambda x: x * x.detach(), (x(),))


def test_one_wrong_element() -> None:
    mask = minigrad.tensor([1.0, 1.0, 0.0], dtype=minigrad.float64)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x * mask + x.detach() * (1 - mask), (x(),))


def test_elementwise_names_the_element() -> None:
    mask = minigrad.tensor([1.0, 1.0, 0.0], dtype=minigrad.float64)
    with pytest.raises(
        GradcheckError, match=r"1 of 3 elements differ, most at \(2,\): got -?0.0, "
    ):
        gradcheck(lambda x: x * mask + x.detach() * (1 - mask), (x(),), elementwise=True)


def test_gradients_of_two_inputs_swapped(plant: Plant) -> None:
    mul = plant(elementwise, "mul", "x y", x=lambda g, x: g * x, y=lambda g, y: g * y)
    with pytest.raises(GradcheckError):
        gradcheck(mul, (x(), double([3.0, 1.0, 0.5])))


def test_missing_unbroadcast(plant: Plant) -> None:
    add = plant(primitive, "add", "x y", x=lambda g: g, y=lambda g: g)
    with pytest.raises(
        GradcheckError, match=r"gradient of input 1 has shape \(2, 3\).*input has \(3,\)"
    ):
        gradcheck(add, (double(np.ones((2, 3))), x()))


def test_constant_function_proves_nothing() -> None:
    with pytest.raises(GradcheckError, match="proves nothing"):
        gradcheck(lambda x: x.floor(), (x(),))
    assert gradcheck(lambda x: x.floor(), (x(),), zero={0})


def test_gradient_too_small_to_see() -> None:
    """exp(x - 200) is 0 for every purpose: both the right gradient and none at all would pass."""
    with pytest.raises(GradcheckError, match="proves nothing"):
        gradcheck(lambda x: (x - 200).exp() + 1, (x(),))
    with pytest.raises(GradcheckError, match="proves nothing"):
        gradcheck(lambda x: (x.detach() - 200).exp() + 1 + x * 0, (x(),))


def test_no_graph() -> None:
    with pytest.raises(GradcheckError, match="no output requires a gradient"):
        gradcheck(lambda x: x.detach() * 2, (x(),))


def test_mutated_input() -> None:
    def function(x: minigrad.Tensor, y: minigrad.Tensor) -> minigrad.Tensor:
        out = x * 2
        y.add_(1e-9)
        return out * y.detach()

    y = minigrad.ones(3, dtype=minigrad.float64)
    with pytest.raises(GradcheckError, match=r"differs between two calls|input 1 .* was changed"):
        gradcheck(function, (x(), y))


@pytest.mark.cpu
def test_input_mutated_by_the_backward_pass(plant: Plant) -> None:
    def rule(g: Any, x: Any) -> Any:
        x.array[0] = 0.25
        return g * np.e

    exp = plant(elementwise, "exp", "x", x=rule)
    with pytest.raises(GradcheckError, match=r"input 0 .* was changed"):
        gradcheck(exp, (double([1.0, 1.0]),))


def test_gradient_for_who_wanted_none() -> None:
    y = minigrad.ones(3, dtype=minigrad.float64)

    def function(x: minigrad.Tensor, y: minigrad.Tensor) -> minigrad.Tensor:
        y.grad = minigrad.ones(3, dtype=minigrad.float64)
        return x * y

    with pytest.raises(GradcheckError, match="input 1 does not require a gradient"):
        gradcheck(function, (x(), y))


def test_random_function() -> None:
    with pytest.raises(GradcheckError, match=r"differs between two calls"):
        gradcheck(lambda x: x * minigrad.rand(3, dtype=minigrad.float64), (x(),))


def test_kink_is_not_taken_for_a_derivative() -> None:
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x.abs(), (double([0.0001, 1.0]),))


def test_float32_is_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        gradcheck(lambda x: x * x, (minigrad.ones(2, requires_grad=True),))


def test_nothing_to_check() -> None:
    with pytest.raises(ValueError, match="requires_grad_"):
        gradcheck(lambda x: x * x, (minigrad.ones(2, dtype=minigrad.float64),))


def test_several_outputs_and_other_arguments() -> None:
    assert gradcheck(lambda x, n, y: (x * n, x * y, (x > 0)), (x(), 3, x()))
    with pytest.raises(GradcheckError, match="input 2"):
        gradcheck(lambda x, n, y: (x * n, x * y, y.detach() * 2), (x(), 3, x()))


# -- the checks of specs


def test_a_right_spec_passes() -> None:
    spec = spec_of(lambda x, y: x * y, np.multiply, 2, linear=(0, 1), kinds="fi")
    assert set(checks.run(spec)) == {
        "forward",
        "edges",
        "layouts",
        "untouched",
        "gradient",
        "second",
        "alone",
        "adjoint",
    }


def test_forward_catches_a_wrong_value() -> None:
    caught(spec_of(lambda x: x.exp() + 1e-5, np.exp), "forward", "elements differ")


def test_forward_catches_a_wrong_value_in_one_type() -> None:
    def op(x: minigrad.Tensor) -> minigrad.Tensor:
        return x.abs() if x.dtype is minigrad.int8 else x * 2

    caught(spec_of(op, lambda x: x * 2, kinds="fi"), "forward", "elements differ")


def test_forward_catches_a_wrong_type() -> None:
    caught(
        spec_of(lambda x: x.double() * 2, lambda x: x * 2),
        "forward",
        "dtype float64, expected float32",
    )


def test_forward_catches_a_wrong_shape() -> None:
    caught(spec_of(lambda x: x.sum(), lambda x: x.sum(keepdims=True)), "forward", "shape")


def test_edges_catch_a_wrong_empty_sum() -> None:
    def op(x: minigrad.Tensor) -> minigrad.Tensor:
        return x.sum() if x.numel() else x.sum() + 1

    spec = OpSpec("planted", op, np.sum, lambda draw: (draw.values(draw.shape()),))
    caught(spec, "edges", "got 1.0, expected 0.0")


def test_layouts_catch_a_kernel_that_ignores_strides() -> None:
    def op(x: minigrad.Tensor) -> minigrad.Tensor:
        memory = np.asarray(x.array)
        while memory.base is not None and isinstance(memory.base, np.ndarray):
            memory = memory.base
        return wrap(np.resize(memory.ravel(), x.array.shape) * 2, x.device)

    caught(spec_of(op, lambda x: x * 2, differentiable=()), "layouts", "memory layout")


def test_untouched_catches_a_mutated_input() -> None:
    def op(x: minigrad.Tensor) -> minigrad.Tensor:
        out = x * 2
        if not x.array.flags.writeable:
            return out
        x.array[...] += 1
        return out

    caught(spec_of(op, lambda x: x * 2, differentiable=()), "untouched", "changed an input")


def test_gradient_catches_a_wrong_rule(plant: Plant) -> None:
    exp = plant(elementwise, "exp", "x", x=lambda g, out: g * out * 1.0005)
    caught(spec_of(exp, np.exp), "gradient", "is wrong")


def test_second_catches_a_detached_rule(plant: Plant) -> None:
    exp = plant(elementwise, "exp", "x", x=lambda g, out: g * out.detach())
    caught(spec_of(exp, np.exp), "second", "is wrong")


@pytest.mark.parametrize(
    "slope_at_number",
    [
        lambda x, y: x if y == 2 else y * x ** (y - 1),  # has lost a factor
        lambda x, y: y * x.detach() ** (y - 1),  # is right, but for its own gradient
    ],
)
def test_numbers_catch_a_wrong_rule_for_a_number(plant: Plant, slope_at_number: Any) -> None:
    def slope(x: Any, y: Any) -> Any:
        return y * x ** (y - 1) if isinstance(y, minigrad.Tensor) else slope_at_number(x, y)

    power = plant(elementwise, "pow", "x y", x=lambda g, x, y: g * slope(x, y), y=lambda g: g)
    spec = spec_of(power, np.power, 2, differentiable=(0,), numbers=(1,))
    caught(spec, "numbers", "with .* for operand 1")


def test_numbers_catch_a_wrong_value() -> None:
    def op(x: Any, y: Any) -> Any:
        return x * y if isinstance(y, minigrad.Tensor) else x * y * 1.001

    caught(spec_of(op, np.multiply, 2, numbers=(1,)), "numbers", "with .* for operand 1")


def test_gradient_catches_a_domain_where_nothing_varies() -> None:
    caught(
        spec_of(lambda x: x.clamp(5.0, 6.0), lambda x: np.clip(x, 5, 6)),
        "gradient",
        "nothing is tested",
    )


def test_flat_is_no_excuse_for_a_wrong_second_derivative(plant: Plant) -> None:
    square = plant(elementwise, "square", "x", x=lambda g, x: g * (2 * x.detach()))
    caught(spec_of(square, np.square, flat=(0,)), "second", "is wrong")


def test_zero_is_no_excuse_for_a_dropped_gradient() -> None:
    spec = spec_of(lambda x, y: x * y.detach(), np.multiply, 2, zero=(1,))
    caught(spec, "gradient", "input 1")


def test_alone_catches_a_joint_rule_that_mixes_up_who_needs(plant: Plant) -> None:
    def rule(g: Any, needs: Any, x: Any, y: Any) -> Any:
        found = [g * y if needs[0] else None, g * x if all(needs) else g * y]
        return tuple(found)

    mul = plant(primitive, "mul", "x y", grads=rule)
    caught(spec_of(mul, np.multiply, 2), "alone", "gradient of argument 1 alone")


def test_adjoint_catches_a_pair_that_is_none(plant: Plant) -> None:
    """flip along one axis, pulled back along no axis."""
    flip = plant(primitive, "flip", "x | axes", x=lambda g: g)
    spec = OpSpec(
        "planted", flip, np.flip, lambda draw: (draw.values(draw.shape(1, 2, 2)), (0,)), linear=(0,)
    )
    caught(spec, "adjoint", "J u")


def test_adjoint_catches_what_is_not_linear() -> None:
    caught(spec_of(lambda x: x * x, np.square, linear=(0,)), "adjoint", "not linear")


def test_composite_catches_a_difference_in_value() -> None:
    spec = spec_of(lambda x: x.exp(), np.exp, composite=lambda x: x.expm1() + 1.001)
    caught(spec, "composite", "against its composite")


def test_composite_catches_a_difference_that_gradients_are_not_tried_at() -> None:
    def at_zero(draw: draws.Draw) -> tuple[Any, ...]:
        return (np.zeros(2),)

    def wrong(x: minigrad.Tensor) -> minigrad.Tensor:
        return x.abs() + (x == 0)

    op = spec_of(lambda x: x.abs(), np.abs)
    spec = OpSpec("planted", op.op, op.ref, at_zero, smooth=op.samples, composite=wrong)
    caught(spec, "composite", "against its composite")


def test_composite_catches_a_difference_in_gradient() -> None:
    spec = spec_of(
        lambda x: x.exp(), np.exp, composite=lambda x: x.exp() + 0.001 * (x - x.detach())
    )
    caught(spec, "composite", "gradient of the fused op")


def test_points_catch_another_convention() -> None:
    at = Point((np.array([0.0]),), (np.array([0.0]),))
    caught(spec_of(lambda x: x.maximum(x * 0), np.maximum, points=(at,)), "points", "gradient 0")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: x, "raised nothing"),
        (lambda x: x.view(7), "expected IndexError"),
        (lambda x: x[12], "expected IndexError with 'banana'"),
    ],
)
def test_errors_catch_what_is_not_raised(call: Callable[..., Any], words: str) -> None:
    failure = Failure(call, (np.ones(3),), IndexError, "banana")
    caught(spec_of(lambda x: x, lambda x: x, errors=(failure,)), "errors", words)


def test_errors_catch_a_changed_input() -> None:
    def call(x: minigrad.Tensor) -> None:
        x.zero_()
        raise IndexError("banana")

    failure = Failure(call, (np.ones(3),), IndexError, "banana")
    caught(
        spec_of(lambda x: x, lambda x: x, errors=(failure,)), "errors", "an input after the error"
    )


RULES = [
    (name, k)
    for name, op in table.items()
    for k in range(len(op.differentiable))
    if name in specs.table and k not in specs.table[name].zero
    and op.inputs.index(op.differentiable[k]) in (specs.table[name].differentiable or (k,))
]  # fmt: skip


@pytest.mark.parametrize(("name", "k"), RULES)
def test_every_rule_is_watched(name: str, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule of the table, made wrong by one part in a thousand, fails the spec of its op."""
    op = table[name]
    if op.grads is None:
        right = op.calls[k]
        faulty = lambda g, values: right(g, values) * 1.001
        monkeypatch.setattr(op, "calls", (*op.calls[:k], faulty, *op.calls[k + 1 :]))
    else:
        joint = op.grads

        def faulty_joint(g: Any, needs: Any, *kept: Any) -> Any:
            found = list(joint(g, needs, *kept))
            return [gx * 1.001 if gx is not None and i == k else gx for i, gx in enumerate(found)]

        monkeypatch.setattr(op, "grads", faulty_joint)
    caught(specs.table[name], "gradient", "is wrong")


# -- conformance


class DropsNaN(NumpyBackend):
    name = "planted"

    def max(self, x: Any, axes: Any, keepdims: bool) -> Any:
        return np.fmax.reduce(x, axes, keepdims=keepdims)


class Overwrites(NumpyBackend):
    name = "planted"

    def exp(self, x: Any, out: Any = None) -> Any:
        return np.exp(
            x, out=x if out is None and x.flags.writeable else ... if out is None else out
        )


class ForgetsOut(NumpyBackend):
    name = "planted"

    def add(self, x: Any, y: Any, out: Any = None) -> Any:
        return np.add(x, y)


class IgnoresStrides(NumpyBackend):
    name = "planted"

    def neg(self, x: Any, out: Any = None) -> Any:
        memory = x if x.base is None or not isinstance(x.base, np.ndarray) else x.base
        result = -np.resize(memory.ravel(), x.shape)
        return np.copyto(out, result) or out if out is not None else result


class Unstable(NumpyBackend):
    name = "planted"

    def sort(self, x: Any, axis: int, descending: bool) -> Any:
        values, indices = super().sort(x, axis, descending)
        return (
            (values, np.flip(np.argsort(np.flip(x, axis), axis), axis))
            if x.ndim == 2
            else (values, indices)
        )


class Truncates(NumpyBackend):
    name = "planted"

    def matmul(self, x: Any, y: Any) -> Any:
        if x.dtype != np.float64:
            return super().matmul(x, y)
        return super().matmul(x.astype(np.float32), y.astype(np.float32)).astype(np.float64)


class LastOfTies(NumpyBackend):
    name = "planted"

    def argmax(self, x: Any, axis: int, keepdims: bool) -> Any:
        if x.ndim == 0 or x.dtype.kind != "f":
            return super().argmax(x, axis, keepdims)
        last = x.shape[axis] - 1 - np.argmax(np.flip(x, axis), axis, keepdims=keepdims)
        return np.asarray(last)


class WrapsIndices(NumpyBackend):
    name = "planted"

    def gather(self, x: Any, axis: int, index: Any) -> Any:
        return (
            super().gather(x, axis, index % max(x.shape[axis], 1))
            if x.ndim
            else super().gather(x, axis, index)
        )


class CopiesView(NumpyBackend):
    name = "planted"

    def permute(self, x: Any, axes: Any) -> Any:
        return np.transpose(x, axes).copy()


class AddsOnce(NumpyBackend):
    name = "planted"

    def scatter_add(self, x: Any, axis: int, index: Any, src: Any) -> Any:
        out = x.copy()
        if x.ndim != 1:
            return super().scatter_add(x, axis, index, src)
        out[index] += src
        return out


class OtherStream(NumpyBackend):
    name = "planted"

    def uniform(self, seed: Any, offset: Any, shape: Any, dtype: Any) -> Any:
        return super().uniform(seed, offset + 1, shape, dtype)


class ForgetsDecay(NumpyBackend):
    name = "planted"

    def adam_(self, *args: Any) -> None:
        super().adam_(*args[:8], 0.0, *args[9:])


class LosesTheTail(NumpyBackend):
    name = "planted"

    def mul(self, x: Any, y: Any, out: Any = None) -> Any:
        result = super().mul(x, y, out)
        if result.ndim == 1 and result.size > 100_000:
            result[-1] = 0
        return result


class WrongType(NumpyBackend):
    name = "planted"

    def eq(self, x: Any, y: Any, out: Any = None) -> Any:
        return super().eq(x, y, out) if out is not None else super().eq(x, y).astype(np.int8)


@pytest.mark.parametrize(
    ("faulty", "kernel", "case"),
    [
        (DropsNaN, "max", "max-nan_and_ties-float32"),
        (Overwrites, "exp", "exp-values-float64"),
        (ForgetsOut, "add", "add-out-float64"),
        (IgnoresStrides, "neg", "neg-values-float64"),
        (Unstable, "sort", "sort-nan_and_ties-float64"),
        (Truncates, "matmul", "matmul-large-float64"),
        (LastOfTies, "argmax", "argmax-nan_and_ties-float64"),
        (WrapsIndices, "gather", "gather-out_of_range-float64"),
        (CopiesView, "permute", "permute-shares_memory-float64"),
        (AddsOnce, "scatter_add", "scatter_add-duplicates-float64"),
        (OtherStream, "uniform", "uniform-bits-float32"),
        (ForgetsDecay, "adam_", "adam_-steps-float64"),
        (LosesTheTail, "mul", "mul-large-float64"),
        (WrongType, "eq", "eq-values-float64"),
    ],
)
def test_conformance_catches(faulty: type[NumpyBackend], kernel: str, case: str) -> None:
    failed = [name for name, _ in conformance.check_backend(faulty(), [kernel]).failed]
    assert case in failed
    assert conformance.check_backend(NumpyBackend(), [kernel]).failed == []


class NoHalves(NumpyBackend):
    name = "planted"

    def full(self, shape: Any, value: Any, dtype: Any) -> Any:
        if dtype == np.float16:
            raise TypeError("planted has no float16; use float32")
        return super().full(shape, value, dtype)


def test_conformance_skips_a_refused_type_and_counts_it() -> None:
    report = conformance.check_backend(NoHalves(), ["exp"])
    assert report.failed == []
    assert {name.rpartition("-")[2] for name, _ in report.skipped} == {"float16"}
    assert str(report) == f"{report.passed} passed, 0 failed, {len(report.skipped)} skipped"


class CannotFill(NumpyBackend):
    name = "planted"

    def full(self, *args: Any) -> Any:
        raise TypeError("full() takes 2 positional arguments")


def test_conformance_takes_a_broken_backend_for_no_excuse() -> None:
    report = conformance.check_backend(CannotFill(), ["exp"])
    assert report.passed == 0 and report.skipped == [] and report.failed


def test_conformance_exits_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(minigrad.device("cpu"), "backend", DropsNaN())
    assert conformance.main(["cpu", "max"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "failed" in last and " 0 failed" not in last


# -- draws and strategies


@pytest.mark.parametrize("layout", draws.LAYOUTS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 3), (2, 3, 4)])
def test_layouts_keep_the_values(layout: str, shape: tuple[int, ...]) -> None:
    values = draws.Seeded(0).values(shape)
    array = draws.lay(NumpyBackend(), values, layout, 1)
    assert array.shape == shape and array.dtype == values.dtype
    if layout == "expanded":
        values = (
            np.broadcast_to(values[:, :1], shape)
            if len(shape) == 3
            else values[:1]
            if shape
            else values
        )
    assert (array == values).all()


def test_layouts_are_what_they_say() -> None:
    values = draws.Seeded(0).values((2, 3, 4))
    strides = {
        layout: NumpyBackend().strides(draws.lay(NumpyBackend(), values, layout, 1))
        for layout in draws.LAYOUTS
    }
    assert strides["contiguous"] == (12, 4, 1)
    assert sorted(strides["permuted"], reverse=True) != list(strides["permuted"])
    assert strides["strided"][-1] == 2
    assert strides["inside"] == (20, 5, 1)
    assert strides["reversed"] == (-12, -4, -1)
    assert strides["expanded"][1] == 0


@pytest.mark.parametrize("dtype", conformance.ALL, ids=str)
def test_values_stay_in_their_domain(dtype: np.dtype) -> None:
    values = draws.Seeded(0, dtype).values((200,), ((-2.0, -1.0), (1.0, 2.0)))
    assert values.dtype == dtype
    if dtype.kind == "f":
        assert (
            (np.abs(values) >= 1).all()
            and (np.abs(values) <= 2).all()
            and (values < 0).any()
            and (values > 0).any()
        )
    elif dtype.kind != "b":
        assert (values != 0).all() and (dtype.kind == "u" or (values < 0).any())


@given(st.data())
def test_distinct_values_are_distinct(data: st.DataObject) -> None:
    values = strategies.Drawn(data.draw).distinct((3, 4))
    gaps = np.diff(np.sort(values.ravel()))
    assert (gaps > 0.1).all()


@given(strategies.broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(shapes: Any) -> None:
    np.broadcast_shapes(*shapes)


@given(strategies.matmul_shapes())
def test_matmul_shapes_multiply(shapes: Any) -> None:
    a, b = (np.ones(shape) for shape in shapes)
    assert (a @ b).shape[-2:] == (a.shape[-2], b.shape[-1])


@given(
    strategies.tensors(requires_grad=True),
    strategies.arrays(dtype=np.int64),
    strategies.dtypes("f"),
)
def test_tensors_and_arrays(x: minigrad.Tensor, array: np.ndarray, dtype: Any) -> None:
    assert x.requires_grad and x.is_leaf and x.dtype is minigrad.float64
    assert array.dtype == np.int64
    assert dtype.is_floating_point


@given(st.data())
def test_axes_are_sorted(data: st.DataObject) -> None:
    axes = data.draw(strategies.axes(3))
    assert list(axes) == sorted(set(axes)) and set(axes) <= {0, 1, 2}
    assert data.draw(strategies.keepdims()) in (True, False)


def test_random_shapes_reach_the_corners() -> None:
    shapes = {draws.Seeded(seed).shape() for seed in range(200)}
    assert (
        () in shapes
        and any(0 in shape for shape in shapes)
        and any(len(shape) == 3 for shape in shapes)
    )


def test_the_kit_works_without_hypothesis_and_pytest(tmp_path: Any) -> None:
    """All of it but `strategies`, from another directory and with both made unimportable."""
    import subprocess
    import sys

    program = (
        "import sys; sys.modules['hypothesis'] = sys.modules['pytest'] = sys.modules['torch'] = "
        "None\n"
        "import minigrad\n"
        "from minigrad.testing import checks, close, conformance, draws, gradcheck, specs\n"
        "assert checks.run(specs.table['mul'], examples=2)\n"
        "print(conformance.check_backend(minigrad.device('cpu').backend, ['mul']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "0 failed" in done.stdout
