"""Stochastic gradient descent, with momentum (Polyak, 1964; Sutskever et al., 2013).

    g_t = grad f(p_{t-1}) + weight_decay * p_{t-1}
    b_t = momentum * b_{t-1} + (1 - dampening) * g_t          b_1 = g_1
    d_t = b_t                                                 Nesterov: g_t + momentum * b_t
    p_t = p_{t-1} - lr * d_t

Without momentum d_t = g_t. To maximise f, the gradient's sign is changed.
"""

from typing import Any

from minigrad import ops
from minigrad.ops.optim import zeros_beside
from minigrad.optim.optimizer import (
    Optimizer,
    Params,
    by_device_and_dtype,
    check_not_negative,
)
from minigrad.tensor import Tensor


class SGD(Optimizer):
    """p -= lr * g, with momentum, Nesterov's momentum and weight decay; see the module.

    ValueError for negative options, and for nesterov without momentum or with dampening.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("SGD", group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "SGD: Nesterov momentum requires a momentum and zero dampening, got momentum "
                f"{group['momentum']} and dampening {group['dampening']}"
            )

    def _update(self, group: dict[str, Any]) -> None:
        for params in by_device_and_dtype(self.with_grad(group)):
            if group["momentum"] == 0:
                self._apply(group, params, None, group["dampening"])
                continue
            new = {p for p in params if "momentum_buffer" not in self.state[p]}
            for p in new:
                self.state[p]["momentum_buffer"] = zeros_beside(p)
            if new:
                # A buffer starts as its first gradient, whole: zeros become that undampened.
                self._apply_with_buffers(group, [p for p in params if p in new], 0.0)
                params = [p for p in params if p not in new]
            self._apply_with_buffers(group, params, group["dampening"])

    def _apply_with_buffers(
        self, group: dict[str, Any], params: list[Any], dampening: float
    ) -> None:
        buffers = [self.state[p]["momentum_buffer"] for p in params]
        self._apply(group, params, buffers, dampening)

    def _apply(
        self,
        group: dict[str, Any],
        params: list[Any],
        buffers: list[Any] | None,
        dampening: float,
    ) -> None:
        if params:
            (lr,) = self.next_numbers(group, params)
            ops.sgd_(
                params,
                [p._grad for p in params],
                buffers,
                lr,
                group["momentum"],
                dampening,
                group["weight_decay"],
                group["nesterov"],
                group["maximize"],
            )
