"""The boxes of lesson 9 beside those of torchops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lesson_parts import definitions
from vision import ops, torch

import minigrad

lesson = definitions("09_identifying_objects.py")

pytestmark = pytest.mark.oracle
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def boxes(rng, n):
    low = rng.uniform(0, 20, (n, 2))
    return np.concatenate([low, low + rng.uniform(1, 20, (n, 2))], 1).astype(np.float32)


@given(seeds)
def test_iou_and_giou(rng):
    a, b = boxes(rng, 5), boxes(rng, 4)
    found = lesson.iou_and_giou(minigrad.tensor(a)[:, None], minigrad.tensor(b))
    theirs = ops.box_iou, ops.generalized_box_iou
    for out, function in zip(found, theirs, strict=True):
        expected = function(torch.tensor(a), torch.tensor(b))
        np.testing.assert_allclose(out.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


@given(seeds)
def test_focal_loss_and_its_gradient(rng):
    scores, truth = rng.normal(0, 4, (7, 3)), rng.integers(0, 2, (7, 3)).astype(float)
    x, y = minigrad.tensor(scores, requires_grad=True), torch.tensor(scores, requires_grad=True)
    out = lesson.focal_loss(x, minigrad.tensor(truth))
    expected = ops.sigmoid_focal_loss(y, torch.tensor(truth), reduction="sum")
    assert out.item() == pytest.approx(expected.item())
    out.backward()
    expected.backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-9, atol=1e-12)
