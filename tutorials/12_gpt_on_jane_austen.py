# %% [markdown]
# # 12. A character GPT on Jane Austen
#
# A language model answers one question: given the text so far, what comes next? This one sees
# characters, 81 different ones, and learns from five novels of Jane Austen. The sixth,
# *Persuasion*, it never sees until we ask how well it can foretell it.
#
#     make data ARGS=austen
#     python tutorials/12_gpt_on_jane_austen.py             seven minutes on two cores
#     python tutorials/12_gpt_on_jane_austen.py --quick     seconds, for a look
#
# (MINIGRAD_BACKEND=opencl in front of it: six minutes.) It ends at 1.90 bits for each character of
# the novel that it has not read.
#
# The answer is measured in *bits per character*: how many yes-or-no questions are left, on average,
# once the model has said what it thinks. Whoever knows nothing needs log2(81) = 6.3 of them.

# %%
import argparse
import math
from collections import Counter
from pathlib import Path

import minigrad
import minigrad.nn.functional as F
from minigrad import datasets, nn, optim

parser = argparse.ArgumentParser(description="A character GPT learns from five novels.")
parser.add_argument("--quick", action="store_true", help="a small one for a few seconds")
parser.add_argument("--steps", type=int, help="how long to train")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default="tutorial-output", help="folder for pictures")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
minigrad.manual_seed(options.seed)

novels = datasets.austen()
held_out = novels.pop("persuasion")
text = "\n".join(novels.values())
alphabet = sorted(set(text + held_out))
number = {character: i for i, character in enumerate(alphabet)}
print(f"{len(text):,} characters to learn from, {len(held_out):,} held out")

# %% [markdown]
# ## First, count
#
# Before a network there should be something simple to beat. Count how often each character follows
# each run of n others, and foretell with these shares. Long runs know more, but most of them were
# never seen; so the shares for n are mixed with those for n - 1, the more, the less often a run was
# seen and the more kinds of characters followed it (Witten and Bell, 1991):
#
#     p(c | run) = (count(run c) + kinds(run) p(c | shorter run)) / (count(run) + kinds(run))

# %%
def bits_by_counting(longest, places):
    """Bits per character of the held-out text, for runs of up to 0, 1, ..., longest characters."""
    p = dict.fromkeys(places, 1 / len(alphabet))
    bits = []
    for n in range(longest + 1):
        followed = Counter(text[i : i + n + 1] for i in range(len(text) - n))
        count, kinds = Counter(), Counter()
        for run, times in followed.items():
            count[run[:-1]] += times
            kinds[run[:-1]] += 1
        for i in places:
            run = held_out[i - n : i]
            if run in count:
                seen = followed[run + held_out[i]]
                p[i] = (seen + kinds[run] * p[i]) / (count[run] + kinds[run])
        bits.append(sum(-math.log2(p[i]) for i in places) / len(places))
    return bits


counted = bits_by_counting(3 if options.quick else 6, range(1000, len(held_out), 23))
for n, bits in enumerate(counted):
    print(f"{n} characters before: {bits:.2f} bits")

# %% [markdown]
# Counting gets to about 2.0 bits, with some hundred thousand runs to remember, and then it gets
# worse: of runs of six characters each is nearly alone.
#
# ## Attention: look up by content
#
# A network can use what it has seen without having seen the very same thing. In a *transformer*
# every character has a vector. To foretell the next, a character asks (a *query*), all before it
# offer (a *key*), and what fits best is read (a *value*):
#
#     out[t] = sum of a[t, s] value[s] over s <= t,    a[t] = softmax(query[t] . key[s] / sqrt(d))
#
# A dictionary finds one entry by its exact key; attention finds a mixture, by similarity, and that
# has a gradient. `is_causal` is the condition s <= t: without it the network would look at the very
# character that it is to foretell. Several such lookups at once are called *heads*.

# %%
class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def split(self, x):
        """Queries, keys and values, each (batch, heads, time, width of a head)."""
        batch, time, _ = x.shape
        parts = self.query_key_value(x).view(batch, time, 3, self.heads, -1)
        return parts.permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x):
        found = F.scaled_dot_product_attention(*self.split(x), is_causal=True)
        return self.out(found.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    """Look around, then think: both add to what is there, so that gradients have a straight way."""

    def __init__(self, width, heads):
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.think = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        x = x + self.attention(self.before_attention(x))
        return x + self.think(x)


class GPT(nn.Module):
    """Radford et al. (2018), small: a vector for each character and place, blocks, and scores."""

    def __init__(self, characters, span, width, heads, depth):
        super().__init__()
        self.span = span
        self.characters = nn.Embedding(characters, width)
        self.places = nn.Embedding(span, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, characters)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                scale = 0.02 / math.sqrt(2 * depth) if name.endswith("out.weight") else 0.02
                nn.init.normal_(p, std=scale)

    def forward(self, x):
        x = self.characters(x) + self.places(minigrad.arange(x.shape[1]))
        return self.scores(self.norm(self.blocks(x)))


# %% [markdown]
# ## It must not look ahead
#
# A mistake in the mask does not show as an error: the loss falls wonderfully, and the model is of
# no use. So it is tested: what is said about a character must not depend on any that come later.

# %%
if options.quick:
    span, batch, steps, every = 32, 8, options.steps or 200, 50
    model = GPT(len(alphabet), span, width=32, heads=2, depth=1)
else:
    span, batch, steps, every = 128, 16, options.steps or 3000, 250
    model = GPT(len(alphabet), span, width=160, heads=5, depth=4)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

piece = minigrad.randint(0, len(alphabet), (1, span))
other = piece.clone()
other[:, 20:] = (piece[:, 20:] + 1) % len(alphabet)
with minigrad.no_grad():
    change = (model(piece) - model(other)).abs().amax((0, 2))
assert change[:20].max() < 1e-5 < change[20:].min()

# %% [markdown]
# ## Learn
#
# A sample is a piece of `span` characters, and the same piece one further on: all places of it are
# questions at once, each seeing what is before it. The learning rate rises at first, while
# Adam does not know the gradients yet, and then falls along a cosine to a tenth.

# %%
learned = minigrad.tensor([number[c] for c in text])
examined = minigrad.tensor([number[c] for c in held_out])


def pieces(source, starts):
    """Pieces of the text that begin at `starts`, and what follows each of their characters."""
    places = starts[:, None] + minigrad.arange(span + 1)
    x = source[places]
    return x[:, :-1], x[:, 1:]


def loss_of(x, y):
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


@minigrad.no_grad()
def held_out_bits(batches):
    """Bits per character of the held-out text, where half a span or more is known before."""
    model.eval()
    spread = minigrad.arange(batches * batch) * ((len(held_out) - span) // (batches * batch))
    nats = []
    for starts in spread.split(batch):
        x, y = (piece for piece in pieces(examined, starts))
        scores = model(x)[:, span // 2 :]
        nats.append(F.cross_entropy(scores.flatten(0, 1), y[:, span // 2 :].flatten()).item())
    model.train()
    return sum(nats) / len(nats) / math.log(2)


decay = [p for p in model.parameters() if p.dim() == 2]
others = [p for p in model.parameters() if p.dim() < 2]
optimizer = optim.AdamW(
    [{"params": decay, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
    lr=2e-3, betas=(0.9, 0.98),
)  # fmt: skip
schedule = optim.lr_scheduler.LambdaLR(
    optimizer,
    lambda step: min((step + 1) / (steps / 20), 0.55 + 0.45 * math.cos(math.pi * step / steps)),
)
losses, exams = [], []
for step in range(1, steps + 1):
    x, y = pieces(learned, minigrad.randint(0, len(text) - span, (batch,)))
    loss = loss_of(x, y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    losses.append(loss.item() / math.log(2))
    if step % every == 0 or step == steps:
        exams.append((step, held_out_bits(4 if options.quick else 16)))
        recent = sum(losses[-every:]) / len(losses[-every:])
        print(f"step {step:5}  {recent:.3f} bits on what it reads, {exams[-1][1]:.3f} held out")

minigrad.save(model.state_dict(), options.out / "austen.safetensors")
best = min(counted)
print(f"counting {best:.2f} bits, the network {exams[-1][1]:.2f}")
if not options.steps:
    assert exams[-1][1] < (5.0 if options.quick else best - 0.05)

# %% [markdown]
# ## Let it speak
#
# Ask, draw a character from the answer, append it, ask again. The *temperature* divides the scores:
# below 1 the model says what it is sure of, above 1 it takes risks.

# %%
@minigrad.no_grad()
def speak(start, length, temperature):
    model.eval()
    numbers = [number[c] for c in start]
    for _ in range(length):
        scores = model(minigrad.tensor([numbers[-span:]]))[0, -1]
        share = F.softmax(scores / temperature, dim=0)
        numbers.append(minigrad.multinomial(share, 1).item())
    return "".join(alphabet[i] for i in numbers)


for temperature in (0.5, 0.8):
    print(f"\n--- at temperature {temperature}")
    print(speak("It was a truth ", 40 if options.quick else 500, temperature))

# %% [markdown]
# ## What it finds hard, and where it looks
#
# Two pictures. In the first a passage that it has never read, each character on a ground that is
# the redder the more bits it cost: the first letters of words are hard, the rest of them easy, and
# names that it does not know dear each time. In the second the shares `a[t, s]` of each head: rows
# ask, columns are read. In the first block some heads have learnt to read the character before, or
# the one before that. That is what the loss waited for: look at its curve, which rests for a while
# at what counting pairs gives, until such heads are found.

# %%
@minigrad.no_grad()
def attention(block, x):
    """The shares of each head of a block: (heads, time, time)."""
    query, key, _ = block.attention.split(block.before_attention(x))
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    ahead = minigrad.ones(x.shape[1], x.shape[1]).triu(1).bool()
    return scores.masked_fill(ahead, -math.inf).softmax(-1)[0]


@minigrad.no_grad()
def costs(passage):
    """The bits that each character of a passage cost, from the second on."""
    x = minigrad.tensor([[number[c] for c in passage]])
    nats = F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[0, 1:], reduction="none")
    return (nats / math.log(2)).tolist()


def draw_learning(axes):
    axes.plot(losses, color="silver", label="a batch")
    axes.plot(*zip(*exams, strict=True), "o-", label="held out")
    for n, bits in enumerate(counted):
        axes.axhline(bits, ls=":", lw=0.8, color="black")
        axes.text(0.11 * n * steps, bits, f"counting, {n} before", fontsize=7, va="bottom")
    axes.set(xlabel="step", ylabel="bits per character", ylim=(1.5, 5))
    axes.legend(loc="upper right")


def draw_costs(axes, passage, columns):
    axes.set(xlim=(0, columns), ylim=(-math.ceil(len(passage) / columns), 0))
    axes.set_axis_off()
    for i, (character, bits) in enumerate(zip(passage[1:], costs(passage), strict=True)):
        row, column = divmod(i, columns)
        ground = (1, 1 - min(bits, 8) / 8, 1 - min(bits, 8) / 8)
        axes.text(
            column + 0.5, -row - 0.5, character.replace("\n", "¶"), ha="center", va="center",
            family="monospace", fontsize=11, backgroundcolor=ground,
        )  # fmt: skip


def draw_attention(figure, passage):
    x = minigrad.tensor([[number[c] for c in passage]])
    x = model.characters(x) + model.places(minigrad.arange(len(passage)))
    rows = len(model.blocks)
    grid = figure.subplots(rows, model.blocks[0].attention.heads, squeeze=False)
    for depth, (block, row) in enumerate(zip(model.blocks, grid, strict=True)):
        for head, (axes, shares) in enumerate(zip(row, attention(block, x), strict=True)):
            axes.imshow(shares.tolist(), cmap="Blues", vmin=0, vmax=1)
            axes.set_title(f"block {depth}, head {head}", fontsize=8)
            axes.set_xticks(range(len(passage)), passage, fontsize=6, family="monospace")
            axes.set_yticks(range(len(passage)), passage, fontsize=6, family="monospace")
        x = block(x)


try:
    import matplotlib.pyplot as plt
except ModuleNotFoundError:
    print("no pictures: pip install matplotlib")
else:
    plt.switch_backend("Agg")
    begin = held_out.index("\n\n", 5000) + 2
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    draw_learning(axes)
    figure.savefig(options.out / "austen-learning.png", dpi=120)
    figure, axes = plt.subplots(figsize=(12, 0.4 * math.ceil(span / 64)), layout="constrained")
    draw_costs(axes, held_out[begin : begin + span], columns=64)
    figure.savefig(options.out / "austen-costs.png", dpi=120)
    figure = plt.figure(figsize=(14, 3 * len(model.blocks)), layout="constrained")
    with minigrad.no_grad():
        draw_attention(figure, held_out[begin : begin + 32])
    figure.savefig(options.out / "austen-attention.png", dpi=100)
    print(f"pictures and weights are in {options.out}")

# %% [markdown]
# ## What to take along
#
# - A model of language is a classifier, asked once for every place of a text.
# - Bits per character can be compared with counting, and with a program that packs files: the text
#   alone, packed by xz, takes 2.5 of them.
# - Attention is a lookup by similarity. The mask is what makes the task honest: test it.
#
# Try: `--seed 1`, to see how much is luck. `weight_decay` 0. A span of 16: how many bits does the
# memory bring? Leave the places out: what does the model no longer know? Train on your own text.
