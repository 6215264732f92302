"""Well-known kinds of PyTorch programs, unchanged but for their import lines, on tiny data."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad
from tests import program_runner

ADVERSARIAL = {"dcgan", "reinforce"}  # their losses need not fall


@pytest.mark.filterwarnings("ignore:autocast", "ignore:GradScaler")
@pytest.mark.parametrize("name", program_runner.NAMES)
def test_program_learns(name: str) -> None:
    program = program_runner.load(name, "minigrad")
    minigrad.manual_seed(0)
    losses = program.train(program.build())
    assert np.isfinite(losses).all()
    if name not in ADVERSARIAL:
        third = len(losses) // 3
        assert np.mean(losses[-third:]) < np.mean(losses[:third])


def test_only_the_import_lines_change() -> None:
    program = program_runner.load("dcgan", "minigrad")
    assert program.torch is minigrad
    assert program.nn is minigrad.nn
