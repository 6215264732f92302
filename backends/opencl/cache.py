"""Where built programs are kept from run to run.

pyopencl keeps them, in a folder that it locks by a file for the moments in which it reads or writes
there. A process that is killed in such a moment leaves the file behind, and all others would wait
for a minute, and fail. So a lock that is older than any such moment is taken away.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from pathlib import Path

MOMENT = 5.0  # seconds: far longer than it takes to read or write a few hundred kilobytes


def folder() -> Path:
    """What pyopencl takes as `cache_dir`."""
    platformdirs = importlib.import_module("platformdirs")  # comes with pyopencl
    version = importlib.import_module("pyopencl").VERSION_TEXT
    return Path(platformdirs.user_cache_dir("minigrad"), f"opencl-{version}")


def unlock(path: Path) -> None:
    """Waits while others use the folder, and takes away the lock of one that is no more."""
    lock, end = path / "lock", time.monotonic() + 2 * MOMENT
    with contextlib.suppress(OSError):  # there is no lock, or no longer
        while time.time() - lock.stat().st_mtime < MOMENT and time.monotonic() < end:
            time.sleep(0.01)
        if time.time() - lock.stat().st_mtime >= MOMENT:
            lock.unlink()
