"""The BLEU that lesson 10 writes out is that of sacrebleu, which papers report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lesson_parts import definitions

sacrebleu = pytest.importorskip("sacrebleu", reason="needs more: pip install -e '.[oracle]'")
lesson = definitions("10_machine_translation.py")
sentences = st.lists(st.sampled_from("a b c d .".split()), max_size=8).map(" ".join)


@given(st.lists(st.tuples(sentences, sentences), min_size=1, max_size=8))
def test_bleu_is_that_of_sacrebleu(pairs):
    """Where there is a run of four words at all: without one, sacrebleu says 0."""
    outputs, references = (list(side) for side in zip(*pairs, strict=True))
    theirs = sacrebleu.corpus_bleu(outputs, [references], smooth_method="none", tokenize="none")
    if any(len(text.split()) >= 4 for text in outputs):
        assert lesson.bleu(outputs, references) == pytest.approx(theirs.score, abs=1e-6)
