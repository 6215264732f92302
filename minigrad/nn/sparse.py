"""Embedding: a table of vectors, looked up by index."""

from typing import Any

from minigrad import ops
from minigrad.autograd import no_grad
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor


class Embedding(Module):
    """out[..., :] = weight[x[...], :] for integers x and weight (num_embeddings, embedding_dim).

    The row `padding_idx` starts as zeros and gets no gradient. IndexError for an index out of
    range.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Embedding(10, 4)(minigrad.tensor([[1, 2, 3]])).shape
    minigrad.Size([1, 3, 4])
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = self._check_padding_idx(padding_idx)
        if _weight is None:
            _weight = ops.empty(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.weight = Parameter(_weight, not _freeze)
            self.reset_parameters()
        else:
            self.weight = Parameter(_weight, not _freeze)

    def _check_padding_idx(self, padding_idx: int | None) -> int | None:
        if padding_idx is None:
            return None
        if not -self.num_embeddings <= padding_idx < self.num_embeddings:
            raise AssertionError(
                f"Embedding: padding_idx {padding_idx} must be within num_embeddings "
                f"{self.num_embeddings}"
            )
        return padding_idx % self.num_embeddings

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> "Embedding":
        """An Embedding with these (num_embeddings, embedding_dim) weights; `freeze`: not trained.

        >>> import minigrad
        >>> from minigrad import nn
        >>> nn.Embedding.from_pretrained(minigrad.tensor([[1.0, 2.0]]))(minigrad.tensor([0]))
        tensor([[1., 2.]])
        """
        if embeddings.ndim != 2:
            raise AssertionError(
                "Embedding.from_pretrained: embeddings must be 2-dimensional, got "
                f"{tuple(embeddings.shape)}"
            )
        rows, columns = embeddings.shape
        return cls(rows, columns, padding_idx, _weight=embeddings, _freeze=freeze)

    def reset_parameters(self) -> None:
        """Draws the weights from the standard normal distribution; zeros at padding_idx."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0.0)

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"
