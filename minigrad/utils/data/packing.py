"""Packing: a batch as a small message and bytes in shared memory, and a batch again of both.

pickle does the work. Arrays, and those of tensors, it is made to pass by ("out of band"): it leaves
their bytes to us and writes down the rest, whatever dicts, lists and classes are around them.
"""

import copyreg
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.tensor import Tensor


def pack(batch: Any) -> tuple[bytes, list[np.ndarray]]:
    """The batch without the bytes of its arrays, and these."""
    buffers: list[np.ndarray] = []
    stream = io.BytesIO()
    _Packer(stream, buffers.append).dump(batch)
    return stream.getvalue(), buffers


def unpack(message: bytes, buffers: list[Any]) -> Any:
    """The batch again. Its arrays view the buffers, its tensors are on the default device."""
    return pickle.loads(message, buffers=buffers)


class _Packer(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table.copy()

    def __init__(self, stream: io.BytesIO, take: Callable[[np.ndarray], None]) -> None:
        super().__init__(
            stream, 5, buffer_callback=lambda buffer: take(np.frombuffer(buffer.raw(), np.uint8))
        )


def reduce_array(x: np.ndarray) -> Any:
    """How to pickle an array: from its bytes."""
    if x.dtype.hasobject or x.dtype.names:
        return x.__reduce_ex__(5)
    flat: Any = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    return _array, (pickle.PickleBuffer(flat), x.dtype.str, x.shape)


def _array(buffer: Any, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.ndarray(shape, dtype, buffer)


def _reduce_tensor(x: Tensor) -> Any:
    if x.requires_grad and not x.is_leaf:
        raise RuntimeError(
            "DataLoader: a tensor that is the result of an operation and requires grad cannot go "
            "to another process; detach() it"
        )
    return _tensor, (x.device.backend.to_host(x.array), x.requires_grad)


def _tensor(array: np.ndarray, requires_grad: bool) -> Tensor:
    out = ops.from_numpy(array)
    return out.requires_grad_() if requires_grad else out


_Packer.dispatch_table[np.ndarray] = reduce_array
_Packer.dispatch_table[Tensor] = _reduce_tensor
