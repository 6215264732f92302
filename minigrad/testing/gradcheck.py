"""Are the gradients right? Compares them with finite differences, in float64.

For outputs f(x) and fixed random weights w, let L(x) = sum(w * f(x)). For each input the derivative
of L in a random direction v, by differences, must equal <gradient of L, v>. Weights and directions
stay away from 0, so that no element can hide.

The difference is D = (4 D(h) - D(2h)) / 3, where D(h) = (L(x + hv) - L(x - hv)) / 2h: its
truncation error falls with h^4 and its rounding error is about eps / h * sum|w f|. With h =
eps^(1/5) both are near 1e-12, and the tolerance is

    rtol * sum|gradient * v|  +  64 * eps / h * sum|w f|

A comparison of zeros proves nothing: where the gradient is not at least 100 times the rounding
part, gradcheck raises, unless the caller says in `zero` that the gradient of that input is 0 there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from minigrad.autograd import enable_grad, grad, no_grad
from minigrad.tensor import Tensor, wrap
from minigrad.testing.close import CheckError, assert_close, to_numpy

EPS = float(np.finfo(np.float64).eps)
STEP = EPS ** (1 / 5)


class GradcheckError(CheckError):
    """A gradient is wrong, or the comparison would prove nothing."""


def gradcheck(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = STEP,
    rtol: float = 1e-6,
    atol: float | None = None,
    elementwise: bool = False,
    zero: Collection[int] = (),
    seed: int = 0,
) -> bool:
    """Raises GradcheckError unless d(function)/d(input) is right for every float64 input that
    requires a gradient.

    `elementwise` compares every element of every gradient, to find which is wrong. `zero` holds the
    positions of inputs whose gradient is 0 by nature. `atol` replaces the rounding part of the
    tolerance. Returns True.

    >>> import minigrad
    >>> x = minigrad.tensor([0.5, 2.0], dtype=minigrad.float64, requires_grad=True)
    >>> gradcheck(lambda x: (x * x).sum(), (x,))
    True
    """
    arguments = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    unvarying = compare(function, arguments, eps, rtol, atol, elementwise, seed)
    _refuse_zero({i: text for i, text in unvarying.items() if i not in zero})
    return True


def gradgradcheck(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = STEP,
    rtol: float = 1e-6,
    atol: float | None = None,
    elementwise: bool = False,
    zero: Collection[int] = (),
    seed: int = 0,
) -> bool:
    """gradcheck of the gradient: of (x, w) -> d sum(w * function(x)) / dx, in x and in w.

    `zero` holds the positions of inputs in which the gradient does not vary: those in which the
    function is linear.

    >>> import minigrad
    >>> x = minigrad.tensor([0.5, 2.0], dtype=minigrad.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: x * x * x, (x,))
    True
    """
    arguments = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    gradient, both = gradient_of(function, arguments, seed)
    unvarying = compare(gradient, both, eps, rtol, atol, elementwise, seed)
    _refuse_zero({i: text for i, text in unvarying.items() if i not in zero})
    return True


def compare(
    function: Callable[..., Any],
    arguments: list[Any],
    eps: float = STEP,
    rtol: float = 1e-6,
    atol: float | None = None,
    elementwise: bool = False,
    seed: int = 0,
) -> dict[int, str]:
    """The work of gradcheck. Returns, in words, the inputs in which both the function's differences
    and its gradient are 0 within the tolerance, so that nothing was proved.
    """
    checked = _checked(arguments)
    rng = np.random.default_rng(seed)
    before = [to_numpy(x).copy() if isinstance(x, Tensor) else None for x in arguments]
    with enable_grad():
        outs = _outputs(function(*arguments))
    weights = [_away_from_zero(rng, out.shape) for out in outs]
    _refuse_random(function, arguments, outs)
    gradients = _analytic(arguments, checked, outs, weights)
    _refuse_changes(arguments, before)
    loss = _Loss(function, arguments, weights)
    size = sum(float(np.abs(w * to_numpy(out)).sum()) for w, out in zip(weights, outs, strict=True))
    rounding = 64 * EPS / eps * size if atol is None else atol
    unvarying = {}
    for i, g in zip(checked, gradients, strict=True):
        if elementwise:
            _compare_elements(loss, i, g, eps, rtol, rounding)
        else:
            _compare_direction(loss, i, g, _away_from_zero(rng, g.shape), eps, rtol, rounding)
        largest = float(np.abs(g).max(initial=0.0))
        if g.size and not largest > 100 * rounding:
            unvarying[i] = (
                f"the gradient of input {i} (shapes {_shape_list(arguments)}) is at most "
                f"{largest:.3g}, and the tolerance {rounding:.3g}"
            )
    return unvarying


def gradient_of(
    function: Callable[..., Any], arguments: list[Any], seed: int = 0
) -> tuple[Callable[..., list[Tensor]], list[Any]]:
    """(x, w) -> d sum(w * function(x)) / dx, and arguments for it: the given ones, then random
    weights.
    """
    checked = _checked(arguments)
    rng = np.random.default_rng(seed + 1)
    with enable_grad():
        outs = _outputs(function(*arguments))
    weights = [
        _like(out, _away_from_zero(rng, out.shape)).requires_grad_()
        for out in outs
        if out.node is not None
    ]
    required = {*checked, *range(len(arguments), len(arguments) + len(weights))}

    def gradient(*both: Any) -> list[Tensor]:
        with enable_grad():
            # compare() moves its inputs under no_grad, and what it moved is no leaf: here it
            # becomes one
            leaves = [
                _leaf(x) if i in required and x.node is None else x for i, x in enumerate(both)
            ]
            xs, ws = leaves[: len(arguments)], leaves[len(arguments) :]
            roots = [out for out in _outputs(function(*xs)) if out.node is not None]
            wanted = [xs[i] for i in checked]
            found = grad(roots, wanted, ws, create_graph=True, allow_unused=True)
        return [g for g in found if g is not None]

    return gradient, [*arguments, *weights]


class _Loss:
    """L(x) = sum(w * f(x)) as differences need it: f at the two points is subtracted before it is
    summed.
    """

    def __init__(
        self, function: Callable[..., Any], arguments: list[Any], weights: list[np.ndarray]
    ):
        self.function, self.arguments, self.weights = function, arguments, weights

    def difference(self, i: int, step: np.ndarray) -> float:
        """L(x + step) - L(x - step), where step changes input i."""
        high, low = self._values(i, step), self._values(i, -step)
        pairs = zip(self.weights, high, low, strict=True)
        return float(sum((w * (a - b)).sum() for w, a, b in pairs))

    def derivative(self, i: int, direction: np.ndarray, h: float) -> float:
        near = self.difference(i, h * direction) / (2 * h)
        far = self.difference(i, 2 * h * direction) / (4 * h)
        return (4 * near - far) / 3

    def _values(self, i: int, step: np.ndarray) -> list[np.ndarray]:
        arguments = list(self.arguments)
        arguments[i] = _like(arguments[i], to_numpy(arguments[i]) + step)
        with no_grad():
            return [to_numpy(out) for out in _outputs(self.function(*arguments))]


def _compare_direction(
    loss: _Loss, i: int, g: np.ndarray, v: np.ndarray, h: float, rtol: float, rounding: float
) -> None:
    numeric, analytic = loss.derivative(i, v, h), float((g * v).sum())
    allowed = rtol * float(np.abs(g * v).sum()) + rounding * float(np.abs(v).max(initial=0.0))
    if not abs(numeric - analytic) <= allowed:
        raise GradcheckError(
            f"the gradient of input {i} (shapes {_shape_list(loss.arguments)}) is wrong: in a "
            "random "
            f"direction the derivative is {numeric:.12g} by differences and {analytic:.12g} by the "
            f"gradient; they differ by {abs(numeric - analytic):.3g}, allowed is {allowed:.3g}. "
            "elementwise=True shows which elements"
        )


def _compare_elements(
    loss: _Loss, i: int, g: np.ndarray, h: float, rtol: float, rounding: float
) -> None:
    numeric = np.zeros(g.shape)
    for position in np.ndindex(g.shape):
        unit = np.zeros(g.shape)
        unit[position] = 1.0
        numeric[position] = loss.derivative(i, unit, h)
    try:
        assert_close(
            g,
            numeric,
            rtol,
            rounding,
            f"gradient of input {i} (shapes {_shape_list(loss.arguments)})",
        )
    except CheckError as error:
        raise GradcheckError(str(error)) from None


def _analytic(
    arguments: list[Any], checked: list[int], outs: list[Tensor], weights: list[np.ndarray]
) -> list[np.ndarray]:
    """The gradients by autograd, after a look at their shapes and types; 0 where none came."""
    pairs = [
        (out, _like(out, w)) for out, w in zip(outs, weights, strict=True) if out.node is not None
    ]
    if not pairs:
        raise GradcheckError(f"no output requires a gradient, though inputs {checked} do")
    tensors = [arguments[i] for i in checked]
    roots, starts = [out for out, _ in pairs], [w for _, w in pairs]
    found = grad(roots, tensors, starts, retain_graph=True, allow_unused=True)
    result = []
    for i, x, g in zip(checked, tensors, found, strict=True):
        if g is None:
            result.append(np.zeros(x.shape))
            continue
        if tuple(g.shape) != tuple(x.shape) or g.dtype != x.dtype or g.device is not x.device:
            raise GradcheckError(
                f"the gradient of input {i} has shape {tuple(g.shape)}, {g.dtype}, on {g.device}; "
                f"the input has {tuple(x.shape)}, {x.dtype}, {x.device}"
            )
        result.append(to_numpy(g).copy())
    return result


def _checked(arguments: list[Any]) -> list[int]:
    """The positions of the inputs to check."""
    checked = []
    for i, x in enumerate(arguments):
        if isinstance(x, Tensor) and x.requires_grad:
            if x.array.dtype != np.float64:
                raise ValueError(
                    f"gradcheck: input {i} is {x.dtype}; differences need float64: x.double()"
                )
            checked.append(i)
    if not checked:
        raise ValueError("gradcheck: no input requires a gradient; call requires_grad_() on one")
    return checked


def _refuse_random(function: Callable[..., Any], arguments: list[Any], outs: list[Tensor]) -> None:
    with no_grad():
        again = _outputs(function(*arguments))
    for k, (a, b) in enumerate(zip(outs, again, strict=True)):
        if to_numpy(a).tobytes() != to_numpy(b).tobytes():
            raise GradcheckError(
                f"output {k} differs between two calls with the same inputs: seed the function"
            )


def _refuse_changes(arguments: list[Any], before: list[np.ndarray | None]) -> None:
    for i, (x, old) in enumerate(zip(arguments, before, strict=True)):
        if old is None:
            continue
        if to_numpy(x).tobytes() != old.tobytes():
            raise GradcheckError(
                f"input {i} (shape {old.shape}) was changed by the function or by its gradient"
            )
        if not x.requires_grad and x.grad is not None:
            raise GradcheckError(f"input {i} does not require a gradient, and was given one")


def _refuse_zero(unvarying: dict[int, str]) -> None:
    for i, text in unvarying.items():
        raise GradcheckError(
            f"{text}: comparing them proves nothing. Choose inputs where the function varies, or, "
            f"if this gradient is 0 by nature, say zero={{{i}}}"
        )


def _outputs(result: Any) -> list[Tensor]:
    outs = [result] if isinstance(result, Tensor) else list(result)
    return [out for out in outs if out.array.dtype.kind == "f"]


def _away_from_zero(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """Numbers of both signs with magnitude 0.5 to 1.5."""
    return rng.uniform(0.5, 1.5, tuple(shape)) * rng.choice((-1.0, 1.0), tuple(shape))


def _like(x: Tensor, values: np.ndarray) -> Tensor:
    values = np.ascontiguousarray(values, x.array.dtype).reshape(x.array.shape)
    return wrap(x.device.backend.from_host(values), x.device)


def _leaf(x: Tensor) -> Tensor:
    return x.detach().requires_grad_()


def _shape_list(arguments: list[Any]) -> list[Any]:
    return [tuple(x.shape) if isinstance(x, Tensor) else x for x in arguments]
