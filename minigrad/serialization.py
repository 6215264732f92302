"""save and load: nested containers of tensors and plain values in safetensors files.

A safetensors file is named arrays after a JSON header; reading one runs no code. The structure
around the tensors is JSON too, in the header's metadata under "minigrad". So a flat dict of
tensors, as a state_dict, is a plain safetensors file with the same keys, that every program which
knows the format reads; and such files written elsewhere load as flat dicts.

    {"model": {"weight": w}, "epoch": 3}

is the tensor "model.weight" and the structure

    {"dict": [["model", {"dict": [["weight", {"tensor": "model.weight"}]]}], ["epoch", 3]]}

Tensors that share memory are stored once for each place, and come back as tensors of their own.

Note [The checksum]. The metadata begin with the CRC-32 of the whole file, eight hexadecimal digits,
taken while these were zeros. So a byte that has changed anywhere is found.
"""

import glob
import json
import os
import secrets
import shutil
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from minigrad import ops
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor
from minigrad.torch_files import is_torch_file, read_torch_file

_METADATA = "minigrad"
_ZEROS = "00000000"
_CHECKSUM = b'{\\"crc32\\": \\"'  # what is before its digits, as JSON in a string of JSON
_VERSION = 2  # 1 had no checksum of the whole
_CONTAINERS = {
    "dict": dict, "OrderedDict": OrderedDict, "Counter": Counter, "list": list, "tuple": tuple,
}  # fmt: skip
_PLAIN = (type(None), bool, int, float, str)

File = str | os.PathLike[str] | BinaryIO


def save(obj: Any, f: File) -> None:
    """Writes tensors and plain values in nested dicts, lists and tuples to a file.

    Plain values are None, bool, int, float and str; OrderedDicts and Counters are dicts, too. The
    file at a path is replaced at once, when all is written: whatever goes wrong before, the
    previous one stays as it was. TypeError for other types, ValueError for a container inside
    itself, OSError when writing fails.

    >>> import minigrad, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> minigrad.save({"weights": minigrad.ones(2), "epoch": 3}, path)
    >>> minigrad.load(path)
    {'weights': tensor([1., 1.]), 'epoch': 3}
    """
    if isinstance(f, (str, os.PathLike)):
        replace_file(obj, f)
    else:
        f.writelines(_encode(obj))


def load(f: File, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Reads what save wrote, any safetensors file (as a flat dict), or what torch.save wrote of
    tensors and plain values in dicts, lists and tuples. It never runs code.

    Tensors come to `map_location`, a device, or to the default device. `weights_only` is there for
    programs that pass it to PyTorch: nothing else is ever loaded. RuntimeError for a file that
    is damaged, truncated, or not of this kind.
    """
    if isinstance(f, (str, os.PathLike)):
        name, content = os.fspath(f), Path(f).read_bytes()
    else:
        name, content = getattr(f, "name", "the file"), f.read()
    if is_torch_file(content):
        return read_torch_file(name, content, map_location)
    try:
        arrays = safetensors.numpy.load(content)
        metadata = _metadata(content)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise RuntimeError(
            f"load: {name} is damaged, truncated, or not a safetensors file ({error}); it has "
            f"{len(content)} bytes"
        ) from error
    _verify(name, content)
    tensors = {key: _tensor(name, key, array, map_location) for key, array in arrays.items()}
    if _METADATA not in metadata:
        return tensors
    return _restore(name, metadata[_METADATA], tensors)


# Writing


def _encode(obj: Any) -> list[memoryview | bytes]:
    """The content of a file, in pieces."""
    arrays: dict[str, np.ndarray] = {}
    structure = _describe(obj, "", arrays, ())
    document = json.dumps({"crc32": _ZEROS, "version": _VERSION, "structure": structure})
    content = safetensors.numpy.save(arrays, {_METADATA: document})
    place = content.index(_CHECKSUM) + len(_CHECKSUM)
    checksum, whole = f"{zlib.crc32(content):08x}", memoryview(content)
    return [whole[:place], checksum.encode(), whole[place + len(_ZEROS) :]]


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


def replace_file(
    obj: Any, path: str | os.PathLike[str], previous: str | os.PathLike[str] | None = None
) -> None:
    """save to a path, which keeps what was there under the name `previous`, if one is given.

    There is a whole file at `path` at every moment from the first save on.

    >>> import minigrad, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "run")
    >>> for step in (1, 2):
    ...     replace_file(step, path, previous=path + ".previous")
    >>> minigrad.load(path), minigrad.load(path + ".previous")
    (2, 1)
    """
    pieces = _encode(obj)
    real = Path(os.path.realpath(path))
    try:
        with _unfinished(real) as temporary:
            with open(temporary, "xb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            if real.exists():
                shutil.copymode(real, temporary)
                if previous is not None:
                    _keep(real, Path(previous))
            os.replace(temporary, real)
    except OSError as error:
        raise type(error)(
            error.errno,
            f"save: could not write, any previous file is unchanged: {error.strerror}",
            str(real),
        ) from error
    _wait_for_folder(real.parent)


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A name beside `path` for a file in the making, which is removed when that fails."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _keep(path: Path, previous: Path) -> None:
    if previous.exists() and os.path.samefile(path, previous):
        return  # from a save that was killed next; and os.replace would leave both names there
    with _unfinished(path) as temporary:
        try:
            os.link(path, temporary)
        except OSError:  # there are file systems without links: those of memory cards
            shutil.copyfile(path, temporary)
        os.replace(temporary, previous)


def _wait_for_folder(folder: Path) -> None:
    """Until the disk has the new names, too. Windows has no such call, and keeps them in a log."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(path: str | os.PathLike[str]) -> None:
    """Removes what a save to `path` left beside it when its process was killed.

    Only for a program that knows itself to be the only one that writes there.

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> open(os.path.join(folder, ".run.0123456789abcdef.tmp"), "x").close()
    >>> remove_unfinished(os.path.join(folder, "run"))
    >>> os.listdir(folder)
    []
    """
    real = Path(os.path.realpath(path))
    for left in real.parent.glob(f".{glob.escape(real.name)}.{'[0-9a-f]' * 16}.tmp"):
        left.unlink()


# Reading


def _header(content: bytes) -> bytes:
    return content[8 : 8 + int.from_bytes(content[:8], "little")]


def _metadata(content: bytes) -> dict[str, str]:
    found: dict[str, str] = json.loads(_header(content)).get("__metadata__") or {}
    return found


def _verify(name: str, content: bytes) -> None:
    """Raises RuntimeError for a checksum that is not that of the content: see Note [The checksum].

    The metadata are the first in a header, so what comes first there is no name of a tensor.
    """
    place = _header(content).find(_CHECKSUM)
    if place < 0:
        return
    start, whole = 8 + place + len(_CHECKSUM), memoryview(content)
    end = start + len(_ZEROS)
    found = zlib.crc32(whole[end:], zlib.crc32(_ZEROS.encode(), zlib.crc32(whole[:start])))
    if f"{found:08x}".encode() != content[start:end]:
        raise RuntimeError(f"load: {name} is damaged: it has not the checksum that it had")


def _tensor(name: str, key: str, array: np.ndarray, device: Any) -> Tensor:
    try:
        return ops.tensor(array, device=device)
    except TypeError as error:
        raise TypeError(f"load: tensor {key!r} of {name}: {error}") from error


def _restore(name: str, text: str, tensors: dict[str, Tensor]) -> Any:
    try:
        document = json.loads(text)
        if document["version"] > _VERSION:
            raise RuntimeError(f"load: {name} was written by a newer minigrad")
        if document["version"] > 1 and not isinstance(document["crc32"], str):
            raise RuntimeError(f"load: {name} is damaged: it has no checksum")
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
    if issubclass(_CONTAINERS[kind], dict):
        pairs = [(_build(key, tensors), _build(value, tensors)) for key, value in members]
        return _CONTAINERS[kind](dict(pairs))
    return _CONTAINERS[kind](_build(member, tensors) for member in members)
