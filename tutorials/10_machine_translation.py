# %% [markdown]
# # 10. Machine translation
#
# A network reads an English sentence and writes a French one. It is given no grammar and no
# dictionary, only the help of LibreOffice in both languages: 31,000 paragraphs of which each says
# the same twice. It is examined on pages that it has never seen.
#
#     make data ARGS="libreoffice-en-US libreoffice-fr"
#     python tutorials/10_machine_translation.py             18 minutes on two cores
#     python tutorials/10_machine_translation.py --quick     seconds, for a look
#
# (MINIGRAD_BACKEND=opencl in front of it: ten minutes.) It ends at 30.9 BLEU, of which more below;
# to look up the most similar English sentence and copy its French gives 11.1.
#
# Why French? Of the Korean help only half is translated, and BLEU counts words, which French
# separates by spaces. For German, which has as many pairs, one word changes below.

# %%
import argparse
import functools
import itertools
import math
import random
import re
from collections import Counter, defaultdict
from pathlib import Path

import minigrad
import minigrad.nn.functional as F
from minigrad import datasets, nn, optim
from minigrad.utils.data import DataLoader, Sampler

parser = argparse.ArgumentParser(description="A Transformer learns to translate into French.")
parser.add_argument("--quick", action="store_true", help="few sentences, for a few seconds")
parser.add_argument("--steps", type=int, help="how long to train")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default="tutorial-output", help="folder for pictures")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
minigrad.manual_seed(options.seed)

# %% [markdown]
# ## No peeking
#
# Help repeats itself: "Choose Format - Cells" stands on many pages. Who holds out sentences by
# chance examines what was learnt by heart. So whole pages are held out, and of these every pair is
# dropped of which one side stands on another page: more than a third.

# %%
def split(pages):
    """Pairs to learn from, and pairs to be examined with: of other pages, no text in both."""
    names = sorted(pages)
    random.Random(0).shuffle(names)
    held_out, others = names[: len(names) // 12], names[len(names) // 12 :]
    known = list(dict.fromkeys(pair for name in others for pair in pages[name]))
    texts = {text for pair in known for text in pair}
    asked = list(dict.fromkeys(pair for name in held_out for pair in pages[name]))
    fresh = [pair for pair in asked if not texts.intersection(pair)]
    print(f"{len(known):,} pairs to learn from; of {len(asked):,} on the pages held out")
    print(f"{len(asked) - len(fresh):,} are known from others, and dropped")
    return known, random.Random(0).sample(fresh, len(fresh))


known, asked = split(datasets.libreoffice_files("fr"))
known, asked = (known[::50], asked[:30]) if options.quick else (known, asked[:800])

# %% [markdown]
# ## What is a good translation?
#
# There is more than one, but a good one shares many words with that of a human, and many runs of
# two, three and four words. BLEU (Papineni et al., 2002) takes, over all sentences, the share p[n]
# of the runs of n words that the reference has too, none counted more often than there. To write
# little, and only what is certain, must not pay; so it is less where our words are fewer:
#
#     BLEU = (p[1] p[2] p[3] p[4])^(1/4) min(1, e^(1 - their words / our words))

# %%
def words(text):
    return re.findall(r"\w+|[^\w\s]", text)


def runs(found, n):
    """How often each run of n words is among these."""
    return Counter(zip(*(found[i:] for i in range(n)), strict=False))


def bleu(outputs, references):
    """BLEU in per cent. Runs longer than every output are not asked for."""
    shared, made, theirs = [0] * 4, [0] * 4, 0
    for output, reference in zip(map(words, outputs), map(words, references), strict=True):
        theirs += len(reference)
        for n in range(4):
            shared[n] += (runs(output, n + 1) & runs(reference, n + 1)).total()
            made[n] += max(0, len(output) - n)
    shares = [m / n for m, n in zip(shared, made, strict=True) if n]
    if not shares or 0 in shares:
        return 0.0
    return 100 * math.prod(shares) ** (1 / len(shares)) * math.exp(min(0, 1 - theirs / made[0]))


# Of the words 5 of 6 are right (one "the" too many), of the pairs 3 of 5, then 2 of 4, 1 of 3.
by_hand = 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
assert abs(bleu(["the cat sat on the mat"], ["the cat sat on a mat"]) - by_hand) < 1e-9

# %% [markdown]
# ## First, look it up
#
# Translators keep a *memory* of all that they have translated, and search it for the sentence with
# most words in common, where rare words weigh more. What that finds, and the English itself (names
# are the same in both), are to be beaten.

# %%
def look_up(known, asked):
    """The French of the most similar known sentence, by the cosine of the weights of the words."""
    places, length = defaultdict(dict), Counter()
    for i, (english, _) in enumerate(known):
        for word in words(english.lower()):
            places[word][i] = None
    weight = {word: math.log(1 + len(known) / len(where)) ** 2 for word, where in places.items()}
    for word, where in places.items():
        length.update(dict.fromkeys(where, weight[word]))
    for english, _ in asked:
        score = Counter()
        for word in dict.fromkeys(words(english.lower())):
            for i in places.get(word, ()):
                score[i] += weight[word] / math.sqrt(length[i])
        yield known[max(score, key=score.get, default=0)][1]


references = [french for _, french in asked]
outputs = {"English": [english for english, _ in asked], "memory": list(look_up(known, asked))}

# %% [markdown]
# ## Pieces of words
#
# A network takes numbers. One for each word would be too many, and of a new word it would know
# nothing; one for each character makes sentences long. *Byte-pair encoding* (Sennrich et al., 2016)
# lies between: begin with bytes, and join the two neighbours that are seen together most often,
# again and again. Frequent words become one piece, rare ones several, and nothing is unknown. Both
# languages share the pieces, so names can be copied. A space belongs to the word that follows.

# %%
WORD = re.compile(r" ?\w+| ?[^\w\s]+|\s")
PAD, BEGIN, END = range(3)


def single_bytes(word):
    return tuple(bytes([byte]) for byte in word.encode())


def joined(parts, pair):
    """The parts of a word, where each occurrence of the pair has become one part."""
    out, i = [], 0
    while i < len(parts):
        both = parts[i : i + 2] == pair
        out.append(b"".join(pair) if both else parts[i])
        i += 1 + both
    return tuple(out)


def learn_joins(count_of, n):
    """The first n pairs to join, for words that occur so often."""
    parts = {word: single_bytes(word) for word in count_of}
    count, places = Counter(), defaultdict(dict)

    def add(word, times):
        for pair in itertools.pairwise(parts[word]):
            count[pair] += times
            places[pair][word] = None

    for word, times in count_of.items():
        add(word, times)
    joins = []
    while len(joins) < n and count[best := max(count, key=count.get, default=None)]:
        joins.append(best)
        for word in places[best]:  # only these change
            add(word, -count_of[word])
            parts[word] = joined(parts[word], best)
            add(word, count_of[word])
        del count[best]
    return joins


class Subwords:
    """Numbers for the pieces of a text, and back: decode(encode(text)) == text for every text."""

    def __init__(self, joins):
        self.rank = {pair: i for i, pair in enumerate(joins)}
        alphabet = [bytes([i]) for i in range(256)]
        self.pieces = [b"", b"", b"", *alphabet, *map(b"".join, joins)]  # PAD, BEGIN, END first
        self.number = {piece: i for i, piece in enumerate(self.pieces)}
        self.numbers = functools.cache(self.numbers)

    def numbers(self, word):
        parts = single_bytes(word)
        while pairs := self.rank.keys() & set(itertools.pairwise(parts)):
            parts = joined(parts, min(pairs, key=self.rank.get))
        return [self.number[part] for part in parts]

    def encode(self, text):
        return [number for word in WORD.findall(text) for number in self.numbers(word)]

    def decode(self, numbers):
        return b"".join(self.pieces[i] for i in numbers).decode(errors="replace")


count_of = Counter(word for pair in known for text in pair for word in WORD.findall(text))
subwords = Subwords(learn_joins(count_of, 200 if options.quick else 2000))
print("in pieces:", *(subwords.decode([i]) for i in subwords.encode(asked[1][1])), sep=" |")

# %% [markdown]
# ## Reader and writer
#
# The *Transformer* (Vaswani et al., 2017) has two halves, of which lesson 12 uses one. The encoder
# reads the English: in each layer every place looks at all others. The decoder writes the French:
# every place looks at those before it, and then, by *cross-attention*, at what the encoder made of
# the English, to find what is to be translated next. Sines of several wave lengths tell the places
# apart. One table of vectors serves both languages, and the scores of the next piece, too.
#
# Some things must be hidden. Batches are padded to one length, and the padding of the English is
# hidden from both halves. What comes later in the French is hidden by the causal mask; and with it
# the padding there, which comes last.

# %%
def waves(length, width):
    """(length, width): sine and cosine of each place, for wave lengths of 2 pi to 20,000 pi."""
    angle = minigrad.arange(length)[:, None] * 10_000 ** -(minigrad.arange(0, width, 2) / width)
    return minigrad.stack([angle.sin(), angle.cos()], dim=2).flatten(1)


class Translator(nn.Module):
    def __init__(self, pieces, width, heads, depth):
        super().__init__()
        self.pieces = nn.Embedding(pieces, width, padding_idx=PAD)
        nn.init.normal_(self.pieces.weight, std=width**-0.5)
        self.register_buffer("places", waves(256, width))
        self.dropout = nn.Dropout(0.1)
        self.transformer = nn.Transformer(
            width, heads, depth, depth, 4 * width, dropout=0.1, batch_first=True, norm_first=True
        )

    def vectors(self, x):
        scale = math.sqrt(self.pieces.embedding_dim)
        return self.dropout(self.pieces(x) * scale + self.places[: x.shape[1]])

    def read(self, x):
        """What the encoder makes of the English, and which places of it are padding."""
        padding = x == PAD
        return self.transformer.encoder(self.vectors(x), src_key_padding_mask=padding), padding

    def write(self, y, meaning, padding, causal=True):
        """What the decoder makes of the French so far: a vector for each place."""
        later = nn.Transformer.generate_square_subsequent_mask(y.shape[1]) if causal else None
        return self.transformer.decoder(
            self.vectors(y), meaning, later, memory_key_padding_mask=padding, tgt_is_causal=causal
        )

    def forward(self, x, y, causal=True):
        return F.linear(self.write(y, *self.read(x), causal), self.pieces.weight)


# %% [markdown]
# ## Batches
#
# A batch is as long as its longest sentence. So sentences of like length go together, as many as
# there is room for: a *batch sampler* gives the DataLoader lists of indices. The order of the
# batches, and which of the sentences of one length meet, is new each time.

# %%
class Buckets(Sampler):
    """Lists of indices of pairs of like length, of `room` numbers a side with the padding."""

    def __init__(self, pairs, room):
        self.length = [max(map(len, pair)) for pair in pairs]
        self.room = room

    def __iter__(self):
        order = minigrad.randperm(len(self.length)).tolist()
        batches = [[]]
        for i in sorted(order, key=self.length.__getitem__):
            if (len(batches[-1]) + 1) * self.length[i] > self.room:
                batches.append([])
            batches[-1].append(i)
        return (batches[i] for i in minigrad.randperm(len(batches)).tolist())


def padded(rows):
    longest = max(map(len, rows))
    return minigrad.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def batches_of(pairs, longest, room):
    """Batches (x, y) of the pairs of which no side has more than `longest` numbers."""
    rows = [(subwords.encode(x) + [END], [BEGIN, *subwords.encode(y), END]) for x, y in pairs]
    rows = [row for row in rows if max(map(len, row)) <= longest]
    return DataLoader(
        rows, batch_sampler=Buckets(rows, room),
        collate_fn=lambda pairs: [padded(side) for side in zip(*pairs, strict=True)],
    )  # fmt: skip


# %% [markdown]
# ## Learn
#
# The decoder is given the right French, however wrong its own would have been (*teacher forcing*).
# So all places are questions at once: what comes next? The right piece is to get only nine tenths
# (*label smoothing*), since certainty needs scores without bound; the loss cannot fall below 1.1.
# A Transformer does not survive large steps at the start: the rate warms up, and a gradient of
# monstrous length is clipped.

# %%
if options.quick:
    size, steps, every = {"width": 32, "heads": 2, "depth": 1}, 60, 6
    batches, tests = (batches_of(pairs, 32, room=400) for pairs in (known, asked))
else:
    size, steps, every = {"width": 128, "heads": 4, "depth": 3}, 4000, 400
    batches, tests = (batches_of(pairs, 64, room=2000) for pairs in (known, asked))
steps = options.steps or steps


def loss_of(model, x, y, causal=True):
    scores, wanted = model(x, y[:, :-1], causal).flatten(0, 1), y[:, 1:].flatten()
    return F.cross_entropy(scores, wanted, ignore_index=PAD, label_smoothing=0.1)


@minigrad.no_grad()
def held_out_loss(model, causal):
    model.eval()
    losses = [loss_of(model, x, y, causal).item() for x, y in tests]
    model.train()
    return sum(losses) / len(losses)


def train(model, steps, causal=True):
    """The loss of each step, and (step, held-out loss) now and then."""
    optimizer = optim.Adam(model.parameters(), lr=2e-3, betas=(0.9, 0.98))
    warm = steps / 12
    schedule = optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (steps - step) / (steps - warm))
    )
    losses, exams = [], []
    again_and_again = itertools.chain.from_iterable(itertools.repeat(batches))
    for step, (x, y) in enumerate(itertools.islice(again_and_again, steps), 1):
        loss = loss_of(model, x, y, causal)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % every == 0:
            exams.append((step, held_out_loss(model, causal)))
            recent = sum(losses[-every:]) / every
            print(f"step {step:5}  loss {recent:.3f}, on pages held out {exams[-1][1]:.3f}")
    model.eval()
    return losses, exams


model = Translator(len(subwords.pieces), **size)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
losses, exams = train(model, steps)
assert exams[-1][1] < exams[0][1]
minigrad.save(model.state_dict(), options.out / "french.safetensors")

x, y = minigrad.randint(3, 259, (1, 9)), minigrad.randint(3, 259, (1, 8))
with minigrad.no_grad():
    change = model(F.pad(x, (0, 5), value=PAD), F.pad(y, (0, 3), value=END))[:, :8] - model(x, y)
assert change.abs().max() < 1e-3, "neither padding nor what comes later makes a difference"

# %% [markdown]
# ## Write
#
# Now nobody gives it the French; it reads what it wrote itself. *Greedy*: the likeliest piece is
# taken each time. That may lead where nothing good follows. *Beam search* keeps the few best
# beginnings, goes on with each in every way, and keeps the best of these. The log-probability of a
# sentence is a sum, which falls with each piece; it is divided by length^0.6, or short sentences
# would win. A beginning that has ended rests: it goes on with PAD, at no cost.
#
# All beams of all sentences are one batch. For each piece the decoder goes over all of the
# beginning, n^2 / 2 places for n pieces; a cache of keys and values would need n, and a decoder
# that knows of it.

# %%
@minigrad.no_grad()
def search(model, x, beam, penalty=0.6, limit=120):
    """The French for each row of x, as rows of numbers; greedy with a beam of 1."""
    n, pieces = len(x), model.pieces.num_embeddings
    meaning, padding = (part.repeat_interleave(beam, 0) for part in model.read(x))
    first = minigrad.arange(n)[:, None] * beam  # the row of the first beam of each sentence
    at_rest = minigrad.full((pieces,), -math.inf)
    at_rest[PAD] = 0.0
    y = minigrad.full((n * beam, 1), BEGIN)
    total = minigrad.tensor([0.0] + [-math.inf] * (beam - 1)).repeat(n)  # all begin alike: take one
    length, ended = minigrad.zeros(n * beam), minigrad.zeros(n * beam).bool()
    while y.shape[1] <= limit and not ended.all():
        vectors = model.write(y, meaning, padding)[:, -1]
        log_p = F.linear(vectors, model.pieces.weight).log_softmax(-1)
        totals = total[:, None] + minigrad.where(ended[:, None], at_rest, log_p)
        length = length + ~ended
        worth = totals / length[:, None] ** penalty
        best = worth.view(n, beam * pieces).topk(beam).indices
        row, piece = (first + best // pieces).flatten(), (best % pieces).flatten()
        total = totals.view(n, -1).gather(1, best).flatten()
        length, ended = length[row], ended[row] | (piece == END)
        y = minigrad.cat([y[row], piece[:, None]], 1)
    return y[::beam].tolist()


def translate(model, sentences, beam=1, at_once=100):
    """The French for each; those of like length are written together."""
    rows = [subwords.encode(sentence)[:120] + [END] for sentence in sentences]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    out = {}
    for begin in range(0, len(order), at_once):
        chosen = order[begin : begin + at_once]
        found = search(model, padded([rows[i] for i in chosen]), beam)
        out.update(zip(chosen, map(subwords.decode, found), strict=True))
    return [out[i] for i in range(len(rows))]


outputs["greedy"] = translate(model, outputs["English"])
outputs["beam of 4"] = translate(model, outputs["English"], beam=4)
score = {name: bleu(texts, references) for name, texts in outputs.items()}
for name, value in score.items():
    print(f"{name:10} BLEU {value:5.1f}")
if not (options.quick or options.steps):
    assert score["beam of 4"] > max(20, score["memory"])

for i in range(2 if options.quick else 12):
    print(*(f"\n{name:10} {texts[i]}" for name, texts in outputs.items()), sep="", end="")
    print(f"\n{'human':10} {references[i]}")

# %% [markdown]
# ## What goes wrong
#
# Without the causal mask the decoder sees the piece that it is asked for. In a tenth of the steps
# its loss falls to 1.9, on the pages held out as well, where the honest one ends at 2.6. But when
# it writes there is nothing to copy, and it writes nothing. No loss tells that; a translation does.
#
# And help is all that it knows: for a cat on a sofa it makes up words. Paragraphs longer than those
# it has learnt from lose their end, or go round in circles.

# %%
cheat = Translator(len(subwords.pieces), **size)
cheat_losses, cheat_exams = train(cheat, steps // 10, causal=False)
rubbish = translate(cheat, outputs["English"][:100])
print(f"without the mask: BLEU {bleu(rubbish, references[:100]):.1f}: {rubbish[:2]}")
strange = ["The cat sleeps on the sofa.", "I do not love you any more."]
strange.append(max(outputs["English"], key=len))
for english, french in zip(strange, translate(model, strange, beam=4), strict=True):
    print(f"{english}\n{french}\n")

# %% [markdown]
# ## Pictures
#
# How it learnt; BLEU by the length of the English; and where each layer of the decoder looked. For
# this, hooks take down what goes into the cross-attentions, which then are called once more and
# give their weights. Rows are written, columns read: nobody has told it that "cellules" are cells,
# nor that the order turns round where "the Borders icon" becomes "l'icône Bordures".

# %%
def draw_learning(axes):
    for each, dots, label in ((losses, exams, "with"), (cheat_losses, cheat_exams, "without")):
        (line,) = axes.plot(each, alpha=0.3)
        axes.plot(*zip(*dots, strict=True), "o-", color=line.get_color(), label=f"{label} mask")
    axes.set(xlabel="step", ylabel="loss; dots: on pages held out")
    axes.legend()


def draw_bleu(axes, edges=(0, 5, 10, 15, 20, 30, 40, 100)):
    lengths = [len(words(english)) for english in outputs["English"]]
    for name in ("memory", "greedy", "beam of 4"):
        heights = []
        for low, high in itertools.pairwise(edges):
            some = [i for i, n in enumerate(lengths) if low < n <= high]
            heights.append(bleu(*([side[i] for i in some] for side in (outputs[name], references))))
        axes.plot(edges[1:], heights, "o-", label=name)
    axes.set(xlabel="words of the English, at most", ylabel="BLEU")
    axes.legend()


@minigrad.no_grad()
def draw_attention(figure, english):
    x = padded([subwords.encode(english) + [END]])
    y = padded([[i for i in search(model, x, beam=4)[0] if i != PAD]])
    layers, seen = [layer.multihead_attn for layer in model.transformer.decoder.layers], []
    for layer in layers:
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[:3]))
    model(x, y[:, :-1])
    both = (x[0].tolist(), y[0, 1:].tolist())
    read, written = ([subwords.decode([i]) or "END" for i in row] for row in both)
    grid = figure.subplots(1, len(layers), squeeze=False)[0]
    for axes, layer, inputs in zip(grid, layers, seen.copy(), strict=True):
        axes.imshow(layer(*inputs)[1][0].tolist(), cmap="Blues")  # the mean of the heads
        axes.set_xticks(range(len(read)), read, rotation=90)
        axes.set_yticks(range(len(written)), written)


try:
    import matplotlib.pyplot as plt
except ModuleNotFoundError:
    print("no pictures: pip install matplotlib")
else:
    plt.switch_backend("Agg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
    draw_learning(left)
    draw_bleu(right)
    figure.savefig(options.out / "french-learning.png", dpi=110)
    figure = plt.figure(figsize=(15, 5.5), layout="constrained")
    draw_attention(figure, "Select the cells that you want to format, and click the Borders icon.")
    figure.savefig(options.out / "french-attention.png", dpi=110)
    print(f"pictures and weights are in {options.out}")

# %% [markdown]
# ## What to take along
#
# - A translator is a language model that looks at a second text: all that is new is
#   cross-attention.
# - The loss is measured where the French is given. Whether it can write, only writing tells.
# - Split by what belongs together, and then look for what is in both parts all the same.
# - BLEU says something beside other numbers on the same sentences: here English 5.1, memory 11.1,
#   greedy 29.0, beam 30.9. It falls with the length, to 22 beyond 40 words.
#
# Try: `penalty` 0 and 2. `datasets.libreoffice_files("de")`. Only 500 joins, or 8,000. Examine with
# `asked` instead of `fresh`: how much is gained by what was learnt by heart?
