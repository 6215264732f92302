"""Readers of files: IDX, NPZ, CSV, pictures. Each gives NumPy arrays."""

import csv
import gzip
import math
import os
import zipfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

File = str | os.PathLike[str]

# The third byte of an IDX file. What follows it is big-endian.
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: File) -> np.ndarray:
    """The array in an IDX file, MNIST's format, compressed by gzip or not.

    Two zero bytes, the type, the number n of dimensions, n sizes of four bytes, the elements; see
    http://yann.lecun.com/exdb/mnist. ValueError for another or a damaged file.

    >>> import tempfile, pathlib
    >>> from minigrad import datasets
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "x-idx1-ubyte"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    >>> datasets.read_idx(path)
    array([7, 8, 9], dtype=uint8)
    """
    content = _bytes_of(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise ValueError(f"read_idx: {path} is no IDX file: it begins with {content[:4]!r}")
    dtype, start = np.dtype(_IDX_TYPES[content[2]]), 4 + 4 * content[3]
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    expected = start + dtype.itemsize * math.prod(shape)
    if len(content) != expected:
        raise ValueError(
            f"read_idx: {path} is damaged: shape {tuple(shape)} of {dtype.name} makes {expected} "
            f"bytes, and there are {len(content)}"
        )
    elements = np.frombuffer(content, dtype, offset=start)
    return elements.reshape(shape).astype(dtype.newbyteorder("="))


def read_npz(path: File) -> dict[str, np.ndarray]:
    """The arrays in a file of numpy.savez, by name. Reading runs no code.

    ValueError for another or a damaged file, and for arrays of Python objects.

    >>> import tempfile, os
    >>> import numpy as np
    >>> from minigrad import datasets
    >>> path = os.path.join(tempfile.mkdtemp(), "two.npz")
    >>> np.savez(path, x=np.arange(3), y=np.zeros(1))
    >>> datasets.read_npz(path)
    {'x': array([0, 1, 2]), 'y': array([0.])}
    """
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(f"read_npz: cannot read {path}: {error}") from error


def read_csv(
    path: File, *, header: bool = True, delimiter: str = ",", encoding: str = "utf-8"
) -> dict[str, np.ndarray]:
    """The columns of a CSV file by name, compressed by gzip or not; without `header`, by number.

    A column is of int64 where all its cells are integers, of float64 where all are numbers (an
    empty cell is a NaN there), else of strings. ValueError for rows of different lengths (empty
    lines do not count) and for two columns of one name.

    >>> import tempfile, pathlib
    >>> from minigrad import datasets
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "iris.csv"
    >>> _ = path.write_text('petals,kind,width\\n3,"setosa",0.2\\n5,"virginica",\\n')
    >>> datasets.read_csv(path)["width"]
    array([0.2, nan])
    """
    lines = _bytes_of(path).decode(encoding).splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        for row in filter(None, reader):
            if rows and len(row) != len(rows[0]):
                raise ValueError(
                    f"read_csv: {path}, line {reader.line_num}: {len(row)} cells, where the first "
                    f"row has {len(rows[0])}"
                )
            rows.append(row)
    except csv.Error as error:
        raise ValueError(f"read_csv: {path}, line {reader.line_num}: {error}") from error
    if not rows:
        raise ValueError(f"read_csv: {path} is empty")
    names = rows.pop(0) if header else [str(i) for i in range(len(rows[0]))]
    if len(set(names)) != len(names):
        raise ValueError(f"read_csv: {path}: two columns have one name: {names}")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: _column(cells) for name, cells in zip(names, columns, strict=True)}


def read_image(path: File, mode: str = "RGB") -> np.ndarray:
    """A picture as an array (channels, height, width) of uint8.

    `mode` is one of Pillow's: "RGB", "L" (grey, one channel), "RGBA". ModuleNotFoundError where
    there is no Pillow, and Pillow's UnidentifiedImageError (an OSError) for what is no picture.

    >>> import tempfile, os
    >>> import numpy as np
    >>> from minigrad import datasets
    >>> path = os.path.join(tempfile.mkdtemp(), "red.png")
    >>> red = np.array([[[255, 0, 0]]], np.uint8)
    >>> try:
    ...     from PIL import Image
    ...     Image.fromarray(red).save(path)
    ...     red = datasets.read_image(path).transpose(1, 2, 0)
    ... except ModuleNotFoundError:
    ...     pass
    >>> red.tolist()
    [[[255, 0, 0]]]
    """
    with _pillow("read_image").open(path) as picture:
        pixels = np.array(picture.convert(mode))
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def _pillow(who: str) -> Any:
    try:
        return import_module("PIL.Image")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{who}: Pillow reads pictures: pip install pillow") from error


def _bytes_of(path: File) -> bytes:
    content = Path(path).read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _column(cells: Sequence[str]) -> np.ndarray:
    try:
        return np.array([int(cell) for cell in cells], np.int64)
    except (ValueError, OverflowError):
        pass
    try:
        return np.array([float(cell) if cell.strip() else math.nan for cell in cells])
    except ValueError:
        return np.array(cells)
