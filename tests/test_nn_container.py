"""Sequential, ModuleList, ModuleDict; ParameterList, ParameterDict; lazy modules."""

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


def test_parameter_lists():
    scales = nn.ParameterList([nn.Parameter(minigrad.zeros(2)), minigrad.ones(3), "text"])
    assert isinstance(scales[1], nn.Parameter) and scales[-1] == "text" and len(scales) == 3
    assert list(scales.state_dict()) == ["0", "1"]
    scales.append(minigrad.ones(1)).extend([minigrad.ones(1)])
    scales += (minigrad.ones(4),)
    scales[0] = minigrad.full((2,), 5.0)
    assert [p.numel() for p in scales.parameters()] == [2, 3, 1, 1, 4]
    assert scales[0].tolist() == [5.0, 5.0] and list(scales)[3] is scales[3]
    assert [p.numel() for p in scales[3:].parameters()] == [1, 1, 4]
    with pytest.raises(RuntimeError, match="should not be called"):
        scales(1)


def test_parameter_dicts():
    scales = nn.ParameterDict({"a": minigrad.zeros(2), "b": 3})
    scales["c"] = nn.Parameter(minigrad.ones(3))
    assert list(scales) == ["a", "b", "c"] and list(reversed(scales)) == ["c", "b", "a"]
    assert list(scales.state_dict()) == ["a", "c"] and isinstance(scales.a, nn.Parameter)
    assert scales.get("z", 7) == 7 and scales.setdefault("b", 1) == 3 and len(scales) == 3
    joined = scales | {"d": minigrad.ones(1)}
    assert list(joined) == ["a", "b", "c", "d"] and joined["a"] is scales["a"]
    assert "d" not in scales and joined.popitem()[0] == "d"
    assert scales.pop("b") == 3 and "b" not in scales
    assert list(scales.copy().keys()) == ["a", "c"]
    assert [x.numel() for x in scales.values()] == [2, 3]
    scales.clear()
    assert len(scales) == 0 and list(scales.state_dict()) == []
    with pytest.raises(TypeError, match="strings"):
        scales[1] = minigrad.ones(1)


def test_lazy_layers_become_ordinary_ones():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    with pytest.raises(ValueError, match="uninitialized"):
        sum(p.numel() for p in net.parameters())
    with pytest.raises(RuntimeError, match="uninitialized"):
        _ = net[0].weight.shape
    optimizer = minigrad.optim.SGD(net.parameters(), lr=0.1)
    net.double()
    net(minigrad.ones(2, 3, 5, 5, dtype=minigrad.float64)).sum().backward()
    assert [type(layer) for layer in net] == [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear]
    assert type(net[0].weight) is nn.Parameter and net[3].in_features == 36
    assert net[0].weight.std().item() > 0.05 and net[1].weight.tolist() == [1.0] * 4
    before = net[3].bias.tolist()
    optimizer.step()
    assert net[3].bias.tolist() != before


def test_lazy_layers_load_weights():
    ready = nn.Linear(5, 3)
    lazy = nn.LazyLinear(3)
    lazy.load_state_dict(ready.state_dict())
    assert lazy.weight.shape == (3, 5) and isinstance(lazy, nn.LazyLinear)
    x = minigrad.ones(2, 5)
    assert (lazy(x) == ready(x)).all() and type(lazy) is nn.Linear
    with pytest.raises(RuntimeError):
        nn.Linear(5, 3).load_state_dict(nn.LazyLinear(3).state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        nn.LazyLinear(3).load_state_dict({"weight": ready.weight}, strict=True)
