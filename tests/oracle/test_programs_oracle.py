"""The programs of tests/programs in PyTorch and in minigrad: from equal weights, equal losses."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad
from tests import program_runner

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::FutureWarning")]


@pytest.mark.parametrize("name", program_runner.NAMES)
def test_the_same_losses(name: str) -> None:
    theirs, ours = (program_runner.load(name, library) for library in ("torch", "minigrad"))
    torch.manual_seed(0)
    model, expected_model = ours.build(), theirs.build()
    weights = expected_model.state_dict()
    model.load_state_dict({key: minigrad.tensor(x.numpy()) for key, x in weights.items()})
    expected = theirs.train(expected_model)
    np.testing.assert_allclose(ours.train(model), expected, 2e-4, 2e-5)
