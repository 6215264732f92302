"""Where are the faces? Three small networks find them, each looking closer (Zhang et al., 2016).

The first, convolutional throughout, looks at windows of 12 by 12 pixels in the picture at many
scales; the second and the third at what it found, at 24 and at 48 pixels. Each says how sure it is
and how to move the box; of boxes that overlap much the surest stays.

    python tutorials/models/mtcnn.py [PICTURE ...]
"""

import sys

import numpy as np
from PIL import Image
from weights import WEIGHTS

import minigrad as torch
from minigrad import nn
from minigrad.nn import functional as F

SMALLEST, FACTOR, SURE = 20, 0.709, (0.6, 0.7, 0.7)


class PNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x):
        """For each window: how sure (N, H, W), and moves (N, 4, H, W)."""
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return F.softmax(self.conv4_1(x), dim=1)[:, 1], self.conv4_2(x)


class RNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x):
        """How sure (N,), and moves (N, 4)."""
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.prelu3(self.conv3(x))
        x = self.prelu4(self.dense4(flattened(x)))
        return F.softmax(self.dense5_1(x), dim=1)[:, 1], self.dense5_2(x)


class ONet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)  # eyes, nose and mouth; not used here

    def forward(self, x):
        """How sure (N,), and moves (N, 4)."""
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = self.prelu4(self.conv4(x))
        x = self.prelu5(self.dense5(flattened(x)))
        return F.softmax(self.dense6_1(x), dim=1)[:, 1], self.dense6_2(x)


def flattened(x):
    """The weights were trained where the height comes last, behind the width."""
    return x.permute(0, 3, 2, 1).flatten(1)


def load():
    """The three networks with their weights."""
    folder, nets = WEIGHTS["mtcnn"].require("mtcnn"), (PNet(), RNet(), ONet())
    for name, net in zip("pro", nets, strict=True):
        net.load_state_dict(torch.load(folder / f"{name}net.pt"))
        net.eval()
    return nets


def read(path):
    """A picture as (1, 3, H, W), with numbers from 0 to 255."""
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float32)
    return torch.tensor(pixels).permute(2, 0, 1).unsqueeze(0)


@torch.no_grad()
def faces(nets, picture):
    """Boxes (faces, 4), as left, top, right, bottom, and how sure each is, (faces,)."""
    pnet, rnet, onet = nets
    boxes, scores = windows(pnet, picture)
    for net, size, sure, by_smaller in ((rnet, 24, SURE[1], False), (onet, 48, SURE[2], True)):
        if not len(boxes):
            break
        boxes = squares(boxes)
        found, moves = net(torch.cat([cut(picture, box, size) for box in boxes]))
        found, moves = found.cpu().numpy(), moves.cpu().numpy()
        chosen = found > sure
        boxes, scores, moves = boxes[chosen], found[chosen], moves[chosen]
        if by_smaller:  # at last, move first: nothing comes that would
            boxes = moved(boxes, moves)
            kept = surest(boxes, scores, 0.7, by_smaller)
            boxes, scores = boxes[kept], scores[kept]
        else:
            kept = surest(boxes, scores, 0.7, by_smaller)
            boxes, scores = moved(boxes[kept], moves[kept]), scores[kept]
    return boxes, scores


def windows(pnet, picture):
    """What the first network finds, at all scales."""
    height, width = picture.shape[2:]
    scale, found = 12 / SMALLEST, []
    while min(height, width) * scale >= 12:
        size = int(height * scale + 1), int(width * scale + 1)
        scores, moves = pnet(normed(F.interpolate(picture, size, mode="area")))
        scores, moves = scores[0].cpu().numpy(), moves[0].cpu().numpy()
        rows, columns = np.nonzero(scores >= SURE[0])
        corner = np.stack([columns, rows], 1) * 2.0  # windows are two pixels apart
        boxes = np.concatenate([(corner + 1) // scale, (corner + 12) // scale], 1)
        scores, moves = scores[rows, columns], moves[:, rows, columns].T
        kept = surest(boxes, scores, 0.5)
        found.append((boxes[kept], scores[kept], moves[kept]))
        scale *= FACTOR
    boxes, scores, moves = (np.concatenate(parts) for parts in zip(*found, strict=True))
    kept = surest(boxes, scores, 0.7)
    sides = boxes[kept, 2:] - boxes[kept, :2]
    return boxes[kept] + moves[kept] * np.concatenate([sides, sides], 1), scores[kept]


def normed(x):
    return (x - 127.5) / 128


def squares(boxes):
    """The boxes made square, around the same middles."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True) / 2
    return np.concatenate([middle - half, middle + half], 1)


def moved(boxes, moves):
    """Each side of a box moved by a part of its size."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + moves * np.concatenate([sides, sides], 1)


def cut(picture, box, size):
    """What is in a box, as far as it is in the picture, as (1, 3, size, size)."""
    left, top, right, bottom = box.astype(int)
    height, width = picture.shape[2:]
    top, left = min(max(top - 1, 0), height - 1), min(max(left - 1, 0), width - 1)
    part = picture[:, :, top : max(bottom, top + 1), left : max(right, left + 1)]
    return normed(F.interpolate(part, (size, size), mode="area"))


def surest(boxes, scores, most, by_smaller=False):
    """Which boxes to keep: the surest, and of the rest those that overlap none of the kept by more
    than `most` of their union, or of the smaller of the two.
    """
    kept, rest = [], np.argsort(-scores, kind="stable")
    areas = np.prod(boxes[:, 2:] - boxes[:, :2] + 1, 1)
    while len(rest):
        first, rest = rest[0], rest[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[rest, :2])
        high = np.minimum(boxes[first, 2:], boxes[rest, 2:])
        shared = np.prod(np.maximum(high - low + 1, 0), 1)
        whole = areas[first] + areas[rest] - shared
        if by_smaller:
            whole = np.minimum(areas[first], areas[rest])
        rest = rest[shared / whole <= most]
    return np.array(kept, int)


if __name__ == "__main__":
    nets, folder = load(), WEIGHTS["pictures"].require("pictures")
    for path in sys.argv[1:] or [folder / "astronaut.png", folder / "chelsea.png"]:
        boxes, scores = faces(nets, read(path))
        print(f"{path}: {len(boxes)} faces")
        for box, score in zip(boxes, scores, strict=True):
            print(f"    {score:.3f} sure, at {box.round().astype(int).tolist()}")
