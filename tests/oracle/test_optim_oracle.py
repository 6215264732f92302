"""Optimizers and schedules agree with PyTorch step by step, and exchange state_dicts with it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn, optim

torch = pytest.importorskip("torch")

rates = st.floats(1e-4, 1.0)
shares = st.sampled_from([0.0, 0.5, 0.9])


@st.composite
def settings_of_optimizers(draw):
    name = draw(st.sampled_from(["SGD", "Adam", "AdamW"]))
    options = {
        "lr": draw(rates),
        "weight_decay": draw(st.sampled_from([0.0, 0.1])),
        "maximize": draw(st.booleans()),
    }
    if name == "SGD":
        options["momentum"] = draw(shares)
        options["nesterov"] = draw(st.booleans()) and options["momentum"] > 0
        options["dampening"] = 0.0 if options["nesterov"] else draw(shares)
    else:
        options["betas"] = (draw(shares), draw(st.sampled_from([0.5, 0.999])))
        options["amsgrad"] = draw(st.booleans())
    return name, options


def pair_of_optimizers(name, options, arrays):
    ours = [nn.Parameter(minigrad.tensor(x)) for x in arrays]
    theirs = [torch.nn.Parameter(torch.tensor(x)) for x in arrays]
    return (
        ours,
        theirs,
        getattr(optim, name)(ours, **options),
        getattr(torch.optim, name)(theirs, **options),
    )


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
        np.testing.assert_allclose(p.detach().numpy(), p_t.detach().numpy(), rtol=1e-9, atol=1e-11)


@given(setting=settings_of_optimizers(), seed=st.integers(0, 100))
def test_steps(setting, seed):
    random = np.random.default_rng(seed)
    arrays = [random.normal(size=shape) for shape in [(3, 2), (4,), ()]]
    steps(random, *pair_of_optimizers(*setting, arrays), 5)


@given(setting=settings_of_optimizers(), seed=st.integers(0, 100))
def test_state_dicts_are_exchanged(setting, seed):
    random = np.random.default_rng(seed)
    arrays = [random.normal(size=3) for _ in range(2)]
    ours, theirs, optimizer, optimizer_t = pair_of_optimizers(*setting, arrays)
    steps(random, ours, theirs, optimizer, optimizer_t, 3)
    to_torch = converted(optimizer.state_dict(), minigrad.Tensor, torch.tensor)
    to_ours = converted(optimizer_t.state_dict(), torch.Tensor, minigrad.tensor)
    assert [g["params"] for g in to_torch["param_groups"]] == [
        g["params"] for g in to_ours["param_groups"]
    ]
    assert set(to_torch["state"]) == set(to_ours["state"])
    for number, state in to_ours["state"].items():
        assert set(to_torch["state"][number]) == set(state)
    arrays = [p.detach().numpy() for p in ours]
    fresh = pair_of_optimizers(setting[0], {"lr": 1e-3}, arrays)
    fresh[2].load_state_dict(to_ours)
    fresh[3].load_state_dict({**optimizer_t.state_dict(), "state": to_torch["state"]})
    steps(random, *fresh, 3)


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
