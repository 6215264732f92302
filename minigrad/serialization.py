"""save and load: nested containers of tensors and plain values in safetensors files.

A safetensors file is named arrays after a JSON header; reading one runs no code. The structure
around the tensors is JSON too, in the header's metadata under "minigrad", beside a checksum for
every tensor. So a flat dict of tensors, as a state_dict, is a plain safetensors file with the same
keys, that every program which knows the format reads; and such files written elsewhere load as flat
dicts.

    {"model": {"weight": w}, "epoch": 3}

is the tensor "model.weight" and the structure

    {"dict": [["model", {"dict": [["weight", {"tensor": "model.weight"}]]}], ["epoch", 3]]}

Tensors that share memory are stored once for each place, and come back as tensors of their own.
"""

import json
import os
import secrets
import shutil
import zlib
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from minigrad import ops
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor

_METADATA = "minigrad"
_VERSION = 1
_CONTAINERS = {"dict": dict, "OrderedDict": OrderedDict, "list": list, "tuple": tuple}
_PLAIN = (type(None), bool, int, float, str)

File = str | os.PathLike[str] | BinaryIO


def save(obj: Any, f: File) -> None:
    """Writes tensors and plain values in nested dicts, OrderedDicts, lists and tuples to a file.

    Plain values are None, bool, int, float and str. The file at a path is replaced at once, when
    all is written: whatever goes wrong before, the previous one stays as it was. TypeError for
    other types, ValueError for a container inside itself, OSError when writing fails.

    >>> import minigrad, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> minigrad.save({"weights": minigrad.ones(2), "epoch": 3}, path)
    >>> minigrad.load(path)
    {'weights': tensor([1., 1.]), 'epoch': 3}
    """
    content = _encode(obj)
    if not isinstance(f, (str, os.PathLike)):
        f.write(content)
        return
    path = Path(os.path.realpath(f))
    try:
        _replace(path, content)
    except OSError as error:
        raise type(error)(
            error.errno,
            f"save: could not write, any previous file is unchanged: {error.strerror}",
            str(path),
        ) from error


def load(f: File, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Reads what save wrote, or any safetensors file (as a flat dict). It never runs code.

    Tensors come to `map_location`, a device, or to the default device. `weights_only` is there for
    programs that pass it to PyTorch: nothing else is ever loaded. RuntimeError for a file that
    is damaged, truncated, or not of this kind.
    """
    if isinstance(f, (str, os.PathLike)):
        name, content = os.fspath(f), Path(f).read_bytes()
    else:
        name, content = getattr(f, "name", "the file"), f.read()
    try:
        arrays = safetensors.numpy.load(content)
        metadata = _metadata(content)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise RuntimeError(
            f"load: {name} is damaged, truncated, or not a safetensors file ({error}); it has "
            f"{len(content)} bytes"
        ) from error
    tensors = {key: _tensor(name, key, array, map_location) for key, array in arrays.items()}
    if _METADATA not in metadata:
        return tensors
    return _restore(name, metadata[_METADATA], arrays, tensors)


# Writing


def _encode(obj: Any) -> bytes:
    arrays: dict[str, np.ndarray] = {}
    structure = _describe(obj, "", arrays, ())
    checksums = {key: zlib.crc32(array.data) for key, array in arrays.items()}
    document = {"version": _VERSION, "structure": structure, "crc32": checksums}
    return safetensors.numpy.save(arrays, {_METADATA: json.dumps(document)})


def _describe(obj: Any, path: str, arrays: dict[str, np.ndarray], around: tuple[int, ...]) -> Any:
    """The structure of `obj` as JSON; its tensors go into `arrays`. `around`: ids of containers."""
    if isinstance(obj, Tensor):
        return _describe_tensor(obj, path, arrays)
    if type(obj) in _PLAIN:
        return obj
    kind = type(obj).__name__
    if _CONTAINERS.get(kind) is not type(obj):
        raise TypeError(
            f"save: cannot store {type(obj).__name__!r} at {path or 'the top'!r}; there are "
            f"tensors, None, bool, int, float, str, and {', '.join(_CONTAINERS)}. {_remedy(obj)}"
        )
    if id(obj) in around:
        raise ValueError(f"save: the {kind} at {path!r} contains itself")
    around = (*around, id(obj))
    if not isinstance(obj, dict):
        members = [_describe(x, _join(path, i), arrays, around) for i, x in enumerate(obj)]
        return {kind: members}
    pairs = []
    for key, value in obj.items():
        where = _join(path, key)
        pairs.append([_describe_key(key, where), _describe(value, where, arrays, around)])
    return {kind: pairs}


def _describe_key(key: Any, path: str) -> Any:
    if type(key) is tuple:
        return {"tuple": [_describe_key(member, path) for member in key]}
    if type(key) not in _PLAIN:
        raise TypeError(
            f"save: cannot store a key of type {type(key).__name__!r} at {path!r}; there are None, "
            "bool, int, float, str, and tuples of them"
        )
    return key


def _describe_tensor(x: Tensor, path: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    name = path.encode("utf-8", "backslashreplace").decode()
    copy = 1
    unique = name
    while unique in arrays or unique == "__metadata__":
        copy += 1
        unique = f"{name}#{copy}"
    arrays[unique] = x.detach().cpu().numpy().copy(order="C")
    entry: dict[str, Any] = {"tensor": unique}
    if x.requires_grad:
        entry["requires_grad"] = True
    if isinstance(x, Parameter):
        entry["parameter"] = True
    return entry


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _remedy(obj: Any) -> str:
    if isinstance(obj, np.ndarray):
        return "minigrad.from_numpy makes a tensor of an array."
    if isinstance(obj, np.generic):
        return ".item() makes a Python number of it."
    for kind in (dict, list, tuple, str, int, float):
        if isinstance(obj, kind):
            return (
                f"Convert it to a plain {kind.__name__}; loading makes no objects of other classes."
            )
    return "Store what it is made of; loading makes no objects of other classes."


def _replace(path: Path, content: bytes) -> None:
    """Writes a file beside `path`, waits for the disk, and puts it in the place of `path`."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


# Reading


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return found


def _tensor(name: str, key: str, array: np.ndarray, device: Any) -> Tensor:
    try:
        return ops.tensor(array, device=device)
    except TypeError as error:
        raise TypeError(f"load: tensor {key!r} of {name}: {error}") from error


def _restore(
    name: str, text: str, arrays: dict[str, np.ndarray], tensors: dict[str, Tensor]
) -> Any:
    try:
        document = json.loads(text)
        if document["version"] > _VERSION:
            raise RuntimeError(f"load: {name} was written by a newer minigrad")
        for key, checksum in document["crc32"].items():
            if zlib.crc32(arrays[key].data) != checksum:
                raise RuntimeError(
                    f"load: {name} is damaged: the elements of tensor {key!r} are not those that "
                    "were saved"
                )
        return _build(document["structure"], tensors)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise RuntimeError(
            f"load: {name} is damaged: its metadata describe no structure ({error!r})"
        ) from error


def _build(node: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(node, dict):
        return node
    if "tensor" in node:
        x = tensors[node["tensor"]]
        requires_grad = node.get("requires_grad", False)
        if node.get("parameter"):
            return Parameter(x, requires_grad)
        return x.requires_grad_(requires_grad)
    ((kind, members),) = node.items()
    if kind in ("dict", "OrderedDict"):
        pairs = [(_build(key, tensors), _build(value, tensors)) for key, value in members]
        return _CONTAINERS[kind](pairs)
    return _CONTAINERS[kind](_build(member, tensors) for member in members)
