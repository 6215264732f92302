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
}  # fmt: skip


@pytest.fixture(autouse=True)
def numbers_in_full():
    """PyTorch keeps the numbers of some states (NAdam's and ASGD's) in its default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def drawn_options(draw, name):
    options = {key: draw(st.sampled_from(values)) for key, values in OPTIONS[name].items()}
    options |= {"lr": draw(st.floats(1e-4, 1.0)), "maximize": draw(st.booleans())}
    if name != "Rprop":
        options["weight_decay"] = draw(st.sampled_from(DECAYS))
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


def starts(random):
    return [random.normal(size=shape) for shape in [(3, 2), (4,), (), (2, 5)]]


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option(name):
    base = {"lr": 0.1} | {key: values[0] for key, values in OPTIONS[name].items()}
    more = {"lr": [0.01], "maximize": FLAGS} | ({} if name == "Rprop" else {"weight_decay": DECAYS})
    for key, values in (OPTIONS[name] | more).items():
        for value in values:
            random = np.random.default_rng(0)
            setting = (name, base | {key: value}, {"lr": 0.5})
            steps(random, *pair_of_optimizers(*setting, starts(random)), 25)


@given(setting=settings_of_optimizers(), seed=st.integers(0, 100))
def test_steps(setting, seed):
    random = np.random.default_rng(seed)
    steps(random, *pair_of_optimizers(*setting, starts(random)), 20)


@given(setting=settings_of_optimizers(), seed=st.integers(0, 100))
def test_state_dicts_are_exchanged(setting, seed):
    random = np.random.default_rng(seed)
    pair = pair_of_optimizers(*setting, starts(random))
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
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
]


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules(name, options):
    found = []
    for library, module in ((optim, nn.Parameter(minigrad.zeros(1))),
                            (torch.optim, torch.nn.Parameter(torch.zeros(1)))):  # fmt: skip
        optimizer = library.SGD([{"params": [module], "lr": 0.5}])
        schedule = getattr(library.lr_scheduler, name)(optimizer, **options)
        rates = []
        for _ in range(30):
            optimizer.step()
            schedule.step()
            rates += schedule.get_last_lr()
        found.append(rates)
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-15)


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
        lambda optim, p: optim.Adam([p]).load_state_dict({"state": {}, "param_groups": []}),
        lambda optim, p: optim.SGD([p]).add_param_group([p]),
        lambda optim, p: optim.lr_scheduler.StepLR(p, 1),
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
