"""Recurrent layers: RNN, LSTM, GRU, and their cells.

A step is a function of the projected input, the state and the weights of the state. A layer
projects the inputs of all steps in one matrix product, then takes the steps one after the other.
Note [Segments]: steps with the same number of sequences make a segment, (steps, batch). A padded
batch is one segment; a packed one has as many as it has different lengths. Between segments,
sequences end (forwards) or begin (backwards), and the state loses or gains rows.
"""

import math
import warnings
from itertools import groupby
from typing import Any

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.nn.utils.rnn import PackedSequence
from minigrad.ops.recurrent import State, scan
from minigrad.tensor import Tensor

Segments = list[tuple[int, int]]


# Steps. The projection x = W_ih input + b_ih is of shape (N, gates * H); b may be in x already.


def _tanh_step(x: Tensor, state: State, w: Tensor, b: Tensor | None) -> State:
    """h' = tanh(x + W h + b)"""
    return (ops.tanh(x + F.linear(state[0], w, b)),)


def _relu_step(x: Tensor, state: State, w: Tensor, b: Tensor | None) -> State:
    """h' = max(x + W h + b, 0)"""
    return (ops.relu(x + F.linear(state[0], w, b)),)


def _lstm_step(x: Tensor, state: State, w: Tensor, b: Tensor | None) -> State:
    """That of ops.lstm_step. The bias is in x already."""
    h, c = state
    return ops.lstm_step(x, h, c, w)


def _projected_step(x: Tensor, state: State, w: Any, b: Tensor | None) -> State:
    """The step of an LSTM, with W_hr h' for h'; w is (W, W_hr)."""
    w, w_hr = w
    h, c = _lstm_step(x, state, w, b)
    return F.linear(h, w_hr), c


def _gru_step(x: Tensor, state: State, w: Tensor, b: Tensor | None) -> State:
    """r, z = sigmoid(x + W h + b);  n = tanh(x_n + r (W h + b)_n);  h' = (1 - z) n + z h"""
    (h,) = state
    y = F.linear(h, w, b)
    size = h.shape[-1]
    r, z = (x[..., : 2 * size] + y[..., : 2 * size]).sigmoid().chunk(2, -1)
    n = (x[..., 2 * size :] + r * y[..., 2 * size :]).tanh()
    return (n + z * (h - n),)


STEPS = {"RNN_TANH": _tanh_step, "RNN_RELU": _relu_step, "LSTM": _lstm_step, "GRU": _gru_step}
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
STATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 2, "GRU": 1}


class _Recurrent(Module):
    """What layers and cells have in common: sizes, weights and how they begin."""

    mode: str
    input_size: int
    hidden_size: int
    proj_size = 0
    bias: bool

    @property
    def _state_size(self) -> int:
        """That of h; a cell has hidden_size always."""
        return self.proj_size or self.hidden_size

    def _add_weights(self, suffix: str, inputs: int, device: Any, dtype: Any) -> None:
        rows = GATES[self.mode] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, self._state_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            if self.bias or name.startswith("weight"):
                values = Parameter(ops.empty(*shape, device=device, dtype=dtype))
                self.register_parameter(name + suffix, values)
            elif isinstance(self, RNNCellBase):
                self.register_parameter(name + suffix, None)

    def reset_parameters(self) -> None:
        """Draws all weights and biases uniformly from +-1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _weights(self, suffix: str) -> tuple[Any, ...]:
        """W_ih, W_hh, and the biases of the projection and of a step."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w, w_h, b, b_h = (getattr(self, name + suffix, None) for name in names)
        if b is not None and self.mode != "GRU":  # its reset gate scales b_hh, others only add it
            b, b_h = b + b_h, None
        if self.proj_size:
            w_h = w_h, getattr(self, f"weight_hr{suffix}")
        return w, w_h, b, b_h


class RNNBase(_Recurrent):
    """What RNN, LSTM and GRU have in common: everything but the step.

    >>> from minigrad import nn
    >>> isinstance(nn.LSTM(2, 3), nn.RNNBase)
    True
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.proj_size = proj_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self._check_arguments()
        self.dropout = float(dropout)
        for layer, suffix in self._places():
            inputs = self._state_size * (1 + bidirectional) if layer else input_size
            self._add_weights(suffix, inputs, device, dtype)
        self.reset_parameters()

    def _check_arguments(self) -> None:
        name, p = self._get_name(), self.dropout
        if not isinstance(p, int | float) or isinstance(p, bool) or not 0 <= p <= 1:
            raise ValueError(
                f"{name}: dropout should be a number in range [0, 1] representing the probability "
                f"of an element being zeroed, got {p!r}"
            )
        if p > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={p} and num_layers=1",
                stacklevel=4,
            )
        if not isinstance(self.hidden_size, int):
            raise TypeError(
                f"{name}: hidden_size should be of type int, got: {type(self.hidden_size).__name__}"
            )
        for argument in ("hidden_size", "num_layers"):
            if getattr(self, argument) <= 0:
                raise ValueError(
                    f"{name}: {argument} must be greater than zero, got {getattr(self, argument)}"
                )

        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(
                f"{name}: proj_size must be from 0, for none, to less than hidden_size "
                f"{self.hidden_size}, got {self.proj_size}"
            )

    def _places(self) -> list[tuple[int, str]]:
        """(layer, suffix of its weights' names) in the order of the states."""
        ways = ("", "_reverse") if self.bidirectional else ("",)
        return [(n, f"_l{n}{way}") for n in range(self.num_layers) for way in ways]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [
            [p for name, p in self.named_parameters() if name.partition("_l")[2] == suffix[2:]]
            for _, suffix in self._places()
        ]

    def flatten_parameters(self) -> None:
        """Does nothing: a weight is where it is. PyTorch moves them together on a GPU."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        packed = isinstance(input, PackedSequence)
        x = input.data if packed else input
        self._check_input(x, (2,) if packed else (2, 3))
        if packed:
            sizes = input.batch_sizes.tolist()
            segments = [(len(list(run)), size) for size, run in groupby(sizes)]
        else:
            batched, swap = x.ndim == 3, x.ndim == 3 and self.batch_first
            x = x.transpose(0, 1) if swap else x if batched else x.unsqueeze(1)
            steps, batch = x.shape[:2]
            segments = [(steps, batch)]
            x = x.reshape(steps * batch, self.input_size)
        states = self._states(x, hx, segments[0][1], packed or batched)
        if packed and input.sorted_indices is not None:
            states = [s.index_select(1, input.sorted_indices) for s in states]
        out, states = self._layers(x, states, segments)
        if packed:
            if input.unsorted_indices is not None:
                states = [s.index_select(1, input.unsorted_indices) for s in states]
            return PackedSequence(out, *input[1:]), self._as_hidden(states)
        out = out.reshape(steps, batch, out.shape[-1])
        if not batched:
            return out.squeeze(1), self._as_hidden([s.squeeze(1) for s in states])
        return out.transpose(0, 1) if swap else out, self._as_hidden(states)

    def _layers(
        self, x: Tensor, states: list[Tensor], segments: Segments
    ) -> tuple[Tensor, list[Tensor]]:
        """x (rows, features) through all layers; states (layers * directions, N, H)."""
        ways = 1 + self.bidirectional
        suffixes = [suffix for _, suffix in self._places()]
        ends: list[State] = []
        for layer in range(self.num_layers):
            outs = []
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            for way in range(ways):
                place = layer * ways + way
                initial = tuple(s[place] for s in states)
                weights = self._weights(suffixes[place])
                out, end = self._segments(x, segments, initial, weights, bool(way))
                outs.append(out)
                ends.append(end)
            x = ops.cat(outs, -1) if self.bidirectional else outs[0]
        return x, [ops.stack(part) for part in zip(*ends, strict=True)]

    def _segments(
        self, x: Tensor, segments: Segments, initial: State, weights: Any, reverse: bool
    ) -> tuple[Tensor, State]:
        """One direction of a layer: see Note [Segments]."""
        w, w_h, b, b_h = weights
        x = F.linear(x, w, b)
        if len(segments) == 1:
            steps, batch = segments[0]
            x = x.reshape(steps, batch, -1)
            out, state = self._steps(x, initial, w_h, b_h, reverse)
            return out.reshape(steps * batch, self._state_size), state
        pieces = x.split([steps * batch for steps, batch in segments])
        state = tuple(s[:0] if reverse else s for s in initial)
        outs, ended = [], []
        order = range(len(segments))
        for n in reversed(order) if reverse else order:
            steps, batch = segments[n]
            ended.append(tuple(s[batch:] for s in state))
            state = tuple(
                ops.cat([s[:batch], s0[len(s) : batch]]) if len(s) < batch else s[:batch]
                for s, s0 in zip(state, initial, strict=True)
            )
            out, state = self._steps(pieces[n].reshape(steps, batch, -1), state, w_h, b_h, reverse)
            outs.append(out.reshape(steps * batch, self._state_size))
        out = ops.cat(outs[::-1] if reverse else outs)
        rows = zip(state, *reversed(ended), strict=True)
        return out, tuple(ops.cat(list(parts)) for parts in rows)

    def _steps(
        self, x: Tensor, state: State, w: Tensor, b: Tensor | None, reverse: bool
    ) -> tuple[Tensor, State]:
        """The steps of one segment: projections (T, N, gates * H) to states (T, N, H)."""
        if self.mode == "LSTM" and not self.proj_size:
            h, c = state
            out, c = ops.lstm(x, w, h, c, reverse)
            return out, (out[0 if reverse else -1], c)
        step = _projected_step if self.proj_size else STEPS[self.mode]
        return scan(lambda x, state: step(x, state, w, b), x, state, reverse)

    def _states(self, x: Tensor, hx: Any, batch: int, batched: bool) -> list[Tensor]:
        """The initial states, (layers * directions, N, size) each, zeros where there are none."""
        count = self.num_layers * (1 + self.bidirectional)
        sizes = (self._state_size, self.hidden_size)[: STATES[self.mode]]
        if hx is None:
            return [x.new_zeros(count, batch, size) for size in sizes]
        states = list(hx) if STATES[self.mode] == 2 else [hx]
        for name, state, size in zip(("hidden", "cell"), states, sizes, strict=False):
            wanted = (count, batch, size) if batched else (count, size)
            if state.shape != wanted:
                raise RuntimeError(
                    f"{self._get_name()}: Expected {name} state of size {wanted}, (layers * "
                    f"directions, {'batch, ' if batched else ''}size), got {tuple(state.shape)}"
                )
        return states if batched else [s.unsqueeze(1) for s in states]

    def _as_hidden(self, states: list[Tensor]) -> Any:
        return tuple(states) if len(states) > 1 else states[0]

    def _check_input(self, x: Tensor, ranks: tuple[int, ...]) -> None:
        name, weight = self._get_name(), next(self.parameters())
        if x.ndim not in ranks:
            if ranks == (2,):
                raise RuntimeError(f"{name}: input must have 2 dimensions, got {x.ndim}")
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {x.ndim}D instead")
        if x.dtype != weight.dtype:
            raise ValueError(
                f"{name}: input must have the type {weight.dtype}, got type {x.dtype}; convert "
                "with .to(dtype)"
            )
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{name}: input.size(-1) must be equal to input_size. Expected {self.input_size}, "
                f"got {x.shape[-1]}"
            )
        if not x.shape[1 if self.batch_first and x.ndim == 3 else 0]:
            raise RuntimeError(f"{name}: Expected sequence length to be larger than 0 in RNN")

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        usual = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
            "bidirectional": False,
        }  # fmt: skip
        for name, default in usual.items():
            if getattr(self, name) != default:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or with relu for tanh.

    x is (T, N, input_size), (N, T, input_size) with `batch_first`, (T, input_size), or a
    PackedSequence. Returns (out, h): the last layer's h_t at every step, (T, N, D * hidden_size),
    and the last h of every layer, (num_layers * D, N, hidden_size), where D is 2 if `bidirectional`
    and 1 otherwise. Layers take the outputs of the one before, after dropout in training.
    ValueError and RuntimeError for shapes and types that do not fit.

    >>> import minigrad
    >>> from minigrad import nn
    >>> out, h = nn.RNN(3, 4, num_layers=2)(minigrad.zeros(5, 2, 3))
    >>> out.shape, h.shape
    (minigrad.Size([5, 2, 4]), minigrad.Size([2, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        _check_nonlinearity(nonlinearity, ValueError)
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997): a state h and a cell c.

        i, f, g, o = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh
        c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g)
        h_t = sigmoid(o) tanh(c_t)

    Takes (x, (h, c)) and returns (out, (h, c)), with the shapes of RNN. With `proj_size` each h_t
    is multiplied by a matrix W_hr (proj_size, hidden_size) more (Sak et al., 2014).

    >>> import minigrad
    >>> from minigrad import nn
    >>> out, (h, c) = nn.LSTM(3, 4, bidirectional=True)(minigrad.zeros(5, 2, 3))
    >>> out.shape, c.shape
    (minigrad.Size([5, 2, 8]), minigrad.Size([2, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """The gated recurrent unit (Cho et al., 2014).

        r = sigmoid(W_ir x_t + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x_t + b_iz + W_hz h + b_hz)
        n = tanh(W_in x_t + b_in + r (W_hn h + b_hn))
        h_t = (1 - z) n + z h, where h is h_(t-1)

    Arguments and results are those of RNN.

    >>> import minigrad
    >>> from minigrad import nn
    >>> out, h = nn.GRU(3, 4, batch_first=True)(minigrad.zeros(2, 5, 3))
    >>> out.shape, h.shape
    (minigrad.Size([2, 5, 4]), minigrad.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            0, device, dtype,
        )  # fmt: skip


# Cells


class RNNCellBase(_Recurrent):
    """What the cells have in common: one step of one layer.

    >>> from minigrad import nn
    >>> isinstance(nn.LSTMCell(2, 3), nn.RNNCellBase)
    True
    """

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, bias: bool, device: Any, dtype: Any
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self._add_weights("", input_size, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        pair = STATES[self.mode] == 2
        states = () if hx is None else tuple(hx) if pair else (hx,)
        self._check(input, states)
        x = input if input.ndim == 2 else input.unsqueeze(0)
        if hx is None:
            zeros = x.new_zeros(x.shape[0], self.hidden_size)
            states = (zeros,) * STATES[self.mode]
        elif input.ndim == 1:
            states = tuple(s.unsqueeze(0) for s in states)
        w, w_h, b, b_h = self._weights("")
        states = STEPS[self.mode](F.linear(x, w, b), states, w_h, b_h)
        if input.ndim == 1:
            states = tuple(s.squeeze(0) for s in states)
        return states if pair else states[0]

    def _check(self, x: Tensor, states: State) -> None:
        name = self._get_name()
        for part, t in (("input", x), *(("hidden", s) for s in states)):
            if t.ndim not in (1, 2):
                raise ValueError(f"{name}: Expected {part} to be 1D or 2D, got {t.ndim}D instead")
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{name}: input has inconsistent input_size: got {x.shape[-1]} expected "
                f"{self.input_size}"
            )
        wanted = (*x.shape[:-1], self.hidden_size)
        for state in states:
            if state.shape != wanted:
                raise RuntimeError(
                    f"{name}: for input {tuple(x.shape)} a hidden state of shape {wanted} is "
                    f"needed, got {tuple(state.shape)}"
                )

    def extra_repr(self) -> str:
        bias = "" if self.bias else f", bias={self.bias}"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu; x is (N, input_size) or (input_size).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.RNNCell(3, 4)(minigrad.zeros(2, 3)).shape
    minigrad.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        _check_nonlinearity(nonlinearity, RuntimeError)
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(mode, input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(RNNCellBase):
    """One step of LSTM: (x, (h, c)) to (h', c').

    >>> import minigrad
    >>> from minigrad import nn
    >>> h, c = nn.LSTMCell(3, 4)(minigrad.zeros(2, 3))
    >>> h.shape
    minigrad.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("LSTM", input_size, hidden_size, bias, device, dtype)


class GRUCell(RNNCellBase):
    """One step of GRU: (x, h) to h'.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.GRUCell(3, 4)(minigrad.zeros(3)).shape
    minigrad.Size([4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("GRU", input_size, hidden_size, bias, device, dtype)


def _check_nonlinearity(nonlinearity: str, error: type[Exception]) -> None:
    if nonlinearity not in ("tanh", "relu"):
        raise error(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
