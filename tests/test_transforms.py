"""minigrad.transforms: what is true of each for all images; chance that follows the seed."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad
from minigrad import datasets, transforms
from minigrad.transforms import functional as F
from minigrad.utils.data import DataLoader

sizes = st.tuples(st.sampled_from([1, 3]), st.integers(1, 7), st.integers(1, 7))
whole = sizes.flatmap(lambda shape: hnp.arrays(np.uint8, shape))
floats = sizes.flatmap(
    lambda shape: hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=16))
)
images = whole | floats

DETERMINED = [
    transforms.Pad(2), transforms.Pad([1, 2], padding_mode="edge"), transforms.CenterCrop((3, 4)),
    transforms.Resize((4, 5)), transforms.Resize((3, 3), "nearest"),
    transforms.ToDtype(minigrad.float32, scale=True), transforms.Grayscale(3),
]  # fmt: skip
RANDOM = [
    transforms.RandomCrop(3, padding=1, pad_if_needed=True), transforms.RandomHorizontalFlip(),
    transforms.RandomVerticalFlip(), transforms.RandomRotation(30),
    transforms.RandomAffine(20, (0.3, 0.3), (0.7, 1.2), (-5, 5, -5, 5), "bilinear"),
    transforms.ColorJitter(0.5, 0.5, 0.5, 0.2),
]  # fmt: skip
ALL = DETERMINED + RANDOM
named = pytest.mark.parametrize("transform", ALL, ids=repr)


@named
@given(x=images)
def test_the_input_stays_and_the_output_is_an_image(transform, x):
    before = x.copy()
    out = transform(x)
    assert (x == before).all() and x.shape == before.shape
    assert isinstance(out, np.ndarray) and out.ndim == 3 and out.flags.c_contiguous
    if not isinstance(transform, transforms.ToDtype):
        assert out.dtype == x.dtype
    assert minigrad.from_numpy(out).shape == out.shape


@named
def test_a_batch_is_changed_like_its_images(transform):
    x = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 6), np.uint8)
    minigrad.manual_seed(3)
    together = transform(x)
    for image, out in zip(x, together, strict=True):
        minigrad.manual_seed(3)
        assert transform(image).tolist() == out.tolist()


@named
def test_transforms_travel_to_worker_processes(transform):
    x = np.arange(75, dtype=np.uint8).reshape(3, 5, 5)
    minigrad.manual_seed(0)
    out = transform(x)
    minigrad.manual_seed(0)
    assert pickle.loads(pickle.dumps(transform))(x).tolist() == out.tolist()


@named
@pytest.mark.parametrize("wrong", [np.zeros((4, 4)), minigrad.zeros(1, 4, 4), "x"], ids=str)
def test_other_things_are_refused(transform, wrong):
    with pytest.raises(TypeError, match=f"{type(transform).__name__}: expected a NumPy array"):
        transform(wrong)


# Chance


@pytest.mark.parametrize("transform", RANDOM, ids=repr)
def test_chance_follows_the_seed(transform):
    x = np.random.default_rng(0).integers(0, 256, (3, 9, 9), np.uint8)

    def some(seed):
        minigrad.manual_seed(seed)
        return [transform(x).tolist() for _ in range(20)]

    first = some(5)
    assert first == some(5) and first != some(6)
    assert any(out != first[0] for out in first)


def test_every_epoch_of_a_loader_draws_anew():
    x = np.arange(8 * 16, dtype=np.uint8).reshape(8, 4, 4)
    data = datasets.Images(x, np.arange(8), transforms.RandomCrop(4, padding=2))

    def epochs():
        minigrad.manual_seed(0)
        return [batch.tolist() for _ in range(2) for batch, _ in DataLoader(data, batch_size=8)]

    first, second = epochs()
    assert first != second and [first, second] == epochs()


def test_random_crops_are_all_windows_equally_often():
    x = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4)
    crop = transforms.RandomCrop((2, 2), padding=[1, 0])
    framed = np.pad(x, [(0, 0), (0, 0), (1, 1)])
    windows = [framed[:, i : i + 2, j : j + 2].tolist() for i in range(2) for j in range(5)]
    found = [windows.index(crop(x).tolist()) for _ in range(600)]
    counts = np.bincount(found, minlength=10)
    assert counts.min() > 30 and counts.max() < 95  # 60 each, give or take 4.5 times the spread


def test_a_crop_that_is_larger_finds_the_image_anywhere():
    x = np.array([[[1], [2]]], np.uint8)
    crop = transforms.RandomCrop((3, 2), pad_if_needed=True, fill=9)
    framed = np.pad(x, [(0, 0), (1, 1), (1, 1)], constant_values=9)
    windows = [framed[0, i : i + 3, j : j + 2].tolist() for i in range(2) for j in range(2)]
    found = [windows.index(crop(x)[0].tolist()) for _ in range(100)]
    assert set(found) == {0, 1, 2, 3}


def test_flips_happen_with_their_probability():
    x = np.array([[[0, 1]]], np.uint8)
    flips = sum(int(transforms.RandomHorizontalFlip(0.3)(x)[0, 0, 0]) for _ in range(500))
    assert 100 < flips < 200
    assert transforms.RandomHorizontalFlip(0.0)(x).tolist() == x.tolist()
    assert transforms.RandomHorizontalFlip(1.0)(x).tolist() == [[[1, 0]]]
    assert transforms.RandomVerticalFlip(1.0)(x.reshape(1, 2, 1)).ravel().tolist() == [1, 0]


def test_what_a_random_affine_draws(monkeypatch):
    drawn = []
    monkeypatch.setattr(F, "affine", lambda image, *args: drawn.append(args) or image)
    change = transforms.RandomAffine(
        (10, 20), (0.5, 0.25), (0.5, 2), [-3, 4, 5, 6], "bilinear", 7, (1, 2)
    )
    for _ in range(300):
        change(np.zeros((1, 8, 20)))
    angle, move, scale, shear, *others = (
        np.array(values) if not isinstance(values[0], str) else set(values)
        for values in zip(*drawn, strict=True)
    )
    ranges = [
        (angle, 10, 20), (scale, 0.5, 2), (shear[:, 0], -3, 4), (shear[:, 1], 5, 6),
        (move[:, 0], -10, 10), (move[:, 1], -2, 2),
    ]  # fmt: skip
    for values, low, high in ranges:
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < values.max() <= high
    assert set(move[:, 1].tolist()) == {-2, -1, 0, 1, 2}
    assert others[0] == {"bilinear"} and set(others[1].tolist()) == {7}
    drawn.clear()
    transforms.RandomAffine(0)(np.zeros((1, 8, 20)))
    assert drawn == [(0.0, [0, 0], 1.0, [0.0, 0.0], "nearest", 0, None)]


def test_color_jitter_draws_factors_and_their_order(monkeypatch):
    drawn = []
    for name in ("brightness", "contrast", "saturation", "hue"):
        note = lambda image, factor, name=name: drawn.append((name, factor)) or image
        monkeypatch.setattr(F, f"adjust_{name}", note)
    change = transforms.ColorJitter(0.5, (0.1, 0.2), 3, 0.4)
    x = np.zeros((3, 2, 2), np.uint8)
    orders = set()
    for _ in range(200):
        drawn.clear()
        change(x)
        orders.add(tuple(name for name, _ in drawn))
        factors = dict(drawn)
        assert 0.5 <= factors["brightness"] <= 1.5 and 0.1 <= factors["contrast"] <= 0.2
        assert 0 <= factors["saturation"] <= 4 and -0.4 <= factors["hue"] <= 0.4
    assert len(orders) == 24
    drawn.clear()
    transforms.ColorJitter(contrast=0.5)(x)
    assert [name for name, _ in drawn] == ["contrast"]


# Geometry


@given(images)
def test_flips_undo_themselves_and_sizes_that_stay(x):
    for flip in (F.horizontal_flip, F.vertical_flip):
        assert flip(flip(x)).tolist() == x.tolist()
    assert F.horizontal_flip(x).tolist() == x[:, :, ::-1].tolist()
    assert F.vertical_flip(x).tolist() == x[:, ::-1].tolist()
    assert F.resize(x, x.shape[1:]).tolist() == x.tolist()
    assert F.center_crop(x, x.shape[1:]).tolist() == x.tolist()
    assert F.affine(x, 0.0, [0, 0], 1.0, [0.0, 0.0]).tolist() == x.tolist()


@given(images, st.tuples(*[st.integers(0, 3)] * 4))
def test_a_crop_undoes_a_border(x, border):
    left, top, right, bottom = border
    framed = F.pad(x, border, fill=1)
    assert framed.shape == (len(x), x.shape[1] + top + bottom, x.shape[2] + left + right)
    assert F.crop(framed, top, left, *x.shape[1:]).tolist() == x.tolist()
    assert framed.sum(dtype=float) == x.sum(dtype=float) + framed.size - x.size
    assert F.pad(x, 2).tolist() == F.pad(x, [2, 2]).tolist() == F.pad(x, [2] * 4).tolist()


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@given(n=st.integers(1, 8), turns=st.integers(-5, 5))
def test_quarter_turns_of_a_square(mode, n, turns):
    x = np.arange(3 * n * n, dtype=np.uint8).reshape(3, n, n)
    assert F.rotate(x, 90 * turns, mode).tolist() == np.rot90(x, turns, (1, 2)).tolist()


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@given(x=images, right=st.integers(-4, 4), down=st.integers(-4, 4))
def test_moves(mode, x, right, down):
    out = F.affine(x, 0.0, [right, down], 1.0, [0.0, 0.0], mode, fill=1)
    framed = np.pad(x, [(0, 0), (4, 4), (4, 4)], constant_values=1)
    rows, columns = x.shape[1:]
    expected = framed[:, 4 - down : 4 - down + rows, 4 - right : 4 - right + columns]
    assert out.tolist() == expected.tolist()


def test_the_centre_of_a_turn_and_of_a_scale_stays():
    x = np.zeros((1, 7, 7), np.float32)
    x[0, 2, 4] = 1.0
    turned = F.rotate(x, 37, "bilinear", center=(4.5, 2.5))
    assert turned[0, 2, 4] == pytest.approx(1.0)
    assert F.rotate(x, 180)[0, 4, 2] == 1.0
    bigger = F.affine(x, 0.0, [0, 0], 3.0, [0.0, 0.0], center=(4.5, 2.5))
    assert bigger.sum() == 9 and bigger[0, 1:4, 3:6].sum() == 9


def test_shear_moves_rows_and_columns():
    x = np.zeros((1, 5, 5), np.uint8)
    x[0, :, 2] = 1
    sheared = F.affine(x, 0.0, [0, 0], 1.0, [45.0, 0.0])  # out x = x - y, from the middle
    assert sheared[0].tolist() == np.eye(5, dtype=int)[:, ::-1].tolist()
    sheared = F.affine(x.transpose(0, 2, 1), 0.0, [0, 0], 1.0, [0.0, 45.0])
    assert sheared[0].tolist() == np.eye(5, dtype=int)[:, ::-1].tolist()


@given(size=st.tuples(st.integers(1, 9), st.integers(1, 9)), antialias=st.booleans(), x=images)
def test_resize_keeps_what_is_constant_and_stays_within(size, antialias, x):
    out = F.resize(x, size, antialias=antialias)
    assert out.shape == (len(x), *size)
    slack = 0 if x.dtype.kind == "u" else 1e-6
    assert out.min() >= x.min() - slack and out.max() <= x.max() + slack
    flat = np.full_like(x, x.flat[0])
    np.testing.assert_allclose(F.resize(flat, size, antialias=antialias), x.flat[0], rtol=1e-6)


def test_resize_by_hand():
    x = np.array([[[0.0, 4.0, 8.0, 12.0]]])
    assert F.resize(x, [1, 8], antialias=False)[0, 0].tolist() == [0, 1, 3, 5, 7, 9, 11, 12]
    assert F.resize(x, [1, 2], antialias=False)[0, 0].tolist() == [2, 10]
    # Weights 1, 3, 3 (, 1) of pixels whose middles are 0.5 and 1.5 away; one falls off the edge.
    expected = [(3 * 0 + 3 * 4 + 8) / 7, (4 + 3 * 8 + 3 * 12) / 7]
    np.testing.assert_allclose(F.resize(x, [1, 2])[0, 0], expected)
    assert F.resize(x, [1, 2], "nearest")[0, 0].tolist() == [0, 8]
    assert F.resize(x, [1, 2], "nearest-exact")[0, 0].tolist() == [4, 12]
    assert F.resize(np.array([[[0, 255]]], np.uint8), [1, 1]).tolist() == [[[128]]]
    assert transforms.Resize((1, 2))(x).tolist() == F.resize(x, [1, 2], antialias=True).tolist()
    x = np.arange(7).reshape(1, 1, 7)
    for n in (1, 3, 4, 5, 9):
        middles = [min(int((i + 0.5) * 7 / n), 6) for i in range(n)]
        assert F.resize(x, [1, n], "nearest-exact")[0, 0].tolist() == middles


@pytest.mark.parametrize(
    ("size", "shape", "out"),
    [
        (4, (8, 10), (4, 5)), (4, (10, 8), (5, 4)), ([4], (10, 8), (5, 4)),
        ((4, 6), (10, 8), (4, 6)), (6, (3, 4), (6, 8)), (4, (5, 5), (4, 4)), (4, (8, 9), (4, 4)),
    ],
)  # fmt: skip
def test_sizes_of_resize(size, shape, out):
    assert transforms.Resize(size)(np.zeros((1, *shape))).shape == (1, *out)


def test_resize_with_a_largest_size():
    resize = transforms.Resize(10, max_size=15)
    assert resize(np.zeros((1, 10, 40))).shape == (1, 3, 15)
    assert resize(np.zeros((1, 12, 10))).shape == (1, 12, 10)


def test_center_crop_of_what_is_smaller():
    out = F.center_crop(np.ones((1, 2, 1), np.uint8), (3, 4))
    assert out[0].tolist() == [[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    out = F.center_crop(np.ones((1, 1, 1), np.uint8), (3, 5))
    assert out[0].tolist() == [[0] * 5, [0, 0, 1, 0, 0], [0] * 5]


# Values


def test_types_there_and_back():
    x = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    unit = transforms.ToDtype(minigrad.float32, scale=True)(x)
    assert unit.dtype == np.float32 and unit.min() == 0 and unit.max() == 1
    np.testing.assert_allclose(unit, x / 255, rtol=1e-6)
    assert transforms.ToDtype(minigrad.uint8, scale=True)(unit).tolist() == x.tolist()
    assert transforms.ToDtype(minigrad.float64)(x).max() == 255
    wide = F.to_dtype(x, np.dtype(np.int32), scale=True)
    assert F.to_dtype(wide, np.dtype(np.uint8), scale=True).tolist() == x.tolist()
    assert F.to_dtype(unit, np.dtype(np.float64), scale=True).dtype == np.float64
    for dtype in (np.int32, np.int64):
        with pytest.raises(RuntimeError, match="cannot be performed safely"):
            F.to_dtype(unit, np.dtype(dtype), scale=True)


def test_normalize():
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, (3, 40, 40)).astype(np.float32)
    mean, std = x.mean((1, 2)), x.std((1, 2))
    out = transforms.Normalize(mean, std)(x)
    np.testing.assert_allclose(out.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std((1, 2)), 1, rtol=1e-5)
    assert out.dtype == np.float32
    with pytest.raises(TypeError, match="should be a float tensor, got uint8"):
        transforms.Normalize([0.5], [0.5])(np.zeros((1, 1, 1), np.uint8))
    with pytest.raises(ValueError, match="division by zero"):
        transforms.Normalize([0.5], [0.0])(x)


@given(images)
def test_factors_of_one_and_of_nothing(x):
    for adjust in (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation):
        assert adjust(x, 1.0).tolist() == x.tolist()
    close = dict(rtol=1e-5, atol=1e-6) if x.dtype.kind == "f" else dict(atol=1)
    np.testing.assert_allclose(F.adjust_hue(x, 0.0).astype(float), x.astype(float), **close)
    assert (F.adjust_brightness(x, 0.0) == 0).all()
    assert np.ptp(F.adjust_contrast(x, 0.0)) == 0
    if len(x) == 3:
        assert (np.ptp(F.adjust_saturation(x, 0.0), axis=0) == 0).all()


def test_hues_go_round():
    red, yellow, green = ([255, 0, 0], [255, 255, 0], [0, 255, 0])
    colours = np.array([red, yellow, green, [255, 128, 128], [7, 7, 7]], np.uint8).T[:, None]
    third = F.adjust_hue(colours, 1 / 3)[:, 0].T.tolist()
    assert third == [green, [0, 255, 255], [0, 0, 255], [128, 255, 128], [7, 7, 7]]
    assert F.adjust_hue(colours, -1 / 3)[:, 0, 0].tolist() == [0, 0, 255]
    opposite = F.adjust_hue(colours, 0.5)[:, 0].T.tolist()
    assert opposite[0] == [0, 255, 255] and opposite[1] == [0, 0, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_factors_between(dtype):
    scale = 1 if dtype == np.uint8 else 1 / 256
    x = np.array([[[100, 203]], [[100, 201]], [[100, 202]]], dtype) * dtype(scale)
    grey = 0.2989 * x[0] + 0.587 * x[1] + 0.114 * x[2]
    if dtype == np.uint8:
        grey = np.floor(grey)
    for adjust, other in ((F.adjust_contrast, grey.mean()), (F.adjust_saturation, grey)):
        expected = 0.75 * x + 0.25 * other
        out = adjust(x, 0.75)
        if dtype == np.uint8:
            expected = np.floor(expected)
        np.testing.assert_allclose(out, expected, rtol=1e-5)
    assert F.adjust_brightness(x, 2.0).max() == (255 if dtype == np.uint8 else 1)


def test_brightness_saturates_and_grey_weighs_colours():
    x = np.array([[[100]], [[200]], [[0]]], np.uint8)
    assert F.adjust_brightness(x, 2.0).ravel().tolist() == [200, 255, 0]
    assert F.rgb_to_grayscale(x).tolist() == [[[int(0.2989 * 100 + 0.587 * 200)]]]
    assert F.rgb_to_grayscale(x[:1]).tolist() == x[:1].tolist()
    assert transforms.Grayscale(3)(x).ravel().tolist() == [147, 147, 147]


def test_to_image():
    x = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert transforms.ToImage()(x).tolist() == x.transpose(2, 0, 1).tolist()
    assert transforms.ToImage()(x[:, :, 0]).tolist() == [x[:, :, 0].tolist()]
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")
    assert transforms.ToImage()(image.fromarray(x)).tolist() == x.transpose(2, 0, 1).tolist()
    for wrong in (np.zeros(3), "picture", np.zeros((1, 1, 1, 1))):
        with pytest.raises(TypeError, match="ToImage: expected a picture"):
            transforms.ToImage()(wrong)


# Arguments


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: transforms.Compose([]), ValueError, "at least one"),
        (lambda: transforms.Compose(transforms.Pad(1)), TypeError, "sequence"),
        (lambda: transforms.Lambda(3), TypeError, "expected a function, got int"),
        (lambda: transforms.Pad([1, 2, 3]), ValueError, "1, 2 or 4"),
        (lambda: transforms.CenterCrop((1, 2, 3)), ValueError, "height and width"),
        (lambda: transforms.RandomCrop(0), ValueError, "from 1 on; got 0"),
        (lambda: transforms.Resize((2, 3), max_size=9), ValueError, "max_size"),
        (lambda: transforms.Resize(4, max_size=4), ValueError, "max_size"),
        (lambda: transforms.RandomHorizontalFlip(1.01), ValueError, "p should be in"),
        (lambda: transforms.RandomRotation(-3), ValueError, "degrees .* non negative"),
        (lambda: transforms.RandomRotation((3, 1)), ValueError, "degrees"),
        (lambda: transforms.RandomAffine(0, (1.01, 0)), ValueError, "between 0 and 1"),
        (lambda: transforms.RandomAffine(0, scale=(0, 1)), ValueError, "positive"),
        (lambda: transforms.ColorJitter(-0.1), ValueError, "brightness"),
        (lambda: transforms.ColorJitter(0, (-1, 1)), ValueError, "contrast"),
        (lambda: transforms.ColorJitter(hue=0.6), ValueError, "hue"),
        (lambda: transforms.Grayscale(2), ValueError, "1 or 3"),
    ],
)
def test_arguments_that_make_no_sense(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: transforms.RandomCrop(5)(x), "larger than input image .*pad_if_needed"),
        (lambda x: F.crop(x, 0, 1, 4, 4), "pad the image first"),
        (lambda x: F.crop(x, -1, 0, 2, 2), "pad the image first"),
        (lambda x: F.crop(x, 3, 0, 2, 2), "pad the image first"),
        (lambda x: F.resize(x, [2, 2], "cubic"), "nearest, nearest-exact or bilinear"),
        (lambda x: F.rotate(x, 3, "cubic"), "nearest or bilinear"),
        (lambda x: F.adjust_hue(x, 0.51), "not in"),
        (lambda x: F.adjust_hue(x, -0.51), "not in"),
        (lambda x: F.adjust_contrast(x, -1.0), "non-negative"),
        (lambda x: F.rgb_to_grayscale(x[:2]), "1 or 3 channels"),
    ],
)
def test_images_that_do_not_fit(call, text):
    with pytest.raises(ValueError, match=text):
        call(np.zeros((3, 4, 4), np.uint8))


def test_arguments_at_their_ends():
    x = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    chain = transforms.Compose([
        transforms.RandomHorizontalFlip(1.0), transforms.RandomVerticalFlip(0.0),
        transforms.RandomRotation((0, 0)), transforms.RandomAffine(0, (0, 0), (1, 1), 0),
        transforms.ColorJitter((1, 1), 0, 0, 0.0), transforms.RandomCrop((2, 2)),
    ])  # fmt: skip
    assert chain(x).tolist() == x[..., ::-1].tolist()
    transforms.RandomAffine(0, (1, 1))(x)
    transforms.ColorJitter(hue=0.5)(x)
    assert F.adjust_hue(x, -0.5).shape == x.shape
    assert transforms.CenterCrop(1)(x).shape == (3, 1, 1)


def test_reprs():
    chain = transforms.Compose([transforms.Pad(1), transforms.ToImage(), transforms.Lambda(abs)])
    assert repr(chain) == (
        "Compose(\n    Pad(padding=1, fill=0, padding_mode='constant')\n    ToImage()\n"
        "    Lambda(abs)\n)"
    )
    assert repr(transforms.RandomHorizontalFlip()) == "RandomHorizontalFlip(p=0.5)"
