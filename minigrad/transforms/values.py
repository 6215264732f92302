"""Transforms that change what pixels are: their type, their scale, their colours."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.dtype import as_numpy
from minigrad.transforms import functional as F
from minigrad.transforms.functional import Image
from minigrad.transforms.geometry import interval
from minigrad.transforms.transform import RandomTransform, Transform


class ToImage:
    """From a picture of Pillow, or an array (height, width, channels) or (height, width), to an
    array (channels, height, width), which all other transforms want.

    What minigrad.datasets reads has that form already. TypeError for other things.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.ToImage()(np.zeros((4, 5, 3))).shape
    (3, 4, 5)
    """

    def __call__(self, picture: Any) -> Image:
        pixels = np.asarray(picture)
        if pixels.ndim not in (2, 3) or pixels.dtype.kind not in "buif":
            raise TypeError(
                "ToImage: expected a picture, or an array (height, width, channels) or (height, "
                f"width), got a {type(picture).__name__} of shape {pixels.shape}"
            )
        channels_last = pixels[:, :, None] if pixels.ndim == 2 else pixels
        return np.ascontiguousarray(channels_last.transpose(2, 0, 1))

    def __repr__(self) -> str:
        return "ToImage()"


class ToDtype(Transform):
    """The image in a type of minigrad; with `scale` from [0, 255] to [0, 1], or back.

    >>> import minigrad
    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.ToDtype(minigrad.float32, scale=True)(np.array([[[0, 255]]], np.uint8))
    array([[[0., 1.]]], dtype=float32)
    """

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        self.dtype = dtype
        self.scale = scale
        self._numpy = as_numpy(dtype)

    def apply(self, image: Image) -> Image:
        return F.to_dtype(image, self._numpy, self.scale)


class Normalize(Transform):
    """out = (image - mean) / std, for each channel: see functional.normalize.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.Normalize(mean=[0.5], std=[0.5])(np.array([[[0.0, 1.0]]]))
    array([[[-1.,  1.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean = list(mean)
        self.std = list(std)

    def apply(self, image: Image) -> Image:
        return F.normalize(image, self.mean, self.std)


class Grayscale(Transform):
    """The image in grey, one channel, or three that are equal.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.Grayscale()(np.ones((3, 4, 5))).shape
    (1, 4, 5)
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(
                f"Grayscale: num_output_channels must be 1 or 3, got {num_output_channels}"
            )
        self.num_output_channels = num_output_channels

    def apply(self, image: Image) -> Image:
        return np.repeat(F.rgb_to_grayscale(image), self.num_output_channels, -3)


class ColorJitter(RandomTransform):
    """Brightness, contrast, saturation and hue changed by chance, in an order that chance decides.

    Each is a number, for factors from 1 - number (at least 0) to 1 + number, or (low, high); the
    hue is shifted by -number to number, at most 0.5. ValueError for others.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> change = transforms.ColorJitter(brightness=0.2, hue=0.1)
    >>> change(np.zeros((3, 8, 8), np.uint8)).max()
    np.uint8(0)
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        self.hue = interval("hue", hue, 0.0)
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"hue values should be between -0.5 and 0.5, got {hue}")

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        changes = [
            (F.adjust_brightness, self.brightness),
            (F.adjust_contrast, self.contrast),
            (F.adjust_saturation, self.saturation),
            (F.adjust_hue, self.hue),
        ]
        for i in rng.permutation(4):
            adjust, limits = changes[i]
            factor = rng.uniform(*limits)
            if limits[0] != limits[1]:
                image = adjust(image, factor)
        return image


def _factors(what: str, value: float | Sequence[float]) -> tuple[float, float]:
    low, high = interval(what, value, 1.0)
    if isinstance(value, Sequence) and low < 0:
        raise ValueError(f"{what} values should not be negative, got {value}")
    return max(0.0, low), high
