"""Changes to images, each a function of an array (..., channels, height, width) to a new one.

Coordinates: x to the right, y down, and pixel (row, column) is the square whose middle is at
(column + 0.5, row + 0.5). Integers are computed in float32 and rounded once.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "affine",
    "center_crop",
    "crop",
    "horizontal_flip",
    "normalize",
    "pad",
    "resize",
    "rgb_to_grayscale",
    "rotate",
    "to_dtype",
    "vertical_flip",
]

Image = np.ndarray
GREY = np.array([0.2989, 0.587, 0.114], np.float32)[:, None, None]  # what the eye makes of R, G, B


def size_of(image: Image) -> tuple[int, int]:
    """Height and width.

    >>> import numpy as np
    >>> size_of(np.zeros((3, 4, 5)))
    (4, 5)
    """
    height, width = image.shape[-2:]
    return height, width


# Moving pixels


def horizontal_flip(image: Image) -> Image:
    """out[..., x] = image[..., width - 1 - x]

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.horizontal_flip(np.array([[[1, 2, 3]]]))
    array([[[3, 2, 1]]])
    """
    return np.ascontiguousarray(image[..., ::-1])


def vertical_flip(image: Image) -> Image:
    """out[..., y, x] = image[..., height - 1 - y, x]

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.vertical_flip(np.array([[[1], [2]]]))
    array([[[2],
            [1]]])
    """
    return np.ascontiguousarray(image[..., ::-1, :])


def crop(image: Image, top: int, left: int, height: int, width: int) -> Image:
    """The rectangle at (top, left), which must lie in the image: ValueError.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.crop(np.arange(9).reshape(1, 3, 3), 1, 1, 2, 2)
    array([[[4, 5],
            [7, 8]]])
    """
    rows, columns = size_of(image)
    if not (0 <= top <= rows - height and 0 <= left <= columns - width):
        raise ValueError(
            f"crop: Required crop size {(height, width)} at {(top, left)} is larger than input "
            f"image size {(rows, columns)}; pad the image first"
        )
    return np.ascontiguousarray(image[..., top : top + height, left : left + width])


def pad(
    image: Image, padding: int | Sequence[int], fill: float = 0, padding_mode: str = "constant"
) -> Image:
    """A border of `fill`, or made of the image: "edge", "reflect", "symmetric" as in numpy.pad.

    Its width is one number, [left and right, top and bottom], or [left, top, right, bottom].

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.pad(np.ones((1, 1, 1), np.uint8), [1, 0, 2, 0])
    array([[[0, 1, 0, 0]]], dtype=uint8)
    """
    left, top, right, bottom = sides(padding)
    widths = [(0, 0)] * (image.ndim - 2) + [(top, bottom), (left, right)]
    if padding_mode == "constant":
        return np.pad(image, widths, constant_values=fill)
    return np.pad(image, widths, mode=padding_mode)  # type: ignore[call-overload]


def sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """left, top, right, bottom of a padding. ValueError where it has not 1, 2 or 4 numbers.

    >>> sides([1, 2])
    (1, 2, 1, 2)
    """
    widths = [padding] if isinstance(padding, int) else list(padding)
    if len(widths) not in (1, 2, 4):
        raise ValueError(f"pad: Padding must be 1, 2 or 4 numbers, got {padding}")
    left, top, right, bottom = (widths * 4)[:4]
    return left, top, right, bottom


def center_crop(image: Image, size: Sequence[int]) -> Image:
    """The middle of an image; with zeros around it where the image is smaller.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.center_crop(np.arange(16).reshape(1, 4, 4), [2, 2])
    array([[[ 5,  6],
            [ 9, 10]]])
    """
    height, width = size
    down, right = (max(0, n - m) for n, m in zip(size, size_of(image), strict=True))
    image = pad(image, [right // 2, down // 2, (right + 1) // 2, (down + 1) // 2])
    rows, columns = size_of(image)
    return crop(image, round((rows - height) / 2), round((columns - width) / 2), height, width)


def resize(
    image: Image, size: Sequence[int], interpolation: str = "bilinear", antialias: bool = True
) -> Image:
    """The image in another size: "nearest", "nearest-exact" or "bilinear".

    With `antialias` each pixel of a smaller image is a mean over all that it covers, weighted by a
    triangle; without, it is between its nearest neighbours. ValueError for other interpolations.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.resize(np.array([[[0.0, 2.0, 4.0, 6.0]]]), [1, 2])
    array([[[1.42857143, 4.57142857]]])
    """
    if interpolation in ("nearest", "nearest-exact"):
        shift = 0.5 if interpolation == "nearest-exact" else 0.0
        rows, columns = (
            np.minimum(np.floor((np.arange(n) + shift) * (m / n)), m - 1).astype(np.intp)
            for n, m in zip(size, size_of(image), strict=True)
        )
        return np.ascontiguousarray(image[..., rows[:, None], columns])
    if interpolation != "bilinear":
        raise ValueError(
            f"resize: interpolation is nearest, nearest-exact or bilinear, got {interpolation!r}"
        )
    down, across = (
        _triangles(m, n, antialias) for n, m in zip(size, size_of(image), strict=True)
    )
    return _in_float(image, lambda x: down.astype(x.dtype) @ x @ across.T.astype(x.dtype))


def _triangles(m: int, n: int, antialias: bool) -> np.ndarray:
    """Weights (n, m): how much each of n pixels takes from each of m."""
    scale = m / n
    reach = max(scale, 1.0) if antialias else 1.0
    middles = (np.arange(n)[:, None] + 0.5) * scale
    weights = np.maximum(0.0, 1.0 - abs(np.arange(m) + 0.5 - middles) / reach)
    return weights / weights.sum(1, keepdims=True)


def affine(
    image: Image,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
    interpolation: str = "nearest",
    fill: float = 0,
    center: Sequence[float] | None = None,
) -> Image:
    """The image turned clockwise by `angle` degrees about `center` (x, y), scaled, sheared, moved.

        out(M p) = image(p),    M = T(translate) C  R(angle) S(shear) scale  C^-1

    S is [[1, 0], [-tan sy, 1]] [[1, -tan sx], [0, 1]], with shear = (sx, sy) in degrees, and C
    moves the origin to the centre, by default that of the image. What comes from outside is
    `fill`. "nearest" or "bilinear"; else ValueError.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.affine(np.array([[[1, 2, 3]]]), 0.0, [1, 0], 1.0, [0.0, 0.0])
    array([[[0, 1, 2]]])
    """
    height, width = size_of(image)
    middle = np.array([width / 2, height / 2] if center is None else center, np.float64)
    turn, shear_x, shear_y = np.radians([angle, *shear])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    slant = np.array([[1, 0], [-math.tan(shear_y), 1]]) @ [[1, -math.tan(shear_x)], [0, 1]]
    back = np.linalg.inv(rotation @ slant * scale)
    row, column = np.mgrid[:height, :width] + 0.5
    out = np.stack([column, row]).reshape(2, -1)
    x, y = back @ (out - (middle + translate)[:, None]) + middle[:, None]
    found = _sample(image, y.reshape(height, width), x.reshape(height, width), interpolation, fill)
    return np.ascontiguousarray(found)


def rotate(
    image: Image,
    angle: float,
    interpolation: str = "nearest",
    center: Sequence[float] | None = None,
    fill: float = 0,
) -> Image:
    """The image turned counter-clockwise by `angle` degrees: see affine.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.rotate(np.array([[[1, 2], [3, 4]]]), 90)
    array([[[2, 4],
            [1, 3]]])
    """
    return affine(image, -angle, [0, 0], 1.0, [0.0, 0.0], interpolation, fill, center)


def _sample(image: Image, y: np.ndarray, x: np.ndarray, interpolation: str, fill: float) -> Image:
    """out[...] = image at the point (y, x), for arrays of points; `fill` where that is outside."""
    rows, columns = size_of(image)
    framed = pad(image, 1, fill)  # so that all that is outside is the frame

    def pixel(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        row = np.clip(row, -1, rows).astype(np.intp) + 1
        return framed[..., row, np.clip(column, -1, columns).astype(np.intp) + 1]

    y, x = y - 0.5, x - 0.5
    if interpolation == "nearest":
        # Points that are halfway between pixels but for the last digits are to be so.
        return pixel(*(np.rint(np.round(z, 6)) for z in (y, x)))
    if interpolation != "bilinear":
        raise ValueError(f"affine: interpolation is nearest or bilinear, got {interpolation!r}")
    top, left = np.floor(y), np.floor(x)
    down, right = (y - top).astype(np.float32), (x - left).astype(np.float32)
    framed = framed.astype(_float_of(image))
    above = pixel(top, left) * (1 - right) + pixel(top, left + 1) * right
    below = pixel(top + 1, left) * (1 - right) + pixel(top + 1, left + 1) * right
    return _back(above * (1 - down) + below * down, image)


# Changing values


def normalize(image: Image, mean: Sequence[float], std: Sequence[float]) -> Image:
    """out = (image - mean) / std, with a number for each channel, or one for all.

    TypeError for integers, ValueError for a std of 0.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.normalize(np.ones((1, 1, 2), np.float32), [0.5], [0.25])
    array([[[2., 2.]]], dtype=float32)
    """
    if image.dtype.kind != "f":
        raise TypeError(
            f"normalize: Input tensor should be a float tensor, got {image.dtype}; "
            "ToDtype(minigrad.float32, scale=True) before it makes one"
        )
    centers, widths = (np.asarray(v, image.dtype).reshape(-1, 1, 1) for v in (mean, std))
    if (widths == 0).any():
        raise ValueError(f"normalize: std evaluated to zero, leading to division by zero: {std}")
    return (image - centers) / widths


def to_dtype(image: Image, dtype: np.dtype, scale: bool = False) -> Image:
    """The image in another type. With `scale`, floats in [0, 1] are all that integers can hold.

    RuntimeError for integers that a float of its size does not hold.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.to_dtype(np.array([[[0, 255]]], np.uint8), np.dtype("f4"), scale=True)
    array([[[0., 1.]]], dtype=float32)
    """
    kinds = (image.dtype.kind == "f", dtype.kind == "f")
    if not scale or image.dtype == dtype or kinds == (True, True):
        return image.astype(dtype)
    if kinds == (False, True):
        return image.astype(dtype) * dtype.type(1.0 / np.iinfo(image.dtype).max)
    if kinds == (False, False):
        bits = [int(np.iinfo(t).max).bit_length() for t in (image.dtype, dtype)]
        if bits[0] > bits[1]:
            return (image >> (bits[0] - bits[1])).astype(dtype)
        return image.astype(dtype) << (bits[1] - bits[0])
    if np.finfo(image.dtype).nmant < int(np.iinfo(dtype).max).bit_length() - 1:
        raise RuntimeError(
            f"to_dtype: The conversion from {image.dtype} to {dtype} cannot be performed safely"
        )
    # Each integer has an equal share of [0, 1], and 1 belongs to the last.
    return (image * image.dtype.type(np.iinfo(dtype).max + 1 - 1e-3)).astype(dtype)


def rgb_to_grayscale(image: Image) -> Image:
    """0.2989 R + 0.587 G + 0.114 B, one channel; an image of one channel is so already.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.rgb_to_grayscale(np.ones((3, 1, 1), np.float32)).round(4)
    array([[[0.9999]]], dtype=float32)
    """
    return _cut(_grey(image), image)


def adjust_brightness(image: Image, factor: float) -> Image:
    """out = factor image

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.adjust_brightness(np.array([[[100, 200]]], np.uint8), 2.0)
    array([[[200, 255]]], dtype=uint8)
    """
    return _blend(image, np.zeros((1, 1, 1), _float_of(image)), factor)


def adjust_contrast(image: Image, factor: float) -> Image:
    """out = factor image + (1 - factor) mean, where mean is that of the image in grey.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.adjust_contrast(np.array([[[100, 200]]], np.uint8), 0.0)
    array([[[150, 150]]], dtype=uint8)
    """
    return _blend(image, _whole(_grey(image), image).mean((-3, -2, -1), keepdims=True), factor)


def adjust_saturation(image: Image, factor: float) -> Image:
    """out = factor image + (1 - factor) grey; an image of one channel stays as it is.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.adjust_saturation(np.array([[[255]], [[0]], [[0]]], np.uint8), 0.0).ravel()
    array([76, 76, 76], dtype=uint8)
    """
    if image.shape[-3] == 1:
        return image
    return _blend(image, _whole(_grey(image), image), factor)


def adjust_hue(image: Image, factor: float) -> Image:
    """Colours turned on their circle by `factor`, from -0.5 to 0.5 of it; ValueError beyond.

    An image of one channel stays as it is.

    >>> import numpy as np
    >>> from minigrad.transforms import functional as F
    >>> F.adjust_hue(np.array([[[255]], [[0]], [[0]]], np.uint8), 1 / 3).ravel()
    array([  0, 255,   0], dtype=uint8)
    """
    if not -0.5 <= factor <= 0.5:
        raise ValueError(f"adjust_hue: hue_factor ({factor}) is not in [-0.5, 0.5]")
    if image.shape[-3] == 1:
        return image
    rgb = to_dtype(image, np.dtype(_float_of(image)), scale=True)
    value, lowest = rgb.max(-3, keepdims=True), rgb.min(-3, keepdims=True)
    chroma = value - lowest
    # The hue, in sixths of the circle: 0 is red, 2 green, 4 blue; after the channel that is most.
    red, green, blue = np.split(rgb, 3, -3)
    span = np.where(chroma == 0, 1, chroma)
    hue = np.where(value == green, 2 + (blue - red) / span, 4 + (red - green) / span)
    hue = np.where(value == red, (green - blue) / span, hue) + 6 * factor
    # A channel has its full value within a sixth of its colour, and none of it beyond two sixths.
    place = np.array([5, 3, 1], hue.dtype).reshape(3, 1, 1)
    distance = (place + hue) % 6
    share = np.clip(np.minimum(distance, 4 - distance), 0, 1)
    return to_dtype((value - chroma * share).astype(rgb.dtype), image.dtype, scale=True)


def _grey(image: Image) -> np.ndarray:
    """In float, one channel. ValueError for what has neither one channel nor three."""
    if image.shape[-3] == 1:
        return image.astype(_float_of(image))
    if image.shape[-3] != 3:
        raise ValueError(f"colours need 1 or 3 channels, (..., C, H, W), got shape {image.shape}")
    return (image * GREY.astype(_float_of(image))).sum(-3, keepdims=True)


def _blend(image: Image, other: np.ndarray, factor: float) -> Image:
    if factor < 0:
        raise ValueError(f"the factor ({factor}) is not non-negative")
    kind = np.dtype(_float_of(image)).type
    return _cut(image * kind(factor) + other * kind(1.0 - factor), image)


def _float_of(image: Image) -> np.dtype:
    return image.dtype if image.dtype.kind == "f" else np.dtype(np.float32)


def _whole(x: np.ndarray, image: Image) -> np.ndarray:
    return x if image.dtype.kind == "f" else np.floor(x)


def _cut(x: np.ndarray, image: Image) -> Image:
    """Within the range of the image's type, for floats [0, 1]; integers lose their fraction."""
    highest = 1.0 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
    return np.clip(x, 0, highest).astype(image.dtype)


def _in_float(image: Image, change: Callable[[np.ndarray], np.ndarray]) -> Image:
    return _back(change(image.astype(_float_of(image), copy=False)), image)


def _back(x: np.ndarray, image: Image) -> Image:
    """In the type of the image, rounded for integers."""
    if image.dtype.kind == "f":
        return x.astype(image.dtype, copy=False)
    limits = np.iinfo(image.dtype)
    return np.clip(np.rint(x), limits.min, limits.max).astype(image.dtype)
