"""repr of a tensor is PyTorch's, to the letter, but for the name of the library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad
from minigrad.dtype import DType

torch = pytest.importorskip("torch")

DTYPES = ["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool"]


@pytest.fixture(autouse=True, scope="module")
def as_torch():
    """Types print as torch's: a longer name would break lines elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DType, "__repr__", lambda dtype: f"torch.{dtype.name}")
        yield
    minigrad.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")


@st.composite
def arrays(draw):
    """Numbers alike and far apart, whole ones, zeros, NaN and infinities, in 0 to 4 dimensions."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal(shape) * 10.0 ** draw(st.integers(-6, 8))
    kind = draw(st.sampled_from(["any", "whole", "special", "zero", "spread"]))
    if kind == "whole":
        x = np.round(x)
    elif kind == "special":
        special = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], shape)
        x = np.where(rng.random(shape) < 0.4, special, x)
    elif kind == "zero":
        x = x * 0
    elif kind == "spread":
        x = x * 10.0 ** rng.integers(-4, 5, shape)
    with np.errstate(all="ignore"):
        return np.asarray(x).astype(draw(st.sampled_from(DTYPES)))


def set_printoptions(**options):
    for library in (minigrad, torch):
        library.set_printoptions(profile="default")
        library.set_printoptions(**options)


def same(array):
    assert repr(minigrad.tensor(array)) == repr(torch.tensor(array))


@given(arrays())
@settings(deadline=None)
def test_repr(array):
    set_printoptions()
    same(array)


@given(
    arrays(),
    st.fixed_dictionaries(
        {},
        optional={
            "precision": st.integers(0, 8),
            "threshold": st.integers(0, 50),
            "edgeitems": st.integers(0, 4),
            "linewidth": st.integers(5, 120),
            "profile": st.sampled_from(["default", "short", "full"]),
            "sci_mode": st.booleans(),
        },
    ),
)
@settings(deadline=None)
def test_repr_under_options(array, options):
    set_printoptions(**options)
    same(array)


@pytest.mark.parametrize("shape", [(1001,), (40, 40), (7, 8, 30), (2, 3, 500), (1200, 1)])
@pytest.mark.parametrize("scale", [1, 1e6])
def test_summaries(shape, scale):
    set_printoptions()
    x = np.random.default_rng(0).standard_normal(shape) * scale
    same(x.astype("float32"))
    same(x.astype("int64"))


@pytest.mark.parametrize("library", [minigrad, torch])
def test_graph(library):
    x = library.ones(2, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x + 1) == "tensor([2., 2.], grad_fn=<AddBackward0>)"
