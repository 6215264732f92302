"""minigrad.transforms.functional beside torchvision.transforms.v2.functional: the same images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from vision import torch, v2

from minigrad import transforms
from minigrad.transforms import functional as ours

theirs = v2.functional

pytestmark = pytest.mark.oracle

sizes = st.tuples(st.sampled_from([1, 3]), st.integers(2, 9), st.integers(2, 9))
whole = sizes.flatmap(lambda shape: hnp.arrays(np.uint8, shape))
floats = sizes.flatmap(
    lambda shape: hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=16))
)
images = whole | floats


def agree(name, x, *args, slack=0, **options):
    """The same type and shape; integers equal but for `slack`, floats to a few of their last bits.

    `slack`: torchvision resizes integers in fixed-point arithmetic.
    """
    out = getattr(ours, name)(x, *args, **options)
    expected = getattr(theirs, name)(torch.from_numpy(x.copy()), *args, **options).numpy()
    assert out.dtype == expected.dtype and out.shape == expected.shape
    if x.dtype.kind == "f":
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-6)
    else:
        assert abs(out.astype(int) - expected.astype(int)).max(initial=0) <= slack


@given(images, st.data())
def test_flips_crops_and_borders(x, data):
    agree("horizontal_flip", x)
    agree("vertical_flip", x)
    n = st.integers(0, 3)
    agree("pad", x, data.draw(st.tuples(n, n, n, n)), fill=1)
    agree("pad", x, [1, 1], padding_mode="edge")
    agree("center_crop", x, data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12))))


# From 2 on: PyTorch 2.13 resizes to a width of 1 with an internal error, or wrongly.
@given(images, st.tuples(st.integers(2, 20), st.integers(2, 20)), st.booleans())
def test_resize(x, size, antialias):
    from torchvision.transforms import InterpolationMode

    agree("resize", x, list(size), antialias=antialias, slack=1)
    for mode in ("nearest", "nearest-exact"):
        out = ours.resize(x, size, mode)
        expected = theirs.resize(torch.from_numpy(x), list(size), InterpolationMode(mode))
        assert out.tolist() == expected.tolist()


@given(images, st.floats(-180, 180), st.floats(0.5, 2), st.floats(-40, 40), st.floats(-40, 40))
def test_bilinear_affine(x, angle, scale, shear_x, shear_y):
    out = ours.affine(x, angle, [1, -2], scale, [shear_x, shear_y], "bilinear", 0)
    expected = theirs.affine(
        torch.from_numpy(x.copy()), angle, [1, -2], scale, [shear_x, shear_y],
        interpolation=v2.InterpolationMode.BILINEAR,
    ).numpy()  # fmt: skip
    tolerance = 1 if x.dtype.kind == "u" else 1e-4
    assert abs(out.astype(float) - expected.astype(float)).max(initial=0) <= tolerance


@given(images, st.integers(-400, 400).map(lambda n: n + 0.37))
def test_nearest_rotate(x, angle):
    out = ours.rotate(x, angle)
    expected = theirs.rotate(torch.from_numpy(x.copy()), angle).numpy()
    assert out.tolist() == expected.tolist()


@given(images, st.floats(0, 3))
def test_brightness_contrast_saturation(x, factor):
    agree("adjust_brightness", x, factor)
    # The mean, or the grey of a pixel, is a rounded sum: what is mixed with it may be cut off at
    # the next integer.
    agree("adjust_contrast", x, factor, slack=1)
    agree("adjust_saturation", x, factor, slack=1)


@given(images, st.floats(-0.5, 0.5))
def test_hue(x, factor):
    out = ours.adjust_hue(x, factor)
    expected = theirs.adjust_hue(torch.from_numpy(x.copy()), factor).numpy()
    assert out.dtype == expected.dtype
    tolerance = 1 if x.dtype.kind == "u" else 1e-4
    assert abs(out.astype(float) - expected.astype(float)).max(initial=0) <= tolerance


DTYPES = {"uint8": torch.uint8, "int32": torch.int32, "float32": torch.float32,
          "float64": torch.float64}


@given(images, st.sampled_from(list(DTYPES)), st.booleans())
def test_types(x, dtype, scale):
    if x.dtype.kind == "f" and dtype == "int32" and scale:
        with pytest.raises(RuntimeError, match="cannot be performed safely"):
            ours.to_dtype(x, np.dtype(dtype), scale)
        return
    out = ours.to_dtype(x, np.dtype(dtype), scale)
    expected = theirs.to_dtype(torch.from_numpy(x.copy()), DTYPES[dtype], scale).numpy()
    assert out.dtype == expected.dtype
    np.testing.assert_allclose(out.astype(float), expected.astype(float), rtol=1e-6)


@given(floats)
def test_normalize_and_grey(x):
    channels = len(x)
    agree("normalize", x, [0.4] * channels, [0.2] * channels)
    agree("rgb_to_grayscale", x)


@given(images, st.integers(2, 12), st.booleans())
def test_resize_along_the_shorter_side(x, size, limited):
    more = {"max_size": size + 2} if limited else {}
    out = transforms.Resize(size, **more)(x)
    expected = v2.Resize(size, **more)(torch.from_numpy(x.copy()))
    assert out.shape == tuple(expected.shape)
