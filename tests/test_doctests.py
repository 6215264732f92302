"""Every example in a docstring runs."""

import doctest
import importlib
import pkgutil

import pytest

import minigrad
import minigrad.backends

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# pkgutil looks into folders, and the package map puts the backends into a folder of their own.
MODULES = ["minigrad", "minigrad.backends"] + [
    info.name
    for package in (minigrad, minigrad.backends)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if "opencl" not in info.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=FLAGS, report=True)
    assert not failed, f"{failed} of {tried} examples failed: their output is above"


PUBLIC = {
    "minigrad.ops", "minigrad.autograd", "minigrad.autograd.functional", "minigrad.nn",
    "minigrad.nn.functional", "minigrad.nn.utils", "minigrad.optim", "minigrad.utils.data",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_functions_say_what_they_do(name):
    module = importlib.import_module(name)
    things = {n: getattr(module, n) for n in getattr(module, "__all__", ["jacobian", "hessian"])}
    silent = [n for n, thing in things.items() if callable(thing) and not thing.__doc__]
    assert silent == [], "no docstring; that of a line in the table comes from ops/formulas.py"


def test_methods_say_what_their_ops_say():
    assert minigrad.Tensor.sum.__doc__ == minigrad.sum.__doc__
    assert minigrad.Tensor.exp.__doc__.startswith("out = e^x, element by element.")
    assert minigrad.Tensor.exp_.__doc__ == f"In place: {minigrad.exp.__doc__}"
