"""Backends against minigrad.testing.conformance: the device under test, and the defaults of the
base class.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from minigrad.backends.base import Backend, Wrapper, kernel_names
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.testing import conformance, kernels, reference

KERNELS = list(dict.fromkeys(case.kernel for case in conformance.cases()))


class CoreOnly(Backend):
    """The core kernels of NumPy, and for all others the defaults of the base class: what a new
    backend starts as.
    """

    name = "core"


for _name in kernel_names():
    if getattr(getattr(Backend, _name), "is_core", False):
        setattr(CoreOnly, _name, staticmethod(getattr(NumpyBackend(), _name)))


def _nothing_fails(report: conformance.Report) -> None:
    assert report.passed > 0
    assert report.failed == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_device(kernel: str, device: Any) -> None:
    _nothing_fails(conformance.check_backend(device.backend, [kernel]))


@pytest.mark.parametrize("kernel", KERNELS)
def test_defaults_of_the_base_class(kernel: str) -> None:
    _nothing_fails(conformance.check_backend(CoreOnly(), [kernel]))


def test_a_wrapped_backend() -> None:
    _nothing_fails(
        conformance.check_backend(Wrapper(NumpyBackend()), ["add", "sum", "layer_norm", "normal"])
    )


def test_every_kernel_is_checked() -> None:
    assert sorted(set(kernel_names()) - set(KERNELS)) == ["synchronize"]


def test_every_row_is_a_kernel_with_a_reference() -> None:
    assert sorted(set(kernels.table) - set(kernel_names())) == []
    for name in kernels.table:
        assert callable(reference.of(name))


def test_cases_have_names_of_their_own() -> None:
    names = [str(case) for case in conformance.cases()]
    assert len(set(names)) == len(names)


def test_command_line() -> None:
    command = [sys.executable, "-m", "minigrad.testing.conformance", "cpu", "add", "sort"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("cpu: ")
    assert done.stdout.rstrip().endswith("0 failed, 0 skipped")


def test_command_line_names_an_unknown_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["cpu", "ad"]) == 2
    assert "no such kernel: ad" in capsys.readouterr().err
