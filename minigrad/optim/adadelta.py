"""Adadelta (Zeiler, 2012).

    g_t = grad f(p_{t-1}) + weight_decay * p_{t-1}
    v_t = rho * v_{t-1} + (1 - rho) * g_t^2
    d_t = sqrt(u_{t-1} + eps) / sqrt(v_t + eps) * g_t
    u_t = rho * u_{t-1} + (1 - rho) * d_t^2
    p_t = p_{t-1} - lr * d_t

The step has the unit of the parameter, as Newton's has: sqrt(u), what the steps were of late,
stands where other methods have a learning rate. The paper has no lr: it is 1.
"""

from typing import Any

from minigrad.ops.optim import zeros_beside
from minigrad.optim.counted import CountedOptimizer, follow_square
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class Adadelta(CountedOptimizer):
    """p -= lr * sqrt(u + eps) / sqrt(v + eps) * g, u and v moving averages of the squares of the
    steps and of g; see the module.

    ValueError for negative options and for a rho outside [0, 1].

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.Adadelta([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.9968])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Adadelta", group, "lr", "eps", "weight_decay")
        if not 0.0 <= group["rho"] <= 1.0:
            raise ValueError(f"Adadelta: Invalid rho value: {group['rho']}, must be in [0, 1]")

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"square_avg": zeros_beside(p), "acc_delta": zeros_beside(p)}

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        (lr,) = numbers
        rho, eps = group["rho"], group["eps"]
        for p, g, state in self.each(group, params):
            v, u = follow_square(state["square_avg"], g, rho), state["acc_delta"]
            d = (u + eps).div_(v + eps).sqrt_().mul_(g)
            follow_square(u, d, rho)
            p.sub_(d.mul_(lr))
