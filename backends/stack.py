"""Which line of the user's program led here: for messages about kernels and nodes."""

from __future__ import annotations

import linecache
import sys
from types import FrameType


class Stack:
    """The calls that lead here, without those inside minigrad. Costs little until it is printed."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, int, str]] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if module != "minigrad" and not module.startswith("minigrad."):
                self.frames.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
            frame = frame.f_back

    def line(self) -> str:
        """The innermost line of the user's."""
        return _describe(*self.frames[0]) if self.frames else "(no line outside minigrad)"

    def __str__(self) -> str:
        return "\n".join(_describe(*frame) for frame in reversed(self.frames))


def _describe(file: str, number: int, function: str) -> str:
    code = linecache.getline(file, number).strip()
    return f'  File "{file}", line {number}, in {function}' + (f"\n    {code}" if code else "")
