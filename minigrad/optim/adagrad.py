"""Adagrad (Duchi, Hazan and Singer, 2011).

    g_t = grad f(p_{t-1}) + weight_decay * p_{t-1}
    s_t = s_{t-1} + g_t^2                                     s_0 = initial_accumulator_value
    p_t = p_{t-1} - lr / (1 + (t - 1) * lr_decay) * g_t / (sqrt(s_t) + eps)

What has had large gradients moves less: rare features keep a large step. The sum only grows, and
the steps get ever smaller; RMSprop and Adadelta average instead. The paper has no lr_decay.
"""

from typing import Any

from minigrad.ops.optim import full_beside
from minigrad.optim.counted import CountedOptimizer
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class Adagrad(CountedOptimizer):
    """p -= lr * g / (sqrt(s) + eps), s the sum of all g^2 so far; see the module.

    ValueError for negative options. As in PyTorch, the state is there before the first step.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = {"step": 0, **self._start(group, p)}

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative(
            "Adagrad", group, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"
        )

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"sum": full_beside(p, self.defaults["initial_accumulator_value"])}

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        return (1.0 / (1.0 + (state["step"] - 1) * group["lr_decay"]),)

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        lr, decay = numbers
        rate = lr * decay
        for p, g, state in self.each(group, params):
            root = state["sum"].add_(g.square()).sqrt()
            p.sub_((g * rate).div_(root.add_(group["eps"])))
