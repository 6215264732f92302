"""Random numbers: reproducible, of the right distribution, a pure function of seed and offset."""

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import minigrad
from minigrad.backends.base import Backend, random_blocks
from minigrad.backends.numpy_backend import NumpyBackend


@pytest.fixture(autouse=True)
def seeded():
    minigrad.manual_seed(1234)


DRAWS = {
    "rand": lambda **k: minigrad.rand(7, 3, **k),
    "rand64": lambda **k: minigrad.rand(7, 3, dtype=minigrad.float64, **k),
    "randn": lambda **k: minigrad.randn(5, **k),
    "randn16": lambda **k: minigrad.randn((2, 3), dtype=minigrad.float16, **k),
    "randint": lambda **k: minigrad.randint(-5, 9, (11,), **k),
    "randperm": lambda **k: minigrad.randperm(13, **k),
    "normal": lambda **k: minigrad.normal(2.0, 3.0, (4,), **k),
    "bernoulli": lambda **k: minigrad.bernoulli(minigrad.full((9,), 0.3), **k),
    "multinomial": lambda **k: minigrad.multinomial(minigrad.tensor([1.0, 2.0, 3.0]), 2, **k),
    "multinomial, replacing": lambda **k: minigrad.multinomial(minigrad.ones(2, 3), 9, True, **k),
    "normal_": lambda **k: minigrad.empty(3, 2).T.normal_(1.0, 2.0, **k),
    "uniform_": lambda **k: minigrad.empty(3).uniform_(-1, 4, **k),
    "bernoulli_": lambda **k: minigrad.empty(9).bernoulli_(0.5, **k),
    "random_": lambda **k: minigrad.empty(9, dtype=minigrad.int64).random_(3, 100, **k),
    "exponential_": lambda **k: minigrad.empty(9).exponential_(0.5, **k),
    "geometric_": lambda **k: minigrad.empty(9).geometric_(0.2, **k),
    "cauchy_": lambda **k: minigrad.empty(9).cauchy_(**k),
    "log_normal_": lambda **k: minigrad.empty(9).log_normal_(**k),
    "dropout": lambda **k: minigrad.dropout(minigrad.ones(9), **k),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_seeds_and_generators(draw):
    first = draw().numpy()
    second = draw().numpy()
    minigrad.manual_seed(1234)
    np.testing.assert_array_equal(draw().numpy(), first)
    state = minigrad.get_rng_state()
    np.testing.assert_array_equal(draw().numpy(), second)
    minigrad.set_rng_state(state)
    generator = minigrad.Generator().manual_seed(1234)
    np.testing.assert_array_equal(draw(generator=generator).numpy(), first)
    np.testing.assert_array_equal(draw(generator=generator).numpy(), second)
    np.testing.assert_array_equal(
        draw().numpy(), second
    )  # the default generator stood still meanwhile


def test_draws_do_not_overlap():
    """Each draw starts at the block after the last one's: together they are one sequence."""
    sizes = [1, 2, 3, 5, 8, 13]
    seed = np.array(1234)
    offset = 0
    for n in sizes:
        expected = NumpyBackend().uniform(seed, np.array(offset), (n,), np.dtype(np.float32))
        np.testing.assert_array_equal(minigrad.rand(n).numpy(), expected)
        offset += random_blocks("uniform", n, np.dtype(np.float32))
    words = minigrad.get_rng_state().numpy().view("<u8")
    assert words.tolist() == [1234, offset]


class Defaults(NumpyBackend):
    """The random kernels as base.py defines them, on NumPy."""

    name = "defaults"
    uniform = Backend.uniform
    normal = Backend.normal
    randint = Backend.randint


@pytest.mark.parametrize("name", DRAWS)
def test_backends_agree(name):
    minigrad.register_backend("defaults", lambda index: Defaults())
    expected = DRAWS[name]().numpy()
    with minigrad.device("defaults"):
        minigrad.manual_seed(1234)
        found = DRAWS[name]().numpy()
    if name in ("randn", "randn16", "normal", "normal_", "log_normal_", "exponential_"):
        np.testing.assert_allclose(
            found, expected, rtol=1e-2 if name == "randn16" else 1e-5, atol=1e-6
        )
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [minigrad.float16, minigrad.float32, minigrad.float64])
def test_moments(dtype):
    n = 20000
    u = minigrad.rand(n, dtype=dtype).numpy().astype(float)
    assert u.min() >= 0 and u.max() < 1
    assert abs(u.mean() - 0.5) < 0.02 and abs(u.var() - 1 / 12) < 0.01
    z = minigrad.randn(n, dtype=dtype).numpy().astype(float)
    assert abs(z.mean()) < 0.03 and abs(z.var() - 1) < 0.05 and abs((z**4).mean() - 3) < 0.4


def test_uniform_and_normal_parameters():
    x = minigrad.empty(5000).uniform_(-2, 6).numpy()
    assert x.min() >= -2 and x.max() <= 6 and abs(x.mean() - 2) < 0.2
    x = minigrad.empty(5000).normal_(3, 0.5).numpy()
    assert abs(x.mean() - 3) < 0.05 and abs(x.std() - 0.5) < 0.05
    mean, std = minigrad.tensor([[0.0], [10.0]]), minigrad.tensor([0.0, 1.0, 2.0])
    x = minigrad.normal(mean, std)
    assert x.shape == (2, 3) and x[:, 0].tolist() == [0.0, 10.0]
    assert minigrad.normal(mean, 0.0).tolist() == mean.tolist()
    assert minigrad.normal(5.0, std).shape == (3,)


def test_other_distributions():
    """Means where there are any, and quartiles."""
    x = minigrad.empty(20_000).exponential_(0.5).numpy()
    assert x.min() >= 0 and abs(x.mean() - 2) < 0.1 and abs(x.var() - 4) < 0.4
    x = minigrad.empty(20_000, dtype=minigrad.int64).geometric_(0.25).numpy()
    assert x.dtype == np.int64 and x.min() == 1 and abs(x.mean() - 4) < 0.2
    quartiles = np.quantile(minigrad.empty(20_000).cauchy_(3.0, 2.0).numpy(), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, [1, 3, 5], atol=0.15)
    x = np.log(minigrad.empty(20_000).log_normal_(0.5, 2.0).numpy())
    assert abs(x.mean() - 0.5) < 0.06 and abs(x.std() - 2) < 0.05


def test_randint_and_random_():
    x = minigrad.randint(3, (1000,)).numpy()
    assert x.dtype == np.int64 and set(x) == {0, 1, 2}
    assert set(minigrad.randint(-2, 1, (100,), dtype=minigrad.int8).numpy()) == {-2, -1, 0}
    assert set(minigrad.randint_like(minigrad.empty(50), 4, 6).numpy()) == {4.0, 5.0}
    assert set(minigrad.empty(100, dtype=minigrad.bool).random_().tolist()) == {True, False}
    assert set(minigrad.empty(100).random_(2).tolist()) == {0.0, 1.0}
    assert minigrad.empty(100, dtype=minigrad.uint8).random_().numpy().max() > 128
    assert minigrad.empty(100, dtype=minigrad.int64).random_().numpy().max() > 2**60
    assert minigrad.empty(100).random_().numpy().max() <= 2**24


@pytest.mark.parametrize("n", [0, 1, 2, 100])
def test_randperm(n):
    x = minigrad.randperm(n)
    assert sorted(x.tolist()) == list(range(n)) and x.dtype is minigrad.int64
    assert minigrad.randperm(n, dtype=minigrad.int32).dtype is minigrad.int32


def test_randperm_is_uniform():
    orders = [tuple(minigrad.randperm(3).tolist()) for _ in range(1200)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6 and min(counts) > 140


def test_bernoulli():
    p = minigrad.tensor([0.0, 0.25, 1.0], dtype=minigrad.float64)
    x = minigrad.bernoulli(p.expand(4000, 3))
    assert x.dtype is minigrad.float64
    mean = x.mean(0).tolist()
    assert mean[0] == 0 and mean[2] == 1 and abs(mean[1] - 0.25) < 0.04
    assert abs(minigrad.empty(4000).bernoulli_(0.7).mean().item() - 0.7) < 0.04
    assert minigrad.empty(5, 3).bernoulli_(minigrad.tensor([0.0, 1.0, 1.0])).sum().item() == 10
    assert minigrad.empty(4, 3).bernoulli(1.0).sum().item() == 12


def test_multinomial_frequencies():
    weights = minigrad.tensor([[1.0, 0.0, 3.0], [2.0, 2.0, 0.0]])
    x = minigrad.multinomial(weights, 4000, replacement=True).numpy()
    shares = np.stack([np.bincount(row, minlength=3) / 4000 for row in x])
    np.testing.assert_allclose(shares, [[0.25, 0, 0.75], [0.5, 0.5, 0]], atol=0.03)
    firsts = minigrad.multinomial(weights[:1].expand(4000, 3), 2).numpy()
    assert (np.sort(firsts, 1) == [0, 2]).all()
    assert abs((firsts[:, 0] == 0).mean() - 0.25) < 0.03


@pytest.mark.parametrize(
    "weights, n, replacement, text",
    [([1.0, 1.0], 3, False, "without replacement"), ([0.0, 0.0], 1, True, "invalid multinomial"),
     ([1.0, 0.0], 2, False, "invalid"),
     ([1.0, -1.0], 1, True, "element < 0"), ([float("nan"), 1.0], 1, True, "nan"),
     ([1.0], 0, True, "n_sample <= 0"),
     ([1, 1], 1, True, "floating-point"), ([[[1.0]]], 1, True, "1 or 2 dim")],
)  # fmt: skip
def test_multinomial_errors(weights, n, replacement, text):
    with pytest.raises(RuntimeError, match=text):
        minigrad.multinomial(minigrad.tensor(weights), n, replacement)


@pytest.mark.parametrize(
    "call, error",
    [(lambda: minigrad.rand(2, dtype=minigrad.int64), RuntimeError),
     (lambda: minigrad.randint(5, 5, (2,)), RuntimeError),
     (lambda: minigrad.normal(0.0, -1.0, (2,)), RuntimeError),
     (lambda: minigrad.normal(0.0, 1.0), TypeError),
     (lambda: minigrad.randint(5), TypeError), (lambda: minigrad.randperm(-1), RuntimeError),
     (lambda: minigrad.rand(-1), RuntimeError),
     (lambda: minigrad.empty(2).uniform_(2, 1), RuntimeError),
     (lambda: minigrad.empty(2).bernoulli_(1.5), RuntimeError),
     (lambda: minigrad.empty(2).exponential_(0), RuntimeError),
     (lambda: minigrad.empty(2).geometric_(1.0), RuntimeError),
     (lambda: minigrad.empty(2).cauchy_(0, -1), RuntimeError),
     (lambda: minigrad.empty(2).log_normal_(0, 0), RuntimeError),
     (lambda: minigrad.manual_seed(2**64), RuntimeError),
     (lambda: minigrad.manual_seed("x"), TypeError),
     (lambda: minigrad.set_rng_state(minigrad.zeros(3)), RuntimeError),
     (lambda: minigrad.rand("2"), TypeError),
     (lambda: minigrad.ones(2, requires_grad=True).normal_(), RuntimeError)],
)  # fmt: skip
def test_errors(call, error):
    with pytest.raises(error):
        call()


def test_seeds_of_a_generator():
    generator = minigrad.Generator().manual_seed(-1)
    assert generator.initial_seed() == 2**64 - 1
    assert generator.seed() == generator.initial_seed()
    assert minigrad.seed() == minigrad.initial_seed()
    assert minigrad.manual_seed(5).initial_seed() == 5
    copy = minigrad.Generator()
    copy.set_state(generator.get_state())
    assert minigrad.equal(minigrad.rand(9, generator=copy), minigrad.rand(9, generator=generator))


def test_a_generator_serves_several_devices_in_turn():
    minigrad.register_backend("defaults", lambda index: Defaults())
    expected = [minigrad.rand(3).tolist() for _ in range(5)]
    generator = minigrad.Generator().manual_seed(1234)
    drawn = [
        minigrad.rand(3, generator=generator, device=place).tolist()
        for place in ("cpu", "defaults", "defaults", "cpu")
    ]
    here = generator.bookmark()
    drawn.append(minigrad.rand(3, generator=generator, device="defaults").tolist())
    generator.return_to(here)
    assert drawn == expected
    assert minigrad.rand(3, generator=generator, device="defaults").tolist() == expected[4]


def test_gradients_and_versions():
    assert minigrad.rand(2, requires_grad=True).is_leaf
    x = minigrad.ones(2, requires_grad=True)
    y = x * 2
    y.normal_()
    assert not y.requires_grad or minigrad.autograd.grad(y.sum(), x)[0].tolist() == [0.0, 0.0]
    assert (
        minigrad.randn_like(x).shape == (2,)
        and minigrad.rand_like(x, dtype=minigrad.float64).dtype is minigrad.float64
    )
    with minigrad.no_grad():
        x.uniform_()
    assert x.requires_grad and x._version == 1


def test_threads_get_different_numbers():
    drawn = []

    def work():
        for _ in range(200):
            drawn.append(minigrad.rand(1, dtype=minigrad.float64).item())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == 800


def test_a_generator_can_be_copied_and_sent():
    g = minigrad.Generator().manual_seed(5)
    minigrad.rand(9, generator=g)
    copies = [copy.deepcopy(g), pickle.loads(pickle.dumps(g))]
    expected = minigrad.rand(3, generator=g)
    for other in copies:
        assert other.device == g.device
        assert minigrad.equal(minigrad.rand(3, generator=other), expected)


FORKED = """
import os, sys
import minigrad
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.ops import random

class Mortal(NumpyBackend):
    survives_fork = False

    def copy_(self, out, x):
        assert os.getpid() == parent, "seeded what belongs to the parent"
        super().copy_(out, x)

parent = os.getpid()
minigrad.register_backend("mortal", lambda index: Mortal())
minigrad.rand(2, device="mortal")
minigrad.rand(2, device="cpu")
with random._generators_lock, random.default_generator("cpu")._lock:  # as another thread may
    child = os.fork()
if child == 0:
    minigrad.set_default_device("cpu")
    minigrad.manual_seed(3)
    print(minigrad.rand(1).item(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
minigrad.manual_seed(3)
print(minigrad.rand(1, device="cpu").item())
"""


def test_a_forked_process_seeds_its_own_generators():
    command = [sys.executable, "-c", FORKED]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(lines) == 2 and lines[0] == lines[1]
