"""What is in this picture? EfficientNet-Lite0 chooses among the 1,000 classes of ImageNet.

Sixteen blocks (Tan and Le, 2019; Sandler et al., 2018), each of which widens its input, convolves
every channel by itself, and narrows the result. The weights were trained in TensorFlow, whose
padding is larger on the right and below where it cannot be equal.

    python tutorials/models/efficientnet.py [PICTURE ...]
"""

import sys

import numpy as np
from PIL import Image
from weights import WEIGHTS

import minigrad as torch
from minigrad import nn
from minigrad.nn import functional as F

# Repeats, size of the kernel, stride of the first, how much it widens, channels in and out.
STAGES = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]


class SameConv2d(nn.Conv2d):
    """A convolution whose output has ceil(size / stride) pixels."""

    def forward(self, x):
        pads = []
        for n, k, step in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            total = max((-(-n // step) - 1) * step + k - n, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


def conv(channels, out, size=1, stride=1, groups=1):
    return SameConv2d(channels, out, size, stride, groups=groups, bias=False)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    def __init__(self, size, stride, widening, channels, out):
        super().__init__()
        wide = channels * widening
        self.widens, self.skips = widening > 1, stride == 1 and channels == out
        if self.widens:
            self._expand_conv, self._bn0 = conv(channels, wide), norm(wide)
        self._depthwise_conv, self._bn1 = conv(wide, wide, size, stride, groups=wide), norm(wide)
        self._project_conv, self._bn2 = conv(wide, out), norm(out)

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skips else y


class EfficientNetLite0(nn.Module):
    def __init__(self):
        super().__init__()
        self._conv_stem, self._bn0 = conv(3, 32, 3, 2), norm(32)
        self._blocks = nn.ModuleList()
        for repeats, size, stride, widening, channels, out in STAGES:
            for i in range(repeats):
                first = (stride, channels) if i == 0 else (1, out)
                self._blocks.append(Block(size, first[0], widening, first[1], out))
        self._conv_head, self._bn1 = conv(320, 1280), norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return self._fc(x.mean((2, 3)))


def load():
    """The model with its weights."""
    model = EfficientNetLite0()
    model.load_state_dict(torch.load(WEIGHTS["efficientnet"].require("efficientnet")))
    return model.eval()


def read(path):
    """The middle of a picture, (3, 224, 224), with numbers from -1 to 1."""
    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([round(n * scale) for n in image.size], Image.Resampling.BICUBIC)
    left, top = ((n - 224) // 2 for n in image.size)
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
    return torch.tensor((pixels - 127.0) / 128.0).permute(2, 0, 1)


@torch.no_grad()
def classes(model, paths):
    """The number of the class of each picture."""
    return model(torch.stack([read(path) for path in paths])).argmax(1).tolist()


if __name__ == "__main__":
    model = load()
    paths = sys.argv[1:] or sorted(WEIGHTS["imagenet"].require("imagenet").glob("imagenet_*"))
    for path, number in zip(paths, classes(model, paths), strict=True):
        print(f"{path}: class {number}")
