"""What lesson 9 measures detectors with, and what its detector is told: by properties."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lesson_parts import definitions

import minigrad
import minigrad.nn.functional as F
from minigrad.testing.gradcheck import gradcheck

SIDE = 12  # of the pictures in which these boxes are
lesson = definitions("09_identifying_objects.py")


@st.composite
def boxes(draw, fewest=0, most=6):
    """Of whole pixels, (n, 4): left, top, right, bottom."""
    sides = st.lists(st.integers(0, SIDE), min_size=2, max_size=2, unique=True).map(sorted)
    pairs = draw(st.lists(st.tuples(sides, sides), min_size=fewest, max_size=most))
    corners = [(left, top, right, bottom) for (left, right), (top, bottom) in pairs]
    return np.array(corners, np.float32).reshape(-1, 4)


def pixels(box):
    """Which pixels are in a box, counted one by one."""
    left, top, right, bottom = box.astype(int)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[top:bottom, left:right] = True
    return inside


@st.composite
def answers(draw):
    """Boxes, some of them near to each other, and how sure of each one is, all different."""
    some = draw(boxes(1))
    moved = some + draw(hnp.arrays(np.float32, some.shape, elements=st.integers(0, 1)))
    every = np.concatenate([some, moved])
    return every, np.array(draw(st.permutations(range(len(every))))) / np.float32(len(every))


# -- how well two boxes agree ----------------------------------------------------------------------


@given(boxes(1, 1), boxes(1, 1))
def test_iou_and_giou_count_pixels(a, b):
    iou, giou = (x.item() for x in lesson.iou_and_giou(*map(minigrad.tensor, (a[0], b[0]))))
    shared, union = (pixels(a[0]) & pixels(b[0])).sum(), (pixels(a[0]) | pixels(b[0])).sum()
    hull = np.prod(np.maximum(a[0, 2:], b[0, 2:]) - np.minimum(a[0, :2], b[0, :2]))
    assert iou == pytest.approx(shared / union)
    assert giou == pytest.approx(iou - (hull - union) / hull, abs=1e-6)


@given(boxes(), boxes())
def test_overlaps_are_those_of_each_pair(a, b):
    overlap = lesson.overlaps(a, b)
    assert overlap.shape == (len(a), len(b))
    assert (overlap == lesson.overlaps(b, a).T).all()
    assert ((overlap >= 0) & (overlap <= 1)).all()
    assert (np.diag(lesson.overlaps(a, a)) == 1).all()


def test_giou_draws_boxes_together_that_do_not_touch():
    a = minigrad.tensor([0.0, 0, 2, 2], requires_grad=True)
    iou, giou = lesson.iou_and_giou(a, minigrad.tensor([5.0, 4, 8, 7]))
    (nowhere,) = minigrad.autograd.grad(iou, a, retain_graph=True)
    assert (nowhere == 0).all()
    (way,) = minigrad.autograd.grad(giou, a)
    closer = lesson.iou_and_giou(a + 0.1 * way, minigrad.tensor([5.0, 4, 8, 7]))[1]
    assert closer > giou


@pytest.mark.cpu
def test_giou_has_the_right_gradient():
    a = minigrad.tensor([[0.0, 0, 4, 3], [0.5, 0.5, 1.5, 2]], dtype=minigrad.float64)
    b = minigrad.tensor([[1.0, 1, 6, 2.5], [3.0, 3, 4, 5]], dtype=minigrad.float64)
    gradcheck(lesson.iou_and_giou, (a.requires_grad_(), b.requires_grad_()))


# -- non-maximum suppression -----------------------------------------------------------------------


@given(answers(), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_nms_keeps_the_surest_and_drops_what_overlaps_a_surer_one(answer, most):
    """These three say all: no other choice has them."""
    boxes, sure = answer
    kept = lesson.nms(boxes, sure, most)
    overlap = lesson.overlaps(boxes, boxes)
    assert sure[kept].tolist() == sorted(sure[kept].tolist(), reverse=True)
    assert all(overlap[i, j] <= most for i in kept for j in kept if i != j)
    for i in set(range(len(boxes))) - set(kept):
        assert any(overlap[i, j] > most and sure[j] > sure[i] for j in kept)


@given(answers(), st.data())
def test_nms_does_not_depend_on_the_order(answer, data):
    boxes, sure = answer
    order = np.array(data.draw(st.permutations(range(len(boxes)))))
    kept = order[lesson.nms(boxes[order], sure[order], 0.5)]
    assert kept.tolist() == lesson.nms(boxes, sure, 0.5)


def test_nms_of_nothing():
    assert lesson.nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5) == []


# -- what is right, and the average precision ------------------------------------------------------


@given(hnp.arrays(float, st.tuples(st.integers(0, 6), st.integers(0, 4)),
                  elements=st.sampled_from([0.0, 0.4, 0.5, 0.7, 0.9])))  # fmt: skip
def test_each_true_box_is_found_once_by_the_surest(agreed):
    right = lesson.right_ones(agreed, 0.5)
    fit = agreed >= 0.5
    assert right.sum() <= fit.any(0).sum()
    assert not (right & ~fit.any(1)).any()
    for i in np.flatnonzero(fit.sum(1) == 1):  # one that fits a single true box: if it is free
        (rival,) = np.flatnonzero(fit[i])
        if not fit[:i, rival].any():
            assert right[i]


def test_a_second_answer_is_wrong_and_the_better_place_is_taken():
    assert lesson.right_ones(np.array([[0.5], [0.5]]), 0.5).tolist() == [True, False]
    both = np.array([[0.6, 0.9], [0.0, 0.8], [0.7, 0.0]])
    assert lesson.right_ones(both, 0.5).tolist() == [True, False, True]


def area_under_the_curve(right, n):
    """By the definition: over each step of the recall, the best precision at it or later."""
    prefixes = [right[:i] for i in range(1, len(right) + 1)]
    total = 0.0
    for step in range(1, n + 1):
        total += max((sum(p) / len(p) for p in prefixes if sum(p) >= step), default=0.0) / n
    return total


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 4))
def test_average_precision_is_the_area_under_the_curve(right, missed):
    n = sum(right) + missed
    assume(n > 0)
    found = lesson.average_precision(np.array(right, bool), n)
    assert found == pytest.approx(area_under_the_curve(right, n))


@given(st.integers(1, 9), st.integers(0, 9))
def test_average_precision_of_a_perfect_detector(n, wrong):
    """Wrong ones do not matter if they come last; they do if they come first."""
    right = np.arange(n + wrong) < n
    assert lesson.average_precision(right, n) == 1
    assert lesson.average_precision(right[::-1], n) == pytest.approx(n / (n + wrong))


def sample_of(rng):
    """No picture; ten boxes, and each digit once."""
    low = rng.integers(0, 20, (10, 2))
    high = low + rng.integers(3, 20, (10, 2))
    return None, np.concatenate([low, high], 1).astype(np.float32), rng.permutation(10)


@given(st.integers(0, 2**32 - 1))
def test_average_precisions_know_scenes_and_digits(seed):
    rng = np.random.default_rng(seed)
    samples = [sample_of(rng) for _ in range(3)]
    sure = [np.sort(rng.random(10))[::-1] for _ in samples]
    found = [(*sample[1:], column) for sample, column in zip(samples, sure, strict=True)]
    assert (lesson.average_precisions(samples, found) == 1).all()
    assert (lesson.average_precisions(samples[::-1], found[::-1]) == 1).all()
    nothing = [column[:0] for column in found[0]]
    one_of_three = lesson.average_precisions(samples, [nothing, found[1], nothing])
    assert one_of_three == pytest.approx(np.full((10, 10), 1 / 3))
    moved = [(boxes + 1, digits, sure) for boxes, digits, sure in found]
    of_moved = lesson.average_precisions(samples, moved)
    assert (np.diff(of_moved, axis=0) <= 0).all() and of_moved[-1].max() == 0


def test_the_surest_of_all_scenes_come_first_and_digits_count():
    sample = sample_of(np.random.default_rng(0))
    _, boxes, digits = sample
    right, wrong = np.full(10, 0.5), np.full(10, 0.5)
    others = (boxes + 40, digits, wrong)
    for how_sure, expected in ((0.2, 1 / 2), (0.8, 1 / 4)):
        wrong[:] = how_sure
        found = [(boxes, digits, right), others]
        of_digits = lesson.average_precisions([sample, sample], found)
        assert of_digits == pytest.approx(np.full((10, 10), expected))
    apart = np.array([[0, 0, 5, 5], [9, 9, 14, 14]], np.float32)
    agreed = lesson.agreement((apart, np.array([1, 2])), (None, apart, np.array([2, 2])))
    assert agreed.tolist() == [[0, 0], [0, 1]]


# -- what the detector is told ---------------------------------------------------------------------


places = st.sampled_from([0, 84]) | st.integers(0, 84)


@given(boxes(1, 1), st.integers(0, 9), st.tuples(places, places))
@example(np.float32([[9, 0, 12, 3]]), 3, (84, 84))
@example(np.float32([[0, 9, 3, 12]]), 3, (0, 84))
def test_the_cells_around_the_middle_of_a_box_answer_for_it(box, digit, place):
    box = box + np.array(place * 2, np.float32)
    cells, targets = lesson.answers(box, [digit])
    chosen = cells == digit
    assert chosen.sum() == 4 and (cells[~chosen] == 10).all()
    assert (targets[chosen] == box).all()
    middle, middles = (box[0, :2] + box[0, 2:]) / 2, lesson.Detector().middles.numpy()
    for away in np.abs(middles - middle).T:  # across, then down
        nearest = np.sort(away[:: lesson.CELLS + 1])[:2]
        assert set(away[chosen].tolist()) == set(nearest.tolist())


@given(st.integers(0, 2**32 - 1))
def test_a_scene_knows_its_boxes(seed):
    """The ink of each digit is in its box, and touches all sides; none overlap without crowding."""
    rng = np.random.default_rng(seed)
    inks = [np.ones((1, 20, 20), np.float32), np.ones((1, 20, 14), np.float32)]
    scene, found, digits = lesson.compose(rng, inks, np.array([3, 8]), crowding=0.0)
    assert scene.shape == (1, lesson.SIDE, lesson.SIDE) and len(found) == len(digits) > 0
    assert found.min() >= 0 and found.max() <= lesson.SIDE
    overlap = lesson.overlaps(found, found)
    assert (overlap[~np.eye(len(found), dtype=bool)] == 0).all()
    for left, top, right, bottom in found.astype(int):
        assert scene[0, top:bottom, left:right].min() >= 0.4 - 1e-6


def test_a_new_detector_expects_nothing_anywhere():
    scores, boxes = lesson.Detector()(minigrad.zeros(2, 1, lesson.SIDE, lesson.SIDE))
    assert scores.shape == (2, 144, 10) and boxes.shape == (2, 144, 4)
    assert 0.005 < scores.sigmoid().mean() < 0.02
    assert (boxes[..., 2:] > boxes[..., :2]).all()


@given(hnp.arrays(np.float32, 6, elements=st.floats(-8, 8, width=32)), st.integers(0, 63))
def test_focal_loss_is_its_formula(scores, bits):
    truth = np.array([bits >> i & 1 for i in range(6)])
    p = 1 / (1 + np.exp(-scores.astype(float)))
    p = np.where(truth, p, 1 - p)
    expected = -np.where(truth, 0.25, 0.75) * (1 - p) ** 2 * np.log(p)
    found = lesson.focal_loss(minigrad.tensor(scores), minigrad.tensor(truth).float()).item()
    assert found == pytest.approx(expected.sum(), rel=1e-4)


@given(boxes(1, 1), st.integers(0, 9))
def test_the_loss_is_nothing_for_what_was_told_and_more_for_all_else(box, digit):
    digits, targets = (minigrad.tensor(x)[None] for x in lesson.answers(box, [digit]))
    sure = 40 * F.one_hot(digits, 11)[..., :10].float() - 20

    def loss(scores, boxes):
        return lesson.detection_loss((scores, boxes), digits, targets).item()

    assert abs(loss(sure, targets)) < 1e-6
    assert loss(sure, targets + 1) > 0.01
    assert loss(sure.roll(1, -1), targets) > 1
    assert loss(sure * 0, targets) > 1
