"""What is measured: every workload is written once, against the API that both frameworks share.

A workload takes the framework's module, builds what it needs and returns the function to time.
Models learn slowly here on purpose: a loss that reaches zero would fill the gradients with
denormal numbers, and processors take a hundred times longer for those.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

Step = Callable[[], object]
MODELS = Path(__file__).resolve().parent.parent / "tutorials" / "models"


@dataclass(frozen=True)
class Workload:
    """A workload, and the ratio to PyTorch it is to reach (None: as low as it goes)."""

    build: Callable[[ModuleType], Step]
    target: float | None = None  # on NumPy
    trains: bool = False  # a training step: its memory is reported too
    best: float | None = None  # the target for the better of the backends


# ------------------------------------------------------------------------------- single ops


def add_with_graph(torch):
    x, y = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
    return lambda: x + y


def product_backward(torch):
    x, y = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
    return lambda: (x * y).sum().backward()


def matmul(torch, n):
    x, y = torch.randn(n, n), torch.randn(n, n)
    return lambda: x @ y


def elementwise(torch, n):
    x, y = torch.randn(n), torch.randn(n)
    return lambda: x + y


def copy(torch, n=10**7):
    return torch.randn(n).clone


def chain(torch, n):
    x, y = torch.randn(n), torch.randn(n)
    return lambda: ((x * y + x).relu() * 0.5 - y).tanh()


def chain_backward(torch, n):
    x, y = torch.randn(n, requires_grad=True), torch.randn(n, requires_grad=True)

    def step():
        x.grad = y.grad = None
        ((x * y + x).relu() * 0.5 - y).tanh().sum().backward()

    return step


def one_op(torch, name):
    x = torch.rand(1000, 1000)
    ops = {
        "exp": x.exp,
        "tanh": x.tanh,
        "sum": x.sum,
        "sum over rows": lambda: x.sum(0),
        "softmax": lambda: x.softmax(1),
    }
    return ops[name]


# ---------------------------------------------------------------------------- training steps


def training_step(model, optimizer, loss):
    def step():
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()

    return step


def mlp(torch, batch, optimizer="SGD"):
    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    return classifier_step(torch, model, torch.randn(batch, 784), optimizer)


def lenet(torch, batch):
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip
    return classifier_step(torch, model, torch.randn(batch, 1, 28, 28))


def resnet(torch, batch):
    """Three residual blocks, of 16, 32 and 64 maps: the smallest such network for 32x32 pixels."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Sequential()
            if stride != 1:
                self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

        def forward(self, x):
            out = self.norm1(self.conv1(x)).relu()
            return (self.norm2(self.conv2(out)) + self.shortcut(x)).relu()

    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip
    return classifier_step(torch, model, torch.randn(batch, 3, 32, 32))


def classifier_step(torch, model, x, optimizer="SGD"):
    labels = torch.randint(0, 10, (len(x),))
    cross_entropy = torch.nn.functional.cross_entropy
    if optimizer == "SGD":
        chosen = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    else:
        chosen = torch.optim.Adam(model.parameters(), lr=1e-6)
    return training_step(model, chosen, lambda model: cross_entropy(model(x), labels))


def gpt(torch, batch=16, tokens=64, width=128, heads=4, layers=2, vocabulary=81):
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            shape = (batch, tokens, heads, width // heads)
            q, k, v = (
                part.reshape(shape).transpose(1, 2)
                for part in self.qkv(self.norm1(x)).split(width, dim=2)
            )
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(tokens, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, x):
            x = self.token(x) + self.place(torch.arange(tokens))
            return self.head(self.norm(self.blocks(x)))

    model = GPT()
    text = torch.randint(0, vocabulary, (batch, tokens + 1))
    x, y = text[:, :-1], text[:, 1:].reshape(-1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    return training_step(
        model, optimizer, lambda model: F.cross_entropy(model(x).reshape(-1, vocabulary), y)
    )


def lstm(torch, batch=32, tokens=32, width=128):
    nn = torch.nn

    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(width, width, batch_first=True), nn.Linear(width, 10)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    return classifier_step(torch, Last(), torch.randn(batch, tokens, width))


def ctc(torch, batch=16, frames=50, classes=20, size=10):
    x = torch.randn(frames, batch, classes, requires_grad=True)
    labels = torch.randint(1, classes, (batch, size))
    loss, lengths = torch.nn.functional.ctc_loss, ([frames] * batch, [size] * batch)

    def step():
        x.grad = None
        loss(x.log_softmax(2), labels, *lengths).backward()

    return step


def transformer(torch, batch=16, tokens=32, width=128, heads=4, layers=2, vocabulary=1000):
    """A step of translation: encoder, decoder, label smoothing."""
    nn = torch.nn

    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, width)
            self.transformer = nn.Transformer(
                width, heads, layers, layers, 4 * width, dropout=0.1, batch_first=True
            )
            self.head = nn.Linear(width, vocabulary)
            self.mask = nn.Transformer.generate_square_subsequent_mask(tokens)

        def forward(self, x, y):
            x, y = self.embedding(x), self.embedding(y)
            return self.head(self.transformer(x, y, tgt_mask=self.mask, tgt_is_causal=True))

    model = Translator()
    x = torch.randint(0, vocabulary, (batch, tokens))
    y = torch.randint(0, vocabulary, (batch, tokens + 1))
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    return training_step(
        model,
        torch.optim.Adam(model.parameters(), lr=1e-6),
        lambda model: criterion(model(x, y[:, :-1]).reshape(-1, vocabulary), y[:, 1:].reshape(-1)),
    )


# --------------------------------------------------------------------------------- inference


def tutorial(torch, name):
    """What a model of tutorials/models defines, in either framework: one word of it changes."""
    sys.modules.setdefault("weights", SimpleNamespace(WEIGHTS={}))  # it has random ones here
    source = (MODELS / f"{name}.py").read_text(encoding="utf-8")
    found = {"__name__": name}
    exec(compile(source.replace("minigrad", torch.__name__), f"{name}.py", "exec"), found)
    return SimpleNamespace(**found)


def inference(torch, model, *inputs):
    model.eval()

    @torch.no_grad()
    def step():
        return model(*inputs)

    return step


def minilm(torch, batch=32, tokens=64):
    x = torch.randint(0, 30522, (batch, tokens))
    model = tutorial(torch, "minilm").MiniLM()
    return inference(torch, model, x, torch.full((batch,), tokens))


def efficientnet(torch, batch=8):
    model = tutorial(torch, "efficientnet").EfficientNetLite0()
    return inference(torch, model, torch.randn(batch, 3, 224, 224))


# --------------------------------------------------------------------------------- optimizers


def small_updates(torch, name, **options):
    """A step over a hundred parameters of 16 to 512 elements."""
    shapes = [(16, 16), (16,), (32, 16), (8, 8), (64,)] * 20
    params = [torch.nn.Parameter(torch.randn(*shape)) for shape in shapes]
    for p in params:
        p.grad = torch.randn(*p.shape)
    return getattr(torch.optim, name)(params, lr=1e-6, **options).step


OPTIMIZERS = (
    "SGD Adam AdamW Adamax NAdam RAdam Adagrad Adadelta RMSprop Rprop ASGD Adafactor"
).split()
SIZES = {"1 K": 10**3, "10 K": 10**4, "100 K": 10**5, "1 M": 10**6, "10 M": 10**7}

WORKLOADS: dict[str, Workload] = {
    "4-element add with graph": Workload(add_with_graph, 1.0),
    "(x*y).sum().backward() of 4": Workload(product_backward, 0.9),
    **{
        f"matmul {n}": Workload(partial(matmul, n=n), 1.0)
        for n in (64, 128, 256, 512, 1024, 2048)
    },
    "copy 10 M": Workload(copy),
    **{
        f"{name} {size}": Workload(partial(build, n=n))
        for name, build in (("add", elementwise), ("chain", chain), ("chain, back", chain_backward))
        for size, n in SIZES.items()
    },
    **{
        f"{name} 1 M": Workload(partial(one_op, name=name))
        for name in ("exp", "tanh", "sum", "sum over rows", "softmax")
    },
    **{f"MLP batch {n}": Workload(partial(mlp, batch=n), 1.0, True) for n in (32, 128, 512)},
    "MLP batch 128, Adam": Workload(partial(mlp, batch=128, optimizer="Adam"), 1.0, True),
    "LeNet batch 64": Workload(partial(lenet, batch=64), 2.0, True),
    "ResNet batch 32": Workload(partial(resnet, batch=32), 2.0, True, 1.0),
    "GPT batch 16": Workload(gpt, 1.3, True, 1.0),
    "LSTM batch 32": Workload(lstm, None, True, 1.0),
    "CTC batch 16": Workload(ctc, best=1.0),
    "Transformer batch 16": Workload(transformer, None, True, 1.0),
    "MiniLM, 32 of 64 tokens": Workload(minilm, best=1.0),
    "EfficientNet-Lite0 batch 8": Workload(efficientnet, best=1.0),
    **{
        f"{name}, 100 small": Workload(partial(small_updates, name=name), best=1.0)
        for name in OPTIMIZERS
    },
}
