"""A trained body gets a new head: frozen layers, groups with rates of their own, schedules."""

import copy
import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim import lr_scheduler


class Block(nn.Module):
    def __init__(self, planes):
        super().__init__()
        self.conv = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        identity = x
        out = self.bn(self.conv(x))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3)
        self.layer1 = nn.Sequential(*[Block(6) for _ in range(2)])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(6, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.layer1(torch.relu(self.stem(x)))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def build():
    model = ResNet()
    for param in model.stem.parameters():
        param.requires_grad = False
    num_ftrs = model.fc.in_features
    model.fc = nn.Linear(num_ftrs, 2)
    return model


def pictures(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 24)
    images = rng.normal(size=(24, 3, 8, 8)) + (labels * 2 - 1)[:, None, None, None]
    data = torch.utils.data.TensorDataset(torch.Tensor(images), torch.LongTensor(labels))
    return torch.utils.data.DataLoader(data, batch_size=8)


def train(model):
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    model = model.to(device)
    before = model.stem.weight.clone()
    dataloaders = {"train": pictures(0), "val": pictures(1)}
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = optim.SGD([
        {"params": model.layer1.parameters(), "lr": 0.005},
        {"params": model.fc.parameters()},
    ], lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)  # fmt: skip
    warmup = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=2)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    scheduler = lr_scheduler.SequentialLR(optimizer, [warmup, cosine], milestones=[2])
    best_acc, losses = 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        best = os.path.join(folder, "best.pt")
        for epoch in range(5):
            for phase in ["train", "val"]:
                model.train() if phase == "train" else model.eval()
                running_loss, running_corrects = 0.0, 0
                for inputs, labels in dataloaders[phase]:
                    inputs, labels = inputs.to(device), labels.to(device)
                    optimizer.zero_grad()
                    with torch.set_grad_enabled(phase == "train"):
                        outputs = model(inputs)
                        _, preds = torch.max(outputs, 1)
                        loss = criterion(outputs, labels)
                        if phase == "train":
                            loss.backward()
                            optimizer.step()
                    running_loss += loss.item() * inputs.size(0)
                    running_corrects += torch.sum(preds == labels.data)
                if phase == "train":
                    scheduler.step()
                losses.append(running_loss / 24)
                acc = running_corrects.double() / 24
                if phase == "val" and acc >= best_acc:
                    best_acc, weights = acc, copy.deepcopy(model.state_dict())
                    torch.save(weights, best)
        model.load_state_dict(torch.load(best))
    assert torch.equal(before, model.stem.weight)
    assert optimizer.param_groups[0]["lr"] * 10 == optimizer.param_groups[1]["lr"]
    return losses
