"""Losses: how far the predictions are from what they should be."""

from collections.abc import Callable

from minigrad import ops
from minigrad.nn.functional.activation import EXACT_SOFTPLUS_THRESHOLD
from minigrad.ops import softplus
from minigrad.tensor import Tensor

__all__ = [
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "kl_div",
]  # fmt: skip


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
