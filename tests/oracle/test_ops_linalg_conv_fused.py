"""Contractions, convolution, pooling and the fused ops against PyTorch: values, types, first and
second gradients, errors.
"""

import math

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


def strided(*shape):
    """An array that is permuted and has gaps in memory."""
    return RNG.standard_normal((*shape[::-1], 2))[..., 0].T


def labels(*shape, classes=5):
    return RNG.integers(0, classes, shape)


def torch_tensor(a):
    return torch.tensor(a.copy()) if isinstance(a, np.ndarray) else a


def mini_tensor(a):
    return minigrad.from_numpy(a) if isinstance(a, np.ndarray) else a


def close(mine, theirs, rtol=1e-9, atol=1e-11):
    mine, theirs = np.asarray(mine.detach().numpy()), theirs.detach().numpy()
    assert mine.dtype == theirs.dtype
    assert mine.shape == theirs.shape
    np.testing.assert_allclose(mine, theirs, rtol, atol)


def derive(library, make, function, arrays, kwargs, weights):
    """The result, the gradients by all float arrays, and the gradients of a weighted sum of these
    gradients.
    """
    args = [make(a) for a in arrays]
    inputs = [x.requires_grad_() for x in args if hasattr(x, "dtype") and x.dtype.is_floating_point]
    out = function(*args, **kwargs)
    first = library.autograd.grad(
        out, inputs, make(weights[0](out.shape)), create_graph=True, allow_unused=True
    )
    found = [g for g in first if g is not None]
    total = sum((g * make(weights[1](g.shape))).sum() for g in found)
    second = (None,) * len(inputs)
    if total.requires_grad:
        second = library.autograd.grad(total, inputs, allow_unused=True)
    return out, first, second


def weight_of(seed):
    def weight(shape):
        return np.random.default_rng(seed).standard_normal(tuple(shape))

    return weight


def compare(name, mine, theirs, arrays, kwargs=None):
    """One op in both libraries, in float64; in float32 its value and type; without changing its
    inputs.
    """
    kwargs = kwargs or {}
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in arrays]
    weights = weight_of(1), weight_of(2)
    found = derive(minigrad, mini_tensor, mine, arrays, kwargs, weights)
    expected = derive(torch, torch_tensor, theirs, arrays, kwargs, weights)
    close(found[0], expected[0])
    for kind, mine_g, torch_g in zip(("first", "second"), found[1:], expected[1:], strict=True):
        for i, (a, b) in enumerate(zip(mine_g, torch_g, strict=True)):
            if a is None or b is None:  # one library may say None where the other says zeros
                given = a if b is None else b
                assert given is None or not np.any(given.detach().numpy()), (name, kind, i)
            else:
                close(a, b, 1e-7, 1e-9)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)
    single = [
        a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == float else a
        for a in arrays
    ]
    close(
        mine(*map(mini_tensor, single), **kwargs),
        theirs(*map(torch_tensor, single), **kwargs),
        2e-5,
        2e-5,
    )


# -- contractions

MATMUL = [
    [(3,), (3,)], [(3,), (3, 4)], [(2, 3), (3,)], [(2, 3), (3, 4)], [(5, 2, 3), (3, 4)],
    [(2, 3), (5, 3, 4)],
    [(5, 2, 3), (5, 3, 4)], [(6, 1, 2, 3), (5, 3, 4)], [(1, 2, 3), (5, 3, 4)], [(3,), (5, 3, 4)],
    [(5, 2, 3), (3,)],
    [(5, 2, 2, 3), (3,)], [(0, 3), (3, 4)], [(2, 0), (0, 4)], [(5, 0, 3), (3, 4)],
    [(0, 2, 3), (0, 3, 4)], [(0,), (0,)],
]  # fmt: skip


@pytest.mark.parametrize("shapes", MATMUL, ids=str)
@pytest.mark.parametrize("layout", [normal, strided])
def test_matmul(shapes, layout):
    arrays = [layout(*shape) for shape in shapes]
    compare("matmul", minigrad.matmul, torch.matmul, arrays)


@pytest.mark.parametrize(
    "name, shapes",
    [("mm", [(2, 3), (3, 4)]), ("bmm", [(5, 2, 3), (5, 3, 4)]), ("mv", [(2, 3), (3,)]),
     ("dot", [(3,), (3,)]),
     ("outer", [(3,), (4,)]), ("addmm", [(4,), (2, 3), (3, 4)]),
     ("baddbmm", [(1, 4), (5, 2, 3), (5, 3, 4)])],
)  # fmt: skip
def test_named_products(name, shapes):
    compare(
        name, getattr(minigrad, name), getattr(torch, name), [normal(*shape) for shape in shapes]
    )


def test_addmm_factors():
    compare(
        "addmm",
        minigrad.addmm,
        torch.addmm,
        [normal(2, 4), normal(2, 3), normal(3, 4)],
        {"beta": 0.5, "alpha": -2},
    )


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_integer_products(dtype):
    x, y = (RNG.integers(0, 9, shape).astype(dtype) for shape in ((2, 3), (3, 4)))
    close(mini_tensor(x) @ mini_tensor(y), torch_tensor(x) @ torch_tensor(y))


@pytest.mark.parametrize("x", [(3,), (2, 3), (4, 2, 3), (0, 3), (4, 0, 3)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [normal, strided])
def test_linear(x, bias, layout):
    arrays = [layout(*x), layout(4, 3)] + [layout(4)] * bias
    compare("linear", minigrad.linear, F.linear, arrays)


def test_linear_with_a_vector_for_weight():
    compare("linear", minigrad.linear, F.linear, [normal(2, 3), normal(3)])


EINSUM = [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]), ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ii", [(3, 3)]), ("ii->i", [(3, 3)]), ("iij->j", [(3, 3, 2)]), ("iji->ij", [(3, 2, 3)]),
    ("iii->i", [(3, 3, 3)]),
    ("i,j", [(2,), (3,)]), ("i,i", [(3,), (3,)]), ("i,i->i", [(3,), (3,)]), ("ba", [(2, 3)]),
    ("ab,ab->a", [(2, 3), (2, 3)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]), ("...ij,...jk", [(6, 1, 2, 3), (5, 3, 4)]),
    ("...i->...", [(2, 3)]),
    ("i...->i", [(2, 3, 4)]), ("...->", [(2, 3)]), ("b...d,d->b...", [(2, 3, 4), (4,)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]), ("bqhd,bkhd->bhqk",
     [(2, 4, 3, 5), (2, 6, 3, 5)]),
    ("ij,ij->", [(2, 3), (2, 3)]), ("ij,kl->jl", [(2, 3), (4, 5)]),
    ("bi,bo->bio", [(2, 3), (2, 4)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]), ("bi,bi->bi", [(1, 3), (2, 3)]),
    ("a,b,c->cab", [(2,), (3,), (4,)]), (" i j , j -> i", [(2, 3), (3,)]),
    ("nlk,kij,nlk->nij", [(2, 3, 4), (4, 2, 2), (2, 3, 4)]), ("ij,jk->ik", [(0, 3), (3, 4)]),
    ("ij,jk->ik", [(2, 0), (0, 4)]),
    ("Ab,bC", [(2, 3), (3, 4)]), ("ii,i->i", [(3, 3), (3,)]), (",i->i", [(), (3,)]), ("->", [()]),
    ("...,...", [(2, 3), (3,)]),
]  # fmt: skip


@pytest.mark.parametrize("equation, shapes", EINSUM, ids=str)
def test_einsum(equation, shapes):
    arrays = [normal(*shape) for shape in shapes]
    arrays = [np.asarray(a) for a in arrays]
    compare(
        equation,
        lambda *xs: minigrad.einsum(equation, *xs),
        lambda *xs: torch.einsum(equation, *xs),
        arrays,
    )


def test_einsum_forms():
    arrays = [normal(2, 3, 4), normal(4, 5)]
    x, y = map(mini_tensor, arrays)
    expected = torch.einsum("...k,kl->...l", *map(torch_tensor, arrays))
    close(minigrad.einsum("...k,kl->...l", [x, y]), expected)
    close(minigrad.einsum(x, [..., 0], y, [0, 1], [..., 1]), expected)
    close(
        minigrad.einsum(x, [2, 1, 0], y, [0, 30]),
        torch.einsum(*sum(zip(map(torch_tensor, arrays), [[2, 1, 0], [0, 30]], strict=True), ())),
    )


@pytest.mark.parametrize(
    "shapes, dims",
    [([(2, 3, 4), (3, 4, 5)], 2), ([(2, 3), (4, 5)], 0), ([(2, 3), (2, 3)], 2),
     ([(2, 3, 4), (4, 5, 2)], ([0, 2], [2, 0])),
     ([(2, 3), (3, 4)], ([-1], [0])), ([(2, 3), (3,)], 1), ([(2, 1), (3, 4)], 1)],
    ids=str,
)  # fmt: skip
def test_tensordot(shapes, dims):
    arrays = [normal(*shape) for shape in shapes]
    compare("tensordot", minigrad.tensordot, torch.tensordot, arrays, {"dims": dims})


# -- convolution

CONV = [
    ((2, 3, 7, 6), (4, 3, 3, 2), {}), ((2, 3, 7, 6), (4, 3, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 4, 7, 6), (6, 2, 3, 3), {"groups": 2, "padding": (2, 1), "stride": (1, 3)}),
    ((2, 3, 9, 8), (4, 3, 3, 2), {"dilation": (2, 3), "padding": 2, "stride": 2}),
    ((3, 7, 6), (4, 3, 3, 3), {"padding": "valid"}),
    ((2, 3, 7, 6), (4, 3, 4, 3), {"padding": "same", "dilation": (1, 2)}),
    ((2, 4, 5, 5), (4, 1, 3, 3), {"groups": 4}),
    ((2, 3, 5, 5), (4, 3, 1, 1), {}), ((2, 3, 5, 5), (4, 3, 1, 1), {"stride": 2}),
    ((1, 3, 5, 5), (2, 3, 5, 5), {}),
    ((0, 3, 5, 5), (4, 3, 3, 3), {"padding": 1}), ((2, 1, 8, 8), (3, 1, 2, 2), {"stride": 3}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("x, w, kwargs", CONV, ids=str)
def test_conv2d(x, w, kwargs):
    arrays = [normal(*x), normal(*w), normal(w[0])]
    compare("conv2d", minigrad.conv2d, F.conv2d, arrays, kwargs)


def test_conv_without_bias_on_strided_memory():
    compare("conv2d", minigrad.conv2d, F.conv2d, [strided(2, 3, 7, 6), strided(4, 3, 3, 2)])


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": "same"}, {"groups": 2}],
    ids=str,
)
def test_conv1d(kwargs):
    groups = kwargs.get("groups", 1)
    arrays = [normal(2, 4, 9), normal(6, 4 // groups, 3), normal(6)]
    compare("conv1d", minigrad.conv1d, F.conv1d, arrays, kwargs)


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"stride": 2}, {"stride": 2, "padding": 1, "output_padding": 1},
     {"stride": (2, 3), "output_padding": (0, 2)},
     {"dilation": 2, "output_padding": 1}, {"groups": 2, "stride": 2, "padding": 1},
     {"dilation": (1, 3), "padding": (1, 2), "output_padding": (0, 2)}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("batch", [(2,), ()])
def test_conv_transpose2d(kwargs, batch):
    groups = kwargs.get("groups", 1)
    arrays = [normal(*batch, 4, 4, 3), normal(4, 6 // groups, 3, 2), normal(6)]
    compare("conv_transpose2d", minigrad.conv_transpose2d, F.conv_transpose2d, arrays, kwargs)


def test_conv_transpose1d():
    arrays = [normal(2, 4, 5), normal(4, 3, 3), normal(3)]
    kwargs = {"stride": 2, "padding": 1, "output_padding": 1}
    compare("conv_transpose1d", minigrad.conv_transpose1d, F.conv_transpose1d, arrays, kwargs)


# -- pooling

MAX_POOL = [
    ((2, 3, 6, 7), 2, {}), ((2, 3, 7, 7), 3, {"stride": 2, "padding": 1}), ((3, 6, 7), (2, 3), {}),
    ((2, 3, 7, 8), 3, {"stride": 2, "ceil_mode": True}),
    ((2, 3, 9, 9), 2, {"dilation": 3, "padding": 1}),
    ((2, 3, 5, 5), 3, {"stride": 1}), ((2, 3, 7, 7), 2, {"ceil_mode": True, "padding": 1,
      "stride": 3}), ((0, 3, 4, 4), 2, {}),
]  # fmt: skip


@pytest.mark.parametrize("x, size, kwargs", MAX_POOL, ids=str)
def test_max_pool2d(x, size, kwargs):
    array = normal(*x)
    compare(
        "max_pool2d",
        lambda x: minigrad.max_pool2d(x, size, **kwargs),
        lambda x: F.max_pool2d(x, size, **kwargs),
        [array],
    )
    found = minigrad.max_pool2d(mini_tensor(array), size, **kwargs, return_indices=True)
    expected = F.max_pool2d(torch_tensor(array), size, **kwargs, return_indices=True)
    for mine, theirs in zip(found, expected, strict=True):
        close(mine, theirs)


def test_max_pool2d_ties_nan_and_integers():
    for array in (
        np.zeros((1, 4, 4)),
        np.full((1, 4, 4), -np.inf),
        np.array([[[1.0, np.nan], [2.0, 3.0]]]),
        labels(1, 4, 4),
    ):
        found = minigrad.max_pool2d(mini_tensor(array), 2, padding=1, stride=1, return_indices=True)
        expected = F.max_pool2d(torch_tensor(array), 2, padding=1, stride=1, return_indices=True)
        for mine, theirs in zip(found, expected, strict=True):
            close(mine, theirs)


def test_max_pool2d_refuses_windows_that_see_nothing():
    with pytest.raises(RuntimeError, match="lies in the padding only"):
        minigrad.max_pool2d(minigrad.ones(1, 1, 1, 8), (2, 4), (3, 1), (1, 2), (3, 2), True)


AVG_POOL = [
    ((2, 3, 6, 7), 2, {}), ((2, 3, 7, 7), 3, {"stride": 2, "padding": 1}), ((3, 6, 7), (2, 3), {}),
    ((2, 3, 7, 7), 3, {"stride": 2, "padding": 1, "count_include_pad": False}),
    ((2, 3, 7, 7), 2, {"divisor_override": 3}),
    ((2, 3, 7, 8), 3, {"stride": 2, "ceil_mode": True, "padding": 1}),
    ((2, 3, 5, 5), 3, {"stride": 1}), ((0, 3, 4, 4), 2, {}),
    ((2, 3, 7, 8), 3, {"stride": 2, "ceil_mode": True, "padding": 1, "count_include_pad": False}),
]  # fmt: skip


@pytest.mark.parametrize("x, size, kwargs", AVG_POOL, ids=str)
def test_avg_pool2d(x, size, kwargs):
    compare(
        "avg_pool2d",
        lambda x: minigrad.avg_pool2d(x, size, **kwargs),
        lambda x: F.avg_pool2d(x, size, **kwargs),
        [normal(*x)],
    )


@pytest.mark.parametrize("name", ["max_pool1d", "avg_pool1d"])
def test_pooling_in_one_dimension(name):
    mine, theirs = getattr(minigrad, name), getattr(F, name)
    compare(name, lambda x: mine(x, 3, 2, 1), lambda x: theirs(x, 3, 2, 1), [normal(2, 3, 9)])


@pytest.mark.parametrize("size", [1, (1, 1), 2, (3, 2), (None, 2), (4, 5), (9, 3)], ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 6, 8), (3, 7, 5)])
def test_adaptive_avg_pool2d(size, shape):
    compare(
        "adaptive_avg_pool2d",
        lambda x: minigrad.adaptive_avg_pool2d(x, size),
        lambda x: F.adaptive_avg_pool2d(x, size),
        [normal(*shape)],
    )


# -- softmax and losses


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    "shape, dim",
    [
        ((3, 4), 1),
        ((3, 4), 0),
        ((2, 3, 4), -2),
        ((4,), 0),
        ((), 0),
        ((), -1),
        ((0, 3), 1),
        ((3, 0), 1),
    ],
)
def test_softmax(name, shape, dim):
    for scale in (1, 1000):
        array = np.asarray(scale * normal(*shape))
        compare(name, getattr(minigrad, name), getattr(F, name), [array], {"dim": dim})


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_converts_and_chooses(name):
    array = labels(2, 3)
    close(
        getattr(minigrad, name)(mini_tensor(array), 1, dtype=minigrad.float64),
        getattr(torch, name)(torch_tensor(array), 1, dtype=torch.float64),
    )
    with pytest.warns(UserWarning, match="Implicit dimension choice"):
        found = getattr(minigrad, name)(mini_tensor(normal(3)))
    assert found.shape == (3,)


SHAPES = [
    ((4, 5), (4,)),
    ((5,), ()),
    ((2, 5, 3), (2, 3)),
    ((2, 5, 3, 2), (2, 3, 2)),
    ((0, 5), (0,)),
]


@pytest.mark.parametrize("x, y", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(x, y, reduction, smoothing, weighted):
    if x == (0, 5) and reduction == "mean":
        pytest.skip("NaN has no gradients to compare: see the test of empty batches")
    target = np.asarray(labels(*y))
    if target.ndim:
        target[:1] = 2
    weight = RNG.uniform(0.5, 2, 5) if weighted else None
    kwargs = {
        "reduction": reduction,
        "label_smoothing": smoothing,
        "ignore_index": 2 if target.ndim else -100,
    }

    def run(f, make):
        return lambda x: f(
            x, make(target), None if weight is None else make(weight.astype(as_numpy(x))), **kwargs
        )

    compare(
        "cross_entropy",
        run(minigrad.cross_entropy, mini_tensor),
        run(F.cross_entropy, torch_tensor),
        [normal(*x)],
    )


def as_numpy(x):
    return str(x.dtype).partition(".")[2]


@pytest.mark.parametrize("x, y", SHAPES[:4], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_of_probabilities(x, y, reduction, smoothing):
    target = RNG.dirichlet(np.ones(5), y)
    target = np.moveaxis(target, -1, 1) if len(x) > 1 else target
    weight = RNG.uniform(0.5, 2, 5)
    kwargs = {"reduction": reduction, "label_smoothing": smoothing}

    def run(f, make):
        return lambda x, y: f(x, y, make(weight.astype(as_numpy(x))), **kwargs)

    arrays = [normal(*x), target]
    compare(
        "cross_entropy",
        run(minigrad.cross_entropy, mini_tensor),
        run(F.cross_entropy, torch_tensor),
        arrays,
    )


@pytest.mark.parametrize("x, y", SHAPES[:4], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nll_loss(x, y, reduction):
    target = np.asarray(labels(*y))
    weight = RNG.uniform(0.5, 2, 5)

    def run(f, make):
        return lambda x: f(x, make(target), make(weight.astype(as_numpy(x))), reduction=reduction)

    compare(
        "nll_loss", run(minigrad.nll_loss, mini_tensor), run(F.nll_loss, torch_tensor), [normal(*x)]
    )


def test_cross_entropy_of_nothing_is_nan():
    for x, y in ((normal(0, 5), labels(0)), (normal(2, 5), np.full(2, -100))):
        assert math.isnan(minigrad.cross_entropy(mini_tensor(x), mini_tensor(y)).item())


def test_ignored_rows_may_hold_infinities():
    x = np.array([[-np.inf, 1.0, 2.0], [1.0, 2.0, 3.0]])
    for mine, theirs in (
        (minigrad.cross_entropy, F.cross_entropy),
        (minigrad.nll_loss, F.nll_loss),
    ):
        found = mine(mini_tensor(x), minigrad.tensor([-100, 1]))
        close(found, theirs(torch_tensor(x), torch.tensor([-100, 1])))


def test_cross_entropy_of_large_logits():
    x = np.array([[1e4, 0.0, -1e4], [0.0, 1e4, 0.0]])
    compare("cross_entropy", lambda x: minigrad.cross_entropy(x, minigrad.tensor([0, 0])),
            lambda x: F.cross_entropy(x, torch.tensor([0, 0])), [x])  # fmt: skip


# -- normalisation


@pytest.mark.parametrize(
    "shape, n", [((4, 5), 1), ((2, 3, 5), 2), ((5,), 1), ((2, 0, 5), 1), ((3, 1), 1)]
)
@pytest.mark.parametrize("affine", [0, 1, 2])
def test_layer_norm(shape, n, affine):
    arrays = [normal(*shape), *(normal(*shape[-n:]) for _ in range(affine))]
    compare(
        "layer_norm",
        lambda x, *wb: minigrad.layer_norm(x, shape[-n:], *wb),
        lambda x, *wb: F.layer_norm(x, shape[-n:], *wb),
        arrays,
    )


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm(shape, training, affine):
    mean, var = normal(3), RNG.uniform(0.5, 2, 3)
    states = {}

    def run(name, f, make):
        def apply(x, *wb):
            dtype = as_numpy(x)
            states[name] = make(mean.astype(dtype)), make(var.astype(dtype).copy())
            states[name] = tuple(t.clone() for t in states[name])
            return f(x, *states[name], *wb, training=training, momentum=0.3, eps=1e-3)

        return apply

    arrays = [normal(*shape) + 1, *([normal(3), normal(3)] if affine else [])]
    compare(
        "batch_norm",
        run("mine", minigrad.batch_norm, mini_tensor),
        run("theirs", F.batch_norm, torch_tensor),
        arrays,
    )
    for mine, theirs in zip(states["mine"], states["theirs"], strict=True):
        close(mine, theirs, 1e-5, 1e-6)
        assert not mine.requires_grad


def test_batch_norm_without_running_statistics():
    compare("batch_norm", lambda x: minigrad.batch_norm(x, None, None, training=True),
            lambda x: F.batch_norm(x, None, None, training=True), [normal(4, 3, 2)])  # fmt: skip


# -- embedding, dropout, attention


@pytest.mark.parametrize("shape", [(4,), (2, 3), (), (0,)])
@pytest.mark.parametrize("padding", [None, 1, -2])
def test_embedding(shape, padding):
    index = np.asarray(labels(*shape))
    compare(
        "embedding",
        lambda w: minigrad.embedding(mini_tensor(index), w, padding),
        lambda w: F.embedding(torch_tensor(index), w, padding),
        [normal(5, 3)],
    )


def test_dropout():
    minigrad.manual_seed(0)
    x = minigrad.ones(2000, requires_grad=True)
    out = minigrad.dropout(x, 0.25)
    kept = out.detach().numpy() != 0
    assert 0.7 < kept.mean() < 0.8
    np.testing.assert_allclose(out.detach().numpy()[kept], 1 / 0.75, rtol=1e-6)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), out.detach().numpy())
    assert minigrad.dropout(x, 0.0) is x
    assert minigrad.dropout(x, 0.5, training=False) is x
    assert not minigrad.dropout(x, 1.0).detach().numpy().any()
    y = minigrad.ones(10)
    assert minigrad.dropout(y, 0.5, inplace=True) is y
    assert set(np.unique(y.numpy())) <= {0.0, 2.0}


ATTENTION = [
    ((2, 4, 3), (2, 5, 3), (2, 5, 6), None, {}), ((2, 3, 4, 5), (2, 3, 4, 5), (2, 3, 4, 5), None,
     {"is_causal": True}),
    ((4, 3), (5, 3), (5, 2), None, {"scale": 0.7}), ((2, 4, 3), (2, 5, 3), (2, 5, 6), "bool", {}),
    ((2, 4, 3), (2, 5, 3), (2, 5, 6), "float", {}),
    ((2, 3, 4, 5), (1, 3, 6, 5), (2, 1, 6, 5), "bool", {}),
    ((4, 3), (6, 3), (6, 3), None, {"is_causal": True}),
    ((2, 4, 3), (2, 5, 3), (2, 5, 6), "nothing", {}), ((2, 4, 5, 3), (2, 2, 6, 3), (2, 2, 6, 3),
     None, {"enable_gqa": True}),
    ((0, 4, 3), (0, 5, 3), (0, 5, 3), None, {}),
]  # fmt: skip


@pytest.mark.parametrize("q, k, v, mask, kwargs", ATTENTION, ids=str)
def test_attention(q, k, v, mask, kwargs):
    arrays = [normal(*q), normal(*k), normal(*v)]
    if mask == "float":
        arrays.append(normal(q[-2], k[-2]))
    elif mask is not None:
        arrays.append(RNG.random((q[-2], k[-2])) < 0.6)
        arrays[-1][0] = mask != "nothing"
    with torch.nn.attention.sdpa_kernel(
        torch.nn.attention.SDPBackend.MATH
    ):  # the others have no second derivative
        compare(
            "attention",
            minigrad.scaled_dot_product_attention,
            F.scaled_dot_product_attention,
            arrays,
            kwargs,
        )


def test_attention_with_a_mask_that_is_not_learned():
    mask = normal(4, 5)
    mask[0, 1] = -np.inf

    def run(f, make):
        return lambda q, k, v: f(q, k, v, make(mask.astype(as_numpy(q))))

    arrays = [normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 3)]
    theirs = run(F.scaled_dot_product_attention, torch_tensor)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        compare(
            "attention", run(minigrad.scaled_dot_product_attention, mini_tensor), theirs, arrays
        )


def test_attention_dropout():
    minigrad.manual_seed(0)
    q, k, v = (mini_tensor(normal(2, 40, 3)) for _ in range(3))
    out = minigrad.scaled_dot_product_attention(q, k, minigrad.ones_like(v), dropout_p=0.5)
    assert abs(out.mean().item() - 1) < 0.2 and out.std().item() > 0.01


# -- errors: the exception types are PyTorch's, the texts name the remedy

X = normal(2, 3, 5, 5)
ERRORS = [
    ("matmul", (normal(2, 12), normal(10, 3)), {},
     "mat1 and mat2 shapes cannot be multiplied \\(2x12 and 10x3\\)"),
    ("matmul", (normal(2, 3), normal(2, 3)), {}, "transpose"),
    ("matmul", (np.asarray(1.0), normal(2)), {}, "at least 1D"),
    ("matmul", (normal(2, 3, 4), normal(3, 4, 5)), {}, "batch|non-singleton"),
    ("matmul", (normal(2, 3), normal(3, 4).astype("f4")), {}, "same dtype"),
    ("matmul", (normal(2, 3) > 0, normal(3, 4) > 0), {}, "not implemented for"),
    ("mm", (normal(3), normal(3, 4)), {}, "must be a matrix"),
    ("bmm", (normal(2, 3, 4), normal(3, 4, 5)), {}, "first two dimensions"),
    ("dot", (normal(3), normal(3, 4)), {}, "1D tensors expected"),
    ("outer", (normal(3, 1), normal(3)), {}, "1-D"),
    ("tensordot", (normal(3, 2), normal(3, 4)), {"dims": 1}, "contracted dimensions need to match"),
    ("linear", (normal(2, 12), normal(3, 10)), {},
     "mat1 and mat2 shapes cannot be multiplied \\(2x12 and 10x3\\)"),
    ("linear", (normal(2, 3), normal(4, 3), normal(5)), {}, "bias|must match"),
    ("conv2d", (X, normal(4, 2, 3, 3)), {}, "to have 2 channels, but got 3 channels"),
    ("conv2d", (X, normal(4, 3, 3, 3)), {"stride": 0}, "non-positive stride is not supported"),
    ("conv2d", (X, normal(4, 3, 3, 3)), {"padding": -1}, "negative padding is not supported"),
    ("conv2d", (X, normal(4, 3, 7, 7)), {}, "Kernel size can't be greater than actual input size"),
    ("conv2d", (X, normal(4, 3, 3, 3), normal(5)), {},
     "expected bias to be 1-dimensional with 4 elements"),
    ("conv2d", (X[0, 0], normal(4, 3, 3, 3)), {},
     "Expected 3D \\(unbatched\\) or 4D \\(batched\\) input to conv2d"),
    ("conv2d", (X, normal(4, 3, 3, 3).astype("f4")), {}, "should be the same"),
    ("conv2d", (X, normal(4, 3, 3, 3)), {"padding": "same", "stride": 2},
     "not supported for strided"),
    ("conv2d", (X, normal(4, 3, 3, 3)), {"padding": "full"}, "Invalid padding string"),
    ("conv2d", (X, normal(4, 3, 3, 3)), {"stride": (1, 1, 1)}, "stride"),
    ("conv2d", (normal(2, 4, 5, 5), normal(3, 2, 3, 3)), {"groups": 2}, "divisible by 2"),
    ("conv_transpose2d", (X, normal(3, 2, 3, 3)), {"output_padding": 1},
     "output padding must be smaller"),
    ("max_pool2d", (X, 2), {"padding": 2}, "pad should be at most half of effective kernel size"),
    ("max_pool2d", (X, 9), {}, "Output size is too small"),
    ("max_pool2d", (X[0, 0], 2), {}, "3D or 4D"),
    ("avg_pool2d", (X, 2), {"divisor_override": 0}, "divisor must be not zero"),
    ("softmax", (labels(3), 0), {}, "not implemented for"),
    ("softmax", (normal(3), 1), {}, "Dimension out of range"),
    ("cross_entropy", (normal(3, 5), labels(4)), {},
     "batch_size \\(3\\) to match target batch_size \\(4\\)"),
    ("cross_entropy", (normal(3, 5, 2), labels(3, 3)), {},
     "Expected target size \\[3, 2\\], got \\[3, 3\\]"),
    ("cross_entropy", (normal(3, 5), labels(3).astype("i4")), {}, "expected target dtype"),
    ("cross_entropy", (normal(3, 5), normal(3)), {}, "expected target dtype"),
    ("cross_entropy", (normal(3, 5), labels(3, 1)), {}, "Expected target size|0D or 1D target"),
    ("cross_entropy", (normal(3, 5), np.array([0, 5, 1])), {}, "Target 5 is out of bounds"),
    ("cross_entropy", (normal(3, 5), np.array([0, -1, 1])), {}, "Target -1 is out of bounds"),
    ("cross_entropy", (normal(3, 5), labels(3), np.ones(4)), {},
     "either for all 5 classes or no classes"),
    ("cross_entropy", (normal(3, 5), labels(3)), {"reduction": "avg"},
     "not a valid value for reduction"),
    ("cross_entropy", (normal(3, 5), labels(3)), {"label_smoothing": 1.5},
     "label_smoothing must be between"),
    ("cross_entropy", (normal(3, 5), labels(3, 5)), {}, "Expected floating point type for target"),
    ("nll_loss", (normal(3, 5), np.array([0, 5, 1])), {}, "Target 5 is out of bounds"),
    ("layer_norm", (normal(3, 5), (4,)), {},
     "Given normalized_shape=\\[4\\], expected input with shape \\[\\*, 4\\]"),
    ("layer_norm", (normal(3, 5), (5,), np.ones(4)), {},
     "Expected weight to be of same shape as normalized_shape"),
    ("layer_norm", (normal(3, 5), (5,), np.ones(5, "f4")), {}, "mixed dtype|expected scalar type"),
    ("batch_norm", (normal(1, 5), None, None), {"training": True},
     "Expected more than 1 value per channel"),
    ("batch_norm", (normal(3, 5), None, None), {}, "running_mean must be defined"),
    ("batch_norm", (normal(3, 5), np.zeros(4), np.ones(4)), {},
     "running_mean should contain 5 elements not 4"),
    ("dropout", (normal(3), 1.5), {}, "dropout probability has to be between 0 and 1, but got 1.5"),
    ("embedding", (np.array([4]), normal(3, 2)), {}, "index out of range in self"),
    ("embedding", (normal(1), normal(3, 2)), {}, "Expected tensor for argument #1 'indices'"),
    ("embedding", (np.array([1]), normal(3)), {}, "must be 2-D"),
    ("embedding", (np.array([1]), normal(3, 2)), {"padding_idx": 7},
     "(?i)padding_idx must be within num_embeddings"),
    ("scaled_dot_product_attention", (normal(2, 3),) * 3 + (np.ones((2, 2), bool),),
     {"is_causal": True}, "should not be set"),
    ("scaled_dot_product_attention", (normal(2, 3),) * 3 + (np.ones((2, 2), int),), {},
     "Expected attn_mask dtype"),
    ("scaled_dot_product_attention", (normal(2, 3), normal(2, 4), normal(2, 3)), {}, "query"),
    ("scaled_dot_product_attention", (normal(3), normal(2, 3), normal(2, 3)), {},
     "at least 2 dimensional"),
    ("scaled_dot_product_attention", (normal(2, 3), normal(2, 3), normal(2, 3).astype("f4")), {},
     "to have the same dtype"),
]  # fmt: skip


@pytest.mark.parametrize(
    "name, args, kwargs, text", ERRORS, ids=lambda a: a if isinstance(a, str) else ""
)
def test_errors(name, args, kwargs, text):
    theirs = (
        getattr(torch, name, None)
        if name in dir(torch) and name not in dir(F)
        else getattr(F, name)
    )
    with pytest.raises(Exception) as expected:
        theirs(*map(torch_tensor, args), **kwargs)
    with pytest.raises(expected.type, match=text):
        getattr(minigrad, name)(*map(mini_tensor, args), **kwargs)


@pytest.mark.parametrize(
    "equation, shapes",
    [("ij,jk", [(2, 3)]), ("ij->ik", [(2, 3)]), ("ij->ii", [(2, 3)]), ("i", [(2, 3)]),
     ("i1", [(2, 3)]), ("ii", [(2, 3)]),
     ("ij,jk", [(2, 3), (4, 5)])],
    ids=str,
)  # fmt: skip
def test_einsum_errors(equation, shapes):
    with pytest.raises(RuntimeError, match="einsum"):
        torch.einsum(equation, *(torch.ones(shape) for shape in shapes))
    with pytest.raises(RuntimeError, match="einsum"):
        minigrad.einsum(equation, *(minigrad.ones(shape) for shape in shapes))


def test_nan_labels():
    nan = minigrad.tensor([0.0, math.nan])
    with pytest.raises(IndexError, match=r"out of bounds: the input has 3 classes.*NaN"):
        minigrad.cross_entropy(minigrad.ones(2, 3), nan.long())
    with pytest.raises(RuntimeError, match=r"target\.long\(\)"):
        minigrad.cross_entropy(minigrad.ones(2, 3), nan)
    with pytest.raises(ValueError, match="NaN"):
        minigrad.cross_entropy(minigrad.ones(2, 3), minigrad.full((2, 3), math.nan))


def test_arguments_that_have_no_gradient():
    x, y = minigrad.ones(2, 3), minigrad.tensor([0, 1])
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'weight'"):
        minigrad.cross_entropy(x, y, minigrad.ones(3, requires_grad=True))
    with pytest.raises(RuntimeError, match="running statistics"):
        minigrad.batch_norm(x, minigrad.ones(3, requires_grad=True), minigrad.ones(3))


def test_half_precision():
    x, w, b = (a.astype(np.float16) for a in (normal(4, 8), normal(5, 8), normal(5)))
    for mine, theirs in (
        (minigrad.linear, F.linear),
        (lambda x, *_: minigrad.softmax(x, 1), lambda x, *_: F.softmax(x, 1)),
        (lambda x, *_: minigrad.layer_norm(x, (8,)), lambda x, *_: F.layer_norm(x, (8,))),
    ):
        close(mine(*map(mini_tensor, (x, w, b))), theirs(*map(torch_tensor, (x, w, b))), 4e-3, 4e-3)
