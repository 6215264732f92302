"""Adam (Kingma and Ba, 2015), and its variant AMSGrad (Reddi et al., 2018).

    g_t = grad f(p_{t-1}) + weight_decay * p_{t-1}
    m_t = beta1 * m_{t-1} + (1 - beta1) * g_t                 moving average of the gradient
    v_t = beta2 * v_{t-1} + (1 - beta2) * g_t^2               and of its square; both start at 0,
    m^_t = m_t / (1 - beta1^t)                                which this makes up for
    v^_t = v_t / (1 - beta2^t)
    p_t = p_{t-1} - lr * m^_t / (sqrt(v^_t) + eps)

AMSGrad takes the largest v so far in the place of v_t in the last but one line. To maximise f, the
gradient's sign is changed.
"""

from typing import Any

from minigrad import ops
from minigrad.ops.optim import zeros_beside
from minigrad.optim.counted import CountedOptimizer, check_betas, follow, follow_square
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class Adam(CountedOptimizer):
    """p -= lr * m / (sqrt(v) + eps), m and v moving averages of g and g^2; see the module.

    ValueError for negative options and for betas outside [0, 1).

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.9000])
    """

    # Whether the weights decay on their own, p -= lr * weight_decay * p, and not through the
    # gradient.
    decoupled_weight_decay = False

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative(type(self).__name__, group, "lr", "eps", "weight_decay")
        check_betas(type(self).__name__, group)

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * group["amsgrad"]
        return {name: zeros_beside(p) for name in names}

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        """The bias corrections 1 - beta^step."""
        beta1, beta2 = group["betas"]
        return 1.0 - beta1 ** state["step"], 1.0 - beta2 ** state["step"]

    def _decoupled(self, group: dict[str, Any]) -> bool:
        return self.decoupled_weight_decay

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        if group["amsgrad"]:
            self._apply_amsgrad(group, params, *numbers)
            return
        lr, correction1, correction2 = numbers
        beta1, beta2 = group["betas"]
        ops.adam_(
            params,
            [p._grad for p in params],
            [self.state[p]["exp_avg"] for p in params],
            [self.state[p]["exp_avg_sq"] for p in params],
            lr,
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            self.decoupled_weight_decay,
            correction1,
            correction2,
            group["maximize"],
        )

    def _apply_amsgrad(
        self,
        group: dict[str, Any],
        params: list[Any],
        lr: Tensor,
        correction1: Tensor,
        correction2: Tensor,
    ) -> None:
        beta1, beta2 = group["betas"]
        self.decay(group, params, lr)
        rate, scale = lr / correction1, correction2.rsqrt()
        for p, g, state in self.each(group, params):
            m = follow(state["exp_avg"], g, beta1)
            v = follow_square(state["exp_avg_sq"], g, beta2)
            largest = state["max_exp_avg_sq"]
            largest.copy_(ops.maximum(largest, v))
            p.sub_(m / (largest.sqrt() * scale + group["eps"]) * rate)
