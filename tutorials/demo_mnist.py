"""A small convolutional network learns to read 5,000 real handwritten digits: `make demo`.

It learns from 4,000 of them, is examined on the other 1,000, and leaves its weights and two
pictures in the output folder. MINIGRAD_BACKEND=opencl in the environment moves it to a GPU.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import minigrad
import minigrad.nn.functional as F
from minigrad import datasets, nn, optim
from minigrad.utils.data import DataLoader, TensorDataset


def load_digits(train):
    """Images (N, 1, 28, 28) in [0, 1] with their labels: 4,000 to learn from, or 1,000 held out."""
    images, labels = datasets.digits(train)
    return images[:, None].astype(np.float32) / 255, labels


def shift(images, rng):
    """Move every image by up to two pixels each way: a 7 that has moved is still a 7."""
    return np.stack([np.roll(image, rng.integers(-2, 3, 2), (1, 2)) for image in images])


def make_model():
    """One map of 28x28 pixels -> 12 of 14x14 -> 24 of 7x7 -> 48 of 3x3 -> ten scores."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, stride=2, padding=2), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(48 * 3 * 3, 10),
    )


def train(model, batches, optimizer):
    """Take a step for each batch and return the losses."""
    model.train()
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@minigrad.no_grad()
def predict(model, images):
    """The class with the highest score for each image."""
    model.eval()
    return np.array(model(minigrad.tensor(images)).argmax(1).tolist())


def draw(out, losses, images, labels, guesses):
    """Write loss.png, and predictions.png: digits, mistakes first, and the confusion matrix."""
    plt.switch_backend("Agg")  # draw into files: no screen is needed
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.semilogy(np.arange(np.size(losses)) / len(losses[0]), np.ravel(losses), color="silver")
    axes.semilogy(np.arange(len(losses)) + 0.5, np.mean(losses, 1), "o-")
    axes.set(xlabel="epoch", ylabel="training loss\n(grey: each step, blue: mean of an epoch)")
    figure.savefig(out / "loss.png", dpi=120)
    left, right = plt.figure(figsize=(13, 6), layout="constrained").subfigures(1, 2)
    order = np.lexsort((np.arange(len(labels)) % 100, guesses == labels))  # each class in turn
    for axes, i in zip(left.subplots(5, 8).flat, order[:40], strict=True):
        axes.imshow(images[i, 0], cmap="gray_r")
        axes.set_title(f"{labels[i]} read as {guesses[i]}", fontsize=8)
        axes.set_axis_off()
    confusion = np.histogram2d(labels, guesses, bins=np.arange(11))[0].astype(int)
    axes = right.subplots()
    axes.imshow(np.log1p(confusion), cmap="Blues", vmax=6)
    for (digit, guess), count in np.ndenumerate(confusion):
        axes.text(guess, digit, count or "", ha="center", va="center")
    axes.set(xlabel="read as", ylabel="digit", xticks=range(10), yticks=range(10))
    left.figure.savefig(out / "predictions.png", dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default="demo-output", help="folder for the results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    images, labels = load_digits(train=True)
    test_images, test_labels = load_digits(train=False)
    minigrad.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    model = make_model()
    optimizer = optim.Adam(model.parameters(), lr=4e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    losses = []
    for epoch in range(1, options.epochs + 1):
        data = TensorDataset(minigrad.tensor(shift(images, rng)), minigrad.tensor(labels))
        batches = tqdm(DataLoader(data, 64, shuffle=True), f"epoch {epoch}", leave=False)
        losses.append(train(model, batches, optimizer))
        schedule.step()
        guesses = predict(model, test_images)
        accuracy = f"held-out accuracy: {100 * np.mean(guesses == test_labels):.1f} %"
        print(f"epoch {epoch:2}  loss {np.mean(losses[-1]):.9f}  {accuracy}")

    minigrad.save(model.state_dict(), options.out / "digits.safetensors")
    draw(options.out, losses, test_images, test_labels, guesses)
    print(accuracy)


main()
