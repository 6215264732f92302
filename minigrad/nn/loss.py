"""The losses of nn.functional as modules."""

from collections.abc import Callable, Sequence

from minigrad.nn import functional as F
from minigrad.nn.distance import PairwiseDistance
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


class PoissonNLLLoss(_Loss):
    """exp(x) - y x for counts y, see functional.poisson_nll_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.PoissonNLLLoss()(minigrad.tensor([0.0, 1.0]), minigrad.tensor([1.0, 2.0]))
    tensor(0.8591)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """(log v + (x - y)^2 / v) / 2 with a variance v for each, see functional.gaussian_nll_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.GaussianNLLLoss()(minigrad.tensor([0.0, 2.0]), minigrad.tensor([1.0, 2.0]), 1.0)
    tensor(0.2500)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class HingeEmbeddingLoss(_Loss):
    """x where y = 1, max(0, margin - x) where y = -1, see functional.hinge_embedding_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.HingeEmbeddingLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, -1.0]))
    tensor(0.6250)
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, margin - y (x1 - x2)), see functional.margin_ranking_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x, y = minigrad.tensor([1.0, 2.0]), minigrad.tensor([3.0, 1.0])
    >>> nn.MarginRankingLoss()(x, y, minigrad.tensor([1.0, 1.0]))
    tensor(1.)
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1, see
    functional.cosine_embedding_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x, y = minigrad.tensor([[1.0, 0.0]]), minigrad.tensor([[0.0, 1.0]])
    >>> nn.CosineEmbeddingLoss()(x, y, minigrad.tensor([1.0]))
    tensor(1.)
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(
            input1, input2, target, self.margin, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """max(0, margin + d(a, p) - d(a, n)), see functional.triplet_margin_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> a, p, n = (minigrad.tensor([[x]]) for x in (0.0, 1.0, 3.0))
    >>> nn.TripletMarginLoss(margin=5.0)(a, p, n)
    tensor(3.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        _check_margin(self, margin)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap,
            reduction=self.reduction,
        )  # fmt: skip


class TripletMarginWithDistanceLoss(_Loss):
    """TripletMarginLoss with another distance, a function of two tensors.

    >>> import minigrad
    >>> from minigrad import nn
    >>> a, p, n = (minigrad.tensor([[x]]) for x in (0.0, 1.0, 3.0))
    >>> loss = nn.TripletMarginWithDistanceLoss(distance_function=nn.PairwiseDistance(), margin=5.0)
    >>> loss(a, p, n)
    tensor(3.)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        _check_margin(self, margin)
        self.distance_function = distance_function or PairwiseDistance()
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


def _check_margin(loss: Module, margin: float) -> None:
    if margin <= 0:
        raise ValueError(f"{loss._get_name()}: margin must be greater than 0, got {margin}")


class SoftMarginLoss(_Loss):
    """log(1 + exp(-y x)), see functional.soft_margin_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.SoftMarginLoss()(minigrad.tensor([0.0, 100.0]), minigrad.tensor([1.0, -1.0]))
    tensor(50.3466)
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_Loss):
    """Cross entropy of each class, there or not: see functional.multilabel_soft_margin_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MultiLabelSoftMarginLoss()(minigrad.zeros(1, 2), minigrad.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """Margins of several classes over all others, see functional.multilabel_margin_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x, y = minigrad.tensor([[0.1, 0.2, 0.4, 0.8]]), minigrad.tensor([[3, 0, -1, 1]])
    >>> nn.MultiLabelMarginLoss()(x, y)
    tensor(0.8500)
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_Loss):
    """The margin of one class over all others, see functional.multi_margin_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MultiMarginLoss()(minigrad.tensor([[0.1, 0.2, 0.4, 0.8]]), minigrad.tensor([3]))
    tensor(0.3250)
    """

    weight: Tensor | None

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: only p == 1 and p == 2 are there, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ValueError(f"MultiMarginLoss: weight must be (C,), got {tuple(weight.shape)}")
        self.p = p
        self.margin = margin
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, reduction=self.reduction
        )


class CTCLoss(_Loss):
    """-log of the probability that frames spell a target, see functional.ctc_loss.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = minigrad.zeros(5, 1, 3).log_softmax(2)
    >>> nn.CTCLoss(reduction="sum")(x, minigrad.tensor([[1, 2]]), [5], [2])
    tensor(1.9377)
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
