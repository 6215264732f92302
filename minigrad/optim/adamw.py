"""AdamW: Adam with weight decay of its own (Loshchilov and Hutter, 2019).

    p'_t = p_{t-1} - lr * weight_decay * p_{t-1}
    p_t  = p'_t - lr * m^_t / (sqrt(v^_t) + eps)

with Adam's m^_t and v^_t of the bare gradient. Added to the gradient, as in Adam, the decay would
be divided by sqrt(v^_t) as the gradient is, and large weights with large gradients would hardly
decay.
"""

from minigrad.optim.adam import Adam
from minigrad.optim.optimizer import Params
from minigrad.tensor import Tensor


class AdamW(Adam):
    """p -= lr * (m / (sqrt(v) + eps) + weight_decay * p). See the module for the rule.

    ValueError as for Adam.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0]))
    >>> optimizer = optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.8500])
    """

    decoupled_weight_decay = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
