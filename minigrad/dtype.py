"""Types of elements: PyTorch's names, NumPy's types underneath, and the rule by which types meet.

Two operands of different type meet in the higher category (bool < integer < float), as in PyTorch.
Operands come in three kinds: tensors with dimensions, 0-d tensors and Python numbers. A weaker kind
has a say only where its category is the higher one, so that `x + 1` and `x * 0.5` leave a float16
tensor a float16 tensor.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


class DType:
    """The type of a tensor's elements; one object a type, so compare with `is` or `==`.

    >>> import minigrad
    >>> minigrad.float32.itemsize, minigrad.float32.is_floating_point
    (4, True)
    """

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    def __init__(self, name: str):
        self.name = name
        self.numpy = np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"
        self.is_complex = False
        self.is_signed = self.numpy.kind in "if"

    def __repr__(self) -> str:
        return f"minigrad.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (from_numpy, (self.name,))


class Absent(DType):
    """A type that PyTorch has and minigrad has not. Programs may name it; to use it is a TypeError.

    >>> import minigrad
    >>> dtype = minigrad.bfloat16 if minigrad.cuda.is_bf16_supported() else minigrad.float32
    """

    __slots__ = ()

    def __init__(self, name: str, itemsize: int):
        self.name, self.itemsize = name, itemsize
        self.is_floating_point = self.is_signed = True
        self.is_complex = False

    @property
    def numpy(self) -> np.dtype:  # type: ignore[override]
        names = ", ".join(known.name for known in ALL)
        raise TypeError(f"minigrad has no tensors of type {self.name}; there are: {names}")


bool_, uint8, int8, int16, int32, int64, float16, float32, float64 = ALL = tuple(
    DType(name) for name in "bool uint8 int8 int16 int32 int64 float16 float32 float64".split()
)
bfloat16 = Absent("bfloat16", 2)
_OF_NUMPY = {dtype.numpy: dtype for dtype in ALL}
FLOATS = frozenset(dtype.numpy for dtype in ALL if dtype.is_floating_point)
_default = float32


def from_numpy(dtype: Any) -> DType:
    """The DType of a NumPy dtype; a TypeError for those that minigrad does not have."""
    found = _OF_NUMPY.get(np.dtype(dtype))
    if found is None:
        names = ", ".join(known.name for known in ALL)
        raise TypeError(
            f"minigrad has no tensors of NumPy type {dtype}; convert to one of: {names}"
        )
    return found


def canonical(array: np.ndarray) -> np.ndarray:
    """The array under the one dtype object that minigrad has for its type: the kernels compare
    types with `is`, and an array that was pickled comes back with an equal one of its own.
    """
    dtype = from_numpy(array.dtype).numpy
    if array.dtype is dtype:
        return array
    return array.view(dtype) if array.dtype == dtype else array.astype(dtype)


def as_numpy(dtype: Any) -> np.dtype:
    """The NumPy dtype of what users may pass as `dtype=`: a DType, a NumPy dtype, or Python's bool,
    int (int64) and float (float64, whatever the default is).
    """
    return dtype.numpy if isinstance(dtype, DType) else from_numpy(dtype).numpy


def get_default_dtype() -> DType:
    """The floating-point type of new tensors: float32 unless set_default_dtype changed it.

    >>> import minigrad
    >>> minigrad.get_default_dtype()
    minigrad.float32
    """
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Makes `dtype` (float16, float32 or float64) the type of new floating-point tensors.

    >>> import minigrad
    >>> minigrad.set_default_dtype(minigrad.float64)
    >>> minigrad.tensor(0.5).dtype
    minigrad.float64
    >>> minigrad.set_default_dtype(minigrad.float32)
    """
    global _default
    if not (isinstance(dtype, DType) and dtype.is_floating_point):
        raise TypeError(
            f"set_default_dtype: only floating-point types can be the default, got {dtype}"
        )
    as_numpy(dtype)  # raises where it is only a name
    _default = dtype


def of_number(number: bool | int | float) -> np.dtype:
    """The type a Python number has where nothing else has a say: bool, int64 or the default float.
    """
    if isinstance(number, bool | np.bool_):
        return bool_.numpy
    if isinstance(number, int | np.integer):
        return int64.numpy
    if isinstance(number, float | np.floating):
        return _default.numpy
    raise TypeError(f"expected a bool, int or float, got {type(number).__name__}")


@cache
def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """Where two types of the same kind of operand meet: int64 and float16 in float16, uint8 and
    int8 in int16.
    """
    if CATEGORY[a.kind] == CATEGORY[b.kind]:
        return np.promote_types(a, b)
    return a if CATEGORY[a.kind] > CATEGORY[b.kind] else b


def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest type that both can become, as torch.promote_types.

    >>> import minigrad
    >>> minigrad.promote_types(minigrad.int64, minigrad.float16)
    minigrad.float16
    """
    return from_numpy(promote(type1.numpy, type2.numpy))


def result_dtype(operands: Iterable[Any]) -> np.dtype:
    """The type in which tensors (anything with `.array`) and Python numbers meet.

    Dimensioned tensors decide; 0-d tensors, then numbers, only where their category is higher.
    """
    ranks: list[np.dtype | None] = [None, None, None]
    for operand in operands:
        array = getattr(operand, "array", None)
        if array is None:
            rank, dtype = 2, of_number(operand)
        else:
            rank, dtype = (0 if array.shape else 1), array.dtype
        seen = ranks[rank]
        ranks[rank] = dtype if seen is None else promote(seen, dtype)
    result: np.dtype | None = None
    for met in ranks:
        if met is not None and (result is None or CATEGORY[met.kind] > CATEGORY[result.kind]):
            result = met
    assert result is not None, "result_dtype: no operands"
    return result


def can_cast(from_: DType, to: DType) -> bool:
    """Whether an in-place result of type `from_` may be stored as `to`: never from a higher
    category to a lower.

    >>> import minigrad
    >>> minigrad.can_cast(minigrad.float64, minigrad.float16)
    True
    >>> minigrad.can_cast(minigrad.float32, minigrad.int64)
    False
    """
    return CATEGORY[from_.numpy.kind] <= CATEGORY[to.numpy.kind]


class finfo:
    """Limits of a floating-point type: bits, eps, max, min, tiny, smallest_normal, resolution
    (torch.finfo).

    >>> import minigrad
    >>> minigrad.finfo(minigrad.float32).bits
    32
    """

    def __init__(self, dtype: DType | None = None):
        dtype = dtype or _default
        if not dtype.is_floating_point:
            raise TypeError(f"finfo describes floating-point types; use iinfo for {dtype}")
        info = np.finfo(dtype.numpy)
        self.bits = info.bits
        self.dtype = dtype.name
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = float(info.resolution)


class iinfo:
    """Limits of an integer type: bits, min, max (torch.iinfo).

    >>> import minigrad
    >>> minigrad.iinfo(minigrad.int8).max
    127
    """

    def __init__(self, dtype: DType):
        if dtype.is_floating_point or dtype is bool_:
            raise TypeError(f"iinfo describes integer types, not {dtype}")
        info = np.iinfo(dtype.numpy)
        self.bits, self.min, self.max, self.dtype = (
            info.bits,
            int(info.min),
            int(info.max),
            dtype.name,
        )
