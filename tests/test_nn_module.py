"""Module: attributes, walks over the tree, state_dict, modes, hooks, repr."""

import copy
import math
import pickle
from collections import OrderedDict

import pytest

import minigrad
from minigrad import nn


class Block(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.fc = nn.Linear(n, n)
        self.register_buffer("seen", minigrad.zeros(n))
        self.register_buffer("cache", minigrad.ones(2), persistent=False)

    def forward(self, x):
        return self.fc(x) + self.seen


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(minigrad.ones(1))
        self.blocks = nn.ModuleList([Block(), Block()])
        self.tied = self.blocks[0]

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x * self.scale


def same(x, y):
    return x.shape == y.shape and bool((x == y).all())


# Attributes


def test_assignment_sorts_values_by_kind():
    net = Net()
    assert list(net._parameters) == ["scale"]
    assert list(net._modules) == ["blocks", "tied"]
    assert list(net.blocks[0]._buffers) == ["seen", "cache"]
    assert net.scale is net._parameters["scale"]


def test_assignment_moves_a_name_from_kind_to_kind():
    module = nn.Module()
    module.x = 3
    module.x = nn.Parameter(minigrad.ones(2))
    assert "x" not in module.__dict__ and list(module._parameters) == ["x"]
    module.x = None
    assert module.x is None and list(module._parameters) == ["x"]
    module.x = nn.Linear(1, 1)
    assert list(module._parameters) == [] and list(module._modules) == ["x"]
    del module.x
    with pytest.raises(AttributeError, match="no attribute 'x'"):
        module.x  # noqa: B018


@pytest.mark.parametrize(
    "value", [nn.Parameter(minigrad.ones(1)), nn.ReLU()], ids=["parameter", "module"]
)
def test_assignment_before_init_raises(value):
    class Early(nn.Module):
        def __init__(self):
            self.part = value

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
        Early()


def test_forgotten_init_is_named_when_called():
    class Forgot(nn.Module):
        def __init__(self):
            self.size = 3

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Forgot()(minigrad.ones(1))


def test_wrong_values_for_registered_names_raise():
    net = Net()
    with pytest.raises(TypeError, match="cannot assign 'Tensor' as parameter 'scale'"):
        net.scale = minigrad.ones(1)
    with pytest.raises(TypeError, match="cannot assign 'int' as child module 'blocks'"):
        net.blocks = 3
    with pytest.raises(TypeError, match="cannot assign 'int' as buffer 'seen'"):
        net.blocks[0].seen = 3
    net.blocks[0].seen = minigrad.ones(3)
    assert same(net.blocks[0]._buffers["seen"], minigrad.ones(3))


@pytest.mark.parametrize("register", ["register_parameter", "register_buffer", "add_module"])
@pytest.mark.parametrize(
    ("name", "error"), [(3, TypeError), ("a.b", KeyError), ("", KeyError), ("forward", KeyError)]
)
def test_registration_refuses_bad_names(register, name, error):
    with pytest.raises(error):
        getattr(nn.Module(), register)(name, None)


def test_registration_refuses_bad_values():
    with pytest.raises(TypeError, match="Parameter or None required"):
        nn.Module().register_parameter("p", minigrad.ones(1))
    with pytest.raises(TypeError, match="Tensor or None required"):
        nn.Module().register_buffer("b", 3)
    with pytest.raises(TypeError, match="is not a Module subclass"):
        nn.Module().add_module("m", 3)


def test_dir_lists_members():
    names = dir(nn.Sequential(OrderedDict(fc=nn.Linear(1, 1))))
    assert "fc" in names and "forward" in names
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


# Walks


def test_named_walks_give_paths_and_each_member_once():
    net = Net()
    assert [name for name, _ in net.named_modules()] == [
        "", "blocks", "blocks.0", "blocks.0.fc", "blocks.1", "blocks.1.fc",
    ]  # fmt: skip
    assert [name for name, _ in net.named_parameters()] == [
        "scale", "blocks.0.fc.weight", "blocks.0.fc.bias", "blocks.1.fc.weight", "blocks.1.fc.bias",
    ]  # fmt: skip
    duplicates = [name for name, _ in net.named_parameters(remove_duplicate=False)]
    assert duplicates[-2:] == ["tied.fc.weight", "tied.fc.bias"]
    assert [name for name, _ in net.named_parameters("net", recurse=False)] == ["net.scale"]
    assert [name for name, _ in net.named_buffers()] == [
        "blocks.0.seen", "blocks.0.cache", "blocks.1.seen", "blocks.1.cache",
    ]  # fmt: skip
    assert [name for name, _ in net.named_children()] == ["blocks", "tied"]
    assert len(list(net.modules())) == 6
    assert len(list(net.parameters())) == 5


def test_get_by_path():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("blocks.1.fc") is net.blocks[1].fc
    assert net.get_parameter("blocks.1.fc.bias") is net.blocks[1].fc.bias
    assert net.get_buffer("tied.seen") is net.blocks[0].seen
    with pytest.raises(AttributeError, match="ModuleList has no attribute `7`"):
        net.get_submodule("blocks.7")
    with pytest.raises(AttributeError, match=r"is not an nn\.Module"):
        net.get_submodule("scale.x")
    with pytest.raises(AttributeError, match=r"is not an nn\.Parameter"):
        net.get_parameter("tied.seen")
    with pytest.raises(AttributeError, match="is not a buffer"):
        net.get_buffer("scale")


def test_apply_goes_to_children_first():
    seen = []
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]


# State


def test_state_dict_has_persistent_tensors_sharing_memory():
    net = Net()
    state = net.state_dict()
    assert list(state) == [
        "scale",
        "blocks.0.seen", "blocks.0.fc.weight", "blocks.0.fc.bias",
        "blocks.1.seen", "blocks.1.fc.weight", "blocks.1.fc.bias",
        "tied.seen", "tied.fc.weight", "tied.fc.bias",
    ]  # fmt: skip
    assert not state["scale"].requires_grad
    state["scale"].fill_(5.0)
    assert net.scale.item() == 5.0
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert list(nn.Linear(1, 1).state_dict(prefix="a.")) == ["a.weight", "a.bias"]


def test_load_state_dict_round_trip():
    net, other = Net(), Net()
    result = other.load_state_dict(net.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    for key, value in net.state_dict().items():
        assert same(other.state_dict()[key], value)
    assert other.scale is not net.scale


def test_load_state_dict_with_assign_takes_the_tensors():
    layer = nn.Linear(2, 1)
    state = {"weight": minigrad.ones(1, 2, dtype=minigrad.float64), "bias": minigrad.zeros(1)}
    old = layer.weight
    layer.load_state_dict(state, assign=True)
    assert layer.weight is not old and isinstance(layer.weight, nn.Parameter)
    assert layer.weight.dtype == minigrad.float64 and layer.weight.requires_grad


def test_load_state_dict_lists_every_problem_and_changes_nothing():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    before = copy.deepcopy(net.state_dict())
    state = {
        "0.weight": minigrad.full((3, 2), 7.0),
        "0.bias": minigrad.zeros(5),
        "1.weight": [1.0],
        "extra": minigrad.zeros(1),
    }
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    assert "Error(s) in loading state_dict for Sequential" in message
    assert 'Missing key(s) in state_dict: "1.bias"' in message
    assert 'Unexpected key(s) in state_dict: "extra"' in message
    assert "size mismatch for 0.bias" in message and "(5,)" in message and "(3,)" in message
    assert '"1.weight"' in message and "list" in message
    assert all(same(net.state_dict()[key], before[key]) for key in before)


def test_load_state_dict_not_strict_still_checks_sizes():
    layer = nn.Linear(2, 1)
    result = layer.load_state_dict({"bias": minigrad.ones(1), "x": 1}, strict=False)
    assert result.missing_keys == ["weight"] and result.unexpected_keys == ["x"]
    assert layer.bias.item() == 1.0
    with pytest.raises(RuntimeError, match="size mismatch"):
        layer.load_state_dict({"bias": minigrad.ones(2)}, strict=False)


def test_load_state_dict_names_a_prefix():
    layer = nn.Linear(2, 1)
    state = {f"module.{key}": value for key, value in layer.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"removeprefix\('module.'\)"):
        layer.load_state_dict(state)


class Counted(nn.Module):
    """With extra state, and a weight that is saved under another name."""

    def __init__(self, calls=0):
        super().__init__()
        self.weight = nn.Parameter(minigrad.full((2,), float(calls)))
        self.calls = calls
        self.total = None

    def get_extra_state(self):
        return {"calls": self.calls}

    def set_extra_state(self, state):
        self.calls = state["calls"]


class Renamed(Counted):
    _version = 3
    seen = None

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "w"] = destination.pop(prefix + "weight")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        self.seen = local_metadata.get("version")
        state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
        self.total = self.weight.sum().item()


def test_extra_state_is_saved_and_loaded():
    net = nn.Sequential(Counted(3), nn.Linear(2, 2))
    assert list(net.state_dict())[:2] == ["0.weight", "0._extra_state"]
    other = nn.Sequential(Counted(), nn.Linear(2, 2))
    other.load_state_dict(net.state_dict())
    assert other[0].calls == 3
    state = net.state_dict()
    extra = state.pop("0._extra_state")
    with pytest.raises(RuntimeError, match=r'Missing key.*"0._extra_state"'):
        other.load_state_dict(state)
    state |= {"0._extra_state": extra, "1._extra_state": extra}
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"1._extra_state"'):
        other.load_state_dict(state)
    bad = {**net.state_dict(), "1.bias": minigrad.ones(3), "0._extra_state": {"calls": 7}}
    with pytest.raises(RuntimeError, match=r"size mismatch for 1\.bias"):
        other.load_state_dict(bad)
    assert other[0].calls == 3


@pytest.mark.parametrize("name", ["get_extra_state", "set_extra_state"])
def test_a_module_without_extra_state_has_none(name):
    with pytest.raises(RuntimeError, match="define " + name):
        getattr(nn.Linear(1, 1), name)(*([{}] if name.startswith("set") else []))


def test_overridden_saving_and_loading_is_called():
    net, other = nn.Sequential(Renamed(3)), nn.Sequential(Renamed())
    assert list(net.state_dict()) == ["0._extra_state", "0.w"]
    other.load_state_dict(net.state_dict())
    assert (other[0].total, other[0].calls, other[0].seen) == (6.0, 3, 3)


def test_a_part_can_be_loaded_by_its_own_method():
    layer, missing = nn.Linear(1, 1), []
    layer._load_from_state_dict({"a.bias": minigrad.ones(1)}, "a.", {}, True, missing, [], [])
    assert missing == ["a.weight"] and layer.bias.item() == 1


def test_state_dict_hooks_see_every_step():
    net, seen = nn.Sequential(nn.Linear(1, 1)), []
    layer = net[0]
    layer.register_state_dict_pre_hook(lambda *args: seen.append(args))
    layer.register_state_dict_post_hook(
        lambda module, state, prefix, metadata: state.update({prefix + "more": metadata})
    )
    state = net.state_dict()
    assert seen == [(layer, "0.", False)] and state.pop("0.more") == {"version": 1}

    def rename(module, state_dict, prefix, *rest):
        assert module is layer
        state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")

    handle = layer.register_load_state_dict_pre_hook(rename)
    state["0.w"] = 0 * state.pop("0.weight") + 5
    net.load_state_dict(state)
    assert layer.weight.item() == 5 and "0.w" in state
    handle.remove()
    with pytest.raises(RuntimeError, match="Missing"):
        net.load_state_dict(state)

    def forgive(module, keys):
        assert module is net
        keys.missing_keys.clear()
        keys.unexpected_keys.clear()

    handle = net.register_load_state_dict_post_hook(forgive)
    assert net.load_state_dict(state) == ([], [])
    handle.remove()
    copied = copy.deepcopy(net)
    copied[0].register_load_state_dict_post_hook(lambda module, keys: keys)
    with pytest.raises(RuntimeError, match="post-hook must return None"):
        copied.load_state_dict({}, strict=False)
    copied[0].register_state_dict_post_hook(lambda *args: {})
    with pytest.raises(RuntimeError, match="post-hook must return None"):
        copied.state_dict()


def test_load_state_dict_wants_a_mapping():
    with pytest.raises(TypeError, match="dict-like"):
        nn.Linear(1, 1).load_state_dict([("weight", minigrad.ones(1, 1))])


# Modes, types


def test_train_and_eval_reach_all_modules():
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    with pytest.raises(ValueError, match="boolean"):
        net.train(1)


def test_requires_grad_and_zero_grad():
    net = Net()
    net(minigrad.ones(2, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(bool((p.grad == 0).all()) for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_conversions_keep_the_parameters_and_convert_floats_only():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = list(net.parameters())
    net(minigrad.randn(4, 2)).sum().backward()
    assert net.double() is net
    assert all(p is q for p, q in zip(net.parameters(), before, strict=True))
    assert all(p.dtype == minigrad.float64 for p in net.parameters())
    assert all(p.grad.dtype == minigrad.float64 for p in net.parameters())
    assert net[1].running_mean.dtype == minigrad.float64
    assert net[1].num_batches_tracked.dtype == minigrad.int64
    assert net.float()[0].weight.dtype == minigrad.float32
    assert net.half()[0].weight.dtype == minigrad.float16
    assert net.to(minigrad.zeros(1, dtype=minigrad.float64))[0].weight.dtype == minigrad.float64
    assert net.to("cpu", minigrad.float32)[0].weight.dtype == minigrad.float32
    assert net.cpu()[0].weight.device.type == "cpu"
    with pytest.raises(TypeError, match="floating point"):
        net.to(minigrad.int64)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_deepcopy_and_pickle(duplicate):
    net = Net()
    other = duplicate(net)
    assert isinstance(other.scale, nn.Parameter) and other.scale is not net.scale
    assert other.tied is other.blocks[0]
    assert all(same(other.state_dict()[k], v) for k, v in net.state_dict().items())
    x = minigrad.randn(2, 3)
    assert same(net(x), other(x))


# Calling, hooks


def test_forward_is_required():
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def test_hooks_see_and_replace_arguments_and_outputs():
    layer = nn.Identity()
    handles = [
        layer.register_forward_pre_hook(lambda module, args: args[0] + 1),
        layer.register_forward_pre_hook(lambda module, args: (args[0] * 10,), prepend=True),
        layer.register_forward_hook(lambda module, args, out: (args[0], out)),
    ]
    assert layer(2) == (21, 21)
    with handles[0]:
        pass
    assert layer(2) == (20, 20)
    for handle in handles:
        handle.remove()
        handle.remove()
    assert layer(2) == 2


def test_hooks_with_kwargs():
    class Power(nn.Module):
        def forward(self, x, *, exponent):
            return x**exponent

    layer = Power()
    seen = []
    layer.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {"exponent": 3}), with_kwargs=True
    )
    layer.register_forward_hook(
        lambda module, args, kwargs, out: seen.append((args, kwargs, out)), with_kwargs=True
    )
    assert layer(2, exponent=2) == 8
    assert seen == [((2,), {"exponent": 3}, 8)]
    layer.register_forward_pre_hook(lambda module, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="pair"):
        layer(2, exponent=2)


def test_full_backward_hooks_see_and_replace_gradients():
    layer = nn.Linear(2, 1, bias=False)
    seen = []
    layer.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 2,))
    layer.register_full_backward_hook(
        lambda module, grad_input, grad_output: seen.append((grad_input, grad_output))
    )
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: grad_input[0] * 10)
    x = minigrad.ones(3, 2, requires_grad=True)
    (layer(x) + x.sum()).sum().backward()
    ((grad_input,), (grad_output,)) = seen[0]
    assert same(grad_output, minigrad.full((3, 1), 2.0))
    assert same(grad_input, layer.weight.detach().expand(3, 2) * 2)  # without x.sum()'s share
    assert same(x.grad, layer.weight.detach().expand(3, 2) * 20 + 3)


def test_full_backward_hook_without_gradient_of_the_input():
    layer = nn.Linear(2, 1)
    seen = []
    layer.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go[0].shape)))
    layer(minigrad.ones(3, 2)).sum().backward()
    assert seen == [((None,), (3, 1))]
    assert layer.weight.grad is not None


# The trail of modules on errors


def notes(call):
    with pytest.raises((RuntimeError, ValueError)) as caught:
        call()
    return "\n".join(caught.value.__notes__)


def test_an_error_in_a_forward_names_the_path_of_the_module():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(10, 3))

        def forward(self, x):
            return self.net(x)

    text = notes(lambda: Model()(minigrad.zeros(2, 4)))
    assert text == (
        "in Model on float32[2, 4]\n"
        "in net: Sequential on float32[2, 4]\n"
        "in net.2: Linear(10 -> 3) on float32[2, 12]"
    )


def test_the_trail_goes_through_lists_and_unregistered_modules():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([nn.Linear(4, 4)])
            self.hidden = [nn.Linear(5, 5)]

        def forward(self, x, hidden):
            return (self.hidden if hidden else self.parts)[0](x)

    assert "in parts.0: Linear(4 -> 4)" in notes(lambda: Model()(minigrad.zeros(2, 3), False))
    assert "in (not registered): Linear(5 -> 5)" in notes(
        lambda: Model()(minigrad.zeros(2, 3), True)
    )


# Text


def test_repr_nests():
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.1)))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Dropout(p=0.1, inplace=False)\n"
        "  )\n"
        ")"
    )


@pytest.mark.cpu
def test_parameter():
    data = minigrad.tensor([1.0, 2.0])
    p = nn.Parameter(data)
    assert isinstance(p, minigrad.Tensor) and p.is_leaf and p.requires_grad
    data.fill_(3.0)
    assert p.tolist() == [3.0, 3.0]
    assert repr(p) == "Parameter containing:\ntensor([3., 3.], requires_grad=True)"
    assert isinstance(copy.deepcopy(p), nn.Parameter)
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert type(p * 2) is minigrad.Tensor
    assert nn.Parameter().shape == (0,)
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(minigrad.tensor([1]))
    with pytest.raises(TypeError, match="must be a Tensor"):
        nn.Parameter([1.0])


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


def test_copies_of_parametrized_modules_are_independent():
    layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 2), "weight", Doubled())
    twin = copy.deepcopy(layer)
    before = layer.weight.tolist()
    nn.utils.parametrize.remove_parametrizations(twin, "weight", leave_parametrized=False)
    assert type(twin) is nn.Linear and layer.weight.tolist() == before
    assert (twin.weight * 2).tolist() == before
    assert layer(minigrad.ones(3)).tolist() == pytest.approx(
        (twin(minigrad.ones(3)) * 2 - twin.bias).tolist()
    )


def test_parametrized_weights_are_computed_once_within_cached():
    calls = []

    class Counted(nn.Module):
        def forward(self, x):
            calls.append(x)
            return x + 0

    layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 2), "weight", Counted())
    calls.clear()
    with nn.utils.parametrize.cached():
        for _ in range(3):
            layer(minigrad.ones(1, 3))
    assert len(calls) == 1
    layer(minigrad.ones(1, 3))
    assert len(calls) == 2


def test_spectral_norm_may_be_used_twice_before_the_gradient():
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))
    x = minigrad.ones(1, 3)
    (layer(x) + layer(x)).sum().backward()
    assert layer.parametrizations.weight.original.grad is not None


def test_values_go_back_through_parametrizations_from_the_last_to_the_first():
    class Exponential(nn.Module):
        def forward(self, x):
            return x.exp()

        def right_inverse(self, y):
            return y.log()

    class Halved(nn.Module):
        def forward(self, x):
            return x / 2

        def right_inverse(self, y):
            return y * 2

    layer = nn.Linear(1, 1)
    with minigrad.no_grad():
        layer.weight.fill_(1.0)
    for module in (Exponential(), Halved()):
        nn.utils.parametrize.register_parametrization(layer, "weight", module)
    layer.weight = minigrad.tensor([[3.0]])
    assert layer.weight.item() == pytest.approx(3.0)
    assert layer.parametrizations.weight.original.item() == pytest.approx(math.log(6.0))


def test_weight_norm_has_second_gradients():
    v = minigrad.randn(2, 3, dtype=minigrad.float64).requires_grad_()
    g = minigrad.rand(2, 1, dtype=minigrad.float64).requires_grad_()
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    normed = layer.parametrizations.weight[0]
    assert minigrad.autograd.gradgradcheck(normed, (g, v))


def test_gradients_of_an_embedding_by_frequency():
    index = minigrad.tensor([3, 0, 0, 3, 3, 1])
    for function in (nn.functional.embedding, nn.functional.embedding_bag):
        table = minigrad.ones(4, 2).requires_grad_()
        args = (index, table) if function is nn.functional.embedding else (index[None], table)
        options = {} if function is nn.functional.embedding else {"mode": "sum"}
        function(*args, scale_grad_by_freq=True, **options).sum().backward()
        assert table.grad[:, 0].tolist() == pytest.approx([1.0, 1.0, 0.0, 1.0])
