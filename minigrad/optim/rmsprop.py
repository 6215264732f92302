"""RMSprop (Hinton, in Tieleman and Hinton, 2012, lecture 6.5), centred as Graves has it (2013).

    g_t = grad f(p_{t-1}) + weight_decay * p_{t-1}
    v_t = alpha * v_{t-1} + (1 - alpha) * g_t^2
    a_t = alpha * a_{t-1} + (1 - alpha) * g_t                 only where it is centred:
    s_t = v_t - a_t^2                                         otherwise s_t = v_t
    b_t = momentum * b_{t-1} + g_t / (sqrt(s_t) + eps)
    p_t = p_{t-1} - lr * b_t
"""

from typing import Any

from minigrad.ops.optim import zeros_beside
from minigrad.optim.counted import CountedOptimizer, follow, follow_square
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class RMSprop(CountedOptimizer):
    """p -= lr * g / (sqrt(v) + eps), v a moving average of g^2; see the module.

    ValueError for negative options.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.RMSprop([w], lr=0.01)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("RMSprop", group, "lr", "eps", "momentum", "weight_decay", "alpha")

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        names = ["square_avg"]
        names += ["momentum_buffer"] * (group["momentum"] > 0)
        names += ["grad_avg"] * group["centered"]
        return {name: zeros_beside(p) for name in names}

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        (lr,) = numbers
        alpha = group["alpha"]
        for p, g, state in self.each(group, params):
            s = follow_square(state["square_avg"], g, alpha)
            if group["centered"]:
                s = s - follow(state["grad_avg"], g, alpha).square()
            d = g / s.sqrt().add_(group["eps"])
            if group["momentum"] > 0:
                d = state["momentum_buffer"].mul_(group["momentum"]).add_(d)
            p.sub_(d * lr)
