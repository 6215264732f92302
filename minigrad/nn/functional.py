"""torch.nn.functional's functions.

Those with a gradient rule or a kernel of their own come from minigrad.ops and are only given their
names here. The rest are composites: a few lines of ops each, whose gradients follow.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minigrad import ops
from minigrad.dtype import finfo
from minigrad.ops import (
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm,
    conv1d,
    conv2d,
    conv_transpose2d,
    cross_entropy,
    dropout,
    elu,
    embedding,
    gelu,
    layer_norm,
    leaky_relu,
    linear,
    log_softmax,
    max_pool2d,
    nll_loss,
    one_hot,
    pad,
    scaled_dot_product_attention,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from minigrad.tensor import Tensor

__all__ = [
    "adaptive_avg_pool2d", "avg_pool2d", "batch_norm", "bilinear", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "celu", "conv1d", "conv2d", "conv_transpose2d",
    "cosine_similarity", "cross_entropy", "dropout", "dropout1d", "dropout2d", "elu", "embedding",
    "gelu", "glu", "group_norm", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "huber_loss", "instance_norm", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "local_response_norm", "log_softmax", "logsigmoid", "max_pool2d", "mish", "mse_loss",
    "nll_loss", "normalize", "one_hot", "pad", "pairwise_distance", "pixel_shuffle",
    "pixel_unshuffle", "prelu", "relu", "relu6", "rms_norm", "scaled_dot_product_attention",
    "selu", "sigmoid", "silu", "smooth_l1_loss", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "tanh", "tanhshrink", "threshold",
]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(ops.missing("nn.functional", name, __all__))


SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805

# Above this softplus(x) is x to the last digit of a float64; its default, 20, is so for a float32
# only.
EXACT_SOFTPLUS_THRESHOLD = 40.0


# Activations


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
    return ops.overwriting(inplace, lambda x: ops.where(x <= threshold, value, x), input)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """min(max(x, min_val), max_val), with gradient 0 at the two ends.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.hardtanh(minigrad.tensor([-3.0, 0.5, 3.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is greater than max_val {max_val}")

    def clipped(x: Tensor) -> Tensor:
        outside = (x <= min_val) | (x >= max_val)
        return ops.where(outside, x.detach().clamp(min_val, max_val), x)

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
    return ops.where(input.abs() <= lambd, input * 0.0, moved)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.hardshrink(minigrad.tensor([-2.0, 0.1, 2.0]))
    tensor([-2.,  0.,  2.])
    """
    return ops.where((input >= -lambd) & (input <= lambd), 0.0, input)


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
    return ops.where(input > 0, input, weight * input)


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


# Losses


def mse_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", broadcast: bool = False
) -> Tensor:
    """(x - y)^2, averaged, summed, or (`reduction="none"`) as it is.

    Raises ValueError when the shapes differ, unless `broadcast`: (N, 1) against (N,) would compare
    all pairs.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.mse_loss(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(2.)
    """
    _check_shapes("mse_loss", input, target, broadcast)
    return _reduce("mse_loss", (input - target).square(), reduction)


def l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", broadcast: bool = False
) -> Tensor:
    """|x - y|, averaged, summed, or as it is. Raises as mse_loss does.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.l1_loss(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(1.)
    """
    _check_shapes("l1_loss", input, target, broadcast)
    return _reduce("l1_loss", (input - target).abs(), reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: str = "mean",
    beta: float = 1.0,
    broadcast: bool = False,
) -> Tensor:
    """d^2 / (2 beta) where d = |x - y| < beta, else d - beta / 2. Raises as mse_loss does.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.smooth_l1_loss(minigrad.tensor([0.0, 0.0]), minigrad.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    _check_shapes("smooth_l1_loss", input, target, broadcast)
    distance = (input - target).abs()
    if beta > 0:
        distance = ops.where(
            distance < beta, distance.square() * (0.5 / beta), distance - 0.5 * beta
        )
    return _reduce("smooth_l1_loss", distance, reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: str = "mean",
    delta: float = 1.0,
    broadcast: bool = False,
) -> Tensor:
    """d^2 / 2 where d = |x - y| <= delta, else delta (d - delta / 2). Raises as mse_loss does.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.huber_loss(minigrad.tensor([0.0, 0.0]), minigrad.tensor([1.0, 3.0]), delta=2.0)
    tensor(2.2500)
    """
    if delta <= 0:
        raise RuntimeError(f"huber_loss: delta must be positive, got {delta}")
    _check_shapes("huber_loss", input, target, broadcast)
    distance = (input - target).abs()
    loss = ops.where(distance <= delta, distance.square() * 0.5, (distance - 0.5 * delta) * delta)
    return _reduce("huber_loss", loss, reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-(y log p + (1 - y) log(1 - p)) for probabilities p, times `weight`.

    Logarithms count as at least -100. binary_cross_entropy_with_logits is more exact. Raises
    ValueError when the shapes differ and RuntimeError for a p that is not between 0 and 1.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.binary_cross_entropy(minigrad.tensor([0.5, 1.0]), minigrad.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    _check_shapes("binary_cross_entropy", input, target)
    if not bool(((input >= 0) & (input <= 1)).all()):
        raise RuntimeError(
            "binary_cross_entropy: all elements of input should be between 0 and 1; apply sigmoid, "
            "or use binary_cross_entropy_with_logits"
        )
    loss = -(target * _log_from_100(input) + (1.0 - target) * _log_from_100(1.0 - input))
    return _reduce("binary_cross_entropy", _weighted(loss, weight), reduction)


def _log_from_100(p: Tensor) -> Tensor:
    """log p, or -100 where p is 0; the gradient there is 0 and not 1 / 0."""
    zero = p == 0
    return ops.where(zero, -100.0, ops.where(zero, 1.0, p).log().clamp(min=-100.0))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-(w y log s(x) + (1 - y) log(1 - s(x))), s the sigmoid and w = pos_weight, times `weight`.

    Raises ValueError when the shapes differ.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> x, y = minigrad.tensor([0.0, 100.0]), minigrad.tensor([1.0, 0.0])
    >>> F.binary_cross_entropy_with_logits(x, y)
    tensor(50.3466)
    """
    _check_shapes("binary_cross_entropy_with_logits", input, target)
    minus_log_sigmoid = softplus(-input, 1.0, EXACT_SOFTPLUS_THRESHOLD)
    if pos_weight is not None:
        minus_log_sigmoid = minus_log_sigmoid * ((pos_weight - 1.0) * target + 1.0)
    loss = (1.0 - target) * input + minus_log_sigmoid
    return _reduce("binary_cross_entropy_with_logits", _weighted(loss, weight), reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    *,
    reduction: str = "mean",
    log_target: bool = False,
    broadcast: bool = False,
) -> Tensor:
    """y (log y - x) for probabilities y and logarithms of probabilities x.

    With `log_target` y is given as logarithms as well. `reduction="batchmean"`, the sum over the
    first size, is the divergence as mathematics has it. Raises as mse_loss does.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> p = minigrad.tensor([[0.5, 0.5]])
    >>> F.kl_div(p.log(), p, reduction="batchmean")
    tensor(0.)
    """
    _check_shapes("kl_div", input, target, broadcast)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        zero = target == 0
        y_log_y = target * ops.where(zero, 1.0, target).log()
        loss = y_log_y - target * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0] if input.ndim else loss.sum()
    return _reduce("kl_div", loss, reduction)


def _check_shapes(op: str, input: Tensor, target: Tensor, broadcast: bool = False) -> None:
    for name, x in (("input", input), ("target", target)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
    if input.shape == target.shape or broadcast:
        return
    shapes = f"{tuple(input.shape)} and {tuple(target.shape)}"
    message = f"{op}: input and target must have the same shape, got {shapes}."
    if input.numel() == target.numel():
        message += f" Try target.reshape({', '.join(map(str, input.shape))})."
    raise ValueError(message)


def _weighted(loss: Tensor, weight: Tensor | None) -> Tensor:
    return loss if weight is None else loss * weight


_REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda loss: loss.mean(),
    "sum": lambda loss: loss.sum(),
    "none": lambda loss: loss,
}


def _reduce(op: str, loss: Tensor, reduction: str) -> Tensor:
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"{op}: {reduction!r} is not a valid value for reduction; use 'mean', 'sum' or 'none'"
        )
    return _REDUCTIONS[reduction](loss)


# Normalisation


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x * weight + bias, channel by channel (dim 1)."""
    channel = (-1, *[1] * (x.ndim - 2))
    x = x if weight is None else x * weight.reshape(channel)
    return x if bias is None else x + bias.reshape(channel)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over each group of channels of each sample.

    x is (N, C, ...), weight and bias (C,). RuntimeError when `num_groups` does not divide C.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.group_norm(minigrad.tensor([[1.0, 3.0, 2.0, 6.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"group_norm: Expected at least 2 dimensions, got {tuple(input.shape)}")
    channels = input.shape[1]
    if num_groups <= 0 or channels % num_groups:
        raise RuntimeError(
            "group_norm: Expected number of channels in input to be divisible by num_groups, but "
            f"got input of shape {tuple(input.shape)} and num_groups={num_groups}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != (channels,):
            raise RuntimeError(
                f"group_norm: Expected {name} to be a vector of size equal to the number of "
                f"channels {channels}, but got {tuple(t.shape)}"
            )
    size = input.numel() // max(input.shape[0] * num_groups, 1)
    rows = input.reshape(input.shape[0] * num_groups, size)
    return _scaled(layer_norm(rows, (size,), eps=eps).reshape(input.shape), weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over each channel of each sample of (N, C, ...).

    Running statistics, where given, move to the means over the batch; without `use_input_stats`
    they are used instead. ValueError for one value a channel.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.instance_norm(minigrad.tensor([[[1.0, 3.0], [2.0, 6.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    space = tuple(input.shape[2:])
    size = math.prod(space)
    if size == 1:
        raise ValueError(
            "instance_norm: Expected more than 1 spatial element when training, got input size "
            f"{tuple(input.shape)}"
        )
    if running_mean is not None and running_var is not None:
        rows = input.detach().flatten(2)
        running_mean.lerp_(rows.mean((0, 2)), momentum)
        running_var.lerp_(rows.var(2).mean(0), momentum)
    return _scaled(layer_norm(input, space, eps=eps), weight, bias)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dims, of `normalized_shape`.

    eps is that of the type unless given. RuntimeError when x ends in another shape.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.rms_norm(minigrad.tensor([3.0, 3.0]), (2,))
    tensor([1., 1.])
    """
    shape = tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"rms_norm: Given normalized_shape={list(shape)}, expected an input that ends in it, "
            f"but got input of shape {tuple(input.shape)}"
        )
    eps = finfo(input.dtype).eps if eps is None else eps
    square = input.square().mean(tuple(range(-len(shape), 0)), keepdim=True)
    out = input * (square + eps).rsqrt()
    return out if weight is None else out * weight


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta, zeros beyond the ends.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.local_response_norm(minigrad.ones(1, 2, 1), 2, alpha=2.0, beta=1.0).flatten()
    tensor([0.5000, 0.3333])
    """
    if input.ndim < 3:
        raise ValueError(
            "local_response_norm: Expected 3D or higher dimensionality input (got "
            f"{input.ndim} dimensions)"
        )
    if not input.numel():
        return input
    before = [0, 0] * (input.ndim - 2)
    squares = pad(input.square(), (*before, size // 2, (size - 1) // 2))
    return input / (squares.unfold(1, size, 1).mean(-1) * alpha + k) ** beta


# Vectors and shapes


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """out[..., o] = sum over i, j of x[..., i] weight[o, i, j] y[..., j] + bias[o].

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.bilinear(minigrad.ones(1, 2), minigrad.ones(1, 3), minigrad.ones(1, 2, 3))
    tensor([[6.]])
    """
    if input1.shape[:-1] != input2.shape[:-1] or weight.shape[1:] != (
        input1.shape[-1],
        input2.shape[-1],
    ):
        raise RuntimeError(
            f"bilinear: inputs {tuple(input1.shape)} and {tuple(input2.shape)} and weight "
            f"{tuple(weight.shape)}: (..., I), (..., J) and (O, I, J) are needed"
        )
    out = ops.einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Rearranges (..., C r^2, H, W) into (..., C, H r, W r), r the `upscale_factor`.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.pixel_shuffle(minigrad.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    if input.ndim < 3 or r <= 0 or input.shape[-3] % (r * r):
        raise RuntimeError(
            f"pixel_shuffle: expects input (..., C, H, W), its channels divisible by the square of "
            f"a positive upscale_factor, got {tuple(input.shape)} and {r}"
        )
    *lead, channels, height, width = input.shape
    x = input.reshape(-1, channels // (r * r), r, r, height, width)
    x = x.permute(0, 1, 4, 2, 5, 3)
    return x.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of pixel_shuffle: (..., C, H r, W r) into (..., C r^2, H, W).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.pixel_unshuffle(minigrad.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    r = downscale_factor
    if input.ndim < 3 or r <= 0 or input.shape[-2] % r or input.shape[-1] % r:
        raise RuntimeError(
            f"pixel_unshuffle: expects input (..., C, H, W), its height and width divisible by a "
            f"positive downscale_factor, got {tuple(input.shape)} and {r}"
        )
    *lead, channels, height, width = input.shape
    x = input.reshape(-1, channels, height // r, r, width // r, r).permute(0, 1, 3, 5, 2, 4)
    return x.reshape(*lead, channels * r * r, height // r, width // r)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """||x - y + eps||_p along the last dim; the shapes broadcast.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.pairwise_distance(minigrad.tensor([[3.0, 4.0]]), minigrad.zeros(1, 2))
    tensor([5.0000])
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(||x||_p, eps) along `dim`.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.normalize(minigrad.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x . y / (max(||x||, eps) max(||y||, eps)) along `dim`; the shapes broadcast.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.cosine_similarity(minigrad.tensor([[1.0, 0.0]]), minigrad.tensor([[2.0, 0.0]]))
    tensor([1.])
    """
    return (normalize(x1, 2.0, dim, eps) * normalize(x2, 2.0, dim, eps)).sum(dim)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels of x (N, C, L) or (C, L), as dropout2d.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> sums = F.dropout1d(minigrad.ones(1, 3, 4)).sum(2)
    >>> bool(((sums == 0) | (sums == 8)).all())
    True
    """
    return _dropout_channels("dropout1d", input, p, training, inplace, 1)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Sets channels of x (N, C, H, W) or (C, H, W) to 0 with probability p, others to x / (1 - p).

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.dropout2d(minigrad.ones(1, 2, 1, 1), training=False).flatten()
    tensor([1., 1.])
    """
    return _dropout_channels("dropout2d", input, p, training, inplace, 2)


def _dropout_channels(
    op: str, input: Tensor, p: float, training: bool, inplace: bool, n_spatial: int
) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{op}: dropout probability has to be between 0 and 1, but got {p}")
    if input.ndim not in (n_spatial + 1, n_spatial + 2):
        raise RuntimeError(
            f"{op}: expected {n_spatial + 1} or {n_spatial + 2} dimensions (with channels, perhaps "
            f"with a batch), got shape {tuple(input.shape)}"
        )
    channels = input.shape[: input.ndim - n_spatial]
    kept = dropout(input.new_ones((*channels, *[1] * n_spatial)), p, training)
    return ops.overwriting(inplace, ops.mul, input, kept)
