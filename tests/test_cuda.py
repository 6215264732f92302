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
