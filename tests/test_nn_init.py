"""Initialisers and nn.utils."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn
from minigrad.nn import init


def filled(fill, *shape, **options):
    x = fill(minigrad.empty(*shape), **options)
    return x.numpy()


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (init.uniform_, math.sqrt(1 / 12)),
        (init.normal_, 1.0),
        (init.trunc_normal_, 0.8796),
        (init.xavier_uniform_, math.sqrt(2 / 300)),
        (init.xavier_normal_, math.sqrt(2 / 300)),
        (init.kaiming_uniform_, math.sqrt(2 / 200)),
        (init.kaiming_normal_, math.sqrt(2 / 200)),
    ],
)
def test_standard_deviations(fill, std):
    minigrad.manual_seed(0)
    x = filled(fill, 100, 200)
    assert x.std() == pytest.approx(std, rel=0.02)
    assert x.mean() == pytest.approx(0.5 if fill is init.uniform_ else 0.0, abs=0.02)


def test_options_and_modes():
    minigrad.manual_seed(0)
    x = filled(init.uniform_, 1000, a=-3.0, b=-1.0)
    assert -3.0 <= x.min() < -2.9 and -1.1 < x.max() <= -1.0
    x = filled(init.trunc_normal_, 1000, mean=1.0, std=2.0, a=0.0, b=1.5)
    assert x.min() >= 0.0 and x.max() <= 1.5
    x = filled(init.kaiming_normal_, 100, 200, mode="fan_out", nonlinearity="relu")
    assert x.std() == pytest.approx(math.sqrt(2 / 100), rel=0.02)
    assert filled(init.constant_, 3, val=2.0).tolist() == [2.0, 2.0, 2.0]
    assert filled(init.ones_, 2).tolist() == [1.0, 1.0]
    assert filled(init.zeros_, 2).tolist() == [0.0, 0.0]
    assert filled(init.eye_, 2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_generator_decides():
    draws = [
        filled(init.normal_, 5, generator=minigrad.Generator().manual_seed(3)) for _ in range(2)
    ]
    assert (draws[0] == draws[1]).all()


@given(rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_orthogonal(rows, columns):
    q = filled(init.orthogonal_, rows, columns, gain=2.0)
    gram = q @ q.T if rows <= columns else q.T @ q
    np.testing.assert_allclose(gram, 4.0 * np.eye(min(rows, columns)), atol=1e-5)


def test_dirac_passes_channels_on():
    weight = init.dirac_(minigrad.empty(4, 2, 3, 3), groups=2)
    x = minigrad.randn(1, 4, 5, 5)
    out = nn.functional.conv2d(x, weight, padding=1, groups=2)
    np.testing.assert_array_equal(out.numpy(), x.numpy())


def test_sparse_zeros_in_each_column():
    x = filled(init.sparse_, 10, 4, sparsity=0.35)
    assert ((x == 0).sum(axis=0) == 4).all()


def test_gains():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 1.0) == 1.0
    assert init.calculate_gain("conv2d") == 1.0
    for name, param in (("gelu", None), ("leaky_relu", "x")):
        with pytest.raises(ValueError):
            init.calculate_gain(name, param)


@pytest.mark.parametrize(
    "call",
    [
        lambda: init.eye_(minigrad.empty(3)),
        lambda: init.dirac_(minigrad.empty(3, 3)),
        lambda: init.dirac_(minigrad.empty(3, 3, 3), groups=2),
        lambda: init.orthogonal_(minigrad.empty(3)),
        lambda: init.sparse_(minigrad.empty(3), 0.5),
        lambda: init.xavier_uniform_(minigrad.empty(3)),
        lambda: init.kaiming_normal_(minigrad.empty(3, 3), mode="fan"),
    ],
)
def test_bad_input(call):
    with pytest.raises(ValueError):
        call()


def test_warnings():
    with pytest.warns(UserWarning, match="no-op"):
        init.kaiming_uniform_(minigrad.empty(0, 3))
    with pytest.warns(UserWarning, match="2 std"):
        init.trunc_normal_(minigrad.empty(3), mean=9.0)


def test_parameters_are_filled_without_a_graph():
    p = nn.Parameter(minigrad.empty(3, 3))
    assert init.normal_(p) is p and p.is_leaf and p.requires_grad


# nn.utils


def with_grads(*values):
    params = [nn.Parameter(minigrad.zeros(len(v))) for v in values]
    for p, v in zip(params, values, strict=True):
        p.grad = minigrad.tensor(v)
    return [*params, nn.Parameter(minigrad.zeros(1))]


def test_clip_grad_norm():
    params = with_grads([3.0], [4.0, 0.0])
    assert nn.utils.clip_grad_norm_(params, 10.0).item() == 5.0
    assert params[0].grad.tolist() == [3.0]
    assert nn.utils.clip_grad_norm_(params, 1.0).item() == 5.0
    assert params[1].grad.tolist() == pytest.approx([0.8, 0.0], abs=1e-6)
    assert nn.utils.clip_grad_norm_(with_grads([3.0], [4.0]), 1.0, math.inf).item() == 4.0
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0
    broken = with_grads([math.nan])
    with pytest.raises(RuntimeError, match="nan"):
        nn.utils.clip_grad_norm_(broken, 1.0, error_if_nonfinite=True)


def test_clip_grad_value():
    params = with_grads([3.0, -4.0])
    nn.utils.clip_grad_value_(params, 3.5)
    assert params[0].grad.tolist() == [3.0, -3.5]


def test_parameters_as_a_vector():
    layer = nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert tuple(vector.shape) == (8,)
    nn.utils.vector_to_parameters(vector * 2, layer.parameters())
    again = nn.utils.parameters_to_vector(layer.parameters())
    assert (again == vector * 2).all() and layer.weight.is_leaf
    with pytest.raises(ValueError, match="8"):
        nn.utils.vector_to_parameters(minigrad.zeros(9), layer.parameters())
    with pytest.raises(TypeError):
        nn.utils.vector_to_parameters([1.0], layer.parameters())
