"""Clipping of gradients, by the norm of all of them together or element by element."""

from collections.abc import Iterable

from minigrad import ops
from minigrad.autograd import no_grad
from minigrad.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """g *= min(1, max_norm / ||all g||) in place; returns ||all g||, of all g as one vector.

    Parameters without a gradient are left out. RuntimeError for a norm that is not finite, if
    `error_if_nonfinite`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> w = nn.Parameter(minigrad.zeros(2))
    >>> w.grad = minigrad.tensor([3.0, 4.0])
    >>> nn.utils.clip_grad_norm_([w], 1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    grads = _grads(parameters)
    if not grads:
        return ops.tensor(0.0)
    with no_grad():
        norms = [grad.norm(norm_type).to(grads[0].device) for grad in grads]
        total = ops.stack(norms).norm(norm_type)
        if error_if_nonfinite and not total.isfinite():
            raise RuntimeError(
                f"clip_grad_norm_: the norm of order {norm_type} of the gradients is "
                f"{total.item()}, so they "
                "cannot be clipped; pass error_if_nonfinite=False to scale them by it anyway"
            )
        scale = (max_norm / (total + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(scale.to(grad.device, grad.dtype))
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """g = min(max(g, -clip_value), clip_value) in place.

    >>> import minigrad
    >>> from minigrad import nn
    >>> w = nn.Parameter(minigrad.zeros(2))
    >>> w.grad = minigrad.tensor([3.0, -4.0])
    >>> nn.utils.clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([ 1., -1.])
    """
    with no_grad():
        for grad in _grads(parameters):
            grad.clamp_(-float(clip_value), float(clip_value))


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]
