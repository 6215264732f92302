"""Every primitive on OpenCL, held against its spec, as tests/test_specs.py does on the CPU. A few
seeded examples each: the conformance suite has tried the kernels themselves on many."""

from __future__ import annotations

import os
import subprocess
import sys

import opencl_runtimes as runtimes
import pytest

import minigrad
from minigrad.testing import checks, conformance, specs
from minigrad.testing.draws import Seeded

EXAMPLES = 3


@pytest.mark.parametrize("name", runtimes.parameters())
@pytest.mark.parametrize(("spec", "check"), checks.cases(), ids=checks.name_of)
def test_spec(spec: specs.OpSpec, check: str, name: str) -> None:
    try:
        for seed in range(1 if check in ("points", "errors") else EXAMPLES):
            checks.CHECKS[check](spec, Seeded(seed), minigrad.device(name))
    except conformance.Skip as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", runtimes.parameters())
def test_values_and_errors_without_float64(name: str) -> None:
    program = (
        "import contextlib, minigrad; from minigrad.testing import checks, conformance, draws\n"
        "for spec, check in checks.cases():\n"
        "    if check in ('forward', 'edges', 'layouts', 'untouched', 'errors'):\n"
        "        with contextlib.suppress(conformance.Skip):\n"
        f"            checks.CHECKS[check](spec, draws.Seeded(0), minigrad.device({name!r}))"
    )
    environment = {**os.environ, "MINIGRAD_OPENCL_DISABLE": "fp64"}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True,
        check=False)
    assert result.returncode == 0, result.stderr
