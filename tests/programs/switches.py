"""The switches of training scripts: mixed precision off, compile, checkpointing, accumulation."""

import random

import numpy as np
import torch
from torch import Tensor, nn
from torch.cuda.amp import GradScaler, autocast
from torch.utils.checkpoint import checkpoint
from torch.utils.data import BatchSampler, DataLoader, Dataset, SequentialSampler

COMPILE = False


def set_seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


class Points(Dataset):
    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(count, 4)).astype(np.float32)
        self.y = (self.x.sum(1, keepdims=True) > 0).astype(np.float32)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict:
        return {"x": self.x[index], "y": torch.as_tensor(self.y[index])}


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.body:
            x = x + checkpoint(self._step, layer, x, use_reentrant=False)
        return self.head(x)

    @staticmethod
    def _step(layer: nn.Module, x: Tensor) -> Tensor:
        return nn.functional.silu(layer(x))


class AverageMeter:
    def __init__(self) -> None:
        self.sum, self.count = 0.0, 0

    def update(self, value: float, n: int = 1) -> None:
        self.sum += value * n
        self.count += n

    @property
    def avg(self) -> float:
        return self.sum / self.count


@torch.inference_mode()
def evaluate(model: nn.Module, loader: DataLoader, device: torch.device) -> float:
    meter = AverageMeter()
    model.eval()
    for batch in loader:
        x, y = batch["x"].to(device, non_blocking=True), batch["y"].to(device, non_blocking=True)
        correct = ((model(x).sigmoid() > 0.5).float() == y).float().mean()
        meter.update(correct.item(), x.size(0))
    model.train()
    return meter.avg


def build() -> nn.Module:
    return Model()


def train(model: nn.Module) -> list:
    set_seed(0)
    torch.set_float32_matmul_precision("high")
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads))
    device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
    if torch.backends.mps.is_available():
        device = torch.device("mps")
    model = model.to(device)
    compiled = torch.compile(model) if COMPILE else model
    dataset = Points(48)
    sampler = BatchSampler(SequentialSampler(dataset), 8, drop_last=True)
    loader = DataLoader(dataset, batch_sampler=sampler)
    optimizer = torch.optim.AdamW(compiled.parameters(), lr=1e-2, eps=1e-8)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    scaler = GradScaler(enabled=False)
    loss_fn = nn.BCEWithLogitsLoss()
    losses, accumulate = [], 2
    for epoch in range(4):
        meter = AverageMeter()
        for step, batch in enumerate(loader):
            with autocast(enabled=False), torch.autocast("cpu", enabled=False):
                loss = loss_fn(compiled(batch["x"].to(device)), batch["y"].to(device)) / accumulate
            scaler.scale(loss).backward()
            if (step + 1) % accumulate == 0:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_value_(compiled.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
            meter.update(loss.item() * accumulate)
            losses.append(loss.item() * accumulate)
        plateau.step(meter.avg)
        assert torch.cuda.memory_allocated() >= 0
    torch.cuda.empty_cache()
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    n_params = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert n_params == 65 and not next(model.parameters()).is_cuda or torch.cuda.is_available()
    return losses + [evaluate(model, loader, device)]
