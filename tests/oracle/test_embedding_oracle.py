"""Embedding, EmbeddingBag, random activations and dropouts, parametrizations: as PyTorch's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from side_by_side import LIBRARIES, close, compare, compare_errors, compare_layers

torch = pytest.importorskip("torch")

X = np.array([[0, 4, 4], [2, 1, 0]])
BAGS = np.array([3, 0, 0, 4, 2, 2, 1])
OFFSETS = np.array([0, 3, 3, 5])


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding_idx": -1},
        {"max_norm": 1.0},
        {"max_norm": 0.7, "norm_type": 1.0},
        {"scale_grad_by_freq": True},
        {"scale_grad_by_freq": True, "padding_idx": 0},
    ],
)
def test_embedding(options):
    compare_layers("Embedding", (5, 3), options, X, second=False)


BAG_OPTIONS = [
    {"mode": "sum"},
    {"mode": "mean"},
    {"mode": "max"},
    {"mode": "sum", "padding_idx": 2},
    {"mode": "mean", "padding_idx": 0},
    {"mode": "max", "padding_idx": 4},
    {"mode": "mean", "max_norm": 0.8},
]


@pytest.mark.parametrize("options", BAG_OPTIONS)
def test_embedding_bag(options):
    compare_layers("EmbeddingBag", (5, 3), options, BAGS, OFFSETS, second=False)
    compare_layers("EmbeddingBag", (5, 3), options, X, second=False)
    last = np.append(OFFSETS, len(BAGS))
    more = options | {"include_last_offset": True}
    compare_layers("EmbeddingBag", (5, 3), more, BAGS, last, second=False)


def test_weighted_bags():
    def call(t, n, table, weights):
        bags = n.functional.embedding_bag
        offsets = t.tensor(OFFSETS)
        given = {"mode": "sum", "per_sample_weights": weights, "padding_idx": 2}
        return bags(t.tensor(BAGS), table, offsets, **given)

    compare(call, random(5, 3), random(7, seed=1), second=False)
    compare(
        lambda t, n, w, s: n.functional.embedding_bag(
            t.tensor(X), w, mode="sum", per_sample_weights=s
        ),
        random(5, 3),
        random(2, 3, seed=1),
        second=False,
    )


@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    mode=st.sampled_from(["sum", "mean", "max"]),
    seed=st.integers(0, 100),
)
def test_bags_of_any_sizes(sizes, mode, seed):
    numbers = np.random.default_rng(seed)
    index = numbers.integers(0, 6, size=sum(sizes))
    offsets = np.cumsum([0, *sizes[:-1]])

    def call(t, n, table):
        given = t.tensor(index, dtype=t.int64), table, t.tensor(offsets, dtype=t.int64)
        return n.functional.embedding_bag(*given, mode=mode)

    if sum(sizes):
        compare(call, random(6, 2, seed=seed), second=False)


ACTIVATIONS = [
    ("RReLU", (0.2, 0.2), {}, (4, 5)),
    ("Softmax2d", (), {}, (2, 3, 4, 5)),
    ("Softmax2d", (), {}, (3, 4, 5)),
    ("Dropout3d", (0.0,), {}, (2, 3, 2, 2, 2)),
    ("AlphaDropout", (0.0,), {}, (4, 5)),
    ("AlphaDropout", (1.0,), {}, (4, 5)),
    ("FeatureAlphaDropout", (0.0,), {}, (4, 5, 2)),
]


@pytest.mark.parametrize(("name", "args", "options", "shape"), ACTIVATIONS)
def test_activations(name, args, options, shape):
    compare_layers(name, args, options, random(*shape), second="Dropout" not in name)


def test_rrelu_in_evaluation():
    compare(lambda t, n, x: n.RReLU().eval()(x), random(4, 5))


def test_names_of_functions_in_place():
    names = "relu_ threshold_ hardtanh_ selu_ celu_ elu_ leaky_relu_ rrelu_".split()
    for name in names:
        args = (0.1, 0.5) if name == "threshold_" else ()

        def call(t, n, x, name=name, args=args):
            x = x * 1
            assert getattr(n.functional, name)(x, *args) is x
            return x

        compare(call, random(4, 5))


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("layer", [("Linear", 4, 3), ("Conv2d", 4, 3, 2)])
def test_weight_norm(layer, dim):
    name, *args = layer
    shape = (2, 4) if name == "Linear" else (2, 4, 5, 5)
    compare_parametrized("weight_norm", {"dim": dim}, name, args, shape)


@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3, "eps": 1e-3}, {"dim": 1}])
@pytest.mark.parametrize(
    "layer", [("Linear", 4, 3), ("Conv2d", 4, 3, 2), ("ConvTranspose1d", 4, 3, 2)]
)
def test_spectral_norm(layer, options):
    name, *args = layer
    shape = {"Linear": (2, 4), "Conv2d": (2, 4, 5, 5), "ConvTranspose1d": (2, 4, 5)}[name]
    compare_parametrized("spectral_norm", options, name, args, shape)


def test_spectral_norm_of_a_vector():
    compare_parametrized("spectral_norm", {"name": "bias"}, "Linear", (4, 3), (2, 4))


def compare_parametrized(norm, options, name, args, shape):
    layers = {}
    for _, n in LIBRARIES:
        make = getattr(n.utils.parametrizations, norm)
        layers[n] = make(getattr(n, name)(*args).double(), **options)
    ours, theirs = layers.values()
    state, state_t = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(state_t) and repr(ours) == repr(theirs)
    mini = LIBRARIES[0][0]
    ours.load_state_dict({key: mini.tensor(x.numpy()) for key, x in state_t.items()})
    for training in (True, True, False):
        for layer in layers.values():
            layer.train(training)
        compare(
            lambda t, n, x: layers[n](x),
            random(*shape),
            parameters=lambda n: layers[n].parameters(),
            second=False,  # PyTorch's are wrong for weight_norm: its own gradgradcheck says so
        )
    close(list(ours.state_dict().values()), list(theirs.state_dict().values()))


def exponential_of(module):
    class Exponential(module.Module):
        def forward(self, x):
            return x.exp()

        def right_inverse(self, y):
            return y.log()

    return Exponential()


def scale_of(module):
    class Scale(module.Module):
        def forward(self, x):
            return x * 2

    return Scale()


def test_parametrize():
    seen = []
    for t, n in LIBRARIES:
        layer, found = n.Linear(3, 2).double(), []
        parametrize = n.utils.parametrize
        with t.no_grad():
            layer.weight.copy_(t.tensor(np.abs(random(2, 3))))
        parametrize.register_parametrization(layer, "weight", exponential_of(n))
        found += [layer.weight, layer.parametrizations.weight.original]
        layer.weight = t.full((2, 3), 4.0, dtype=t.float64)
        found += [layer.weight, layer.parametrizations.weight.original]
        parametrize.register_parametrization(layer, "weight", scale_of(n))
        found += [layer.weight, layer.parametrizations.weight.original]
        texts = [repr(layer), list(layer.state_dict())]
        other = parametrize.register_parametrization(n.Linear(2, 3), "bias", scale_of(n))
        parametrize.remove_parametrizations(other, "bias", leave_parametrized=False)
        texts += [repr(other), list(other.state_dict()), type(other) is n.Linear]
        parametrize.remove_parametrizations(layer, "weight")
        found += [layer.weight]
        texts += [list(layer.state_dict()), parametrize.is_parametrized(layer)]
        seen.append((found, texts))
    close(seen[0][0], seen[1][0])
    assert seen[0][1] == seen[1][1]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda t, n: n.functional.embedding_bag(t.tensor([1, 2]), t.zeros(4, 3)),
        lambda t, n: n.functional.embedding_bag(
            t.tensor([[1, 2]]), t.zeros(4, 3), t.tensor([0])),
        lambda t, n: n.functional.embedding_bag(
            t.tensor([1, 2]), t.zeros(4, 3), t.tensor([[0]])),
        lambda t, n: n.functional.embedding_bag(t.tensor([1, 2]), t.zeros(4, 3), t.tensor([1])),
        lambda t, n: n.functional.embedding_bag(
            t.tensor([1, 2]), t.zeros(4, 3), t.tensor([0, 3])),
        lambda t, n: n.functional.embedding_bag(
            t.tensor([1, 2]), t.zeros(4, 3), t.tensor([0]), mode="prod"),
        lambda t, n: n.functional.embedding_bag(
            t.tensor([1, 2]), t.zeros(4, 3), t.tensor([0]), per_sample_weights=t.ones(2)),
        lambda t, n: n.functional.embedding_bag(
            t.tensor([1, 2]), t.zeros(4, 3), t.tensor([0]), mode="sum",
            per_sample_weights=t.ones(3)),
        lambda t, n: n.functional.embedding_bag(
            t.tensor([1, 2]), t.zeros(4, 3), t.tensor([0]), mode="max", scale_grad_by_freq=True),
        lambda t, n: n.functional.embedding_bag(t.tensor([[[1, 2]]]), t.zeros(4, 3)),
        lambda t, n: n.functional.embedding_bag(
            t.tensor([1.0, 2.0]), t.zeros(4, 3), t.tensor([0])),
        lambda t, n: n.EmbeddingBag(3, 2, padding_idx=5),
        lambda t, n: n.EmbeddingBag(3, 2, _weight=t.zeros(2, 2)),
        lambda t, n: n.EmbeddingBag.from_pretrained(t.zeros(2)),
        lambda t, n: n.Embedding(3, 2, _weight=t.zeros(2, 2)),
        lambda t, n: n.Softmax2d()(t.zeros(2, 3)),
        lambda t, n: n.AlphaDropout(2.0),
        lambda t, n: n.functional.alpha_dropout(t.zeros(2), 2.0),
        lambda t, n: n.functional.feature_alpha_dropout(t.zeros(2), 0.5, True),
        lambda t, n: n.functional.rrelu(t.zeros(2), 0.5, 0.2, True),
        lambda t, n: n.utils.parametrize.register_parametrization(
            n.Linear(2, 2), "other", n.Identity()),
        lambda t, n: n.utils.parametrize.register_parametrization(
            n.Linear(2, 2), "weight", n.Linear(2, 3)),
        lambda t, n: n.utils.parametrize.remove_parametrizations(n.Linear(2, 2), "weight"),
        lambda t, n: n.utils.parametrize.remove_parametrizations(
            n.utils.parametrizations.weight_norm(n.Linear(2, 2)), "weight", False),
        lambda t, n: setattr(
            n.utils.parametrizations.weight_norm(n.Linear(2, 2)), "weight",
            n.Parameter(t.zeros(2, 2))),
        lambda t, n: setattr(
            n.utils.parametrize.register_parametrization(n.Linear(2, 2), "weight", scale_of(n)),
            "weight", t.zeros(2, 2)),
        lambda t, n: n.utils.parametrizations.spectral_norm(n.Linear(2, 2), "other"),
        lambda t, n: n.utils.parametrizations.spectral_norm(
            n.Linear(2, 2), n_power_iterations=0),
        lambda t, n: n.utils.parametrizations.weight_norm(n.Linear(2, 2), "other"),
        lambda t, n: n.utils.parametrizations.weight_norm(n.Linear(2, 2)).__getstate__(),
    ],
)  # fmt: skip
def test_misuse_raises_the_same_type(misuse):
    compare_errors(misuse)


def test_norms_and_clipping():
    g = [random(3), random(2, 2, seed=1)]
    for norm_type in (1.0, 2.0, float("inf")):
        seen = []
        for t, n in LIBRARIES:
            ps = [n.Parameter(t.zeros(x.shape, dtype=t.float64)) for x in g]
            for p, x in zip(ps, g, strict=True):
                p.grad = t.tensor(x)
            norm = n.utils.get_total_norm([p.grad for p in ps], norm_type)
            n.utils.clip_grads_with_norm_(ps, 0.5, norm)
            seen.append([norm, *(p.grad for p in ps)])
        close(*seen)
