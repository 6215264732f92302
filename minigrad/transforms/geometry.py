"""Transforms that move pixels: sizes, crops, flips, turns."""

from collections.abc import Sequence

import numpy as np

from minigrad.transforms import functional as F
from minigrad.transforms.functional import Image
from minigrad.transforms.transform import RandomTransform, Transform


def pair(what: str, size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width), which are equal where `size` is a number; ValueError for no such size.

    >>> pair("crop", 3)
    (3, 3)
    """
    numbers = [size] if isinstance(size, int) else list(size)
    if len(numbers) not in (1, 2) or any(n < 1 for n in numbers):
        raise ValueError(f"{what}: size is a number, or height and width, from 1 on; got {size}")
    return numbers[0], numbers[-1]


class Pad(Transform):
    """A border around the image: see functional.pad.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.Pad([2, 1])(np.zeros((3, 4, 5))).shape
    (3, 6, 9)
    """

    def __init__(
        self, padding: int | Sequence[int], fill: float = 0, padding_mode: str = "constant"
    ) -> None:
        F.sides(padding)
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def apply(self, image: Image) -> Image:
        return F.pad(image, self.padding, self.fill, self.padding_mode)


class Resize(Transform):
    """The image in another size, (height, width), or with this number of pixels along the shorter
    side; then the longer one has at most `max_size`. See functional.resize.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.Resize(4)(np.zeros((3, 8, 10))).shape
    (3, 4, 5)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: str = "bilinear",
        max_size: int | None = None,
        antialias: bool = True,
    ) -> None:
        self._along_shorter = isinstance(size, int) or len(size) == 1
        self.size = pair("Resize", size)
        if max_size is not None and (not self._along_shorter or max_size <= self.size[0]):
            raise ValueError(
                f"Resize: max_size ({max_size}) is for a size that is one number, and larger than "
                f"that; got {size}"
            )
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def apply(self, image: Image) -> Image:
        return F.resize(image, self._of(image), self.interpolation, self.antialias)

    def _of(self, image: Image) -> tuple[int, int]:
        if not self._along_shorter:
            return self.size
        rows, columns = F.size_of(image)
        short, long = self.size[0], int(self.size[0] * max(rows, columns) / min(rows, columns))
        if self.max_size is not None and long > self.max_size:
            short, long = int(self.max_size * short / long), self.max_size
        return (short, long) if rows <= columns else (long, short)


class CenterCrop(Transform):
    """The middle of the image: see functional.center_crop.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.CenterCrop(4)(np.zeros((3, 8, 10))).shape
    (3, 4, 4)
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = pair("CenterCrop", size)

    def apply(self, image: Image) -> Image:
        return F.center_crop(image, self.size)


class RandomCrop(RandomTransform):
    """A rectangle anywhere in the image, after a border was added: all places are as likely.

    ValueError where the image is too small; with `pad_if_needed` it gets what it lacks, on both
    sides.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.RandomCrop(28, padding=2)(np.zeros((1, 28, 28))).shape
    (1, 28, 28)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = pair("RandomCrop", size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        if self.padding is not None:
            image = F.pad(image, self.padding, self.fill, self.padding_mode)
        lacking = [max(0, n - m) for n, m in zip(self.size, F.size_of(image), strict=True)]
        if self.pad_if_needed and any(lacking):
            image = F.pad(image, lacking[::-1], self.fill, self.padding_mode)
        room = [m - n for n, m in zip(self.size, F.size_of(image), strict=True)]
        if min(room) < 0:
            raise ValueError(
                f"RandomCrop: Required crop size {self.size} is larger than input image size "
                f"{F.size_of(image)}; pad_if_needed=True pads it"
            )
        top, left = (int(rng.integers(n + 1)) for n in room)
        return F.crop(image, top, left, *self.size)


class RandomHorizontalFlip(RandomTransform):
    """The image as in a mirror, with probability p; ValueError unless 0 <= p <= 1.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.RandomHorizontalFlip(p=1.0)(np.array([[[1, 2]]]))
    array([[[2, 1]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{type(self).__name__}: p should be in [0, 1], got {p}")
        self.p = p

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return self._flip(image) if rng.random() < self.p else image

    def _flip(self, image: Image) -> Image:
        return F.horizontal_flip(image)


class RandomVerticalFlip(RandomHorizontalFlip):
    """The image upside down, with probability p.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.RandomVerticalFlip(p=1.0)(np.array([[[1], [2]]])).ravel()
    array([2, 1])
    """

    def _flip(self, image: Image) -> Image:
        return F.vertical_flip(image)


def interval(what: str, value: float | Sequence[float], center: float) -> tuple[float, float]:
    """(low, high), or the numbers around `center` within `value`, which is not negative.

    >>> interval("degrees", 30, center=0.0)
    (-30.0, 30.0)
    """
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {what} is a single number, it must be non negative, got {value}")
        return float(center - value), float(center + value)
    if len(value) != 2 or not value[0] <= value[1]:
        raise ValueError(f"{what}: expected a number, or two that increase, got {value}")
    return float(value[0]), float(value[1])


class RandomAffine(RandomTransform):
    """The image turned, moved, scaled and sheared by chance: see functional.affine.

    `degrees` and `shear` are a number, for -number to number, or (low, high); four numbers of shear
    are a range for x and one for y. `translate`: the largest move across and down, as shares of
    width and height. `scale`: (low, high).

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> change = transforms.RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1))
    >>> change(np.zeros((1, 28, 28))).shape
    (1, 28, 28)
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: str = "nearest",
        fill: float = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        if translate is not None and not all(0.0 <= share <= 1.0 for share in translate):
            raise ValueError(f"translation values should be between 0 and 1, got {translate}")
        if scale is not None and not 0.0 < scale[0] <= scale[1]:
            raise ValueError(f"scale values should be positive, and increase, got {scale}")
        self.degrees = interval("degrees", degrees, 0.0)
        self.translate = translate
        self.scale = (1.0, 1.0) if scale is None else (scale[0], scale[1])
        self.shear = _shears(shear)
        self.interpolation = interpolation
        self.fill = fill
        self.center = center

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        rows, columns = F.size_of(image)
        across, down = self.translate or (0.0, 0.0)
        angle = rng.uniform(*self.degrees)
        move = [round(rng.uniform(-m, m)) for m in (across * columns, down * rows)]
        scale = rng.uniform(*self.scale)
        shear = [rng.uniform(*limits) for limits in self.shear]
        return F.affine(
            image, angle, move, scale, shear, self.interpolation, self.fill, self.center
        )


def _shears(shear: float | Sequence[float] | None) -> list[tuple[float, float]]:
    """The ranges along x and along y."""
    if isinstance(shear, Sequence) and len(shear) == 4:
        return [interval("shear", shear[:2], 0.0), interval("shear", shear[2:], 0.0)]
    return [interval("shear", 0.0 if shear is None else shear, 0.0), (0.0, 0.0)]


class RandomRotation(RandomTransform):
    """The image turned counter-clockwise by `degrees`: up to a number, or from low to high.

    >>> import numpy as np
    >>> from minigrad import transforms
    >>> transforms.RandomRotation((90, 90))(np.array([[[1, 2], [3, 4]]]))
    array([[[2, 4],
            [1, 3]]])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: str = "nearest",
        center: Sequence[float] | None = None,
        fill: float = 0,
    ) -> None:
        self.degrees = interval("degrees", degrees, 0.0)
        self.interpolation = interpolation
        self.center = center
        self.fill = fill

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        angle = rng.uniform(*self.degrees)
        return F.rotate(image, angle, self.interpolation, self.center, self.fill)
