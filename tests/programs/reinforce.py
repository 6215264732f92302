"""REINFORCE: raise the probability of what was followed by reward."""

from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

eps = np.finfo(np.float32).eps.item()


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(3, 16)
        self.affine2 = nn.Linear(16, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.affine2(x), dim=1)


def select_action(policy, state, rng):
    state = torch.from_numpy(state).float().unsqueeze(0)
    probs = policy(state)
    action = int(rng.random() > probs[0, 0].item())
    policy.saved_log_probs.append(torch.log(probs[:, action]))
    return action


def finish_episode(policy, optimizer):
    R, returns = 0, deque()
    for r in policy.rewards[::-1]:
        R = r + 0.9 * R
        returns.appendleft(R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    policy_loss = []
    for log_prob, R in zip(policy.saved_log_probs, returns):
        policy_loss.append(-log_prob * R)
    optimizer.zero_grad()
    policy_loss = torch.cat(policy_loss).sum()
    policy_loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]
    return policy_loss.item()


def build():
    return Policy()


def train(policy):
    """The reward is for the sign of the first number of the state."""
    rng = np.random.default_rng(543)
    optimizer = optim.Adam(policy.parameters(), lr=3e-2)
    losses, rewards = [], []
    for episode in range(25):
        for t in range(20):
            state = rng.normal(size=3)
            action = select_action(policy, state, rng)
            policy.rewards.append(1.0 if (state[0] > 0) == (action == 1) else 0.0)
        rewards.append(sum(policy.rewards))
        losses.append(finish_episode(policy, optimizer))
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5])
    return losses
