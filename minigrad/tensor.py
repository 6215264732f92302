"""Tensor: an array on a device, and its place in the graph.

Six things make a tensor:

    array     the elements, opaque but for shape and dtype; the backend knows what it is
    device    where it lives; device.backend computes
    node      None, or where it came from: a Leaf, a Node, an Output (autograd/node.py). Not None
              means: requires a gradient
    grad      the gradient that backward() accumulated, for leaves; checked when it is assigned, so
              that autograd, which knows what it does, writes into the slot, `_grad`
    version   shared with all tensors of the same memory: counts in-place writes
    base      None, or for a view (the tensor it is a view of, how to view it again)

Everything else is computed from these. The methods below are the ops of minigrad.ops under
PyTorch's names.

Note [Tensor and the layers above it]. Methods call ops and the autograd engine, which are built on
this file. `ops` and `autograd` are the two names that minigrad/__init__.py fills in once all is
imported: the knot is tied in one place, and no import statement here points up.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import dtype as dtypes
from minigrad.autograd.mode import mode
from minigrad.autograd.node import Leaf, Output, Version
from minigrad.device import Device
from minigrad.dtype import DType
from minigrad.layout import check_format, contiguous_format, preserve_format
from minigrad.names import numpy_names

if TYPE_CHECKING:
    from minigrad import autograd, ops
else:
    ops = autograd = None

_new = object.__new__
# Inside the class these names are methods.
_bool = bool
_int = int
_float = float


class Size(tuple):
    """The shape of a tensor: a tuple of ints that can count elements.

    >>> import minigrad
    >>> s = minigrad.ones(2, 3).shape
    >>> s, s.numel()
    (minigrad.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        count = 1
        for n in self:
            count *= n
        return count

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __repr__(self) -> str:
        return f"minigrad.Size({list(self)})"


def wrap(array: Any, device: Device) -> Tensor:
    """A tensor around an array, without a graph; `__init__` is for users."""
    out = _new(Tensor)
    out.array = array
    out.device = device
    out.node = None
    out._grad = None
    out.version = Version()
    out.base = None
    return out


def _look_into(out: Tensor, root: Tensor, chain: Any) -> None:
    """Makes `out` a view of root's memory, so that writes to it are checked as for any view."""
    out.base = (root, chain)
    out.version = root.version
    root.version.add_view(out)


class Tensor:
    """A multi-dimensional array with gradients; make one with minigrad.tensor, zeros, randn ...

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__", "_grad", "array", "base", "device", "node", "version")
    array: Any
    device: Device
    node: Any
    _grad: Tensor | None
    version: Version
    base: Any

    def __init__(self, *args: Any, device: Any = None):
        """PyTorch's old constructor: `Tensor(2, 3)` is uninitialised, `Tensor([1, 2])` holds these
        as floats.
        """
        made = ops.legacy_tensor(args, device=device)
        for slot in ("array", "device", "node", "_grad", "version", "base"):
            setattr(self, slot, getattr(made, slot))

    # -- what it is

    @property
    def shape(self) -> Size:
        return Size(self.array.shape)

    @property
    def dtype(self) -> DType:
        return dtypes.from_numpy(self.array.dtype)

    @property
    def ndim(self) -> _int:
        return len(self.array.shape)

    def dim(self) -> _int:
        return len(self.array.shape)

    ndimension = dim

    def size(self, dim: _int | None = None) -> Any:
        return (
            self.shape if dim is None else self.array.shape[ops.one_axis("size", dim, self.dim())]
        )

    def numel(self) -> _int:
        return Size(self.array.shape).numel()

    nelement = numel

    def element_size(self) -> _int:
        return self.dtype.itemsize

    @property
    def itemsize(self) -> _int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> _int:
        return self.numel() * self.dtype.itemsize

    def stride(self, dim: _int | None = None) -> Any:
        strides = self.device.backend.strides(self.array)
        return strides if dim is None else strides[ops.one_axis("stride", dim, self.dim())]

    def is_contiguous(self, memory_format: Any = None) -> _bool:
        if memory_format is not None:
            check_format("is_contiguous", memory_format)
        found: _bool = self.device.backend.is_contiguous(self.array)
        return found

    def is_floating_point(self) -> _bool:
        return self.dtype.is_floating_point

    def is_nonzero(self) -> _bool:
        return bool(self)

    def is_complex(self) -> _bool:
        return False

    def is_signed(self) -> _bool:
        return self.dtype.is_signed

    @property
    def is_cuda(self) -> _bool:
        """Whether this is on an accelerator: `cuda` is the name PyTorch programs use for it."""
        return self.device.type != "cpu"

    @property
    def is_cpu(self) -> _bool:
        return self.device.type == "cpu"

    @property
    def is_mps(self) -> _bool:
        return False

    is_sparse = is_quantized = is_meta = is_mps

    def is_pinned(self) -> _bool:
        return False

    def pin_memory(self) -> Tensor:
        """self: there is no memory that copies faster."""
        return self

    def data_ptr(self) -> _int:
        """The address of the first element; on the CPU only."""
        if not self.is_cpu:
            raise RuntimeError(f"data_ptr(): the memory of {self.device} has no address here")
        address: _int = self.array.ctypes.data
        return address

    def get_device(self) -> _int:
        return -1 if self.is_cpu else (self.device.index or 0)

    # -- its place in the graph

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() accumulated, or None. What is assigned must be of this
        tensor's shape, type and device, or it is a RuntimeError; TypeError for other things.
        """
        return self._grad

    @grad.setter
    def grad(self, g: Tensor | None) -> None:
        if g is not None:
            _check_grad(self, g)
        self._grad = g

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def requires_grad(self) -> _bool:
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, flag: _bool) -> None:
        self.requires_grad_(flag)

    def requires_grad_(self, requires_grad: _bool = True) -> Tensor:
        """Asks for a gradient, or gives it up; only leaves can."""
        if not self.is_leaf:
            if requires_grad:
                return self
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables; use detach() to get "
                "the value without its graph"
            )
        if not requires_grad:
            self.node = None
        elif not self.dtype.is_floating_point:
            raise RuntimeError(
                f"only Tensors of floating point dtype can require gradients, got {self.dtype}; "
                "convert with .float()"
            )
        elif self.node is None:
            self.node = Leaf(self)
        return self

    @property
    def grad_fn(self) -> Any:
        return None if isinstance(self.node, Leaf) else self.node

    @property
    def is_leaf(self) -> _bool:
        return self.node is None or isinstance(self.node, Leaf)

    @property
    def retains_grad(self) -> _bool:
        hooks = () if self.is_leaf else (self.node.hooks or ())
        return any(getattr(hook, "retains_grad", False) for hook in hooks)

    @property
    def output_nr(self) -> _int:
        return self.node.index if isinstance(self.node, Output) else 0

    @property
    def _version(self) -> _int:
        return self.version.writes

    @property
    def _base(self) -> Tensor | None:
        return None if self.base is None else self.base[0]

    def _is_view(self) -> _bool:
        return self.base is not None

    @property
    def data(self) -> Tensor:
        """The same memory without graph and without version counter: writes to it go unnoticed."""
        out = wrap(self.array, self.device)
        if self.base is not None:
            _look_into(out, self.base[0].data, self.base[1])
        return out

    @data.setter
    def data(self, source: Tensor) -> None:
        if not isinstance(source, Tensor):
            raise TypeError(f"Tensor.data: expected a Tensor, got {type(source).__name__}")
        self.array, self.device = source.array, source.device
        self.version.bump()

    def detach(self) -> Tensor:
        """The same memory outside the graph; in-place writes are still noticed."""
        out = wrap(self.array, self.device)
        out.version = self.version
        if self.base is not None:
            _look_into(out, self.base[0].detach(), self.base[1])
        return out

    def detach_(self) -> Tensor:
        if self.base is not None and self.node is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead")
        if not self.is_leaf:
            self.node = None
            # Nodes that saved this tensor with its graph must not use it without.
            self.version.bump()
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Any = None,
    ) -> None:
        """Adds d(self)/d(leaf) to the `.grad` of every leaf this was computed from. See
        autograd.backward.
        """
        autograd.backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Calls `hook(g)` with this tensor's gradient during backward; a Tensor it returns takes
        g's place.
        """
        return autograd.register_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Calls `hook(self)` whenever a backward pass has added to this leaf's `.grad`."""
        return autograd.register_post_accumulate_grad_hook(self, hook)

    def retain_grad(self) -> None:
        """Keeps the gradient of this intermediate result in `.grad`."""
        autograd.retain_grad(self)

    # -- conversions

    def item(self) -> Any:
        """The one element, as a Python number."""
        if self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar: shape "
                f"{tuple(self.shape)}; use tolist()"
            )
        return self.device.backend.to_host(self.array).item()

    def tolist(self) -> Any:
        return self.device.backend.to_host(self.array).tolist()

    def numpy(self, *, force: _bool = False) -> np.ndarray:
        """The elements as a NumPy array; on the CPU it shares memory."""
        if self.node is not None and mode.grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead, or no_grad"
            )
        found: np.ndarray = self.device.backend.to_host(self.array)
        return found

    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"__array__: {array.dtype} cannot become {dtype} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(
        self, array: np.ndarray, context: Any = None, return_scalar: _bool = False
    ) -> Any:
        return ops.from_numpy(array) if isinstance(array, np.ndarray) else array

    __array_priority__ = 1000

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.numpy().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # kDLCPU

    def clone(self, *, memory_format: Any = preserve_format) -> Tensor:
        """A copy with a gradient."""
        return ops.clone(self, memory_format=memory_format)

    def contiguous(self, memory_format: Any = contiguous_format) -> Tensor:
        """self where its elements lie in order without gaps, else a copy that does."""
        if memory_format is contiguous_format and self.is_contiguous():
            return self
        return ops.contiguous(self, memory_format=memory_format)

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """to(dtype), to(device), to(device, dtype) or to(other): self where nothing changes, else a
        copy with a gradient.
        """
        return ops.to(self, *args, **kwargs)

    def type_as(self, other: Tensor) -> Tensor:
        return ops.to(self, other.dtype)

    def type(self, dtype: Any = None) -> Any:
        return ops.type_(self, dtype)

    def cpu(self) -> Tensor:
        return ops.to(self, "cpu")

    def cuda(self, device: Any = None) -> Tensor:
        return ops.to(self, "cuda" if device is None else device)

    def float(self) -> Tensor:
        return ops.to(self, dtypes.float32)

    def double(self) -> Tensor:
        return ops.to(self, dtypes.float64)

    def half(self) -> Tensor:
        return ops.to(self, dtypes.float16)

    def int(self) -> Tensor:
        return ops.to(self, dtypes.int32)

    def long(self) -> Tensor:
        return ops.to(self, dtypes.int64)

    def short(self) -> Tensor:
        return ops.to(self, dtypes.int16)

    def char(self) -> Tensor:
        return ops.to(self, dtypes.int8)

    def byte(self) -> Tensor:
        return ops.to(self, dtypes.uint8)

    def bool(self) -> Tensor:
        return ops.to(self, dtypes.bool_)

    def bfloat16(self) -> Tensor:
        return ops.to(self, dtypes.bfloat16)

    @property
    def real(self) -> Tensor:
        """self: there are no complex numbers."""
        return self

    def conj(self) -> Tensor:
        """self: there are no complex numbers."""
        return self

    resolve_conj = conj

    def new(self, *args: Any) -> Tensor:
        """The old way to make a tensor of this one's type: new(2, 3), new([1, 2])."""
        return ops.legacy_tensor(args, self.dtype, self.device)

    # -- arithmetic

    def add(self, other: Any, *, alpha: Any = 1) -> Tensor:
        return ops.add(self, other, alpha=alpha)

    def sub(self, other: Any, *, alpha: Any = 1) -> Tensor:
        return ops.sub(self, other, alpha=alpha)

    subtract = sub

    def mul(self, other: Any) -> Tensor:
        return ops.mul(self, other)

    multiply = mul

    def div(self, other: Any, *, rounding_mode: Any = None) -> Tensor:
        return ops.div(self, other, rounding_mode=rounding_mode)

    divide = div

    def true_divide(self, other: Any) -> Tensor:
        return ops.true_divide(self, other)

    def floor_divide(self, other: Any) -> Tensor:
        return ops.floor_divide(self, other)

    def fmod(self, other: Any) -> Tensor:
        return ops.fmod(self, other)

    def remainder(self, other: Any) -> Tensor:
        return ops.remainder(self, other)

    def pow(self, exponent: Any) -> Tensor:
        return ops.pow(self, exponent)

    def neg(self) -> Tensor:
        return ops.neg(self)

    negative = neg

    def abs(self) -> Tensor:
        return ops.abs(self)

    absolute = abs

    def sign(self) -> Tensor:
        return ops.sign(self)

    sgn = sign

    def square(self) -> Tensor:
        return ops.square(self)

    def sqrt(self) -> Tensor:
        return ops.sqrt(self)

    def rsqrt(self) -> Tensor:
        return ops.rsqrt(self)

    def reciprocal(self) -> Tensor:
        return ops.reciprocal(self)

    def exp(self) -> Tensor:
        return ops.exp(self)

    def exp2(self) -> Tensor:
        return ops.exp2(self)

    def expm1(self) -> Tensor:
        return ops.expm1(self)

    def log(self) -> Tensor:
        return ops.log(self)

    def log2(self) -> Tensor:
        return ops.log2(self)

    def log10(self) -> Tensor:
        return ops.log10(self)

    def log1p(self) -> Tensor:
        return ops.log1p(self)

    def sin(self) -> Tensor:
        return ops.sin(self)

    def cos(self) -> Tensor:
        return ops.cos(self)

    def tan(self) -> Tensor:
        return ops.tan(self)

    def asin(self) -> Tensor:
        return ops.asin(self)

    def acos(self) -> Tensor:
        return ops.acos(self)

    def atan(self) -> Tensor:
        return ops.atan(self)

    def atan2(self, other: Tensor) -> Tensor:
        return ops.atan2(self, other)

    arcsin = asin

    arccos = acos

    arctan = atan

    arctan2 = atan2

    def sinh(self) -> Tensor:
        return ops.sinh(self)

    def cosh(self) -> Tensor:
        return ops.cosh(self)

    def tanh(self) -> Tensor:
        return ops.tanh(self)

    def sigmoid(self) -> Tensor:
        return ops.sigmoid(self)

    def erf(self) -> Tensor:
        return ops.erf(self)

    def hypot(self, other: Tensor) -> Tensor:
        return ops.hypot(self, other)

    def floor(self) -> Tensor:
        return ops.floor(self)

    def ceil(self) -> Tensor:
        return ops.ceil(self)

    def round(self, *, decimals: _int = 0) -> Tensor:
        return ops.round(self, decimals=decimals)

    def trunc(self) -> Tensor:
        return ops.trunc(self)

    fix = trunc

    def frac(self) -> Tensor:
        return ops.frac(self)

    def maximum(self, other: Tensor) -> Tensor:
        return ops.maximum(self, other)

    def minimum(self, other: Tensor) -> Tensor:
        return ops.minimum(self, other)

    def fmax(self, other: Tensor) -> Tensor:
        return ops.fmax(self, other)

    def fmin(self, other: Tensor) -> Tensor:
        return ops.fmin(self, other)

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        return ops.clamp(self, min, max)

    clip = clamp

    def clamp_min(self, min: Any) -> Tensor:
        return ops.clamp(self, min)

    def clamp_max(self, max: Any) -> Tensor:
        return ops.clamp(self, None, max)

    def lerp(self, end: Tensor, weight: Any) -> Tensor:
        return ops.lerp(self, end, weight)

    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
        return ops.addcmul(self, tensor1, tensor2, value=value)

    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
        return ops.addcdiv(self, tensor1, tensor2, value=value)

    def nan_to_num(self, nan: _float = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
        return ops.nan_to_num(self, nan, posinf, neginf)

    def relu(self) -> Tensor:
        return ops.relu(self)

    def asinh(self) -> Tensor:
        return ops.asinh(self)

    def acosh(self) -> Tensor:
        return ops.acosh(self)

    def atanh(self) -> Tensor:
        return ops.atanh(self)

    arcsinh = asinh

    arccosh = acosh

    arctanh = atanh

    def erfc(self) -> Tensor:
        return ops.erfc(self)

    def erfinv(self) -> Tensor:
        return ops.erfinv(self)

    def lgamma(self) -> Tensor:
        return ops.lgamma(self)

    def digamma(self) -> Tensor:
        return ops.digamma(self)

    def i0(self) -> Tensor:
        return ops.i0(self)

    def sinc(self) -> Tensor:
        return ops.sinc(self)

    def deg2rad(self) -> Tensor:
        return ops.deg2rad(self)

    def rad2deg(self) -> Tensor:
        return ops.rad2deg(self)

    def polygamma(self, n: _int) -> Tensor:
        return ops.polygamma(n, self)

    def logit(self, eps: Any = None) -> Tensor:
        return ops.logit(self, eps)

    def mvlgamma(self, p: _int) -> Tensor:
        return ops.mvlgamma(self, p)

    def xlogy(self, other: Any) -> Tensor:
        return ops.xlogy(self, other)

    def logaddexp(self, other: Tensor) -> Tensor:
        return ops.logaddexp(self, other)

    def logaddexp2(self, other: Tensor) -> Tensor:
        return ops.logaddexp2(self, other)

    def heaviside(self, values: Tensor) -> Tensor:
        return ops.heaviside(self, values)

    def copysign(self, other: Any) -> Tensor:
        return ops.copysign(self, other)

    def nextafter(self, other: Tensor) -> Tensor:
        return ops.nextafter(self, other)

    def ldexp(self, other: Tensor) -> Tensor:
        return ops.ldexp(self, other)

    def float_power(self, exponent: Any) -> Tensor:
        return ops.float_power(self, exponent)

    def positive(self) -> Tensor:
        return ops.positive(self)

    # -- comparison and logic

    def eq(self, other: Any) -> Tensor:
        return ops.eq(self, other)

    def ne(self, other: Any) -> Tensor:
        return ops.ne(self, other)

    def lt(self, other: Any) -> Tensor:
        return ops.lt(self, other)

    def le(self, other: Any) -> Tensor:
        return ops.le(self, other)

    def gt(self, other: Any) -> Tensor:
        return ops.gt(self, other)

    def ge(self, other: Any) -> Tensor:
        return ops.ge(self, other)

    not_equal = ne

    less = lt

    less_equal = le

    greater = gt

    greater_equal = ge

    def isnan(self) -> Tensor:
        return ops.isnan(self)

    def isinf(self) -> Tensor:
        return ops.isinf(self)

    def isfinite(self) -> Tensor:
        return ops.isfinite(self)

    def signbit(self) -> Tensor:
        return ops.signbit(self)

    def isposinf(self) -> Tensor:
        return ops.isposinf(self)

    def isneginf(self) -> Tensor:
        return ops.isneginf(self)

    def isclose(
        self, other: Any, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> Tensor:
        return ops.isclose(self, other, rtol, atol, equal_nan)

    def allclose(
        self, other: Any, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> _bool:
        return ops.allclose(self, other, rtol, atol, equal_nan)

    def equal(self, other: Any) -> _bool:
        return ops.equal(self, other)

    def logical_and(self, other: Any) -> Tensor:
        return ops.logical_and(self, other)

    def logical_or(self, other: Any) -> Tensor:
        return ops.logical_or(self, other)

    def logical_xor(self, other: Any) -> Tensor:
        return ops.logical_xor(self, other)

    def logical_not(self) -> Tensor:
        return ops.logical_not(self)

    def bitwise_and(self, other: Any) -> Tensor:
        return ops.bitwise_and(self, other)

    def bitwise_or(self, other: Any) -> Tensor:
        return ops.bitwise_or(self, other)

    def bitwise_xor(self, other: Any) -> Tensor:
        return ops.bitwise_xor(self, other)

    def bitwise_not(self) -> Tensor:
        return ops.bitwise_not(self)

    def gcd(self, other: Tensor) -> Tensor:
        return ops.gcd(self, other)

    def lcm(self, other: Tensor) -> Tensor:
        return ops.lcm(self, other)

    def bitwise_left_shift(self, other: Any) -> Tensor:
        return ops.bitwise_left_shift(self, other)

    def bitwise_right_shift(self, other: Any) -> Tensor:
        return ops.bitwise_right_shift(self, other)

    def where(self, condition: Any, other: Any) -> Tensor:
        return ops.where(condition, self, other)

    # -- reductions

    def sum(
        self,
        dim: Any = None,
        keepdim: _bool = False,
        *,
        dtype: Any = None,
        axis: Any = None,
        keepdims: _bool = False,
    ) -> Tensor:
        return ops.sum(self, dim, keepdim or keepdims, dtype=dtype, axis=axis)

    def mean(
        self,
        dim: Any = None,
        keepdim: _bool = False,
        *,
        dtype: Any = None,
        axis: Any = None,
        keepdims: _bool = False,
    ) -> Tensor:
        return ops.mean(self, dim, keepdim or keepdims, dtype=dtype, axis=axis)

    @numpy_names
    def prod(self, dim: Any = None, keepdim: _bool = False, *, dtype: Any = None) -> Tensor:
        return ops.prod(self, dim, keepdim, dtype=dtype)

    @numpy_names
    def amax(self, dim: Any = (), keepdim: _bool = False) -> Tensor:
        return ops.amax(self, dim, keepdim)

    @numpy_names
    def amin(self, dim: Any = (), keepdim: _bool = False) -> Tensor:
        return ops.amin(self, dim, keepdim)

    @numpy_names
    def max(self, dim: Any = None, keepdim: _bool = False, *, other: Any = None) -> Any:
        return ops.max(self, dim, keepdim, other=other)

    @numpy_names
    def min(self, dim: Any = None, keepdim: _bool = False, *, other: Any = None) -> Any:
        return ops.min(self, dim, keepdim, other=other)

    @numpy_names
    def argmax(self, dim: Any = None, keepdim: _bool = False) -> Tensor:
        return ops.argmax(self, dim, keepdim)

    @numpy_names
    def argmin(self, dim: Any = None, keepdim: _bool = False) -> Tensor:
        return ops.argmin(self, dim, keepdim)

    @numpy_names
    def any(self, dim: Any = None, keepdim: _bool = False) -> Tensor:
        return ops.any(self, dim, keepdim)

    @numpy_names
    def all(self, dim: Any = None, keepdim: _bool = False) -> Tensor:
        return ops.all(self, dim, keepdim)

    @numpy_names
    def var(
        self,
        dim: Any = None,
        unbiased: Any = None,
        keepdim: _bool = False,
        *,
        correction: Any = None,
    ) -> Tensor:
        return ops.var(self, dim, unbiased, keepdim, correction=correction)

    @numpy_names
    def std(
        self,
        dim: Any = None,
        unbiased: Any = None,
        keepdim: _bool = False,
        *,
        correction: Any = None,
    ) -> Tensor:
        return ops.std(self, dim, unbiased, keepdim, correction=correction)

    def norm(
        self, p: Any = 2, dim: Any = None, keepdim: _bool = False, dtype: Any = None
    ) -> Tensor:
        return ops.norm(self, p, dim, keepdim, dtype)

    @numpy_names
    def logsumexp(self, dim: Any, keepdim: _bool = False) -> Tensor:
        return ops.logsumexp(self, dim, keepdim)

    @numpy_names
    def cumsum(self, dim: Any, *, dtype: Any = None) -> Tensor:
        return ops.cumsum(self, dim, dtype=dtype)

    @numpy_names
    def cumprod(self, dim: Any, *, dtype: Any = None) -> Tensor:
        return ops.cumprod(self, dim, dtype=dtype)

    @numpy_names
    def count_nonzero(self, dim: Any = None) -> Tensor:
        return ops.count_nonzero(self, dim)

    def median(self, dim: Any = None, keepdim: _bool = False) -> Any:
        return ops.median(self, dim, keepdim)

    def nanmedian(self, dim: Any = None, keepdim: _bool = False) -> Any:
        return ops.nanmedian(self, dim, keepdim)

    def mode(self, dim: Any = -1, keepdim: _bool = False) -> Any:
        return ops.mode(self, dim, keepdim)

    def kthvalue(self, k: _int, dim: Any = -1, keepdim: _bool = False) -> Any:
        return ops.kthvalue(self, k, dim, keepdim)

    def quantile(
        self, q: Any, dim: Any = None, keepdim: _bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        return ops.quantile(self, q, dim, keepdim, interpolation=interpolation)

    def nanquantile(
        self, q: Any, dim: Any = None, keepdim: _bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        return ops.nanquantile(self, q, dim, keepdim, interpolation=interpolation)

    def nansum(self, dim: Any = None, keepdim: _bool = False, *, dtype: Any = None) -> Tensor:
        return ops.nansum(self, dim, keepdim, dtype=dtype)

    def nanmean(self, dim: Any = None, keepdim: _bool = False, *, dtype: Any = None) -> Tensor:
        return ops.nanmean(self, dim, keepdim, dtype=dtype)

    def aminmax(self, *, dim: Any = None, keepdim: _bool = False) -> Any:
        return ops.aminmax(self, dim=dim, keepdim=keepdim)

    def cummax(self, dim: Any) -> Any:
        return ops.cummax(self, dim)

    def cummin(self, dim: Any) -> Any:
        return ops.cummin(self, dim)

    def logcumsumexp(self, dim: Any) -> Tensor:
        return ops.logcumsumexp(self, dim)

    def diff(self, n: _int = 1, dim: Any = -1, prepend: Any = None, append: Any = None) -> Tensor:
        return ops.diff(self, n, dim, prepend, append)

    def bincount(self, weights: Any = None, minlength: _int = 0) -> Tensor:
        return ops.bincount(self, weights, minlength)

    def histc(self, bins: _int = 100, min: Any = 0, max: Any = 0) -> Tensor:
        return ops.histc(self, bins, min, max)

    @numpy_names
    def softmax(self, dim: Any, dtype: Any = None) -> Tensor:
        return ops.softmax(self, dim, dtype)

    @numpy_names
    def log_softmax(self, dim: Any, dtype: Any = None) -> Tensor:
        return ops.log_softmax(self, dim, dtype)

    # -- shape

    def reshape(self, *args: Any, shape: Any = None) -> Tensor:
        return ops.reshape(self, *args, shape=shape)

    def view(self, *args: Any, size: Any = None) -> Tensor:
        return ops.view(self, *args, size=size)

    def view_as(self, other: Tensor) -> Tensor:
        return ops.view(self, *other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        return ops.reshape(self, *other.shape)

    def flatten(self, start_dim: _int = 0, end_dim: _int = -1) -> Tensor:
        return ops.flatten(self, start_dim, end_dim)

    def unflatten(self, dim: Any, sizes: Any) -> Tensor:
        return ops.unflatten(self, dim, sizes)

    def squeeze(self, dim: Any = None) -> Tensor:
        return ops.squeeze(self, dim)

    def unsqueeze(self, dim: Any) -> Tensor:
        return ops.unsqueeze(self, dim)

    def transpose(self, dim0: Any, dim1: Any) -> Tensor:
        return ops.transpose(self, dim0, dim1)

    swapaxes = transpose

    swapdims = transpose

    def permute(self, *args: Any, dims: Any = None) -> Tensor:
        return ops.permute(self, *args, dims=dims)

    def movedim(self, source: Any, destination: Any) -> Tensor:
        return ops.movedim(self, source, destination)

    moveaxis = movedim

    def t(self) -> Tensor:
        return ops.t(self)

    def expand(self, *args: Any, size: Any = None) -> Tensor:
        return ops.expand(self, *args, size=size)

    def expand_as(self, other: Tensor) -> Tensor:
        return ops.expand(self, *other.shape)

    def broadcast_to(self, size: Any) -> Tensor:
        return ops.broadcast_to(self, size)

    def sum_to_size(self, *size: Any) -> Tensor:
        return ops.sum_to_size(self, *size)

    def split(self, split_size: Any, dim: _int = 0) -> tuple[Tensor, ...]:
        return ops.split(self, split_size, dim)

    def chunk(self, chunks: Any, dim: _int = 0) -> tuple[Tensor, ...]:
        return ops.chunk(self, chunks, dim)

    def unbind(self, dim: _int = 0) -> tuple[Tensor, ...]:
        return ops.unbind(self, dim)

    def tile(self, *args: Any, dims: Any = None) -> Tensor:
        return ops.tile(self, *args, dims=dims)

    def repeat(self, *args: Any, repeats: Any = None) -> Tensor:
        return ops.repeat(self, *args, repeats=repeats)

    def repeat_interleave(
        self, repeats: Any, dim: Any = None, *, output_size: Any = None
    ) -> Tensor:
        return ops.repeat_interleave(self, repeats, dim, output_size=output_size)

    def flip(self, *args: Any, dims: Any = None) -> Tensor:
        return ops.flip(self, *args, dims=dims)

    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        return ops.roll(self, shifts, dims)

    def narrow(self, dim: Any, start: Any, length: Any) -> Tensor:
        return ops.narrow(self, dim, start, length)

    def select(self, dim: Any, index: Any) -> Tensor:
        return ops.select(self, dim, index)

    def diagonal(self, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
        return ops.diagonal(self, offset, dim1, dim2)

    def diag(self, diagonal: _int = 0) -> Tensor:
        return ops.diag(self, diagonal)

    def tril(self, diagonal: _int = 0) -> Tensor:
        return ops.tril(self, diagonal)

    def triu(self, diagonal: _int = 0) -> Tensor:
        return ops.triu(self, diagonal)

    def unfold(self, dimension: Any, size: Any, step: Any) -> Tensor:
        return ops.unfold(self, dimension, size, step)

    def fliplr(self) -> Tensor:
        return ops.fliplr(self)

    def flipud(self) -> Tensor:
        return ops.flipud(self)

    def rot90(self, k: _int = 1, dims: Any = (0, 1)) -> Tensor:
        return ops.rot90(self, k, dims)

    def tensor_split(self, indices_or_sections: Any, dim: Any = 0) -> tuple[Tensor, ...]:
        return ops.tensor_split(self, indices_or_sections, dim)

    def hsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]:
        return ops.hsplit(self, indices_or_sections)

    def vsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]:
        return ops.vsplit(self, indices_or_sections)

    def dsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]:
        return ops.dsplit(self, indices_or_sections)

    def split_with_sizes(self, split_sizes: Any, dim: Any = 0) -> tuple[Tensor, ...]:
        return ops.split_with_sizes(self, split_sizes, dim)

    def diag_embed(self, offset: _int = 0, dim1: Any = -2, dim2: Any = -1) -> Tensor:
        return ops.diag_embed(self, offset, dim1, dim2)

    def diagflat(self, offset: _int = 0) -> Tensor:
        return ops.diagflat(self, offset)

    def trace(self) -> Tensor:
        return ops.trace(self)

    def diagonal_scatter(
        self, src: Tensor, offset: _int = 0, dim1: Any = 0, dim2: Any = 1
    ) -> Tensor:
        return ops.diagonal_scatter(self, src, offset, dim1, dim2)

    def select_scatter(self, src: Tensor, dim: Any, index: _int) -> Tensor:
        return ops.select_scatter(self, src, dim, index)

    def slice_scatter(
        self, src: Tensor, dim: Any = 0, start: Any = None, end: Any = None, step: _int = 1
    ) -> Tensor:
        return ops.slice_scatter(self, src, dim, start, end, step)

    def as_strided(self, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
        return ops.as_strided(self, size, stride, storage_offset)

    def argwhere(self) -> Tensor:
        return ops.argwhere(self)

    def ravel(self) -> Tensor:
        return ops.ravel(self)

    # -- indexing

    def gather(self, dim: Any, index: Tensor) -> Tensor:
        return ops.gather(self, dim, index)

    def scatter(
        self, dim: Any, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None
    ) -> Tensor:
        return ops.scatter(self, dim, index, src, value=value, reduce=reduce)

    def scatter_add(self, dim: Any, index: Tensor, src: Tensor) -> Tensor:
        return ops.scatter_add(self, dim, index, src)

    def index_select(self, dim: Any, index: Tensor) -> Tensor:
        return ops.index_select(self, dim, index)

    def index_add(self, dim: Any, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
        return ops.index_add(self, dim, index, source, alpha=alpha)

    def index_put(self, indices: Any, values: Any, accumulate: _bool = False) -> Tensor:
        return ops.index_put(self, indices, values, accumulate)

    def take(self, index: Tensor) -> Tensor:
        return ops.take(self, index)

    def put(self, index: Tensor, source: Tensor, accumulate: _bool = False) -> Tensor:
        return ops.put(self, index, source, accumulate)

    def index_fill(self, dim: Any, index: Tensor, value: Any) -> Tensor:
        return ops.index_fill(self, dim, index, value)

    def index_copy(self, dim: Any, index: Tensor, source: Tensor) -> Tensor:
        return ops.index_copy(self, dim, index, source)

    def scatter_reduce(
        self, dim: Any, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Tensor:
        return ops.scatter_reduce(self, dim, index, src, reduce, include_self=include_self)

    def index_reduce(
        self, dim: Any, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Tensor:
        return ops.index_reduce(self, dim, index, source, reduce, include_self=include_self)

    def renorm(self, p: Any, dim: Any, maxnorm: _float) -> Tensor:
        return ops.renorm(self, p, dim, maxnorm)

    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        return ops.masked_scatter(self, mask, source)

    def isin(
        self, test_elements: Any, *, assume_unique: _bool = False, invert: _bool = False
    ) -> Tensor:
        return ops.isin(self, test_elements, assume_unique=assume_unique, invert=invert)

    def unique_consecutive(
        self, return_inverse: _bool = False, return_counts: _bool = False, dim: Any = None
    ) -> Any:
        return ops.unique_consecutive(self, return_inverse, return_counts, dim)

    def msort(self) -> Tensor:
        return ops.msort(self)

    def take_along_dim(self, indices: Any, dim: Any = None) -> Tensor:
        return ops.take_along_dim(self, indices, dim)

    def masked_fill(self, mask: Tensor, value: Any) -> Tensor:
        return ops.masked_fill(self, mask, value)

    def masked_select(self, mask: Tensor) -> Tensor:
        return ops.masked_select(self, mask)

    def nonzero(self, *, as_tuple: _bool = False) -> Any:
        return ops.nonzero(self, as_tuple=as_tuple)

    def nonzero_static(self, *, size: _int, fill_value: _int = -1) -> Tensor:
        return ops.nonzero_static(self, size=size, fill_value=fill_value)

    def topk(self, k: Any, dim: _int = -1, largest: _bool = True, sorted: _bool = True) -> Any:
        return ops.topk(self, k, dim, largest, sorted)

    def sort(self, dim: _int = -1, descending: _bool = False, stable: _bool = False) -> Any:
        return ops.sort(self, dim, descending, stable)

    def argsort(self, dim: _int = -1, descending: _bool = False, stable: _bool = False) -> Tensor:
        return ops.argsort(self, dim, descending, stable)

    def unique(
        self,
        sorted: _bool = True,
        return_inverse: _bool = False,
        return_counts: _bool = False,
        dim: Any = None,
    ) -> Any:
        return ops.unique(self, sorted, return_inverse, return_counts, dim)

    # -- contractions

    def matmul(self, other: Any) -> Tensor:
        return ops.matmul(self, other)

    def mm(self, mat2: Tensor) -> Tensor:
        return ops.mm(self, mat2)

    def bmm(self, mat2: Tensor) -> Tensor:
        return ops.bmm(self, mat2)

    def mv(self, vec: Tensor) -> Tensor:
        return ops.mv(self, vec)

    def dot(self, tensor: Tensor) -> Tensor:
        return ops.dot(self, tensor)

    def outer(self, vec2: Tensor) -> Tensor:
        return ops.outer(self, vec2)

    ger = outer

    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.addmm(self, mat1, mat2, beta=beta, alpha=alpha)

    def addmv(self, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.addmv(self, mat, vec, beta=beta, alpha=alpha)

    def addr(self, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.addr(self, vec1, vec2, beta=beta, alpha=alpha)

    def baddbmm(self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.baddbmm(self, batch1, batch2, beta=beta, alpha=alpha)

    def addbmm(self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.addbmm(self, batch1, batch2, beta=beta, alpha=alpha)

    def vdot(self, other: Tensor) -> Tensor:
        return ops.vdot(self, other)

    def inner(self, other: Tensor) -> Tensor:
        return ops.inner(self, other)

    def kron(self, other: Tensor) -> Tensor:
        return ops.kron(self, other)

    def cross(self, other: Tensor, dim: Any = None) -> Tensor:
        return ops.cross(self, other, dim)

    def corrcoef(self) -> Tensor:
        return ops.corrcoef(self)

    def cov(self, *, correction: _int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
        return ops.cov(self, correction=correction, fweights=fweights, aweights=aweights)

    # -- linear algebra

    def inverse(self) -> Tensor:
        return ops.inverse(self)

    def pinverse(self, rcond: _float = 1e-15) -> Tensor:
        return ops.pinverse(self, rcond)

    def det(self) -> Tensor:
        return ops.det(self)

    def logdet(self) -> Tensor:
        return ops.logdet(self)

    def slogdet(self) -> Any:
        return ops.slogdet(self)

    def cholesky(self, upper: _bool = False) -> Tensor:
        return ops.cholesky(self, upper)

    def lu(self, pivot: _bool = True, get_infos: _bool = False) -> Any:
        return ops.lu(self, pivot, get_infos)

    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
        return ops.lu_solve(self, LU_data, LU_pivots)

    def cholesky_solve(self, L: Tensor, upper: _bool = False) -> Tensor:
        return ops.cholesky_solve(self, L, upper)

    def cholesky_inverse(self, upper: _bool = False) -> Tensor:
        return ops.cholesky_inverse(self, upper)

    def qr(self, some: _bool = True) -> Any:
        return ops.qr(self, some)

    def svd(self, some: _bool = True, compute_uv: _bool = True) -> Any:
        return ops.svd(self, some, compute_uv)

    def matrix_power(self, n: _int) -> Tensor:
        return ops.matrix_power(self, n)

    def matrix_exp(self) -> Tensor:
        return ops.matrix_exp(self)

    def dist(self, other: Tensor, p: Any = 2) -> Tensor:
        return ops.dist(self, other, p)

    # -- random

    def bernoulli(self, p: Any = None, *, generator: Any = None) -> Tensor:
        return ops.bernoulli(self, p, generator=generator)

    def multinomial(
        self, num_samples: Any, replacement: _bool = False, *, generator: Any = None
    ) -> Tensor:
        return ops.multinomial(self, num_samples, replacement, generator=generator)

    # -- new tensors of this one's type and device

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: _bool = False
    ) -> Tensor:
        return ops.new_tensor(self, data, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_empty(self, *shape: Any, size: Any = None, **options: Any) -> Tensor:
        return ops.new_empty(self, *shape, size=size, **options)

    def new_zeros(self, *shape: Any, size: Any = None, **options: Any) -> Tensor:
        return ops.new_zeros(self, *shape, size=size, **options)

    def new_ones(self, *shape: Any, size: Any = None, **options: Any) -> Tensor:
        return ops.new_ones(self, *shape, size=size, **options)

    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: _bool = False,
    ) -> Tensor:
        return ops.new_full(
            self, size, fill_value, dtype=dtype, device=device, requires_grad=requires_grad
        )

    # -- in place

    def neg_(self) -> Tensor:
        return ops.inplace(ops.neg, self)

    negative_ = neg_

    def abs_(self) -> Tensor:
        return ops.inplace(ops.abs, self)

    absolute_ = abs_

    def sign_(self) -> Tensor:
        return ops.inplace(ops.sign, self)

    sgn_ = sign_

    def square_(self) -> Tensor:
        return ops.inplace(ops.square, self)

    def sqrt_(self) -> Tensor:
        return ops.inplace(ops.sqrt, self)

    def rsqrt_(self) -> Tensor:
        return ops.inplace(ops.rsqrt, self)

    def reciprocal_(self) -> Tensor:
        return ops.inplace(ops.reciprocal, self)

    def exp_(self) -> Tensor:
        return ops.inplace(ops.exp, self)

    def exp2_(self) -> Tensor:
        return ops.inplace(ops.exp2, self)

    def expm1_(self) -> Tensor:
        return ops.inplace(ops.expm1, self)

    def log_(self) -> Tensor:
        return ops.inplace(ops.log, self)

    def log2_(self) -> Tensor:
        return ops.inplace(ops.log2, self)

    def log10_(self) -> Tensor:
        return ops.inplace(ops.log10, self)

    def log1p_(self) -> Tensor:
        return ops.inplace(ops.log1p, self)

    def sin_(self) -> Tensor:
        return ops.inplace(ops.sin, self)

    def cos_(self) -> Tensor:
        return ops.inplace(ops.cos, self)

    def tan_(self) -> Tensor:
        return ops.inplace(ops.tan, self)

    def asin_(self) -> Tensor:
        return ops.inplace(ops.asin, self)

    def acos_(self) -> Tensor:
        return ops.inplace(ops.acos, self)

    def atan_(self) -> Tensor:
        return ops.inplace(ops.atan, self)

    arcsin_ = asin_

    arccos_ = acos_

    arctan_ = atan_

    def sinh_(self) -> Tensor:
        return ops.inplace(ops.sinh, self)

    def cosh_(self) -> Tensor:
        return ops.inplace(ops.cosh, self)

    def tanh_(self) -> Tensor:
        return ops.inplace(ops.tanh, self)

    def sigmoid_(self) -> Tensor:
        return ops.inplace(ops.sigmoid, self)

    def erf_(self) -> Tensor:
        return ops.inplace(ops.erf, self)

    def floor_(self) -> Tensor:
        return ops.inplace(ops.floor, self)

    def ceil_(self) -> Tensor:
        return ops.inplace(ops.ceil, self)

    def trunc_(self) -> Tensor:
        return ops.inplace(ops.trunc, self)

    fix_ = trunc_

    def frac_(self) -> Tensor:
        return ops.inplace(ops.frac, self)

    def relu_(self) -> Tensor:
        return ops.inplace(ops.relu, self)

    def logical_not_(self) -> Tensor:
        return ops.inplace(ops.logical_not, self)

    def bitwise_not_(self) -> Tensor:
        return ops.inplace(ops.bitwise_not, self)

    def add_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        y = other if alpha == 1 else ops.scaled("add", self, other, alpha)
        return ops.inplace(ops.add, self, y)

    def sub_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        y = other if alpha == 1 else ops.scaled("sub", self, other, alpha)
        return ops.inplace(ops.sub, self, y)

    subtract_ = sub_

    def mul_(self, other: Any) -> Tensor:
        return ops.inplace(ops.mul, self, other)

    multiply_ = mul_

    def div_(self, other: Any, *, rounding_mode: Any = None) -> Tensor:
        return ops.inplace(ops.div, self, other, rounding_mode=rounding_mode)

    divide_ = div_

    true_divide_ = div_

    def floor_divide_(self, other: Any) -> Tensor:
        return ops.inplace(ops.floor_divide, self, other)

    def fmod_(self, other: Any) -> Tensor:
        return ops.inplace(ops.fmod, self, other)

    def remainder_(self, other: Any) -> Tensor:
        return ops.inplace(ops.remainder, self, other)

    def pow_(self, exponent: Any) -> Tensor:
        return ops.inplace(ops.pow, self, exponent)

    def round_(self, *, decimals: _int = 0) -> Tensor:
        return ops.inplace(ops.round, self, decimals=decimals)

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        return ops.inplace(ops.clamp, self, min, max)

    clip_ = clamp_

    def clamp_min_(self, min: Any) -> Tensor:
        return ops.inplace(ops.clamp, self, min)

    def clamp_max_(self, max: Any) -> Tensor:
        return ops.inplace(ops.clamp, self, None, max)

    def atan2_(self, other: Tensor) -> Tensor:
        return ops.inplace(ops.atan2, self, other)

    arctan2_ = atan2_

    def hypot_(self, other: Tensor) -> Tensor:
        return ops.inplace(ops.hypot, self, other)

    def addmm_(self, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.inplace(ops.addmm, self, mat1, mat2, beta=beta, alpha=alpha)

    def addmv_(self, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.inplace(ops.addmv, self, mat, vec, beta=beta, alpha=alpha)

    def addr_(self, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.inplace(ops.addr, self, vec1, vec2, beta=beta, alpha=alpha)

    def baddbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.inplace(ops.baddbmm, self, batch1, batch2, beta=beta, alpha=alpha)

    def addbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return ops.inplace(ops.addbmm, self, batch1, batch2, beta=beta, alpha=alpha)

    def lerp_(self, end: Tensor, weight: Any) -> Tensor:
        return ops.inplace(ops.lerp, self, end, weight)

    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
        return ops.inplace(ops.addcmul, self, tensor1, tensor2, value=value)

    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
        return ops.inplace(ops.addcdiv, self, tensor1, tensor2, value=value)

    def nan_to_num_(self, nan: _float = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
        return ops.inplace(ops.nan_to_num, self, nan, posinf, neginf)

    def asinh_(self) -> Tensor:
        return ops.inplace(ops.asinh, self)

    def acosh_(self) -> Tensor:
        return ops.inplace(ops.acosh, self)

    def atanh_(self) -> Tensor:
        return ops.inplace(ops.atanh, self)

    arcsinh_ = asinh_

    arccosh_ = acosh_

    arctanh_ = atanh_

    def erfc_(self) -> Tensor:
        return ops.inplace(ops.erfc, self)

    def erfinv_(self) -> Tensor:
        return ops.inplace(ops.erfinv, self)

    def lgamma_(self) -> Tensor:
        return ops.inplace(ops.lgamma, self)

    def digamma_(self) -> Tensor:
        return ops.inplace(ops.digamma, self)

    def i0_(self) -> Tensor:
        return ops.inplace(ops.i0, self)

    def sinc_(self) -> Tensor:
        return ops.inplace(ops.sinc, self)

    def deg2rad_(self) -> Tensor:
        return ops.inplace(ops.deg2rad, self)

    def rad2deg_(self) -> Tensor:
        return ops.inplace(ops.rad2deg, self)

    def logit_(self, eps: Any = None) -> Tensor:
        return ops.inplace(ops.logit, self, eps)

    def mvlgamma_(self, p: _int) -> Tensor:
        return ops.inplace(ops.mvlgamma, self, p)

    def xlogy_(self, other: Any) -> Tensor:
        return ops.inplace(ops.xlogy, self, other)

    def heaviside_(self, values: Tensor) -> Tensor:
        return ops.inplace(ops.heaviside, self, values)

    def copysign_(self, other: Any) -> Tensor:
        return ops.inplace(ops.copysign, self, other)

    def nextafter_(self, other: Tensor) -> Tensor:
        return ops.inplace(ops.nextafter, self, other)

    def ldexp_(self, other: Tensor) -> Tensor:
        return ops.inplace(ops.ldexp, self, other)

    def float_power_(self, exponent: Any) -> Tensor:
        return ops.inplace(ops.float_power, self, exponent)

    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor:
        return ops.inplace(ops.masked_fill, self, mask, value)

    def tril_(self, diagonal: _int = 0) -> Tensor:
        return ops.inplace(ops.tril, self, diagonal)

    def triu_(self, diagonal: _int = 0) -> Tensor:
        return ops.inplace(ops.triu, self, diagonal)

    def scatter_(
        self, dim: Any, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None
    ) -> Tensor:
        return ops.inplace(ops.scatter, self, dim, index, src, value=value, reduce=reduce)

    def scatter_add_(self, dim: Any, index: Tensor, src: Tensor) -> Tensor:
        return ops.inplace(ops.scatter_add, self, dim, index, src)

    def index_add_(self, dim: Any, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
        return ops.inplace(ops.index_add, self, dim, index, source, alpha=alpha)

    def put_(self, index: Tensor, source: Tensor, accumulate: _bool = False) -> Tensor:
        return ops.inplace(ops.put, self, index, source, accumulate)

    def index_fill_(self, dim: Any, index: Tensor, value: Any) -> Tensor:
        return ops.inplace(ops.index_fill, self, dim, index, value)

    def index_copy_(self, dim: Any, index: Tensor, source: Tensor) -> Tensor:
        return ops.inplace(ops.index_copy, self, dim, index, source)

    def scatter_reduce_(
        self, dim: Any, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Tensor:
        return ops.inplace(
            ops.scatter_reduce, self, dim, index, src, reduce, include_self=include_self
        )

    def index_reduce_(
        self, dim: Any, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Tensor:
        return ops.inplace(
            ops.index_reduce, self, dim, index, source, reduce, include_self=include_self
        )

    def renorm_(self, p: Any, dim: Any, maxnorm: _float) -> Tensor:
        return ops.inplace(ops.renorm, self, p, dim, maxnorm)

    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Tensor:
        return ops.inplace(ops.masked_scatter, self, mask, source)

    def index_put_(self, indices: Any, values: Any, accumulate: _bool = False) -> Tensor:
        return ops.index_put_inplace(self, indices, values, accumulate)

    def cumsum_(self, dim: Any, *, dtype: Any = None) -> Tensor:
        return ops.inplace(ops.cumsum, self, dim, dtype=dtype)

    def cumprod_(self, dim: Any, *, dtype: Any = None) -> Tensor:
        return ops.inplace(ops.cumprod, self, dim, dtype=dtype)

    def eq_(self, other: Any) -> Tensor:
        return ops.inplace(ops.eq, self, other)

    def ne_(self, other: Any) -> Tensor:
        return ops.inplace(ops.ne, self, other)

    def lt_(self, other: Any) -> Tensor:
        return ops.inplace(ops.lt, self, other)

    def le_(self, other: Any) -> Tensor:
        return ops.inplace(ops.le, self, other)

    def gt_(self, other: Any) -> Tensor:
        return ops.inplace(ops.gt, self, other)

    def ge_(self, other: Any) -> Tensor:
        return ops.inplace(ops.ge, self, other)

    not_equal_ = ne_

    less_ = lt_

    less_equal_ = le_

    greater_ = gt_

    greater_equal_ = ge_

    def logical_and_(self, other: Any) -> Tensor:
        return ops.inplace(ops.logical_and, self, other)

    def logical_or_(self, other: Any) -> Tensor:
        return ops.inplace(ops.logical_or, self, other)

    def logical_xor_(self, other: Any) -> Tensor:
        return ops.inplace(ops.logical_xor, self, other)

    def bitwise_and_(self, other: Any) -> Tensor:
        return ops.inplace(ops.bitwise_and, self, other)

    def bitwise_or_(self, other: Any) -> Tensor:
        return ops.inplace(ops.bitwise_or, self, other)

    def bitwise_xor_(self, other: Any) -> Tensor:
        return ops.inplace(ops.bitwise_xor, self, other)

    def gcd_(self, other: Tensor) -> Tensor:
        return ops.inplace(ops.gcd, self, other)

    def lcm_(self, other: Tensor) -> Tensor:
        return ops.inplace(ops.lcm, self, other)

    def bitwise_left_shift_(self, other: Any) -> Tensor:
        return ops.inplace(ops.bitwise_left_shift, self, other)

    def bitwise_right_shift_(self, other: Any) -> Tensor:
        return ops.inplace(ops.bitwise_right_shift, self, other)

    def zero_(self) -> Tensor:
        return self.fill_(0)

    def fill_(self, value: Any) -> Tensor:
        return ops.inplace(ops.fill, self, value)

    def copy_(self, src: Any, non_blocking: _bool = False) -> Tensor:
        """Writes src, broadcast and cast to this tensor's shape and type, into this tensor."""
        return ops.copy_(self, src)

    def set_(self, source: Tensor) -> Tensor:
        self.data = source
        return self

    def normal_(self, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None) -> Tensor:
        return ops.fill_random(self, ops.normal, mean, std, generator=generator)

    def uniform_(self, from_: Any = 0.0, to: Any = 1.0, *, generator: Any = None) -> Tensor:
        return ops.fill_random(self, ops.uniform, from_, to, generator=generator)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        return ops.fill_random(self, ops.bernoulli_of, p, generator=generator)

    def random_(self, from_: _int = 0, to: _int | None = None, *, generator: Any = None) -> Tensor:
        return ops.fill_random(self, ops.integers, from_, to, generator=generator)

    def exponential_(self, lambd: _float = 1, *, generator: Any = None) -> Tensor:
        return ops.fill_random(self, ops.exponential, lambd, generator=generator)

    def geometric_(self, p: _float, *, generator: Any = None) -> Tensor:
        return ops.fill_random(self, ops.geometric, p, generator=generator)

    def cauchy_(self, median: _float = 0, sigma: _float = 1, *, generator: Any = None) -> Tensor:
        return ops.fill_random(self, ops.cauchy, median, sigma, generator=generator)

    def log_normal_(self, mean: _float = 1, std: _float = 2, *, generator: Any = None) -> Tensor:
        return ops.fill_random(self, ops.log_normal, mean, std, generator=generator)

    def unsqueeze_(self, dim: _int) -> Tensor:
        return ops.reshape_inplace(self, ops.unsqueeze(self, dim))

    def squeeze_(self, dim: Any = None) -> Tensor:
        return ops.reshape_inplace(self, ops.squeeze(self, dim))

    def transpose_(self, dim0: Any, dim1: Any) -> Tensor:
        return ops.reshape_inplace(self, ops.transpose(self, dim0, dim1))

    swapaxes_ = transpose_

    swapdims_ = transpose_

    def t_(self) -> Tensor:
        return ops.reshape_inplace(self, ops.t(self))

    # -- views by attribute

    @property
    def T(self) -> Tensor:
        return ops.permute(self, *range(self.dim())[::-1])

    @property
    def mT(self) -> Tensor:
        if self.dim() < 2:
            raise RuntimeError(
                "tensor.mT is only supported on matrices or batches of matrices, got shape "
                f"{tuple(self.shape)}"
            )
        return ops.transpose(self, -2, -1)

    # Without complex numbers the adjoint is the transpose.
    H = mH = mT

    # -- operators

    def __add__(self, other: Any) -> Tensor:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return self.add(other)

    def __sub__(self, other: Any) -> Tensor:
        return ops.sub(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return ops.sub(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return ops.mul(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return self.mul(other)

    def __truediv__(self, other: Any) -> Tensor:
        return ops.true_divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.true_divide(other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return ops.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return ops.floor_divide(other, self)

    def __mod__(self, other: Any) -> Tensor:
        return ops.remainder(self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return ops.remainder(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return ops.pow(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return ops.pow(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return ops.matmul(self, other)

    def __neg__(self) -> Tensor:
        return ops.neg(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return ops.abs(self)

    def __invert__(self) -> Tensor:
        if self.is_floating_point():
            raise TypeError(
                f"~ (operator.invert) is only implemented on integer and Boolean-type tensors, got "
                f"{self.dtype}"
            )
        return ops.bitwise_not(self)

    def __and__(self, other: Any) -> Tensor:
        return ops.bitwise_and(self, other)

    def __rand__(self, other: Any) -> Tensor:
        return self.bitwise_and(other)

    def __or__(self, other: Any) -> Tensor:
        return ops.bitwise_or(self, other)

    def __ror__(self, other: Any) -> Tensor:
        return self.bitwise_or(other)

    def __xor__(self, other: Any) -> Tensor:
        return ops.bitwise_xor(self, other)

    def __rxor__(self, other: Any) -> Tensor:
        return self.bitwise_xor(other)

    def __lshift__(self, other: Any) -> Tensor:
        return ops.bitwise_left_shift(self, other)

    def __rlshift__(self, other: Any) -> Tensor:
        return ops.bitwise_left_shift(other, self)

    def __rshift__(self, other: Any) -> Tensor:
        return ops.bitwise_right_shift(self, other)

    def __rrshift__(self, other: Any) -> Tensor:
        return ops.bitwise_right_shift(other, self)

    # What is neither a tensor nor a number is not equal, and no error.

    def __eq__(self, other: Any) -> Tensor:  # type: ignore[override]
        try:
            return ops.eq(self, other)
        except TypeError:
            return NotImplemented

    def __ne__(self, other: Any) -> Tensor:  # type: ignore[override]
        try:
            return ops.ne(self, other)
        except TypeError:
            return NotImplemented

    def __lt__(self, other: Any) -> Tensor:
        return ops.lt(self, other)

    def __le__(self, other: Any) -> Tensor:
        return ops.le(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return ops.gt(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return ops.ge(self, other)

    __hash__ = object.__hash__

    def __iadd__(self, other: Any) -> Tensor:
        return self.add_(other)

    def __isub__(self, other: Any) -> Tensor:
        return self.sub_(other)

    def __imul__(self, other: Any) -> Tensor:
        return self.mul_(other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self.div_(other)

    def __ifloordiv__(self, other: Any) -> Tensor:
        return self.floor_divide_(other)

    def __imod__(self, other: Any) -> Tensor:
        return self.remainder_(other)

    def __ipow__(self, other: Any) -> Tensor:
        return self.pow_(other)

    def __iand__(self, other: Any) -> Tensor:
        return self.bitwise_and_(other)

    def __ior__(self, other: Any) -> Tensor:
        return self.bitwise_or_(other)

    def __ixor__(self, other: Any) -> Tensor:
        return self.bitwise_xor_(other)

    def __ilshift__(self, other: Any) -> Tensor:
        return self.bitwise_left_shift_(other)

    def __irshift__(self, other: Any) -> Tensor:
        return self.bitwise_right_shift_(other)

    # -- as a Python object

    def __getitem__(self, key: Any) -> Tensor:
        return ops.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        ops.setitem(self, key, value)

    def __len__(self) -> _int:
        if not self.array.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(ops.unbind(self, 0))

    def __contains__(self, element: Any) -> _bool:
        if not isinstance(element, Tensor | int | float | np.generic):  # bool is an int
            raise RuntimeError(
                "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                f"{type(element)}"
            )
        return bool((self == element).any().item())

    def __bool__(self) -> _bool:
        if self.numel() != 1:
            raise RuntimeError(
                "Boolean value of Tensor with "
                f"{'no values' if self.numel() == 0 else 'more than one value'} is ambiguous: "
                f"shape {tuple(self.shape)}; use .any() or .all()"
            )
        return bool(self.item())

    def _one(self) -> Any:
        if self.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars, got shape "
                f"{tuple(self.shape)}; use tolist()"
            )
        return self.item()

    def __int__(self) -> _int:
        return int(self._one())

    def __float__(self) -> _float:
        return float(self._one())

    def __index__(self) -> _int:
        value = self.item() if self.numel() == 1 else None
        if not isinstance(value, int):
            raise TypeError(
                "only integer tensors of a single element can be converted to an index, got "
                f"{self.dtype}, shape {tuple(self.shape)}"
            )
        return int(value)

    def __repr__(self) -> str:
        return ops.format_tensor(self)

    def __format__(self, spec: str) -> str:
        """A 0-d tensor is formatted as its number, as PyTorch has it (a Parameter is not)."""
        if self.dim() == 0 and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __deepcopy__(self, memo: dict[_int, Any]) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol; detach() this one first"
            )
        if id(self) in memo:
            return memo[id(self)]
        copied = memo[id(self)] = _new(type(self))
        autograd.inplace.place_copy(copied, self, memo)
        copied._grad = None if self.grad is None else self.grad.__deepcopy__(memo)
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        array = np.ascontiguousarray(self.device.backend.to_host(self.array)).reshape(
            self.array.shape
        )
        return (
            _rebuild,
            (type(self), array, str(self.device), self.requires_grad),
            self.__dict__ or None,
        )

    def _become(self, array: Any, device: Device, requires_grad: _bool) -> None:
        """Fills the slots of a tensor made without `__init__`."""
        self.array, self.device = array, device
        self.node = self._grad = self.base = None
        self.version = Version()
        self.requires_grad_(requires_grad)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(ops.missing("Tensor", name, dir(type(self))))


def _check_grad(x: Tensor, g: Any) -> None:
    if not isinstance(g, Tensor):
        raise TypeError(
            f"assigned grad expected to be a Tensor or None but got grad of type {type(g).__name__}"
        )
    if g is x:
        raise RuntimeError("can't assign Variable as its own grad; assign a clone()")
    for name, given, own in (
        ("size", list(g.array.shape), list(x.array.shape)),
        ("dtype", g.dtype, x.dtype),
        ("device", g.device, x.device),
    ):
        if given != own:
            raise RuntimeError(
                f"attempting to assign a gradient of {name} {given} to a tensor of {name} {own}; "
                "the two must be the same"
            )


def _rebuild(cls: type[Tensor], array: np.ndarray, device: str, requires_grad: _bool) -> Tensor:
    place = Device(device)
    out = _new(cls)
    out._become(place.backend.from_host(dtypes.canonical(array)), place, requires_grad)
    return out
