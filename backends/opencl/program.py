"""From a .cl file to a kernel that can be launched: built once, cached, its scalars typed.

    launch = programs.kernel("reduce.cl", "sum_rows", "**IIq", dtype=x.dtype, ROWS=4)
    launch((64,), (1,), out.buffer, x.buffer, rows, columns, x.offset)

A file compiles alone. What it takes as parameters it defines under #ifndef; here they are given by
-D options: those of the type of the elements (see kernels/common.h), of the device, and `defines`.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import numpy as np

from . import cache

# T, C, I, U of kernels/common.h, and what else is defined for a type.
TYPES = {
    "float32": ("float", "float", "int", "uint", "IS_FLOAT"),
    "float64": ("double", "double", "long", "ulong", "IS_FLOAT", "IS_DOUBLE"),
    "float16": ("half", "float", "int", "uint", "IS_FLOAT", "IS_HALF"),
    "int64": ("long", "long", "long", "ulong"),
    "int32": ("int", "int", "int", "uint"),
    "int16": ("short", "short", "short", "ushort"),
    "int8": ("char", "char", "char", "uchar"),
    "uint8": ("uchar", "uchar", "char", "uchar", "IS_UNSIGNED"),
    "bool": ("uchar", "uchar", "char", "uchar", "IS_UNSIGNED", "IS_BOOL"),
}
INCLUDE = re.compile(r'^#include "(.*)"', re.MULTILINE)
Launcher = Callable[..., Any]


class Notes(threading.local):
    """What a thread has asked of a device: the programs it built, and while it is being timed (see
    base.py, Note [Device time]) the events of what it enqueued."""

    events: list[Any] | None = None
    builds = 0

    def add(self, event: Any) -> None:
        if self.events is not None:
            self.events.append(event)


def device_failed(queue: Any, task: str, error: Exception) -> RuntimeError:
    """For a device that was lost: unplugged, or reset by its driver as a kernel ran too long."""
    return RuntimeError(
        f"{queue.device.name.strip()} failed while {task}: {error}. What was computed there may be "
        "lost. Start the program again, from its last checkpoint")


def source(file: str) -> str:
    """The text of a .cl file, with the headers that it includes."""
    folder = files("minigrad.kernels")

    def included(match: re.Match[str]) -> str:
        return folder.joinpath(match[1]).read_text()

    return INCLUDE.sub(included, folder.joinpath(file).read_text())


class Programs:
    """The programs of one device. `builds` counts them: a training run needs a few dozen."""

    def __init__(self, cl: Any, context: Any, device: Any, queue: Any, is_cpu: bool) -> None:
        self.cl = cl
        self.context = context
        self.queue = queue
        self.vector_bytes = 4 * device.native_vector_width_float if is_cpu else 0
        self.options = ["-w"] + (["-DIS_CPU"] if is_cpu else [])
        config = cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT
        if device.single_fp_config & config:
            self.options.append("-cl-fp32-correctly-rounded-divide-sqrt")
        self.programs: dict[Any, Any] = {}
        self.launchers: dict[Any, Launcher] = {}
        self.lock = threading.RLock()
        self.notes = Notes()
        self.builds = 0
        self.cache = cache.folder()

    def vector_width(self, dtype: np.dtype) -> int:
        """How many elements a work item takes at a time: 1 on a GPU."""
        itemsize = 4 if dtype == np.float16 else dtype.itemsize
        return max(1, min(16, self.vector_bytes // itemsize))

    def kernel(self, file: str, name: str, types: str, dtype: np.dtype | None = None,
               **defines: Any) -> Launcher:
        """The kernel `name` of a file as launch(global_size, local_size, *arguments).

        types has a letter for each argument: "*" for a buffer or local memory, "S" for a struct
        (bytes), and for a number its letter in the module struct: b h i q f d, in capitals where
        unsigned. A define that is True is defined as nothing.
        """
        key = (file, name, types, dtype, *defines.items())
        found = self.launchers.get(key)
        if found is None:
            with self.lock:
                found = self.launchers[key] = self._launcher(file, name, types, dtype, defines)
        return found

    def _launcher(self, file: str, name: str, types: str, dtype: np.dtype | None,
                  defines: dict[str, Any]) -> Launcher:
        try:
            kernel = self.cl.Kernel(self._program(file, dtype, defines), name)
        except self.cl.LogicError as error:
            raise TypeError(f"kernels/{file} has no {name} for {dtype}") from error
        kernel.set_scalar_arg_dtypes([_ARGUMENTS.get(t) or np.dtype(t) if t != "*" else None
                                      for t in types])
        queue, notes, lock = self.queue, self.notes, threading.Lock()

        def launch(global_size: Any, local_size: Any, *arguments: Any) -> None:
            try:
                with lock:  # the arguments belong to the kernel until it is enqueued
                    event = kernel(queue, global_size, local_size, *arguments)
            except self.cl.Error as error:
                raise device_failed(queue, f"launching {name} of kernels/{file}", error) from error
            if notes.events is not None:  # Notes.add, without the call
                notes.events.append(event)

        return launch

    def _program(self, file: str, dtype: np.dtype | None, defines: dict[str, Any]) -> Any:
        key = (file, dtype, *defines.items())
        if key not in self.programs:
            options = self.options + (self._type_options(dtype) if dtype is not None else [])
            options += [f"-D{name}" if value is True else f"-D{name}={value}"
                        for name, value in defines.items()]
            self.programs[key] = self._build(file, options)
            self.builds += 1
            self.notes.builds += 1
        return self.programs[key]

    def _type_options(self, dtype: np.dtype) -> list[str]:
        t, c, i, u, *flags = TYPES[dtype.name]
        pairs = {"T": t, "C": c, "I": i, "U": u, "VEC": self.vector_width(dtype)}
        return [f"-D{name}={value}" for name, value in pairs.items()] + [f"-D{f}" for f in flags]

    def _build(self, file: str, options: list[str]) -> Any:
        text = source(file)
        cache.unlock(self.cache)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # compilers that succeed have things to say, too
                return self.cl.Program(self.context, text).build(options, cache_dir=str(self.cache))
        except self.cl.RuntimeError as error:
            lines = enumerate(text.splitlines(), 1)
            numbered = "\n".join(f"{number:4} {line}" for number, line in lines)
            raise RuntimeError(
                f"kernels/{file} does not build with {' '.join(options)}\n{numbered}\n{error}"
            ) from error


# Letters of the module struct that mean something else, or nothing, to numpy.dtype.
_ARGUMENTS = {"q": np.dtype(np.int64), "Q": np.dtype(np.uint64), "S": np.dtype("V1")}
