"""Muon (Jordan et al., 2024): momentum, orthogonalised, for matrices.

    g_t = grad f(p_{t-1})
    b_t = momentum * b_{t-1} + (1 - momentum) * g_t
    d_t = b_t,    with Nesterov's momentum  d_t = momentum * b_t + (1 - momentum) * g_t
    o_t = NewtonSchulz(d_t)
    p_t = (1 - lr * weight_decay) * p_{t-1} - lr * s * o_t

NewtonSchulz(d) comes near U V^T, where d = U S V^T is the singular value decomposition: every
direction gets a step of about the same length. It takes x_0 = d / |d|, and ns_steps times, with
ns_coefficients (a, b, c),

    x_{k+1} = a * x_k + b * (x_k x_k^T) x_k + c * (x_k x_k^T)^2 x_k

which maps each singular value s to a s + b s^3 + c s^5: five times of that bring all of them from
(0, 1] to somewhere near 1. The factor s of the step is by the shape (n, m) of p: sqrt(max(1, n/m)),
or 0.2 * sqrt(max(n, m)) with adjust_lr_fn="match_rms_adamw" (Liu et al., 2025), which makes the
step as large as those of AdamW usually are.
"""

import math
from typing import Any

from minigrad.ops.optim import zeros_beside
from minigrad.optim.counted import follow
from minigrad.optim.optimizer import Optimizer, Params, by_device_and_dtype, check_not_negative
from minigrad.tensor import Tensor


class Muon(Optimizer):
    """p -= lr * s * NewtonSchulz(b), b a moving average of g; see the module.

    ValueError for parameters that are no matrices (give these to AdamW), for negative options, for
    100 ns_steps and more, and for an adjust_lr_fn other than None, "original" and
    "match_rms_adamw". All is computed in the type of the parameter.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([[3.0, 0.0], [0.0, 3.0]]))
    >>> optimizer = optim.Muon([w], lr=0.1, weight_decay=0.0, ns_coefficients=(1.5, -0.5, 0.0))
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([[2.9000, 0.0000],
            [0.0000, 2.9000]])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Muon", group, "lr", "momentum", "weight_decay")
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Muon: Adjust learning rate function {group['adjust_lr_fn']} is not supported; "
                "use None, 'original' or 'match_rms_adamw'"
            )
        for p in group["params"]:
            if p.ndim != 2:
                raise ValueError(
                    "Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{p.shape}; give it to AdamW"
                )

    def _update(self, group: dict[str, Any]) -> None:
        for params in by_device_and_dtype(self.with_grad(group)):
            (lr,) = self.next_numbers(group, params)
            shrink = 1.0 - lr * group["weight_decay"]
            for p in params:
                change = self._orthogonal_momentum(group, p)
                p.mul_(shrink).sub_(change.mul_(lr * _size(group["adjust_lr_fn"], *p.shape)))

    def _orthogonal_momentum(self, group: dict[str, Any], p: Any) -> Tensor:
        state, momentum = self.state[p], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_beside(p)
        d = follow(state["momentum_buffer"], p.grad, momentum)
        if group["nesterov"]:
            d = p.grad.lerp(d, momentum)
        return newton_schulz(d, group["ns_coefficients"], group["ns_steps"], group["eps"])


def newton_schulz(
    d: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """U V^T, more or less, of d = U S V^T: see the module. `eps` is the least |d| to divide by."""
    if steps >= 100:
        raise ValueError(
            f"Muon: Number of steps must be less than 100 for computational efficiency, got {steps}"
        )
    if len(coefficients) != 3:
        raise ValueError(
            f"Muon: Coefficients must be a tuple of exactly 3 values, got {coefficients}"
        )
    a, b, c = coefficients
    n, m = d.shape
    x = d.mT if n > m else d  # so that x x^T is the smaller of the two products
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = (gram @ gram).mul_(c).add_(gram.mul_(b)) @ x + a * x
    return x.mT if n > m else x


def _size(adjust_lr_fn: str | None, n: int, m: int) -> float:
    """The factor s of the step: see the module."""
    if adjust_lr_fn == "match_rms_adamw":
        return 0.2 * math.sqrt(max(n, m))
    return math.sqrt(max(1.0, n / m))
