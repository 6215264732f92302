"""CountedOptimizer: what the optimizers share that count the steps of each parameter."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import is_
from typing import Any

from minigrad.ops.optim import Joined, check_beside
from minigrad.optim.optimizer import Optimizer, Params, by_device_and_dtype
from minigrad.tensor import Tensor

SMALL = 1 << 14  # elements, up to which a parameter is joined with others


class CountedOptimizer(Optimizer):
    """An optimizer with a "step" in each parameter's state.

    A subclass defines what a parameter's state is before its first step, `_start(group, p)`; the
    numbers of a step, `_numbers(group, state)`; and the update of parameters that share these
    numbers, `_apply(group, params, lr, *numbers)`, where lr and the numbers are 0-d tensors, so
    that a recorded step can be replayed (ops/optim.py, Note [Slots]).
    """

    # The numbers in a parameter's state. Where they are equal, so are all numbers of the step.
    scalars: tuple[str, ...] = ("step",)
    # Whether an update needs to know where a parameter ends: `each` then yields stacks of those of
    # one shape.
    by_shape = False

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self._joins: dict[Tensor, Join] = {}
        super().__init__(params, defaults)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_joins": {}}

    def _start(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        """The state of p before its first step, beside "step"."""
        raise NotImplementedError(f"{type(self).__name__} defines no _start")

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        """What changes from step to step, beside lr; `state["step"]` is 1 at the first. It may
        change the state's other scalars."""
        return ()

    def _apply(self, group: dict[str, Any], params: list[Any], *numbers: Tensor) -> None:
        """Changes parameters that are of one device and type and share their numbers."""
        raise NotImplementedError(f"{type(self).__name__} defines no _apply")

    def _update(self, group: dict[str, Any]) -> None:
        for params in by_device_and_dtype(self.with_grad(group)):
            for alike in self._by_scalars(group, params):
                self._apply(group, alike, *self.next_numbers(group, alike))

    def _by_scalars(self, group: dict[str, Any], params: list[Any]) -> list[list[Any]]:
        """The parameters in lists whose states have equal numbers."""
        lists: defaultdict[tuple[float, ...], list[Any]] = defaultdict(list)
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=0, **self._start(group, p))
            lists[tuple([float(state[name]) for name in self.scalars])].append(p)
        return list(lists.values())

    def _count(self, group: dict[str, Any], params: list[Any]) -> tuple[float, ...]:
        """One step more for all; the numbers of that step."""
        first = self.state[params[0]]
        first["step"] = int(first["step"]) + 1
        numbers = self._numbers(group, first)
        for p in params[1:]:
            state = self.state[p]
            for name in self.scalars:
                state[name] = first[name]
        return numbers

    def each(
        self, group: dict[str, Any], params: list[Any]
    ) -> Iterator[tuple[Any, Tensor, dict[str, Any]]]:
        """(p, g, state) of the parameters, of small ones joined: what an update does to p in memory
        is done to them all. The sign of g is changed to maximise, and it has the weight decay in
        it, unless that is decoupled.
        """
        decay = 0.0 if self._decoupled(group) else group.get("weight_decay", 0.0)
        for p, g, state in self._joined(params):
            g = -g if group["maximize"] else g
            yield p, g + decay * p if decay else g, state

    def _joined(self, params: list[Any]) -> Iterator[tuple[Any, Tensor, dict[str, Any]]]:
        """(p, g, state) of parameters that are joined, see Note [Joined], or of single ones."""
        for together in self._together(params):
            states = [self.state[p] for p in together]
            if len(together) == 1:
                (p,), (state,) = together, states
                yield _stack_of_one(p, p.grad, state) if self.by_shape else (p, p.grad, state)
                continue
            join = self._joins.get(together[0])
            if join is None or not join.holds(together, states):
                join = Join(type(self).__name__, together, states, self.by_shape)
                self._joins[together[0]] = join
            yield join.p.read(together), join.g.read([p.grad for p in together]), join.state
            join.p.write(together)

    def _together(self, params: list[Any]) -> Iterable[list[Any]]:
        """The parameters in lists, of small ones that are to be joined, or of a single one."""
        lists: defaultdict[Any, list[Any]] = defaultdict(list)
        for p in params:
            shape = p.array.shape
            is_small = math.prod(shape) <= SMALL
            lists[(shape if self.by_shape else ()) if is_small else p].append(p)
        return lists.values()

    def _decoupled(self, group: dict[str, Any]) -> bool:
        """Whether the weights decay on their own, p -= lr * weight_decay * p, as AdamW has it."""
        return bool(group.get("decoupled_weight_decay", False))

    def decay(self, group: dict[str, Any], params: list[Any], lr: Tensor) -> None:
        """The weight decay of the parameters, where it is decoupled."""
        if group["weight_decay"] and self._decoupled(group):
            factor = 1.0 - lr * group["weight_decay"]
            for p in params:
                p.mul_(factor)


class Join:
    """Small parameters as one.

    Note [Joined]. For a hundred small parameters an update of ten ops is a thousand calls, each of
    which costs more than the numbers in it. An update that works element by element may as well
    have all parameters end to end in one tensor; so it has their state, for good, and the state of
    each is a view of a part of it. Parameters and gradients, to which others refer, are copied
    there and back. An update that works on whole matrices gets those of one shape as a stack.
    """

    def __init__(
        self, who: str, params: list[Any], states: list[dict[str, Any]], stack: bool
    ) -> None:
        self.p, self.g = Joined(params, stack), Joined(params, stack)
        self.names = [name for name, value in states[0].items() if isinstance(value, Tensor)]
        self.state = {}
        for name in self.names:
            if not stack:
                for p, state in zip(params, states, strict=True):
                    check_beside(who, p, state[name], name)
            joined = Joined([state[name] for state in states], stack)
            self.state[name] = joined.whole
            for state, part in zip(states, joined.parts, strict=True):
                state[name] = part
        self.params, self.parts = params, self._parts(states)

    def holds(self, params: list[Any], states: list[dict[str, Any]]) -> bool:
        """Whether these are its parameters still, of the type they were, and their states the parts
        of it: these may have been loaded."""
        parts = self._parts(states)
        return (
            len(params) == len(self.params)
            and all(map(is_, params, self.params))
            and all(map(is_, parts, self.parts))
            and params[0].array.dtype == self.p.whole.array.dtype
        )

    def _parts(self, states: list[dict[str, Any]]) -> list[Any]:
        return [state.get(name) for name in self.names for state in states]


def _stack_of_one(
    p: Tensor, g: Tensor, state: dict[str, Any]
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Views with a first dimension of size 1."""
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    return p[None], g[None], {name: value[None] for name, value in tensors.items()}


def follow(average: Tensor, x: Tensor, beta: float) -> Tensor:
    """average <- beta * average + (1 - beta) * x, in memory."""
    return average.mul_(beta).add_(x * (1.0 - beta))


def follow_square(average: Tensor, x: Tensor, beta: float) -> Tensor:
    """average <- beta * average + (1 - beta) * x^2, in memory."""
    return average.mul_(beta).add_(x.square().mul_(1.0 - beta))


def check_betas(optimizer: str, group: dict[str, Any]) -> None:
    """Raises ValueError when one of the betas is outside [0, 1)."""
    for i, beta in enumerate(group["betas"]):
        if not 0.0 <= beta < 1.0:
            raise ValueError(
                f"{optimizer}: Invalid beta parameter at index {i}: {beta}, must be in [0, 1)"
            )
