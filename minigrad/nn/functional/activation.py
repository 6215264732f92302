"""Activations: one function of a number, applied to all elements, and softmin."""

from collections.abc import Callable
from typing import Any

from minigrad import ops
from minigrad.autograd.steps import stepwise
from minigrad.ops import elu, sigmoid, softmax, softplus, tanh
from minigrad.tensor import Tensor

__all__ = [
    "relu", "threshold", "hardtanh", "relu6", "hardsigmoid", "hardswish", "selu", "celu",
    "mish", "softsign", "tanhshrink", "softshrink", "hardshrink", "logsigmoid", "prelu", "glu",
    "softmin", "rrelu", "gumbel_softmax", "relu_", "threshold_", "hardtanh_", "selu_", "celu_",
    "elu_", "leaky_relu_", "rrelu_",
]  # fmt: skip

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805

# Above this softplus(x) is x to the last digit of a float64; its default, 20, is so for a float32
# only.
EXACT_SOFTPLUS_THRESHOLD = 40.0


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.relu(minigrad.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return ops.overwriting(inplace, ops.relu, input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.threshold(minigrad.tensor([1.0, 3.0]), 2.0, 0.0)
    tensor([0., 3.])
    """

    def changed(x: Tensor) -> Tensor:
        return stepwise(ops.where(x <= threshold, value, x), x)

    return ops.overwriting(inplace, changed, input)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """min(max(x, min_val), max_val), with gradient 0 at the two ends.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.hardtanh(minigrad.tensor([-3.0, 0.5, 3.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if not input.is_floating_point():
        min_val, max_val = int(min_val), int(max_val)
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is greater than max_val {max_val}")

    def clipped(x: Tensor) -> Tensor:
        outside = (x <= min_val) | (x >= max_val)
        return stepwise(ops.where(outside, x.detach().clamp(min_val, max_val), x), x)

    return ops.overwriting(inplace, clipped, input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.relu6(minigrad.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.hardsigmoid(minigrad.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return ops.overwriting(inplace, lambda x: relu6(x + 3.0) / 6.0, input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * min(max(x + 3, 0), 6) / 6.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.hardswish(minigrad.tensor([-4.0, 4.0]))
    tensor([-0., 4.])
    """
    return ops.overwriting(inplace, lambda x: x * hardsigmoid(x), input)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(x, alpha), which keeps mean 0 and variance 1 (Klambauer et al., 2017).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.selu(minigrad.tensor([0.0, 1.0]))
    tensor([0.0000, 1.0507])
    """
    return ops.overwriting(inplace, lambda x: elu(x, SELU_ALPHA) * SELU_SCALE, input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.celu(minigrad.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    if alpha == 0:
        raise RuntimeError("celu: alpha must not be 0, x is divided by it")
    return ops.overwriting(inplace, lambda x: elu(x / alpha) * alpha, input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.mish(minigrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8651])
    """
    return ops.overwriting(inplace, lambda x: x * tanh(softplus(x)), input)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.softsign(minigrad.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return input / (input.abs() + 1.0)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.tanhshrink(minigrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """
    return input - tanh(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x - lambd where x > lambd, x + lambd where x < -lambd, else 0.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.softshrink(minigrad.tensor([-2.0, 0.1, 2.0]))
    tensor([-1.5000,  0.0000,  1.5000])
    """
    if lambd < 0:
        raise RuntimeError(
            f"softshrink: lambd should be greater or equal to 0, but found to be {lambd}"
        )
    moved = ops.where(input > lambd, input - lambd, input + lambd)
    return stepwise(ops.where(input.abs() <= lambd, input * 0.0, moved), input)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.hardshrink(minigrad.tensor([-2.0, 0.1, 2.0]))
    tensor([-2.,  0.,  2.])
    """
    return stepwise(ops.where((input >= -lambd) & (input <= lambd), 0.0, input), input)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)) = -log(1 + exp(-x)).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.logsigmoid(minigrad.tensor([0.0, -100.0]))
    tensor([  -0.6931, -100.0000])
    """
    return -softplus(-input, 1.0, EXACT_SOFTPLUS_THRESHOLD)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight * x; `weight` has one element, or one for each channel (dim 1).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.prelu(minigrad.tensor([-2.0, 3.0]), minigrad.tensor([0.25]))
    tensor([-0.5000,  3.0000])
    """
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.ndim != 1 or weight.numel() != channels:
            raise RuntimeError(
                f"prelu: weight has shape {tuple(weight.shape)}, input {tuple(input.shape)} needs "
                f"one element or {channels}, one for each channel"
            )
        weight = weight.reshape(-1, *[1] * (input.ndim - 2))
    elif input.ndim == 0:
        weight = weight.reshape(())
    return stepwise(ops.where(input > 0, input, weight * input), input, weight)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """x where x > 0, else a x, with a between `lower` and `upper`: random for each element in
    training, else the middle (Xu et al., 2015).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.rrelu(minigrad.tensor([-2.0, 3.0]), 0.25, 0.75)
    tensor([-1.,  3.])
    """
    if lower > upper:
        raise RuntimeError(
            f"rrelu: Lower bound {lower} should be at most upper bound {upper}"
        )
    if not training:
        return ops.leaky_relu(input, (lower + upper) / 2, inplace)
    slope = ops.rand_like(input.detach()) * (upper - lower) + lower
    return ops.overwriting(
        inplace, lambda x: stepwise(ops.where(x > 0, x, x * slope), x), input
    )


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((x + g) / tau) along `dim`, g random with the Gumbel distribution: nearly one-hot
    samples of the classes with logits x (Jang et al., 2017; Maddison et al., 2017).

    `hard` rounds them to one-hot, with the gradient of what they were. eps has no effect.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.gumbel_softmax(minigrad.tensor([0.0, 100.0]), hard=True)
    tensor([0., 1.])
    """
    exponential = -(1.0 - ops.rand_like(logits.detach())).log()
    soft = softmax((logits - exponential.log()) / tau, dim=dim)
    if not hard:
        return soft
    one_hot = ops.zeros_like(soft).scatter(dim, soft.argmax(dim, keepdim=True), 1.0)
    return one_hot - soft.detach() + soft


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b), where a and b are the two halves of x along `dim`.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.glu(minigrad.tensor([4.0, 0.0]))
    tensor([2.])
    """
    if input.shape[dim] % 2:
        raise RuntimeError(
            f"glu: Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}"
        )
    a, b = input.chunk(2, dim)
    return a * sigmoid(b)


def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """softmax(-x) along `dim`.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.softmin(minigrad.tensor([1.0, 1.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return softmax(-input, dim=dim, dtype=dtype)


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """function(..., inplace=True), under the name with an underscore."""

    def overwritten(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, inplace=True, **kwargs)

    overwritten.__name__ = overwritten.__qualname__ = f"{function.__name__}_"
    overwritten.__doc__ = f"In place: {function.__doc__}"
    return overwritten


relu_, threshold_, hardtanh_ = _in_place(relu), _in_place(threshold), _in_place(hardtanh)
selu_, celu_, rrelu_ = _in_place(selu), _in_place(celu), _in_place(rrelu)
elu_, leaky_relu_ = _in_place(elu), _in_place(ops.leaky_relu)
