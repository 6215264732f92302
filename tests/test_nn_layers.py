"""Layers, functional, losses: shapes, formulas in NumPy, errors. tests/oracle compares them with
PyTorch.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn
from minigrad.nn import functional as F


def numbers(*shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return minigrad.from_numpy(values), values


def check(x, expected, tolerance=1e-5):
    np.testing.assert_allclose(x.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


def test_linear():
    layer = nn.Linear(3, 2)
    x, x_np = numbers(4, 5, 3)
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    check(layer(x), x_np @ w.T + b)
    bound = 1 / math.sqrt(3)
    assert float(layer.weight.detach().abs().max()) <= bound
    assert float(layer.bias.detach().abs().max()) <= bound
    assert nn.Linear(3, 2, bias=False).bias is None
    assert nn.Linear(3, 2, dtype=minigrad.float64).weight.dtype == minigrad.float64


def test_a_shape_error_of_linear_is_a_runtime_error_with_both_shapes():
    with pytest.raises(RuntimeError) as caught:
        nn.Linear(10, 3)(minigrad.zeros(2, 12))
    assert "12" in str(caught.value) and "10" in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "in_shape", "out_shape"),
    [
        (nn.Conv1d(2, 4, 3, stride=2, padding=1), (5, 2, 9), (5, 4, 5)),
        (nn.Conv2d(2, 4, 3), (5, 2, 9, 8), (5, 4, 7, 6)),
        (nn.Conv2d(2, 4, (3, 5), padding=(1, 2), groups=2), (5, 2, 9, 8), (5, 4, 9, 8)),
        (nn.Conv2d(2, 4, 3, padding="same", dilation=2), (2, 9, 8), (4, 9, 8)),
        (nn.ConvTranspose2d(2, 4, 3, stride=2, output_padding=1), (5, 2, 4, 4), (5, 4, 10, 10)),
        (nn.MaxPool2d(2), (5, 2, 9, 8), (5, 2, 4, 4)),
        (nn.AvgPool2d(3, stride=1, padding=1), (5, 2, 9, 8), (5, 2, 9, 8)),
        (nn.AdaptiveAvgPool2d((None, 2)), (5, 2, 9, 8), (5, 2, 9, 2)),
        (nn.BatchNorm1d(2), (5, 2, 9), (5, 2, 9)),
        (nn.BatchNorm2d(2), (5, 2, 9, 8), (5, 2, 9, 8)),
        (nn.LayerNorm([9, 8]), (5, 2, 9, 8), (5, 2, 9, 8)),
        (nn.Flatten(), (5, 2, 9), (5, 18)),
        (nn.Unflatten(1, (3, 6)), (5, 18), (5, 3, 6)),
        (nn.PReLU(2), (5, 2, 9), (5, 2, 9)),
        (nn.GLU(), (5, 8), (5, 4)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_shapes(layer, in_shape, out_shape):
    out = layer(numbers(*in_shape)[0].requires_grad_())
    assert tuple(out.shape) == out_shape
    out.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_conv_transpose_output_size():
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2)
    assert tuple(layer(minigrad.zeros(1, 1, 4, 4), output_size=(9, 10)).shape) == (1, 1, 9, 10)
    with pytest.raises(ValueError, match="valid sizes range"):
        layer(minigrad.zeros(1, 1, 4, 4), output_size=(9, 11))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), ValueError),
        (lambda: nn.Conv2d(4, 4, (3, 3, 3)), ValueError),
        (lambda: nn.Conv2d(4, 4, 3, padding="full"), ValueError),
        (lambda: nn.Conv2d(4, 4, 3, padding="same", stride=2), ValueError),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="mirror"), ValueError),
        (lambda: nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"), ValueError),
        (lambda: nn.ReflectionPad2d((1, 2)), ValueError),
        (lambda: nn.Dropout(1.5), ValueError),
        (lambda: nn.Embedding(3, 2, padding_idx=3), AssertionError),
        (lambda: nn.MSELoss(reduction="average"), ValueError),
        (lambda: nn.Unflatten(1, (2.0, 3)), TypeError),
        (lambda: nn.BatchNorm2d(3)(minigrad.zeros(2, 3)), ValueError),
        (lambda: nn.BatchNorm1d(3)(minigrad.zeros(1, 3)), ValueError),
        (lambda: F.pad(minigrad.zeros(2, 2), (1,)), RuntimeError),
        (lambda: F.dropout2d(minigrad.zeros(2, 2)), RuntimeError),
        (lambda: F.glu(minigrad.zeros(3)), RuntimeError),
        (lambda: F.softshrink(minigrad.zeros(3), -1.0), RuntimeError),
        (lambda: F.prelu(minigrad.zeros(2, 3), minigrad.zeros(2)), RuntimeError),
        (lambda: F.huber_loss(minigrad.zeros(2), minigrad.zeros(2), delta=0.0), RuntimeError),
    ],
)
def test_bad_arguments(make, error):
    with pytest.raises(error):
        make()


def test_batch_norm_keeps_running_statistics():
    layer = nn.BatchNorm1d(2)
    x, x_np = numbers(6, 2)
    check(layer(x), (x_np - x_np.mean(0)) / np.sqrt(x_np.var(0) + 1e-5))
    check(layer.running_mean, 0.1 * x_np.mean(0))
    check(layer.running_var, 0.9 + 0.1 * x_np.var(0, ddof=1))
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    mean, var = layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()
    check(layer(x), (x_np - mean) / np.sqrt(var + 1e-5))
    check(layer.running_mean, mean)
    layer.reset_running_stats()
    assert layer.num_batches_tracked.item() == 0 and layer.running_var.tolist() == [1.0, 1.0]


def test_batch_norm_with_plain_averages_and_without_statistics():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = [numbers(6, 2, seed=seed) for seed in range(3)]
    for x, _ in batches:
        layer(x)
    check(layer.running_mean, np.mean([x_np.mean(0) for _, x_np in batches], axis=0))
    bare = nn.BatchNorm1d(2, affine=False, track_running_stats=False).eval()
    x, x_np = batches[0]
    check(bare(x), (x_np - x_np.mean(0)) / np.sqrt(x_np.var(0) + 1e-5))
    assert list(bare.state_dict()) == []


def test_layer_norm_without_weight_or_bias():
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert list(nn.LayerNorm(3, elementwise_affine=False).state_dict()) == []
    x, x_np = numbers(4, 3)
    expected = (x_np - x_np.mean(-1, keepdims=True)) / np.sqrt(x_np.var(-1, keepdims=True) + 1e-5)
    check(nn.LayerNorm(3)(x), expected)


def test_embedding():
    table = nn.Embedding(5, 3, padding_idx=-1)
    assert table.padding_idx == 4 and table.weight[4].tolist() == [0.0, 0.0, 0.0]
    out = table(minigrad.tensor([[0, 4], [0, 2]]))
    assert tuple(out.shape) == (2, 2, 3)
    out.sum().backward()
    assert table.weight.grad[:, 0].tolist() == [2.0, 0.0, 1.0, 0.0, 0.0]
    with pytest.raises(IndexError):
        table(minigrad.tensor([5]))
    frozen = nn.Embedding.from_pretrained(minigrad.ones(2, 2))
    assert not frozen.weight.requires_grad


def test_dropout_drops_in_training_only():
    minigrad.manual_seed(0)
    x = minigrad.ones(1000)
    out = nn.Dropout(0.25)(x).numpy()
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / 0.75)}
    assert 150 < (out == 0).sum() < 350
    assert (nn.Dropout(0.25).eval()(x) == x).all()
    channels = nn.Dropout2d(0.5)(minigrad.ones(8, 8, 3, 3)).numpy().reshape(64, 9)
    assert (channels == channels[:, :1]).all() and 0 < (channels[:, 0] == 0).sum() < 64
    assert tuple(nn.Dropout1d(0.5)(minigrad.ones(4, 3)).shape) == (4, 3)


# Losses


@pytest.mark.parametrize(
    "loss",
    [
        F.mse_loss,
        F.l1_loss,
        F.smooth_l1_loss,
        F.huber_loss,
        F.kl_div,
        F.binary_cross_entropy,
        F.binary_cross_entropy_with_logits,
    ],
)
def test_losses_refuse_shapes_that_differ(loss):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\).*target.reshape\(4, 1\)"):
        loss(minigrad.full((4, 1), 0.5), minigrad.full((4,), 0.5))
    with pytest.raises(TypeError, match="target must be a Tensor"):
        loss(minigrad.full((4, 1), 0.5), 1.0)


def test_losses_broadcast_when_asked():
    x, y = minigrad.zeros(3, 1), minigrad.tensor([1.0, 2.0])
    assert F.mse_loss(x, y, broadcast=True).item() == pytest.approx(2.5)
    assert nn.L1Loss(reduction="sum", broadcast=True)(x, y).item() == pytest.approx(9.0)


def test_reductions():
    x, x_np = numbers(3, 2)
    y, y_np = numbers(3, 2, seed=1)
    check(F.mse_loss(x, y), ((x_np - y_np) ** 2).mean())
    check(F.mse_loss(x, y, reduction="sum"), ((x_np - y_np) ** 2).sum())
    check(F.mse_loss(x, y, reduction="none"), (x_np - y_np) ** 2)
    with pytest.raises(ValueError, match="reduction"):
        F.mse_loss(x, y, reduction="average")
    p, q = np.full((2, 4), 0.25), np.array([[0.5, 0.5, 0.0, 0.0]] * 2)
    divergence = F.kl_div(minigrad.tensor(np.log(p)), minigrad.tensor(q), reduction="batchmean")
    assert divergence.item() == pytest.approx(math.log(2))


def test_binary_cross_entropy_at_the_ends():
    p = minigrad.tensor([0.0, 0.0, 1.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(p, minigrad.tensor([0.0, 1.0, 0.0, 1.0]), reduction="none")
    assert loss.tolist() == [0.0, 100.0, 100.0, 0.0]
    loss.sum().backward()
    assert bool(p.grad.isfinite().all())
    for bad in (1.5, -0.5, math.nan):
        with pytest.raises(RuntimeError, match="between 0 and 1"):
            F.binary_cross_entropy(minigrad.tensor([bad]), minigrad.tensor([1.0]))


def test_logits_far_out():
    x = minigrad.tensor([-1000.0, 1000.0], requires_grad=True)
    loss = nn.BCEWithLogitsLoss(reduction="none")(x, minigrad.tensor([1.0, 1.0]))
    assert loss.tolist() == [1000.0, 0.0]
    loss.sum().backward()
    assert x.grad.tolist() == [-1.0, 0.0]
    assert F.logsigmoid(x).tolist() == [-1000.0, 0.0]


def test_losses_as_modules_hold_their_weights_as_buffers():
    loss = nn.CrossEntropyLoss(minigrad.tensor([1.0, 2.0]))
    assert list(loss.state_dict()) == ["weight"]
    value = loss(minigrad.zeros(2, 2), minigrad.tensor([0, 1]))
    assert value.item() == pytest.approx(math.log(2))
    assert list(nn.NLLLoss().state_dict()) == []
    got = nn.NLLLoss()(minigrad.tensor([[-1.0, -2.0]]), minigrad.tensor([1]))
    assert got.item() == 2.0


# Activations


@pytest.mark.parametrize(
    "layer", [nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Hardsigmoid, nn.SELU, nn.CELU]
)
def test_in_place_activations_write_over_their_input(layer):
    x, x_np = numbers(5)
    expected = layer()(minigrad.tensor(x_np)).numpy()
    assert layer(inplace=True)(x) is x
    check(x, expected)


def test_normalize_and_cosine_similarity():
    x, x_np = numbers(3, 4)
    check(F.normalize(x), x_np / np.linalg.norm(x_np, axis=1, keepdims=True))
    assert F.normalize(minigrad.zeros(1, 2)).tolist() == [[0.0, 0.0]]
    check(F.cosine_similarity(x, x * 3), np.ones(3))


def test_pad_and_crop():
    x = minigrad.arange(6.0).reshape(2, 3)
    assert F.pad(x, (1, 0, 0, 1), value=9.0).tolist() == [
        [9.0, 0.0, 1.0, 2.0],
        [9.0, 3.0, 4.0, 5.0],
        [9.0, 9.0, 9.0, 9.0],
    ]
    assert F.pad(x, (-1, -1)).tolist() == [[1.0], [4.0]]
    with pytest.raises(NotImplementedError, match="mirror"):
        F.pad(x, (1, 1), mode="mirror")


@pytest.mark.parametrize(
    ("mode", "name"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.integers(0, 4))
def test_padding_is_numpys(mode, name, rows, columns, low, high):
    most = {"reflect": columns - 1, "circular": columns}.get(mode, 9)
    x, x_np = numbers(rows, columns)
    if max(low, high) > most:
        with pytest.raises(RuntimeError, match=f"at most {most}"):
            F.pad(x, (low, high), mode)
    else:
        check(F.pad(x, (low, high), mode), np.pad(x_np, ((0, 0), (low, high)), name))


@given(st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(1, 3))
def test_fold_is_the_adjoint_of_unfold(k, gap, low, step):
    x, _ = numbers(2, 3, 6, 7)
    columns = F.unfold(x, (k, 2), gap, low, step)
    g, _ = numbers(*columns.shape, seed=1)
    folded = F.fold(g, (6, 7), (k, 2), gap, low, step)
    check((x * folded).sum(), (columns * g).sum().numpy())


def test_unpooling_puts_the_maxima_back():
    x, x_np = numbers(2, 3, 6, 8)
    values, places = F.max_pool2d(x, 2, return_indices=True)
    out = F.max_unpool2d(values, places, 2)
    is_largest = np.isin(x_np, values.numpy())
    check(out, np.where(is_largest, x_np, 0))


@pytest.mark.parametrize(
    ("module", "name", "nearest"),
    [
        (nn, "Conv4d", "Conv3d"),
        (F, "conv4d", "conv3d"),
        (minigrad.optim, "SparseAdagrad", "Adagrad"),
        (minigrad.utils.data, "StackedDataset", "StackDataset"),
    ],
)
def test_names_of_pytorch_that_are_not_there_yet(module, name, nearest):
    with pytest.raises(AttributeError, match=f"'{name}'.*{nearest}"):
        getattr(module, name)


@pytest.mark.parametrize(
    "layer",
    [
        nn.ReLU, nn.ReLU6, nn.SELU, nn.CELU, nn.ELU, nn.LeakyReLU, nn.SiLU, nn.Mish, nn.Hardtanh,
        nn.Hardsigmoid, nn.Hardswish, lambda inplace: nn.Threshold(0.1, -1.0, inplace),
        lambda inplace: nn.Dropout(0.5, inplace), lambda inplace: nn.Dropout2d(0.5, inplace),
        lambda inplace: nn.Dropout1d(1.0, inplace),
    ],
)  # fmt: skip
def test_inplace_activations_have_the_same_gradient(layer):
    found = []
    for inplace in (False, True):
        minigrad.manual_seed(0)
        x = minigrad.linspace(-4, 4, 48).reshape(2, 3, 8).requires_grad_()
        before = x * 1
        out = layer(inplace=inplace)(before)
        assert (out is before) is inplace
        (out * out).sum().backward()
        found.append((out.tolist(), x.grad.tolist()))
    assert found[0] == found[1]


def test_ctc_loss_of_halves_and_under_vmap():
    """float16 has no number for what cannot be; examples under vmap are those of a batch."""
    x = minigrad.tensor(np.random.default_rng(0).normal(size=(6, 3, 4)), dtype=minigrad.float32)
    targets = minigrad.tensor([[1, 2], [3, 3], [2, 1]])
    expected = F.ctc_loss(x.log_softmax(2), targets, [6, 2, 5], [2, 2, 1], reduction="none")
    assert expected.isinf().tolist() == [False, True, False]
    half = x.half().requires_grad_()
    found = F.ctc_loss(half.log_softmax(2), targets, [6, 2, 5], [2, 2, 1], reduction="none")
    assert found.dtype is minigrad.float16 and found.isinf().tolist() == [False, True, False]
    check(found.float()[::2], expected[::2].numpy(), 1e-2)
    found[::2].sum().backward()
    assert half.grad.isfinite().all() and not half.grad[:, 1].any() and half.grad[:, 0].any()

    def loss(x):
        return F.ctc_loss(x.log_softmax(1), targets[0], [6], [2], reduction="sum")

    each = minigrad.func.vmap(loss)(x.transpose(0, 1))
    together = F.ctc_loss(x.log_softmax(2), targets[:1].expand(3, 2), [6] * 3, [2] * 3,
                          reduction="none")  # fmt: skip
    check(each, together.numpy())
