"""Datasets for the tests of worker processes: in a module that they import quickly."""

import errno
import os
import random
import signal
import time

import numpy as np

import minigrad
from minigrad.utils.data import (
    Dataset,
    IterableDataset,
    default_collate,
    get_worker_info,
    ring,
    sample_rng,
)


class Numbers(Dataset):
    """0 ... n - 1, and nothing that takes time."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return index


class Arrays(Numbers):
    """Sample i: an array full of i, of `shape`, under a name."""

    def __init__(self, n, shape=(3,)):
        super().__init__(n)
        self.shape = shape

    def __getitem__(self, index):
        return {"x": np.full(self.shape, index, np.float32), "name": str(index)}


class Growing(Numbers):
    """Sample i has 1000 i numbers: every batch (of one) is larger than all before."""

    def __getitem__(self, index):
        return np.full(1000 * index, index, np.int64)


class Random(Numbers):
    """Draws from all there is that should not depend on workers."""

    def __getitem__(self, index):
        return {
            "index": index,
            "minigrad": minigrad.rand(2),
            "again": minigrad.randint(1000, (1,)),
            "numpy": sample_rng().normal(size=2),
        }


class Greedy(Numbers):
    """Sample i draws i + 1 numbers, and gives the last of both kinds."""

    def __getitem__(self, index):
        return minigrad.rand(index + 1)[-1].item() + sample_rng().random(index + 1)[-1]


class MadeAnew:
    """It is pickled with a new array each time."""

    times = 0

    def __getstate__(self):
        self.times += 1
        return {"x": np.full(100_000, self.times)}


class Seeded(Numbers):
    """Draws from what is seeded once a worker and epoch."""

    def __init__(self, n):
        super().__init__(n)
        self.parts = [{"rng": np.random.default_rng(0)}, np.random.RandomState(0)]
        self.own = minigrad.Generator()
        self.pure = random.Random(0)

    def __getitem__(self, index):
        draws = [
            self.parts[0]["rng"].random(), self.parts[1].random_sample(), self.pure.random(),
            minigrad.rand(1, generator=self.own).item(), random.random(), np.random.random(),
        ]  # fmt: skip
        return np.array([get_worker_info().id, *draws])


class Fault(Numbers):
    """Sample `at` is made by fault(*args)."""

    def __init__(self, n, at, fault, *args):
        super().__init__(n)
        self.at, self.fault, self.args = at, fault, args

    def __getitem__(self, index):
        return self.fault(*self.args) if index == self.at else index


class OnlyHere:
    """Cannot be made again elsewhere."""

    def __reduce__(self):
        return only_in, (os.getpid(),)


def only_in(pid):
    if os.getpid() != pid:
        raise LookupError("no such thing here")


class Odd(Exception):
    """Its constructor wants two arguments, so that pickle cannot make it again."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def raise_odd():
    raise Odd("one", "two")


def raise_value_error(text):
    raise ValueError(text)


def raise_local():
    class Local(Exception):
        pass

    raise Local("made here")


def raise_stop():
    raise StopIteration


def kill_myself(name):
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(60)


def exit_quietly(code):
    os._exit(code)


def sleep_here(path):
    """Says in a file that it begins to, which is when a wait gets long."""
    open(path, "w").close()
    time.sleep(600)


def stop_myself(path):
    """As a debugger does: nothing of this process runs any more. Says first who it is."""
    path.write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)


def lambda_inside():
    return lambda: 0


class Where(Numbers):
    """Who makes the sample."""

    def __getitem__(self, index):
        return np.array([os.getpid(), index])


class Policy(Numbers):
    """How the system schedules who makes the sample."""

    def __getitem__(self, index):
        return os.sched_getscheduler(0)


class Who(Numbers):
    """The worker's number; the first is slow."""

    def __getitem__(self, index):
        number = get_worker_info().id
        time.sleep(0.005 if number == 0 else 0)
        return number


class FirstWaits(Numbers):
    """Sample 0 is there when a file is. Another file says that it waits."""

    def __init__(self, n, path):
        super().__init__(n)
        self.path = path

    def __getitem__(self, index):
        if index == 0:
            self.path.with_suffix(".waits").touch()
        while index == 0 and not os.path.exists(self.path):
            time.sleep(0.005)
        return index


class Many(Numbers):
    """Takes many indices at once, and makes one sample of them."""

    def __getitems__(self, indices):
        return [sum(indices)]


class Describe(Numbers):
    """What get_worker_info says, and how many threads the BLAS has."""

    def __getitem__(self, index):
        from minigrad.backends import numpy_threads

        info = get_worker_info()
        threads = numpy_threads.blas.threads, numpy_threads.CORES
        same = info.dataset is self
        return np.array([info.id, info.num_workers, info.seed % 2**31, same, *threads])


def heavy(x):
    """Work in which the BLAS and large loops have threads."""
    ones = minigrad.ones(1000, 4000)
    return (x > 0.5).float() @ (x < 0.2).float() + ones.exp().sum()


class Heavy(Dataset):
    def __init__(self, x):
        self.x = x

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return heavy(self.x)


class Count(IterableDataset):
    """0 ... n - 1, each with a random number."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        for i in range(self.n):
            yield i, minigrad.rand(1), sample_rng().normal()


class Shuffled(IterableDataset):
    """A stream in an order of its own, drawn from a generator that the dataset holds."""

    def __init__(self, n):
        self.n = n
        self.rng = np.random.default_rng(0)

    def __iter__(self):
        return iter(self.rng.permutation(self.n).tolist())


class Shared(Count):
    """Shares itself out, as PyTorch's documentation teaches; each with a random number."""

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for i in range(first, self.n, step):
            yield i, minigrad.rand(1), random.random()


class Whole(Count):
    """Every worker gives all of it."""

    replicated = True


class Late(Count):
    """Asks how many workers there are when it is too late."""

    def __iter__(self):
        yield from range(self.n // 2)
        yield from range(get_worker_info().num_workers)


class Broken(Count):
    def __iter__(self):
        yield 0
        raise KeyError("in the stream")


def share_by_init(worker_id):
    """PyTorch's other way: worker_init_fn changes the dataset."""
    info = get_worker_info()
    dataset = info.dataset
    dataset.numbers = dataset.numbers[worker_id :: info.num_workers]


class Told(IterableDataset):
    def __init__(self, n):
        self.numbers = list(range(n))

    def __iter__(self):
        return iter(self.numbers)


def no_memory(worker_id):
    """From now on no slot of the shared memory can be made larger in this worker."""

    def refuse(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    ring._map = refuse


def fail_to_begin(worker_id):
    raise OSError(5, "no disk")


kept = []


def collate_and_keep(samples):
    """A collate_fn that remembers its batches."""
    batch = default_collate(samples)
    kept.append(batch)
    if len(kept) > 1 and kept[-2].tolist() != [kept[-2][0].item()] * len(kept[-2]):
        raise RuntimeError("somebody wrote over what was kept")
    return batch


def as_is(samples):
    return samples


def needs_grad(samples):
    return minigrad.ones(2, requires_grad=True) * 2
