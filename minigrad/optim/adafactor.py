"""Adafactor (Shazeer and Stern, 2018): adaptive steps with the memory of a row and a column.

    g_t   = grad f(p_{t-1})
    b_t   = t^beta2_decay                                     1 - beta2, which falls from 1
    r_t   = (1 - b_t) * r_{t-1} + b_t * mean of g_t^2 along each row
    c_t   = (1 - b_t) * c_{t-1} + b_t * mean of g_t^2 along each column
    v_t   = r_t c_t / max(mean of r_t, eps1)                  the best product of a column and a row
    u_t   = g_t / sqrt(max(v_t, eps1^2))
    u^_t  = u_t / max(1, RMS(u_t) / d)                        clipped
    rho_t = min(lr, 1 / sqrt(t))
    p_t   = (1 - lr * weight_decay) * p_{t-1} - max(eps2, RMS(p_{t-1})) * rho_t * u^_t

RMS(x) is the root of the mean of x^2. What has no rows and columns keeps v_t itself, a moving
average of g^2; of more than two dimensions, the last two are meant.
"""

from typing import Any

from minigrad import ops
from minigrad.dtype import finfo
from minigrad.ops.optim import full_beside, zeros_beside
from minigrad.optim.counted import CountedOptimizer
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class Adafactor(CountedOptimizer):
    """p -= rho * RMS(p) * g / sqrt(v), v from averages of rows and columns of g^2; see the module.

    `eps` is (eps1, eps2); an eps1 of None is the eps of the parameter's type. ValueError for
    negative options, a positive beta2_decay, and a d under 1.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.Adafactor([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.9000])
    """

    by_shape = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Adafactor", group, "lr", "weight_decay")
        if not group["beta2_decay"] <= 0.0:
            raise ValueError(
                f"Adafactor: beta2_decay should be <= 0 but is: {group['beta2_decay']}"
            )
        for i, eps in enumerate(group["eps"], 1):
            if eps is not None and not eps >= 0.0:
                raise ValueError(f"Adafactor: epsilon{i} should be >= 0 but is: {eps}")
        if not group["d"] >= 1.0:
            raise ValueError(
                f"Adafactor: Clipping threshold d should be >= 1 but is: {group['d']}"
            )

    def _decoupled(self, group: dict[str, Any]) -> bool:
        return True

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        if p.ndim < 2:
            return {"variance": zeros_beside(p)}
        *batch, n, m = p.shape
        return {
            "row_var": full_beside(p, 0, (*batch, n, 1)),
            "col_var": full_beside(p, 0, (*batch, 1, m)),
        }

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        """The weight of the present gradient, and rho."""
        step = state["step"]
        return step ** group["beta2_decay"], min(float(group["lr"]), step**-0.5)

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        lr, weight, rho = numbers
        eps1, eps2 = group["eps"]
        eps1 = finfo(params[0].dtype).eps if eps1 is None else eps1
        for p, g, state in self.each(group, params):
            size = _rms(p).clamp_(min=eps2).mul_(rho)
            self.decay(group, [p], lr)
            u = g * _variance(state, g, weight, eps1).clamp_(min=eps1 * eps1).rsqrt_()
            size.div_((_rms(u) / group["d"]).clamp_(min=1.0))
            p.sub_(u.mul_(size))


def _rms(x: Tensor) -> Tensor:
    """Of each tensor of the stack x."""
    rms = x.square().reshape(len(x), -1).mean(1).sqrt()
    return rms.reshape(len(x), *[1] * (x.ndim - 1))


def _variance(state: dict[str, Any], g: Tensor, weight: Tensor, eps1: float) -> Tensor:
    """v, after the averages in the state have taken g into them."""
    square = g.square()
    if "variance" in state:
        return state["variance"].lerp_(square, weight).clone()
    row = state["row_var"].lerp_(square.mean(-1, keepdim=True), weight)
    column = state["col_var"].lerp_(square.mean(-2, keepdim=True), weight)
    return ops.matmul(row, column).div_(row.mean(-2, keepdim=True).clamp_(min=eps1))
