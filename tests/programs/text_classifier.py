"""Sentences of different lengths: padding, masks, a Transformer encoder and an EmbeddingBag."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import TransformerEncoder, TransformerEncoderLayer
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset, random_split


class Sentences(Dataset):
    def __init__(self):
        rng = np.random.default_rng(0)
        self.lines = [rng.integers(1, 9, rng.integers(2, 7)) for _ in range(32)]

    def __len__(self):
        return len(self.lines)

    def __getitem__(self, i):
        return torch.from_numpy(self.lines[i]), int((self.lines[i] > 5).any())


def collate_batch(batch):
    texts, labels = zip(*batch)
    lengths = torch.tensor([len(text) for text in texts])
    return pad_sequence(texts, batch_first=True), lengths, torch.tensor(labels)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=20):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(1, max_len, d_model)
        pe[0, :, 0::2] = torch.sin(position * div_term)
        pe[0, :, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[:, : x.size(1)]


class Classifier(nn.Module):
    def __init__(self, d_model=8):
        super().__init__()
        self.embed = nn.Embedding(9, d_model, padding_idx=0)
        self.position = PositionalEncoding(d_model)
        layer = TransformerEncoderLayer(d_model, 2, 16, dropout=0.0, batch_first=True)
        self.encoder = TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.rnn = nn.LSTM(d_model, 4, bidirectional=True, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x, lengths):
        padding = x == 0
        h = self.encoder(self.position(self.embed(x)), src_key_padding_mask=padding)
        packed = pack_padded_sequence(h, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        kept = (~padding).unsqueeze(-1)
        return self.head((out * kept).sum(1) / kept.sum(1))


def build():
    return Classifier()


def train(model):
    train_set, valid_set = random_split(Sentences(), [24, 8], torch.Generator().manual_seed(0))
    loader = DataLoader(Sentences(), batch_size=8, collate_fn=collate_batch)
    optimizer = torch.optim.RAdam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=24)
    assert (len(train_set), len(valid_set)) == (24, 8)
    losses = []
    for epoch in range(6):
        for text, lengths, label in loader:
            loss = nn.functional.cross_entropy(model(text, lengths), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return losses
