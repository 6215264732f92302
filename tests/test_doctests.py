"""Every example in a docstring runs, and every public name has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import minigrad
import minigrad.backends
from minigrad.datasets.sources import SOURCES

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# pkgutil looks into folders, and the package map puts the backends into a folder of their own.
MODULES = ["minigrad", "minigrad.backends"] + [
    info.name
    for package in (minigrad, minigrad.backends)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if "opencl" not in info.name
]
WITH_DATA = {"minigrad.datasets.sets", "minigrad.datasets.libreoffice"}


@pytest.mark.cpu
@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    module = importlib.import_module(name)
    if name in WITH_DATA and not all(source.find() for source in SOURCES.values()):
        pytest.skip("the examples read data sets that are not here: make data")
    failed, tried = doctest.testmod(module, optionflags=FLAGS, report=True)
    assert not failed, f"{failed} of {tried} examples failed: their output is above"


PUBLIC = {
    "minigrad.ops", "minigrad.autograd", "minigrad.autograd.functional", "minigrad.func",
    "minigrad.linalg", "minigrad.nn", "minigrad.nn.functional", "minigrad.nn.utils",
    "minigrad.optim", "minigrad.utils.data", "minigrad.datasets", "minigrad.transforms",
    "minigrad.transforms.functional",
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


# Internal, or in need of more than a line; `minigrad.testing` and lesson 4 show primitives.
WITHOUT_EXAMPLE = {
    "missing", "primitive", "elementwise", "reshape_inplace", "legacy_tensor", "register_backend",
    "check_strategy", "for_each_group",
}  # fmt: skip


def test_public_names_show_an_example():
    """Functions and classes that a user meets: what they compute, and a call that runs."""
    spaces = [minigrad, minigrad.nn, minigrad.nn.functional, minigrad.nn.init, minigrad.optim]
    spaces += [minigrad.optim.lr_scheduler, minigrad.autograd, minigrad.utils.data]
    spaces += [minigrad.linalg, minigrad.func, minigrad.amp]
    spaces += [importlib.import_module("minigrad.settings")]
    spaces += [minigrad.datasets, minigrad.transforms, minigrad.transforms.functional]
    lacking = set()
    for space in spaces:
        for name, value in vars(space).items():
            is_callable = inspect.isfunction(value) or inspect.isclass(value)
            ours = getattr(value, "__module__", "").startswith("minigrad")
            if is_callable and ours and not name.startswith("_"):
                lacking |= set() if ">>>" in (value.__doc__ or "") else {value.__name__}
    assert lacking <= WITHOUT_EXAMPLE, sorted(lacking - WITHOUT_EXAMPLE)
