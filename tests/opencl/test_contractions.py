"""The matrix product and the convolutions of the OpenCL backend, held against NumPy in float64.

Every test runs on every runtime that is found, and there twice: as the device is, and as if it were
a GPU, so that the kernels for GPUs are tested where there is none.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyopencl", reason="OpenCL needs pyopencl: pip install -e '.[opencl-cpu]'")

from minigrad.backends.opencl import OpenCLBackend, discovery
from minigrad.backends.opencl import matmul as products
from minigrad.backends.opencl.array import Array, layout

DEVICES = discovery.devices()
if not DEVICES:
    pytest.skip(f"no OpenCL device: {discovery.ADVICE}", allow_module_level=True)

FLOATS = [np.dtype(name) for name in ("float32", "float64", "float16")]
OTHERS = [np.dtype(name) for name in ("int64", "int32", "int16", "int8", "uint8", "bool")]


@pytest.fixture(
    scope="module", params=[(i, as_gpu) for i in range(len(DEVICES)) for as_gpu in (False, True)],
    ids=lambda p: f"{DEVICES[p[0]].platform.name}{', as a GPU' if p[1] else ''}")
def backend(request):
    index, as_gpu = request.param
    with pytest.MonkeyPatch.context() as patch:
        if as_gpu:
            patch.setattr(discovery, "is_cpu", lambda device: False)
        return OpenCLBackend(index)


class Layouts:
    """Random arrays in random memory layouts, as a NumPy view and as an array of the device."""

    def __init__(self, backend, seed):
        self.backend = backend
        self.rng = np.random.default_rng(seed)

    def draw(self, dtype, *shape):
        """An array whose axes lie in any order, with steps of any size, some of them 0 or < 0."""
        rng = self.rng
        order = rng.permutation(len(shape))
        steps = [rng.choice([1, 1, 1, -1, 2, -3, 0]) for _ in shape]
        sizes = [1 if step == 0 else n * abs(step) for n, step in zip(shape, steps, strict=True)]
        memory = self.values(dtype, math.prod(sizes) + 5)
        offset = rng.integers(0, 6)
        base = memory[offset:len(memory) - 5 + offset].reshape([sizes[axis] for axis in order])
        x = base.transpose(np.argsort(order))
        for axis, (n, step) in enumerate(zip(shape, steps, strict=True)):
            if step in (0, 1):
                continue
            x = x[(slice(None),) * axis + (slice(None, None, step),)]
            assert x.shape[axis] == n
        x = np.broadcast_to(x, shape)
        return x, self.upload(memory, x)

    def plain(self, dtype, *shape):
        x = self.values(dtype, math.prod(shape)).reshape(shape)
        return x, self.backend.from_host(x)

    def values(self, dtype, n):
        if dtype.kind == "f":
            return self.rng.standard_normal(n).astype(dtype)
        low = -100 if dtype.kind == "i" else 0
        return self.rng.integers(low, 2 if dtype.kind == "b" else 100, n).astype(dtype)

    def upload(self, memory, x):
        """The view x of memory, as a view of a copy of memory on the device."""
        item = x.dtype.itemsize
        start = x.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
        strides = tuple(s // item for s in x.strides)
        return Array(self.backend.from_host(memory).buffer, start // item,
                     layout(x.shape, strides, x.dtype))


def roundings(n, *arrays):
    """How many roundings the error of a sum of n products may come to.

    They go either way, unless the products repeat: then all may go the same way.
    """
    repeats = any(0 in array.strides for array in arrays)
    return 2 + (n if repeats else math.sqrt(n))


def check(backend, actual, expected, roundings, scale):
    """Raises unless both agree: integers exactly, floats within so many roundings.

    scale: how large the sum of the products may get on its way.
    """
    assert actual.layout.is_contiguous and actual.offset == 0
    actual = backend.to_host(actual)
    assert (actual.shape, actual.dtype) == (expected.shape, actual.dtype)
    if actual.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
        return
    eps = np.finfo(np.float32 if actual.dtype == np.float16 else actual.dtype).eps
    error = np.abs(actual - expected)
    allowed = eps * roundings * scale
    if actual.dtype == np.float16:
        half = np.finfo(np.float16)
        allowed = allowed + half.eps * np.abs(expected) + half.smallest_subnormal
    assert np.all(error <= allowed), (error.max(), np.max(allowed))


def check_matmul(backend, x, y):
    (host_x, x), (host_y, y) = x, y
    dtype = host_x.dtype
    if dtype.kind == "f":
        wide_x, wide_y = host_x.astype(np.float64), host_y.astype(np.float64)
        scale = np.linalg.norm(wide_x, axis=-1)[..., :, None] * (
            np.linalg.norm(wide_y, axis=-2)[..., None, :])
        expected = wide_x @ wide_y
    else:
        scale, expected = 0, host_x @ host_y
    out = backend.matmul(x, y)
    assert out.dtype == dtype
    check(backend, out, expected, roundings(x.shape[-1], x, y), scale)
    again = backend.to_host(backend.matmul(x, y))
    np.testing.assert_array_equal(backend.to_host(out), again)  # to the last bit


sizes = st.sampled_from([0, 1, 2, 7, 8, 9, 15, 16, 31, 32, 33, 63, 65, 100])
depths = st.sampled_from([0, 1, 3, 15, 16, 17, 33, 130, 513])
batches = st.sampled_from([
    ((), ()), ((3,), (3,)), ((3,), ()), ((), (2,)), ((2, 3), (2, 3)), ((2, 1), (3,)),
    ((1, 3), (2, 1)), ((2, 1, 2), (1, 3, 2)), ((0,), (1,)), ((2, 1, 2, 1), (3, 1, 2))])


@given(rows=sizes, columns=sizes, depth=depths, batch=batches, seed=st.integers(0, 2**32),
       dtype=st.sampled_from(FLOATS + OTHERS))
@settings(max_examples=60)
def test_matmul_of_any_layout(backend, rows, columns, depth, batch, seed, dtype):
    if dtype not in backend.types:
        dtype = np.dtype(np.float32)
    layouts = Layouts(backend, seed)
    x = layouts.draw(dtype, *batch[0], rows, depth)
    y = layouts.draw(dtype, *batch[1], depth, columns)
    check_matmul(backend, x, y)


@pytest.mark.parametrize("rows, depth, columns", [
    (1, 40_000, 1), (3, 9001, 2), (20, 8000, 10), (33, 5000, 40), (200, 30, 1), (1, 700, 200),
    (64, 600, 96), (130, 257, 129), (5, 1100, 500)])
def test_matmul_of_many_sizes(backend, rows, depth, columns):
    layouts = Layouts(backend, 0)
    for x_turned in (False, True):
        for y_turned in (False, True):
            x = layouts.plain(FLOATS[0], *((depth, rows) if x_turned else (rows, depth)))
            y = layouts.plain(FLOATS[0], *((columns, depth) if y_turned else (depth, columns)))
            x, y = (
                (host.T, backend.permute(array, (1, 0))) if turned else (host, array)
                for (host, array), turned in ((x, x_turned), (y, y_turned)))
            check_matmul(backend, x, y)


def test_a_long_sum_is_split(backend):
    """Few outputs of many products each: the parts of the sums keep the whole device busy."""
    for rows, columns in ((1, 1), (16, 16)):
        x = layout((rows, 50_000), (50_000, 1), FLOATS[0])
        y = layout((50_000, columns), (columns, 1), FLOATS[0])
        product, count = products.product((), x, y)
        work = products.share_out(backend, product, count, FLOATS[0])
        assert math.prod(work.global_size) >= backend.compute_units
        assert work.splits > 1 or backend.compute_units == 1
        assert (work.splits - 1) * work.slice < 50_000 <= work.splits * work.slice


def test_rows_of_a_batch_become_one_product(backend):
    x, w = layout((8, 16, 32), (512, 32, 1), FLOATS[0]), layout((32, 5), (1, 32), FLOATS[0])
    product, count = products.product((8,), x, w)
    assert (product.rows, count) == (128, 1)


def test_what_is_not_finite_stays_in_its_rows_and_columns(backend):
    """Nothing that lies outside of the matrices, or in another row, comes in as zero times NaN."""
    x, y = np.ones((37, 50), np.float32), np.ones((50, 41), np.float32)
    x[36], y[:, 0] = np.nan, np.inf
    out = backend.to_host(backend.matmul(*(within_nan(backend, v) for v in (x, y))))
    assert np.isnan(out[36]).all() and np.isposinf(out[:36, 0]).all()
    assert (out[:36, 1:] == 50).all()


def within_nan(backend, x):
    """x on the device, as a part of a larger matrix of NaN."""
    memory = np.full(80 * 80, np.nan, x.dtype)
    view = memory.reshape(80, 80)[3:3 + x.shape[0], 4:4 + x.shape[1]]
    view[...] = x
    return Layouts(backend, 0).upload(memory, view)


def test_float16_is_summed_in_float32(backend):
    """5000 ones: beyond 2048, float16 has no odd numbers."""
    if FLOATS[2] not in backend.types:
        pytest.skip("the device has no float16")
    x, y = (backend.full(shape, 1, FLOATS[2]) for shape in ((20, 5000), (5000, 20)))
    assert (backend.to_host(backend.matmul(x, y)) == 5000).all()


# ------------------------------------------------------------------------------------ convolution


def reference(x, w, g, stride, padding, dilation, groups):
    """The three derivatives of Note [Convolution] in base.py, tap by tap, in float64; and for each
    the same sums of absolute values, which say how large an error may be."""
    pads = [(0, 0), (0, 0), *padding]
    padded = np.pad(x, pads)
    outs = np.zeros(g.shape), np.zeros(padded.shape), np.zeros(w.shape)
    per_o, per_c = w.shape[0] // groups, w.shape[1]
    summed = (0, *range(2, x.ndim))
    for tap in np.ndindex(*w.shape[2:]):
        at = tuple(
            slice(k * gap, k * gap + step * (n - 1) + 1, step)
            for k, gap, step, n in zip(tap, dilation, stride, g.shape[2:], strict=True))
        for group in range(groups):
            o = slice(group * per_o, (group + 1) * per_o)
            c = slice(group * per_c, (group + 1) * per_c)
            pixels, weights = padded[:, c][:, :, *at], w[o][:, :, *tap]
            outs[0][:, o] += np.einsum("oc,nc...->no...", weights, pixels)
            outs[1][:, c][:, :, *at] += np.einsum("oc,no...->nc...", weights, g[:, o])
            outs[2][(o, slice(None), *tap)] = np.tensordot(
                g[:, o], pixels, (summed, summed))
    inner = tuple(
        slice(low, n - high) for n, (low, high) in zip(padded.shape, pads, strict=True))
    return outs[0], outs[1][inner], outs[2]


def check_conv(backend, dtype, x_shape, w_shape, stride, padding, dilation, groups, seed=0):
    """All three derivatives, of random arrays in random layouts."""
    positions = tuple(
        (n + low + high - gap * (k - 1) - 1) // step + 1 for n, k, step, (low, high), gap
        in zip(x_shape[2:], w_shape[2:], stride, padding, dilation, strict=True))
    layouts = Layouts(backend, seed)
    x, w, g = (layouts.draw(dtype, *shape)
               for shape in (x_shape, w_shape, (x_shape[0], w_shape[0], *positions)))
    window = (stride, padding, dilation, groups)
    wide = [host.astype(np.float64) for host, _ in (x, w, g)]
    expected = reference(*wide, *window)
    sizes = reference(*map(np.abs, wide), *window)
    calls = [
        lambda: backend.conv(x[1], w[1], *window),
        lambda: backend.conv_input(g[1], w[1], x_shape, *window),
        lambda: backend.conv_weight(g[1], x[1], w_shape, *window),
    ]
    window_size = math.prod(w_shape[2:])
    terms = [w_shape[1] * window_size, w_shape[0] // groups * window_size,
             x_shape[0] * math.prod(positions)]
    for call, right, size, n in zip(calls, expected, sizes, terms, strict=True):
        out = call()
        assert out.dtype == dtype
        right = right if dtype.kind == "f" else right.astype(dtype)
        check(backend, out, right, roundings(n, x[1], w[1], g[1]), size)
        np.testing.assert_array_equal(backend.to_host(out), backend.to_host(call()))


@st.composite
def convolutions(draw):
    """Shapes of x and w, stride, padding, dilation and groups, on one or two axes."""
    dims = draw(st.integers(1, 2))
    each = lambda values: tuple(draw(values) for _ in range(dims))
    window, stride, dilation = (each(st.integers(1, 3)) for _ in range(3))
    padding = each(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    space = tuple(
        max(1, gap * (k - 1) + 1 - low - high) + draw(st.sampled_from([0, 1, 2, 6, 15, 17, 33]))
        for k, gap, (low, high) in zip(window, dilation, padding, strict=True))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    n, c, o = (draw(st.sampled_from(sizes)) for sizes in ([1, 2, 5], [1, 2, 3], [1, 2, 5, 9]))
    return ((n, c * groups, *space), (o * groups, c, *window), stride, padding, dilation, groups)


@given(convolutions(), st.sampled_from([*FLOATS, np.dtype(np.int32)]), st.integers(0, 2**32))
@settings(max_examples=60)
def test_convolutions_of_all_kinds(backend, convolution, dtype, seed):
    check_conv(backend, dtype if dtype in backend.types else FLOATS[0], *convolution, seed)


@pytest.mark.parametrize("x_shape, w_shape, stride, padding, dilation, groups", [
    ((40, 3, 9, 9), (5, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),      # many small images
    ((2, 2, 70, 66), (3, 2, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),     # few large ones
    ((3, 4, 10, 10), (17, 4, 1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),    # pixels without taps
    ((2, 4, 32, 32), (18, 4, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),
    ((2, 6, 11, 37), (6, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 6),     # depthwise
    ((1, 2, 9, 9), (4, 2, 3, 3), (1, 1), ((4, 4), (5, 5)), (1, 1), 1),       # windows of zeros
    ((9, 1, 28, 28), (6, 1, 5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1), 1),
    ((2, 3, 40), (5, 3, 4), (3,), ((1, 0),), (2,), 1),
    ((0, 3, 8, 8), (5, 3, 3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
])
def test_convolutions_of_many_sizes(
        backend, x_shape, w_shape, stride, padding, dilation, groups):
    check_conv(backend, FLOATS[0], x_shape, w_shape, stride, padding, dilation, groups)


@pytest.mark.parametrize("width", [6, 20, 40])
def test_what_is_not_finite_stays_where_its_taps_reach(backend, width):
    """Beside the last positions of a row lie pixels of other taps, and rows, and images."""
    x = np.ones((2, 1, 5, width), np.float32)
    w, g = np.ones((1, 1, 3, 3), np.float32), np.ones((2, 1, 3, width - 2), np.float32)
    x[0, 0, 2, -1] = np.inf
    window = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    x, w, g = map(backend.from_host, (x, w, g))
    out = backend.to_host(backend.conv(x, w, *window))
    assert np.isposinf(out[0, 0, :, -1]).all() and (out[0, 0, :, :-1] == 9).all()
    assert (out[1] == 9).all()
    out = backend.to_host(backend.conv_weight(g, x, (1, 1, 3, 3), *window))
    assert np.isposinf(out[..., 2]).all()
    assert (out[..., :2] == 2 * 3 * (width - 2)).all()
