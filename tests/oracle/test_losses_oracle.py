"""The losses as PyTorch's: values for each reduction, gradients, second gradients, repr, errors.

Those that compare two tensors of one shape, and cross entropy, are in test_nn_oracle.py.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from side_by_side import LIBRARIES, close, compare, compare_errors, compare_layers

pytest.importorskip("torch")


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def signs(*shape, also=()):
    return np.random.default_rng(3).choice([-1, 1, *also], size=shape).astype(np.float64)


def labels(classes, *shape):
    return np.random.default_rng(4).integers(0, classes, size=shape)


X, Y, Z = random(4, 3), random(4, 3, seed=1), random(4, 3, seed=2)
LISTS = np.array([[3, 0, -1, 1, 0], [2, 2, 4, 1, -1], [-1, 1, 2, 3, 4], [0, 1, 2, 3, 4]])
LOSSES = [
    ("PoissonNLLLoss", {}, (X, np.abs(Y) * 3)),
    ("PoissonNLLLoss", {"log_input": False, "eps": 0.1}, (np.abs(X), np.abs(Y))),
    ("PoissonNLLLoss", {"full": True}, (X, np.abs(Y) * 3)),
    ("GaussianNLLLoss", {}, (X, Y, np.abs(Z))),
    ("GaussianNLLLoss", {"full": True, "eps": 0.5}, (X, Y, np.abs(Z))),
    ("GaussianNLLLoss", {}, (X, Y, np.abs(Z[:, 0]))),
    ("GaussianNLLLoss", {}, (X, Y, np.abs(Z[:1]))),
    ("HingeEmbeddingLoss", {"margin": 0.4}, (X, signs(4, 3, also=[0]))),
    ("MarginRankingLoss", {"margin": 0.3}, (X, Y, signs(4, 3))),
    ("CosineEmbeddingLoss", {"margin": 0.1}, (X, Y, signs(4, also=[0]))),
    ("CosineEmbeddingLoss", {}, (X[0], Y[0], np.float64(-1.0))),
    ("TripletMarginLoss", {}, (X, Y, Z)),
    ("TripletMarginLoss", {"margin": 2.0, "p": 3.0, "eps": 0.01, "swap": True}, (X, Y, Z)),
    ("TripletMarginWithDistanceLoss", {"margin": 0.7, "swap": True}, (X, Y, Z)),
    ("MultiLabelSoftMarginLoss", {}, (X * 9, (Y > 0).astype(float))),
    ("MultiLabelMarginLoss", {}, (random(4, 5), LISTS)),
    ("MultiLabelMarginLoss", {}, (random(5), LISTS[1])),
    ("MultiMarginLoss", {"margin": 0.7}, (random(4, 5), labels(5, 4))),
    ("MultiMarginLoss", {"p": 2}, (random(4, 5), labels(5, 4))),
    ("MultiMarginLoss", {}, (random(5), np.int64(2))),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options", "arrays"), LOSSES)
def test_losses(name, options, arrays, reduction):
    if name == "TripletMarginWithDistanceLoss":
        layers = {
            n: getattr(n, name)(distance_function=n.PairwiseDistance(1.0), **options)
            for _, n in LIBRARIES
        }
        compare(lambda t, n, *xs: layers[n](*xs), *arrays)
    # PyTorch has no second gradients of these.
    second = name not in ("MultiLabelMarginLoss", "MultiMarginLoss")
    compare_layers(name, (), options | {"reduction": reduction}, *arrays, second=second)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_soft_margin_loss(reduction):
    y = signs(4, 3)  # by which PyTorch has no gradient
    compare(lambda t, n, x: n.SoftMarginLoss(reduction=reduction)(x, t.tensor(y)), X * 9)


def test_losses_with_weights():
    w, y = np.abs(random(5)), labels(5, 4)

    def soft(t, n, x):
        return n.MultiLabelSoftMarginLoss(t.tensor(w))(x, t.tensor(random(4, 5, seed=1) > 0) * 1.0)

    def margin(t, n, x):
        return n.MultiMarginLoss(weight=t.tensor(w), reduction="none")(x, t.tensor(y))

    compare(soft, random(4, 5))
    compare(margin, random(4, 5), second=False)
    compare(lambda t, n, x, y: n.GaussianNLLLoss()(x, y, 0.7), X, Y)


# The gradient of PyTorch's CTC loss is right behind log_softmax only: see DIFFERENCES.md.
CTC = [
    {"input_lengths": [8, 8, 8], "target_lengths": [3, 3, 3]},
    {"input_lengths": [8, 5, 7], "target_lengths": [3, 1, 2]},
    {"input_lengths": [8, 0, 7], "target_lengths": [0, 0, 3]},
    {"input_lengths": [8, 6, 8], "target_lengths": [2, 3, 3], "blank": 4},
    {"input_lengths": [8, 8, 2], "target_lengths": [3, 2, 3], "zero_infinity": True},
    {"input_lengths": [8, 8, 2], "target_lengths": [3, 2, 3], "blank": 2},
]
TARGETS = np.array([[1, 1, 3], [3, 2, 2], [1, 3, 1]])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("options", CTC)
def test_ctc(options, flat, reduction):
    targets = TARGETS
    infinite = options["input_lengths"][-1] == 2 and not options.get("zero_infinity")
    if flat:
        sizes = options["target_lengths"]
        targets = np.concatenate([row[:n] for row, n in zip(TARGETS, sizes, strict=True)])

    def call(t, n, x):
        loss = n.functional.ctc_loss(x.log_softmax(2), t.tensor(targets), **given)
        return loss.detach() if infinite else loss

    given = options | {"reduction": reduction}
    compare(call, random(8, 3, 5), second=False)


@given(seed=st.integers(0, 10**6), frames=st.integers(1, 7), size=st.integers(0, 4))
def test_ctc_of_any_sequence(seed, frames, size):
    numbers = np.random.default_rng(seed)
    x, target = numbers.normal(size=(frames, 3)), numbers.integers(1, 3, size=size)

    def call(t, n, x):
        loss = n.CTCLoss(zero_infinity=True)
        lengths = t.tensor(frames), t.tensor(size)
        return loss(x.log_softmax(1), t.tensor(target, dtype=t.int64), *lengths)

    compare(call, x, second=False)


def test_adaptive_softmax():
    args, options = (8, 20, [4, 9]), {"div_value": 2.0, "head_bias": True}
    x, y = random(6, 8), np.array([0, 3, 4, 8, 9, 19])
    compare_layers("AdaptiveLogSoftmaxWithLoss", args, options, x, y)
    compare_layers("AdaptiveLogSoftmaxWithLoss", (8, 20, [9]), {}, x[0], np.int64(12))
    seen = []
    for t, n in LIBRARIES:
        layer = n.AdaptiveLogSoftmaxWithLoss(*args, **options).double()
        with t.no_grad():
            for i, p in enumerate(layer.parameters()):
                p.copy_(t.tensor(random(*p.shape, seed=i)))
        seen.append([layer.log_prob(t.tensor(x)), layer.predict(t.tensor(x))])
    close(*seen)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda t, n: n.PoissonNLLLoss(reduction="average")(t.zeros(2), t.zeros(2)),
        lambda t, n: n.functional.poisson_nll_loss(t.zeros(2), t.zeros(2), reduction="all"),
        lambda t, n: n.functional.gaussian_nll_loss(t.zeros(2), t.zeros(2), t.tensor([-1.0, 1.0])),
        lambda t, n: n.functional.gaussian_nll_loss(t.zeros(2, 3), t.zeros(2, 3), t.ones(4)),
        lambda t, n: n.functional.gaussian_nll_loss(t.zeros(2, 3), t.zeros(2, 3), t.ones(1, 1)),
        lambda t, n: n.functional.margin_ranking_loss(t.zeros(2), t.zeros(2, 1), t.ones(2)),
        lambda t, n: n.functional.cosine_embedding_loss(t.zeros(2), t.zeros(2), t.ones(2)),
        lambda t, n: n.functional.triplet_margin_loss(*[t.zeros(2, 2)] * 3, margin=0.0),
        lambda t, n: n.functional.triplet_margin_loss(*[t.zeros(2, 2)] * 2, t.zeros(2)),
        lambda t, n: n.TripletMarginLoss(margin=-1.0),
        lambda t, n: n.TripletMarginWithDistanceLoss(margin=0.0),
        lambda t, n: n.functional.multilabel_margin_loss(t.zeros(2, 3), t.zeros(2, 2).long()),
        lambda t, n: n.functional.multilabel_margin_loss(t.zeros(2, 3), t.zeros(2, 3)),
        lambda t, n: n.MultiMarginLoss(p=3),
        lambda t, n: n.MultiMarginLoss(weight=t.ones(2, 2)),
        lambda t, n: n.functional.multi_margin_loss(t.zeros(2, 3), t.zeros(3).long()),
        lambda t, n: n.functional.multi_margin_loss(
            t.zeros(2, 3), t.zeros(2).long(), weight=t.ones(2)),
        lambda t, n: n.AdaptiveLogSoftmaxWithLoss(4, 5, []),
        lambda t, n: n.AdaptiveLogSoftmaxWithLoss(4, 5, [3, 2]),
        lambda t, n: n.AdaptiveLogSoftmaxWithLoss(4, 5, [5]),
        lambda t, n: n.AdaptiveLogSoftmaxWithLoss(4, 5, [0, 2]),
        lambda t, n: n.AdaptiveLogSoftmaxWithLoss(4, 5, [2])(t.zeros(2, 4), t.tensor([1, 5])),
        lambda t, n: n.AdaptiveLogSoftmaxWithLoss(4, 5, [2])(t.zeros(2, 4), t.tensor([1, 2, 3])),
        lambda t, n: n.AdaptiveLogSoftmaxWithLoss(4, 5, [2])(t.zeros(2, 4), t.zeros(2, 2).long()),
        lambda t, n: n.CTCLoss()(t.zeros(5, 2, 3), t.ones(2, 2).long(), [5, 6], [2, 2]),
        lambda t, n: n.CTCLoss()(t.zeros(5, 2, 3), t.ones(2, 2).long(), [5, 5], [2, 3]),
        lambda t, n: n.CTCLoss()(t.zeros(5, 2, 3), t.ones(3).long(), [5, 5], [2, 2]),
        lambda t, n: n.CTCLoss()(t.zeros(5, 2, 3), t.ones(2, 2).long(), [5], [2, 2]),
        lambda t, n: n.CTCLoss()(t.zeros(5, 2, 3), t.ones(2, 2).long(), [5, -1], [2, 2]),
        lambda t, n: n.CTCLoss()(t.zeros(5, 2, 3), t.ones(2, 2).long(), [5, 5], [2, -1]),
        lambda t, n: n.CTCLoss(blank=3)(t.zeros(5, 2, 3), t.ones(2, 2).long(), [5, 5], [2, 2]),
        lambda t, n: n.functional.ctc_loss(
            t.zeros(5, 2, 3), t.ones(2, 2).long(), [5, 5], [2, 2], reduction="all"),
    ],
)  # fmt: skip
def test_misuse_raises_the_same_type(misuse):
    compare_errors(misuse)
