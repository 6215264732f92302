"""Optimizers and schedules agree with PyTorch step by step, and exchange state_dicts with it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn, optim

torch = pytest.importorskip("torch")

# Every option of every optimizer, with the values it may take; the first is the one to begin with.
SHARES, DECAYS, FLAGS = [0.9, 0.0, 0.5], [0.0, 0.1], [False, True]
BETAS = [(0.9, 0.999), (0.0, 0.5), (0.8, 0.9)]
OPTIONS = {
    "SGD": {"momentum": SHARES, "dampening": [0.0, 0.5], "nesterov": FLAGS},
    "Adam": {"betas": BETAS, "amsgrad": FLAGS, "eps": [1e-8, 0.1]},
    "AdamW": {"betas": BETAS, "amsgrad": FLAGS, "eps": [1e-8, 0.1]},
    "Adamax": {"betas": BETAS, "eps": [1e-8, 0.1]},
    "NAdam": {
        "betas": BETAS, "eps": [1e-8, 0.1], "momentum_decay": [4e-3, 0.0, 0.5],
        "decoupled_weight_decay": FLAGS,
    },
    "RAdam": {"betas": BETAS, "eps": [1e-8, 0.1], "decoupled_weight_decay": FLAGS},
    "Adagrad": {
        "lr_decay": [0.0, 0.1], "initial_accumulator_value": [0.0, 0.5], "eps": [1e-10, 0.1],
    },
    "Adadelta": {"rho": SHARES, "eps": [1e-6, 0.1]},
    "RMSprop": {
        "alpha": [0.99, 0.5], "eps": [1e-8, 0.1], "momentum": [0.0, 0.9], "centered": FLAGS,
    },
    "Rprop": {"etas": [(0.5, 1.2), (0.1, 3.0)], "step_sizes": [(1e-6, 50), (0.01, 0.1)]},
    "ASGD": {"lambd": [1e-4, 0.1], "alpha": [0.75, 0.5], "t0": [1e6, 2.0]},
    "Adafactor": {
        "beta2_decay": [-0.8, -0.3], "eps": [(None, 1e-3), (0.5, 0.1)], "d": [1.0, 2.0],
    },
    "Muon": {
        "momentum": SHARES, "nesterov": FLAGS, "eps": [1e-7, 10.0], "ns_steps": [5, 0, 2],
        "ns_coefficients": [(3.4445, -4.775, 2.0315), (2, -1.5, 0.5)],
        "adjust_lr_fn": [None, "original", "match_rms_adamw"],
    },
}  # fmt: skip
LACK = {"Rprop": {"weight_decay"}, "Muon": {"maximize"}}
MORE = {"maximize": FLAGS, "weight_decay": DECAYS}
OPTIONS = {
    name: options | {key: MORE[key] for key in MORE.keys() - LACK.get(name, set())}
    for name, options in OPTIONS.items()
}


@pytest.fixture(autouse=True)
def numbers_in_full(monkeypatch):
    """PyTorch keeps the numbers of some states (NAdam's and ASGD's) in its default type."""
    torch.set_default_dtype(torch.float64)
    # Muon's orthogonalisation is in bfloat16 there: a copy in full takes its place.
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    yield
    torch.set_default_dtype(torch.float32)


def drawn_options(draw, name):
    options = {key: draw(st.sampled_from(values)) for key, values in OPTIONS[name].items()}
    options["lr"] = draw(st.floats(1e-4, 1.0))
    if name == "SGD":
        options["nesterov"] &= options["momentum"] > 0
        options["dampening"] *= not options["nesterov"]
    return options


@st.composite
def settings_of_optimizers(draw):
    name = draw(st.sampled_from(list(OPTIONS)))
    return name, drawn_options(draw, name), drawn_options(draw, name)


def pair_of_optimizers(name, options, second, arrays):
    """The last parameter is in a group of its own, with the second options."""
    ours = [nn.Parameter(minigrad.tensor(x)) for x in arrays]
    theirs = [torch.nn.Parameter(torch.tensor(x)) for x in arrays]
    optimizers = [
        getattr(library, name)(
            [{"params": params[:-1]}, {"params": params[-1:], **second}], **options
        )
        for library, params in ((optim, ours), (torch.optim, theirs))
    ]
    return ours, theirs, *optimizers


def steps(random, ours, theirs, optimizer, optimizer_t, n):
    for _ in range(n):
        for p, p_t in zip(ours, theirs, strict=True):
            if random.random() < 0.2:
                p.grad = p_t.grad = None
                continue
            g = random.normal(size=tuple(p.shape))
            p.grad, p_t.grad = minigrad.tensor(g), torch.tensor(g)
        optimizer.step()
        optimizer_t.step()
    for p, p_t in zip(ours, theirs, strict=True):
        expected = p_t.detach().numpy()
        scale = max(1.0, abs(expected).max())
        np.testing.assert_allclose(p.detach().numpy() / scale, expected / scale, rtol=0, atol=1e-12)


def starts(random, name):
    shapes = [(3, 2), (4, 4), (2, 5)] if name == "Muon" else [(3, 2), (4,), (), (2, 3, 5)]
    return [random.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option(name):
    base = {"lr": 0.1} | {key: values[0] for key, values in OPTIONS[name].items()}
    for key, values in ({"lr": [0.01]} | OPTIONS[name]).items():
        for value in values:
            random = np.random.default_rng(0)
            setting = (name, base | {key: value}, {"lr": 0.5})
            steps(random, *pair_of_optimizers(*setting, starts(random, name)), 25)


@given(setting=settings_of_optimizers(), seed=st.integers(0, 100))
def test_steps(setting, seed):
    random = np.random.default_rng(seed)
    steps(random, *pair_of_optimizers(*setting, starts(random, setting[0])), 20)


@given(setting=settings_of_optimizers(), seed=st.integers(0, 100))
def test_state_dicts_are_exchanged(setting, seed):
    random = np.random.default_rng(seed)
    pair = pair_of_optimizers(*setting, starts(random, setting[0]))
    steps(random, *pair, 3)
    optimizer, optimizer_t = pair[2:]
    to_torch = converted(through_a_file(optimizer.state_dict()), minigrad.Tensor, torch.tensor)
    to_ours = through_a_file(converted(optimizer_t.state_dict(), torch.Tensor, minigrad.tensor))
    assert [g["params"] for g in to_torch["param_groups"]] == [
        g["params"] for g in to_ours["param_groups"]
    ]
    assert set(to_torch["state"]) == set(to_ours["state"])
    for number, state in to_ours["state"].items():
        assert set(to_torch["state"][number]) == set(state)
    fresh = pair_of_optimizers(setting[0], {}, {}, [p.detach().numpy() for p in pair[0]])
    fresh[2].load_state_dict(to_ours)
    fresh[3].load_state_dict(to_torch)
    steps(random, *fresh, 20)


LBFGS = [
    {"lr": 0.3},
    {"lr": 0.3, "max_iter": 3},
    {"lr": 0.5, "history_size": 2},
    {"line_search_fn": "strong_wolfe"},
    {"lr": 0.01, "line_search_fn": "strong_wolfe", "max_iter": 7, "max_eval": 9},
    {"lr": 30.0, "line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_eval": 2, "history_size": 1},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 0.5},
    {"lr": 0.1, "tolerance_change": 0.05},
]


def closure_of(optimizer, params, f):
    def closure():
        optimizer.zero_grad()
        loss = f(*params)
        loss.backward()
        return loss

    return closure


def rosenbrock(x, y):
    return ((1 - x) ** 2).sum() + 10 * ((y[0] - x**2) ** 2).sum()


def bumps(x, y):
    return (3 * x).sin().sum() + 0.1 * (x**2).sum() + (y**2).sum().exp() + (x * y[0]).cos().sum()


def steep(x, y):
    return ((x - 2) ** 4).sum() + (1 + (5 * y) ** 2).log().sum() + (x.sum() - 3).abs()


@pytest.mark.parametrize("options", LBFGS)
@pytest.mark.parametrize("f", [rosenbrock, bumps, steep])
def test_lbfgs(f, options):
    random = np.random.default_rng(0)
    arrays = [random.normal(size=2), random.normal(size=(1, 2))]
    runs = []
    ours, theirs, *optimizers = pair_of_lbfgs(arrays, {"max_iter": 8, **options})
    for tensors, optimizer in zip((ours, theirs), optimizers, strict=True):
        closure = closure_of(optimizer, tensors, f)
        losses = [optimizer.step(closure).item() for _ in range(2)]
        state = optimizer.state[tensors[0]]
        runs.append((losses, [p.detach().tolist() for p in tensors], state))
    (losses, values, state), (losses_t, values_t, state_t) = runs
    assert (state["n_iter"], state["func_evals"]) == (state_t["n_iter"], state_t["func_evals"])
    np.testing.assert_allclose(losses, losses_t, rtol=1e-9)
    for x, x_t in zip(values, values_t, strict=True):
        np.testing.assert_allclose(x, x_t, rtol=1e-9)
    assert set(state) == set(state_t) - {"al"}


@pytest.mark.parametrize("options", LBFGS[:5])
def test_lbfgs_states_are_exchanged(options):
    random = np.random.default_rng(0)
    arrays = [random.normal(size=2), random.normal(size=(1, 2))]
    ours, theirs, optimizer, optimizer_t = pair_of_lbfgs(arrays, options)
    optimizer.step(closure_of(optimizer, ours, rosenbrock))
    optimizer_t.step(closure_of(optimizer_t, theirs, rosenbrock))
    to_torch = converted(through_a_file(optimizer.state_dict()), minigrad.Tensor, torch.tensor)
    to_ours = through_a_file(converted(optimizer_t.state_dict(), torch.Tensor, minigrad.tensor))
    ours, theirs, optimizer, optimizer_t = pair_of_lbfgs([p.detach().numpy() for p in ours], {})
    optimizer.load_state_dict(to_ours)
    optimizer_t.load_state_dict(to_torch)
    optimizer.step(closure_of(optimizer, ours, rosenbrock))
    optimizer_t.step(closure_of(optimizer_t, theirs, rosenbrock))
    for p, p_t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), p_t.detach().numpy(), rtol=1e-9)


def pair_of_lbfgs(arrays, options):
    ours = [nn.Parameter(minigrad.tensor(x)) for x in arrays]
    theirs = [torch.nn.Parameter(torch.tensor(x)) for x in arrays]
    return ours, theirs, optim.LBFGS(ours, **options), torch.optim.LBFGS(theirs, **options)


def through_a_file(state_dict):
    content = io.BytesIO()
    minigrad.save(state_dict, content)
    content.seek(0)
    return minigrad.load(content)


def converted(value, kind, convert):
    if isinstance(value, kind):
        return convert(value.detach().numpy().copy())
    if isinstance(value, dict):
        return {key: converted(member, kind, convert) for key, member in value.items()}
    return [converted(x, kind, convert) for x in value] if isinstance(value, list) else value


SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9]}),
    ("ExponentialLR", {"gamma": 0.8}),
    ("LinearLR", {"start_factor": 0.25, "end_factor": 0.75, "total_iters": 4}),
    ("LinearLR", {"start_factor": 0.25, "end_factor": 0.0, "total_iters": 3}),
    ("LinearLR", {"total_iters": 0}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 1}),
    ("PolynomialLR", {"total_iters": 6, "power": 2.0}),
    ("PolynomialLR", {"total_iters": 4, "power": 0.5}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 0.9**epoch, lambda epoch: 1 / (epoch + 1)]}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 1 - 0.1 * (epoch % 3)}),
    ("MultiplicativeLR", {"lr_lambda": (lambda epoch: 0.9, lambda epoch: 0.8)}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.1}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 4}),
    ("CyclicLR", {"base_lr": [0.1, 0.2], "max_lr": [1.0, 0.5], "step_size_up": 2,
                  "step_size_down": 5, "mode": "triangular2", "base_momentum": [0.1, 0.2]}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3, "mode": "exp_range",
                  "gamma": 0.9, "cycle_momentum": False}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3,
                  "scale_fn": lambda x: 1 / (1 + x), "scale_mode": "iterations"}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 30}),
    ("OneCycleLR", {"max_lr": [1.0, 0.5], "epochs": 5, "steps_per_epoch": 7, "pct_start": 0.2,
                    "anneal_strategy": "linear", "max_momentum": [0.9, 0.8], "div_factor": 5.0}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 31, "three_phase": True, "final_div_factor": 9.0,
                    "cycle_momentum": False}),
]  # fmt: skip


def each_library(method="SGD", **options):
    """(library, optimizer) of both, the optimizers with two groups of one parameter."""
    for library in (minigrad, torch):
        groups = [
            {"params": [library.nn.Parameter(library.zeros(1))], "lr": lr} for lr in (0.5, 0.25)
        ]
        yield library.optim, getattr(library.optim, method)(groups, **options)


def course(optimizer, schedule, n):
    """The rates and momenta of n epochs."""
    found = []
    for _ in range(n):
        found.append(schedule.get_last_lr())
        assert found[-1] == [group["lr"] for group in optimizer.param_groups]
        found.append([group.get("momentum", 0.0) for group in optimizer.param_groups])
        found.append([group.get("betas", [0.0])[0] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("method", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules(name, options, method):
    found = [
        course(optimizer, getattr(library.lr_scheduler, name)(optimizer, **options), 30)
        for library, optimizer in each_library(method)
    ]
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-14)


@pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:scheduler.step.epoch.")
@pytest.mark.parametrize(("name", "options"), SCHEDULES)
@pytest.mark.parametrize("epoch", [0, 2, 5, 9])
def test_schedules_jump(name, options, epoch):
    if options.get("total_iters") == 0:
        pytest.skip("PyTorch divides by zero")
    found = []
    for library, optimizer in each_library():
        schedule = getattr(library.lr_scheduler, name)(optimizer, **options)
        optimizer.step()
        schedule.step()
        schedule.step(epoch)
        found.append(course(optimizer, schedule, 5))
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules_are_resumed(name, options):
    """A new schedule with last_epoch, and one that loads the state the other library wrote."""
    found, states = [], []
    for library, optimizer in each_library():
        make = getattr(library.lr_scheduler, name)
        schedule = make(optimizer, **options)
        course(optimizer, schedule, 4)
        states.append(schedule.state_dict())
        found.append(course(optimizer, make(optimizer, **options, last_epoch=4), 5))
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-14)
    assert set(states[0]) == set(states[1]) - {"_get_lr_called_within_step"}
    found = []
    for (library, optimizer), state in zip(each_library(), reversed(states), strict=True):
        schedule = getattr(library.lr_scheduler, name)(optimizer, **options)
        optimizer.step()
        schedule.load_state_dict(state)
        for _ in range(5):
            schedule.step()
            found.append(schedule.last_epoch)
        found.append([group["lr"] for group in optimizer.param_groups])
    assert found[:5] == found[6:11]
    np.testing.assert_allclose(found[5], found[11], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("first", range(len(SCHEDULES) - 3))
@pytest.mark.parametrize("second", [0, 4, 6, 8, 10, 12, 14, 17, 18])
@pytest.mark.parametrize("milestone", [0, 1, 4])
def test_sequential_schedules(first, second, milestone):
    found = []
    for library, optimizer in each_library():
        chosen = [SCHEDULES[first], SCHEDULES[second], ("ExponentialLR", {"gamma": 0.9})]
        if any(options.get("total_iters") == 0 for _, options in chosen):
            pytest.skip("PyTorch divides by zero")
        schedules = [getattr(library.lr_scheduler, name)(optimizer, **o) for name, o in chosen]
        schedule = library.lr_scheduler.SequentialLR(optimizer, schedules, [milestone, 7])
        found.append(course(optimizer, schedule, 12))
        state = schedule.state_dict()
        assert len(state["_schedulers"]) == 3 and state["last_epoch"] == 12
        schedule.load_state_dict(state)
        found[-1] += course(optimizer, schedule, 2)
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("first", range(0, len(SCHEDULES) - 3, 2))
@pytest.mark.parametrize("second", range(0, len(SCHEDULES) - 3, 2))
def test_chained_scheduler(first, second):
    found = []
    for library, optimizer in each_library():
        schedules = [
            getattr(library.lr_scheduler, name)(optimizer, **options)
            for name, options in (SCHEDULES[first], SCHEDULES[second])
        ]
        found.append(course(optimizer, library.lr_scheduler.ChainedScheduler(schedules), 8))
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-14)


def test_warm_restarts_take_fractions():
    found = []
    for library, optimizer in each_library():
        for t_mult in (1, 2, 3):
            schedule = library.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2, t_mult)
            for epoch in (0.5, 1.75, 2.0, 2.5, 5.9, 6.0, 13.25, 26.5, 1.5):
                optimizer.step()
                schedule.step(epoch)
                found.append([*schedule.get_last_lr(), schedule.last_epoch, schedule.T_i])
    np.testing.assert_allclose(found[:27], found[27:], rtol=1e-12)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 4])
def test_swalr(strategy, epochs):
    found = []
    for library, optimizer in each_library():
        schedule = library.swa_utils.SWALR(optimizer, [0.05, 0.7], epochs, strategy)
        found.append(course(optimizer, schedule, 8))
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize("use_buffers", FLAGS)
@pytest.mark.parametrize(
    "averages",
    [
        lambda swa: {},
        lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.9)},
        lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.5)},
        lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
        lambda swa: {"avg_fn": lambda average, p, n: average * n / 7 + p},
    ],
)
def test_averaged_model(averages, use_buffers):
    if use_buffers and "multi_avg_fn" in averages(optim.swa_utils):
        pytest.skip("PyTorch refuses to average the count of batches, an integer")
    random = np.random.default_rng(0)
    values = [random.normal(size=(4, 3)) for _ in range(4)]
    batches = [random.normal(size=(5, 3)) for _ in range(3)]
    found = []
    for library, tensor in ((minigrad, minigrad.tensor), (torch, torch.tensor)):
        swa = library.optim.swa_utils
        model = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.BatchNorm1d(4)).double()
        averaged = swa.AveragedModel(model, use_buffers=use_buffers, **averages(swa))
        for value in values:
            with library.no_grad():
                model[0].weight.copy_(tensor(value))
                model[0].bias.copy_(tensor(value[:, 0]))
            model(tensor(batches[0]))
            averaged.update_parameters(model)
        state = {key: x.tolist() for key, x in averaged.state_dict().items()}
        swa.update_bn([(tensor(x), 0) for x in batches], averaged)
        assert averaged.training and averaged.module[1].momentum == 0.1
        found.append((state, {key: x.tolist() for key, x in averaged.state_dict().items()}))
    for ours, theirs in zip(*found, strict=True):
        assert ours.keys() == theirs.keys()
        for key in ours:
            np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("first", SCHEDULES[:4])
@pytest.mark.parametrize("second", SCHEDULES[:4])
def test_chained_schedules(first, second):
    found = []
    for library, module in ((optim, nn.Parameter(minigrad.zeros(1))),
                            (torch.optim, torch.nn.Parameter(torch.zeros(1)))):  # fmt: skip
        optimizer = library.SGD([module], lr=0.5)
        schedules = [
            getattr(library.lr_scheduler, name)(optimizer, **options)
            for name, options in (first, second)
        ]
        rates = []
        for _ in range(8):
            optimizer.step()
            for schedule in schedules:
                schedule.step()
            rates.append(optimizer.param_groups[0]["lr"])
        found.append(rates)
    np.testing.assert_allclose(*found, rtol=1e-9)


@given(
    metrics=st.lists(st.sampled_from([0.5, 0.9, 1.0, 1.00001, 2.0]), max_size=15),
    mode=st.sampled_from(["min", "max"]),
    threshold_mode=st.sampled_from(["rel", "abs"]),
    patience=st.integers(0, 2),
    cooldown=st.integers(0, 2),
)
def test_plateau(metrics, mode, threshold_mode, patience, cooldown):
    found = []
    for library, module in ((optim, nn.Parameter(minigrad.zeros(1))),
                            (torch.optim, torch.nn.Parameter(torch.zeros(1)))):  # fmt: skip
        schedule = library.lr_scheduler.ReduceLROnPlateau(
            library.SGD([module], lr=1.0), mode, 0.5, patience,
            threshold_mode=threshold_mode, cooldown=cooldown, min_lr=0.2,
        )  # fmt: skip
        rates = []
        for metric in metrics:
            schedule.step(metric)
            rates += schedule.get_last_lr()
        found.append(rates)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda optim, p: optim.SGD([]),
        lambda optim, p: optim.SGD(p),
        lambda optim, p: optim.SGD([1]),
        lambda optim, p: optim.SGD([p * 2]),
        lambda optim, p: optim.SGD([{"params": {p}}]),
        lambda optim, p: optim.SGD([{"params": p}, {"params": p}]),
        lambda optim, p: optim.SGD([p], lr=-1),
        lambda optim, p: optim.SGD([p], nesterov=True),
        lambda optim, p: optim.Adam([p], betas=(2, 0)),
        lambda optim, p: optim.Adamax([p], betas=(0.9, 1.0)),
        lambda optim, p: optim.NAdam([p], momentum_decay=-1),
        lambda optim, p: optim.RAdam([p], eps=-1),
        lambda optim, p: optim.Adagrad([p], initial_accumulator_value=-1),
        lambda optim, p: optim.Adadelta([p], rho=2),
        lambda optim, p: optim.RMSprop([p], momentum=-1),
        lambda optim, p: optim.Rprop([p], etas=(1, 2)),
        lambda optim, p: optim.ASGD([p], lr=-1),
        lambda optim, p: optim.Adafactor([p], beta2_decay=1),
        lambda optim, p: optim.Adafactor([p], eps=(-1, 0)),
        lambda optim, p: optim.Adafactor([p], d=0.5),
        lambda optim, p: optim.Muon([p]),
        lambda optim, p: optim.Muon([p], adjust_lr_fn="x"),
        lambda optim, p: optim.LBFGS([p], lr=-1),
        lambda optim, p: optim.LBFGS([{"params": [p]}, {"params": []}]),
        lambda optim, p: optim.LBFGS([p]).step(),
        lambda optim, p: optim.Adam([p]).load_state_dict({"state": {}, "param_groups": []}),
        lambda optim, p: optim.SGD([p]).add_param_group([p]),
        lambda optim, p: optim.lr_scheduler.StepLR(p, 1),
        lambda optim, p: optim.lr_scheduler.ConstantLR(optim.SGD([p]), 2.0),
        lambda optim, p: optim.lr_scheduler.LambdaLR(optim.SGD([p]), [len, len]),
        lambda optim, p: optim.lr_scheduler.LambdaLR(optim.SGD([p]), 0.5),
        lambda optim, p: optim.lr_scheduler.MultiplicativeLR(optim.SGD([p]), 0.5),
        lambda optim, p: optim.lr_scheduler.CosineAnnealingWarmRestarts(optim.SGD([p]), 0),
        lambda optim, p: optim.lr_scheduler.CosineAnnealingWarmRestarts(optim.SGD([p]), 1, 0.5),
        lambda optim, p: optim.lr_scheduler.CosineAnnealingWarmRestarts(optim.SGD([p]), 1, 1, "0"),
        lambda optim, p: optim.lr_scheduler.CosineAnnealingWarmRestarts(optim.SGD([p]), 1).step(-1),
        lambda optim, p: optim.lr_scheduler.CyclicLR(p, 0.1, 1.0),
        lambda optim, p: optim.lr_scheduler.CyclicLR(optim.Adagrad([p]), 0.1, 1.0),
        lambda optim, p: optim.lr_scheduler.CyclicLR(optim.SGD([p]), 0.1, 1.0, mode="x"),
        lambda optim, p: optim.lr_scheduler.CyclicLR(optim.SGD([p]), 0.1, [1.0, 2.0]),
        lambda optim, p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 1.0),
        lambda optim, p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 1.0, 0),
        lambda optim, p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 1.0, None, 3, 0),
        lambda optim, p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 1.0, 9, pct_start=2),
        lambda optim, p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 1.0, 9, anneal_strategy=""),
        lambda optim, p: optim.lr_scheduler.OneCycleLR(optim.Adagrad([p]), 1.0, 9),
        lambda optim, p: optim.lr_scheduler.ReduceLROnPlateau(p),
        lambda optim, p: optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p]), factor=1.0),
        lambda optim, p: optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p]), min_lr=[0, 1]),
        lambda optim, p: optim.lr_scheduler.SequentialLR(optim.SGD([p]), [], []),
        lambda optim, p: optim.lr_scheduler.SequentialLR(
            (o := optim.SGD([p])), [optim.lr_scheduler.StepLR(o, 1)], [1]),
        lambda optim, p: optim.lr_scheduler.SequentialLR(
            optim.SGD([p]), [optim.lr_scheduler.StepLR(optim.SGD([p]), 1)], []),
        lambda optim, p: optim.lr_scheduler.ChainedScheduler([]),
        lambda optim, p: optim.lr_scheduler.ChainedScheduler(
            [optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p]))]),
        lambda optim, p: optim.swa_utils.SWALR(optim.SGD([p]), 0.1, -1),
        lambda optim, p: optim.swa_utils.SWALR(optim.SGD([p]), 0.1, 1, "x"),
        lambda optim, p: optim.swa_utils.SWALR(optim.SGD([p]), [0.1, 0.2]),
        lambda optim, p: optim.swa_utils.get_ema_avg_fn(2.0),
        lambda optim, p: optim.swa_utils.get_ema_multi_avg_fn(-1.0),
        lambda optim, p: optim.swa_utils.AveragedModel(p, avg_fn=max, multi_avg_fn=max),
        lambda optim, p: optim.lr_scheduler.StepLR(optim.SGD([p]), 1, last_epoch=2),
    ],
)  # fmt: skip
def test_misuse_raises_the_same_type(misuse):
    raised = []
    for library, p in ((optim, nn.Parameter(minigrad.zeros(1))),
                       (torch.optim, torch.nn.Parameter(torch.zeros(1)))):  # fmt: skip
        with pytest.raises(Exception) as caught:
            misuse(library, p)
        raised.append(caught.type)
    assert raised[0] is raised[1]


def test_repr():
    ours = optim.AdamW([nn.Parameter(minigrad.zeros(1))], lr=0.1)
    theirs = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    assert set(repr(ours).split("\n")) <= set(repr(theirs).split("\n"))


def _hooked(m):
    """What the hooks of an optimizer are called with, in order, and what they change."""
    calls = []
    w = m.nn.Parameter(m.ones(2))
    optimizer = m.optim.SGD([w], lr=0.5, momentum=0.5)

    def note(name, result=None):
        return lambda _, *args: (calls.append((name, len(args), w.tolist())), result)[1]

    def loads(optimizer, state):
        calls.append(("load", state["param_groups"][0]["lr"]))
        state["param_groups"] = [{**state["param_groups"][0], "lr": 0.25}]

    optimizer.register_step_pre_hook(note("before"))
    optimizer.register_step_post_hook(note("after"))
    optimizer.register_state_dict_pre_hook(note("save"))
    optimizer.register_state_dict_pre_hook(note("save first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda _, state: {**state, "more": 3})
    optimizer.register_load_state_dict_pre_hook(loads)
    optimizer.register_load_state_dict_post_hook(note("loaded"))
    for _ in range(2):
        w.grad = m.ones(2)
        optimizer.step()
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    lr = state["param_groups"][0]["lr"]
    return calls, state["more"], lr, optimizer.param_groups[0]["lr"]


def test_hooks():
    assert _hooked(minigrad) == _hooked(torch)
