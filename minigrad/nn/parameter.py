"""Parameter: a Tensor that a Module trains."""

from minigrad import ops
from minigrad.tensor import Tensor


class Parameter(Tensor):
    """A leaf that wants a gradient; a Module it is assigned to lists it as its parameter.

    It shares the memory of `data`; without `data` it is empty.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Parameter(minigrad.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        data = ops.empty(0) if data is None else data
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter: data must be a Tensor, got {type(data).__name__}; minigrad.tensor() "
                "makes one"
            )
        self._become(data.array, data.device, requires_grad)
        self.version = data.version  # one memory, one version

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
