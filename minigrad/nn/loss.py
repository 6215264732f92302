"""The losses of nn.functional as modules."""

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class _Loss(Module):
    def __init__(self, reduction: str) -> None:
        super().__init__()
        if reduction not in self._reductions:
            raise ValueError(
                f"{self._get_name()}: {reduction!r} is not a valid value for reduction; there are "
                f"{', '.join(self._reductions)}"
            )
        self.reduction = reduction

    _reductions: tuple[str, ...] = ("mean", "sum", "none")


class MSELoss(_Loss):
    """(x - y)^2, see functional.mse_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MSELoss()(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def __init__(self, *, reduction: str = "mean", broadcast: bool = False) -> None:
        super().__init__(reduction)
        self.broadcast = broadcast

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction, broadcast=self.broadcast)


class L1Loss(_Loss):
    """|x - y|, see functional.l1_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.L1Loss()(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def __init__(self, *, reduction: str = "mean", broadcast: bool = False) -> None:
        super().__init__(reduction)
        self.broadcast = broadcast

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction, broadcast=self.broadcast)


class SmoothL1Loss(_Loss):
    """A square near 0 and |x - y| beyond beta, see functional.smooth_l1_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.SmoothL1Loss(reduction="none")(minigrad.tensor([0.5, 3.0]), minigrad.tensor([0.0, 0.0]))
    tensor([0.1250, 2.5000])
    """

    def __init__(
        self, *, reduction: str = "mean", beta: float = 1.0, broadcast: bool = False
    ) -> None:
        super().__init__(reduction)
        self.beta = beta
        self.broadcast = broadcast

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(
            input, target, reduction=self.reduction, beta=self.beta, broadcast=self.broadcast
        )


class HuberLoss(_Loss):
    """A square near 0 and delta |x - y| beyond, see functional.huber_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x, y = minigrad.tensor([1.0, 3.0]), minigrad.tensor([0.0, 0.0])
    >>> nn.HuberLoss(reduction="none", delta=2.0)(x, y)
    tensor([0.5000, 4.0000])
    """

    def __init__(
        self, *, reduction: str = "mean", delta: float = 1.0, broadcast: bool = False
    ) -> None:
        super().__init__(reduction)
        self.delta = delta
        self.broadcast = broadcast

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(
            input, target, reduction=self.reduction, delta=self.delta, broadcast=self.broadcast
        )


class CrossEntropyLoss(_Loss):
    """-log softmax(x)[class] for logits x (N, C) and classes (N,), see functional.cross_entropy.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CrossEntropyLoss()(minigrad.zeros(4, 10), minigrad.tensor([1, 2, 3, 4]))
    tensor(2.3026)
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_Loss):
    """-x[class] for log-probabilities x (N, C) and classes (N,), see functional.nll_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.NLLLoss()(minigrad.tensor([[-0.5, -1.0], [-2.0, -0.1]]), minigrad.tensor([0, 0]))
    tensor(1.2500)
    """

    weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class BCELoss(_Loss):
    """Cross entropy of probabilities of two classes, see functional.binary_cross_entropy.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BCELoss()(minigrad.tensor([0.5, 0.5]), minigrad.tensor([0.0, 1.0]))
    tensor(0.6931)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Cross entropy of logits of two classes, see functional.binary_cross_entropy_with_logits.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BCEWithLogitsLoss()(minigrad.tensor([0.0, 0.0]), minigrad.tensor([0.0, 1.0]))
    tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """y (log y - x), see functional.kl_div.

    >>> import minigrad
    >>> from minigrad import nn
    >>> p, q = minigrad.tensor([[0.5, 0.5]]), minigrad.tensor([[1.0, 0.0]])
    >>> nn.KLDivLoss(reduction="batchmean")(p.log(), q)
    tensor(0.6931)
    """

    _reductions = ("mean", "sum", "none", "batchmean")

    def __init__(
        self, *, reduction: str = "mean", log_target: bool = False, broadcast: bool = False
    ) -> None:
        super().__init__(reduction)
        self.log_target = log_target
        self.broadcast = broadcast

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(
            input,
            target,
            reduction=self.reduction,
            log_target=self.log_target,
            broadcast=self.broadcast,
        )
