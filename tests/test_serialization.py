"""save and load: exact round trips, plain safetensors files, damage, atomic writes."""

import errno
import io
import math
import os
import re
import stat
import zlib
from collections import Counter, OrderedDict, namedtuple

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn
from minigrad.serialization import remove_unfinished

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


@st.composite
def tensors(draw):
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    size = math.prod(shape) * dtype.itemsize
    raw = draw(st.binary(min_size=size, max_size=size))
    array = np.frombuffer(raw, np.uint8 if dtype.kind == "b" else dtype)
    if dtype.kind == "b":
        array = array % 2 == 1
    x = minigrad.from_numpy(array.reshape(shape).copy())
    return x.T if x.ndim == 2 and draw(st.booleans()) else x


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
keys = st.text(max_size=5) | st.integers() | st.booleans() | st.none() | st.tuples(st.integers())
nested = st.recursive(
    plain | tensors(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3).map(OrderedDict)
        | st.dictionaries(keys, st.integers(), max_size=3).map(Counter)
    ),
    max_leaves=8,
)


def assert_identical(x, y):
    assert type(x) is type(y)
    if isinstance(x, minigrad.Tensor):
        assert x.dtype == y.dtype and x.shape == y.shape and x.requires_grad == y.requires_grad
        assert x.detach().numpy().tobytes() == y.detach().numpy().tobytes()
    elif isinstance(x, dict):
        assert list(x) == list(y)
        assert [type(key) for key in x] == [type(key) for key in y]
        for key in x:
            assert_identical(x[key], y[key])
    elif isinstance(x, list | tuple):
        assert len(x) == len(y)
        for a, b in zip(x, y, strict=True):
            assert_identical(a, b)
    elif isinstance(x, float):
        assert repr(x) == repr(y)
    else:
        assert x == y


def through_memory(obj):
    file = io.BytesIO()
    minigrad.save(obj, file)
    file.seek(0)
    return minigrad.load(file)


@given(nested)
def test_round_trip_is_exact(obj):
    assert_identical(through_memory(obj), obj)


def test_special_values():
    x = minigrad.tensor([math.nan, math.inf, -math.inf, -0.0, 1e-45])
    obj = {"x": x, "empty": minigrad.zeros(0, 3), "scalar": minigrad.tensor(2), "f": -0.0}
    assert_identical(through_memory(obj), obj)


def test_a_flat_dict_is_a_plain_safetensors_file(tmp_path):
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = net.state_dict()
    minigrad.save(state, tmp_path / "net.safetensors")
    arrays = safetensors.numpy.load_file(tmp_path / "net.safetensors")
    assert set(arrays) == set(state)
    assert all((arrays[key] == state[key].numpy()).all() for key in state)
    assert list(minigrad.load(tmp_path / "net.safetensors")) == list(state)


def test_a_file_of_others_loads_as_a_flat_dict(tmp_path):
    path = str(tmp_path / "other.safetensors")
    safetensors.numpy.save_file({"a.b": np.arange(3.0)}, path, {"format": "np"})
    found = minigrad.load(path)
    assert list(found) == ["a.b"] and found["a.b"].tolist() == [0.0, 1.0, 2.0]
    found["a.b"].fill_(1.0)  # memory of its own, not a read-only view of the file
    assert found["a.b"].dtype == minigrad.float64


def test_parameters_stay_parameters():
    layer = nn.Linear(2, 1)
    x = minigrad.ones(2, requires_grad=True)
    found = through_memory([layer.weight, x, x * 2])
    assert isinstance(found[0], nn.Parameter) and found[0].requires_grad
    assert type(found[1]) is minigrad.Tensor and found[1].is_leaf and found[1].requires_grad


def test_tied_tensors_come_back_apart():
    x = minigrad.ones(2)
    a, b = through_memory([x, x])
    a.fill_(5.0)
    assert b.tolist() == [1.0, 1.0]


def test_keys_that_would_meet():
    x, y, z = (minigrad.tensor(i) for i in range(3))
    obj = {"a.b": x, "a": {"b": y}, "__metadata__": z, 1: x, "1": y, "": z}
    assert_identical(through_memory(obj), obj)


def test_a_training_checkpoint(tmp_path):
    net = nn.Linear(3, 1)
    optimizer = minigrad.optim.AdamW(net.parameters())
    net(minigrad.ones(2, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}
    minigrad.save(checkpoint, tmp_path / "c")
    found = minigrad.load(tmp_path / "c", map_location="cpu", weights_only=True)
    other = nn.Linear(3, 1)
    other.load_state_dict(found["model"])
    again = minigrad.optim.AdamW(other.parameters())
    again.load_state_dict(found["optimizer"])
    assert_identical(again.state_dict(), optimizer.state_dict())


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1j, "complex"),
        (Point(1, 2), "plain tuple"),
        (np.zeros(2), "from_numpy"),
        (np.float64(1.0), "item"),
        ({1, 2}, "set"),
        (nn.ReLU(), "ReLU"),
        (minigrad.zeros(2).shape, "plain tuple"),
    ],
)
def test_other_types_are_refused_by_path(tmp_path, value, text):
    path = tmp_path / "x"
    with pytest.raises(TypeError, match=text) as caught:
        minigrad.save({"a": [value]}, path)
    assert "'a.0'" in str(caught.value)
    assert not path.exists()


def test_bad_keys_and_cycles():
    with pytest.raises(TypeError, match="key"):
        minigrad.save({b"x": 1}, io.BytesIO())
    cycle = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="contains itself"):
        minigrad.save({"a": cycle}, io.BytesIO())


# Damage


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "weights"
    minigrad.save({"w": minigrad.arange(64.0), "b": [minigrad.ones(3), 1, "x"]}, path)
    return path


def test_truncation_at_any_length_is_found(saved):
    content = saved.read_bytes()
    for length in range(0, len(content), 7):
        saved.write_bytes(content[:length])
        with pytest.raises(RuntimeError, match=r"weights.*(damaged|truncated)"):
            minigrad.load(saved)


@given(data=st.data())
def test_a_changed_byte_is_found(data):
    """In the elements, in the header, in the checksum itself."""
    file = io.BytesIO()
    minigrad.save({"w": minigrad.arange(8.0), "b": [minigrad.ones(3), 1, "x"]}, file)
    content = bytearray(file.getvalue())
    for _ in range(40):
        place = data.draw(st.integers(0, len(content) - 1))
        changed = content.copy()
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
        with pytest.raises(RuntimeError, match="damaged"):
            minigrad.load(io.BytesIO(bytes(changed)))


def test_the_checksum_is_of_the_whole_file(saved):
    content = saved.read_bytes()
    digits = re.search(rb'crc32\\": \\"([0-9a-f]{8})', content)[1]
    assert int(digits, 16) == zlib.crc32(content.replace(digits, b"00000000"))
    nasty = '{"crc32": "00000000"'
    obj = {nasty: minigrad.ones(1), "x": nasty}
    assert_identical(through_memory(obj), obj)


def test_the_same_object_makes_the_same_bytes(saved, tmp_path):
    minigrad.save({"w": minigrad.arange(64.0), "b": [minigrad.ones(3), 1, "x"]}, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == saved.read_bytes()


def test_files_of_version_1_are_read():
    metadata = '{"version": 1, "crc32": {}, "structure": {"list": [{"tensor": "x"}, 7]}}'
    content = safetensors.numpy.save({"x": np.zeros(2)}, {"minigrad": metadata})
    x, n = minigrad.load(io.BytesIO(content))
    assert x.tolist() == [0.0, 0.0] and n == 7


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100, b"\x80\x04K\x01.", b"PK\x03\x04" + b"\0" * 60]
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(RuntimeError, match=r"not a safetensors file|no file of torch\.save"):
        minigrad.load(path)


@pytest.mark.parametrize(
    "metadata",
    [
        "{",
        "[]",
        '{"version": 1}',
        '{"version": 2, "structure": 1}',
        '{"version": 1, "structure": {"tensor": "z"}}',
        '{"version": 1, "structure": {"os.system": ["x"]}}',
        '{"version": 9, "structure": 1}',
        '{"version": 1, "structure": ' + '{"list": [' * 5000 + "]}" * 5000 + "}",
    ],
)
def test_metadata_that_describe_nothing(metadata):
    content = safetensors.numpy.save({"x": np.zeros(2)}, {"minigrad": metadata})
    with pytest.raises(RuntimeError, match=r"damaged|newer"):
        minigrad.load(io.BytesIO(content))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        minigrad.load(tmp_path / "nothing")


# Writing


def test_a_failure_leaves_the_previous_file(saved, monkeypatch):
    before = saved.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"previous file is unchanged.*No space left") as caught:
        minigrad.save({"w": minigrad.zeros(3)}, saved)
    assert caught.value.errno == errno.ENOSPC
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == ["weights"]


def test_the_disk_has_the_file_before_its_name_and_then_the_name(saved, monkeypatch):
    """What survives a loss of power: the content, before the new name replaces the old one."""
    done = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def watched_replace(*paths):
        done.append("name")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    minigrad.save([1], saved)
    assert done == ["file", "name", "folder"]


def test_unfinished_files_are_removed(saved):
    ours = saved.with_name(f".weights.{'0a' * 8}.tmp")
    others = [saved.with_name(name) for name in (".weights.x.tmp", f".w.{'0a' * 8}.tmp")]
    for path in (ours, *others):
        path.touch()
    remove_unfinished(saved)
    assert not ours.exists() and saved.exists() and all(path.exists() for path in others)


def test_writing_keeps_mode_and_follows_links(saved):
    saved.chmod(0o640)
    link = saved.parent / "link"
    link.symlink_to(saved)
    minigrad.save([1], link)
    assert link.is_symlink() and minigrad.load(saved) == [1]
    assert saved.stat().st_mode & 0o777 == 0o640


def test_writing_to_nowhere(tmp_path):
    with pytest.raises(FileNotFoundError):
        minigrad.save([1], tmp_path / "no" / "such")
