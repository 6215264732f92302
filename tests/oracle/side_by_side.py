"""Runs a call in minigrad and in PyTorch, and compares: values, types, gradients, errors."""

import numpy as np
import pytest

import minigrad
from minigrad import nn

torch = pytest.importorskip("torch")

TOLERANCE = 1e-9
LIBRARIES = ((minigrad, nn), (torch, torch.nn))


def close(ours, theirs, tolerance=TOLERANCE):
    """Raises unless the two are equal in value, shape and type; tuples, element by element."""
    if isinstance(ours, tuple | list):
        assert len(ours) == len(theirs)
        for x, x_t in zip(ours, theirs, strict=True):
            close(x, x_t, tolerance)
    elif ours is None or theirs is None:
        assert ours is theirs
    else:
        found, expected = ours.detach().numpy(), theirs.detach().numpy(force=True)
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def tensors(library, arrays):
    """Tensors of the arrays; those of floats want a gradient."""
    return [library.tensor(a, requires_grad=np.asarray(a).dtype.kind == "f") for a in arrays]


def compare(call, *arrays, parameters=lambda module: [], second=True, tolerance=TOLERANCE):
    """call(library, nn, *tensors) gives the same in both: values, and the gradients of a random
    sum of them by the tensors and by `parameters(nn)`; and the gradients of these if `second`.
    """
    results = []
    for library, module in LIBRARIES:
        xs = tensors(library, arrays)
        out = call(library, module, *xs)
        first = out[0] if isinstance(out, tuple | list) else out
        leaves = [x for x in xs if x.requires_grad] + list(parameters(module))
        found = [out]
        if first.requires_grad and leaves:
            found.append(gradients(library, first, leaves, second))
        results.append(found)
    close(*results, tolerance)


def gradients(library, out, leaves, second):
    """The gradients of sum(out * weights) by the leaves; and, if `second`, those of the sum of
    their squares by leaves and weights, where it makes no difference how a 0 came about.
    """
    random = np.random.default_rng(7)
    weights = library.tensor(random.normal(size=tuple(out.shape)), dtype=out.dtype)
    weights.requires_grad_(second)
    grad = library.autograd.grad
    firsts = grad((out * weights).sum(), leaves, create_graph=second, allow_unused=True)
    if not second:
        return list(firsts)
    total = sum((g * g).sum() for g in firsts if g is not None and g.requires_grad)
    seconds = grad(total, [*leaves, weights], allow_unused=True)
    zeros = map(library.zeros_like, [*leaves, weights])
    return [*firsts, *(z if g is None else g for g, z in zip(seconds, zeros, strict=True))]


def compare_errors(call):
    """call(library, nn) raises in both, an exception of the same type."""
    raised = []
    for library, module in LIBRARIES:
        with pytest.raises(Exception) as caught:
            call(library, module)
        raised.append(caught)
    ours, theirs = raised
    assert ours.type is theirs.type, f"ours: {ours.value!r}, PyTorch's: {theirs.value!r}"
    assert str(ours.value), "an error says what is wrong"


def layers_of_equal_state(name, args, options):
    """The layer of both, in float64 and with the weights of PyTorch's."""
    theirs = getattr(torch.nn, name)(*args, **options).double()
    ours = getattr(nn, name)(*args, **options).double()
    state = {key: minigrad.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


def compare_layers(name, args, options, *arrays, second=True):
    """The layers of this name: repr, keys of the state, and what `compare` does, in training (twice
    where there are buffers) and in evaluation; and the state afterwards.
    """
    layers = dict(zip((nn, torch.nn), layers_of_equal_state(name, args, options), strict=True))
    assert repr(layers[nn]) == repr(layers[torch.nn])
    for training in (True, False):
        for layer in layers.values():
            layer.train(training)
        compare(
            lambda library, module, *xs: layers[module](*xs),
            *arrays,
            parameters=lambda module: layers[module].parameters(),
            second=second,
        )
    state, state_t = (layer.state_dict() for layer in layers.values())
    close(list(state.values()), list(state_t.values()))
