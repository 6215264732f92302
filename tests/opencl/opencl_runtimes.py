"""The OpenCL devices of this machine, one for each runtime, for the tests to be run on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from minigrad.backends.opencl import discovery


def found() -> list[str]:
    """What the devices opencl:0, opencl:1 ... are; none where OpenCL is not installed."""
    try:
        return [discovery.describe(device) for device in discovery.devices()]
    except RuntimeError:
        return []


def parameters() -> list[Any]:
    """A parameter for each device, or one that is skipped."""
    if not found():
        reason = "no OpenCL device: pip install 'minigrad-edu[opencl-cpu]'"
        return [pytest.param("opencl", marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(f"opencl:{i}", id=_short(name)) for i, name in enumerate(found())]


def _short(description: str) -> str:
    words = re.findall(r"intel\(r\) opencl|pocl \d[\d.]*|nvidia cuda|rusticl", description.lower())
    return words[0].replace(" ", "") if words else description
