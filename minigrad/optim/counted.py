"""CountedOptimizer: what the optimizers share that count the steps of each parameter."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from minigrad.optim.optimizer import Optimizer, by_device_and_dtype
from minigrad.tensor import Tensor


class CountedOptimizer(Optimizer):
    """An optimizer with a "step" in each parameter's state.

    A subclass defines what a parameter's state is before its first step, `_start(group, p)`; the
    numbers of a step, `_numbers(group, state)`; and the update of parameters that share these
    numbers, `_apply(group, params, lr, *numbers)`, where lr and the numbers are 0-d tensors, so
    that a recorded step can be replayed (ops/optim.py, Note [Slots]).
    """

    # The numbers in a parameter's state. Where they are equal, so are all numbers of the step.
    scalars: tuple[str, ...] = ("step",)

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
        """(p, g, state) of the parameters. The sign of g is changed to maximise, and it has the
        weight decay in it, unless that is decoupled.
        """
        decay = 0.0 if self._decoupled(group) else group.get("weight_decay", 0.0)
        for p in params:
            g = -p.grad if group["maximize"] else p.grad
            yield p, g + decay * p if decay else g, self.state[p]

    def _decoupled(self, group: dict[str, Any]) -> bool:
        """Whether the weights decay on their own, p -= lr * weight_decay * p, as AdamW has it."""
        return bool(group.get("decoupled_weight_decay", False))

    def decay(self, group: dict[str, Any], params: list[Any], lr: Tensor) -> None:
        """The weight decay of the parameters, where it is decoupled."""
        if group["weight_decay"] and self._decoupled(group):
            factor = 1.0 - lr * group["weight_decay"]
            for p in params:
                p.mul_(factor)


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
