# %% [markdown]
# # 9. Identifying objects: what is it, and where?
#
# A classifier is shown a picture of one thing and says what it is. A detector is shown a scene, and
# says what is where: boxes, a word for each, and how sure it is. This lesson builds a network for
# clothes, and of the same blocks one that finds handwritten digits among clutter. Then it asks what
# sounds easy: how good is a detector?
#
#     make data ARGS="fashion digits"
#     python tutorials/09_identifying_objects.py             a quarter of an hour on two cores
#     python tutorials/09_identifying_objects.py --quick     seconds, for a look
#
# (MINIGRAD_BACKEND=opencl in front of it: eight minutes.) With seed 0, on OpenCL, it names 92.2 %
# of clothes that it has not seen, and finds such digits with a mean average precision of 0.919, or
# of 0.745 where boxes have to be exact: what that means is told below.

# %%
import argparse
from pathlib import Path

import numpy as np

import minigrad
import minigrad.nn.functional as F
from minigrad import datasets, nn, optim, transforms
from minigrad.utils.data import DataLoader, Dataset, sample_rng

parser = argparse.ArgumentParser(description="Networks say what is in a picture, and where.")
parser.add_argument("--quick", action="store_true", help="few pictures, for a few seconds")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default="tutorial-output", help="folder for pictures")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
minigrad.manual_seed(options.seed)

# %% [markdown]
# ## A block that may do nothing
#
# More layers should not hurt, as the further ones could pass on what they get. But that is hard to
# learn for layers that begin with random weights: deep plain networks came out worse than shallow
# ones, even on what they were trained on. In a *residual network* (He et al., 2016) a block learns
# what to add to its input,
#
#     out = relu(x + f(x)),        d out / dx = 1 + df/dx   where out is positive
#
# so that doing nothing is f = 0, and the 1 is a straight way for the gradient through all blocks.
# Where a block has more channels, or halves the picture, x goes through a 1x1 convolution.

# %%
class Block(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = self.norm1(self.conv1(x)).relu()
        return (self.shortcut(x) + self.norm2(self.conv2(out))).relu()


def stem(outputs, size, stride):
    """What comes before the blocks: from a grey picture to maps."""
    conv = nn.Conv2d(1, outputs, size, stride, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


block, x = Block(8, 8), minigrad.rand(2, 8, 5, 5)
nn.init.zeros_(block.norm2.weight)
assert (block(x) == x).all()  # f = 0: it passes on what it gets

# %% [markdown]
# ## What is it?
#
# A coat in a mirror is a coat, and so is one two pixels further left. So each picture is mirrored
# and moved by chance whenever it is seen: the `Dataset` does that, sample by sample, and the
# `DataLoader` makes batches. The learning rate first rises, then falls to nothing, so that it can
# be high in between (Smith and Topin, "Super-convergence", 2018).

# %%
class Clothes(Dataset):
    def __init__(self, train, n):
        images, labels = datasets.fashion(train)
        self.images, self.labels = images[:n, None], labels[:n]
        moved = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(28, padding=2)]
        scaled = [transforms.ToDtype(minigrad.float32, scale=True)]
        scaled += [transforms.Normalize(mean=[0.286], std=[0.353])]
        self.change = transforms.Compose(moved + scaled if train else scaled)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.change(self.images[i]), self.labels[i]


def train(net, batches, epochs, loss_of, rate):
    """The loss of each step."""
    optimizer = optim.SGD(net.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=1e-4)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, rate, epochs * len(batches))
    losses = []
    for epoch in range(1, epochs + 1):
        for x, *truth in batches:
            loss = loss_of(net(x), *truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch:2}: mean loss {np.mean(losses[-len(batches) :]):.3f}")
    net.eval()
    return losses


n_train, n_test, epochs = (1000, 500, 2) if options.quick else (60_000, 10_000, 8)
classifier = nn.Sequential(
    stem(16, 3, 1), Block(16, 16), Block(16, 32, 2), Block(32, 64, 2),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
)  # fmt: skip
batches = DataLoader(Clothes(True, n_train), 64, shuffle=True)
train(classifier, batches, epochs, F.cross_entropy, rate=0.1)

test = Clothes(False, n_test)
with minigrad.no_grad():
    p = minigrad.cat([classifier(x).softmax(1) for x, _ in DataLoader(test, 500)])
sure, guess = (x.numpy() for x in p.max(1))
accuracy = (guess == test.labels).mean()
print(f"of clothes that it has not seen it names {accuracy:.1%}")
assert accuracy > (0.3 if options.quick else 0.915)

# %% [markdown]
# ## Where is it?
#
# Nobody has drawn boxes around things for us. So we compose the scenes, and know the boxes to the
# pixel: digits of all sizes anywhere, among bits of digits that mean nothing. Large ones are placed
# first; `crowding` is the largest share of a digit's box that others may have taken before it.

# %%
SIDE, STRIDE, CELLS = 96, 8, 12  # pixels of a scene, and of a cell; cells in a row


def tight(image):
    """What of a picture has ink, (1, height, width), from 0 to 1."""
    rows, columns = (np.flatnonzero((image > 80).any(axis)) for axis in (1, 0))
    return image[None, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / np.float32(255)


def compose(rng, inks, labels, crowding=0.2):
    """A scene (1, SIDE, SIDE), its boxes (n, 4): left, top, right, bottom, and its digits (n,)."""
    scene = rng.normal(0, 0.1, (1, SIDE, SIDE)).astype(np.float32)
    taken, boxes, digits = np.zeros((SIDE, SIDE), bool), [], []

    def paste(ink, top, left):
        part = scene[:, top : top + ink.shape[1], left : left + ink.shape[2]]
        np.maximum(part, ink * rng.uniform(0.4, 1), out=part)

    for _ in range(10):
        paste(inks[rng.integers(len(inks))][:, 4:12, 4:12], *rng.integers(SIDE - 8, size=2))
    for scale in np.sort(rng.uniform(0.6, 1.8, rng.integers(2, 10)))[::-1]:
        i = rng.integers(len(inks))
        height, width = (max(3, round(scale * n)) for n in inks[i].shape[1:])
        top, left = rng.integers(SIDE - height + 1), rng.integers(SIDE - width + 1)
        place = taken[top : top + height, left : left + width]
        if place.mean() <= crowding:
            place[:] = True
            paste(transforms.functional.resize(inks[i], (height, width)), top, left)
            boxes.append((left, top, left + width, top + height))
            digits.append(labels[i])
    return scene, np.array(boxes, np.float32), np.array(digits)


# %% [markdown]
# ## How well do two boxes agree?
#
# The *intersection over union* is the area that they share, out of the area that they cover
# together. It is 1 for equal boxes, and 0 for any two that do not touch: from there no gradient
# leads back. The *generalized* IoU (Rezatofighi et al., 2019) takes off how much of the hull, the
# smallest box around both, is empty. It goes on falling as they part, to -1:
#
#     iou = shared / union        giou = iou - (hull - union) / hull

# %%
def area(low, high):
    """Of boxes with these corners (..., 2); 0 where they are the wrong way round."""
    return (high - low).clamp(min=0).prod(-1)


def iou_and_giou(a, b):
    """Of boxes (..., 4), which are broadcast."""
    a_low, a_high, b_low, b_high = a[..., :2], a[..., 2:], b[..., :2], b[..., 2:]
    shared = area(minigrad.maximum(a_low, b_low), minigrad.minimum(a_high, b_high))
    hull = area(minigrad.minimum(a_low, b_low), minigrad.maximum(a_high, b_high))
    union = area(a_low, a_high) + area(b_low, b_high) - shared
    return shared / union, shared / union - (hull - union) / hull


def overlaps(a, b):
    """The IoU of each box of `a` (n, 4) with each one of `b` (m, 4), arrays: (n, m)."""
    return iou_and_giou(minigrad.tensor(a)[:, None], minigrad.tensor(b))[0].numpy()


assert abs(overlaps(np.float32([[0, 0, 2, 2]]), np.float32([[1, 0, 3, 2]])) - 2 / 6) < 1e-6

# %% [markdown]
# ## A grid of cells
#
# A network gives a fixed count of numbers, and a scene has any number of digits. YOLO ("You only
# look once", Redmon et al., 2016) lays a grid over it, and each cell answers for what is around its
# middle: by a score for each of the ten digits, the way to the middle of the box, and the
# logarithms of half its width and height. Convolutions do that by themselves. Their last map has 12
# x 12 places; each is a cell of 8 x 8 pixels, and sees 105 x 105 around them.

# %%
class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            stem(16, 5, 2), Block(16, 32, 2), Block(32, 64, 2), Block(64, 64), Block(64, 64)
        )
        self.head = nn.Conv2d(64, 10 + 4, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias[:10], -4.6)  # at first, 1 % for each digit everywhere
        middle = STRIDE * (minigrad.arange(CELLS) + 0.5)
        rows, columns = minigrad.meshgrid(middle, middle, indexing="ij")
        self.register_buffer("middles", minigrad.stack([columns, rows], -1).flatten(0, 1))

    def forward(self, x):
        """Scores (N, cells, 10) and boxes (N, cells, 4)."""
        scores, way, size = self.head(self.body(x)).flatten(2).mT.split([10, 2, 2], -1)
        middle, half = self.middles + STRIDE * way, STRIDE * size.exp()
        return scores, minigrad.cat([middle - half, middle + half], -1)


# %% [markdown]
# What should a cell have said? The four nearest to the middle of a digit answer for it. If two
# digits claim a cell, the smaller one gets it, as it comes later. All others should say "nothing",
# which is number 10.

# %%
def answers(boxes, digits):
    """For each cell the digit (cells,), and its box (cells, 4)."""
    answer, target = np.full((CELLS, CELLS), 10), np.zeros((CELLS, CELLS, 4), np.float32)
    corners = ((boxes[:, :2] + boxes[:, 2:]) / (2 * STRIDE) - 0.5).astype(int).clip(0, CELLS - 2)
    for (column, row), box, digit in zip(corners, boxes, digits, strict=True):
        answer[row : row + 2, column : column + 2] = digit
        target[row : row + 2, column : column + 2] = box
    return answer.reshape(-1), target.reshape(-1, 4)


class Scenes(Dataset):
    """New ones in each epoch: by chance, but by the same one for the same seed."""

    def __init__(self, n):
        images, self.labels = datasets.digits(train=True)
        self.inks, self.n = [tight(image) for image in images], n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        scene, *truth = compose(sample_rng(), self.inks, self.labels)
        return scene, *answers(*truth)


# %% [markdown]
# ## What to learn
#
# Of 1440 scores in a scene some 15 should be high. In a plain cross entropy the many that are low
# without effort would drown these. The *focal loss* (Lin et al., 2017) cares less for what is known
# already; p is the probability given to what is true, that a digit is there, or that it is not:
#
#     loss = -weight (1 - p)^2 log p        weight: 1/4 if it is there, 3/4 if not
#
# Cells that answer for a digit add 1 - giou of their box. As in FCOS (Tian et al., 2019) they give
# the box itself, and not how it differs from one of several given shapes.

# %%
def focal_loss(scores, truth):
    """The sum over all scores; `truth` is 1 or 0 for each."""
    log_p = -F.binary_cross_entropy_with_logits(scores, truth, reduction="none")
    return -((0.75 - truth / 2) * (1 - log_p.exp()).square() * log_p).sum()


def detection_loss(out, digits, target):
    scores, boxes = out
    there = digits < 10
    of_digits = focal_loss(scores, F.one_hot(digits, 11)[..., :10].float())
    of_boxes = (1 - iou_and_giou(boxes[there], target[there])[1]).sum()
    return (of_digits + of_boxes) / there.sum()


n_scenes, epochs = (160, 2) if options.quick else (4000, 16)
detector = Detector()
losses = train(detector, DataLoader(Scenes(n_scenes), 16), epochs, detection_loss, rate=0.05)
assert np.mean(losses[-10:]) < np.mean(losses[:10])

# %% [markdown]
# ## One digit, one box
#
# Four cells find each digit. *Non-maximum suppression* goes through the boxes, the surest first,
# and keeps one if its IoU with all that it has kept is at most `most`.

# %%
def nms(boxes, sure, most):
    """Which boxes (n, 4) to keep, given how sure of each one is (n,): indices, the surest first."""
    overlap, kept = overlaps(boxes, boxes), []
    for i in np.argsort(-sure, kind="stable"):
        if all(overlap[i, k] <= most for k in kept):
            kept.append(i)
    return kept


def surer_than(least, found):
    """Of boxes (n, 4), digits (n,), and how sure of each one is (n,): the sure ones."""
    return [column[found[2] > least] for column in found]


@minigrad.no_grad()
def detect(samples, most=0.5):
    """For each scene: boxes, digits, and how sure of each one is, the surest first."""
    found = []
    for x in minigrad.tensor(np.stack([scene for scene, *_ in samples])).split(20):
        scores, boxes = detector(x)
        sure, digits = scores.sigmoid().max(-1)
        for each in zip(boxes.numpy(), digits.numpy(), sure.numpy(), strict=True):
            likely = surer_than(0.05, each)
            kept = nms(likely[0], likely[2], most)
            found.append([column[kept] for column in likely])
    return found


# %% [markdown]
# ## How good is a detector?
#
# A box is *right* if its digit is, and if its IoU with the true box is at least a half, say. A true
# box can be found once, by the surest: a second answer is a mistake, too.

# %%
def agreement(found, sample):
    """The IoU of each box found with each true one, (n, m); 0 where the digits differ."""
    _, boxes, digits = sample
    return overlaps(found[0], boxes) * (found[1][:, None] == digits)


def right_ones(agreed, least):
    """Which of the n boxes found are right, the surest first, by their agreement (n, m)."""
    free, right = np.ones(agreed.shape[1], bool), np.zeros(len(agreed), bool)
    for i, row in enumerate(agreed):
        row = np.where(free, row, 0)
        if row.max(initial=0) >= least:
            right[i], free[row.argmax()] = True, False
    return right


assert right_ones(np.array([[0.6], [0.9]]), 0.5).tolist() == [True, False]

# %% [markdown]
# What share of the boxes is right, the *precision*, and what share of the true ones was found, the
# *recall*, depend on how sure one wants to be. Go through all boxes, the surest first: the recall
# rises by 1/n with each right one, n being the number of true ones, and the precision falls with
# each wrong one. The *average precision* is the area under the curve of the one over the other. As
# it is jagged, the best precision at this recall or a greater one counts (so in Pascal VOC since
# 2010; Everingham et al., 2015). It is a sum over the right boxes i:
#
#     AP = 1/n  sum over i  of  max over j >= i  of precision[j]
#
# The *mAP at 0.5* is its mean over the ten digits. The mAP of COCO (Lin et al., 2014) is the mean
# over ten demands, too, IoU >= 0.5, 0.55 ... 0.95, and so asks for exact boxes.

# %%
DEMANDS = np.arange(10) * 0.05 + 0.5


def precision(right):
    """After each box of a list, the surest first."""
    return right.cumsum() / np.arange(1, len(right) + 1)


def average_precision(right, n):
    best_from_here = np.maximum.accumulate(precision(right)[::-1])[::-1]
    return best_from_here[right].sum() / n


def listed(samples, found):
    """All boxes, the surest first: digits (n,), and whether it is right by each demand (10, n)."""
    rows = []
    for sample, each in zip(samples, found, strict=True):
        agreed = agreement(each, sample)
        rows.append((*each[1:], *(right_ones(agreed, least) for least in DEMANDS)))
    digits, sure, *right = map(np.concatenate, zip(*rows, strict=True))
    order = np.argsort(-sure, kind="stable")
    return digits[order], np.array(right)[:, order]


def average_precisions(samples, found):
    """For each demand and digit, (10, 10)."""
    digits, right = listed(samples, found)
    n = np.bincount(np.concatenate([digits for *_, digits in samples]), minlength=10)
    return np.array([[average_precision(r[digits == k], n[k]) for k in range(10)] for r in right])


def examination(n, crowding=0.2):
    """Scenes with their boxes and digits, of ink that was not trained on."""
    images, labels = datasets.digits(train=False)
    inks, rng = [tight(image) for image in images], np.random.default_rng(options.seed)
    return [compose(rng, inks, labels, crowding) for _ in range(n)]


assert average_precision(np.array([True, False, True]), 2) == (1 + 2 / 3) / 2
exam = examination(40 if options.quick else 1000)
perfect = [(boxes, digits, np.ones(len(boxes))) for _, boxes, digits in exam]
assert (average_precisions(exam, perfect) == 1).all()

found = detect(exam)
table = average_precisions(exam, found)
print(f"mAP at 0.5: {table[0].mean():.3f}, from 0.5 to 0.95: {table.mean():.3f}")
assert options.quick or table[0].mean() > 0.9

# %% [markdown]
# ## What goes wrong
#
# One number hides the mistakes that it is made of. So take the boxes of which it is surer than 0.4,
# and ask of each wrong one why: the digit had been found before, by a surer one (*twice*); it is
# another *digit*; the box is *off*, its IoU below a half; there is *nothing*. Then do it again with
# nothing suppressed; and in a crowd, where seven tenths of a box may have been taken before.

# %%
KINDS = ("right", "twice", "digit", "off", "nothing")


def kinds_of(samples, found):
    """How many boxes are of each kind, (5,)."""
    counts = np.zeros(len(KINDS), int)
    for sample, each in zip(samples, found, strict=True):
        each = surer_than(0.4, each)
        agreed, overlap = agreement(each, sample), overlaps(each[0], sample[1]).max(1)
        tests = [right_ones(agreed, 0.5), agreed.max(1) >= 0.5, overlap >= 0.5, overlap > 0.1]
        counts += np.bincount(np.select(tests, range(4), 4), minlength=5)
    return counts


crowd = examination(len(exam), crowding=0.7)
crowd_found = detect(crowd)
print(f"{'':20}{'mAP':>9}" + "".join(f"{kind:>9}" for kind in (*KINDS, "missed")))
for name, samples, answer in (
    ("as it is", exam, found),
    ("nothing suppressed", exam, detect(exam, most=1.0)),
    ("a crowd", crowd, crowd_found),
    ("suppressed at 0.1", crowd, detect(crowd, most=0.1)),
):
    mean, counts = average_precisions(samples, answer)[0].mean(), kinds_of(samples, answer)
    missed = sum(len(digits) for *_, digits in samples) - counts[0]
    print(f"{name:20}{mean:9.3f}" + "".join(f"{count:9}" for count in (*counts, missed)))

# %% [markdown]
# With nothing suppressed it finds a few more, and each nearly four times: the first answer is
# right, the others are mistakes, and nearly half of the mAP is gone. Most mistakes are otherwise of
# the kind that the classifier makes: the box is good, the digit is not. In a crowd many digits are
# missed. Two that need the same cells cannot both be told of; and where boxes overlap by more than
# is allowed, a digit is suppressed as a second answer. The less is allowed, the more are lost.
#
# ## Pictures
#
# The clothes: what is taken for what, and the mistakes of which the network is surest, some of them
# rather mistakes of the labels. The scenes, and below them the crowd: green is right, red is wrong,
# dotted was not found. And the precision over the recall: it stays near 1 for long, so who asks
# only for sure answers gets right ones. To ask for an IoU of 0.9 is another matter, above all with
# a 1, which may be four pixels wide: one pixel off is an IoU of 0.6.

# %%
def draw_confusion(axes):
    names = datasets.FASHION_CLASSES
    counts = np.histogram2d(test.labels, guess, np.arange(11))[0].astype(int)
    axes.imshow(np.log1p(counts), cmap="Blues", vmax=10)
    for (label, answer), count in np.ndenumerate(counts):
        axes.text(answer, label, count or "", ha="center", va="center", fontsize=8)
    axes.set(xlabel="what the network says", ylabel="what it is")
    axes.set_xticks(range(10), names, rotation=45, ha="right")
    axes.set_yticks(range(10), names)


def draw_mistakes(figure):
    """Those of which the classifier is surest."""
    wrong = np.flatnonzero(guess != test.labels)
    wrong = wrong[np.argsort(-sure[wrong])]
    for axes, i in zip(figure.subplots(4, 7).flat, wrong, strict=False):
        names = [datasets.FASHION_CLASSES[k] for k in (test.labels[i], guess[i])]
        axes.imshow(test.images[i, 0], cmap="gray_r")
        axes.set_title(f"{names[0]}\n{names[1]}? {sure[i]:.0%}", fontsize=8)
        axes.set_axis_off()


def draw_box(axes, box, color, style, word=""):
    left, top, right, bottom = box
    axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], style, color=color)
    tag = {"facecolor": color, "lw": 0, "pad": 1}
    axes.text(left, top, word, color="white", fontsize=8, va="bottom", bbox=tag if word else None)


def draw_scene(axes, sample, found):
    """What was found, green where right, else red; dotted the digits that were not."""
    axes.imshow(sample[0][0], cmap="gray_r", vmin=0, vmax=1.2, extent=(0, SIDE, SIDE, 0))
    found = surer_than(0.4, found)
    agreed = agreement(found, sample)
    for box in sample[1][agreed.max(0, initial=0) < 0.5]:
        draw_box(axes, box, "tab:blue", ":")
    for box, digit, sure, right in zip(*found, right_ones(agreed, 0.5), strict=True):
        draw_box(axes, box, "tab:green" if right else "tab:red", "-", f"{digit} {sure:.0%}")
    axes.set(xlim=(-1, SIDE + 1), ylim=(SIDE + 1, -1))
    axes.set_axis_off()


def draw_curves(axes):
    for least, right in zip(DEMANDS[::2], listed(exam, found)[1][::2], strict=True):
        recall = right.cumsum() / sum(len(digits) for *_, digits in exam)
        axes.plot(recall, precision(right), label=f"IoU {least:.1f}")
    axes.set(xlabel="recall", ylabel="precision (all digits together)", ylim=(0, 1.02))
    axes.legend()


def draw_digits(axes):
    for row in (0, 5, 8):
        axes.bar(range(10), table[row], label=f"IoU {DEMANDS[row]:.2f}")
    axes.set(xlabel="digit", ylabel="average precision", xticks=range(10), ylim=(0, 1.15))
    axes.legend(loc="upper center", ncols=3)


try:
    import matplotlib.pyplot as plt
except ModuleNotFoundError:
    print("no pictures: pip install matplotlib")
else:
    plt.switch_backend("Agg")
    figure = plt.figure(figsize=(14, 6), layout="constrained")
    left, right = figure.subfigures(1, 2)
    draw_confusion(left.subplots())
    draw_mistakes(right)
    figure.savefig(options.out / "objects-clothes.png", dpi=110)
    figure, grid = plt.subplots(2, 5, figsize=(14, 6), layout="constrained")
    for i, (upper, lower) in enumerate(grid.T):
        draw_scene(upper, exam[i], found[i])
        draw_scene(lower, crowd[i], crowd_found[i])
    figure.savefig(options.out / "objects-scenes.png", dpi=110)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    draw_curves(left)
    draw_digits(right)
    figure.savefig(options.out / "objects-precision.png", dpi=110)
    print(f"pictures are in {options.out}")

# %% [markdown]
# ## What to take along
#
# - A block that adds to what it gets can be stacked. The same blocks classify and detect; what
#   differs is the head, and what it is told.
# - A detector is a classifier at many places at once. Nearly all of them must say "nothing", and
#   the others say the same thing several times.
# - The mAP counts everything: digits, boxes, second answers, and whether the sure ones are the
#   right ones. It asks for all of it, so look at what it is made of.
#
# Try: suppress the boxes of each digit apart, as most detectors do: what becomes of the column
# "digit"? Train on a crowd. Take 1 - iou for 1 - giou, or the plain cross entropy for the focal
# loss. Let each cell give its two likeliest digits: why does the mAP rise? A scene of 192 x 192
# pixels needs no new weights: what does?
