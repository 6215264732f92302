"""Every primitive, held against its spec: each row is an op and a property that must hold for it.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.testing import checks, specs
from minigrad.testing.strategies import Drawn


@pytest.mark.parametrize(("spec", "check"), checks.cases(), ids=checks.name_of)
@given(data=st.data())
def test_spec(spec: specs.OpSpec, check: str, device: Any, data: st.DataObject) -> None:
    checks.CHECKS[check](spec, Drawn(data.draw), device)


def test_every_primitive_has_a_spec() -> None:
    assert specs.missing() == [], 'README.md, "Add an op", says what a primitive needs'


def test_every_spec_is_of_something() -> None:
    from minigrad.autograd.primitive import table

    assert [name for name in specs.table if name not in table] == []


def test_every_float_op_has_its_gradient_checked() -> None:
    """What has rules is checked by differences, to first and second order, unless the spec says
    that it is flat.
    """
    from minigrad.autograd.primitive import table

    for name, spec in specs.table.items():
        if table[name].differentiable:
            found = checks.applicable(spec)
            assert "gradient" in found, name
            assert "second" in found or spec.zero, name
