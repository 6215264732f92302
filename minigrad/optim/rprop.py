"""Rprop: steps by the signs of the gradient alone (Riedmiller and Braun, 1993).

    s_t = s_{t-1} * etaplus     where g_t has the sign of g_{t-1}, but at most the largest step,
          s_{t-1} * etaminus    where it has the other, but at least the smallest,
          s_{t-1}               where one of them is 0;                s_0 = lr
    g_t = 0                     where the sign has changed: the step before went too far
    p_t = p_{t-1} - sign(g_t) * s_t

It is a method for full batches: the signs of gradients of small ones change by chance.
"""

from typing import Any

from minigrad import ops
from minigrad.ops.optim import full_beside, zeros_beside
from minigrad.optim.counted import CountedOptimizer
from minigrad.optim.optimizer import Params, check_not_negative
from minigrad.tensor import Tensor


class Rprop(CountedOptimizer):
    """p -= sign(g) * s, with a step s for each number, which grows and shrinks; see the module.

    `lr` is the first step, `etas` are the factors (etaminus, etaplus), `step_sizes` the bounds of
    the step. ValueError for a negative lr, and unless 0 < etaminus < 1 < etaplus.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.Rprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Rprop", group, "lr")
        etaminus, etaplus = group["etas"]
        if not 0.0 < etaminus < 1.0 < etaplus:
            raise ValueError(
                f"Rprop: Invalid eta values: {etaminus}, {etaplus}, must be "
                "0 < etaminus < 1 < etaplus"
            )

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"prev": zeros_beside(p), "step_size": full_beside(p, float(group["lr"]))}

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        etaminus, etaplus = group["etas"]
        for p, g, state in self.each(group, params):
            before, size = state["prev"], state["step_size"]
            agreement = g * before
            turned = agreement < 0.0
            smaller = ops.where(turned, size * etaminus, size)
            new = ops.where(agreement > 0.0, size * etaplus, smaller)
            size.copy_(new.clamp_(*group["step_sizes"]))
            before.copy_(ops.where(turned, 0.0, g))
            p.sub_(before.sign().mul_(size))
