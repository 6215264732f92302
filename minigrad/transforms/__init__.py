"""Changes to images, as NumPy arrays (..., channels, height, width), under torchvision's names.

These are those of torchvision.transforms.v2, which do with tensors what these do with arrays:
datasets make arrays, a DataLoader makes tensors of them. There is no ToTensor, which turns some
arrays about and others not; ToImage and ToDtype say which.
"""

from typing import TYPE_CHECKING, Any

from minigrad.names import missing
from minigrad.transforms import functional
from minigrad.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)
from minigrad.transforms.transform import Compose, Lambda, RandomTransform, Transform
from minigrad.transforms.values import ColorJitter, Grayscale, Normalize, ToDtype, ToImage

__all__ = [
    # chains, and your own
    "Compose",
    "Lambda",
    "RandomTransform",
    "Transform",
    # pixels moved
    "CenterCrop",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    # values changed
    "ColorJitter",
    "Grayscale",
    "Normalize",
    "ToDtype",
    "ToImage",
    "functional",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("transforms", name, __all__))
