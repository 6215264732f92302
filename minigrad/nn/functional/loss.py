"""Losses: how far the predictions are from what they should be."""

import math
from collections.abc import Callable

from minigrad import ops
from minigrad.autograd.primitive import fit
from minigrad.dtype import int64
from minigrad.nn.functional.activation import EXACT_SOFTPLUS_THRESHOLD
from minigrad.nn.functional.distance import pairwise_distance
from minigrad.ops import softplus
from minigrad.tensor import Tensor

__all__ = [
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "kl_div", "poisson_nll_loss", "gaussian_nll_loss",
    "hinge_embedding_loss", "margin_ranking_loss", "cosine_embedding_loss",
    "triplet_margin_loss", "triplet_margin_with_distance_loss", "soft_margin_loss",
    "multilabel_soft_margin_loss", "multilabel_margin_loss", "multi_margin_loss",
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
    return reduced("mse_loss", (input - target).square(), reduction)


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
    return reduced("l1_loss", (input - target).abs(), reduction)


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
    return reduced("smooth_l1_loss", distance, reduction)


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
    return reduced("huber_loss", loss, reduction)


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
    return reduced("binary_cross_entropy", _weighted(loss, weight), reduction)


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
    return reduced("binary_cross_entropy_with_logits", _weighted(loss, weight), reduction)


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
    return reduced("kl_div", loss, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """exp(x) - y x, for counts y with the Poisson distribution of mean exp(x); x - y log(x + eps)
    for one of mean x, without `log_input`.

    `full` adds log(y!), by Stirling's formula y log y - y + log(2 pi y) / 2 where y > 1.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.poisson_nll_loss(minigrad.tensor([0.0, 1.0]), minigrad.tensor([1.0, 2.0]))
    tensor(0.8591)
    """
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        y = ops.where(target > 1, target, 1.0)
        stirling = y * y.log() - y + 0.5 * (2 * math.pi * y).log()
        loss = loss + ops.where(target > 1, stirling, 0.0)
    return reduced("poisson_nll_loss", loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log v + (x - y)^2 / v) / 2, v = max(var, eps), for y with the normal distribution of mean x
    and variance v; `full` adds log(2 pi) / 2.

    `var` is a number, or has the shape of x, perhaps without its last dim or with 1 for one of its
    sizes. v has no gradient by way of the maximum: that of var is as if it were var. ValueError for
    other shapes and for negative variances.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.gaussian_nll_loss(minigrad.tensor([0.0, 2.0]), minigrad.tensor([1.0, 2.0]), 1.0)
    tensor(0.2500)
    """
    if not isinstance(var, Tensor):
        var = ops.full_like(input, var)
    if bool((var < 0).any()):
        raise ValueError("gaussian_nll_loss: var has negative entries")
    if var.shape != input.shape:
        var = _fitting_variance(input, var)
    v = var + (var.detach().clamp(min=eps) - var.detach())
    loss = 0.5 * (v.log() + (input - target).square() / v)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced("gaussian_nll_loss", loss, reduction)


def _fitting_variance(x: Tensor, var: Tensor) -> Tensor:
    if var.shape == x.shape[:-1]:
        return var.unsqueeze(-1)
    differing = [n for n, m in zip(var.shape, x.shape, strict=False) if n != m]
    if var.ndim != x.ndim or differing != [1]:
        raise ValueError(
            f"gaussian_nll_loss: var is of incorrect size {tuple(var.shape)}: that of input, "
            f"{tuple(x.shape)}, is needed, or one that has 1 in one place, or lacks the last size"
        )
    return var


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean"
) -> Tensor:
    """x where y = 1, max(0, margin - x) where y = -1: x is a distance, to be small or large.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.hinge_embedding_loss(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, -1.0]))
    tensor(0.6250)
    """
    apart = ops.where(target != 1, (margin - input).clamp(min=0), 0.0)
    together = ops.where(target != -1, input, 0.0)
    return reduced("hinge_embedding_loss", apart + together, reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - y (x1 - x2)): x1 is to be larger where y = 1, x2 where y = -1.

    RuntimeError when the numbers of dims differ.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> x, y = minigrad.tensor([1.0, 2.0]), minigrad.tensor([3.0, 1.0])
    >>> F.margin_ranking_loss(x, y, minigrad.tensor([1.0, 1.0]))
    tensor(1.)
    """
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss: all tensors should have the same number of dimensions, got "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and target {tuple(target.shape)}"
        )
    loss = (margin - target * (input1 - input2)).clamp(min=0)
    return reduced("margin_ranking_loss", loss, reduction)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1.

    x1 and x2 are (N, D) with y (N,), or (D,) with y (); RuntimeError for other shapes.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> x, y = minigrad.tensor([[1.0, 0.0]]), minigrad.tensor([[0.0, 1.0]])
    >>> F.cosine_embedding_loss(x, y, minigrad.tensor([1.0]))
    tensor(1.)
    """
    if target.ndim > 1 or not input1.ndim == input2.ndim == target.ndim + 1:
        raise RuntimeError(
            "cosine_embedding_loss: inputs (N, D) with target (N,), or (D,) with (), are needed, "
            f"got {tuple(input1.shape)}, {tuple(input2.shape)} and target {tuple(target.shape)}"
        )
    squares = (input1.square().sum(-1) + 1e-12) * (input2.square().sum(-1) + 1e-12)
    cosine = (input1 * input2).sum(-1) / squares.sqrt()
    together = ops.where(target == 1, 1.0 - cosine, 0.0)
    apart = ops.where(target == -1, (cosine - margin).clamp(min=0), 0.0)
    return reduced("cosine_embedding_loss", together + apart, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(a, p) - d(a, n)), d = pairwise_distance: the positive is to be nearer.

    With `swap` d(a, n) is at most d(p, n) (Balntas et al., 2016). ValueError for a margin that is
    not positive, RuntimeError when the numbers of dims differ.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> a, p, n = (minigrad.tensor([[x]]) for x in (0.0, 1.0, 3.0))
    >>> F.triplet_margin_loss(a, p, n, margin=5.0)
    tensor(3.)
    """

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return _triplet_loss(
        "triplet_margin_loss", anchor, positive, negative, distance, margin, swap, reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with another distance.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> a, p, n = (minigrad.tensor([[x]]) for x in (0.0, 1.0, 3.0))
    >>> d = lambda x, y: (x - y).abs().sum(-1)
    >>> F.triplet_margin_with_distance_loss(a, p, n, distance_function=d, margin=5.0)
    tensor(3.)
    """
    name, distance = "triplet_margin_with_distance_loss", distance_function or pairwise_distance
    return _triplet_loss(name, anchor, positive, negative, distance, margin, swap, reduction)


def _triplet_loss(
    name: str,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if margin <= 0:
        raise ValueError(f"{name}: margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            f"{name}: anchor, positive and negative should have the same number of dimensions, got "
            f"{tuple(anchor.shape)}, {tuple(positive.shape)} and {tuple(negative.shape)}"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduced(name, (margin + near - far).clamp(min=0), reduction)


def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-y x)), for y = 1 or -1.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.soft_margin_loss(minigrad.tensor([0.0, 100.0]), minigrad.tensor([1.0, -1.0]))
    tensor(50.3466)
    """
    loss = softplus(-target * input, 1.0, EXACT_SOFTPLUS_THRESHOLD)
    return reduced("soft_margin_loss", loss, reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-(y log s(x) + (1 - y) log(1 - s(x))), s the sigmoid, times `weight`: the mean over the last
    dim, that of classes, each of which is there (y = 1) or not.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.multilabel_soft_margin_loss(minigrad.zeros(1, 2), minigrad.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
    loss = (1.0 - target) * input + softplus(-input, 1.0, EXACT_SOFTPLUS_THRESHOLD)
    return reduced("multilabel_soft_margin_loss", _weighted(loss, weight).mean(-1), reduction)


def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """sum over i, j of max(0, 1 - x[y_j] + x[i]) / C, y_j the classes that are there, i the others.

    x is (N, C) or (C,), and so is y, int64: the classes, then -1, then what does not count.
    RuntimeError for other shapes and types.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> x, y = minigrad.tensor([[0.1, 0.2, 0.4, 0.8]]), minigrad.tensor([[3, 0, -1, 1]])
    >>> F.multilabel_margin_loss(x, y)
    tensor(0.8500)
    """
    _check_reduction("multilabel_margin_loss", reduction)
    if input.ndim > 2 or input.shape != target.shape or target.dtype != int64:
        raise RuntimeError(
            "multilabel_margin_loss: input (N, C) or (C,) and int64 target of the same shape are "
            f"needed, got {tuple(input.shape)} and {target.dtype} {tuple(target.shape)}"
        )
    if not input.ndim:  # one class
        input, target = input.reshape(1), target.reshape(1)
    given = (target == -1).cumsum(-1) == 0
    classes = ops.where(given, target, 0)
    is_given = ops.zeros_like(target).scatter_add(-1, classes, given.long()) > 0
    gaps = 1.0 - input.gather(-1, classes).unsqueeze(-1) + input.unsqueeze(-2)
    counted = given.unsqueeze(-1) & ~is_given.unsqueeze(-2)
    terms = ops.where(counted, gaps.clamp(min=0), 0.0)
    loss = terms.sum((-2, -1)) / input.shape[-1]
    return reduced("multilabel_margin_loss", loss, reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """sum over i other than y of max(0, margin - x[y] + x[i])^p / C, times weight[y].

    x is (N, C) with classes y (N,), or (C,) with (). ValueError unless p is 1 or 2; RuntimeError
    for shapes and types that do not fit.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.multi_margin_loss(minigrad.tensor([[0.1, 0.2, 0.4, 0.8]]), minigrad.tensor([3]))
    tensor(0.3250)
    """
    _check_reduction("multi_margin_loss", reduction)
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: only p == 1 and p == 2 are there, got {p}")
    rows = input if input.ndim > 1 else input.reshape(1, -1)
    labels = target.reshape(-1, 1)
    if rows.ndim != 2 or target.ndim > 1 or labels.shape[0] != rows.shape[0]:
        raise RuntimeError(
            "multi_margin_loss: input (N, C) with target (N,), or (C,) with (), are needed, got "
            f"{tuple(input.shape)} and {tuple(target.shape)}"
        )
    classes = rows.shape[1]
    if weight is not None and weight.ndim != 1:
        raise ValueError(f"multi_margin_loss: weight must be (C,), got {tuple(weight.shape)}")
    if weight is not None and weight.shape != (classes,):
        raise RuntimeError(
            f"multi_margin_loss: weight should have shape {(classes,)}, got {tuple(weight.shape)}"
        )
    terms = (margin - rows.gather(1, labels) + rows).clamp(min=0) ** p
    if weight is not None:
        terms = terms * weight.index_select(0, labels.flatten()).unsqueeze(1)
    is_other = ops.arange(classes, device=input.device) != labels
    loss = ops.where(is_other, terms, 0.0).sum(1) / classes
    return reduced("multi_margin_loss", loss if target.ndim else loss.squeeze(0), reduction)


def _check_shapes(
    op: str, input: Tensor, target: Tensor, broadcast: bool | None = None
) -> None:
    """`broadcast`: whether shapes may differ; None for a loss that PyTorch broadcasts never."""
    for name, x in (("input", input), ("target", target)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
    if input.shape == target.shape or broadcast:
        return
    shapes = f"{tuple(input.shape)} and {tuple(target.shape)}"
    message = f"{op}: input and target must have the same shape, got {shapes}."
    if input.numel() == target.numel():
        message += f" Try target.reshape({', '.join(map(str, input.shape))})."
    may = broadcast is None or fit(input.shape, target.shape)
    raise ValueError(message) if may else RuntimeError(message)


def _weighted(loss: Tensor, weight: Tensor | None) -> Tensor:
    return loss if weight is None else loss * weight


_REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda loss: loss.mean(),
    "sum": lambda loss: loss.sum(),
    "none": lambda loss: loss,
}


def reduced(op: str, loss: Tensor, reduction: str) -> Tensor:
    """The mean, the sum, or each of the losses; ValueError for another word."""
    _check_reduction(op, reduction)
    return _REDUCTIONS[reduction](loss)


def _check_reduction(op: str, reduction: str) -> None:
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"{op}: {reduction!r} is not a valid value for reduction; use 'mean', 'sum' or 'none'"
        )
