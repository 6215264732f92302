"""What all transforms share, and chains of them.

Note [Chance in transforms]. A random transform draws from `utils.data.sample_rng()`, the generator
of the sample that is being loaded. So `minigrad.manual_seed` decides what happens, and it is the
same whichever worker process makes the sample.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.transforms.functional import Image
from minigrad.utils.data import sample_rng


class Transform:
    """The base class: a subclass defines `apply(image)`, from an array to a new one.

    Its constructor's arguments are attributes of the same names, which repr shows.

    >>> from minigrad.transforms import Transform
    >>> class Negative(Transform):
    ...     def apply(self, image):
    ...         return 255 - image
    >>> import numpy as np
    >>> Negative(), Negative()(np.zeros((1, 1, 1), np.uint8)).tolist()
    (Negative(), [[[255]]])
    """

    def __call__(self, image: Any) -> Any:
        if not isinstance(image, np.ndarray) or image.ndim < 3:
            what = getattr(image, "shape", type(image).__name__)
            raise TypeError(
                f"{type(self).__name__}: expected a NumPy array (..., channels, height, width), "
                f"got {what}; ToImage() makes one of pictures and of arrays (height, width, "
                "channels), .numpy() of a tensor"
            )
        return self.apply(image)

    def apply(self, image: Image) -> Image:
        """The image, changed."""
        raise NotImplementedError(f"{type(self).__name__} must define apply(image)")

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_")
        return f"{type(self).__name__}({', '.join(shown)})"


class RandomTransform(Transform):
    """One that draws: a subclass defines `change(image, rng)`. See Note [Chance in transforms].

    >>> import minigrad
    >>> import numpy as np
    >>> from minigrad.transforms import RandomTransform
    >>> class Noise(RandomTransform):
    ...     def change(self, image, rng):
    ...         return image + rng.normal(size=image.shape)
    >>> def noise():
    ...     _ = minigrad.manual_seed(0)
    ...     return Noise()(np.zeros((1, 1, 2)))
    >>> (noise() == noise()).all()
    np.True_
    """

    def apply(self, image: Image) -> Image:
        """`change` with the generator of the sample."""
        return self.change(image, sample_rng())

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        """The image, changed by chance."""
        raise NotImplementedError(f"{type(self).__name__} must define change(image, rng)")


class Compose:
    """Transforms, one after the other. TypeError for no sequence, ValueError for an empty one.

    >>> import numpy as np
    >>> import minigrad
    >>> from minigrad import transforms
    >>> change = transforms.Compose([
    ...     transforms.ToImage(),
    ...     transforms.Pad(1),
    ...     transforms.ToDtype(minigrad.float32, scale=True),
    ... ])
    >>> change(np.full((2, 2, 3), 255, np.uint8)).shape
    (3, 4, 4)
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Compose: Argument transforms should be a sequence of callables")
        if not transforms:
            raise ValueError("Compose: Pass at least one transform")
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        return "\n".join(["Compose(", *(f"    {transform}" for transform in self.transforms), ")"])


class Lambda:
    """A function of your own as a transform. A worker process needs one with a name of its own.

    >>> from minigrad import transforms
    >>> transforms.Lambda(lambda image: image + 1)(1)
    2
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Lambda: expected a function, got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)

    def __repr__(self) -> str:
        return f"Lambda({getattr(self.lambd, '__name__', self.lambd)})"
