"""Reads what torch.save wrote: the zip files of today and the older, plain ones. Runs no code.

Both hold a pickle of the structure, in which a tensor is the call

    _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)

and a storage a reference ("storage", type, key, device, number of elements). The elements are in
files of the zip, or behind the pickle, in the order of a list of keys. A pickle may call anything
that its reader looks up for it; this reader looks up the names below and refuses all others.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from minigrad import ops
from minigrad.nn.parameter import Parameter

_LEGACY_MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
_TYPES = {
    "DoubleStorage": np.float64, "FloatStorage": np.float32, "HalfStorage": np.float16,
    "LongStorage": np.int64, "IntStorage": np.int32, "ShortStorage": np.int16,
    "CharStorage": np.int8, "ByteStorage": np.uint8, "BoolStorage": np.bool_,
}  # fmt: skip


class _Stored(NamedTuple):
    """A tensor, before its elements may be there."""

    array: np.ndarray
    requires_grad: bool
    is_parameter: bool


def is_torch_file(content: bytes) -> bool:
    """Whether the first bytes are those of a file of torch.save.

    >>> is_torch_file(b"PK..."), is_torch_file(b"{...")
    (True, False)
    """
    return content.startswith((b"PK", _LEGACY_MAGIC))


def read_torch_file(name: str, content: bytes, map_location: Any = None) -> Any:
    """Tensors and plain values in nested dicts, lists and tuples. RuntimeError for other objects
    in the pickle, and for a file that is damaged.

    Tensors come to `map_location`, a device, or to the default device; those that shared memory
    have their own.
    """
    try:
        read = _read_zip if content.startswith(b"PK") else _read_legacy
        return _finished(read(content), map_location)
    except (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, ValueError, TypeError, KeyError,
            AttributeError, IndexError, MemoryError) as error:  # fmt: skip
        raise RuntimeError(
            f"load: {name} is no file of torch.save that can be read here, or damaged ({error})"
        ) from error


class _Reader(pickle.Unpickler):
    """Makes nothing but containers, plain values and arrays."""

    def __init__(self, file: Any, content: Any = None) -> None:
        super().__init__(file)
        self.storages: dict[str, np.ndarray] = {}
        self.content = content  # takes a key to its elements, if these can be had now

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _TYPES:
            return np.dtype(_TYPES[name])
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            ("torch", "Size"): tuple,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(
                f"it holds a {module}.{name}; there are tensors, numbers and strings, in dicts, "
                "lists and tuples. Save the state_dict of a model and not the model"
            )
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> np.ndarray:
        _, dtype, key, _, count = pid[:5]
        if key not in self.storages:
            if self.content is None:
                self.storages[key] = np.empty(count, dtype)
            else:
                self.storages[key] = np.frombuffer(self.content(key), dtype, count)
        return self.storages[key]


def _tensor(
    storage: np.ndarray, offset: int, size: Any, stride: Any, requires_grad: bool, *rest: Any
) -> _Stored:
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min(offset, 0, *size, *stride) < 0 or 0 not in size and last >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * storage.itemsize for step in stride]
    array = np.lib.stride_tricks.as_strided(storage[offset:], size, steps)
    return _Stored(array, requires_grad, False)


def _parameter(data: _Stored, requires_grad: bool, *rest: Any) -> _Stored:
    return _Stored(data.array, requires_grad, True)


def _read_zip(content: bytes) -> Any:
    archive = zipfile.ZipFile(io.BytesIO(content))
    (top,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
    folder = top.removesuffix("data.pkl")
    order = f"{folder}byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise ValueError("it was written on a big-endian machine")
    return _Reader(
        io.BytesIO(archive.read(top)), lambda key: archive.read(f"{folder}data/{key}")
    ).load()


def _read_legacy(content: bytes) -> Any:
    """Magic number, version, facts of the machine, the structure, the keys: a pickle each."""
    file = io.BytesIO(content)
    for _ in range(3):
        _Reader(file).load()
    reader = _Reader(file)
    structure = reader.load()
    for key in _Reader(file).load():
        storage = reader.storages[key]
        (count,) = np.frombuffer(file.read(8), "<i8")
        if count != storage.size:
            raise ValueError(f"storage {key} has {count} elements, not {storage.size}")
        storage[...] = np.frombuffer(file.read(storage.nbytes), storage.dtype)
    return structure


def _finished(node: Any, device: Any) -> Any:
    if isinstance(node, _Stored):
        x = ops.tensor(node.array, device=device)
        if node.is_parameter:
            return Parameter(x, node.requires_grad)
        return x.requires_grad_(node.requires_grad)
    if isinstance(node, dict):
        kind = OrderedDict if isinstance(node, OrderedDict) else dict
        return kind((key, _finished(value, device)) for key, value in node.items())
    if isinstance(node, list | tuple):
        return type(node)(_finished(member, device) for member in node)
    return node
