"""Weights with a norm of their own: weight_norm and spectral_norm."""

from minigrad import ops
from minigrad.autograd import no_grad
from minigrad.nn import functional as F
from minigrad.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from minigrad.nn.module import Module
from minigrad.nn.utils.parametrize import register_parametrization
from minigrad.tensor import Tensor


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g v / ||v||, with length g and direction v trained apart (Salimans and Kingma, 2016).

    There is one length for each index of `dim`, or one in all if None. In the state they are
    `parametrizations.weight.original0` and `original1`. Returns `module`.

    >>> from minigrad import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> layer.parametrizations.weight.original0.shape
    minigrad.Size([2, 1])
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def _length(self, v: Tensor) -> Tensor:
        if self.dim is None or self.dim == -1:
            return v.norm()
        others = [d for d in range(v.ndim) if d != self.dim]
        return v.norm(2, others, keepdim=True)

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return v * (g / self._length(v))

    def right_inverse(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction of w; a direction may have any length."""
        return self._length(w), w


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """w / sigma, sigma the largest singular value of w as a matrix whose rows are the indices of
    `dim` (Miyato et al., 2018).

    `dim` is that of the outputs if None: 1 for transposed convolutions, else 0. sigma = u W v is
    found by power iteration: in training, `n_power_iterations` steps u = W v / ||W v||, v = W^T u /
    ||W^T u|| each time the weight is used, from where they were before. ValueError for less than
    one, and for a name that is not there. Returns `module`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2, bias=False))
    >>> layer.weight = minigrad.tensor([[3.0, 0.0], [0.0, 1.0]])
    >>> for _ in range(20):
    ...     out = layer(minigrad.tensor([1.0, 0.0]))
    >>> out.round()
    tensor([1., 0.], grad_fn=<RoundBackward0>)
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module {module!r} has no parameter or buffer with name {name!r}")
    if dim is None:
        transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)
        dim = 1 if transposed else 0
    norm = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, norm)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if weight.ndim > 1:  # a vector has one singular value, its norm
            matrix = self._as_matrix(weight.detach())
            for key, size in zip(("_u", "_v"), matrix.shape, strict=True):
                start = ops.randn(size, dtype=weight.dtype, device=weight.device)
                self.register_buffer(key, F.normalize(start, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _as_matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    @no_grad()
    def _iterate(self, matrix: Tensor, steps: int) -> None:
        for _ in range(steps):
            self._u.copy_(F.normalize(matrix @ self._v, dim=0, eps=self.eps))
            self._v.copy_(F.normalize(matrix.T @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._as_matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        # Clones: the next use of the weight writes u and v, maybe before the gradient of this one.
        return weight / (self._u.clone() @ (matrix @ self._v.clone()))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value: whatever is assigned will be divided by its sigma."""
        return value
