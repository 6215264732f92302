"""What is a diamond worth? A program for PyTorch; lesson 14 runs it in minigrad.

python diamonds.py DIAMONDS.CSV [--epochs 15] [--out FOLDER]
"""

import argparse
import csv
import json
import math
from pathlib import Path

import torch

nn, F = torch.nn, torch.nn.functional
NUMBERS = ["carat", "depth", "table", "x", "y", "z"]
KINDS = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": list("JIHGFED"),
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}


def read(path):
    """Six numbers (the sizes as logarithms), three kinds, and the logarithm of each price."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = torch.tensor([[float(row[name]) for name in NUMBERS] for row in rows])
    numbers[:, [0, 3, 4, 5]] = torch.log(numbers[:, [0, 3, 4, 5]] + 0.01)
    numbers = (numbers - numbers.mean(dim=0)) / numbers.std(dim=0)
    kinds = torch.tensor(
        [[values.index(row[name]) for name, values in KINDS.items()] for row in rows]
    )
    return numbers, kinds, torch.tensor([math.log(float(row["price"])) for row in rows])


class Net(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.kinds = nn.ModuleList(nn.Embedding(len(values), 4) for values in KINDS.values())
        self.layers = nn.Sequential(
            nn.Linear(len(NUMBERS) + 4 * len(KINDS), width), nn.BatchNorm1d(width), nn.SiLU(),
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.SiLU(),
            nn.Linear(width, 1),
        )  # fmt: skip
        nn.init.constant_(self.layers[-1].bias, 7.8)  # the mean of the logarithms

    def forward(self, numbers, kinds):
        columns = [embed(column) for embed, column in zip(self.kinds, kinds.unbind(1), strict=True)]
        return self.layers(torch.cat([numbers, *columns], dim=1)).squeeze(1)


def train_step(net, optimizer, numbers, kinds, prices):
    loss = F.huber_loss(net(numbers, kinds), prices, delta=0.5)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def examine(net, loader, device):
    """The share of the variance that is explained, and how far off the median price is."""
    net.eval()
    batches = [[x.to(device) for x in batch] for batch in loader]
    guesses = torch.cat([net(numbers, kinds) for numbers, kinds, _ in batches])
    prices = torch.cat([price for _, _, price in batches])
    net.train()
    off = torch.sort((torch.exp(guesses - prices) - 1).abs()).values
    explained = 1 - F.mse_loss(guesses, prices) / prices.var()
    return explained.item(), off[len(off) // 2].item()


class Log:
    """Scalars in a file of JSON lines, and in TensorBoard's format where tensorboardX is."""

    def __init__(self, folder):
        self.path = folder / "log.jsonl"
        self.path.write_text("")
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError:
            self.writer = None
        else:
            self.writer = SummaryWriter(str(folder / "tensorboard"))

    def add_scalar(self, name, value, step):
        with self.path.open("a") as file:
            file.write(json.dumps({"name": name, "value": value, "step": step}) + "\n")
        if self.writer is not None:
            self.writer.add_scalar(name, value, step)

    def close(self):
        if self.writer is not None:
            self.writer.close()


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--out", type=Path, default="diamonds-output")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = torch.utils.data.TensorDataset(*read(options.path))
    parts = torch.utils.data.random_split(data, [0.8, 0.2], torch.Generator().manual_seed(1))
    loader = torch.utils.data.DataLoader(parts[0], batch_size=256, shuffle=True, drop_last=True)
    held_out = torch.utils.data.DataLoader(parts[1], batch_size=1024)
    net = Net().to(device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-3)
    steps = len(loader) * options.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=8e-3, total_steps=steps)
    log, step = Log(options.out), 0
    for epoch in range(1, options.epochs + 1):
        for batch in loader:
            loss = train_step(net, optimizer, *(x.to(device) for x in batch))
            schedule.step()
            step += 1
            log.add_scalar("loss", loss, step)
        explained, off = examine(net, held_out, device)
        log.add_scalar("explained", explained, step)
        print(f"epoch {epoch:2}  loss {loss:.5f}  R2 {explained:.4f}  median error {off:.1%}")
    log.close()
    torch.save(net.state_dict(), options.out / "diamonds.pt")
    return explained, off


if __name__ == "__main__":
    main()
