# %% [markdown]
# # 11. Balancing a pole: learning from reward
#
# Nobody tells the learner what is right. It acts, the world answers with a reward, and all it knows
# in the end is how well the whole went. In CartPole a pole stands on a cart, and at each step the
# cart is pushed to the left or to the right. Each step that the pole stands is worth 1; at 500
# the game ends. A mean of 475 counts as solved. With the seeds 0 to 4 this program reached 498,
# 491, 500, 498 and 500.
#
#     pip install gymnasium
#     python tutorials/11_balancing_a_pole.py             a minute
#     python tutorials/11_balancing_a_pole.py --quick     seconds, for a look

# %%
import argparse
from pathlib import Path

import gymnasium
import numpy as np

import minigrad
import minigrad.nn.functional as F
from minigrad import nn, optim

parser = argparse.ArgumentParser(description="A network learns to balance a pole.")
parser.add_argument("--quick", action="store_true", help="a few rounds only")
parser.add_argument("--rounds", type=int, help="how often to play and learn")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default="tutorial-output", help="folder for pictures")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
minigrad.manual_seed(options.seed)

# %% [markdown]
# ## The gradient of something that has none
#
# A *policy* gives a probability to each action, here by a network with two scores. We want to make
# the expected return large. The return comes out of a world that we cannot differentiate, but the
# probabilities we can, and that is enough:
#
#     d/dw E[return] = d/dw sum over games  p(game) return(game)
#                    = sum p(game) return(game)  d/dw log p(game)
#                    = E[ return  sum over steps  d/dw log policy(action | state) ]
#
# In words: play; make the actions of good games more likely and those of bad games less. This is
# REINFORCE (Williams, 1992). We hold it against a case that can be worked out: one step, three
# actions, with rewards 1, 2 and 4, where E[return] = sum p reward.

# %%
scores = minigrad.tensor([0.1, -0.2, 0.3], requires_grad=True)
rewards = minigrad.tensor([1.0, 2.0, 4.0])
p = scores.softmax(0)
(exact,) = minigrad.autograd.grad((p * rewards).sum(), scores, retain_graph=True)
print("exact    ", exact.tolist())

actions = minigrad.multinomial(p.detach(), 20_000, replacement=True)
for name, baseline in (("REINFORCE", 0.0), ("less 2.5 ", 2.5)):
    played = p.log()[actions] * (rewards[actions] - baseline)
    (estimate,) = minigrad.autograd.grad(played.mean(), scores, retain_graph=True)
    each = (F.one_hot(actions, 3) - p) * (rewards[actions] - baseline)[:, None]
    print(name, estimate.tolist(), "noise of a game", each.std(0).tolist())
    assert (estimate - exact).abs().max() < 4 * each.std(0).max() / 20_000**0.5

# %% [markdown]
# The last line shows the first improvement. As the probabilities sum to 1, a number may be taken
# from all rewards without changing the mean; but the noise is less. A good number to take is what
# one expects anyway. So a second network, the *critic*, learns to foretell the return from a state,
# and the policy learns from the surprise, the *advantage*.
#
# ## The two networks

# %%
world = gymnasium.make("CartPole-v1")
print("a state:", world.reset(seed=0)[0], "(place, speed, angle, angular speed)")


class Player(nn.Module):
    """A policy, as scores of the two actions, and a critic."""

    def __init__(self, width=64):
        super().__init__()
        self.policy = self.network(width, 2)
        self.critic = self.network(width, 1)
        with minigrad.no_grad():
            self.policy[-1].weight.mul_(0.01)  # at first both actions are as likely

    def network(self, width, out):
        return nn.Sequential(
            nn.Linear(4, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, out),
        )  # fmt: skip

    def forward(self, states):
        return self.policy(states).log_softmax(-1), self.critic(states).squeeze(-1)

    @minigrad.no_grad()
    def act(self, states):
        """Actions drawn from the policy, their log-probabilities, and what the critic expects."""
        log_p, values = self(minigrad.tensor(states))
        actions = minigrad.multinomial(log_p.exp(), 1)
        chosen = log_p.gather(1, actions).squeeze(1)
        return actions.squeeze(1).tolist(), chosen.tolist(), values.tolist()


# %% [markdown]
# ## Play
#
# Eight carts play at once, for 128 steps: one call of the network for eight states. A game that
# ends begins anew. There are two kinds of ends, and they are often confused: the pole has fallen,
# nothing comes after that; or the time is up, and then it would have gone on, with what the critic
# expects of the last state. A reward that is 200 steps away counts as 1/e of one now.

# %%
DISCOUNT = 0.995


class Table:
    """Several worlds, and their present states."""

    def __init__(self, n, seed):
        self.worlds = [gymnasium.make("CartPole-v1") for _ in range(n)]
        self.states = np.stack([w.reset(seed=seed + i)[0] for i, w in enumerate(self.worlds)])
        self.returns = np.zeros(n)
        self.finished = []  # the returns of all games so far

    def play(self, player, steps):
        """A record of `steps` steps: arrays (steps, worlds) by name; one value more, of the end."""
        names = ("states", "actions", "log_p", "values", "rewards", "ends")
        rows = []
        for _ in range(steps):
            states, decision = self.states, player.act(self.states)
            self.states, rewards, ends = self.step(player, decision[0])
            rows.append((states, *decision, rewards, ends))
        columns = map(np.array, zip(*rows, strict=True))
        record = dict(zip(names, columns, strict=True))
        last = player.act(self.states)[2]
        return {**record, "values": np.concatenate([record["values"], [last]])}

    def step(self, player, actions):
        """One step in each world: the states after it, rewards, and where a game ended."""
        states, rewards, ends = [], [], []
        for i, (game, action) in enumerate(zip(self.worlds, actions, strict=True)):
            state, reward, fallen, time_is_up, _ = game.step(action)
            self.returns[i] += reward
            if time_is_up and not fallen:
                reward += DISCOUNT * player.act(state[None])[2][0]
            if fallen or time_is_up:
                self.finished.append(self.returns[i])
                self.returns[i] = 0.0
                state, _ = game.reset()
            states.append(state)
            rewards.append(reward)
            ends.append(fallen or time_is_up)
        return np.stack(states), rewards, ends


# %% [markdown]
# ## Advantages
#
# How much better than expected was an action? One can believe the critic after one step,
#
#     delta[t] = reward[t] + discount value[t+1] - value[t]
#
# which has little noise, and is wrong as long as the critic is; or sum up to the end, which is
# right, and noisy. *Generalized advantage estimation* (Schulman et al., 2016) mixes all lengths:
#
#     advantage[t] = delta[t] + discount mix advantage[t+1]

# %%
def advantages(record, discount, mix):
    """(steps, worlds); a game that ended has nothing after it."""
    rewards, values, goes_on = record["rewards"], record["values"], 1 - record["ends"]
    out = np.zeros_like(rewards)
    following = 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + discount * values[t + 1] * goes_on[t] - values[t]
        out[t] = following = delta + discount * mix * goes_on[t] * following
    return out


tiny = {"rewards": np.ones((3, 1)), "values": np.zeros((4, 1)), "ends": np.array([[0], [1], [0]])}
assert advantages(tiny, 0.5, 1.0).ravel().tolist() == [1.5, 1.0, 1.0]

# %% [markdown]
# ## Learn, but not too much
#
# The gradient is right for the policy that has played. After a step it is another policy, and the
# games would have to be played again, which is dear. *Proximal policy optimisation* (Schulman et
# al., 2017) takes several steps with the same games: each action counts by how much more likely it
# has become, and nothing is gained by a change of more than a fifth:
#
#     ratio = p_new(action) / p_old(action)
#     gain  = min(ratio advantage, clip(ratio, 0.8, 1.2) advantage)

# %%
def learn(player, optimizer, record, epochs=6, batch=256):
    """Several passes over what was played, in batches of random order."""
    gains = advantages(record, DISCOUNT, mix=0.97)
    goals = gains + record["values"][:-1]
    columns = [record["states"], record["actions"], record["log_p"], gains, goals]
    data = [minigrad.tensor(x.reshape(gains.size, *x.shape[2:])) for x in columns]
    states, actions, old, gain, goal = (x.float() if x.is_floating_point() else x for x in data)
    for _ in range(epochs):
        for chosen in minigrad.randperm(gains.size).split(batch):
            log_p, values = player(states[chosen])
            taken = log_p.gather(1, actions[chosen][:, None]).squeeze(1)
            ratio = (taken - old[chosen]).exp()
            advantage = (gain[chosen] - gain.mean()) / gain.std()
            worth = minigrad.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
            loss = 0.5 * F.mse_loss(values, goal[chosen]) - worth.mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(player.parameters(), 0.5)
            optimizer.step()


rounds, steps = options.rounds or (6 if options.quick else 100), 128
player = Player()
optimizer = optim.Adam(player.parameters(), lr=1e-3, eps=1e-5)
schedule = optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, rounds)
table = Table(8, options.seed)
curve = []
for n in range(1, rounds + 1):
    learn(player, optimizer, table.play(player, steps))
    schedule.step()
    lately = np.mean(table.finished[-20:])
    curve.append((n * steps * 8, lately))
    if n % (2 if options.quick else 5) == 0:
        print(f"round {n:3}: {n * steps * 8:6} steps, {len(table.finished):4} games, ", end="")
        print(f"the last 20 with a mean of {lately:5.1f}")

# %% [markdown]
# ## The examination
#
# While it learns it tries things out. Now it takes the likelier action always, in a hundred games
# that begin otherwise than those it has played.

# %%
def examine(player, games):
    """The return of each game, all played at once."""
    worlds = [gymnasium.make("CartPole-v1") for _ in range(games)]
    states = np.stack([world.reset(seed=10_000 + i)[0] for i, world in enumerate(worlds)])
    returns, playing = np.zeros(games), np.ones(games, bool)
    while playing.any():
        with minigrad.no_grad():
            actions = player(minigrad.tensor(states))[0].argmax(1).tolist()
        for i in np.flatnonzero(playing):
            states[i], reward, fallen, time_is_up, _ = worlds[i].step(actions[i])
            returns[i] += reward
            playing[i] = not (fallen or time_is_up)
    return returns


returns = examine(player, 20 if options.quick else 100)
print(f"mean return {returns.mean():.1f} of {len(returns)} games, the worst {returns.min():.0f}")
minigrad.save(player.state_dict(), options.out / "pole.safetensors")
if not options.rounds:
    assert returns.mean() > (40 if options.quick else 475)  # by chance alone it is 22

# %% [markdown]
# ## What it has learnt
#
# The state has four numbers; the picture shows the policy over two of them, the angle of the pole
# and its speed, with the cart in the middle and at rest. A line through the origin: push to where
# the pole falls, and its speed says more about that than its angle. And one game, as a row of
# pictures. Note how uneven the curve is, though the examination goes well: it counts games in which
# the learner still tries things out.

# %%
def draw_curve(axes):
    axes.plot(*zip(*curve, strict=True))
    axes.axhline(475, ls=":", color="black")
    axes.set(xlabel="steps played", ylabel="mean return of the last 20 games", ylim=(0, 510))


@minigrad.no_grad()
def draw_policy(axes):
    angle, speed = np.meshgrid(np.linspace(-0.2, 0.2, 81), np.linspace(-2, 2, 81))
    states = np.stack([0 * angle, 0 * angle, angle, speed], -1).astype(np.float32)
    right = player(minigrad.tensor(states))[0].exp()[..., 1]
    picture = axes.imshow(
        right.numpy(), origin="lower", extent=(-0.2, 0.2, -2, 2), aspect="auto", cmap="RdBu",
        vmin=0, vmax=1,
    )  # fmt: skip
    axes.set(xlabel="angle of the pole (to the right)", ylabel="its speed")
    axes.figure.colorbar(picture, label="probability of a push to the right")


@minigrad.no_grad()
def draw_game(axes, frames=12, every=8):
    axes.set(aspect="equal", title="a game, at these steps; angles are four times as large")
    axes.set(xlim=(-1, 1.4 * frames), ylim=(-0.4, 1.1))
    axes.set_axis_off()
    game = gymnasium.make("CartPole-v1")
    state, _ = game.reset(seed=77)
    for frame in range(frames):
        middle = 1.4 * frame
        axes.plot([middle - 0.3, middle + 0.3], [0, 0], lw=6, color="black")
        tip = middle + np.sin(4 * state[2]), np.cos(4 * state[2])  # the angle four times as large
        axes.plot([middle, tip[0]], [0.05, tip[1]], lw=4, color="tab:red")
        axes.text(middle, -0.25, f"{frame * every}", ha="center", fontsize=8)
        for _ in range(every):
            action = player(minigrad.tensor(state[None]))[0].argmax(1).item()
            state, _, fallen, _, _ = game.step(action)
            if fallen:
                return


try:
    import matplotlib.pyplot as plt
except ModuleNotFoundError:
    print("no pictures: pip install matplotlib")
else:
    plt.switch_backend("Agg")
    figure = plt.figure(figsize=(11, 6.5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(3, 1))
    left, right = upper.subplots(1, 2)
    draw_curve(left)
    draw_policy(right)
    draw_game(lower.subplots())
    figure.savefig(options.out / "pole.png", dpi=120)
    print(f"a picture and the weights are in {options.out}")

# %% [markdown]
# ## What to take along
#
# - The gradient of an expectation needs no derivative of the world: only log-probabilities.
# - What is expected anyway is taken off the return. It changes no mean, and most of the noise.
# - The end of a game and the end of its time are different things.
#
# Try: REINFORCE alone, `gain = discounted return`, no critic, one epoch: how many steps does it
# take? `epochs=40`: what does the clip prevent? Treat the end of the time as a fall: what does the
# critic believe then? Other worlds: `Acrobot-v1`, with six numbers and three actions.
