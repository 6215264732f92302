"""Optimizers against their formulas in NumPy, schedules, state, errors. tests/oracle: PyTorch."""

import copy
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn, optim
from minigrad.watch import trace

SETTINGS = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    (optim.Adam, {"lr": 0.1}),
    (optim.Adam, {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True}),
    (optim.AdamW, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.AdamW, {"lr": 0.1, "amsgrad": True, "maximize": True}),
    (optim.Adamax, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.NAdam, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.RAdam, {"lr": 0.1, "maximize": True, "betas": (0.9, 0.99)}),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.5, "initial_accumulator_value": 0.1}),
    (optim.Adadelta, {"lr": 0.5, "weight_decay": 0.1}),
    (optim.RMSprop, {"lr": 0.1, "momentum": 0.9, "centered": True}),
    (optim.Rprop, {"lr": 0.1, "step_sizes": (0.06, 0.13)}),
    (optim.ASGD, {"lr": 0.1, "lambd": 0.5, "t0": 1.0, "weight_decay": 0.1}),
    (optim.Adafactor, {"lr": 0.1, "maximize": True}),
]


def sgd(
    p, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False
):
    b = None
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p = p - lr * g
    return p


def adam(p, grads, lr, weight_decay, decoupled, amsgrad=False, maximize=False):
    m = v = largest = 0.0
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        largest = np.maximum(largest, v) if amsgrad else v
        p = p - lr * (m / (1 - 0.9**t)) / (np.sqrt(largest / (1 - 0.999**t)) + 1e-8)
    return p


# One step each, t the number of it, s the state (of numbers that start at 0), o the options.


def adamax(p, g, s, t, o):
    s["m"] = 0.9 * s["m"] + 0.1 * g
    s["u"] = np.maximum(0.999 * s["u"], abs(g) + 1e-8)
    return p - o["lr"] / (1 - 0.9**t) * s["m"] / s["u"]


def nadam(p, g, s, t, o):
    mus = [0.9 * (1 - 0.96 ** (0.004 * i) / 2) for i in range(1, t + 2)]
    s["m"] = 0.9 * s["m"] + 0.1 * g
    s["v"] = 0.999 * s["v"] + 0.001 * g * g
    m = mus[-1] * s["m"] / (1 - math.prod(mus)) + (1 - mus[-2]) * g / (1 - math.prod(mus[:-1]))
    return p - o["lr"] * m / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)


def radam(p, g, s, t, o):
    beta2 = o["betas"][1]
    s["m"] = 0.9 * s["m"] + 0.1 * g
    s["v"] = beta2 * s["v"] + (1 - beta2) * g * g
    most = 2 / (1 - beta2) - 1
    rho = most - 2 * t * beta2**t / (1 - beta2**t)
    r = factor = 1.0
    if rho > 5:
        r = math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
        factor = math.sqrt(1 - beta2**t) / (np.sqrt(s["v"]) + 1e-8)
    return p - o["lr"] * s["m"] / (1 - 0.9**t) * r * factor


def adagrad(p, g, s, t, o):
    s["sum"] = s["sum"] + g * g
    root = np.sqrt(s["sum"] + o["initial_accumulator_value"])
    return p - o["lr"] / (1 + (t - 1) * o["lr_decay"]) * g / (root + 1e-10)


def adadelta(p, g, s, t, o):
    s["v"] = 0.9 * s["v"] + 0.1 * g * g
    d = np.sqrt(s["u"] + 1e-6) / np.sqrt(s["v"] + 1e-6) * g
    s["u"] = 0.9 * s["u"] + 0.1 * d * d
    return p - o["lr"] * d


def rmsprop(p, g, s, t, o):
    s["v"] = 0.99 * s["v"] + 0.01 * g * g
    s["a"] = 0.99 * s["a"] + 0.01 * g
    s["b"] = 0.9 * s["b"] + g / (np.sqrt(s["v"] - s["a"] ** 2) + 1e-8)
    return p - o["lr"] * s["b"]


def rprop(p, g, s, t, o):
    agreement = np.sign(g * s["g"])
    size = (o["lr"] if t == 1 else s["size"]) * np.choose(agreement.astype(int) + 1, [0.5, 1, 1.2])
    s["size"] = np.clip(size, *o["step_sizes"])
    s["g"] = np.where(agreement < 0, 0, g)
    return p - np.sign(s["g"]) * s["size"]


def asgd(p, g, s, t, o):
    eta = o["lr"] / (1 + o["lambd"] * o["lr"] * (t - 1)) ** 0.75
    return p - eta * (g + o["lambd"] * p)


def adafactor(p, g, s, t, o):
    weight, eps = t**-0.8, np.finfo(float).eps
    if g.ndim < 2:
        s["v"] = v = (1 - weight) * s["v"] + weight * g * g
    else:
        s["r"] = r = (1 - weight) * s["r"] + weight * (g * g).mean(1, keepdims=True)
        s["c"] = c = (1 - weight) * s["c"] + weight * (g * g).mean(0, keepdims=True)
        v = r * c / r.mean()
    u = g / np.sqrt(np.maximum(v, eps * eps))
    size = max(1e-3, np.sqrt((p * p).mean())) * min(o["lr"], t**-0.5)
    return p - size * u / max(1.0, np.sqrt((u * u).mean()))


def reference(method, p, grads, options):
    if method is optim.SGD:
        return sgd(p, grads, **options)
    if method in (optim.Adam, optim.AdamW):
        decoupled = method is optim.AdamW
        options = {"weight_decay": 0.01 if decoupled else 0.0, **options}
        return adam(p, grads, decoupled=decoupled, **options)
    state = defaultdict(float)
    for t, g in enumerate(grads, 1):
        g = (-g if options.get("maximize") else g) + options.get("weight_decay", 0.0) * p
        p = globals()[method.__name__.lower()](p, g, state, t, options)
    return p


def step_with(optimizer, params, grads):
    for p, g in zip(params, grads, strict=True):
        p.grad = None if g is None else minigrad.tensor(g, dtype=p.dtype)
    optimizer.step()


@pytest.mark.parametrize(("method", "options"), SETTINGS)
@given(seed=st.integers(0, 1000), steps=st.integers(1, 12))
def test_steps_follow_the_formula(method, options, seed, steps):
    random = np.random.default_rng(seed)
    start = [random.normal(size=shape) for shape in [(3, 2), (4,), ()]]
    grads = [[random.normal(size=x.shape) for x in start] for _ in range(steps)]
    params = [nn.Parameter(minigrad.tensor(x, dtype=minigrad.float64)) for x in start]
    optimizer = method(params, **options)
    for g in grads:
        step_with(optimizer, params, g)
    for i, p in enumerate(params):
        expected = reference(method, start[i], [g[i] for g in grads], options)
        np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("method", "options"), SETTINGS)
def test_parameters_without_gradient_wait(method, options):
    params = [nn.Parameter(minigrad.ones(2, dtype=minigrad.float64)) for _ in range(2)]
    optimizer = method(params, **options)
    grads = [np.array([1.0, -2.0]), np.array([0.5, 3.0])]
    step_with(optimizer, params, [grads[0], None])
    assert params[1].tolist() == [1.0, 1.0]
    step_with(optimizer, params, grads)
    expected = [
        reference(method, np.ones(2), [grads[0]] * 2, options),
        reference(method, np.ones(2), [grads[1]], options),
    ]
    for p, value in zip(params, expected, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), value, rtol=1e-9)


@pytest.mark.parametrize(("method", "options"), SETTINGS)
def test_a_loaded_state_goes_on_as_if_nothing_happened(method, options):
    random = np.random.default_rng(0)
    grads = [[random.normal(size=3)] for _ in range(4)]
    ours = [nn.Parameter(minigrad.ones(3, dtype=minigrad.float64))]
    optimizer = method(ours, **options)
    for g in grads[:2]:
        step_with(optimizer, ours, g)
    others = [copy.deepcopy(ours[0])]
    other = method(others, lr=7.0)
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["lr"] == options["lr"]
    for g in grads[2:]:
        step_with(optimizer, ours, g)
        step_with(other, others, g)
    assert ours[0].tolist() == others[0].tolist()


def several(method, options, shapes, seed, joined):
    """An optimizer of all parameters, or one of each; and the function that takes a step."""
    rng = np.random.default_rng(seed)
    params = [nn.Parameter(minigrad.tensor(rng.normal(size=shape))) for shape in shapes]
    made = [method(params, **options)] if joined else [method([p], **options) for p in params]

    def step(skipped=()):
        for i, p in enumerate(params):
            g = minigrad.tensor(rng.normal(size=p.shape)).to(p.dtype)
            p.grad = None if i in skipped else g
        for optimizer in made:
            optimizer.step()

    return params, made, step


@pytest.mark.parametrize(("method", "options"), SETTINGS)
def test_small_parameters_are_updated_as_if_each_were_alone(method, options):
    """Some of one shape, one large, one a number, one of them without a gradient at times; the
    state is loaded, and written to, on the way, and the type of all changes."""
    shapes = [(3, 4), (4,), (3, 4), (140, 120), (), (2, 3, 4)]
    runs = [several(method, options, shapes, 0, joined) for joined in (True, False)]
    for params, made, step in runs:
        step()
        step(skipped=(1, 2))
        step()
        for optimizer in made:
            optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        step()
        for value in made[0].state[params[0]].values():
            if isinstance(value, minigrad.Tensor):
                value.mul_(1.5)
        step()
        for p in params:
            p.data = p.data.float()
        for optimizer in made:
            for state in optimizer.state.values():
                for name, value in state.items():
                    if isinstance(value, minigrad.Tensor):
                        state[name] = value.float()
        step()
        params[0].data = params[0].data.mT.contiguous().mT  # other memory
        step()
    for p, alone in zip(runs[0][0], runs[1][0], strict=True):
        assert p.dtype is minigrad.float32
        np.testing.assert_allclose(p.detach().numpy(), alone.detach().numpy(), 1e-5, 1e-6)
    joined = runs[0][1][0].state
    for p, q, optimizer in zip(runs[0][0], *runs[1][:2], strict=True):
        for name, value in optimizer.state[q].items():
            if isinstance(value, minigrad.Tensor):
                assert joined[p][name].shape == value.shape, (p.shape, name)
                np.testing.assert_allclose(joined[p][name].numpy(), value.numpy(), 1e-5, 1e-6)


def test_asgd_averages_the_parameters():
    p = nn.Parameter(minigrad.zeros(1, dtype=minigrad.float64))
    optimizer = optim.ASGD([p], lr=1.0, lambd=0.0, t0=1.0)
    seen = []
    for _ in range(6):
        step_with(optimizer, [p], [[1.0]])
        seen.append(p.item())
    # From step t0 + 1 on; those before it are forgotten.
    assert optimizer.state[p]["ax"].item() == pytest.approx(np.mean(seen[2:]))
    assert seen == [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]


def test_adagrad_has_its_state_from_the_start():
    p = nn.Parameter(minigrad.ones(2))
    optimizer = optim.Adagrad([p], initial_accumulator_value=0.5)
    assert optimizer.state_dict()["state"][0]["sum"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("method", "options"), SETTINGS)
def test_a_recorded_step_counts_on(method, options):
    """Twelve steps, the last three by replays, which find their numbers in the slots."""
    random = np.random.default_rng(0)
    g = random.normal(size=(3, 2))
    p = nn.Parameter(minigrad.ones(3, 2, dtype=minigrad.float64))
    optimizer = method([p], **options)
    for _ in range(8):
        step_with(optimizer, [p], [g])
    with trace() as recorded:
        optimizer.step()
    for _ in range(3):
        optimizer.advance()
        recorded.replay()
    expected = reference(method, np.ones((3, 2)), [g] * 12, options)
    np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_orthogonalises_its_momentum(shape, nesterov):
    """Coefficients that converge, and enough steps: U V^T to the last digits."""
    random = np.random.default_rng(0)
    grads = [random.normal(size=shape) for _ in range(4)]
    p = nn.Parameter(minigrad.ones(*shape, dtype=minigrad.float64))
    options = {"ns_coefficients": (1.875, -1.25, 0.375), "ns_steps": 40, "nesterov": nesterov}
    optimizer = optim.Muon([p], lr=0.1, **options)
    expected, buffer = np.ones(shape), 0.0
    for g in grads:
        step_with(optimizer, [p], [g])
        buffer = 0.95 * buffer + 0.05 * g
        u, _, v = np.linalg.svd(0.95 * buffer + 0.05 * g if nesterov else buffer, False)
        scale = max(1, shape[0] / shape[1]) ** 0.5
        expected = expected * (1 - 0.1 * 0.1) - 0.1 * scale * (u @ v)
    np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-9)
    for wrong in ({"ns_steps": 100}, {"ns_coefficients": (1.0, 2.0)}):
        with pytest.raises(ValueError, match="Muon"):
            step_with(optim.Muon([p], **wrong), [p], [grads[0]])


@pytest.mark.parametrize("options", [{"line_search_fn": "strong_wolfe"}, {"lr": 0.2}])
def test_lbfgs_finds_the_minimum_of_a_valley(options):
    x = nn.Parameter(minigrad.tensor([-1.0, 1.5], dtype=minigrad.float64))
    still = nn.Parameter(minigrad.ones(2, 2, dtype=minigrad.float64))
    optimizer = optim.LBFGS([x, still], max_iter=100, tolerance_change=0.0, **options)

    def closure():
        optimizer.zero_grad(set_to_none=False)
        loss = (1 - x[0]) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 6.5
    np.testing.assert_allclose(x.detach().numpy(), [1.0, 1.0], rtol=1e-5)
    assert still.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert optimizer.state[x]["func_evals"] < 120


def test_lbfgs_refuses():
    p, q = (nn.Parameter(minigrad.ones(1)) for _ in range(2))
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": [p]}, {"params": [q]}])
    with pytest.raises(TypeError, match="closure"):
        optim.LBFGS([p]).step()

    def closure():
        loss = (p * p).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported, got 'armijo'"):
        optim.LBFGS([p], line_search_fn="armijo").step(closure)


def test_groups_have_options_of_their_own():
    a, b = (nn.Parameter(minigrad.ones(1)) for _ in range(2))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.25)
    step_with(optimizer, [a, b], [[1.0], [1.0]])
    assert (a.item(), b.item()) == (0.75, 0.5)
    c = nn.Parameter(minigrad.ones(1))
    optimizer.add_param_group({"params": [c], "lr": 1.0})
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5, 1.0]
    assert "Parameter Group 2" in repr(optimizer) and "lr: 0.5" in repr(optimizer)


def test_types_can_be_mixed_in_a_group():
    params = [nn.Parameter(minigrad.ones(2, dtype=d)) for d in (minigrad.float32, minigrad.float64)]
    optimizer = optim.Adam(params, lr=0.5)
    step_with(optimizer, params, [[1.0, 1.0], [1.0, 1.0]])
    for p in params:
        np.testing.assert_allclose(p.detach().numpy(), [0.5, 0.5], rtol=1e-6)


def test_lr_may_be_a_tensor():
    p = nn.Parameter(minigrad.ones(1))
    step_with(optim.SGD([p], lr=minigrad.tensor(0.25)), [p], [[1.0]])
    assert p.item() == 0.75


def test_advance_counts_what_the_last_step_updated():
    params = [nn.Parameter(minigrad.ones(2)) for _ in range(3)]
    optimizer = optim.Adam(params, lr=0.1)
    with pytest.raises(RuntimeError, match="no step to repeat"):
        optimizer.advance()
    step_with(optimizer, params, [[1.0, 1.0], None, [1.0, 1.0]])
    step_with(optimizer, params, [[1.0, 1.0], [1.0, 1.0], None])
    optimizer.zero_grad()
    before = [p.tolist() for p in params]
    optimizer.advance()
    assert [optimizer.state[p]["step"] for p in params] == [3, 2, 1]
    assert [p.tolist() for p in params] == before and optimizer.steps_taken == 3
    optimizer.load_state_dict(optimizer.state_dict())
    with pytest.raises(RuntimeError, match="no step to repeat"):
        optimizer.advance()


def test_a_copied_optimizer_has_slots_of_its_own():
    p = nn.Parameter(minigrad.ones(1))
    optimizer = optim.SGD([p], lr=0.25)
    step_with(optimizer, [p], [[1.0]])
    other = copy.deepcopy(optimizer)
    other.param_groups[0]["lr"] = 1.0
    q = other.param_groups[0]["params"][0]
    step_with(other, [q], [[1.0]])
    step_with(optimizer, [p], [[1.0]])
    assert (p.item(), q.item()) == (0.5, -0.25)


def test_a_parameter_may_change_its_type():
    p = nn.Parameter(minigrad.ones(1))
    optimizer = optim.SGD([p], lr=0.1)
    step_with(optimizer, [p], [[1.0]])
    p.data = p.data.double()
    step_with(optimizer, [p], [[1.0]])
    assert p.item() == pytest.approx(float(np.float32(0.9)) - 0.1, abs=1e-15)


@pytest.mark.parametrize("method", [optim.Adam, optim.AdamW, optim.RMSprop])
def test_a_model_may_change_its_type(method):
    p = nn.Linear(3, 300)
    q = copy.deepcopy(p).double()
    optimizer = method(p.parameters(), lr=0.1)
    exact = method(q.parameters(), lr=0.1)
    for i in range(3):
        for model, steps in ((p, optimizer), (q, exact)):
            model(minigrad.ones(2, 3, dtype=model.weight.dtype)).square().sum().backward()
            steps.step()
        if i == 0:
            p.double()
    assert p.weight.dtype == minigrad.float64
    np.testing.assert_allclose(p.weight.tolist(), q.weight.tolist(), rtol=0, atol=1e-4)


STATES = [
    (optim.SGD, {"momentum": 0.9}, "momentum_buffer"),
    (optim.Adam, {}, "exp_avg"),
    (optim.AdamW, {}, "exp_avg"),
    (optim.RMSprop, {}, "square_avg"),
]


@pytest.mark.parametrize(("method", "options", "name"), STATES)
@pytest.mark.parametrize("size", [3, 64])
def test_a_state_of_another_shape_is_refused(method, options, name, size):
    """Also where there are as many elements."""
    small, large = nn.Linear(2, 2), nn.Linear(size, size)
    found = {}
    for model in (small, large):
        found[model] = method(model.parameters(), lr=0.1, **options)
        model(minigrad.ones(2, model.in_features)).sum().backward()
    found[small].step()
    found[large].load_state_dict(found[small].state_dict())
    before = large.weight.tolist()
    told = rf"{method.__name__}: .* \[{size}, {size}\] has a {name} of shape \[2, 2\]"
    with pytest.raises(RuntimeError, match=told):
        found[large].step()
    assert large.weight.tolist() == before


def test_a_gradient_of_another_shape_is_refused():
    p = nn.Parameter(minigrad.ones(2, 300))
    p.grad = minigrad.ones(2, 300)
    p.data = minigrad.ones(300, 2)
    with pytest.raises(RuntimeError, match=r"SGD: .* \[300, 2\] has a gradient of shape \[2, 300"):
        optim.SGD([p]).step()


def test_small_parameters_may_become_more_exact():
    params = [nn.Parameter(minigrad.ones(2)) for _ in range(3)]
    optimizer = optim.RMSprop(params)
    step_with(optimizer, params, [[1.0, 2.0]] * 3)
    exact = [p.data.double() + 1e-12 for p in params]
    for p, value in zip(params, exact, strict=True):
        p.data = value.clone()
    step_with(optimizer, params, [[0.0, 0.0]] * 3)
    assert [p.tolist() for p in params] == [value.tolist() for value in exact]


def test_closure_and_zero_grad():
    p = nn.Parameter(minigrad.ones(1))
    optimizer = optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with minigrad.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert p.item() == 0.5 and p.grad.item() == 2.0
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.item() == 0.0
    optimizer.zero_grad()
    assert p.grad is None


def test_a_step_counts_as_an_in_place_write():
    p = nn.Parameter(minigrad.ones(2))
    out = (p * p).sum()
    step_with(optim.SGD([p], lr=0.1), [p], [[1.0, 1.0]])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


def test_names_may_come_along():
    layer = nn.Linear(1, 1)
    optimizer = optim.SGD(layer.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"][0] is layer.weight


def test_state_dict_format():
    params = [nn.Parameter(minigrad.ones(2)) for _ in range(3)]
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:]}])
    step_with(optimizer, params, [[1.0, 1.0], None, [1.0, 1.0]])
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1, 2]]
    assert sorted(state["state"]) == [0, 2]
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["param_groups"][0]["betas"] == (0.9, 0.999)


def test_load_state_dict_refuses_other_groups():
    params = [nn.Parameter(minigrad.ones(2)) for _ in range(3)]
    optimizer = optim.SGD(params, lr=0.1)
    two = optim.SGD([{"params": params[:1]}, {"params": params[1:]}]).state_dict()
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict(two)
    with pytest.raises(ValueError, match="doesn't match the size"):
        optimizer.load_state_dict(optim.SGD(params[:2]).state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda p: optim.SGD(p), TypeError),
        (lambda p: optim.SGD([]), ValueError),
        (lambda p: optim.SGD([1.0]), TypeError),
        (lambda p: optim.SGD([{"params": {p}}]), TypeError),
        (lambda p: optim.SGD([p * 2]), ValueError),
        (lambda p: optim.SGD([p, p]), ValueError),
        (lambda p: optim.SGD([{"params": p}, {"params": p}]), ValueError),
        (lambda p: optim.SGD([p], lr=-1.0), ValueError),
        (lambda p: optim.SGD([p], lr=math.nan), ValueError),
        (lambda p: optim.SGD([p], momentum=-1.0), ValueError),
        (lambda p: optim.SGD([p], weight_decay=-1.0), ValueError),
        (lambda p: optim.SGD([p], nesterov=True), ValueError),
        (lambda p: optim.SGD([p], momentum=0.9, dampening=0.1, nesterov=True), ValueError),
        (lambda p: optim.Adam([p], betas=(1.0, 0.9)), ValueError),
        (lambda p: optim.Adam([p], betas=(0.9, -0.1)), ValueError),
        (lambda p: optim.AdamW([p], eps=-1.0), ValueError),
        (lambda p: optim.Adamax([p], betas=(1.0, 0.9)), ValueError),
        (lambda p: optim.NAdam([p], momentum_decay=-1.0), ValueError),
        (lambda p: optim.RAdam([p], betas=(0.9, 1.0)), ValueError),
        (lambda p: optim.Adagrad([p], lr_decay=-1.0), ValueError),
        (lambda p: optim.Adadelta([p], rho=1.5), ValueError),
        (lambda p: optim.RMSprop([p], alpha=-1.0), ValueError),
        (lambda p: optim.Rprop([p], etas=(0.5, 0.9)), ValueError),
        (lambda p: optim.ASGD([p], weight_decay=-1.0), ValueError),
        (lambda p: optim.Adafactor([p], beta2_decay=1.0), ValueError),
        (lambda p: optim.Adafactor([p], eps=(None, -1.0)), ValueError),
        (lambda p: optim.Adafactor([p], d=0.5), ValueError),
        (lambda p: optim.Muon([p]), ValueError),
        (lambda p: optim.LBFGS([p], lr=-1.0), ValueError),
    ],
)
def test_bad_arguments(make, error):
    with pytest.raises(error):
        make(nn.Parameter(minigrad.ones(1)))


# Schedules


def rates(make, epochs, lr=1.0):
    optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=lr)
    schedule = make(optimizer)
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        assert schedule.get_last_lr() == [found[-1]]
        optimizer.step()
        schedule.step()
    return found


sched = optim.lr_scheduler


@pytest.mark.parametrize(
    ("make", "formula"),
    [
        (lambda o: sched.StepLR(o, 3, gamma=0.5), lambda t: 0.5 ** (t // 3)),
        (lambda o: sched.MultiStepLR(o, [2, 5, 5]), lambda t: 0.1 ** ((t >= 2) + 2 * (t >= 5))),
        (lambda o: sched.ExponentialLR(o, 0.9), lambda t: 0.9**t),
        (lambda o: sched.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
        (lambda o: sched.LinearLR(o, 0.5, 1.0, 4), lambda t: 0.5 + 0.5 * min(t, 4) / 4),
        (
            lambda o: sched.CosineAnnealingLR(o, 4, eta_min=0.1),
            lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * t / 4)) / 2,
        ),
        (lambda o: sched.ConstantLR(o, 0.5, 3), lambda t: 1.0 if t >= 3 else 0.5),
        (lambda o: sched.PolynomialLR(o, 5, 2.0), lambda t: max(0.0, 1 - t / 5) ** 2),
        (lambda o: sched.MultiplicativeLR(o, lambda t: t), lambda t: math.factorial(t)),
        (
            lambda o: sched.CosineAnnealingWarmRestarts(o, 2, 2),
            lambda t: (1 + math.cos(math.pi * [0, 1 / 2, 0, 1 / 4, 1 / 2, 3 / 4,
                                               *(i / 8 for i in range(8))][t])) / 2,
        ),
        (
            lambda o: sched.CyclicLR(o, 0.0, 1.0, 4, mode="triangular2"),
            lambda t: (4 - abs(t % 8 - 4)) / 4 / 2 ** (t // 8),
        ),
        (
            lambda o: sched.OneCycleLR(
                o, 1.0, 14, pct_start=0.5, anneal_strategy="linear", div_factor=2.0,
                final_div_factor=1e30,
            ),
            lambda t: 0.5 + t / 12 if t <= 6 else (13 - t) / 7,
        ),
        (
            lambda o: sched.SequentialLR(
                o, [sched.ConstantLR(o, 0.5, 99), sched.StepLR(o, 3)], milestones=[4]
            ),
            lambda t: 0.5 if t < 4 else 0.1 ** ((t - 4) // 3),
        ),
        (
            lambda o: sched.ChainedScheduler([sched.ConstantLR(o, 0.5, 3), sched.StepLR(o, 2)]),
            lambda t: (1.0 if t >= 3 else 0.5) * 0.1 ** (t // 2),
        ),
        (
            lambda o: optim.swa_utils.SWALR(o, 0.5, 4, "linear"),
            lambda t: 1.0 - 0.5 * min(t, 4) / 4,
        ),
    ],
)
def test_schedules_follow_their_formulas(make, formula):
    assert rates(make, 14) == pytest.approx([formula(t) for t in range(14)], rel=1e-9, abs=1e-15)


def test_schedules_write_into_a_rate_that_is_a_tensor():
    lr = minigrad.tensor(1.0)
    optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=lr)
    schedule, plateau = sched.StepLR(optimizer, 1, 0.5), sched.ReduceLROnPlateau(optimizer)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is lr and lr.item() == 0.5
    for _ in range(12):
        plateau.step(1.0)
    assert optimizer.param_groups[0]["lr"] is lr and lr.item() == pytest.approx(0.05)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: sched.CyclicLR(o, 0.1, 1.0, 4, base_momentum=0.5, max_momentum=0.75),
        lambda o: sched.OneCycleLR(o, 1.0, 9, 0, 0, 5 / 9, base_momentum=0.5, max_momentum=0.75),
    ],
)
def test_momentum_goes_down_while_the_rate_goes_up(make):
    optimizer = optim.Adam([nn.Parameter(minigrad.ones(1))])
    schedule = make(optimizer)
    found = []
    for _ in range(9):
        found.append(optimizer.param_groups[0]["betas"])
        optimizer.step()
        if len(found) < 9:
            schedule.step()
    assert found[0] == found[8] == (0.75, 0.999) and found[4] == (0.5, 0.999)
    assert found[0] > found[1] > found[4] < found[5] < found[8]


def test_schedules_of_functions_keep_the_state_of_objects():
    class Factor:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, epoch):
            return self.factor**epoch

    def make(factor):
        optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=1.0)
        cyclic = sched.CyclicLR(optimizer, 0.1, 1.0, scale_fn=Factor(factor), cycle_momentum=False)
        return sched.LambdaLR(optimizer, Factor(factor)), cyclic

    for ours, other in zip(make(0.5), make(0.25), strict=True):
        other.load_state_dict(ours.state_dict())
        assert "optimizer" not in ours.state_dict()
        functions = getattr(other, "lr_lambdas", [getattr(other, "_scale_fn_custom", None)])
        assert [f.factor for f in functions] == [0.5]


def test_averages_of_a_model_and_of_its_statistics():
    model = nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2))
    averaged = optim.swa_utils.AveragedModel(model)
    x = minigrad.tensor([[1.0], [3.0]])
    for value in (1.0, 2.0, 6.0):
        nn.init.constant_(model[0].weight, value)
        nn.init.constant_(model[0].bias, 0.0)
        averaged.update_parameters(model)
    assert averaged.module[0].weight.tolist() == [[3.0], [3.0]] and averaged.n_averaged.item() == 3
    assert model[0].weight.tolist() == [[6.0], [6.0]]
    averaged.eval()
    optim.swa_utils.update_bn([(x, "label"), x + 2.0], averaged)
    layer = averaged.module[1]
    assert layer.running_mean.tolist() == [9.0, 9.0] and layer.momentum == 0.1
    assert not averaged.training and not layer.training


def test_schedules_act_one_after_the_other():
    optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=1.0)
    schedules = [sched.ExponentialLR(optimizer, 0.5), sched.StepLR(optimizer, 2)]
    for _ in range(2):
        optimizer.step()
        for schedule in schedules:
            schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.25 * 0.1)


def test_plateau():
    optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=1.0)
    schedule = sched.ReduceLROnPlateau(
        optimizer, "max", factor=0.5, patience=1, cooldown=1, min_lr=0.3
    )
    found = []
    for metric in [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]:
        schedule.step(metric)
        found.append(schedule.get_last_lr()[0])
    assert found == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]
    other = sched.ReduceLROnPlateau(optimizer)
    other.load_state_dict(schedule.state_dict())
    assert other.best == 2.0 and other.mode == "max"


def test_schedule_state():
    optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=1.0)
    schedule = sched.StepLR(optimizer, 2)
    for _ in range(3):
        optimizer.step()
        schedule.step()
    other = sched.StepLR(optim.SGD([nn.Parameter(minigrad.ones(1))], lr=1.0), 5)
    other.load_state_dict(schedule.state_dict())
    assert other.last_epoch == 3 and other.step_size == 2
    assert "optimizer" not in schedule.state_dict()
    resumed = sched.StepLR(optimizer, 2, last_epoch=3)
    assert resumed.last_epoch == 4 and resumed.get_last_lr() == [pytest.approx(0.01)]


def test_schedule_errors():
    optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=1.0)
    with pytest.raises(TypeError, match="not an Optimizer"):
        sched.StepLR(3, 1)
    with pytest.raises(KeyError, match="initial_lr"):
        sched.StepLR(optimizer, 1, last_epoch=3)
    with pytest.raises(ValueError, match="lr_lambdas"):
        sched.LambdaLR(optimizer, [lambda t: 1.0] * 2)
    with pytest.raises(ValueError, match="start_factor"):
        sched.LinearLR(optimizer, 0.0)
    for make in (sched.SequentialLR, lambda o, schedules, _: sched.ChainedScheduler(schedules)):
        with pytest.raises(ValueError, match="at least one"):
            make(optimizer, [], [])
        with pytest.raises(ValueError, match="ReduceLROnPlateau"):
            make(optimizer, [sched.ReduceLROnPlateau(optimizer)], [])
    with pytest.raises(ValueError, match="2 milestones"):
        sched.SequentialLR(optimizer, [sched.StepLR(optimizer, 1)], [1, 2])
    once = sched.OneCycleLR(optimizer, 1.0, 2)
    optimizer.step()
    once.step()
    once.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        once.step()
    with pytest.raises(ValueError, match="end_factor"):
        sched.LinearLR(optimizer, 0.5, 2.0)
    for options in ({"factor": 1.0}, {"mode": "best"}, {"threshold_mode": "x"}, {"min_lr": [0, 0]}):
        with pytest.raises(ValueError):
            sched.ReduceLROnPlateau(optimizer, **options)


def test_a_schedule_before_the_optimizer_warns():
    optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=1.0)
    schedule = sched.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"before optimizer.step\(\)"):
        schedule.step()


def test_training_lowers_the_loss():
    minigrad.manual_seed(0)
    x = minigrad.randn(64, 3)
    y = x @ minigrad.tensor([[1.0], [-2.0], [0.5]])
    net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = optim.AdamW(net.parameters(), lr=0.02)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


# Hooks


class OwnStep(optim.Optimizer):
    """As programs for PyTorch write one."""

    def step(self, closure=None):
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for p in group["params"]:
                p.data.add_(p.grad, alpha=-group["lr"])
        return loss


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, OwnStep])
def test_step_hooks_are_called_around_each_step(kind):
    w = nn.Parameter(minigrad.ones(1))
    w.grad = minigrad.ones(1)
    optimizer, seen = kind([w], {"lr": 0.5} if kind is OwnStep else 0.5), []
    assert "step" not in vars(optimizer)  # which costs nothing

    def before(optimizer_, args, kwargs):
        seen.append(("before", optimizer_ is optimizer, args[1:], kwargs, w.item()))
        return (optimizer, lambda: "other loss"), {}

    first = optimizer.register_step_pre_hook(before)
    last = optimizer.register_step_post_hook(lambda *args: seen.append(("after", w.item())))
    assert optimizer.step(closure=None) == "other loss"
    assert seen[0] == ("before", True, (), {"closure": None}, 1.0)
    assert seen[1:] == [("after", pytest.approx(0.5))]
    copied = copy.deepcopy(optimizer)
    copied.param_groups[0]["params"][0].grad = minigrad.ones(1)  # gradients are not copied
    assert copied.step() is None and len(seen) == 2  # copies have no hooks, as in PyTorch
    first.remove()
    last.remove()
    assert optimizer.step() is None and len(seen) == 2
    optimizer.register_step_pre_hook(lambda *args: 3)
    with pytest.raises(RuntimeError, match="a tuple of"):
        optimizer.step()


def test_a_hook_of_a_schedule_and_of_an_optimizer_together():
    w = nn.Parameter(minigrad.ones(1))
    w.grad = minigrad.ones(1)
    optimizer, seen = optim.SGD([w], 1.0), []
    optimizer.register_step_post_hook(lambda *args: seen.append(w.item()))
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    for _ in range(3):
        optimizer.step()
        schedule.step()
    assert seen == [0.0, -0.5, -0.75]
