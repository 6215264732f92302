"""Parameter and Buffer: tensors that a Module keeps; and those whose shape is yet to be found."""

from collections.abc import Sequence
from typing import Any, TypeGuard

from minigrad import ops
from minigrad.tensor import Size, Tensor


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

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """The same numbers in memory of their own; the gradient and attributes stay behind."""
        if id(self) not in memo:
            copied = memo[id(self)] = object.__new__(type(self))
            copied._become(self.device.backend.copy(self.array), self.device, self.requires_grad)
        return memo[id(self)]

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that is part of a Module's state and not trained: a Module it is assigned to lists
    it as its buffer, and has it in the state_dict if `persistent`.

    It shares the memory of `data`; without `data` it is empty.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.Module()
    >>> layer.count = nn.Buffer(minigrad.tensor(0))
    >>> layer.state_dict()["count"]
    tensor(0)
    """

    __slots__ = ("persistent",)

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        data = ops.empty(0) if data is None else data
        self._become(data.array, data.device, data.requires_grad)
        self.version = data.version  # one memory, one version
        self.persistent = persistent


class _Uninitialized(Tensor):
    """A tensor without a shape. A lazy module, which makes it, gives it one at its first input."""

    __slots__ = ()
    _becomes: type[Tensor] = Tensor

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Makes this an ordinary tensor of `shape`, whose elements are yet to be written."""
        self.data = ops.empty(
            *shape,
            device=self.device if device is None else device,
            dtype=self.dtype if dtype is None else dtype,
        )
        self.__class__ = self._becomes  # type: ignore[assignment]

    @property
    def shape(self) -> Size:
        raise RuntimeError(
            f"Can't access the shape of an uninitialized parameter or buffer ({self!r}): call the "
            "lazy module once, or load weights into it, before using its parameters"
        )

    def numel(self) -> int:
        raise ValueError(
            f"Attempted to use an uninitialized parameter ({self!r}): call the lazy module once, "
            "or load weights into it, before using its parameters"
        )

    def detach(self) -> Tensor:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A Parameter whose shape is not known yet: what the lazy modules start with.

    >>> from minigrad import nn
    >>> nn.LazyLinear(3).weight
    <UninitializedParameter>
    """

    __slots__ = ()
    _becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(ops.empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape is not known yet: the running statistics of lazy normalisations.

    >>> from minigrad import nn
    >>> nn.LazyBatchNorm2d().running_mean
    <UninitializedBuffer>
    """

    __slots__ = ()

    def __init__(self, device: Any = None, dtype: Any = None) -> None:
        nothing = ops.empty(0, device=device, dtype=dtype)
        self._become(nothing.array, nothing.device, False)


def is_uninitialized(x: Any) -> TypeGuard[_Uninitialized]:
    """Whether x is one of the two above, still without a shape."""
    return isinstance(x, _Uninitialized)
