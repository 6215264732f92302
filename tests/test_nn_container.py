"""Sequential, ModuleList, ModuleDict."""

from collections import OrderedDict

import pytest

import minigrad
from minigrad import nn


def layers(n):
    return [nn.Linear(i + 1, i + 1) for i in range(n)]


def test_sequential_calls_in_order():
    class Add(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.n = n

        def forward(self, x):
            return x * 10 + self.n

    assert nn.Sequential(Add(1), Add(2), Add(3))(0) == 123
    assert nn.Sequential()(7) == 7


def test_sequential_with_names():
    net = nn.Sequential(OrderedDict(first=nn.ReLU(), second=nn.Tanh()))
    assert isinstance(net.second, nn.Tanh) and net[1] is net.second
    assert list(net[1:]._modules) == ["second"]


@pytest.mark.parametrize("kind", [lambda ms: nn.Sequential(*ms), nn.ModuleList])
def test_list_operations(kind):
    parts = layers(4)
    modules = kind(parts[:2])
    assert len(modules) == 2 and list(modules) == parts[:2] and parts[0] in modules
    assert modules.append(parts[2]) is modules
    modules.extend([parts[3]])
    assert list(modules) == parts
    assert modules[-1] is parts[3] and modules[1] is parts[1]
    assert list(modules[1:3]) == parts[1:3] and type(modules[1:3]) is type(modules)
    modules.insert(1, nn.ReLU())
    assert [type(m).__name__ for m in modules] == ["Linear", "ReLU", "Linear", "Linear", "Linear"]
    del modules[1]
    assert list(modules) == parts and list(modules._modules) == ["0", "1", "2", "3"]
    assert modules.pop() is parts[3] and len(modules) == 3
    modules[0] = parts[3]
    assert modules[0] is parts[3]
    del modules[:2]
    assert list(modules) == [parts[2]] and list(modules._modules) == ["0"]
    modules += [parts[0]]
    assert len(modules) == 2
    assert len(modules + modules) == 4


@pytest.mark.parametrize("kind", [lambda ms: nn.Sequential(*ms), nn.ModuleList])
def test_list_errors_change_nothing(kind):
    modules = kind(layers(2))
    for index in (2, -3):
        with pytest.raises(IndexError, match="out of range"):
            modules[index]
    with pytest.raises(IndexError):
        modules.insert(3, nn.ReLU())
    for call in (lambda: modules.append(3), lambda: modules.insert(0, 3)):
        with pytest.raises(TypeError, match="not a Module"):
            call()
    with pytest.raises(TypeError, match="iterable"):
        modules.extend(nn.ReLU())
    assert list(modules._modules) == ["0", "1"]


def test_module_list_is_not_called_and_shortens_its_repr():
    modules = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU()])
    with pytest.raises(NotImplementedError):
        modules(minigrad.ones(1))
    assert repr(modules) == (
        "ModuleList(\n"
        "  (0-1): 2 x Linear(in_features=1, out_features=1, bias=True)\n"
        "  (2): ReLU()\n"
        ")"
    )


def test_module_dict():
    modules = nn.ModuleDict({"a": nn.ReLU()})
    modules["b"] = nn.Tanh()
    modules.update([("c", nn.ReLU())])
    assert list(modules) == list(modules.keys()) == ["a", "b", "c"] and len(modules) == 3
    assert "b" in modules and modules["b"] is modules.b
    assert [name for name, _ in modules.items()] == ["a", "b", "c"]
    assert len(list(modules.values())) == 3
    assert modules.pop("a") is not None and "a" not in modules
    del modules["b"]
    with pytest.raises(KeyError):
        modules["b"]
    with pytest.raises(TypeError, match="not a Module"):
        modules["d"] = 3
    modules.clear()
    assert len(modules) == 0
