"""ASGD: averaged stochastic gradient descent (Polyak and Juditsky, 1992), with the rates of Bottou
(2010) and Xu (2011).

    g_t   = grad f(p_{t-1}) + weight_decay * p_{t-1}
    p_t   = (1 - lambd * eta_t) * p_{t-1} - eta_t * g_t
    ax_t  = ax_{t-1} + mu_t * (p_t - ax_{t-1})
    eta_t = lr / (1 + lambd * lr * (t - 1))^alpha             eta_1 = lr
    mu_t  = 1 / max(1, t - 1 - t0)

From step t0 on, ax is the average of the parameters: `optimizer.state[p]["ax"]`. p itself goes on
without it.
"""

from typing import Any

from minigrad.ops.optim import zeros_beside
from minigrad.optim.counted import CountedOptimizer
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class ASGD(CountedOptimizer):
    """p -= eta * (g + lambd * p), with the average of p beside it, "ax"; see the module.

    ValueError for a negative lr or weight_decay.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.ASGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.8000])
    """

    scalars = ("step", "eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("ASGD", group, "lr", "weight_decay")

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"eta": float(group["lr"]), "mu": 1.0, "ax": zeros_beside(p)}

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        """eta and mu of this step; those of the next go into the state."""
        eta, mu = float(state["eta"]), float(state["mu"])
        lr, step = float(group["lr"]), state["step"]
        state["eta"] = lr / (1.0 + group["lambd"] * lr * step) ** group["alpha"]
        state["mu"] = 1.0 / max(1.0, step - group["t0"])
        return eta, mu

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        _, eta, mu = numbers
        shrink = 1.0 - eta * group["lambd"]
        for p, g, state in self.each(group, params):
            p.mul_(shrink).sub_(g * eta)
            state["ax"].add_((p - state["ax"]).mul_(mu))
