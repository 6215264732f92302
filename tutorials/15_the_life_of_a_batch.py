# %% [markdown]
# # 15. The life of a batch
#
# From a file on disk, through a process that prepares it, into a kernel: this lesson goes with one
# batch all the way, draws who works when, and then does everything wrong that can be done wrong.
#
#     make data ARGS=digits
#     python tutorials/15_the_life_of_a_batch.py             half a minute
#     python tutorials/15_the_life_of_a_batch.py --quick     seconds, for a look
#
# Workers may be new processes that import this file, to find its classes. So what it does is in
# functions, and the last cell calls them only in the main program.

# %%
import argparse
import multiprocessing
import os
import pickle
import re
import signal
import time
from pathlib import Path

import numpy as np

import minigrad
import minigrad.nn.functional as F
from minigrad import datasets, nn, optim, transforms, watch
from minigrad.utils.data import (  # fmt: skip
    DataLoader,
    Dataset,
    IterableDataset,
    default_collate,
    get_worker_info,
    packing,
    sample_rng,
)

BATCH = 64

# %% [markdown]
# ## On disk, and from there to a sample
#
# The dataset knows a path, and opens the file when it is asked for a sample: so it is small when it
# goes to a worker, and each worker opens the file for itself. A memory map reads only what is asked
# for, and the system keeps one copy of that in memory, for all processes. `dataset[i]` is one
# sample: a digit, turned and moved by chance, in Python and NumPy. That is what workers are for.

# %%
class Digits(Dataset):
    """Images, each turned and moved at random, their labels, and when they were begun."""

    def __init__(self, folder, length):
        self.folder, self.length = folder, length
        self.images = self.labels = None
        self.change = transforms.RandomAffine(15, translate=(0.1, 0.1))

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        began = time.monotonic()
        if self.images is None:
            self.images = np.load(self.folder / "images.npy", mmap_mode="r")
            self.labels = np.load(self.folder / "labels.npy", mmap_mode="r")
        x = self.images[i][None] / np.float32(255)
        return self.change(x), self.labels[i], began


# %% [markdown]
# ## From samples to a batch, in memory that two processes see
#
# `default_collate` gets samples, asks for an array of (64, 1, 28, 28) and copies them into it. In a
# worker this array lies in a *slot* of the *ring*, a file in memory that the parent has
# mapped as well. Ours does the same, and writes down who did it, when and where: `/proc/self/maps`
# says which file is mapped at an address, and from which offset on. Two processes see one memory at
# two addresses; file and offset tell that it is one.

# %%
def collate_and_note(samples):
    pixels, labels, began = zip(*samples, strict=True)
    x, y = default_collate(pixels), default_collate(labels)
    info = get_worker_info()
    note = {"who": "parent" if info is None else f"worker {info.id}", "process": os.getpid()}
    return x, y, note | {"place": place_of(x), "began": began[0], "ended": time.monotonic()}


def place_of(x):
    """The file in which a tensor's memory lies, and where in it; None for memory of one's own."""
    maps = Path("/proc/self/maps")
    address = x.numpy().ctypes.data
    for line in maps.read_text().splitlines() if maps.exists() else []:
        begin, end, offset, name = re.match(r"(\w+)-(\w+) \S+ (\w+) \S+ \S+ *(.*)", line).groups()
        if int(begin, 16) <= address < int(end, 16) and name.startswith("/memfd:minigrad"):
            return name, address - int(begin, 16) + int(offset, 16)
    return None


def follow_one(dataset):
    print("\nFrom the worker to the parent")
    loader = iter(DataLoader(dataset, BATCH, collate_fn=collate_and_note, num_workers=2))
    x, y, note = next(loader)
    message, buffers = packing.pack((x, y, note))
    print(f"process {os.getpid()} has a batch that {note['who']} made, process {note['process']}")
    print(f"a message of {len(message)} bytes said where {sum(map(len, buffers)):,} bytes are")
    print(f"there, they were at {note['place']}\nhere, they are at   {place_of(x.cpu())}")
    assert x.device.type != "cpu" or place_of(x) == note["place"], "somebody has copied them"
    slots(loader)

# %% [markdown]
# Not one byte of the pictures was copied on the way: the message is a pickle of the batch without
# the arrays, and the parent makes tensors around the memory of the slot. That is used again when
# nothing views it any more. A loop that forgets its batches goes round in a few slots for ever. One
# that keeps them gets copies from the third on, or the memory would grow with the epoch.

# %%
def slots(loader):
    dropped = [note["place"] for _, (_, _, note) in zip(range(20), loader, strict=False)]
    print(f"20 batches, each forgotten for the next, used {len(set(dropped))} slots")
    kept = [batch for _, batch in zip(range(8), loader, strict=False)]
    shared = [place_of(x) is not None for x, _, _ in kept if x.device.type == "cpu"]
    print(f"8 batches, all of them kept: {sum(shared)} in slots, the others are copies")
    assert len(set(dropped)) < 10 and sum(shared) <= 2

# %% [markdown]
# ## To the device, and into a kernel
#
# A tensor is made of the slot by the backend's `from_host`: on the CPU that is the slot itself, on
# another device a copy, after which the slot is free. The first kernel of the network gets the
# array, and nobody knows any more where the numbers came from. `watch.trace` shows both.

# %%
def make_net():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10),
    )  # fmt: skip


def into_a_kernel(dataset):
    print("\nInto a kernel")
    net = make_net()
    with watch.trace() as trace:
        for x, _, _ in DataLoader(dataset, BATCH, collate_fn=collate_and_note, num_workers=1):
            net(x)
            break
    for line in str(trace).splitlines():
        if "<float32[64" in line or "conv" in line:
            print(line[:98])

# %% [markdown]
# ## Who works when
#
# A training of a few dozen steps, without workers, with one and with two. Every batch says when it
# was made, and by whom; the loop notes when it asked for one, when it got it, and when the step was
# done. `time.monotonic` is one clock for all processes.

# %%
def train(dataset, workers, steps):
    """Spans of time (who, what, begin, end), in seconds from the beginning of the epoch."""
    minigrad.manual_seed(0)
    net = make_net()
    optimizer = optim.SGD(net.parameters(), lr=0.05)
    spans, begin = [], time.monotonic()
    loader = iter(DataLoader(dataset, BATCH, collate_fn=collate_and_note, num_workers=workers))
    for _ in range(steps):
        asked = time.monotonic()
        x, y, note = next(loader)
        got = time.monotonic()
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device, if it is another one
        spans.append((note["who"], "makes a batch", note["began"], note["ended"]))
        if workers:
            spans.append(("parent", "waits", asked, got))
        spans.append(("device", "a step", got, time.monotonic()))
    return [(who, what, b - begin, e - begin) for who, what, b, e in spans]


def share_of_steps(spans):
    """Which part of the time the device works, from the first step on."""
    steps = [(b, e) for who, _, b, e in spans if who == "device"]
    return sum(e - b for b, e in steps) / (steps[-1][1] - steps[0][0])


def timelines(dataset, steps, out):
    print("\nWho works when")
    runs = {workers: train(dataset, workers, steps) for workers in (0, 1, 2)}
    for workers, spans in runs.items():
        first = min(b for who, _, b, _ in spans if who == "device")
        print(f"{workers} workers: first batch after {1000 * first:.0f} ms, then the device works "
              f"{share_of_steps(spans):.0%} of the time")  # fmt: skip
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError:
        print("no picture: pip install matplotlib")
        return
    plt.switch_backend("Agg")
    figure, grid = plt.subplots(3, 1, figsize=(12, 7), layout="constrained", sharex=True)
    for axes, (workers, spans) in zip(grid, runs.items(), strict=True):
        draw_timeline(axes, workers, spans)
    tenth = [[e for who, _, _, e in spans if who == "device"][9] for spans in runs.values()]
    grid[2].set(xlim=(0, 1000 * max(tenth)), xlabel="ms")
    figure.legend(*grid[2].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    figure.savefig(out / "life-timeline.png", dpi=110)
    print(f"the picture is {out / 'life-timeline.png'}")


def draw_timeline(axes, workers, spans):
    rows = ["device", "parent", *(f"worker {i}" for i in range(workers))]
    colours = {"makes a batch": "tab:blue", "waits": "tab:red", "a step": "tab:green"}
    for what, colour in colours.items():
        found = [(rows.index(who), 1000 * b, 1000 * (e - b)) for who, w, b, e in spans if w == what]
        y, left, width = zip(*found, strict=True) if found else ([], [], [])
        axes.barh(y, width, 0.7, left, color=colour, edgecolor="white", linewidth=0.5, label=what)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_title(f"{workers} workers", loc="left")

# %% [markdown]
# Without workers the device waits while the parent makes a batch. With one, the next is made during
# a step; what is left of the waiting is red. Each worker is up to two batches ahead, so that a slow
# sample does not stop the loop at once, and then waits for a task: the white gaps. On a CPU the
# device is the parent itself, and workers take turns with it where there are no more cores.
#
# ## What goes wrong: everybody draws the same
#
# A worker has a copy of the dataset, and of the generator that it holds. So all draw the same, and
# the network sees every change as many times as there are workers. It still trains, a little worse,
# and nobody notices.

# %%
class Draws(Dataset):
    """Sample i is a random number, from the generator that the dataset holds or the sample has."""

    def __init__(self, rng=None):
        self.rng = rng

    def __len__(self):
        return 8

    def __getitem__(self, i):
        return (self.rng or sample_rng()).random()


def copies(thing, n=2):
    """What n workers would have, if nobody saw to it."""
    return [pickle.loads(pickle.dumps(thing)) for _ in range(n)]


one, other = copies(np.random.default_rng(0))
assert one.random() == other.random()


def random_numbers():
    print("\nRandom numbers")
    dataset = Draws(np.random.default_rng(0))
    naive = [worker[i] for worker in copies(dataset) for i in range(4)]
    print(f"two copies draw 8 numbers, {len(set(naive))} of them different")
    found = [x.item() for x in DataLoader(dataset, num_workers=2)]
    print(f"two workers draw 8 numbers, {len(set(found))} of them different: they are seeded anew")
    by_workers = []
    for workers in (0, 1, 2):
        minigrad.manual_seed(0)
        by_workers.append([x.item() for x in DataLoader(Draws(), num_workers=workers)])
    assert len(set(naive)) == 4 and len(set(found)) == 8
    assert by_workers[0] == by_workers[1] == by_workers[2]
    print("with sample_rng() they are the same numbers for 0, 1 and 2 workers")

# %% [markdown]
# ## What goes wrong: a stream is read n times
#
# An `IterableDataset` has no indices to hand out: each worker iterates over its copy, and keeps
# every n-th batch of it, unless the class says that its copies are to be whole.

# %%
class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(6))


class Whole(Stream):
    replicated = True


def streams():
    print("\nA stream")
    for name, samples in {
        "copies": [x for worker in copies(Stream()) for x in worker],
        "workers": [x.item() for x in DataLoader(Stream(), num_workers=2)],
        "replicated": [x.item() for x in DataLoader(Whole(), num_workers=2)],
    }.items():
        print(f"two {name:10} give {sorted(samples)}")
        assert len(samples) == (6 if name == "workers" else 12)

# %% [markdown]
# ## What goes wrong: workers die, hang, cannot be sent, stay behind
#
# The system kills processes when memory runs out; a lock is never released; a dataset holds what is
# of one process only. In each case the error should say who, why, and at which samples.

# %%
class Faulty(Dataset):
    """Sample 3 is the end of the worker, or takes for ever."""

    def __init__(self, fault):
        self.fault = fault

    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i == 3 and self.fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if i == 3 and self.fault == "stuck":
            time.sleep(600)
        return i


def error_of(kind, dataset, **options):
    """What is raised by a loop over the dataset."""
    try:
        list(DataLoader(dataset, num_workers=2, **options))
    except kind as error:
        print("\n".join(f"{type(error).__name__}: {error}\n".splitlines()[:14]), end="\n\n")
        return str(error)
    raise AssertionError("nothing went wrong")


def faults():
    print("\nA worker is killed; one is stuck; a lambda is to go to a new process; a break")
    assert "SIGKILL" in error_of(RuntimeError, Faulty("killed"))
    assert "timed out" in error_of(RuntimeError, Faulty("stuck"), timeout=2)
    assert "dataset.fault, a lambda" in error_of(
        pickle.PicklingError, Faulty(lambda: 0), multiprocessing_context="spawn"
    )
    loader = iter(DataLoader(Stream(), num_workers=2))
    next(loader)
    print(f"in the loop there are {len(multiprocessing.active_children())} worker processes")
    del loader  # as a break does, an exception, or Ctrl-C
    print(f"after it, {len(multiprocessing.active_children())}")
    assert multiprocessing.active_children() == []

# %% [markdown]
# ## To stop in the middle, and go on
#
# All chance in an epoch follows from its seed: that and a count are all there is to remember.

# %%
def resume(dataset):
    print("\nIn the middle of an epoch")
    options = {"shuffle": True, "collate_fn": collate_and_note}
    loader = DataLoader(dataset, BATCH, num_workers=2, **options)
    batches = iter(loader)
    next(batches), next(batches)
    state = loader.state_dict()
    print({name: state[name] for name in ("seed", "batches")})
    rest = [x for x, _, _ in batches]
    again = DataLoader(dataset, BATCH, **options)  # in another process, tomorrow, without workers
    again.load_state_dict(state)
    resumed = [x for x, _, _ in again]
    same = [minigrad.equal(x, y) for x, y in zip(rest, resumed, strict=True)]
    print(f"of the {len(rest)} batches that remained, {sum(same)} are the same, turned as before")
    assert all(same)


def main():
    parser = argparse.ArgumentParser(description="From disk through two processes to a kernel.")
    parser.add_argument("--quick", action="store_true", help="few steps")
    parser.add_argument("--out", type=Path, default="tutorial-output", help="folder for pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, array in zip(("images", "labels"), datasets.digits(), strict=True):
        np.save(options.out / f"{name}.npy", array)
    dataset = Digits(options.out.resolve(), 4000)
    follow_one(dataset)
    into_a_kernel(dataset)
    timelines(dataset, 12 if options.quick else 60, options.out)
    random_numbers()
    streams()
    faults()
    resume(Digits(options.out.resolve(), 400))


if __name__ == "__main__":
    main()

# %% [markdown]
# ## What to take along
#
# - A batch travels as a place in memory: collated there, seen there, and used again when forgotten.
# - Workers help where the device waits, and where there are cores for them. Look first.
# - Take random numbers from `sample_rng()` or the default generator: who loads does not matter.
# - What has no answer must become an error that says who, where and why.
#
# Try: `prefetch_factor=1` and 8 in `train`. A sample that takes 200 ms now and then, and with it
# `in_order=False`. MINIGRAD_BACKEND=opencl: what is copied now?
