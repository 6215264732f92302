"""Multi-head attention and the Transformer agree with PyTorch: values, gradients of everything,
names, repr and errors.
"""

import numpy as np
import pytest

import minigrad
from minigrad import nn

torch = pytest.importorskip("torch")

TOLERANCE = 1e-9


def close(ours, theirs):
    if ours is None or theirs is None:
        assert ours is theirs
        return
    found, expected = ours.detach().numpy(), theirs.detach().numpy()
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


def modules(name, args, options):
    """Both in float64 with PyTorch's weights, none of them 0; and the weights go back."""
    theirs = getattr(torch.nn, name)(*args, **options, dtype=torch.float64)
    ours = getattr(nn, name)(*args, **options, dtype=minigrad.float64)
    random = np.random.default_rng(0)
    for p in theirs.parameters():
        p.data += torch.tensor(random.normal(size=p.shape) * 0.3)
    state = {key: minigrad.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    assert repr(ours) == repr(theirs)
    return ours, theirs


def compare(layers, arrays, run):
    """run(library, layer, *inputs) -> outputs: equal values, equal gradients of everything."""
    results = []
    for library, layer in zip((minigrad, torch), layers, strict=True):
        inputs = [library.tensor(a, requires_grad=True) for a in arrays]
        outs = run(library, layer, *inputs)
        random = np.random.default_rng(1)
        total = 0
        for out in outs:
            if out is not None:
                total = total + (out * library.tensor(random.normal(size=tuple(out.shape)))).sum()
        total.backward()
        results.append([*outs, *[x.grad for x in inputs], *[p.grad for p in layer.parameters()]])
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs)


def numbers(*shapes):
    random = np.random.default_rng(2)
    return [random.normal(size=shape) for shape in shapes]


HIDDEN = np.array([[0, 0, 0, 0, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]], bool)  # (N, S)
PAIRS = np.array(np.random.default_rng(3).random((4, 5)) < 0.3) & (np.arange(5) > 0)  # (L, S)
BY_HEAD = np.random.default_rng(4).normal(size=(6, 4, 5))
KINDS = [
    {},
    {"bias": False},
    {"kdim": 7, "vdim": 8},
    {"kdim": 7, "vdim": 8, "batch_first": True},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
]
MASKS = [
    {},
    {"attn_mask": PAIRS},
    {"attn_mask": BY_HEAD},
    {"key_padding_mask": HIDDEN},
    {"key_padding_mask": HIDDEN, "attn_mask": BY_HEAD},
]


@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("masks", MASKS, ids=lambda m: "-".join(m))
@pytest.mark.parametrize(
    "weights", [{}, {"average_attn_weights": False}, {"need_weights": False}], ids=str
)
def test_attention(kind, masks, weights):
    layers = modules("MultiheadAttention", (6, 2), kind)
    shapes = (4, 3, 6), (5, 3, kind.get("kdim", 6)), (5, 3, kind.get("vdim", 6))
    if kind.get("batch_first"):
        shapes = [(n, size, e) for size, n, e in shapes]

    def run(library, layer, *inputs):
        given = {name: library.tensor(mask) for name, mask in masks.items()}
        return layer(*inputs, **given, **weights)

    compare(layers, numbers(*shapes), run)


@pytest.mark.parametrize("masks", [{}, {"attn_mask": PAIRS}, {"key_padding_mask": HIDDEN[0]}])
@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_attention_without_a_batch(masks, weights, first):
    layers = modules("MultiheadAttention", (6, 2), {"batch_first": first})

    def run(library, layer, *inputs):
        given = {name: library.tensor(mask) for name, mask in masks.items()}
        return layer(*inputs, **given, need_weights=weights)

    compare(layers, numbers((4, 6), (5, 6), (5, 6)), run)


@pytest.mark.parametrize("kind", [{}, {"add_zero_attn": True}, {"add_bias_kv": True}], ids=str)
@pytest.mark.parametrize("weights", [True, False])
def test_attention_to_itself_with_a_causal_mask(kind, weights):
    layers = modules("MultiheadAttention", (6, 2), kind)

    def run(library, layer, x):
        mask = library.ones(5, 5, dtype=library.bool).triu(1)
        hint = not kind  # with more keys than the mask has, PyTorch's hint gives another result
        return layer(x, x, x, attn_mask=mask, need_weights=weights, is_causal=hint)

    compare(layers, numbers((5, 3, 6)), run)


OPTIONS = [
    {},
    {"norm_first": True, "batch_first": True},
    {"activation": "gelu", "bias": False},
    {"layer_norm_eps": 0.1},
]


def causal(library, size):
    return library.ones(size, size, dtype=library.bool).triu(1)


@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_transformer(options, masked):
    layers = modules("Transformer", (6, 2, 2, 2, 10), {"dropout": 0.0, **options})
    shapes = [(5, 3, 6), (4, 3, 6)]
    if options.get("batch_first"):
        shapes = [(3, 5, 6), (3, 4, 6)]

    def run(library, layer, src, tgt):
        if not masked:
            return [layer(src, tgt)]
        hidden = library.tensor(HIDDEN)
        return [
            layer(
                src, tgt, src_key_padding_mask=hidden, memory_key_padding_mask=hidden,
                tgt_mask=causal(library, 4), memory_mask=library.tensor(PAIRS),
                tgt_key_padding_mask=hidden[:, :4],
            ),
            layer.encoder(src, causal(library, 5)),
        ]  # fmt: skip

    compare(layers, numbers(*shapes), run)


def test_layers_without_a_batch_and_an_activation_module():
    for name in ("TransformerEncoderLayer", "TransformerDecoderLayer"):
        layers = [
            getattr(m, name)(6, 2, 10, 0.0, m.GELU(), dtype=t.float64)
            for t, m in ((minigrad, nn), (torch, torch.nn))
        ]
        assert repr(layers[0]) == repr(layers[1])
        state = layers[1].state_dict()
        layers[0].load_state_dict({k: minigrad.tensor(v.numpy()) for k, v in state.items()})
        arrays = numbers((4, 6), (5, 6))[: 1 + ("Decoder" in name)]
        compare(layers, arrays, lambda _, layer, *inputs: [layer(*inputs)])


def test_initial_weights():
    ours, theirs = (m.MultiheadAttention(64, 4, kdim=32, add_bias_kv=True) for m in (nn, torch.nn))
    for (name, p), p_t in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        found, expected = p.detach().numpy(), p_t.detach().numpy()
        assert found.std() == pytest.approx(expected.std(), rel=0.4), name
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == torch.nn.Transformer.generate_square_subsequent_mask(3).tolist()


def test_dropout_is_in_training_only():
    layer = nn.TransformerEncoderLayer(6, 2, 10, dropout=0.5)
    x = minigrad.randn(4, 3, 6)
    assert (layer(x) != layer(x)).any()
    layer.eval()
    assert (layer(x) == layer(x)).all()


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize(
    "misuse",
    [
        lambda t, n: n.MultiheadAttention(0, 2),
        lambda t, n: n.MultiheadAttention(5, 2),
        lambda t, n: n.MultiheadAttention(6, 2)(*[t.zeros(4)] * 3),
        lambda t, n: n.MultiheadAttention(6, 2)(t.zeros(4, 3, 6), *[t.zeros(4, 6)] * 2),
        lambda t, n: n.MultiheadAttention(6, 2)(*[t.zeros(4, 3, 5)] * 3),
        lambda t, n: n.MultiheadAttention(6, 2)(*[t.zeros(4, 3, 6)] * 3, is_causal=True),
        lambda t, n: n.MultiheadAttention(6, 2)(*[t.zeros(4, 3, 6)] * 3, attn_mask=t.zeros(3, 3)),
        lambda t, n: n.MultiheadAttention(6, 2)(*[t.zeros(4, 3, 6)] * 3, t.zeros(2, 4)),
        lambda t, n: n.MultiheadAttention(6, 2)(
            *[t.zeros(4, 3, 6)] * 3, attn_mask=t.zeros(4, 4, dtype=t.int64)
        ),
        lambda t, n: n.TransformerEncoderLayer(6, 2, activation="tanh"),
        lambda t, n: n.Transformer(6, 2, 1, 1, 8)(t.zeros(4, 3, 6), t.zeros(4, 2, 6)),
        lambda t, n: n.Transformer(6, 2, 1, 1, 8)(t.zeros(4, 3, 5), t.zeros(4, 3, 5)),
    ],
)
def test_misuse_raises_the_same_type(misuse):
    raised = []
    for library, module in ((minigrad, nn), (torch, torch.nn)):
        with pytest.raises(Exception) as caught:
            misuse(library, module)
        raised.append(caught.type)
    assert raised[0] is raised[1], caught.value
