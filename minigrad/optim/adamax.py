"""Adamax: Adam with a maximum in the place of the squares (Kingma and Ba, 2015, section 7.1).

    g_t = grad f(p_{t-1}) + weight_decay * p_{t-1}
    m_t = beta1 * m_{t-1} + (1 - beta1) * g_t
    u_t = max(beta2 * u_{t-1}, |g_t| + eps)
    p_t = p_{t-1} - lr / (1 - beta1^t) * m_t / u_t

Adam's v is a moving average of |g|^2; that of |g|^k, to the power 1/k, becomes u as k grows. It
starts at 0 and needs no correction. The paper has no eps: PyTorch adds it, so that u is never 0.
"""

from typing import Any

from minigrad import ops
from minigrad.ops.optim import zeros_beside
from minigrad.optim.counted import CountedOptimizer, check_betas, follow
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class Adamax(CountedOptimizer):
    """p -= lr * m / u, m a moving average of g, u a decaying maximum of |g|; see the module.

    ValueError for negative options and for betas outside [0, 1).

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Adamax", group, "lr", "eps", "weight_decay")
        check_betas("Adamax", group)

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"exp_avg": zeros_beside(p), "exp_inf": zeros_beside(p)}

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        return (1.0 - group["betas"][0] ** state["step"],)

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        lr, correction = numbers
        beta1, beta2 = group["betas"]
        rate = lr / correction
        for p, g, state in self.each(group, params):
            m, u = follow(state["exp_avg"], g, beta1), state["exp_inf"]
            u.copy_(ops.maximum(u.mul_(beta2), g.abs().add_(group["eps"])))
            p.sub_((m / u).mul_(rate))
