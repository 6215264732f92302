"""Datasets of pictures with a label each: of arrays in memory, and of a folder of files.

A sample is (image, label). An image is an array (channels, height, width), the form that layers
want, before and after its transform; a DataLoader makes tensors of them.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.datasets.readers import File, read_image
from minigrad.utils.data import Dataset

Transform = Callable[[Any], Any]
EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp")


class Images(Dataset):
    """Sample i is (transform(images[i]), target_transform(labels[i])).

    `images` is an array (N, channels, height, width), or (N, height, width), which gets one
    channel; `labels` are N integers. ValueError for other shapes.

    >>> import numpy as np
    >>> from minigrad import datasets
    >>> grey = np.zeros((10, 28, 28), np.uint8)
    >>> data = datasets.Images(grey, np.arange(10), transform=lambda image: image / 255)
    >>> image, label = data[3]
    >>> image.shape, label
    ((1, 28, 28), 3)
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: Sequence[int] | np.ndarray,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        if images.ndim not in (3, 4) or len(images) != len(labels):
            raise ValueError(
                "Images: expected images (N, height, width) or (N, channels, height, width) and N "
                f"labels, got shape {images.shape} and {len(labels)} labels"
            )
        self.images = images[:, None] if images.ndim == 3 else images
        self.targets = np.asarray(labels)
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return _sample(self, self.images[index], int(self.targets[index]))


class ImageFolder(Dataset):
    """The pictures in the subfolders of a folder: a class each, in the order of their names.

        root/cat/one.png, root/cat/more/two.jpg      class 0, "cat"
        root/dog/rex.png                             class 1, "dog"

    Sample i is (transform(loader(path)), target_transform(class)). `classes` has the names,
    `class_to_idx` the number of each, `samples` pairs (path, class), `targets` the classes.
    FileNotFoundError where there are no subfolders, and for one without pictures, unless
    `allow_empty`. As torchvision.datasets.ImageFolder, but for the arrays.

    >>> import tempfile, pathlib
    >>> from minigrad import datasets
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("cat/one.png", "dog/rex.png"):
    ...     (root / name).parent.mkdir()
    ...     (root / name).touch()
    >>> data = datasets.ImageFolder(root, loader=lambda path: path.name)
    >>> data.classes, data[1]
    (['cat', 'dog'], ('rex.png', 1))
    """

    def __init__(
        self,
        root: File,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[Path], Any] = read_image,
        allow_empty: bool = False,
    ) -> None:
        self.root = Path(root)
        self.transform = transform
        self.target_transform = target_transform
        self.loader = loader
        self.classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(f"ImageFolder: {root} has no subfolders, one for each class")
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples = [
            (path, i) for name, i in self.class_to_idx.items() for path in _pictures(root, name)
        ]
        self.targets = [i for _, i in self.samples]
        empty = [name for name, i in self.class_to_idx.items() if i not in set(self.targets)]
        if empty and not allow_empty:
            raise FileNotFoundError(
                f"ImageFolder: {root} has no pictures in {', '.join(empty)}; it looks for "
                f"{' '.join(EXTENSIONS)}"
            )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, label = self.samples[index]
        return _sample(self, self.loader(path), label)


def _pictures(root: File, name: str) -> list[Path]:
    found = (Path(folder, file) for folder, _, files in os.walk(Path(root, name), followlinks=True)
             for file in files)
    return sorted(path for path in found if path.suffix.lower() in EXTENSIONS)


def _sample(data: Images | ImageFolder, image: Any, label: int) -> tuple[Any, Any]:
    if data.transform is not None:
        image = data.transform(image)
    return image, label if data.target_transform is None else data.target_transform(label)
