"""What all tests share: hypothesis profiles, the device under test, and a watch over global state.

MINIGRAD_HYPOTHESIS=dev make test              ci (default: always the same, few examples), dev,
                                               thorough
make test ARGS="--device opencl"               run what takes a device on that one
MINIGRAD_BACKEND=opencl make test              run all but what is of the CPU
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings

import minigrad
from minigrad.autograd.mode import mode

calm = [HealthCheck.too_slow, HealthCheck.data_too_large]
# Without shrinking: when much is broken at once, it would take the ci run from seconds to hours.
# dev shrinks.
settings.register_profile(
    "ci", max_examples=8, derandomize=True, deadline=None, database=None,
    suppress_health_check=calm, phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
settings.register_profile("dev", max_examples=40, deadline=None, suppress_health_check=calm)
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=calm)
# hypothesis nests the settings of a parametrized test once for each of its cases, and recurses
# through them: a worker that gets most of test_specs.py needs more than the default's 1,000 frames.
sys.setrecursionlimit(5000)
# A shell lets what it starts in the background ignore Ctrl-C, of which some tests are.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.load_profile(os.environ.get("MINIGRAD_HYPOTHESIS", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="the device that specs and conformance run on")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What forks comes first: a process that has used OpenCL must not fork any more.
    items.sort(key=lambda item: not item.path.name.startswith("test_loader"))
    if os.environ.get("MINIGRAD_BACKEND", "numpy") != "numpy":
        skip = pytest.mark.skip(reason="of the CPU, and another device is the default")
        for item in items:
            if item.get_closest_marker("cpu"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> minigrad.device:
    return minigrad.device(request.config.getoption("--device"))


def _global_state() -> dict[str, Any]:
    return {
        "default dtype": minigrad.get_default_dtype(),
        "grad mode": mode.grad,
        "inference mode": mode.inference,
        "anomaly detection": mode.anomaly,
        "default device": minigrad.get_default_device(),
        "wrappers of the default device": list(minigrad.get_default_device().wrappers),
        "floating-point state": np.geterr(),
    }


def _reset(state: dict[str, Any]) -> None:
    minigrad.set_default_dtype(state["default dtype"])
    minigrad.set_default_device(None)
    mode.grad, mode.inference = state["grad mode"], state["inference mode"]
    mode.anomaly = state["anomaly detection"]


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Every test starts from the same seed and leaves the global state as it found it, or fails."""
    np.seterr(all="ignore")  # as minigrad sets it at the first op of a thread
    minigrad.manual_seed(0)
    before = _global_state()
    yield
    after = _global_state()
    leaked = [
        f"{name}: {before[name]} became {after[name]}"
        for name in before
        if before[name] != after[name]
    ]
    _reset(before)
    assert not leaked, f"the test leaks global state: {'; '.join(leaked)}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The last lines say which OpenCL runtimes the tests ran on."""
    from minigrad.backends.opencl import discovery

    try:
        found = [discovery.describe(device) for device in discovery.devices()] or ["none found"]
    except RuntimeError as error:
        found = [str(error)]
    for i, line in enumerate(found):
        terminalreporter.write_line(f"opencl:{i}  {line}")
