"""RAdam: Adam that does without v until it can be trusted (Liu et al., 2020).

    g_t = grad f(p_{t-1}) + weight_decay * p_{t-1}
    m_t = beta1 * m_{t-1} + (1 - beta1) * g_t,                m^_t = m_t / (1 - beta1^t)
    v_t = beta2 * v_{t-1} + (1 - beta2) * g_t^2
    rho_t = rho_inf - 2 * t * beta2^t / (1 - beta2^t)         rho_inf = 2 / (1 - beta2) - 1
    where rho_t > 5:
        l_t = sqrt(1 - beta2^t) / (sqrt(v_t) + eps)
        r_t = sqrt((rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t))
        p_t = p_{t-1} - lr * m^_t * r_t * l_t
    and before:
        p_t = p_{t-1} - lr * m^_t

rho_t is how many gradients v_t averages, in effect. Of few, 1 / sqrt(v) has a variance so large
that Adam needs a warm-up; r_t takes it back. The paper asks for rho_t > 4, PyTorch for 5. With
decoupled_weight_decay the weights decay as in AdamW.
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


class RAdam(CountedOptimizer):
    """p -= lr * r * m / (sqrt(v) + eps), and p -= lr * m in the first steps; see the module.

    ValueError for negative options and for betas outside [0, 1). The first steps (five with the
    default betas) are unlike those after them: record a later one to replay it.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("RAdam", group, "lr", "eps", "weight_decay")
        check_betas("RAdam", group)

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"exp_avg": zeros_beside(p), "exp_avg_sq": zeros_beside(p)}

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        """The correction of m, and the rectification r * sqrt(1 - beta2^t), or 0."""
        beta1, beta2 = group["betas"]
        step = state["step"]
        correction = 1.0 - beta2**step
        longest = 2.0 / (1.0 - beta2) - 1.0
        length = longest - 2.0 * step * beta2**step / correction
        if length <= 5.0:
            return 1.0 - beta1**step, 0.0
        share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        return 1.0 - beta1**step, (share * correction) ** 0.5

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        lr, correction, rectification = numbers
        beta1, beta2 = group["betas"]
        self.decay(group, params, lr)
        adaptive = self._numbers(group, self.state[params[0]])[1] > 0.0
        rate = lr / correction * rectification if adaptive else lr / correction
        for p, g, state in self.each(group, params):
            m = follow(state["exp_avg"], g, beta1)
            v = follow_square(state["exp_avg_sq"], g, beta2)
            change = m * rate
            p.sub_(change.div_(v.sqrt().add_(group["eps"])) if adaptive else change)
