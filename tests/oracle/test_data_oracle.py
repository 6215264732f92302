"""Collating and the DataLoader agree with PyTorch on types, values and the errors of
contradictions.
"""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
import minigrad.utils.data as ours
from minigrad.utils.data import default_collate

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.utils.data")

FORK = {"multiprocessing_context": "fork"}
Pair = namedtuple("Pair", "x y")

leaves = st.sampled_from([1, 2.5, True, "a", np.float32(1.5), np.arange(3), np.ones((2, 1))])
samples = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.lists(inner, min_size=1, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(OrderedDict)
        | st.tuples(inner, inner).map(lambda pair: Pair(*pair))
    ),
    max_leaves=5,
)


def same(x, y):
    if isinstance(y, torch.Tensor):
        assert isinstance(x, minigrad.Tensor)
        assert x.numpy().dtype == y.numpy().dtype and (x.numpy() == y.numpy()).all()
        return
    assert type(x) is type(y)
    if isinstance(y, dict):
        assert list(x) == list(y)
        for key in y:
            same(x[key], y[key])
    elif isinstance(y, list | tuple):
        assert len(x) == len(y)
        for a, b in zip(x, y, strict=True):
            same(a, b)
    else:
        assert x == y


@given(sample=samples, n=st.integers(1, 3))
def test_collate(sample, n):
    same(default_collate([sample] * n), theirs.default_collate([sample] * n))


@given(
    n=st.integers(0, 7),
    options=st.fixed_dictionaries(
        {},
        optional={
            "batch_size": st.sampled_from([None, 0, 1, 3]),
            "shuffle": st.just(False),
            "sampler": st.just([0, 0]),
            "batch_sampler": st.just([[0], [0, 0]]),
            "drop_last": st.booleans(),
            "timeout": st.sampled_from([0, -1]),
            "num_workers": st.sampled_from([0, -1, 1]),
            "persistent_workers": st.booleans(),
            "prefetch_factor": st.sampled_from([None, -1, 1, 3]),
            "multiprocessing_context": st.sampled_from([None, "fork", "thread", 3]),
            "in_order": st.booleans(),
        },
    ),
)
def test_loader(n, options):
    found = []
    workers = options.get("num_workers", 0) > 0
    for library in (ours, theirs):
        try:
            loader = library.DataLoader(range(n), **(FORK | options if workers else options))
            found.append((len(loader), list(loader)))
        except (ValueError, IndexError, TypeError) as error:
            found.append(type(error))
    if isinstance(found[1], type):
        assert found[0] is found[1]
    else:
        assert found[0][0] == found[1][0]
        same(found[0][1], found[1][1])


@pytest.mark.parametrize("persistent_workers", [False, True])
def test_loading_by_workers(persistent_workers):
    """The same batches in the same order, epoch after epoch, and the same fields of WorkerInfo."""
    samples = [{"x": np.full(3, i, np.float32), "y": i, "name": str(i)} for i in range(11)]
    loaders = [
        library.DataLoader(
            samples, 3, num_workers=2, multiprocessing_context="fork",
            persistent_workers=persistent_workers,
        )
        for library in (ours, theirs)
    ]  # fmt: skip
    for _ in range(2):
        for x, y in zip(*loaders, strict=True):
            same(x, y)


@given(
    n=st.integers(1, 12), replicas=st.integers(1, 4), rank=st.integers(-1, 4), drop=st.booleans()
)
def test_distributed_sampler(n, replicas, rank, drop):
    found = []
    for library in (ours, theirs):
        try:
            sampler = library.DistributedSampler(range(n), replicas, rank, False, drop_last=drop)
            found.append((list(sampler), len(sampler), sampler.total_size))
        except ValueError:
            found.append(ValueError)
    assert found[0] == found[1]


@given(sizes=st.lists(st.integers(1, 3), max_size=3), named=st.booleans())
def test_stack_dataset(sizes, named):
    found = []
    for library in (ours, theirs):
        parts = [list(range(10 * i, 10 * i + n)) for i, n in enumerate(sizes)]
        args, kwargs = ([], dict(zip("abc", parts, strict=False))) if named else (parts, {})
        try:
            data = library.StackDataset(*args, **kwargs)
            found.append((len(data), data[0], data.__getitems__([0, 0]), data.datasets))
        except ValueError:
            found.append(ValueError)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandomSampler", ([1, 2], 1)),
        ("RandomSampler", ([1, 2], False, 0)),
        ("RandomSampler", ([1, 2], False, 1.5)),
        ("WeightedRandomSampler", ([1.0], 0)),
        ("WeightedRandomSampler", ([1.0], 1.0)),
        ("WeightedRandomSampler", ([1.0], True)),
        ("WeightedRandomSampler", ([[1.0]], 1)),
        ("WeightedRandomSampler", ([1.0], 1, 1)),
        ("BatchSampler", ([1], 0, False)),
        ("BatchSampler", ([1], 1.5, False)),
        ("BatchSampler", ([1], True, False)),
        ("BatchSampler", ([1], 1, 0)),
        ("Subset", ([1, 2], [0])),
        ("ConcatDataset", ([],)),
    ],
)
def test_arguments_of_samplers_and_datasets(name, arguments):
    outcomes = []
    for library in (ours, theirs):
        try:
            getattr(library, name)(*arguments)
            outcomes.append(None)
        except Exception as error:
            outcomes.append(type(error))
    if outcomes[1] is AssertionError:
        assert outcomes[0] is ValueError
    else:
        assert outcomes[0] is outcomes[1]


def test_weighted_sampling_is_as_likely():
    weights, n = [0.1, 0.0, 0.6, 0.3], 20_000
    for replacement in (True, False):
        rows = []
        for library in (ours, theirs):
            size = 2 if not replacement else 1
            sampler = library.WeightedRandomSampler(weights, size, replacement)
            rows.append(np.bincount(np.ravel([list(sampler) for _ in range(n // 10)]), minlength=4))
        assert abs(rows[0] - rows[1]).max() < 6 * np.sqrt(n / 10)
