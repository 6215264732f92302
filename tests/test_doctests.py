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
