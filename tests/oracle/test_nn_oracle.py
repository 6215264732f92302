"""Layers, functions and losses agree with PyTorch: values, gradients, state_dict keys, repr,
buffers.
"""

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn

torch = pytest.importorskip("torch")

LAYERS = [
    ("Linear", (4, 3), {}, (5, 4)),
    ("Linear", (4, 3), {"bias": False}, (2, 5, 4)),
    ("Identity", (), {}, (2, 3)),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, (2, 4, 9)),
    ("Conv2d", (3, 4, 3), {}, (2, 3, 8, 7)),
    ("Conv2d", (4, 6, (3, 2)), {"stride": 2, "padding": (1, 0), "groups": 2}, (2, 4, 8, 7)),
    ("Conv2d", (3, 4, 3), {"padding": "same", "dilation": 2, "bias": False}, (2, 3, 8, 7)),
    ("Conv2d", (3, 4, 3), {"padding": "valid"}, (3, 8, 7)),
    ("ConvTranspose2d", (3, 4, 3), {"stride": 2, "padding": 1, "output_padding": 1}, (2, 3, 5, 4)),
    ("ConvTranspose2d", (4, 6, 2), {"groups": 2, "dilation": 2, "bias": False}, (2, 4, 5, 4)),
    ("BatchNorm1d", (3,), {}, (5, 3)),
    ("BatchNorm1d", (3,), {"momentum": None, "eps": 1e-3}, (5, 3, 4)),
    ("BatchNorm2d", (3,), {"affine": False}, (4, 3, 2, 2)),
    ("BatchNorm2d", (3,), {"track_running_stats": False}, (4, 3, 2, 2)),
    ("LayerNorm", (4,), {}, (5, 4)),
    ("LayerNorm", ([3, 4],), {"bias": False}, (5, 3, 4)),
    ("LayerNorm", (4,), {"elementwise_affine": False, "eps": 1e-3}, (5, 4)),
    ("GroupNorm", (2, 6), {}, (3, 6, 4)),
    ("GroupNorm", (3, 6), {"affine": False, "eps": 0.1}, (3, 6)),
    ("GroupNorm", (1, 4), {"bias": False}, (2, 4, 3, 2)),
    ("InstanceNorm1d", (3,), {}, (2, 3, 4)),
    ("InstanceNorm1d", (3,), {"affine": True, "eps": 0.1}, (3, 4)),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (2, 3, 4, 2)),
    ("InstanceNorm2d", (3,), {"track_running_stats": True, "momentum": 0.7}, (3, 4, 2)),
    ("RMSNorm", (4,), {}, (5, 4)),
    ("RMSNorm", ([3, 4],), {"eps": 0.1}, (5, 3, 4)),
    ("RMSNorm", (4,), {"elementwise_affine": False}, (5, 4)),
    ("LocalResponseNorm", (3,), {"alpha": 0.5}, (2, 5, 3)),
    ("LocalResponseNorm", (2, 0.3, 0.6, 1.5), {}, (2, 5, 3, 2)),
    ("PixelShuffle", (2,), {}, (2, 8, 3, 2)),
    ("PixelUnshuffle", (3,), {}, (2, 3, 6)),
    ("MaxPool2d", (2,), {}, (2, 3, 7, 6)),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, (2, 3, 7, 6)),
    ("MaxPool2d", ((2, 3),), {"dilation": 2, "stride": 1}, (3, 7, 6)),
    ("AvgPool2d", (2,), {}, (2, 3, 7, 6)),
    ("AvgPool2d", (3, 2), {"padding": 1, "count_include_pad": False}, (2, 3, 7, 6)),
    ("AvgPool2d", (3, 2), {"ceil_mode": True, "divisor_override": 5}, (2, 3, 7, 6)),
    ("AdaptiveAvgPool2d", (1,), {}, (2, 3, 7, 6)),
    ("AdaptiveAvgPool2d", ((3, None),), {}, (2, 3, 7, 6)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Flatten", (0, 1), {}, (2, 3, 4)),
    ("Unflatten", (1, (2, 3)), {}, (2, 6)),
    ("ReLU", (), {}, (4, 5)),
    ("ReLU6", (), {}, (4, 5)),
    ("Hardtanh", (-0.5, 0.7), {}, (4, 5)),
    ("LeakyReLU", (0.2,), {}, (4, 5)),
    ("ELU", (1.5,), {}, (4, 5)),
    ("CELU", (1.5,), {}, (4, 5)),
    ("SELU", (), {}, (4, 5)),
    ("GELU", (), {}, (4, 5)),
    ("GELU", (), {"approximate": "tanh"}, (4, 5)),
    ("SiLU", (), {}, (4, 5)),
    ("Mish", (), {}, (4, 5)),
    ("Softplus", (2.0, 1.0), {}, (4, 5)),
    ("Softsign", (), {}, (4, 5)),
    ("Sigmoid", (), {}, (4, 5)),
    ("LogSigmoid", (), {}, (4, 5)),
    ("Tanh", (), {}, (4, 5)),
    ("Tanhshrink", (), {}, (4, 5)),
    ("Hardshrink", (0.3,), {}, (4, 5)),
    ("Softshrink", (0.3,), {}, (4, 5)),
    ("Hardsigmoid", (), {}, (4, 5)),
    ("Hardswish", (), {}, (4, 5)),
    ("Threshold", (0.1, 20.0), {}, (4, 5)),
    ("PReLU", (), {}, (4, 5)),
    ("PReLU", (3,), {"init": 0.1}, (4, 3, 2)),
    ("GLU", (1,), {}, (4, 6)),
    ("Softmax", (), {"dim": 1}, (4, 5)),
    ("LogSoftmax", (), {"dim": 0}, (4, 5)),
    ("Softmin", (), {"dim": -1}, (4, 5)),
    ("Dropout", (0.0,), {}, (4, 5)),
    ("Dropout1d", (0.0,), {}, (4, 5, 2)),
    ("Dropout2d", (0.0,), {}, (4, 5, 2, 2)),
]


def case_name(value):
    return value if isinstance(value, str) else ""


TOLERANCE = 1e-9
SIXTHS = 1e-7  # PyTorch rounds the slope of hardsigmoid, 1 / 6, to a float32


def close(ours, theirs, tolerance=TOLERANCE):
    found = ours.detach().numpy()
    expected = theirs.detach().numpy()
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def both(array, requires_grad=True):
    ours = minigrad.tensor(array, requires_grad=requires_grad)
    return ours, torch.tensor(array, requires_grad=requires_grad)


def with_equal_state(name, args, options):
    theirs = getattr(torch.nn, name)(*args, **options).double()
    ours = getattr(nn, name)(*args, **options).double()
    state = {key: minigrad.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS, ids=case_name)
def test_layers(name, args, options, shape):
    ours, theirs = with_equal_state(name, args, options)
    assert repr(ours) == repr(theirs)
    random = np.random.default_rng(0)
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        x, x_t = both(random.normal(size=shape))
        out, out_t = ours(x), theirs(x_t)
        close(out, out_t)
        g = random.normal(size=tuple(out.shape))
        out.backward(minigrad.tensor(g))
        out_t.backward(torch.tensor(g))
        close(x.grad, x_t.grad, SIXTHS if name == "Hardsigmoid" else TOLERANCE)
    for p, p_t in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad, p_t.grad)
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key], value)


EDGES = [-7.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 7.0, 30.0, -30.0, 100.0, -100.0]
ACTIVATIONS = (
    "relu relu6 hardtanh leaky_relu elu celu selu gelu silu mish softplus softsign logsigmoid "
    "sigmoid tanh "
    "tanhshrink hardshrink softshrink hardsigmoid"
).split()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_where_they_bend_and_far_out(name):
    x, x_t = both(np.array(EDGES))
    out = getattr(nn.functional, name)(x)
    out_t = getattr(torch.nn.functional, name)(x_t)
    close(out, out_t)
    out.sum().backward()
    out_t.sum().backward()
    close(x.grad, x_t.grad, SIXTHS if name == "hardsigmoid" else TOLERANCE)


def test_embedding():
    weight = np.random.default_rng(0).normal(size=(5, 3))
    index = np.array([[0, 4, 4], [2, 1, 0]])
    results = []
    for library, module in ((minigrad, nn), (torch, torch.nn)):
        layer = module.Embedding.from_pretrained(
            library.tensor(weight), freeze=False, padding_idx=-1
        )
        out = layer(library.tensor(index))
        (out * out).sum().backward()
        results += [out, layer.weight.grad]
        text = repr(module.Embedding(5, 3, padding_idx=2))
    close(results[0], results[2])
    close(results[1], results[3])
    assert repr(nn.Embedding(5, 3, padding_idx=2)) == text


LOSSES = [
    ("MSELoss", {}, "any"),
    ("L1Loss", {}, "any"),
    ("SmoothL1Loss", {"beta": 0.7}, "any"),
    ("SmoothL1Loss", {"beta": 0.0}, "any"),
    ("HuberLoss", {"delta": 0.7}, "any"),
    ("BCELoss", {}, "probabilities"),
    ("BCEWithLogitsLoss", {}, "target probabilities"),
    ("KLDivLoss", {}, "target probabilities"),
    ("KLDivLoss", {"log_target": True}, "any"),
]


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize(("name", "options", "domain"), LOSSES)
@given(seed=st.integers(0, 100), reduction=st.sampled_from(["mean", "sum", "none"]))
def test_losses(name, options, domain, seed, reduction):
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 4, size=random.integers(0, 3)))
    x, y = random.normal(size=(2, *shape))
    if domain == "probabilities":
        x = 1 / (1 + np.exp(-x))
    if domain.endswith("probabilities"):
        y = np.clip(y, 0, 1)
    (ours, theirs), (target, target_t) = both(x), both(y, domain == "any")
    loss = getattr(nn, name)(reduction=reduction, **options)
    loss_t = getattr(torch.nn, name)(reduction=reduction, **options)
    assert repr(loss) == repr(loss_t)
    out, out_t = loss(ours, target), loss_t(theirs, target_t)
    close(out, out_t)
    out.sum().backward()
    out_t.sum().backward()
    close(ours.grad, theirs.grad)
    if domain == "any":
        close(target.grad, target_t.grad)


@given(
    seed=st.integers(0, 100),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    smoothing=st.sampled_from([0.0, 0.2]),
    weighted=st.booleans(),
)
def test_classification_losses(seed, reduction, smoothing, weighted):
    random = np.random.default_rng(seed)
    n, classes = random.integers(1, 5), random.integers(2, 5)
    x = random.normal(size=(n, classes))
    labels = random.integers(0, classes, size=n)
    labels[0] = -100 if seed % 3 == 0 and n > 1 else labels[0]
    weight = random.uniform(0.5, 2.0, size=classes) if weighted else None
    for name, options in (("CrossEntropyLoss", {"label_smoothing": smoothing}), ("NLLLoss", {})):
        ours, theirs = both(x)
        results = []
        for library, module, logits in ((minigrad, nn, ours), (torch, torch.nn, theirs)):
            w = None if weight is None else library.tensor(weight)
            loss = getattr(module, name)(w, reduction=reduction, **options)
            results.append(loss(logits, library.tensor(labels)))
            results[-1].sum().backward()
        close(*results)
        close(ours.grad, theirs.grad)


def test_losses_with_weights():
    random = np.random.default_rng(0)
    x, y, w = random.normal(size=(3, 4, 2))
    y, w = np.clip(y, 0, 1), np.abs(w)
    (ours, theirs), (target, target_t), (weight, weight_t) = both(x), both(y, False), both(w, False)
    loss = nn.BCEWithLogitsLoss(weight, pos_weight=weight[0])(ours, target)
    loss_t = torch.nn.BCEWithLogitsLoss(weight_t, pos_weight=weight_t[0])(theirs, target_t)
    close(loss, loss_t)
    loss = nn.BCELoss(weight)(ours.sigmoid(), target)
    close(loss, torch.nn.BCELoss(weight_t)(theirs.sigmoid(), target_t))
    for reduction in ("batchmean", "sum"):
        loss = nn.functional.kl_div(ours, target, reduction=reduction)
        close(loss, torch.nn.functional.kl_div(theirs, target_t, reduction=reduction))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("normalize", {}),
        ("normalize", {"p": 1.0, "dim": 0}),
        ("glu", {"dim": 0}),
        ("pad", {"pad": (1, 2, 0, 1), "value": 0.5}),
        ("pad", {"pad": (-1, 1)}),
        ("threshold", {"threshold": 0.2, "value": -1.0}),
    ],
)
def test_functions(name, arguments):
    x, x_t = both(np.random.default_rng(0).normal(size=(4, 3)))
    out = getattr(nn.functional, name)(x, **arguments)
    out_t = getattr(torch.nn.functional, name)(x_t, **arguments)
    close(out, out_t)
    (out * out).sum().backward()
    (out_t * out_t).sum().backward()
    close(x.grad, x_t.grad)


def test_cosine_similarity():
    random = np.random.default_rng(0)
    (x, x_t), (y, y_t) = both(random.normal(size=(4, 3))), both(random.normal(size=(4, 3)))
    close(nn.functional.cosine_similarity(x, y), torch.nn.functional.cosine_similarity(x_t, y_t))


def model(module):
    class Net(module.Module):
        def __init__(self):
            super().__init__()
            self.features = module.Sequential(
                module.Conv2d(1, 4, 3), module.BatchNorm2d(4), module.ReLU(inplace=True)
            )
            self.blocks = module.ModuleList([module.Linear(4, 4) for _ in range(3)])
            self.heads = module.ModuleDict({"a": module.Linear(4, 2), "b": module.Linear(4, 2)})
            self.register_buffer("offset", None)
            self.tied = self.blocks[1]

    return Net()


def test_a_tree_of_modules_has_the_same_names_and_repr():
    ours, theirs = model(nn), model(torch.nn)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for walk in ("named_modules", "named_children", "named_parameters", "named_buffers"):
        names = [name for name, _ in getattr(ours, walk)()]
        assert names == [name for name, _ in getattr(theirs, walk)()]
    duplicates = [name for name, _ in ours.named_parameters("p", remove_duplicate=False)]
    assert duplicates == [n for n, _ in theirs.named_parameters("p", remove_duplicate=False)]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda m: m.features(3),
        lambda m: setattr(m, "tied", 3),
        lambda m: m.register_buffer("blocks", None),
        lambda m: m.register_parameter("a.b", None),
        lambda m: m.add_module("", None),
        lambda m: m.add_module("x", 3),
        lambda m: m.get_submodule("blocks.9"),
        lambda m: m.get_parameter("offset"),
        lambda m: m.missing,
        lambda m: delattr(m, "missing"),
        lambda m: m.blocks[3],
        lambda m: m.heads["c"],
        lambda m: m.load_state_dict({}),
        lambda m: m.load_state_dict([]),
        lambda m: m.train("yes"),
        lambda m: m(1),
    ],
)
def test_misuse_raises_the_same_type(misuse):
    raised = []
    for module in (nn, torch.nn):
        with pytest.raises(Exception) as caught:
            misuse(model(module))
        raised.append(caught.type)
    assert raised[0] is raised[1]


@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "tanh", "sigmoid", "selu", "linear", "conv2d"]
)
def test_gains(name):
    assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "ConvTranspose2d", "Embedding"])
def test_initial_weights_have_the_same_spread(name):
    args = (64, 32) if name in ("Linear", "Embedding") else (32, 32, 3)
    minigrad.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    for p, p_t in zip(ours.parameters(), theirs.parameters(), strict=True):
        found, expected = p.detach().numpy(), p_t.detach().numpy()
        tolerance = 4 / np.sqrt(expected.size)
        assert found.std() == pytest.approx(expected.std(), rel=tolerance)
        assert np.abs(found).max() == pytest.approx(np.abs(expected).max(), rel=0.4)


def test_clip_grad_norm():
    random = np.random.default_rng(0)
    for norm_type in (1.0, 2.0, np.inf):
        ours = [nn.Parameter(minigrad.zeros(3, dtype=minigrad.float64)) for _ in range(2)]
        theirs = [torch.nn.Parameter(torch.zeros(3, dtype=torch.float64)) for _ in range(2)]
        for p, p_t in zip(ours, theirs, strict=True):
            g = random.normal(size=3)
            p.grad, p_t.grad = minigrad.tensor(g), torch.tensor(g)
        norm = nn.utils.clip_grad_norm_(ours, 0.5, norm_type)
        close(norm, torch.nn.utils.clip_grad_norm_(theirs, 0.5, norm_type))
        for p, p_t in zip(ours, theirs, strict=True):
            close(p.grad, p_t.grad)


def pair_module(module):
    class Pair(module.Module):
        def forward(self, x, y, scale):
            return x * y * scale, y + 1

    return Pair()


@pytest.mark.parametrize("used", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("needs", [(True, True), (True, False), (False, True)])
def test_full_backward_hooks(used, needs):
    seen = []
    for library, module in ((minigrad, nn), (torch, torch.nn)):
        layer, calls = pair_module(module), []
        layer.register_full_backward_pre_hook(lambda m, go: calls.append(("pre", go)))  # noqa: B023
        layer.register_full_backward_hook(lambda m, gi, go: calls.append((gi, go)))  # noqa: B023
        x = library.tensor([1.0, 2.0], requires_grad=needs[0])
        y = library.tensor([3.0, 5.0], requires_grad=needs[1])
        outs = layer(x, y, 2.0)
        total = sum((outs[i] * outs[i]).sum() for i in used)
        if total.requires_grad:
            (total + (x * y).sum()).backward()
        grads = [t.grad for t in (x, y)]
        seen.append(plain([calls, grads]))
    assert seen[0] == seen[1]


def plain(value):
    if isinstance(value, list | tuple):
        return [plain(x) for x in value]
    return value.tolist() if hasattr(value, "tolist") else value


PAIRS = [
    ("Bilinear", (3, 4, 5), {}, (2, 6, 3), (2, 6, 4)),
    ("Bilinear", (3, 4, 5), {"bias": False}, (3,), (4,)),
    ("CosineSimilarity", (), {}, (4, 3), (4, 3)),
    ("CosineSimilarity", (0,), {"eps": 0.5}, (4, 3), (4, 3)),
    ("PairwiseDistance", (), {}, (4, 3), (4, 3)),
    ("PairwiseDistance", (1.0,), {"keepdim": True, "eps": 0.1}, (4, 3), (3,)),
]


@pytest.mark.parametrize(("name", "args", "options", "shape", "other"), PAIRS, ids=case_name)
def test_layers_of_two_inputs(name, args, options, shape, other):
    ours, theirs = with_equal_state(name, args, options)
    assert repr(ours) == repr(theirs)
    random = np.random.default_rng(0)
    (x, x_t), (y, y_t) = both(random.normal(size=shape)), both(random.normal(size=other))
    out, out_t = ours(x, y), theirs(x_t, y_t)
    close(out, out_t)
    (out * out).sum().backward()
    (out_t * out_t).sum().backward()
    close(x.grad, x_t.grad)
    close(y.grad, y_t.grad)
    for p, p_t in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad, p_t.grad)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda t, n: n.GroupNorm(2, 3),
        lambda t, n: n.functional.group_norm(t.zeros(2, 3), 2),
        lambda t, n: n.functional.group_norm(t.zeros(2, 4), 2, t.zeros(3)),
        lambda t, n: n.InstanceNorm1d(3)(t.zeros(3)),
        lambda t, n: n.InstanceNorm1d(3, affine=True)(t.zeros(2, 4, 5)),
        lambda t, n: n.InstanceNorm1d(3)(t.zeros(2, 3, 1)),
        lambda t, n: n.RMSNorm(3)(t.zeros(2, 4)),
        lambda t, n: n.LocalResponseNorm(3)(t.zeros(2, 4)),
        lambda t, n: n.Bilinear(0, 1, 2),
        lambda t, n: n.Bilinear(2, 3, 4)(t.zeros(5, 2), t.zeros(5, 2)),
        lambda t, n: n.PixelShuffle(2)(t.zeros(3, 2, 2)),
        lambda t, n: n.PixelUnshuffle(2)(t.zeros(1, 3, 2)),
    ],
)
def test_misuse_of_layers_raises_the_same_type(misuse):
    raised = []
    for library, module in ((minigrad, nn), (torch, torch.nn)):
        with pytest.raises(Exception) as caught:
            misuse(library, module)
        raised.append(caught.type)
    assert raised[0] is raised[1], caught.value


@pytest.mark.parametrize("persistent", [True, False])
def test_a_buffer_that_is_assigned(persistent):
    for t, n in ((minigrad, nn), (torch, torch.nn)):
        layer = n.Module()
        layer.kept = n.Buffer(t.tensor([1.0, 2.0]), persistent=persistent)
        assert [name for name, _ in layer.named_buffers()] == ["kept"]
        assert list(layer.state_dict()) == ["kept"] * persistent
        assert isinstance(layer.kept, n.Buffer) and not layer.kept.requires_grad
        copy = deepcopy(layer)
        assert list(copy.state_dict()) == ["kept"] * persistent
        copy.kept = t.tensor([3.0])
        assert copy.get_buffer("kept").tolist() == [3.0]
        assert layer.double().kept.dtype == t.float64
        with pytest.raises(AttributeError, match=r"cannot assign buffer.* before Module"):
            n.Module.__new__(n.Module).kept = n.Buffer()


def _stateful_program(m):
    """Everything a module can say about its state: what is saved, loaded, and called, in order."""
    calls = []

    class Counted(m.nn.Module):
        _version = 2

        def __init__(self):
            super().__init__()
            self.weight = m.nn.Parameter(m.zeros(2))
            self.register_buffer("scale", m.ones(1))

        def get_extra_state(self):
            return {"n": 5}

        def set_extra_state(self, state):
            calls.append(("extra", dict(state)))

        def _save_to_state_dict(self, destination, prefix, keep_vars):
            calls.append(("save", prefix, keep_vars))
            super()._save_to_state_dict(destination, prefix, keep_vars)

        def _load_from_state_dict(self, state, prefix, metadata, strict, missing, unexpected, bad):
            calls.append(("load", sorted(state), prefix, metadata.get("version"), strict))
            super()._load_from_state_dict(
                state, prefix, metadata, strict, missing, unexpected, bad
            )
            missing.append("by hand")

    net = m.nn.Sequential(Counted(), m.nn.ModuleDict({"a": m.nn.Linear(2, 2), "b": Counted()}))
    net[0].register_state_dict_pre_hook(lambda *args: calls.append(("pre save", *args[1:])))
    net.register_state_dict_post_hook(lambda *args: calls.append(("post save", *args[2:])))
    net[1].register_load_state_dict_pre_hook(
        lambda module, state, prefix, *rest: calls.append(("pre load", sorted(state), prefix))
    )
    net.register_load_state_dict_post_hook(
        lambda module, keys: calls.append(("post load", list(keys.missing_keys)))
    )
    state = net.state_dict()
    state["1.a._extra_state"] = state["strange"] = state["1.c.w"] = m.ones(1)
    del state["1.b.weight"], state["0._extra_state"]
    found = net.load_state_dict(state, strict=False)
    keys = (list(found.missing_keys), list(found.unexpected_keys))
    return calls, keys, list(state), [dict(v) for v in state._metadata.values()]


def test_the_state_protocol():
    assert _stateful_program(minigrad) == _stateful_program(torch)


@pytest.mark.parametrize("fails", ["", "pre", "forward", "hook", "always"])
def test_forward_hooks_that_are_always_called(fails):
    def program(m):
        calls = []

        class Net(m.nn.Module):
            def forward(self, x):
                if fails == "forward":
                    raise KeyError(fails)
                return x + 1

        def hook(name, factor=None):
            def called(module, args, *rest):
                out = rest[-1] if name != "pre" else None
                calls.append((name, args[0].tolist(), None if out is None else out.tolist()))
                if name == fails:
                    raise KeyError(fails)
                return None if factor is None or out is None else out * factor

            return called

        net = Net()
        net.register_forward_pre_hook(hook("pre"))
        net.register_forward_hook(hook("first", 2), always_call=True)
        net.register_forward_hook(hook("hook"))
        net.register_forward_hook(hook("last", 3), always_call=True, with_kwargs=True)
        net.register_forward_hook(hook("always"), always_call=True)
        try:
            calls.append(net(m.ones(1)).tolist())
        except KeyError as error:
            calls.append(error.args)
        return calls

    assert program(minigrad) == program(torch)


def test_an_error_of_a_hook_hides_no_other():
    def program(m):
        net = m.nn.Linear(1, 1)
        net.register_forward_hook(lambda *args: 1 / 0, always_call=True)
        with pytest.warns(UserWarning, match="silenced"), pytest.raises(RuntimeError):
            net(m.ones(3, 7))

    program(torch)
    program(minigrad)
