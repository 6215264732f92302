"""The NumPy kernels against the defaults of base.py (the composites) and against PyTorch."""

import inspect
import itertools
import math

import numpy as np
import pytest

from minigrad.backends import base
from minigrad.backends.base import Backend, Wrapper, kernel_names, random_blocks
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.backends.numpy_threads import blas

np.seterr(all="ignore")
numpy_backend = NumpyBackend()
CORE = [name for name in kernel_names() if hasattr(getattr(Backend, name), "is_core")]
rng = np.random.default_rng(0)


class Reference(Backend):
    """The core kernels of NumPy, and every other kernel as base.py defines it."""

    name = "reference"
    locals().update({name: inspect.getattr_static(NumpyBackend, name) for name in CORE})


reference = Reference()


def draw(*shape, dtype=np.float32):
    """Random values in a memory layout that is not contiguous where that is possible."""
    values = rng.standard_normal((*shape, 2)) * 2
    return values.astype(dtype)[..., ::-1][..., 0] if shape else np.array(values[0], dtype)


def same(actual, expected, tolerance=2e-5):
    """Raises unless both are the same: dtype, shape and values, None and tuples included."""
    if isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            same(a, e, tolerance)
        return
    assert (actual is None) == (expected is None)
    if expected is not None:
        assert isinstance(actual, np.ndarray)
        assert actual.dtype == expected.dtype, (actual.dtype, expected.dtype)
        assert actual.shape == expected.shape, (actual.shape, expected.shape)
        wide = expected.dtype if expected.dtype.kind != "f" else np.float64
        np.testing.assert_allclose(
            actual.astype(wide), expected.astype(wide), tolerance, tolerance)


SEED, OFFSET = np.array(7), np.array(2**63 - 2)
ONE, TWO = (1, 1), (2, 2)
NO_PAD, PAD = ((0, 0), (0, 0)), ((1, 0), (1, 2))
PAD1 = ((1, 1), (1, 1))
image, kernel = draw(2, 4, 9, 8), draw(6, 2, 3, 2)
positions = draw(2, 6, 3, 5)  # the shape of a convolution with CONV
CONV = (TWO, PAD, (2, 1), 2)
target = np.array([1, 0, -100, 2])
index = np.array([[2, 0, 1], [1, 1, 1]])
rows, weights = draw(4, 3), np.abs(draw(3))
heads = [draw(2, 3, 5, 4) for _ in range(3)]
causal = np.tril(np.ones((5, 5), bool), -1)
floats = draw(3, 4)
ints = np.array([[3, -3, 7], [5, -9, 2]])
divisors = np.array([[2, 2, -3], [-1, 4, -4]])
special = np.array([np.nan, 1, -np.inf, np.inf, -0.0, 0.0, np.nan, -2], np.float32)
square = draw(2, 4, 4)
walks = heads[0][0].swapaxes(0, 1), floats > 0, np.array([5, 0, 3]), index[0]

CASES = {
    "copy": [(floats,)],
    "is_contiguous": [(floats.copy(),), (floats,), (floats.copy().T,), (np.empty((0, 3)).T,)],
    "unslice": [(draw(2), (3, 4), (1, slice(0, 4, 2)))],
    "undiagonal": [(draw(2), (3, 3), 1, 0, 1)],
    "fold": [(draw(2, 3, 4), (2, 8), 1, 4, 2), (draw(3, 4, 2), (7, 4), 0, 2, 3)],
    "pad": [(floats, ((1, 0), (0, 2)), 3.0)],
    "flip": [(floats, (0, 1)), (floats, ()), (draw(), ())],
    "roll": [(floats, (1, -2), (0, 1)), (floats, (5,), (1,))],
    "cat": [([floats, draw(2, 4)], 0)],
    "tril": [(draw(2, 3, 4), 0), (ints, -1), (floats > 0, 1)],
    "triu": [(draw(2, 3, 4), 1)],
    "leaky_relu": [(special, 0.1)],
    "elu": [(special, 2.0)],
    "softplus": [(special, 2.0, 3.0)],
    "clamp": [(special, -1.0, 1.0), (special, None, 0.5), (ints, 0, None)],
    "addcmul": [(floats, floats, draw(4), 2.0)],
    "lerp": [(floats, draw(3, 4), 0.3), (floats, draw(3, 4), 0.8), (floats, draw(4), draw(3, 4))],
    "remainder": [(ints, divisors), (draw(9), draw(9)), (ints, 3)],
    "any": [(ints == 2, (0,), False), (np.empty((0, 2)), (0,), False)],
    "all": [(ints != 2, (1,), True), (np.empty((0, 2)), (0,), False)],
    "max_with_indices": [(floats, 0, False), (special, 0, True), (draw(), 0, False)],
    "min_with_indices": [(floats, 1, True), (special, 0, False)],
    "var": [(floats, (0,), 1, False), (floats, (0, 1), 0, True), (draw(1), (0,), 1, False)],
    "logsumexp": [(floats, (1,), False), (special, (0,), True), (np.empty((0, 2)), (0,), False)],
    "index_select": [(floats, 1, target[:2]), (floats, 0, index[0])],
    "index_add": [(floats, 0, index[1], draw(3, 4)), (draw(5, 3), 1, index[0], draw(5, 3))],
    "topk": [(floats, 2, 1, True), (special, 3, 0, False)],
    "searchsorted": [(np.sort(draw(5)), draw(2, 3), False), (ints[0] * 0, ints, True),
                     (np.sort(draw(2, 4)), draw(2, 3), True)],
    "unique": [(ints % 3,), (special,), (np.empty((0, 2)),)],
    "linear": [(draw(2, 3, 4), draw(5, 4), draw(5)), (draw(4), draw(5, 4), None)],
    "conv": [(image, kernel, *CONV), (image, draw(4, 1, 3, 3), ONE, PAD1, ONE, 4),
             (image, draw(3, 4, 1, 1), ONE, NO_PAD, ONE, 1),
             (image, draw(5, 4, 3, 3), ONE, PAD1, ONE, 1),
             (draw(2, 4, 9), draw(3, 4, 3), (2,), ((0, 1),), (1,), 1)],
    "conv_input": [(positions, kernel, image.shape, *CONV),
                   (draw(2, 4, 9, 8), draw(4, 1, 3, 3), image.shape, ONE, PAD1, ONE, 4),
                   (draw(2, 5, 9, 8), draw(5, 4, 3, 3), image.shape, ONE, PAD1, ONE, 1)],
    "conv_weight": [(positions, image, kernel.shape, *CONV),
                    (draw(2, 4, 9, 8), image, (4, 1, 3, 3), ONE, PAD1, ONE, 4),
                    (draw(2, 5, 9, 8), image, (5, 4, 3, 3), ONE, PAD1, ONE, 1)],
    "max_pool": [(image, TWO, TWO, NO_PAD, ONE, (2, 4, 4, 4)),
                 (np.full_like(image, -np.inf), (3, 3), TWO, PAD1, ONE, (2, 4, 5, 4)),
                 (image, (3, 2), TWO, PAD1, (1, 2), (2, 4, 5, 5)),
                 (draw(2, 3, 7), (3,), (2,), ((0, 0),), (1,), (2, 3, 4))],
    "max_pool_input": [(draw(2, 1, 2, 2), rng.integers(0, 9, (2, 1, 2, 2)), (2, 1, 3, 3))],
    "avg_pool": [(image, TWO, TWO, NO_PAD, (2, 4, 4, 4), True, None),
                 (image, (3, 2), (3, 3), PAD1, (2, 4, 4, 4), True, None),
                 (image, (3, 2), (3, 3), PAD1, (2, 4, 4, 4), False, None),
                 (image, TWO, TWO, NO_PAD, (2, 4, 4, 4), True, 3)],
    "avg_pool_input": [(draw(2, 4, 4, 4), image.shape, TWO, TWO, NO_PAD, True, None),
                       (draw(2, 4, 4, 4), image.shape, (3, 2), (3, 3), PAD1, False, None)],
    "softmax": [(floats, 1), (floats, 0), (draw(), 0), (draw(2, 3, 4), 1)],
    "softmax_grad": [(floats, draw(3, 4), 0), (floats, draw(3, 4), 1)],
    "log_softmax": [(floats, 1), (draw(2, 3, 4), 1)],
    "log_softmax_grad": [(floats, draw(3, 4), 0), (floats, draw(3, 4), 1)],
    "cross_entropy": [(rows, target, w, -100, smoothing, reduction) for w in (None, weights)
                      for smoothing in (0.0, 0.1) for reduction in ("none", "mean", "sum")],
    "cross_entropy_grad": [
        (draw(4) if reduction == "none" else draw(), rows, target, w, np.float32(2.0), -100,
         smoothing, reduction)
        for w in (None, weights) for smoothing in (0.0, 0.1)
        for reduction in ("none", "mean", "sum")],
    "layer_norm": [(draw(2, 3, 4), draw(3, 4), draw(3, 4), 2, 1e-5), (floats, None, None, 1, 1e-5)],
    "layer_norm_grad": [(draw(2, 5, 4), draw(2, 5, 4), draw(4), draw(2, 5, 1), draw(2, 5, 1), 1),
                        (draw(5, 4), draw(5, 4), None, draw(5, 1), draw(5, 1), 1)],
    "batch_norm": [(image, draw(4), draw(4), 1e-5), (rows, None, None, 1e-5)],
    "batch_norm_grad": [(draw(2, 4, 9, 8), image, draw(4), draw(4), draw(4)),
                        (draw(4, 3), rows, None, draw(3), draw(3))],
    "attention": [(*heads, None, True, 0.5), (*heads, causal, False, 0.5),
                  (*heads, draw(5, 5), False, 0.5)],
    "attention_grad": [(draw(2, 3, 5, 4), *heads, draw(2, 3, 5, 5), 0.5)],
    "inv": [(square,)],
    "solve": [(square, draw(2, 4, 3))],
    "solve_triangular": [(square, draw(2, 4, 3), True, False)],
    "cholesky": [(square @ square.swapaxes(1, 2),)],
    "qr": [(draw(2, 5, 3), False), (draw(5, 3), True)],
    "svd": [(draw(2, 5, 3), False), (draw(3, 5), True)],
    "pinv": [(draw(2, 5, 3), 0.0, 1e-5)],
    "eigh": [(square, True), (square, False)],
    "det": [(square,)],
    "lstm": [(draw(5, 3, 8), draw(8, 2), draw(3, 2), draw(3, 2), way) for way in (False, True)],
    "lstm_grad": [(draw(5, 3, 2), draw(3, 2), draw(8, 2), draw(3, 2), draw(3, 2), draw(5, 3, 2),
                   draw(5, 3, 2), draw(5, 3, 8) / 4, way) for way in (False, True)],
    "ctc": [walks],
    "ctc_grad": [(floats[:, 0], reference.ctc(*walks)[1], *walks[1:])],
    "polygamma": [(floats, 0), (special, 1), (abs(floats), 3)],
    "cummax": [(floats, 0), (special, 0), (draw(), 0), (ints, 1)],
    "scatter_max": [(floats, 1, target[:3, None] % 4, draw(3, 1)),
                    (ints, 0, ints % 2, ints * 2)],
    "slogdet": [(square,)],
    "lu": [(square,), (square[:, :3],), (0 * square,)],
    "uniform": [(SEED, OFFSET, (3, 5), np.dtype(d)) for d in "efd"],
    "normal": [(SEED, OFFSET, (3, 5), np.dtype(d)) for d in "efd"],
    "randint": [(SEED, OFFSET, (9,), -5, 8, np.dtype("i4")),
                (SEED, OFFSET, (9,), -2**62, 2**62 - 7, np.dtype("i8"))],
}
FLOAT_PAIRS = ["fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "nextafter", "ne", "le", "gt",
               "ge", "logical_and", "logical_or", "logical_xor"]
GRADS = ["relu_grad", "gelu_grad", "gelu_tanh_grad", "silu_grad"]
for name in kernel_names():
    if name not in CORE and name not in CASES:
        values = special if name not in ("asin", "acos") else special / 3
        CASES[name] = [(floats,), (special,), (draw(),), (np.empty((0, 3), np.float32),)]
        if name in FLOAT_PAIRS + GRADS:
            CASES[name] = [(special, special[::-1]), (floats, draw(3, 4))]
CASES["gcd"] = [(12 * ints, 18 * divisors), (ints, 0 * ints)]
CASES["bitwise_not"] = [(ints,), (ints > 0,)]
del CASES["synchronize"], CASES["sgd_"], CASES["adam_"]


@pytest.mark.parametrize("name", CASES)
def test_override_equals_default(name):
    for args in CASES[name]:
        before = [np.copy(a) for a in args if isinstance(a, np.ndarray)]
        actual = getattr(numpy_backend, name)(*args)
        expected = getattr(reference, name)(*args)
        if isinstance(expected, bool):
            assert actual == expected
            continue
        same(actual, expected)
        after = [a for a in args if isinstance(a, np.ndarray)]
        assert all(np.array_equal(b, a, equal_nan=True) for b, a in zip(before, after, strict=True)
                   if a.dtype.kind in "fib")


@pytest.mark.parametrize("name", ["gelu", "sigmoid", "softplus", "erf", "gelu_tanh", "silu"])
def test_large_and_half(name):
    x = draw(300_001)
    params = (1.0, 20.0) if name == "softplus" else ()
    kernel = getattr(numpy_backend, name)
    pieces = [kernel(part, *params) for part in np.array_split(x, 9)]
    assert np.array_equal(kernel(x, *params), np.concatenate(pieces))
    half = x[:99].astype(np.float16)
    same(kernel(half, *params), kernel(half.astype(np.float32), *params).astype(np.float16))


@pytest.mark.parametrize("dtype", ["e", "f", "d", "i", "l", "?"])
@pytest.mark.parametrize("shape", [(3,), (1000,), (70, 30), (300, 500)])
def test_where_takes_bits_as_they_are(dtype, shape):
    """Above some hundreds of elements `where` chooses by arithmetic: to the bit the same."""
    condition = draw(*shape) > 0
    x, y = draw(*shape, dtype=dtype), draw(*shape, dtype=dtype)
    if dtype in "efd":
        x[:2], y[-2:] = [np.nan], [-np.inf]
    zero, one = (np.dtype(dtype).type(v).item() for v in (0, 1))
    operands = [x, y, x.T.copy().T, x[::-1].copy()[::-1], np.array(one, dtype), one, zero]
    operands += [-0.0] if dtype in "efd" else []
    for a in operands:
        for b in operands:
            if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
                expected = np.where(condition, np.asarray(a, dtype), np.asarray(b, dtype))
                found = numpy_backend.where(condition, a, b)
                assert found.dtype == expected.dtype
                assert found.tobytes() == expected.tobytes()
                for out in (np.empty(shape, dtype), a, b):
                    if getattr(out, "shape", None) == shape:
                        before = out.copy()
                        assert numpy_backend.where(condition, a, b, out) is out
                        assert out.tobytes() == expected.tobytes()
                        out[...] = before


@pytest.mark.parametrize("dtype", ["f", "d", "e"])
@pytest.mark.parametrize("size", [5, 1 << 15, 100_001])
def test_axpy(dtype, size):
    """y += a * x, in the BLAS or without it: large and small, contiguous and not."""
    wide = rng.standard_normal((size, 2)).astype(dtype)
    layouts = [(wide[:, 0], wide[:, 1].copy()), (wide[:, 0].copy(), wide[:, 1].copy())]
    for x, y in [*layouts, (layouts[0][1], wide[:, 0])]:
        for a in (np.array(1, dtype), np.array(-0.25, dtype)):
            expected = y.astype("d") + a * x.astype("d")
            blas.axpy(a, x, y)
            assert y.dtype == dtype
            np.testing.assert_allclose(y, expected, rtol=0, atol=8 * np.finfo(dtype).eps)
    x, y = layouts[1]
    y.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        blas.axpy(np.array(0.5, dtype), x, y)


@pytest.mark.parametrize("rows", [1, 2, 32, 33])
def test_products_of_few_rows(rows):
    """Few rows times w.T are computed the other way round: the same, in the same layout."""
    for terms, columns in ((128, 300), (127, 300), (256, 5), (700, 256)):
        x, w = draw(rows, terms), draw(columns, terms)
        for y in (w.copy().T, w.T.copy(), w.T):
            found = numpy_backend.matmul(x, y)
            assert found.flags.c_contiguous
            exact = x.astype("d") @ y.astype("d")
            np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6 * terms)


def check_sums(x, tolerance):
    """The sums of x over every choice of axes."""
    for axes in itertools.chain(*[itertools.combinations(range(x.ndim), n)
                                  for n in range(x.ndim + 1)]):
        for keepdims in (False, True):
            found = numpy_backend.sum(x, axes, keepdims)
            expected = x.astype("d").sum(axes, keepdims=keepdims)
            assert found.dtype == x.dtype
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, tolerance)


@pytest.mark.parametrize(
    "shape", [(9,), (600,), (10_000,), (3, 5000), (300, 7), (9000, 3), (12, 30, 40), (4097, 2, 2)]
)
def test_sums_of_large_arrays(shape):
    """Long sums keep the precision of a pairwise sum; every choice of axes, every float type."""
    exact = rng.uniform(0.5, 1.5, shape)
    for dtype, tolerance in (("d", 1e-14), ("f", 3e-6), ("e", 1e-3)):
        check_sums(exact.astype(dtype), tolerance)


@pytest.mark.parametrize("lay_out, tolerance", [
    (lambda x: np.repeat(x, 2, -1)[..., ::2], 2e-6),
    (lambda x: np.ascontiguousarray(x.T).T, 2e-6),
    (lambda x: x[::-1], 2e-6),
    (lambda x: np.broadcast_to(x[:1], x.shape), 5e-6),  # all roundings may go the same way
], ids=["gaps", "transposed", "backwards", "repeated"])
@pytest.mark.parametrize("shape", [(200_001, 2), (2, 100_003, 2), (130, 3, 120, 5)])
def test_long_sums_in_any_layout(lay_out, tolerance, shape):
    """One float32 after another, 200,000 of them are off by 4e-6 and more, or by 4e-5."""
    x = lay_out(rng.uniform(0.5, 1.5, shape).astype("f"))
    check_sums(x, tolerance)


@pytest.mark.parametrize("dtype, tolerance", [("e", 1e-3), ("f", 1e-7), ("d", 1e-12)])
def test_running_sums_and_products_of_many_terms(dtype, tolerance):
    """They are rounded to the type once, and not at every step."""
    x = rng.uniform(0.5, 1.5, (3, 50_000 if dtype != "e" else 500)).astype(dtype)
    y = np.exp(rng.uniform(-0.02, 0.02, x.shape)).astype(dtype)
    for found, expected in ((numpy_backend.cumsum(x, 1), np.cumsum(x, 1, "d")),
                            (numpy_backend.cumprod(y, 1), np.cumprod(y, 1, "d"))):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, tolerance)


def test_erf():
    x = np.concatenate([np.linspace(-7, 7, 5001), [0.0, 1e-300, np.inf, -np.inf]])
    exact = np.array([math.erf(v) for v in x])
    assert np.max(np.abs(numpy_backend.erf(x) - exact) / np.spacing(np.abs(exact))) <= 2
    x = x.astype(np.float32)
    exact = np.array([math.erf(v) for v in x])
    error = np.abs(numpy_backend.erf(x) - exact) / np.spacing(np.abs(exact).astype(np.float32))
    assert np.max(error) <= 4


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decoupled", [False, True])
def test_optimizer_steps(nesterov, decoupled):
    lr, c1, c2 = np.array(0.1), np.array(0.3), np.array(0.2)
    results = []
    for backend in (numpy_backend, reference):
        rng = np.random.default_rng(1)
        ps, gs, ms = ([rng.standard_normal((2, 3)).astype("f4") for _ in "ab"] for _ in "pgm")
        vs = [np.abs(g) for g in gs]
        backend.sgd_(ps, gs, ms, lr, 0.9, 0.1, 0.01, nesterov, True)
        backend.sgd_(ps, gs, None, lr, 0.9, 0.1, 0.0, nesterov, False)
        backend.adam_(ps, gs, ms, vs, lr, 0.9, 0.99, 1e-8, 0.1, decoupled, c1, c2, nesterov)
        results.append((*ps, *ms, *vs))
    same(*results)


def test_integers():
    b = numpy_backend
    assert b.pow(np.array([2, 1, -1, -1, 0]), np.array([-1, -1, -1, -2, -1])).tolist() == [
        0, 1, -1, 1, 0]
    assert b.floor_divide(ints, divisors).tolist() == [[1, -2, -3], [-5, -3, -1]]
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        b.remainder(ints, 0)
    assert b.sum(np.array([2**31 - 1, 1], np.int32), (0,), False) == -(2**31)
    for kernel in (b.max, b.min):
        with pytest.raises(IndexError):
            kernel(np.empty((0, 2)), (0,), False)
    with pytest.raises(IndexError):
        b.argmax(np.empty((0, 2)), 0, False)


def test_indices_out_of_range():
    b, wrong = numpy_backend, np.array([0, 3])
    column = np.array([[0], [-1], [0]])
    for kernel, *args in (
            (b.gather, floats, 0, column),
            (b.scatter, floats, 1, column, floats),
            (b.scatter_add, floats, 0, column, floats),
            (b.index, floats, [wrong]),
            (b.index_put, floats, [wrong], floats[0], True),
            (b.index_select, floats, 0, wrong),
            (b.index_add, floats, 0, wrong, floats[:2]),
            (b.cross_entropy, rows, target + 3, None, -100, 0.0, "mean")):
        with pytest.raises(IndexError):
            kernel(*args)


def test_views_share_memory():
    x = np.arange(24.0).reshape(2, 3, 4)
    b = numpy_backend
    for view in (b.view(x, (6, 4)), b.permute(x, (2, 0, 1)), b.slice(x, (1, 2, 3)),
                 b.slice(x, (slice(0, 2, 1), 1, slice(1, 4, 2))), b.diagonal(x, 1, 1, 2),
                 b.unfold(x, 2, 2, 1)):
        x[:] = 0
        view[...] = 1
        assert x.sum() >= 1
    assert b.view(x.T, (24,)) is None
    assert b.expand(x[:, :1], (5, 2, 3, 4)).shape == (5, 2, 3, 4)
    assert b.strides(x.T) == (1, 4, 12)


def test_random_is_numpys_philox():
    words = np.random.Philox(key=7, counter=2**63 - 2).random_raw(5).view(np.int64)
    assert np.array_equal(numpy_backend.random_bits(SEED, OFFSET, 5), words)
    assert random_blocks("normal", 5, np.dtype("f4")) == 1
    assert random_blocks("uniform", 9, np.dtype("f8")) == 3
    x = numpy_backend.normal(SEED, OFFSET, (100_000,), np.dtype("f4"))
    assert abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01


def test_wrapper_sees_every_kernel():
    calls = []

    class Recorder(Wrapper):
        def wrap_kernel(self, name, kernel):
            def recorded(*args):
                calls.append(name)
                return kernel(*args)

            return recorded

    outer = Recorder(Recorder(numpy_backend))
    assert all(name in vars(outer) for name in kernel_names())
    same(outer.add(floats, 1.0), numpy_backend.add(floats, 1.0))
    assert calls == ["add", "add"] and outer.inner.inner is numpy_backend


def test_core_kernels_are_named_when_missing():
    assert 45 <= len(CORE) <= 65
    with pytest.raises(NotImplementedError, match=r"base.*'exp'"):
        base.Backend().exp(floats)


@pytest.mark.parametrize("shape", [(400, 300), (70, 3, 512), (33, 40, 1024), (2, 300, 9, 70)])
def test_copies_of_transposed_arrays(shape):
    """Large enough to be read in strips, on both cores."""
    x = rng.normal(size=shape).astype(np.float32)
    for axes in itertools.permutations(range(len(shape))):
        turned = x.transpose(axes)
        assert numpy_backend.copy(turned).flags.c_contiguous
        np.testing.assert_array_equal(numpy_backend.copy(turned), turned)
        out = numpy_backend.copy_(np.zeros(turned.shape), turned[::-1])
        np.testing.assert_array_equal(out, turned[::-1])


def test_a_square_becomes_its_own_transpose():
    x = np.arange(600 * 600.0).reshape(600, 600)
    expected = x.T.copy()
    np.testing.assert_array_equal(numpy_backend.copy_(x, x.T), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_axpy_refuses_another_shape(dtype):
    """BLAS would write beyond the end."""
    x, y = np.ones((64, 1024), dtype), np.ones((64, 1025), dtype)
    with pytest.raises(ValueError, match="broadcast"):
        blas.axpy(np.array(2, dtype), x, y)
    assert (y == 1).all()
