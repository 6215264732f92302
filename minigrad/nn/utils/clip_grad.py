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
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm(_grads(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of order `norm_type` of all tensors as one vector; 0 of none.

    RuntimeError for a norm that is not finite, if `error_if_nonfinite`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.utils.get_total_norm([minigrad.tensor([3.0]), minigrad.tensor([4.0])])
    tensor(5.)
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not tensors:
        return ops.tensor(0.0)
    total = ops.stack([x.norm(norm_type).to(tensors[0].device) for x in tensors]).norm(norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(
            f"the norm of order {norm_type} of the gradients is {total.item()}, so they cannot be "
            "clipped; pass error_if_nonfinite=False to scale them by it anyway"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor
) -> None:
    """g *= min(1, max_norm / total_norm) in place.

    >>> import minigrad
    >>> from minigrad import nn
    >>> w = nn.Parameter(minigrad.zeros(2))
    >>> w.grad = minigrad.tensor([3.0, 4.0])
    >>> nn.utils.clip_grads_with_norm_(w, 1.0, minigrad.tensor(5.0))
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    scale = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    for grad in _grads(parameters):
        grad.mul_(scale.to(grad.device, grad.dtype))


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
