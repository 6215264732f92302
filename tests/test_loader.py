"""The DataLoader with worker processes: the same batches, each once, through shared memory.

MINIGRAD_SOAK=1 runs the long version of some tests.
"""

import gc
import mmap
import multiprocessing
import os
import warnings

import loader_data as data
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad.utils.data import DataLoader, Subset, TensorDataset, pool, ring, start

METHODS = multiprocessing.get_all_start_methods()
SOAK = bool(os.environ.get("MINIGRAD_SOAK"))
pytestmark = [pytest.mark.timeout(600 if SOAK else 60), pytest.mark.cpu]


def open_files():
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def nothing_stays():
    """No test leaves a process, a pipe or shared memory behind (which never has a name)."""
    gc.collect()
    yield
    gc.collect()
    assert multiprocessing.active_children() == []
    assert pool._open_ends == []
    names = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
             if os.path.islink(f"/proc/self/fd/{fd}")]  # fmt: skip
    assert not [name for name in names if "minigrad-loader" in name]


def plain(batch):
    """A batch as lists, for comparisons."""
    if isinstance(batch, minigrad.Tensor | np.ndarray):
        return batch.tolist()
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    return [plain(value) for value in batch] if isinstance(batch, list | tuple) else batch


def batches(dataset, *args, seed=0, **options):
    minigrad.manual_seed(seed)
    return [plain(batch) for batch in DataLoader(dataset, *args, **options)]


def flat(lists):
    return [x for inner in lists for x in inner]


def forked(**options):
    return {"multiprocessing_context": "fork", **options}


# Every sample once, and the same batches as without workers


@settings(max_examples=12)
@given(
    n=st.integers(0, 25),
    batch_size=st.integers(1, 6),
    workers=st.integers(1, 3),
    drop_last=st.booleans(),
    shuffle=st.booleans(),
    prefetch=st.sampled_from([None, 1, 4]),
    in_order=st.booleans(),
)
def test_every_sample_comes_once(n, batch_size, workers, drop_last, shuffle, prefetch, in_order):
    options = {"shuffle": shuffle, "drop_last": drop_last}
    here = batches(data.Numbers(n), batch_size, **options)
    there = batches(
        data.Numbers(n), batch_size, num_workers=workers, prefetch_factor=prefetch,
        in_order=in_order, **forked(**options),
    )  # fmt: skip
    assert here == (there if in_order else sorted(there, key=here.index))


@pytest.mark.parametrize("method", METHODS)
def test_every_start_method(method):
    options = {"num_workers": 2, "multiprocessing_context": method, "shuffle": True}
    assert batches(data.Arrays(20), 3, **options) == batches(data.Arrays(20), 3, shuffle=True)


def test_random_numbers_do_not_depend_on_the_start_method():
    """Those of samples, and those that each worker has of its own."""
    for dataset in (data.Random(40), data.Seeded(40)):
        found = [
            batches(dataset, 2, shuffle=True, num_workers=2, multiprocessing_context=method)
            for method in METHODS
        ]
        assert found[0] == found[1] == found[2]


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="of Linux")
@pytest.mark.parametrize("method", METHODS)
def test_workers_stand_back(method):
    """They do not take a processor from the program that wakes them."""
    found = batches(data.Policy(4), num_workers=2, multiprocessing_context=method)
    assert flat(found) == [os.SCHED_BATCH] * 4
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_workers_take_turns():
    """However busy they are: what they draw from generators of their own is the same again."""
    makers = flat(batches(data.Who(60), 2, num_workers=3, **forked()))
    assert makers == [i // 2 % 3 for i in range(60)]


def test_a_forked_worker_computes_like_its_parent():
    """Though that has threads, of the BLAS and of its own, which are not there after a fork."""
    x = minigrad.rand(600, 600)
    for _ in range(20 if SOAK else 3):
        expected = [plain(data.heavy(x)) for _ in range(2)]
        found = batches(data.Heavy(x), None, num_workers=2, **forked())
        assert found == expected


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_random_samples_do_not_depend_on_workers(workers):
    here = batches(data.Random(12), 4, shuffle=True)
    there = batches(data.Random(12), 4, shuffle=True, num_workers=workers, **forked())
    assert here == there
    draws = flat(batch["numpy"] for batch in here)
    assert len({tuple(draw) for draw in draws}) == 12
    assert here != batches(data.Random(12), 4, shuffle=True, seed=1)


def test_an_epoch_differs_from_the_next_but_follows_the_seed():
    minigrad.manual_seed(0)
    loader = DataLoader(data.Random(6), 3, num_workers=2, persistent_workers=True, **forked())
    epochs = [plain(list(loader)) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    minigrad.manual_seed(0)
    assert plain(list(loader)) == epochs[0]


def test_loading_leaves_the_generators_of_this_process_alone():
    minigrad.manual_seed(0)
    list(DataLoader(data.Random(6), 3, shuffle=True))
    after = minigrad.rand(3)
    minigrad.manual_seed(0)
    list(DataLoader(data.Numbers(99), 1, shuffle=True))
    assert after.tolist() == minigrad.rand(3).tolist()


def test_one_index_drawn_twice_gives_two_different_samples():
    (batch,) = batches(data.Random(1), batch_size=4, sampler=[0, 0, 0, 0])
    assert len({tuple(draw) for draw in batch["minigrad"]}) == 4


def test_a_sample_does_not_depend_on_what_others_draw():
    one, other = (batches(data.Greedy(9), 2, sampler=[i, 1, 2, 3]) for i in (0, 7))
    assert one[0][0] != other[0][0] and one[0][1] == other[0][1] and one[1] == other[1]


def test_generators_that_the_dataset_holds_differ_between_workers_and_epochs():
    loader = DataLoader(data.Seeded(8), 2, num_workers=2, persistent_workers=True, **forked())
    rows = np.concatenate([batch.numpy() for _ in range(2) for batch in loader])
    assert set(rows[:, 0]) == {0, 1}
    for column in rows.T[1:]:
        assert len(set(column)) == 16
    del loader
    options = {"num_workers": 2, **forked()}
    assert batches(data.Seeded(8), 2, **options) == batches(data.Seeded(8), 2, **options)


def test_get_worker_info():
    rows = np.array(flat(batches(data.Describe(6), 1, num_workers=3, **forked())))
    assert sorted(rows[:, 0]) == [0, 0, 1, 1, 2, 2]
    assert len(set(rows[:, 2])) == 3
    assert (rows[:, [1, 3, 4, 5]] == [3, 1, 1, 1]).all()
    assert minigrad.utils.data.get_worker_info() is None


def test_tensors_of_the_parent_and_gathering():
    x = minigrad.arange(40_000).reshape(10, 4000)
    parts = Subset(TensorDataset(x, minigrad.arange(10)), range(10))
    for method in METHODS:
        options = {"num_workers": 2, "multiprocessing_context": method}
        assert batches(parts, 4, **options) == batches(parts, 4)


def test_single_samples_and_custom_collating():
    options = {"num_workers": 2, **forked()}
    assert batches(data.Numbers(5), None, **options) == [0, 1, 2, 3, 4]
    assert batches(data.Arrays(3), None, **options) == batches(data.Arrays(3), None)
    lists = batches(data.Arrays(3), 2, collate_fn=data.as_is, **options)
    assert lists == batches(data.Arrays(3), 2, collate_fn=data.as_is)


def test_types_and_layouts_come_through():
    samples = [
        np.arange(6).reshape(2, 3).T, np.float32(1.5), np.zeros((0, 3)), np.array(7),
        np.array(["a", "bc"]), np.array([1, None]), np.array([(1, 2.0)], "i4, f8"),
        np.array("2020-01-01", "M8[D]"), minigrad.ones(2, requires_grad=True), None, {1, 2},
    ]  # fmt: skip
    back = list(DataLoader(samples, None, collate_fn=data.as_is, num_workers=1, **forked()))
    for before, after in zip(samples, back, strict=True):
        assert type(before) is type(after) or isinstance(before, np.generic)
        if isinstance(before, np.ndarray):
            assert before.dtype == after.dtype and before.shape == after.shape
            assert before.tolist() == after.tolist()
    assert back[8].requires_grad and back[8].tolist() == [1, 1] and back[10] == {1, 2}


def test_in_order_false_lets_others_pass(tmp_path):
    dataset = data.FirstWaits(6, tmp_path / "go on")
    options = {"num_workers": 2, "prefetch_factor": 3, **forked()}
    loader = iter(DataLoader(dataset, 1, in_order=False, **options))
    late = [next(loader).tolist()]
    dataset.path.touch()
    late += [batch.tolist() for batch in loader]
    assert late[0] != [0] and sorted(late) == [[0], [1], [2], [3], [4], [5]]
    assert batches(dataset, 1, **options) == sorted(late)


# Persistent workers


def pids(loader):
    return {int(row[0]) for batch in loader for row in batch}


def test_persistent_workers_stay():
    loader = DataLoader(data.Where(8), 2, num_workers=2, persistent_workers=True, **forked())
    assert pids(loader) == pids(loader) and len(pids(loader)) == 2
    fresh = DataLoader(data.Where(8), 2, num_workers=2, **forked())
    assert not pids(fresh) & pids(fresh)


def test_persistent_workers_after_a_break():
    loader = DataLoader(
        data.Arrays(40, (5000,)), 2, shuffle=True, num_workers=2, prefetch_factor=3,
        persistent_workers=True, **forked(),
    )  # fmt: skip
    last = []
    for stop in (0, 1, 3, 8):
        for i, batch in enumerate(loader):
            last = [*last[-2:], batch]
            if i == stop:
                break
        names = []
        for batch in loader:
            last = [*last[-2:], batch]  # who keeps more than two gets copies
            names += batch["name"]
            for kept in last:
                assert (kept["x"].numpy() == np.array(kept["name"], float)[:, None]).all()
        assert sorted(names) == sorted(str(i) for i in range(40))


def test_where_no_slot_is_free_none_is_used(monkeypatch):
    """As when workers are still busy for an epoch that was broken off, and batches are kept."""
    loader = DataLoader(data.Arrays(40, (5000,)), 2, num_workers=2, prefetch_factor=4, **forked())
    with monkeypatch.context() as change:
        change.setattr(pool, "_ring", lambda slots: ring.Ring(4))  # too few for 8 batches
        iterator = iter(loader)
    kept = list(iterator)
    for i, batch in enumerate(kept):
        assert (batch["x"].numpy()[0] == 2 * i).all() and (batch["x"].numpy()[1] == 2 * i + 1).all()
    shared = ring.Ring(2)
    memory = ring.Memory(shared.path)
    memory.begin(1)
    memory.empty((5,), np.dtype(float))
    memory.end()
    with pytest.raises(OSError, match="no slot"):
        memory.empty((5,), np.dtype(float))
    shared.close()


def test_workers_end_by_themselves(monkeypatch):
    """Their pipe of tasks closes, and they see it, whatever they have inherited."""
    killed = []
    monkeypatch.setattr(pool, "GRACE", 30)
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "kill", killed.append)
    loaders = [DataLoader(data.Numbers(30), 2, num_workers=3, **forked()) for _ in range(2)]
    for _ in zip(*loaders, strict=True):
        pass
    for _ in loaders[0]:
        break
    gc.collect()
    assert killed == []


def test_two_iterators_of_one_loader():
    loader = DataLoader(data.Numbers(6), 2, num_workers=1, persistent_workers=True, **forked())
    pairs = [(x.tolist(), y.tolist()) for x, y in zip(loader, loader, strict=True)]
    assert pairs == [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4, 5], [4, 5])]


# Shared memory


def in_shared_memory(tensor):
    base = tensor.array.base
    return base is not None and not base.flags.owndata


def test_batches_are_not_copied():
    loader = DataLoader(data.Arrays(60), 2, num_workers=2, **forked())
    for batch in loader:
        assert in_shared_memory(batch["x"]) and batch["x"].array.flags.writeable
        batch["x"].mul_(2)


def test_a_slot_is_not_used_again_while_a_tensor_views_it():
    loader = DataLoader(data.Arrays(60, (500,)), 2, num_workers=2, **forked())
    views = []
    for i, batch in enumerate(loader):
        views.append(batch["x"][:, 1:2] if i % 2 else batch["x"].numpy())
    for i, view in enumerate(views):
        assert view[0, 0] == 2 * i and view[1, 0] == 2 * i + 1
    assert sum(in_shared_memory(view) for view in views if isinstance(view, minigrad.Tensor)) <= 2


def test_tensors_outlive_their_loader():
    loader = DataLoader(data.Arrays(2, (5000,)), 2, num_workers=1, **forked())
    (batch,) = loader
    del loader
    gc.collect()
    assert in_shared_memory(batch["x"]) and (batch["x"].numpy()[1] == 1).all()


def test_slots_grow():
    sizes = [len(batch[0]) for batch in batches(data.Growing(40), 1, num_workers=2, **forked())]
    assert sizes == [1000 * i for i in range(40)]
    for i, batch in enumerate(DataLoader(data.Growing(30), 1, num_workers=1, **forked())):
        assert (batch.numpy() == i).all()


def test_what_collate_fn_keeps_is_not_written_over():
    found = batches(
        Subset(data.Numbers(9), [i // 2 for i in range(16)]), 2,
        collate_fn=data.collate_and_keep, num_workers=1, **forked(),
    )  # fmt: skip
    assert found == [[i, i] for i in range(8)]


@pytest.fixture
def fresh_warning(monkeypatch):
    monkeypatch.setattr(pool, "_warned", False)


@pytest.mark.parametrize("method", METHODS)
def test_without_shared_memory(method, fresh_warning):
    """One warning, and batches by pickle; they can be written to."""
    options = {"num_workers": 2, "multiprocessing_context": method}
    loader = DataLoader(data.Arrays(10), 2, worker_init_fn=data.no_memory, **options)
    with pytest.warns(RuntimeWarning, match="no shared memory") as caught:
        found = list(loader)
    assert len(caught) == 1
    for batch in found:
        batch["x"].add_(1)
    assert flat(plain(batch)["name"] for batch in found) == [str(i) for i in range(10)]
    assert [batch["x"][0, 0].item() for batch in found] == [1, 3, 5, 7, 9]


def test_the_dataset_goes_to_workers_once():
    """Large arrays are in shared memory, one copy for all; what a worker writes stays there."""
    x = np.arange(100_000.0)

    cargo_ring = ring.Ring(1)
    cargo = start.Cargo(cargo_ring.path)
    parcels = [start.Parcel([x, x[:10]], cargo).__reduce__() for _ in range(2)]
    assert cargo.memory.used == x.nbytes and len(parcels[0][1][0]) < 1000
    one, two = (make(*args).open()[0] for make, args in parcels)
    one[:] = 0
    assert (two == x).all()
    cargo_ring.close()


def test_arrays_that_are_made_for_the_journey():
    """Each __getstate__ makes a new one, perhaps where the last one was."""
    cargo_ring = ring.Ring(1)
    cargo = start.Cargo(cargo_ring.path)
    dataset = data.MadeAnew()
    opened = [make(*args).open() for make, args in
              (start.Parcel(dataset, cargo).__reduce__() for _ in range(8))]  # fmt: skip
    assert [each.x[-1] for each in opened] == list(range(1, 9))
    cargo_ring.close()


def test_memory_that_is_not_there(monkeypatch):
    """An error, where a write would end the process with SIGBUS."""
    make = mmap.mmap

    def cut_off(fd, size, offset, **options):
        mapping = make(fd, size, offset=offset, **options)
        os.ftruncate(fd, offset + size // 2)
        return mapping

    monkeypatch.setattr(mmap, "mmap", cut_off)
    shared = ring.Ring(2)
    memory = ring.Memory(shared.path)
    memory.begin(1)
    with pytest.raises(OSError):
        memory.empty((2 * ring.GRAIN,), np.dtype(np.int8))
    shared.close()


@pytest.mark.parametrize("advice", [ring.POPULATE_WRITE, 999])
def test_memory_is_handed_out_aligned_and_grows_in_place(advice, monkeypatch):
    monkeypatch.setattr(ring, "POPULATE_WRITE", advice)
    monkeypatch.setattr(ring, "POPULATE_READ", advice - 1)
    shared = ring.Ring(2)
    memory = ring.Memory(shared.path)
    memory.begin(1)
    first = memory.empty((3, 5), np.dtype(np.float32))
    first[:] = 1
    second = memory.empty((100_000,), np.dtype(np.float64))
    second[:] = 2
    assert second.ctypes.data % ring.ALIGNMENT == 0 and (first == 1).all()
    assert memory.put(first.reshape(-1).view(np.uint8)) == (0, 60)
    at, size = memory.put(np.full(7, 3, np.uint8))
    del first, second
    whole = memory.size
    assert memory.end()
    shared.free.remove(1)
    root = shared.view(1, whole, memory.used)
    assert (root[:60].view(np.float32) == 1).all() and (root[at : at + size] == 3).all()
    assert 1 not in shared.free
    part = root[5:9]
    del root
    assert 1 not in shared.free
    del part
    assert 1 in shared.free
    memory.begin(1)
    kept = memory.empty((2,), np.dtype(np.int8))
    assert not memory.end() and len(kept) == 2
    shared.close()


def test_files_and_memory_stay_steady():
    """Many loaders and epochs, with breaks; MINIGRAD_SOAK makes it an hour's worth of batches."""
    rounds = 2000 if SOAK else 12
    files, resident = [], []
    for i in range(rounds):
        loader = DataLoader(data.Arrays(64, (2000,)), 4, num_workers=2, **forked())
        for j, _ in enumerate(loader):
            if i % 3 == 0 and j == 5:
                break
        files.append(open_files())
        with open("/proc/self/statm") as statm:
            resident.append(int(statm.read().split()[1]) * 4096)
    assert max(files[2:]) == min(files[2:])
    assert resident[-1] - resident[rounds // 4] < 32 << 20


# Streams


def first(rows):
    return flat(row[0] for row in rows)


@settings(max_examples=10)
@given(
    n=st.integers(0, 23), batch_size=st.sampled_from([None, 1, 3, 4]), workers=st.integers(1, 3),
    drop=st.booleans(),
)  # fmt: skip
def test_a_stream_is_shared_out(n, batch_size, workers, drop):
    """The very batches that come without workers, random numbers included."""
    options = {"drop_last": drop and batch_size is not None}
    here = batches(data.Count(n), batch_size, **options)
    there = batches(data.Count(n), batch_size, num_workers=workers, **forked(**options))
    assert here == there


def test_a_stream_with_a_generator_of_its_own_is_shared_out():
    found = flat(batches(data.Shuffled(20), 3, num_workers=3, **forked()))
    assert sorted(found) == list(range(20))


@pytest.mark.parametrize("persistent", [False, True])
def test_streams_that_share_themselves_out(persistent):
    options = {"num_workers": 2, "persistent_workers": persistent, **forked()}
    for _ in range(2):
        rows = batches(data.Shared(11), 2, **options)
        assert sorted(first(rows)) == list(range(11))
        for column in (1, 2):
            assert len({str(x) for row in rows for x in row[column]}) == 11
    told = batches(data.Told(11), 2, worker_init_fn=data.share_by_init, **options)
    assert sorted(flat(told)) == list(range(11))


def test_a_stream_declared_replicated():
    rows = batches(data.Whole(5), 2, num_workers=2, **forked())
    assert sorted(first(rows)) == sorted([*range(5)] * 2)
    assert len({str(x) for row in rows for x in row[1]}) == 10


def test_a_stream_that_asks_too_late():
    with pytest.raises(RuntimeError, match="after its first sample"):
        batches(data.Late(8), 2, num_workers=2, **forked())


def test_a_stream_that_fails():
    loader = iter(DataLoader(data.Broken(5), 1, num_workers=1, **forked()))
    assert next(loader).tolist() == [0]
    with pytest.raises(KeyError, match="in the stream"):
        next(loader)
    assert list(loader) == []


# Breaking off and taking up again


@settings(max_examples=8)
@given(
    n=st.integers(1, 14), stop=st.integers(0, 8), workers=st.integers(0, 2), then=st.integers(0, 2),
    own=st.booleans(), in_order=st.booleans(),
)  # fmt: skip
def test_an_epoch_is_taken_up_again(n, stop, workers, then, own, in_order):
    def loader(num_workers, seed=0):
        generator = minigrad.Generator().manual_seed(seed) if own else None
        sampler = minigrad.utils.data.RandomSampler(
            range(n), num_samples=2 * n, generator=generator
        )
        more = forked(in_order=in_order) if num_workers else {}
        return DataLoader(data.Random(n), 3, sampler=sampler, num_workers=num_workers, **more)

    minigrad.manual_seed(0)
    whole = plain(list(loader(0)))
    minigrad.manual_seed(0)
    begun = loader(workers)
    stop = min(stop, len(begun))
    given_before = [plain(batch) for _, batch in zip(range(stop), begun, strict=False)]
    state = begun.state_dict()
    minigrad.manual_seed(77)
    resumed = loader(then, seed=5)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state or own
    rest = plain(list(resumed))
    if in_order:
        assert given_before + rest == whole
    else:
        assert sorted(given_before + rest, key=whole.index) == whole
    assert plain(list(resumed)) not in (rest, whole)


def test_a_stream_is_taken_up_again():
    for stream in (data.Count(17), data.Shared(17)):
        options = {"num_workers": 2, **forked()}
        minigrad.manual_seed(0)
        loader = DataLoader(stream, 3, **options)
        found = [plain(batch) for _, batch in zip(range(2), loader, strict=False)]
        again = DataLoader(stream, 3, **options)
        again.load_state_dict(loader.state_dict())
        assert found + plain(list(again)) == batches(stream, 3, **options)


def test_state_goes_through_a_file(tmp_path):
    loader = DataLoader(data.Numbers(9), 2, shuffle=True, generator=minigrad.Generator())
    batch_iterator = iter(loader)
    next(batch_iterator)
    minigrad.save(loader.state_dict(), tmp_path / "state")
    again = DataLoader(data.Numbers(9), 2, shuffle=True)
    again.load_state_dict(minigrad.load(tmp_path / "state"))
    assert plain(list(again)) == plain(list(batch_iterator))
    assert again.state_dict()["seed"] is None


def test_state_of_another_loader_is_refused():
    state = DataLoader(data.Numbers(9), 2).state_dict()
    for other in (
        DataLoader(data.Numbers(8), 2),
        DataLoader(data.Numbers(9), 3),
        DataLoader(data.Numbers(9), 2, drop_last=True),
    ):
        with pytest.raises(ValueError, match="cannot take up the epoch"):
            other.load_state_dict(state)
    state = DataLoader(data.Count(9), 2).state_dict()
    with pytest.raises(ValueError, match="num_workers=0, and this loader has num_workers=1"):
        DataLoader(data.Count(9), 2, num_workers=1).load_state_dict(state)
    with pytest.raises(ValueError, match="in_order"):
        DataLoader(data.Count(9), 2, num_workers=1, in_order=False).state_dict()


def test_no_warnings_in_an_ordinary_run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in METHODS:
            batches(data.Arrays(4), 2, num_workers=2, multiprocessing_context=method)
