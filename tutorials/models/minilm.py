"""How alike are two sentences? MiniLM, a small BERT, makes a vector of each; their cosine says it.

The encoder of a Transformer (Vaswani et al., 2017; Devlin et al., 2019), with 6 layers of width
384, distilled from a larger one (Wang et al., 2020) and trained on a billion pairs of sentences.
The modules have the names that the weights have, so load_state_dict finds them.

    python tutorials/models/minilm.py
"""

import unicodedata

import numpy as np
from weights import WEIGHTS

import minigrad as torch
from minigrad import nn
from minigrad.nn import functional as F

WIDTH, LAYERS, HEADS, EPS = 384, 6, 12, 1e-12


class Tokenizer:
    """WordPiece: words, lower-case and without accents, cut into the longest pieces there are."""

    def __init__(self, path):
        words = path.read_text(encoding="utf-8").splitlines()
        self.numbers = {word: i for i, word in enumerate(words)}

    def __call__(self, sentence):
        pieces = [piece for word in self.words(sentence) for piece in self.pieces(word)]
        return [self.numbers[piece] for piece in ["[CLS]", *pieces, "[SEP]"]]

    def words(self, sentence):
        out = ""
        for c in unicodedata.normalize("NFD", sentence.lower()):
            kind = unicodedata.category(c)
            if kind != "Mn":
                symbol = kind.startswith("P") or c in "$+<=>^`|~"
                out += f" {c} " if symbol else c
        return out.split()

    def pieces(self, word):
        found = []
        while word:
            ends = range(len(word), 0, -1)
            mark = "##" if found else ""
            end = next((n for n in ends if mark + word[:n] in self.numbers), None)
            if end is None:
                return ["[UNK]"]
            found.append(mark + word[:end])
            word = word[end:]
        return found


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.word_embeddings = nn.Embedding(30522, WIDTH)
        self.position_embeddings = nn.Embedding(512, WIDTH)
        self.token_type_embeddings = nn.Embedding(2, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPS)
        self.register_buffer("position_ids", torch.arange(512).unsqueeze(0))

    def forward(self, x):
        x, places = self.word_embeddings(x), self.position_ids[:, : x.shape[1]]
        kind = self.token_type_embeddings.weight[0]
        return self.LayerNorm(x + self.position_embeddings(places) + kind)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, mask):
        q, k, v = (
            layer(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return out.transpose(1, 2).flatten(2)


class Output(nn.Module):
    """Back to the width of x, which is added."""

    def __init__(self, features):
        super().__init__()
        self.dense = nn.Linear(features, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPS)

    def forward(self, y, x):
        return self.LayerNorm(self.dense(y) + x)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.ModuleDict({"self": SelfAttention(), "output": Output(WIDTH)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, 4 * WIDTH)})
        self.output = Output(4 * WIDTH)

    def forward(self, x, mask):
        x = self.attention["output"](self.attention["self"](x, mask), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class MiniLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = Embeddings()
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(LAYERS))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH)})  # of training; not used

    def forward(self, x, lengths):
        """x (N, T), padded, and the lengths (N,): vectors (N, WIDTH) of length 1."""
        inside = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
        mask = inside[:, None, None]
        x = self.embeddings(x)
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        mean = torch.where(inside.unsqueeze(2), x, 0.0).sum(1) / lengths.unsqueeze(1)
        return F.normalize(mean)


def load():
    """The model with its weights, and its tokenizer."""
    folder = WEIGHTS["minilm"].require("minilm")
    model = MiniLM()
    model.load_state_dict(torch.load(folder / "model.safetensors"))
    return model.eval(), Tokenizer(folder / "vocab.txt")


@torch.no_grad()
def vectors(model, tokenizer, sentences):
    """(N, WIDTH)"""
    rows = [torch.tensor(tokenizer(sentence)) for sentence in sentences]
    lengths = torch.tensor([len(row) for row in rows])
    return model(nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths)


if __name__ == "__main__":
    model, tokenizer = load()
    sentences = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ]
    first, *others = vectors(model, tokenizer, sentences)
    print(f"How like {sentences[0]!r} is")
    for sentence, vector in zip(sentences[1:], others, strict=True):
        print(f"    {(first @ vector).item():.7f}  {sentence!r}")
    assert np.allclose((first @ first).item(), 1)
