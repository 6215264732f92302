"""Ops that are composites, held against NumPy as the primitives are: values, types, memory layouts,
and gradients of first and second order by differences.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.testing import checks
from minigrad.testing.draws import Draw
from minigrad.testing.specs import OpSpec
from minigrad.testing.strategies import Drawn

SPECS: list[OpSpec] = []
AWAY = ((-2.0, -0.3), (0.3, 2.0))


def spec(name: str, op: Any, ref: Any, samples: Any, **facts: Any) -> None:
    SPECS.append(OpSpec(name, op, ref, samples, **facts))


def one(domain: Any = (-2.0, 2.0), min_dims: int = 0, min_side: int = 0) -> Any:
    return lambda draw: (draw.values(draw.shape(min_dims, 3, min_side), domain),)


def pair(x: Any = (-2.0, 2.0), y: Any = (-2.0, 2.0)) -> Any:
    def samples(draw: Draw) -> tuple[Any, ...]:
        shapes = draw.broadcastable(2)
        return draw.values(shapes[0], x), draw.values(shapes[1], y)

    return samples


def same(draw: Draw) -> tuple[Any, ...]:
    shape = draw.shape()
    return draw.values(shape), draw.values(shape)


linear: dict[str, Any] = {"linear": (0,), "flat": (0,), "kinds": "fi"}

# -- special functions

spec("sinc", minigrad.sinc, np.sinc, one(((-1.8, -0.4), (0.4, 1.8))), tolerance=64)
spec("logit", minigrad.logit, lambda x: np.log(x / (1 - x)), one((0.6, 0.9)), tolerance=64)
spec("deg2rad", minigrad.deg2rad, np.deg2rad, one(), linear=(0,), flat=(0,))
spec("rad2deg", minigrad.rad2deg, np.rad2deg, one(), linear=(0,), flat=(0,))
spec("xlogy", minigrad.xlogy, lambda x, y: x * np.log(y), pair(AWAY, (0.3, 3.0)))
spec("xlog1py", minigrad.special.xlog1py, lambda x, y: x * np.log1p(y), pair(AWAY, (0.3, 3.0)))
spec("entr", minigrad.special.entr, lambda x: -x * np.log(x), one((0.5, 2.0)))
spec("copysign", minigrad.copysign, np.copysign, pair(AWAY, AWAY), flat=(0,),
     differentiable=(0,))  # fmt: skip
spec(
    "ldexp", minigrad.ldexp, lambda x, y: x * 2.0**y,
    lambda draw: (*same(draw)[:1], draw.values((), (1.0, 2.0))), kinds="f",
)  # fmt: skip
spec(
    "heaviside", minigrad.heaviside, np.heaviside, pair(AWAY, AWAY), zero=(0, 1),
    differentiable=(),
)  # fmt: skip
spec(
    "ndtr and ndtri", lambda x: minigrad.special.ndtri(minigrad.special.ndtr(x)),
    lambda x: x.copy(), one((-1.5, 1.5)), flat=(0,), tolerance=512,
)  # fmt: skip

spec(
    "log_ndtr", minigrad.special.log_ndtr, lambda x: np.log(np.vectorize(math.erfc, "d")(
        -x / math.sqrt(2)) / 2), one(((-9.0, -1.1), (-0.9, 2.0))), tolerance=256,
)  # fmt: skip
spec(
    "lcm", minigrad.lcm, np.lcm, lambda draw: tuple(draw.values(s, (-40.0, 40.0)) for s in
    draw.broadcastable(2)), kinds="i", differentiable=(),
)  # fmt: skip

# -- order statistics


def along(min_side: int = 1) -> Any:
    def samples(draw: Draw) -> tuple[Any, ...]:
        x = draw.distinct(draw.shape(1, 3, min_side))
        return x, draw.axis(x.ndim)

    return samples


def _nth(x: np.ndarray, n: int, axis: int) -> Any:
    order = np.argsort(x, axis, kind="stable").take(n, axis)
    return np.sort(x, axis).take(n, axis), order


def _middle(x: np.ndarray, axis: int) -> Any:
    return _nth(x, (x.shape[axis] - 1) // 2, axis)


def _with_rank(draw: Draw) -> tuple[Any, ...]:
    x, axis = along()(draw)
    return x, draw.integer(1, x.shape[axis]), axis


def _mode(x: np.ndarray, axis: int) -> Any:
    def of(row: np.ndarray) -> Any:
        return max(np.unique(row), key=lambda v: (np.sum(row == v), -int(v)))

    return np.apply_along_axis(of, axis, x)


METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(draw: Draw) -> tuple[Any, ...]:
    x, axis = along(2)(draw)
    return x, draw.choice((0.0, 0.3, 0.62, 1.0)), axis, draw.boolean(), draw.choice(METHODS)


def _quantiles(x: Any, q: float, axis: int, keepdim: bool, method: str) -> Any:
    return minigrad.quantile(x, q, axis, keepdim, interpolation=method)


def _nans(draw: Draw) -> tuple[Any, ...]:
    x, axis = along(2)(draw)
    x.ravel()[0] = np.nan  # one of two at least
    return x, axis


def _quiet(reference: Any) -> Any:
    """NumPy warns of rows that are all NaN."""

    def quiet(*args: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reference(*args)

    return quiet


spec("median", minigrad.median, _middle, along(), kinds="fi", flat=(0,))
spec("kthvalue", minigrad.kthvalue, lambda x, k, axis: _nth(x, k - 1, axis), _with_rank,
     kinds="fi", flat=(0,))  # fmt: skip
spec(
    "mode", lambda x, axis: minigrad.mode(x, axis).values, _mode,
    lambda draw: (x := draw.values(draw.shape(1, 3, 1)), draw.axis(x.ndim)), kinds="ib",
    differentiable=(),
)  # fmt: skip
spec(
    "quantile", _quantiles,
    lambda x, q, axis, keep, method: np.quantile(x, q, axis, keepdims=keep, method=method),
    _quantile, flat=(0,),
)  # fmt: skip
spec("nanmedian", lambda x, axis: minigrad.nanmedian(x, axis).values,
     _quiet(lambda x, axis: np.nanpercentile(x, 50, axis, method="lower")), _nans,
     differentiable=())  # fmt: skip
spec("nanquantile", lambda x, axis: minigrad.nanquantile(x, 0.3, axis),
     _quiet(lambda x, axis: np.nanquantile(x, 0.3, axis)), _nans, differentiable=())  # fmt: skip
spec("nansum", minigrad.nansum, np.nansum, _nans, differentiable=())
spec("nanmean", minigrad.nanmean, _quiet(np.nanmean), _nans, differentiable=())

# -- cumulative, counting, differences

spec("cummin", lambda x, axis: minigrad.cummin(x, axis).values, np.minimum.accumulate, along(),
     kinds="fib", flat=(0,))  # fmt: skip
spec("logcumsumexp", minigrad.logcumsumexp, np.logaddexp.accumulate, along())
spec("diff", lambda x, axis, n: minigrad.diff(x, n, axis), lambda x, axis, n: np.diff(x, n, axis),
     lambda draw: (*along(3)(draw), draw.integer(1, 2)), **linear)  # fmt: skip
spec("trapezoid", lambda y, axis: minigrad.trapezoid(y, dx=0.5, dim=axis),
     lambda y, axis: np.trapezoid(y, dx=0.5, axis=axis), along(2), linear=(0,),
     flat=(0,))  # fmt: skip


def _points(draw: Draw) -> tuple[Any, ...]:
    n = draw.side(2, 4)
    return draw.values((draw.side(1, 2), n)), draw.values((n,))


def _areas(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.cumsum((y[:, 1:] + y[:, :-1]) / 2 * np.diff(x), 1)


spec("cumulative_trapezoid", minigrad.cumulative_trapezoid, _areas, _points, linear=(0, 1))
spec("trapezoid over x", minigrad.trapezoid, lambda y, x: np.trapezoid(y, x, axis=-1), _points,
     linear=(0, 1))  # fmt: skip
spec(
    "histc", lambda x: minigrad.histc(x, 5, -1, 1.5),
    lambda x: np.histogram(x, 5, (-1, 1.5))[0].astype(float), one(), differentiable=(),
)  # fmt: skip
spec(
    "bincount", lambda x: minigrad.bincount(x, minlength=3),
    lambda x: np.bincount(x, minlength=3), lambda draw: (draw.indices((draw.side(),), 6),),
    differentiable=(),
)  # fmt: skip
spec(
    "bucketize", minigrad.bucketize, lambda x, edges: np.searchsorted(edges, x),
    lambda draw: (draw.values(draw.shape()), np.sort(draw.values((draw.side(),)))),
    kinds="fi", differentiable=(),
)  # fmt: skip

# -- arrangements

tensors: dict[str, Any] = {"linear": (0,), "flat": (0,), "kinds": "fi"}


def _rows(draw: Draw) -> tuple[Any, ...]:
    n = draw.side(1, 3)
    return [draw.values((n,)) for _ in range(draw.integer(1, 3))]


def _pieces(draw: Draw) -> tuple[Any, ...]:
    return (list(_rows(draw)),)


for name in ("hstack", "vstack", "dstack", "column_stack"):
    spec(name, getattr(minigrad, name), getattr(np, name), _pieces, kinds="fi",
         differentiable=())  # fmt: skip
spec(
    "block_diag", lambda x, y: minigrad.block_diag(x, y),
    lambda x, y: np.block([[x, np.zeros((x.shape[0], y.shape[1]), x.dtype)],
                           [np.zeros((y.shape[0], x.shape[1]), x.dtype), y]]),
    lambda draw: (draw.values((draw.side(), draw.side())), draw.values((draw.side(), 2))),
    kinds="fi", linear=(0, 1), flat=(0, 1),
)  # fmt: skip
spec("tensor_split", minigrad.tensor_split, lambda x, n, axis: tuple(np.array_split(x, n, axis)),
     lambda draw: (x := draw.values(draw.shape(1)), draw.integer(1, 3), draw.axis(x.ndim)),
     **linear)  # fmt: skip
spec("tensor_split at", lambda x: minigrad.tensor_split(x, (1, 3)),
     lambda x: (x[:1], x[1:3], x[3:]), one(min_dims=1), **linear)  # fmt: skip
spec("rot90", lambda x, k: minigrad.rot90(x, k), np.rot90,
     lambda draw: (draw.values(draw.shape(2)), draw.integer(-5, 5)), **linear)  # fmt: skip
spec("fliplr", minigrad.fliplr, np.fliplr, one(min_dims=2), **linear)
spec("flipud", minigrad.flipud, np.flipud, one(min_dims=1), **linear)
spec("vander", minigrad.vander, lambda x: np.vander(x), lambda draw: (draw.values((3,), AWAY),),
     tolerance=64)  # fmt: skip
spec("trace", minigrad.trace, np.trace, lambda draw: (draw.values((draw.side(), draw.side())),),
     linear=(0,), flat=(0,))  # fmt: skip
spec("diagflat", minigrad.diagflat, np.diagflat, one(min_dims=1), **linear)
for name, part in (("tril_indices", np.tril), ("triu_indices", np.triu)):
    spec(name, getattr(minigrad, name),
         lambda m, n, k, part=part: np.array(np.nonzero(part(np.ones((m, n)), k))),
         lambda draw: (draw.side(), draw.side(), draw.integer(-2, 2)), kinds="i")  # fmt: skip


def _replaced(x: np.ndarray, src: np.ndarray, key: Any) -> np.ndarray:
    out = x.copy()
    out[key] = src
    return out


def _square(draw: Draw) -> tuple[Any, ...]:
    return draw.values((3, 3)), draw.values((3,))


spec("diagonal_scatter", minigrad.diagonal_scatter,
     lambda x, s: _replaced(x, s, (range(3), range(3))), _square, kinds="fi",
     linear=(0, 1), flat=(0, 1))  # fmt: skip
spec("select_scatter", lambda x, s: minigrad.select_scatter(x, s, 1, -1),
     lambda x, s: _replaced(x, s, (slice(None), -1)), _square, kinds="fi", linear=(0, 1),
     flat=(0, 1))  # fmt: skip
spec("slice_scatter", lambda x, s: minigrad.slice_scatter(x, s, 1, 0, 3, 2),
     lambda x, s: _replaced(x, s, (slice(None), slice(0, 3, 2))),
     lambda draw: (draw.values((3, 3)), draw.values((3, 2))), kinds="fi", linear=(0, 1),
     flat=(0, 1))  # fmt: skip
spec("as_strided", lambda x: minigrad.as_strided(x.clone(), (2, 3), (1, 2), 1),
     lambda x: np.array([[x.flat[1 + i + 2 * j] for j in range(3)] for i in range(2)], x.dtype),
     lambda draw: (draw.values((7,)),), kinds="fi", differentiable=())  # fmt: skip

# -- picking and placing


def _flat(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape(0, 3, 1))
    return x, draw.indices(draw.shape(), x.size)


def _reduced(x: np.ndarray, index: np.ndarray, src: np.ndarray, reduce: str, own: bool) -> Any:
    """scatter_reduce along dim 0, element by element."""
    function = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}
    out = x.copy()
    for i in np.ndindex(x.shape):
        met = [src[j] for j in np.ndindex(src.shape) if (index[j], *j[1:]) == i]
        if met:
            out[i] = function[reduce](([x[i]] if own else []) + met)
    return out


def _scatter(draw: Draw) -> tuple[Any, ...]:
    both = draw.distinct((8 * 2,), (0.3, 2.0))
    x, src = both[:6].reshape(3, 2), both[6:].reshape(5, 2)
    reduce = draw.choice(("sum", "prod", "mean", "amax", "amin"))
    return x, draw.indices((5, 2), 3), src, reduce, draw.boolean()


spec("take", minigrad.take, lambda x, i: x.ravel()[i], _flat, **linear)
spec("put", lambda x, v: minigrad.put(x, minigrad.tensor([2, 0]).to(x.device), v),
     lambda x, v: _replaced(x.ravel(), v, [2, 0]).reshape(x.shape),
     lambda draw: (draw.values((2, 2)), draw.values((2,))), kinds="fi", linear=(0, 1),
     flat=(0, 1))  # fmt: skip
spec(
    "scatter_reduce",
    lambda x, i, s, reduce, own: minigrad.scatter_reduce(x, 0, i, s, reduce, include_self=own),
    _reduced, _scatter, tolerance=64, differentiable=(0, 2), flat=(0, 2),
)  # fmt: skip
spec("index_copy", lambda x, s: minigrad.index_copy(x, 1, minigrad.tensor([2, 0]).to(x.device), s),
     lambda x, s: _replaced(x, s, (slice(None), [2, 0])),
     lambda draw: (draw.values((2, 3)), draw.values((2, 2))), kinds="fi", linear=(0, 1),
     flat=(0, 1))  # fmt: skip
spec(
    "index_fill", lambda x, v: minigrad.index_fill(x, 1, minigrad.tensor([2, 2]).to(x.device), v),
    lambda x, v: _replaced(x, v, (slice(None), 2)),
    lambda draw: (draw.values((2, 3)), draw.values(())), kinds="fi", linear=(0, 1), flat=(0, 1),
)  # fmt: skip
spec("masked_scatter", minigrad.masked_scatter,
     lambda x, m, s: _replaced(x, s[: m.sum()], m),
     lambda draw: (draw.values((3, 2)), draw.booleans((3, 2)), draw.values((6,))),
     kinds="fi", linear=(0, 2), flat=(0, 2))  # fmt: skip
spec("isin", minigrad.isin, np.isin,
     lambda draw: (draw.values(draw.shape()), draw.values(draw.shape())), kinds="i",
     differentiable=())  # fmt: skip
spec("unique_consecutive", minigrad.unique_consecutive,
     lambda x: x[np.append(True, x[1:] != x[:-1])] if x.size else x,
     lambda draw: (draw.values((draw.side(),)),), kinds="ib", differentiable=())  # fmt: skip


def _renormed(x: np.ndarray) -> np.ndarray:
    size = np.sqrt((x * x).sum(1, keepdims=True))
    return np.where(size > 1, x / (size + 1e-7), x)


spec("renorm", lambda x: minigrad.renorm(x, 2, 0, 1.0), _renormed,
     lambda draw: (draw.values((3, 4), (0.6, 2.0)),))  # fmt: skip

# -- products

spec("kron", minigrad.kron, np.kron, lambda draw: (draw.values(draw.shape(0, 2)),
     draw.values(draw.shape(0, 2))), kinds="fi", linear=(0, 1))  # fmt: skip
spec("inner", minigrad.inner, np.inner,
     lambda draw: (draw.values((2, n := draw.side(1, 3))), draw.values((3, n))), kinds="f",
     linear=(0, 1), tolerance=64)  # fmt: skip
spec("cross", minigrad.linalg.cross, np.cross,
     lambda draw: (draw.values((2, 3)), draw.values((2, 3))), kinds="fi",
     linear=(0, 1))  # fmt: skip
spec("cdist", minigrad.cdist,
     lambda x, y: np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1)),
     lambda draw: (draw.values((2, 3)), draw.values((3, 3), (2.5, 4.0))))  # fmt: skip
spec("addmm", lambda c, a, b: minigrad.addmm(c, a, b, beta=0.5, alpha=2),
     lambda c, a, b: 0.5 * c + 2 * a @ b,
     lambda draw: (draw.values((3,)), draw.values((2, 2)), draw.values((2, 3))),
     linear=(0, 1, 2), flat=(0,), tolerance=64)  # fmt: skip
spec("addr", minigrad.addr, lambda c, a, b: c + np.outer(a, b),
     lambda draw: (draw.values((2, 3)), draw.values((2,)), draw.values((3,))), kinds="fi",
     linear=(0, 1, 2), flat=(0,))  # fmt: skip
spec("addbmm", minigrad.addbmm, lambda c, a, b: c + (a @ b).sum(0),
     lambda draw: (draw.values((2, 3)), draw.values((2, 2, 2)), draw.values((2, 2, 3))),
     linear=(0, 1, 2), flat=(0,), tolerance=64)  # fmt: skip
spec("cov", minigrad.cov, np.cov, lambda draw: (draw.values((2, 3)),), tolerance=64)
spec("corrcoef", minigrad.corrcoef, np.corrcoef, lambda draw: (draw.values((3, 4)),), tolerance=256)


@pytest.mark.parametrize(("spec", "check"), checks.cases(SPECS), ids=checks.name_of)
@given(data=st.data())
def test_composite(spec: OpSpec, check: str, device: Any, data: st.DataObject) -> None:
    checks.CHECKS[check](spec, Drawn(data.draw), device)


# -- where they are special


def test_median_and_quantile_see_nan() -> None:
    x = minigrad.tensor([3.0, math.nan, 1.0, math.nan])
    assert minigrad.median(x).isnan().item()
    assert minigrad.median(x, 0).indices.item() == 1  # the first
    assert minigrad.quantile(x, 0.5).isnan().item()
    assert minigrad.nanmedian(x).item() == 1
    assert minigrad.nanmedian(x * math.nan).isnan().item()


def test_equal_medians_share_the_gradient() -> None:
    x = minigrad.tensor([2.0, 1.0, 2.0, 5.0, 2.0], requires_grad=True)
    minigrad.median(x).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [1 / 3, 0, 1 / 3, 0, 1 / 3], rtol=1e-6)


def test_the_mode_of_a_tie_is_the_smallest() -> None:
    assert minigrad.mode(minigrad.tensor([4, 2, 4, 2, 1])).values.item() == 2


def test_xlogy_and_sinc_at_zero() -> None:
    zero, nan = minigrad.tensor([0.0, 0.0]), minigrad.tensor([0.0, math.nan])
    np.testing.assert_array_equal(minigrad.xlogy(zero, nan).numpy(), [0, math.nan])
    x = minigrad.tensor([0.0], requires_grad=True)
    minigrad.sinc(x).backward(minigrad.ones(1))
    assert x.grad is not None and x.grad.item() == 0


def test_bessel_functions_have_all_derivatives_at_zero() -> None:
    x = minigrad.tensor(0.0, requires_grad=True)
    y, found = minigrad.i0(x), []
    for _ in range(4):
        found.append(y.item())
        y = minigrad.autograd.grad(y, x, create_graph=True)[0]
    assert found == [1, 0, 0.5, 0]


def test_an_index_that_comes_twice_fills_once() -> None:
    value = minigrad.tensor(5.0, requires_grad=True)
    minigrad.index_fill(minigrad.zeros(3), 0, minigrad.tensor([1, 1]), value).sum().backward()
    assert value.grad is not None and value.grad.item() == 1


def test_beta_zero_leaves_out_nan() -> None:
    out = minigrad.addmm(
        minigrad.full((2, 2), math.nan), minigrad.ones(2, 2), minigrad.ones(2, 2), beta=0
    )
    assert out.tolist() == [[2, 2], [2, 2]]


def test_as_strided_does_not_guess_what_lies_around_a_view() -> None:
    with pytest.raises(RuntimeError, match="whole, contiguous"):
        minigrad.arange(6.0)[2:].as_strided((2,), (1,))


def test_cosine_similarity_of_shapes_that_broadcast() -> None:
    x, y = minigrad.randn(1, 2, 3), minigrad.randn(2, 1, 3)
    found = minigrad.nn.functional.cosine_similarity(x, y, dim=-2)
    wanted = minigrad.nn.functional.cosine_similarity(x.expand(2, 2, 3), y.expand(2, 2, 3), dim=-2)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-6)


def test_in_place_variants_follow_the_gradient() -> None:
    x = minigrad.tensor([0.3, 0.6], requires_grad=True)
    y = x * 1
    y.asinh_().lgamma_()
    y.sum().backward()
    z = x.detach().requires_grad_()
    z.asinh().lgamma().sum().backward()
    assert x.grad is not None and z.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), z.grad.numpy())
