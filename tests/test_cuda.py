"""`cuda` is the name PyTorch programs use for the accelerator: it follows the default device."""

import pytest

import minigrad
from minigrad.backends.numpy_backend import NumpyBackend


@pytest.fixture
def accelerator():
    minigrad.register_backend("pretend", lambda index: NumpyBackend())
    with minigrad.device("pretend") as device:
        yield device


@pytest.mark.cpu
def test_without_an_accelerator():
    assert not minigrad.cuda.is_available() and minigrad.cuda.device_count() == 0
    minigrad.cuda.synchronize()
    with pytest.raises(RuntimeError, match="MINIGRAD_BACKEND"):
        minigrad.ones(2).cuda()


def test_with_an_accelerator(accelerator):
    assert minigrad.cuda.is_available()
    assert minigrad.cuda.current_device() == 0 and minigrad.cuda.device_count() == 1
    device = minigrad.device("cuda" if minigrad.cuda.is_available() else "cpu")
    x = minigrad.ones(2).to(device)
    assert x.device is accelerator
    assert x.is_cuda
    minigrad.cuda.manual_seed_all(3)
    drawn = minigrad.rand(2)
    minigrad.cuda.empty_cache()
    assert minigrad.equal(drawn, minigrad.manual_seed(3) and minigrad.rand(2))
    assert minigrad.ones(2, device="cpu").cuda().device is accelerator
    minigrad.cuda.synchronize()


def test_questions_that_programs_ask(accelerator):
    cuda = minigrad.cuda
    assert cuda.get_device_name() == cuda.get_device_name("cuda:0") == str(accelerator)
    assert cuda.is_initialized() and not cuda.is_bf16_supported()
    assert cuda.memory_allocated() == cuda.max_memory_reserved() == 0
    cuda.reset_peak_memory_stats()
    cuda.seed_all()
    assert minigrad.accelerator.is_available()
    assert minigrad.accelerator.current_accelerator() is accelerator
    assert minigrad.accelerator.device_count() == 1


def test_set_device():
    minigrad.register_backend("pretend", lambda index: NumpyBackend())
    minigrad.cuda.set_device("pretend:1")
    try:
        assert minigrad.cuda.current_device() == 1
        minigrad.cuda.set_device(0)
        assert minigrad.ones(1).cuda().device == minigrad.device("pretend:0")
    finally:
        minigrad.set_default_device(None)
