"""The OpenCL backend against the conformance suite, on every runtime, and what is its own."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import opencl_runtimes as runtimes
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.backends.opencl import array, discovery, walk
from minigrad.backends.opencl import device as opencl_device
from minigrad.testing import conformance

KERNELS = list(dict.fromkeys(case.kernel for case in conformance.cases()))
every_runtime = pytest.mark.parametrize("name", runtimes.parameters())
one_runtime = pytest.mark.parametrize("name", runtimes.parameters()[:1])
FLOAT32, INT64 = np.dtype(np.float32), np.dtype(np.int64)


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own, which may not hang."""
    return subprocess.run([sys.executable, "-c", program], env={**os.environ, **environment},
                          capture_output=True, text=True, check=False, timeout=110)


@every_runtime
@pytest.mark.parametrize("kernel", KERNELS)
def test_conformance(kernel: str, name: str) -> None:
    report = conformance.check_backend(minigrad.device(name).backend, [kernel])
    assert report.failed == []
    assert report.passed > 0


@one_runtime
def test_conformance_without_float64_and_float16(name: str) -> None:
    program = (
        "import minigrad; from minigrad.testing import conformance\n"
        f"report = conformance.check_backend(minigrad.device({name!r}).backend)\n"
        "print(report.failed); print(report)"
    )
    result = python(program, MINIGRAD_OPENCL_DISABLE="fp64,fp16")
    assert result.stdout.startswith("[]\n"), result.stdout + result.stderr


# One kernel of each .cl file and way of sharing out.
AS_GPU = (
    "exp add where copy_ arange sum max argmax cumsum softmax log_softmax_grad attention "
    "cross_entropy cross_entropy_grad layer_norm layer_norm_grad batch_norm batch_norm_grad "
    "max_pool gather scatter_add index nonzero sort searchsorted normal adam_ matmul conv"
).split()


@every_runtime
def test_a_cpu_taken_for_a_gpu_computes_as_well(name: str) -> None:
    """One element a work item, and groups that share local memory."""
    program = (
        "from minigrad.backends.opencl import discovery\n"
        "description = discovery.describe(discovery.device(int('" + name + "'[7:])))\n"
        "discovery.all_devices.cache_clear()\n"
        "discovery.is_cpu = lambda device: False\n"
        "import minigrad; from minigrad.testing import conformance\n"
        "for i, device in enumerate(discovery.devices()):\n"
        "    if discovery.describe(device) == description: break\n"
        "backend = minigrad.device('opencl', i).backend\n"
        "assert not backend.is_cpu and backend.description == description\n"
        f"print(conformance.check_backend(backend, {AS_GPU}).failed)"
    )
    result = python(program)
    assert result.stdout == "[]\n", result.stdout + result.stderr


@one_runtime
def test_a_lock_that_a_killed_process_left_is_taken_away(name: str, tmp_path: Any) -> None:
    program = (
        "import minigrad, os\n"
        "from minigrad.backends.opencl import cache\n"
        "lock = cache.folder() / 'lock'\n"
        "lock.parent.mkdir(parents=True); lock.touch(); os.utime(lock, (0, 0))\n"
        f"print(minigrad.arange(3.0, device='{name}').exp().sum().item() > 11, lock.exists())"
    )
    result = python(program, XDG_CACHE_HOME=str(tmp_path), PYTHONWARNINGS="error")
    assert result.stdout == "True False\n", result.stdout + result.stderr


# -- arrays and plans


@pytest.mark.parametrize(
    ("shape", "strides", "new", "expected"),
    [
        ((2, 3), (3, 1), (6,), (1,)),
        ((2, 3), (1, 2), (6,), None),
        ((2, 3), (1, 2), (2, 1, 3), (1, 2, 2)),
        ((4, 6), (6, 1), (2, 2, 3, 2), (12, 6, 2, 1)),
        ((4, 6), (8, 1), (2, 2, 6), (16, 8, 1)),
        ((4, 6), (8, 1), (8, 3), None),
        ((3, 4), (0, 1), (3, 2, 2), (0, 2, 1)),
        ((3, 4), (0, 0), (12,), (0,)),
        ((4,), (-1,), (2, 2), (-2, -1)),
        ((), (), (1, 1), (1, 1)),
        ((0, 3), (3, 1), (3, 0), (1, 1)),
    ],
)
def test_strides_of_views(shape: Any, strides: Any, new: Any, expected: Any) -> None:
    found = array.strides_of_view(shape, strides, new)
    if expected is None or 0 in shape:
        assert (found is None) == (expected is None)
        return
    assert found is not None
    moves = [s for n, s in zip(new, found, strict=True) if n > 1]
    assert moves == [s for n, s in zip(new, expected, strict=True) if n > 1]


def test_axes_are_merged_where_all_operands_can_be_walked_as_one() -> None:
    assert walk.merged((2, 3, 4), [(12, 4, 1), (12, 4, 1)]) == ((24,), [(1,), (1,)])
    assert walk.merged((2, 3, 4), [(12, 4, 1), (0, 4, 1)]) == ((2, 12), [(12, 1), (0, 1)])
    assert walk.merged((2, 1, 4), [(4, 7, 1), (4, 0, 1)]) == ((8,), [(1,), (1,)])
    assert walk.merged((1, 1), [(5, 5)]) == ((), [()])


@every_runtime
def test_more_axes_than_a_kernel_has_room_for(name: str) -> None:
    backend = minigrad.device(name).backend
    x = np.arange(2**11, dtype=np.float32).reshape((2,) * 11)
    turned = backend.permute(backend.from_host(x), tuple(reversed(range(11))))
    np.testing.assert_array_equal(backend.to_host(backend.add(turned, 1)), x.T + 1)
    np.testing.assert_array_equal(backend.to_host(backend.gt(turned, 5)), x.T > 5)
    np.testing.assert_array_equal(backend.to_host(backend.contiguous(turned)), x.T)
    axes = (0, 2, 4, 6, 8, 10)
    np.testing.assert_array_equal(
        backend.to_host(backend.sum(turned, axes, False)), x.T.sum(axes))


@every_runtime
def test_writes_that_overlap_what_they_read(name: str) -> None:
    backend = minigrad.device(name).backend
    values = np.arange(100_000, dtype=np.float32)
    for left, right in ((slice(1, 100_000, 1), slice(0, 99_999, 1)),
                        (slice(0, 99_999, 1), slice(1, 100_000, 1))):
        x = backend.from_host(values)
        backend.copy_(backend.slice(x, (left,)), backend.slice(x, (right,)))
        expected = values.copy()
        expected[left] = values[right]
        np.testing.assert_array_equal(backend.to_host(x), expected)
        x = backend.from_host(values)
        part, other = (backend.slice(x, (s,)) for s in (left, right))
        backend.add(part, other, part)
        expected[left] = values[left] + values[right]
        np.testing.assert_array_equal(backend.to_host(x), expected)


@every_runtime
def test_a_number_beyond_float32_is_infinite(name: str) -> None:
    backend = minigrad.device(name).backend
    x = backend.from_host(np.array([1, -1], np.float32))
    assert backend.to_host(backend.mul(x, 1e39)).tolist() == [np.inf, -np.inf]
    assert backend.to_host(backend.full((1,), -1e300, FLOAT32)).tolist() == [-np.inf]


@every_runtime
def test_an_angle_is_not_disturbed_by_a_huge_one_beside_it(name: str) -> None:
    backend = minigrad.device(name).backend
    x = np.array([1e-3, 1e30, 3e-3, np.inf] * 8, np.float32)
    for op in ("sin", "cos", "tan"):
        found = backend.to_host(getattr(backend, op)(backend.from_host(x)))
        with np.errstate(invalid="ignore"):
            expected = getattr(np, op)(x.astype(np.float64)).astype(np.float32)
        np.testing.assert_allclose(found, expected, 1e-5, 1e-7)


SPECIAL = [0.0, -0.0, 1e-310, 1e-40, 1e30, 1e300, np.inf, -np.inf, np.nan, -1.0, 1.0, 88.0, -750.0]


@every_runtime
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_element_is_disturbed_by_a_special_one_beside_it(name: str, dtype: str) -> None:
    backend = minigrad.device(name).backend
    if np.dtype(dtype) not in backend.types:
        pytest.skip(f"no {dtype}")
    unary = ("exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tan asin acos atan "
             "sinh cosh tanh sigmoid erf gelu gelu_tanh silu").split()
    binary = "pow atan2 hypot div fmod remainder floor_divide".split()

    def third(op: str, values: list[float]) -> float:
        """The result for the third of eight equal groups of four."""
        x = backend.from_host(np.array(values * 8).astype(dtype))
        y = [backend.full((32,), 3, np.dtype(dtype))] if op in binary else []
        return float(backend.to_host(getattr(backend, op)(x, *y))[2])

    with np.errstate(all="ignore"):
        for op in unary + binary:
            for value in (0.0103, 0.7, 30.0):
                found = [third(op, [other, other, value, other]) for other in SPECIAL]
                expected = np.full(len(SPECIAL), third(op, [value] * 4))
                np.testing.assert_allclose(found, expected, 1e-6, 0, err_msg=f"{op} of {value}")


@one_runtime
def test_results_along_any_axis_lie_row_by_row(name: str) -> None:
    """As on the CPU and in PyTorch: the program may go on with .view."""
    x = minigrad.randn(4, 5, 6, device=name, requires_grad=True)
    made = x.softmax(0), x.log_softmax(1), x.cumsum(0), *x.sort(1), *x.topk(2, 0), x.argsort(0)
    for out in made:
        assert out.is_contiguous()
        assert out.view(-1).tolist() == out.cpu().reshape(-1).tolist()
    (g,) = minigrad.autograd.grad(x.softmax(0).square().sum(), x)
    assert g.is_contiguous()


# -- errors


@one_runtime
def test_a_bad_index_made_on_the_device_is_reported_at_the_next_synchronisation(name: str) -> None:
    x = minigrad.arange(3, device=name)
    index = x + 1  # 1, 2, 3
    x[index]
    with pytest.raises(IndexError, match="index 3 is out of bounds for an axis of size 3"):
        minigrad.cuda.synchronize(name)
    minigrad.cuda.synchronize(name)  # once
    assert x[x * 1].tolist() == [0, 1, 2]
    x[index]
    with pytest.raises(IndexError, match="index 3 is out of bounds"):
        (x + x).tolist()


@one_runtime
def test_a_bad_index_from_the_host_is_reported_at_once(name: str) -> None:
    x = minigrad.arange(3, device=name)
    for index, wrong in (([0, 3], 3), ([-4, 0], -4)):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds"):
            x[minigrad.tensor(index, device=name)]
    with pytest.raises(RuntimeError, match="index 3 is out of bounds"):
        x.gather(0, minigrad.tensor([3], device=name))


@one_runtime
def test_a_view_of_good_indices_among_bad_ones_is_good(name: str) -> None:
    x = minigrad.arange(3, device=name)
    index = minigrad.tensor([7, 2, 1], device=name)
    assert x[index[1:]].tolist() == [2, 1]
    index[0] = 0  # what was known of the numbers is so no longer
    assert x[index].tolist() == [0, 2, 1]
    index[1] = 9
    x[index]
    with pytest.raises(IndexError, match="index 9"):
        minigrad.cuda.synchronize(name)


@one_runtime
def test_out_of_memory_says_how_much(name: str) -> None:
    with pytest.raises(RuntimeError, match=r"out of memory: tried to allocate \d+ MiB with .* MiB"):
        minigrad.empty(2**30, 2**20, device=name)
    with pytest.raises(RuntimeError, match=r"1048576\] has 1099511627776 elements, more"):
        minigrad.ones(2**20, 1, device=name) * minigrad.ones(2**20, device=name)
    assert (minigrad.ones(3, device=name) + 1).tolist() == [2, 2, 2]


@one_runtime
def test_a_failed_build_shows_the_numbered_source_and_the_log(name: str) -> None:
    programs = minigrad.device(name).backend.programs
    with pytest.raises(RuntimeError) as caught:
        programs.kernel("copy.cl", "copy", "**S", FLOAT32, S="no_such_type", SC="float")
    text = str(caught.value)
    assert "kernels/copy.cl does not build with" in text
    assert "-DS=no_such_type" in text
    assert "\n   1 // out[i] = (T)x[i]" in text
    assert "no_such_type" in text.rpartition("\n  ")[2]


class Lost:
    """A queue whose device does not answer any more."""

    def __init__(self, queue: Any, error: type[Exception]) -> None:
        self.device, self.error = queue.device, error

    def finish(self) -> None:
        raise self.error("clFinish failed: DEVICE_NOT_AVAILABLE")


@one_runtime
def test_a_lost_device_is_an_error_that_says_what_to_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = minigrad.device(name).backend
    with monkeypatch.context() as patch:
        patch.setattr(backend, "queue", Lost(backend.queue, backend.cl.RuntimeError))
        with pytest.raises(RuntimeError, match=r"failed while finishing its work.*checkpoint"):
            minigrad.cuda.synchronize(name)
    launch = backend.programs.kernel("copy.cl", "fill", "*S", FLOAT32, S="float", SC="float")
    with pytest.raises(RuntimeError, match=r"failed while launching fill of kernels/copy\.cl: .*"):
        launch((3,), (7,), backend.empty((3,), FLOAT32).buffer, b"")  # no such groups
    assert (minigrad.ones(3, device=name) + 1).tolist() == [2, 2, 2]


@one_runtime
def test_a_type_that_the_device_lacks_is_refused(name: str) -> None:
    program = (
        f"import minigrad; x = minigrad.ones(2, device={name!r})\n"
        "for make in (x.double, x.half):\n"
        "    try: make()\n"
        "    except RuntimeError as error: print(error)"
    )
    lines = python(program, MINIGRAD_OPENCL_DISABLE="fp64,fp16").stdout.splitlines()
    assert "has no float64: use float32" in lines[0]
    assert "has no float16" in lines[1]


@one_runtime
def test_a_forked_process_is_told_what_to_do(name: str) -> None:
    program = (
        f"import os, minigrad; x = minigrad.ones(2, device={name!r})\n"
        "if os.fork() == 0:\n"
        "    try: x + x\n"
        "    except RuntimeError as error: print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait(); print((x + x).tolist())"
    )
    lines = python("import signal; signal.alarm(60)\n" + program).stdout.splitlines()
    assert "OpenCL does not survive a fork" in lines[0]
    assert "spawn" in lines[0]
    assert lines[1] == "[2.0, 2.0]"


# -- devices


@one_runtime
def test_tensors_on_different_devices_are_refused(name: str) -> None:
    x, y = minigrad.ones(2, 2, device=name, requires_grad=True), minigrad.ones(2, 2)
    F = minigrad.nn.functional
    for act in (lambda: x + y, lambda: y @ x, lambda: minigrad.cat([x, y]), lambda: F.linear(x, y),
                lambda: x.detach().add_(y), lambda: minigrad.where(y > 0, x, x)):
        with pytest.raises(RuntimeError, match="same device") as caught:
            act()
        assert "cpu" in str(caught.value)
        assert name in str(caught.value)
    x.detach().copy_(y + 1)  # the one op that goes from one to the other
    assert x.tolist() == [[2, 2], [2, 2]]


@one_runtime
def test_devices_are_chosen_by_words_and_numbers(name: str) -> None:
    first = runtimes.found()[0]
    program = "import minigrad; print(minigrad.device('opencl').backend.description)"
    for wanted in ("0", first.split(", ")[-2]):
        assert python(program, MINIGRAD_OPENCL_DEVICE=wanted).stdout.strip() == first
    failed = python(program, MINIGRAD_OPENCL_DEVICE="abacus")
    assert "MINIGRAD_OPENCL_DEVICE='abacus' fits no device. There are: 0: " in failed.stderr
    with pytest.raises(RuntimeError, match="there is no device 'opencl:99': opencl:0 is "):
        minigrad.device("opencl:99")


@one_runtime
def test_a_split_device_is_several(name: str) -> None:
    program = (
        "import minigrad; x = minigrad.arange(5.0, device='opencl:0'); y = x.to('opencl:1')\n"
        "print((y * 2).tolist(), y.device, x.device.backend is y.device.backend)\n"
        "try: x + y\n"
        "except RuntimeError as error: print(error)"
    )
    result = python(program, MINIGRAD_OPENCL_SPLIT="2", MINIGRAD_OPENCL_DEVICE="0")
    if "has only 1 cores" in result.stderr:
        pytest.skip("the device has one core")
    lines = result.stdout.splitlines()
    assert lines[0] == "[0.0, 2.0, 4.0, 6.0, 8.0] opencl:1 False"
    assert "opencl:0" in lines[1]
    assert "opencl:1" in lines[1]


def test_without_a_runtime_there_is_advice(tmp_path: Any) -> None:
    program = "import minigrad; minigrad.device('opencl')"
    result = python(program, OCL_ICD_VENDORS=str(tmp_path))
    assert result.returncode != 0
    assert "minigrad-edu[opencl" in result.stderr


def test_an_unknown_type_to_disable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_OPENCL_DISABLE", "fp128")
    with pytest.raises(RuntimeError, match="there is no 'fp128'; there are: fp64, fp16"):
        discovery.disabled()


def test_the_environment_is_left_as_it_was() -> None:
    program = (
        "import os, minigrad\n"
        "before = dict(os.environ)\n"
        "try: minigrad.device('opencl')\n"
        "except RuntimeError: pass\n"
        "assert dict(os.environ) == before"
    )
    assert python(program).stderr == ""


def test_the_backend_of_the_environment_serves_a_program(tmp_path: Any) -> None:
    if not runtimes.found():
        pytest.skip("no OpenCL device")
    program = "import minigrad; print(minigrad.ones(2).device, minigrad.cuda.is_available())"
    assert python(program, MINIGRAD_BACKEND="opencl").stdout == "opencl:0 True\n"
    fallback = python(program, MINIGRAD_BACKEND="opencl,numpy", OCL_ICD_VENDORS=str(tmp_path))
    assert fallback.stdout == "cpu False\n"
    assert "took cpu" in fallback.stderr


def test_info_lists_what_there_is(tmp_path: Any) -> None:
    program = "import sys; from minigrad import info; sys.exit(info.main())"
    result = python(program)
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("the test passed") == len(runtimes.found())
    nothing = python(program, OCL_ICD_VENDORS=str(tmp_path))
    assert "minigrad-edu[opencl" in nothing.stdout


# -- order, memory, builds


@every_runtime
def test_what_is_uploaded_may_be_changed_at_once(name: str) -> None:
    backend = minigrad.device(name).backend
    values = np.zeros(300_000, np.float32)
    arrays = []
    for k in range(40):  # more than may wait
        values[:] = k
        arrays.append(backend.from_host(values))
    assert [float(backend.to_host(backend.max(x, (0,), False))) for x in arrays] == list(range(40))


@every_runtime
@pytest.mark.parametrize("shape", [(3, 70_000), (70_000, 3), (2, 5, 40_000), (40_001, 20)])
def test_long_reductions_in_pieces(name: str, shape: tuple[int, ...]) -> None:
    backend = minigrad.device(name).backend
    values = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    for axes in ((0,), (len(shape) - 1,), tuple(range(len(shape)))):
        for op in ("sum", "max", "min"):
            found = backend.to_host(getattr(backend, op)(backend.from_host(values), axes, False))
            expected = getattr(np, op)(values.astype(np.float64), axes)
            np.testing.assert_allclose(found, expected, 1e-5, 1e-2 if op == "sum" else 0)
        found = backend.to_host(backend.any(backend.from_host(values > 0.99999), axes, True))
        np.testing.assert_array_equal(found, (values > 0.99999).any(axes, keepdims=True))


@every_runtime
def test_a_range_of_float32_is_as_good_as_one_of_float64(name: str) -> None:
    backend = minigrad.device(name).backend
    for start, step, n in ((0.1, 0.001, 3_000_000), (-1e4, 1 / 3, 100_000), (1e39, 1.0, 3)):
        found = backend.to_host(backend.arange(start, step, n, FLOAT32))
        with np.errstate(over="ignore"):
            expected = (np.arange(n) * step + start).astype(np.float32)
        np.testing.assert_array_equal(found, expected)


@every_runtime
@pytest.mark.parametrize(("shape", "axes"), [
    ((300_000,), (0,)), ((200_000, 5), (0,)), ((3, 100_000, 8), (1,)), ((2, 150_000), (1,))])
def test_long_sums_keep_their_digits(name: str, shape: tuple[int, ...], axes: Any) -> None:
    """All terms are positive: a total outgrows them, and in one long sum the roundings add up."""
    backend = minigrad.device(name).backend
    values = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    found = backend.to_host(backend.sum(backend.from_host(values), axes, False))
    np.testing.assert_allclose(found, values.astype(np.float64).sum(axes), 1e-6)


@every_runtime
@pytest.mark.parametrize(("shape", "axis"), [((200_003,), 0), ((3, 70_001), 1), ((70_001, 3), 0)])
def test_long_lines_are_scanned_in_pieces(name: str, shape: tuple[int, ...], axis: int) -> None:
    backend = minigrad.device(name).backend
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 1, shape).astype(np.float32)
    near_one = (1 + (values - 0.5) * 1e-3).astype(np.float32)
    for op, x in ((np.cumsum, values), (np.cumprod, near_one)):
        found = backend.to_host(getattr(backend, op.__name__)(backend.from_host(x), axis))
        np.testing.assert_allclose(found, op(x.astype(np.float64), axis), 4e-7)
    integers = rng.integers(-5, 6, shape)
    found = backend.to_host(backend.cumsum(backend.from_host(integers), axis))
    np.testing.assert_array_equal(found, np.cumsum(integers, axis))
    values[shape[0] // 2] = np.inf
    found = backend.to_host(backend.cumsum(backend.from_host(values), axis))
    np.testing.assert_allclose(found, np.cumsum(values.astype(np.float64), axis), 1e-6)
    for x in (rng.integers(0, 9, shape), values, np.where(values > 0.999, np.nan, values)):
        found = backend.to_host(backend.argmax(backend.from_host(x), axis, False))
        np.testing.assert_array_equal(found, x.argmax(axis))


@every_runtime
def test_training_is_the_same_as_on_numpy(name: str) -> None:
    """The same weights, masks and order of samples from one seed, so the same losses."""

    def losses(device: str) -> list[float]:
        nn, F = minigrad.nn, minigrad.nn.functional
        with minigrad.device(device):
            minigrad.manual_seed(3)
            rng = np.random.default_rng(0)
            images = minigrad.tensor(rng.normal(size=(96, 1, 12, 12)).astype(np.float32))
            labels = minigrad.tensor(rng.integers(0, 5, 96))
            data = minigrad.utils.data.TensorDataset(images, labels)
            model = nn.Sequential(
                nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Dropout(0.2), nn.Linear(216, 16), nn.LayerNorm(16), nn.GELU(),
                nn.Linear(16, 5))
            optimizer = minigrad.optim.AdamW(model.parameters(), lr=1e-3)
            found = []
            for _ in range(2):
                for x, y in minigrad.utils.data.DataLoader(data, 32, shuffle=True):
                    loss = F.cross_entropy(model(x), y)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    found.append(loss.item())
            return found

    on_device = losses(name)
    np.testing.assert_allclose(on_device, losses("cpu"), 1e-4)
    builds = minigrad.device(name).backend.programs.builds
    assert on_device == losses(name)
    assert minigrad.device(name).backend.programs.builds == builds


@every_runtime
def test_batch_norm_adds_up_many_numbers_that_are_alike(name: str) -> None:
    """Blank images: in one long sum the roundings would all go one way."""
    backend = minigrad.device(name).backend
    rng = np.random.default_rng(0)
    x = np.full((64, 3, 28, 28), 0.7, np.float32)
    x[:, :, 10:14, 10:14] = rng.normal(size=(64, 3, 4, 4))
    _, mean, var, _ = map(backend.to_host, backend.batch_norm(
        backend.from_host(x), None, None, 1e-5))
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean((0, 2, 3)), 1e-6)
    np.testing.assert_allclose(var, exact.var((0, 2, 3)), 1e-6)


@every_runtime
def test_adam_keeps_the_digits_of_its_small_numbers(name: str) -> None:
    """After one step of size 0.5 the parameter is 0.5: 1 - beta2 cancels against a correction."""
    p = minigrad.ones(2, device=name, requires_grad=True)
    p.grad = minigrad.ones(2, device=name)
    minigrad.optim.Adam([p], lr=0.5).step()
    np.testing.assert_allclose(p.detach().cpu().numpy(), [0.5, 0.5], 1e-6)


@one_runtime
def test_a_learning_rate_of_another_type(name: str) -> None:
    p = minigrad.ones(2, device=name, requires_grad=True)
    p.grad = minigrad.ones(2, device=name)
    lr = minigrad.tensor(0.25, dtype=minigrad.float64, device=name)
    minigrad.optim.SGD([p], lr=lr).step()
    assert p.tolist() == [0.75, 0.75]


@one_runtime
def test_random_integers_as_floats(name: str) -> None:
    minigrad.manual_seed(1)
    found = minigrad.randint(3, 9, (50,), dtype=minigrad.float32, device=name)
    minigrad.manual_seed(1)
    assert found.tolist() == minigrad.randint(3, 9, (50,), device=name).tolist()


@one_runtime
def test_threads_share_a_device(name: str) -> None:
    results: dict[int, float] = {}

    def work(k: int) -> None:
        x = minigrad.full((1000,), float(k), device=name)
        for _ in range(200):
            x = x * 1.0 + k
        results[k] = float(x.sum().item())

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: 1000.0 * k * 201 for k in range(4)}


@one_runtime
def test_memory_goes_back_to_the_pool(name: str) -> None:
    backend = minigrad.device(name).backend
    gc.collect()
    before = backend.pool.active_bytes
    x = minigrad.ones(1000, 1000, device=name)
    for _ in range(50):
        x = x + 1
    assert backend.pool.active_bytes - before < 10 * 2**20
    del x
    assert backend.pool.active_bytes <= before + 4096


@one_runtime
def test_ever_new_shapes_do_not_fill_the_memory(name: str, monkeypatch: Any) -> None:
    """The pool frees what it holds beyond need, and nothing where the same shapes come again."""
    backend = minigrad.device(name).backend
    monkeypatch.setattr(opencl_device, "SPARE", (4 << 20) / backend.device.global_mem_size)
    backend.pool.free_held()
    backend.in_use, before, most = 0.0, backend.pool.managed_bytes, 0
    for n in range(1, 1200):
        minigrad.ones(1000 * n, device=name)
        most = max(most, backend.pool.managed_bytes - before)
    assert most < 60 << 20, "of all sizes together, 110 MiB, it holds too many"
    backend._free_spare()
    blocks = []
    for _ in range(2 * opencl_device.CHECK_EVERY):
        minigrad.ones(1000, device=name), minigrad.ones(100_000, device=name)
        blocks.append(backend.pool.held_blocks)
    assert len(set(blocks[1:])) == 1


@one_runtime
def test_a_second_step_builds_nothing(name: str) -> None:
    backend = minigrad.device(name).backend
    w = minigrad.randn(6, 4, device=name, requires_grad=True)

    def step() -> None:
        x = minigrad.randn(5, 6, device=name)
        (x @ w).relu().softmax(1).log().mean().backward()

    step()
    builds = backend.programs.builds
    step()
    assert backend.programs.builds == builds


@one_runtime
def test_ever_new_shapes_do_not_fill_the_memory_with_plans(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencl_device, "MOST_PLANS", 50)
    backend = minigrad.device(name).backend
    backend.plans.clear()  # those of other tests
    for n in range(1, 100):
        x = minigrad.ones(n, device=name)
        assert (x + x).sum().item() == 2 * n
        assert len(backend.plans) <= 50


@every_runtime
def test_a_long_sum_is_the_same_at_every_run(name: str) -> None:
    x = minigrad.randn(1_000_003, device=name)
    index = minigrad.randint(0, 50, (20_000,), device=name)
    source = minigrad.randn(20_000, 16, device=name)
    zeros = minigrad.zeros(50, 16, device=name)
    sums = {x.sum().item() for _ in range(10)}
    assert len(sums) == 1
    added = [zeros.index_add(0, index, source).cpu().numpy().tobytes() for _ in range(5)]
    assert len(set(added)) == 1


@one_runtime
@pytest.mark.parametrize("method", [optim.SGD, optim.Adam])
def test_states_of_optimizers_fit(name: str, method: Any) -> None:
    """Kernels read and write as many bytes as the parameter has, of its type."""
    options = {"momentum": 0.9} if method is optim.SGD else {}
    models = [nn.Linear(n, n).to(name) for n in (2, 64)]
    optimizers = [method(model.parameters(), lr=0.1, **options) for model in models]
    for model, optimizer in zip(models, optimizers, strict=True):
        model(minigrad.ones(1, model.in_features, device=name)).sum().backward()
        optimizer.step()
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    with pytest.raises(RuntimeError, match=r"\[64, 64\] has a .* of shape \[2, 2\]"):
        optimizers[1].step()
    start = models[0].weight.tolist()
    models[0].double()
    models[0](minigrad.ones(1, 2, device=name, dtype=minigrad.float64)).sum().backward()
    optimizers[0].step()
    assert models[0].weight.dtype == minigrad.float64
    assert np.isfinite(models[0].weight.tolist()).all()
    assert models[0].weight.tolist() != start


@one_runtime
def test_a_gradient_is_beside_its_tensor(name: str) -> None:
    x = minigrad.ones(2, device=name)
    with pytest.raises(RuntimeError, match=f"device cpu to a tensor of device {name}"):
        x.grad = minigrad.ones(2, device="cpu")
    assert x.grad is None


@one_runtime
def test_kernels_refuse_an_out_of_another_type_or_shape(name: str) -> None:
    """What is written there would be other bytes, or beyond the end."""
    backend = minigrad.device(name).backend
    x = backend.full((2, 3), 1.0, FLOAT32)
    with pytest.raises(TypeError, match="gt: the result is bool, and out is float32"):
        backend.gt(x, 0.5, x)
    with pytest.raises(TypeError, match="add: the result is float32, and out is bool"):
        backend.add(x, x, backend.empty((2, 3), np.dtype(bool)))
    with pytest.raises(ValueError, match=r"exp: the result has shape \[2, 3\], and out \[2\]"):
        backend.exp(x, backend.empty((2,), FLOAT32))
    assert backend.to_host(x).tolist() == [[1.0] * 3] * 2


@one_runtime
def test_comparisons_in_place(name: str) -> None:
    x = minigrad.tensor([1.0, 5.0, 0.0], device=name)
    assert x.clone().gt_(0.5).tolist() == [1.0, 1.0, 0.0]
    assert x.clone().logical_not_().tolist() == [0.0, 0.0, 1.0]
    assert x.logical_and_(minigrad.tensor([0.0, 1.0, 1.0], device=name)).tolist() == [0.0, 1.0, 0.0]
