"""Real data: sets by name out of packages that anybody can get, and readers of common files."""

from typing import TYPE_CHECKING, Any

from minigrad.datasets.images import ImageFolder, Images
from minigrad.datasets.libreoffice import libreoffice, libreoffice_files
from minigrad.datasets.readers import read_csv, read_idx, read_image, read_npz
from minigrad.datasets.sets import FASHION_CLASSES, austen, diamonds, digits, fashion
from minigrad.names import missing

__all__ = [
    # sets
    "austen",
    "diamonds",
    "digits",
    "fashion",
    "FASHION_CLASSES",
    "libreoffice",
    "libreoffice_files",
    # readers
    "ImageFolder",
    "Images",
    "read_csv",
    "read_idx",
    "read_image",
    "read_npz",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("datasets", name, __all__))
