"""Embedding and EmbeddingBag: tables of vectors, looked up by index."""

from typing import Any

from minigrad import ops
from minigrad.autograd import no_grad
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor


class _Table(Module):
    """The weights that Embedding and EmbeddingBag have in common."""

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        sparse: bool,
        weight: Tensor | None,
        freeze: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = self._check_padding_idx(padding_idx)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if weight is None:
            empty = ops.empty(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.weight = Parameter(empty, not freeze)
            self.reset_parameters()
        elif weight.shape != (num_embeddings, embedding_dim):
            raise AssertionError(
                f"{self._get_name()}: the weight {tuple(weight.shape)} does not match "
                f"num_embeddings {num_embeddings} and embedding_dim {embedding_dim}"
            )
        else:
            self.weight = Parameter(weight, not freeze)

    def _check_padding_idx(self, padding_idx: int | None) -> int | None:
        if padding_idx is None:
            return None
        if not -self.num_embeddings <= padding_idx < self.num_embeddings:
            raise AssertionError(
                f"{self._get_name()}: padding_idx {padding_idx} must be within num_embeddings "
                f"{self.num_embeddings}"
            )
        return padding_idx % self.num_embeddings

    @classmethod
    def _check_embeddings(cls, embeddings: Tensor) -> tuple[int, int]:
        if embeddings.ndim != 2:
            raise AssertionError(
                f"{cls.__name__}.from_pretrained: embeddings must be 2-dimensional, got "
                f"{tuple(embeddings.shape)}"
            )
        return embeddings.shape[0], embeddings.shape[1]

    def reset_parameters(self) -> None:
        """Draws the weights from the standard normal distribution; zeros at padding_idx."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0.0)


class Embedding(_Table):
    """out[..., :] = weight[x[...], :] for integers x and weight (num_embeddings, embedding_dim).

    The row `padding_idx` starts as zeros and gets no gradient. With `max_norm` the rows that are
    used are scaled down to this norm, in place. IndexError for an index out of range.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Embedding(10, 4)(minigrad.tensor([[1, 2, 3]])).shape
    minigrad.Size([1, 3, 4])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq,
            sparse, _weight, _freeze, device, dtype,
        )  # fmt: skip

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> "Embedding":
        """An Embedding with these (num_embeddings, embedding_dim) weights; `freeze`: not trained.

        >>> import minigrad
        >>> from minigrad import nn
        >>> nn.Embedding.from_pretrained(minigrad.tensor([[1.0, 2.0]]))(minigrad.tensor([0]))
        tensor([[1., 2.]])
        """
        rows, columns = cls._check_embeddings(embeddings)
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(
            x,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        usual = {"padding_idx": None, "max_norm": None, "norm_type": 2, "scale_grad_by_freq": False}
        more = [
            f", {name}={getattr(self, name)}"
            for name, default in usual.items()
            if getattr(self, name) != default
        ]
        return text + "".join(more) + (", sparse=True" if self.sparse else "")


class EmbeddingBag(_Table):
    """Sums, means or maxima of rows of weight (num_embeddings, embedding_dim), one for each bag of
    numbers: see functional.embedding_bag.

    >>> import minigrad
    >>> from minigrad import nn
    >>> bags = nn.EmbeddingBag(10, 4, mode="sum")
    >>> bags(minigrad.tensor([1, 2, 3, 4]), minigrad.tensor([0, 3])).shape
    minigrad.Size([2, 4])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq,
            sparse, _weight, False, device, dtype,
        )  # fmt: skip
        self.mode = mode
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> "EmbeddingBag":
        """An EmbeddingBag with these weights; `freeze`: not trained.

        >>> import minigrad
        >>> from minigrad import nn
        >>> table = minigrad.tensor([[1.0], [3.0]])
        >>> nn.EmbeddingBag.from_pretrained(table)(minigrad.tensor([[0, 1]]))
        tensor([[2.]])
        """
        rows, columns = cls._check_embeddings(embeddings)
        bag = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        usual = {"max_norm": None, "norm_type": 2, "scale_grad_by_freq": False}
        parts += [
            f"{name}={getattr(self, name)}"
            for name, default in usual.items()
            if getattr(self, name) != default
        ]
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)
