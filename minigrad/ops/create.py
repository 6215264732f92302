"""Making tensors: from numbers and arrays, filled, counted; and changing their type and device."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad import device as devices
from minigrad import dtype as dtypes
from minigrad.autograd import broadcast
from minigrad.autograd.mode import mode
from minigrad.autograd.primitive import Op, cast, record
from minigrad.autograd.primitive import _fit as fit
from minigrad.device import Device
from minigrad.dtype import DType
from minigrad.layout import check_format, contiguous_format, preserve_format
from minigrad.tensor import Size, Tensor, wrap


def _finish(array: Any, device: Device, requires_grad: bool) -> Tensor:
    out = wrap(array, device)
    return out.requires_grad_() if requires_grad else out


def shape_of(args: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """The shape that `zeros(2, 3)`, `zeros((2, 3))` or `zeros(size=(2, 3))` means."""
    size = args if size is None else (size,)
    try:
        if len(size) == 1 and not hasattr(size[0], "__index__"):
            size = tuple(size[0])
        shape = tuple(int(n.__index__()) for n in size)
    except (AttributeError, TypeError):
        raise TypeError(f"expected a shape of ints, got {size}") from None
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(shape)}")
    return shape


# -- from data


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor that holds a copy of numbers, nested lists, a NumPy array or another tensor.

    Without `dtype`: bools give bool, ints int64, floats the default float type, arrays their own.

    >>> import minigrad
    >>> minigrad.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if isinstance(data, Tensor):
        out = to(data.detach(), data.device if device is None else device, dtype or data.dtype)
        return _finish(out.device.backend.copy(out.array), out.device, requires_grad)
    place = devices.resolve(device)
    return _finish(place.backend.from_host(_host_copy(data, dtype)), place, requires_grad)


def _host_copy(data: Any, dtype: Any) -> np.ndarray:
    """A new NumPy array of the type that minigrad gives to `data`."""
    if isinstance(data, list | tuple) and any(isinstance(x, Tensor) for x in data):
        data = [x.tolist() if isinstance(x, Tensor) else x for x in data]
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"tensor(): expected nested sequences of equal lengths: {error}") from None
    if array.dtype.kind == "O":
        array = _of_large_numbers(array, dtype)
    if array.dtype.kind not in "biuf":
        what = (
            "a complex number"
            if array.dtype.kind == "c"
            else f"{type(data).__name__} of {array.dtype}"
        )
        raise (RuntimeError if array.dtype.kind == "O" else TypeError)(
            f"tensor(): could not make a tensor of {what}; bools, ints and floats are what tensors "
            "hold"
        )
    if dtype is not None:
        target = dtypes.as_numpy(dtype)
    elif isinstance(first := _first(data), np.ndarray | np.generic):
        target = dtypes.from_numpy(first.dtype).numpy
    else:
        target = dtypes.of_number(array.dtype.type(0).item())
    if target.kind in "iu" and not isinstance(data, np.ndarray):
        _refuse_overflow(array, target)
    return np.array(array, dtype=target, copy=True)


def _of_large_numbers(array: np.ndarray, dtype: Any) -> np.ndarray:
    """Python numbers, an int among them too large for NumPy: floats where there is a float, or
    where floats are asked for.
    """
    kinds = {type(x) for x in array.flat}
    if not kinds <= {bool, int, float}:
        return array
    if float in kinds or (dtype is not None and dtypes.as_numpy(dtype).kind == "f"):
        return array.astype(np.float64)
    largest = max(array.flat, key=abs)
    raise ValueError(
        f"tensor(): Overflow when unpacking long long: {largest} does not fit into int64, which "
        "goes from -2**63 to 2**63 - 1; tensor(float(x)) rounds it"
    )


def _first(data: Any) -> Any:
    """The first element of nested lists: its type, where it is NumPy's, is that of all."""
    while isinstance(data, list | tuple) and len(data):
        data = data[0]
    return data


def _refuse_overflow(array: np.ndarray, target: np.dtype) -> None:
    """Raises where integers of type `target` cannot hold the numbers. uint8 takes -255 to -1 too,
    counted from 256, as PyTorch has it.
    """
    info = np.iinfo(target)
    low, high = (-info.max if target.kind == "u" else info.min), info.max
    if array.size and not (low <= array.min() and array.max() <= high):
        raise (ValueError if array.dtype == np.uint64 else RuntimeError)(
            f"tensor(): value cannot be converted to type {target} without overflow: the numbers "
            f"go from {array.min()} to {array.max()}, {target} from {info.min} to {high}"
        )


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `data`, sharing memory with it where that is possible.

    >>> import numpy as np, minigrad
    >>> minigrad.as_tensor(np.array([1, 2]))
    tensor([1, 2])
    """
    if isinstance(data, Tensor):
        return to(data, data.device if device is None else device, dtype or data.dtype)
    if isinstance(data, np.ndarray):
        out = from_numpy(data)
        return to(out, devices.resolve(device), dtype or out.dtype)
    return tensor(data, dtype=dtype, device=device)


asarray = as_tensor


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor of the array's type; on the CPU it shares the array's memory.

    >>> import numpy as np, minigrad
    >>> a = np.zeros(2)
    >>> minigrad.from_numpy(a).add_(1)
    tensor([1., 1.], dtype=minigrad.float64)
    >>> a
    array([1., 1.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    place = devices.default_device()
    return wrap(place.backend.from_host(dtypes.canonical(ndarray)), place)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor around another library's array (anything with `__dlpack__`), sharing its memory on
    the CPU.

    >>> import numpy as np, minigrad
    >>> a = np.zeros(2)
    >>> minigrad.from_dlpack(a).add_(1)
    tensor([1., 1.], dtype=minigrad.float64)
    >>> a
    array([1., 1.])
    """
    return from_numpy(np.from_dlpack(ext_tensor))


def legacy_tensor(args: tuple[Any, ...], dtype: Any = None, device: Any = None) -> Tensor:
    """Tensor(2, 3): uninitialised; Tensor([1, 2]): these numbers, as `dtype` or the default float
    type.
    """
    dtype = dtype or dtypes.get_default_dtype()
    data = args[0] if len(args) == 1 and not isinstance(args[0], Size) else None
    if isinstance(data, list | tuple | np.ndarray | Tensor):
        return tensor(data, dtype=dtype, device=device)
    return empty(*(args or (0,)), dtype=dtype, device=device)


class _TensorOf(type):
    """The type of FloatTensor and its like: classes in name only, for calls and isinstance."""

    dtype: DType

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        return legacy_tensor(args, cls.dtype, device)

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tensor) and x.dtype is cls.dtype


def _tensor_of(name: str, dtype: DType) -> _TensorOf:
    text = f"{name}(2, 3) and {name}([1, 2]): PyTorch's old way to make a tensor of {dtype}."
    text += f"\n\n>>> import minigrad\n>>> minigrad.{name}([0, 1]).dtype\n{dtype}\n"
    return _TensorOf(name, (), {"dtype": dtype, "__doc__": text, "__module__": "minigrad"})


# PyTorch's old names of tensors by their type.
BoolTensor = _tensor_of("BoolTensor", dtypes.bool_)
ByteTensor = _tensor_of("ByteTensor", dtypes.uint8)
CharTensor = _tensor_of("CharTensor", dtypes.int8)
ShortTensor = _tensor_of("ShortTensor", dtypes.int16)
IntTensor = _tensor_of("IntTensor", dtypes.int32)
LongTensor = _tensor_of("LongTensor", dtypes.int64)
HalfTensor = _tensor_of("HalfTensor", dtypes.float16)
FloatTensor = _tensor_of("FloatTensor", dtypes.float32)
DoubleTensor = _tensor_of("DoubleTensor", dtypes.float64)
_OLD_TYPES = (
    BoolTensor, ByteTensor, CharTensor, ShortTensor, IntTensor, LongTensor, HalfTensor,
    FloatTensor, DoubleTensor,
)  # fmt: skip


def type_(x: Tensor, dtype: Any = None) -> Any:
    """x.type(): the old name of its type, as "minigrad.FloatTensor"; x.type(t): x converted to t, a
    dtype, one of the old types, or its name.
    """
    if dtype is None:
        return next(f"minigrad.{old.__name__}" for old in _OLD_TYPES if isinstance(x, old))
    for old in _OLD_TYPES:
        if dtype is old or dtype == f"minigrad.{old.__name__}":
            dtype = old.dtype
    if isinstance(dtype, str):
        names = ", ".join(f"minigrad.{old.__name__}" for old in _OLD_TYPES)
        raise ValueError(f"type(): invalid type: '{dtype}'; there are {names}")
    return to(x, dtype)


# -- filled


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of shape `size` with every element `fill_value`, a number or a tensor of one; its
    type is that of the number unless given.

    >>> import minigrad
    >>> minigrad.full((2,), 7)
    tensor([7, 7])
    """
    if isinstance(fill_value, Tensor):
        dtype = fill_value.dtype if dtype is None else dtype
        fill_value = fill_value.item()
    target = dtypes.of_number(fill_value) if dtype is None else dtypes.as_numpy(dtype)
    if target not in dtypes.FLOATS:
        fill_value = fit(fill_value, target)
    place = devices.resolve(device)
    array = place.backend.full(shape_of((size,)), fill_value, target)
    if place.depth:  # made inside a vmap: each example has its own, and may write to it
        array = place.backend.copy_(place.backend.empty(array.shape, target), array)
    return _finish(array, place, requires_grad)


def zeros(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros: zeros(2, 3), zeros((2, 3)) or zeros(size=(2, 3)).

    >>> import minigrad
    >>> minigrad.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return full(
        shape_of(shape, size),
        0,
        dtype=dtype or dtypes.get_default_dtype(),
        device=device,
        requires_grad=requires_grad,
    )


def ones(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones.

    >>> import minigrad
    >>> minigrad.ones(2, 3)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return full(
        shape_of(shape, size),
        1,
        dtype=dtype or dtypes.get_default_dtype(),
        device=device,
        requires_grad=requires_grad,
    )


def empty(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = contiguous_format,
) -> Tensor:
    """A tensor whose elements are whatever the memory held.

    >>> import minigrad
    >>> x = minigrad.empty(2, 3)
    >>> x.shape, x.dtype
    (minigrad.Size([2, 3]), minigrad.float32)
    """
    check_format("empty", memory_format)
    place = devices.resolve(device)
    target = dtypes.as_numpy(dtype or dtypes.get_default_dtype())
    return _finish(place.backend.empty(shape_of(shape, size), target), place, requires_grad)


def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Tensor:
    """Zeros of the shape, type and device of `input`.

    >>> import minigrad
    >>> minigrad.zeros_like(minigrad.tensor([1, 2]))
    tensor([0, 0])
    """
    check_format("zeros_like", memory_format)
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Tensor:
    """Ones of the shape, type and device of `input`.

    >>> import minigrad
    >>> minigrad.ones_like(minigrad.tensor([5, 6]))
    tensor([1, 1])
    """
    check_format("ones_like", memory_format)
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Tensor:
    """`fill_value` in the shape, type and on the device of `input`.

    >>> import minigrad
    >>> minigrad.full_like(minigrad.tensor([5, 6]), 3)
    tensor([3, 3])
    """
    check_format("full_like", memory_format)
    place = input.device if device is None else devices.resolve(device)
    return full(
        input.shape,
        fill_value,
        dtype=dtype or input.dtype,
        device=place,
        requires_grad=requires_grad,
    )


def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Tensor:
    """An uninitialised tensor of the shape, type and device of `input`.

    >>> import minigrad
    >>> minigrad.empty_like(minigrad.ones(2, 3)).shape
    minigrad.Size([2, 3])
    """
    check_format("empty_like", memory_format)
    place = input.device if device is None else devices.resolve(device)
    return empty(input.shape, dtype=dtype or input.dtype, device=place, requires_grad=requires_grad)


def new_tensor(
    x: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """tensor(data) of x's type, on x's device.

    >>> import minigrad
    >>> minigrad.tensor([0.5]).new_tensor([1, 2])
    tensor([1., 2.])
    """
    return tensor(
        data, dtype=dtype or x.dtype, device=device or x.device, requires_grad=requires_grad
    )


def new_full(
    x: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`fill_value` in the shape `size`, of x's type, on x's device.

    >>> import minigrad
    >>> minigrad.tensor([1.0, 2.0]).new_full((3,), 7)
    tensor([7., 7., 7.])
    """
    return full(
        size,
        fill_value,
        dtype=dtype or x.dtype,
        device=device or x.device,
        requires_grad=requires_grad,
    )


def new_zeros(x: Tensor, *shape: Any, size: Any = None, **options: Any) -> Tensor:
    """Zeros of x's type, on x's device: x.new_zeros(2, 3).

    >>> import minigrad
    >>> minigrad.tensor([1, 2]).new_zeros(3)
    tensor([0, 0, 0])
    """
    return new_full(x, shape_of(shape, size), 0, **options)


def new_ones(x: Tensor, *shape: Any, size: Any = None, **options: Any) -> Tensor:
    """Ones of x's type, on x's device: x.new_ones(2, 3).

    >>> import minigrad
    >>> minigrad.tensor([1, 2]).new_ones(3)
    tensor([1, 1, 1])
    """
    return new_full(x, shape_of(shape, size), 1, **options)


def new_empty(
    x: Tensor, *shape: Any, size: Any = None, dtype: Any = None, device: Any = None, **options: Any
) -> Tensor:
    """An uninitialised tensor of x's type, on x's device.

    >>> import minigrad
    >>> x = minigrad.tensor([1, 2]).new_empty(2, 3)
    >>> x.shape, x.dtype
    (minigrad.Size([2, 3]), minigrad.int64)
    """
    shape = shape_of(shape, size)
    return empty(shape, dtype=dtype or x.dtype, device=device or x.device, **options)


# -- counted


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... below end (above it for a negative step); arange(n) counts from 0.

    >>> import minigrad
    >>> minigrad.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        start, end = 0, start
    if end is None:
        raise TypeError("arange(): an end is needed: arange(end) or arange(start, end)")
    start = 0 if start is None else start
    start, end, step = (x.item() if isinstance(x, Tensor) else x for x in (start, end, step))
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"upper bound and lower bound inconsistent with step sign: arange({start}, {end}, "
            f"{step})"
        )
    if not math.isfinite(end - start):
        raise RuntimeError(f"arange: unsupported range: {start} -> {end}")
    target = dtypes.as_numpy(dtype) if dtype is not None else dtypes.of_number(start + end + step)
    if target == dtypes.int64.numpy and int(step):
        start, end, step = int(start), int(end), int(step)
    count = int(np.ceil((end - start) / step))
    place = devices.resolve(device)
    return _finish(place.backend.arange(start, step, count, target), place, requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from start to end, both included, at equal distances.

    >>> import minigrad
    >>> minigrad.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    for x in (start, end):
        if isinstance(x, Tensor) and x.dim():
            raise RuntimeError(
                "linspace only supports 0-dimensional start and end tensors, but got shape "
                f"{list(x.shape)}"
            )
    if operator.index(steps) < 0:
        raise RuntimeError(f"linspace: number of steps must be non-negative, got {steps}")
    target = dtypes.as_numpy(dtype or dtypes.get_default_dtype())
    if target in dtypes.FLOATS:
        values = np.linspace(float(start), float(end), steps, dtype=target)
    else:
        values = _int_steps(int(start), int(end), steps).astype(target)
    place = devices.resolve(device)
    return _finish(place.backend.from_host(values), place, requires_grad)


def _int_steps(start: int, end: int, steps: int) -> np.ndarray:
    """Cut towards 0, from the nearer end: so that both ends are exact."""
    if steps == 1:
        return np.array([start])
    step, i = (end - start) / max(steps - 1, 1), np.arange(steps)
    return np.trunc(np.where(i < steps // 2, start + step * i, end - step * (steps - 1 - i)))


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """base^x for `steps` numbers x from start to end, both included, at equal distances.

    >>> import minigrad
    >>> minigrad.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    for x in (start, end):
        if isinstance(x, Tensor) and x.dim():
            raise RuntimeError(
                "logspace only supports 0-dimensional start and end tensors, but got shape "
                f"{list(x.shape)}"
            )
    if operator.index(steps) < 0:
        raise RuntimeError(f"logspace: number of steps must be non-negative, got {steps}")
    target = dtypes.as_numpy(dtype or dtypes.get_default_dtype())
    number = float if target in dtypes.FLOATS else int  # of integers the ends are cut, too
    powers = np.linspace(number(start), number(end), steps)
    values = np.power(float(base), powers).astype(target)
    place = devices.resolve(device)
    return _finish(place.backend.from_host(values), place, requires_grad)


def scalar_tensor(
    s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The number s as a 0-d tensor, of the default type unless `dtype` is given.

    >>> import minigrad
    >>> minigrad.scalar_tensor(2)
    tensor(2.)
    """
    dtype = dtype or dtypes.get_default_dtype()
    return tensor(s, dtype=dtype, device=device, requires_grad=requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The n x m matrix with ones on the diagonal.

    >>> import minigrad
    >>> minigrad.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows = arange(n, device=device).unsqueeze(1)
    out = to(
        rows == arange(n if m is None else m, device=device), dtype or dtypes.get_default_dtype()
    )
    return out.requires_grad_() if requires_grad else out


# -- copies, types, devices

def clone(input: Tensor, *, memory_format: Any = preserve_format) -> Tensor:
    """A copy, with a gradient.

    >>> import minigrad
    >>> x = minigrad.tensor([1, 2])
    >>> y = minigrad.clone(x).add_(10)
    >>> x, y
    (tensor([1, 2]), tensor([11, 12]))
    """
    if memory_format is not preserve_format:
        check_format("clone", memory_format)
    return broadcast.copy(input)


def detach(input: Tensor) -> Tensor:
    """The same memory outside the graph.

    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> y = minigrad.detach(x).mul_(5)
    >>> y.requires_grad, x
    (False, tensor([5., 5.], requires_grad=True))
    """
    return input.detach()


def contiguous(input: Tensor, *, memory_format: Any = contiguous_format) -> Tensor:
    """A copy whose elements lie in order without gaps; the method copies only where needed.

    >>> import minigrad
    >>> x = minigrad.ones(2, 3).t()
    >>> x.is_contiguous(), x.contiguous().is_contiguous()
    (False, True)
    """
    check_format("contiguous", memory_format)
    if memory_format is preserve_format:
        raise RuntimeError(
            "preserve memory format is unsupported by the contiguous operator: use clone()"
        )
    return broadcast.contiguous(input)


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """to(dtype), to(device), to(device, dtype), to(other): `input` itself where nothing changes.

    >>> import minigrad
    >>> minigrad.tensor([0, 1]).to(minigrad.float32)
    tensor([0., 1.])
    """
    dtype, device, copy = _destination(*args, **kwargs)
    out = input
    if dtype is not None and dtypes.as_numpy(dtype) != out.array.dtype:
        out = cast(out, dtypes.as_numpy(dtype))
    if device is not None and devices.resolve(device).base is not out.device.base:
        out = _transfer(out, devices.resolve(device))
    return clone(out) if copy and out is input else out


def _destination(
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = preserve_format,
) -> Any:
    if memory_format is not preserve_format:
        check_format("to", memory_format)
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, DType | np.dtype) or arg in (bool, int, float):
            dtype = arg
        elif isinstance(arg, Device | str | int) and not isinstance(arg, bool):
            device = arg
        elif arg is not None and not isinstance(arg, bool):
            raise TypeError(
                f"to(): expected a dtype, a device or a Tensor, got {type(arg).__name__}"
            )
    return dtype, device, copy


def _transfer(x: Tensor, device: Device) -> Tensor:
    """x on another device. The gradient makes the way back."""
    out = wrap(device.backend.from_host(x.device.backend.to_host(x.array)), device)
    if x.node is not None and mode.grad:
        out.node = record(_moved, (x.node,), (x.device,), None)
    return out


_moved = Op("moved", "x | source", rules={"x": lambda g, source: _transfer(g, source)})


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The type in which two operands (tensors or numbers) meet.

    >>> import minigrad
    >>> minigrad.result_type(minigrad.ones(2, dtype=minigrad.int8), 3.5)
    minigrad.float32
    """
    return dtypes.from_numpy(dtypes.result_dtype((tensor1, tensor2)))


# -- questions


def numel(input: Tensor) -> int:
    """How many elements x has.

    >>> import minigrad
    >>> minigrad.numel(minigrad.zeros(2, 3))
    6
    """
    return input.numel()


def is_tensor(obj: Any) -> bool:
    """Whether obj is a Tensor.

    >>> import minigrad
    >>> minigrad.is_tensor(minigrad.ones(2)), minigrad.is_tensor([1.0, 1.0])
    (True, False)
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether x is of type float16, float32 or float64.

    >>> import minigrad
    >>> a, b = minigrad.tensor(1.0), minigrad.tensor(1)
    >>> minigrad.is_floating_point(a), minigrad.is_floating_point(b)
    (True, False)
    """
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """False: minigrad has no complex types.

    >>> import minigrad
    >>> minigrad.is_complex(minigrad.ones(2))
    False
    """
    return input.is_complex()


def is_signed(input: Tensor) -> bool:
    """Whether x's type has negative numbers.

    >>> import minigrad
    >>> minigrad.is_signed(minigrad.tensor(1)), minigrad.is_signed(minigrad.tensor(True))
    (True, False)
    """
    return input.dtype.is_signed


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of x is not 0; RuntimeError where there are more, or none.

    >>> import minigrad
    >>> minigrad.is_nonzero(minigrad.tensor([0.5])), minigrad.is_nonzero(minigrad.tensor(0))
    (True, False)
    """
    return bool(input)


# fmt: off
__all__ = [
    "tensor", "as_tensor", "asarray", "from_numpy", "from_dlpack", "legacy_tensor", "full",
    "zeros", "ones", "empty", "zeros_like", "ones_like", "full_like", "empty_like",
    "new_tensor", "new_full", "new_zeros", "new_ones", "new_empty", "arange", "linspace",
    "logspace", "scalar_tensor", "eye",
    "clone", "contiguous", "detach", "to", "result_type", "numel", "is_tensor",
    "is_floating_point", "is_complex", "is_signed", "is_nonzero", "BoolTensor", "ByteTensor",
    "CharTensor", "ShortTensor", "IntTensor", "LongTensor", "HalfTensor", "FloatTensor",
    "DoubleTensor",
]
# fmt: on
