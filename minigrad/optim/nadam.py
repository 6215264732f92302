"""NAdam: Adam with Nesterov's momentum (Dozat, 2016).

    g_t  = grad f(p_{t-1}) + weight_decay * p_{t-1}
    mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2)        a momentum that grows to beta1
    m_t  = beta1 * m_{t-1} + (1 - beta1) * g_t
    v_t  = beta2 * v_{t-1} + (1 - beta2) * g_t^2
    m^_t = mu_{t+1} * m_t / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) * g_t / (1 - mu_1 ... mu_t)
    v^_t = v_t / (1 - beta2^t)
    p_t  = p_{t-1} - lr * m^_t / (sqrt(v^_t) + eps)

The momentum of the next step is applied in this one: m^ looks ahead, as Nesterov's gradient does.
With decoupled_weight_decay the weights decay as in AdamW.
"""

from typing import Any

from minigrad.ops.optim import zeros_beside
from minigrad.optim.counted import (
    CountedOptimizer,
    check_betas,
    follow,
    follow_square,
)
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class NAdam(CountedOptimizer):
    """p -= lr * (a * m + b * g) / (sqrt(v) + eps), which looks ahead; see the module.

    ValueError for negative options and for betas outside [0, 1).

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.8944])
    """

    scalars = ("step", "mu_product")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("NAdam", group, "lr", "eps", "weight_decay", "momentum_decay")
        check_betas("NAdam", group)

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"mu_product": 1.0, "exp_avg": zeros_beside(p), "exp_avg_sq": zeros_beside(p)}

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        """The weights of m and of g, and the correction of v."""
        beta1, beta2 = group["betas"]
        step = state["step"]
        mu, mu_next = (
            beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1)
        )
        product = state["mu_product"] = float(state["mu_product"]) * mu
        weight_g = (1.0 - mu) / (1.0 - product)
        return mu_next / (1.0 - product * mu_next), weight_g, 1.0 - beta2**step

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        lr, weight_m, weight_g, correction = numbers
        beta1, beta2 = group["betas"]
        self.decay(group, params, lr)
        scale, weight_m, weight_g = correction.rsqrt(), weight_m * lr, weight_g * lr
        for p, g, state in self.each(group, params):
            m = follow(state["exp_avg"], g, beta1)
            v = follow_square(state["exp_avg_sq"], g, beta2)
            ahead = (m * weight_m).add_(g * weight_g)
            p.sub_(ahead.div_(v.sqrt().mul_(scale).add_(group["eps"])))
