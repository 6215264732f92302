"""The switches that PyTorch programs set first: accepted, with the effect that they can have."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import amp, nn
from minigrad.backends import cudnn, mps, numpy_threads


def test_compile_returns_the_function() -> None:
    def double(x: Any) -> Any:
        return 2 * x

    model = nn.Linear(2, 2)
    assert minigrad.compile(double) is double
    assert minigrad.compile(mode="reduce-overhead", fullgraph=True)(double) is double
    assert minigrad.compile(model, backend="eager") is model


def test_threads() -> None:
    before = minigrad.get_num_threads()
    try:
        minigrad.set_num_threads(1)
        assert minigrad.get_num_threads() == 1
        assert numpy_threads.blas.threads == numpy_threads.CORES == 1
        x = minigrad.ones(1 << 20)
        assert x.exp().sum().item() == pytest.approx(np.e * (1 << 20), rel=1e-5)
    finally:
        minigrad.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive integer, got 0"):
        minigrad.set_num_threads(0)
    with pytest.raises(TypeError, match="an int, but got float"):
        minigrad.set_num_threads(1.5)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="positive"):
        minigrad.set_num_interop_threads(0)


def test_precision_and_determinism_are_remembered() -> None:
    minigrad.set_float32_matmul_precision("medium")
    assert minigrad.get_float32_matmul_precision() == "medium"
    minigrad.set_float32_matmul_precision("highest")
    with pytest.raises(RuntimeError, match="'highest', 'high' or 'medium', got 'low'"):
        minigrad.set_float32_matmul_precision("low")
    minigrad.use_deterministic_algorithms(True, warn_only=True)
    assert minigrad.are_deterministic_algorithms_enabled()
    minigrad.use_deterministic_algorithms(False)


def test_switches_of_backends() -> None:
    assert minigrad.backends.cudnn is cudnn and minigrad.backends.mps is mps
    before = cudnn.benchmark
    cudnn.benchmark = True
    assert minigrad.backends.cudnn.benchmark
    cudnn.benchmark = before
    assert not minigrad.backends.mps.is_available() and not mps.is_built()
    assert not cudnn.is_available() and cudnn.version() is None
    assert not minigrad.backends.cuda.is_built()
    minigrad.backends.cuda.matmul.allow_tf32 = False


def test_functions_of_layers_are_at_the_top_level_where_pytorch_has_them() -> None:
    x = minigrad.tensor([[-2.0, 1.0]])
    assert minigrad.cosine_similarity is minigrad.nn.functional.cosine_similarity
    assert minigrad.threshold(x, 0.0, -5.0).tolist() == [[-5.0, 1.0]]
    assert minigrad.prelu(x, minigrad.tensor([0.5])).tolist() == [[-1.0, 1.0]]
    with pytest.raises(AttributeError, match="smooth_l1_loss"):
        minigrad.smooth_l1_loss  # noqa: B018


def test_mixed_precision_is_off_and_says_so_once() -> None:
    amp._warn.cache_clear()
    with pytest.warns(UserWarning, match=r"autocast: there is no mixed precision.*enabled=False"):
        context = minigrad.autocast("cuda", dtype=minigrad.float16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minigrad.cuda.amp.autocast()
    with context:
        assert (minigrad.ones(2, 2) @ minigrad.ones(2, 2)).dtype is minigrad.float32
    assert not minigrad.is_autocast_enabled()
    with pytest.warns(UserWarning, match="GradScaler"):
        minigrad.cuda.amp.GradScaler()
    with pytest.raises(ValueError, match="device_type"):
        minigrad.autocast(True)  # type: ignore[arg-type]

    @minigrad.autocast("cpu", enabled=False)
    def double(x: Any) -> Any:
        return 2 * x

    assert double(2) == 4


def test_a_disabled_scaler_steps() -> None:
    scaler = amp.GradScaler(enabled=False)
    w = nn.Parameter(minigrad.ones(2))
    optimizer = minigrad.optim.SGD([w], lr=0.5)
    scaler.load_state_dict(scaler.state_dict())
    scaler.scale((w * w).sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.0, 0.0] and not scaler.is_enabled() and scaler.get_scale() == 1.0


def test_bfloat16_is_but_a_name() -> None:
    assert repr(minigrad.bfloat16) == "minigrad.bfloat16"
    assert isinstance(minigrad.bfloat16, minigrad.dtype) and minigrad.bfloat16.is_floating_point
    calls = [
        lambda: minigrad.ones(2, dtype=minigrad.bfloat16),
        lambda: minigrad.ones(2).to(minigrad.bfloat16),
        lambda: minigrad.ones(2).bfloat16(),
        lambda: minigrad.set_default_dtype(minigrad.bfloat16),
        lambda: nn.Linear(2, 2).to(minigrad.bfloat16),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"no tensors of type bfloat16; there are: .*float16"):
            call()
    assert minigrad.get_default_dtype() is minigrad.float32


@pytest.mark.cpu
def test_old_names() -> None:
    x = minigrad.ones(2, 3)
    assert x.new(2).dtype is x.dtype and x.new([1, 2]).tolist() == [1.0, 2.0]
    assert x.data_ptr() == x.view(-1).data_ptr() != x.clone().data_ptr()
    assert x.pin_memory() is x and not x.is_pinned() and not x.is_sparse
    assert x.H.shape == x.mH.shape == (3, 2) and x.conj() is x.real is x
    assert minigrad.autograd.Variable(x) is not x
    y = minigrad.autograd.Variable(x * 2, requires_grad=True)
    (minigrad.autograd.Variable(y) * 3).sum().backward()
    assert y.grad.tolist() == [[3.0] * 3] * 2
    assert minigrad.optim.lr_scheduler._LRScheduler is minigrad.optim.lr_scheduler.LRScheduler
    assert minigrad.version.cuda is None and minigrad.version.__version__ == minigrad.__version__
    assert minigrad.types.Number and minigrad.types._size
    assert minigrad.random.initial_seed() == minigrad.initial_seed()


def test_fork_rng_leaves_random_numbers_as_they_were() -> None:
    with minigrad.random.fork_rng():
        minigrad.manual_seed(7)
        minigrad.rand(3)
    state = minigrad.rand(2)
    minigrad.manual_seed(0)
    assert minigrad.equal(minigrad.rand(2), state)
    with minigrad.random.fork_rng(enabled=False):
        minigrad.rand(2)
    assert not minigrad.equal(minigrad.rand(2), state)
