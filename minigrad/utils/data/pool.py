"""The pool: the parent's side of the workers. Starts them, hands out tasks, waits, notices deaths.

Note [Never hangs]. Each worker has pipes of its own, and no lock is shared, so a dead worker leaves
nobody waiting for what it held. The parent waits for all pipes and all deaths at once, so a worker
that is killed is noticed when it happens; and for nothing else: what the pipe of tasks does not
take, because the worker does not read now, stays with the parent. Workers end when their pipe of
tasks closes, which happens however the parent dies (and on Linux the system kills them with it).
The parent closes it when the iterator goes: at the end, by break, by an exception, by Ctrl-C. A
worker that has not ended GRACE seconds later is killed.
"""

import contextlib
import math
import os
import pickle
import select
import signal
import sys
import threading
import time
import warnings
from collections import deque
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any

from minigrad.dtype import get_default_dtype
from minigrad.utils.data import worker
from minigrad.utils.data.fetch import Recipe
from minigrad.utils.data.packing import unpack
from minigrad.utils.data.ring import SPARE, SUPPORTED, Ring
from minigrad.utils.data.signals import deaf_children, uninterrupted
from minigrad.utils.data.start import Cargo, Parcel, cannot_pickle
from minigrad.utils.data.worker import GRACE, STACK, Begin, Failed, Job, Packed, Ready, Task

if sys.platform != "win32":
    import fcntl

WIDE = 1 << 20  # bytes, which Linux lets anybody have
TICK = 1.0  # seconds, after which deaths are looked for in another way, too


class Worker:
    """A child process, with the parent's ends of its pipes."""

    def __init__(self, context: BaseContext, job: Job, cargo: Cargo | None) -> None:
        self.id = job.id
        self.ready = False
        self.method = context.get_start_method()
        self.due: deque[Task] = deque()  # what it was given and has not answered
        self.unsent = bytearray()
        self.wide = False
        with _starting:
            self._start(context, job, cargo)

    def _start(self, context: BaseContext, job: Job, cargo: Cargo | None) -> None:
        theirs_tasks, self.tasks = context.Pipe(duplex=False)
        self.results, theirs_results = context.Pipe(duplex=False)
        self.stacks, theirs_stacks = context.Pipe(duplex=False)
        theirs = (theirs_tasks, theirs_results, theirs_stacks)
        self.ours: list[Connection] = [self.tasks, self.results, self.stacks]
        inherited = _open_ends + self.ours if self.method == "fork" else []
        self.process = context.Process(  # type: ignore[attr-defined]
            target=worker.main,
            args=(Parcel(job, cargo), *theirs, inherited),
            name=f"DataLoader worker {job.id}",
            daemon=True,
        )
        try:
            with deaf_children(self.method):
                self.process.start()
        except BaseException:
            self.close()
            raise
        finally:
            for connection in theirs:
                connection.close()
        _open_ends.extend(self.ours)
        if sys.platform != "win32":
            os.set_blocking(self.tasks.fileno(), False)

    def send(self, message: Any) -> None:
        """Never waits, though the worker may not read now, or ever: flush sends what is left."""
        if sys.platform == "win32":  # its pipes have no file descriptor; and there it may wait
            with contextlib.suppress(OSError):
                self.tasks.send(message)
            return
        self.unsent += pickle.dumps(message)
        self.flush()

    def flush(self) -> None:
        """Sends what the pipe has room for. A worker that has gone is not told; Pool.receive finds
        out why, once it has read what that worker had to say.
        """
        try:
            while self.unsent:
                del self.unsent[: os.write(self.tasks.fileno(), self.unsent)]
        except BlockingIOError:
            if not self.wide:
                self._widen()
                self.flush()
        except OSError:
            self.unsent.clear()

    def _widen(self) -> None:
        """Has the pipe hold more, so that tasks of many indices are there in time."""
        self.wide = True
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.tasks.fileno(), fcntl.F_SETPIPE_SZ, WIDE)

    def close(self) -> None:
        """Tells it to end."""
        for connection in self.ours:
            connection.close()
            with contextlib.suppress(ValueError):
                _open_ends.remove(connection)

    def stack(self) -> str:
        """What its threads are doing, as it says when it is asked by a signal."""
        if not self.ready:
            return "It has not finished starting"
        if STACK is None:
            return "This system has no signal to ask for it"
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, STACK)
        return self.written(2.0) or "It does not answer; the system may have stopped it"

    def written(self, seconds: float) -> str:
        """The stack that it wrote, or writes within this time."""
        text = b""
        with contextlib.suppress(OSError, EOFError):
            while self.stacks.poll(0.3 if text else seconds):
                part = os.read(self.stacks.fileno(), 1 << 16)
                if not part:
                    break
                text += part
        return text.decode(errors="replace")

    def __str__(self) -> str:
        return f"DataLoader worker {self.id} (pid {self.process.pid})"


_open_ends: list[Connection] = []  # of all workers: a forked one has to close them
# One starts at a time: a worker forked by another thread meanwhile would have the ends of this one,
# and keep them open when it dies.
_starting = threading.Lock()


def _forget() -> None:
    global _starting
    _starting = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class Pool:
    """Workers for epochs of one loader."""

    def __init__(
        self,
        recipe: Recipe,
        num_workers: int,
        context: BaseContext,
        slots: int,
        init: Any,
        seed: int,
    ) -> None:
        self.pid = os.getpid()
        self.workers: list[Worker] = []
        self.epoch = 0
        self.come: dict[int, tuple[Task, Any]] = {}  # replies by number, as they came
        self.ring = _ring(slots + SPARE)
        is_main = threading.current_thread() is threading.main_thread()
        dies_too = is_main or context.get_start_method() == "forkserver"
        job = Job(
            recipe, init, 0, num_workers, seed, None if self.ring is None else self.ring.path,
            get_default_dtype(), dies_too,
        )  # fmt: skip
        try:
            with uninterrupted():
                self._start(context, job)
        except BaseException:
            self.shut_down()
            raise

    def __del__(self) -> None:
        """An interrupt may come before there is an iterator to see to the end."""
        if self.workers:
            self.shut_down()

    def _start(self, context: BaseContext, job: Job) -> None:
        cargo = None
        if self.ring is not None and context.get_start_method() != "fork":
            cargo = Cargo(self.ring.path)
        for i in range(job.num_workers):
            try:
                self.workers.append(Worker(context, job._replace(id=i), cargo))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                parts = {
                    "dataset": job.recipe.dataset,
                    "collate_fn": job.recipe.collate_fn,
                    "worker_init_fn": job.init,
                }
                raise cannot_pickle(parts, error) from error

    def begin(self, seed: int) -> None:
        """An epoch begins, for workers that have been through one. What they still make for that is
        of no use any more.
        """
        self.epoch += 1
        for number in list(self.come):
            self._drop(*self.come.pop(number))
        try:
            for each in self.workers:
                each.send(Begin(seed))
        except BaseException:
            self.shut_down()
            raise

    def give(self, each: Worker, number: int, indices: Any) -> Task:
        """Gives a worker a task."""
        slot = self.ring.free.pop() if self.ring is not None and self.ring.free else None
        task = Task(number, indices, slot, self.epoch)
        each.send(task._replace(indices=pickle.dumps(indices)))
        each.due.append(task)
        return task

    def receive(self, seconds: float) -> bool:
        """Waits for something to come, but not longer than this; whether it did. RuntimeError when
        a worker has died.
        """
        ready = _wait(self.workers, seconds)
        for each in self.workers:
            if each.unsent:
                each.flush()
            if each.results.fileno() in ready:
                self._read(each)
        if not ready or any(each.process.sentinel in ready for each in self.workers):
            for each in self.workers:
                if not each.process.is_alive():
                    while each.results.poll():
                        self._read(each)
                    raise self._death(each)
        return bool(ready)

    def _read(self, each: Worker) -> None:
        try:
            reply = each.results.recv()
        except (EOFError, OSError):
            raise self._death(each) from None
        if isinstance(reply, Ready):
            each.ready = True
            if reply.trouble is not None:
                _warn_once(reply.trouble)
            return
        if not each.ready:
            raise rebuilt(reply, str(each), "while it started")
        task = each.due.popleft()
        if task.epoch == self.epoch:
            self.come[task.number] = task, reply
        else:
            self._drop(task, reply)

    def take(self, task: Task, reply: Packed) -> Any:
        """The batch of a reply."""
        if reply.trouble is not None:
            _warn_once(reply.trouble)
        if not reply.used or self.ring is None or task.slot is None:
            self.put_back(task)
            return unpack(reply.message, reply.buffers or [bytearray() for _ in reply.regions])
        if reply.kept:
            root = self.ring.copy(task.slot, reply.size, reply.used)
            self.ring.replace(task.slot)
        else:
            root = self.ring.view(task.slot, reply.size, reply.used)
        return unpack(reply.message, [root[at : at + n] for at, n in reply.regions])

    def put_back(self, task: Task) -> None:
        """The slot of a task is not in use."""
        if self.ring is not None and task.slot is not None:
            self.ring.free.append(task.slot)

    def _drop(self, task: Task, reply: Any) -> None:
        """A reply that nobody wants any more."""
        kept = isinstance(reply, Packed) and reply.kept
        if kept and self.ring is not None and task.slot is not None:
            self.ring.replace(task.slot)
        else:
            self.put_back(task)

    def _death(self, each: Worker) -> RuntimeError:
        """The error that says how a worker ended, and at what."""
        each.process.join(5 * TICK)
        code = each.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            how = f"was killed by signal {-code} ({name}){_meaning(-code)}"
        else:
            how = f"exited with code {code}" if code is not None else "closed its pipe"
        if not each.ready:
            how += " before it was ready; what it wrote to the standard error says more"
            if each.method != "fork":
                how += (
                    '. If the program is not under `if __name__ == "__main__":`, put it there: '
                    "workers import the main module"
                )
        indices = [task.indices for task in each.due]
        stack = each.written(0)
        return RuntimeError(
            f"{each} {how}. In flight were the batches of indices {indices}"
            + (f". Its Python stack:\n{stack}" if stack else "")
        )

    def doing(self, each: Worker, task: Task) -> str:
        """What a worker is doing instead of a batch."""
        return (
            f"{each} with the batch of indices {task.indices}. Its Python stack:\n{each.stack()}"
        )

    def shut_down(self) -> None:
        """Ends the workers, and waits for that."""
        if self.pid != os.getpid():
            return  # a forked child's copy: they are not its children
        workers, self.workers = self.workers, []
        with uninterrupted():
            for each in workers:
                each.close()
            end = time.monotonic() + GRACE
            for each in workers:
                each.process.join(max(0.0, end - time.monotonic()))
            for each in workers:
                if each.process.is_alive():
                    each.process.kill()
                each.process.join()
                each.process.close()
            if self.ring is not None:
                self.ring.close()


def _wait(workers: list[Worker], seconds: float) -> set[int]:
    """Which of their results and deaths are there, and which pipes take the rest of a task."""
    results = [each.results.fileno() for each in workers]
    deaths = [each.process.sentinel for each in workers]
    if sys.platform == "win32":
        found = wait([*(each.results for each in workers), *deaths], seconds)
        return {each if isinstance(each, int) else each.fileno() for each in found}
    watched = select.poll()
    for pipe in (*results, *deaths):
        watched.register(pipe, select.POLLIN)
    for each in workers:
        if each.unsent:
            watched.register(each.tasks.fileno(), select.POLLOUT)
    return {pipe for pipe, _ in watched.poll(math.ceil(1000 * seconds))}


def _ring(slots: int) -> Ring | None:
    if not SUPPORTED:
        return None
    try:
        return Ring(slots)
    except OSError as error:
        _warn_once(str(error))
        return None


def _warn_once(trouble: str) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"DataLoader: no shared memory ({trouble}); batches are pickled and copied through a "
            "pipe, which is slower",
            RuntimeWarning,
            stacklevel=2,
        )


_warned = False


def _meaning(number: int) -> str:
    if number == getattr(signal, "SIGKILL", None):
        return ", as the system does when memory runs out"
    if number in (signal.SIGSEGV, getattr(signal, "SIGBUS", None)):
        return ", a fault in compiled code that the dataset calls"
    return ""


def rebuilt(failed: Failed, who: str, when: str) -> Exception:
    """The exception that was raised in a worker, of its type, with the traceback as a note."""
    error: Exception
    try:
        error = pickle.loads(failed.error)  # type: ignore[arg-type]
    except Exception:
        error = RuntimeError(f"{failed.kind}: {failed.text}")
    error.add_note(f"raised in {who} {when}:\n{failed.trace}")
    return error
