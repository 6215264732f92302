"""What lesson 10 writes out: pieces of words, BLEU, batches, masks and search, by properties."""

import itertools
import math
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lesson_parts import definitions

import minigrad
from minigrad import nn

lesson = definitions("10_machine_translation.py")
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("ab é.")
few_words = st.lists(st.sampled_from("a b c d .".split()), max_size=8).map(" ".join)
pairs_of_texts = st.lists(st.tuples(few_words, few_words), max_size=6)


def subwords_of(sentences, joins=20):
    counted = Counter(word for text in sentences for word in lesson.WORD.findall(text))
    return lesson.Subwords(lesson.learn_joins(counted, joins))


# -- pieces of words -------------------------------------------------------------------------------


@given(st.lists(texts, max_size=3), st.integers(0, 30), texts)
def test_nothing_is_lost_in_pieces(sentences, joins, text):
    for said in (*sentences, text):
        subwords = subwords_of(sentences, joins)
        numbers = subwords.encode(said)
        assert subwords.decode(numbers) == said
        assert subwords.decode([lesson.BEGIN, *numbers, lesson.END, lesson.PAD]) == said
        assert all(lesson.END < number < len(subwords.pieces) for number in numbers)


@given(st.lists(st.text("ab "), max_size=5))
@example(["ba baaa"])  # the pair that was joined first is not the first in the word
def test_joins_are_the_most_frequent_pairs(sentences):
    """Counted anew after each join, and the same in each run."""
    counted = Counter(word for text in sentences for word in lesson.WORD.findall(text))
    joins = lesson.learn_joins(counted, 6)
    assert joins == lesson.learn_joins(counted, 6)
    parts = {word: lesson.single_bytes(word) for word in counted}
    for best in joins:
        count = Counter()
        for word, times in counted.items():
            for pair in zip(parts[word], parts[word][1:], strict=False):
                count[pair] += times
        assert count[best] == max(count.values())
        parts = {word: lesson.joined(p, best) for word, p in parts.items()}
    assert len(joins) == 6 or all(len(p) == 1 for p in parts.values())
    subwords = lesson.Subwords(joins)
    for word, p in parts.items():  # what it learnt from is encoded as it was joined
        assert b"".join(p) == word.encode()
        assert [subwords.pieces[i] for i in subwords.encode(word)] == list(p)


def test_pieces_by_hand():
    assert lesson.joined((b"a", b"a", b"a"), (b"a", b"a")) == (b"aa", b"a")
    counted = Counter({"low": 5, " lower": 2, "new": 4})
    joins = lesson.learn_joins(counted, 3)
    assert joins[:2] == [(b"l", b"o"), (b"lo", b"w")]
    text = "It's  (so) l'été."
    assert lesson.WORD.findall(text) == "It|'|s| | (|so|)| l|'|été|.".split("|")


# -- BLEU ------------------------------------------------------------------------------------------


def test_bleu_by_hand():
    the_cat = ["the cat is on the mat"]
    assert lesson.bleu(["the the the the the the the"], the_cat) == 0  # 2 of 7, then none
    assert lesson.bleu(["the cat is on"], the_cat) == pytest.approx(100 * math.exp(1 - 6 / 4))
    # Over all sentences at once: 4 + 2 of 7 words, 3 + 1 of 5 runs of two, 2 of 3, 1 of 1.
    out, wanted = ["a b c d", "a b x"], ["a b c d", "a b c"]
    by_hand = 100 * (6 / 7 * 4 / 5 * 2 / 3 * 1 / 1) ** 0.25
    assert lesson.bleu(out, wanted) == pytest.approx(by_hand)
    # No output has four words, so that runs of four do not count.
    out, wanted = ["a b c", "a x"], ["a b c", "a b"]
    assert lesson.bleu(out, wanted) == pytest.approx(100 * (4 / 5 * 2 / 3 * 1 / 1) ** (1 / 3))


@given(pairs_of_texts, st.randoms())
def test_bleu_properties(pairs, random):
    outputs, references = [a for a, _ in pairs], [b for _, b in pairs]
    score = lesson.bleu(outputs, references)
    assert 0 <= score <= 100 + 1e-9
    assert lesson.bleu([""] * len(pairs), references) == 0
    if any(lesson.words(text) for text in references):
        assert lesson.bleu(references, references) == pytest.approx(100)
    mixed = random.sample(pairs, len(pairs))
    assert lesson.bleu([a for a, _ in mixed], [b for _, b in mixed]) == pytest.approx(score)
    longer = [f"{text} zz" for text in outputs]
    if sum(len(lesson.words(a)) - len(lesson.words(b)) for a, b in pairs) >= 0 and score:
        assert lesson.bleu(longer, references) < score, "a word too many must cost something"


# -- batches ---------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1), st.integers(9, 40))
def test_buckets_have_each_pair_once_and_keep_to_their_room(lengths, room):
    pairs = [([0] * a, [0] * b) for a, b in lengths]
    batches = list(lesson.Buckets(pairs, room))
    assert sorted(i for batch in batches for i in batch) == list(range(len(pairs)))
    sizes = [[max(lengths[i]) for i in batch] for batch in batches]
    assert all(max(batch) * len(batch) <= room for batch in sizes)
    sizes.sort(key=lambda batch: (min(batch), max(batch), -len(batch)))
    for batch, following in itertools.pairwise(sizes):
        assert max(batch) <= min(following), "lengths are mixed"
        assert min(following) * (len(batch) + 1) > room, "there was room for one more"


def test_padding():
    assert lesson.padded([[3, 4], [5]]).tolist() == [[3, 4], [5, lesson.PAD]]


# -- the search ------------------------------------------------------------------------------------

PIECES = 6  # PAD, BEGIN, END and three more
SENTENCES = [[3, lesson.END], [4, 4, 3, lesson.END], [5, lesson.END]]
seeds = st.integers(0, 1000)


class Table:
    """Scores at random for a sentence, a place and the piece there, in the form of a Translator."""

    def __init__(self, seed):
        generator = minigrad.Generator().manual_seed(seed)
        self.table = 2 * minigrad.randn(PIECES, 4, PIECES, PIECES, generator=generator)
        self.pieces = nn.Embedding(PIECES, PIECES, _weight=minigrad.eye(PIECES))

    def read(self, x):
        return x[:, :1], x == lesson.PAD

    def write(self, y, meaning, padding):
        return self.table[meaning, minigrad.arange(y.shape[1]), y]

    def log_probability(self, x, y):
        """Of the pieces y as a translation of x."""
        places = range(len(y))
        log_p = self.table[x[0], places, [lesson.BEGIN, *y[:-1]]].log_softmax(-1)
        return log_p[places, y].sum().item()


def all_translations(limit):
    """Every row of pieces that ends in END or is as long as the limit."""
    rows = itertools.chain.from_iterable(
        itertools.product(range(PIECES), repeat=n) for n in range(1, limit + 1)
    )
    return [
        row for row in rows
        if lesson.END not in row[:-1] and (row[-1] == lesson.END or len(row) == limit)
    ]  # fmt: skip


def found(model, beam, penalty, limit):
    """What the search finds for each sentence, without BEGIN and what is after END."""
    rows = lesson.search(model, lesson.padded(SENTENCES), beam, penalty, limit)
    ends = [[*row, lesson.END].index(lesson.END) + 1 for row in rows]
    assert all(set(row[end:]) <= {lesson.PAD} for row, end in zip(rows, ends, strict=True))
    return [tuple(row[1:end]) for row, end in zip(rows, ends, strict=True)]


@settings(max_examples=10)
@given(seeds, st.sampled_from([0.0, 0.6, 2.0]))
def test_a_beam_that_holds_all_finds_the_best_of_all(seed, penalty):
    model = Table(seed)
    every = all_translations(3)
    outputs = (found(model, beam, penalty, 3) for beam in (PIECES**2, 2))
    for x, out, by_two in zip(SENTENCES, *outputs, strict=True):
        worth = {y: model.log_probability(x, list(y)) / len(y) ** penalty for y in every}
        assert worth[out] == pytest.approx(max(worth.values()), abs=1e-5)
        assert worth[by_two] <= worth[out] + 1e-5


@given(seeds)
def test_a_beam_of_one_is_greedy(seed):
    model = Table(seed)
    for x, out in zip(SENTENCES, found(model, 1, 0.6, 4), strict=True):
        y = [lesson.BEGIN]
        while len(y) <= 4 and y[-1] != lesson.END:
            y.append(model.table[x[0], len(y) - 1, y[-1]].argmax().item())
        assert out == tuple(y[1:])


# -- the model -------------------------------------------------------------------------------------


def test_what_is_hidden_makes_no_difference():
    minigrad.manual_seed(0)
    model = lesson.Translator(PIECES, 16, 2, 2).eval()
    x, y = minigrad.tensor([SENTENCES[0]]), minigrad.tensor([[1, 3, 5]])
    out = model(x, y)
    more = model(lesson.F.pad(x, (0, 2)), lesson.F.pad(y, (0, 2), value=4))
    assert (more[:, :3] - out).abs().max() < 1e-4
    cheat = model(x, y, False)
    later = model(x, minigrad.tensor([[1, 3, 4]]), False)
    assert (cheat - later)[:, :2].abs().max() > 1e-3, "without the mask it looks ahead"


def test_places_are_waves():
    out = lesson.waves(7, 6)
    assert out.shape == (7, 6)
    for k in range(3):
        for t in range(7):
            angle = t / 10_000 ** (2 * k / 6)
            expected = [math.sin(angle), math.cos(angle)]
            assert out[t, 2 * k : 2 * k + 2].tolist() == pytest.approx(expected, abs=1e-6)
