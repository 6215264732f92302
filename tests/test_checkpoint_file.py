"""CheckpointFile: a run that is killed at any moment, and begins again, ends with the same bytes.

The run is a program of its own, below. It trains a small network with everything that has a state:
dropout and batch norm, Adam, a schedule, a loader that shuffles and crops, random numbers of each
kind. It goes on in the middle of an epoch.
"""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.utils import CheckpointFile

RUN = '''
import random, sys
import numpy as np
import minigrad
from minigrad import datasets, nn, optim, transforms
from minigrad.utils import CheckpointFile
from minigrad.utils.data import DataLoader

path, out, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
minigrad.manual_seed(1)
random.seed(2)
np.random.seed(3)
rng = np.random.default_rng(4)
noise = minigrad.Generator().manual_seed(5)
model = nn.Sequential(
    nn.Flatten(), nn.Linear(9, 400), nn.BatchNorm1d(400), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(400, 3),
)
optimizer = optim.Adam(model.parameters(), lr=0.01)
schedule = optim.lr_scheduler.MultiStepLR(optimizer, [4, 9])
images = np.arange(24 * 9, dtype=np.float32).reshape(24, 3, 3) / 216
data = datasets.Images(images, np.arange(24) % 3, transforms.RandomCrop(3, padding=1))
loader = DataLoader(data, batch_size=8, shuffle=True)
checkpoint = CheckpointFile(
    path, model=model, optimizer=optimizer, schedule=schedule, loader=loader, rng=rng, noise=noise
)
step = checkpoint.load()
while step < steps:
    for x, y in loader:
        x = x + minigrad.randn(8, 1, 3, 3, generator=noise) * 0.1
        x = x * (0.9 + 0.1 * random.random()) + np.random.rand() * 0.1 + rng.random() * 0.1
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        schedule.step()
        step += 1
        checkpoint.save(step)
        print(step, flush=True)
        if step == steps:
            break
minigrad.save(model.state_dict(), out)
'''
STEPS = 20  # in epochs of three


def start(path, out, steps=STEPS):
    command = [sys.executable, "-W", "error", "-c", RUN, str(path), str(out), str(steps)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(path, out, steps=STEPS):
    process = start(path, out, steps)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return printed.split()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert len(finish(folder / "run", folder / "weights")) == STEPS
    return (folder / "weights").read_bytes()


def test_a_run_killed_at_any_moment_ends_with_the_same_weights(tmp_path, undisturbed):
    """The moments are random, each a little after a step was done: in the next one or in a save."""
    rng = random.Random()  # other moments each time: what is tested must hold for all
    path, out = tmp_path / "run", tmp_path / "weights"
    kills = 0
    while kills < 5:
        process = start(path, out)
        for _ in range(rng.randint(1, 4)):
            process.stdout.readline()
        time.sleep(rng.random() * 0.02)
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        if process.returncode == 0:
            path.unlink()  # it was done: begin anew
        elif path.exists():
            assert minigrad.load(path)["step"] <= STEPS
    steps = finish(path, out)
    assert len(steps) < STEPS, "it began at the beginning"
    assert out.read_bytes() == undisturbed
    assert not list(tmp_path.glob(".run.*"))


def test_a_save_that_was_killed_before_its_last_move_leaves_nothing(tmp_path):
    """The previous checkpoint is then a second name of the present one."""
    path = tmp_path / "run"
    CheckpointFile(path).save(1)
    os.link(path, tmp_path / "run.previous")
    CheckpointFile(path).save(2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run.previous"]
    assert minigrad.load(tmp_path / "run.previous")["step"] == 1


KILLED = """
import os, signal, sys
import minigrad
from minigrad.utils import CheckpointFile
checkpoint = CheckpointFile(sys.argv[1])
for step in (1, 2):
    checkpoint.save(step)
left = int(sys.argv[2])
def hook(event, arguments):
    global left
    if event in ("open", "os.rename", "os.link", "os.remove"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
checkpoint.save(3)
"""


def test_killed_at_each_call_of_a_save_there_is_a_whole_file(tmp_path):
    path, found = tmp_path / "run", []
    for calls in range(20):
        killed = subprocess.run([sys.executable, "-c", KILLED, path, str(calls)], check=False)
        found.append(minigrad.load(path)["step"])
        assert CheckpointFile(path).load() == found[-1]
        assert minigrad.load(f"{path}.previous")["step"] in (1, 2)
        assert {p.name for p in tmp_path.iterdir()} == {"run", "run.previous"}
        if killed.returncode == 0:
            break
    assert killed.returncode == 0 and found[-1] == 3
    assert found == sorted(found) and found.count(2) >= 4  # open, link, rename, rename


def test_a_run_that_is_parted_is_the_same(tmp_path, undisturbed):
    assert finish(tmp_path / "run", tmp_path / "weights", 7) == list("1234567")
    assert (tmp_path / "weights").read_bytes() != undisturbed
    assert finish(tmp_path / "run", tmp_path / "weights")[0] == "8"  # the second of its epoch
    assert (tmp_path / "weights").read_bytes() == undisturbed


class Count:
    """The smallest thing with a state."""

    def __init__(self, n=0):
        self.n = n

    def state_dict(self):
        return {"n": self.n}

    def load_state_dict(self, state):
        self.n = state["n"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: minigrad.randn(3).tolist(),
        lambda: minigrad.rand(3, device="cpu").tolist(),
        random.random,
        random.gauss,
        lambda: np.random.standard_normal(1).tolist(),
    ],
)
def test_random_numbers_go_on_where_they_were(tmp_path, draw):
    draw()
    checkpoint = CheckpointFile(tmp_path / "run")
    checkpoint.save(3)
    expected = [draw(), draw()]
    minigrad.manual_seed(9)
    assert checkpoint.load() == 3
    assert [draw(), draw()] == expected


def test_a_device_first_used_after_the_resume(tmp_path):
    """In a new process its generator starts at the seed of the old one."""
    path, program = tmp_path / "run", (
        "import sys, minigrad; from minigrad.utils import CheckpointFile; "
        "minigrad.register_backend('other', lambda index: minigrad.device('cpu').backend); "
        "c = CheckpointFile(sys.argv[1]); minigrad.manual_seed(int(sys.argv[2])); "
        "c.load() or c.save(1); print(minigrad.rand(2, device='other').tolist())"
    )  # fmt: skip
    out = [
        subprocess.check_output([sys.executable, "-c", program, path, seed], text=True)
        for seed in "78"
    ]
    assert out[0] == out[1]


@pytest.mark.parametrize("kind", ["PCG64", "Philox", "MT19937", "SFC64"])
def test_generators_of_numpy(tmp_path, kind):
    rng = np.random.Generator(getattr(np.random, kind)(0))
    checkpoint = CheckpointFile(tmp_path / "run", rng=rng)
    rng.random(3)
    checkpoint.save(0)
    expected = rng.random(5).tolist()
    rng.random(2)
    checkpoint.load()
    assert rng.random(5).tolist() == expected


def test_no_file_is_the_beginning(tmp_path):
    count = Count(5)
    left = tmp_path / f".run.{'ab' * 8}.tmp"
    left.touch()
    assert CheckpointFile(tmp_path / "run", count=count).load() == 0
    assert count.n == 5 and not left.exists()


def test_a_thing_without_a_state(tmp_path):
    with pytest.raises(TypeError, match="rate, a float, has no state_dict"):
        CheckpointFile(tmp_path / "run", rate=0.1)


def test_the_file_is_of_the_things_that_are_asked_for(tmp_path):
    path = tmp_path / "run"
    CheckpointFile(path, a=Count(1), b=Count(2)).save(7)
    state = minigrad.get_rng_state()
    for things in ({"a": Count()}, {"a": Count(), "b": Count(), "c": Count()}):
        with pytest.raises(RuntimeError, match="holds a, b, and asked for are a"):
            CheckpointFile(path, **things).load()
        assert things["a"].n == 0
    minigrad.save({"model": 1}, path)
    with pytest.raises(RuntimeError, match="not written by a CheckpointFile"):
        CheckpointFile(path).load()
    assert minigrad.equal(state, minigrad.get_rng_state())


def test_a_damaged_file_is_an_error_and_the_previous_one_is_whole(tmp_path):
    count = Count(1)
    checkpoint = CheckpointFile(tmp_path / "run", count=count)
    checkpoint.save(1)
    content = bytearray((tmp_path / "run").read_bytes())
    content[content.index(b'n\\", 1') + 5] ^= 2  # 1 to 3: a fine file, but for its checksum
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(RuntimeError, match=r"damaged.*There is none before it"):
        checkpoint.load()
    (tmp_path / "run").unlink()
    for n in (1, 2, 3):
        count.n = n
        checkpoint.save(n)
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(RuntimeError, match=r"damaged.*one before is .*run\.previous") as caught:
        checkpoint.load()
    assert count.n == 3
    checkpoint.previous.replace(checkpoint.path)
    assert checkpoint.load() == 2 and count.n == 2
    assert "checksum" in str(caught.value)


FULL = """
import resource, sys, minigrad
from minigrad import nn, optim
from minigrad.utils import CheckpointFile
model = nn.Linear(100, 100)
checkpoint = CheckpointFile(sys.argv[1], model=model)
checkpoint.save(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
model.weight.data.fill_(0.0)
try:
    checkpoint.save(2)
except OSError as error:
    print(error)
"""


@pytest.mark.cpu
@pytest.mark.parametrize("room", [0, 100, 30000])
def test_a_full_disk_is_an_error_and_the_checkpoint_stays(tmp_path, room):
    pytest.importorskip("resource", reason="there are no limits on the size of files here")
    path = tmp_path / "run"
    printed = subprocess.check_output([sys.executable, "-c", FULL, path, str(room)], text=True)
    assert "any previous file is unchanged: File too large" in printed
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    model = nn.Linear(100, 100)
    assert CheckpointFile(path, model=model).load() == 1
    assert model.weight.abs().sum() > 0


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def refuse(*paths):
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", refuse)
    checkpoint = CheckpointFile(tmp_path / "run")
    for step in (1, 2, 3):
        checkpoint.save(step)
    assert minigrad.load(checkpoint.previous)["step"] == 2 and checkpoint.load() == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run.previous"]


@pytest.mark.parametrize("name", ["MultiStepLR", "OneCycleLR", "ReduceLROnPlateau"])
def test_schedules_come_back(tmp_path, name):
    def make():
        optimizer = optim.SGD([nn.Parameter(minigrad.ones(1))], lr=0.1, momentum=0.9)
        more = {"MultiStepLR": [[2, 3]], "OneCycleLR": [0.1, 10]}.get(name, [])
        return optimizer, getattr(optim.lr_scheduler, name)(optimizer, *more)

    def rates(optimizer, schedule):
        found = []
        for _ in range(4):
            optimizer.step()
            schedule.step(*[1.0] * (name == "ReduceLROnPlateau"))
            found.append(optimizer.param_groups[0]["lr"])
        return found

    optimizer, schedule = make()
    rates(optimizer, schedule)
    CheckpointFile(tmp_path / "run", optimizer=optimizer, schedule=schedule).save(4)
    others = make()
    CheckpointFile(tmp_path / "run", optimizer=others[0], schedule=others[1]).load()
    assert rates(*others) == rates(optimizer, schedule)
