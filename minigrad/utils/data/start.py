"""Starting workers: by which method, and what can be said when it cannot work.

Note [Start methods]. A forked worker has all that its parent had, at no cost: also locks that a
thread was holding, threads that are not there any more, and the contexts of drivers that do not
survive a fork. So the default is "fork" only where none of this can be: on Linux, before Python
3.14, while no device is in use that does not survive it, as those of OpenCL, and while there is no
thread but the main one, those of NumPy's BLAS and minigrad's own, which end before a fork and start
again when there is work. With any other thread, of Python or of a library, the default is
"forkserver", whose workers are forked from a process that has done nothing ("spawn" where there is
none). It asks two things of a program: what goes to the workers must be picklable, and the main
module must do nothing when it is imported. Both are looked into before a process is started, and
the error says what to change. A notebook has no module to import; there the default is "fork" all
the same. Once a device is in use that does not survive it, nothing forks. Batches do not depend on
the method.
"""

import ast
import io
import multiprocessing
import os
import pickle
import sys
import threading
import types
from multiprocessing.context import BaseContext
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.backends import numpy_threads
from minigrad.device import lost_by_forks
from minigrad.ops.random import Generator
from minigrad.tensor import Tensor
from minigrad.utils.data.ring import Memory, open_private
from minigrad.utils.data.signals import deaf_children

LARGE = 1 << 16  # bytes, from which on an array goes through shared memory


def context_for(chosen: Any) -> BaseContext:
    """The context of multiprocessing: the chosen one (a name or a context), or the default."""
    methods = multiprocessing.get_all_start_methods()
    if chosen is None:
        usual = "forkserver" if "forkserver" in methods else "spawn"
        forks = "fork" in methods and (survives_fork() or not main_can_be_imported())
        chosen = "fork" if forks else usual
    context = multiprocessing.get_context(chosen) if isinstance(chosen, str) else chosen
    if context.get_start_method() == "forkserver":
        _preload(context)
    return context


def survives_fork() -> bool:
    """Whether a fork of this process can be told to have all it needs: Note [Start methods]."""
    if sys.platform != "linux" or sys.version_info >= (3, 14) or lost_by_forks():
        return False
    known = 1 + len(numpy_threads.workers.threads)
    if threading.active_count() > known:
        return False
    try:
        there = len(os.listdir("/proc/self/task"))
    except OSError:
        return False
    return there < known + numpy_threads.blas.most_threads


def check(context: BaseContext) -> None:
    """Raises RuntimeError where starting workers would end in a hang, or start more of them."""
    if context.get_start_method() != "fork":
        _check_guard()
    elif others := lost_by_forks():
        raise RuntimeError(
            f"DataLoader: this process uses {', '.join(others)}, which does not survive a "
            "fork. Use multiprocessing_context='forkserver' or 'spawn', with the dataset's class "
            "in a module that can be imported, or start the workers before the first use of the "
            "device"
        )


def _preload(context: BaseContext) -> None:
    """Has the server import what all workers need, unless the program gave it a list of its own."""
    from multiprocessing import forkserver  # which is not there on Windows

    server = getattr(forkserver, "_forkserver", None)
    if getattr(server, "_preload_modules", None) == ["__main__"]:
        context.set_forkserver_preload(["__main__", "minigrad.utils.data.server"])


def prepare(chosen: Any) -> None:
    """Starts the server of forked workers, if they will come from one: it takes a fifth of a second
    to be ready, and that need not be when the first batch is waited for.
    """
    if multiprocessing.parent_process() is not None:
        return  # a worker that imports a program which makes its loader at the top
    context = context_for(chosen)
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        with deaf_children("forkserver"):
            forkserver.ensure_running()


def main_can_be_imported() -> bool:
    """Whether a new process can import the main module: there is none in a notebook."""
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None:
        return True
    return os.path.isfile(getattr(main, "__file__", None) or "")


def _check_guard() -> None:
    """Raises RuntimeError if a new process, which imports the main module, would get here, too."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        is_main = frame.f_globals.get("__name__") in ("__main__", "__mp_main__")
        if is_main and frame.f_code.co_name == "<module>":
            _check_statement(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back


def _check_statement(path: str, line: int) -> None:
    try:
        body = ast.parse(Path(path).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return
    around = [node for node in body if node.lineno <= line <= (node.end_lineno or line)]
    if around and not isinstance(around[0], ast.If):
        raise RuntimeError(
            f"DataLoader: worker processes import {os.path.basename(path)}, and would start "
            f'workers themselves at line {line}. Put the program under `if __name__ == "__main__":`'
            ", or give the loader multiprocessing_context='fork'"
        )


class Parcel:
    """What goes to a worker, opened there by open(): as it is into a forked one, else pickled.

    Arrays of more than LARGE bytes go through slot 0 of the ring, once for all workers, which see
    one copy of them; what a worker writes into one stays its own. Tensors and generators become the
    CPU's.
    """

    def __init__(self, content: Any, cargo: "Cargo | None") -> None:
        self.content = content
        self.cargo = cargo

    def open(self) -> Any:
        return self.content

    def __reduce__(self) -> Any:
        stream = io.BytesIO()
        _StartPickler(stream, self.cargo).dump(self.content)
        return _Sealed, (stream.getvalue(),)


class _Sealed:
    """A parcel on its way. It is opened in the worker's own code, which reports errors."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self) -> Any:
        return pickle.loads(self.data)


class Cargo:
    """The arrays that are in slot 0."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.memory = Memory(path)
        self.memory.begin(0)
        # The arrays as well: a freed one's address may be that of the next.
        self._aboard: dict[tuple[int, int], tuple[np.ndarray, tuple[int, int]]] = {}

    def load(self, x: np.ndarray) -> Any:
        """Puts the array into the slot, if it is not there, and says how to find it."""
        key = (x.ctypes.data, x.nbytes)
        if key not in self._aboard:
            self._aboard[key] = x, self.memory.put(x.reshape(-1).view(np.uint8))
        return open_private, (self.path, self._aboard[key][1], x.dtype.str, x.shape)


class _StartPickler(ForkingPickler):
    def __init__(self, stream: io.BytesIO, cargo: Cargo | None) -> None:
        super().__init__(stream, 5)
        self.cargo = cargo

    def reducer_override(self, x: Any) -> Any:
        if isinstance(x, Tensor):
            made = x.__reduce_ex__(5)
            kind, array, _, requires_grad = made[1]
            return (made[0], (kind, array, "cpu", requires_grad), *made[2:])
        if isinstance(x, Generator):
            make, (_, *place) = x.__reduce__()
            return make, ("cpu", *place)
        if type(x) is np.ndarray and self.cargo is not None and _is_plain(x):
            try:
                return self.cargo.load(x)
            except OSError:
                return NotImplemented
        return NotImplemented


def _is_plain(x: np.ndarray) -> bool:
    is_bytes = not x.dtype.hasobject and x.dtype.names is None
    return is_bytes and x.nbytes >= LARGE and x.flags.c_contiguous


def cannot_pickle(what: dict[str, Any], error: Exception) -> pickle.PicklingError:
    """The error that names what cannot be sent to workers, by its path, and what to do."""
    for name, thing in what.items():
        if (found := _culprit(name, thing, set())) is not None:
            path, value = found
            return pickle.PicklingError(
                f"DataLoader: {path}, {_described(value)}, cannot be pickled, and so not sent to "
                f"worker processes ({error}). {_remedy(value)}"
            )
    return pickle.PicklingError(f"DataLoader: cannot send the dataset to worker processes: {error}")


def _culprit(path: str, thing: Any, seen: set[int]) -> tuple[str, Any] | None:
    """The innermost part that cannot be pickled, and the path to it."""
    if id(thing) in seen or _can_pickle(thing):
        return None
    seen.add(id(thing))
    parts = [(f"{path}.{name}", value) for name, value in getattr(thing, "__dict__", {}).items()]
    if isinstance(thing, dict):
        parts += [(f"{path}[{key!r}]", value) for key, value in thing.items()]
    if isinstance(thing, (list, tuple)):
        parts += [(f"{path}[{i}]", value) for i, value in enumerate(thing)]
    if isinstance(thing, (type, types.FunctionType, types.MethodType)):
        parts = []
    for name, value in parts:
        if (found := _culprit(name, value, seen)) is not None:
            return found
    return path, thing


def _can_pickle(thing: Any) -> bool:
    try:
        ForkingPickler.dumps(thing)
    except Exception as error:
        # Locks and queues of multiprocessing can be sent, if only while a process starts.
        return "through inheritance" in str(error)
    return True


def _described(value: Any) -> str:
    if isinstance(value, types.FunctionType):
        return "a lambda" if value.__name__ == "<lambda>" else f"the function {value.__qualname__}"
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    return f"of type {type(value).__qualname__}"


def _remedy(value: Any) -> str:
    is_local = "<locals>" in getattr(value, "__qualname__", type(value).__qualname__)
    if isinstance(value, types.FunctionType) or is_local:
        return (
            "Define it at the top level of a module, with def or class (functools.partial gives "
            "arguments to such a function); or use multiprocessing_context='fork'"
        )
    return (
        "Make it where it is needed, in worker_init_fn or at the first __getitem__, and leave it "
        "out in __getstate__; or use multiprocessing_context='fork'"
    )
