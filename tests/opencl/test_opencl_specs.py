"""Every primitive on OpenCL, held against its spec, as tests/test_specs.py does on the CPU. A few
seeded examples each: the conformance suite has tried the kernels themselves on many."""

from __future__ import annotations

import opencl_runtimes as runtimes
import pytest

import minigrad
from minigrad.testing import checks, specs
from minigrad.testing.draws import Seeded

EXAMPLES = 3


@pytest.mark.parametrize("name", runtimes.parameters()[:1])
@pytest.mark.parametrize(("spec", "check"), checks.cases(), ids=checks.name_of)
def test_spec(spec: specs.OpSpec, check: str, name: str) -> None:
    for seed in range(1 if check in ("points", "errors") else EXAMPLES):
        checks.CHECKS[check](spec, Seeded(seed), minigrad.device(name))
