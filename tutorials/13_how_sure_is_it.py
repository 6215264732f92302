# %% [markdown]
# # 13. How sure is the network?
#
# A classifier gives a probability to each class. Does it mean anything? If a hundred answers come
# with 90 % each, then ninety should be right. This lesson measures that, on pictures of clothes,
# finds that it is not so, and mends it in three ways. In the end it shows the network something
# that is no piece of clothing at all.
#
#     make data ARGS="fashion digits"
#     python tutorials/13_how_sure_is_it.py             five minutes on two cores
#     python tutorials/13_how_sure_is_it.py --quick     seconds, for a look
#
# What it found with seed 0: one network is right in 87.2 % of its answers and believes in 90.1 %;
# with a temperature in 87.3 %; five networks are right in 88.3 %. Digits raise more doubt than
# clothes in 62 % of all pairs if one network is asked, in 83 % if five are.

# %%
import argparse
from pathlib import Path

import numpy as np

import minigrad
import minigrad.nn.functional as F
from minigrad import datasets, nn, optim
from minigrad.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description="How sure a network is, and how sure it may be.")
parser.add_argument("--quick", action="store_true", help="few pictures, for a few seconds")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default="tutorial-output", help="folder for pictures")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
minigrad.manual_seed(options.seed)
n_train, n_test, epochs, members = (600, 500, 6, 2) if options.quick else (6000, 10000, 25, 5)


def as_tensors(images, labels):
    return minigrad.tensor(images[:, None] / np.float32(255)), minigrad.tensor(labels)


train_x, train_y = as_tensors(*(x[:n_train] for x in datasets.fashion(train=True)))
tune_x, tune_y = as_tensors(*(x[-1000:] for x in datasets.fashion(train=True)))
test_x, test_y = as_tensors(*(x[:n_test] for x in datasets.fashion(train=False)))

# %% [markdown]
# ## A network, trained for long
#
# Six thousand pictures are few, and it sees each of them 25 times. It comes to know them by heart:
# the loss on them goes on falling long after nothing is left to learn from it.

# %%
def make_net():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(32 * 7 * 7, 128), nn.ReLU(),
        nn.Dropout(0.25), nn.Linear(128, 10),
    )  # fmt: skip


def train(net):
    """The last epoch's mean loss."""
    optimizer = optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(epochs):
        losses = []
        for x, y in DataLoader(TensorDataset(train_x, train_y), 64, shuffle=True):
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)


@minigrad.no_grad()
def scores_of(net, images):
    """The scores before the softmax, (N, 10)."""
    return minigrad.cat([net(x) for x in images.split(1000)])


nets = [make_net() for _ in range(members)]
for net in nets:
    print(f"trained to a loss of {train(net):.3f}")
    net.eval()
net = nets[0]

# %% [markdown]
# ## Four measures
#
# - *accuracy*: how often the likeliest class is right;
# - *confidence*: the mean probability of the likeliest class. It should equal the accuracy;
# - the *expected calibration error* looks closer: answers are put into 15 bins by their confidence,
#   and in each bin the two are compared;
# - the *log loss*, -log p(right class), which rewards both to be right and to know it. It is the
#   smallest, on average, for who says what he believes.

# %%
def bins(p, y, n=15):
    """Mean confidence, accuracy and share of the answers, for each bin that is not empty."""
    confidence, guess = p.max(1)
    right = (guess == y).numpy()
    confidence = confidence.numpy()
    place = np.minimum((confidence * n).astype(int), n - 1)
    found = [place == i for i in range(n) if (place == i).any()]
    return np.array([(confidence[b].mean(), right[b].mean(), b.mean()) for b in found])


def measures(p, y):
    confidence, accuracy, share = bins(p, y).T
    log_loss = -p.gather(1, y[:, None]).log().mean().item()
    return {
        "accuracy": (accuracy * share).sum(),
        "confidence": (confidence * share).sum(),
        "calibration error": (abs(accuracy - confidence) * share).sum(),
        "log loss": log_loss,
    }


always_right = minigrad.eye(10)[test_y] * 0.9 + 0.01
assert abs(measures(always_right, test_y)["calibration error"] - 0.09) < 1e-6

predictions = {"one network": scores_of(net, test_x).softmax(1)}

# %% [markdown]
# ## First remedy: a temperature
#
# Divide the scores by one number T before the softmax. No answer changes, only how sure it is. The
# number is learnt in a moment, from a thousand pictures that were not trained on (Guo et al.,
# 2017). L-BFGS, which looks at curvature, needs a few steps for it.

# %%
tune_scores = scores_of(net, tune_x)
log_t = minigrad.zeros((), requires_grad=True)  # T = e^log_t is positive whatever log_t is
optimizer = optim.LBFGS([log_t], line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = F.cross_entropy(tune_scores / log_t.exp(), tune_y)
    loss.backward()
    return loss


optimizer.step(closure)
temperature = log_t.exp().item()
print(f"temperature {temperature:.2f}")
predictions["with a temperature"] = (scores_of(net, test_x) / temperature).softmax(1)

# %% [markdown]
# ## Second remedy: leave the dropout on
#
# Dropout switches off a random quarter of the units at each step of the training; at the test it is
# off. Gal and Ghahramani (2016) leave it on and ask twenty times: twenty networks, of which each
# knows a bit less, and where they disagree there is doubt. Only the dropout may be in training
# mode; with `net.train()` a BatchNorm would change its statistics at every question.

# %%
def ask_with_dropout(net, images, times=20):
    """The probabilities of each time: (times, N, 10)."""
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.train()
    answers = minigrad.stack([scores_of(net, images).softmax(1) for _ in range(times)])
    net.eval()
    return answers


predictions["with dropout"] = ask_with_dropout(net, test_x).mean(0)

# %% [markdown]
# ## Third remedy: ask several networks
#
# Networks that began with other weights make other mistakes (Lakshminarayanan et al., 2017). Their
# mean is right more often than each one, and less sure. That its log loss is at most the mean of
# theirs is no luck, since -log is convex: -log(mean p) <= mean(-log p).

# %%
answers = minigrad.stack([scores_of(member, test_x).softmax(1) for member in nets])
predictions[f"{members} networks"] = answers.mean(0)
each = [measures(p, test_y)["log loss"] for p in answers]
together = measures(answers.mean(0), test_y)
assert together["log loss"] <= sum(each) / members

table = {name: measures(p, test_y) for name, p in predictions.items()}
print(f"{'':20}" + "".join(f"{name:>19}" for name in table["one network"]))
for name, row in table.items():
    print(f"{name:20}" + "".join(f"{value:19.3f}" for value in row.values()))

if not options.quick:
    alone = table["one network"]
    assert alone["confidence"] > alone["accuracy"] + 0.02
    for name in list(table)[1:]:
        assert table[name]["log loss"] < alone["log loss"], name
        assert table[name]["calibration error"] < alone["calibration error"], name

# %% [markdown]
# ## Something else
#
# The network knows ten classes, and must choose one of them, whatever it is shown. We show it
# handwritten digits. A good doubt is one that is larger for these than for clothes. Two doubts:
#
# - the *entropy* of the mean answer, sum -p log p: it is large where the classes are alike;
# - the *disagreement* of the networks, the entropy of the mean less the mean of the entropies. It
#   is 0 where all of them say "a shirt or a coat, I cannot tell": that doubt is in the picture. It
#   is large where each is sure of something else: that doubt is in us.
#
# The *area under the curve* is the probability that a digit raises more doubt than a piece of
# clothing: 0.5 is chance, 1 is perfect.

# %%
def entropy(p):
    return -(p * (p + 1e-12).log()).sum(-1)


def doubts(images):
    """By name, an array each."""
    alone = scores_of(net, images).softmax(1)
    every = minigrad.stack([scores_of(member, images).softmax(1) for member in nets])
    of_mean, mean_of = entropy(every.mean(0)), entropy(every).mean(0)
    return {
        "one network, entropy": entropy(alone).numpy(),
        f"{members} networks, entropy": of_mean.numpy(),
        f"{members} networks, disagreement": (of_mean - mean_of).numpy(),
    }


def area(usual, strange):
    """The share of pairs in which the strange one has the larger value; by ranks, not by pairs."""
    values = np.concatenate([usual, strange])
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
    n = len(strange)
    return (ranks[len(usual) :].sum() - n * (n + 1) / 2) / (n * len(usual))


assert area(np.array([1.0, 2.0]), np.array([3.0, 1.5])) == 0.75
strange_x, _ = as_tensors(*datasets.digits(train=False))
of_clothes, of_digits = doubts(test_x), doubts(strange_x)
areas = {name: area(of_clothes[name], of_digits[name]) for name in of_clothes}
for name, value in areas.items():
    print(f"{name:30} area under the curve {value:.3f}")
if not options.quick:
    alone, _, disagreement = areas.values()
    assert disagreement > alone + 0.1

# %% [markdown]
# ## Be silent sometimes
#
# What is a doubt good for? One may leave the doubtful cases to somebody else. If the doubts are
# worth anything, what is left is right more often.

# %%
right = (predictions[f"{members} networks"].argmax(1) == test_y).numpy()
least_first = np.argsort(of_clothes[f"{members} networks, entropy"])
kept = np.arange(1, len(right) + 1)
accuracy_of_kept = right[least_first].cumsum() / kept
for share in (1.0, 0.9, 0.75, 0.5):
    print(f"answers {share:4.0%}: {accuracy_of_kept[int(share * len(kept)) - 1]:.1%} right")
assert accuracy_of_kept[len(kept) // 2] > accuracy_of_kept[-1]

# %% [markdown]
# ## Pictures
#
# How reliable each of the four is: points on the dotted line mean what they say. The doubts about
# clothes and about digits. And the mistakes of which the networks were most sure, above pictures of
# which they are least sure: some of the first are rather mistakes of the labels.

# %%
def draw_reliability(axes, name):
    confidence, accuracy, share = bins(predictions[name], test_y).T
    axes.plot([0, 1], [0, 1], ":", color="black")
    axes.bar(confidence, accuracy, 0.05, alpha=0.3)
    axes.scatter(confidence, accuracy, 10 + 400 * share)
    axes.set(title=name, xlabel="confidence", ylabel="accuracy", xlim=(0.2, 1.02), ylim=(0.2, 1.02))


def draw_doubts(axes, name):
    edges = np.linspace(0, max(of_clothes[name].max(), of_digits[name].max()), 40)
    for label, doubt in (("clothes", of_clothes[name]), ("digits", of_digits[name])):
        axes.hist(doubt, edges, density=True, alpha=0.5, label=label)
    axes.set(title=f"{name}: area {areas[name]:.3f}", xlabel="doubt", yscale="log")
    axes.legend()


def draw_pictures(figure):
    """Mistakes of which it was most sure, and pictures of which it is least sure."""
    p = predictions[f"{members} networks"]
    confidence, guess = (x.numpy() for x in p.max(1))
    wrong = np.flatnonzero(guess != test_y.numpy())
    sure = wrong[np.argsort(-confidence[wrong])][:10]
    unsure = least_first[::-1][:10]
    for row, chosen in zip(figure.subplots(2, 10), (sure, unsure), strict=True):
        for axes, i in zip(row, chosen.tolist(), strict=True):
            axes.imshow(test_x[i, 0].numpy(), cmap="gray_r")
            names = [datasets.FASHION_CLASSES[k] for k in (test_y[i].item(), guess[i])]
            axes.set_title(f"{names[0]}\n{names[1]}? {confidence[i]:.0%}", fontsize=8)
            axes.set_axis_off()


try:
    import matplotlib.pyplot as plt
except ModuleNotFoundError:
    print("no pictures: pip install matplotlib")
else:
    plt.switch_backend("Agg")
    figure, grid = plt.subplots(1, 4, figsize=(14, 3.8), layout="constrained")
    for axes, name in zip(grid, predictions, strict=True):
        draw_reliability(axes, name)
    figure.savefig(options.out / "sure-reliability.png", dpi=110)
    figure, grid = plt.subplots(1, 4, figsize=(17, 3.8), layout="constrained")
    for axes, name in zip(grid, areas, strict=False):
        draw_doubts(axes, name)
    grid[3].plot(kept / len(kept), accuracy_of_kept)
    grid[3].set(title="what is right of the least doubtful", xlabel="share that is answered")
    figure.savefig(options.out / "sure-doubts.png", dpi=110)
    figure = plt.figure(figsize=(14, 4.2), layout="constrained")
    draw_pictures(figure)
    figure.savefig(options.out / "sure-pictures.png", dpi=110)
    print(f"pictures are in {options.out}")

# %% [markdown]
# ## What to take along
#
# - A softmax gives numbers that sum to 1. Whether they are probabilities must be measured.
# - A network that was trained for long is too sure. One number, learnt on other data, mends most.
# - Several networks are better and know more of what they do not know; they cost as many times.
# - No remedy makes a network know what it has never been shown: look at the digits of which it is
#   sure.
#
# Try: `epochs` 5 and 100: how do the accuracy and the temperature change? Dropout of a half. Weight
# decay. Turn the clothes with `minigrad.transforms`, further and further: does the doubt grow?
