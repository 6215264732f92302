"""Wrapper backends: they see every kernel, change nothing, nest, and may leave in any order."""

import json
import subprocess
import sys
import threading

import numpy as np
import pytest

import minigrad
from minigrad import backends, nn
from minigrad.backends import calls
from minigrad.backends.base import Wrapper, kernel_names
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.backends.trace import Echo
from minigrad.utils.checkpoint import checkpoint
from minigrad.watch import nancheck, profile, trace

HERE = minigrad.get_default_device()


def wrapped_backends():
    inner = NumpyBackend()
    program, measured = backends.Trace(), backends.Profile()
    return [program.wrap(inner), measured.wrap(inner), backends.NanCheck(inner), Echo(inner)]


def data(*shape, seed=0):
    return minigrad.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype("f4"))


def step(x, w, b):
    """A bit of everything: broadcasting, views, in-place writes, a backward pass."""
    h = (x @ w.T + b).tanh()
    h = h * h[:, :1].exp()
    part = h.clone()
    part[:, 1] = 0.5
    part.mul_(2)
    loss = (part.reshape(-1) ** 2).mean() + h.clamp(min=0.1).sum()
    loss.backward()
    return loss.detach()


def leaves():
    return data(3, 4, seed=1).requires_grad_(), data(3, seed=2).requires_grad_()


def run_step(x):
    w, b = leaves()
    loss = step(x, w, b)
    return [t.numpy().tobytes() for t in (loss, w.grad, b.grad)]


# -- all wrappers


@pytest.mark.parametrize("wrapper", wrapped_backends(), ids=lambda w: type(w).__name__)
def test_every_kernel_is_wrapped(wrapper):
    assert set(kernel_names()) <= set(vars(wrapper))
    inner = wrapper.inner
    passed_on = {name for name in kernel_names() if vars(wrapper)[name] == getattr(inner, name)}
    assert passed_on <= calls.QUERIES | calls.VIEWS | {"empty", "to_host"}


def test_a_wrapper_counts_the_calls_of_every_kernel():
    counts = dict.fromkeys(kernel_names(), 0)

    class Counter(Wrapper):
        def wrap_kernel(self, name, kernel):
            def counted(*args):
                counts[name] += 1

            return counted

    counter = Counter(NumpyBackend())
    for name in kernel_names():
        getattr(counter, name)()
    assert set(counts.values()) == {1}


@pytest.mark.parametrize(
    "contexts", [(profile,), (nancheck,), (trace,), (profile, nancheck, trace)]
)
def test_results_are_the_same_to_the_bit(contexts):
    x = data(5, 4)
    expected = run_step(x)
    entered = [context() for context in contexts]
    for context in entered:
        context.__enter__()
    try:
        assert run_step(x) == expected
    finally:
        for context in entered:  # the first in leaves first
            context.__exit__(None, None, None)
    assert HERE.backend is HERE.bare


def test_tensors_made_before_are_seen():
    x = data(2)
    with profile() as p:
        x + 1
    x + 1
    assert [(row.name, row.calls) for row in p.key_averages()] == [("add", 1)]


def test_other_threads_are_seen():
    x = data(100)
    with profile() as p:
        threads = [threading.Thread(target=lambda: [x + 1 for _ in range(200)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert p.rows["add"].calls == 800
    assert len(p.events) == 800


def test_wrappers_come_and_go_while_threads_compute():
    stop = threading.Event()
    wrong = []

    def work():
        x = data(50)
        expected = (x * 2 + 1).numpy().tobytes()
        while not stop.is_set():
            if (x * 2 + 1).numpy().tobytes() != expected:
                wrong.append(x)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        with profile(), nancheck(), trace():
            pass
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not HERE.wrappers


def test_the_kernels_that_write_are_known():
    assert {name for name in kernel_names() if name.endswith("_")} == set(calls.WRITTEN)


def test_importing_backends_loads_none():
    code = (
        "import sys, minigrad; names = ('numpy_backend', 'trace', 'profile', 'nancheck', 'calls');"
        "assert not [n for n in names if f'minigrad.backends.{n}' in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("profile", "kernel "),
        ("nancheck,profile", "kernel "),
        ("trace", "= add("),
        ("nancheck", ""),
    ],
)
def test_turned_on_from_outside(words, expected):
    code = "import minigrad; print((minigrad.ones(2) + 1).tolist())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"MINIGRAD_WRAP": words},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[2.0, 2.0]\n", done.stderr
    assert expected in done.stderr


def test_echo_tells_what_comes_from_the_host_from_what_is_there(capsys):
    echo = Echo(NumpyBackend())
    x = echo.from_host(np.ones(2, np.float32))
    echo.mul(x, x)
    assert capsys.readouterr().err == "%0 = from_host(<float32[2]>)\n%1 = mul(%0, %0)\n"


def test_turned_on_from_outside_with_a_word_that_means_nothing():
    code = "import minigrad; minigrad.ones(2)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"MINIGRAD_WRAP": "nanchek"},
        capture_output=True,
        text=True,
    )
    assert "no wrapper 'nanchek'; there are: nancheck, profile, trace" in done.stderr


# -- profile


def test_profile_counts_calls_and_bytes():
    x, y = data(10, 20), data(20)
    with profile() as p:
        z = x * y
        z.permute(1, 0)
        z.sum()
    rows = p.rows
    assert (rows["mul"].bytes_read, rows["mul"].bytes_written) == (4 * (200 + 20), 4 * 200)
    assert (rows["permute"].bytes_read, rows["permute"].bytes_written) == (0, 0)
    assert (rows["sum"].bytes_read, rows["sum"].bytes_written) == (4 * 200, 4)
    assert all(row.total > 0 and row.mean == row.total / row.calls for row in rows.values())
    assert [row.total for row in p.key_averages()] == sorted(
        (row.total for row in rows.values()), reverse=True
    )


def test_profile_counts_what_is_written_in_place():
    x = data(10)
    with profile() as p:
        x.add_(1)
    assert sum(row.bytes_written for row in p.rows.values()) >= 40


@pytest.mark.cpu
def test_profile_table():
    x = data(3)
    with profile() as p:
        x + x
    lines = p.table().splitlines()
    heads = "kernel calls total ms % mean us read MB written MB"
    assert lines[0].split() == heads.split()
    assert [line.split()[:2] for line in lines[1:]] == [["add", "1"], ["all", "1"]]
    assert str(p) == p.table()


def test_chrome_trace(tmp_path):
    with profile() as p:
        data(3) + data(3)
    p.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    (add,) = [event for event in events if event["name"] == "add"]
    assert add["ph"] == "X" and add["dur"] > 0
    assert add["args"]["in"] == ["float32[3]", "float32[3]"]


def test_a_profile_of_sums_has_no_timeline(tmp_path):
    with pytest.raises(RuntimeError, match="sums only"):
        backends.Profile(timeline=False).export_chrome_trace(tmp_path / "trace.json")


# -- nancheck


def message(error):
    return str(error.value)


def test_nancheck_names_the_kernel_the_element_and_the_line():
    x = minigrad.tensor([1.0, 2.0, 0.0])
    with pytest.raises(FloatingPointError) as error, nancheck():
        y = x + 0
        y.log()  # the line
    assert "kernel 'log' made -inf at index (2,), the first of 1 in float32[3]" in message(error)
    assert "test_wrappers.py" in message(error)
    assert "y.log()  # the line" in message(error)


def test_nancheck_in_the_backward_pass_names_both_lines():
    x = minigrad.tensor([0.0], requires_grad=True)
    with minigrad.autograd.detect_anomaly():
        y = x.sqrt()  # forward
        with pytest.raises(FloatingPointError, match="kernel 'div' made inf") as error, nancheck():
            y.backward(minigrad.ones(1))  # backward
    assert "# backward" in message(error)
    assert any("# forward" in note for note in error.value.__notes__)


def test_nancheck_sees_overflow_when_casting():
    with pytest.raises(FloatingPointError, match="'cast' made inf"), nancheck():
        minigrad.tensor([1e300], dtype=minigrad.float64).float()


def test_nancheck_sees_what_is_made_in_place():
    x = minigrad.tensor([1.0])
    with pytest.raises(FloatingPointError, match="'div' made inf"), nancheck():
        x.div_(0.0)


def test_nancheck_lets_deliberate_infinities_pass():
    inf = float("inf")
    mask = minigrad.tensor([[False, True], [False, False]])
    with nancheck():
        minigrad.full((2,), inf) + 1
        minigrad.tensor([inf, 1.0]) * 2
        minigrad.ones(2, 2).masked_fill(mask, -inf).softmax(-1)
        minigrad.where(minigrad.tensor([True, False]), 1.0, inf)
        minigrad.ones(2).fill_(inf)
        minigrad.empty(100)
        minigrad.tensor([float("nan")]).sqrt()
        y = minigrad.ones(2)
        y[0] = inf
        y.sub_(y)
        minigrad.isinf(y)


# -- trace


def test_trace_reads_as_a_program():
    x, w = data(2, 3), data(4, 3)
    with trace(x=x) as t:
        y = x @ w.T
        y.mul_(2.0)
        t.output(y=y)
    assert str(t).splitlines() == [
        "input: %0 = x float32[2, 3]",
        "captured: %1 float32[4, 3]",
        "%2 = permute(%1, (1, 0))",
        "%3 = matmul(%0, %2)",
        "%3 = mul(%3, 2.0, out=%3)",
        "output: y = %3",
    ]


def test_trace_knows_lifetimes_and_memory():
    x = data(2, 3)
    with trace(x=x) as t:
        a = x + 1  # %1, call 0
        v = a[0]  # %2, call 1: a view of %1
        b = v * 2  # %3, call 2
        b.exp()  # %4, call 3
    values = t.program.values
    lifetimes = [(value.first, value.last) for value in values]
    assert lifetimes == [(-1, 0), (0, 2), (1, 2), (2, 3), (3, 3)]
    assert [value.memory for value in values] == [0, 1, 1, 3, 4]


def test_replay_is_the_program_on_other_data_to_the_bit():
    x, other = data(5, 4), data(5, 4, seed=9)
    w, b = leaves()
    with trace(x=x) as t:
        loss = step(x, w, b)
        t.output(loss=loss, gw=w.grad, gb=b.grad)
    again = t.replay()
    for name, expected in [("loss", loss), ("gw", w.grad), ("gb", b.grad)]:
        assert again[name].numpy().tobytes() == expected.numpy().tobytes()
    found = t.replay(x=other)
    expected = run_step(other)
    assert [found[name].numpy().tobytes() for name in ("loss", "gw", "gb")] == expected


def test_replay_of_writes_through_views():
    def program(x):
        y = x * 1
        y[1:].mul_(3)
        rows = y.T
        rows[0] = 7
        y += 1
        return y, rows.sum()

    x, other = data(3, 3), data(3, 3, seed=4)
    with trace(x=x) as t:
        y, s = program(x)
        t.output(y=y, s=s)
    found = t.replay(x=other)
    for name, expected in zip("ys", program(other), strict=True):
        assert minigrad.equal(found[name], expected)
    assert minigrad.equal(y, program(x)[0]), "a replay leaves what was recorded alone"


def network(seed=0):
    minigrad.manual_seed(seed)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4 * 3 * 3, 5), nn.LayerNorm(5))


def train(net, optimizer, x, y):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    return loss


def test_replay_of_a_training_step_trains_on():
    nets = network(), network()
    optimizers = [minigrad.optim.SGD(net.parameters(), lr=0.1, momentum=0.9) for net in nets]
    batches = [(data(6, 1, 8, 8, seed=i), minigrad.arange(6) * (i + 1) % 5) for i in range(4)]
    for net, optimizer in zip(nets, optimizers, strict=True):
        train(net, optimizer, *batches[0])  # makes the momentum buffers
    x, y = batches[1]
    with trace(x=x, y=y) as t:
        t.output(loss=train(nets[0], optimizers[0], x, y))
    train(nets[1], optimizers[1], x, y)
    for x, y in batches[2:]:
        loss = train(nets[1], optimizers[1], x, y)
        assert minigrad.equal(t.replay(x=x, y=y)["loss"], loss.detach())
    for p, q in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert minigrad.equal(p, q)


OPTIMIZERS = {
    "SGD": lambda params: minigrad.optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda params: minigrad.optim.Adam(params, lr=0.01, weight_decay=0.1),
    "AdamW": lambda params: minigrad.optim.AdamW(params, lr=0.01),
    "AMSGrad": lambda params: minigrad.optim.AdamW(params, lr=0.01, amsgrad=True),
    "lr is a tensor": lambda params: minigrad.optim.Adam(params, lr=minigrad.tensor(0.01)),
}


def student(make):
    """A network with dropout, its optimizer, and a schedule that acts at every step."""
    minigrad.manual_seed(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 5))
    groups = [{"params": net[0].parameters()}, {"params": net[3].parameters(), "lr": 0.05}]
    optimizer = make(groups)
    return net, optimizer, minigrad.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)


@pytest.mark.parametrize("first", [0, 2], ids=["the first step", "the third step"])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_replay_of_a_step_is_training(make, first):
    """Dropout, a schedule, the step count: the recorded step trains as the program does, to the
    bit."""
    batches = [(data(6, 8, seed=i), minigrad.arange(6) * (i + 1) % 5) for i in range(20)]
    net, optimizer, schedule = student(make)
    losses = []
    for batch in batches:
        losses.append(train(net, optimizer, *batch).item())
        schedule.step()
    expected, drawn = net.state_dict(), minigrad.rand(3)

    net, optimizer, schedule = student(make)
    found = []
    for i, (x, y) in enumerate(batches):
        if i < first:
            loss = train(net, optimizer, x, y)
        elif i == first:
            with trace(x=x, y=y) as t:
                loss = train(net, optimizer, x, y).detach()
                t.output(loss=loss)
        else:
            optimizer.advance()
            loss = t.replay(x=x, y=y)["loss"]
        found.append(loss.item())
        schedule.step()
    assert found == losses
    for name, p in net.state_dict().items():
        assert p.numpy().tobytes() == expected[name].numpy().tobytes(), name
    assert minigrad.equal(minigrad.rand(3), drawn)
    loss = train(net, optimizer, *batches[0])  # goes on without the recording
    assert optimizer.steps_taken == 21
    assert all(state.get("step", 21) == 21 for state in optimizer.state.values())


def test_replay_refuses_the_same_step_count_of_adam():
    x = [data(2, seed=i).array for i in range(4)]
    with trace() as t:
        lr, c1, c2 = (minigrad.tensor(n).array for n in (0.1, 0.1, 0.2))
        HERE.backend.adam_(*([y] for y in x), lr, 0.9, 0.99, 1e-8, 0.0, False, c1, c2, False)
    with pytest.raises(RuntimeError, match=r"adam_.*would be the same at every replay"):
        t.replay()


def test_replay_goes_on_with_what_the_program_updates():
    w = minigrad.tensor([1.0])
    with trace() as t:
        w.mul_(2)
    t.replay()
    t.replay()
    assert w.tolist() == [8.0]


def test_a_constant_from_the_host_is_kept_as_it_was():
    with trace() as t:
        c = minigrad.tensor([1.0])
        c.add_(1)
        t.output(c=c)
    c.add_(10)
    assert t.replay()["c"].tolist() == [2.0]
    assert t.replay()["c"].tolist() == [2.0]


def test_replay_refuses_a_program_that_read_a_value():
    x = data(2)
    with trace(x=x) as t:
        if x.sum().item() > -100:  # reads
            x + 1
    with pytest.raises(RuntimeError, match="brought a value to the host") as error:
        t.replay(x=x)
    assert "# reads" in message(error)


def test_reading_at_the_end_is_harmless():
    x = data(2)
    with trace(x=x) as t:
        y = x + 1
        t.output(y=y)
        print(y)
    assert t.replay(x=x)["y"].tolist() == y.tolist()


def test_replay_draws_on():
    """Recorded at the very first draw, too: the generator is made in the trace."""
    generators = [minigrad.Generator().manual_seed(3) for _ in range(2)]
    with trace() as t:
        t.output(u=minigrad.rand(2, generator=generators[0]))
    expected = [minigrad.rand(2, generator=generators[1]).tolist() for _ in range(4)]
    assert [t.replay()["u"].tolist() for _ in range(2)] == expected[1:3]
    assert minigrad.rand(2, generator=generators[0]).tolist() == expected[3]
    with trace() as t:
        t.output(u=minigrad.rand(2, generator=minigrad.Generator()))
    assert t.replay()["u"].tolist() != t.replay()["u"].tolist()


def test_replay_draws_on_from_a_default_generator_that_is_new():
    minigrad.register_backend("untouched", lambda index: NumpyBackend())
    with trace("untouched") as t:
        t.output(u=minigrad.rand(2, device="untouched"))
    assert t.replay()["u"].tolist() != t.replay()["u"].tolist()


def test_replay_seeds_again_what_the_program_seeds():
    generator = minigrad.Generator()
    with trace() as t:
        u = minigrad.rand(2, generator=generator.manual_seed(5))
        t.output(u=u, v=minigrad.rand(2, generator=generator))
    for _ in range(2):
        found = t.replay()
        assert found["u"].tolist() == u.tolist() != found["v"].tolist()


def test_replay_of_a_checkpoint_draws_the_same_numbers_twice():
    """The dropout of the forward pass is seen in the gradient, which is computed anew."""
    x = minigrad.ones(20, requires_grad=True)
    minigrad.manual_seed(0)
    with trace(x=x) as t:
        y = checkpoint(nn.functional.dropout, x, use_reentrant=False)
        t.output(y=y, g=minigrad.autograd.grad(y.sum(), x)[0], after=minigrad.rand(1))
    runs = [t.replay() for _ in range(2)]
    for run in runs:
        assert run["g"].tolist() == run["y"].tolist()
    assert runs[0]["y"].tolist() != runs[1]["y"].tolist()
    assert runs[0]["after"].item() != runs[1]["after"].item()


def test_replay_refuses_the_same_random_numbers():
    with trace() as t:
        seed, offset = (minigrad.tensor(n).array for n in (1, 0))
        HERE.backend.uniform(seed, offset, (3,), np.dtype("f4"))
    with pytest.raises(RuntimeError, match="would be the same at every replay"):
        t.replay()


def test_replay_refuses_a_generator_that_came_from_another_device():
    minigrad.register_backend("elsewhere", lambda index: NumpyBackend())
    generator = minigrad.Generator("elsewhere")
    with trace() as t:
        minigrad.rand(2, generator=generator)
    with pytest.raises(RuntimeError, match="would be the same at every replay"):
        t.replay()


def test_random_numbers_from_a_named_counter_are_replayed():
    seed, offset = (minigrad.tensor(n) for n in (1, 0))
    with trace(offset=offset) as t:
        array = HERE.backend.uniform(seed.array, offset.array, (3,), np.dtype("f4"))
        t.program.name_output("u", array)
    first, second = t.replay()["u"], t.replay(offset=minigrad.tensor(1))["u"]
    assert first.tolist() == HERE.backend.to_host(array).tolist()
    assert first.tolist() != second.tolist()


def test_replay_refuses_another_number_of_results():
    x = minigrad.tensor([1.0, 0.0])
    with trace(x=x) as t:
        t.output(i=x.nonzero())
    assert t.replay(x=minigrad.tensor([0.0, 2.0]))["i"].tolist() == [[1]]
    with pytest.raises(RuntimeError, match="nonzero"):
        t.replay(x=minigrad.ones(2))


@pytest.mark.parametrize(
    ("name", "x", "error"),
    [
        ("x", minigrad.ones(3), ValueError),
        ("x", minigrad.ones(2, dtype=minigrad.float64), ValueError),
        ("x", minigrad.ones(4)[::2], ValueError),
        ("y", minigrad.ones(2), KeyError),
    ],
)
def test_replay_refuses_inputs_that_do_not_fit(name, x, error):
    before = data(2)
    with trace(x=before) as t:
        before + 1
    with pytest.raises(error, match=f"'{name}'"):
        t.replay(**{name: x})


def test_a_replay_can_be_watched():
    x = data(2)
    with trace(x=x) as t:
        x + 1
    with profile() as p, trace(x=x) as again:
        t.replay(x=x)
    assert p.rows["add"].calls == 1
    assert str(again) == str(t)


def test_trace_keeps_no_array_alive():
    x = data(1000)
    with trace(x=x) as t:
        for _ in range(10):
            x * 2
        assert len(t.program.names.refs) <= 2
    assert set(t.program.captured) == {0}
