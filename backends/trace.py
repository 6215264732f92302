"""A wrapper that records: a program becomes a list of kernel calls, to be read and run again.

    input: %0 = x float32[2, 3]
    captured: %1 float32[4, 3]
    %2 = permute(%1, (1, 0))
    %3 = matmul(%0, %2)
    %4 = add(%3, 1.0, out=%3)
    output: y = %3

Every array has a number. One that was there before is an input if it was named, else captured: a
replay uses the very same array, so that parameters which the program updates in place go on from
where they are. What reached the kernels as a Python number, and every array that came from the
host, is a constant of the program.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import Array, Backend, Wrapper
from .calls import OUT, QUERIES, VIEWS, arrays, is_array, written
from .stack import Stack


class Ref(int):
    """An array of the program, by number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"%{int(self)}"

    __str__ = __repr__


class Names:
    """Numbers arrays in order of appearance. It keeps none of them alive."""

    def __init__(self) -> None:
        self.count = 0
        self.refs: dict[int, Ref] = {}
        self.watched: dict[int, weakref.ref[Any]] = {}

    def __contains__(self, array: Array) -> bool:
        return id(array) in self.refs

    def ref(self, array: Array) -> Ref:
        """The array's number; a new one where it has none."""
        key = id(array)
        if key not in self.refs:
            self.refs[key] = Ref(self.count)
            self.count += 1
            self.watched[key] = weakref.ref(array, lambda _: self.forget(key))
        return self.refs[key]

    def forget(self, key: int) -> None:
        """The array is gone, and another may come to live at its address."""
        del self.refs[key], self.watched[key]

    def abstract(self, tree: Any) -> Any:
        """The tree of arguments or results with arrays replaced by their numbers."""
        if isinstance(tree, list | tuple):
            return type(tree)(self.abstract(x) for x in tree)
        return self.ref(tree) if is_array(tree) else tree


@dataclass
class Value:
    """One array of a program, made by call `first` (-1: before all calls) and last used by `last`,
    itself or by a view of it."""

    ref: Ref
    shape: tuple[int, ...]
    dtype: np.dtype
    memory: Ref  # the array that it is a view of, else itself
    constant: bool  # computed from constants of the program alone
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass
class Call:
    """One kernel call: arrays are Refs, the host array of from_host is a copy."""

    name: str
    args: tuple[Any, ...]
    result: Any
    where: Stack | None = None

    def __str__(self) -> str:
        at = OUT[self.name]
        args, out = (self.args, None) if at is None else (self.args[:at], self.args[at : at + 1])
        shown = [_show(x) for x in args] + [f"out={x}" for x in out or () if x is not None]
        results = ", ".join(str(x) for x in _refs((self.result,)))
        return (f"{results} = " if results else "") + f"{self.name}({', '.join(shown)})"


def _show(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"<{x.dtype}{list(x.shape)}>"
    if isinstance(x, list | tuple):
        inner = ", ".join(map(_show, x))
        return f"[{inner}]" if isinstance(x, list) else f"({inner}{',' if len(x) == 1 else ''})"
    return str(x)


def _refs(tree: Any) -> Iterator[Ref]:
    if isinstance(tree, list | tuple):
        for x in tree:
            yield from _refs(x)
    elif type(tree) is Ref:
        yield tree


class Trace:
    """The recorded program: values and calls, inputs and outputs by name, the captured arrays."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.values: list[Value] = []  # values[ref] is what is known of %ref
        self.inputs: dict[str, Ref] = {}
        self.outputs: dict[str, Ref] = {}
        self.captured: dict[Ref, Array] = {}  # the inputs as they were recorded, too
        self.names = Names()
        self.lock = threading.RLock()  # collecting garbage in between may run kernels

    def wrap(self, backend: Backend) -> Recorder:
        """What a Device is given: the backend, recorded."""
        return Recorder(backend, self)

    def name_input(self, name: str, array: Array) -> None:
        """A replay may put another array in this one's place."""
        with self.lock:
            self.inputs[name] = self._known(array)

    def name_output(self, name: str, array: Array) -> None:
        """A replay returns this one."""
        with self.lock:
            self.outputs[name] = self._known(array)

    def record(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        """Adds a call, made by any thread. Its arrays are alive, so their addresses are unique."""
        with self.lock:
            sources = [] if name == "from_host" else [self._known(x) for x in arrays(args)]
            targets = [self._known(x) for x in written(name, args)]
            reads = name == "to_host"
            made = [] if reads else [x for x in arrays((result,)) if x not in self.names]
            if not (made or targets or reads):
                return  # contiguous of what is contiguous, cast to the type it has
            constant = all(self.memory(ref).constant for ref in sources)
            for x in made:
                self._add(x, self.memory(sources[0]).ref if name in VIEWS else None, constant)
            for ref in targets:
                self.memory(ref).constant &= constant
            for ref in (*sources, *targets):
                self.values[ref].last = self.memory(ref).last = len(self.calls)
            constants = (np.array(args[0]),) if name == "from_host" else self.names.abstract(args)
            results = None if reads else self.names.abstract(result)
            self.calls.append(Call(name, constants, results, Stack() if reads else None))

    def _known(self, array: Array) -> Ref:
        """The number of an array; one that no call has made was there before the program."""
        if array not in self.names:
            ref = self._add(array, None, False)
            self.values[ref].first = -1
            self.captured[ref] = array
        return self.names.ref(array)

    def _add(self, array: Array, memory: Ref | None, constant: bool) -> Ref:
        ref, first = self.names.ref(array), len(self.calls)
        memory = ref if memory is None else memory
        value = Value(ref, array.shape, array.dtype, memory, constant, first, first)
        self.values.append(value)
        return ref

    def memory(self, ref: Ref) -> Value:
        """The value that %ref is a view of, else %ref itself."""
        return self.values[self.values[ref].memory]

    def __str__(self) -> str:
        named = {ref: f" = {name}" for name, ref in self.inputs.items()}
        lines = [
            f"{'input' if ref in named else 'captured'}: {ref}{named.get(ref, '')} {value}"
            for ref, value in ((ref, self.values[ref]) for ref in self.captured)
        ]
        lines += map(str, self.calls)
        lines += [f"output: {name} = {ref}" for name, ref in self.outputs.items()]
        return "\n".join(lines)


class Recorder(Wrapper):
    """Adds every call to a Trace."""

    def __init__(self, inner: Backend, trace: Trace) -> None:
        self.trace = trace
        super().__init__(inner)

    def wrap_kernel(self, name: str, kernel: Callable) -> Callable:
        if name in QUERIES:
            return kernel
        record = self.trace.record

        def recorded(*args: Any) -> Any:
            result = kernel(*args)
            record(name, args, result)
            return result

        return recorded


class Echo(Wrapper):
    """Prints every call to stderr as it is made: MINIGRAD_WRAP=trace."""

    def __init__(self, inner: Backend) -> None:
        self.names = Names()
        super().__init__(inner)

    def wrap_kernel(self, name: str, kernel: Callable) -> Callable:
        if name in QUERIES:
            return kernel

        def echoed(*args: Any) -> Any:
            result = kernel(*args)
            # A host array has no number: on the CPU it would be that of the result.
            shown = args if name == "from_host" else self.names.abstract(args)
            call = Call(name, shown, self.names.abstract(result))
            print(call, file=sys.stderr)
            return result

        return echoed
