"""Multi-head attention, and the Transformer built upon it (Vaswani et al., 2017).

A boolean mask is True where attention is *not* allowed, as in PyTorch's layers (and unlike
scaled_dot_product_attention, where True lets through); a floating-point mask is added to the
scores.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

from minigrad import ops
from minigrad.dtype import bool_, float16, float32, float64, get_default_dtype
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.container import ModuleList
from minigrad.nn.dropout import Dropout
from minigrad.nn.linear import Linear
from minigrad.nn.module import Module
from minigrad.nn.normalization import LayerNorm
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """Linear; PyTorch's name for the output projection, which its repr shows."""


class MultiheadAttention(Module):
    """out = concat(head_1 ... head_h) W_o^T + b_o, each head an attention of its own:

        head = softmax(q k^T / sqrt(E / h) + mask) v,    q, k, v = projections of query, key, value

    query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim); N first with `batch_first`; or
    without N. Returns (out, weights): out of query's shape, weights (N, L, S) averaged over the
    heads, (N, heads, L, S) without `average_attn_weights`, None without `need_weights`, which is
    faster. `key_padding_mask` (N, S) hides keys, `attn_mask` (L, S) or (N * heads, L, S) pairs: see
    the text of the module. `is_causal` says that attn_mask is causal. AssertionError and
    RuntimeError for shapes and types that do not fit.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = minigrad.zeros(2, 5, 8)
    >>> out, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> out.shape, weights.shape
    (minigrad.Size([2, 5, 8]), minigrad.Size([2, 5, 5]))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "MultiheadAttention: embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(
                f"MultiheadAttention: embed_dim must be divisible by num_heads, got {embed_dim} "
                f"and {num_heads}"
            )
        same = self.kdim == self.vdim == embed_dim
        shapes = {
            "in_proj_weight": (3 * embed_dim, embed_dim) if same else None,
            "q_proj_weight": None if same else (embed_dim, embed_dim),
            "k_proj_weight": None if same else (embed_dim, self.kdim),
            "v_proj_weight": None if same else (embed_dim, self.vdim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            values = None if shape is None else ops.empty(*shape, device=device, dtype=dtype)
            self.register_parameter(name, None if values is None else Parameter(values))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Weights by Xavier's rule, biases 0."""
        for name, p in self.named_parameters():
            if name.endswith("proj_weight"):
                init.xavier_uniform_(p)
            elif name in ("in_proj_bias", "out_proj.bias"):
                init.zeros_(p)
            elif name in ("bias_k", "bias_v"):
                init.xavier_normal_(p)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        self._check(query, key, value, key_padding_mask, attn_mask, is_causal)
        batched = query.ndim == 3
        lead = 0 if batched and self.batch_first else 1  # where the batch is, or is to be
        q, k, v = self._project(query, key, value)
        if not batched:
            q, k, v = (x.unsqueeze(1) for x in (q, k, v))
            if key_padding_mask is not None:
                key_padding_mask = key_padding_mask.unsqueeze(0)
        elif lead == 0:
            q, k, v = (x.transpose(0, 1) for x in (q, k, v))
        # From here q, k, v are (L, N, E) or (S, N, E).
        causal = is_causal and key_padding_mask is None and not need_weights
        mask = None if causal else self._mask(attn_mask, key_padding_mask, q, k)
        extra = (self.bias_k is not None) + self.add_zero_attn
        k, v = self._with_bias(k, self.bias_k), self._with_bias(v, self.bias_v)
        q, k, v = (self._heads(x) for x in (q, k, v))
        if self.add_zero_attn:
            k, v = (F.pad(x, (0, 0, 0, 1)) for x in (k, v))
        if mask is not None and extra:
            mask = F.pad(mask, (0, extra))
        heads, weights = self._attend(q, k, v, mask, causal and not extra, need_weights)
        out = self.out_proj(heads.transpose(1, 2).flatten(2))  # (N, L, E)
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if batched:
            return out if lead == 0 else out.transpose(0, 1), weights
        return out.squeeze(0), None if weights is None else weights.squeeze(0)

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """The three projections: one matrix product where the inputs are one tensor."""
        biases: Any = (None, None, None)
        if self.in_proj_bias is not None:
            biases = self.in_proj_bias.chunk(3)
        if self.in_proj_weight is None:
            weights = [getattr(self, f"{name}_proj_weight") for name in "qkv"]
        elif query is key is value:
            return list(F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1))
        else:
            weights = list(self.in_proj_weight.chunk(3))
        inputs = zip((query, key, value), weights, biases, strict=True)
        return [F.linear(x, w, b) for x, w, b in inputs]

    def _with_bias(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return x if bias is None else ops.cat([x, bias.expand(1, x.shape[1], self.embed_dim)])

    def _heads(self, x: Tensor) -> Tensor:
        """(S, N, E) as (N, heads, S, E / heads)."""
        return x.reshape(*x.shape[:2], self.num_heads, self.head_dim).permute(1, 2, 0, 3)

    def _mask(
        self, attn_mask: Tensor | None, padding: Tensor | None, q: Tensor, k: Tensor
    ) -> Tensor | None:
        """Both masks as one that is added to the scores (N, heads, L, S); None where neither is."""
        mask = None if attn_mask is None else _additive(attn_mask, q.dtype)
        if mask is not None and mask.ndim == 3:
            mask = mask.reshape(-1, self.num_heads, *mask.shape[1:])
        if padding is None:
            return mask
        hidden = _additive(padding, q.dtype).reshape(-1, 1, 1, k.shape[0])
        mask = hidden if mask is None else mask + hidden
        return mask.expand(q.shape[1], mask.shape[1], q.shape[0], k.shape[0])

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        p = self.dropout if self.training else 0.0
        if not weights:
            return F.scaled_dot_product_attention(q, k, v, mask, p, causal), None
        score = (q * (1 / math.sqrt(self.head_dim))) @ k.mT
        probs = F.dropout(F.softmax(score if mask is None else score + mask, -1), p)
        return probs @ v, probs

    def _check(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        padding: Tensor | None,
        mask: Tensor | None,
        is_causal: bool,
    ) -> None:
        shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise AssertionError(
                "MultiheadAttention: query, key and value should be unbatched 2D or batched 3D "
                f"tensors, all of one rank, got {shapes}"
            )
        if query.shape[-1] != self.embed_dim:
            raise AssertionError(
                f"MultiheadAttention: was expecting embedding dimension of {self.embed_dim}, but "
                f"got {query.shape[-1]}: {shapes}"
            )
        if key.shape[:-1] != value.shape[:-1]:
            raise AssertionError(
                f"MultiheadAttention: key and value must have the same length and batch: {shapes}"
            )
        if is_causal and mask is None:
            raise RuntimeError(
                "MultiheadAttention: Need attn_mask if specifying the is_causal hint; "
                "nn.Transformer.generate_square_subsequent_mask makes one"
            )
        batch_at = 0 if self.batch_first else 1
        batch = query.shape[batch_at] if query.ndim == 3 else 1
        length, sources = (x.shape[1 - batch_at] if x.ndim == 3 else len(x) for x in (query, key))
        pairs = ((length, sources), (batch * self.num_heads, length, sources))
        if mask is not None and mask.shape not in pairs:
            raise RuntimeError(
                f"MultiheadAttention: attn_mask has shape {tuple(mask.shape)}, but should be "
                f"{pairs[0]} or {pairs[1]} for {shapes}"
            )
        wanted = (batch, sources) if query.ndim == 3 else (sources,)
        if padding is not None and padding.shape != wanted:
            raise AssertionError(
                f"MultiheadAttention: key_padding_mask has shape {tuple(padding.shape)}, but "
                f"should be {wanted} for {shapes}"
            )


def _additive(mask: Tensor, dtype: Any) -> Tensor:
    """A mask to be added to scores: -inf where a boolean mask is True."""
    if mask.dtype is bool_:
        zeros = ops.zeros(mask.shape, dtype=dtype, device=mask.device)
        return zeros.masked_fill(mask, -math.inf)
    if mask.dtype not in (float16, float32, float64):
        raise AssertionError(
            f"MultiheadAttention: only bool and floating types of masks are supported, got "
            f"{mask.dtype}; .bool() says which are hidden"
        )
    return mask.to(dtype)


# The Transformer's layers


class _Layer(Module):
    """What the encoder's and the decoder's layer have in common: attention, the feed-forward part,
    and where the norms stand.
    """

    self_attn: MultiheadAttention
    linear1: Linear
    linear2: Linear
    dropout: Dropout
    norm_first: bool
    activation: Callable[[Tensor], Tensor]

    def _add_feed_forward(
        self, d_model: int, width: int, dropout: float, bias: bool, device: Any, dtype: Any
    ) -> None:
        self.linear1 = Linear(d_model, width, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(width, d_model, bias, device, dtype)

    def _add_norms(
        self, count: int, d_model: int, eps: float, dropout: float, bias: bool, device: Any,
        dtype: Any,
    ) -> None:  # fmt: skip
        for n in range(1, count + 1):
            norm = LayerNorm(d_model, eps, bias=bias, device=device, dtype=dtype)
            self.add_module(f"norm{n}", norm)
        for n in range(1, count + 1):
            self.add_module(f"dropout{n}", Dropout(dropout))

    def _sublayer(self, n: int, x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
        """x + f(norm(x)) with `norm_first`, else norm(x + f(x)); dropout after f."""
        norm, dropout = getattr(self, f"norm{n}"), getattr(self, f"dropout{n}")
        if self.norm_first:
            return x + dropout(f(norm(x)))
        out: Tensor = norm(x + dropout(f(x)))
        return out

    def _feed_forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return out


def _activation(activation: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    named: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}
    if not isinstance(activation, str):
        return activation
    if activation not in named:
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return named[activation]


class TransformerEncoderLayer(_Layer):
    """x = norm1(x + attention(x, x, x));  x = norm2(x + linear2(activation(linear1(x)))).

    With `norm_first`, the norms stand before attention and linear1 instead. Dropout follows each
    part. src is (S, N, d_model), or (N, S, d_model) with `batch_first`, or (S, d_model); the masks
    are those of MultiheadAttention.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.TransformerEncoderLayer(8, 2, 16)(minigrad.zeros(5, 3, 8)).shape
    minigrad.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype
        )
        self._add_feed_forward(d_model, dim_feedforward, dropout, bias, device, dtype)
        self.norm_first = norm_first
        self._add_norms(2, d_model, layer_norm_eps, dropout, bias, device, dtype)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            return self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal
            )[0]

        return self._sublayer(2, self._sublayer(1, src, attend), self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """As TransformerEncoderLayer, with an attention to the encoder's output between the two parts:
    x = norm2(x + attention(x, memory, memory)).

    tgt is (T, N, d_model), memory (S, N, d_model), N first with `batch_first`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.TransformerDecoderLayer(8, 2, 16)
    >>> layer(minigrad.zeros(4, 3, 8), minigrad.zeros(5, 3, 8)).shape
    minigrad.Size([4, 3, 8])
    """

    multihead_attn: MultiheadAttention

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        for name in ("self_attn", "multihead_attn"):
            attention = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype
            )
            self.add_module(name, attention)
        self._add_feed_forward(d_model, dim_feedforward, dropout, bias, device, dtype)
        self.norm_first = norm_first
        self._add_norms(3, d_model, layer_norm_eps, dropout, bias, device, dtype)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            return self.self_attn(
                x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal
            )[0]

        def look(x: Tensor) -> Tensor:
            return self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask,
                is_causal=memory_is_causal,
            )[0]  # fmt: skip

        x = self._sublayer(2, self._sublayer(1, tgt, attend), look)
        return self._sublayer(3, x, self._feed_forward)


class TransformerEncoder(Module):
    """`num_layers` copies of `encoder_layer`, one after the other, and `norm` at the end.

    The copies begin with equal weights. `is_causal` says that `mask` is causal; None looks.
    `enable_nested_tensor` and `mask_check` are taken and make no difference.

    >>> import minigrad
    >>> from minigrad import nn
    >>> encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), num_layers=2)
    >>> encoder(minigrad.zeros(5, 3, 8)).shape
    minigrad.Size([5, 3, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        causal = _is_causal(mask, is_causal)
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, causal)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """`num_layers` copies of `decoder_layer`, one after the other, and `norm` at the end.

    >>> import minigrad
    >>> from minigrad import nn
    >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), num_layers=2)
    >>> decoder(minigrad.zeros(4, 3, 8), minigrad.zeros(5, 3, 8)).shape
    minigrad.Size([4, 3, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(decoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        causal = _is_causal(tgt_mask, tgt_is_causal)
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                causal, memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)


def _is_causal(mask: Tensor | None, said: bool | None) -> bool:
    """Whether `mask` hides exactly what comes later: then attention need not read it."""
    if said is not None or mask is None:
        return bool(said)
    rows, columns = mask.shape[-2:]
    if mask.ndim != 2 or rows != columns:
        return False
    causal = _causal_mask(rows, mask.device, mask.dtype)
    return bool((mask == causal).all())


def _causal_mask(size: int, device: Any, dtype: Any) -> Tensor:
    later = ops.ones(size, size, dtype=bool_, device=device).triu(1)
    return later if dtype is bool_ else _additive(later, dtype)


class Transformer(Module):
    """An encoder and a decoder: out = decoder(tgt, encoder(src)).

    src (S, N, d_model), tgt (T, N, d_model), N first with `batch_first`, or both without N; out has
    the shape of tgt. There is no embedding, no position and no output layer in it. RuntimeError for
    shapes that do not fit.

    >>> import minigrad
    >>> from minigrad import nn
    >>> model = nn.Transformer(8, 2, 1, 1, 16)
    >>> model(minigrad.zeros(5, 3, 8), minigrad.zeros(4, 3, 8)).shape
    minigrad.Size([4, 3, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options: Any = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype,
        )  # fmt: skip
        stacks: Any = (
            ("encoder", custom_encoder, TransformerEncoder, TransformerEncoderLayer,
             num_encoder_layers),
            ("decoder", custom_decoder, TransformerDecoder, TransformerDecoderLayer,
             num_decoder_layers),
        )  # fmt: skip
        for name, custom, stack, layer, count in stacks:
            if custom is None:
                norm = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
                custom = stack(layer(*options), count, norm)
            self.add_module(name, custom)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch_at = 0 if self.batch_first else 1
        if src.ndim == tgt.ndim == 3 and src.shape[batch_at] != tgt.shape[batch_at]:
            raise RuntimeError(
                "Transformer: the batch number of src and tgt must be equal, got "
                f"{tuple(src.shape)} and {tuple(tgt.shape)}"
            )
        if not src.shape[-1] == tgt.shape[-1] == self.d_model:
            raise RuntimeError(
                "Transformer: the feature number of src and tgt must be equal to d_model "
                f"{self.d_model}, got {tuple(src.shape)} and {tuple(tgt.shape)}"
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        out: Tensor = self.decoder(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal,
        )  # fmt: skip
        return out

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """(sz, sz): -inf above the diagonal, 0 elsewhere.

        >>> from minigrad import nn
        >>> nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return _causal_mask(sz, device, get_default_dtype() if dtype is None else dtype)
