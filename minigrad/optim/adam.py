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

from collections import defaultdict
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


class Adam(Optimizer):
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
        for i, beta in enumerate(group["betas"]):
            if not 0.0 <= beta < 1.0:
                raise ValueError(
                    f"{type(self).__name__}: Invalid beta parameter at index {i}: {beta}, must be "
                    "in [0, 1)"
                )

    def _update(self, group: dict[str, Any]) -> None:
        for params in by_device_and_dtype(self.with_grad(group)):
            for same_step in self._by_step(group, params):
                self._apply(group, same_step)

    def _by_step(self, group: dict[str, Any], params: list[Any]) -> list[list[Any]]:
        """The parameters in lists that have taken equally many steps."""
        by_step: defaultdict[int, list[Any]] = defaultdict(list)
        for p in params:
            state = self.state[p]
            if not state:
                state["step"] = 0
                state["exp_avg"] = zeros_beside(p)
                state["exp_avg_sq"] = zeros_beside(p)
                if group["amsgrad"]:
                    state["max_exp_avg_sq"] = zeros_beside(p)
            by_step[int(state["step"])].append(p)
        return list(by_step.values())

    def _count(self, group: dict[str, Any], params: list[Any]) -> tuple[float, ...]:
        """One step more; the bias corrections 1 - beta^step."""
        states = [self.state[p] for p in params]
        step = int(states[0]["step"]) + 1
        for state in states:
            state["step"] = step
        beta1, beta2 = group["betas"]
        return 1.0 - beta1**step, 1.0 - beta2**step

    def _apply(self, group: dict[str, Any], params: list[Any]) -> None:
        lr, correction1, correction2 = self.next_numbers(group, params)
        if group["amsgrad"]:
            for p in params:
                self._apply_amsgrad(group, p, lr, correction1, correction2)
            return
        beta1, beta2 = group["betas"]
        ops.adam_(
            params,
            [p.grad for p in params],
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
        self, group: dict[str, Any], p: Any, lr: Tensor, correction1: Tensor, correction2: Tensor
    ) -> None:
        beta1, beta2 = group["betas"]
        state = self.state[p]
        g = -p.grad if group["maximize"] else p.grad
        if self.decoupled_weight_decay:
            p.mul_(1.0 - lr * group["weight_decay"])
        elif group["weight_decay"]:
            g = g + group["weight_decay"] * p
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m.lerp_(g, 1.0 - beta1)
        v.mul_(beta2).add_(g.square() * (1.0 - beta2))
        state["max_exp_avg_sq"].copy_(ops.maximum(state["max_exp_avg_sq"], v))
        root = (state["max_exp_avg_sq"] / correction2).sqrt()
        p.sub_(m / (root + group["eps"]) * (lr / correction1))
