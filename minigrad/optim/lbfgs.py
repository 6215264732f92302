"""L-BFGS (Liu and Nocedal, 1989): quasi-Newton steps from the last few changes of the gradient.

With all parameters as one vector x, g_k the gradient at x_k, s_k = x_{k+1} - x_k,
y_k = g_{k+1} - g_k and ro_k = 1 / (y_k . s_k), a step is

    x_{k+1} = x_k + t_k d_k,    d_k = -H_k g_k

where H_k, an approximation of the inverse of the second derivative, is never stored. Two loops over
the last `history_size` pairs multiply by it:

    q = -g_k
    for i = k-1, k-2, ...:      al_i = ro_i * s_i . q,     q = q - al_i * y_i
    r = q * (s_{k-1} . y_{k-1}) / (y_{k-1} . y_{k-1})
    for i = ..., k-2, k-1:      r = r + s_i * (al_i - ro_i * y_i . r)
    d_k = r

t_k is lr, in the first step at most lr / |g|_1, or the result of a line search (line_search.py).
"""

from collections.abc import Callable
from typing import Any

from minigrad import ops
from minigrad.autograd import enable_grad, no_grad
from minigrad.optim.line_search import Point, strong_wolfe
from minigrad.optim.optimizer import Optimizer, Params, check_not_negative
from minigrad.tensor import Tensor


class LBFGS(Optimizer):
    """Up to `max_iter` quasi-Newton iterations a step; see the module.

    step() needs a closure that clears the gradients, computes the loss and its gradients, and
    returns the loss; it is called up to `max_eval` times (max_iter * 5 / 4). An iteration is the
    last one where no gradient is larger than `tolerance_grad`, or nothing changes by more than
    `tolerance_change`. `line_search_fn` is None or "strong_wolfe": RuntimeError for others.
    ValueError for a negative lr and for several groups. It decides on the host, by the values of
    losses and gradients: a recorded step cannot be replayed.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> w = nn.Parameter(minigrad.tensor([1.0, 1.0]))
    >>> optimizer = optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - minigrad.tensor([3.0, 5.0])) ** 2 * minigrad.tensor([1.0, 9.0])).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    148.0
    >>> w.data
    tensor([3., 5.])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups), got "
                f"{len(self.param_groups)} groups"
            )

    def _check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("LBFGS", group, "lr")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Minimises from where the parameters are; returns the loss there, before the step."""
        if closure is None:
            raise TypeError("LBFGS.step() needs a closure that computes the loss and its gradients")
        if len(self.param_groups) != 1:
            raise AssertionError(
                f"Expected exactly one param_group, but got {len(self.param_groups)}"
            )
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        with enable_grad():
            first_loss = closure()
        self.steps_taken += 1
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        with no_grad():
            g = self._gradient(group)
            if not _largest(g) <= group["tolerance_grad"]:
                self._minimise(group, state, closure, float(first_loss), g)
        return first_loss

    def _minimise(
        self,
        group: dict[str, Any],
        state: dict[str, Any],
        closure: Callable[[], Any],
        loss: float,
        g: Tensor,
    ) -> None:
        evaluations, max_eval = 1, group["max_eval"]
        smallest = group["tolerance_change"]
        for i in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(group, state, g)
            t = float(group["lr"])
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / g.abs().sum().item())
            slope = g.dot(d).item()
            state.update(d=d, t=t, prev_flat_grad=g, prev_loss=loss)
            if slope > -smallest:
                return
            start, last = Point(0.0, loss, g, slope), i == group["max_iter"]
            new, n = self._move(group, closure, start, d, t, max_eval - evaluations, last)
            change = abs(new.f - loss)
            state["t"], loss, g = new.t, new.f, new.g
            evaluations += n
            state["func_evals"] += n
            if evaluations >= max_eval or _largest(g) <= group["tolerance_grad"]:
                return
            if _largest(d) * abs(new.t) <= smallest or change < smallest:
                return

    def _direction(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Tensor:
        """-H g, with the pairs y, s of the state, to which the last step's is added."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -g
        y, s = g - state["prev_flat_grad"], state["d"] * float(state["t"])
        product = y.dot(s).item()
        pairs = (state["old_dirs"], state["old_stps"], state["ro"])
        if product > 1e-10:
            if len(state["ro"]) == group["history_size"]:
                for values in pairs:
                    values.pop(0)
            for values, value in zip(pairs, (y, s, 1.0 / product), strict=True):
                values.append(value)
            state["H_diag"] = product / y.dot(y).item()
        r = -g
        weights = []
        for y, s, ro in zip(*map(reversed, pairs), strict=True):
            weights.append(s.dot(r).item() * float(ro))
            r.sub_(y * weights[-1])
        r.mul_(float(state["H_diag"]))
        for y, s, ro in zip(*pairs, strict=True):
            r.add_(s * (weights.pop() - y.dot(r).item() * float(ro)))
        return r

    def _move(
        self,
        group: dict[str, Any],
        closure: Callable[[], Any],
        start: Point,
        d: Tensor,
        t: float,
        limit: int,
        last: bool,
    ) -> tuple[Point, int]:
        """Moves the parameters along d; where they are then, and how often f was evaluated.

        Without a line search the last move is not evaluated.
        """
        method = group["line_search_fn"]
        if method is None:
            self._add(group, d, t)
            if last:
                return start._replace(t=t), 0
            return self._evaluate(group, closure, d, t), 1
        if method != "strong_wolfe":
            raise RuntimeError(f"LBFGS: only 'strong_wolfe' is supported, got {method!r}")
        origin = [p.clone() for p in group["params"]]

        def evaluate(t: float) -> Point:
            self._add(group, d, t)
            point = self._evaluate(group, closure, d, t)
            for p, x in zip(group["params"], origin, strict=True):
                p.copy_(x)
            return point

        found, n = strong_wolfe(evaluate, start, t, _largest(d), limit)
        self._add(group, d, found.t)
        return found, n

    def _evaluate(
        self, group: dict[str, Any], closure: Callable[[], Any], d: Tensor, t: float
    ) -> Point:
        with enable_grad():
            f = float(closure())
        g = self._gradient(group)
        return Point(t, f, g, g.dot(d).item())

    def _gradient(self, group: dict[str, Any]) -> Tensor:
        """The gradients of all parameters as one vector, in memory of its own."""
        parts = [
            ops.zeros(p.numel(), dtype=p.dtype, device=p.device)
            if p.grad is None
            else p.grad.reshape(-1)
            for p in group["params"]
        ]
        return ops.cat(parts)

    def _add(self, group: dict[str, Any], d: Tensor, t: float) -> None:
        """p += t * d, each p its part of d."""
        start = 0
        for p in group["params"]:
            p.add_(d[start : start + p.numel()].view(p.shape) * t)
            start += p.numel()


def _largest(x: Tensor) -> float:
    return x.abs().max().item()
