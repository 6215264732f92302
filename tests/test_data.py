"""Datasets, samplers, collating, DataLoader."""

from collections import Counter, OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)

Pair = namedtuple("Pair", "x y")


class Squares(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if not 0 <= index < self.n:
            raise IndexError(index)
        return index**2


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


class Sized(Stream):
    def __len__(self):
        return self.n


def generator(seed=0):
    return minigrad.Generator().manual_seed(seed)


def values(batches):
    return [batch.tolist() for batch in batches]


def flat(lists):
    return [x for inner in lists for x in inner]


# Datasets


def test_tensor_dataset():
    data = TensorDataset(minigrad.arange(3), minigrad.arange(6).reshape(3, 2))
    assert len(data) == 3
    x, y = data[1]
    assert x.item() == 1 and y.tolist() == [2, 3]
    with pytest.raises(IndexError):
        data[3]
    with pytest.raises(ValueError, match=r"\(3,\), \(2,\)"):
        TensorDataset(minigrad.zeros(3), minigrad.zeros(2))
    with pytest.raises(ValueError):
        TensorDataset()


@given(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_concat_dataset_is_concatenation(sizes):
    parts = [[(i, j) for j in range(n)] for i, n in enumerate(sizes)]
    whole = flat(parts)
    data = ConcatDataset(parts)
    assert len(data) == len(whole)
    assert [data[i] for i in range(len(whole))] == whole
    assert [data[i] for i in range(-len(whole), 0)] == whole
    for i in (len(whole), -len(whole) - 1):
        with pytest.raises(IndexError):
            data[i]


def test_concat_dataset_errors_and_sum():
    with pytest.raises(ValueError):
        ConcatDataset([])
    with pytest.raises(TypeError):
        ConcatDataset([Stream(3)])
    assert len(Squares(2) + Squares(3)) == 5


def test_stack_dataset():
    data = StackDataset(Squares(3), range(3))
    assert len(data) == 3 and data[2] == (4, 2) and data.__getitems__([2, 0]) == [(4, 2), (0, 0)]
    named = StackDataset(a=Subset(Squares(4), [3, 1]), b="xy")
    assert len(named) == 2 and named[1] == {"a": 1, "b": "y"}
    assert named.__getitems__([1, 0]) == [{"a": 1, "b": "y"}, {"a": 9, "b": "x"}]
    (batch,) = DataLoader(named, 2)
    assert batch["a"].tolist() == [9, 1] and batch["b"] == ["x", "y"]

    class Short(Squares):
        def __getitems__(self, indices):
            return []

    with pytest.raises(ValueError, match="Expected 1, got 0"):
        StackDataset(Short(3)).__getitems__([0])
    for args, kwargs in (((), {}), (([1],), {"a": [1]}), (([1], [1, 2]), {})):
        with pytest.raises(ValueError, match="StackDataset"):
            StackDataset(*args, **kwargs)


def test_chain_dataset():
    chain = Stream(2) + Stream(3)
    assert isinstance(chain, ChainDataset) and list(chain) == [0, 1, 0, 1, 2]
    assert len(ChainDataset([Sized(2), Sized(3)])) == 5
    with pytest.raises(TypeError, match="use ConcatDataset"):
        list(ChainDataset([Squares(3)]))


def test_subset():
    part = Subset(Squares(10), [3, 1, 4])
    assert len(part) == 3 and part[2] == 16 and part.__getitems__([0, 1]) == [9, 1]
    assert Subset(part, [1])[0] == 1
    assert Subset(Subset(Squares(10), [5, 6]), [1]).__getitems__([0]) == [36]


@given(
    n=st.integers(1, 30),
    shares=st.lists(st.integers(1, 10), min_size=1, max_size=4),
    seed=st.integers(0, 5),
)
def test_random_split_by_shares_covers_everything_once(n, shares, seed):
    fractions = [share / sum(shares) for share in shares]
    parts = random_split(range(n), fractions, generator(seed))
    assert sorted(x for part in parts for x in part) == list(range(n))
    assert all(abs(len(p) - n * f) < len(fractions) for p, f in zip(parts, fractions, strict=True))
    again = random_split(range(n), fractions, generator(seed))
    assert [p.indices for p in again] == [p.indices for p in parts]


def test_random_split_by_counts():
    assert [len(part) for part in random_split(range(10), [7, 3])] == [7, 3]
    for lengths in ([7, 2], [0.5, 0.2], [1.5, -0.5]):
        with pytest.raises(ValueError):
            random_split(range(10), lengths)


# Samplers


@given(n=st.integers(0, 12), seed=st.integers(0, 3))
def test_random_sampler_without_replacement(n, seed):
    sampler = RandomSampler(range(n), generator=generator(seed))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(n)) and len(sampler) == n
    assert first == list(RandomSampler(range(n), generator=generator(seed)))
    if n > 8:
        assert first != second


def test_random_sampler_counts():
    many = list(RandomSampler(range(3), num_samples=7))
    assert len(many) == 7 and sorted(many[:3]) == sorted(many[3:6]) == [0, 1, 2]
    drawn = Counter(RandomSampler(range(3), replacement=True, num_samples=3000))
    assert set(drawn) == {0, 1, 2} and min(drawn.values()) > 800
    with pytest.raises(ValueError):
        RandomSampler(range(3), num_samples=0)
    with pytest.raises(TypeError):
        RandomSampler(range(3), replacement=1)


def test_other_samplers():
    assert list(SequentialSampler(range(3))) == [0, 1, 2]
    sampler = SubsetRandomSampler([5, 7, 9], generator())
    assert sorted(sampler) == [5, 7, 9] and len(sampler) == 3
    weighted = WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=generator())
    drawn = Counter(weighted)
    assert drawn[0] == 0 and 2700 < drawn[2] < 3300 and len(weighted) == 4000
    assert sorted(WeightedRandomSampler([1.0, 1.0, 1.0], 3, replacement=False)) == [0, 1, 2]
    with pytest.raises(ValueError):
        WeightedRandomSampler([1.0], 0)
    with pytest.raises(ValueError, match="1d"):
        WeightedRandomSampler([[1.0]], 1)
    with pytest.raises(NotImplementedError):
        iter(Sampler())


@given(n=st.integers(0, 20), size=st.integers(1, 7), drop_last=st.booleans())
def test_batch_sampler(n, size, drop_last):
    sampler = BatchSampler(range(n), size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert flat(batches) == list(range(n // size * size if drop_last else n))
    assert all(len(batch) == size for batch in batches[:-1])


@pytest.mark.parametrize(("size", "drop_last"), [(0, False), (True, False), (1.5, False), (2, 1)])
def test_batch_sampler_refuses(size, drop_last):
    with pytest.raises(ValueError):
        BatchSampler(range(3), size, drop_last)


@given(n=st.integers(1, 20), replicas=st.integers(1, 5), drop=st.booleans())
def test_distributed_sampler(n, replicas, drop):
    samplers = [DistributedSampler(range(n), replicas, r, drop_last=drop) for r in range(replicas)]
    shares = [list(sampler) for sampler in samplers]
    size = n // replicas if drop else -(-n // replicas)
    assert [len(share) for share in shares] == [len(sampler) for sampler in samplers]
    assert {len(share) for share in shares} == {size}
    counts = Counter(flat(shares))
    assert set(counts) <= set(range(n)) and (drop or len(counts) == n)
    assert not drop or max(counts.values(), default=1) == 1
    assert shares == [list(sampler) for sampler in samplers]


def test_distributed_sampler_shuffles_by_seed_and_epoch():
    sampler = DistributedSampler(range(50), 2, 0, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first == list(DistributedSampler(range(50), 2, 0, seed=3))
    assert list(sampler) == list(DistributedSampler(range(50), 2, 0, seed=4))
    with pytest.raises(RuntimeError, match="pass num_replicas and rank"):
        DistributedSampler(range(3))
    for rank in (-1, 2):
        with pytest.raises(ValueError, match=r"interval \[0, 1\]"):
            DistributedSampler(range(3), 2, rank)


# Collating


def test_collate_leaves():
    assert default_collate([1, 2]).dtype == minigrad.int64
    assert default_collate([1.0, 2.0]).dtype == minigrad.float64
    assert default_collate([True, False]).dtype == minigrad.bool
    assert default_collate([np.float32(1), np.float32(2)]).dtype == minigrad.float32
    assert default_collate([np.zeros((2, 3)), np.ones((2, 3))]).shape == (2, 2, 3)
    assert default_collate([minigrad.zeros(3), minigrad.ones(3)]).shape == (2, 3)
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a", b"b"]) == [b"a", b"b"]


def test_collate_containers():
    batch = default_collate([{"p": Pair(1, "a"), "l": [1, (2, 3)]}] * 2)
    assert isinstance(batch["p"], Pair)
    assert batch["p"].x.tolist() == [1, 1] and batch["p"].y == ("a", "a")
    assert batch["l"][0].tolist() == [1, 1]
    assert isinstance(batch["l"][1], list) and batch["l"][1][1].tolist() == [3, 3]
    ordered = default_collate([OrderedDict(a=1), OrderedDict(a=2)])
    assert isinstance(ordered, OrderedDict) and ordered["a"].tolist() == [1, 2]


def test_collate_errors():
    with pytest.raises(RuntimeError, match="equal size"):
        default_collate([[1, 2], [1]])
    with pytest.raises(RuntimeError, match="same keys"):
        default_collate([{"a": 1}, {"b": 1}])
    for value in (object(), None, np.array(["a"])):
        with pytest.raises(TypeError, match="default_collate"):
            default_collate([value])


def test_convert():
    found = default_convert({"x": np.arange(3), "p": Pair(np.zeros(2), "a"), "n": 1, "l": ["b"]})
    assert found["x"].tolist() == [0, 1, 2] and isinstance(found["p"], Pair)
    assert isinstance(found["p"].x, minigrad.Tensor) and found["p"].y == "a"
    assert found["n"] == 1 and found["l"] == ["b"]


# DataLoader


@given(
    n=st.integers(0, 12),
    batch_size=st.integers(1, 5),
    drop_last=st.booleans(),
    shuffle=st.booleans(),
)
def test_loader_gives_every_sample_once(n, batch_size, drop_last, shuffle):
    loader = DataLoader(Squares(n), batch_size, shuffle=shuffle, drop_last=drop_last)
    found = values(loader)
    samples = flat(found)
    expected = n // batch_size * batch_size if drop_last else n
    assert len(loader) == len(found) and len(samples) == expected == len(set(samples))
    if not shuffle:
        assert samples == [i**2 for i in range(expected)]


@given(n=st.integers(0, 12), batch_size=st.integers(1, 5), drop_last=st.booleans())
def test_loader_of_a_stream(n, batch_size, drop_last):
    found = values(DataLoader(Stream(n), batch_size, drop_last=drop_last))
    assert flat(found) == list(range(n // batch_size * batch_size if drop_last else n))
    assert all(len(batch) == batch_size for batch in found[:-1])


def test_loader_without_batches():
    assert list(DataLoader(Squares(3), batch_size=None)) == [0, 1, 4]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert len(DataLoader(Squares(3), batch_size=None)) == 3
    with pytest.raises(TypeError):
        len(DataLoader(Stream(3)))


def test_loader_with_samplers_and_collate_fn():
    loader = DataLoader(Squares(5), 2, sampler=[4, 0, 2], collate_fn=sum)
    assert list(loader) == [16, 4]
    loader = DataLoader(Squares(5), batch_sampler=[[4], [0, 2]])
    assert values(loader) == [[16], [0, 4]] and len(loader) == 2


def test_loader_follows_its_generator():
    data = TensorDataset(minigrad.arange(20))
    runs = [
        [x.tolist() for (x,) in DataLoader(data, 3, shuffle=True, generator=generator(seed))]
        for seed in (0, 0, 1)
    ]
    assert runs[0] == runs[1] != runs[2]
    loader = DataLoader(data, 3, shuffle=True, generator=generator())
    assert [x.tolist() for (x,) in loader] != [x.tolist() for (x,) in loader]


@given(
    n=st.integers(1, 9),
    batch_size=st.integers(1, 4),
    indices=st.lists(st.integers(0, 8), min_size=1, max_size=9),
)
def test_gathering_equals_collating(n, batch_size, indices):
    data = TensorDataset(minigrad.arange(n), minigrad.arange(2.0 * n).reshape(n, 2))
    part = Subset(Subset(data, list(range(n))), [i % n for i in indices])
    fast = list(DataLoader(part, batch_size))
    slow = list(DataLoader(part, batch_size, collate_fn=lambda batch: default_collate(batch)))
    assert len(fast) == len(slow)
    for ours, theirs in zip(fast, slow, strict=True):
        assert type(ours) is type(theirs)
        for x, y in zip(ours, theirs, strict=True):
            assert x.dtype == y.dtype and x.shape == y.shape and bool((x == y).all())


def test_a_subclass_of_tensor_dataset_makes_its_own_samples():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * x for x in super().__getitem__(index))

    data = Doubled(minigrad.arange(3))
    assert [x.tolist() for (x,) in DataLoader(data, 2)] == [[0, 2], [4]]
    assert [x.tolist() for (x,) in DataLoader(Subset(data, [2]), 2)] == [[4]]


def test_getitems_is_used():
    class Bulk(Squares):
        def __getitems__(self, indices):
            return [-i for i in indices]

    assert values(DataLoader(Bulk(3), 2)) == [[0, -1], [-2]]


def test_bases_take_the_type_of_their_samples():
    class Evens(Dataset[int]):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return 2 * index

    class Last(Sampler[int]):
        def __iter__(self):
            return iter([2])

    class Flow(IterableDataset[minigrad.Tensor]):
        def __iter__(self):
            return iter([minigrad.ones(1)])

    def loader(dataset: Dataset[int]) -> DataLoader[int]:
        return DataLoader[int](dataset, sampler=Last())

    assert values(loader(Evens())) == [[4]]
    assert values(loader(Subset[int](Evens(), [0, 0, 1]))) == [[2]]
    assert len(list(DataLoader(Flow()))) == 1
    assert isinstance(Evens(), Dataset) and not isinstance(Evens(), IterableDataset)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_iterator_has_the_length_of_its_loader(num_workers):
    # Not by fork: other tests of this process may have used OpenCL.
    workers = {"num_workers": 1, "multiprocessing_context": "spawn"} if num_workers else {}
    for loader in (
        DataLoader(Squares(7), 3, **workers),
        DataLoader(Squares(3), None, **workers),
        DataLoader(Sized(7), 3, **workers),
        DataLoader(Sized(7), 3, drop_last=True),
    ):
        batches = iter(loader)
        next(batches)
        assert len(batches) == len(loader)
        assert len(list(batches)) == len(loader) - 1
    with pytest.raises(TypeError, match="no len"):
        len(iter(DataLoader(Stream(3))))
    assert len(list(iter(DataLoader(Stream(3))))) == 3


class TenTimes(Subset):
    def __getitem__(self, index):
        return super().__getitem__(index) * 10


class BulkTenTimes(TenTimes):
    def __getitems__(self, indices):
        return [-self[i] for i in indices]


class BulkTensors(TensorDataset):
    def __getitems__(self, indices):
        return [(-self.tensors[0][i],) for i in indices]


class Proxy:
    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getattr__(self, name):
        return getattr(self.dataset, name)

    def __getitem__(self, index):
        return self.dataset[index] + 1


class BulkBase(Dataset):
    def __len__(self):
        return 3

    def __getitems__(self, indices):
        return [self.read(i) for i in indices]


class Concrete(BulkBase):
    def read(self, index):
        return index + 5

    def __getitem__(self, index):
        raise AssertionError("never one by one")


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (TenTimes(Squares(4), [1, 2, 3]), [10, 40, 90]),
        (Subset(TenTimes(Squares(4), [1, 2, 3]), [2, 0]), [90, 10]),
        (StackDataset(TenTimes(Squares(4), [1, 2])), [10, 40]),
        (TenTimes(minigrad.arange(4), [1, 2]), [10, 20]),
        (BulkTenTimes(Squares(4), [1, 2]), [-10, -40]),
        (BulkTensors(minigrad.arange(3)), [0, -1, -2]),
        (Subset(BulkTensors(minigrad.arange(3)), [2]), [-2]),
        (Proxy(Subset(Squares(4), [1, 2])), [2, 5]),
        (Concrete(), [5, 6, 7]),
    ],
)
def test_samples_are_made_as_the_most_derived_class_says(dataset, expected):
    found = list(DataLoader(dataset, 2))
    columns = [x[0] if isinstance(x, list | tuple) else x for x in found]
    assert [n for x in columns for n in x.tolist()] == expected


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (Squares(3), {"num_workers": -1}),
        (Squares(3), {"timeout": -1}),
        (Squares(3), {"prefetch_factor": 2}),
        (Squares(3), {"persistent_workers": True}),
        (Squares(3), {"multiprocessing_context": "spawn"}),
        (Squares(3), {"multiprocessing_context": "thread", "num_workers": 1}),
        (Squares(3), {"prefetch_factor": -1, "num_workers": 1}),
        (Squares(3), {"sampler": [0], "shuffle": True}),
        (Squares(3), {"batch_sampler": [[0]], "batch_size": 2}),
        (Squares(3), {"batch_sampler": [[0]], "shuffle": True}),
        (Squares(3), {"batch_sampler": [[0]], "sampler": [0]}),
        (Squares(3), {"batch_sampler": [[0]], "drop_last": True}),
        (Squares(3), {"batch_size": None, "drop_last": True}),
        (Squares(3), {"batch_size": 0}),
        (Stream(3), {"shuffle": True}),
        (Stream(3), {"sampler": [0]}),
        (Stream(3), {"batch_sampler": [[0]]}),
    ],
)
def test_contradictions_raise(data, options):
    with pytest.raises(ValueError):
        DataLoader(data, **options)


def test_a_tensor_is_a_dataset_though_it_has_a_gather():
    x = minigrad.arange(6).reshape(3, 2)
    for dataset in (x, minigrad.utils.data.Subset(x, [0, 1, 2])):
        batches = list(minigrad.utils.data.DataLoader(dataset, batch_size=2))
        assert [batch.tolist() for batch in batches] == [[[0, 1], [2, 3]], [[4, 5]]]
