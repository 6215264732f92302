"""How is this word spoken? A GRU reads its letters, another one writes phonemes (Park, 2018).

    python tutorials/models/phonemes.py [WORD ...]
"""

import sys

import numpy as np
from weights import WEIGHTS

import minigrad as torch
from minigrad import nn

LETTERS = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
STRESSED = [vowel + stress for vowel in VOWELS for stress in "012"]
PHONEMES = ["<pad>", "<unk>", "<s>", "</s>", *sorted([*STRESSED, *CONSONANTS, "UW"])]
WIDTH, LONGEST = 256, 20


class Speller(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), WIDTH)
        self.reader = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.phonemes = nn.Embedding(len(PHONEMES), WIDTH)
        self.writer = nn.GRUCell(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, len(PHONEMES))

    def forward(self, letters):
        """Letters (T,) to the most probable phonemes, one after the other."""
        _, h = self.reader(self.letters(letters).unsqueeze(0))
        h, last, out = h[0], PHONEMES.index("<s>"), []
        while len(out) < LONGEST:
            h = self.writer(self.phonemes(torch.tensor([last])), h)
            last = self.head(h).argmax().item()
            if PHONEMES[last] == "</s>":
                break
            out.append(PHONEMES[last])
        return out


def load():
    """The model with its weights."""
    arrays = np.load(WEIGHTS["phonemes"].require("phonemes"))
    names = {
        "enc_emb": "letters.weight", "dec_emb": "phonemes.weight",
        "fc_w": "head.weight", "fc_b": "head.bias",
    }  # fmt: skip
    for part, ours, end in (("enc", "reader", "_l0"), ("dec", "writer", "")):
        for theirs, name in (("w", "weight"), ("b", "bias")):
            for kind in ("ih", "hh"):
                names[f"{part}_{theirs}_{kind}"] = f"{ours}.{name}_{kind}{end}"
    model = Speller()
    model.load_state_dict({ours: torch.tensor(arrays[key]) for key, ours in names.items()})
    return model.eval()


@torch.no_grad()
def spoken(model, word):
    """The phonemes of a word."""
    known = [letter if letter in LETTERS else "<unk>" for letter in word.lower()]
    return model(torch.tensor([LETTERS.index(letter) for letter in [*known, "</s>"]]))


if __name__ == "__main__":
    model = load()
    for word in sys.argv[1:] or ["activation", "minigrad", "gradient"]:
        print(f"{word}: {' '.join(spoken(model, word))}")
