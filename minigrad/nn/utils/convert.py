"""All parameters as one vector, and back."""

from collections.abc import Iterable

from minigrad import ops
from minigrad.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other.

    >>> from minigrad import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    minigrad.Size([8])
    """
    return ops.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Writes the elements of `vec` into the parameters, the inverse of parameters_to_vector.

    ValueError when `vec` has not as many elements as they.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.Linear(1, 1)
    >>> nn.utils.vector_to_parameters(minigrad.tensor([2.0, 3.0]), layer.parameters())
    >>> layer.bias
    Parameter containing:
    tensor([3.], requires_grad=True)
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: expected a Tensor, got {type(vec).__name__}")
    parameters = list(parameters)
    sizes = [p.numel() for p in parameters]
    if vec.numel() != sum(sizes):
        raise ValueError(
            f"vector_to_parameters: the vector has {vec.numel()} elements, the parameters "
            f"{sum(sizes)}"
        )
    for param, part in zip(parameters, vec.detach().split(sizes), strict=True):
        param.data = part.reshape(param.shape).clone()
