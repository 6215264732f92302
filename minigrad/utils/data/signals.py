"""Ctrl-C: it reaches all processes of a terminal at once, and only the parent is to act on it.

The parent does what must not be done by halves, starting and ending workers, with the interrupt
held back. Workers ignore it, from their birth on: until their own code runs it is blocked, which
a new process inherits.
"""

import contextlib
import faulthandler
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def deaf_children(method: str) -> Iterator[None]:
    """Processes that are started inside do not notice Ctrl-C, until ignore_interrupts."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    if method != "fork":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # which would unblock it, if it did this inside
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts() -> None:
    """In a worker: Ctrl-C does nothing, and what the dataset starts can hear it again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def die_of_faults() -> None:
    """In a worker: a fault such as SIGSEGV ends it at once, unless faulthandler is enabled anew. A
    forked one would run what a library of the parent has set up for such cases, and might hang."""
    faulthandler.disable()
    for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds back Ctrl-C: what happens inside happens wholly, and is followed by the interrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        yield
        return
    signal.signal(signal.SIGINT, lambda *args: came.append(args))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[0])
