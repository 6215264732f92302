"""AdaptiveLogSoftmaxWithLoss: a softmax over very many classes, most of them rare."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from minigrad import ops
from minigrad.dtype import int64
from minigrad.nn import functional as F
from minigrad.nn.container import ModuleList, Sequential
from minigrad.nn.linear import Linear
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class _Result(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """log p(y | x) and its negative mean, with rare classes in clusters (Grave et al., 2017).

    Classes are numbered by falling frequency. The head tells the first `cutoffs[0]` of them and the
    clusters apart; a class of cluster i, cutoffs[i] to cutoffs[i + 1] - 1, has the probability of
    the cluster times that of a softmax within, of features reduced to in_features / div_value^(i +
    1). So frequent classes cost little. x is (N, in_features) with y (N,), or (in_features,) with
    (). ValueError for cutoffs that do not increase within 1 to n_classes - 1, RuntimeError for
    shapes and classes that do not fit.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(16, 100, cutoffs=[10, 50])
    >>> layer(minigrad.zeros(3, 16), minigrad.tensor([1, 20, 99])).output.shape
    minigrad.Size([3])
    >>> layer.log_prob(minigrad.zeros(1, 16)).exp().sum().round()
    tensor(1., grad_fn=<RoundBackward0>)
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        ends = [0, *cutoffs, n_classes]
        increase = all(a < b and b == int(b) for a, b in pairwise(ends))
        if not cutoffs or not increase:
            raise ValueError(
                "AdaptiveLogSoftmaxWithLoss: cutoffs should be unique, positive integers in "
                f"increasing order, between 1 and n_classes - 1 = {n_classes - 1}, got {cutoffs}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = ends[1:]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = ends[1]
        self.n_clusters = len(ends) - 2
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (start, stop) in enumerate(pairwise(ends[1:]), start=1):
            width = int(in_features // div_value**i)
            reduce = Linear(in_features, width, False, device, dtype)
            self.tail.append(Sequential(reduce, Linear(width, stop - start, False, device, dtype)))

    def reset_parameters(self) -> None:
        """As those of Linear."""
        for layer in (self.head, *(linear for cluster in self.tail for linear in cluster)):
            layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _Result:
        if target_.ndim > 1 or not input_.ndim or input_.shape[:-1] != target_.shape:
            raise RuntimeError(
                "AdaptiveLogSoftmaxWithLoss: input (N, in_features) with target (N,), or "
                "(in_features,) with (), are needed, got "
                f"{tuple(input_.shape)} and {tuple(target_.shape)}"
            )
        x, y = input_.reshape(-1, input_.shape[-1]), target_.reshape(-1)
        if not bool(((y >= 0) & (y < self.n_classes)).all()):
            raise RuntimeError(
                f"AdaptiveLogSoftmaxWithLoss: target values should be in [0, {self.n_classes - 1}]"
            )
        cluster = sum(((y >= start).to(int64) for start in self.cutoffs[:-1]), ops.zeros_like(y))
        in_head = ops.where(cluster == 0, y, self.shortlist_size + cluster - 1)
        output = F.log_softmax(self.head(x), dim=1).gather(1, in_head.unsqueeze(1)).squeeze(1)
        for i, layer in enumerate(self.tail, start=1):
            rows = (cluster == i).nonzero().squeeze(1)
            if rows.numel():
                within = (y.index_select(0, rows) - self.cutoffs[i - 1]).unsqueeze(1)
                logs = F.log_softmax(layer(x.index_select(0, rows)), dim=1).gather(1, within)
                output = output.index_add(0, rows, logs.squeeze(1))
        return _Result(output.reshape(target_.shape), -output.mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The logarithms of the probabilities of all classes, (N, n_classes)."""
        head = F.log_softmax(self.head(input), dim=1)
        short, clusters = head.split([self.shortlist_size, self.n_clusters], 1)
        parts = [
            F.log_softmax(layer(input), dim=1) + clusters[:, i : i + 1]
            for i, layer in enumerate(self.tail)
        ]
        return ops.cat([short, *parts], 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row, (N,)."""
        return self.log_prob(input).argmax(1)
