"""The layers that work on windows, and padding: as PyTorch's in values, gradients, second
gradients, repr, state and errors.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from side_by_side import LIBRARIES, compare, compare_errors, compare_layers

pytest.importorskip("torch")
# PyTorch says that it copies its input for even kernels and padding="same".
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")

LINE, PLANE, SPACE = (2, 4, 9), (2, 4, 8, 7), (2, 4, 5, 4, 6)


def name_of(value):
    return value if isinstance(value, str) else ""


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CONVOLUTIONS = [
    ("Conv1d", (4, 6, 3), {"padding": "same", "dilation": 2, "padding_mode": "circular"}, LINE),
    ("Conv1d", (4, 6, 4), {"padding": "same", "padding_mode": "reflect"}, (4, 9)),
    ("Conv1d", (4, 2, 3), {"padding": "valid", "padding_mode": "replicate"}, LINE),
    ("Conv2d", (4, 6, 3), {"padding": (2, 1), "padding_mode": "reflect", "groups": 2}, PLANE),
    ("Conv2d", (4, 3, (2, 3)), {"padding": 1, "padding_mode": "replicate", "stride": 2}, PLANE),
    ("Conv2d", (4, 3, (2, 4)), {"padding": "same", "padding_mode": "circular"}, (4, 8, 7)),
    ("Conv3d", (4, 3, 2), {}, SPACE),
    ("Conv3d", (4, 3, (3, 1, 5)), {"padding": "same"}, (4, 5, 4, 6)),
    ("Conv3d", (4, 6, (2, 3, 1)), {"stride": (2, 1, 3), "padding": (1, 2, 0), "groups": 2}, SPACE),
    ("Conv3d", (4, 4, 2), {"dilation": (3, 1, 2), "groups": 4, "bias": False}, SPACE),
    ("Conv3d", (4, 2, 3), {"padding": 1, "padding_mode": "circular"}, SPACE),
    ("Conv3d", (4, 2, 3), {"padding": (0, 1, 2), "padding_mode": "replicate"}, SPACE),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1, "groups": 2}, LINE),
    ("ConvTranspose1d", (4, 3, 2), {"padding": 1, "dilation": 3, "bias": False}, (4, 9)),
    ("ConvTranspose3d", (4, 3, 2), {"stride": 2}, SPACE),
    ("ConvTranspose3d", (4, 6, (2, 3, 2)), {"padding": (1, 2, 0), "groups": 2}, (4, 5, 4, 6)),
    ("ConvTranspose3d", (4, 2, 2), {"stride": (1, 3, 2), "output_padding": (0, 2, 1)}, SPACE),
    ("ConvTranspose3d", (4, 2, 2), {"dilation": (2, 1, 3), "padding": 1}, SPACE),
]
NORMS = [
    ("BatchNorm3d", (4,), {}, SPACE),
    ("BatchNorm3d", (4,), {"momentum": None, "affine": False}, SPACE),
    ("InstanceNorm3d", (4,), {"affine": True}, SPACE),
    ("InstanceNorm3d", (4,), {"track_running_stats": True}, (4, 5, 4, 6)),
]
POOLS = [
    ("MaxPool1d", (2,), {}, LINE),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}, (4, 9)),
    ("MaxPool1d", (3,), {"return_indices": True}, LINE),
    ("MaxPool2d", (3,), {"return_indices": True, "padding": 1}, PLANE),
    ("MaxPool3d", (2,), {}, SPACE),
    ("MaxPool3d", ((2, 1, 3),), {"stride": 2, "padding": (1, 0, 1), "ceil_mode": True}, SPACE),
    ("MaxPool3d", (2,), {"dilation": (2, 1, 3), "stride": 1, "return_indices": True}, SPACE[1:]),
    ("AvgPool1d", (2,), {}, LINE),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, (4, 9)),
    ("AvgPool1d", (3, 1, 1), {"count_include_pad": False}, LINE),
    ("AvgPool3d", (2,), {}, SPACE),
    ("AvgPool3d", ((2, 3, 2), (1, 2, 2), (1, 0, 1)), {"count_include_pad": False}, SPACE),
    ("AvgPool3d", (2,), {"ceil_mode": True, "divisor_override": 3}, SPACE[1:]),
    ("AdaptiveAvgPool1d", (4,), {}, LINE),
    ("AdaptiveAvgPool1d", (3,), {}, (4, 9)),
    ("AdaptiveAvgPool2d", ((5, 3),), {}, PLANE),
    ("AdaptiveAvgPool3d", (3,), {}, SPACE),
    ("AdaptiveAvgPool3d", ((1, None, 2),), {}, SPACE[1:]),
    ("AdaptiveMaxPool1d", (4,), {}, LINE),
    ("AdaptiveMaxPool1d", (3,), {"return_indices": True}, (4, 9)),
    ("AdaptiveMaxPool2d", ((5, 3),), {"return_indices": True}, PLANE),
    ("AdaptiveMaxPool2d", ((None, 4),), {}, PLANE[1:]),
    ("AdaptiveMaxPool3d", (3,), {"return_indices": True}, SPACE),
]
PADS = [
    ("ConstantPad1d", ((2, 1), 1.5), {}, LINE),
    ("ConstantPad2d", ((2, 1, 0, 3), -1), {}, PLANE),
    ("ConstantPad3d", (1, 0.5), {}, SPACE),
    ("ZeroPad1d", (2,), {}, (4, 9)),
    ("ZeroPad2d", ((2, -1, 0, 1),), {}, PLANE),
    ("ZeroPad3d", ((0, 1, 2, 0, 1, 1),), {}, SPACE),
    *[
        (f"{kind}Pad{d}d", (padding,), {}, shape)
        for kind in ("Reflection", "Replication", "Circular")
        for d, padding, shape in [
            (1, 3, LINE),
            (1, (0, 2), LINE[1:]),
            (2, (1, 2, 3, 0), PLANE),
            (2, 2, PLANE[1:]),
            (3, (1, 2, 0, 3, 2, 1), SPACE),
            (3, 1, SPACE[1:]),
        ]
    ],
]
OTHERS = [
    ("Unfold", (2,), {}, PLANE),
    ("Unfold", ((3, 2),), {"dilation": (1, 2), "padding": (2, 0), "stride": (2, 3)}, PLANE),
    ("Unfold", ((1, 3),), {"padding": 1}, PLANE[1:]),
    ("Fold", ((4, 5), 2), {}, (2, 12, 12)),
    ("Fold", ((4, 5), (1, 2)), {"dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)}, (6, 9)),
    ("LPPool1d", (2, 3), {}, LINE),
    ("LPPool1d", (3.5, 2), {"stride": 1}, LINE),
    ("LPPool2d", (1, (2, 3)), {"ceil_mode": True}, PLANE),
    ("LPPool3d", (2, 2), {}, SPACE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args", "options", "shape"), CONVOLUTIONS + NORMS + POOLS + PADS, ids=name_of
)
def test_layers(name, args, options, shape):
    compare_layers(name, args, options, random(shape))


@pytest.mark.parametrize(("name", "args", "options", "shape"), OTHERS, ids=name_of)
def test_layers_of_positive_inputs(name, args, options, shape):
    compare_layers(name, args, options, np.abs(random(shape)))


def test_lp_pool_of_a_negative_sum():
    x = np.array([[-2.0, 1.0, 3.0]])
    compare(lambda t, n, x: n.functional.lp_pool1d(x, 3, 2, 1), x, second=False)


@pytest.mark.parametrize(
    ("name", "size", "stride", "padding", "shape", "output_size"),
    [
        ("1d", 2, None, 0, (2, 3, 8), None),
        ("1d", 3, 2, 1, (3, 9), None),
        ("2d", 2, None, 0, (2, 3, 5, 6), (5, 6)),
        ("2d", (2, 3), (1, 2), (0, 1), (3, 5, 7), None),
        ("2d", 2, None, 0, (2, 3, 5, 6), (2, 3, 5, 7)),
        ("3d", 2, None, 0, (2, 3, 4, 5, 6), (4, 5, 6)),
        ("3d", 2, 1, 0, (3, 4, 5, 6), None),
    ],
)
def test_max_unpool(name, size, stride, padding, shape, output_size):
    def call(t, n, x):
        pool = getattr(n, f"MaxPool{name}")(size, stride, padding, return_indices=True)
        unpool = getattr(n, f"MaxUnpool{name}")(size, stride, padding)
        texts.append(repr(unpool))
        values, places = pool(x)
        # Where windows overlap, one place has several of equal value: then only one is written,
        # and which of them has the gradient is not said.
        return unpool(values if stride in (None, 2) else values.detach(), places, output_size)

    texts = []
    compare(call, random(shape))
    assert texts[0] == texts[1]


def test_output_size_of_transposed_convolutions():
    for dims, shape, wanted in (("1d", (1, 2, 4), (10,)), ("3d", (1, 2, 3, 2, 2), (1, 3, 7, 6, 5))):
        for n_out in (wanted, (1, 3, *wanted[-int(dims[0]) :])):

            def call(t, n, x, dims=dims, n_out=n_out):
                layer = getattr(n, f"ConvTranspose{dims}")(2, 3, 3, stride=2)
                return layer(x, output_size=n_out) * 0

            compare(call, random(shape).astype(np.float32))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("shape", "pad"),
    [((2, 5), (4, 2)), ((2, 5), (-1, 2)), ((2, 3, 5), (2, -2, 1, 0)), ((2, 2, 3, 5), (0, 4, 2, 2))],
)
def test_pad(mode, shape, pad):
    for values in (random(shape), np.arange(np.prod(shape)).reshape(shape)):
        compare(lambda t, n, x: n.functional.pad(x, pad, mode), values)


IMAGES = {1: (2, 3, 5), 2: (2, 3, 5, 4), 3: (2, 2, 3, 5, 4)}
RESIZED = [
    {"size": 7},
    {"size": 3},
    {"size": 1},
    {"scale_factor": 2.0},
    {"scale_factor": 1.7},
    {"scale_factor": 0.6},
    {"scale_factor": 2.6, "recompute_scale_factor": True},
    {"scale_factor": 1.0},
]
MODES = {
    1: ["nearest", "nearest-exact", "area", "linear"],
    2: ["nearest", "nearest-exact", "area", "bilinear", "bicubic"],
    3: ["nearest", "nearest-exact", "area", "trilinear"],
}


@pytest.mark.parametrize("options", RESIZED)
@pytest.mark.parametrize(("dims", "mode"), [(d, mode) for d in MODES for mode in MODES[d]])
def test_interpolate(dims, mode, options):
    shape = IMAGES[dims]
    for align in (None, True) if mode.endswith(("linear", "cubic")) else (None,):
        more = options | {"mode": mode, "align_corners": align}
        compare(lambda t, n, x, more=more: n.functional.interpolate(x, **more), random(shape))


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from(["nearest", "nearest-exact"]))
def test_interpolate_takes_the_same_pixel(n, m, mode):
    x = np.arange(float(n)).reshape(1, 1, n)
    for wanted in ({"size": m}, {"scale_factor": m / n + 1e-6}):
        compare(lambda t, nn, x, w=wanted: nn.functional.interpolate(x, mode=mode, **w), x)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(3, 9), (2, 2), (1, 4), (10, 3)])
def test_interpolate_with_antialias(mode, align, size):
    options = {"size": size, "mode": mode, "antialias": True, "align_corners": align}
    compare(lambda t, n, x: n.functional.interpolate(x, **options), random((2, 3, 7, 8)))


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("align", [False, True])
def test_grid_sample(mode, padding_mode, align):
    def call(t, n, x, grid):
        # PyTorch has a gradient of 0 by a grid of which the nearest pixels are taken.
        grid = grid.detach() + grid * 0 if mode == "nearest" else grid
        return n.functional.grid_sample(x, grid, mode, padding_mode, align) + grid.sum() * 0

    second = mode != "nearest" and padding_mode == "zeros"
    compare(call, random((2, 3, 5, 4)), random((2, 3, 6, 2), seed=1), second=second)
    if mode != "bicubic":
        x, grid = random((2, 2, 3, 5, 4)), random((2, 2, 3, 1, 3), seed=1)
        compare(call, x, grid, second=False)


@pytest.mark.filterwarnings("ignore:Since version 1.3.0")
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 1, 1, 3), (2, 2, 2, 3, 4)])
def test_affine_grid(size, align):
    d = len(size) - 2
    theta = random((2, d, d + 1))
    compare(lambda t, n, x: n.functional.affine_grid(x, size, align_corners=align), theta)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, float("inf")])
def test_pdist(p):
    compare(lambda t, n, x: n.functional.pdist(x, p), random((4, 3)), second=False)


UPSAMPLING = [
    ("Upsample", (), {"scale_factor": 2}, IMAGES[2]),
    ("Upsample", ((6, 3),), {"mode": "bicubic", "align_corners": True}, IMAGES[2]),
    ("Upsample", (), {"scale_factor": (1.5, 2), "recompute_scale_factor": True}, IMAGES[2]),
    ("UpsamplingNearest2d", (7,), {}, IMAGES[2]),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2.5}, IMAGES[2]),
    ("ChannelShuffle", (2,), {}, (2, 6, 3)),
    ("ChannelShuffle", (3,), {}, (2, 6, 3, 2)),
]


@pytest.mark.parametrize(("name", "args", "options", "shape"), UPSAMPLING, ids=name_of)
def test_upsampling_layers(name, args, options, shape):
    compare_layers(name, args, options, random(shape))


LAZY = [
    ("LazyLinear", (3,), {"bias": False}, (2, 4)),
    ("LazyConv1d", (3, 2), {}, LINE),
    ("LazyConv2d", (4, 3), {"groups": 2, "padding": 1}, PLANE),
    ("LazyConv3d", (4, 3), {}, SPACE),
    ("LazyConvTranspose1d", (3, 2), {"stride": 2}, LINE),
    ("LazyConvTranspose2d", (4, 3), {"groups": 2}, PLANE),
    ("LazyConvTranspose3d", (4, 3), {"bias": False}, SPACE),
    ("LazyBatchNorm1d", (), {}, LINE),
    ("LazyBatchNorm2d", (), {"affine": False}, PLANE),
    ("LazyBatchNorm3d", (), {"track_running_stats": False}, SPACE),
    ("LazyInstanceNorm1d", (), {}, LINE),
    ("LazyInstanceNorm2d", (), {"affine": True}, PLANE),
    ("LazyInstanceNorm3d", (), {"track_running_stats": True}, SPACE),
]


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize(("name", "args", "options", "shape"), LAZY, ids=name_of)
def test_lazy_layers(name, args, options, shape):
    seen = []
    for library, module in LIBRARIES:
        layer = getattr(module, name)(*args, **options)
        texts = [repr(layer), [type(x).__name__ for x in layer.state_dict().values()]]
        layer(library.ones(shape))
        sizes = [tuple(x.shape) for x in layer.state_dict().values()]
        seen.append([*texts, repr(layer), type(layer).__name__, list(layer.state_dict()), sizes])
    assert seen[0] == seen[1]


def test_parameter_containers():
    seen = []
    for library, module in LIBRARIES:
        some = module.ParameterList([library.zeros(2, 3), 5])
        named = module.ParameterDict({"a": library.zeros(2), "b": some})
        texts = [repr(some).replace("minigrad", "torch"), list(named.state_dict())]
        seen.append(texts + [len(named), [n for n, _ in named.named_parameters()]])
    assert seen[0] == seen[1]


@pytest.mark.filterwarnings("ignore:Lazy modules", "ignore:Default grid_sample")
@pytest.mark.parametrize(
    "misuse",
    [
        lambda t, n: n.Upsample()(t.zeros(1, 1, 4)),
        lambda t, n: n.Upsample(3, 2.0)(t.zeros(1, 1, 4)),
        lambda t, n: n.Upsample(3)(t.zeros(1, 4)),
        lambda t, n: n.Upsample(3, mode="linear")(t.zeros(1, 1, 4, 4)),
        lambda t, n: n.Upsample(3, mode="bilinear")(t.zeros(1, 1, 4)),
        lambda t, n: n.Upsample(3, mode="quintic")(t.zeros(1, 1, 4)),
        lambda t, n: n.Upsample(3, align_corners=True)(t.zeros(1, 1, 4)),
        lambda t, n: n.Upsample((3,))(t.zeros(1, 1, 4, 4)),
        lambda t, n: n.Upsample(scale_factor=(3.0,))(t.zeros(1, 1, 4, 4)),
        lambda t, n: n.Upsample((0, 3))(t.zeros(1, 1, 4, 4)),
        lambda t, n: n.Upsample((2.5, 3))(t.zeros(1, 1, 4, 4)),
        lambda t, n: n.Upsample(3)(t.zeros(1, 0, 4)),
        lambda t, n: n.Upsample(3, recompute_scale_factor=True)(t.zeros(1, 1, 4)),
        lambda t, n: n.Upsample(3, mode="bilinear")(t.zeros(1, 1, 4, 4).long()),
        lambda t, n: n.functional.interpolate(t.zeros(1, 1, 4), 3, antialias=True),
        lambda t, n: n.functional.affine_grid(t.zeros(1, 2, 2), (1, 1, 2, 2)),
        lambda t, n: n.functional.affine_grid(t.zeros(1, 2, 3).long(), (1, 1, 2, 2)),
        lambda t, n: n.functional.grid_sample(t.zeros(1, 1, 2, 2), t.zeros(1, 1, 1, 2), "cubic"),
        lambda t, n: n.functional.grid_sample(t.zeros(1, 1, 2, 2), t.zeros(1, 1, 1, 3)),
        lambda t, n: n.functional.grid_sample(
            t.zeros(1, 1, 2, 2, 2), t.zeros(1, 1, 1, 1, 3), "bicubic", align_corners=False),
        lambda t, n: n.functional.pdist(t.zeros(3)),
        lambda t, n: n.functional.pdist(t.zeros(3, 2), -1.0),
        lambda t, n: n.AdaptiveAvgPool2d((2, 2))(t.zeros(2, 2)),
        lambda t, n: n.ChannelShuffle(2)(t.zeros(2, 3, 2)),
        lambda t, n: n.ChannelShuffle(2)(t.zeros(2, 4)),
        lambda t, n: n.LazyLinear(3).weight.shape,
        lambda t, n: n.LazyLinear(3).weight.numel(),
        lambda t, n: n.LazyConv2d(4, 3, groups=2)(t.zeros(1, 3, 5, 5)),
        lambda t, n: n.LazyConv2d(4, 3)(t.zeros(3, 5)),
        lambda t, n: n.LazyBatchNorm2d()(t.zeros(3, 5)),
        lambda t, n: n.Linear(5, 3).load_state_dict(n.LazyLinear(3).state_dict()),
        lambda t, n: n.ParameterList([])[0],
        lambda t, n: n.ParameterList([])["a"],
        lambda t, n: n.ParameterList([])(1),
        lambda t, n: n.ParameterList(3),
        lambda t, n: n.ParameterList(t.zeros(2)),
        lambda t, n: n.ParameterDict({})["a"],
        lambda t, n: n.ParameterDict({})(1),
        lambda t, n: n.ParameterDict({}).update(3),
        lambda t, n: n.ParameterDict({}).pop("a"),
        lambda t, n: n.functional.pad(t.zeros(4), (1, 1), "reflect"),
        lambda t, n: n.functional.pad(t.zeros(2, 3, 4, 5), (1, 1), "reflect"),
        lambda t, n: n.functional.pad(t.zeros(2, 3), (1, 1), "mirror"),
        lambda t, n: n.functional.pad(t.zeros(2, 3), (3, 0), "reflect"),
        lambda t, n: n.functional.pad(t.zeros(2, 3), (0, 4), "circular"),
        lambda t, n: n.functional.pad(t.zeros(2, 3), (1, 0), "reflect", 1.0),
        lambda t, n: n.functional.pad(t.zeros(2, 0), (1, 1), "replicate"),
        lambda t, n: n.functional.pad(t.zeros(2, 3), (-2, -1), "replicate"),
        lambda t, n: n.functional.pad(t.zeros(2, 3), (1,), "reflect"),
        lambda t, n: n.Conv2d(2, 3, 3, padding_mode="mirror"),
        lambda t, n: n.ConvTranspose2d(2, 3, 3, padding_mode="reflect"),
        lambda t, n: n.Conv3d(2, 3, 3)(t.zeros(1, 3, 4, 4, 4)),
        lambda t, n: n.Conv3d(2, 3, 3)(t.zeros(1, 2, 4, 4)[0]),
        lambda t, n: n.Conv3d(2, 3, 3)(t.zeros(1, 2, 2, 4, 4)),
        lambda t, n: n.Conv1d(2, 3, 3, padding="same", stride=2),
        lambda t, n: n.ConvTranspose1d(2, 3, 3)(t.zeros(1, 2, 4), output_size=(9,)),
        lambda t, n: n.ConvTranspose3d(2, 3, 3)(t.zeros(1, 2, 4, 4, 4), output_size=(6, 6)),
        lambda t, n: n.MaxPool1d(3)(t.zeros(1, 2, 2)),
        lambda t, n: n.MaxPool3d(2)(t.zeros(2, 2)),
        lambda t, n: n.AvgPool3d(2, divisor_override=0)(t.zeros(1, 2, 2, 2)),
        lambda t, n: n.AvgPool1d(2, padding=2)(t.zeros(1, 2, 2)),
        lambda t, n: n.AdaptiveAvgPool1d(2)(t.zeros(3)),
        lambda t, n: n.AdaptiveAvgPool3d((2, 2))(t.zeros(1, 2, 2, 2, 2)),
        lambda t, n: n.AdaptiveMaxPool2d((2, 2, 2))(t.zeros(1, 2, 2, 2)),
        lambda t, n: n.AdaptiveMaxPool2d(2)(t.zeros(1, 2, 0, 2)),
        lambda t, n: n.AdaptiveMaxPool1d(-1)(t.zeros(1, 2, 2)),
        lambda t, n: n.MaxUnpool2d(2)(t.zeros(1, 2, 2), t.zeros(1, 2, 3).long()),
        lambda t, n: n.MaxUnpool2d(2)(t.zeros(1, 2, 2), t.full((1, 2, 2), 16)),
        lambda t, n: n.MaxUnpool2d(2)(t.zeros(1, 2, 2), t.zeros(1, 2, 2).long(), (1, 1)),
        lambda t, n: n.MaxUnpool2d(2)(t.zeros(1, 2, 2), t.zeros(1, 2, 2).long(), (6, 4)),
        lambda t, n: n.MaxUnpool2d(2)(t.zeros(1, 2, 2), t.zeros(1, 2, 2).long(), (4, 2)),
        lambda t, n: n.MaxUnpool2d(2)(t.zeros(1, 2, 2), t.zeros(1, 2, 2).long(), (4,)),
        lambda t, n: n.Unfold(3)(t.zeros(1, 2, 2, 4)),
        lambda t, n: n.Unfold(0)(t.zeros(1, 2, 4, 4)),
        lambda t, n: n.Fold((4, 4), 2)(t.zeros(1, 5, 9)),
        lambda t, n: n.Fold((4, 4), 2)(t.zeros(1, 8, 8)),
        lambda t, n: n.Fold((4, 4), 2)(t.zeros(9)),
        lambda t, n: n.BatchNorm3d(2)(t.zeros(2, 2, 2, 2)),
        lambda t, n: n.InstanceNorm3d(2)(t.zeros(2, 2, 2)),
    ],
)
def test_misuse_raises_the_same_type(misuse):
    compare_errors(misuse)


@pytest.mark.parametrize(
    "d, options",
    [
        (2, {"kernel_size": 2, "output_size": (5, 3)}),
        (2, {"kernel_size": (3, 1), "output_ratio": (0.6, 0.9)}),
        (2, {"kernel_size": 4, "output_size": 1}),
        (3, {"kernel_size": 2, "output_size": (3, 2, 4)}),
        (3, {"kernel_size": (1, 2, 3), "output_ratio": 0.5}),
    ],
)
def test_fractional_max_pool(d, options):
    """Of random numbers that are given; without, PyTorch draws others."""
    space = {2: PLANE, 3: SPACE}[d]
    draws = np.random.default_rng(1).uniform(size=(2, 4, d))

    def call(t, n, x):
        layer = getattr(n, f"FractionalMaxPool{d}d")
        return layer(return_indices=True, _random_samples=t.tensor(draws), **options)(x)

    compare(call, random(space), second=False)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda t, n: n.FractionalMaxPool2d(2),
        lambda t, n: n.FractionalMaxPool2d(2, output_size=2, output_ratio=0.5),
        lambda t, n: n.FractionalMaxPool3d(2, output_ratio=1.5),
        lambda t, n: n.functional.fractional_max_pool2d(t.ones(1, 4, 4), 2),
        lambda t, n: n.FractionalMaxPool2d(3, output_size=3)(t.ones(1, 4, 4)),
    ],
)
def test_misuse_of_fractional_max_pool_raises_the_same_type(misuse):
    compare_errors(misuse)
