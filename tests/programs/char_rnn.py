"""Which language is a name from? A recurrent network written out, fed a letter at a time."""

import string

import numpy as np
import torch
import torch.nn as nn

all_letters = string.ascii_lowercase + "'"
n_letters = len(all_letters)
names = {"en": ["smith", "brown", "taylor"], "it": ["rossi", "bianchi", "conti"],
         "ru": ["ivanov", "petrov", "popov"]}  # fmt: skip
categories = list(names)


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        combined = torch.cat((input, hidden), 1)
        hidden = torch.tanh(self.i2h(combined))
        return self.softmax(self.h2o(hidden)), hidden

    def initHidden(self):
        return torch.zeros(1, self.hidden_size)


def lineToTensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li, letter in enumerate(line):
        tensor[li][0][all_letters.find(letter)] = 1
    return tensor


def categoryFromOutput(output):
    top_n, top_i = output.topk(1)
    return categories[top_i[0].item()]


def step(rnn, criterion, category, line):
    hidden = rnn.initHidden()
    rnn.zero_grad()
    for i in range(line.size()[0]):
        output, hidden = rnn(line[i], hidden)
    loss = criterion(output, category)
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-0.1)
    return output, loss.item()


def build():
    return RNN(n_letters, 16, len(categories))


def train(rnn):
    criterion = nn.NLLLoss()
    rng, losses, right = np.random.default_rng(0), [], 0
    for n in range(60):
        name = categories[rng.integers(len(categories))]
        line = names[name][rng.integers(3)]
        target = torch.tensor([categories.index(name)], dtype=torch.long)
        output, loss = step(rnn, criterion, target, lineToTensor(line))
        right += categoryFromOutput(output) == name
        losses.append(loss)
    confusion = torch.zeros(3, 3)
    confusion[0][1] += 1
    for i in range(3):
        confusion[i] = confusion[i] / max(confusion[i].sum(), 1)
    assert 0 <= right <= 60
    return losses
