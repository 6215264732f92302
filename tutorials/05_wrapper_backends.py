# %% [markdown]
# # 5. Wrapper backends: a FLOP counter in fifteen lines
#
# How many multiplications and additions does a training step take? Which kernel is slow? Where did
# the first NaN come from? Would the model still learn on a machine with fewer digits? All of these
# ask about what is *executed*, and none of them should need a change in the model, in an op, or in
# the engine.
#
# In minigrad everything that is executed goes through a backend: an object whose methods are
# kernels. So we put another object in front of it, with the same methods, that looks at each call
# and passes it on.
#
#         model, rules, engine, optimizer
#                       |
#                       v    matmul(x, y)
#               +---------------+
#               |  FlopCounter  |   counts, passes on
#               +---------------+
#                       |    matmul(x, y)
#                       v
#               +---------------+
#               |     NumPy     |   computes
#               +---------------+
#
# ## The wrapper
#
# `Wrapper` in `backends/base.py` calls `wrap_kernel(name, kernel)` once for each kernel, when the
# wrapper is built, and keeps what it returns. We return kernels that do not interest us as they
# are: these cost nothing at all.
#
# Multiplying an (m, k) matrix by a (k, n) matrix makes m * n sums of k products: m * n * k
# multiplications and as many additions. The table says so for each kernel that multiplies matrices.

# %%
import math
import time
from collections import Counter
from itertools import pairwise

import minigrad
from minigrad import nn, optim
from minigrad.backends.base import Wrapper

FLOPS = {  # kernel: the multiplications and additions it takes, from its result and operands
    "matmul": lambda out, x, y: 2 * math.prod(out.shape) * x.shape[-1],
    "linear": lambda out, x, w, b: 2 * math.prod(out.shape) * x.shape[-1],
}
flops = Counter()


class FlopCounter(Wrapper):
    """Adds up in `flops` what each kernel of the table FLOPS takes."""

    def wrap_kernel(self, name, kernel):
        if name not in FLOPS:
            return kernel
        cost = FLOPS[name]

        def counted(*args):
            out = kernel(*args)
            flops[name] += cost(out, *args)
            return out

        return counted


def count(function, *args):
    """What function(*args) returns, and the operations that it took."""
    flops.clear()
    device = minigrad.get_default_device()
    device.wrap(FlopCounter)
    try:
        return function(*args), flops.total()
    finally:
        device.unwrap(FlopCounter)


# %% [markdown]
# ## Forward and backward
#
# A tensor points at its device, and the device at its backend. So the wrapper sees all tensors of
# the device, also those made before. And as gradient rules are made of ops, it sees the backward
# pass as well: `x.mT @ g` is a matrix product like any other.

# %%
m, k, n = 32, 64, 16
x, w = minigrad.randn(m, k), minigrad.randn(k, n, requires_grad=True)
out, forward = count(lambda: (x @ w).sum())
_, backward = count(out.backward)
print(f"forward {forward:,}, backward {backward:,}, 2 m n k = {2 * m * n * k:,}")
assert forward == 2 * m * n * k
assert backward == 2 * m * n * k  # one product, for w: x wants no gradient

x.requires_grad_()
out, forward = count(lambda: (x @ w).sum())
_, backward = count(out.backward)
assert (forward, backward) == (2 * m * n * k, 2 * 2 * m * n * k)  # two products: for x and for w

# %% [markdown]
# Hence a rule of thumb: a training step takes six operations for each weight and each example, two
# forward and four backward. Here it is for a small network. Only the first layer is cheaper, as
# nobody asks for the gradient of the data.

# %%
minigrad.manual_seed(0)
batch, sizes = 128, (784, 256, 256, 10)
model = nn.Sequential(
    nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
)
images, labels = minigrad.randn(batch, 784), minigrad.randint(0, 10, (batch,))
loss, forward = count(lambda: nn.functional.cross_entropy(model(images), labels))
_, backward = count(loss.backward)

weights = [a * b for a, b in pairwise(sizes)]
rule_of_thumb = 6 * sum(weights) * batch
print(f"forward {forward:,}, backward {backward:,}, rule of thumb {rule_of_thumb:,}")
assert forward == 2 * batch * sum(weights)
assert backward == 4 * batch * sum(weights) - 2 * batch * weights[0]

# %% [markdown]
# ## Another kernel is another line
#
# A convolution makes, for each output, one product for every weight of its filter. Its two
# gradients are the same sum seen from the other sides (Note [Convolution] in `backends/base.py`),
# so they take the same number of operations.

# %%


def conv_flops(positions, w_shape):
    """positions: the shape of the convolution's result; each element sums over one filter."""
    return 2 * math.prod(positions) * math.prod(w_shape[1:])


FLOPS["conv"] = lambda out, x, w, *rest: conv_flops(out.shape, w.shape)
FLOPS["conv_input"] = lambda out, g, w, *rest: conv_flops(g.shape, w.shape)
FLOPS["conv_weight"] = lambda out, g, x, w_shape, *rest: conv_flops(g.shape, w_shape)

conv = nn.Conv2d(3, 8, kernel_size=5, padding=2)
pictures = minigrad.randn(4, 3, 28, 28, requires_grad=True)
out, forward = count(lambda: conv(pictures).sum())
_, backward = count(out.backward)
print(f"convolution: forward {forward:,}, backward {backward:,}")
assert forward == 2 * (4 * 8 * 28 * 28) * (3 * 5 * 5) and backward == 2 * forward

# %% [markdown]
# ## Wrappers nest
#
# A wrapper is a backend, so a wrapper can stand in front of a wrapper. Here a stopwatch stands in
# front of the counter. Together they tell the speed of the matrix products. Wrappers leave in any
# order, and they change no result: not by one bit.

# %%
seconds = Counter()


class Stopwatch(Wrapper):
    """Adds up in `seconds` the time that each kernel takes."""

    def wrap_kernel(self, name, kernel):
        def timed(*args):
            start = time.perf_counter()
            try:
                return kernel(*args)
            finally:
                seconds[name] += time.perf_counter() - start

        return timed


def gradients():
    """The gradients of all weights, as lists of numbers."""
    model.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    return [p.grad.tolist() for p in model.parameters()]


plain = gradients()
device = minigrad.get_default_device()
flops.clear()
device.wrap(FlopCounter)
device.wrap(Stopwatch)
wrapped = gradients()
device.unwrap(FlopCounter)
device.unwrap(Stopwatch)
assert wrapped == plain

speed = flops.total() / sum(seconds[name] for name in flops) / 1e9
print(f"matrix products: {speed:.1f} billion operations a second")
for name, taken in seconds.most_common(5):
    print(f"    {name:20} {1e6 * taken:8.0f} us")
assert speed > 0 and device.wrappers == []

# %% [markdown]
# ## A wrapper may change what it passes on
#
# Many accelerators multiply numbers of 16 bits, with 8 bits of precision, "bfloat16". Would a
# model still learn with so few digits? We simulate that machine: round the operands of each matrix
# product by cutting the lower 16 of their 32 bits. It is then registered as a device of its own.

# %%
import numpy as np

from minigrad.backends.numpy_backend import NumpyBackend


def cut(x):
    """x with 8 significant bits: what is left of a float32 without its lower half."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return (bits & 0xFFFF0000).view(np.float32)


class Coarse(Wrapper):
    """Multiplies matrices as a machine with 16-bit numbers would."""

    def wrap_kernel(self, name, kernel):
        if name not in ("matmul", "linear"):
            return kernel
        return lambda x, y, *rest: kernel(cut(x), cut(y), *rest)


minigrad.register_backend("coarse", lambda index: Coarse(NumpyBackend()))


def learn(name):
    """The losses of a small network that learns sin(3 x), on the device of that name."""
    minigrad.manual_seed(0)
    with minigrad.device(name):
        net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
        x = minigrad.linspace(-1, 1, 64).reshape(64, 1)
        y = (3 * x).sin()
        optimizer = optim.Adam(net.parameters(), lr=0.02)
        losses = []
        for _step in range(200):
            loss = ((net(x) - y) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


exact, coarse = learn("cpu"), learn("coarse")
print(f"32 bits: loss {exact[0]:.4f} -> {exact[-1]:.6f}")
print(f"16 bits: loss {coarse[0]:.4f} -> {coarse[-1]:.6f}")
assert exact[-1] < 0.01 * exact[0] and coarse[-1] < 0.05 * coarse[0]
assert coarse != exact

# %% [markdown]
# ## What to take along
#
# - All execution goes through the kernels of one object; put another in front of it.
# - A wrapper sees forward, backward and optimizer, and costs nothing for kernels it leaves alone.
# - Wrappers nest; they may observe, and they may change.
#
# minigrad brings three of them, in `backends/`: `trace.py` records the calls and replays them on
# new data, `profile.py` makes a table of times, `nancheck.py` names the kernel that made the first
# NaN. `MINIGRAD_WRAP=nancheck,profile` turns them on from outside.
#
# Try: a wrapper that raises when a kernel makes an array of more than a gigabyte, and names the
# kernel. One that counts the bytes each kernel reads and writes: which kernels of the step above do
# more than ten operations for each byte?
