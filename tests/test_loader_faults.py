"""The DataLoader when things go wrong: deaths, exceptions, hangs, Ctrl-C, what cannot be pickled.

Every test has a hard time limit; MINIGRAD_SOAK=1 repeats the faults many times.
"""

import contextlib
import gc
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import loader_data as data
import pytest
from test_loader import METHODS, SOAK, batches, nothing_stays  # noqa: F401

import minigrad
from minigrad.utils.data import DataLoader, iterate, pool, start

pytestmark = [
    pytest.mark.timeout(900 if SOAK else 60), pytest.mark.usefixtures("nothing_stays"),
    pytest.mark.cpu,
]  # fmt: skip
TIMES = 40 if SOAK else 1
LONG = 30  # seconds, for what takes one where nothing else runs


def notes(error):
    return "\n".join(error.__notes__)


def test_an_exception_comes_with_its_type_index_and_traceback():
    for method in METHODS:
        faulty = data.Fault(9, 4, data.raise_value_error, "bad sample")
        loader = iter(DataLoader(faulty, 2, num_workers=2, multiprocessing_context=method))
        assert [next(loader).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
        with pytest.raises(ValueError) as caught:
            next(loader)
        assert str(caught.value) == "bad sample"
        text = notes(caught.value)
        assert "raised by dataset[4], for batch 2" in text
        assert "DataLoader worker" in text and "raise ValueError(text)" in text
        assert [batch.tolist() for batch in loader] == [[6, 7], [8]]


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (data.raise_odd, data.Odd, "one and two"),
        (data.raise_local, RuntimeError, "Local: made here"),
        (data.raise_stop, RuntimeError, "StopIteration from the dataset"),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_exceptions_that_are_hard_to_send(fault, kind, text, workers):
    if workers == 0 and fault is data.raise_local:
        pytest.skip("it is not sent anywhere")
    options = {"num_workers": workers, "multiprocessing_context": "fork"} if workers else {}
    with pytest.raises(kind, match=text):
        list(DataLoader(data.Fault(3, 1, fault), **options))


def test_exceptions_outside_of_samples():
    options = {"num_workers": 2, "multiprocessing_context": "fork"}
    with pytest.raises(OSError, match="no disk") as caught:
        list(DataLoader(data.Numbers(3), worker_init_fn=data.fail_to_begin, **options))
    assert "while it started" in notes(caught.value)
    with pytest.raises(RuntimeError, match="requires grad") as caught:
        list(DataLoader(data.Numbers(3), collate_fn=data.needs_grad, **options))
    with pytest.raises((AttributeError, pickle.PicklingError)) as caught:
        list(DataLoader(data.Fault(3, 1, data.lambda_inside), collate_fn=data.as_is, **options))
    assert "see to it in collate_fn" in notes(caught.value)


@pytest.mark.parametrize("persistent", [False, True])
def test_an_exception_that_was_there_before_the_first_task(monkeypatch, persistent):
    """A worker may have failed and gone before it is given anything: what it said still counts."""
    give = pool.Pool.give

    def late(self, each, *task):
        each.process.join()
        return give(self, each, *task)

    monkeypatch.setattr(pool.Pool, "give", late)
    options = {"num_workers": 2, "multiprocessing_context": "fork"}
    loader = DataLoader(
        data.Numbers(9), worker_init_fn=data.fail_to_begin, persistent_workers=persistent, **options
    )
    for _ in range(2):
        with pytest.raises(OSError, match="no disk"):
            list(loader)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_killed_worker_is_named(method, name):
    for _ in range(TIMES):
        faulty = data.Fault(40, 7, data.kill_myself, name)
        loader = DataLoader(faulty, 2, num_workers=2, multiprocessing_context=method)
        found = []
        with pytest.raises(RuntimeError, match=rf"worker \d \(pid \d+\) was killed.*{name}") as e:
            found.extend(batch.tolist() for batch in loader)
        assert "[6, 7]" in str(e.value)
        assert ("in kill_myself" in str(e.value)) == (name == "SIGSEGV")
        assert found == [[0, 1], [2, 3], [4, 5]][: len(found)]


def test_a_worker_that_exits():
    options = {"num_workers": 2, "multiprocessing_context": "fork"}
    iterator = iter(DataLoader(data.Fault(8, 3, data.exit_quietly, 3), **options))
    with pytest.raises(RuntimeError, match="exited with code 3"):
        list(iterator)
    with pytest.raises(RuntimeError, match="was broken off by RuntimeError"):
        next(iterator)


def test_kills_then_taking_up_again_lose_nothing():
    """The fourth loader of a process notices as the first does."""
    minigrad.manual_seed(0)
    options = {"num_workers": 2, "multiprocessing_context": "fork", "shuffle": True}
    loader = DataLoader(data.Where(200), 2, **options)
    samples, deaths = [], 0
    for _ in range(50):
        try:
            for i, batch in enumerate(loader):
                samples += batch[:, 1].tolist()
                if i == 4 and deaths < 4:
                    os.kill(int(batch[0, 0]), signal.SIGKILL)
        except RuntimeError as error:
            assert "SIGKILL" in str(error)
            deaths += 1
            loader.load_state_dict(loader.state_dict())
            continue
        break
    assert deaths == 4 and sorted(samples) == list(range(200))


def test_persistent_workers_that_died_between_epochs():
    loader = DataLoader(
        data.Where(8), 2, num_workers=2, multiprocessing_context="fork", persistent_workers=True
    )
    for pid in {int(row[0]) for batch in loader for row in batch}:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(RuntimeError, match="SIGKILL"):
        list(loader)
    assert sum(len(batch) for batch in loader) == 8


class Clock:
    """Once a file is there, an hour passes between two looks at it: enough for any wait, on a
    machine of any speed.
    """

    def __init__(self, path):
        self.path = path
        self.time = 0

    def monotonic(self):
        self.time += 3600 * self.path.exists()
        return self.time


@pytest.fixture
def stuck(tmp_path, monkeypatch):
    """The file that tells that a worker is stuck."""
    path = tmp_path / "stuck"
    monkeypatch.setattr(iterate, "time", Clock(path))
    monkeypatch.setattr(iterate, "TICK", 0.05)
    return path


@pytest.mark.parametrize("method", METHODS)
def test_a_stuck_worker_shows_its_stack(method, stuck):
    faulty = data.Fault(8, 0, data.sleep_here, stuck)
    loader = DataLoader(faulty, num_workers=2, multiprocessing_context=method, timeout=600)
    with pytest.raises(RuntimeError, match="timed out after 600 seconds") as caught:
        list(loader)
    assert "sleep_here" in str(caught.value) and "indices [0]" in str(caught.value)


def test_what_has_come_is_not_timed_out(monkeypatch, tmp_path):
    """The parent itself may have been asleep, and its batches wait in the pipe."""
    path = tmp_path / "stuck"
    monkeypatch.setattr(iterate, "time", Clock(path))
    faulty = data.Fault(8, 3, data.sleep_here, path)
    loader = iter(DataLoader(faulty, num_workers=1, multiprocessing_context="fork", timeout=600,
                             prefetch_factor=8))  # fmt: skip
    while not path.exists():
        time.sleep(0.01)
    assert [next(loader).tolist() for _ in range(3)] == [[0], [1], [2]]
    with pytest.raises(RuntimeError, match="timed out after 600 seconds"):
        next(loader)


def test_a_long_wait_is_told_once(monkeypatch, tmp_path):
    """And goes on: here until it has been told."""
    dataset = data.FirstWaits(4, tmp_path / "go on")
    monkeypatch.setattr(iterate, "time", Clock(dataset.path.with_suffix(".waits")))
    monkeypatch.setattr(iterate, "TICK", 0.05)
    told = []

    def warn(text, kind, stacklevel):
        told.append((text, kind, sys._getframe(stacklevel).f_code.co_name))
        if len(told) == 1:
            threading.Timer(0.3, dataset.path.touch).start()  # several looks later

    monkeypatch.setattr(iterate.warnings, "warn", warn)
    loader = DataLoader(dataset, num_workers=1, multiprocessing_context="fork")
    assert [batch.tolist() for batch in loader] == [[0], [1], [2], [3]]
    ((text, kind, where),) = told
    assert kind is RuntimeWarning and where == "<listcomp>"
    assert re.match(r"DataLoader: no batch for \d+ seconds.*worker 0 .*of indices \[0\]", text)
    assert "in __getitem__" in text


class Stopped:
    """Whether the process of which a file has the pid is stopped."""

    def __init__(self, path):
        self.path = path

    def exists(self):
        pid = self.path.read_text() if self.path.exists() else ""
        return bool(pid) and state_of(pid) == "T"


def test_a_stopped_worker_that_is_told_more_than_its_pipe_holds(stuck, monkeypatch):
    """Nothing that the parent does waits for it."""
    monkeypatch.setattr(iterate, "time", Clock(Stopped(stuck)))
    faulty = data.Fault(8, 0, data.stop_myself, stuck)
    ones = [[0], *([1] * 100_000 for _ in range(6))]
    loader = DataLoader(
        faulty, batch_sampler=ones, num_workers=1, multiprocessing_context="fork", timeout=600,
        prefetch_factor=4,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match=r"timed out after 600 seconds.*\n.*does not answer"):
        list(loader)


def test_tasks_of_any_size_arrive():
    """A sum of half a million indices, whose list takes a pipe many rounds."""
    lists = [range(i, 500_000) for i in range(4)]
    loader = DataLoader(
        data.Many(1), batch_sampler=[list(x) for x in lists], num_workers=2,
        multiprocessing_context="fork",
    )  # fmt: skip
    assert [batch.item() for batch in loader] == [sum(x) for x in lists]


def test_a_worker_stuck_at_its_start(stuck):
    loader = DataLoader(
        data.Numbers(3), num_workers=1, multiprocessing_context="fork", timeout=600,
        worker_init_fn=lambda worker_id: data.sleep_here(stuck),
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="has not finished starting"):
        list(loader)


class Wishes:
    """A batch_sampler: its last list has what cannot be sent, or be read where it arrives, or comes
    to an error, until all that is put right.
    """

    def __init__(self, wish):
        self.wish = wish

    def __iter__(self):
        yield [1]
        yield [2]
        yield self.wish()


def no_wish():
    raise ZeroDivisionError("no list")


@pytest.mark.parametrize("prefetch", [1, 4])
@pytest.mark.parametrize(
    ("wish", "kind", "text"),
    [
        (no_wish, ZeroDivisionError, "no list"),
        (lambda: [threading.Lock()], TypeError, "cannot pickle"),
        (lambda: [data.OnlyHere()], LookupError, "no such thing here"),
    ],
)
def test_a_sampler_that_fails(wish, kind, text, prefetch):
    """At iter(loader), which hands out the first batches, or later; persistent workers go on."""
    wishes = Wishes(wish)
    loader = DataLoader(
        data.Numbers(9), batch_sampler=wishes, num_workers=1, prefetch_factor=prefetch,
        multiprocessing_context="fork", persistent_workers=True,
    )  # fmt: skip
    with pytest.raises(kind, match=text):
        list(loader)
    wishes.wish = lambda: [3]
    assert [batch.tolist() for batch in loader] == [[1], [2], [3]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("persistent", [False, True])
def test_break_exception_and_deletion(method, persistent):
    for _ in range(TIMES):
        loader = DataLoader(
            data.Numbers(50), 2, num_workers=2, multiprocessing_context=method,
            persistent_workers=persistent,
        )  # fmt: skip
        for _ in loader:
            break
        with contextlib.suppress(ZeroDivisionError):
            for _ in loader:
                raise ZeroDivisionError
        iterator = iter(loader)
        next(iterator)
        del iterator
        unused = iter(loader)
        assert len(multiprocessing.active_children()) >= 2
        del unused, loader
        gc.collect()
        assert multiprocessing.active_children() == []


def test_deletion_while_a_worker_is_busy(tmp_path):
    faulty = data.Fault(50, 3, data.sleep_here, tmp_path / "busy")
    iterator = iter(DataLoader(faulty, num_workers=2, multiprocessing_context="fork"))
    next(iterator)
    del iterator
    assert multiprocessing.active_children() == []


def test_from_another_thread():
    found = []

    def run():
        loader = DataLoader(data.Numbers(20), 2, num_workers=2, multiprocessing_context="fork")
        found.extend(batch.tolist() for batch in loader)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [[i, i + 1] for i in range(0, 20, 2)]


def test_workers_start_one_at_a_time(monkeypatch):
    """One that is forked beside another would hold that one's ends of its pipes."""
    inside, most = [], []
    begin = multiprocessing.process.BaseProcess.start

    def slowly(self):
        inside.append(self)
        time.sleep(0.02)
        most.append(len(inside))
        begin(self)
        inside.remove(self)

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", slowly)
    options = {"num_workers": 3, "multiprocessing_context": "fork"}
    threads = [
        threading.Thread(target=lambda: list(DataLoader(data.Numbers(9), **options)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 9


@pytest.fixture
def ctrl_c_is_heard():
    """Also where the tests run in the background, and a shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_workers_start(monkeypatch, ctrl_c_is_heard):
    """It is held back until all have started, and then nobody is there yet to end them."""
    begin = multiprocessing.process.BaseProcess.start

    def interrupted(self):
        begin(self)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", interrupted)
    loader = DataLoader(data.Numbers(9), num_workers=2, multiprocessing_context="fork")
    with pytest.raises(KeyboardInterrupt):
        iter(loader)
    assert multiprocessing.active_children() == []


def test_a_pool_that_nobody_has():
    made = iter(DataLoader(data.Numbers(9), num_workers=2, multiprocessing_context="fork"))
    made._end.detach()
    del made
    gc.collect()
    assert multiprocessing.active_children() == []


# Whole programs


PROGRAM = """
import os, signal, sys, time
sys.path.insert(0, {tests!r})
import loader_data as data
from minigrad.utils.data import DataLoader

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    print("begin", flush=True)
    loader = DataLoader(data.Where(10**6), 2, num_workers=2, multiprocessing_context={method!r},
                        persistent_workers={persistent})
    seen = set()
    for batch in loader:
        pid = int(batch[0, 0])
        if pid not in seen:
            seen.add(pid)
            print(pid, flush=True)
        {body}
"""


def program(method, body="pass", persistent=False):
    tests = str(Path(__file__).parent)
    return PROGRAM.format(tests=tests, method=method, body=body, persistent=persistent)


@contextlib.contextmanager
def start_program(arguments, **options):
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    ) as running:  # fmt: skip
        try:
            yield running
        finally:
            running.kill()  # or a test that fails would wait for it


def state_of(pid):
    """As ps prints it: X where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def assert_gone(pids):
    end = time.monotonic() + LONG
    while alive := [pid for pid in pids if state_of(pid) not in "ZX"]:
        assert time.monotonic() < end, f"still running: {alive}"
        time.sleep(0.02)


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "script.py"
        path.write_text(text)
        return [str(path)]

    return write


@pytest.mark.parametrize("method", METHODS)
def test_nothing_outlives_a_killed_program(method, script):
    for _ in range(TIMES):
        with start_program(script(program(method, "time.sleep(0.001)"))) as running:
            assert running.stdout.readline() == "begin\n"
            pids = [int(running.stdout.readline()) for _ in range(2)]
            running.kill()
        assert_gone(pids)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.4])
def test_ctrl_c(method, delay, script):
    """At the start, while workers begin, and in the loop: Ctrl-C goes to the whole group."""
    for _ in range(TIMES):
        wait = delay == 0.4
        with start_program(script(program(method)), start_new_session=True) as running:
            assert running.stdout.readline() == "begin\n"
            if wait:
                running.stdout.readline()
            time.sleep(delay)
            os.killpg(running.pid, signal.SIGINT)
            running.wait(LONG)
            errors = running.stderr.read()
        assert running.returncode in (-signal.SIGINT, 1), errors
        count = errors.count("KeyboardInterrupt")  # before the loop also once more, by an import
        assert count == 1 if wait else count >= 1, errors
        assert "leaked" not in errors
        assert_gone(session_of(running.pid))


def session_of(leader):
    """The processes of a session, by its leader."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            fields = Path(f"/proc/{int(name)}/stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                found.append(int(name))
    return found


def test_ctrl_c_is_held_back_where_a_half_would_be_worse(ctrl_c_is_heard):
    from minigrad.utils.data.signals import uninterrupted

    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        steps.append("done")
    assert steps == ["done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_end_of_a_program_ends_persistent_workers(script):
    for body in ("if len(seen) == 2: sys.exit(3)", "if len(seen) == 2: break"):
        with start_program(script(program("fork", body, persistent=True))) as running:
            out, errors = running.communicate(timeout=LONG)
        assert running.returncode == (3 if "exit" in body else 0), errors
        assert errors == ""
        assert_gone([int(line) for line in out.split()[1:]])


UNGUARDED = """
from minigrad.utils.data import DataLoader

def main():
    return [x.tolist() for x in DataLoader(range(4), 2, num_workers=1{more})]

{line}
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_program_without_a_guard_is_told(method, script):
    more = f", multiprocessing_context={method!r}"
    with start_program(script(UNGUARDED.format(more=more, line="main()"))) as running:
        errors = running.communicate(timeout=LONG)[1]
    assert running.returncode == 1
    assert "script.py, and would start workers themselves at line 7" in errors
    assert 'if __name__ == "__main__":' in errors
    assert "bootstrapping" not in errors


def test_programs_that_may_start_workers(script):
    line = 'if __name__ == "__main__":\n    print(main())'
    forked = UNGUARDED.format(more=", multiprocessing_context='fork'", line="print(main())")
    for text in (UNGUARDED.format(more="", line=line), forked):
        with start_program(script(text)) as running:
            assert running.communicate(timeout=LONG) == ("[[0, 1], [2, 3]]\n", "")


NOTEBOOK = """
import minigrad
from minigrad.utils.data import DataLoader, Dataset

class Here(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return index

print([x.tolist() for x in DataLoader(Here(), 2, num_workers=2)])
"""


def test_a_notebook():
    """A class that is defined in a cell; the main module has no file."""
    with start_program(["-"], stdin=subprocess.PIPE) as running:
        assert running.communicate(NOTEBOOK, timeout=LONG) == ("[[0, 1], [2, 3]]\n", "")


# What cannot be sent


class Holder(data.Numbers):
    def __init__(self, what):
        super().__init__(3)
        self.parts = {"first": [1, what]}


def local_function():
    def inner(samples):
        return samples

    return inner


@pytest.mark.parametrize(
    ("make", "path", "what", "remedy"),
    [
        (lambda: {"dataset": Holder(lambda x: x)}, "dataset.parts['first'][1]", "a lambda",
         "top level of a module"),
        (lambda: {"dataset": Holder(threading.Lock())}, "dataset.parts['first'][1]",
         "of type lock", "worker_init_fn"),
        (lambda: {"dataset": [1], "collate_fn": local_function()}, "collate_fn",
         "the function local_function.<locals>.inner", "top level of a module"),
        (lambda: {"dataset": [1], "worker_init_fn": lambda i: None}, "worker_init_fn", "a lambda",
         "multiprocessing_context='fork'"),
    ],
)  # fmt: skip
def test_what_cannot_be_pickled_is_named(make, path, what, remedy):
    for method in METHODS[1:]:
        loader = DataLoader(num_workers=1, multiprocessing_context=method, **make())
        with pytest.raises(pickle.PicklingError, match=re.escape(f"{path}, {what}, ")) as caught:
            list(loader)
        assert remedy in str(caught.value)


class WithLock(data.Numbers):
    def __init__(self):
        super().__init__(3)
        self.count = multiprocessing.get_context("spawn").Value("i", 0)

    def __getitem__(self, index):
        with self.count:
            self.count.value += 1
        return index


def test_locks_of_multiprocessing_are_sent():
    dataset = WithLock()
    assert batches(dataset, num_workers=2, multiprocessing_context="spawn") == [[0], [1], [2]]
    assert dataset.count.value == 3


# Devices


def test_nothing_forks_once_another_device_is_in_use(monkeypatch):
    monkeypatch.setattr(start, "lost_by_forks", lambda: ["opencl:0"])
    with pytest.raises(RuntimeError, match="uses opencl:0, which does not survive a fork"):
        list(DataLoader(data.Numbers(3), num_workers=1, multiprocessing_context="fork"))
    monkeypatch.setattr(start, "main_can_be_imported", lambda: False)
    with pytest.raises(RuntimeError, match="in a module that can be imported"):
        list(DataLoader(data.Numbers(3), num_workers=1))


CHOICE = """
import faulthandler, os, sys, threading, time
import minigrad
from minigrad.utils.data import start

def method():
    return start.context_for(None).get_start_method()

found = [method()]
x = minigrad.rand(600, 600)
x @ x, minigrad.rand(4000, 1000).exp()  # in threads of the BLAS, and of minigrad
found.append(method())
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
found.append(method())
stop.set()
thread.join()
while os.path.exists(f"/proc/self/task/{thread.native_id}"):  # join returns a little before its end
    time.sleep(0.001)
found.append(method())
faulthandler.dump_traceback_later(1000)  # in a thread that Python does not know
found.append(method())
faulthandler.cancel_dump_traceback_later()
start.lost_by_forks = lambda: ["opencl:0"]
found.append(method())
start.lost_by_forks = list
sys.version_info = (3, 14)
found.append(method())
print(*found)
"""


def test_the_default_forks_where_it_is_safe(script):
    """Alone, also after work in threads of ours; not beside other threads, devices, or always."""
    with start_program(script(CHOICE)) as running:
        out, errors = running.communicate(timeout=LONG)
    assert errors == ""
    safe, other = ("fork", "forkserver") if sys.version_info < (3, 14) else ("forkserver",) * 2
    assert out.split() == [safe, safe, other, safe, other, other, other]
