"""Tensors as objects: making them, their types and devices, converting them, and what bad input
says.
"""

import copy
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

import minigrad
from minigrad import nn
from minigrad.device import _registry


def check(actual, expected, dtype=None):
    np.testing.assert_array_equal(actual.numpy(), np.asarray(expected))
    if dtype is not None:
        assert actual.dtype is dtype


# -- making


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (True, minigrad.bool),
        (3, minigrad.int64),
        (2.5, minigrad.float32),
        ([1, 2.5], minigrad.float32),
        ([], minigrad.float32),
        ([[True], [False]], minigrad.bool),
        (np.zeros(2, np.float64), minigrad.float64),
        (np.float64(1.5), minigrad.float64),
        (np.array([1], np.uint8), minigrad.uint8),
    ],
)
def test_tensor_infers_the_type_of_its_data(data, dtype):
    check(minigrad.tensor(data), data, dtype)


@pytest.mark.cpu
def test_tensor_copies_and_from_numpy_shares():
    array = np.ones(3, np.float32)
    copied, shared = minigrad.tensor(array), minigrad.from_numpy(array)
    array[0] = 7
    check(copied, [1, 1, 1])
    check(shared, [7, 1, 1])
    shared.add_(1)
    assert array.tolist() == [8, 2, 2]


@pytest.mark.cpu
def test_as_tensor_shares_what_it_can():
    array = np.ones(3)
    assert minigrad.as_tensor(array).numpy() is array or np.shares_memory(
        minigrad.as_tensor(array).numpy(), array
    )
    x = minigrad.ones(2)
    assert minigrad.as_tensor(x) is x


@pytest.mark.parametrize("size", [(), (0,), (2, 3)])
def test_filled_tensors(size):
    check(minigrad.zeros(*size), np.zeros(size), minigrad.float32)
    check(minigrad.ones(size), np.ones(size), minigrad.float32)
    check(minigrad.full(size, 3), np.full(size, 3), minigrad.int64)
    assert minigrad.empty(size, dtype=minigrad.int8).shape == size
    like = minigrad.zeros(size, dtype=minigrad.float64)
    check(minigrad.ones_like(like), np.ones(size), minigrad.float64)
    check(like.new_full((2,), 5.0), [5, 5], minigrad.float64)


@pytest.mark.parametrize(
    "args", [(5,), (1, 5), (1, 2.5, 0.5), (5, 1, -2), (0,), (0.0, 1.0, 0.3)], ids=str
)
def test_arange(args):
    expected = np.arange(*args)
    dtype = minigrad.int64 if expected.dtype.kind == "i" else minigrad.float32
    np.testing.assert_allclose(minigrad.arange(*args).numpy(), expected, rtol=1e-6)
    assert minigrad.arange(*args).dtype is dtype


def test_linspace_and_eye():
    np.testing.assert_allclose(minigrad.linspace(0, 1, 5).numpy(), [0, 0.25, 0.5, 0.75, 1])
    check(minigrad.eye(2, 3), np.eye(2, 3), minigrad.float32)


def test_legacy_constructor():
    assert minigrad.Tensor(2, 3).shape == (2, 3)
    check(minigrad.Tensor([1, 2]), [1, 2], minigrad.float32)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: minigrad.zeros(-1), RuntimeError, "negative dimension"),
        (lambda: minigrad.zeros(2.5), TypeError, "shape of ints"),
        (lambda: minigrad.tensor([[1], [2, 3]]), ValueError, "equal lengths"),
        (lambda: minigrad.tensor("text"), TypeError, "could not make a tensor"),
        (lambda: minigrad.tensor(1j), TypeError, "complex"),
        (lambda: minigrad.from_numpy([1]), TypeError, "expected np.ndarray"),
        (
            lambda: minigrad.from_numpy(np.zeros(1, np.complex64)),
            TypeError,
            "no tensors of NumPy type",
        ),
        (lambda: minigrad.arange(0, 1, 0), RuntimeError, "nonzero"),
        (lambda: minigrad.tensor(1, requires_grad=True), RuntimeError, "floating point"),
        (lambda: minigrad.ones(2).item(), RuntimeError, "2 elements cannot be converted"),
        (lambda: bool(minigrad.ones(2)), RuntimeError, "ambiguous"),
        (lambda: len(minigrad.tensor(1)), TypeError, "0-d"),
        (lambda: minigrad.ones(1, requires_grad=True).numpy(), RuntimeError, "detach"),
        (lambda: minigrad.ones(2) + "a", TypeError, "expected a Tensor or a number, got str"),
        (
            lambda: minigrad.ones(2, 3) + minigrad.ones(4),
            RuntimeError,
            r"size of tensor a \(3\) must match.*\(4\)",
        ),
        (
            lambda: minigrad.ones(2).no_such_method(),
            AttributeError,
            "has no attribute 'no_such_method'",
        ),
        (lambda: minigrad.no_such_function, AttributeError, "has no attribute 'no_such_function'"),
        (lambda: minigrad.set_default_dtype(minigrad.int64), TypeError, "floating-point"),
    ],
)
def test_bad_input_says_what_is_wrong(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_missing_name_names_its_neighbours():
    with pytest.raises(AttributeError, match="softmax"):
        _ = minigrad.ones(2).softmaxx


# -- types


def test_numbers_are_weak():
    x = minigrad.ones(2, dtype=minigrad.float16)
    assert (x * 2).dtype is (x * 2.5).dtype is minigrad.float16
    i = minigrad.ones(2, dtype=minigrad.int8)
    assert (i + 1).dtype is minigrad.int8
    assert (i + 1.5).dtype is minigrad.float32
    assert (minigrad.tensor([True]) + 1).dtype is minigrad.int64


def test_0d_tensors_do_not_promote_within_a_category():
    x = minigrad.ones(2, dtype=minigrad.float32)
    assert (x + minigrad.tensor(1.0, dtype=minigrad.float64)).dtype is minigrad.float32
    i = minigrad.ones(2, dtype=minigrad.int8)
    assert (i + minigrad.tensor(1.0, dtype=minigrad.float16)).dtype is minigrad.float16


def test_promotion_casts_gradients_back():
    x = minigrad.ones(2, dtype=minigrad.float32, requires_grad=True)
    y = minigrad.ones(2, dtype=minigrad.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype is minigrad.float32
    assert y.grad.dtype is minigrad.float64


def test_default_dtype():
    minigrad.set_default_dtype(minigrad.float64)
    try:
        assert minigrad.tensor(1.5).dtype is minigrad.zeros(2).dtype is minigrad.float64
        assert (minigrad.tensor(1) / 2).dtype is minigrad.float64
    finally:
        minigrad.set_default_dtype(minigrad.float32)


def test_finfo_and_iinfo():
    assert minigrad.finfo(minigrad.float32).eps == np.finfo(np.float32).eps
    assert minigrad.iinfo(minigrad.int8).max == 127
    with pytest.raises(TypeError):
        minigrad.finfo(minigrad.int8)
    with pytest.raises(TypeError):
        minigrad.iinfo(minigrad.float32)


@pytest.mark.parametrize(
    "name", ["float", "double", "half", "int", "long", "short", "char", "byte", "bool"]
)
def test_conversion_methods(name):
    expected = {
        "double": "float64",
        "half": "float16",
        "int": "int32",
        "long": "int64",
        "float": "float32",
    }
    expected |= {"short": "int16", "char": "int8", "byte": "uint8", "bool": "bool"}
    assert getattr(minigrad.tensor([0, 1]), name)().dtype.name == expected[name]


@pytest.mark.cpu
def test_to_returns_itself_where_nothing_changes():
    x = minigrad.ones(2)
    assert x.to(minigrad.float32) is x.to("cpu") is x.float() is x
    assert x.to(minigrad.float64).dtype is minigrad.float64
    assert x.to(minigrad.ones(1, dtype=minigrad.int8)).dtype is minigrad.int8
    assert x.to(minigrad.float32, copy=True) is not x


# -- as Python objects


def test_numbers_out():
    x = minigrad.tensor(2.5)
    assert float(x) == x.item() == 2.5
    assert int(x) == 2
    assert f"{x:.3f}" == "2.500"
    assert [10, 20, 30][minigrad.tensor(1)] == 20
    assert minigrad.tensor([[1, 2]]).tolist() == [[1, 2]]
    with pytest.raises(TypeError):
        _ = [1, 2][minigrad.tensor(1.0)]


def test_iteration_and_containment():
    x = minigrad.tensor([[1, 2], [3, 4]])
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert 3 in x
    assert 5 not in x
    assert (x == None) is False  # noqa: E711
    assert len({x, x}) == 1


@pytest.mark.parametrize("requires_grad", [False, True])
def test_pickle_and_deepcopy(requires_grad):
    x = minigrad.tensor([[1.0, math.nan], [-0.0, math.inf]], requires_grad=requires_grad)
    x.note = "kept"
    for other in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        np.testing.assert_array_equal(other.detach().numpy(), x.detach().numpy())
        assert other.requires_grad is requires_grad
        assert other.note == "kept"
        assert not np.shares_memory(other.detach().numpy(), x.detach().numpy())
    assert pickle.loads(pickle.dumps(minigrad.float32)) is minigrad.float32


def test_what_shares_memory_still_does_when_copied_deeply():
    x = minigrad.arange(6.0).reshape(2, 3)
    x.note = [x[1]]
    parts = [x, x[0], x.t()[1:], x.detach()[:, 1], x.data]
    copies = copy.deepcopy(parts)
    copies[1][1] = 9.0
    copies[0].note[0].fill_(8.0)
    check(copies[0], [[0, 9, 2], [8, 8, 8]])
    check(copies[1], [0, 9, 2])
    check(copies[2], [[9, 8], [2, 8]])
    check(copies[3], [9, 8])
    check(copies[4], [[0, 9, 2], [8, 8, 8]])
    check(x, [[0, 1, 2], [3, 4, 5]])
    assert copy.deepcopy(x[0]).base[0] is not x


def test_a_write_to_memory_that_copies_share_is_noticed():
    x, part = copy.deepcopy((lambda x: (x, x[0]))(minigrad.ones(2, 2)))
    w = minigrad.ones(2, requires_grad=True)
    y = (x * w).sum()
    part.fill_(3.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_deep_copy_of_a_parameter_has_neither_gradient_nor_attributes():
    x, p = minigrad.ones(2, requires_grad=True), nn.Parameter(minigrad.ones(2))
    for y in (x, p):
        y.note = "kept"
        (y * 2).sum().backward()
    other, parameter = copy.deepcopy((x, p))
    check(other.grad, [2, 2])
    assert other.note == "kept"
    assert parameter.grad is None and not hasattr(parameter, "note")
    assert parameter.requires_grad and type(parameter) is nn.Parameter
    assert copy.deepcopy((p, p))[0] is not p


def test_half_precision_is_the_same_after_a_pickle():
    """NumPy's pickles bring dtypes of their own, and the kernels tell float16 by `is`."""
    x = minigrad.rand(60, 50).half() * 100
    loaded = pickle.loads(pickle.dumps(x))
    assert loaded.array.dtype is x.array.dtype
    for function in (lambda x: x.softmax(0), lambda x: x.cumsum(1), lambda x: x.mean()):
        check(function(loaded), function(x).numpy())


def test_only_leaves_are_copied_deeply():
    x = minigrad.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="leaves"):
        copy.deepcopy(x)
    loaded = pickle.loads(pickle.dumps(x))
    check(loaded.detach(), [2, 2])
    assert loaded.requires_grad and loaded.is_leaf


@pytest.mark.cpu
def test_numpy_and_dlpack_share_memory():
    x = minigrad.zeros(3)
    x.numpy()[0] = 1
    np.from_dlpack(x)
    check(x, [1, 0, 0])
    array = np.arange(3.0)
    y = minigrad.from_dlpack(array)
    array[0] = 9
    check(y, [9, 1, 2])
    assert np.asarray(x).dtype == np.float32
    assert np.array(x, dtype=np.float64).dtype == np.float64


# -- PyTorch's older and other names


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("BoolTensor", minigrad.bool), ("ByteTensor", minigrad.uint8),
        ("CharTensor", minigrad.int8), ("ShortTensor", minigrad.int16),
        ("IntTensor", minigrad.int32), ("LongTensor", minigrad.int64),
        ("HalfTensor", minigrad.half), ("FloatTensor", minigrad.float32),
        ("DoubleTensor", minigrad.double),
    ],
)  # fmt: skip
def test_types_have_their_old_names(name, dtype):
    old = getattr(minigrad, name)
    x = old([0, 1])
    check(x, [0, 1], dtype)
    assert old(2, 3).shape == (2, 3) and old(2, 3).dtype is dtype
    assert isinstance(x, old) and x.type() == f"minigrad.{name}"
    other = minigrad.FloatTensor if dtype is not minigrad.float32 else minigrad.LongTensor
    assert not isinstance(x, other) and not isinstance(3, old)
    for spelled in (old, dtype, f"minigrad.{name}"):
        check(minigrad.ones(2, dtype=minigrad.int16).type(spelled), [1, 1], dtype)


def test_an_unknown_old_type_says_which_there_are():
    with pytest.raises(ValueError, match=r"invalid type: 'FloatTensor'.*minigrad\.FloatTensor"):
        minigrad.ones(2).type("FloatTensor")


def test_the_old_constructor():
    assert minigrad.Tensor(2, 3).shape == (2, 3)
    assert minigrad.Tensor().shape == (0,)
    check(minigrad.Tensor([1, 2]), [1, 2], minigrad.float32)
    check(minigrad.Tensor(np.arange(2)), [0, 1], minigrad.float32)


def test_questions_as_functions():
    x = minigrad.ones(2, 3)
    assert minigrad.numel(x) == 6 and minigrad.is_tensor(x) and not minigrad.is_tensor(3)
    assert minigrad.is_floating_point(x) and not minigrad.is_floating_point(x.long())
    assert minigrad.is_signed(x) and not minigrad.is_signed(x.byte())
    assert minigrad.is_nonzero(minigrad.tensor([2])) and not minigrad.tensor(0).is_nonzero()
    with pytest.raises(RuntimeError, match="ambiguous"):
        minigrad.is_nonzero(x)


def test_gradcheck_has_pytorchs_place_too():
    x = minigrad.ones(2, dtype=minigrad.float64, requires_grad=True)
    assert minigrad.autograd.gradcheck(lambda x: x.exp(), (x,))
    assert minigrad.autograd.gradgradcheck(lambda x: x.exp(), (x,))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        minigrad.autograd.nothing_like_it  # noqa: B018


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.amax(axis=0, keepdims=True),
        lambda x: x.sum(axis=0, keepdims=True) / 3,
        lambda x: x.mean(0, keepdims=True),
        lambda x: minigrad.mean(x, axis=0, keepdims=True),
        lambda x: minigrad.sum(x, axis=0, keepdims=True) / 3,
        lambda x: minigrad.max(x, axis=0, keepdims=True)[0],
        lambda x: x.any(axis=0, keepdims=True).float(),
        lambda x: minigrad.stack([x, x], axis=0).var(axis=0).sum(0, keepdim=True) + 1,
    ],
)
def test_numpys_names_of_dim_and_keepdim(call):
    check(call(minigrad.ones(3, 2)), [[1, 1]])


def test_two_names_of_one_argument_are_refused():
    with pytest.raises(TypeError, match=r"amax.*dim and axis"):
        minigrad.ones(2).amax(dim=0, axis=0)


def test_ops_have_their_other_names():
    x = minigrad.tensor([-1.0, 0.25])
    check(minigrad.multiply(x, x).clamp_min_(0.5), [1, 0.5])
    check(minigrad.absolute_(minigrad.clip(x, max=0.0)), [1, 0])
    assert minigrad.arctan2 is minigrad.atan2 and minigrad.less_equal is minigrad.le
    check(minigrad.ones(2, 3).transpose_(0, 1).t_(), np.ones((2, 3)))
    assert minigrad.pi == math.pi and minigrad.newaxis is None and minigrad.inf == math.inf


def test_shapes_by_keyword():
    x = minigrad.arange(6)
    check(x.reshape(shape=(2, 3)).flip(dims=(0,)), [[3, 4, 5], [0, 1, 2]])
    check(minigrad.permute(x.view(size=(2, 3)), dims=(1, 0)), [[0, 3], [1, 4], [2, 5]])
    assert minigrad.zeros(size=(2, 3)).shape == x.new_ones(size=(2, 3)).shape == (2, 3)
    assert minigrad.rand(size=(2,)).shape == minigrad.ones(2, 1).expand(size=(2, 3))[:, 0].shape
    check(minigrad.arange(end=2).tile(dims=(2,)), [0, 1, 0, 1])


def test_what_a_type_cannot_hold_is_refused():
    for value in (300, -256, 1e10, math.nan, math.inf):
        with pytest.raises(RuntimeError, match="uint8 without overflow"):
            minigrad.tensor([value], dtype=minigrad.uint8)
    check(minigrad.tensor([255, -1], dtype=minigrad.uint8), [255, 255], minigrad.uint8)
    with pytest.raises(RuntimeError, match="int64 without overflow"):
        minigrad.zeros(2, dtype=minigrad.int64).masked_fill(
            minigrad.tensor([True, False]), -math.inf
        )


@pytest.mark.cpu
def test_0d_tensors_are_formatted_as_numbers():
    assert (
        f"{minigrad.tensor(2.5)} {minigrad.tensor(2.5):.2f} {minigrad.tensor(3):3d}"
        == "2.5 2.50   3"
    )
    assert f"{minigrad.ones(2)}" == "tensor([1., 1.])"
    with pytest.raises(TypeError, match="unsupported format"):
        format(minigrad.ones(2), ".2f")


def test_tensors_are_not_equal_to_other_things():
    x = minigrad.ones(2)
    assert (x == "a") is False and (x != [1, 1]) is True and (x == None) is False  # noqa: E711
    check(x == np.array([1, 2]), [True, False])
    check(x + np.array([1.0, 2.0]), [2, 3], minigrad.float64)


def test_a_hook_must_return_a_gradient():
    x = minigrad.ones(2, requires_grad=True)
    handle = x.register_hook(lambda g: 3)
    with pytest.raises(TypeError, match="expected a Tensor or None, but it returned int"):
        x.sum().backward()
    handle.remove()
    x.register_hook(lambda g: minigrad.ones(3))
    with pytest.raises(RuntimeError, match=r"has changed the size of value: shape \(3,\)"):
        x.sum().backward()


def test_a_deleted_gradient_is_none():
    x = minigrad.ones(2, requires_grad=True)
    x.sum().backward()
    del x.grad
    assert x.grad is None
    x.sum().backward()
    check(x.grad, [1, 1])


# -- devices


def test_devices_are_one_object_each():
    cpu = minigrad.device("cpu")
    assert cpu is minigrad.device("cpu:0") is minigrad.device(cpu) is minigrad.device("numpy")
    assert str(cpu) == "cpu"
    assert repr(cpu) == "device(type='cpu')"
    assert pickle.loads(pickle.dumps(cpu)) is cpu
    with cpu:
        assert minigrad.get_default_device() is cpu


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nonsense", r"no backend named 'nonsense'; there are: numpy \(or cpu\), .*opencl"),
        ("cpu:1", "one cpu device"),
        ("cpu:x", "Invalid device string"),
    ],
)
def test_unknown_devices(name, text):
    with pytest.raises(RuntimeError, match=text):
        minigrad.device(name)


@pytest.mark.cpu
def test_ops_refuse_mixed_devices():
    from minigrad.backends.numpy_backend import NumpyBackend

    minigrad.register_backend("other", lambda index: NumpyBackend())
    x, y = minigrad.ones(2), minigrad.ones(2, device="other")
    with pytest.raises(RuntimeError, match=r"same device.*cpu.*other"):
        x + y
    with pytest.raises(RuntimeError, match="same device"):
        minigrad.cat([x, y])
    check((x.to("other") + y).cpu(), [2, 2])
    x.requires_grad_()
    (x.to("other") * y).sum().backward()
    check(x.grad, [1, 1])
    assert x.grad.device is minigrad.device("cpu")
    del _registry["other"]


def run(code, **env):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**__import__("os").environ, **env},
    )


def test_minigrad_backend_fails_loudly_and_falls_back_when_told_to():
    code = "import minigrad; print(minigrad.ones(1).device)"
    loud = run(code, MINIGRAD_BACKEND="nonsense")
    assert loud.returncode != 0
    assert "no backend named 'nonsense'; there are: numpy (or cpu), opencl" in loud.stderr
    soft = run(code, MINIGRAD_BACKEND="nonsense,numpy")
    assert soft.stdout.strip() == "cpu"
    assert "took cpu" in soft.stderr
    assert run(code, MINIGRAD_BACKEND="numpy").stdout.strip() == "cpu"


@pytest.mark.parametrize(
    ("wrong", "kind", "text"),
    [
        (lambda: "a" in minigrad.ones(2), RuntimeError, "only supports Tensor or scalar.*'str'"),
        (lambda: minigrad.pow(2.0, 2), TypeError, r"pow\(\): expected a Tensor, got float and int"),
        (lambda: minigrad.sin(2.0), TypeError, r"sin\(\): expected a Tensor, got float"),
        (lambda: minigrad.sin("a"), TypeError, r"sin\(\): expected a Tensor or a number, got str"),
        (lambda: minigrad.rand(2, generator=3), TypeError, "minigrad.Generator, got 3 of type int"),
        (lambda: minigrad.tensor(2**70), ValueError, f"{2**70} does not fit into int64"),
        (lambda: minigrad.tensor([-(2**70)]), ValueError, f"{-(2**70)} does not fit into int64"),
    ],
)
def test_errors_say_what_is_wrong(wrong, kind, text):
    with pytest.raises(kind, match=text):
        wrong()


@pytest.mark.parametrize("requires_grad", [True, False])
def test_an_assigned_gradient_is_checked(requires_grad):
    x = minigrad.ones(2, 3, requires_grad=requires_grad)
    good = minigrad.ones(2, 3)
    x.grad = good
    for bad, error, told in [
        (minigrad.ones(3, 2), RuntimeError, r"size \[3, 2\] to a tensor of size \[2, 3\]"),
        (minigrad.ones(1, 3), RuntimeError, r"size \[1, 3\]"),
        (minigrad.ones(2, 3, dtype=minigrad.float64), RuntimeError, "dtype minigrad.float64"),
        (minigrad.ones(2, 3, dtype=minigrad.int64), RuntimeError, "dtype minigrad.int64"),
        (x, RuntimeError, "its own grad"),
        (1.0, TypeError, "Tensor or None but got grad of type float"),
        (np.ones((2, 3), np.float32), TypeError, "type ndarray"),
    ]:
        with pytest.raises(error, match=told):
            x.grad = bad
        assert x.grad is good
    x.grad = None
    assert x.grad is None
    x.grad = good
    del x.grad
    assert x.grad is None
