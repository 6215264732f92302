"""Files travel: minigrad reads what torch.save wrote; safetensors files go both ways."""

import io
import os
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.torch

import minigrad
from minigrad import nn

torch = pytest.importorskip("torch")


def assert_same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert ours.requires_grad == theirs.requires_grad
        assert isinstance(ours, nn.Parameter) == isinstance(theirs, torch.nn.Parameter)
        found, expected = ours.detach().numpy(), theirs.detach().numpy()
        assert found.dtype == expected.dtype and found.shape == expected.shape
        assert (found == expected).all()
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs) and list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for x, y in zip(ours, theirs, strict=True):
            assert_same(x, y)
    else:
        assert ours == theirs and type(ours) is type(theirs)


def written(obj, new):
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=new)
    file.seek(0)
    return file


def examples():
    torch.manual_seed(0)
    shared = torch.arange(12.0)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
    types = "float64 float32 float16 int64 int32 int16 int8 uint8 bool".split()
    return [
        torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict(),
        OrderedDict(w=torch.nn.Parameter(torch.randn(2)), b=torch.randn(2, requires_grad=True)),
        [torch.ones(2, 3).to(getattr(torch, name)) for name in types],
        (shared[3:7], shared.reshape(3, 4).T, shared[::5], torch.tensor(3.0), torch.zeros(0, 2)),
        {"epoch": 3, 5: None, "nested": {"lr": [0.1, True], "o": optimizer.state_dict()}},
        torch.ones(3).expand(2, 3),
    ]


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("number", range(6))
def test_files_of_torch_save(number, new):
    obj = examples()[number]
    assert_same(minigrad.load(written(obj, new)), obj)


@pytest.mark.parametrize("new", [True, False])
def test_other_objects_are_refused(new):
    for obj in (torch.nn.Linear(2, 2), {"x": np.ones(2)}, torch.float32, complex(1, 2)):
        with pytest.raises(RuntimeError, match="state_dict"):
            minigrad.load(written(obj, new))
    with pytest.raises(RuntimeError, match="BFloat16Storage"):
        minigrad.load(written(torch.ones(2).bfloat16(), new))


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("new", [True, False])
def test_no_code_runs(new, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match="mkdir"):
        minigrad.load(written({"x": Evil()}, new))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("new", [True, False])
def test_damaged_files(new):
    content = written({"weight": torch.arange(100.0)}, new).getvalue()
    for cut in (20, 100, len(content) // 2, len(content) - 10):
        with pytest.raises(RuntimeError):
            minigrad.load(io.BytesIO(content[:cut]))


def test_a_tensor_beyond_its_storage_is_refused():
    content = written({"weight": torch.arange(100.0)}, True)
    changed = io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(changed, "w") as archive:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("data.pkl"):  # the size (100,), as a one-byte number
                assert data.count(b"Kd\x85") == 1
                data = data.replace(b"Kd\x85", b"Ke\x85")
            archive.writestr(name, data)
    with pytest.raises(RuntimeError, match="beyond its storage"):
        minigrad.load(io.BytesIO(changed.getvalue()))


LAYERS = [
    ("Linear", (3, 2)), ("Bilinear", (3, 2, 4)), ("Conv1d", (4, 2, 3)), ("Conv2d", (4, 2, 3)),
    ("Conv3d", (4, 2, 3)), ("ConvTranspose1d", (4, 2, 3)), ("ConvTranspose2d", (4, 2, 3)),
    ("ConvTranspose3d", (4, 2, 3)), ("BatchNorm1d", (4,)), ("BatchNorm2d", (4,)),
    ("BatchNorm3d", (4,)), ("InstanceNorm1d", (4, 1e-5, 0.1, True, True)), ("LayerNorm", (4,)),
    ("GroupNorm", (2, 4)), ("RMSNorm", (4,)), ("PReLU", (3,)), ("Embedding", (5, 3)),
    ("EmbeddingBag", (5, 3)), ("RNN", (3, 4, 2)), ("LSTM", (3, 4, 2)), ("GRU", (3, 4)),
    ("LSTMCell", (3, 4)), ("MultiheadAttention", (4, 2)), ("TransformerEncoderLayer", (4, 2)),
    ("TransformerDecoderLayer", (4, 2)), ("AdaptiveLogSoftmaxWithLoss", (8, 20, [9])),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), LAYERS)
def test_state_dicts_travel_both_ways(name, args, tmp_path):
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    path = str(tmp_path / "weights.safetensors")
    safetensors.torch.save_file(theirs.state_dict(), path)
    ours.load_state_dict(minigrad.load(path))
    for key, value in theirs.state_dict().items():
        assert_same(ours.state_dict()[key], value)
    with minigrad.no_grad():
        for p in ours.parameters():
            p.add_(1.0)
    minigrad.save(ours.state_dict(), path)
    theirs.load_state_dict(safetensors.torch.load_file(path))
    for key, value in theirs.state_dict().items():
        assert_same(ours.state_dict()[key], value)
