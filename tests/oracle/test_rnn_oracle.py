"""Recurrent layers, their cells and packed sequences agree with PyTorch: values, gradients of
everything, states, names, repr and errors.
"""

import itertools

import numpy as np
import pytest

import minigrad
from minigrad import nn
from minigrad.nn.utils import rnn

torch = pytest.importorskip("torch")
torch_rnn = torch.nn.utils.rnn

LIBRARIES = ((minigrad, nn, rnn), (torch, torch.nn, torch_rnn))
TOLERANCE = 1e-10


def close(ours, theirs, tolerance=TOLERANCE):
    if isinstance(ours, tuple | list):
        assert len(ours) == len(theirs)
        for x, y in zip(ours, theirs, strict=True):
            close(x, y, tolerance)
        return
    if ours is None or theirs is None:
        assert ours is theirs
        return
    found, expected = ours.detach().numpy(), theirs.detach().numpy()
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def modules(name, args, options, dtype="float64"):
    """Both, with PyTorch's weights; and the weights go back."""
    theirs = getattr(torch.nn, name)(*args, **options, dtype=getattr(torch, dtype))
    ours = getattr(nn, name)(*args, **options, dtype=getattr(minigrad, dtype))
    state = {key: minigrad.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    assert repr(ours) == repr(theirs)
    return ours, theirs


def leaves(*arrays):
    return [[t.tensor(a, requires_grad=True) for a in arrays] for t in (minigrad, torch)]


def compare(layers, inputs, run, seed=1, tolerance=TOLERANCE):
    """run(layer, rnn helpers, *inputs) -> tensors: equal values, and equal gradients of all."""
    results = []
    for (library, _, helpers), layer, leaf in zip(LIBRARIES, layers, inputs, strict=True):
        outs = run(layer, helpers, *leaf)
        random = np.random.default_rng(seed)
        weights = [random.normal(size=tuple(x.shape)) for x in outs]
        total = sum(
            (x * library.tensor(w, dtype=x.dtype)).sum() for x, w in zip(outs, weights, strict=True)
        )
        total.backward()
        results.append([*outs, *[x.grad for x in leaf], *[p.grad for p in layer.parameters()]])
    close(*results, tolerance)


def flat(out, hidden):
    return [out, *(hidden if isinstance(hidden, tuple) else (hidden,))]


OPTIONS = [
    {},
    {"bias": False},
    {"num_layers": 2},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True, "batch_first": True, "bias": False},
]
LAYERS = [
    ("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("LSTM", {"proj_size": 2}),
    ("GRU", {}),
]  # fmt: skip


def state_sizes(name, kind):
    """Of h, and for an LSTM of c."""
    return [kind.get("proj_size", 4), 4][: 1 + (name == "LSTM")]


@pytest.mark.parametrize(("name", "kind"), LAYERS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("batched", [True, False])
def test_layers(name, kind, options, given, batched):
    layers = modules(name, (3, 4), {**kind, **options})
    random = np.random.default_rng(0)
    count = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    arrays = [random.normal(size=(5, 2, 3) if batched else (5, 3))]
    if given:
        lead = (count, 2 if not options.get("batch_first") else 5) if batched else (count,)
        arrays += [random.normal(size=(*lead, size)) for size in state_sizes(name, kind)]

    def run(layer, _, x, *hx):
        return flat(*layer(x, *([hx] if len(hx) == 2 else hx)))

    compare(layers, leaves(*arrays), run)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_layers_in_float32_over_many_steps(name):
    layers = modules(name, (8, 16), {"num_layers": 2}, "float32")
    x = np.random.default_rng(0).normal(size=(50, 4, 8)).astype(np.float32)
    compare(layers, leaves(x), lambda layer, _, x: flat(*layer(x)), tolerance=2e-4)


@pytest.mark.parametrize(("name", "kind"), LAYERS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [[5, 3, 3, 1], [2, 5, 1, 5], [4, 4, 4, 4], [1, 1, 1, 1]])
@pytest.mark.parametrize("given", [False, True])
def test_packed_sequences(name, kind, bidirectional, lengths, given):
    layers = modules(name, (3, 4), {**kind, "bidirectional": bidirectional, "num_layers": 2})
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(5, 4, 3))]
    if given:
        lead = (2 + 2 * bidirectional, 4)
        arrays += [random.normal(size=(*lead, size)) for size in state_sizes(name, kind)]

    def run(layer, helpers, x, *hx):
        packed = helpers.pack_padded_sequence(x, lengths, enforce_sorted=False)
        out, hidden = layer(packed, *([hx] if len(hx) == 2 else hx))
        padded, sizes = helpers.pad_packed_sequence(out, total_length=6, padding_value=0.5)
        assert sizes.tolist() == lengths
        return flat(padded, hidden)

    compare(layers, leaves(*arrays), run)


CELLS = [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {})]


@pytest.mark.parametrize(("name", "kind"), CELLS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(2,), ()])
@pytest.mark.parametrize("given", [True, False])
def test_cells(name, kind, bias, batch, given):
    layers = modules(name, (3, 4), {**kind, "bias": bias})
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(*batch, 3))]
    if given:
        arrays += [random.normal(size=(*batch, 4)) for _ in range(1 + (name == "LSTMCell"))]

    def run(layer, _, x, *hx):
        out = layer(x, *([hx] if len(hx) == 2 else hx))
        return list(out) if isinstance(out, tuple) else [out]

    compare(layers, leaves(*arrays), run)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_second_gradients(name):
    layers = modules(name, (2, 3), {})
    (x,), (x_t,) = leaves(np.random.default_rng(0).normal(size=(4, 2, 2)))
    results = []
    for library, layer, leaf in zip((minigrad, torch), layers, (x, x_t), strict=True):
        out = layer(leaf)[0]
        (g,) = library.autograd.grad((out * out).sum(), leaf, create_graph=True)
        results.append(library.autograd.grad((g * g).sum(), [leaf, *layer.parameters()]))
    close(*results)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"])
def test_initial_weights_are_uniform(name):
    layer, theirs = (getattr(m, name)(64, 100) for m in (nn, torch.nn))
    for p, p_t in zip(layer.parameters(), theirs.parameters(), strict=True):
        assert p.detach().abs().max().item() <= 0.1
        assert p.detach().std().item() == pytest.approx(p_t.detach().std().item(), rel=0.2)


def test_dropout_is_between_layers_and_in_training_only():
    minigrad.manual_seed(0)
    layer = nn.LSTM(3, 50, 2, dropout=0.5)
    assert repr(layer) == repr(torch.nn.LSTM(3, 50, 2, dropout=0.5))
    x = minigrad.randn(4, 2, 3)
    first, second = layer(x)[1][0], layer(x)[1][0]
    assert (first[0] == second[0]).all() and (first[1] != second[1]).any()
    layer.eval()
    assert (layer(x)[0] == layer(x)[0]).all()
    layer.train().dropout = 1.0
    zero = nn.LSTM(3, 50, 2)
    zero.load_state_dict(layer.state_dict())
    zero.weight_ih_l1.data.zero_()
    np.testing.assert_allclose(layer(x)[0].tolist(), zero(x)[0].tolist(), rtol=1e-5, atol=1e-6)


def test_padding_and_packing():
    arrays = [np.arange(n * 2.0).reshape(n, 2) for n in (2, 4, 1)]
    for side, first in itertools.product(("left", "right"), (True, False)):
        ours, theirs = (
            helpers.pad_sequence([t.tensor(a) for a in arrays], first, 7.0, side)
            for t, _, helpers in LIBRARIES
        )
        close(ours, theirs)
    packed = [
        helpers.pack_sequence([t.tensor(a) for a in arrays], False) for t, _, helpers in LIBRARIES
    ]
    close(tuple(packed[0]), tuple(packed[1]))
    for sequence, array in zip(rnn.unpack_sequence(packed[0]), arrays, strict=True):
        assert sequence.tolist() == array.tolist()
    assert packed[0].float().data.dtype is minigrad.float32
    assert packed[0].to(minigrad.float32).data.dtype is minigrad.float32
    assert packed[0].to(minigrad.float64) is packed[0]



@pytest.mark.parametrize(
    "misuse",
    [
        lambda t, n, r: n.LSTM(3, 0),
        lambda t, n, r: n.LSTM(3, 4.0),
        lambda t, n, r: n.LSTM(3, 4, 0),
        lambda t, n, r: n.LSTM(3, 4, 2, dropout=1.5),
        lambda t, n, r: n.LSTM(3, 4, 2, dropout="a"),
        lambda t, n, r: n.LSTM(3, 4, proj_size=-1),
        lambda t, n, r: n.LSTM(3, 4, proj_size=4),
        lambda t, n, r: n.LSTM(3, 4, dropout=0.5),
        lambda t, n, r: n.RNN(3, 4, nonlinearity="gelu"),
        lambda t, n, r: n.GRU(3, 4)(t.zeros(2)),
        lambda t, n, r: n.GRU(3, 4)(t.zeros(1, 2, 3, 3)),
        lambda t, n, r: n.GRU(3, 4)(t.zeros(2, 5, 4)),
        lambda t, n, r: n.GRU(3, 4)(t.zeros(0, 5, 3)),
        lambda t, n, r: n.GRU(3, 4)(t.zeros(2, 5, 3), t.zeros(1, 2, 4)),
        lambda t, n, r: n.GRU(3, 4)(t.zeros(2, 5, 3), t.zeros(5, 4)),
        lambda t, n, r: n.LSTM(3, 4)(t.zeros(2, 5, 3), (t.zeros(1, 5, 4), t.zeros(1, 5, 3))),
        lambda t, n, r: n.RNN(3, 4)(t.zeros(2, 5, 3, dtype=t.float64)),
        lambda t, n, r: n.RNNCell(3, 4, nonlinearity="gelu")(t.zeros(2, 3)),
        lambda t, n, r: n.RNNCell(3, 4)(t.zeros(2, 2, 3)),
        lambda t, n, r: n.RNNCell(3, 4)(t.zeros(2, 4)),
        lambda t, n, r: n.GRUCell(3, 4)(t.zeros(2, 3), t.zeros(3, 4)),
        lambda t, n, r: n.GRUCell(3, 4)(t.zeros(2, 3), t.zeros(2, 5)),
        lambda t, n, r: n.GRUCell(3, 4)(t.zeros(2, 3), t.zeros(1, 2, 4)),
        lambda t, n, r: r.pack_padded_sequence(t.zeros(3, 2), [3, 2, 1]),
        lambda t, n, r: r.pack_padded_sequence(t.zeros(3, 2), [2, 3]),
        lambda t, n, r: r.pack_padded_sequence(t.zeros(3, 2), [3, 0]),
        lambda t, n, r: r.pad_packed_sequence(r.pack_sequence([t.zeros(3)]), total_length=2),
        lambda t, n, r: r.pad_sequence([t.zeros(2)], padding_side="top"),
        lambda t, n, r: r.pad_sequence(3),
        lambda t, n, r: r.pad_sequence([]),
        lambda t, n, r: r.PackedSequence(t.zeros(3)),
    ],
)
def test_misuse_raises_the_same_type(misuse):
    raised = []
    for library in LIBRARIES:
        with pytest.raises(Exception) as caught:
            misuse(*library)
        raised.append(caught.type)
    assert raised[0] is raised[1], caught.value


def test_a_length_beyond_the_padding_is_refused():
    with pytest.raises(RuntimeError, match="a length of 4 is more than the 3 steps"):
        rnn.pack_padded_sequence(minigrad.zeros(3, 2), [4, 1])
