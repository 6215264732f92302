"""Collating and the DataLoader agree with PyTorch on types, values and the errors of
contradictions.
"""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
import minigrad.utils.data as ours
from minigrad.utils.data import default_collate

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.utils.data")

Pair = namedtuple("Pair", "x y")

leaves = st.sampled_from([1, 2.5, True, "a", np.float32(1.5), np.arange(3), np.ones((2, 1))])
samples = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.lists(inner, min_size=1, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(OrderedDict)
        | st.tuples(inner, inner).map(lambda pair: Pair(*pair))
    ),
    max_leaves=5,
)


def same(x, y):
    if isinstance(y, torch.Tensor):
        assert isinstance(x, minigrad.Tensor)
        assert x.numpy().dtype == y.numpy().dtype and (x.numpy() == y.numpy()).all()
        return
    assert type(x) is type(y)
    if isinstance(y, dict):
        assert list(x) == list(y)
        for key in y:
            same(x[key], y[key])
    elif isinstance(y, list | tuple):
        assert len(x) == len(y)
        for a, b in zip(x, y, strict=True):
            same(a, b)
    else:
        assert x == y


@given(sample=samples, n=st.integers(1, 3))
def test_collate(sample, n):
    same(default_collate([sample] * n), theirs.default_collate([sample] * n))


@given(
    n=st.integers(0, 7),
    options=st.fixed_dictionaries(
        {},
        optional={
            "batch_size": st.sampled_from([None, 0, 1, 3]),
            "shuffle": st.just(False),
            "sampler": st.just([0, 0]),
            "batch_sampler": st.just([[0], [0, 0]]),
            "drop_last": st.booleans(),
            "timeout": st.sampled_from([0, -1]),
            "num_workers": st.sampled_from([0, -1]),
            "persistent_workers": st.booleans(),
        },
    ),
)
def test_loader(n, options):
    found = []
    for library in (ours, theirs):
        try:
            loader = library.DataLoader(range(n), **options)
            found.append((len(loader), list(loader)))
        except (ValueError, IndexError) as error:
            found.append(type(error))
    if isinstance(found[1], type):
        assert found[0] is found[1]
    else:
        assert found[0][0] == found[1][0]
        same(found[0][1], found[1][1])
