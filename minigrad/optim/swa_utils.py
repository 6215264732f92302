"""Averages of a model's parameters along its training: SWA (Izmailov et al., 2018) and EMA.

    SWA:  a_{n+1} = a_n + (p - a_n) / (n + 1)                 the mean of all that were taken in
    EMA:  a_{n+1} = decay * a_n + (1 - decay) * p             a moving average

Stochastic weight averaging trains on with a large, constant rate (SWALR) and takes in the
parameters now and then: the mean of points around a wide minimum lies nearer to its middle than any
of them.
"""

import copy
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from minigrad import ops
from minigrad.autograd import no_grad
from minigrad.dtype import int64
from minigrad.names import missing
from minigrad.nn.module import Module
from minigrad.nn.normalization import _BatchNorm
from minigrad.optim.lr_scheduler import LRScheduler, check_strategy, for_each_group
from minigrad.optim.optimizer import Optimizer
from minigrad.tensor import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[list[Tensor], list[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The function (average, p, n) -> decay * average + (1 - decay) * p.

    ValueError for a decay outside [0, 1].
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )

    def ema(average: Tensor, p: Tensor, n: Any) -> Tensor:
        return decay * average + (1.0 - decay) * p

    return no_grad()(ema)


def get_swa_avg_fn() -> Average:
    """The function (average, p, n) -> average + (p - average) / (n + 1)."""

    def swa(average: Tensor, p: Tensor, n: Any) -> Tensor:
        return average + (p - average) / (n + 1)

    return no_grad()(swa)


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """get_ema_avg_fn for lists of averages and parameters; it changes the averages in place."""
    return _of_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> MultiAverage:
    """get_swa_avg_fn for lists of averages and parameters; it changes the averages in place."""
    return _of_lists(get_swa_avg_fn())


def _of_lists(function: Average) -> MultiAverage:
    def update(averages: list[Tensor], params: list[Tensor], n: Any) -> None:
        for average, p in zip(averages, params, strict=True):
            average.copy_(function(average, p, n))

    return no_grad()(update)


class AveragedModel(Module):
    """A copy of `model`, `module`, whose parameters are averages of those taken in.

    The first ones are taken as they are, later ones by `avg_fn(average, p, n_averaged)`, or by
    `multi_avg_fn(averages, params, n_averaged)` for lists of one device and type: the mean if
    neither is given, AssertionError if both are. Buffers are averaged with `use_buffers`, copied
    otherwise.

    >>> import minigrad
    >>> from minigrad import nn
    >>> from minigrad.optim.swa_utils import AveragedModel
    >>> model = nn.Linear(1, 1, bias=False)
    >>> averaged = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", ops.zeros((), dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes in the parameters of `model`."""
        with no_grad():
            averages = [x.detach() for x in self._averaged_of(self.module)]
            params = [
                p.detach().to(average.device)
                for average, p in zip(averages, self._averaged_of(model), strict=True)
            ]
            if self.n_averaged.item() == 0:
                _copy(params, averages)
            else:
                self._average(averages, params)
            if not self.use_buffers:
                _copy(model.buffers(), self.module.buffers())
            self.n_averaged += 1

    def _averaged_of(self, module: Module) -> Iterable[Tensor]:
        buffers = module.buffers() if self.use_buffers else ()
        return itertools.chain(module.parameters(), buffers)

    def _average(self, averages: list[Tensor], params: list[Tensor]) -> None:
        function = self.multi_avg_fn or _of_lists(self.avg_fn or get_swa_avg_fn())
        lists: defaultdict[Any, tuple[list[Tensor], list[Tensor]]] = defaultdict(lambda: ([], []))
        for average, p in zip(averages, params, strict=True):
            xs, ys = lists[average.device, average.dtype]
            xs.append(average)
            ys.append(p)
        for (device, _), (xs, ys) in lists.items():
            function(xs, ys, self.n_averaged.to(device))


def _copy(sources: Iterable[Tensor], targets: Iterable[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.detach().copy_(source.detach().to(target.device))


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running averages of all BatchNorm layers of `model` anew, from a pass over the
    batches of `loader` (the first element of each, where they are lists or tuples).

    An averaged model needs it: the statistics of its activations were never seen.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over all batches
    with no_grad():
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present rate to `swa_lr` in `anneal_epochs` steps, and constant from there.

    By half a cosine, or by a line with anneal_strategy="linear". ValueError for another one, and
    for anneal_epochs that are negative or no integer.

    >>> from minigrad import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> schedule = optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = for_each_group("swa_lr", optimizer, swa_lr)
        check_strategy(anneal_strategy)
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}"
            )
        for group, lr in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = lr
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        now, before = self._share(step), self._share(step - 1)
        rates = []
        for group, lr in zip(self.optimizer.param_groups, self._present(), strict=True):
            end = group["swa_lr"]
            # The present rate lies at `before` of the way: so the start was
            start = end if before == 1.0 else (lr - before * end) / (1.0 - before)
            rates.append(end * now + start * (1.0 - now))
        return rates

    def _share(self, step: int) -> float:
        """How far on the way from the first rate to swa_lr."""
        share = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        if self._anneal_strategy == "linear":
            return share
        return (1.0 - math.cos(math.pi * share)) / 2.0


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("optim.swa_utils", name, __all__))
